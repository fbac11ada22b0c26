//! Each fault that the map can have, planted alone in a small sound tree: the finder must name it, and nothing else.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use tempfile::TempDir;

use super::rooms::faults;

const MAP: &str = "\
```rooms
low: first second third
mid: one two <- low
top: args main <- low mid
kit: kit
```

```floors
2 top
1 mid
0 low
dev kit
```
";

const SOUND: &[(&str, &str)] = &[
    ("ARCHITECTURE.md", MAP),
    ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n"),
    ("crates/low/Cargo.toml", "[package]\nname = \"low\"\nedition = \"2024\"\n"),
    ("crates/low/src/lib.rs", "pub mod first;\npub mod second;\npub mod third;\n"),
    ("crates/low/src/first.rs", "pub struct A;\n"),
    ("crates/low/src/second.rs", "mod deep;\nuse crate::first::A;\n"),
    ("crates/low/src/second/deep.rs", "use super::super::first::A;\nuse super::B;\n"),
    ("crates/low/src/third.rs", "use super::{first::A, second::{self, B}};\n"),
    (
        "crates/mid/Cargo.toml",
        "[package]\nname = \"mid\"\n[dependencies]\nlow = { path = \"../low\" }\n",
    ),
    ("crates/mid/src/lib.rs", "pub mod one;\npub mod two;\n"),
    ("crates/mid/src/one.rs", "use low::first::A;\n"),
    (
        "crates/mid/src/two.rs",
        "// crate::three is only a word here.\nconst X: &str = \"crate::three\";\n",
    ),
    (
        "crates/top/Cargo.toml",
        "[package]\nname = \"top\"\n[dependencies]\nlow = { path = \"../low\" }\nmid = { path = \"../mid\" }\n[dev-dependencies]\nkit = { path = \"../kit\" }\n",
    ),
    ("crates/top/src/main.rs", "mod args;\nuse crate::args::X;\nfn main() {}\n"),
    ("crates/top/src/args.rs", "use mid::one;\n"),
    ("crates/kit/Cargo.toml", "[package]\nname = \"kit\"\n"),
    ("crates/kit/src/lib.rs", "pub mod kit;\n"),
    ("crates/kit/src/kit.rs", "\n"),
];

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file stands in a folder")).expect("folders");
    File::create(path).and_then(|mut file| file.write_all(text.as_bytes())).expect("a file");
}

/// The faults of the sound tree after `changes`: a file's new text, or nothing for a file taken away.
#[track_caller]
fn check(changes: &[(&str, Option<&str>)], expected: &[&str]) {
    let tree = TempDir::new().expect("a folder for the tree");
    for (path, text) in SOUND {
        write(&tree.path().join(path), text);
    }
    for (path, text) in changes {
        match text {
            Some(text) => write(&tree.path().join(path), text),
            None => fs::remove_file(tree.path().join(path)).expect("a file to take away"),
        }
    }
    assert_eq!(faults(tree.path()), expected);
}

#[test]
fn a_sound_tree_has_no_fault() {
    check(&[], &[]);
}

#[test]
fn an_import_to_the_right_is_found() {
    let wrong = Some("use crate::second::B;\n");
    check(
        &[("crates/low/src/first.rs", wrong)],
        &["low: first.rs:1: `first` imports `second`, which stands to its right"],
    );
}

#[test]
fn what_only_tests_compile_may_look_to_the_right() {
    let first = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod inline { use crate::third::C; }\n";
    check(
        &[
            ("crates/low/src/first.rs", Some(first)),
            ("crates/low/src/first/tests.rs", Some("use crate::second::B;\n")),
        ],
        &[],
    );
}

#[test]
fn an_import_to_the_right_through_super_is_found() {
    let wrong = Some("\nuse super::third::C;\n");
    check(
        &[("crates/low/src/second.rs", wrong)],
        &["low: second.rs:2: `second` imports `third`, which stands to its right"],
    );
}

#[test]
fn an_import_to_the_right_from_a_module_in_a_subfolder_is_found() {
    let wrong = Some("fn f() { super::super::third::g() }\n");
    check(
        &[("crates/low/src/second/deep.rs", wrong)],
        &["low: deep.rs:1: `second` imports `third`, which stands to its right"],
    );
}

#[test]
fn an_import_to_the_right_inside_nested_groups_is_found() {
    let wrong = Some("use crate::{first::{self, A}, third::{C, D}};\n");
    check(
        &[("crates/low/src/second.rs", wrong)],
        &[
            "low: second.rs:1: `second` imports `third`, which stands to its right",
            "low: second.rs:1: `second` imports `third`, which stands to its right",
        ],
    );
}

#[test]
fn an_import_to_the_right_through_an_inline_module_is_found() {
    let wrong = Some("mod inner { use super::super::third::C; }\n");
    check(
        &[("crates/low/src/second.rs", wrong)],
        &["low: second.rs:1: `second` imports `third`, which stands to its right"],
    );
}

#[test]
fn an_import_past_the_order_through_the_crates_root_is_found() {
    check(
        &[("crates/low/src/first.rs", Some("use crate::*;\n"))],
        &["low: first.rs:1: `first` imports the crate's root"],
    );
    check(
        &[("crates/low/src/first.rs", Some("use crate::C;\n"))],
        &["low: first.rs:1: `first` takes `C` from the crate's root, not from a room"],
    );
}

#[test]
fn a_room_of_the_binary_that_imports_main_is_found() {
    check(
        &[("crates/top/src/args.rs", Some("use super::run;\n"))],
        &["top: args.rs:1: `args` takes `run` from the crate's root, not from a room"],
    );
}

#[test]
fn a_room_that_the_map_does_not_know_is_found() {
    check(&[("crates/low/src/fourth.rs", Some("\n"))], &["low: room `fourth` is not on the map"]);
    check(
        &[("crates/low/src/fourth/deep.rs", Some("\n"))],
        &["low: room `fourth` is not on the map"],
    );
}

#[test]
fn a_room_that_stands_only_on_the_map_is_found() {
    check(&[("crates/mid/src/one.rs", None)], &["mid: room `one` is on the map but not on disk"]);
    check(&[("crates/top/src/args.rs", None)], &["top: room `args` is on the map but not on disk"]);
}

#[test]
fn a_crate_that_stands_only_on_one_side_is_found() {
    check(
        &[
            ("crates/new/Cargo.toml", Some("[package]\nname = \"new\"\n")),
            ("crates/new/src/lib.rs", Some("\n")),
        ],
        &["crate `new` is not on the map", "crate `new` stands on no floor"],
    );
    let map = MAP.replace("kit: kit\n", "kit: kit\nold: room\n");
    check(
        &[("ARCHITECTURE.md", Some(&map))],
        &[
            "crate `old` is on the map but not on disk",
            "old: room `room` is on the map but not on disk",
        ],
    );
}

#[test]
fn a_crate_arrow_that_is_not_drawn_is_found() {
    let map = MAP.replace("main <- low mid", "main <- mid");
    check(&[("ARCHITECTURE.md", Some(&map))], &["top must not depend on low: no such arrow"]);
}

#[test]
fn a_crate_arrow_that_the_code_does_not_have_is_found() {
    let manifest = "[package]\nname = \"mid\"\n";
    check(
        &[("crates/mid/Cargo.toml", Some(manifest))],
        &["mid has an arrow to low that the code has not"],
    );
}

#[test]
fn a_crate_that_imports_from_its_own_floor_is_found() {
    let map = MAP.replace("2 top\n1 mid\n", "1 top mid\n");
    check(
        &[("ARCHITECTURE.md", Some(&map))],
        &["top depends on mid, which is not on a floor below"],
    );
}

#[test]
fn a_crate_that_imports_from_a_floor_above_is_found() {
    let map = MAP.replace("1 mid\n0 low\n", "1 low\n0 mid\n");
    check(
        &[("ARCHITECTURE.md", Some(&map))],
        &["mid depends on low, which is not on a floor below"],
    );
}

#[test]
fn a_crate_for_tests_that_the_product_uses_is_found() {
    let manifest = "[package]\nname = \"mid\"\n[dependencies]\nlow = { path = \"../low\" }\nkit = { path = \"../kit\" }\n";
    let map = MAP.replace("two <- low", "two <- low kit");
    check(
        &[("crates/mid/Cargo.toml", Some(manifest)), ("ARCHITECTURE.md", Some(&map))],
        &["mid depends on kit, which only tests may use"],
    );
}

#[test]
fn a_test_that_reaches_for_a_floor_above_is_found() {
    let manifest = "[package]\nname = \"low\"\n[dev-dependencies]\nmid = { path = \"../mid\" }\n";
    check(
        &[("crates/low/Cargo.toml", Some(manifest))],
        &["the tests of low depend on mid, which is not on a floor below"],
    );
}

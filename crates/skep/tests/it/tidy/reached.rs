//! No forgotten file: what stands on disk is compiled.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenTree};

use super::{
    nothing_wrong, root,
    source::{
        Source, crate_dirs, each_list, group, inside, is_sign, rust_files, without_test_modules,
        word,
    },
};

/// Which modules are followed.
#[derive(Clone, Copy)]
enum Reach {
    All,
    /// Not those that only tests compile.
    Product,
}

/// The files that the crate root `file` reaches by `mod`, itself included.
fn reached(file: &Path, reach: Reach) -> BTreeSet<PathBuf> {
    let folder = file.parent().expect("a file stands in a folder");
    let mut found = BTreeSet::from([file.to_owned()]);
    follow(&Source::read(file).tokens, folder, reach, &mut found);
    found
}

/// The files below `src` that the product is made of.
pub(crate) fn product_files(src: &Path) -> BTreeSet<PathBuf> {
    let roots =
        ["lib.rs", "main.rs"].map(|name| src.join(name)).into_iter().filter(|file| file.is_file());
    roots.flat_map(|file| reached(&file, Reach::Product)).collect()
}

/// Every file of every crate that the product is made of.
pub(crate) fn product(root: &Path) -> Vec<Source> {
    let files = crate_dirs(root).into_iter().flat_map(|dir| product_files(&dir.join("src")));
    files.map(|path| Source::read(&path)).collect()
}

fn follow(tokens: &[TokenTree], folder: &Path, reach: Reach, found: &mut BTreeSet<PathBuf>) {
    let tokens = match reach {
        Reach::All => tokens.to_vec(),
        Reach::Product => without_test_modules(tokens),
    };
    for at in 0..tokens.len() {
        if word(tokens.get(at)).as_deref() != Some("mod") {
            continue;
        }
        let Some(name) = word(tokens.get(at + 1)) else { continue };
        let below = folder.join(&name);
        if let Some(body) = group(tokens.get(at + 2), Delimiter::Brace) {
            follow(&inside(body), &below, reach, found);
        } else if is_sign(tokens.get(at + 2), ';') {
            for file in [folder.join(format!("{name}.rs")), below.join("mod.rs")] {
                if file.is_file() && found.insert(file.clone()) {
                    follow(&Source::read(&file).tokens, &below, reach, found);
                }
            }
        }
    }
}

fn forgotten(folder: &Path, roots: &[&str]) -> Vec<String> {
    let roots = roots.iter().map(|name| folder.join(name)).filter(|file| file.is_file());
    let reached: BTreeSet<PathBuf> = roots.flat_map(|file| reached(&file, Reach::All)).collect();
    let files = rust_files(folder).into_iter().filter(|file| !reached.contains(file));
    files
        .map(|file| {
            format!("{}: no `mod` leads to it, so nothing in it is compiled", file.display())
        })
        .collect()
}

/// The rooms that `source`, a crate's root, holds in its own text instead of in a file.
pub(crate) fn inline_rooms(source: &Source) -> Vec<String> {
    let tokens = &source.tokens;
    let inline = (0..tokens.len()).filter(|at| {
        word(tokens.get(*at)).as_deref() == Some("mod")
            && word(tokens.get(at + 1)).is_some_and(|name| name != "tests")
            && group(tokens.get(at + 2), Delimiter::Brace).is_some()
    });
    inline
        .map(|at| format!("{}: a room stands in a file of its own", source.at(&tokens[at])))
        .collect()
}

#[test]
fn every_source_file_and_every_tests_file_is_compiled() {
    let faults: Vec<String> = crate_dirs(&root())
        .iter()
        .flat_map(|dir| forgotten(&dir.join("src"), &["lib.rs", "main.rs"]))
        .collect();
    nothing_wrong(&faults);
}

#[test]
fn every_file_of_the_integration_tests_is_registered() {
    let faults: Vec<String> = crate_dirs(&root())
        .iter()
        .flat_map(|dir| forgotten(&dir.join("tests/it"), &["main.rs"]))
        .collect();
    nothing_wrong(&faults);
}

#[test]
fn no_module_is_moved_away_from_its_place() {
    let mut faults = Vec::new();
    for source in super::source::all(&root()) {
        each_list(&source.tokens, &mut |tokens| {
            for at in 0..tokens.len() {
                let Some(attribute) = group(tokens.get(at + 1), Delimiter::Bracket) else {
                    continue;
                };
                let names_path = word(inside(attribute).first()).as_deref() == Some("path");
                if is_sign(tokens.get(at), '#') && names_path {
                    faults.push(format!(
                        "{}: `#[path]` hides where a module is",
                        source.at(&tokens[at])
                    ));
                }
            }
        });
    }
    nothing_wrong(&faults);
}

#[test]
fn a_file_that_no_mod_leads_to_is_found() {
    let tree = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = tree.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        let file = std::fs::File::create(&path);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .expect("a file");
    };
    put("lib.rs", "pub mod a;\n// mod b;\n");
    put("a.rs", "#[cfg(test)]\nmod tests;\nmod c { mod d; }\n");
    put("a/tests.rs", "");
    put("a/c/d.rs", "");
    put("b.rs", "");
    put("b/tests.rs", "");
    let found = forgotten(tree.path(), &["lib.rs", "main.rs"]);
    let names: Vec<&str> = found.iter().filter_map(|fault| fault.split(": ").next()).collect();
    let expected = [tree.path().join("b/tests.rs"), tree.path().join("b.rs")];
    assert_eq!(
        names,
        expected.iter().map(|path| path.to_str().expect("UTF-8")).collect::<Vec<_>>()
    );
}

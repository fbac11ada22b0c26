use super::*;
use crate::fence;

/// What any program does, in the test's own process.
fn write(path: impl AsRef<std::path::Path>, text: impl AsRef<[u8]>) -> std::io::Result<()> {
    use std::io::Write;
    fs::File::create(path)?.write_all(text.as_ref())
}

/// What a worktree leads our git to, tried after a run could have planted it: whether it ran, and whether it got out.
fn planted(plant: impl Fn(&Yard, &Repo<'_>, &str)) -> Option<(bool, bool)> {
    if !fence::is_possible() {
        return None;
    }
    let yard = Yard::new();
    let made = yard.made();
    let outside = yard.place.root().join("outside");
    let filter = yard.place.root().join("filter");
    let text =
        format!("#!/bin/sh\n: > {}/ran\n: > {}\ncat\n", made.output.display(), outside.display());
    write(&filter, text).unwrap();
    let sh = format!("sh {}", filter.display());
    let tree = yard.place.at(made.worktree.strip_prefix(yard.place.root()).unwrap());
    plant(&yard, &tree, &sh);
    let base = made.base.unwrap().oid;
    // What is planted may make git's answer wrong, or none.
    let _answer = git::facts(&yard.git(), &made.worktree, &base, Some("main"));
    Some((made.output.join("ran").exists(), outside.exists()))
}

#[test]
fn a_filter_in_a_repository_that_the_worktree_was_led_to_gets_no_further_than_the_env() {
    let led = planted(|yard, tree, filter| {
        let evil = tree.path().join("evil");
        tree.git(&["init", "--quiet", "evil"]);
        let evil = evil.join(".git");
        yard.place.at("r").git(&["-C", evil.to_str().unwrap(), "config", "filter.x.clean", filter]);
        write(tree.path().join(".git"), format!("gitdir: {}\n", evil.display())).unwrap();
        write(tree.path().join(".gitattributes"), "* filter=x\n").unwrap();
        tree.git(&["-c", "filter.x.clean=cat", "add", "pkg"]);
        write(tree.path().join("pkg/a/code"), "2\n").unwrap();
    });
    assert!(led.is_none_or(|led| led == (true, false)), "{led:?}");
}

#[test]
fn a_filter_of_a_nested_repository_gets_no_further_than_the_env() {
    let nested = planted(|yard, tree, filter| {
        tree.git(&["init", "--quiet", "nested"]);
        let nested =
            yard.place.at(tree.path().join("nested").strip_prefix(yard.place.root()).unwrap());
        nested.write(".gitattributes", "* filter=x\n");
        nested.write("file", "1\n");
        nested.git(&["add", "--all"]);
        nested.git(&["commit", "--quiet", "-m", "1"]);
        nested.git(&["config", "filter.x.clean", filter]);
        tree.git(&["add", "nested"]);
        nested.write("file", "2\n");
    });
    assert!(nested.is_none_or(|nested| nested == (true, false)), "{nested:?}");
}

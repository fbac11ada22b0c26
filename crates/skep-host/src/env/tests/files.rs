use super::*;

#[test]
fn ignored_files_are_brought_along_as_asked_and_others_are_not() {
    let yard = Yard::new();
    let repo = yard.repo();
    repo.write(".gitignore", ".env\nsecrets/\nnode_modules\ncache/\nbig\n");
    repo.write(".worktreeinclude", "secrets/*.key\n!secrets/no.key\n");
    repo.commit("ignore");
    repo.git(&["push", "--quiet", "origin", "main"]);
    for (path, text) in [
        (".env", "A=1"),
        ("pkg/.env", "A=2"),
        ("secrets/a b.key", "k"),
        ("secrets/no.key", "k"),
        ("secrets/other", "k"),
        ("node_modules/.cache/x", "c"),
        ("node_modules/y", "c"),
        ("cache/z", "c"),
        ("open.env", "shown"),
    ] {
        repo.write(path, text);
    }
    let ask = Prepare {
        copy: vec![".env".to_owned(), "open.env".to_owned(), "--nothing".to_owned()],
        link: vec!["node_modules/.cache".to_owned(), "cache".to_owned()],
        ..yard.ask()
    };
    let made = yard.prepare(&ask).unwrap();
    let tree = yard.tree();
    assert_eq!(
        (
            tree.read(".env").as_str(),
            tree.read("pkg/.env").as_str(),
            tree.read("secrets/a b.key").as_str()
        ),
        ("A=1", "A=2", "k")
    );
    for absent in ["secrets/no.key", "secrets/other", "node_modules/y", "open.env"] {
        assert!(!tree.path().join(absent).exists(), "{absent}");
    }
    assert_eq!(
        fs::read_link(tree.path().join("node_modules/.cache")).unwrap(),
        repo.path().join("node_modules/.cache")
    );
    // `cache/` ignores folders only, so the link would be committed.
    assert!(!tree.path().join("cache").exists());
    assert_eq!(made.notes.len(), 2, "{:?}", made.notes);
    assert_eq!(tree.status(), "");
}

#[test]
fn nothing_is_brought_along_through_a_link_that_leads_out_of_the_worktree() {
    let yard = Yard::new();
    let repo = yard.repo();
    fs::create_dir(yard.place.root().join("outside")).unwrap();
    symlink(yard.place.root().join("outside"), repo.path().join("conf")).unwrap();
    repo.write(".gitignore", "*.key\n");
    repo.commit("a link");
    repo.git(&["push", "--quiet", "origin", "main"]);
    fs::remove_file(repo.path().join("conf")).unwrap();
    repo.write("conf/x.key", "k");
    let made = yard.prepare(&Prepare { copy: vec!["*.key".to_owned()], ..yard.ask() }).unwrap();
    assert!(contents(&yard.place.root().join("outside")).is_empty());
    assert!(made.notes[0].contains("in its way"), "{:?}", made.notes);
}

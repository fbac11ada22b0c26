use super::{
    super::{
        manifest::{Entry, Kind, Manifest, Side},
        objects::{Branching, Mode, Trees, Writer},
        shelf::{Hung, hang},
    },
    *,
};

#[test]
fn a_worktree_becomes_what_it_was_and_ignored_files_stay() {
    let yard = Yard::new();
    let tree = yard.tree();
    tree.write(".gitignore", "*.o\n");
    tree.write("kept", "1");
    tree.write("folder/file", "1");
    tree.git(&["add", "kept"]);
    symlink("kept", yard.path("link")).unwrap();
    let (before, status) = (yard.things(), tree.status());
    let taken = yard.take("snap_1");
    tree.write("kept", "2");
    fs::remove_file(yard.path("link")).unwrap();
    fs::create_dir_all(yard.path("link/deep")).unwrap();
    tree.write("link/deep/file", "1");
    fs::remove_dir_all(yard.path("folder")).unwrap();
    symlink(yard.place.root(), yard.path("folder")).unwrap();
    tree.write("later/new", "1");
    tree.write("later/built.o", "ignored");
    tree.git(&["add", "--all"]);
    tree.git(&["commit", "--quiet", "--message", "later"]);
    let later = tree.head();
    let restored = yard.go_back(&taken.oid, "snap_2");
    assert_eq!(tree.read("later/built.o"), "ignored");
    fs::remove_dir_all(yard.path("later")).unwrap();
    assert_eq!(yard.things(), before);
    assert!(!yard.place.root().join("file").exists(), "nothing was written through the link");
    // The branch has moved on, and its commits are nobody's to take back here.
    assert_eq!(
        (restored.detached, tree.oid("work"), tree.head()),
        (true, later, taken.head.unwrap())
    );
    assert_eq!(tree.status(), status);
}

#[test]
fn what_changed_since_the_proof_is_not_written_over() {
    let yard = Yard::new();
    yard.tree().write("file", "1");
    let first = yard.take("snap_1");
    yard.tree().write("file", "2");
    let proof = yard.secured(&yard.take("snap_2").oid);
    yard.tree().write("file", "3");
    assert!(matches!(yard.restore(&first.oid, &proof), Err(SnapshotError::Unsecured { .. })));
    assert_eq!(yard.tree().read("file"), "3");
    assert_eq!(empty(yard.tree().path()).unwrap().map(|proof| proof.oid().is_none()), None);
}

#[test]
fn an_ignored_file_where_the_snapshots_belongs_is_named_and_nothing_happens() {
    let yard = Yard::new();
    let tree = yard.tree();
    tree.write("a.log", "kept");
    tree.write("b.log", "same");
    let first = yard.take("snap_1");
    tree.write(".gitignore", "*.log\n");
    tree.write("a.log", "other");
    let present = yard.take("snap_2");
    let error = yard.restore(&first.oid, &yard.secured(&present.oid)).unwrap_err();
    assert!(
        matches!(&error, SnapshotError::InTheWay { files } if files == &[PathBuf::from("a.log")]),
        "{error}"
    );
    assert_eq!(tree.read("a.log"), "other");
    fs::remove_file(yard.path("a.log")).unwrap();
    tree.write("a.log/inside.log", "1");
    let present = yard.take("snap_3");
    assert!(matches!(
        yard.restore(&first.oid, &yard.secured(&present.oid)),
        Err(SnapshotError::InTheWay { .. })
    ));
    fs::remove_dir_all(yard.path("a.log")).unwrap();
    yard.go_back(&first.oid, "snap_4");
    assert_eq!((tree.read("a.log"), tree.read("b.log")), ("kept".to_owned(), "same".to_owned()));
}

#[test]
fn a_git_at_work_and_a_folder_with_something_in_it_are_refused() {
    let yard = Yard::new();
    let taken = yard.take("snap_1");
    let proof = yard.secured(&taken.oid);
    write_bytes(&yard.git_dir().join("index.lock"), b"");
    assert_eq!(yard.restore(&taken.oid, &proof).unwrap_err().slug(), "git-locked");
    let dir = yard.place.root().join("full");
    write_bytes(&dir.join("x"), b"");
    assert_eq!(
        restore_to(&yard.git(), &yard.repo(), &taken.oid, &dir).unwrap_err().slug(),
        "folder-not-empty"
    );
}

/// A snapshot whose list is not of our making.
fn forged(yard: &Yard, id: &str, entries: &[(Side, &str, Kind)], format: u32) -> String {
    let (git, repo) = (yard.git(), yard.repo());
    let place = super::super::Place { git: &git, repo: &repo };
    let real = yard.take("snap_real");
    let mut reader = super::super::shelf::reader(place).unwrap();
    let mut header = super::super::list::header(&mut reader, &real.oid).unwrap();
    header.format = format;
    let mut writer = Writer::new(place);
    let blob = writer.bytes(b"evil").unwrap();
    let oid = writer.end().unwrap().oid(blob);
    let mut manifest = Manifest::default();
    for (side, path, kind) in entries {
        let file = *kind != Kind::Folder;
        let entry = Entry {
            kind: kind.clone(),
            permissions: 0o755,
            modified: (0, 0),
            changed: (0, 0),
            size: 4,
            inode: 0,
            oid: if file { oid.clone() } else { String::new() },
        };
        manifest.entries.insert((*side, PathBuf::from(path)), entry);
    }
    let mut writer = Writer::new(place);
    let chunks = manifest.write(&mut writer).unwrap();
    let header = writer.bytes(&serde_json::to_vec(&header).unwrap()).unwrap();
    let written = writer.end().unwrap();
    let mut trees = Trees::open(place).unwrap();
    let mut top = Branching::default();
    let list = chunks.tree(&written, &mut trees).unwrap();
    top.put(&[b"manifest"], Mode::Tree, &list);
    top.put(&[b"header"], Mode::File, &written.oid(header));
    let oid = top.write(&mut trees).unwrap();
    let hung = Hung { run: "run_a".to_owned(), id: id.to_owned(), oid, holds: Vec::new() };
    hang(place, &yard.locks(), &hung).unwrap()
}

#[test]
fn a_list_that_was_tampered_with_writes_nothing_anywhere() {
    use Kind::{File, Folder};
    let out = || Kind::Link(b"..".to_vec());
    let cases: Vec<Vec<(Side, &str, Kind)>> = vec![
        vec![(Side::Tree, "../evil", File)],
        vec![(Side::Tree, "..", Folder), (Side::Tree, "../evil", File)],
        vec![(Side::Tree, "/evil", File)],
        vec![(Side::Tree, "a", Folder), (Side::Tree, "a/../../evil", File)],
        vec![(Side::Tree, "a//evil", File)],
        vec![(Side::Tree, "./evil", File)],
        vec![(Side::Tree, "l", out()), (Side::Tree, "l/evil", File)],
        vec![(Side::Tree, ".git", File)],
        vec![(Side::Tree, ".git", Folder), (Side::Tree, ".git/evil", File)],
        vec![(Side::State, "hooks", Folder), (Side::State, "hooks/evil", File)],
        vec![(Side::State, "config", File)],
        vec![(Side::State, "commondir", File)],
        vec![(Side::State, "gitdir", File)],
        vec![
            (Side::State, "refs", Folder),
            (Side::State, "refs/heads", Folder),
            (Side::State, "refs/heads/evil", File),
        ],
        vec![(Side::State, "modules", out()), (Side::State, "modules/evil", File)],
        vec![(Side::Tree, "", File)],
    ];
    let yard = Yard::new();
    let proof = yard.secured(&yard.take("snap_real").oid);
    let before = things(yard.place.root());
    for (n, case) in cases.iter().enumerate() {
        let mut entries = vec![(Side::Tree, "", Folder), (Side::State, "", Folder)];
        entries.extend(case.iter().cloned());
        let oid = forged(&yard, &format!("snap_{n}"), &entries, 1);
        let dir = yard.place.root().join("back");
        for error in [
            restore_to(&yard.git(), &yard.repo(), &oid, &dir).unwrap_err(),
            yard.restore(&oid, &proof).unwrap_err(),
        ] {
            assert!(matches!(error, SnapshotError::Damaged { .. }), "{case:?}: {error}");
        }
        let evil = |(path, _): &(PathBuf, Thing)| path.file_name().unwrap() == "evil";
        assert!(!things(yard.place.root()).into_iter().any(|thing| evil(&thing)), "{case:?}");
    }
    let left = |things: BTreeMap<PathBuf, Thing>| -> Vec<PathBuf> {
        things
            .into_keys()
            .filter(|path| !path.starts_with("r/.git") && !path.starts_with("locks"))
            .collect()
    };
    assert_eq!(left(things(yard.place.root())), left(before));
}

#[test]
fn a_snapshot_of_a_newer_skep_is_refused_and_not_guessed_at() {
    let yard = Yard::new();
    let oid = forged(&yard, "snap_new", &[(Side::Tree, "", Kind::Folder)], 99);
    let error =
        restore_to(&yard.git(), &yard.repo(), &oid, &yard.place.root().join("back")).unwrap_err();
    assert_eq!(error.slug(), "snapshot-newer");
    yard.take("snap_2");
    assert_eq!(remove(&yard.git(), &yard.repo(), &yard.locks(), &["snap_new"]).unwrap(), 1);
    assert_eq!(list(&yard.git(), &yard.repo()).unwrap().len(), 2);
}

#[test]
fn bytes_that_are_missing_from_the_repository_are_no_proof_and_do_not_come_back() {
    let yard = Yard::new();
    yard.tree().write("file", "precious");
    let taken = yard.take("snap_1");
    let oid = yard.tree().git(&["hash-object", "file"]);
    fs::remove_file(yard.main().path().join(".git/objects").join(&oid[..2]).join(&oid[2..]))
        .unwrap();
    assert!(
        verify(&yard.git(), &yard.repo(), &taken.oid, yard.tree().path(), &yard.git_dir()).is_err()
    );
    assert!(
        restore_to(&yard.git(), &yard.repo(), &taken.oid, &yard.place.root().join("back")).is_err()
    );
}

#[test]
fn a_worktree_that_was_moved_to_the_trash_is_kept_from_there() {
    let yard = Yard::new();
    yard.tree().write("file", "1");
    let first = yard.take("snap_1");
    let moved = yard.place.root().join("trash/w");
    fs::create_dir(moved.parent().unwrap()).unwrap();
    fs::rename(yard.tree().path(), &moved).unwrap();
    let (git, repo, git_dir) = (yard.git(), yard.repo(), yard.git_dir());
    let verdict = verify(&git, &repo, &first.oid, &moved, &git_dir).unwrap();
    assert!(
        matches!(&verdict, Verdict::Same(secured) if secured.worktree() == moved),
        "{verdict:?}"
    );
    write_bytes(&moved.join("late"), b"2");
    let ask = Take {
        run: "run_a",
        id: "snap_2",
        worktree: &moved,
        git_dir: &git_dir,
        note: "",
        discard: &[],
        at_ms: 0,
    };
    let second = take(&git, &repo, &yard.locks(), &ask).unwrap();
    assert_eq!(yard.elsewhere(&second.oid), things(&moved));
    assert!(matches!(
        verify(&git, &repo, &second.oid, &moved, &git_dir).unwrap(),
        Verdict::Same(_)
    ));
}

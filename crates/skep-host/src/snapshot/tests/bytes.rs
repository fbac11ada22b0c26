use super::*;

#[test]
fn bytes_permissions_links_empty_folders_and_times_come_back_anywhere() {
    let yard = Yard::new();
    for (file, mode) in
        [("plain", 0o640), ("run.sh", 0o755), ("a/b/secret", 0o400), ("a/wide", 0o666)]
    {
        write_bytes(&yard.path(file), file.as_bytes());
        set_mode(&yard.path(file), mode);
    }
    fs::create_dir_all(yard.path("empty/inside")).unwrap();
    set_mode(&yard.path("empty"), 0o750);
    symlink("nowhere/at all", yard.path("dangling")).unwrap();
    symlink("a/b", yard.path("to-folder")).unwrap();
    symlink("/etc", yard.path("a/out")).unwrap();
    let before = yard.things();
    let taken = yard.take("snap_1");
    assert_eq!((taken.files, taken.left_out.len()), (8, 0));
    assert_eq!(yard.elsewhere(&taken.oid), before);
    assert_eq!(yard.things(), before, "taking changes nothing");
    assert_eq!(yard.differences(&taken.oid), [""; 0]);
}

#[test]
fn filters_attributes_and_line_ends_change_no_byte() {
    let yard = Yard::new();
    let tree = yard.tree();
    for (key, value) in [
        ("core.autocrlf", "true"),
        ("filter.shout.clean", "tr a-z A-Z"),
        ("filter.shout.smudge", "tr A-Z a-z"),
        ("filter.shout.required", "true"),
        ("filter.lfs.clean", "false"),
        ("filter.lfs.smudge", "false"),
        ("filter.lfs.required", "true"),
    ] {
        tree.git(&["config", key, value]);
    }
    tree.write(
        ".gitattributes",
        "*.txt text eol=lf\n*.u16 working-tree-encoding=UTF-16\n*.s filter=shout\n*.bin filter=lfs\n*.id ident\n",
    );
    for (file, bytes) in [
        ("a.txt", &b"one\r\ntwo\nthree\r"[..]),
        ("b", b"one\r\ntwo\r\n"),
        ("c.s", b"Mixed Case"),
        ("d.bin", b"\0\x01large"),
        ("e.id", b"$Id$ $Id: old $"),
        ("f.u16", b"\xff\xfea\0"),
    ] {
        write_bytes(&yard.path(file), bytes);
    }
    let before = yard.things();
    let taken = yard.take("snap_1");
    assert_eq!(yard.elsewhere(&taken.oid), before);
    assert_eq!(yard.differences(&taken.oid), [""; 0]);
}

#[test]
fn names_with_line_ends_quotes_dashes_and_no_text_at_all_come_back() {
    let yard = Yard::new();
    for odd in [
        &b"line\nend"[..],
        b"quote\"d\\ back",
        b"--force",
        b" lead and trail ",
        b"tab\there",
        b"r\rn\r",
        b"latin\xe9\xff",
        b":(glob)*",
        b"[a]*?",
        b"git~1",
        b".git.",
        b".GIT",
        b".gitmodules",
        b"\"quoted\"",
    ] {
        write_bytes(&yard.path(name(odd)), odd);
        write_bytes(&yard.path(name(b"sub")).join(name(odd)), odd);
    }
    symlink("x", yard.path("l\nink")).unwrap();
    symlink("ignore", yard.path("sub/.gitattributes")).unwrap();
    let before = yard.things();
    let taken = yard.take("snap_1");
    assert_eq!(yard.elsewhere(&taken.oid), before);
    assert_eq!(yard.differences(&taken.oid), [""; 0]);
    let fsck = yard.main().try_git(&["fsck", "--full", "--strict", "--no-dangling"]);
    assert_eq!(fsck.complaint(), "");
}

#[test]
fn a_file_that_changes_after_the_taking_is_seen_however_small_the_change() {
    let yard = Yard::new();
    yard.tree().write("a", "one");
    yard.tree().write("gone", "1");
    let taken = yard.take("snap_1");
    let time = fs::metadata(yard.path("a")).unwrap().modified().unwrap();
    yard.tree().write("a", "two");
    fs::File::open(yard.path("a")).unwrap().set_modified(time).unwrap();
    assert_eq!(yard.differences(&taken.oid), ["a has changed"]);
    yard.tree().write("new", "");
    fs::remove_file(yard.path("gone")).unwrap();
    fs::create_dir(yard.path("folder")).unwrap();
    let seen = yard.differences(&taken.oid);
    assert!(
        ["gone is gone", "new is new", "folder is new"].iter().all(|d| seen.iter().any(|s| s == d)),
        "{seen:?}"
    );
    let again = yard.take("snap_2");
    set_mode(&yard.path("a"), 0o600);
    assert_eq!(yard.differences(&again.oid), ["a has other permissions"]);
}

#[test]
fn what_git_ignores_and_the_project_discards_stays_out_and_folders_beside_it_come_back() {
    let yard = Yard::new();
    let tree = yard.tree();
    tree.write(".gitignore", "*.o\nnode_modules/\n");
    for file in [
        "node_modules/x/y",
        "only/a.o",
        "mixed/a.o",
        "mixed/kept",
        "deep/empty/../b.o",
        "target/out",
        "target/tracked",
    ] {
        tree.write(file, file);
    }
    fs::create_dir_all(yard.path("only/empty")).unwrap();
    tree.git(&["add", "--force", "target/tracked"]);
    let taken = yard.try_take("snap_1", &["target/".to_owned()]).unwrap();
    let back = yard.elsewhere(&taken.oid);
    let files: Vec<&str> =
        back.iter().filter(|(_, t)| t.kind == "file").map(|(p, _)| p.to_str().unwrap()).collect();
    assert_eq!(files, [".gitignore", "README", "mixed/kept", "target/tracked"]);
    for folder in ["only", "only/empty", "deep/empty", "mixed"] {
        assert!(back.contains_key(Path::new(folder)), "{folder}");
    }
    assert!(!back.contains_key(Path::new("node_modules")));
    assert_eq!(yard.differences(&taken.oid), [""; 0]);
    let objects =
        tree.git(&["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"]);
    assert!(
        !objects.contains(&tree.git(&["hash-object", "node_modules/x/y"])),
        "ignored files never enter git"
    );
}

#[test]
fn a_nested_repository_comes_back_whole_with_its_history() {
    let yard = Yard::new();
    let tree = yard.tree();
    yard.place.repo("w/inner");
    let inner = yard.place.at("w/inner");
    inner.write(".gitignore", "cache\n");
    inner.write("cache", "ignored in there");
    let head = inner.commit("second");
    inner.write("loose", "not committed");
    inner.git(&["stash", "--include-untracked", "--quiet"]);
    inner.write("loose", "again");
    tree.git(&["status"]);
    let before = yard.things();
    let taken = yard.take("snap_1");
    assert_eq!(yard.elsewhere(&taken.oid), before);
    let dir = yard.place.root().join("back");
    restore_to(&yard.git(), &yard.repo(), &taken.oid, &dir).unwrap();
    let back = yard.place.at("back/inner");
    assert_eq!((back.head(), back.read("cache").as_str()), (head, "ignored in there"));
    assert_eq!(back.git(&["stash", "list"]).lines().count(), 1);
    back.git(&["fsck", "--full"]);
    assert_eq!(yard.differences(&taken.oid), [""; 0]);
}

#[test]
fn a_submodule_comes_back_with_its_repository_and_its_unpushed_commits() {
    let yard = Yard::new();
    yard.place.repo("library");
    let tree = yard.tree();
    tree.git(&["submodule", "--quiet", "add", "../library", "lib"]);
    tree.commit("with a submodule");
    let lib = yard.place.at("w/lib");
    let head = lib.commit_file("mine", "not pushed");
    lib.write("dirty", "1");
    let taken = yard.take("snap_1");
    let secured = yard.secured(&taken.oid);
    drop(secured);
    let before = yard.things();
    fs::remove_dir_all(yard.path("lib")).unwrap();
    fs::remove_dir_all(yard.git_dir().join("modules")).unwrap();
    yard.go_back(&taken.oid, "snap_2");
    assert_eq!(yard.things(), before);
    assert_eq!((lib.head(), lib.read("dirty").as_str()), (head, "1"));
    lib.git(&["fsck", "--full"]);
}

#[test]
fn sockets_and_pipes_are_named_and_another_worktree_inside_is_no_part_of_this_one() {
    let yard = Yard::new();
    let _socket = std::os::unix::net::UnixListener::bind(yard.path("s")).unwrap();
    let taken = yard.take("snap_1");
    assert_eq!(taken.left_out, ["s (a socket)"]);
    assert_eq!(yard.differences(&taken.oid), [""; 0], "nothing is lost with it");
    yard.tree().git(&["worktree", "add", "--quiet", "-b", "other", "inside"]);
    let taken = yard.take("snap_2");
    let why = "inside (another worktree of the repository)";
    assert!(taken.left_out.iter().any(|left| left == why), "{:?}", taken.left_out);
    assert_eq!(yard.differences(&taken.oid), [why], "the files must not go with it in them");
}

#[test]
fn random_trees_come_back_as_they_were() {
    // A small generator of our own: the same numbers in every run, the seed in the message.
    for seed in 1..=5_u64 {
        let yard = Yard::new();
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        grow(&yard, &mut next, 60);
        let before = yard.things();
        let first = yard.take("snap_1");
        assert_eq!(yard.elsewhere(&first.oid), before, "seed {seed}");
        assert_eq!(yard.differences(&first.oid), [""; 0], "seed {seed}");
        grow(&yard, &mut next, 20);
        let after = yard.things();
        let second = yard.take("snap_2");
        assert_eq!(yard.elsewhere(&second.oid), after, "seed {seed}");
        yard.restore(&first.oid, &yard.secured(&second.oid)).unwrap();
        assert_eq!(yard.things(), before, "seed {seed}");
        yard.go_back(&second.oid, "snap_3");
        assert_eq!(yard.things(), after, "seed {seed}");
    }
}

/// Makes, changes and removes things at random places.
fn grow(yard: &Yard, next: &mut impl FnMut(u64) -> u64, steps: usize) {
    let names = [&b"a"[..], b"b.txt", b"c d", b"e\nf", b"\xff", b"-g"];
    for _ in 0..steps {
        let mut path = yard.tree().path().to_owned();
        for _ in 0..=next(3) {
            path.push(name(names[next(names.len() as u64) as usize]));
        }
        let above = path.parent().unwrap();
        if fs::symlink_metadata(above).is_ok_and(|meta| !meta.is_dir())
            || fs::create_dir_all(above).is_err()
        {
            continue;
        }
        let there = fs::symlink_metadata(&path).ok();
        let is_dir = there.as_ref().is_some_and(fs::Metadata::is_dir);
        match next(6) {
            0 if is_dir => fs::remove_dir_all(&path).unwrap(),
            0 if there.is_some() => fs::remove_file(&path).unwrap(),
            1 if there.is_none() => symlink(format!("to/{}", next(9)), &path).unwrap(),
            2 if there.is_none() => fs::create_dir(&path).unwrap(),
            3 if there.is_some_and(|meta| !meta.is_symlink()) => {
                let mode = if is_dir { 0o700 } else { 0o400 };
                set_mode(&path, mode | next(0o100) as u32);
            }
            _ if is_dir => {}
            _ => {
                // A file of the same name goes first: a link would be followed.
                let _none = fs::remove_file(&path);
                let bytes: Vec<u8> = (0..next(300)).map(|_| next(256) as u8).collect();
                write_bytes(&path, &bytes);
            }
        }
    }
}

use std::{collections::BTreeSet, thread};

use super::*;

/// Every object of a snapshot but what its commit stands on.
fn objects(yard: &Yard, oid: &str) -> Vec<String> {
    let listed = yard.main().git(&["rev-list", "--objects", "--no-object-names", "--no-walk", oid]);
    listed.lines().map(str::to_owned).collect()
}

fn has_all(yard: &Yard, oids: &[String]) -> bool {
    oids.iter().all(|oid| yard.main().try_git(&["cat-file", "-e", oid]).status.success())
}

#[test]
fn neither_gc_nor_prune_nor_repack_of_the_user_takes_a_snapshot_away() {
    let yard = Yard::new();
    yard.tree().write("only here", "1");
    let taken = yard.take("snap_1");
    let held = objects(&yard, &taken.oid);
    for seat in [yard.main(), yard.tree()] {
        seat.git(&["reflog", "expire", "--expire=now", "--all"]);
        seat.git(&["worktree", "prune", "--expire", "now"]);
        seat.git(&["gc", "--quiet", "--prune=now", "--aggressive"]);
        seat.git(&["repack", "-adq"]);
        seat.git(&["prune", "--expire=now"]);
        seat.git(&["worktree", "repair"]);
        assert!(has_all(&yard, &held));
    }
    yard.main().git(&["worktree", "remove", "--force", "../w"]);
    yard.main().git(&["branch", "-D", "work"]);
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    assert!(has_all(&yard, &held));
    yard.main().git(&["fsck", "--full"]);
    let found = find(&yard.git(), &yard.repo(), "snap_1").unwrap().unwrap();
    assert_eq!(
        (found.oid, found.run.as_str(), found.note.as_str()),
        (taken.oid, "run_a", "a note")
    );
}

#[test]
fn no_push_fetch_or_clone_publishes_a_snapshot_and_the_list_of_worktrees_says_what_it_is() {
    let yard = Yard::new();
    let remote = yard.place.bare("mirror.git");
    yard.tree().write("secret", "only here");
    let taken = yard.take("snap_1");
    let before = yard.main().git(&["for-each-ref"]);
    yard.main().git(&["remote", "add", "mirror", "../mirror.git"]);
    yard.main().git(&["push", "--quiet", "--mirror", "mirror"]);
    yard.tree().git(&["push", "--quiet", "--all", "mirror"]);
    assert!(!remote.try_git(&["cat-file", "-e", &taken.oid]).status.success());
    assert_eq!(yard.main().git(&["for-each-ref", "refs/heads"]), before);
    // The HEAD of every worktree is shown by --all: one commit, and the last of all.
    let all = yard.main().git(&["log", "--all", "--format=%ae"]);
    assert_eq!(all, "test@example.invalid\nskep@localhost");
    yard.main().git(&["clone", "--quiet", "--mirror", "--no-local", ".", "../copy.git"]);
    assert!(!yard.place.at("copy.git").try_git(&["cat-file", "-e", &taken.oid]).status.success());
    let listed = crate::worktree::list(&yard.git(), &yard.repo()).unwrap();
    let shelf = listed.iter().find(|known| known.path.ends_with("skep-snapshots")).unwrap();
    assert!(shelf.locked.as_deref().unwrap().contains("skep snapshot ls"), "{shelf:?}");
    assert_eq!(listed.len(), 3);
    assert_eq!(
        remote.git(&["for-each-ref", "--format=%(refname)"]),
        "refs/heads/main\nrefs/heads/work"
    );
}

#[test]
fn what_is_removed_goes_with_the_next_pruning_and_the_rest_stays() {
    let yard = Yard::new();
    yard.tree().write("file", "first");
    let first = yard.take("snap_1");
    yard.tree().write("file", "second");
    let second = yard.take("snap_2");
    let (git, repo, locks) = (yard.git(), yard.repo(), yard.locks());
    assert_eq!(remove(&git, &repo, &locks, &["snap_1", "snap_none"]).unwrap(), 1);
    assert_eq!(remove(&git, &repo, &locks, &["snap_1"]).unwrap(), 0);
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    assert!(!yard.main().try_git(&["cat-file", "-e", &first.oid]).status.success());
    assert_eq!(yard.elsewhere(&second.oid)[Path::new("file")].bytes, b"second");
    assert!(matches!(
        restore_to(&git, &repo, &first.oid, &yard.place.root().join("no")),
        Err(SnapshotError::NoSuch { .. })
    ));
    assert_eq!(remove(&git, &repo, &locks, &["snap_2"]).unwrap(), 1);
    assert_eq!(list(&git, &repo).unwrap(), []);
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    assert!(!yard.main().try_git(&["cat-file", "-e", &second.oid]).status.success());
    yard.take("snap_3");
    assert_eq!(list(&git, &repo).unwrap().len(), 1);
}

#[test]
fn the_same_name_twice_is_one_snapshot_and_the_first_ones_answer() {
    let yard = Yard::new();
    yard.tree().write("file", "first");
    let first = yard.take("snap_1");
    yard.tree().write("file", "second");
    assert_eq!(yard.take("snap_1"), first);
    assert_eq!(list(&yard.git(), &yard.repo()).unwrap().len(), 1);
    for bad in ["", "../x", "a b", "-x", "a\0b"] {
        assert!(matches!(yard.try_take(bad, &[]), Err(SnapshotError::BadName { .. })), "{bad:?}");
    }
}

#[test]
fn what_has_not_changed_is_neither_read_nor_written_again() {
    let yard = Yard::new();
    for n in 0..300 {
        yard.tree().write(format!("dir{}/file{n}", n % 7), &format!("{n}"));
        let at = yard.path(format!("dir{}/file{n}", n % 7));
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        fs::File::open(at).unwrap().set_modified(long_ago).unwrap();
    }
    let first = yard.take("snap_1");
    let held: BTreeSet<String> = objects(&yard, &first.oid).into_iter().collect();
    yard.tree().write("dir3/file3", "changed");
    let second = yard.take("snap_2");
    let new: Vec<String> =
        objects(&yard, &second.oid).into_iter().filter(|oid| !held.contains(oid)).collect();
    // The file, its folder and the ones above it, the header, one or few pieces of the list, the commit.
    assert!(new.len() < 20, "{}", new.len());
}

#[test]
fn thirty_taken_at_once_all_stand_even_without_a_lock_between_them() {
    let yard = Yard::new();
    let ids: Vec<String> = (0..30).map(|n| format!("snap_{n}")).collect();
    for n in 0..6 {
        yard.main().git(&["worktree", "add", "--quiet", "--detach", &format!("../w{n}")]);
        yard.place.at(format!("w{n}")).write("mine", &n.to_string());
    }
    thread::scope(|scope| {
        for (n, id) in ids.iter().enumerate() {
            let yard = &yard;
            scope.spawn(move || {
                let name = format!("w{}", n % 6);
                let worktree = yard.place.root().join(&name);
                let git_dir = yard.repo().common_dir.join("worktrees").join(&name);
                let run = format!("run_{}", n % 6);
                let ask = Take {
                    run: &run,
                    id,
                    worktree: &worktree,
                    git_dir: &git_dir,
                    note: "",
                    discard: &[],
                    at_ms: n as i64,
                };
                // As from two homes, which share no lock.
                let locks = yard.place.root().join(format!("locks{}", n % 2));
                take(&yard.git(), &yard.repo(), &locks, &ask).unwrap();
            });
        }
    });
    let kept = list(&yard.git(), &yard.repo()).unwrap();
    let found: BTreeSet<&str> = kept.iter().map(|kept| kept.id.as_str()).collect();
    assert_eq!(found, ids.iter().map(String::as_str).collect());
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    for kept in kept {
        let n: usize = kept.id.strip_prefix("snap_").unwrap().parse().unwrap();
        assert_eq!(
            yard.elsewhere(&kept.oid)[Path::new("mine")].bytes,
            (n % 6).to_string().as_bytes()
        );
    }
}

#[test]
fn a_repository_of_sha_256_and_a_bare_one_keep_snapshots_too() {
    let place = Ground::new();
    let sha = place.root().join("sha");
    fs::create_dir_all(&sha).unwrap();
    place.at("sha").git(&["init", "--quiet", "--object-format=sha256"]);
    place.at("sha").commit_file("a", "1");
    let origin = place.repo("origin");
    origin.git(&["clone", "--quiet", "--bare", ".", "../bare.git"]);
    for main in ["sha", "bare.git"] {
        let (main, tree) = (place.at(main), place.at(format!("{main}-w")));
        let tree_path = tree.path().to_str().unwrap();
        main.git(&["worktree", "add", "--quiet", "--detach", tree_path]);
        tree.write("new", "1");
        let git = Git::new(place.env());
        let repo = git::discover(&git, main.path()).unwrap();
        let git_dir = repo.common_dir.join("worktrees").join(tree.path().file_name().unwrap());
        let locks = place.root().join("locks");
        let ask = Take {
            run: "run_a",
            id: "snap_1",
            worktree: tree.path(),
            git_dir: &git_dir,
            note: "",
            discard: &[],
            at_ms: 0,
        };
        let taken = take(&git, &repo, &locks, &ask).unwrap();
        let verdict = verify(&git, &repo, &taken.oid, tree.path(), &git_dir).unwrap();
        let Verdict::Same(secured) = verdict else { panic!("{verdict:?}") };
        main.git(&["gc", "--quiet", "--prune=now"]);
        let back = place.root().join("back").join(&taken.oid);
        restore_to(&git, &repo, &taken.oid, &back).unwrap();
        assert_eq!(things(&back), things(tree.path()));
        restore_into(&git, &repo, &taken.oid, tree.path(), &git_dir, &secured).unwrap();
        assert_eq!(tree.status(), "?? new");
    }
}

#[test]
fn a_shelf_that_cannot_be_read_is_an_error_and_never_an_empty_one() {
    let yard = Yard::new();
    yard.take("snap_1");
    let shelf = yard.repo().common_dir.join("worktrees/skep-snapshots");
    let head = fs::read(shelf.join("HEAD")).unwrap();
    for torn in [&b""[..], b"ref: refs/heads/main\n", b"0123456789012345678901234567890123456789\n"]
    {
        write_bytes(&shelf.join("HEAD"), torn);
        assert!(list(&yard.git(), &yard.repo()).is_err());
        assert!(yard.try_take("snap_2", &[]).is_err());
        assert!(remove(&yard.git(), &yard.repo(), &yard.locks(), &["snap_1"]).is_err());
    }
    write_bytes(&shelf.join("HEAD"), &head);
    fs::remove_file(shelf.join("locked")).unwrap();
    let error = yard.try_take("snap_2", &[]).unwrap_err();
    assert_eq!(error.slug(), "snapshot-shelf-foreign");
}

#[test]
fn a_worktree_of_the_user_in_the_shelfs_place_is_left_alone() {
    let yard = Yard::new();
    yard.main().git(&["worktree", "add", "--quiet", "--detach", "../skep-snapshots"]);
    let head = yard.place.at("skep-snapshots").head();
    assert!(matches!(yard.try_take("snap_1", &[]), Err(SnapshotError::Foreign { .. })));
    assert_eq!(yard.place.at("skep-snapshots").head(), head);
}

#[test]
fn refs_in_a_reftable_are_refused_by_name() {
    let place = Ground::new();
    fs::create_dir_all(place.root().join("r")).unwrap();
    if !place.at("r").try_git(&["init", "--quiet", "--ref-format=reftable"]).status.success() {
        return;
    }
    let git = Git::new(place.env());
    let repo = git::discover(&git, place.at("r").path()).unwrap();
    assert_eq!(list(&git, &repo).unwrap_err().slug(), "snapshot-unsupported");
}

use super::*;

#[test]
fn staged_content_that_stands_nowhere_else_survives_a_pruning() {
    let yard = Yard::new();
    let tree = yard.tree();
    tree.write("file", "staged");
    tree.write("dropped", "staged only");
    tree.git(&["add", "file", "dropped"]);
    tree.write("file", "not staged");
    fs::remove_file(yard.path("dropped")).unwrap();
    tree.write("intended", "1");
    tree.git(&["add", "--intent-to-add", "intended"]);
    let status = tree.status();
    let taken = yard.take("snap_1");
    tree.git(&["reset", "--quiet", "--hard"]);
    tree.git(&["clean", "-qfd"]);
    yard.main().git(&["reflog", "expire", "--expire=now", "--all"]);
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    yard.go_back(&taken.oid, "snap_2");
    assert_eq!(tree.status(), status);
    assert_eq!(
        (tree.git(&["show", ":file"]), tree.git(&["show", ":dropped"])),
        ("staged".to_owned(), "staged only".to_owned())
    );
    assert_eq!(tree.read("file"), "not staged");
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
}

#[test]
fn a_merge_with_conflicts_comes_back_to_be_resolved() {
    let yard = Yard::new();
    let tree = yard.tree();
    tree.commit_file("file", "ours\n");
    tree.git(&["checkout", "--quiet", "-b", "side", "main"]);
    let side = tree.commit_file("file", "theirs\n");
    tree.git(&["checkout", "--quiet", "work"]);
    assert!(!tree.try_git(&["merge", "side"]).status.success());
    tree.git(&["branch", "-D", "side"]);
    let (status, unmerged) = (tree.status(), tree.git(&["ls-files", "--unmerged"]));
    let before = yard.things();
    let taken = yard.take("snap_1");
    tree.git(&["merge", "--abort"]);
    yard.main().git(&["reflog", "expire", "--expire=now", "--all"]);
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    yard.go_back(&taken.oid, "snap_2");
    assert_eq!(
        (tree.status(), tree.git(&["ls-files", "--unmerged"]), yard.things()),
        (status, unmerged, before)
    );
    assert_eq!(tree.oid("MERGE_HEAD"), side);
    tree.write("file", "both\n");
    tree.git(&["add", "file"]);
    tree.git(&["commit", "--quiet", "--no-edit"]);
    assert_eq!(tree.oid("HEAD^2"), side);
}

#[test]
fn a_rebase_under_way_comes_back_and_goes_on() {
    let yard = Yard::new();
    let tree = yard.tree();
    tree.commit_file("file", "mine\n");
    let last = tree.commit_file("more", "1\n");
    tree.git(&["branch", "onto", "main"]);
    yard.main().git(&["checkout", "--quiet", "onto"]);
    let onto = yard.main().commit_file("file", "other\n");
    assert!(!tree.try_git(&["rebase", "onto"]).status.success());
    tree.git(&["update-ref", "refs/worktree/mark", &last]);
    let taken = yard.take("snap_1");
    assert_eq!((taken.branch.clone(), taken.head.as_deref()), (None, Some(onto.as_str())));
    tree.git(&["rebase", "--abort"]);
    tree.git(&["update-ref", "-d", "refs/worktree/mark"]);
    yard.go_back(&taken.oid, "snap_2");
    assert_eq!(tree.oid("refs/worktree/mark"), last);
    assert_eq!(yard.differences(&taken.oid), [""; 0]);
    tree.write("file", "both\n");
    tree.git(&["add", "file"]);
    tree.git(&["-c", "core.editor=true", "rebase", "--continue"]);
    assert_eq!(
        (tree.git(&["branch", "--show-current"]), tree.oid("HEAD~2")),
        ("work".to_owned(), onto)
    );
}

#[test]
fn a_detached_head_comes_back_detached_and_its_commits_and_those_thrown_away_are_kept() {
    let yard = Yard::new();
    let tree = yard.tree();
    let thrown = tree.commit_file("thrown", "1");
    tree.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    tree.git(&["checkout", "--quiet", "--detach"]);
    let head = tree.commit_file("floating", "1");
    let taken = yard.take("snap_1");
    assert_eq!((taken.branch.clone(), taken.head.clone()), (None, Some(head.clone())));
    yard.main().git(&["worktree", "remove", "--force", "../w"]);
    yard.main().git(&["reflog", "expire", "--expire=now", "--all"]);
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    yard.main().git(&["worktree", "add", "--quiet", "--no-checkout", "../w", "work"]);
    assert!(!yard.git_dir().join("index").exists());
    let nothing = empty(yard.tree().path()).unwrap().unwrap();
    let restored = yard.restore(&taken.oid, &nothing).unwrap();
    assert!(!restored.detached);
    assert_eq!((tree.head(), tree.status()), (head, String::new()));
    assert_eq!(tree.git(&["cat-file", "-t", &thrown]), "commit");
    assert_eq!(tree.git(&["branch", "--show-current"]), "");
    assert!(tree.git(&["reflog"]).contains("thrown"), "the log of HEAD is back too");
}

#[test]
fn the_stashes_of_this_branch_come_along_and_those_of_others_do_not() {
    let yard = Yard::new();
    let tree = yard.tree();
    yard.main().write("README", "main's");
    yard.main().git(&["stash", "--quiet"]);
    tree.write("README", "first");
    tree.git(&["stash", "push", "--quiet", "-m", "named"]);
    tree.write("README", "second");
    tree.write("new", "untracked");
    tree.git(&["stash", "--quiet", "--include-untracked"]);
    let listed = tree.git(&["stash", "list", "--format=%H %gs"]);
    let taken = yard.take("snap_1");
    tree.git(&["stash", "drop", "--quiet", "stash@{0}"]);
    tree.git(&["stash", "drop", "--quiet", "stash@{0}"]);
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(restore_stashes(&yard.git(), &yard.repo(), &yard.locks(), &taken.oid).unwrap(), 2);
    assert_eq!(tree.git(&["stash", "list", "--format=%H %gs"]), listed);
    assert_eq!(restore_stashes(&yard.git(), &yard.repo(), &yard.locks(), &taken.oid).unwrap(), 0);
    tree.git(&["stash", "pop", "--quiet"]);
    assert_eq!(
        (tree.read("README"), tree.read("new")),
        ("second".to_owned(), "untracked".to_owned())
    );
}

#[test]
fn before_the_first_commit_a_snapshot_can_be_taken_too() {
    let place = Ground::new();
    let repo = place.empty("r");
    repo.write("a", "1");
    repo.git(&["add", "a"]);
    let git = Git::new(place.env());
    let found = git::discover(&git, repo.path()).unwrap();
    let ask = Take {
        run: "run_a",
        id: "snap_1",
        worktree: repo.path(),
        git_dir: &found.common_dir,
        note: "",
        discard: &[],
        at_ms: 0,
    };
    let taken = take(&git, &found, &place.root().join("locks"), &ask).unwrap();
    assert_eq!(
        (taken.head.as_deref(), taken.branch.as_deref(), taken.files),
        (None, Some("main"), 1)
    );
    let verdict = verify(&git, &found, &taken.oid, repo.path(), &found.common_dir).unwrap();
    assert!(matches!(verdict, Verdict::Same(_)), "{verdict:?}");
}

#[test]
fn index_stash_branch_settings_and_hooks_are_not_touched_by_taking() {
    let yard = Yard::new();
    let tree = yard.tree();
    tree.write("README", "changed");
    tree.write("new", "1");
    tree.git(&["add", "new"]);
    for hook in ["reference-transaction", "post-commit", "post-index-change"] {
        let path = yard.main().path().join(".git/hooks").join(hook);
        yard.place.write(
            &path,
            &format!("#!/bin/sh\ntouch '{}'\n", yard.place.root().join("ran").display()),
        );
        set_mode(&path, 0o755);
    }
    tree.git(&["config", "commit.gpgSign", "true"]);
    tree.git(&["config", "gpg.program", "/bin/false"]);
    tree.git(&["config", "user.useConfigOnly", "true"]);
    let look = || {
        (
            things(&yard.git_dir()),
            tree.git(&["for-each-ref"]),
            fs::read(yard.main().path().join(".git/config")).unwrap(),
            fs::read(yard.main().path().join(".git/HEAD")).unwrap(),
        )
    };
    let before = look();
    yard.take("snap_1");
    assert_eq!(look(), before);
    assert!(!yard.place.root().join("ran").exists());
    let who = tree.git(&["log", "-1", "--format=%an <%ae>%d", "worktrees/skep-snapshots/HEAD"]);
    assert!(who.starts_with("skep <skep@localhost>"), "{who}");
}

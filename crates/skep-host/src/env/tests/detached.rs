//! Envs on a commit and no branch: made, used again, left with nothing, left with something, killed.

use super::{
    killed::{Task, calls_of, deadly, run_elsewhere},
    leave::close,
    *,
};
use crate::{salvage::Reason, snapshot};

/// A yard where somebody's work stands on a branch, and that work's commit.
fn reviewed() -> (Yard, String) {
    let yard = Yard::new();
    let repo = yard.repo();
    repo.git(&["checkout", "--quiet", "-b", "skep/work"]);
    let head = repo.commit_file("pkg/a/code", "2\n");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write(".git/info/exclude", ".env\ncache\nnode_modules\n");
    repo.write(".env", "A=1");
    (yard, head)
}

fn at(yard: &Yard, oid: &str) -> Prepare {
    Prepare {
        detached: Some(oid.to_owned()),
        branches: Vec::new(),
        copy: vec![".env".to_owned()],
        ..yard.ask()
    }
}

fn refs(yard: &Yard) -> String {
    yard.repo().git(&["for-each-ref"])
}

fn kept(yard: &Yard) -> Vec<snapshot::Kept> {
    snapshot::list(&yard.git(), &yard.found()).unwrap()
}

fn restoring(yard: &Yard, head: &str, snapshot: &str) -> Restore {
    Restore {
        branch: None,
        detached: true,
        base: Some(Base { branch: String::new(), oid: head.to_owned() }),
        ..yard.restoring(snapshot)
    }
}

#[test]
fn a_detached_env_stands_at_exactly_its_commit_and_makes_no_ref() {
    let (yard, head) = reviewed();
    let before = refs(&yard);
    let ask = Prepare { branches: vec!["skep/none".to_owned()], ..at(&yard, &head) };
    let made = yard.prepare(&ask).unwrap();
    assert_eq!((made.branch.as_deref(), made.reused), (None, false));
    assert_eq!(made.base, Some(Base { branch: String::new(), oid: head.clone() }));
    assert_eq!((yard.tree().head(), yard.tree().status()), (head.clone(), String::new()));
    assert_eq!(yard.tree().git(&["rev-parse", "--abbrev-ref", "HEAD"]).trim(), "HEAD");
    assert_eq!(
        (yard.tree().read("pkg/a/code"), yard.tree().read(".env")),
        ("2\n".into(), "A=1".into())
    );
    assert_eq!(refs(&yard), before);
    assert!(!made.created.iter().any(|created| matches!(created, Created::Branch { .. })));
    let listed = yard.repo().git(&["worktree", "list", "--porcelain"]);
    assert!(listed.contains("detached") && listed.contains(&mark(KEY)), "{listed}");
    // What it is a worktree of may be named.
    let named = Prepare {
        base: Some("main".to_owned()),
        key: "key-of-env-01".to_owned(),
        ..at(&yard, &head)
    };
    let base = yard.prepare(&named).unwrap().base;
    assert_eq!(base, Some(Base { branch: "main".to_owned(), oid: head }));
}

#[test]
fn a_detached_env_is_found_again_by_the_same_wish_and_by_no_other() {
    let (yard, head) = reviewed();
    yard.prepare(&at(&yard, &head)).unwrap();
    yard.tree().write("node_modules/x", "1");
    let again = yard.prepare(&at(&yard, &head)).unwrap();
    assert!(again.reused && again.branch.is_none() && yard.tree().read("node_modules/x") == "1");
    for other in [yard.ask(), at(&yard, &yard.repo().oid("main"))] {
        let error = yard.prepare(&other).unwrap_err();
        assert_eq!((error.slug(), error.stage), ("env-foreign", Stage::Claim));
    }
}

#[test]
fn a_detached_env_in_which_something_else_is_checked_out_is_not_used_again() {
    for change in [
        &["commit", "--quiet", "--allow-empty", "-m", "mine"][..],
        &["checkout", "--quiet", "-b", "mine"],
        &["checkout", "--quiet", "--detach", "HEAD~1"],
    ] {
        let (yard, head) = reviewed();
        yard.prepare(&at(&yard, &head)).unwrap();
        yard.tree().git(change);
        let stands = yard.tree().head();
        let error = yard.prepare(&at(&yard, &head)).unwrap_err();
        assert_eq!((error.slug(), error.stage), ("env-foreign", Stage::Worktree), "{change:?}");
        assert!(error.cause.to_string().contains("the commit it was made on"), "{error:?}");
        assert_eq!(yard.tree().head(), stands);
    }
}

#[test]
fn a_detached_worktree_that_was_deleted_by_hand_comes_back_unless_it_held_commits() {
    let (yard, head) = reviewed();
    yard.prepare(&at(&yard, &head)).unwrap();
    fs::remove_dir_all(yard.tree().path()).unwrap();
    let again = yard.prepare(&at(&yard, &head)).unwrap();
    assert!(again.reused);
    assert_eq!((yard.tree().head(), yard.tree().status()), (head.clone(), String::new()));
    let mine = yard.tree().commit_file("mine", "1");
    fs::remove_dir_all(yard.tree().path()).unwrap();
    assert_eq!(yard.prepare(&at(&yard, &head)).unwrap_err().slug(), "env-foreign");
    let listed = yard.repo().git(&["worktree", "list", "--porcelain"]);
    assert!(listed.contains(&mine), "{listed}");
}

#[test]
fn what_is_no_commit_of_the_repository_is_refused_and_leaves_no_trace() {
    let (yard, head) = reviewed();
    yard.repo().git(&["tag", "-a", "v1", "-m", "one"]);
    let tag = yard.repo().git(&["rev-parse", "v1"]).trim().to_owned();
    let before = yard.trace();
    for (oid, slug) in [
        ("main", "env-request"),
        ("--all", "env-request"),
        (&head[..12], "env-request"),
        (&"0".repeat(40), "no-such-ref"),
        // It leads to a commit, and is none.
        (&tag, "no-such-ref"),
    ] {
        let error = yard.prepare(&at(&yard, oid)).unwrap_err();
        assert_eq!(error.slug(), slug, "{oid}");
        assert_eq!(yard.trace(), before, "{oid}");
    }
    let folder = Prepare { env_type: EnvType::Directory, ..at(&yard, &head) };
    assert_eq!(yard.prepare(&folder).unwrap_err().slug(), "env-request");
}

#[test]
fn who_may_say_no_is_asked_before_a_detached_worktree_too() {
    let (yard, head) = reviewed();
    let before = yard.trace();
    let mut heard = Vec::new();
    let mut may = |creating: Creating<'_>| {
        heard.push((creating.branch.map(str::to_owned), creating.base.oid.clone()));
        Err("not today".to_owned())
    };
    let error = prepare_asking(&yard.git(), &at(&yard, &head), &mut may).unwrap_err();
    assert_eq!(error.slug(), "hook-failed");
    assert_eq!((heard, yard.trace()), (vec![(None, head)], before));
}

#[test]
fn a_detached_env_as_it_was_made_goes_without_a_snapshot_and_without_a_trace() {
    let (yard, head) = reviewed();
    let before = yard.trace().0;
    let made = yard.prepare(&at(&yard, &head)).unwrap();
    // What marks the set-up as done, and what the project declares expendable, is nobody's work.
    yard.place.write(made.logs.join("setup.done"), "");
    yard.tree().write("node_modules/x", "1");
    let settled = close(&yard.git(), &yard.dropping(false)).unwrap();
    assert_eq!((settled.snapshot, settled.kept, settled.branch), (None, None, None));
    assert_eq!(settled.notes, Vec::<String>::new());
    assert_eq!((yard.trace().0, yard.trace().1, yard.trace().2), (before, 1, Vec::new()));
    assert!(kept(&yard).is_empty() && !yard.slot().exists());
    // And it can be had again.
    assert!(!yard.prepare(&at(&yard, &head)).unwrap().reused);
}

#[test]
fn what_was_changed_in_a_detached_env_keeps_it_and_by_force_is_in_a_snapshot_that_comes_back() {
    let (yard, head) = reviewed();
    yard.prepare(&at(&yard, &head)).unwrap();
    let mine = yard.tree().commit_file("mine", "committed\n");
    yard.tree().write("pkg/a/code", "edited\n");
    yard.tree().write("new", "untracked\n");
    let Cause::Work { reasons } = close(&yard.git(), &yard.dropping(false)).unwrap_err().cause
    else {
        panic!("it holds work")
    };
    let slugs: Vec<_> = reasons.iter().map(Reason::slug).collect();
    assert_eq!(slugs, ["worktree-dirty", "worktree-untracked", "worktree-detached"]);
    assert!(matches!(&reasons[2], Reason::Detached { commits: 1, .. }), "{reasons:?}");
    let settled = close(&yard.git(), &yard.dropping(true)).unwrap();
    let snapped = settled.snapshot.unwrap();
    assert_eq!((snapped.head.as_deref(), snapped.branch), (Some(mine.as_str()), None));
    assert_eq!(yard.worktrees(), 1);
    // Not even the strictest collection takes it.
    yard.repo().git(&["reflog", "expire", "--expire=now", "--all"]);
    yard.repo().git(&["gc", "--quiet", "--prune=now"]);
    let back = restore_env(&yard.git(), &restoring(&yard, &head, &snapped.oid)).unwrap();
    assert_eq!((back.branch, back.head.as_deref()), (None, Some(mine.as_str())));
    let tree = yard.tree();
    assert_eq!(
        (tree.read("mine"), tree.read("pkg/a/code"), tree.read("new")),
        ("committed\n".into(), "edited\n".into(), "untracked\n".into())
    );
    assert_eq!((tree.head(), yard.repo().oid("skep/work")), (mine, head.clone()));
    // It is still one on a commit.
    assert_eq!(read_owner(&yard.root()).unwrap().unwrap().made_on(), Some(head.as_str()));
}

#[test]
fn a_commit_that_only_the_detached_env_holds_is_no_work_of_it_and_is_kept() {
    let (yard, head) = reviewed();
    yard.prepare(&at(&yard, &head)).unwrap();
    yard.repo().git(&["branch", "--quiet", "-D", "skep/work"]);
    yard.repo().git(&["reflog", "expire", "--expire=now", "--all"]);
    // While it stands its HEAD holds the commit.
    yard.repo().git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(yard.tree().read("pkg/a/code"), "2\n");
    let settled = close(&yard.git(), &yard.dropping(false)).unwrap();
    assert_eq!(settled.snapshot.unwrap().head.as_deref(), Some(head.as_str()));
    yard.repo().git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(yard.repo().git(&["show", &format!("{head}:pkg/a/code")]), "2");
}

#[test]
fn what_a_detached_env_put_out_or_has_ignored_is_kept_as_that_of_any_env() {
    for put in ["output/report", "logs/notes", "web-amber/.env.local"] {
        let (yard, head) = reviewed();
        yard.repo().write(".git/info/exclude", ".env*\n");
        yard.prepare(&at(&yard, &head)).unwrap();
        yard.place.write(yard.root().join(put), "mine");
        let settled = close(&yard.git(), &yard.dropping(false)).unwrap();
        let snapped = settled.snapshot.unwrap_or_else(|| panic!("{put}"));
        assert_eq!(settled.kept, Some(yard.slot()), "{put}");
        restore_env(&yard.git(), &restoring(&yard, &head, &snapped.oid)).unwrap();
        assert_eq!(fs::read_to_string(yard.root().join(put)).unwrap(), "mine", "{put}");
        assert_eq!((yard.tree().head(), yard.tree().status()), (head.clone(), String::new()));
    }
}

#[test]
fn a_detached_env_on_a_branch_of_its_own_making_leaves_with_a_snapshot_and_the_branch_stays() {
    let (yard, head) = reviewed();
    yard.prepare(&at(&yard, &head)).unwrap();
    yard.tree().git(&["checkout", "--quiet", "-b", "mine"]);
    let settled = close(&yard.git(), &yard.dropping(false)).unwrap();
    assert_eq!(settled.snapshot.unwrap().branch.as_deref(), Some("mine"));
    assert_eq!(yard.repo().oid("mine"), head);
}

#[test]
fn what_was_committed_in_a_detached_env_and_thrown_away_again_is_in_a_snapshot() {
    let (yard, head) = reviewed();
    yard.prepare(&at(&yard, &head)).unwrap();
    let mine = yard.tree().commit_file("mine", "1\n");
    yard.tree().git(&["reset", "--quiet", "--hard", &head]);
    let settled = close(&yard.git(), &yard.dropping(false)).unwrap();
    assert_eq!(settled.snapshot.unwrap().head, Some(head));
    yard.repo().git(&["reflog", "expire", "--expire=now", "--all"]);
    yard.repo().git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(yard.repo().git(&["show", &format!("{mine}:mine")]), "1");
}

#[test]
fn undoing_a_detached_preparation_leaves_no_trace_and_never_takes_commits() {
    let (yard, head) = reviewed();
    let before = yard.trace();
    let undone = |ran| undo(&yard.git(), &yard.locks(), &yard.root(), ran);
    yard.prepare(&at(&yard, &head)).unwrap();
    yard.tree().write("left/by/set-up", "1");
    undone(Ran::Setup).unwrap();
    assert_eq!((&yard.trace().0, yard.trace().1), (&before.0, before.1));
    yard.prepare(&at(&yard, &head)).unwrap();
    // Somebody took the branch away meanwhile: what it had is not this env's work.
    yard.repo().git(&["branch", "--quiet", "-D", "skep/work"]);
    undone(Ran::Agent).unwrap();
    assert!(!yard.root().exists());
    yard.repo().git(&["branch", "skep/work", &head]);
    yard.prepare(&at(&yard, &head)).unwrap();
    yard.tree().commit_file("mine", "1");
    assert_eq!(undone(Ran::Setup).unwrap_err().slug(), "env-has-work");
}

#[test]
fn a_detached_preparation_killed_at_any_call_of_git_is_made_again_or_undone() {
    let begin = || {
        let (yard, head) = reviewed();
        let ask = at(&yard, &head);
        (yard, head, ask)
    };
    let (yard, _, ask) = begin();
    let calls = calls_of(&yard, &Task::Prepare(Box::new(ask)));
    assert!(calls > 4, "{calls}");
    for n in 1..=calls {
        for when in ["before", "after"] {
            let (yard, head, ask) = begin();
            let before = yard.trace().0;
            let task = Task::Prepare(Box::new(ask.clone()));
            assert!(!run_elsewhere(&yard, &task, &deadly(&yard, n, when)).success());
            if when == "after" {
                undo(&yard.git(), &yard.locks(), &yard.root(), Ran::Setup).unwrap();
                assert_eq!((yard.trace().0, yard.worktrees()), (before.clone(), 1), "call {n}");
            }
            let made = yard.prepare(&ask).unwrap_or_else(|error| panic!("{when} {n}: {error:?}"));
            assert_eq!(made.base.unwrap().oid, head, "{when} call {n}");
            assert_eq!((yard.tree().head(), yard.tree().status()), (head, String::new()));
            assert_eq!((yard.trace().0, yard.worktrees()), (before, 2), "{when} call {n}");
        }
    }
}

#[test]
fn a_close_of_an_untouched_detached_env_killed_at_any_call_of_git_goes_on_to_nothing() {
    let begin = || {
        let (yard, head) = reviewed();
        yard.prepare(&at(&yard, &head)).unwrap();
        let ask = yard.dropping(false);
        (yard, head, ask)
    };
    let (yard, _, ask) = begin();
    let calls = calls_of(&yard, &Task::Close(Box::new(ask)));
    assert!(calls > 6, "{calls}");
    for n in 1..=calls {
        let when = if n % 2 == 0 { "before" } else { "after" };
        let (yard, head, ask) = begin();
        let before = yard.trace().0;
        let task = Task::Close(Box::new(ask.clone()));
        assert!(!run_elsewhere(&yard, &task, &deadly(&yard, n, when)).success());
        let settled =
            close(&yard.git(), &ask).unwrap_or_else(|error| panic!("{when} {n}: {error:?}"));
        assert_eq!((settled.snapshot, settled.kept), (None, None), "{when} call {n}");
        assert_eq!((yard.trace().0, yard.worktrees()), (before, 1), "{when} call {n}");
        assert!(!yard.root().exists() && !yard.slot().exists(), "{when} call {n}");
        assert_eq!(yard.repo().oid("skep/work"), head);
    }
}

#[test]
fn a_deletion_that_was_killed_among_the_files_goes_on_and_takes_nothing_that_came_since() {
    for came in [None, Some("new")] {
        let (yard, head) = reviewed();
        yard.prepare(&at(&yard, &head)).unwrap();
        let ask = yard.dropping(false);
        let Verdict::Safe(proof) =
            inspect_for(&yard.git(), &ask.root, &ask.fate, &ask.discard).unwrap()
        else {
            panic!("it holds nothing")
        };
        leave(&ask, Warrant::Safe(proof)).unwrap();
        // As if killed after it was written down that all is as it was made, with one file gone.
        let slot = yard.slot();
        let mut owner = read_owner(&slot).unwrap().unwrap();
        owner.secured = Some(Secure {
            snapshot: None,
            branch: None,
            drop: false,
            ignored: Vec::new(),
            expendable: Vec::new(),
            missing: false,
            as_made: true,
            notes: Vec::new(),
        });
        owner.write(&slot).unwrap();
        fs::remove_file(slot.join("web-amber/README")).unwrap();
        if let Some(came) = came {
            yard.place.write(slot.join("web-amber").join(came), "mine");
        }
        let settled = settle(&yard.git(), &ask).unwrap();
        assert_eq!((yard.worktrees(), slot.join("web-amber").exists()), (1, false));
        assert_eq!(settled.snapshot.is_some(), came.is_some());
        if let Some(snapped) = settled.snapshot {
            let to = yard.place.root().join("to");
            snapshot::restore_to(&yard.git(), &yard.found(), &snapped.oid, &to).unwrap();
            assert_eq!(fs::read_to_string(to.join("new")).unwrap(), "mine");
        }
    }
}

fn spent(yard: &Yard) -> Leaving {
    Leaving { discard: Vec::new(), ..yard.leaving(false, crate::salvage::Fate::Spent) }
}

/// What a check leaves where it ran: changed, new and ignored files, repositories, output.
fn check_ran(yard: &Yard) {
    let tree = yard.tree();
    tree.write("pkg/a/code", "formatted\n");
    tree.write("new", "1");
    tree.write("node_modules/x", "1");
    yard.place.write(yard.root().join("output/coverage/index.html"), "99 %");
    yard.place.write(yard.root().join("logs/setup.done"), "");
    tree.git(&["init", "--quiet", "fixture"]);
    tree.write("fixture/file", "1");
}

#[test]
fn an_env_in_which_a_commit_was_checked_goes_with_what_that_left_and_without_a_snapshot() {
    let (yard, head) = reviewed();
    let before = yard.trace().0;
    yard.prepare(&at(&yard, &head)).unwrap();
    // No ref has what is checked: it is made of others' commits.
    yard.repo().git(&["branch", "--quiet", "-D", "skep/work"]);
    check_ran(&yard);
    let settled = close(&yard.git(), &spent(&yard)).unwrap();
    assert_eq!((settled.snapshot, settled.kept, settled.notes), (None, None, Vec::new()));
    assert!(kept(&yard).is_empty() && !yard.slot().exists() && !yard.root().exists());
    yard.repo().git(&["branch", "skep/work", &head]);
    assert_eq!((yard.trace().0, yard.worktrees()), (before, 1));
}

#[test]
fn what_no_check_leaves_keeps_the_env_in_its_place() {
    for change in [
        &["commit", "--quiet", "--allow-empty", "-m", "mine"][..],
        &["update-ref", "refs/worktree/mine", "HEAD"],
        &["bisect", "start"],
    ] {
        let (yard, head) = reviewed();
        yard.prepare(&at(&yard, &head)).unwrap();
        check_ran(&yard);
        yard.tree().git(change);
        let error = close(&yard.git(), &spent(&yard)).unwrap_err();
        assert!(matches!(error.cause, Cause::Work { .. }), "{change:?}: {error:?}");
        assert_eq!(yard.tree().read("new"), "1", "{change:?}");
        let by_force = Leaving { slot: "snap_0000000002".to_owned(), ..yard.dropping(true) };
        let settled = close(&yard.git(), &by_force).unwrap();
        assert!(settled.snapshot.is_some(), "{change:?}");
    }
    // And an env on a branch is never one that was only checked.
    let (yard, _) = reviewed();
    yard.prepare(&yard.ask()).unwrap();
    yard.tree().write("new", "1");
    let error = close(&yard.git(), &spent(&yard)).unwrap_err();
    assert!(matches!(error.cause, Cause::Work { .. }), "{error:?}");
}

#[test]
fn a_close_of_an_env_in_which_a_commit_was_checked_killed_at_any_call_of_git_goes_on_to_nothing() {
    let begin = || {
        let (yard, head) = reviewed();
        yard.prepare(&at(&yard, &head)).unwrap();
        check_ran(&yard);
        let ask = spent(&yard);
        (yard, ask)
    };
    let (yard, ask) = begin();
    let calls = calls_of(&yard, &Task::Close(Box::new(ask)));
    assert!(calls > 6, "{calls}");
    for n in 1..=calls {
        let when = if n % 2 == 0 { "before" } else { "after" };
        let (yard, ask) = begin();
        let before = yard.trace().0;
        let task = Task::Close(Box::new(ask.clone()));
        assert!(!run_elsewhere(&yard, &task, &deadly(&yard, n, when)).success());
        let settled =
            close(&yard.git(), &ask).unwrap_or_else(|error| panic!("{when} {n}: {error:?}"));
        assert_eq!((settled.snapshot, settled.kept), (None, None), "{when} call {n}");
        assert_eq!((yard.trace().0, yard.worktrees()), (before, 1), "{when} call {n}");
        assert!(!yard.root().exists() && !yard.slot().exists(), "{when} call {n}");
    }
}

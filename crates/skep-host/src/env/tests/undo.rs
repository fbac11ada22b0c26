use super::*;
use crate::env::undo::take_back;

#[test]
fn a_failure_takes_no_branch_that_moved_meanwhile() {
    let yard = Yard::new();
    let made = yard.made();
    let work = yard.tree().commit_file("work", "1");
    let mut owner = read_owner(&made.root).unwrap().unwrap();
    owner.state = State::Preparing;
    let left = take_back(&yard.git(), &yard.locks(), &made.root, &owner);
    assert!(left.is_empty());
    assert_eq!(yard.repo().oid("skep/fix"), work);
}

#[test]
fn undo_takes_everything_back_and_does_so_once() {
    let yard = Yard::new();
    let before = yard.trace();
    let made = yard.made();
    symlink(yard.place.root(), yard.place.root().join("by-a-link")).unwrap();
    let root = yard.place.root().join("by-a-link/env").join(KEY);
    assert!(made.root.is_dir());
    for _ in 0..2 {
        undo(&yard.git(), &yard.locks(), &root, Ran::Agent).unwrap();
        assert_eq!(yard.trace(), before);
    }
}

#[test]
fn what_a_failed_set_up_left_is_taken_back_too() {
    let yard = Yard::new();
    let before = yard.trace();
    let made = yard.made();
    yard.tree().write("node_modules/x", "1");
    yard.tree().write("pkg/a/code", "rewritten\n");
    yard.place.write(made.logs.join("setup.log"), "no");
    undo(&yard.git(), &yard.locks(), &made.root, Ran::Setup).unwrap();
    assert_eq!(yard.trace(), before);
}

#[test]
fn undo_refuses_where_an_agent_may_have_worked() {
    type Work = fn(&Repo<'_>);
    let works: [(&str, Work); 5] = [
        ("worktree-untracked", |tree| tree.write("new", "1")),
        ("worktree-dirty", |tree| tree.write("pkg/a/code", "2")),
        ("branch-has-commits", |tree| drop(tree.commit_file("new", "1"))),
        ("worktree-ignored", |tree| {
            tree.write("../../../r/.git/info/exclude", "result\n");
            tree.write("result", "42");
        }),
        ("worktree-detached", |tree| {
            tree.git(&["checkout", "--quiet", "--detach"]);
            tree.commit_file("new", "1");
        }),
    ];
    for (expected, work) in works {
        let yard = Yard::new();
        let made = yard.made();
        work(&yard.tree());
        let before = contents(&made.worktree);
        let error = undo(&yard.git(), &yard.locks(), &made.root, Ran::Agent).unwrap_err();
        let Cause::Work { reasons } = &error.cause else { panic!("{expected}: {error:?}") };
        assert_eq!(reasons.iter().map(Reason::slug).collect::<Vec<_>>(), [expected]);
        assert_eq!(contents(&made.worktree), before, "{expected}");
    }
}

#[test]
fn commits_of_a_set_up_are_work() {
    let yard = Yard::new();
    let made = yard.made();
    let work = yard.tree().commit_file("new", "1");
    let error = undo(&yard.git(), &yard.locks(), &made.root, Ran::Setup).unwrap_err();
    assert_eq!(error.slug(), "env-has-work");
    assert_eq!(yard.repo().oid("skep/fix"), work);
}

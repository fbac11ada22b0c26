use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use super::*;

#[test]
fn what_stands_is_told_and_the_remote_is_asked_itself() {
    let yard = Yard::new();
    let head = yard.tree().head();
    let expected = Standing {
        head: head.clone(),
        branch: Some("skep/x".to_owned()),
        dirty: Vec::new(),
        remote: Some(Remote {
            name: "origin".to_owned(),
            url: "../origin.git".to_owned(),
            branch: Some("skep/x".to_owned()),
        }),
        remote_head: Head::Absent,
    };
    assert_eq!(yard.standing(), expected);
    yard.tree().git(&["push", "--quiet", "origin", "skep/x"]);
    // A tracking ref that lies, in both directions.
    yard.tree().git(&["update-ref", "refs/remotes/origin/skep/x", "main"]);
    assert_eq!(yard.standing().remote_head, Head::At { oid: head });
    yard.origin().git(&["update-ref", "refs/heads/skep/x", "main"]);
    yard.tree().git(&["update-ref", "refs/remotes/origin/skep/x", "HEAD"]);
    assert_eq!(yard.standing().remote_head, Head::At { oid: yard.repo().head() });
    // Another ref whose name ends the same is not the branch.
    yard.origin().git(&["update-ref", "-d", "refs/heads/skep/x"]);
    yard.origin().git(&["update-ref", "refs/heads/refs/heads/skep/x", "main"]);
    assert_eq!(yard.standing().remote_head, Head::Absent);
}

#[test]
fn changed_and_untracked_paths_are_dirty_and_ignored_ones_are_not() {
    let yard = Yard::alone();
    yard.tree().write("file", "two\n");
    yard.tree().write("dir/new", "1");
    yard.tree().write("noise.log", "1");
    let standing = yard.standing();
    assert_eq!(standing.dirty, ["file", "dir/new"].map(PathBuf::from));
    assert_eq!((standing.remote, standing.remote_head), (None, Head::Absent));
    yard.tree().git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(yard.standing().branch, None);
}

#[test]
fn a_remote_that_gives_no_answer_is_unknown() {
    let yard = Yard::new();
    fs::rename(yard.origin().path(), yard.place.root().join("away")).unwrap();
    let unknown = |said: &str| {
        let head = yard.standing().remote_head;
        assert!(matches!(&head, Head::Unknown { why } if why.contains(said)), "{head:?}");
    };
    unknown("origin.git");
    yard.repo().git(&["remote", "set-url", "origin", "https://me:secret@localhost:1/x"]);
    unknown("localhost:1");
    let standing = yard.standing();
    assert!(!format!("{standing:?}").contains("secret"), "{standing:?}");
    // It takes the call and says nothing.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/x", deaf.local_addr().unwrap());
    yard.repo().git(&["remote", "set-url", "origin", &url]);
    let begun = Instant::now();
    let wait = Duration::from_millis(300);
    let standing = status_of(&yard.git(), &yard.found(), yard.tree().path(), Some(wait)).unwrap();
    assert!(
        matches!(&standing.remote_head, Head::Unknown { why } if why.contains("no answer")),
        "{standing:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn of_several_remotes_the_one_that_is_meant_is_asked_or_none() {
    let yard = Yard::new();
    yard.place.bare("fork.git");
    yard.repo().git(&["remote", "add", "fork", "../fork.git"]);
    let name = |yard: &Yard| yard.standing().remote.unwrap().name;
    assert_eq!(name(&yard), "origin");
    yard.repo().git(&["config", "remote.pushDefault", "fork"]);
    assert_eq!(name(&yard), "fork");
    yard.repo().git(&["config", "remote.pushDefault", "gone"]);
    assert_eq!(name(&yard), "origin");
    yard.repo().git(&["remote", "rename", "origin", "up"]);
    yard.repo().git(&["fetch", "--quiet", "up"]);
    assert_eq!(name(&yard), "up", "the only one with branches here");
    yard.repo().git(&["update-ref", "-d", "refs/remotes/up/main"]);
    let asked =
        status_of(&yard.git(), &yard.found(), yard.tree().path(), Some(Duration::from_secs(20)));
    assert_eq!(asked.unwrap_err().slug(), "remote-undecided");
}

#[test]
fn the_address_that_is_pushed_to_is_the_one_that_is_asked() {
    let yard = Yard::new();
    yard.place.bare("fork.git");
    yard.repo().git(&["config", "remote.origin.pushurl", "../fork.git"]);
    yard.tree().git(&["push", "--quiet", "origin", "skep/x"]);
    assert_eq!(yard.standing().remote.unwrap().url, "../fork.git");
    assert!(yard.standing().remote_head.is(&yard.tree().head()));
    // With two of them, only what both have is there.
    yard.repo().git(&["config", "--add", "remote.origin.pushurl", "../origin.git"]);
    assert_eq!(yard.standing().remote_head, Head::Absent);
    yard.tree().git(&["push", "--quiet", "origin", "skep/x"]);
    assert!(yard.standing().remote_head.is(&yard.tree().head()));
}

#[test]
fn a_worktree_that_was_led_to_another_repository_is_not_believed() {
    let yard = Yard::new();
    let other = yard.place.repo("other");
    other.git(&["worktree", "add", "--quiet", "-b", "skep/x", "../elsewhere"]);
    fs::copy(yard.place.root().join("elsewhere/.git"), yard.tree().path().join(".git")).unwrap();
    let asked =
        status_of(&yard.git(), &yard.found(), yard.tree().path(), Some(Duration::from_secs(20)));
    assert_eq!(asked.unwrap_err().slug(), "worktree-astray");
    yard.tree().write("new", "1");
    let rest = commit_rest(&yard.git(), &yard.found(), yard.tree().path(), "rest", false);
    assert_eq!(rest.unwrap_err().slug(), "worktree-astray");
}

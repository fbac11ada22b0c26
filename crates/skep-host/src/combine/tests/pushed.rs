use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::publish::{By, Head};

/// A repository whose `main` is a remote's, and a work on it.
fn begun() -> (Yard, String) {
    let yard = Yard::new();
    yard.place.bare("origin.git");
    yard.repo().git(&["remote", "add", "origin", "../origin.git"]);
    yard.repo().git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
    let head = yard.work("w", "main", &[("new", "1")]);
    (yard, head)
}

/// Somebody else's commit on the remote's main.
fn elsewhere(yard: &Yard, file: &str) -> String {
    if !yard.place.root().join("else").exists() {
        yard.place.at("").git(&["clone", "--quiet", "origin.git", "else"]);
    }
    let other = yard.place.at("else");
    other.git(&["pull", "--quiet", "--rebase"]);
    let head = other.commit_file(file, "else\n");
    other.git(&["push", "--quiet"]);
    head
}

fn asked(yard: &Yard) -> There {
    there(&yard.git(), &yard.found(), "main").unwrap().unwrap()
}

/// A trial on where the remote stands, and the wish to push it.
fn wish(yard: &Yard, head: &str, claim: &Claim) -> Bring {
    let There { remote, head: Head::At { oid } } = asked(yard) else { panic!() };
    let ask = Ask { onto: Some(oid), ..yard.ask(How::Rebase, &[head]) };
    let Combined::Trial(trial) = yard.combine(&ask) else { panic!() };
    Bring { push: Some(remote), ..yard.wish(&trial, claim) }
}

#[test]
fn the_remotes_target_moves_and_the_local_one_follows_with_its_files() {
    let (yard, head) = begun();
    let at = elsewhere(&yard, "theirs");
    let wish = wish(&yard, &head, &yard.claim("one", 1));
    assert_eq!(wish.onto, at, "what is there was fetched");
    let Brought::Landed { from, to, checkout, behind } = yard.bring(&wish) else { panic!() };
    assert_eq!((from, to.clone(), behind), (at, wish.commit.clone(), None));
    assert_eq!(checkout.as_deref(), Some(yard.repo().path()));
    assert_eq!(
        (yard.place.at("origin.git").oid("main"), yard.repo().head()),
        (to.clone(), to.clone())
    );
    assert_eq!((yard.repo().status(), yard.repo().oid("origin/main")), (String::new(), to.clone()));
    assert_eq!(yard.bring(&wish), Brought::Already { at: to, behind: None });
}

#[test]
fn a_local_branch_that_cannot_follow_is_told_and_left() {
    let (yard, head) = begun();
    yard.repo().write("new", "mine\n");
    let own = wish(&yard, &head, &yard.claim("one", 1));
    let Brought::Landed { behind, .. } = yard.bring(&own) else { panic!() };
    assert!(
        matches!(behind, Some(Behind::Refused { refusal: Refusal::TargetDirty { .. } })),
        "{behind:?}"
    );
    assert_eq!(yard.repo().read("new"), "mine\n");
    assert_eq!(yard.place.at("origin.git").oid("main"), own.commit);
    // The next time that it is asked it follows.
    fs::remove_file(yard.repo().path().join("new")).unwrap();
    assert!(matches!(yard.bring(&own), Brought::Already { .. }));
    assert_eq!(yard.repo().head(), own.commit);
}

#[test]
fn a_remote_that_went_on_is_not_pushed_to_whenever_it_did() {
    let (yard, head) = begun();
    let wish = wish(&yard, &head, &yard.claim("one", 1));
    let at = elsewhere(&yard, "theirs");
    assert_eq!(yard.bring(&wish), Brought::Refused(Refusal::TargetMoved { at }));
    // Between the question and the push.
    let hook = yard.place.root().join("origin.git/hooks/pre-receive");
    let away = elsewhere(&yard, "more");
    yard.place.at("origin.git").git(&["update-ref", "refs/heads/main", &wish.onto]);
    let script =
        format!("#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/main {away}\n");
    yard.place.write(&hook, &script);
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(yard.bring(&wish), Brought::Refused(Refusal::TargetMoved { at: away.clone() }));
    assert_eq!(yard.place.at("origin.git").oid("main"), away);
}

#[test]
fn a_remote_that_was_turned_back_is_not_forced_forward() {
    let (yard, head) = begun();
    let at = elsewhere(&yard, "theirs");
    let wish = wish(&yard, &head, &yard.claim("one", 1));
    let back = yard.repo().oid("main");
    yard.place.at("origin.git").git(&["update-ref", "refs/heads/main", &back]);
    assert_ne!(at, back);
    assert_eq!(yard.bring(&wish), Brought::Refused(Refusal::TargetMoved { at: back.clone() }));
    assert_eq!(yard.place.at("origin.git").oid("main"), back);
}

#[test]
fn a_remote_that_was_turned_back_between_the_question_and_the_push_is_not_forced_forward() {
    let (yard, head) = begun();
    elsewhere(&yard, "theirs");
    let wish = wish(&yard, &head, &yard.claim("one", 1));
    let back = yard.repo().oid("main");
    let origin = yard.place.root().join("origin.git");
    let script = format!(
        "#!/bin/sh\ngit --git-dir={} update-ref refs/heads/main {back}\nexec git-receive-pack \"$@\"\n",
        origin.display()
    );
    yard.place.write("receive", &script);
    let program = yard.place.root().join("receive");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    yard.repo().git(&["config", "remote.origin.receivepack", program.to_str().unwrap()]);
    assert_eq!(yard.bring(&wish), Brought::Refused(Refusal::TargetMoved { at: back.clone() }));
    assert_eq!(yard.place.at("origin.git").oid("main"), back);
}

#[test]
fn a_remote_that_refuses_and_one_that_is_not_reached_are_told_apart() {
    let (yard, head) = begun();
    let wish = wish(&yard, &head, &yard.claim("one", 1));
    let hook = yard.place.root().join("origin.git/hooks/pre-receive");
    yard.place.write(&hook, "#!/bin/sh\necho 'not today' >&2\nexit 1\n");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let Brought::PushRefused { by, output } = yard.bring(&wish) else { panic!() };
    assert_eq!(by, By::Hook);
    assert!(output.contains("not today"), "{output}");
    yard.place
        .write(&hook, "#!/bin/sh\necho 'GH006: Protected branch update failed' >&2\nexit 1\n");
    assert!(matches!(yard.bring(&wish), Brought::PushRefused { by: By::Protected, .. }));
    fs::rename(yard.place.root().join("origin.git"), yard.place.root().join("away.git")).unwrap();
    assert!(matches!(yard.bring(&wish), Brought::Unreachable { .. }));
    assert!(matches!(asked(&yard).head, Head::Unknown { .. }));
    assert_eq!(yard.place.at("away.git").oid("main"), wish.onto);
    assert_eq!(yard.repo().oid("main"), wish.onto);
}

#[test]
fn a_push_whose_answer_was_lost_has_landed() {
    let (yard, head) = begun();
    let wish = wish(&yard, &head, &yard.claim("one", 1));
    // The remote takes it and dies before it says so.
    let hook = yard.place.root().join("origin.git/hooks/post-update");
    yard.place.write(&hook, "#!/bin/sh\nkill -9 $PPID\n");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(yard.bring(&wish), Brought::Landed { .. }));
    assert_eq!(yard.repo().head(), wish.commit);
}

#[test]
fn an_older_claim_pushes_nothing() {
    let (yard, head) = begun();
    let old = yard.claim("old", 1);
    let next = yard.claim("next", 100);
    let wish = wish(&yard, &head, &old);
    assert_eq!(yard.bring(&wish), Brought::Fenced { by: Some(next) });
    assert_eq!(yard.place.at("origin.git").oid("main"), wish.onto);
}

#[test]
fn a_target_that_the_remote_lacks_and_a_repository_without_a_remote_are_told() {
    let (yard, head) = begun();
    let wish = wish(&yard, &head, &yard.claim("one", 1));
    yard.place.at("origin.git").git(&["update-ref", "-d", "refs/heads/main"]);
    assert_eq!(yard.bring(&wish), Brought::Refused(Refusal::TargetMissing));
    assert_eq!(asked(&yard).head, Head::Absent);
    yard.repo().git(&["remote", "remove", "origin"]);
    assert_eq!(there(&yard.git(), &yard.found(), "main").unwrap(), None);
}

#[test]
fn a_target_that_has_moved_is_landed_on_though_the_local_branch_cannot_even_be_asked() {
    let (yard, head) = begun();
    let wish = wish(&yard, &head, &yard.claim("one", 1));
    let lock = yard.repo().path().join(".git/index.lock");
    yard.repo().write(".git/index.lock", "");
    let Brought::Landed { behind, .. } = yard.bring(&wish) else { panic!() };
    assert!(behind.is_some());
    assert_eq!(yard.place.at("origin.git").oid("main"), wish.commit);
    fs::remove_file(&lock).unwrap();
    assert!(matches!(yard.bring(&wish), Brought::Already { behind: None, .. }));
    assert_eq!(yard.repo().head(), wish.commit);
}

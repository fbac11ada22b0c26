//! A lander that is killed at any call of git: it comes again, or another one comes with something else.

use std::os::unix::process::ExitStatusExt;

use super::{
    killed::{Task, calls_of, deadly, run_elsewhere},
    *,
};
use crate::combine::{self, Ask, Bring, Brought, Claim, Claiming, Combined, How, Work};

const NOTE: &str = "gates: passed";

fn claim(yard: &Yard, owner: &str, now: i64) -> Claim {
    match combine::claim(&yard.git(), &yard.found(), "main", owner, 60, now).unwrap() {
        Claiming::Claimed(claim) => claim,
        Claiming::Held(by) => panic!("held by {by:?}"),
    }
}

fn trial(yard: &Yard, head: &str, claim: &Claim) -> Bring {
    let work = Work {
        head: head.to_owned(),
        name: "a work".to_owned(),
        message: "bring it in".to_owned(),
        on: Vec::new(),
    };
    let ask = Ask {
        target: "main".to_owned(),
        onto: None,
        works: vec![work],
        how: How::Squash,
        at: 1_700_000_000,
        sign: false,
    };
    let combined = combine::combine(&yard.git(), &yard.found(), &ask).unwrap();
    let Combined::Trial(trial) = combined else { panic!("{combined:?}") };
    Bring {
        target: "main".to_owned(),
        onto: trial.onto,
        commit: trial.commit,
        claim: claim.clone(),
        push: None,
    }
}

/// The main branch, checked out, and two works on it that change the same folder in other files.
fn begun() -> (Yard, Bring, String) {
    let yard = Yard::new();
    let work = |branch: &str, file: &str| {
        yard.repo().git(&["checkout", "--quiet", "-b", branch, "main"]);
        yard.repo().write("pkg/a/code", &format!("{branch}\n"));
        yard.repo().git(&["rm", "--quiet", "README"]);
        let head = yard.repo().commit_file(file, "1\n");
        yard.repo().git(&["checkout", "--quiet", "main"]);
        head
    };
    let (one, two) = (work("one", "one"), work("two", "two"));
    let bring = trial(&yard, &one, &claim(&yard, "lander", 100));
    (yard, bring, two)
}

fn task(yard: &Yard, bring: &Bring) -> Task {
    Task::Bring {
        repository: yard.repo().path().to_owned(),
        locks: yard.locks(),
        bring: Box::new(bring.clone()),
        note: NOTE.to_owned(),
    }
}

#[test]
fn a_lander_killed_at_any_call_of_git_that_comes_again_lands_once_and_attests_once() {
    let (yard, bring, _) = begun();
    let calls = calls_of(&yard, &task(&yard, &bring));
    assert!(calls > 15, "{calls}");
    for at in 1..=calls {
        let when = if at % 2 == 0 { "before" } else { "after" };
        let (yard, bring, _) = begun();
        let status = run_elsewhere(&yard, &task(&yard, &bring), &deadly(&yard, at, when));
        assert_eq!(status.signal(), Some(9), "{when} call {at}");
        task(&yard, &bring)
            .run(&yard.git())
            .unwrap_or_else(|error| panic!("{when} call {at}: {error:?}"));
        assert_eq!(
            (yard.repo().head(), yard.repo().oid("HEAD~1"), yard.repo().status()),
            (bring.commit.clone(), bring.onto, String::new()),
            "{when} call {at}"
        );
        assert!(!yard.repo().path().join(".git/skep-landing").exists(), "{when} call {at}");
        let note = combine::attestation(&yard.git(), &yard.found(), &bring.commit).unwrap();
        assert_eq!(note.as_deref(), Some("gates: passed\n"), "{when} call {at}");
    }
}

#[test]
fn another_lander_after_one_that_was_killed_at_any_call_of_git_leaves_nothing_of_its_half_landing()
{
    let (yard, bring, _) = begun();
    let calls = calls_of(&yard, &task(&yard, &bring));
    for at in 1..=calls {
        let when = if at % 2 == 0 { "after" } else { "before" };
        let (yard, first, other) = begun();
        run_elsewhere(&yard, &task(&yard, &first), &deadly(&yard, at, when));
        let landed = yard.repo().oid("main") == first.commit;
        let next = claim(&yard, "next", 160);
        let brought = |bring: &Bring| {
            combine::bring(&yard.git(), &yard.found(), &yard.locks(), bring).unwrap()
        };
        if !landed {
            let second = trial(&yard, &other, &next);
            let told = brought(&second);
            assert!(matches!(told, Brought::Landed { .. }), "{when} call {at}: {told:?}");
            assert_eq!(yard.repo().head(), second.commit, "{when} call {at}");
            assert!(!yard.repo().path().join("one").exists(), "{when} call {at}");
        }
        assert_eq!(yard.repo().status(), "", "{when} call {at}");
        // And the first one, when it comes back, is held off or finds its work done.
        let late = brought(&first);
        match late {
            Brought::Already { .. } => assert!(landed, "{when} call {at}"),
            Brought::Fenced { by } => {
                assert_eq!(by.map(|by| by.owner), Some("next".to_owned()), "{when} call {at}");
            }
            Brought::Landed { .. }
            | Brought::Refused(_)
            | Brought::PushRefused { .. }
            | Brought::Unreachable { .. } => panic!("{when} call {at}: {late:?}"),
        }
        assert_eq!(yard.repo().status(), "", "{when} call {at}");
    }
}

#[test]
fn a_lander_that_pushes_and_is_killed_at_any_call_of_git_lands_once_there_and_here() {
    let begin = || {
        let (yard, bring, _) = begun();
        yard.place.bare("there.git");
        yard.repo().git(&["remote", "add", "there", "../there.git"]);
        yard.repo().git(&["config", "remote.pushDefault", "there"]);
        yard.repo().git(&["push", "--quiet", "there", "main"]);
        let there = combine::there(&yard.git(), &yard.found(), "main").unwrap().unwrap();
        assert!(there.head.is(&bring.onto));
        (yard, Bring { push: Some(there.remote), ..bring })
    };
    let (yard, bring) = begin();
    let calls = calls_of(&yard, &task(&yard, &bring));
    assert!(calls > 15, "{calls}");
    for at in 1..=calls {
        let when = if at % 2 == 0 { "before" } else { "after" };
        let (yard, bring) = begin();
        let status = run_elsewhere(&yard, &task(&yard, &bring), &deadly(&yard, at, when));
        assert_eq!(status.signal(), Some(9), "{when} call {at}");
        task(&yard, &bring)
            .run(&yard.git())
            .unwrap_or_else(|error| panic!("{when} call {at}: {error:?}"));
        assert_eq!(
            (yard.repo().head(), yard.repo().status(), yard.place.at("there.git").oid("main")),
            (bring.commit.clone(), String::new(), bring.commit.clone()),
            "{when} call {at}"
        );
        assert_eq!(yard.repo().oid("HEAD~1"), bring.onto, "{when} call {at}");
    }
}

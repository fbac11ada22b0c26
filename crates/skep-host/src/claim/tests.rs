use std::{collections::BTreeSet, sync::Barrier, thread};

use skep_testkit::Place;

use super::*;

/// Two clones of one bare remote, as two homes have them.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        place.repo("seed").commit_file("file", "one\n");
        place.bare("origin.git");
        place.at("seed").git(&["remote", "add", "origin", "../origin.git"]);
        place.at("seed").git(&["push", "--quiet", "origin", "main"]);
        let yard = Yard { place };
        for name in ["a", "b"] {
            yard.place.at("seed").git(&[
                "clone",
                "--quiet",
                "../origin.git",
                &format!("../{name}"),
            ]);
        }
        yard
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn repo(&self, name: &str) -> Repository {
        git::discover(&self.git(), self.place.at(name).path()).unwrap()
    }

    fn take(&self, name: &str, key: &str) -> Result<Taken, ClaimError> {
        take(&self.git(), Some(&self.repo(name)), &origin(), key, &of(name))
    }

    fn refs(&self) -> String {
        self.place.at("origin.git").git(&["for-each-ref", "--format=%(refname)", "refs/skep"])
    }
}

fn origin() -> At {
    At::Remote { name: "origin".to_owned() }
}

fn of(home: &str) -> Holder {
    Holder {
        home: home.to_owned(),
        run: format!("run_{home}"),
        who: "Ada".to_owned(),
        since: "2026-01-01T00:00:00.000Z".to_owned(),
    }
}

#[test]
fn an_issue_is_the_first_ones_until_it_gives_it_back_and_the_second_is_told_whose_it_is() {
    let yard = Yard::new();
    assert_eq!(yard.take("a", "12").unwrap(), Taken::Ours);
    assert_eq!(yard.refs(), "refs/skep/issues/12");
    assert_eq!(yard.take("b", "12").unwrap(), Taken::Theirs { holder: of("a") });
    assert_eq!(yard.take("b", "13").unwrap(), Taken::Ours);
    let (git, a, b) = (yard.git(), yard.repo("a"), yard.repo("b"));
    // What is another's is not given back by mistake.
    assert_eq!(let_go(&git, Some(&b), &origin(), "12", &of("b")).unwrap(), Some(of("a")));
    assert_eq!(let_go(&git, Some(&a), &origin(), "12", &of("a")).unwrap(), None);
    assert_eq!(let_go(&git, Some(&a), &origin(), "12", &of("a")).unwrap(), None);
    assert_eq!(yard.take("b", "12").unwrap(), Taken::Ours);
    // A claim is no branch and no tag, here or there.
    assert_eq!(yard.place.at("a").git(&["for-each-ref", "--format=%(refname)", "refs/skep"]), "");
    assert_eq!(yard.place.at("b").git(&["for-each-ref", "--format=%(refname)", "refs/skep"]), "");
}

#[test]
fn what_is_taken_twice_by_one_is_one_claim() {
    let yard = Yard::new();
    assert_eq!(yard.take("a", "12").unwrap(), Taken::Ours);
    assert_eq!(yard.take("a", "12").unwrap(), Taken::Ours);
    let later = Holder { since: "2026-02-02T00:00:00.000Z".to_owned(), ..of("a") };
    let again = take(&yard.git(), Some(&yard.repo("a")), &origin(), "12", &later);
    assert_eq!(again.unwrap(), Taken::Ours);
    assert_eq!(read(&yard.git(), Some(&yard.repo("b")), &origin(), "12").unwrap(), Some(of("a")));
}

#[test]
fn of_many_who_ask_at_once_one_has_it() {
    let yard = Yard::new();
    for key in ["1", "2", "3"] {
        let start = Barrier::new(6);
        let won: Vec<bool> = thread::scope(|scope| {
            let asked: Vec<_> = (0..6)
                .map(|nth| {
                    let (yard, start) = (&yard, &start);
                    scope.spawn(move || {
                        let repo = yard.repo(if nth % 2 == 0 { "a" } else { "b" });
                        start.wait();
                        let me = of(&format!("home{nth}"));
                        take(&yard.git(), Some(&repo), &origin(), key, &me).unwrap() == Taken::Ours
                    })
                })
                .collect();
            asked.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert_eq!(won.iter().filter(|won| **won).count(), 1, "{won:?}");
    }
    assert_eq!(yard.refs().lines().count(), 3);
}

#[test]
fn a_remote_that_gives_no_answer_is_no_free_issue() {
    let yard = Yard::new();
    std::fs::rename(yard.place.at("origin.git").path(), yard.place.root().join("away")).unwrap();
    let err = yard.take("a", "12").unwrap_err();
    assert_eq!(err.slug(), "claim-unanswered");
    assert_eq!(err.fault(), Fault::Environment);
    std::fs::rename(yard.place.root().join("away"), yard.place.at("origin.git").path()).unwrap();
    assert_eq!(yard.take("a", "12").unwrap(), Taken::Ours);
}

#[test]
fn a_remote_that_takes_no_claim_is_told_and_is_no_free_issue() {
    let yard = Yard::new();
    yard.place.at("origin.git").git(&["config", "receive.hideRefs", "refs/skep"]);
    let err = yard.take("a", "12").unwrap_err();
    assert_eq!(err.slug(), "claim-refused", "{err}");
    assert_eq!(yard.refs(), "");
}

#[test]
fn what_stands_there_and_is_no_claim_is_somebodys() {
    let yard = Yard::new();
    yard.place.at("seed").git(&["push", "--quiet", "origin", "main:refs/skep/issues/12"]);
    let Taken::Theirs { holder } = yard.take("a", "12").unwrap() else { panic!("it is not ours") };
    assert_eq!(holder, Holder::of(""));
    assert!(
        let_go(&yard.git(), Some(&yard.repo("a")), &origin(), "12", &of("a")).unwrap().is_some()
    );
    assert_eq!(yard.refs(), "refs/skep/issues/12");
}

#[test]
fn without_a_remote_the_repository_itself_keeps_it() {
    let yard = Yard::new();
    yard.place.at("a").git(&["remote", "remove", "origin"]);
    let (git, repo) = (yard.git(), yard.repo("a"));
    assert_eq!(place(&git, &repo).unwrap(), At::Here);
    let asked = |home: &str| take(&git, Some(&repo), &At::Here, "12", &of(home)).unwrap();
    assert_eq!(asked("x"), Taken::Ours);
    assert_eq!(asked("x"), Taken::Ours);
    assert_eq!(asked("y"), Taken::Theirs { holder: of("x") });
    assert_eq!(let_go(&git, Some(&repo), &At::Here, "12", &of("y")).unwrap(), Some(of("x")));
    assert_eq!(let_go(&git, Some(&repo), &At::Here, "12", &of("x")).unwrap(), None);
    assert_eq!(asked("y"), Taken::Ours);
}

#[test]
fn a_file_beside_the_issue_is_made_once_and_whole() {
    let yard = Yard::new();
    let at = At::File { path: yard.place.root().join("login.claim") };
    let git = yard.git();
    let start = Barrier::new(8);
    let won: BTreeSet<(bool, usize)> = thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|nth| {
                let (at, git, start) = (&at, &git, &start);
                scope.spawn(move || {
                    start.wait();
                    let me = of(&format!("home{nth}"));
                    (take(git, None, at, "login", &me).unwrap() == Taken::Ours, nth)
                })
            })
            .collect();
        asked.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let winners: Vec<usize> = won.iter().filter(|(won, _)| *won).map(|(_, nth)| *nth).collect();
    let [winner] = winners.as_slice() else { panic!("{won:?}") };
    let winner = of(&format!("home{winner}"));
    assert_eq!(read(&git, None, &at, "login").unwrap(), Some(winner.clone()));
    assert_eq!(let_go(&git, None, &at, "login", &of("other")).unwrap(), Some(winner.clone()));
    assert_eq!(let_go(&git, None, &at, "login", &winner).unwrap(), None);
    assert_eq!(read(&git, None, &at, "login").unwrap(), None);
    let left = std::fs::read_dir(yard.place.root()).unwrap();
    let left: Vec<_> = left.map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("login")), "{left:?}");
}

#[test]
fn no_key_leads_out_of_its_place() {
    let yard = Yard::new();
    for key in ["", "..", "a/b", "-d", "a b", "a\n", &"a".repeat(101)] {
        assert_eq!(yard.take("a", key).unwrap_err().slug(), "claim-key", "{key:?}");
    }
    assert_eq!(yard.refs(), "");
}

#[test]
fn what_somebody_else_wrote_into_a_claim_is_shown_without_what_a_terminal_would_obey() {
    let holder =
        Holder::of("home: \u{1b}[31mx\u{7}\nrun: a\u{202e}b\nwho: Ada\nsince: now\nrun: two");
    assert_eq!(holder.home, "x");
    assert!(holder.run.starts_with('a'));
    assert_eq!(Holder::of("home").home, "");
}

#[test]
fn wherever_the_taking_is_broken_off_it_is_somebodys_or_nobodys_and_the_same_again_tells() {
    let yard = Yard::new();
    let (git, a) = (yard.git(), yard.repo("a"));
    // Killed when the claim was written and not sent: the issue is free, and the first who asks has it.
    reference::make(&git, &a, &At::Here, "1", &of("a")).map(drop).unwrap();
    assert_eq!(yard.take("b", "1").unwrap(), Taken::Ours);
    assert_eq!(yard.take("a", "1").unwrap(), Taken::Theirs { holder: of("b") });
    // Killed when it was sent and nobody was told: it is held, and only the one who sent it has it.
    reference::make(&git, &a, &origin(), "2", &of("a")).map(drop).unwrap();
    assert_eq!(yard.take("b", "2").unwrap(), Taken::Theirs { holder: of("a") });
    assert_eq!(yard.take("a", "2").unwrap(), Taken::Ours);
    // Killed when it was given back and nobody was told.
    reference::remove(&git, &a, &origin(), "2", &of("a")).unwrap();
    assert_eq!(yard.take("b", "2").unwrap(), Taken::Ours);
    assert_eq!(let_go(&git, Some(&a), &origin(), "2", &of("a")).unwrap(), Some(of("b")));
    assert_eq!(yard.refs().lines().count(), 2);
}

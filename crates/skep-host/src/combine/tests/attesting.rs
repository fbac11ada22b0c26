use super::*;

#[test]
fn a_note_stands_beside_the_commit_and_is_read_back() {
    let yard = Yard::new();
    let commit = yard.repo().head();
    let read = || attestation(&yard.git(), &yard.found(), &commit).unwrap();
    assert_eq!(read(), None);
    let text = "gates: passed\n\ntree: ✓\n";
    attest(&yard.git(), &yard.found(), &commit, text, AT).unwrap();
    assert_eq!(read().as_deref(), Some(text));
    assert_eq!(yard.repo().git(&["notes", "--ref=skep", "show", &commit]), text.trim_end());
    let said = yard.repo().git(&["log", "-1", "--format=%cn %ct", "refs/notes/skep"]);
    assert_eq!(said, format!("Test {AT}"));
}

#[test]
fn a_second_one_is_added_and_the_same_again_is_not() {
    let yard = Yard::new();
    let commit = yard.repo().head();
    let say = |text: &str| attest(&yard.git(), &yard.found(), &commit, text, AT).unwrap();
    say("one\n\nof two parts");
    say("two");
    let at = yard.repo().oid("refs/notes/skep");
    say("one\n\nof two parts");
    say("two\n");
    assert_eq!(yard.repo().oid("refs/notes/skep"), at);
    let all = attestation(&yard.git(), &yard.found(), &commit).unwrap();
    assert_eq!(all.as_deref(), Some("one\n\nof two parts\n\ntwo\n"));
}

#[test]
fn what_a_person_wrote_there_stays() {
    let yard = Yard::new();
    let commit = yard.repo().head();
    yard.repo().git(&["notes", "--ref=skep", "add", "-m", "mine", &commit]);
    attest(&yard.git(), &yard.found(), &commit, "one", AT).unwrap();
    yard.repo().git(&["notes", "--ref=skep", "append", "-m", "mine again", &commit]);
    attest(&yard.git(), &yard.found(), &commit, "two", AT).unwrap();
    let all = attestation(&yard.git(), &yard.found(), &commit).unwrap();
    assert_eq!(all.as_deref(), Some("mine\n\none\n\nmine again\n\ntwo\n"));
}

#[test]
fn many_at_once_lose_nothing() {
    let yard = Yard::new();
    let commits = [yard.repo().head(), yard.repo().commit_file("x", "1")];
    let (git, found) = (yard.git(), yard.found());
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (git, found, commit) = (&git, &found, &commits[n % 2]);
            scope.spawn(move || attest(git, found, commit, &format!("note {n}"), AT).unwrap());
        }
    });
    for (n, commit) in commits.iter().enumerate() {
        let all = attestation(&yard.git(), &yard.found(), commit).unwrap().unwrap();
        let mut lines: Vec<&str> = all.lines().filter(|line| !line.is_empty()).collect();
        lines.sort_unstable();
        let own: Vec<String> = (0..8).filter(|k| k % 2 == n).map(|k| format!("note {k}")).collect();
        assert_eq!(lines, own);
    }
    yard.repo().git(&["fsck", "--no-dangling"]);
    assert_eq!(
        yard.repo().git(&["for-each-ref", "--format=%(refname)", "refs/notes"]),
        "refs/notes/skep"
    );
}

#[test]
fn only_a_commit_that_is_here_is_attested() {
    let yard = Yard::new();
    for oid in ["HEAD", "--all", &"1".repeat(40)] {
        let error = attest(&yard.git(), &yard.found(), oid, "x", AT);
        assert!(matches!(error, Err(GitError::NoSuchRef { .. })), "{oid}");
    }
}

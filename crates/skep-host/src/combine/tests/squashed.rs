use super::*;

#[test]
fn a_squashed_work_is_one_commit_with_its_message_and_its_first_author() {
    let yard = Yard::new();
    yard.repo().git(&["checkout", "--quiet", "-b", "w"]);
    yard.repo().write("one", "1");
    yard.repo().git(&["add", "one"]);
    let author = ["--author", "Ada Ünger <ada@example.invalid>", "--date", "1600000000 +0530"];
    yard.repo().git(&[&["commit", "--quiet", "-m", "first"], &author[..]].concat());
    let head = yard.repo().commit_file("two", "2");
    yard.repo().git(&["checkout", "--quiet", "main"]);
    let trial = yard.trial(How::Squash, &[&head]);
    let said = yard.repo().git(&[
        "log",
        "--format=%an|%ae|%ad|%cn|%ct|%P|%B",
        "--date=raw",
        "-1",
        &trial.commit,
    ]);
    let onto = yard.repo().head();
    assert_eq!(
        said,
        format!("Ada Ünger|ada@example.invalid|1600000000 +0530|Test|{AT}|{onto}|bring it in")
    );
    assert_eq!(trial.tree, yard.repo().oid(&format!("{head}^{{tree}}")));
}

#[test]
fn a_work_that_changes_nothing_here_makes_no_commit() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("new", "1")]);
    yard.repo().write("new", "1");
    yard.repo().commit("the same by somebody else");
    assert!(matches!(yard.combine(&yard.ask(How::Squash, &[&head])), Combined::Already { .. }));
    assert!(matches!(yard.combine(&yard.ask(How::Rebase, &[&head])), Combined::Already { .. }));
    assert_eq!(yard.trial(How::Merge, &[&head]).taken, [0], "its commits are not there");
}

#[test]
fn a_work_that_stands_on_another_that_is_here_in_another_form_brings_what_came_since() {
    let yard = Yard::new();
    let below = yard.work("below", "main", &[("file", "1\nb\nc\nd\ne\n")]);
    let above = yard.work("above", "below", &[("file", "2\nb\nc\nd\ne\n")]);
    for how in [How::Squash, How::Rebase] {
        let both = yard.trial(how, &[&below, &above]);
        assert_eq!(both.taken, [0, 1], "{how:?}");
        let log = yard.repo().git(&["log", "--format=%s", &format!("main..{}", both.commit)]);
        assert_eq!(log.lines().count(), 2, "{how:?}: {log}");
        assert_eq!(yard.file(&both.commit, "file"), "2\nb\nc\nd\ne");
    }
    let first = yard.trial(How::Squash, &[&below]);
    for how in [How::Merge, How::Squash, How::Rebase] {
        let mut ask = Ask { onto: Some(first.commit.clone()), ..yard.ask(how, &[&above]) };
        // A rebase sees by itself that a commit changes nothing any more; the others would change the line twice.
        assert_eq!(matches!(yard.combine(&ask), Combined::Trial(_)), how == How::Rebase, "{how:?}");
        ask.works[0].on = vec![below.clone()];
        let Combined::Trial(trial) = yard.combine(&ask) else { panic!("{how:?}") };
        assert_eq!(yard.file(&trial.commit, "file"), "2\nb\nc\nd\ne", "{how:?}");
    }
}

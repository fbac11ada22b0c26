use super::*;

#[test]
fn one_work_that_stands_on_the_target_comes_as_it_is() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("new", "1"), ("new", "2")]);
    let trial = yard.trial(How::Merge, &[&head]);
    assert_eq!((trial.onto, trial.commit.clone()), (yard.repo().head(), head.clone()));
    assert_eq!(trial.tree, yard.repo().oid(&format!("{head}^{{tree}}")));
    assert_eq!((trial.taken, trial.left), (vec![0], vec![]));
}

#[test]
fn works_that_do_not_stand_on_it_have_a_merge_commit_each_in_the_users_name_at_the_asks_moment() {
    let yard = Yard::new();
    let one = yard.work("one", "main", &[("one", "1")]);
    let two = yard.work("two", "main", &[("two", "2")]);
    let onto = yard.repo().commit_file("here", "0");
    let trial = yard.trial(How::Merge, &[&one, &two]);
    assert_eq!(trial.taken, [0, 1]);
    let last = format!("{}^", trial.commit);
    let parents = |rev: &str| yard.repo().git(&["log", "-1", "--format=%P", rev]);
    assert_eq!(parents(&last), format!("{onto} {one}"));
    assert_eq!(parents(&trial.commit), format!("{} {two}", yard.repo().oid(&last)));
    let said =
        yard.repo().git(&["log", "-1", "--format=%an <%ae> %at|%cn <%ce> %ct|%B", &trial.commit]);
    let who = format!("Test <test@example.invalid> {AT}");
    assert_eq!(said, format!("{who}|{who}|bring it in"));
    let names = yard.repo().git(&["ls-tree", "--name-only", &trial.tree]);
    assert_eq!(names, "README\nfile\nhere\none\ntwo");
}

#[test]
fn the_same_ask_gives_the_same_commit_and_another_moment_another_one() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("new", "1")]);
    yard.repo().commit_file("here", "0");
    for how in [How::Merge, How::Squash, How::Rebase] {
        let ask = yard.ask(how, &[&head]);
        assert_eq!(yard.combine(&ask), yard.combine(&ask), "{how:?}");
        let later = Ask { at: AT + 1, ..ask.clone() };
        assert_ne!(yard.combine(&ask), yard.combine(&later), "{how:?}");
    }
}

#[test]
fn a_work_that_conflicts_is_left_out_with_its_files_and_the_others_go_on() {
    let yard = Yard::new();
    let one = yard.work("one", "main", &[("file", "1\nb\nc\nd\ne\n")]);
    let two = yard.work("two", "main", &[("file", "2\nb\nc\nd\ne\n"), ("other", "x")]);
    let three = yard.work("three", "main", &[("file", "a\nb\nc\nd\n3\n")]);
    for how in [How::Merge, How::Squash, How::Rebase] {
        let trial = yard.trial(how, &[&one, &two, &three]);
        assert_eq!(trial.taken, [0, 2], "{how:?}");
        let [left] = &trial.left[..] else { panic!("{how:?}: {trial:?}") };
        assert_eq!((left.work, left.files.clone()), (1, paths(&["file"])), "{how:?}");
        assert_eq!(left.text, "CONFLICT (content): Merge conflict in file", "{how:?}");
        assert_eq!(yard.file(&trial.commit, "file"), "1\nb\nc\nd\n3", "{how:?}");
        assert!(
            !yard
                .repo()
                .try_git(&["cat-file", "-e", &format!("{}:other", trial.tree)])
                .status
                .success()
        );
    }
}

#[test]
fn where_all_of_it_is_on_the_target_there_is_nothing_to_bring_and_where_all_conflicts_that_is_said()
{
    let yard = Yard::new();
    let there = yard.repo().oid("main^");
    let onto = yard.repo().commit_file("file", "1\nb\nc\nd\ne\n");
    let against = yard.work("w", "main^", &[("file", "2\nb\nc\nd\ne\n")]);
    for how in [How::Merge, How::Squash, How::Rebase] {
        let already = yard.combine(&yard.ask(how, &[&there, &onto]));
        assert_eq!(already, Combined::Already { onto: onto.clone() });
        assert_eq!(yard.conflicts(how, &[&there, &against])[0].work, 1);
    }
}

#[test]
fn what_stands_in_the_projects_own_settings_after_it_is_told() {
    let yard = Yard::new();
    yard.repo().commit_file(".skep/project.toml", "a");
    let head = yard.work(
        "w",
        "main",
        &[(".skep/project.toml", "b"), (".skep/new", "c"), ("x/.skep/y", "d")],
    );
    let trial = yard.trial(How::Merge, &[&head]);
    assert_eq!(trial.touches, paths(&[".skep/new", ".skep/project.toml"]));
    let back = yard.work("back", "w", &[(".skep/project.toml", "a")]);
    assert_eq!(yard.trial(How::Squash, &[&back]).touches, paths(&[".skep/new"]));
}

#[test]
fn a_target_that_is_not_there_and_a_head_that_is_none_are_told_apart() {
    let yard = Yard::new();
    let head = yard.repo().head();
    let ask = |target: &str| Ask { target: target.to_owned(), ..yard.ask(How::Merge, &[&head]) };
    for target in ["gone", "-x", "../main", ""] {
        assert_eq!(yard.combine(&ask(target)), Combined::TargetMissing, "{target}");
    }
    for head in ["--all", "main", &"1".repeat(40)] {
        let error = combine(&yard.git(), &yard.found(), &yard.ask(How::Merge, &[head]));
        assert!(matches!(error, Err(GitError::NoSuchRef { wanted }) if wanted == head));
    }
}

#[test]
fn a_work_with_a_history_of_its_own_is_left_out() {
    let yard = Yard::new();
    yard.repo().git(&["checkout", "--quiet", "--orphan", "apart"]);
    let head = yard.repo().commit_file("x", "1");
    yard.repo().git(&["checkout", "--quiet", "main"]);
    for how in [How::Merge, How::Squash, How::Rebase] {
        let left = yard.conflicts(how, &[&head]);
        assert_eq!(left[0].text, "a work has no history in common with main");
    }
}

#[test]
fn a_trial_can_be_made_on_where_a_remote_stands() {
    let yard = Yard::new();
    let theirs = yard.work("theirs", "main", &[("theirs", "1")]);
    let head = yard.work("w", "main", &[("new", "1")]);
    let ask = Ask { onto: Some(theirs.clone()), ..yard.ask(How::Merge, &[&head]) };
    let Combined::Trial(trial) = yard.combine(&ask) else { panic!() };
    assert_eq!(trial.onto, theirs);
    assert_eq!(yard.repo().oid(&format!("{}^1", trial.commit)), theirs);
}

#[test]
fn a_trial_touches_nothing_but_objects() {
    let yard = Yard::new();
    let one = yard.work("one", "main", &[("one", "1"), (".gitattributes", "* text=auto\n")]);
    let two = yard.work("two", "main", &[("file", "2\n")]);
    let three = yard.work("three", "main", &[("file", "3\n")]);
    yard.repo().commit_file("here", "0");
    yard.repo().write("file", "uncommitted\n");
    yard.repo().write("untracked", "mine\n");
    // A checkout's index is younger than its files now; a git that refreshed it would be seen.
    let objects = |path: &Path| path.starts_with(".git/objects");
    let all = || everything(yard.repo().path(), &|path| objects(path));
    let kept = || everything(&yard.repo().path().join(".git/objects"), &|_| false);
    let (before, objects_before) = (all(), kept());
    for how in [How::Merge, How::Squash, How::Rebase] {
        yard.trial(how, &[&one, &two, &three]);
        let against = Ask { onto: Some(two.clone()), ..yard.ask(how, &[&three]) };
        assert!(matches!(yard.combine(&against), Combined::Conflicts { .. }));
    }
    assert_eq!(all(), before);
    let after = kept();
    assert!(objects_before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)));
    assert!(after.len() > objects_before.len());
}

use super::*;

/// Both add a line at the same place of `file`; `main` has `attributes` before, and the work those of its own.
fn both_add(yard: &Yard, attributes: Option<&str>, own: Option<&str>) -> String {
    if let Some(attributes) = attributes {
        yard.repo().commit_file(".gitattributes", attributes);
    }
    let mut files = vec![("file", "a\nb\nc\nd\ne\nwork\n")];
    files.extend(own.map(|own| (".gitattributes", own)));
    let head = yard.work("w", "main", &files);
    yard.repo().commit_file("file", "a\nb\nc\nd\ne\nmain\n");
    head
}

/// A driver that says that it ran, and takes everything.
fn driver(yard: &Yard, name: &str) -> PathBuf {
    let ran = yard.place.root().join("ran");
    let line = format!("touch {}; true", ran.display());
    yard.repo().git(&["config", &format!("merge.{name}.driver"), &line]);
    ran
}

#[test]
fn how_the_targets_tree_says_that_a_file_is_merged_it_is_also_where_nothing_is_checked_out() {
    let yard = Yard::new();
    let head = both_add(&yard, Some("file merge=union\n"), None);
    let trial = yard.trial(How::Merge, &[&head]);
    assert_eq!(yard.file(&trial.commit, "file"), "a\nb\nc\nd\ne\nmain\nwork");
    yard.repo().git(&["clone", "--quiet", "--bare", ".", "../b.git"]);
    let bare = git::discover(&yard.git(), &yard.place.root().join("b.git")).unwrap();
    let there = combine(&yard.git(), &bare, &yard.ask(How::Merge, &[&head])).unwrap();
    assert_eq!(there, Combined::Trial(trial));
}

#[test]
fn what_a_work_or_a_checkout_says_of_merging_has_no_say() {
    let yard = Yard::new();
    let head = both_add(&yard, None, Some("file merge=union\n"));
    yard.repo().write(".gitattributes", "file merge=union\n");
    for how in [How::Merge, How::Squash, How::Rebase] {
        assert_eq!(yard.conflicts(how, &[&head])[0].files, paths(&["file"]));
    }
    // With the work checked out where git would look, too.
    yard.repo().git(&["clean", "--quiet", "--force"]);
    yard.repo().git(&["checkout", "--quiet", "w"]);
    assert_eq!(yard.conflicts(How::Merge, &[&head])[0].files, paths(&["file"]));
}

#[test]
fn a_driver_that_a_work_chooses_does_not_run() {
    let yard = Yard::new();
    let ran = driver(&yard, "mine");
    let head = both_add(&yard, None, Some("* merge=mine\n"));
    yard.repo().git(&["checkout", "--quiet", "w"]);
    for how in [How::Merge, How::Squash, How::Rebase] {
        assert_eq!(yard.conflicts(how, &[&head])[0].files, paths(&["file"]));
        assert!(!ran.exists(), "{how:?}");
    }
}

#[test]
fn a_file_that_a_driver_of_the_users_own_is_to_merge_conflicts_where_both_changed_it_and_no_driver_runs()
 {
    for name in ["mine", "a=b", "with.dot"] {
        let yard = Yard::new();
        let ran = driver(&yard, name);
        let head = both_add(&yard, Some(&format!("* merge={name}\n")), None);
        let before =
            everything(&yard.repo().path().join(".git"), &|path| path.starts_with("objects"));
        for how in [How::Merge, How::Squash, How::Rebase] {
            assert_eq!(yard.conflicts(how, &[&head])[0].files, paths(&["file"]), "{name} {how:?}");
        }
        let after =
            everything(&yard.repo().path().join(".git"), &|path| path.starts_with("objects"));
        assert_eq!(before, after, "{name}");
        let other = yard.work("other", "main", &[("file", "only here\n")]);
        assert_eq!(yard.trial(How::Squash, &[&other]).taken, [0], "{name}");
        assert!(!ran.exists(), "{name}");
    }
}

#[test]
fn no_filter_runs_whatever_the_settings_say_of_renormalizing() {
    let yard = Yard::new();
    let ran = yard.place.root().join("ran");
    let line = format!("touch {}; cat", ran.display());
    yard.repo().git(&["config", "merge.renormalize", "true"]);
    let head = both_add(&yard, Some("* filter=mine\n"), None);
    yard.repo().git(&["config", "filter.mine.clean", &line]);
    yard.repo().git(&["config", "filter.mine.smudge", &line]);
    assert_eq!(yard.conflicts(How::Merge, &[&head])[0].files, paths(&["file"]));
    assert!(!ran.exists());
}

#[test]
fn line_ends_are_what_the_commits_hold() {
    let yard = Yard::new();
    yard.repo().git(&["config", "core.autocrlf", "true"]);
    yard.repo().git(&["-c", "core.autocrlf=false", "rm", "--quiet", "--cached", "file"]);
    let blob =
        yard.feed(&["hash-object", "-w", "--no-filters", "--stdin"], b"a\r\nb\r\nc\r\nd\r\n");
    yard.repo().git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},file")]);
    yard.repo().git(&["commit", "--quiet", "-m", "crlf"]);
    let base = yard.repo().head();
    let make = |text: &[u8]| {
        let blob = yard.feed(&["hash-object", "-w", "--no-filters", "--stdin"], text);
        let tree = yard.feed(&["mktree"], format!("100644 blob {blob}\tfile\n").as_bytes());
        yard.feed(&["commit-tree", "-p", &base, "-m", "change", &tree], b"")
    };
    let (one, two) = (make(b"1\r\nb\r\nc\r\nd\r\n"), make(b"a\r\nb\r\nc\r\n2\r\n"));
    let trial = yard.trial(How::Squash, &[&one, &two]);
    let bytes = yard
        .git()
        .call(yard.repo().path())
        .args(["cat-file", "blob", &format!("{}:file", trial.tree)])
        .bytes();
    assert_eq!(bytes.unwrap(), b"1\r\nb\r\nc\r\n2\r\n");
}

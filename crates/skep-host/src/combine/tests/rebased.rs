use super::*;

#[test]
fn each_commit_of_its_own_stands_on_the_target_with_its_author_and_message() {
    let yard = Yard::new();
    yard.repo().git(&["checkout", "--quiet", "-b", "w"]);
    let author = ["--author", "Ada <ada@example.invalid>", "--date", "1600000000 -0800"];
    for (file, message) in [("one", "first\n\nwith a body\n\n  and form\n"), ("two", "second")] {
        yard.repo().write(file, "1");
        yard.repo().git(&["add", file]);
        yard.repo().git(
            &[&["commit", "--quiet", "--cleanup=verbatim", "-m", message], &author[..]].concat(),
        );
    }
    let head = yard.repo().head();
    yard.repo().git(&["checkout", "--quiet", "main"]);
    let onto = yard.repo().commit_file("here", "0");
    let trial = yard.trial(How::Rebase, &[&head]);
    let told =
        |range: &str| yard.repo().git(&["log", "--format=%an <%ae> %ad%n%B", "--date=raw", range]);
    assert_eq!(told(&format!("{onto}..{}", trial.commit)), told(&format!("{onto}..{head}")));
    assert_eq!(yard.repo().oid(&format!("{}~2", trial.commit)), onto);
    let committed =
        yard.repo().git(&["log", "-1", "--format=%cn %ct %cd", "--date=format:%z", &trial.commit]);
    assert_eq!(committed, format!("Test {AT} +0000"));
}

#[test]
fn commits_that_stand_on_the_target_are_taken_as_they_are_and_empty_ones_are_dropped() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("one", "1"), ("two", "2")]);
    let trial = yard.trial(How::Rebase, &[&head]);
    assert_eq!(trial.commit, head);
    yard.repo().git(&["checkout", "--quiet", "w"]);
    yard.repo().git(&["commit", "--quiet", "--allow-empty", "-m", "empty"]);
    let three = yard.repo().commit_file("three", "3");
    yard.repo().git(&["checkout", "--quiet", "main"]);
    let trial = yard.trial(How::Rebase, &[&three]);
    let log = yard.repo().git(&["log", "--format=%s", &format!("main..{}", trial.commit)]);
    assert_eq!(log, "three\ntwo\none");
    assert_eq!(yard.repo().oid(&format!("{}~1", trial.commit)), head);
}

#[test]
fn merges_are_flattened_where_nothing_of_theirs_is_lost() {
    let yard = Yard::new();
    yard.work("side", "main", &[("side", "1")]);
    yard.work("w", "main", &[("one", "1")]);
    yard.repo().commit_file("here", "0");
    yard.repo().git(&["checkout", "--quiet", "w"]);
    yard.repo().git(&["merge", "--quiet", "--no-edit", "side", "main"]);
    let head = yard.repo().commit_file("two", "2");
    yard.repo().git(&["checkout", "--quiet", "main"]);
    let trial = yard.trial(How::Rebase, &[&head]);
    assert_eq!((trial.taken, trial.as_one), (vec![0], vec![]));
    let log = yard.repo().git(&["log", "--format=%s", &format!("main..{}", trial.commit)]);
    let mut log: Vec<&str> = log.lines().collect();
    log.sort_unstable();
    assert_eq!(log, ["one", "side", "two"]);
    assert_eq!(yard.repo().git(&["rev-list", "--merges", &format!("main..{}", trial.commit)]), "");
}

#[test]
fn a_work_that_resolved_something_in_a_merge_comes_as_one_commit_with_that() {
    let yard = Yard::new();
    yard.work("w", "main", &[("file", "1\nb\nc\nd\ne\n"), ("more", "x")]);
    yard.repo().commit_file("file", "2\nb\nc\nd\ne\n");
    let merge = |text: &str| {
        yard.repo().git(&["checkout", "--quiet", "w"]);
        yard.repo().try_git(&["merge", "--quiet", "--no-edit", "main"]);
        yard.repo().write("file", text);
        let head = yard.repo().commit("resolved");
        yard.repo().git(&["checkout", "--quiet", "main"]);
        head
    };
    let head = merge("1 and 2\nb\nc\nd\ne\n");
    let trial = yard.trial(How::Rebase, &[&head]);
    assert_eq!((trial.taken, trial.as_one), (vec![0], vec![0]));
    assert_eq!(trial.tree, yard.repo().oid(&format!("{head}^{{tree}}")));
    assert_eq!(yard.repo().oid(&format!("{}^", trial.commit)), yard.repo().head());
}

#[test]
fn the_first_commit_of_a_history_can_be_picked_where_a_later_one_joined_it() {
    let yard = Yard::new();
    yard.repo().git(&["checkout", "--quiet", "--orphan", "apart"]);
    yard.repo().git(&["rm", "--quiet", "-rf", "."]);
    yard.repo().commit_file("root", "1");
    yard.repo().git(&["merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "main"]);
    let head = yard.repo().head();
    yard.repo().git(&["checkout", "--quiet", "main"]);
    let trial = yard.trial(How::Rebase, &[&head]);
    let log = yard.repo().git(&["log", "--format=%s", &format!("main..{}", trial.commit)]);
    assert_eq!((log.as_str(), yard.file(&trial.commit, "root").as_str()), ("root", "1"));
}

#[test]
fn a_message_in_another_encoding_stays_byte_for_byte() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("one", "1")]);
    let tree = yard.repo().oid(&format!("{head}^{{tree}}"));
    let parent = yard.repo().head();
    let mut bytes = format!("tree {tree}\nparent {parent}\nauthor J").into_bytes();
    bytes.extend(b"\xfcrgen. <j@example.invalid> 1600000000 +0100\n");
    bytes.extend(
        b"committer C <c@example.invalid> 1600000000 +0100\nencoding ISO-8859-1\n\ngr\xfc\xdfe",
    );
    let head = yard.feed(&["hash-object", "-t", "commit", "-w", "--stdin"], &bytes);
    yard.repo().commit_file("here", "0");
    let trial = yard.trial(How::Rebase, &[&head]);
    let said = yard
        .git()
        .call(yard.repo().path())
        .args(["cat-file", "commit", &trial.commit])
        .bytes()
        .unwrap();
    let has = |part: &[u8]| said.windows(part.len()).any(|here| here == part);
    assert!(has(b"author J\xfcrgen. <j@example.invalid> 1600000000 +0100\n"));
    assert!(has(b"encoding ISO-8859-1\n\ngr\xfc\xdfe") && said.ends_with(b"\xdfe"));
}

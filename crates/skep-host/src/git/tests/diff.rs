use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const MUCH: u64 = 1 << 20;

fn seen(git: &Git, repo: &Repo<'_>, base: &str) -> Diff {
    diff(git, Side::Worktree(repo.path()), base, None, None, MUCH).unwrap()
}

fn words(diff: &Diff) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    let one = |file: &Changed| {
        let from = file.from.as_ref().map(|from| format!("{} -> ", from.display()));
        format!(
            "{} {}{} +{} -{}",
            file.status,
            from.unwrap_or_default(),
            file.path.display(),
            number(file.insertions),
            number(file.deletions)
        )
    };
    diff.files.iter().map(one).collect()
}

fn text(diff: &Diff) -> String {
    String::from_utf8_lossy(&diff.text).into_owned()
}

/// A repository with five files and a commit, the base.
fn begun(place: &Place) -> (Repo<'_>, String) {
    let repo = place.repo("r");
    for name in ["changed", "gone", "moved", "committed"] {
        repo.write(name, &format!("{name}\none\ntwo\nthree\nfour\n"));
    }
    repo.write("kept", "kept\n");
    let base = repo.commit("begin");
    repo.git(&["checkout", "--quiet", "-b", "work"]);
    (repo, base)
}

#[test]
fn a_worktree_holds_what_was_committed_what_was_changed_and_what_git_does_not_know() {
    let place = Place::new();
    let (repo, base) = begun(&place);
    repo.commit_file("committed", "committed\n");
    repo.git(&["mv", "moved", "there"]);
    repo.write("changed", "changed\none\ntwo\nthree\nfour\nfive\n");
    fs::remove_file(repo.path().join("gone")).unwrap();
    repo.write("sub/new", "1\n2\n");
    repo.write("picture", "\0\u{1}\0");
    repo.write("empty", "");
    symlink("/nowhere", repo.path().join("link")).unwrap();
    repo.write(".gitignore", "ignored\n");
    repo.write("ignored", "x");
    let before = fs::read(repo.path().join(".git/index")).unwrap();
    let found = seen(&git(&place), &repo, &base);
    assert_eq!(
        words(&found),
        [
            "modified changed +1 -0",
            "modified committed +0 -4",
            "deleted gone +0 -5",
            "renamed moved -> there +0 -0",
            "untracked .gitignore +1 -0",
            "untracked empty +0 -0",
            "untracked link +1 -0",
            "untracked picture +? -?",
            "untracked sub/new +2 -0",
        ]
    );
    let text = text(&found);
    for part in ["+five\n", "rename to there\n", "+++ b/sub/new\n@@ -0,0 +1,2 @@\n+1\n+2\n"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!found.cut);
    assert_eq!((found.base, found.head), (base, repo.head()));
    assert_eq!(fs::read(repo.path().join(".git/index")).unwrap(), before);
}

#[test]
fn a_branch_without_a_folder_holds_what_was_committed() {
    let place = Place::new();
    let (repo, base) = begun(&place);
    let head = repo.commit_file("new", "1\n");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.write("untracked", "of somebody else");
    let known = discover(&git(&place), repo.path()).unwrap();
    let side = Side::Commit(&known, &head);
    let found = diff(&git(&place), side, &base, Some("main"), None, MUCH).unwrap();
    assert_eq!(words(&found), ["added new +1 -0"]);
}

#[test]
fn what_was_taken_over_from_the_target_is_not_the_runs_work_and_what_landed_there_is() {
    let place = Place::new();
    let (repo, base) = begun(&place);
    repo.commit_file("mine", "1\n");
    repo.git(&["checkout", "--quiet", "main"]);
    let newer = repo.commit_file("theirs", "1\n");
    repo.git(&["checkout", "--quiet", "work"]);
    repo.git(&["rebase", "--quiet", "main"]);
    let look = || {
        let side = Side::Worktree(repo.path());
        diff(&git(&place), side, &base, Some("main"), None, MUCH).unwrap()
    };
    assert_eq!((words(&look()), look().base), (vec!["added mine +1 -0".to_owned()], newer));
    repo.git(&["branch", "--force", "main", "work"]);
    assert_eq!((words(&look()).len(), look().base), (2, base));
}

#[test]
fn a_path_is_a_path_whatever_stands_in_it() {
    let place = Place::new();
    let (repo, base) = begun(&place);
    let odd = ["-", "--output=x", "*", ":(exclude)kept", "a\nb", "\u{1b}[31mred", "q\"uote", "a b"];
    for name in odd {
        repo.write(format!("./{name}"), "1\n");
    }
    repo.write("kept", "changed\n");
    let found = seen(&git(&place), &repo, &base);
    let paths: Vec<&Path> = found.files.iter().map(|file| file.path.as_path()).collect();
    for name in odd {
        assert!(paths.contains(&Path::new(name)), "{name}: {paths:?}");
    }
    assert!(found.files.iter().all(|file| file.insertions == Some(1)), "{:?}", words(&found));
    assert!(!found.text.contains(&0x1b), "a name is quoted");
    for name in odd {
        let side = Side::Worktree(repo.path());
        let one = diff(&git(&place), side, &base, None, Some(Path::new(name)), MUCH).unwrap();
        assert_eq!(one.files.len(), 1, "{name}: {:?}", words(&one));
    }
}

#[test]
fn nothing_that_the_repository_names_is_run() {
    let place = Place::new();
    let (repo, base) = begun(&place);
    let program = place.root().join("program");
    let ran = place.root().join("ran");
    place.write("program", &format!("#!/bin/sh\necho \"$0 $*\" >> '{}'\ncat\n", ran.display()));
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let program = program.to_str().unwrap();
    for name in [
        "diff.external",
        "diff.odd.command",
        "diff.odd.textconv",
        "filter.odd.clean",
        "filter.o=d.d.clean",
        "filter.long.process",
        "core.fsmonitor",
        "core.pager",
        "pager.diff",
        "interactive.diffFilter",
    ] {
        repo.git(&["config", name, program]);
    }
    repo.git(&["config", "filter.odd.required", "true"]);
    repo.git(&["config", "color.ui", "always"]);
    repo.git(&["config", "diff.noprefix", "true"]);
    let attributes = "changed diff=odd filter=odd\nnew diff=odd filter=o=d.d\ngone filter=long\n";
    repo.write(".git/info/attributes", attributes);
    for name in ["changed", "new", "gone"] {
        repo.write(name, "other\n");
    }
    let found = seen(&git(&place), &repo, &base);
    assert_eq!(
        words(&found),
        ["modified changed +1 -5", "modified gone +1 -5", "untracked new +1 -0"]
    );
    assert!(text(&found).contains("+++ b/changed\n") && !found.text.contains(&0x1b));
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap());
    repo.try_git(&["diff", &base]);
    assert!(ran.exists(), "left alone, git would have run it");
}

#[test]
fn more_than_was_wanted_is_cut_at_a_line_and_said_to_be() {
    let place = Place::new();
    let (repo, base) = begun(&place);
    repo.commit_file("long", &"a line\n".repeat(100_000));
    repo.write("late", "1\n");
    let side = Side::Worktree(repo.path());
    let found = diff(&git(&place), side, &base, None, None, 10_000).unwrap();
    assert!(found.cut && found.text.len() <= 10_000 && found.text.ends_with(b"+a line\n"));
    assert_eq!(words(&found), ["added long +100000 -0", "untracked late +? -?"]);
}

#[test]
fn a_conflict_and_a_repository_inside_are_told_and_a_base_that_is_gone_is_an_error() {
    let place = Place::new();
    let (repo, base) = begun(&place);
    repo.commit_file("kept", "mine\n");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.commit_file("kept", "theirs\n");
    repo.git(&["checkout", "--quiet", "work"]);
    assert!(!repo.try_git(&["merge", "main"]).status.success());
    place.repo("r/inside");
    let found = seen(&git(&place), &repo, &base);
    assert_eq!(words(&found), ["conflicted kept +5 -1", "untracked inside/ +? -?"]);
    let gone = "0123456789012345678901234567890123456789";
    let error = diff(&git(&place), Side::Worktree(repo.path()), gone, None, None, MUCH);
    assert!(matches!(error, Err(GitError::Failed { .. })), "{error:?}");
}

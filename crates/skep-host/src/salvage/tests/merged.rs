use super::*;

/// A repository whose branch `work` has one commit for each text, each to a file of its own.
struct Fork {
    place: Place,
    base: String,
}

impl Fork {
    fn new(commits: usize) -> Fork {
        let place = Place::new();
        let repo = place.repo("r");
        let base = repo.commit_file("shared", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
        repo.git(&["checkout", "--quiet", "-b", "work"]);
        for n in 1..=commits {
            repo.commit_file(&format!("file{n}"), &format!("{n}\n"));
        }
        repo.git(&["checkout", "--quiet", "main"]);
        Fork { place, base }
    }

    fn repo(&self) -> Repo<'_> {
        self.place.at("r")
    }

    fn merged_into(&self, target: &str) -> Merge {
        let git = Git::new(self.place.env());
        let repo = git::discover(&git, self.repo().path()).unwrap();
        merged(&git, &repo, &self.repo().oid("work"), &self.base, target)
    }

    fn by(&self) -> By {
        let merge = self.merged_into("main");
        let Merge::Merged { by, .. } = merge else { panic!("not merged: {merge:?}") };
        by
    }

    fn missing(&self) -> Vec<String> {
        let merge = self.merged_into("main");
        let Merge::NotMerged { commits, .. } = merge else { panic!("{merge:?}") };
        commits.into_iter().map(|commit| commit.subject).collect()
    }

    fn squash(&self, rev: &str) {
        self.repo().git(&["merge", "--quiet", "--squash", rev]);
        self.repo().git(&["commit", "--quiet", "--message", "squashed"]);
    }
}

#[test]
fn a_target_that_has_the_very_commits_has_the_work() {
    for how in ["--ff-only", "--no-ff"] {
        let fork = Fork::new(2);
        fork.repo().git(&["merge", "--quiet", how, "work"]);
        assert_eq!(fork.by(), By::Ancestor);
        fork.repo().commit_file("later", "1");
        assert_eq!(fork.by(), By::Ancestor);
    }
}

#[test]
fn a_branch_without_commits_is_never_merged() {
    let fork = Fork::new(0);
    fork.repo().commit_file("later", "1");
    assert!(matches!(fork.merged_into("main"), Merge::NoCommits));
}

#[test]
fn work_that_is_not_there_is_named_commit_by_commit() {
    let fork = Fork::new(2);
    assert_eq!(fork.missing(), ["file1", "file2"]);
    fork.repo().commit_file("shared", "other\n");
    assert_eq!(fork.missing(), ["file1", "file2"]);
}

#[test]
fn rebased_work_is_recognised_commit_by_commit_and_what_is_missing_is_named() {
    let fork = Fork::new(3);
    fork.repo().commit_file("shared", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    fork.repo().git(&["cherry-pick", "work~2", "work~1"]);
    assert_eq!(fork.missing(), ["file3"]);
    fork.repo().commit_file("between", "1");
    fork.repo().git(&["cherry-pick", "work"]);
    assert_eq!(fork.by(), By::Rebased);
}

#[test]
fn squashed_work_is_recognised_also_where_the_target_went_on() {
    let fork = Fork::new(3);
    fork.repo().commit_file("shared", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    fork.squash("work");
    assert_eq!(fork.by(), By::Squashed);
    // What came later changed the same place again, so that no merge could tell.
    fork.repo().commit_file("file1", "other\n");
    assert_eq!(fork.by(), By::Squashed);
}

#[test]
fn of_work_that_was_squashed_before_its_last_commits_only_those_are_missing() {
    let fork = Fork::new(3);
    fork.squash("work~1");
    assert_eq!(fork.missing(), ["file3"]);
    fork.squash("work");
    assert_eq!(fork.by(), By::Squashed);
}

#[test]
fn two_changes_of_the_same_bytes_that_are_no_text_are_told_apart() {
    let fork = Fork::new(1);
    let repo = fork.repo();
    let change = |bytes: &str| {
        repo.write("blob", &format!("\0\0{bytes}"));
        repo.commit(bytes)
    };
    change("one");
    repo.git(&["checkout", "--quiet", "work"]);
    change("two");
    repo.git(&["checkout", "--quiet", "main"]);
    assert_eq!(fork.missing(), ["file1", "two"]);
}

#[test]
fn work_into_which_the_target_was_merged_is_recognised_as_a_whole() {
    let fork = Fork::new(2);
    fork.repo().commit_file("later", "1");
    fork.repo().git(&["checkout", "--quiet", "work"]);
    fork.repo().git(&["merge", "--quiet", "--no-edit", "main"]);
    fork.repo().commit_file("file4", "4\n");
    fork.repo().git(&["checkout", "--quiet", "main"]);
    assert_eq!(fork.missing().len(), 4);
    fork.squash("work");
    assert_eq!(fork.by(), By::Squashed);
}

#[test]
fn work_that_the_target_has_in_other_pieces_is_contained() {
    let fork = Fork::new(2);
    fork.repo().write("file1", "1\n");
    fork.repo().commit_file("file3", "3\n");
    fork.repo().commit_file("file2", "2\n");
    assert_eq!(fork.by(), By::Contained);
}

#[test]
fn commits_that_take_each_other_back_are_not_in_a_target_that_never_had_them() {
    let fork = Fork::new(1);
    fork.repo().git(&["checkout", "--quiet", "work"]);
    fork.repo().git(&["revert", "--no-edit", "HEAD"]);
    fork.repo().git(&["checkout", "--quiet", "main"]);
    assert_eq!(fork.missing().len(), 2);
    let fork = Fork::new(0);
    fork.repo().git(&["checkout", "--quiet", "work"]);
    fork.repo().commit("nothing but words");
    fork.repo().git(&["checkout", "--quiet", "main"]);
    assert_eq!(fork.missing(), ["nothing but words"]);
}

#[test]
fn a_target_on_a_remote_counts_as_well_as_the_local_one() {
    let fork = Fork::new(2);
    fork.place.bare("origin.git");
    fork.repo().git(&["remote", "add", "up", "../origin.git"]);
    fork.repo().git(&["push", "--quiet", "up", "work:main"]);
    assert!(
        matches!(fork.merged_into("main"), Merge::Merged { by: By::Ancestor, target, .. } if target == "refs/remotes/up/main")
    );
    fork.repo().git(&["branch", "--quiet", "--move", "main", "trunk"]);
    assert!(matches!(fork.merged_into("main"), Merge::Merged { .. }));
    assert!(matches!(fork.merged_into("up/main"), Merge::Merged { .. }));
    fork.repo().git(&["remote", "remove", "up"]);
    assert!(matches!(fork.merged_into("main"), Merge::NoTarget));
    assert!(matches!(fork.merged_into("--all"), Merge::NoTarget));
}

#[test]
fn histories_that_never_met_and_a_git_that_does_not_answer_are_no_merge() {
    let fork = Fork::new(1);
    fork.repo().git(&["checkout", "--quiet", "--orphan", "other"]);
    fork.repo().commit("alone");
    assert!(
        matches!(fork.merged_into("other"), Merge::NotMerged { note: Some(note), .. } if note.contains("no history"))
    );
    let git = Git::new(fork.place.env());
    let repo = git::discover(&git, fork.repo().path()).unwrap();
    let no_git = Git::new([("PATH", "/nowhere")]);
    let work = fork.repo().oid("work");
    assert!(matches!(merged(&no_git, &repo, &work, &fork.base, "main"), Merge::Unknown(_)));
    let gone = "1".repeat(40);
    assert!(matches!(merged(&git, &repo, &work, &gone, "main"), Merge::Unknown(_)));
}

#[test]
fn a_target_that_went_far_is_compared_as_far_as_the_note_says_and_paths_narrow_it_down() {
    let fork = Fork::new(1);
    let mut stream = format!("reset refs/heads/main\nfrom {}\n\n", fork.base);
    for n in 0..2_100 {
        use std::fmt::Write as _;
        let file = if n == 0 { "file1" } else { "busy" };
        let text = if n == 0 { "1\n".to_owned() } else { format!("{n}\n") };
        write!(
            stream,
            "commit refs/heads/main\ncommitter a <a@b> 19{n:08} +0000\ndata 1\nx\nM 644 inline {file}\ndata {}\n{text}\n",
            text.len()
        )
        .unwrap();
    }
    fork.place.write("stream", &stream);
    fork.repo().git(&["checkout", "--quiet", "--detach"]);
    let import = crate::proc::Program::new("git")
        .args(["fast-import", "--quiet", "--force"])
        .envs(fork.place.env())
        .cwd(fork.repo().path())
        .stdin(stream.into_bytes())
        .output()
        .unwrap();
    assert!(import.status.success(), "{}", import.complaint());
    assert_eq!(fork.by(), By::Rebased);
    fork.repo().git(&["checkout", "--quiet", "work"]);
    fork.repo().commit_file("busy", "mine\n");
    assert!(
        matches!(fork.merged_into("main"), Merge::NotMerged { note: Some(note), .. } if note.contains("2000"))
    );
}

/// What a forge squashed, and the target here has not fetched, is proven by its word about just this commit.
#[test]
fn a_forges_word_proves_the_work_up_to_the_commit_it_is_about_and_no_commit_more() {
    let fork = Fork::new(2);
    let git = Git::new(fork.place.env());
    let repo = git::discover(&git, fork.repo().path()).unwrap();
    let head = fork.repo().oid("work");
    let word = |head: &str| Word { head: head.to_owned(), change: "change #12".to_owned() };
    let told = |word: Option<&Word>| {
        merged_or_told(&git, &repo, &fork.repo().oid("work"), &fork.base, "main", word)
    };
    assert!(matches!(told(None), Merge::NotMerged { commits, .. } if commits.len() == 2));
    let merge = told(Some(&word(&head)));
    assert!(matches!(&merge, Merge::Merged { by: By::Told, at, .. } if *at == head), "{merge:?}");
    // Of a commit that nobody here knows it says nothing of ours.
    let strange = word(&"1".repeat(40));
    assert!(matches!(told(Some(&strange)), Merge::NotMerged { commits, .. } if commits.len() == 2));
    // Nor of none.
    let none = word("");
    assert!(matches!(told(Some(&none)), Merge::NotMerged { commits, .. } if commits.len() == 2));
    fork.repo().git(&["checkout", "--quiet", "work"]);
    fork.repo().commit_file("late", "late\n");
    let merge = told(Some(&word(&head)));
    let Merge::NotMerged { commits, note } = merge else { panic!("{merge:?}") };
    let subjects: Vec<&str> = commits.iter().map(|commit| commit.subject.as_str()).collect();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    assert_eq!(note.as_deref(), Some("they came after change #12 was merged"));
}

#[test]
fn a_branch_goes_by_a_forges_word_only_as_long_as_it_stands_where_that_says() {
    let fork = Fork::new(1);
    let git = Git::new(fork.place.env());
    let repo = git::discover(&git, fork.repo().path()).unwrap();
    let word = Word { head: fork.repo().oid("work"), change: "change #12".to_owned() };
    let fate = Fate::DropBrought { target: Some("main".to_owned()), word };
    let lost = || branch_reasons(&git, &repo, "work", Some(&fork.base), &fate).unwrap().1;
    assert_eq!(lost(), []);
    fork.repo().git(&["checkout", "--quiet", "work"]);
    fork.repo().commit_file("late", "late\n");
    assert!(matches!(lost().as_slice(), [Reason::Unmerged { .. }]), "{:?}", lost());
}

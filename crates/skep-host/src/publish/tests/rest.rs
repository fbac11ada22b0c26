use std::time::Duration;

use super::*;

impl Yard {
    fn rest(&self, message: &str) -> Result<Rest, PublishError> {
        commit_rest(&self.git(), &self.found(), self.tree().path(), message, false)
    }

    /// Index and commit, which an attempt that fails must leave alone.
    fn before(&self) -> (Vec<u8>, String, String) {
        let index = self.repo().path().join(".git/worktrees/w/index");
        (fs::read(index).unwrap(), self.tree().head(), self.tree().status())
    }
}

#[test]
fn all_that_is_not_ignored_is_committed_as_the_person_with_the_words_as_given() {
    let yard = Yard::alone();
    yard.tree().write("dir/new", "1");
    yard.tree().write("noise.log", "1");
    fs::remove_file(yard.tree().path().join("file")).unwrap();
    yard.tree().write("--force", "1");
    yard.hook("r/.git/hooks/pre-commit", "touch \"$(git rev-parse --git-dir)/was-asked\"");
    let before = yard.tree().head();
    let done = yard.rest("# 12: the rest\n\n$(rm -rf .) --amend\n").unwrap();
    let head = yard.tree().head();
    assert_eq!(done, Rest::Committed { head: head.clone() });
    assert_eq!(yard.tree().oid("HEAD^"), before);
    let show = |format: &str| yard.tree().git(&["log", "-1", &format!("--format={format}")]);
    assert_eq!(show("%B"), "# 12: the rest\n\n$(rm -rf .) --amend");
    assert_eq!(show("%an <%ae>|%cn"), "Test <test@example.invalid>|Test");
    assert_eq!(
        yard.tree().git(&["show", "--format=", "--name-status"]),
        "A\t--force\nA\tdir/new\nD\tfile"
    );
    assert_eq!(yard.tree().status(), "");
    assert!(yard.tree().path().join("noise.log").exists());
    assert!(yard.repo().path().join(".git/worktrees/w/was-asked").exists());
    assert_eq!(yard.rest("again").unwrap(), Rest::Nothing);
    assert_eq!(yard.tree().head(), head);
}

#[test]
fn a_refused_commit_leaves_index_and_branch_as_they_were() {
    let yard = Yard::alone();
    yard.tree().write("file", "staged\n");
    yard.tree().git(&["add", "file"]);
    yard.tree().write("file", "not staged\n");
    yard.tree().write("new", "1");
    let before = yard.before();
    let refused = |said: &str| {
        let err = yard.rest("rest").unwrap_err();
        let PublishError::Refused { output } = &err else { panic!("{err:?}") };
        assert!(output.contains(said), "{output}");
        assert_eq!(yard.before(), before);
    };
    yard.hook("r/.git/hooks/pre-commit", "echo 'lint: \\033[1mfile:1\\033[0m is bad' >&2; exit 1");
    refused("lint: file:1 is bad");
    yard.hook("r/.git/hooks/pre-commit", "exit 1");
    refused("not why");
    yard.hook("r/.git/hooks/commit-msg", "echo 'no ticket'; exit 1");
    fs::remove_file(yard.repo().path().join(".git/hooks/pre-commit")).unwrap();
    refused("no ticket");
    fs::remove_file(yard.repo().path().join(".git/hooks/commit-msg")).unwrap();
    yard.place.write("home/.gitconfig", "[user]\nname = Test\n");
    refused("email");
}

#[test]
fn a_hook_that_never_ends_is_ended_and_git_works_there_afterwards() {
    let yard = Yard::alone();
    yard.tree().write("new", "1");
    let before = yard.before();
    yard.hook("r/.git/hooks/pre-commit", "sleep 600");
    let impatient = yard.git().timeout(Duration::from_secs(1));
    let rest = commit_rest(&impatient, &yard.found(), yard.tree().path(), "rest", false);
    assert_eq!(rest.unwrap_err().slug(), "git-timeout");
    assert_eq!(yard.before(), before);
    fs::remove_file(yard.repo().path().join(".git/hooks/pre-commit")).unwrap();
    assert!(matches!(yard.rest("rest").unwrap(), Rest::Committed { .. }));
}

#[test]
fn what_was_begun_is_not_ended_and_what_would_be_lost_is_not_named_as_kept() {
    let yard = Yard::alone();
    yard.repo().commit_file("work", "2");
    let slug = || {
        let before = yard.before();
        let slug = yard.rest("rest").unwrap_err().slug();
        assert_eq!(yard.before(), before);
        slug
    };
    yard.tree().write("new", "1");
    let lock = yard.repo().path().join(".git/worktrees/w/index.lock");
    yard.place.write(&lock, "");
    assert_eq!(slug(), "git-locked", "a git that was killed, or one at work");
    fs::remove_file(lock).unwrap();
    fs::remove_file(yard.tree().path().join("new")).unwrap();
    yard.tree().try_git(&["merge", "main"]);
    assert_eq!(slug(), "worktree-under-way");
    yard.tree().git(&["merge", "--abort"]);
    // Conflicts without a merge.
    yard.tree().write("file", "mine\n");
    yard.tree().git(&["stash", "--quiet"]);
    yard.tree().commit_file("file", "theirs\n");
    assert!(!yard.tree().try_git(&["stash", "pop"]).status.success());
    assert_eq!(slug(), "worktree-under-way");
    yard.tree().git(&["reset", "--quiet", "--hard"]);
    yard.tree().git(&["init", "--quiet", "inner"]);
    yard.place.at("w/inner").commit_file("deep", "1");
    assert_eq!(slug(), "worktree-nested-repository");
}

#[test]
fn what_git_was_told_not_to_look_at_is_committed_too() {
    let yard = Yard::alone();
    for (flag, text) in [("--assume-unchanged", "two\n"), ("--skip-worktree", "three\n")] {
        yard.tree().git(&["update-index", flag, "file"]);
        yard.tree().write("file", text);
        assert_eq!(yard.tree().status(), "", "{flag}");
        assert_eq!(yard.standing().dirty, [PathBuf::from("file")], "{flag}");
        assert!(matches!(yard.rest("hidden").unwrap(), Rest::Committed { .. }), "{flag}");
        assert_eq!(yard.tree().git(&["show", "HEAD:file"]), text.trim(), "{flag}");
        assert_eq!(yard.standing().dirty, Vec::<PathBuf>::new(), "{flag}");
    }
    // One that has no change is only looked at again.
    let head = yard.tree().head();
    yard.tree().git(&["update-index", "--assume-unchanged", "file"]);
    assert_eq!(yard.rest("nothing").unwrap(), Rest::Nothing);
    assert_eq!((yard.tree().head(), yard.standing().dirty), (head, Vec::new()));
}

use skep_testkit::{Place, Repo};

use super::*;

mod merged;

/// A repository with a linked worktree on `skep/x`.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        let repo = place.repo("r");
        repo.commit_file("file", "one\n");
        repo.git(&["worktree", "add", "--quiet", "-b", "skep/x", "../w"]);
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn repo(&self) -> Repo<'_> {
        self.place.at("r")
    }

    fn tree(&self) -> Repo<'_> {
        self.place.at("w")
    }

    fn inspect_with(&self, git: &Git) -> Verdict {
        let repo = git::discover(&self.git(), self.repo().path()).unwrap();
        inspect(git, &repo, self.tree().path())
    }

    fn inspect(&self) -> Verdict {
        self.inspect_with(&self.git())
    }

    fn slugs(&self) -> Vec<&'static str> {
        match self.inspect() {
            Verdict::Safe(_) => Vec::new(),
            Verdict::Unsafe(reasons) => reasons.iter().map(Reason::slug).collect(),
            Verdict::Unknown(error) => panic!("unknown: {error}"),
        }
    }
}

#[test]
fn a_clean_worktree_with_its_commits_on_a_branch_is_safe() {
    let yard = Yard::new();
    let head = yard.tree().commit_file("work", "1");
    assert!(matches!(yard.inspect(), Verdict::Safe(proof) if proof.head() == Some(head.as_str())));
    yard.tree().git(&["checkout", "--quiet", "-b", "another"]);
    yard.tree().commit_file("more", "1");
    assert_eq!(yard.slugs(), Vec::<&str>::new());
}

#[test]
fn whatever_is_not_committed_is_a_reason() {
    type Mess = fn(&Repo<'_>);
    let messes: [(&str, Mess); 7] = [
        ("worktree-dirty", |tree| tree.write("file", "two\n")),
        ("worktree-dirty", |tree| fs::remove_file(tree.path().join("file")).unwrap()),
        ("worktree-dirty", |tree| {
            tree.write("new", "1");
            tree.git(&["add", "new"]);
        }),
        ("worktree-untracked", |tree| tree.write("dir/new", "1")),
        ("worktree-nested-repository", |tree| {
            fs::create_dir(tree.path().join("nested")).unwrap();
            tree.git(&["init", "--quiet", "nested"]);
        }),
        ("worktree-unwatched", |tree| {
            tree.git(&["update-index", "--assume-unchanged", "file"]);
            tree.write("file", "two\n");
        }),
        ("worktree-unwatched", |tree| {
            tree.git(&["config", "sparse.expectFilesOutsideOfPatterns", "true"]);
            tree.git(&["config", "core.sparseCheckout", "true"]);
            tree.git(&["update-index", "--skip-worktree", "file"]);
            tree.write("file", "two\n");
        }),
    ];
    for (expected, mess) in messes {
        let yard = Yard::new();
        mess(&yard.tree());
        assert_eq!(yard.slugs(), [expected]);
    }
}

#[test]
fn settings_that_hide_files_from_status_hide_nothing_here() {
    let yard = Yard::new();
    yard.repo().git(&["config", "status.showUntrackedFiles", "no"]);
    yard.tree().write("new", "1");
    assert_eq!(yard.slugs(), ["worktree-untracked"]);
}

#[test]
fn a_detached_head_is_safe_only_where_its_commits_are_on_a_branch_tag_or_remote() {
    let yard = Yard::new();
    yard.tree().git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(yard.slugs(), Vec::<&str>::new());
    let head = yard.tree().commit_file("work", "1");
    assert!(
        matches!(yard.inspect(), Verdict::Unsafe(reasons) if reasons == [Reason::Detached { head: head.clone(), commits: 1 }])
    );
    yard.repo().git(&["tag", "kept", &head]);
    assert_eq!(yard.slugs(), Vec::<&str>::new());
}

#[test]
fn a_head_that_names_no_branch_counts_as_detached() {
    let yard = Yard::new();
    let head = yard.tree().commit_file("work", "1");
    yard.tree().git(&["update-ref", "refs/heads/skep/x", "HEAD~1"]);
    yard.tree().git(&["update-ref", "refs/odd/place", &head]);
    yard.tree().git(&["symbolic-ref", "HEAD", "refs/odd/place"]);
    yard.tree().git(&["reset", "--quiet", "--hard", &head]);
    assert_eq!(yard.slugs(), ["worktree-detached"]);
}

#[test]
fn something_begun_and_not_ended_is_a_reason() {
    let yard = Yard::new();
    yard.tree().commit_file("file", "two\n");
    yard.repo().commit_file("file", "three\n");
    yard.tree().try_git(&["merge", "--quiet", "main"]);
    assert_eq!(yard.slugs(), ["worktree-dirty", "worktree-under-way"]);
    yard.tree().git(&["merge", "--abort"]);
    assert_eq!(yard.slugs(), Vec::<&str>::new());
    yard.tree().try_git(&["rebase", "--quiet", "main"]);
    assert!(yard.slugs().contains(&"worktree-under-way"));
    yard.tree().git(&["rebase", "--abort"]);
    yard.tree().git(&["bisect", "start"]);
    assert_eq!(yard.slugs(), ["worktree-under-way"]);
}

#[test]
fn refs_that_go_with_the_worktree_are_a_reason() {
    let yard = Yard::new();
    yard.tree().git(&["update-ref", "refs/worktree/mine", "HEAD"]);
    assert_eq!(yard.slugs(), ["worktree-private-refs"]);
}

#[test]
fn a_submodule_that_is_checked_out_is_a_reason_and_its_unpushed_commits_are_counted() {
    let yard = Yard::new();
    yard.place.repo("lib");
    yard.tree().git(&["submodule", "--quiet", "add", "../lib", "dep"]);
    yard.tree().commit("with a submodule");
    let with = |commits| vec![Reason::Submodule { path: "dep".into(), commits }];
    let reasons = || match yard.inspect() {
        Verdict::Unsafe(reasons) => reasons,
        Verdict::Safe(_) => Vec::new(),
        Verdict::Unknown(error) => panic!("{error}"),
    };
    assert_eq!(reasons(), with(0));
    yard.place.at("w/dep").commit_file("work", "1");
    yard.tree().commit("move the submodule");
    assert_eq!(reasons(), with(1));
    yard.tree().git(&["submodule", "--quiet", "deinit", "dep"]);
    assert_eq!(reasons(), with(1));
    yard.tree().git(&["submodule", "--quiet", "update", "--init"]);
    yard.place.at("w/dep").git(&["push", "--quiet", "origin", "HEAD:refs/heads/pushed"]);
    assert_eq!(reasons(), with(0));
    yard.tree().git(&["submodule", "--quiet", "deinit", "dep"]);
    assert_eq!(reasons(), Vec::new());
}

#[test]
fn a_stash_stays_in_the_repository_and_is_no_reason() {
    let yard = Yard::new();
    yard.tree().write("file", "two\n");
    yard.tree().git(&["stash", "--quiet"]);
    assert_eq!(yard.slugs(), Vec::<&str>::new());
}

#[test]
fn git_that_cannot_answer_is_unknown_and_never_a_yes() {
    let yard = Yard::new();
    let no_git = Git::new([("PATH", "/nowhere")]);
    assert!(matches!(yard.inspect_with(&no_git), Verdict::Unknown(GitError::Run(_))));
    let hurried = yard.git().timeout(std::time::Duration::ZERO);
    assert!(matches!(yard.inspect_with(&hurried), Verdict::Unknown(GitError::Timeout { .. })));
    let index = yard.repo().path().join(".git/worktrees/w/index");
    fs::remove_file(&index).unwrap();
    yard.place.write(&index, "rubbish");
    assert!(matches!(yard.inspect(), Verdict::Unknown(GitError::Failed { .. })));
}

#[test]
fn a_worktree_that_is_another_ones_or_lost_its_link_is_unknown() {
    let yard = Yard::new();
    fs::remove_file(yard.tree().path().join(".git")).unwrap();
    assert!(matches!(yard.inspect(), Verdict::Unknown(_)));
    yard.tree().git(&["init", "--quiet"]);
    assert!(matches!(yard.inspect(), Verdict::Unknown(GitError::NotARepository { .. })));
}

#[test]
fn a_worktree_that_is_gone_is_safe_unless_its_head_was_detached() {
    let yard = Yard::new();
    yard.tree().git(&["checkout", "--quiet", "--detach"]);
    yard.tree().commit_file("work", "1");
    fs::remove_dir_all(yard.tree().path()).unwrap();
    assert_eq!(yard.slugs(), ["worktree-detached"]);
    let yard = Yard::new();
    fs::remove_dir_all(yard.tree().path()).unwrap();
    assert_eq!(yard.slugs(), Vec::<&str>::new());
}

#[test]
fn an_inspection_changes_nothing_and_waits_for_no_lock() {
    let yard = Yard::new();
    let index = yard.repo().path().join(".git/worktrees/w/index");
    let before = fs::read(&index).unwrap();
    yard.tree().write("file", "one\n");
    yard.repo().write(".git/worktrees/w/index.lock", "");
    assert_eq!(yard.slugs(), Vec::<&str>::new());
    assert_eq!(fs::read(&index).unwrap(), before);
}

fn lost_with_branch(yard: &Yard, target: Option<&str>) -> Vec<Reason> {
    let git = yard.git();
    let repo = git::discover(&git, yard.repo().path()).unwrap();
    let base = yard.repo().oid("main~0");
    let fate = Fate::DropBranch { target: target.map(str::to_owned) };
    branch_reasons(&git, &repo, "skep/x", Some(&base), &fate).unwrap().1
}

#[test]
fn a_branch_that_goes_must_have_its_commits_on_another_ref_or_remote_or_in_the_target() {
    let yard = Yard::new();
    assert_eq!(lost_with_branch(&yard, Some("main")), []);
    let oid = yard.tree().commit_file("work", "1");
    let named = Named { oid: oid.clone(), subject: "work".to_owned() };
    let unmerged = [Reason::Unmerged { branch: "skep/x".to_owned(), commits: vec![named] }];
    for target in [None, Some("main"), Some("gone")] {
        assert_eq!(lost_with_branch(&yard, target), unmerged);
    }
    yard.repo().git(&["branch", "other", &oid]);
    assert_eq!(lost_with_branch(&yard, None), []);
    yard.repo().git(&["branch", "--quiet", "-D", "other"]);
    yard.place.bare("origin.git");
    yard.repo().git(&["remote", "add", "origin", "../origin.git"]);
    yard.tree().git(&["push", "--quiet", "origin", "skep/x"]);
    assert_eq!(lost_with_branch(&yard, None), []);
}

#[test]
fn a_branch_without_upstream_and_with_one_local_commit_is_not_clean() {
    let yard = Yard::new();
    yard.place.bare("origin.git");
    yard.repo().git(&["remote", "add", "origin", "../origin.git"]);
    yard.repo().git(&["push", "--quiet", "origin", "main"]);
    yard.tree().commit_file("work", "1");
    assert_eq!(lost_with_branch(&yard, None)[0].slug(), "branch-unmerged");
}

#[test]
fn a_stash_counts_for_the_branch_it_was_made_on_and_no_other() {
    let yard = Yard::new();
    yard.repo().write("file", "two\n");
    yard.repo().git(&["stash", "--quiet"]);
    yard.repo().git(&["branch", "skep/xx"]);
    assert_eq!(lost_with_branch(&yard, None), []);
    yard.tree().write("file", "three\n");
    yard.tree().git(&["stash", "push", "--quiet", "--message", "mine"]);
    yard.tree().write("file", "four\n");
    yard.tree().git(&["stash", "--quiet"]);
    let stash = Reason::Stash { branch: "skep/x".to_owned(), entries: 2 };
    assert_eq!(lost_with_branch(&yard, None), [stash]);
}

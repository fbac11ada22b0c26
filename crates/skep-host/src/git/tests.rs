use std::{fs, path::Path};

use skep_testkit::{Place, Repo};

use super::*;

mod base;
mod diff;
mod facts;
mod fetch;
mod repository;
mod revision;
mod standing;

fn git(place: &Place) -> Git {
    Git::new(place.env())
}

fn oid(text: &str) -> String {
    text.to_owned()
}

/// A clone of a remote with these branches, standing on a branch of its own.
fn cloned<'a>(place: &'a Place, branches: &[&str]) -> Repo<'a> {
    let seed = place.repo("seed");
    place.bare("origin.git");
    for branch in branches {
        seed.git(&["checkout", "--quiet", "-B", branch]);
        seed.commit(branch);
        seed.git(&["push", "--quiet", "../origin.git", branch]);
    }
    seed.git(&["clone", "--quiet", "--no-checkout", "../origin.git", "../r"]);
    let repo = place.at("r");
    let first = format!("origin/{}", branches[0]);
    repo.git(&["checkout", "--quiet", "--no-track", "-b", "feature/x", &first]);
    repo.commit_file("mine", "1");
    repo
}

#[test]
fn variables_that_point_git_elsewhere_do_not_reach_it() {
    let place = Place::new();
    let (repo, other) = (place.repo("r"), place.repo("other"));
    let mut env = place.env();
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR"] {
        env.push((name.into(), other.path().join(".git").into()));
    }
    env.push(("GIT_INDEX_FILE".into(), "/nowhere".into()));
    env.push(("LANGUAGE".into(), "de".into()));
    let found = discover(&Git::new(env), repo.path()).unwrap();
    assert_eq!(found.common_dir, repo.path().join(".git"));
}

#[test]
fn whoever_would_ask_for_a_password_gets_no_answer() {
    let place = Place::new();
    let repo = place.repo("r");
    let mut env = place.env();
    env.push(("GIT_ASKPASS".into(), "/bin/echo".into()));
    env.push(("SSH_ASKPASS".into(), "/bin/echo".into()));
    let git = Git::new(env);
    let asked = git
        .call(repo.path())
        .args(["credential", "fill"])
        .stdin(b"protocol=https\nhost=example.invalid\n\n".to_vec());
    let error = asked.bytes().unwrap_err();
    assert!(
        matches!(error, GitError::Failed { ref stderr, .. } if stderr.contains("terminal prompts disabled")),
        "{error}"
    );
}

#[test]
fn no_hook_of_the_repository_runs_in_a_call_of_ours() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    for hook in ["reference-transaction", "post-checkout", "post-merge"] {
        let path = repo.path().join(".git/hooks").join(hook);
        repo.write(
            &path,
            &format!("#!/bin/sh\necho ran >> '{}'\n", place.root().join("ran").display()),
        );
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let found = discover(&git(&place), repo.path()).unwrap();
    place.at("seed").commit_file("news", "1");
    place.at("seed").git(&["push", "--quiet", "../origin.git", "HEAD:main"]);
    assert_eq!(
        fetch(&git(&place), &found, &place.root().join("locks"), Duration::from_secs(20)).unwrap(),
        FetchOutcome::Fetched
    );
    git(&place)
        .call(repo.path())
        .args(["update-ref", "refs/heads/hooked", "HEAD"])
        .bytes()
        .unwrap();
    assert!(!place.root().join("ran").exists());
    repo.git(&["update-ref", "refs/heads/hooked2", "HEAD"]);
    assert!(place.root().join("ran").exists(), "the hook itself works");
}

#[test]
fn every_branch_name_the_core_rules_allow_or_refuse_is_judged_alike_by_git() {
    // The vectors of `skep_core::refs`, whose own property tests rest on the same rules.
    let place = Place::new();
    let repo = place.repo("r");
    let accepts =
        |name: &str| repo.try_git(&["check-ref-format", "--branch", name]).status.success();
    for name in [
        "a",
        "skep/x",
        "é/日本",
        "a@b",
        "a.b",
        "(x)",
        "a{b}",
        "refs/heads/x",
        "sub-work",
        "sub-LIN-1-x",
    ] {
        assert!(accepts(name), "{name}");
    }
    for name in [
        "", "/", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a..b", "a.", "-a",
        "HEAD", "a b", "a\nb", "a@{1", "a\\b", "a:b",
    ] {
        assert!(!accepts(name), "{name}");
    }
}

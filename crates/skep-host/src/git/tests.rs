use std::time::Instant;

use skep_testkit::Place;

use super::*;

fn git(place: &Place) -> Git {
    Git::new(place.env())
}

fn oid(text: &str) -> String {
    text.to_owned()
}

#[test]
fn a_sub_directory_leads_to_the_top_of_its_repository() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.commit_file("pkg/a/x", "1");
    let found = discover(&git(&place), &repo.path().join("pkg/a")).unwrap();
    assert_eq!(found.top.as_deref(), Some(repo.path()));
    assert_eq!(found.sub_dir, Path::new("pkg/a"));
    assert_eq!(found.common_dir, repo.path().join(".git"));
    assert!(!found.bare && !found.linked);
}

#[test]
fn a_linked_worktree_leads_to_the_repository_it_shares() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.git(&["worktree", "add", "--quiet", "-b", "other", "../with space"]);
    let found = discover(&git(&place), &place.root().join("with space")).unwrap();
    assert_eq!(found.common_dir, repo.path().join(".git"));
    assert!(found.linked && !found.bare);
    assert_eq!(found.top, Some(place.root().join("with space")));
}

#[test]
fn a_bare_repository_is_found_and_so_is_a_worktree_of_it() {
    let place = Place::new();
    let repo = place.repo("r");
    let bare = place.bare("b.git");
    repo.git(&["push", "--quiet", "../b.git", "main"]);
    let found = discover(&git(&place), bare.path()).unwrap();
    assert!(found.bare && found.top.is_none());
    assert_eq!(found.common_dir, bare.path());
    bare.git(&["worktree", "add", "--quiet", "../w", "main"]);
    let linked = discover(&git(&place), &place.root().join("w")).unwrap();
    assert!(linked.bare && linked.linked);
    assert_eq!(linked.common_dir, bare.path());
}

#[test]
fn a_submodule_is_a_repository_of_its_own() {
    let place = Place::new();
    place.repo("lib");
    let repo = place.repo("r");
    repo.git(&["submodule", "--quiet", "add", "../lib", "dep"]);
    repo.commit("with a submodule");
    let found = discover(&git(&place), &repo.path().join("dep")).unwrap();
    assert_eq!(found.top, Some(repo.path().join("dep")));
    assert_eq!(found.common_dir, repo.path().join(".git/modules/dep"));
    assert!(!found.linked);
}

#[test]
fn a_path_with_a_line_break_and_a_git_folder_itself_are_read_right() {
    let place = Place::new();
    let repo = place.repo("odd\nname");
    let found = discover(&git(&place), repo.path()).unwrap();
    assert_eq!(
        (found.top.as_deref(), found.common_dir),
        (Some(repo.path()), repo.path().join(".git"))
    );
    let inside = discover(&git(&place), &repo.path().join(".git/refs")).unwrap();
    assert_eq!(
        (inside.top, inside.bare, inside.common_dir),
        (None, false, repo.path().join(".git"))
    );
}

#[test]
fn a_folder_without_a_repository_is_a_typed_error() {
    let place = Place::new();
    fs::create_dir(place.root().join("plain")).unwrap();
    for dir in ["plain", "missing"] {
        let error = discover(&git(&place), &place.root().join(dir)).unwrap_err();
        assert!(matches!(error, GitError::NotARepository { .. }), "{error}");
        assert_eq!(
            (error.slug(), error.fault(), error.retry()),
            ("not-a-repository", Fault::User, Retry::Never)
        );
    }
}

#[test]
fn a_repository_that_git_refuses_keeps_gits_own_words() {
    let place = Place::new();
    let repo = place.repo("r");
    fs::remove_file(repo.path().join(".git/HEAD")).unwrap();
    place.write("r/.git/HEAD", "rubbish");
    let error = discover(&git(&place), repo.path()).unwrap_err();
    assert!(matches!(error, GitError::Failed { .. }), "{error}");
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

/// A clone of a remote with these branches, standing on a branch of its own.
fn cloned<'a>(place: &'a Place, branches: &[&str]) -> skep_testkit::Repo<'a> {
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
fn the_base_is_what_the_remotes_head_names_and_not_the_branch_the_user_is_on() {
    let place = Place::new();
    let repo = cloned(&place, &["trunk", "main"]);
    repo.git(&["remote", "set-head", "origin", "trunk"]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let base = base(&git(&place), &found, None).unwrap();
    assert_eq!(base, Base { branch: oid("origin/trunk"), oid: repo.oid("origin/trunk") });
    assert_ne!(base.oid, repo.head());
}

#[test]
fn without_a_remote_head_main_master_or_the_only_branch_is_the_base() {
    for (branches, expected) in [
        (&["main", "master", "x"][..], "origin/main"),
        (&["x", "master"], "origin/master"),
        (&["dev"], "origin/dev"),
    ] {
        let place = Place::new();
        let repo = cloned(&place, branches);
        repo.git(&["remote", "set-head", "origin", "--delete"]);
        let found = discover(&git(&place), repo.path()).unwrap();
        assert_eq!(base(&git(&place), &found, None).unwrap().branch, expected);
    }
}

#[test]
fn several_remote_branches_of_which_none_is_the_default_are_left_to_a_person() {
    let place = Place::new();
    let repo = cloned(&place, &["dev", "next"]);
    // The remote's HEAD may name a branch that is not there.
    repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone"]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let error = base(&git(&place), &found, None).unwrap_err();
    assert_eq!(error.slug(), "choose-a-base");
    assert!(
        error.to_string().contains("choose a base")
            && error.to_string().contains("origin/dev, origin/next"),
        "{error}"
    );
}

#[test]
fn without_a_remote_the_branch_of_the_main_worktree_is_the_base() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.git(&["checkout", "--quiet", "-b", "work"]);
    repo.git(&["worktree", "add", "--quiet", "-b", "other", "../w"]);
    place.at("w").commit_file("only here", "1");
    let found = discover(&git(&place), &place.root().join("w")).unwrap();
    assert_eq!(
        base(&git(&place), &found, None).unwrap(),
        Base { branch: oid("work"), oid: repo.head() }
    );
    repo.git(&["checkout", "--quiet", "--detach"]);
    assert!(
        matches!(base(&git(&place), &found, None), Err(GitError::ChooseABase { candidates }) if candidates == ["main", "other", "work"])
    );
}

#[test]
fn a_repository_without_a_commit_has_no_base() {
    let place = Place::new();
    let repo = place.empty("r");
    let found = discover(&git(&place), repo.path()).unwrap();
    assert!(
        matches!(base(&git(&place), &found, None), Err(GitError::Unborn { branch }) if branch == "main")
    );
}

#[test]
fn a_wished_base_is_a_remote_branch_first_then_a_branch_a_tag_and_any_revision() {
    let place = Place::new();
    let repo = cloned(&place, &["main", "dev"]);
    let first = repo.head();
    repo.git(&["tag", "--annotate", "--message", "x", "v1"]);
    let second = repo.commit_file("mine", "2");
    repo.git(&["branch", "dev", &first]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let wish = |wanted: &str| base(&git(&place), &found, Some(wanted)).unwrap();
    assert_eq!(wish("dev"), Base { branch: oid("origin/dev"), oid: repo.oid("origin/dev") });
    assert_eq!(wish("origin/dev"), Base { branch: oid("origin/dev"), oid: repo.oid("origin/dev") });
    assert_eq!(wish("feature/x"), Base { branch: oid("feature/x"), oid: second.clone() });
    assert_eq!(wish("v1"), Base { branch: oid("v1"), oid: first.clone() });
    assert_eq!(wish("HEAD~1").oid, first);
    assert_eq!(wish(&second[..9]).oid, second);
}

#[test]
fn a_wished_base_is_never_taken_for_an_option_or_a_range() {
    let place = Place::new();
    let repo = place.repo("r");
    let found = discover(&git(&place), repo.path()).unwrap();
    for wanted in [
        "",
        "--all",
        "-n1",
        "main..main",
        "nope",
        "a b",
        "main:README",
        "--output=/tmp/x",
        "\n",
        "@{",
        "..",
    ] {
        let error = base(&git(&place), &found, Some(wanted)).unwrap_err();
        assert!(matches!(error, GitError::NoSuchRef { .. }), "{wanted}: {error}");
    }
}

#[test]
fn a_fetch_brings_remote_branches_and_is_not_repeated_within_the_minute() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    let seed = place.at("seed");
    let new = seed.commit_file("news", "1");
    seed.git(&["push", "--quiet", "../origin.git", "HEAD:main"]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let folder = place.root().join("locks");
    let again = || fetch(&git(&place), &found, &folder, Duration::from_secs(20)).unwrap();
    assert_eq!(again(), FetchOutcome::Fetched);
    assert_eq!(repo.oid("origin/main"), new);
    assert!(matches!(again(), FetchOutcome::Skipped { refs_age_s: Some(age) } if age < 60));
    let old = SystemTime::now() - FETCH_EVERY;
    File::options()
        .write(true)
        .open(folder.join(format!("{}.tried", key(&found.common_dir))))
        .unwrap()
        .set_modified(old)
        .unwrap();
    assert_eq!(again(), FetchOutcome::Fetched);
}

#[test]
fn a_fetch_that_fails_is_an_outcome_and_is_not_tried_again_at_once() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    fs::rename(place.root().join("origin.git"), place.root().join("away.git")).unwrap();
    let found = discover(&git(&place), repo.path()).unwrap();
    let folder = place.root().join("locks");
    let again = || fetch(&git(&place), &found, &folder, Duration::from_secs(20)).unwrap();
    assert!(matches!(again(), FetchOutcome::Failed { why, .. } if why.contains("origin.git")));
    assert!(matches!(again(), FetchOutcome::Skipped { .. }));
    assert_eq!(base(&git(&place), &found, None).unwrap().branch, "origin/main");
}

#[test]
fn a_repository_without_remote_is_not_fetched() {
    let place = Place::new();
    let repo = place.repo("r");
    let found = discover(&git(&place), repo.path()).unwrap();
    assert_eq!(
        fetch(&git(&place), &found, &place.root().join("locks"), Duration::from_secs(20)).unwrap(),
        FetchOutcome::NoRemote
    );
}

#[test]
fn a_fetch_through_a_mirrors_refspec_leaves_the_users_branches_alone() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    repo.git(&["branch", "--force", "main", "HEAD"]);
    let mine = repo.oid("refs/heads/main");
    repo.git(&["config", "remote.origin.fetch", "+refs/*:refs/*"]);
    let found = discover(&git(&place), repo.path()).unwrap();
    assert_eq!(
        fetch(&git(&place), &found, &place.root().join("locks"), Duration::from_secs(20)).unwrap(),
        FetchOutcome::Fetched
    );
    assert_eq!(repo.oid("refs/heads/main"), mine);
}

#[test]
fn a_fetch_that_would_ask_for_a_password_or_hangs_ends_within_its_time() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    let (hang, pid) = (place.root().join("hang"), place.root().join("pid"));
    place.write(&hang, &format!("#!/bin/sh\nsleep 600 &\necho $! > '{}'\nwait\n", pid.display()));
    fs::set_permissions(&hang, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    repo.git(&["config", "remote.origin.url", "ssh://git@example.invalid/x"]);
    repo.git(&["config", "core.sshCommand", hang.to_str().unwrap()]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let begun = Instant::now();
    let outcome =
        fetch(&git(&place), &found, &place.root().join("locks"), Duration::from_secs(3)).unwrap();
    assert!(
        matches!(outcome, FetchOutcome::Failed { ref why, .. } if why.contains("no answer")),
        "{outcome:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
    let stat = format!("/proc/{}/stat", fs::read_to_string(&pid).expect("it had begun").trim());
    let lives = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{stat} lives");
        std::thread::yield_now();
    }
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
fn facts_tell_what_stands_in_a_worktree() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    repo.git(&["checkout", "--quiet", "-B", "work", "origin/main"]);
    let base = repo.head();
    let clean = facts(&git(&place), repo.path(), &base, Some("main")).unwrap();
    assert_eq!(
        clean,
        Facts {
            head: base.clone(),
            branch: Some(oid("work")),
            dirty: false,
            ahead: 0,
            behind: Some(0),
            unpushed: Some(0),
            files: 0,
            insertions: 0,
            deletions: 0
        }
    );
    repo.commit_file("one", "1\n2\n3\n");
    repo.commit_file("two", "1\n");
    repo.write("one", "1\n2\n3\n4\n");
    repo.write("a dir/new file\twith \"odd\" name", "x");
    repo.write("README", "");
    let seen = facts(&git(&place), repo.path(), &base, None).unwrap();
    assert_eq!(
        (seen.head, seen.dirty, seen.ahead, seen.behind, seen.unpushed),
        (repo.head(), true, 2, None, Some(2))
    );
    assert_eq!((seen.files, seen.insertions, seen.deletions), (4, 5, 1));
}

#[test]
fn facts_count_what_the_target_has_and_the_work_lacks() {
    let place = Place::new();
    let repo = place.repo("r");
    let base = repo.head();
    repo.git(&["checkout", "--quiet", "-b", "work"]);
    repo.commit_file("mine", "1");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.commit_file("theirs", "1");
    repo.commit_file("theirs", "2");
    repo.git(&["checkout", "--quiet", "work"]);
    let seen = facts(&git(&place), repo.path(), &base, Some("main")).unwrap();
    assert_eq!((seen.ahead, seen.behind, seen.unpushed), (1, Some(2), None));
    assert_eq!(facts(&git(&place), repo.path(), &base, Some("gone")).unwrap().behind, None);
}

#[test]
fn facts_of_a_detached_head_have_no_branch_and_a_branch_without_upstream_counts_as_unpushed() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    let base = repo.head();
    repo.git(&["checkout", "--quiet", "--detach"]);
    let seen = facts(&git(&place), repo.path(), &base, None).unwrap();
    assert_eq!((seen.branch, seen.unpushed), (None, Some(1)));
}

#[test]
fn facts_that_cannot_be_had_are_an_error_and_no_zero() {
    let place = Place::new();
    let repo = place.repo("r");
    let unknown = "0123456789012345678901234567890123456789";
    assert!(matches!(
        facts(&git(&place), repo.path(), unknown, None),
        Err(GitError::Failed { .. })
    ));
    assert!(matches!(
        facts(&git(&place), repo.path(), "--all", None),
        Err(GitError::NoSuchRef { .. })
    ));
    assert!(facts(&git(&place), &place.root().join("gone"), &repo.head(), None).is_err());
}

#[test]
fn files_that_the_users_settings_hide_from_status_are_still_facts() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.git(&["config", "status.showUntrackedFiles", "no"]);
    repo.write("new", "1");
    let seen = facts(&git(&place), repo.path(), &repo.head(), None).unwrap();
    assert_eq!((seen.dirty, seen.files), (true, 1));
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

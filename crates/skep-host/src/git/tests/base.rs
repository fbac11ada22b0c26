use super::*;

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
fn a_branch_whose_commit_is_lost_is_damage_and_not_one_without_a_commit() {
    let place = Place::new();
    let repo = place.repo("r");
    fs::remove_dir_all(repo.path().join(".git/objects")).unwrap();
    fs::create_dir(repo.path().join(".git/objects")).unwrap();
    let found = discover(&git(&place), repo.path()).unwrap();
    assert_eq!(base(&git(&place), &found, None).unwrap_err().slug(), "git-failed");
}

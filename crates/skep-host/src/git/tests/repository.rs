use super::*;

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

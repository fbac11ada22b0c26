use super::*;

#[test]
fn an_env_folder_that_was_deleted_by_hand_is_made_again_although_git_still_lists_it() {
    let yard = Yard::new();
    yard.made();
    fs::remove_dir_all(yard.root()).unwrap();
    yard.repo().git(&["branch", "--force", "skep/fix-7k2m", "main"]);
    yard.repo().git(&["branch", "--delete", "--force", "skep/fix-7k2m"]);
    let made = yard.made();
    // The old branch may hold work; nobody's record says that it is ours any more.
    assert_eq!(made.branch.as_deref(), Some("skep/fix-7k2m"));
    assert_eq!((yard.tree().status(), yard.trace().1), (String::new(), 2));
}

#[test]
fn a_worktree_that_was_deleted_by_hand_comes_back_on_its_branch_with_its_commits() {
    let yard = Yard::new();
    yard.made();
    let work = yard.tree().commit_file("work", "1");
    fs::remove_dir_all(yard.tree().path()).unwrap();
    let again = yard.made();
    assert!(again.reused);
    assert_eq!((yard.tree().head(), again.branch.as_deref()), (work.clone(), Some("skep/fix")));
    assert_eq!((yard.tree().status(), yard.repo().oid("skep/fix")), (String::new(), work));
}

#[test]
fn a_worktree_of_another_repository_or_branch_in_its_place_is_refused() {
    let yard = Yard::new();
    yard.made();
    yard.tree().git(&["checkout", "--quiet", "-b", "strange"]);
    let work = yard.tree().commit_file("work", "1");
    let error = yard.prepare(&yard.ask()).unwrap_err();
    assert_eq!((error.slug(), error.stage), ("env-foreign", Stage::Worktree));
    assert!(error.cause.to_string().contains("another branch"), "{}", error.cause);
    assert_eq!(yard.tree().head(), work);
    fs::rename(yard.tree().path(), yard.place.root().join("aside")).unwrap();
    let stranger = yard.place.repo(&format!("env/{KEY}/web-amber"));
    let error = yard.prepare(&yard.ask()).unwrap_err();
    assert!(error.cause.to_string().contains("another repository"), "{}", error.cause);
    assert_eq!(stranger.read("README"), "hello\n");
}

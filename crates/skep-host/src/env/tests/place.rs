use super::*;

#[test]
fn in_place_one_run_at_a_time_works_in_a_checkout_and_nothing_of_it_is_reset_or_removed() {
    let yard = Yard::new();
    yard.repo().write("mine", "precious");
    yard.repo().write("pkg/a/code", "changed\n");
    let before = contents(yard.repo().path());
    let one = yard.prepare(&in_place(&yard, 1)).unwrap();
    assert_eq!((one.worktree.as_path(), one.branch.as_deref()), (yard.repo().path(), Some("main")));
    let from_below =
        Prepare { repository: Some(yard.repo().path().join("pkg")), ..in_place(&yard, 2) };
    let living = lock::hold(&one.lock).unwrap();
    let error = yard.prepare(&from_below).unwrap_err();
    assert_eq!(error.slug(), "env-busy");
    assert!(error.cause.to_string().contains("run_1"), "{}", error.cause);
    assert!(!yard.place.root().join("env/key-of-env-02").exists());
    drop(living);
    let two = yard.prepare(&from_below).unwrap();
    assert_eq!(one.lock, two.lock);
    undo(&yard.git(), &yard.locks(), &one.root, Ran::Agent).unwrap();
    let _held = lock::hold(&two.lock).unwrap();
    assert_eq!(yard.prepare(&in_place(&yard, 3)).unwrap_err().slug(), "env-busy");
    let after = contents(yard.repo().path());
    let changed =
        |path: &&PathBuf| !path.ends_with(".git/index") && before.get(*path) != after.get(*path);
    assert_eq!(
        after.keys().chain(before.keys()).filter(changed).collect::<Vec<_>>(),
        Vec::<&PathBuf>::new()
    );
}

#[test]
fn a_checkout_whose_env_was_deleted_by_hand_is_free_again() {
    let yard = Yard::new();
    let one = yard.prepare(&in_place(&yard, 1)).unwrap();
    fs::remove_dir_all(one.root).unwrap();
    yard.prepare(&in_place(&yard, 2)).unwrap();
}

#[test]
fn a_repository_without_checkout_cannot_be_worked_in_in_place() {
    let yard = Yard::new();
    let ask =
        Prepare { repository: Some(yard.place.root().join("origin.git")), ..in_place(&yard, 1) };
    assert_eq!(yard.prepare(&ask).unwrap_err().slug(), "env-foreign");
    assert!(!yard.place.root().join("env/key-of-env-01").exists());
}

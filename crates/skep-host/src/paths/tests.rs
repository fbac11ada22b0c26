use std::{fs, os::unix::fs::symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_written_file_replaces_the_old_one_whole_and_leaves_no_draft() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("exit.json");
    write_atomically(&path, b"a long first version").unwrap();
    let held_open = fs::File::open(&path).unwrap();
    write_atomically(&path, b"second").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    assert_eq!(
        io::read_to_string(held_open).unwrap(),
        "a long first version",
        "a reader keeps the whole old file"
    );
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_write_that_fails_leaves_the_old_file_and_no_draft() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("taken");
    fs::create_dir(&path).unwrap();
    let err = write_atomically(&path, b"x").unwrap_err();
    assert_eq!(err.slug(), "disk");
    assert!(path.is_dir());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_private_folder_is_made_with_its_parents_and_only_for_its_owner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    create_private_dir(&path).unwrap();
    create_private_dir(&path).unwrap();
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("open");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(create_private_dir(&path).unwrap_err().slug(), "not-private");
    assert_eq!(mode(&path), 0o755, "what is not ours is not changed");
}

#[test]
fn a_link_in_the_place_of_a_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    create_private_dir(&real).unwrap();
    let link = dir.path().join("link");
    symlink(&real, &link).unwrap();
    assert_eq!(create_private_dir(&link).unwrap_err().slug(), "not-private");
}

use super::*;

#[test]
fn moved_packed_refs_are_read_and_written_as_before_and_moved_once() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.commit_file("a", "1\n");
    repo.git(&["tag", "v1"]);
    repo.git(&["branch", "other"]);
    repo.git(&["pack-refs", "--all"]);
    let common = repo.path().join(".git");
    let before = repo.git(&["for-each-ref"]);
    for _ in 0..2 {
        move_packed_refs(&common).unwrap();
        assert_eq!(repo.git(&["for-each-ref"]), before);
    }
    assert!(fs::symlink_metadata(common.join("packed-refs")).unwrap().is_symlink());
    repo.git(&["branch", "-D", "other"]);
    repo.git(&["tag", "v2"]);
    repo.git(&["pack-refs", "--all"]);
    assert!(fs::symlink_metadata(common.join("packed-refs")).unwrap().is_symlink());
    let refs = repo.git(&["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/main\nrefs/tags/v1\nrefs/tags/v2");
    repo.git(&["fsck", "--strict"]);
    repo.git(&["gc", "--quiet"]);
    assert_eq!(repo.git(&["for-each-ref", "--format=%(refname)"]), refs);
}

#[test]
fn packed_refs_that_another_git_holds_stay_where_they_are() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.git(&["pack-refs", "--all"]);
    let common = repo.path().join(".git");
    fs::File::create(common.join("packed-refs.lock")).unwrap();
    let refused = move_packed_refs(&common).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert!(common.join("packed-refs.lock").exists(), "it is the other's");
    assert!(fs::symlink_metadata(common.join("packed-refs")).unwrap().is_file());
}

#[test]
fn a_lock_that_a_killed_skep_left_is_taken_away_and_one_that_lives_is_not() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.git(&["pack-refs", "--all"]);
    let common = repo.path().join(".git");
    let lock = common.join("packed-refs.lock");
    let boot = crate::tree::boot_id().unwrap();
    let me = crate::tree::identity(std::process::id()).unwrap();
    place.write(&lock, &format!("skep {} {} {boot}\n", me.pid, me.started));
    assert_eq!(move_packed_refs(&common).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    let dead = format!("skep {} {} {boot}\n", me.pid, me.started + 1);
    for left in [dead, format!("skep {} {} another-boot\n", me.pid, me.started)] {
        place.write(&lock, &left);
        move_packed_refs(&common).unwrap();
        assert!(!lock.exists(), "{left}");
        fs::remove_file(common.join("packed-refs")).unwrap();
        fs::rename(common.join("objects/info/packed-refs"), common.join("packed-refs")).unwrap();
    }
    let left = fs::read_dir(&common).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("skep-")));
}

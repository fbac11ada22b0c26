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

use super::*;

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

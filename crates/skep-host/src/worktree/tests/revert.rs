use super::*;

fn back(yard: &Yard, old: &str, new: &str) -> Reverting {
    let ask = Revert {
        target: "main".to_owned(),
        old: old.to_owned(),
        new: new.to_owned(),
        message: "take it back".to_owned(),
    };
    revert(&yard.git(), &yard.found(), &yard.locks(), &ask).unwrap()
}

/// A repository in which two commits of work landed; where the target stood, and what landed.
fn landed() -> (Yard, String, String) {
    let yard = Yard::new();
    let old = yard.repo().head();
    yard.work("skep/x", "file", "two\n");
    let new = yard.place.at("skep/x").commit_file("new", "1\n");
    assert!(matches!(yard.land(&new), Landing::Landed { .. }));
    (yard, old, new)
}

#[test]
fn what_landed_is_taken_back_by_one_commit_in_the_checkout_too_and_only_once() {
    let (yard, old, new) = landed();
    let done = back(&yard, &old, &new);
    let at = yard.repo().head();
    assert_eq!(
        done,
        Reverting::Reverted {
            from: new.clone(),
            to: at.clone(),
            checkout: Some(yard.repo().path().to_owned())
        }
    );
    assert_eq!(yard.repo().read("file"), "one\n");
    assert!(!yard.repo().path().join("new").exists());
    assert_eq!(yard.repo().status(), "");
    assert_eq!(
        (yard.repo().oid("HEAD~1"), yard.repo().oid("HEAD^{tree}")),
        (new.clone(), yard.repo().oid(&format!("{old}^{{tree}}")))
    );
    assert_eq!(back(&yard, &old, &new), Reverting::Already { at });
}

#[test]
fn later_commits_of_others_stay_when_a_landing_is_taken_back() {
    let (yard, old, new) = landed();
    yard.repo().commit_file("later", "1\n");
    assert!(matches!(back(&yard, &old, &new), Reverting::Reverted { .. }));
    assert_eq!(
        (yard.repo().read("file"), yard.repo().read("later")),
        ("one\n".to_owned(), "1\n".to_owned())
    );
    // The same words come again by another way: that is no range which was taken back.
    let later = yard.repo().commit_file("later", "2\n");
    assert_eq!(back(&yard, &old, &new), Reverting::Already { at: later });
}

#[test]
fn files_that_changed_again_are_named_and_nothing_moves() {
    let (yard, old, new) = landed();
    let at = yard.repo().commit_file("file", "three\n");
    assert_eq!(back(&yard, &old, &new), Reverting::Conflicts { files: vec!["file".into()] });
    assert_eq!((yard.repo().head(), yard.repo().status()), (at, String::new()));
}

#[test]
fn a_target_that_no_longer_has_the_landing_or_is_gone_is_refused() {
    let (yard, old, new) = landed();
    yard.repo().git(&["reset", "--quiet", "--hard", &old]);
    assert_eq!(back(&yard, &old, &new), Reverting::NotThere { at: old.clone() });
    yard.repo().git(&["checkout", "--quiet", "-b", "other"]);
    yard.repo().git(&["branch", "-D", "main"]);
    assert_eq!(back(&yard, &old, &new), Reverting::Refused(Refusal::TargetMissing));
}

#[test]
fn uncommitted_changes_in_the_way_of_a_revert_are_named() {
    let (yard, old, new) = landed();
    yard.repo().write("file", "mine\n");
    assert!(
        matches!(back(&yard, &old, &new), Reverting::Refused(Refusal::TargetDirty { files, .. }) if files == [PathBuf::from("file")])
    );
    assert_eq!((yard.repo().head(), yard.repo().read("file")), (new, "mine\n".to_owned()));
}

#[test]
fn a_revert_needs_no_name_of_the_user() {
    let (yard, old, new) = landed();
    yard.place.write("home/.gitconfig", "[user]\nuseConfigOnly = true\n");
    assert!(matches!(back(&yard, &old, &new), Reverting::Reverted { .. }));
    assert_eq!(yard.repo().git(&["log", "-1", "--format=%an"]), "skep");
}

#[test]
fn no_merge_driver_runs_when_a_landing_is_taken_back() {
    let yard = Yard::new();
    let ran = yard.place.root().join("ran");
    let line = format!("touch {}; true", ran.display());
    yard.repo().git(&["config", "merge.mine.driver", &line]);
    let old = yard.repo().commit_file("file", "1\n2\n3\n4\n5\n6\n7\n");
    let new = yard.repo().commit_file("file", "landed\n2\n3\n4\n5\n6\n7\n");
    yard.repo().commit_file("file", "landed\n2\n3\n4\n5\n6\nlater\n");
    // In the target's tree it names the driver: for a person.
    yard.repo().write(".gitattributes", "file merge=mine\n");
    yard.repo().commit("attributes");
    assert_eq!(
        back(&yard, &old, &new),
        Reverting::Conflicts { files: vec![PathBuf::from("file")] }
    );
    yard.repo().git(&["rm", "--quiet", ".gitattributes"]);
    yard.repo().commit("none");
    // In the checkout alone it says nothing.
    yard.repo().write(".gitattributes", "file merge=mine\n");
    assert!(matches!(back(&yard, &old, &new), Reverting::Reverted { .. }));
    assert!(!ran.exists());
}

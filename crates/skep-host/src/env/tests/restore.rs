use super::{
    crashed::take,
    leave::{SLOT, close, mess, photo, stand},
    *,
};
use crate::{salvage::Fate, snapshot};

/// Takes a snapshot of the env that stands.
fn snap(yard: &Yard, id: &str) -> snapshot::Taken {
    take(&yard.git(), yard.tree().path(), &yard.locks(), id).unwrap()
}

#[test]
fn a_branch_that_moved_on_stays_and_the_env_comes_back_on_a_new_one() {
    let yard = Yard::new();
    yard.made();
    mess(&yard);
    let files = photo(yard.tree().path());
    let work = yard.tree().head();
    let oid =
        close(&yard.git(), &yard.leaving(true, Fate::KeepBranch)).unwrap().snapshot.unwrap().oid;
    yard.repo().git(&["branch", "skep/fix-restored"]);
    yard.repo().git(&["checkout", "--quiet", "skep/fix"]);
    let on = yard.repo().commit_file("later", "1");
    yard.repo().git(&["checkout", "--quiet", "main"]);
    let back = restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
    assert_eq!((back.branch.as_deref(), back.head), (Some("skep/fix-restored-2"), Some(work)));
    assert!(back.notes[0].contains("skep/fix-restored-2"), "{:?}", back.notes);
    assert_eq!((yard.repo().oid("skep/fix"), photo(yard.tree().path())), (on, files));
}

#[test]
fn a_branch_that_is_checked_out_elsewhere_stays_there() {
    let yard = Yard::new();
    yard.made();
    let work = yard.tree().commit_file("work", "1");
    let oid = close(&yard.git(), &yard.smart()).unwrap().snapshot.unwrap().oid;
    yard.repo().git(&["checkout", "--quiet", "skep/fix"]);
    let back = restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
    assert_eq!((back.branch.as_deref(), back.head), (Some("skep/fix-restored"), Some(work)));
    assert_eq!((yard.tree().status(), yard.repo().status()), (String::new(), String::new()));
}

#[test]
fn a_detached_head_comes_back_detached() {
    let yard = Yard::new();
    yard.made();
    yard.tree().git(&["checkout", "--quiet", "--detach"]);
    let head = yard.tree().commit_file("work", "1");
    let oid = close(&yard.git(), &yard.dropping(true)).unwrap().snapshot.unwrap().oid;
    yard.repo().git(&["gc", "--quiet", "--prune=now"]);
    let back = restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
    assert_eq!((back.branch, back.head), (None, Some(head)));
    assert_eq!(yard.tree().status(), "");
}

#[test]
fn an_env_does_not_come_back_over_what_stands_nor_from_a_slot_of_another_run() {
    let yard = Yard::new();
    yard.made();
    mess(&yard);
    let oid = close(&yard.git(), &yard.dropping(true)).unwrap().snapshot.unwrap().oid;
    let ask = Restore { run: "run_other".to_owned(), ..yard.restoring(&oid) };
    assert_eq!(restore_env(&yard.git(), &ask).unwrap_err().slug(), "env-foreign");
    let ask = yard.restoring(&"1".repeat(40));
    assert_eq!(restore_env(&yard.git(), &ask).unwrap_err().slug(), "no-such-snapshot");
    assert!(!yard.root().exists());
    yard.place.write(yard.root().join("file"), "somebody's");
    let ask = yard.restoring(&oid);
    assert_eq!(restore_env(&yard.git(), &ask).unwrap_err().slug(), "env-foreign");
    fs::remove_dir_all(yard.root()).unwrap();
    yard.made();
    yard.tree().write("new work", "precious");
    assert_eq!(restore_env(&yard.git(), &ask).unwrap_err().slug(), "env-foreign");
    assert_eq!(yard.tree().read("new work"), "precious");
}

#[test]
fn an_env_comes_back_without_its_slot_and_says_what_is_missing() {
    let yard = Yard::new();
    yard.made();
    mess(&yard);
    let mut files = photo(yard.tree().path());
    let oid = close(&yard.git(), &yard.dropping(true)).unwrap().snapshot.unwrap().oid;
    purge(&yard.git(), &yard.trash(), SLOT, Terms::Proven).unwrap();
    let back = restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
    assert!(back.notes[0].contains("nothing more"), "{back:?}");
    let lost = ["ignored", ".env", "pkg/node_modules"];
    files.retain(|path, _| !lost.iter().any(|lost| path.starts_with(lost)));
    assert_eq!(photo(yard.tree().path()), files);
    // Its branch is skep's own again.
    assert!(close(&yard.git(), &yard.dropping(true)).unwrap().branch_gone);
}

#[test]
fn an_env_that_stands_goes_back_to_a_snapshot_with_its_branch_and_forward_again() {
    let yard = Yard::new();
    yard.made();
    mess(&yard);
    let (files, stood) = (photo(yard.tree().path()), stand(&yard.tree()));
    let then = snap(&yard, "snap_a");
    yard.tree().commit("all of it");
    yard.tree().write("work", "later\n");
    fs::remove_dir_all(yard.tree().path().join("new")).unwrap();
    let (later, stood_later) = (photo(yard.tree().path()), stand(&yard.tree()));
    let now = snap(&yard, "snap_b");
    let back = restore_held(&yard.git(), &yard.locks(), &yard.root(), &then.oid, &now).unwrap();
    assert_eq!(back.branch.as_deref(), Some("skep/fix"));
    assert_eq!((photo(yard.tree().path()), stand(&yard.tree())), (files, stood));
    let then = snap(&yard, "snap_c");
    restore_held(&yard.git(), &yard.locks(), &yard.root(), &now.oid, &then).unwrap();
    assert_eq!((photo(yard.tree().path()), stand(&yard.tree())), (later, stood_later));
}

#[test]
fn what_is_in_no_snapshot_is_not_written_over() {
    let yard = Yard::new();
    yard.made();
    let then = snap(&yard, "snap_a");
    yard.tree().write("README", "changed\n");
    let now = snap(&yard, "snap_b");
    yard.tree().write("README", "changed again\n");
    let error =
        restore_held(&yard.git(), &yard.locks(), &yard.root(), &then.oid, &now).unwrap_err();
    assert_eq!(error.slug(), "restore-unsecured");
    assert_eq!(yard.tree().read("README"), "changed again\n");
}

//! `skep snapshot` and `skep restore`: what is kept, and that it comes back as it was.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use serde_json::Value;
use skep_testkit::Repo;

use crate::{
    close::{at_rest, deadly, doomed, named},
    home::{Home, text_of},
};

/// What stands below a folder, git's own files left out: kind, mode, time and bytes of each.
pub(crate) fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut all = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let below = path.strip_prefix(root).unwrap().to_owned();
            if below == Path::new(".git") {
                continue;
            }
            let meta = fs::symlink_metadata(&path).unwrap();
            let mode = meta.permissions().mode();
            let what = if meta.is_dir() {
                folders.push(path.clone());
                format!("{mode:o}")
            } else if meta.is_symlink() {
                format!("-> {}", fs::read_link(&path).unwrap().display())
            } else {
                let bytes = fs::read(&path).unwrap();
                format!("{mode:o} {}.{} {bytes:?}", meta.mtime(), meta.mtime_nsec())
            };
            all.insert(below, what);
        }
    }
    all
}

/// A worktree with a change, a staged one, untracked, ignored, executable, empty and linked things.
fn mess(worktree: &Repo<'_>) {
    worktree.write("README", "changed\r\n");
    worktree.write("staged", "staged\n");
    worktree.git(&["add", "staged"]);
    worktree.write("staged", "and changed\n");
    worktree.write("deep/untracked", "untracked\n");
    worktree.write("secret.key", "precious\n");
    worktree.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(worktree.path().join("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    fs::create_dir(worktree.path().join("hollow")).unwrap();
    symlink("nowhere", worktree.path().join("link")).unwrap();
}

/// A home with a repository that ignores keys, and a run `one` whose worktree is a mess.
fn messy(home: &Home) -> Value {
    let repo = home.repo();
    repo.write(".gitignore", "*.key\n");
    repo.commit("ignore");
    let run = named(home, "one", &[]);
    mess(&home.place().at(text_of(&run, "worktree")));
    run
}

#[test]
fn what_goes_by_force_comes_back_bit_for_bit_with_its_branch_and_ignored_files() {
    let home = Home::new();
    let run = messy(&home);
    let repo = home.place().at("web");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    let (before, status) = (tree(&worktree), home.place().at(&worktree).status());
    let head = home.place().at(&worktree).head();
    let closed = home.json(&["close", "one", "--force"]);
    assert!(!worktree.exists());
    let snapshot = text_of(&closed, "snapshot");
    let back = home.json(&["restore", &snapshot]);
    assert_eq!(text_of(&back, "path"), worktree.to_str().unwrap());
    assert_eq!(tree(&worktree), before);
    assert_eq!(home.place().at(&worktree).status(), status);
    assert_eq!(home.place().at(&worktree).head(), head);
    assert_eq!(repo.oid(&format!("refs/heads/{}", text_of(&run, "branch"))), head);
    let shown = home.listed(&text_of(&run, "id"));
    assert_eq!((&shown["env_state"], &shown["branch"]), (&"held".into(), &run["branch"]));
    // What came back is held by no trash any more, and nothing is left to be undone.
    assert_eq!(home.json(&["snapshot", "show", &snapshot])["trash"], Value::Null);
    home.skep(&["--json", "undo"]).refused(2, "nothing-to-undo");
}

#[test]
fn an_aged_or_smart_close_comes_back_bit_for_bit_too() {
    let home = Home::new();
    let repo = home.repo();
    repo.write(".gitignore", "*.key\n");
    repo.commit("ignore");
    let run = named(&home, "one", &["write secret.key precious"]);
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    fs::create_dir(worktree.join("hollow")).unwrap();
    let before = tree(&worktree);
    for how in [&["close", "one", "--keep-branch"][..], &["close", "one", "--force"]] {
        home.skep(how).ok();
        assert!(!worktree.exists());
        home.skep(&["undo"]).ok();
        assert_eq!(tree(&worktree), before, "{how:?}");
    }
}

#[test]
fn over_an_env_that_stands_what_stood_is_kept_and_an_undo_brings_it_back() {
    let home = Home::new();
    let run = messy(&home);
    let worktree = home.place().at(text_of(&run, "worktree"));
    let first = tree(worktree.path());
    let kept = text_of(&home.json(&["snapshot", "take", "one"]), "id");
    worktree.git(&["add", "deep"]);
    worktree.commit("deeper");
    worktree.write("README", "other\n");
    fs::remove_file(worktree.path().join("run.sh")).unwrap();
    worktree.write("late", "late\n");
    let (second, head) = (tree(worktree.path()), worktree.head());
    let back = home.json(&["restore", &kept]);
    assert_eq!(tree(worktree.path()), first);
    assert_ne!(worktree.head(), head);
    assert!(back["before"].is_string(), "{back}");
    home.skep(&["undo"]).ok();
    assert_eq!(tree(worktree.path()), second);
    assert_eq!(worktree.head(), head);
    assert_eq!(worktree.git(&["symbolic-ref", "--short", "HEAD"]), text_of(&run, "branch"));
}

#[test]
fn a_snapshot_can_be_written_anywhere_and_never_over_something() {
    let home = Home::new();
    let run = messy(&home);
    let kept = text_of(&home.json(&["snapshot", "take", "one"]), "id");
    let mut wanted = tree(Path::new(&text_of(&run, "worktree")));
    wanted.remove(Path::new("secret.key"));
    // From a folder that is no repository, to one that is named as seen from there.
    let nowhere = home.at("nowhere");
    fs::create_dir(&nowhere).unwrap();
    home.skep_in(&nowhere, &["restore", &kept, "--to", "there"]).ok();
    assert_eq!(tree(&nowhere.join("there")), wanted);
    let error = home.skep_in(&nowhere, &["--json", "restore", &kept, "--to", "there"]);
    let error = error.refused(2, "folder-not-empty");
    assert!(!error["hints"].as_array().unwrap().is_empty(), "{error}");
    fs::create_dir(nowhere.join("empty")).unwrap();
    home.skep_in(&nowhere, &["restore", &kept, "--to", "empty"]).ok();
    assert_eq!(tree(&nowhere.join("empty")), wanted);
    // Also when its env is gone, and its branch and folder with it.
    home.skep(&["close", "one", "--force"]).ok();
    home.skep_in(&nowhere, &["restore", &kept, "--to", "after"]).ok();
    assert_eq!(tree(&nowhere.join("after")), wanted);
    home.skep(&["--json", "restore", "snap_0000000000"]).refused(2, "snapshot-unknown");
}

#[test]
fn snapshots_outlive_the_users_gc_and_no_push_publishes_them() {
    let home = Home::new();
    let run = messy(&home);
    let repo = home.place().at("web");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    let before = tree(&worktree);
    let closed = home.json(&["close", "one", "--force"]);
    at_rest_of(&home, "one");
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "--quiet", "--prune=now"]);
    repo.git(&["worktree", "prune", "--expire=now"]);
    let mirror = home.place().bare("mirror.git");
    repo.git(&["push", "--quiet", "--mirror", mirror.path().to_str().unwrap()]);
    assert_eq!(mirror.git(&["for-each-ref", "--format=%(refname)"]), "refs/heads/main");
    home.skep(&["restore", &text_of(&closed, "snapshot")]).ok();
    assert_eq!(tree(&worktree), before);
}

/// Waits until a forced close is in its snapshot.
pub(crate) fn at_rest_of(home: &Home, id: &str) {
    crate::home::eventually("it is in its snapshot", || {
        let all = home.json(&["snapshot", "ls", id]);
        all.as_array().unwrap().iter().any(|kept| kept["why"] == "close")
    });
}

#[test]
fn a_snapshot_is_listed_shown_and_let_go_and_one_beside_the_trash_stays() {
    let home = Home::new();
    let run = messy(&home);
    let id = text_of(&run, "id");
    let taken = home.json(&["snapshot", "take", "one"]);
    let (name, oid) = (text_of(&taken, "id"), text_of(&taken, "oid"));
    assert_eq!((&taken["run"], &taken["why"]), (&run["id"], &"asked".into()), "{taken}");
    let all = home.json(&["snapshot", "ls"]);
    assert_eq!(all[0]["id"], taken["id"], "the newest first: {all}");
    assert!(all.as_array().unwrap().iter().any(|kept| kept["why"] == "turn"), "{all}");
    assert_eq!(home.json(&["snapshot", "show", &name[..12]])["oid"], oid.as_str());
    assert_eq!(home.json(&["snapshot", "rm", &name]), serde_json::json!([name]));
    home.skep(&["--json", "snapshot", "show", &name]).refused(2, "snapshot-unknown");
    home.skep(&["--json", "restore", &name]).refused(2, "snapshot-unknown");
    let closed = home.json(&["close", &id, "--force"]);
    at_rest_of(&home, &id);
    let snapshot = text_of(&closed, "snapshot");
    home.skep(&["--json", "snapshot", "rm", &snapshot]).refused(1, "snapshot-in-use");
    assert!(Path::new(&text_of(&closed, "trash")).exists());
    home.skep(&["--json", "snapshot", "take", &id]).refused(2, "nothing-to-snapshot");
}

#[test]
fn a_restore_that_the_daemon_died_in_goes_on_by_itself() {
    for point in ["restore.before", "restore.after"] {
        let home = Home::new();
        let run = messy(&home);
        let worktree = home.place().at(text_of(&run, "worktree"));
        let first = tree(worktree.path());
        let kept = text_of(&home.json(&["snapshot", "take", "one"]), "id");
        worktree.write("README", "other\n");
        let second = tree(worktree.path());
        at_rest(&home, "one");
        doomed(&home, point);
        home.skep(&["restore", &kept]).ok();
        assert_eq!(tree(worktree.path()), first, "{point}");
        home.skep(&["undo"]).ok();
        assert_eq!(tree(worktree.path()), second, "{point}");
    }
}

#[test]
fn a_restore_that_is_killed_among_the_files_goes_on_and_what_stood_before_is_known() {
    for point in ["restore-cleared", "restore-files", "restore-head"] {
        let home = Home::new();
        let run = messy(&home);
        let worktree = home.place().at(text_of(&run, "worktree"));
        let first = tree(worktree.path());
        let kept = text_of(&home.json(&["snapshot", "take", "one"]), "id");
        worktree.write("README", "other\n");
        fs::remove_file(worktree.path().join("run.sh")).unwrap();
        let second = tree(worktree.path());
        let calm = deadly(&home, &text_of(&run, "id"), point);
        let said = home.skep(&["--json", "restore", &kept]);
        calm();
        // Twice killed it is told; asked again it goes on from what stands.
        if said.code != 0 {
            home.skep(&["restore", &kept]).ok();
            assert_eq!(tree(worktree.path()), first, "{point}");
            continue;
        }
        assert_eq!(tree(worktree.path()), first, "{point}");
        home.skep(&["undo"]).ok();
        assert_eq!(tree(worktree.path()), second, "{point}");
    }
}

#[test]
fn while_a_run_lives_nothing_is_restored_over_it() {
    let home = Home::new();
    home.repo();
    let run = home.run("live", &["write a a", "hang"], &["--name", "live"]);
    let kept = text_of(&home.json(&["snapshot", "take", "live"]), "id");
    home.skep(&["--json", "restore", &kept]).refused(1, "run-living");
    assert_eq!(home.listed(&text_of(&run, "id"))["state"], "running");
    let there = home.at("there");
    home.skep(&["restore", &kept, "--to", there.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(there.join("a")).unwrap(), "a\n");
}

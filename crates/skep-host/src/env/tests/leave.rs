use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::{
    salvage::Fate,
    snapshot,
    worktree::{self, Land, Landing},
};

pub(super) const SLOT: &str = "snap_0000000001";

/// Everything that stands below a folder, as it is to come back: bytes or target, permission bits, time; its git link left out.
pub(super) fn photo(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, u32, i64, i64)> {
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let below = path.strip_prefix(dir).unwrap().to_owned();
            if below == Path::new(".git") {
                continue;
            }
            let bytes = if meta.is_dir() {
                folders.push(path);
                b"folder".to_vec()
            } else if meta.is_symlink() {
                fs::read_link(&path).unwrap().to_string_lossy().into_owned().into_bytes()
            } else {
                fs::read(&path).unwrap()
            };
            all.insert(below, (bytes, meta.mode(), meta.mtime(), meta.mtime_nsec()));
        }
    }
    all
}

/// What git says of a worktree: HEAD, branch, status, what is staged.
pub(super) fn stand(tree: &Repo<'_>) -> [String; 4] {
    [
        tree.head(),
        tree.git(&["symbolic-ref", "--quiet", "HEAD"]),
        tree.git(&["status", "--porcelain", "--untracked-files=all", "--ignored"]),
        tree.git(&["diff", "--cached"]),
    ]
}

impl Yard {
    pub(super) fn trash(&self) -> PathBuf {
        self.place.root().join("trash")
    }

    pub(super) fn slot(&self) -> PathBuf {
        self.trash().join(SLOT)
    }

    pub(super) fn leaving(&self, force: bool, fate: Fate) -> Leaving {
        Leaving {
            root: self.root(),
            trash: self.trash(),
            locks: self.locks(),
            slot: SLOT.to_owned(),
            force,
            fate,
            discard: vec!["node_modules".to_owned()],
            note: "close".to_owned(),
            at_ms: 1_000,
        }
    }

    pub(super) fn smart(&self) -> Leaving {
        self.leaving(false, Fate::KeepBranch)
    }

    pub(super) fn dropping(&self, force: bool) -> Leaving {
        self.leaving(force, Fate::DropBranch { target: Some("main".to_owned()) })
    }

    pub(super) fn restoring(&self, oid: &str) -> Restore {
        Restore {
            root: self.root(),
            locks: self.locks(),
            run: "run_7k2m9qx4ab".to_owned(),
            repository: self.repo().path().to_owned(),
            folder: "web-amber".to_owned(),
            sub_dir: PathBuf::new(),
            branch: Some("skep/fix".to_owned()),
            detached: false,
            base: Some(git::Base { branch: "main".to_owned(), oid: self.repo().oid("main") }),
            snapshot: oid.to_owned(),
            slot: Some(self.slot()),
        }
    }

    pub(super) fn found(&self) -> git::Repository {
        git::discover(&self.git(), self.repo().path()).unwrap()
    }

    /// The worktrees that git lists and that are not skep's own shelf.
    pub(super) fn worktrees(&self) -> usize {
        let all = worktree::list(&self.git(), &self.found()).unwrap();
        all.iter().filter(|known| !known.path.ends_with("skep-snapshots")).count()
    }
}

pub(super) fn close(git: &Git, ask: &Leaving) -> Result<Settled, EnvError> {
    if ask.force {
        leave(ask, Warrant::Forced)?;
    } else if fs::symlink_metadata(&ask.root).is_ok() {
        let verdict = inspect_for(git, &ask.root, &ask.fate, &ask.discard)
            .map_err(EnvError::at(Stage::Leave))?;
        match verdict {
            Verdict::Safe(proof) => leave(ask, Warrant::Safe(proof))?,
            Verdict::Unsafe(reasons) => {
                return Err(EnvError::at(Stage::Leave)(Cause::Work { reasons }));
            }
            Verdict::Unknown(error) => return Err(EnvError::at(Stage::Leave)(error.into())),
        };
    }
    settle(git, ask)
}

fn slugs(result: Result<Settled, EnvError>) -> Vec<&'static str> {
    let Cause::Work { reasons } = result.unwrap_err().cause else { panic!("it is no work") };
    reasons.iter().map(Reason::slug).collect()
}

/// A mess of everything that can stand in a worktree.
pub(super) fn mess(yard: &Yard) {
    let tree = yard.tree();
    yard.repo().write(".git/info/exclude", "ignored\n.env\nnode_modules\n");
    tree.commit_file("work", "committed\n");
    tree.write("staged", "staged\n");
    tree.git(&["add", "staged"]);
    tree.write("staged", "and changed again\r\n");
    tree.write("pkg/a/code", "changed\n");
    tree.write("new/deep/file", "untracked\n");
    tree.write("tool", "#!/bin/sh\n");
    fs::set_permissions(tree.path().join("tool"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("../nowhere", tree.path().join("link")).unwrap();
    fs::create_dir(tree.path().join("empty")).unwrap();
    fs::remove_file(tree.path().join("README")).unwrap();
    tree.write("ignored/result", "only here\n");
    tree.write(".env", "A=1\n");
    tree.write("pkg/node_modules/x", "expendable\n");
    yard.place.write(yard.root().join("output/report.md"), "found it\n");
}

#[test]
fn an_env_that_went_by_force_comes_back_bit_for_bit() {
    let yard = Yard::new();
    yard.made();
    mess(&yard);
    let (files, stood) = (photo(yard.tree().path()), stand(&yard.tree()));
    let branch = yard.repo().oid("skep/fix");
    let settled = close(&yard.git(), &yard.dropping(true)).unwrap();
    assert!(!yard.root().exists());
    assert_eq!((yard.worktrees(), settled.kept.clone()), (1, Some(yard.slot())));
    assert!(settled.branch_gone, "{settled:?}");
    assert!(!yard.repo().branches().contains(&"skep/fix".to_owned()));
    let snapshot = settled.snapshot.clone().unwrap();
    yard.repo().git(&["reflog", "expire", "--expire=now", "--all"]);
    yard.repo().git(&["gc", "--quiet", "--prune=now"]);
    assert_eq!(settle(&yard.git(), &yard.dropping(true)).unwrap(), settled);
    let back = restore_env(&yard.git(), &yard.restoring(&snapshot.oid)).unwrap();
    assert_eq!((back.branch.as_deref(), back.head.clone()), (Some("skep/fix"), Some(branch)));
    assert_eq!(back.notes, Vec::<String>::new());
    assert_eq!(photo(yard.tree().path()), files);
    assert_eq!(stand(&yard.tree()), stood);
    assert_eq!(fs::read_to_string(yard.root().join("output/report.md")).unwrap(), "found it\n");
    assert_eq!(read_owner(&yard.root()).unwrap().unwrap().state, State::Ready);
    // The same once more changes nothing, and it can be closed and brought back again.
    assert_eq!(restore_env(&yard.git(), &yard.restoring(&snapshot.oid)).unwrap(), back);
    let again = Leaving { slot: "snap_0000000002".to_owned(), ..yard.dropping(true) };
    let settled = close(&yard.git(), &again).unwrap();
    let ask = Restore {
        slot: Some(yard.trash().join("snap_0000000002")),
        ..yard.restoring(&settled.snapshot.unwrap().oid)
    };
    restore_env(&yard.git(), &ask).unwrap();
    assert_eq!((photo(yard.tree().path()), stand(&yard.tree())), (files, stood));
}

#[test]
fn an_env_that_went_without_loss_leaves_only_what_nobody_else_has_and_comes_back_bit_for_bit() {
    let yard = Yard::new();
    yard.repo().write(".git/info/exclude", "ignored\nnode_modules\n");
    yard.made();
    yard.tree().commit_file("work", "1");
    yard.tree().write("ignored/result", "only here\n");
    let files = photo(yard.tree().path());
    let stood = stand(&yard.tree());
    yard.tree().write("node_modules/x", "expendable\n");
    let settled = close(&yard.git(), &yard.smart()).unwrap();
    assert_eq!(settled.ignored, [PathBuf::from("ignored/")]);
    assert!(!settled.branch_gone);
    assert_eq!(yard.worktrees(), 1);
    assert!(!yard.slot().join("web-amber").exists());
    assert_eq!(fs::read_to_string(yard.slot().join("kept/ignored/result")).unwrap(), "only here\n");
    let oid = settled.snapshot.unwrap().oid;
    let back = restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
    assert_eq!(back.branch.as_deref(), Some("skep/fix"));
    let mut now = photo(yard.tree().path());
    now.retain(|path, _| files.contains_key(path));
    assert_eq!((now, stand(&yard.tree())), (files, stood));
    assert!(!yard.slot().exists());
}

#[test]
fn nothing_stays_in_the_trash_of_an_env_in_which_everything_is_committed() {
    let yard = Yard::new();
    yard.made();
    let work = yard.tree().commit_file("work", "1");
    let settled = close(&yard.git(), &yard.smart()).unwrap();
    assert_eq!((settled.kept, settled.head), (None, Some(work.clone())));
    assert_eq!((yard.repo().oid("skep/fix"), contents(&yard.trash()).len()), (work, 0));
    assert_eq!(leave(&yard.smart(), Warrant::Forced).unwrap(), Left::Gone);
    assert_eq!(settle(&yard.git(), &yard.smart()).unwrap(), Settled::default());
    let oid = settled.snapshot.unwrap().oid;
    let back = restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
    assert_eq!(yard.tree().read("work"), "1");
    assert!(back.notes[0].contains("nothing more"), "{back:?}");
}

#[test]
fn a_branch_whose_work_is_in_the_target_goes_with_its_env_and_comes_back_with_it() {
    for squash in [false, true] {
        let yard = Yard::new();
        yard.made();
        let work = yard.tree().commit_file("work", "1");
        if squash {
            yard.repo().git(&["merge", "--quiet", "--squash", "skep/fix"]);
            yard.repo().git(&["commit", "--quiet", "--message", "squashed"]);
        } else {
            let ask =
                Land { target: "main".to_owned(), expected: yard.repo().head(), new: work.clone() };
            let landed = worktree::land(&yard.git(), &yard.found(), &yard.locks(), &ask).unwrap();
            assert!(matches!(landed, Landing::Landed { .. }));
        }
        let settled = close(&yard.git(), &yard.dropping(false)).unwrap();
        assert!(settled.branch_gone, "{settled:?}");
        assert_eq!(yard.repo().branches(), ["main"]);
        yard.repo().git(&["gc", "--quiet", "--prune=now"]);
        let oid = settled.snapshot.unwrap().oid;
        let back = restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
        assert_eq!((back.branch.as_deref(), back.head), (Some("skep/fix"), Some(work.clone())));
        assert_eq!(yard.tree().status(), "");
        // It is skep's own again, so that it may go again.
        yard.place.write(yard.root().join("output/x"), "1");
        let again = Leaving { slot: "snap_0000000002".to_owned(), ..yard.dropping(false) };
        assert!(close(&yard.git(), &again).unwrap().branch_gone);
    }
}

#[test]
fn a_commit_after_the_squash_is_named_and_nothing_goes() {
    let yard = Yard::new();
    yard.made();
    yard.tree().commit_file("work", "1");
    yard.repo().git(&["merge", "--quiet", "--squash", "skep/fix"]);
    yard.repo().git(&["commit", "--quiet", "--message", "squashed"]);
    let late = yard.tree().commit_file("late", "1");
    let error = close(&yard.git(), &yard.dropping(false)).unwrap_err();
    let Cause::Work { reasons } = error.cause else { panic!("{error:?}") };
    let [Reason::Unmerged { commits, .. }] = reasons.as_slice() else { panic!("{reasons:?}") };
    assert_eq!((commits[0].oid.as_str(), commits[0].subject.as_str()), (late.as_str(), "late"));
    assert_eq!((yard.tree().head(), yard.worktrees()), (late, 2));
}

#[test]
fn only_a_branch_that_skep_made_goes_and_only_where_it_was_seen() {
    // Somebody made it anew under the same name.
    let yard = Yard::new();
    yard.made();
    yard.tree().git(&["checkout", "--quiet", "--detach"]);
    yard.repo().git(&["branch", "--quiet", "-D", "skep/fix"]);
    yard.repo().git(&["branch", "skep/fix", "main"]);
    let settled = close(&yard.git(), &yard.dropping(false)).unwrap();
    assert!(!settled.branch_gone && settled.notes[0].contains("stays"), "{settled:?}");
    assert!(yard.repo().branches().contains(&"skep/fix".to_owned()));
    // The user works on it elsewhere.
    let yard = Yard::new();
    yard.made();
    yard.tree().git(&["checkout", "--quiet", "--detach"]);
    yard.repo().git(&["checkout", "--quiet", "skep/fix"]);
    let settled = close(&yard.git(), &yard.dropping(true)).unwrap();
    assert!(!settled.branch_gone, "{settled:?}");
    assert_eq!(yard.repo().status(), "");
}

#[test]
fn whatever_is_work_keeps_an_env_and_ignored_files_are_listed_beside_it() {
    type Mess = fn(&Yard);
    let messes: [(&[&str], Mess); 6] = [
        (&["worktree-dirty"], |yard| yard.tree().write("README", "changed")),
        (&["worktree-untracked"], |yard| yard.tree().write("new", "1")),
        (&["worktree-untracked", "worktree-ignored"], |yard| {
            yard.tree().write("new", "1");
            yard.tree().write("ignored/x", "1");
        }),
        (&["worktree-nested-repository"], |yard| {
            fs::create_dir(yard.tree().path().join("nested")).unwrap();
            yard.tree().git(&["init", "--quiet", "nested"]);
        }),
        (&["branch-unmerged"], |yard| {
            yard.tree().commit_file("work", "1");
        }),
        (&["branch-stash"], |yard| {
            yard.tree().write("README", "changed");
            yard.tree().git(&["stash", "--quiet"]);
        }),
    ];
    for (expected, mess) in messes {
        let yard = Yard::new();
        yard.repo().write(".git/info/exclude", "ignored\n");
        yard.made();
        mess(&yard);
        let before = photo(yard.tree().path());
        assert_eq!(slugs(close(&yard.git(), &yard.dropping(false))), expected);
        assert_eq!(photo(yard.tree().path()), before, "{expected:?}");
        assert!(yard.repo().branches().contains(&"skep/fix".to_owned()));
    }
}

#[test]
fn a_branch_that_was_pushed_may_go_and_its_commit_is_told() {
    let yard = Yard::new();
    yard.made();
    let work = yard.tree().commit_file("work", "1");
    yard.repo().git(&["push", "--quiet", "origin", "skep/fix"]);
    let settled = close(&yard.git(), &yard.dropping(false)).unwrap();
    assert_eq!((settled.branch_gone, settled.head), (true, Some(work.clone())));
    assert_eq!(yard.repo().oid("origin/skep/fix"), work);
    // What the remote no longer has, as far as is known, is not safe there.
    let yard = Yard::new();
    yard.made();
    yard.tree().commit_file("work", "1");
    yard.repo().git(&["push", "--quiet", "origin", "skep/fix"]);
    yard.repo().git(&["push", "--quiet", "origin", "--delete", "skep/fix"]);
    assert_eq!(slugs(close(&yard.git(), &yard.dropping(false))), ["branch-unmerged"]);
}

#[test]
fn folders_that_may_not_be_written_to_leave_and_come_back_too() {
    for force in [false, true] {
        let yard = Yard::new();
        yard.repo().write(".git/info/exclude", "ignored\n");
        yard.made();
        yard.tree().write("dir/ignored", "only here\n");
        yard.tree().commit_file("dir/file", "1");
        let dir = yard.tree().path().join("dir");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o555)).unwrap();
        let files = photo(yard.tree().path());
        let settled = close(&yard.git(), &yard.leaving(force, Fate::KeepBranch)).unwrap();
        let oid = settled.snapshot.unwrap().oid;
        restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
        assert_eq!(photo(yard.tree().path()), files);
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn what_the_project_declares_expendable_is_no_reason_to_keep_an_env() {
    let yard = Yard::new();
    yard.made();
    yard.tree().write("node_modules/x", "1");
    assert_eq!(close(&yard.git(), &yard.smart()).unwrap().kept, None);
    assert!(!yard.slot().exists());
}

#[test]
fn a_stash_of_another_worktree_keeps_nothing() {
    let yard = Yard::new();
    yard.made();
    yard.repo().write("README", "mine\n");
    yard.repo().git(&["stash", "--quiet"]);
    assert!(close(&yard.git(), &yard.dropping(false)).unwrap().branch_gone);
    assert_eq!(yard.repo().git(&["stash", "list"]).lines().count(), 1);
}

#[test]
fn a_stash_of_the_branch_comes_back_even_where_somebody_dropped_it() {
    let yard = Yard::new();
    yard.made();
    yard.tree().write("README", "stashed\n");
    yard.tree().git(&["stash", "--quiet"]);
    let oid = close(&yard.git(), &yard.dropping(true)).unwrap().snapshot.unwrap().oid;
    yard.repo().git(&["stash", "clear"]);
    yard.repo().git(&["gc", "--quiet", "--prune=now"]);
    restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
    assert!(yard.tree().git(&["stash", "list"]).contains("skep/fix"));
    yard.tree().git(&["stash", "pop", "--quiet"]);
    assert_eq!(yard.tree().read("README"), "stashed\n");
}

#[test]
fn work_that_appears_between_the_proof_and_the_move_brings_the_env_back() {
    let yard = Yard::new();
    yard.made();
    let verdict = inspect_for(&yard.git(), &yard.root(), &Fate::KeepBranch, &[]).unwrap();
    let Verdict::Safe(proof) = verdict else { panic!("{verdict:?}") };
    yard.tree().write("late", "precious");
    leave(&yard.smart(), Warrant::Safe(proof)).unwrap();
    assert!(!yard.root().exists());
    assert_eq!(slugs(settle(&yard.git(), &yard.smart())), ["worktree-untracked"]);
    assert_eq!((yard.tree().read("late").as_str(), yard.worktrees()), ("precious", 2));
    assert_eq!(yard.tree().status(), "?? late");
    let owner = read_owner(&yard.root()).unwrap().unwrap();
    assert_eq!((owner.state, owner.leaving), (State::Ready, None));
}

#[test]
fn an_env_in_use_or_of_somebody_else_does_not_leave() {
    let yard = Yard::new();
    let made = yard.made();
    let held = lock::hold(&made.lock).unwrap();
    let error = leave(&yard.dropping(true), Warrant::Forced).unwrap_err();
    assert_eq!((error.slug(), made.worktree.is_dir()), ("env-busy", true));
    drop(held);
    yard.place.write(yard.slot().join("x"), "somebody's");
    let error = leave(&yard.dropping(true), Warrant::Forced).unwrap_err();
    assert_eq!((error.slug(), made.worktree.is_dir()), ("env-foreign", true));
    fs::remove_dir_all(yard.trash()).unwrap();
    leave(&yard.dropping(true), Warrant::Forced).unwrap();
    let _held = lock::hold(&yard.slot().join("lock")).unwrap();
    assert_eq!(settle(&yard.git(), &yard.dropping(true)).unwrap_err().slug(), "env-busy");
}

#[test]
fn git_that_cannot_answer_deletes_nothing() {
    let yard = Yard::new();
    yard.made();
    yard.tree().commit_file("work", "1");
    let before = photo(yard.tree().path());
    let no_git = Git::new([("PATH", "/nowhere")]);
    assert_eq!(close(&no_git, &yard.smart()).unwrap_err().slug(), "git-missing");
    assert_eq!(photo(yard.tree().path()), before);
    // By force it is in the trash, whole, until git can be asked again.
    assert_eq!(close(&no_git, &yard.dropping(true)).unwrap_err().slug(), "git-missing");
    assert_eq!(photo(&yard.slot().join("web-amber")), before);
    assert_eq!(yard.worktrees(), 2);
    assert!(close(&yard.git(), &yard.dropping(true)).unwrap().snapshot.is_some());
}

#[test]
fn an_env_whose_worktree_was_deleted_by_hand_closes_and_its_commits_stay() {
    for force in [false, true] {
        let yard = Yard::new();
        let made = yard.made();
        let work = yard.tree().commit_file("work", "1");
        fs::remove_dir_all(&made.worktree).unwrap();
        let settled = close(&yard.git(), &yard.leaving(force, Fate::KeepBranch)).unwrap();
        assert_eq!((yard.worktrees(), yard.repo().oid("skep/fix")), (1, work));
        assert_eq!(settled.head, Some(yard.repo().oid("skep/fix")), "{settled:?}");
    }
    let yard = Yard::new();
    let made = yard.made();
    fs::remove_dir_all(&made.root).unwrap();
    assert_eq!(leave(&yard.smart(), Warrant::Forced).unwrap(), Left::Gone);
    let settled = settle_gone(
        &yard.git(),
        &yard.locks(),
        yard.repo().path(),
        &made.worktree,
        Some("skep/fix"),
    );
    assert_eq!((settled.unwrap().branch_gone, yard.worktrees()), (false, 1));
}

#[test]
fn without_its_repository_a_worktree_is_kept_and_by_force_lies_in_the_trash_whole() {
    let yard = Yard::new();
    yard.made();
    yard.tree().write("README", "dirty");
    fs::rename(yard.repo().path(), yard.place.root().join("elsewhere")).unwrap();
    let before = photo(yard.tree().path());
    assert_eq!(slugs(close(&yard.git(), &yard.smart())), ["no-repository"]);
    assert_eq!(photo(yard.tree().path()), before);
    let settled = close(&yard.git(), &yard.dropping(true)).unwrap();
    assert_eq!((settled.snapshot, settled.kept), (None, Some(yard.slot())));
    assert!(settled.notes[0].contains("repository is gone"), "{:?}", settled.notes);
    assert_eq!(photo(&yard.slot().join("web-amber")), before);
    let error = purge(&yard.git(), &yard.trash(), SLOT, Terms::Proven).unwrap_err();
    assert_eq!(error.slug(), "trash-unproven");
}

#[test]
fn a_worktree_that_git_forgot_is_kept_and_by_force_lies_in_the_trash_whole() {
    let yard = Yard::new();
    yard.made();
    yard.tree().write("new", "precious");
    fs::remove_dir_all(yard.repo().path().join(".git/worktrees/web-amber")).unwrap();
    assert!(close(&yard.git(), &yard.smart()).is_err());
    assert_eq!(yard.tree().read("new"), "precious");
    let settled = close(&yard.git(), &yard.dropping(true)).unwrap();
    assert!(settled.notes.iter().any(|note| note.contains("knew no worktree")), "{settled:?}");
    assert_eq!(fs::read_to_string(yard.slot().join("web-amber/new")).unwrap(), "precious");
}

#[test]
fn a_worktree_that_was_moved_keeps_its_registration_and_its_branch() {
    let yard = Yard::new();
    yard.made();
    let to = yard.place.root().join("moved");
    yard.repo().git(&[
        "worktree",
        "move",
        "--force",
        "--force",
        yard.tree().path().to_str().unwrap(),
        to.to_str().unwrap(),
    ]);
    yard.place.at("moved").write("new", "precious");
    let settled = close(&yard.git(), &yard.dropping(true)).unwrap();
    assert!(!settled.branch_gone, "{settled:?}");
    assert_eq!((yard.worktrees(), yard.place.at("moved").status()), (2, "?? new".to_owned()));
    // Nor does a new env of the same key take it for its own.
    yard.made();
    assert_eq!((yard.worktrees(), yard.place.at("moved").status()), (3, "?? new".to_owned()));
}

#[test]
fn a_link_to_a_folder_outside_is_never_followed() {
    let yard = Yard::new();
    yard.repo().write(".git/info/exclude", "node_modules\n");
    let outside = yard.place.root().join("outside");
    yard.place.write(outside.join("precious"), "1");
    for force in [false, true] {
        yard.made();
        symlink(&outside, yard.tree().path().join("node_modules")).unwrap();
        symlink(&outside, yard.root().join("output/link")).unwrap();
        let settled =
            close(&yard.git(), &yard.leaving(force, Fate::DropBranch { target: None })).unwrap();
        assert!(settled.kept.is_some());
        purge(&yard.git(), &yard.trash(), SLOT, Terms::Proven).unwrap();
        assert!(!yard.slot().exists());
        assert_eq!(fs::read_to_string(outside.join("precious")).unwrap(), "1");
    }
}

#[test]
fn the_trash_is_listed_and_only_what_is_known_and_held_goes() {
    let yard = Yard::new();
    assert_eq!(read_trash(&yard.trash()).unwrap(), []);
    yard.made();
    mess(&yard);
    let settled = close(&yard.git(), &yard.dropping(true)).unwrap();
    yard.place.write(yard.trash().join("unknown/file"), "somebody's");
    let list = read_trash(&yard.trash()).unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(
        (list[0].known, list[0].settled, list[0].restored, list[0].at_ms, list[0].run.as_deref()),
        (true, true, false, Some(1_000), Some("run_7k2m9qx4ab"))
    );
    assert_eq!(list[0].snapshot, settled.snapshot.map(|snapshot| snapshot.oid));
    assert!(!list[1].known);
    assert!(slot_bytes(&list[0].path).unwrap() > 4_000);
    let gone = |name: &str| purge(&yard.git(), &yard.trash(), name, Terms::Proven);
    assert_eq!(gone("unknown").unwrap_err().slug(), "env-foreign");
    assert_eq!(gone("../env").unwrap_err().slug(), "env-request");
    assert_eq!(gone("absent").unwrap(), Purged::Absent);
    snapshot::remove(&yard.git(), &yard.found(), &yard.locks(), &[SLOT]).unwrap();
    assert_eq!(gone(SLOT).unwrap_err().slug(), "trash-unproven");
    assert_eq!(purge(&yard.git(), &yard.trash(), SLOT, Terms::OnlyCopy).unwrap(), Purged::Gone);
    assert!(yard.trash().join("unknown/file").exists());
}

#[test]
fn what_left_and_is_not_settled_does_not_go_from_the_trash_nor_come_back() {
    let yard = Yard::new();
    yard.made();
    mess(&yard);
    leave(&yard.dropping(true), Warrant::Forced).unwrap();
    assert_eq!(
        leave(&yard.dropping(true), Warrant::Forced).unwrap(),
        Left::Already { slot: yard.slot() }
    );
    for terms in [Terms::Proven, Terms::OnlyCopy] {
        let error = purge(&yard.git(), &yard.trash(), SLOT, terms).unwrap_err();
        assert_eq!(error.slug(), "trash-unproven");
    }
    assert!(restore_env(&yard.git(), &yard.restoring(&yard.repo().oid("main"))).is_err());
    assert!(yard.slot().join("web-amber/new/deep/file").exists());
}

#[test]
fn a_checkout_of_the_user_leaves_untouched_and_a_plain_folder_comes_back() {
    let yard = Yard::new();
    let made = yard.prepare(&in_place(&yard, 1)).unwrap();
    yard.repo().write("mine", "precious");
    let ask = Leaving { root: made.root.clone(), ..yard.dropping(true) };
    assert_eq!(leave(&ask, Warrant::Forced).unwrap(), Left::InPlace);
    assert!(!made.root.exists());
    assert_eq!(yard.repo().read("mine"), "precious");
    let ask = Prepare {
        env_type: EnvType::Directory,
        repository: None,
        branches: Vec::new(),
        ..yard.ask()
    };
    let made = yard.prepare(&ask).unwrap();
    yard.place.write(made.worktree.join("notes/deep"), "only here");
    let files = photo(&made.worktree);
    assert_eq!(slugs(close(&yard.git(), &yard.smart())), ["no-repository"]);
    assert_eq!(close(&yard.git(), &yard.dropping(true)).unwrap().snapshot, None);
    let back = restore_env(&yard.git(), &yard.restoring("")).unwrap();
    assert_eq!((back.branch, photo(&back.worktree)), (None, files));
}

#[test]
fn fifty_thousand_files_leave_by_one_rename() {
    let yard = Yard::new();
    yard.made();
    for folder in 0..50 {
        let dir = yard.tree().path().join(format!("d{folder}"));
        fs::create_dir(&dir).unwrap();
        for file in 0..1_000 {
            fs::File::create(dir.join(format!("f{file}"))).unwrap();
        }
    }
    let began = std::time::Instant::now();
    leave(&yard.dropping(true), Warrant::Forced).unwrap();
    let took = began.elapsed();
    assert!(!yard.root().exists());
    assert!(yard.slot().join("web-amber/d49/f999").exists());
    // Counted in files it would be hundreds of times as much.
    assert!(took < std::time::Duration::from_secs(1), "{took:?}");
}

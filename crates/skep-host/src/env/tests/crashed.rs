//! What `kill -9` leaves of a leaving and a coming back: a child that dies at a named point, and the same request made again.

use std::{
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
};

use super::{
    leave::{SLOT, close, mess, photo, stand},
    *,
};
use crate::{
    salvage::Fate,
    snapshot::{self, Take, Taken},
    worktree,
};

const REQUEST: &str = "SKEP_TEST_DEED";

/// Something a child does and dies of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Deed {
    Close(Leaving),
    Restore(Restore),
    Purge(PathBuf),
    Take { worktree: PathBuf, locks: PathBuf, id: String },
    Over { root: PathBuf, locks: PathBuf, oid: String, before: Snapped },
}

impl Deed {
    pub(super) fn run(&self, git: &Git) -> Result<(), EnvError> {
        match self {
            Deed::Close(ask) => close(git, ask).map(drop),
            Deed::Restore(ask) => restore_env(git, ask).map(drop),
            Deed::Purge(trash) => purge(git, trash, SLOT, Terms::Proven).map(drop),
            Deed::Take { worktree, locks, id } => take(git, worktree, locks, id).map(drop),
            Deed::Over { root, locks, oid, before } => {
                let Snapped { id, oid: held, head, branch, files, bytes, left_out } =
                    before.clone();
                let before = Taken { id, oid: held, head, branch, files, bytes, left_out };
                restore_held(git, locks, root, oid, &before).map(drop)
            }
        }
    }
}

/// Takes a snapshot of a worktree that stands.
pub(super) fn take(git: &Git, worktree: &Path, locks: &Path, id: &str) -> Result<Taken, EnvError> {
    let go = || -> Result<Taken, Cause> {
        let repo = git::discover(git, worktree)?;
        let git_dir = worktree::git_dir(git, worktree)?;
        let take = Take {
            run: "run_7k2m9qx4ab",
            id,
            worktree,
            git_dir: &git_dir,
            note: "turn",
            discard: &[],
            at_ms: 5,
        };
        Ok(snapshot::take(git, &repo, locks, &take)?)
    };
    go().map_err(EnvError::at(Stage::Restore))
}

/// Not a test by itself: the process that is killed, started by the tests below.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child of a test finds its task nowhere else")]
fn child() {
    let Some(deed) = std::env::var_os(REQUEST) else { return };
    let deed: Deed = serde_json::from_slice(&fs::read(deed).unwrap()).unwrap();
    let git = Git::new(std::env::vars_os().filter(|(name, _)| name != REQUEST));
    // What it says of it is asked again by whoever started it.
    let _said = deed.run(&git);
}

/// Does a deed in a process of its own that dies at `point`, if it comes there.
pub(super) fn die_at(yard: &Yard, deed: &Deed, point: &str) -> ExitStatus {
    let file = yard.place.root().join("deed.json");
    yard.place.write(&file, &serde_json::to_string(deed).unwrap());
    crate::proc::command(std::env::current_exe().unwrap())
        .args(["--exact", "env::tests::crashed::child", "--test-threads=1"])
        .env_clear()
        .envs(yard.place.env())
        .env(REQUEST, &file)
        .env("SKEP_CRASH", point)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

fn die(yard: &Yard, deed: &Deed, point: &str) {
    assert_eq!(die_at(yard, deed, point).signal(), Some(9), "never came to {point}");
}

const GOING: [&str; 10] = [
    "leave-recorded",
    "leave-moved",
    "snapshot-written",
    "settle-taken",
    "settle-snapped",
    "settle-secured",
    "settle-unregistered",
    "settle-branch",
    "settle-released",
    "nowhere",
];

#[test]
fn a_forced_close_killed_anywhere_and_made_again_keeps_every_byte() {
    for point in GOING {
        let yard = Yard::new();
        yard.made();
        mess(&yard);
        let (files, stood) = (photo(yard.tree().path()), stand(&yard.tree()));
        let ask = yard.dropping(true);
        if point != "nowhere" {
            die(&yard, &Deed::Close(ask.clone()), point);
        }
        let settled = close(&yard.git(), &ask).unwrap_or_else(|error| panic!("{point}: {error:?}"));
        assert_eq!((yard.worktrees(), yard.repo().branches().len()), (1, 1), "{point}");
        yard.repo().git(&["gc", "--quiet", "--prune=now"]);
        let oid = settled.snapshot.unwrap().oid;
        restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
        assert_eq!(photo(yard.tree().path()), files, "{point}");
        assert_eq!(stand(&yard.tree()), stood, "{point}");
    }
}

#[test]
fn a_close_without_loss_killed_anywhere_and_made_again_keeps_every_byte() {
    for point in GOING.into_iter().chain(["settle-kept", "settle-deleted"]) {
        let yard = Yard::new();
        yard.repo().write(".git/info/exclude", "ignored\n");
        yard.made();
        yard.tree().commit_file("work", "1");
        yard.tree().write("ignored/result", "only here\n");
        let (files, stood) = (photo(yard.tree().path()), stand(&yard.tree()));
        let ask = yard.smart();
        if point != "nowhere" {
            die(&yard, &Deed::Close(ask.clone()), point);
        }
        let settled = close(&yard.git(), &ask).unwrap_or_else(|error| panic!("{point}: {error:?}"));
        assert_eq!(settled.notes, Vec::<String>::new(), "{point}");
        assert_eq!(
            (yard.worktrees(), yard.slot().join("web-amber").exists()),
            (1, false),
            "{point}"
        );
        let oid = settled.snapshot.unwrap().oid;
        restore_env(&yard.git(), &yard.restoring(&oid)).unwrap();
        assert_eq!(photo(yard.tree().path()), files, "{point}");
        assert_eq!(stand(&yard.tree()), stood, "{point}");
    }
}

#[test]
fn a_deletion_that_was_killed_half_way_goes_on_only_with_what_the_snapshot_holds() {
    for late in [false, true] {
        let yard = Yard::new();
        yard.repo().write(".git/info/exclude", "node_modules\n");
        yard.made();
        yard.tree().commit_file("work", "1");
        yard.tree().write("node_modules/x", "expendable\n");
        die(&yard, &Deed::Close(yard.smart()), "settle-branch");
        let left = yard.slot().join("web-amber");
        fs::remove_file(left.join("README")).unwrap();
        fs::remove_file(left.join(".git")).unwrap();
        if late {
            yard.place.write(left.join("late"), "precious");
        }
        let settled = close(&yard.git(), &yard.smart()).unwrap();
        assert_eq!(settled.kept.is_some(), late, "{settled:?}");
        assert_eq!(left.join("late").exists(), late);
        assert_eq!(settled.notes.len(), usize::from(late), "{settled:?}");
    }
}

#[test]
fn an_env_that_was_killed_on_its_way_back_from_the_trash_is_whole() {
    let yard = Yard::new();
    yard.made();
    let ask = yard.smart();
    // The first look is passed, and the work comes right after it.
    let verdict = inspect_for(&yard.git(), &yard.root(), &Fate::KeepBranch, &[]).unwrap();
    let Verdict::Safe(proof) = verdict else { panic!("{verdict:?}") };
    yard.tree().write("late", "precious");
    leave(&ask, Warrant::Safe(proof)).unwrap();
    die(&yard, &Deed::Close(ask.clone()), "settle-back");
    assert_eq!(close(&yard.git(), &ask).unwrap_err().slug(), "env-has-work");
    assert_eq!(yard.tree().read("late"), "precious");
    assert!(yard.made().reused);
    // Nor does a set-up that is taken back take it.
    undo(&yard.git(), &yard.locks(), &yard.root(), Ran::Agent).unwrap_err();
    assert_eq!(yard.tree().read("late"), "precious");
}

#[test]
fn a_coming_back_killed_anywhere_and_made_again_brings_every_byte() {
    let points = [
        "return-claimed",
        "return-branch",
        "return-registered",
        "restore-cleared",
        "restore-files",
        "restore-head",
        "return-files",
        "return-moved",
        "return-extras",
        "return-ready",
    ];
    for point in points {
        for moved_on in [false, true] {
            let yard = Yard::new();
            yard.made();
            mess(&yard);
            let files = photo(yard.tree().path());
            let stood = stand(&yard.tree());
            let fate = if moved_on { Fate::KeepBranch } else { Fate::DropBranch { target: None } };
            let settled = close(&yard.git(), &yard.leaving(true, fate)).unwrap();
            if moved_on {
                yard.repo().git(&["checkout", "--quiet", "skep/fix"]);
                yard.repo().commit_file("later", "1");
            }
            let ask = yard.restoring(&settled.snapshot.unwrap().oid);
            die(&yard, &Deed::Restore(ask.clone()), point);
            let back =
                restore_env(&yard.git(), &ask).unwrap_or_else(|error| panic!("{point}: {error:?}"));
            assert_eq!(photo(yard.tree().path()), files, "{point}");
            let now = stand(&yard.tree());
            assert_eq!((&now[0], &now[2..]), (&stood[0], &stood[2..]), "{point}");
            let on = if moved_on { "skep/fix-restored" } else { "skep/fix" };
            assert_eq!(back.branch.as_deref(), Some(on), "{point}");
            let branches = if moved_on { 3 } else { 2 };
            assert_eq!(yard.repo().branches().len(), branches, "{point}");
        }
    }
}

#[test]
fn a_purge_killed_half_way_goes_on() {
    let yard = Yard::new();
    yard.made();
    mess(&yard);
    close(&yard.git(), &yard.dropping(true)).unwrap();
    die(&yard, &Deed::Purge(yard.trash()), "purge-some");
    assert!(yard.slot().exists());
    Deed::Purge(yard.trash()).run(&yard.git()).unwrap();
    assert!(!yard.slot().exists());
}

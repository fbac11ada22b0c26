//! Random histories: whatever is edited, committed, stashed, killed, closed, brought back and collected, every byte that stood at a turn's end can be had back.
//!
//! `SKEP_HISTORIES` says how many are played, `SKEP_SEED` which one is the first; a failure names its seed.

use std::{
    os::unix::fs::PermissionsExt,
    panic::{self, AssertUnwindSafe},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{
    crashed::{Deed, die_at, take},
    leave::{close, photo},
    *,
};
use crate::{
    salvage::Fate,
    snapshot::{self, Taken},
};

/// How many histories a plain run of the suite plays.
const FEW: u64 = 10;
const STEPS: usize = 14;

type Photo = BTreeMap<PathBuf, (Vec<u8>, u32, i64, i64)>;

/// A moment of which everything was kept.
struct Moment {
    id: String,
    oid: String,
    head: Option<String>,
    files: Photo,
}

/// Where the env is.
enum Where {
    Held,
    Closed {
        moment: usize,
        slot: PathBuf,
        /// With what git ignores.
        all: Photo,
        index: String,
    },
}

struct History {
    yard: Yard,
    dice: u64,
    moments: Vec<Moment>,
    at: Where,
    count: u64,
}

const KILLS: [&str; 26] = [
    "snapshot-contents-written",
    "snapshot-trees-written",
    "snapshot-written",
    "snapshot-hung",
    "leave-recorded",
    "leave-moved",
    "settle-taken",
    "settle-snapped",
    "settle-secured",
    "settle-kept",
    "settle-unregistered",
    "settle-branch",
    "settle-deleted",
    "settle-released",
    "settle-back",
    "return-claimed",
    "return-branch",
    "return-registered",
    "restore-cleared",
    "restore-files",
    "restore-head",
    "restore-over",
    "return-files",
    "return-moved",
    "return-extras",
    "return-ready",
];

impl History {
    fn new(seed: u64) -> History {
        let yard = Yard::new();
        yard.repo().write(".git/info/exclude", "ignored\n");
        yard.made();
        History { yard, dice: seed, moments: Vec::new(), at: Where::Held, count: 0 }
    }

    /// A number below `sides` (splitmix64).
    fn roll(&mut self, sides: usize) -> usize {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn id(&mut self) -> String {
        self.count += 1;
        format!("snap_{:010}", self.count)
    }

    /// Lets a child do it and die at some point now and then; whoever asked does it again.
    fn perhaps_killed(&mut self, deed: &Deed, points: std::ops::Range<usize>) {
        if self.roll(3) == 0 {
            let point = KILLS[points.start + self.roll(points.len())];
            die_at(&self.yard, deed, point);
        }
    }

    fn step(&mut self) {
        match self.at {
            Where::Held => match self.roll(16) {
                0..=4 => self.edit(),
                5 | 6 => {
                    self.yard.tree().commit("work");
                }
                7 => {
                    self.yard.tree().try_git(&["stash", "--include-untracked", "--quiet"]);
                }
                8 | 9 => {
                    self.turn_end();
                }
                10 => self.go_back(),
                11 => {
                    self.yard.repo().try_git(&["merge", "--quiet", "--ff-only", "skep/fix"]);
                }
                12 => self.collect(),
                13 => self.close(false),
                _ => self.close(true),
            },
            Where::Closed { .. } => match self.roll(4) {
                0 => self.collect(),
                _ => self.come_back(),
            },
        }
    }

    fn edit(&mut self) {
        let names = ["a", "b", "dir/c", "dir/deep/d", "ignored/e", "pkg/a/code", "README"];
        for _ in 0..=self.roll(3) {
            let name = names[self.roll(names.len())];
            let path = self.yard.tree().path().join(name);
            let is_dir = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir());
            match self.roll(6) {
                0 if !is_dir && fs::symlink_metadata(&path).is_ok() => {
                    fs::remove_file(&path).unwrap();
                }
                1 if !is_dir && fs::symlink_metadata(&path).is_err() => {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    symlink("../somewhere", &path).unwrap();
                }
                2 if fs::metadata(&path).is_ok_and(|meta| meta.is_file()) => {
                    let mode = [0o600, 0o644, 0o755, 0o400][self.roll(4)];
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                }
                _ if !is_dir => {
                    if fs::symlink_metadata(&path).is_ok() {
                        fs::remove_file(&path).unwrap();
                    }
                    let text = format!("{}\r\n{}\n", self.roll(1_000_000), self.roll(10));
                    self.yard.place.write(&path, &text);
                }
                _ => {}
            }
        }
    }

    fn files(&self) -> Photo {
        let mut files = photo(self.yard.tree().path());
        // A folder that git ignores is in a snapshot only where no file is in it.
        let keeps = holds_ignored(&files);
        files.retain(|path, _| !keeps || !path.starts_with("ignored"));
        files
    }

    /// What is staged, and what differs from it.
    fn index(&self) -> String {
        let status = ["status", "--porcelain", "--untracked-files=all", "--ignored"];
        self.yard.tree().git(&status) + &self.yard.tree().git(&["ls-files", "--stage"])
    }

    fn turn_end(&mut self) -> Taken {
        let id = self.id();
        let (worktree, locks) = (self.yard.tree().path().to_owned(), self.yard.locks());
        let deed = Deed::Take { worktree: worktree.clone(), locks: locks.clone(), id: id.clone() };
        self.perhaps_killed(&deed, 0..4);
        let taken = take(&self.yard.git(), &worktree, &locks, &id).unwrap();
        let files = self.files();
        self.remember(&id, &taken.oid, taken.head.clone(), files);
        taken
    }

    fn remember(&mut self, id: &str, oid: &str, head: Option<String>, files: Photo) {
        let (id, oid) = (id.to_owned(), oid.to_owned());
        self.moments.push(Moment { id, oid, head, files });
    }

    /// An older moment over what stands; what stands is kept first.
    fn go_back(&mut self) {
        if self.moments.is_empty() {
            return;
        }
        let to = self.roll(self.moments.len());
        let oid = self.moments[to].oid.clone();
        let ignored = |yard: &Yard| {
            let mut files = photo(yard.tree().path());
            files.retain(|path, _| path.starts_with("ignored/e"));
            files
        };
        let before = self.turn_end();
        let deed = Deed::Over {
            root: self.yard.root(),
            locks: self.yard.locks(),
            oid: oid.clone(),
            before: before.into(),
        };
        let kept = ignored(&self.yard);
        self.perhaps_killed(&deed, 18..22);
        let before = self.turn_end();
        let (git, locks, root) = (self.yard.git(), self.yard.locks(), self.yard.root());
        restore_held(&git, &locks, &root, &oid, &before).unwrap();
        self.require_moment(to);
        assert_eq!(ignored(&self.yard), kept);
    }

    fn collect(&self) {
        self.yard.repo().git(&["reflog", "expire", "--expire=now", "--all"]);
        self.yard.repo().git(&["worktree", "prune", "--expire=now"]);
        self.yard.repo().git(&["gc", "--quiet", "--prune=now"]);
    }

    fn close(&mut self, force: bool) {
        let fate = match self.roll(2) {
            0 => Fate::KeepBranch,
            _ => Fate::DropBranch { target: Some("main".to_owned()) },
        };
        let slot = self.id();
        let ask = Leaving { slot: slot.clone(), ..self.yard.leaving(force, fate) };
        let (all, files) = (photo(self.yard.tree().path()), self.files());
        let index = self.index();
        self.perhaps_killed(&Deed::Close(ask.clone()), 4..15);
        match close(&self.yard.git(), &ask) {
            Ok(_) => {
                let kept = snapshot::find(&self.yard.git(), &self.yard.found(), &slot);
                let kept = kept.unwrap().expect("what was closed is in its snapshot");
                self.remember(&slot, &kept.oid, kept.head, files);
                let slot = self.yard.trash().join(slot);
                self.at = Where::Closed { moment: self.moments.len() - 1, slot, all, index };
            }
            Err(EnvError { cause: Cause::Work { .. }, .. }) => {
                assert!(!force);
                assert_eq!(
                    photo(self.yard.tree().path()),
                    all,
                    "a refused close changed something"
                );
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    fn come_back(&mut self) {
        let at = std::mem::replace(&mut self.at, Where::Held);
        let Where::Closed { moment, slot, all, index } = at else { return };
        let to = if self.roll(3) == 0 { self.roll(self.moments.len()) } else { moment };
        let ask =
            Restore { slot: Some(slot), ..self.yard.restoring(&self.moments[to].oid.clone()) };
        self.perhaps_killed(&Deed::Restore(ask.clone()), 15..26);
        let back = restore_env(&self.yard.git(), &ask).unwrap();
        assert_eq!(back.head, self.moments[to].head);
        if to == moment {
            assert_eq!(photo(self.yard.tree().path()), all, "not as it was closed");
            assert_eq!(self.index(), index);
        } else {
            self.require_moment(to);
        }
    }

    /// What stands now is what stood at a moment; times of folders that hold ignored files apart.
    fn require_moment(&self, at: usize) {
        let plain = |files: &Photo| -> Photo {
            let mut files = files.clone();
            for entry in files.values_mut().filter(|entry| entry.0 == b"folder") {
                (entry.2, entry.3) = (0, 0);
            }
            files
        };
        let mut files = plain(&self.moments[at].files);
        // A folder that was empty then may hold ignored files now, and they stay where they are.
        let keeps = holds_ignored(&photo(self.yard.tree().path()));
        files.retain(|path, _| !keeps || !path.starts_with("ignored"));
        assert_eq!(plain(&self.files()), files);
    }

    /// Every moment can be had back; objects that were lost would not come again, so that one look at the end is enough.
    fn require_all(&self) {
        self.collect();
        let (git, repo) = (self.yard.git(), self.yard.found());
        let out = self.yard.place.root().join("out");
        for moment in &self.moments {
            snapshot::restore_to(&git, &repo, &moment.oid, &out).unwrap();
            assert_eq!(photo(&out), moment.files, "{}", moment.id);
            if let Some(head) = &moment.head {
                self.yard.repo().git(&["cat-file", "-e", head]);
            }
            fs::remove_dir_all(&out).unwrap();
        }
    }

    fn require_listed(&self) {
        let kept = snapshot::list(&self.yard.git(), &self.yard.found()).unwrap();
        for moment in &self.moments {
            assert!(kept.iter().any(|kept| kept.oid == moment.oid), "{} is gone", moment.id);
        }
    }
}

/// Whether there are files that git ignores.
fn holds_ignored(files: &Photo) -> bool {
    files.iter().any(|(path, entry)| path.starts_with("ignored") && entry.0 != b"folder")
}

fn play(seed: u64) {
    let mut history = History::new(seed);
    for _ in 0..STEPS {
        history.step();
        history.require_listed();
    }
    history.require_all();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how many are played is chosen from outside")]
fn every_byte_that_stood_at_a_turns_end_can_be_had_back_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("SKEP_SEED").unwrap_or(1);
    let end = first + number("SKEP_HISTORIES").unwrap_or(FEW);
    let next = AtomicU64::new(first);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let played = panic::catch_unwind(AssertUnwindSafe(|| play(seed)));
                    assert!(played.is_ok(), "again with SKEP_SEED={seed} SKEP_HISTORIES=1");
                }
            });
        }
    });
}

//! Which runs collide before they land: pairs that touch the same files, pairs that truly conflict, and work beyond what was
//! claimed.
//!
//! Owns: these facts, as a look at all worktrees of a repository gave them, and what a run that conflicts is told.
//! Never: asks git; the hands do. What nobody could look at stays as it was known.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{id::RunId, text, time::Timestamp};

#[cfg(test)]
mod tests;

/// How many files of a pair, or beyond a claim, are kept by name.
pub const FILES: usize = 20;
/// The longest name of a file that is kept. Characters.
const NAME: usize = 300;

/// How two runs meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Both change the same files, and git can bring them together.
    Touch,
    /// Git cannot bring them together.
    Conflict,
}

impl Kind {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Touch => "touch",
            Kind::Conflict => "conflict",
        }
    }
}

/// Some files by name, and how many more there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    pub files: Vec<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Files {
    /// The first of `all`.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a str>) -> Files {
        let mut all = all.into_iter();
        let files: Vec<String> =
            all.by_ref().take(FILES).map(|file| text::words(file, NAME)).collect();
        Files { files, more: u64::try_from(all.count()).unwrap_or(u64::MAX) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.more == 0
    }
}

/// Two runs that meet; `a` was begun before `b`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clash {
    pub a: RunId,
    pub b: RunId,
    pub kind: Kind,
    #[serde(flatten)]
    pub files: Files,
}

/// Two runs that met before and do so no more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    pub a: RunId,
    pub b: RunId,
}

/// What a run changed beyond the paths that it claimed; nothing: it is within them again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stray {
    pub run: RunId,
    #[serde(flatten)]
    pub files: Files,
}

/// What one look at the worktrees of a repository gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The runs that could be looked at: of pairs of these, what is not told is not so.
    pub among: BTreeSet<RunId>,
    /// The pairs of these of which git could not say how they meet.
    pub unknown: BTreeSet<(RunId, RunId)>,
    /// In either order.
    pub clashes: Vec<Clash>,
    /// What each run changed.
    pub touched: BTreeMap<RunId, Vec<String>>,
    /// Whether the later run of a pair that conflicts is to be told.
    pub tell: bool,
}

/// How a pair stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub kind: Kind,
    pub files: Files,
    /// Since when they meet in this way.
    pub since: Timestamp,
}

/// What is known of all runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Radar {
    /// By the two runs, the smaller id first.
    pub clashes: BTreeMap<(RunId, RunId), Standing>,
    /// The pairs of which the later run was told.
    pub told: BTreeSet<(RunId, RunId)>,
    pub strays: BTreeMap<RunId, Files>,
}

/// The key of a pair.
pub fn key(a: &RunId, b: &RunId) -> (RunId, RunId) {
    if a <= b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) }
}

impl Radar {
    /// What is new, against what is known.
    pub fn news(&self, seen: &Seen) -> (Vec<Clash>, Vec<Pair>) {
        let known = |clash: &&Clash| {
            self.clashes
                .get(&key(&clash.a, &clash.b))
                .is_some_and(|it| it.kind == clash.kind && it.files == clash.files)
        };
        let news = seen.clashes.iter().filter(|clash| !known(clash)).cloned().collect();
        let told: BTreeSet<(RunId, RunId)> =
            seen.clashes.iter().map(|clash| key(&clash.a, &clash.b)).collect();
        let over = |(a, b): &&(RunId, RunId)| {
            let looked = seen.among.contains(a) && seen.among.contains(b);
            let pair = (a.clone(), b.clone());
            looked && !told.contains(&pair) && !seen.unknown.contains(&pair)
        };
        let gone = self.clashes.keys().filter(over);
        (news, gone.map(|(a, b)| Pair { a: a.clone(), b: b.clone() }).collect())
    }

    /// Makes what was seen true.
    pub fn see(&mut self, clashes: &[Clash], gone: &[Pair], strays: &[Stray], at: Timestamp) {
        for Pair { a, b } in gone {
            self.clashes.remove(&key(a, b));
        }
        for clash in clashes {
            let pair = key(&clash.a, &clash.b);
            let before = self.clashes.get(&pair).filter(|it| it.kind == clash.kind);
            let since = before.map_or(at, |it| it.since);
            let standing = Standing { kind: clash.kind, files: clash.files.clone(), since };
            self.clashes.insert(pair, standing);
        }
        for Stray { run, files } in strays {
            if files.is_empty() {
                self.strays.remove(run);
            } else {
                self.strays.insert(run.clone(), files.clone());
            }
        }
    }

    /// Forgets the runs that `stands` says no of.
    pub fn keep(&mut self, stands: impl Fn(&RunId) -> bool) {
        self.clashes.retain(|(a, b), _| stands(a) && stands(b));
        self.told.retain(|(a, b)| stands(a) && stands(b));
        self.strays.retain(|run, _| stands(run));
    }
}

/// Whether the file `path` lies in what was claimed: the file itself, a folder that it lies in, or a pattern that fits.
///
/// Shape: `*` and `?` stand within a folder's name, `**` for any folders.
pub fn is_claimed(claim: &str, path: &str) -> bool {
    let Some(mut claim) = parts(claim) else { return false };
    // What lies below a folder is claimed with it.
    claim.push("**");
    let path: Vec<&str> = path.split('/').collect();
    let name_fits = |pattern: &&str, name: &&str| {
        let (pattern, name): (Vec<char>, Vec<char>) =
            (pattern.chars().collect(), name.chars().collect());
        meets(&pattern, &name, |c| *c == '*', |c, letter| *c == '?' || c == letter)
    };
    meets(&claim, &path, |part| *part == "**", name_fits)
}

/// The folders of a claim; none where it leads out.
fn parts(claim: &str) -> Option<Vec<&str>> {
    let mut parts = Vec::new();
    for part in claim.trim().split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts)
}

/// Whether a row fits a pattern, in which a star stands for any number.
///
/// Only the last star is ever tried again, so no pattern takes longer than its length times that of the row.
fn meets<P, N>(
    pattern: &[P],
    row: &[N],
    is_star: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &N) -> bool,
) -> bool {
    let (mut at, mut of, mut star) = (0, 0, None);
    while of < row.len() {
        match pattern.get(at) {
            Some(part) if is_star(part) => {
                star = Some((at, of));
                at += 1;
            }
            Some(part) if fits(part, &row[of]) => {
                at += 1;
                of += 1;
            }
            _ => match &mut star {
                Some((back, taken)) => {
                    *taken += 1;
                    (at, of) = (*back + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(is_star)
}

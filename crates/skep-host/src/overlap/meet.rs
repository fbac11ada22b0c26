//! Owns: what becomes of two worktrees' work when they are brought together: all pairs in one process of git's.
//! Never: asks again of two commits of which git has said it, or takes one that it could not merge for clean.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use super::{Overlap, Standing};
use crate::git::{Git, GitError, path_of};

/// Two worktrees that meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    pub a: usize,
    pub b: usize,
    /// The files that both touch.
    pub shared: Vec<PathBuf>,
    pub merge: Merge,
}

/// What git says of bringing two together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    Clean,
    /// The files that it cannot bring together.
    Conflict(Arc<[PathBuf]>),
    /// It could not be asked, and why.
    Unknown(String),
}

/// How often git may give up within one sweep before the rest is left unknown.
const TRIES: usize = 8;

type Commits = (String, String);
/// What stands at a place of the list.
type Placed<'a> = (usize, &'a Standing);

impl Overlap {
    /// Brings every two together that changed something.
    pub(super) fn meet(
        &mut self,
        git: &Git,
        standing: &[Result<Arc<Standing>, GitError>],
    ) -> Vec<Meeting> {
        let at_work: Vec<Placed<'_>> = standing
            .iter()
            .enumerate()
            .filter_map(|(at, it)| Some((at, it.as_deref().ok()?)))
            .filter(|(_, it)| !it.touched.is_empty() || it.partial.is_some())
            .collect();
        let pairs = at_work
            .iter()
            .enumerate()
            .flat_map(|(nth, one)| at_work[nth + 1..].iter().map(move |other| (*one, *other)));
        let pairs: Vec<(Placed<'_>, Placed<'_>)> = pairs.collect();
        let wanted: BTreeSet<Commits> = pairs.iter().map(|((_, a), (_, b))| of(a, b)).collect();
        self.merged.retain(|commits, _| wanted.contains(commits));
        let asked: Vec<Commits> =
            wanted.into_iter().filter(|commits| !self.merged.contains_key(commits)).collect();
        let unknown = self.merge(git, &asked);
        let mut meetings = Vec::new();
        for ((a, one), (b, other)) in pairs {
            let commits = of(one, other);
            let shared = shared(&one.touched, &other.touched);
            let partial = one.partial.as_ref().or(other.partial.as_ref());
            let merge = match (self.merged.get(&commits), partial) {
                (Some(files), _) if !files.is_empty() => Merge::Conflict(Arc::clone(files)),
                (Some(_), None) => Merge::Clean,
                (Some(_), Some(why)) => Merge::Unknown(why.clone()),
                (None, _) => {
                    let why = unknown.get(&commits).cloned();
                    Merge::Unknown(why.unwrap_or_else(|| "git could not be asked".to_owned()))
                }
            };
            if !shared.is_empty() || merge != Merge::Clean {
                meetings.push(Meeting { a, b, shared, merge });
            }
        }
        meetings
    }

    /// Has git merge each pair, and remembers what it said; returns those that it could not merge, and why.
    fn merge(&mut self, git: &Git, asked: &[Commits]) -> BTreeMap<Commits, String> {
        let mut unknown = BTreeMap::new();
        let mut failures: BTreeMap<String, usize> = BTreeMap::new();
        let mut rest = asked.to_vec();
        for nth in 0.. {
            if rest.is_empty() {
                break;
            }
            let (heard, why) = self.hear(git, &rest);
            let count = heard.len().min(rest.len());
            let after = rest.split_off(count);
            for (commits, files) in rest.iter().zip(heard) {
                let files = files.into_iter().map(|file| plain_name(file, commits)).collect();
                self.merged.insert(commits.clone(), files);
            }
            let Some(((a, b), after)) = after.split_first() else { break };
            // The one at which git gave up stands in the way of the others; who is at fault is seen by the second one.
            unknown.insert((a.clone(), b.clone()), why.clone());
            for oid in [a, b] {
                *failures.entry(oid.clone()).or_default() += 1;
            }
            let is_faulty = |oid: &String| failures.get(oid).is_some_and(|times| *times > 1);
            let given_up = |(a, b): &Commits| nth + 1 == TRIES || is_faulty(a) || is_faulty(b);
            let (gone, left): (Vec<Commits>, Vec<Commits>) =
                after.iter().cloned().partition(given_up);
            unknown.extend(gone.into_iter().map(|commits| (commits, why.clone())));
            rest = left;
        }
        unknown
    }

    /// What git says of the first of these pairs, up to where it gives up, and why it does.
    fn hear(&self, git: &Git, pairs: &[Commits]) -> (Vec<Vec<PathBuf>>, String) {
        let lines: String = pairs.iter().map(|(a, b)| format!("{a} {b}\n")).collect();
        let plain = ["merge-tree", "--write-tree", "--stdin", "-z", "--name-only", "--no-messages"];
        match self.stored_at(git, self.repo.seat()).args(plain).stdin(lines.into_bytes()).output() {
            Ok(output) => {
                let complaint = output.complaint();
                let first = complaint.lines().next().unwrap_or_default();
                let why = format!("git merge-tree failed with {}: {first}", output.code());
                (heard(&output.stdout), why)
            }
            Err(error) => (Vec::new(), error.to_string()),
        }
    }
}

fn of(one: &Standing, other: &Standing) -> Commits {
    let (a, b) = (one.commit.clone(), other.commit.clone());
    if a <= b { (a, b) } else { (b, a) }
}

/// What stands in both; both are sorted.
fn shared(one: &[PathBuf], other: &[PathBuf]) -> Vec<PathBuf> {
    one.iter().filter(|file| other.binary_search(file).is_ok()).cloned().collect()
}

/// Reads git's answers, each with the files that conflict; what a dying git left of one is none.
///
/// Shape: `1 NUL tree NUL NUL`, or `0 NUL tree NUL (file NUL)… NUL`.
fn heard(out: &[u8]) -> Vec<Vec<PathBuf>> {
    let mut all = Vec::new();
    let mut fields = out.split(|byte| *byte == 0);
    // What follows the last end is no field.
    let whole = out.iter().filter(|byte| **byte == 0).count();
    let mut left = whole;
    let mut next = || {
        left = left.checked_sub(1)?;
        fields.next()
    };
    while let (Some(status), Some(_tree)) = (next(), next()) {
        let mut files = Vec::new();
        loop {
            match next() {
                Some(b"") => break,
                Some(file) => files.push(path_of(file)),
                None => return all,
            }
        }
        files.dedup();
        match (status, files.is_empty()) {
            (b"1", true) | (b"0", false) => all.push(files),
            _ => return all,
        }
    }
    all
}

/// A file that had to step aside is named after its side; people know it by its own name.
fn plain_name(file: PathBuf, (a, b): &Commits) -> PathBuf {
    let text = file.to_str();
    let own = text.and_then(|text| {
        let (own, side) = text.rsplit_once('~')?;
        [a, b].iter().any(|oid| side.starts_with(oid.as_str())).then(|| PathBuf::from(own))
    });
    own.unwrap_or(file)
}

//! The collector: measures the disk, and wishes away what has had its time.
//!
//! Owns: when it looks; the going of clones that no project has, which no event speaks of.
//! Never: decides what else goes; the core does, and each deletion takes its proof.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, mpsc::Sender},
    thread,
    time::{Duration, Instant, SystemTime},
};

use skep_api::{place::Home, wire::chain};
use skep_core::{
    fleet::{Fleet, Input, Limits},
    id::OpId,
};
use skep_host::{
    cache::{self, CacheError, Evicting},
    git::Git,
};

use crate::{
    board::{Board, Posted},
    engine::Inbox,
    hands, launch, resolve,
};

#[cfg(test)]
mod tests;

/// How long after the start it cleans for the first time, and how often from then on.
const FIRST: Duration = Duration::from_secs(30);
const EACH: Duration = Duration::from_secs(10 * 60);
/// How often it looks how much disk is free: builds fill it in minutes.
const LOOK: Duration = Duration::from_secs(60);
/// How often it looks while the disk is short.
const SHORT: Duration = Duration::from_secs(15);
/// How long a clone that no project has is kept after its last use.
const CLONE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the collector needs to know.
#[derive(Debug, Clone)]
pub struct Collector {
    pub home: Home,
    /// The folder of the settings.
    pub config: PathBuf,
    pub epoch: u64,
    pub board: Arc<Board>,
    pub inbox: Sender<Inbox>,
}

impl Collector {
    /// Looks now and then, until the daemon goes.
    pub fn start(self) -> std::io::Result<()> {
        thread::Builder::new().name("collect".to_owned()).spawn(move || self.serve())?;
        Ok(())
    }

    fn serve(&self) {
        // Measured at once: nothing is to start below the floor.
        let (mut turn, mut wait, mut clean_at) = (0, Duration::ZERO, Instant::now() + FIRST);
        let mut short = false;
        loop {
            if self.rest(wait, short) {
                return;
            }
            turn += 1;
            short = match self.measure(turn) {
                Some(short) => short,
                None => return,
            };
            if short || Instant::now() >= clean_at {
                clean_at = Instant::now() + EACH;
                if !self.clean(turn) {
                    return;
                }
                self.evict();
            }
            let left = clean_at.saturating_duration_since(Instant::now());
            wait = if short { SHORT } else { left.min(LOOK) };
        }
    }

    /// Waits, less long where the disk becomes short meanwhile, and says whether the daemon is going.
    fn rest(&self, wait: Duration, short: bool) -> bool {
        let until = Instant::now() + wait;
        let mut posted = self.board.read();
        let news = |posted: &Posted| !short && posted.fleet.short.is_some();
        while !posted.closing && !news(&posted) && Instant::now() < until {
            posted = self.board.wait_beyond(posted.seq, Some(until));
        }
        posted.closing
    }

    /// Tells how much disk is free, and says whether that is too little; none where nobody listens.
    fn measure(&self, turn: u64) -> Option<bool> {
        let before = self.board.read();
        // What cannot be measured says nothing, and leaves it at what was known.
        let Some(disk) = hands::disk(&self.home, &self.config) else {
            return Some(before.fleet.short.is_some());
        };
        let short = disk.free < disk.floor;
        let known = before.fleet.limits.disk_free == disk.floor;
        if known && before.fleet.short.is_some() == short && turn > 1 {
            return Some(short);
        }
        let limits = Limits { disk_free: disk.floor, ..before.fleet.limits };
        let key = format!("disk/{}/{turn}", self.epoch);
        let told = self.tell(&format!("{key}/floor"), Input::Limits(limits))
            && self.tell(&key, Input::Disk(Some(disk.free)));
        told.then_some(short)
    }

    fn clean(&self, turn: u64) -> bool {
        // Settings that cannot be read say nothing about ages: everything stays.
        let Ok(keep) = resolve::keep_ages(&self.config) else { return true };
        let key = format!("clean/{}/{turn}", self.epoch);
        let op = OpId::new(resolve::spell(&key));
        self.tell(&key, Input::Clean { op, keep })
    }

    fn evict(&self) {
        let git = Git::new(launch::own_vars());
        let fleet = self.board.read().fleet;
        for said in evict(&git, &self.home, &fleet, SystemTime::now()) {
            // Without a log there is nowhere to tell it.
            let _unread = writeln!(io::stderr(), "{said}");
        }
    }

    fn tell(&self, key: &str, input: Input) -> bool {
        let report = Inbox::Report {
            key: key.to_owned(),
            source: "clock".to_owned(),
            input: Box::new(input),
        };
        self.inbox.send(report).is_ok()
    }
}

/// Evicts the clones that no project has and nobody used; returns what there is to say of it.
fn evict(git: &Git, home: &Home, fleet: &Fleet, now: SystemTime) -> Vec<String> {
    let (caches, locks) = (home.caches(), home.repository_locks());
    let shown = |err: &CacheError| format!("clones stay as they are: {}", chain(err));
    let mut said: Vec<String> = cache::mend(git, &locks, &caches).iter().map(shown).collect();
    let all = cache::list(&caches).unwrap_or_else(|err| {
        said.push(shown(&err));
        Vec::new()
    });
    let held: BTreeSet<&Path> =
        fleet.projects.values().map(|project| Path::new(&project.common_dir)).collect();
    for dir in all {
        // Projects are known by this form of the path; one that has none is nobody's to judge.
        let Ok(canonical) = dir.canonicalize() else { continue };
        if held.contains(canonical.as_path()) {
            continue;
        }
        match cache::evict(git, &locks, &dir, CLONE, now) {
            Evicting::Evicted => said.push(format!("evicted: {}", dir.display())),
            Evicting::Absent | Evicting::Kept { .. } => {}
            Evicting::Unknown(err) => {
                said.push(format!("{} stays: {}", dir.display(), chain(&err)));
            }
        }
    }
    said
}

//! The radar: looks at the worktrees of runs that stand, and tells the engine which collide.
//!
//! Owns: when it looks (a turn ended, a run did, a commit came, or an agent has been at work for a while), one look at a
//! time per repository.
//! Never: decides what follows; the core does. Never holds the engine up: it looks beside it, at low priority.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
    thread,
    time::{Duration, Instant},
};

use skep_api::{place::Home, wire::chain};
use skep_core::{
    facts::GitFacts,
    fleet::{Fleet, Input},
    id::RunId,
    radar::{Clash, Files, Kind, Seen, key},
    run::{EnvState, Run, State, question::Claim},
};
use skep_host::{
    git::{Git, GitError},
    overlap::{Ground, Meeting, Merge, Overlap, Standing},
};

use crate::{
    board::Board,
    config::{self, RadarSettings},
    engine::Inbox,
    hands, launch,
};

#[cfg(test)]
mod tests;

/// How long one call of git may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon after one look the next may follow: what happens meanwhile is seen by it at once.
const GAP: Duration = Duration::from_secs(1);
/// How long a worktree that could not be looked at is left alone.
const LATER: Duration = Duration::from_secs(300);

/// What the radar needs to know.
#[derive(Debug)]
pub struct Radar {
    pub home: Home,
    /// The folder of the settings.
    pub config: PathBuf,
    pub epoch: u64,
    pub board: Arc<Board>,
    pub inbox: Sender<Inbox>,
    /// By the folder that all worktrees of a repository share.
    pub stores: Mutex<BTreeMap<String, Arc<Mutex<Store>>>>,
    pub turns: AtomicU64,
}

/// What is remembered of one repository.
#[derive(Debug, Default)]
pub struct Store {
    overlap: Option<Overlap>,
    looked: BTreeMap<RunId, Looked>,
    last: Option<Instant>,
    /// What each run had changed by then.
    touched: Touched,
    blind: BTreeMap<RunId, String>,
}

/// What each run changed.
type Touched = BTreeMap<RunId, Vec<String>>;

/// When a run was looked at, and what was known of it then.
#[derive(Debug, Clone, PartialEq)]
struct Looked {
    mark: Mark,
    at: Instant,
    failed: bool,
}

/// What of a run says that its worktree may have changed.
#[derive(Debug, Clone, PartialEq)]
struct Mark {
    attempt: u32,
    state: &'static str,
    turns: u32,
    git: Option<GitFacts>,
    worktree: String,
    claims: usize,
}

impl Mark {
    fn of(run: &Run) -> Mark {
        Mark {
            attempt: run.attempt,
            state: run.state_name(),
            turns: run.spent.amount.turns,
            git: run.git.clone(),
            worktree: run.env().map(|env| env.worktree.clone()).unwrap_or_default(),
            claims: claims(run),
        }
    }
}

/// How often paths were claimed.
fn claims(run: &Run) -> usize {
    let at_work = run.claims.iter().filter(|made| matches!(made.claim, Claim::Paths { .. }));
    run.brief.claims.paths.len() + at_work.count()
}

/// What one look gave.
#[derive(Debug, Default)]
pub struct Sight {
    pub seen: Seen,
    /// Runs that could not be looked at, and why.
    pub blind: BTreeMap<RunId, String>,
    pub touched: Touched,
    /// Pairs of which git could not say how they meet, and why.
    pub unknown: BTreeMap<(RunId, RunId), String>,
}

/// The runs on the radar, by their repositories; of those alone that anybody could collide with, or that claimed something.
pub fn groups(fleet: &Fleet) -> BTreeMap<String, Vec<Arc<Run>>> {
    let mut groups: BTreeMap<String, Vec<Arc<Run>>> = BTreeMap::new();
    for run in fleet.runs.values().filter(|run| fleet.is_on_radar(run)) {
        let project = run.brief.project.as_ref().and_then(|name| fleet.projects.get(name));
        if let Some(project) = project {
            groups.entry(project.common_dir.clone()).or_default().push(Arc::clone(run));
        }
    }
    groups.retain(|_, runs| runs.len() > 1 || runs.iter().any(|run| claims(run) > 0));
    for runs in groups.values_mut() {
        runs.sort_by_key(|run| run.order);
    }
    groups
}

/// Whether its agent may be changing files right now.
fn is_at_work(run: &Run) -> bool {
    matches!(run.state, State::Running { .. } | State::Stalled { .. })
}

impl Radar {
    /// Looks now and then, until the daemon goes.
    pub fn start(self: &Arc<Radar>) -> io::Result<()> {
        let radar = Arc::clone(self);
        thread::Builder::new().name("radar".to_owned()).spawn(move || radar.serve())?;
        Ok(())
    }

    fn serve(&self) {
        // What it starts is as patient; at the usual priority it works as well.
        let _usual = rustix::process::setpriority_process(None, 10);
        let mut next = None;
        let mut seq = 0;
        loop {
            let posted = self.board.wait_beyond(seq, next);
            if posted.closing {
                return;
            }
            seq = posted.seq;
            next = self.turn(&posted.fleet);
        }
    }

    /// Looks where it is time to; returns when it is time again, if nothing happens before.
    fn turn(&self, fleet: &Fleet) -> Option<Instant> {
        let groups = groups(fleet);
        self.forget(&groups);
        if groups.is_empty() {
            return None;
        }
        // Settings that cannot be read wish for nothing.
        let settings = config::user(&self.config).ok()?.radar;
        if !settings.on {
            return None;
        }
        let mut next: Option<Instant> = None;
        for (common, runs) in groups {
            let store = self.store(&common);
            let mut store = held(&store);
            let now = Instant::now();
            let due = store.due(&runs, &settings, now);
            let due = match due.at {
                Some(at) if at <= now => {
                    let sight = self.look(&mut store, &common, &runs, &due.stale, settings.tell);
                    self.tell(sight);
                    store.due(&runs, &settings, Instant::now())
                }
                _ => due,
            };
            next = next.into_iter().chain(due.at).min();
        }
        next
    }

    /// Lets go of repositories that nobody works in.
    fn forget(&self, groups: &BTreeMap<String, Vec<Arc<Run>>>) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.retain(|common, _| groups.contains_key(common));
    }

    fn store(&self, common: &str) -> Arc<Mutex<Store>> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(stores.entry(common.to_owned()).or_default())
    }

    /// Looks at all worktrees of a repository now, whatever is known of them.
    pub fn look_now(&self, common: &str, runs: &[Arc<Run>]) -> Sight {
        let settings = config::user(&self.config).ok().map(|settings| settings.radar);
        let tell = settings.is_some_and(|settings| settings.on && settings.tell);
        let store = self.store(common);
        let all = runs.iter().map(|run| run.id().clone()).collect();
        self.look(&mut held(&store), common, runs, &all, tell)
    }

    /// What these runs have changed, as it was seen `within` that time, else as it is now; and who could not be looked at.
    pub fn touched(
        &self,
        common: &str,
        runs: &[Arc<Run>],
        within: Duration,
    ) -> (Touched, BTreeMap<RunId, String>) {
        let store = self.store(common);
        let known = |store: &Store| {
            let all = runs.iter().all(|run| {
                store.touched.contains_key(run.id()) || store.blind.contains_key(run.id())
            });
            all && store.last.is_some_and(|last| last.elapsed() < within)
        };
        let seen = held(&store);
        if known(&seen) {
            return (seen.touched.clone(), seen.blind.clone());
        }
        drop(seen);
        let sight = self.look_now(common, runs);
        let seen = (sight.touched.clone(), sight.blind.clone());
        // What was looked at is not looked at again by itself: the engine hears of it now.
        self.tell(sight);
        seen
    }

    fn look(
        &self,
        store: &mut Store,
        common: &str,
        runs: &[Arc<Run>],
        stale: &BTreeSet<RunId>,
        tell: bool,
    ) -> Sight {
        let marks: Vec<Mark> = runs.iter().map(|run| Mark::of(run)).collect();
        let sight = self.sweep(store, common, runs, stale, tell);
        let at = Instant::now();
        store.last = Some(at);
        store.touched.clone_from(&sight.touched);
        store.blind.clone_from(&sight.blind);
        let before = std::mem::take(&mut store.looked);
        for (run, mark) in runs.iter().zip(marks) {
            let id = run.id();
            let looked = match before.get(id).filter(|_| !stale.contains(id)) {
                Some(looked) => looked.clone(),
                None => Looked { mark, at, failed: sight.blind.contains_key(id) },
            };
            store.looked.insert(id.clone(), looked);
        }
        sight
    }

    fn sweep(
        &self,
        store: &mut Store,
        common: &str,
        runs: &[Arc<Run>],
        stale: &BTreeSet<RunId>,
        tell: bool,
    ) -> Sight {
        let mut sight = Sight { seen: Seen { tell, ..Seen::default() }, ..Sight::default() };
        let mut gits = Vec::new();
        for run in runs {
            match self.git_of(store, common, run) {
                Ok(git) => gits.push((run, git)),
                Err(why) => drop(sight.blind.insert(run.id().clone(), why)),
            }
        }
        let Some((overlap, (_, (_, first)))) = store.overlap.as_mut().zip(gits.first()) else {
            return sight;
        };
        let grounds: Vec<Ground<'_>> =
            gits.iter().filter_map(|(run, (git, _))| ground(run, git, stale)).collect();
        let all: Vec<&Arc<Run>> = gits.iter().map(|(run, _)| *run).collect();
        match overlap.sweep(first, &grounds) {
            Ok(sweep) => fill(&mut sight, &all, &sweep.standing, &sweep.meetings),
            Err(err) => {
                let why = chain(&err);
                sight.blind.extend(all.iter().map(|run| (run.id().clone(), why.clone())));
            }
        }
        sight
    }

    /// How git is asked in the worktree of a run, and in its repository.
    fn git_of(&self, store: &mut Store, common: &str, run: &Run) -> Result<(Git, Git), String> {
        let EnvState::Held(env) = &run.env else { return Err("its env does not stand".to_owned()) };
        let vars = launch::asker_env(&self.home, run)?;
        let git = Git::new(&vars).timeout(PATIENCE);
        let overlap = match &mut store.overlap {
            Some(overlap) => overlap,
            none => {
                let seat = run.brief.place.repository.as_deref().unwrap_or(common);
                let (_, repo) =
                    hands::repository(&vars, Path::new(seat)).map_err(|err| chain(&err))?;
                let dir = self.home.radar().join(skep_host::overlap::name_of(common));
                none.insert(Overlap::open(&dir, repo))
            }
        };
        let (root, worktree) = (Path::new(&env.root), Path::new(&env.worktree));
        let discard = &run.brief.place.discard;
        let seen = overlap.ignoring(run.id().as_str(), &git, worktree, root, discard);
        Ok((seen.map_err(|err| chain(&err))?, git))
    }

    /// Gives the engine what was seen; it knows what of it is new.
    fn tell(&self, sight: Sight) {
        for (run, why) in &sight.blind {
            // Without a log there is nowhere to tell it.
            let _unread = writeln!(io::stderr(), "radar: {run} could not be looked at: {why}");
        }
        let turn = self.turns.fetch_add(1, Ordering::SeqCst);
        let report = Inbox::Report {
            key: format!("radar/{}/{turn}", self.epoch),
            source: "radar".to_owned(),
            input: Box::new(Input::Radar(Box::new(sight.seen))),
        };
        // The engine closes last; then nobody needs it.
        let _closed = self.inbox.send(report);
    }
}

fn held(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    // What a look left half done is looked at again by the next.
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which worktrees may have changed, and when it is time to look.
#[derive(Debug, Default, PartialEq)]
struct Due {
    stale: BTreeSet<RunId>,
    at: Option<Instant>,
}

impl Store {
    fn due(&self, runs: &[Arc<Run>], settings: &RadarSettings, now: Instant) -> Due {
        let mut due = Due::default();
        for run in runs {
            let looked = self.looked.get(run.id());
            let at = match looked {
                Some(looked) if looked.mark != Mark::of(run) => now,
                Some(looked) if looked.failed => looked.at + LATER.max(settings.every),
                Some(looked) if is_at_work(run) => looked.at + settings.every,
                Some(_) => continue,
                None => now,
            };
            if at <= now {
                due.stale.insert(run.id().clone());
            }
            due.at = due.at.into_iter().chain([at]).min();
        }
        let gap = self.last.map(|last| last + GAP);
        due.at = due.at.map(|at| gap.map_or(at, |gap| at.max(gap)));
        due
    }
}

fn ground<'a>(run: &'a Run, git: &'a Git, stale: &BTreeSet<RunId>) -> Option<Ground<'a>> {
    let env = run.env()?;
    Some(Ground {
        key: run.id().as_str(),
        git,
        worktree: Path::new(&env.worktree),
        base: env.base.as_ref().map(|base| base.oid.as_str()),
        target: env.target.as_deref(),
        stale: stale.contains(run.id()),
    })
}

fn names(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.to_string_lossy().into_owned()).collect()
}

/// Puts what git said in terms of runs.
fn fill(
    sight: &mut Sight,
    runs: &[&Arc<Run>],
    standing: &[Result<Arc<Standing>, GitError>],
    meetings: &[Meeting],
) {
    for (run, standing) in runs.iter().zip(standing) {
        let id = run.id().clone();
        match standing {
            Ok(standing) => {
                let touched = names(&standing.touched);
                if claims(run) > 0 {
                    sight.seen.touched.insert(id.clone(), touched.clone());
                }
                sight.touched.insert(id.clone(), touched);
                sight.seen.among.insert(id);
            }
            Err(err) => drop(sight.blind.insert(id, chain(err))),
        }
    }
    for meeting in meetings {
        let (a, b) = (runs[meeting.a].id(), runs[meeting.b].id());
        let (kind, files) = match &meeting.merge {
            Merge::Clean => (Kind::Touch, &meeting.shared[..]),
            Merge::Conflict(files) => (Kind::Conflict, &files[..]),
            Merge::Unknown(why) => {
                sight.unknown.insert(key(a, b), why.clone());
                sight.seen.unknown.insert(key(a, b));
                continue;
            }
        };
        let names = names(files);
        let files = Files::of(names.iter().map(String::as_str));
        sight.seen.clashes.push(Clash { a: a.clone(), b: b.clone(), kind, files });
    }
}

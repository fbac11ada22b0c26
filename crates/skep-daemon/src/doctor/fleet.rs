//! Owns: the ledger as it reads, and the runs in it against envs, processes, locks and sessions.
//! Never: judges a run that something is still to be done for.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::Path,
    time::Duration,
};

use skep_api::{place::Home, wire::chain};
use skep_core::{
    fleet::{Event, Fleet},
    names::{self, Answer, Note, SessionSeen},
    run::{self, EnvState, EnvType, Run},
    time::Timestamp,
};
use skep_host::{
    env,
    lock::{self, LockError},
    tmux::Server,
    tree::{self, Table},
};
use skep_ledger::{LedgerError, Reader};

use super::{Finding, mend::Remedy, pasted};
use crate::{hands, viewer};

/// How long a deed that has told its end may take to let go of its lock.
const LETS_GO: Duration = Duration::from_secs(2);
const CHECK: &str = "ledger";

/// The ledger as it stood at one moment.
pub(super) struct Ledger {
    pub(super) fleet: Fleet,
    last: u64,
    /// When the last event was written.
    pub(super) at: Timestamp,
    wrong: Vec<String>,
    /// The runs that an effect is still to be done for.
    pending: BTreeSet<String>,
}

enum Unread {
    Ledger(LedgerError),
    Misfit { seq: u64, text: String },
}

impl From<LedgerError> for Unread {
    fn from(err: LedgerError) -> Unread {
        Unread::Ledger(err)
    }
}

impl Ledger {
    /// Reads the ledger; none where there is none yet.
    pub(super) fn read(home: &Home) -> Result<Option<Ledger>, Box<Finding>> {
        if !home.ledger().exists() {
            return Ok(None);
        }
        let ill = |text: String, slug: &str| {
            let found = Finding::ill(CHECK, text)
                .why("no daemon starts on it; runs and worktrees stand as they are")
                .way(format!("skep explain {slug}"));
            Box::new(found)
        };
        read(home).map(Some).map_err(|err| match err {
            Unread::Ledger(err) => ill(chain(&err), err.slug()),
            Unread::Misfit { seq, text } => {
                ill(format!("event {seq} does not fit: {text}"), "event-misfit")
            }
        })
    }

    /// Whether nothing was added since.
    pub(super) fn stands_still(&self, home: &Home) -> bool {
        Reader::open(&home.ledger())
            .and_then(|reader| reader.last())
            .is_ok_and(|last| last == self.last)
    }

    /// What is wrong with the file itself.
    pub(super) fn findings(&self) -> Vec<Finding> {
        if self.wrong.is_empty() {
            let text = format!(
                "{} events, {} runs; runs with something still to be done for: {}",
                self.last,
                self.fleet.runs.len(),
                self.pending.len()
            );
            return vec![Finding::well(CHECK, text)];
        }
        let found = self.wrong.iter().map(|line| {
            Finding::ill(CHECK, line.clone())
                .why("what it remembers may not be what happened")
                .way("keep a copy of ledger.db; skep explain ledger-damaged")
        });
        found.collect()
    }

    /// The run of this id.
    pub(super) fn run(&self, id: &str) -> Option<&Run> {
        self.fleet.runs.values().find(|run| run.id().as_str() == id).map(AsRef::as_ref)
    }

    /// Whether something is under way with its env, so that nothing is left over and nothing is missing.
    pub(super) fn is_busy(&self, run: &Run) -> bool {
        self.pending.contains(run.id().as_str())
            || run.undoing
            || run.settling.is_some()
            || match run.env {
                EnvState::Preparing | EnvState::Closing { .. } | EnvState::Restoring { .. } => true,
                EnvState::None | EnvState::Held(_) | EnvState::Within(_) | EnvState::Closed(_) => {
                    false
                }
            }
    }
}

fn read(home: &Home) -> Result<Ledger, Unread> {
    let reader = Reader::open(&home.ledger())?;
    let wrong = reader.integrity()?;
    let mut fleet = Fleet::default();
    let (mut last, mut written) = (0, Timestamp(0));
    reader.replay(1, |record| {
        let misfit = |text: String| Unread::Misfit { seq: record.seq, text };
        let event: Event =
            serde_json::from_str(&record.body).map_err(|err| misfit(err.to_string()))?;
        let at: Timestamp = record.at.parse().map_err(|err| misfit(format!("{err}")))?;
        (last, written) = (record.seq, at);
        if event == Event::Run(run::Event::Done {}) {
            return Ok(());
        }
        fleet.apply(&record.subject, &event, at).map_err(|err| misfit(err.to_string()))
    })?;
    // After the events: what was reported meanwhile is gone from it, and what came meanwhile makes its run busy.
    let pending = reader.outbox()?.into_iter().map(|pending| pending.subject).collect();
    Ok(Ledger { fleet, last, at: written, wrong, pending })
}

/// Envs without run, and runs without env.
pub(super) fn envs(home: &Home, ledger: &Ledger) -> Vec<Finding> {
    let by_key: BTreeMap<(&str, &str), &Run> = ledger
        .fleet
        .runs
        .values()
        .filter(|run| !run.is_within())
        .map(|run| ((run.brief.place.envs.as_str(), run.brief.place.key.as_str()), run.as_ref()))
        .collect();
    let own = home.envs();
    let mut folders: BTreeSet<&Path> = by_key.keys().map(|(envs, _)| Path::new(*envs)).collect();
    folders.insert(&own);
    let mut found = Vec::new();
    for folder in folders {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
            Err(err) => {
                found.push(Finding::note("envs", format!("{}: {err}", folder.display())));
                continue;
            }
        };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            if name.as_bytes().starts_with(b".") {
                continue;
            }
            let of = name.to_str().zip(folder.to_str());
            let run = of.and_then(|(key, envs)| by_key.get(&(envs, key)).copied());
            found.extend(left_over(&entry.path(), run, ledger, folder == own));
        }
    }
    found.extend(ledger.fleet.runs.values().filter_map(|run| missing(run, ledger)));
    if found.is_empty() {
        let held = ledger.fleet.runs.values().filter(|run| run.holds_env()).count();
        found.push(Finding::well("envs", format!("{held} held, each stands")));
    }
    found
}

/// A folder among the envs that no run holds.
fn left_over(path: &Path, run: Option<&Run>, ledger: &Ledger, own: bool) -> Option<Finding> {
    let shown = path.display();
    let way = format!("look into {shown}, take what you need, and move it away by hand");
    let Some(run) = run else {
        let text = match env::read_owner(path) {
            Ok(Some(owner)) => {
                format!("{shown} is of {}, which the ledger does not know", owner.run)
            }
            Ok(None) | Err(_) => format!("{shown} is nobody's that skep knows"),
        };
        // In a folder that the settings name, another home may have its envs too.
        let finding = if own { Finding::ill("envs", text) } else { Finding::note("envs", text) };
        return Some(finding.why("there may be work in it, and no verb reaches it").way(way));
    };
    if run.holds_env() || ledger.is_busy(run) || !run.is_ended() {
        return None;
    }
    Some(
        Finding::ill("envs", format!("{shown} stands, and {} has given it back", run.id()))
            .why("there may be work in it, and no verb reaches it")
            .way(way),
    )
}

/// An env that is held and does not stand.
fn missing(run: &Run, ledger: &Ledger) -> Option<Finding> {
    let EnvState::Held(held) = &run.env else { return None };
    if ledger.is_busy(run) {
        return None;
    }
    let gone = |path: &str| matches!(fs::symlink_metadata(path), Err(err) if err.kind() == io::ErrorKind::NotFound);
    let path = if gone(&held.root) { &held.root } else { &held.worktree };
    gone(path).then(|| {
        Finding::ill("envs", format!("{path} of {} is not there", run.id()))
            .why("its run cannot go on, and land and close see no files")
            .way(format!(
                "skep close {0} --force, then skep undo brings its last snapshot back; skep snapshot ls {0}",
                run.id()
            ))
    })
}

/// Processes that bear a run's mark though it has ended.
pub(super) fn processes(ledger: &Ledger) -> Vec<Finding> {
    let table = match Table::read() {
        Ok(table) => table,
        Err(err) => return vec![Finding::note("processes", format!("could not be asked: {err}"))],
    };
    let mut found = Vec::new();
    for row in table.rows().filter(|row| !row.zombie) {
        let pid = row.process.pid;
        // Another user's, or gone meanwhile: none of ours.
        let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        let mark = environ.split(|byte| *byte == 0).find_map(|var| var.strip_prefix(b"SKEP_RUN="));
        let run = mark.and_then(|id| ledger.run(OsStr::from_bytes(id).to_str()?));
        if run.is_some_and(|run| run.is_ended() && !ledger.is_busy(run)) {
            let run = run.map(|run| run.id().to_string()).unwrap_or_default();
            found.push(
                Finding::ill(
                    "processes",
                    format!("{pid} ({}) is of {run}, which has ended", row.comm),
                )
                .why("it may still write, spend and listen")
                .way(format!("ps -o pid,ppid,lstart,args -p {pid}; kill {pid}")),
            );
        }
    }
    if found.is_empty() {
        found.push(Finding::well("processes", "none is of a run that has ended"));
    }
    found
}

/// Processes that stand in an env: a person's shell, or something a run started through another service.
pub(super) fn inside(home: &Home) -> Finding {
    const CHECK: &str = "folders in use";
    match tree::inside(&home.envs()) {
        Err(err) => Finding::note(CHECK, format!("could not be asked: {err}")),
        Ok(found) if found.is_empty() => Finding::well(CHECK, "no process stands in an env"),
        Ok(found) => {
            let pids: Vec<String> = found.iter().map(|process| process.pid.to_string()).collect();
            Finding::note(CHECK, format!("these stand in envs: {}", pids.join(" ")))
                .way(format!("ps -o pid,ppid,lstart,args -p {}", pids.join(",")))
        }
    }
}

/// Locks of deeds that nobody waits for any more.
pub(super) fn locks(home: &Home, ledger: &Ledger) -> Vec<Finding> {
    let mut found = Vec::new();
    for run in ledger.fleet.runs.values().filter(|run| !ledger.is_busy(run)) {
        let path = home.effect_lock(run.id());
        if !path.exists() {
            continue;
        }
        let held = match lock::hold(&path) {
            Err(LockError::Held { .. }) => lock::hold_within(&path, LETS_GO),
            other => other,
        };
        if let Err(LockError::Held { .. }) = held {
            let shown = path.display();
            found.push(
                Finding::ill(
                    "locks",
                    format!("{shown} is held, and nothing is to be done for {}", run.id()),
                )
                .why("the next deed of this run waits for it")
                .way(format!("fuser -v {}; end what holds it", pasted(&path))),
            );
        }
    }
    if found.is_empty() {
        found.push(Finding::well("locks", "no deed is left over"));
    }
    found
}

/// Sessions of the private tmux server against the names that are held.
pub(super) fn sessions(
    home: &Home,
    vars: &BTreeMap<String, String>,
    ledger: &Ledger,
) -> Vec<Finding> {
    const CHECK: &str = "sessions";
    let server = Server::private(home.sockets(), vars);
    if !server.socket().exists() {
        return vec![Finding::well(CHECK, "no tmux server of ours")];
    }
    let seen: Answer<Vec<SessionSeen>> = server
        .list()
        .map(|seen| {
            let seen =
                seen.into_iter().map(|seen| SessionSeen { name: seen.name, ours: seen.ours });
            seen.collect::<Vec<_>>()
        })
        .map_err(|err| chain(&err))
        .into();
    let held = viewer::held(&ledger.fleet);
    let plan = match names::reconcile(&held, &viewer::envs(&ledger.fleet), &seen) {
        Ok(plan) => plan,
        // Unknown is no finding, and nothing is done on it.
        Err(err) => return vec![Finding::note(CHECK, err.to_string())],
    };
    let mut found: Vec<Finding> = plan
        .end_sessions
        .into_iter()
        .map(|name| {
            Finding::ill(CHECK, format!("{name} shows a worker whose env is gone"))
                .why("it takes the name of the next one")
                .way("skep daemon stop; the next daemon compares them too")
                .remedy(Remedy::Session { name })
        })
        .collect();
    for note in plan.notes {
        let text = match note {
            // Envs are a check of their own.
            Note::EnvMissing { .. } | Note::EnvUnrecorded { .. } => continue,
            Note::SessionForeign { session } => {
                format!("{session} has a name like ours and is not ours")
            }
            Note::SessionRenamed { session } => {
                format!("{session} is ours and was given another name")
            }
        };
        found.push(Finding::note(CHECK, text).why("it is left alone"));
    }
    if found.is_empty() {
        found.push(Finding::well(CHECK, "each shows a worker that stands"));
    }
    found
}

/// The repositories that runs work in.
pub(super) fn repositories(ledger: &Ledger) -> BTreeMap<&str, Vec<&Run>> {
    let mut all: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    for run in ledger.fleet.runs.values() {
        let place = &run.brief.place;
        // Of a checkout that was let go of and is gone, nothing is to be found out any more.
        let is_over = |path: &str| {
            place.env_type == EnvType::InPlace && !run.holds_env() && !Path::new(path).exists()
        };
        if let Some(repository) = &place.repository
            && place.env_type != EnvType::Directory
            && !is_over(repository)
        {
            all.entry(repository).or_default().push(run);
        }
    }
    all
}

/// Whether a path lies in an env of this home's own folder.
pub(super) fn is_own_env(home: &Home, path: &Path) -> bool {
    path.starts_with(home.envs())
}

/// Where the trash of a run's env lies; a worktree told to leave is registered at its old place until it is settled.
pub(super) fn lies_in_trash(home: &Home, run: &Run) -> bool {
    let folder = hands::trash(&run.brief.place, home);
    run.snapshots.keys().chain(&run.settling).any(|id| {
        // A look that fails is no answer, and then nothing is called left over.
        !matches!(fs::symlink_metadata(folder.join(id.as_str()).join(".git")), Err(err) if err.kind() == io::ErrorKind::NotFound)
    })
}

//! An agent's own screen and what it needs of the agent's settings: that a run's folder is trusted, so that no dialog
//! stands before its work.
//!
//! Owns: when that is needed, the record of what was changed in settings that are not ours, its taking back with the env.
//! Never: trusts a folder for an agent that has no screen, or forgets an entry that it could not take back.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, spec, wire::Refusal, wire::chain};
use skep_core::{
    id::RunId,
    run::{OpResult, Run},
    text,
};
use skep_harness::profile::Profile;
use skep_host::{
    foreign::{self, Entry, ForeignError},
    paths::{self, PathError},
};

#[cfg(test)]
mod tests;

/// What was changed for a run in settings that are not ours.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    entries: Vec<Entry>,
}

/// Where the record of a run lies; it outlives the run's env until all of it is taken back.
pub fn record_of(home: &Home, run: &RunId) -> PathBuf {
    home.run(run).join("foreign.json")
}

/// The signs by which the agent of a profile tells on a terminal what it does.
pub fn signs(profile: &Profile) -> spec::Signs {
    let signs = profile.signs();
    spec::Signs {
        hooks: signs.hooks.map(|hooks| hooks.name().to_owned()),
        permission: signs.titles.permission,
        busy: signs.titles.busy,
        idle: signs.titles.idle,
        ready: signs.titles.ready,
    }
}

/// Refuses, before anything is made, a run on a terminal whose agent's settings could not be given what it needs.
pub fn require(profile: &Profile, vars: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let file = profile.screen.trust.and_then(|trust| trust.file(vars));
    let Some(file) = file else { return Ok(()) };
    foreign::is_trusted(&file, &[]).map(drop).map_err(|err| {
        let shown = text::shell(&file.to_string_lossy());
        Refusal::error(err.slug(), chain(&err))
            .hint(format!("look at it, and mend or move it away: less {shown}"))
            .hint("skep run --surface headless …   needs nothing of it")
    })
}

/// Sees to it that the agent of an attempt on a terminal trusts its folder.
pub fn ensure(run: &Run, spec: &spec::Spec, home: &Home, agents: &Path) -> Result<(), String> {
    if spec.terminal.is_none() {
        return Ok(());
    }
    let profile = Profile::load(&run.brief.agent, Some(agents)).map_err(|err| chain(&err))?;
    let Some(file) = profile.screen.trust.and_then(|trust| trust.file(&spec.env)) else {
        return Ok(());
    };
    // As the agent sees its own folder.
    let cwd =
        fs::canonicalize(&spec.cwd).map_err(|err| format!("{}: {err}", spec.cwd.display()))?;
    let repository = run.brief.place.repository.as_ref().map(PathBuf::from);
    let repository = repository.map(|path| fs::canonicalize(&path).unwrap_or(path));
    let dirs: Vec<&str> = [Some(cwd.as_path()), repository.as_deref()]
        .into_iter()
        .flatten()
        .map(|dir| dir.to_str().ok_or_else(|| format!("{} is not UTF-8", dir.display())))
        .collect::<Result<_, _>>()?;
    let note = |entry: &Entry| note(home, run.id(), entry);
    foreign::trust(&file, &dirs, note)
        .map(drop)
        .map_err(|err| format!("{}{}", chain(&err), way_out(&err)))
}

fn way_out(err: &ForeignError) -> &'static str {
    match err {
        ForeignError::Shape { .. } => "; mend it, or: skep run --surface headless",
        ForeignError::Lock(_)
        | ForeignError::Io { .. }
        | ForeignError::Note(_)
        | ForeignError::Write(_) => "",
    }
}

/// Writes down what is about to be changed; what was there before anything of ours stays the first word.
fn note(home: &Home, run: &RunId, entry: &Entry) -> Result<(), PathError> {
    let path = record_of(home, run);
    let source = |source| PathError::Io { doing: "read", path: path.clone(), source };
    let mut record = read(&path).map_err(source)?.unwrap_or_default();
    let is_known = |known: &Entry| known.file == entry.file && known.dir == entry.dir;
    if record.entries.iter().any(is_known) {
        return Ok(());
    }
    record.entries.push(entry.clone());
    let bytes = serde_json::to_vec(&record).map_err(|err| source(err.into()))?;
    paths::write_atomically(&path, &bytes)?;
    paths::crash_point("foreign.noted");
    Ok(())
}

fn read(path: &Path) -> io::Result<Option<Record>> {
    match fs::read(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(err),
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
    }
}

/// Takes back what was changed for a run; what could not be stays written down. Done twice, it is done once.
///
/// Errors: what stands in the way, in words.
pub fn take_back(home: &Home, run: &RunId) -> Result<(), String> {
    let path = record_of(home, run);
    let told = |err: &dyn std::fmt::Display| format!("{}: {err}", path.display());
    let Some(record) = read(&path).map_err(|err| told(&err))? else { return Ok(()) };
    for entry in &record.entries {
        foreign::withdraw(entry).map_err(|err| chain(&err))?;
    }
    paths::crash_point("foreign.withdrawn");
    fs::remove_file(&path).map_err(|err| told(&err))
}

/// What the end of an env adds: the entries that were made for it go with it.
pub fn after_close(home: &Home, run: &RunId, result: OpResult) -> OpResult {
    let OpResult::Closed { kept_branch, trash, text, merged, snapshot, unsettled } = result else {
        return result;
    };
    let text = match take_back(home, run) {
        Ok(()) => text,
        Err(why) => format!("{text}; its entry in another program's settings is left: {why}"),
    };
    OpResult::Closed { kept_branch, trash, text, merged, snapshot, unsettled }
}

/// The runs for which something of ours stands in settings that are not ours.
pub fn recorded(home: &Home) -> Vec<RunId> {
    let runs = fs::read_dir(home.root().join("runs")).into_iter().flatten().flatten();
    let named = runs.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    named.filter(|run| record_of(home, run).exists()).collect()
}

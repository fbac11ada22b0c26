//! What the hooks know while no daemon runs: projects, which tasks have runs and changes, who is at work.
//!
//! Owns: one file in the home, written whole whenever something of it changes. Never: decides; it is as old as it is.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use skep_api::place::Home;
use skep_core::{
    change::ChangeState,
    fleet::Fleet,
    issue::taskwarrior::{self, Name},
    run::{EnvState, Kind, Run},
};
use skep_host::paths::{self, PathError};

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Known {
    pub version: u32,
    /// Registered projects, each with its repository and its base.
    pub projects: BTreeMap<String, Place>,
    /// What is known of tasks, by what Taskwarrior calls them.
    pub tasks: BTreeMap<String, Tracked>,
    /// Runs that have not ended.
    pub runs: BTreeMap<String, AtWork>,
}

/// Where a project is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub path: String,
    pub base: Option<String>,
}

/// A task that skep knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    pub task: String,
    pub run: Option<String>,
    pub change: Option<Seen>,
    /// Whether its run's env was given back.
    #[serde(default)]
    pub closed: bool,
}

/// A change as it was heard of last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub number: u64,
    pub state: ChangeState,
}

/// A run that is at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtWork {
    pub kind: Kind,
    pub agent: String,
    /// What Taskwarrior calls the task that it works at.
    pub at: Option<String>,
}

/// The version that is written.
const VERSION: u32 = 1;

impl Known {
    /// What is true of `fleet`.
    pub fn of(fleet: &Fleet) -> Known {
        let place = |project: &skep_core::project::Project| Place {
            path: project.path.clone(),
            base: project.base.clone(),
        };
        let named = |task: &skep_core::task::Task| {
            let name = taskwarrior::name(task.reference.as_deref()?).ok()?;
            Some(name.as_str().to_owned())
        };
        let tasks = fleet.tasks.values().filter_map(|task| {
            let run = task.run.as_ref().and_then(|run| fleet.runs.get(run));
            let change = run.and_then(|run| run.change.as_ref());
            let seen = |it: &skep_core::change::Change| Seen { number: it.number, state: it.state };
            let tracked = Tracked {
                task: task.id.to_string(),
                run: task.run.as_ref().map(ToString::to_string),
                change: change.map(|following| seen(&following.change)),
                closed: run.is_some_and(|run| matches!(run.env, EnvState::Closed(_))),
            };
            Some((named(task)?, tracked))
        });
        let at_work = |run: &Run| AtWork {
            kind: run.brief.kind,
            agent: run.brief.agent.clone(),
            at: run.brief.task.as_ref().and_then(|task| named(fleet.tasks.get(task)?)),
        };
        let living = fleet.runs.values().filter(|run| !run.is_ended());
        Known {
            version: VERSION,
            projects: fleet.projects.iter().map(|(name, it)| (name.clone(), place(it))).collect(),
            tasks: tasks.collect(),
            runs: living.map(|run| (run.id().to_string(), at_work(run))).collect(),
        }
    }

    /// What was written last. Errors: nothing was, or it does not read.
    pub fn read(home: &Home) -> Result<Known, String> {
        let path = file(home);
        let bytes = fs::read(&path).map_err(|err| format!("{}: {err}", path.display()))?;
        let known: Known =
            serde_json::from_slice(&bytes).map_err(|err| format!("{}: {err}", path.display()))?;
        if known.version > VERSION {
            return Err(format!("{} is of a newer skep", path.display()));
        }
        Ok(known)
    }

    /// Writes it down for the hooks.
    pub fn write(&self, home: &Home) -> Result<(), PathError> {
        // It is a value of our own; it always has a spelling.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        paths::write_atomically(&file(home), &bytes)
    }

    /// What is known of the task with this UUID.
    pub fn tracked(&self, uuid: &str) -> Option<&Tracked> {
        let meant = Name::Uuid(uuid.to_owned());
        let found = self.tasks.get(uuid);
        found.or_else(|| {
            let fits = |name: &&String| taskwarrior::name(name).is_ok_and(|name| name.fits(&meant));
            self.tasks.keys().find(fits).and_then(|name| self.tasks.get(name))
        })
    }
}

fn file(home: &Home) -> PathBuf {
    super::folder(home).join("known")
}

//! Taskwarrior: a list of a person's, asked by its own program.
//!
//! Owns: how `task` is called, always for one task of one list; what of a task is an issue's. Never: reads or writes its
//! files, or calls it for a list in which no person installed the hooks.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use skep_core::{
    issue::{Association, Issue, Platform, Reference, Said, Status, taskwarrior},
    text,
};
use skep_host::proc::Program;

use super::{Tracker, TrackerError};

#[cfg(test)]
pub(super) mod tests;

/// How long it may take; other hooks of the person's are in it.
const PATIENCE: Duration = Duration::from_secs(20);
/// The most of one answer. Bytes.
const MOST: u64 = 16 * 1024 * 1024;
/// What of its caller's environment it gets.
const PASSED: [&str; 8] =
    ["HOME", "PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_CONFIG_HOME"];

/// One list of a person's in which the hooks are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Taskwarrior's program.
    pub program: PathBuf,
    pub rc: PathBuf,
    pub data: PathBuf,
    pub hooks: PathBuf,
}

/// A list, as what is asked.
#[derive(Debug, Clone)]
pub struct Taskwarrior {
    list: List,
    vars: BTreeMap<String, String>,
}

impl Taskwarrior {
    /// Speaks of the tasks of `list`; `vars` says where programs and settings are.
    pub fn new(list: List, vars: &BTreeMap<String, String>) -> Taskwarrior {
        let passed = vars.iter().filter(|(name, _)| PASSED.contains(&name.as_str()));
        let vars = passed.map(|(name, value)| (name.clone(), value.clone())).collect();
        Taskwarrior { list, vars }
    }

    /// A task as Taskwarrior spells it; `name` is its UUID, or how that begins.
    ///
    /// Errors: it could not be asked, which says nothing of the task; there are several.
    pub fn export(&self, name: &str) -> Result<Option<Value>, TrackerError> {
        // A look is nobody's event, and changes neither ids nor what recurs.
        let quiet = ["rc.hooks=off", "rc.gc=off", "rc.recurrence=off", "rc.json.array=on"];
        let said = self.call(&quiet, name, &["export"])?;
        let all: Vec<Value> = serde_json::from_str(&taskwarrior::legible(&said))
            .map_err(|err| self.unreadable(format!("what `task export` says: {err}")))?;
        match all.len() {
            0 => Ok(None),
            1 => Ok(all.into_iter().next()),
            many => Err(self.unreadable(format!("{many} tasks are called {name}"))),
        }
    }

    /// Completes a task. Errors: it could not be asked, or a hook of the person's said no.
    pub fn done(&self, name: &str) -> Result<(), TrackerError> {
        self.call(&["rc.bulk=0", "rc.recurrence.confirmation=no"], name, &["done"]).map(drop)
    }

    fn call(&self, more: &[&str], name: &str, verb: &[&str]) -> Result<Vec<u8>, TrackerError> {
        let output = Program::new(&self.list.program)
            .args(["rc.verbose=nothing", "rc.confirmation=off", "rc.color=off"])
            .args(more)
            .arg(format!("uuid:{name}"))
            .args(verb)
            .envs(&self.vars)
            .env("TASKRC", &self.list.rc)
            .env("TASKDATA", &self.list.data)
            .cwd(Path::new("/"))
            .timeout(PATIENCE)
            .most(MOST)
            .output()
            .map_err(|err| self.silent(err.to_string()))?;
        if output.code() == 0 {
            return Ok(output.stdout);
        }
        // What it says of where its settings come from is no reason.
        let is_noise =
            |line: &str| line.starts_with("TASKRC over") || line.starts_with("TASKDATA over");
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + "\n" + &output.complaint();
        let said: Vec<&str> = said
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !is_noise(line))
            .collect();
        Err(self.silent(format!(
            "it left with {}: {}",
            output.code(),
            text::one_line(&said.join("; "))
        )))
    }

    fn silent(&self, why: String) -> TrackerError {
        TrackerError::Program { program: self.list.program.display().to_string(), why }
    }

    fn unreadable(&self, why: String) -> TrackerError {
        TrackerError::Unreadable { at: self.list.data.display().to_string(), why }
    }

    /// What Taskwarrior is asked by. Errors: the reference is of another tracker.
    fn name<'a>(&self, reference: &'a Reference) -> Result<&'a str, TrackerError> {
        match reference {
            Reference::Task { uuid } => Ok(uuid),
            Reference::Forge { .. } | Reference::Folder { .. } => Err(TrackerError::Elsewhere {
                at: self.list.data.display().to_string(),
                reference: reference.to_string(),
            }),
        }
    }

    fn found(&self, reference: &Reference) -> Result<(String, Value), TrackerError> {
        let none = || TrackerError::NoIssue {
            at: self.list.data.display().to_string(),
            reference: reference.to_string(),
        };
        let task = self.export(self.name(reference)?)?.ok_or_else(none)?;
        let uuid =
            task["uuid"].as_str().ok_or_else(|| self.unreadable("it has no uuid".to_owned()))?;
        Ok((uuid.to_owned(), task))
    }
}

impl Tracker for Taskwarrior {
    fn platform(&self) -> Platform {
        Platform::Taskwarrior
    }

    fn issue(&self, reference: &Reference) -> Result<Issue, TrackerError> {
        let (uuid, task) = self.found(reference)?;
        let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
        let notes: Vec<String> = task["annotations"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["description"].as_str().map(str::to_owned))
            .collect();
        let tags = task["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
        // A tag has no colon, which many a label has: `agent_headless` is `agent:headless`, too.
        let labels = tags.flat_map(|tag| {
            [Some(tag.to_owned()), tag.contains('_').then(|| tag.replacen('_', ":", 1))]
        });
        let spawner = text("spawner");
        let comments: Vec<Said> = notes
            .iter()
            .map(|note| Said {
                author: String::new(),
                association: Association::Unknown,
                text: note.clone(),
                at: None,
            })
            .collect();
        let state = text("status");
        Ok(Issue {
            platform: Platform::Taskwarrior,
            reference: Reference::Task { uuid },
            title: text("description"),
            body: String::new(),
            open: matches!(state.as_str(), "pending" | "waiting"),
            state,
            url: String::new(),
            // The list is the person's; what a run wrote into it is a run's.
            association: if spawner.is_empty() { Association::Owner } else { Association::Unknown },
            author: spawner,
            labels: labels.flatten().collect(),
            is_change: false,
            said: u64::try_from(comments.len()).unwrap_or(u64::MAX),
            comments,
        })
    }

    fn comment(&self, reference: &Reference, words: &str, key: &str) -> Result<(), TrackerError> {
        let (uuid, task) = self.found(reference)?;
        let mark = taskwarrior::mark(key);
        let is_said = task["annotations"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|one| one["description"].as_str().is_some_and(|text| text.ends_with(&mark)));
        if is_said {
            return Ok(());
        }
        // An annotation is one line.
        let line = format!("{} {mark}", text::one_line(words));
        self.call(&["rc.bulk=0"], &uuid, &["annotate", "--", &line]).map(drop)
    }

    fn set_status(&self, reference: &Reference, status: Status) -> Result<(), TrackerError> {
        let (uuid, task) = self.found(reference)?;
        let state = task["status"].as_str().unwrap_or_default();
        let is_open = matches!(state, "pending" | "waiting");
        let has = |tag: &str| {
            task["tags"].as_array().into_iter().flatten().any(|one| one.as_str() == Some(tag))
        };
        let mut words = vec!["modify".to_owned()];
        match status {
            // One that was deleted is over, too.
            Status::Closed if matches!(state, "completed" | "deleted") => return Ok(()),
            Status::Closed => return self.done(&uuid),
            Status::Open if !is_open => words.push("status:pending".to_owned()),
            // What somebody closed is not opened by saying that it is worked at.
            Status::InProgress | Status::NeedsReview | Status::Blocked if !is_open => {
                return Ok(());
            }
            Status::Open | Status::InProgress | Status::NeedsReview | Status::Blocked => {}
        }
        for label in Status::LABELS {
            match (label == status, has(label.as_str())) {
                (true, false) => words.push(format!("+{}", label.as_str())),
                (false, true) => words.push(format!("-{}", label.as_str())),
                (true, true) | (false, false) => {}
            }
        }
        if words.len() == 1 {
            return Ok(());
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.call(&["rc.bulk=0"], &uuid, &words).map(drop)
    }
}

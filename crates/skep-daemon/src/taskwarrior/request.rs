//! What a hook asks of the daemon: one file for each, put there by a rename, taken away when it is done.
//!
//! Owns: their form, and that each has a key of its own. Never: says that Taskwarrior has taken the change: when the file is
//! written it has not yet, and whoever works it off looks.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use skep_api::place::Home;
use skep_host::{
    paths::{self, PathError},
    tree::{self, Process},
};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub version: u32,
    /// Of this request alone; with it, it counts once.
    pub key: String,
    pub event: Event,
    pub uuid: String,
    /// The folder of the data that the task is in.
    pub data: String,
    /// The project of skep's that it is in.
    pub project: Option<String>,
    /// `person`, or the run whose process it was.
    pub by: String,
    /// Why a person completed it over a guard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<String>,
    /// The process of Taskwarrior, which has not taken the change yet.
    pub process: Option<Waits>,
    pub at: String,
    /// What a run that begins by it finds in its environment: names that hold no secret.
    #[serde(default)]
    pub env: std::collections::BTreeMap<String, String>,
}

/// What became of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Started,
    Completed,
}

/// The process that must be gone before anybody looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    pub pid: u32,
    pub started: u64,
    pub boot: String,
}

impl Waits {
    /// The process of this pid, as it is now.
    pub fn of(pid: u32) -> Option<Waits> {
        let process = tree::identity(pid)?;
        let boot = tree::boot_id().ok()?;
        Some(Waits { pid: process.pid, started: process.started, boot })
    }

    /// Whether it may still be there; one that cannot be asked may.
    pub fn is_there(&self) -> bool {
        let same_boot = tree::boot_id().is_ok_and(|boot| boot == self.boot);
        let process = Process { pid: self.pid, started: self.started };
        same_boot && tree::probe(process) != tree::Probe::Dead
    }
}

/// The version that is written.
pub const VERSION: u32 = 1;
/// How the names of requests end; whatever else lies there is none.
pub const ENDING: &str = ".request.json";

impl Request {
    /// Puts it where the daemon looks.
    pub fn write(&self, home: &Home) -> Result<PathBuf, PathError> {
        let folder = super::folder(home);
        paths::create_private_dir(&folder)?;
        let path = folder.join(format!("{}{ENDING}", self.key));
        // It is a value of our own; it always has a spelling.
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        paths::write_atomically(&path, &bytes)?;
        Ok(path)
    }
}

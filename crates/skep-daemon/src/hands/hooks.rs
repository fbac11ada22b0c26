//! A project's own commands before and after a worktree is made.
//!
//! Owns: what they are told, how often they run, what their failure amounts to.
//! Never: runs one for a worktree that is used again, or outside of a gatekeeper.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use skep_api::{place::Home, wire::chain};
use skep_core::run::{self, EnvType, Run};
use skep_host::{
    env::{Creating, Prepared},
    paths,
};

use super::set_up::{Grant, Ran, Script, last_words};

/// The hooks of a run, with what they are told of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Hooks {
    hooks: run::Hooks,
    /// What both are told.
    about: Map<String, Value>,
    /// The folder for what they say.
    logs: PathBuf,
    /// Whether the run had its env before.
    pub(super) again: bool,
}

impl Hooks {
    /// Those that were frozen into a run.
    pub(super) fn of(run: &Run, home: &Home) -> Hooks {
        let again = run.attempt > 1;
        let hooks = run.brief.place.hooks.clone();
        if hooks.is_none() || run.brief.place.env_type != EnvType::Worktree {
            return Hooks { again, ..Hooks::default() };
        }
        let about = [
            ("run", json!(run.id())),
            ("task", json!(run.brief.task)),
            ("project", json!(run.brief.project)),
            ("repository", json!(run.brief.place.repository)),
            ("title", json!(run.brief.title)),
            ("sub_plan", json!(hooks.sub_plan)),
        ];
        let about = about.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Hooks { hooks, about, logs: home.run(run.id()), again }
    }

    /// Asks the hook whether a worktree may be made.
    ///
    /// Errors: it says no, cannot be run, or takes too long.
    pub(super) fn creating(
        &self,
        creating: Creating<'_>,
        vars: &BTreeMap<String, String>,
        grant: &Grant,
    ) -> Result<(), String> {
        let Some(command) = &self.hooks.creating else { return Ok(()) };
        let base = json!({ "branch": creating.base.branch, "oid": creating.base.oid });
        let more = [("branch", json!(creating.branch)), ("base", base)];
        self.run("worktree_creating", command, creating.repository, more, vars, grant)
    }

    /// Tells the hook of a worktree that is ready; a note where that failed.
    pub(super) fn created(
        &self,
        prepared: &Prepared,
        vars: &BTreeMap<String, String>,
        grant: &Grant,
    ) -> Option<String> {
        let command = self.hooks.created.as_ref()?;
        // Where a preparation was killed, the hook may have been under way: only its end is written down.
        let done = prepared.logs.join("created.done");
        if prepared.reused && (self.again || done.exists()) {
            return None;
        }
        let base = prepared.base.as_ref();
        let base = base.map(|base| json!({ "branch": base.branch, "oid": base.oid }));
        let more = [
            ("branch", json!(prepared.branch)),
            ("base", json!(base)),
            ("worktree", json!(prepared.worktree)),
            ("reference", json!(self.hooks.reference)),
        ];
        let cwd = &prepared.worktree;
        let failed = self.run("worktree_created", command, cwd, more, vars, grant).err();
        let unmarked = paths::write_atomically(&done, b"").err().map(|err| chain(&err));
        failed.or(unmarked)
    }

    fn run<const N: usize>(
        &self,
        name: &str,
        command: &str,
        cwd: &Path,
        more: [(&str, Value); N],
        vars: &BTreeMap<String, String>,
        grant: &Grant,
    ) -> Result<(), String> {
        let mut told = self.about.clone();
        told.extend(more.map(|(name, value)| (name.to_owned(), value)));
        let mut input = Value::Object(told).to_string().into_bytes();
        input.push(b'\n');
        let mut vars = vars.clone();
        vars.insert("PWD".to_owned(), cwd.to_string_lossy().into_owned());
        let log = self.logs.join(format!("{name}.log"));
        let command = ["/bin/sh", "-c", command].map(str::to_owned);
        let script =
            Script { command: &command, cwd, input, timeout_ms: self.hooks.timeout_ms, log: &log };
        let Ran { code, output } = script
            .run(&vars, grant)
            .map_err(|(_, text)| format!("{name} could not run: {text}"))?;
        if code == Some(0) {
            return Ok(());
        }
        Err(format!("{name} {}", last_words(code, &output, &log)))
    }
}

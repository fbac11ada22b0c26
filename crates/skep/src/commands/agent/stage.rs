//! Owns: the home, the repository and the settings that an agent is tried in, and looking at its run.
//! Never: changes a file of the person's.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use skep_api::{
    request::{Ask, RunAsk},
    view::RunView,
};
use skep_core::{id::RunId, text};
use skep_daemon::config;
use skep_harness::profile::Profile;
use skep_host::{
    paths,
    proc::{Program, Signals},
    tree,
};

use crate::{args, commands::read, connect::Skep, exit::CliError};

/// Settings in which nobody waits longer than such a task should, nor stays when skep itself is killed.
const SETTINGS: &str = "tmux = \"off\"\n[time]\nhealth = \"1s\"\ndaemon_idle = \"1m\"\n[retry]\ntries = 0\n[limits]\ndisk_free = \"0\"\n";

/// A command that says that it began, and stays.
const WAIT: &str = "#!/bin/sh\necho began > began\nexec sleep 300\n";

/// Between two looks.
const LOOKS: Duration = Duration::from_millis(50);

/// Where an agent is tried.
pub(super) struct Stage<'a> {
    skep: &'a Skep,
    repository: PathBuf,
    /// A file beside the repository, which no run has anything to do with.
    pub(super) outside: PathBuf,
    pub(super) profile: Profile,
    args: &'a args::Test,
    signals: Signals,
}

impl<'a> Stage<'a> {
    /// Makes the repository and the settings; `yours` are the person's.
    pub(super) fn set(
        skep: &'a Skep,
        root: &Path,
        yours: &Skep,
        args: &'a args::Test,
        profile: Profile,
    ) -> Result<Stage<'a>, CliError> {
        let signals = Signals::take(&[Signal::INT, Signal::TERM, Signal::HUP])?;
        let repository = root.join("tryout");
        let stage =
            Stage { skep, repository, outside: root.join("outside.txt"), profile, args, signals };
        let refused =
            |err: config::ConfigError| CliError::error(err.slug(), skep_api::wire::chain(&err));
        let theirs = config::of_agents(&yours.config).map_err(refused)?;
        write(&skep.config.join("config.toml"), &format!("{SETTINGS}{theirs}"))?;
        let files = config::agent_files(&yours.config).map_err(refused)?;
        for (name, file) in files {
            let text = fs::read_to_string(file)?;
            write(&skep.config.join("agents").join(format!("{name}.toml")), &text)?;
        }
        fs::create_dir_all(&stage.repository)?;
        stage.git(&["init", "-q", "-b", "main"])?;
        stage.git(&["config", "user.name", "skep agent test"])?;
        stage.git(&["config", "user.email", "agent-test@example.invalid"])?;
        let outside = text::shell(&stage.outside.to_string_lossy());
        for (name, content) in [
            ("README.md", "# A repository to try an agent in\n"),
            ("wait.sh", WAIT),
            ("outside.sh", &format!("#!/bin/sh\necho written > {outside}\n")),
        ] {
            write(&stage.repository.join(name), content)?;
        }
        stage.git(&["add", "."])?;
        stage.git(&["commit", "-q", "-m", "begin"])?;
        Ok(stage)
    }

    /// How long a scene may take.
    pub(super) fn patience(&self) -> Duration {
        self.args.timeout
    }

    /// Begins a run; a scripted agent is given its script beside the words.
    pub(super) fn begin(
        &self,
        title: &str,
        words: &str,
        script: &str,
        permissions: Option<&str>,
    ) -> Result<RunView, CliError> {
        let wanted = permissions.map(str::to_owned).or_else(|| self.args.permissions.clone());
        let ask = RunAsk {
            titles: vec![title.to_owned()],
            cwd: self.repository.to_string_lossy().into_owned(),
            agent: Some(self.profile.name.clone()),
            model: self.args.model.clone(),
            account: self.args.account.clone(),
            permissions: wanted,
            prompt: Some(self.words(words, script)),
            detach: true,
            env: self.skep.env.clone(),
            ..RunAsk::default()
        };
        let made: Vec<RunView> = read(self.skep.ask(Ask::Run(Box::new(ask)))?)?;
        made.into_iter().next().ok_or_else(|| CliError::error("agent-test", "no run was made"))
    }

    /// What the agent is told.
    pub(super) fn words(&self, words: &str, script: &str) -> String {
        if self.profile.protocol == "scripted" {
            return format!("{words}\n\n```skep-script\n{script}\n```\n");
        }
        words.to_owned()
    }

    pub(super) fn ask(&self, ask: Ask) -> Result<Value, CliError> {
        self.skep.ask(ask)
    }

    /// The run as the list has it.
    pub(super) fn look(&self, id: &str) -> Result<RunView, CliError> {
        let runs: Vec<RunView> = read(self.skep.ask(Ask::Named { runs: vec![id.to_owned()] })?)?;
        runs.into_iter()
            .next()
            .ok_or_else(|| CliError::error("run-unknown", format!("no run `{id}`")))
    }

    /// Looks until `holds`, or the patience is over; returns the last look, and whether it held.
    ///
    /// Errors: somebody wants it to end.
    pub(super) fn until(
        &mut self,
        id: &str,
        patience: Duration,
        mut holds: impl FnMut(&Stage<'a>, &RunView) -> bool,
    ) -> Result<(RunView, bool), CliError> {
        let begun = Instant::now();
        loop {
            let run = self.look(id)?;
            if holds(self, &run) {
                return Ok((run, true));
            }
            if begun.elapsed() > patience {
                return Ok((run, false));
            }
            if !self.signals.arrived().is_empty() {
                let mut interrupted =
                    CliError::error("agent-test", "interrupted; what it had started is ended");
                interrupted.refusal.exit = 130;
                return Err(interrupted);
            }
            thread::sleep(LOOKS);
        }
    }

    /// All that the agent said in an attempt.
    pub(super) fn said(&self, run: &RunView, attempt: u32) -> String {
        let Ok(id) = run.id.parse::<RunId>() else { return String::new() };
        let journal = self.skep.home.attempt(&id, attempt).join("journal.jsonl");
        // What is not written yet is looked for again.
        let text = fs::read_to_string(journal).unwrap_or_default();
        let entries = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let said =
            entries.filter(|entry| matches!(entry["kind"].as_str(), Some("said" | "output")));
        said.filter_map(|entry| entry["text"].as_str().map(str::to_owned)).collect()
    }

    /// The processes that bear the run's mark, or stand in its worktree.
    pub(super) fn living(&self, run: &RunView) -> Vec<u32> {
        let mark = format!("SKEP_RUN={}", run.id);
        let worktree = run.worktree.as_deref().unwrap_or("/nowhere");
        let is_its = |pid: u32| {
            // Whatever cannot be read belongs to somebody else, or is gone.
            let vars = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            vars.split(|byte| *byte == 0).any(|var| var == mark.as_bytes())
                || folder.starts_with(worktree)
        };
        let table = tree::Table::read().map(|table| {
            let rows = table.rows().filter(|row| !row.zombie);
            rows.map(|row| row.process.pid).filter(|pid| is_its(*pid)).collect()
        });
        table.unwrap_or_default()
    }

    /// Ends the agent as the kernel would.
    pub(super) fn kill(&self, run: &RunView) -> Result<(), CliError> {
        let process = run.pid.and_then(tree::identity);
        let killed = process.map(|process| tree::signal(process, Signal::KILL)).transpose()?;
        match killed {
            Some(true) => Ok(()),
            _ => Err(CliError::error("agent-test", "its process is gone already")),
        }
    }

    /// Asks git something about the repository.
    pub(super) fn git(&self, args: &[&str]) -> Result<String, CliError> {
        let path = self.skep.env.get("PATH").map_or("/usr/bin:/bin", String::as_str);
        let output = Program::new("git")
            .args(args)
            .cwd(&self.repository)
            .env("PATH", path)
            .env("HOME", &self.repository)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .map_err(|err| CliError::error("agent-test", format!("{err}")).hint("it needs git"))?;
        if output.code() != 0 {
            let text = format!("git {}: {}", args.join(" "), output.complaint());
            return Err(CliError::error("agent-test", text));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    paths::write_atomically(path, text.as_bytes())
        .map_err(|err| CliError::error(err.slug(), err.to_string()))
}

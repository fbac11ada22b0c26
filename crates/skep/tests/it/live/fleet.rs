//! Live agents through the whole of skep: a person's verbs, the daemon, real repositories, a scripted model.

mod landing;
mod radar;
mod send;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use skep_testkit::{Repo, lab::Lab};

use super::scenes::until;
use crate::home::{Home, Said, eventually, kill, lives, pid_of, text_of};

/// A home with the repository `web` and its bare `origin`, for agents that know no model but a scripted one.
pub(super) struct Yard {
    pub(super) home: Home,
}

impl Yard {
    pub(super) fn new() -> Yard {
        let home = Home::new();
        let repo = home.repo();
        home.place().bare("origin.git");
        repo.git(&["remote", "add", "origin", "../origin.git"]);
        repo.git(&["push", "--quiet", "origin", "main"]);
        Yard { home }
    }

    pub(super) fn repo(&self) -> Repo<'_> {
        self.home.place().at("web")
    }

    /// Calls skep as a person whose agents know only the model of `lab`.
    #[track_caller]
    pub(super) fn skep(&self, lab: &Lab, args: &[&str]) -> Said {
        let text =
            |text: std::ffi::OsString| text.into_string().expect("the lab's words are UTF-8");
        let vars: Vec<(String, String)> =
            lab.env().into_iter().map(|(name, value)| (text(name), text(value))).collect();
        let vars: Vec<(&str, &str)> =
            vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.home.skep_with(self.repo().path(), &vars, args)
    }

    /// Begins a run and returns its id at once.
    #[track_caller]
    pub(super) fn begin(&self, lab: &Lab, agent: &str, title: &str) -> String {
        self.begin_with(lab, agent, title, &[])
    }

    /// The same, with more flags.
    #[track_caller]
    pub(super) fn begin_with(&self, lab: &Lab, agent: &str, title: &str, more: &[&str]) -> String {
        let mut args = vec!["--json", "run", title, "--agent", agent, "-d"];
        args.extend(more);
        if agent == "codex-acp" {
            // Its own sandbox keeps a commit out of a linked worktree, and takes no word about it.
            args.extend(["--permissions", "bypass"]);
        }
        let run = self.skep(lab, &args).json(0);
        text_of(&run, "id")
    }

    /// Runs an agent to its end and returns the view of the run.
    #[track_caller]
    pub(super) fn ended(&self, lab: &Lab, agent: &str, title: &str) -> Value {
        let id = self.begin(lab, agent, title);
        until(self, &id, "ended")
    }

    /// Waits until a process of that name stands somewhere in this yard: a tool of an agent.
    #[track_caller]
    pub(super) fn until_runs(&self, line: &str) {
        eventually(line, || self.home.alive().iter().any(|(_, other)| other.trim() == line));
    }

    /// Stops a run and holds that it ends in time, as stopped, with nothing left of it.
    #[track_caller]
    pub(super) fn is_stopped(&self, lab: &Lab, id: &str) {
        let begun = Instant::now();
        let run = self.skep(lab, &["--json", "stop", id]).json(0)[0].clone();
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(run["outcome"], "stopped", "{run}");
        assert_eq!(run["reason"], "stopped-by-person", "{run}");
        self.home.no_agents();
    }

    /// The whole story of one agent: asked, done, looked at, landed, closed.
    #[track_caller]
    pub(super) fn tells_the_story_of(&self, agent: &str, lab: &Lab) {
        let title = "Write $(touch evil) 'a file' \u{1f41d}\nand commit it";
        let run = self.ended(lab, agent, title);
        let name = text_of(&run, "name");
        assert_eq!(run["outcome"], "completed", "{run}\n{}", self.skep(lab, &["logs", &name]).ok());
        assert_eq!(run["exit"]["code"], 0, "{run}");
        assert_eq!(run["git"]["ahead"], 1, "{run}\n{}", self.skep(lab, &["logs", &name]).ok());
        assert_eq!(run["git"]["dirty"], false, "{run}");
        assert!(run["usage"]["input_tokens"].as_u64().is_some_and(|tokens| tokens > 0), "{run}");
        let worktree = text_of(&run, "worktree");
        assert_eq!(
            self.home.place().at(&worktree).git(&["log", "--format=%s", "-1"]),
            "scripted commit"
        );
        self.prompt_is_no_argument(&run);

        let logs = self.skep(lab, &["logs", &name]).ok();
        assert!(logs.contains("Committed out.txt. All done."), "{logs}");
        let shown = self.skep(lab, &["show", &name]).ok();
        assert!(shown.contains("completed") && shown.contains(&worktree), "{shown}");
        let why = self.skep(lab, &["why", &name]).ok();
        assert!(why.contains("exit.json") && why.contains("the agent's protocol"), "{why}");

        self.skep(lab, &["land", &name]).ok();
        assert_eq!(self.repo().git(&["log", "--format=%s", "-1"]), "scripted commit");
        assert_eq!(self.repo().status(), "");
        assert!(!self.repo().path().join("evil").exists());
        self.skep(lab, &["close", &name, "--keep-branch"]).ok();
        assert!(!Path::new(&worktree).exists());
        assert!(self.repo().branches().contains(&text_of(&run, "branch")));
        self.home.no_agents();
    }

    /// Holds that the agent got its prompt by its standard input alone.
    #[track_caller]
    fn prompt_is_no_argument(&self, run: &Value) {
        let attempt = self.home.attempt(&text_of(run, "id"), 1);
        let spec = fs::read_to_string(attempt.join("spec.json")).unwrap();
        let spec: Value = serde_json::from_str(&spec).unwrap();
        assert_eq!(spec["prompt"], "stdin", "{spec}");
        assert!(!spec["argv"].to_string().contains("touch evil"), "{spec}");
        let prompt = fs::read_to_string(attempt.parent().unwrap().join("prompt.md")).unwrap();
        assert!(prompt.contains("$(touch evil) 'a file' \u{1f41d}\nand commit it"), "{prompt}");
    }
}

/// Asks one agent under each of these models at once, and holds what each run ends as.
#[track_caller]
fn ends_as(agent: &str, expected: &[(&str, &str)]) {
    let yard = Yard::new();
    let mut begun = Vec::new();
    for (script, reason) in expected {
        let Some(lab) = Lab::open(agent, script) else { return };
        let id = yard.begin(&lab, agent, &format!("Write a file under {script}"));
        begun.push((id, *script, *reason, lab));
    }
    for (id, script, reason, lab) in &begun {
        let run = yard.home.wait(id, "ended");
        let logs = || yard.skep(lab, &["logs", id]).ok();
        assert_eq!(run["outcome"], "failed", "{script}: {run}\n{}", logs());
        assert_eq!(run["reason"], *reason, "{script}: {run}\n{}", logs());
    }
    yard.home.no_agents();
}

#[test]
fn codex_writes_in_its_worktree_and_nowhere_else() {
    let Some(lab) = Lab::open("codex", "outside") else { return };
    let yard = Yard::new();
    let run = yard.ended(&lab, "codex", "Write here and elsewhere");
    let id = text_of(&run, "id");
    assert_eq!(run["outcome"], "completed", "{run}");
    let here = fs::read_to_string(Path::new(&text_of(&run, "worktree")).join("here.txt")).unwrap();
    assert_eq!(here.trim(), id, "its tool knows whose it is");
    let elsewhere = Path::new("/var/tmp").join(&id);
    let escaped = elsewhere.exists();
    if escaped {
        fs::remove_file(&elsewhere).unwrap();
    }
    assert!(!escaped, "{}", elsewhere.display());
}

#[test]
fn what_codex_cannot_do_is_refused_before_anything_is_made() {
    let Some(lab) = Lab::open("codex", "commit") else { return };
    let yard = Yard::new();
    let ask = |more: &[&str]| {
        let args = ["--json", "run", "Write a file", "--agent", "codex"];
        yard.skep(&lab, &[&args, more].concat())
    };
    ask(&["--permissions", "ask"]).refused(2, "agent-unable");
    ask(&["--model=-x"]).refused(2, "agent-argument-unsafe");
    assert_eq!(yard.home.json(&["ls", "--all"]), serde_json::json!([]));
    assert_eq!(yard.repo().branches(), ["main"]);
}

#[test]
fn codex_whose_model_fails_is_never_completed() {
    ends_as(
        "codex",
        &[
            ("dead429", "usage-limit"),
            ("dead500", "model-error"),
            ("auth401", "auth"),
            ("drop", "no-change"),
        ],
    );
}

#[test]
fn pi_whose_model_fails_is_never_completed() {
    ends_as("pi", &[("dead429", "usage-limit"), ("dead500", "model-error"), ("auth401", "auth")]);
}

#[test]
fn opencode_that_tries_again_in_silence_ends_when_it_is_told() {
    let Some(lab) = Lab::open("opencode", "auth401") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, "opencode", "Write a file");
    yard.home.wait(&id, "running");
    yard.is_stopped(&lab, &id);
}

#[test]
fn codex_whose_model_hangs_is_stopped_within_the_grace() {
    let Some(lab) = Lab::open("codex", "hang") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, "codex", "Write a file");
    yard.home.wait(&id, "running");
    yard.is_stopped(&lab, &id);
}

#[test]
fn three_agents_at_once_outlive_their_daemon_and_are_listed_right() {
    let labs: Vec<(&str, Lab)> = ["opencode", "pi", "codex"]
        .into_iter()
        .filter_map(|agent| Some((agent, Lab::open(agent, "gatedcommit")?)))
        .collect();
    let yard = Yard::new();
    let mut agents = Vec::new();
    for (agent, lab) in &labs {
        let id = yard.begin(lab, agent, &format!("Write a file with {agent}"));
        agents.push((id, *agent, lab));
    }
    let before: Vec<u32> =
        agents.iter().map(|(id, ..)| pid_of(&yard.home.wait(id, "running"), "pid")).collect();
    if labs.is_empty() {
        return;
    }
    yard.home.kill_daemon();
    for ((id, agent, _), pid) in agents.iter().zip(&before) {
        let listed = yard.home.listed(id);
        assert!(lives(*pid), "{agent} lives on: {listed}");
        assert_eq!((&listed["state"], &listed["agent"]), (&"running".into(), &(*agent).into()));
        assert_eq!(pid_of(&listed, "pid"), *pid, "{listed}");
    }
    yard.home.kill_daemon();
    for (_, lab) in &labs {
        lab.open_gate("go");
    }
    for (id, agent, lab) in &agents {
        let run = yard.home.wait(id, "ended");
        let logs = || yard.skep(lab, &["logs", id]).ok();
        assert_eq!(run["outcome"], "completed", "{agent}: {run}\n{}", logs());
        assert_eq!(
            (&run["attempt"], &run["git"]["ahead"]),
            (&1.into(), &1.into()),
            "{agent}: {run}"
        );
    }
    yard.home.no_agents();
}

#[test]
fn codex_whose_keeper_is_killed_is_tried_again_and_keeps_what_it_committed() {
    let Some(lab) = Lab::open("codex", "again") else { return };
    let yard = Yard::new();
    let id = yard.begin(&lab, "codex", "Write two files");
    let run = yard.home.wait(&id, "running");
    yard.until_runs("sleep 77");
    kill(pid_of(&run, "gatekeeper"), Signal::KILL);
    let run = yard.home.wait(&id, "ended");
    assert_eq!(run["outcome"], "completed", "{run}\n{}", yard.skep(&lab, &["logs", &id]).ok());
    assert_eq!(run["attempt"], 2, "{run}");
    let worktree = yard.home.place().at(text_of(&run, "worktree"));
    assert_eq!(worktree.git(&["log", "--format=%s", "main.."]), "two\none");
    yard.home.no_agents();
}

//! Live agents under the real guards. They run only where the suite asks for them; see `skep_testkit::lab`.

mod agents;
mod brief;
mod canary;
mod cascade;
mod demo;
mod dispatch;
mod fleet;
mod hooks;
mod plan;
mod planner;
mod publish;
mod question;
mod resume;
mod review;
mod rules;
mod scenes;
mod tasks;
mod terminal;

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use skep_host::proc;
use skep_testkit::{Place, lab::Lab};

const PATIENCE: Duration = Duration::from_secs(60);

/// A repository with one linked worktree in which an agent works.
struct Field {
    place: Place,
}

impl Field {
    fn new() -> Field {
        let place = Place::new();
        place.repo("main").git(&[
            "worktree",
            "add",
            "--quiet",
            "--no-track",
            "-b",
            "work",
            "../linked",
        ]);
        Field { place }
    }

    fn worktree(&self) -> PathBuf {
        self.place.root().join("linked")
    }

    fn commits(&self) -> String {
        self.place.at("linked").git(&["log", "--format=%s", "main..work"])
    }

    /// What lets codex commit here from inside its sandbox.
    fn sandboxed(&self) -> Vec<String> {
        let git = self.place.root().join("main/.git");
        let linked = git.join("worktrees/linked");
        let roots = format!(
            "sandbox_workspace_write.writable_roots=[\"{}\",\"{}\"]",
            git.display(),
            linked.display()
        );
        ["-s", "workspace-write", "-c", &roots].map(str::to_owned).into()
    }

    /// Starts an agent under `skep gatekeeper` with the prompt on its standard input.
    fn start(&self, lab: &Lab, argv: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
        let mut command = proc::command(env!("CARGO_BIN_EXE_skep"));
        let mut gatekeeper = command
            .args(["gatekeeper", "--"])
            .args(argv)
            .env_clear()
            .envs(lab.env())
            .current_dir(self.worktree())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("skep starts");
        let mut stdin = gatekeeper.stdin.take().expect("it was piped");
        stdin.write_all(b"Write a file and commit it\n").expect("the prompt is taken");
        let stdout = gatekeeper.stdout.take().expect("it was piped");
        (gatekeeper, BufReader::new(stdout).lines())
    }

    fn codex(&self, lab: &Lab, options: &[String]) -> (Child, Lines<BufReader<ChildStdout>>) {
        let options = options.iter().map(String::as_str);
        self.start(
            lab,
            &["codex", "exec", "--json"]
                .into_iter()
                .chain(options)
                .chain(["-"])
                .collect::<Vec<_>>(),
        )
    }

    /// Waits for the agent's good end, its commit and its whole tree's end.
    #[track_caller]
    fn require_commit(&self, mut gatekeeper: Child, lines: Lines<BufReader<ChildStdout>>) {
        let said: Vec<String> = lines.map(|line| line.expect("it can be read")).collect();
        let status = gatekeeper.wait().expect("it was started");
        assert!(status.success(), "{status}: {said:#?}");
        assert_eq!(self.commits(), "scripted commit");
        assert_eq!(self.place.at("linked").git(&["status", "--porcelain"]), "");
        self.require_empty();
    }

    /// The processes that live in this field: pid and name.
    fn living(&self) -> Vec<(i32, String)> {
        let here = |pid: &i32| {
            // A process that is gone, or a zombie, has no folder.
            fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| cwd.starts_with(self.place.root()))
        };
        let pids = fs::read_dir("/proc").expect("there is a /proc").flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(here)
            .map(|pid| (pid, name_of(pid)))
            .collect()
    }

    /// Waits until nothing lives here any more.
    #[track_caller]
    fn require_empty(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.living().is_empty() {
            assert!(Instant::now() < deadline, "left behind: {:?}", self.living());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Codex without its sandbox, which would end a tool with it: only so does a tool outlive a codex that is killed.
fn bare() -> Vec<String> {
    vec!["--dangerously-bypass-approvals-and-sandbox".to_owned()]
}

fn name_of(pid: i32) -> String {
    fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm"))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn kill_9(pid: i32) {
    kill_process(Pid::from_raw(pid).expect("a pid is no zero"), Signal::KILL).expect("it lives");
}

/// Reads until codex has told a command's start; returns the conversation's id.
fn until_a_command_runs(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let mut thread = String::new();
    for line in lines {
        let event: serde_json::Value =
            serde_json::from_str(&line.expect("it can be read")).expect("codex writes JSON");
        if let Some(id) = event["thread_id"].as_str() {
            id.clone_into(&mut thread);
        }
        if event["type"] == "item.started" && event["item"]["type"] == "command_execution" {
            return thread;
        }
    }
    panic!("codex ended before it ran a command");
}

#[test]
fn codex_under_the_gatekeeper_commits_in_a_linked_worktree() {
    let Some(lab) = Lab::open("codex", "commit") else { return };
    let field = Field::new();
    let (gatekeeper, lines) = field.codex(&lab, &field.sandboxed());
    field.require_commit(gatekeeper, lines);
}

#[test]
fn pi_under_the_gatekeeper_commits_in_a_linked_worktree() {
    let Some(lab) = Lab::open("pi", "commit") else { return };
    let field = Field::new();
    let (gatekeeper, lines) = field.start(&lab, &["pi", "-p", "--mode", "json"]);
    field.require_commit(gatekeeper, lines);
}

#[test]
fn codex_killed_with_its_keeper_leaves_nothing_behind_and_can_go_on() {
    let Some(lab) = Lab::open("codex", "slow2") else { return };
    let field = Field::new();
    let (mut gatekeeper, mut lines) = field.codex(&lab, &bare());
    let thread = until_a_command_runs(&mut lines);
    require_name(&field, "sleep");
    gatekeeper.kill().expect("it lives");
    gatekeeper.wait().expect("it was started");
    field.require_empty();
    assert_eq!(field.commits(), "one", "what was committed stays");

    let (mut gatekeeper, lines) =
        field.codex(&lab, &[bare(), vec!["resume".to_owned(), thread]].concat());
    let said = lines.map(|line| line.expect("it can be read")).collect::<Vec<_>>().join("\n");
    assert!(gatekeeper.wait().expect("it was started").success(), "{said}");
    assert!(said.contains("I see the earlier command was interrupted; done now."), "{said}");
}

#[test]
fn codex_whose_warden_is_killed_leaves_nothing_behind() {
    let Some(lab) = Lab::open("codex", "slow2") else { return };
    let field = Field::new();
    let (mut gatekeeper, mut lines) = field.codex(&lab, &bare());
    until_a_command_runs(&mut lines);
    require_name(&field, "sleep");
    let keeper = i32::try_from(gatekeeper.id()).expect("a pid fits");
    let wardens: Vec<i32> = field
        .living()
        .into_iter()
        .map(|(pid, _)| pid)
        .filter(|pid| parent_of(*pid) == Some(keeper))
        .collect();
    let [warden] = wardens[..] else { panic!("the keeper has one child: {wardens:?}") };
    kill_9(warden);
    let status = gatekeeper.wait().expect("it was started");
    assert!(!status.success(), "{status}");
    field.require_empty();
}

/// Waits until a process of that name lives in the field: the agent's tool, in a session of its own.
#[track_caller]
fn require_name(field: &Field, name: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !field.living().iter().any(|(_, other)| other == name) {
        assert!(Instant::now() < deadline, "no {name} in {:?}", field.living());
        thread::sleep(Duration::from_millis(20));
    }
}

//! `skep demo`
//!
//! The whole story in a home and a repository of its own, both in a temporary folder: three agents at once, the
//! daemon killed on the way, one change landed. It needs no key, no network and no agent.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use skep_api::{
    request::{Ask, RunAsk},
    view::{Health, RunView},
};
use skep_core::run::How;
use skep_host::{lock, proc::Program};

use super::{ls, read};
use crate::{
    args,
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
    output::Tone,
};

/// What each of the three does: enough to be seen, and held up until the daemon was killed.
const SCRIPTS: [(&str, &str); 3] = [
    ("add a greeting", "greeting.txt"),
    ("write the manual", "manual.txt"),
    ("list the colours", "colours.txt"),
];

pub(super) fn demo(skep: &Skep, args: &args::Demo) -> Outcome {
    let root = std::env::temp_dir().join(format!("skep-demo-{}", random_id()?));
    skep_host::paths::create_private_dir(&root)
        .map_err(|err| CliError::error(err.slug(), err.to_string()))?;
    let own = skep.at(&root.join("home"), &root.join("config"));
    let told = story(&own, &root);
    // However the story went, nothing of it may stay behind running.
    let stopped = end(&own);
    if args.keep {
        skep.out.note(&format!(
            "kept: {}  (skep --home {} ls)",
            root.display(),
            root.join("home").display()
        ));
    } else if stopped.is_ok() {
        fs::remove_dir_all(&root)?;
    }
    told.and(stopped).map(|()| ExitCode::SUCCESS)
}

fn story(skep: &Skep, root: &Path) -> Result<(), CliError> {
    let begun = Instant::now();
    let repository = root.join("garden");
    act(skep, "1", "a repository, as anybody has one")?;
    make_repository(skep, &repository)?;

    act(skep, "2", "three agents at once, each in a worktree of its own")?;
    let go = root.join("go");
    let runs = start(skep, &repository, &go)?;
    ls::table(&skep.out, &runs)?;

    act(skep, "3", "kill -9 of the daemon, in the middle of it")?;
    let health: Health = read(skep.ask(Ask::Health {})?)?;
    let pid = i32::try_from(health.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| CliError::error("demo", "the daemon has no pid"))?;
    kill_process(pid, Signal::KILL).map_err(std::io::Error::from)?;
    skep.out.line(&format!("daemon (pid {}) killed; the agents know nothing of it", health.pid))?;
    lock::hold_within(&skep.home.daemon_lock(), Duration::from_secs(10))
        .map_err(|err| CliError::error(err.slug(), err.to_string()))?;
    fs::File::create(&go)?;

    act(skep, "4", "the next command starts another daemon, and the list is right")?;
    let ids: Vec<String> = runs.iter().map(|run| run.id.clone()).collect();
    let wait =
        Ask::Wait { runs: ids, until: "ended".to_owned(), any: false, timeout_ms: Some(60_000) };
    let runs: Vec<RunView> = read(skep.ask(wait)?)?;
    ls::table(&skep.out, &runs)?;

    if let Some(run) = runs.iter().find(|run| run.outcome.as_deref() != Some("completed")) {
        super::show::tail(skep, run)?;
        return Err(CliError::error(
            "demo",
            format!("not all three agents completed: {}", run.name),
        )
        .hint("skep doctor"));
    }

    act(skep, "5", "one of them lands")?;
    let first = runs.first().ok_or_else(|| CliError::error("demo", "no run was made"))?;
    let landed: RunView = read(skep.ask(Ask::Land { run: first.id.clone(), dry_run: false })?)?;
    let target = landed.landed.as_ref().map(|landed| landed.target.clone()).unwrap_or_default();
    skep.out.line(&skep.out.paint(Tone::Good, &format!("{} landed on {target}", landed.name)))?;
    skep.out.line(&git(skep, &repository, &["log", "--oneline", "--stat", "-2"])?)?;

    act(skep, "6", "the others give their worktrees back and keep their branches")?;
    let others = runs.iter().skip(1).map(|run| run.id.clone()).collect();
    skep.ask(Ask::Close { runs: others, how: How::KeepBranch, merged: false, dry_run: false })?;
    skep.out.line(&git(skep, &repository, &["branch", "--list"])?)?;
    skep.out.line(
        &skep
            .out
            .paint(Tone::Good, &format!("nothing was lost, in {} s", begun.elapsed().as_secs())),
    )?;
    skep.out.line("now yours: cd YOUR-REPOSITORY && skep run \"fix the flaky test\"")?;
    Ok(())
}

fn act(skep: &Skep, number: &str, title: &str) -> Result<(), CliError> {
    Ok(skep
        .out
        .line(&format!("\n{}", skep.out.paint(Tone::Strong, &format!("{number}. {title}"))))?)
}

fn make_repository(skep: &Skep, repository: &Path) -> Result<(), CliError> {
    fs::create_dir_all(repository)?;
    git(skep, repository, &["init", "-q", "-b", "main"])?;
    git(skep, repository, &["config", "user.name", "skep demo"])?;
    git(skep, repository, &["config", "user.email", "demo@example.invalid"])?;
    let readme = repository.join("README.md");
    skep_host::paths::write_atomically(&readme, b"# garden\n")
        .map_err(|err| CliError::error(err.slug(), err.to_string()))?;
    git(skep, repository, &["add", "README.md"])?;
    git(skep, repository, &["commit", "-q", "-m", "plant the garden"])?;
    skep.out.line(&git(skep, repository, &["log", "--oneline"])?)?;
    Ok(())
}

/// Starts the three; each says that it began and then waits for `go`, so that the kill comes in the middle.
fn start(skep: &Skep, repository: &Path, go: &Path) -> Result<Vec<RunView>, CliError> {
    let mut runs = Vec::new();
    for (title, file) in SCRIPTS {
        let prompt = format!(
            "{title}\n\n```skep-script\nsay I will {title}.\nwait-for {}\nwrite {file} {title}\ncommit {title}\nsay Done: {title}.\nresult ok\n```\n",
            go.display(),
        );
        let ask = RunAsk {
            titles: vec![title.to_owned()],
            cwd: repository.to_string_lossy().into_owned(),
            agent: Some("scripted".to_owned()),
            prompt: Some(prompt),
            detach: true,
            env: skep.env.clone(),
            ..RunAsk::default()
        };
        let made: Vec<RunView> = read(skep.ask(Ask::Run(Box::new(ask)))?)?;
        runs.extend(made);
    }
    let ids = runs.iter().map(|run| run.id.clone()).collect();
    let wait =
        Ask::Wait { runs: ids, until: "running".to_owned(), any: false, timeout_ms: Some(60_000) };
    read(skep.ask(wait)?)
}

fn end(skep: &Skep) -> Result<(), CliError> {
    if skep.standing().is_err() {
        return Ok(());
    }
    skep.ask(Ask::Stop { runs: Vec::new(), all: true, now: true })?;
    let runs: Vec<RunView> = read(skep.ask(Ask::Ls { all: true, project: None })?)?;
    let ids: Vec<String> = runs.into_iter().map(|run| run.id).collect();
    skep.ask(Ask::Wait {
        runs: ids,
        until: "ended".to_owned(),
        any: false,
        timeout_ms: Some(30_000),
    })?;
    skep.ask(Ask::Shutdown {})?;
    lock::hold_within(&skep.home.daemon_lock(), Duration::from_secs(10))
        .map(drop)
        .map_err(|err| CliError::error(err.slug(), err.to_string()))
}

fn git(skep: &Skep, dir: &Path, args: &[&str]) -> Result<String, CliError> {
    let none = PathBuf::from("/dev/null");
    let output = Program::new("git")
        .args(args)
        .cwd(dir)
        .env("PATH", skep.env.get("PATH").map_or("/usr/bin:/bin", String::as_str))
        .env("HOME", dir)
        .env("GIT_CONFIG_GLOBAL", &none)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .map_err(|err| CliError::error("demo", format!("{err}")).hint("the demo needs git"))?;
    if output.code() != 0 {
        return Err(CliError::error(
            "demo",
            format!("git {}: {}", args.join(" "), output.complaint()),
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

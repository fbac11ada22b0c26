//! Three ends by kill -9, and the list right after each.

use std::{path::Path, time::Instant};

use rustix::process::Signal;
use skep_api::{
    request::Ask,
    view::{Health, RunView},
};
use skep_host::{proc::Program, tree};

use super::{
    SOON, Teller,
    stage::{Stage, lives},
};
use crate::{commands::read, exit::CliError};

/// The daemon.
pub(super) fn daemon(told: &mut Teller<'_>, stage: &Stage) -> Result<(), CliError> {
    told.act(3, "kill -9: the daemon")?;
    let before = stage.runs(told)?;
    let health: Health = read(told.skep.ask(Ask::Health {})?)?;
    kill(told, health.pid, "the daemon")?;
    // Not its lock: whoever asks first starts the next one, a window on a screen, too.
    gone(told, health.pid, "the end of the daemon")?;
    told.say("It is gone, and the agents know nothing of it. The next command starts another.")?;
    let after = stage.list(told)?;
    let moved = before.iter().zip(&after).find(|(old, new)| {
        old.pid != new.pid && new.state != "ended" && old.attempt == new.attempt
    });
    if let Some((run, _)) = moved {
        return Err(CliError::error("demo", format!("{} is another process now", run.name)));
    }
    let again: Health = read(told.skep.ask(Ask::Health {})?)?;
    told.say(&format!("The same processes as before, under another daemon: {}.", again.pid))?;
    Ok(())
}

/// The keeper of a run: one of the two guards that hold its agent.
pub(super) fn gatekeeper(told: &mut Teller<'_>, stage: &Stage) -> Result<(), CliError> {
    told.act(4, "kill -9: a gatekeeper, which holds an agent")?;
    let runs = stage.runs(told)?;
    let living = |run: &&RunView| run.agent != "screen" && run.pid.is_some();
    let held = runs.iter().find(living).and_then(|run| Some((run, run.gatekeeper?, run.pid?)));
    let Some((run, keeper, agent)) = held else {
        told.say("The agents are done already; nobody holds them any more.")?;
        return Ok(());
    };
    let (name, id, attempt) = (run.name.clone(), run.id.clone(), run.attempt);
    let begun = Instant::now();
    kill(told, keeper, &format!("the keeper of {name}"))?;
    gone(told, agent, "the end of the agent")?;
    told.say(&format!(
        "Nobody would hear its agent any more, so the other guard ended it (pid {agent}) and all that it had started, in {} ms.",
        begun.elapsed().as_millis()
    ))?;
    stage.list(told)?;
    let runs = told.await_runs("another attempt", SOON, |runs| {
        let again = |run: &RunView| {
            run.id == id && run.attempt > attempt && (run.pid.is_some() || run.state == "ended")
        };
        runs.iter().any(again)
    })?;
    if let Some(run) = runs.iter().find(|run| run.id == id) {
        let pid = run.pid.map(|pid| format!(", pid {pid}")).unwrap_or_default();
        told.say(&format!(
            "{name} is at work again by itself: attempt {}{pid}, in the same worktree, with all of its files.",
            run.attempt
        ))?;
    }
    Ok(())
}

/// The tmux server that shows the agent's screen.
pub(super) fn tmux(told: &mut Teller<'_>, stage: &Stage) -> Result<(), CliError> {
    told.act(5, "kill -9: the tmux server")?;
    if !stage.has_tmux {
        told.say(
            "tmux is not on your PATH: this act is left out. skep needs it only for windows.",
        )?;
        return Ok(());
    }
    let Some(run) = stage.runs(told)?.into_iter().find(|run| run.agent == "screen") else {
        return Err(CliError::error("demo", "nobody has a screen"));
    };
    let socket = told.skep.home.sockets().join("tmux");
    let Some(server) = server(told, &socket) else {
        return Err(CliError::error("demo", "skep's tmux server does not answer"));
    };
    kill(told, server, "the tmux server of this home, not yours")?;
    gone(told, server, "the end of the tmux server")?;
    let after = stage.list(told)?;
    let is_same =
        |after: &[RunView]| after.iter().any(|now| now.id == run.id && now.pid == run.pid);
    if !is_same(&after) {
        return Err(CliError::error("demo", format!("{} did not outlive its window", run.name)));
    }
    let until = Instant::now() + SOON;
    let other = loop {
        match self::server(told, &socket) {
            Some(other) if other != server => break other,
            _ => told.wait("another window", until)?,
        }
    };
    told.say(&format!(
        "A window only shows a screen; its gatekeeper holds it. {} lives on, and its window is back (tmux {other}).",
        run.name
    ))?;
    Ok(())
}

/// Shows and does it.
fn kill(told: &Teller<'_>, pid: u32, what: &str) -> Result<(), CliError> {
    let process = tree::identity(pid)
        .ok_or_else(|| CliError::error("demo", format!("{what} (pid {pid}) is not there")))?;
    told.typed(&format!("kill -9 {pid}    # {what}"))?;
    tree::signal(process, Signal::KILL)?;
    Ok(())
}

/// Returns when nobody has this pid any more.
fn gone(told: &mut Teller<'_>, pid: u32, what: &str) -> Result<(), CliError> {
    let until = Instant::now() + SOON;
    while lives(pid) {
        told.wait(what, until)?;
    }
    Ok(())
}

/// The process of the server at this socket, where one answers.
fn server(told: &Teller<'_>, socket: &Path) -> Option<u32> {
    let path = told.skep.env.get("PATH").map_or("/usr/bin:/bin", String::as_str);
    let tmux = Program::new("tmux").args(["-f", "/dev/null", "-S"]).arg(socket);
    let output = tmux.args(["list-sessions", "-F", "#{pid}"]).env("PATH", path).output().ok()?;
    String::from_utf8(output.stdout).ok()?.lines().next()?.trim().parse().ok()
}

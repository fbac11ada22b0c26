//! `skep daemon`

use std::{
    io::{self, Write},
    process::ExitCode,
};

use serde_json::Value;
use skep_api::{
    client::{Client, ClientError},
    request::Ask,
    view::Health,
};
use skep_core::text;
use skep_daemon::daemon::{self, Options};

use super::{read, unit};
use crate::{
    args::Daemon,
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
    output::Tone,
};

pub(super) fn daemon(skep: &Skep, verb: &Daemon) -> Outcome {
    match verb {
        Daemon::Start => {
            match skep.standing() {
                Err(_) => skep.start_now()?,
                // One that is older makes room here as anywhere.
                Ok(_) => drop(skep.client()?),
            }
            status(skep)
        }
        Daemon::Status => status(skep),
        Daemon::Stop => stop(skep),
        Daemon::Install { dry_run } => unit::install(skep, *dry_run),
        Daemon::Uninstall { dry_run } => unit::uninstall(skep, *dry_run),
        Daemon::Run { detached } => run(skep, *detached),
    }
}

fn status(skep: &Skep) -> Outcome {
    let mut client = match skep.standing() {
        Ok(client) => client,
        Err(ClientError::Absent(_)) => {
            return Err(CliError::error("daemon-absent", "no daemon runs for this home")
                .hint("skep daemon start"));
        }
        Err(err) => return Err(err.into()),
    };
    let answer = client.ask(&random_id()?, Ask::Health {}, |_| ())?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let health: Health = read(answer)?;
    let line = format!(
        "{} (pid {}), {} running, {} waiting, {} queued, {} s up, event {}",
        skep.out.paint(Tone::Good, &health.status),
        health.pid,
        health.runs.running,
        health.runs.waiting,
        health.runs.queued,
        health.uptime_ms / 1000,
        health.seq,
    );
    skep.out.line(&line)?;
    skep.out.line(&format!("home {}", health.home))?;
    for limit in &health.limits {
        skep.out.line(&super::limits::line(limit))?;
    }
    for exhausted in &health.exhausted {
        skep.out.line(&format!("resource {}", text::one_line(&exhausted.line())))?;
    }
    if let Some(short) = health.disk_short {
        let free = crate::output::bytes(short);
        skep.out.line(&format!(
            "disk: {free} are free, less than limits.disk_free; no new env is made"
        ))?;
    }
    let notices = health.notices;
    if notices.failed + notices.maybe_sent > 0 {
        skep.out.line(&format!(
            "notices: {} failed, {} maybe sent: skep notify ls",
            notices.failed, notices.maybe_sent
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn stop(skep: &Skep) -> Outcome {
    match skep.standing() {
        Err(ClientError::Absent(_)) => {
            skep.out.note("no daemon runs for this home");
            Ok(ExitCode::SUCCESS)
        }
        Err(err) => Err(err.into()),
        Ok(client) => {
            let (answer, health) = leave(skep, client)?;
            if skep.out.json {
                skep.out.json(&answer)?;
            } else {
                skep.out.line(&format!("stopped (pid {}); runs go on", health.pid))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Has the daemon leave, and returns when its lock is free.
pub(super) fn leave(skep: &Skep, mut client: Client) -> Result<(Value, Health), CliError> {
    let answer = client.ask(&random_id()?, Ask::Shutdown {}, |_| ())?;
    let health: Health = read(answer.clone())?;
    skep_host::lock::hold_within(&skep.home.daemon_lock(), std::time::Duration::from_secs(10))
        .map_err(|err| {
            CliError::error(
                err.slug(),
                format!("the daemon (pid {}) is still there: {err}", health.pid),
            )
        })?;
    Ok((answer, health))
}

fn run(skep: &Skep, detached: bool) -> Outcome {
    if detached {
        // A group leader cannot, and then it has its own session or a terminal that it was given on purpose.
        let _leader = rustix::process::setsid();
    }
    let settings = skep_daemon::config::user(&skep.config)
        .map_err(|err| CliError::error(err.slug(), err.to_string()));
    let settings = match settings {
        Ok(settings) => settings,
        Err(err) if detached => return told(&err),
        Err(err) => return Err(err),
    };
    let idle = settings.time.daemon_idle;
    let options = Options {
        home: skep.home.root().to_owned(),
        config: skep.config.clone(),
        idle: (detached && !idle.is_zero()).then_some(idle),
    };
    let ready = || {
        if detached {
            // The starter may be gone; the daemon is there all the same.
            let _gone =
                writeln!(io::stdout(), "{}", serde_json::json!({"ready": std::process::id()}));
        } else {
            skep.out.note(&format!(
                "ready (pid {}), home {}",
                std::process::id(),
                skep.home.root().display()
            ));
        }
    };
    match daemon::run(&options, ready) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(err) => {
            let err = CliError::from(err.refusal());
            if detached { told(&err) } else { Err(err) }
        }
    }
}

/// Tells the starter why there is no daemon, on the one line that it reads.
fn told(err: &CliError) -> Outcome {
    let line = serde_json::to_string(&err.refusal).map_err(io::Error::from)?;
    writeln!(io::stdout(), "{line}")?;
    Ok(ExitCode::from(2))
}

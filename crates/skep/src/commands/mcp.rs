//! `skep mcp`

use std::{path::PathBuf, process::ExitCode, time::Duration};

use skep_api::{place::Home, role};
use skep_core::id::RunId;
use skep_host::tree;
use skep_mcp::run::{self, Setting};

use crate::{
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
};

pub(super) fn mcp(
    skep: &Skep,
    run: Option<String>,
    keeper: Option<PathBuf>,
    wait: Duration,
) -> Outcome {
    let inside = above();
    let run = run.or_else(|| inside.as_ref().map(|(run, _)| run.to_string()));
    let keeper = keeper.or_else(|| inside.map(|(_, socket)| socket));
    let (Some(run), Some(keeper)) = (run, keeper) else {
        return Err(CliError::error("mcp-outside", "the tools are a run's own, and this is started in none")
            .hint("skep sh ID -- skep ls   looks from a run's worktree; agents start their tools themselves"));
    };
    let setting =
        Setting { run, keeper, daemon: skep.home.daemon_socket(), wait, session: random_id()? };
    run::serve(setting).map_err(|err| {
        CliError::error("mcp-broken", format!("the client does not speak the protocol: {err}"))
            .hint("skep help mcp")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The run that this process descends from, and where its keeper listens.
fn above() -> Option<(RunId, PathBuf)> {
    let attempt = tree::ancestors(std::process::id()).into_iter().find_map(|pid| {
        let args = tree::arguments(pid)?;
        let is_keeper = args.get(1).is_some_and(|role| role == role::KEEPER);
        args.get(2).filter(|_| is_keeper).map(PathBuf::from)
    })?;
    let nth: u32 = attempt.file_name()?.to_str()?.parse().ok()?;
    let run: RunId = attempt.parent()?.file_name()?.to_str()?.parse().ok()?;
    let home = Home::new(attempt.ancestors().nth(3)?, rustix::process::getuid().as_raw());
    let socket = home.control_socket(&run, nth);
    Some((run, socket))
}

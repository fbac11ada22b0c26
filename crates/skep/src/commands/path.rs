//! `skep path` and `skep sh`

use std::{os::unix::process::CommandExt, process::ExitCode};

use skep_api::view::{LeaseView, RunView};
use skep_host::proc;

use super::named;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
};

pub(super) fn path(skep: &Skep, id: &str) -> Outcome {
    let (_, worktree, _) = standing(skep, id)?;
    if skep.out.json {
        skep.out.json(&worktree)?;
    } else {
        skep.out.exact(&worktree)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn sh(skep: &Skep, id: &str, command: &[String]) -> Outcome {
    let (run, _, cwd) = standing(skep, id)?;
    let shell = skep
        .env
        .get("SHELL")
        .filter(|shell| !shell.is_empty())
        .cloned()
        .unwrap_or_else(|| "/bin/sh".to_owned());
    let (program, args) = match command {
        [] => (shell, &[][..]),
        [program, args @ ..] => (program.clone(), args),
    };
    skep.out.note(&format!("{} in {cwd}", run.name));
    // Whoever looks finds the agent's server, and no other run's.
    let held = LeaseView::environment(&run.leases);
    let err = proc::command(&program).args(args).envs(held).current_dir(&cwd).exec();
    Err(CliError::error("command-not-started", format!("`{program}`: {err}"))
        .hint(format!("skep sh {}   a shell, to look what there is", run.name)))
}

/// A run whose env stands, with its worktree and the folder in it where its agent works. No git is asked.
pub(super) fn standing(skep: &Skep, id: &str) -> Result<(RunView, String, String), CliError> {
    let found = named(skep, id)?;
    match (&found.worktree, &found.cwd, found.env_state.as_str()) {
        (Some(worktree), Some(cwd), "held" | "closing") => {
            Ok((found.clone(), worktree.clone(), cwd.clone()))
        }
        (_, _, state) => {
            Err(CliError::error("no-env", format!("{} has no env that stands ({state})", found.id))
                .hint(format!("skep show {}", found.id)))
        }
    }
}

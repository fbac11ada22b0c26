//! `skep open`

use std::{os::unix::process::CommandExt, process::ExitCode};

use skep_core::text;
use skep_host::proc;

use super::path::standing;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
};

/// Who says what opens a folder, the strongest first.
const SAID_BY: [&str; 3] = ["SKEP_OPEN", "VISUAL", "EDITOR"];

pub(super) fn open(skep: &Skep, id: &str) -> Outcome {
    let (run, worktree, _) = standing(skep, id)?;
    let said = SAID_BY.iter().find_map(|name| {
        let value = skep.env.get(*name).filter(|value| !value.trim().is_empty())?;
        Some((*name, value))
    });
    let Some((name, value)) = said else {
        return Err(CliError::error("editor-unset", "none of SKEP_OPEN, VISUAL and EDITOR is set")
            .hint(format!("SKEP_OPEN=code skep open {}", run.name))
            .hint(format!("cd \"$(skep path {})\"", run.name)));
    };
    let words = shlex::split(value).filter(|words| !words.is_empty()).ok_or_else(|| {
        CliError::error("command-not-started", format!("{name} is no command: `{value}`"))
    })?;
    if skep.out.json {
        // A program wants to know, and has no use for an editor.
        skep.out.json(&serde_json::json!({"command": words, "path": worktree, "from": name}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let shown = text::one_line(&words.join(" "));
    skep.out.note(&format!("{}: {shown} {} (as {name} says)", run.name, text::one_line(&worktree)));
    // Absolute, and so never an option.
    let err =
        proc::command(&words[0]).args(&words[1..]).arg(&worktree).current_dir(&worktree).exec();
    Err(CliError::error("command-not-started", format!("`{}`: {err}", words[0]))
        .hint(format!("{name} says `{value}`; set it to a program that is there")))
}

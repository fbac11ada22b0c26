//! `skep help`

use std::process::ExitCode;

use clap::{Command, CommandFactory};

use crate::{
    args::Cli,
    exit::{CliError, Outcome},
    output::Output,
};

pub(super) fn help(out: &Output, verb: Option<&str>, verbs: bool) -> Outcome {
    let mut whole = Cli::command();
    if verbs {
        for line in all(&whole, "") {
            out.line(&line)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let text = match verb {
        None => whole.render_help(),
        Some(verb) => {
            let found = whole.get_subcommands_mut().find(|known| {
                known.get_name() == verb || known.get_all_aliases().any(|alias| alias == verb)
            });
            let Some(found) = found else {
                return Err(CliError::error("usage", format!("there is no verb `{verb}`"))
                    .hint("skep help"));
            };
            found.render_long_help()
        }
    };
    out.line(text.to_string().trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Every verb, one a line, `daemon start` for those below another.
fn all(command: &Command, above: &str) -> Vec<String> {
    command
        .get_subcommands()
        .flat_map(|verb| {
            let name = format!("{above}{}", verb.get_name());
            let below = all(verb, &format!("{name} "));
            if below.is_empty() { vec![name] } else { below }
        })
        .collect()
}

//! The gates of a project, and a person's word on them.

use skep_api::{request::Ask, view::ScriptView};

use super::{agreed, block};
use crate::{connect::Skep, exit::CliError, output::Tone};

/// Approves the gates that are shown, where a person says so.
pub(super) fn approve(
    skep: &Skep,
    name: &str,
    gates: Option<&mut ScriptView>,
    yes: bool,
) -> Result<(), CliError> {
    let Some(gates) = gates.filter(|gates| !gates.approved) else { return Ok(()) };
    if !skep.out.json {
        skep.out.line("")?;
        let what = if gates.changed {
            "The gates are not those that were approved"
        } else {
            "Gates, which check work before it is brought in"
        };
        skep.out.line(&format!("{}:", skep.out.paint(Tone::Strong, what)))?;
        block(skep, gates.difference.as_deref().unwrap_or(&gates.text))?;
    }
    if yes || agreed(skep, "May they run on this project's work? [y/N]", false) {
        let (name, text) = (name.to_owned(), gates.text.clone());
        let digest = Some(gates.digest.clone());
        skep.ask(Ask::ProjectApprove { name, text, digest, gates: true })?;
        gates.approved = true;
    }
    Ok(())
}

/// What became of that, for the last lines.
pub(super) fn tell(skep: &Skep, gates: Option<&ScriptView>) {
    match gates {
        Some(gates) if gates.approved => {
            skep.out.note("approved: the gates, exactly as they are");
        }
        Some(_) => {
            skep.out
                .note("not approved: the gates, so nothing is brought in yet (skep init --yes)");
        }
        None => {}
    }
}

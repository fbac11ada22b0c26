//! Owns: whether the references of secrets lead somewhere. Never: shows a value, or runs a command for one.

use std::{collections::BTreeMap, path::Path};

use skep_host::secrets::Reference;

use super::Finding;
use crate::config;

/// What of the settings' references leads nowhere; nothing where there is none.
pub(super) fn references(config: &Path, vars: &BTreeMap<String, String>) -> Vec<Finding> {
    // Settings that do not read are told of already.
    let all = config::secrets::all(config).unwrap_or_default();
    let mut ill = Vec::new();
    for (file, name, from) in &all {
        let Ok(reference) = Reference::parse(from) else { continue };
        let unset = |variable: &String| vars.get(variable).is_none_or(String::is_empty);
        let why = match &reference {
            Reference::Env(variable) => {
                unset(variable).then(|| format!("{variable} is not set in this shell"))
            }
            Reference::File(_) | Reference::Command(_) => reference.look(vars),
        };
        if let Some(why) = why {
            ill.push(
                Finding::ill("secrets", format!("{name} in {file}: {why}"))
                    .why("a run whose agent is to get it is refused")
                    .way(format!("skep config set secrets.{name} REFERENCE")),
            );
        }
    }
    if ill.is_empty() && !all.is_empty() {
        let count = all.len();
        let what = if count == 1 { "reference leads" } else { "references lead" };
        ill.push(Finding::well(
            "secrets",
            format!("{count} {what} somewhere (no command was run)"),
        ));
    }
    ill
}

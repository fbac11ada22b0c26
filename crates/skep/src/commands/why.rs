//! `skep why`

use std::process::ExitCode;

use skep_api::{request::Ask, view::WhyView};
use skep_core::text;

use super::read;
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone, spell},
};

pub(super) fn why(skep: &Skep, id: &str) -> Outcome {
    let answer = skep.ask(Ask::Why { run: id.to_owned() })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let facts: Vec<WhyView> = read(answer)?;
    facts.iter().try_for_each(|fact| print(&skep.out, fact))?;
    Ok(ExitCode::SUCCESS)
}

/// A fact and its value, and below it where it is from, how old it is, and the rule that it met.
fn print(out: &Output, fact: &WhyView) -> std::io::Result<()> {
    let name = out.paint(Tone::Strong, &format!("{:<11}", fact.fact));
    out.line(&format!("{name} {}", text::words(&text::one_line(&fact.value), 300)))?;
    let age = fact.age_ms.map_or(String::new(), |ms| format!(", {} ago", spell(ms / 1000)));
    out.prose(12, Tone::Faint, &format!("{}{age}: {}", fact.source, fact.rule))
}

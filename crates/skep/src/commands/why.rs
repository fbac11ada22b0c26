//! `skep why`

use std::process::ExitCode;

use skep_api::{request::Ask, view::WhyView};
use skep_core::text;

use super::read;
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone, grid::wrapped, spell},
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
    const INDENT: usize = 12;
    let value = text::words(&text::one_line(&fact.value), 600);
    let lines = match out.columns() {
        Some(columns) => wrapped(&value, columns.saturating_sub(INDENT).max(20)),
        None => vec![value],
    };
    for (nth, line) in lines.iter().enumerate() {
        let name = if nth == 0 { text::one_line(&fact.fact) } else { String::new() };
        let name = out.paint(Tone::Strong, &format!("{name:<11}"));
        out.line(format!("{name} {line}").trim_end())?;
    }
    let age = fact.age_ms.map_or(String::new(), |ms| format!(", {} ago", spell(ms / 1000)));
    let rule = text::one_line(&format!("{}{age}: {}", fact.source, fact.rule));
    out.prose(INDENT, Tone::Faint, &rule)
}

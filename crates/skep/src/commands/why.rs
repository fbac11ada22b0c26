//! `skep why`

use std::process::ExitCode;

use skep_api::{request::Ask, view::WhyView};

use super::read;
use crate::{connect::Skep, exit::Outcome, output::Tone};

pub(super) fn why(skep: &Skep, id: &str) -> Outcome {
    let answer = skep.ask(Ask::Why { run: id.to_owned() })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let facts: Vec<WhyView> = read(answer)?;
    let rows: Vec<Vec<(Tone, String)>> = facts
        .into_iter()
        .map(|fact| {
            let age = fact.age_ms.map_or_else(|| "-".to_owned(), |ms| format!("{}s", ms / 1000));
            vec![
                (Tone::Strong, fact.fact),
                (Tone::Plain, skep_core::text::words(&fact.value, 60)),
                (Tone::Faint, fact.source),
                (Tone::Faint, age),
                (Tone::Faint, fact.rule),
            ]
        })
        .collect();
    skep.out.table(&["FACT", "VALUE", "SOURCE", "AGE", "RULE"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

//! `skep wait`

use std::time::Duration;

use skep_api::{request::Ask, view::RunView};

use super::{code_of, ls, read};
use crate::{connect::Skep, exit::Outcome};

pub(super) fn wait(
    skep: &Skep,
    ids: Vec<String>,
    until: &str,
    any: bool,
    timeout: Option<Duration>,
) -> Outcome {
    let timeout_ms = timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let answer = skep.ask(Ask::Wait { runs: ids, until: until.to_owned(), any, timeout_ms })?;
    let runs: Vec<RunView> = read(answer.clone())?;
    if skep.out.json {
        skep.out.json(&answer)?;
    } else {
        ls::table(&skep.out, &runs)?;
    }
    let awaited: Vec<RunView> = if any {
        runs.into_iter().filter(|run| run.state == "ended").take(1).collect()
    } else {
        runs
    };
    Ok(code_of(&awaited))
}

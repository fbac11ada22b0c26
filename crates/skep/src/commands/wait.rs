//! `skep wait`

use std::{process::ExitCode, time::Duration};

use skep_api::{
    request::Ask,
    view::{RunView, TaskView},
};

use super::{code_of, ls, read, task};
use crate::{
    connect::Skep,
    exit::{NOT_COMPLETED, Outcome},
};

pub(super) fn wait(
    skep: &Skep,
    ids: Vec<String>,
    until: &str,
    any: bool,
    timeout: Option<Duration>,
) -> Outcome {
    let timeout_ms = timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let answer = skep.ask(Ask::Wait { runs: ids, until: until.to_owned(), any, timeout_ms })?;
    let is_task =
        |view: &serde_json::Value| view["id"].as_str().is_some_and(|id| id.starts_with("task_"));
    if answer.as_array().is_some_and(|views| views.iter().any(is_task)) {
        return tasks(skep, until, &read::<Vec<TaskView>>(answer)?);
    }
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

/// 4 where one of them failed while its end was waited for.
fn tasks(skep: &Skep, until: &str, tasks: &[TaskView]) -> Outcome {
    if skep.out.json {
        skep.out.json(&tasks)?;
    } else {
        task::table(skep, tasks)?;
    }
    let failed = until == "ended" && tasks.iter().any(|task| task.state == "failed");
    Ok(if failed { ExitCode::from(NOT_COMPLETED) } else { ExitCode::SUCCESS })
}

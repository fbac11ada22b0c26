//! `skep task`

use std::process::ExitCode;

use skep_api::{
    request::{Ask, TaskAsk, TaskEdit},
    view::{TaskGone, TaskView},
};

use super::{close, ls::titled, plan::task_state, read, read_text};
use crate::{
    args::Task,
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

pub(super) fn task(skep: &Skep, verb: Task) -> Outcome {
    let list = matches!(verb, Task::Ls);
    let answer = match verb {
        Task::Add {
            title,
            project,
            body,
            reference,
            priority,
            needs,
            agent,
            model,
            account,
            outside,
        } => {
            let body = body
                .as_deref()
                .map(|path| read_text(path, "task add TITLE --body -"))
                .transpose()?
                .unwrap_or_default();
            skep.ask(Ask::TaskAdd(Box::new(TaskAsk {
                title,
                body,
                project,
                reference,
                priority,
                needs,
                agent,
                model,
                account,
                outside,
            })))?
        }
        Task::Ls => skep.ask(Ask::TaskLs {})?,
        Task::Show { id } => skep.ask(Ask::TaskShow { task: id })?,
        Task::Edit { id, title, body, priority, needs, no_needs } => {
            let body =
                body.as_deref().map(|path| read_text(path, "task edit ID --body -")).transpose()?;
            let needs = (no_needs || !needs.is_empty()).then_some(needs);
            let edit = TaskEdit { task: id, title, body, priority, needs };
            if edit == (TaskEdit { task: edit.task.clone(), ..TaskEdit::default() }) {
                return Err(CliError::error("usage", "nothing is to change")
                    .hint(format!("skep task edit {} --title \"a faster search\"", edit.task))
                    .hint("skep help task edit"));
            }
            skep.ask(Ask::TaskEdit(Box::new(edit)))?
        }
        Task::Archive { id } => skep.ask(Ask::TaskArchive { task: id, back: false })?,
        Task::Unarchive { id } => skep.ask(Ask::TaskArchive { task: id, back: true })?,
        Task::Rm { id, force } => return remove(skep, id, force),
    };
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let tasks: Vec<TaskView> = if list { read(answer)? } else { vec![read(answer)?] };
    if let (false, [task]) = (list, tasks.as_slice()) {
        return super::plan::task_page(skep, task);
    }
    if tasks.is_empty() {
        skep.out.note("no tasks yet: skep task add TITLE");
        return Ok(ExitCode::SUCCESS);
    }
    table(skep, &tasks)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints tasks as a list.
pub(super) fn table(skep: &Skep, tasks: &[TaskView]) -> std::io::Result<()> {
    let rows: Vec<Vec<(Tone, String)>> = tasks
        .iter()
        .map(|task| {
            let projects = match (&task.project, task.parts.as_slice()) {
                (_, [_, ..]) => {
                    let names = task.parts.iter().map(|part| part.project.as_str());
                    names.collect::<Vec<_>>().join(",")
                }
                (Some(project), []) => project.clone(),
                (None, []) => "-".to_owned(),
            };
            vec![
                (Tone::Strong, task.id.clone()),
                task_state(task),
                (Tone::Plain, projects),
                (Tone::Plain, task.run.clone().unwrap_or_else(|| "-".to_owned())),
                (Tone::Plain, titled(&task.title, task.trust)),
            ]
        })
        .collect();
    skep.out.table(&["ID", "STATE", "PROJECT", "RUN", "TITLE"], &rows)
}

fn remove(skep: &Skep, id: String, force: bool) -> Outcome {
    let answer = skep.ask(Ask::TaskRm { task: id, force })?;
    let gone: TaskGone = read(answer.clone())?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(close::code(&gone.runs));
    }
    for view in &gone.runs {
        close::print(&skep.out, view)?;
        skep.out.line("")?;
    }
    skep.out.line(&format!("removed: {} {}", gone.id, skep_core::text::visible(&gone.title)))?;
    Ok(close::code(&gone.runs))
}

//! `skep plan TASK`, `skep implement` and `skep finalize`

use std::{os::fd::AsFd, process::ExitCode, sync::mpsc, thread};

use rustix::process::Signal;
use skep_api::{
    request::{Ask, ImplementAsk, PlanAsk, RunAsk},
    view::{PlanView, TaskView},
};
use skep_core::text;
use skep_host::proc::{self, Signals};

use super::page;
use crate::{
    args,
    commands::{control, read},
    connect::Skep,
    exit::{CliError, INTERRUPTED, NOT_COMPLETED, Outcome},
};

pub(super) fn plan(skep: &Skep, args: args::Planning) -> Outcome {
    let detach = args.with.detach;
    let more = args.more.is_some();
    let text = args.more.or(args.say).map(|text| control::words(&text)).transpose()?;
    let ask = PlanAsk {
        task: args.task.unwrap_or_default(),
        projects: args.projects,
        text: text.unwrap_or_default(),
        more,
        how: RunAsk { outside: args.outside, ..asked(skep, args.with)? },
    };
    let task: TaskView = read(skep.ask(Ask::Plan(Box::new(ask)))?)?;
    if detach {
        return page::task(skep, &task);
    }
    let Some(planned) = follow(skep, &task, "is planned on")? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    if planned.state != "plan_review" || planned.plan == task.plan {
        return came_to_nothing(skep, &planned);
    }
    let plan: PlanView = read(skep.ask(Ask::PlanShow { of: planned.id.clone(), version: None })?)?;
    page::plan(skep, &plan)
}

/// Why there is no plan, and what to do then.
fn came_to_nothing(skep: &Skep, task: &TaskView) -> Outcome {
    if skep.out.json {
        skep.out.json(task)?;
        return Ok(ExitCode::from(NOT_COMPLETED));
    }
    let why = match &task.failed {
        Some(why) => format!("no plan came of it: {why}"),
        None => "no plan came of it: its planner was stopped".to_owned(),
    };
    let id = &task.id;
    let mut err = CliError::error("plan-failed", why).hint(format!("skep plan {id}   once more"));
    if let Some(run) = &task.planner {
        err = err.hint(format!("skep logs {run}   what its planner did"));
    }
    err.refusal.exit = NOT_COMPLETED;
    Err(err.hint(format!("skep run {id}   without a plan")))
}

pub(in crate::commands) fn implement(skep: &Skep, args: args::Implement) -> Outcome {
    let detach = args.with.detach;
    let ask = ImplementAsk { of: args.id, how: asked(skep, args.with)? };
    let task: TaskView = read(skep.ask(Ask::Implement(Box::new(ask)))?)?;
    if detach {
        return page::task(skep, &task);
    }
    match follow(skep, &task, "is worked on")? {
        Some(task) => ended(skep, &task),
        None => Ok(ExitCode::from(INTERRUPTED)),
    }
}

pub(in crate::commands) fn finalize(skep: &Skep, id: String, detach: bool) -> Outcome {
    let task: TaskView = read(skep.ask(Ask::Finalize { of: id })?)?;
    if detach {
        return page::task(skep, &task);
    }
    let Some(task) = follow(skep, &task, "is handed over")? else {
        return Ok(ExitCode::from(INTERRUPTED));
    };
    page::task(skep, &task)?;
    let done = task.state == "completed";
    Ok(if done { ExitCode::SUCCESS } else { ExitCode::from(NOT_COMPLETED) })
}

/// 0 all of it is done · 4 a part failed · 1 it waits for a person.
fn ended(skep: &Skep, task: &TaskView) -> Outcome {
    page::task(skep, task)?;
    Ok(match task.state.as_str() {
        "completed" | "merged" | "archived" => ExitCode::SUCCESS,
        "failed" => ExitCode::from(NOT_COMPLETED),
        _ => ExitCode::from(1),
    })
}

/// Shows what goes on until nobody is at work; none where Ctrl-C came, which leaves the work going on.
fn follow(skep: &Skep, task: &TaskView, goes_on: &str) -> Result<Option<TaskView>, CliError> {
    let id = task.id.clone();
    let signals = Signals::take(&[Signal::INT])?;
    skep.out.progress(&format!("{id}: {}", text::one_line(&task.title)));
    let (told, heard) = mpsc::channel();
    let (asker, interrupted, of) = (skep.clone(), told.clone(), id.clone());
    // Whichever has nothing to tell any more ends with the process.
    thread::Builder::new().name("follow".to_owned()).spawn(move || {
        let _unheard = told.send(Some(asker.ask(Ask::Follow { of })));
    })?;
    thread::Builder::new().name("ctrl-c".to_owned()).spawn(move || {
        if proc::wait_readable(&[signals.as_fd()], None).is_ok() {
            let _unheard = interrupted.send(None);
        }
    })?;
    match heard.recv() {
        Ok(Some(answer)) => read(answer?).map(Some),
        Ok(None) | Err(_) => {
            skep.out.note(&format!("{id} {goes_on}; see: skep show {id}"));
            Ok(None)
        }
    }
}

/// How the runs are to be, as it was typed.
fn asked(skep: &Skep, with: args::With) -> Result<RunAsk, CliError> {
    let cwd = std::path::absolute(".")?;
    let Some(cwd) = cwd.to_str() else {
        return Err(CliError::error("path-not-text", "this folder's name is not UTF-8")
            .hint("skep plan --project P …"));
    };
    Ok(RunAsk {
        cwd: cwd.to_owned(),
        agent: with.agent,
        model: with.model,
        account: with.account,
        permissions: with.permissions,
        budget: with.budget,
        yes: with.yes,
        detach: with.detach,
        env: skep.env.clone(),
        ..RunAsk::default()
    })
}

//! `skep plan edit`

use std::{fs, path::Path, process::ExitCode};

use skep_api::{
    request::Ask,
    view::{PlanView, TaskView},
};
use skep_core::{plan, text};
use skep_host::{paths, proc};

use super::{complain, page};
use crate::{
    commands::{read, read_text},
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
};

pub(super) fn edit(skep: &Skep, id: &str, file: Option<&Path>) -> Outcome {
    let view: PlanView = read(skep.ask(Ask::PlanShow { of: id.to_owned(), version: None })?)?;
    if view.task_state != "plan_review" || view.state != "pending_review" {
        let state = view.task_state.replace('_', " ");
        let text = format!("{} is {state}, and has no plan that waits for you", view.task);
        return Err(CliError::error("no-plan-waits", text).hint(format!("skep show {}", view.task)));
    }
    if let Some(file) = file {
        let document = read_text(file, "plan edit ID --file -")?;
        return send(skep, &view, document);
    }
    let kept =
        skep.home.root().join("edits").join(format!("{}-{}.md", view.task, &random_id()?[..4]));
    let folder = kept.parent().unwrap_or(Path::new("/"));
    let unusable = |err: &dyn std::fmt::Display| {
        CliError::error("home-unusable", format!("{}: {err}", kept.display()))
    };
    paths::create_private_dir(folder).map_err(|err| unusable(&err))?;
    paths::write_atomically(&kept, view.document.as_bytes()).map_err(|err| unusable(&err))?;
    let names = projects(skep, &view)?;
    loop {
        open(skep, &kept)?;
        let document = read_text(&kept, "plan edit ID --file -")?;
        if document == view.document {
            // Nothing of a person's is in it.
            let _left = fs::remove_file(&kept);
            skep.out.note("nothing was changed");
            return page::plan(skep, &view);
        }
        let checked = plan::check(&document, names.as_deref());
        if checked.findings.is_empty() {
            let sent = send(skep, &view, document);
            return match sent {
                Ok(code) => {
                    let _left = fs::remove_file(&kept);
                    Ok(code)
                }
                Err(err) => Err(err.hint(format!("your text is kept: {}", kept.display()))),
            };
        }
        complain(skep, &checked.findings)?;
        let again = skep.out.question("edit it again? [Y/n]");
        if !again.is_some_and(|word| word.is_empty() || word.to_lowercase().starts_with('y')) {
            let text = "what you wrote is no plan yet; the plan stays as it was";
            let shown = text::shell(&kept.to_string_lossy());
            let mut err = CliError::error("plan-invalid", text)
                .hint(format!("your text is kept: {shown}"))
                .hint(format!("skep plan edit {} --file {shown}", view.task));
            err.refusal.exit = 1;
            return Err(err);
        }
    }
}

/// The names that the plan may use; none where that is not known.
fn projects(skep: &Skep, view: &PlanView) -> Result<Option<Vec<String>>, CliError> {
    let task: TaskView = read(skep.ask(Ask::TaskShow { task: view.task.clone() })?)?;
    let mut names = task.projects;
    let said = plan::check(&view.document, None).plan.groups.into_iter().flatten();
    names.extend(said);
    Ok(Some(names).filter(|names| !names.is_empty()))
}

fn send(skep: &Skep, view: &PlanView, document: String) -> Outcome {
    let ask = Ask::PlanEdit { of: view.id.clone(), text: document };
    let changed: PlanView = read(skep.ask(ask)?)?;
    if changed.document == view.document {
        skep.out.note("nothing was changed");
    }
    page::plan(skep, &changed)?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the file in the person's editor, as git does: what the variable says is a command line of the shell.
fn open(skep: &Skep, file: &Path) -> Result<(), CliError> {
    let said = ["VISUAL", "EDITOR"].iter().find_map(|name| {
        let value = skep.env.get(*name).filter(|value| !value.trim().is_empty())?;
        Some((*name, value))
    });
    let Some((name, editor)) = said else {
        return Err(CliError::error("editor-unset", "neither VISUAL nor EDITOR is set")
            .hint("EDITOR=vi skep plan edit ID")
            .hint("skep plan show ID --document > plan.md; skep plan edit ID --file plan.md"));
    };
    let line = format!("{editor} \"$@\"");
    let status = proc::command("sh").arg("-c").arg(&line).arg(editor).arg(file).status();
    let failed = |why: String| {
        CliError::error("command-not-started", format!("`{}` {why}", text::one_line(editor)))
            .hint(format!("{name} says so; your text is kept: {}", file.display()))
    };
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("ended with {status}"))),
        Err(err) => Err(failed(format!("did not start: {err}"))),
    }
}

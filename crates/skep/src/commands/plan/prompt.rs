//! `skep plan prompt`

use std::{path::Path, process::ExitCode};

use serde::Serialize;
use skep_daemon::prompts::{self, Origin, Overrides, PromptError, Template};

use crate::{
    commands::config,
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

/// One prompt, as programs get it.
#[derive(Serialize)]
struct View<'a> {
    name: &'static str,
    purpose: &'static str,
    from: &'static str,
    /// The file, where it is a person's own.
    path: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl<'a> View<'a> {
    fn of(template: Template, own: &'a Overrides) -> View<'a> {
        let (from, path) = match own.origin(template) {
            Origin::BuiltIn => ("built-in", None),
            Origin::Person(path) => ("yours", Some(path.as_path())),
            Origin::Project(path) => ("project", Some(path.as_path())),
        };
        let (name, purpose) = (template.word(), template.purpose());
        View { name, purpose, from, path, text: None }
    }
}

pub(super) fn prompt(
    skep: &Skep,
    name: Option<&str>,
    project: Option<&str>,
    example: bool,
) -> Outcome {
    if let Some(project) = project {
        config::require_project(skep, project)?;
    }
    let own = Overrides::read(&skep.config, project).map_err(|err| refuse(&err))?;
    match name {
        Some(name) => {
            let template = Template::find(name).map_err(|err| refuse(&err))?;
            tell(skep, template, &own, example)?;
        }
        None => list(skep, &own)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(skep: &Skep, template: Template, own: &Overrides, example: bool) -> Result<(), CliError> {
    let text = if example {
        prompts::example(template, own).map_err(|err| refuse(&err))?
    } else {
        own.text(template).to_owned()
    };
    if skep.out.json {
        skep.out.json(&View { text: Some(text), ..View::of(template, own) })?;
    } else {
        skep.out.exact(text.strip_suffix('\n').unwrap_or(&text))?;
    }
    Ok(())
}

fn list(skep: &Skep, own: &Overrides) -> Result<(), CliError> {
    let views: Vec<View<'_>> = Template::ALL.map(|template| View::of(template, own)).into();
    if skep.out.json {
        skep.out.json(&views)?;
        return Ok(());
    }
    let row = |view: &View<'_>| {
        let tone = if view.path.is_some() { Tone::Good } else { Tone::Faint };
        let from = if view.from == "built-in" { "built in" } else { view.from };
        vec![
            (Tone::Strong, view.name.to_owned()),
            (tone, from.to_owned()),
            (Tone::Plain, view.purpose.to_owned()),
        ]
    };
    skep.out.table(&["PROMPT", "FROM", "IS TOLD"], &views.iter().map(row).collect::<Vec<_>>())?;
    let folder = skep_daemon::config::prompts_folder(&skep.config);
    skep.out.note(&format!("one of your own: {}/NAME.md · docs/prompts.md", folder.display()));
    Ok(())
}

/// An error of the prompts, and what to type next.
pub(crate) fn refuse(err: &PromptError) -> CliError {
    let refusal = CliError::error(err.slug(), err.to_string());
    match err {
        PromptError::Unknown { .. } => refusal.hint("skep plan prompt   lists them"),
        PromptError::Unfit { .. } => {
            refusal.hint("mend it there; without the file the built-in one holds")
        }
        PromptError::Unreadable { .. } => refusal.hint("its rights and what it is: ls -l PATH"),
        PromptError::Project(err) => config::refuse(err),
    }
}

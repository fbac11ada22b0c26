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
    /// The one that it is for alone.
    project: Option<&'a str>,
    /// The file, where it is a person's own.
    path: Option<&'a Path>,
    /// What it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl<'a> View<'a> {
    fn of(template: Template, own: &'a Overrides, project: Option<&'a str>) -> View<'a> {
        let (from, project, path) = match own.origin(template) {
            Origin::BuiltIn => ("built-in", None, None),
            Origin::Person(path) => ("yours", None, Some(path.as_path())),
            Origin::Project(path) => ("project", project, Some(path.as_path())),
        };
        let (name, purpose) = (template.word(), template.purpose());
        View { name, purpose, from, project, path, names: None, text: None }
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
    let Some(name) = name else {
        list(skep, &own, project)?;
        return Ok(ExitCode::SUCCESS);
    };
    let template = Template::find(name).map_err(|err| refuse(&err))?;
    let text = if example {
        prompts::example(template, &own).map_err(|err| refuse(&err))?
    } else {
        own.text(template).to_owned()
    };
    if skep.out.json {
        let names = Some(prompts::names(template, &own).map_err(|err| refuse(&err))?);
        skep.out.json(&View { names, text: Some(text), ..View::of(template, &own, project) })?;
    } else {
        skep.out.exact(text.strip_suffix('\n').unwrap_or(&text))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists those in force; where no project is named, what there is for single ones too.
fn list(skep: &Skep, own: &Overrides, project: Option<&str>) -> Result<(), CliError> {
    let mut beside = Vec::new();
    if project.is_none() {
        for name in Overrides::projects(&skep.config).map_err(|err| refuse(&err))? {
            let of = Overrides::read(&skep.config, Some(&name)).map_err(|err| refuse(&err))?;
            beside.push((name, of));
        }
    }
    let all = Template::ALL.into_iter();
    let views = all.flat_map(|template| {
        let others = beside.iter().filter(move |(_, of)| is_projects(of, template));
        let others = others.map(move |(name, of)| View::of(template, of, Some(name)));
        [View::of(template, own, project)].into_iter().chain(others)
    });
    let views: Vec<View<'_>> = views.collect();
    if skep.out.json {
        skep.out.json(&views)?;
        return Ok(());
    }
    let row = |view: &View<'_>| {
        let tone = if view.path.is_some() { Tone::Good } else { Tone::Faint };
        let from = match (view.from, view.project) {
            ("built-in", _) => "built in".to_owned(),
            (_, Some(name)) => format!("yours for {name}"),
            (from, None) => from.to_owned(),
        };
        let (name, purpose) = (view.name.to_owned(), view.purpose.to_owned());
        vec![(Tone::Strong, name), (tone, from), (Tone::Plain, purpose)]
    };
    skep.out.table(&["PROMPT", "FROM", "IS TOLD"], &views.iter().map(row).collect::<Vec<_>>())?;
    let folder = skep_daemon::config::prompts_folder(&skep.config);
    skep.out.note(&format!("one of your own: {}/NAME.md · docs/prompts.md", folder.display()));
    Ok(())
}

fn is_projects(own: &Overrides, template: Template) -> bool {
    matches!(own.origin(template), Origin::Project(_))
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

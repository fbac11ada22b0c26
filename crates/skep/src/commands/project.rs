//! `skep project`

use std::{path::Path, process::ExitCode};

use skep_api::{request::Ask, view::ProjectView};
use skep_host::cache::{self, Url};

use super::read;
use crate::{
    args::Project,
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

pub(super) fn project(skep: &Skep, verb: Project) -> Outcome {
    let list = matches!(verb, Project::Ls);
    let answer = match verb {
        Project::Add { path, name, base } => {
            let path = named(skep, &path)?;
            skep.ask(Ask::ProjectAdd { path, name, base })?
        }
        Project::Ls => skep.ask(Ask::ProjectLs {})?,
        Project::Show { name } => skep.ask(Ask::ProjectShow { name })?,
        Project::Rm { name, dry_run } => {
            let answer = skep.ask(Ask::ProjectRm { name: name.clone(), dry_run })?;
            if skep.out.json {
                skep.out.json(&answer)?;
            } else {
                skep.out.line(&format!(
                    "{}forgotten: {name}; its repository stays as it is",
                    if dry_run { "would be " } else { "" }
                ))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
    };
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let projects: Vec<ProjectView> = if list { read(answer)? } else { vec![read(answer)?] };
    if projects.is_empty() {
        skep.out.note("no projects yet: skep project add PATH, or skep run in a repository");
        return Ok(ExitCode::SUCCESS);
    }
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let rows: Vec<Vec<(Tone, String)>> = projects
        .iter()
        .map(|project| {
            vec![
                (Tone::Strong, project.name.clone()),
                (Tone::Plain, dash(project.base.as_deref().unwrap_or(""))),
                (Tone::Plain, dash(&project.sub_dir)),
                (Tone::Plain, project.path.clone()),
            ]
        })
        .collect();
    skep.out.table(&["NAME", "BASE", "FOLDER", "PATH"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

/// What the daemon is to add: a URL as it is, and a path without the folder that we stand in.
fn named(skep: &Skep, what: &Path) -> Result<String, CliError> {
    let text = |what: &Path| {
        what.to_str()
            .map(str::to_owned)
            .ok_or_else(|| CliError::error("path-not-text", "the path is not UTF-8"))
    };
    let url = text(what)?;
    if !cache::is_url(&url) || what.exists() {
        return text(&std::path::absolute(what)?);
    }
    if let Ok(url) = Url::parse(&url) {
        skep.out.progress(&format!("cloning {}; that may take some minutes", url.shown()));
    }
    Ok(url)
}

//! How a run's work comes to its target, as the settings say at this moment.
//!
//! Owns: which target, which way. Never: reads what the work itself says of it.

use std::path::Path;

use skep_api::{
    place::Home,
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::Fleet,
    project::Project,
    run::{OpResult, Proposing, Run},
};
use skep_host::{
    combine::How,
    git::{self, Git},
};

use super::millis;
use crate::{
    config::{self, Changes, ProjectChanges, ProjectSettings},
    hands::land::Terms,
    launch,
};

/// The settings of a run's project as the target's commit has them, the person's own above them.
///
/// Errors: they cannot be read; nothing lands by settings that are not known.
pub fn settings(run: &Run, home: &Home, config: &Path) -> Result<ProjectSettings, OpResult> {
    let refused = |slug: &str, text: String| OpResult::Failed { slug: slug.to_owned(), text };
    let place = &run.brief.place;
    let repository = place.repository.as_ref().ok_or_else(|| OpResult::Refused {
        slug: "nothing-to-land".to_owned(),
        text: "it works in a plain folder, which no repository keeps".to_owned(),
        hints: vec![format!("skep path {}", run.id())],
        merged: None,
    })?;
    let vars = launch::asker_env(home, run).map_err(|text| refused("land-failed", text))?;
    let git = Git::new(&vars);
    let target = run.env().and_then(|env| env.target.clone());
    let failed = |err: git::GitError| refused(err.slug(), chain(&err));
    let repo = git::discover(&git, Path::new(repository)).map_err(failed)?;
    let oid = match &target {
        Some(target) => git::branch(&git, &repo, target).map_err(failed)?,
        None => None,
    };
    let shared = match oid {
        Some(oid) => git::file_at(&git, &repo, &oid, config::SHARED).map_err(failed)?,
        None => None,
    };
    let shared = shared.map(String::from_utf8).transpose().map_err(|_| {
        refused("config-syntax", format!("{} on the target is not UTF-8", config::SHARED))
    })?;
    let Some(project) = &run.brief.project else {
        return config::project_defaults().map_err(|err| refused(err.slug(), chain(&err)));
    };
    config::project(config, project, shared.as_deref())
        .map_err(|err| refused(err.slug(), chain(&err)))
}

/// The project whose gates a run's work passes; none where it belongs to none.
///
/// Errors: it belongs to one that is not registered any more, and whose gates nobody knows.
pub fn project<'a>(run: &Run, fleet: &'a Fleet) -> Result<Option<&'a Project>, Refusal> {
    let Some(name) = &run.brief.project else { return Ok(None) };
    let found = fleet.projects.get(name).map(AsRef::as_ref);
    found.map(Some).ok_or_else(|| {
        Refusal::error(
            "project-unknown",
            format!("`{name}` is not a project any more, so nobody knows its gates"),
        )
        .hint(format!("skep project add PATH --name {name}   then land again"))
    })
}

/// How a run's work lands now: by the settings of today, whatever held when it was asked for.
pub fn terms(run: &Run, home: &Home, config: &Path) -> Result<Terms, OpResult> {
    let settings = settings(run, home, config)?;
    let target = settings.target.clone().or_else(|| run.env().and_then(|env| env.target.clone()));
    let target = target.ok_or_else(|| OpResult::Refused {
        slug: "target-missing".to_owned(),
        text: "it has no target; set `target` in the project's settings".to_owned(),
        hints: vec![format!("skep show {}", run.id())],
        merged: None,
    })?;
    Ok(Terms {
        target,
        how: match settings.landing.how {
            config::How::Merge => How::Merge,
            config::How::Squash => How::Squash,
            config::How::Rebase => How::Rebase,
        },
        push: settings.land == Some(config::Land::Push),
        fetch_ms: run.brief.place.fetch_ms,
    })
}

/// How the work of `run` is proposed where nobody said more than the settings.
pub fn proposing(run: &Run, project: ProjectChanges, person: &Changes) -> Proposing {
    Proposing {
        title: None,
        // What stands there stays as people made it.
        draft: run.change.is_none().then_some(project.draft),
        labels: project.labels,
        reviewers: project.reviewers,
        rounds: person.rounds,
        look_ms: millis(person.look),
    }
}

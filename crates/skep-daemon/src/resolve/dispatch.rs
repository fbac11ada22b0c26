//! From an issue that an agent may be put at to a run: its project, its surface and posture, its branch.
//!
//! Owns: which project an issue is of, by the remotes of the projects; what of the settings holds for such a run.
//! Never: asks the network; puts a word of whoever asks into the prompt.

use std::{collections::BTreeMap, path::Path};

use skep_api::{
    request::{DispatchAsk, RunAsk},
    view::DispatchView,
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::Fleet,
    issue::{self, Admitted, Issue, Mode, Platform, Reference},
    project::Project,
    refs,
    run::{Lineage, Permissions},
    text,
};
use skep_forge::remote::Place;
use skep_host::git::{Git, Repository};

use super::{Asked, hands, registered, repository, unknown_project};
use crate::{
    config::{self, Settings},
    forges,
    issues::Trackers,
    launch,
};

/// A project that an issue may be of, and where at forges its repository is.
#[derive(Debug)]
pub struct Candidate {
    pub project: Project,
    places: Vec<Place>,
}

/// The projects that the issue of `reference` may be of; nobody is asked.
///
/// Errors: there is none.
pub fn candidates(
    ask: &DispatchAsk,
    reference: &Reference,
    settings: &Settings,
    fleet: &Fleet,
) -> Result<Vec<Candidate>, Refusal> {
    let named = ask.project.as_ref();
    if let Some(name) = named.filter(|name| !fleet.projects.contains_key(*name)) {
        return Err(unknown_project(name, fleet));
    }
    let vars = base_vars(&ask.env);
    let Reference::Forge { owner, repo, .. } = reference else {
        return Ok(vec![near(ask, reference, settings, fleet, &vars)?]);
    };
    let wanted = format!("{owner}/{repo}");
    let mut found = Vec::new();
    let mut unread = Vec::new();
    let projects = fleet.projects.values().filter(|it| named.is_none_or(|name| it.name == *name));
    for project in projects {
        let remotes = hands::repository(&vars, Path::new(&project.path))
            .and_then(|(git, repo)| forges::remotes(&git, &repo, &settings.forge));
        match remotes {
            Ok(remotes) => {
                let its = |place: &Place| place.name().eq_ignore_ascii_case(&wanted);
                let places: Vec<Place> =
                    remotes.into_iter().map(|(_, it)| it).filter(its).collect();
                if !places.is_empty() {
                    found.push(Candidate { project: project.as_ref().clone(), places });
                }
            }
            Err(err) => unread.push(format!("{}: {}", project.name, chain(&err))),
        }
    }
    if found.is_empty() {
        let left = if unread.is_empty() {
            String::new()
        } else {
            format!(" (not looked at: {})", unread.join("; "))
        };
        let text = match named {
            Some(name) => format!("no remote of `{name}` is `{wanted}`{left}"),
            None => format!("no project here has a remote that is `{wanted}`{left}"),
        };
        return Err(Refusal::error("issue-project-none", text)
            .hint(format!("git clone URL-OF/{wanted}, then: skep project add {repo}"))
            .hint("skep project ls   what is registered; git remote -v   what it is a clone of"));
    }
    Ok(found)
}

/// The one of the candidates that an issue which was found at this tracker is of.
pub fn project_of(
    candidates: Vec<Candidate>,
    platform: Platform,
    (reference, trackers): (&str, &Trackers<'_>),
) -> Result<Project, Refusal> {
    let is_forge = match platform {
        Platform::Github | Platform::Forgejo => true,
        Platform::Folder | Platform::Taskwarrior => false,
    };
    // Of two forges of one kind only one was asked: the same name at the other is somebody else's.
    let fits =
        |it: &Candidate| !is_forge || it.places.iter().any(|place| trackers.keeps(platform, place));
    let mut all: Vec<Candidate> = candidates.into_iter().filter(fits).collect();
    if all.len() > 1 {
        let names: Vec<&str> = all.iter().map(|it| it.project.name.as_str()).collect();
        let text = format!("`{reference}` is of several projects: {}", names.join(", "));
        let mut refusal = Refusal::error("issue-project-many", text);
        for name in names.iter().take(3) {
            refusal = refusal.hint(format!("the same again, with --project {name}"));
        }
        return Err(refusal);
    }
    all.pop().map(|it| it.project).ok_or_else(|| {
        let text = format!(
            "`{reference}` is at {}, and no project here has a remote there",
            platform.as_str()
        );
        Refusal::error("issue-project-none", text).hint("skep project ls")
    })
}

/// Of what no forge keeps: the project that is named, that the folder is of, or that the asker stands in.
fn near(
    ask: &DispatchAsk,
    reference: &Reference,
    settings: &Settings,
    fleet: &Fleet,
    vars: &BTreeMap<String, String>,
) -> Result<Candidate, Refusal> {
    let of_folder = match reference {
        Reference::Folder { folder, .. } => {
            settings.dispatch.folders.get(folder).and_then(|folder| folder.project.clone())
        }
        Reference::Forge { .. } | Reference::Task { .. } => None,
    };
    let project = match ask.project.clone().or(of_folder) {
        Some(name) => fleet
            .projects
            .get(&name)
            .cloned()
            .ok_or_else(|| unknown_project(&name, fleet))?
            .as_ref()
            .clone(),
        None => {
            let (_, repo) = repository(vars, Path::new(&ask.cwd))?;
            registered(&repo, fleet).ok_or_else(|| {
                let text = format!("`{}` is of no project that is known", ask.cwd);
                Refusal::error("issue-project-none", text)
                    .hint("skep project add .   then once more")
                    .hint("the same again, with --project NAME")
            })?
        }
    };
    Ok(Candidate { project, places: Vec::new() })
}

/// The wish for the run: what the settings and the mode make of it. Its words are the issue's.
pub fn wish(
    ask: &DispatchAsk,
    admitted: &Admitted,
    issue: &Issue,
    project: &Project,
    settings: &Settings,
) -> RunAsk {
    let (surface, posture) = match ask.mode {
        Mode::Headless => ("headless", "headless"),
        Mode::Interactive => ("terminal", "watch"),
        Mode::Consult => ("terminal", "consult"),
        Mode::Cascade => ("headless", "cascade"),
    };
    let set = settings.dispatch.permissions.map(|set| match set {
        Permissions::Ask => "ask".to_owned(),
        Permissions::Auto => "auto".to_owned(),
        Permissions::Bypass => "bypass".to_owned(),
    });
    RunAsk {
        titles: vec![title(admitted, issue)],
        project: Some(project.name.clone()),
        cwd: ask.cwd.clone(),
        agent: ask.agent.clone().or_else(|| settings.dispatch.agent.clone()),
        model: ask.model.clone(),
        account: ask.account.clone(),
        surface: Some(surface.to_owned()),
        posture: Some(posture.to_owned()),
        permissions: ask.permissions.clone().or(set),
        prompt: Some(issue::words(issue)),
        budget: ask.budget.clone(),
        claims: ask.claims.clone(),
        overlap: ask.overlap,
        yes: ask.yes,
        dry_run: ask.dry_run,
        detach: ask.detach,
        outside: true,
        env: ask.env.clone(),
        ..RunAsk::default()
    }
}

/// What the run is called: never what could be read as a task's id or a number.
fn title(admitted: &Admitted, issue: &Issue) -> String {
    let words = text::words(&text::one_line(&issue.title), 200);
    let reference = &admitted.origin.reference;
    // An owner may be called like a task's id begins.
    let before = if reference.starts_with("task_") { "issue " } else { "" };
    format!("{before}{reference}: {words}")
}

/// Makes the run one of this issue.
pub fn stamp(asked: &mut Asked, ask: &DispatchAsk, admitted: &Admitted, issue: &Issue) {
    let brief = &mut asked.brief;
    "dispatch".clone_into(&mut brief.by);
    brief.issue = Some(admitted.origin.clone());
    let id = admitted.origin.reference.rsplit(['#', ':']).next().unwrap_or_default();
    let short: String = brief.id.tail().chars().take(6).collect();
    let branch = refs::external_branch(id, &issue.title);
    // A branch of a dispatch before this one stays as it is, with its commits: the next free name is taken.
    brief.place.branches = refs::candidates(&branch, &short);
    if let Some(depth) = ask.depth.filter(|_| ask.mode == Mode::Cascade) {
        brief.lineage = Some(Lineage { parent: None, root: brief.id.clone(), depth });
    }
}

/// What would be, for whoever only wants to know.
pub fn view(asked: &Asked, admitted: &Admitted, issue: &Issue) -> DispatchView {
    let brief = &asked.brief;
    DispatchView {
        reference: admitted.origin.reference.clone(),
        url: admitted.origin.url.clone(),
        title: text::one_line(&issue.title),
        platform: admitted.origin.platform.as_str().to_owned(),
        author: text::one_line(&issue.author),
        mode: admitted.origin.mode.as_str().to_owned(),
        highest: admitted.highest.as_str().to_owned(),
        project: brief.project.clone().unwrap_or_default(),
        repository: brief.place.repository.clone().unwrap_or_default(),
        agent: brief.agent.clone(),
        surface: brief.surface,
        posture: brief.posture.as_str().to_owned(),
        permissions: brief.permissions,
        branch: brief.place.branches.first().cloned().unwrap_or_default(),
        claims: brief.claims.paths.clone(),
        words: asked.prompt.clone(),
    }
}

/// The settings of a person.
pub fn settings(config: &Path) -> Result<Settings, Refusal> {
    config::user(config).map_err(|err| Refusal::error(err.slug(), chain(&err)))
}

/// The git that whoever asks would use in the project, and its repository.
pub fn git_of(ask: &DispatchAsk, project: &Project) -> Result<(Git, Repository), Refusal> {
    repository(&base_vars(&ask.env), Path::new(&project.path))
}

fn base_vars(env: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let base = env.iter().filter(|(name, _)| launch::is_base(name));
    base.map(|(name, value)| (name.clone(), value.clone())).collect()
}

//! Where a run's issue is claimed, and in whose name.
//!
//! Owns: the place of a claim, by the issue's own tracker and the project's remotes; the name of this home.
//! Never: makes a claim; the hands do.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use skep_api::{place::Home, wire::chain};
use skep_core::{
    issue::{Origin, Platform},
    run::Run,
    text,
};
use skep_host::{
    claim::{self, At, Holder},
    git::{self, Git, Repository},
    paths,
};

use crate::{
    config, forges,
    hands::issue::{Holding, WAIT},
    launch,
};

/// Why it is not known who has an issue: a slug, and words.
type NotKnown = (String, String);

/// The issue of `run`; none where it has none. `at_work` are the runs of this home whose claims stand.
///
/// Errors: it cannot be told where it is claimed.
pub fn holding(
    run: &Run,
    home: &Home,
    config: &Path,
    at_work: Vec<String>,
) -> Result<Option<Holding>, NotKnown> {
    let Some(issue) = &run.brief.issue else { return Ok(None) };
    let git_failed = |text: String| ("git-failed".to_owned(), text);
    let vars = launch::asker_env(home, run).map_err(git_failed)?;
    let git = Git::new(&vars).timeout(WAIT);
    let repository = run.brief.place.repository.as_ref().map(PathBuf::from);
    let repo = repository.as_deref().map(|path| git::discover(&git, path));
    let repo = repo.transpose().map_err(|err| (err.slug().to_owned(), chain(&err)))?;
    let (at, key) = place_of(&git, repo.as_ref(), issue, (config, &vars))?;
    let who = match &repository {
        Some(repository) => git::identity(&git, repository).ok().flatten(),
        None => None,
    };
    let io = |err: io::Error| ("home-unusable".to_owned(), err.to_string());
    let holder = Holder {
        home: identity(home).map_err(io)?,
        run: run.id().to_string(),
        who: who.map(|who| who.name).unwrap_or_default(),
        since: run.created.to_string(),
    };
    let reference = issue.reference.clone();
    Ok(Some(Holding { reference, repository, at, key, holder, at_work }))
}

/// The settings, and the environment of whoever asked.
type By<'a> = (&'a Path, &'a BTreeMap<String, String>);

/// Where an issue of a repository is claimed, and by which name.
fn place_of(
    git: &Git,
    repo: Option<&Repository>,
    issue: &Origin,
    (config, vars): By<'_>,
) -> Result<(At, String), NotKnown> {
    let settings = config::user(config).map_err(|err| (err.slug().to_owned(), chain(&err)))?;
    let none = || ("forge-none".to_owned(), "the run has no repository".to_owned());
    let pushed = |repo| claim::place(git, repo).map_err(|err| (err.slug().to_owned(), chain(&err)));
    match issue.platform {
        Platform::Folder => {
            let rest = issue.reference.strip_prefix("dir:").unwrap_or(&issue.reference);
            let (folder, file) = rest.split_once('#').unwrap_or((rest, ""));
            let unknown = || {
                let folder = text::one_line(folder);
                let text = format!("no folder of issues is called `{folder}` any more");
                ("issue-folder-unknown".to_owned(), text)
            };
            let known = settings.dispatch.folders.get(folder).ok_or_else(unknown)?;
            let root = match (known.path.strip_prefix("~"), vars.get("HOME")) {
                (Ok(rest), Some(home)) => Path::new(home).join(rest),
                _ => known.path.clone(),
            };
            Ok((At::File { path: root.join(format!(".{file}.claim")) }, "issue".to_owned()))
        }
        Platform::Taskwarrior => {
            Ok((pushed(repo.ok_or_else(none)?)?, issue.reference.replace(':', "-")))
        }
        Platform::Github | Platform::Forgejo => {
            let (place, number) = issue.reference.rsplit_once('#').unwrap_or_default();
            let repo = repo.ok_or_else(none)?;
            let own = forges::remotes(git, repo, &settings.forge)
                .map_err(|err| (err.slug().to_owned(), chain(&err)))?;
            let trackers = super::Trackers::new(&settings, vars);
            let its = own.into_iter().find(|(_, it)| {
                it.name().eq_ignore_ascii_case(place) && trackers.keeps(issue.platform, it)
            });
            let at = match its {
                Some((name, _)) => At::Remote { name },
                None => pushed(repo)?,
            };
            Ok((at, number.to_owned()))
        }
    }
}

/// Who has an issue now; none where nobody has.
pub fn holder(
    git: &Git,
    repo: Option<&Repository>,
    issue: &Origin,
    by: By<'_>,
) -> Result<Option<Holder>, NotKnown> {
    let git = git.clone().timeout(WAIT);
    let (at, key) = place_of(&git, repo, issue, by)?;
    claim::read(&git, repo, &at, &key).map_err(|err| (err.slug().to_owned(), chain(&err)))
}

/// Frees the claim of `whose`, by a person's word; somebody else's who has it meanwhile stays.
pub fn free(
    git: &Git,
    repo: Option<&Repository>,
    issue: &Origin,
    by: By<'_>,
    whose: &Holder,
) -> Result<Option<Holder>, NotKnown> {
    let git = git.clone().timeout(WAIT);
    let (at, key) = place_of(&git, repo, issue, by)?;
    claim::let_go(&git, repo, &at, &key, whose).map_err(|err| (err.slug().to_owned(), chain(&err)))
}

/// The id of this home: made once, and its own wherever it is moved to.
pub fn identity(home: &Home) -> io::Result<String> {
    let path = home.root().join("identity");
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        Ok(_) | Err(_) => {}
    }
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let id: String = launch::digest(&bytes).chars().take(12).collect();
    let own = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = fs::File::create(&own)?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    // Whoever was first here has named it.
    match fs::hard_link(&own, &path) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => return Err(err),
        Ok(()) | Err(_) => {}
    }
    fs::remove_file(&own)?;
    // A name that goes with the power would be another one afterwards.
    paths::sync_parent(&path).map_err(io::Error::other)?;
    Ok(fs::read_to_string(&path)?.trim().to_owned())
}

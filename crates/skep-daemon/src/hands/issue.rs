//! An issue that is held for a run where others look who might begin at it: before anything is made, until nothing stands.
//!
//! Owns: where a run's issue is claimed, and in whose name. Never: takes a claim of another home, or begins without an answer.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    issue::{Origin, Platform},
    run::{Fault, Run},
    text,
};
use skep_forge::remote;
use skep_host::{
    claim::{self, At, ClaimError, Holder, Taken},
    git::{self, Git, Repository},
    paths,
};

use super::fault;
use crate::{config, forges, launch};

/// How long one question to the remote may take.
const WAIT: Duration = Duration::from_secs(30);

/// An issue, where it is claimed, and for whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Holding {
    reference: String,
    repository: Option<PathBuf>,
    at: At,
    key: String,
    holder: Holder,
    /// Runs of this home that are at work or hold an env: their claims stand.
    at_work: Vec<String>,
}

/// What came of the wish for an issue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "taken", rename_all = "snake_case")]
pub enum TakenIssue {
    Ours,
    Not { fault: Fault, slug: String, text: String },
}

impl Holding {
    /// The issue of `run`; none where it has none. `at_work` are the runs of this home whose claims stand.
    ///
    /// Errors: it cannot be told where it is claimed.
    pub fn of(
        run: &Run,
        home: &Home,
        config: &Path,
        at_work: Vec<String>,
    ) -> Result<Option<Holding>, (String, String)> {
        let Some(issue) = &run.brief.issue else { return Ok(None) };
        let git_failed = |text: String| ("git-failed".to_owned(), text);
        let vars = launch::asker_env(home, run).map_err(git_failed)?;
        let git = Git::new(&vars).timeout(WAIT);
        let repository = run.brief.place.repository.as_ref().map(PathBuf::from);
        let (at, key) = place_of(&git, repository.as_deref(), issue, config)?;
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

    fn repo(&self, git: &Git) -> Result<Option<Repository>, ClaimError> {
        match (&self.at, &self.repository) {
            (At::File { .. }, _) | (_, None) => Ok(None),
            (At::Remote { .. } | At::Here, Some(path)) => Ok(Some(git::discover(git, path)?)),
        }
    }
}

/// Where an issue of a repository is claimed, and by which name.
pub fn place_of(
    git: &Git,
    repository: Option<&Path>,
    issue: &Origin,
    config: &Path,
) -> Result<(At, String), (String, String)> {
    let settings = config::user(config).map_err(|err| (err.slug().to_owned(), chain(&err)))?;
    let named = |err: git::GitError| (err.slug().to_owned(), chain(&err));
    let none = || ("forge-none".to_owned(), "the run has no repository".to_owned());
    match issue.platform {
        Platform::Folder => {
            let rest = issue.reference.strip_prefix("dir:").unwrap_or(&issue.reference);
            let (folder, file) = rest.split_once('#').unwrap_or((rest, ""));
            let known = settings.dispatch.folders.get(folder);
            let unknown = || {
                let text =
                    format!("no folder of issues is called `{}` any more", text::one_line(folder));
                ("issue-folder-unknown".to_owned(), text)
            };
            let path = known.ok_or_else(unknown)?.path.join(format!(".{file}.claim"));
            Ok((At::File { path }, "issue".to_owned()))
        }
        Platform::Taskwarrior => {
            let key = issue.reference.replace(':', "-");
            let repo = git::discover(git, repository.ok_or_else(none)?).map_err(named)?;
            let at =
                claim::place(git, &repo).map_err(|err| (err.slug().to_owned(), chain(&err)))?;
            Ok((at, key))
        }
        Platform::Github | Platform::Forgejo => {
            let key = issue.reference.rsplit('#').next().unwrap_or_default().to_owned();
            let repo = git::discover(git, repository.ok_or_else(none)?).map_err(named)?;
            let own = forges::remotes(git, &repo, &settings.forge).map_err(named)?;
            let place = issue.reference.rsplit_once('#').map_or("", |(place, _)| place);
            let is_its = |(_, it): &&(String, remote::Place)| it.name().eq_ignore_ascii_case(place);
            if let Some((name, _)) = own.iter().find(is_its) {
                return Ok((At::Remote { name: name.clone() }, key));
            }
            let at =
                claim::place(git, &repo).map_err(|err| (err.slug().to_owned(), chain(&err)))?;
            Ok((at, key))
        }
    }
}

/// Who has an issue now; none where nobody has.
pub fn holder(
    git: &Git,
    repository: Option<&Path>,
    issue: &Origin,
    config: &Path,
) -> Result<Option<Holder>, (String, String)> {
    let git = git.clone().timeout(WAIT);
    let (at, key) = place_of(&git, repository, issue, config)?;
    let repo = match (&at, repository) {
        (At::File { .. }, _) | (_, None) => None,
        (At::Remote { .. } | At::Here, Some(path)) => {
            Some(git::discover(&git, path).map_err(|err| (err.slug().to_owned(), chain(&err)))?)
        }
    };
    claim::read(&git, repo.as_ref(), &at, &key).map_err(|err| (err.slug().to_owned(), chain(&err)))
}

/// Frees the claim of `whose`, by a person's word; somebody else's who has it meanwhile stays.
pub fn free(
    git: &Git,
    repository: Option<&Path>,
    issue: &Origin,
    config: &Path,
    whose: &Holder,
) -> Result<Option<Holder>, (String, String)> {
    let git = git.clone().timeout(WAIT);
    let (at, key) = place_of(&git, repository, issue, config)?;
    let told = |err: ClaimError| (err.slug().to_owned(), chain(&err));
    let repo = match (&at, repository) {
        (At::File { .. }, _) | (_, None) => None,
        (At::Remote { .. } | At::Here, Some(path)) => {
            Some(git::discover(&git, path).map_err(|err| (err.slug().to_owned(), chain(&err)))?)
        }
    };
    claim::let_go(&git, repo.as_ref(), &at, &key, whose).map_err(told)
}

/// What somebody else's claim is told as.
pub fn taken_by(reference: &str, holder: &Holder) -> String {
    let part = |word: &str, what: &str| {
        if word.is_empty() { String::new() } else { format!("{what}{}", text::one_line(word)) }
    };
    let who =
        if holder.who.is_empty() { "somebody".to_owned() } else { text::one_line(&holder.who) };
    format!(
        "`{reference}` is held by {who}{}{}{}",
        part(&holder.run, ", run "),
        part(&holder.home, " of home "),
        part(&holder.since, ", since ")
    )
}

/// Takes the issue. A claim of this home's own whose run is over is in nobody's way.
pub(super) fn take(git: &Git, holding: &Holding) -> TakenIssue {
    let git = git.clone().timeout(WAIT);
    let not = |err: &ClaimError| TakenIssue::Not {
        fault: fault(err.fault()),
        slug: err.slug().to_owned(),
        text: chain(err),
    };
    let repo = match holding.repo(&git) {
        Ok(repo) => repo,
        Err(err) => return not(&err),
    };
    let (at, key, holder) = (&holding.at, &holding.key, &holding.holder);
    for _ in 0..2 {
        match claim::take(&git, repo.as_ref(), at, key, holder) {
            Ok(Taken::Ours) => return TakenIssue::Ours,
            Ok(Taken::Theirs { holder: there }) => {
                let left = there.home == holder.home && !holding.at_work.contains(&there.run);
                if !left {
                    return TakenIssue::Not {
                        fault: Fault::User,
                        slug: "issue-taken-elsewhere".to_owned(),
                        text: taken_by(&holding.reference, &there),
                    };
                }
                if let Err(err) = claim::let_go(&git, repo.as_ref(), at, key, &there) {
                    return not(&err);
                }
            }
            Err(err) => return not(&err),
        }
    }
    TakenIssue::Not {
        fault: Fault::Environment,
        slug: "claim-unanswered".to_owned(),
        text: format!("`{}` was taken and given back again and again", holding.reference),
    }
}

/// Gives the issue back; none: it is, or it is not ours.
pub(super) fn leave(git: &Git, holding: &Holding) -> Option<String> {
    let git = git.clone().timeout(WAIT);
    let gone = holding.repo(&git).and_then(|repo| {
        claim::let_go(&git, repo.as_ref(), &holding.at, &holding.key, &holding.holder)
    });
    gone.err().map(|err| format!("{}: {}", err.slug(), chain(&err)))
}

/// The id of this home: made once, and its own wherever it is moved to.
fn identity(home: &Home) -> io::Result<String> {
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

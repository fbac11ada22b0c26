//! The issues that agents are put at: where one is looked for, with whose token, and whether it lets what is asked.
//!
//! Owns: which tracker is asked first, what is asked of none, tokens by reference.
//! Never: asks anybody of an issue whose owner is not listed, goes on to another forge for anything but a 404 of the issue
//! itself, or writes a token down.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use skep_api::{place::Home, wire::chain};
use skep_core::{
    issue::{self, Admitted, Issue, Mode, NoReference, Platform, Reference, Refused, Rules},
    time::Timestamp,
};
use skep_forge::{
    http::{Patience, Token},
    remote::{Kind, Place},
    tracker::{self, Tracker, TrackerError, folder::Folder, taskwarrior::Taskwarrior},
};
use skep_host::secrets;

use crate::{
    config::{DispatchUnset, Settings},
    taskwarrior,
};

pub mod held;
pub mod own;
#[cfg(test)]
mod tests;

/// GitHub's host.
const GITHUB: &str = "github.com";

/// Why no issue was found, or none that an agent may be put at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoIssue {
    pub slug: String,
    /// Safe to show.
    pub text: String,
    /// What may be done about it.
    pub hints: Vec<String>,
    /// Until when its forge wants no other question.
    pub until: Option<Timestamp>,
}

impl NoIssue {
    fn because(slug: &str, text: String, hints: Vec<String>) -> NoIssue {
        NoIssue { slug: slug.to_owned(), text, hints, until: None }
    }
}

impl From<NoReference> for NoIssue {
    fn from(err: NoReference) -> NoIssue {
        NoIssue::because(err.slug(), err.to_string(), err.hints())
    }
}

impl From<DispatchUnset> for NoIssue {
    fn from(err: DispatchUnset) -> NoIssue {
        NoIssue::because(err.slug(), err.to_string(), err.hints())
    }
}

impl From<Refused> for NoIssue {
    fn from(err: Refused) -> NoIssue {
        NoIssue::because(err.slug(), err.to_string(), err.hints())
    }
}

impl From<TrackerError> for NoIssue {
    fn from(err: TrackerError) -> NoIssue {
        let until = match &err {
            TrackerError::Forge(err) => err.until(),
            TrackerError::NoIssue { .. }
            | TrackerError::Elsewhere { .. }
            | TrackerError::Unreadable { .. }
            | TrackerError::Unfit { .. }
            | TrackerError::Io { .. }
            | TrackerError::Program { .. } => None,
        };
        NoIssue { until, ..NoIssue::because(err.slug(), chain(&err), Vec::new()) }
    }
}

/// The trackers of a person, by their settings.
pub struct Trackers<'a> {
    settings: &'a Settings,
    /// Whose tokens are used: the environment of whoever asked.
    vars: &'a BTreeMap<String, String>,
    patience: Patience,
    /// Whose record says in which lists of Taskwarrior the hooks are.
    home: Option<&'a Home>,
}

impl<'a> Trackers<'a> {
    /// The trackers that `settings` name, none of them asked yet; `vars` are what references to tokens are followed with.
    pub fn new(settings: &'a Settings, vars: &'a BTreeMap<String, String>) -> Trackers<'a> {
        Trackers { settings, vars, patience: Patience::default(), home: None }
    }

    /// The same, with the lists of Taskwarrior in which this home's hooks are.
    #[must_use]
    pub fn of_home(self, home: &'a Home) -> Trackers<'a> {
        Trackers { home: Some(home), ..self }
    }

    /// The same, as patient as this.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Trackers<'a> {
        Trackers { patience, ..self }
    }

    /// Reads what names an issue, and sees that its tracker may be asked for it; asks nobody.
    pub fn reference(&self, text: &str) -> Result<(Reference, Rules), NoIssue> {
        let reference = issue::parse(text, &self.settings.dispatch.hosts())?;
        let rules = self.settings.dispatch.rules(&reference)?;
        issue::may_ask(&reference, &rules)?;
        Ok((reference, rules))
    }

    /// The issue that an agent may be put at in this mode, with the words of nobody who is not trusted.
    ///
    /// Order: nobody is asked of an issue whose owner is not listed.
    pub fn admitted(&self, text: &str, mode: Mode) -> Result<(Admitted, Issue), NoIssue> {
        let (reference, rules) = self.reference(text)?;
        let issue = self.fetch(&reference)?;
        let admitted = issue::admit(&reference, &issue, &rules, mode)?;
        Ok((admitted, issue::heard(issue, &rules)))
    }

    /// Asks for the issue, whoever wrote it: a short form at the Forgejo first, and at GitHub where that one has no such issue.
    pub fn fetch(&self, reference: &Reference) -> Result<Issue, NoIssue> {
        if reference.platform().is_none() && self.settings.dispatch.forgejo.is_some() {
            let there = reference.at(Platform::Forgejo);
            match self.tracker(&there)?.issue(&there) {
                Err(TrackerError::NoIssue { .. }) => {}
                found => return Ok(found?),
            }
        }
        let there = reference.at(Platform::Github);
        Ok(self.tracker(&there)?.issue(&there)?)
    }

    /// The tracker that keeps the issue of this reference; one that does not say which forge is taken for GitHub's.
    pub fn tracker(&self, reference: &Reference) -> Result<Box<dyn Tracker>, NoIssue> {
        match reference {
            Reference::Forge { platform, owner, repo, .. } => {
                let place = match platform {
                    Some(Platform::Forgejo) => self.forgejo(owner, repo)?,
                    _ => self.github(owner, repo),
                };
                let token = self.token(&place.host);
                let (at, reference) = (place.to_string(), reference.to_string());
                let none = || TrackerError::Elsewhere { at, reference };
                Ok(tracker::open(place, token, self.patience).ok_or_else(none)?)
            }
            Reference::Folder { folder, .. } => self.folder(folder),
            Reference::Task { uuid } => self.list(uuid),
        }
    }

    /// The list of Taskwarrior in which a task is. Errors: it is in none, or in several, or one of them could not be asked.
    fn list(&self, uuid: &str) -> Result<Box<dyn Tracker>, NoIssue> {
        let broken = |text: String| NoIssue::because("issue-unreadable", text, Vec::new());
        let lists = match self.home {
            Some(home) => taskwarrior::install::lists(home).map_err(broken)?,
            None => Vec::new(),
        };
        let mut found = Vec::new();
        for list in lists {
            let list = Taskwarrior::new(list, self.vars);
            if list.export(uuid)?.is_some() {
                found.push(list);
            }
        }
        match found.len() {
            0 => Err(NoIssue::because(
                "issue-not-found",
                format!("no list of Taskwarrior with skep's hooks has a task {uuid}"),
                vec!["skep hook install".to_owned()],
            )),
            1 => Ok(Box::new(found.remove(0))),
            many => Err(broken(format!("{many} lists of Taskwarrior have a task {uuid}"))),
        }
    }

    fn github(&self, owner: &str, repo: &str) -> Place {
        let known = self.settings.forge.get(GITHUB).and_then(|host| host.url.clone());
        let web = known.unwrap_or_else(|| format!("https://{GITHUB}"));
        place(Kind::Github, GITHUB, &web, owner, repo)
    }

    fn forgejo(&self, owner: &str, repo: &str) -> Result<Place, NoIssue> {
        let unset = || NoReference::Form {
            text: format!("{owner}/{repo}"),
            why: "no Forgejo is set: `dispatch.forgejo` is empty",
            forms: Vec::new(),
        };
        let web = self.settings.dispatch.forgejo.as_deref().ok_or_else(unset)?;
        let host = web.split_once("://").map_or(web, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default();
        Ok(place(Kind::Forgejo, host, web, owner, repo))
    }

    /// Whether a remote's repository is the one whose issues the tracker of this platform keeps: that forge, not one of its kind.
    pub fn keeps(&self, platform: Platform, remote: &Place) -> bool {
        let (owner, repo) = (remote.owner(), remote.repo().to_owned());
        let asked = match platform {
            Platform::Github => self.github(&owner, &repo),
            Platform::Forgejo => match self.forgejo(&owner, &repo) {
                Ok(place) => place,
                Err(_) => return false,
            },
            Platform::Folder | Platform::Taskwarrior => return false,
        };
        // A remote by ssh has another port than the pages, or none.
        let bare = |host: &str| host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
        let one_bare = !asked.host.contains(':') || !remote.host.contains(':');
        let same_host = asked.host.eq_ignore_ascii_case(&remote.host)
            || one_bare && bare(&asked.host).eq_ignore_ascii_case(&bare(&remote.host));
        asked.kind == remote.kind && (same_host || asked.web.eq_ignore_ascii_case(&remote.web))
    }

    fn folder(&self, name: &str) -> Result<Box<dyn Tracker>, NoIssue> {
        let folders = &self.settings.dispatch.folders;
        let none = || NoReference::Folder {
            folder: name.to_owned(),
            folders: folders.keys().cloned().collect(),
        };
        let known = folders.get(name).ok_or_else(none)?;
        let path = match known.path.strip_prefix("~") {
            Ok(rest) => match self.vars.get("HOME").filter(|home| home.starts_with('/')) {
                Some(home) => Path::new(home).join(rest),
                None => {
                    let at = known.path.display().to_string();
                    let why = "HOME is not set".to_owned();
                    return Err(TrackerError::Unfit { at, why }.into());
                }
            },
            Err(_) => PathBuf::from(&known.path),
        };
        Ok(Box::new(Folder::new(name, &path)))
    }

    /// The token for a host, followed when it is needed; none where the settings name none.
    fn token(&self, host: &str) -> Token {
        let known = self.settings.forge.iter().find(|(name, _)| name.eq_ignore_ascii_case(host));
        let Some(reference) = known.and_then(|(_, host)| host.token.clone()) else {
            return Token::none();
        };
        let (host, vars) = (host.to_owned(), self.vars.clone());
        Token::by(move || {
            let parsed = secrets::Reference::parse(&reference).map_err(|err| chain(&err))?;
            let value = parsed.follow(&host, &vars, &[]).map_err(|err| chain(&err))?;
            Ok(Some(value.trim().to_owned()))
        })
    }
}

fn place(kind: Kind, host: &str, web: &str, owner: &str, repo: &str) -> Place {
    Place {
        kind,
        host: host.to_owned(),
        path: vec![owner.to_owned(), repo.to_owned()],
        web: web.trim_end_matches('/').to_owned(),
    }
}

//! The forges of projects: which one a run's remote is of, with whose token it is asked, and what it is asked.
//!
//! Owns: the clients, which remember what they were told; tokens by reference, followed when one is needed; the words of a
//! change. Never: writes a token down, or takes a forge that gives no answer for one that said no.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use skep_api::{place::Home, wire::chain};
use skep_core::{
    change::{Change, ChangeState},
    fleet::Fleet,
    run::{NoSight, Proposing, Run, Sight},
    time::Timestamp,
};
use skep_forge::{
    http::{ForgeError, Line, Patience, Token},
    open,
    port::{Forge, Proposal, Proposed},
    remote::{self, Host, Kind, Place},
};
use skep_host::{
    git::{self, Git, Repository},
    publish,
    secrets::{self, Reference},
};

use crate::{
    config::{self, ForgeHost, ForgeKind},
    launch,
};

mod body;
mod of_project;
#[cfg(test)]
mod tests;

pub use body::{body, title};
pub use of_project::change_of_project;

/// How many clients are remembered.
const CLIENTS: usize = 64;
/// How much older than the last answer comments may be that are asked for again: clocks differ.
const OVERLAP: Duration = Duration::from_secs(15 * 60);
/// How long git may look for the remote.
const GIT: Duration = Duration::from_secs(20);

/// Why a forge was not asked, or gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoForge {
    pub slug: String,
    pub text: String,
    /// Until when it wants no other question.
    pub until: Option<Timestamp>,
}

impl NoForge {
    fn because(slug: &str, text: String) -> NoForge {
        NoForge { slug: slug.to_owned(), text, until: None }
    }
}

impl From<ForgeError> for NoForge {
    fn from(err: ForgeError) -> NoForge {
        NoForge { slug: err.slug().to_owned(), text: chain(&err), until: err.until() }
    }
}

/// Everything that is known of forges.
pub struct Forges {
    home: Home,
    config: PathBuf,
    patience: Patience,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    known: BTreeMap<String, Client>,
    /// By host.
    lines: BTreeMap<String, Line>,
}

struct Client {
    forge: Arc<dyn Forge>,
    /// Who asked last: a token is followed as they would.
    asker: Arc<Mutex<Run>>,
}

impl Forges {
    /// Makes the forges of a home by the settings in `config`, none of them asked yet.
    pub fn new(home: Home, config: PathBuf) -> Forges {
        Forges { home, config, patience: Patience::default(), clients: Mutex::default() }
    }

    /// The forge that the branch of `run` is pushed to.
    ///
    /// Errors: its remote is of no forge, or the settings do not say what is needed.
    pub fn of(&self, run: &Run) -> Result<(Arc<dyn Forge>, Place), NoForge> {
        let (place, reference) = self.place(run)?;
        let key = key(&place, run, reference.as_deref());
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Client { forge, asker }) = clients.known.get(&key) {
            *locked(asker) = run.clone();
            return Ok((Arc::clone(forge), place));
        }
        if clients.known.len() >= CLIENTS {
            // They are only quick because of what they remember.
            clients.known.clear();
        }
        let asker = Arc::new(Mutex::new(run.clone()));
        let token = reference.map_or_else(Token::none, |reference| {
            let (home, host, asker) = (self.home.clone(), place.host.clone(), Arc::clone(&asker));
            Token::by(move || {
                let run = locked(&asker).clone();
                token(&home, &run, &host, &reference).map(Some)
            })
        });
        let line = clients.lines.entry(place.host.clone()).or_default().clone();
        let forge = open::open(place.clone(), token, self.patience, line);
        let forge: Arc<dyn Forge> = Arc::from(forge);
        clients.known.insert(key, Client { forge: Arc::clone(&forge), asker });
        Ok((forge, place))
    }

    /// Whether the settings name a token for the forge that the branch of `run` is pushed to.
    pub fn is_known(&self, run: &Run) -> bool {
        matches!(self.place(run), Ok((_, Some(_))))
    }

    /// Where the branch of `run` is pushed to, and the reference to the token of that host.
    fn place(&self, run: &Run) -> Result<(Place, Option<String>), NoForge> {
        let settings =
            config::user(&self.config).map_err(|err| NoForge::because(err.slug(), chain(&err)))?;
        let (git, repo) = repository(run, &self.home)?;
        let branch = run.env().and_then(|env| env.branch.clone()).unwrap_or_default();
        let addresses = publish::addresses_of(&git, &repo, &branch)
            .map_err(|err| NoForge::because(err.slug(), chain(&err)))?;
        let place = place_of(&addresses, &settings.forge)?;
        let known = settings.forge.iter().find(|(name, _)| name.eq_ignore_ascii_case(&place.host));
        let token = known.and_then(|(_, host)| host.token.clone());
        Ok((place, token))
    }

    /// Makes a change of the branch that was pushed as `head`, or brings it up to date.
    pub fn propose(
        &self,
        run: &Run,
        fleet: &Fleet,
        asked: &Proposing,
        head: &str,
    ) -> Result<Proposed, NoForge> {
        let (forge, _) = self.of(run)?;
        let none =
            || NoForge::because("nothing-to-propose", "it has no branch of its own".to_owned());
        let env = run.env().ok_or_else(none)?;
        let branch = env.branch.clone().ok_or_else(none)?;
        let base = env.target.clone().ok_or_else(|| {
            let text = "it has no target; set `target` in the project's settings".to_owned();
            NoForge::because("nothing-to-propose", text)
        })?;
        let (git, repo) = repository(run, &self.home)?;
        let known = standing(run, &*forge)?;
        if let Some(change) = known.clone().filter(|it| it.state == ChangeState::Merged)
            && change.head == head
        {
            // All of it is in; the same again would be a change of nothing.
            return Ok(Proposed { change, made: false, left: Vec::new() });
        }
        let stands = known.filter(|it| it.state == ChangeState::Open);
        let target = base.strip_prefix("origin/").unwrap_or(&base).to_owned();
        let proposal = Proposal {
            head: branch,
            // People may have sent it elsewhere; it is the same change.
            base: stands.as_ref().map_or(target, |it| it.base.clone()),
            title: asked.title.clone().unwrap_or_else(|| body::title(run, fleet)),
            keeps_title: asked.title.is_none(),
            body: body(run, fleet, head),
            below: body::template(&git, &repo, &base).unwrap_or_default(),
            draft: asked.draft.or(stands.map(|it| it.draft)).unwrap_or(false),
            labels: asked.labels.clone(),
            reviewers: asked.reviewers.clone(),
        };
        let mut proposed = forge.propose(&proposal)?;
        if proposed.change.state == ChangeState::Open {
            // What was just pushed is what it proposes, whenever the forge comes to see it.
            head.clone_into(&mut proposed.change.head);
        }
        Ok(proposed)
    }

    /// What a run's change is now; one question.
    ///
    /// Errors: nobody answered, which says nothing of the change.
    pub fn told(&self, run: &Run) -> Result<Option<Change>, NoForge> {
        let Some(following) = &run.change else { return Ok(None) };
        // What was merged stays merged; of what, is asked again where the forge did not tell.
        let Change { state, head, .. } = &following.change;
        if *state == ChangeState::Merged && !head.is_empty() {
            return Ok(Some(following.change.clone()));
        }
        let (forge, _) = self.of(run)?;
        Ok(Some(forge.change(following.change.number)?))
    }

    /// A look at a run's change, and until when the forge wants no other question.
    pub fn look(&self, run: &Run) -> (Result<Box<Sight>, NoSight>, Option<Timestamp>) {
        let looked = run.change.as_ref().map(|following| {
            let since = Timestamp(following.seen.0.saturating_sub(millis(OVERLAP)));
            let (forge, _) = self.of(run)?;
            Ok(forge.look(following.change.number, Some(since))?)
        });
        match looked {
            Some(Ok(seen)) => {
                let low = |budget: &skep_forge::http::Budget| {
                    budget.limit.map_or(budget.remaining < 50, |all| budget.remaining * 10 < all)
                };
                let until = seen.budget.filter(low).map(|budget| budget.until);
                let (change, checks, comments) = (seen.change, seen.checks, seen.comments);
                (Ok(Box::new(Sight { change, checks, comments })), until)
            }
            Some(Err(NoForge { slug, text, until })) => (Err(NoSight { slug, text }), until),
            None => {
                let text = "it has no change".to_owned();
                (Err(NoSight { slug: "nothing-to-propose".to_owned(), text }), None)
            }
        }
    }

    /// Takes over from the asker's environment what a token refers to, and holds it in memory as long as the run has an env.
    pub fn hand_over(&self, run: &Run, asker: &BTreeMap<String, String>) -> Result<(), NoForge> {
        let (place, reference) = self.place(run)?;
        let parsed = reference.as_deref().map(Reference::parse);
        let Some(Ok(Reference::Env(variable))) = parsed else { return Ok(()) };
        let Some(value) = asker.get(&variable).filter(|value| !value.is_empty()) else {
            return Ok(());
        };
        let held = secrets::folder(self.home.root()).and_then(|folder| {
            let mut values = secrets::held(&folder, run.id().as_str())?;
            values.insert(held_as(&place.host), value.clone());
            secrets::hold(&folder, run.id().as_str(), &values)
        });
        held.map_err(|err| NoForge::because(err.slug(), chain(&err)))
    }
}

/// What a client is known by: one for each repository, but where each run holds a token of its own.
fn key(place: &Place, run: &Run, reference: Option<&str>) -> String {
    let parsed = reference.map(Reference::parse);
    let held = matches!(parsed, Some(Ok(Reference::Env(_))));
    let whose = if held { run.id().as_str() } else { "" };
    format!("{place} {} {whose} {}", place.web, reference.unwrap_or_default())
}

fn locked(run: &Mutex<Run>) -> std::sync::MutexGuard<'_, Run> {
    // It is replaced as a whole.
    run.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a token is held as, beside a run's own secrets: no variable is called so, and no agent gets it.
pub(crate) fn held_as(host: &str) -> String {
    format!("forge {host}")
}

/// The token of a host. Errors: why it cannot be had, without a word of it.
fn token(home: &Home, run: &Run, host: &str, reference: &str) -> Result<String, String> {
    let parsed = Reference::parse(reference).map_err(|err| chain(&err))?;
    let mut vars = launch::asker_env(home, run)?;
    if let Reference::Env(variable) = &parsed {
        let held = secrets::folder(home.root())
            .and_then(|folder| secrets::held(&folder, run.id().as_str()))
            .map_err(|err| chain(&err))?;
        if let Some(value) = held.get(&held_as(host)) {
            vars.insert(variable.clone(), value.clone());
        }
    }
    let value = parsed.follow(host, &vars, &[]).map_err(|err| chain(&err))?;
    Ok(value.trim().to_owned())
}

/// The change of a run that was open when it was heard of last, as it stands now; none where there is none any more.
fn standing(run: &Run, forge: &dyn Forge) -> Result<Option<Change>, NoForge> {
    let Some(following) = run.change.as_ref().filter(|it| it.is_open()) else { return Ok(None) };
    match forge.change(following.change.number) {
        Ok(change) => Ok(Some(change)),
        Err(ForgeError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn repository(run: &Run, home: &Home) -> Result<(Git, Repository), NoForge> {
    let vars = launch::asker_env(home, run).map_err(|text| NoForge::because("git-failed", text))?;
    let git = Git::new(&vars).timeout(GIT);
    let none = || NoForge::because("forge-none", "it has no repository".to_owned());
    let path = run.brief.place.repository.as_ref().ok_or_else(none)?;
    let repo = git::discover(&git, Path::new(path))
        .map_err(|err| NoForge::because(err.slug(), chain(&err)))?;
    Ok((git, repo))
}

/// The repository of a forge that one of the addresses names: as git uses them first, then as people wrote them.
fn place_of(addresses: &[String], hosts: &BTreeMap<String, ForgeHost>) -> Result<Place, NoForge> {
    let hosts: Vec<Host> = hosts
        .iter()
        .filter_map(|(name, host)| {
            let kind = host.kind.map(kind_of).or_else(|| known(name))?;
            Some(Host { name: name.clone(), kind, url: host.url.clone() })
        })
        .collect();
    let alias = |host: &str| remote::ssh_name(host, None);
    let mut first = None;
    for address in addresses {
        match remote::place(address, &hosts, &alias) {
            Ok(place) => return Ok(place),
            Err(err) => {
                first.get_or_insert(NoForge::because(err.slug(), chain(&err)));
            }
        }
    }
    let none = || NoForge::because("forge-none", "the repository has no remote".to_owned());
    Err(first.unwrap_or_else(none))
}

/// The remotes of a repository that are of a forge, each with which repository it is there.
pub fn remotes(
    git: &Git,
    repo: &Repository,
    hosts: &BTreeMap<String, ForgeHost>,
) -> Result<Vec<(String, Place)>, git::GitError> {
    let mut found = Vec::new();
    for (name, addresses) in publish::remotes(git, repo)? {
        if let Ok(place) = place_of(&addresses, hosts) {
            found.push((name, place));
        }
    }
    Ok(found)
}

fn kind_of(kind: ForgeKind) -> Kind {
    match kind {
        ForgeKind::Github => Kind::Github,
        ForgeKind::Gitlab => Kind::Gitlab,
        ForgeKind::Forgejo | ForgeKind::Gitea => Kind::Forgejo,
    }
}

/// What a host is that needs no setting to be known.
fn known(host: &str) -> Option<Kind> {
    let alias = |_: &str| None;
    remote::place(&format!("https://{host}/a/b"), &[], &alias).ok().map(|place| place.kind)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

//! The checks of a project, as its target's commit has them, and the runs that they become.
//!
//! Owns: which gates hold, what a person approves of them, what is frozen into each run.
//! Never: reads the work that is to be checked, or a working tree; makes a run of a command that nobody approved.
//! See docs/design/gate.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path},
};

use skep_api::{
    place::Home,
    view::ScriptView,
    wire::{Refusal, chain},
};
use skep_core::{
    budget::Budget,
    guide::Guide,
    id::{OpId, RunId},
    project::Project,
    run::{
        Brief, Claims, EnvType, Gate, Hears, Hooks, Kind, Logins, Permissions, Place, Policy,
        Posture, Run, SetUp, Surface,
    },
    text,
};
use skep_harness::profile::Profile;
use skep_host::git::{self, Git, Repository};

use super::{
    Approval, Asked, FoundPlace, fence, git_refusal, millis, needs, policy, secrets,
    shared_settings, spell,
};
use crate::{
    config::{self, ProjectSettings, Settings},
    hands, launch, scripts,
};

#[cfg(test)]
mod tests;

/// The profile that stands for a command: it has no agent of its own.
const AGENT: &str = "plain";
/// How many words of all commands may name a file.
const WORDS: usize = 1_000;
/// The longest file that is shown as it stands. Unit: bytes.
const SHOWN: u64 = 32 << 10;
/// A silence that is none: a gate has its own time. Unit: milliseconds.
const NEVER: u64 = 365 * 24 * 3_600_000;

/// The gates of a project as one commit of its target has them.
#[derive(Debug)]
pub struct Gates {
    project: Project,
    /// The target's commit.
    onto: String,
    pub list: Vec<config::Gate>,
    settings: Settings,
    of_project: ProjectSettings,
    set_up: Option<SetUp>,
    /// What a person approves.
    text: Vec<u8>,
    digest: String,
}

/// A tree that gates are to check.
#[derive(Debug)]
pub struct Checking<'a> {
    /// The run whose work is brought in.
    pub of: &'a Run,
    /// The wish that it is brought in by.
    pub op: &'a OpId,
    pub tree: &'a str,
    /// A commit that has that tree.
    pub commit: &'a str,
    /// The environment of whoever asked.
    pub env: &'a BTreeMap<String, String>,
    /// The same key gives the same runs.
    pub key: &'a str,
}

impl Gates {
    /// Reads the gates of `project` at the commit `onto` of its target; the person's own settings win key by key.
    ///
    /// Errors: settings that cannot be read, or say what none may; git could not be asked.
    pub fn of(
        project: &Project,
        onto: &str,
        (git, repo): (&Git, &Repository),
        config: &Path,
    ) -> Result<Gates, Refusal> {
        let refusal = |err: &config::ConfigError| {
            Refusal::error(err.slug(), chain(err)).hint("skep config path")
        };
        let settings = config::user(config).map_err(|err| refusal(&err))?;
        let shared = shared_settings(git, repo, onto)?;
        let of_project = config::project(config, &project.name, shared.as_deref())
            .map_err(|err| refusal(&err))?;
        let mut gates = Gates {
            project: project.clone(),
            onto: onto.to_owned(),
            list: of_project.gate.clone(),
            settings,
            of_project,
            set_up: None,
            text: Vec::new(),
            digest: String::new(),
        };
        if !gates.list.is_empty() {
            gates.read(git, repo)?;
        }
        Ok(gates)
    }

    /// Where in the worktree they run.
    fn sub_dir(&self) -> &str {
        if self.of_project.sub_dir.is_empty() {
            &self.project.sub_dir
        } else {
            &self.of_project.sub_dir
        }
    }

    /// Finds all that would run, and makes of it what a person approves.
    fn read(&mut self, git: &Git, repo: &Repository) -> Result<(), Refusal> {
        let mut text = String::new();
        // Set in, so that no line of a script can be taken for the name of another.
        let mut part = |name: &str, content: &str| {
            text.push_str(&format!("{name}:\n"));
            for line in content.lines() {
                text.push_str(&format!("    {line}\n"));
            }
        };
        if let Some((set_up, name, content)) = self.set_up_at(git, repo)? {
            part(&name, &content);
            self.set_up = Some(set_up);
        }
        let mut commands: Vec<&str> = Vec::new();
        for gate in &self.list {
            let with = match gate.env.join(" ") {
                names if names.is_empty() => String::new(),
                names => format!(" (with {names})"),
            };
            let tools = match gate.tools.join(", ") {
                names if names.is_empty() => String::new(),
                names => format!(" (asks {names} for --version)"),
            };
            part(&format!("gate {}{with}{tools}", gate.name), &gate.run);
            commands.push(&gate.run);
        }
        commands.extend(self.set_up.iter().filter_map(|set_up| set_up.run.as_deref()));
        for file in self.files(git, repo, &commands)? {
            let name = format!("{} ({})", text::one_line(&file.path), file.oid);
            let short = file.size.is_some_and(|size| size <= SHOWN);
            let bytes = if short {
                git::file_at(git, repo, &self.onto, &file.path).map_err(|err| git_refusal(&err))?
            } else {
                None
            };
            match bytes.map(String::from_utf8) {
                Some(Ok(content)) => part(&name, &content),
                Some(Err(_)) | None => part(&name, "its content is not shown here"),
            }
        }
        self.digest = hands::digest(text.as_bytes());
        self.text = text.into_bytes();
        Ok(())
    }

    /// The set-up at the target's commit, with its name and its text.
    fn set_up_at(
        &self,
        git: &Git,
        repo: &Repository,
    ) -> Result<Option<(SetUp, String, String)>, Refusal> {
        let set_up = |run: Option<String>, bytes: &[u8]| SetUp {
            run,
            strict: false,
            timeout_ms: millis(self.settings.time.setup),
            digest: hands::digest(bytes),
        };
        if let Some(command) = &self.of_project.setup.run {
            let made = set_up(Some(command.clone()), command.as_bytes());
            return Ok(Some((made, "setup.run".to_owned(), command.clone())));
        }
        for dir in Path::new(self.sub_dir()).ancestors() {
            let file = dir.join(".worktree-setup");
            let Some(file) = file.to_str() else { continue };
            let found =
                git::file_at(git, repo, &self.onto, file).map_err(|err| git_refusal(&err))?;
            if let Some(bytes) = found {
                let content = String::from_utf8_lossy(&bytes).into_owned();
                return Ok(Some((set_up(None, &bytes), file.to_owned(), content)));
            }
        }
        Ok(None)
    }

    /// The files of the target's tree that words of `commands` name, from where they run or from a folder that is named too.
    fn files(
        &self,
        git: &Git,
        repo: &Repository,
        commands: &[&str],
    ) -> Result<Vec<git::Named>, Refusal> {
        let words: BTreeSet<&str> = commands.iter().flat_map(|command| words(command)).collect();
        let words: Vec<&str> = words.into_iter().take(WORDS).collect();
        let ask = |folders: &[&str]| {
            let paths: BTreeSet<String> = folders
                .iter()
                .flat_map(|folder| words.iter().filter_map(|word| below(folder, word)))
                .collect();
            let paths: Vec<String> = paths.into_iter().take(WORDS).collect();
            git::named(git, repo, &self.onto, &paths).map_err(|err| git_refusal(&err))
        };
        let first = ask(&["", self.sub_dir()])?;
        let folders = first.iter().filter(|it| it.size.is_none()).map(|it| it.path.as_str());
        let folders: Vec<&str> = folders.collect();
        let mut found = if folders.is_empty() { Vec::new() } else { ask(&folders)? };
        found.extend(first.iter().cloned());
        found.retain(|it| it.size.is_some());
        found.sort_by(|one, other| one.path.cmp(&other.path));
        found.dedup_by(|one, other| one.path == other.path);
        Ok(found)
    }

    /// Whether a person approved exactly these; nothing needs no word.
    pub fn are_approved(&self) -> bool {
        self.list.is_empty() || self.project.gates_approved.as_ref() == Some(&self.digest)
    }

    /// What is approved by this very wish (`yes`), or nothing where it was before.
    ///
    /// Errors: nobody approved them as they are; with the difference, where there is one to be shown.
    pub fn approval(&self, yes: bool, home: &Home) -> Result<Option<Approval>, Refusal> {
        if self.are_approved() {
            return Ok(None);
        }
        if yes {
            let (project, digest) = (self.project.name.clone(), self.digest.clone());
            return Ok(Some(Approval { project, digest, text: self.text.clone() }));
        }
        let (name, now) = (&self.project.name, String::from_utf8_lossy(&self.text));
        let (slug, text) = match &self.project.gates_approved {
            None => (
                "scripts-unapproved",
                format!("`{name}` wants to run its own gates, and nobody approved them:\n{now}"),
            ),
            Some(held) => {
                let old = scripts::approved(home, held);
                let shown =
                    old.map_or_else(|| now.to_string(), |old| scripts::difference(&old, &now));
                let text = format!(
                    "the gates of `{name}` at {} are not those that were approved:\n{shown}",
                    text::words(&self.onto, 12)
                );
                ("scripts-changed", text)
            }
        };
        let refusal = Refusal::error(slug, text.trim_end().to_owned()).decision();
        Err(refusal.hint("approve them: skep land --yes …").hint("skep init   shows them and asks"))
    }

    /// How a person sees them: what would run, and whether that was approved; none where there are none.
    pub fn view(&self, home: &Home) -> Option<ScriptView> {
        if self.list.is_empty() {
            return None;
        }
        let held = self.project.gates_approved.as_ref();
        let text = String::from_utf8_lossy(&self.text).into_owned();
        let changed = held.filter(|digest| **digest != self.digest);
        let old = changed.and_then(|digest| scripts::approved(home, digest));
        Some(ScriptView {
            approved: self.are_approved(),
            changed: changed.is_some(),
            from: "gates".to_owned(),
            digest: self.digest.clone(),
            difference: old.map(|old| scripts::difference(&old, &text)),
            text,
        })
    }

    /// The runs that check a tree: one for each gate that the change from the target concerns, in the order of the settings.
    ///
    /// Errors: they are not approved; a variable that cannot be had; git could not be asked.
    pub fn briefs(
        &self,
        checking: &Checking<'_>,
        (git, repo): (&Git, &Repository),
        home: &Home,
    ) -> Result<Vec<Asked>, Refusal> {
        self.approval(false, home)?;
        let mut briefs = Vec::new();
        for gate in &self.list {
            let change = (self.onto.as_str(), checking.commit);
            // One without paths is about everything, and so is one that says so.
            let all = gate.paths.is_empty() || gate.paths.iter().any(|path| path == "**");
            if all
                || git::touches(git, repo, change, &gate.paths).map_err(|err| git_refusal(&err))?
            {
                briefs.push(self.brief(gate, checking, home)?);
            }
        }
        Ok(briefs)
    }

    fn brief(
        &self,
        gate: &config::Gate,
        checking: &Checking<'_>,
        home: &Home,
    ) -> Result<Asked, Refusal> {
        let Checking { of, op, tree, commit, env, key } = checking;
        let key = format!("{key}/{}", gate.name);
        let id = RunId::new(spell(&key));
        let profile =
            Profile::load(AGENT, None).map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
        secrets::require_free(&gate.env)?;
        let references = self.settings.secrets.iter().chain(&self.of_project.secrets).collect();
        let taken = secrets::taken(&gate.env, &[], &references, env)?;
        let kept = env
            .iter()
            .filter(|(name, _)| launch::is_base(name) || gate.env.contains(name))
            .filter(|(name, _)| taken.secrets.iter().all(|secret| secret.name != **name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let permissions = Permissions::Auto;
        let owner = Some(self.project.name.as_str());
        let needs = needs::of(&self.of_project, owner, Kind::Gate.as_str(), &gate.env)?;
        let brief = Brief {
            needs,
            name: format!("{}-{}", text::sanitise_name(&gate.name), &id.tail()[..6]),
            kind: Kind::Gate,
            part: None,
            foreman: false,
            within: None,
            gate: Some(Gate {
                name: gate.name.clone(),
                run: gate.run.clone(),
                tools: gate.tools.clone(),
                of: of.id().clone(),
                op: (*op).clone(),
                tree: (*tree).to_owned(),
                commit: (*commit).to_owned(),
            }),
            task: None,
            title: of.brief.title.clone(),
            project: Some(self.project.name.clone()),
            by: of.id().to_string(),
            agent: AGENT.to_owned(),
            speaks: false,
            model: None,
            account: None,
            logins: Logins::default(),
            surface: Surface::Headless,
            permissions,
            place: self.place(&id, &key, commit, home)?,
            policy: Policy {
                idle_ms: NEVER,
                tool_idle_ms: NEVER,
                turn_ms: millis(gate.timeout),
                env: gate.env.clone(),
                secrets: taken.secrets,
                fence: fence(&self.settings.fence, &profile, permissions),
                ..policy(&self.settings, &self.of_project)
            },
            supersedes: None,
            adopted: None,
            hears: Hears::default(),
            budget: Budget::default(),
            prices: Vec::new(),
            fallback: None,
            trust: of.brief.trust,
            posture: Posture::Headless,
            issue: None,
            claims: Claims::default(),
            lineage: None,
            seed: String::new(),
            id,
        };
        Ok(Asked { brief, prompt: String::new(), env: kept, secrets: taken.values })
    }

    /// An env of its own, on the commit and on no branch. No hook is asked, nothing of it is anybody's.
    fn place(&self, id: &RunId, key: &str, commit: &str, home: &Home) -> Result<Place, Refusal> {
        let envs = self.settings.env.root.clone().unwrap_or_else(|| home.envs());
        let envs = envs
            .to_str()
            .ok_or_else(|| Refusal::error("path-not-text", "the home's path is not UTF-8"))?;
        let files = &self.of_project.files;
        Ok(Place {
            env_type: EnvType::Worktree,
            envs: envs.to_owned(),
            key: format!("{}{}", id.tail(), OpId::new(spell(&format!("{key}/env"))).tail()),
            repository: Some(self.project.path.clone()),
            sub_dir: self.sub_dir().to_owned(),
            base: None,
            target: None,
            branches: Vec::new(),
            exact_branch: false,
            detached: Some(commit.to_owned()),
            copy: files.copy.clone(),
            link: files.link.clone(),
            discard: files.discard.clone(),
            set_up: self.set_up.clone(),
            hooks: Hooks::default(),
            fetch_ms: 0,
            sign: false,
            reads: Vec::new(),
            guide: Guide::default(),
        })
    }
}

/// The gates of a project as its target has them today; where no target is named, as the base has them.
pub(super) fn of_place(
    place: &FoundPlace,
    project: &ProjectSettings,
    config: &Path,
) -> Result<Gates, Refusal> {
    let onto = match &project.target {
        Some(target) => match git::base(&place.git, &place.repo, Some(target)) {
            Ok(found) => found.oid,
            // One that is not there yet will begin where the work does.
            Err(git::GitError::NoSuchRef { .. }) => place.base.oid.clone(),
            Err(err) => return Err(git_refusal(&err)),
        },
        None => place.base.oid.clone(),
    };
    Gates::of(&place.project, &onto, (&place.git, &place.repo), config)
}

/// What of a command may name a file: a shell would see fewer words, never other ones.
fn words(command: &str) -> impl Iterator<Item = &str> {
    let parts = |c: char| c.is_whitespace() || "\"'`;|&<>()={}$,:".contains(c);
    command.split(parts).filter(|word| !word.is_empty() && !word.starts_with('-'))
}

/// The path of `word`, seen from `folder`, below the repository's top; none where it leads out of it.
fn below(folder: &str, word: &str) -> Option<String> {
    let mut path: Vec<&str> = Vec::new();
    let word = Path::new(word);
    if word.is_absolute() {
        return None;
    }
    for part in Path::new(folder).components().chain(word.components()) {
        match part {
            Component::Normal(name) => path.push(name.to_str()?),
            Component::CurDir => {}
            Component::ParentDir => {
                path.pop()?;
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!path.is_empty()).then(|| path.join("/"))
}

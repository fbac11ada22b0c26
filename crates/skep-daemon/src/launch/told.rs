//! Owns: the brief of an attempt, the way on which its agent is told it, and what its worktree is lent for that.
//! Never: puts its words into an argument, or a file where a person's own work could stand.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use skep_api::{place::Home, wire::chain};
use skep_core::{
    guide::{self, Ground},
    run::{Brief, Env, EnvType, Kind, Place, Run},
    text,
};
use skep_harness::profile::{Profile, Telling};
use skep_host::{
    git::{self, Git},
    handout::{self, Gathered, Handout, HandoutError},
    paths,
};

use super::digest;

/// How long one question to git may take.
const GIT: Duration = Duration::from_secs(20);

/// How the agent of one attempt hears the brief.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The file that it is pointed to.
    pub(super) file: Option<PathBuf>,
    /// What stands before its task.
    pub(super) before: Option<String>,
    /// The env whose worktree is lent something.
    pub(super) lent: Option<PathBuf>,
}

/// Tells the brief of `run`: writes what its agent is pointed to, and lends its worktree what it reads of itself.
///
/// Order: what an earlier attempt was lent goes first. Where somebody still works in the env, nothing is touched.
pub(super) fn tell(
    run: &Run,
    env: &Env,
    profile: &Profile,
    home: &Home,
    asker: &BTreeMap<String, String>,
    knows: bool,
) -> Result<Told, String> {
    let place = &run.brief.place;
    let git = Git::new(asker).timeout(GIT);
    let (root, worktree) = (Path::new(&env.root), Path::new(&env.worktree));
    // A person's own checkout is lent nothing, and a plain folder has no git to hide it.
    let lends = place.env_type == EnvType::Worktree;
    let said = |err: HandoutError| format!("{}: {}", err.slug(), chain(&err));
    if lends {
        handout::take_back_if_free(&git, root).map_err(said)?;
    }
    let mut told = Told::default();
    let mut handout = Handout::default();
    if profile.brief != Telling::default() {
        let ground = ground(&run.brief);
        let mut words = words(&git, place, env, worktree, ground, profile.takes_tools())?;
        words.push_str(&guide::of_its_own(&own(&run.brief)));
        if profile.brief.by_pointer() {
            told.file = Some(write(home, &words)?);
        } else {
            let file = profile.brief.file.as_ref().filter(|_| lends);
            let takes = file.map(|name| handout::takes(&git, worktree, name)).transpose();
            match file.filter(|_| matches!(takes, Ok(Some(true)))) {
                Some(name) => handout.letter = Some((name.clone(), words)),
                None => told.before = (!knows).then_some(words),
            }
            takes.map_err(said)?;
        }
    }
    if let Some(folder) =
        profile.skills.as_ref().filter(|_| lends && !place.guide.skills.is_empty())
    {
        handout.skills_in.clone_from(folder);
        handout.skills = gathered(&git, place, env, worktree).map_err(said)?.skills;
    }
    if handout.letter.is_some() || !handout.skills.is_empty() {
        match handout::lay(&git, root, worktree, &handout) {
            // Its keeper is there already, and what it was lent with it.
            Ok(()) | Err(HandoutError::Busy { .. }) => told.lent = Some(root.to_owned()),
            Err(err) => return Err(said(err)),
        }
    }
    Ok(told)
}

impl Told {
    /// Puts what is to be said first before the prompt in `file`; none where that is nothing.
    pub(super) fn prompt(&self, file: &Path, dir: &Path) -> Result<Option<PathBuf>, String> {
        let Some(before) = &self.before else { return Ok(None) };
        let prompt =
            fs::read_to_string(file).map_err(|err| format!("{}: {err}", file.display()))?;
        paths::create_private_dir(dir).map_err(|err| chain(&err))?;
        let path = dir.join("told.md");
        let text = format!("{before}\n# Your task\n\n{prompt}");
        paths::write_atomically(&path, text.as_bytes()).map_err(|err| chain(&err))?;
        Ok(Some(path))
    }
}

/// The variables in which it finds what it holds of the resources that it needs.
fn own(brief: &Brief) -> Vec<(&str, &str)> {
    brief.needs.iter().map(|need| (need.env.as_str(), need.name.as_str())).collect()
}

/// Where the agent of a run works, and what for.
fn ground(brief: &Brief) -> Ground {
    match (brief.kind, brief.place.env_type) {
        (_, EnvType::Worktree) if brief.place.detached.is_some() => Ground::Commit,
        (Kind::Foreman, EnvType::Directory) => Ground::Desk,
        (_, EnvType::Worktree) => Ground::Worktree,
        (_, EnvType::InPlace) => Ground::Checkout,
        (_, EnvType::Directory) => Ground::Folder,
    }
}

/// The words of the brief: the same for every attempt from the same commit under the same settings.
fn words(
    git: &Git,
    place: &Place,
    env: &Env,
    worktree: &Path,
    ground: Ground,
    tools: bool,
) -> Result<String, String> {
    let instructions = match (&place.guide.instructions, &env.base) {
        (Some(path), Some(base)) if ground.has_git() => {
            let found = git::discover(git, worktree)
                .and_then(|repo| git::file_at(git, &repo, &base.oid, path));
            let bytes = found.map_err(|err| chain(&err))?;
            bytes.map(|bytes| (path.as_str(), String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => None,
    };
    let instructions = instructions.as_ref().map(|(path, words)| (*path, words.as_str()));
    Ok(guide::brief(ground, &place.guide.gates, instructions, tools))
}

/// Writes the brief under a name that follows from its words: an agent that is told the path too hears the same each time.
fn write(home: &Home, words: &str) -> Result<PathBuf, String> {
    let folder = home.briefs();
    paths::create_private_dir(&folder).map_err(|err| chain(&err))?;
    let name: String = digest(words.as_bytes()).chars().take(16).collect();
    let path = folder.join(format!("{name}.md"));
    if fs::read(&path).ok().as_deref() != Some(words.as_bytes()) {
        paths::write_atomically(&path, words.as_bytes()).map_err(|err| chain(&err))?;
    }
    Ok(path)
}

fn gathered(
    git: &Git,
    place: &Place,
    env: &Env,
    worktree: &Path,
) -> Result<Gathered, HandoutError> {
    let Some(base) = &env.base else { return Ok(Gathered::default()) };
    let repo = git::discover(git, worktree)?;
    handout::gather(git, &repo, &base.oid, &place.guide.skills)
}

/// Looks at what a project gives its agents to read, before any agent starts; says what of it is not there.
///
/// Errors: a skill that leads elsewhere, or too much of them.
pub fn look(
    git: &Git,
    worktree: &Path,
    base: Option<&str>,
    guide: &guide::Guide,
) -> Result<Vec<String>, HandoutError> {
    let Some(base) = base.filter(|_| !guide.is_empty()) else { return Ok(Vec::new()) };
    let repo = git::discover(git, worktree)?;
    let mut notes = handout::gather(git, &repo, base, &guide.skills)?.notes;
    if let Some(path) = &guide.instructions
        && git::file_at(git, &repo, base, path)?.is_none()
    {
        let path = text::one_line(path);
        notes.push(format!("no instructions: `{path}` does not stand in the base commit"));
    }
    Ok(notes)
}

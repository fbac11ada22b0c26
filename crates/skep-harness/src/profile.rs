//! Agents as data: which program, which arguments, which protocol.
//!
//! Owns: the shipped profiles, how a user's file changes or adds one, and the argv of an attempt.
//! Never: starts anything, or puts a text of others where it could be read as an option.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;
use skep_core::run::Hears;
use thiserror::Error;

use crate::{acp, port::PROTOCOLS};

mod login;
mod mcp;
mod screen;
mod shown;
mod telling;
#[cfg(test)]
mod tests;

pub use login::Login;
pub use mcp::{Mcp, Tools};
pub use screen::{Screen, TrustIn};
pub use shown::Key;
pub use telling::Telling;

/// The most of a prompt that an argument may carry. Bytes.
pub const ARG_CAP: u64 = 100 * 1024;

/// The protocol that tells in its own words what others are told by arguments.
const ACP: &str = "acp";

/// The profile that is for a program of one's own.
const PLAIN: &str = "plain";

/// The profiles that are built in.
const SHIPPED: [(&str, &str); 13] = [
    ("claude", include_str!("../profiles/claude.toml")),
    ("claude-acp", include_str!("../profiles/claude-acp.toml")),
    ("codex", include_str!("../profiles/codex.toml")),
    ("codex-acp", include_str!("../profiles/codex-acp.toml")),
    ("gemini", include_str!("../profiles/gemini.toml")),
    ("gemini-acp", include_str!("../profiles/gemini-acp.toml")),
    ("mini-swe-agent", include_str!("../profiles/mini-swe-agent.toml")),
    ("opencode", include_str!("../profiles/opencode.toml")),
    ("opencode-acp", include_str!("../profiles/opencode-acp.toml")),
    ("pi", include_str!("../profiles/pi.toml")),
    ("plain", include_str!("../profiles/plain.toml")),
    ("qwen", include_str!("../profiles/qwen.toml")),
    ("scripted", include_str!("../profiles/scripted.toml")),
];

/// Every key that a profile may have.
const KEYS: &[&str] = &[
    "history",
    "fallback",
    "tools_shown",
    "usage",
    "acp",
    "brief",
    "identity",
    "protocol",
    "program",
    "headless",
    "tui",
    "tui_resume",
    "resume",
    "prompt",
    "model",
    "env",
    "ask",
    "ask_env",
    "auto",
    "bypass",
    "tool_timeout",
    "writes",
    "sandbox",
    "checked",
    "login_env",
    "login_files",
    "login_maybe",
    "mcp",
    "screen",
    "skills",
];

/// Why there is no profile, or no way to start its agent so.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// No shipped profile and no file has this name.
    #[error("no agent is called `{name}` (there are {})", .known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    /// The file is there and cannot be read.
    #[error("read `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is no TOML, or a value in it is of the wrong kind.
    #[error("agent `{name}`: {why}")]
    Invalid { name: String, why: String },
    /// A key that no profile has.
    #[error("agent `{name}`: unknown key `{key}` (did you mean `{nearest}`?)")]
    UnknownKey { name: String, key: String, nearest: &'static str },
    /// The profile has no way to do what is asked of it.
    #[error("agent `{name}` cannot {what}")]
    Unable { name: String, what: &'static str },
    /// Its file is to name the program, and does not.
    #[error("agent `{name}` has no program yet: it is for one of yours, which its file names")]
    NoProgram { name: String },
    /// A value that would be read as an option, or is no text for an argument.
    #[error("`{value}` cannot be used as {what}")]
    Unsafe { what: &'static str, value: String },
    /// The prompt goes by argument and is too long for one.
    #[error(
        "agent `{name}` takes its prompt as an argument, and {bytes} bytes are more than the {ARG_CAP} it may have"
    )]
    PromptTooLong { name: String, bytes: u64 },
}

impl ProfileError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            ProfileError::Unknown { .. } => "agent-unknown",
            ProfileError::Read { .. }
            | ProfileError::Invalid { .. }
            | ProfileError::UnknownKey { .. } => "agent-profile-invalid",
            ProfileError::Unable { .. } | ProfileError::NoProgram { .. } => "agent-unable",
            ProfileError::Unsafe { .. } => "agent-argument-unsafe",
            ProfileError::PromptTooLong { .. } => "prompt-too-long",
        }
    }
}

/// How the prompt reaches the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptBy {
    /// On its standard input.
    Stdin,
    /// As the file `{prompt_file}` in its arguments.
    File,
    /// As the argument `{prompt}`; only where there is no other way.
    Arg,
    /// Not at all.
    None,
}

/// How much the agent may do without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permissions {
    /// A person is asked.
    Ask,
    /// The agent's own confinement decides.
    Auto,
    /// Everything is allowed.
    Bypass,
}

/// One kind of agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name it is asked for by; the file's, not a key.
    #[serde(skip)]
    pub name: String,
    /// One of [`PROTOCOLS`].
    pub protocol: String,
    /// A name to be found on the PATH, an absolute path, or `{skep}`.
    pub program: String,
    /// Its arguments for a run without a screen.
    #[serde(default)]
    pub headless: Vec<String>,
    /// Its arguments for its own screen; absent where it has none. Of protocol `pty` it is the screen that `headless` is for.
    pub tui: Option<Vec<String>>,
    /// Its arguments to go on with a conversation on its own screen, without a word of ours; none where it cannot.
    #[serde(default)]
    pub tui_resume: Vec<String>,
    /// Its arguments to go on with a conversation; none where it cannot.
    #[serde(default)]
    pub resume: Vec<String>,
    pub prompt: PromptBy,
    /// The arguments that choose a model; none where it has no choice.
    #[serde(default)]
    pub model: Vec<String>,
    /// Names of environment variables that it gets from whoever asked for the run.
    #[serde(default)]
    pub env: Vec<String>,
    /// Arguments that make it ask; absent where it cannot.
    pub ask: Option<Vec<String>>,
    /// Variables that make it ask.
    #[serde(default)]
    pub ask_env: BTreeMap<String, String>,
    /// Arguments for its own confinement, where `headless` does not hold them.
    #[serde(default)]
    pub auto: Vec<String>,
    /// Arguments that allow everything.
    #[serde(default)]
    pub bypass: Vec<String>,
    /// How long its client waits for an MCP tool.
    #[serde(default = "default_tool_timeout", deserialize_with = "duration")]
    pub tool_timeout: Duration,
    /// The version last driven live; empty where none was.
    #[serde(default)]
    pub checked: String,
    /// Whether it hides the user's own git settings from its tools, and must be told by variables who commits.
    #[serde(default)]
    pub identity: bool,
    /// The agent that takes over, once, when this one's usage limit has no near reset.
    #[serde(default)]
    pub fallback: Option<String>,
    /// What it tells of what it uses; none: what its protocol does.
    #[serde(default)]
    pub usage: Option<Tells>,
    /// When its protocol tells of a tool.
    #[serde(default)]
    pub tools_shown: ToolsShown,
    /// How it differs from other agents of protocol `acp`.
    #[serde(default)]
    pub acp: acp::Quirks,
    /// Where it keeps its own things and must be able to write: as `login_files`; a folder ends in `/`.
    #[serde(default)]
    pub writes: Vec<String>,
    /// Whether it confines its tools by itself unless everything is allowed, by means that fail behind a fence.
    #[serde(default)]
    pub sandbox: bool,
    /// Folders below which its conversations are kept, as JSON or a line each: `~/…`, or `{VARIABLE|~/fallback}/…`.
    #[serde(default)]
    pub history: Vec<String>,
    /// Names of `env` of which one is enough to be logged in.
    #[serde(default)]
    pub login_env: Vec<String>,
    /// Files of which one is enough to be logged in: `~/…`, or `{VARIABLE|~/fallback}/…`.
    #[serde(default)]
    pub login_files: Vec<String>,
    /// Files that may say how to do without.
    #[serde(default)]
    pub login_maybe: Vec<String>,
    /// How its own screen is begun and read.
    #[serde(default)]
    pub screen: Screen,
    /// How it is told the brief.
    #[serde(default)]
    pub brief: Telling,
    /// How it is given skep's tools; not at all where it takes none. Protocol `acp` says it without.
    #[serde(default)]
    pub mcp: Mcp,
    /// The folder of a worktree in which it looks for skills; absent where it knows none.
    pub skills: Option<String>,
}

/// When a protocol tells of a tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolsShown {
    /// When it begins, and when it is over.
    #[default]
    AsTheyRun,
    /// Only when it is over: each silence may be a tool.
    AtEnd,
}

/// What an agent tells of what it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tells {
    Nothing,
    Tokens,
    /// Tokens, and what they cost.
    Money,
}

/// What an attempt needs of its agent's start.
#[derive(Debug, Clone)]
pub struct Brief {
    /// The prompt, as a file.
    pub prompt_file: PathBuf,
    /// The conversation to go on with.
    pub session: Option<String>,
    /// The folder that it works in.
    pub cwd: PathBuf,
    pub model: Option<String>,
    pub permissions: Permissions,
    /// More arguments, as they are.
    pub args: Vec<String>,
    /// What the agent writes besides its worktree: git's folders, the repository's and the linked worktree's own, and its output.
    pub git_roots: Vec<PathBuf>,
    /// The program that `{skep}` stands for.
    pub skep: PathBuf,
    /// The brief as a file, where it is told by one.
    pub brief_file: Option<PathBuf>,
    /// The tools that it is given.
    pub tools: Option<Tools>,
}

/// How to start it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The first is the program.
    pub argv: Vec<String>,
    pub prompt: PromptBy,
    /// The environment variables to pass on, beside the base.
    pub env_names: Vec<String>,
    /// Variables of its own, in front of those.
    pub vars: BTreeMap<String, String>,
    /// What the conversation is to know, where the protocol tells it and not the arguments.
    pub setting: acp::Setting,
    /// A file that is to stand before it starts, and what stands in it.
    pub file: Option<(PathBuf, String)>,
}

impl Profile {
    /// What it tells of what it uses, away from a screen of its own.
    pub fn tells(&self) -> Tells {
        self.usage.unwrap_or(match self.protocol.as_str() {
            "stream_json" | "scripted" => Tells::Money,
            "codex_json" | "json_lines" | "acp" => Tells::Tokens,
            _ => Tells::Nothing,
        })
    }

    /// Reads the profile `name`: the shipped one, each key of the user's file of that name in its place.
    pub fn load(name: &str, user_dir: Option<&Path>) -> Result<Profile, ProfileError> {
        let invalid = |why: String| ProfileError::Invalid { name: name.to_owned(), why };
        let mut table = toml::Table::new();
        for (_, layer) in layers(name, user_dir)? {
            table.extend(layer);
        }
        let mut profile: Profile =
            table.try_into().map_err(|error: toml::de::Error| invalid(error.to_string()))?;
        name.clone_into(&mut profile.name);
        profile.validate()?;
        Ok(profile)
    }

    /// Reads every profile: the shipped ones and the user's, by name.
    pub fn all(user_dir: Option<&Path>) -> Result<Vec<Profile>, ProfileError> {
        names(user_dir)?.iter().map(|name| Profile::load(name, user_dir)).collect()
    }

    /// Makes the argv of one headless attempt.
    ///
    /// Errors: what the profile cannot do (resume, another model, asking); a session, model or prompt that is no safe
    /// argument; a prompt that cannot be read or is too long for an argument.
    pub fn launch(&self, brief: &Brief) -> Result<Launch, ProfileError> {
        let unable = |what| ProfileError::Unable { name: self.name.clone(), what };
        let list = match &brief.session {
            Some(_) if !self.can_go_on() => return Err(unable("go on with a conversation")),
            Some(_) if self.protocol != ACP => &self.resume,
            Some(_) | None => &self.headless,
        };
        let mut options = self.options(brief.model.as_deref(), brief.permissions)?;
        options.extend(self.telling_arguments(brief));
        options.extend(self.tool_arguments(brief));
        let filling = Filling::new(self, brief)?;
        let argv = filling.argv(&self.program, list, &options, &brief.args)?;
        let setting = self.setting(brief);
        let mut vars = self.vars(brief.permissions);
        vars.extend(self.telling_env(brief, &filling)?);
        self.tool_env(brief, &filling, &mut vars);
        let file = self.tool_file(brief, &filling);
        Ok(Launch { argv, prompt: self.prompt, env_names: self.env.clone(), vars, setting, file })
    }

    /// Errors: nobody has named its program yet.
    pub fn require_program(&self) -> Result<(), ProfileError> {
        if self.program.is_empty() {
            return Err(ProfileError::NoProgram { name: self.name.clone() });
        }
        Ok(())
    }

    /// Tells whether it takes up a conversation again, without a screen.
    pub fn can_go_on(&self) -> bool {
        match self.protocol.as_str() {
            ACP => self.acp.resume != acp::Resume::Never,
            _ => !self.resume.is_empty(),
        }
    }

    /// Tells whether it takes up a conversation again on its own screen.
    pub fn can_go_on_screen(&self) -> bool {
        !self.tui_resume.is_empty() || (self.protocol == "pty" && !self.resume.is_empty())
    }

    /// Tells what it can be told while it is at work, with a screen of its own or without.
    pub fn hears(&self, on_terminal: bool) -> Hears {
        let both_ways = ["scripted", "stream_json", ACP].contains(&self.protocol.as_str());
        Hears {
            messages: on_terminal || both_ways || self.protocol == "pty",
            steers: !on_terminal && both_ways && self.protocol != "scripted",
            resumes: !on_terminal && self.can_go_on(),
        }
    }

    fn setting(&self, brief: &Brief) -> acp::Setting {
        let mode = match brief.permissions {
            Permissions::Ask => &self.acp.ask,
            Permissions::Auto => &self.acp.auto,
            Permissions::Bypass => &self.acp.bypass,
        };
        acp::Setting {
            cwd: brief.cwd.clone(),
            session: brief.session.clone(),
            mode: mode.clone(),
            resume: self.acp.resume,
            doubts: Vec::new(),
            server: self.server(brief),
        }
    }

    /// Makes the argv of one attempt on a terminal. A prompt that its arguments do not hold is to be typed: it is
    /// [`PromptBy::Stdin`].
    ///
    /// Errors: an agent without a screen of its own, or asked to go on with a conversation on it; as
    /// [`Profile::launch`] otherwise.
    pub fn launch_on_terminal(&self, brief: &Brief) -> Result<Launch, ProfileError> {
        let unable = |what| ProfileError::Unable { name: self.name.clone(), what };
        let list = match (&self.tui, self.protocol.as_str()) {
            (Some(list), _) => list,
            (None, "pty") => &self.headless,
            (None, _) => return Err(unable("work on a terminal")),
        };
        let list = match &brief.session {
            None => list,
            Some(_) if !self.tui_resume.is_empty() => &self.tui_resume,
            Some(_) if self.protocol == "pty" && !self.resume.is_empty() => &self.resume,
            Some(_) => return Err(unable("go on with a conversation on a terminal")),
        };
        // On its own screen it asks there, where it asks at all.
        let permissions = match brief.permissions {
            Permissions::Ask if self.ask.is_none() => Permissions::Auto,
            Permissions::Ask | Permissions::Auto | Permissions::Bypass => brief.permissions,
        };
        let mut options = self.options(brief.model.as_deref(), permissions)?;
        if let Some(own) = self.screen_options(permissions) {
            let model = brief.model.as_ref().map_or(&[][..], |_| &self.model);
            options = own.iter().chain(model).cloned().collect();
        }
        options.extend(self.telling_arguments(brief));
        options.extend(self.tool_arguments(brief));
        let holds = |mark: &str| list.iter().any(|word| word.contains(mark));
        let prompt = match self.prompt {
            PromptBy::None => PromptBy::None,
            _ if holds("{prompt_file}") => PromptBy::File,
            PromptBy::Arg if holds("{prompt}") => PromptBy::Arg,
            PromptBy::Stdin | PromptBy::File | PromptBy::Arg => PromptBy::Stdin,
        };
        let mut filling = Filling::new(self, brief)?;
        filling.values.extend(self.screen_fillings(brief)?);
        let argv = filling.argv(&self.program, list, &options, &brief.args)?;
        let setting = acp::Setting::default();
        let mut vars = self.vars(permissions);
        vars.extend(self.telling_env(brief, &filling)?);
        self.tool_env(brief, &filling, &mut vars);
        let file = self.tool_file(brief, &filling);
        Ok(Launch { argv, prompt, env_names: self.env.clone(), vars, setting, file })
    }

    /// Refuses what [`Profile::launch`] would refuse whoever asks, before anything is made for a run.
    pub fn require(
        &self,
        model: Option<&str>,
        permissions: Permissions,
        prompt: &str,
    ) -> Result<(), ProfileError> {
        self.options(model, permissions)?;
        let bytes = prompt.len() as u64;
        if self.prompt == PromptBy::Arg && bytes > ARG_CAP {
            return Err(ProfileError::PromptTooLong { name: self.name.clone(), bytes });
        }
        Ok(())
    }

    fn vars(&self, permissions: Permissions) -> BTreeMap<String, String> {
        if permissions == Permissions::Ask { self.ask_env.clone() } else { BTreeMap::new() }
    }

    /// The arguments that permissions and model add.
    fn options(
        &self,
        model: Option<&str>,
        permissions: Permissions,
    ) -> Result<Vec<String>, ProfileError> {
        let unable = |what| ProfileError::Unable { name: self.name.clone(), what };
        let mut options = match permissions {
            // The protocol carries the question, where a mode or a variable makes the agent ask it.
            Permissions::Ask if self.acp.ask.is_some() || !self.ask_env.is_empty() => {
                self.ask.clone().unwrap_or_default()
            }
            Permissions::Ask => self
                .ask
                .clone()
                .ok_or_else(|| unable("ask for permission without its own screen"))?,
            Permissions::Auto => self.auto.clone(),
            Permissions::Bypass => self.bypass.clone(),
        };
        if let Some(model) = model {
            if self.model.is_empty() {
                return Err(unable("choose a model"));
            }
            safe(model, "a model")?;
            options.extend(self.model.iter().cloned());
        }
        Ok(options)
    }

    /// Refuses at once what would fail only when a run starts.
    fn validate(&self) -> Result<(), ProfileError> {
        let invalid = |why: String| Err(ProfileError::Invalid { name: self.name.clone(), why });
        if !PROTOCOLS.contains(&self.protocol.as_str()) {
            return invalid(format!(
                "`{}` is no protocol (there are {})",
                self.protocol,
                PROTOCOLS.join(", ")
            ));
        }
        if self.program.is_empty() && self.name != PLAIN {
            return invalid("`program` is empty".to_owned());
        }
        let holds = |list: &[String], mark: &str| list.iter().any(|word| word.contains(mark));
        let wanted = match self.prompt {
            PromptBy::File => Some("{prompt_file}"),
            PromptBy::Arg => Some("{prompt}"),
            PromptBy::Stdin | PromptBy::None => None,
        };
        if let Some(mark) = wanted
            && !(holds(&self.headless, mark)
                && (self.resume.is_empty() || holds(&self.resume, mark)))
        {
            return invalid(format!(
                "`headless` and `resume` need {mark} for this kind of `prompt`"
            ));
        }
        if self.prompt != PromptBy::Arg
            && (holds(&self.headless, "{prompt}") || holds(&self.resume, "{prompt}"))
        {
            return invalid("{prompt} needs `prompt = \"arg\"`".to_owned());
        }
        if !self.resume.is_empty() && !holds(&self.resume, "{session}") {
            return invalid("`resume` needs {session}".to_owned());
        }
        if !self.tui_resume.is_empty() && !holds(&self.tui_resume, "{session}") {
            return invalid("`tui_resume` needs {session}".to_owned());
        }
        if !self.tui_resume.is_empty() && self.tui.is_none() {
            return invalid("`tui_resume` needs `tui`".to_owned());
        }
        telling::check(&self.brief, self.skills.as_deref())
            .and_then(|()| mcp::check(&self.mcp))
            .or_else(invalid)
    }
}

/// What the places in a profile's arguments are filled with.
struct Filling {
    values: Vec<(&'static str, String)>,
    name: String,
}

impl Filling {
    fn new(profile: &Profile, brief: &Brief) -> Result<Filling, ProfileError> {
        let mut values = vec![
            ("{git_roots}", git_roots(&brief.git_roots)?),
            ("{prompt_file}", utf8(&brief.prompt_file, "a prompt file")?),
            ("{skep}", utf8(&brief.skep, "a program")?),
        ];
        if let Some(file) = &brief.brief_file {
            let file = utf8(file, "a file of the brief")?;
            values.push(("{brief_json}", serde_json::Value::from(file.as_str()).to_string()));
            values.push(("{brief_file}", file));
        }
        values.extend(profile.tool_fillings(brief)?);
        if let Some(session) = &brief.session {
            values.push(("{session}", safe(session, "a session id")?));
        }
        if let Some(model) = &brief.model {
            values.push(("{model}", safe(model, "a model")?));
        }
        if profile.prompt == PromptBy::Arg {
            values.push(("{prompt}", prompt_argument(profile, &brief.prompt_file)?));
        }
        Ok(Filling { values, name: profile.name.clone() })
    }

    /// Puts `options` and `args` where every one of these programs reads them: behind the subcommand, else first.
    fn argv(
        &self,
        program: &str,
        list: &[String],
        options: &[String],
        args: &[String],
    ) -> Result<Vec<String>, ProfileError> {
        let (head, tail) = list.split_at(subcommand(list));
        let before = head.iter().chain(options).map(|word| self.fill(word));
        let after = tail.iter().map(|word| self.fill(word));
        let args = args.iter().map(|arg| argument(arg));
        std::iter::once(self.fill(program)).chain(before).chain(args).chain(after).collect()
    }

    /// Fills `word` in one pass: what a value holds is never looked at again.
    fn fill(&self, word: &str) -> Result<String, ProfileError> {
        let mut filled = String::new();
        let mut rest = word;
        while let Some(open) = rest.find('{') {
            filled.push_str(&rest[..open]);
            rest = &rest[open..];
            let Some((mark, value)) = self.values.iter().find(|(mark, _)| rest.starts_with(mark))
            else {
                let why = format!("nothing is known to fill in at `{rest}`");
                return Err(ProfileError::Invalid { name: self.name.clone(), why });
            };
            filled.push_str(value);
            rest = &rest[mark.len()..];
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Finds `program` on `path` (the value of a PATH): an absolute path as it is, a name in the absolute folders.
pub fn find_program(program: &str, path: &OsStr) -> Option<PathBuf> {
    if program.contains('/') {
        let program = PathBuf::from(program);
        return (program.is_absolute() && is_executable(&program)).then_some(program);
    }
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    // What cannot be looked at cannot be started either.
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// How many of these words name a subcommand.
fn subcommand(list: &[String]) -> usize {
    usize::from(list.first().is_some_and(|word| !word.starts_with(['-', '{'])))
}

/// Passes an argument that its asker gave; the kernel takes none with a NUL byte, and no person means a control sign.
pub fn argument(value: &str) -> Result<String, ProfileError> {
    if value.chars().any(char::is_control) || value.len() as u64 > ARG_CAP {
        let value = value.chars().take(80).flat_map(char::escape_debug).collect();
        return Err(ProfileError::Unsafe { what: "an argument", value });
    }
    Ok(value.to_owned())
}

/// Spells paths as an array of strings, as JSON and TOML both read it.
fn git_roots(roots: &[PathBuf]) -> Result<String, ProfileError> {
    let roots =
        roots.iter().map(|root| utf8(root, "a git folder")).collect::<Result<Vec<_>, _>>()?;
    Ok(serde_json::Value::from(roots).to_string())
}

fn utf8(path: &Path, what: &'static str) -> Result<String, ProfileError> {
    let refused = || ProfileError::Unsafe { what, value: path.display().to_string() };
    path.to_str().map(str::to_owned).ok_or_else(refused)
}

/// Passes only what no program takes for an option and no terminal for a command.
fn safe(value: &str, what: &'static str) -> Result<String, ProfileError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/@+-[]=,".contains(c);
    if !value.is_empty()
        && value.len() <= 200
        && !value.starts_with('-')
        && value.chars().all(plain)
    {
        Ok(value.to_owned())
    } else {
        Err(ProfileError::Unsafe {
            what,
            value: value.chars().take(80).flat_map(char::escape_debug).collect(),
        })
    }
}

fn prompt_argument(profile: &Profile, file: &Path) -> Result<String, ProfileError> {
    let read = |source| ProfileError::Read { path: file.to_owned(), source };
    let bytes = fs::metadata(file).map_err(read)?.len();
    if bytes > ARG_CAP {
        return Err(ProfileError::PromptTooLong { name: profile.name.clone(), bytes });
    }
    let prompt = fs::read_to_string(file).map_err(read)?;
    // A space keeps a prompt that begins like an option from being one.
    let prompt = if prompt.starts_with('-') { format!(" {prompt}") } else { prompt };
    if prompt.contains('\0') {
        return Err(ProfileError::Unsafe {
            what: "an argument",
            value: "a prompt with a NUL byte".to_owned(),
        });
    }
    Ok(prompt)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// The shipped profile and the user's file, as far as they are there; the user's is marked.
fn layers(name: &str, user_dir: Option<&Path>) -> Result<Vec<(bool, toml::Table)>, ProfileError> {
    let invalid = |why: String| ProfileError::Invalid { name: name.to_owned(), why };
    let shipped = SHIPPED.iter().find(|(shipped, _)| *shipped == name).map(|(_, text)| *text);
    let own = if is_name(name) { read_own(name, user_dir)? } else { None };
    if shipped.is_none() && own.is_none() {
        return Err(ProfileError::Unknown { name: name.to_owned(), known: names(user_dir)? });
    }
    let mut found = Vec::new();
    for (is_own, text) in [(false, shipped.map(str::to_owned)), (true, own)] {
        let Some(text) = text else { continue };
        let layer: toml::Table =
            text.parse().map_err(|error: toml::de::Error| invalid(error.to_string()))?;
        if let Some(key) = layer.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let (name, key) = (name.to_owned(), key.clone());
            return Err(ProfileError::UnknownKey { name, nearest: nearest(&key), key });
        }
        found.push((is_own, layer));
    }
    Ok(found)
}

fn read_own(name: &str, user_dir: Option<&Path>) -> Result<Option<String>, ProfileError> {
    let Some(dir) = user_dir else {
        return Ok(None);
    };
    let path = dir.join(format!("{name}.toml"));
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ProfileError::Read { path, source }),
    }
}

/// Every name that [`Profile::load`] answers to, sorted.
fn names(user_dir: Option<&Path>) -> Result<Vec<String>, ProfileError> {
    let mut names: Vec<String> = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
    if let Some(dir) = user_dir {
        let read = |source| ProfileError::Read { path: dir.to_owned(), source };
        match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(read(error)),
            Ok(entries) => {
                for entry in entries {
                    let file = entry.map_err(read)?.file_name();
                    let name = file.to_str().and_then(|file| file.strip_suffix(".toml"));
                    names.extend(name.filter(|name| is_name(name)).map(str::to_owned));
                }
            }
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

fn nearest(key: &str) -> &'static str {
    let likeness = |known: &&&str| (strsim::jaro_winkler(known, key) * 1000.0) as u64;
    KEYS.iter().max_by_key(likeness).expect("a profile has keys")
}

fn default_tool_timeout() -> Duration {
    Duration::from_secs(50)
}

/// Reads `50s`, `2m` or `1h`.
fn duration<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    let refuse =
        || serde::de::Error::custom(format!("`{text}` is no duration like `50s`, `2m` or `1h`"));
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(refuse()),
    };
    let number: u64 = number.parse().map_err(|_| refuse())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(refuse)
}

//! Settings: where they lie, what they may be, which of several holds.
//!
//! Owns: reading and checking `config.toml`, `projects/<name>.toml` and `.skep/project.toml`; which agent files there are;
//! the places of the home and the settings. The keys and their types are in `config/settings.rs`, the defaults in the
//! TOML files beside it.
//! Never: guesses what an unknown key or a wrong value meant; the text of a repository leads out of no folder.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use skep_host::paths::{self, PathError};
use thiserror::Error;

pub use self::agents::of_agents;
pub use self::budget::{BudgetSettings, PriceSettings, ProjectBudget, prices};
pub use self::changes::{Changes, ForgeHost, ForgeKind, ProjectChanges};
pub use self::commit::{Commit, MessageFormat, Strategy};
pub use self::dispatch::{Dispatch, DispatchUnset, IssueFolder, Labels, ProjectDispatch};
use self::layer::{Layer, layered, schema_of, unknown};
pub use self::merge::{Addition, merged, project_values, value_of};
pub use self::places::Places;
pub use self::policy::{
    SHARED_POLICY, SHIPPED, policy, policy_file, policy_of, policy_schema, project_policy_file,
};
pub use self::radar::RadarSettings;
pub use self::resources::{Resource, Scope};
pub use self::settings::{
    Account, AgentSettings, Breaker, Env, Fence, FenceMode, Files, Foreman, Gate, Hooks, How, Keep,
    Land, Landing, Limits, Mode, Names, Plan, Processes, ProjectSettings, Protected, Retry, Review,
    Settings, Setup, Surface, Teardown, Time, Tmux, duration, size,
};
pub use self::taskwarrior::{OtherProjects, ProjectTasks};

mod agents;
mod budget;
mod changes;
mod commit;
mod dispatch;
mod layer;
mod merge;
pub mod notify;
mod places;
mod policy;
mod radar;
mod resources;
pub mod secrets;
mod settings;
mod taskwarrior;
#[cfg(test)]
mod tests;

const USER: &str = include_str!("config/config.toml");
const PROJECT: &str = include_str!("config/project.toml");

/// What the repository's own file is called in errors and origins.
pub const SHARED: &str = ".skep/project.toml";

/// Why there are no settings.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("read `{}`", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is not TOML.
    #[error("{at}: {why}")]
    Syntax { at: At, why: String },
    /// It has a key that means nothing.
    #[error("{at}: unknown key `{key}` (did you mean `{nearest}`?)")]
    UnknownKey { at: At, key: String, nearest: String },
    /// A value is not what it may be.
    #[error("{at}: `{key}` must be {allowed}, not `{found}`")]
    Wrong { at: At, key: String, allowed: String, found: String },
    /// A repository's own file says what only a person may.
    #[error(
        "{at}: `{key}` may stand in your own settings only: it decides what the agent may do to you"
    )]
    NotShared { at: At, key: String },
    /// A project's name that cannot be the name of a file.
    #[error("`{name}` cannot be the name of a project")]
    Name { name: String },
    /// Neither the environment nor the caller says where skep lives.
    #[error("find a place for {what}: neither {variable} nor HOME is set to an absolute path")]
    Nowhere { what: &'static str, variable: &'static str },
    /// The file cannot be written.
    #[error("write the settings")]
    Write(#[from] PathError),
}

impl ConfigError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            ConfigError::Read { .. } => "config-unreadable",
            ConfigError::Syntax { .. } => "config-syntax",
            ConfigError::UnknownKey { .. } => "config-unknown-key",
            ConfigError::Wrong { .. } => "config-value",
            ConfigError::NotShared { .. } => "config-not-shared",
            ConfigError::Name { .. } => "project-name",
            ConfigError::Nowhere { .. } => "home-nowhere",
            ConfigError::Write(_) => "config-unwritable",
        }
    }

    /// The same of a text that stands in no file yet.
    fn without_line(mut self) -> ConfigError {
        match &mut self {
            ConfigError::Syntax { at, .. }
            | ConfigError::UnknownKey { at, .. }
            | ConfigError::NotShared { at, .. }
            | ConfigError::Wrong { at, .. } => {
                at.line = None;
            }
            ConfigError::Read { .. }
            | ConfigError::Name { .. }
            | ConfigError::Nowhere { .. }
            | ConfigError::Write(_) => {}
        }
        self
    }
}

/// Where a person finds what is wrong: a file and its line, or what else they wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    pub file: String,
    /// Counts from 1.
    pub line: Option<usize>,
}

impl At {
    /// Names the line of `text` in which its byte `offset` stands.
    fn offset(file: &str, text: &str, offset: Option<usize>) -> At {
        let breaks = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        At { file: file.to_owned(), line: Some(offset.map_or(1, |at| breaks(at) + 1)) }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => f.write_str(&self.file),
        }
    }
}

/// The file of a person's settings in `dir`.
pub fn user_file(dir: &Path) -> PathBuf {
    dir.join("config.toml")
}

/// The file of a person's settings for the project called `name`.
pub fn project_file(dir: &Path, name: &str) -> Result<PathBuf, ConfigError> {
    if !settings::is_name(name) {
        return Err(ConfigError::Name { name: name.to_owned() });
    }
    Ok(dir.join("projects").join(format!("{name}.toml")))
}

/// The folder of a person's own prompts in `dir`.
pub fn prompts_folder(dir: &Path) -> PathBuf {
    dir.join("prompts")
}

/// The folder of a person's own prompts for the project called `name`.
pub fn project_prompts_folder(dir: &Path, name: &str) -> Result<PathBuf, ConfigError> {
    if !settings::is_name(name) {
        return Err(ConfigError::Name { name: name.to_owned() });
    }
    Ok(prompts_folder(dir).join(name))
}

/// Reads which agent files there are, by the agent's name: `agents/<name>.toml`.
pub fn agent_files(dir: &Path) -> Result<BTreeMap<String, PathBuf>, ConfigError> {
    let folder = dir.join("agents");
    let failed = |source| ConfigError::Read { path: folder.clone(), source };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(failed(e)),
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name =
            path.file_stem().and_then(|stem| stem.to_str()).filter(|name| settings::is_name(name));
        if let (Some(name), Some("toml")) = (name, path.extension().and_then(|end| end.to_str())) {
            files.insert(name.to_owned(), path.clone());
        }
    }
    Ok(files)
}

/// Reads the settings of the person whose files lie in `dir`.
pub fn user(dir: &Path) -> Result<Settings, ConfigError> {
    layered(USER, &user_layers(dir)?).map(|(settings, _)| settings)
}

/// Reads the settings of a project: `repo_file` is the text of the repository's own file at the base commit.
///
/// Order: the person's own file wins over it, key by key.
pub fn project(
    dir: &Path,
    name: &str,
    repo_file: Option<&str>,
) -> Result<ProjectSettings, ConfigError> {
    layered(PROJECT, &project_layers(dir, name, repo_file)?).map(|(settings, _)| settings)
}

/// The settings of a project that says nothing.
pub fn project_defaults() -> Result<ProjectSettings, ConfigError> {
    layered(PROJECT, &[]).map(|(settings, _)| settings)
}

/// Who set a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// A file, as people call it.
    File(String),
    /// A variable of the environment.
    Environment(String),
    /// An option of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(name) | Origin::Environment(name) | Origin::Flag(name) => {
                f.write_str(name)
            }
        }
    }
}

/// A value from outside the files, which wins over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub key: String,
    /// As a person writes it: `10m`, `4`, `["a"]`.
    pub value: String,
    pub origin: Origin,
}

/// One effective value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// A project's keys begin with `project.`.
    pub key: String,
    /// As TOML.
    pub value: String,
    pub origin: Origin,
}

/// Lists every setting that holds, with who set it; with a project, its name and the text of its repository's file.
///
/// Order: by key, the project's after the person's.
pub fn show(
    dir: &Path,
    project: Option<(&str, Option<&str>)>,
    overrides: &[Override],
) -> Result<Vec<Shown>, ConfigError> {
    let mut layers = user_layers(dir)?;
    let (for_project, for_user): (Vec<_>, Vec<_>) =
        overrides.iter().partition(|one| one.key.starts_with("project."));
    for one in for_user {
        layers.push(given::<Settings>(USER, &one.key, one)?);
    }
    let (_, holding) = layered::<Settings>(USER, &layers)?;
    let mut shown: Vec<Shown> = holding.shown("");
    if let Some((name, repo_file)) = project {
        let mut layers = project_layers(dir, name, repo_file)?;
        for one in for_project {
            let key = one.key.trim_start_matches("project.");
            layers.push(given::<ProjectSettings>(PROJECT, key, one)?);
        }
        let (_, holding) = layered::<ProjectSettings>(PROJECT, &layers)?;
        let mine = holding.shown("project.");
        // A project's agent is the one that its runs get.
        let agent =
            mine.iter().find(|one| one.key == "project.agent" && one.origin != Origin::Default);
        if let (Some(agent), Some(held)) = (agent, shown.iter_mut().find(|one| one.key == "agent"))
        {
            *held = Shown { key: held.key.clone(), ..agent.clone() };
        }
        shown.extend(mine);
    }
    Ok(shown)
}

/// Describes both files as JSON schema: `config.toml` itself, and `project.toml` as the definition `project`.
pub fn schema() -> Json {
    let mut user = schema_of::<Settings>();
    user["$defs"] = serde_json::json!({ "project": schema_of::<ProjectSettings>() });
    user
}

/// Lists every key of `config.toml` that can be set.
pub fn keys() -> Vec<String> {
    settable::<Settings>()
}

/// Lists every key of a project's file that can be set.
pub fn project_keys() -> Vec<String> {
    settable::<ProjectSettings>()
}

fn settable<T: JsonSchema>() -> Vec<String> {
    let mut keys = Vec::new();
    layer::keys("", &schema_of::<T>(), &mut keys);
    let is_table = |key: &String| keys.iter().any(|other| other.starts_with(&format!("{key}.")));
    keys.iter().filter(|key| !is_table(key)).cloned().collect()
}

/// Sets `key` in the `config.toml` of `dir` to `value`, as a person writes it; comments and order stay.
///
/// Errors: what reading the changed file would say; it is then not changed.
pub fn set(dir: &Path, key: &str, value: &str) -> Result<(), ConfigError> {
    set_in::<Settings>(USER, &user_file(dir), key, value)
}

/// Sets `key` in a person's own file for the project called `name`; the rest as in [`set`].
pub fn set_for(dir: &Path, name: &str, key: &str, value: &str) -> Result<(), ConfigError> {
    set_in::<ProjectSettings>(PROJECT, &project_file(dir, name)?, key, value)
}

fn set_in<T: DeserializeOwned + JsonSchema>(
    defaults: &str,
    file: &Path,
    key: &str,
    value: &str,
) -> Result<(), ConfigError> {
    let text = read(file)?.unwrap_or_default();
    let label = file.display().to_string();
    // What the file has wrong already is told as such, not as the fault of this value.
    Layer::parse::<T>(defaults, &text, Origin::File(label.clone()))?;
    if !layer::is_key(&schema_of::<T>(), key) {
        return Err(unknown::<T>(At { file: label, line: None }, key));
    }
    let changed = written::<T>(defaults, &text, key, value, &label)?;
    let dir = file.parent().unwrap_or(file);
    fs::create_dir_all(dir).map_err(|source| PathError::Io {
        doing: "make",
        path: dir.to_owned(),
        source,
    })?;
    // A file that is a link into a folder of dotfiles stays one.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    paths::write_atomically(&target, changed.as_bytes())?;
    Ok(())
}

/// Makes a layer of one value that a person gave elsewhere.
fn given<T: DeserializeOwned + JsonSchema>(
    defaults: &str,
    key: &str,
    one: &Override,
) -> Result<Layer, ConfigError> {
    let text = written::<T>(defaults, "", key, &one.value, &one.origin.to_string())?;
    Layer::parse::<T>(defaults, &text, one.origin.clone())
}

/// Returns `text` with `key` set, if that is something the file may say: the value as TOML, else as a text.
fn written<T: DeserializeOwned + JsonSchema>(
    defaults: &str,
    text: &str,
    key: &str,
    value: &str,
    label: &str,
) -> Result<String, ConfigError> {
    let as_text = toml_edit::Value::from(value);
    let mut tries: Vec<toml_edit::Value> = value.parse().into_iter().collect();
    tries.push(as_text);
    let mut first = None;
    for value in tries {
        let result = edited::<T>(text, key, value, label).and_then(|changed| {
            Layer::parse::<T>(defaults, &changed, Origin::File(label.to_owned())).map(|_| changed)
        });
        match result {
            Ok(changed) => return Ok(changed),
            Err(error) => first = first.or(Some(error.without_line())),
        }
    }
    Err(first.expect("the text itself was tried"))
}

fn edited<T: JsonSchema>(
    text: &str,
    key: &str,
    mut value: toml_edit::Value,
    label: &str,
) -> Result<String, ConfigError> {
    let mut file = document(text, label)?;
    let (table, last) = table_of::<T>(&mut file, key, label)?;
    match table.get_mut(last) {
        Some(old) => {
            if let Some(old) = old.as_value() {
                *value.decor_mut() = old.decor().clone();
            }
            *old = toml_edit::Item::Value(value);
        }
        None => drop(table.insert(last, toml_edit::Item::Value(value))),
    }
    Ok(file.to_string())
}

/// Reads a text to be changed in its place.
fn document(text: &str, label: &str) -> Result<toml_edit::DocumentMut, ConfigError> {
    text.parse().map_err(|error: toml_edit::TomlError| ConfigError::Syntax {
        at: At::offset(label, text, error.span().map(|span| span.start)),
        why: error.message().to_owned(),
    })
}

/// The table that `key` belongs in, made where it is missing, and the last part of the key.
fn table_of<'f, 'k, T: JsonSchema>(
    file: &'f mut toml_edit::DocumentMut,
    key: &'k str,
    label: &str,
) -> Result<(&'f mut dyn toml_edit::TableLike, &'k str), ConfigError> {
    let mut table: &mut dyn toml_edit::TableLike = file.as_table_mut();
    let (folders, last) =
        key.rsplit_once('.').map_or((None, key), |(folders, last)| (Some(folders), last));
    for folder in folders.into_iter().flat_map(|folders| folders.split('.')) {
        let fresh = toml_edit::Item::Table(toml_edit::Table::new());
        table = match table.entry(folder).or_insert(fresh).as_table_like_mut() {
            Some(inner) => inner,
            None => return Err(unknown::<T>(At { file: label.to_owned(), line: None }, key)),
        };
    }
    Ok((table, last))
}

/// Reads a file of settings; none where there is none.
pub fn read_file(file: &Path) -> Result<Option<String>, ConfigError> {
    read(file)
}

fn user_layers(dir: &Path) -> Result<Vec<Layer>, ConfigError> {
    file_layer::<Settings>(USER, &user_file(dir)).map(|layer| layer.into_iter().collect())
}

fn project_layers(
    dir: &Path,
    name: &str,
    repo_file: Option<&str>,
) -> Result<Vec<Layer>, ConfigError> {
    let own = project_file(dir, name)?;
    let shared = |text| {
        let layer = Layer::parse::<ProjectSettings>(PROJECT, text, Origin::File(SHARED.to_owned()));
        let fits = || {
            agents::require_shared(text)
                .and_then(|()| resources::require_shared(text))
                .and_then(|()| taskwarrior::require_shared(text))
        };
        layer.and_then(|layer| fits().map(|()| layer))
    };
    let mut layers: Vec<Layer> = repo_file.map(shared).transpose()?.into_iter().collect();
    layers.extend(file_layer::<ProjectSettings>(PROJECT, &own)?);
    Ok(layers)
}

fn file_layer<T: DeserializeOwned + JsonSchema>(
    defaults: &str,
    file: &Path,
) -> Result<Option<Layer>, ConfigError> {
    let parse =
        |text: String| Layer::parse::<T>(defaults, &text, Origin::File(file.display().to_string()));
    read(file)?.map(parse).transpose()
}

fn read(file: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path: file.to_owned(), source }),
    }
}

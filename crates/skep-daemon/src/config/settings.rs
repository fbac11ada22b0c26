//! The settings as types. A key is a field; its default stands in the TOML files beside this one.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
    time::Duration,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IntoDeserializer, value::StrDeserializer},
};
use skep_core::{names, review::Threshold, run::Permissions};

pub use super::agents::{Account, AgentSettings};
use super::{
    agents,
    budget::{BudgetSettings, PriceSettings, ProjectBudget},
    changes::{self, Changes, ForgeHost, ProjectChanges},
    commit::{self, Commit},
    dispatch::{Dispatch, ProjectDispatch},
    notify::NotifySettings,
    radar::RadarSettings,
    resources::{self, Resource},
    secrets,
    taskwarrior::{OtherProjects, ProjectTasks},
};

/// What a person has set for all their projects: `config.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The agent of a run that names none; none: the only one found, else the first of the known ones.
    #[serde(deserialize_with = "name_or_none")]
    #[schemars(schema_with = "name_schema")]
    pub agent: Option<String>,
    pub surface: Surface,
    /// How freely an agent may act.
    #[schemars(schema_with = "permissions_schema")]
    pub permissions: Permissions,
    /// The pattern of a run's branch.
    #[serde(deserialize_with = "pattern")]
    #[schemars(schema_with = "pattern_schema")]
    pub branch: String,
    pub tmux: Tmux,
    pub fence: Fence,
    pub env: Env,
    pub limits: Limits,
    pub time: Time,
    pub retry: Retry,
    pub breaker: Breaker,
    pub keep: Keep,
    /// How agents commit what they do for a plan.
    #[serde(deserialize_with = "commit::whole")]
    pub commit: Commit,
    pub plan: Plan,
    pub review: Review,
    pub foreman: Foreman,
    pub change: Changes,
    pub radar: RadarSettings,
    pub dispatch: Dispatch,
    pub budget: BudgetSettings,
    pub notify: NotifySettings,
    pub taskwarrior: OtherProjects,
    /// What models cost whose agent names no price, by the model's name, in which `*` stands for anything.
    #[serde(default)]
    pub prices: BTreeMap<String, PriceSettings>,
    /// How single agents are to be used, by their profile's name.
    #[serde(default, deserialize_with = "agents::by_name")]
    pub agents: BTreeMap<String, AgentSettings>,
    /// Logins beside the usual one, by the names that people give them.
    #[serde(default, deserialize_with = "agents::by_name")]
    pub accounts: BTreeMap<String, Account>,
    /// Where the values of secrets come from, by the variable's name; who gets one, `env` says.
    #[serde(default, deserialize_with = "secrets::by_variable")]
    #[schemars(schema_with = "secrets::schema")]
    pub secrets: BTreeMap<String, String>,
    /// What is known of forges, by their hosts.
    #[serde(default, deserialize_with = "changes::by_host")]
    pub forge: BTreeMap<String, ForgeHost>,
}

/// How skep speaks to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`auto`, `headless` or `terminal`"))]
pub enum Surface {
    Auto,
    Headless,
    Terminal,
}

/// Whose tmux server shows terminal runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`private`, `yours` or `off`"))]
pub enum Tmux {
    Private,
    Yours,
    Off,
}

/// What keeps agents from writing outside of their own place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    pub mode: FenceMode,
    /// Folders and files that every agent may write to besides.
    #[serde(deserialize_with = "places")]
    #[schemars(schema_with = "places_schema")]
    pub write: Vec<String>,
}

/// Whether there is a fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`on`, `off` or `require`"))]
pub enum FenceMode {
    On,
    Off,
    /// Without one no agent starts.
    Require,
}

/// Where envs lie.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Env {
    /// None: `env` in the home.
    #[serde(deserialize_with = "root")]
    #[schemars(schema_with = "root_schema")]
    pub root: Option<PathBuf>,
}

/// What may be at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Reviewers, foremen and gates apart.
    pub runs: u32,
    pub per_project: u32,
    pub reviews: u32,
    pub foremen: u32,
    pub gates: u32,
    /// Checkouts.
    pub prepare: u32,
    /// Named workers of a project.
    pub workers: u32,
    /// Below this no new run starts. Bytes.
    #[serde(deserialize_with = "bytes")]
    #[schemars(schema_with = "size_schema")]
    pub disk_free: u64,
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Time {
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub setup: Duration,
    /// A run that ends within it did not start.
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub health: Duration,
    /// From TERM to KILL.
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub grace: Duration,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub idle: Duration,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub tool_idle: Duration,
    /// None (`0`): a turn may take as long as it likes.
    #[serde(deserialize_with = "span_or_none")]
    #[schemars(schema_with = "duration_schema")]
    pub turn: Option<Duration>,
    /// An agent that has not answered the first word of its protocol within it did not start.
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub ready: Duration,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub daemon_idle: Duration,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub git: Duration,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub fetch: Duration,
}

/// How faults of the environment are tried again.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    pub tries: u32,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub first: Duration,
    #[schemars(range(min = 1))]
    #[serde(deserialize_with = "at_least_one")]
    pub factor: u32,
    #[serde(deserialize_with = "share")]
    #[schemars(schema_with = "share_schema")]
    pub jitter: f64,
}

/// When a run that keeps dying is left to a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    pub deaths: u32,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub window: Duration,
}

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub snapshots: Duration,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub trash: Duration,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub logs: Duration,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub env_after_done: Duration,
    /// Of one run. Bytes.
    #[serde(deserialize_with = "bytes")]
    #[schemars(schema_with = "size_schema")]
    pub journal: u64,
}

/// How plans are made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub max_parse_retries: u32,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub timeout: Duration,
}

/// How work is reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// What a review may leave open.
    #[schemars(schema_with = "threshold_schema")]
    pub threshold: Threshold,
    /// How often a part is looked at; 0: never.
    pub max_cycles: u32,
    /// Whether what was found goes back to the author without a person's word.
    pub auto_feedback_loop: bool,
    /// None: the author's.
    #[serde(deserialize_with = "name_or_none")]
    #[schemars(schema_with = "name_schema")]
    pub agent: Option<String>,
}

/// Who answers questions first, and how long that may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Foreman {
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub question_timeout: Duration,
    /// None: the task's.
    #[serde(deserialize_with = "name_or_none")]
    #[schemars(schema_with = "name_schema")]
    pub agent: Option<String>,
}

/// What is set for one project: `.skep/project.toml` in the repository, and over it the person's own file.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectSettings {
    /// None: decided from the repository.
    #[serde(deserialize_with = "reference")]
    #[schemars(schema_with = "reference_schema")]
    pub base: Option<String>,
    /// None: decided from the base.
    #[serde(deserialize_with = "reference")]
    #[schemars(schema_with = "reference_schema")]
    pub target: Option<String>,
    /// None: `pr` where a forge is known, else `local`.
    #[serde(deserialize_with = "unless_empty")]
    #[schemars(with = "Land")]
    pub land: Option<Land>,
    pub landing: Landing,
    /// None: the person's.
    #[serde(deserialize_with = "name_or_none")]
    #[schemars(schema_with = "name_schema")]
    pub agent: Option<String>,
    /// Where the workers' names come from; none: a theme that follows from the project's name.
    #[serde(deserialize_with = "names")]
    #[schemars(schema_with = "names_schema")]
    pub names: Option<Names>,
    /// Where in the worktree runs start; empty: at its root.
    #[serde(deserialize_with = "inside_or_empty")]
    #[schemars(schema_with = "inside_schema")]
    pub sub_dir: String,
    #[serde(deserialize_with = "inside_or_none")]
    #[schemars(schema_with = "inside_schema")]
    pub instructions: Option<String>,
    #[serde(deserialize_with = "all_inside")]
    #[schemars(schema_with = "all_inside_schema")]
    pub skills: Vec<String>,
    /// Names of variables that are passed on to agents.
    #[serde(deserialize_with = "variables")]
    #[schemars(schema_with = "variables_schema")]
    pub env: Vec<String>,
    pub sign: bool,
    pub setup: Setup,
    pub teardown: Teardown,
    pub hooks: Hooks,
    pub files: Files,
    pub processes: Processes,
    pub change: ProjectChanges,
    pub dispatch: ProjectDispatch,
    pub budget: ProjectBudget,
    pub taskwarrior: ProjectTasks,
    #[serde(deserialize_with = "gates")]
    #[schemars(extend("title" = "a list of gates, each with a name of its own"))]
    pub gate: Vec<Gate>,
    /// What its runs share of which there is only so much.
    #[serde(deserialize_with = "resources::list")]
    #[schemars(schema_with = "resources::list_schema")]
    pub resource: Vec<Resource>,
    /// How single agents are to be used here; wins over the person's for all projects, key by key.
    #[serde(default, deserialize_with = "agents::by_name")]
    pub agents: BTreeMap<String, AgentSettings>,
    /// As in the person's settings, for this project; wins over them.
    #[serde(default, deserialize_with = "secrets::by_variable")]
    #[schemars(schema_with = "secrets::schema")]
    pub secrets: BTreeMap<String, String>,
}

/// Where the workers' names come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// One of the themes that come with skep.
    Theme(String),
    /// A list of one's own.
    List(Vec<String>),
}

/// How work comes to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`local`, `push` or `pr`"))]
pub enum Land {
    Local,
    Push,
    Pr,
}

/// How work that lands becomes one with its target.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Landing {
    pub how: How,
    /// How many of one target may be gated and landed together.
    #[serde(deserialize_with = "at_least_one")]
    pub batch: u32,
    /// How often the author may be asked to settle a conflict; 0: a person is, at once.
    pub conflicts: u32,
    /// What becomes of work whose target the forge does not let anybody push to.
    pub protected: Protected,
}

/// What a target means to a landing that takes changes only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`change` or `refuse`"))]
pub enum Protected {
    /// It is proposed, where a token of its forge is named.
    Change,
    /// A person is told.
    Refuse,
}

/// What becomes of the commits of work that lands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`merge`, `squash` or `rebase`"))]
pub enum How {
    /// They stay; a merge commit where the target has moved on.
    Merge,
    /// One commit of all.
    Squash,
    /// Each once more, on top of the target.
    Rebase,
}

/// What makes a fresh worktree ready.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// None: `.worktree-setup`, where there is one.
    #[serde(deserialize_with = "unless_empty")]
    #[schemars(with = "String")]
    pub run: Option<String>,
    pub mode: Mode,
}

/// What a failed set-up does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`strict` or `warn`"))]
pub enum Mode {
    /// Ends the run.
    Strict,
    /// Is told.
    Warn,
}

/// What runs before an env goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Teardown {
    #[serde(deserialize_with = "unless_empty")]
    #[schemars(with = "String")]
    pub run: Option<String>,
}

/// What runs before and after a worktree is made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Its failure forbids the worktree.
    #[serde(deserialize_with = "unless_empty")]
    #[schemars(with = "String")]
    pub worktree_creating: Option<String>,
    /// Its failure is told.
    #[serde(deserialize_with = "unless_empty")]
    #[schemars(with = "String")]
    pub worktree_created: Option<String>,
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub timeout: Duration,
}

/// Ignored files that a worktree gets, and those that nobody misses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Files {
    #[serde(deserialize_with = "all_inside")]
    #[schemars(schema_with = "all_inside_schema")]
    pub copy: Vec<String>,
    #[serde(deserialize_with = "all_inside")]
    #[schemars(schema_with = "all_inside_schema")]
    pub link: Vec<String>,
    #[serde(deserialize_with = "all_inside")]
    #[schemars(schema_with = "all_inside_schema")]
    pub discard: Vec<String>,
}

/// Programs that may outlive a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Processes {
    #[schemars(extend("title" = "a list of program names"))]
    pub spare: Vec<String>,
}

/// A check that skep runs on the tree that lands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("title" = "a table with `name` and `run`"))]
pub struct Gate {
    #[serde(deserialize_with = "name")]
    #[schemars(schema_with = "name_schema")]
    pub name: String,
    #[serde(deserialize_with = "command")]
    #[schemars(schema_with = "command_schema")]
    pub run: String,
    #[serde(default = "gate_timeout", deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub timeout: Duration,
    /// Which changed paths it concerns.
    #[serde(default = "every_path")]
    #[schemars(extend("title" = "a list of path patterns"))]
    pub paths: Vec<String>,
    /// Names of variables that its command gets beside the base.
    #[serde(default, deserialize_with = "variables")]
    #[schemars(schema_with = "variables_schema")]
    pub env: Vec<String>,
    /// Programs that say which version they are, by `--version`, before the command begins.
    #[serde(default, deserialize_with = "programs")]
    #[schemars(schema_with = "programs_schema")]
    pub tools: Vec<String>,
}

fn gate_timeout() -> Duration {
    Duration::from_secs(20 * 60)
}

fn every_path() -> Vec<String> {
    vec!["**".to_owned()]
}

/// Reads a duration: whole numbers with their units, largest first or not (`90s`, `1h30m`), or `0`.
pub fn duration(text: &str) -> Option<Duration> {
    let units = [
        ("ms", 1),
        ("s", 1_000),
        ("m", 60_000),
        ("h", 3_600_000),
        ("d", 86_400_000),
        ("w", 604_800_000),
    ];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, next) =
            after.split_at(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()));
        let (_, ms) = units.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*ms)?)?;
        rest = next;
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// Reads a size: a whole number, alone or with B, KB, MB, GB, TB (of 1000) or KiB, MiB, GiB, TiB (of 1024).
///
/// Unit: bytes.
pub fn size(text: &str) -> Option<u64> {
    let units = [
        ("", 1),
        ("B", 1),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let (number, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let (_, bytes) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*bytes)
}

// What a value must be is said to people by the schema; these texts are for programmers only.

fn text<'de, D: Deserializer<'de>>(
    from: D,
    fits: impl Fn(&str) -> bool,
) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if fits(&text) { Ok(text) } else { Err(D::Error::custom("not of the form")) }
}

fn texts<'de, D: Deserializer<'de>>(
    from: D,
    fits: impl Fn(&str) -> bool,
) -> Result<Vec<String>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    if texts.iter().all(|text| fits(text)) {
        Ok(texts)
    } else {
        Err(D::Error::custom("not of the form"))
    }
}

fn none_if_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub(super) fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    duration(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no duration"))
}

fn span_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    span(from).map(|span| (!span.is_zero()).then_some(span))
}

fn bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    size(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no size"))
}

fn share<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(from)?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err(D::Error::custom("no share")) }
}

pub(super) fn at_least_one<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(from)?;
    if number > 0 { Ok(number) } else { Err(D::Error::custom("zero")) }
}

pub(super) fn unless_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(from)?;
    let typed = |text: &str| {
        let from: StrDeserializer<'_, D::Error> = text.into_deserializer();
        T::deserialize(from)
    };
    if text.is_empty() { Ok(None) } else { typed(&text).map(Some) }
}

/// A name that may become part of a file's name or an argument: nothing that leads elsewhere or reads as an option.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= 64
        && text.chars().all(plain)
}

pub(super) fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from, is_name)
}

pub(super) fn name_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    text(from, |text| text.is_empty() || is_name(text)).map(none_if_empty)
}

fn names<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Names>, D::Error> {
    let misfit = |_| D::Error::custom("not of the form");
    // Which theme there is, and which list can be used, is said by whoever gives names: with the reason.
    match Names::deserialize(from).map_err(misfit)? {
        Names::Theme(theme) if theme.is_empty() => Ok(None),
        names @ (Names::Theme(_) | Names::List(_)) => Ok(Some(names)),
    }
}

fn command<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from, |text| !text.trim().is_empty())
}

/// Git decides what a ref is; here only what could be read as an option, or as several words, is refused.
fn reference<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let fits = |text: &str| {
        !text.starts_with('-') && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    text(from, fits).map(none_if_empty)
}

fn pattern<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from, |text| {
        let mut rest = text.to_owned();
        for place in ["{slug}", "{name}", "{short}", "{task}", "{user}"] {
            rest = rest.replace(place, "x");
        }
        !rest.is_empty()
            && !rest.starts_with('-')
            && !rest.contains(['{', '}', ' '])
            && !rest.contains(char::is_control)
    })
}

fn root<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let root = text(from, |text| text.is_empty() || Path::new(text).is_absolute())?;
    Ok(none_if_empty(root).map(PathBuf::from))
}

/// A path that cannot leave the folder it is taken from.
fn is_inside(text: &str) -> bool {
    let stays = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    !text.is_empty() && !text.contains('\0') && Path::new(text).components().all(stays)
}

fn inside_or_empty<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    text(from, |text| text.is_empty() || is_inside(text))
}

fn inside_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    inside_or_empty(from).map(none_if_empty)
}

fn all_inside<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    texts(from, is_inside)
}

/// A place in the file system: an absolute path, or one in the home folder; never everything.
fn is_place(text: &str) -> bool {
    let path = Path::new(text.strip_prefix("~/").map_or(text, |_| &text[1..]));
    let plain = |part: Component<'_>| !matches!(part, Component::ParentDir);
    path.is_absolute()
        && path.parent().is_some()
        && !text.contains('\0')
        && path.components().all(plain)
}

fn places<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    texts(from, is_place)
}

pub(super) fn variables<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    texts(from, |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(plain)
    })
}

/// Names without a folder: what stands in the tree says nothing of itself.
fn programs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    texts(from, |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= 64
            && text.chars().all(plain)
    })
}

fn gates<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Gate>, D::Error> {
    let gates = Vec::<Gate>::deserialize(from)?;
    let names: BTreeSet<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
    if names.len() == gates.len() {
        Ok(gates)
    } else {
        Err(D::Error::custom("a name stands twice"))
    }
}

pub(super) fn duration_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "title": "a duration such as \"250ms\", \"90s\", \"10m\", \"2h\", \"30d\" or \"0\"",
        "pattern": "^(0|([0-9]+(ms|s|m|h|d|w))+)$",
    })
}

fn size_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "title": "a size such as \"800KB\", \"256MB\", \"5GB\" or \"4GiB\"",
        "pattern": "^[0-9]+ *(|B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$",
    })
}

fn share_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "title": "a number from 0.0 to 1.0", "minimum": 0, "maximum": 1 })
}

pub(super) fn permissions_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "`ask`, `auto` or `bypass`", "enum": ["ask", "auto", "bypass"] })
}

fn threshold_schema(_: &mut SchemaGenerator) -> Schema {
    let words = Threshold::ALL.map(Threshold::as_str);
    json_schema!({ "type": "string", "title": "`no_critiques`, `nit_only` or `minor_ok`", "enum": words })
}

pub(super) fn name_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a name of letters, digits, `-`, `_` and `.` that begins with a letter or a digit";
    json_schema!({ "type": "string", "title": title, "pattern": "^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$" })
}

fn names_schema(_: &mut SchemaGenerator) -> Schema {
    let themes: Vec<&str> = names::THEMES.iter().map(|theme| theme.name).collect();
    let title =
        format!("a theme ({}) or a list of at least {} names", themes.join(", "), names::FEWEST);
    let name = json_schema!({ "type": "string", "pattern": "^[a-z][a-z0-9-]*$" });
    json_schema!({
        "title": title,
        "anyOf": [{ "type": "string" }, { "type": "array", "items": name, "minItems": names::FEWEST }]
    })
}

fn command_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "a command" })
}

fn reference_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "the name of a branch, a tag or a commit" })
}

fn pattern_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a branch name in which {slug} {name} {short} {task} {user} may stand";
    json_schema!({ "type": "string", "title": title })
}

fn root_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "an absolute path, or empty" })
}

fn inside_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "a path inside the repository" })
}

fn all_inside_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string" }, "title": "a list of paths inside the repository" })
}

fn places_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string" }, "title": "a list of absolute paths, or paths that begin with ~/" })
}

fn programs_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a list of names of programs, without folders";
    json_schema!({ "type": "array", "items": { "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$" }, "title": title })
}

pub(super) fn variables_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a list of names of environment variables";
    json_schema!({ "type": "array", "items": { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }, "title": title })
}

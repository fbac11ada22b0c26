//! Owns: whose issues agents may be put at, and how. Never: a token; a repository's own file says nothing of who is trusted.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use skep_core::{
    issue::{Association, Hosts, Mode, Reference, Rules},
    run::Permissions,
};
use thiserror::Error;

use super::settings;

/// The deepest cascade.
const DEEPEST: u32 = 5;

/// How agents are put at issues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dispatch {
    /// Whose repositories agents may be put at issues of; there is no default.
    #[serde(deserialize_with = "owners")]
    #[schemars(schema_with = "owners_schema")]
    pub owners: Vec<String>,
    /// Where the pages of the Forgejo begin that short forms are looked for at first.
    #[serde(deserialize_with = "base")]
    #[schemars(schema_with = "base_schema")]
    pub forgejo: Option<String>,
    /// What an author must be to the repository.
    #[serde(deserialize_with = "trusted")]
    #[schemars(schema_with = "trusted_schema")]
    pub trusted: Vec<Association>,
    /// Authors that are trusted besides, by their names at the forge.
    #[schemars(extend("title" = "a list of names of people at the forge"))]
    pub authors: Vec<String>,
    pub labels: Labels,
    /// What an issue without any of these labels lets.
    #[schemars(schema_with = "mode_schema")]
    pub default: Mode,
    /// None: as for other runs.
    #[serde(deserialize_with = "settings::name_or_none")]
    #[schemars(schema_with = "settings::name_schema")]
    pub agent: Option<String>,
    /// None: as for other runs.
    #[serde(deserialize_with = "settings::unless_empty")]
    #[schemars(schema_with = "settings::permissions_schema")]
    pub permissions: Option<Permissions>,
    /// How many generations a cascade may have.
    #[serde(deserialize_with = "depth")]
    #[schemars(schema_with = "depth_schema")]
    pub depth: u32,
    /// How many runs one run of a cascade may ask for.
    #[serde(deserialize_with = "settings::at_least_one")]
    #[schemars(range(min = 1))]
    pub breadth: u32,
    /// How many runs a whole cascade may have below its first.
    #[serde(deserialize_with = "settings::at_least_one")]
    #[schemars(range(min = 1))]
    pub total: u32,
    /// Folders of issues, by names of a person's own.
    #[serde(default, deserialize_with = "folders")]
    pub folders: BTreeMap<String, IssueFolder>,
}

/// The label that lets a mode; empty: none does.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    pub cascade: String,
    pub headless: String,
    pub interactive: String,
    pub consult: String,
}

/// A folder of Markdown files, one to an issue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("title" = "a table with `path` and `project`"))]
pub struct IssueFolder {
    /// Absolute, or from `~/`.
    #[serde(deserialize_with = "place")]
    #[schemars(extend("title" = "a folder: absolute, or from `~/`"))]
    pub path: PathBuf,
    /// Which project its issues are of; none: the one that is asked from.
    #[serde(default, deserialize_with = "settings::name_or_none")]
    #[schemars(schema_with = "settings::name_schema")]
    pub project: Option<String>,
}

/// What a project says of issues.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectDispatch {
    /// Whether an agent may write below the issue that it is put at.
    pub comments: bool,
}

/// A setting that putting an agent at an issue needs, and that no file has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no setting says whose issues agents may be put at: `dispatch.owners` is empty")]
pub struct DispatchUnset {
    owner: String,
}

impl DispatchUnset {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        "dispatch-unset"
    }

    /// The lines to write.
    pub fn hints(&self) -> Vec<String> {
        vec![format!("skep config set dispatch.owners '[\"{}\"]'", self.owner)]
    }
}

impl Dispatch {
    /// The trackers that references may name.
    pub fn hosts(&self) -> Hosts {
        Hosts { forgejo: self.forgejo.clone(), folders: self.folders.keys().cloned().collect() }
    }

    /// What holds for this issue.
    pub fn rules(&self, of: &Reference) -> Result<Rules, DispatchUnset> {
        if let Some(owner) = of.owner().filter(|_| self.owners.is_empty()) {
            return Err(DispatchUnset { owner: owner.to_owned() });
        }
        let labels = [
            (Mode::Cascade, &self.labels.cascade),
            (Mode::Headless, &self.labels.headless),
            (Mode::Interactive, &self.labels.interactive),
            (Mode::Consult, &self.labels.consult),
        ];
        let labels = labels.into_iter().filter(|(_, label)| !label.trim().is_empty());
        Ok(Rules {
            owners: self.owners.clone(),
            trusted: self.trusted.clone(),
            authors: self.authors.clone(),
            labels: labels.map(|(mode, label)| (mode, label.trim().to_owned())).collect(),
            default: self.default,
        })
    }
}

/// Reads a value that `fits`.
fn fitting<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
    fits: impl Fn(&T) -> bool,
) -> Result<T, D::Error> {
    let value = T::deserialize(from)?;
    if fits(&value) { Ok(value) } else { Err(D::Error::custom("not of the form")) }
}

fn owners<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let fits = |name: &String| !name.is_empty() && name.chars().all(plain);
    fitting(from, |all: &Vec<String>| all.iter().all(fits))
}

fn owners_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a list of owners of repositories, as addresses spell them";
    json_schema!({ "type": "array", "items": { "type": "string" }, "title": title })
}

fn base<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let is_address = |text: &str| {
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        host.is_some_and(|host| {
            !host.trim_matches('/').is_empty()
                && host.bytes().all(|b| b.is_ascii_graphic())
                && !host.contains(['@', '?', '#'])
        })
    };
    let text = fitting(from, |text: &String| text.is_empty() || is_address(text))?;
    Ok((!text.is_empty()).then(|| text.trim_end_matches('/').to_owned()))
}

fn base_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "an address: `https://HOST`" })
}

fn trusted<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Association>, D::Error> {
    let stranger = |it: &Association| matches!(it, Association::None | Association::Unknown);
    fitting(from, |all: &Vec<Association>| !all.iter().any(stranger))
}

fn trusted_schema(_: &mut SchemaGenerator) -> Schema {
    let words = ["owner", "member", "collaborator", "contributor"];
    let title = "a list of `owner`, `member`, `collaborator`, `contributor`";
    json_schema!({ "type": "array", "items": { "type": "string", "enum": words }, "title": title })
}

fn mode_schema(_: &mut SchemaGenerator) -> Schema {
    let words = ["cascade", "headless", "interactive", "consult"];
    let title = "`cascade`, `headless`, `interactive` or `consult`";
    json_schema!({ "type": "string", "enum": words, "title": title })
}

fn depth<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    fitting(from, |depth: &u32| (1..=DEEPEST).contains(depth))
}

fn depth_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": DEEPEST, "title": "a whole number from 1 to 5" })
}

/// The names stand in references: what those could not spell would never be found.
fn folders<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, IssueFolder>, D::Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let fits = |name: &String| {
        (1..=100).contains(&name.len()) && !name.starts_with('-') && name.chars().all(plain)
    };
    fitting(from, |all: &BTreeMap<String, IssueFolder>| all.keys().all(fits))
}

fn place<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    let fits = |path: &String| {
        (path.starts_with('/') || path.starts_with("~/")) && !path.contains(char::is_control)
    };
    fitting(from, fits).map(PathBuf::from)
}

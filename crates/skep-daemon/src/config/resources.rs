//! Owns: what a project's runs share of which there is only so much, as people set it.
//! Never: takes a text for the environment of an agent from a repository.

use std::collections::BTreeSet;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IntoDeserializer},
};
use skep_core::lease::{self, Need, Pool};
use toml::{Value, de::DeTable};

use super::{At, ConfigError, SHARED, layer, settings};

#[cfg(test)]
mod tests;

/// The key of the list.
pub(super) const KEY: &str = "resource";

/// The most numbers of a range.
const LONGEST: u32 = 10_000;

/// What runs can be for, as `kinds` spells it.
const KINDS: [&str; 6] = ["code", "gate", "manual", "plan", "review", "foreman"];

/// A thing of which there is only so much: ports, databases, named slots.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("title" = "a table with `name`, `env` and one of `range`, `values` and `slots`"))]
pub struct Resource {
    #[serde(deserialize_with = "settings::name")]
    #[schemars(schema_with = "settings::name_schema")]
    pub name: String,
    /// The variable in which a run finds its value.
    #[serde(deserialize_with = "variable")]
    #[schemars(schema_with = "variable_schema")]
    pub env: String,
    /// Numbers, the first and the last.
    #[serde(default, deserialize_with = "range")]
    #[schemars(schema_with = "range_schema")]
    pub range: Option<(u32, u32)>,
    #[serde(default, deserialize_with = "values")]
    #[schemars(schema_with = "values_schema")]
    pub values: Option<Vec<String>>,
    #[serde(default, deserialize_with = "slots")]
    #[schemars(schema_with = "slots_schema")]
    pub slots: Option<u32>,
    /// How many a run holds at once.
    #[serde(default = "one", deserialize_with = "settings::at_least_one")]
    #[schemars(range(min = 1))]
    pub count: u32,
    #[serde(default)]
    pub scope: Scope,
    /// Which runs need it.
    #[serde(default = "kinds", deserialize_with = "of_kinds")]
    #[schemars(schema_with = "kinds_schema")]
    pub kinds: Vec<String>,
    /// Whether its numbers are ports, of which those are left out that something else listens on; none: a range's are.
    #[serde(default)]
    #[schemars(with = "bool")]
    pub check: Option<bool>,
}

/// Who shares a resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`machine` or `project`"))]
pub enum Scope {
    /// All runs of the machine that need one of this name.
    #[default]
    Machine,
    /// The runs of one project.
    Project,
}

impl Resource {
    /// What there is of it.
    pub fn pool(&self) -> Pool {
        match (self.range, &self.values, self.slots) {
            (Some((first, last)), ..) => Pool::Range { first, last },
            (None, Some(values), _) => Pool::Values(values.clone()),
            (None, None, slots) => Pool::Slots(slots.unwrap_or_default()),
        }
    }

    /// What a run of `project` needs of it.
    pub fn need(&self, project: Option<&str>) -> Need {
        Need {
            name: self.name.clone(),
            env: self.env.clone(),
            pool: self.pool(),
            count: self.count,
            project: project.filter(|_| self.scope == Scope::Project).map(str::to_owned),
            ports: self.is_of_ports(),
        }
    }

    /// Whether its numbers are ports.
    fn is_of_ports(&self) -> bool {
        self.range.is_some() && self.check.unwrap_or(true)
    }

    fn is_sound(&self) -> bool {
        let kinds = [self.range.is_some(), self.values.is_some(), self.slots.is_some()];
        let one = kinds.iter().filter(|is| **is).count() == 1;
        let checked = self.range.is_some() || self.check != Some(true);
        let numbers = !self.is_of_ports() || self.range.is_some_and(|(_, last)| last <= 0xFFFF);
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        one && checked && numbers && count <= self.pool().size()
    }
}

/// Reads the list; each resource has a name, and variables, of its own, and no port is of two of them.
pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Resource>, D::Error> {
    let found = Vec::<Resource>::deserialize(from)?;
    let names: BTreeSet<&str> = found.iter().map(|one| one.name.as_str()).collect();
    let variables: Vec<String> =
        found.iter().flat_map(|one| lease::variables(&one.env, one.count.min(LONGEST))).collect();
    let apart: BTreeSet<&String> = variables.iter().collect();
    let mut ports: Vec<(u32, u32)> =
        found.iter().filter(|one| one.is_of_ports()).filter_map(|one| one.range).collect();
    ports.sort_unstable();
    let overlap = ports.windows(2).any(|pair| pair[0].1 >= pair[1].0);
    let sound = found.iter().all(Resource::is_sound);
    if sound && names.len() == found.len() && apart.len() == variables.len() && !overlap {
        Ok(found)
    } else {
        Err(D::Error::custom("not of the form"))
    }
}

/// Lays one list over another: of two of one name the upper one holds. One that says a name twice is told so later.
pub(super) fn overlay(under: &mut Vec<Value>, over: &[Value]) {
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let (stood, mut new) = (under.len(), Vec::new());
    let mut taken = BTreeSet::new();
    for value in over {
        let same = (0..stood).find(|nth| {
            name(value).is_some() && name(&under[*nth]) == name(value) && !taken.contains(nth)
        });
        match same {
            Some(nth) => {
                taken.insert(nth);
                under[nth] = value.clone();
            }
            None => new.push(value.clone()),
        }
    }
    under.append(&mut new);
}

/// Errors: a repository's own file says what stands in the environment of whoever works on it, beyond numbers.
pub(super) fn require_shared(text: &str) -> Result<(), ConfigError> {
    // As in [`super::agents::require_shared`].
    let Ok(table) = DeTable::parse(text) else { return Ok(()) };
    let values: toml::Table = toml::from_str(text).unwrap_or_default();
    let list = values.get(KEY).and_then(Value::as_array).into_iter().flatten();
    match list.enumerate().find(|(_, one)| one.get("values").is_some()) {
        Some((nth, _)) => {
            let key = format!("{KEY}[{nth}].values");
            let at = At::offset(SHARED, text, layer::find(table.get_ref(), &key));
            Err(ConfigError::NotShared { at, key })
        }
        None => Ok(()),
    }
}

fn one() -> u32 {
    1
}

fn kinds() -> Vec<String> {
    ["code", "manual", "gate"].map(str::to_owned).into()
}

fn variable<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let read: Result<Vec<String>, D::Error> = settings::variables(vec![name].into_deserializer());
    read.map(|mut names| names.remove(0))
}

fn range<'de, D: Deserializer<'de>>(from: D) -> Result<Option<(u32, u32)>, D::Error> {
    let text = String::deserialize(from)?;
    let ends = text.split_once('-').and_then(|(first, last)| {
        let number = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u32>().ok().filter(|number| plain && *number > 0)
        };
        Some((number(first)?, number(last)?))
    });
    match ends {
        Some((first, last)) if first <= last && last - first < LONGEST => Ok(Some((first, last))),
        _ => Err(D::Error::custom("no range")),
    }
}

fn values<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let values = Vec::<String>::deserialize(from)?;
    let apart: BTreeSet<&String> = values.iter().collect();
    let fits = |value: &String| !value.trim().is_empty() && !value.contains(char::is_control);
    if !values.is_empty() && values.iter().all(fits) && apart.len() == values.len() {
        Ok(Some(values))
    } else {
        Err(D::Error::custom("not of the form"))
    }
}

fn slots<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let slots = settings::at_least_one(from)?;
    if slots <= LONGEST { Ok(Some(slots)) } else { Err(D::Error::custom("too many")) }
}

fn of_kinds<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let kinds = Vec::<String>::deserialize(from)?;
    if !kinds.is_empty() && kinds.iter().all(|kind| KINDS.contains(&kind.as_str())) {
        Ok(kinds)
    } else {
        Err(D::Error::custom("no kind of run"))
    }
}

pub(super) fn list_schema(generator: &mut SchemaGenerator) -> Schema {
    let title = "a list of resources: each with a `name` and an `env` of its own and one of `range`, `values` and `slots`, \
                 of which there are at least `count`; ports in one of them only";
    let items = generator.subschema_for::<Resource>();
    json_schema!({ "type": "array", "items": items, "title": title })
}

fn variable_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "the name of an environment variable";
    json_schema!({ "type": "string", "title": title, "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })
}

fn range_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a range of at most 10000 numbers such as \"3000-3099\"";
    json_schema!({ "type": "string", "title": title, "pattern": "^[0-9]+-[0-9]+$" })
}

fn values_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a list of values, each once, none of them empty";
    json_schema!({ "type": "array", "items": { "type": "string" }, "title": title })
}

fn slots_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": LONGEST, "title": "a whole number from 1 to 10000" })
}

fn kinds_schema(_: &mut SchemaGenerator) -> Schema {
    let title = format!("a list of kinds of runs: {}", KINDS.join(", "));
    json_schema!({ "type": "array", "items": { "type": "string", "enum": KINDS }, "title": title })
}

//! One file's values, checked with its lines at hand; several laid over each other.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use toml::{
    Spanned, Table, Value,
    de::{DeTable, DeValue},
};

use super::{At, ConfigError, Origin, Shown, resources};

/// The most of a wrong value or key that an error repeats. Characters.
const ECHO: usize = 60;

/// The values of one file, checked, with who set them.
pub(super) struct Layer {
    values: Table,
    origin: Origin,
}

impl Layer {
    /// Reads `text` and checks it alone over the defaults, so that an error has its file and line.
    pub(super) fn parse<T: DeserializeOwned + JsonSchema>(
        defaults: &str,
        text: &str,
        origin: Origin,
    ) -> Result<Layer, ConfigError> {
        let file = origin.to_string();
        let syntax = |error: toml::de::Error| ConfigError::Syntax {
            at: At::offset(&file, text, error.span().map(|span| span.start)),
            why: error.message().to_owned(),
        };
        let spans = DeTable::parse(text).map_err(syntax)?;
        let schema = schema_of::<T>();
        require_known_keys::<T>(&file, text, "", spans.get_ref(), &schema)?;
        let values: Table = toml::from_str(text).map_err(syntax)?;
        let mut whole = table(defaults);
        overlay(&mut whole, &values);
        typed::<T>(whole.clone()).map_err(|key| ConfigError::Wrong {
            at: At::offset(&file, text, find(spans.get_ref(), &key)),
            allowed: allowed(&schema, &key),
            found: found(&Value::Table(whole), &key),
            key,
        })?;
        Ok(Layer { values, origin })
    }

    /// Every value that the file sets, by its key.
    pub(super) fn leaves(self) -> BTreeMap<String, Value> {
        let mut found = BTreeMap::new();
        leaves("", &Value::Table(self.values), &mut |key, value| {
            found.insert(key.to_owned(), value.clone());
        });
        found
    }
}

/// The merged values, each with who set it.
pub(super) struct Holding {
    values: Table,
    origins: BTreeMap<String, Origin>,
}

impl Holding {
    pub(super) fn shown(self, prefix: &str) -> Vec<Shown> {
        let mut shown = Vec::new();
        leaves("", &Value::Table(self.values), &mut |key, value| {
            let origin = self.origins.get(key).cloned().unwrap_or(Origin::Default);
            shown.push(Shown { key: format!("{prefix}{key}"), value: value.to_string(), origin });
        });
        shown
    }
}

/// Lays the layers over the defaults, later over earlier, key by key.
pub(super) fn layered<T: DeserializeOwned + JsonSchema>(
    defaults: &str,
    layers: &[Layer],
) -> Result<(T, Holding), ConfigError> {
    let mut holding = Holding { values: table(defaults), origins: BTreeMap::new() };
    for layer in layers {
        overlay(&mut holding.values, &layer.values);
        leaves("", &Value::Table(layer.values.clone()), &mut |key, _| {
            holding.origins.insert(key.to_owned(), layer.origin.clone());
        });
    }
    let settings = typed::<T>(holding.values.clone()).map_err(|key| ConfigError::Wrong {
        at: At { file: "settings".to_owned(), line: None },
        allowed: allowed(&schema_of::<T>(), &key),
        found: found(&Value::Table(holding.values.clone()), &key),
        key,
    })?;
    Ok((settings, holding))
}

/// The defaults as a table; they are part of this program, and the tests read them.
pub(super) fn table(defaults: &str) -> Table {
    toml::from_str(defaults).expect("the defaults are TOML")
}

/// Types the values, or returns the key whose value does not fit.
fn typed<T: DeserializeOwned>(values: Table) -> Result<T, String> {
    serde_path_to_error::deserialize(Value::Table(values)).map_err(|error| error.path().to_string())
}

fn overlay(under: &mut Table, over: &Table) {
    for (key, value) in over {
        match (under.get_mut(key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => overlay(under, over),
            (Some(Value::Array(under)), Value::Array(over)) if key == resources::KEY => {
                resources::overlay(under, over);
            }
            _ => {
                under.insert(key.clone(), value.clone());
            }
        }
    }
}

pub(super) fn leaves(prefix: &str, value: &Value, take: &mut impl FnMut(&str, &Value)) {
    match value.as_table() {
        Some(table) => {
            for (key, value) in table {
                leaves(&below(prefix, key), value, take);
            }
        }
        None => take(prefix, value),
    }
}

fn below(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

pub(super) fn schema_of<T: JsonSchema>() -> Json {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn require_known_keys<T: JsonSchema>(
    file: &str,
    text: &str,
    prefix: &str,
    table: &DeTable<'_>,
    schema: &Json,
) -> Result<(), ConfigError> {
    for (key, value) in table {
        let path = below(prefix, key.get_ref());
        let at = At::offset(file, text, Some(key.span().start));
        let Some(known) = child(schema, key.get_ref()) else {
            return Err(unknown::<T>(at, &path));
        };
        match value.get_ref() {
            DeValue::Table(inner) => require_known_keys::<T>(file, text, &path, inner, known)?,
            DeValue::Array(items) => {
                for item in items {
                    if let DeValue::Table(inner) = item.get_ref() {
                        require_known_keys::<T>(file, text, &path, inner, &known["items"])?;
                    }
                }
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
    Ok(())
}

pub(super) fn unknown<T: JsonSchema>(at: At, key: &str) -> ConfigError {
    let schema = schema_of::<T>();
    let mut known = Vec::new();
    keys("", &schema, &mut known);
    known.extend(beside(&schema, key));
    let parts = |key: &str| {
        let (folder, name) = key.rsplit_once('.').unwrap_or(("", key));
        (folder.to_owned(), name.to_owned())
    };
    let (folder, name) = parts(key);
    // The same name in another table is nearer than another name in the same one.
    let nearness = |other: &str| {
        let (other_folder, other_name) = parts(other);
        let same = f64::from(u8::from(name == other_name));
        // One letter wrong, in its own table, is nearer still.
        let slip = folder == other_folder && strsim::levenshtein(&name, &other_name) == 1;
        same + 2.0 * f64::from(u8::from(slip))
            + 3.0 * strsim::jaro_winkler(&name, &other_name)
            + strsim::jaro_winkler(&folder, &other_folder)
    };
    let nearest = known.into_iter().max_by(|a, b| nearness(a).total_cmp(&nearness(b)));
    let shown: String = key.chars().filter(|c| !c.is_control()).take(ECHO).collect();
    ConfigError::UnknownKey { at, key: shown, nearest: nearest.unwrap_or_default() }
}

/// Gathers every key that the schema knows, tables included.
pub(super) fn keys(prefix: &str, schema: &Json, known: &mut Vec<String>) {
    let inner = if schema["type"] == "array" { &schema["items"] } else { schema };
    for (key, schema) in inner["properties"].as_object().into_iter().flatten() {
        if schema["additionalProperties"].is_object() {
            continue; // People name what stands there.
        }
        let path = below(prefix, key);
        keys(&path, schema, known);
        known.push(path);
    }
}

/// What the schema says of one key of a table, of those that people name too.
fn child<'s>(schema: &'s Json, key: &str) -> Option<&'s Json> {
    let named = || schema.get("additionalProperties").filter(|it| it.is_object());
    schema["properties"].get(key).or_else(named)
}

/// Whether something may stand at `key`, below a name that people give too.
pub(super) fn is_key(schema: &Json, key: &str) -> bool {
    key.split('.').try_fold(schema, child).is_some()
}

/// What else `key` may have been meant to be: a table that people put names into, or what such a name may have.
fn beside(schema: &Json, key: &str) -> Vec<String> {
    let parts: Vec<&str> = key.split('.').collect();
    let mut found = Vec::new();
    for (own, inner) in schema["properties"].as_object().into_iter().flatten() {
        let Some(named) = inner["additionalProperties"]["properties"].as_object() else { continue };
        let name = if parts[0] == own && parts.len() > 2 { parts[1] } else { "NAME" };
        match parts.len() {
            1 => found.push(own.clone()),
            _ => found.extend(named.keys().map(|key| format!("{own}.{name}.{key}"))),
        }
    }
    found
}

/// Says in words what may stand at `key`.
fn allowed(schema: &Json, key: &str) -> String {
    let node = steps(key).fold(schema, |node, step| match step {
        Step::Key(name) => child(node, name).unwrap_or(&Json::Null),
        Step::Item(_) => &node["items"],
    });
    let kind = node["type"].as_str().unwrap_or_default();
    let words = match (node["title"].as_str(), kind) {
        (Some(title), _) if !title.chars().next().is_some_and(char::is_uppercase) => title,
        (_, "integer") if node["minimum"] == 1 => "a whole number from 1",
        (_, "integer") => "a whole number from 0",
        (_, "boolean") => "true or false",
        (_, "array") => "a list",
        (_, "object") => "a table",
        _ => "a text",
    };
    words.to_owned()
}

/// Returns what stands at `key` instead, in one short line.
fn found(values: &Value, key: &str) -> String {
    let value = steps(key).try_fold(values, |value, step| match step {
        Step::Key(name) => value.get(name),
        Step::Item(index) => value.get(index),
    });
    let text = value.map(ToString::to_string).unwrap_or_default();
    let mut echo: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(ECHO).collect();
    if text.chars().count() > ECHO {
        echo.push('…');
    }
    echo
}

/// Finds where in its text the value at `key` begins, or the nearest table around it.
pub(super) fn find(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let mut at = None;
    let mut here: Option<&Spanned<DeValue<'_>>> = None;
    for step in steps(key) {
        let next = match (step, here.map(Spanned::get_ref)) {
            (Step::Key(name), None) => table.get(name),
            (Step::Key(name), Some(DeValue::Table(table))) => table.get(name),
            (Step::Item(index), Some(DeValue::Array(items))) => items.get(index),
            _ => None,
        };
        let Some(next) = next else { break };
        at = Some(next.span().start);
        here = Some(next);
    }
    at
}

/// One step of a key such as `gate[0].timeout`.
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

fn steps(key: &str) -> impl Iterator<Item = Step<'_>> {
    key.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| {
        let index = part.strip_suffix(']').and_then(|index| index.parse().ok());
        index.map_or(Step::Key(part), Step::Item)
    })
}

//! Owns: where the values of secrets come from, as people set it.
//! Never: a value; it reads no reference but to see that it is one.

use std::{collections::BTreeMap, fs, path::Path};

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use skep_core::secret;
use skep_host::secrets::Reference;

use super::ConfigError;

pub(super) fn by_variable<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    let found = BTreeMap::<String, String>::deserialize(from)?;
    let is_variable = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !secret::is_protected(name)
    };
    let fits =
        |(name, text): (&String, &String)| is_variable(name) && Reference::parse(text).is_ok();
    if found.iter().all(fits) { Ok(found) } else { Err(D::Error::custom("not of the form")) }
}

pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
    let title =
        "a table from names of variables to references: `env:NAME`, `file:PATH`, `cmd:COMMAND`";
    json_schema!({
        "type": "object",
        "additionalProperties": {
            "type": "string",
            "title": "a reference: `env:NAME`, `file:PATH` (absolute, or from `~/`) or `cmd:COMMAND`; the variable is not one that skep sets",
        },
        "title": title,
    })
}

/// Every reference of a person's settings, with the file that it stands in: their own, and those for their projects.
///
/// Errors: a file that does not read.
pub fn all(dir: &Path) -> Result<Vec<(String, String, String)>, ConfigError> {
    let mut found = Vec::new();
    let mut add = |file: &Path, secrets: BTreeMap<String, String>| {
        let file = file.display().to_string();
        found.extend(secrets.into_iter().map(|(name, from)| (file.clone(), name, from)));
    };
    add(&super::user_file(dir), super::user(dir)?.secrets);
    let folder = dir.join("projects");
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml"));
        if let Some(name) = name.filter(|name| super::settings::is_name(name)) {
            add(&path, super::project(dir, name, None)?.secrets);
        }
    }
    Ok(found)
}

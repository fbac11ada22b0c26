//! Owns: how changes of forges are made, and what a person says of the forges' hosts.
//! Never: a token; it reads no reference but to see that it is one.

use std::{collections::BTreeMap, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use skep_host::secrets::Reference;

use super::settings;

/// How a person wants changes to be followed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// How often failed checks and comments of members go back to a change's author by themselves; 0: never.
    pub rounds: u32,
    /// How soon after news a forge is asked again; while there are none, less and less often, at most every 10 minutes.
    #[serde(deserialize_with = "settings::span")]
    #[schemars(schema_with = "settings::duration_schema")]
    pub look: Duration,
}

/// How a project's changes are made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectChanges {
    pub draft: bool,
    #[schemars(extend("title" = "a list of labels that the forge has"))]
    pub labels: Vec<String>,
    /// Their names at the forge.
    #[schemars(extend("title" = "a list of names of people at the forge"))]
    pub reviewers: Vec<String>,
}

/// A forge's host, as a person knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ForgeHost {
    /// None: one of those that everybody knows.
    pub kind: Option<ForgeKind>,
    /// Where its pages are, if not at `https://HOST`.
    #[serde(deserialize_with = "address")]
    #[schemars(schema_with = "address_schema")]
    pub url: Option<String>,
    /// Where the token comes from; none: what everybody may see.
    #[serde(deserialize_with = "reference")]
    #[schemars(schema_with = "reference_schema")]
    pub token: Option<String>,
}

/// The forges that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`github`, `gitlab`, `forgejo` or `gitea`"))]
pub enum ForgeKind {
    Github,
    Gitlab,
    Forgejo,
    Gitea,
}

pub(super) fn by_host<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, ForgeHost>, D::Error> {
    let found = BTreeMap::<String, ForgeHost>::deserialize(from)?;
    let fits = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-:[]".contains(c);
        !name.is_empty() && name.len() <= 255 && name.chars().all(plain)
    };
    if found.keys().all(|name| fits(name)) {
        Ok(found)
    } else {
        Err(D::Error::custom("not of the form"))
    }
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    let fits = text.starts_with("https://") || text.starts_with("http://");
    if fits && !text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        Ok(Some(text))
    } else {
        Err(D::Error::custom("not of the form"))
    }
}

fn address_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "an address: `https://HOST/…`" })
}

fn reference<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    match Reference::parse(&text) {
        Ok(_) => Ok(Some(text)),
        Err(_) => Err(D::Error::custom("not of the form")),
    }
}

fn reference_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a reference: `env:NAME`, `file:PATH` (absolute, or from `~/`) or `cmd:COMMAND`; never the token itself";
    json_schema!({ "type": "string", "title": title })
}

//! `[commit]`: how agents commit what they do for a plan.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// How work becomes commits, and what they say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "title" = "a table in which `message_format = \"custom\"` comes with a `message_template`"
))]
pub struct Commit {
    pub strategy: Strategy,
    pub message_format: MessageFormat,
    /// A message as it is to look, for the format `custom`; empty: none.
    pub message_template: String,
}

/// How much goes into one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("title" = "`granular`, `semi-regular` or `single`"))]
pub enum Strategy {
    Granular,
    SemiRegular,
    Single,
}

/// What the messages of commits look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("title" = "`ai-generated`, `conventional` or `custom`"))]
pub enum MessageFormat {
    AiGenerated,
    Conventional,
    Custom,
}

/// Takes no format `custom` that nobody wrote down.
pub(super) fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Commit, D::Error> {
    let commit = Commit::deserialize(from)?;
    let custom = commit.message_format == MessageFormat::Custom;
    if custom && commit.message_template.trim().is_empty() {
        return Err(D::Error::custom("no message_template"));
    }
    Ok(commit)
}

//! How runs that collide are watched for.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::settings::{duration_schema, span};

/// Which runs collide, before they land.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RadarSettings {
    pub on: bool,
    /// How often an agent at work is looked at, beside the ends of its turns.
    #[serde(deserialize_with = "span")]
    #[schemars(schema_with = "duration_schema")]
    pub every: Duration,
    /// Whether the later run of a pair that conflicts is told.
    pub tell: bool,
}

//! Owns: what may be set of budgets and prices. Never: knows a price of its own; they age.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use skep_core::{
    budget::{Budget, Price},
    fleet::{AtDay, Shares},
};

/// What runs may use, for all projects.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetSettings {
    #[serde(deserialize_with = "limit")]
    #[schemars(schema_with = "limit_schema")]
    pub run: Budget,
    #[serde(deserialize_with = "shared")]
    #[schemars(schema_with = "shared_schema")]
    pub task: Budget,
    #[serde(deserialize_with = "shared")]
    #[schemars(schema_with = "shared_schema")]
    pub project: Budget,
    #[serde(deserialize_with = "shared")]
    #[schemars(schema_with = "shared_schema")]
    pub day: Budget,
    /// What running ones do when the day's budget is spent.
    #[schemars(schema_with = "at_day_schema")]
    pub at_day: AtDay,
}

/// What runs of one project may use; it only narrows.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectBudget {
    #[serde(deserialize_with = "limit")]
    #[schemars(schema_with = "limit_schema")]
    pub run: Budget,
    #[serde(deserialize_with = "shared")]
    #[schemars(schema_with = "shared_schema")]
    pub task: Budget,
    #[serde(deserialize_with = "shared")]
    #[schemars(schema_with = "shared_schema")]
    pub project: Budget,
    #[serde(deserialize_with = "shared")]
    #[schemars(schema_with = "shared_schema")]
    pub day: Budget,
}

impl ProjectBudget {
    /// What its runs share.
    pub fn shares(&self) -> Shares {
        Shares { task: self.task, project: self.project, day: self.day }
    }
}

impl BudgetSettings {
    /// What all runs share.
    pub fn shares(&self) -> Shares {
        Shares { task: self.task, project: self.project, day: self.day }
    }
}

/// What a million tokens of a model cost, in USD.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceSettings {
    #[serde(deserialize_with = "dollars")]
    #[schemars(schema_with = "dollars_schema")]
    pub input: f64,
    #[serde(deserialize_with = "dollars")]
    #[schemars(schema_with = "dollars_schema")]
    pub output: f64,
    /// Input from a cache; none: as other input.
    #[serde(default, deserialize_with = "some_dollars")]
    #[schemars(schema_with = "dollars_schema")]
    pub cached: Option<f64>,
    /// Input written to a cache; none: as other input.
    #[serde(default, deserialize_with = "some_dollars")]
    #[schemars(schema_with = "dollars_schema")]
    pub cache_write: Option<f64>,
}

/// The price table as the core reads it.
pub fn prices(settings: &BTreeMap<String, PriceSettings>) -> Vec<Price> {
    let price = |(model, price): (&String, &PriceSettings)| Price {
        model: model.clone(),
        input: price.input,
        output: price.output,
        cached: price.cached,
        cache_write: price.cache_write,
    };
    settings.iter().map(price).collect()
}

fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<Budget, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() { Ok(Budget::default()) } else { text.parse().map_err(D::Error::custom) }
}

/// Time is one run's: many at once have none in common.
fn shared<'de, D: Deserializer<'de>>(from: D) -> Result<Budget, D::Error> {
    let budget = limit(from)?;
    if budget.wall_ms.is_some() { Err(D::Error::custom("a time")) } else { Ok(budget) }
}

fn dollars<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let price = f64::deserialize(from)?;
    if (0.0..1e6).contains(&price) { Ok(price) } else { Err(D::Error::custom("no price")) }
}

fn some_dollars<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    dollars(from).map(Some)
}

fn limit_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "limits such as \"5usd\", \"200k\" (tokens), \"30m\" or \"20 turns\", several with commas, or empty";
    json_schema!({ "type": "string", "title": title })
}

fn shared_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "limits such as \"5usd\", \"200k\" (tokens) or \"20 turns\", several with commas, or empty; a time is for one run";
    json_schema!({ "type": "string", "title": title })
}

fn at_day_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "`finish` or `stop`", "enum": ["finish", "stop"] })
}

fn dollars_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "title": "USD for a million tokens", "minimum": 0 })
}

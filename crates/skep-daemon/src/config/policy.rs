//! `policy.toml`: what agents may do, by rules.
//!
//! Order: what is shipped, the person's own file, their file for the project, the repository's. A rule of any of them
//! counts; a repository's file can only forbid and ask.

use std::{
    fs,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Deserialize;
use skep_core::{
    policy::{self, Policy, Rule},
    run::{Posture, Trust},
};

use super::{
    At, ConfigError, Origin,
    layer::{Layer, schema_of},
    read, settings,
};

const DEFAULTS: &str = include_str!("policy.toml");

/// What the repository's own rules are called in errors and origins.
pub const SHARED_POLICY: &str = ".skep/policy.toml";
/// What the rules that come with skep are called.
pub const SHIPPED: &str = "shipped";

/// A file of rules.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Rules {
    /// Whether the shipped rules count too.
    shipped: Option<bool>,
    deny: Vec<Condition>,
    ask: Vec<Condition>,
    allow: Vec<Condition>,
}

/// One rule: all that it says must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Condition {
    tool: Option<String>,
    command: Option<String>,
    path: Option<String>,
    write: Option<String>,
    host: Option<String>,
    /// For which runs it is there; without it for all.
    when: Option<When>,
    why: String,
}

/// What a run must be like for a rule to be there for it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct When {
    /// Whose words it works by: `person` or `outside`.
    trust: Option<String>,
    /// How it was put to work: any of `headless`, `watch`, `consult`, `cascade`.
    posture: Vec<String>,
}

/// The file of a person's rules in `dir`.
pub fn policy_file(dir: &Path) -> PathBuf {
    dir.join("policy.toml")
}

/// The file of a person's rules for the project called `name`.
pub fn project_policy_file(dir: &Path, name: &str) -> Result<PathBuf, ConfigError> {
    if !settings::is_name(name) {
        return Err(ConfigError::Name { name: name.to_owned() });
    }
    Ok(dir.join("policies").join(format!("{name}.toml")))
}

/// Reads the rules that hold for a project, or for none; `repo_file` is the text of the repository's own at the base commit.
pub fn policy(
    dir: &Path,
    project: Option<&str>,
    repo_file: Option<&str>,
) -> Result<Policy, ConfigError> {
    let mut files = vec![policy_file(dir)];
    if let Some(name) = project {
        files.push(project_policy_file(dir, name)?);
    }
    let mut whole = Policy::default();
    let mut shipped = true;
    for file in files {
        let Some(text) = read(&file)? else { continue };
        let label = file.display().to_string();
        let rules = parsed(&text, &label)?;
        shipped &= rules.shipped != Some(false);
        add(&mut whole, rules, &text, &label)?;
    }
    if let Some(text) = repo_file {
        let rules = parsed(text, SHARED_POLICY)?;
        let widens = if rules.allow.is_empty() { "shipped" } else { "allow" };
        if !rules.allow.is_empty() || rules.shipped.is_some() {
            return Err(ConfigError::Wrong {
                at: At { file: SHARED_POLICY.to_owned(), line: line_of(text, widens) },
                key: widens.to_owned(),
                allowed: "absent: a repository gives no leave".to_owned(),
                found: "there".to_owned(),
            });
        }
        add(&mut whole, rules, text, SHARED_POLICY)?;
    }
    if shipped {
        add(&mut whole, parsed(DEFAULTS, SHIPPED)?, DEFAULTS, SHIPPED)?;
    }
    Ok(whole)
}

/// Reads one file of rules by itself, with the shipped ones unless it says otherwise.
pub fn policy_of(file: &Path) -> Result<Policy, ConfigError> {
    let label = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|source| ConfigError::Read { path: file.to_owned(), source })?;
    let rules = parsed(&text, &label)?;
    let mut whole = Policy::default();
    let shipped = rules.shipped != Some(false);
    add(&mut whole, rules, &text, &label)?;
    if shipped {
        add(&mut whole, parsed(DEFAULTS, SHIPPED)?, DEFAULTS, SHIPPED)?;
    }
    Ok(whole)
}

fn parsed(text: &str, label: &str) -> Result<Rules, ConfigError> {
    // It tells an unknown key with its line and the nearest one.
    Layer::parse::<Rules>("", text, Origin::File(label.to_owned()))?;
    toml::from_str(text).map_err(|error| ConfigError::Syntax {
        at: At::offset(label, text, error.span().map(|span| span.start)),
        why: error.message().to_owned(),
    })
}

fn add(whole: &mut Policy, rules: Rules, text: &str, label: &str) -> Result<(), ConfigError> {
    let lists = [
        ("deny", rules.deny, &mut whole.deny),
        ("ask", rules.ask, &mut whole.ask),
        ("allow", rules.allow, &mut whole.allow),
    ];
    for (name, conditions, list) in lists {
        for (nth, condition) in conditions.into_iter().enumerate() {
            let Condition { tool, command, path, write, host, when, why } = condition;
            let when = when
                .map(|when| of_when(&when, &format!("{name}[{nth}]"), text, label))
                .transpose()?;
            let said = [&tool, &command, &path, &write, &host];
            let blank =
                said.iter().any(|one| one.as_ref().is_some_and(|one| one.trim().is_empty()));
            let rule = Rule { tool, command, path, write, host, when, why, from: label.to_owned() };
            if blank || rule.is_empty() {
                return Err(ConfigError::Wrong {
                    at: At { file: label.to_owned(), line: line_of(text, name) },
                    key: format!("{name}[{nth}]"),
                    allowed: "a rule on a tool, command, path, write or host".to_owned(),
                    found: "nothing".to_owned(),
                });
            }
            list.push(rule);
        }
    }
    Ok(())
}

/// The condition, where each word of it is one that there is: what is misspelt would hold for nobody.
fn of_when(
    when: &When,
    key_of_rule: &str,
    text: &str,
    label: &str,
) -> Result<policy::When, ConfigError> {
    let wrong = |key: &str, allowed: String, found: &str| ConfigError::Wrong {
        at: At { file: label.to_owned(), line: text.find(found).and_then(|at| line_at(text, at)) },
        key: format!("{key_of_rule}.when{key}"),
        allowed,
        found: found.to_owned(),
    };
    let trust = match when.trust.as_deref() {
        None => None,
        Some("person") => Some(Trust::Person),
        Some("outside") => Some(Trust::Outside),
        Some(other) => {
            return Err(wrong(".trust", "person or outside".to_owned(), &format!("\"{other}\"")));
        }
    };
    let posture: Vec<Posture> = when
        .posture
        .iter()
        .map(|word| {
            Posture::find(word).ok_or_else(|| {
                let allowed = Posture::ALL.map(Posture::as_str).join(", ");
                wrong(".posture", allowed, &format!("\"{word}\""))
            })
        })
        .collect::<Result<_, _>>()?;
    if trust.is_none() && posture.is_empty() {
        return Err(wrong("", "a trust or a posture".to_owned(), "nothing"));
    }
    Ok(policy::When { trust, posture })
}

/// The line of a place in a text, from 1.
fn line_at(text: &str, at: usize) -> Option<usize> {
    text.get(..at).map(|before| before.lines().count().max(1))
}

/// The line where the first rule of a list begins, or a key stands.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let begins = |line: &str| {
        let line = line.trim_start().trim_start_matches('[').trim_start();
        line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with([']', '=']))
    };
    text.lines().position(begins).map(|nth| nth + 1)
}

/// Describes the file as JSON schema.
pub fn policy_schema() -> serde_json::Value {
    schema_of::<Rules>()
}

//! Owns: what may be set of notices: channels, rules, quiet hours.
//! Never: a value of a secret; what a channel lacks is told by `incomplete`, when it is used.

use std::{collections::BTreeMap, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};
use skep_core::notice::{self, Kind, Priority, Quiet};
use skep_host::secrets::Reference;

use super::settings;

/// Whom skep tells what, and when.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifySettings {
    /// When nothing goes but what a rule lets pass; none: never.
    #[serde(deserialize_with = "quiet")]
    #[schemars(schema_with = "quiet_schema")]
    pub quiet: Option<Quiet>,
    /// Where the person is; none: as the machine's clock is set.
    #[serde(deserialize_with = "zone")]
    #[schemars(schema_with = "zone_schema")]
    pub zone: Option<String>,
    /// How long the first of several waits for the others; zero: not at all.
    #[serde(deserialize_with = "settings::span")]
    #[schemars(schema_with = "settings::duration_schema")]
    pub digest: Duration,
    /// Where notices go, by names that people give.
    #[serde(default, deserialize_with = "super::agents::by_name")]
    pub channels: BTreeMap<String, ChannelSettings>,
    /// Who gets what; the first that fits counts, and what fits none goes everywhere.
    #[serde(default)]
    #[schemars(extend("title" = "a list of rules"))]
    pub rule: Vec<RuleSettings>,
}

/// How a channel is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`telegram`, `webhook`, `ntfy`, `desktop` or `command`"))]
pub enum ChannelKind {
    Telegram,
    Webhook,
    Ntfy,
    Desktop,
    Command,
}

impl ChannelKind {
    /// As settings and views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChannelKind::Telegram => "telegram",
            ChannelKind::Webhook => "webhook",
            ChannelKind::Ntfy => "ntfy",
            ChannelKind::Desktop => "desktop",
            ChannelKind::Command => "command",
        }
    }

    /// Whether the other side can tell that it got the same twice.
    pub fn counts_once(self) -> bool {
        match self {
            ChannelKind::Webhook => true,
            ChannelKind::Telegram
            | ChannelKind::Ntfy
            | ChannelKind::Desktop
            | ChannelKind::Command => false,
        }
    }
}

/// One place where notices go. Which of these a kind needs, `incomplete` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelSettings {
    pub kind: ChannelKind,
    /// Of a Telegram bot, or of ntfy: a reference.
    #[serde(default, deserialize_with = "reference")]
    #[schemars(schema_with = "reference_schema")]
    pub token: Option<String>,
    /// What a webhook's signature is made with: a reference.
    #[serde(default, deserialize_with = "reference")]
    #[schemars(schema_with = "reference_schema")]
    pub secret: Option<String>,
    /// Of a webhook, or of ntfy with its topic.
    #[serde(default, deserialize_with = "url")]
    #[schemars(schema_with = "url_schema")]
    pub url: Option<String>,
    /// Telegram: who is told.
    #[serde(default)]
    #[schemars(extend("title" = "a list of ids of chats: whole numbers"))]
    pub chats: Vec<i64>,
    /// Telegram: who may answer.
    #[serde(default)]
    #[schemars(extend("title" = "a list of ids of users: whole numbers"))]
    pub users: Vec<i64>,
    /// Telegram: whether `users` may answer in `chats`.
    #[serde(default)]
    pub answers: bool,
    /// Telegram: a Bot API server of one's own.
    #[serde(default, deserialize_with = "url")]
    #[schemars(schema_with = "url_schema")]
    pub api: Option<String>,
    /// ntfy: what a tap opens.
    #[serde(default, deserialize_with = "url")]
    #[schemars(schema_with = "url_schema")]
    pub click: Option<String>,
    /// A command: split into words as a shell would, and no shell runs it.
    #[serde(default)]
    #[schemars(extend("title" = "a command"))]
    pub run: String,
}

/// What holds for some notices.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("title" = "a table with some of `kinds`, `projects`, `channels`, `priority`, `quiet`"))]
pub struct RuleSettings {
    /// Empty: all.
    #[serde(default)]
    #[schemars(schema_with = "kinds_schema")]
    pub kinds: Vec<Kind>,
    /// Empty: all.
    #[serde(default)]
    #[schemars(extend("title" = "a list of projects"))]
    pub projects: Vec<String>,
    /// None: all; an empty list: nobody is told.
    #[serde(default)]
    #[schemars(extend("title" = "a list of channels"))]
    pub channels: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(schema_with = "priority_schema")]
    pub priority: Option<Priority>,
    #[serde(default)]
    pub quiet: AtNight,
}

/// What quiet hours do to a notice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("title" = "`hold` or `pass`"))]
pub enum AtNight {
    /// It waits for their end.
    #[default]
    Hold,
    Pass,
}

impl NotifySettings {
    /// The same as the core decides by it; `ahead_min` is how far the person's clock is ahead of UTC.
    pub fn rules(&self, ahead_min: i32) -> notice::Rules {
        let channel = |it: &ChannelSettings| notice::Channel {
            merges: match it.kind {
                ChannelKind::Telegram | ChannelKind::Ntfy | ChannelKind::Desktop => true,
                // Programs take one thing at a time.
                ChannelKind::Webhook | ChannelKind::Command => false,
            },
            answers: it.kind == ChannelKind::Telegram && it.answers,
        };
        let rule = |it: &RuleSettings| notice::Rule {
            kinds: it.kinds.clone(),
            projects: it.projects.clone(),
            channels: it.channels.clone(),
            priority: it.priority,
            passes: it.quiet == AtNight::Pass,
        };
        notice::Rules {
            channels: self.channels.iter().map(|(name, it)| (name.clone(), channel(it))).collect(),
            rules: self.rule.iter().map(rule).collect(),
            quiet: self.quiet,
            digest_ms: u64::try_from(self.digest.as_millis()).unwrap_or(u64::MAX),
            ahead_min,
        }
    }
}

impl ChannelSettings {
    /// What it lacks, or has in vain, in a few words; none where it can be used.
    pub fn incomplete(&self) -> Option<String> {
        let lacks =
            |what: &str| Some(format!("a channel of kind {} needs {what}", self.kind.as_str()));
        match self.kind {
            ChannelKind::Telegram if self.token.is_none() => lacks("`token`"),
            ChannelKind::Telegram if self.chats.is_empty() => lacks("`chats`"),
            ChannelKind::Telegram if self.answers && self.users.is_empty() => {
                lacks("`users`, who alone may answer")
            }
            ChannelKind::Webhook | ChannelKind::Ntfy if self.url.is_none() => lacks("`url`"),
            ChannelKind::Webhook if self.secret.is_none() => lacks("`secret`"),
            ChannelKind::Command if words(&self.run).is_none() => lacks("`run`, a command"),
            ChannelKind::Ntfy if self.topic().is_none() => {
                lacks("a `url` that ends with its topic, as https://ntfy.sh/TOPIC")
            }
            ChannelKind::Telegram
            | ChannelKind::Webhook
            | ChannelKind::Ntfy
            | ChannelKind::Desktop
            | ChannelKind::Command => None,
        }
    }

    /// The server and the topic of ntfy.
    pub fn topic(&self) -> Option<(&str, &str)> {
        let (server, topic) = self.url.as_deref()?.trim_end_matches('/').rsplit_once('/')?;
        (!server.ends_with('/') && !topic.is_empty()).then_some((server, topic))
    }

    /// The words of its command.
    pub fn words(&self) -> Option<Vec<String>> {
        words(&self.run)
    }
}

fn words(run: &str) -> Option<Vec<String>> {
    // A command is split as the command of a secret is.
    match Reference::parse(&format!("cmd:{run}")) {
        Ok(Reference::Command(words)) => Some(words),
        Ok(Reference::Env(_) | Reference::File(_)) | Err(_) => None,
    }
}

/// How far the person's clock is ahead of UTC now. Unit: minutes.
pub fn ahead_min(settings: &NotifySettings) -> i32 {
    let named = settings.zone.as_deref().and_then(|zone| jiff::tz::TimeZone::get(zone).ok());
    let zone = named.unwrap_or_else(jiff::tz::TimeZone::system);
    zone.to_offset(jiff::Timestamp::now()).seconds() / 60
}

fn quiet<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Quiet>, D::Error> {
    let text = String::deserialize(from)?;
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let two = |text: &str| {
            let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| text.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (two(hour)?, two(minute)?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let read = || {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from.trim())?, minute(to.trim())?);
        (from != to).then_some(Quiet { from, to })
    };
    match text.is_empty() {
        true => Ok(None),
        false => read().map(Some).ok_or_else(|| D::Error::custom("not of the form")),
    }
}

fn quiet_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "quiet hours such as \"22:00-07:30\", or empty";
    json_schema!({ "type": "string", "title": title, "pattern": "^([0-9]{2}:[0-9]{2} *- *[0-9]{2}:[0-9]{2})?$" })
}

fn zone<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let zone = String::deserialize(from)?;
    if zone.is_empty() {
        return Ok(None);
    }
    match jiff::tz::TimeZone::get(&zone) {
        Ok(_) => Ok(Some(zone)),
        Err(_) => Err(D::Error::custom("no time zone")),
    }
}

fn zone_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "the name of a time zone such as \"Europe/Berlin\", or empty";
    json_schema!({ "type": "string", "title": title })
}

fn reference<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    match Reference::parse(&text) {
        Ok(_) => Ok(Some(text)),
        Err(_) => Err(D::Error::custom("no reference")),
    }
}

fn reference_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "a reference: `file:PATH`, `cmd:COMMAND` or `env:NAME`";
    json_schema!({ "type": "string", "title": title })
}

/// Only what goes encrypted, or does not leave the machine.
fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(from)?;
    let odd = |c: char| c.is_whitespace() || c.is_control();
    let rest = match text.split_once("://") {
        Some(("https", rest)) => Some(rest),
        Some(("http", rest)) if is_here(rest) => Some(rest),
        _ => None,
    };
    let fits = rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains('@') && !rest.contains(odd)
    });
    match (text.is_empty(), fits) {
        (true, _) => Ok(None),
        (false, true) => Ok(Some(text)),
        (false, false) => Err(D::Error::custom("no address")),
    }
}

/// Whether an address, without its scheme, is this machine's own.
pub fn is_here(rest: &str) -> bool {
    let host = rest.split('/').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

fn url_schema(_: &mut SchemaGenerator) -> Schema {
    let title = "an address: https://…, or http:// of this machine";
    json_schema!({ "type": "string", "title": title })
}

fn kinds_schema(_: &mut SchemaGenerator) -> Schema {
    let kinds = Kind::ALL.map(Kind::as_str);
    let one = format!("one of {}", kinds.join(", "));
    let item = json_schema!({ "type": "string", "enum": kinds, "title": one });
    json_schema!({ "type": "array", "items": item, "title": "a list of kinds of notices" })
}

fn priority_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "title": "`low`, `normal`, `high` or `urgent`", "enum": ["low", "normal", "high", "urgent"] })
}

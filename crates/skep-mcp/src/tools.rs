//! The tools as an agent sees them: names, words that teach, schemas, and how a call's arguments are read.
//!
//! Owns: what is offered, and the bounds of what is taken.
//! Never: speaks to anybody.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use skep_api::{
    request::{DispatchAsk, IssueDeed, SpawnAsk},
    tool::{self, Call, Claimed, Kind, Whom},
};

pub(crate) mod dispatch;
pub(crate) mod issue;
pub(crate) mod spawn;
pub(crate) mod verdict;

#[cfg(test)]
mod tests;

/// What an agent that works hears of all of them at once.
const WORKER: &str = "Tools of skep, which runs you on your own branch. Ask when a decision is not yours to make and \
you cannot find it out: ask_foreman for anything technical, ask_human for what only a person can say. A call that returns \
`pending: true` was asked: do not ask it again; go on with what does not depend on it, or end your turn; the answer comes as your \
next message. When you are finished or stuck, say so with report.";

/// What a reviewer hears of them.
const REVIEWER: &str = "Tools of skep, which runs you to review a commit. Say what you found with verdict, once and at the end: \
only that counts as your verdict, and an empty list of critiques says that the work passes. Ask when a decision is not yours to \
make and you cannot find it out: ask_foreman for anything technical, ask_human for what only a person can say. A call that returns \
`pending: true` was asked: do not ask it again; the answer comes as your next message.";

/// What a foreman hears of them.
const FOREMAN: &str = "Tools of skep, which runs you to answer the questions of other agents. Your answer is your last message; \
nobody is asked by a tool. list_runs shows who is at work, and note leaves a word in your record.";

/// What is heard where no agent is.
const NOBODY: &str = "Tools of skep are for agents: a gate runs a command, and has none.";

/// What an agent of a run of this kind hears of all of them at once.
pub fn instructions(kind: Kind) -> &'static str {
    match kind {
        Kind::Code | Kind::Plan | Kind::Manual => WORKER,
        Kind::Review => REVIEWER,
        Kind::Foreman => FOREMAN,
        Kind::Gate => NOBODY,
    }
}

/// A call of a tool, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// For the keeper of the run.
    Keeper(Call),
    /// Which runs there are: for the daemon.
    Runs,
    /// Another run: for the daemon.
    Spawn(Box<SpawnAsk>),
    /// Another run, at an issue: for the daemon.
    Dispatch(Box<DispatchAsk>),
    /// Something at the run's own issue: for the daemon.
    Issue(IssueDeed),
}

/// What a run has that others of its kind have not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras {
    /// It may have other runs work for it.
    pub spawns: bool,
    /// It was put at an issue.
    pub issue: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskForeman {
    question: String,
    #[serde(default)]
    context: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskHuman {
    question: String,
    #[serde(default)]
    options: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    status: Claimed,
    summary: String,
    #[serde(default)]
    evidence: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimPaths {
    paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListRuns {}

/// Returns every tool that is offered in a run of this kind with these extras.
pub fn offered(kind: Kind, extras: Extras) -> Vec<Tool> {
    let has = |name: &str| match name {
        spawn::NAME | dispatch::NAME => extras.spawns,
        issue::NAME => extras.issue,
        _ => true,
    };
    let is_offered = |it: &Tool| tool::is_for(&it.name, kind) && has(&it.name);
    all().into_iter().filter(is_offered).collect()
}

fn all() -> Vec<Tool> {
    let text = |words: &str, longest: usize| json!({"type": "string", "description": words, "maxLength": longest});
    vec![
        tool(
            "ask_foreman",
            "Ask the foreman of this project, who knows the code and the plan: how something is meant, which of two ways to \
             take, whether something may change. Read the code first. It waits for the answer for a while; with `pending: true` \
             the answer comes later, as your next message.",
            &json!({
                "question": text("One question that can be answered by itself, with what you found out and what you would do.", tool::LONGEST),
                "context": text("Names of files, an error, a piece of code: what one needs to answer.", tool::LONGEST),
            }),
            &["question"],
        ),
        tool(
            "ask_human",
            "Ask the person for whom you work: what only they can decide or know, such as a taste, a risk, money, a missing \
             secret. They may be away: it waits for a while, and with `pending: true` the answer comes later, as your next \
             message. Do not ask what you can find out.",
            &json!({
                "question": text("One question that can be answered by itself.", tool::LONGEST),
                "options": {
                    "type": "array",
                    "maxItems": tool::OPTIONS,
                    "items": {"type": "string", "maxLength": tool::OPTION},
                    "description": "Answers to choose from, the one that you would take first; another answer may come all the same.",
                },
            }),
            &["question"],
        ),
        tool(
            "report",
            "Say once how your work ended: done, blocked (you cannot go on), or needs_review. It ends nothing: end your turn \
             after it.",
            &json!({
                "status": {"type": "string", "enum": ["done", "blocked", "needs_review"]},
                "summary": text("What was done, or what is in the way, in a few sentences.", tool::LONGEST),
                "evidence": text("What shows it: commands that were run, and what they said.", tool::LONGEST),
            }),
            &["status", "summary"],
        ),
        verdict::offered(),
        tool(
            "claim_paths",
            "Say which files or folders you are going to change, before you change many of them, so that others keep away. The \
             answer names who has claimed the same already, under `conflicts`: keep to what is free, or settle it first.",
            &json!({
                "paths": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": tool::PATHS,
                    "items": {"type": "string", "maxLength": tool::PATH},
                    "description": "Relative to the root of the repository.",
                },
            }),
            &["paths"],
        ),
        tool(
            "note",
            "Leave a short note in the record of this run, for whoever looks at it later. Nobody answers.",
            &json!({"text": text("The note.", tool::LONGEST)}),
            &["text"],
        ),
        tool(
            "list_runs",
            "See which other runs there are, what each is at, and on which branch.",
            &json!({}),
            &[],
        )
        .with_annotations(ToolAnnotations::new().read_only(true)),
        spawn::offered(),
        dispatch::offered(),
        issue::offered(),
    ]
}

/// What another run is going to change, as a schema.
fn claims() -> Value {
    json!({
        "type": "array",
        "maxItems": tool::PATHS,
        "items": {"type": "string", "maxLength": tool::PATH},
        "description": "The files and folders that it is going to change, from the root of the repository. It is not begun where another run holds one of them.",
    })
}

fn tool(
    name: &'static str,
    description: &'static str,
    properties: &Value,
    required: &[&str],
) -> Tool {
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    let schema: JsonObject = schema.as_object().cloned().unwrap_or_default();
    Tool::new(name, description, Arc::new(schema))
        .with_annotations(ToolAnnotations::new().destructive(false).open_world(false))
}

/// Reads a call; `wait_ms` is how long a question may wait.
///
/// Errors: a tool that is not there, arguments of another form, a text that is empty or too long; in words for the agent.
pub fn read(kind: Kind, name: &str, arguments: JsonObject, wait_ms: u64) -> Result<Asked, String> {
    let call = match name {
        _ if !tool::is_for(name, kind) => return Err(format!("there is no tool `{name}`")),
        "verdict" => verdict::read(arguments)?,
        spawn::NAME => return spawn::read(arguments).map(|ask| Asked::Spawn(Box::new(ask))),
        dispatch::NAME => {
            return dispatch::read(arguments).map(|ask| Asked::Dispatch(Box::new(ask)));
        }
        issue::NAME => return issue::read(arguments).map(Asked::Issue),
        "ask_foreman" => {
            let ask: AskForeman = arguments_of(name, arguments)?;
            let question = said("question", ask.question)?;
            let context = maybe("context", ask.context)?;
            Call::Ask { to: Whom::Foreman, question, context, options: Vec::new(), wait_ms }
        }
        "ask_human" => {
            let ask: AskHuman = arguments_of(name, arguments)?;
            let question = said("question", ask.question)?;
            let options = ask.options.unwrap_or_default();
            bounded("options", &options, tool::OPTIONS, tool::OPTION)?;
            Call::Ask { to: Whom::Human, question, context: None, options, wait_ms }
        }
        "report" => {
            let report: Report = arguments_of(name, arguments)?;
            Call::Report {
                status: report.status,
                summary: said("summary", report.summary)?,
                evidence: maybe("evidence", report.evidence)?,
            }
        }
        "claim_paths" => {
            let claim: ClaimPaths = arguments_of(name, arguments)?;
            if claim.paths.is_empty() {
                return Err("`paths` is empty: name at least one".to_owned());
            }
            bounded("paths", &claim.paths, tool::PATHS, tool::PATH)?;
            Call::Claim { paths: claim.paths }
        }
        "note" => {
            let note: Note = arguments_of(name, arguments)?;
            Call::Note { text: said("text", note.text)? }
        }
        "list_runs" => {
            let ListRuns {} = arguments_of(name, arguments)?;
            return Ok(Asked::Runs);
        }
        _ => return Err(format!("there is no tool `{name}`")),
    };
    Ok(Asked::Keeper(call))
}

fn arguments_of<T: DeserializeOwned>(name: &str, arguments: JsonObject) -> Result<T, String> {
    serde_json::from_value(Value::Object(arguments)).map_err(|err| format!("{name}: {err}"))
}

fn said(what: &str, text: String) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(format!("`{what}` is empty"));
    }
    short(what, &text, tool::LONGEST)?;
    Ok(text)
}

fn maybe(what: &str, text: Option<String>) -> Result<Option<String>, String> {
    if let Some(text) = &text {
        short(what, text, tool::LONGEST)?;
    }
    Ok(text.filter(|text| !text.trim().is_empty()))
}

fn bounded(what: &str, texts: &[String], most: usize, longest: usize) -> Result<(), String> {
    if texts.len() > most {
        return Err(format!("`{what}` has {} entries, and {most} are the most", texts.len()));
    }
    if texts.iter().any(|text| text.trim().is_empty()) {
        return Err(format!("`{what}` has an empty entry"));
    }
    texts.iter().try_for_each(|text| short(what, text, longest))
}

fn short(what: &str, text: &str, longest: usize) -> Result<(), String> {
    if text.len() > longest {
        return Err(format!(
            "`{what}` is {} bytes long, and {longest} are the most: say it shorter",
            text.len()
        ));
    }
    Ok(())
}

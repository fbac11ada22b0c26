//! The tool by which a run has another one work for it.

use rmcp::model::{JsonObject, Tool};
use serde::Deserialize;
use serde_json::json;
use skep_api::request::SpawnAsk;

use super::{arguments_of, bounded, claims, said, short, tool};

/// What it is called.
pub(crate) const NAME: &str = "spawn_run";
/// The longest title, and the longest name of a project. Bytes.
const TITLE: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpawnRun {
    title: String,
    prompt: String,
    #[serde(default)]
    project: Option<String>,
    #[serde(default)]
    claims: Option<Vec<String>>,
}

/// The tool as an agent sees it.
pub(super) fn offered() -> Tool {
    tool(
        NAME,
        "Have another agent work for you, in a worktree and on a branch of its own, beginning from the project's base: for a part \
         of the work that stands by itself. It knows nothing of what you know, and nobody waits for it: do not wait either. \
         list_runs shows how it is. How many there may be is counted for you and all that come of you; the answer says how \
         many are left. Do small work yourself.",
        &json!({
            "title": {"type": "string", "maxLength": TITLE, "description": "What is to be done, in a few words."},
            "prompt": {
                "type": "string",
                "maxLength": tool::LONGEST,
                "description": "All that it has to know: what is to be done, where, how one sees that it is done.",
            },
            "project": {"type": "string", "maxLength": TITLE, "description": "A registered project; without one: yours."},
            "claims": claims(),
        }),
        &["title", "prompt"],
    )
}

/// Reads a call.
pub(super) fn read(arguments: JsonObject) -> Result<SpawnAsk, String> {
    let asked: SpawnRun = arguments_of(NAME, arguments)?;
    short("title", &asked.title, TITLE)?;
    let claims = asked.claims.unwrap_or_default();
    bounded("claims", &claims, tool::PATHS, tool::PATH)?;
    if let Some(project) = &asked.project {
        short("project", project, TITLE)?;
    }
    Ok(SpawnAsk {
        title: said("title", asked.title)?,
        prompt: said("prompt", asked.prompt)?,
        project: asked.project.filter(|project| !project.trim().is_empty()),
        claims,
    })
}

//! The tool by which a run has another one work at an issue.

use rmcp::model::{JsonObject, Tool};
use serde::Deserialize;
use serde_json::json;
use skep_api::request::DispatchAsk;
use skep_core::issue::Mode;

use super::{arguments_of, bounded, claims, short, tool};

/// What it is called.
pub(crate) const NAME: &str = "dispatch";
/// The longest reference, and the longest name of a project. Bytes.
const NAMED: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dispatch {
    r#ref: String,
    #[serde(default)]
    mode: How,
    #[serde(default)]
    project: Option<String>,
    #[serde(default)]
    claims: Option<Vec<String>>,
}

/// Nobody sits before a run that another one asks for.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum How {
    #[default]
    Headless,
    Cascade,
}

/// The tool as an agent sees it.
pub(super) fn offered() -> Tool {
    tool(
        NAME,
        "Put another agent at an open issue, in a worktree and on a branch of its own: its task is what the issue says, and you \
         add nothing. The issue's project decides whether it may. It is counted like spawn_run. Nobody waits for it: do not \
         wait either, and do not do its work.",
        &json!({
            "ref": {"type": "string", "maxLength": NAMED, "description": "OWNER/REPO#NUMBER, or the issue's address."},
            "mode": {
                "type": "string",
                "enum": ["headless", "cascade"],
                "description": "cascade: it may have others work for it. Without one: headless.",
            },
            "project": {"type": "string", "maxLength": NAMED, "description": "Which one, where several have the issue's repository."},
            "claims": claims(),
        }),
        &["ref"],
    )
}

/// Reads a call.
pub(super) fn read(arguments: JsonObject) -> Result<DispatchAsk, String> {
    let asked: Dispatch = arguments_of(NAME, arguments)?;
    if asked.r#ref.trim().is_empty() {
        return Err("`ref` is empty".to_owned());
    }
    short("ref", &asked.r#ref, NAMED)?;
    let claims = asked.claims.unwrap_or_default();
    bounded("claims", &claims, tool::PATHS, tool::PATH)?;
    if let Some(project) = &asked.project {
        short("project", project, NAMED)?;
    }
    let mode = match asked.mode {
        How::Headless => Mode::Headless,
        How::Cascade => Mode::Cascade,
    };
    Ok(DispatchAsk {
        reference: asked.r#ref,
        project: asked.project.filter(|project| !project.trim().is_empty()),
        claims,
        detach: true,
        ..DispatchAsk::of(mode)
    })
}

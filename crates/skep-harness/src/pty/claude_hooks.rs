//! What Claude Code hands to its hooks, as signals.
//!
//! Owns: one small pure function. Never: fails on a shape that it does not know; such a one says nothing.

use serde_json::Value;
use skep_core::said::{ErrorClass, TurnResult};

use super::{Signal, text_of};
use crate::port::{class_of_text, clip, tool_input};

/// The hooks that are asked for.
pub const EVENTS: [&str; 9] = [
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "Notification",
    "PostToolUse",
    "PostToolUseFailure",
    "Stop",
    "StopFailure",
];

/// Reads what one hook handed over.
pub fn signals(said: &Value) -> Vec<Signal> {
    let session = Signal::Session(text_of(said, "session_id"));
    let tool = || {
        (text_of(said, "tool_name"), said.get("tool_input").map_or_else(String::new, tool_input))
    };
    let id = || text_of(said, "tool_use_id");
    let what = match text_of(said, "hook_event_name").as_str() {
        "UserPromptSubmit" => vec![Signal::TurnStarted],
        "PreToolUse" => {
            let (name, input) = tool();
            vec![Signal::Tool { id: id(), name, input }]
        }
        "PermissionRequest" => {
            let (tool, text) = tool();
            vec![Signal::Permission { tool, text }]
        }
        "PostToolUse" => vec![result(id(), true, said.get("tool_response"))],
        "PostToolUseFailure" => vec![result(id(), false, said.get("error"))],
        "Notification" => match text_of(said, "notification_type").as_str() {
            "permission_prompt" | "elicitation_dialog" => {
                vec![Signal::Permission { tool: String::new(), text: text_of(said, "message") }]
            }
            "idle_prompt" => vec![Signal::Idle],
            _ => Vec::new(),
        },
        "Stop" => {
            let text = text_of(said, "last_assistant_message");
            let (turn, result) = (None, TurnResult::Ended);
            vec![Signal::TurnEnded { turn, result, text }, Signal::Idle]
        }
        // A call of the model has failed for good.
        "StopFailure" => {
            let text = [text_of(said, "error"), text_of(said, "error_details")].join(" ");
            let text = match text.trim() {
                "" => text_of(said, "last_assistant_message"),
                text => text.to_owned(),
            };
            let class = match text_of(said, "error").as_str() {
                "rate_limit" | "billing_error" => ErrorClass::Limit,
                "authentication_failed" | "oauth_org_not_allowed" => ErrorClass::Auth,
                "server_error" | "overloaded" => ErrorClass::Model,
                _ => class_of_text(&text),
            };
            let ended =
                Signal::TurnEnded { turn: None, result: TurnResult::Failed, text: text.clone() };
            vec![Signal::Error { class, text }, ended, Signal::Idle]
        }
        _ => Vec::new(),
    };
    std::iter::once(session).chain(what).collect()
}

fn result(id: String, ok: bool, said: Option<&Value>) -> Signal {
    let text = match said {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => clip(text),
        Some(said) => ["stdout", "stderr"]
            .iter()
            .find_map(|key| said.get(key)?.as_str().filter(|text| !text.is_empty()))
            .map_or_else(|| clip(&said.to_string()), clip),
    };
    Signal::ToolResult { id, ok, text }
}

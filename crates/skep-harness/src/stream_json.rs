//! Claude Code's own protocol, both ways: messages go in as lines, and it asks for leave on the same pipe.
//!
//! Owns: the protocol `stream_json`. What its lines say is in `messages`.
//! Never: leaves a question unanswered when a turn is cancelled, or answers one twice.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use skep_core::said::Said;

use crate::{
    deed,
    messages::Messages,
    port::{Grant, Heard, Session, clip, output, text_at, tool_input},
};

#[cfg(test)]
mod tests;

/// More questions open at once than any agent has; beyond it the next is refused.
const MOST_OPEN: usize = 64;

/// A conversation with `claude -p --input-format stream-json --output-format stream-json`.
#[derive(Debug, Default)]
pub struct StreamJson {
    messages: Messages,
    /// What each open question wants to do: a leave repeats it.
    open: BTreeMap<String, Value>,
    cancels: u32,
}

impl Session for StreamJson {
    fn opening(&mut self, prompt: &str) -> Vec<u8> {
        said_by_user(prompt).into_bytes()
    }

    fn closes_stdin(&self) -> bool {
        false
    }

    fn ends_after_turn(&self) -> bool {
        true
    }

    fn line(&mut self, line: &str) -> Vec<Heard> {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return output(line);
        };
        match text_at(&event, &["type"]) {
            "control_request" => self.asked(&event),
            "control_cancel_request" => {
                let id = text_at(&event, &["request_id"]).to_owned();
                let was_open = self.open.remove(&id).is_some();
                was_open.then_some(Heard::Said(Said::Withdrawn { id })).into_iter().collect()
            }
            "control_response" => Vec::new(),
            _ => self.messages.event(&event).unwrap_or_else(|| output(line)),
        }
    }

    fn stderr(&mut self, line: &str) -> Vec<Heard> {
        self.messages.complained(line);
        Vec::new()
    }

    fn exited(&mut self, code: i32) -> Vec<Heard> {
        self.messages.exited(code)
    }

    fn message(&mut self, text: &str) -> Option<String> {
        self.messages.begin();
        Some(said_by_user(text))
    }

    fn is_busy(&self) -> bool {
        !self.messages.turn.over()
    }

    fn steers(&self) -> bool {
        true
    }

    fn refuse(&mut self, id: &str, why: &str) -> Option<String> {
        self.open.remove(id)?;
        let why = format!("This was refused: {why}");
        Some(control_response(id, &json!({"behavior": "deny", "message": why})))
    }

    fn settle(&mut self, id: &str, grant: Grant) -> Option<String> {
        let input = self.open.remove(id)?;
        let behaviour = match grant {
            Grant::Once => json!({"behavior": "allow", "updatedInput": input}),
            Grant::Refused => {
                json!({"behavior": "deny", "message": "The person refused this. Find another way or stop."})
            }
            Grant::Cancelled => {
                json!({"behavior": "deny", "message": "The turn was cancelled.", "interrupt": true})
            }
        };
        Some(control_response(id, &behaviour))
    }

    fn cancel(&mut self) -> Vec<String> {
        if self.messages.turn.over() {
            return Vec::new();
        }
        let open: Vec<String> = self.open.keys().cloned().collect();
        let mut lines: Vec<String> =
            open.iter().filter_map(|id| self.settle(id, Grant::Cancelled)).collect();
        self.cancels += 1;
        let interrupt = json!({"type": "control_request", "request_id": format!("skep-{}", self.cancels),
            "request": {"subtype": "interrupt"}});
        lines.push(format!("{interrupt}\n"));
        lines
    }
}

impl StreamJson {
    fn asked(&mut self, event: &Value) -> Vec<Heard> {
        let (id, request) = (text_at(event, &["request_id"]), &event["request"]);
        if id.is_empty() {
            return Vec::new();
        }
        if text_at(request, &["subtype"]) != "can_use_tool" || self.open.len() >= MOST_OPEN {
            // One that waits for an answer for ever would hang the turn.
            return vec![Heard::Reply(refused(id))];
        }
        let input = &request["input"];
        let tool = text_at(request, &["tool_name"]).to_owned();
        self.open.insert(id.to_owned(), input.clone());
        let text = clip(&tool_input(input));
        let deed = deed::of_tool(&tool, input);
        vec![Heard::Said(Said::Permission { id: id.to_owned(), tool, text, deed })]
    }
}

fn said_by_user(text: &str) -> String {
    format!("{}\n", json!({"type": "user", "message": {"role": "user", "content": text}}))
}

fn control_response(id: &str, response: &Value) -> String {
    let response = json!({"subtype": "success", "request_id": id, "response": response});
    format!("{}\n", json!({"type": "control_response", "response": response}))
}

fn refused(id: &str) -> String {
    let response = json!({"subtype": "error", "request_id": id, "error": "not offered"});
    format!("{}\n", json!({"type": "control_response", "response": response}))
}

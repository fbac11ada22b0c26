//! What `codex exec --json` writes: a thread, one turn, items.
//!
//! Owns: the protocol `codex_json`. `turn.completed` is its explicit success, `turn.failed` its failure. Its usage counts
//! the whole conversation: in a resumed one it holds the attempts before too.
//! Never: takes an item of type `error` for a failure (it may be a notice), or a missing item for work not done
//! (a command that the sandbox refused may leave no trace in the stream).

use std::collections::BTreeSet;

use serde_json::Value;
use skep_core::said::{Carried, ErrorClass, Said, TurnResult, Usage};

use crate::port::{
    Heard, Session, Turn, class_of_text, clip, count_at, joined, output, text_at, tool_input,
    trouble,
};

#[cfg(test)]
mod tests;

/// More tools in flight than any turn has; beyond it the pairs are forgotten rather than kept for ever.
const MOST_OPEN: usize = 1024;

/// In which words it refuses to go on with a thread.
const REFUSALS: [&str; 2] = ["no rollout found for thread id", "thread/resume failed"];

/// A conversation with `codex exec`.
#[derive(Debug, Default)]
pub struct CodexJson {
    turn: Turn,
    /// Whether it has named its thread: from then on none is refused.
    named: bool,
    open: BTreeSet<String>,
    last_error: String,
}

impl Session for CodexJson {
    fn opening(&mut self, prompt: &str) -> Vec<u8> {
        prompt.as_bytes().to_vec()
    }

    fn closes_stdin(&self) -> bool {
        true
    }

    fn line(&mut self, line: &str) -> Vec<Heard> {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return output(line);
        };
        match text_at(&event, &["type"]) {
            "thread.started" if !text_at(&event, &["thread_id"]).is_empty() => {
                self.named = true;
                vec![Heard::Said(Said::Session { id: text_at(&event, &["thread_id"]).to_owned() })]
            }
            "turn.started" => {
                self.turn.begin();
                Vec::new()
            }
            "item.started" => self.item_started(&event["item"]).unwrap_or_else(|| output(line)),
            "item.completed" => self.item_completed(&event["item"]).unwrap_or_else(|| output(line)),
            // Only the end of an item counts; a growing one is repeated whole at every step.
            "item.updated" => Vec::new(),
            "error" => self.error(text_at(&event, &["message"])),
            "turn.failed" => self.failed(text_at(&event, &["error", "message"])),
            "turn.completed" => self.completed(&event["usage"]),
            _ => output(line),
        }
    }

    fn stderr(&mut self, line: &str) -> Vec<Heard> {
        self.turn.complained(line);
        if !self.named {
            self.turn.refuses(line, &REFUSALS);
        }
        Vec::new()
    }

    fn exited(&mut self, code: i32) -> Vec<Heard> {
        self.turn.broken_off(code)
    }

    fn message(&mut self, _text: &str) -> Option<String> {
        None
    }
}

impl CodexJson {
    fn item_started(&mut self, item: &Value) -> Option<Vec<Heard>> {
        match text_at(item, &["type"]) {
            "agent_message" | "reasoning" | "error" | "todo_list" => Some(Vec::new()),
            _ => {
                let tool = tool(item)?;
                if self.open.len() >= MOST_OPEN {
                    self.open.clear();
                }
                self.open.insert(text_at(item, &["id"]).to_owned());
                Some(vec![tool])
            }
        }
    }

    fn item_completed(&mut self, item: &Value) -> Option<Vec<Heard>> {
        let text = text_at(item, &["text"]);
        match text_at(item, &["type"]) {
            "agent_message" => {
                self.turn.said(text);
                Some(vec![Heard::Said(Said::Said { text: clip(text) })])
            }
            "reasoning" => Some(vec![Heard::Said(Said::Thought { text: clip(text) })]),
            "error" => {
                let text = clip(text_at(item, &["message"]));
                Some(vec![Heard::Said(Said::Error { class: ErrorClass::Notice, text })])
            }
            _ => {
                let tool = tool(item)?;
                let begun = self.open.remove(text_at(item, &["id"]));
                let mut heard = if begun { Vec::new() } else { vec![tool] };
                heard.push(result(item));
                Some(heard)
            }
        }
    }

    /// A reconnection counts down by itself; whatever else is said here may still be followed by a good end.
    fn error(&mut self, text: &str) -> Vec<Heard> {
        if let Some(rest) = text.strip_prefix("Reconnecting") {
            let mut numbers =
                rest.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
            let (attempt, of) = (numbers.next().unwrap_or(1), numbers.next());
            return vec![Heard::Said(Said::Retry { attempt, of, text: clip(text) })];
        }
        self.last_error = clip(text);
        trouble(class_of_text(text), text)
    }

    fn failed(&mut self, text: &str) -> Vec<Heard> {
        let known = !text.is_empty() && self.last_error == clip(text);
        let mut heard =
            if known || self.turn.over() { Vec::new() } else { trouble(class_of_text(text), text) };
        heard.extend(self.turn.end_with(TurnResult::Failed, text));
        heard
    }

    fn completed(&mut self, usage: &Value) -> Vec<Heard> {
        let mut heard = Vec::new();
        if usage.is_object() {
            heard.push(Heard::Said(Said::Usage {
                usage: Usage {
                    input_tokens: count_at(usage, &["input_tokens"]),
                    output_tokens: count_at(usage, &["output_tokens"]),
                    cached_tokens: count_at(usage, &["cached_input_tokens"]),
                    cache_write_tokens: count_at(usage, &["cache_write_input_tokens"]),
                    cost_usd: None,
                },
                carried: Carried { tokens: true, cost: false },
            }));
        }
        heard.extend(self.turn.end(TurnResult::Success));
        heard
    }
}

/// Returns the tool that an item is, where it is one.
fn tool(item: &Value) -> Option<Heard> {
    let (name, input) = match text_at(item, &["type"]) {
        "command_execution" => ("shell".to_owned(), clip(text_at(item, &["command"]))),
        "mcp_tool_call" => {
            let name = format!("{}.{}", text_at(item, &["server"]), text_at(item, &["tool"]));
            (name, tool_input(&item["arguments"]))
        }
        "file_change" => ("file_change".to_owned(), tool_input(&item["changes"])),
        "web_search" => ("web_search".to_owned(), clip(text_at(item, &["query"]))),
        _ => return None,
    };
    Some(Heard::Said(Said::Tool { id: text_at(item, &["id"]).to_owned(), name, input }))
}

fn result(item: &Value) -> Heard {
    let ok = match item.get("exit_code").and_then(Value::as_i64) {
        Some(code) => code == 0,
        None => text_at(item, &["status"]) == "completed",
    };
    let text = match text_at(item, &["type"]) {
        "command_execution" => clip(text_at(item, &["aggregated_output"])),
        _ if !text_at(item, &["error", "message"]).is_empty() => {
            clip(text_at(item, &["error", "message"]))
        }
        "mcp_tool_call" => joined(&item["result"]["content"]),
        _ => String::new(),
    };
    Heard::Said(Said::ToolResult { id: text_at(item, &["id"]).to_owned(), ok, text })
}

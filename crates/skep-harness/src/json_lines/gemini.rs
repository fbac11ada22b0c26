//! What `gemini --output-format stream-json` writes: words in pieces, tools, one result.

use serde_json::Value;
use skep_core::said::{Carried, ErrorClass, Said, TurnResult, Usage};

use crate::port::{
    self, Heard, TEXT_CAP, Turn, class_of_status, class_of_text, clip, count_at, text_at,
    tool_input, trouble,
};

/// A conversation with Gemini CLI.
#[derive(Debug, Default)]
pub(super) struct Gemini {
    pub(super) turn: Turn,
    /// Words of one message so far; they come a few at a time.
    words: String,
    worked: bool,
    warning: String,
}

impl Gemini {
    /// Goes on with what a turn already holds.
    pub(super) fn of(turn: Turn) -> Gemini {
        Gemini { turn, ..Gemini::default() }
    }

    /// Returns what a line says; none where it is not one of Gemini's.
    pub(super) fn event(&mut self, event: &Value) -> Option<Vec<Heard>> {
        let kind = text_at(event, &["type"]);
        if kind == "message" && text_at(event, &["role"]) == "assistant" {
            return Some(self.message(event));
        }
        let mut heard = self.flush();
        match kind {
            "init" => {
                let id = text_at(event, &["session_id"]).to_owned();
                heard.push(Heard::Said(Said::Session { id }));
                heard.extend(port::model(text_at(event, &["model"])));
            }
            "message" => {}
            "tool_use" => {
                self.worked = true;
                heard.push(Heard::Said(Said::Tool {
                    id: text_at(event, &["tool_id"]).to_owned(),
                    name: text_at(event, &["tool_name"]).to_owned(),
                    input: tool_input(&event["parameters"]),
                }));
            }
            "tool_result" => {
                let text = match text_at(event, &["error", "message"]) {
                    "" => text_at(event, &["output"]),
                    error => error,
                };
                heard.push(Heard::Said(Said::ToolResult {
                    id: text_at(event, &["tool_id"]).to_owned(),
                    ok: text_at(event, &["status"]) == "success",
                    text: clip(text),
                }));
            }
            "error" => {
                let text = clip(text_at(event, &["message"]));
                self.warning.clone_from(&text);
                heard.push(Heard::Said(Said::Error { class: ErrorClass::Notice, text }));
            }
            "result" => heard.extend(self.result(event)),
            _ => return None,
        }
        Some(heard)
    }

    /// Returns the words that no end of their message has followed, and the end of the turn.
    pub(super) fn exited(&mut self, code: i32) -> Vec<Heard> {
        let mut heard = self.flush();
        heard.extend(self.turn.broken_off(code));
        heard
    }

    fn message(&mut self, event: &Value) -> Vec<Heard> {
        let text = text_at(event, &["content"]);
        let mut heard = Vec::new();
        if event["delta"] != Value::Bool(true) || self.words.len() + text.len() > TEXT_CAP {
            heard.extend(self.flush());
        }
        self.words.push_str(text);
        heard
    }

    fn flush(&mut self) -> Vec<Heard> {
        let words = std::mem::take(&mut self.words);
        if words.trim().is_empty() {
            return Vec::new();
        }
        self.worked = true;
        self.turn.said(&words);
        vec![Heard::Said(Said::Said { text: clip(&words) })]
    }

    fn result(&mut self, event: &Value) -> Vec<Heard> {
        let stats = &event["stats"];
        let usage = Usage {
            input_tokens: count_at(stats, &["input_tokens"]),
            output_tokens: count_at(stats, &["output_tokens"]),
            cached_tokens: count_at(stats, &["cached"]),
            ..Usage::default()
        };
        let mut heard = vec![Heard::Said(Said::Usage { usage, carried: Carried::default() })];
        if text_at(event, &["status"]) == "success" {
            // It says so too of a turn that it broke off with a warning and without a word.
            if self.worked {
                heard.extend(self.turn.end(TurnResult::Success));
            } else {
                let text = match self.warning.as_str() {
                    "" => "it ended without a word".to_owned(),
                    warning => warning.to_owned(),
                };
                // No error: nothing failed, and there is no result.
                heard.extend(self.turn.end_with(TurnResult::Failed, &text));
            }
            return heard;
        }
        let text = text_at(event, &["error", "message"]);
        let class = code_in(text).and_then(class_of_status).unwrap_or_else(|| class_of_text(text));
        if !self.turn.over() {
            heard.extend(trouble(class, text));
        }
        heard.extend(self.turn.end_with(TurnResult::Failed, text));
        heard
    }
}

/// The status in the answer of the model's service that the message quotes as JSON.
fn code_in(text: &str) -> Option<u64> {
    let inner = text.strip_prefix("[API Error: ")?.strip_suffix(']')?;
    serde_json::from_str::<Value>(inner).ok()?["error"]["code"].as_u64()
}

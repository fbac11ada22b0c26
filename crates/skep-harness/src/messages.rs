//! Whole messages as JSON lines, as Claude Code and Qwen Code write them: `system`, `assistant`, `user`, `result`.
//!
//! Owns: what each of these lines says. Two protocols speak them: `stream_json` both ways, `json_lines` one way.
//! Never: trusts an exit code (an interrupted Claude exits with 0), or takes a usage of one call for the whole.

use std::time::Duration;

use serde_json::Value;
use skep_core::said::{ErrorClass, Said, TurnResult, Usage};
use skep_core::time::Timestamp;

use crate::port::{
    Heard, Turn, class_of_status, class_of_text, clip, closed_door, count_at, joined, text_at,
    tool_input, trouble,
};

/// Above it a point in time is in milliseconds, below it in seconds: both have been seen of the same field.
const SECONDS_END: u64 = 100_000_000_000;

/// What the user's side of the stream says when a turn was broken off.
const INTERRUPTED: &str = "[Request interrupted by user";

/// In which words Claude Code refuses to go on with a conversation.
const REFUSAL: &str = "no conversation found with session id";

/// One conversation in these messages.
#[derive(Debug, Default)]
pub struct Messages {
    pub turn: Turn,
    named: bool,
    interrupted: bool,
    usage: Usage,
    /// The model call that failed last and that no answer has followed yet.
    failing: Option<(ErrorClass, String)>,
}

impl Messages {
    /// Goes on with what a turn already holds.
    pub fn of(turn: Turn) -> Messages {
        Messages { turn, ..Messages::default() }
    }

    /// Returns what a line says; none where it is not one of theirs.
    pub fn event(&mut self, event: &Value) -> Option<Vec<Heard>> {
        let heard = match text_at(event, &["type"]) {
            "system" => self.system(event),
            "assistant" => self.assistant(event),
            "user" => self.user(event),
            "result" => self.result(event),
            "rate_limit_event" => limit(&event["rate_limit_info"]),
            // Parts of what a later line says whole, and what only a screen has use for.
            "stream_event" | "tool_progress" | "tool_use_summary" | "auth_status"
            | "prompt_suggestion" | "keep_alive" => Vec::new(),
            _ => return None,
        };
        Some(heard)
    }

    /// Hears a line of standard error.
    pub fn complained(&mut self, line: &str) {
        self.turn.complained(line);
        if !self.named {
            self.turn.refuses(line, &[REFUSAL]);
        }
    }

    /// Returns what follows from the end of the process, whose turn may still be open.
    pub fn exited(&mut self, code: i32) -> Vec<Heard> {
        if self.turn.over() {
            return Vec::new();
        }
        let Some((class, text)) = self.failing.take() else { return self.turn.broken_off(code) };
        let mut heard = trouble(class, &text);
        heard.extend(self.turn.end_with(TurnResult::Failed, &text));
        heard
    }

    /// Hears the last line of an agent that leaves before its pipe has taken all of a long answer: what it says of the
    /// turn stands in front of the text, and the text was heard before. None where that is not there, whole.
    pub fn glimpse(&mut self, line: &str) -> Option<Vec<Heard>> {
        let verdict = line.strip_prefix(r#"{"type":"result","subtype":"success","#)?;
        let (verdict, _torn) = verdict.split_once(r#","result":""#)?;
        if !verdict.split(',').any(|field| field == r#""is_error":false"#) {
            return None;
        }
        self.failing = None;
        Some(self.turn.end(TurnResult::Success))
    }

    /// The next message that is sent begins a turn.
    pub fn begin(&mut self) {
        self.turn.begin();
        self.interrupted = false;
    }

    fn system(&mut self, event: &Value) -> Vec<Heard> {
        match text_at(event, &["subtype"]) {
            "api_retry" => self.retry(
                count_at(event, &["attempt"]),
                event["max_retries"].as_u64(),
                event["error_status"].as_u64(),
                text_at(event, &["error"]),
                event["retry_delay_ms"].as_u64().map(Duration::from_millis),
            ),
            "retry" => {
                let data = &event["data"];
                self.retry(
                    count_at(data, &["attempt"]),
                    data["maxRetries"].as_u64(),
                    None,
                    text_at(data, &["reason"]),
                    None,
                )
            }
            "init" => {
                let id = text_at(event, &["session_id"]);
                if id.is_empty() || std::mem::replace(&mut self.named, true) {
                    return Vec::new();
                }
                vec![Heard::Said(Said::Session { id: id.to_owned() })]
            }
            // Hooks, background tasks, compaction: of no turn's fate.
            _ => Vec::new(),
        }
    }

    fn retry(
        &mut self,
        attempt: u64,
        of: Option<u64>,
        status: Option<u64>,
        why: &str,
        delay: Option<Duration>,
    ) -> Vec<Heard> {
        let told = status.and_then(class_of_status).unwrap_or_else(|| class_of_text(why));
        // Whatever it is that a retry may mend, it is the model's service.
        let class = if told == ErrorClass::Agent { ErrorClass::Model } else { told };
        let text = status.map_or_else(|| why.to_owned(), |status| format!("{status} {why}"));
        self.failing = Some((class, clip(&text)));
        let attempt = u32::try_from(attempt.max(1)).unwrap_or(u32::MAX);
        let of = of.and_then(|of| u32::try_from(of).ok());
        let retry = Heard::Said(Said::Retry { attempt, of, text: clip(&text) });
        // One that will be silent for long stands before a closed door.
        let door = closed_door(class, &text, delay);
        door.into_iter().chain([retry]).collect()
    }

    fn assistant(&mut self, event: &Value) -> Vec<Heard> {
        self.failing = None;
        let of_a_helper = !event["parent_tool_use_id"].is_null();
        let mut heard = Vec::new();
        for part in parts(event) {
            match text_at(part, &["type"]) {
                "text" => {
                    let text = text_at(part, &["text"]);
                    if text.is_empty() {
                        continue;
                    }
                    heard.push(Heard::Said(if of_a_helper {
                        Said::Thought { text: clip(text) }
                    } else {
                        self.turn.said(text);
                        Said::Said { text: clip(text) }
                    }));
                }
                "thinking" if !text_at(part, &["thinking"]).is_empty() => {
                    let text = clip(text_at(part, &["thinking"]));
                    heard.push(Heard::Said(Said::Thought { text }));
                }
                "tool_use" => heard.push(Heard::Said(Said::Tool {
                    id: text_at(part, &["id"]).to_owned(),
                    name: text_at(part, &["name"]).to_owned(),
                    input: tool_input(&part["input"]),
                })),
                _ => {}
            }
        }
        heard
    }

    fn user(&mut self, event: &Value) -> Vec<Heard> {
        let mut heard = Vec::new();
        for part in parts(event) {
            match text_at(part, &["type"]) {
                "tool_result" => heard.push(Heard::Said(Said::ToolResult {
                    id: text_at(part, &["tool_use_id"]).to_owned(),
                    // Absent where a tool has nothing to complain of.
                    ok: part["is_error"] != Value::Bool(true),
                    text: match part["content"].as_str() {
                        Some(text) => clip(text),
                        None => joined(&part["content"]),
                    },
                })),
                "text" if text_at(part, &["text"]).starts_with(INTERRUPTED) => {
                    self.interrupted = true;
                }
                _ => {}
            }
        }
        heard
    }

    fn result(&mut self, event: &Value) -> Vec<Heard> {
        let mut heard = self.used(event);
        let text = text_at(event, &["result"]);
        if event["is_error"] == Value::Bool(false) && text_at(event, &["subtype"]) == "success" {
            self.failing = None;
            heard.extend(if text.is_empty() {
                self.turn.end(TurnResult::Success)
            } else {
                self.turn.end_with(TurnResult::Success, text)
            });
            return heard;
        }
        if self.interrupted {
            heard.extend(self.turn.end_with(TurnResult::Cancelled, "the turn was interrupted"));
            return heard;
        }
        let errors = event["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let told = [text, text_at(event, &["error", "message"])]
            .into_iter()
            .chain(errors.iter().filter_map(Value::as_str))
            .find(|text| !text.is_empty());
        if let Some(told) = told.filter(|told| told.to_ascii_lowercase().contains(REFUSAL))
            && !self.named
        {
            heard.extend(self.turn.refused(told));
            return heard;
        }
        let (class, why) = match (told, self.failing.take()) {
            (Some(told), _) => (class_of(event, told), told.to_owned()),
            (None, Some(failing)) => failing,
            (None, None) => {
                let subtype = text_at(event, &["subtype"]).replace('_', " ");
                (ErrorClass::Agent, subtype)
            }
        };
        if !self.turn.over() {
            heard.extend(trouble(class, &why));
        }
        heard.extend(self.turn.end_with(TurnResult::Failed, &why));
        heard
    }

    /// A result counts the tokens of its turn and, where it names money, that of the whole process.
    fn used(&mut self, event: &Value) -> Vec<Heard> {
        let usage = &event["usage"];
        if !usage.is_object() {
            return Vec::new();
        }
        let cached = ["cache_read_input_tokens", "cache_creation_input_tokens"];
        // Claude counts what came from the cache beside the input, Qwen within it.
        let beside = event.get("total_cost_usd").is_some();
        let cached: u64 = if beside {
            cached.iter().fold(0, |sum, key| sum.saturating_add(count_at(usage, &[key])))
        } else {
            0
        };
        let input = count_at(usage, &["input_tokens"]).saturating_add(cached);
        self.usage.input_tokens = self.usage.input_tokens.saturating_add(input);
        self.usage.output_tokens =
            self.usage.output_tokens.saturating_add(count_at(usage, &["output_tokens"]));
        self.usage.cost_usd = event["total_cost_usd"].as_f64().or(self.usage.cost_usd);
        vec![Heard::Said(Said::Usage { usage: self.usage })]
    }
}

fn class_of(event: &Value, told: &str) -> ErrorClass {
    let status = event["api_error_status"].as_u64().and_then(class_of_status);
    status.unwrap_or_else(|| class_of_text(told.trim_start_matches("[API Error: ")))
}

fn parts(event: &Value) -> &[Value] {
    event["message"]["content"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Only a refusal is a closed door; how full a window is changes nothing yet.
fn limit(info: &Value) -> Vec<Heard> {
    if text_at(info, &["status"]) != "rejected" {
        return Vec::new();
    }
    let at = info["resetsAt"].as_u64().filter(|at| *at > 0);
    let reset_at =
        at.map(|at| Timestamp(if at < SECONDS_END { at.saturating_mul(1000) } else { at }));
    let window = text_at(info, &["rateLimitType"]).replace('_', " ");
    let text = if window.is_empty() {
        "the usage limit is reached".to_owned()
    } else {
        format!("the usage limit is reached ({window})")
    };
    vec![Heard::Said(Said::Limit { text: clip(&text), reset_ms: None, reset_at })]
}

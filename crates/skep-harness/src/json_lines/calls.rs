//! Turns told model call by model call, as pi (`-p --mode json`) and opencode (`run --format json`) write them.
//!
//! The two share no event name. Nothing here keeps a partial message (pi repeats the whole answer at every word: 76 MB
//! for 360 KB), trusts exit code 0 (pi exits so when every model call failed), or takes pi's `agent_end` for the end
//! while a retry may follow it.

use std::time::Duration;

use serde_json::Value;
use skep_core::said::{ErrorClass, Said, TurnResult, Usage};

use crate::port::{
    Heard, Turn, class_of_status, class_of_text, clip, count_at, joined, text_at, tool_input,
    trouble, trouble_for,
};

/// Events that only repeat what a later one says whole. They are known by their first bytes, because the longest of
/// them arrive cut and are no JSON any more, and because parsing them all would cost more than the run.
pub(super) const REPEATS: [&str; 5] = [
    "{\"type\":\"message_update\"",
    "{\"type\":\"message_start\"",
    "{\"type\":\"tool_execution_update\"",
    "{\"type\":\"turn_start\"",
    "{\"type\":\"turn_end\"",
];

/// pi's last event repeats the whole conversation, so it too is known by its first bytes.
const AGENT_END: &str = "{\"type\":\"agent_end\"";

/// A conversation with pi or opencode.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) turn: Turn,
    named: bool,
    usage: Usage,
    /// How the last message of the assistant stopped, in pi's words.
    stop: String,
    /// What went wrong last and has not been made good by a retry.
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    text: String,
    class: ErrorClass,
    result: TurnResult,
    told: bool,
}

impl Calls {
    /// Goes on with what a turn already holds.
    pub(super) fn of(turn: Turn) -> Calls {
        Calls { turn, ..Calls::default() }
    }

    /// Returns what a line says that need not be read for it; none where it must be.
    pub(super) fn glimpse(&mut self, line: &str) -> Option<Vec<Heard>> {
        if REPEATS.iter().any(|start| line.starts_with(start)) {
            return Some(Vec::new());
        }
        line.starts_with(AGENT_END).then(|| self.agent_end())
    }

    /// Returns what a line says; none where it is not one of theirs.
    pub(super) fn event(&mut self, event: &Value) -> Option<Vec<Heard>> {
        let mut heard = self.name(event);
        heard.extend(self.said(event)?);
        Some(heard)
    }

    /// Returns what follows from the end of the process, whose turn may still be open.
    pub(super) fn exited(&mut self, code: i32) -> Vec<Heard> {
        let mut heard = self.fail();
        heard.extend(self.turn.broken_off(code));
        heard
    }

    /// Tells the conversation's id, once: pi names it in its first event, opencode in each.
    fn name(&mut self, event: &Value) -> Vec<Heard> {
        let id = match text_at(event, &["type"]) {
            "session" => text_at(event, &["id"]),
            _ => text_at(event, &["sessionID"]),
        };
        if self.named || id.is_empty() {
            return Vec::new();
        }
        self.named = true;
        vec![Heard::Said(Said::Session { id: id.to_owned() })]
    }

    fn said(&mut self, event: &Value) -> Option<Vec<Heard>> {
        match text_at(event, &["type"]) {
            "session" => Some(Vec::new()),
            "agent_start" | "step_start" => {
                self.turn.begin();
                Some(Vec::new())
            }
            "message_end" => Some(self.message_end(&event["message"])),
            "tool_execution_start" => Some(vec![Heard::Said(Said::Tool {
                id: text_at(event, &["toolCallId"]).to_owned(),
                name: text_at(event, &["toolName"]).to_owned(),
                input: tool_input(&event["args"]),
            })]),
            "tool_execution_end" => Some(vec![Heard::Said(Said::ToolResult {
                id: text_at(event, &["toolCallId"]).to_owned(),
                ok: event["isError"] == Value::Bool(false),
                text: joined(&event["result"]["content"]),
            })]),
            "auto_retry_start" => Some(retry(event)),
            "auto_retry_end" => Some(self.retried(event)),
            "text" => Some(self.words(text_at(event, &["part", "text"]))),
            "reasoning" => Some(thought(text_at(event, &["part", "text"]))),
            "tool_use" => Some(tool_use(&event["part"])),
            "step_finish" => Some(self.step_finish(&event["part"])),
            "error" => Some(self.error(&event["error"])),
            _ => None,
        }
    }

    fn words(&mut self, text: &str) -> Vec<Heard> {
        if text.is_empty() {
            return Vec::new();
        }
        self.turn.said(text);
        vec![Heard::Said(Said::Said { text: clip(text) })]
    }

    fn message_end(&mut self, message: &Value) -> Vec<Heard> {
        if text_at(message, &["role"]) != "assistant" {
            return Vec::new();
        }
        let mut heard = Vec::new();
        for part in message["content"].as_array().map(Vec::as_slice).unwrap_or_default() {
            match text_at(part, &["type"]) {
                "text" => heard.extend(self.words(text_at(part, &["text"]))),
                "thinking" => heard.extend(thought(text_at(part, &["thinking"]))),
                // A call is told by the event of its start.
                _ => {}
            }
        }
        let usage = &message["usage"];
        let input = total(usage, &[&["input"], &["cacheRead"], &["cacheWrite"]]);
        heard.extend(self.used(
            input,
            count_at(usage, &["output"]),
            usage["cost"]["total"].as_f64(),
        ));
        self.stop = text_at(message, &["stopReason"]).to_owned();
        let failed = |text: &str, result| {
            Some(Failure { text: clip(text), class: class_of_text(text), result, told: false })
        };
        self.failure = match self.stop.as_str() {
            "error" => failed(text_at(message, &["errorMessage"]), TurnResult::Failed),
            "aborted" => failed("aborted", TurnResult::Cancelled),
            "length" => failed("the answer was cut at its length limit", TurnResult::Failed),
            _ => None,
        };
        heard
    }

    /// Adds one model call to the totals and tells them; a call that used nothing failed, and tells nothing.
    fn used(&mut self, input: u64, output: u64, cost: Option<f64>) -> Vec<Heard> {
        if input == 0 && output == 0 {
            return Vec::new();
        }
        self.usage.input_tokens = self.usage.input_tokens.saturating_add(input);
        self.usage.output_tokens = self.usage.output_tokens.saturating_add(output);
        self.usage.cost_usd = match (self.usage.cost_usd, cost) {
            (Some(before), Some(now)) => Some(before + now),
            (before, now) => now.or(before),
        };
        vec![Heard::Said(Said::Usage { usage: self.usage })]
    }

    /// An error that may be tried again keeps the turn open until a retry, its failure or the exit.
    fn agent_end(&mut self) -> Vec<Heard> {
        let stop = std::mem::take(&mut self.stop);
        match stop.as_str() {
            "error" | "" => Vec::new(),
            "aborted" | "length" => self.fail(),
            _ => self.turn.end(TurnResult::Ended),
        }
    }

    fn retried(&mut self, event: &Value) -> Vec<Heard> {
        if event["success"] == Value::Bool(true) {
            return Vec::new();
        }
        let text = text_at(event, &["finalError"]);
        let told = self.failure.as_ref().is_some_and(|failure| failure.told);
        self.failure = Some(Failure {
            text: clip(text),
            class: class_of_text(text),
            result: TurnResult::Failed,
            told,
        });
        self.fail()
    }

    /// Ends the turn by the failure that nothing has made good; nothing where there is none.
    fn fail(&mut self) -> Vec<Heard> {
        let Some(failure) = self.failure.take() else {
            return Vec::new();
        };
        let quiet = failure.told || failure.result == TurnResult::Cancelled || self.turn.over();
        let mut heard = if quiet { Vec::new() } else { trouble(failure.class, &failure.text) };
        heard.extend(self.turn.end_with(failure.result, &failure.text));
        heard
    }

    fn step_finish(&mut self, part: &Value) -> Vec<Heard> {
        let tokens = &part["tokens"];
        let input = total(tokens, &[&["input"], &["cache", "read"], &["cache", "write"]]);
        let mut heard = self.used(input, count_at(tokens, &["output"]), part["cost"].as_f64());
        match text_at(part, &["reason"]) {
            "stop" => heard.extend(self.turn.end(TurnResult::Ended)),
            "tool-calls" => {}
            reason => {
                let text = format!("the model stopped: {reason}");
                self.failure = Some(Failure {
                    text: clip(&text),
                    class: ErrorClass::Agent,
                    result: TurnResult::Failed,
                    told: false,
                });
            }
        }
        heard
    }

    /// opencode tells an error when its own retries are over; the turn's end is the exit.
    fn error(&mut self, error: &Value) -> Vec<Heard> {
        let name = text_at(error, &["name"]);
        let text = match text_at(error, &["data", "message"]) {
            "" => name,
            message => message,
        };
        let result =
            if name == "MessageAbortedError" { TurnResult::Cancelled } else { TurnResult::Failed };
        let class =
            class_of_status(count_at(error, &["data", "statusCode"])).unwrap_or_else(|| {
                if name.contains("Auth") { ErrorClass::Auth } else { class_of_text(text) }
            });
        self.failure = Some(Failure { text: clip(text), class, result, told: true });
        let header = text_at(error, &["data", "responseHeaders", "retry-after"]);
        let left = header.trim().parse().ok().map(Duration::from_secs);
        trouble_for(class, text, left)
    }
}

/// Adds up counts; what a broken line claims may not fit, and then stays at the top.
fn total(usage: &Value, paths: &[&[&str]]) -> u64 {
    paths.iter().fold(0, |sum: u64, path| sum.saturating_add(count_at(usage, path)))
}

fn thought(text: &str) -> Vec<Heard> {
    if text.is_empty() { Vec::new() } else { vec![Heard::Said(Said::Thought { text: clip(text) })] }
}

/// The failure stays known: an agent that ends while it waits for its retry failed of it.
fn retry(event: &Value) -> Vec<Heard> {
    let attempt = u32::try_from(count_at(event, &["attempt"])).unwrap_or(u32::MAX);
    let of = event["maxAttempts"].as_u64().and_then(|of| u32::try_from(of).ok());
    vec![Heard::Said(Said::Retry { attempt, of, text: clip(text_at(event, &["errorMessage"])) })]
}

/// opencode tells a tool only when it is over: call and result are one event.
fn tool_use(part: &Value) -> Vec<Heard> {
    let id = text_at(part, &["callID"]).to_owned();
    let state = &part["state"];
    let exit = state["metadata"]["exit"].as_i64().unwrap_or(0);
    let ok = text_at(state, &["status"]) == "completed" && exit == 0;
    let text = match text_at(state, &["error"]) {
        "" => text_at(state, &["output"]),
        error => error,
    };
    let name = text_at(part, &["tool"]).to_owned();
    vec![
        Heard::Said(Said::Tool { id: id.clone(), name, input: tool_input(&state["input"]) }),
        Heard::Said(Said::ToolResult { id, ok, text: clip(text) }),
    ]
}

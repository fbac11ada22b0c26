//! One JSON object a line from an agent that hears nothing more: pi, opencode, Gemini CLI, Qwen Code.
//!
//! Owns: the protocol `json_lines`; each dialect is a file below. No two share their first event, so the stream itself
//! tells which it is.
//! Never: trusts an exit code, or takes one dialect's word for another's.

use serde_json::Value;

use self::{calls::Calls, gemini::Gemini};
use crate::{
    messages::Messages,
    port::{Heard, Session, Turn, output, text_at},
};

mod calls;
mod gemini;
#[cfg(test)]
mod tests;

/// In which words pi, opencode, Gemini CLI and Qwen Code refuse to go on with a conversation. They do so before their first
/// event, so that nothing tells yet which of them it is.
const REFUSALS: [&str; 4] = [
    "no session found matching",
    "session not found",
    "error resuming session",
    "no saved session found with id",
];

/// A conversation with one of these agents.
#[derive(Debug)]
pub struct JsonLines {
    dialect: Dialect,
    /// Whether the stream has told which it is.
    told: bool,
}

#[derive(Debug)]
enum Dialect {
    Calls(Calls),
    Gemini(Gemini),
    Messages(Messages),
}

impl Default for JsonLines {
    fn default() -> JsonLines {
        JsonLines { dialect: Dialect::Calls(Calls::default()), told: false }
    }
}

impl Session for JsonLines {
    fn opening(&mut self, prompt: &str) -> Vec<u8> {
        prompt.as_bytes().to_vec()
    }

    fn closes_stdin(&self) -> bool {
        true
    }

    fn line(&mut self, line: &str) -> Vec<Heard> {
        if let Dialect::Calls(calls) = &mut self.dialect
            && let Some(heard) = calls.glimpse(line)
        {
            return heard;
        }
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            if let Dialect::Messages(messages) = &mut self.dialect
                && let Some(heard) = messages.glimpse(line)
            {
                return heard;
            }
            return output(line);
        };
        self.tell(&event);
        let heard = match &mut self.dialect {
            Dialect::Calls(calls) => calls.event(&event),
            Dialect::Gemini(gemini) => gemini.event(&event),
            Dialect::Messages(messages) => messages.event(&event),
        };
        heard.unwrap_or_else(|| output(line))
    }

    fn stderr(&mut self, line: &str) -> Vec<Heard> {
        self.turn().complained(line);
        if !self.told {
            self.turn().refuses(line, &REFUSALS);
        }
        Vec::new()
    }

    fn exited(&mut self, code: i32) -> Vec<Heard> {
        match &mut self.dialect {
            Dialect::Calls(calls) => calls.exited(code),
            Dialect::Gemini(gemini) => gemini.exited(code),
            Dialect::Messages(messages) => messages.exited(code),
        }
    }

    fn message(&mut self, _text: &str) -> Option<String> {
        None
    }
}

impl JsonLines {
    fn turn(&mut self) -> &mut Turn {
        match &mut self.dialect {
            Dialect::Calls(Calls { turn, .. })
            | Dialect::Gemini(Gemini { turn, .. })
            | Dialect::Messages(Messages { turn, .. }) => turn,
        }
    }

    /// Settles the dialect by the first event that only one of them has.
    fn tell(&mut self, event: &Value) {
        if self.told {
            return;
        }
        let kind = text_at(event, &["type"]);
        let of_calls = ["session", "agent_start", "step_start"].contains(&kind);
        if !of_calls && kind != "init" && kind != "system" {
            return;
        }
        // What it complained of before its first event is of the same turn.
        let turn = std::mem::take(self.turn());
        self.dialect = match kind {
            "init" => Dialect::Gemini(Gemini::of(turn)),
            "system" => Dialect::Messages(Messages::of(turn)),
            _ => Dialect::Calls(Calls::of(turn)),
        };
        self.told = true;
    }
}

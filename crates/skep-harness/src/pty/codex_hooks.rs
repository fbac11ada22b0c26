//! What Codex hands to its `notify` program, and the name of its conversation in its title.
//!
//! Owns: that only the person's own thread counts: Codex also notifies of hidden ones, which think up a title.
//! Never: fails on a shape that it does not know; such a one says nothing.

use serde_json::Value;
use skep_core::said::TurnResult;

use super::{Signal, text_of};

/// The length of a thread's name, and how much of it stands in a title at least.
const WHOLE: usize = 36;
const ENOUGH: usize = 23;

/// Reads one notification. `thread` is what the title shows of the name of the person's own thread; without it nobody can
/// tell whose turn it was. `alone`: no title tells that it is idle now.
pub fn signals(said: &Value, thread: &str, alone: bool) -> Vec<Signal> {
    let whose = text_of(said, "thread-id");
    let ours = !thread.is_empty() && whose.starts_with(thread);
    if text_of(said, "type") != "agent-turn-complete" || !ours {
        return Vec::new();
    }
    let turn = Some(text_of(said, "turn-id")).filter(|turn| !turn.is_empty());
    let text = text_of(said, "last-assistant-message");
    let ended = Signal::TurnEnded { turn, result: TurnResult::Ended, text };
    let idle = alone.then_some(Signal::Idle);
    [Signal::Session(whose), ended].into_iter().chain(idle).collect()
}

/// The thread's name in a title, or the beginning of it, which a long title is cut to.
///
/// Shape: the profile puts it before all that the model may have written.
pub fn thread_in(title: &str) -> Option<&str> {
    title.split(" | ").find_map(|part| {
        let name = part.trim_end_matches("...").trim_end_matches('…');
        let is_name = (ENOUGH..=WHOLE).contains(&name.len())
            && name.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        is_name.then_some(name)
    })
}

/// The whole name that begins with `thread`, where the title shows it: a conversation without a title is called by it.
pub fn whole<'a>(title: &'a str, thread: &str) -> Option<&'a str> {
    title.split(" | ").find(|part| {
        part.len() == WHOLE && thread_in(part) == Some(*part) && part.starts_with(thread)
    })
}

//! What an agent asks leave for, on the one screen: it is shown whole before it can be allowed.
//!
//! Owns: the question, and how much of one fits. Never: lets a person allow what they have not seen.

use skep_api::{
    request::Ask,
    view::{AskView, RunView},
};
use skep_core::text;

use super::model::{Asked, Choice, Mode, State, Way, What};
use crate::output::Tone;

/// The most of a request that is shown here. Lines, and characters.
const LINES: usize = 4;
const LETTERS: usize = 240;

impl State {
    /// Puts the first request of `run` that nobody has answered before the person.
    pub(super) fn leave(&mut self, run: &RunView) {
        let name = &run.name;
        let Some(ask) = run.open_asks().next() else {
            return self.say(Tone::Faint, format!("{name} asks for no leave"));
        };
        if ask.text.lines().count() > LINES || ask.text.chars().count() > LETTERS {
            let way = format!("{name} asks for more than fits here: skep show {name}");
            return self.say(Tone::Wants, way);
        }
        let rule = |allow| Asked {
            what: What::Rule,
            name: name.clone(),
            ask: Ask::Rule { of: ask.id.clone(), allow, text: None, from_wave: None },
        };
        self.mode = Mode::Choose(Choice {
            title: format!("{name} asks leave: {}", text::one_line(&ask.tool)),
            lines: lines(ask),
            ways: vec![
                Way::ask('y', "allow it", rule(true)),
                Way::ask('r', "refuse it", rule(false)),
            ],
        });
    }

    /// Says what became of a request.
    pub(super) fn ruled(&mut self, run: &RunView, allow: bool) {
        let word = if allow { "allowed" } else { "refused" };
        let more = match run.open_asks().count() {
            0 => String::new(),
            open => format!("; {open} more to answer: a"),
        };
        self.say(Tone::Good, format!("{}: {word}{more}", run.name));
    }
}

fn lines(ask: &AskView) -> Vec<(Tone, String)> {
    text::visible(&ask.text).lines().map(|line| (Tone::Plain, line.to_owned())).collect()
}

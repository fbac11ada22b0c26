//! What an agent on a terminal tells of itself: by its hooks, and by the title of its window.

use std::time::Instant;

use serde_json::Value;
use skep_api::{
    journal::Entry,
    spec::{self, PromptBy, Spec},
};
use skep_harness::{
    Session,
    pty::{Hooks, Pty, Signs, Titles},
};

use super::Keeper;

/// The conversation of an agent on a terminal.
pub(super) fn session_of(spec: &Spec) -> Box<dyn Session> {
    let told = spec.signs.clone().unwrap_or_default();
    Box::new(Pty::new(Signs {
        hooks: told.hooks.as_deref().and_then(Hooks::of),
        titles: titles_of(&told),
        unprompted: spec.prompt == PromptBy::None,
    }))
}

/// Whether the agent's window will say when it can be typed to.
pub(super) fn say_ready(spec: &Spec) -> bool {
    spec.signs.as_ref().is_some_and(|told| titles_of(told).say_ready())
}

fn titles_of(told: &spec::Signs) -> Titles {
    let told = told.clone();
    Titles { permission: told.permission, busy: told.busy, idle: told.idle, ready: told.ready }
}

impl Keeper {
    /// Hears what the agent wrote on its terminal.
    pub(super) fn hear_terminal(&mut self, bytes: &[u8]) {
        self.stirs();
        let now = Instant::now();
        let titles = self.tty.as_mut().map(|tty| tty.hear(bytes, now)).unwrap_or_default();
        for title in titles {
            for heard in self.session.title(&title) {
                self.keep(heard);
            }
        }
        if let Some(tty) = &mut self.tty
            && self.session.is_ready()
        {
            tty.await_word(false);
        }
    }

    /// Hears what a hook handed over.
    pub(super) fn hear_hook(&mut self, said: &Value) {
        self.stirs();
        for heard in self.session.hook(said) {
            self.keep(heard);
        }
    }

    /// A screen that is drawn anew says nothing of an agent that tells by itself what it does.
    fn stirs(&mut self) {
        if !self.session.tells_its_state() {
            self.sign_of_life();
        } else if self.quiet.stirred(Instant::now()) {
            self.report(Entry::Heard {});
        }
    }
}

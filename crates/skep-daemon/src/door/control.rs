//! Wishes about what an agent does: pausing and going on.

use std::os::unix::net::UnixStream;

use serde_json::Value;
use skep_api::view::RunView;
use skep_core::{
    fleet::Input,
    run::{self, State, Surface, WaitingFor},
};

use super::{Door, Trouble, progress, value};

/// What is asked for with another attempt.
pub(super) struct Again<'a> {
    pub run: &'a str,
    pub goes_on: bool,
    pub words: Option<&'a str>,
    /// None: as before.
    pub surface: Option<Surface>,
}

impl Door {
    pub(super) fn pause(&self, key: &str, text: &str, now: bool) -> Result<Option<Value>, Trouble> {
        let run = self.wishes.board.read().fleet.find_run(text)?.id().clone();
        let input = run::Input::Pause { now };
        match self.wishes.wish(key, Input::Run { run: run.clone(), input }) {
            Err(Trouble::Refused(refusal)) => Err(refusal.hint(format!("skep why {run}")).into()),
            other => other.and_then(|_| self.view_of(&run)),
        }
    }

    /// The next attempt; a run that only waits gets the words, or the word to go on.
    pub(super) fn again(
        &self,
        key: &str,
        ask: &Again<'_>,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let Again { run, goes_on, words, surface } = *ask;
        let fleet = self.wishes.board.read().fleet;
        let run = fleet.find_run(run)?;
        let (id, before) = (run.id().clone(), run.attempt);
        let surface = surface.filter(|surface| *surface != run.speech.surface || run.is_ended());
        let speech = surface.map(|surface| self.speech(run, surface)).transpose()?;
        let rests =
            matches!(run.state, State::Waiting { on: WaitingFor::Paused | WaitingFor::Input, .. });
        let input = if rests && goes_on && speech.is_none() {
            let text = words.unwrap_or("Go on with your task.").to_owned();
            run::Input::Give { id: key.to_owned(), text }
        } else {
            if run.is_ended() || matches!(run.state, State::Limited { .. }) {
                progress(out, &format!("{}: attempt {}", run.brief.name, run.attempt + 1))?;
            }
            run::Input::Again { goes_on, message: words.map(str::to_owned), speech }
        };
        self.wishes.wish(key, Input::Run { run: id.clone(), input })?;
        match surface {
            Some(surface) => self.await_surface(&id, before, surface, out)?,
            None => self.await_health(&id, out)?,
        }
        self.require_begun(&id)?;
        self.view_of(&id)
    }

    /// Answers a request for leave: the one that is named, or the only one of the run that is.
    pub(super) fn rule(
        &self,
        key: &str,
        of: &str,
        ruling: run::Ruling,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let (run, ask) = fleet.find_asking(of)?;
        let id = run.id().clone();
        let input = run::Input::Rule { ask, ruling };
        self.wishes.wish(key, Input::Run { run: id.clone(), input })?;
        self.view_of(&id)
    }

    pub(super) fn view_of(&self, id: &skep_core::id::RunId) -> Result<Option<Value>, Trouble> {
        value(&self.wishes.board.read().fleet.runs.get(id).map(|run| RunView::of(run)))
    }
}

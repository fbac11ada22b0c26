//! Wishes about what an agent does: pausing, going on, and words for it.

use std::os::unix::net::UnixStream;

use serde_json::Value;
use skep_api::{
    ctl,
    view::{RunView, SendView},
    wire::Refusal,
};
use skep_core::{
    fleet::Input,
    run::{self, State, WaitingFor},
};

use super::{Door, Trouble, progress, value};

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
        text: &str,
        goes_on: bool,
        words: Option<&str>,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let run = fleet.find_run(text)?;
        let id = run.id().clone();
        let rests =
            matches!(run.state, State::Waiting { on: WaitingFor::Paused | WaitingFor::Input, .. });
        let input = if rests && goes_on {
            let text = words.unwrap_or("Go on with your task.").to_owned();
            run::Input::Give { id: key.to_owned(), text }
        } else {
            if run.is_ended() || matches!(run.state, State::Limited { .. }) {
                progress(out, &format!("{}: attempt {}", run.brief.name, run.attempt + 1))?;
            }
            run::Input::Again { goes_on, message: words.map(str::to_owned) }
        };
        self.wishes.wish(key, Input::Run { run: id.clone(), input })?;
        self.await_health(&id, out)?;
        self.view_of(&id)
    }

    /// Gives an agent a message: one that waits by a decision, one at work by its keeper.
    pub(super) fn send(
        &self,
        key: &str,
        text: &str,
        words: &str,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let run = fleet.find_run(text)?;
        let id = run.id().clone();
        let view = |delivery: &str| SendView { run: id.to_string(), delivery: delivery.to_owned() };
        match run.state {
            State::Waiting { .. } => {
                let input = run::Input::Give { id: key.to_owned(), text: words.to_owned() };
                self.wishes.wish(key, Input::Run { run: id.clone(), input })?;
                value(&view("queued"))
            }
            State::Running { .. } | State::Stalled { .. } => {
                match self.performer.get().map(|hands| hands.tell(run, key, words)) {
                    Some(Ok(ctl::Answer::Accepted {})) => value(&view("delivered")),
                    Some(Ok(ctl::Answer::Queued {})) => value(&view("queued")),
                    Some(Ok(ctl::Answer::Refused { slug, text })) => {
                        Err(Refusal::error(slug, text).hint(format!("skep show {id}")).into())
                    }
                    Some(Ok(other)) => {
                        Err(Refusal::error("keeper-failed", format!("{other:?}")).into())
                    }
                    // It may have been taken before the line broke.
                    Some(Err(_)) | None => value(&view("unknown")),
                }
            }
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. }
                if run.brief.adopted.is_some() && run.attempt == 1 =>
            {
                Err(Self::not_ours(run).into())
            }
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Limited { .. }
            | State::Stopping { .. }
            | State::Ended { .. } => Err(Refusal::error(
                "nobody-listens",
                format!("{id} is {}; there is no agent to read it", run.state_name()),
            )
            .hint(format!("skep resume {id} TEXT"))
            .into()),
        }
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

    fn view_of(&self, id: &skep_core::id::RunId) -> Result<Option<Value>, Trouble> {
        value(&self.wishes.board.read().fleet.runs.get(id).map(|run| RunView::of(run)))
    }
}

//! Another surface for a run: whether its agent can take its conversation there, and the wait until it has.

use std::os::unix::net::UnixStream;

use skep_api::{wire::Refusal, wire::chain};
use skep_core::{
    id::RunId,
    run::{Run, Speech, State, Surface, WaitingFor},
};
use skep_harness::profile::Profile;

use super::{Door, Trouble, progress};

impl Door {
    /// How the next attempt speaks on `surface`; refused before anything changes where the agent cannot go on there.
    pub(super) fn speech(&self, run: &Run, surface: Surface) -> Result<Speech, Refusal> {
        let agents = self.config.join("agents");
        let profile = Profile::load(&run.brief.agent, Some(&agents))
            .map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
        let on_screen = surface == Surface::Terminal;
        let unable = |what: &str| {
            Refusal::error("agent-unable", format!("agent `{}` {what}", profile.name))
                .hint(format!("skep resume {} TEXT", run.id()))
                .hint(format!("skep logs {}", run.id()))
        };
        let (able, where_to) = if on_screen {
            (profile.can_go_on_screen(), "on a screen of its own")
        } else {
            (profile.protocol != "pty" && profile.can_go_on(), "without a screen")
        };
        if !able {
            return Err(unable(&format!("cannot go on with a conversation {where_to}")));
        }
        if run.session.is_none() {
            return Err(unable("has not named its conversation, so that it cannot be taken up"));
        }
        Ok(Speech {
            surface,
            speaks: !on_screen && profile.protocol != "plain",
            hears: profile.hears(on_screen),
        })
    }

    /// Waits until an attempt after `before` is on its surface, or there will be none.
    pub(super) fn await_surface(
        &self,
        id: &RunId,
        before: u32,
        surface: Surface,
        out: &mut UnixStream,
    ) -> Result<(), Trouble> {
        let mut posted = self.wishes.board.read();
        let mut said = String::new();
        loop {
            let Some(run) = posted.fleet.runs.get(id) else { return Ok(()) };
            let next = run.attempt > before;
            let there = next && run.pid().is_some() && run.speech.surface == surface;
            if there || (run.is_ended() && (next || run.turns_to().is_none())) {
                return Ok(());
            }
            let word = match &run.state {
                State::Running { .. } | State::Stalled { .. } if !next => {
                    "goes there when its turn is over; Ctrl-C does not change that".to_owned()
                }
                State::Waiting { on: WaitingFor::Paused, .. } => "its turn is over".to_owned(),
                State::Queued { .. }
                | State::Preparing { .. }
                | State::Starting { .. }
                | State::Running { .. }
                | State::Waiting { .. }
                | State::Stalled { .. }
                | State::Limited { .. }
                | State::Stopping { .. }
                | State::Ended { .. } => run.state_name().to_owned(),
            };
            if word != said {
                progress(out, &format!("{}: {word}", run.brief.name))?;
                said = word;
            }
            let seq = posted.seq;
            posted = self.wishes.board.wait_beyond(seq, None);
            if posted.closing {
                return Ok(());
            }
        }
    }

    /// Says of a follow-up that could not start that it could not; the run is what it was.
    pub(super) fn require_begun(&self, id: &RunId) -> Result<(), Refusal> {
        let posted = self.wishes.board.read();
        let Some(run) = posted.fleet.runs.get(id) else { return Ok(()) };
        let Some((attempt, why)) = &run.conversation.unbegun else { return Ok(()) };
        let words = if why.is_empty() { "it left at once, without a word" } else { why };
        let text = format!(
            "{} stays completed: attempt {attempt} could not start: {words}",
            run.brief.name
        );
        let refusal = Refusal::error("follow-up-unstarted", text);
        Err(Refusal { exit: 4, ..refusal }
            .hint(format!("skep why {id}"))
            .hint(format!("skep logs {id}"))
            .hint(format!("skep resume {id} TEXT")))
    }
}

//! Wishes to the engine, and the answers to them.
//!
//! Owns: that a wish is durable before it is answered, and the waiting for what it leads to.
//! Never: decides whether one is granted; the core does.

use std::{
    fmt, io,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
};

use skep_api::wire::Refusal;
use skep_core::{
    fleet::Input,
    id::{OpId, RunId},
    run::{self, How, OpResult, Rejected, Run},
};

use crate::{
    board::Board,
    engine::{Inbox, Refused},
    resolve,
};

/// The way to the engine and back.
#[derive(Debug, Clone)]
pub struct Wishes {
    pub board: Arc<Board>,
    pub inbox: Sender<Inbox>,
}

impl Wishes {
    /// Gives a wish to the engine and waits until it is durable.
    pub fn wish(&self, key: &str, input: Input) -> Result<u64, Trouble> {
        self.wish_of("person", key, input)
    }

    /// The same where somebody else wishes it.
    pub fn wish_of(&self, source: &str, key: &str, input: Input) -> Result<u64, Trouble> {
        let (reply, answer) = mpsc::channel();
        let wish = Inbox::Wish {
            key: format!("wish/{key}"),
            source: source.to_owned(),
            input: Box::new(input),
            reply,
        };
        self.inbox.send(wish).map_err(|_| stopping())?;
        match answer.recv() {
            Ok(Ok(seq)) => Ok(seq),
            Ok(Err(Refused::Rejected(rejected))) => Err(rejected.into()),
            Ok(Err(Refused::Ledger { slug, text })) => {
                let refusal = Refusal::error(slug, text);
                Err(match slug {
                    "disk-full" => refusal
                        .hint("free space where the home lies")
                        .hint("skep stop ID, skep close ID   work all the same"),
                    _ => refusal,
                }
                .into())
            }
            Err(_) => Err(stopping()),
        }
    }

    /// Whether a wish with this key was granted before: who asks once more, the daemon having died, is no other wish.
    pub fn counted(&self, key: &str) -> Result<bool, Trouble> {
        let (reply, answer) = mpsc::channel();
        self.inbox
            .send(Inbox::Seen { key: format!("wish/{key}"), reply })
            .map_err(|_| stopping())?;
        match answer.recv() {
            Ok(seen) => Ok(seen.is_ok_and(|seq| seq > 0)),
            Err(_) => Err(stopping()),
        }
    }

    /// Waits for what the wish `op` about a run comes to.
    pub fn await_op(&self, id: &RunId, op: &OpId) -> Result<(Run, OpResult), Trouble> {
        let mut posted = self.board.read();
        loop {
            let run = posted.fleet.runs.get(id);
            if let Some(run) = run
                && let Some(result) = run.result_of(op)
            {
                return Ok((run.as_ref().clone(), result.clone()));
            }
            if posted.closing {
                return Err(Refusal::error(
                    "daemon-stopping",
                    "the daemon is stopping; it goes on at its next start",
                )
                .into());
            }
            posted = self.board.wait_beyond(posted.seq, None);
        }
    }

    /// Closes one run and waits for what comes of it.
    pub fn close(&self, key: &str, id: &RunId, how: How) -> Result<(Run, OpResult), Trouble> {
        let op = OpId::new(resolve::spell(key));
        let input = run::Input::Close { op: op.clone(), how };
        self.wish(key, Input::Run { run: id.clone(), input })?;
        self.await_op(id, &op)
    }

    /// Stops a run and waits for its end.
    pub fn stop(&self, key: &str, id: &RunId) -> Result<(), Trouble> {
        let input = run::Input::Stop { force: false };
        self.wish(key, Input::Run { run: id.clone(), input })?;
        let mut posted = self.board.read();
        while posted.fleet.runs.get(id).is_some_and(|run| !run.is_ended()) && !posted.closing {
            posted = self.board.wait_beyond(posted.seq, None);
        }
        Ok(())
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    Refused(Refusal),
    Broken(io::Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Refused(refusal) => write!(f, "{}: {}", refusal.slug, refusal.message),
            Trouble::Broken(err) => write!(f, "{err}"),
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        Trouble::Refused(refusal)
    }
}

impl From<io::Error> for Trouble {
    fn from(err: io::Error) -> Trouble {
        Trouble::Broken(err)
    }
}

impl From<Rejected> for Trouble {
    fn from(rejected: Rejected) -> Trouble {
        // What a person can decide is a decision; the rest was a wrong question.
        let decisions = [
            "run-living",
            "project-held",
            "close-under-way",
            "restore-under-way",
            "already-landed",
            "already-undone",
            "nothing-to-land",
            "nothing-to-propose",
            "task-held",
            "task-needed",
            "budget-spent",
            "claims-taken",
            "issue-taken",
        ];
        let exit = if decisions.contains(&rejected.slug) { 1 } else { 2 };
        Trouble::Refused(Refusal {
            slug: rejected.slug.to_owned(),
            message: rejected.text,
            hints: rejected.hints,
            exit,
        })
    }
}

fn stopping() -> Trouble {
    Refusal::error("daemon-stopping", "the daemon is stopping; ask again").into()
}

//! What an ended attempt amounts to, from facts of different strength.
//!
//! Owns: the outcome table (`docs/design/outcome.md`), strongest fact first.
//! Never: takes an exit code, or a claim of success, for a proof by itself.

use serde::{Deserialize, Serialize};

use super::{Because, Verdict};
use crate::{
    facts::Exit,
    said::{ErrorClass, TurnResult},
};

#[cfg(test)]
mod tests;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Completed,
    Failed,
    Stopped,
    Interrupted,
    Lost,
}

/// Why it ended so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    AgentExit,
    AgentCrash,
    AgentError,
    /// The agent said that it cannot go on.
    AgentBlocked,
    NoResult,
    NoChange,
    Auth,
    UsageLimit,
    ModelError,
    Stalled,
    Timeout,
    /// A limit of money or tokens was reached.
    Budget,
    /// A limit of turns was reached.
    Turns,
    Prepare,
    SetUp,
    Start,
    /// The command of a gate ended otherwise than with 0.
    GateFailed,
    StoppedByPerson,
    Superseded,
    SupervisorLost,
    HostRestart,
    Breaker,
    /// Somebody else began the work, and it was taken over as it stood.
    Adopted,
}

impl Outcome {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Completed => "completed",
            Outcome::Failed => "failed",
            Outcome::Stopped => "stopped",
            Outcome::Interrupted => "interrupted",
            Outcome::Lost => "lost",
        }
    }
}

impl Reason {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::AgentExit => "agent-exit",
            Reason::AgentCrash => "agent-crash",
            Reason::AgentError => "agent-error",
            Reason::AgentBlocked => "agent-blocked",
            Reason::NoResult => "no-result",
            Reason::NoChange => "no-change",
            Reason::Auth => "auth",
            Reason::UsageLimit => "usage-limit",
            Reason::ModelError => "model-error",
            Reason::Stalled => "stalled",
            Reason::Timeout => "timeout",
            Reason::Budget => "budget",
            Reason::Turns => "turns",
            Reason::Prepare => "prepare",
            Reason::SetUp => "set-up",
            Reason::Start => "start",
            Reason::GateFailed => "gate-failed",
            Reason::StoppedByPerson => "stopped-by-person",
            Reason::Superseded => "superseded",
            Reason::SupervisorLost => "supervisor-lost",
            Reason::HostRestart => "host-restart",
            Reason::Breaker => "breaker",
            Reason::Adopted => "adopted",
        }
    }
}

/// Everything that is known at an attempt's end.
#[derive(Debug, Clone)]
pub struct Ending<'a> {
    /// Why it was being stopped, where it was.
    pub stopping: Option<Because>,
    pub verdict: &'a Verdict,
    pub exit: &'a Exit,
    /// Whether the agent's protocol has a word for a turn's result.
    pub speaks: bool,
    /// Whether it left within its health window.
    pub young: bool,
    /// Whether what it says is what was asked for; a plan stands in a file.
    pub words_asked: bool,
    /// Whether work on the tree was asked for.
    pub work_asked: bool,
}

/// Judges an attempt that ended; what is unknown decides nothing.
///
/// Order: a person's word, the end by force, an error, the exit, the turn, what git saw.
pub fn judge(end: &Ending<'_>) -> (Outcome, Option<Reason>) {
    if let Some(because @ (Because::Person | Because::Superseded)) = end.stopping {
        return of_force(Some(because));
    }
    if end.exit.error.is_some() {
        return (Outcome::Failed, Some(Reason::Start));
    }
    // A limit is told when a turn is over: whoever had done its work by then has done it.
    if let Some(because @ (Because::Budget | Because::Turns)) = end.stopping {
        return match of_error(end.verdict).or_else(|| of_turn(end)) {
            Some(_) => of_force(Some(because)),
            None => of_tree(end).map_or((Outcome::Completed, None), |_| of_force(Some(because))),
        };
    }
    // An agent that ended by itself is judged by what it did, whatever was about to be done to it.
    if end.exit.forced {
        return of_force(end.stopping);
    }
    let reason = of_error(end.verdict)
        .or_else(|| of_exit(end))
        // A claim of failure is believed where nothing stronger speaks, and says more than a turn without a result.
        .or_else(|| end.verdict.blocked.as_ref().map(|_| Reason::AgentBlocked))
        .or_else(|| of_turn(end))
        .or_else(|| of_tree(end));
    (reason.map_or(Outcome::Completed, |_| Outcome::Failed), reason)
}

fn of_force(stopping: Option<Because>) -> (Outcome, Option<Reason>) {
    match stopping {
        Some(Because::Person) => (Outcome::Stopped, Some(Reason::StoppedByPerson)),
        Some(Because::Superseded) => (Outcome::Stopped, Some(Reason::Superseded)),
        Some(Because::Paused | Because::Surface) => {
            (Outcome::Interrupted, Some(Reason::StoppedByPerson))
        }
        Some(Because::Stalled) => (Outcome::Failed, Some(Reason::Stalled)),
        Some(Because::Limit) => (Outcome::Failed, Some(Reason::UsageLimit)),
        Some(Because::Timeout) => (Outcome::Failed, Some(Reason::Timeout)),
        Some(Because::Budget) => (Outcome::Failed, Some(Reason::Budget)),
        Some(Because::Turns) => (Outcome::Failed, Some(Reason::Turns)),
        Some(Because::NeverStarted | Because::NeverReady) => (Outcome::Failed, Some(Reason::Start)),
        Some(Because::HostRestart) => (Outcome::Interrupted, Some(Reason::HostRestart)),
        Some(Because::SupervisorLost) | None => (Outcome::Lost, Some(Reason::SupervisorLost)),
    }
}

/// An error that nothing made good.
fn of_error(verdict: &Verdict) -> Option<Reason> {
    match &verdict.error {
        Some((ErrorClass::Auth, _)) => Some(Reason::Auth),
        Some((ErrorClass::Limit, _)) => Some(Reason::UsageLimit),
        Some((ErrorClass::Model, _)) => Some(Reason::ModelError),
        Some((ErrorClass::Agent, _)) => Some(Reason::AgentError),
        Some((ErrorClass::Notice, _)) | None => None,
    }
}

fn of_exit(end: &Ending<'_>) -> Option<Reason> {
    if end.exit.let_go {
        return None;
    }
    let finished = matches!(end.verdict.turn, Some(TurnResult::Success | TurnResult::Ended));
    match (end.exit.code, end.exit.signal) {
        (0, None) => None,
        _ if end.young && !finished => Some(Reason::Start),
        (_, Some(_)) => Some(Reason::AgentCrash),
        (_, None) => Some(Reason::AgentExit),
    }
}

/// Exit 0, and yet no answer: a turn that broke off, or the missing word of a protocol that has one.
fn of_turn(end: &Ending<'_>) -> Option<Reason> {
    match end.verdict.turn {
        Some(TurnResult::Success | TurnResult::Ended)
            if !end.speaks || !end.words_asked || !end.verdict.empty =>
        {
            None
        }
        // Whatever its agent calls a turn that was cancelled because nothing was heard.
        Some(_) if end.verdict.stalled => Some(Reason::Stalled),
        Some(TurnResult::Cancelled) => Some(Reason::AgentError),
        Some(TurnResult::Failed | TurnResult::Success | TurnResult::Ended) => {
            Some(Reason::NoResult)
        }
        None => end.speaks.then_some(Reason::NoResult),
    }
}

fn of_tree(end: &Ending<'_>) -> Option<Reason> {
    let untouched = end.exit.git.as_ref().is_some_and(|git| git.ahead == 0 && !git.dirty);
    (end.work_asked && untouched).then_some(Reason::NoChange)
}

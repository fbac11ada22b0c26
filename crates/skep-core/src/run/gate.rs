//! A run that checks: one command on one commit, without an agent.
//!
//! Owns: what of a gate is frozen into its run, what its end is worth, what nobody can wish of it, how its env goes.
//! Never: knows the landing that it is for, or reads a meaning into what the command prints. See `docs/design/gate.md`.

use serde::{Deserialize, Serialize};

use super::{
    Because, Brief, Effect, Event, How, Input, Kind, Outcome, Reason, Rejected, Run, Step,
};
use crate::{
    facts::Exit,
    id::{self, OpId, RunId},
    text,
};

/// A check of a project's, as a person approved it, and what it checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name in the project's settings.
    pub name: String,
    /// A shell command.
    pub run: String,
    /// Programs that are asked for their versions before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The run whose work is to be brought in.
    pub of: RunId,
    /// The wish that it is run for.
    pub op: OpId,
    /// The tree that is checked.
    pub tree: String,
    /// A commit that has that tree.
    pub commit: String,
}

/// The longest version that is kept. Characters.
const LONGEST: usize = 200;

/// What a line begins with by which a gate's run says the version of a tool, before anything of the tree ran.
pub const VERSION: &str = "skep: version of ";

/// Reads from the first lines that a gate's run put out which version each of `tools` is; those that said nothing are left out.
///
/// A line of that form further behind is the tree's own word, and no version.
pub fn versions<'a>(
    tools: &[String],
    lines: impl IntoIterator<Item = &'a str>,
) -> Vec<(String, String)> {
    let said = |(tool, line): (&String, &str)| {
        let (name, version) = line.strip_prefix(VERSION)?.split_once(": ")?;
        let version = text::words(text::one_line(version).trim(), LONGEST);
        (name == tool && !version.is_empty()).then(|| (tool.clone(), version))
    };
    tools.iter().zip(lines).filter_map(said).collect()
}

impl Kind {
    /// Whether an agent does its work: else there are no words, no messages and nothing that costs.
    pub fn has_agent(self) -> bool {
        match self {
            Kind::Code | Kind::Plan | Kind::Review | Kind::Foreman | Kind::Manual => true,
            Kind::Gate => false,
        }
    }
}

impl Brief {
    /// Refuses a run that checks nothing, and a gate that is no run of that kind.
    pub(crate) fn require_gate(&self) -> Result<(), Rejected> {
        if self.gate.is_some() == (self.kind == Kind::Gate) {
            return Ok(());
        }
        Err(Rejected {
            slug: "misplaced",
            text: format!("{} is of kind {} and not as such a run is", self.id, self.kind.as_str()),
            hints: Vec::new(),
        })
    }
}

impl Run {
    /// Whether it runs a command of the project's and no agent.
    pub fn is_gate(&self) -> bool {
        !self.brief.kind.has_agent()
    }

    /// What `input` is to a gate, where that is another thing than to an agent's run; none where it is the same.
    pub(super) fn gated(&self, input: &Input) -> Option<Result<Step, Rejected>> {
        if !self.is_gate() {
            return None;
        }
        let heard = match input {
            // What a command prints means nothing, its silence neither, and nobody asks anybody.
            Input::Said { .. }
            | Input::Tool { .. }
            | Input::Silent { .. }
            | Input::Heard { .. }
            | Input::Halt => Ok(Step::default()),
            Input::Again { .. } => Err(self.not_for_gates("start it again")),
            Input::PassOn(_) => Err(self.not_for_gates("give it to another login")),
            Input::Pause { .. } => Err(self.not_for_gates("pause it")),
            Input::Give { .. } | Input::Send { .. } => Err(self.not_for_gates("send it a message")),
            Input::Raise { .. } => Err(self.not_for_gates("give it more to use")),
            Input::Land { .. } | Input::Propose { .. } => Err(self.not_for_gates("land it")),
            Input::Snap { .. } => Err(self.not_for_gates("take a snapshot of it")),
            Input::Admit
            | Input::Stop { .. }
            | Input::Supersede
            | Input::Told { .. }
            | Input::Release
            | Input::Rules
            | Input::Lift
            | Input::RulesSet { .. }
            | Input::Rule { .. }
            | Input::Answer { .. }
            | Input::Escalate { .. }
            | Input::Close { .. }
            | Input::Abandon { .. }
            | Input::Forget { .. }
            | Input::Landing(_)
            | Input::Followed { .. }
            | Input::Round
            | Input::RoundRefused { .. }
            | Input::InUse { .. }
            | Input::Restore { .. }
            | Input::Undo { .. }
            | Input::Purge { .. }
            | Input::DropLogs
            | Input::Settle
            | Input::Prepared(_)
            | Input::PrepareFailed { .. }
            | Input::Began { .. }
            | Input::StartFailed { .. }
            | Input::Started { .. }
            | Input::Overdue { .. }
            | Input::Shown { .. }
            | Input::Exited { .. }
            | Input::Gone { .. }
            | Input::Swept { .. }
            | Input::Undone { .. }
            | Input::OpDone { .. }
            | Input::Snapped { .. }
            | Input::Settled { .. }
            | Input::Purged { .. }
            | Input::LogsDropped
            | Input::LeaveIssue
            | Input::IssueLeft { .. }
            | Input::Comment { .. }
            | Input::GitSeen(_)
            | Input::Overstepped { .. }
            | Input::Done
            | Input::Tick => return None,
        };
        Some(heard)
    }

    fn not_for_gates(&self, wish: &str) -> Rejected {
        let id = self.id();
        let (name, again) = self.brief.gate.as_ref().map_or_else(
            || (String::new(), None),
            |gate| (format!(" `{}`", gate.name), Some(format!("skep show {}", gate.of))),
        );
        let ways = again.into_iter().chain([format!("skep logs {id}")]);
        Rejected {
            slug: "not-for-gates",
            text: format!("{id} runs gate{name} and no agent; you cannot {wish}"),
            hints: ways.collect(),
        }
    }

    /// How an env is given back that was asked for in the way of `how`: of a gate nothing in it is work.
    pub fn way_out(&self, how: How) -> How {
        if self.is_gate() { How::Spent } else { how }
    }

    /// The wish by which the env of a gate that ended goes: nobody has it, so its id follows from the run's.
    pub fn own_wish(&self) -> OpId {
        OpId::new(id::derived(&format!("{}/spent", self.id())))
    }

    /// Adds what follows the end of a gate: its env goes at once, without a snapshot.
    pub(super) fn spent(&self, step: &mut Step) {
        let (run, op, how) = (self.id().clone(), self.own_wish(), How::Spent);
        let snapshot = Some(self.next_snapshot());
        step.events.push(Event::Closing { op: op.clone(), how, snapshot: snapshot.clone() });
        step.effects.push(Effect::Close { run, op, how, snapshot });
    }
}

/// Judges a gate that ended, with its words: 0, and nobody was about to end it, is the only way to pass.
pub(super) fn judge(
    stopping: Option<Because>,
    exit: &Exit,
    may_ms: u64,
) -> (Outcome, Option<Reason>, Option<String>) {
    let failed = |reason, words: Option<String>| (Outcome::Failed, Some(reason), words);
    match stopping {
        Some(Because::Person) => (Outcome::Stopped, Some(Reason::StoppedByPerson), None),
        Some(Because::Superseded) => (Outcome::Stopped, Some(Reason::Superseded), None),
        Some(_) | None if exit.error.is_some() => failed(Reason::Start, None),
        // Whatever it made of being told to end says nothing of the tree.
        Some(Because::Timeout) => failed(Reason::Timeout, Some(took_too_long(may_ms))),
        // No other clock holds for a gate, and nobody pauses one.
        Some(
            Because::NeverStarted
            | Because::NeverReady
            | Because::Paused
            | Because::Surface
            | Because::Stalled
            | Because::Limit
            | Because::Budget
            | Because::Turns,
        ) => failed(Reason::Start, None),
        // Its own end, which nobody was there to hear.
        None | Some(Because::SupervisorLost | Because::HostRestart) => {
            match (exit.code, exit.signal) {
                _ if exit.forced => (Outcome::Lost, Some(Reason::SupervisorLost), None),
                (0, None) => (Outcome::Completed, None, None),
                (_, Some(signal)) => {
                    failed(Reason::GateFailed, Some(format!("ended by signal {signal}")))
                }
                (code, None) => failed(Reason::GateFailed, Some(format!("exit code {code}"))),
            }
        }
    }
}

fn took_too_long(may_ms: u64) -> String {
    match may_ms / 1000 {
        seconds if seconds > 0 && seconds.is_multiple_of(60) => {
            format!("longer than its {} min", seconds / 60)
        }
        seconds => format!("longer than its {seconds} s"),
    }
}

#[cfg(test)]
pub(crate) mod tests;

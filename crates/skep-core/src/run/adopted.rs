//! What a run took over that somebody else began.
//!
//! Owns: which worktree may be taken over, what was found beside it, and what that changes in a run's life.
//! Never: believes that it still stands; whoever wants to act on it looks again.

use serde::{Deserialize, Serialize};

use super::{Base, Env, EnvState, Event, Outcome, Reason, Rejected, Run, State, Step};

/// What was found of the work that a run took over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    pub layout: Layout,
    /// Where its branch left the one that it is to land on; none where that is not known.
    pub base: Option<Base>,
    /// The pane of tmux that stood in its worktree.
    pub pane: Option<Pane>,
}

/// Whose way of laying out worktrees it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `git worktree add`, anywhere.
    Git,
    Workmux,
    ClaudeSquad,
}

/// A pane of somebody's tmux, so named that another one is not it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pane {
    /// The socket of its server.
    pub socket: String,
    /// The session's name, for people.
    pub name: String,
    /// `$` and a number.
    pub session: String,
    /// `%` and a number.
    pub pane: String,
    /// Its first process.
    pub pid: u32,
    /// When that process began. Unit: clock ticks since boot.
    pub started: u64,
    /// What ran in it, for people.
    pub program: String,
}

/// What a look at a worktree found that speaks for or against taking it over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its folder, for people.
    pub path: String,
    /// Whether it is an env of some skep, or holds the snapshots of the repository.
    pub of_skep: bool,
    /// Whether it is the repository itself, without files.
    pub bare: bool,
    /// Whether it is the one that the repository was made with.
    pub main: bool,
    /// Whether its folder is not there, or git would forget it.
    pub gone: bool,
    /// Why it is locked, where it is.
    pub locked: Option<String>,
    /// Whether another user owns it.
    pub of_another: bool,
    /// The linked worktree that it lies in.
    pub inside: Option<String>,
    /// Whether nothing was ever committed there.
    pub unborn: bool,
}

impl Standing {
    /// Why it is not to be taken over; none where it may be.
    ///
    /// Order: what it is, whether it stands, whose it is, how it stands.
    pub fn refusal(&self) -> Option<Rejected> {
        let path = &self.path;
        if self.of_skep {
            let text = format!("{path} belongs to a skep already");
            return no("adopt-env", text, &["skep ls --all"]);
        }
        if self.bare {
            let text = format!("{path} is a bare repository, which has no files to work on");
            return no("adopt-bare", text, &["skep adopt   # lists its worktrees"]);
        }
        if self.main {
            let text = format!("{path} is the main worktree, your own checkout");
            let way = "skep run --in-place TITLE   # works there, and never resets or removes it";
            return no("adopt-main", text, &[way]);
        }
        if self.gone {
            let text = format!("{path} is registered, and its folder is not there");
            return no("adopt-missing", text, &["git worktree repair", "git worktree prune"]);
        }
        if self.of_another {
            return no("adopt-not-yours", format!("{path} is owned by another user"), &[]);
        }
        if let Some(why) = &self.locked {
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            let text = format!("{path} is locked{why}");
            return no("adopt-locked", text, &["git worktree unlock PATH   # if that is over"]);
        }
        if let Some(outer) = &self.inside {
            let text = format!("{path} lies inside the worktree {outer}");
            return no("adopt-nested", text, &["git worktree move PATH ELSEWHERE"]);
        }
        if self.unborn {
            let text = format!("{path} has no commit yet");
            return no("adopt-unborn", text, &["commit something there, then adopt it"]);
        }
        None
    }
}

fn no(slug: &'static str, text: String, hints: &[&str]) -> Option<Rejected> {
    let hints = hints.iter().map(|hint| (*hint).to_owned()).collect();
    Some(Rejected { slug, text, hints })
}

impl Layout {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Layout::Git => "git",
            Layout::Workmux => "workmux",
            Layout::ClaudeSquad => "claude-squad",
        }
    }
}

impl Run {
    /// Whether it is still being taken over: no attempt of its own was ever asked for.
    pub fn is_being_adopted(&self) -> bool {
        let begins = matches!(self.state, State::Queued { .. } | State::Preparing { .. });
        let empty = matches!(self.env, EnvState::None | EnvState::Preparing);
        self.brief.adopted.is_some() && self.attempt == 1 && begins && empty
    }

    /// The end of a take-over: its first attempt was somebody else's, and rests until a person resumes it.
    pub(super) fn taken_over(&self, env: Env) -> Step {
        let (outcome, reason) = (Outcome::Interrupted, Some(Reason::Adopted));
        let ended = Event::Ended { outcome, reason, exit: None, text: String::new() };
        Step::of([Event::Prepared { env }, ended], [])
    }
}

#[cfg(test)]
pub(crate) mod tests;

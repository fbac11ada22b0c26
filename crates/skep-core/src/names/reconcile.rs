//! What is to be ended when names, envs and sessions disagree.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::id::RunId;

use super::parse_session;

/// What somebody outside said; no answer is not an empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    Heard(T),
    Failed { why: String },
}

impl<T, E: fmt::Display> From<Result<T, E>> for Answer<T> {
    fn from(result: Result<T, E>) -> Answer<T> {
        match result {
            Ok(heard) => Answer::Heard(heard),
            Err(why) => Answer::Failed { why: why.to_string() },
        }
    }
}

/// How far a name's holder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldState {
    /// Its env is being made, so that neither a missing folder nor a session without one says anything.
    Creating,
    Held,
}

/// A name that is held, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Empty for a run without a project.
    pub project: String,
    pub name: String,
    pub run: RunId,
    /// The env's key; none where there is none, or not yet.
    pub env: Option<String>,
    pub state: HeldState,
}

/// A session that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSeen {
    pub name: String,
    /// Whether it carries this home's mark; a name alone proves nothing.
    pub ours: bool,
}

/// A question that got no answer. Nothing may be ended, repaired or allocated on that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nobody knows which {what} there are: {why}")]
pub struct Unanswered {
    pub what: &'static str,
    pub why: String,
}

impl Unanswered {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        "names-unknown"
    }
}

/// A difference that is told, and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// A name is held, and its env is not there.
    EnvMissing { project: String, name: String, run: RunId },
    /// An env is there, and no name is held for it.
    EnvUnrecorded { key: String },
    /// A session has a name of our form, and not our mark.
    SessionForeign { session: String },
    /// A session has our mark, and a name that no worker's session has.
    SessionRenamed { session: String },
}

/// What is to be done, and what is to be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Sessions of ours for which nobody holds an env; whoever ends one ends this exact name.
    ///
    /// Order: by name, each once.
    pub end_sessions: Vec<String>,
    pub notes: Vec<Note>,
}

/// Compares the names that are held with the envs and the sessions there are.
///
/// Shape: a session is ended only if it is ours, and its worker has no env and is not being made. Those of others never are.
/// Errors: one of the questions got no answer; there is no plan then.
pub fn reconcile(
    records: &[Held],
    envs: &Answer<BTreeSet<String>>,
    sessions: &Answer<Vec<SessionSeen>>,
) -> Result<Plan, Unanswered> {
    let envs = heard("envs", envs)?;
    let sessions = heard("sessions", sessions)?;
    let mut notes = BTreeSet::new();
    let mut end = BTreeSet::new();

    // One of several holders that may keep the session is enough.
    let mut kept: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for held in records {
        let is_there = held.env.as_ref().is_some_and(|key| envs.contains(key));
        let keeps = match held.state {
            HeldState::Creating => true,
            HeldState::Held => is_there,
        };
        *kept.entry((&held.project, &held.name)).or_default() |= keeps;
        if !keeps {
            notes.insert(Note::EnvMissing {
                project: held.project.clone(),
                name: held.name.clone(),
                run: held.run.clone(),
            });
        }
    }
    let recorded: BTreeSet<&String> = records.iter().filter_map(|held| held.env.as_ref()).collect();
    let unrecorded = envs.iter().filter(|key| !recorded.contains(key));
    notes.extend(unrecorded.map(|key| Note::EnvUnrecorded { key: key.clone() }));

    for SessionSeen { name: session, ours } in sessions {
        match (parse_session(session), ours) {
            (Some((project, name)), true) => {
                if !kept.get(&(project.as_str(), name.as_str())).copied().unwrap_or(false) {
                    end.insert(session.clone());
                }
            }
            (None, true) => {
                notes.insert(Note::SessionRenamed { session: session.clone() });
            }
            (Some(_), false) => {
                notes.insert(Note::SessionForeign { session: session.clone() });
            }
            (None, false) => {}
        }
    }
    Ok(Plan { end_sessions: end.into_iter().collect(), notes: notes.into_iter().collect() })
}

fn heard<'a, T>(what: &'static str, answer: &'a Answer<T>) -> Result<&'a T, Unanswered> {
    match answer {
        Answer::Heard(heard) => Ok(heard),
        Answer::Failed { why } => Err(Unanswered { what, why: why.clone() }),
    }
}

//! What is done for a task: briefs, drafts, words, the handing over.
//!
//! | effect | again |
//! |---|---|
//! | brief | the run's id was given when it was wanted; what is kept beside the ledger is written over with the same |
//! | read_draft, word, read_review, read_reply | they only read |
//! | finalize | what is committed is committed, what is pushed is pushed: the same head is found |

use std::{path::Path, sync::Arc};

use skep_core::{
    fleet::{self, Fleet},
    run::Run,
    task::{Effect, Found, Input},
};

use super::Performer;
use crate::{
    briefing::{self, Briefing},
    hands::{Done, finalize},
};

impl Performer {
    /// Does what a task wants, and says what came of it.
    pub(super) fn for_task(self: &Arc<Performer>, effect: &Effect, fleet: &Fleet) -> fleet::Input {
        let task = effect.task().clone();
        let config = self.agents.parent().unwrap_or(Path::new("/"));
        let now = (self.clock)();
        let briefing = Briefing { fleet, home: &self.home, config, now };
        let input = match effect {
            Effect::Brief { run, purpose, .. } => {
                let briefed = briefing.brief(&task, run, purpose);
                let (begun, warnings) = (briefed.begun, briefed.warnings);
                return fleet::Input::Begin { task, run: run.clone(), begun, warnings };
            }
            Effect::ReadDraft { run, draft, .. } => {
                let read = fleet.runs.get(run).map(|run| briefing::read_draft(run, draft));
                match read.unwrap_or_else(|| Err("its run is gone".to_owned())) {
                    Ok(text) => Input::Draft { run: run.clone(), text },
                    Err(text) => Input::Refused { run: run.clone(), text },
                }
            }
            Effect::Word { run, words, .. } => {
                let words = briefing.words(&task, run, words);
                Input::Worded { run: run.clone(), words }
            }
            Effect::ReadReview { run, project, head, .. } => {
                let said = self.read_review(fleet, &task, run, project, head);
                Input::Reviewed { run: run.clone(), said }
            }
            Effect::ReadReply { run, .. } => {
                let text = self.read_reply(fleet, run);
                Input::Reply { run: run.clone(), text }
            }
            Effect::Finalize { run, project, look, message, stays, .. } => {
                let handed = fleet.tasks.get(&task).and_then(|task| {
                    task.course.handed.get(project).and_then(|heads| heads.last())
                });
                let handed = handed.map(String::as_str);
                let found = match fleet.runs.get(run) {
                    Some(run) => self.finalize(run, message.as_deref(), handed, *stays),
                    None => Found::Failed { text: "its run is gone".to_owned() },
                };
                Input::Found { run: run.clone(), look: *look, found }
            }
        };
        fleet::Input::Task { task, input }
    }

    fn finalize(
        &self,
        run: &Run,
        message: Option<&str>,
        handed: Option<&str>,
        stays: bool,
    ) -> Found {
        let done = finalize::finalize_deed(run, &self.home, message, handed, stays)
            .and_then(|deed| self.by_hand(run, &deed));
        match done {
            Ok(Done::Finalized { found }) => told(found),
            Ok(other) => Found::Failed { text: format!("{other:?}") },
            Err(text) => Found::Failed { text },
        }
    }
}

/// What the hands found, as the core hears it.
fn told(found: finalize::Found) -> Found {
    match found {
        finalize::Found::Dirty { mut paths, more } => {
            if more > 0 {
                paths.push(format!("and {more} more"));
            }
            Found::Dirty { files: paths }
        }
        finalize::Found::Rejected { output, .. } => Found::Rejected { text: output },
        finalize::Found::Published { head, remote } => Found::Published { head, remote },
        finalize::Found::Failed { slug, text } => Found::Failed { text: format!("{slug}: {text}") },
    }
}

/// What a task hears when its effect could not even begin.
pub(super) fn failed(effect: &Effect, text: &str) -> fleet::Input {
    let (task, text) = (effect.task().clone(), text.to_owned());
    let input = match effect {
        Effect::Brief { run, .. } => {
            let begun = Err(text);
            return fleet::Input::Begin { task, run: run.clone(), begun, warnings: Vec::new() };
        }
        Effect::ReadDraft { run, .. } => Input::Refused { run: run.clone(), text },
        Effect::ReadReview { run, .. } => Input::Reviewed { run: run.clone(), said: Err(text) },
        Effect::ReadReply { run, .. } => Input::Reply { run: run.clone(), text: Err(text) },
        Effect::Word { run, .. } => Input::Worded { run: run.clone(), words: Err(text) },
        Effect::Finalize { run, look, .. } => {
            Input::Found { run: run.clone(), look: *look, found: Found::Failed { text } }
        }
    };
    fleet::Input::Task { task, input }
}

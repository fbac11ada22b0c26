//! A run's change: its branch pushed, its forge asked, and what that says before an env goes.

use skep_core::{
    change::ChangeState,
    fleet,
    id::{OpId, SnapshotId},
    run::{EnvType, How, Input, NoSight, OpResult, Run},
    text,
};

use super::{Performer, failed_op, op_result};
use crate::{
    engine::Inbox,
    forges::NoForge,
    hands::{self, Deed, Done, close::Told, finalize},
};

impl Performer {
    /// Pushes the branch, and makes a change of it or brings that up to date.
    pub(super) fn propose(&self, run: &Run) -> OpResult {
        let Some((_, asked)) = &run.proposing else {
            return failed_op("pr-failed", "nobody wants it any more");
        };
        // Before anything is pushed: where no forge is known there is nothing to propose to.
        if let Err(none) = self.forges.of(run) {
            return failed_op(&none.slug, &none.text);
        }
        let before = run.change.as_ref().map(|following| following.change.clone());
        let pushed = before.as_ref().map(|change| change.head.as_str());
        let head = match self.push(run, pushed) {
            Ok(head) => head,
            Err(result) => return *result,
        };
        let done = before.filter(|it| it.state == ChangeState::Merged && it.head == head);
        if let Some(change) = done {
            let text = format!("change #{} has all of it, and was merged", change.number);
            return refused("change-merged", text, vec![format!("skep close {}", run.id())]);
        }
        skep_host::paths::crash_point("propose.pushed");
        let fleet = self.board.read().fleet;
        match self.forges.propose(run, &fleet, asked, &head) {
            Ok(proposed) => OpResult::Proposed {
                change: Box::new(proposed.change),
                made: proposed.made,
                left: proposed.left,
            },
            Err(none) => failed_op(&none.slug, &none.text),
        }
    }

    /// Pushes the branch of a run as it stands, and says which commit that is.
    fn push(&self, run: &Run, before: Option<&str>) -> Result<String, Box<OpResult>> {
        let id = run.id();
        let base = run.env().and_then(|env| env.base.as_ref()).map(|base| base.oid.clone());
        let done = finalize::finalize_deed(run, &self.home, None, before, false)
            .and_then(|deed| self.by_hand(run, &deed));
        let found = match done {
            Ok(Done::Finalized { found }) => found,
            Ok(other) => return Err(Box::new(failed_op("pr-failed", &format!("{other:?}")))),
            Err(text) => return Err(Box::new(failed_op("pr-failed", &text))),
        };
        let result = match found {
            finalize::Found::Published { head, remote: Some(_) }
                if base.as_ref() != Some(&head) =>
            {
                return Ok(head);
            }
            finalize::Found::Published { remote: Some(_), .. } => refused(
                "nothing-to-propose",
                "its branch has no commit of its own".to_owned(),
                vec![format!("skep logs {id}"), format!("skep close {id}")],
            ),
            finalize::Found::Published { remote: None, .. } => refused(
                "forge-none",
                "its repository has no remote to push to".to_owned(),
                vec![
                    "git remote add origin URL".to_owned(),
                    format!("skep land {id}   # to a branch here"),
                ],
            ),
            finalize::Found::Dirty { paths, more } => {
                let names: Vec<String> =
                    paths.iter().take(5).map(|path| text::one_line(path)).collect();
                let more = more + u64::try_from(paths.len().saturating_sub(5)).unwrap_or(0);
                let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
                refused(
                    "worktree-dirty",
                    format!("no commit holds {}{rest}; it would not be proposed", names.join(", ")),
                    vec![
                        format!("skep sh {id} -- git status"),
                        format!("skep sh {id} -- git commit -a    then: skep pr {id}"),
                    ],
                )
            }
            finalize::Found::Rejected { output, .. } => refused(
                "push-refused",
                format!("the push was refused: {}", text::words(&text::one_line(&output), 1_000)),
                vec![
                    format!("skep sh {id} -- git fetch"),
                    format!("skep sh {id} -- git status    then: skep pr {id}"),
                ],
            ),
            finalize::Found::Failed { slug, text } => failed_op(&slug, &text),
        };
        Err(Box::new(result))
    }

    /// Gives an env back. Where there is a change and the work is to be where it belongs, its forge is asked first; without
    /// an answer nothing is touched.
    pub(super) fn close(&self, run: &Run, op: &OpId, how: How, snapshot: &SnapshotId) -> OpResult {
        let told = match self.asked(run, how) {
            Ok(told) => told,
            Err(none) => return failed_op(&none.slug, &none.text),
        };
        if let Some((found, told)) = told.as_ref().zip(run.change.as_ref())
            && found.state != told.change.state
        {
            self.tell_of_change(run, op);
        }
        let now = (self.clock)();
        let deed = hands::close_deed(run, &self.home, how, snapshot, now).map(|mut deed| {
            if let Deed::Close { going } = &mut deed {
                going.be_told(told);
            }
            deed
        });
        op_result(deed.and_then(|deed| self.by_hand(run, &deed)), "close-failed")
    }

    /// What a close has to know of a run's change; none where it does not matter or there is none.
    pub fn asked(&self, run: &Run, how: How) -> Result<Option<Told>, NoForge> {
        let matters = how == How::Smart && run.brief.place.env_type == EnvType::Worktree;
        if !matters {
            return Ok(None);
        }
        Ok(self.forges.told(run)?.as_ref().map(Told::of))
    }

    /// What was just heard of a change is remembered too.
    fn tell_of_change(&self, run: &Run, op: &OpId) {
        let (found, not_before) = self.forges.look(run);
        let (id, key) = (run.id().clone(), format!("seen/{}/{op}", run.id()));
        let input = Input::Followed { found, not_before };
        let input = Box::new(fleet::Input::Run { run: id.clone(), input });
        // The engine closes last; the next look tells it again.
        let _closed = self.inbox.send(Inbox::Report { key, source: id.to_string(), input });
    }
}

/// What a run hears when its forge could not even be asked.
pub(super) fn not_looked(text: &str) -> Input {
    let found = Err(NoSight { slug: "pr-failed".to_owned(), text: text.to_owned() });
    Input::Followed { found, not_before: None }
}

fn refused(slug: &str, text: String, hints: Vec<String>) -> OpResult {
    OpResult::Refused { slug: slug.to_owned(), text, hints, merged: None }
}

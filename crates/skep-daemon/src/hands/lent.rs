//! Owns: that no deed takes what an agent was lent for its work, and that it goes from where nobody works any more.
//! Never: waits for whoever works there: what is lent is then only not seen.

use std::path::Path;

use skep_api::wire::chain;
use skep_core::run::{EnvType, OpResult, Run};
use skep_host::{
    git::Git,
    handout::{self, HandoutError},
};

use super::{Deed, Done, finalize::Found, land::Made};

/// Takes back what was lent to the env that `deed` is about; returns a git that sees nothing of what had to stay.
///
/// Errors: the deed's answer, where it could not be taken back and the deed would take it for work.
pub(super) fn given_back(git: &Git, deed: &Deed) -> Result<Git, Box<Done>> {
    let Some(root) = env_of(deed) else { return Ok(git.clone()) };
    match handout::take_back_if_free(git, root) {
        Ok(true) => Ok(git.clone()),
        Ok(false) => Ok(handout::unseen(git, root)),
        Err(err) => match not_done(deed, &err) {
            Some(done) => Err(Box::new(done)),
            None => Ok(git.clone()),
        },
    }
}

fn env_of(deed: &Deed) -> Option<&Path> {
    match deed {
        Deed::Undo { root, .. } => Some(root),
        Deed::Combine { combining } => return combining.root(),
        Deed::Close { going } => {
            (going.env_type == EnvType::Worktree).then_some(&going.leaving.root)
        }
        Deed::Snapshot { standing } => Some(&standing.root),
        Deed::Finalize { finalizing } => Some(&finalizing.root),
        Deed::Reviewed { reviewed } => Some(&reviewed.root),
        Deed::Restore { returning } => Some(&returning.standing.root),
        Deed::Prepare { .. }
        | Deed::Enter { .. }
        | Deed::LetGo { .. }
        | Deed::Settle { .. }
        | Deed::Forget { .. }
        | Deed::Purge { .. }
        | Deed::TakeIssue { .. }
        | Deed::LeaveIssue { .. }
        | Deed::Bring { .. }
        | Deed::Revert { .. } => None,
    }
    .map(std::path::PathBuf::as_path)
}

/// The answer of a deed that cannot be done; none where it can be, with all that stands.
fn not_done(deed: &Deed, err: &HandoutError) -> Option<Done> {
    let text = || format!("what its agent was lent could not be taken back: {}", chain(err));
    let failed = || OpResult::Failed { slug: err.slug().to_owned(), text: text() };
    match deed {
        Deed::Undo { .. } => Some(Done::Undone { text: Some(text()) }),
        // By force it goes to the trash, all of it.
        Deed::Close { going } if going.leaving.force => None,
        Deed::Close { .. } | Deed::Restore { .. } => Some(Done::Op { result: failed() }),
        Deed::Combine { .. } => Some(Done::Combined { made: Made::Over { result: failed() } }),
        Deed::Finalize { .. } => {
            let found = Found::Failed { slug: err.slug().to_owned(), text: text() };
            Some(Done::Finalized { found })
        }
        Deed::Reviewed { .. } => Some(Done::Reviewed { touched: Err(text()) }),
        // A snapshot holds too much rather than nothing.
        Deed::Snapshot { .. }
        | Deed::Prepare { .. }
        | Deed::Enter { .. }
        | Deed::LetGo { .. }
        | Deed::Settle { .. }
        | Deed::Forget { .. }
        | Deed::Purge { .. }
        | Deed::TakeIssue { .. }
        | Deed::LeaveIssue { .. }
        | Deed::Bring { .. }
        | Deed::Revert { .. } => None,
    }
}

/// Takes back what was lent to the env of `run`, whose lock the caller holds and in which nothing lives any more.
pub fn after_all(git: &Git, run: &Run) -> Result<(), HandoutError> {
    match run.env().filter(|_| run.brief.place.env_type == EnvType::Worktree) {
        Some(env) => handout::take_back(git, Path::new(&env.root)),
        None => Ok(()),
    }
}

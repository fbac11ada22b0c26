//! What a part is to do next, by the last run of it: a total table.

use crate::run::Outcome;

/// The last run of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// There was none.
    None,
    /// Something of it lives, or it is in line.
    AtWork,
    Code(Outcome),
    /// A review that ended so, with its verdict where it gave one.
    Review(Outcome, Option<Verdict>),
}

/// What a review came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    /// There is something to mend.
    Critiques,
    /// A person is to decide.
    Escalated,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Wait,
    Implement,
    /// The same with what the review found.
    Mend,
    Review,
    Completed,
    Failed,
    /// A person is wanted.
    Escalated,
    /// It may go on when somebody wishes.
    Open,
}

/// What follows from the last run of a part, where work is reviewed or not.
///
/// A review that did not complete says nothing of the work: it is made again, and the work is not.
pub fn next(last: Last, reviewed: bool) -> Next {
    match last {
        Last::None => Next::Implement,
        Last::AtWork => Next::Wait,
        Last::Code(Outcome::Completed) if reviewed => Next::Review,
        Last::Code(Outcome::Completed) => Next::Completed,
        Last::Code(Outcome::Failed | Outcome::Lost) => Next::Failed,
        Last::Code(Outcome::Stopped | Outcome::Interrupted) => Next::Open,
        Last::Review(Outcome::Completed, Some(Verdict::Passed)) => Next::Completed,
        Last::Review(Outcome::Completed, Some(Verdict::Critiques)) => Next::Mend,
        Last::Review(Outcome::Completed, Some(Verdict::Escalated)) => Next::Escalated,
        // No verdict never passes.
        Last::Review(Outcome::Completed, None)
        | Last::Review(
            Outcome::Failed | Outcome::Lost | Outcome::Stopped | Outcome::Interrupted,
            _,
        ) => Next::Review,
    }
}

//! The one writer, and readers beside it.
//!
//! Owns: the transaction that takes a batch of inputs whole or not at all, the numbers it gives, the reserve.
//! Never: decides what an event or an effect is; never gives a number twice or leaves one out.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, TransactionBehavior};

pub use self::reserve::Reserve;
use crate::{
    check,
    log::{self, Line, Record, Seen},
    outbox::{self, Pending},
    schema::{self, LedgerError, MIGRATIONS},
};

mod reserve;
#[cfg(test)]
mod tests;

/// Inputs that are committed together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub inputs: Vec<Fed>,
}

/// One input, with what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fed {
    /// Counts once; `effect/<id>` is the report of that effect and takes it out of the outbox.
    pub key: String,
    /// What its events and effects are about that name no subject of their own.
    pub subject: String,
    /// Where the input came from.
    pub source: String,
    pub at: String,
    /// JSON, given back when the same key arrives again.
    pub answer: Option<String>,
    /// At least one: what changes nothing is answered, not recorded.
    pub events: Vec<NewEvent>,
    pub effects: Vec<NewEffect>,
}

/// An event that has no number yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewEvent {
    /// The input's, if empty.
    pub subject: String,
    pub kind: String,
    /// JSON.
    pub body: String,
    /// The event that led to it. None is filled in: for the first event of an effect's report the event that asked
    /// for the effect, for the first event of any other input nothing, for later ones the input's first.
    pub cause: Option<u64>,
}

/// An effect that is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewEffect {
    /// Asked for once, for ever.
    pub id: String,
    /// The input's, if empty.
    pub subject: String,
    pub kind: String,
    /// JSON.
    pub body: String,
}

/// The numbers that a batch was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Of its first event; the others follow in the order of the batch.
    pub first: u64,
    /// Of its last event.
    pub last: u64,
}

/// The ledger, open for its one writer.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    path: PathBuf,
    epoch: Option<u64>,
}

impl Ledger {
    /// Opens the ledger at `path`: made if absent, migrated if old (after a copy beside it).
    ///
    /// Errors: a newer or damaged file is refused and left as it is. The caller holds the home's lock.
    pub fn open(path: &Path, now_rfc3339: &str) -> Result<Ledger, LedgerError> {
        let db = schema::open(path, now_rfc3339, MIGRATIONS)?;
        Ok(Ledger { db, path: path.to_owned(), epoch: None })
    }

    /// Begins the next epoch, durably, and returns its number; every commit that follows bears it.
    pub fn begin_epoch(&mut self, at: &str) -> Result<u64, LedgerError> {
        let epoch = self.write(|step, path| log::begin_epoch(step, path, at))?;
        self.epoch = Some(epoch);
        Ok(epoch)
    }

    /// Takes a batch, durably, whole or not at all.
    ///
    /// Errors: a key or an effect's id that is taken, an input without event: nothing of the batch is kept.
    /// After an error of the disk the caller reads the ledger again: only that tells what the disk holds.
    pub fn commit(&mut self, batch: &Batch) -> Result<Committed, LedgerError> {
        require_whole(batch)?;
        let epoch = self.epoch.ok_or(LedgerError::NoEpoch)?;
        self.write(|step, path| {
            let before = log::last(step, path)?;
            let mut last = before;
            for input in &batch.inputs {
                last = take(step, path, epoch, last, input)?;
            }
            Ok(Committed { first: before + 1, last })
        })
    }

    /// Finds the input that bears `key`, with the answer it was given.
    pub fn seen(&self, key: &str) -> Result<Option<Seen>, LedgerError> {
        log::seen(&self.db, &self.path, key)
    }

    /// Reads the effects that are not done, in the order in which they were asked for.
    pub fn outbox(&self) -> Result<Vec<Pending>, LedgerError> {
        outbox::read(&self.db, &self.path)
    }

    /// Returns the number of the last event; 0 where there is none.
    pub fn last(&self) -> Result<u64, LedgerError> {
        log::last(&self.db, &self.path)
    }

    /// Reads up to `limit` events from `from` on, in order.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, LedgerError> {
        log::read(&self.db, &self.path, from, limit)
    }

    /// Hands every event from `from` on to `take`, in order, one at a time.
    ///
    /// Errors: what `take` says, at once; a number that is missing.
    pub fn replay<E: From<LedgerError>>(
        &self,
        from: u64,
        take: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        log::replay(&self.db, &self.path, from, take)
    }

    /// Makes anew, from the record, all that is derived from it.
    pub fn rebuild(&mut self) -> Result<(), LedgerError> {
        self.write(outbox::rebuild)
    }

    /// Copies the ledger to `path` while it is in use.
    ///
    /// Errors: something stands there already.
    pub fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        schema::copy(&self.db, &self.path, path)
    }

    /// Returns a line for each thing that is wrong with the file; none when it is sound.
    pub fn integrity(&self) -> Result<Vec<String>, LedgerError> {
        check::integrity(&self.db, &self.path)
    }

    /// Runs `work` in a transaction that no other writer can get between.
    fn write<T>(
        &mut self,
        work: impl FnOnce(&Connection, &Path) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let sqlite = |e| LedgerError::sqlite(&self.path, e);
        let step =
            self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        let result = work(&step, &self.path)?;
        step.commit().map_err(sqlite)?;
        Ok(result)
    }
}

/// Refuses what no transaction could hold: an input without event, a key that stands twice.
fn require_whole(batch: &Batch) -> Result<(), LedgerError> {
    let mut keys = BTreeSet::new();
    for input in &batch.inputs {
        if input.events.is_empty() {
            return Err(LedgerError::Empty { key: input.key.clone() });
        }
        if !keys.insert(&input.key) {
            return Err(LedgerError::Seen { key: input.key.clone() });
        }
    }
    Ok(())
}

/// Adds one input after event `last` and returns the number of its last event.
fn take(
    step: &Connection,
    path: &Path,
    epoch: u64,
    last: u64,
    input: &Fed,
) -> Result<u64, LedgerError> {
    if log::seen(step, path, &input.key)?.is_some() {
        return Err(LedgerError::Seen { key: input.key.clone() });
    }
    let first = last + 1;
    let asked_by = outbox::asked_by(step, path, &input.key)?;
    for ((part, event), seq) in input.events.iter().enumerate().zip(first..) {
        let led = if part == 0 { asked_by } else { Some(first) };
        let line = Line {
            seq,
            epoch,
            at: &input.at,
            subject: if event.subject.is_empty() { &input.subject } else { &event.subject },
            cause: event.cause.or(led),
            source: &input.source,
            key: &input.key,
            part,
            kind: &event.kind,
            body: &event.body,
            answer: input.answer.as_deref().filter(|_| part == 0),
        };
        log::append(step, path, &line)?;
    }
    outbox::settle(step, path, &input.key)?;
    for effect in &input.effects {
        let NewEffect { id, subject, kind, body } = effect.clone();
        let subject = if subject.is_empty() { input.subject.clone() } else { subject };
        outbox::ask(step, path, &Pending { id, subject, kind, body, seq: first })?;
    }
    Ok(last + input.events.len() as u64)
}

/// A second, read-only connection, for those who follow the ledger from other threads.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
}

impl Reader {
    /// Opens the ledger at `path` for reading; its writer has made it.
    pub fn open(path: &Path) -> Result<Reader, LedgerError> {
        Ok(Reader { db: schema::open_read_only(path)?, path: path.to_owned() })
    }

    /// Reads up to `limit` events from `from` on, in order.
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<Record>, LedgerError> {
        log::read(&self.db, &self.path, from, limit)
    }

    /// Returns the number of the last event; 0 where there is none.
    pub fn last(&self) -> Result<u64, LedgerError> {
        log::last(&self.db, &self.path)
    }

    /// Finds the first event about `subject`; it looks through all that came before.
    pub fn first_about(&self, subject: &str) -> Result<Option<Record>, LedgerError> {
        log::first_about(&self.db, &self.path, subject)
    }

    /// Returns the effects that are not reported done.
    pub fn outbox(&self) -> Result<Vec<Pending>, LedgerError> {
        outbox::read(&self.db, &self.path)
    }

    /// Hands every event from `from` on to `take`, in order, one at a time.
    ///
    /// Errors: what `take` says, at once; a number that is missing.
    pub fn replay<E: From<LedgerError>>(
        &self,
        from: u64,
        take: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        log::replay(&self.db, &self.path, from, take)
    }

    /// Returns a line for each thing that is wrong with the file; none when it is sound.
    pub fn integrity(&self) -> Result<Vec<String>, LedgerError> {
        check::integrity(&self.db, &self.path)
    }
}

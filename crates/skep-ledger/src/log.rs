//! The record of what was decided: numbered without a gap, in order, never changed.
//!
//! Owns: what stands in `epoch` and `log`; reading it back; finding an input by its key.
//! Never: knows what an event means.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::schema::LedgerError;

#[cfg(test)]
mod tests;

const COLUMNS: &str = "seq, epoch, at, subject, cause, source, key, kind, body";

/// One event, as it was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counts from 1, without a gap.
    pub seq: u64,
    /// The daemon's start in which it was committed.
    pub epoch: u64,
    pub at: String,
    /// What it is about: a run, a task.
    pub subject: String,
    /// The event that led to it; none where the input came from outside.
    pub cause: Option<u64>,
    /// Where the input came from.
    pub source: String,
    /// The key of the input; the events of one input share it.
    pub key: String,
    pub kind: String,
    /// JSON.
    pub body: String,
}

/// An input that was taken before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its first event.
    pub seq: u64,
    /// What was answered then; JSON.
    pub answer: Option<String>,
}

/// What one event adds to the log, its number given.
pub(crate) struct Line<'a> {
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
    pub(crate) at: &'a str,
    pub(crate) subject: &'a str,
    pub(crate) cause: Option<u64>,
    pub(crate) source: &'a str,
    pub(crate) key: &'a str,
    /// Its place among the events of its input, from 0.
    pub(crate) part: usize,
    pub(crate) kind: &'a str,
    pub(crate) body: &'a str,
    pub(crate) answer: Option<&'a str>,
}

/// Begins the next epoch and returns its number.
pub(crate) fn begin_epoch(db: &Connection, path: &Path, at: &str) -> Result<u64, LedgerError> {
    let next = "INSERT INTO epoch (number, at) SELECT coalesce(max(number), 0) + 1, ?1 FROM epoch RETURNING number";
    db.query_row(next, [at], |row| unsigned(row, 0)).map_err(|e| LedgerError::sqlite(path, e))
}

/// Adds one line; the caller holds the transaction.
pub(crate) fn append(db: &Connection, path: &Path, line: &Line<'_>) -> Result<(), LedgerError> {
    let add = "INSERT INTO log (seq, epoch, at, subject, cause, source, key, part, kind, body, answer) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let values = params![
        signed(line.seq),
        signed(line.epoch),
        line.at,
        line.subject,
        line.cause.map(signed),
        line.source,
        line.key,
        signed(line.part as u64),
        line.kind,
        line.body,
        line.answer
    ];
    db.prepare_cached(add)
        .and_then(|mut add| add.execute(values))
        .map_err(|e| LedgerError::sqlite(path, e))?;
    Ok(())
}

/// Returns the number of the last event; 0 where there is none.
pub(crate) fn last(db: &Connection, path: &Path) -> Result<u64, LedgerError> {
    db.prepare_cached("SELECT coalesce(max(seq), 0) FROM log")
        .and_then(|mut last| last.query_row([], |row| unsigned(row, 0)))
        .map_err(|e| LedgerError::sqlite(path, e))
}

/// Finds the input that bears `key`.
pub(crate) fn seen(db: &Connection, path: &Path, key: &str) -> Result<Option<Seen>, LedgerError> {
    db.prepare_cached("SELECT seq, answer FROM log WHERE key = ?1 AND part = 0")
        .and_then(|mut find| {
            find.query_row([key], |row| Ok(Seen { seq: unsigned(row, 0)?, answer: row.get(1)? }))
                .optional()
        })
        .map_err(|e| LedgerError::sqlite(path, e))
}

/// Reads up to `limit` events from `from` on, in order.
pub(crate) fn read(
    db: &Connection,
    path: &Path,
    from: u64,
    limit: usize,
) -> Result<Vec<Record>, LedgerError> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    let text = format!("SELECT {COLUMNS} FROM log WHERE seq >= ?1 ORDER BY seq LIMIT ?2");
    let mut select = db.prepare_cached(&text).map_err(sqlite)?;
    let rows = select.query_map([signed(from), signed(limit as u64)], record).map_err(sqlite)?;
    rows.collect::<Result<_, _>>().map_err(sqlite)
}

/// Finds the first event about `subject`.
pub(crate) fn first_about(
    db: &Connection,
    path: &Path,
    subject: &str,
) -> Result<Option<Record>, LedgerError> {
    let text = format!("SELECT {COLUMNS} FROM log WHERE subject = ?1 ORDER BY seq LIMIT 1");
    db.prepare_cached(&text)
        .and_then(|mut find| find.query_row([subject], record).optional())
        .map_err(|e| LedgerError::sqlite(path, e))
}

/// Hands every event from `from` on to `take`, in order, without holding more than one.
///
/// Errors: what `take` says; a number that is missing.
pub(crate) fn replay<E: From<LedgerError>>(
    db: &Connection,
    path: &Path,
    from: u64,
    mut take: impl FnMut(Record) -> Result<(), E>,
) -> Result<(), E> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    let text = format!("SELECT {COLUMNS} FROM log WHERE seq >= ?1 ORDER BY seq");
    let mut select = db.prepare_cached(&text).map_err(sqlite)?;
    let mut rows = select.query([signed(from)]).map_err(sqlite)?;
    let mut due = from.max(1);
    while let Some(row) = rows.next().map_err(sqlite)? {
        let record = record(row).map_err(sqlite)?;
        if record.seq != due {
            let what = format!("record {due} is missing; the next one is {}", record.seq);
            return Err(LedgerError::Damaged { path: path.to_owned(), what }.into());
        }
        due += 1;
        take(record)?;
    }
    Ok(())
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        seq: unsigned(row, 0)?,
        epoch: unsigned(row, 1)?,
        at: row.get(2)?,
        subject: row.get(3)?,
        cause: row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned),
        source: row.get(5)?,
        key: row.get(6)?,
        kind: row.get(7)?,
        body: row.get(8)?,
    })
}

/// Reads a number that the tables keep above zero.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

/// Spells a number as SQLite keeps it; what is beyond its largest becomes its largest.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

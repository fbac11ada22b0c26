//! Deeds that were decided and are not yet reported done.
//!
//! Owns: the `effect` table (part of the record) and `outbox`, which is derived from the record:
//! an effect is in it until an input with the key `effect/<id>` comes later in the log.
//! Never: performs anything.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

use crate::{
    log::{signed, unsigned},
    schema::LedgerError,
};

#[cfg(test)]
mod tests;

/// What the key of an effect's report begins with; the effect's id follows.
pub const REPORT: &str = "effect/";

/// The effects of which the log holds no later report.
const DERIVED: &str = "SELECT number FROM effect WHERE NOT EXISTS (
    SELECT 1 FROM log WHERE log.key = 'effect/' || effect.id AND log.part = 0 AND log.seq > effect.seq)";

/// An effect that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub id: String,
    pub subject: String,
    pub kind: String,
    /// JSON.
    pub body: String,
    /// The first event of the input that asked for it.
    pub seq: u64,
}

/// Adds an effect to the record and to the outbox; the caller holds the transaction.
pub(crate) fn ask(db: &Connection, path: &Path, effect: &Pending) -> Result<(), LedgerError> {
    let add = "INSERT INTO effect (number, id, seq, subject, kind, body) \
               SELECT coalesce(max(number), 0) + 1, ?1, ?2, ?3, ?4, ?5 FROM effect RETURNING number";
    let values = params![effect.id, signed(effect.seq), effect.subject, effect.kind, effect.body];
    let number: i64 = db
        .prepare_cached(add)
        .and_then(|mut add| add.query_row(values, |row| row.get(0)))
        .map_err(|e| twice_or(e, path, &effect.id))?;
    db.prepare_cached("INSERT INTO outbox (effect) VALUES (?1)")
        .and_then(|mut add| add.execute([number]))
        .map_err(|e| LedgerError::sqlite(path, e))?;
    Ok(())
}

fn twice_or(error: rusqlite::Error, path: &Path, id: &str) -> LedgerError {
    let unique = error
        .sqlite_error()
        .is_some_and(|e| e.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE);
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) if unique => {
            LedgerError::EffectTwice { id: id.to_owned() }
        }
        _ => LedgerError::sqlite(path, error),
    }
}

/// Returns the event that asked for the effect of which `key` is the report.
pub(crate) fn asked_by(
    db: &Connection,
    path: &Path,
    key: &str,
) -> Result<Option<u64>, LedgerError> {
    let Some(id) = key.strip_prefix(REPORT) else { return Ok(None) };
    db.prepare_cached("SELECT seq FROM effect WHERE id = ?1")
        .and_then(|mut find| find.query_row([id], |row| unsigned(row, 0)).optional())
        .map_err(|e| LedgerError::sqlite(path, e))
}

/// Takes the effect of which `key` is the report out of the outbox, if there is one.
pub(crate) fn settle(db: &Connection, path: &Path, key: &str) -> Result<(), LedgerError> {
    let Some(id) = key.strip_prefix(REPORT) else { return Ok(()) };
    db.prepare_cached(
        "DELETE FROM outbox WHERE effect = (SELECT number FROM effect WHERE id = ?1)",
    )
    .and_then(|mut done| done.execute([id]))
    .map_err(|e| LedgerError::sqlite(path, e))?;
    Ok(())
}

/// Reads what is not done, in the order in which it was asked for.
pub(crate) fn read(db: &Connection, path: &Path) -> Result<Vec<Pending>, LedgerError> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    let mut select = db
        .prepare_cached(
            "SELECT id, subject, kind, body, seq FROM outbox JOIN effect ON number = effect ORDER BY number",
        )
        .map_err(sqlite)?;
    let rows = select
        .query_map([], |row| {
            Ok(Pending {
                id: row.get(0)?,
                subject: row.get(1)?,
                kind: row.get(2)?,
                body: row.get(3)?,
                seq: unsigned(row, 4)?,
            })
        })
        .map_err(sqlite)?;
    rows.collect::<Result<_, _>>().map_err(sqlite)
}

/// Makes the outbox and the index of inputs anew from the record; the caller holds the transaction.
pub(crate) fn rebuild(db: &Connection, path: &Path) -> Result<(), LedgerError> {
    let text =
        format!("REINDEX log_input; DELETE FROM outbox; INSERT INTO outbox (effect) {DERIVED};");
    db.execute_batch(&text).map_err(|e| LedgerError::sqlite(path, e))
}

/// Returns a line for each effect that the outbox and the record see differently.
pub(crate) fn differences(db: &Connection, path: &Path) -> Result<Vec<String>, LedgerError> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    let text = format!(
        "SELECT 'effect ' || id || ' is not done and not in the outbox' FROM effect
             WHERE number IN ({DERIVED}) AND number NOT IN (SELECT effect FROM outbox)
         UNION ALL
         SELECT 'effect ' || id || ' is done and still in the outbox' FROM effect
             WHERE number NOT IN ({DERIVED}) AND number IN (SELECT effect FROM outbox)"
    );
    let mut select = db.prepare(&text).map_err(sqlite)?;
    let lines = select.query_map([], |row| row.get(0)).map_err(sqlite)?;
    lines.collect::<Result<_, _>>().map_err(sqlite)
}

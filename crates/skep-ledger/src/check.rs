//! What `doctor` asks of the ledger.
//!
//! Owns: every invariant of the file, as a question with an answer in words.
//! Never: repairs.

use std::path::Path;

use rusqlite::Connection;

use crate::{
    outbox,
    schema::{self, LedgerError},
};

#[cfg(test)]
mod tests;

/// Each selects a line for each place where the record breaks one of its rules.
const RULES: &[&str] = &[
    "SELECT 'record ' || (before + 1) || ' is missing' FROM
        (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS before FROM log) WHERE seq <> before + 1",
    "SELECT 'record ' || seq || ' is part ' || part || ' of input ' || key || ' and does not follow part ' || (part - 1)
        FROM log WHERE part > 0
        AND NOT EXISTS (SELECT 1 FROM log AS one WHERE one.seq = log.seq - 1 AND one.key = log.key AND one.part = log.part - 1)",
];

/// Returns a line for each thing that is wrong with the file; none when it is sound.
pub(crate) fn integrity(db: &Connection, path: &Path) -> Result<Vec<String>, LedgerError> {
    let mut wrong = lines(db, path, "PRAGMA integrity_check")?;
    wrong.retain(|line| line != "ok");
    wrong.extend(schema::broken_references(db, path)?);
    for rule in RULES {
        wrong.extend(lines(db, path, rule)?);
    }
    wrong.extend(outbox::differences(db, path)?);
    Ok(wrong)
}

fn lines(db: &Connection, path: &Path, question: &str) -> Result<Vec<String>, LedgerError> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    let mut ask = db.prepare(question).map_err(sqlite)?;
    let lines = ask.query_map([], |row| row.get(0)).map_err(sqlite)?;
    lines.collect::<Result<_, _>>().map_err(sqlite)
}

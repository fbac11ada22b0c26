use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::schema;

const NOW: &str = "2026-11-20T11:43:00.123Z";

#[test]
fn an_old_log_still_reads() {
    let (_home, path, db) = golden();
    let record = |seq,
                  epoch,
                  at: &str,
                  subject: &str,
                  cause,
                  source: &str,
                  key: &str,
                  kind: &str,
                  body: &str| Record {
        seq,
        epoch,
        at: at.to_owned(),
        subject: subject.to_owned(),
        cause,
        source: source.to_owned(),
        key: key.to_owned(),
        kind: kind.to_owned(),
        body: body.to_owned(),
    };
    let (task, run, early, late) = (
        "task_0123456789",
        "run_0123456789",
        "2026-11-20T11:43:01.000Z",
        "2026-11-20T11:43:02.000Z",
    );
    let expected = [
        record(
            1,
            1,
            early,
            task,
            None,
            "person",
            "req-1",
            "task_added",
            r#"{"title":"naïve “quotes” ✓"}"#,
        ),
        record(2, 1, early, run, Some(1), "person", "req-1", "queued", "{}"),
        record(
            3,
            1,
            late,
            run,
            Some(1),
            "effect",
            "effect/run_0123456789/prepare",
            "prepared",
            r#"{"branch":"skep/naive"}"#,
        ),
        record(
            4,
            2,
            "2026-11-21T08:00:01.000Z",
            run,
            None,
            "run",
            "run_0123456789/1/4",
            "asked",
            "null",
        ),
    ];
    assert_eq!(read(&db, &path, 0, 100).unwrap(), expected);
    assert_eq!(replayed(&db, &path, 1).unwrap(), expected);
    let answer = seen(&db, &path, "req-1").unwrap().unwrap();
    assert_eq!(answer, Seen { seq: 1, answer: Some(r#"{"run":"run_0123456789"}"#.to_owned()) });
}

#[test]
fn reading_begins_where_it_is_told_and_ends_at_the_limit() {
    let (_home, path, db) = golden();
    let numbers = |from, limit| -> Vec<u64> {
        read(&db, &path, from, limit).unwrap().iter().map(|record| record.seq).collect()
    };
    assert_eq!(numbers(2, 2), [2, 3]);
    assert_eq!(numbers(5, 2), [0; 0]);
    assert_eq!(numbers(u64::MAX, usize::MAX), [0; 0]);
    assert_eq!(numbers(0, 0), [0; 0]);
    assert_eq!(last(&db, &path).unwrap(), 4);
}

#[test]
fn replay_refuses_a_log_with_a_hole_and_names_the_record() {
    let (_home, path, db) = golden();
    db.execute_batch(
        "PRAGMA foreign_keys = 0; DROP TRIGGER log_kept; DELETE FROM log WHERE seq IN (2, 3)",
    )
    .unwrap();
    for from in [0, 1, 2, 3] {
        let refused = replayed(&db, &path, from).unwrap_err().to_string();
        assert!(
            refused.ends_with(&format!("record {} is missing; the next one is 4", from.max(2))),
            "{refused}"
        );
    }
    assert_eq!(replayed(&db, &path, 4).unwrap().len(), 1);
}

#[test]
fn replay_stops_at_the_first_record_that_does_not_fit() {
    #[derive(Debug)]
    enum Stopped {
        Misfit(u64),
        #[expect(dead_code, reason = "only its absence is looked at")]
        Ledger(LedgerError),
    }
    impl From<LedgerError> for Stopped {
        fn from(error: LedgerError) -> Stopped {
            Stopped::Ledger(error)
        }
    }
    let (_home, path, db) = golden();
    let mut taken = Vec::new();
    let stopped = replay(&db, &path, 1, |record| {
        taken.push(record.seq);
        if record.seq == 2 { Err(Stopped::Misfit(record.seq)) } else { Ok(()) }
    });
    assert!(matches!(stopped, Err(Stopped::Misfit(2))), "{stopped:?}");
    assert_eq!(taken, [1, 2]);
}

#[test]
fn a_record_is_never_changed_and_never_removed() {
    let (_home, _path, db) = golden();
    for deed in [
        "UPDATE log SET body = '{}' WHERE seq = 1",
        "DELETE FROM log WHERE seq = 4",
        "UPDATE effect SET kind = 'stop'",
        "DELETE FROM effect",
        "UPDATE epoch SET number = number + 10",
        "DELETE FROM epoch",
    ] {
        let refused = db.execute_batch(deed).unwrap_err().to_string();
        assert!(refused.contains("is never"), "{deed}: {refused}");
    }
}

fn golden() -> (TempDir, PathBuf, Connection) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(include_str!("../../tests/golden/ledger-v1.sql"))
        .unwrap();
    let db = schema::open(&path, NOW, schema::MIGRATIONS).unwrap();
    (home, path, db)
}

fn replayed(db: &Connection, path: &Path, from: u64) -> Result<Vec<Record>, LedgerError> {
    let mut records = Vec::new();
    replay(db, path, from, |record| {
        records.push(record);
        Ok::<(), LedgerError>(())
    })?;
    Ok(records)
}

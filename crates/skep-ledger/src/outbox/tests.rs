use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::schema;

#[test]
fn an_old_outbox_still_reads_in_order() {
    let (_home, path, db) = golden();
    let pending = read(&db, &path).unwrap();
    assert_eq!(
        pending.iter().map(|effect| effect.id.as_str()).collect::<Vec<_>>(),
        ["run_0123456789/start", "notify/4"]
    );
    assert_eq!(
        pending[0],
        Pending {
            id: "run_0123456789/start".to_owned(),
            subject: "run_0123456789".to_owned(),
            kind: "start".to_owned(),
            body: r#"{"attempt":1}"#.to_owned(),
            seq: 3
        }
    );
}

#[test]
fn an_outbox_that_strayed_is_told_and_made_again_from_the_record() {
    let (_home, path, db) = golden();
    let before = read(&db, &path).unwrap();
    db.execute_batch("DELETE FROM outbox; INSERT INTO outbox VALUES (1), (3)").unwrap();
    assert_eq!(
        differences(&db, &path).unwrap(),
        [
            "effect run_0123456789/start is not done and not in the outbox",
            "effect run_0123456789/prepare is done and still in the outbox"
        ]
    );
    rebuild(&db, &path).unwrap();
    assert_eq!(differences(&db, &path).unwrap(), Vec::<String>::new());
    assert_eq!(read(&db, &path).unwrap(), before);
}

#[test]
fn only_the_key_of_a_report_leads_back_to_the_event_that_asked() {
    let (_home, path, db) = golden();
    assert_eq!(asked_by(&db, &path, "effect/run_0123456789/start").unwrap(), Some(3));
    assert_eq!(asked_by(&db, &path, "run_0123456789/start").unwrap(), None);
    assert_eq!(asked_by(&db, &path, "effect/unknown").unwrap(), None);
}

fn golden() -> (TempDir, PathBuf, Connection) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(include_str!("../../tests/golden/ledger-v1.sql"))
        .unwrap();
    let db = schema::open(&path, "2026-11-20T11:43:00.123Z", schema::MIGRATIONS).unwrap();
    (home, path, db)
}

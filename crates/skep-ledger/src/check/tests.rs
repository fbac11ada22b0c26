use rusqlite::Connection;

use super::*;

#[test]
fn a_sound_ledger_has_nothing_to_tell() {
    assert_eq!(told("SELECT 1"), Vec::<String>::new());
}

#[test]
fn every_broken_rule_is_told_by_name() {
    let cut = "DROP TRIGGER log_kept; DELETE FROM log WHERE seq = 2";
    assert_eq!(told(cut), ["record 2 is missing"]);
    let swapped = "DROP TRIGGER log_stays; UPDATE log SET part = 2 WHERE seq = 2";
    assert_eq!(told(swapped), ["record 2 is part 2 of input req-1 and does not follow part 1"]);
    let orphan = "DROP TRIGGER effect_kept; DELETE FROM effect WHERE number = 3";
    assert_eq!(told(orphan), ["row 3 of outbox refers to a row that effect does not have"]);
    let strayed = "DELETE FROM outbox WHERE effect = 3";
    assert_eq!(told(strayed), ["effect notify/4 is not done and not in the outbox"]);
    let unchecked = "DROP TRIGGER log_stays; PRAGMA ignore_check_constraints = 1;
        UPDATE log SET body = '{' WHERE seq = 4; PRAGMA ignore_check_constraints = 0";
    assert_eq!(told(unchecked), ["CHECK constraint failed in log"]);
}

/// What is told of the golden ledger after `deed`.
fn told(deed: &str) -> Vec<String> {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(include_str!("../../tests/golden/ledger-v1.sql")).unwrap();
    db.execute_batch("PRAGMA foreign_keys = 0").unwrap();
    db.execute_batch(deed).unwrap();
    integrity(&db, Path::new("memory")).unwrap()
}

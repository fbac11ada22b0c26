use std::{
    fs::{self, File, OpenOptions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
};

use tempfile::TempDir;

use super::*;

const NOW: &str = "2026-11-20T11:43:00.123Z";
const GOLDEN: &str = include_str!("../../tests/golden/ledger-v1.sql");

#[test]
fn a_new_ledger_is_marked_strict_and_only_its_owners() {
    let (home, path) = place();
    let db = open(&path, NOW, MIGRATIONS).unwrap();
    assert_eq!(number(&db, &path, "application_id").unwrap(), APPLICATION);
    assert_eq!(number(&db, &path, "user_version").unwrap(), 1);
    let tables = column(
        &db,
        "SELECT name || strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite%' ORDER BY name",
    );
    assert_eq!(tables, ["effect1", "epoch1", "log1", "outbox1"]);
    for entry in home.path().read_dir().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
    }
}

#[test]
fn the_settings_on_which_the_promises_rest_are_read_back() {
    let (_home, path) = place();
    let db = open(&path, NOW, MIGRATIONS).unwrap();
    require_settled(&db, &path).unwrap();
    for (pragma, value, named) in [
        ("synchronous", "NORMAL", "synchronous"),
        ("foreign_keys", "OFF", "foreign_keys"),
        ("busy_timeout", "0", "busy_timeout"),
        ("journal_mode", "DELETE", "journal_mode"),
    ] {
        db.execute_batch(&format!("PRAGMA {pragma} = {value}")).unwrap();
        let Err(LedgerError::Pragma { name, .. }) = require_settled(&db, &path) else {
            panic!("{pragma} was taken")
        };
        assert_eq!(name, named);
        db.busy_timeout(BUSY).unwrap();
        settle(&db, &path).unwrap();
    }
}

#[test]
fn a_database_that_cannot_have_a_write_ahead_log_is_refused() {
    let db = Connection::open_in_memory().unwrap();
    let refused = settle(&db, Path::new("memory")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "ledger `memory` runs with journal_mode = `memory` instead of `wal`"
    );
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let (_home, path) = place();
    drop(open(&path, NOW, MIGRATIONS).unwrap());
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    let before = fs::read(&path).unwrap();
    let refused = open(&path, NOW, MIGRATIONS).unwrap_err();
    assert!(matches!(refused, LedgerError::NewerFormat { found: 2, known: 1, .. }), "{refused:?}");
    assert!(matches!(open_read_only(&path), Err(LedgerError::NewerFormat { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_file_is_reported_and_left_as_it_is() {
    let whole = whole_ledger();
    let mut page = whole.clone();
    page[4096 + 8..4096 + 200].fill(0xaa);
    let mut foreign = whole.clone();
    foreign[68..72].fill(7);
    let mut formatless = whole.clone();
    formatless[60..64].fill(0);
    for (case, bytes) in [
        ("empty", Vec::new()),
        ("text", b"this is no database, whatever its name says".repeat(40)),
        ("cut short", whole[..whole.len() / 2].to_vec()),
        ("a torn page", page),
        ("somebody else's", foreign),
        ("without format", formatless),
    ] {
        let (_home, path) = place();
        File::create(&path).unwrap().write_all(&bytes).unwrap();
        let refused = open(&path, NOW, MIGRATIONS).unwrap_err();
        assert!(matches!(refused, LedgerError::Damaged { .. }), "{case}: {refused:?}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{case}");
    }
}

#[test]
fn a_write_ahead_log_whose_file_is_gone_is_reported_and_kept() {
    let (_home, path) = place();
    let log = beside(&path, "-wal");
    File::create(&log).unwrap().write_all(b"records that were never moved").unwrap();
    assert!(matches!(open(&path, NOW, MIGRATIONS), Err(LedgerError::Damaged { .. })));
    assert!(!path.exists());
    assert_eq!(fs::read(&log).unwrap(), b"records that were never moved");
}

#[test]
fn a_half_made_ledger_is_made_anew() {
    let (home, path) = place();
    File::create(beside(&path, ".new")).unwrap().write_all(b"half").unwrap();
    File::create(beside(&path, ".new-wal")).unwrap().write_all(b"half").unwrap();
    drop(open(&path, NOW, MIGRATIONS).unwrap());
    assert_eq!(names(&home), ["ledger.db"]);
}

#[test]
fn a_ledger_is_never_made_over_another_file() {
    let (_home, path) = place();
    drop(open(&path, NOW, MIGRATIONS).unwrap());
    let before = fs::read(&path).unwrap();
    assert!(matches!(create(&path, MIGRATIONS), Err(LedgerError::Io { .. })));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_migration_copies_the_file_first() {
    let (home, path) = golden();
    let steps = with("ALTER TABLE log ADD COLUMN colour TEXT");
    let db = open(&path, NOW, &steps).unwrap();
    assert_eq!(number(&db, &path, "user_version").unwrap(), 2);
    assert_eq!(column(&db, "SELECT count(*) || count(colour) FROM log"), ["40"]);
    require_settled(&db, &path).unwrap();
    drop(db);
    assert_eq!(names(&home), ["ledger.db", "ledger.db.v1-20261120T114300123Z.bak"]);
    let copy = home.path().join("ledger.db.v1-20261120T114300123Z.bak");
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let copied = open(&copy, NOW, MIGRATIONS).unwrap();
    assert_eq!(number(&copied, &copy, "user_version").unwrap(), 1);
    assert_eq!(column(&copied, "SELECT count(*) || '' FROM log"), ["4"]);
}

#[test]
fn a_migration_that_fails_leaves_the_old_format_and_the_copy() {
    for (case, sql) in [
        (
            "wrong SQL",
            "ALTER TABLE log ADD COLUMN colour TEXT; ALTER TABLE nothing ADD COLUMN colour TEXT",
        ),
        ("a broken reference", "DROP TRIGGER effect_kept; DELETE FROM effect WHERE number = 3"),
    ] {
        let (home, path) = golden();
        open(&path, NOW, &with(sql)).unwrap_err();
        assert!(home.path().join("ledger.db.v1-20261120T114300123Z.bak").exists(), "{case}");
        let db = open(&path, NOW, MIGRATIONS).unwrap();
        assert_eq!(
            column(&db, "SELECT (SELECT count(*) FROM log) || (SELECT count(*) FROM effect)"),
            ["43"],
            "{case}"
        );
        assert!(db.prepare("SELECT colour FROM log").is_err(), "{case}");
    }
}

#[test]
fn a_file_that_cannot_be_copied_is_not_migrated() {
    let (home, path) = golden();
    let before = fs::read(&path).unwrap();
    File::create(home.path().join("ledger.db.v1-20261120T114300123Z.bak")).unwrap();
    let refused = open(&path, NOW, &with("ALTER TABLE log ADD COLUMN colour TEXT")).unwrap_err();
    assert!(matches!(refused, LedgerError::Io { .. }), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_fresh_file_and_each_released_format_end_clean_with_settings_read_back() {
    let (_fresh, fresh) = place();
    let (_old, old) = golden();
    for path in [fresh, old] {
        let db = open(&path, NOW, MIGRATIONS).unwrap();
        assert_eq!(broken_references(&db, &path).unwrap(), Vec::<String>::new());
        require_settled(&db, &path).unwrap();
    }
}

#[test]
fn a_released_migration_still_makes_the_format_of_its_golden_file() {
    let (_home, path) = golden();
    let (_fresh, fresh) = place();
    let tables = "SELECT name || ' ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name";
    let spaced = |lines: Vec<String>| {
        lines
            .iter()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    let bare = |sql: &str| {
        sql.lines().map(|line| line.split("--").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
    };
    let made = column(&open(&fresh, NOW, &MIGRATIONS[..1]).unwrap(), tables);
    let kept = column(&open(&path, NOW, &MIGRATIONS[..1]).unwrap(), tables);
    assert_eq!(spaced(made.iter().map(|sql| bare(sql)).collect()), spaced(kept));
}

#[test]
fn a_reader_waits_for_the_writer_to_migrate() {
    let (_home, path) = golden();
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 0").unwrap();
    assert!(matches!(open_read_only(&path), Err(LedgerError::Damaged { .. })));
}

#[test]
fn an_absent_ledger_cannot_be_followed_and_is_not_made() {
    let (home, path) = place();
    open_read_only(&path).unwrap_err();
    assert_eq!(names(&home), Vec::<String>::new());
}

#[test]
fn the_name_of_a_copy_takes_only_letters_and_digits_of_the_time() {
    let name = copy_name(Path::new("/home/ledger.db"), 3, "../../2026-11-20T11:43:00Z\n");
    assert_eq!(name, Path::new("/home/ledger.db.v3-20261120T114300Z.bak"));
}

fn place() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    (home, path)
}

fn golden() -> (TempDir, PathBuf) {
    let (home, path) = place();
    Connection::open(&path).unwrap().execute_batch(GOLDEN).unwrap();
    (home, path)
}

/// The bytes of a sound ledger of several pages, its write-ahead log moved into it.
fn whole_ledger() -> Vec<u8> {
    let (_home, path) = golden();
    drop(open(&path, NOW, MIGRATIONS).unwrap());
    let mut file = OpenOptions::new().read(true).open(&path).unwrap();
    assert!(file.seek(SeekFrom::End(0)).unwrap() > 4 * 4096);
    fs::read(&path).unwrap()
}

fn with(sql: &'static str) -> Vec<Migration> {
    [MIGRATIONS[0], Migration { format: 2, sql }].to_vec()
}

fn column(db: &Connection, sql: &str) -> Vec<String> {
    let mut select = db.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn names(home: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = home
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

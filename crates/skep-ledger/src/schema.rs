//! The ledger's file: how it is made, opened, migrated and refused.
//!
//! Owns: migrations (one numbered file each), pragmas, copies of the file, [`LedgerError`].
//! Never: overwrites a file that it does not understand; a new ledger gets its name when it is whole.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, config::DbConfig, ffi};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// What marks a file as a ledger of skep: "skep", as a number in the file's header.
pub const APPLICATION: i64 = 0x736b_6570;

/// One step from a format to the next: its SQL, and the number of the format it makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    pub(crate) format: u32,
    pub(crate) sql: &'static str,
}

/// Every released migration, oldest first, numbered from 1.
pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { format: 1, sql: include_str!("schema/0001.sql") }];

const BUSY: Duration = Duration::from_secs(5);

/// Why the ledger could not do what was asked.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// A later skep has written this file.
    #[error("ledger `{path}` has format {found}, and this skep reads up to {known}", path = .path.display())]
    NewerFormat { path: PathBuf, found: i64, known: u32 },
    /// The file is not what a ledger looks like. It was left as it is.
    #[error("ledger `{path}` is damaged: {what}", path = .path.display())]
    Damaged { path: PathBuf, what: String },
    /// There is no room to write.
    #[error("the disk with ledger `{path}` is full", path = .path.display())]
    DiskFull { path: PathBuf },
    /// Another process held the file for too long.
    #[error("ledger `{path}` is in use by another process", path = .path.display())]
    Busy { path: PathBuf },
    /// SQLite did not take a setting on which the promises rest.
    #[error("ledger `{path}` runs with {name} = `{found}` instead of `{wanted}`", path = .path.display())]
    Pragma { path: PathBuf, name: &'static str, wanted: &'static str, found: String },
    /// A file beside the database could not be made, read or removed.
    #[error("{doing} `{path}`", path = .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// SQLite refused for another reason.
    #[error("use ledger `{path}`", path = .path.display())]
    Sqlite {
        path: PathBuf,
        #[source]
        source: rusqlite::Error,
    },
    /// An input with this key is in the record already, or stands twice in the batch.
    #[error("an input with key `{key}` was taken before")]
    Seen { key: String },
    /// An effect with this id was asked for already.
    #[error("an effect with id `{id}` was asked for before")]
    EffectTwice { id: String },
    /// An input brought no event; what changes nothing is answered, not recorded.
    #[error("input `{key}` brings no event")]
    Empty { key: String },
    /// A commit came before any epoch was begun.
    #[error("no epoch was begun")]
    NoEpoch,
}

/// Whether the same call may succeed later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// Unit: milliseconds from now.
    After(u64),
}

/// Who can do something about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    User,
    Environment,
    Bug,
}

impl LedgerError {
    /// The word by which `skep explain` knows this error.
    pub fn slug(&self) -> &'static str {
        match self {
            LedgerError::NewerFormat { .. } => "ledger-newer",
            LedgerError::Damaged { .. } => "ledger-damaged",
            LedgerError::DiskFull { .. } => "disk-full",
            LedgerError::Busy { .. } => "ledger-busy",
            LedgerError::Pragma { .. } => "ledger-pragma",
            LedgerError::Io { .. } => "ledger-io",
            LedgerError::Sqlite { .. } => "ledger-sqlite",
            LedgerError::Seen { .. } => "input-seen",
            LedgerError::EffectTwice { .. } => "effect-twice",
            LedgerError::Empty { .. } => "input-empty",
            LedgerError::NoEpoch => "no-epoch",
        }
    }

    /// Says whether trying again can help.
    pub fn retry(&self) -> Retry {
        match self {
            LedgerError::Busy { .. } => Retry::After(100),
            LedgerError::DiskFull { .. } => Retry::After(5_000),
            LedgerError::NewerFormat { .. }
            | LedgerError::Damaged { .. }
            | LedgerError::Pragma { .. }
            | LedgerError::Io { .. }
            | LedgerError::Sqlite { .. }
            | LedgerError::Seen { .. }
            | LedgerError::EffectTwice { .. }
            | LedgerError::Empty { .. }
            | LedgerError::NoEpoch => Retry::Never,
        }
    }

    /// Says whose it is.
    pub fn fault(&self) -> Fault {
        match self {
            LedgerError::NewerFormat { .. } => Fault::User,
            LedgerError::Damaged { .. }
            | LedgerError::DiskFull { .. }
            | LedgerError::Busy { .. }
            | LedgerError::Pragma { .. }
            | LedgerError::Io { .. } => Fault::Environment,
            LedgerError::Sqlite { source, .. } => match source.sqlite_error_code() {
                Some(
                    ErrorCode::SystemIoFailure
                    | ErrorCode::CannotOpen
                    | ErrorCode::PermissionDenied
                    | ErrorCode::ReadOnly
                    | ErrorCode::OutOfMemory,
                ) => Fault::Environment,
                _ => Fault::Bug,
            },
            LedgerError::Seen { .. }
            | LedgerError::EffectTwice { .. }
            | LedgerError::Empty { .. }
            | LedgerError::NoEpoch => Fault::Bug,
        }
    }

    /// Sorts what SQLite said of `path` into what a caller treats differently.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> LedgerError {
        let path = path.to_owned();
        // The shared index of the write-ahead log is a file too: SQLite says so when it finds no room to grow it.
        let no_index = source
            .sqlite_error()
            .is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE);
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => LedgerError::DiskFull { path },
            Some(ErrorCode::SystemIoFailure) if no_index => LedgerError::DiskFull { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Busy { path },
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                LedgerError::Damaged { path, what: source.to_string() }
            }
            _ => LedgerError::Sqlite { path, source },
        }
    }

    /// Names the file and the deed at which the system failed.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> LedgerError {
        let path = path.to_owned();
        let full =
            matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full { LedgerError::DiskFull { path } } else { LedgerError::Io { doing, path, source } }
    }
}

/// Opens the ledger at `path` for its one writer: made if absent, migrated if old (after a copy).
///
/// Errors: a newer or damaged file is refused and left as it is.
pub(crate) fn open(
    path: &Path,
    now_rfc3339: &str,
    migrations: &[Migration],
) -> Result<Connection, LedgerError> {
    require_no_stray_log(path)?;
    if !path.try_exists().map_err(|e| LedgerError::io("look for", path, e))? {
        create(path, migrations)?;
    }
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let sqlite = |e| LedgerError::sqlite(path, e);
    // Until the file is known to be sound and ours, closing it must not move a byte.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(sqlite)?;
    let format = require_known(&db, path, newest(migrations))?;
    require_sound(&db, path)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(sqlite)?;
    if format < newest(migrations) {
        copy(&db, path, &copy_name(path, format, now_rfc3339))?;
        migrate(&mut db, path, format, migrations)?;
    }
    settle(&db, path)?;
    Ok(db)
}

/// Opens the ledger at `path` for reading beside the writer.
///
/// Errors: absent; of another format than this skep writes; damaged.
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, LedgerError> {
    require_no_stray_log(path)?;
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let known = newest(MIGRATIONS);
    let format = require_known(&db, path, known)?;
    if format < known {
        let what = format!("it has format {format} and was not migrated to {known} yet");
        return Err(LedgerError::Damaged { path: path.to_owned(), what });
    }
    Ok(db)
}

/// Copies the whole database to `to`, which must not exist; the name appears when the copy is synced.
pub(crate) fn copy(db: &Connection, path: &Path, to: &Path) -> Result<(), LedgerError> {
    let part = beside(to, ".part");
    let named = part.to_str().ok_or_else(|| {
        LedgerError::io(
            "copy the ledger to",
            to,
            io::Error::new(io::ErrorKind::InvalidInput, "the path is not UTF-8"),
        )
    })?;
    discard(&part)?;
    let made = private(&part)?;
    let result = db
        .execute("VACUUM INTO ?1", [named])
        .map_err(|e| LedgerError::sqlite(path, e))
        .and_then(|_| made.sync_all().map_err(|e| LedgerError::io("sync", &part, e)))
        .and_then(|()| name(&part, to));
    if result.is_err() {
        // The half copy is of no use to anyone; the next copy discards it if this does not.
        let _removed = fs::remove_file(&part);
    }
    result
}

/// A database without its file's first page: SQLite would throw the log beside it away.
fn require_no_stray_log(path: &Path) -> Result<(), LedgerError> {
    let size = |file: &Path| match fs::metadata(file) {
        Ok(found) => Ok(Some(found.len())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(LedgerError::io("look at", file, e)),
    };
    let damaged =
        |what: &str| Err(LedgerError::Damaged { path: path.to_owned(), what: what.to_owned() });
    match size(path)? {
        Some(0) => damaged("the file is empty"),
        None if size(&beside(path, "-wal"))?.is_some_and(|bytes| bytes > 0) => {
            damaged("the file is gone, and its write-ahead log is still there")
        }
        Some(_) | None => Ok(()),
    }
}

/// Makes a whole ledger under another name, then gives it its own: a half-made one never bears the name.
fn create(path: &Path, migrations: &[Migration]) -> Result<(), LedgerError> {
    let fresh = beside(path, ".new");
    for file in
        [fresh.clone(), beside(&fresh, "-wal"), beside(&fresh, "-shm"), beside(&fresh, "-journal")]
    {
        discard(&file)?;
    }
    let made = private(&fresh)?;
    let mut db = connect(&fresh, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrate(&mut db, &fresh, 0, migrations)?;
    db.close().map_err(|(_, e)| LedgerError::sqlite(&fresh, e))?;
    made.sync_all().map_err(|e| LedgerError::io("sync", &fresh, e))?;
    name(&fresh, path)
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    let db = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(sqlite)?;
    db.busy_timeout(BUSY).map_err(sqlite)?;
    Ok(db)
}

/// Returns the file's format, if it is a ledger and not newer than `known`.
fn require_known(db: &Connection, path: &Path, known: u32) -> Result<u32, LedgerError> {
    let damaged = |what: String| LedgerError::Damaged { path: path.to_owned(), what };
    let application = number(db, path, "application_id")?;
    let found = number(db, path, "user_version")?;
    if application != APPLICATION {
        return Err(damaged(format!(
            "it is marked as {application:#x} and not as a ledger of skep"
        )));
    }
    match u32::try_from(found) {
        Ok(format) if (1..=known).contains(&format) => Ok(format),
        Ok(format) if format > known => {
            Err(LedgerError::NewerFormat { path: path.to_owned(), found, known })
        }
        Ok(_) | Err(_) => Err(damaged(format!("it says that it has format {found}"))),
    }
}

fn require_sound(db: &Connection, path: &Path) -> Result<(), LedgerError> {
    let said: String = db
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|e| LedgerError::sqlite(path, e))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(LedgerError::Damaged { path: path.to_owned(), what: said })
    }
}

/// Takes every migration after `format`, each in a transaction that also says so in the file.
fn migrate(
    db: &mut Connection,
    path: &Path,
    format: u32,
    migrations: &[Migration],
) -> Result<(), LedgerError> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    // A migration may rebuild a table that others refer to; what comes out is checked before it is kept.
    db.pragma_update(None, "foreign_keys", false).map_err(sqlite)?;
    for migration in migrations.iter().filter(|migration| migration.format > format) {
        let step = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        step.execute_batch(migration.sql).map_err(sqlite)?;
        step.pragma_update(None, "user_version", migration.format).map_err(sqlite)?;
        if let Some(broken) = broken_references(&step, path)?.into_iter().next() {
            let what = format!("format {} cannot be made: {broken}", migration.format);
            return Err(LedgerError::Damaged { path: path.to_owned(), what });
        }
        step.commit().map_err(sqlite)?;
    }
    Ok(())
}

/// Returns a line for each row that refers to nothing.
pub(crate) fn broken_references(db: &Connection, path: &Path) -> Result<Vec<String>, LedgerError> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    let mut check = db
        .prepare("SELECT \"table\", rowid, parent FROM pragma_foreign_key_check")
        .map_err(sqlite)?;
    let lines = check
        .query_map([], |row| {
            let (table, at, parent): (String, Option<i64>, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(format!(
                "row {} of {table} refers to a row that {parent} does not have",
                at.unwrap_or_default()
            ))
        })
        .map_err(sqlite)?;
    lines.collect::<Result<_, _>>().map_err(sqlite)
}

/// Sets what the promises rest on, and reads it back: SQLite ignores a pragma it does not like without a word.
fn settle(db: &Connection, path: &Path) -> Result<(), LedgerError> {
    let sqlite = |e| LedgerError::sqlite(path, e);
    // This one answers with a row, and with the old mode where it cannot change it.
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(sqlite)?;
    db.pragma_update(None, "synchronous", "FULL").map_err(sqlite)?;
    db.pragma_update(None, "foreign_keys", true).map_err(sqlite)?;
    require_settled(db, path)
}

/// Reads the settings back and refuses to go on without them.
pub(crate) fn require_settled(db: &Connection, path: &Path) -> Result<(), LedgerError> {
    let mode: String = db
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .map_err(|e| LedgerError::sqlite(path, e))?;
    let found = [
        ("journal_mode", "wal", mode),
        ("synchronous", "2", number(db, path, "synchronous")?.to_string()),
        ("foreign_keys", "1", number(db, path, "foreign_keys")?.to_string()),
        ("busy_timeout", "5000", number(db, path, "busy_timeout")?.to_string()),
    ];
    match found.into_iter().find(|(_, wanted, found)| wanted != found) {
        Some((name, wanted, found)) => {
            Err(LedgerError::Pragma { path: path.to_owned(), name, wanted, found })
        }
        None => Ok(()),
    }
}

fn number(db: &Connection, path: &Path, pragma: &str) -> Result<i64, LedgerError> {
    db.pragma_query_value(None, pragma, |row| row.get(0)).map_err(|e| LedgerError::sqlite(path, e))
}

fn newest(migrations: &[Migration]) -> u32 {
    migrations.last().map_or(0, |migration| migration.format)
}

/// `ledger.db.v1-20261120T114300123Z.bak`; the time comes from outside, so only letters and digits of it count.
fn copy_name(path: &Path, format: u32, now_rfc3339: &str) -> PathBuf {
    let time: String = now_rfc3339.chars().filter(char::is_ascii_alphanumeric).collect();
    beside(path, &format!(".v{format}-{time}.bak"))
}

/// Returns the path with `ending` added to its last part.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// Makes an empty file that only its owner may read.
pub(crate) fn private(path: &Path) -> Result<File, LedgerError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| LedgerError::io("make", path, e))
}

/// Removes a file that may not be there.
pub(crate) fn discard(path: &Path) -> Result<(), LedgerError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(LedgerError::io("remove", path, e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Moves `from` to `to` for good; unlike a rename it never replaces what stands at `to`.
pub(crate) fn name(from: &Path, to: &Path) -> Result<(), LedgerError> {
    fs::hard_link(from, to).map_err(|e| LedgerError::io("give a whole file the name", to, e))?;
    discard(from)?;
    let folder =
        to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|e| LedgerError::io("sync", folder, e))
}

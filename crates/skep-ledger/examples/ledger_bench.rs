//! Commits and replay of the ledger beside bare SQLite with the same settings, in turns, as medians and ratios.
//!
//! `cargo run --release -p skep-ledger --example ledger_bench [DIR]`

use std::{
    error::Error,
    io::{self, Write},
    path::Path,
    time::Instant,
};

use rusqlite::{Connection, params};
use skep_ledger::{Batch, Fed, Ledger, LedgerError, NewEvent, Reader};

const NOW: &str = "2026-11-20T11:43:00.123Z";
const EVENTS: usize = 100_000;
const READ: &str = "SELECT id, epoch, at, subject, cause, source, key, kind, body FROM e";

fn main() -> Result<(), Box<dyn Error>> {
    let dir = match std::env::args_os().nth(1) {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let path = dir.path().join("ledger.db");
    let mut ledger = Ledger::open(&path, NOW)?;
    ledger.begin_epoch(NOW)?;
    let floor = floor(&dir.path().join("floor.db"))?;
    let mut out = io::stdout().lock();
    writeln!(out, "| what | ledger | bare SQLite | ratio |\n|---|---|---|---|")?;
    let mut count = 0;
    for (size, rounds) in [(1, 200), (16, 60), (256, 20)] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let batch = batch(&mut count, size);
            ours.push(timed(|| ledger.commit(&batch).map(drop))?);
            theirs.push(timed(|| insert(&floor, &batch))?);
        }
        let what = format!("commit of {size}, per event");
        report(&mut out, &what, &mut ours, &mut theirs, size)?;
    }
    while count < EVENTS {
        let size = 256.min(EVENTS - count);
        let batch = batch(&mut count, size);
        ledger.commit(&batch)?;
        insert(&floor, &batch)?;
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        ours.push(timed(|| replay(&ledger))?);
        theirs.push(timed(|| scan(&floor))?);
    }
    report(&mut out, &format!("replay of {EVENTS} events, whole"), &mut ours, &mut theirs, 1)?;
    let reader = Reader::open(&path)?;
    let last = reader.last()?;
    let before = i64::try_from(last)? - 20;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        ours.push(timed(|| reader.read(last - 19, 100).map(drop))?);
        theirs.push(timed(|| {
            floor.query_row("SELECT count(id) FROM e WHERE id > ?1", [before], |_| Ok(()))
        })?);
    }
    report(
        &mut out,
        "follow: the last 20 events (beside: counting them)",
        &mut ours,
        &mut theirs,
        1,
    )?;
    drop((reader, ledger));
    let open = timed(|| Ledger::open(&path, NOW).map(drop))?;
    let bytes = std::fs::metadata(&path)?.len();
    writeln!(out, "\nopening the file of {bytes} bytes, checked: {:.1} ms", open * 1e3)?;
    Ok(())
}

fn floor(path: &Path) -> Result<Connection, rusqlite::Error> {
    let db = Connection::open(path)?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch(
        "CREATE TABLE e (id INTEGER PRIMARY KEY, epoch INTEGER, at TEXT, subject TEXT, cause INTEGER, source TEXT, \
         key TEXT, kind TEXT, body TEXT)",
    )?;
    Ok(db)
}

fn batch(count: &mut usize, size: usize) -> Batch {
    let inputs = (0..size).map(|_| {
        *count += 1;
        Fed {
            key: format!("run_0123456789/1/{count}"),
            subject: "run_0123456789".to_owned(),
            source: "run".to_owned(),
            at: NOW.to_owned(),
            events: vec![NewEvent {
                kind: "tool_call".to_owned(),
                body: format!("{{\"text\":\"{}\"}}", "x".repeat(120)),
                ..NewEvent::default()
            }],
            ..Fed::default()
        }
    });
    Batch { inputs: inputs.collect() }
}

fn insert(db: &Connection, batch: &Batch) -> Result<(), rusqlite::Error> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut add =
        db.prepare_cached("INSERT INTO e VALUES (NULL, 1, ?1, ?2, NULL, ?3, ?4, ?5, ?6)")?;
    for input in &batch.inputs {
        let event = &input.events[0];
        add.execute(params![
            input.at,
            input.subject,
            input.source,
            input.key,
            event.kind,
            event.body
        ])?;
    }
    db.execute_batch("COMMIT")
}

fn replay(ledger: &Ledger) -> Result<(), LedgerError> {
    let mut bytes = 0;
    ledger.replay(1, |record| {
        bytes += record.body.len();
        Ok::<(), LedgerError>(())
    })?;
    assert!(bytes > EVENTS);
    Ok(())
}

fn scan(db: &Connection) -> Result<(), rusqlite::Error> {
    let mut select = db.prepare_cached(READ)?;
    let mut rows = select.query([])?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        bytes += row.get_ref(8)?.as_str()?.len();
    }
    assert!(bytes > EVENTS);
    Ok(())
}

fn timed<E>(deed: impl FnOnce() -> Result<(), E>) -> Result<f64, E> {
    let start = Instant::now();
    deed()?;
    Ok(start.elapsed().as_secs_f64())
}

fn report(
    out: &mut impl Write,
    what: &str,
    ours: &mut [f64],
    theirs: &mut [f64],
    per: usize,
) -> io::Result<()> {
    let mut ratios: Vec<f64> =
        ours.iter().zip(theirs.iter()).map(|(ours, theirs)| ours / theirs).collect();
    let (ours, theirs) = (median(ours) / per as f64, median(theirs) / per as f64);
    let ratio = median(&mut ratios);
    let (each, floor) = (ours * 1e6, theirs * 1e6);
    writeln!(
        out,
        "| {what} | {each:.1} us, {:.0}/s | {floor:.1} us, {:.0}/s | {ratio:.2} |",
        1.0 / ours,
        1.0 / theirs
    )
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

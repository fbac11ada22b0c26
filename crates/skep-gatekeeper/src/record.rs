//! What the guards write down: `exit.json`, and the two logs of a run.
//!
//! Owns: numbering, syncing and capping of lines; ending a torn line.
//! Never: loses a report because the disk is full for a while, or blocks for the sake of the journal.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use skep_api::journal::{Entry, Line, Spelled};
use skep_core::{facts::Exit, secret::Redactor, time::Timestamp};
use skep_host::paths::{self, PathError};

mod clean;
#[cfg(test)]
mod tests;

/// Room in a full journal for what must still be said: what was dropped, and the exit. Bytes.
const LAST_WORDS: u64 = 64 * 1024;

/// The time of day.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Writes `exit.json` into `dir`.
pub fn write_exit(dir: &Path, exit: &Exit) -> Result<(), PathError> {
    let path = dir.join("exit.json");
    let bytes = serde_json::to_vec(exit).map_err(|err| PathError::Io {
        doing: "write",
        path: path.clone(),
        source: err.into(),
    })?;
    paths::write_atomically(&path, &bytes)
}

/// Reads `exit.json` in `dir`; none where there is none that is whole.
pub fn read_exit(dir: &Path) -> Option<Exit> {
    serde_json::from_slice(&fs::read(dir.join("exit.json")).ok()?).ok()
}

/// A file of lines that only grows.
#[derive(Debug)]
struct Lines {
    file: File,
    /// The number of the last line.
    line: u64,
    /// How long the file is; what lies behind it is the rest of a write that failed.
    bytes: u64,
    /// What takes secrets out of a line; none: nobody told of any.
    redactor: Option<Arc<Redactor>>,
}

impl Lines {
    /// Opens `path`; a torn last line is ended first.
    fn open(path: &Path) -> io::Result<Lines> {
        let mut file =
            OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
        let text = fs::read(path)?;
        let mut bytes = text.len() as u64;
        if !text.is_empty() && !text.ends_with(b"\n") {
            file.write_all(b"\n")?;
            bytes += 1;
        }
        let line = text
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Line>(line).ok())
            .map(|line| line.line)
            .max();
        Ok(Lines { file, line: line.unwrap_or(0), bytes, redactor: None })
    }

    /// Appends one line by one write; none of it stays when it fails.
    fn append(&mut self, at: Timestamp, entry: &Entry) -> io::Result<()> {
        let bytes = self.spell(at, entry)?;
        self.append_spelled(&bytes)
    }

    fn spell(&self, at: Timestamp, entry: &Entry) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.spell_into(&mut bytes, at, entry)?;
        Ok(bytes)
    }

    /// Adds the line after the last one to `bytes`; what stands there stays when it has no form.
    fn spell_into(&self, bytes: &mut Vec<u8>, at: Timestamp, entry: &Entry) -> io::Result<()> {
        let before = bytes.len();
        let line = Spelled { line: self.line + 1, at, entry };
        if let Err(err) = serde_json::to_writer(&mut *bytes, &line) {
            bytes.truncate(before);
            return Err(err.into());
        }
        if let Some(redactor) = &self.redactor
            && redactor.finds(&bytes[before..])
        {
            bytes.truncate(before);
            bytes.extend(clean::spell(redactor, &line)?);
        }
        bytes.push(b'\n');
        Ok(())
    }

    fn append_spelled(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.append_all(bytes, 1)
    }

    /// Appends `count` lines by one write.
    fn append_all(&mut self, bytes: &[u8], count: u64) -> io::Result<()> {
        if let Err(err) = self.file.write_all(bytes) {
            // Without this the next opener ends the torn line.
            let _torn = self.file.set_len(self.bytes);
            return Err(err);
        }
        self.bytes += bytes.len() as u64;
        self.line += count;
        Ok(())
    }
}

/// `reports.jsonl`: each line is synced; what cannot be written waits and is tried again, in order.
#[derive(Debug)]
pub struct Reports {
    lines: Lines,
    waiting: VecDeque<(Timestamp, Entry)>,
}

impl Reports {
    /// Opens the reports in `dir`.
    pub fn open(dir: &Path) -> io::Result<Reports> {
        let lines = Lines::open(&dir.join("reports.jsonl"))?;
        // The name must be there after a power cut, too; a file system that cannot tell has to be believed.
        let _unsynced = paths::sync_parent(&dir.join("reports.jsonl"));
        Ok(Reports { lines, waiting: VecDeque::new() })
    }

    /// The same, without secrets in what is added.
    #[must_use]
    pub fn without(mut self, redactor: &Arc<Redactor>) -> Reports {
        self.lines.redactor = Some(Arc::clone(redactor));
        self
    }

    /// Adds a report.
    pub fn add(&mut self, at: Timestamp, entry: Entry) {
        self.waiting.push_back((at, entry));
        self.flush();
    }

    /// Tells whether something could not be written yet.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes what waits. Returns whether nothing waits any more.
    pub fn flush(&mut self) -> bool {
        while let Some((at, entry)) = self.waiting.front() {
            if self.lines.append(*at, entry).and_then(|()| self.lines.file.sync_data()).is_err() {
                return false;
            }
            self.waiting.pop_front();
        }
        true
    }
}

/// `journal.jsonl`: everything, unsynced, up to a size; what is dropped is counted.
///
/// Lines that come together are written together: [`Journal::flush`] ends such a row.
#[derive(Debug)]
pub struct Journal {
    lines: Lines,
    /// Lines that are spelled and counted, and not yet written.
    row: Vec<u8>,
    row_lines: u64,
    cap: u64,
    dropped: u64,
    dropped_bytes: u64,
    why: &'static str,
}

/// How much is written at once. Bytes.
const ROW: usize = 64 << 10;
/// Why a line is dropped for want of room.
const FULL: &str = "the journal is full";

impl Journal {
    /// Opens the journal in `dir`, which may grow to `cap` bytes.
    pub fn open(dir: &Path, cap: u64) -> io::Result<Journal> {
        let lines = Lines::open(&dir.join("journal.jsonl"))?;
        let row = Vec::new();
        Ok(Journal { lines, row, row_lines: 0, cap, dropped: 0, dropped_bytes: 0, why: "" })
    }

    /// The same, without secrets in what is added.
    #[must_use]
    pub fn without(mut self, redactor: &Arc<Redactor>) -> Journal {
        self.lines.redactor = Some(Arc::clone(redactor));
        self
    }

    /// How many lines there are.
    pub fn lines(&self) -> u64 {
        self.lines.line
    }

    /// Adds a line, or counts it as dropped.
    pub fn add(&mut self, at: Timestamp, entry: &Entry) {
        if self.dropped > 0 && self.why != FULL {
            self.confess(at);
        }
        let before = self.row.len();
        if self.lines.spell_into(&mut self.row, at, entry).is_err() {
            return self.drop_lines(1, 0, "it has no form");
        }
        if self.lines.bytes + self.row.len() as u64 > self.cap {
            let size = (self.row.len() - before) as u64;
            self.row.truncate(before);
            return self.drop_lines(1, size, FULL);
        }
        self.lines.line += 1;
        self.row_lines += 1;
        if self.row.len() >= ROW {
            self.flush();
        }
    }

    /// Writes the lines that wait, by one write; all of them are dropped when it fails.
    pub fn flush(&mut self) {
        if self.row.is_empty() {
            return;
        }
        let (size, count) = (self.row.len() as u64, self.row_lines);
        // Their numbers are given once they stand.
        self.lines.line -= count;
        if self.lines.append_all(&self.row, count).is_err() {
            self.drop_lines(count, size, "it could not be written");
        }
        self.row.clear();
        // What one long line took is not kept for ever.
        self.row.shrink_to(ROW);
        self.row_lines = 0;
    }

    /// Adds the last line, full or not, and before it what was dropped.
    pub fn close(&mut self, at: Timestamp, entry: &Entry) {
        self.flush();
        self.cap = self.cap.saturating_add(LAST_WORDS);
        self.confess(at);
        // The report of the exit is what counts; this one is for readers.
        let _full = self.lines.append(at, entry);
    }

    fn drop_lines(&mut self, lines: u64, bytes: u64, why: &'static str) {
        self.dropped += lines;
        self.dropped_bytes += bytes;
        self.why = why;
    }

    fn confess(&mut self, at: Timestamp) {
        self.flush();
        if self.dropped == 0 {
            return;
        }
        let entry = Entry::Dropped {
            lines: self.dropped,
            bytes: self.dropped_bytes,
            why: self.why.to_owned(),
        };
        if self.lines.append(at, &entry).is_ok() {
            (self.dropped, self.dropped_bytes) = (0, 0);
        }
    }
}

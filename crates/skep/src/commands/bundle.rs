//! `skep bundle`
//!
//! Owns: what goes into a report of an error, that secrets are taken out of each byte of it, and what is said to be missing.
//! Never: sends it anywhere, writes over a file, or takes along an environment, a prompt or the bytes of a terminal.

mod secrets;

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use serde_json::{Value, json};
use skep_api::{
    request::Ask,
    view::{EventView, RunView},
};
use skep_core::{id::RunId, secret::Redactor, time::Timestamp};
use skep_daemon::{config, doctor};

use super::read;
use crate::{
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
    output::bytes,
};

/// How many runs there are in one where none is named.
const RUNS: usize = 5;
/// The most of a file that is taken along: its end. Bytes.
const MOST: u64 = 4 << 20;
/// The most of all of it. Bytes.
const WHOLE: usize = 64 << 20;
/// The most events: the last ones.
const EVENTS: usize = 20_000;
/// What an attempt's folder gives.
const RECORDS: [&str; 4] = ["reports.jsonl", "journal.jsonl", "start.json", "exit.json"];
/// What is never in one, and why.
const NEVER: [&str; 4] = [
    "environments and specs of runs: they are yours, and hold addresses and names of yours",
    "prompts, and what lies in worktrees",
    "the bytes of terminals: a secret may stand torn in them",
    "secrets that only a command tells: none was started for this",
];

/// What was made.
#[derive(Serialize)]
struct Made {
    file: PathBuf,
    bytes: usize,
    entries: Vec<Entry>,
    left_out: Vec<String>,
    secrets: usize,
}

/// One file in it.
#[derive(Serialize)]
struct Entry {
    name: String,
    bytes: usize,
    /// Whether something was taken out of it.
    redacted: bool,
    /// Whether only its end is there.
    cut: bool,
}

/// A bundle that is being put together.
struct Bundle {
    tar: tar::Builder<GzEncoder<Vec<u8>>>,
    redactor: Redactor,
    now: Timestamp,
    entries: Vec<Entry>,
    left_out: Vec<String>,
    whole: usize,
}

pub(super) fn bundle(skep: &Skep, ids: Vec<String>, output: Option<PathBuf>) -> Outcome {
    let now = skep_daemon::daemon::now();
    let minute: String = now.to_string().chars().take(16).collect();
    let file = output.unwrap_or_else(|| {
        PathBuf::from(format!("skep-bundle-{}.tar.gz", minute.replace(':', "-")))
    });
    let out = create(&file)?;
    let made = fill(skep, ids, now).and_then(|(mut made, packed)| {
        (&out)
            .write_all(&packed)
            .and_then(|()| out.sync_all())
            .map_err(|err| unwritable(&file, &err))?;
        made.file.clone_from(&file);
        Ok(made)
    });
    let made = made.inspect_err(|_| {
        // What is half there is nothing; that it stays is no other error.
        let _gone = fs::remove_file(&file);
    })?;
    if skep.out.json {
        skep.out.json(&made)?;
        return Ok(ExitCode::SUCCESS);
    }
    let size = u64::try_from(made.bytes).unwrap_or(u64::MAX);
    skep.out.line(&format!(
        "{}: {} files, {}",
        made.file.display(),
        made.entries.len(),
        bytes(size)
    ))?;
    skep.out.note(&format!(
        "{} known secrets, and what looks like one, were taken out of it",
        made.secrets
    ));
    skep.out.note("your words and your agents' are in it: read it before you send it");
    skep.out.note("INDEX.md in it says what it has, and what it has not");
    for what in made.left_out.iter().skip(NEVER.len()) {
        skep.out.note(&format!("not in it: {what}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the file, for its owner alone; one that is there is never written over.
fn create(file: &Path) -> Result<File, CliError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(|err| {
        if err.kind() == io::ErrorKind::AlreadyExists {
            CliError::error("bundle-exists", format!("`{}` is there already", file.display()))
                .hint("skep bundle --output FILE   another name")
        } else {
            unwritable(file, &err)
        }
    })
}

fn unwritable(file: &Path, err: &io::Error) -> CliError {
    CliError::error("bundle-unwritable", format!("`{}`: {err}", file.display()))
        .hint("skep bundle --output FILE   in a folder that is yours")
}

fn fill(skep: &Skep, ids: Vec<String>, now: Timestamp) -> Result<(Made, Vec<u8>), CliError> {
    let named = !ids.is_empty();
    let mut left_out: Vec<String> = NEVER.map(str::to_owned).to_vec();
    let runs = match runs(skep, ids) {
        Ok(runs) => runs,
        Err(err) if named => return Err(err),
        // A daemon that does not answer is a reason for a report, not against one.
        Err(err) => {
            left_out.push(format!("runs and events: {}", err.refusal.message));
            Vec::new()
        }
    };
    let (values, unread) = secrets::values(skep, &runs);
    left_out.extend(unread);
    let known = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut bundle = Bundle {
        tar: tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default())),
        redactor: Redactor::new(known, &[]),
        now,
        entries: Vec::new(),
        left_out,
        whole: 0,
    };
    bundle.json("versions.json", &versions())?;
    bundle.json("doctor.json", &doctor::examine(&skep.home, &skep.config, &skep.env))?;
    match config::show(&skep.config, None, &[]) {
        Ok(rows) => {
            let rows: Vec<Value> = rows
                .iter()
                .map(|row| json!({"key": row.key, "value": row.value, "origin": row.origin.to_string()}))
                .collect();
            bundle.json("settings.json", &rows)?;
        }
        Err(err) => bundle.left_out.push(format!("settings: {err}")),
    }
    bundle.file("daemon.log", &skep.home.daemon_log())?;
    let mut events = if runs.is_empty() { VecDeque::new() } else { events(skep, &mut bundle) };
    for run in &runs {
        bundle.run(skep, run, &mut events)?;
    }
    let secrets = values.len();
    bundle.finish(secrets)
}

/// The runs that are named, or the last ones.
fn runs(skep: &Skep, ids: Vec<String>) -> Result<Vec<RunView>, CliError> {
    if !ids.is_empty() {
        return read(skep.ask(Ask::Named { runs: ids })?);
    }
    let mut runs: Vec<RunView> = read(skep.ask(Ask::Ls { all: true, project: None })?)?;
    runs.sort_by_key(|run| std::cmp::Reverse(run.created));
    runs.truncate(RUNS);
    Ok(runs)
}

fn versions() -> Value {
    let kernel = fs::read_to_string("/proc/version").unwrap_or_default();
    json!({
        "skep": env!("CARGO_PKG_VERSION"),
        "system": std::env::consts::OS,
        "machine": std::env::consts::ARCH,
        "kernel": kernel.trim(),
    })
}

/// The last events of all.
fn events(skep: &Skep, bundle: &mut Bundle) -> VecDeque<EventView> {
    let mut all = VecDeque::new();
    let mut more = false;
    let mut hear = |item: serde_json::Value| {
        if let Ok(event) = serde_json::from_value::<EventView>(item) {
            all.push_back(event);
            if all.len() > EVENTS {
                all.pop_front();
                more = true;
            }
        }
        true
    };
    let told = skep.client().and_then(|mut client| {
        let ask = Ask::Events { from: 0, follow: false };
        Ok(client.stream(&random_id()?, ask, &mut hear)?)
    });
    if let Err(err) = told {
        bundle.left_out.push(format!("events: {}", err.refusal.message));
    } else if more {
        bundle.left_out.push(format!("events before the last {EVENTS} of all"));
    }
    all
}

impl Bundle {
    fn run(
        &mut self,
        skep: &Skep,
        run: &RunView,
        events: &mut VecDeque<EventView>,
    ) -> Result<(), CliError> {
        let id: RunId =
            run.id.parse().map_err(|err| CliError::error("run-unknown", format!("{err}")))?;
        self.json(&format!("runs/{id}/view.json"), run)?;
        let mut lines = Vec::new();
        for event in events.iter().filter(|event| event.subject == run.id) {
            // Its own bodies are JSON already.
            lines.extend(serde_json::to_vec(event).unwrap_or_default());
            lines.push(b'\n');
        }
        self.add(&format!("runs/{id}/events.jsonl"), &lines, false)?;
        for attempt in 1..=run.attempt {
            for name in RECORDS {
                let path = skep.home.attempt(&id, attempt).join(name);
                self.file(&format!("runs/{id}/{attempt}/{name}"), &path)?;
            }
        }
        Ok(())
    }

    fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), CliError> {
        let mut text = serde_json::to_vec_pretty(value)
            .map_err(|err| CliError::error("bundle-unwritable", format!("{name}: {err}")))?;
        text.push(b'\n');
        self.add(name, &text, false)
    }

    /// Adds the end of a file; one that is not there, or cannot be read, is said to be missing.
    fn file(&mut self, name: &str, path: &Path) -> Result<(), CliError> {
        match end_of(path) {
            Ok((text, cut)) => self.add(name, &text, cut),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(err) => {
                self.left_out.push(format!("{name}: {err}"));
                Ok(())
            }
        }
    }

    fn add(&mut self, name: &str, text: &[u8], cut: bool) -> Result<(), CliError> {
        if self.whole + text.len() > WHOLE {
            self.left_out.push(format!("{name}: the bundle is full"));
            return Ok(());
        }
        let clean = self.redactor.bytes(text);
        let redacted = *clean != *text;
        self.whole += clean.len();
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(clean.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_mtime(self.now.0 / 1000);
        let path = format!("skep-bundle/{name}");
        self.tar
            .append_data(&mut header, path, &*clean)
            .map_err(|err| CliError::error("bundle-unwritable", format!("{name}: {err}")))?;
        self.entries.push(Entry { name: name.to_owned(), bytes: clean.len(), redacted, cut });
        Ok(())
    }

    /// Adds the list of what is in it, and packs it.
    fn finish(mut self, secrets: usize) -> Result<(Made, Vec<u8>), CliError> {
        let mut index = format!(
            "A report of skep {}, made {}.\n\nSecrets were taken out: {secrets} that are known by their value, and what looks like one.\n\nIn it:\n\n",
            env!("CARGO_PKG_VERSION"),
            self.now
        );
        for Entry { name, bytes, redacted, cut } in &self.entries {
            let cut = if *cut { ", its end" } else { "" };
            let redacted = if *redacted { ", secrets taken out" } else { "" };
            index += &format!("- {name}: {bytes} bytes{cut}{redacted}\n");
        }
        index += "\nNot in it:\n\n";
        for what in &self.left_out {
            index += &format!("- {what}\n");
        }
        self.add("INDEX.md", index.as_bytes(), false)?;
        let packed = self
            .tar
            .into_inner()
            .and_then(GzEncoder::finish)
            .map_err(|err| CliError::error("bundle-unwritable", err.to_string()))?;
        let made = Made {
            file: PathBuf::new(),
            bytes: packed.len(),
            entries: self.entries,
            left_out: self.left_out,
            secrets,
        };
        Ok((made, packed))
    }
}

/// The end of a file, from the beginning of a line where it is not all of it.
fn end_of(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let cut = len > MOST;
    if cut {
        file.seek(SeekFrom::Start(len - MOST))?;
    }
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text)?;
    if cut && let Some(line) = text.iter().position(|byte| *byte == b'\n') {
        text.drain(..=line);
    }
    Ok((text, cut))
}

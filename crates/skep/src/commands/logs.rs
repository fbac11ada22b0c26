//! `skep logs`

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    process::ExitCode,
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::inotify,
    pipe::{PipeFlags, pipe_with},
};
use skep_api::{
    journal::{Entry, Line},
    request::Ask,
    view::RunView,
};
use skep_core::{
    id::RunId,
    said::{ErrorClass, Said, TurnResult},
    text,
};

use super::read;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

pub(super) fn logs(skep: &Skep, id: &str, follow: bool, raw: bool) -> Outcome {
    print(skep, id, follow, raw || skep.out.json)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the journal of the run's last attempt; with `follow` until the run has ended.
pub(super) fn print(skep: &Skep, id: &str, follow: bool, raw: bool) -> Result<(), CliError> {
    let run: RunView = read(skep.ask(Ask::Show { run: id.to_owned() })?)?;
    let run_id: RunId =
        run.id.parse().map_err(|err| CliError::error("run-unknown", format!("{err}")))?;
    let mut attempt = run.attempt;
    let mut journal = Journal::open(skep, &run_id, attempt);
    journal.print(skep, raw)?;
    if !follow || run.state == "ended" {
        if journal.lines == 0 && !follow {
            skep.out.note(&format!("{} has said nothing yet ({})", run.name, run.state));
        }
        return Ok(());
    }
    let ended = end_of(skep, &run.id)?;
    loop {
        let over = journal.wait(&ended)?;
        journal.print(skep, raw)?;
        let next = skep.home.attempt(&run_id, attempt + 1);
        if next.is_dir() {
            attempt += 1;
            journal = Journal::open(skep, &run_id, attempt);
            journal.print(skep, raw)?;
        } else if over {
            return Ok(());
        }
    }
}

/// The last words of an attempt's journal, for an error; none where there is none.
pub(super) fn last_lines(skep: &Skep, id: &str, attempt: u32, most: usize) -> Vec<String> {
    let Ok(run) = id.parse::<RunId>() else { return Vec::new() };
    let mut journal = Journal::open(skep, &run, attempt);
    let lines: Vec<String> = journal.read().iter().filter_map(|line| shown(skep, line)).collect();
    lines[lines.len().saturating_sub(most)..].to_vec()
}

/// A descriptor that becomes readable when the run has ended.
fn end_of(skep: &Skep, id: &str) -> Result<rustix::fd::OwnedFd, CliError> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(std::io::Error::from)?;
    let (skep, id) = (skep.clone(), id.to_owned());
    thread::spawn(move || {
        // However the wait went: there is nothing more to follow, and the closing pipe says so.
        let _ended = skep.ask(Ask::Wait {
            runs: vec![id],
            until: "ended".to_owned(),
            any: false,
            timeout_ms: None,
        });
        drop(writer);
    });
    Ok(reader)
}

/// An attempt's journal as far as it was read.
pub(super) struct Journal {
    path: PathBuf,
    offset: u64,
    torn: Vec<u8>,
    lines: u64,
    /// Readable when there is more.
    pub(super) notify: Option<rustix::fd::OwnedFd>,
}

impl Journal {
    pub(super) fn open(skep: &Skep, run: &RunId, attempt: u32) -> Journal {
        let dir = skep.home.attempt(run, attempt);
        let notify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .ok()
            .filter(|fd| {
                let what = inotify::WatchFlags::MODIFY
                    | inotify::WatchFlags::CREATE
                    | inotify::WatchFlags::MOVED_TO;
                // The run's own folder tells of the next attempt, and of this one where it is still to come.
                let whole = inotify::add_watch(fd, skep.home.run(run), what).is_ok();
                whole | inotify::add_watch(fd, &dir, what).is_ok()
            });
        Journal { path: dir.join("journal.jsonl"), offset: 0, torn: Vec::new(), lines: 0, notify }
    }

    /// Leaves out all but the last so many bytes of what is not read yet; the line that is torn by it goes as well.
    pub(super) fn skip_to_last(&mut self, bytes: u64) {
        let length = fs::metadata(&self.path).map_or(0, |file| file.len());
        let from = length.saturating_sub(bytes);
        if from > self.offset {
            // What is torn is no line of JSON, and so is not shown.
            self.offset = from;
            self.torn.clear();
        }
    }

    /// Takes notice that something changed, whatever it is.
    pub(super) fn heed(&self) {
        if let Some(notify) = &self.notify {
            let mut bytes = [0; 4096];
            // What changed does not matter, only that something did.
            while rustix::io::read(notify, &mut bytes).is_ok_and(|read| read > 0) {}
        }
    }

    pub(super) fn read(&mut self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        let more = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.offset))?;
            file.read_to_end(&mut bytes)
        });
        // No file yet is nothing said yet.
        let Ok(more) = more else { return Vec::new() };
        self.offset += more as u64;
        self.torn.append(&mut bytes);
        let mut lines = Vec::new();
        while let Some(end) = self.torn.iter().position(|byte| *byte == b'\n') {
            lines.push(self.torn.drain(..=end).collect());
            self.lines += 1;
        }
        lines
    }

    fn print(&mut self, skep: &Skep, raw: bool) -> Result<(), CliError> {
        for line in self.read() {
            if raw {
                skep.out.line(String::from_utf8_lossy(&line).trim_end())?;
            } else if let Some(text) = shown(skep, &line) {
                skep.out.line(&text)?;
            }
        }
        Ok(())
    }

    /// Waits for more, or for the end; true at the end.
    fn wait(&self, ended: &rustix::fd::OwnedFd) -> Result<bool, CliError> {
        let mut fds = vec![PollFd::new(ended, PollFlags::IN | PollFlags::HUP)];
        fds.extend(self.notify.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(std::io::Error::from(err).into()),
        }
        let over = !fds[0].revents().is_empty();
        self.heed();
        Ok(over)
    }
}

/// A journal line for people; none for what only machines read.
fn shown(skep: &Skep, line: &[u8]) -> Option<String> {
    told(line).map(|(tone, text)| skep.out.paint(tone, &text))
}

/// What a journal line tells people, harmless for a terminal; none for what only machines read.
pub(super) fn told(line: &[u8]) -> Option<(Tone, String)> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let said = |tone, text: &str| (tone, text::visible(text));
    let brief = |tone, text: &str| (tone, text::words(&text::one_line(text), 300));
    Some(match line.entry {
        Entry::Started { pid, .. } => brief(Tone::Faint, &format!("── started, pid {pid}")),
        Entry::Agent(Said::Said { text }) => said(Tone::Plain, text.trim_end()),
        Entry::Agent(Said::Thought { text }) => brief(Tone::Faint, &format!("· {text}")),
        Entry::Agent(Said::Tool { name, input, .. }) => {
            brief(Tone::Faint, &format!("▸ {name} {input}"))
        }
        Entry::Agent(Said::ToolResult { ok: true, .. }) => return None,
        Entry::Agent(Said::ToolResult { ok: false, text, .. }) => {
            brief(Tone::Bad, &format!("✗ {text}"))
        }
        Entry::Agent(Said::Ask { text, .. } | Said::Permission { text, .. }) => {
            said(Tone::Wants, &format!("? {text}"))
        }
        Entry::Agent(Said::Limit { text, .. }) => said(Tone::Wants, &format!("limit: {text}")),
        Entry::Agent(Said::Retry { attempt, text }) => {
            brief(Tone::Faint, &format!("retry {attempt}: {text}"))
        }
        Entry::Agent(Said::TurnEnded { result, .. }) => match result {
            TurnResult::Success | TurnResult::Ended => brief(Tone::Faint, "── turn ended"),
            TurnResult::Failed => brief(Tone::Bad, "── turn failed"),
            TurnResult::Cancelled => brief(Tone::Bad, "── turn cancelled"),
        },
        Entry::Agent(Said::Error { class: ErrorClass::Notice, text }) => {
            brief(Tone::Faint, &format!("! {text}"))
        }
        Entry::Agent(Said::Error { text, .. }) => said(Tone::Bad, &text),
        Entry::Agent(Said::Session { .. } | Said::Usage { .. }) => return None,
        Entry::Silence { quiet_ms, .. } => {
            brief(Tone::Wants, &format!("silent for {} s", quiet_ms / 1000))
        }
        Entry::Heard {} => brief(Tone::Faint, "heard again"),
        Entry::Stderr { text } => brief(Tone::Faint, &format!("! {text}")),
        Entry::Output { text } => said(Tone::Plain, &text),
        Entry::Delivered { text, .. } => said(Tone::Strong, &format!("» {text}")),
        Entry::Dropped { lines, bytes, why } => {
            brief(Tone::Wants, &format!("{lines} lines ({bytes} bytes) were not kept: {why}"))
        }
        Entry::Exit { exit } => {
            let tone = if exit.code == 0 { Tone::Faint } else { Tone::Bad };
            let error = exit.error.map(|error| format!(": {error}")).unwrap_or_default();
            said(tone, &format!("── exit {}{error}", exit.code))
        }
    })
}

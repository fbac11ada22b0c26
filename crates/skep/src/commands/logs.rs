//! `skep logs`

use std::{
    collections::VecDeque,
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
use skep_api::request;
use skep_core::id::RunId;

use super::named;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

pub(crate) mod readable;

use readable::{Look, Parts, Reader};

/// What of a journal is wanted, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask {
    pub(super) follow: bool,
    /// As it is written.
    pub(super) raw: bool,
    pub(super) times: bool,
    pub(super) tools: bool,
    /// Only so many of its last lines.
    pub(super) last: Option<usize>,
}

pub(super) fn logs(skep: &Skep, id: &str, ask: &Ask) -> Outcome {
    print(skep, id, &Ask { raw: ask.raw || skep.out.json, ..*ask })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the journal of the run's last attempt; to follow it until the run has ended.
pub(super) fn print(skep: &Skep, id: &str, ask: &Ask) -> Result<(), CliError> {
    let run = named(skep, id)?;
    let follow = ask.follow;
    let run_id: RunId =
        run.id.parse().map_err(|err| CliError::error("run-unknown", format!("{err}")))?;
    let mut attempt = run.attempt;
    let mut journal = Journal::open(skep, &run_id, attempt);
    let mut reader = Reader::new(look(skep, ask));
    journal.print(skep, &mut reader, ask, ask.last)?;
    if !follow || run.state == "ended" {
        if journal.lines == 0 && !follow {
            skep.out.note(&format!("{} has said nothing yet ({})", run.name, run.state));
        }
        return Ok(());
    }
    let ended = end_of(skep, &run.id)?;
    loop {
        let over = journal.wait(&ended)?;
        journal.print(skep, &mut reader, ask, None)?;
        let next = skep.home.attempt(&run_id, attempt + 1);
        if next.is_dir() {
            attempt += 1;
            journal = Journal::open(skep, &run_id, attempt);
            journal.print(skep, &mut reader, ask, None)?;
        } else if over {
            return Ok(());
        }
    }
}

/// The last words of an attempt's journal, for an error; none where there is none.
pub(super) fn last_lines(skep: &Skep, id: &str, attempt: u32, most: usize) -> Vec<String> {
    let Ok(run) = id.parse::<RunId>() else { return Vec::new() };
    let mut journal = Journal::open(skep, &run, attempt);
    let mut reader = Reader::new(look(skep, &Ask::default()));
    let mut lines = Vec::new();
    journal.skip_to_last(far(most));
    journal.each(&mut |line| lines.extend(painted(skep, reader.read(line))));
    lines.extend(painted(skep, reader.pending()));
    lines[lines.len().saturating_sub(most)..].to_vec()
}

/// As the terminal has room.
fn look(skep: &Skep, ask: &Ask) -> Look {
    Look { width: skep.out.columns(), times: ask.times, tools: ask.tools }
}

fn painted(skep: &Skep, lines: Vec<Parts>) -> impl Iterator<Item = String> + use<'_> {
    let paint = |(tone, text): &(Tone, String)| skep.out.paint(*tone, text);
    lines.into_iter().map(move |line| line.iter().map(paint).collect())
}

/// A descriptor that becomes readable when the run has ended.
fn end_of(skep: &Skep, id: &str) -> Result<rustix::fd::OwnedFd, CliError> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(std::io::Error::from)?;
    let (skep, id) = (skep.clone(), id.to_owned());
    thread::spawn(move || {
        // However the wait went: there is nothing more to follow, and the closing pipe says so.
        let _ended = skep.ask(request::Ask::Wait {
            runs: vec![id],
            until: "ended".to_owned(),
            any: false,
            timeout_ms: None,
        });
        drop(writer);
    });
    Ok(reader)
}

/// How far from its end a journal is read for its last lines: a line of it may be as long as a tool's answer. Bytes.
const FAR: u64 = 4 << 20;
const PER_LINE: u64 = 8 << 10;
/// How many lines are written in one go.
const AT_ONCE: usize = 1000;

fn far(lines: usize) -> u64 {
    u64::try_from(lines).unwrap_or(u64::MAX).saturating_mul(PER_LINE).max(FAR)
}

/// An attempt's journal as far as it was read.
pub(super) struct Journal {
    path: PathBuf,
    offset: u64,
    torn: Vec<u8>,
    lines: u64,
    /// Whether the next line is only the end of one.
    skip: bool,
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
        Journal {
            path: dir.join("journal.jsonl"),
            offset: 0,
            torn: Vec::new(),
            lines: 0,
            skip: false,
            notify,
        }
    }

    /// Leaves out all but so many bytes of what is not read yet, and the line that is torn by it.
    pub(super) fn skip_to_last(&mut self, bytes: u64) {
        let length = fs::metadata(&self.path).map_or(0, |file| file.len());
        let from = length.saturating_sub(bytes);
        if from > self.offset {
            self.offset = from;
            self.torn.clear();
            self.skip = true;
        }
    }

    /// Gives what is new to `each`, line by line.
    pub(super) fn each(&mut self, each: &mut impl FnMut(&[u8])) {
        // No file yet is nothing said yet.
        let Ok(mut file) = File::open(&self.path) else { return };
        if file.seek(SeekFrom::Start(self.offset)).is_err() {
            return;
        }
        let mut chunk = vec![0; 1 << 16];
        // A journal that cannot be read on has said what it said.
        while let Ok(read @ 1..) = file.read(&mut chunk) {
            self.offset += read as u64;
            let mut rest = &chunk[..read];
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                self.torn.extend_from_slice(&rest[..=end]);
                rest = &rest[end + 1..];
                if !std::mem::take(&mut self.skip) {
                    self.lines += 1;
                    each(&self.torn);
                }
                self.torn.clear();
            }
            self.torn.extend_from_slice(rest);
        }
    }

    fn print(
        &mut self,
        skep: &Skep,
        reader: &mut Reader,
        ask: &Ask,
        last: Option<usize>,
    ) -> Result<(), CliError> {
        let mut lines: VecDeque<String> = VecDeque::new();
        let mut printed = Ok(());
        let most = last.unwrap_or(AT_ONCE);
        if let Some(last) = last {
            self.skip_to_last(far(last));
        }
        self.each(&mut |line| {
            if ask.raw {
                lines.push_back(
                    skep_core::text::json(String::from_utf8_lossy(line).trim_end()).into_owned(),
                );
            } else {
                lines.extend(painted(skep, reader.read(line)));
            }
            if last.is_some() {
                lines.drain(..lines.len().saturating_sub(most));
            } else if lines.len() >= most && printed.is_ok() {
                printed = skep.out.lines(lines.make_contiguous());
                lines.clear();
            }
        });
        printed?;
        if !ask.raw {
            lines.extend(painted(skep, reader.pending()));
        }
        if let Some(last) = last {
            lines.drain(..lines.len().saturating_sub(last));
        }
        Ok(skep.out.lines(lines.make_contiguous())?)
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

    /// Takes notice that something changed, whatever it is.
    pub(super) fn heed(&self) {
        if let Some(notify) = &self.notify {
            let mut bytes = [0; 4096];
            while rustix::io::read(notify, &mut bytes).is_ok_and(|read| read > 0) {}
        }
    }
}

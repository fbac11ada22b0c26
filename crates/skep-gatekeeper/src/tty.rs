//! The agent's terminal as its keeper holds it: screen, viewers, keys and `tty.log` in one.
//!
//! Owns: what happens with each byte of the agent, when its terminal is ready for a message, and whose size it has.
//! Never: makes the agent wait for a viewer or for the disk.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{fs::OpenOptionsExt, net::UnixStream},
    },
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use skep_api::spec::Size;
use skep_core::secret::Redactor;

use crate::{
    keys::{Keys, Message, Taken},
    pty,
    screen::{Screen, sane},
    secrets::Veil,
    viewers::{Viewers, Word},
};

/// How long a terminal must be quiet after its first output to be taken for ready, and when it is at the latest.
const QUIET: Duration = Duration::from_millis(500);
const LATEST: Duration = Duration::from_secs(5);
/// The same for an agent that tells when it is ready: what is typed before is lost to some.
const LATEST_WORD: Duration = Duration::from_secs(60);

/// The terminal of a run.
pub struct Tty {
    ours: OwnedFd,
    screen: Screen,
    keys: Keys,
    viewers: Viewers,
    log: Log,
    veil: Veil,
    started: Instant,
    /// When the agent last wrote.
    heard: Option<Instant>,
    /// It will tell by its window's title when it waits for words, and has not yet.
    awaits_word: bool,
    ready: bool,
}

impl Tty {
    /// Makes a terminal of this size with its log in `dir`, on which no secret is seen; also returns the agent's end.
    pub fn open(
        dir: &Path,
        size: Size,
        log_cap: u64,
        redactor: Arc<Redactor>,
    ) -> io::Result<(Tty, OwnedFd)> {
        let screen = Screen::new(size);
        let (ours, theirs) = pty::open_pair(screen.size())?;
        let tty = Tty {
            ours,
            screen,
            keys: Keys::default(),
            viewers: Viewers::default(),
            log: Log::open(dir, log_cap)?,
            veil: Veil::new(redactor),
            started: Instant::now(),
            heard: None,
            awaits_word: false,
            ready: false,
        };
        Ok((tty, theirs))
    }

    /// Begins to write to the agent, first `prompt`, once its terminal is ready; returns where its output is read.
    pub fn begin(
        &mut self,
        theirs: OwnedFd,
        prompt: &[u8],
        typing: impl FnMut(&Message) -> bool + Send + 'static,
        written: impl FnMut(Message, bool) + Send + 'static,
    ) -> io::Result<File> {
        self.keys.start(self.ours.try_clone()?, theirs, typing, written)?;
        let prompt = String::from_utf8_lossy(prompt);
        if !prompt.trim().is_empty() {
            self.keys.send(Message { id: None, text: prompt.into_owned() });
        }
        Ok(File::from(self.ours.try_clone()?))
    }

    /// Nothing is typed before the agent has told that it waits for it, or for long enough that it never will.
    pub fn await_word(&mut self, awaits: bool) {
        self.awaits_word = awaits;
    }

    /// Hears what the agent wrote; returns the titles that it gave its window.
    pub fn hear(&mut self, bytes: &[u8], now: Instant) -> Vec<String> {
        self.heard = Some(now);
        let bytes = self.veil.pass(bytes, now);
        self.take(&bytes)
    }

    fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        self.log.add(bytes);
        let heard = self.screen.hear(bytes);
        self.keys.mark_paste(self.screen.wants_paste_marked());
        if !heard.answers.is_empty() {
            self.keys.answer(&heard.answers);
        }
        if heard.repaint {
            self.paint();
        } else if !heard.shown.is_empty() {
            self.viewers.show(&heard.shown);
        }
        heard.titles
    }

    fn paint(&self) {
        if !self.viewers.is_empty() {
            self.viewers.paint(&self.screen.repaint());
        }
    }

    /// When the clock has something to say.
    pub fn next_look(&self, now: Instant) -> Option<Duration> {
        self.until_ready(now).into_iter().chain(self.veil.next_look(now)).min()
    }

    fn until_ready(&self, now: Instant) -> Option<Duration> {
        if self.ready {
            return None;
        }
        if self.awaits_word {
            return Some((self.started + LATEST_WORD).saturating_duration_since(now));
        }
        let latest = self.started + LATEST;
        let due = self.heard.map_or(latest, |heard| latest.min(heard + QUIET));
        Some(due.saturating_duration_since(now))
    }

    /// Looks whether the terminal is ready for messages, and what was kept back of it may be seen.
    pub fn look(&mut self, now: Instant) {
        if let Some(bytes) = self.veil.look(now) {
            // A title that ends with what was kept back is told with the next.
            let _titles = self.take(&bytes);
        }
        if self.until_ready(now).is_some_and(|left| left.is_zero()) {
            self.ready = true;
            self.keys.open();
        }
    }

    /// Sends a message.
    pub fn send(&self, id: String, text: String) -> Taken {
        self.keys.send(Message { id: Some(id), text })
    }

    /// Whether one more may look.
    pub fn has_room(&self) -> bool {
        self.viewers.has_room()
    }

    /// Shows the terminal to one more; one without a size only looks.
    pub fn attach(
        &mut self,
        stream: UnixStream,
        before: &[u8],
        size: Option<Size>,
        tell: impl Fn(u64, Word) -> bool + Clone + Send + 'static,
    ) -> io::Result<()> {
        let size = size.map(sane);
        self.resize(size);
        let screen = (self.screen.size(), self.screen.repaint());
        self.viewers.add(stream, before, size, (screen.0, &screen.1), &self.keys, tell)
    }

    /// Hears what a viewer did.
    pub fn heed(&mut self, viewer: u64, word: Word) {
        match word {
            Word::Typed => self.viewers.active(viewer, None),
            Word::Resized(size) => self.viewers.active(viewer, Some(sane(size))),
            Word::Left => self.viewers.remove(viewer),
            Word::Ready => return self.viewers.paint_one(viewer, &self.screen.repaint()),
        }
        self.resize(self.viewers.size());
    }

    /// Takes the size of the viewer that was active last; without one, it stays as it is.
    fn resize(&mut self, size: Option<Size>) {
        let Some(size) = size.filter(|size| *size != self.screen.size()) else { return };
        self.screen.resize(size);
        // A terminal that is gone needs no size.
        let _gone = pty::resize(self.ours.as_fd(), size);
        self.viewers.resized(size);
        self.paint();
    }

    /// The agent is gone: lets go of its end, so that its last output has an end.
    pub fn let_go(&self) {
        self.keys.close();
    }

    /// The last line that stands on the screen.
    pub fn last_line(&self) -> Option<String> {
        self.screen.last_line()
    }

    /// How many bytes are not in the log, and why.
    pub fn dropped(&self) -> Option<(u64, &'static str)> {
        (self.log.dropped > 0).then_some((self.log.dropped, self.log.why))
    }

    /// Tells the viewers how it ended.
    pub fn close(&mut self, code: i32) {
        let rest = self.veil.rest();
        // Nobody asks for titles any more.
        let _titles = self.take(&rest);
        self.viewers.close(code);
    }
}

/// `tty.log`: the agent's bytes as they came, up to a size.
struct Log {
    file: File,
    bytes: u64,
    cap: u64,
    dropped: u64,
    why: &'static str,
}

impl Log {
    fn open(dir: &Path, cap: u64) -> io::Result<Log> {
        let path = dir.join("tty.log");
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Log { file, bytes, cap, dropped: 0, why: "" })
    }

    fn add(&mut self, bytes: &[u8]) {
        let room = usize::try_from(self.cap.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let (kept, rest) = bytes.split_at(bytes.len().min(room));
        if !rest.is_empty() {
            self.lose(rest.len(), "tty.log is full");
        }
        if kept.is_empty() {
            return;
        }
        if self.file.write_all(kept).is_ok() {
            self.bytes += kept.len() as u64;
        } else {
            // What of it was written shows in a replay and harms nobody.
            self.lose(kept.len(), "tty.log could not be written");
        }
    }

    fn lose(&mut self, bytes: usize, why: &'static str) {
        self.dropped += bytes as u64;
        self.why = why;
    }
}

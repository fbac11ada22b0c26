//! What goes into the agent's terminal: keys of viewers, answers to its queries, whole messages.
//!
//! Owns: the order, and that a message goes in one piece, when the terminal is ready and nobody types.
//! Never: makes the keeper wait, grows with an agent that does not read, types over what a person has typed and not sent, or
//! lets a message hold a key: what could end a paste or interrupt an agent is taken out of it.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    os::fd::OwnedFd,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use skep_host::proc::SMALL_STACK;

use crate::pty;

mod draft;

use draft::Draft;

#[cfg(test)]
mod tests;

/// How much may wait to be read by the agent. Bytes.
const WAITING: usize = 64 << 10;
/// How many messages may wait.
const MESSAGES: usize = 64;
/// How long nobody must have typed before a message goes: what stands in a composer is somebody's.
pub const REST: Duration = Duration::from_secs(2);
/// How long an agent may take to read a message before Enter follows all the same.
const READ: Duration = Duration::from_secs(1);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(5);
/// Between the message and Enter: an agent that gets both by one read takes Enter for a part of what was pasted, and Gemini
/// CLI does so for half a second.
const APART: Duration = Duration::from_millis(700);

/// A message on its way.
#[derive(Debug, PartialEq, Eq)]
pub struct Message {
    /// None: nobody waits for word of it.
    pub id: Option<String>,
    pub text: String,
}

/// What became of a message that was given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    AtOnce,
    /// It goes when it can.
    Queued,
    /// Too many wait.
    No,
}

/// The way into the terminal.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    typed: Vec<u8>,
    messages: VecDeque<Message>,
    last_typed: Option<Instant>,
    /// What those who type have not sent yet.
    draft: Draft,
    ready: bool,
    /// The agent wants what is pasted to be marked.
    marks_paste: bool,
    /// A message is being written.
    busy: bool,
    /// The agent's end: it tells what has been read. Gone when it is over.
    theirs: Option<OwnedFd>,
}

impl Inner {
    /// How long a message has still to wait for those who type; none if it need not.
    fn rest(&self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.last_typed?);
        REST.checked_sub(since).filter(|left| *left > Duration::ZERO)
    }
}

enum Next {
    Type(Vec<u8>),
    Message(Message, bool),
    Over,
}

impl Keys {
    /// Starts to write to `ours`, the keeper's end; `typing` may still say no to a message, `written` is told of each with
    /// an id.
    pub fn start(
        &self,
        ours: OwnedFd,
        theirs: OwnedFd,
        mut typing: impl FnMut(&Message) -> bool + Send + 'static,
        mut written: impl FnMut(Message, bool) + Send + 'static,
    ) -> io::Result<()> {
        self.lock().theirs = Some(theirs);
        let keys = self.clone();
        let work = move || {
            let mut terminal = File::from(ours);
            loop {
                match keys.next() {
                    Next::Over => return,
                    Next::Type(bytes) => {
                        // A terminal that is gone is told by its other direction.
                        let _gone = terminal.write_all(&bytes);
                    }
                    Next::Message(message, marked) => {
                        let ok = typing(&message)
                            && keys.write_message(&mut terminal, &message.text, marked);
                        keys.lock().busy = false;
                        if message.id.is_some() {
                            written(message, ok);
                        }
                    }
                }
            }
        };
        thread::Builder::new().name("keys".to_owned()).stack_size(SMALL_STACK).spawn(work)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds it leaves it half done.
        self.shared.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        inner: MutexGuard<'a, Inner>,
        wait: Option<Duration>,
    ) -> MutexGuard<'a, Inner> {
        let changed = &self.shared.changed;
        match wait {
            Some(wait) => {
                changed.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0
            }
            None => changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Answers a query of the agent; one that asks without ever reading goes without.
    pub fn answer(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        if inner.typed.len() + bytes.len() <= WAITING {
            inner.typed.extend_from_slice(bytes);
            self.shared.changed.notify_all();
        }
    }

    /// Types what a viewer has typed; waits while the agent does not read. False when it is over.
    pub fn type_in(&self, bytes: &[u8]) -> bool {
        let mut inner = self.lock();
        while inner.typed.len() > WAITING && inner.theirs.is_some() {
            inner = self.wait(inner, None);
        }
        if is_typing(bytes) {
            inner.last_typed = Some(Instant::now());
            inner.draft.typed(bytes);
        }
        inner.typed.extend_from_slice(bytes);
        self.shared.changed.notify_all();
        inner.theirs.is_some()
    }

    /// Gives in a message.
    pub fn send(&self, message: Message) -> Taken {
        let mut inner = self.lock();
        if inner.messages.len() >= MESSAGES {
            return Taken::No;
        }
        let at_once = inner.ready
            && !inner.busy
            && inner.messages.is_empty()
            && !inner.draft.stands()
            && inner.rest(Instant::now()).is_none();
        inner.messages.push_back(message);
        self.shared.changed.notify_all();
        if at_once { Taken::AtOnce } else { Taken::Queued }
    }

    /// The terminal takes messages from now on.
    pub fn open(&self) {
        self.lock().ready = true;
        self.shared.changed.notify_all();
    }

    /// Tells whether the agent wants what is pasted to be marked.
    pub fn mark_paste(&self, wanted: bool) {
        self.lock().marks_paste = wanted;
    }

    /// Nothing more is written, and the agent's end is let go.
    pub fn close(&self) {
        self.lock().theirs = None;
        self.shared.changed.notify_all();
    }

    fn next(&self) -> Next {
        let mut inner = self.lock();
        loop {
            if inner.theirs.is_none() {
                return Next::Over;
            }
            if !inner.typed.is_empty() {
                self.shared.changed.notify_all();
                return Next::Type(std::mem::take(&mut inner.typed));
            }
            let mut wait = None;
            if inner.ready && !inner.messages.is_empty() && !inner.draft.stands() {
                wait = inner.rest(Instant::now());
                if wait.is_none()
                    && let Some(message) = inner.messages.pop_front()
                {
                    inner.busy = true;
                    return Next::Message(message, inner.marks_paste);
                }
            }
            inner = self.wait(inner, wait);
        }
    }

    /// Writes a message in one piece, and Enter once it was read.
    fn write_message(&self, terminal: &mut File, text: &str, marked: bool) -> bool {
        if terminal.write_all(&spell(text, marked)).is_err() {
            return false;
        }
        let until = Instant::now() + READ;
        while Instant::now() < until && !self.lock().theirs.as_ref().is_none_or(pty::is_read) {
            thread::sleep(LOOK);
        }
        thread::sleep(APART);
        terminal.write_all(b"\r").is_ok()
    }
}

/// Whether somebody typed: a pointer that moves and a window that is looked at leave a composer as it is.
fn is_typing(bytes: &[u8]) -> bool {
    let quiet: [&[u8]; 4] = [b"\x1b[<", b"\x1b[M", b"\x1b[I", b"\x1b[O"];
    !bytes.is_empty() && !quiet.iter().any(|start| bytes.starts_with(start))
}

/// A text as it goes into a terminal: no control but line ends and tabs is left of it.
fn spell(text: &str, marked: bool) -> Vec<u8> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text: String = text
        .trim_end_matches('\n')
        .chars()
        .filter(|c| !c.is_control() || "\n\t".contains(*c))
        .collect();
    if marked { format!("\x1b[200~{text}\x1b[201~").into_bytes() } else { text.into_bytes() }
}

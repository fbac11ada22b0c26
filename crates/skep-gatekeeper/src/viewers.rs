//! Who looks at the agent's terminal.
//!
//! Owns: a reader and a writer for each viewer, and what waits to be shown to it.
//! Never: waits for a viewer. One that does not keep up loses what waits for it, and is painted the whole screen once it
//! has read what it has; so neither the agent nor our memory knows how many look, or how slowly.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use skep_api::{
    ctl::frame::{Frame, Frames},
    spec::Size,
};
use skep_host::proc::SMALL_STACK;

use crate::keys::Keys;

/// How much may wait for one viewer before it has to be painted anew. Bytes.
const WAITING: usize = 64 << 10;
/// How often a viewer that does not keep up is painted at most.
const FRAME: Duration = Duration::from_millis(40);
/// How many may look at once.
const MOST: usize = 32;
/// How long viewers may take for the last they are shown.
const LAST: Duration = Duration::from_secs(1);

/// What a viewer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It typed; the keys are on their way.
    Typed,
    Resized(Size),
    /// It has read what it has, and needs the whole screen.
    Ready,
    Left,
}

/// All who look.
#[derive(Debug, Default)]
pub struct Viewers {
    list: Vec<Viewer>,
    count: u64,
}

#[derive(Debug)]
struct Viewer {
    id: u64,
    /// None: it only looks.
    size: Option<Size>,
    stream: UnixStream,
    outbox: Arc<Outbox>,
}

#[derive(Debug, Default)]
struct Outbox {
    inner: Mutex<Pending>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Pending {
    /// The size of the screen, to be told before what is painted on it.
    size: Option<Size>,
    bytes: Vec<u8>,
    /// What would have to be shown is not kept: the whole screen comes next.
    behind: bool,
    /// Said of being behind, once.
    told: bool,
    last: Option<Frame>,
    over: bool,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing that holds it leaves it half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, work: impl FnOnce(&mut Pending)) {
        work(&mut self.lock());
        self.changed.notify_all();
    }

    fn show(&self, bytes: &[u8]) {
        self.change(|pending| {
            if !pending.behind && pending.bytes.len() + bytes.len() > WAITING {
                pending.bytes = Vec::new();
                (pending.behind, pending.told) = (true, false);
            }
            if !pending.behind {
                pending.bytes.extend_from_slice(bytes);
            }
        });
    }

    /// The whole screen; whatever waited is in it.
    fn paint(&self, screen: &[u8]) {
        self.change(|pending| {
            pending.bytes = screen.to_vec();
            pending.behind = false;
        });
    }

    /// Waits for something to write. None: it is over.
    fn next(&self) -> Option<Next> {
        let mut pending = self.lock();
        loop {
            if let Some(size) = pending.size.take() {
                return Some(Next::Write(Frame::Resize(size)));
            }
            if !pending.bytes.is_empty() {
                return Some(Next::Write(Frame::Output(std::mem::take(&mut pending.bytes))));
            }
            if let Some(last) = pending.last.take() {
                return Some(Next::Write(last));
            }
            if pending.over {
                return None;
            }
            if pending.behind && !pending.told {
                pending.told = true;
                return Some(Next::Tell);
            }
            pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

enum Next {
    Write(Frame),
    /// That it is behind and has read everything.
    Tell,
}

impl Viewers {
    /// Whether there is room for one more.
    pub fn has_room(&self) -> bool {
        self.list.len() < MOST
    }

    /// Adds a viewer that is to see `screen` first, of that size; `before` was read of it already. It becomes the last
    /// active one; without a size of its own it only looks, and is told the screen's.
    pub fn add(
        &mut self,
        stream: UnixStream,
        before: &[u8],
        size: Option<Size>,
        screen: (Size, &[u8]),
        keys: &Keys,
        tell: impl Fn(u64, Word) -> bool + Clone + Send + 'static,
    ) -> io::Result<()> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        self.count += 1;
        let id = self.count;
        let outbox = Arc::new(Outbox::default());
        if size.is_none() {
            outbox.change(|pending| pending.size = Some(screen.0));
        }
        outbox.paint(screen.1);
        let mut frames = Frames::default();
        frames.push(before);
        let (from, keys, told) = (stream.try_clone()?, keys.clone(), tell.clone());
        small("viewer", move || {
            // However it ends, it has left.
            let _why = listen(&from, frames, &keys, size.is_none(), |word| told(id, word));
            told(id, Word::Left);
        })?;
        let (to, from) = (stream.try_clone()?, Arc::clone(&outbox));
        small("shower", move || write_to(to, &from, |word| tell(id, word)))?;
        self.list.push(Viewer { id, size, stream, outbox });
        Ok(())
    }

    /// Shows everybody what the agent wrote.
    pub fn show(&self, bytes: &[u8]) {
        for viewer in &self.list {
            viewer.outbox.show(bytes);
        }
    }

    /// Shows everybody the whole screen.
    pub fn paint(&self, screen: &[u8]) {
        for viewer in &self.list {
            viewer.outbox.paint(screen);
        }
    }

    /// Shows one the whole screen.
    pub fn paint_one(&self, id: u64, screen: &[u8]) {
        for viewer in self.list.iter().filter(|viewer| viewer.id == id) {
            viewer.outbox.paint(screen);
        }
    }

    /// Whether nobody looks.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One was active; with its new size, where it has one.
    pub fn active(&mut self, id: u64, size: Option<Size>) {
        if let Some(at) = self.list.iter().position(|viewer| viewer.id == id) {
            let mut viewer = self.list.remove(at);
            viewer.size = size.or(viewer.size);
            self.list.push(viewer);
        }
    }

    /// The size of the one that was active last, of those who have a say in it.
    pub fn size(&self) -> Option<Size> {
        self.list.iter().rev().find_map(|viewer| viewer.size)
    }

    /// Tells those who only look the size of what is painted next.
    pub fn resized(&self, size: Size) {
        for viewer in self.list.iter().filter(|viewer| viewer.size.is_none()) {
            viewer.outbox.change(|pending| pending.size = Some(size));
        }
    }

    /// One is gone.
    pub fn remove(&mut self, id: u64) {
        if let Some(at) = self.list.iter().position(|viewer| viewer.id == id) {
            let viewer = self.list.remove(at);
            viewer.outbox.change(|pending| pending.over = true);
            // Its writer may wait for one that never reads.
            let _gone = viewer.stream.shutdown(Shutdown::Both);
        }
    }

    /// Tells all how it ended, and waits a little until they have read it.
    pub fn close(&mut self, code: i32) {
        let until = Instant::now() + LAST;
        for viewer in &self.list {
            viewer.outbox.change(|pending| {
                pending.last = Some(Frame::Exit(code));
                pending.over = true;
            });
        }
        for viewer in self.list.drain(..) {
            let mut pending = viewer.outbox.lock();
            // The writer lets go of its half when it is done.
            while Arc::strong_count(&viewer.outbox) > 1 {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let wait = left.min(Duration::from_millis(20));
                let woken = viewer.outbox.changed.wait_timeout(pending, wait);
                pending = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

fn small(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).stack_size(SMALL_STACK).spawn(work)?;
    Ok(())
}

/// Hears a viewer until it leaves.
fn listen(
    mut from: &UnixStream,
    mut frames: Frames,
    keys: &Keys,
    only_looks: bool,
    tell: impl Fn(Word) -> bool,
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        while let Some(frame) = frames.take()? {
            let heard = match frame {
                Frame::Input(_) | Frame::Resize(_) if only_looks => {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                Frame::Input(bytes) => keys.type_in(&bytes) && tell(Word::Typed),
                Frame::Resize(size) => tell(Word::Resized(size)),
                Frame::Detach => false,
                // Those are ours to send.
                Frame::Output(_) | Frame::Exit(_) => return Err(io::ErrorKind::InvalidData.into()),
            };
            if !heard {
                return Ok(());
            }
        }
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(bytes) => frames.push(&buffer[..bytes]),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
}

fn write_to(mut to: UnixStream, outbox: &Outbox, tell: impl Fn(Word) -> bool) {
    while let Some(next) = outbox.next() {
        let went = match next {
            Next::Write(frame) => to.write_all(&frame.spell()).is_ok(),
            Next::Tell => {
                // It is not to be painted at every byte of a flood.
                thread::sleep(FRAME);
                tell(Word::Ready)
            }
        };
        if !went {
            // The reader of the same connection says that it is over.
            let _gone = to.shutdown(Shutdown::Both);
            return;
        }
    }
}

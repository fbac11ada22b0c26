//! The latest committed state, where everyone may read it and wait for the next.
//!
//! Owns: the one shared copy. Never: changes it; the engine posts.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use skep_core::fleet::Fleet;

/// What is posted.
#[derive(Debug, Clone, Default)]
pub struct Posted {
    pub fleet: Arc<Fleet>,
    /// The last event that it contains.
    pub seq: u64,
    /// The daemon is going; nothing more will be posted.
    pub closing: bool,
}

/// A place where the engine posts what is true.
#[derive(Debug, Default)]
pub struct Board {
    posted: Mutex<Posted>,
    changed: Condvar,
}

impl Board {
    /// Reads what stands.
    pub fn read(&self) -> Posted {
        self.lock().clone()
    }

    /// Posts what is true now.
    pub fn post(&self, fleet: Fleet, seq: u64) {
        let mut posted = self.lock();
        posted.fleet = Arc::new(fleet);
        posted.seq = seq;
        self.changed.notify_all();
    }

    /// Tells all who wait that nothing more will come.
    pub fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// Waits for something newer than `seq`; returns what stands when it comes, at `until`, or when the daemon goes.
    pub fn wait_beyond(&self, seq: u64, until: Option<Instant>) -> Posted {
        let mut posted = self.lock();
        while posted.seq <= seq && !posted.closing {
            let left = until.map(|at| at.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => break,
                Some(left) => {
                    posted = self
                        .changed
                        .wait_timeout(posted, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
                None => posted = self.changed.wait(posted).unwrap_or_else(PoisonError::into_inner),
            }
        }
        posted.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Posted> {
        // What is posted is replaced whole; a panic of another reader leaves it sound.
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

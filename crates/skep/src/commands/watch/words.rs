//! The words of the run that is looked at, as they are written.
//!
//! Owns: which part of its journal is held. Never: all of a long one.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd},
};

use skep_core::id::RunId;

use super::sight::Sight;
use crate::{
    commands::logs::{
        Journal,
        readable::{Look, Parts, Reader},
    },
    connect::Skep,
    output::Tone,
};

/// How much of a journal's end is read at once. Bytes.
const READ: u64 = 512 << 10;
/// How many entries are held.
const HELD: usize = 1000;

/// The end of a journal.
pub(super) struct Words {
    journal: Journal,
    reader: Reader,
    told: VecDeque<(Tone, String)>,
}

impl Words {
    /// Begins with what an attempt has said last.
    pub(super) fn of(skep: &Skep, run: &RunId, attempt: u32) -> Words {
        Words {
            journal: Journal::open(skep, run, attempt),
            // Whoever draws wraps as wide as the pane is then.
            reader: Reader::new(Look::default()),
            told: VecDeque::new(),
        }
    }

    /// What there is to show now.
    pub(super) fn read(&mut self) -> Sight {
        self.journal.heed();
        self.journal.skip_to_last(READ);
        let Words { journal, reader, told } = self;
        journal.each(&mut |line| told.extend(reader.read(line).into_iter().map(whole)));
        told.extend(reader.pending().into_iter().map(whole));
        self.told.drain(..self.told.len().saturating_sub(HELD));
        Sight::Words(self.told.iter().cloned().collect())
    }

    /// Becomes readable when there is more.
    pub(super) fn news(&self) -> Option<BorrowedFd<'_>> {
        self.journal.notify.as_ref().map(AsFd::as_fd)
    }
}

/// A line in the one tone that says most of it: how it ends.
fn whole(parts: Parts) -> (Tone, String) {
    let tone = parts.last().map_or(Tone::Plain, |(tone, _)| *tone);
    (tone, parts.into_iter().map(|(_, text)| text).collect())
}

//! What skep remembers: one SQLite file with one writer.
//!
//! Owns: the record (epochs, events, effects), the outbox derived from it, the reserve for a full disk.
//! Never: knows the shape of an event or how a program runs; bodies are JSON text with a kind and a subject.
//!
//! **Invariant:** rows of the record are added, never changed and never removed; sequence numbers have no gap;
//! whatever is not the record can be rebuilt from it.

pub mod check;
pub mod ledger;
pub mod log;
pub mod outbox;
pub mod schema;

pub use ledger::{Batch, Committed, Fed, Ledger, NewEffect, NewEvent, Reader, Reserve};
pub use log::{Record, Seen};
pub use outbox::Pending;
pub use schema::{Fault, LedgerError, Retry};

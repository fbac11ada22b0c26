//! The pure heart of skep: what a run is, and what happens next.
//!
//! **Invariant:** nothing here does IO, reads a clock, draws a random number or awaits.
//! Time and ids arrive inside inputs; the outside world leaves as effects.

pub mod budget;
pub mod change;
pub mod facts;
pub mod fenced;
pub mod fleet;
pub mod foreman;
pub mod guide;
pub mod id;
pub mod issue;
pub mod keep;
pub mod lease;
pub mod names;
pub mod notice;
pub mod plan;
pub mod policy;
pub mod project;
pub mod radar;
pub mod refs;
pub mod review;
pub mod run;
pub mod said;
pub mod secret;
pub mod snapshot;
pub mod task;
pub mod text;
pub mod time;

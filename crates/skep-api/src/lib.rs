//! What skep's processes say to each other: files, sockets, views.
//!
//! **Invariant:** knows formats only; nothing here decides, and nothing here needs a runtime.

pub mod client;
pub mod ctl;
pub mod journal;
pub mod place;
pub mod request;
pub mod role;
pub mod spec;
pub mod start;
pub mod tool;
pub mod view;
pub mod wire;

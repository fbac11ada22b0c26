//! Forges: which one a remote is of, and what is asked of it, in words that every forge shares.
//!
//! **Invariant:** knows neither the ledger nor an agent; a token is never in an error, a log or a `Debug`.

pub mod forgejo;
pub mod github;
pub mod gitlab;
pub mod http;
pub mod open;
pub mod port;
pub mod remote;
pub mod tracker;

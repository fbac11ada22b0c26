//! The daemon: what joins core, ledger, hands and windows.
//!
//! **Invariant:** `perform` is the only place that matches on an effect; `engine` is the only one that commits;
//! `reconcile` reports differences and edits nothing.

pub mod agents;
pub mod board;
pub mod briefing;
pub mod cleanup;
pub mod collect;
pub mod config;
pub mod daemon;
pub mod descent;
pub mod discover;
pub mod doctor;
pub mod door;
pub mod engine;
pub mod forges;
pub mod hands;
pub mod ingest;
pub mod init;
pub mod issues;
pub mod launch;
pub mod notify;
pub mod perform;
pub mod prompts;
pub mod radar;
pub mod reconcile;
pub mod resolve;
pub mod scripts;
pub mod taskwarrior;
pub mod trust;
pub mod version;
pub mod viewer;
pub mod why;
pub mod wishes;

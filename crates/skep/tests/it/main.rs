//! The one integration-test binary.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and its files are its own"
)]

mod adopt;
mod agents;
mod brief;
mod budget;
mod bundle;
mod canary;
mod cascade;
mod cases;
mod changes;
mod claims;
mod clean;
mod cleanup;
mod close;
mod completions;
mod conflicts;
mod control;
mod crash;
mod daemon;
mod demo;
mod detached;
mod dispatch;
mod doctor;
mod events;
mod fence;
mod forge;
mod gatekeeper;
mod guests;
mod home;
mod hooks;
mod hostile;
mod init;
mod injected;
mod land;
mod landers;
mod landing;
mod leases;
mod leave;
mod limits;
mod live;
mod look;
mod manual;
mod mcp;
mod notify;
mod outside;
mod own_issue;
mod ownership;
mod pages;
mod picture;
mod plans;
mod policy;
mod project;
mod prompts;
mod publish;
mod questions;
mod recovery;
mod resume;
mod review_rounds;
mod reviews;
mod run;
mod screens;
mod send;
mod snapshot;
mod speaker;
mod status;
mod stop;
mod story;
mod tasks;
mod taskwarrior;
mod terminal;
mod tidy;
mod tour;
mod trust;
mod undo;
mod unit;
mod unlucky;
mod watch;
mod workers;
mod wrong;

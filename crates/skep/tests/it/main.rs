//! The one integration-test binary.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and its files are its own"
)]

mod cases;
mod close;
mod crash;
mod daemon;
mod gatekeeper;
mod home;
mod land;
mod live;
mod project;
mod run;
mod stop;
mod tidy;

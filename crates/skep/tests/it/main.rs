//! The one integration-test binary.
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

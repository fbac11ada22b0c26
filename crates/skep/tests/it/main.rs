//! The one integration-test binary.
mod cases;
mod gatekeeper;
mod home;
mod live;
mod run;
mod tidy;

//! The one integration-test binary.
mod cases;
mod gatekeeper;
mod live;
mod tidy;

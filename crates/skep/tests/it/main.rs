//! The one integration-test binary.
mod cases;
mod live;
mod tidy;

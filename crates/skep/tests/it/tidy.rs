//! The house rules that no compiler knows. Reads text, builds nothing.
//!
//! Owns: one finding function per rule (a tree in, faults out), used on this repository and on planted trees.
//! Never: repairs, or knows an exception that the documents do not state.

mod coming;
mod crates;
mod documents;
mod forbidden;
mod names;
mod paths;
mod planted;
mod public_docs;
mod reached;
mod rooms;
mod slugs;
pub(crate) mod source;
mod verbs;

use std::path::{Path, PathBuf};

/// The root of this repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the repository's root")
}

/// Fails with one fault a line.
#[track_caller]
pub(crate) fn nothing_wrong(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

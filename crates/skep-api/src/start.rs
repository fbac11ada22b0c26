//! Reading `start.json`: who the keeper of an attempt is.

use std::path::Path;

use crate::journal::Start;

/// Reads the start record in the attempt's folder `dir`; none where there is none that is whole.
pub fn read(dir: &Path) -> Option<Start> {
    serde_json::from_slice(&std::fs::read(dir.join("start.json")).ok()?).ok()
}

//! A project's own scripts as a person approved them, so that a change can be shown.
//!
//! Owns: the approved texts in the home, and the difference between two. Never: decides whether a script may run: the
//! ledger's digest does, and a text that does not fit it counts as none.

use std::fs;

use skep_api::place::Home;
use skep_core::fleet::Fleet;
use skep_host::paths::{self, PathError};

use crate::hands;

#[cfg(test)]
mod tests;

/// The longest script that is kept to be shown. Unit: bytes.
const LONGEST: usize = 1 << 20;
/// How many lines of a difference are shown.
const LINES: usize = 60;

/// Keeps a text that is being approved.
pub fn keep(home: &Home, digest: &str, text: &[u8]) -> Result<(), PathError> {
    if text.len() > LONGEST || hands::digest(text) != digest {
        return Ok(());
    }
    paths::create_private_dir(&home.approved())?;
    paths::write_atomically(&home.approved().join(digest), text)
}

/// The text of this digest, where it was kept.
pub fn approved(home: &Home, digest: &str) -> Option<String> {
    // A digest is letters and digits; nothing else names a file here.
    if digest.is_empty() || !digest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let bytes = fs::read(home.approved().join(digest)).ok()?;
    (hands::digest(&bytes) == digest).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Lets go what no project has approved any more.
pub fn tidy(home: &Home, fleet: &Fleet) {
    let Ok(entries) = fs::read_dir(home.approved()) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let held = |digest: &String| name.to_str() == Some(digest);
        let mut digests = fleet
            .projects
            .values()
            .flat_map(|project| project.approved.iter().chain(&project.gates_approved));
        if !digests.any(held) {
            // One that stays takes a little room, and the next time it is tried again.
            let _left = fs::remove_file(entry.path());
        }
    }
}

/// How a script that is `new` differs from the one that was approved; cut where it is long.
pub fn difference(old: &str, new: &str) -> String {
    changes(["approved", "now"], old, new)
}

/// How `new` differs from `old`, each by its name, as people read differences; cut where it is long.
pub fn changes([was, is]: [&str; 2], old: &str, new: &str) -> String {
    let ended =
        |text: &str| if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let (old, new) = (ended(old), ended(new));
    let diff = similar::TextDiff::from_lines(&old, &new);
    let whole = diff.unified_diff().context_radius(2).header(was, is).to_string();
    let mut lines: Vec<&str> = whole.lines().collect();
    let cut = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    let mut shown = lines.join("\n");
    if cut > 0 {
        shown.push_str(&format!("\n… and {cut} lines more"));
    }
    shown
}

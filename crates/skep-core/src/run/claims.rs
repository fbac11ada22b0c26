//! The paths that a run says it will touch, and how two such paths meet.
//!
//! Owns: what it means that one claim stands in the way of another. Never: reads a disk: links, `..` and the case of names
//! are settled before a path comes here.

use serde::{Deserialize, Serialize};

use crate::radar;

#[cfg(test)]
mod tests;

/// Paths that a run holds for itself as long as it is at work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Absolute, free of links and of `..`, in the project's own checkout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Whether a person lets it claim what another one holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overlap: bool,
}

impl Claims {
    /// Whether it claims nothing.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

/// How a claim stands to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// It is the same path.
    Exact,
    /// The claim lies above: the path is in a folder that is claimed.
    Ancestor,
    /// The claim lies below: what is claimed is in the folder.
    Descendant,
}

impl Reason {
    /// As views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Exact => "exact",
            Reason::Ancestor => "ancestor",
            Reason::Descendant => "descendant",
        }
    }

    /// In words, of the claim.
    pub fn words(self) -> &'static str {
        match self {
            Reason::Exact => "the same",
            Reason::Ancestor => "which holds it",
            Reason::Descendant => "which lies in it",
        }
    }
}

/// How the claim `held` stands to the path `asked`, both absolute; none where they do not meet.
///
/// Shape: of one pair the two directions mirror each other: `Ancestor` one way is `Descendant` the other.
pub fn overlaps(held: &str, asked: &str) -> Option<Reason> {
    if held == asked {
        return Some(Reason::Exact);
    }
    if lies_in(asked, held) {
        return Some(Reason::Ancestor);
    }
    lies_in(held, asked).then_some(Reason::Descendant)
}

/// The same for a claim that may hold the patterns of [`radar::is_claimed`].
pub fn pattern_overlaps(held: &str, asked: &str) -> Option<Reason> {
    if !is_pattern(held) || held == asked {
        return overlaps(held, asked);
    }
    if radar::is_claimed(held, asked.trim_start_matches('/')) {
        return Some(Reason::Ancestor);
    }
    // What it may hold lies in the folders before its first star.
    let certain: Vec<&str> = held.split('/').take_while(|part| !is_pattern(part)).collect();
    let certain = certain.join("/");
    let below = certain == asked || lies_in(&certain, asked);
    below.then_some(Reason::Descendant)
}

/// Whether `path` lies below the folder `above`.
pub fn lies_in(path: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    path.strip_prefix(above).is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
}

fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?'])
}

/// A path as it is spelled without `.`, `..` and doubled slashes; none where it leads above the root.
pub fn cleaned(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(format!("/{}", parts.join("/")))
}

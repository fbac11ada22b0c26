//! How a forge is spoken to: JSON over HTTPS, politely.
//!
//! Owns: the token's way into a request, timeouts, tries, what is known already (ETags), the budget, what an answer's status means.
//! Never: knows a forge's nouns, carries a token to another host, or repeats a deed of which it does not know whether it was done.

use serde::{Deserialize, Serialize};
use skep_core::time::Timestamp;

mod error;

pub use error::ForgeError;

/// What a forge said of how often it may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How many questions are left until `until`.
    pub remaining: u64,
    /// How many there are in all.
    #[serde(default)]
    pub limit: Option<u64>,
    /// When they are given anew.
    pub until: Timestamp,
}

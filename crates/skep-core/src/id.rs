//! Ids that say what they are: a prefix and ten random characters.
//!
//! Owns: the id types, their alphabet, how a text becomes one.
//! Never: draws a random number; the bytes arrive.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// The alphabet of ids: lower-case Crockford base 32 (no `i l o u`).
pub const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How many characters follow the prefix.
pub const LENGTH: usize = 10;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a {kind} id (expected `{prefix}_` and ten characters of 0-9 a-z without i l o u)"
)]
pub struct NotAnId {
    text: String,
    kind: &'static str,
    prefix: &'static str,
}

/// Spells `random` (only the low five bits of each byte count) in the id alphabet.
pub fn spell(random: [u8; LENGTH]) -> String {
    random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
}

/// Ten bytes for an id that follows from `text`: the same whenever it is asked for, and of another text another.
pub(crate) fn derived(text: &str) -> [u8; LENGTH] {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = mix(hash);
    std::array::from_fn(|place| (mixed >> (5 * place)).to_le_bytes()[0])
}

/// Spreads every bit over all others, so that neighbours do not look alike: the finisher of `splitmix64`.
fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn is_tail(tail: &str) -> bool {
    tail.len() == LENGTH && tail.bytes().all(|byte| ALPHABET.contains(&byte))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// What every id of this kind begins with, without the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from ten random bytes.
            pub fn new(random: [u8; LENGTH]) -> $name {
                $name(format!("{}_{}", $prefix, spell(random)))
            }

            /// Returns the text, prefix included.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the ten characters after the prefix.
            pub fn tail(&self) -> &str {
                &self.0[$prefix.len() + 1..]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<$name, NotAnId> {
                match text.strip_prefix(concat!($prefix, "_")) {
                    Some(tail) if is_tail(tail) => Ok($name(text.to_owned())),
                    _ => Err(NotAnId { text: text.to_owned(), kind: stringify!($name), prefix: $prefix }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<$name, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    )*};
}

ids! {
    /// One agent conversation with a purpose.
    RunId = "run";
    /// A piece of requested work.
    TaskId = "task";
    /// A version of a task's plan.
    PlanId = "plan";
    /// A run's files at a moment.
    SnapshotId = "snap";
    /// One wish of a person that changes something, with its answer.
    OpId = "op";
    /// A request of an agent for leave to do something.
    AskId = "ask";
    /// A question of an agent.
    QuestionId = "q";
    /// What people are told of one event.
    NoticeId = "ntc";
}

//! The forge of a place.
//!
//! Owns: which adapter speaks to which forge.
//! Never: looks for a token (its source is given).

use crate::{
    forgejo::Forgejo,
    github::Github,
    gitlab::Gitlab,
    http::{Line, Patience, Token},
    port::Forge,
    remote::{Kind, Place},
};

/// The forge of the repository at `place`. It remembers what it was told, so that asking again is cheap: keep it.
///
/// Whoever asks the same host gets the same `line`.
pub fn open(place: Place, token: Token, patience: Patience, line: Line) -> Box<dyn Forge> {
    match place.kind {
        Kind::Github => Box::new(Github::new(place, token, patience).in_line(line)),
        Kind::Forgejo => Box::new(Forgejo::new(place, token, patience).in_line(line)),
        Kind::Gitlab => Box::new(Gitlab::new(&place, token, patience).in_line(line)),
    }
}

//! The forge of a place.
//!
//! Owns: which adapter speaks to which forge.
//! Never: looks for a token (its source is given).

use crate::{
    forgejo::Forgejo,
    github::Github,
    gitlab::Gitlab,
    http::{Patience, Token},
    port::Forge,
    remote::{Kind, Place},
};

/// The forge of the repository at `place`. It remembers what it was told, so that asking again is cheap: keep it.
pub fn open(place: Place, token: Token, patience: Patience) -> Box<dyn Forge> {
    match place.kind {
        Kind::Github => Box::new(Github::new(place, token, patience)),
        Kind::Forgejo => Box::new(Forgejo::new(place, token, patience)),
        Kind::Gitlab => Box::new(Gitlab::new(&place, token, patience)),
    }
}

//! Which version of skep this program is, and which of two is the newer.
//!
//! Owns: the order of versions. Never: asks anybody.

use std::cmp::Ordering;

#[cfg(test)]
mod tests;

/// The version of this program; in builds with debug assertions, what `SKEP_PRETEND_VERSION` says it is.
pub fn ours() -> String {
    pretended()
        .filter(|_| cfg!(debug_assertions))
        .unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a pretended version is chosen from outside")]
fn pretended() -> Option<String> {
    std::env::var("SKEP_PRETEND_VERSION").ok()
}

/// Whether `one` is newer than `other`, as semantic versions are ordered; what is no version is newer than nothing.
pub fn is_newer(one: &str, other: &str) -> bool {
    match (parse(one), parse(other)) {
        (Some(one), Some(other)) => one.compare(&other) == Ordering::Greater,
        _ => false,
    }
}

struct Version<'a> {
    core: [u64; 3],
    /// Empty for a release, which comes after all that led to it.
    before: Vec<&'a str>,
}

fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.trim().split('+').next()?;
    let (core, before) = match text.split_once('-') {
        Some((core, before)) => (core, before.split('.').collect()),
        None => (text, Vec::new()),
    };
    let mut numbers = core.split('.').map(|part| part.parse().ok());
    let core = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(Version { core, before })
}

impl Version<'_> {
    fn compare(&self, other: &Version<'_>) -> Ordering {
        self.core.cmp(&other.core).then_with(|| {
            match (self.before.is_empty(), other.before.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => self.parts().cmp(other.parts()),
            }
        })
    }

    /// Numbers come before words, and by their size.
    fn parts(&self) -> impl Iterator<Item = (bool, u64, &str)> {
        self.before.iter().map(|part| match part.parse() {
            Ok(number) => (false, number, ""),
            Err(_) => (true, 0, *part),
        })
    }
}

//! What a window's title says of its agent.
//!
//! Owns: the patterns, which are data of a profile. Never: takes more out of a title than which of them it matches.

use serde::Deserialize;

use super::Doing;

/// Patterns of titles by what they mean: `*` stands for any text, all else for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Titles {
    pub permission: Vec<String>,
    pub busy: Vec<String>,
    pub idle: Vec<String>,
    /// It can be typed to, whatever else it does.
    pub ready: Vec<String>,
}

impl Titles {
    /// What `title` says; the first list that knows it decides.
    pub fn say(&self, title: &str) -> Doing {
        let known = |list: &[String]| is_one(list, title);
        if known(&self.permission) {
            Doing::Asking
        } else if known(&self.idle) {
            Doing::Idle
        } else if known(&self.busy) {
            Doing::Busy
        } else {
            Doing::Unknown
        }
    }

    /// Whether `title` says that its agent can be typed to.
    pub fn is_ready(&self, title: &str) -> bool {
        is_one(&self.ready, title)
    }

    /// Whether a title will say that.
    pub fn say_ready(&self) -> bool {
        !self.idle.is_empty() || !self.ready.is_empty()
    }
}

fn is_one(list: &[String], title: &str) -> bool {
    list.iter().any(|pattern| matches(pattern, title))
}

/// Whether all of `text` is what `pattern` says.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_the_rest_is_itself() {
        let yes = [
            ("*", ""),
            ("*", "any"),
            ("Ready", "Ready"),
            ("Ready*", "Ready | x"),
            ("* Working |*", "⠸ Working | 01a1"),
            ("a*b*c", "a-b-b-c"),
            ("[ ! ] Action Required*", "[ ! ] Action Required | $(touch x)"),
        ];
        let no = [
            ("Ready", "Ready "),
            ("Ready*", "⠸ Ready"),
            ("a*b*c", "a-c"),
            ("a*a", "a"),
            ("[ ! ]*", "[ . ] x"),
            ("", "x"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in no {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}

//! Names of branches: made from titles and ids, and checked.
//!
//! Owns: the form of skep's own branches and of those for tasks from a tracker; which names git takes.
//! Never: asks whether a branch exists, or makes a name that git would refuse.

use crate::text::{self, dashed, sanitise_name};

#[cfg(test)]
mod tests;

/// How long the name of a branch may be, without `refs/heads/`.
///
/// Unit: bytes.
pub const LONGEST: usize = 200;

const EXTERNAL: &str = "sub-";
const TITLE: usize = 30;

/// What the places of a branch pattern are filled with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parts<'a> {
    pub slug: &'a str,
    /// The worker's name.
    pub name: &'a str,
    pub short: &'a str,
    pub task: &'a str,
    pub user: &'a str,
}

/// Fills a pattern such as `skep/{slug}`; whatever stands in it, the result is a valid branch.
///
/// Shape: an empty slug gives way to the worker's name and then to the short id.
pub fn branch_name(pattern: &str, parts: &Parts<'_>) -> String {
    let slug = [parts.slug, parts.name, parts.short]
        .into_iter()
        .find(|part| !part.is_empty())
        .unwrap_or("work");
    let filled = fill(pattern, |place| {
        Some(match place {
            "slug" => safe(slug),
            "name" => safe(parts.name),
            "short" => safe(parts.short),
            "task" => safe(parts.task),
            "user" => sanitise_name(parts.user),
            _ => return None,
        })
    });
    let branch = fitting(&filled, LONGEST);
    if is_valid_branch(&branch) { branch } else { format!("skep/{}", sanitise_name(parts.short)) }
}

/// Replaces each `{place}` once, left to right; a place without a value stays as it is.
fn fill(pattern: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some(open) = rest.find('{') {
        let after = &rest[open + 1..];
        let found =
            after.find('}').and_then(|close| Some((value(&after[..close])?, &after[close + 1..])));
        out.push_str(&rest[..open]);
        match found {
            Some((text, left)) => {
                out.push_str(&text);
                rest = left;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Names to try in turn: the branch itself, then with `-{short}`, then that with a counter, then without folders.
///
/// The last one is for a repository in which a branch stands where ours would need a folder.
pub fn candidates(branch: &str, short: &str) -> Vec<String> {
    let short = text::short(short);
    let tail = if short.is_empty() { String::new() } else { format!("-{short}") };
    let suffixed =
        |branch: &str, suffix: &str| format!("{}{suffix}", fitting(branch, LONGEST - suffix.len()));
    let mut names = vec![branch.to_owned(), suffixed(branch, &tail)];
    names.extend((2..=9).map(|n| suffixed(branch, &format!("{tail}-{n}"))));
    names.push(suffixed(&branch.replace('/', "-"), &format!("{tail}-0")));
    names.retain(|name| is_valid_branch(name));
    names.dedup();
    names
}

/// Names the branch for a task of a tracker: `sub-ID-title`.
///
/// Shape: valid by [`is_external_branch`] whatever is given; a long id is cut, an empty one left out.
pub fn external_branch(id: &str, title: &str) -> String {
    let mut slug = dashed(&title.to_lowercase());
    slug.truncate(TITLE);
    slug.truncate(slug.trim_end_matches('-').len());
    let slug = if slug.is_empty() { "work" } else { &slug };
    let kept = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut id = joined(&id.replace(|c| !kept(c), "-"));
    id.truncate(LONGEST - EXTERNAL.len() - 1 - slug.len());
    let id = id.trim_end_matches('-');
    if id.is_empty() { format!("{EXTERNAL}{slug}") } else { format!("{EXTERNAL}{id}-{slug}") }
}

/// Whether `branch` is one that [`external_branch`] could have made, and git would take.
pub fn is_external_branch(branch: &str) -> bool {
    let Some(rest) = branch.strip_prefix(EXTERNAL) else { return false };
    let tidy = !rest.is_empty() && !rest.starts_with('-') && !rest.ends_with('-');
    tidy && !branch.contains(['/', '#']) && is_valid_branch(branch)
}

/// Whether git takes `branch` as the name of a branch, and it is no longer than [`LONGEST`].
///
/// Source: git-check-ref-format(1), with `--branch`.
pub fn is_valid_branch(branch: &str) -> bool {
    let component =
        |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    branch.len() <= LONGEST
        && branch.split('/').all(component)
        && !branch.starts_with('-')
        && !branch.ends_with('.')
        && branch != "@"
        && branch != "HEAD"
        && !branch.contains("..")
        && !branch.contains("@{")
        && !branch.contains(forbidden)
}

fn forbidden(c: char) -> bool {
    c.is_ascii_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')
}

/// Turns a value into letters, digits, `_`, `.` and single dashes, so that it can never open a folder.
fn safe(value: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    joined(&value.replace(|c| !kept(c), "-"))
}

/// Collapses runs of dashes and drops those at the ends.
fn joined(text: &str) -> String {
    text.split('-').filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join("-")
}

/// Makes any text a valid branch of at most `most` bytes, or empty.
fn fitting(text: &str, most: usize) -> String {
    let cleaned = |text: &str| {
        let parts: Vec<String> =
            text.split('/').map(component).filter(|part| !part.is_empty()).collect();
        parts.join("/")
    };
    let mut branch = cleaned(text);
    // Cutting may uncover an end that git refuses, and cleaning only ever shortens.
    while branch.len() > most {
        let end = (0..=most).rev().find(|at| branch.is_char_boundary(*at)).unwrap_or(0);
        branch = cleaned(&branch[..end]);
    }
    branch
}

fn component(part: &str) -> String {
    let bad = |c: char| forbidden(c) || matches!(c, '{' | '}' | '@' | '#');
    let mut text = joined(&part.replace(bad, "-"));
    while text.contains("..") {
        text = text.replace("..", ".");
    }
    loop {
        let trimmed = text.trim_matches(['.', '-']);
        let trimmed = trimmed.strip_suffix(".lock").unwrap_or(trimmed);
        if trimmed.len() == text.len() {
            break;
        }
        text = trimmed.to_owned();
    }
    text
}

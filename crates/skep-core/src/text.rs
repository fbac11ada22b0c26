//! Total functions over text that strangers wrote: slugs, short forms, safe display.
//!
//! Owns: every place where a title or a name becomes part of a name of ours.
//! Never: fails, slices inside a character, or lets an escape sequence through.

use std::borrow::Cow;

#[cfg(test)]
mod tests;

/// How long a slug may be.
///
/// Unit: bytes, which are characters here.
pub const SLUG: usize = 64;

/// How long a sanitised name may be.
///
/// Unit: bytes, which are characters here.
pub const NAME: usize = 30;

/// What titles carry in front of what they are about.
const PREFIXES: [&str; 6] = ["feat", "fix", "worker", "chore", "refactor", "docs"];

/// Turns a title into a slug of `a-z`, `0-9` and single dashes, at most [`SLUG`] long; empty where nothing is left.
///
/// A leading `feat/`, `fix:`, `docs(…):` and the like says how, not what, and is dropped.
pub fn slug(title: &str) -> String {
    let lower = title.to_lowercase();
    let mut rest = lower.trim();
    while let Some(shorter) = without_prefix(rest) {
        rest = shorter.trim_start();
    }
    if let Some((_, after)) = rest.split_once("):") {
        rest = after;
    }
    cut_at_dash(dashed(rest), SLUG)
}

fn without_prefix(text: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| {
        let rest = text.strip_prefix(prefix)?;
        // A scope stays for the caller, who drops everything up to its `):`.
        rest.strip_prefix(['/', ':', '(']).or_else(|| rest.strip_prefix("!:"))
    })
}

/// Turns a name into `a-z`, `0-9` and single dashes, at most [`NAME`] long; `agent` where nothing is left.
pub fn sanitise_name(name: &str) -> String {
    let mut clean = dashed(&name.to_lowercase());
    clean.truncate(NAME);
    clean.truncate(clean.trim_end_matches('-').len());
    if clean.is_empty() { "agent".to_owned() } else { clean }
}

/// Returns the short form of an id: the first eight letters and digits of what follows its prefix.
pub fn short(id: &str) -> String {
    let tail = id.rsplit_once('_').map_or(id, |(_, tail)| tail);
    tail.chars().filter(char::is_ascii_alphanumeric).take(8).collect()
}

/// Finds what was meant by `word`: the one of `known` that a slip of the fingers or two turned into it.
///
/// Order: the fewest slips; among equals the first.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let slips = |known: &str| if known.len() > 5 { 2 } else { 1 };
    let near = known.map(|known| (distance(known, word), known));
    near.filter(|(distance, known)| *distance <= slips(known)).min_by_key(|it| it.0).map(|it| it.1)
}

/// The letters that were left out, put in, taken for another or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(NAME).collect(), b.chars().take(NAME).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let other = rows[i][j] + usize::from(from != to);
            let mut least = other.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *from == b[j - 1] && a[i - 1] == *to {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// Replaces every run of characters outside `a-z` and `0-9` by one dash; none at the ends.
pub(crate) fn dashed(text: &str) -> String {
    let mut out = String::new();
    for piece in text
        .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .filter(|piece| !piece.is_empty())
    {
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(piece);
    }
    out
}

/// Cuts ASCII text to `most`, at its last dash where that keeps more than half.
fn cut_at_dash(mut text: String, most: usize) -> String {
    if text.len() <= most {
        return text;
    }
    let whole = text.as_bytes().get(most) == Some(&b'-');
    text.truncate(most);
    if let Some(at) = text.rfind('-').filter(|at| !whole && *at > most / 2) {
        text.truncate(at);
    }
    text.truncate(text.trim_end_matches('-').len());
    text
}

/// Makes text harmless for a terminal and keeps its lines and tabs.
///
/// Shape: control characters become their pictures (`␛`), and what would reorder, hide or break text becomes `<U+202E>`.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\0'..='\u{1f}' => {
                out.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'));
            }
            '\u{7f}' => out.push('\u{2421}'),
            c if misleads(c) => out.push_str(&format!("<U+{:04X}>", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Whether a terminal or a reader would be misled: C1 controls, direction marks, invisible letters, odd line ends, tags.
fn misleads(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Spells what would mislead a terminal as `\uXXXX` in a line of JSON, whose value stays the same.
///
/// Shape: JSON has such characters only inside of strings, where each may be spelled so; a control character, which it
/// never has, becomes its picture.
pub fn json(line: &str) -> Cow<'_, str> {
    let odd = |c: char| c.is_control() || misleads(c);
    if !line.contains(odd) {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        match c {
            c if c == '\u{7f}' || misleads(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c if odd(c) => out.push_str(&visible(c.encode_utf8(&mut [0; 4]))),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Puts text on one harmless line: every run of white space becomes one space, none at the ends.
pub fn one_line(text: &str) -> String {
    let flat: Vec<&str> = text.split_whitespace().collect();
    visible(&flat.join(" "))
}

/// Spells a word for a command that a person may paste into a shell: as it is where it is harmless, else quoted.
///
/// Shape: what no terminal should get is spelled as `\xHH` in `$'…'`, which bash and zsh read.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if !word.contains(|c: char| c.is_control() || misleads(c)) {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    let mut quoted = String::from("$'");
    for c in word.chars() {
        match c {
            '\'' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || misleads(c) => {
                let mut bytes = [0; 4];
                let spelt = c.encode_utf8(&mut bytes).bytes().map(|byte| format!("\\x{byte:02x}"));
                quoted.extend(spelt);
            }
            c => quoted.push(c),
        }
    }
    quoted + "'"
}

/// Returns at most `most` characters of `text`, the last of them `…` where some were cut.
pub fn words(text: &str, most: usize) -> String {
    if text.chars().nth(most).is_none() {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(most.saturating_sub(1)).collect();
    if most > 0 {
        kept.push('…');
    }
    kept
}

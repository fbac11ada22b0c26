//! Text in columns.
//!
//! Owns: how wide letters are, and where text is broken or cut. Never: breaks inside a letter.

use skep_core::text;
use unicode_width::UnicodeWidthChar;

/// The most letters of one entry that are shown; its run's journal has the rest.
pub(super) const LONGEST: usize = 4000;
/// How many marks may stand on one letter.
const MARKS: usize = 4;
/// Columns.
const TAB: usize = 4;

#[cfg(test)]
mod tests;

fn columns(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

/// How many columns `text` takes.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Text that commands no terminal, and whose letters take the same room on every one: none that joins or varies others,
/// few marks on each.
pub(super) fn plain(text: &str) -> String {
    let mut marks = 0;
    let keeps = |letter: &char| match *letter {
        '\u{200c}'
        | '\u{200d}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}'
        | '\u{1f3fb}'..='\u{1f3ff}' => false,
        '\n' | '\t' => true,
        letter if letter.is_control() => false,
        letter if columns(letter) == 0 => {
            marks += 1;
            marks <= MARKS
        }
        _ => {
            marks = 0;
            true
        }
    };
    text::visible(text).chars().filter(keeps).collect()
}

/// As much of `text` as fits into `room` columns, `…` at its end where some was cut.
pub(super) fn fit(text: &str, room: usize) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for letter in text.chars() {
        used += columns(letter);
        if used + 1 > room {
            break;
        }
        kept.push(letter);
    }
    if room > 0 {
        kept.push('…');
    }
    kept
}

/// Breaks text into lines of at most `room` columns, at spaces where there are any.
pub(super) fn fold(text: &str, room: usize) -> Vec<String> {
    let room = room.max(2);
    let cut = text.char_indices().nth(LONGEST).map(|(at, _)| at);
    let mut lines = Vec::new();
    for line in text[..cut.unwrap_or(text.len())].lines() {
        fold_line(&line.replace('\t', &" ".repeat(TAB)), room, &mut lines);
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    if let Some(cut) = cut {
        fold_line(&format!("… and {} bytes more", text.len() - cut), room, &mut lines);
    }
    lines
}

fn fold_line(line: &str, room: usize, lines: &mut Vec<String>) {
    let mut rest = line;
    while width(rest) > room {
        let mut used = 0;
        let fits = rest.char_indices().find(|(_, letter)| {
            used += columns(*letter);
            used > room
        });
        let most = fits.map_or(rest.len(), |(at, _)| at);
        // A space right behind what fits is as good as one in it.
        let ends_well = rest[most..].starts_with(' ');
        let space = rest[..most].rfind(' ').filter(|at| !rest[..*at].trim().is_empty());
        let at = if ends_well { most } else { space.unwrap_or(most) };
        lines.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start_matches(' ');
    }
    lines.push(rest.to_owned());
}

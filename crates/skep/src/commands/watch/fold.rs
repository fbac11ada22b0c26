//! Strangers' text, made fit for cells.
//!
//! Owns: which letters are shown at all, and how much of a long text. Never: lets a terminal's command through.

use skep_core::text;
use unicode_width::UnicodeWidthChar;

use crate::output::grid::wrapped;

/// The most letters of one entry that are shown; its run's journal has the rest.
pub(super) const LONGEST: usize = 4000;
/// How many marks may stand on one letter.
const MARKS: usize = 4;

#[cfg(test)]
mod tests;

fn columns(letter: char) -> usize {
    letter.width().unwrap_or(0)
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

/// Breaks text into lines of at most `room` columns; of a long one only the beginning, and how much more there is.
pub(super) fn fold(text: &str, room: usize) -> Vec<String> {
    let cut = text.char_indices().nth(LONGEST).map(|(at, _)| at);
    let mut lines = wrapped(text[..cut.unwrap_or(text.len())].trim_end_matches('\n'), room);
    if let Some(cut) = cut {
        lines.push(format!("… and {} bytes more", text.len() - cut));
    }
    lines
}

//! Rows in columns that fit: what gives way where there is no room, and in which order.
//!
//! Owns: widths. A letter that takes two columns counts as two. Never: prints.

use unicode_width::UnicodeWidthStr;

use super::{Output, Tone};

#[cfg(test)]
mod tests;

/// A column of a grid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) head: &'static str,
    /// The first to give way has the highest number; 0 never does.
    pub(crate) gives: u8,
    /// To how few columns its cells may be cut; none: they are not cut.
    pub(crate) least: Option<usize>,
}

impl Column {
    /// One whose cells are not cut.
    pub(crate) const fn whole(head: &'static str, gives: u8) -> Column {
        Column { head, gives, least: None }
    }

    /// One whose cells are cut to what room there is, but not below `least`.
    pub(crate) const fn cut(head: &'static str, gives: u8, least: usize) -> Column {
        Column { head, gives, least: Some(least) }
    }
}

/// What stands between two columns.
const GAP: usize = 2;
/// Below this no column is cut, however narrow the terminal is.
const SLIVER: usize = 3;

/// How a grid is laid out: which columns stand, and how wide each is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    shown: Vec<(usize, usize)>,
}

impl Layout {
    /// Fits `rows` into `width`.
    pub(crate) fn of(width: usize, columns: &[Column], rows: &[Vec<(Tone, String)>]) -> Layout {
        let natural = |nth: usize, column: &Column| {
            let cells = rows.iter().filter_map(|row| row.get(nth)).map(|(_, cell)| cell.width());
            cells.chain([column.head.width()]).max().unwrap_or(0)
        };
        let wanted: Vec<usize> =
            columns.iter().enumerate().map(|(nth, column)| natural(nth, column)).collect();
        let least = |nth: usize| columns[nth].least.unwrap_or(usize::MAX).min(wanted[nth]);
        let total = |shown: &[(usize, usize)]| {
            shown.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
        };
        let mut shown: Vec<(usize, usize)> =
            (0..columns.len()).map(|nth| (nth, least(nth))).collect();
        while total(&shown) > width {
            let first = shown.iter().enumerate().max_by_key(|(_, (nth, _))| columns[*nth].gives);
            match first {
                Some((at, (nth, _))) if columns[*nth].gives > 0 => {
                    shown.remove(at);
                }
                _ => break,
            }
        }
        // Nothing is left that could give way: all of it gets narrower.
        while total(&shown) > width {
            match shown.iter_mut().max_by_key(|(_, width)| *width) {
                Some((_, width)) if *width > SLIVER => *width -= 1,
                _ => break,
            }
        }
        for _ in total(&shown)..width {
            let narrowest = shown
                .iter_mut()
                .filter(|(nth, width)| *width < wanted[*nth])
                .min_by_key(|(_, width)| *width);
            match narrowest {
                Some((_, width)) => *width += 1,
                None => break,
            }
        }
        Layout { shown }
    }

    /// Whether the column `nth` stands.
    pub(crate) fn shows(&self, nth: usize) -> bool {
        self.shown.iter().any(|(shown, _)| *shown == nth)
    }

    /// One row as a line.
    pub(crate) fn line(&self, out: &Output, row: &[(Tone, String)]) -> String {
        let mut line = String::new();
        for (nth, (column, width)) in self.shown.iter().enumerate() {
            let Some((tone, cell)) = row.get(*column) else { continue };
            let cell = fit(cell, *width);
            let last = nth + 1 == self.shown.len();
            let pad = if last { 0 } else { width + GAP - cell.width() };
            line += &out.paint(*tone, &cell);
            line += &" ".repeat(pad);
        }
        line.trim_end().to_owned()
    }

    /// The heads as a line.
    pub(crate) fn heads(&self, out: &Output, columns: &[Column]) -> String {
        let heads: Vec<(Tone, String)> =
            columns.iter().map(|column| (Tone::Faint, column.head.to_owned())).collect();
        self.line(out, &heads)
    }
}

/// At most `width` columns of `text`, the last of them `…` where some were cut.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        // Of the whole, since a letter may widen the one before it.
        if kept.width() >= width {
            kept.pop();
            break;
        }
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// The same, with the end kept: of a path that is the name.
pub(crate) fn fit_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut begin = text.len();
    for (at, _) in text.char_indices().rev() {
        if text[at..].width() >= width {
            break;
        }
        begin = at;
    }
    if width == 0 { String::new() } else { format!("…{}", &text[begin..]) }
}

/// Breaks text at words so that no line is wider than `width`; lines stay lines, and what is set in stays set in.
///
/// Shape: a word that is wider than a line is broken; tabs become spaces.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let line = line.replace('\t', "    ");
        let body = line.trim_start_matches(' ');
        let indent = (line.len() - body.len()).min(width / 2);
        let begin = " ".repeat(indent);
        let mut last = begin.clone();
        for word in body.split(' ') {
            let space = usize::from(last.len() > indent);
            if last.width() + space + word.width() <= width {
                last.push_str(&" ".repeat(space));
                last.push_str(word);
                continue;
            }
            if last.len() > indent {
                lines.push(std::mem::replace(&mut last, begin.clone()));
            }
            for letter in word.chars() {
                last.push(letter);
                if last.width() > width && last.chars().count() > indent + 1 {
                    last.pop();
                    lines.push(std::mem::replace(&mut last, begin.clone()));
                    last.push(letter);
                }
            }
        }
        lines.push(last.trim_end().to_owned());
    }
    lines
}

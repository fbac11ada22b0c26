//! What is seen of a run beside the list.
//!
//! Owns: its forms, and how each is made from what was read. Never: reads it.

use skep_api::{view::DiffView, wire::Refusal};
use skep_core::{text, time::Timestamp};

use crate::output::Tone;

/// What of which run is to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) run: String,
    pub(super) attempt: u32,
    pub(super) kind: Kind,
}

/// In which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Words,
    Screen,
    /// As of the last look at the worktree.
    Diff {
        as_of: Option<Timestamp>,
    },
}

impl Kind {
    /// Whether it is a diff, of whatever moment.
    pub(super) fn is_diff(&self) -> bool {
        matches!(self, Kind::Diff { .. })
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sight {
    /// Not yet anything.
    Nothing,
    /// Each entry may have many lines.
    Words(Vec<(Tone, String)>),
    Screen(Picture),
    Diff(Vec<(Tone, String)>),
    Trouble(Refusal),
}

/// A terminal's screen at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Picture {
    pub(super) columns: u16,
    pub(super) rows: Vec<Vec<Patch>>,
    /// Column and row, where it is shown.
    pub(super) cursor: Option<(u16, u16)>,
}

/// A letter of a screen, and how it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patch {
    pub(super) letter: String,
    pub(super) wide: bool,
    pub(super) front: vt100::Color,
    pub(super) back: vt100::Color,
    pub(super) bold: bool,
    pub(super) dim: bool,
    pub(super) underline: bool,
    pub(super) inverse: bool,
}

impl Picture {
    /// Copies a screen.
    pub(super) fn of(screen: &vt100::Screen) -> Picture {
        let (rows, columns) = screen.size();
        let row = |row: u16| (0..columns).filter_map(move |column| screen.cell(row, column));
        let rows = (0..rows)
            .map(|nth| row(nth).filter(|cell| !cell.is_wide_continuation()).map(patch).collect())
            .collect();
        let (row, column) = screen.cursor_position();
        Picture { columns, rows, cursor: (!screen.hide_cursor()).then_some((column, row)) }
    }
}

fn patch(cell: &vt100::Cell) -> Patch {
    Patch {
        letter: cell.contents().to_owned(),
        wide: cell.is_wide(),
        front: cell.fgcolor(),
        back: cell.bgcolor(),
        bold: cell.bold(),
        dim: cell.dim(),
        underline: cell.underline(),
        inverse: cell.inverse(),
    }
}

/// The lines of a diff: which files, then what changed in them.
pub(super) fn of_diff(view: &DiffView) -> Vec<(Tone, String)> {
    let mut lines = Vec::new();
    for file in &view.files {
        let count = |sign: char, count: Option<u64>| {
            count.map_or(String::new(), |count| format!(" {sign}{count}"))
        };
        let from = file.from.as_ref().map(|from| format!(" (was {from})")).unwrap_or_default();
        let counts = format!("{}{}", count('+', file.insertions), count('-', file.deletions));
        let line = format!("{:<10} {}{from}{counts}", file.status, file.path);
        lines.push((Tone::Strong, text::visible(&line).replace('\n', "␊")));
    }
    if view.files.is_empty() {
        lines.push((Tone::Faint, "nothing has changed".to_owned()));
    }
    lines.push((Tone::Plain, String::new()));
    for line in view.text.lines() {
        let tone = match line.as_bytes() {
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] => Tone::Faint,
            [b'+', ..] => Tone::Good,
            [b'-', ..] => Tone::Bad,
            [b'@', b'@', ..] => Tone::Wants,
            [b'd', b'i', b'f', b'f', b' ', ..] => Tone::Strong,
            _ => Tone::Plain,
        };
        lines.push((tone, text::visible(line)));
    }
    if view.cut {
        lines.push((Tone::Wants, "… there is more: skep diff".to_owned()));
    }
    lines
}

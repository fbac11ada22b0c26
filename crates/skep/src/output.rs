//! What people and programs get to see.
//!
//! Owns: standard output and error, colour, tables. Never: lets a control character of a stranger through.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
};

use serde::Serialize;
use skep_api::wire::Refusal;
use skep_core::{text, time::Timestamp};
use unicode_width::UnicodeWidthStr;

pub(crate) mod grid;

use grid::{Column, Layout};

/// Where results go, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    colour: bool,
    progress: bool,
    width: usize,
    /// Of the terminal that standard output is; none where it is none.
    size: Option<(usize, usize)>,
}

/// The longest line of prose that reads well. Columns.
const READABLE: usize = 100;

/// Colours by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Wants,
    Faint,
    Strong,
    Plain,
}

impl Output {
    /// Looks at the terminal once.
    pub(crate) fn new(json: bool, quiet: bool, no_colour: bool) -> Output {
        let stdout = io::stdout();
        let size = rustix::termios::tcgetwinsize(&stdout).ok();
        let size = size.map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)));
        let size = size.filter(|(columns, rows)| *columns > 0 && *rows > 0);
        Output {
            json,
            quiet,
            colour: !json && !no_colour && stdout.is_terminal(),
            progress: !json && !quiet && io::stderr().is_terminal(),
            width: size.map_or(120, |(columns, _)| columns),
            size,
        }
    }

    /// Prints one JSON value.
    pub(crate) fn json(&self, value: &impl Serialize) -> io::Result<()> {
        self.json_line(&serde_json::to_string(value)?)
    }

    /// Prints a line of JSON, whatever it holds spelled so that no terminal acts on it; its value stays the same.
    pub(crate) fn json_line(&self, json: &str) -> io::Result<()> {
        write_line(&text::json(json))
    }

    /// Prints a line.
    pub(crate) fn line(&self, line: &str) -> io::Result<()> {
        write_line(&self.harmless(line))
    }

    /// Prints a text that programs read, like a path: to the letter, except on a terminal.
    pub(crate) fn exact(&self, text: &str) -> io::Result<()> {
        if io::stdout().is_terminal() { self.line(text) } else { write_line(text) }
    }

    /// The last look at what is printed: no control character leaves but the colours of [`Output::paint`].
    fn harmless(&self, line: &str) -> String {
        let mut shown = String::with_capacity(line.len());
        let mut rest = line;
        while let Some(at) = rest.find('\x1b').filter(|_| self.colour) {
            shown += &text::visible(&rest[..at]);
            let end = at + colour_code(&rest[at..]).max(1);
            match end - at {
                1 => shown += &text::visible(&rest[at..end]),
                _ => shown += &rest[at..end],
            }
            rest = &rest[end..];
        }
        shown + &text::visible(rest)
    }

    /// Tells a person at a terminal what is going on.
    pub(crate) fn progress(&self, line: &str) {
        if self.progress {
            // Progress that nobody can read is not missed.
            let _unread =
                writeln!(io::stderr(), "{}", self.paint(Tone::Faint, &text::one_line(line)));
        }
    }

    /// Tells something that is not the result, terminal or not.
    pub(crate) fn note(&self, line: &str) {
        if !self.quiet && !self.json {
            // As above.
            let _unread = writeln!(io::stderr(), "{}", self.harmless(line));
        }
    }

    /// Prints an error, as one JSON line or as a block with the ways out.
    pub(crate) fn error(&self, refusal: &Refusal) {
        if refusal.message.is_empty() && refusal.exit == 0 {
            return;
        }
        let mut block = String::new();
        if self.json {
            let value = serde_json::json!({"error": refusal});
            block = text::json(&value.to_string()).into_owned();
            block.push('\n');
        } else {
            let (slug, message) = (&refusal.slug, text::visible(&refusal.message));
            let head = format!("error[{slug}]");
            let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
            let columns = size.map_or(0, |size| usize::from(size.ws_col));
            // What is read is wrapped; what is typed, below, stays as it is.
            let told = match columns {
                0 => format!("{head}: {message}"),
                columns => grid::wrapped(&format!("{head}: {message}"), columns.saturating_sub(2))
                    .join("\n  "),
            };
            let told = told.replacen(&head, &self.paint(Tone::Bad, &head), 1);
            // Writing to a string cannot fail.
            let _written = writeln!(block, "{told}");
            for hint in &refusal.hints {
                let _written =
                    writeln!(block, "  {} {}", self.paint(Tone::Wants, "→"), text::visible(hint));
            }
            if !slug.is_empty() && slug != "usage" {
                let _written = writeln!(
                    block,
                    "  {}",
                    self.paint(Tone::Faint, &format!("skep explain {slug}"))
                );
            }
        }
        // Without a standard error the exit code has to do.
        let _unread = io::stderr().write_all(block.as_bytes());
    }

    /// Colours `text` where there is colour.
    pub(crate) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Wants => "33",
            Tone::Faint => "2",
            Tone::Strong => "1",
            Tone::Plain => return text.to_owned(),
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Whether results have colour.
    pub(crate) fn colour(&self) -> bool {
        self.colour
    }

    /// How many columns there are to write in.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// How many columns the terminal has; none where there is no terminal, and lines may be as long as they are.
    pub(crate) fn columns(&self) -> Option<usize> {
        self.size.map(|(columns, _)| columns)
    }

    /// How many rows the terminal has, where there is one.
    pub(crate) fn rows(&self) -> Option<usize> {
        self.size.map(|(_, rows)| rows)
    }

    /// Prints lines, in one go.
    pub(crate) fn lines(&self, lines: &[String]) -> io::Result<()> {
        let mut block = String::new();
        for line in lines {
            block += &self.harmless(line);
            block.push('\n');
        }
        let mut out = io::stdout().lock();
        out.write_all(block.as_bytes())?;
        out.flush()
    }

    /// Prints bytes as they are; for what goes to a program.
    pub(crate) fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Prints text behind a head: on its line where both fit, else wrapped below it, set in by `indent`.
    pub(crate) fn behind(
        &self,
        head: &str,
        indent: usize,
        tone: Tone,
        text: &str,
    ) -> io::Result<()> {
        let text = text::visible(text);
        let wide = head.width() + 1 + text.width();
        let Some(columns) = self.columns().filter(|columns| wide > *columns || text.contains('\n'))
        else {
            return self.line(format!("{head} {}", self.paint(tone, &text)).trim_end());
        };
        self.line(head)?;
        let lines = grid::wrapped(&text, columns.saturating_sub(indent).max(20));
        let set = |line: &String| format!("{:indent$}{}", "", self.paint(tone, line));
        self.lines(&lines.iter().map(set).collect::<Vec<_>>())
    }

    /// Prints text to the right of a head that is `wide` columns wide, wrapped there.
    pub(crate) fn hanging(&self, head: &str, wide: usize, text: &str) -> io::Result<()> {
        let text = text::visible(text);
        let lines = match self.columns() {
            Some(columns) => grid::wrapped(&text, columns.saturating_sub(wide).max(20)),
            None => vec![text],
        };
        for (nth, line) in lines.iter().enumerate() {
            let line =
                if nth == 0 { format!("{head}{line}") } else { format!("{:wide$}{line}", "") };
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// Prints rows under heads; columns give way where there is no room.
    pub(crate) fn grid(&self, columns: &[Column], rows: &[Vec<(Tone, String)>]) -> io::Result<()> {
        let layout = Layout::of(self.width, columns, rows);
        let heads = [layout.heads(self, columns)];
        let lines: Vec<String> =
            heads.into_iter().chain(rows.iter().map(|row| layout.line(self, row))).collect();
        self.lines(&lines)
    }

    /// Prints text broken at words, each line `indent` columns in.
    pub(crate) fn prose(&self, indent: usize, tone: Tone, text: &str) -> io::Result<()> {
        let width = self.width.saturating_sub(indent + 1).max(20);
        folded(text, width).iter().try_for_each(|line| {
            let line = format!("{:indent$}{}", "", self.paint(tone, line));
            self.line(line.trim_end())
        })
    }

    /// Prints text beside a head that is `indent` columns wide, broken at words, its further lines below its first.
    pub(crate) fn beside(&self, head: &str, indent: usize, text: &str) -> io::Result<()> {
        let width = self.width.saturating_sub(indent + 1).max(20);
        let lines = folded(&text::one_line(text), width);
        for (nth, line) in lines.iter().enumerate() {
            let before = if nth == 0 { head.to_owned() } else { " ".repeat(indent) };
            self.line(format!("{before}{line}").trim_end())?;
        }
        Ok(())
    }

    /// Prints a page's text broken at words, each line `indent` columns in; what stands in backticks has a colour.
    pub(crate) fn marked(&self, indent: usize, text: &str) -> io::Result<()> {
        let width = self.width.min(READABLE).saturating_sub(indent + 1).max(20);
        let mut in_span = false;
        for paragraph in text.lines().filter(|line| !line.trim().is_empty()) {
            let hang = if paragraph.starts_with("- ") { 2 } else { 0 };
            let (mut line, mut used) = (String::new(), 0);
            for word in paragraph.split_whitespace() {
                let (word, length) = self.spans(word, &mut in_span);
                if used > hang && used + 1 + length > width {
                    self.line(&format!("{:indent$}{line}", ""))?;
                    line = " ".repeat(hang);
                    used = hang;
                } else if used > 0 {
                    line.push(' ');
                    used += 1;
                }
                line += &word;
                used += length;
            }
            self.line(&format!("{:indent$}{line}", ""))?;
        }
        Ok(())
    }

    /// Asks a person at a terminal, and returns what they typed; none where nobody is there.
    pub(crate) fn question(&self, question: &str) -> Option<String> {
        if self.json || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let mut err = io::stderr();
        let asked = write!(err, "{} ", self.paint(Tone::Wants, &text::one_line(question)));
        asked.and_then(|()| err.flush()).ok()?;
        let mut line = String::new();
        // Whoever closes the terminal has not agreed.
        if io::stdin().read_line(&mut line).ok()? == 0 {
            return Some("no".to_owned());
        }
        Some(line.trim().to_owned())
    }

    /// Prints a word and what it means, broken at words beside it.
    pub(crate) fn entry(
        &self,
        indent: usize,
        width: usize,
        (tone, word): (Tone, &str),
        meaning: &str,
    ) -> io::Result<()> {
        let beside = indent + width + 2;
        let left = self.width.min(READABLE + beside).saturating_sub(beside + 1).max(20);
        for (nth, line) in folded(meaning, left).iter().enumerate() {
            let word = if nth == 0 { word } else { "" };
            let word = self.paint(tone, &format!("{word:<width$}"));
            self.line(&format!("{:indent$}{word}  {line}", ""))?;
        }
        Ok(())
    }

    /// A word with what stands in backticks painted, and how many columns it takes.
    fn spans(&self, word: &str, in_span: &mut bool) -> (String, usize) {
        let mut painted = String::new();
        for (nth, part) in word.split('`').enumerate() {
            if nth > 0 {
                *in_span = !*in_span;
                painted.push('`');
            }
            painted += &self.paint(if *in_span { Tone::Wants } else { Tone::Plain }, part);
        }
        (painted, word.chars().count())
    }

    /// Prints rows under heads, the last column cut to what is left of the width.
    pub(crate) fn table(
        &self,
        heads: &[&'static str],
        rows: &[Vec<(Tone, String)>],
    ) -> io::Result<()> {
        let rows: Vec<Vec<(Tone, String)>> = rows
            .iter()
            .map(|row| row.iter().map(|(tone, cell)| (*tone, text::one_line(cell))).collect())
            .collect();
        let column = |(nth, head): (usize, &&'static str)| {
            let last = nth + 1 == heads.len();
            if last { Column::cut(head, 0, 10) } else { Column::whole(head, 0) }
        };
        let columns: Vec<Column> = heads.iter().enumerate().map(column).collect();
        self.grid(&columns, &rows)
    }
}

fn write_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// How long the colour is that `text` begins with; 0 where it is none.
fn colour_code(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\x1b[") else { return 0 };
    let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if rest.as_bytes().get(digits) == Some(&b'm') { "\x1b[".len() + digits + 1 } else { 0 }
}

/// Breaks text at words: paragraphs flow, a line that is set in or begins an item keeps its beginning.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut flows = false;
    for line in text.lines() {
        let set = line.starts_with([' ', '-', '|', '\t']);
        if line.trim().is_empty() || set || !flows {
            lines.push(if set { line.to_owned() } else { String::new() });
        }
        flows = !line.trim().is_empty();
        if set || !flows {
            continue;
        }
        for word in line.split_whitespace() {
            let last = lines.last_mut().expect("a line was just begun");
            if last.is_empty() {
                last.push_str(word);
            } else if last.chars().count() + 1 + word.chars().count() <= width {
                last.push(' ');
                last.push_str(word);
            } else {
                lines.push(word.to_owned());
            }
        }
    }
    lines
}

/// How long ago `at` was, in one short word.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> String {
    spell(now.since(at).as_secs())
}

/// The moment, by the system's clock.
pub(crate) fn now() -> Timestamp {
    skep_daemon::daemon::now()
}

/// A size in one short word.
pub(crate) fn bytes(bytes: u64) -> String {
    let (unit, size) = match bytes {
        0..1_000 => return format!("{bytes} B"),
        1_000..1_000_000 => ("kB", 1e3),
        1_000_000..1_000_000_000 => ("MB", 1e6),
        _ => ("GB", 1e9),
    };
    format!("{:.1} {unit}", bytes as f64 / size)
}

/// A stretch of time in one short word.
pub(crate) fn spell(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

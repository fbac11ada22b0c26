//! The verdict in a reviewer's last words: blocks between `CRITIQUE` and `END_CRITIQUE`, or the word that there are none.

use super::{Critique, Severity, cut};

const OPENS: &str = "CRITIQUE";
const CLOSES: &str = "END_CRITIQUE";
const NONE: &str = "NO_CRITIQUES";
/// What stands around words in a list, a quotation or a heading, or makes them bold or code.
const DECORATION: [char; 4] = ['*', '_', '`', '#'];

/// What a field of a block is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    File,
    Line,
    Severity,
    Description,
    Suggestion,
}

/// Reads the verdict in `text`; none where it has neither a block nor the word alone on a line.
///
/// Shape: blocks count, also beside the word; a block that is not closed, or has no description, counts with all that it
/// says. One of placeholders alone is the form of a verdict and says nothing; nor does the word beside such a form, beside
/// pieces of a block, in a quotation, or within a fence that holds anything else.
pub fn read(text: &str) -> Option<Vec<Critique>> {
    let mut found = Found::default();
    let mut open: Option<Block> = None;
    let mut fence = Fence::Outside;
    for line in text.lines() {
        let (line, closes) = match without_close(line) {
            Some(before) => (before, true),
            None => (line, false),
        };
        if let Some(rest) = opened(line, closes) {
            found.take(open.replace(Block::default()));
            if let Some(block) = open.as_mut().filter(|_| !rest.is_empty()) {
                block.add(rest);
            }
        } else if let Some(block) = &mut open {
            // What made the end of a block bold is not part of it.
            if !closes || line.contains(|c| !is_decoration(c)) {
                block.add(line);
            }
        } else {
            found.outside(line, closes, &mut fence);
        }
        if closes && open.is_some() {
            found.take(open.take());
            fence = Fence::Outside;
        }
    }
    found.take(open);
    found.verdict()
}

/// What was found so far.
#[derive(Debug, Default)]
struct Found {
    critiques: Vec<Critique>,
    /// The word that there are none.
    none: bool,
    /// A block that is only a form, or a piece of one.
    unclear: bool,
}

impl Found {
    fn take(&mut self, block: Option<Block>) {
        let Some(block) = block else { return };
        match block.critique() {
            Some(critique) => self.critiques.push(critique),
            None => self.unclear = true,
        }
    }

    fn outside(&mut self, line: &str, closes: bool, fence: &mut Fence) {
        let marks = is_fence(line);
        let around = |c: char| ".!".contains(c) || DECORATION.contains(&c);
        let says_none = unquoted(line).trim_matches(around) == NONE;
        // What a fence holds beside the word may be a file that is shown.
        *fence = match *fence {
            Fence::Outside if marks => Fence::Empty,
            Fence::Outside => {
                self.none |= says_none;
                Fence::Outside
            }
            Fence::Word if marks => {
                self.none = true;
                Fence::Outside
            }
            Fence::Empty | Fence::Other if marks => Fence::Outside,
            now if line.trim().is_empty() => now,
            Fence::Empty if says_none => Fence::Word,
            Fence::Empty | Fence::Word | Fence::Other => Fence::Other,
        };
        let piece = matches!(field(line), Some((Field::Severity, _)));
        self.unclear |= closes || piece;
    }

    fn verdict(self) -> Option<Vec<Critique>> {
        match self.critiques.is_empty() {
            false => Some(cut(self.critiques)),
            true => (self.none && !self.unclear).then(Vec::new),
        }
    }
}

/// What a fence outside of every block holds so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fence {
    Outside,
    Empty,
    /// The word and nothing else.
    Word,
    Other,
}

fn is_fence(line: &str) -> bool {
    let line = line.trim();
    line.starts_with("```") || line.starts_with("~~~")
}

/// One block, as far as it was read.
#[derive(Debug, Default)]
struct Block {
    /// Every line, as it stands.
    whole: Vec<String>,
    file: Option<String>,
    line: Option<u32>,
    severity: Option<Severity>,
    description: Vec<String>,
    suggestion: Vec<String>,
    /// Where a line without a field goes.
    suggests: bool,
    /// Whether the lines lie in a fence of the block's own, where no line is a field.
    fenced: bool,
    /// Whether a field of one line is more than a placeholder.
    says: bool,
}

impl Block {
    fn add(&mut self, line: &str) {
        self.whole.push(line.trim_end().to_owned());
        if is_fence(line) {
            self.fenced = !self.fenced;
            return self.text(line);
        }
        let Some((field, value)) = field(line).filter(|_| !self.fenced) else {
            return self.text(line);
        };
        let first = self.description.iter().all(|line| line.trim().is_empty());
        match field {
            Field::File if self.file.is_none() && (first || !value.contains(' ')) => {
                self.named(value);
            }
            Field::Line if self.line.is_none() && (first || number(value).is_some()) => {
                self.line = number(value);
            }
            // Of two the worse counts.
            Field::Severity => self.severity = self.severity.max(Some(Severity::read(value))),
            // Another line of what is being said.
            Field::File | Field::Line => return self.text(line),
            Field::Description | Field::Suggestion => {
                self.suggests = field == Field::Suggestion;
                return self.text(value);
            }
        }
        self.says |= !is_placeholder(value);
    }

    fn text(&mut self, line: &str) {
        let lines = if self.suggests { &mut self.suggestion } else { &mut self.description };
        lines.push(line.trim_end().to_owned());
    }

    /// A file, or `FILE:LINE`.
    fn named(&mut self, value: &str) {
        let bold = value.strip_prefix("**").and_then(|value| value.strip_suffix("**"));
        let value = bold.unwrap_or(value).trim_matches('`').trim();
        let none = ["general", "none", "n/a", "-"].iter().any(|it| value.eq_ignore_ascii_case(it));
        if none || value.is_empty() || is_placeholder(value) {
            return;
        }
        let split = value.rsplit_once(':').filter(|(file, _)| !file.is_empty());
        let split = split.and_then(|(file, line)| Some((file, line.parse::<u32>().ok()?)));
        match split {
            Some((file, line)) => {
                self.file = Some(file.to_owned());
                self.line = self.line.or(Some(line));
            }
            None => self.file = Some(value.to_owned()),
        }
    }

    /// The critique that it is; none where it says nothing.
    fn critique(self) -> Option<Critique> {
        let joined = |lines: &[String]| lines.join("\n").trim().to_owned();
        let said = joined(&self.description);
        let suggestion = joined(&self.suggestion);
        if !self.says && is_placeholder(&said) && is_placeholder(&suggestion) {
            return None;
        }
        Some(Critique {
            severity: self.severity.unwrap_or(Severity::Major),
            file: self.file,
            line: self.line,
            text: if said.is_empty() { joined(&self.whole) } else { said },
            suggestion: Some(suggestion).filter(|it| !it.is_empty()),
            by: None,
        })
    }
}

/// Whether text says nothing of its own: no letter and no digit, or `<…>` alone.
fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    let form = inner.is_some_and(|inner| !inner.contains(['<', '>']));
    form || !text.contains(char::is_alphanumeric)
}

/// The first number in a value such as `42`, `L42` or `42-50`.
fn number(value: &str) -> Option<u32> {
    let digits = value.split(|c: char| !c.is_ascii_digit()).find(|it| !it.is_empty())?;
    digits.parse().ok()
}

fn is_decoration(c: char) -> bool {
    c.is_whitespace() || "->•".contains(c) || DECORATION.contains(&c)
}

/// A line without what a list, a heading or a quotation puts in front of it.
fn bare(line: &str) -> &str {
    let mut rest = line.trim();
    while let Some(after) = rest.strip_prefix('>') {
        rest = after.trim_start();
    }
    unquoted(rest)
}

/// A line without what a list or a heading puts in front of it.
fn unquoted(line: &str) -> &str {
    let line = line.trim();
    let marked = line.strip_prefix(['-', '*', '•']);
    let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = (digits.len() < line.len()).then(|| digits.strip_prefix(['.', ')'])).flatten();
    let heading = line.trim_start_matches('#');
    let headed = (heading.len() < line.len()).then_some(heading);
    let item = marked.or(numbered).or(headed).filter(|rest| rest.starts_with([' ', '\t']));
    item.unwrap_or(line).trim()
}

/// The field that a line begins, and what stands behind its colon.
fn field(line: &str) -> Option<(Field, &str)> {
    let (key, value) = bare(line).split_once(':')?;
    let name = key.trim_matches(|c: char| c.is_whitespace() || DECORATION.contains(&c));
    let field = match name.to_ascii_lowercase().as_str() {
        "file" => Field::File,
        "line" | "lines" => Field::Line,
        "severity" => Field::Severity,
        "description" => Field::Description,
        "suggestion" => Field::Suggestion,
        _ => return None,
    };
    let opened = key.starts_with(DECORATION) && !key.ends_with(DECORATION);
    let value = if opened { value.trim_start_matches(DECORATION) } else { value };
    Some((field, value.trim()))
}

/// What stands before the end of a block on this line.
fn without_close(line: &str) -> Option<&str> {
    let ends = |c: char| c.is_whitespace() || c == '.' || DECORATION.contains(&c);
    let before = line.trim_end_matches(ends).strip_suffix(CLOSES)?;
    let apart = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    apart.then_some(before)
}

/// What stands behind the beginning of a block on this line, `closed` where its end stands there too.
fn opened(line: &str, closed: bool) -> Option<&str> {
    let rest = bare(line).trim_start_matches(DECORATION).strip_prefix(OPENS)?;
    if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = rest.trim_start_matches(DECORATION).trim();
    let counted = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '#');
    let behind = counted.trim_start_matches([':', '.', ')', '(', '[', '-', '–', '—']);
    // A sentence that begins with the word opens nothing.
    let opens = rest.len() != behind.len() || behind.is_empty() || closed || field(rest).is_some();
    opens.then(|| behind.trim())
}

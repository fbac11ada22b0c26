//! `skep conflicts`

use std::{collections::BTreeMap, io, process::ExitCode};

use skep_api::{
    request::Ask,
    view::{ConflictView, ConflictsView, RunView},
};
use skep_core::{text, time::Timestamp};
use unicode_width::UnicodeWidthStr as _;

use super::{ls, read};
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone, age, grid::fit, now},
};

/// How many files of a pair are named.
const FILES: usize = 8;
/// How many pairs that conflict are told with all that can be done; those behind them have a line each.
const TOLD: usize = 3;
/// How many pairs that only change the same files are told.
const TOUCHES: usize = 10;
/// The widest name in the matrix. Columns.
const NAME: usize = 16;

pub(super) fn conflicts(skep: &Skep, of: Vec<String>) -> Outcome {
    let found: ConflictsView = read(skep.ask(Ask::Conflicts { of })?)?;
    let code = match found.pairs.iter().any(|pair| pair.kind != "touch") {
        true => ExitCode::from(1),
        false => ExitCode::SUCCESS,
    };
    if skep.out.json {
        skep.out.json(&found.pairs)?;
        return Ok(code);
    }
    let names: BTreeMap<&str, String> =
        found.runs.iter().map(|run| run.id.as_str()).zip(ls::names(&found.runs)).collect();
    let page = Page { out: &skep.out, names, now: now() };
    page.print(&found)?;
    Ok(code)
}

/// What is said of some runs that were looked at.
struct Page<'a> {
    out: &'a Output,
    names: BTreeMap<&'a str, String>,
    now: Timestamp,
}

impl Page<'_> {
    fn print(&self, found: &ConflictsView) -> io::Result<()> {
        if found.runs.is_empty() {
            self.out.note("nothing can collide: fewer than two runs of one repository stand");
            return Ok(());
        }
        let meets =
            |run: &&RunView| found.pairs.iter().any(|pair| pair.a == run.id || pair.b == run.id);
        let (met, alone): (Vec<&RunView>, Vec<&RunView>) = found.runs.iter().partition(meets);
        if met.len() > 2 {
            self.matrix(&met, &found.pairs)?;
        }
        let of = |kind: &'static str| found.pairs.iter().filter(move |pair| pair.kind == kind);
        for (nth, pair) in of("conflict").enumerate() {
            if nth < TOLD { self.conflict(pair)? } else { self.short(pair)? }
        }
        for pair in found.pairs.iter().filter(|pair| !["conflict", "touch"].contains(&&*pair.kind))
        {
            self.unknown(pair)?;
        }
        for pair in of("touch").take(TOUCHES) {
            self.touch(pair)?;
        }
        let left = of("touch").count().saturating_sub(TOUCHES);
        if left > 0 {
            let line =
                format!("~ and {left} more pairs change the same files: skep conflicts --json");
            self.out.line(&self.out.paint(Tone::Faint, &line))?;
        }
        let names: Vec<&str> = alone.iter().map(|run| self.name(&run.id)).collect();
        if let ([name], true) = (names.as_slice(), met.is_empty()) {
            self.out.line(&format!("{name} is in nobody's way"))?;
        } else if met.is_empty() {
            self.out
                .line(&format!("none of these {} runs is in the way of another", names.len()))?;
        } else if !alone.is_empty() {
            let line = format!("in nobody's way: {}", names.join(", "));
            self.out.line(&self.out.paint(Tone::Faint, &fit(&line, self.out.width())))?;
        }
        Ok(())
    }

    /// The worker's name of a run, which no terminal reads as anything but text.
    fn name<'n>(&'n self, run: &'n str) -> &'n str {
        self.names.get(run).map_or(run, String::as_str)
    }

    /// Runs by runs, each with a letter; where that is wider than the terminal, there is none.
    fn matrix(&self, runs: &[&RunView], pairs: &[ConflictView]) -> io::Result<()> {
        let letters: Vec<char> = ('a'..='z').chain('A'..='Z').take(runs.len()).collect();
        let names: Vec<String> = runs.iter().map(|run| fit(self.name(&run.id), NAME)).collect();
        let wide = names.iter().map(|name| name.width()).max().unwrap_or(0);
        if letters.len() < runs.len() || 2 + wide + 2 + 2 * runs.len() > self.out.width() {
            return Ok(());
        }
        let mut marks: BTreeMap<(&str, &str), (Tone, &str)> = BTreeMap::new();
        for pair in pairs {
            let mark = mark(&pair.kind);
            marks.insert((&pair.a, &pair.b), mark);
            marks.insert((&pair.b, &pair.a), mark);
        }
        let heads: String = letters.iter().flat_map(|letter| [' ', *letter]).collect();
        self.out.line(&self.out.paint(Tone::Faint, &format!("{:1$} {heads}", "", wide + 2)))?;
        for (nth, run) in runs.iter().enumerate() {
            let gap = " ".repeat(wide - names[nth].width());
            let head = self.out.paint(Tone::Faint, &letters[nth].to_string());
            let mut line = format!("{head} {}{gap} ", self.out.paint(Tone::Strong, &names[nth]));
            for other in runs {
                let (tone, mark) = match marks.get(&(run.id.as_str(), other.id.as_str())) {
                    Some(mark) => *mark,
                    None if run.id == other.id => (Tone::Plain, " "),
                    None => (Tone::Faint, "·"),
                };
                line += " ";
                line += &self.out.paint(tone, mark);
            }
            self.out.line(line.trim_end())?;
        }
        self.out.line("")
    }

    fn conflict(&self, pair: &ConflictView) -> io::Result<()> {
        let (a, b) = (self.name(&pair.a), self.name(&pair.b));
        let since = pair.since.map_or(String::new(), |since| {
            self.out.paint(Tone::Faint, &format!("   for {}", age(since, self.now)))
        });
        let (tone, mark) = mark(&pair.kind);
        let said = self.out.paint(tone, &format!("{mark} {a} and {b} conflict"));
        self.out.line(&format!("{said}{since}"))?;
        for file in pair.files.iter().take(FILES) {
            let room = self.out.width().saturating_sub(4);
            self.out.line(&format!("    {}", fit(&text::one_line(file), room)))?;
        }
        let more = pair.more + u64::try_from(pair.files.len().saturating_sub(FILES)).unwrap_or(0);
        if more > 0 {
            self.out.line(&format!("    and {more} more"))?;
        }
        let (a, b) = (text::shell(a), text::shell(b));
        let file = pair.files.first().filter(|file| text::visible(file) == **file);
        let file = file.map_or(String::new(), |file| format!(" {}", text::shell(file)));
        for way in [
            format!("skep diff {a}{file}"),
            format!("skep diff {b}{file}"),
            format!("skep land {a}   first; {b} then brings both together"),
            format!("skep send {b} TEXT   tells it what to leave to {a}"),
        ] {
            self.out.line(&self.out.paint(Tone::Faint, &format!("    → {way}")))?;
        }
        Ok(())
    }

    fn short(&self, pair: &ConflictView) -> io::Result<()> {
        let (a, b) = (self.name(&pair.a), self.name(&pair.b));
        self.marked(pair, &format!("{a} and {b} conflict in {}", which(pair)))
    }

    fn touch(&self, pair: &ConflictView) -> io::Result<()> {
        let (a, b) = (self.name(&pair.a), self.name(&pair.b));
        let line = format!("{a} and {b} both change {}; git brings them together", which(pair));
        self.marked(pair, &line)
    }

    fn marked(&self, pair: &ConflictView, line: &str) -> io::Result<()> {
        let (tone, mark) = mark(&pair.kind);
        let line = fit(line, self.out.width().saturating_sub(2));
        self.out.line(&format!("{} {line}", self.out.paint(tone, mark)))
    }

    fn unknown(&self, pair: &ConflictView) -> io::Result<()> {
        let (a, b) = (self.name(&pair.a), self.name(&pair.b));
        let why = text::one_line(pair.why.as_deref().unwrap_or("nobody could say why"));
        let (tone, mark) = mark(&pair.kind);
        let head = format!("{} ", self.out.paint(tone, mark));
        self.out.hanging(&head, 2, &format!("{a} and {b}: unknown; {why}"))
    }
}

/// The files of a pair in a few words.
fn which(pair: &ConflictView) -> String {
    let count = u64::try_from(pair.files.len()).unwrap_or(u64::MAX).saturating_add(pair.more);
    match (pair.files.first(), count) {
        (Some(file), 1) => text::one_line(file),
        (Some(file), _) => format!("{} and {} more", text::one_line(file), count - 1),
        (None, _) => "the same files".to_owned(),
    }
}

/// How a pair is marked.
fn mark(kind: &str) -> (Tone, &'static str) {
    match kind {
        "conflict" => (Tone::Wants, "✗"),
        "touch" => (Tone::Plain, "~"),
        _ => (Tone::Wants, "?"),
    }
}

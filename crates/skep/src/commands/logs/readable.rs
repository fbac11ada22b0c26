//! A journal as a person reads it: words wrapped, tools folded, turns apart.
//!
//! Owns: what of a line is shown, and how. Never: reads the journal, prints, or lets an escape of an agent through.

use std::time::Duration;

use skep_api::{
    journal::{Entry, Line},
    tool,
};
use skep_core::{
    policy::Decision,
    run::Overdue,
    run::Word,
    said::{ErrorClass, Said, TurnResult},
    text,
    time::Timestamp,
};

use crate::output::{
    Tone,
    grid::{fit, wrapped},
};

#[cfg(test)]
mod tests;

/// How a journal is shown.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Look {
    /// None: lines are as long as they are.
    pub(crate) width: Option<usize>,
    pub(crate) times: bool,
    /// Whether tools are unfolded.
    pub(crate) tools: bool,
}

/// A line, in parts of one tone each.
pub(crate) type Parts = Vec<(Tone, String)>;

/// A tool that has not come back.
#[derive(Debug)]
struct Call {
    id: String,
    name: String,
    input: String,
    at: Timestamp,
    /// Whether it has its line already, so that its result needs one of its own.
    told: bool,
}

/// Reads lines of a journal in their order.
#[derive(Debug)]
pub(crate) struct Reader {
    look: Look,
    calls: Vec<Call>,
    turn: u32,
    turn_began: Option<Timestamp>,
    /// Whether the last thing shown was an agent's words, which what follows is set apart from.
    words: bool,
}

/// What a folded tool may take where there is no terminal. Columns.
const FOLDED: usize = 200;
/// The longest text of one entry that is looked at; the whole of it stands in the journal. Characters.
const LONGEST: usize = 200_000;

impl Reader {
    pub(crate) fn new(look: Look) -> Reader {
        Reader { look, calls: Vec::new(), turn: 0, turn_began: None, words: false }
    }

    /// Shows one line of the journal; nothing for what only machines read, or what waits for its other half.
    pub(crate) fn read(&mut self, line: &[u8]) -> Vec<Parts> {
        let Ok(line) = serde_json::from_slice::<Line>(line) else { return Vec::new() };
        let at = line.at;
        match line.entry {
            Entry::Agent(Said::Tool { id, name, input }) => {
                self.begin_turn(at);
                let mut shown = Vec::new();
                let told = self.look.tools;
                if told {
                    shown = self.tool(&name, at, &input);
                }
                self.calls.push(Call { id, name, input, at, told });
                shown
            }
            Entry::Agent(Said::ToolResult { id, ok, text }) => self.result(at, &id, ok, &text),
            Entry::Agent(Said::Session { .. } | Said::Usage { .. } | Said::Model { .. }) => {
                Vec::new()
            }
            entry @ (Entry::Started { .. }
            | Entry::Silence { .. }
            | Entry::Heard {}
            | Entry::Overdue { .. }
            | Entry::Stderr { .. }
            | Entry::Output { .. }
            | Entry::Delivered { .. }
            | Entry::Message { .. }
            | Entry::Settled { .. }
            | Entry::Called { .. }
            | Entry::CallLeft { .. }
            | Entry::Decided { .. }
            | Entry::Rules { .. }
            | Entry::Dropped { .. }
            | Entry::Exit { .. }
            | Entry::Agent(_)) => {
                let mut shown = self.pending();
                shown.extend(self.entry(at, entry));
                shown
            }
        }
    }

    /// Shows the tools that have not come back, before something else, or before a wait.
    pub(crate) fn pending(&mut self) -> Vec<Parts> {
        let mut shown = Vec::new();
        let mut calls = std::mem::take(&mut self.calls);
        for call in calls.iter_mut().filter(|call| !call.told) {
            call.told = true;
            shown.push(self.folded(call, Tone::Faint, "…"));
        }
        self.words &= shown.is_empty();
        self.calls = calls;
        shown
    }

    fn begin_turn(&mut self, at: Timestamp) {
        if self.turn_began.is_none() {
            self.turn_began = Some(at);
            self.turn += 1;
        }
    }

    fn result(&mut self, at: Timestamp, id: &str, ok: bool, answer: &str) -> Vec<Parts> {
        let place = self.calls.iter().position(|call| call.id == id);
        let call = place.map(|place| self.calls.remove(place));
        let (tone, sign) = if ok { (Tone::Good, "✓") } else { (Tone::Bad, "✗") };
        let took = call.as_ref().map(|call| at.since(call.at));
        let outcome =
            format!("{sign}{}", took.map_or(String::new(), |took| format!(" {}", span(took))));
        let mut shown = Vec::new();
        match &call {
            Some(call) if !call.told => shown.push(self.folded(call, tone, &outcome)),
            Some(call) => {
                let name = text::one_line(&text::words(&call.name, 80));
                shown.extend(self.set(at, "  ", tone, &format!("{outcome} {name}")));
            }
            None => shown.extend(self.set(at, "  ", tone, &outcome)),
        }
        self.words = false;
        if self.look.tools {
            let answer = text::visible(text::words(answer, LONGEST).trim_end());
            if !answer.is_empty() {
                shown.extend(self.set(at, "  │ ", Tone::Faint, &answer));
            }
        } else if !ok {
            // What went wrong is worth a line of its own.
            let why = text::one_line(&text::words(answer, 2 * FOLDED));
            let why = fit(&why, self.room().saturating_sub(4).min(FOLDED));
            shown.extend(
                (!why.is_empty()).then(|| self.plain(at, &format!("    {why}"), Tone::Bad)),
            );
        }
        shown
    }

    /// A tool with what it was given, in full.
    fn tool(&mut self, name: &str, at: Timestamp, input: &str) -> Vec<Parts> {
        self.words = false;
        let name = text::one_line(&text::words(name, 80));
        let mut shown = self.set(at, "▸ ", Tone::Strong, &name);
        let input = text::visible(text::words(input, LONGEST).trim_end());
        if !input.is_empty() {
            shown.extend(self.set(at, "  │ ", Tone::Faint, &input));
        }
        shown
    }

    /// A tool on one line, with its outcome where the line ends.
    fn folded(&self, call: &Call, tone: Tone, outcome: &str) -> Parts {
        let name = text::one_line(&text::words(&call.name, 80));
        let room = self.room().saturating_sub(outcome.chars().count() + 4).max(8);
        let name = fit(&name, room);
        let left = room.saturating_sub(name.chars().count() + 1);
        let input = text::one_line(&text::words(&call.input, 4 * FOLDED));
        let input = if left < 4 { String::new() } else { fit(&input, left.min(FOLDED)) };
        let mut line = self.stamp(call.at);
        line.push((Tone::Plain, format!("▸ {name} ")));
        if !input.is_empty() {
            line.extend([(Tone::Faint, input), (Tone::Plain, "  ".to_owned())]);
        }
        line.push((tone, outcome.to_owned()));
        line
    }

    fn entry(&mut self, at: Timestamp, entry: Entry) -> Vec<Parts> {
        let was_words = std::mem::replace(&mut self.words, false);
        let long = |text: &str| text::visible(text::words(text, LONGEST).trim_end());
        let line = |text: &str| text::one_line(&text::words(text, 4 * FOLDED));
        match entry {
            Entry::Started { pid, .. } => {
                self.turn_began = None;
                vec![self.rule(at, &format!("started, pid {pid}"), Tone::Faint)]
            }
            Entry::Agent(Said::Said { text }) => {
                self.begin_turn(at);
                self.words = true;
                let text = long(&text);
                if text.is_empty() {
                    return Vec::new();
                }
                // Words of one breath stand together; what is a paragraph of its own is set apart.
                let mut shown = Vec::new();
                shown.extend((was_words && text.contains('\n')).then(Parts::new));
                shown.extend(self.set(at, "", Tone::Plain, &text));
                shown
            }
            Entry::Agent(Said::Thought { text }) => {
                self.begin_turn(at);
                self.set(at, "· ", Tone::Faint, &line(&text))
            }
            Entry::Agent(Said::Ask { text, options, .. }) => {
                let mut shown = self.set(at, "? ", Tone::Wants, &long(&text));
                for option in options {
                    shown.extend(self.set(at, "  - ", Tone::Wants, &line(&option)));
                }
                shown
            }
            Entry::Agent(Said::Permission { tool, text, .. }) => {
                let tool = line(&tool);
                let tool = if tool.is_empty() { tool } else { format!("{tool}: ") };
                self.set(at, "? ", Tone::Wants, &format!("{tool}{}", long(&text)))
            }
            Entry::Agent(Said::Idle {}) => Vec::new(),
            Entry::Agent(Said::TurnStarted {}) => {
                self.begin_turn(at);
                Vec::new()
            }
            Entry::Agent(Said::Limit { text, .. }) => {
                self.set(at, "limit: ", Tone::Wants, &long(&text))
            }
            Entry::Agent(Said::Retry { attempt, of, text }) => {
                let of = of.map_or_else(String::new, |of| format!(" of {of}"));
                self.set(at, &format!("retry {attempt}{of}: "), Tone::Faint, &line(&text))
            }
            Entry::Agent(Said::TurnEnded { result, .. }) => {
                let took = self.turn_began.take().map(|began| at.since(began));
                let (tone, how) = match result {
                    TurnResult::Success => (Tone::Good, "done"),
                    TurnResult::Ended => (Tone::Faint, "ended"),
                    TurnResult::Failed => (Tone::Bad, "failed"),
                    TurnResult::Cancelled => (Tone::Bad, "cancelled"),
                };
                let took = took.map_or(String::new(), |took| format!(" after {}", span(took)));
                let turn = self.turn.max(1);
                vec![self.rule(at, &format!("turn {turn} {how}{took}"), tone), Parts::new()]
            }
            Entry::Agent(Said::Error { class: ErrorClass::Notice, text })
            | Entry::Stderr { text } => self.set(at, "! ", Tone::Faint, &line(&text)),
            Entry::Agent(Said::ResumeRefused { text }) => {
                self.set(at, "it would not go on: ", Tone::Bad, &line(&text))
            }
            Entry::Agent(Said::Error { text, .. }) => self.set(at, "✗ ", Tone::Bad, &long(&text)),
            Entry::Agent(
                Said::Session { .. }
                | Said::Withdrawn { .. }
                | Said::Usage { .. }
                | Said::Model { .. }
                | Said::Tool { .. }
                | Said::ToolResult { .. },
            ) => Vec::new(),
            Entry::Silence { quiet_ms, .. } => {
                let quiet = span(Duration::from_millis(quiet_ms));
                vec![self.rule(at, &format!("silent for {quiet}"), Tone::Wants)]
            }
            Entry::Overdue { what: Overdue::Turn, .. } => {
                vec![self.rule(at, "the turn has taken longer than time.turn", Tone::Wants)]
            }
            Entry::Overdue { what: Overdue::Ready, text } => {
                self.set(at, "never ready: ", Tone::Bad, &long(&text))
            }
            Entry::Heard {} => vec![self.rule(at, "heard again", Tone::Faint)],
            Entry::Output { text } => self.set(at, "", Tone::Plain, &long(&text)),
            Entry::Delivered { text, .. } => {
                self.begin_turn(at);
                self.set(at, "» ", Tone::Strong, &long(&text))
            }
            Entry::Message { word, text, .. } if !text.is_empty() => {
                let what = format!("a message: {}", line(&text));
                let wants = matches!(word, Word::Unclear | Word::Refused);
                vec![self.rule(at, &what, if wants { Tone::Wants } else { Tone::Faint })]
            }
            Entry::Message { .. } => Vec::new(),
            Entry::Decided { verdict, .. } => {
                let rule = verdict.rule.map(|rule| format!(" ({rule})")).unwrap_or_default();
                let (tone, word) = match verdict.decision {
                    // Leave that was not asked of anybody is not worth a line.
                    Decision::Allow => return Vec::new(),
                    Decision::Ask => (Tone::Faint, "asked"),
                    Decision::Deny => (Tone::Bad, "refused"),
                };
                self.set(at, "» ", tone, &line(&format!("{word}: {}{rule}", verdict.why)))
            }
            Entry::Called { call, .. } => self.called(at, &call),
            Entry::CallLeft { .. } => {
                vec![self.rule(at, "no answer yet; it goes on", Tone::Faint)]
            }
            Entry::Rules { policy } => {
                let (deny, ask) = (policy.deny.len(), policy.ask.len());
                let what = format!("other rules from here on: {deny} deny, {ask} ask");
                vec![self.rule(at, &what, Tone::Faint)]
            }
            Entry::Settled { allow: true, .. } => self.set(at, "» ", Tone::Good, "allowed"),
            Entry::Settled { text, .. } => {
                let why = text.map(|why| format!(": {}", long(&why))).unwrap_or_default();
                self.set(at, "» ", Tone::Bad, &format!("refused{why}"))
            }
            Entry::Dropped { lines, bytes, why } => {
                let what = format!("{lines} lines ({bytes} bytes) were not kept: {}", line(&why));
                self.set(at, "", Tone::Wants, &what)
            }
            Entry::Exit { exit } => {
                let tone = if exit.code == 0 { Tone::Faint } else { Tone::Bad };
                let signal = exit.signal.map(|signal| format!(" (signal {signal})"));
                let error = exit.error.map(|error| format!(": {}", line(&error)));
                let took = span(exit.ended.since(exit.started));
                let what = format!(
                    "exit {}{}{} after {took}",
                    exit.code,
                    signal.unwrap_or_default(),
                    error.unwrap_or_default()
                );
                vec![self.rule(at, &what, tone)]
            }
        }
    }

    /// What the agent asked or claimed by a tool.
    fn called(&mut self, at: Timestamp, call: &tool::Call) -> Vec<Parts> {
        let long = |text: &str| text::visible(text::words(text, LONGEST).trim_end());
        let line = |text: &str| text::one_line(&text::words(text, 4 * FOLDED));
        match call {
            tool::Call::Ask { question, options, .. } => {
                let options: Vec<String> = options
                    .iter()
                    .zip(1..)
                    .map(|(option, n)| format!("\n{n} {}", line(option)))
                    .collect();
                let text = format!("{}{}", long(question), options.concat());
                self.set(at, "? ", Tone::Wants, &text)
            }
            tool::Call::Report { status, summary, .. } => {
                let what = format!("{}: {}", status.as_str(), long(summary));
                self.set(at, "it reports ", Tone::Strong, &what)
            }
            tool::Call::Claim { paths } => {
                let paths: Vec<String> = paths.iter().map(|path| line(path)).collect();
                vec![self.rule(at, &format!("it claims {}", paths.join(", ")), Tone::Faint)]
            }
            tool::Call::Note { text } => self.set(at, "note ", Tone::Strong, &long(text)),
            tool::Call::Verdict { critiques } => {
                let each: Vec<String> =
                    critiques.iter().map(|it| text::words(&it.one_line(), 4 * FOLDED)).collect();
                let none = "no critiques".to_owned();
                let said = if each.is_empty() { none } else { each.join("\n") };
                self.set(at, "verdict ", Tone::Strong, &said)
            }
        }
    }

    /// How many columns a line has behind its time.
    fn room(&self) -> usize {
        let stamp = if self.look.times { STAMP } else { 0 };
        self.look.width.unwrap_or(FOLDED).saturating_sub(stamp).max(10)
    }

    /// The time in front of a line.
    fn stamp(&self, at: Timestamp) -> Parts {
        if !self.look.times {
            return Parts::new();
        }
        let at = at.to_string();
        let clock = at.get(11..19).unwrap_or("        ");
        vec![(Tone::Faint, format!("{clock}  "))]
    }

    fn plain(&self, at: Timestamp, line: &str, tone: Tone) -> Parts {
        let mut parts = self.stamp(at);
        parts.push((tone, line.to_owned()));
        parts
    }

    /// Text behind a mark, wrapped; what follows its first line is set in below it, and a `│` goes on.
    fn set(&self, at: Timestamp, mark: &str, tone: Tone, text: &str) -> Vec<Parts> {
        let wide = mark.chars().count();
        let lines = match self.look.width {
            Some(_) => wrapped(text, self.room().saturating_sub(wide).max(8)),
            None => text.split('\n').map(str::to_owned).collect(),
        };
        let blank = " ".repeat(if self.look.times { STAMP } else { 0 });
        let goes_on = if mark.contains('│') { mark.to_owned() } else { " ".repeat(wide) };
        let line = |(nth, line): (usize, &String)| {
            if nth == 0 {
                return self.plain(at, format!("{mark}{line}").trim_end(), tone);
            }
            let line = format!("{blank}{goes_on}{line}");
            vec![(tone, line.trim_end().to_owned())]
        };
        lines.iter().enumerate().map(line).collect()
    }

    /// A line that sets apart what is above it from what is below.
    fn rule(&self, at: Timestamp, what: &str, tone: Tone) -> Parts {
        let what = fit(what, self.room().saturating_sub(3));
        self.plain(at, &format!("── {what}"), tone)
    }
}

/// What a time and the space behind it take. Columns.
const STAMP: usize = 10;

/// A stretch of time: `0.3s`, `12s`, `3m 20s`, `2h 5m`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{}.{}s", seconds, time.subsec_millis() / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
    }
}

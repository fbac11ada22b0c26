//! An agent that lives and never answers: what was seen of it, for whoever has to find out why.
//!
//! Owns: the deadline of the first answer, and the words of the report. Never: stops the agent; the core decides that.

use std::{
    collections::VecDeque,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use skep_api::{journal::Entry, spec::Spec};
use skep_core::{run::Overdue, text};
use skep_host::proc::Program;

use super::{Keeper, Tty};

/// How many of its last lines of standard error are told.
const LINES: usize = 5;
/// How much of one is.
const LINE: usize = 300;
/// How long its program may take to tell its version.
const VERSION: Duration = Duration::from_secs(5);

/// What an agent must have said by when, and what it complained of meanwhile.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// When its first answer is due; none where it came, or none is awaited.
    due: Option<Instant>,
    complaints: VecDeque<String>,
}

impl Ready {
    pub(super) fn within(ready: Duration, now: Instant) -> Ready {
        let due = (!ready.is_zero()).then(|| now + ready);
        Ready { due, complaints: VecDeque::new() }
    }

    pub(super) fn complained(&mut self, line: &str) {
        if self.due.is_some() && !line.trim().is_empty() {
            self.complaints.push_back(text::words(&text::one_line(line), LINE));
            if self.complaints.len() > LINES {
                self.complaints.pop_front();
            }
        }
    }
}

impl Keeper {
    /// How long until the agent's first answer is overdue.
    pub(super) fn until_ready(&self, now: Instant) -> Option<Duration> {
        let left = self.ready.due?.saturating_duration_since(now);
        Some(left.max(self.quiet.alone(now)))
    }

    /// Looks whether the agent has answered by now, and reports it once where it has not.
    pub(super) fn look_whether_ready(&mut self, now: Instant) {
        if self.ready.due.is_some() && !self.session.awaits_answer() {
            self.ready = Ready::default();
        }
        if self.until_ready(now).is_some_and(|left| left.is_zero()) {
            let ready = std::mem::take(&mut self.ready);
            let text =
                seen(&self.spec, &ready.complaints, self.tty.as_ref().and_then(Tty::last_line));
            self.report(Entry::Overdue { what: Overdue::Ready, text });
        }
    }
}

fn seen(spec: &Spec, complaints: &VecDeque<String>, screen: Option<String>) -> String {
    let waited = Duration::from_millis(spec.limits.ready_ms).as_secs();
    let program = spec.argv.first().map_or("", String::as_str);
    let mut told = format!("it lived and did not answer for {waited} s: {program}");
    if let Some(version) = version(spec, program) {
        told += &format!(" ({version})");
    }
    match (complaints.is_empty(), screen) {
        (false, _) => {
            let lines: Vec<&str> = complaints.iter().map(String::as_str).collect();
            told += &format!("; it complained: {}", lines.join(" | "));
        }
        (true, Some(line)) => told += &format!("; on its screen: {}", text::one_line(&line)),
        (true, None) => told += "; it wrote nothing to its standard error",
    }
    told
}

/// What the program says of its version, within a time; its arguments are not told: they may hold what is secret.
fn version(spec: &Spec, program: &str) -> Option<String> {
    let (tell, told) = mpsc::channel();
    let asks = Program::new(Path::new(program))
        .arg("--version")
        .envs(&spec.env)
        .cwd(&spec.dir)
        .timeout(VERSION)
        .most(4096);
    let asking = thread::Builder::new().spawn(move || {
        // Nobody waits any more when it comes too late.
        let _late = tell.send(asks.output());
    });
    asking.ok()?;
    let output = told.recv_timeout(VERSION + Duration::from_secs(1)).ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(text::words(&text::one_line(line), 100))
}

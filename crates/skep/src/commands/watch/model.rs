//! What `skep watch` knows, and what follows from a key or from news.
//!
//! Owns: the selection, what is shown beside it, and which wish a key becomes.
//! Never: asks, draws, reads a clock; whatever it wants is in the wishes it returns.

#![expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing in most places")]

use serde_json::Value;
use skep_api::{
    request::{Ask, LandAsk},
    view::{RunView, TaskView},
    wire::Refusal,
};
use skep_core::{
    run::{How, Surface},
    text,
    time::Timestamp,
};

use super::{
    edit::Editor,
    keys::Key,
    sight::{Kind, Sight, Target},
};
use crate::{
    commands::{needs_a_person, plan::course},
    output::Tone,
};

#[cfg(test)]
pub(in crate::commands::watch) mod tests;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event {
    Key(Key),
    Resized(u16, u16),
    /// Only the time has changed.
    Clock,
    /// The runs as they are now.
    Listed(Vec<RunView>),
    /// The tasks as they are now.
    Planned(Vec<TaskView>),
    Answered(Asked, Result<Value, Refusal>),
    Seen(Target, Sight),
    /// The daemon is not there; why.
    Away(String),
    /// The agent's screen was left.
    Left(Option<Refusal>),
    /// A part of this broke.
    Broke(String),
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(super) enum Wish {
    Ask(Asked),
    Attach(String),
    Suspend,
    Repaint,
    /// Leave, with this exit code.
    Leave(u8),
}

/// A question on its way to the daemon.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) what: What,
    /// The worker that it is about, as people call it.
    pub(super) name: String,
    pub(super) ask: Ask,
}

/// What its answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Send,
    Rule,
    Stop,
    Close,
    LandLook,
    Land,
    UndoLook,
    Undo,
    Pause,
    Resume,
}

/// What is shown beside the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Beside {
    /// The agent's screen where it has one, else its words.
    #[default]
    Agent,
    Words,
    Diff,
}

/// What the keys are for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mode {
    List,
    Help,
    Filter(Editor),
    Write { what: What, run: String, name: String, editor: Editor },
    Choose(Choice),
}

/// Something to decide.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    pub(super) title: String,
    pub(super) lines: Vec<(Tone, String)>,
    pub(super) ways: Vec<Way>,
}

/// A way on, by its key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Way {
    pub(super) key: char,
    pub(super) label: String,
    pub(super) then: Then,
}

/// What a way leads to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Then {
    Ask(Box<Asked>),
    Choose(Box<Choice>),
}

/// A line of the list.
#[derive(Debug, Clone, Copy)]
pub(super) enum Line<'a> {
    /// The heading of a planned task.
    Task(&'a TaskView),
    /// Whom that task waits for.
    Waits(&'a TaskView),
    /// A run, and whether it stands below such a heading.
    Run(&'a RunView, bool),
}

/// All of it.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) runs: Vec<RunView>,
    /// Those with a plan that are under way.
    pub(super) tasks: Vec<TaskView>,
    /// The id of the run that is looked at.
    pub(super) selected: Option<String>,
    pub(super) beside: Beside,
    /// Whether what is beside the list takes its place.
    pub(super) zoomed: bool,
    /// Lines from the end of words, or from the beginning of a diff.
    pub(super) scroll: usize,
    /// How far there is to scroll, as of the last drawing.
    pub(super) farthest: usize,
    pub(super) filter: String,
    pub(super) mode: Mode,
    /// Said below the list until the next wish.
    pub(super) note: Vec<(Tone, String)>,
    pub(super) sight: Sight,
    /// Why there is no daemon, where there is none.
    pub(super) away: Option<String>,
    /// Questions that are not answered yet.
    pub(super) asked: usize,
    pub(super) now: Timestamp,
    pub(super) size: (u16, u16),
    pub(super) colour: bool,
}

impl State {
    /// Begins with these runs.
    pub(super) fn new(runs: Vec<RunView>, now: Timestamp, size: (u16, u16), colour: bool) -> State {
        let mut state = State {
            runs: Vec::new(),
            tasks: Vec::new(),
            selected: None,
            beside: Beside::Agent,
            zoomed: false,
            scroll: 0,
            farthest: 0,
            filter: String::new(),
            mode: Mode::List,
            note: Vec::new(),
            sight: Sight::Nothing,
            away: None,
            asked: 0,
            now,
            size,
            colour,
        };
        state.list(runs);
        state
    }

    /// The runs that the filter lets through, in the order of the list.
    pub(super) fn shown(&self) -> Vec<&RunView> {
        let run = |line| match line {
            Line::Run(run, _) => Some(run),
            Line::Task(_) | Line::Waits(_) => None,
        };
        self.lines().into_iter().filter_map(run).collect()
    }

    /// What the filter lets through: tasks that want a person first, every other one where its first run stands.
    pub(super) fn lines(&self) -> Vec<Line<'_>> {
        let runs: Vec<&RunView> = self.runs.iter().filter(|run| self.passes(run)).collect();
        let of = |task: &TaskView| {
            let task = task.id.clone();
            runs.iter().filter(move |run| run.task.as_ref() == Some(&task))
        };
        let group = |task| {
            let waits = course::waits(task).map(|_| Line::Waits(task));
            let runs = of(task).map(|run| Line::Run(run, true));
            [Line::Task(task)].into_iter().chain(waits).chain(runs).collect::<Vec<_>>()
        };
        let passes = |task: &&TaskView| self.holds(&task.title) || of(task).next().is_some();
        let tasks = self.tasks.iter().filter(passes);
        let (first, others): (Vec<&TaskView>, Vec<_>) =
            tasks.partition(|task| course::wants_a_person(task));
        let mut lines: Vec<Line<'_>> = first.into_iter().flat_map(group).collect();
        for run in &runs {
            let Some(task) = self.task_of(run) else {
                lines.push(Line::Run(run, false));
                continue;
            };
            let begins = of(task).next().is_some_and(|first| first.id == run.id);
            if begins && !course::wants_a_person(task) {
                lines.extend(group(task));
            }
        }
        lines.extend(others.into_iter().filter(|task| of(task).next().is_none()).flat_map(group));
        lines
    }

    /// The planned task that a run works for, while that is under way.
    pub(super) fn task_of(&self, run: &RunView) -> Option<&TaskView> {
        let id = run.task.as_ref()?;
        self.tasks.iter().find(|task| task.id == *id)
    }

    fn holds(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.filter.to_lowercase())
    }

    fn passes(&self, run: &RunView) -> bool {
        self.filter.is_empty()
            || [&run.name, &run.title, &run.state, &run.agent, &run.id]
                .into_iter()
                .chain(&run.project)
                .chain(&run.outcome)
                .chain(self.task_of(run).map(|task| &task.title))
                .any(|text| self.holds(text))
    }

    /// The run that is looked at.
    pub(super) fn run(&self) -> Option<&RunView> {
        let selected = self.selected.as_ref()?;
        self.runs.iter().find(|run| run.id == *selected)
    }

    /// What is to be seen beside the list.
    pub(super) fn target(&self) -> Option<Target> {
        let run = self.run()?;
        let kind = match self.beside {
            Beside::Diff => Kind::Diff { as_of: run.git.as_ref().map(|git| git.at) },
            Beside::Agent if has_screen(run) => Kind::Screen,
            Beside::Agent | Beside::Words => Kind::Words,
        };
        Some(Target { run: run.id.clone(), attempt: run.attempt, kind })
    }

    /// When the next age on the screen is another one. Seconds from now.
    pub(super) fn next_age(&self) -> Option<u64> {
        let ages = self.shown().into_iter().map(|run| self.now.since(run.since).as_secs());
        ages.map(|age| match age {
            0..3600 => 60 - age % 60,
            3600..86400 => 3600 - age % 3600,
            _ => 86400 - age % 86400,
        })
        .min()
    }

    /// Takes in what happened, and returns what is to be done.
    pub(super) fn step(&mut self, event: Event, now: Timestamp) -> Vec<Wish> {
        self.now = now;
        match event {
            Event::Key(key) => return self.key(key),
            Event::Resized(columns, rows) => {
                self.size = (columns, rows);
            }
            Event::Clock => {}
            Event::Listed(runs) => {
                if self.away.take().is_some() {
                    self.say(Tone::Good, "the daemon is back");
                }
                self.list(runs);
            }
            Event::Planned(mut tasks) => {
                tasks.retain(course::is_open);
                self.tasks = tasks;
            }
            Event::Answered(asked, answer) => {
                self.asked = self.asked.saturating_sub(1);
                match answer.and_then(|answer| self.answered(&asked, answer)) {
                    Err(refusal) if refusal.exit == 1 => self.undecided(&asked, refusal),
                    Err(refusal) => self.refused(&refusal),
                    Ok(()) => {}
                }
            }
            Event::Seen(target, sight) => {
                if self.target().as_ref() == Some(&target) {
                    self.sight = sight;
                }
            }
            Event::Away(why) => self.away = Some(why),
            Event::Left(refusal) => match refusal {
                Some(refusal) => self.refused(&refusal),
                None => self.note.clear(),
            },
            Event::Broke(why) => {
                self.say(
                    Tone::Bad,
                    format!("a part of this broke, and is not shown any more: {why}"),
                );
            }
        }
        Vec::new()
    }

    fn list(&mut self, runs: Vec<RunView>) {
        let at = |state: &State| {
            let shown = state.shown();
            shown.iter().position(|run| Some(&run.id) == state.selected.as_ref())
        };
        let before = at(self).unwrap_or(0);
        let target = self.target();
        self.runs = runs;
        if at(self).is_none() {
            let shown = self.shown();
            let next = shown.get(before).or(shown.last()).map(|run| run.id.clone());
            self.selected = next;
        }
        self.turned_from(target.as_ref());
    }

    /// What was seen is forgotten where something else is to be seen now; a diff stays until there is a newer one.
    fn turned_from(&mut self, target: Option<&Target>) {
        let now = self.target();
        if now.as_ref() == target {
            return;
        }
        let both_diffs = now.as_ref().zip(target).is_some_and(|(now, before)| {
            now.run == before.run && now.kind.is_diff() && before.kind.is_diff()
        });
        if !both_diffs {
            self.sight = Sight::Nothing;
            self.scroll = 0;
        }
    }

    fn turn(&mut self, change: impl FnOnce(&mut State)) {
        let target = self.target();
        change(self);
        self.turned_from(target.as_ref());
    }

    pub(super) fn say(&mut self, tone: Tone, text: impl Into<String>) {
        self.note = vec![(tone, text.into())];
    }

    pub(super) fn refused(&mut self, refusal: &Refusal) {
        let slug = if refusal.slug.is_empty() { "error" } else { &refusal.slug };
        self.say(Tone::Bad, format!("error[{slug}]: {}", refusal.message));
        self.note.extend(refusal.hints.iter().map(|hint| (Tone::Wants, format!("→ {hint}"))));
    }

    fn key(&mut self, key: Key) -> Vec<Wish> {
        match key {
            Key::Ctrl('c') => return vec![Wish::Leave(crate::exit::INTERRUPTED)],
            Key::Ctrl('z') => return vec![Wish::Suspend],
            Key::Ctrl('l') => return vec![Wish::Repaint],
            _ => {}
        }
        match std::mem::replace(&mut self.mode, Mode::List) {
            Mode::List => self.command(&key),
            // Any key leads back.
            Mode::Help => Vec::new(),
            Mode::Filter(editor) => self.filter(editor, &key),
            Mode::Write { what, run, name, editor } => self.write(what, run, name, editor, key),
            Mode::Choose(choice) => self.choose(choice, &key),
        }
    }

    fn command(&mut self, key: &Key) -> Vec<Wish> {
        let page = usize::from(self.size.1 / 2).max(1);
        match key {
            Key::Char('j') | Key::Down => self.go(1),
            Key::Char('k') | Key::Up => self.go(-1),
            Key::Char('g') | Key::Home => self.go(isize::MIN),
            Key::Char('G') | Key::End => self.go(isize::MAX),
            Key::PageUp | Key::Ctrl('u') => self.roll(page, true),
            Key::PageDown | Key::Ctrl('d') => self.roll(page, false),
            Key::Char('K') => self.roll(1, true),
            Key::Char('J') => self.roll(1, false),
            key => {
                self.note.clear();
                return self.wish(key);
            }
        }
        Vec::new()
    }

    fn wish(&mut self, key: &Key) -> Vec<Wish> {
        match key {
            Key::Char('q') => return vec![Wish::Leave(0)],
            Key::Char('?') => self.mode = Mode::Help,
            Key::Char('/') => self.mode = Mode::Filter(Editor::of(&self.filter)),
            Key::Char('n') => self.seek(true),
            Key::Char('N') => self.seek(false),
            Key::Char('u') => return self.undo(),
            Key::Esc if self.zoomed => self.zoomed = false,
            Key::Esc if self.beside != Beside::Agent => {
                self.turn(|state| state.beside = Beside::Agent);
            }
            Key::Esc if !self.filter.is_empty() => self.turn(|state| state.sift(String::new())),
            Key::Char('d') => self.turn(|state| {
                let back = state.beside == Beside::Diff;
                state.beside = if back { Beside::Agent } else { Beside::Diff };
            }),
            Key::Char('l') => self.turn(|state| {
                let back = state.beside == Beside::Words;
                state.beside = if back { Beside::Agent } else { Beside::Words };
            }),
            key => return self.wish_about(key),
        }
        Vec::new()
    }

    /// A wish about the run that is selected.
    fn wish_about(&mut self, key: &Key) -> Vec<Wish> {
        let Some(run) = self.run().cloned() else {
            if matches!(key, Key::Enter | Key::Char('s' | 'a' | 'x' | 'c' | 'L' | 'p' | 'r')) {
                self.say(Tone::Wants, "there is no run to do this with: skep run \"…\" begins one");
            }
            return Vec::new();
        };
        let ask = |what, ask| Asked { what, name: run.name.clone(), ask };
        let write = |what| Mode::Write {
            what,
            run: run.id.clone(),
            name: run.name.clone(),
            editor: Editor::default(),
        };
        match key {
            Key::Enter if has_screen(&run) => {
                return vec![Wish::Attach(run.id)];
            }
            Key::Enter => self.zoomed = !self.zoomed,
            Key::Char('s') => self.mode = write(What::Send),
            Key::Char('a') => self.leave(&run),
            Key::Char('r') if run.state == "ended" => self.mode = write(What::Resume),
            Key::Char('r') => {
                let again = Ask::Again {
                    run: run.id.clone(),
                    goes_on: true,
                    text: None,
                    surface: None,
                    env: std::collections::BTreeMap::new(),
                };
                return self.asks(ask(What::Resume, again));
            }
            Key::Char('p') => {
                return self.asks(ask(What::Pause, Ask::Pause { run: run.id.clone(), now: false }));
            }
            Key::Char('c') => return self.asks(close(&run.id, &run.name, How::Smart)),
            Key::Char('L') => {
                let land =
                    Ask::Land(LandAsk { run: run.id.clone(), dry_run: true, ..LandAsk::default() });
                return self.asks(ask(What::LandLook, land));
            }
            Key::Char('x') if run.state == "ended" => {
                self.say(Tone::Faint, format!("{} has ended", run.name));
            }
            Key::Char('x') => {
                let force = run.state == "stopping";
                let stop =
                    Ask::Stop { runs: vec![run.id.clone()], all: false, now: force, line: false };
                let how = if force { "stop it by force" } else { "stop it" };
                self.mode = Mode::Choose(Choice {
                    title: format!("Stop {}?", run.name),
                    lines: vec![
                        (Tone::Plain, text::one_line(&run.title)),
                        (Tone::Faint, "Its work stays.".to_owned()),
                    ],
                    ways: vec![Way::ask('y', how, ask(What::Stop, stop))],
                });
            }
            _ => {}
        }
        Vec::new()
    }

    fn asks(&mut self, asked: Asked) -> Vec<Wish> {
        self.asked += 1;
        let Asked { what, name, .. } = &asked;
        self.say(
            Tone::Faint,
            match what {
                What::Send => format!("sending to {name} …"),
                What::Rule => format!("telling {name} …"),
                What::Stop => format!("stopping {name} …"),
                What::Close => format!("closing {name} …"),
                What::LandLook => format!("looking what {name} would land …"),
                What::Land => format!("landing {name} …"),
                What::UndoLook => "looking what can be taken back …".to_owned(),
                What::Undo => "taking it back …".to_owned(),
                What::Pause => format!("pausing {name} …"),
                What::Resume => format!("{name} is to go on …"),
            },
        );
        vec![Wish::Ask(asked)]
    }

    fn undo(&mut self) -> Vec<Wish> {
        let ask = Ask::Undo { op: None, dry_run: true };
        let name = self.run().map(|run| run.name.clone()).unwrap_or_default();
        self.asks(Asked { what: What::UndoLook, name, ask })
    }

    fn go(&mut self, by: isize) {
        if self.zoomed {
            return self.roll(by.unsigned_abs(), by < 0);
        }
        let shown = self.shown();
        let Some(last) = shown.len().checked_sub(1) else { return };
        let at = shown.iter().position(|run| Some(&run.id) == self.selected.as_ref());
        let to = at.unwrap_or(0).saturating_add_signed(by).min(last);
        let id = shown[to].id.clone();
        self.turn(|state| state.selected = Some(id));
    }

    /// Scrolls; words are read from their end, a diff from its beginning.
    fn roll(&mut self, by: usize, up: bool) {
        let from_end = !matches!(self.sight, Sight::Diff(_));
        let here = self.scroll.min(self.farthest);
        let to = if up == from_end { here.saturating_add(by) } else { here.saturating_sub(by) };
        self.scroll = to.min(self.farthest);
    }

    /// The next run that waits for its person, round the list.
    fn seek(&mut self, forward: bool) {
        let shown = self.shown();
        let count = shown.len();
        let at = shown.iter().position(|run| Some(&run.id) == self.selected.as_ref()).unwrap_or(0);
        let nth =
            |step: usize| if forward { (at + step) % count } else { (at + count - step) % count };
        let found = (1..=count).map(nth).find(|nth| needs_a_person(shown[*nth]));
        match found.map(|nth| shown[nth].id.clone()) {
            Some(id) => self.turn(|state| state.selected = Some(id)),
            None => self.say(Tone::Faint, "no run waits for you"),
        }
    }

    fn sift(&mut self, filter: String) {
        self.filter = filter;
        let shown = self.shown();
        if !shown.iter().any(|run| Some(&run.id) == self.selected.as_ref()) {
            let first = shown.first().map(|run| run.id.clone());
            self.selected = first;
        }
    }

    fn filter(&mut self, mut editor: Editor, key: &Key) -> Vec<Wish> {
        match key {
            Key::Enter => {}
            Key::Esc => self.turn(|state| state.sift(String::new())),
            key => {
                editor.key(key);
                let text = editor.text();
                self.turn(|state| state.sift(text));
                self.mode = Mode::Filter(editor);
            }
        }
        Vec::new()
    }

    /// Words for a run: the answer to its oldest question where one is open, else its next message.
    fn told(&self, run: String, text: String) -> Ask {
        let asked = self.runs.iter().find(|one| one.id == run).map(|one| &one.asked);
        match asked.and_then(|asked| asked.iter().find(|question| question.wants_a_person())) {
            Some(question) => Ask::Answer { question: question.id.clone(), text: Some(text) },
            None => {
                let (steer, key, wait) = (false, None, None);
                Ask::Send { run, text, steer, key, wait, timeout_ms: None }
            }
        }
    }

    fn write(
        &mut self,
        what: What,
        run: String,
        name: String,
        mut editor: Editor,
        key: Key,
    ) -> Vec<Wish> {
        match key {
            Key::Esc => self.say(Tone::Faint, "nothing was sent"),
            Key::Enter => {
                let text = editor.text();
                let ask = match (what, text.trim().is_empty()) {
                    (What::Resume, empty) => Ask::Again {
                        run,
                        goes_on: true,
                        text: (!empty).then_some(text),
                        surface: None,
                        env: std::collections::BTreeMap::new(),
                    },
                    (_, false) => self.told(run, text),
                    (_, true) => {
                        self.say(Tone::Faint, "nothing was sent");
                        return Vec::new();
                    }
                };
                return self.asks(Asked { what, name, ask });
            }
            key => {
                editor.key(&key);
                self.mode = Mode::Write { what, run, name, editor };
            }
        }
        Vec::new()
    }

    fn choose(&mut self, choice: Choice, key: &Key) -> Vec<Wish> {
        let chosen = match key {
            Key::Char(key) => choice.ways.iter().find(|way| way.key == *key),
            _ => None,
        };
        match (chosen.map(|way| way.then.clone()), key) {
            (Some(Then::Ask(asked)), _) => return self.asks(*asked),
            (Some(Then::Choose(next)), _) => self.mode = Mode::Choose(*next),
            (None, Key::Esc | Key::Char('n' | 'q')) => self.say(Tone::Faint, "nothing was done"),
            (None, _) => self.mode = Mode::Choose(choice),
        }
        Vec::new()
    }
}

impl Way {
    /// A way that asks the daemon something.
    pub(super) fn ask(key: char, label: &str, asked: Asked) -> Way {
        Way { key, label: label.to_owned(), then: Then::Ask(Box::new(asked)) }
    }
}

/// Whether there is an agent's screen to look at.
pub(super) fn has_screen(run: &RunView) -> bool {
    run.surface == Surface::Terminal && run.pid.is_some()
}

/// The question to close a run.
pub(super) fn close(run: &str, name: &str, how: How) -> Asked {
    let ask = Ask::Close { runs: vec![run.to_owned()], how, merged: false, dry_run: false };
    Asked { what: What::Close, name: name.to_owned(), ask }
}

//! How `skep watch` looks.
//!
//! Owns: where everything stands at each size, and what is cut or broken to fit. Never: anything that is not in the state.

use std::collections::BTreeMap;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Color, Modifier, Style},
};
use skep_api::view::{RunView, TaskView};
use skep_core::text;
use unicode_width::UnicodeWidthStr;

use super::{
    edit::Editor,
    fold::{fold, plain},
    model::{Beside, Choice, Line, Mode, State, What, has_screen},
    sight::{Kind, Picture, Sight},
};
use crate::{
    commands::{
        ls,
        plan::{course, task_state},
        state_of,
        status::Counts,
    },
    output::{Tone, grid::fit, spell},
};

#[cfg(test)]
mod tests;

/// The least room that there must be.
const LEAST: (u16, u16) = (60, 15);
/// From this width on, the list and what is beside it stand side by side.
const SIDE_BY_SIDE: u16 = 120;
/// The most lines that a message takes.
const NOTE: usize = 7;
/// How much of a task's title is shown at least. Columns.
const TITLE: u16 = 12;
/// From this width on, there is room for all keys at the bottom.
const ALL_KEYS: u16 = 90;

/// All keys, with what they do.
const KEYS: [(&str, &str); 21] = [
    ("j k ↓ ↑", "the next run, the one before; g G the first, the last"),
    ("n N", "the next run that waits for you, the one before"),
    ("/", "only runs with this in title, name, state, agent or project"),
    ("Enter", "to the agent's screen, Ctrl-Q comes back; else: its words in full"),
    ("l", "the agent's words, and back"),
    ("d", "what the run changed, and back"),
    ("PgUp PgDn", "scroll what is beside the list; K J by a line"),
    ("Esc", "back: out of the full view, the diff, the words, the filter"),
    ("", ""),
    ("s a", "send the agent a message; answer what it asks leave for"),
    ("p", "pause at the end of its turn"),
    ("r", "resume what is paused or has ended, with a message if you like"),
    ("x", "stop; asks first, and the work stays"),
    ("L", "land; shows first what would happen"),
    ("c", "close: give the env back, where nothing is only there"),
    ("u", "undo the last close, restore or clean; shows it first"),
    ("", ""),
    ("q", "leave; all runs go on"),
    ("Ctrl-Z", "to the shell, and back with fg"),
    ("Ctrl-L", "draw all anew"),
    ("?", "this page; any key leads back"),
];

/// Draws `state`; returns how far there is to scroll.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State) -> usize {
    let area = frame.area();
    let mut glass = Glass { colour: state.colour, buffer: frame.buffer_mut() };
    if area.width < LEAST.0 || area.height < LEAST.1 {
        glass.too_small(area);
        return 0;
    }
    let (top, rest) = cut_top(area, 1);
    let (rest, keys) = cut_bottom(rest, 1);
    glass.head(top, state);
    glass.keys(keys, state);
    if state.mode == Mode::Help {
        glass.help(rest);
        return 0;
    }
    let (rest, below) = cut_bottom(rest, glass.below_height(rest, state));
    let cursor = glass.below(below, state);
    let farthest = if state.zoomed {
        glass.beside(rest, state)
    } else if rest.width >= SIDE_BY_SIDE {
        let list = rest.width * 9 / 20;
        let (left, right) = (Rect { width: list, ..rest }, rest);
        let line = Rect { x: rest.x + list, width: 1, ..rest };
        let right = Rect { x: line.x + 1, width: right.width - list - 1, ..rest };
        glass.list(left, state);
        for y in line.top()..line.bottom() {
            glass.text(Position::new(line.x, y), 1, Tone::Faint, "│");
        }
        glass.beside(right, state)
    } else {
        let wanted = u16::try_from(state.lines().len().max(1) + 1).unwrap_or(u16::MAX);
        let (list, rest) = cut_top(rest, wanted.min((rest.height * 2 / 5).max(4)));
        glass.list(list, state);
        glass.beside(rest, state)
    };
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    farthest
}

fn cut_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

fn cut_bottom(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    cut_top(area, area.height - height)
}

/// The cells, and whether there is colour.
struct Glass<'a> {
    colour: bool,
    buffer: &'a mut Buffer,
}

impl Glass<'_> {
    fn style(&self, tone: Tone) -> Style {
        let style = Style::new();
        let front = |colour: Color| if self.colour { style.fg(colour) } else { style };
        match tone {
            Tone::Good => front(Color::Green),
            Tone::Bad => front(Color::Red),
            Tone::Wants => front(Color::Yellow),
            Tone::Faint => style.add_modifier(Modifier::DIM),
            Tone::Strong => style.add_modifier(Modifier::BOLD),
            Tone::Plain => style,
        }
    }

    /// Writes at most `most` columns, and returns how many it took.
    fn text(&mut self, at: Position, most: u16, tone: Tone, text: &str) -> u16 {
        let style = self.style(tone);
        let text = fit(&plain(text), usize::from(most));
        let (end, _) = self.buffer.set_stringn(at.x, at.y, &text, usize::from(most), style);
        end.saturating_sub(at.x)
    }

    /// Writes pieces one behind the other.
    fn pieces(&mut self, area: Rect, pieces: &[(Tone, String)]) -> u16 {
        let mut x = area.x;
        for (tone, piece) in pieces {
            x += self.text(Position::new(x, area.y), area.right().saturating_sub(x), *tone, piece);
        }
        x
    }

    /// A line from end to end, with words in it at its left and its right.
    fn rule(&mut self, area: Rect, left: &[(Tone, String)], right: &str) {
        for x in area.left()..area.right() {
            self.text(Position::new(x, area.y), 1, Tone::Faint, "─");
        }
        let inner = Rect { x: area.x + 2, width: area.width.saturating_sub(4), ..area };
        let end = self.pieces(inner, left);
        let right = format!(" {} ", text::one_line(right));
        let room = inner.right().saturating_sub(end + 2);
        let right = fit(&right, usize::from(room));
        if right.trim().len() > 3 {
            let x = inner.right() - u16::try_from(right.width()).unwrap_or(0);
            self.text(Position::new(x, area.y), room, Tone::Faint, &right);
        }
    }

    fn too_small(&mut self, area: Rect) {
        let lines = [
            "skep watch needs more room:".to_owned(),
            format!("{} x {}, here are {} x {}", LEAST.0, LEAST.1, area.width, area.height),
            "q leaves; skep ls".to_owned(),
        ];
        for (nth, line) in lines.iter().enumerate().take(usize::from(area.height)) {
            let y = area.y + u16::try_from(nth).unwrap_or(0);
            self.text(Position::new(area.x, y), area.width, Tone::Wants, line);
        }
    }

    fn head(&mut self, area: Rect, state: &State) {
        let mut pieces = vec![(Tone::Strong, " skep  ".to_owned())];
        for (nth, part) in Counts::with(&state.runs, &state.tasks).parts().enumerate() {
            pieces.extend((nth > 0).then(|| (Tone::Plain, ", ".to_owned())));
            pieces.push(part);
        }
        if state.runs.is_empty() && state.tasks.is_empty() {
            pieces.push((Tone::Plain, "nothing is at work".to_owned()));
        }
        if !state.filter.is_empty() && !matches!(state.mode, Mode::Filter(_)) {
            pieces.push((Tone::Wants, format!("   /{}", text::one_line(&state.filter))));
        }
        if state.asked > 0 {
            pieces.push((Tone::Faint, format!("   {} on the way …", state.asked)));
        }
        if let Some(why) = &state.away {
            pieces = vec![
                (Tone::Bad, " the daemon is gone".to_owned()),
                (Tone::Plain, "; the list is as it was: ".to_owned()),
                (Tone::Faint, text::one_line(why)),
            ];
        }
        self.pieces(area, &pieces);
    }

    fn keys(&mut self, area: Rect, state: &State) {
        let screen = state.run().is_some_and(has_screen);
        let enter = if screen { "attach" } else { "read" };
        let keys: Vec<(&str, &str)> = match &state.mode {
            Mode::Help => vec![("any key", "back")],
            Mode::Filter(_) => vec![("Enter", "keep"), ("Esc", "all runs")],
            Mode::Write { what: What::Resume, .. } => vec![("Enter", "go on"), ("Esc", "not")],
            Mode::Write { .. } => vec![("Enter", "send"), ("Esc", "not")],
            Mode::Choose(choice) => return self.ways(area, choice),
            Mode::List if state.zoomed => {
                vec![("j/k", "scroll"), ("PgUp/PgDn", "pages"), ("Esc", "back"), ("?", "keys")]
            }
            Mode::List => vec![
                ("j/k", "move"),
                ("Enter", enter),
                ("s", "send"),
                ("d", "diff"),
                ("x", "stop"),
                ("c", "close"),
                ("L", "land"),
                ("u", "undo"),
                ("?", "keys"),
                ("q", "quit"),
            ],
        };
        let mut pieces = Vec::new();
        for (key, what) in keys {
            if key == "u" && area.width < ALL_KEYS {
                continue;
            }
            pieces.push((Tone::Strong, format!(" {key}")));
            pieces.push((Tone::Faint, format!(" {what} ")));
        }
        if let Some((_, last)) = pieces.last_mut() {
            last.truncate(last.trim_end().len());
        }
        self.pieces(area, &pieces);
    }

    fn ways(&mut self, area: Rect, choice: &Choice) {
        let mut pieces = Vec::new();
        for way in &choice.ways {
            pieces.push((Tone::Wants, format!(" {}", way.key)));
            pieces.push((Tone::Plain, format!(" {}   ", text::one_line(&way.label))));
        }
        pieces.push((Tone::Strong, " Esc".to_owned()));
        pieces.push((Tone::Faint, " nothing".to_owned()));
        self.pieces(area, &pieces);
    }

    fn help(&mut self, area: Rect) {
        let (rule, area) = cut_top(area, 1);
        self.rule(rule, &[(Tone::Strong, " keys ".to_owned())], "");
        // Where there is no room for all, the gaps go first.
        let all = KEYS.len() <= usize::from(area.height);
        let keys = KEYS.iter().filter(|(key, _)| all || !key.is_empty());
        for (y, (key, what)) in (area.top()..area.bottom()).zip(keys) {
            self.text(Position::new(area.x + 1, y), 10, Tone::Strong, key);
            self.text(Position::new(area.x + 12, y), area.width - 13, Tone::Plain, what);
        }
    }

    fn below_height(&self, area: Rect, state: &State) -> u16 {
        let room = usize::from(area.width) - 2;
        let lines = match &state.mode {
            Mode::Choose(choice) => choice_lines(choice, room).len() + 1,
            Mode::Write { .. } => 2,
            Mode::Filter(_) => 1,
            Mode::List | Mode::Help => noted(&state.note, room).len().min(NOTE),
        };
        u16::try_from(lines).unwrap_or(u16::MAX).min(area.height / 2 + 1)
    }

    /// What stands between the rest and the keys; returns where the cursor is, where something is typed.
    fn below(&mut self, area: Rect, state: &State) -> Option<Position> {
        let inner = Rect { x: area.x + 1, width: area.width - 2, ..area };
        match &state.mode {
            Mode::Choose(choice) => {
                let (rule, _) = cut_top(area, 1);
                self.rule(
                    rule,
                    &[(Tone::Wants, format!(" {} ", text::one_line(&choice.title)))],
                    "",
                );
                let (_, lines) = cut_top(inner, 1);
                self.lines(lines, &choice_lines(choice, usize::from(inner.width)));
                None
            }
            Mode::Write { what, name, editor, .. } => {
                let (rule, line) = cut_top(area, 1);
                let title = if *what == What::Resume {
                    format!(" {name} goes on; what is it to be told? (nothing: just go on) ")
                } else {
                    format!(" a message for {name} ")
                };
                self.rule(rule, &[(Tone::Wants, title)], "");
                Some(self.editor(line, "> ", editor))
            }
            Mode::Filter(editor) => Some(self.editor(area, "/", editor)),
            Mode::List | Mode::Help => {
                self.lines(inner, &noted(&state.note, usize::from(inner.width)));
                None
            }
        }
    }

    fn lines(&mut self, area: Rect, lines: &[(Tone, String)]) {
        for (y, (tone, line)) in (area.top()..area.bottom()).zip(lines) {
            self.text(Position::new(area.x, y), area.width, *tone, line);
        }
    }

    /// A line that is typed, so that its cursor can be seen.
    fn editor(&mut self, area: Rect, prompt: &str, editor: &Editor) -> Position {
        let start = Position::new(area.x + 1, area.y);
        let used = self.text(start, area.width - 2, Tone::Strong, prompt);
        let x = start.x + used;
        let room = area.right().saturating_sub(x + 2);
        let show = |text: &str| plain(&text::visible(&text.replace('\n', "⏎").replace('\t', " ")));
        let (before, after) = editor.halves();
        let (before, after) = (show(&before), show(&after));
        let mut seen = before.as_str();
        while seen.width() > usize::from(room) {
            seen = seen.chars().next().map_or("", |first| &seen[first.len_utf8()..]);
        }
        let used = self.text(Position::new(x, area.y), room, Tone::Plain, seen);
        self.text(Position::new(x + used, area.y), room - used + 1, Tone::Plain, &after);
        Position::new(x + used, area.y)
    }

    fn list(&mut self, area: Rect, state: &State) {
        let lines = state.lines();
        let (head, area) = cut_top(area, 1);
        if lines.is_empty() {
            let text = match (state.runs.is_empty(), state.filter.is_empty()) {
                (true, _) => "no runs: skep run \"…\" begins one",
                (false, _) => "no run has this in it; Esc shows all",
            };
            self.text(Position::new(area.x + 2, area.y), area.width - 2, Tone::Plain, text);
            if state.runs.is_empty() {
                let demo = "skep demo shows how it goes, without an agent or a key";
                let below = Position::new(area.x + 2, area.y + 1);
                self.text(below, area.width - 2, Tone::Faint, demo);
            }
            return;
        }
        let columns = Columns::of(&lines, state, head.width);
        if lines.iter().any(|line| matches!(line, Line::Run(..))) {
            self.row(head, &columns, None, &columns.heads());
        }
        let height = usize::from(area.height);
        let is = |run: &RunView| Some(&run.id) == state.selected.as_ref();
        let at = lines.iter().position(|line| matches!(line, Line::Run(run, _) if is(run)));
        let first =
            at.unwrap_or(0).saturating_sub(height / 2).min(lines.len().saturating_sub(height));
        for (y, line) in (area.top()..area.bottom()).zip(&lines[first..]) {
            let area = Rect { y, height: 1, ..area };
            let inner = Rect { x: area.x + 2, width: area.width - 3, ..area };
            match line {
                Line::Task(task) => self.task(inner, task),
                Line::Waits(task) => self.waits(inner, task),
                Line::Run(run, _) => {
                    self.row(area, &columns, Some(is(run)), &columns.cells(run, state));
                }
            }
        }
        let rest = lines.len().saturating_sub(first + height);
        if rest > 0 || first > 0 {
            let text = format!(" {first} above, {rest} below ");
            let taken = u16::try_from(text.len()).unwrap_or(0);
            let at = Position::new(head.right().saturating_sub(taken), head.y);
            self.text(at, taken, Tone::Faint, &text);
        }
    }

    /// The heading of a planned task: what is cut is its title.
    fn task(&mut self, area: Rect, task: &TaskView) {
        let (tone, state) = task_state(task);
        let far = course::progress(task).map(|far| format!(", {far}")).unwrap_or_default();
        let state = text::one_line(&state);
        let taken = u16::try_from(state.width() + far.width() + 2).unwrap_or(u16::MAX);
        let title = text::one_line(&task.title);
        let used = self.text(
            area.as_position(),
            area.width.saturating_sub(taken).max(TITLE),
            Tone::Strong,
            &title,
        ) + 2;
        let rest = Rect { x: area.x + used, width: area.width.saturating_sub(used), ..area };
        self.pieces(rest, &[(tone, state), (Tone::Plain, far)]);
    }

    /// Whom a planned task waits for; a person is told what to type, which is never cut for the reason.
    fn waits(&mut self, area: Rect, task: &TaskView) {
        let waits = course::waits(task).unwrap_or_default();
        let area = Rect { x: area.x + 2, width: area.width - 2, ..area };
        if !course::wants_a_person(task) {
            self.text(area.as_position(), area.width, Tone::Faint, &waits);
            return;
        }
        let next = text::one_line(&course::next(task));
        let taken = u16::try_from(next.width() + 2).unwrap_or(u16::MAX);
        let room = area.width.saturating_sub(taken);
        let used = self.text(area.as_position(), room, Tone::Wants, &waits);
        let gap = if used > 0 { 2 } else { 0 };
        let at = Position::new(area.x + used + gap, area.y);
        self.text(at, area.width.saturating_sub(used + gap), Tone::Strong, &next);
    }

    /// The parts of the plan that a run works for, above what is beside the list; returns the room that is left.
    fn parts(&mut self, area: Rect, task: &TaskView) -> Rect {
        let lines = course::parts(task);
        let most = usize::from(area.height / 2).saturating_sub(1);
        if lines.is_empty() || most == 0 {
            return area;
        }
        let widest = |nth: usize| lines.iter().map(|line| plain(&line[nth].1).width()).max();
        let widths = [0, 1, 2].map(|nth| u16::try_from(widest(nth).unwrap_or(0)).unwrap_or(0));
        let shown = if lines.len() > most { most - 1 } else { lines.len() };
        let (top, rest) =
            cut_top(area, u16::try_from(lines.len().min(most) + 1).unwrap_or(u16::MAX));
        for (y, line) in (top.top()..top.bottom()).zip(&lines[..shown]) {
            let mut x = top.x;
            for ((tone, cell), width) in line.iter().zip(widths.into_iter().chain([u16::MAX / 2])) {
                let room = top.right().saturating_sub(x).min(width);
                if room > 0 {
                    self.text(Position::new(x, y), room, *tone, cell);
                }
                x = x.saturating_add(width + 2);
            }
        }
        if shown < lines.len() {
            let more = format!("… and {} more: skep show {}", lines.len() - shown, task.id);
            let y = top.y + u16::try_from(shown).unwrap_or(0);
            self.text(Position::new(top.x, y), top.width, Tone::Faint, &more);
        }
        rest
    }

    /// One line of the list; none as `selected`: its head.
    fn row(
        &mut self,
        area: Rect,
        columns: &Columns,
        selected: Option<bool>,
        cells: &[(Tone, String)],
    ) {
        let mark = if selected == Some(true) { "▌" } else { " " };
        self.text(area.as_position(), 1, Tone::Wants, mark);
        let mut x = area.x + 2;
        for (width, (tone, cell)) in columns.widths.iter().zip(cells) {
            let room = area.right().saturating_sub(x + 1).min(*width);
            if room > 0 {
                self.text(Position::new(x, area.y), room, *tone, cell);
            }
            x += width + 2;
        }
        if selected == Some(true) {
            let line = Rect { x: area.x + 1, width: area.width - 1, ..area };
            self.buffer.set_style(line, Style::new().add_modifier(Modifier::REVERSED));
        }
    }

    /// What is beside the list; returns how far there is to scroll.
    fn beside(&mut self, area: Rect, state: &State) -> usize {
        let (rule, area) = cut_top(area, 1);
        let Some(run) = state.run() else {
            self.rule(rule, &[], "");
            return 0;
        };
        let target = state.target();
        let kind = match target.map(|target| target.kind) {
            Some(Kind::Screen) => "screen",
            Some(Kind::Diff { .. }) => "diff",
            Some(Kind::Words) | None => "words",
        };
        let name = text::one_line(&run.name);
        let mut left = vec![(Tone::Strong, format!(" {name} ")), (Tone::Plain, format!("{kind} "))];
        let up = state.scroll.min(state.farthest);
        if up > 0 {
            let way = if matches!(state.sight, Sight::Diff(_)) { "down" } else { "up" };
            left.push((Tone::Wants, format!("{up} {way} ")));
        }
        self.rule(rule, &left, &facts(run));
        let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let inner = state.task_of(run).map_or(inner, |task| self.parts(inner, task));
        let area = Rect { y: inner.y, height: inner.height, ..area };
        match &state.sight {
            Sight::Nothing => {
                self.text(inner.as_position(), inner.width, Tone::Faint, "…");
                0
            }
            Sight::Words(words) if words.is_empty() => {
                let text = match (run.state.as_str(), state.beside) {
                    ("queued", _) => "it waits for a free place, and has said nothing yet",
                    (_, Beside::Agent | Beside::Words | Beside::Diff) => "it has said nothing yet",
                };
                self.text(inner.as_position(), inner.width, Tone::Faint, text);
                0
            }
            Sight::Words(words) => self.end_of(inner, words, state.scroll),
            Sight::Diff(lines) => self.start_of(inner, lines, state.scroll),
            Sight::Screen(picture) => {
                self.picture(area, picture);
                0
            }
            Sight::Trouble(refusal) => {
                let mut lines =
                    vec![(Tone::Bad, format!("error[{}]: {}", refusal.slug, refusal.message))];
                lines.extend(refusal.hints.iter().map(|hint| (Tone::Wants, format!("→ {hint}"))));
                let lines = noted(&lines, usize::from(inner.width));
                self.lines(inner, &lines);
                0
            }
        }
    }

    /// Text whose end is at the bottom; only as much of it is broken into lines as is needed.
    fn end_of(&mut self, area: Rect, words: &[(Tone, String)], scroll: usize) -> usize {
        let height = usize::from(area.height);
        let wanted = height.saturating_mul(3).saturating_add(scroll);
        let mut lines: Vec<(Tone, String)> = Vec::new();
        for (tone, said) in words.iter().rev() {
            let folded = fold(&plain(said), usize::from(area.width));
            lines.extend(folded.into_iter().rev().map(|line| (*tone, line)));
            if lines.len() > wanted {
                break;
            }
        }
        let farthest = lines.len().saturating_sub(height);
        let scroll = scroll.min(farthest);
        let mut shown: Vec<(Tone, String)> = lines.into_iter().skip(scroll).take(height).collect();
        shown.reverse();
        self.lines(area, &shown);
        farthest
    }

    fn start_of(&mut self, area: Rect, text: &[(Tone, String)], scroll: usize) -> usize {
        let height = usize::from(area.height);
        let wanted = height.saturating_mul(3).saturating_add(scroll);
        let mut lines: Vec<(Tone, String)> = Vec::new();
        for (tone, line) in text {
            lines.extend(
                fold(&plain(line), usize::from(area.width)).into_iter().map(|line| (*tone, line)),
            );
            if lines.len() > wanted {
                break;
            }
        }
        let farthest = lines.len().saturating_sub(height);
        let from = scroll.min(farthest);
        self.lines(area, &lines[from..]);
        farthest
    }

    /// A screen, the part of it that its cursor is in.
    fn picture(&mut self, area: Rect, picture: &Picture) {
        let height = usize::from(area.height);
        let used = picture
            .rows
            .iter()
            .rposition(|row| row.iter().any(|patch| !patch.letter.trim().is_empty()));
        let cursor = picture.cursor.map_or(0, |(_, row)| usize::from(row));
        let last = used.unwrap_or(0).max(cursor);
        let first = (last + 1).saturating_sub(height);
        let first = if cursor < first { cursor } else { first };
        for (y, row) in
            (area.top()..area.bottom()).zip(&picture.rows[first.min(picture.rows.len())..])
        {
            let mut x = area.x;
            for patch in row {
                let columns = if patch.wide { 2 } else { 1 };
                if x + columns > area.right() {
                    break;
                }
                let letter = plain(&text::one_line(&patch.letter));
                let style = self.patch_style(patch);
                let letter = if letter.is_empty() { " " } else { &letter };
                self.buffer.set_stringn(x, y, letter, usize::from(columns), style);
                x += columns;
            }
        }
        if let Some((column, row)) = picture.cursor {
            let (x, row) = (area.x.saturating_add(column), usize::from(row));
            let y = area.y + u16::try_from(row.saturating_sub(first)).unwrap_or(0);
            if x < area.right() && y < area.bottom() {
                self.buffer.set_style(
                    Rect::new(x, y, 1, 1),
                    Style::new().add_modifier(Modifier::REVERSED),
                );
            }
        }
    }

    fn patch_style(&self, patch: &super::sight::Patch) -> Style {
        let colour = |colour| match colour {
            vt100::Color::Idx(number) if self.colour => Color::Indexed(number),
            vt100::Color::Rgb(red, green, blue) if self.colour => Color::Rgb(red, green, blue),
            vt100::Color::Default | vt100::Color::Idx(_) | vt100::Color::Rgb(..) => Color::Reset,
        };
        let mut style = Style::new().fg(colour(patch.front)).bg(colour(patch.back));
        for (has, modifier) in [
            (patch.bold, Modifier::BOLD),
            (patch.dim, Modifier::DIM),
            (patch.underline, Modifier::UNDERLINED),
            (patch.inverse, Modifier::REVERSED),
        ] {
            if has {
                style = style.add_modifier(modifier);
            }
        }
        style
    }
}

/// Agent, project and changes, as far as they are known.
fn facts(run: &RunView) -> String {
    let changes = run.git.as_ref().map(|_| ls::changes(run));
    let within = run.within.as_ref().map(|owner| format!("in {owner}"));
    let facts = [Some(run.agent.clone()), run.project.clone(), run.branch.clone(), within, changes];
    facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn noted(note: &[(Tone, String)], room: usize) -> Vec<(Tone, String)> {
    note.iter()
        .flat_map(|(tone, text)| {
            let folded = fold(&plain(&text::one_line(text)), room);
            folded.into_iter().map(|line| (*tone, line))
        })
        .collect()
}

fn choice_lines(choice: &Choice, room: usize) -> Vec<(Tone, String)> {
    noted(&choice.lines, room)
}

/// Which columns the list has, and how wide they are.
struct Columns {
    widths: Vec<u16>,
    changes: bool,
    /// By the ids of runs.
    names: BTreeMap<String, String>,
}

impl Columns {
    /// The least width at which there is room for what changed.
    const WIDE: u16 = 72;

    fn of(lines: &[Line<'_>], state: &State, room: u16) -> Columns {
        let shown = lines.iter().filter_map(|line| match line {
            Line::Run(run, below) => Some((*run, *below)),
            Line::Task(_) | Line::Waits(_) => None,
        });
        let (shown, below): (Vec<&RunView>, Vec<bool>) = shown.unzip();
        let names = state.runs.iter().zip(ls::names(&state.runs));
        let mut names: BTreeMap<String, String> =
            names.map(|(run, name)| (run.id.clone(), text::one_line(&name))).collect();
        for (run, _) in shown.iter().zip(below).filter(|(_, below)| *below) {
            names.entry(run.id.clone()).and_modify(|name| name.insert_str(0, "  "));
        }
        let name_of = |run: &RunView| names.get(&run.id).cloned().unwrap_or_default();
        let widest = |cells: &mut dyn Iterator<Item = String>, least: usize, most: usize| {
            let widest = cells.map(|cell| plain(&cell).width()).max().unwrap_or(0);
            u16::try_from(widest.clamp(least, most)).unwrap_or(u16::MAX)
        };
        let name = widest(&mut shown.iter().map(|run| name_of(run)), 4, 20);
        let means = widest(&mut shown.iter().map(|run| text::one_line(&state_of(run).1)), 5, 18);
        let mut widths = vec![name, means, 4];
        let changes = room >= Columns::WIDE && shown.iter().any(|run| run.git.is_some());
        if changes {
            widths.push(widest(&mut shown.iter().map(|run| ls::changes(run)), 7, 16));
        }
        widths.push(u16::MAX / 2);
        Columns { widths, changes, names }
    }

    fn heads(&self) -> Vec<(Tone, String)> {
        let heads = if self.changes {
            &["NAME", "STATE", "AGE", "CHANGES", "TITLE"][..]
        } else {
            &["NAME", "STATE", "AGE", "TITLE"][..]
        };
        heads.iter().map(|head| (Tone::Faint, (*head).to_owned())).collect()
    }

    fn cells(&self, run: &RunView, state: &State) -> Vec<(Tone, String)> {
        let (tone, means) = state_of(run);
        let mut cells = vec![
            (Tone::Strong, self.names.get(&run.id).cloned().unwrap_or_default()),
            (tone, text::one_line(&means)),
            (Tone::Faint, aged(state.now.since(run.since).as_secs())),
        ];
        if self.changes {
            cells.push((Tone::Plain, ls::changes(run)));
        }
        cells.push((Tone::Plain, text::one_line(&run.title)));
        cells
    }
}

/// An age that is another one only once a minute.
fn aged(seconds: u64) -> String {
    if seconds < 60 { "now".to_owned() } else { spell(seconds) }
}

//! The agent's screen: what stands on it, what is asked of it, and what its viewers get to see.
//!
//! Owns: the answers to a terminal's queries, since the keeper is the agent's terminal whether somebody looks or not.
//! Queries are therefore not forwarded: a viewer's own terminal would answer as well, and what it answers cannot be told
//! from keys (the place of the cursor and Shift-F3 are spelled alike).
//! Viewers are always on one screen: where the agent changes to its alternate one they get a repaint instead, so that the
//! alternate screen of their own terminal stays the window that it is looked at through.
//! Never: fails, whatever the agent writes, or lets its bytes name what this terminal said it has not: graphics, other
//! keyboards, sizes of windows, another's clipboard.

use std::{collections::BTreeMap, fmt::Write as _, panic};

use skep_api::spec::Size;

use crate::sieve::{Kind, Sieve};

#[cfg(test)]
mod tests;

/// The bounds between which a size is one that can be drawn on.
const SMALLEST: Size = Size { cols: 8, rows: 2 };
const LARGEST: Size = Size { cols: 1000, rows: 500 };
/// The most of a title that is kept. Bytes.
const TITLE: usize = 1024;

/// What a viewer's terminal is brought to before a repaint, whatever it has shown until then.
const CLEAN: &str = "\x1b[?2026l\x1b[?6l\x1b[r\x1b[?7h\x1b[4l\x1b(B\x0f\x1b[?5l\
    \x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l\x1b[?1004l\x1b[0 q";

/// Modes that the screen itself does not know, and which viewers must be told of when they come: with their defaults.
const OTHER_MODES: [(u16, bool); 7] = [
    (5, false),
    (7, true),
    (12, false),
    (1004, false),
    (1007, false),
    (1015, false),
    (1016, false),
];

/// What follows from some bytes of the agent.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// What viewers are shown, whole sequences only.
    pub shown: Vec<u8>,
    /// What the agent is answered.
    pub answers: Vec<u8>,
    /// Viewers need the whole screen anew; then `shown` is no use to them.
    pub repaint: bool,
    /// The titles that its window got, in their order.
    pub titles: Vec<String>,
}

/// A terminal without a person.
pub struct Screen {
    parser: vt100::Parser,
    sieve: Sieve,
    state: State,
}

/// What the parser does not keep.
#[derive(Debug, Default)]
struct State {
    title: Vec<u8>,
    /// Its shape, as `CSI n SP q` gave it.
    cursor: Option<Vec<u8>>,
    modes: BTreeMap<u16, bool>,
    /// Letters are drawn as lines.
    lines: bool,
}

/// Brings a size into the bounds of what can be drawn on; a terminal that does not know its own says zero.
pub fn sane(size: Size) -> Size {
    if size.cols == 0 || size.rows == 0 {
        return Size::default();
    }
    Size {
        cols: size.cols.clamp(SMALLEST.cols, LARGEST.cols),
        rows: size.rows.clamp(SMALLEST.rows, LARGEST.rows),
    }
}

impl Screen {
    /// An empty screen.
    pub fn new(size: Size) -> Screen {
        let size = sane(size);
        Screen {
            parser: vt100::Parser::new(size.rows, size.cols, 0),
            sieve: Sieve::default(),
            state: State::default(),
        }
    }

    /// Its size.
    pub fn size(&self) -> Size {
        let (rows, cols) = self.parser.screen().size();
        Size { cols, rows }
    }

    /// Gives it another size.
    pub fn resize(&mut self, size: Size) {
        let size = sane(size);
        guard(&mut self.parser, |parser| parser.screen_mut().set_size(size.rows, size.cols));
    }

    /// Whether the agent wants what is pasted to be marked as such.
    pub fn wants_paste_marked(&self) -> bool {
        self.parser.screen().bracketed_paste()
    }

    /// The last line that is not empty.
    pub fn last_line(&self) -> Option<String> {
        let screen = self.parser.screen();
        let lines = screen.rows(0, self.size().cols);
        lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).last()
    }

    /// Hears what the agent wrote.
    pub fn hear(&mut self, bytes: &[u8]) -> Heard {
        let Screen { parser, sieve, state } = self;
        let mut heard = Heard::default();
        sieve.sift(bytes, |token| {
            let mut on = Hearing { parser: &mut *parser, state: &mut *state, heard: &mut heard };
            match token.kind {
                Kind::Text => on.text(token.bytes),
                Kind::Escape => on.escape(token.bytes),
                Kind::Csi => on.csi(token.bytes),
                Kind::Osc => on.osc(token.bytes),
                Kind::Dcs => on.dcs(token.bytes),
            }
        });
        heard
    }

    /// All that a terminal needs to show this screen and to go on from there.
    pub fn repaint(&self) -> Vec<u8> {
        let screen = self.parser.screen();
        let mut out = CLEAN.as_bytes().to_vec();
        out.extend(screen.contents_formatted());
        let insides = Insides::of(screen);
        let (top, bottom) = insides.region;
        if insides.has_region(screen) {
            push(&mut out, format_args!("\x1b[{};{}r", top + 1, bottom + 1));
        }
        let place = |out: &mut Vec<u8>, (row, col): (u16, u16), origin: bool| {
            let (mode, row) =
                if origin { ("\x1b[?6h", row.saturating_sub(top)) } else { ("", row) };
            push(out, format_args!("{mode}\x1b[{};{}H", row + 1, col + 1));
        };
        place(&mut out, insides.saved, insides.saved_origin);
        out.extend(&insides.saved_attributes);
        out.extend(b"\x1b7\x1b[?6l");
        out.extend(screen.cursor_state_formatted());
        if insides.origin {
            place(&mut out, screen.cursor_position(), true);
        }
        out.extend(screen.attributes_formatted());
        out.extend(screen.input_mode_formatted());
        for (mode, default) in OTHER_MODES {
            let set = self.state.modes.get(&mode).copied().unwrap_or(default);
            if set != default {
                push(&mut out, format_args!("\x1b[?{mode}{}", if set { 'h' } else { 'l' }));
            }
        }
        out.extend(self.state.cursor.iter().flatten());
        out.extend(b"\x1b]2;");
        out.extend(&self.state.title);
        out.extend(b"\x1b\\");
        out
    }
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.extend(text.to_string().into_bytes());
}

/// Does something with the parser; if it panics, which only a fault in it can make it do, an empty one takes its place:
/// a screen that is wrong until the agent draws again is better than an agent without its guard.
fn guard(parser: &mut vt100::Parser, work: impl FnOnce(&mut vt100::Parser)) {
    let (rows, cols) = parser.screen().size();
    if panic::catch_unwind(panic::AssertUnwindSafe(|| work(parser))).is_err() {
        *parser = vt100::Parser::new(rows, cols, 0);
    }
}

/// What the parser knows and does not tell; found out on a copy.
struct Insides {
    saved: (u16, u16),
    saved_attributes: Vec<u8>,
    saved_origin: bool,
    /// The first and the last row of what scrolls.
    region: (u16, u16),
    /// Rows are counted from the region's first.
    origin: bool,
}

impl Insides {
    fn of(screen: &vt100::Screen) -> Insides {
        let after = |bytes: &[u8]| {
            let mut copy = vt100::Parser::new(1, 1, 0);
            *copy.screen_mut() = screen.clone();
            guard(&mut copy, |copy| copy.process(bytes));
            let copy = copy.screen();
            (copy.cursor_position(), copy.attributes_formatted())
        };
        let row = |bytes: &[u8]| after(bytes).0.0;
        let (saved, saved_attributes) = after(b"\x1b8");
        let region = (row(b"\x1b[?6h\x1b[1;1H"), row(b"\x1b[?6h\x1b[999;1H"));
        let mut insides =
            Insides { saved, saved_attributes, saved_origin: false, region, origin: false };
        // With the whole screen as its region, it is all one where rows are counted from.
        if insides.has_region(screen) {
            insides.origin = (row(b"\x1b[1;1H"), row(b"\x1b[999;1H")) == region;
            insides.saved_origin = (row(b"\x1b8\x1b[1;1H"), row(b"\x1b8\x1b[999;1H")) == region;
        }
        insides
    }

    fn has_region(&self, screen: &vt100::Screen) -> bool {
        self.region != (0, screen.size().0 - 1)
    }
}

/// A control sequence in its parts.
struct Csi<'a> {
    /// One of `<=>?`, or 0.
    marker: u8,
    params: &'a [u8],
    between: &'a [u8],
    last: u8,
}

impl<'a> Csi<'a> {
    fn of(whole: &'a [u8]) -> Option<Csi<'a>> {
        let (last, body) = whole.get(2..)?.split_last()?;
        let (marker, body) = match body.first() {
            Some(marker @ 0x3c..=0x3f) => (*marker, &body[1..]),
            _ => (0, body),
        };
        let end = body.iter().position(|byte| *byte < 0x30).unwrap_or(body.len());
        let (params, between) = body.split_at(end);
        Some(Csi { marker, params, between, last: *last })
    }

    /// Its first number, 0 where there is none.
    fn number(&self) -> u16 {
        self.numbers().next().unwrap_or(0)
    }

    fn numbers(&self) -> impl Iterator<Item = u16> {
        self.params
            .split(|byte| *byte == b';')
            .map(|text| str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}

struct Hearing<'a> {
    parser: &'a mut vt100::Parser,
    state: &'a mut State,
    heard: &'a mut Heard,
}

impl Hearing<'_> {
    fn draw(&mut self, bytes: &[u8]) {
        guard(self.parser, |parser| parser.process(bytes));
    }

    fn show(&mut self, bytes: &[u8]) {
        self.heard.shown.extend_from_slice(bytes);
    }

    /// Draws it, and shows it as it is.
    fn pass(&mut self, bytes: &[u8]) {
        self.draw(bytes);
        self.show(bytes);
    }

    fn answer(&mut self, text: &str) {
        self.heard.answers.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &[u8]) {
        if self.state.lines {
            let drawn = as_lines(text);
            self.pass(&drawn);
        } else {
            self.pass(text);
        }
    }

    fn escape(&mut self, escape: &[u8]) {
        match &escape[1..] {
            b"Z" => self.device(),
            b"c" => {
                *self.state = State::default();
                self.draw(escape);
                self.heard.repaint = true;
            }
            // The parser does not know these two, but what they mean.
            b"D" => {
                self.draw(b"\n");
                self.show(escape);
            }
            b"E" => self.pass(b"\r\n"),
            // Drawn as what they look like, so that a viewer who comes later sees the same.
            b"(0" => self.state.lines = true,
            [b'(', _] => self.state.lines = false,
            [b')' | b'*' | b'+', _] => {}
            _ => self.pass(escape),
        }
    }

    fn csi(&mut self, whole: &[u8]) {
        let Some(csi) = Csi::of(whole) else { return };
        match (csi.marker, csi.between, csi.last) {
            (0, b"", b'c') if csi.number() == 0 => self.device(),
            (b'>', b"", b'c') if csi.number() == 0 => self.answer("\x1b[>1;10;0c"),
            (b'=', b"", b'c') if csi.number() == 0 => self.answer("\x1bP!|00000000\x1b\\"),
            (0 | b'?', b"", b'n') => self.status(&csi),
            (0 | b'?', b"$", b'p') => self.mode(&csi),
            (b'>', b"", b'q') => {
                self.answer(concat!("\x1bP>|skep(", env!("CARGO_PKG_VERSION"), ")\x1b\\"));
            }
            (0, b"", b't') if csi.number() == 18 => {
                let (rows, cols) = self.parser.screen().size();
                self.answer(&format!("\x1b[8;{rows};{cols}t"));
            }
            // Sizes, titles and places of a window; another keyboard, which is not offered: an agent that asks for it
            // and for the device gets the device alone; printing; checksums, reports and graphics.
            (_, b"", b't' | b'x' | b'i')
            | (b'<' | b'=' | b'>' | b'?', b"", b'u' | b'm' | b'S')
            | (_, b"*", b'y')
            | (_, b"$", b'w')
            | (_, b"&", b'u') => {}
            // What scrolled out of a viewer's sight is the viewer's.
            (0, b"", b'J') if csi.number() == 3 => {}
            (0, b" ", b'q') => {
                self.state.cursor = Some(whole.to_vec());
                self.show(whole);
            }
            // The other spelling of what ESC 7 and ESC 8 do.
            (0, b"", b's') if csi.params.is_empty() => self.pass(b"\x1b7"),
            (0, b"", b'u') => self.pass(b"\x1b8"),
            (b'?', b"", b'h' | b'l') => self.switch(&csi),
            _ => self.pass(whole),
        }
    }

    fn device(&mut self) {
        // A VT220 with colours: what every agent knows.
        self.answer("\x1b[?62;22c");
    }

    fn status(&mut self, csi: &Csi<'_>) {
        let (row, col) = self.parser.screen().cursor_position();
        // Behind the last column the cursor stands on it, waiting.
        let col = col.min(self.parser.screen().size().1 - 1);
        let mark = if csi.marker == b'?' { "?" } else { "" };
        match (csi.marker, csi.number()) {
            (0, 5) => self.answer("\x1b[0n"),
            (_, 6) => self.answer(&format!("\x1b[{mark}{};{}R", row + 1, col + 1)),
            // Dark, as the background that is told below.
            (b'?', 996) => self.answer("\x1b[?997;1n"),
            _ => {}
        }
    }

    fn mode(&mut self, csi: &Csi<'_>) {
        let (mode, screen) = (csi.number(), self.parser.screen());
        if csi.marker == 0 {
            return self.answer(&format!("\x1b[{mode};0$y"));
        }
        let mouse = |wanted| Some(screen.mouse_protocol_mode() == wanted);
        let known = match mode {
            1 => Some(screen.application_cursor()),
            25 => Some(!screen.hide_cursor()),
            47 | 1047 | 1049 => Some(screen.alternate_screen()),
            1000 => mouse(vt100::MouseProtocolMode::PressRelease),
            1002 => mouse(vt100::MouseProtocolMode::ButtonMotion),
            1003 => mouse(vt100::MouseProtocolMode::AnyMotion),
            1006 => Some(screen.mouse_protocol_encoding() == vt100::MouseProtocolEncoding::Sgr),
            2004 => Some(screen.bracketed_paste()),
            mode => OTHER_MODES
                .iter()
                .find(|(other, _)| *other == mode)
                .map(|(_, default)| self.state.modes.get(&mode).copied().unwrap_or(*default)),
        };
        let value = known.map_or(0, |set| if set { 1 } else { 2 });
        self.answer(&format!("\x1b[?{mode};{value}$y"));
    }

    /// Private modes: each for itself, since one sequence may name several.
    fn switch(&mut self, csi: &Csi<'_>) {
        let set = csi.last == b'h';
        let last = char::from(csi.last);
        for mode in csi.numbers() {
            let spelled = format!("\x1b[?{mode}{last}");
            match mode {
                47 | 1047 => {
                    self.draw(if set { b"\x1b[?47h" } else { b"\x1b[?47l" });
                    self.heard.repaint = true;
                }
                1049 => {
                    self.draw(spelled.as_bytes());
                    self.heard.repaint = true;
                }
                1048 => self.pass(if set { b"\x1b7" } else { b"\x1b8" }),
                // The width of a window, and reports of its size.
                3 | 40 | 2048 => {}
                mode if OTHER_MODES.iter().any(|(other, _)| *other == mode) => {
                    self.state.modes.insert(mode, set);
                    self.show(spelled.as_bytes());
                }
                _ => self.pass(spelled.as_bytes()),
            }
        }
    }

    fn osc(&mut self, osc: &[u8]) {
        let text = &osc[2..];
        let mut params = text.split(|byte| *byte == b';');
        let number =
            params.next().and_then(|number| str::from_utf8(number).ok()?.parse::<u16>().ok());
        let asks = params.any(|param| param == b"?");
        match number {
            Some(0 | 2) => {
                let title = text.splitn(2, |byte| *byte == b';').nth(1).unwrap_or_default();
                self.state.title = title[..title.len().min(TITLE)].to_vec();
                self.state.title.retain(|byte| *byte >= 0x20 && *byte != 0x7f);
                let title = String::from_utf8_lossy(&self.state.title).trim().to_owned();
                self.heard.titles.push(title);
            }
            Some(number @ 10..=19) if asks => return self.colours(number, text),
            Some(4 | 5 | 21 | 52) if asks => return,
            _ => {}
        }
        self.show(osc);
        self.show(b"\x1b\\");
    }

    /// The colours of a text, its ground and the cursor; a sequence may ask for the ones behind the first as well.
    fn colours(&mut self, first: u16, text: &[u8]) {
        let asked = text.split(|byte| *byte == b';').skip(1).zip(first..);
        let mut answers = String::new();
        for (_, number) in asked.filter(|(param, _)| *param == b"?") {
            let colour = match number {
                10 | 12 => "e5e5/e5e5/e5e5",
                11 => "0000/0000/0000",
                _ => continue,
            };
            write!(answers, "\x1b]{number};rgb:{colour}\x1b\\").expect("a string takes all");
        }
        self.answer(&answers);
    }

    /// Questions for capabilities and settings are answered with no; all else is graphics, which nobody is shown.
    fn dcs(&mut self, dcs: &[u8]) {
        if dcs.starts_with(b"\x1bP+q") {
            self.answer("\x1bP0+r\x1b\\");
        } else if dcs.starts_with(b"\x1bP$q") {
            self.answer("\x1bP0$r\x1b\\");
        }
    }
}

/// Letters as the lines that the old line-drawing set has in their places.
fn as_lines(text: &[u8]) -> Vec<u8> {
    const LINES: [char; 31] = [
        '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─',
        '⎼', '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
    ];
    let mut drawn = Vec::with_capacity(text.len() * 3);
    for byte in text {
        match byte.checked_sub(0x60).and_then(|at| LINES.get(usize::from(at))) {
            Some(line) => drawn.extend(line.encode_utf8(&mut [0; 4]).as_bytes()),
            None => drawn.push(*byte),
        }
    }
    drawn
}

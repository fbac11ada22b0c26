//! The terminal that this is drawn on: lent, and given back as it was.
//!
//! Owns: its modes, its second screen, and every byte that goes to it.
//! Never: writes anything but places, colours and letters that are none of a terminal's commands.

use std::{fmt::Write as _, io};

use ratatui::{
    backend::{Backend, ClearType, WindowSize},
    buffer::Cell,
    layout::{Position, Size},
    style::{Color, Modifier},
};
use rustix::{
    stdio::{stdin, stdout},
    termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};

/// The second screen, with pastes marked as such.
const OPEN: &str = "\x1b[?1049h\x1b[?2004h\x1b[?25l\x1b[m\x1b[H\x1b[2J";
const CLOSE: &str = "\x1b[m\x1b[?2004l\x1b[?25h\x1b[?1049l";

/// This terminal while it is lent.
#[derive(Debug, Clone)]
pub(super) struct Loan {
    modes: Termios,
}

impl Loan {
    /// Takes the terminal.
    pub(super) fn take() -> io::Result<Loan> {
        let loan = Loan { modes: tcgetattr(stdin())? };
        loan.open()?;
        Ok(loan)
    }

    /// Takes it again, as for the first time.
    pub(super) fn open(&self) -> io::Result<()> {
        let mut raw = self.modes.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        show(OPEN.as_bytes())
    }

    /// Gives it back.
    pub(super) fn close(&self) {
        // One that is gone needs nothing back.
        let _gone = show(CLOSE.as_bytes());
        let _gone = tcsetattr(stdin(), OptionalActions::Now, &self.modes);
    }
}

fn show(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(stdout(), bytes))?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// What cells look like on it.
#[derive(Debug, Default)]
pub(super) struct Glass {
    out: String,
    /// Where it writes next, and how; none: not known.
    at: Option<(u16, u16)>,
    look: Option<(Color, Color, Modifier)>,
    cursor: Position,
    shows_cursor: bool,
}

impl Glass {
    fn look(&mut self, cell: &Cell) {
        let look = (cell.fg, cell.bg, cell.modifier);
        if self.look == Some(look) {
            return;
        }
        self.look = Some(look);
        self.out.push_str("\x1b[0");
        for (modifier, code) in [
            (Modifier::BOLD, ";1"),
            (Modifier::DIM, ";2"),
            (Modifier::ITALIC, ";3"),
            (Modifier::UNDERLINED, ";4"),
            (Modifier::REVERSED, ";7"),
        ] {
            if cell.modifier.contains(modifier) {
                self.out.push_str(code);
            }
        }
        self.colour(cell.fg, 38);
        self.colour(cell.bg, 48);
        self.out.push('m');
    }

    fn colour(&mut self, colour: Color, which: u16) {
        if let Some(number) = number(colour) {
            let few = number < 8;
            // Writing to a string cannot fail.
            let _written = if few {
                write!(self.out, ";{}", which - 8 + u16::from(number))
            } else {
                write!(self.out, ";{which};5;{number}")
            };
        }
    }
}

/// A colour's number among 256; none: the terminal's own.
fn number(colour: Color) -> Option<u8> {
    Some(match colour {
        Color::Reset => return None,
        Color::Indexed(number) => number,
        Color::Rgb(red, green, blue) => {
            let step = |part: u8| u8::try_from((u16::from(part) * 5 + 127) / 255).unwrap_or(5);
            16 + 36 * step(red) + 6 * step(green) + step(blue)
        }
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    })
}

impl Backend for Glass {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        for (x, y, cell) in content {
            if self.at != Some((x, y)) {
                let _written = write!(self.out, "\x1b[{};{}H", y + 1, x + 1);
            }
            self.look(cell);
            let symbol = cell.symbol();
            let harmless = !symbol.chars().any(char::is_control);
            self.out.push_str(if harmless { symbol } else { "?" });
            // Only of plain letters is it sure how far a terminal goes on.
            let plain = symbol.len() == 1 && harmless;
            self.at = plain.then_some((x + 1, y));
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.shows_cursor) {
            self.out.push_str("\x1b[?25l");
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.shows_cursor, true) {
            self.out.push_str("\x1b[?25h");
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.cursor = position.into();
        let Position { x, y } = self.cursor;
        if self.at != Some((x, y)) {
            let _written = write!(self.out, "\x1b[{};{}H", y + 1, x + 1);
            self.at = Some((x, y));
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.out.push_str("\x1b[m\x1b[2J");
        (self.at, self.look) = (None, None);
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        let size = tcgetwinsize(stdout())?;
        // A terminal that does not know its own size is taken for one of the usual.
        match (size.ws_col, size.ws_row) {
            (0, _) | (_, 0) => Ok(Size::new(80, 24)),
            (columns, rows) => Ok(Size::new(columns.min(1000), rows.min(500))),
        }
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::new(0, 0) })
    }

    fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        show(out.as_bytes())
    }
}

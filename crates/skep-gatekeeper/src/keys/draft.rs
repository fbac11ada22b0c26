//! What people have typed into a terminal and not sent yet, as far as their keys tell.
//!
//! Owns: which keys leave something in a composer, which send or clear it.
//! Never: looks at the screen; where keys cannot tell, something stands.

/// What stands in the composer of an agent, by the keys that went there.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// How many characters stand there at the most; what is not counted one by one is [`MANY`].
    characters: usize,
    state: State,
}

/// More than anybody takes back key by key.
const MANY: usize = usize::MAX / 2;

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// Behind `ESC [` or `ESC O`, with what follows.
    Sequence(Vec<u8>),
    /// Inside of a paste, with as much of its end as has come.
    Paste(usize),
}

const PASTE_ENDS: &[u8] = b"\x1b[201~";
/// The longest sequence of a key.
const LONGEST: usize = 32;

impl Draft {
    /// Whether something may stand there.
    pub(super) fn stands(&self) -> bool {
        self.characters > 0
    }

    /// Somebody typed these.
    pub(super) fn typed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.byte(*byte);
        }
        // An Escape by itself is a key, and ends with the keystroke.
        if matches!(self.state, State::Escape) {
            self.state = State::Ground;
        }
    }

    fn byte(&mut self, byte: u8) {
        match &mut self.state {
            State::Ground => match byte {
                0x1b => self.state = State::Escape,
                // Enter sends; Ctrl-C, Ctrl-D and Ctrl-U clear.
                b'\r' | 0x03 | 0x04 | 0x15 => self.characters = 0,
                // Backspace, as terminals send it.
                0x08 | 0x7f => self.characters = self.characters.saturating_sub(1),
                // A line feed, as Ctrl-J and modified Enters send it, is a line in the text.
                b'\n' | b' '.. => self.add(1),
                // Other control keys move about, or take something away.
                _ => {}
            },
            State::Escape => match byte {
                b'[' | b'O' => self.state = State::Sequence(Vec::new()),
                // With Alt, Enter is a line in the text; other keys move or take away.
                b'\r' | b'\n' => {
                    self.state = State::Ground;
                    self.add(1);
                }
                _ => self.state = State::Ground,
            },
            State::Sequence(held) => {
                held.push(byte);
                if (0x40..=0x7e).contains(&byte) || held.len() > LONGEST {
                    let held = std::mem::take(held);
                    self.state = State::Ground;
                    self.sequence(&held);
                }
            }
            State::Paste(end) => {
                *end = match byte {
                    byte if byte == PASTE_ENDS[*end] => *end + 1,
                    0x1b => 1,
                    _ => 0,
                };
                if *end == PASTE_ENDS.len() {
                    self.state = State::Ground;
                }
            }
        }
    }

    fn sequence(&mut self, held: &[u8]) {
        match held {
            b"200~" => {
                self.state = State::Paste(0);
                self.add(MANY);
            }
            // Up and down bring back what was sent before.
            b"A" | b"B" => self.add(MANY),
            // A modified Enter of terminals that tell it apart is a line in the text.
            [b'1', b'3', b';', .., b'u'] | [b'2', b'7', b';', .., b'~'] => self.add(1),
            _ => {}
        }
    }

    fn add(&mut self, characters: usize) {
        self.characters = self.characters.saturating_add(characters).min(MANY);
    }
}

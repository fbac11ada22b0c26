//! The commands in a text for the shell: all that it would start, at every depth.
//!
//! Owns: quoting, expansions, lists, pipes, compounds, here-documents, substitutions.
//! Never: runs or expands anything, or drops in silence what it does not understand: that is told as `unseen`.

/// The longest text that is read. Bytes.
pub(super) const LONGEST: usize = 256 * 1024;
/// The deepest nesting that is read.
pub(super) const DEEPEST: usize = 32;
/// The most commands of one text that are read.
pub(super) const MOST: usize = 4096;
/// The most words of one command that are read.
const MOST_WORDS: usize = 4096;
/// The most here-documents that may wait for their lines.
const MOST_WAITING: usize = 64;
/// How far a bracket of a pattern may reach. Characters.
const CLASS: usize = 256;

/// What was found in a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Script {
    /// In the order in which they end.
    pub(super) commands: Vec<Simple>,
    /// Why there may be more than was found.
    pub(super) unseen: Option<&'static str>,
}

/// One command as it is written, before anything is seen through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) assigns: Vec<(String, Word)>,
    pub(super) words: Vec<Word>,
    pub(super) redirects: Vec<Redirect>,
    /// A here-document or here-string.
    pub(super) stdin: Option<Word>,
}

/// A file that the shell itself opens for a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) writes: bool,
    pub(super) to: Word,
}

/// One word, as far as it is known before the shell runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) pieces: Vec<Piece>,
    /// It may become several words, or none.
    pub(super) splits: bool,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// The person's home folder.
    Home,
    /// Part of a name, of one that is there: it leads out of no folder.
    Glob,
    /// Anything.
    Any,
}

impl Word {
    /// A word that is known whole.
    pub(super) fn text(text: impl Into<String>) -> Word {
        Word { pieces: vec![Piece::Text(text.into())], splits: false }
    }

    /// One of which nothing is known.
    pub(super) fn any(splits: bool) -> Word {
        Word { pieces: vec![Piece::Any], splits }
    }

    /// Returns the word, where all of it is known.
    pub(super) fn known(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns what is known of its beginning.
    pub(super) fn start(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// Returns the word behind its first `bytes`, which are known.
    pub(super) fn behind(&self, bytes: usize) -> Word {
        let mut rest = self.clone();
        match rest.pieces.first_mut() {
            Some(Piece::Text(text)) => *text = text.split_off(bytes.min(text.len())),
            _ => return Word::any(self.splits),
        }
        rest
    }

    fn push(&mut self, c: char) {
        match self.pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(c),
            _ => self.pieces.push(Piece::Text(c.to_string())),
        }
    }

    fn add(&mut self, piece: Piece) {
        if piece != Piece::Any || self.pieces.last() != Some(&Piece::Any) {
            self.pieces.push(piece);
        }
    }

    fn hole(&mut self, quoted: bool) {
        self.add(Piece::Any);
        self.splits |= !quoted;
    }
}

/// Reads a text.
pub(super) fn read(text: &str) -> Script {
    read_at(text, 0)
}

/// Reads a text that stands so deep in others.
pub(super) fn read_at(text: &str, depth: usize) -> Script {
    if text.len() > LONGEST {
        return Script { commands: Vec::new(), unseen: Some("it is too long") };
    }
    let mut reader = Reader {
        text: text.chars().collect(),
        at: 0,
        depth,
        found: Script::default(),
        bodies: Vec::new(),
        waiting: Vec::new(),
        esac: false,
    };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        reader.unseen("it has control characters");
    }
    reader.list(Until::End);
    let Reader { mut found, bodies, .. } = reader;
    for command in &mut found.commands {
        // What was read so far is the number of its body.
        if let Some(slot) = command.stdin.as_ref().and_then(slot_of) {
            command.stdin = Some(bodies.get(slot).cloned().unwrap_or_else(|| Word::any(false)));
        }
    }
    found
}

/// A here-document whose body comes behind the line's end is named by a control character, which no text has.
const SLOT: char = '\u{1}';

fn slot_of(word: &Word) -> Option<usize> {
    word.known()?.strip_prefix(SLOT)?.parse().ok()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    Paren,
    /// The end of one branch of a `case`.
    Branch,
}

struct Waiting {
    slot: usize,
    end: String,
    strips_tabs: bool,
    literal: bool,
}

struct Reader {
    text: Vec<char>,
    at: usize,
    depth: usize,
    found: Script,
    bodies: Vec<Word>,
    waiting: Vec<Waiting>,
    /// An `esac` was met where a command could begin.
    esac: bool,
}

impl Reader {
    fn unseen(&mut self, why: &'static str) {
        self.found.unseen.get_or_insert(why);
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    fn skip_blanks(&mut self) {
        loop {
            match (self.peek(), self.peek_at(1)) {
                (Some(' ' | '\t'), _) => self.at += 1,
                (Some('\\'), Some('\n')) => self.at += 2,
                (Some('#'), _) => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    fn skip_lines(&mut self) {
        loop {
            self.skip_blanks();
            if self.peek() != Some('\n') {
                return;
            }
            self.line_end();
        }
    }

    fn line_end(&mut self) {
        self.at += 1;
        for waiting in std::mem::take(&mut self.waiting) {
            self.bodies[waiting.slot] = self.body(&waiting);
        }
    }

    fn body(&mut self, waiting: &Waiting) -> Word {
        let mut lines = String::new();
        while self.peek().is_some() {
            let start = self.at;
            while self.peek().is_some_and(|c| c != '\n') {
                self.at += 1;
            }
            let line: String = self.text[start..self.at].iter().collect();
            self.next();
            let line = if waiting.strips_tabs { line.trim_start_matches('\t') } else { &line };
            if line == waiting.end {
                break;
            }
            lines.push_str(line);
            lines.push('\n');
        }
        if waiting.literal {
            return Word::text(lines);
        }
        self.inner(&lines, |reader| {
            let mut word = Word::default();
            while let Some(c) = reader.next() {
                reader.expanded(c, &mut word, true);
            }
            word
        })
        .unwrap_or_else(|| Word::any(false))
    }

    /// Reads another text with a reader of its own; what it finds is found here.
    fn inner<T>(&mut self, text: &str, read: impl FnOnce(&mut Reader) -> T) -> Option<T> {
        self.deeper(|outer| {
            let mut reader = Reader {
                text: text.chars().collect(),
                at: 0,
                depth: outer.depth,
                found: std::mem::take(&mut outer.found),
                bodies: std::mem::take(&mut outer.bodies),
                waiting: Vec::new(),
                esac: false,
            };
            let value = read(&mut reader);
            outer.found = reader.found;
            outer.bodies = reader.bodies;
            value
        })
    }

    /// Goes one level deeper, or stops reading altogether.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Reader) -> T) -> Option<T> {
        if self.depth >= DEEPEST || self.found.commands.len() >= MOST {
            self.unseen("it is nested too deep");
            self.at = self.text.len();
            return None;
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        Some(value)
    }

    fn list(&mut self, until: Until) {
        loop {
            self.skip_blanks();
            match self.peek() {
                None if until == Until::End => return,
                None => return self.unseen("a bracket is not closed"),
                Some('\n') => self.line_end(),
                Some(';')
                    if until == Until::Branch && matches!(self.peek_at(1), Some(';' | '&')) =>
                {
                    self.at += 2;
                    if self.peek() == Some('&') {
                        self.at += 1;
                    }
                    return;
                }
                Some('&') if self.peek_at(1) == Some('>') => self.simple(),
                Some(';' | '&' | '|') => self.at += 1,
                Some(')') => {
                    self.at += 1;
                    if until == Until::Paren {
                        return;
                    }
                    self.unseen("a bracket closes that was not opened");
                }
                Some('(') if self.is_arithmetic() => {
                    self.at += 2;
                    self.arithmetic();
                }
                Some('(') => self.group(),
                Some(_) => {
                    self.simple();
                    if std::mem::take(&mut self.esac) && until == Until::Branch {
                        self.esac = true;
                        return;
                    }
                }
            }
            if self.found.commands.len() >= MOST {
                self.unseen("it has too many commands");
                self.at = self.text.len();
            }
        }
    }

    /// Reads from an opening bracket to its end, as commands.
    fn group(&mut self) {
        self.at += 1;
        self.deeper(|reader| reader.list(Until::Paren));
    }

    fn simple(&mut self) {
        let mut command = Simple::default();
        loop {
            self.skip_blanks();
            let start = self.at;
            match (self.peek(), self.peek_at(1)) {
                (None | Some('\n' | ';' | '|' | ')'), _) => break,
                (Some('&'), Some('>')) => {
                    self.at += 1;
                    self.redirect(&mut command);
                }
                (Some('&'), _) => break,
                (Some('<' | '>'), Some('(')) => {
                    let word = self.word();
                    command.words.push(word);
                }
                (Some('<' | '>'), _) => self.redirect(&mut command),
                (Some('('), _) => {
                    self.at += 1;
                    self.skip_blanks();
                    if command.words.len() == 1 && self.peek() == Some(')') {
                        // A function: what it is made of follows, and may be run.
                        self.at += 1;
                        return;
                    }
                    self.unseen("a bracket stands inside a command");
                    self.deeper(|reader| reader.list(Until::Paren));
                }
                (Some(_), _) => {
                    let word = self.word();
                    let raw: String = self.text[start..self.at].iter().collect();
                    let digits = !raw.is_empty() && raw.chars().all(|c| c.is_ascii_digit());
                    if digits
                        && matches!(self.peek(), Some('<' | '>'))
                        && self.peek_at(1) != Some('(')
                    {
                        continue;
                    }
                    let fresh = command.words.is_empty() && command.assigns.is_empty();
                    if fresh && self.reserved(&raw) {
                        if !command.redirects.is_empty() {
                            self.unseen("a keyword follows a redirection");
                        }
                        return;
                    }
                    let is_array = raw.ends_with('=') && self.peek() == Some('(');
                    if is_array {
                        self.array();
                    }
                    match assignment(&raw) {
                        Some(name) if command.words.is_empty() => {
                            let at = word.start().find('=').filter(|_| !is_array);
                            let value = at.map_or(Word::any(false), |at| word.behind(at + 1));
                            command.assigns.push((name, value));
                        }
                        _ => command.words.push(word),
                    }
                }
            }
            if command.words.len() > MOST_WORDS {
                self.unseen("it has too many words");
                self.at = self.text.len();
            }
            if self.at == start {
                // Whatever it is, reading goes on behind it.
                self.unseen("a character that means nothing here");
                self.at += 1;
            }
        }
        if command != Simple::default() {
            self.found.commands.push(command);
        }
    }

    /// Takes a keyword; true where it was one.
    fn reserved(&mut self, raw: &str) -> bool {
        match raw {
            "if" | "then" | "else" | "elif" | "fi" | "do" | "done" | "while" | "until" | "{"
            | "}" | "!" => {}
            "esac" => self.esac = true,
            "for" | "select" => self.each(),
            "case" => {
                self.deeper(Reader::case);
            }
            "function" => {
                self.skip_blanks();
                self.word();
                self.skip_blanks();
                if (self.peek(), self.peek_at(1)) == (Some('('), Some(')')) {
                    self.at += 2;
                }
            }
            "coproc" => self.unseen("coproc"),
            "[[" => self.condition(),
            _ => return false,
        }
        true
    }

    fn each(&mut self) {
        self.skip_blanks();
        if self.peek() == Some('(') && self.peek_at(1) == Some('(') {
            self.at += 2;
            return self.arithmetic();
        }
        self.word();
        self.skip_lines();
        if self.is_word("in") {
            self.at += 2;
            loop {
                self.skip_blanks();
                match (self.peek(), self.peek_at(1)) {
                    (None | Some('\n' | ';' | '&' | '|' | ')'), _) => return,
                    (Some('<' | '>' | '('), next) if next != Some('(') => {
                        return self.unseen("a loop that is not understood");
                    }
                    _ => {
                        let start = self.at;
                        self.word();
                        if self.at == start {
                            return self.unseen("a loop that is not understood");
                        }
                    }
                }
            }
        } else if self.peek() == Some('(') {
            self.unseen("a loop that is not understood");
        }
    }

    fn case(&mut self) {
        self.skip_blanks();
        self.word();
        self.skip_lines();
        if !self.is_word("in") {
            return self.unseen("a case that is not understood");
        }
        self.at += 2;
        loop {
            self.skip_lines();
            if self.is_word("esac") {
                self.at += 4;
                return;
            }
            if self.peek() == Some('(') {
                self.at += 1;
            }
            loop {
                self.skip_blanks();
                match self.peek() {
                    Some('|') => self.at += 1,
                    Some(')') => break,
                    None | Some('\n' | ';' | '&' | '<' | '>' | '(') => {
                        return self.unseen("a case that is not understood");
                    }
                    Some(_) => drop(self.word()),
                }
            }
            self.at += 1;
            self.list(Until::Branch);
            if std::mem::take(&mut self.esac) || self.peek().is_none() {
                return;
            }
        }
    }

    fn condition(&mut self) {
        loop {
            self.skip_lines();
            if self.is_word("]]") {
                self.at += 2;
                return;
            }
            let start = self.at;
            if self.peek().is_none() {
                return self.unseen("a condition is not closed");
            }
            self.word();
            if self.at == start {
                self.at += 1;
            }
        }
    }

    fn array(&mut self) {
        self.at += 1;
        loop {
            self.skip_lines();
            let start = self.at;
            match self.peek() {
                None => return self.unseen("a bracket is not closed"),
                Some(')') => {
                    self.at += 1;
                    return;
                }
                Some(_) => drop(self.word()),
            }
            if self.at == start {
                self.unseen("a list that is not understood");
                self.at += 1;
            }
        }
    }

    /// Tells whether `word` stands here, whole and bare.
    fn is_word(&self, word: &str) -> bool {
        let length = word.chars().count();
        let here = self.text.get(self.at..self.at + length);
        here.is_some_and(|here| here.iter().copied().eq(word.chars()))
            && self.peek_at(length).is_none_or(ends_word)
    }

    fn redirect(&mut self, command: &mut Simple) {
        let mut operator = String::new();
        while let Some(c @ ('<' | '>' | '|' | '&')) = self.peek() {
            // The longest of them has three characters, and `<(` begins a word.
            if operator.len() == 3 || (c != '|' && c != '&' && self.peek_at(1) == Some('(')) {
                break;
            }
            if c == '|' && operator != ">" {
                break;
            }
            operator.push(c);
            self.at += 1;
            if c == '|' || (c == '&' && operator != "&") {
                break;
            }
        }
        let strips_tabs = operator == "<<" && self.peek() == Some('-');
        if strips_tabs {
            self.at += 1;
        }
        self.skip_blanks();
        let start = self.at;
        let to = self.word();
        let raw: String = self.text[start..self.at].iter().collect();
        match operator.as_str() {
            "<<<" => command.stdin = Some(to),
            "<<" => {
                let literal = raw.contains(['\'', '"', '\\']);
                let Some(end) = to.known().map(str::to_owned).or_else(|| literal_end(&raw)) else {
                    return self.unseen("a here-document that is not understood");
                };
                if self.waiting.len() >= MOST_WAITING {
                    return self.unseen("it has too many here-documents");
                }
                let slot = self.bodies.len();
                self.bodies.push(Word::default());
                self.waiting.push(Waiting { slot, end, strips_tabs, literal });
                command.stdin = Some(Word::text(format!("{SLOT}{slot}")));
            }
            "<&" | ">&" if raw.trim_end_matches('-').chars().all(|c| c.is_ascii_digit()) => {}
            "<" | "<&" => command.redirects.push(Redirect { writes: false, to }),
            ">" | ">>" | ">|" | "<>" | ">&" => {
                command.redirects.push(Redirect { writes: true, to });
            }
            _ => {
                self.unseen("a redirection that is not understood");
                command.redirects.push(Redirect { writes: true, to });
            }
        }
    }

    fn word(&mut self) -> Word {
        let mut word = Word::default();
        // What stood before each open brace, and whether it has a comma: then it becomes several words.
        let mut braces: Vec<(Word, bool)> = Vec::new();
        let start = self.at;
        while let Some(c) = self.peek() {
            match (c, self.peek_at(1)) {
                ('<' | '>', Some('(')) => {
                    self.at += 1;
                    self.group();
                    word.add(Piece::Any);
                }
                ('?' | '*' | '+' | '@' | '!', Some('(')) => {
                    self.unseen("an extended pattern");
                    self.at += 1;
                    self.group();
                    word.hole(false);
                }
                _ if ends_word(c) => break,
                ('\'', _) => {
                    self.at += 1;
                    self.single_quoted(&mut word);
                }
                ('"', _) => {
                    self.at += 1;
                    self.double_quoted(&mut word);
                }
                ('\\', Some('\n')) => self.at += 2,
                ('\\', Some(escaped)) => {
                    self.at += 2;
                    word.push(escaped);
                }
                ('*' | '?', _) => {
                    self.at += 1;
                    word.add(Piece::Glob);
                    word.splits = true;
                }
                ('[', _) => self.class(&mut word),
                ('{', _) if braces.len() < CLASS => {
                    self.at += 1;
                    braces.push((word.clone(), false));
                    word.push('{');
                }
                (',', _) if !braces.is_empty() => {
                    self.at += 1;
                    if let Some(brace) = braces.last_mut() {
                        brace.1 = true;
                    }
                    word.push(',');
                }
                ('.', Some('.')) if !braces.is_empty() => {
                    self.at += 2;
                    if let Some(brace) = braces.last_mut() {
                        brace.1 = true;
                    }
                    word.push('.');
                    word.push('.');
                }
                ('}', _) if !braces.is_empty() => {
                    self.at += 1;
                    match braces.pop() {
                        Some((before, true)) => {
                            word = before;
                            word.hole(false);
                        }
                        _ => word.push('}'),
                    }
                }
                ('~', next) if self.at == start || word.start().ends_with(['=', ':']) => {
                    self.at += 1;
                    match next {
                        None | Some('/' | ':') => word.add(Piece::Home),
                        Some(c) if ends_word(c) => word.add(Piece::Home),
                        Some(_) => word.add(Piece::Any),
                    }
                }
                _ => {
                    self.at += 1;
                    self.expanded(c, &mut word, false);
                }
            }
        }
        if word.pieces.is_empty() && self.at > start {
            word.pieces.push(Piece::Text(String::new()));
        }
        word
    }

    /// A pattern's bracket, where it is one.
    fn class(&mut self, word: &mut Word) {
        let inside = self.text[self.at + 1..].iter().take(CLASS).take_while(|c| !ends_word(**c));
        let inside: Vec<char> = inside.copied().collect();
        let end = inside.iter().skip(1).position(|c| *c == ']').map(|end| end + 1);
        match end {
            None => {
                self.at += 1;
                word.push('[');
            }
            Some(end) if inside[..end].iter().any(|c| "'\"\\$`".contains(*c)) => {
                self.at += 1;
                word.hole(false);
            }
            Some(end) => {
                self.at += end + 2;
                word.add(Piece::Glob);
                word.splits = true;
            }
        }
    }

    /// Takes a character that was read where only `$`, backticks and, within quotes, a backslash are special.
    fn expanded(&mut self, c: char, word: &mut Word, quoted: bool) {
        match c {
            '$' => self.dollar(word, quoted),
            '`' => {
                self.backticks(quoted);
                word.hole(quoted);
            }
            '\\' if quoted => match self.peek() {
                Some('\n') => self.at += 1,
                Some(escaped @ ('$' | '`' | '"' | '\\')) => {
                    self.at += 1;
                    word.push(escaped);
                }
                _ => word.push('\\'),
            },
            _ => word.push(c),
        }
    }

    fn single_quoted(&mut self, word: &mut Word) {
        word.add(Piece::Text(String::new()));
        join(word);
        loop {
            match self.next() {
                None => return self.unseen("a quote is not closed"),
                Some('\'') => return,
                Some(c) => word.push(c),
            }
        }
    }

    fn double_quoted(&mut self, word: &mut Word) {
        word.add(Piece::Text(String::new()));
        join(word);
        loop {
            match self.next() {
                None => return self.unseen("a quote is not closed"),
                Some('"') => return,
                Some(c) => self.expanded(c, word, true),
            }
        }
    }

    fn dollar(&mut self, word: &mut Word, quoted: bool) {
        match self.peek() {
            Some('(') if self.is_arithmetic() => {
                self.at += 2;
                self.arithmetic();
                word.hole(quoted);
            }
            Some('(') => {
                self.group();
                word.hole(quoted);
            }
            Some('{') => {
                self.at += 1;
                if self.text[self.at..].starts_with(&['H', 'O', 'M', 'E', '}']) {
                    self.at += 5;
                    return word.add(Piece::Home);
                }
                self.parameter();
                word.hole(quoted);
            }
            Some('[') => {
                self.at += 1;
                self.until(']');
                word.hole(quoted);
            }
            Some('\'') if !quoted => {
                self.at += 1;
                self.ansi_quoted(word);
            }
            Some('"') if !quoted => {
                self.at += 1;
                self.double_quoted(word);
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let start = self.at;
                while self.peek().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_') {
                    self.at += 1;
                }
                if self.text[start..self.at].iter().copied().eq("HOME".chars()) {
                    word.add(Piece::Home);
                } else {
                    word.hole(quoted);
                }
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.at += 1;
                word.hole(quoted);
            }
            _ => word.push('$'),
        }
    }

    fn parameter(&mut self) {
        if matches!(self.peek(), None | Some(' ' | '\t' | '\n' | '|' | '(')) {
            self.unseen("a substitution that is not understood");
        }
        self.until('}');
    }

    /// Reads an expansion up to `end`; what it starts is found.
    fn until(&mut self, end: char) {
        self.deeper(|reader| {
            let mut dropped = Word::default();
            loop {
                match reader.next() {
                    None => return reader.unseen("an expansion is not closed"),
                    Some(c) if c == end => return,
                    Some('\'') => reader.single_quoted(&mut dropped),
                    Some('"') => reader.double_quoted(&mut dropped),
                    Some('\\') => drop(reader.next()),
                    Some(c) => reader.expanded(c, &mut dropped, false),
                }
            }
        });
    }

    fn ansi_quoted(&mut self, word: &mut Word) {
        word.add(Piece::Text(String::new()));
        join(word);
        loop {
            match self.next() {
                None => return self.unseen("a quote is not closed"),
                Some('\'') => return,
                Some('\\') => match self.next() {
                    Some('n') => word.push('\n'),
                    Some('t') => word.push('\t'),
                    Some('r') => word.push('\r'),
                    Some('a') => word.push('\u{7}'),
                    Some('b') => word.push('\u{8}'),
                    Some('e' | 'E') => word.push('\u{1b}'),
                    Some('f') => word.push('\u{c}'),
                    Some('v') => word.push('\u{b}'),
                    Some('x') => self.numbered(word, None, 16, 2),
                    Some('u') => self.numbered(word, None, 16, 4),
                    Some('U') => self.numbered(word, None, 16, 8),
                    Some(c @ '0'..='7') => self.numbered(word, Some(c), 8, 3),
                    Some('c') => {
                        // The quote's end is found first, two characters to each backslash, and a bare `'` ends it.
                        match self.peek() {
                            None | Some('\'') => {}
                            Some('\\') => drop((self.next(), self.next())),
                            Some(_) => self.at += 1,
                        }
                        word.add(Piece::Any);
                    }
                    Some(c) if "\\'\"?".contains(c) => word.push(c),
                    Some(c) => {
                        word.push('\\');
                        word.push(c);
                    }
                    None => {}
                },
                Some(c) => word.push(c),
            }
        }
    }

    fn numbered(&mut self, word: &mut Word, first: Option<char>, radix: u32, most: usize) {
        let mut digits: String = first.into_iter().collect();
        while digits.len() < most && self.peek().is_some_and(|c| c.is_digit(radix)) {
            digits.extend(self.next());
        }
        let c = u32::from_str_radix(&digits, radix).ok().and_then(char::from_u32);
        match c.filter(|c| *c != '\0') {
            Some(c) => word.push(c),
            // What the shell makes of it is not worth knowing.
            None => word.add(Piece::Any),
        }
    }

    fn backticks(&mut self, quoted: bool) {
        let mut inside = String::new();
        loop {
            match self.next() {
                None => {
                    self.unseen("a backtick is not closed");
                    break;
                }
                Some('`') => break,
                Some('\\') => match self.next() {
                    Some(c @ ('`' | '\\' | '$')) => inside.push(c),
                    Some('"') if quoted => inside.push('"'),
                    Some(c) => {
                        inside.push('\\');
                        inside.push(c);
                    }
                    None => {}
                },
                Some(c) => inside.push(c),
            }
        }
        self.inner(&inside, |reader| reader.list(Until::End));
    }

    /// Tells whether the two brackets here open arithmetic: as the shell has it, where their ends stand side by side.
    fn is_arithmetic(&self) -> bool {
        if self.peek_at(1) != Some('(') {
            return false;
        }
        let mut open = 0_usize;
        for (offset, c) in self.text[self.at + 1..].iter().enumerate() {
            match c {
                '(' => open += 1,
                ')' => open -= 1,
                // In doubt these are commands.
                '\'' | '"' | '\\' | ';' | '\n' | '#' => return false,
                _ => {}
            }
            if open == 0 {
                return self.peek_at(offset + 2) == Some(')');
            }
        }
        false
    }

    /// Reads arithmetic to its end; what it starts is found.
    fn arithmetic(&mut self) {
        self.deeper(|reader| {
            let mut open = 2_usize;
            let mut dropped = Word::default();
            while open > 0 {
                match reader.next() {
                    None => return reader.unseen("a bracket is not closed"),
                    Some('(') => open += 1,
                    Some(')') => open -= 1,
                    Some(c) => reader.expanded(c, &mut dropped, false),
                }
            }
        });
    }
}

/// Two texts side by side become one.
fn join(word: &mut Word) {
    if let [.., Piece::Text(_), Piece::Text(last)] = word.pieces.as_slice()
        && last.is_empty()
    {
        word.pieces.pop();
    }
}

fn ends_word(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')')
}

/// The end of a here-document as it is written; the shell expands nothing in it.
fn literal_end(raw: &str) -> Option<String> {
    (!raw.is_empty() && !raw.contains(['\'', '"', '\\', '`', '('])).then(|| raw.to_owned())
}

/// The name that a word sets, where it sets one.
fn assignment(raw: &str) -> Option<String> {
    let (name, _) = raw.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let name = name.split_once('[').map_or(name, |(name, _)| name);
    let mut chars = name.chars();
    let first = chars.next()?;
    let is_name = (first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| name.to_owned())
}

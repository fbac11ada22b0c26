//! What tmux answers, read.

use super::TmuxError;

/// A session of tmux, as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// As tmux spells it.
    pub name: String,
    /// `$` and a number, which the server gives only once.
    pub id: String,
    /// Whether it was opened by [`super::Server::open_viewer`]; a name alone proves nothing.
    pub ours: bool,
    /// Unit: seconds since 1970.
    pub created: u64,
    /// How many look at it.
    pub attached: u32,
    /// Order: as tmux has them; a viewer's own is the first until somebody moves it.
    pub panes: Vec<Pane>,
}

/// A pane of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pane {
    /// `%` and a number, which the server gives only once.
    pub id: String,
    /// Its first process.
    pub pid: u32,
}

/// What was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The session's id.
    pub session: String,
    pub pane: Pane,
}

/// What `tmux -V` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub text: String,
    /// The first two numbers; none where the text has none, as in `tmux master`.
    pub number: Option<(u32, u32)>,
}

impl Version {
    /// Whether it can give a session its environment, which came with 3.2; a version without numbers is a new one.
    pub fn is_enough(&self) -> bool {
        self.number.is_none_or(|number| number >= (3, 2))
    }

    /// Reads `tmux 3.3a`, `tmux next-3.6`; in `tmux openbsd-7.4` the numbers are those of the system.
    pub(super) fn parse(text: &str) -> Version {
        let text = text.trim();
        let digits = |text: &str| -> Option<u32> {
            let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
            text[..end].parse().ok()
        };
        let word = text.strip_prefix("tmux ").unwrap_or(text);
        let word = word.strip_prefix("next-").unwrap_or(word);
        let number = word
            .split_once('.')
            .and_then(|(major, minor)| Some((major.parse().ok()?, digits(minor)?)));
        Version { text: text.to_owned(), number }
    }
}

/// One line for a pane. The name comes last, because in another's session it may hold blanks.
pub(super) const PANES: &str = "#{session_id} #{pane_id} #{pane_pid} #{session_created} #{session_attached} #{==:#{@skep},1} #{session_name}";

/// One line for what was just opened.
pub(super) const OPENED: &str = "#{session_id} #{pane_id} #{pane_pid}";

/// Reads the answer to [`PANES`]: each session once.
pub(super) fn sessions(answer: &[u8]) -> Result<Vec<Session>, TmuxError> {
    let answer = String::from_utf8_lossy(answer);
    let mut sessions: Vec<Session> = Vec::new();
    for line in answer.split_terminator('\n') {
        let (found, pane) = pane(line).ok_or_else(|| odd(line))?;
        match sessions.iter_mut().find(|session| session.id == found.id) {
            Some(session) => session.panes.push(pane),
            None => sessions.push(Session { panes: vec![pane], ..found }),
        }
    }
    Ok(sessions)
}

fn pane(line: &str) -> Option<(Session, Pane)> {
    let mut words = line.splitn(7, ' ');
    let mut word = || words.next();
    let id = id(word()?, '$')?;
    let pane = Pane { id: self::id(word()?, '%')?, pid: word()?.parse().ok()? };
    let created = word()?.parse().ok()?;
    let attached = word()?.parse().ok()?;
    let ours = match word()? {
        "0" => false,
        "1" => true,
        _ => return None,
    };
    let name = word().filter(|name| !name.is_empty())?.to_owned();
    Some((Session { name, id, ours, created, attached, panes: Vec::new() }, pane))
}

/// Reads the answer to [`OPENED`].
pub(super) fn opened(answer: &[u8]) -> Result<Opened, TmuxError> {
    let answer = String::from_utf8_lossy(answer);
    let line = answer.trim_end();
    let words: Vec<&str> = line.split(' ').collect();
    let read = |words: &[&str]| {
        let [session, pane, pid] = words else { return None };
        let pane = Pane { id: id(pane, '%')?, pid: pid.parse().ok()? };
        Some(Opened { session: id(session, '$')?, pane })
    };
    read(&words).ok_or_else(|| odd(line))
}

/// Checks that `text` is `sign` with a number.
pub(super) fn id(text: &str, sign: char) -> Option<String> {
    let number = text.strip_prefix(sign)?;
    let fits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
}

fn odd(line: &str) -> TmuxError {
    TmuxError::Odd { answer: line.chars().take(200).collect() }
}

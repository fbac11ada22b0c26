//! How a worker is written down: as a session of tmux, and by whoever means it.

use crate::text;

use super::{LONGEST, has_form, is_reserved};

const OURS: &str = "skep_";

/// Names the session of a worker; a run without a project has an empty one.
///
/// Shape: `skep_PROJECT_NAME_`, of letters, digits, `-` and `_` only. No two workers share one, and because an underscore ends
/// both parts and stands in neither, none is the beginning of another. Any other character becomes `X` and two hex digits a byte.
pub fn session(project: &str, name: &str) -> String {
    format!("{OURS}{}_{}_", encoded(project), encoded(name))
}

/// Reads the project and the name out of a session's name; none for a session that [`session`] never named.
pub fn parse_session(session: &str) -> Option<(String, String)> {
    let (project, name) = session.strip_prefix(OURS)?.strip_suffix('_')?.split_once('_')?;
    let found = (decoded(project)?, decoded(name)?);
    // Only one spelling is ours.
    (self::session(&found.0, &found.1) == session).then_some(found)
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => out.push(char::from(byte)),
            _ => out.push_str(&format!("X{byte:02X}")),
        }
    }
    out
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'X' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Whom a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `project/name`, or the name of its session.
    Worker { project: String, name: String },
    /// A worker's name; where no worker has it, perhaps the beginning of an id without its prefix.
    Name(String),
    /// An id, or its beginning, with the prefix.
    Id(String),
}

/// Why a text can mean no worker. Whether there is such a one, and who is near, the caller knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("no worker is named")]
    Empty,
    /// Shape: what it could mean is `NAME`, `PROJECT/NAME` or an id.
    #[error("`{text}` is neither a worker's name, nor `PROJECT/NAME`, nor a run's id")]
    Form { text: String },
    #[error("`{word}` is reserved: it names no project and no worker")]
    Reserved { word: String },
}

impl TargetError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            TargetError::Empty | TargetError::Form { .. } => "target-invalid",
            TargetError::Reserved { .. } => "name-reserved",
        }
    }
}

/// Reads whom `text` means: `NAME`, `PROJECT/NAME`, a session's name, or an id that begins with `run_`.
///
/// Errors: the form fits none, or a verb or a role stands where a project or a worker should.
pub fn parse_target(text: &str) -> Result<Target, TargetError> {
    let form = || TargetError::Form { text: text::words(text, 2 * LONGEST) };
    let part = |part: &str| match part {
        _ if is_reserved(part) => Err(TargetError::Reserved { word: part.to_owned() }),
        _ if has_form(part) => Ok(part.to_owned()),
        _ => Err(form()),
    };
    if text.is_empty() {
        Err(TargetError::Empty)
    } else if let Some((project, name)) = text.split_once('/') {
        // A second slash ends up in the name, whose form has none.
        Ok(Target::Worker { project: part(project)?, name: part(name)? })
    } else if let Some((project, name)) = parse_session(text) {
        let project_is_there = !project.is_empty();
        let name = part(&name)?;
        Ok(if project_is_there {
            Target::Worker { project: part(&project)?, name }
        } else {
            Target::Name(name)
        })
    } else if let Some(tail) = text.strip_prefix("run_") {
        let fits = !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if fits { Ok(Target::Id(text.to_owned())) } else { Err(form()) }
    } else {
        part(text).map(Target::Name)
    }
}

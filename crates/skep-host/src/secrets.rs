//! Values of secrets: where they are held without a disk, and how a reference is followed.
//!
//! Owns: a folder in memory, 0700, with one file for each holder; `env:`, `file:` and `cmd:`.
//! Never: writes a value to a disk, or into a message. See docs/design/secrets.md.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;

use crate::{
    paths::{self, PathError},
    proc::{ProcError, Program},
};

#[cfg(test)]
mod tests;

/// How long a command may take to tell a secret.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest secret. Bytes.
const MOST: u64 = 64 << 10;
/// What `statfs` calls the file systems that lie in memory.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Why there is no value.
#[derive(Debug, Error)]
pub enum SecretError {
    /// The reference is none.
    #[error("`{0}` is no reference: env:NAME, file:PATH or cmd:COMMAND")]
    Reference(String),
    /// Nothing holds it any more.
    #[error("the secret `{name}` is not there: {why}")]
    Absent { name: String, why: String },
    /// There is no place in memory.
    #[error("no folder in memory can hold secrets: {why}")]
    NoMemory { why: String },
    #[error("hold secrets")]
    Path(#[from] PathError),
}

impl SecretError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            SecretError::Reference(_) => "secret-reference",
            SecretError::Absent { .. } => "secret-absent",
            SecretError::NoMemory { .. } => "secret-place",
            SecretError::Path(err) => err.slug(),
        }
    }
}

/// Where a secret's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A variable of whoever asks.
    Env(String),
    /// A file, absolute or from `~/`.
    File(String),
    /// What a command prints.
    Command(Vec<String>),
}

impl Reference {
    /// Reads one as people write it. A command is split into words as a shell would, and no shell runs it.
    pub fn parse(text: &str) -> Result<Reference, SecretError> {
        let wrong = || SecretError::Reference(text.to_owned());
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        if rest.is_empty() || text.contains(char::is_control) {
            return Err(wrong());
        }
        match kind {
            "env" => {
                let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let first = rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                (first && rest.chars().all(plain))
                    .then(|| Reference::Env(rest.to_owned()))
                    .ok_or_else(wrong)
            }
            "file" if rest.starts_with('/') || rest.starts_with("~/") => {
                Ok(Reference::File(rest.to_owned()))
            }
            "cmd" => shlex::split(rest)
                .filter(|words| !words.is_empty() && !words[0].is_empty())
                .map(Reference::Command)
                .ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }

    /// Follows it for `name`, with `vars` as the environment; `guard` is put before a command, so that it ends with us.
    ///
    /// Errors: [`SecretError::Absent`], without a word of what was read.
    pub fn follow(
        &self,
        name: &str,
        vars: &BTreeMap<String, String>,
        guard: &[&str],
    ) -> Result<String, SecretError> {
        let absent = |why: String| SecretError::Absent { name: name.to_owned(), why };
        let value = match self {
            Reference::Env(from) => {
                let value = vars.get(from).filter(|value| !value.is_empty());
                return value.cloned().ok_or_else(|| absent(format!("{from} is not set")));
            }
            Reference::File(path) => {
                let path = place(path, vars).ok_or_else(|| absent("HOME is not set".to_owned()))?;
                let shown = path.display();
                let meta =
                    fs::metadata(&path).map_err(|err| absent(format!("`{shown}`: {err}")))?;
                if !meta.is_file() || meta.len() > MOST {
                    return Err(absent(format!("`{shown}` is no file of at most {MOST} bytes")));
                }
                fs::read(&path).map_err(|err| absent(format!("`{shown}`: {err}")))?
            }
            Reference::Command(words) => told(words, vars, guard).map_err(absent)?,
        };
        let value = String::from_utf8(value).map_err(|_| absent("it is not UTF-8".to_owned()))?;
        let value = value.strip_suffix('\n').unwrap_or(&value);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() || value.contains('\0') {
            return Err(absent("what it refers to is empty, or no text".to_owned()));
        }
        Ok(value.to_owned())
    }

    /// What can be said of it without its value being read: the cause where it cannot be followed.
    pub fn look(&self, vars: &BTreeMap<String, String>) -> Option<String> {
        match self {
            Reference::Env(_) => None,
            Reference::File(_) => self.follow("", vars, &[]).err().map(|err| match err {
                SecretError::Absent { why, .. } => why,
                err => err.to_string(),
            }),
            Reference::Command(words) => {
                let found = program(&words[0], vars).is_some();
                (!found).then(|| format!("no program `{}` on the PATH", words[0]))
            }
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reference::Env(name) => write!(f, "env:{name}"),
            Reference::File(path) => write!(f, "file:{path}"),
            Reference::Command(words) => write!(f, "cmd:{}", words.join(" ")),
        }
    }
}

fn place(path: &str, vars: &BTreeMap<String, String>) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => vars
            .get("HOME")
            .filter(|home| home.starts_with('/'))
            .map(|home| Path::new(home).join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

fn program(name: &str, vars: &BTreeMap<String, String>) -> Option<PathBuf> {
    if name.contains('/') {
        return place(name, vars).filter(|path| path.is_file());
    }
    let path = vars.get("PATH").map(String::as_str).unwrap_or_default();
    path.split(':')
        .filter(|dir| dir.starts_with('/'))
        .map(|dir| Path::new(dir).join(name))
        .find(|path| path.is_file())
}

/// What a command prints. It runs in the person's home: no repository decides what a relative path of it means.
fn told(
    words: &[String],
    vars: &BTreeMap<String, String>,
    guard: &[&str],
) -> Result<Vec<u8>, String> {
    let found =
        program(&words[0], vars).ok_or_else(|| format!("no program `{}` on the PATH", words[0]))?;
    let home = vars.get("HOME").filter(|home| Path::new(home).is_dir());
    let program = match guard.split_first() {
        Some((first, rest)) => Program::new(first).args(rest).arg(&found),
        None => Program::new(&found),
    };
    let output = program
        .args(&words[1..])
        .envs(vars)
        .cwd(Path::new(home.map_or("/", String::as_str)))
        .timeout(PATIENCE)
        .most(MOST)
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(output.stdout),
        // What it says on standard error may hold what it was asked for.
        Ok(output) => Err(format!("`{}` left with code {}", words[0], output.code())),
        Err(ProcError::Timeout { after, .. }) => {
            Err(format!("`{}` gave no answer within {} s", words[0], after.as_secs()))
        }
        Err(ProcError::Start { source, .. } | ProcError::Pipe { source, .. }) => {
            Err(format!("`{}`: {source}", words[0]))
        }
    }
}

/// The folder in memory for the secrets of whatever lives at `root`; it need not be there yet.
///
/// Errors: no file system in memory, where such folders usually lie.
pub fn folder(root: &Path) -> Result<PathBuf, SecretError> {
    let me = rustix::process::getuid().as_raw();
    let hash =
        root.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    // By the user's number and not by a variable: whoever asks later has to find the same.
    let own = PathBuf::from(format!("/run/user/{me}"));
    let is_own = fs::symlink_metadata(&own).is_ok_and(|meta| meta.is_dir() && meta.uid() == me);
    if is_own && is_in_memory(&own) {
        return Ok(own.join(format!("skep-{hash:016x}")));
    }
    let shared = Path::new("/dev/shm");
    if is_in_memory(shared) {
        return Ok(shared.join(format!("skep-{me}-{hash:016x}")));
    }
    Err(SecretError::NoMemory { why: "neither /run/user nor /dev/shm lies in memory".to_owned() })
}

fn is_in_memory(path: &Path) -> bool {
    rustix::fs::statfs(path)
        .is_ok_and(|found| u64::try_from(found.f_type).is_ok_and(|kind| IN_MEMORY.contains(&kind)))
}

/// Holds `values` for `holder`, in place of what was held for it.
pub fn hold(
    folder: &Path,
    holder: &str,
    values: &BTreeMap<String, String>,
) -> Result<(), SecretError> {
    paths::create_private_dir(folder)?;
    let path = folder.join(holder);
    let bytes =
        serde_json::to_vec(values).map_err(|err| SecretError::NoMemory { why: err.to_string() })?;
    Ok(paths::write_atomically(&path, &bytes)?)
}

/// What is held for `holder`; nothing where nothing is, or ever was.
///
/// Errors: it is there and cannot be read; what is read is in no message.
pub fn held(folder: &Path, holder: &str) -> Result<BTreeMap<String, String>, SecretError> {
    let path = folder.join(holder);
    let broken = |why: String| SecretError::NoMemory { why: format!("{}: {why}", path.display()) };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(err) => return Err(broken(err.to_string())),
    };
    serde_json::from_slice(&bytes).map_err(|_| broken("it does not read".to_owned()))
}

/// The values of all of `wanted`, each a name and its reference: what a person's environment had is looked up among what is
/// held for `holder`, the others are followed now, as in [`Reference::follow`].
pub fn values<'a>(
    wanted: impl IntoIterator<Item = (&'a str, &'a str)>,
    place: (Option<&Path>, &str),
    vars: &BTreeMap<String, String>,
    guard: &[&str],
) -> Result<BTreeMap<String, String>, SecretError> {
    let (folder, holder) = place;
    let handed = folder.map(|folder| held(folder, holder)).transpose()?.unwrap_or_default();
    let mut values = BTreeMap::new();
    for (name, from) in wanted {
        let value = match Reference::parse(from)? {
            Reference::Env(variable) => {
                let absent = || SecretError::Absent {
                    name: name.to_owned(),
                    why: format!(
                        "{variable} was handed over once and is not held any more; set it, and take the run up again"
                    ),
                };
                handed.get(name).cloned().ok_or_else(absent)?
            }
            other => other.follow(name, vars, guard)?,
        };
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// Lets go what is held for `holder`; the folder goes with the last.
pub fn let_go(folder: &Path, holder: &str) -> io::Result<()> {
    match fs::remove_file(folder.join(holder)) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    // It stays where others have something in it.
    let _others = fs::remove_dir(folder);
    Ok(())
}

/// Lets go everything but what is held for these.
pub fn keep_only(folder: &Path, holders: &[String]) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(err) => return Err(err),
    };
    for entry in entries {
        let name = entry?.file_name();
        if !name.to_str().is_some_and(|name| holders.iter().any(|holder| holder == name)) {
            fs::remove_file(folder.join(name))?;
        }
    }
    // As above.
    let _others = fs::remove_dir(folder);
    Ok(())
}

//! A folder of Markdown files, one to an issue: a head between two lines of `---`, then a heading and the text.
//!
//! Owns: what the head may say (`state`, `title`, `author`, `labels`; what else stands there stays), comments below their marks.
//! Never: follows a link, opens what is no plain file, or leaves a file half written.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use skep_core::issue::{Association, Issue, Platform, Reference, Said, Status};
use skep_host::{lock, paths};

use super::{Tracker, TrackerError};
use crate::port::marks;

/// The largest file. Bytes.
const MOST: u64 = 16 * 1024 * 1024;

/// How long another skep may write.
const WRITER: Duration = Duration::from_secs(10);

/// Who writes the comments of skep.
const SKEP: &str = "skep";

/// A folder of issues.
#[derive(Debug)]
pub struct Folder {
    name: String,
    root: PathBuf,
}

/// A file, as it was found.
struct Held {
    path: PathBuf,
    bytes: Vec<u8>,
    mode: u32,
    stamp: Stamp,
    /// Whether nobody but the person can have written it.
    private: bool,
}

/// By what it is seen that a file is still the one that was read.
#[derive(PartialEq, Eq)]
struct Stamp(u64, u64, u64, i64, i64);

impl Folder {
    /// The folder that settings call `name`, at `root`.
    pub fn new(name: &str, root: &Path) -> Folder {
        Folder { name: name.to_owned(), root: root.to_owned() }
    }

    fn unfit(&self, why: &str) -> TrackerError {
        TrackerError::Unfit { at: self.root.display().to_string(), why: why.to_owned() }
    }

    fn unreadable(&self, file: &str, why: &str) -> TrackerError {
        let at = format!("`{}`", self.root.join(file).display());
        TrackerError::Unreadable { at, why: why.to_owned() }
    }

    /// The name of the file that `reference` names, which was checked when it was read: it is looked at again all the same.
    fn file<'a>(&self, reference: &'a Reference) -> Result<&'a str, TrackerError> {
        let of = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match reference {
            Reference::Folder { folder, file }
                if *folder == self.name
                    && file.chars().all(of)
                    && file.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') =>
            {
                Ok(file)
            }
            Reference::Folder { .. } | Reference::Forge { .. } | Reference::Task { .. } => {
                let (at, reference) = (self.root.display().to_string(), reference.to_string());
                Err(TrackerError::Elsewhere { at, reference })
            }
        }
    }

    fn read(&self, reference: &Reference) -> Result<Held, TrackerError> {
        let file = format!("{}.md", self.file(reference)?);
        let failed = |doing, source| TrackerError::Io {
            doing,
            at: format!("`{}`", self.root.join(&file).display()),
            source,
        };
        let root = match fs::symlink_metadata(&self.root) {
            Ok(root) if root.is_dir() => root,
            Ok(_) => return Err(self.unfit("it is a link, or no folder")),
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return Err(self.unfit("it is not there"));
            }
            Err(err) => return Err(failed("look at", err)),
        };
        let path = self.root.join(&file);
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(opened) => File::from(opened),
            Err(Errno::NOENT) => {
                let (at, reference) = (self.root.display().to_string(), reference.to_string());
                return Err(TrackerError::NoIssue { at, reference });
            }
            Err(Errno::LOOP) => return Err(self.unfit(&format!("`{file}` in it is a link"))),
            Err(err) => return Err(failed("open", err.into())),
        };
        let meta = opened.metadata().map_err(|err| failed("look at", err))?;
        if !meta.is_file() || meta.nlink() != 1 {
            return Err(self.unfit(&format!("`{file}` in it is no plain file of its own")));
        }
        let mut bytes = Vec::new();
        opened.take(MOST + 1).read_to_end(&mut bytes).map_err(|err| failed("read", err))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST {
            return Err(self.unreadable(&file, &format!("it has more than {MOST} bytes")));
        }
        let me = rustix::process::geteuid().as_raw();
        let mine = |it: &fs::Metadata| it.uid() == me && it.mode() & 0o022 == 0;
        let private = mine(&root) && mine(&meta);
        Ok(Held { path, bytes, mode: meta.mode() & 0o777, stamp: Stamp::of(&meta), private })
    }

    /// Puts what `change` makes of the file in its place, where it is still the one that was read.
    fn write(
        &self,
        reference: &Reference,
        change: impl Fn(&str) -> Result<Option<String>, &'static str>,
    ) -> Result<(), TrackerError> {
        let failed = |doing, source| TrackerError::Io {
            doing,
            at: format!("`{}`", self.root.display()),
            source,
        };
        // Looked at before a lock is made in it.
        self.read(reference)?;
        let lock = self.root.join(".skep-lock");
        let _turn = lock::hold_within(&lock, WRITER)
            .map_err(|err| failed("lock", io::Error::other(err)))?;
        let held = self.read(reference)?;
        let file = held.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Words that are no text would not come back as they were.
        let text =
            String::from_utf8(held.bytes).map_err(|_| self.unreadable(&file, "it is not UTF-8"))?;
        let Some(new) = change(&text).map_err(|why| self.unreadable(&file, why))? else {
            return Ok(());
        };
        let written = |err: paths::PathError| failed("write", io::Error::other(err));
        let draft = paths::draft(&held.path, new.as_bytes(), held.mode).map_err(written)?;
        // Somebody may write to it with an editor, who asks for no lock.
        let now = fs::symlink_metadata(&held.path).map_err(|err| failed("look at", err))?;
        if Stamp::of(&now) != held.stamp {
            let busy = io::Error::other("somebody else wrote the file at the same time");
            return Err(failed("write", busy));
        }
        draft.put().map_err(written)
    }
}

impl Stamp {
    fn of(meta: &fs::Metadata) -> Stamp {
        Stamp(meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec())
    }
}

/// A file, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parts<'a> {
    /// The lines of the head.
    head: Vec<&'a str>,
    /// Everything below it.
    rest: &'a str,
}

/// Errors: the head has no end.
fn parts(text: &str) -> Result<Parts<'_>, &'static str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    if first.trim_end() != "---" {
        return Ok(Parts { head: vec![], rest: text });
    }
    let (mut head, mut at) = (Vec::new(), first.len());
    for line in text[at..].split_inclusive('\n') {
        at += line.len();
        if line.trim_end() == "---" {
            return Ok(Parts { head, rest: &text[at..] });
        }
        head.push(line.trim_end());
    }
    Err("its head has no end: a second line of `---` is missing")
}

/// The value of a line of the head.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let value = line.strip_prefix(key)?.strip_prefix(':')?;
    Some(plain(value))
}

/// A word without the quotes that people put around it.
fn plain(word: &str) -> &str {
    let word = word.trim();
    let within = |quote: char| word.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(word)
}

fn labels(head: &[&str]) -> Vec<String> {
    let Some(at) = head.iter().position(|line| value(line, "labels").is_some()) else {
        return Vec::new();
    };
    let words = value(head[at], "labels").unwrap_or_default();
    let listed: Vec<&str> = if words.is_empty() {
        let below = head[at + 1..].iter().map_while(|line| line.trim_start().strip_prefix("- "));
        below.collect()
    } else {
        let inner = words.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        inner.unwrap_or(words).split(',').collect()
    };
    let words = listed.into_iter().map(plain).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// What is open: the states of skep but the last, and a file that says nothing. Of any other word nobody knows.
fn is_open(state: &str) -> bool {
    let known = [Status::Open, Status::InProgress, Status::NeedsReview, Status::Blocked];
    state.is_empty() || known.iter().any(|it| state.eq_ignore_ascii_case(it.as_str()))
}

/// The text without the comments, and those: each begins at a line with its mark.
fn comments(rest: &str) -> (&str, Vec<Said>) {
    let marked = |line: &&str| marks::is_mark(line.trim());
    let mut at = rest.len();
    let mut said: Vec<Said> = Vec::new();
    let mut offset = 0;
    for line in rest.split_inclusive('\n') {
        if marked(&line) {
            at = at.min(offset);
            said.push(Said {
                author: SKEP.to_owned(),
                // Whoever can write the mark can write the issue.
                association: Association::Unknown,
                text: String::new(),
                at: None,
            });
        } else if let Some(last) = said.last_mut() {
            last.text.push_str(line);
        }
        offset += line.len();
    }
    for said in &mut said {
        said.text = said.text.trim().to_owned();
    }
    (&rest[..at], said)
}

impl Tracker for Folder {
    fn platform(&self) -> Platform {
        Platform::Folder
    }

    fn issue(&self, reference: &Reference) -> Result<Issue, TrackerError> {
        let held = self.read(reference)?;
        let file = self.file(reference)?.to_owned();
        let text = String::from_utf8_lossy(&held.bytes);
        let parts = parts(&text).map_err(|why| self.unreadable(&format!("{file}.md"), why))?;
        let said = |key: &str| parts.head.iter().find_map(|line| value(line, key));
        let (body, comments) = comments(parts.rest);
        let body = body.trim_start_matches(['\n', '\r']);
        let heading = body.lines().next().and_then(|line| line.strip_prefix("# "));
        let title = said("title").or(heading).unwrap_or(&file).trim().to_owned();
        let body = match heading {
            Some(_) if said("title").is_none() => {
                body.split_once('\n').map_or("", |(_, below)| below)
            }
            _ => body,
        };
        let author = said("author").unwrap_or_default().to_owned();
        // Somebody whom the file names is only known by that name.
        let own = held.private && author.is_empty();
        let state = said("state").filter(|state| !state.is_empty()).unwrap_or("open").to_owned();
        Ok(Issue {
            platform: Platform::Folder,
            reference: reference.clone(),
            title,
            body: body.trim().to_owned(),
            open: is_open(&state),
            state,
            url: held.path.display().to_string(),
            author,
            association: if own { Association::Owner } else { Association::Unknown },
            labels: labels(&parts.head),
            is_change: false,
            said: u64::try_from(comments.len()).unwrap_or(u64::MAX),
            comments,
        })
    }

    fn comment(&self, reference: &Reference, text: &str, key: &str) -> Result<(), TrackerError> {
        let mark = marks::mark(key);
        let words = marks::without(text);
        self.write(reference, |there| {
            if there.lines().any(|line| line.trim() == mark) {
                return Ok(None);
            }
            let between = if there.ends_with('\n') { "\n" } else { "\n\n" };
            Ok(Some(format!("{there}{between}{mark}\n\n{}\n", words.trim())))
        })
    }

    fn set_status(&self, reference: &Reference, status: Status) -> Result<(), TrackerError> {
        let line = format!("state: {}", status.as_str());
        self.write(reference, |there| {
            let parts = parts(there)?;
            let state = parts.head.iter().find_map(|line| value(line, "state"));
            // What somebody closed is not opened by saying that it is worked at.
            if Status::LABELS.contains(&status) && !is_open(state.unwrap_or_default()) {
                return Ok(None);
            }
            if parts.head.is_empty() && !there.trim_start_matches('\u{feff}').starts_with("---") {
                return Ok(Some(format!("---\n{line}\n---\n{}", parts.rest)));
            }
            let states = |it: &&str| value(it, "state").is_some();
            if parts.head.iter().any(|it| states(it) && value(it, "state") == Some(status.as_str()))
            {
                return Ok(None);
            }
            let mut head: Vec<&str> = parts.head.iter().copied().filter(|it| !states(it)).collect();
            head.push(&line);
            Ok(Some(format!("---\n{}\n---\n{}", head.join("\n"), parts.rest)))
        })
    }
}

#[cfg(test)]
mod tests;

//! Owns: commits made without an index: dated by the ask, in the user's name, an author and a message kept byte for byte.
//! Never: asks the clock.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use super::call;
use crate::git::{Git, GitError, Repository};

/// Makes commits that are the same each time.
pub(super) struct Maker<'a> {
    git: &'a Git,
    repo: &'a Repository,
    at: i64,
    sign: bool,
    /// Name and address, as a commit holds them.
    who: String,
}

/// What a commit says beside its tree and parents.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Name, address, time and zone; none is whoever commits.
    pub(super) author: Option<Vec<u8>>,
    pub(super) encoding: Option<Vec<u8>>,
    pub(super) message: Vec<u8>,
}

impl Said {
    /// A message in the name of whoever commits.
    pub(super) fn ours(message: &str) -> Said {
        // A commit holds no NUL.
        let message = format!("{}\n", message.replace('\0', "").trim_end());
        Said { message: message.into_bytes(), ..Said::default() }
    }

    /// What the commit `bytes` says.
    pub(super) fn of(bytes: &[u8]) -> Said {
        let mut said = Said::default();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = &rest[..end];
            rest = &rest[end + 1..];
            if line.is_empty() {
                break;
            }
            let value = |name: &str| line.strip_prefix(name.as_bytes()).map(<[u8]>::to_vec);
            said.author = said.author.or_else(|| value("author "));
            said.encoding = said.encoding.or_else(|| value("encoding "));
        }
        said.message = rest.to_vec();
        said
    }
}

impl<'a> Maker<'a> {
    pub(super) fn new(
        git: &'a Git,
        repo: &'a Repository,
        at: i64,
        sign: bool,
    ) -> Result<Maker<'a>, GitError> {
        Ok(Maker { git, repo, at, sign, who: who(git, repo)? })
    }

    /// Makes the commit, without a ref.
    pub(super) fn make(
        &self,
        tree: &str,
        parents: &[&str],
        said: &Said,
    ) -> Result<String, GitError> {
        if self.sign {
            return self.signed(tree, parents, said);
        }
        let mut bytes = format!("tree {tree}\n").into_bytes();
        for parent in parents {
            bytes.extend(format!("parent {parent}\n").bytes());
        }
        let ours = format!("{} {} +0000", self.who, self.at).into_bytes();
        let mut line = |name: &str, value: &[u8]| {
            bytes.extend(name.bytes().chain(value.iter().copied()).chain([b'\n']));
        };
        line("author ", said.author.as_ref().unwrap_or(&ours));
        line("committer ", &ours);
        if let Some(encoding) = &said.encoding {
            line("encoding ", encoding);
        }
        bytes.push(b'\n');
        bytes.extend(&said.message);
        let plain = ["hash-object", "-t", "commit", "-w", "--stdin"];
        call(self.git, self.repo).args(plain).stdin(bytes).line()
    }

    /// Only git itself signs.
    fn signed(&self, tree: &str, parents: &[&str], said: &Said) -> Result<String, GitError> {
        let ours = format!("{} {} +0000", self.who, self.at).into_bytes();
        let (name, email, date) = parts(said.author.as_ref().unwrap_or(&ours));
        let (our_name, our_email, our_date) = parts(&ours);
        let encoding = said.encoding.as_deref().unwrap_or(b"UTF-8");
        let encoding = format!("i18n.commitEncoding={}", String::from_utf8_lossy(encoding));
        call(self.git, self.repo)
            .args(["-c", &encoding, "commit-tree", "-S", "-F", "-"])
            .args(parents.iter().flat_map(|parent| ["-p", parent]))
            .arg(tree)
            .var("GIT_AUTHOR_NAME", OsStr::from_bytes(name))
            .var("GIT_AUTHOR_EMAIL", OsStr::from_bytes(email))
            .var("GIT_AUTHOR_DATE", OsStr::from_bytes(&date))
            .var("GIT_COMMITTER_NAME", OsStr::from_bytes(our_name))
            .var("GIT_COMMITTER_EMAIL", OsStr::from_bytes(our_email))
            .var("GIT_COMMITTER_DATE", OsStr::from_bytes(&our_date))
            .stdin(said.message.clone())
            .line()
    }
}

/// Who commits, as name and address: the user, or skep where git knows no name.
pub(super) fn who(git: &Git, repo: &Repository) -> Result<String, GitError> {
    let line = match call(git, repo).args(["var", "GIT_COMMITTER_IDENT"]).line() {
        Err(GitError::Failed { .. }) => String::new(),
        other => other?,
    };
    let known = line.rfind('>').map(|end| line[..=end].to_owned());
    Ok(known.unwrap_or_else(|| "skep <skep@localhost>".to_owned()))
}

/// Name, address and date of `name <address> seconds zone`.
fn parts(who: &[u8]) -> (&[u8], &[u8], Vec<u8>) {
    let at = |byte: u8| who.iter().rposition(|here| *here == byte).unwrap_or(who.len());
    let (open, close) = (at(b'<'), at(b'>'));
    let name = who[..open].trim_ascii();
    let email = who.get(open + 1..close).unwrap_or_default();
    let mut date = b"@".to_vec();
    date.extend(who.get(close + 1..).unwrap_or_default().trim_ascii());
    (name, email, date)
}

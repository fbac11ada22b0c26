//! Owns: one merge of trees, without a checkout, and what git says of conflicts.
//! Never: runs a merge driver or a filter: they are somebody's code, and whoever was at work could choose which.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use super::{Call, Git, GitError, Repository, fields, is_oid, path_of};

/// What counts in every merge of one trial.
pub(crate) struct Rules {
    /// Settings in front of the command.
    settings: Vec<OsString>,
}

/// Two commits, and what they have in common where git is not to find it.
pub(crate) struct Merge<'a> {
    pub(crate) base: Option<&'a str>,
    pub(crate) ours: &'a str,
    pub(crate) theirs: &'a str,
}

/// What came of a merge.
pub(crate) enum Merged {
    Clean { tree: String },
    Conflict { files: Vec<PathBuf>, text: String },
}

/// Begins a call that no worktree has a say in.
pub(crate) fn plain_call<'a>(git: &'a Git, repo: &Repository) -> Call<'a> {
    git.call(&repo.common_dir)
}

/// The variable that holds what stands in for every driver.
const NO_DRIVER: &str = "SKEP_NO_DRIVER";

impl Rules {
    /// The rules on `onto`: the attributes that its tree says, and a conflict where they name a driver.
    ///
    /// Left alone, git reads the attributes of whatever is checked out where it runs.
    pub(crate) fn of(git: &Git, repo: &Repository, onto: &str) -> Result<Rules, GitError> {
        let ask = ["config", "--null", "--name-only", "--get-regexp", "^merge\\..*\\.driver$"];
        let (code, out) = plain_call(git, repo).args(ask).code(&[0, 1])?;
        let mut settings: Vec<OsString> = vec![
            "-c".into(),
            "merge.renormalize=false".into(),
            format!("--attr-source={onto}").into(),
        ];
        let names: BTreeSet<&[u8]> = fields(if code == 0 { &out } else { &[] }).collect();
        for name in names {
            let mut setting = OsString::from("--config-env=");
            setting.push(path_of(name));
            setting.push(OsStr::new("="));
            setting.push(NO_DRIVER);
            settings.push(setting);
        }
        Ok(Rules { settings })
    }

    pub(crate) fn merge(
        &self,
        git: &Git,
        repo: &Repository,
        merge: &Merge<'_>,
    ) -> Result<Merged, GitError> {
        let base = merge.base.map(|base| format!("--merge-base={base}"));
        let (code, out) = plain_call(git, repo)
            .var(NO_DRIVER, "false")
            .args(&self.settings)
            .args(["merge-tree", "--write-tree", "-z"])
            .args(base)
            .args([merge.ours, merge.theirs])
            .code(&[0, 1])?;
        let odd = || GitError::Odd {
            args: vec!["merge-tree".to_owned()],
            answer: String::from_utf8_lossy(&out).into_owned(),
        };
        let mut parts = out.split(|byte| *byte == 0);
        let tree = parts.next().map(|tree| String::from_utf8_lossy(tree).into_owned());
        let tree = tree.filter(|tree| is_oid(tree)).ok_or_else(odd)?;
        if code == 0 {
            return Ok(Merged::Clean { tree });
        }
        let sides = [merge.ours, merge.theirs];
        let mut files = BTreeSet::new();
        // `mode oid stage`, a tab, and the path; an empty one ends them.
        for row in parts.by_ref().take_while(|row| !row.is_empty()) {
            let at = row.iter().position(|byte| *byte == b'\t').ok_or_else(odd)?;
            files.insert(path_of(plain(&row[at + 1..], &sides)));
        }
        let mut said = Vec::new();
        // How many paths, the paths, what kind of message, the message.
        while let Some(count) = parts.next().filter(|count| !count.is_empty()) {
            let count: usize = std::str::from_utf8(count)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(odd)?;
            let about: Vec<&[u8]> = parts.by_ref().take(count).collect();
            let (kind, text) = (parts.next().ok_or_else(odd)?, parts.next().ok_or_else(odd)?);
            if kind.starts_with(b"CONFLICT") {
                said.push(String::from_utf8_lossy(text).trim().to_owned());
                if files.is_empty() {
                    files.extend(about.iter().map(|path| path_of(plain(path, &sides))));
                }
            }
        }
        Ok(Merged::Conflict { files: files.into_iter().collect(), text: said.join("\n") })
    }
}

/// The path as people know it: where two things want one place, git names one of them after its side.
fn plain<'a>(path: &'a [u8], sides: &[&str]) -> &'a [u8] {
    for side in sides {
        let mark = format!("~{side}");
        let found = path.windows(mark.len()).rposition(|part| part == mark.as_bytes());
        if let Some(at) = found {
            let rest = &path[at + mark.len()..];
            // A second one of that name has a number.
            if rest.is_empty() || rest.starts_with(b"_") {
                return &path[..at];
            }
        }
    }
    path
}

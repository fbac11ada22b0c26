//! The issues of a repository at GitHub.
//!
//! Owns: the calls of issues, their labels and comments, with the field names of its documentation.
//! Never: speaks HTTP itself (`http` does), or searches.

use serde_json::json;
use skep_core::issue::{Association, COMMENTS, Issue, Platform, Reference, Said, Status};

use super::{
    Tracker, TrackerError,
    forge::{Raw, Word, ask, author, is_here, moved, neutral, number},
};
use crate::{
    github::Github,
    http::{ForgeError, Method, quoted},
    port::Forge,
};

/// How many comments GitHub gives at once.
const PAGE: u64 = 100;

impl Github {
    /// The issue as GitHub tells of it, and the owner and the repository that it is in.
    fn raw(&self, reference: &Reference) -> Result<(u64, Raw, (String, String)), TrackerError> {
        let number = number(&self.place, Platform::Github, reference)?;
        let path = format!("{}/issues/{number}", self.repo);
        let raw = ask(&self.client, &path, &self.place, reference)?;
        // Where it says nothing of its home, it is not known to be the one that was asked for.
        let at = home(raw.repository_url.as_deref())
            .ok_or_else(|| self.client.malformed("an issue without its repository"))?;
        Ok((number, raw, at))
    }

    /// The issue, where it is the one that was asked for: nothing is written to another.
    fn to_write(&self, reference: &Reference) -> Result<(u64, Raw), TrackerError> {
        let (number, raw, at) = self.raw(reference)?;
        if is_here(&self.place, number, &raw, &at) {
            Ok((number, raw))
        } else {
            Err(moved(&self.place, &raw, &at).into())
        }
    }

    /// The last comments of as many as there are.
    fn last_words(&self, number: u64, all: u64) -> Result<Vec<Said>, ForgeError> {
        let last = all.div_ceil(PAGE);
        let mut words: Vec<Word> = Vec::new();
        // The last page may have only one.
        for page in (last.saturating_sub(1).max(1)..=last).rev() {
            let path =
                format!("{}/issues/{number}/comments?per_page={PAGE}&page={page}", self.repo);
            let mut before: Vec<Word> = self.client.get(&path)?;
            before.append(&mut words);
            words = before;
            if words.len() >= COMMENTS {
                break;
            }
        }
        let from = words.len().saturating_sub(COMMENTS);
        Ok(words.drain(from..).map(said).collect())
    }
}

fn said(word: Word) -> Said {
    Said {
        author: author(word.user.as_ref()),
        association: association(word.author_association.as_deref()),
        text: word.body,
        at: word.created_at,
    }
}

fn association(word: Option<&str>) -> Association {
    match word {
        Some("OWNER") => Association::Owner,
        Some("MEMBER") => Association::Member,
        Some("COLLABORATOR") => Association::Collaborator,
        Some("CONTRIBUTOR") => Association::Contributor,
        Some("NONE" | "FIRST_TIMER" | "FIRST_TIME_CONTRIBUTOR" | "MANNEQUIN") => Association::None,
        _ => Association::Unknown,
    }
}

/// The owner and the repository that an issue is in, as GitHub spells it: `https://api.github.com/repos/owner/repo`.
fn home(url: Option<&str>) -> Option<(String, String)> {
    let (_, path) = url?.split_once("/repos/")?;
    let (owner, repo) = path.trim_end_matches('/').split_once('/')?;
    (!owner.is_empty() && !repo.is_empty() && !repo.contains('/'))
        .then(|| (owner.to_owned(), repo.to_owned()))
}

impl Tracker for Github {
    fn platform(&self) -> Platform {
        Platform::Github
    }

    fn issue(&self, reference: &Reference) -> Result<Issue, TrackerError> {
        let (number, raw, at) = self.raw(reference)?;
        let here = is_here(&self.place, number, &raw, &at);
        // Of one that moved nothing more is read: it is not the one that was asked for.
        let comments =
            if here && raw.comments > 0 { self.last_words(number, raw.comments)? } else { vec![] };
        let known = association(raw.author_association.as_deref());
        Ok(neutral(raw, Platform::Github, at, known, comments))
    }

    fn comment(&self, reference: &Reference, text: &str, key: &str) -> Result<(), TrackerError> {
        let (number, _) = self.to_write(reference)?;
        Ok(Forge::comment(self, number, text, key)?)
    }

    fn set_status(&self, reference: &Reference, status: Status) -> Result<(), TrackerError> {
        let (number, raw) = self.to_write(reference)?;
        let path = format!("{}/issues/{number}", self.repo);
        let state = if status == Status::Closed { "closed" } else { "open" };
        // What somebody closed is not opened by saying that it is worked at.
        let settles = matches!(status, Status::Open | Status::Closed);
        if settles && !raw.state.eq_ignore_ascii_case(state) {
            self.client.set(Method::Patch, &path, &json!({ "state": state }))?;
        }
        if status == Status::Closed {
            return Ok(());
        }
        let has = |name: &str| raw.labels.iter().any(|it| it.name.eq_ignore_ascii_case(name));
        if !settles && !has(status.as_str()) {
            let labels = json!({ "labels": [status.as_str()] });
            self.client.set(Method::Post, &format!("{path}/labels"), &labels)?;
        }
        for other in Status::LABELS.into_iter().filter(|other| *other != status) {
            if has(other.as_str()) {
                let label = format!("{path}/labels/{}", quoted(other.as_str()));
                self.client.remove(&label)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_home_of_an_issue_is_read_from_its_address_and_from_nothing_else() {
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(home(Some("https://api.github.com/repos/ada/web")), pair("ada", "web"));
        assert_eq!(home(Some("https://x/api/v3/repos/ada/web/")), pair("ada", "web"));
        for url in [None, Some(""), Some("https://api.github.com/repos/ada"), Some("/repos/a/b/c")]
        {
            assert_eq!(home(url), None, "{url:?}");
        }
    }

    #[test]
    fn what_github_does_not_say_of_an_author_is_unknown() {
        assert_eq!(association(Some("OWNER")), Association::Owner);
        assert_eq!(association(Some("FIRST_TIMER")), Association::None);
        assert_eq!(association(Some("owner")), Association::Unknown);
        assert_eq!(association(None), Association::Unknown);
    }
}

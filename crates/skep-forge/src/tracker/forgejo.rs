//! The issues of a repository at a Forgejo or a Gitea.
//!
//! Owns: the calls of issues, their labels and comments under `/api/v1`, with the field names of their documentation; what an
//! author is to the repository, which these forges do not say with the issue.
//! Never: speaks HTTP itself (`http` does), or takes a question that it may not ask for a yes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use skep_core::issue::{Association, COMMENTS, Issue, Platform, Reference, Said, Status};

use super::{
    Tracker, TrackerError,
    forge::{Label, Raw, Word, ask, author, is_here, moved, neutral, number},
};
use crate::{
    forgejo::Forgejo,
    http::{ForgeError, Method, or_default, quoted},
    port::Forge,
};

/// How many labels are given at once.
const LIMIT: usize = 50;

/// The colour of a label that was not there.
const COLOUR: &str = "#8b949e";

#[derive(Deserialize)]
struct Permission {
    permission: String,
}

#[derive(Deserialize)]
struct Mine {
    #[serde(default, deserialize_with = "or_default")]
    permissions: Permissions,
}

#[derive(Default, Deserialize)]
struct Permissions {
    #[serde(default, deserialize_with = "or_default")]
    push: bool,
}

impl Forgejo {
    /// The issue as the forge tells of it, and the owner and the repository that it is in.
    fn raw(&self, reference: &Reference) -> Result<(u64, Raw, (String, String)), TrackerError> {
        let number = number(&self.place, Platform::Forgejo, reference)?;
        let path = format!("{}/issues/{number}", self.repo);
        let raw = ask(&self.client, &path, &self.place, reference)?;
        // Where it says nothing of its home, it is not known to be the one that was asked for.
        let at = raw.repository.as_ref().map(|at| (at.owner.clone(), at.name.clone()));
        let at = at.ok_or_else(|| self.client.malformed("an issue without its repository"))?;
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

    /// What `name` is to the repository, by the strongest thing that this token may be told.
    fn association(
        &self,
        name: &str,
        known: &mut BTreeMap<String, Association>,
    ) -> Result<Association, ForgeError> {
        if name.is_empty() {
            return Ok(Association::Unknown);
        }
        if name.eq_ignore_ascii_case(&self.place.owner()) {
            return Ok(Association::Owner);
        }
        if let Some(known) = known.get(name) {
            return Ok(*known);
        }
        let found = self.asked_association(name)?;
        known.insert(name.to_owned(), found);
        Ok(found)
    }

    fn asked_association(&self, name: &str) -> Result<Association, ForgeError> {
        if self.me()?.as_deref() == Some(name) {
            let mine: Mine = self.client.get(&self.repo)?;
            let push = mine.permissions.push;
            return Ok(if push { Association::Collaborator } else { Association::None });
        }
        let of = format!("{}/collaborators/{}", self.repo, quoted(name));
        match self.told(&format!("{of}/permission"))? {
            Told::Yes(said) => {
                let said = Permission::deserialize(said).map(|it| it.permission);
                return Ok(match said.as_deref() {
                    Ok("owner" | "admin" | "write") => Association::Collaborator,
                    Ok("read" | "none") => Association::None,
                    _ => Association::Unknown,
                });
            }
            Told::No => return Ok(Association::Unknown),
            Told::Forbidden => {}
        }
        // Who does not administer the repository is told less, and asks for less.
        if let Told::Yes(_) = self.told(&of)? {
            return Ok(Association::Collaborator);
        }
        let org = quoted(&self.place.owner());
        match self.told(&format!("{}/orgs/{org}/members/{}", self.api, quoted(name)))? {
            Told::Yes(_) => Ok(Association::Member),
            Told::No | Told::Forbidden => Ok(Association::Unknown),
        }
    }

    fn told(&self, path: &str) -> Result<Told, ForgeError> {
        match self.client.get::<Value>(path) {
            Ok(said) => Ok(Told::Yes(said)),
            Err(ForgeError::NotFound { .. }) => Ok(Told::No),
            Err(ForgeError::Auth { .. } | ForgeError::Refused { .. }) => Ok(Told::Forbidden),
            Err(error) => Err(error),
        }
    }

    fn last_words(
        &self,
        number: u64,
        known: &mut BTreeMap<String, Association>,
    ) -> Result<Vec<Said>, ForgeError> {
        let words: Vec<Word> =
            self.client.list(&format!("{}/issues/{number}/comments", self.repo), None)?;
        let from = words.len().saturating_sub(COMMENTS);
        let said = words.into_iter().skip(from).map(|word| {
            let author = author(word.user.as_ref());
            let association = self.association(&author, known)?;
            Ok(Said { author, association, text: word.body, at: word.created_at })
        });
        said.collect()
    }

    /// The label of this name, made where there is none.
    fn label_id(&self, name: &str) -> Result<i64, ForgeError> {
        let path = format!("{}/labels", self.repo);
        let find = || {
            let all: Vec<Label> = self.client.list(&format!("{path}?limit={LIMIT}"), None)?;
            Ok(all.into_iter().find(|label| label.name.eq_ignore_ascii_case(name)))
        };
        let body = json!({ "name": name, "color": COLOUR });
        let made = self.client.once(
            find,
            || self.client.post(&path, &body),
            |value| self.client.read::<Label>(value),
        );
        made.map(|(label, _)| label.id)
    }
}

/// What came of a question that not everybody may ask.
enum Told {
    Yes(Value),
    No,
    Forbidden,
}

impl Tracker for Forgejo {
    fn platform(&self) -> Platform {
        Platform::Forgejo
    }

    fn issue(&self, reference: &Reference) -> Result<Issue, TrackerError> {
        let (number, raw, at) = self.raw(reference)?;
        // Of one that moved nothing more is read: it is not the one that was asked for.
        if !is_here(&self.place, number, &raw, &at) {
            return Ok(neutral(raw, Platform::Forgejo, at, Association::Unknown, vec![]));
        }
        let mut known = BTreeMap::new();
        let association = self.association(&author(raw.user.as_ref()), &mut known)?;
        let comments = if raw.comments > 0 { self.last_words(number, &mut known)? } else { vec![] };
        Ok(neutral(raw, Platform::Forgejo, at, association, comments))
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
        let has = |name: &str| raw.labels.iter().find(|it| it.name.eq_ignore_ascii_case(name));
        if !settles && has(status.as_str()).is_none() {
            let labels = json!({ "labels": [self.label_id(status.as_str())?] });
            self.client.set(Method::Post, &format!("{path}/labels"), &labels)?;
        }
        for other in Status::LABELS.into_iter().filter(|other| *other != status) {
            if let Some(label) = has(other.as_str()) {
                let label = format!("{path}/labels/{}", label.id);
                self.client.remove(&label)?;
            }
        }
        Ok(())
    }
}

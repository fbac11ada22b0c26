//! Forgejo, and Gitea.
//!
//! Owns: the calls of pulls, issues, labels, statuses, branches and collaborators under `/api/v1`, with the field names of their
//! documentation (Gitea's API structs, which Forgejo shares).
//! Never: speaks HTTP itself (`http` does).

use std::{collections::BTreeMap, sync::Mutex};

use serde::Deserialize;
use serde_json::{Value, json};
use skep_core::{
    change::{Change, ChangeState, Check, CheckState, Comment},
    text,
    time::Timestamp,
};

use crate::{
    http::{
        Budget, Client, ForgeError, Manners, Method, Patience, Posted, Token, moment, or_default,
        quoted, quoted_path,
    },
    port::{
        Forge, Proposal, Proposed, Seen,
        adapter::{Me, finish, left},
        marks,
    },
    remote::{Kind, Place},
};

const MANNERS: Manners = Manners { scheme: "token", headers: &[] };

/// What a draft's title begins with, unless a server is told otherwise.
const DRAFT: &str = "WIP: ";

/// What a server takes for it.
const DRAFTS: [&str; 2] = ["wip:", "[wip]"];

/// The most that a server gives at once.
const LIMIT: usize = 50;

/// A repository at a Forgejo or a Gitea.
#[derive(Debug)]
pub struct Forgejo {
    pub(crate) client: Client,
    pub(crate) place: Place,
    /// Before every path.
    pub(crate) api: String,
    /// The repository's own path.
    pub(crate) repo: String,
    me: Mutex<Me>,
}

#[derive(Debug, Deserialize)]
struct Pull {
    number: u64,
    html_url: String,
    state: String,
    /// Older servers do not tell.
    #[serde(default)]
    draft: Option<bool>,
    #[serde(default, deserialize_with = "or_default")]
    merged: bool,
    #[serde(default)]
    merge_commit_sha: Option<String>,
    title: String,
    #[serde(default)]
    body: Option<String>,
    head: End,
    base: End,
    #[serde(default)]
    labels: Option<Vec<Label>>,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Debug, Deserialize)]
struct End {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    #[serde(default, deserialize_with = "or_default")]
    repo_id: i64,
}

#[derive(Debug, Deserialize)]
struct Label {
    id: i64,
    name: String,
}

#[derive(Debug, Clone, Deserialize)]
struct User {
    login: String,
}

#[derive(Debug, Deserialize)]
struct Combined {
    #[serde(default)]
    statuses: Option<Vec<Status>>,
    #[serde(default, deserialize_with = "or_default")]
    total_count: usize,
}

#[derive(Debug, Deserialize)]
struct Status {
    context: String,
    status: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
}

/// What somebody wrote: to the change, to a line of it, or as a review.
#[derive(Debug, Deserialize)]
struct Word {
    id: u64,
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default, deserialize_with = "moment")]
    created_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    submitted_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "moment")]
    updated_at: Option<Timestamp>,
    /// Of a review.
    #[serde(default)]
    state: Option<String>,
    /// How many lines a review is about.
    #[serde(default, deserialize_with = "or_default")]
    comments_count: u64,
    /// Who said that it is done.
    #[serde(default)]
    resolver: Option<User>,
    #[serde(default)]
    path: Option<String>,
    /// Line numbers, 0 for none.
    #[serde(default, deserialize_with = "or_default")]
    position: u64,
    #[serde(default, deserialize_with = "or_default")]
    original_position: u64,
}

impl Forgejo {
    /// The repository at `place`.
    pub fn new(place: Place, token: Token, patience: Patience) -> Forgejo {
        let (origin, below) = place.origin();
        let api = format!("{below}/api/v1");
        let client = Client::new(&place.host, &origin, MANNERS, token, patience);
        let repo = format!("{api}/repos/{}/{}", quoted(&place.owner()), quoted(place.repo()));
        Forgejo { client, place, api, repo, me: Mutex::default() }
    }

    fn pull(&self, number: u64) -> Result<Pull, ForgeError> {
        self.client.get(&format!("{}/pulls/{number}", self.repo))
    }

    /// The list cannot be asked for one branch on every server, so it is gone through.
    fn open(&self, wanted: &Proposal) -> Result<Option<Pull>, ForgeError> {
        let path = format!("{}/pulls?state=open&sort=recentupdate&limit={LIMIT}", self.repo);
        let pulls: Vec<Pull> = self.client.list(&path, None)?;
        let ours = pulls.into_iter().filter(|pull| {
            pull.state == "open"
                && pull.head.name == wanted.head
                && pull.base.name == wanted.base
                && pull.head.repo_id == pull.base.repo_id
        });
        Ok(ours.min_by_key(|pull| pull.number))
    }

    fn make(&self, wanted: &Proposal) -> Result<Posted, ForgeError> {
        let body = json!({
            "title": title(wanted),
            "head": wanted.head,
            "base": wanted.base,
            "body": marks::first(&wanted.body, &wanted.below),
        });
        match self.client.post(&format!("{}/pulls", self.repo), &body) {
            Err(ForgeError::Refused { host, text, .. }) if text.contains("no changes between") => {
                Err(ForgeError::Nothing { host, text })
            }
            Err(error @ ForgeError::Refused { status: 409, .. }) => Ok(Posted::There(error)),
            made => made,
        }
    }

    fn update(&self, pull: Pull, wanted: &Proposal) -> Result<Pull, ForgeError> {
        let body = marks::body(pull.body.as_deref(), &wanted.body);
        let mut fields = serde_json::Map::new();
        // A server that calls drafts otherwise says so itself.
        let same = bare(&pull.title) == bare(&title(wanted)) && pull.is_draft() == wanted.draft;
        if !same {
            fields.insert("title".to_owned(), Value::from(title(wanted)));
        }
        if !marks::same(pull.body.as_deref(), &body) {
            fields.insert("body".to_owned(), Value::from(body));
        }
        if fields.is_empty() { Ok(pull) } else { self.edit(pull.number, fields) }
    }

    fn edit(
        &self,
        number: u64,
        fields: serde_json::Map<String, Value>,
    ) -> Result<Pull, ForgeError> {
        let path = format!("{}/pulls/{number}", self.repo);
        let value = self.client.set(Method::Patch, &path, &Value::Object(fields))?;
        self.client.read(value)
    }

    fn label(
        &self,
        pull: &Pull,
        wanted: &Proposal,
        notes: &mut Vec<String>,
    ) -> Result<(), ForgeError> {
        let has = |labels: &[Label], name: &str| {
            labels.iter().find(|label| label.name.eq_ignore_ascii_case(name)).map(|label| label.id)
        };
        let there = pull.labels.as_deref().unwrap_or_default();
        let missing: Vec<&String> =
            wanted.labels.iter().filter(|name| has(there, name).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut known: Vec<Label> =
            self.client.list(&format!("{}/labels?limit={LIMIT}", self.repo), None)?;
        let of_org =
            format!("{}/orgs/{}/labels?limit={LIMIT}", self.api, quoted(&self.place.owner()));
        match self.client.list(&of_org, None) {
            Ok(more) => known.extend::<Vec<Label>>(more),
            // The owner is a person, or the token may not know.
            Err(ForgeError::NotFound { .. } | ForgeError::Auth { .. }) => {}
            Err(error) => return Err(error),
        }
        let mut ids = Vec::new();
        for name in missing {
            match has(&known, name) {
                Some(id) => ids.push(id),
                None => {
                    notes
                        .push(format!("without the label {}: there is none", text::one_line(name)));
                }
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        let path = format!("{}/issues/{}/labels", self.repo, pull.number);
        left(self.client.set(Method::Post, &path, &json!({ "labels": ids })), "labels", notes)
    }

    fn ask_reviewers(
        &self,
        pull: &Pull,
        wanted: &Proposal,
        notes: &mut Vec<String>,
    ) -> Result<(), ForgeError> {
        let same = |user: Option<&User>, name: &str| {
            user.is_some_and(|user| user.login.eq_ignore_ascii_case(name))
        };
        let mut missing: Vec<&String> =
            wanted.reviewers.iter().filter(|name| !same(pull.user.as_ref(), name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // Who is asked stands among the reviews, as one that is to come.
        let reviews = self.reviews(pull.number)?;
        missing.retain(|name| !reviews.iter().any(|review| same(review.user.as_ref(), name)));
        let path = format!("{}/pulls/{}/requested_reviewers", self.repo, pull.number);
        for name in missing {
            let set = self.client.set(Method::Post, &path, &json!({ "reviewers": [name] }));
            left(set, &format!("the reviewer {}", text::one_line(name)), notes)?;
        }
        Ok(())
    }

    fn reviews(&self, number: u64) -> Result<Vec<Word>, ForgeError> {
        self.client.list(&format!("{}/pulls/{number}/reviews?limit={LIMIT}", self.repo), None)
    }

    fn words(&self, number: u64) -> Result<Vec<Word>, ForgeError> {
        self.client.list(&format!("{}/issues/{number}/comments", self.repo), None)
    }

    fn checks(&self, head: &str) -> Result<Vec<Check>, ForgeError> {
        let mut checks = Vec::new();
        for page in 1.. {
            let path =
                format!("{}/commits/{}/status?page={page}&limit={LIMIT}", self.repo, quoted(head));
            let combined: Combined = self.client.get(&path)?;
            let statuses = combined.statuses.unwrap_or_default();
            let last = statuses.is_empty();
            checks.extend(statuses.into_iter().map(|status| Check {
                state: match status.status.as_str() {
                    "success" => CheckState::Passed,
                    "failure" | "error" => CheckState::Failed,
                    "warning" | "skipped" => CheckState::Skipped,
                    _ => CheckState::Pending,
                },
                name: status.context,
                url: status.target_url,
                text: status.description.unwrap_or_default(),
            }));
            if last || checks.len() >= combined.total_count {
                break;
            }
        }
        Ok(checks)
    }

    fn comments(&self, number: u64) -> Result<Vec<Comment>, ForgeError> {
        let mut words: Vec<(&str, Word)> = Vec::new();
        let plain = self.words(number)?.into_iter();
        words.extend(plain.map(|word| ("comment", Word { updated_at: None, ..word })));
        for review in self.reviews(number)? {
            if review.state.as_deref() == Some("PENDING") {
                continue;
            }
            if review.comments_count > 0 {
                let path = format!("{}/pulls/{number}/reviews/{}/comments", self.repo, review.id);
                let lines: Vec<Word> = self.client.list(&path, None)?;
                // A line is written long before its review is given, and nobody else sees it until then.
                let given = review.submitted_at.max(review.updated_at);
                let seen = |line: Word| Word { updated_at: None, submitted_at: given, ..line };
                words.extend(lines.into_iter().map(|line| ("line", seen(line))));
            }
            words.push(("review", review));
        }
        let me = self.me()?;
        let mut writers = BTreeMap::new();
        let mut comments = Vec::new();
        for (kind, word) in words {
            let body = word.body.unwrap_or_default();
            let author = word.user.map_or_else(|| "ghost".to_owned(), |user| user.login);
            // `submitted_at` of some servers is when a review was begun.
            let at = word.created_at.max(word.submitted_at).max(word.updated_at);
            let Some(at) = at else { continue };
            let ours = marks::ours(&body) && me.as_ref().is_none_or(|me| *me == author);
            if body.trim().is_empty() || ours || word.resolver.is_some() {
                continue;
            }
            let line = [word.position, word.original_position].into_iter().find(|line| *line > 0);
            comments.push(Comment {
                id: format!("{kind}-{}", word.id),
                member: self.writes(&author, me.as_deref(), &mut writers)?,
                author,
                text: body,
                line: line.filter(|_| word.path.is_some()),
                file: word.path,
                at,
            });
        }
        Ok(comments)
    }

    /// Whether this author may write here. A server tells that of others only to those who administer the repository.
    fn writes(
        &self,
        author: &str,
        me: Option<&str>,
        writers: &mut BTreeMap<String, bool>,
    ) -> Result<bool, ForgeError> {
        #[derive(Deserialize)]
        struct Permission {
            permission: String,
        }
        #[derive(Deserialize)]
        struct Repository {
            #[serde(default, deserialize_with = "or_default")]
            permissions: Permissions,
        }
        #[derive(Default, Deserialize)]
        struct Permissions {
            #[serde(default, deserialize_with = "or_default")]
            push: bool,
        }
        if author.eq_ignore_ascii_case(&self.place.owner()) {
            return Ok(true);
        }
        if let Some(known) = writers.get(author) {
            return Ok(*known);
        }
        let may = if me == Some(author) {
            self.client.get::<Repository>(&self.repo)?.permissions.push
        } else {
            let path = format!("{}/collaborators/{}/permission", self.repo, quoted(author));
            match self.client.find::<Permission>(&path) {
                Ok(said) => said.is_some_and(|said| {
                    matches!(said.permission.as_str(), "owner" | "admin" | "write")
                }),
                // Then nobody is taken for more than a reader.
                Err(ForgeError::Auth { .. } | ForgeError::Refused { .. }) => false,
                Err(error) => return Err(error),
            }
        };
        writers.insert(author.to_owned(), may);
        Ok(may)
    }

    pub(crate) fn me(&self) -> Result<Option<String>, ForgeError> {
        Me::known(&self.me, || {
            let me = self.client.find::<User>(&format!("{}/user", self.api))?;
            Ok(me.map(|me| me.login))
        })
    }
}

/// The title as it shall stand, with what makes it a draft.
fn title(wanted: &Proposal) -> String {
    let title = marks::title(&wanted.title, &wanted.head);
    let bare = bare(&title);
    if wanted.draft { format!("{DRAFT}{bare}") } else { bare.to_owned() }
}

/// A title without what makes it a draft.
fn bare(title: &str) -> &str {
    let mut rest = title.trim();
    while let Some(prefix) = DRAFTS.iter().find(|prefix| {
        rest.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    }) {
        rest = rest[prefix.len()..].trim_start();
    }
    // A title of nothing else is no draft, but a title.
    if rest.is_empty() { title } else { rest }
}

impl Pull {
    fn is_draft(&self) -> bool {
        self.draft.unwrap_or_else(|| bare(&self.title) != self.title.trim())
    }

    fn neutral(&self) -> Change {
        Change {
            forge: Kind::Forgejo.as_str().to_owned(),
            number: self.number,
            url: self.html_url.clone(),
            state: match self.state.as_str() {
                _ if self.merged => ChangeState::Merged,
                "closed" => ChangeState::Closed,
                _ => ChangeState::Open,
            },
            draft: self.is_draft(),
            head: self.head.sha.clone(),
            base: self.base.name.clone(),
            merged_as: self.merge_commit_sha.clone().filter(|sha| self.merged && !sha.is_empty()),
        }
    }
}

impl Forge for Forgejo {
    fn kind(&self) -> Kind {
        Kind::Forgejo
    }

    fn propose(&self, wanted: &Proposal) -> Result<Proposed, ForgeError> {
        let (pull, made) = self.client.once(
            || self.open(wanted),
            || self.make(wanted),
            |value| self.client.read(value),
        )?;
        let mut notes = Vec::new();
        let pull = self.update(pull, wanted)?;
        self.label(&pull, wanted, &mut notes)?;
        self.ask_reviewers(&pull, wanted, &mut notes)?;
        Ok(Proposed { change: pull.neutral(), made, left: notes })
    }

    fn change(&self, number: u64) -> Result<Change, ForgeError> {
        Ok(self.pull(number)?.neutral())
    }

    fn look(&self, number: u64, since: Option<Timestamp>) -> Result<Seen, ForgeError> {
        let before = self.client.tally();
        let change = self.change(number)?;
        let (mut checks, mut comments) = (Vec::new(), Vec::new());
        if change.state == ChangeState::Open {
            checks = self.checks(&change.head)?;
            comments = self.comments(number)?;
        }
        Ok(finish(&self.client, before, change, checks, comments, since))
    }

    fn protected(&self, branch: &str) -> Result<Option<bool>, ForgeError> {
        #[derive(Deserialize)]
        struct Branch {
            #[serde(default)]
            protected: Option<bool>,
            #[serde(default)]
            user_can_push: Option<bool>,
        }
        let path = format!("{}/branches/{}", self.repo, quoted_path(branch));
        let found = self.client.find::<Branch>(&path)?;
        Ok(found.and_then(|branch| {
            branch.protected.map(|protected| protected && branch.user_can_push != Some(true))
        }))
    }

    fn ready(&self, number: u64) -> Result<Change, ForgeError> {
        let pull = self.pull(number)?;
        if !pull.is_draft() || pull.state != "open" {
            return Ok(pull.neutral());
        }
        let title = Value::from(bare(&pull.title));
        let fields = serde_json::Map::from_iter([("title".to_owned(), title)]);
        Ok(self.edit(number, fields)?.neutral())
    }

    fn comment(&self, number: u64, words: &str, key: &str) -> Result<(), ForgeError> {
        let me = self.me()?;
        let mark = marks::mark(key);
        let find = || {
            let ours = self.words(number)?.into_iter().find(|word| {
                word.body.as_deref().is_some_and(|body| body.contains(&mark))
                    && me
                        .as_ref()
                        .is_none_or(|me| word.user.as_ref().is_some_and(|user| user.login == *me))
            });
            Ok(ours.map(|_| ()))
        };
        let path = format!("{}/issues/{number}/comments", self.repo);
        let body = json!({ "body": marks::comment(words, key) });
        self.client.once(find, || self.client.post(&path, &body), |_| Ok(())).map(|_| ())
    }

    fn budget(&self) -> Option<Budget> {
        self.client.budget()
    }
}

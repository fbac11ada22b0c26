//! GitLab, gitlab.com and the servers of others.
//!
//! Owns: the calls of merge requests, discussions, pipelines, members and branches under `/api/v4`, with the field names of its
//! documentation (docs.gitlab.com/api).
//! Never: speaks HTTP itself (`http` does), or lets a text become a quick action.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use serde::Deserialize;
use serde_json::{Value, json};
use skep_core::{
    change::{Change, ChangeState, Check, CheckState, Comment},
    text,
    time::Timestamp,
};

use crate::{
    http::{
        Budget, Client, ForgeError, Line, Manners, Method, Patience, Posted, Token, or_default,
        quoted,
    },
    port::{
        Forge, Proposal, Proposed, Seen,
        adapter::{Me, finish, left},
        marks,
    },
    remote::{Kind, Place},
};

const MANNERS: Manners = Manners { scheme: "Bearer", headers: &[] };

/// What a draft's title begins with.
const DRAFT: &str = "Draft: ";

/// What the server takes for it, and older ones took.
const DRAFTS: [&str; 5] = ["draft:", "[draft]", "(draft)", "wip:", "[wip]"];

/// The access level from which on somebody may push: Developer.
const WRITES: u64 = 30;

/// A project at a GitLab.
#[derive(Debug)]
pub struct Gitlab {
    client: Client,
    /// Before every path.
    api: String,
    /// The project's own path.
    project: String,
    me: Mutex<Me>,
}

#[derive(Debug, Deserialize)]
struct Request {
    iid: u64,
    web_url: String,
    state: String,
    #[serde(default)]
    draft: Option<bool>,
    /// None while the server still makes up its mind.
    #[serde(default)]
    sha: Option<String>,
    source_branch: String,
    target_branch: String,
    #[serde(default)]
    source_project_id: Option<u64>,
    #[serde(default)]
    target_project_id: Option<u64>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
    #[serde(default)]
    squash_commit_sha: Option<String>,
    title: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    labels: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    reviewers: Vec<User>,
    #[serde(default)]
    head_pipeline: Option<Pipeline>,
}

#[derive(Debug, Deserialize)]
struct Pipeline {
    id: u64,
    #[serde(default)]
    project_id: Option<u64>,
    sha: String,
    #[serde(rename = "ref", default, deserialize_with = "or_default")]
    name: String,
    status: String,
    #[serde(default)]
    web_url: Option<String>,
    #[serde(default)]
    created_at: Option<Timestamp>,
}

/// A version of a request's commits.
#[derive(Debug, Deserialize)]
struct Version {
    head_commit_sha: String,
    created_at: Timestamp,
}

#[derive(Debug, Clone, Deserialize)]
struct User {
    id: u64,
    username: String,
}

/// A job of a pipeline, or what another service says of a commit.
#[derive(Debug, Deserialize)]
struct Job {
    id: u64,
    name: String,
    status: String,
    #[serde(default, deserialize_with = "or_default")]
    allow_failure: bool,
    #[serde(default)]
    web_url: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
    #[serde(default)]
    failure_reason: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Discussion {
    notes: Vec<Note>,
}

#[derive(Debug, Deserialize)]
struct Note {
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    body: String,
    author: User,
    created_at: Timestamp,
    /// The server's own: `added 1 commit`.
    #[serde(default, deserialize_with = "or_default")]
    system: bool,
    #[serde(default, deserialize_with = "or_default")]
    resolved: bool,
    #[serde(default)]
    position: Option<Position>,
}

#[derive(Debug, Deserialize)]
struct Position {
    #[serde(default)]
    new_path: Option<String>,
    #[serde(default)]
    new_line: Option<u64>,
    #[serde(default)]
    old_line: Option<u64>,
}

impl Gitlab {
    /// The project at `place`.
    pub fn new(place: &Place, token: Token, patience: Patience) -> Gitlab {
        let (origin, below) = place.origin();
        let api = format!("{below}/api/v4");
        let client = Client::new(&place.host, &origin, MANNERS, token, patience);
        let project = format!("{api}/projects/{}", quoted(&place.name()));
        Gitlab { client, api, project, me: Mutex::default() }
    }

    /// The same, asking behind all others of `line`.
    #[must_use]
    pub fn in_line(self, line: Line) -> Gitlab {
        Gitlab { client: self.client.in_line(line), ..self }
    }

    fn request(&self, number: u64) -> Result<Request, ForgeError> {
        self.client.get(&format!("{}/merge_requests/{number}", self.project))
    }

    fn open(&self, wanted: &Proposal) -> Result<Option<Request>, ForgeError> {
        let path = format!(
            "{}/merge_requests?state=opened&source_branch={}&target_branch={}&per_page=100",
            self.project,
            quoted(&wanted.head),
            quoted(&wanted.base)
        );
        let requests: Vec<Request> = self.client.list(&path, None)?;
        let ours = requests.into_iter().filter(|request| {
            request.state == "opened"
                && request.source_branch == wanted.head
                && request.target_branch == wanted.base
                && request.source_project_id == request.target_project_id
        });
        Ok(ours.min_by_key(|request| request.iid))
    }

    fn make(&self, wanted: &Proposal) -> Result<Posted, ForgeError> {
        let body = json!({
            "source_branch": wanted.head,
            "target_branch": wanted.base,
            "title": title(wanted, None),
            "description": marks::first(&tame(&wanted.body), &tame(&wanted.below)),
        });
        match self.client.post(&format!("{}/merge_requests", self.project), &body) {
            Err(error @ ForgeError::Refused { status: 409, .. }) => Ok(Posted::There(error)),
            made => made,
        }
    }

    fn edit(&self, number: u64, fields: &Value) -> Result<Request, ForgeError> {
        let path = format!("{}/merge_requests/{number}", self.project);
        let value = self.client.set(Method::Put, &path, fields)?;
        self.client.read(value)
    }

    fn update(&self, request: Request, wanted: &Proposal) -> Result<Request, ForgeError> {
        let body = marks::body(request.description.as_deref(), &tame(&wanted.body));
        let mut fields = serde_json::Map::new();
        let title = title(wanted, Some(&request.title));
        let same = bare(&request.title) == bare(&title) && request.is_draft() == wanted.draft;
        if !same {
            fields.insert("title".to_owned(), Value::from(title));
        }
        if !marks::same(request.description.as_deref(), &body) {
            fields.insert("description".to_owned(), Value::from(body));
        }
        if fields.is_empty() {
            return Ok(request);
        }
        self.edit(request.iid, &Value::Object(fields))
    }

    fn label(
        &self,
        request: &Request,
        wanted: &Proposal,
        notes: &mut Vec<String>,
    ) -> Result<(), ForgeError> {
        let missing: Vec<&str> = wanted
            .labels
            .iter()
            .filter(|label| !request.labels.contains(label))
            .map(String::as_str)
            .collect();
        // They are told apart by commas.
        let (odd, fit): (Vec<&str>, Vec<&str>) =
            missing.into_iter().partition(|label| label.contains(','));
        for label in odd {
            notes.push(format!("without the label {}: it holds a comma", text::one_line(label)));
        }
        if fit.is_empty() {
            return Ok(());
        }
        left(self.edit(request.iid, &json!({ "add_labels": fit.join(",") })), "labels", notes)
    }

    fn ask_reviewers(
        &self,
        request: &Request,
        wanted: &Proposal,
        notes: &mut Vec<String>,
    ) -> Result<(), ForgeError> {
        let mut ids: Vec<u64> = request.reviewers.iter().map(|user| user.id).collect();
        let before = ids.len();
        for name in &wanted.reviewers {
            if request.reviewers.iter().any(|user| user.username.eq_ignore_ascii_case(name)) {
                continue;
            }
            let path = format!("{}/users?username={}", self.api, quoted(name));
            let found: Vec<User> = self.client.list(&path, None)?;
            match found.iter().find(|user| user.username.eq_ignore_ascii_case(name)) {
                Some(user) => ids.push(user.id),
                None => notes.push(format!(
                    "without the reviewer {}: nobody is called so",
                    text::one_line(name)
                )),
            }
        }
        if ids.len() == before {
            return Ok(());
        }
        let set = self.edit(request.iid, &json!({ "reviewer_ids": ids }));
        left(set, "reviewers", notes)
    }

    /// The jobs of the head's pipeline, and what other services say of the commit.
    fn checks(&self, request: &Request) -> Result<Vec<Check>, ForgeError> {
        let Some(sha) = &request.sha else { return Ok(Vec::new()) };
        let mut checks = Vec::new();
        let mut told = BTreeSet::new();
        if let Some(pipeline) = &request.head_pipeline
            && self.is_of_head(request, pipeline, sha)?
        {
            let project = pipeline
                .project_id
                .map_or_else(|| self.project.clone(), |id| format!("{}/projects/{id}", self.api));
            let path = format!("{project}/pipelines/{}/jobs?per_page=100", pipeline.id);
            let jobs: Vec<Job> = self.client.list(&path, None)?;
            told.extend(jobs.iter().map(|job| job.id));
            checks.extend(jobs.into_iter().map(Job::neutral));
            // What no job says: a pipeline that could not begin, or waits.
            let state = job_state(&pipeline.status, false);
            let waits = matches!(state, CheckState::Failed | CheckState::Pending);
            if waits && !checks.iter().any(|check: &Check| check.state == state) {
                checks.push(Check {
                    name: "pipeline".to_owned(),
                    state,
                    url: pipeline.web_url.clone(),
                    text: String::new(),
                });
            }
        }
        let path =
            format!("{}/repository/commits/{}/statuses?per_page=100", self.project, quoted(sha));
        let others: Vec<Job> = self.client.list(&path, None)?;
        let others = others.into_iter().filter(|job| !told.contains(&job.id));
        checks.extend(others.map(Job::neutral));
        Ok(checks)
    }

    /// Whether a pipeline ran for the head as it is now. One of the merged result has the commit of a trial, so its age must tell.
    fn is_of_head(
        &self,
        request: &Request,
        pipeline: &Pipeline,
        sha: &str,
    ) -> Result<bool, ForgeError> {
        if pipeline.sha == sha {
            return Ok(true);
        }
        if !pipeline.name.starts_with("refs/merge-requests/") {
            return Ok(false);
        }
        let path = format!("{}/merge_requests/{}/versions", self.project, request.iid);
        let versions: Vec<Version> = self.client.list(&path, None)?;
        let now = versions.iter().filter(|version| version.head_commit_sha == sha);
        let since = now.map(|version| version.created_at).max();
        Ok(since.zip(pipeline.created_at).is_some_and(|(since, at)| at >= since))
    }

    fn discussions(&self, number: u64) -> Result<Vec<Note>, ForgeError> {
        let path = format!("{}/merge_requests/{number}/discussions?per_page=100", self.project);
        let discussions: Vec<Discussion> = self.client.list(&path, None)?;
        Ok(discussions.into_iter().flat_map(|discussion| discussion.notes).collect())
    }

    fn comments(&self, number: u64) -> Result<Vec<Comment>, ForgeError> {
        let me = self.me()?;
        let mut writers = BTreeMap::new();
        let mut comments = Vec::new();
        for note in self.discussions(number)? {
            let author = note.author.username;
            let ours = marks::ours(&note.body) && me.as_ref().is_none_or(|me| *me == author);
            if note.system || note.resolved || ours || note.body.trim().is_empty() {
                continue;
            }
            let (file, line) = note.position.map_or((None, None), |position| {
                (position.new_path, position.new_line.or(position.old_line))
            });
            comments.push(Comment {
                id: format!("note-{}", note.id),
                member: self.writes(note.author.id, &mut writers)?,
                author,
                text: note.body,
                file,
                line,
                at: note.created_at,
            });
        }
        Ok(comments)
    }

    fn writes(&self, author: u64, writers: &mut BTreeMap<u64, bool>) -> Result<bool, ForgeError> {
        #[derive(Deserialize)]
        struct Member {
            access_level: u64,
            #[serde(default)]
            state: Option<String>,
        }
        if let Some(known) = writers.get(&author) {
            return Ok(*known);
        }
        let path = format!("{}/members/all/{author}", self.project);
        let member = match self.client.find::<Member>(&path) {
            Ok(member) => member,
            // The token may not know: then nobody is taken for more than a reader.
            Err(ForgeError::Auth { .. }) => None,
            Err(error) => return Err(error),
        };
        let may = member.is_some_and(|member| {
            member.access_level >= WRITES
                && member.state.as_deref().is_none_or(|state| state == "active")
        });
        writers.insert(author, may);
        Ok(may)
    }

    fn me(&self) -> Result<Option<String>, ForgeError> {
        Me::known(&self.me, || {
            let me = self.client.find::<User>(&format!("{}/user", self.api))?;
            Ok(me.map(|me| me.username))
        })
    }
}

/// The title as it shall stand where `there` stands now, with what makes it a draft.
fn title(wanted: &Proposal, there: Option<&str>) -> String {
    let title = match there.filter(|_| wanted.keeps_title) {
        Some(there) => there.to_owned(),
        None => marks::title(&wanted.title, &wanted.head),
    };
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
    if rest.is_empty() { title } else { rest }
}

/// A text in which no line is a quick action: `/merge` in somebody's words would merge, by our token.
fn tame(words: &str) -> String {
    let tame = |line: &str| {
        let rest = line.trim_start();
        let space = &line[..line.len() - rest.len()];
        if rest.starts_with('/') { format!("{space}\\{rest}") } else { line.to_owned() }
    };
    words
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .split('\n')
        .map(tame)
        .collect::<Vec<_>>()
        .join("\n")
}

fn job_state(status: &str, may_fail: bool) -> CheckState {
    match status {
        "success" => CheckState::Passed,
        "failed" if may_fail => CheckState::Skipped,
        "failed" => CheckState::Failed,
        "canceled" | "skipped" => CheckState::Skipped,
        // A person may start it, or not; where it has to be, the pipeline waits for it.
        "manual" if may_fail => CheckState::Skipped,
        _ => CheckState::Pending,
    }
}

impl Job {
    fn neutral(self) -> Check {
        Check {
            state: job_state(&self.status, self.allow_failure),
            name: self.name,
            url: self.web_url.or(self.target_url),
            text: self.description.or(self.failure_reason).unwrap_or_default(),
        }
    }
}

impl Request {
    fn is_draft(&self) -> bool {
        self.draft.unwrap_or_else(|| bare(&self.title) != self.title.trim())
    }

    fn neutral(&self) -> Change {
        let merged = self.state == "merged";
        // Fast-forwarded, the head itself is on the target.
        let became = self.merge_commit_sha.clone().or_else(|| self.squash_commit_sha.clone());
        Change {
            forge: Kind::Gitlab.as_str().to_owned(),
            number: self.iid,
            url: self.web_url.clone(),
            state: match self.state.as_str() {
                "merged" => ChangeState::Merged,
                "closed" => ChangeState::Closed,
                // `locked` is a merge under way.
                _ => ChangeState::Open,
            },
            draft: self.is_draft(),
            head: self.sha.clone().unwrap_or_default(),
            base: self.target_branch.clone(),
            merged_as: became.or_else(|| self.sha.clone()).filter(|_| merged),
        }
    }
}

impl Forge for Gitlab {
    fn kind(&self) -> Kind {
        Kind::Gitlab
    }

    fn propose(&self, wanted: &Proposal) -> Result<Proposed, ForgeError> {
        let (request, made) = self.client.once(
            || self.open(wanted),
            || self.make(wanted),
            |value| self.client.read(value),
        )?;
        let mut notes = Vec::new();
        let request = self.update(request, wanted)?;
        self.label(&request, wanted, &mut notes)?;
        self.ask_reviewers(&request, wanted, &mut notes)?;
        Ok(Proposed { change: request.neutral(), made, left: notes })
    }

    fn change(&self, number: u64) -> Result<Change, ForgeError> {
        Ok(self.request(number)?.neutral())
    }

    fn look(&self, number: u64, since: Option<Timestamp>) -> Result<Seen, ForgeError> {
        let before = self.client.tally();
        let request = self.request(number)?;
        let (mut checks, mut comments) = (Vec::new(), Vec::new());
        if request.neutral().state == ChangeState::Open {
            checks = self.checks(&request)?;
            comments = self.comments(number)?;
        }
        Ok(finish(&self.client, before, request.neutral(), checks, comments, since))
    }

    fn protected(&self, branch: &str) -> Result<Option<bool>, ForgeError> {
        #[derive(Deserialize)]
        struct Branch {
            #[serde(default)]
            protected: Option<bool>,
            #[serde(default)]
            can_push: Option<bool>,
        }
        let path = format!("{}/repository/branches/{}", self.project, quoted(branch));
        let found = self.client.find::<Branch>(&path)?;
        Ok(found.and_then(|branch| {
            branch.protected.map(|protected| protected && branch.can_push != Some(true))
        }))
    }

    fn ready(&self, number: u64) -> Result<Change, ForgeError> {
        let request = self.request(number)?;
        if !request.is_draft() || request.state != "opened" {
            return Ok(request.neutral());
        }
        Ok(self.edit(number, &json!({ "title": bare(&request.title) }))?.neutral())
    }

    fn comment(&self, number: u64, words: &str, key: &str) -> Result<(), ForgeError> {
        let me = self.me()?;
        let mark = marks::mark(key);
        let find = || {
            let ours = self.discussions(number)?.into_iter().find(|note| {
                note.body.contains(&mark)
                    && me.as_ref().is_none_or(|me| note.author.username == *me)
            });
            Ok(ours.map(|_| ()))
        };
        let path = format!("{}/merge_requests/{number}/notes", self.project);
        let body = json!({ "body": marks::comment(&tame(words), key) });
        self.client.once(find, || self.client.post(&path, &body), |_| Ok(())).map(|_| ())
    }

    fn budget(&self) -> Option<Budget> {
        self.client.budget()
    }
}

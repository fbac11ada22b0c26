//! GitHub, github.com and the servers of companies.
//!
//! Owns: the REST calls of pulls, issues, checks, statuses and branches, and the two of GraphQL that REST lacks, with the field
//! names of their documentation (docs.github.com, REST version 2022-11-28).
//! Never: speaks HTTP itself (`http` does).

use std::{cell::Cell, collections::BTreeMap, sync::Mutex};

use serde::Deserialize;
use serde_json::{Value, json};
use skep_core::{
    change::{Change, ChangeState, Check, CheckState, Comment},
    text,
    time::Timestamp,
};

use crate::{
    http::{
        Budget, Client, ForgeError, Manners, Method, Patience, Posted, Token, or_default, quoted,
        quoted_path,
    },
    port::{
        Forge, Proposal, Proposed, Seen,
        adapter::{Me, finish, left},
        marks,
    },
    remote::{Kind, Place},
};

const MANNERS: Manners =
    Manners { scheme: "Bearer", headers: &[("x-github-api-version", "2022-11-28")] };

/// The rules of a branch that keep a push from it.
const RULES: [&str; 6] = [
    "pull_request",
    "update",
    "required_status_checks",
    "merge_queue",
    "required_deployments",
    "workflows",
];

/// A repository at GitHub.
#[derive(Debug)]
pub struct Github {
    pub(crate) client: Client,
    pub(crate) place: Place,
    /// Before every path.
    pub(crate) api: String,
    /// The repository's own path.
    pub(crate) repo: String,
    graphql: String,
    me: Mutex<Me>,
}

#[derive(Debug, Deserialize)]
struct Pull {
    number: u64,
    html_url: String,
    state: String,
    #[serde(default, deserialize_with = "or_default")]
    draft: bool,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
    title: String,
    #[serde(default)]
    body: Option<String>,
    head: End,
    base: End,
    #[serde(default, deserialize_with = "or_default")]
    labels: Vec<Label>,
    #[serde(default, deserialize_with = "or_default")]
    requested_reviewers: Vec<User>,
    #[serde(default)]
    user: Option<User>,
    #[serde(default, deserialize_with = "or_default")]
    node_id: String,
}

#[derive(Debug, Deserialize)]
struct End {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    /// None where the fork is gone.
    #[serde(default)]
    repo: Option<Repo>,
}

#[derive(Debug, Deserialize)]
struct Repo {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct Label {
    name: String,
}

#[derive(Debug, Clone, Deserialize)]
struct User {
    login: String,
}

#[derive(Debug, Deserialize)]
struct Run {
    name: String,
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    html_url: Option<String>,
    #[serde(default)]
    details_url: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    output: Output,
}

#[derive(Debug, Default, Deserialize)]
struct Output {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    summary: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Status {
    context: String,
    state: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
}

/// What somebody wrote: to the change, to a line of it, or as a review.
#[derive(Debug, Deserialize)]
struct Word {
    id: u64,
    /// None where the account is gone.
    #[serde(default)]
    user: Option<User>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    author_association: String,
    #[serde(default)]
    created_at: Option<Timestamp>,
    #[serde(default)]
    submitted_at: Option<Timestamp>,
    /// Of a review.
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    line: Option<u64>,
    #[serde(default)]
    original_line: Option<u64>,
    /// Of a line.
    #[serde(default)]
    pull_request_review_id: Option<u64>,
}

impl Github {
    /// The repository at `place`.
    pub fn new(place: Place, token: Token, patience: Patience) -> Github {
        let (origin, api, graphql) = roots(&place);
        let client = Client::new(&place.host, &origin, MANNERS, token, patience);
        let repo = format!("{api}/repos/{}/{}", quoted(&place.owner()), quoted(place.repo()));
        Github { client, place, api, repo, graphql, me: Mutex::default() }
    }

    fn pull(&self, number: u64) -> Result<Pull, ForgeError> {
        self.client.get(&format!("{}/pulls/{number}", self.repo))
    }

    /// The open change as wanted; `among_all` where GitHub says that it is there, and does not find it by its branch: it takes an
    /// owner's name in the letters that it has itself.
    fn open(&self, wanted: &Proposal, among_all: bool) -> Result<Option<Pull>, ForgeError> {
        let mut path =
            format!("{}/pulls?state=open&base={}&per_page=100", self.repo, quoted(&wanted.base));
        if !among_all {
            let head = format!("{}:{}", self.place.owner(), wanted.head);
            path.push_str(&format!("&head={}", quoted(&head)));
        }
        let pulls: Vec<Pull> = self.client.list(&path, None)?;
        let id = |end: &End| end.repo.as_ref().map(|repo| repo.id);
        let ours = pulls.into_iter().filter(|pull| {
            pull.state == "open"
                && pull.head.name == wanted.head
                && pull.base.name == wanted.base
                && id(&pull.head).is_some()
                && id(&pull.head) == id(&pull.base)
        });
        Ok(ours.min_by_key(|pull| pull.number))
    }

    /// Makes the change, without `draft` where the repository has no drafts.
    fn make(&self, wanted: &Proposal, plain: &Cell<bool>) -> Result<Posted, ForgeError> {
        let ask = |draft: bool| {
            let body = json!({
                "title": marks::title(&wanted.title, &wanted.head),
                "head": wanted.head,
                "base": wanted.base,
                "body": marks::first(&wanted.body, &wanted.below),
                "draft": draft,
            });
            self.client.post(&format!("{}/pulls", self.repo), &body)
        };
        let made = match ask(wanted.draft && !plain.get()) {
            Err(ForgeError::Refused { text, .. })
                if wanted.draft && text.contains("raft pull requests are not supported") =>
            {
                plain.set(true);
                ask(false)
            }
            made => made,
        };
        match made {
            Err(ForgeError::Refused { host, text, .. }) if text.contains("No commits between") => {
                Err(ForgeError::Nothing { host, text })
            }
            Err(error @ ForgeError::Refused { status: 422, .. })
                if error.to_string().contains("already exists") =>
            {
                Ok(Posted::There(error))
            }
            made => made,
        }
    }

    /// Title, text and draft as wanted.
    fn update(
        &self,
        mut pull: Pull,
        wanted: &Proposal,
        notes: &mut Vec<String>,
        plain: bool,
    ) -> Result<Pull, ForgeError> {
        let title = marks::title(&wanted.title, &wanted.head);
        let body = marks::body(pull.body.as_deref(), &wanted.body);
        let mut fields = serde_json::Map::new();
        if pull.title != title {
            fields.insert("title".to_owned(), Value::from(title));
        }
        if !marks::same(pull.body.as_deref(), &body) {
            fields.insert("body".to_owned(), Value::from(body));
        }
        if !fields.is_empty() {
            let path = format!("{}/pulls/{}", self.repo, pull.number);
            let value = self.client.set(Method::Patch, &path, &Value::Object(fields))?;
            pull = self.client.read(value)?;
        }
        if pull.draft == wanted.draft {
            return Ok(pull);
        }
        let none = "the repository has no drafts: it asks to be merged at once".to_owned();
        if plain {
            notes.push(none);
            return Ok(pull);
        }
        match self.redraft(&pull, wanted.draft) {
            Err(ForgeError::Refused { .. }) if wanted.draft => notes.push(none),
            done => {
                done?;
                pull.draft = wanted.draft;
            }
        }
        Ok(pull)
    }

    fn redraft(&self, pull: &Pull, draft: bool) -> Result<(), ForgeError> {
        let deed =
            if draft { "convertPullRequestToDraft" } else { "markPullRequestReadyForReview" };
        let query = format!(
            "mutation($id: ID!) {{ {deed}(input: {{pullRequestId: $id}}) {{ pullRequest {{ isDraft }} }} }}"
        );
        let ask = json!({ "query": query, "variables": { "id": pull.node_id } });
        // It says how the change shall stand, and so may be said again.
        let value = self.client.set(Method::Post, &self.graphql, &ask)?;
        let Some(error) = value.get("errors").and_then(|errors| errors.get(0)) else {
            return Ok(());
        };
        let host = self.client.host();
        let said = error.get("message").and_then(Value::as_str).unwrap_or("no reason given");
        let text = text::words(&text::one_line(said), 300);
        Err(match error.get("type").and_then(Value::as_str) {
            Some("FORBIDDEN") => ForgeError::Auth { host, status: 403, text },
            _ => ForgeError::Refused { host, status: 200, text },
        })
    }

    fn label(
        &self,
        pull: &Pull,
        wanted: &Proposal,
        notes: &mut Vec<String>,
    ) -> Result<(), ForgeError> {
        let there = |label: &String| {
            !pull.labels.iter().any(|there| there.name.eq_ignore_ascii_case(label))
        };
        let missing: Vec<&String> = wanted.labels.iter().filter(|label| there(label)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let path = format!("{}/issues/{}/labels", self.repo, pull.number);
        let set = self.client.set(Method::Post, &path, &json!({ "labels": missing }));
        left(set, "labels", notes)
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
        let missing = |name: &&String| {
            !same(pull.user.as_ref(), name)
                && !pull.requested_reviewers.iter().any(|asked| same(Some(asked), name))
        };
        let mut missing: Vec<&String> = wanted.reviewers.iter().filter(missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        // Who has reviewed is no longer among those that are asked, and is not asked anew.
        let reviews: Vec<Word> = self.client.list(&self.reviews(pull.number), None)?;
        missing.retain(|name| !reviews.iter().any(|review| same(review.user.as_ref(), name)));
        let path = format!("{}/pulls/{}/requested_reviewers", self.repo, pull.number);
        // One by one: GitHub refuses all for one that it does not take.
        for name in missing {
            let set = self.client.set(Method::Post, &path, &json!({ "reviewers": [name] }));
            left(set, &format!("the reviewer {}", text::one_line(name)), notes)?;
        }
        Ok(())
    }

    fn reviews(&self, number: u64) -> String {
        format!("{}/pulls/{number}/reviews?per_page=100", self.repo)
    }

    fn words(&self, number: u64) -> String {
        format!("{}/issues/{number}/comments?per_page=100", self.repo)
    }

    fn checks(&self, head: &str) -> Result<Vec<Check>, ForgeError> {
        let commit = format!("{}/commits/{}", self.repo, quoted(head));
        let runs: Vec<Run> =
            self.client.list(&format!("{commit}/check-runs?per_page=100"), Some("check_runs"))?;
        let statuses: Vec<Status> =
            self.client.list(&format!("{commit}/status?per_page=100"), Some("statuses"))?;
        let runs = runs.into_iter().map(|run| Check {
            state: run_state(&run.status, run.conclusion.as_deref()),
            name: run.name,
            url: run.html_url.or(run.details_url),
            text: [run.output.title, run.output.summary]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("\n"),
        });
        let statuses = statuses.into_iter().map(|status| Check {
            state: match status.state.as_str() {
                "success" => CheckState::Passed,
                "failure" | "error" => CheckState::Failed,
                _ => CheckState::Pending,
            },
            name: status.context,
            url: status.target_url,
            text: status.description.unwrap_or_default(),
        });
        Ok(runs.chain(statuses).collect())
    }

    fn comments(&self, number: u64) -> Result<Vec<Comment>, ForgeError> {
        let mut words: Vec<(&str, Word)> = Vec::new();
        let of_lines = format!("{}/pulls/{number}/comments?per_page=100", self.repo);
        for (kind, path) in
            [("comment", self.words(number)), ("line", of_lines), ("review", self.reviews(number))]
        {
            let some: Vec<Word> = self.client.list(&path, None)?;
            words.extend(some.into_iter().map(|word| (kind, word)));
        }
        let given = |(kind, word): &(&str, Word)| {
            word.submitted_at.filter(|_| *kind == "review").map(|at| (word.id, at))
        };
        let given: BTreeMap<u64, Timestamp> = words.iter().filter_map(given).collect();
        let me = self.me()?;
        let mut writers = BTreeMap::new();
        let mut comments = Vec::new();
        for (kind, word) in words {
            let body = word.body.unwrap_or_default();
            let author = word.user.map_or_else(|| "ghost".to_owned(), |user| user.login);
            let pending = word.state.as_deref() == Some("PENDING");
            // A line is written long before its review is given, and nobody else sees it until then.
            let review = word.pull_request_review_id.and_then(|id| given.get(&id).copied());
            let at = word.created_at.max(word.submitted_at).max(review);
            let Some(at) = at.filter(|_| !pending) else { continue };
            if body.trim().is_empty()
                || (marks::ours(&body) && me.as_ref().is_none_or(|me| *me == author))
            {
                continue;
            }
            let member = self.writes(&author, &word.author_association, &mut writers)?;
            comments.push(Comment {
                id: format!("{kind}-{}", word.id),
                author,
                member,
                text: body,
                file: word.path,
                line: word.line.or(word.original_line),
                at,
            });
        }
        Ok(comments)
    }

    /// Whether this author may write here.
    ///
    /// A member of the organisation, or somebody who was invited, may perhaps only read; and one who hides the membership is told
    /// of as a contributor.
    fn writes(
        &self,
        author: &str,
        association: &str,
        writers: &mut BTreeMap<String, bool>,
    ) -> Result<bool, ForgeError> {
        match association {
            "OWNER" => return Ok(true),
            "MEMBER" | "COLLABORATOR" | "CONTRIBUTOR" => {}
            _ => return Ok(false),
        }
        if let Some(known) = writers.get(author) {
            return Ok(*known);
        }
        #[derive(Deserialize)]
        struct Permission {
            permission: String,
        }
        let path = format!("{}/collaborators/{}/permission", self.repo, quoted(author));
        let said = match self.client.find::<Permission>(&path) {
            Ok(said) => said,
            // The token may not know: then nobody is taken for more than a reader.
            Err(ForgeError::Auth { .. }) => None,
            Err(error) => return Err(error),
        };
        let may = said.is_some_and(|said| matches!(said.permission.as_str(), "admin" | "write"));
        writers.insert(author.to_owned(), may);
        Ok(may)
    }

    /// Whose token it is; an app's has no user.
    pub(crate) fn me(&self) -> Result<Option<String>, ForgeError> {
        Me::known(&self.me, || {
            let me = self.client.find::<User>(&format!("{}/user", self.api))?;
            Ok(me.map(|me| me.login))
        })
    }
}

/// Where questions go, what stands before every path there, and where GraphQL is.
fn roots(place: &Place) -> (String, String, String) {
    let (origin, below) = place.origin();
    let host = origin.strip_prefix("https://").unwrap_or_default();
    if host == "github.com" || host.ends_with(".ghe.com") {
        return (format!("https://api.{host}"), String::new(), "/graphql".to_owned());
    }
    (origin, format!("{below}/api/v3"), format!("{below}/api/graphql"))
}

fn run_state(status: &str, conclusion: Option<&str>) -> CheckState {
    match (status, conclusion) {
        ("completed", Some("success")) => CheckState::Passed,
        ("completed", Some("failure" | "timed_out" | "startup_failure")) => CheckState::Failed,
        ("completed", Some("neutral" | "skipped" | "cancelled" | "stale")) => CheckState::Skipped,
        // `action_required` among them: it waits for a person.
        _ => CheckState::Pending,
    }
}

impl Pull {
    fn neutral(&self) -> Change {
        let merged = self.merged_at.is_some();
        Change {
            forge: Kind::Github.as_str().to_owned(),
            number: self.number,
            url: self.html_url.clone(),
            state: match self.state.as_str() {
                _ if merged => ChangeState::Merged,
                "closed" => ChangeState::Closed,
                _ => ChangeState::Open,
            },
            draft: self.draft,
            head: self.head.sha.clone(),
            base: self.base.name.clone(),
            // Of an open change it is the commit of a trial.
            merged_as: self.merge_commit_sha.clone().filter(|_| merged),
        }
    }
}

impl Forge for Github {
    fn kind(&self) -> Kind {
        Kind::Github
    }

    fn propose(&self, wanted: &Proposal) -> Result<Proposed, ForgeError> {
        let (plain, among_all) = (Cell::new(false), Cell::new(false));
        let (pull, made) = self.client.once(
            || self.open(wanted, among_all.get()),
            || {
                let made = self.make(wanted, &plain)?;
                among_all.set(matches!(made, Posted::There(_)));
                Ok(made)
            },
            |value| self.client.read(value),
        )?;
        let mut notes = Vec::new();
        let pull = self.update(pull, wanted, &mut notes, plain.get())?;
        self.label(&pull, wanted, &mut notes)?;
        self.ask_reviewers(&pull, wanted, &mut notes)?;
        Ok(Proposed { change: pull.neutral(), made, left: notes })
    }

    fn change(&self, number: u64) -> Result<Change, ForgeError> {
        Ok(self.pull(number)?.neutral())
    }

    fn look(&self, number: u64, since: Option<Timestamp>) -> Result<Seen, ForgeError> {
        let before = self.client.tally();
        let change = self.pull(number)?.neutral();
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
        }
        #[derive(Deserialize)]
        struct Rule {
            #[serde(rename = "type")]
            kind: String,
        }
        let branch = quoted_path(branch);
        let Some(found) =
            self.client.find::<Branch>(&format!("{}/branches/{branch}", self.repo))?
        else {
            return Ok(None);
        };
        if found.protected == Some(true) {
            return Ok(Some(true));
        }
        let rules = format!("{}/rules/branches/{branch}?per_page=100", self.repo);
        match self.client.list::<Rule>(&rules, None) {
            Ok(rules) => Ok(Some(rules.iter().any(|rule| RULES.contains(&rule.kind.as_str())))),
            // Older servers have no rules, and a token may not see them.
            Err(ForgeError::NotFound { .. } | ForgeError::Auth { .. }) => Ok(found.protected),
            Err(error) => Err(error),
        }
    }

    fn ready(&self, number: u64) -> Result<Change, ForgeError> {
        let mut pull = self.pull(number)?;
        if pull.draft && pull.state == "open" {
            self.redraft(&pull, false)?;
            pull.draft = false;
        }
        Ok(pull.neutral())
    }

    fn comment(&self, number: u64, words: &str, key: &str) -> Result<(), ForgeError> {
        let me = self.me()?;
        let mark = marks::mark(key);
        let find = || {
            let words: Vec<Word> = self.client.list(&self.words(number), None)?;
            let ours = words.into_iter().find(|word| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::{Host, place};

    #[test]
    fn the_api_of_each_kind_of_github_is_where_its_documentation_says() {
        let own = Host {
            name: "git.example.org".to_owned(),
            kind: Kind::Github,
            url: Some("https://git.example.org:8443/hub".to_owned()),
        };
        for (remote, roots) in [
            ("git@github.com:o/r", ["https://api.github.com", "", "/graphql"]),
            ("git@sub.ghe.com:o/r", ["https://api.sub.ghe.com", "", "/graphql"]),
            (
                "git@git.example.org:o/r",
                ["https://git.example.org:8443", "/hub/api/v3", "/hub/api/graphql"],
            ),
        ] {
            let place = place(remote, std::slice::from_ref(&own), &|_| None).unwrap();
            let (origin, api, graphql) = super::roots(&place);
            assert_eq!([&*origin, &*api, &*graphql], roots, "{remote}");
        }
    }
}

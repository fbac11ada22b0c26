//! Issues, as GitHub and Forgejo tell of them; much is the same, and what is not is told apart here.

use serde_json::{Value, json};

use super::{Asked, Face, OWNER, REPO, Right, Told, World, absent, page, texts, time};

/// An issue.
#[derive(Debug, Clone)]
pub struct Issue {
    pub number: u64,
    pub title: String,
    pub body: String,
    pub author: String,
    pub labels: Vec<String>,
    pub closed: bool,
    /// A pull request, which forges number among their issues.
    pub change: bool,
    /// Whether it was deleted, which GitHub tells as gone.
    pub deleted: bool,
    /// Where it is now: owner, repository, number.
    pub moved: Option<(String, String, u64)>,
    /// Author and text.
    pub words: Vec<(String, String)>,
}

impl Issue {
    /// An open issue of somebody.
    pub fn new(number: u64, author: &str, title: &str, body: &str) -> Issue {
        Issue {
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            author: author.to_owned(),
            labels: Vec::new(),
            closed: false,
            change: false,
            deleted: false,
            moved: None,
            words: Vec::new(),
        }
    }
}

impl World {
    /// The issue of this number.
    pub fn issue(&mut self, number: u64) -> Option<&mut Issue> {
        self.issues.iter_mut().find(|issue| issue.number == number)
    }
}

/// The answer to a question about an issue of this world, below its repository; none where it is about something else.
pub(super) fn answer(face: Face, world: &mut World, asked: &Asked, parts: &[&str]) -> Option<Told> {
    let body = asked.json();
    if let ("POST", ["labels"]) = (asked.method.as_str(), parts) {
        let name = body["name"].as_str().unwrap_or_default().to_owned();
        world.labels.push(name.clone());
        return Some(Told::json(201, &json!({ "id": world.labels.len(), "name": name })));
    }
    let number: u64 = parts.get(1)?.parse().ok().filter(|_| parts[0] == "issues")?;
    let issue = world.issues.iter().find(|issue| issue.number == number)?.clone();
    if issue.deleted {
        return Some(Told::json(410, &json!({ "message": "This issue was deleted" })));
    }
    if let (Some((owner, repo, nth)), None) = (&issue.moved, parts.get(2)) {
        let to = match face {
            Face::Github => format!("/api/v3/repositories/99/issues/{nth}"),
            Face::Forgejo | Face::Gitlab => format!("/api/v1/repos/{owner}/{repo}/issues/{nth}"),
        };
        return Some(
            Told::json(301, &json!({ "message": "Moved Permanently" })).with("location", to),
        );
    }
    let all = world.labels.clone();
    let told = match (asked.method.as_str(), &parts[2..]) {
        ("GET", []) => Told::json(200, &shown(face, world, &issue)),
        ("PATCH", []) => {
            let issue = world.issue(number)?;
            if let Some(state) = body["state"].as_str() {
                issue.closed = state == "closed";
            }
            let issue = issue.clone();
            Told::json(200, &shown(face, world, &issue))
        }
        ("GET", ["comments"]) => {
            let words: Vec<Value> = (1_u64..)
                .zip(&issue.words)
                .map(|(id, (author, text))| {
                    let mut word = json!({ "id": id, "user": { "login": author }, "body": text, "created_at": time(id) });
                    if face == Face::Github {
                        word["author_association"] = Value::from(association(world, author));
                    }
                    word
                })
                .collect();
            match face {
                Face::Github => page(world, asked, &words, None),
                // These have no pages.
                Face::Forgejo | Face::Gitlab => Told::json(200, &Value::from(words)),
            }
        }
        ("POST", ["comments"]) => {
            let me = world.me.clone();
            let text = body["body"].as_str().unwrap_or_default().to_owned();
            world.issue(number)?.words.push((me, text));
            Told::json(201, &json!({ "id": 1 }))
        }
        ("POST", ["labels"]) => {
            let ids = body["labels"].as_array().cloned().unwrap_or_default();
            let by_id = ids.iter().filter_map(|id| usize::try_from(id.as_u64()?).ok());
            let by_id = by_id.filter_map(|id| all.get(id - 1).cloned());
            let names = match face {
                Face::Github => texts(&body["labels"]),
                Face::Forgejo | Face::Gitlab => by_id.collect(),
            };
            world.issue(number)?.labels.extend(names);
            Told::json(200, &json!([]))
        }
        ("DELETE", ["labels", label]) => {
            let name = match face {
                Face::Github => (*label).to_owned(),
                Face::Forgejo | Face::Gitlab => {
                    let id: usize = label.parse().ok()?;
                    all.get(id - 1).cloned().unwrap_or_default()
                }
            };
            let issue = world.issue(number)?;
            if !issue.labels.contains(&name) {
                return Some(absent());
            }
            issue.labels.retain(|label| *label != name);
            Told::text(204, "text/plain", "")
        }
        _ => absent(),
    };
    Some(told)
}

/// What of an issue that moved is found by following where the forge sends.
pub(super) fn elsewhere(face: Face, world: &World, path: &str) -> Option<Told> {
    let moved = world.issues.iter().find(|issue| {
        issue.moved.as_ref().is_some_and(|(owner, repo, nth)| match face {
            Face::Github => path == format!("/api/v3/repositories/99/issues/{nth}"),
            Face::Forgejo | Face::Gitlab => {
                path == format!("/api/v1/repos/{owner}/{repo}/issues/{nth}")
            }
        })
    })?;
    Some(Told::json(200, &shown(face, world, moved)))
}

/// What GitHub calls somebody: whoever belongs to it is a member, whatever a member may do.
fn association(world: &World, author: &str) -> &'static str {
    match world.people.get(author) {
        _ if author == OWNER => "OWNER",
        Some(Right::Write) => "COLLABORATOR",
        Some(Right::Read) => "CONTRIBUTOR",
        None => "NONE",
    }
}

fn shown(face: Face, world: &World, issue: &Issue) -> Value {
    let here = (OWNER.to_owned(), REPO.to_owned(), issue.number);
    let (owner, repo, number) = issue.moved.clone().unwrap_or(here);
    let id = |name: &String| world.labels.iter().position(|it| it == name).map_or(0, |at| at + 1);
    let labels: Vec<Value> =
        issue.labels.iter().map(|name| json!({ "id": id(name), "name": name })).collect();
    let mut told = json!({
        "number": number,
        "title": issue.title,
        "body": issue.body,
        "state": if issue.closed { "closed" } else { "open" },
        "user": { "login": issue.author },
        "labels": labels,
        "comments": issue.words.len(),
    });
    let kind = if issue.change { "pulls" } else { "issues" };
    match face {
        Face::Github => {
            told["html_url"] =
                Value::from(format!("https://github.test/{owner}/{repo}/{kind}/{number}"));
            told["repository_url"] =
                Value::from(format!("https://api.github.test/repos/{owner}/{repo}"));
            told["author_association"] = Value::from(association(world, &issue.author));
            if issue.change {
                told["pull_request"] = json!({ "url": "https://api.github.test/x" });
            }
        }
        Face::Forgejo | Face::Gitlab => {
            told["html_url"] =
                Value::from(format!("https://forgejo.test/{owner}/{repo}/{kind}/{number}"));
            told["repository"] = json!({ "id": 7, "name": repo, "owner": owner, "full_name": format!("{owner}/{repo}") });
            told["pull_request"] =
                if issue.change { json!({ "merged": false }) } else { Value::Null };
        }
    }
    told
}

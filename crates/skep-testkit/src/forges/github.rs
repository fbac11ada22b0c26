//! The face of GitHub: REST of a company's server, and the two deeds of GraphQL.

use serde_json::{Value, json};

use super::{
    Asked, Came, Change, Face, OWNER, On, REPO, Refusal, Right, Told, World, absent, issues, page,
    texts, time,
};
use crate::loopback::unquoted;

pub(super) fn answer(world: &mut World, asked: &Asked) -> Told {
    let (path, query) = asked.route();
    let body = asked.json();
    match path.as_str() {
        "/api/v3/user" => return Told::json(200, &json!({ "login": world.me })),
        "/api/graphql" => return graphql(world, &body),
        _ => {}
    }
    if let Some(told) = issues::elsewhere(Face::Github, world, &path) {
        return told;
    }
    let Some(rest) = path.strip_prefix(&format!("/api/v3/repos/{OWNER}/{REPO}/")) else {
        return absent();
    };
    let parts: Vec<String> = rest.split('/').map(unquoted).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let number = parts.get(1).and_then(|part| part.parse().ok()).unwrap_or(0);
    if let Some(told) = issues::answer(Face::Github, world, asked, &parts) {
        return told;
    }
    match (asked.method.as_str(), &parts[..]) {
        ("GET", ["pulls"]) => {
            let value = |name: &str| {
                query.iter().find(|(this, _)| this == name).map(|(_, value)| value.as_str())
            };
            let fits = |change: &&Change| {
                let head = format!("{OWNER}:{}", change.head);
                let open = change.merged.is_none() && !change.closed;
                (value("state") != Some("open") || open)
                    && value("head").is_none_or(|wanted| wanted == head)
                    && value("base").is_none_or(|wanted| wanted == change.base)
            };
            let pulls: Vec<Value> =
                world.changes.iter().filter(fits).map(|change| pull(world, change)).collect();
            page(world, asked, &pulls, None)
        }
        ("POST", ["pulls"]) => create(world, &body),
        ("GET", ["pulls", _]) => show(world, number, 200),
        ("PATCH", ["pulls", _]) => {
            let Some(change) = world.find(number) else { return absent() };
            if let Some(title) = body["title"].as_str() {
                change.title = title.to_owned();
            }
            if let Some(text) = body["body"].as_str() {
                change.body = text.to_owned();
            }
            show(world, number, 200)
        }
        ("POST", ["issues", _, "labels"]) => {
            let Some(change) = world.find(number) else { return absent() };
            change.labels.extend(texts(&body["labels"]));
            Told::json(200, &json!([]))
        }
        ("POST", ["pulls", _, "requested_reviewers"]) => {
            let wanted = texts(&body["reviewers"]);
            if wanted.iter().any(|name| !world.people.contains_key(name)) {
                let message = "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the team/tool repository.";
                return Told::json(422, &json!({ "message": message }));
            }
            let Some(change) = world.find(number) else { return absent() };
            change.reviewers.extend(wanted);
            show(world, number, 201)
        }
        // A line stands in a review of its own.
        ("GET", ["pulls", _, "reviews"]) => {
            words(world, asked, number, true, &|on| *on != On::Change)
        }
        ("GET", ["pulls", _, "comments"]) => {
            words(world, asked, number, false, &|on| matches!(on, On::Line(_, _)))
        }
        ("GET", ["issues", _, "comments"]) => {
            words(world, asked, number, false, &|on| *on == On::Change)
        }
        ("POST", ["issues", _, "comments"]) => {
            let me = world.me.clone();
            let id =
                world.write(number, &me, body["body"].as_str().unwrap_or_default(), On::Change);
            Told::json(201, &json!({ "id": id }))
        }
        ("GET", ["commits", commit, "check-runs"]) => {
            let runs: Vec<Value> = checks(world, commit, false).map(run).collect();
            page(world, asked, &runs, Some("check_runs"))
        }
        ("GET", ["commits", commit, "status"]) => {
            let statuses: Vec<Value> = checks(world, commit, true).map(status).collect();
            page(world, asked, &statuses, Some("statuses"))
        }
        ("GET", ["collaborators", name, "permission"]) => {
            let permission = match world.people.get(*name) {
                Some(Right::Write) => "write",
                Some(Right::Read) => "read",
                None => "none",
            };
            Told::json(200, &json!({ "permission": permission, "role_name": permission }))
        }
        ("GET", ["branches", branch @ ..]) => {
            let branch = branch.join("/");
            if !world.heads.contains_key(&branch) {
                return Told::json(404, &json!({ "message": "Branch not found" }));
            }
            Told::json(200, &json!({ "name": branch, "protected": false }))
        }
        ("GET", ["rules", "branches", branch @ ..]) => {
            let protected = world.protected.contains(&branch.join("/"));
            let rule = json!({ "type": if protected { "pull_request" } else { "deletion" } });
            page(world, asked, &[rule], None)
        }
        _ => absent(),
    }
}

fn create(world: &mut World, body: &Value) -> Told {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let refuse = |errors: &Value| {
        let errors = json!({ "message": "Validation Failed", "errors": [errors] });
        Told::json(422, &errors)
    };
    let custom = |message: String| {
        refuse(&json!({ "resource": "PullRequest", "code": "custom", "message": message }))
    };
    let change = match world.propose(&head, &base) {
        Ok(change) => change,
        Err(Refusal::NoBranch) => {
            return refuse(
                &json!({ "resource": "PullRequest", "field": "head", "code": "invalid" }),
            );
        }
        Err(Refusal::Nothing) => {
            return custom(format!("No commits between {base} and {head}"));
        }
        Err(Refusal::There(_)) => {
            return custom(format!("A pull request already exists for {OWNER}:{head}."));
        }
    };
    (change.title, change.body) = (text("title"), text("body"));
    change.draft = body["draft"] == true;
    let number = change.number;
    show(world, number, 201)
}

fn graphql(world: &mut World, body: &Value) -> Told {
    let query = body["query"].as_str().unwrap_or_default();
    let id = body["variables"]["id"].as_str().unwrap_or_default();
    let number = id.strip_prefix("PR_").and_then(|id| id.parse().ok()).unwrap_or(0);
    let Some(change) = world.find(number) else {
        let error = json!({ "type": "NOT_FOUND", "message": "Could not resolve to a node" });
        return Told::json(200, &json!({ "data": null, "errors": [error] }));
    };
    change.draft = query.contains("convertPullRequestToDraft");
    Told::json(200, &json!({ "data": {} }))
}

fn show(world: &World, number: u64, status: u16) -> Told {
    let change = world.changes.iter().find(|change| change.number == number);
    change.map_or_else(absent, |change| Told::json(status, &pull(world, change)))
}

fn pull(world: &World, change: &Change) -> Value {
    let open = change.merged.is_none() && !change.closed;
    let users = |names: &[String]| -> Vec<Value> {
        names.iter().map(|name| json!({ "login": name })).collect()
    };
    let labels: Vec<Value> = change.labels.iter().map(|name| json!({ "name": name })).collect();
    let repo = json!({ "id": 7, "full_name": format!("{OWNER}/{REPO}") });
    // Of an open one it is the commit of a trial.
    let merged_as =
        change.merged.as_ref().map_or_else(|| "f".repeat(40), |(_, commit)| commit.clone());
    json!({
        "number": change.number,
        "node_id": format!("PR_{}", change.number),
        "html_url": format!("https://github.test/{OWNER}/{REPO}/pull/{}", change.number),
        "state": if open { "open" } else { "closed" },
        "draft": change.draft,
        "merged_at": change.merged.as_ref().map(|_| time(0)),
        "merge_commit_sha": merged_as,
        "title": change.title,
        "body": change.body,
        "user": { "login": world.me },
        "labels": labels,
        "requested_reviewers": users(&change.reviewers),
        "head": { "ref": change.head, "sha": world.head(change), "repo": repo },
        "base": { "ref": change.base, "sha": "a".repeat(40), "repo": repo },
    })
}

fn words(
    world: &World,
    asked: &Asked,
    number: u64,
    as_reviews: bool,
    fits: &dyn Fn(&On) -> bool,
) -> Told {
    let Some(change) = world.changes.iter().find(|change| change.number == number) else {
        return absent();
    };
    let words = change.words.iter().filter(|word| fits(&word.on)).map(|word| {
        // Whoever belongs to it is a member, whatever a member may do.
        let association = if world.people.contains_key(&word.author) { "MEMBER" } else { "NONE" };
        let mut told = json!({
            "id": word.id,
            "user": { "login": word.author },
            "body": word.text,
            "author_association": association,
        });
        match &word.on {
            On::Change => told["created_at"] = Value::from(time(word.second)),
            On::Line(file, line) if !as_reviews => {
                (told["path"], told["line"]) = (Value::from(file.as_str()), Value::from(*line));
                told["pull_request_review_id"] = Value::from(word.id);
                // It was written before its review was given.
                told["created_at"] = Value::from(time(0));
            }
            On::Line(_, _) | On::Review => {
                told["submitted_at"] = Value::from(time(word.second));
                told["state"] = Value::from("CHANGES_REQUESTED");
                if word.on != On::Review {
                    told["body"] = Value::from("");
                }
            }
        }
        told
    });
    page(world, asked, &words.collect::<Vec<_>>(), None)
}

type Checked<'a> = (&'a str, Came, &'a str);

/// Those of a commit; the names of statuses hold a slash.
fn checks<'a>(world: &'a World, commit: &str, status: bool) -> impl Iterator<Item = Checked<'a>> {
    let fits = move |check: &&(String, String, Came, String)| check.1.contains('/') == status;
    let of: Vec<_> = world.checks.iter().filter(|check| check.0 == commit).filter(fits).collect();
    of.into_iter().map(|check| (check.1.as_str(), check.2, check.3.as_str()))
}

fn run((name, result, text): Checked<'_>) -> Value {
    let (status, conclusion) = match result {
        Came::Pending => ("in_progress", None),
        Came::Passed => ("completed", Some("success")),
        Came::Failed => ("completed", Some("failure")),
        Came::Skipped => ("completed", Some("neutral")),
    };
    json!({
        "name": name,
        "status": status,
        "conclusion": conclusion,
        "html_url": "https://github.test/run",
        "output": { "title": text, "summary": null },
    })
}

fn status((name, result, text): Checked<'_>) -> Value {
    let state = match result {
        Came::Passed | Came::Skipped => "success",
        Came::Failed => "failure",
        Came::Pending => "pending",
    };
    json!({ "context": name, "state": state, "description": text, "target_url": null })
}

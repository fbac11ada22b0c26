//! The face of Forgejo and Gitea.

use serde_json::{Value, json};

use super::{
    Asked, Came, Change, Face, OWNER, On, REPO, Refusal, Right, Told, World, absent, issues, page,
    time,
};
use crate::loopback::unquoted;

pub(super) fn answer(world: &mut World, asked: &Asked) -> Told {
    let (path, _) = asked.route();
    let body = asked.json();
    if path == "/api/v1/user" {
        return Told::json(200, &json!({ "login": world.me }));
    }
    if let Some(told) = issues::elsewhere(Face::Forgejo, world, &path) {
        return told;
    }
    let Some(rest) = path.strip_prefix(&format!("/api/v1/repos/{OWNER}/{REPO}")) else {
        return absent();
    };
    if rest.is_empty() {
        let push = world.people.get(&world.me) == Some(&Right::Write);
        return Told::json(200, &json!({ "id": 7, "permissions": { "push": push } }));
    }
    let parts: Vec<String> = rest.trim_start_matches('/').split('/').map(unquoted).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let number = parts.get(1).and_then(|part| part.parse().ok()).unwrap_or(0);
    if let Some(told) = issues::answer(Face::Forgejo, world, asked, &parts) {
        return told;
    }
    match (asked.method.as_str(), &parts[..]) {
        ("GET", ["pulls"]) => {
            let open =
                world.changes.iter().filter(|change| change.merged.is_none() && !change.closed);
            let pulls: Vec<Value> = open.map(|change| pull(world, change)).collect();
            page(world, asked, &pulls, None)
        }
        ("POST", ["pulls"]) => create(world, &body),
        ("GET", ["pulls", _]) => show(world, number, 200),
        ("PATCH", ["pulls", _]) => {
            let Some(change) = world.find(number) else { return absent() };
            if let Some(title) = body["title"].as_str() {
                change.title = title.to_owned();
                change.draft = title.starts_with("WIP:");
            }
            if let Some(text) = body["body"].as_str() {
                change.body = text.to_owned();
            }
            show(world, number, 201)
        }
        ("GET", ["labels"]) => {
            let labels: Vec<Value> = (1..)
                .zip(&world.labels)
                .map(|(id, name): (u64, _)| json!({ "id": id, "name": name }))
                .collect();
            page(world, asked, &labels, None)
        }
        ("POST", ["issues", _, "labels"]) => {
            let ids: Vec<usize> = body["labels"]
                .as_array()
                .cloned()
                .unwrap_or_default()
                .iter()
                .filter_map(|id| usize::try_from(id.as_u64()?).ok())
                .collect();
            let names: Vec<String> =
                ids.iter().filter_map(|id| world.labels.get(id - 1).cloned()).collect();
            let Some(change) = world.find(number) else { return absent() };
            change.labels.extend(names);
            Told::json(200, &json!([]))
        }
        ("POST", ["pulls", _, "requested_reviewers"]) => {
            let wanted = super::texts(&body["reviewers"]);
            if wanted.iter().any(|name| !world.people.contains_key(name)) {
                return Told::json(404, &json!({ "message": "user does not exist" }));
            }
            let Some(change) = world.find(number) else { return absent() };
            change.reviewers.extend(wanted);
            Told::json(201, &json!([]))
        }
        ("GET", ["pulls", _, "reviews"]) => reviews(world, asked, number),
        ("GET", ["pulls", _, "reviews", review, "comments"]) => {
            let of = review.parse().unwrap_or(0);
            let fits = |on: &On, id: u64| matches!(on, On::Line(_, _)) && id == of;
            words(world, number, &fits)
        }
        ("GET", ["issues", _, "comments"]) => words(world, number, &|on, _| *on == On::Change),
        ("POST", ["issues", _, "comments"]) => {
            let me = world.me.clone();
            let id =
                world.write(number, &me, body["body"].as_str().unwrap_or_default(), On::Change);
            Told::json(201, &json!({ "id": id }))
        }
        ("GET", ["commits", commit, "status"]) => {
            let statuses: Vec<Value> = world
                .checks
                .iter()
                .filter(|check| check.0 == *commit)
                .map(|(_, name, result, text)| {
                    let status = match result {
                        Came::Passed => "success",
                        Came::Failed => "failure",
                        Came::Pending => "pending",
                        Came::Skipped => "skipped",
                    };
                    json!({ "context": name, "status": status, "description": text, "target_url": "" })
                })
                .collect();
            if statuses.is_empty() {
                return Told::json(
                    200,
                    &json!({ "state": "", "statuses": null, "total_count": 0 }),
                );
            }
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
                return absent();
            }
            let protected = world.protected.contains(&branch);
            let told =
                json!({ "name": branch, "protected": protected, "user_can_push": !protected });
            Told::json(200, &told)
        }
        _ => absent(),
    }
}

fn create(world: &mut World, body: &Value) -> Told {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let change = match world.propose(&head, &base) {
        Ok(change) => change,
        Err(Refusal::NoBranch) => {
            return Told::json(404, &json!({ "message": "The target couldn't be found." }));
        }
        Err(Refusal::Nothing) => {
            let message = "Invalid PullRequest: There are no changes between the head and the base";
            return Told::json(422, &json!({ "message": message }));
        }
        Err(Refusal::There(number)) => {
            let message = format!(
                "pull request already exists for these targets [id: {number}, issue_id: {number}, head_repo_id: 7, base_repo_id: 7, head_branch: {head}, base_branch: {base}]"
            );
            return Told::json(409, &json!({ "message": message }));
        }
    };
    (change.title, change.body) = (text("title"), text("body"));
    change.draft = change.title.starts_with("WIP:");
    let number = change.number;
    show(world, number, 201)
}

fn show(world: &World, number: u64, status: u16) -> Told {
    let change = world.changes.iter().find(|change| change.number == number);
    change.map_or_else(absent, |change| Told::json(status, &pull(world, change)))
}

fn pull(world: &World, change: &Change) -> Value {
    let open = change.merged.is_none() && !change.closed;
    let labels: Vec<Value> =
        change.labels.iter().map(|name| json!({ "id": 0, "name": name })).collect();
    json!({
        "number": change.number,
        "html_url": format!("https://forgejo.test/{OWNER}/{REPO}/pulls/{}", change.number),
        "state": if open { "open" } else { "closed" },
        "draft": change.draft,
        "merged": change.merged.is_some(),
        "merge_commit_sha": change.merged.as_ref().map(|(_, commit)| commit),
        "title": change.title,
        "body": change.body,
        "user": { "login": world.me },
        "labels": labels,
        "head": { "ref": change.head, "sha": world.head(change), "repo_id": 7 },
        "base": { "ref": change.base, "sha": "a".repeat(40), "repo_id": 7 },
    })
}

/// Reviews, those that are asked for among them; a line stands in one of its own.
fn reviews(world: &World, asked: &Asked, number: u64) -> Told {
    let Some(change) = world.changes.iter().find(|change| change.number == number) else {
        return absent();
    };
    let asked_for = (9000_u64..).zip(&change.reviewers).map(|(id, name)| {
        let user = json!({ "login": name });
        json!({ "id": id, "user": user, "state": "REQUEST_REVIEW", "body": "", "submitted_at": "0001-01-01T00:00:00Z" })
    });
    let given = change.words.iter().filter(|word| word.on != On::Change).map(|word| {
        let line = matches!(word.on, On::Line(_, _));
        json!({
            "id": word.id,
            "user": { "login": word.author },
            "state": "REQUEST_CHANGES",
            "body": if line { "" } else { word.text.as_str() },
            "comments_count": u64::from(line),
            // When it was begun, and when it was given.
            "submitted_at": time(0),
            "updated_at": time(word.second),
        })
    });
    page(world, asked, &asked_for.chain(given).collect::<Vec<_>>(), None)
}

fn words(world: &World, number: u64, fits: &dyn Fn(&On, u64) -> bool) -> Told {
    let Some(change) = world.changes.iter().find(|change| change.number == number) else {
        return absent();
    };
    let words = change.words.iter().filter(|word| fits(&word.on, word.id)).map(|word| {
        let mut told = json!({
            "id": word.id,
            "user": { "login": word.author },
            "body": word.text,
            "created_at": time(word.second),
        });
        if let On::Line(file, line) = &word.on {
            told["path"] = Value::from(file.as_str());
            told["created_at"] = Value::from(time(0));
            (told["position"], told["original_position"]) = (Value::from(*line), Value::from(0));
        }
        told
    });
    // These have no pages.
    Told::json(200, &Value::from(words.collect::<Vec<_>>()))
}

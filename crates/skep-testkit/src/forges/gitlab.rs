//! The face of GitLab.

use serde_json::{Value, json};

use super::{
    Asked, Change, How, OWNER, On, REPO, Refusal, Result, Right, Told, World, absent, page, time,
};
use crate::loopback::unquoted;

pub(super) fn answer(world: &mut World, asked: &Asked) -> Told {
    let (path, query) = asked.route();
    let body = asked.json();
    let value =
        |name: &str| query.iter().find(|(this, _)| this == name).map(|(_, value)| value.as_str());
    match path.as_str() {
        "/api/v4/user" => return Told::json(200, &user(world, &world.me)),
        "/api/v4/users" => {
            let wanted = value("username").unwrap_or_default();
            let there = world.people.contains_key(wanted);
            let found: Vec<Value> = there.then(|| user(world, wanted)).into_iter().collect();
            return page(world, asked, &found, None);
        }
        _ => {}
    }
    let project = format!("/api/v4/projects/{OWNER}%2F{REPO}/");
    let rest = path.strip_prefix(&project).or_else(|| path.strip_prefix("/api/v4/projects/7/"));
    let Some(rest) = rest else {
        return Told::json(404, &json!({ "message": "404 Project Not Found" }));
    };
    let parts: Vec<String> = rest.split('/').map(unquoted).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let number = parts.get(1).and_then(|part| part.parse().ok()).unwrap_or(0);
    match (asked.method.as_str(), &parts[..]) {
        ("GET", ["merge_requests"]) => {
            let fits = |change: &&Change| {
                let open = change.merged.is_none() && !change.closed;
                (value("state") != Some("opened") || open)
                    && value("source_branch").is_none_or(|wanted| wanted == change.head)
                    && value("target_branch").is_none_or(|wanted| wanted == change.base)
            };
            let requests: Vec<Value> = world
                .changes
                .iter()
                .filter(fits)
                .map(|change| request(world, change, false))
                .collect();
            page(world, asked, &requests, None)
        }
        ("POST", ["merge_requests"]) => create(world, &body),
        ("GET", ["merge_requests", _]) => show(world, number, 200),
        ("PUT", ["merge_requests", _]) => edit(world, number, &body),
        ("GET", ["merge_requests", _, "discussions"]) => {
            let Some(change) = world.changes.iter().find(|change| change.number == number) else {
                return absent();
            };
            let system = json!({ "id": "s", "notes": [{
                "id": 1_000_000, "body": "added 1 commit", "author": user(world, &world.me),
                "created_at": time(0), "system": true,
            }] });
            let told = change.words.iter().map(|word| {
                let mut note = json!({
                    "id": word.id,
                    "body": word.text,
                    "author": user(world, &word.author),
                    "created_at": time(word.second),
                    "system": false,
                });
                if let On::Line(file, line) = &word.on {
                    note["position"] = json!({ "new_path": file, "new_line": line });
                }
                json!({ "id": word.id.to_string(), "notes": [note] })
            });
            let all: Vec<Value> = [system].into_iter().chain(told).collect();
            page(world, asked, &all, None)
        }
        ("POST", ["merge_requests", _, "notes"]) => {
            let me = world.me.clone();
            let text = body["body"].as_str().unwrap_or_default();
            // A line that begins with a slash is obeyed.
            if text.lines().any(|line| line.starts_with('/')) {
                return Told::json(202, &json!({ "commands_changes": { "merge": true } }));
            }
            let id = world.write(number, &me, text, On::Change);
            Told::json(201, &json!({ "id": id }))
        }
        ("GET", ["pipelines", pipeline, "jobs"]) => {
            let commit = world.changes.iter().find(|change| change.number.to_string() == *pipeline);
            let commit = commit.map(|change| world.head(change)).unwrap_or_default();
            let jobs = jobs(world, &commit, false);
            page(world, asked, &jobs, None)
        }
        ("GET", ["repository", "commits", commit, "statuses"]) => {
            // The jobs stand here as well.
            let all: Vec<Value> =
                jobs(world, commit, false).into_iter().chain(jobs(world, commit, true)).collect();
            page(world, asked, &all, None)
        }
        ("GET", ["members", "all", id]) => {
            let nth = id.parse::<usize>().unwrap_or(0).wrapping_sub(1);
            match world.people.values().nth(nth) {
                Some(right) => {
                    let level = if *right == Right::Write { 30 } else { 20 };
                    Told::json(200, &json!({ "access_level": level, "state": "active" }))
                }
                None => Told::json(404, &json!({ "message": "404 Not found" })),
            }
        }
        ("GET", ["repository", "branches", branch]) => {
            if !world.heads.contains_key(*branch) {
                return Told::json(404, &json!({ "message": "404 Branch Not Found" }));
            }
            let protected = world.protected.iter().any(|name| name == branch);
            let told = json!({ "name": branch, "protected": protected, "can_push": !protected });
            Told::json(200, &told)
        }
        _ => absent(),
    }
}

/// People's ids are their places among all; strangers have none of them.
fn user(world: &World, name: &str) -> Value {
    let place = world.people.keys().position(|this| this == name);
    json!({ "id": place.map_or(999, |place| place + 1), "username": name })
}

fn create(world: &mut World, body: &Value) -> Told {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("source_branch"), text("target_branch"));
    let change = match world.propose(&head, &base) {
        Ok(change) => change,
        // GitLab takes what has no commit too; nobody proposes that here.
        Err(Refusal::NoBranch | Refusal::Nothing) => {
            let message = json!({ "message": { "source_branch": ["is invalid"] } });
            return Told::json(422, &message);
        }
        Err(Refusal::There(number)) => {
            let message = format!(
                "Another open merge request already exists for this source branch: !{number}"
            );
            return Told::json(409, &json!({ "message": [message] }));
        }
    };
    let number = change.number;
    edit(world, number, &json!({ "title": body["title"], "description": body["description"] }));
    show(world, number, 201)
}

fn edit(world: &mut World, number: u64, body: &Value) -> Told {
    let names: Vec<String> = world.people.keys().cloned().collect();
    let Some(change) = world.find(number) else { return absent() };
    if let Some(title) = body["title"].as_str() {
        change.title = title.to_owned();
        change.draft = title.starts_with("Draft:");
    }
    if let Some(text) = body["description"].as_str() {
        // Lines that begin with a slash are obeyed, and go.
        let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('/')).collect();
        change.body = kept.join("\n");
    }
    if let Some(labels) = body["add_labels"].as_str() {
        change.labels.extend(labels.split(',').map(str::to_owned));
    }
    if let Some(ids) = body["reviewer_ids"].as_array() {
        let ids = ids.iter().filter_map(|id| usize::try_from(id.as_u64()?).ok());
        change.reviewers = ids.filter_map(|id| names.get(id - 1).cloned()).collect();
    }
    show(world, number, 200)
}

fn show(world: &World, number: u64, status: u16) -> Told {
    let change = world.changes.iter().find(|change| change.number == number);
    change.map_or_else(absent, |change| Told::json(status, &request(world, change, true)))
}

fn request(world: &World, change: &Change, whole: bool) -> Value {
    let state = match (&change.merged, change.closed) {
        (Some(_), _) => "merged",
        (None, true) => "closed",
        (None, false) => "opened",
    };
    let as_commit = |wanted: How| {
        change.merged.as_ref().filter(|(how, _)| *how == wanted).map(|(_, commit)| commit.clone())
    };
    let head = match as_commit(How::Rebase) {
        // Rebased, the head itself is on the target.
        Some(commit) => commit,
        None => world.head(change),
    };
    let reviewers: Vec<Value> = change.reviewers.iter().map(|name| user(world, name)).collect();
    let mut told = json!({
        "iid": change.number,
        "web_url": format!("https://gitlab.test/{OWNER}/{REPO}/-/merge_requests/{}", change.number),
        "state": state,
        "draft": change.draft,
        "sha": head,
        "source_branch": change.head,
        "target_branch": change.base,
        "source_project_id": 7,
        "target_project_id": 7,
        "merge_commit_sha": as_commit(How::Merge),
        "squash_commit_sha": as_commit(How::Squash),
        "title": change.title,
        "description": change.body,
        "labels": change.labels,
        "reviewers": reviewers,
    });
    let jobs = jobs(world, &head, false);
    if whole && !jobs.is_empty() {
        let any = |status: &str| {
            jobs.iter().any(|job| job["status"] == status && job["allow_failure"] == false)
        };
        let status = match (any("failed"), any("running")) {
            (true, _) => "failed",
            (false, true) => "running",
            (false, false) => "success",
        };
        told["head_pipeline"] = json!({
            "id": change.number, "project_id": 7, "sha": head, "ref": change.head, "status": status,
            "web_url": "https://gitlab.test/pipeline", "created_at": time(1),
        });
    }
    told
}

/// The jobs of a commit's pipeline, or what others say of it: their names hold a slash.
fn jobs(world: &World, commit: &str, others: bool) -> Vec<Value> {
    let of = (1_u64..)
        .zip(&world.checks)
        .filter(|(_, check)| check.0 == commit && check.1.contains('/') == others);
    of.map(|(id, (_, name, result, text))| {
        let (status, allow_failure) = match result {
            Result::Passed => ("success", false),
            Result::Failed => ("failed", false),
            Result::Pending => ("running", false),
            Result::Skipped => ("failed", true),
        };
        json!({
            "id": id, "name": name, "status": status, "allow_failure": allow_failure,
            "web_url": "https://gitlab.test/job", "description": text,
        })
    })
    .collect()
}

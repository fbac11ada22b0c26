//! A plan over two repositories, carried out by codex, reviewed by gemini, with opencode as its foreman.

use std::time::{Duration, Instant};

use serde_json::Value;
use skep_testkit::lab::Lab;

use super::fleet::Yard;
use crate::{home::text_of, story::draft};

/// How long two parts may take where many agents start at once.
const PATIENCE: Duration = Duration::from_secs(240);

/// The repositories `api` and `web`, each with a remote, and an approved plan for both.
fn planned() -> (Yard, String) {
    let yard = Yard::new();
    let home = &yard.home;
    let remote = home.place().bare("api.git");
    let api = home.place().repo("api");
    api.git(&["remote", "add", "origin", remote.path().to_str().unwrap()]);
    api.git(&["push", "-q", "-u", "origin", "main"]);
    let mut plan = "```skep-plan\nexecution_groups:\n  - [api, web]\n```\n\n## Orchestration\nA page has ten rows.\n".to_owned();
    for project in ["api", "web"] {
        home.json(&["project", "add", home.at(project).to_str().unwrap()]);
        plan += &format!(
            "\n## SubPlan: {project}\n### Goal\nSearches of {project} answer by pages.\n### Scope\n- out.txt\n\
             ### Changes\n1. out.txt says so\n### Validation\n- `git log`\n### Risks\n- Old clients send no page.\n"
        );
    }
    let body = format!("```skep-script plan\n{}\nsay planned\n```\n", draft(&plan));
    let body = home.write("prompts/task.md", &body);
    let task = home.json(&["task", "add", "Searches answer by pages", "--body", &body]);
    (yard, text_of(&task, "id"))
}

/// What everybody said, for whoever reads that it failed.
fn told(yard: &Yard, lab: &Lab) -> String {
    let runs = yard.home.json(&["ls", "--all"]);
    let ids = runs.as_array().unwrap().iter().map(|run| text_of(run, "id"));
    ids.map(|id| yard.skep(lab, &["logs", "--raw", &id]).stdout).collect::<Vec<_>>().join("\n")
}

/// Events of a kind about the task.
fn events(yard: &Yard, task: &str, kind: &str) -> Vec<Value> {
    let all = yard.home.events().into_iter();
    let of = all.filter(|event| event["subject"] == task && event["event"]["event"] == kind);
    of.map(|event| event["event"].clone()).collect()
}

#[test]
fn what_codex_did_gemini_sends_back_and_passes_and_opencode_answers_what_codex_asks() {
    let Some(lab) = Lab::open("gemini-acp", "reviewer") else { return };
    if !lab.also("codex", "author") || !lab.also("opencode", "foreman") {
        return;
    }
    let (yard, task) = planned();
    let config = yard.home.at("c/config.toml");
    let settings = std::fs::read_to_string(&config).unwrap();
    let more = "[review]\nagent = \"gemini-acp\"\n[foreman]\nagent = \"opencode\"\n";
    std::fs::write(config, format!("{settings}{more}")).unwrap();
    yard.skep(&lab, &["plan", &task, "--agent", "scripted"]).ok();
    yard.skep(&lab, &["approve", &task]).ok();
    yard.skep(&lab, &["implement", &task, "--agent", "codex", "-d"]).ok();

    let deadline = Instant::now() + PATIENCE;
    let done = loop {
        let view = yard.home.json(&["show", &task]);
        if view["state"] == "completed" {
            break view;
        }
        let mut parts = view["parts"].as_array().unwrap().iter();
        let stuck =
            |part: &Value| ["escalated", "failed"].map(Value::from).contains(&part["state"]);
        let over = parts.any(stuck) || Instant::now() > deadline;
        assert!(!over, "{view:#}\n{}", told(&yard, &lab));
        std::thread::sleep(Duration::from_millis(200));
    };
    let branch = text_of(&done, "branch");
    for (project, remote) in [("api", "api.git"), ("web", "origin.git")] {
        let parts = done["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["project"] == project).unwrap();
        let remote = yard.home.place().at(remote);
        assert_eq!(text_of(part, "head"), remote.oid(&branch), "{project}");
        let log = remote.git(&["log", "--format=%s", &format!("main..{branch}")]);
        assert_eq!(log, "say how many rows a page has\nanswer by pages", "{project}");
        let author = yard.home.listed(&text_of(part, "run"));
        assert_eq!((&author["agent"], &author["attempt"]), (&"codex".into(), &2.into()));
        let asked = yard.home.json(&["questions", &text_of(part, "run"), "--all"]);
        assert_eq!(asked[0]["answered_by"], "foreman", "{project}: {asked:#}");
        assert!(text_of(&asked[0], "answer").starts_with("Ten:"), "{project}: {asked:#}");
    }
    let begun = events(&yard, &task, "review_started");
    assert_eq!(begun.len(), 4, "two for each part: {begun:#?}");
    for review in &begun {
        assert_eq!(yard.home.listed(&text_of(review, "run"))["agent"], "gemini-acp");
    }
    for found in events(&yard, &task, "critiques_found") {
        assert_eq!(found["critiques"][0]["line"], 1, "by its tool: {found:#}");
    }
    let turned = events(&yard, &task, "foreman_turned");
    assert_eq!(turned.len(), 1, "the same words are asked once: {turned:#?}");
    assert_eq!(yard.home.listed(&text_of(&turned[0], "run"))["agent"], "opencode");
    yard.home.no_agents();
}

//! A task over two repositories, planned and carried out by real agents of three makers.

use std::time::{Duration, Instant};

use serde_json::Value;
use skep_testkit::lab::Lab;

use super::{fleet::Yard, scenes::until};
use crate::home::text_of;

/// How long a planner or two waves may take where many agents start at once.
const PATIENCE: Duration = Duration::from_secs(180);

/// The repository `api` beside the yard's `web`, each with a remote, and a task for both.
fn yard() -> (Yard, String) {
    let yard = Yard::new();
    let remote = yard.home.place().bare("api.git");
    let api = yard.home.place().repo("api");
    api.git(&["remote", "add", "origin", remote.path().to_str().unwrap()]);
    api.git(&["push", "-q", "-u", "origin", "main"]);
    for project in ["api", "web"] {
        yard.home.json(&["project", "add", yard.home.at(project).to_str().unwrap()]);
    }
    let task = text_of(&yard.home.json(&["task", "add", "Searches answer by pages"]), "id");
    (yard, task)
}

/// Waits until a task is in a state in which nobody works for it.
#[track_caller]
fn reaches(yard: &Yard, lab: &Lab, task: &str, state: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let view = yard.home.json(&["show", task]);
        if view["state"] == state {
            return view;
        }
        let over = view["waits_for"]["on"] == "person" || Instant::now() > deadline;
        assert!(!over, "never {state}: {view:#}\n{}", told(yard, lab));
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// What everybody said, for whoever reads that it failed.
fn told(yard: &Yard, lab: &Lab) -> String {
    let runs = yard.home.json(&["ls", "--all"]);
    let ids = runs.as_array().unwrap().iter().map(|run| text_of(run, "id"));
    ids.map(|id| yard.skep(lab, &["logs", "--raw", &id]).stdout).collect::<Vec<_>>().join("\n")
}

const BASE: &str = "You are the planner of this task. You write a plan";
const CORRECTION: &str = "was read when you ended, and is no plan yet";

/// How often words stand in a request; whole requests are JSON in one line or many.
fn times(request: &str, words: &str) -> usize {
    request.matches(words).count()
}

/// O-17: codex is corrected in its own conversation, by exactly one message more; then two others carry the plan out.
#[test]
fn codex_is_corrected_in_its_conversation_and_opencode_and_pi_carry_the_plan_out() {
    let Some(lab) = Lab::open("codex", "drafts") else { return };
    if !lab.also("opencode", "commit") || !lab.also("pi", "commit") {
        return;
    }
    let (yard, task) = yard();
    yard.home.write("c/projects/api.toml", "agent = \"opencode\"\n");
    yard.home.write("c/projects/web.toml", "agent = \"pi\"\n");
    // Who reviews and mends with real agents is told in `live::review`.
    yard.skep(&lab, &["config", "set", "review.max_cycles", "0"]).ok();
    yard.skep(&lab, &["plan", &task, "--agent", "codex", "-d"]).ok();
    let planned = reaches(&yard, &lab, &task, "plan_review");
    assert_eq!(planned["warnings"][0]["kind"], "parse_error", "{planned:#}");
    let planner = until(&yard, &text_of(&planned, "planner"), "ended");
    assert_eq!(planner["attempt"], 2, "the same run goes on: {planner}");

    let asked = lab.requests();
    let corrected: Vec<&String> =
        asked.iter().filter(|request| request.contains(CORRECTION)).collect();
    assert!(!corrected.is_empty(), "nobody corrected it: {asked:#?}");
    for request in &corrected {
        assert_eq!(times(request, CORRECTION), 1, "one message more: {request}");
        assert_eq!(
            times(request, "First the API, I would say."),
            1,
            "what it did itself: {request}"
        );
    }
    let before = asked.iter().rfind(|request| !request.contains(CORRECTION)).unwrap();
    assert_eq!(people(corrected[0]), people(before) + 1, "{}", corrected[0]);

    yard.skep(&lab, &["approve", &task]).ok();
    yard.skep(&lab, &["implement", &task, "-d"]).ok();
    let done = reaches(&yard, &lab, &task, "completed");
    let branch = text_of(&done, "branch");
    for (project, remote, agent) in [("api", "api.git", "opencode"), ("web", "origin.git", "pi")] {
        let parts = done["parts"].as_array().unwrap();
        let part = parts.iter().find(|part| part["project"] == project).unwrap();
        let remote = yard.home.place().at(remote);
        assert_eq!(text_of(part, "head"), remote.oid(&branch), "{project}");
        let range = format!("main..{branch}");
        assert_eq!(remote.git(&["log", "--format=%s", &range]), "scripted commit", "{project}");
        assert_eq!(yard.home.listed(&text_of(part, "run"))["agent"], agent);
    }
    yard.home.no_agents();
}

/// How many messages of a person stand in a request of codex.
fn people(request: &str) -> usize {
    let request: Value = serde_json::from_str(request).unwrap();
    let body = if request["body"].is_object() { &request["body"] } else { &request };
    let input = body["input"].as_array().unwrap_or_else(|| panic!("{body:#}"));
    input.iter().filter(|item| item["role"] == "user").count()
}

/// O-17: who has no conversation hears what it was asked at first, and the correction with it.
#[test]
fn mini_swe_agent_is_corrected_in_a_fresh_conversation_of_the_same_run() {
    let Some(lab) = Lab::open("mini-swe-agent", "drafts") else { return };
    let (yard, task) = yard();
    yard.skep(&lab, &["plan", &task, "--agent", "mini-swe-agent", "-d"]).ok();
    let planned = reaches(&yard, &lab, &task, "plan_review");
    let planner = until(&yard, &text_of(&planned, "planner"), "ended");
    assert_eq!(planner["attempt"], 2, "the same run: {planner}");
    let runs = yard.home.json(&["ls", "--all"]);
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
    let asked = lab.requests();
    let corrected: Vec<&String> =
        asked.iter().filter(|request| request.contains(CORRECTION)).collect();
    assert!(!corrected.is_empty(), "nobody corrected it");
    for request in corrected {
        assert!(request.contains(BASE), "what it was asked at first: {request}");
        assert!(!request.contains("I write the draft."), "another conversation: {request}");
    }
}

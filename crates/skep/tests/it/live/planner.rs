//! A real agent is told to plan: it hears all of it, can write its draft, and can check it where it works.

use std::{fs, path::Path};

use serde_json::Value;
use skep_daemon::prompts::Draft;
use skep_testkit::lab::Lab;

use super::{fleet::Yard, scenes::until};
use crate::home::text_of;

#[track_caller]
fn plans(agent: &str) {
    let Some(lab) = Lab::open(agent, "planner") else { return };
    let yard = Yard::new();
    // Where no sandbox of an agent's own lets it write by itself, as it does in what is temporary.
    let envs = tempfile::Builder::new().prefix("skep-").tempdir_in("/var/tmp").unwrap();
    let root = envs.path().to_str().unwrap();
    yard.home.skep(&["config", "set", "env.root", root]).ok();
    let skep = Path::new(env!("CARGO_BIN_EXE_skep"));
    let draft = Draft::new(Path::new("../output/plan.md"), Some(skep), &["web".to_owned()]);
    let check = draft.check.unwrap();
    let script = format!(
        "exec 2> ../output/errors\nprintf '# no plan yet\\n' > ../output/plan.md\n{check} --json > ../output/said\n"
    );
    yard.repo().commit_file("plan.sh", &script);
    yard.repo().git(&["push", "--quiet", "origin", "main"]);
    let prompt = yard.home.skep(&["plan", "prompt", "planning", "--example"]).ok();
    let file = yard.home.write("planning.md", &prompt);
    let id = yard.begin_with(&lab, agent, "Plan it", &["--prompt-file", &file]);
    let run = until(&yard, &id, "ended");
    let logs = yard.skep(&lab, &["logs", "--raw", &id]).stdout;
    // It was asked as one that changes files, and left them as they are.
    assert_eq!(run["reason"], "no-change", "{run}\n{logs}");

    let output = Path::new(&text_of(&run, "env")).join("output");
    let left = |name: &str| fs::read_to_string(output.join(name)).unwrap_or_default();
    assert_eq!(left("plan.md"), "# no plan yet\n", "{}\n{logs}", left("errors"));
    let said: Value = serde_json::from_str(&left("said")).unwrap_or_default();
    assert_eq!(said["errors"][0]["kind"], "MissingBlock", "{}\n{logs}", left("errors"));

    // Line by line as it was written, however its requests are built.
    let asked = lab.requests();
    let heard: Vec<&String> =
        asked.iter().filter(|asked| asked.contains("You are the planner of this task.")).collect();
    assert!(!heard.is_empty(), "it was not told");
    for line in prompt.lines().filter(|line| !line.is_empty()) {
        let line = serde_json::to_string(line).unwrap();
        let line = &line[1..line.len() - 1];
        // A server that spells JSON in ASCII has other words for the same letters.
        if line.is_ascii() {
            assert!(heard[0].contains(line), "{agent} did not hear: {line}");
        }
    }
}

#[test]
fn codex_plans_in_its_own_sandbox() {
    plans("codex");
}

#[test]
fn codex_acp_plans() {
    plans("codex-acp");
}

#[test]
fn pi_plans() {
    plans("pi");
}

#[test]
fn opencode_plans() {
    plans("opencode");
}

#[test]
fn opencode_acp_plans() {
    plans("opencode-acp");
}

#[test]
fn claude_plans() {
    plans("claude");
}

#[test]
fn claude_acp_plans() {
    plans("claude-acp");
}

#[test]
fn gemini_plans() {
    plans("gemini");
}

#[test]
fn qwen_plans() {
    plans("qwen");
}

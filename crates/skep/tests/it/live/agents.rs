//! `skep agent test` with each of the real agents: what of it works is a row, and a scene that fails is a failure.

use serde_json::Value;
use skep_host::proc::Program;
use skep_testkit::lab::Lab;

use super::PATIENCE;

/// Tries one; `none` names the scenes that it is known to have nothing for.
#[track_caller]
fn tried(agent: &str, none: &[&str]) {
    tried_with(agent, &[], none);
}

#[track_caller]
#[expect(clippy::print_stdout, reason = "scripts/test agents collects these lines")]
fn tried_with(agent: &str, more: &[&str], none: &[&str]) {
    let Some(lab) = Lab::open(agent, "tryout") else { return };
    let said = Program::new(env!("CARGO_BIN_EXE_skep"))
        .args(["--json", "agent", "test", agent, "--yes", "--timeout", "100s"])
        .args(more)
        .envs(lab.env())
        .timeout(PATIENCE * 8)
        .output()
        .expect("skep starts");
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let seen: Value = serde_json::from_str(&text)
        .unwrap_or_else(|err| panic!("{agent}: {err}: {text}\n{}", said.complaint()));
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let version = word(&seen["version"]);
    let mut wrong = Vec::new();
    for scene in seen["scenes"].as_array().expect("a list") {
        let (name, result) = (word(&scene["scene"]), word(&scene["result"]));
        let why = word(&scene["why"]).replace(['|', '<', '\n'], " ");
        println!("tried: {agent} | {version} | {name} | {result} | {why}");
        let expected = match name.as_str() {
            name if none.contains(&name) => "has none",
            _ => "works",
        };
        if result != expected {
            wrong.push(format!("{name} {result}, not {expected}: {why}"));
        }
    }
    assert_eq!(wrong, [""; 0], "{agent} {version}");
    assert_eq!(seen["left"], 0, "{agent} left something behind");
}

#[test]
fn claude_is_tried() {
    tried("claude", &[]);
}

#[test]
fn claude_acp_is_tried() {
    tried("claude-acp", &[]);
}

#[test]
fn codex_is_tried() {
    tried("codex", &["permission"]);
}

#[test]
fn codex_acp_is_tried() {
    // In its own mode its sandbox keeps a commit out of a linked worktree, and it cannot be told otherwise.
    tried_with("codex-acp", &["--permissions", "bypass"], &["permission"]);
}

#[test]
fn gemini_is_tried() {
    tried("gemini", &["permission", "question"]);
}

#[test]
fn gemini_acp_is_tried() {
    tried("gemini-acp", &["resume"]);
}

#[test]
fn mini_swe_agent_is_tried() {
    tried("mini-swe-agent", &["usage", "resume", "permission", "question"]);
}

#[test]
fn opencode_is_tried() {
    tried("opencode", &["permission"]);
}

#[test]
fn opencode_acp_is_tried() {
    tried("opencode-acp", &[]);
}

#[test]
fn pi_is_tried() {
    tried("pi", &["permission", "question"]);
}

#[test]
fn qwen_is_tried() {
    tried("qwen", &["permission"]);
}

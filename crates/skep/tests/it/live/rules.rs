//! A real agent that wants what a rule denies: refused, told why where its protocol carries it, and it goes on.

use serde_json::Value;
use skep_testkit::lab::Lab;

use super::fleet::Yard;
use crate::home::text_of;

/// Has the model push, then commit, with nobody asked; returns what its model was asked.
fn is_refused_the_push_and_commits(agent: &str) -> Option<Vec<String>> {
    let lab = Lab::open(agent, "push")?;
    let yard = Yard::new();
    let id = yard.begin_with(&lab, agent, "Push, then write a file", &["--permissions", "auto"]);
    let run = yard.home.wait(&id, "ended");
    let raw = yard.skep(&lab, &["logs", &id, "--raw"]).ok();
    assert!(raw.contains("\"decision\":\"deny\"") && raw.contains("git push"), "{raw}");
    let worktree = text_of(&run, "worktree");
    let place = yard.home.place().at(&worktree);
    assert!(!place.path().join("pushed.txt").exists(), "the command was refused whole: {raw}");
    assert_eq!(place.git(&["log", "--format=%s", "main.."]), "scripted commit", "{run}\n{raw}");
    assert_eq!(run["attempt"], 1, "{run}");
    let judged: Value = yard.skep(&lab, &["--json", "policy", "test", "--run", &id]).json(0);
    assert_eq!(judged[0]["decision"], "deny", "{judged}");
    yard.home.no_agents();
    Some(lab.asked())
}

#[test]
fn claude_hears_the_reason_and_goes_on() {
    let Some(asked) = is_refused_the_push_and_commits("claude") else { return };
    assert!(asked.iter().any(|asked| asked.contains("skep brings work in")), "{asked:?}");
}

#[test]
fn gemini_acp_is_refused_and_goes_on() {
    is_refused_the_push_and_commits("gemini-acp");
}

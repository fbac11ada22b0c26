//! Live agents at the end of their task.

use std::time::Instant;

use skep_testkit::lab::Lab;

use super::fleet::Yard;
use crate::home::{eventually, inside, text_of};

fn goes_with_its_task(agent: &str) {
    let Some(lab) = Lab::open(agent, "slow2") else { return };
    let yard = Yard::new();
    let task =
        text_of(&yard.skep(&lab, &["--json", "task", "add", "Write a file, slowly"]).json(0), "id");
    let id = yard.begin(&lab, agent, &task);
    yard.until_runs("sleep 77");
    let worktree = text_of(&yard.home.listed(&id), "worktree");
    let begun = Instant::now();
    let gone = yard.skep(&lab, &["--json", "task", "rm", &task, "--force"]).json(0);
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    assert_eq!(gone["runs"][0]["cleaned"], true, "{gone}");
    assert_eq!(inside(worktree.as_ref()), 0);
    eventually("its env is gone", || yard.home.listed(&id)["env_state"] == "closed");
    yard.home.no_agents();
}

#[test]
fn codex_goes_with_its_task_from_the_middle_of_a_tool() {
    goes_with_its_task("codex");
}

#[test]
fn pi_goes_with_its_task_from_the_middle_of_a_tool() {
    goes_with_its_task("pi");
}

#[test]
fn opencode_goes_with_its_task_from_the_middle_of_a_tool() {
    goes_with_its_task("opencode-acp");
}

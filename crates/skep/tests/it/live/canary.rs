//! Real agents and the keys that they work with: in their environment, and in nothing of skep's.

use std::{fs, path::PathBuf};

use skep_testkit::lab::Lab;

use super::{fleet::Yard, scenes::until};
use crate::{
    canary::{files_with, processes_with, tells},
    gatekeeper::warden_of,
    home::{eventually, pid_of, text_of},
};

const CANARY: &str = "Zq7vT2mXw9LkP4sRb8Nc3HfY6dJg1Ae5";

/// Runs `agent` with a canary that nobody listed and one that it gets, through a commit and a kill of the daemon.
#[track_caller]
fn keeps_quiet(agent: &str) {
    let Some(lab) = Lab::open(agent, "slow2") else { return };
    let yard = Yard::new();
    yard.home.skep(&["config", "set", "secrets.CANARY", "env:MINE"]).ok();
    let stray = "Stray7Kq2Wv9Xb4Tn6Mz1Pc8Rd3Lf5";
    let vars: Vec<(String, String)> = lab
        .env()
        .into_iter()
        .map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap()))
        .chain(
            [("MINE", CANARY), ("AWS_SECRET_ACCESS_KEY", stray), ("GITHUB_TOKEN", stray)]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        )
        .collect();
    let vars: Vec<(&str, &str)> =
        vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let skep = |args: &[&str]| yard.home.skep_with(yard.repo().path(), &vars, args);
    let mut args = vec!["--json", "run", "Work slowly", "--agent", agent, "--env", "CANARY", "-d"];
    if agent == "codex-acp" {
        args.extend(["--permissions", "bypass"]);
    }
    let id = text_of(&skep(&args).json(0), "id");
    until(&yard, &id, "running");
    let agents = || -> Vec<u32> {
        processes_with(&yard.home, CANARY).into_iter().map(|(pid, _)| pid).collect()
    };
    eventually("the agent has it", || !agents().is_empty());
    let run = yard.home.listed(&id);
    let keeper = pid_of(&run, "gatekeeper");
    for pid in [keeper, warden_of(keeper), yard.home.daemon()] {
        assert!(!agents().contains(&pid), "{agent}: a guard has it");
    }
    assert_eq!(processes_with(&yard.home, stray), [], "{agent}");
    yard.home.kill_daemon();
    skep(&["--json", "stop", &id]).json(0);
    until(&yard, &id, "ended");
    for canary in [CANARY, stray] {
        assert_eq!(files_with(&yard.home, canary), Vec::<PathBuf>::new(), "{agent}");
        for args in [&["logs", &id, "--raw"][..], &["show", &id], &["--json", "events"]] {
            assert!(!tells(skep(args).stdout.as_bytes(), canary), "{agent}: {args:?}");
        }
    }
    let spec = fs::read_to_string(yard.home.attempt(&id, 1).join("spec.json")).unwrap();
    assert!(spec.contains("env:MINE"), "{agent}: {spec}");
    yard.home.no_agents();
}

macro_rules! agents {
    ($($test:ident: $agent:literal,)*) => {
        $(#[test]
        fn $test() {
            keeps_quiet($agent);
        })*
    };
}

agents! {
    codex_keeps_quiet: "codex",
    codex_by_acp_keeps_quiet: "codex-acp",
    pi_keeps_quiet: "pi",
    opencode_keeps_quiet: "opencode",
    opencode_by_acp_keeps_quiet: "opencode-acp",
    gemini_keeps_quiet: "gemini",
    gemini_by_acp_keeps_quiet: "gemini-acp",
    qwen_keeps_quiet: "qwen",
    claude_keeps_quiet: "claude",
    claude_by_acp_keeps_quiet: "claude-acp",
}

use skep_core::{
    policy::{Decision, Place, decide},
    run::{Event, Permissions},
    said::Deed,
    time::Timestamp,
};

use super::*;

fn decided(policy: &Policy, tool: &str) -> Decision {
    let place = Place { root: "/w".to_owned(), cwd: "/w".to_owned(), ..Place::default() };
    decide(policy, Permissions::Ask, tool, &Deed::default(), &place).decision
}

#[test]
fn the_tools_of_skep_need_no_persons_leave_and_no_other_tool_has_it() {
    let policy = allowed(Policy::default());
    for tool in ["mcp__skep__ask_human", "skep_report", "note (skep MCP Server)"] {
        assert_eq!(decided(&policy, tool), Decision::Allow, "{tool}");
    }
    for tool in [
        "mcp__other__ask_human",
        "mcp__skep__",
        "mcp__skep__ask_human; rm -rf ~",
        "rm -rf ~ # note (skep MCP Server)",
        "ask_human",
        "skep_stop",
    ] {
        assert_eq!(decided(&policy, tool), Decision::Ask, "{tool}");
    }
}

#[test]
fn a_rule_of_a_persons_against_one_of_them_is_kept() {
    let rule = Rule { tool: Some("mcp__skep__ask_human".to_owned()), ..Rule::default() };
    let policy = allowed(Policy { deny: vec![rule], ..Policy::default() });
    assert_eq!(decided(&policy, "mcp__skep__ask_human"), Decision::Deny);
    assert_eq!(decided(&policy, "mcp__skep__note"), Decision::Allow);
}

/// A run of this kind; all else of it is as in any.
fn run_of(kind: Kind) -> Run {
    let golden = include_str!("../../../../skep-core/tests/golden/events.jsonl");
    let line = golden.lines().find(|line| line.contains(r#""event":"created""#)).unwrap();
    let Event::Created { mut brief } = serde_json::from_str(line).unwrap() else { panic!() };
    brief.kind = kind;
    Run::new(*brief, 1, Timestamp(0))
}

#[test]
fn the_tools_are_told_what_their_run_is_there_for() {
    let home = Home::new(Path::new("/home"), 1000);
    let profile = Profile::load("codex", None).unwrap();
    for kind in Kind::ALL {
        let args = of(&run_of(kind), 1, &home, &profile).unwrap().args;
        let told = args.iter().position(|arg| arg == "--kind").map(|at| args[at + 1].as_str());
        let wanted = Some(kind.as_str()).filter(|_| kind != Kind::Code);
        assert_eq!(told, wanted, "{args:?}");
    }
}

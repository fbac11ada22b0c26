use skep_core::{
    policy::{Decision, Place, decide},
    run::Permissions,
    said::Deed,
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

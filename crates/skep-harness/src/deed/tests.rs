use serde_json::json;

use super::*;

fn asked(agent: &str, scene: &str) -> Deed {
    let file = format!("{}/fixtures/acp/{agent}-{scene}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let wish = rows
        .map(|row| row["msg"].clone())
        .find(|msg| msg["method"] == "session/request_permission");
    let call: ToolCallUpdate =
        serde_json::from_value(wish.unwrap()["params"]["toolCall"].clone()).unwrap();
    of_call("", None, "told before", &call)
}

#[test]
fn the_command_that_each_agent_asks_leave_for_is_told_whole() {
    for agent in ["claude", "gemini", "opencode", "qwen"] {
        let deed = asked(agent, "reject");
        let command = deed.command.expect(agent);
        assert!(
            command.starts_with("echo scripted > out.txt && git add")
                && command.ends_with("head -1"),
            "{agent}: {command}"
        );
        assert!(!deed.untold, "{agent}");
    }
    assert_eq!(asked("claude", "ask"), Deed::default(), "a question is no command");
}

#[test]
fn a_call_without_anything_is_what_was_told_before() {
    let call: ToolCallUpdate = serde_json::from_value(json!({"toolCallId": "a"})).unwrap();
    let deed = of_call("x", Some(ToolKind::Execute), "git push", &call);
    assert_eq!(deed.command.as_deref(), Some("git push"));
    let deed = of_call("x", Some(ToolKind::Execute), "", &call);
    assert!(deed.untold && deed.command.is_none());
}

#[test]
fn the_files_of_a_change_are_written() {
    let call: ToolCallUpdate = serde_json::from_value(json!({"toolCallId": "a", "kind": "edit",
        "locations": [{"path": "/w/a.rs"}], "content": [{"type": "diff", "path": "/w/b.rs", "oldText": "", "newText": "x"}]}))
    .unwrap();
    let deed = of_call("write", None, "", &call);
    assert_eq!(deed.access, Access::Write);
    assert_eq!(deed.paths, ["/w/a.rs", "/w/b.rs"]);
}

#[test]
fn tools_by_name_tell_what_they_do() {
    let deed = of_tool("Bash", &json!({"command": "ls", "description": "x"}));
    assert_eq!(deed.command.as_deref(), Some("ls"));
    assert!(of_tool("Bash", &json!({"shell_id": "1"})).untold);
    assert!(of_tool("Bash", &json!({"command": 3})).untold);
    let deed = of_tool("Edit", &json!({"file_path": "/a"}));
    assert_eq!((deed.access, &deed.paths[..]), (Access::Write, &["/a".to_owned()][..]));
    assert_eq!(of_tool("Read", &json!({"file_path": "/a"})).access, Access::Read);
    assert_eq!(
        of_tool("WebFetch", &json!({"url": "https://a.test/x", "prompt": "y"})).hosts,
        ["a.test"]
    );
    let words = of_tool("exec_command", &json!({"command": ["bash", "-lc", "it's"]}));
    assert_eq!(words.command.as_deref(), Some(r"'bash' '-lc' 'it'\''s'"));
    assert_eq!(of_tool("mcp__x__y", &json!("z")), Deed::default());
}

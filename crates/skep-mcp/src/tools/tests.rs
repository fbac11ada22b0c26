use super::*;

fn call(name: &str, arguments: &Value) -> Result<Asked, String> {
    read(name, arguments.as_object().cloned().unwrap_or_default(), 45_000)
}

#[test]
fn what_is_offered_is_what_has_leave() {
    let offered = offered();
    let names: Vec<&str> = offered.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(names, tool::NAMES);
    for tool in &offered {
        let words = tool.description.as_deref().unwrap_or_default();
        assert!((40..500).contains(&words.len()), "{}: {words}", tool.name);
        assert_eq!(tool.input_schema["additionalProperties"], false, "{}", tool.name);
        let hints = tool.annotations.as_ref().unwrap();
        assert_ne!(hints.destructive_hint, Some(true), "{}", tool.name);
    }
}

#[test]
fn a_call_is_read_as_it_was_meant() {
    let asked = call("ask_human", &json!({"question": "Blue?", "options": ["yes", "no"]})).unwrap();
    let Asked::Keeper(Call::Ask { to, question, options, wait_ms, .. }) = asked else {
        panic!("{asked:?}")
    };
    assert_eq!((to, question.as_str(), wait_ms), (Whom::Human, "Blue?", 45_000));
    assert_eq!(options, ["yes", "no"]);
    let asked = call("ask_foreman", &json!({"question": "Which?", "context": null})).unwrap();
    assert!(matches!(asked, Asked::Keeper(Call::Ask { to: Whom::Foreman, context: None, .. })));
    let said = json!({"status": "needs_review", "summary": "all of it", "evidence": "42 tests"});
    let Asked::Keeper(Call::Report { status, .. }) = call("report", &said).unwrap() else {
        panic!("no report")
    };
    assert_eq!(status, Claimed::NeedsReview);
    assert_eq!(call("list_runs", &json!({})).unwrap(), Asked::Runs);
}

#[test]
fn what_is_empty_too_long_or_of_another_form_is_refused_in_words() {
    let long = "x".repeat(tool::LONGEST + 1);
    let many = vec!["x"; tool::OPTIONS + 1];
    for (name, arguments, word) in [
        ("ask_human", json!({}), "question"),
        ("ask_human", json!({"question": " \n"}), "empty"),
        ("ask_human", json!({"question": long}), "shorter"),
        ("ask_human", json!({"question": "?", "options": many}), "the most"),
        ("ask_human", json!({"question": "?", "options": [""]}), "empty entry"),
        ("ask_human", json!({"question": "?", "as": "run_0000000000"}), "unknown field"),
        ("ask_foreman", json!({"question": ["?"]}), "invalid type"),
        ("report", json!({"status": "perfect", "summary": "?"}), "perfect"),
        ("claim_paths", json!({"paths": []}), "at least one"),
        ("claim_paths", json!({"paths": ["x".repeat(tool::PATH + 1)]}), "shorter"),
        ("note", json!({"text": ""}), "empty"),
        ("list_runs", json!({"of": "run_0000000000"}), "unknown field"),
        ("answer", json!({"question": "q_0000000000"}), "no tool"),
    ] {
        let said = call(name, &arguments).unwrap_err();
        assert!(said.contains(word), "{name}: {said}");
    }
}

use super::*;

#[test]
fn an_error_text_is_classed_by_its_status_before_its_words() {
    for (text, class) in [
        ("unexpected status 401 Unauthorized: Invalid key", ErrorClass::Auth),
        ("exceeded retry limit, last status: 429 Too Many Requests", ErrorClass::Limit),
        ("429 Rate limit reached", ErrorClass::Limit),
        ("500 Server error", ErrorClass::Model),
        ("status code: 503", ErrorClass::Model),
        ("You've hit your usage limit. Try again later.", ErrorClass::Limit),
        ("terminated", ErrorClass::Model),
        ("we're currently experiencing high demand", ErrorClass::Model),
        ("not logged in", ErrorClass::Auth),
        ("I cannot do that", ErrorClass::Agent),
        ("4290 files changed", ErrorClass::Agent),
        ("", ErrorClass::Agent),
    ] {
        assert_eq!(class_of_text(text), class, "{text}");
    }
}

#[test]
fn a_usage_limit_is_also_a_closed_door_and_a_busy_moment_is_not() {
    let door = |text| {
        trouble(ErrorClass::Limit, text)
            .iter()
            .any(|heard| matches!(heard, Heard::Said(Said::Limit { .. })))
    };
    assert!(door("You've hit your usage limit."));
    assert!(!door("429 Too Many Requests"));
}

#[test]
fn a_text_is_cut_between_characters() {
    let text = clip(&"é".repeat(TEXT_CAP));
    assert!(text.starts_with('é') && text.contains("bytes cut"));
    assert_eq!(clip("short"), "short");
}

#[test]
fn a_turn_ends_once_until_another_begins() {
    let mut turn = Turn::default();
    turn.said("last words");
    assert_eq!(turn.end(TurnResult::Ended).len(), 1);
    assert!(turn.end_with(TurnResult::Failed, "late").is_empty());
    assert!(turn.broken_off(1).is_empty());
    turn.begin();
    assert_eq!(turn.broken_off(1).len(), 1);
}

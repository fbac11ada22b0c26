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

#[test]
fn a_reset_is_read_from_the_words_that_tell_it_and_from_no_others() {
    let told = |text: &str| {
        trouble(ErrorClass::Limit, text).into_iter().find_map(|heard| {
            if let Heard::Said(Said::Limit { reset_ms, reset_at, .. }) = heard {
                Some((reset_ms.map(|ms| ms / 60_000), reset_at.map(|at| at.0)))
            } else {
                None
            }
        })
    };
    let hit = "You've hit your usage limit. Upgrade to Pro or try again in";
    assert_eq!(told(&format!("{hit} 2 days 3 hours 5 minutes.")), Some((Some(3065), None)));
    assert_eq!(told(&format!("{hit} 1h30m")), Some((Some(90), None)));
    assert_eq!(told("usage limit reached, resets in 45 min"), Some((Some(45), None)));
    assert_eq!(
        told("Claude AI usage limit reached|1763740800"),
        Some((None, Some(1_763_740_800_000)))
    );
    for vague in ["soon", "a while", "9999999 days", "5 lightyears", "-3 hours", ""] {
        assert_eq!(told(&format!("{hit} {vague}")), Some((None, None)), "{vague}");
    }
    assert_eq!(told("usage limit reached|17637408001234"), Some((None, None)));
}

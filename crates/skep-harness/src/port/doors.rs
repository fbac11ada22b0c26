//! A closed door in every dialect: what each agent says of a usage limit, and what it says of a mere rush.

use serde_json::{Value, json};
use skep_core::said::{ErrorClass, Said};

use super::contract::{classes, hear, transcript};

/// The doors that were heard: how many minutes are left, or the moment in seconds.
fn doors(said: &[Said]) -> Vec<(Option<u64>, Option<u64>)> {
    let door = |said: &Said| {
        let Said::Limit { reset_ms, reset_at, .. } = said else { return None };
        Some((reset_ms.map(|ms| ms / 60_000), reset_at.map(|at| at.0 / 1000)))
    };
    said.iter().filter_map(door).collect()
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

fn codex(text: &str) -> String {
    lines(&[
        json!({"type": "thread.started", "thread_id": "t1"}),
        json!({"type": "turn.started"}),
        json!({"type": "error", "message": text}),
        json!({"type": "turn.failed", "error": {"message": text}}),
    ])
}

fn claude(text: &str) -> String {
    lines(&[
        json!({"type": "system", "subtype": "init", "session_id": "s1"}),
        json!({"type": "result", "subtype": "success", "is_error": true, "api_error_status": 429, "result": text,
            "session_id": "s1"}),
    ])
}

fn gemini(text: &str) -> String {
    lines(&[
        json!({"type": "init", "session_id": "s1", "model": "m"}),
        json!({"type": "result", "status": "error", "error": {"type": "Error", "message": text}}),
    ])
}

fn qwen(text: &str) -> String {
    let text = format!("[API Error: {text}]");
    lines(&[
        json!({"type": "system", "subtype": "init", "session_id": "s1"}),
        json!({"type": "result", "subtype": "error_during_execution", "is_error": true, "session_id": "s1",
            "error": {"message": text}}),
    ])
}

/// A transcript of one that gave up, with another text.
fn pi(text: &str) -> String {
    let text = json!(text).to_string();
    transcript("pi", "dead429").replace("\"429 Rate limit reached (scripted)\"", &text)
}

fn opencode(text: &str, after: &str) -> String {
    let text = json!(text).to_string();
    let told =
        transcript("opencode", "dead429").replace("\"Rate limit reached (scripted)\"", &text);
    told.replace("\"retry-after\":\"1\"", &format!("\"retry-after\":\"{after}\""))
}

#[test]
fn a_usage_limit_is_a_closed_door_in_every_dialect_with_its_reset_where_one_is_told() {
    let all = [
        (
            "codex_json",
            codex("You've hit your usage limit. Upgrade to Pro or try again in 3 days 4 hours."),
            (Some(4560), None),
        ),
        ("codex_json", codex("You've hit your usage limit. Try again later."), (None, None)),
        (
            "codex_json",
            codex(
                r#"unexpected status 429: {"error":{"type":"usage_limit_reached","resets_in_seconds":7200}}"#,
            ),
            (Some(120), None),
        ),
        (
            "stream_json",
            claude("Claude AI usage limit reached|1795300000"),
            (None, Some(1_795_300_000)),
        ),
        ("stream_json", claude("5-hour limit reached ∙ resets 3am"), (None, None)),
        (
            "stream_json",
            claude("You've hit your session limit · resets 3:45pm (Europe/Berlin)"),
            (None, None),
        ),
        (
            "json_lines",
            gemini(
                "You have exhausted your capacity on this model. Your quota will reset after 2h13m5s.",
            ),
            (Some(133), None),
        ),
        (
            "json_lines",
            gemini(
                r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"3600.5s"}]}}"#,
            ),
            (Some(60), None),
        ),
        (
            "json_lines",
            qwen("429 Qwen OAuth quota exceeded: your free daily quota has been reached"),
            (None, None),
        ),
        (
            "json_lines",
            pi("You have hit your ChatGPT usage limit (plus plan). Try again in ~83 min."),
            (Some(83), None),
        ),
        (
            "json_lines",
            opencode("5 hour usage limit reached. It will reset in 3 hours 12 minutes.", "1"),
            (Some(192), None),
        ),
        ("json_lines", opencode("Too Many Requests", "7200"), (Some(120), None)),
    ];
    for (protocol, told, door) in all {
        let said = hear(protocol, &told, 1);
        let heard = doors(&said);
        assert!(!heard.is_empty() && heard.iter().all(|it| *it == door), "{heard:?}: {told}");
        assert!(classes(&said).iter().all(|class| *class == ErrorClass::Limit), "{told}");
    }
}

#[test]
fn a_rush_is_the_agents_own_affair_and_no_closed_door() {
    for (protocol, told) in [
        ("codex_json", codex("exceeded retry limit, last status: 429 Too Many Requests")),
        (
            "stream_json",
            claude("This request would exceed your account's rate limit. Please try again later."),
        ),
        (
            "json_lines",
            gemini(
                r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Please retry in 34.07s."}}"#,
            ),
        ),
        ("json_lines", qwen("429 Rate limit reached")),
        ("json_lines", pi("429 Rate limit reached")),
        ("json_lines", opencode("Too Many Requests", "30")),
        ("codex_json", codex("the tool call limit reached its maximum")),
    ] {
        let said = hear(protocol, &told, 1);
        assert_eq!(doors(&said), [], "{told}");
    }
}

#[test]
fn an_agent_that_tries_again_only_after_a_long_while_stands_before_a_closed_door() {
    let retry = |delay: u64, status: u64| {
        lines(&[
            json!({"type": "system", "subtype": "init", "session_id": "s1"}),
            json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 10, "retry_delay_ms": delay,
                "error_status": status, "error": "rate_limit"}),
        ])
    };
    assert_eq!(doors(&hear("stream_json", &retry(7_200_000, 429), 1)), [(Some(120), None)]);
    assert_eq!(doors(&hear("stream_json", &retry(20_000, 429), 1)), []);
    assert_eq!(doors(&hear("stream_json", &retry(7_200_000, 529), 1)), []);
}

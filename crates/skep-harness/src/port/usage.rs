//! What every recorded transcript comes to in tokens and money, by the fold of the core.

use skep_core::said::{Carried, Said, Usage};

use super::contract::{hear, transcript};

/// The last count, what of it is carried over, and the model.
fn last(agent: &str, protocol: &str, name: &str) -> (Usage, Carried, Option<String>) {
    let said = hear(protocol, &transcript(agent, name), 0);
    let mut counts = said.iter().filter_map(|said| {
        if let Said::Usage { usage, carried } = said { Some((*usage, *carried)) } else { None }
    });
    let (usage, carried) = counts.next_back().unwrap_or_default();
    let model = said
        .iter()
        .rev()
        .find_map(|said| if let Said::Model { name } = said { Some(name.clone()) } else { None });
    (usage, carried, model)
}

/// Input (all of it), output, cached, and tenths of a thousandth of a dollar.
type Row =
    (&'static str, &'static str, &'static str, (u64, u64, u64), Option<f64>, Option<&'static str>);

const TOTALS: [Row; 14] = [
    ("codex", "codex_json", "basic", (2200, 70, 200), None, None),
    ("codex", "codex_json", "resume", (0, 0, 0), None, None),
    ("codex", "codex_json", "resume-2", (10105, 13, 0), None, None),
    ("pi", "json_lines", "basic", (2200, 70, 200), Some(0.00216), Some("scripted")),
    ("opencode", "json_lines", "basic", (2200, 70, 200), Some(0.00214), None),
    ("opencode", "json_lines", "resume-2", (7801, 13, 0), Some(0.007827), None),
    ("claude", "stream_json", "basic", (2400, 70, 200), Some(0.01024), Some("claude-opus-5-5")),
    ("claude", "stream_json", "resume-2", (12697, 1, 0), Some(0.050808), Some("claude-opus-5-5")),
    ("claude", "stream_json", "resume", (0, 0, 0), None, Some("claude-opus-5-5")),
    ("gemini", "json_lines", "basic", (2200, 70, 200), None, Some("gemini-2.5-pro")),
    ("gemini", "json_lines", "resume-2", (12240, 13, 0), None, Some("gemini-2.5-pro")),
    ("qwen", "json_lines", "basic", (2200, 70, 200), None, Some("scripted")),
    ("qwen", "json_lines", "resume-2", (50630, 30, 0), None, Some("scripted")),
    ("qwen", "json_lines", "dead429", (0, 0, 0), None, Some("scripted")),
];

#[test]
fn each_agents_recorded_work_comes_to_its_known_totals() {
    for (agent, protocol, name, tokens, cost, model) in TOTALS {
        let (usage, carried, told) = last(agent, protocol, name);
        let counted = (usage.input_tokens, usage.output_tokens, usage.cached_tokens);
        assert_eq!(counted, tokens, "{agent} {name}");
        let near = |one: f64, two: f64| (one - two).abs() < 1e-9;
        let same = match (usage.cost_usd, cost) {
            (Some(told), Some(known)) => near(told, known),
            (told, known) => told == known,
        };
        assert!(same, "{agent} {name}: {:?}", usage.cost_usd);
        assert_eq!(told.as_deref(), model, "{agent} {name}");
        // Of all of them one counts over its conversation.
        let carries = agent == "codex" && tokens.0 > 0;
        assert_eq!(carried, Carried { tokens: carries, cost: false }, "{agent} {name}");
    }
}

#[test]
fn helpers_of_claude_are_counted_once_and_a_second_turn_adds_to_the_first() {
    let result = |input: u64, helper: u64, cost: f64| {
        serde_json::json!({"type":"result","subtype":"success","is_error":false,"result":"done",
            "total_cost_usd":cost,"usage":{"input_tokens":10,"output_tokens":1},
            "modelUsage":{"big":{"inputTokens":input,"outputTokens":1,"cacheReadInputTokens":5},
                "small":{"inputTokens":helper,"outputTokens":2}}})
    };
    let lines = format!("{}\n{}\n", result(10, 100, 0.5), result(20, 150, 0.75));
    let said = hear("stream_json", &lines, 0);
    let counts: Vec<Usage> = said
        .iter()
        .filter_map(|said| if let Said::Usage { usage, .. } = said { Some(*usage) } else { None })
        .collect();
    let told: Vec<(u64, u64, Option<f64>)> = counts
        .iter()
        .map(|usage| (usage.input_tokens, usage.output_tokens, usage.cost_usd))
        .collect();
    assert_eq!(told, [(115, 3, Some(0.5)), (175, 3, Some(0.75))]);
}

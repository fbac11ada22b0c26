//! What every protocol must hold, over recorded transcripts of real agents and over nonsense.

use std::{fs, path::Path};

use proptest::prelude::*;
use serde_json::Value;
use skep_core::said::{ErrorClass, Said, TurnResult};

use super::{Heard, PROTOCOLS, Session, TEXT_CAP};
use crate::{acp::Setting, open};

/// Every recorded transcript: agent, protocol, file.
pub(super) const ALL: [(&str, &str, &str); 51] = [
    ("codex", "codex_json", "basic"),
    ("codex", "codex_json", "ask"),
    ("codex", "codex_json", "dead429"),
    ("codex", "codex_json", "fail500"),
    ("codex", "codex_json", "auth401"),
    ("codex", "codex_json", "drop"),
    ("codex", "codex_json", "resume"),
    ("codex", "codex_json", "resume-2"),
    ("codex", "codex_json", "hangkill"),
    ("pi", "json_lines", "basic"),
    ("pi", "json_lines", "dead429"),
    ("pi", "json_lines", "fail500"),
    ("pi", "json_lines", "auth401"),
    ("pi", "json_lines", "drop"),
    ("pi", "json_lines", "resume"),
    ("pi", "json_lines", "resume-2"),
    ("pi", "json_lines", "hangkill"),
    ("opencode", "json_lines", "basic"),
    ("opencode", "json_lines", "ask"),
    ("opencode", "json_lines", "dead429"),
    ("opencode", "json_lines", "drop"),
    ("opencode", "json_lines", "resume"),
    ("opencode", "json_lines", "resume-2"),
    ("claude", "stream_json", "ask"),
    ("claude", "stream_json", "auth401"),
    ("claude", "stream_json", "basic"),
    ("claude", "stream_json", "dead429"),
    ("claude", "stream_json", "drop"),
    ("claude", "stream_json", "fail500"),
    ("claude", "stream_json", "hangkill"),
    ("claude", "stream_json", "resume-2"),
    ("claude", "stream_json", "resume"),
    ("claude", "stream_json", "sigint"),
    ("gemini", "json_lines", "ask"),
    ("gemini", "json_lines", "auth401"),
    ("gemini", "json_lines", "basic"),
    ("gemini", "json_lines", "dead429"),
    ("gemini", "json_lines", "drop"),
    ("gemini", "json_lines", "hangkill"),
    ("gemini", "json_lines", "long"),
    ("gemini", "json_lines", "resume-2"),
    ("gemini", "json_lines", "resume"),
    ("qwen", "json_lines", "ask"),
    ("qwen", "json_lines", "auth401"),
    ("qwen", "json_lines", "basic"),
    ("qwen", "json_lines", "dead429"),
    ("qwen", "json_lines", "drop"),
    ("qwen", "json_lines", "hangkill"),
    ("qwen", "json_lines", "resume-2"),
    ("qwen", "json_lines", "resume"),
    ("scripted", "scripted", "basic"),
];

pub(super) fn transcript(agent: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(agent)
        .join(format!("{name}.jsonl"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(super) fn hear(protocol: &str, lines: &str, code: i32) -> Vec<Said> {
    let mut session = open(protocol, &Setting::default()).unwrap();
    session.opening("Write a file and commit it");
    let mut heard: Vec<Heard> = lines.lines().flat_map(|line| session.line(line)).collect();
    heard.extend(session.exited(code));
    said(heard)
}

fn said(heard: Vec<Heard>) -> Vec<Said> {
    heard
        .into_iter()
        .filter_map(|heard| if let Heard::Said(said) = heard { Some(said) } else { None })
        .collect()
}

pub(super) fn ends(said: &[Said]) -> Vec<(TurnResult, &str)> {
    said.iter()
        .filter_map(|said| {
            if let Said::TurnEnded { result, text } = said {
                Some((*result, text.as_str()))
            } else {
                None
            }
        })
        .collect()
}

pub(super) fn sessions(said: &[Said]) -> Vec<&str> {
    said.iter()
        .filter_map(|said| if let Said::Session { id } = said { Some(id.as_str()) } else { None })
        .collect()
}

pub(super) fn classes(said: &[Said]) -> Vec<ErrorClass> {
    said.iter()
        .filter_map(|said| {
            if let Said::Error { class, .. } = said
                && *class != ErrorClass::Notice
            {
                Some(*class)
            } else {
                None
            }
        })
        .collect()
}

#[test]
fn the_same_work_is_heard_alike_from_every_agent() {
    for (agent, protocol) in [
        ("codex", "codex_json"),
        ("pi", "json_lines"),
        ("opencode", "json_lines"),
        ("claude", "stream_json"),
        ("gemini", "json_lines"),
        ("qwen", "json_lines"),
        ("scripted", "scripted"),
    ] {
        let said = hear(protocol, &transcript(agent, "basic"), 0);
        assert_eq!(sessions(&said).len(), 1, "{agent} names its conversation once");
        let texts: Vec<&str> = said
            .iter()
            .filter_map(
                |said| if let Said::Said { text } = said { Some(text.as_str()) } else { None },
            )
            .collect();
        assert_eq!(
            texts,
            ["I will write the file and commit it.", "Committed out.txt. All done."],
            "{agent}"
        );
        let tools: Vec<(&str, &str)> = said
            .iter()
            .filter_map(|said| {
                if let Said::Tool { id, input, .. } = said {
                    Some((id.as_str(), input.as_str()))
                } else {
                    None
                }
            })
            .collect();
        let results: Vec<(&str, bool)> = said
            .iter()
            .filter_map(|said| {
                if let Said::ToolResult { id, ok, .. } = said {
                    Some((id.as_str(), *ok))
                } else {
                    None
                }
            })
            .collect();
        assert!(
            !tools.is_empty() && tools.iter().any(|(_, input)| input.contains("commit")),
            "{agent}: {tools:?}"
        );
        assert_eq!(
            results,
            tools.iter().map(|(id, _)| (*id, true)).collect::<Vec<_>>(),
            "{agent}: each call has its result"
        );
        let usage = said.iter().rev().find_map(|said| {
            if let Said::Usage { usage, .. } = said { Some(*usage) } else { None }
        });
        let usage = usage.unwrap_or_else(|| panic!("{agent} tells its usage"));
        // The scripted model counts what came from the cache within the input; to Claude that is beside it.
        let input = if agent == "claude" { 2400 } else { 2200 };
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (input, 70),
            "{agent}: totals, cached input included"
        );
        let ends = ends(&said);
        assert_eq!(ends.len(), 1, "{agent}");
        assert!(matches!(ends[0].0, TurnResult::Success | TurnResult::Ended), "{agent}: {ends:?}");
        assert_eq!(ends[0].1, "Committed out.txt. All done.", "{agent}");
        assert!(classes(&said).is_empty(), "{agent}");
    }
}

#[test]
fn a_model_that_always_fails_is_a_failed_turn_with_its_class_even_at_exit_code_zero() {
    for (agent, protocol, name, class) in [
        ("codex", "codex_json", "dead429", ErrorClass::Limit),
        ("codex", "codex_json", "fail500", ErrorClass::Model),
        ("codex", "codex_json", "auth401", ErrorClass::Auth),
        ("pi", "json_lines", "dead429", ErrorClass::Limit),
        ("pi", "json_lines", "fail500", ErrorClass::Model),
        ("pi", "json_lines", "auth401", ErrorClass::Auth),
        ("opencode", "json_lines", "dead429", ErrorClass::Limit),
        ("claude", "stream_json", "dead429", ErrorClass::Limit),
        ("claude", "stream_json", "fail500", ErrorClass::Model),
        ("claude", "stream_json", "auth401", ErrorClass::Auth),
        ("gemini", "json_lines", "auth401", ErrorClass::Auth),
        ("gemini", "json_lines", "drop", ErrorClass::Model),
        ("qwen", "json_lines", "auth401", ErrorClass::Auth),
        ("qwen", "json_lines", "dead429", ErrorClass::Model),
    ] {
        for code in [0, 1] {
            let said = hear(protocol, &transcript(agent, name), code);
            let ends = ends(&said);
            assert_eq!(ends.len(), 1, "{agent} {name}: {said:?}");
            assert_eq!(ends[0].0, TurnResult::Failed, "{agent} {name}");
            assert!(!ends[0].1.is_empty(), "{agent} {name} says why");
            assert_eq!(classes(&said), [class], "{agent} {name}");
        }
    }
}

#[test]
fn a_dropped_stream_that_a_retry_makes_good_is_no_failure() {
    for (agent, protocol, retries) in [
        ("codex", "codex_json", 1),
        ("pi", "json_lines", 1),
        ("opencode", "json_lines", 0),
        ("claude", "stream_json", 1),
    ] {
        let said = hear(protocol, &transcript(agent, "drop"), 0);
        let retried = said.iter().filter(|said| matches!(said, Said::Retry { .. })).count();
        assert_eq!(retried, retries, "{agent}");
        let ends = ends(&said);
        assert_eq!(ends.len(), 1, "{agent}");
        assert!(
            matches!(ends[0], (TurnResult::Success | TurnResult::Ended, "Complete on retry.")),
            "{agent}: {ends:?}"
        );
        assert!(classes(&said).is_empty(), "{agent}");
    }
}

#[test]
fn a_killed_agent_has_named_its_conversation_and_its_turn_failed() {
    for (agent, protocol) in [
        ("codex", "codex_json"),
        ("pi", "json_lines"),
        ("opencode", "json_lines"),
        ("claude", "stream_json"),
        ("gemini", "json_lines"),
        ("qwen", "json_lines"),
    ] {
        let killed = hear(protocol, &transcript(agent, "resume"), 137);
        assert_eq!(
            ends(&killed),
            [(TurnResult::Failed, "exited with 137 before the turn was over")],
            "{agent}"
        );
        let resumed = hear(protocol, &transcript(agent, "resume-2"), 0);
        assert_eq!(
            sessions(&killed),
            sessions(&resumed),
            "{agent} goes on with the same conversation"
        );
        assert!(
            matches!(ends(&resumed)[..], [(TurnResult::Success | TurnResult::Ended, _)]),
            "{agent}"
        );
    }
}

#[test]
fn a_transcript_cut_anywhere_ends_its_turn_once_and_never_well_before_its_own_end() {
    for (agent, protocol, name) in ALL {
        let whole = transcript(agent, name);
        let lines: Vec<&str> = whole.lines().collect();
        for kept in 0..=lines.len() {
            let mut session = open(protocol, &Setting::default()).unwrap();
            let heard: Vec<Heard> =
                lines[..kept].iter().flat_map(|line| session.line(line)).collect();
            let before = said(heard);
            let after = said(session.exited(137));
            assert_eq!(
                ends(&before).len() + ends(&after).len(),
                1,
                "{agent} {name} cut after {kept} lines"
            );
            let good =
                |end: &(TurnResult, &str)| matches!(end.0, TurnResult::Success | TurnResult::Ended);
            assert!(!ends(&after).iter().any(good), "{agent} {name}: a death is no success");
        }
    }
}

#[test]
fn nothing_of_a_recorded_transcript_is_unknown() {
    for (agent, protocol, name) in ALL {
        let mut session = open(protocol, &Setting::default()).unwrap();
        for line in transcript(agent, name).lines() {
            for heard in session.line(line) {
                assert!(matches!(heard, Heard::Said(_)), "{agent} {name}: {heard:?}");
            }
        }
    }
}

#[test]
fn only_a_protocol_of_both_ways_and_a_terminal_take_a_further_message() {
    for protocol in PROTOCOLS {
        let mut session = open(protocol, &Setting::default()).unwrap();
        let takes_more = ["scripted", "stream_json", "pty"].contains(&protocol);
        assert_eq!(session.message("go on").is_some(), takes_more, "{protocol}");
        // One prompt at a time: it takes the next when its turn is over.
        let keeps_open = takes_more || protocol == "acp";
        assert_eq!(session.closes_stdin(), !keeps_open, "{protocol}");
    }
}

#[test]
fn the_prompt_reaches_standard_input_whole() {
    let prompt = "first\n\"second\" {session} \u{0} ${HOME} `id`\nlast";
    for protocol in ["plain", "codex_json", "json_lines"] {
        assert_eq!(
            open(protocol, &Setting::default()).unwrap().opening(prompt),
            prompt.as_bytes(),
            "{protocol}"
        );
    }
    for (protocol, at) in [("scripted", "/text"), ("stream_json", "/message/content")] {
        let line = String::from_utf8(open(protocol, &Setting::default()).unwrap().opening(prompt))
            .unwrap();
        assert_eq!(line.matches('\n').count(), 1, "one line, ended");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line.pointer(at).unwrap(), prompt, "{protocol}");
    }
}

#[test]
fn an_endless_text_is_cut_and_says_so() {
    let long = "x".repeat(2 * TEXT_CAP);
    let line =
        serde_json::json!({"type":"item.completed","item":{"type":"agent_message","text":long}})
            .to_string();
    let heard = open("codex_json", &Setting::default()).unwrap().line(&line);
    let [Heard::Said(Said::Said { text })] = &heard[..] else { panic!("{heard:?}") };
    assert!(text.len() < TEXT_CAP + 100 && text.ends_with("bytes cut)"));
    for protocol in PROTOCOLS {
        let heard = open(protocol, &Setting::default()).unwrap().line(&long);
        let [Heard::Output(text)] = &heard[..] else { panic!("{protocol}: {}", heard.len()) };
        assert!(text.len() < TEXT_CAP + 100, "{protocol}");
    }
}

#[test]
fn an_unknown_protocol_is_refused_by_name() {
    let Err(error) = open("telepathy", &Setting::default()) else { panic!("it was opened") };
    assert!(error.to_string().contains("`telepathy`"));
    assert_eq!(error.slug(), "protocol-unknown");
}

/// Every way to break one recorded line: a leaf of another kind, a key that is gone, bytes that are gone.
fn broken_line() -> impl Strategy<Value = (usize, usize, String)> {
    (0..ALL.len(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..6_u8).prop_map(
        |(which, line, at, how)| {
            let (agent, _, name) = ALL[which];
            let whole = transcript(agent, name);
            let lines: Vec<&str> = whole.lines().collect();
            let chosen = line.index(lines.len());
            let text = lines[chosen];
            let broken = if how == 0 {
                let mut cut = at.index(text.len());
                while !text.is_char_boundary(cut) {
                    cut -= 1;
                }
                text[..cut].to_owned()
            } else {
                let mut value: Value = serde_json::from_str(text).unwrap();
                let leaves = leaves(&value, "");
                if let Some(leaf) = value.pointer_mut(&leaves[at.index(leaves.len())]) {
                    *leaf = match how {
                        1 => Value::Null,
                        2 => Value::from(-1),
                        3 => Value::from(u64::MAX),
                        4 => serde_json::json!([{"text": 7}]),
                        _ => Value::from("-\u{1b}[2J"),
                    };
                }
                value.to_string()
            };
            (which, chosen, broken)
        },
    )
}

/// The JSON pointers of all leaves.
fn leaves(value: &Value, at: &str) -> Vec<String> {
    match value {
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .enumerate()
            .flat_map(|(i, item)| leaves(item, &format!("{at}/{i}")))
            .collect(),
        Value::Object(fields) if !fields.is_empty() => {
            fields.iter().flat_map(|(key, field)| leaves(field, &format!("{at}/{key}"))).collect()
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            vec![at.to_owned()]
        }
    }
}

fn speak(session: &mut dyn Session, lines: &[String]) -> Vec<Heard> {
    lines.iter().flat_map(|line| session.line(line)).collect()
}

proptest! {
    #[test]
    fn nonsense_is_output_and_never_success(lines in prop::collection::vec("[^\n]{0,80}", 0..20), code in 1..256_i32) {
        for protocol in PROTOCOLS {
            let mut session = open(protocol, &Setting::default()).unwrap();
            for heard in speak(&mut *session, &lines) {
                prop_assert!(matches!(heard, Heard::Output(_)), "{}: {:?}", protocol, heard);
            }
            let after = said(session.exited(code));
            prop_assert_eq!(ends(&after).len(), 1);
            prop_assert_eq!(ends(&after)[0].0, TurnResult::Failed);
        }
    }

    #[test]
    fn a_broken_line_breaks_nothing_and_no_turn_ends_twice((which, chosen, broken) in broken_line()) {
        let (agent, protocol, name) = ALL[which];
        let lines: Vec<String> = transcript(agent, name)
            .lines()
            .enumerate()
            .map(|(i, line)| if i == chosen { broken.clone() } else { line.to_owned() })
            .collect();
        let mut session = open(protocol, &Setting::default()).unwrap();
        let mut heard = said(speak(&mut *session, &lines));
        heard.extend(said(session.exited(1)));
        prop_assert_eq!(ends(&heard).len(), 1, "{} {}", agent, name);
    }
}

//! What a user said, as the records of several agents hold it.

use std::{
    fs::{self, File},
    io::Write,
};

use super::*;

const ID: &str = "0199f3a0-1111-7222-8333-944455556666";

fn doubt(text: &str, earlier: usize) -> Doubt {
    Doubt { id: "m".to_owned(), text: text.to_owned(), earlier, answer: false }
}

/// A folder with one record at `path`.
fn record(path: &str, text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    dir
}

fn kept(path: &str, text: &str) -> Option<Kept> {
    let dir = record(path, text);
    read(&[dir.path().join("absent"), dir.path().to_owned()], ID)
}

fn said(path: &str, text: &str) -> Option<Vec<String>> {
    kept(path, text).map(|kept| kept.said)
}

#[test]
fn the_records_of_each_agent_hold_what_its_user_said() {
    let codex = format!(
        r#"{{"type":"session_meta","payload":{{"id":"{ID}"}}}}
{{"type":"response_item","payload":{{"type":"message","role":"user","content":[{{"type":"input_text","text":"do it"}}]}}}}
{{"type":"event_msg","payload":{{"type":"user_message","message":"do it"}}}}
{{"type":"response_item","payload":{{"type":"message","role":"assistant","content":[{{"type":"output_text","text":"no"}}]}}}}
"#
    );
    assert_eq!(said(&format!("2026/11/21/rollout-{ID}.jsonl"), &codex).unwrap(), ["do it"]);
    let claude = format!(
        r#"{{"type":"user","sessionId":"{ID}","message":{{"role":"user","content":"do it"}}}}
{{"type":"user","sessionId":"{ID}","message":{{"role":"user","content":[{{"type":"tool_result","content":"ls"}}]}}}}
{{"type":"user","sessionId":"{ID}","message":{{"role":"user","content":[{{"type":"text","text":"and docs"}}]}}}}
"#
    );
    assert_eq!(said(&format!("-tmp-web/{ID}.jsonl"), &claude).unwrap(), ["do it", "and docs"]);
    let gemini = format!(
        r#"{{"sessionId":"{ID}","messages":[{{"type":"user","content":"do it"}},{{"type":"gemini","content":"no"}}]}}"#
    );
    assert_eq!(said("a1b2/chats/session-2026-0199f3a0.json", &gemini).unwrap(), ["do it"]);
}

#[test]
fn what_cannot_be_read_whole_says_nothing() {
    assert_eq!(read(&[], ID), None, "nowhere to look");
    assert_eq!(said("other-0199f3a1.jsonl", "{}"), None, "another's");
    assert_eq!(said("x-0199f3a0.jsonl", "{}"), None, "a like name, and another's id in it");
    let torn = format!("{{\"id\":\"{ID}\"}}\n{{\"role\":\"user\",\"cont");
    assert_eq!(said(&format!("{ID}.jsonl"), &torn), None, "the torn line may be the one");
    let dir = record(&format!("{ID}.jsonl"), "{}");
    assert_eq!(read(&[dir.path().to_owned()], "short"), None);
}

#[test]
fn a_text_counts_as_a_whole_or_as_paragraphs_and_as_often_as_it_was_sent() {
    let within = |doubt: Doubt, texts: &[&str]| {
        let said = texts.iter().map(|text| (*text).to_owned()).collect();
        doubt.within(Some(&Kept { said, ..Kept::default() }))
    };
    for one in ["yes", " yes\n", "yes\n\nand docs", "go on\n\nyes", "go on\n\nyes\n\nand docs"] {
        assert_eq!(within(doubt("yes", 0), &[one]), History::Has, "{one:?}");
    }
    for one in ["yes, do", "eyes", "go on\nyes", ""] {
        assert_eq!(within(doubt("yes", 0), &[one]), History::Lacks, "{one:?}");
    }
    assert_eq!(within(doubt("yes", 1), &["yes"]), History::Lacks, "that is the other one");
    assert_eq!(within(doubt("yes", 1), &["yes", "yes"]), History::Has);
}

/// What an agent's tool returned for a question, as its client writes it down.
const RESULT: &str = r#"{"question":"q_7k2m9qx4ab","pending":false,"answer":"\"teal\"\nby all means","by":"person"}"#;

fn answered(kept: Option<&Kept>) -> History {
    Doubt { id: "q_7k2m9qx4ab".to_owned(), answer: true, ..doubt("Answer to it", 0) }.within(kept)
}

#[test]
fn an_answer_that_a_tool_returned_is_found_in_the_records_of_each_agent() {
    let said = serde_json::Value::from(RESULT).to_string();
    let codex = |kind: &str| {
        let output = serde_json::Value::from(format!("Wall time: 1 s\nOutput:\n{RESULT}"));
        format!(
            r#"{{"type":"session_meta","payload":{{"id":"{ID}"}}}}
{{"type":"{kind}","payload":{{"type":"function_call_output","call_id":"c","output":{output}}}}}"#
        )
    };
    let deep = serde_json::json!([{"type": "text", "text": RESULT}]).to_string();
    let deep = serde_json::Value::from(deep);
    let records = [
        ("codex", codex("response_item")),
        (
            "codex, as parts in a text",
            format!(
                r#"{{"id":"{ID}"}}
{{"type":"response_item","payload":{{"type":"function_call_output","output":{deep}}}}}"#
            ),
        ),
        (
            "claude",
            format!(
                r#"{{"type":"user","sessionId":"{ID}","message":{{"role":"user","content":[{{"type":"tool_result","content":{said}}}]}}}}"#
            ),
        ),
        (
            "claude, in parts",
            format!(
                r#"{{"type":"user","sessionId":"{ID}","message":{{"role":"user","content":[{{"type":"tool_result","content":[{{"type":"text","text":{said}}}]}}]}}}}"#
            ),
        ),
        (
            "gemini",
            format!(
                r#"{{"sessionId":"{ID}","messages":[{{"type":"gemini","content":"","toolCalls":[{{"name":"ask_human","result":[{{"functionResponse":{{"name":"ask_human","response":{{"output":{said}}}}}}}]}}]}}]}}"#
            ),
        ),
        (
            "qwen",
            format!(
                r#"{{"sessionId":"{ID}","type":"tool_result","message":{{"role":"user","parts":[{{"functionResponse":{{"response":{{"output":{said}}}}}}}]}}}}"#
            ),
        ),
        (
            "pi",
            format!(
                r#"{{"id":"{ID}"}}
{{"type":"message","message":{{"role":"toolResult","content":[{{"type":"text","text":{said}}}]}}}}"#
            ),
        ),
    ];
    for (agent, record) in records {
        let path = format!("{ID}.jsonl");
        let kept_of = |text: &str| kept(&path, text);
        assert_eq!(answered(kept_of(&record).as_ref()), History::Has, "{agent}");
        assert!(kept_of(&record).unwrap().said.is_empty(), "{agent}: no person said it");
        let other = record.replace("q_7k2m9qx4ab", "q_000000000a");
        assert_eq!(answered(kept_of(&other).as_ref()), History::Lacks, "{agent}: of another");
        let open = record.replace("false", "true");
        assert_eq!(answered(kept_of(&open).as_ref()), History::Lacks, "{agent}: it is to come");
    }
    assert_eq!(answered(None), History::Unclear, "nobody could read it");
}

#[test]
fn an_account_beside_the_conversation_and_words_about_an_answer_are_no_answer() {
    let said = serde_json::Value::from(RESULT).to_string();
    for beside in [
        format!(
            r#"{{"type":"event_msg","payload":{{"type":"mcp_tool_call_end","result":{{"Ok":{{"content":[{{"type":"text","text":{said}}}]}}}}}}}}"#
        ),
        format!(r#"{{"role":"assistant","content":{said}}}"#),
        format!(r#"{{"role":"user","content":{said}}}"#),
    ] {
        let record = format!("{{\"id\":\"{ID}\"}}\n{beside}\n");
        let kept = kept(&format!("{ID}.jsonl"), &record);
        assert_eq!(answered(kept.as_ref()), History::Lacks, "{beside}");
    }
}

#[test]
fn an_answer_counts_too_where_it_came_as_a_message() {
    let kept = Kept { said: vec!["Answer to it".to_owned()], ..Kept::default() };
    assert_eq!(answered(Some(&kept)), History::Has);
    let mute = Kept { mute: true, ..Kept::default() };
    assert_eq!(answered(Some(&mute)), History::Unclear, "what its call returned was not told");
    assert_eq!(doubt("a message", 0).within(Some(&mute)), History::Lacks);
}

#[test]
fn only_an_answer_is_said_where_nobody_can_tell_and_as_what_it_is() {
    let answer = Doubt { answer: true, ..doubt("teal", 0) };
    assert_eq!(answer.again(History::Has), None);
    assert_eq!(answer.again(History::Lacks).unwrap(), "teal");
    let maybe = answer.again(History::Unclear).unwrap();
    assert!(maybe.contains("already") && maybe.ends_with("\n\nteal"), "{maybe}");
    assert_eq!(doubt("teal", 0).again(History::Unclear), None);
}

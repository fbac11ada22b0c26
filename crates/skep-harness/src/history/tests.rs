//! What a user said, as the records of several agents hold it.

use std::{
    fs::{self, File},
    io::Write,
};

use super::*;

const ID: &str = "0199f3a0-1111-7222-8333-944455556666";

fn doubt(text: &str, earlier: usize) -> Doubt {
    Doubt { id: "m".to_owned(), text: text.to_owned(), earlier }
}

/// A folder with one record at `path`.
fn record(path: &str, text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    dir
}

fn said(path: &str, text: &str) -> Option<Vec<String>> {
    let dir = record(path, text);
    read_user(&[dir.path().join("absent"), dir.path().to_owned()], ID)
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
    assert_eq!(read_user(&[], ID), None, "nowhere to look");
    assert_eq!(said("other-0199f3a1.jsonl", "{}"), None, "another's");
    assert_eq!(said("x-0199f3a0.jsonl", "{}"), None, "a like name, and another's id in it");
    let torn = format!("{{\"id\":\"{ID}\"}}\n{{\"role\":\"user\",\"cont");
    assert_eq!(said(&format!("{ID}.jsonl"), &torn), None, "the torn line may be the one");
    let dir = record(&format!("{ID}.jsonl"), "{}");
    assert_eq!(read_user(&[dir.path().to_owned()], "short"), None);
}

#[test]
fn a_text_counts_as_a_whole_or_as_paragraphs_and_as_often_as_it_was_sent() {
    let said =
        |texts: &[&str]| -> Vec<String> { texts.iter().map(|text| (*text).to_owned()).collect() };
    for one in ["yes", " yes\n", "yes\n\nand docs", "go on\n\nyes", "go on\n\nyes\n\nand docs"] {
        assert_eq!(doubt("yes", 0).within(&said(&[one])), History::Has, "{one:?}");
    }
    for one in ["yes, do", "eyes", "go on\nyes", ""] {
        assert_eq!(doubt("yes", 0).within(&said(&[one])), History::Lacks, "{one:?}");
    }
    assert_eq!(doubt("yes", 1).within(&said(&["yes"])), History::Lacks, "that is the other one");
    assert_eq!(doubt("yes", 1).within(&said(&["yes", "yes"])), History::Has);
}

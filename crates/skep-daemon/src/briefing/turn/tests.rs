use std::{fs, path::Path};

use serde_json::json;
use skep_api::journal::{Entry, Line as Kept};
use skep_core::{
    said::{Said, TurnResult},
    time::Timestamp,
};
use skep_harness::{Heard, acp::Setting, open};

use super::*;

/// What is read where a journal says this.
fn words_of(entries: Vec<Entry>) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let line = |(nth, entry): (usize, Entry)| {
        let line = Kept { line: nth as u64 + 1, at: Timestamp(1), entry };
        serde_json::to_string(&line).unwrap() + "\n"
    };
    let text: String = entries.into_iter().enumerate().map(line).collect();
    skep_host::paths::write_atomically(&path, text.as_bytes()).unwrap();
    let turn = read(&path).map_err(|err| err.to_string())?;
    if turn.lacks { Err("it lacks words".to_owned()) } else { Ok(turn.words()) }
}

fn said(text: &str) -> Entry {
    Entry::Agent(Said::Said { text: text.to_owned() })
}

fn ended(text: &str) -> Entry {
    Entry::Agent(Said::TurnEnded { result: TurnResult::Success, text: text.to_owned() })
}

fn delivered() -> Entry {
    Entry::Delivered { id: "msg_1".to_owned(), text: "again".to_owned() }
}

fn tool(text: &str) -> Entry {
    Entry::Agent(Said::ToolResult { id: "1".to_owned(), ok: true, text: text.to_owned() })
}

/// The journal of a recorded conversation, as the keeper writes it down.
fn recorded(agent: &str, protocol: &str, name: &str) -> Vec<Entry> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../skep-harness/fixtures");
    let text = fs::read_to_string(fixtures.join(agent).join(format!("{name}.jsonl"))).unwrap();
    let mut session = open(protocol, &Setting::default()).unwrap();
    session.opening("go");
    // Where both ways were recorded, what the agent said is heard.
    let of_agent = |line: &str| {
        let recorded: serde_json::Value = serde_json::from_str(line).unwrap();
        match recorded["dir"].as_str() {
            Some("<-") => Some(recorded["msg"].to_string()),
            Some(_) => None,
            None => Some(line.to_owned()),
        }
    };
    let lines: Vec<String> = text.lines().filter_map(of_agent).collect();
    let mut heard: Vec<Heard> = lines.iter().flat_map(|line| session.line(line)).collect();
    heard.extend(session.exited(0));
    let entry = |heard| match heard {
        Heard::Said(said) => Some(Entry::Agent(said)),
        Heard::Output(text) => Some(Entry::Output { text }),
        Heard::Reply(_) | Heard::Took(_) | Heard::Recalled { .. } => None,
    };
    heard.into_iter().filter_map(entry).collect()
}

#[test]
fn of_the_last_turn_all_messages_are_read_and_of_those_before_none() {
    let words = words_of(vec![
        said("of the first turn"),
        ended("of the first turn"),
        delivered(),
        said("I look at it."),
        tool("a long listing"),
        said("CRITIQUE\nDescription: two\nlines\nEND_CRITIQUE"),
        ended("END_CRITIQUE"),
    ]);
    assert_eq!(words.unwrap(), "I look at it.\nCRITIQUE\nDescription: two\nlines\nEND_CRITIQUE");
}

#[test]
fn a_turn_without_words_has_none_and_not_those_of_the_turn_before() {
    let before = [said("NO_CRITIQUES"), ended("NO_CRITIQUES")];
    let with = |more: Vec<Entry>| words_of(before.iter().cloned().chain(more).collect());
    assert_eq!(with(vec![delivered(), tool("x"), ended("")]).unwrap(), "");
    assert_eq!(with(vec![Entry::Agent(Said::TurnStarted {})]).unwrap(), "");
    assert_eq!(with(vec![ended("")]).unwrap(), "");
    // What only the end of the turn tells is told.
    assert_eq!(with(vec![delivered(), ended("told at the end")]).unwrap(), "told at the end");
    // And without another turn the last one is the first.
    assert_eq!(
        with(vec![tool("x"), Entry::Silence { quiet_ms: 1, tool: false }]).unwrap(),
        "NO_CRITIQUES"
    );
    assert_eq!(words_of(Vec::new()).unwrap(), "");
    let noise = |text: &str| Entry::Output { text: text.to_owned() };
    assert_eq!(with(vec![noise("bye")]).unwrap(), "NO_CRITIQUES");
    // A command without a protocol has its output, and no other words.
    let put_out = vec![noise("one"), noise("two"), ended("two")];
    assert_eq!(words_of(put_out).unwrap(), "one\ntwo");
}

#[test]
fn what_was_not_kept_is_no_silence() {
    let dropped = Entry::Dropped { lines: 3, bytes: 10, why: "it is full".to_owned() };
    assert!(words_of(vec![said("one"), dropped.clone()]).is_err());
    assert!(words_of(vec![said("one"), ended("one"), dropped.clone()]).is_err());
    let later = vec![dropped, said("one"), ended("one"), delivered(), said("two"), ended("two")];
    assert_eq!(words_of(later).unwrap(), "two");
    assert!(read(Path::new("/nowhere/journal.jsonl")).is_err());
}

#[test]
fn of_very_many_words_the_end_is_kept_however_talkative_the_tools_are() {
    let long = "x".repeat(60);
    let mut entries: Vec<Entry> = (0..9_000).map(|n| said(&format!("{n} {long}"))).collect();
    entries.extend((0..40).map(|_| tool(&"y".repeat(256 << 10))));
    entries.push(said("NO_CRITIQUES"));
    let words = words_of(entries).unwrap();
    assert!(words.len() <= MOST && words.len() > MOST - 100, "{}", words.len());
    assert!(words.ends_with(&format!("8999 {long}\nNO_CRITIQUES")));
    assert!(words.lines().all(|line| line.contains(' ') || line == "NO_CRITIQUES"));
    let one = words_of(vec![said(&format!("{}\nlast", "é".repeat(MOST)))]).unwrap();
    assert_eq!(one, "last");
}

#[test]
fn a_torn_line_and_one_that_nobody_knows_are_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let lines = [
        json!({"line": 1, "at": 1, "kind": "said", "text": "one"}).to_string(),
        json!({"line": 2, "at": 1, "kind": "of tomorrow", "text": {"a": 1}}).to_string(),
        "{\"line\":3,\"at\":1,\"kind\":\"said\",\"te".to_owned(),
        json!({"line": 4, "at": 1, "kind": "said", "text": "two"}).to_string(),
    ];
    skep_host::paths::write_atomically(&path, lines.join("\n").as_bytes()).unwrap();
    assert_eq!(read(&path).unwrap().words(), "one\ntwo");
}

#[test]
fn what_real_agents_said_in_pieces_is_whole() {
    for (agent, protocol, name) in [
        ("codex", "codex_json", "basic"),
        ("gemini", "json_lines", "basic"),
        ("qwen", "json_lines", "basic"),
        ("claude", "stream_json", "basic"),
        ("opencode", "json_lines", "basic"),
        ("pi", "json_lines", "basic"),
        ("acp", "acp", "claude-basic"),
        ("acp", "acp", "codex-basic"),
        ("acp", "acp", "gemini-basic"),
        ("acp", "acp", "opencode-basic"),
        ("acp", "acp", "qwen-basic"),
    ] {
        let words = words_of(recorded(agent, protocol, name)).unwrap();
        let whole = "I will write the file and commit it.\nCommitted out.txt. All done.";
        // One of them begins with a warning, as words of its own.
        assert!(words.ends_with(whole), "{agent} {name}: {words}");
    }
}

#[test]
fn what_an_agent_ended_with_is_what_it_said_after_its_last_tool() {
    let end_of = |entries: Vec<Entry>| {
        let mut turn = Turn::default();
        for entry in entries {
            let line = Kept { line: 1, at: Timestamp(1), entry };
            turn.hear(serde_json::from_value(serde_json::to_value(&line).unwrap()).unwrap());
        }
        turn.end.join("\n")
    };
    let looked = [said("I look at the plan."), tool("ok"), said("Port 8080."), said("Sure.")];
    assert_eq!(end_of(looked.to_vec()), "Port 8080.\nSure.");
    let more = |more: Entry| looked.iter().cloned().chain([more]).collect();
    assert_eq!(end_of(more(ended(""))), "Port 8080.\nSure.");
    assert_eq!(end_of(more(tool("noted"))), "");
    let next: Vec<Entry> = [ended(""), said("9090.")].to_vec();
    assert_eq!(end_of(looked.iter().cloned().chain(next).collect()), "9090.");
}

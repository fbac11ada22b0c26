//! Agents that say very much, again and again, or not to the end.

use std::{
    fs::File,
    io::{BufWriter, Write},
};

use super::{run::Attempt, *};

/// The most memory that a keeper may ever have held. KiB.
const MOST: u64 = 30 * 1024;
/// How long the answer is that is written again and again. Bytes.
const ANSWER: usize = 360 * 1024;

fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn message(kind: &str, text: &str) -> String {
    format!(
        "{{\"type\":\"{kind}\",\"message\":{{\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\
         \"usage\":{{\"input\":10,\"output\":1,\"cost\":{{\"total\":0.5}}}},\"stopReason\":\"stop\"}}}}\n"
    )
}

/// What pi writes while it answers with 360 KB: each of its updates repeats all of it so far.
fn write_updates(to: &Path) -> u64 {
    let mut file = BufWriter::new(File::create(to).unwrap());
    let answer = "0123456789abcdef".repeat(ANSWER / 16);
    file.write_all(b"{\"type\":\"session\",\"id\":\"s-1\"}\n{\"type\":\"agent_start\"}\n").unwrap();
    for end in (0..ANSWER).step_by(860) {
        file.write_all(message("message_update", &answer[..end]).as_bytes()).unwrap();
    }
    file.write_all(message("message_end", &answer).as_bytes()).unwrap();
    file.write_all(b"{\"type\":\"agent_end\",\"messages\":[]}\n").unwrap();
    file.flush().unwrap();
    file.get_ref().metadata().unwrap().len()
}

#[test]
fn seventy_six_megabytes_of_repeated_words_take_no_memory_and_end_as_one_answer() {
    let attempt = Attempt::new("json_lines", "cat words; while [ ! -e go ]; do sleep 0.05; done");
    let bytes = write_updates(&attempt.path("words"));
    assert!(bytes > 76_000_000, "{bytes}");
    let mut keeper = attempt.start();
    attempt.wait_for_report("turn_ended");
    let held = peak(keeper.id());
    put(attempt.path("go"), "");
    assert_eq!(end_of(&mut keeper).code(), Some(0));
    assert!(held < MOST, "its keeper held {held} KiB");
    let turn = attempt.reports().into_iter().find(|line| line["kind"] == "turn_ended").unwrap();
    assert_eq!(turn["result"], "ended");
    assert!(turn["text"].as_str().unwrap().starts_with("0123456789abcdef"));
    let journal = fs::metadata(attempt.path("journal.jsonl")).unwrap().len();
    assert!(journal < 4 * ANSWER as u64, "what is repeated is not kept: {journal}");
    attempt.assert_numbered();
}

#[test]
fn an_agent_that_tries_again_and_again_fills_no_reports() {
    let line = r#"{"kind":"retry","attempt":1,"of":10,"text":"503"}"#;
    let script = format!("yes '{line}' | head -n 20000; sleep 0.2");
    let attempt = Attempt::new("scripted", &script);
    attempt.run();
    let told = |file: &str| attempt.kinds(file).iter().filter(|kind| *kind == "retry").count();
    assert_eq!(told("journal.jsonl"), 20_000, "the journal has each of them");
    assert!((1..=2).contains(&told("reports.jsonl")), "{}", told("reports.jsonl"));
}

#[test]
fn lines_that_are_glued_torn_or_endless_at_a_killed_streams_end_are_kept_and_end_the_turn() {
    let attempt = Attempt::new(
        "scripted",
        r#"echo '{"kind":"said","text":"whole"}'
           echo '{"kind":"said","text":"one"}{"kind":"said","text":"two"}'
           head -c 3000000 /dev/zero | tr '\0' x; echo
           printf '{"kind":"said","text":"to'; kill -9 $$"#,
    );
    let exit = attempt.run();
    assert_eq!((exit.signal, exit.forced), (Some(9), false));
    let journal = attempt.journal();
    let texts: Vec<&str> = journal.iter().filter_map(|line| line["text"].as_str()).collect();
    assert_eq!(texts[0], "whole");
    assert!(texts[1].contains("one") && texts[1].contains("two"), "{}", texts[1]);
    assert!(texts[2].contains("a line of 3000000 bytes"), "its length and digest are kept");
    assert_eq!(texts[3], r#"{"kind":"said","text":"to"#);
    let reports = attempt.reports();
    let turn = reports.iter().find(|line| line["kind"] == "turn_ended").unwrap();
    assert_eq!(turn["result"], "failed");
    attempt.assert_numbered();
}

#[test]
fn a_turn_beyond_its_time_is_reported_once_by_a_keeper_that_goes_on() {
    let mut attempt = Attempt::new("scripted", "while [ ! -e go ]; do sleep 0.05; done");
    attempt.spec.limits.turn_ms = 100;
    let mut keeper = attempt.start();
    attempt.wait_for_report("overdue");
    assert!(keeper.try_wait().unwrap().is_none(), "to end it is for others to decide");
    put(attempt.path("go"), "");
    end_of(&mut keeper);
    assert_eq!(attempt.kinds("reports.jsonl"), ["started", "overdue", "turn_ended", "exit"]);
}

//! A gate under its guards: a command that is asked nothing and told nothing, and its exit.

use skep_api::spec::PromptBy;
use skep_core::run::Kind;

use super::{run::Attempt, *};

fn gate(command: &str) -> Attempt {
    let mut attempt = Attempt::new("plain", command);
    attempt.spec.kind = Kind::Gate;
    attempt.spec.prompt = PromptBy::None;
    attempt
}

#[test]
fn a_gate_reads_nothing_says_what_it_says_and_its_exit_is_its_own() {
    let attempt = gate("read word || echo \"heard nothing\"; echo '429 usage limit' >&2; exit 3");
    let exit = attempt.run();
    assert_eq!((exit.code, exit.signal, exit.forced), (3, None, false));
    let words: Vec<String> = attempt
        .journal()
        .iter()
        .filter(|line| line["kind"] == "output" || line["kind"] == "stderr")
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect();
    assert!(words.iter().any(|text| text.contains("heard nothing")), "{words:?}");
    assert!(words.iter().any(|text| text.contains("429 usage limit")), "{words:?}");
    let told = attempt.kinds("reports.jsonl");
    assert!(!told.iter().any(|kind| kind == "limit" || kind == "error"), "{told:?}");
}

#[test]
fn what_a_gate_leaves_behind_does_not_outlive_it() {
    let attempt = gate("setsid sleep 600 & echo $! > pid; exit 0");
    let exit = attempt.run();
    assert_eq!((exit.code, exit.forced), (0, false));
    let pid: i32 = fs::read_to_string(attempt.path("pid")).unwrap().trim().parse().unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "{pid} lives");
}

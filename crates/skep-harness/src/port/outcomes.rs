//! What every recorded transcript amounts to, by the real judge: the words of each protocol go through a run as they come,
//! and the process leaves with code 0, which proves nothing, or as it was seen to.

use skep_core::{
    facts::{Exit, GitFacts},
    run::{Event, Input, Run, State},
    said::Said,
    time::Timestamp,
};

use super::contract::{hear, transcript};

/// A run as a ledger holds it, and an env that was made for it.
const LEDGER: &str = include_str!("../../../skep-core/tests/golden/events.jsonl");

/// What an attempt that said `said` and left with `code` ends as: once with a commit in its tree, once with an untouched one.
pub(crate) fn judged(said: &[Said], code: i32, signal: Option<i32>) -> String {
    let of = |ahead| ended(said, code, signal, ahead);
    let (worked, idle) = (of(1), of(0));
    if worked == idle { worked } else { format!("{worked} | {idle}") }
}

fn ended(said: &[Said], code: i32, signal: Option<i32>, ahead: u64) -> String {
    let events: Vec<Event> =
        LEDGER.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut brief = events
        .iter()
        .find_map(
            |event| if let Event::Created { brief } = event { Some(brief.clone()) } else { None },
        )
        .unwrap();
    brief.fallback = None;
    brief.logins = skep_core::run::Logins::default();
    brief.supersedes = None;
    let env = events
        .iter()
        .find_map(
            |event| if let Event::Prepared { env } = event { Some(env.clone()) } else { None },
        )
        .unwrap();
    let at = Timestamp(1_000_000);
    let mut run = Run::new(*brief, 1, at);
    let attempt = 1;
    let mut inputs =
        vec![Input::Admit, Input::Prepared(env), Input::Started { attempt, pid: 8, gatekeeper: 7 }];
    // Leave is given by skep's own settings, and nobody waits for it.
    let told =
        said.iter().filter(|said| !matches!(said, Said::Permission { .. } | Said::Ask { .. }));
    inputs.extend(told.map(|said| Input::Said { attempt, said: said.clone() }));
    let git = GitFacts {
        head: "c1".to_owned(),
        branch: None,
        dirty: false,
        ahead,
        behind: None,
        unpushed: None,
        files: ahead,
        insertions: ahead,
        deletions: 0,
        at,
    };
    inputs.push(Input::Exited {
        attempt,
        exit: Exit {
            code,
            signal,
            started: at,
            ended: Timestamp(at.0 + 60_000),
            forced: false,
            let_go: false,
            error: None,
            spared: Vec::new(),
            git: Some(git),
        },
    });
    for input in inputs {
        let step = run.step(input, at).unwrap();
        for event in &step.events {
            run.apply(event, at).unwrap();
        }
    }
    match &run.state {
        State::Ended { outcome, reason, .. } => match reason {
            Some(reason) => reason.as_str().to_owned(),
            None => outcome.as_str().to_owned(),
        },
        State::Limited { known, .. } => {
            format!("waits for its limit{}", if *known { "" } else { ", reset unknown" })
        }
        State::Queued { .. }
        | State::Preparing { .. }
        | State::Starting { .. }
        | State::Running { .. }
        | State::Waiting { .. }
        | State::Stalled { .. }
        | State::Stopping { .. } => panic!("{:?}", run.state),
    }
}

/// Compares a table of `NAME  OUTCOME` lines.
#[track_caller]
pub(crate) fn compare(rows: &[(String, String)], want: &str) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let got: String =
        rows.iter().map(|(name, outcome)| format!("\n{name:<width$}  {outcome}")).collect();
    assert!(got == want, "got:\n{got}\nwant:\n{want}");
}

/// A commit in the tree | an untouched tree. Each leaves with code 0, but for those that were killed.
#[test]
fn every_transcript_of_a_pipe_ends_as_what_it_was() {
    let rows: Vec<(String, String)> = super::contract::ALL
        .iter()
        .map(|(agent, protocol, name)| {
            let (code, signal) = if *name == "hangkill" { (137, Some(9)) } else { (0, None) };
            let said = hear(protocol, &transcript(agent, name), code);
            (format!("{agent} {name}"), judged(&said, code, signal))
        })
        .collect();
    compare(
        &rows,
        "
codex basic        completed | no-change
codex ask          completed | no-change
codex dead429      usage-limit
codex fail500      model-error
codex auth401      auth
codex drop         completed | no-change
codex resume       no-result
codex resume-2     completed | no-change
codex hangkill     agent-crash
pi basic           completed | no-change
pi dead429         usage-limit
pi fail500         model-error
pi auth401         auth
pi drop            completed | no-change
pi resume          no-result
pi resume-2        completed | no-change
pi hangkill        agent-crash
opencode basic     completed | no-change
opencode ask       completed | no-change
opencode dead429   usage-limit
opencode drop      completed | no-change
opencode resume    no-result
opencode resume-2  completed | no-change
claude ask         completed | no-change
claude auth401     auth
claude basic       completed | no-change
claude dead429     usage-limit
claude drop        completed | no-change
claude fail500     model-error
claude hangkill    agent-crash
claude resume-2    completed | no-change
claude resume      no-result
claude sigint      agent-error
gemini ask         completed | no-change
gemini auth401     auth
gemini basic       completed | no-change
gemini dead429     no-result
gemini drop        model-error
gemini hangkill    agent-crash
gemini long        no-result
gemini resume-2    completed | no-change
gemini resume      no-result
qwen ask           completed | no-change
qwen auth401       auth
qwen basic         completed | no-change
qwen dead429       model-error
qwen drop          completed | no-change
qwen hangkill      agent-crash
qwen resume-2      completed | no-change
qwen resume        no-result
scripted basic     completed | no-change",
    );
}

#[test]
fn an_agent_that_says_nothing_at_all_has_no_result_whatever_its_protocol() {
    for protocol in ["scripted", "codex_json", "json_lines", "stream_json", "acp"] {
        for lines in ["", "\n\n", "Error: 429 Too Many Requests"] {
            let said = hear(protocol, lines, 0);
            assert_eq!(judged(&said, 0, None), "no-result", "{protocol}: {lines:?}");
        }
    }
}

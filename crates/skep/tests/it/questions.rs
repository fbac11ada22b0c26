//! Questions that agents ask people: the run waits, a person is told, the answer comes exactly once.

use std::{fs, path::PathBuf};

use rustix::process::Signal;
use serde_json::Value;

use crate::home::{Home, eventually, kill, lives, pid_of, text_of};

/// How long a call waits that is to be answered in time. Milliseconds.
const LONG: &str = "600000";

/// A run called `amber` whose agent asks `question` by a tool, waiting so long, and does these steps then.
fn asking(home: &Home, wait_ms: &str, question: &str, then: &[&str]) -> (String, Value) {
    let call = format!("call {wait_ms} {question}");
    let steps: Vec<&str> = [call.as_str(), "append answer.txt {answer}"]
        .into_iter()
        .chain(then.iter().copied())
        .collect();
    let run = home.run("ask first", &steps, &["--name", "amber", "-d"]);
    let id = text_of(&run, "id");
    let mut question = Value::Null;
    eventually("it asks", || {
        let list = home.json(&["questions"]);
        question = list[0].clone();
        question["id"].is_string()
    });
    (id, question)
}

const COMMITS: &[&str] = &["commit it", "say done"];

/// What the agent wrote down of the answers that it got.
fn answers(run: &Value) -> Vec<String> {
    let path = PathBuf::from(text_of(run, "worktree")).join("answer.txt");
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// How often the agent of a run was told `words`, in all its attempts.
fn heard(home: &Home, id: &str, words: &str) -> usize {
    let dir = home.root().join("runs").join(id);
    let mut times = 0;
    for attempt in 1..=9 {
        let journal = dir.join(attempt.to_string()).join("journal.jsonl");
        let prompt = dir.join(attempt.to_string()).join("prompt.md");
        let text = fs::read_to_string(journal).unwrap_or_default();
        let told = |line: &&str| line.contains(words) && (line.contains(r#""kind":"delivered""#));
        times += text.lines().filter(told).count();
        times += usize::from(fs::read_to_string(prompt).unwrap_or_default().contains(words));
    }
    times
}

#[test]
fn a_question_makes_the_run_wait_and_its_answer_lets_it_go_on() {
    let home = Home::new();
    home.repo();
    let (id, question) = asking(&home, LONG, "Which port? | 8080 | 8081", COMMITS);
    let run = home.listed(&id);
    assert_eq!((&run["state"], &run["waiting_for"]), (&"waiting".into(), &"answer".into()));
    assert_eq!((&run["questions"], &question["state"]), (&1.into(), &"pending".into()));
    let q = text_of(&question, "id");
    for screen in [&["inbox"][..], &["show", "amber"], &["questions"], &["status"]] {
        let shown = home.skep(screen).ok();
        assert!(shown.contains("Which port?"), "{screen:?}: {shown}");
        assert!(shown.contains(&format!("skep answer {q}")), "{screen:?}: {shown}");
    }
    home.skep(&["--json", "answer", &q, "3"]).refused(2, "option-unknown");
    home.skep(&["--json", "answer", &q]).refused(2, "usage");
    assert_eq!(home.json(&["answer", &q, "2"])["answer"], "8081");
    let second = home.skep(&["--json", "answer", &q, "1"]).refused(1, "question-answered");
    assert!(second.to_string().contains("answered by person already: 8081"), "{second}");
    let ended = home.wait(&id, "ended");
    assert_eq!(ended["outcome"], "completed", "{ended}");
    assert_eq!(answers(&ended), ["8081"]);
    assert_eq!(home.json(&["questions"]).as_array().unwrap().len(), 0);
    assert_eq!(home.json(&["questions", "amber", "--all"])[0]["answered_by"], "person");
    assert_eq!(home.skep(&["inbox"]).ok(), "");
    let kinds = home.kinds(&id);
    for kind in ["question_asked", "question_answered"] {
        assert_eq!(kinds.iter().filter(|found| *found == kind).count(), 1, "{kinds:?}");
    }
    home.no_agents();
}

#[test]
fn an_agent_that_waits_for_its_answer_takes_no_slot() {
    let home = Home::with_limits("runs = 1\n");
    home.repo();
    let (id, question) = asking(&home, LONG, "Which port?", COMMITS);
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let other = home.run("other", &[&wait, "append x y", "commit it"], &["-d"]);
    home.wait(&text_of(&other, "id"), "running");
    home.json(&["answer", &text_of(&question, "id"), "8081"]);
    assert_eq!(home.listed(&id)["state"], "waiting", "the slot is the other's");
    fs::write(&go, "").unwrap();
    assert_eq!(answers(&home.wait(&id, "ended")), ["8081"]);
    home.no_agents();
}

#[test]
fn a_question_that_is_left_to_the_agent_is_told_so() {
    let home = Home::new();
    home.repo();
    let (id, question) = asking(&home, LONG, "Which port?", COMMITS);
    assert_eq!(home.json(&["answer", &text_of(&question, "id"), "--skip"])["state"], "skipped");
    assert_eq!(answers(&home.wait(&id, "ended")), ["decide"]);
    home.no_agents();
}

#[test]
fn an_answer_after_the_call_went_back_comes_once_as_the_next_message() {
    let home = Home::new();
    home.repo();
    let (id, question) = asking(&home, "0", "Which port?", &["listen", "commit it", "say I wait"]);
    home.wait(&id, "waiting");
    let run = home.listed(&id);
    assert_eq!(run["waiting_for"], "answer", "its turn is over: {run}");
    assert!(lives(pid_of(&run, "pid")), "its process waits");
    let q = text_of(&question, "id");
    home.json(&["answer", &q, "8081"]);
    eventually("the agent took it up", || {
        home.listed(&id)["messages"][0]["receipt"] == "turn-started"
    });
    assert_eq!(heard(&home, &id, "8081"), 1);
    home.skep(&["stop", &id]).ok();
    assert_eq!(answers(&home.wait(&id, "ended")), ["pending"]);
    home.no_agents();
}

#[test]
fn what_nobody_answered_goes_with_its_attempt() {
    let home = Home::new();
    home.repo();
    let (id, question) = asking(&home, LONG, "Which port?", COMMITS);
    let q = text_of(&question, "id");
    home.skep(&["stop", &id]).ok();
    home.wait(&id, "ended");
    assert_eq!(home.json(&["questions", &q])[0]["state"], "withdrawn");
    home.skep(&["--json", "answer", &q, "8081"]).refused(1, "question-closed");
    home.no_agents();
}

#[test]
fn what_an_agent_claims_is_shown_and_one_that_is_blocked_has_not_completed() {
    let home = Home::new();
    home.repo();
    let steps = [
        "claim src docs",
        "note the tests are flaky",
        "append x y",
        "commit it",
        "report blocked no network here",
    ];
    let ended = home.ended("blocked", &steps, &["--name", "amber", "-d"]);
    assert_eq!((&ended["outcome"], &ended["reason"]), (&"failed".into(), &"agent-blocked".into()));
    let shown = home.skep(&["show", "amber"]).ok();
    for words in ["blocked: no network here", "src, docs", "the tests are flaky"] {
        assert!(shown.contains(words), "{shown}");
    }
    let inbox = home.json(&["inbox"]);
    assert_eq!((&inbox[0]["kind"], &inbox[0]["name"]), (&"failure".into(), &"amber".into()));
    home.no_agents();
}

#[test]
fn a_question_and_its_answer_outlive_the_daemon() {
    for point in ["commit.before", "commit.after", "deliver.before", "deliver.after"] {
        let home = Home::new();
        home.repo();
        let (id, question) = asking(&home, LONG, "Which port?", COMMITS);
        let q = text_of(&question, "id");
        home.skep(&["daemon", "stop"]).ok();
        home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        assert_eq!(home.listed(&id)["waiting_for"], "answer", "{point}");
        let doomed = home.daemon();
        home.skep(&["--json", "answer", &q, "8081"]).ok();
        let ended = home.wait(&id, "ended");
        assert!(!lives(doomed), "{point}");
        assert_eq!(
            (&ended["outcome"], &ended["attempt"]),
            (&"completed".into(), &1.into()),
            "{point}"
        );
        assert_eq!(answers(&ended), ["8081"], "{point}");
        assert_eq!(heard(&home, &id, "8081"), 1, "{point}");
        home.no_agents();
    }
}

#[test]
fn a_question_is_asked_while_no_daemon_is_there_and_taken_up_by_the_next() {
    let home = Home::new();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let call = format!("call {LONG} Which port?");
    let steps = [&wait, &call, "append answer.txt {answer}", "commit it"];
    let run = home.run("ask", &steps, &["-d"]);
    let id = text_of(&run, "id");
    home.wait(&id, "running");
    home.kill_daemon();
    fs::write(&go, "").unwrap();
    let reports = home.attempt(&id, 1).join("reports.jsonl");
    eventually("it asks", || {
        fs::read_to_string(&reports).unwrap_or_default().contains("Which port?")
    });
    let mut question = Value::Null;
    eventually("it is taken up", || {
        question = home.json(&["questions"])[0]["id"].clone();
        question.is_string()
    });
    home.json(&["answer", question.as_str().unwrap(), "8081"]);
    assert_eq!(answers(&home.wait(&id, "ended")), ["8081"]);
    home.no_agents();
}

/// Whether the guards, or they and the daemon, are killed before or after the answer: it reaches the resumed agent, once.
#[test]
fn an_answer_reaches_the_agent_that_was_resumed_after_everything_was_killed() {
    for (daemon_too, answered_first) in [(false, false), (true, false), (true, true)] {
        let home = Home::new();
        home.repo();
        let (id, question) = asking(&home, LONG, "Which port?", COMMITS);
        let q = text_of(&question, "id");
        let keeper = pid_of(&home.listed(&id), "gatekeeper");
        if answered_first {
            // It is written down, and no deed of it is done.
            home.skep(&["daemon", "stop"]).ok();
            let vars = [("SKEP_CRASH", "deliver.before")];
            home.skep_with(home.place().root(), &vars, &["daemon", "start"]).ok();
            let doomed = home.daemon();
            kill(keeper, Signal::STOP);
            home.skep(&["--json", "answer", &q, "8081"]).ok();
            eventually("the daemon died", || !lives(doomed));
        } else if daemon_too {
            home.kill_daemon();
        }
        kill(keeper, Signal::KILL);
        eventually("the keeper is gone", || !lives(keeper));
        if !answered_first {
            eventually("it rests", || {
                let run = home.listed(&id);
                run["attempt"] == 2 && run["state"] == "waiting" && run["waiting_for"] == "answer"
            });
            assert_eq!(home.json(&["questions"])[0]["id"], q.as_str());
            home.json(&["answer", &q, "8081"]);
        }
        let ended = home.wait(&id, "ended");
        let case = (daemon_too, answered_first);
        assert_eq!(ended["attempt"], 2, "{case:?}: {ended}");
        assert_eq!(heard(&home, &id, "8081"), 1, "{case:?}");
        home.no_agents();
    }
}

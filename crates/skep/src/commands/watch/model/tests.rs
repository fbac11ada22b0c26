use serde_json::{Value, json};
use skep_api::{
    request::{Ask, LandAsk},
    view::RunView,
    wire::Refusal,
};
use skep_core::{run::How, time::Timestamp};

use super::{Asked, Event, Line, Mode, State, Wish};
use crate::commands::plan::course::tests::{task, waiting};
use crate::commands::watch::{
    keys::Key,
    sight::{Kind, Sight},
};
use crate::output::Tone;

/// A run as the daemon would tell it.
pub(in crate::commands::watch) fn run(name: &str, state: &str, more: &Value) -> RunView {
    let at = "2026-01-01T00:00:00.000Z";
    let mut view = json!({
        "id": format!("run_{name:0<10}"), "name": name, "kind": "code", "task": null, "title": format!("the title of {name}"),
        "project": "web", "by": "person", "agent": "claude", "model": null, "account": null, "surface": "headless",
        "permissions": "auto", "state": state, "waiting_for": null, "outcome": null, "reason": null, "since": at,
        "attempt": 1, "env_type": "worktree", "env_state": "held", "env": null, "worktree": null, "cwd": null,
        "branch": format!("skep/{name}"), "target": "main", "base": null, "git": null,
        "session": {"agent": null, "tmux": null}, "pid": null, "gatekeeper": null, "exit": null, "last": null,
        "change": null, "questions": 0, "usage": {"input_tokens": 0, "output_tokens": 0, "cost_usd": null},
        "host": "local", "notes": [], "created": at, "landed": null, "op": null,
    });
    for (key, value) in more.as_object().unwrap() {
        view[key] = value.clone();
    }
    serde_json::from_value(view).unwrap()
}

/// A while after the runs of these tests began.
pub(in crate::commands::watch) fn later(seconds: u64) -> Timestamp {
    let begun: Timestamp = "2026-01-01T00:00:00.000Z".parse().unwrap();
    begun.plus(std::time::Duration::from_secs(seconds))
}

/// Four runs, one of each kind that there is something to do about.
pub(in crate::commands::watch) fn runs() -> Vec<RunView> {
    let git = json!({"head": "0123456789abcdef0123456789abcdef01234567", "dirty": true, "unpushed": 1, "ahead": 1,
        "behind": 0, "files": 2, "insertions": 12, "deletions": 3, "at": "2026-01-01T00:01:00.000Z"});
    vec![
        run("amber", "waiting", &json!({"waiting_for": "answer", "git": git})),
        run("beryl", "running", &json!({"pid": 4242, "surface": "terminal"})),
        run("coral", "running", &json!({"pid": 4243})),
        run("diorite", "ended", &json!({"outcome": "completed"})),
    ]
}

pub(in crate::commands::watch) fn state() -> State {
    State::new(runs(), later(200), (80, 24), true)
}

pub(in crate::commands::watch) fn press(state: &mut State, keys: &str) -> Vec<Wish> {
    let key = |letter| match letter {
        '\r' => Key::Enter,
        '\x1b' => Key::Esc,
        letter => Key::Char(letter),
    };
    keys.chars().flat_map(|letter| state.step(Event::Key(key(letter)), later(200))).collect()
}

/// A list with three planned tasks: one at work by runs, one of no run that wants its person, one over.
pub(in crate::commands::watch) fn planned() -> State {
    let mut state = state();
    let of = |mut run: RunView| {
        run.task = Some("task_7k2m9qx4ab".to_owned());
        run
    };
    let runs = runs().into_iter().map(|run| match run.name.as_str() {
        "beryl" | "diorite" => of(run),
        _ => run,
    });
    let waits =
        json!({"on": "agent", "text": "web at work", "ways": ["skep logs run_beryl00000 -f"]});
    let at_work = task("implementing", &json!({"waits_for": waits}));
    let mut read = waiting(
        "plan_review",
        "its plan waits for you",
        &["skep plan show task_8k2m9qx4ab", "skep approve task_8k2m9qx4ab"],
    );
    read.id = "task_8k2m9qx4ab".to_owned();
    read.title = "One login for all sites, and one way out of each of them".to_owned();
    let mut over = task("completed", &json!({}));
    over.id = "task_9k2m9qx4ab".to_owned();
    state.step(Event::Planned(vec![at_work, read, over]), later(200));
    state.step(Event::Listed(runs.collect()), later(200));
    state
}

/// The list's lines, each by what it is about.
fn lines(state: &State) -> Vec<String> {
    let line = |line: &Line<'_>| match line {
        Line::Task(task) => task.state.clone(),
        Line::Waits(task) => format!("{} waits", task.state),
        Line::Run(run, below) => format!("{}{}", if *below { "- " } else { "" }, run.name),
    };
    state.lines().iter().map(line).collect()
}

fn answer(state: &mut State, wishes: &[Wish], answer: Result<Value, Refusal>) -> Vec<Wish> {
    let [Wish::Ask(asked)] = wishes else { panic!("one question: {wishes:?}") };
    state.step(Event::Answered(asked.clone(), answer), later(200))
}

#[track_caller]
fn asked(wishes: &[Wish]) -> Ask {
    let [Wish::Ask(Asked { ask, .. })] = wishes else { panic!("one question: {wishes:?}") };
    ask.clone()
}

fn selected(state: &State) -> &str {
    &state.run().unwrap().name
}

fn close(run: &str, how: How) -> Ask {
    let runs = vec![format!("run_{run:0<10}")];
    Ask::Close { runs, how, merged: false, dry_run: false }
}

#[test]
fn the_selection_goes_with_its_run_and_to_its_neighbour_when_that_is_gone() {
    let mut state = state();
    press(&mut state, "jj");
    assert_eq!(selected(&state), "coral");
    let mut turned = runs();
    turned.reverse();
    state.step(Event::Listed(turned), later(201));
    assert_eq!(selected(&state), "coral");
    let without: Vec<RunView> = runs().into_iter().filter(|run| run.name != "coral").collect();
    state.step(Event::Listed(without), later(202));
    assert_eq!(selected(&state), "beryl");
    state.step(Event::Listed(Vec::new()), later(203));
    assert!(state.run().is_none() && press(&mut state, "jkxcLspr\r").is_empty());
    state.step(Event::Listed(runs()), later(204));
    assert_eq!(selected(&state), "amber");
}

#[test]
fn the_next_that_waits_is_found_round_the_list_and_a_pause_is_no_waiting() {
    let mut state = state();
    press(&mut state, "jn");
    assert_eq!(selected(&state), "amber");
    let paused = run("amber", "waiting", &json!({"waiting_for": "paused"}));
    state.step(Event::Listed(vec![paused, run("beryl", "running", &json!({}))]), later(201));
    press(&mut state, "jN");
    assert_eq!(selected(&state), "beryl");
    assert_eq!(state.note[0].1, "no run waits for you");
}

#[test]
fn what_is_beside_the_list_is_the_screen_of_a_terminal_the_words_of_others_or_what_changed() {
    let kind = |state: &State| state.target().unwrap().kind;
    let mut state = state();
    assert_eq!(kind(&state), Kind::Words);
    press(&mut state, "j");
    assert_eq!(kind(&state), Kind::Screen);
    press(&mut state, "l");
    assert_eq!(kind(&state), Kind::Words);
    press(&mut state, "ldk");
    assert!(kind(&state).is_diff());
    press(&mut state, "\x1b");
    assert_eq!(kind(&state), Kind::Words);
    let target = state.target().unwrap();
    let words = Sight::Words(vec![(Tone::Plain, "hello".to_owned())]);
    state.step(Event::Seen(target.clone(), words.clone()), later(201));
    assert_eq!(state.sight, words);
    press(&mut state, "j");
    state.step(Event::Seen(target, words), later(202));
    assert_eq!(state.sight, Sight::Nothing, "what comes late is not shown beside another run");
}

#[test]
fn enter_attaches_where_there_is_a_screen_and_shows_the_words_in_full_where_there_is_none() {
    let mut state = state();
    assert!(press(&mut state, "\r").is_empty() && state.zoomed);
    assert!(press(&mut state, "\x1bj").is_empty() && !state.zoomed);
    assert_eq!(press(&mut state, "\r"), [Wish::Attach("run_beryl00000".to_owned())]);
}

#[test]
fn a_stop_is_asked_for_once_more_and_the_second_is_by_force() {
    let mut state = state();
    assert!(press(&mut state, "x").is_empty());
    assert!(press(&mut state, "n").is_empty() && state.mode == Mode::List);
    let stop =
        |now| Ask::Stop { runs: vec!["run_amber00000".to_owned()], all: false, now, line: false };
    assert_eq!(asked(&press(&mut state, "xy")), stop(false));
    state.step(Event::Listed(vec![run("amber", "stopping", &json!({}))]), later(201));
    assert_eq!(asked(&press(&mut state, "xy")), stop(true));
    state.step(
        Event::Listed(vec![run("amber", "ended", &json!({"outcome": "stopped"}))]),
        later(202),
    );
    assert!(press(&mut state, "xy").is_empty());
}

#[test]
fn what_an_agent_asks_leave_for_is_shown_whole_before_it_can_be_allowed() {
    let asking = |text: &str| {
        let asks = json!([{"id": "ask_7k2m9qx4ab", "tool": "Bash", "text": text, "at": "2026-01-01T00:00:00.000Z", "answer": null}]);
        let mut state = state();
        let run = run("amber", "waiting", &json!({"waiting_for": "permission", "asks": asks}));
        state.step(Event::Listed(vec![run]), later(201));
        state
    };
    let rule =
        |allow| Ask::Rule { of: "ask_7k2m9qx4ab".to_owned(), allow, text: None, from_wave: None };
    let mut state = asking("make\nrm -rf \u{1b}build");
    assert!(press(&mut state, "a").is_empty());
    let Mode::Choose(choice) = &state.mode else { panic!("{:?}", state.mode) };
    let said: Vec<&str> = choice.lines.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(said, ["make", "rm -rf ␛build"]);
    assert!(press(&mut state.clone(), "n").is_empty());
    assert_eq!(asked(&press(&mut state.clone(), "r")), rule(false));
    assert_eq!(asked(&press(&mut state, "y")), rule(true));
    let mut long = asking(&format!("echo {}; rm -rf /", "x".repeat(300)));
    assert!(press(&mut long, "a").is_empty());
    assert!(long.note[0].1.contains("skep show amber"), "{:?}", long.note);
    assert!(press(&mut long, "y").is_empty(), "what is not shown whole is not allowed here");
}

#[test]
fn a_close_that_needs_a_decision_offers_the_branch_or_force_and_force_only_after_a_second_yes() {
    let kept = json!([{"id": "run_amber00000", "cleaned": false, "forced": false, "merged": "false", "clean": true,
        "status": "2 commits are only here", "snapshot": null, "reasons": ["skep land amber"], "branch": null, "trash": null}]);
    let mut state = state();
    let wishes = press(&mut state, "c");
    assert_eq!(asked(&wishes), close("amber", How::Smart));
    assert!(answer(&mut state, &wishes, Ok(kept.clone())).is_empty());
    let Mode::Choose(choice) = &state.mode else { panic!("{:?}", state.mode) };
    let said: Vec<&str> = choice.lines.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(said, ["2 commits are only here", "→ skep land amber"]);
    let mut other = state.clone();
    assert_eq!(asked(&press(&mut other, "k")), close("amber", How::KeepBranch));
    assert!(press(&mut state, "f").is_empty());
    assert!(press(&mut state.clone(), "fk\x1b").is_empty());
    assert_eq!(asked(&press(&mut state, "y")), close("amber", How::Force));
}

#[test]
fn a_close_of_a_living_run_offers_force_and_no_branch() {
    let mut state = state();
    let wishes = press(&mut state, "c");
    let living = Refusal::error("run-living", "it runs").hint("skep stop amber").decision();
    answer(&mut state, &wishes, Err(living));
    assert!(press(&mut state.clone(), "k").is_empty());
    assert_eq!(asked(&press(&mut state, "fy")), close("amber", How::Force));
}

#[test]
fn a_landing_and_an_undo_show_first_what_would_happen() {
    let mut state = state();
    let land = |dry_run| {
        Ask::Land(LandAsk { run: "run_amber00000".to_owned(), dry_run, ..LandAsk::default() })
    };
    let wishes = press(&mut state, "L");
    assert_eq!(asked(&wishes), land(true));
    answer(&mut state, &wishes, Ok(json!({"op": "done", "text": "1 commit would go to main"})));
    assert_eq!(asked(&press(&mut state, "y")), land(false));
    let wishes = press(&mut state, "u");
    assert_eq!(asked(&wishes), Ask::Undo { op: None, dry_run: true });
    let view = json!([{"op": "op_1", "verb": "close", "run": "run_x", "name": "xenon", "at": "2026-01-01T00:03:00.000Z",
        "undone": false, "status": "would be taken back", "by": null}]);
    answer(&mut state, &wishes, Ok(view));
    assert_eq!(
        asked(&press(&mut state, "y")),
        Ask::Undo { op: Some("op_1".to_owned()), dry_run: false }
    );
}

#[test]
fn a_landing_is_taken_back_only_by_the_name_of_its_run() {
    let landed = json!({"outcome": "completed", "landed": {"target": "main", "oid": "0123456789abcdef"},
        "op": {"id": "op_9", "result": {"op": "landed", "target": "main", "old": "0", "new": "1", "commits": 1}}});
    let mut state = State::new(vec![run("amber", "ended", &landed)], later(200), (80, 24), true);
    let wishes = press(&mut state, "u");
    answer(&mut state, &wishes, Ok(json!([])));
    assert!(press(&mut state.clone(), "y").is_empty());
    assert_eq!(
        asked(&press(&mut state, "l")),
        Ask::Undo { op: Some("op_9".to_owned()), dry_run: false }
    );
}

#[test]
fn a_message_is_sent_as_it_was_typed_and_an_empty_one_is_not() {
    let mut state = state();
    assert!(press(&mut state, "s\r").is_empty());
    press(&mut state, "sq x");
    state.step(Event::Key(Key::Paste("one\r\ntwo".to_owned())), later(200));
    state.step(Event::Key(Key::Left), later(200));
    let text = "q xone\ntw!o".to_owned();
    let wishes = press(&mut state, "!\r");
    assert_eq!(
        asked(&wishes),
        Ask::Send {
            run: "run_amber00000".to_owned(),
            text,
            steer: false,
            key: None,
            wait: None,
            timeout_ms: None
        }
    );
    answer(
        &mut state,
        &wishes,
        Ok(json!({"run": "run_amber00000", "message": "m", "receipt": "delivered", "text": null})),
    );
    assert_eq!(state.note[0].1, "amber has it");
}

#[test]
fn words_for_a_run_that_asks_are_the_answer_to_its_question() {
    let mut state = state();
    state.runs[0].asked = vec![
        serde_json::from_value(json!({
            "id": "q_7k2m9qx4ab", "run": "run_amber00000", "name": "amber", "text": "Which port?", "context": null,
            "options": ["8080", "9090"], "proposal": null, "state": "pending", "answer": null, "answered_by": null,
            "asked": "2026-11-20T11:43:10.456Z", "waits": true
        }))
        .unwrap(),
    ];
    let wishes = press(&mut state, "s9090\r");
    let question = "q_7k2m9qx4ab".to_owned();
    assert_eq!(asked(&wishes), Ask::Answer { question, text: Some("9090".to_owned()) });
    let mut settled = serde_json::to_value(&state.runs[0].asked[0]).unwrap();
    settled["state"] = "answered".into();
    settled["answer"] = "9090".into();
    answer(&mut state, &wishes, Ok(settled));
    assert_eq!(state.note[0].1, "amber is told: 9090");
}

#[test]
fn what_ended_is_resumed_with_or_without_words_and_what_waits_at_once() {
    let again = |run: &str, text: Option<&str>| Ask::Again {
        run: format!("run_{run:0<10}"),
        goes_on: true,
        text: text.map(str::to_owned),
        surface: None,
        env: std::collections::BTreeMap::new(),
    };
    let mut state = state();
    assert_eq!(asked(&press(&mut state, "r")), again("amber", None));
    press(&mut state, "G");
    assert_eq!(asked(&press(&mut state, "r\r")), again("diorite", None));
    assert_eq!(asked(&press(&mut state, "rmore\r")), again("diorite", Some("more")));
}

#[test]
fn a_refused_wish_says_its_slug_and_the_ways_out() {
    let mut state = state();
    let wishes = press(&mut state, "p");
    answer(
        &mut state,
        &wishes,
        Err(Refusal::error("no-turn", "amber is in no turn").hint("skep why amber")),
    );
    let said: Vec<&str> = state.note.iter().map(|(_, line)| line.as_str()).collect();
    assert_eq!(said, ["error[no-turn]: amber is in no turn", "→ skep why amber"]);
    assert_eq!(state.asked, 0);
    let wishes = press(&mut state, "p");
    answer(&mut state, &wishes, Ok(json!("no run")));
    assert!(state.note[0].1.starts_with("error[daemon-other-version]"), "{:?}", state.note);
}

#[test]
fn a_filter_narrows_the_list_while_it_is_typed_and_goes_with_escape() {
    let mut state = state();
    press(&mut state, "/COR");
    assert_eq!(selected(&state), "coral");
    assert_eq!(state.shown().len(), 1);
    press(&mut state, "\r");
    assert!(press(&mut state, "jk").is_empty());
    assert_eq!(selected(&state), "coral");
    press(&mut state, "\x1b");
    assert_eq!((state.shown().len(), selected(&state)), (4, "coral"));
    press(&mut state, "/no such run");
    assert!(
        state.run().is_some()
            == state.shown().iter().any(|run| Some(&run.id) == state.selected.as_ref())
    );
}

#[test]
fn a_daemon_that_is_gone_is_told_and_so_is_its_return() {
    let mut state = state();
    state.step(Event::Away("it has ended".to_owned()), later(201));
    assert_eq!(state.away.as_deref(), Some("it has ended"));
    assert_eq!(state.runs.len(), 4);
    state.step(Event::Listed(runs()), later(202));
    assert_eq!((state.away.as_ref(), state.note[0].1.as_str()), (None, "the daemon is back"));
}

#[test]
fn keys_that_leave_do_so_from_everywhere_and_a_q_that_is_typed_does_not() {
    for keys in ["", "?", "/x", "sx", "x", "\r"] {
        let mut state = state();
        press(&mut state, keys);
        assert_eq!(state.step(Event::Key(Key::Ctrl('c')), later(200)), [Wish::Leave(130)]);
    }
    assert_eq!(press(&mut state(), "q"), [Wish::Leave(0)]);
    assert_eq!(press(&mut state(), "sq"), []);
    assert_eq!(press(&mut state(), "xq"), []);
}

#[test]
fn the_clock_wakes_only_when_an_age_on_the_screen_changes() {
    let at = |seconds| {
        State::new(vec![run("amber", "running", &json!({}))], later(seconds), (80, 24), true)
            .next_age()
    };
    assert_eq!((at(0), at(59), at(61)), (Some(60), Some(1), Some(59)));
    assert_eq!((at(3600), at(86400 + 1)), (Some(3600), Some(86399)));
    assert_eq!(State::new(Vec::new(), later(0), (80, 24), true).next_age(), None);
}

#[test]
fn the_runs_of_a_planned_task_stand_below_it_and_a_task_without_runs_is_there_too() {
    let mut state = planned();
    let read = ["plan_review", "plan_review waits"];
    let at_work = ["implementing", "implementing waits", "- beryl", "- diorite"];
    assert_eq!(lines(&state), [&read[..], &["amber"], &at_work, &["coral"]].concat());
    assert_eq!(selected(&state), "amber");
    press(&mut state, "jj");
    assert_eq!(selected(&state), "diorite", "a heading is never selected");
    assert_eq!(state.task_of(state.run().unwrap()).unwrap().state, "implementing");
    press(&mut state, "/answer by pages\r");
    assert_eq!(lines(&state), at_work, "a task is found by its title, with its runs");
    press(&mut state, "\x1b/coral\r");
    assert_eq!(lines(&state), ["coral"]);
    press(&mut state, "\x1b");
    let failed = waiting("failed", "web failed", &["skep implement task_7k2m9qx4ab"]);
    state.step(Event::Planned(vec![failed]), later(201));
    let failed = ["failed", "failed waits", "- beryl", "- diorite"];
    assert_eq!(lines(&state), [&failed[..], &["amber", "coral"]].concat());
    state.step(Event::Planned(Vec::new()), later(202));
    assert_eq!(lines(&state), ["amber", "beryl", "coral", "diorite"]);
    state.step(Event::Listed(Vec::new()), later(203));
    state.step(Event::Planned(vec![task("approved", &json!({}))]), later(203));
    assert_eq!(lines(&state), ["approved"]);
}

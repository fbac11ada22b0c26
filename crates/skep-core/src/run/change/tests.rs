//! Scenes of a run's change: when its forge is asked, what goes back to the author, and what is left for a person.

use crate::{
    change::{Change, ChangeState, Check, CheckState, Comment},
    id::OpId,
    run::{
        Brief, Event, Input, NoSight, OpResult, Outcome, Proposing, Run, Sight, State,
        tests::script::{after, brief, input, op, play, seconds},
    },
    time::Timestamp,
};

/// The change in scenes, at the head `c1`, `c2` and so on.
pub(crate) fn change(head: &str, state: ChangeState) -> Change {
    Change {
        forge: "github".to_owned(),
        number: 12,
        url: "https://github.com/o/r/pull/12".to_owned(),
        state,
        draft: false,
        head: head.to_owned(),
        base: "main".to_owned(),
        merged_as: None,
    }
}

pub(crate) fn asked(rounds: u32) -> Proposing {
    Proposing { rounds, ..Proposing::default() }
}

/// What a push and a change at `head` come to.
pub(crate) fn proposed(head: &str) -> OpResult {
    let change = Box::new(change(head, ChangeState::Open));
    OpResult::Proposed { change, made: true, left: Vec::new() }
}

fn check(name: &str, state: CheckState) -> Check {
    Check { name: name.to_owned(), state, url: None, text: format!("{name} says <<<all day>>>") }
}

fn comment(id: &str, member: bool) -> Comment {
    Comment {
        id: id.to_owned(),
        author: if member { "mary".to_owned() } else { "mallory".to_owned() },
        member,
        text: format!("words of {id}"),
        file: Some("src/lib.rs".to_owned()),
        line: Some(7),
        at: Timestamp(100_000),
    }
}

/// What a look found, in the words of scenes: `c1 open`, and then `test failed`, `lint pending`, `member m1`, `outsider x1`.
fn sight(words: &[&str]) -> Sight {
    let [head, state, rest @ ..] = words else { panic!("no such sight: {words:?}") };
    let state = match *state {
        "open" => ChangeState::Open,
        "merged" => ChangeState::Merged,
        "closed" => ChangeState::Closed,
        other => panic!("no such state: {other}"),
    };
    let mut found = Sight { change: change(head, state), checks: vec![], comments: vec![] };
    for pair in rest.chunks(2) {
        match pair {
            ["member", id] => found.comments.push(comment(id, true)),
            ["outsider", id] => found.comments.push(comment(id, false)),
            [name, "failed"] => found.checks.push(check(name, CheckState::Failed)),
            [name, "pending"] => found.checks.push(check(name, CheckState::Pending)),
            [name, "passed"] => found.checks.push(check(name, CheckState::Passed)),
            other => panic!("no such sight: {other:?}"),
        }
    }
    found
}

/// Reads `seen HEAD STATE …`, `unseen`, `unseen until SECONDS`, `round` and `round-refused`.
pub(crate) fn input_of(words: &[&str]) -> Input {
    let down = || NoSight { slug: "forge-offline".to_owned(), text: "no answer".to_owned() };
    match words {
        ["seen", rest @ ..] => {
            Input::Followed { found: Ok(Box::new(sight(rest))), not_before: None }
        }
        ["unseen"] => Input::Followed { found: Err(down()), not_before: None },
        ["unseen", "until", at] => {
            Input::Followed { found: Err(down()), not_before: Some(seconds(at)) }
        }
        ["round"] => Input::Round,
        ["round-refused"] => Input::RoundRefused { text: "all day".to_owned() },
        other => panic!("no such input: {other:?}"),
    }
}

/// A run that is done, with work on a branch.
const DONE: &str =
    "0 admit, 1 prepared, 2 started, 3 turn success, 9 exit 0 committed c1, 10 snapped 0";

fn agent() -> Brief {
    Brief { seed: "seed".to_owned(), ..brief("amber") }
}

/// The run after its change was made at second 11.
fn with_change(rounds: u32) -> Run {
    let mut run = after(agent(), DONE);
    feed(&mut run, 11, Input::Propose { op: op(3), asked: Box::new(asked(rounds)) });
    feed(&mut run, 11, Input::OpDone { op: op(3), result: proposed("c1") });
    run
}

/// Takes an input that fits, and says what it led to.
#[track_caller]
fn feed(run: &mut Run, at: u64, input: Input) -> Vec<&'static str> {
    let step = run.step(input, now(at)).unwrap();
    for event in &step.events {
        run.apply(event, now(at)).unwrap();
    }
    step.effects.iter().map(crate::run::Effect::kind).collect()
}

/// The same, in the words of scenes.
#[track_caller]
fn say(run: &mut Run, at: u64, text: &str) -> Vec<&'static str> {
    let input = input(text, run, now(at));
    feed(run, at, input)
}

/// Takes the run through its next attempt, which ends as `exit` says.
#[track_caller]
fn works(run: &mut Run, at: u64, exit: &str) -> Vec<&'static str> {
    for text in ["admit", "started", "turn success"] {
        say(run, at, text);
    }
    say(run, at + 8, exit)
}

fn op_of(run: &Run) -> OpId {
    run.proposing.clone().expect("it is being proposed").0
}

fn wants(run: &Run) -> String {
    run.change_wants().map(|wanted| wanted.text).unwrap_or_default()
}

fn now(secs: u64) -> Timestamp {
    Timestamp(secs * 1_000)
}

#[test]
fn a_run_that_has_ended_with_a_branch_of_its_own_is_proposed_and_no_other() {
    let asked = || Input::Propose { op: op(3), asked: Box::new(asked(3)) };
    let slug = |brief: Brief, script: &str| {
        after(brief, script).step(asked(), now(20)).unwrap_err().slug.to_owned()
    };
    assert_eq!(slug(agent(), "0 admit, 1 prepared, 2 started"), "run-living");
    assert_eq!(slug(agent(), ""), "run-living");
    assert_eq!(slug(agent(), "0 stop"), "nothing-to-propose");
    let closing = format!("{DONE}, 11 close 9");
    assert_eq!(slug(agent(), &closing), "close-under-way");
    let closed = format!("{DONE}, 11 close 9 force, 12 op 9 closed 1");
    assert_eq!(slug(agent(), &closed), "nothing-to-propose");
    let review = Brief { kind: crate::run::Kind::Review, ..agent() };
    let done = "0 admit, 1 prepared, 2 started, 9 exit 0, 10 snapped 0";
    assert_eq!(slug(review, done), "nothing-to-propose");
    let mut run = after(agent(), DONE);
    assert_eq!(feed(&mut run, 11, asked()), ["propose"]);
    assert!(run.change.is_none(), "nobody has told of one yet");
    feed(&mut run, 12, Input::OpDone { op: op(3), result: proposed("c1") });
    assert_eq!(run.change.as_ref().map(|it| it.change.number), Some(12));
    assert!(run.proposing.is_none());
}

#[test]
fn a_proposal_that_failed_makes_no_change() {
    let mut run = after(agent(), DONE);
    feed(&mut run, 11, Input::Propose { op: op(3), asked: Box::new(asked(3)) });
    say(&mut run, 12, "op 3 failed");
    assert!(run.change.is_none() && run.proposing.is_none());
    assert_eq!(run.next_wake(), None);
}

#[test]
fn a_change_is_asked_about_after_a_minute_and_less_and_less_often_while_nothing_changes() {
    let mut run = with_change(3);
    let mut at = 11;
    let mut waits = Vec::new();
    for _ in 0..9 {
        let next = run.next_wake().unwrap();
        waits.push(next.since(now(at)).as_secs());
        at = next.0.div_ceil(1_000);
        assert_eq!(say(&mut run, at, "tick"), ["follow"]);
        assert_eq!(run.next_wake(), None, "one look at a time");
        assert!(say(&mut run, at, "tick").is_empty());
        say(&mut run, at, "seen c1 open");
    }
    assert_eq!(waits, [60, 90, 135, 202, 303, 455, 600, 600, 600]);
    say(&mut run, at, "seen c1 open test pending");
    assert_eq!(run.next_wake(), Some(now(at + 60)), "news make it quick again");
}

#[test]
fn what_a_forge_says_of_its_budget_moves_the_next_look_and_silence_is_a_fact_with_its_age() {
    let mut run = with_change(3);
    say(&mut run, 71, "tick");
    say(&mut run, 72, "unseen until 5000");
    assert_eq!(run.next_wake(), Some(now(5_000)));
    say(&mut run, 5_000, "tick");
    say(&mut run, 5_001, "unseen");
    let following = run.change.clone().unwrap();
    let silent = following.silent.unwrap();
    assert_eq!((silent.slug.as_str(), silent.since), ("forge-offline", now(72)));
    assert_eq!((following.seen, following.change.state), (now(11), ChangeState::Open));
    assert_eq!(wants(&run), "", "a forge that is down has said nothing");
    say(&mut run, 5_200, "tick");
    say(&mut run, 5_201, "seen c1 open");
    assert_eq!(run.change.unwrap().silent, None);
}

#[test]
fn a_change_that_is_over_is_asked_about_no_more() {
    for (state, brought_in) in [("merged", true), ("closed", false)] {
        let mut run = with_change(3);
        say(&mut run, 71, "tick");
        say(&mut run, 72, &format!("seen c1 {state} test failed member m1"));
        assert_eq!(run.next_wake(), None, "{state}");
        assert!(!run.is_due_a_round(now(80)), "{state}");
        assert_eq!(run.is_brought_in(), brought_in, "{state}");
    }
}

#[test]
fn failed_checks_of_a_head_go_to_the_author_once_when_all_have_ended() {
    let mut run = with_change(3);
    say(&mut run, 72, "seen c1 open test failed lint pending");
    assert!(!run.is_due_a_round(now(73)), "one has not ended");
    assert!(run.is_due_a_round(now(72 + 15 * 60)), "and is not waited for for ever");
    say(&mut run, 80, "seen c1 open test failed lint failed");
    assert!(run.is_due_a_round(now(81)));
    say(&mut run, 81, "round");
    assert!(matches!(run.state, State::Queued { .. }) && run.goes_on);
    let told = run.message.clone().unwrap();
    assert!(told.contains("Failed check: test") && told.contains("Failed check: lint"), "{told}");
    assert!(told.contains("<<<data ") && told.contains("change #12"), "{told}");
    assert_eq!(run.change.as_ref().unwrap().rounds, 1);
    // It did something else than to commit: the same head is not told again, and a person is wanted.
    let effects = works(&mut run, 90, "exit 0 committed c1");
    assert!(effects.contains(&"propose"), "{effects:?}");
    let op = op_of(&run);
    feed(&mut run, 99, Input::OpDone { op, result: proposed("c1") });
    assert!(!run.is_due_a_round(now(100)));
    assert_eq!(wants(&run), "change #12: failed checks: test, lint, after 1 round");
}

#[test]
fn a_round_that_is_done_is_proposed_by_itself_and_the_next_head_judged_anew() {
    let mut run = with_change(3);
    for (nth, head) in ["c1", "c2", "c3"].iter().enumerate() {
        let at = 100 * (nth as u64 + 1);
        say(&mut run, at, &format!("seen {head} open test failed"));
        assert!(run.is_due_a_round(now(at)), "{head}");
        say(&mut run, at, "round");
        let next = format!("c{}", nth + 2);
        let effects = works(&mut run, at + 10, &format!("exit 0 committed {next}"));
        assert!(effects.contains(&"propose"), "{effects:?}");
        let op = op_of(&run);
        feed(&mut run, at + 20, Input::OpDone { op, result: proposed(&next) });
        assert_eq!(run.change.as_ref().unwrap().change.head, next);
    }
    say(&mut run, 500, "seen c4 open test failed");
    assert!(!run.is_due_a_round(now(501)), "there were three");
    assert_eq!(wants(&run), "change #12: failed checks: test, after 3 rounds");
    // A person who asks for it again has looked at it.
    feed(&mut run, 510, Input::Propose { op: op(4), asked: Box::new(asked(1)) });
    feed(&mut run, 511, Input::OpDone { op: op(4), result: proposed("c4") });
    assert!(run.is_due_a_round(now(512)));
}

#[test]
fn comments_of_members_go_to_the_author_once_and_those_of_others_to_people_alone() {
    let mut run = with_change(3);
    say(&mut run, 72, "seen c1 open outsider x1");
    assert!(!run.is_due_a_round(now(73)));
    assert_eq!(wants(&run), "change #12: mallory, from outside, wrote: words of x1");
    say(&mut run, 80, "seen c1 open outsider x1 member m1");
    assert!(run.is_due_a_round(now(80)));
    say(&mut run, 81, "round");
    let told = run.message.clone().unwrap();
    assert!(told.contains("mary wrote on src/lib.rs:7:\nwords of m1"), "{told}");
    assert!(!told.contains("x1") && !told.contains("mallory"), "{told}");
    works(&mut run, 90, "exit 0 committed c2");
    let op = op_of(&run);
    feed(&mut run, 99, Input::OpDone { op, result: proposed("c2") });
    say(&mut run, 160, "seen c2 open outsider x1 member m1");
    assert!(!run.is_due_a_round(now(161)), "what was heard once counts once");
}

#[test]
fn what_is_written_while_a_round_is_under_way_is_asked_for_after_it() {
    let mut run = with_change(3);
    say(&mut run, 72, "seen c1 open test failed");
    say(&mut run, 73, "round");
    works(&mut run, 5_000, "exit 0 committed c2");
    let by_itself = op_of(&run);
    feed(&mut run, 5_020, Input::OpDone { op: by_itself, result: proposed("c2") });
    assert_eq!(run.change.as_ref().unwrap().seen, now(72), "nobody has looked since");
    feed(&mut run, 5_030, Input::Propose { op: op(4), asked: Box::new(asked(3)) });
    feed(&mut run, 5_031, Input::OpDone { op: op(4), result: proposed("c2") });
    assert_eq!(run.change.as_ref().unwrap().seen, now(72), "nor when a person asked for it");
    say(&mut run, 5_100, "tick");
    say(&mut run, 5_101, "seen c2 open member m1");
    assert_eq!(run.change.as_ref().unwrap().seen, now(5_101));
    assert!(run.is_due_a_round(now(5_101)));
}

#[test]
fn without_rounds_a_person_is_told_and_no_agent() {
    let mut run = with_change(0);
    say(&mut run, 72, "seen c1 open test failed member m1");
    assert!(!run.is_due_a_round(now(72)));
    assert_eq!(wants(&run), "change #12: failed checks: test");
}

#[test]
fn a_round_that_fails_or_cannot_begin_is_left_to_a_person() {
    let failing = || {
        let mut run = with_change(3);
        say(&mut run, 72, "seen c1 open test failed");
        run
    };
    let mut run = failing();
    say(&mut run, 73, "round");
    let effects = works(&mut run, 80, "exit 7 committed c2");
    assert!(!effects.contains(&"propose"), "{effects:?}");
    assert!(matches!(run.state, State::Ended { outcome: Outcome::Failed, .. }));
    assert_eq!(wants(&run), "change #12: the round of its author ended failed");
    let mut run = failing();
    say(&mut run, 73, "round-refused");
    assert_eq!(wants(&run), "change #12: all day");
    assert!(!run.is_due_a_round(now(74)), "and is not tried over and over");
    let mut run = failing();
    say(&mut run, 73, "round");
    works(&mut run, 80, "exit 0 committed c2");
    let op = op_of(&run);
    let result = OpResult::Refused {
        slug: "worktree-dirty".to_owned(),
        text: "files stand there that no commit holds".to_owned(),
        hints: Vec::new(),
        merged: None,
    };
    feed(&mut run, 90, Input::OpDone { op, result });
    assert_eq!(wants(&run), "change #12: files stand there that no commit holds");
}

#[test]
fn an_author_whom_a_person_stopped_is_left_alone_and_one_at_work_is_not_disturbed() {
    let mut run = with_change(3);
    say(&mut run, 20, "again");
    say(&mut run, 72, "seen c1 open test failed");
    assert!(!run.is_due_a_round(now(72)), "it is in line");
    assert_eq!(run.next_wake(), None, "and nobody asks meanwhile");
    say(&mut run, 73, "stop");
    assert!(!run.is_due_a_round(now(74)));
}

/// `x` rejected · `.` nothing follows · `+` events · `!` events and effects.
///
/// Columns: open, looking, failing, in a round, stuck · merged · closing, closed · silent.
#[test]
fn in_every_state_each_input_about_a_change_does_what_the_table_says() {
    let failing = (72, "seen c1 open test failed");
    let states: Vec<Run> = [
        &[][..],
        &[(71, "tick")],
        &[failing],
        &[failing, (73, "round")],
        &[failing, (73, "round-refused")],
        &[(72, "seen c1 merged")],
        &[(72, "close 9")],
        &[(72, "close 9 force"), (73, "op 9 closed 1")],
        &[(71, "tick"), (72, "unseen")],
    ]
    .iter()
    .map(|texts| {
        let mut run = with_change(3);
        for (at, text) in *texts {
            say(&mut run, *at, text);
        }
        run
    })
    .collect();
    let inputs = [
        "tick",
        "seen c1 open",
        "seen c2 open test failed member m1",
        "unseen",
        "round",
        "round-refused",
        "propose 5",
        "again",
    ];
    let mark = |run: &Run, text: &str| match run.step(input(text, run, now(200)), now(200)) {
        Err(_) => 'x',
        Ok(step) if step.events.is_empty() && step.effects.is_empty() => '.',
        Ok(step) if step.effects.is_empty() => '+',
        Ok(_) => '!',
    };
    let mut got = String::new();
    for text in inputs {
        let marks: String = states.iter().map(|run| mark(run, text)).collect();
        got += &format!("\n{marks}  {text}");
    }
    let want = "
!.!.!.!!!  tick
+++++++++  seen c1 open
+++++++++  seen c2 open test failed member m1
+++++++++  unseen
xx+xxxxxx  round
+++++++++  round-refused
!!!x!!xx!  propose 5
+++x++xx+  again";
    assert!(got == want, "got:\n{got}\nwant:\n{want}");
}

#[test]
fn news_of_another_change_are_none_of_this_one() {
    let mut run = with_change(3);
    let mut other = sight(&["c9", "merged"]);
    other.change.number = 13;
    feed(&mut run, 72, Input::Followed { found: Ok(Box::new(other)), not_before: None });
    assert_eq!(run.change.unwrap().change.head, "c1");
}

#[test]
fn what_was_said_is_cut_and_cannot_close_its_marks() {
    let mut run = with_change(3);
    let mut found = sight(&["c1", "open", "member", "m1"]);
    found.comments[0].text = "x".repeat(100_000);
    found.comments[0].author = "mary\nroot\u{202e}".to_owned();
    feed(&mut run, 72, Input::Followed { found: Ok(Box::new(found)), not_before: None });
    assert!(play(&mut run, "round", now(73)).starts_with("queued"));
    let told = run.message.unwrap();
    assert!(told.len() < 10_000 && !told.contains('\u{202e}'), "{}", told.len());
    assert!(!told.contains("mary\nroot"), "{told}");
}

#[test]
fn an_event_about_a_change_does_not_fit_a_run_without_one() {
    let mut run = after(agent(), DONE);
    let events = [
        Event::Looking {},
        Event::Followed { found: None, failed: None, not_before: None },
        Event::RoundBegun { head: None },
        Event::RoundOver { stuck: None },
    ];
    for event in events {
        assert!(run.apply(&event, now(20)).is_err(), "{event:?}");
    }
}

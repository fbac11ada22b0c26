//! Scenes of going on: a conversation that is refused, a follow-up that cannot start, another surface.

use super::super::{
    Run, State, Surface,
    tests::script::{after, brief, check_of},
};

/// An agent whose conversation is known, ended by a crash after a commit.
const KNOWN: &str = "0 admit, 1 prepared, 2 started, 3 session, 9 exit 7, 10 snapped 0";
/// The same, completed.
const DONE: &str =
    "0 admit, 1 prepared, 2 started, 3 session, 8 turn success, 9 exit 0, 10 snapped 0";

#[track_caller]
fn known(script: &str, want: &str) {
    check_of(brief("amber"), KNOWN, script, want);
}

#[track_caller]
fn done(script: &str, want: &str) {
    check_of(brief("amber"), DONE, script, want);
}

fn text_of(run: &Run) -> &str {
    let State::Ended { text, .. } = &run.state else { panic!("{:?}", run.state) };
    text
}

#[test]
fn a_refused_conversation_is_begun_afresh_once_before_any_tool() {
    known(
        "11 again, 12 admit, 13 started, 14 refused, 15 turn failed, 16 exit 1, 17 admit, 18 started, 19 session, \
         20 refused, 21 exit 1",
        "
11 again        queued, attempt 2
12 admit        starting; Start
13 started      running
14 refused      running
15 turn failed  running; Snapshot turn
16 exit 1       queued, attempt 3
17 admit        starting; Start
18 started      running
19 session      running
20 refused      running
21 exit 1       ended (failed: agent-error); Snapshot end",
    );
}

#[test]
fn the_conversation_that_was_refused_is_forgotten_and_the_words_are_not() {
    let script = "11 again saying more, 12 admit, 13 started, 14 refused, 15 exit 1";
    let run = after(brief("amber"), &format!("{KNOWN}, {script}"));
    assert_eq!((run.session.as_deref(), run.goes_on), (None, true));
    assert_eq!(run.message.as_deref(), Some("more"));
    assert_eq!(run.attempt, 3);
}

#[test]
fn after_a_tool_a_refused_conversation_is_never_begun_afresh() {
    for tool in ["tool", "result"] {
        let script = format!("11 again, 12 admit, 13 started, 14 {tool}, 15 refused, 16 exit 1");
        let run = after(brief("amber"), &format!("{KNOWN}, {script}"));
        assert!(run.is_ended() && run.attempt == 2, "{tool}: {:?}", run.state);
        assert_eq!(text_of(&run), "all day", "in the agent's own words");
    }
}

/// Codex has been seen to keep a tool to itself that its sandbox refused.
#[test]
fn a_tree_that_changed_or_was_not_seen_is_no_proof_that_no_tool_ran() {
    for git in ["committed c2", "dirty", "unseen"] {
        let script = format!("11 again, 12 admit, 13 started, 14 refused, 15 exit 1 {git}");
        let run = after(brief("amber"), &format!("{KNOWN}, {script}"));
        assert!(run.is_ended() && run.attempt == 2, "{git}: {:?}", run.state);
    }
    let unseen = "0 admit, 1 prepared, 2 started, 3 session, 9 exit 7 unseen, 10 snapped 0";
    let script = "11 again, 12 admit, 13 started, 14 refused, 15 exit 1";
    let run = after(brief("amber"), &format!("{unseen}, {script}"));
    assert!(run.is_ended(), "what git was before is not known: {:?}", run.state);
    let run = after(brief("amber"), &format!("{unseen}, 11 git c1 1, {script}"));
    assert!(!run.is_ended(), "{:?}", run.state);
}

#[test]
fn whoever_stops_a_refused_attempt_stops_the_run() {
    let script = "11 again, 12 admit, 13 started, 14 refused, 15 stop, 16 exit 1";
    let run = after(brief("amber"), &format!("{KNOWN}, {script}"));
    assert!(run.is_ended() && run.attempt == 2, "{:?}", run.state);
}

#[test]
fn only_an_attempt_that_was_to_go_on_has_a_conversation_to_refuse() {
    let first = "0 admit, 1 prepared, 2 started, 3 refused, 4 exit 1";
    let run = after(brief("amber"), first);
    assert!(run.is_ended() && run.attempt == 1, "{:?}", run.state);
    let run = after(
        brief("amber"),
        &format!("{KNOWN}, 11 afresh, 12 admit, 13 started, 14 refused, 15 exit 1"),
    );
    assert!(run.is_ended() && run.attempt == 2, "{:?}", run.state);
}

#[test]
fn a_death_of_the_fresh_attempt_goes_on_with_the_fresh_conversation() {
    let script = "11 again, 12 admit, 13 started, 14 refused, 15 exit 1, 16 admit, 17 started, 18 session, \
                  19 exit 137 forced, 40 admit";
    let run = after(brief("amber"), &format!("{KNOWN}, {script}"));
    assert_eq!((run.attempt, run.session.is_some(), run.goes_on), (4, true, true));
}

// a follow-up that cannot start

#[test]
fn a_follow_up_that_cannot_start_leaves_a_completed_run_completed() {
    for unbegun in [
        "13 start-failed",
        "13 exit 1 unstarted",
        "13 started, 14 exit 1 after 1",
        "13 began, 44 tick, 45 exit 137 forced",
    ] {
        let before = after(brief("amber"), DONE);
        let run =
            after(brief("amber"), &format!("{DONE}, 11 again saying more, 12 admit, {unbegun}"));
        assert_eq!((&run.state, run.since), (&before.state, before.since), "{unbegun}");
        assert_eq!(run.verdict, before.verdict, "{unbegun}");
        let (attempt, why) = run.conversation.unbegun.clone().expect(unbegun);
        assert_eq!(attempt, 2, "{unbegun}");
        assert_eq!(run.last.map(|(text, _)| text), Some(why), "{unbegun}");
    }
}

#[test]
fn a_follow_up_whose_conversation_is_refused_twice_leaves_a_completed_run_completed() {
    done(
        "11 again, 12 admit, 13 started, 14 refused, 15 exit 1 after 1, 16 admit, 17 start-failed",
        "
11 again           queued, attempt 2
12 admit           starting; Start
13 started         running
14 refused         running
15 exit 1 after 1  queued, attempt 3
16 admit           starting; Start
17 start-failed    ended (completed)",
    );
}

#[test]
fn a_follow_up_that_works_and_fails_is_a_failure() {
    done(
        "11 again, 12 admit, 13 started, 14 tool, 60 error model, 61 exit 1",
        "
11 again        queued, attempt 2
12 admit        starting; Start
13 started      running
14 tool         running
60 error model  running
61 exit 1       ended (failed: model-error); Snapshot end",
    );
}

#[test]
fn a_follow_up_of_a_failed_run_that_cannot_start_is_a_failed_attempt_of_its_own() {
    let run = after(brief("amber"), &format!("{KNOWN}, 11 again, 12 admit, 13 start-failed"));
    assert!(run.is_ended() && run.attempt == 2 && run.conversation.unbegun.is_none());
}

#[test]
fn the_next_follow_up_forgets_the_one_that_could_not_start() {
    let script = "11 again, 12 admit, 13 start-failed, 14 again";
    let run = after(brief("amber"), &format!("{DONE}, {script}"));
    assert_eq!((run.conversation.unbegun, run.attempt), (None, 3));
}

// another surface

#[test]
fn a_run_that_works_comes_to_its_own_screen_when_its_turn_is_over() {
    check_of(
        brief("amber"),
        "0 admit, 1 prepared, 2 started, 3 session",
        "4 again on screen, 5 turn success, 6 exit 0, 7 snapped 1, 8 admit, 9 started, 10 silent",
        "
4 again on screen  running
5 turn success     waiting (paused); Snapshot turn
6 exit 0           queued, attempt 2; Snapshot end
7 snapped 1        queued
8 admit            starting; Start
9 started          running; Show
10 silent          waiting (input)",
    );
    let run = after(
        brief("amber"),
        "0 admit, 1 prepared, 2 started, 3 session, 4 again on screen, 5 turn success, 6 exit 0",
    );
    assert_eq!((run.speech.surface, run.goes_on), (Surface::Terminal, true));
    assert_eq!((run.message, run.conversation.turns_to), (None, None));
}

#[test]
fn an_agent_that_stays_when_its_turn_is_over_is_ended_for_its_own_screen() {
    check_of(
        brief("amber"),
        "0 admit, 1 prepared, 2 started, 3 session",
        "4 again on screen, 5 turn success, 14 tick, 15 tick, 16 exit 143 forced",
        "
4 again on screen   running
5 turn success      waiting (paused); Snapshot turn
14 tick             waiting (paused)
15 tick             stopping (Surface); Stop
16 exit 143 forced  queued, attempt 2; Snapshot end",
    );
}

#[test]
fn a_run_that_waits_comes_to_its_own_screen_at_once() {
    check_of(
        brief("amber"),
        "0 admit, 1 prepared, 2 started, 3 session",
        "4 permission, 5 again on screen, 6 exit 143 forced",
        "
4 permission       waiting (permission)
5 again on screen  stopping (Surface); Stop
6 exit 143 forced  queued, attempt 2; Snapshot end",
    );
}

#[test]
fn a_run_on_its_own_screen_goes_back_to_its_protocol_at_once() {
    check_of(
        brief("amber"),
        &format!("{DONE}, 11 again on screen, 12 admit, 13 started, 14 silent"),
        "15 again on pipes, 16 exit 143 forced, 17 admit, 18 started, 19 turn success, 20 exit 0",
        "
15 again on pipes   stopping (Surface); Stop
16 exit 143 forced  queued, attempt 3; Snapshot end
17 admit            starting; Start
18 started          running
19 turn success     running; Snapshot turn
20 exit 0           ended (completed); Snapshot end",
    );
}

#[test]
fn a_run_at_work_on_its_own_screen_goes_back_at_once_too() {
    let script = "11 again on screen, 12 admit, 13 started, 14 again on pipes, 15 exit 143 forced";
    let run = after(brief("amber"), &format!("{DONE}, {script}"));
    assert_eq!((run.attempt, run.speech.surface), (3, Surface::Headless));
}

#[test]
fn whoever_stops_a_run_on_its_way_to_another_surface_stops_it() {
    let script = "4 again on screen, 5 stop, 6 exit 143 forced";
    let run =
        after(brief("amber"), &format!("0 admit, 1 prepared, 2 started, 3 session, {script}"));
    assert!(run.is_ended() && run.attempt == 1, "{:?}", run.state);
}

#[test]
fn a_death_on_the_way_to_another_surface_leads_there() {
    let script = "4 again on screen, 5 exit 137 forced";
    let run =
        after(brief("amber"), &format!("0 admit, 1 prepared, 2 started, 3 session, {script}"));
    assert_eq!((run.attempt, run.speech.surface), (2, Surface::Terminal));
}

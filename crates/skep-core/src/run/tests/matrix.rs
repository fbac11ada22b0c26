//! Every state with every input, and every state with every event: a new one of each fails here until it is placed.

use std::collections::BTreeSet;

use super::{
    super::*,
    script::{after, attested, brief, env, git, input, op, seconds, snap, taken, trial},
};

/// The states that differ in what fits them, with a way into each. In the tables they are the columns, in this order.
const STATES: &[(&str, &str)] = &[
    ("queued", ""),
    ("queued, backing off", "0 admit, 1 prepare-failed environment disk"),
    ("queued, env held", "0 admit, 1 prepared, 2 started, 9 exit 7, 10 again"),
    ("queued, env undoing", "0 admit, 1 stop, 2 prepared, 3 again"),
    ("preparing", "0 admit"),
    ("preparing, unwanted", "0 admit, 1 stop"),
    ("starting", "0 admit, 1 prepared"),
    ("starting, began", "0 admit, 1 prepared, 2 began"),
    ("running", "0 admit, 1 prepared, 2 started"),
    ("running, pausing", "0 admit, 1 prepared, 2 started, 3 pause"),
    ("waiting", "0 admit, 1 prepared, 2 started, 3 ask"),
    ("waiting, paused", "0 admit, 1 prepared, 2 started, 3 pause, 4 turn success"),
    ("waiting, given", "0 admit, 1 prepared, 2 started, 3 ask, 4 give q"),
    ("stalled", "0 admit, 1 prepared, 2 started, 3 silent"),
    ("waiting, limited", "0 admit, 1 prepared, 2 started, 3 limit, 9 exit 1"),
    ("stopping", "0 admit, 1 prepared, 2 started, 3 stop"),
    ("stopping by force", "0 admit, 1 prepared, 2 started, 3 kill"),
    ("stopping, paused", "0 admit, 1 prepared, 2 started, 3 pause now"),
    ("stopping, superseded", "0 admit, 1 prepared, 2 started, 3 supersede"),
    ("stopping, stalled", "0 admit, 1 prepared, 2 started, 3 silent, 63 tick"),
    ("stopping, to be closed", "0 admit, 1 prepared, 2 started, 3 close 9 force"),
    ("stopping, gone", "0 admit, 1 prepared, 2 started, 3 gone"),
    ("stopping, gone, unwanted", "0 admit, 1 prepared, 2 started, 3 gone, 4 stop"),
    ("ended, no env", "0 stop"),
    ("ended, no env, closed", "0 stop, 1 close 9"),
    ("ended, env undoing", "0 admit, 1 stop, 2 prepared"),
    ("ended, env undoing, closed", "0 admit, 1 close 9 force, 2 prepared"),
    (
        "ended, env held",
        "0 admit, 1 prepared, 2 started, 9 exit 7, 10 snapped 0, 11 land 8, 12 op 8 landed",
    ),
    ("ended, env closing", "0 admit, 1 prepared, 2 started, 9 exit 7, 10 snapped 0, 11 close 9"),
    (
        "ended, env closing by force",
        "0 admit, 1 prepared, 2 started, 9 exit 7, 10 snapped 0, 11 close 9 force",
    ),
    (
        "ended, env restoring",
        "0 admit, 1 prepared, 2 started, 9 exit 7, 10 snapped 0, 11 restore 9 0",
    ),
    (
        "ended, env coming back",
        "0 admit, 1 prepared, 2 started, 9 exit 7, 10 close 9 force, 11 op 9 closed 1, 12 undo 9 9",
    ),
    (
        "ended, env closed",
        "0 admit, 1 prepared, 2 started, 9 exit 7, 10 snapped 0, 11 close 8 force, 12 op 8 closed 1",
    ),
    (
        "ended, env closed but unsettled",
        "0 admit, 1 prepared, 2 started, 9 exit 7, 10 snapped 0, 11 close 8 force, 12 op 8 closed unsettled",
    ),
];

/// Every input that can differ. All of them come in the second minute, when each back-off is over and no deadline is.
const INPUTS: &[&str] = &[
    "admit",
    "stop",
    "kill",
    "supersede",
    "halt",
    "raise 5usd",
    "again",
    "again on screen",
    "afresh",
    "pass on",
    "go by work",
    "pause",
    "pause now",
    "give q",
    "send m",
    "steer m",
    "told q accepted",
    "close 1",
    "close 1 smart",
    "close 1 force",
    "close 1 aged",
    "abandon 1",
    "land 1",
    "landing try",
    "landing combined 1",
    "propose 1",
    "seen c1 open",
    "round",
    "round-refused",
    "snap 1",
    "forget 1 0",
    "restore 1 0",
    "restore 1 1",
    "undo 1 8",
    "purge 1",
    "drop-logs",
    "settle",
    "prepared",
    "prepare-failed environment disk",
    "prepare-failed user refused",
    "began",
    "start-failed",
    "in-use",
    "started",
    "words",
    "turn success",
    "refused",
    "tool",
    "ask",
    "permission",
    "withdrawn p",
    "approve",
    "asked k",
    "left k",
    "claims blocked",
    "answer 0 yes",
    "escalate 0",
    "release",
    "rules",
    "lift",
    "rules-set 1",
    "silent",
    "heard",
    "retry",
    "limit",
    "overdue turn",
    "overdue ready",
    "shown",
    "exit 0",
    "exit 137 forced",
    "exit 1 unstarted",
    "gone",
    "swept",
    "swept unknown",
    "undone",
    "undone not",
    "op 9 closed",
    "op 9 closed unsettled",
    "op 9 restored 0",
    "op 9 refused",
    "snapped 0",
    "snapped 0 same",
    "snapped 0 failed",
    "settled 1",
    "settled 1 failed",
    "purged 1",
    "logs-dropped",
    "leave-issue",
    "issue-left",
    "issue-left not",
    "comment x",
    "git c9 2",
    "overstepped stop",
    "done",
    "tick",
];

const NOW: &str = "64";

/// The place of each kind of state among [`STATES`]; a new kind does not compile until it has one.
fn kind_of_state(state: &State) -> usize {
    match state {
        State::Queued { .. } => 0,
        State::Preparing { .. } => 1,
        State::Starting { .. } => 2,
        State::Running { .. } => 3,
        State::Waiting { .. } => 4,
        State::Stalled { .. } => 5,
        State::Stopping { .. } => 6,
        State::Ended { .. } => 7,
        State::Limited { .. } => 8,
    }
}

const KINDS_OF_STATES: usize = 9;

fn kind_of_input(input: &Input) -> usize {
    match input {
        Input::Admit => 0,
        Input::Stop { .. } => 1,
        Input::Supersede => 2,
        Input::Again { .. } => 3,
        Input::Pause { .. } => 4,
        Input::Give { .. } => 5,
        Input::Close { .. } => 6,
        Input::Abandon { .. } => 7,
        Input::Land { .. } => 8,
        Input::Snap { .. } => 9,
        Input::Forget { .. } => 10,
        Input::Restore { .. } => 11,
        Input::Undo { .. } => 12,
        Input::Purge { .. } => 13,
        Input::DropLogs => 14,
        Input::Settle => 15,
        Input::Prepared(_) => 16,
        Input::PrepareFailed { .. } => 17,
        Input::Began { .. } => 18,
        Input::StartFailed { .. } => 19,
        Input::Started { .. } => 20,
        Input::Said { .. } => 21,
        Input::Silent { .. } => 22,
        Input::Heard { .. } => 23,
        Input::Exited { .. } => 24,
        Input::Gone { .. } => 25,
        Input::Swept { .. } => 26,
        Input::Undone { .. } => 27,
        Input::OpDone { .. } => 28,
        Input::Snapped { .. } => 29,
        Input::Settled { .. } => 30,
        Input::Purged { .. } => 31,
        Input::LogsDropped => 32,
        Input::GitSeen(_) => 33,
        Input::Done => 34,
        Input::Tick => 35,
        Input::Shown { .. } => 36,
        Input::Rule { .. } => 37,
        Input::Overdue { .. } => 38,
        Input::Send { .. } => 39,
        Input::Halt => 40,
        Input::Raise { .. } => 41,
        Input::Told { .. } => 42,
        Input::PassOn(_) => 43,
        Input::Tool { .. } => 44,
        Input::Answer { .. } => 45,
        Input::Overstepped { .. } => 46,
        Input::Rules => 47,
        Input::Lift => 48,
        Input::RulesSet { .. } => 49,
        Input::Release => 50,
        Input::Escalate { .. } => 51,
        Input::Landing(_) => 52,
        Input::Propose { .. } => 53,
        Input::Followed { .. } => 54,
        Input::Round => 55,
        Input::RoundRefused { .. } => 56,
        Input::InUse { .. } => 57,
        Input::LeaveIssue => 58,
        Input::IssueLeft { .. } => 59,
        Input::Comment { .. } => 60,
    }
}

const KINDS_OF_INPUTS: usize = 61;

pub(crate) fn kind_of_event(event: &Event) -> usize {
    match event {
        Event::Created { .. } => 0,
        Event::Admitted {} => 1,
        Event::Prepared { .. } => 2,
        Event::Began { .. } => 3,
        Event::Started { .. } => 4,
        Event::SessionNamed { .. } => 5,
        Event::TurnEnded { .. } => 6,
        Event::Used { .. } => 7,
        Event::Erred { .. } => 8,
        Event::Waits { .. } => 9,
        Event::Given { .. } => 10,
        Event::Goes {} => 11,
        Event::Stalled { .. } => 12,
        Event::StopAsked { .. } => 13,
        Event::Lost { .. } => 14,
        Event::SweptUnknown { .. } => 15,
        Event::Ended { .. } => 16,
        Event::Requeued { .. } => 17,
        Event::Undoing {} => 18,
        Event::Undone { .. } => 19,
        Event::CloseAsked { .. } => 20,
        Event::Closing { .. } => 21,
        Event::Landing { .. } => 22,
        Event::Snapping { .. } => 23,
        Event::Snapped { .. } => 24,
        Event::SnapFailed { .. } => 25,
        Event::Settled { .. } => 26,
        Event::Forgetting { .. } => 27,
        Event::Restoring { .. } => 28,
        Event::Reverting { .. } => 29,
        Event::Purged { .. } => 30,
        Event::LogsDropped {} => 31,
        Event::Renamed { .. } => 32,
        Event::PauseAsked {} => 33,
        Event::OpDone { .. } => 34,
        Event::GitSeen { .. } => 35,
        Event::Done {} => 36,
        Event::Shown { .. } => 37,
        Event::LeaveAsked { .. } => 38,
        Event::LeaveRuled { .. } => 39,
        Event::LeaveWithdrawn { .. } => 40,
        Event::Retrying { .. } => 41,
        Event::RetryOver {} => 42,
        Event::LimitMet { .. } => 43,
        Event::Limited { .. } => 44,
        Event::FellBack { .. } => 45,
        Event::ResumeRefused { .. } => 46,
        Event::Worked {} => 47,
        Event::TurnsTo { .. } => 48,
        Event::AsBefore { .. } => 49,
        Event::Sent { .. } => 50,
        Event::Receipt { .. } => 51,
        Event::Rotated { .. } => 52,
        Event::QuestionAsked { .. } => 53,
        Event::QuestionEscalated { .. } => 54,
        Event::QuestionLeft { .. } => 55,
        Event::QuestionAnswered { .. } => 56,
        Event::QuestionWithdrawn { .. } => 57,
        Event::Claimed { .. } => 58,
        Event::Overstepped { .. } => 59,
        Event::ModelTold { .. } => 60,
        Event::BudgetRaised { .. } => 61,
        Event::Lifted {} => 62,
        Event::RulesAsked {} => 63,
        Event::RulesSet { .. } => 64,
        Event::Readied {} => 65,
        Event::Released {} => 66,
        Event::QuestionProposed { .. } => 67,
        Event::LandingMoved { .. } => 68,
        Event::ConflictGiven { .. } => 69,
        Event::GateEnded { .. } => 70,
        Event::Attested { .. } => 71,
        Event::Proposing { .. } => 72,
        Event::Looking {} => 73,
        Event::Followed { .. } => 74,
        Event::RoundBegun { .. } => 75,
        Event::RoundOver { .. } => 76,
        Event::Leased { .. } => 77,
        Event::LeasesInUse { .. } => 78,
        Event::IssueLeaving {} => 79,
        Event::IssueLeft { .. } => 80,
        Event::IssueCommented { .. } => 81,
    }
}

pub(crate) const KINDS_OF_EVENTS: usize = 82;

fn events() -> Vec<Event> {
    let text = "all day".to_owned();
    let requeued = |why| Event::Requeued {
        attempt: 5,
        not_before: None,
        why,
        text: String::new(),
        goes_on: false,
        message: None,
        speech: None,
    };
    let (how, run) = (How::Force, brief("amber").id);
    let kept = |n| Box::new(taken(snap(&run, n), Why::Turn, Timestamp(0), true));
    vec![
        Event::Created { brief: Box::new(brief("amber")) },
        Event::Leased { leases: Vec::new() },
        Event::LeasesInUse { leases: Vec::new() },
        Event::Admitted {},
        Event::Prepared { env: env("amber") },
        Event::Began { gatekeeper: 7 },
        Event::Started { pid: 8, gatekeeper: 7 },
        Event::SessionNamed { session: text.clone() },
        Event::ResumeRefused { text: text.clone() },
        Event::Worked {},
        Event::TurnsTo {
            speech: Speech { surface: Surface::Terminal, speaks: false, hears: Hears::default() },
            message: None,
        },
        Event::AsBefore { text: text.clone() },
        Event::TurnEnded { result: TurnResult::Success, text: text.clone() },
        Event::Used { usage: Usage::default(), carried: Carried::default() },
        Event::ModelTold { model: text.clone() },
        Event::BudgetRaised { by: Budget::default() },
        Event::Erred { class: ErrorClass::Model, text: text.clone() },
        Event::Waits { on: WaitingFor::Answer, text: text.clone() },
        Event::Given { id: text.clone(), text: text.clone() },
        Event::Sent { id: text.clone(), text: text.clone(), steer: false },
        Event::Receipt { id: "q".to_owned(), receipt: Receipt::Accepted, text: String::new() },
        Event::LeaveAsked { ask: Box::new(wanted(&run)) },
        Event::LeaveRuled { id: wanted(&run).id, ruling: Ruling { allow: true, text: None } },
        Event::LeaveWithdrawn { id: wanted(&run).id },
        Event::QuestionAsked { question: Box::new(question::tests::question(&run)) },
        Event::QuestionEscalated { id: question::nth(&run, 0), proposal: None },
        Event::QuestionProposed { id: question::nth(&run, 0), text: text.clone() },
        Event::QuestionLeft { id: question::nth(&run, 0) },
        Event::QuestionAnswered {
            id: question::nth(&run, 0),
            answer: question::Answer { text: None, by: text.clone(), at: Timestamp(0) },
        },
        Event::QuestionWithdrawn { id: question::nth(&run, 0) },
        Event::Claimed { claim: Box::new(question::Claim::Note { text: text.clone() }) },
        Event::Lifted {},
        Event::RulesAsked {},
        Event::Readied {},
        Event::Released {},
        Event::RulesSet { nth: 1, why: None },
        Event::Goes {},
        Event::Stalled { quiet_ms: 1, tool: false },
        Event::Shown { session: text.clone(), pane: "%3".to_owned() },
        Event::PauseAsked {},
        Event::Retrying { attempt: 3, of: Some(10), text: text.clone() },
        Event::RetryOver {},
        Event::LimitMet { text: text.clone(), reset: None },
        Event::Limited { until: Timestamp(9), known: true, exit: None, text: text.clone() },
        Event::Rotated { account: text.clone() },
        Event::FellBack {
            agent: text.clone(),
            speaks: true,
            until: Timestamp(9),
            known: false,
            exit: None,
            text: text.clone(),
        },
        Event::StopAsked { force: true, because: Because::Person },
        Event::Lost { because: Because::SupervisorLost },
        Event::SweptUnknown { text: text.clone() },
        Event::Ended { outcome: Outcome::Completed, reason: None, exit: None, text: text.clone() },
        requeued(Requeue::Fault),
        requeued(Requeue::Death),
        requeued(Requeue::Wish),
        requeued(Requeue::Refused),
        requeued(Requeue::Message),
        requeued(Requeue::Limit),
        requeued(Requeue::Resource),
        Event::Undoing {},
        Event::Undone { text: None },
        Event::CloseAsked { op: op(1), how },
        Event::Closing { op: op(1), how, snapshot: Some(snap(&run, "1")) },
        Event::Landing { op: op(1), wish: landing::Wish::default() },
        Event::LandingMoved { to: landing::Stage::InLine {}, text: text.clone(), batch: None },
        Event::ConflictGiven { words: text.clone() },
        Event::GateEnded { gate: run.clone(), passed: true, text: text.clone() },
        Event::Attested { attestation: Box::new(attested(&trial(&run, &[]))) },
        Event::Proposing { op: op(1), asked: Box::default() },
        Event::Looking {},
        Event::Followed { found: None, failed: None, not_before: None },
        Event::RoundBegun { head: None },
        Event::RoundOver { stuck: None },
        Event::Snapping { id: snap(&run, "1"), why: Why::Turn },
        Event::Snapped { snapshot: kept("0") },
        Event::SnapFailed { id: snap(&run, "0"), text: text.clone() },
        Event::Settled { snapshot: kept("1") },
        Event::Forgetting { op: op(1), snapshots: vec![snap(&run, "0")] },
        Event::Restoring {
            op: op(1),
            snapshot: snap(&run, "0"),
            before: snap(&run, "1"),
            undoes: None,
        },
        Event::Renamed { name: text.clone() },
        Event::Reverting { op: op(1), of: op(8) },
        Event::Purged { snapshot: snap(&run, "1") },
        Event::LogsDropped {},
        Event::IssueLeaving {},
        Event::IssueLeft { text: String::new(), next: None },
        Event::IssueCommented { key: "a".to_owned() },
        Event::OpDone { op: op(1), result: OpResult::Failed { slug: text.clone(), text } },
        Event::GitSeen { facts: git("c9", 2, false) },
        Event::Overstepped { what: "stop".to_owned() },
        Event::Done {},
    ]
}

/// What an agent of `run` wants leave for.
pub(crate) fn wanted(run: &RunId) -> Ask {
    Ask {
        id: leave::nth(run, 0),
        asked_as: "p".to_owned(),
        tool: "rm".to_owned(),
        text: "all day".to_owned(),
        at: Timestamp(0),
        ruling: None,
    }
}

fn states() -> Vec<Run> {
    STATES.iter().map(|(_, script)| after(brief("amber"), script)).collect()
}

/// A table with a mark for each state, in the order of [`STATES`].
#[track_caller]
fn compare(rows: &[(String, String)], want: &str) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let got: String =
        rows.iter().map(|(name, marks)| format!("\n{name:<width$}  {marks}")).collect();
    assert!(got == want, "got:\n{got}\nwant:\n{want}");
}

#[test]
fn the_tables_have_every_kind_of_state_input_and_event() {
    let states: BTreeSet<usize> = states().iter().map(|run| kind_of_state(&run.state)).collect();
    assert_eq!(states, (0..KINDS_OF_STATES).collect());
    let run = after(brief("amber"), "");
    let inputs: BTreeSet<usize> =
        INPUTS.iter().map(|text| kind_of_input(&input(text, &run, Timestamp(0)))).collect();
    assert_eq!(inputs, (0..KINDS_OF_INPUTS).collect());
    let events: BTreeSet<usize> = events().iter().map(kind_of_event).collect();
    assert_eq!(events, (0..KINDS_OF_EVENTS).collect());
}

/// `x` rejected · `.` accepted, and nothing follows · `+` events · `!` events and effects.
///
/// Columns: queued (and backing off, held, undoing), preparing, unwanted · starting, began, running, pausing, waiting,
/// paused, given, stalled, limited · stopping, by force, paused, superseded, stalled, to be closed, gone, gone and unwanted ·
/// ended without env (and closed), undoing (and closed), held · closing, by force, restoring, coming back, closed,
/// unsettled.
#[test]
fn every_state_takes_every_input_as_the_table_says() {
    let now = seconds(NOW);
    let mark = |run: &Run, text: &str| match run.step(input(text, run, now), now) {
        Err(_) => 'x',
        Ok(step) if step == Step::default() => '.',
        Ok(Step { effects, .. }) if effects.is_empty() => '+',
        Ok(_) => '!',
    };
    let grid = |text: &&str| {
        let marks: String = states().iter().map(|run| mark(run, text)).collect();
        ((*text).to_owned(), parted(&marks))
    };
    compare(
        &INPUTS.iter().map(grid).collect::<Vec<_>>(),
        "
admit                            !!!xxx xxxxxx!xx xxxxxxxx xxxxx xxxxxx
stop                             ++!+!. !!!!!!!!! !.!!!!+. ..... ......
kill                             ++!+!. !!!!!!!!! !.!!!!+. ..... ......
supersede                        ++!+!. !!!!!!!!! ..!.!.+. ..... ......
halt                             ...... !!!!!!!!. ........ ..... ......
raise 5usd                       ...... ......... ........ .x.x. ...xxx
again                            xxxxxx xxxxxxxx+ xxxxxxxx +x+x+ xxxxxx
again on screen                  xxxxxx ++++!!!++ xxxxxxxx +x+x+ xxxxxx
afresh                           xxxxxx xxxxxxxx+ xxxxxxxx +x+x+ xxxxxx
pass on                          xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
go by work                       xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
pause                            xxxxxx xx+.xxxxx xxxxxxxx xxxxx xxxxxx
pause now                        xxxxxx xx!!xxxxx xxxxxxxx xxxxx xxxxxx
give q                           xxxxxx xxxx++.xx xxxxxxxx xxxxx xxxxxx
send m                           +++++x ++!!+++!+ xxxxxxxx xxxxx xxxxxx
steer m                          +++++x ++!!+++!+ xxxxxxxx xxxxx xxxxxx
told q accepted                  ...... ......+.. ........ ..... ......
close 1                          xxxxxx xxxxxxxxx xxxxxxxx ++!!! xxxx++
close 1 smart                    xxxxxx xxxxxxxxx xxxxxxxx ++!!! xxxx++
close 1 force                    ++!!!+ !!!!!!!!! !+!!!x++ ++!!! xxxx++
close 1 aged                     xxxxxx xxxxxxxxx xxxxxxxx ++!!! xxxx++
abandon 1                        ++!!!+ !!!!!!!!! !+!!!x++ ++!!! xxxx++
land 1                           xxxxxx xxxxxxxxx xxxxxxxx xxxx+ xxxx++
landing try                      xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
landing combined 1               ...... ......... ........ ..... ......
propose 1                        xxxxxx xxxxxxxxx xxxxxxxx xxxx! xxxxxx
seen c1 open                     ...... ......... ........ ..... ......
round                            xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
round-refused                    ...... ......... ........ ..... ......
snap 1                           xx!xxx !!!!!!!!! !!!!!!!! xxxx! xxxxxx
forget 1 0                       xxxxxx xxxxxxxxx xxxxxxxx xxxx! xxxx!!
restore 1 0                      xxxxxx xxxxxxxxx xxxxxxxx xxxx! xxxx!x
restore 1 1                      xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxx!!
undo 1 8                         xxxxxx xxxxxxxxx xxxxxxxx xxxx! xxxx!!
purge 1                          xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxx!x
drop-logs                        xxxxxx xxxxxxxxx xxxxxxxx !!xxx xxxx!!
settle                           xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxx!
prepared                         xxxx!! xxxxxxxxx xxxxxxxx xxxxx xxxxxx
prepare-failed environment disk  xxxx!! xxxxxxxxx xxxxxxxx xxxxx xxxxxx
prepare-failed user refused      xxxx!! xxxxxxxxx xxxxxxxx xxxxx xxxxxx
began                            ...... ++....... ......++ ..... ......
start-failed                     ...... !........ ........ ..... ......
in-use                           ...... ......... ........ ..... ......
started                          xxxxxx ++xxxxxxx !!!!!!!! xxxxx xxxxxx
words                            xxxxxx .......+x ........ xxxxx xxxxxx
turn success                     xxxxxx ++!!!!!!x !!!!!!!! xxxxx xxxxxx
refused                          xxxxxx ++++++++x ++++++++ xxxxx xxxxxx
tool                             xxxxxx .......+x ........ xxxxx xxxxxx
ask                              xxxxxx ..++++++x ........ xxxxx xxxxxx
permission                       xxxxxx ..++++++x ........ xxxxx xxxxxx
withdrawn p                      xxxxxx ........x ........ xxxxx xxxxxx
approve                          xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
asked k                          ...... ..++++++. ........ ..... ......
left k                           ...... ......... ........ ..... ......
claims blocked                   ...... ++++++++. ++++++++ ..... ......
answer 0 yes                     xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
escalate 0                       xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
release                          xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
rules                            ...... !!!!!!!!. ........ ..... ......
lift                             ...... ......... ........ ..... ......
rules-set 1                      ...... ......... ........ ..... ......
silent                           xxxxxx xx!!....x ........ xxxxx xxxxxx
heard                            xxxxxx xx.....+x ........ xxxxx xxxxxx
retry                            xxxxxx ..++...+x ........ xxxxx xxxxxx
limit                            xxxxxx ++++++++x ++++++++ xxxxx xxxxxx
overdue turn                     xxxxxx xx!!...!x ........ xxxxx xxxxxx
overdue ready                    xxxxxx xx!!...!x ........ xxxxx xxxxxx
shown                            xxxxxx xx++++++x xxxxxxxx xxxxx xxxxxx
exit 0                           xxxxxx ++!!!!!!. !!!!!!!! ..... ......
exit 137 forced                  xxxxxx ++!!!!!!. !!!!!!!! ..... ......
exit 1 unstarted                 xxxxxx !!!!!!!!. !!!!!!!! ..... ......
gone                             xxxxxx !!!!!!!!x !!!!!!.. xxxxx xxxxxx
swept                            ...... ......... ......!! ..... ......
swept unknown                    ...... ......... ......++ ..... ......
undone                           ++++++ +++++++++ ++++++++ +++++ ++++++
undone not                       ++++++ +++++++++ ++++++++ +++++ ++++++
op 9 closed                      ++++++ +++++++++ ++++++++ +++++ ++++++
op 9 closed unsettled            ++++++ +++++++++ ++++++++ +++++ !!++++
op 9 restored 0                  ++++++ +++++++++ ++++++++ +++++ ++++++
op 9 refused                     ++++++ +++++++++ ++++++++ +++++ ++++++
snapped 0                        ++++++ +++++++++ ++++++++ +++++ ++++++
snapped 0 same                   ...... ......... ........ ..... ......
snapped 0 failed                 ++++++ +++++++++ ++++++++ +++++ ++++++
settled 1                        ++++++ +++++++++ ++++++++ +++++ +++..+
settled 1 failed                 ++++++ +++++++++ ++++++++ +++++ ++++++
purged 1                         ++++++ +++++++++ ++++++++ +++++ ++++++
logs-dropped                     ++++++ +++++++++ ++++++++ +++++ ++++++
leave-issue                      xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
issue-left                       ...... ......... ........ ..... ......
issue-left not                   ...... ......... ........ ..... ......
comment x                        xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
git c9 2                         ++++++ +++++++++ ++++++++ +++++ ++++++
overstepped stop                 ++++++ +++++++++ ++++++++ +++++ ++++++
done                             ++++++ +++++++++ ++++++++ +++++ ++++++
tick                             ...... .!.....!+ !!!!.!!! ..... ......",
    );
}

/// `x` does not fit · `.` fits.
#[test]
fn every_state_takes_only_the_events_that_could_have_been_decided_in_it() {
    let mark = |run: &Run, event: &Event| match run.clone().apply(event, seconds(NOW)) {
        Err(_) => 'x',
        Ok(()) => '.',
    };
    let grid = |event: &Event| {
        let marks: String = states().iter().map(|run| mark(run, event)).collect();
        let name = format!("{event:?}").split([' ', '{']).next().unwrap().to_owned();
        let why = if let Event::Requeued { why, .. } = event {
            format!(" ({why:?})")
        } else {
            String::new()
        };
        (name + &why, parted(&marks))
    };
    compare(
        &events().iter().map(grid).collect::<Vec<_>>(),
        "
Created              xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Leased               xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
LeasesInUse          xxxx.. ..xxxxxxx xxxxxxxx xxxxx xxxxxx
Admitted             ...xxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Prepared             xxxx.. xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Began                xxxxxx ..xxxxxxx ........ xxxxx xxxxxx
Started              xxxxxx ..xxxxxxx xxxxxxxx xxxxx xxxxxx
SessionNamed         xxxxxx ........x ........ xxxxx xxxxxx
ResumeRefused        xxxxxx ........x ........ xxxxx xxxxxx
Worked               xxxxxx ........x ........ xxxxx xxxxxx
TurnsTo              xxxxxx ........x ........ xxxxx xxxxxx
AsBefore             xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
TurnEnded            xxxxxx ........x ........ xxxxx xxxxxx
Used                 xxxxxx ........x ........ xxxxx xxxxxx
ModelTold            xxxxxx ........x ........ xxxxx xxxxxx
BudgetRaised         ...... ......... ........ ..... ......
Erred                xxxxxx ........x ........ xxxxx xxxxxx
Waits                xxxxxx xx......x xxxxxxxx xxxxx xxxxxx
Given                xxxxxx xxxx...xx xxxxxxxx xxxxx xxxxxx
Sent                 ...... ......... ........ xxxxx xxxxxx
Receipt              xxxxxx xxxxxx.xx xxxxxxxx xxxxx xxxxxx
LeaveAsked           xxxxxx xx......x xxxxxxxx xxxxx xxxxxx
LeaveRuled           xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
LeaveWithdrawn       ...... ......... ........ ..... ......
QuestionAsked        xxxxxx xx......x xxxxxxxx xxxxx xxxxxx
QuestionEscalated    xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
QuestionProposed     xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
QuestionLeft         xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
QuestionAnswered     xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
QuestionWithdrawn    xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Claimed              ...... ......... ........ ..... ......
Lifted               ...... ......... ........ ..... ......
RulesAsked           xxxxxx ........x xxxxxxxx xxxxx xxxxxx
Readied              xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Released             xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
RulesSet             xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Goes                 xxxxxx xxxx....x xxxxxxxx xxxxx xxxxxx
Stalled              xxxxxx xx..xxxxx xxxxxxxx xxxxx xxxxxx
Shown                xxxxxx xx......x xxxxxxxx xxxxx xxxxxx
PauseAsked           xxxxxx xx..xxxxx xxxxxxxx xxxxx xxxxxx
Retrying             xxxxxx xx..xxxxx xxxxxxxx xxxxx xxxxxx
RetryOver            ...... ......... ........ ..... ......
LimitMet             xxxxxx ........x ........ xxxxx xxxxxx
Limited              xxxxxx ........x ........ xxxxx xxxxxx
Rotated              ....xx xxxxxxxx. xxxxxxxx xxxxx xxxxxx
FellBack             xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
StopAsked            xxxx.. ........x ........ xxxxx xxxxxx
Lost                 xxxxxx ........x ........ xxxxx xxxxxx
SweptUnknown         xxxxxx xxxxxxxxx xxxxxx.. xxxxx xxxxxx
Ended                ...... ......... ........ xxxxx xxxxxx
Requeued (Fault)     xxxx.. xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Requeued (Death)     xxxxxx ........x ........ xxxxx xxxxxx
Requeued (Wish)      xxxxxx xxxxxxxx. xxxxxxxx .x.x. xxxxxx
Requeued (Refused)   xxxxxx ........x ........ xxxxx xxxxxx
Requeued (Message)   xxxxxx ........x ........ xxxxx xxxxxx
Requeued (Limit)     xxxxxx xxxxxxxx. xxxxxxxx xxxxx xxxxxx
Requeued (Resource)  xxxx.. .xxxxxxxx xxxxxxxx xxxxx xxxxxx
Undoing              xxxxxx xxxxxxxxx xxxxxxxx xx... xxxxxx
Undone               ...... ......... ........ ..... ......
CloseAsked           ...... ......... ........ xxxxx xxxxxx
Closing              xxxxxx xxxxxxxxx xxxxxxxx xx... xxxxxx
Landing              xxxxxx xxxxxxxxx xxxxxxxx ..... ......
LandingMoved         xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
ConflictGiven        ...... ......... ........ ..... ......
GateEnded            xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Attested             ...... ......... ........ ..... ......
Proposing            xxxxxx xxxxxxxxx xxxxxxxx ..... ......
Looking              xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Followed             xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
RoundBegun           xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
RoundOver            xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
Snapping             xx.xxx ......... ........ xxxx. xxxxxx
Snapped              ...... ......... ........ ..... ......
SnapFailed           ...... ......... ........ ..... ......
Settled              ...... ......... ........ ..... ......
Forgetting           ...... ......... ........ ..... ......
Restoring            xxxxxx xxxxxxxxx xxxxxxxx xxxx. xxxx..
Renamed              xxxxxx xxxxxxxxx xxxxxxxx xxxxx xx..xx
Reverting            ...... ......... ........ ..... ......
Purged               ...... ......... ........ ..... ......
LogsDropped          ...... ......... ........ ..... ......
IssueLeaving         xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
IssueLeft            xxxxxx xxxxxxxxx xxxxxxxx xxxxx xxxxxx
IssueCommented       ...... ......... ........ ..... ......
OpDone               ...... ......... ........ ..... ......
GitSeen              ...... ......... ........ ..... ......
Overstepped          ...... ......... ........ ..... ......
Done                 ...... ......... ........ ..... ......",
    );
}

#[test]
fn an_event_that_does_not_fit_says_which_and_where() {
    let misfit = after(brief("amber"), "").apply(&Event::Goes {}, Timestamp(0)).unwrap_err();
    assert_eq!(misfit.to_string(), "Goes does not fit a run that is queued");
}

/// What was decided in a state fits it, whatever the input.
#[test]
fn every_step_fits_the_state_it_was_decided_in() {
    let now = seconds(NOW);
    for (run, (name, _)) in states().into_iter().zip(STATES) {
        for text in INPUTS {
            let Ok(step) = run.step(input(text, &run, now), now) else { continue };
            let mut next = run.clone();
            for event in &step.events {
                next.apply(event, now).unwrap_or_else(|misfit| panic!("{name}, {text}: {misfit}"));
            }
        }
    }
}

/// Parts the marks as the columns belong together.
fn parted(marks: &str) -> String {
    let mut text = String::new();
    for (place, mark) in marks.chars().enumerate() {
        if [6, 15, 23, 28].contains(&place) {
            text.push(' ');
        }
        text.push(mark);
    }
    text
}

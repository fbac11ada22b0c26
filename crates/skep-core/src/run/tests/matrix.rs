//! Every state with every input, and every state with every event: a new one of each fails here until it is placed.

use std::collections::BTreeSet;

use super::{
    super::*,
    script::{after, brief, env, git, input, op, seconds},
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
    ("waiting", "0 admit, 1 prepared, 2 started, 3 ask"),
    ("waiting, given", "0 admit, 1 prepared, 2 started, 3 ask, 4 give q"),
    ("stalled", "0 admit, 1 prepared, 2 started, 3 silent"),
    ("stopping", "0 admit, 1 prepared, 2 started, 3 stop"),
    ("stopping by force", "0 admit, 1 prepared, 2 started, 3 kill"),
    ("stopping, stalled", "0 admit, 1 prepared, 2 started, 3 silent, 63 tick"),
    ("stopping, gone", "0 admit, 1 prepared, 2 started, 3 gone"),
    ("stopping, gone, unwanted", "0 admit, 1 prepared, 2 started, 3 gone, 4 stop"),
    ("ended, no env", "0 stop"),
    ("ended, no env, closed", "0 stop, 1 close 9"),
    ("ended, env held", "0 admit, 1 prepared, 2 started, 9 exit 7"),
    ("ended, env undoing", "0 admit, 1 stop, 2 prepared"),
    ("ended, env closing", "0 admit, 1 prepared, 2 started, 9 exit 7, 10 close 9"),
    ("ended, env closed", "0 admit, 1 prepared, 2 started, 9 exit 7, 10 close 9, 11 op 9 closed"),
];

/// Every input that can differ. All of them come in the second minute, when each back-off is over and no deadline is.
const INPUTS: &[&str] = &[
    "admit",
    "stop",
    "kill",
    "again",
    "pause",
    "give q",
    "close 1",
    "land 1",
    "prepared",
    "prepare-failed environment disk",
    "prepare-failed user refused",
    "began",
    "start-failed",
    "started",
    "words",
    "turn success",
    "ask",
    "silent",
    "heard",
    "exit 0",
    "exit 137 forced",
    "exit 1 unstarted",
    "gone",
    "swept",
    "swept unknown",
    "undone",
    "undone not",
    "op 9 closed",
    "op 9 refused",
    "git c9 2",
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
    }
}

const KINDS_OF_STATES: usize = 8;

fn kind_of_input(input: &Input) -> usize {
    match input {
        Input::Admit => 0,
        Input::Stop { .. } => 1,
        Input::Again => 2,
        Input::Pause => 3,
        Input::Give { .. } => 4,
        Input::Close { .. } => 5,
        Input::Land { .. } => 6,
        Input::Prepared(_) => 7,
        Input::PrepareFailed { .. } => 8,
        Input::Began { .. } => 9,
        Input::StartFailed { .. } => 10,
        Input::Started { .. } => 11,
        Input::Said { .. } => 12,
        Input::Silent { .. } => 13,
        Input::Heard { .. } => 14,
        Input::Exited { .. } => 15,
        Input::Gone { .. } => 16,
        Input::Swept { .. } => 17,
        Input::Undone { .. } => 18,
        Input::OpDone { .. } => 19,
        Input::GitSeen(_) => 20,
        Input::Done => 21,
        Input::Tick => 22,
    }
}

const KINDS_OF_INPUTS: usize = 23;

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
        Event::Closing { .. } => 20,
        Event::Landing { .. } => 21,
        Event::OpDone { .. } => 22,
        Event::GitSeen { .. } => 23,
        Event::Done {} => 24,
    }
}

pub(crate) const KINDS_OF_EVENTS: usize = 25;

fn events() -> Vec<Event> {
    let text = "all day".to_owned();
    let requeued = |why| Event::Requeued { attempt: 5, not_before: None, why, text: String::new() };
    vec![
        Event::Created { brief: Box::new(brief("amber")) },
        Event::Admitted {},
        Event::Prepared { env: env("amber") },
        Event::Began { gatekeeper: 7 },
        Event::Started { pid: 8, gatekeeper: 7 },
        Event::SessionNamed { session: text.clone() },
        Event::TurnEnded { result: TurnResult::Success, text: text.clone() },
        Event::Used { usage: Usage::default() },
        Event::Erred { class: ErrorClass::Model, text: text.clone() },
        Event::Waits { on: WaitingFor::Answer, text: text.clone() },
        Event::Given { id: text.clone(), text: text.clone() },
        Event::Goes {},
        Event::Stalled { quiet_ms: 1, tool: false },
        Event::StopAsked { force: true, because: Because::Person },
        Event::Lost { because: Because::SupervisorLost },
        Event::SweptUnknown { text: text.clone() },
        Event::Ended { outcome: Outcome::Completed, reason: None, exit: None, text: text.clone() },
        requeued(Requeue::Fault),
        requeued(Requeue::Death),
        requeued(Requeue::Wish),
        Event::Undoing {},
        Event::Undone { text: None },
        Event::Closing { op: op(1), keep_branch: true },
        Event::Landing { op: op(1) },
        Event::OpDone { op: op(1), result: OpResult::Failed { slug: text.clone(), text } },
        Event::GitSeen { facts: git("c9", 2, false) },
        Event::Done {},
    ]
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
/// Columns: queued (and backing off, held, undoing), preparing, unwanted · starting, began, running, waiting, given,
/// stalled · stopping, by force, stalled, gone, gone and unwanted · ended (no env, closed, held, undoing, closing,
/// closed).
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
admit                            !!!xxx xxxx!x xxxxx xxxxxx
stop                             ++++!. !!!!!! !.!+. ......
kill                             ++++!. !!!!!! !.!+. ......
again                            xxxxxx xxxxxx xxxxx +x++xx
pause                            xxxxxx xx+xxx xxxxx xxxxxx
give q                           xxxxxx xxx++x xxxxx xxxxxx
close 1                          xxxxxx xxxxxx xxxxx ++!!x+
land 1                           xxxxxx xxxxxx xxxxx xx!xx!
prepared                         xxxx!! xxxxxx xxxxx xxxxxx
prepare-failed environment disk  xxxx!! xxxxxx xxxxx xxxxxx
prepare-failed user refused      xxxx!! xxxxxx xxxxx xxxxxx
began                            ...... ++.... ...++ ......
start-failed                     ...... !..... ..... ......
started                          xxxxxx ++xxxx !!!!! xxxxxx
words                            xxxxxx .....+ ..... xxxxxx
turn success                     xxxxxx ++++++ +++++ xxxxxx
ask                              xxxxxx ..++++ ..... xxxxxx
silent                           xxxxxx xx!... ..... xxxxxx
heard                            xxxxxx xx...+ ..... xxxxxx
exit 0                           xxxxxx ++++++ +++++ ......
exit 137 forced                  xxxxxx ++++++ +++++ ......
exit 1 unstarted                 xxxxxx !!++++ +++++ ......
gone                             xxxxxx !!!!!! !!!.. xxxxxx
swept                            ...... ...... ...++ ......
swept unknown                    ...... ...... ...++ ......
undone                           ++++++ ++++++ +++++ ++++++
undone not                       ++++++ ++++++ +++++ ++++++
op 9 closed                      ++++++ ++++++ +++++ ++++++
op 9 refused                     ++++++ ++++++ +++++ ++++++
git c9 2                         ++++++ ++++++ +++++ ++++++
done                             ++++++ ++++++ +++++ ++++++
tick                             ...... .!...! !!.!! ......",
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
Created           xxxxxx xxxxxx xxxxx xxxxxx
Admitted          ...xxx xxxxxx xxxxx xxxxxx
Prepared          xxxx.. xxxxxx xxxxx xxxxxx
Began             xxxxxx ..xxxx ..... xxxxxx
Started           xxxxxx ..xxxx xxxxx xxxxxx
SessionNamed      xxxxxx ...... ..... xxxxxx
TurnEnded         xxxxxx ...... ..... xxxxxx
Used              xxxxxx ...... ..... xxxxxx
Erred             xxxxxx ...... ..... xxxxxx
Waits             xxxxxx xx.... xxxxx xxxxxx
Given             xxxxxx xxx..x xxxxx xxxxxx
Goes              xxxxxx xxx... xxxxx xxxxxx
Stalled           xxxxxx xx.xxx xxxxx xxxxxx
StopAsked         xxxx.. ...... ..... xxxxxx
Lost              xxxxxx ...... ..... xxxxxx
SweptUnknown      xxxxxx xxxxxx xxx.. xxxxxx
Ended             ...... ...... ..... xxxxxx
Requeued (Fault)  xxxx.. xxxxxx xxxxx xxxxxx
Requeued (Death)  xxxxxx ...... ..... xxxxxx
Requeued (Wish)   xxxxxx xxxxxx xxxxx .x..xx
Undoing           xxxxxx xxxxxx xxxxx xx..xx
Undone            ...... ...... ..... ......
Closing           xxxxxx xxxxxx xxxxx xx..xx
Landing           xxxxxx xxxxxx xxxxx ......
OpDone            ...... ...... ..... ......
GitSeen           ...... ...... ..... ......
Done              ...... ...... ..... ......",
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
        if [6, 12, 17].contains(&place) {
            text.push(' ');
        }
        text.push(mark);
    }
    text
}

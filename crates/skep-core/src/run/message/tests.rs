//! Messages: what each word makes of a receipt, when they go, and that none is lost or read twice.

use proptest::prelude::*;

use super::{
    super::{
        Brief, Input,
        tests::script::{after, brief, check_of, input, shown},
    },
    *,
};

const RECEIPTS: [Receipt; 9] = [
    Receipt::Queued,
    Receipt::Handed,
    Receipt::Held,
    Receipt::Sending,
    Receipt::Delivered,
    Receipt::Accepted,
    Receipt::TurnStarted,
    Receipt::Unknown,
    Receipt::Refused,
];

const WORDS: [Word; 10] = [
    Word::Handed,
    Word::Held,
    Word::Sending,
    Word::Delivered,
    Word::Accepted,
    Word::TurnStarted,
    Word::Returned,
    Word::Refused,
    Word::Unclear,
    Word::Over,
];

const RUNNING: &str = "0 admit, 1 prepared, 2 started, 3 session";

/// A word as scenes spell it.
pub(crate) fn word_of(text: &str) -> Word {
    serde_json::from_value(text.replace('-', "_").into()).unwrap()
}

/// An agent whose process takes one prompt.
fn of_one_prompt() -> Brief {
    Brief { hears: Hears { messages: false, steers: false, resumes: true }, ..brief("amber") }
}

/// Where each message of a run stands.
fn receipts(run: &Run) -> String {
    let each = run.messages.iter().map(|message| format!("{} {:?}", message.id, message.receipt));
    each.collect::<Vec<_>>().join(", ").to_lowercase()
}

fn at(secs: u64) -> Timestamp {
    Timestamp(secs * 1000)
}

#[test]
fn every_receipt_takes_every_word_as_the_table_says() {
    let mut got = String::new();
    for receipt in RECEIPTS {
        let mut line = format!("\n{:<12}", format!("{receipt:?}"));
        for word in WORDS {
            let next = receipt.after(word).map_or(".".to_owned(), |next| format!("{next:?}"));
            line += &format!("{next:<12}");
        }
        got += line.trim_end();
    }
    // handed, held, sending, delivered, accepted, turn started, returned, refused, unclear, over
    let want = "
Queued      Handed      Held        Sending     Delivered   Accepted    TurnStarted .           Refused     .           .
Handed      .           Held        Sending     Delivered   Accepted    TurnStarted Queued      Refused     .           Queued
Held        .           .           Sending     Delivered   Accepted    TurnStarted Queued      Refused     .           Queued
Sending     .           .           .           Delivered   Accepted    TurnStarted Queued      Refused     Unknown     Unknown
Delivered   .           .           .           .           Accepted    TurnStarted .           Refused     Unknown     Unknown
Accepted    .           .           .           .           .           TurnStarted .           .           .           .
TurnStarted .           .           .           .           .           .           .           .           .           .
Unknown     Handed      .           Sending     .           Accepted    TurnStarted .           .           Unknown     .
Refused     .           .           .           .           .           .           .           .           .           .";
    assert!(got == want, "got:{got}");
}

#[test]
fn a_message_to_one_at_work_goes_to_its_keeper_and_counts_once() {
    check_of(
        brief("amber"),
        RUNNING,
        "4 send m, 5 send m, 6 send m other, 7 told m sending, 8 told m delivered, 9 send m",
        "
4 send m            running; Deliver m
5 send m            running
6 send m other      rejected: the key `m` is another message's of it
7 told m sending    running
8 told m delivered  running
9 send m            running",
    );
}

#[test]
fn a_message_to_one_that_is_not_there_yet_waits_for_it() {
    check_of(
        brief("amber"),
        "",
        "0 send m, 1 admit, 2 send n, 3 prepared, 4 send o, 5 started",
        "
0 send m    queued
1 admit     preparing, env preparing; Prepare
2 send n    preparing
3 prepared  starting, env held; Start
4 send o    starting
5 started   running; Deliver m; Deliver n; Deliver o",
    );
}

#[test]
fn nobody_reads_what_is_sent_to_one_that_stops_or_has_ended() {
    check_of(
        brief("amber"),
        RUNNING,
        "4 stop, 5 send m, 6 exit 0, 7 send m",
        "
4 stop    stopping (Person); Stop
5 send m  rejected: it is stopping; there is no agent to read it
6 exit 0  ended (stopped: stopped-by-person); Snapshot end
7 send m  rejected: it is ended; there is no agent to read it",
    );
}

#[test]
fn one_that_waits_for_an_answer_goes_on_with_a_message_when_it_has_a_slot() {
    check_of(
        brief("amber"),
        RUNNING,
        "4 ask, 5 send m, 6 admit",
        "
4 ask     waiting (answer)
5 send m  waiting (answer)
6 admit   running; Deliver m",
    );
}

#[test]
fn a_message_is_no_answer_to_one_that_wants_leave_but_a_steering_one_breaks_it_off() {
    check_of(
        brief("amber"),
        RUNNING,
        "4 permission, 5 send m, 6 admit, 7 steer n, 8 admit",
        "
4 permission  waiting (permission)
5 send m      waiting (permission); Deliver m
6 admit       rejected: admit makes no sense while it is waiting
7 steer n     waiting (permission)
8 admit       running; Deliver n",
    );
}

#[test]
fn a_pause_comes_behind_what_the_keeper_has_for_the_agent() {
    check_of(
        brief("amber"),
        RUNNING,
        "4 send m, 5 told m held, 6 pause, 7 turn success, 8 told m sending, 9 told m turn-started, 10 turn success",
        "
4 send m               running; Deliver m
5 told m held          running
6 pause                running, pausing
7 turn success         running, pausing; Snapshot turn
8 told m sending       running, pausing
9 told m turn-started  running, pausing
10 turn success        waiting (paused); Snapshot turn",
    );
}

#[test]
fn what_its_keeper_gave_back_is_given_to_it_again_at_the_turns_end() {
    check_of(
        brief("amber"),
        RUNNING,
        "4 send m, 5 told m returned, 6 turn success",
        "
4 send m           running; Deliver m
5 told m returned  running
6 turn success     running; Snapshot turn; Deliver m",
    );
}

#[test]
fn an_agent_of_one_prompt_gets_what_waits_as_the_prompt_of_its_next_process() {
    check_of(
        of_one_prompt(),
        RUNNING,
        "4 send m, 5 send n, 6 turn success, 7 exit 0, 8 admit, 9 started, \
         9 told m sending, 9 told n sending, 10 turn success, 11 exit 0 after 60",
        "
4 send m            running
5 send n            running
6 turn success      running; Snapshot turn
7 exit 0            queued, attempt 2
8 admit             starting; Start
9 started           running
9 told m sending    running
9 told n sending    running
10 turn success     running; Snapshot turn
11 exit 0 after 60  ended (completed); Snapshot end",
    );
    let script = format!("{RUNNING}, 4 send m, 5 send n, 6 turn success, 7 exit 0, 8 admit");
    let run = after(of_one_prompt(), &script);
    let carried: Vec<&str> = run.carried().map(|message| message.id.as_str()).collect();
    assert_eq!(carried, ["m", "n"], "in order");
    assert!(run.goes_on && run.message.is_none());
}

#[test]
fn what_waits_does_not_wake_one_that_failed_or_was_stopped_and_goes_with_its_resume() {
    for end in ["6 exit 1", "5 turn failed, 6 exit 0", "5 stop, 6 exit 0"] {
        let script = format!("{RUNNING}, 4 send m, {end}");
        let run = after(of_one_prompt(), &script);
        assert!(run.is_ended(), "{script}");
        assert_eq!(receipts(&run), "m queued", "{script}");
        let run = after(of_one_prompt(), &format!("{script}, 7 again, 8 admit"));
        assert_eq!((receipts(&run).as_str(), run.carried().count()), ("m handed", 1), "{script}");
    }
}

#[test]
fn an_agent_that_can_neither_listen_nor_go_on_takes_no_message() {
    let refused = |brief: Brief, text: &str| {
        let run = after(brief, RUNNING);
        run.step(input(text, &run, at(5)), at(5)).unwrap_err()
    };
    let hears = Hears { messages: false, steers: false, resumes: false };
    let rejected = refused(Brief { hears, ..brief("amber") }, "send m");
    assert_eq!(rejected.slug, "send-unsupported");
    assert!(rejected.hints.iter().any(|hint| hint.starts_with("skep resume")), "{rejected:?}");
    let rejected = refused(of_one_prompt(), "steer m");
    assert_eq!(rejected.slug, "steer-unsupported");
    assert!(rejected.hints.iter().any(|hint| hint.contains("pause")), "{rejected:?}");
}

#[test]
fn an_attempt_that_ends_leaves_what_was_written_unknown_and_what_was_not_queued() {
    let all = format!(
        "{RUNNING}, 4 send a, 4 send b, 4 send c, 4 send d, 4 send e, 5 told a held, 5 told b sending, \
         5 told c delivered, 5 told d accepted, 6 told e turn-started, 7 exit 1"
    );
    let stand = |more: &str| receipts(&after(brief("amber"), &format!("{all}{more}")));
    assert_eq!(stand(""), "a queued, b unknown, c unknown, d accepted, e turnstarted");
    // The conversation goes on: its history will tell. What nobody wrote goes along.
    let resumed = stand(", 8 again, 9 admit");
    assert_eq!(resumed, "a handed, b unknown, c unknown, d accepted, e turnstarted");
    // A fresh conversation has none of it.
    let afresh = stand(", 8 afresh, 9 admit");
    assert_eq!(afresh, "a handed, b handed, c handed, d accepted, e turnstarted");
}

#[test]
fn a_turn_that_follows_from_a_message_is_judged_by_itself() {
    let script =
        format!("{RUNNING}, 4 send m, 5 turn success, 6 told m turn-started, 9 exit 0 after 60");
    let told = shown(&after(brief("amber"), &script));
    assert_eq!(told, "ended (failed: no-result)", "the success was of the turn before");
}

#[test]
fn words_of_another_attempt_or_of_no_message_change_nothing() {
    check_of(
        brief("amber"),
        RUNNING,
        "4 send m, 5 told m delivered of 2, 6 told x delivered, 70 exit 1 after 60, 71 told m delivered",
        "
4 send m                 running; Deliver m
5 told m delivered of 2  running
6 told x delivered       running
70 exit 1 after 60       ended (failed: agent-exit); Snapshot end
71 told m delivered      ended (failed: agent-exit)",
    );
}

/// What may happen between a person, the core, a keeper and an agent.
#[derive(Debug, Clone, Copy)]
enum Act {
    Send,
    /// The keeper does the next thing with the oldest that it has, and says so.
    Keep,
    /// It does the next thing, and its report is lost with it: both guards die.
    KeepAndDie,
    Turn,
    Leave,
    Stop,
    Again,
    Afresh,
}

/// A keeper and its agent, as honest as ours.
#[derive(Default)]
struct World {
    /// With the keeper, by id, and how far: 0 taken, 1 told that it is being written, 2 written.
    kept: Vec<(String, u8)>,
    /// What the conversation under way holds.
    history: Vec<String>,
    /// Who was read by which conversation, as often as it was.
    read: Vec<(String, u32)>,
    conversation: u32,
    /// Seconds; each back-off is over when the next thing happens.
    now: u64,
}

impl World {
    /// Does the next thing; returns the report of it.
    fn keep(&mut self) -> Option<(String, Word)> {
        let (id, step) = self.kept.first_mut()?;
        let id = id.clone();
        *step += 1;
        match *step {
            1 => Some((id, Word::Sending)),
            2 => {
                self.history.push(id.clone());
                self.read.push((id.clone(), self.conversation));
                Some((id, Word::Delivered))
            }
            _ => {
                self.kept.remove(0);
                Some((id, Word::TurnStarted))
            }
        }
    }

    fn times(&self, id: &str, conversation: u32) -> usize {
        self.read.iter().filter(|(read, of)| read == id && *of == conversation).count()
    }

    /// Takes the run through an input; whether it fitted.
    fn play(&mut self, run: &mut Run, text: &str) -> bool {
        self.now += 4_000;
        self.take(run, input(text, run, at(self.now)))
    }

    fn take(&mut self, run: &mut Run, input: Input) -> bool {
        let now = at(self.now);
        let Ok(step) = run.step(input, now) else { return false };
        for event in &step.events {
            run.apply(event, now).unwrap();
        }
        for effect in step.effects {
            // A keeper counts each id once.
            if let Effect::Deliver { id, .. } = effect
                && !self.kept.iter().any(|(kept, _)| *kept == id)
            {
                self.kept.push((id, 0));
            }
        }
        true
    }

    /// Starts what is queued: what is carried is the prompt, what is in doubt is looked up.
    fn start(&mut self, run: &mut Run) {
        if !matches!(run.state, State::Queued { .. }) {
            return;
        }
        let is_fresh = !run.goes_on || run.session.is_none();
        if is_fresh {
            self.conversation += 1;
            self.history.clear();
        }
        self.kept.clear();
        assert!(self.play(run, "admit"));
        if matches!(run.state, State::Preparing { .. }) {
            assert!(self.play(run, "prepared"));
        }
        self.kept.extend(run.carried().map(|message| (message.id.clone(), 0)));
        let doubtful: Vec<String> = run.doubtful().map(|message| message.id.clone()).collect();
        assert!(self.play(run, "started"));
        self.play(run, "session");
        for id in doubtful.into_iter().filter(|_| !is_fresh) {
            if self.history.contains(&id) {
                assert!(self.play(run, &format!("told {id} accepted")));
            } else {
                self.kept.push((id, 0));
            }
        }
    }

    fn act(&mut self, run: &mut Run, act: Act, sent: &mut usize) {
        match act {
            Act::Send => *sent += usize::from(self.play(run, &format!("send m{sent}"))),
            Act::Keep if !run.is_ended() => {
                if let Some((id, word)) = self.keep() {
                    let (attempt, text) = (run.attempt, String::new());
                    self.take(run, Input::Told { attempt, id, word, text });
                }
            }
            Act::KeepAndDie if !run.is_ended() => {
                self.keep();
                self.kept.clear();
                self.play(run, "gone");
                self.play(run, "swept");
            }
            Act::Keep | Act::KeepAndDie => {}
            Act::Turn => {
                self.play(run, "turn success");
            }
            Act::Leave => {
                self.kept.clear();
                self.play(run, "exit 0");
            }
            Act::Stop => {
                self.play(run, "stop");
                self.kept.clear();
                self.play(run, "exit 137 forced");
            }
            Act::Again => {
                self.play(run, "again");
            }
            Act::Afresh => {
                self.play(run, "afresh");
            }
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Send),
        8 => Just(Act::Keep),
        2 => Just(Act::KeepAndDie),
        3 => Just(Act::Turn),
        2 => Just(Act::Leave),
        1 => Just(Act::Stop),
        3 => Just(Act::Again),
        1 => Just(Act::Afresh),
    ];
    proptest::collection::vec(act, 1..60)
}

proptest! {
    /// Whoever dies when: no conversation reads a message twice, none is forgotten, and a receipt claims nothing untrue.
    #[test]
    fn no_conversation_reads_a_message_twice_and_none_is_lost(acts in acts(), listens in any::<bool>()) {
        let hears = Hears { messages: listens, steers: false, resumes: true };
        let mut run = after(Brief { hears, ..brief("amber") }, "");
        let (mut world, mut sent) = (World::default(), 0);
        for act in acts {
            world.start(&mut run);
            world.act(&mut run, act, &mut sent);
            for message in &run.messages {
                let mut ever = false;
                for conversation in 0..=world.conversation {
                    let times = world.times(&message.id, conversation);
                    prop_assert!(times <= 1, "{message:?} was read twice");
                    ever |= times > 0;
                }
                match message.receipt {
                    Receipt::Queued => {
                        let times = world.times(&message.id, world.conversation);
                        prop_assert_eq!(times, 0, "{:?} was read", message);
                    }
                    Receipt::Accepted | Receipt::TurnStarted | Receipt::Delivered => {
                        prop_assert!(ever, "{message:?} was never read");
                    }
                    Receipt::Refused => prop_assert!(false, "nobody refused {message:?}"),
                    Receipt::Handed | Receipt::Held | Receipt::Sending | Receipt::Unknown => {}
                }
            }
            prop_assert_eq!(run.messages.len(), sent, "one is gone");
        }
    }
}

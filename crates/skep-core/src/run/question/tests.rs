//! Questions: who may answer one and when, and that each answer reaches an agent once and is never forgotten.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    super::{
        Brief, Hears,
        tests::script::{after, brief, check_of, input, shown},
    },
    *,
};

mod verdict;

const RUNNING: &str = "0 admit, 1 prepared, 2 started, 3 session";

/// What a keeper tells of a call that asks.
pub(crate) fn asked(key: &str, foreman: bool) -> Tool {
    Tool::Asked(Box::new(Asking {
        key: key.to_owned(),
        to: if foreman { Whom::Foreman } else { Whom::Human },
        text: "which port?".to_owned(),
        context: None,
        options: vec!["eighty".to_owned(), "ninety".to_owned()],
    }))
}

pub(crate) fn claims(what: &str) -> Tool {
    let text = "all day".to_owned();
    let work = |status| Claim::Work { status, summary: text.clone(), evidence: None };
    Tool::Claimed(Box::new(match what {
        "blocked" => work(Claimed::Blocked),
        "done" => work(Claimed::Done),
        "review" => work(Claimed::NeedsReview),
        "note" => Claim::Note { text },
        "passes" => Claim::Verdict { critiques: Vec::new() },
        "fails" => Claim::Verdict { critiques: vec![verdict::critique()] },
        other => panic!("no such claim: {other}"),
    }))
}

pub(crate) fn answer(run: &RunId, n: &str, said: Option<&str>) -> Input {
    Input::Answer {
        question: nth(run, n.parse().unwrap()),
        text: said.map(str::to_owned),
        by: "person".to_owned(),
    }
}

/// A question of `run` as it was asked.
pub(crate) fn question(run: &RunId) -> Question {
    let Tool::Asked(asking) = asked("k", false) else { panic!() };
    Question {
        id: nth(run, 0),
        asking: *asking,
        attempt: 1,
        at: Timestamp(0),
        standing: Standing::Pending,
        calls: true,
        blocks: true,
        proposal: None,
        answer: None,
    }
}

/// An agent whose process takes one prompt.
fn of_one_prompt() -> Brief {
    Brief { hears: Hears { messages: false, steers: false, resumes: true }, ..brief("amber") }
}

fn standings(run: &Run) -> String {
    let each = run.questions.iter().map(|it| it.standing.as_str());
    each.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn running(script: &str, want: &str) {
    check_of(brief("amber"), RUNNING, script, want);
}

#[test]
fn every_pair_of_states_that_is_not_in_the_table_is_rejected() {
    let mut got = String::new();
    for before in Standing::ALL {
        for next in Standing::ALL {
            if before.may_become(next) {
                got += &format!("\n{} -> {}", before.as_str(), next.as_str());
            }
        }
    }
    assert_eq!(
        got,
        "
pending -> escalated
pending -> answered
pending -> skipped
pending -> withdrawn
escalated -> answered
escalated -> skipped
escalated -> withdrawn"
    );
    for before in Standing::ALL {
        for next in Standing::ALL {
            let id = question(&brief("amber").id).id;
            let event = match next {
                Standing::Pending => continue,
                Standing::Escalated => Event::QuestionEscalated { id, proposal: None },
                Standing::Answered | Standing::Skipped => {
                    let text = (next == Standing::Answered).then(String::new);
                    let answer = super::Answer { text, by: String::new(), at: Timestamp(0) };
                    Event::QuestionAnswered { id, answer }
                }
                Standing::Withdrawn => Event::QuestionWithdrawn { id },
            };
            let mut run = after(brief("amber"), &format!("{RUNNING}, 4 asked k"));
            run.questions[0].standing = before;
            let became = run.apply(&event, Timestamp(5000)).is_ok();
            assert_eq!(became, before.may_become(next), "{before:?} -> {next:?}");
        }
    }
}

#[test]
fn an_agent_that_asks_waits_without_a_slot_and_goes_on_with_its_answer() {
    running(
        "4 asked k, 5 asked k, 6 admit, 7 answer 0 2, 8 answer 0 eighty, 9 admit, 10 left k",
        "
4 asked k          waiting (answer)
5 asked k          waiting (answer)
6 admit            rejected: admit makes no sense while it is waiting
7 answer 0 2       waiting (answer)
8 answer 0 eighty  rejected: q_0fv8c1e3x6 was answered by person already: ninety
9 admit            running; Deliver q_0fv8c1e3x6
10 left k          running",
    );
    let run = after(brief("amber"), &format!("{RUNNING}, 4 asked k"));
    assert!(!run.holds_slot());
    assert_eq!(run.open_questions().count(), 1);
    let run = after(brief("amber"), &format!("{RUNNING}, 4 asked k, 5 answer 0 2"));
    assert_eq!(run.questions[0].answer.as_ref().unwrap().text.as_deref(), Some("ninety"));
    assert!(run.messages[0].text.ends_with("\n\nninety"), "{:?}", run.messages);
}

#[test]
fn what_was_for_a_foreman_goes_to_a_person_where_there_is_none() {
    let run = after(brief("amber"), &format!("{RUNNING}, 4 asked k foreman, 5 asked l"));
    assert_eq!(standings(&run), "escalated pending");
}

#[test]
fn a_question_takes_the_number_or_the_words_of_an_option_and_words_of_its_own() {
    let said = |said: &str| {
        let run = after(brief("amber"), &format!("{RUNNING}, 4 asked k, 5 answer 0 {said}"));
        run.questions[0].answer.clone().unwrap().text.unwrap()
    };
    assert_eq!(said("1"), "eighty");
    assert_eq!(said("EIGHTY"), "eighty");
    assert_eq!(said("neither"), "neither");
    running(
        "4 asked k, 5 answer 0 3, 6 answer 0 0",
        "
4 asked k     waiting (answer)
5 answer 0 3  rejected: q_0fv8c1e3x6 has no option 3: 1 eighty, 2 ninety
6 answer 0 0  rejected: q_0fv8c1e3x6 has no option 0: 1 eighty, 2 ninety",
    );
}

#[test]
fn a_person_may_leave_it_to_the_agent() {
    let run = after(brief("amber"), &format!("{RUNNING}, 4 asked k, 5 skip 0, 6 admit"));
    assert_eq!(standings(&run), "skipped");
    assert!(run.messages[0].text.contains("decide it yourself"), "{:?}", run.messages);
}

#[test]
fn an_agent_whose_call_went_back_without_an_answer_goes_on_and_hears_it_as_a_message() {
    running(
        "4 asked k, 5 left k, 6 words, 7 answer 0 1, 8 answer 0 2",
        "
4 asked k     waiting (answer)
5 left k      running
6 words       running
7 answer 0 1  running; Deliver q_0fv8c1e3x6
8 answer 0 2  rejected: q_0fv8c1e3x6 was answered by person already: eighty",
    );
}

#[test]
fn an_answer_that_waits_for_a_slot_goes_as_a_message_when_the_call_goes_back() {
    running(
        "4 asked k, 5 answer 0 1, 6 left k",
        "
4 asked k     waiting (answer)
5 answer 0 1  waiting (answer)
6 left k      running; Deliver q_0fv8c1e3x6",
    );
}

#[test]
fn of_two_questions_both_are_waited_for_while_both_calls_wait() {
    running(
        "4 asked k, 5 asked l, 6 answer 0 1, 7 admit, 8 left l, 9 answer 1 2",
        "
4 asked k     waiting (answer)
5 asked l     waiting (answer)
6 answer 0 1  waiting (answer)
7 admit       rejected: admit makes no sense while it is waiting
8 left l      running; Deliver q_0fv8c1e3x6
9 answer 1 2  running; Deliver q_e4vadxhafb",
    );
}

#[test]
fn a_turn_that_ends_with_a_question_open_waits_for_its_answer() {
    running(
        "4 asked k, 5 left k, 6 turn success, 7 admit, 8 answer 0 1, 9 admit, 10 turn success, 11 exit 0",
        "
4 asked k        waiting (answer)
5 left k         running
6 turn success   waiting (answer); Snapshot turn
7 admit          rejected: admit makes no sense while it is waiting
8 answer 0 1     waiting (answer)
9 admit          running; Deliver q_0fv8c1e3x6
10 turn success  running; Snapshot turn
11 exit 0        queued, attempt 2",
    );
}

#[test]
fn a_message_goes_to_an_agent_that_waits_for_an_answer_with_its_turn_over() {
    running(
        "4 asked k, 5 left k, 6 turn success, 7 send m, 8 admit",
        "
4 asked k       waiting (answer)
5 left k        running
6 turn success  waiting (answer); Snapshot turn
7 send m        waiting (answer)
8 admit         running; Deliver m",
    );
}

#[test]
fn an_agent_that_takes_one_prompt_rests_without_a_process_until_its_answer() {
    check_of(
        of_one_prompt(),
        RUNNING,
        "4 asked k, 5 left k, 6 turn success, 7 exit 0, 8 admit, 9 answer 0 1, 10 admit, 11 started",
        "
4 asked k       waiting (answer)
5 left k        running
6 turn success  waiting (answer); Snapshot turn
7 exit 0        waiting, attempt 2
8 admit         rejected: admit makes no sense while it is waiting
9 answer 0 1    queued
10 admit        starting; Start
11 started      running",
    );
    let rests = format!("{RUNNING}, 4 asked k, 5 left k, 6 turn success, 7 exit 0");
    let run = after(of_one_prompt(), &rests);
    assert!(run.rests_for_answer() && !run.holds_slot() && run.next_wake().is_none());
    let run = after(of_one_prompt(), &format!("{rests}, 9 answer 0 1, 10 admit, 11 began"));
    let carried: Vec<&str> = run.carried().map(|message| message.text.as_str()).collect();
    assert_eq!(carried.len(), 1, "it stands in the prompt: {carried:?}");
}

#[test]
fn an_answer_to_one_that_takes_one_prompt_goes_to_the_call_that_waits() {
    check_of(
        of_one_prompt(),
        RUNNING,
        "4 asked k, 5 answer 0 1, 6 admit",
        "
4 asked k     waiting (answer)
5 answer 0 1  waiting (answer)
6 admit       running; Deliver q_0fv8c1e3x6",
    );
}

#[test]
fn an_answer_that_came_too_late_for_the_call_of_one_prompt_begins_the_next() {
    check_of(
        of_one_prompt(),
        RUNNING,
        "4 asked k, 5 left k, 6 answer 0 1, 7 turn success, 8 exit 0, 9 admit",
        "
4 asked k       waiting (answer)
5 left k        running
6 answer 0 1    running
7 turn success  running; Snapshot turn
8 exit 0        queued, attempt 2
9 admit         starting; Start",
    );
}

#[test]
fn a_question_outlives_the_death_of_its_agent_and_its_answer_begins_the_next_attempt() {
    running(
        "4 asked k, 5 exit 137 forced, 6 tick, 900 admit, 901 answer 0 1, 902 admit, 903 started",
        "
4 asked k          waiting (answer)
5 exit 137 forced  waiting until 10, attempt 2; Snapshot end
6 tick             waiting until 10
900 admit          rejected: admit makes no sense while it is waiting
901 answer 0 1     queued until 10
902 admit          starting; Start
903 started        running",
    );
}

#[test]
fn one_that_died_at_work_does_not_wait_for_its_answer() {
    running(
        "4 asked k, 5 left k, 6 exit 137 forced, 900 admit, 901 started, 902 answer 0 1",
        "
4 asked k          waiting (answer)
5 left k           running
6 exit 137 forced  queued until 11, attempt 2; Snapshot end
900 admit          starting; Start
901 started        running
902 answer 0 1     running; Deliver q_0fv8c1e3x6",
    );
}

#[test]
fn what_nobody_answered_is_withdrawn_when_its_attempt_ends_and_the_next_is_told() {
    running(
        "4 asked k, 5 stop, 6 signal 15, 7 answer 0 1, 8 again, 9 admit",
        "
4 asked k     waiting (answer)
5 stop        stopping (Person); Stop
6 signal 15   ended (stopped: stopped-by-person); Snapshot end
7 answer 0 1  rejected: q_0fv8c1e3x6 was withdrawn: its attempt ended before anybody answered
8 again       queued, attempt 2
9 admit       starting; Start",
    );
    let run = after(
        brief("amber"),
        &format!("{RUNNING}, 4 asked k, 5 stop, 6 signal 15, 8 again, 9 admit"),
    );
    assert_eq!(run.withdrawn_words().len(), 1);
    let later = format!(
        "{RUNNING}, 4 asked k, 5 stop, 6 signal 15, 8 again, 9 admit, 10 started, 11 stop, 12 signal 15, 13 again"
    );
    assert!(after(brief("amber"), &later).withdrawn_words().is_empty(), "once");
}

#[test]
fn an_answer_that_was_not_handed_over_stands_in_the_resume_prompt() {
    let script =
        format!("{RUNNING}, 4 asked k, 5 answer 0 1, 6 stop, 7 signal 15, 8 again, 9 admit");
    let run = after(brief("amber"), &script);
    assert_eq!(standings(&run), "answered");
    assert_eq!(run.carried().count(), 1);
}

#[test]
fn an_answer_that_the_agent_took_up_is_not_told_again() {
    let id = nth(&brief("amber").id, 0);
    let script = format!(
        "{RUNNING}, 4 asked k, 5 answer 0 1, 6 admit, 7 told {id} sending, 8 told {id} delivered, 9 told {id} turn-started, \
         10 stop, 11 signal 15, 12 again, 13 admit"
    );
    assert_eq!(after(brief("amber"), &script).carried().count(), 0);
}

#[test]
fn an_answer_that_died_with_its_call_is_in_doubt_and_only_the_agents_history_settles_it() {
    let id = nth(&brief("amber").id, 0);
    let died = format!(
        "{RUNNING}, 4 asked k, 5 answer 0 1, 6 admit, 7 told {id} sending, 8 told {id} delivered, 9 exit 137 forced, \
         900 admit, 901 started"
    );
    let run = after(brief("amber"), &died);
    assert_eq!(run.carried().count(), 0, "the core does not say it again");
    assert_eq!(run.doubtful().map(|it| it.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    for (history, receipt) in [
        (format!("902 told {id} accepted"), Receipt::Accepted),
        (format!("902 told {id} sending, 903 told {id} turn-started"), Receipt::TurnStarted),
    ] {
        let run = after(brief("amber"), &format!("{died}, {history}, 950 stop, 951 signal 15"));
        assert_eq!(run.messages[0].receipt, receipt, "{history}");
        assert_eq!(run.doubtful().count(), 0, "{history}");
    }
}

#[test]
fn a_key_of_a_message_is_never_a_questions() {
    let id = nth(&brief("amber").id, 0);
    running(
        &format!("4 asked k, 5 send {id}"),
        "
4 asked k            waiting (answer)
5 send q_0fv8c1e3x6  rejected: the key `q_0fv8c1e3x6` is a question's of it",
    );
}

#[test]
fn an_agent_that_says_that_it_is_blocked_has_not_completed() {
    running(
        "4 claims blocked, 5 turn success, 6 exit 0",
        "
4 claims blocked  running
5 turn success    running; Snapshot turn
6 exit 0          ended (failed: agent-blocked); Snapshot end",
    );
    running(
        "4 claims blocked, 5 claims done, 6 turn success, 7 exit 0",
        "
4 claims blocked  running
5 claims done     running
6 turn success    running; Snapshot turn
7 exit 0          ended (completed); Snapshot end",
    );
}

/// What can happen to a run that asks; `ID` stands for the first question's.
const HISTORY: &[&str] = &[
    "admit",
    "prepared",
    "started",
    "asked a",
    "asked b",
    "left a",
    "left b",
    "answer 0 1",
    "answer 1 2",
    "skip 0",
    "answer 2 1",
    "told ID sending",
    "told ID delivered",
    "told ID turn-started",
    "told ID returned",
    "words",
    "turn success",
    "exit 0",
    "exit 137 forced",
    "gone",
    "swept",
    "tick",
    "again",
    "stop",
    "pause now",
    "send m",
    "permission",
    "approve",
    "session",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// No answer is forgotten, none reaches an attempt twice, and what is settled stays as it is.
    #[test]
    fn an_answer_reaches_each_attempt_at_most_once_and_is_never_forgotten(
        one_prompt in any::<bool>(),
        picks in proptest::collection::vec(0..HISTORY.len(), 1..60),
    ) {
        let brief = if one_prompt { of_one_prompt() } else { brief("amber") };
        let mut run = after(brief, RUNNING);
        let first = nth(run.id(), 0).to_string();
        let mut replayed = run.clone();
        let mut given: BTreeMap<(u32, String), u32> = BTreeMap::new();
        for (pick, nth) in picks.into_iter().zip(0_u64..) {
            let now = Timestamp((100 + nth * 100) * 1000);
            let text = HISTORY[pick].replace("ID", &first);
            let Ok(step) = run.step(input(&text, &run, now), now) else { continue };
            let before = run.clone();
            for event in &step.events {
                run.apply(event, now).unwrap();
                let line = serde_json::to_string(event).unwrap();
                replayed.apply(&serde_json::from_str(&line).unwrap(), now).unwrap();
                if let Event::Receipt { id, receipt: Receipt::Queued, .. } = event {
                    // It came back unwritten.
                    given.remove(&(run.attempt, id.clone()));
                }
            }
            for effect in &step.effects {
                if let Effect::Deliver { attempt, id, .. } = effect {
                    let times = given.entry((*attempt, id.clone())).or_default();
                    *times += 1;
                    prop_assert!(*times == 1, "{id} twice in attempt {attempt}, at `{text}`");
                }
            }
            for question in &before.questions {
                let now = run.questions.iter().find(|it| it.id == question.id).unwrap();
                if !question.standing.is_open() {
                    prop_assert_eq!((question.standing, &question.answer), (now.standing, &now.answer));
                }
            }
            for question in &run.questions {
                let told = run.message_of(question.id.as_str());
                prop_assert_eq!(question.answer.is_some(), told.is_some(), "at `{}`", text);
            }
            if run.is_ended() {
                prop_assert!(run.open_questions().next().is_none(), "{}", shown(&run));
            }
            prop_assert_eq!(&run, &replayed);
        }
    }
}

/// A run whose task has a foreman.
fn with_foreman() -> Brief {
    Brief { foreman: true, ..brief("amber") }
}

#[test]
fn who_asks_a_foreman_waits_only_when_a_person_is_asked() {
    let run = after(with_foreman(), &format!("{RUNNING}, 4 asked k foreman"));
    assert_eq!((run.state_name(), standings(&run).as_str()), ("running", "pending"));
    let run = after(with_foreman(), &format!("{RUNNING}, 4 asked k foreman, 5 escalate 0 blue"));
    assert_eq!((run.state_name(), standings(&run).as_str()), ("waiting", "escalated"));
    assert_eq!(run.questions[0].proposal.as_deref(), Some("blue"));
    // It thinks again, by a person's words; once more without any is nothing new.
    let run = after(
        with_foreman(),
        &format!("{RUNNING}, 4 asked k foreman, 5 escalate 0 blue, 6 escalate 0 red, 7 escalate 0"),
    );
    assert_eq!(run.questions[0].proposal.as_deref(), Some("red"));
}

#[test]
fn a_foremans_answer_reaches_the_call_that_waits_and_nobody_saw_it_wait() {
    let run = after(with_foreman(), &format!("{RUNNING}, 4 asked k foreman, 5 answer 0 blue"));
    assert_eq!((run.state_name(), standings(&run).as_str()), ("running", "answered"));
    let said = run.messages.iter().find(|it| it.id == run.questions[0].id.as_str()).unwrap();
    assert_eq!(said.receipt, Receipt::Handed);
}

#[test]
fn a_question_that_its_agent_left_does_not_make_it_wait_when_a_person_is_asked() {
    let run =
        after(with_foreman(), &format!("{RUNNING}, 4 asked k foreman, 5 left k, 6 escalate 0"));
    assert_eq!((run.state_name(), standings(&run).as_str()), ("running", "escalated"));
}

#[test]
fn what_is_settled_is_not_escalated() {
    let mut run = after(with_foreman(), &format!("{RUNNING}, 4 asked k foreman, 5 answer 0 blue"));
    let input = Input::Escalate { question: nth(run.id(), 0), proposal: None };
    assert_eq!(run.step(input, Timestamp(6)).unwrap_err().slug, "question-answered");
    run.questions.clear();
    let input = Input::Escalate { question: nth(run.id(), 0), proposal: None };
    assert_eq!(run.step(input, Timestamp(6)).unwrap_err().slug, "question-unknown");
}

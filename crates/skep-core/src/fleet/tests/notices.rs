//! Scenes of notices: what people are told, once, and what holds in any history of kills, silences and refusals.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::{
    id::{NoticeId, derived},
    notice::{About as Of, Came, Channel, Fate, Kind, Priority, Quiet, Rule, Rules, Said, Telling},
};

/// A channel that people read, one for programs that count ids, one where people may answer.
const READS: &str = "desk";
const COUNTS: &str = "hook";
const ANSWERS: &str = "phone";

fn rules() -> Rules {
    let channel = |merges, answers| Channel { merges, answers };
    Rules {
        channels: [
            (READS.to_owned(), channel(true, false)),
            (COUNTS.to_owned(), channel(false, false)),
            (ANSWERS.to_owned(), channel(true, true)),
        ]
        .into(),
        ..Rules::default()
    }
}

fn only(name: &str) -> Rules {
    let mut rules = rules();
    rules.channels.retain(|channel, _| channel == name);
    rules
}

/// A fleet whose people are told, with what is being sent.
struct World {
    fleet: Fleet,
    now: Timestamp,
    log: Vec<(About, Timestamp)>,
    sending: VecDeque<notice::Effect>,
}

impl World {
    fn new(rules: Rules) -> World {
        let fleet = fleet(Limits { runs: 8, ..ONE });
        let (now, log, sending) = (Timestamp(0), Vec::new(), VecDeque::new());
        let mut world = World { fleet, now, log, sending };
        world.give(Input::Notice(notice::Input::Rules(rules))).unwrap();
        world
    }

    fn give(&mut self, input: Input) -> Result<(), Rejected> {
        let decided = self.fleet.decide(input, self.now)?;
        self.log.extend(decided.events.into_iter().map(|about| (about, self.now)));
        self.sending.extend(decided.effects.into_iter().filter_map(|effect| match effect {
            super::super::Effect::Notice(effect) => Some(effect),
            super::super::Effect::Run(_) | super::super::Effect::Task(_) => None,
        }));
        Ok(())
    }

    fn play(&mut self, lines: &str) {
        for line in lines.split(", ") {
            let (secs, text) = line.split_once(' ').unwrap();
            self.now = self.now.max(seconds(secs));
            let input = input_of(&self.fleet, text, self.now);
            self.give(input).unwrap_or_else(|rejected| panic!("{line}: {rejected}"));
        }
    }

    /// A run that is at work.
    fn at_work(&mut self, name: &str) {
        self.play(&format!("0 create {name} in web, 1 {name} prepared, 2 {name} started"));
    }

    fn at(&mut self, secs: u64) {
        self.now = Timestamp(secs * 1000);
        self.give(Input::Tick).unwrap();
    }

    fn tell(&mut self, words: &str) {
        let telling = Telling {
            kind: Kind::Cleanup,
            subject: "fleet".to_owned(),
            about: Of::Fact {},
            project: None,
            title: words.to_owned(),
            text: String::new(),
            options: Vec::new(),
            ways: Vec::new(),
        };
        self.give(Input::Notice(notice::Input::Tell(Box::new(telling)))).unwrap();
    }

    /// What is being sent on a channel, as it was asked for: `nth` and how many notices.
    fn sent_on(&self, channel: &str) -> Vec<(u32, usize, u32)> {
        let of = self.sending.iter().filter_map(|effect| match effect {
            notice::Effect::Notify { channel: on, nth, notices, parts } if on == channel => {
                Some((*nth, notices.len(), *parts))
            }
            notice::Effect::Notify { .. } | notice::Effect::Amend { .. } => None,
        });
        of.collect()
    }

    /// What came of the first message that is being sent on a channel.
    fn came(&mut self, on: &str, came: Came) {
        let first = self.sending.iter().position(
            |effect| matches!(effect, notice::Effect::Notify { channel, .. } if channel == on),
        );
        let effect = self.sending.remove(first.expect("nothing is being sent")).unwrap();
        let notice::Effect::Notify { channel, nth, .. } = effect else { unreachable!() };
        self.give(Input::Notice(notice::Input::Came { channel, nth, came })).unwrap();
    }

    fn sent(&mut self, on: &str, receipt: &str) {
        self.came(on, Came::Sent { receipts: vec![receipt.to_owned()] });
    }

    fn refused(&mut self, on: &str) {
        let text = "down".to_owned();
        self.came(on, Came::Refused { text, parts: 0, receipts: Vec::new(), after_ms: None });
    }

    fn heard(&mut self, update: u64, to: &str, said: Said) -> Result<(), Rejected> {
        let (channel, by) = (ANSWERS.to_owned(), "telegram:7".to_owned());
        let to = to.to_owned();
        self.give(Input::Notice(notice::Input::Heard { channel, update, by, to, said }))
    }

    fn kinds(&self) -> String {
        let mut all = self.fleet.notices.newest();
        all.reverse();
        let kinds: Vec<&str> = all.iter().map(|kept| kept.notice.kind.as_str()).collect();
        kinds.join(" ")
    }

    /// How far each notice has come on a channel, the oldest first.
    fn fates(&self, channel: &str) -> String {
        let mut all = self.fleet.notices.newest();
        all.reverse();
        let fates = all.iter().filter_map(|kept| Some(kept.fates.get(channel)?.as_str()));
        fates.collect::<Vec<_>>().join(" ")
    }

    fn replays(&self) {
        let mut replayed = fleet(Limits { runs: 8, ..ONE });
        for (about, at) in &self.log {
            replayed.apply(&about.subject, &about.event, *at).unwrap();
        }
        assert_eq!(replayed, self.fleet);
    }
}

#[test]
fn nothing_is_recorded_where_nobody_is_to_be_told() {
    let mut world = World::new(Rules::default());
    world.at_work("amber");
    world.play("3 amber turn failed, 4 amber exit 1");
    assert!(world.fleet.notices.kept.is_empty() && world.sending.is_empty());
    assert!(!world.log.iter().any(|(about, _)| matches!(about.event, Event::Notice(_))));
}

#[test]
fn a_failed_run_is_one_notice_and_a_blocked_one_is_of_another_kind() {
    let mut world = World::new(rules());
    world.at_work("amber");
    world.at_work("beryl");
    world.play("3 amber turn failed, 4 amber exit 1");
    world.play("5 beryl claims blocked, 6 beryl turn success, 7 beryl exit 0");
    assert_eq!(world.kinds(), "task_failed blocked");
    let blocked = world.fleet.notices.newest()[0].notice.clone();
    assert!(blocked.title.contains("cannot go on"), "{}", blocked.title);
    assert_eq!(blocked.text, "all day", "in the agent's own words");
    assert_eq!(blocked.priority, Priority::High);
    world.replays();
}

#[test]
fn a_completed_run_and_a_landing_are_told_and_a_stopped_one_is_not() {
    let mut world = World::new(only(COUNTS));
    world.at_work("amber");
    world.at_work("beryl");
    world.play("3 amber turn success, 4 amber exit 0 committed c2, 5 beryl stop, 6 beryl exit 0");
    world.play("7 amber land 1, 8 amber op 1 landed");
    assert_eq!(world.kinds(), "task_completed landing");
}

#[test]
fn who_goes_on_by_itself_is_no_end_that_anybody_is_told() {
    let mut world = World::new(only(COUNTS));
    world.at_work("amber");
    world.play("3 amber gone, 4 amber swept");
    assert_eq!(run(&world.fleet, "amber").attempt, 2, "begun again");
    assert_eq!(world.kinds(), "");
}

#[test]
fn a_question_is_told_once_and_an_answered_one_not_at_all() {
    let mut world = World::new(only(READS));
    world.at_work("amber");
    world.play("3 amber asked k human, 4 amber asked k human");
    assert_eq!(world.kinds(), "question");
    assert_eq!(world.sent_on(READS), [(1, 1, 0)]);
    // The channel is at work; the next one is answered while it waits.
    world.play("5 amber answer 0 yes, 6 amber asked j human, 7 amber answer 1 no");
    world.sent(READS, "1");
    assert_eq!(world.fates(READS), "sent withdrawn");
    assert!(world.sent_on(READS).is_empty());
    world.replays();
}

#[test]
fn what_the_foreman_has_is_no_persons_affair_until_it_is_passed_on() {
    let mut world = World::new(only(READS));
    let mut brief = brief_of("amber", &["in", "web"]);
    brief.foreman = true;
    world.give(create(brief)).unwrap();
    world.play("1 amber prepared, 2 amber started, 3 amber asked k foreman");
    assert_eq!(world.kinds(), "");
    world.play("4 amber escalate 0 blue");
    assert_eq!(world.kinds(), "question");
    assert!(world.fleet.notices.newest()[0].notice.text.contains("The foreman proposes: blue"));
}

#[test]
fn leave_is_asked_for_and_a_usage_limit_is_told() {
    let mut world = World::new(only(COUNTS));
    world.at_work("amber");
    world.play("3 amber permission");
    assert_eq!(world.kinds(), "request");
    let mut world = World::new(only(COUNTS));
    world.at_work("amber");
    world.play("3 amber limit, 4 amber exit 1");
    assert_eq!(world.kinds(), "limit");
}

#[test]
fn the_days_budget_is_one_notice() {
    let mut world = World::new(only(COUNTS));
    let all = Shares { day: "$5".parse().unwrap(), ..Shares::default() };
    world.give(Input::Budgets(Budgets { all, ..Budgets::default() })).unwrap();
    world.at_work("amber");
    world.play("3 amber used 10 6, 4 amber used 20 7, 5 amber used 30 8");
    assert_eq!(world.kinds(), "limit", "however often it is exceeded");
}

#[test]
fn one_message_at_a_time_and_what_waits_goes_together_where_people_read() {
    let mut world = World::new(rules());
    for words in ["a", "b", "c"] {
        world.tell(words);
    }
    assert_eq!(world.sent_on(READS), [(1, 1, 0)]);
    assert_eq!(world.sent_on(COUNTS), [(1, 1, 0)]);
    world.sent(READS, "1");
    world.sent(COUNTS, "1");
    assert_eq!(world.sent_on(READS), [(2, 2, 0)], "the other two are one message");
    assert_eq!(world.sent_on(COUNTS), [(2, 1, 0)], "programs take one at a time");
    world.replays();
}

#[test]
fn a_refusal_is_tried_again_five_times_in_all_and_later_each_time() {
    let mut world = World::new(only(READS));
    world.tell("a");
    for wait in [30, 120, 480, 1_920] {
        world.refused(READS);
        let next = world.fleet.next_wake().unwrap();
        assert_eq!(next.0 - world.now.0, wait * 1000);
        world.at(next.0 / 1000 - 1);
        assert!(world.sent_on(READS).is_empty(), "not before its time");
        world.at(next.0 / 1000);
    }
    world.tell("b");
    world.refused(READS);
    assert_eq!(world.fates(READS), "failed sending", "and the next one has its own tries");
    world.replays();
}

#[test]
fn a_channel_that_says_when_is_not_asked_before() {
    let mut world = World::new(only(READS));
    world.tell("a");
    let (text, receipts) = ("too many".to_owned(), Vec::new());
    let after_ms = Some(400_000);
    world.came(READS, Came::Refused { text, parts: 0, receipts, after_ms });
    assert_eq!(world.fleet.next_wake(), Some(Timestamp(400_000)));
}

#[test]
fn no_answer_is_maybe_sent_and_is_not_sent_again() {
    let mut world = World::new(only(READS));
    world.tell("a");
    let text = "no answer".to_owned();
    world.came(READS, Came::Unclear { text, receipts: Vec::new() });
    assert_eq!(world.fates(READS), "maybe_sent");
    world.at(1_000_000);
    assert!(world.sent_on(READS).is_empty());
    assert_eq!(world.fleet.next_wake(), None);
}

#[test]
fn what_went_of_a_long_message_is_not_sent_again() {
    let mut world = World::new(only(ANSWERS));
    world.at_work("amber");
    world.play("3 amber asked k human");
    let (text, receipts) = ("down".to_owned(), vec!["7:1".to_owned()]);
    world.came(ANSWERS, Came::Refused { text, parts: 1, receipts, after_ms: None });
    world.at(40);
    assert_eq!(world.sent_on(ANSWERS), [(1, 1, 1)], "from its second part on");
    world.sent(ANSWERS, "7:2");
    // Both halves may be answered to.
    world.heard(1, "7:1", Said::Text("blue".to_owned())).unwrap();
    let question = &run(&world.fleet, "amber").questions[0];
    assert_eq!(question.answer.as_ref().unwrap().by, "telegram:7");
    world.replays();
}

#[test]
fn nothing_goes_in_quiet_hours_but_what_a_rule_lets_pass_and_what_was_settled_never_does() {
    // It is 00:00; quiet until 07:30.
    let quiet = Some(Quiet { from: 22 * 60, to: 7 * 60 + 30 });
    let passes = Rule { kinds: vec![Kind::Request], passes: true, ..Rule::default() };
    let mut world = World::new(Rules { quiet, rules: vec![passes], ..only(READS) });
    world.at_work("amber");
    world.at_work("beryl");
    world.play("3 amber asked k human, 4 beryl turn failed, 5 beryl exit 1");
    world.tell("a");
    assert!(world.sent_on(READS).is_empty());
    world.play("6 amber answer 0 yes");
    let morning = Timestamp((7 * 60 + 30) * 60_000);
    assert_eq!(world.fleet.next_wake(), Some(morning));
    world.at(morning.0 / 1000);
    assert_eq!(world.sent_on(READS), [(1, 2, 0)], "the answered one is not among them");
    assert_eq!(world.fates(READS), "withdrawn sending sending");
    world.replays();
}

#[test]
fn quiet_hours_are_the_persons_own_and_may_lie_within_a_day() {
    let quiet = Some(Quiet { from: 13 * 60, to: 14 * 60 });
    let rules = Rules { quiet, ahead_min: 120, ..Rules::default() };
    let at = |hour: u64, minute: u64| Timestamp((hour * 60 + minute) * 60_000);
    assert_eq!(rules.quiet_until(at(10, 59)), None);
    assert_eq!(rules.quiet_until(at(11, 0)), Some(at(12, 0)));
    assert_eq!(rules.quiet_until(at(11, 59)), Some(at(12, 0)));
    assert_eq!(rules.quiet_until(at(12, 0)), None);
    let west = Rules { ahead_min: -600, ..rules };
    assert_eq!(west.quiet_until(at(23, 30)), Some(at(24, 0)));
}

#[test]
fn a_digest_waits_for_others_and_a_question_that_can_be_answered_does_not() {
    let rules = Rules { digest_ms: 300_000, ..rules() };
    let mut world = World::new(Rules {
        channels: [READS, ANSWERS].map(|it| (it.to_owned(), rules.channels[it])).into(),
        ..rules
    });
    world.at_work("amber");
    world.at(100);
    world.tell("a");
    world.at(200);
    world.tell("b");
    world.play("210 amber asked k human");
    assert_eq!(world.sent_on(ANSWERS), [(1, 1, 0)], "the question, by itself and at once");
    world.sent(ANSWERS, "7:1");
    world.at(399);
    assert!(world.sent_on(READS).is_empty());
    world.at(400);
    assert_eq!(world.sent_on(READS), [(1, 3, 0)]);
    assert_eq!(world.sent_on(ANSWERS), [(2, 2, 0)]);
}

#[test]
fn what_a_rule_lets_pass_waits_for_a_digest_and_not_for_the_morning() {
    let quiet = Some(Quiet { from: 22 * 60, to: 7 * 60 + 30 });
    let passes = Rule { kinds: vec![Kind::Question], passes: true, ..Rule::default() };
    let rules = Rules { quiet, digest_ms: 300_000, rules: vec![passes], ..only(READS) };
    let mut world = World::new(rules);
    world.at_work("amber");
    world.at(100);
    world.tell("a");
    world.play("110 amber asked k human");
    world.at(409);
    assert!(world.sent_on(READS).is_empty());
    world.at(410);
    assert_eq!(world.sent_on(READS), [(1, 1, 0)], "the question alone");
    assert_eq!(world.fates(READS), "due sending");
    world.replays();
}

#[test]
fn the_first_rule_that_fits_says_who_is_told() {
    let rule = |kinds: &[Kind], projects: &[&str], channels: Option<&[&str]>| Rule {
        kinds: kinds.to_vec(),
        projects: projects.iter().map(|it| (*it).to_owned()).collect(),
        channels: channels.map(|all| all.iter().map(|it| (*it).to_owned()).collect()),
        ..Rule::default()
    };
    let rules = Rules {
        rules: vec![
            rule(&[Kind::TaskCompleted], &[], Some(&[])),
            Rule {
                priority: Some(Priority::Urgent),
                ..rule(&[Kind::TaskFailed], &["web"], Some(&[READS]))
            },
        ],
        ..rules()
    };
    let mut world = World::new(rules);
    for name in ["amber", "beryl"] {
        world.at_work(name);
    }
    world.play("0 create coral, 1 coral prepared, 2 coral started");
    world.play(
        "3 amber turn success, 4 amber exit 0 committed c2, 5 beryl turn failed, 6 beryl exit 1",
    );
    world.play("7 coral turn failed, 8 coral exit 1");
    let told: Vec<String> = world
        .fleet
        .notices
        .newest()
        .iter()
        .map(|kept| {
            let channels: Vec<&str> = kept.fates.keys().map(String::as_str).collect();
            format!("{:?} {}", kept.notice.priority, channels.join(" "))
        })
        .collect();
    assert_eq!(told, ["Normal desk hook phone", "Urgent desk"], "what fits none goes everywhere");
}

#[test]
fn a_channel_that_is_taken_away_is_told_nothing_more() {
    let mut world = World::new(only(READS));
    world.tell("a");
    world.tell("b");
    world.give(Input::Notice(notice::Input::Rules(Rules::default()))).unwrap();
    assert_eq!(world.fates(READS), "sending withdrawn");
    world.sent(READS, "1");
    assert_eq!(world.fates(READS), "sent withdrawn");
    assert_eq!(world.fleet.next_wake(), None);
}

#[test]
fn the_first_answer_counts_wherever_it_comes_from_and_the_message_says_whose_it_is() {
    let mut world = World::new(only(ANSWERS));
    world.at_work("amber");
    world.play("3 amber asked k human");
    world.sent(ANSWERS, "7:1");
    world.heard(5, "7:1", Said::Text("blue".to_owned())).unwrap();
    let question = run(&world.fleet, "amber").questions[0].clone();
    let answer = question.answer.unwrap();
    assert_eq!((answer.text.as_deref(), answer.by.as_str()), (Some("blue"), "telegram:7"));
    let Some(notice::Effect::Amend { receipts, text, .. }) = world.sending.pop_front() else {
        panic!("the message is left as it was")
    };
    assert_eq!((receipts, text.as_str()), (vec!["7:1".to_owned()], "Answered by telegram:7: blue"));
    world.heard(6, "7:1", Said::Text("red".to_owned())).unwrap();
    let heard = &world.fleet.notices.heard[ANSWERS];
    assert_eq!(heard.update, 6);
    assert!(heard.why.as_ref().unwrap().contains("answered"), "{heard:?}");
    let question = &run(&world.fleet, "amber").questions[0];
    assert_eq!(question.answer.as_ref().unwrap().text.as_deref(), Some("blue"));
    // After a quiet week its channel counts from anywhere.
    world.heard(2, "7:1", Said::Text("red".to_owned())).unwrap();
    assert_eq!(world.fleet.notices.heard[ANSWERS].update, 2);
    world.replays();
}

#[test]
fn leave_is_given_by_a_button_and_not_by_words() {
    let mut world = World::new(only(ANSWERS));
    world.at_work("amber");
    world.play("3 amber permission");
    world.sent(ANSWERS, "7:1");
    world.heard(1, "7:1", Said::Text("yes".to_owned())).unwrap();
    assert!(world.fleet.notices.heard[ANSWERS].why.is_some());
    assert_eq!(run(&world.fleet, "amber").open_asks().count(), 1);
    world.heard(2, "7:1", Said::Allow).unwrap();
    assert!(run(&world.fleet, "amber").open_asks().next().is_none());
    let Some(notice::Effect::Amend { text, .. }) = world.sending.pop_front() else { panic!() };
    assert_eq!(text, "Approved by telegram:7.");
}

#[test]
fn what_was_never_sent_there_cannot_be_answered_there() {
    let mut world = World::new(only(ANSWERS));
    world.at_work("amber");
    world.play("3 amber asked k human");
    world.sent(ANSWERS, "7:1");
    let before = world.fleet.clone();
    let rejected = world.heard(1, "7:99", Said::Skip).unwrap_err();
    assert_eq!(rejected.slug, "notice-unknown");
    assert_eq!(world.fleet, before);
}

#[test]
fn what_was_settled_while_it_was_sent_says_so_when_it_is_there() {
    let mut world = World::new(only(ANSWERS));
    world.at_work("amber");
    world.play("3 amber asked k human, 4 amber answer 0 green");
    world.sent(ANSWERS, "7:1");
    let Some(notice::Effect::Amend { text, .. }) = world.sending.pop_front() else { panic!() };
    assert_eq!(text, "Answered by person: green");
}

#[test]
fn ids_of_notices_differ_and_the_oldest_settled_ones_are_let_go() {
    let mut world = World::new(only(COUNTS));
    for nth in 0..notice::KEPT + 20 {
        world.tell(&format!("n{nth}"));
        world.sent(COUNTS, "1");
    }
    let kept = &world.fleet.notices.kept;
    assert!(kept.len() <= notice::KEPT + 1, "{}", kept.len());
    assert_eq!(world.fleet.notices.newest()[0].notice.title, format!("n{}", notice::KEPT + 19));
    assert_ne!(NoticeId::new(derived("a")), NoticeId::new(derived("b")));
    world.replays();
}

/// What servers heard, by channel, and what each told.
#[derive(Default)]
struct Servers {
    heard: BTreeMap<(String, NoticeId), u32>,
}

impl Servers {
    fn hear(&mut self, effect: &notice::Effect) {
        let notice::Effect::Notify { channel, notices, .. } = effect else { return };
        for id in notices {
            let heard = self.heard.entry((channel.clone(), id.clone())).or_default();
            // Who counts ids takes the same one once.
            *heard = if channel == COUNTS { 1 } else { *heard + 1 };
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever is killed, silent or refused, and in whatever order: a channel that cannot tell two alike hears each
    /// notice at most once, one that can has it exactly once, and what was settled before it went is not sent.
    #[test]
    fn each_notice_goes_once_whatever_is_killed_silent_or_refused(
        acts in prop::collection::vec((0_u8..12, 0_u8..4), 1..80),
        digest in 0_u64..3,
        night in any::<bool>(),
    ) {
        let quiet = night.then_some(Quiet { from: 0, to: 20 });
        let mut world = World::new(Rules { digest_ms: digest * 60_000, quiet, ..rules() });
        let mut servers = Servers::default();
        let mut settled_unsent: Vec<(String, NoticeId)> = Vec::new();
        world.at_work("amber");
        let mut asked = 0;
        for (act, more) in acts {
            match act {
                0 | 1 => world.tell(&format!("told {more}")),
                2 => {
                    let line = format!("0 amber asked k{asked} human");
                    asked += 1;
                    world.play(&line);
                }
                3 => {
                    // Somebody answers the oldest question at a terminal.
                    let open = run(&world.fleet, "amber").open_questions().next().map(|it| it.id.clone());
                    if let Some(question) = open {
                        let unsent = world.fleet.notices.kept.values().filter(|kept| {
                            matches!(&kept.notice.about, Of::Question { question: it, .. } if *it == question)
                        });
                        for kept in unsent {
                            let due = kept.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Due { .. }));
                            settled_unsent.extend(due.map(|(on, _)| (on.clone(), kept.notice.id.clone())));
                        }
                        let (text, by) = (Some("x".to_owned()), "person".to_owned());
                        let input = run::Input::Answer { question, text, by };
                        world.give(Input::Run { run: id("amber"), input }).unwrap();
                    }
                }
                4 => world.at(world.now.0 / 1000 + u64::from(more) * 400),
                5 => {
                    // The daemon is killed; the next one finds what was under way, heard or not.
                    let left: Vec<notice::Effect> = world.sending.drain(..).collect();
                    for effect in left {
                        if more % 2 == 0 {
                            servers.hear(&effect);
                        }
                        let notice::Effect::Notify { channel, nth, .. } = &effect else { continue };
                        if channel == COUNTS {
                            world.sending.push_back(effect);
                            continue;
                        }
                        let (channel, nth) = (channel.clone(), *nth);
                        let came = Came::Unclear { text: "killed".to_owned(), receipts: Vec::new() };
                        world.give(Input::Notice(notice::Input::Came { channel, nth, came })).unwrap();
                    }
                }
                _ => {
                    let Some(effect) = world.sending.pop_front() else { continue };
                    let notice::Effect::Notify { channel, nth, .. } = &effect else { continue };
                    if night {
                        prop_assert!(world.now.0 >= 20 * 60_000, "sent in quiet hours");
                    }
                    let text = "because".to_owned();
                    let came = match more {
                        0 | 1 => {
                            servers.hear(&effect);
                            Came::Sent { receipts: Vec::new() }
                        }
                        2 => Came::Refused { text, parts: 0, receipts: Vec::new(), after_ms: None },
                        _ if channel == COUNTS => {
                            servers.hear(&effect);
                            Came::Refused { text, parts: 0, receipts: Vec::new(), after_ms: None }
                        }
                        _ => {
                            servers.hear(&effect);
                            Came::Unclear { text, receipts: Vec::new() }
                        }
                    };
                    let (channel, nth) = (channel.clone(), *nth);
                    let input = notice::Input::Came { channel, nth, came };
                    world.give(Input::Notice(input.clone())).unwrap();
                    // Told twice counts once.
                    let before = world.fleet.clone();
                    world.give(Input::Notice(input)).unwrap();
                    prop_assert_eq!(&before, &world.fleet);
                }
            }
            world.replays();
        }
        // From now on all is well, until nothing is to be done.
        for _ in 0..2_000 {
            if let Some(effect) = world.sending.pop_front() {
                servers.hear(&effect);
                let notice::Effect::Notify { channel, nth, .. } = effect else { continue };
                let came = Came::Sent { receipts: Vec::new() };
                world.give(Input::Notice(notice::Input::Came { channel, nth, came })).unwrap();
            } else if let Some(next) = world.fleet.notices.next_wake() {
                world.now = world.now.max(next);
                world.give(Input::Tick).unwrap();
            } else {
                break;
            }
        }
        prop_assert!(world.fleet.notices.next_wake().is_none() && world.sending.is_empty());
        for kept in world.fleet.notices.kept.values() {
            for (channel, fate) in &kept.fates {
                let heard = servers.heard.get(&(channel.clone(), kept.notice.id.clone())).copied();
                let heard = heard.unwrap_or(0);
                prop_assert!(heard <= 1, "{channel}: {heard} times");
                match fate {
                    Fate::Sent { .. } => prop_assert_eq!(heard, 1),
                    Fate::MaybeSent { .. } => prop_assert!(channel != COUNTS, "it can be asked again"),
                    Fate::Failed { .. } | Fate::Withdrawn { .. } => {
                        prop_assert!(heard == 0 || channel == COUNTS, "known and yet {fate:?}");
                    }
                    Fate::Due { .. } | Fate::Sending { .. } => prop_assert!(false, "left over: {fate:?}"),
                }
            }
        }
        for (channel, id) in settled_unsent {
            let heard = servers.heard.get(&(channel.clone(), id)).copied().unwrap_or(0);
            prop_assert!(heard == 0 || channel == COUNTS, "{channel} was told what was settled");
        }
    }
}

#[test]
fn a_launch_at_an_issue_is_told_once_and_its_end_by_itself_with_what_came_of_it() {
    let told = |world: &World| -> Vec<(Kind, String)> {
        let mut all: Vec<_> = world.fleet.notices.kept.values().map(|kept| &kept.notice).collect();
        all.sort_by_key(|notice| notice.at);
        all.iter().map(|notice| (notice.kind, notice.title.clone())).collect()
    };
    let mut world = World::new(only(READS));
    world.play("0 create a in web issue ada/web#12, 1 a prepared");
    assert_eq!(told(&world), []);
    world.play("2 a started");
    assert_eq!(told(&world), [(Kind::Dispatch, "a (web) began: Mend the roof".to_owned())]);
    world.play("9 a exit 7, 10 a again, 11 a started, 19 a exit 0");
    let kinds: Vec<Kind> = told(&world).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == Kind::Dispatch).count(), 1, "{kinds:?}");
    assert!(kinds.contains(&Kind::TaskFailed), "{kinds:?}");
    // A run that nobody dispatched is told at its end alone.
    let mut world = World::new(only(READS));
    world.at_work("b");
    assert_eq!(told(&world), []);
}

//! Scenes of runs that have more than one login: who goes on by which, and who waits.

use super::*;

const WIDE: Limits = Limits { runs: 8, ..ONE };

const AT_WORK: &str = "0 create amber rotating, 1 amber prepared, 2 amber started, 3 amber session";

/// By which account a run works or waits, and how it stands.
fn stands<'a>(fleet: &'a Fleet, name: &str) -> (&'static str, Option<&'a str>, u32) {
    let run = run(fleet, name);
    (run.state_name(), run.brief.account.as_deref(), run.attempt)
}

/// The kinds of a run's events, in order, of one line.
fn kinds(fleet: &mut Fleet, line: &str) -> Vec<&'static str> {
    let (secs, text) = line.split_once(' ').unwrap();
    let decided = fleet.decide(input_of(&fleet.clone(), text, seconds(secs)), seconds(secs));
    let kind = |about: &About| match &about.event {
        Event::Run(run::Event::Limited { .. }) => Some("limited"),
        Event::Run(run::Event::Rotated { .. }) => Some("rotated"),
        Event::Run(run::Event::FellBack { .. }) => Some("fell back"),
        Event::Run(run::Event::Requeued { .. }) => Some("requeued"),
        Event::Run(run::Event::Admitted {}) => Some("admitted"),
        Event::Run(_) | Event::House(_) | Event::Task(_) | Event::Notice(_) => None,
    };
    decided.unwrap().events.iter().filter_map(kind).collect()
}

#[test]
fn a_limit_is_stored_before_another_account_goes_on_and_is_not_chosen_before_its_reset() {
    let mut fleet = after(WIDE, &format!("{AT_WORK}, 9 amber limit until 20000"));
    assert_eq!(
        kinds(&mut fleet, "10 amber exit 1"),
        ["limited", "rotated", "requeued", "admitted"],
        "the reset is a fact before anybody goes on"
    );
    assert_eq!(stands(&fleet, "amber"), ("starting", Some("home"), 2));
    let shut: Vec<_> = fleet.quotas.all(seconds("11")).collect();
    let [work] = shut.as_slice() else { panic!("{shut:?}") };
    assert_eq!(
        (work.quota.words().as_str(), work.until),
        ("scripted (account work)", seconds("20000"))
    );
    assert_eq!((work.known, work.since, &work.by), (true, seconds("10"), &id("amber")));
    // The second and the third are at their limit too: it waits, and no agent runs.
    for line in ["12 amber started", "13 amber limit until 19000", "14 amber exit 1"] {
        play(&mut fleet, line);
    }
    assert_eq!(stands(&fleet, "amber"), ("starting", Some("club"), 3));
    for line in ["15 amber started", "16 amber limit until 30000", "17 amber exit 1"] {
        play(&mut fleet, line);
    }
    assert_eq!(stands(&fleet, "amber"), ("waiting", Some("club"), 3));
    assert!(fleet.runs.values().all(|run| !run.is_living()), "no agent runs");
    for at in [18, 18_000, 18_999] {
        play(&mut fleet, &format!("{at} tick"));
        assert_eq!(stands(&fleet, "amber"), ("waiting", Some("club"), 3), "{at}");
    }
    assert_eq!(fleet.next_wake(), Some(seconds("19000")), "the first that is free again");
    play(&mut fleet, "19000 tick");
    assert_eq!(stands(&fleet, "amber"), ("starting", Some("home"), 4));
}

#[test]
fn a_conversation_of_another_login_is_known_for_one_until_this_one_has_its_own() {
    let mut fleet = after(WIDE, &format!("{AT_WORK}, 9 amber limit until 20000, 10 amber exit 1"));
    let moved = |fleet: &Fleet| (run(fleet, "amber").session.is_some(), run(fleet, "amber").moved);
    assert_eq!(moved(&fleet), (true, true), "only its records tell whether it can go on");
    assert!(run(&fleet, "amber").goes_on, "with the word that somebody began");
    play(&mut fleet, "12 amber started");
    play(&mut fleet, "13 amber session");
    assert_eq!(moved(&fleet), (true, false));
}

#[test]
fn a_near_reset_is_waited_for_by_whoever_is_in_a_conversation() {
    let fleet = after(WIDE, &format!("{AT_WORK}, 9 amber limit until 1800, 10 amber exit 1"));
    assert_eq!(stands(&fleet, "amber"), ("waiting", Some("work"), 1));
    assert_eq!(fleet.next_wake(), Some(seconds("1800")));
}

#[test]
fn whoever_has_not_begun_goes_by_the_account_that_was_used_longest_ago() {
    let mut fleet = after(
        WIDE,
        &format!("{AT_WORK}, 4 create beryl, 9 amber limit until 1800, 10 amber exit 1"),
    );
    for (name, account) in [("coral", "home"), ("dusk", "club"), ("ember", "home")] {
        play(&mut fleet, &format!("20 create {name} rotating"));
        assert_eq!(stands(&fleet, name), ("preparing", Some(account), 1), "{name}");
    }
}

#[test]
fn accounts_are_taken_up_only_by_whoever_has_a_slot() {
    let mut fleet = after(ONE, &format!("{AT_WORK}, 9 amber limit until 1800, 10 amber exit 1"));
    play(&mut fleet, "20 create coral rotating");
    play(&mut fleet, "21 create dusk rotating");
    assert_eq!(stands(&fleet, "coral"), ("preparing", Some("home"), 1));
    assert_eq!(stands(&fleet, "dusk"), ("queued", Some("work"), 1));
    play(&mut fleet, "22 coral prepare-failed user gone");
    assert_eq!(stands(&fleet, "dusk"), ("preparing", Some("club"), 1));
}

#[test]
fn the_fallback_is_the_last_and_not_asked_while_it_is_at_its_own_limit() {
    let three = "9 amber limit unknown, 10 amber exit 1, 11 amber started, 12 amber limit unknown, 13 amber exit 1, \
                 14 amber started, 15 amber limit unknown";
    let begin = AT_WORK.replace("rotating", "rotating backed");
    let mut fleet = after(WIDE, &format!("{begin}, {three}"));
    assert_eq!(kinds(&mut fleet, "16 amber exit 1"), ["limited", "fell back", "admitted"]);
    assert_eq!(
        (run(&fleet, "amber").brief.agent.as_str(), stands(&fleet, "amber").1),
        ("codex", None)
    );
    // The same, while codex itself is at its limit.
    let mut fleet = after(WIDE, &format!("{begin}, {three}"));
    let mut other = brief("beryl");
    other.agent = "codex".to_owned();
    fleet.decide(create(other), seconds("15")).unwrap();
    for line in
        ["15 beryl prepared", "15 beryl started", "15 beryl limit until 600", "15 beryl exit 1"]
    {
        play(&mut fleet, line);
    }
    assert_eq!(kinds(&mut fleet, "16 amber exit 1"), ["limited"]);
    assert_eq!(stands(&fleet, "amber"), ("waiting", Some("club"), 3));
    assert_eq!(fleet.next_wake(), Some(seconds("600")));
    play(&mut fleet, "600 tick");
    assert_eq!(run(&fleet, "amber").brief.agent, "codex");
}

#[test]
fn a_fallback_comes_with_its_own_settings_and_without_the_first_ones() {
    let mut brief = brief("amber");
    brief.account = Some("work".to_owned());
    brief.policy.args = vec!["--yolo".to_owned()];
    let mut codex = codex();
    codex.account = Some("club".to_owned());
    codex.model = Some("o9".to_owned());
    codex.args = vec!["--search".to_owned()];
    brief.fallback = Some(codex);
    let mut fleet = fleet(WIDE);
    fleet.decide(create(brief), seconds("0")).unwrap();
    for line in ["1 amber prepared", "2 amber started", "3 amber limit unknown", "4 amber exit 1"] {
        play(&mut fleet, line);
    }
    let brief = &run(&fleet, "amber").brief;
    assert_eq!((brief.agent.as_str(), brief.model.as_deref()), ("codex", Some("o9")));
    assert_eq!(
        (brief.account.as_deref(), &brief.policy.args),
        (Some("club"), &vec!["--search".to_owned()])
    );
}

#[test]
fn agents_that_share_a_login_share_its_limit_and_other_accounts_do_not() {
    let mut fleet = after(
        WIDE,
        "0 create amber, 1 amber prepared, 2 amber started, 3 amber limit until 9000, 4 amber exit 1",
    );
    let mut of = |name: &str, agent: &str, shared: &str, account: Option<&str>| {
        let mut brief = brief(name);
        brief.agent = agent.to_owned();
        brief.logins.shared = shared.to_owned();
        brief.account = account.map(str::to_owned);
        fleet.decide(create(brief), seconds("5")).unwrap();
        run(&fleet, name).state_name()
    };
    assert_eq!(of("beryl", "scripted-acp", "scripted", None), "queued");
    assert_eq!(of("coral", "scripted-acp", "", None), "preparing");
    assert_eq!(of("dusk", "scripted", "", Some("work")), "preparing");
}

#[test]
fn an_answer_lifts_a_guess_and_what_was_told_only_if_it_began_after_it() {
    let begin = "0 create amber, 0 create beryl, 1 amber prepared, 1 beryl prepared, 2 amber started, 2 beryl started";
    let shut = |limit: &str, more: &str| {
        let fleet = after(WIDE, &format!("{begin}, 3 amber limit {limit}, 4 amber exit 1, {more}"));
        let shut = fleet.quotas.all(seconds("20")).count() == 1;
        assert_eq!(
            run(&fleet, "amber").state_name(),
            "waiting",
            "whoever met it keeps its own time"
        );
        shut
    };
    assert!(!shut("unknown", "5 beryl turn success"));
    assert!(shut("until 9000", "5 beryl turn success"), "its turn had begun before");
    assert!(shut("until 9000", "5 beryl turn failed"));
    let sent = "5 beryl exit 7, 6 beryl again, 7 beryl started, 8 beryl turn success";
    assert!(!shut("until 9000", sent), "a person insisted, and was answered");
}

#[test]
fn a_guess_that_was_too_short_for_one_is_longer_for_all() {
    let mut fleet = after(
        WIDE,
        "0 create amber, 1 amber prepared, 2 amber started, 3 amber limit unknown, 4 amber exit 1",
    );
    let mut at = 4;
    let mut waits = Vec::new();
    for name in ["beryl", "coral", "dusk"] {
        let until = fleet.quotas.all(seconds(&at.to_string())).next().unwrap().until;
        waits.push((until.0 / 1000 - at) / 60);
        play(&mut fleet, "5 amber stop");
        at = until.0 / 1000;
        for line in [
            "create NAME",
            "NAME prepared",
            "NAME started",
            "NAME limit unknown",
            "NAME exit 1",
            "NAME stop",
        ] {
            play(&mut fleet, &format!("{at} {}", line.replace("NAME", name)));
        }
    }
    assert_eq!(waits, [15, 30, 60], "minutes");
}

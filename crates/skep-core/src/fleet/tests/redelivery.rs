//! A provider that stays closed, for days, whatever else happens: how often its model is asked.

use super::*;

/// What the agent says each time that it is asked.
#[derive(Clone, Copy)]
enum Tells {
    /// The true moment.
    Reset,
    /// Nothing.
    Nothing,
    /// A moment that is near and never true.
    Near,
    /// One that is past.
    Past,
}

/// A run whose agent is at its limit until `open`, in seconds; every second something asks the fleet again.
struct Closed {
    fleet: Fleet,
    log: Vec<(String, Event, Timestamp)>,
    tells: Tells,
    open: u64,
    /// How often the model got the turn.
    turns: u32,
}

impl Closed {
    fn new(tells: Tells, open: u64) -> Closed {
        let fleet = after(ONE, "0 create amber");
        Closed { fleet, log: Vec::new(), tells, open, turns: 0 }
    }

    fn play(&mut self, at: u64, text: &str) {
        let now = Timestamp(at * 1000);
        let input = input_of(&self.fleet, text, now);
        if let Ok(decided) = self.fleet.decide(input, now) {
            self.log
                .extend(decided.events.into_iter().map(|about| (about.subject, about.event, now)));
        }
    }

    /// What the outside does at that moment, as far as the run lets it.
    fn goes(&mut self, at: u64) {
        self.play(at, "tick");
        let state = run(&self.fleet, "amber").state_name();
        if state == "preparing" {
            self.play(at, "amber prepared");
        }
        if run(&self.fleet, "amber").state_name() != "starting" {
            return;
        }
        self.play(at, "amber began");
        self.play(at, "amber started");
        self.turns += 1;
        if at >= self.open {
            self.play(at, "amber turn success");
            self.play(at, "amber exit 0");
            return;
        }
        // It tries by itself, tells of the limit again and again, and each of that comes twice.
        let limit = match self.tells {
            Tells::Reset => format!("amber limit until {}", self.open),
            Tells::Nothing => "amber limit unknown".to_owned(),
            Tells::Near => format!("amber limit until {}", at + 5),
            Tells::Past => format!("amber limit until {}", at.saturating_sub(100)),
        };
        for text in ["amber retry", "amber error limit", "amber turn failed"] {
            self.play(at, text);
            self.play(at, &limit);
            self.play(at, &limit);
        }
        let attempt = run(&self.fleet, "amber").attempt;
        for text in ["amber exit 1", "amber exit 1", "amber exit 137 forced", "amber gone"] {
            self.play(at, &format!("{text} of {attempt}"));
        }
        self.play(at, &format!("amber limit of {attempt}"));
    }

    /// A daemon that was killed knows what its ledger holds.
    fn restart(&mut self) {
        let mut again = after(ONE, "0 create amber");
        for (subject, event, at) in &self.log {
            again.apply(subject, event, *at).unwrap();
        }
        assert_eq!(again, self.fleet, "replay equals live");
        self.fleet = again;
    }
}

const DAY: u64 = 86_400;

#[test]
fn a_run_that_met_its_limit_is_redelivered_once_for_its_reset_whatever_happens_meanwhile() {
    let mut closed = Closed::new(Tells::Reset, 3 * DAY);
    let mut at = 0;
    while at < 4 * DAY {
        closed.goes(at);
        if at % 977 == 0 {
            closed.restart();
        }
        at += 1;
        // A machine that slept, and a clock that was set back for a while.
        if at == DAY {
            at += 7 * 3600;
        }
        if at == 2 * DAY {
            for back in [at - 3600, at - 60, 5] {
                closed.goes(back);
            }
        }
    }
    assert_eq!(closed.turns, 2, "the one that met it, and one at the reset");
    assert_eq!(run(&closed.fleet, "amber").state_name(), "ended");
}

#[test]
fn a_reset_that_nobody_tells_or_that_is_never_true_costs_a_few_turns_a_day() {
    for (tells, most) in [(Tells::Nothing, 9), (Tells::Past, 9), (Tells::Near, 30)] {
        let mut closed = Closed::new(tells, u64::MAX);
        for at in 0..DAY {
            closed.goes(at);
            if at % 4999 == 0 {
                closed.restart();
            }
        }
        assert!((3..=most).contains(&closed.turns), "{} turns", closed.turns);
    }
}

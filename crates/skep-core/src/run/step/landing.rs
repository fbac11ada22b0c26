//! What becomes of a landing at each word about it.
//!
//! Owns: that only the tree which every gate has passed is brought, and only to where the target stood then. Never: says whose
//! turn it is; the fleet does.

use super::super::{
    Effect, EnvState, Event, OpResult, Outcome, Proposing, Rejected, Run, Step, WORDS,
    landing::{Ahead, Brought, Combined, Gate, Landing, MOVES, Stage, Trial, Wish, Word},
};
use crate::{
    id::{OpId, RunId},
    text,
};

impl Run {
    pub(super) fn land(&self, op: OpId, wish: Wish) -> Result<Step, Rejected> {
        let run = self.id().clone();
        let verb = if wish.gates_only { "gate" } else { "land" };
        self.require_own_env(verb)?;
        if !self.is_ended() {
            return Err(self.still_living(&format!("{verb} it")));
        }
        if let (Some((target, _)), EnvState::Closed(_)) = (&self.landed, &self.env) {
            return Err(Rejected {
                slug: "already-landed",
                text: format!("{run} landed on {target} already"),
                hints: vec![format!("skep show {run}")],
            });
        }
        self.require_rest()?;
        self.require_no_landing()?;
        match &self.env {
            EnvState::Held(env) | EnvState::Closed(env)
                if env.branch.is_some() && !self.undoing =>
            {
                Ok(Step::of([Event::Landing { op, wish }], []))
            }
            EnvState::None
            | EnvState::Preparing
            | EnvState::Held(_)
            | EnvState::Within(_)
            | EnvState::Closed(_)
            | EnvState::Closing { .. }
            | EnvState::Restoring { .. } => Err(Rejected {
                slug: "nothing-to-land",
                text: format!("{run} has no branch of its own"),
                hints: vec![format!("skep show {run}")],
            }),
        }
    }

    /// Refuses while its work is being brought in, or is in line for that.
    pub(super) fn require_no_landing(&self) -> Result<(), Rejected> {
        let Some(landing) = &self.landing else { return Ok(()) };
        let id = self.id();
        let at = landing.stage.as_str().replace('_', " ");
        Err(Rejected {
            slug: "landing-under-way",
            text: format!("{id} is landing ({at})"),
            hints: vec![
                format!("skep show {id}   how far it is"),
                format!("skep stop {id}   takes it out of the line"),
            ],
        })
    }

    /// Takes a landing back that has moved nothing yet; none where there is none, or it is too late.
    pub(super) fn cancel_landing(&self) -> Option<Step> {
        let landing = self.landing.as_ref()?;
        let late = matches!(landing.stage, Stage::Bringing { .. });
        let id = self.id();
        let result = refused(
            "landing-cancelled",
            "the landing was taken out of the line; nothing moved".to_owned(),
            vec![format!("skep land {id}")],
        );
        (!late).then(|| over(landing, result))
    }

    pub(super) fn landing(&self, word: Word) -> Result<Step, Rejected> {
        let Some(landing) = &self.landing else {
            return if is_report(&word) {
                Ok(Step::default())
            } else {
                Err(self.misplaced("a word about a landing"))
            };
        };
        let run = self.id().clone();
        let op = landing.op.clone();
        match (&landing.stage, word) {
            (Stage::InLine {}, Word::Try { riders, ahead }) if self.is_ended() => Ok(Step::of(
                [moved(Stage::Combining { riders, ahead }, "")],
                [Effect::Combine { run, op }],
            )),
            (stage, Word::Cleared { by }) if is_behind(stage, &by) => Ok(self.cleared(landing)),
            (stage, Word::Dropped { by }) if is_behind(stage, &by) => {
                Ok(put_back(&format!("{by} did not land as it was")))
            }
            (Stage::InLine {}, Word::Ride { with }) if self.is_ended() => {
                Ok(Step::of([moved(Stage::Riding { with }, "")], []))
            }
            (Stage::Riding { with }, Word::Freed { with: by, alone }) if *with == by => {
                let batch = if alone { 1 } else { landing.batch };
                let to = Stage::InLine {};
                let text = format!("the landing of {with} went without it");
                Ok(Step::of([Event::LandingMoved { to, text, batch: Some(batch) }], []))
            }
            (Stage::Riding { with }, Word::Carried { with: by, result }) if *with == by => {
                Ok(over(landing, result))
            }
            // What was tried on another's tree says nothing once that one is dropped.
            (Stage::Combining { ahead, .. }, Word::Combined { op: of, tries, made })
                if op == of && tries == landing.tries =>
            {
                Ok(self.combined(landing, ahead.as_ref(), made))
            }
            (Stage::Checking { trial, gates: None, ahead }, Word::Gates { op: of, begun })
                if op == of =>
            {
                Ok(match (begun, ahead) {
                    (Ok(gates), _) => self.checked(landing, trial, (gates, false), ahead.as_ref()),
                    (Err(_), Some(ahead)) => unknown_yet(ahead),
                    (Err(result), None) => over(landing, result),
                })
            }
            (
                Stage::Checking { gates: Some(gates), .. },
                Word::GateEnded { gate, passed, text },
            ) => Ok(self.gate_ended(landing, gates, &gate, passed, &text)),
            (Stage::Bringing { .. }, Word::Brought { op: of, made }) if op == of => {
                Ok(self.brought(landing, made))
            }
            (Stage::Resolving {}, Word::Unsettled { text }) => {
                Ok(over(landing, self.conflict(&landing.why, &text)))
            }
            (Stage::Checking { .. }, Word::Left { rider }) => {
                let (to, batch) = (Stage::InLine {}, Some(landing.batch));
                let text = format!("{rider} was taken out of the line");
                Ok(Step::of([Event::LandingMoved { to, text, batch }], []))
            }
            // An effect that was done twice, or for a landing that was taken back.
            (_, word) if is_report(&word) => Ok(Step::default()),
            (_, _) => Err(self.misplaced("a word about a landing")),
        }
    }

    fn combined(&self, landing: &Landing, ahead: Option<&Ahead>, made: Combined) -> Step {
        let (run, op) = (self.id().clone(), landing.op.clone());
        if let (Some(ahead), Combined::Conflict { .. } | Combined::Over { .. }) = (ahead, &made) {
            return unknown_yet(ahead);
        }
        match made {
            Combined::Made { trial } => Step::of(
                [moved(Stage::Checking { trial, gates: None, ahead: ahead.cloned() }, "")],
                [Effect::Check { run, op }],
            ),
            Combined::Over { result } => over(landing, result),
            Combined::Conflict { target, files, words } => {
                let what = format!("conflicts with {target} in {}", files.join(", "));
                let what = text::words(&what, WORDS);
                let again = landing.conflicts < landing.wish.conflicts
                    && matches!(self.env, EnvState::Held(_));
                if !again {
                    let why = if landing.conflicts == 0 {
                        String::new()
                    } else {
                        format!("its agent was asked {} times", landing.conflicts)
                    };
                    return over(landing, self.conflict(&what, &why));
                }
                let settle = Event::ConflictGiven { words };
                Step::of([moved(Stage::Resolving {}, &what), settle], [])
            }
        }
    }

    fn conflict(&self, what: &str, why: &str) -> OpResult {
        let id = self.id();
        let text = if why.is_empty() { what.to_owned() } else { format!("{what}; {why}") };
        refused(
            "merge-conflict",
            text,
            vec![
                format!("skep resume {id} TEXT   asks its agent to settle it"),
                format!("skep sh {id}   to settle it yourself"),
                format!("skep land {id}   again then"),
            ],
        )
    }

    /// The gates of a trial as they stand now; `known` where the landing holds them already.
    fn checked(
        &self,
        landing: &Landing,
        trial: &Trial,
        (gates, known): (Vec<Gate>, bool),
        ahead: Option<&Ahead>,
    ) -> Step {
        let (run, op) = (self.id().clone(), landing.op.clone());
        let trial = Box::new(trial.clone());
        if ahead.is_none() && gates.iter().all(|gate| gate.passed == Some(true)) {
            let to = Stage::Bringing { trial, gates };
            return Step::of([moved(to, "")], [Effect::Bring { run, op }]);
        }
        if known {
            return Step::default();
        }
        let to = Stage::Checking { trial, gates: Some(gates), ahead: ahead.cloned() };
        Step::of([moved(to, "")], [])
    }

    /// What it was tried on has landed: its tree stands on the target as it is, and its gates count.
    fn cleared(&self, landing: &Landing) -> Step {
        match &landing.stage {
            Stage::Combining { riders, .. } => {
                let riders = riders.clone();
                Step::of([moved(Stage::Combining { riders, ahead: None }, "")], [])
            }
            Stage::Checking { trial, gates: Some(gates), .. } => {
                self.checked(landing, trial, (gates.clone(), false), None)
            }
            Stage::Checking { trial, gates: None, .. } => {
                let to = Stage::Checking { trial: trial.clone(), gates: None, ahead: None };
                Step::of([moved(to, "")], [])
            }
            Stage::InLine {}
            | Stage::Bringing { .. }
            | Stage::Riding { .. }
            | Stage::Resolving {} => Step::default(),
        }
    }

    fn gate_ended(
        &self,
        landing: &Landing,
        gates: &[Gate],
        gate: &RunId,
        passed: bool,
        words: &str,
    ) -> Step {
        let Stage::Checking { trial, ahead, .. } = &landing.stage else { return Step::default() };
        let Some(known) = gates.iter().find(|known| known.run == *gate) else {
            // One of an earlier tree, which nobody waits for any more.
            return Step::default();
        };
        if known.passed.is_some() {
            return Step::default();
        }
        let words = text::words(words, WORDS);
        let ended = Event::GateEnded { gate: gate.clone(), passed, text: words.clone() };
        let mut step = Step::of([ended], []);
        let next = if passed {
            let mut gates = gates.to_vec();
            for known in gates.iter_mut().filter(|known| known.run == *gate) {
                known.passed = Some(true);
            }
            self.checked(landing, trial, (gates, true), ahead.as_ref())
        } else if let Some(ahead) = ahead {
            unknown_yet(ahead)
        } else if trial.works.len() > 1 {
            // Whose work it was is not known: half as many go the next time.
            let half = u32::try_from(trial.works.len() / 2).unwrap_or(1);
            let text =
                format!("gate {} did not pass for {} together", known.name, trial.works.len());
            let to = Stage::InLine {};
            Step::of([Event::LandingMoved { to, text, batch: Some(half) }], [])
        } else {
            let said = if words.is_empty() { String::new() } else { format!(": {words}") };
            let id = self.id();
            let result = refused(
                "gate-failed",
                format!("gate `{}` did not pass{said}", known.name),
                vec![
                    format!("skep logs {gate}"),
                    format!("skep resume {id} TEXT"),
                    format!("skep land {id}   again then"),
                ],
            );
            over(landing, result)
        };
        step.events.extend(next.events);
        step.effects.extend(next.effects);
        step
    }

    fn brought(&self, landing: &Landing, made: Brought) -> Step {
        match made {
            Brought::Done { attestation, beside } => {
                let mine = attestation.works.first();
                let result = if landing.wish.gates_only {
                    OpResult::Attested {
                        target: attestation.target.clone(),
                        tree: attestation.tree.clone(),
                        gates: u32::try_from(attestation.gates.len()).unwrap_or(u32::MAX),
                    }
                } else {
                    OpResult::Landed {
                        target: attestation.target.clone(),
                        old: attestation.onto.clone(),
                        new: mine
                            .map_or_else(|| attestation.commit.clone(), |it| it.commit.clone()),
                        commits: mine.map_or(0, |it| it.commits),
                        beside,
                    }
                };
                let mut step = Step::of([Event::Attested { attestation }], []);
                step.events.extend(over(landing, result).events);
                step
            }
            Brought::Moved { text } if landing.moves < MOVES => {
                Step::of([moved(Stage::InLine {}, &text::words(&text, WORDS))], [])
            }
            Brought::Moved { text } => {
                let again = vec![format!("skep land {}", self.id())];
                let text = format!("{text}, {MOVES} times in a row");
                over(landing, refused("target-moved", text, again))
            }
            Brought::Protected { text, asked, attestation } => {
                let mut step = self.protected(landing, &text, asked);
                step.events.insert(0, Event::Attested { attestation });
                step
            }
            Brought::Over { result } => over(landing, result),
        }
    }

    /// A target that takes changes only: where it may be, the wish to land becomes one for a change, and is answered as that.
    fn protected(&self, landing: &Landing, text: &str, asked: Option<Box<Proposing>>) -> Step {
        let (run, op) = (self.id().clone(), landing.op.clone());
        match (asked, &self.env) {
            (Some(asked), EnvState::Held(_)) => {
                let effect = Effect::Propose { run, op: op.clone() };
                Step::of([Event::Proposing { op, asked }], [effect])
            }
            (_, _) => {
                let text = format!("the target takes changes only: {}", text::words(text, WORDS));
                over(landing, refused("target-protected", text, vec![format!("skep pr {run}")]))
            }
        }
    }

    /// What the end of an attempt means to a landing whose author settles a conflict.
    pub(super) fn settled_conflict(&self, step: &mut Step) {
        let Some(landing) = self.landing.as_ref().filter(|it| it.stage == Stage::Resolving {})
        else {
            return;
        };
        let end = step.events.iter().rev().find_map(|event| {
            if let Event::Ended { outcome, .. } = event {
                return Some(*outcome);
            }
            matches!(event, Event::AsBefore { .. }).then_some(Outcome::Failed)
        });
        let goes_on = step.events.iter().any(|event| matches!(event, Event::Requeued { .. }));
        let Some(outcome) = end.filter(|_| !goes_on) else { return };
        if outcome == Outcome::Completed {
            step.events.push(moved(Stage::InLine {}, "its agent has settled the conflict"));
        } else {
            let why = "its agent did not settle it";
            step.events.extend(over(landing, self.conflict(&landing.why, why)).events);
        }
    }
}

fn over(landing: &Landing, result: OpResult) -> Step {
    Step::of([Event::OpDone { op: landing.op.clone(), result }], [])
}

/// Whether it comes from an effect, or from a run that has ended, so that it may come late or twice.
fn is_report(word: &Word) -> bool {
    match word {
        Word::Combined { .. }
        | Word::Gates { .. }
        | Word::GateEnded { .. }
        | Word::Brought { .. } => true,
        Word::Try { .. }
        | Word::Ride { .. }
        | Word::Freed { .. }
        | Word::Carried { .. }
        | Word::Cleared { .. }
        | Word::Dropped { .. }
        | Word::Left { .. }
        | Word::Unsettled { .. } => false,
    }
}

fn is_behind(stage: &Stage, other: &RunId) -> bool {
    stage.ahead().is_some_and(|ahead| ahead.run == *other)
}

/// What did not go on another's tree may go once that has landed, or has not: it is settled then.
fn unknown_yet(ahead: &Ahead) -> Step {
    put_back(&format!("it did not go on top of {}; settled when that is over", ahead.run))
}

fn put_back(text: &str) -> Step {
    Step::of([moved(Stage::InLine {}, text)], [])
}

fn moved(to: Stage, text: &str) -> Event {
    Event::LandingMoved { to, text: text.to_owned(), batch: None }
}

fn refused(slug: &str, text: String, hints: Vec<String>) -> OpResult {
    OpResult::Refused { slug: slug.to_owned(), text, hints, merged: None }
}

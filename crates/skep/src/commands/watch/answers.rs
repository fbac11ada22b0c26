//! What the daemon's answers mean to the person who wished something.
//!
//! Owns: the words of each, and what a person may choose next where a wish is not done just so. Never: asks.

use serde_json::Value;
use skep_api::{
    request::{Ask, LandAsk},
    view::{CloseView, QuestionView, RunView, SendView, UndoView},
    wire::Refusal,
};
use skep_core::{run::How, text};

use super::model::{Asked, Choice, Mode, State, Then, Way, What, close};
use crate::output::{Tone, age};

impl State {
    /// Takes in an answer.
    ///
    /// Errors: it has another form than it should.
    pub(super) fn answered(&mut self, asked: &Asked, answer: Value) -> Result<(), Refusal> {
        let name = &asked.name;
        match asked.what {
            What::Send if matches!(asked.ask, Ask::Answer { .. }) => {
                let question: QuestionView = read(answer)?;
                let told = question.answer.as_deref().unwrap_or_default();
                self.say(Tone::Good, format!("{name} is told: {}", text::one_line(told)));
            }
            What::Send => {
                let sent: SendView = read(answer)?;
                let (tone, text) = match sent.receipt.as_str() {
                    "delivered" | "accepted" | "turn-started" => {
                        (Tone::Good, format!("{name} has it"))
                    }
                    "queued" => {
                        (Tone::Good, format!("kept for {name}; it goes when {name} listens"))
                    }
                    other => (Tone::Wants, format!("{other}: whether {name} got it is not known")),
                };
                self.say(tone, text);
            }
            What::Rule => {
                let Ask::Rule { allow, .. } = asked.ask else { return Ok(()) };
                self.ruled(&read(answer)?, allow);
            }
            What::Stop => {
                let stopped: Vec<RunView> = read(answer)?;
                let had_ended = stopped.iter().all(|run| run.state == "ended");
                let text = if had_ended {
                    format!("{name} has ended")
                } else {
                    format!("{name} is told to stop; its work stays")
                };
                self.say(Tone::Good, text);
            }
            What::Close => {
                let views: Vec<CloseView> = read(answer)?;
                for view in views {
                    self.closed(name, view);
                }
            }
            What::LandLook => {
                let text = answer.get("text").and_then(Value::as_str).unwrap_or_default();
                let Ask::Land(LandAsk { run, .. }) = &asked.ask else { return Ok(()) };
                let land = Ask::Land(LandAsk { run: run.clone(), ..LandAsk::default() });
                let asked = Asked { what: What::Land, name: name.clone(), ask: land };
                self.note.clear();
                self.mode = Mode::Choose(Choice {
                    title: format!("Land {name}?"),
                    lines: lines(Tone::Plain, text),
                    ways: vec![Way::ask('y', "land it", asked)],
                });
            }
            What::Land => {
                let run: RunView = read(answer)?;
                if let (None, Some(change)) = (&run.landed, &run.change) {
                    let text = format!("{name} is proposed as change #{}", change.number);
                    self.say(Tone::Good, text);
                    return Ok(());
                }
                let (target, head) =
                    run.landed.as_ref().map_or(("its target", String::new()), |landed| {
                        (&landed.target, format!(" ({})", text::words(&landed.oid, 12)))
                    });
                self.say(
                    Tone::Good,
                    format!("{name} has landed on {target}{head}; c gives its env back"),
                );
            }
            What::UndoLook => self.undoable(&read::<Vec<UndoView>>(answer)?),
            What::Undo => {
                let views: Vec<UndoView> = read(answer)?;
                self.note = views
                    .iter()
                    .map(|view| {
                        (if view.undone { Tone::Good } else { Tone::Wants }, took_back(view))
                    })
                    .collect();
            }
            What::Pause => {
                let run: RunView = read(answer)?;
                let rests = run.waiting_for.as_deref() == Some("paused");
                let when = if rests { "rests" } else { "rests when its turn ends" };
                self.say(Tone::Good, format!("{name} {when}; r goes on"));
            }
            What::Resume => {
                let run: RunView = read(answer)?;
                self.say(Tone::Good, format!("{name} goes on ({})", run.state));
            }
        }
        Ok(())
    }

    fn closed(&mut self, name: &str, view: CloseView) {
        if view.cleaned {
            self.say(Tone::Good, format!("{name} is closed: {}; u takes it back", view.status));
            return;
        }
        let mut lines = vec![(Tone::Wants, view.status)];
        lines.extend(view.reasons.into_iter().map(|way| (Tone::Faint, format!("→ {way}"))));
        let keep = close(&view.id, name, How::KeepBranch);
        let keep = Way::ask('k', "keep the branch, remove the env", keep);
        self.decide(&view.id, name, lines, Some(keep));
    }

    /// Offers the ways to close a run that is not closed just so.
    fn decide(&mut self, run: &str, name: &str, lines: Vec<(Tone, String)>, keep: Option<Way>) {
        let sure =
            "Its agent ends and its env goes. A snapshot keeps all of it first; u takes it back.";
        let sure = Choice {
            title: format!("Close {name} by force?"),
            lines: vec![(Tone::Plain, sure.to_owned())],
            ways: vec![Way::ask('y', "close it", close(run, name, How::Force))],
        };
        let force = Then::Choose(Box::new(sure));
        let force = Way { key: 'f', label: "close by force …".to_owned(), then: force };
        self.note.clear();
        self.mode = Mode::Choose(Choice {
            title: format!("{name} is not closed, and nothing was destroyed"),
            lines,
            ways: keep.into_iter().chain([force]).collect(),
        });
    }

    /// What can be taken back: the last wish, or the landing of the run that is selected, by its name.
    fn undoable(&mut self, views: &[UndoView]) {
        self.note.clear();
        let ask = |op: Option<String>, name: &str| Asked {
            what: What::Undo,
            name: name.to_owned(),
            ask: Ask::Undo { op, dry_run: false },
        };
        let mut lines: Vec<(Tone, String)> = views
            .iter()
            .map(|view| {
                (
                    Tone::Plain,
                    format!(
                        "{} of {}, {} ago: {}",
                        view.verb,
                        view.name,
                        age(view.at, self.now),
                        view.status
                    ),
                )
            })
            .collect();
        let mut ways = Vec::new();
        if let [first, ..] = views {
            ways.push(Way::ask('y', "take it back", ask(Some(first.op.clone()), &first.name)));
        }
        let landing = self
            .run()
            .filter(|run| run.landed.is_some())
            .and_then(|run| Some((run.op.as_ref()?, run.name.clone())));
        if let Some((op, name)) =
            landing.filter(|(op, _)| views.iter().all(|view| view.op != op.id))
        {
            lines.push((Tone::Plain, format!("the landing of {name}, by a commit of its own")));
            ways.push(Way::ask(
                'l',
                &format!("take back the landing of {name}"),
                ask(Some(op.id.clone()), &name),
            ));
        }
        if ways.is_empty() {
            self.say(Tone::Faint, "there is nothing to take back");
            return;
        }
        self.mode = Mode::Choose(Choice { title: "Take it back?".to_owned(), lines, ways });
    }

    /// A wish that somebody has to decide on: where a way on is a key away, it is offered.
    pub(super) fn undecided(&mut self, asked: &Asked, refusal: Refusal) {
        let Ask::Close { runs, how: How::Smart, .. } = &asked.ask else {
            return self.refused(&refusal);
        };
        let Some(run) = runs.first() else { return };
        let mut lines = vec![(Tone::Wants, refusal.message)];
        lines.extend(refusal.hints.into_iter().map(|hint| (Tone::Faint, format!("→ {hint}"))));
        self.decide(run, &asked.name, lines, None);
    }
}

fn took_back(view: &UndoView) -> String {
    format!("{} of {}: {}", view.verb, view.name, view.status)
}

fn lines(tone: Tone, text: &str) -> Vec<(Tone, String)> {
    text.lines().map(|line| (tone, line.to_owned())).collect()
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    super::super::read(value).map_err(|err| err.refusal)
}

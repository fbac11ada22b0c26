//! Which events people are told of, and what settles it.
//!
//! Owns: the words of each notice; whether it is still worth telling; what an answer on a channel means.
//! Never: says who gets it or when; the rules do.

use std::sync::Arc;

use super::{About as Of, Decided, Effect, Event, Fleet, Rejected, reject};
use crate::{
    id::RunId,
    notice::{self, About, Fate, Kept, Notice, Said, Telling},
    run::{self, Ruling, State},
    task::{PartState, TaskState},
    time::Timestamp,
};

mod telling;

impl Fleet {
    /// Takes what happened to notices.
    pub(super) fn notify(
        &mut self,
        input: notice::Input,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), Rejected> {
        match input {
            notice::Input::Rules(rules) => {
                if rules != self.notices.rules {
                    let event = notice::Event::NotifySet { rules: Box::new(rules) };
                    self.note_notice(event, now, decided);
                }
            }
            notice::Input::Tell(telling) => self.tell(*telling, now, decided),
            notice::Input::Came { channel, nth, came } => {
                for event in self.notices.came(&channel, nth, came, now).events {
                    self.note_notice(event, now, decided);
                }
            }
            notice::Input::Heard { channel, update, by, to, said } => {
                let notice = self.notices.of_receipt(&channel, &to).cloned();
                let Some(notice) = notice else {
                    let said = format!("`{channel}` was sent nothing as {to}");
                    return Err(reject("notice-unknown", said, &["skep notify ls"]));
                };
                let why = self.heard(&notice, said, &by, now, decided).err();
                let notice = notice.id;
                let event = notice::Event::NoticeHeard { notice, channel, update, by, why };
                self.note_notice(event, now, decided);
            }
            notice::Input::Done => {}
        }
        Ok(())
    }

    /// Does what a person said to a notice. Errors: why it does not count.
    fn heard(
        &mut self,
        notice: &Notice,
        said: Said,
        by: &str,
        now: Timestamp,
        decided: &mut Decided,
    ) -> Result<(), String> {
        let (run, input) = match (&notice.about, said) {
            (
                About::Question { run, question },
                said @ (Said::Text(_) | Said::Option(_) | Said::Skip),
            ) => {
                let text = match said {
                    Said::Text(text) if text.trim().is_empty() => {
                        return Err("an answer needs words".to_owned());
                    }
                    Said::Text(text) => Some(text),
                    Said::Option(nth) => {
                        let option = nth.checked_sub(1).and_then(|nth| notice.options.get(nth));
                        Some(option.cloned().ok_or("there is no such option")?)
                    }
                    Said::Skip | Said::Allow | Said::Refuse => None,
                };
                let (question, by) = (question.clone(), by.to_owned());
                (run, run::Input::Answer { question, text, by })
            }
            (About::Request { run, ask }, said @ (Said::Allow | Said::Refuse)) => {
                let ruling = Ruling { allow: said == Said::Allow, text: None };
                (run, run::Input::Rule { ask: Some(ask.clone()), ruling })
            }
            (About::Request { .. }, _) => {
                return Err("leave is given by the buttons: Approve or Reject".to_owned());
            }
            (_, _) => return Err("this needs no answer".to_owned()),
        };
        self.step(run, input, now, decided).map_err(|rejected| rejected.text)
    }

    /// Tells what was just decided, to those who are to hear of it, and sends what is due.
    pub(super) fn tell_people(&mut self, now: Timestamp, decided: &mut Decided) {
        if self.notices.rules.channels.is_empty() && self.notices.kept.is_empty() {
            return;
        }
        let tellings: Vec<Telling> =
            decided.events.iter().filter_map(|of| telling::of(self, of, now)).collect();
        for telling in tellings {
            self.tell(telling, now, decided);
        }
        let amended: Vec<notice::Effect> =
            decided.events.iter().flat_map(|of| self.amended(of, decided)).collect();
        decided.effects.extend(amended.into_iter().map(Effect::Notice));
        let step = self.notices.dispatch(now, |kept| self.is_open(kept));
        for event in step.events {
            self.note_notice(event, now, decided);
        }
        decided.effects.extend(step.effects.into_iter().map(Effect::Notice));
    }

    fn tell(&mut self, telling: Telling, now: Timestamp, decided: &mut Decided) {
        // One event may be seen twice in its own batch: asked, and passed on to people.
        if telling.about != (About::Fact {}) && self.notices.has(&telling.about) {
            return;
        }
        if let Some(event) = self.notices.tell(telling, now) {
            self.note_notice(event, now, decided);
        }
    }

    fn note_notice(&mut self, event: notice::Event, now: Timestamp, decided: &mut Decided) {
        let subject = match &event {
            notice::Event::NotifySet { .. } => "fleet".to_owned(),
            notice::Event::NoticeMade { notice, .. } => notice.id.to_string(),
            notice::Event::NoticeWithdrawn { notice, .. }
            | notice::Event::NoticeHeard { notice, .. } => notice.to_string(),
            notice::Event::NoticeSending { channel, .. }
            | notice::Event::NoticeSent { channel, .. }
            | notice::Event::NoticeRefused { channel, .. }
            | notice::Event::NoticeUnclear { channel, .. }
            | notice::Event::NoticeFailed { channel, .. } => format!("channel/{channel}"),
        };
        self.record(&subject, Event::Notice(event), now, decided);
    }

    /// Whether a notice is still worth sending.
    pub fn is_open(&self, kept: &Kept) -> bool {
        let run = |id: &RunId| self.runs.get(id);
        match &kept.notice.about {
            About::Fact {} => true,
            About::Question { run: id, question } => {
                run(id).is_some_and(|run| run.questions_to_people().any(|it| it.id == *question))
            }
            About::Request { run: id, ask } => run(id).is_some_and(|run| {
                let waits = matches!(run.state, State::Waiting { .. });
                waits && run.open_asks().any(|it| it.id == *ask)
            }),
            About::Waits { run: id, since } => run(id).is_some_and(|run| {
                run.since == *since && matches!(run.state, State::Waiting { .. })
            }),
            About::Ended { run: id, attempt } => {
                run(id).is_some_and(|run| run.attempt == *attempt && run.is_ended() && !run.closed)
            }
            About::Limited { run: id, until } => run(id).is_some_and(
                |run| matches!(run.state, State::Limited { until: now, .. } if now == *until),
            ),
            About::Plan { task, plan } => self.tasks.get(task).is_some_and(|task| {
                task.state == TaskState::PlanReview && task.plan().is_some_and(|it| it.id == *plan)
            }),
            About::Part { task, project } => self.tasks.get(task).is_some_and(|task| {
                let parts = task.plan().map(|version| &version.parts);
                let part = parts.and_then(|parts| parts.get(project));
                part.is_some_and(|part| part.state == PartState::Escalated)
            }),
            About::Failed { task } => self.tasks.get(task).is_some_and(|task| {
                // Whoever takes it up again has heard of it.
                task.course.planning.is_none()
                    && (task.state == TaskState::Failed || task.course.failed.is_some())
            }),
        }
    }

    /// What is to stand under a message that was sent, where what it asks is settled.
    fn amended(&self, of: &Of, decided: &Decided) -> Vec<notice::Effect> {
        let run = || of.subject.parse::<RunId>().ok();
        let settled = |about: &About| match (&of.event, about) {
            (
                Event::Run(
                    run::Event::QuestionAnswered { id, .. } | run::Event::QuestionWithdrawn { id },
                ),
                About::Question { run: whose, question },
            ) => id == question && run().as_ref() == Some(whose),
            (
                Event::Run(run::Event::LeaveRuled { id, .. } | run::Event::LeaveWithdrawn { id }),
                About::Request { run: whose, ask },
            ) => id == ask && run().as_ref() == Some(whose),
            (_, _) => false,
        };
        // What was settled while it was being sent.
        let sent_late = |kept: &Kept| {
            let Event::Notice(notice::Event::NoticeSent { receipts, .. }) = &of.event else {
                return false;
            };
            let answerable =
                matches!(kept.notice.about, About::Question { .. } | About::Request { .. });
            let sent = |fate: &Fate| !receipts.is_empty() && fate.receipts() == receipts;
            answerable && kept.fates.values().any(sent) && !self.is_open(kept)
        };
        let kept = self.notices.kept.values();
        let kept = kept.filter(|kept| settled(&kept.notice.about) || sent_late(kept));
        kept.flat_map(|kept| self.amend(kept, decided)).collect()
    }

    fn amend(&self, kept: &Kept, decided: &Decided) -> Vec<notice::Effect> {
        let text = telling::settled(self, &kept.notice, decided);
        let on = |name: &String| self.notices.rules.channels.get(name).is_some_and(|it| it.answers);
        let sent = kept.fates.iter().filter_map(|(name, fate)| {
            let receipts = fate.receipts();
            (on(name) && !receipts.is_empty()).then(|| (name.clone(), receipts.to_vec()))
        });
        let notice = &kept.notice.id;
        sent.map(|(channel, receipts)| notice::Effect::Amend {
            channel,
            notice: notice.clone(),
            receipts,
            text: text.clone(),
        })
        .collect()
    }

    pub(super) fn apply_notice(
        &mut self,
        event: &notice::Event,
        at: Timestamp,
    ) -> Result<(), notice::Misfit> {
        Arc::make_mut(&mut self.notices).apply(event, at)
    }
}

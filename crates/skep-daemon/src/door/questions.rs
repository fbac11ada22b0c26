//! Questions of agents, their answers, and all that needs a person.

use serde_json::Value;
use skep_api::{
    request::Ask,
    view::{InboxView, QuestionView},
    wire::Refusal,
};
use skep_core::{
    fleet::Input,
    run::{self, Run, question::LONGEST},
};

use super::{Door, Trouble, value};

impl Door {
    /// Answers a wish or a look that is about questions.
    pub(super) fn questions(&self, key: &str, ask: &Ask) -> Result<Option<Value>, Trouble> {
        if let Ask::Questions { of, all } = ask {
            self.list_questions(of.as_deref(), *all)
        } else if let Ask::Answer { question, text } = ask {
            self.answer_question(key, question, text.as_deref())
        } else {
            value(&InboxView::of(&self.wishes.board.read().fleet))
        }
    }

    fn list_questions(&self, of: Option<&str>, all: bool) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let views = |run: &Run, all: bool| -> Vec<QuestionView> {
            let shown = run.questions.iter().filter(|it| all || it.standing.is_open());
            shown.map(|question| QuestionView::of(run, question)).collect()
        };
        let mut list: Vec<QuestionView> = match of {
            Some(of) if of.starts_with("q_") => {
                let (run, id) = fleet.find_question(of)?;
                let one = run.questions.iter().filter(|it| it.id == id);
                one.map(|question| QuestionView::of(run, question)).collect()
            }
            Some(of) => views(fleet.find_run(of)?, all),
            None => fleet.runs.values().flat_map(|run| views(run, all)).collect(),
        };
        list.sort_by(|a, b| (a.asked, &a.id).cmp(&(b.asked, &b.id)));
        value(&list)
    }

    pub(super) fn answer_question(
        &self,
        key: &str,
        question: &str,
        text: Option<&str>,
    ) -> Result<Option<Value>, Trouble> {
        let unfit = match text {
            Some(text) if text.trim().is_empty() => Some("an answer needs words".to_owned()),
            Some(text) if text.chars().count() > LONGEST => {
                Some(format!("an answer has at most {LONGEST} characters"))
            }
            Some(_) | None => None,
        };
        if let Some(why) = unfit {
            let way = format!("skep answer {question} --skip   leaves it to the agent");
            return Err(Refusal::error("answer-unfit", why).hint(way).into());
        }
        let fleet = self.wishes.board.read().fleet;
        let (run, id) = fleet.find_question(question)?;
        let run = run.id().clone();
        let (text, by) = (text.map(str::to_owned), "person".to_owned());
        let input = run::Input::Answer { question: id.clone(), text, by };
        self.wishes.wish(key, Input::Run { run: run.clone(), input }).map_err(decided)?;
        let fleet = self.wishes.board.read().fleet;
        let answered = fleet.runs.get(&run).and_then(|run| {
            let question = run.questions.iter().find(|question| question.id == id)?;
            Some(QuestionView::of(run, question))
        });
        value(&answered)
    }
}

/// Somebody else decided already: that is no error of whoever asks.
fn decided(mut trouble: Trouble) -> Trouble {
    if let Trouble::Refused(refusal) = &mut trouble
        && ["question-answered", "question-closed"].contains(&refusal.slug.as_str())
    {
        refusal.exit = 1;
    }
    trouble
}

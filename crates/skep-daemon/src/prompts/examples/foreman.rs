//! A foreman, and what it hears.

use skep_core::run::Trust;

use super::{
    super::{Answered, Decision, Foreman, Question, Refine},
    Words, plan, project, review, secret,
};

const ASKED: &str = "May a page be empty, or is it refused?";

pub(super) fn foreman() -> Foreman {
    let secret = secret();
    let decision =
        |what: &str, text: &str| Decision { what: what.to_owned(), text: text.to_owned() };
    let decisions = [
        decision("Version 1 of the plan was sent back by a person:", "The API first."),
        decision("Version 2 of the plan was approved by a person.", ""),
    ];
    let kept = Answered {
        id: "q_3n8v5t2wyz".to_owned(),
        project: "web".to_owned(),
        by: "foreman".to_owned(),
        question: "Which browsers count?".to_owned(),
        answer: "Those of the last two years.".to_owned(),
    };
    Foreman {
        task: Words::about("Search results in pages", "", Trust::Person, &secret),
        reference: Some("acme/web#42".to_owned()),
        plan: Words::plan(&plan(), &secret),
        projects: vec![project("api", Some(("rust", "axum")), true), project("web", None, false)],
        answers: Words::answers(&[review::answered()], &secret),
        kept: Words::answers(&[kept], &secret),
        decisions: Words::decisions(&decisions, &secret),
        question: Question { news: Words::default(), ..question() },
        refine: None,
    }
}

pub(super) fn without(given: &mut Foreman) {
    given.reference = None;
    given.projects.truncate(1);
    (given.answers, given.kept, given.decisions) =
        (Words::default(), Words::default(), Words::default());
    given.question.context = Words::default();
}

pub(super) fn question() -> Question {
    Question {
        id: "q_9w4c1d6rst".to_owned(),
        project: "web".to_owned(),
        name: "amber".to_owned(),
        text: Words::recorded(ASKED, &secret()),
        context: Words::recorded("A search can lose hits while somebody turns pages.", &secret()),
        news: Words::answers(&[review::answered()], &secret()),
    }
}

pub(super) fn refine() -> Refine {
    Refine {
        id: "q_9w4c1d6rst".to_owned(),
        project: "web".to_owned(),
        name: "amber".to_owned(),
        text: Words::recorded(ASKED, &secret()),
        proposal: Words::recorded(
            "It is empty: `items` is there, without anything in it.",
            &secret(),
        ),
        words: Words::of_person("Say what `pages` is then, too."),
    }
}

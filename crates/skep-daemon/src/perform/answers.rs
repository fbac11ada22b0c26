//! An answer on its way to the keeper of the agent that asked.

use skep_api::ctl::Control;
use skep_core::run::Run;

/// What a keeper is told of the message `id`, where that is a person's answer to a question; `words` are the message.
pub(super) fn control(run: &Run, epoch: u64, id: &str, words: &str) -> Option<Control> {
    let question = run.question_of(id)?;
    let answer = question.answer.as_ref()?;
    Some(Control::Answer {
        epoch,
        id: id.to_owned(),
        key: question.asking.key.clone(),
        text: answer.text.clone(),
        by: answer.by.clone(),
        words: words.to_owned(),
    })
}

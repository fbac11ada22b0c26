//! What an attempt begins with of the messages for its agent.

use skep_api::spec::{Doubt, Doubts};
use skep_core::run::{Message, Run};

/// What the attempt begins with of the messages, in order: those that wait, and in a conversation that begins afresh, where
/// nobody has heard anything, the answers of which nobody knows whether the one before had them.
pub(super) fn carried(run: &Run, knows: bool) -> Vec<&Message> {
    let is_answer = |it: &&Message| !knows && run.question_of(&it.id).is_some();
    run.doubtful().filter(is_answer).chain(run.carried()).collect()
}

/// What the attempt is told beside its task: the person's words for it, then the messages that wait, in order.
pub(super) fn words(run: &Run, knows: bool) -> Option<String> {
    let carried = carried(run, knows);
    let carried = carried.iter().map(|message| message.text.as_str());
    // A conversation that begins afresh never asked.
    let gone = if run.goes_on { run.withdrawn_words() } else { Vec::new() };
    let gone = gone.iter().map(String::as_str);
    let all: Vec<&str> = run.message.as_deref().into_iter().chain(carried).chain(gone).collect();
    (!all.is_empty()).then(|| all.join("\n\n"))
}

/// The messages of which only the conversation itself can tell whether it has them.
pub(super) fn doubts(run: &Run, session: &str) -> Option<Doubts> {
    let doubt = |message: &Message| Doubt {
        id: message.id.clone(),
        text: message.text.clone(),
        earlier: u32::try_from(run.like(message)).unwrap_or(u32::MAX),
        answer: run.question_of(&message.id).is_some(),
    };
    let messages: Vec<Doubt> = run.doubtful().map(doubt).collect();
    let session = session.to_owned();
    (!messages.is_empty()).then(|| Doubts { session, records: Vec::new(), messages })
}

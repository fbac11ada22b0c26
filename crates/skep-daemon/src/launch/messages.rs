//! What an attempt begins with of the messages for its agent.

use skep_api::spec::{Doubt, Doubts};
use skep_core::run::Run;

/// What the attempt is told beside its task: the person's words for it, then the messages that wait, in order.
pub(super) fn words(run: &Run) -> Option<String> {
    let carried = run.carried().map(|message| message.text.as_str());
    // A conversation that begins afresh never asked.
    let gone = if run.goes_on { run.withdrawn_words() } else { Vec::new() };
    let gone = gone.iter().map(String::as_str);
    let all: Vec<&str> = run.message.as_deref().into_iter().chain(carried).chain(gone).collect();
    (!all.is_empty()).then(|| all.join("\n\n"))
}

/// The messages of which only the conversation itself can tell whether it has them.
pub(super) fn doubts(run: &Run, session: &str) -> Option<Doubts> {
    let doubt = |message: &skep_core::run::Message| Doubt {
        id: message.id.clone(),
        text: message.text.clone(),
        earlier: u32::try_from(run.like(message)).unwrap_or(u32::MAX),
    };
    let messages: Vec<Doubt> = run.doubtful().map(doubt).collect();
    let session = session.to_owned();
    (!messages.is_empty()).then(|| Doubts { session, records: Vec::new(), messages })
}

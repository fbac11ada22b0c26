//! The verdict of a reviewer, as its keeper takes it.
//!
//! Owns: who may give one, its bounds, and what counts of it.
//! Never: weighs it.

use skep_api::tool::{self, Call, Critique, Kind, Reply};
use skep_core::review;

/// Why a verdict is not taken, where it is not.
pub(super) fn unfit(kind: Kind, critiques: &[Critique]) -> Option<String> {
    if kind != Kind::Review {
        return Some("only the agent of a review gives a verdict".to_owned());
    }
    if critiques.len() > review::MOST {
        return Some(format!("at most {} critiques", review::MOST));
    }
    if critiques.iter().any(|critique| critique.text.trim().is_empty()) {
        return Some("a critique needs words".to_owned());
    }
    let bytes = |critique: &Critique| {
        let parts = [&critique.file, &critique.suggestion, &critique.by];
        critique.text.len() + parts.into_iter().flatten().map(String::len).sum::<usize>()
    };
    let all: usize = critiques.iter().map(bytes).sum();
    (all > tool::VERDICT).then(|| format!("all critiques are longer than {} bytes", tool::VERDICT))
}

/// A call as it is written down, and what is replied to it.
pub(super) fn counted(call: Call) -> (Call, Reply) {
    let Call::Verdict { critiques } = call else { return (call, Reply::Done {}) };
    let critiques = review::given(critiques);
    (Call::Verdict { critiques: critiques.clone() }, Reply::Judged { critiques })
}

//! What a view says of a run's fence.

use skep_core::run::{Brief, Fence};

/// The word for it.
pub(super) fn word(brief: &Brief) -> String {
    let word = match &brief.policy.fence {
        Fence::Off => "off",
        Fence::Absent => "absent",
        Fence::Own if brief.trust.is_person() => "own",
        // Its own sandbox would leave reading open.
        Fence::Own => "on",
        Fence::On { .. } => "on",
    };
    word.to_owned()
}

/// What the settings open besides.
pub(super) fn open(fence: &Fence) -> Vec<String> {
    match fence {
        Fence::On { write } => write.clone(),
        Fence::Off | Fence::Absent | Fence::Own => Vec::new(),
    }
}

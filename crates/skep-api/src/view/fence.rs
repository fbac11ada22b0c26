//! What a view says of a run's fence.

use skep_core::run::Fence;

/// The word for it.
pub(super) fn word(fence: &Fence) -> String {
    let word = match fence {
        Fence::Off => "off",
        Fence::Absent => "absent",
        Fence::Own => "own",
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

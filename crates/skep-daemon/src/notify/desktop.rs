//! The desktop: `notify-send`, by words and no shell, where there is one.

use skep_core::{
    notice::{Came, Notice, Priority},
    text,
};
use skep_host::proc::{ProcError, Program};

use super::{http, words};
use crate::launch;

/// The longest body. Characters.
const LONGEST: usize = 1_000;

pub(super) fn send(notices: &[&Notice]) -> Came {
    let (title, body) = words::message(notices);
    let urgent = notices.iter().map(|it| it.priority).max().unwrap_or(Priority::Normal);
    let urgency = match urgent {
        Priority::Low => "low",
        Priority::Normal | Priority::High => "normal",
        Priority::Urgent => "critical",
    };
    let program = Program::new("notify-send")
        .args(["--app-name=skep", &format!("--urgency={urgency}"), "--"])
        .arg(text::words(&title, 200))
        // Its body may hold marks, and these are words.
        .arg(plain(&text::words(&body, LONGEST)))
        .envs(launch::own_vars())
        .timeout(http::PATIENCE);
    came("notify-send", program)
}

/// What a program that tells a person came to.
pub(super) fn came(name: &str, program: Program) -> Came {
    let receipts = Vec::new();
    let refused =
        |text: String| Came::Refused { text, parts: 0, receipts: Vec::new(), after_ms: None };
    match program.output() {
        Ok(output) if output.code() == 0 => Came::Sent { receipts },
        Ok(output) => {
            let said = text::words(&text::one_line(&output.complaint()), 200);
            refused(format!("`{name}` left with code {}: {said}", output.code()))
        }
        Err(ProcError::Start { source, .. }) => refused(format!("`{name}`: {source}")),
        Err(err @ (ProcError::Timeout { .. } | ProcError::Pipe { .. })) => {
            Came::Unclear { text: err.to_string(), receipts }
        }
    }
}

fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

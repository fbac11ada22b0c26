//! How an agent is put to work, in words: whether somebody is there to be asked, what others may do for it, how it is to end.
//!
//! Owns: the words before a task. Never: a word of the task, or of whoever asked for the run.

use skep_core::{
    run::{Kind, Posture, Run},
    text,
};

const HEADLESS: &str = include_str!("../../prompts/posture-headless.md");
const CONSULT: &str = include_str!("../../prompts/posture-consult.md");
const CASCADE: &str = include_str!("../../prompts/posture-cascade.md");
const ISSUE: &str = include_str!("../../prompts/posture-issue.md");

/// The longest address that is repeated. Bytes.
const ADDRESS: usize = 500;

/// What stands before the task of `run`; none where nothing is to be said.
pub(super) fn words(run: &Run) -> Option<String> {
    let brief = &run.brief;
    let own = brief.kind == Kind::Code && !brief.is_of_plan();
    let told = brief.issue.is_some() || brief.lineage.is_some();
    let asked = matches!(brief.posture, Posture::Consult | Posture::Cascade);
    if !own || !(told || asked) {
        return None;
    }
    let mut words = Vec::new();
    match brief.posture {
        Posture::Headless => words.push(HEADLESS.to_owned()),
        Posture::Consult => words.push(CONSULT.to_owned()),
        Posture::Cascade => words.push(CASCADE.replace("{{ generations }}", &generations(run))),
        // Who may look on says something, if there is something to say.
        Posture::Watch => {}
    }
    if let Some(issue) = &brief.issue {
        let plain = issue.url.len() <= ADDRESS && issue.url.bytes().all(|b| b.is_ascii_graphic());
        let at = if plain && !issue.url.is_empty() {
            format!(" ({})", issue.url)
        } else {
            String::new()
        };
        let reference = text::one_line(&issue.reference);
        words.push(format!("You are put at the issue `{reference}`{at}, which stands below.\n"));
        words.push(ISSUE.to_owned());
    }
    (!words.is_empty()).then(|| words.join("\n"))
}

fn generations(run: &Run) -> String {
    match run.brief.lineage.as_ref().map_or(0, |lineage| lineage.depth) {
        0 | 1 => "those have nobody work for them".to_owned(),
        more => format!("{more} generations may follow you, theirs counted"),
    }
}

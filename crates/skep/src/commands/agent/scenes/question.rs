//! Owns: the scene in which an agent asks a person.

use skep_api::{
    request::Ask,
    view::{QuestionView, RunView},
};

use super::{Judged, NEWS, Stage, fails, stop, words, works};
use crate::{
    commands::{agent::test::Verdict, read},
    exit::CliError,
};

const QUESTION: &str = "You have tools of the MCP server `skep`; one of them is called ask_human, and may have to be searched for. Ask with it, \
    once: Blue or green?\nWhen you have the answer, end your turn with the answer as your last word. If you have no such tool, do nothing else.";

pub(super) fn question(stage: &mut Stage<'_>) -> Judged {
    if !stage.profile.takes_tools() {
        return Ok((Verdict::HasNone, "it takes no tools of skep's".to_owned()));
    }
    let run = stage.begin("question", QUESTION, "", None)?;
    let patience = stage.patience();
    let asks = |stage: &Stage<'_>, run: &RunView| {
        asked(stage, run).is_ok_and(|asked| asked.is_some()) || run.state == "ended"
    };
    let (run, _) = stage.until(&run.id, patience, asks)?;
    let Some(question) = asked(stage, &run)? else {
        let state = words(&run);
        stop(stage, &run)?;
        return fails(format!("it did not ask: {state}"));
    };
    let text = Some("green".to_owned());
    stage.ask(Ask::Answer { question: question.id, text })?;
    let over = |_: &Stage<'_>, run: &RunView| run.state == "ended";
    let (run, over) = stage.until(&run.id, patience.max(NEWS), over)?;
    let state = words(&run);
    stop(stage, &run)?;
    if over {
        works("it asked, had its answer, and went on")
    } else {
        fails(format!("it had its answer, and its turn is not over: {state}"))
    }
}

/// The question of `run` that is open.
fn asked(stage: &Stage<'_>, run: &RunView) -> Result<Option<QuestionView>, CliError> {
    let of = Some(run.id.clone());
    let open: Vec<QuestionView> = read(stage.ask(Ask::Questions { of, all: false })?)?;
    Ok(open.into_iter().next())
}

//! Owns: what an agent is asked to do in each scene, and what makes a scene work.
//! Never: believes an agent; git, the kernel and the ledger are asked.

use std::time::{Duration, Instant};

use serde::Serialize;
use skep_api::{request::Ask, view::RunView};
use skep_core::text;
use skep_harness::profile::Profile;

use super::{
    stage::Stage,
    test::{Seen, Verdict, took},
};
use crate::exit::CliError;

mod question;

/// Something that an agent is to be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Scene {
    Commit,
    Usage,
    Cancel,
    Resume,
    Permission,
    Question,
}

/// In the order in which they are played.
const ALL: [Scene; 6] =
    [Scene::Commit, Scene::Usage, Scene::Cancel, Scene::Resume, Scene::Permission, Scene::Question];

impl Scene {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Scene::Commit => "commit",
            Scene::Usage => "usage",
            Scene::Cancel => "cancel",
            Scene::Resume => "resume",
            Scene::Permission => "permission",
            Scene::Question => "question",
        }
    }
}

/// What was asked for by name, else all.
pub(super) fn wanted(names: &[String]) -> Vec<Scene> {
    let is_wanted =
        |scene: &Scene| names.is_empty() || names.iter().any(|name| name == scene.as_str());
    ALL.into_iter().filter(is_wanted).collect()
}

/// How many turns of the agent a scene takes, beside the others that are wanted.
pub(super) fn turns(scene: Scene, profile: &Profile, wanted: &[Scene]) -> u32 {
    match scene {
        Scene::Commit | Scene::Cancel => 1,
        Scene::Usage => u32::from(!wanted.contains(&Scene::Commit)),
        Scene::Resume if profile.can_go_on() => 2,
        Scene::Permission if asks(profile) => 1,
        Scene::Question if profile.takes_tools() => 1,
        Scene::Resume | Scene::Permission | Scene::Question => 0,
    }
}

/// Whether a person can be asked on its behalf; one that plays a script has no tools to ask for.
fn asks(profile: &Profile) -> bool {
    profile.can_ask() && profile.protocol != "scripted"
}

/// How soon a stopped run has to be over, with all that it had started.
const STOPPED: Duration = Duration::from_secs(10);
/// How long words may take to be written down after a sign that they were said.
const NEWS: Duration = Duration::from_secs(15);

/// How often it may hear no.
const REFUSALS: u32 = 5;

const COMMIT: &str = "Create a file `tried.txt` in the current folder, with this one line in it: tried\n\
    Then commit it with git, with the message: tried\nDo nothing else.";
const WAIT: &str = "Run this shell command in the current folder and wait for it to end before you do anything else: sh wait.sh\n\
    It takes some minutes. Do not run it in the background.";
const NUMBER: &str = "Choose a number of six digits at random and say it like this: NUMBER: 123456\n\
    Then run this shell command in the current folder and wait for it to end before you do anything else: sh wait.sh\n\
    It takes some minutes. Do not run it in the background.";
const WHICH: &str =
    "Which number did you choose before? Run no command; answer with its six digits alone.";
const OUTSIDE: &str = "Run this shell command in the current folder, once: sh outside.sh\n\
    If you are not allowed to, do nothing else.";

/// Plays the scenes that are wanted.
pub(super) fn play(stage: &mut Stage<'_>, wanted: &[Scene]) -> Result<Vec<Seen>, CliError> {
    let mut seen = Vec::new();
    let mut committed: Option<RunView> = None;
    for scene in wanted {
        let begun = Instant::now();
        let reason = committed.as_ref().and_then(|run| run.reason.as_deref());
        if let Some(reason @ ("auth" | "usage-limit")) = reason {
            // Every other turn would end the same way.
            let why = format!("its provider would not have it: {reason}");
            seen.push(Seen { scene: *scene, result: Verdict::Skipped, why, took_ms: 0 });
            continue;
        }
        let (result, why) = match scene {
            Scene::Commit => commit(stage, &mut committed)?,
            Scene::Usage => usage(stage, &mut committed)?,
            Scene::Cancel => cancel(stage)?,
            Scene::Resume => resume(stage)?,
            Scene::Permission => permission(stage)?,
            Scene::Question => question::question(stage)?,
        };
        let took_ms = match result {
            Verdict::Works | Verdict::Fails => took(begun),
            Verdict::HasNone | Verdict::Skipped => 0,
        };
        seen.push(Seen { scene: *scene, result, why, took_ms });
    }
    Ok(seen)
}

type Judged = Result<(Verdict, String), CliError>;

fn works(why: impl Into<String>) -> Judged {
    Ok((Verdict::Works, why.into()))
}

fn fails(why: impl Into<String>) -> Judged {
    Ok((Verdict::Fails, why.into()))
}

/// Whether a run will not move by itself.
fn rests(run: &RunView) -> bool {
    matches!(run.state.as_str(), "ended" | "waiting" | "stalled")
}

/// How a run stands, in a few words.
fn words(run: &RunView) -> String {
    let last = run.last.as_ref().map(|last| text::words(&text::one_line(&last.text), 160));
    let last = last.map_or(String::new(), |last| format!(": {last}"));
    let reason = run.reason.as_deref().map_or(String::new(), |reason| format!(" ({reason})"));
    match (&run.outcome, &run.waiting_for) {
        (Some(outcome), _) => format!("{outcome}{reason}{last}"),
        (None, Some(waits)) => format!("waits for {waits}{last}"),
        (None, None) => format!("{}{last}", run.state),
    }
}

/// Stops a run that a scene is done with.
fn stop(stage: &mut Stage<'_>, run: &RunView) -> Result<RunView, CliError> {
    let ask = Ask::Stop { runs: vec![run.id.clone()], all: false, now: true, line: false };
    if run.state != "ended" {
        stage.ask(ask)?;
    }
    stage.until(&run.id, NEWS, |_, run| run.state == "ended").map(|(run, _)| run)
}

fn commit(stage: &mut Stage<'_>, committed: &mut Option<RunView>) -> Judged {
    let script = "write tried.txt tried\nusage 7 7\ncommit tried\nsay Done.\nresult ok";
    let run = stage.begin("tried", COMMIT, script, None)?;
    let (run, rested) = stage.until(&run.id, stage.patience(), |_, run| rests(run))?;
    if !rested || run.state != "ended" {
        let said = format!("its turn is not over: {}", words(&run));
        stop(stage, &run)?;
        return fails(said);
    }
    *committed = Some(run.clone());
    let Some(branch) = &run.branch else {
        return fails(format!("it has no branch; {}", words(&run)));
    };
    let log = stage.git(&["log", "--format=%h %s", &format!("main..{branch}")])?;
    let commits: Vec<&str> = log.lines().collect();
    match (commits.as_slice(), run.outcome.as_deref()) {
        ([one], Some("completed")) => works(format!("one commit: {one}")),
        ([], _) if run.git.as_ref().is_some_and(|git| git.dirty) => {
            fails(format!("its work lies there, and it did not commit it; {}", words(&run)))
        }
        ([], _) => fails(format!("no commit; {}", words(&run))),
        (_, Some("completed")) => works(format!("{} commits", commits.len())),
        (_, _) => fails(format!("there is a commit, but {}", words(&run))),
    }
}

fn usage(stage: &mut Stage<'_>, committed: &mut Option<RunView>) -> Judged {
    if committed.is_none() {
        commit(stage, committed)?;
    }
    let Some(run) = committed else { return fails("its turn was not over") };
    let used = &run.usage;
    if used.input_tokens == 0 && used.output_tokens == 0 {
        return Ok((Verdict::HasNone, "it tells no tokens".to_owned()));
    }
    let cost = used.cost_usd.map_or("no price".to_owned(), |cost| format!("${cost:.4}"));
    works(format!("{} tokens in, {} out, {cost}", used.input_tokens, used.output_tokens))
}

/// Waits until the long command stays, or the run rests.
fn until_it_waits(stage: &mut Stage<'_>, run: &RunView) -> Result<(RunView, bool), CliError> {
    let began = |run: &RunView| {
        let worktree = run.worktree.as_ref().map(std::path::PathBuf::from);
        worktree.is_some_and(|worktree| worktree.join("began").exists())
    };
    let patience = stage.patience();
    let (run, _) = stage.until(&run.id, patience, |_, run| began(run) || rests(run))?;
    let waits = began(&run) && !rests(&run);
    Ok((run, waits))
}

fn cancel(stage: &mut Stage<'_>) -> Judged {
    let run = stage.begin("stay", WAIT, "write began yes\nhang", None)?;
    let (run, waits) = until_it_waits(stage, &run)?;
    if !waits {
        stop(stage, &run)?;
        return fails(format!(
            "the command that was to be stopped did not begin, or did not stay: {}",
            words(&run)
        ));
    }
    let begun = Instant::now();
    stage.ask(Ask::Stop { runs: vec![run.id.clone()], all: false, now: false, line: false })?;
    let over =
        |stage: &Stage<'_>, run: &RunView| run.state == "ended" && stage.living(run).is_empty();
    let (run, gone) = stage.until(&run.id, STOPPED, over)?;
    let took = took(begun);
    if gone {
        return works(format!(
            "over after {}.{} s, and nothing of it lives",
            took / 1000,
            took % 1000 / 100
        ));
    }
    let left = stage.living(&run).len();
    fails(format!("after {} s: {}, {left} processes live", STOPPED.as_secs(), words(&run)))
}

/// The six digits behind the last `NUMBER:`; ours was an example.
fn number(said: &str) -> Option<String> {
    let found = said.split("NUMBER:").skip(1).filter_map(|rest| {
        let rest = rest.trim_start_matches([' ', '*', '`']);
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (digits.len() == 6 && digits != "123456").then_some(digits)
    });
    found.last()
}

fn resume(stage: &mut Stage<'_>) -> Judged {
    if !stage.profile.can_go_on() {
        return Ok((Verdict::HasNone, "a resume begins a fresh conversation".to_owned()));
    }
    let script = "say NUMBER: 417263\nwrite began yes\nhang";
    let run = stage.begin("remember", NUMBER, script, None)?;
    let (run, waits) = until_it_waits(stage, &run)?;
    if !waits {
        stop(stage, &run)?;
        return fails(format!(
            "the command that it was to be killed in did not begin, or did not stay: {}",
            words(&run)
        ));
    }
    let told = |stage: &Stage<'_>, run: &RunView| number(&stage.said(run, run.attempt)).is_some();
    let (run, _) = stage.until(&run.id, NEWS, told)?;
    let Some(chosen) = number(&stage.said(&run, run.attempt)) else {
        stop(stage, &run)?;
        return fails("it chose no number to remember");
    };
    stage.kill(&run)?;
    let (dead, ended) = stage.until(&run.id, NEWS, |_, run| run.state == "ended")?;
    if !ended {
        stop(stage, &dead)?;
        return fails(format!("killed, and the run knows nothing of it: {}", words(&dead)));
    }
    let text = stage.words(WHICH, &format!("say {chosen}\nresult ok"));
    stage.ask(Ask::Again {
        run: run.id.clone(),
        goes_on: true,
        text: Some(text),
        surface: None,
        env: std::collections::BTreeMap::new(),
    })?;
    let patience = stage.patience();
    let answered = |stage: &Stage<'_>, now: &RunView| {
        now.attempt > run.attempt && (rests(now) || stage.said(now, now.attempt).contains(&chosen))
    };
    let (now, _) = stage.until(&run.id, patience, answered)?;
    let said = stage.said(&now, now.attempt);
    let same = now.session.agent.is_some() && now.session.agent == dead.session.agent;
    let now = stop(stage, &now)?;
    match (said.contains(&chosen), same) {
        (true, true) => {
            works(format!("killed in the middle of a command; it still knows {chosen}"))
        }
        (true, false) => fails(format!("it answered {chosen}, in another conversation")),
        (false, _) => fails(format!("it does not know {chosen} any more: {}", words(&now))),
    }
}

fn permission(stage: &mut Stage<'_>) -> Judged {
    if !asks(&stage.profile) {
        return Ok((
            Verdict::HasNone,
            "it cannot ask a person: `auto` is its own confinement".to_owned(),
        ));
    }
    let run = stage.begin("outside", OUTSIDE, "", Some("ask"))?;
    let patience = stage.patience();
    let wants = |run: &RunView| run.waiting_for.as_deref() == Some("permission");
    let (mut run, _) = stage.until(&run.id, patience, |_, run| rests(run))?;
    if !wants(&run) {
        let state = words(&run);
        let written = stage.outside.exists();
        stop(stage, &run)?;
        return match written {
            true => fails("it wrote outside of its worktree without a question"),
            false => fails(format!("it did not ask: {state}")),
        };
    }
    // Some try it in another way when they hear no.
    for _ in 0..REFUSALS {
        let Some(ask) = run.open_asks().next().map(|ask| ask.id.clone()) else { break };
        stage.ask(Ask::Rule { of: ask.clone(), allow: false, text: None, from_wave: None })?;
        let heard = |_: &Stage<'_>, run: &RunView| {
            let is_open = run.open_asks().any(|open| open.id == ask);
            !is_open && (rests(run) || run.state == "ended")
        };
        (run, _) = stage.until(&run.id, patience, heard)?;
    }
    let now = words(&run);
    let over = run.state == "ended";
    stop(stage, &run)?;
    match (stage.outside.exists(), over) {
        (true, _) => fails("it was refused, and wrote outside of its worktree all the same"),
        (false, false) => fails(format!("it was refused, and its turn is not over: {now}")),
        (false, true) => works("it asked, was refused, and wrote nothing"),
    }
}

//! `skep agent test`
//!
//! Owns: what it costs and who agrees to it, the order of the scenes, and that nothing of them is left running.
//! Never: touches a home or a repository of the person's; the agent itself is theirs, with their login.

use std::{fs, process::ExitCode, time::Instant};

use serde::Serialize;
use serde_json::json;
use skep_core::text;
use skep_daemon::agents::{self, Agent};
use skep_host::paths;

use super::{
    scenes::{self, Scene},
    stage::Stage,
};
use crate::{
    args,
    commands::demo,
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
    output::{Tone, grid::Column},
};

/// What a scene showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Verdict {
    #[serde(rename = "works")]
    Works,
    #[serde(rename = "fails")]
    Fails,
    /// The agent has no such thing, and says so.
    #[serde(rename = "has none")]
    HasNone,
    #[serde(rename = "skipped")]
    Skipped,
}

impl Verdict {
    fn shown(self) -> (Tone, &'static str) {
        match self {
            Verdict::Works => (Tone::Good, "works"),
            Verdict::Fails => (Tone::Bad, "fails"),
            Verdict::HasNone => (Tone::Faint, "has none"),
            Verdict::Skipped => (Tone::Faint, "skipped"),
        }
    }
}

/// A scene's verdict, and what it rests on.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Seen {
    pub(super) scene: Scene,
    pub(super) result: Verdict,
    pub(super) why: String,
    pub(super) took_ms: u64,
}

pub(super) fn test(skep: &Skep, args: &args::Test) -> Outcome {
    let (agent, profile) = agents::agent(&args.name, &skep.config, &skep.env)?;
    require_there(&agent, skep)?;
    let wanted = scenes::wanted(&args.scenes);
    let turns: u32 = wanted.iter().map(|scene| scenes::turns(*scene, &profile, &wanted)).sum();
    agree(skep, &agent, turns, args.yes)?;
    let root = std::env::temp_dir().join(format!("skep-agent-test-{}", random_id()?));
    paths::create_private_dir(&root).map_err(|err| CliError::error(err.slug(), err.to_string()))?;
    let own = skep.at(&root.join("home"), &root.join("config"));
    let played = Stage::set(&own, &root, skep, args, profile)
        .and_then(|mut stage| scenes::play(&mut stage, &wanted));
    // However it went, nothing of it may stay behind running.
    let ended = demo::end(&own);
    let left = demo::left::end_all(&root, &own.home)?;
    if args.keep {
        let home = text::shell(&own.home.root().to_string_lossy());
        skep.out.note(&format!("kept: {}  (skep --home {home} ls --all)", root.display()));
    } else {
        fs::remove_dir_all(&root)?;
    }
    let seen = played?;
    ended?;
    let failed = seen.iter().any(|one| one.result == Verdict::Fails) || left > 0;
    let code = if failed { ExitCode::from(1) } else { ExitCode::SUCCESS };
    if skep.out.json {
        skep.out.json(&json!({
            "agent": agent.name, "version": agent.version, "checked": agent.checked,
            "account": args.account, "model": args.model, "turns": turns, "left": left,
            "scenes": seen, "kept": args.keep.then_some(&root),
        }))?;
        return Ok(code);
    }
    print(skep, &agent, &seen)?;
    if left > 0 {
        skep.out.note(&format!("{left} processes of it would not end"));
    }
    Ok(code)
}

fn require_there(agent: &Agent, skep: &Skep) -> Result<(), CliError> {
    if agent.program.is_some() {
        return Ok(());
    }
    let file = skep.config.join("agents").join(format!("{}.toml", agent.name));
    let text = format!("agent `{}`: its program is not on your PATH", agent.name);
    Err(CliError::error("agent-missing", text)
        .hint(format!("install it, or name its program in {}", file.display()))
        .hint("skep agent ls   which of them are there"))
}

/// Says what it costs, and goes on where a person agrees.
fn agree(skep: &Skep, agent: &Agent, turns: u32, yes: bool) -> Result<(), CliError> {
    if turns == 0 {
        return Ok(());
    }
    let name = &agent.name;
    let free = name == "scripted";
    let cost = format!("{turns} short turns of {name}, by your login; they cost tokens");
    if yes || free {
        if !free {
            skep.out.progress(&format!("This takes {cost}."));
        }
        return Ok(());
    }
    match skep.out.question(&format!("This takes {cost}. Go on? [y/N]")).as_deref() {
        Some(answer) if matches!(answer.to_lowercase().as_str(), "y" | "yes") => Ok(()),
        Some(_) => Err(decision("not begun; nothing was made")
            .hint(format!("skep agent test {name} --scene commit   the smallest: one turn"))),
        None => {
            Err(decision(&format!("this takes {cost}"))
                .hint(format!("skep agent test {name} --yes")))
        }
    }
}

fn decision(text: &str) -> CliError {
    skep_api::wire::Refusal::error("agent-test-cost", text).decision().into()
}

fn print(skep: &Skep, agent: &Agent, seen: &[Seen]) -> Result<(), CliError> {
    let version = agent.version.as_deref().unwrap_or("of an unknown version");
    let title = skep.out.paint(Tone::Strong, &format!("{} {version}", agent.name));
    skep.out.line(&title)?;
    let columns = [
        Column::whole("SCENE", 0),
        Column::whole("RESULT", 0),
        Column::whole("TOOK", 2),
        Column::cut("WHAT WAS SEEN", 0, 20),
    ];
    let rows: Vec<Vec<(Tone, String)>> = seen
        .iter()
        .map(|one| {
            let (tone, word) = one.result.shown();
            let took = match one.took_ms {
                0 => String::new(),
                ms => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
            };
            vec![
                (Tone::Strong, one.scene.as_str().to_owned()),
                (tone, word.to_owned()),
                (Tone::Faint, took),
                (Tone::Plain, text::one_line(&one.why)),
            ]
        })
        .collect();
    skep.out.grid(&columns, &rows)?;
    // What is cut in the grid stands whole below it, where it matters.
    for one in seen.iter().filter(|one| one.result == Verdict::Fails) {
        skep.out.note(&format!("{}: {}", one.scene.as_str(), text::one_line(&one.why)));
    }
    Ok(())
}

/// How long something took. Unit: milliseconds.
pub(super) fn took(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

//! `skep demo`
//!
//! Owns: the order of the story, and that nothing of it is left running, however it went.
//! Never: touches a home, a repository or a tmux that is not its own.

use std::{
    fs,
    path::Path,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use skep_api::{request::Ask, view::RunView};
use skep_host::{lock, paths, proc::Signals};

use super::read;
use crate::{
    args,
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
    output::Tone,
};

mod kept;
mod kills;
pub(super) mod left;
mod plans;
mod stage;
mod talk;

use stage::Stage;

/// How long something of skep's own may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);
/// Between two looks at what is waited for.
const LOOKS: Duration = Duration::from_millis(20);

pub(super) fn demo(skep: &Skep, args: &args::Demo) -> Outcome {
    let root = std::env::temp_dir().join(format!("skep-demo-{}", random_id()?));
    paths::create_private_dir(&root).map_err(|err| CliError::error(err.slug(), err.to_string()))?;
    let own = skep.at(&root.join("home"), &root.join("config"));
    let mut told = Teller { skep: &own, signals: Signals::take(&ENDINGS)? };
    let begun = Instant::now();
    let story = tell(&mut told, &root, skep, args.agent.as_deref());
    // However the story went, nothing of it may stay behind running.
    let ended = end(&own);
    let left = left::end_all(&root, &own.home)?;
    if args.keep {
        own.out.note(&format!(
            "kept: {}  (skep --home {} ls)",
            root.display(),
            own.home.root().display()
        ));
    } else {
        fs::remove_dir_all(&root)?;
    }
    story?;
    ended?;
    if own.out.json {
        let took_ms = begun.elapsed().as_millis();
        let kept = args.keep.then_some(&root);
        own.out.json(
            &serde_json::json!({"ok": true, "took_ms": took_ms, "kept": kept, "left": left}),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    told.line("")?;
    let nothing =
        if left == 0 { "Nothing was lost, and nothing runs any more" } else { "Nothing was lost" };
    let home = if args.keep { "" } else { "; the demo's folder is gone" };
    let took = begun.elapsed().as_secs_f64();
    told.good(&format!("{nothing}{home}. It took {took:.1} s."))?;
    closing(&told, skep, args.agent.as_deref())?;
    Ok(ExitCode::SUCCESS)
}

/// Signals that end the story before its end.
const ENDINGS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

fn tell(
    told: &mut Teller<'_>,
    root: &Path,
    yours: &Skep,
    agent: Option<&str>,
) -> Result<(), CliError> {
    told.say(&format!("A home of its own in {}; nothing of yours is touched.", root.display()))?;
    let stage = Stage::set(told, root, yours, agent)?;
    stage.start(told)?;
    kills::daemon(told, &stage)?;
    kills::gatekeeper(told, &stage)?;
    kills::tmux(told, &stage)?;
    stage.finish(told)?;
    kept::close_and_undo(told, &stage)?;
    kept::land(told, &stage)?;
    let fields = plans::Fields::set(told, root)?;
    let task = plans::plan(told, &fields, agent)?;
    plans::implement(told, &fields, &task)?;
    plans::hand_over(told, &fields, &task)
}

/// Who tells the story, and stops in the middle of it where a person says so.
struct Teller<'a> {
    skep: &'a Skep,
    signals: Signals,
}

impl Teller<'_> {
    /// Begins an act.
    fn act(&mut self, number: u32, title: &str) -> Result<(), CliError> {
        self.go_on()?;
        let title = format!("{number}. {title}");
        Ok(self.line(&format!("\n{}", self.skep.out.paint(Tone::Strong, &title)))?)
    }

    fn line(&self, line: &str) -> std::io::Result<()> {
        // A program is told the end of the story, as one value.
        if self.skep.out.json { Ok(()) } else { self.skep.out.line(line) }
    }

    fn prose(&self, tone: Tone, text: &str) -> std::io::Result<()> {
        if self.skep.out.json { Ok(()) } else { self.skep.out.prose(0, tone, text) }
    }

    fn say(&self, text: &str) -> std::io::Result<()> {
        self.prose(Tone::Plain, &skep_core::text::visible(text))
    }

    /// Shows lines as they are.
    fn show(&self, text: &str) -> std::io::Result<()> {
        text.lines().try_for_each(|line| self.line(&skep_core::text::visible(line)))
    }

    fn good(&self, line: &str) -> std::io::Result<()> {
        self.prose(Tone::Good, line)
    }

    /// Shows what one would type for what comes next.
    fn typed(&self, command: &str) -> std::io::Result<()> {
        self.line(&format!("$ {}", self.skep.out.paint(Tone::Strong, command)))
    }

    /// Errors: somebody pressed Ctrl-C, or wants us gone in another way.
    fn go_on(&mut self) -> Result<(), CliError> {
        if self.signals.arrived().is_empty() {
            return Ok(());
        }
        let mut interrupted = CliError::error("demo", "interrupted; what it had started is ended");
        interrupted.refusal.exit = 130;
        Err(interrupted)
    }

    fn runs(&self) -> Result<Vec<RunView>, CliError> {
        read(self.skep.ask(Ask::Ls { all: true, project: None })?)
    }

    /// Looks at the runs until they are as they should be.
    ///
    /// Errors: it takes too long, or somebody wants the story to end.
    fn await_runs(
        &mut self,
        what: &str,
        patience: Duration,
        mut holds: impl FnMut(&[RunView]) -> bool,
    ) -> Result<Vec<RunView>, CliError> {
        let until = Instant::now() + patience;
        loop {
            let runs = self.runs()?;
            if holds(&runs) {
                return Ok(runs);
            }
            self.wait(what, until)?;
        }
    }

    fn wait(&mut self, what: &str, until: Instant) -> Result<(), CliError> {
        self.go_on()?;
        if Instant::now() > until {
            return Err(CliError::error("demo", format!("in vain waited for: {what}"))
                .hint("skep demo --keep   leaves its folder to look into")
                .hint("skep doctor"));
        }
        thread::sleep(LOOKS);
        Ok(())
    }
}

/// Ends what runs, and the daemon.
pub(super) fn end(skep: &Skep) -> Result<(), CliError> {
    if !skep.home.ledger().exists() {
        return Ok(());
    }
    // Where the story ended between two daemons this starts one: it knows best how to end runs.
    skep.ask(Ask::Stop { runs: Vec::new(), all: true, now: true, line: false })?;
    let runs: Vec<RunView> = read(skep.ask(Ask::Ls { all: true, project: None })?)?;
    let ids: Vec<String> = runs.into_iter().map(|run| run.id).collect();
    if !ids.is_empty() {
        skep.ask(Ask::Wait {
            runs: ids,
            until: "ended".to_owned(),
            any: false,
            timeout_ms: Some(30_000),
        })?;
    }
    skep.ask(Ask::Shutdown {})?;
    lock::hold_within(&skep.home.daemon_lock(), Duration::from_secs(10))
        .map(drop)
        .map_err(|err| CliError::error(err.slug(), err.to_string()))
}

/// The same in a repository of the person's own.
fn closing(told: &Teller<'_>, yours: &Skep, agent: Option<&str>) -> std::io::Result<()> {
    let found = stage::agents_found(yours);
    let (set, with, who) = match (agent, found.first()) {
        (Some(agent), _) => (None, format!(" --agent {agent}"), format!("with {agent}")),
        (None, Some(_)) => {
            (None, String::new(), format!("agents found on your PATH: {}", found.join(", ")))
        }
        (None, None) => (
            Some(("skep config set agent scripted".to_owned(), "an agent that plays a script")),
            String::new(),
            "no agent is on your PATH".to_owned(),
        ),
    };
    told.line("")?;
    told.line(
        &told.skep.out.paint(Tone::Strong, &format!("The same in a repository of yours ({who})")),
    )?;
    let lines = [
        ("cd ~/your/repository".to_owned(), ""),
        (
            format!("skep run \"fix the flaky test\" --name amber{with}"),
            "an agent, a worktree, a branch",
        ),
        ("skep ls".to_owned(), "what runs, what needs you"),
        ("skep daemon status".to_owned(), "its pid: kill -9, look again"),
        ("skep close amber --force".to_owned(), "gone, whatever stood there"),
        ("skep undo".to_owned(), "and back, bit for bit"),
        ("skep land amber".to_owned(), "its commits come to your branch"),
        (
            format!("skep plan \"pages in every search\"{with}"),
            "a plan first, over all its projects",
        ),
    ];
    let lines: Vec<_> = set.into_iter().chain(lines).collect();
    let width = lines.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    for (command, why) in lines {
        let pad = " ".repeat(width + 3 - command.chars().count());
        let command = told.skep.out.paint(Tone::Strong, &command);
        let why = told.skep.out.paint(Tone::Faint, why);
        told.line(format!("   {command}{pad}{why}").trim_end())?;
    }
    Ok(())
}

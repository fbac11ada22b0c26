//! The verbs, one file each.
//!
//! Owns: what each verb asks of the daemon and how its answer looks. Never: SQL or git.

mod adopt;
mod agent;
mod attach;
mod bundle;
mod cleanup;
mod close;
mod completions;
mod config;
mod conflicts;
mod control;
mod cost;
mod daemon;
mod demo;
mod diff;
mod dispatch;
mod doctor;
mod events;
mod explain;
mod help;
mod hook;
mod init;
mod land;
mod limits;
mod logs;
mod ls;
mod mcp;
mod notify;
mod open;
mod path;
mod plan;
mod policy;
mod pr;
mod project;
mod questions;
mod review;
mod run;
mod show;
mod snapshot;
mod status;
mod stop;
mod task;
mod unit;
mod wait;
mod watch;
mod why;

use std::{fs, io::Read, path::Path, process::ExitCode};

use serde::de::DeserializeOwned;
use serde_json::Value;
use skep_api::{
    request::{Ask, LandAsk, PartAsk},
    view::{RunView, TaskView},
};
use skep_core::run::{Kind, Surface};
use skep_mcp::tools::Extras;

use crate::{
    args::{Cli, Verb},
    connect::Skep,
    exit::{CliError, NOT_COMPLETED, Outcome},
    output::{Output, Tone},
};

/// Answers what needs no home and no daemon; none where `cli` wants more.
pub(crate) fn tell(cli: &Cli, out: &Output) -> Option<Outcome> {
    match &cli.verb {
        Some(Verb::Explain { slug }) => Some(explain::explain(out, slug.as_deref())),
        Some(Verb::Help { verb, man, verbs }) => {
            Some(help::help(out, verb, man.as_deref(), *verbs))
        }
        Some(Verb::Completions { shell, at: None, .. }) => Some(completions::script(out, shell)),
        _ => None,
    }
}

/// The longest prompt or body that is taken. Bytes.
const LONGEST_TEXT: u64 = 16 << 20;

/// Does what `cli` says.
pub(crate) fn perform(cli: Cli, skep: &Skep, killed: bool) -> Outcome {
    match cli.verb.unwrap_or(Verb::Status { short: false }) {
        Verb::Status { short: false } => status::status(skep),
        Verb::Status { short: true } => status::short(skep),
        Verb::Demo(args) => demo::demo(skep, &args),
        Verb::Init { shared, yes, dry_run } => init::init(skep, shared, yes, dry_run),
        Verb::Run(args) => run::run(skep, *args),
        Verb::Ls { all, project } => ls::ls(skep, all, project),
        Verb::Show { id } => show::show(skep, &id),
        Verb::Why { id } => why::why(skep, &id),
        Verb::Watch {} => watch::watch(skep),
        Verb::Logs { id, follow, raw, times, tools, last } => {
            logs::logs(skep, &id, &logs::Ask { follow, raw, times, tools, last })
        }
        Verb::Diff { id, path, stat, raw, no_pager } => {
            diff::diff(skep, &id, path, &diff::How { stat, raw, no_pager })
        }
        Verb::Conflicts { of } => conflicts::conflicts(skep, of),
        Verb::Cost { ids, by, since } => cost::cost(skep, ids, &by, since),
        Verb::Open { id } => open::open(skep, &id),
        Verb::Events { from, follow } => events::events(skep, from, follow),
        Verb::Wait { ids, until, any, timeout } => wait::wait(skep, ids, &until, any, timeout),
        Verb::Path { id } => path::path(skep, &id),
        Verb::Sh { id, command } => path::sh(skep, &id, &command),
        Verb::Attach { id, tui: false } => attach::attach(skep, &id),
        Verb::Attach { id, tui: true } => attach::on_screen(skep, &id),
        Verb::Stop { ids, all, children, now } => {
            stop::stop(skep, ids, stop::Which::of(all, children), now || killed)
        }
        Verb::Pause { id, now } => control::pause(skep, &id, now),
        Verb::Resume { id, text, headless, budget } => {
            if let Some(by) = budget {
                control::raise(skep, &id, by)?;
            }
            control::again(skep, &id, true, text, headless.then_some(Surface::Headless))
        }
        Verb::Retry { id } => control::again(skep, &id, false, None, None),
        Verb::Send { id, text, steer, wait, key, timeout } => {
            let words = control::Words { id, text, steer, wait, key };
            control::send(skep, words, timeout)
        }
        Verb::Approve { id, text, from_wave: None, part: Some(part) } => {
            review::rule(skep, PartAsk { of: id, part: Some(part) }, true, text)
        }
        Verb::Approve { id, text, from_wave, .. } => {
            control::rule(skep, &id, true, text, from_wave)
        }
        Verb::Reject { id, text, part: Some(part) } => {
            review::rule(skep, PartAsk { of: id, part: Some(part) }, false, text)
        }
        Verb::Reject { id, text, part: None } => control::rule(skep, &id, false, text, None),
        Verb::Review(args) => review::review(skep, *args),
        Verb::Refine(args) => review::refine(skep, args),
        Verb::Foreman(verb) => review::foreman(skep, verb),
        Verb::Implement(args) => plan::implement(skep, *args),
        Verb::Finalize { id, detach } => plan::finalize(skep, id, detach),
        Verb::Questions { id, all } => questions::questions(skep, id, all),
        Verb::Answer { question, text, skip } => questions::answer(skep, &question, text, skip),
        Verb::Inbox {} => questions::inbox(skep),
        Verb::Notify(verb) => notify::notify(skep, verb),
        Verb::Abandon { ids } => close::abandon(skep, ids),
        Verb::Close { ids, merged, keep_branch, force, later, dry_run } => {
            if later {
                return cleanup::later(skep, &ids, dry_run);
            }
            close::close(skep, ids, close::how(keep_branch, force), merged, dry_run)
        }
        Verb::Snapshot(verb) => snapshot::snapshot(skep, verb),
        Verb::Restore { snapshot, to } => snapshot::restore(skep, &snapshot, to.as_deref()),
        Verb::Undo { op, dry_run } => snapshot::undo(skep, op, dry_run),
        Verb::Clean { dry_run } => snapshot::clean(skep, dry_run),
        Verb::Cleanup(verb) => cleanup::cleanup(skep, verb),
        Verb::Hook(verb) => hook::hook(skep, verb),
        Verb::Land { id, dry_run, settings, yes, detach } => {
            let ask = LandAsk {
                run: id,
                dry_run,
                settings,
                yes,
                detach,
                env: skep.env.clone(),
                ..LandAsk::default()
            };
            land::land(skep, ask)
        }
        Verb::Gate { id, yes, detach } => {
            let ask = LandAsk { run: id, gates_only: true, yes, detach, ..LandAsk::default() };
            land::land(skep, ask)
        }
        Verb::Pr(args) => pr::pr(skep, args),
        Verb::Dispatch(verb) => dispatch::dispatch(skep, *verb),
        Verb::Adopt { paths, all, dry_run } => adopt::adopt(skep, &paths, all, dry_run),
        Verb::Project(verb) => project::project(skep, verb),
        Verb::Task(verb) => task::task(skep, verb),
        Verb::Agent(verb) => agent::agent(skep, verb),
        Verb::Daemon(verb) => daemon::daemon(skep, &verb),
        Verb::Plan(args) => plan::plan(skep, *args),
        Verb::Policy(verb) => policy::policy(skep, verb),
        Verb::Config(verb) => config::config(skep, verb),
        Verb::Doctor { fix } => doctor::doctor(skep, fix),
        Verb::Bundle { ids, output } => bundle::bundle(skep, ids, output),
        Verb::Mcp { run, keeper, wait, kind, spawns, issue } => {
            mcp::mcp(skep, run, keeper, wait, (kind, Extras { spawns, issue }))
        }
        Verb::Completions { shell, at, words } => {
            completions::complete(skep, &shell, at.unwrap_or(0), words)
        }
        // The guards entered, and these were answered, before.
        Verb::Explain { .. } | Verb::Help { .. } | Verb::Gatekeeper => {
            Err(CliError::error("usage", "skep gatekeeper [--tied] [--task-file F] -- CMD…"))
        }
    }
}

/// Reads an answer as what it should be.
fn read<T: DeserializeOwned>(value: Value) -> Result<T, CliError> {
    serde_json::from_value(value).map_err(|err| {
        CliError::error(
            "daemon-other-version",
            format!("the daemon answers in another form: {err}"),
        )
        .hint("skep daemon stop")
    })
}

/// The run that `id` means, as the list has it; of a task the one at work, or the last.
fn named(skep: &Skep, id: &str) -> Result<RunView, CliError> {
    let of_task;
    let id = if id.starts_with("task_") {
        let task: TaskView = read(skep.ask(Ask::TaskShow { task: id.to_owned() })?)?;
        of_task = run_of(&task).ok_or_else(|| {
            CliError::error("run-unknown", format!("no run of {} is known", task.id))
                .hint(format!("skep show {}", task.id))
        })?;
        of_task.as_str()
    } else {
        id
    };
    let runs: Vec<RunView> = read(skep.ask(Ask::Named { runs: vec![id.to_owned()] })?)?;
    let unknown = || CliError::error("run-unknown", format!("no run `{id}`"));
    runs.into_iter().next().ok_or_else(unknown)
}

/// The run of a task that is at work, or was last.
fn run_of(task: &TaskView) -> Option<String> {
    let planning = task.planning.as_ref().map(|planning| planning.run.clone());
    let part = |state: &str| task.parts.iter().find(|part| part.state == state);
    let at_work =
        || ["in_progress", "failed", "completed"].iter().find_map(|it| part(it)?.run.clone());
    planning.or_else(|| task.run.clone()).or_else(at_work).or_else(|| task.planner.clone())
}

/// Whether a run goes on, or goes away, only when a person does something: it asks, it stalled, or it failed and still stands.
fn needs_a_person(run: &RunView) -> bool {
    match run.state.as_str() {
        "waiting" => {
            matches!(run.waiting_for.as_deref(), Some("answer" | "permission" | "input"))
        }
        "stalled" => true,
        // What becomes of a review, and of what the foreman was asked, its task says; of a check, the run whose work it checked.
        "ended" if matches!(run.kind, Kind::Review | Kind::Foreman | Kind::Gate) => false,
        "ended" => {
            let failed = matches!(run.outcome.as_deref(), Some("failed" | "lost" | "interrupted"));
            failed && matches!(run.env_state.as_str(), "held" | "closing" | "restoring")
        }
        _ => false,
    }
}

/// Reads a text that a person gave as a file, or `-` for standard input.
///
/// `piped` is how standard input would be given.
fn read_text(path: &Path, piped: &str) -> Result<String, CliError> {
    let unreadable = |why: &dyn std::fmt::Display| {
        CliError::error("file-unreadable", format!("{}: {why}", path.display()))
            .hint(format!("name a file that is there, or - for standard input: … | skep {piped}"))
    };
    let from: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(fs::File::open(path).map_err(|err| unreadable(&err))?)
    };
    let mut text = String::new();
    from.take(LONGEST_TEXT + 1).read_to_string(&mut text).map_err(|err| unreadable(&err))?;
    if text.len() as u64 > LONGEST_TEXT {
        return Err(unreadable(&"more than 16 MiB is no text to read"));
    }
    Ok(text)
}

/// 0 when every run completed, 4 when one ended otherwise.
fn code_of(runs: &[RunView]) -> ExitCode {
    let otherwise =
        runs.iter().any(|run| run.outcome.as_deref().is_some_and(|outcome| outcome != "completed"));
    if otherwise { ExitCode::from(NOT_COMPLETED) } else { ExitCode::SUCCESS }
}

/// A run's state in one word or two, and what it means to a person.
fn state_of(run: &RunView) -> (Tone, String) {
    let (tone, state) = plain_state_of(run);
    // Its processes asked for what no run may have: somebody should look at what it is doing.
    let state = if run.oversteps.is_empty() { state } else { format!("{state} (overstepped)") };
    let state = if run.beyond.is_none() { state } else { format!("{state} (beyond claims)") };
    // What it does will not land as it is.
    match run.clashes.iter().filter(|clash| clash.kind == "conflict").count() {
        0 => (tone, state),
        count => (Tone::Wants, format!("{state} ✗{count}")),
    }
}

fn plain_state_of(run: &RunView) -> (Tone, String) {
    match (run.state.as_str(), run.outcome.as_deref()) {
        ("ended", Some("completed")) if run.landed.is_some() => (Tone::Good, "landed".to_owned()),
        ("ended", Some("completed")) => (Tone::Good, "completed".to_owned()),
        ("ended", Some("stopped")) if run.reason.as_deref() == Some("stopped-by-person") => {
            (Tone::Bad, "stopped".to_owned())
        }
        ("ended", Some("interrupted")) if run.reason.as_deref() == Some("adopted") => {
            (Tone::Plain, "adopted".to_owned())
        }
        ("ended", Some(outcome)) => {
            let reason =
                run.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            (Tone::Bad, format!("{outcome}{reason}"))
        }
        ("waiting", _) if run.waiting_for.as_deref() == Some("paused") => {
            (Tone::Faint, "paused".to_owned())
        }
        ("waiting", _) if run.waiting_for.as_deref() == Some("limit") => {
            (Tone::Faint, "waits: limit".to_owned())
        }
        ("running", _) if run.retrying.is_some() => (Tone::Strong, "retrying".to_owned()),
        ("waiting", _) => {
            (Tone::Wants, format!("waits: {}", run.waiting_for.as_deref().unwrap_or("?")))
        }
        ("stalled", _) => (Tone::Wants, "stalled".to_owned()),
        ("queued", _) if run.waiting_for.as_deref() == Some("wave") => {
            (Tone::Faint, "waits: wave".to_owned())
        }
        ("queued", _) => (Tone::Faint, "queued".to_owned()),
        (state, _) => (Tone::Strong, state.to_owned()),
    }
}

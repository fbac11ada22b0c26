//! `skep show`

use std::{fs, process::ExitCode};

use skep_api::{
    request::Ask,
    spec::Spec,
    view::{AskView, ChangeView, LeaseView, MessageView, RunView, SnapshotView},
};
use skep_core::{
    names,
    run::{Permissions, Surface, Trust},
    text,
    time::Timestamp,
};

use super::{logs, logs::readable::span, ls, plan, pr, questions, read, state_of};
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::{
        Output, Tone, age,
        grid::{fit, wrapped},
    },
};

pub(super) fn show(skep: &Skep, id: &str) -> Outcome {
    if id.starts_with("task_") {
        return plan::task_page(skep, &read(skep.ask(Ask::TaskShow { task: id.to_owned() })?)?);
    }
    if id.starts_with("plan_") {
        let ask = Ask::PlanShow { of: id.to_owned(), version: None };
        return plan::page(skep, &read(skep.ask(ask)?)?);
    }
    let answer = skep.ask(Ask::Show { run: id.to_owned() })?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let run: RunView = read(answer)?;
    let kept: Vec<SnapshotView> = read(skep.ask(Ask::SnapshotLs { run: Some(run.id.clone()) })?)?;
    let now = skep_daemon::daemon::now();
    let (tone, state) = state_of(&run);
    let out = &skep.out;
    let title = text::one_line(&run.title);
    let room =
        out.columns().map(|columns| columns.saturating_sub(state.chars().count() + 2).max(10));
    let title = room.map_or(title.clone(), |room| fit(&title, room));
    out.line(&format!("{}  {}", out.paint(Tone::Strong, &title), out.paint(tone, &state)))?;
    let none = || "-".to_owned();
    let mut rows = vec![
        ("id", run.id.clone()),
        ("worker", address(&run)),
        ("since", format!("{} ago ({})", age(run.since, now), run.since)),
        (
            "agent",
            format!(
                "{}{}{}",
                run.agent,
                run.model.as_ref().map(|model| format!(", {model}")).unwrap_or_default(),
                run.account.as_ref().map(|it| format!(", account {it}")).unwrap_or_default()
            ),
        ),
        ("surface", surface(&run) + told_by(skep, &run)),
        ("attempt", run.attempt.to_string()),
        ("task", run.task.clone().unwrap_or_else(none)),
        ("branch", run.branch.clone().unwrap_or_else(none)),
        (
            "base",
            run.base.as_ref().map_or_else(none, |base| {
                let said = format!("{} {}", base.branch, text::words(&base.oid, 12));
                said.trim_start().to_owned()
            }),
        ),
        ("target", run.target.clone().unwrap_or_else(none)),
        ("worktree", format!("{} ({})", run.worktree.clone().unwrap_or_else(none), run.env_state)),
        ("changes", changes(&run)),
        ("snapshots", snapshots(&kept)),
        ("tokens", tokens(&run)),
        (
            "cost",
            run.usage
                .cost_usd
                .map_or("unknown".to_owned(), |cost| format!("${cost:.4} (as the agent says)")),
        ),
        (
            "asked by",
            format!(
                "{}, {} ago, posture: {}, permissions: {}",
                run.by,
                age(run.created, now),
                run.posture.as_str(),
                permissions(&run)
            ),
        ),
    ];
    if let Some(fence) = fence(&run) {
        rows.push(("fence", fence));
    }
    if let Some(what) = ls::serves(&run) {
        let of = run.task.as_deref().map_or_else(String::new, |task| format!(" of {task}"));
        rows.push(("role", format!("{what}{of}")));
    }
    if let Some(gate) = &run.gate {
        let tree = text::words(&gate.tree, 12);
        rows.push(("checks", format!("tree {tree} for {}", gate.of)));
        rows.push(("runs", gate.run.clone()));
    }
    if let Some(owner) = &run.within {
        rows.push(("works in", format!("the env of {owner}, which keeps it")));
    }
    rows.extend(trust(&run, now));
    if !run.secrets.is_empty() {
        rows.push(("secrets", run.secrets.join(", ")));
    }
    if let Some(session) = &run.session.agent {
        rows.push(("session", session.clone()));
    }
    let holds = |it: &LeaseView| format!("{} {} in {}", it.resource, it.value, it.env);
    if !run.leases.is_empty() {
        rows.push(("holds", run.leases.iter().map(holds).collect::<Vec<_>>().join(", ")));
    }
    if let (Some(pid), gatekeeper) = (run.pid, run.gatekeeper) {
        let by = gatekeeper.map_or(String::new(), |keeper| format!(", held by {keeper}"));
        rows.push(("process", format!("{pid}{by}")));
    }
    if let Some(exit) = &run.exit {
        rows.push((
            "exit",
            format!(
                "{}{} after {}",
                exit.code,
                exit.signal.map_or(String::new(), |signal| format!(" (signal {signal})")),
                span(exit.ended.since(exit.started))
            ),
        ));
    }
    if let Some(landed) = &run.landed {
        rows.push(("landed", format!("{} {}", landed.target, text::words(&landed.oid, 12))));
    }
    if let Some(change) = &run.change {
        rows.push(("change", pr::in_a_line(change)));
        if let Some(silent) = &change.silent {
            let words = text::words(&text::one_line(silent), 160);
            rows.push(("forge", format!("as heard {} ago; {words}", age(change.seen, now))));
        }
        if let Some(wants) = &change.wants {
            rows.push(("wants you", text::words(&text::one_line(wants), 200)));
        }
    }
    rows.extend(landing(&run, now));
    if let Some(last) = &run.last {
        rows.push((
            "last",
            format!(
                "{} ({} ago)",
                text::words(&text::one_line(&last.text), 200),
                age(last.at, now)
            ),
        ));
    }
    if let Some(retrying) = &run.retrying {
        rows.push(("retrying", retrying.clone()));
    }
    if let Some(held) = &run.held {
        rows.push(("held back", held.clone()));
    }
    if let Some(limit) = run.limit.as_ref().filter(|limit| limit.until > now) {
        let (agent, until) = (limit.whose(), limit.until);
        let left = span(until.since(now));
        rows.push((
            "limit",
            if limit.known {
                format!("{agent} is reset at {until}, {left} from now")
            } else {
                format!("{agent}, reset unknown, is asked again at {until}, {left} from now")
            },
        ));
    }
    if let Some(adopted) = &run.adopted {
        rows.push(("adopted", super::adopt::in_words(adopted)));
    }
    for (nth, message) in run.messages.iter().enumerate() {
        let head = if nth == 0 { "messages" } else { "" };
        rows.push((head, told_of(message, now)));
    }
    if let (Some(status), summary) = (&run.claims.status, &run.claims.summary) {
        rows.push(("reports", format!("{status}: {}", summary.as_deref().unwrap_or_default())));
    }
    if let Some(evidence) = &run.claims.evidence {
        rows.push(("evidence", evidence.clone()));
    }
    if !run.claims.paths.is_empty() {
        rows.push(("claims", run.claims.paths.join(", ")));
    }
    if let Some(beyond) = &run.beyond {
        rows.push(("beyond", format!("what it claimed: {}", some(&beyond.files, beyond.more))));
    }
    for (nth, clash) in run.clashes.iter().enumerate() {
        let head = if nth == 0 { "meets" } else { "" };
        let how = if clash.kind == "conflict" { "conflicts with it" } else { "changes the same" };
        let files = some(&clash.files, clash.more);
        rows.push((head, format!("{} ({}) {how}: {files}", clash.name, clash.run)));
    }
    if let Some(verdict) = &run.claims.verdict {
        if verdict.is_empty() {
            rows.push(("verdict", "no critiques".to_owned()));
        }
        for (nth, critique) in verdict.iter().enumerate() {
            rows.push((if nth == 0 { "verdict" } else { "" }, critique.one_line()));
        }
    }
    for note in &run.claims.notes {
        rows.push(("noted", note.clone()));
    }
    for note in &run.notes {
        rows.push(("note", note.clone()));
    }
    for (head, value) in rows {
        let value = text::one_line(&value);
        let lines = match out.columns() {
            Some(columns) => wrapped(&value, columns.saturating_sub(INDENT).max(20)),
            None => vec![value],
        };
        for (nth, line) in lines.iter().enumerate() {
            let head = if nth == 0 { head } else { "" };
            let head = out.paint(Tone::Faint, &format!("{head:<9}"));
            out.line(format!("  {head} {line}").trim_end())?;
        }
    }
    for ask in &run.asks {
        asked(&skep.out, ask, now)?;
    }
    for question in &run.asked {
        questions::whole(&skep.out, question, now)?;
    }
    let next = next(skep, &run, kept.len());
    if !next.is_empty() {
        out.line("")?;
    }
    for (what, command) in next {
        out.line(&format!("  {what}: {}", out.paint(Tone::Strong, &command)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where values begin. Columns.
const INDENT: usize = 12;

/// A message with how far it came.
fn told_of(message: &MessageView, now: Timestamp) -> String {
    let words = text::words(&text::one_line(&message.text), 60);
    let why = message.why.as_ref().map_or(String::new(), |why| format!("; {why}"));
    format!("{}: {words} ({} ago{why})", message.receipt, age(message.told, now))
}

/// What the agent told; an agent that told nothing did not use nothing.
fn tokens(run: &RunView) -> String {
    let usage = &run.usage;
    if usage.input_tokens == 0 && usage.output_tokens == 0 {
        return "unknown".to_owned();
    }
    format!("{} in, {} out", usage.input_tokens, usage.output_tokens)
}

fn permissions(run: &RunView) -> &'static str {
    match run.permissions {
        Permissions::Ask => "ask",
        Permissions::Auto => "auto",
        Permissions::Bypass => "bypass",
    }
}

/// What keeps it in its place; nothing where that was not told.
fn fence(run: &RunView) -> Option<String> {
    let open = |place: &String| format!(", {place}");
    Some(match run.fence.as_str() {
        "on" => {
            let more: String = run.fence_write.iter().map(open).collect();
            let reads = match run.trust {
                Trust::Outside => "; reads: the same, the system and tools",
                Trust::Person => "",
            };
            let agent = &run.agent;
            format!("writes: its env, what git needs, caches, {agent}'s own files{more}{reads}")
        }
        "off" => "off: it can write wherever you can".to_owned(),
        "absent" => {
            "no fence: this kernel has no Landlock; it can write wherever you can".to_owned()
        }
        "own" => format!("{}'s own sandbox", run.agent),
        _ => return None,
    })
}

/// Whose words it works by, where that is not the person's, or was not.
fn trust(run: &RunView, now: Timestamp) -> Option<(&'static str, String)> {
    let words = match (run.trust, run.lifted) {
        (Trust::Outside, _) => {
            "outside: somebody else wrote the task; it is data, and narrower rules hold".to_owned()
        }
        (Trust::Person, Some(at)) => {
            format!("a person's; its task came from outside, lifted {} ago", age(at, now))
        }
        (Trust::Person, None) => return None,
    };
    Some(("trust", words))
}

/// The name that means this worker and no other: with its project, where it has one.
fn address(run: &RunView) -> String {
    match &run.project {
        Some(project) => format!("{project}/{}", run.name),
        None => run.name.clone(),
    }
}

fn surface(run: &RunView) -> String {
    match (run.surface, &run.session.tmux) {
        (Surface::Headless, _) => "headless".to_owned(),
        (Surface::Terminal, Some(tmux)) => {
            format!("terminal, in tmux {} {}", tmux.session, tmux.pane)
        }
        (Surface::Terminal, None) => "terminal, no window".to_owned(),
    }
}

/// What is to be known of the state of an agent that tells on its screen nothing of what it does.
fn told_by(skep: &Skep, run: &RunView) -> &'static str {
    let Ok(id) = run.id.parse() else { return "" };
    let spec = skep.home.attempt(&id, run.attempt).join("spec.json");
    let spec = fs::read(spec).ok().and_then(|bytes| serde_json::from_slice::<Spec>(&bytes).ok());
    let tells = spec.is_none_or(|spec| match spec.signs {
        Some(signs) => {
            signs.hooks.is_some() || [signs.busy, signs.idle].iter().any(|list| !list.is_empty())
        }
        None => spec.terminal.is_none(),
    });
    if tells || run.pid.is_none() { "" } else { "; its state from silence only" }
}

fn snapshots(kept: &[SnapshotView]) -> String {
    match kept {
        [] => "none".to_owned(),
        [newest, ..] => format!("{}, the newest of {}", kept.len(), newest.at),
    }
}

/// What one would type next.
fn next(skep: &Skep, run: &RunView, kept: usize) -> Vec<(&'static str, String)> {
    let id = address(run);
    let held = run.env_state == "held";
    let mut next = Vec::new();
    match (run.state.as_str(), run.waiting_for.as_deref()) {
        ("waiting", Some("paused")) => next.push(("go on", format!("skep resume {id}"))),
        ("waiting", Some("limit")) => {
            next.push(("do not wait for the reset", format!("skep resume {id}")));
        }
        ("waiting", Some("input")) => next.push(("tell it more", format!("skep send {id} TEXT"))),
        ("waiting", Some("permission")) => next.extend(rulings(run, &id)),
        _ if run.asked.iter().any(skep_api::view::QuestionView::is_open) => {
            next.extend(run.asked.iter().flat_map(questions::ways).take(4));
        }
        ("waiting", Some("answer")) => {
            next.push(("answer it", format!("skep send {id} TEXT")));
        }
        ("queued" | "stalled", _) => next.push(("see why", format!("skep why {id}"))),
        ("stopping", _) => next.push(("wait for its end", format!("skep wait {id}"))),
        ("ended", _)
            if held
                && (run.landed.is_some()
                    || run.change.as_ref().is_some_and(ChangeView::is_merged)) =>
        {
            next.push(("give its env back", format!("skep close {id}")));
        }
        ("ended", _) if run.landing.is_some() => {
            next.push(("take it out of the line", format!("skep stop {id}")));
        }
        ("ended", _) if held && run.outcome.as_deref() == Some("completed") => {
            next.extend(pr::next(run, &id));
            next.push(("ask for more", format!("skep resume {id} TEXT")));
        }
        ("ended", _) if run.env_state == "closed" => {
            let look = ("what was kept of it", format!("skep snapshot ls {}", run.id));
            next.extend((kept > 0).then_some(look));
        }
        ("ended", _) if held && run.reason.as_deref() == Some("adopted") => {
            next.extend(super::adopt::next(run, &id));
        }
        ("ended", _) => {
            let stopped = run.outcome.as_deref() == Some("stopped");
            let what = if stopped { "see what it did" } else { "see what went wrong" };
            next.push((what, format!("skep logs {id}")));
            next.push(("go on with it", format!("skep resume {id}")));
            next.push(("try it afresh", format!("skep retry {id}")));
        }
        _ => {}
    }
    if run.trust == Trust::Outside {
        next.push(("vouch for its words", format!("skep policy lift {id}")));
    }
    if run.pid.is_some() {
        match run.surface {
            Surface::Headless => next.push(("watch it", format!("skep logs {id} -f"))),
            Surface::Terminal => next.push(("look at its screen", format!("skep attach {id}"))),
        }
        // A window in somebody's own tmux is where they see it.
        let ours =
            run.session.tmux.as_ref().filter(|tmux| names::parse_session(&tmux.session).is_some());
        if let Some(tmux) = ours {
            let socket = skep.home.sockets().join("tmux");
            let socket = text::shell(&socket.to_string_lossy());
            let look = format!("tmux -S {socket} attach -t ={}", tmux.session);
            next.push(("or in tmux", look));
        }
        if run.state == "running" {
            next.push(("let it rest", format!("skep pause {id}")));
        }
    }
    next
}

/// Shows what an agent wants leave for, word for word and line by line: it is what a person says yes or no to.
fn asked(out: &Output, ask: &AskView, now: Timestamp) -> std::io::Result<()> {
    let answer = ask.answer.as_ref().map(|answer| format!(", {answer}")).unwrap_or_default();
    let tool = text::one_line(&ask.tool);
    let head = out.paint(Tone::Faint, &format!("{:<9}", "asks"));
    let first = format!("{tool} ({}, {} ago{answer})", ask.id, age(ask.at, now));
    out.line(&format!("  {head} {}", out.paint(Tone::Wants, &first)))?;
    for line in text::visible(&ask.text).lines() {
        let lines = match out.columns() {
            Some(columns) => wrapped(line, columns.saturating_sub(INDENT + 2).max(20)),
            None => vec![line.to_owned()],
        };
        for line in lines {
            out.line(&format!("{:INDENT$}│ {line}", ""))?;
        }
    }
    if ask.text.ends_with('…') {
        out.line(&format!("{:INDENT$}it may be longer: skep logs --tools", ""))?;
    }
    Ok(())
}

/// The ways to answer what is asked.
fn rulings(run: &RunView, id: &str) -> Vec<(&'static str, String)> {
    let open: Vec<&AskView> = run.open_asks().collect();
    match open.as_slice() {
        [] if run.asks.is_empty() => vec![("answer it", format!("skep send {id} TEXT"))],
        [] => vec![("see why it waits", format!("skep why {id}"))],
        [_] => vec![
            ("allow it", format!("skep approve {id}")),
            ("refuse it", format!("skep reject {id} WHY")),
        ],
        many => many
            .iter()
            .take(3)
            .flat_map(|ask| {
                let (allow, refuse) = (&ask.id, &ask.id);
                [
                    ("allow", format!("skep approve {allow}")),
                    ("refuse", format!("skep reject {refuse}")),
                ]
            })
            .collect(),
    }
}

/// What changed, in words, as of the last look.
fn changes(run: &RunView) -> String {
    let Some(git) = &run.git else { return "not looked at yet".to_owned() };
    let commits = match git.ahead {
        0 => "no commit".to_owned(),
        1 => "1 commit".to_owned(),
        many => format!("{many} commits"),
    };
    let dirty = if git.dirty { ", and changes that no commit holds" } else { "" };
    let behind = match git.behind {
        Some(behind) if behind > 0 => format!(", {behind} behind its target"),
        Some(_) | None => String::new(),
    };
    format!("{commits}, +{} −{} lines{dirty}{behind}", git.insertions, git.deletions)
}

/// Prints the last lines of a run that went wrong.
pub(super) fn tail(skep: &Skep, run: &RunView) -> Result<(), CliError> {
    let lines = logs::last_lines(skep, &run.id, run.attempt, 12);
    if let Some(last) = &run.last {
        skep.out.note(&format!("{}: {}", run.name, text::visible(&last.text)));
    }
    for line in lines {
        skep.out.note(&format!("  {line}"));
    }
    skep.out.note(&format!("all of it: skep logs {}    why: skep why {}", run.name, run.name));
    Ok(())
}

/// How far its landing is, and what was seen of the tree that its work is in.
fn landing(run: &RunView, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(landing) = &run.landing {
        let stage = landing.stage.replace('_', " ");
        let why = landing.why.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
        rows.push(("landing", format!("{stage} for {}{why}", age(landing.since, now))));
        for gate in &landing.gates {
            let state = match gate.passed {
                Some(true) => "passed",
                Some(false) => "did not pass",
                None => "at work",
            };
            rows.push(("", format!("gate {} {state}: skep logs {}", gate.name, gate.run)));
        }
    }
    if let Some(unlanded) = &run.unlanded {
        let words = text::one_line(&text::words(&unlanded.text, 300));
        rows.push(("not landed", format!("{words} ({} ago)", age(unlanded.at, now))));
    }
    if let Some(seen) = &run.attestation {
        let gates: Vec<String> = seen
            .gates
            .iter()
            .map(|gate| match &gate.exit {
                Some(exit) => {
                    format!("{} passed in {}", gate.name, span(exit.ended.since(exit.started)))
                }
                None => format!("{} passed", gate.name),
            })
            .collect();
        let gates = if gates.is_empty() { "no gates".to_owned() } else { gates.join(", ") };
        let tree = text::words(&seen.tree, 12);
        rows.push(("seen", format!("tree {tree} on {}: {gates}", seen.target)));
    }
    rows
}

/// Some files in a line, and how many more there are.
fn some(files: &[String], more: u64) -> String {
    const NAMED: usize = 4;
    let named: Vec<&str> = files.iter().take(NAMED).map(String::as_str).collect();
    let more = more + u64::try_from(files.len() - named.len()).unwrap_or(0);
    let end = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{end}", named.join(", "))
}

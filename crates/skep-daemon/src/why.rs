//! Why a run is as it is: the facts behind its state, each with its source, its age and the rule that it met.

use skep_api::view::WhyView;
use skep_core::{
    fleet::Fleet,
    run::{EnvState, OpResult, Policy, Reason, Run, State, Surface, WaitingFor},
    time::Timestamp,
};

mod budget;
mod leases;
mod line;
mod messages;

/// Lists the facts behind the state of `run`, the weightiest first.
pub fn why(run: &Run, fleet: &Fleet, now: Timestamp) -> Vec<WhyView> {
    let mut facts = vec![state(run, fleet, now)];
    facts.extend(line::line(run, fleet, now));
    facts.extend(leases::leases(run, fleet, now));
    facts.extend(task(run, fleet, now));
    facts.push(aged(
        fact(
            "attempt",
            &format!(
                "{}, of a run that {} asked for",
                run.attempt,
                if run.brief.by == "person" { "a person" } else { &run.brief.by }
            ),
            "ledger",
            "a resume, a retry or a death begins the next",
        ),
        run.begun.unwrap_or(run.created),
        now,
    ));
    if let Some(old) = &run.brief.supersedes {
        facts.push(fact(
            "place of",
            old.as_str(),
            "ledger",
            "asked for by force: it waits until nothing of that one lives",
        ));
    }
    if let Some((text, at)) = &run.last {
        let Policy { idle_ms, tool_idle_ms, .. } = run.brief.policy;
        let rule = format!(
            "time.idle {} s of silence, or time.tool_idle {} s in a tool, is a stall",
            idle_ms / 1000,
            tool_idle_ms / 1000
        );
        facts.push(aged(fact("last words", text, "the agent's protocol", &rule), *at, now));
    }
    if let Some(what) = run.oversteps_in_words() {
        facts.push(fact(
            "overstepped",
            &what,
            "the daemon's door, by descent",
            "a run's own process asked for it; a run may list the runs and look at itself, and was refused",
        ));
    }
    if let Some(pid) = run.gatekeeper() {
        facts.push(fact(
            "gatekeeper",
            &format!("pid {pid}"),
            "ledger",
            "it outlives everything but its agent",
        ));
    }
    if let Some(retrying) = &run.retrying {
        facts.push(fact(
            "retrying",
            &retrying.words(),
            "the agent's protocol",
            "the agent tries its model call again by itself; only its silence is counted against it",
        ));
    }
    if let Some(met) = &run.met {
        let known = if met.known { "" } else { ", reset unknown" };
        let value = format!("of {}, until {}{known}", met.quota.words(), met.until);
        facts.push(aged(
            fact(
                "limit",
                &value,
                "the agent's protocol",
                "nothing new is asked of that login before",
            ),
            met.at,
            now,
        ));
    }
    facts.extend(budget::budget(run, now));
    if let Some(fallback) = &run.brief.fallback {
        facts.push(fact(
            "fallback",
            &fallback.agent,
            "the agent's profile",
            "it takes over once, when the usage limit has no near reset",
        ));
    }
    if let Some(turn) = run.verdict.turn {
        facts.push(fact(
            "turn",
            &format!("{turn:?}").to_lowercase(),
            "the agent's protocol",
            "a claim; completed needs a success and no error after it",
        ));
    }
    if let Some((class, text)) = &run.verdict.error {
        let value = format!("{class:?}: {text}");
        facts.push(fact(
            "error",
            &value,
            "the agent's protocol",
            "an error at the end is stronger than exit 0",
        ));
    }
    if let State::Ended { exit: Some(exit), .. } = &run.state {
        let mut value = format!("code {}", exit.code);
        if let Some(signal) = exit.signal {
            value = format!("{value}, signal {signal}");
        }
        facts.push(aged(
            fact("exit", &value, "exit.json", "written only when nothing of the tree lives"),
            exit.ended,
            now,
        ));
    }
    if let Some(git) = &run.git {
        let value = format!(
            "{} commit{} since the base, +{} -{} in {} file{}, {}{}",
            git.ahead,
            if git.ahead == 1 { "" } else { "s" },
            git.insertions,
            git.deletions,
            git.files,
            if git.files == 1 { "" } else { "s" },
            if git.dirty { "dirty" } else { "clean" },
            git.behind.map_or(String::new(), |behind| format!(", the target is {behind} ahead"))
        );
        facts.push(aged(
            fact(
                "git",
                &value,
                "git status, rev-list",
                "an untouched tree where work was asked is no success",
            ),
            git.at,
            now,
        ));
    }
    facts.extend(messages::messages(run, now));
    facts.push(env(run));
    if let Some(adopted) = &run.brief.adopted {
        let pane = adopted.pane.as_ref().map_or_else(String::new, |pane| {
            format!("; {} in tmux {} {}", pane.program, pane.name, pane.pane)
        });
        facts.push(fact(
            "adopted",
            &format!("{} worktree{pane}", adopted.layout.as_str()),
            "git worktree list, tmux list-panes",
            "it is never reset or removed, and what skep did not start is never ended",
        ));
    }
    for note in run.env().map(|env| env.notes.as_slice()).unwrap_or_default() {
        facts.push(fact("note", note, "the env's preparation", "told, and no reason to stop"));
    }
    if let Some((target, oid)) = &run.landed {
        let value = format!("{target} at {oid}");
        facts.push(fact(
            "landed",
            &value,
            "ledger",
            "its env can be given back: its work is there",
        ));
    }
    if let Some(landing) = &run.landing {
        let stage = landing.stage.as_str().replace('_', " ");
        let value =
            if landing.why.is_empty() { stage } else { format!("{stage}: {}", landing.why) };
        facts.push(fact(
            "landing",
            &value,
            "ledger",
            "one work lands at a time on a target, and only the tree that every gate has passed",
        ));
    }
    if let Some(following) = &run.change {
        let change = &following.change;
        let state = change.state.as_str();
        let value = format!("#{} {state} at {}", change.number, change.url);
        let rule = match &following.silent {
            Some(silent) => format!("its forge gives no answer since then: {}", silent.text),
            None => "change.look: how often its forge is asked".to_owned(),
        };
        facts.push(aged(fact("change", &value, "its forge", &rule), following.seen, now));
    }
    if let Some((op, result)) = run.last_op() {
        let value = format!("{op}: {}", told(result));
        facts.push(fact(
            "last wish",
            &value,
            "ledger",
            "a wish has one answer, however often it is asked",
        ));
    }
    if let Some(text) = &run.unknown {
        facts.push(fact(
            "sweep",
            text,
            "the process table",
            "unknown is never taken for gone; it is asked again",
        ));
    }
    if let Some((attempt, text)) = &run.conversation.unbegun {
        let value = format!("attempt {attempt} could not start: {text}");
        let rule = "what was completed stays completed";
        facts.push(fact("follow-up", &value, "ledger", rule));
    }
    if run.conversation.refusals > 0 {
        let rule = "once, and only where no tool was seen and git saw no change";
        let value = "the agent would not go on with it; it was begun afresh";
        facts.push(fact("conversation", value, "the agent's protocol", rule));
    }
    if let Some(speech) = run.turns_to() {
        let value = match speech.surface {
            Surface::Terminal => "goes on on its own screen",
            Surface::Headless => "goes on without a screen",
        };
        facts.push(fact("surface", value, "ledger", "when the turn under way is over"));
    }
    for at in &run.deaths {
        facts.push(aged(
            fact(
                "death",
                "its guards were killed",
                "ledger",
                "too many without progress open the breaker",
            ),
            *at,
            now,
        ));
    }
    facts
}

fn state(run: &Run, fleet: &Fleet, now: Timestamp) -> WhyView {
    let (value, rule) = match &run.state {
        State::Queued { .. } => (
            format!(
                "queued: {}",
                fleet
                    .held_back(run, now)
                    .unwrap_or_else(|| "a slot is free, it starts now".to_owned())
            ),
            "a run starts when limits allow, in the order of asking".to_owned(),
        ),
        State::Preparing { unwanted } => (
            "preparing".to_owned(),
            if unwanted.is_some() {
                "a stop came; it ends when the preparation is taken back"
            } else {
                "its env is being made"
            }
            .to_owned(),
        ),
        State::Starting { .. } => {
            ("starting".to_owned(), "its gatekeeper has not reported the agent yet".to_owned())
        }
        State::Running { pid, .. } => (
            format!("running, agent pid {pid}"),
            "its gatekeeper reported the start and no end".to_owned(),
        ),
        State::Waiting { on, .. } => {
            let on = match on {
                WaitingFor::Answer => "an answer",
                WaitingFor::Permission => "a permission",
                WaitingFor::Limit => "a usage limit to pass",
                WaitingFor::Input => "the next message",
                WaitingFor::Paused => "being resumed",
            };
            (
                format!("waiting for {on}"),
                "the agent said so; a waiting run gives its slot back".to_owned(),
            )
        }
        State::Limited { until, known, .. } => (
            if *known {
                format!("waiting for its usage limit to be reset at {until}")
            } else {
                format!("waiting for its usage limit, reset unknown; it is asked again at {until}")
            },
            "it goes on with its conversation then, by itself and once; `skep resume` goes at once, `skep stop` ends it"
                .to_owned(),
        ),
        State::Stalled { .. } => (
            "stalled".to_owned(),
            "it was silent beyond its budget; heard again, it runs on".to_owned(),
        ),
        State::Stopping { force, gone, because, .. } => (
            format!(
                "stopping ({because:?}{}{})",
                if *force { ", by force" } else { "" },
                if *gone { ", guards gone" } else { "" }
            ),
            "it ends only when a probe says that nothing of it lives".to_owned(),
        ),
        State::Ended { outcome, reason, text, .. } => {
            let spelled = reason.map(|reason| format!(": {}", reason.as_str())).unwrap_or_default();
            let text = if text.is_empty() { String::new() } else { format!(" ({text})") };
            (
                format!("ended, {}{spelled}{text}", outcome.as_str()),
                format!("{}; the strongest fact decides: docs/design/outcome.md", rule_of(*reason)),
            )
        }
    };
    aged(fact("state", &value, "ledger", &rule), run.since, now)
}

/// The rule that an end met.
fn rule_of(reason: Option<Reason>) -> &'static str {
    match reason {
        None => "nothing speaks against it",
        Some(Reason::AgentExit) => "an exit code other than 0 is a failure, whatever was said",
        Some(Reason::AgentCrash) => "a death by a signal is a crash",
        Some(Reason::AgentError) => "an error that nothing made good, or a cancelled turn",
        Some(Reason::AgentBlocked) => {
            "the agent said that it cannot go on, and nothing stronger speaks"
        }
        Some(Reason::NoResult) => "a good exit without a result is no success",
        Some(Reason::NoChange) => "work was asked for, and git saw neither a commit nor a change",
        Some(Reason::Auth) => "the login was refused, and nothing made it good",
        Some(Reason::UsageLimit) => "a usage limit was met, and nothing made it good",
        Some(Reason::ModelError) => "the model's service failed, and nothing made it good",
        Some(Reason::Timeout) => {
            "a turn took longer than time.turn, all of its work longer than its budget, or a gate longer than its own time"
        }
        Some(Reason::Budget) => "its budget is spent, or that of its task, its project or the day",
        Some(Reason::Turns) => "it had all the turns of its budget",
        Some(Reason::Stalled) => "it was silent beyond its budget and ended by force",
        Some(Reason::Prepare) => "its env could not be made",
        Some(Reason::SetUp) => "the project's set-up failed, which is strict",
        Some(Reason::Start) => {
            "it could not be started, did not live through time.health, or said nothing within time.ready"
        }
        Some(Reason::GateFailed) => "a gate passes by ending with 0, and by nothing else",
        Some(Reason::StoppedByPerson) => "a person's word is stronger than any other fact",
        Some(Reason::Superseded) => "another run took its place",
        Some(Reason::Adopted) => {
            "it was taken over as it stood: skep has started nothing in it yet"
        }
        Some(Reason::SupervisorLost) => "its guards were killed, and no try was left",
        Some(Reason::HostRestart) => "the machine went down, and no try was left",
        Some(Reason::Breaker) => {
            "it died too often without a finished turn or a new commit: [breaker]"
        }
    }
}

/// The task, and what that needs.
fn task(run: &Run, fleet: &Fleet, now: Timestamp) -> Vec<WhyView> {
    let Some(task) = run.brief.task.as_ref().and_then(|id| fleet.tasks.get(id)) else {
        return Vec::new();
    };
    let value = format!("{}, {}: {}", task.id, task.state.as_str(), task.title);
    let rule = "one run at a time holds a task";
    let mut facts = vec![aged(fact("task", &value, "ledger", rule), task.added, now)];
    for need in &task.needs {
        let value = match fleet.tasks.get(need) {
            Some(need) => {
                let there = if fleet.is_brought_in(&need.id) { "" } else { ", not brought in" };
                format!("{}, {}{there}: {}", need.id, need.state.as_str(), need.title)
            }
            None => format!("{need}, which is not known"),
        };
        facts.push(fact(
            "needs",
            &value,
            "ledger",
            "a run waits until what its task needs has landed; skep task edit ID --no-needs lets it go",
        ));
    }
    facts
}

/// What came of a wish, in words.
fn told(result: &OpResult) -> String {
    match result {
        OpResult::Closed { text, .. } => format!("closed, {text}"),
        OpResult::Landed { target, commits, beside, .. } => {
            let what =
                if *commits == 1 { "1 commit".to_owned() } else { format!("{commits} commits") };
            let beside: String = beside.iter().map(|left| format!("; {left}")).collect();
            format!("{what} landed on {target}{beside}")
        }
        OpResult::Attested { target, gates, .. } => format!("{gates} gates passed for {target}"),
        OpResult::Proposed { change, made, .. } => {
            let how = if *made { "made" } else { "brought up to date" };
            format!("change #{} {how}, {}", change.number, change.url)
        }
        OpResult::Snapped { snapshot } => format!("snapshot {} taken", snapshot.id),
        OpResult::Forgotten { snapshots } => format!("{} snapshots gone for good", snapshots.len()),
        OpResult::Restored { snapshot, text, .. } => format!("{snapshot} restored, {text}"),
        OpResult::Reverted { target, .. } => format!("its landing on {target} was taken back"),
        OpResult::Refused { slug, text, .. } => format!("refused, {slug}: {text}"),
        OpResult::Failed { slug, text } => format!("failed, {slug}: {text}"),
    }
}

fn env(run: &Run) -> WhyView {
    match &run.env {
        EnvState::None => {
            fact("env", "none", "ledger", "nothing was made yet, or it was taken back")
        }
        EnvState::Preparing => {
            fact("env", "preparing", "ledger", "the owner record says what stands")
        }
        EnvState::Held(env) => {
            fact("env", &env.root, "ledger", "it stays until it is closed with a proof")
        }
        EnvState::Within(env) => {
            let owner = run.brief.within.as_ref().map(ToString::to_string).unwrap_or_default();
            fact("env", &env.root, "ledger", &format!("it is {owner}'s, which keeps it"))
        }
        EnvState::Closing { env, .. } => fact("env", &env.root, "ledger", "it is being closed"),
        EnvState::Closed(env) => fact(
            "env",
            &format!("closed, was {}", env.root),
            "ledger",
            "removed with a proof that the work is elsewhere",
        ),
        EnvState::Restoring { env, .. } => {
            fact("env", &env.root, "ledger", "a snapshot is being brought back")
        }
    }
}

fn fact(fact: &str, value: &str, source: &str, rule: &str) -> WhyView {
    WhyView {
        fact: fact.to_owned(),
        value: value.to_owned(),
        source: source.to_owned(),
        age_ms: None,
        rule: rule.to_owned(),
    }
}

fn aged(view: WhyView, at: Timestamp, now: Timestamp) -> WhyView {
    WhyView { age_ms: Some(u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX)), ..view }
}

//! Why a run is as it is: the facts behind its state, each with its source, its age and the rule that it met.

use skep_api::view::WhyView;
use skep_core::{
    fleet::Fleet,
    run::{EnvState, Run, State, WaitingFor},
    time::Timestamp,
};

/// Lists the facts behind the state of `run`, the weightiest first.
pub fn why(run: &Run, fleet: &Fleet, now: Timestamp) -> Vec<WhyView> {
    let mut facts = vec![state(run, fleet, now)];
    facts.push(fact(
        "attempt",
        &run.attempt.to_string(),
        "ledger",
        "a resume, a retry or a death begins the next",
    ));
    if let Some(pid) = run.gatekeeper() {
        facts.push(fact(
            "gatekeeper",
            &format!("pid {pid}"),
            "ledger",
            "it outlives everything but its agent",
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
            "{} commit{} since the base, {}",
            git.ahead,
            if git.ahead == 1 { "" } else { "s" },
            if git.dirty { "dirty" } else { "clean" }
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
    if let Some(text) = &run.unknown {
        facts.push(fact(
            "sweep",
            text,
            "the process table",
            "unknown is never taken for gone; it is asked again",
        ));
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
            let reason = reason.map(|reason| format!(": {}", reason.as_str())).unwrap_or_default();
            let text = if text.is_empty() { String::new() } else { format!(" ({text})") };
            (
                format!("ended, {}{reason}{text}", outcome.as_str()),
                "the strongest fact decides: docs/design/outcome.md".to_owned(),
            )
        }
    };
    aged(fact("state", &value, "ledger", &rule), run.since, now)
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

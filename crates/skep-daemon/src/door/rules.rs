//! Wishes about what holds for a run: the rules of today, and a mark that a person lifts.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use skep_api::{
    view::{LiftView, RulesView},
    wire::Refusal,
};
use skep_core::{
    fleet::Input,
    id::{RunId, TaskId},
    policy::Policy,
    run::{self, Run},
};

use super::{Door, Trouble, value};
use crate::launch;

/// How long a keeper that was told may take to say so.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

impl Door {
    /// Has runs judged by the rules as their files say now. Nobody is told of any where one of them cannot be read.
    pub(super) fn apply_rules(
        &self,
        key: &str,
        named: &[String],
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        let runs: Vec<RunId> = if named.is_empty() {
            fleet.runs.values().filter(|run| run.has_judge()).map(|run| run.id().clone()).collect()
        } else {
            named
                .iter()
                .map(|text| fleet.find_run(text).map(|run| run.id().clone()))
                .collect::<Result<_, _>>()?
        };
        let agents = self.config.join("agents");
        let mut rules = Vec::new();
        for id in &runs {
            let run = &fleet.runs[id];
            rules.push(self.rules_of(run, &agents)?);
        }
        for (nth, run) in runs.iter().enumerate() {
            let input = Input::Run { run: run.clone(), input: run::Input::Rules };
            self.wishes.wish(&format!("{key}/{nth}"), input)?;
        }
        let views = runs.iter().zip(&rules).map(|(run, rules)| self.await_rules(run, rules));
        value(&views.collect::<Vec<_>>())
    }

    /// A person vouches for words from outside.
    pub(super) fn lift(
        &self,
        key: &str,
        of: &str,
        with_task: bool,
    ) -> Result<Option<Value>, Trouble> {
        let fleet = self.wishes.board.read().fleet;
        if of.starts_with("task_") {
            let task = fleet.find_task(of)?.id.clone();
            self.lift_task(key, &task)?;
            return value(&LiftView { run: None, task: Some(task.to_string()), rules: None });
        }
        let run = fleet.find_run(of)?;
        let (id, task) = (run.id().clone(), run.brief.task.clone().filter(|_| with_task));
        if with_task && task.is_none() {
            let text = format!("{id} has no task: its words were given with it");
            return Err(Refusal::error("no-task", text)
                .hint(format!("skep policy lift {id}"))
                .into());
        }
        // What would hold from then on must be readable before it is to hold.
        let agents = self.config.join("agents");
        self.rules_of(run, &agents)?;
        if let Some(task) = &task {
            self.lift_task(&format!("{key}/task"), task)?;
        }
        let input = Input::Run { run: id.clone(), input: run::Input::Lift };
        self.wishes.wish(&format!("{key}/run"), input)?;
        let fleet = self.wishes.board.read().fleet;
        let rules = match fleet.runs.get(&id) {
            Some(run) => Some(self.await_rules(&id, &self.rules_of(run, &agents)?)),
            None => None,
        };
        let task = task.map(|task| task.to_string());
        value(&LiftView { run: Some(id.to_string()), task, rules })
    }

    fn lift_task(&self, key: &str, task: &TaskId) -> Result<(), Trouble> {
        self.wishes.wish(key, Input::LiftTask { task: task.clone() }).map(drop)
    }

    fn rules_of(&self, run: &Run, agents: &Path) -> Result<Policy, Refusal> {
        let asker = launch::asker_env(&self.home, run)
            .map_err(|text| Refusal::error("home-unusable", text))?;
        launch::rules::of(run, agents, &asker)
    }

    /// Waits until the keeper of `id` was told, or there is none that could be.
    fn await_rules(&self, id: &RunId, rules: &Policy) -> RulesView {
        let until = Instant::now() + TOLD_WITHIN;
        let mut posted = self.wishes.board.read();
        loop {
            let Some(run) = posted.fleet.runs.get(id) else {
                return view(id, None, rules, "next-attempt", None);
            };
            let told = run.rules.told >= run.rules.asked;
            match &run.rules.why {
                _ if !run.has_judge() => return view(id, Some(run), rules, "next-attempt", None),
                Some(why) if told => {
                    return view(id, Some(run), rules, "failed", Some(why.clone()));
                }
                None if told => return view(id, Some(run), rules, "in-force", None),
                Some(_) | None => {}
            }
            if posted.closing || Instant::now() > until {
                let why = "its keeper has not said yet that it has them".to_owned();
                return view(id, Some(run), rules, "failed", Some(why));
            }
            posted = self.wishes.board.wait_beyond(posted.seq, Some(until));
        }
    }
}

fn view(
    id: &RunId,
    run: Option<&std::sync::Arc<Run>>,
    rules: &Policy,
    status: &str,
    why: Option<String>,
) -> RulesView {
    RulesView {
        run: id.to_string(),
        name: run.map(|run| run.brief.name.clone()).unwrap_or_default(),
        status: status.to_owned(),
        trust: run.map(|run| run.brief.trust).unwrap_or_default(),
        deny: rules.deny.len(),
        ask: rules.ask.len(),
        allow: rules.allow.len(),
        why,
    }
}

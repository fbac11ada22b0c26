//! `skep cost`

use std::{collections::BTreeMap, process::ExitCode};

use serde::Serialize;
use skep_api::{request::Ask, view::CostView};
use skep_core::{budget::Amount, text};

use super::read;
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Tone, grid::Column},
};

/// What agents told of some runs. What nobody told is null; a sum is of what was told.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Sum {
    runs: u64,
    turns: u64,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cached_tokens: Option<u64>,
    cost_usd: Option<f64>,
    /// Whether a part of the money comes from the price table.
    estimated: bool,
    /// Runs that told no tokens, and runs of which a part has no price.
    without_tokens: u64,
    without_cost: u64,
}

#[derive(Debug, Serialize)]
struct OfRun {
    id: String,
    name: String,
    #[serde(flatten)]
    sum: Sum,
}

#[derive(Debug, Serialize)]
struct Row {
    key: String,
    #[serde(flatten)]
    sum: Sum,
}

#[derive(Debug, Serialize)]
struct Costs {
    by: String,
    rows: Vec<Row>,
    runs: Vec<OfRun>,
    projects: BTreeMap<String, Sum>,
    total: Sum,
}

impl Sum {
    fn of(views: &[&CostView]) -> Sum {
        let mut runs: BTreeMap<&str, Amount> = BTreeMap::new();
        for view in views {
            let amount = runs.entry(&view.run).or_default();
            if let Some(used) = &view.used {
                amount.add(used);
            }
        }
        let mut sum = Sum { runs: u64::try_from(runs.len()).unwrap_or(u64::MAX), ..Sum::default() };
        for Amount { usage, turns, estimated, unpriced } in runs.values() {
            // Every turn has tokens: an agent that names none has told nothing.
            let told = usage.tokens() > 0;
            let add = |one: &mut Option<u64>, two| {
                if told {
                    *one = Some(one.unwrap_or(0).saturating_add(two));
                }
            };
            add(&mut sum.input_tokens, usage.input_tokens);
            add(&mut sum.output_tokens, usage.output_tokens);
            add(&mut sum.cached_tokens, usage.cached_tokens);
            if let Some(cost) = usage.cost_usd {
                sum.cost_usd = Some(sum.cost_usd.unwrap_or(0.0) + cost);
            }
            sum.turns += u64::from(*turns);
            sum.estimated |= *estimated && usage.cost_usd.is_some();
            sum.without_tokens += u64::from(!told);
            sum.without_cost += u64::from(usage.cost_usd.is_none() || *unpriced);
        }
        sum
    }

    /// Its cells; a sum that leaves something out is `≥`, one that is reckoned `~`.
    fn cells(&self, tone: Tone) -> [(Tone, String); 4] {
        let tokens = |count: Option<u64>| {
            let least = if self.without_tokens > 0 { "≥ " } else { "" };
            count.map_or("?".to_owned(), |count| format!("{least}{}", thousands(count)))
        };
        let least = if self.without_cost > 0 { "≥ " } else { "" };
        let about = if self.estimated { "~" } else { "" };
        let cost = self.cost_usd.map_or("?".to_owned(), |cost| {
            // A fraction of a cent is not nothing.
            let cost =
                if cost > 0.0 && cost < 0.1 { format!("{cost:.4}") } else { format!("{cost:.2}") };
            format!("{least}{about}${cost}")
        });
        [tokens(self.input_tokens), tokens(self.cached_tokens), tokens(self.output_tokens), cost]
            .map(|cell| (if cell == "?" { Tone::Faint } else { tone }, cell))
    }
}

pub(super) fn cost(skep: &Skep, ids: Vec<String>, by: &str, since: Option<String>) -> Outcome {
    let views: Vec<CostView> = read(skep.ask(Ask::Cost { runs: ids, since })?)?;
    let costs = costs(&views, by);
    if skep.out.json {
        skep.out.json(&costs)?;
        return Ok(ExitCode::SUCCESS);
    }
    if views.is_empty() {
        skep.out.note("no runs: skep run \"…\"");
        return Ok(ExitCode::SUCCESS);
    }
    let of_runs = by == "run";
    let head = match by {
        "task" => "TASK",
        "project" => "PROJECT",
        "day" => "DAY",
        "agent" => "AGENT",
        "model" => "MODEL",
        _ => "RUN",
    };
    let last = if of_runs { "AGENT" } else { "RUNS" };
    let mut columns = vec![
        Column::cut(head, 0, 12),
        Column::whole("IN", 0),
        Column::whole("CACHED", 2),
        Column::whole("OUT", 0),
        Column::whole("COST", 0),
        Column::whole("TURNS", 3),
        Column::whole(last, 2),
    ];
    if of_runs {
        columns.push(Column::cut("TITLE", 1, 16));
    }
    let mut rows: Vec<Vec<(Tone, String)>> = Vec::new();
    let mut add = |name: String, sum: &Sum, bold: bool, more: Vec<(Tone, String)>| {
        let tone = if bold { Tone::Strong } else { Tone::Plain };
        let mut row = vec![(Tone::Strong, text::one_line(&name))];
        row.extend(sum.cells(tone));
        row.push((tone, sum.turns.to_string()));
        row.extend(more);
        rows.push(row);
    };
    let count =
        |sum: &Sum| if sum.runs == 1 { "1 run".to_owned() } else { format!("{} runs", sum.runs) };
    for row in &costs.rows {
        let run = views.iter().rev().find(|view| of_runs && view.run == row.key);
        match run {
            Some(run) => {
                let more = vec![
                    (Tone::Plain, text::one_line(&run.agent)),
                    (Tone::Faint, text::one_line(&run.title)),
                ];
                add(run.name.clone(), &row.sum, false, more);
            }
            None => {
                add(
                    row.key.clone(),
                    &row.sum,
                    false,
                    vec![(Tone::Plain, row.sum.runs.to_string())],
                );
            }
        }
    }
    let end = |sum: &Sum| {
        if of_runs {
            vec![(Tone::Plain, String::new()), (Tone::Faint, count(sum))]
        } else {
            vec![(Tone::Strong, sum.runs.to_string())]
        }
    };
    if of_runs && costs.projects.len() > 1 {
        for (project, sum) in &costs.projects {
            add(format!("= {project}"), sum, true, end(sum));
        }
    }
    if costs.rows.len() > 1 {
        add("= all".to_owned(), &costs.total, true, end(&costs.total));
    }
    skep.out.grid(&columns, &rows)?;
    let note = |line: String| skep.out.note(&skep.out.paint(Tone::Faint, &line));
    if costs.total.estimated {
        note("~ comes from the prices in your settings: skep config path".to_owned());
    }
    if costs.total.without_cost > 0 {
        let missing = costs.total.without_cost;
        note(format!(
            "{missing} of {} told no price, or not all; set one: skep help cost",
            count(&costs.total)
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn costs(views: &[CostView], by: &str) -> Costs {
    let nobody = || "-".to_owned();
    let key = |view: &CostView| match by {
        "task" => view.task.clone().unwrap_or_else(nobody),
        "project" => view.project.clone().unwrap_or_else(nobody),
        "day" => view.day.clone(),
        "agent" => view.agent.clone(),
        "model" => view.model.clone().unwrap_or_else(nobody),
        _ => view.run.clone(),
    };
    let all: Vec<&CostView> = views.iter().collect();
    let groups = grouped(&all, |view| view.project.clone().unwrap_or_else(nobody));
    let projects = groups.into_iter().map(|(name, views)| (name, Sum::of(&views))).collect();
    let mut runs: Vec<(u64, OfRun)> = Vec::new();
    for (id, views) in grouped(&all, |view| view.run.clone()) {
        let Some(first) = views.first() else { continue };
        runs.push((first.order, OfRun { id, name: first.name.clone(), sum: Sum::of(&views) }));
    }
    // The newest first, as lists have them.
    runs.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
    let runs: Vec<OfRun> = runs.into_iter().map(|(_, run)| run).collect();
    let rows = if by == "run" {
        runs.iter().map(|run| Row { key: run.id.clone(), sum: run.sum.clone() }).collect()
    } else {
        let groups = grouped(&all, key);
        groups.into_iter().map(|(key, views)| Row { key, sum: Sum::of(&views) }).collect()
    };
    Costs { by: by.to_owned(), rows, runs, projects, total: Sum::of(&all) }
}

fn grouped<'v>(
    views: &[&'v CostView],
    key: impl Fn(&CostView) -> String,
) -> BTreeMap<String, Vec<&'v CostView>> {
    let mut groups: BTreeMap<String, Vec<&CostView>> = BTreeMap::new();
    for view in views {
        groups.entry(key(view)).or_default().push(view);
    }
    groups
}

/// `1234567` as `1 234 567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut spaced = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            spaced.push(' ');
        }
        spaced.push(digit);
    }
    spaced
}

//! `skep cost`

use std::{collections::BTreeMap, process::ExitCode};

use serde::Serialize;
use skep_api::{request::Ask, view::RunView};
use skep_core::{said::Usage, text};

use super::{ls::name_among, read};
use crate::{
    connect::Skep,
    exit::Outcome,
    output::{Tone, grid::Column},
};

/// What agents told of some runs. What nobody told is null; a sum is of what was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Sum {
    runs: u64,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cost_usd: Option<f64>,
    /// Runs that told no tokens, and no price.
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
struct Costs {
    runs: Vec<OfRun>,
    projects: BTreeMap<String, Sum>,
    total: Sum,
}

impl Sum {
    fn of(usage: &Usage) -> Sum {
        // Every turn has tokens: an agent that names none has told nothing.
        let told = usage.input_tokens > 0 || usage.output_tokens > 0;
        Sum {
            runs: 1,
            input_tokens: told.then_some(usage.input_tokens),
            output_tokens: told.then_some(usage.output_tokens),
            cost_usd: usage.cost_usd,
            without_tokens: u64::from(!told),
            without_cost: u64::from(usage.cost_usd.is_none()),
        }
    }

    fn add(&mut self, other: &Sum) {
        let sum = |one: Option<u64>, two: Option<u64>| match (one, two) {
            (Some(one), Some(two)) => Some(one.saturating_add(two)),
            (one, two) => one.or(two),
        };
        self.runs += other.runs;
        self.input_tokens = sum(self.input_tokens, other.input_tokens);
        self.output_tokens = sum(self.output_tokens, other.output_tokens);
        self.cost_usd = match (self.cost_usd, other.cost_usd) {
            (Some(one), Some(two)) => Some(one + two),
            (one, two) => one.or(two),
        };
        self.without_tokens += other.without_tokens;
        self.without_cost += other.without_cost;
    }

    /// Its cells; a sum that leaves runs out is `≥`.
    fn cells(&self, tone: Tone) -> [(Tone, String); 3] {
        let most = |missing: u64| if missing > 0 && self.runs > missing { "≥ " } else { "" };
        let tokens = |count: Option<u64>| {
            count.map_or("unknown".to_owned(), |count| {
                format!("{}{}", most(self.without_tokens), thousands(count))
            })
        };
        let cost = self
            .cost_usd
            .map_or("unknown".to_owned(), |cost| format!("{}${cost:.2}", most(self.without_cost)));
        [tokens(self.input_tokens), tokens(self.output_tokens), cost]
            .map(|cell| (if cell == "unknown" { Tone::Faint } else { tone }, cell))
    }
}

pub(super) fn cost(skep: &Skep, ids: Vec<String>) -> Outcome {
    let ask = if ids.is_empty() {
        Ask::Ls { all: true, project: None }
    } else {
        Ask::Named { runs: ids }
    };
    let runs: Vec<RunView> = read(skep.ask(ask)?)?;
    let costs = costs(&runs);
    if skep.out.json {
        skep.out.json(&costs)?;
        return Ok(ExitCode::SUCCESS);
    }
    if runs.is_empty() {
        skep.out.note("no runs: skep run \"…\"");
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        Column::cut("RUN", 0, 12),
        Column::whole("IN", 0),
        Column::whole("OUT", 0),
        Column::whole("COST", 0),
        Column::whole("AGENT", 2),
        Column::cut("TITLE", 1, 16),
    ];
    let mut rows: Vec<Vec<(Tone, String)>> = Vec::new();
    for (run, of) in runs.iter().zip(&costs.runs) {
        let mut row = vec![(Tone::Strong, text::one_line(&name_among(run, &runs)))];
        row.extend(of.sum.cells(Tone::Plain));
        row.push((Tone::Plain, text::one_line(&run.agent)));
        row.push((Tone::Faint, text::one_line(&run.title)));
        rows.push(row);
    }
    let sums =
        |sum: &Sum| if sum.runs == 1 { "1 run".to_owned() } else { format!("{} runs", sum.runs) };
    let mut add = |name: String, sum: &Sum| {
        let mut row = vec![(Tone::Strong, name)];
        row.extend(sum.cells(Tone::Strong));
        row.push((Tone::Plain, String::new()));
        row.push((Tone::Faint, sums(sum)));
        rows.push(row);
    };
    if costs.projects.len() > 1 {
        for (project, sum) in &costs.projects {
            add(format!("= {}", text::one_line(project)), sum);
        }
    }
    if runs.len() > 1 {
        add("= all".to_owned(), &costs.total);
    }
    skep.out.grid(&columns, &rows)?;
    if costs.total.without_cost > 0 {
        let missing = costs.total.without_cost;
        let line = format!("{missing} of {} told no price; skep makes none up", sums(&costs.total));
        skep.out.note(&skep.out.paint(Tone::Faint, &line));
    }
    Ok(ExitCode::SUCCESS)
}

fn costs(runs: &[RunView]) -> Costs {
    let mut costs = Costs { runs: Vec::new(), projects: BTreeMap::new(), total: Sum::default() };
    for run in runs {
        let sum = Sum::of(&run.usage);
        costs.total.add(&sum);
        costs
            .projects
            .entry(run.project.clone().unwrap_or_else(|| "-".to_owned()))
            .or_default()
            .add(&sum);
        costs.runs.push(OfRun { id: run.id.clone(), name: run.name.clone(), sum });
    }
    costs
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

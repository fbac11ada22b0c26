//! `skep plan`

use std::{path::Path, process::ExitCode};

use serde::Serialize;
use skep_core::{
    plan::{self, Checked, Finding},
    text,
};

use crate::{args, connect::Skep, exit::Outcome, output::Tone};

pub(super) mod course;
mod edit;
mod made;
mod page;
mod prompt;

pub(super) use made::{finalize, implement};
pub(super) use page::{part_state, plan as page, task as task_page, task_state};

pub(super) fn plan(skep: &Skep, args: args::Plan) -> Outcome {
    use args::PlanVerb;
    match args.verb {
        None => made::plan(skep, args.planning),
        Some(PlanVerb::Show { id, document, version }) => page::show(skep, &id, document, version),
        Some(PlanVerb::Edit { id, file }) => edit::edit(skep, &id, file.as_deref()),
        Some(PlanVerb::Check { file, projects }) => check(skep, &file, &projects),
        Some(PlanVerb::Prompt { name, project, example }) => {
            prompt::prompt(skep, name.as_deref(), project.as_deref(), example)
        }
    }
}

/// What stands in a document, as programs get it.
#[derive(Serialize)]
struct View {
    ok: bool,
    orchestration: String,
    sub_plans: Vec<Part>,
    waves: Vec<Vec<String>>,
    errors: Vec<Finding>,
}

#[derive(Serialize)]
struct Part {
    project: String,
    order: usize,
    needs: Vec<String>,
    goal: String,
}

impl View {
    fn of(checked: Checked) -> View {
        let Checked { plan, findings } = checked;
        let part = |part: &plan::SubPlan| Part {
            project: part.project.clone(),
            order: part.order,
            needs: part.needs.clone(),
            goal: part.goal(),
        };
        View {
            ok: findings.is_empty(),
            sub_plans: plan.sub_plans.iter().map(part).collect(),
            waves: plan.waves(|_| false),
            orchestration: plan.orchestration,
            errors: findings,
        }
    }
}

fn check(skep: &Skep, file: &Path, projects: &[String]) -> Outcome {
    let document = super::read_text(file, "plan check -")?;
    // Without names there is nothing to hold the document's against.
    let known = (!projects.is_empty()).then_some(projects);
    let view = View::of(plan::check(&document, known));
    if skep.out.json {
        skep.out.json(&view)?;
    } else if view.ok {
        tell(skep, &view)?;
    } else {
        complain(skep, &view.errors)?;
    }
    Ok(if view.ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn tell(skep: &Skep, view: &View) -> Outcome {
    let mut rows = Vec::new();
    for (at, wave) in view.waves.iter().enumerate() {
        for (first, name) in wave.iter().enumerate() {
            let part = view.sub_plans.iter().find(|part| part.project == *name);
            let number = if first == 0 { (at + 1).to_string() } else { String::new() };
            let needs = part.map(|part| part.needs.join(", ")).unwrap_or_default();
            let goal = part.map(|part| text::one_line(&part.goal)).unwrap_or_default();
            rows.push(vec![
                (Tone::Faint, number),
                (Tone::Strong, text::one_line(name)),
                (Tone::Faint, text::one_line(&needs)),
                (Tone::Plain, goal),
            ]);
        }
    }
    skep.out.table(&["WAVE", "PROJECT", "NEEDS", "GOAL"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn complain(skep: &Skep, findings: &[Finding]) -> Outcome {
    let row = |finding: &Finding| {
        let line = finding.line.map_or_else(String::new, |line| line.to_string());
        vec![
            (Tone::Faint, line),
            (Tone::Bad, finding.kind.word().to_owned()),
            (Tone::Plain, text::one_line(&finding.detail)),
        ]
    };
    let rows: Vec<_> = findings.iter().map(row).collect();
    skep.out.table(&["LINE", "WHAT", ""], &rows)?;
    let count = rows.len();
    let things = if count == 1 { "thing stands" } else { "things stand" };
    skep.out.note(&format!("{count} {things} in the way of this plan"));
    Ok(ExitCode::SUCCESS)
}

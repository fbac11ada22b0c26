//! From a document to a plan, with everything that stands in its way.

use std::collections::BTreeMap;

use super::{
    Checked, Finding, Kind, LONGEST, Plan, SubPlan, block,
    block::Block,
    scan::{self, Line, Sections},
    waves,
};

/// Reads a document; names are those of `projects`, whatever their case, where projects are given.
pub fn check(text: &str, projects: Option<&[String]>) -> Checked {
    if text.len() > LONGEST {
        let detail = format!("the document is longer than {LONGEST} bytes");
        let finding = Finding { kind: Kind::MissingBlock, detail, line: None };
        return Checked { plan: Plan::default(), findings: vec![finding] };
    }
    let parts = Parts::of(text);
    let mut findings = Vec::new();
    let block = match parts.block {
        Some((first, text)) => {
            block::read(&text, first).map_err(|found| findings.extend(found)).ok()
        }
        None => {
            let detail = "missing skep-plan YAML block".to_owned();
            findings.push(Finding { kind: Kind::MissingBlock, detail, line: None });
            None
        }
    };
    let orchestration = parts.orchestration.unwrap_or_default();
    if orchestration.is_empty() {
        findings.push(Finding {
            kind: Kind::MissingOrchestration,
            detail: "missing ## Orchestration section, or nothing in it".to_owned(),
            line: None,
        });
    }
    for part in &parts.sub_plans {
        for amiss in Sections::of(&part.content).amiss() {
            findings.push(Finding {
                kind: Kind::IncompleteSubPlans,
                detail: format!("{}: {amiss}", part.title()),
                line: Some(part.line),
            });
        }
    }
    let names = Names::new(projects);
    let mut plan = Plan { orchestration, ..Plan::default() };
    // Without a block nothing is known of who belongs to the plan.
    if let Some(block) = block {
        join(&mut plan, &block, parts.sub_plans, &names, &mut findings);
    } else {
        plan.sub_plans = parts.sub_plans.into_iter().map(|part| part.sub_plan(0, &names)).collect();
    }
    findings.sort_by_key(|finding| (finding.line.is_none(), finding.line));
    Checked { plan, findings }
}

/// Puts the block and the parts together.
fn join(
    plan: &mut Plan,
    block: &Block,
    parts: Vec<Part>,
    names: &Names<'_>,
    findings: &mut Vec<Finding>,
) {
    let mut find = |kind, detail: String, line: Option<usize>| {
        findings.push(Finding { kind, detail, line });
    };
    // Where each declared project stands, by the form in which names are the same.
    let mut declared: BTreeMap<String, usize> = BTreeMap::new();
    for (order, group) in block.groups.iter().enumerate() {
        let mut kept = Vec::new();
        for (name, line) in group {
            if !names.know(name) {
                find(Kind::UnknownRepos, format!("`{name}` is no project here"), Some(*line));
            }
            if declared.insert(key(name), order).is_some() {
                find(Kind::DuplicateSubPlans, format!("`{name}` is declared twice"), Some(*line));
            } else {
                kept.push(names.canonical(name));
            }
        }
        plan.groups.push(kept);
    }
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    for part in parts {
        let name = key(&part.name);
        if let Some(before) = written.insert(name.clone(), part.line) {
            let detail = format!("`{}` has a section on line {before} already", part.name);
            find(Kind::DuplicateSubPlans, detail, Some(part.line));
            continue;
        }
        let Some(order) = declared.get(&name) else {
            let detail = format!("{} is not in execution_groups", part.title());
            find(Kind::UndeclaredSubPlans, detail, Some(part.line));
            continue;
        };
        plan.sub_plans.push(part.sub_plan(*order, names));
    }
    for name in plan.groups.iter().flatten().filter(|name| !written.contains_key(&key(name))) {
        find(Kind::MissingSubPlans, format!("no `## SubPlan: {name}` section"), None);
    }
    for (project, needed) in &block.needs {
        let line = needed.first().map(|(_, line)| *line);
        let Some(order) = declared.get(&key(project)) else {
            find(Kind::InvalidNeeds, format!("`{project}` is not in execution_groups"), line);
            continue;
        };
        let kept = plan.needs.entry(names.canonical(project)).or_default();
        for (name, line) in needed {
            match declared.get(&key(name)) {
                None => {
                    let detail =
                        format!("`{project}` needs `{name}`, which is not in execution_groups");
                    find(Kind::InvalidNeeds, detail, Some(*line));
                }
                Some(after) if after > order => {
                    let detail = format!("`{project}` needs `{name}`, whose group comes later");
                    find(Kind::InvalidNeeds, detail, Some(*line));
                }
                Some(_) => {
                    let name = names.canonical(name);
                    if !kept.contains(&name) {
                        kept.push(name);
                    }
                }
            }
        }
    }
    plan.needs.retain(|_, needed| !needed.is_empty());
    if let Some(circle) = waves::circle(plan) {
        let detail = format!("these wait for each other: {}", circle.join(", "));
        find(Kind::InvalidNeeds, detail, None);
    }
    for part in &mut plan.sub_plans {
        part.needs = plan.needs.get(&part.project).cloned().unwrap_or_default();
    }
    plan.sub_plans.sort_by_key(|part| part.order);
}

/// The form in which two spellings of a name are the same.
fn key(name: &str) -> String {
    name.to_lowercase()
}

/// The projects that there are, where that is known.
struct Names<'a> {
    known: Option<BTreeMap<String, &'a str>>,
}

impl<'a> Names<'a> {
    fn new(projects: Option<&'a [String]>) -> Names<'a> {
        let by_key = |names: &'a [String]| names.iter().map(|name| (key(name), name.as_str()));
        Names { known: projects.map(|names| by_key(names).collect()) }
    }

    fn know(&self, name: &str) -> bool {
        self.known.as_ref().is_none_or(|known| known.contains_key(&key(name)))
    }

    fn canonical(&self, name: &str) -> String {
        let known = self.known.as_ref().and_then(|known| known.get(&key(name)));
        known.map_or_else(|| name.to_owned(), |name| (*name).to_owned())
    }
}

/// What the lines of a document fall into.
#[derive(Default)]
struct Parts {
    /// The line on which its text begins, and the text.
    block: Option<(usize, String)>,
    orchestration: Option<String>,
    sub_plans: Vec<Part>,
}

/// A section of a project, before anything is known of the project.
struct Part {
    name: String,
    line: usize,
    content: String,
}

impl Part {
    /// What it is called in a finding.
    fn title(&self) -> String {
        if self.name.is_empty() {
            "a sub-plan without a name".to_owned()
        } else {
            self.name.clone()
        }
    }

    fn sub_plan(self, order: usize, names: &Names<'_>) -> SubPlan {
        let project = names.canonical(&self.name);
        SubPlan { project, order, needs: Vec::new(), content: self.content }
    }
}

/// Where the lines go that are being read.
#[derive(Clone, Copy)]
enum Into {
    Nowhere,
    Orchestration,
    SubPlan,
}

impl Parts {
    fn of(text: &str) -> Parts {
        let mut parts = Parts::default();
        let mut into = Into::Nowhere;
        // Whether the lines of the block are the first one's.
        let mut first = false;
        for (at, (line, words)) in scan::lines(text).into_iter().enumerate() {
            let number = at + 1;
            let body = match line {
                Line::Block if parts.block.is_none() => {
                    first = true;
                    parts.block = Some((number + 1, String::new()));
                    continue;
                }
                Line::InBlock if first => parts.block.as_mut().map(|(_, text)| text),
                Line::BlockEnd if first => {
                    first = false;
                    continue;
                }
                Line::Orchestration if parts.orchestration.is_none() => {
                    parts.orchestration = Some(String::new());
                    into = Into::Orchestration;
                    continue;
                }
                Line::SubPlan(name) => {
                    let (name, content) = (name.to_owned(), String::new());
                    parts.sub_plans.push(Part { name, line: number, content });
                    into = Into::SubPlan;
                    continue;
                }
                Line::Other if matches!(into, Into::Orchestration) => {
                    into = Into::Nowhere;
                    continue;
                }
                Line::Block
                | Line::InBlock
                | Line::BlockEnd
                | Line::Orchestration
                | Line::Other
                | Line::Section(_)
                | Line::Item
                | Line::Text
                | Line::Blank
                | Line::Fenced => match into {
                    Into::Orchestration => parts.orchestration.as_mut(),
                    Into::SubPlan => parts.sub_plans.last_mut().map(|part| &mut part.content),
                    Into::Nowhere => None,
                },
            };
            if let Some(body) = body {
                body.push_str(words);
                body.push('\n');
            }
        }
        let tidy = |text: &mut String| *text = text.trim_matches('\n').trim_end().to_owned();
        parts.orchestration.iter_mut().for_each(tidy);
        parts.sub_plans.iter_mut().for_each(|part| tidy(&mut part.content));
        parts
    }
}

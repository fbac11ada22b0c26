//! `skep policy`

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::Serialize;
use skep_api::{
    journal::{Entry, Line},
    request::Ask,
    spec::Spec,
    view::RunView,
};
use skep_core::{
    id::RunId,
    policy::{self, Decision, Place, Policy, Rule, Verdict, When},
    run::{Permissions, Posture, Trust},
    said::{Deed, Said},
    text,
};
use skep_daemon::config;

use super::named;
use crate::{
    args::{self, PolicyTest},
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

mod wishes;

pub(super) fn policy(skep: &Skep, verb: args::Policy) -> Outcome {
    match verb {
        args::Policy::Show { project } => show(skep, project.as_deref()),
        args::Policy::Test(test) if test.commands.is_empty() => replay(skep, &test),
        args::Policy::Test(test) => try_out(skep, &test),
        args::Policy::Apply { ids } => wishes::apply(skep, ids),
        args::Policy::Lift { id, task } => wishes::lift(skep, id, task),
    }
}

/// The rules in their files; of a project with those of its repository, which the daemon reads at its base.
fn rules(skep: &Skep, project: Option<&str>) -> Result<Policy, CliError> {
    match project {
        Some(name) => {
            let (project, env) = (name.to_owned(), skep.env.clone());
            super::read(skep.ask(Ask::RulesShow { project, env })?)
        }
        None => config::policy(&skep.config, None, None).map_err(|err| super::config::refuse(&err)),
    }
}

fn show(skep: &Skep, project: Option<&str>) -> Outcome {
    let rules = rules(skep, project)?;
    if skep.out.json {
        skep.out.json(&rules)?;
        return Ok(ExitCode::SUCCESS);
    }
    skep.out
        .table(&["", "RULE", "FROM", "WHY"], &rows(skep, &rules, |rule| rule.when.is_none()))?;
    for (when, words) in conditions(&rules) {
        skep.out.line("")?;
        skep.out.line(&skep.out.paint(Tone::Strong, &words))?;
        let those = rows(skep, &rules, |rule| rule.when.as_ref() == Some(&when));
        skep.out.table(&["", "RULE", "FROM", "WHY"], &those)?;
    }
    let file = config::policy_file(&skep.config);
    skep.out.note(&format!(
        "deny goes before ask before allow; what no rule speaks of, --permissions decides · yours: {}",
        file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The rules of which `which` holds, as lines of a table; for whom they are is said above it.
fn rows(skep: &Skep, rules: &Policy, which: impl Fn(&Rule) -> bool) -> Vec<Vec<(Tone, String)>> {
    let row = |decision: Decision, rule: &Rule| {
        let said = Rule { when: None, ..rule.clone() };
        vec![
            (tone(decision), decision.word().to_owned()),
            (Tone::Strong, said.text()),
            (Tone::Faint, origin(skep, &rule.from)),
            (Tone::Plain, rule.why.clone()),
        ]
    };
    let those = lists(rules).into_iter().flat_map(|(decision, list)| {
        list.iter().filter(|rule| which(rule)).map(move |rule| (decision, rule))
    });
    those.map(|(decision, rule)| row(decision, rule)).collect()
}

/// What runs must be like for some of the rules, in the order of the rules.
fn conditions(rules: &Policy) -> Vec<(When, String)> {
    let mut found: Vec<(When, String)> = Vec::new();
    for rule in lists(rules).into_iter().flat_map(|(_, list)| list) {
        let Some(when) = rule.when.as_ref().filter(|when| !found.iter().any(|it| it.0 == **when))
        else {
            continue;
        };
        let only = When { trust: Some(Trust::Outside), ..When::default() };
        let words = if *when == only {
            "for runs that work by text from outside:".to_owned()
        } else {
            format!("{}:", when.text())
        };
        found.push((when.clone(), words));
    }
    found
}

fn lists(rules: &Policy) -> [(Decision, &[Rule]); 3] {
    [
        (Decision::Deny, &rules.deny[..]),
        (Decision::Ask, &rules.ask[..]),
        (Decision::Allow, &rules.allow[..]),
    ]
}

/// A file by what it is called in the settings folder.
fn origin(skep: &Skep, from: &str) -> String {
    let short = Path::new(from).strip_prefix(&skep.config);
    short.map_or_else(|_| from.to_owned(), |short| short.to_string_lossy().into_owned())
}

fn tone(decision: Decision) -> Tone {
    match decision {
        Decision::Deny => Tone::Bad,
        Decision::Ask => Tone::Wants,
        Decision::Allow => Tone::Good,
    }
}

/// One request and what is said of it.
#[derive(Serialize)]
struct Judged {
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    tool: String,
    request: String,
    /// What was said when it was asked, or is said without the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<Decision>,
    #[serde(flatten)]
    verdict: Verdict,
}

/// Judges command lines that a person types, as in this folder.
fn try_out(skep: &Skep, test: &PolicyTest) -> Outcome {
    let trust = if test.outside { Trust::Outside } else { Trust::Person };
    let posture = test.posture.as_deref().and_then(Posture::find).unwrap_or_default();
    let now = rules(skep, test.project.as_deref())?.of(trust, posture);
    let other = changed(test)?.map(|rules| rules.of(trust, posture));
    let mode = mode(test.permissions.as_deref());
    let here = std::path::absolute(".").map_err(CliError::from)?.to_string_lossy().into_owned();
    let open = ["/tmp", "/var/tmp"].map(str::to_owned).to_vec();
    let home = skep.env.get("HOME").cloned();
    let place = Place { root: here.clone(), cwd: here, home, open };
    let mut judged = Vec::new();
    let lines = match test.commands.as_slice() {
        [_] => test.commands.clone(),
        all if test.each => all.to_vec(),
        words => vec![words.iter().map(|word| text::shell(word)).collect::<Vec<_>>().join(" ")],
    };
    for command in &lines {
        let deed = Deed { command: Some(command.clone()), ..Deed::default() };
        let judge = |rules: &Policy| policy::decide(rules, mode, "Bash", &deed, &place);
        let was = other.as_ref().map(|_| judge(&now).decision);
        judged.push(Judged {
            run: None,
            tool: "Bash".to_owned(),
            request: command.clone(),
            was,
            verdict: judge(other.as_ref().unwrap_or(&now)),
        });
    }
    if skep.out.json {
        skep.out.json(&judged)?;
    } else {
        for one in &judged {
            let word = skep.out.paint(tone(one.verdict.decision), one.verdict.decision.word());
            let was = one.was.filter(|was| *was != one.verdict.decision);
            let was = was.map_or(String::new(), |was| format!("  (was: {})", was.word()));
            skep.out.line(&format!("{word}  {}{was}", text::one_line(&one.request)))?;
            said(skep, "why", &one.verdict.why)?;
            if let Some(rule) = &one.verdict.rule {
                let from = origin(skep, &one.verdict.from);
                said(skep, "rule", &format!("{rule}  ({from})"))?;
            }
            let (seen, unseen) = policy::commands(&one.request);
            for command in seen {
                said(skep, "seen", &command)?;
            }
            if let Some(unseen) = unseen {
                said(skep, "unseen", unseen)?;
            }
        }
    }
    let let_pass = judged.iter().all(|one| one.verdict.decision == Decision::Allow);
    Ok(if let_pass { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn said(skep: &Skep, head: &str, words: &str) -> std::io::Result<()> {
    let head = skep.out.paint(Tone::Faint, &format!("    {head:<7}"));
    skep.out.line(&format!("{head}{}", text::one_line(words)))
}

fn mode(word: Option<&str>) -> Permissions {
    match word {
        Some("ask") => Permissions::Ask,
        Some("bypass") => Permissions::Bypass,
        _ => Permissions::Auto,
    }
}

fn changed(test: &PolicyTest) -> Result<Option<Policy>, CliError> {
    let file = test.policy.as_deref();
    file.map(config::policy_of).transpose().map_err(|err| super::config::refuse(&err))
}

/// Judges again what agents asked leave for.
fn replay(skep: &Skep, test: &PolicyTest) -> Outcome {
    let other = changed(test)?;
    let runs = match &test.run {
        Some(id) => vec![named(skep, id)?],
        None => super::read::<Vec<RunView>>(skep.ask(Ask::Ls { all: true, project: None })?)?,
    };
    let mut judged = Vec::new();
    let mut same = 0_usize;
    let mut read = BTreeMap::new();
    for run in runs {
        let id: RunId =
            run.id.parse().map_err(|err| CliError::error("run-unknown", format!("{err}")))?;
        for attempt in 1..=run.attempt {
            let dir = skep.home.attempt(&id, attempt);
            let Some(spec) = spec(&dir) else { continue };
            let now = match &other {
                Some(rules) => rules.of(run.trust, run.posture),
                None => of_run(skep, &run, &mut read)?.of(run.trust, run.posture),
            };
            for (tool, request, deed, was) in recorded(&dir) {
                let verdict = policy::decide(&now, spec.permissions, &tool, &deed, &spec.place());
                let was = was.or_else(|| {
                    let then = spec.policy.as_ref()?;
                    let then = policy::decide(then, spec.permissions, &tool, &deed, &spec.place());
                    Some(then.decision)
                });
                if was == Some(verdict.decision) {
                    same += 1;
                }
                judged.push(Judged { run: Some(run.name.clone()), tool, request, was, verdict });
            }
        }
    }
    if skep.out.json {
        skep.out.json(&judged)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows: Vec<Vec<(Tone, String)>> = judged
        .iter()
        .map(|one| {
            let now = one.verdict.decision;
            let was = one.was.filter(|was| *was != now);
            let arrow = was.map_or(String::new(), |was| format!("{} → ", was.word()));
            vec![
                (tone(now), format!("{arrow}{}", now.word())),
                (Tone::Strong, one.run.clone().unwrap_or_default()),
                (Tone::Plain, one.verdict.rule.clone().unwrap_or_else(|| "(no rule)".to_owned())),
                (
                    Tone::Plain,
                    format!("{}: {}", text::one_line(&one.tool), text::one_line(&one.request)),
                ),
            ]
        })
        .collect();
    if rows.is_empty() {
        skep.out.note("no agent has asked leave for anything yet");
        return Ok(ExitCode::SUCCESS);
    }
    skep.out.table(&["", "RUN", "RULE", "REQUEST"], &rows)?;
    let count = judged.len();
    skep.out
        .note(&format!("{count} asked, {same} judged as they were, {} otherwise", count - same));
    Ok(ExitCode::SUCCESS)
}

/// The rules of today for a run; of a project that is not registered any more, a person's own.
fn of_run(
    skep: &Skep,
    run: &RunView,
    read: &mut BTreeMap<Option<String>, Policy>,
) -> Result<Policy, CliError> {
    if let Some(known) = read.get(&run.project) {
        return Ok(known.clone());
    }
    let found = match rules(skep, run.project.as_deref()) {
        Err(err) if err.refusal.slug == "project-unknown" => rules(skep, None)?,
        other => other?,
    };
    read.insert(run.project.clone(), found.clone());
    Ok(found)
}

fn spec(dir: &Path) -> Option<Spec> {
    // An attempt that never began, or of another version, has nothing to replay.
    let bytes = fs::read(dir.join("spec.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

type Asked = (String, String, Deed, Option<Decision>);

/// What an attempt's agent asked leave for, with what was said of it.
fn recorded(dir: &Path) -> Vec<Asked> {
    let path: PathBuf = dir.join("journal.jsonl");
    let Ok(file) = File::open(path) else { return Vec::new() };
    let mut found: Vec<(String, Asked)> = Vec::new();
    for line in BufReader::new(file).lines().map_while(Result::ok) {
        let Ok(Line { entry, .. }) = serde_json::from_str(&line) else { continue };
        if let Entry::Agent(Said::Permission { id, tool, text, deed }) = entry {
            found.push((id, (tool, text, deed, None)));
        } else if let Entry::Decided { id, verdict } = entry {
            let asked = found.iter_mut().rev().find(|(known, _)| *known == id);
            if let Some((_, asked)) = asked {
                asked.3 = Some(verdict.decision);
            }
        }
    }
    found.into_iter().map(|(_, asked)| asked).collect()
}

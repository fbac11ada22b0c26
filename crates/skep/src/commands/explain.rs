//! `skep explain`

use std::process::ExitCode;

use skep_core::text;

use crate::{
    exit::{CliError, Outcome},
    output::{Output, Tone},
};

/// The one list of errors; the same page that people read in the repository.
const ERRORS: &str = include_str!("../../../../docs/errors.md");

/// What separates the cause from the commands that lead out.
const WAYS: &str = "Ways out:";

/// The subjects of the list, each with the beginnings of its slugs; the first that fits counts.
const SUBJECTS: &[(&str, &str)] = &[
    (
        "What was typed",
        "usage title slug input-empty file- path- wait- state- dry-run wrong-answer output- \
         manual-",
    ),
    (
        "Settings, projects, repositories",
        "config project names theme scripts choose- no-repository no-commit no-sub \
         no-such-folder no-such-ref not-a-repository url- clone- nested- init adopt",
    ),
    ("Agents", "agent protocol prompt send nobody- auth session mcp"),
    (
        "Runs, tasks, workers",
        "run task worker workers name- id- attempt not-for-runs not-yours prepare start \
         command- spec-",
    ),
    ("Terminals", "tmux no-terminal not-a-terminal viewers attach editor"),
    (
        "Bringing work in",
        "land already-landed not-landed not-fast-forward nothing-to-land target revert diff",
    ),
    (
        "Giving back, and taking back",
        "close cleanup worktree branch env snapshot restore undo already-undone nothing-to \
         op- trash no-env no-branch folder-not no-such-snapshot misplaced",
    ),
    ("The machine", "disk git home io input-output locked not-private unit systemd"),
    (
        "The process behind it",
        "daemon ledger keeper control effect epoch event decision socket input-seen no-epoch \
         demo",
    ),
];

/// Where an error stands that fits no subject.
const REST: &str = "Else";

pub(super) fn explain(out: &Output, slug: Option<&str>) -> Outcome {
    let Some(slug) = slug else { return list(out) };
    // As people copy it: `error[worktree-dirty]`.
    let wanted = slug.trim_start_matches("error[").trim_end_matches(']');
    let Some((name, body)) = sections().find(|(name, _)| *name == wanted) else {
        return Err(unknown(wanted));
    };
    if out.json {
        out.json(&serde_json::json!({"slug": name, "text": body}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (cause, ways) = body.split_once(WAYS).unwrap_or((body, ""));
    out.line(&out.paint(Tone::Strong, name))?;
    out.marked(2, cause.trim())?;
    if !ways.is_empty() {
        out.line("")?;
        out.line(&out.paint(Tone::Strong, WAYS))?;
        for way in steps(ways.trim()) {
            out.marked(2, &way)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The ways out, one a line: they are parted by semicolons outside of commands; what comes `then` belongs to what is before.
fn steps(ways: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut in_command = false;
    let ways = ways.split_whitespace().collect::<Vec<_>>().join(" ");
    for (at, letter) in ways.char_indices() {
        in_command ^= letter == '`';
        let ends = letter == ';' && !in_command && !ways[at..].starts_with("; then ");
        match steps.last_mut() {
            Some(step) if !ends => step.push(letter),
            _ => steps.push(String::new()),
        }
    }
    let steps = steps.iter().map(|step| step.trim().trim_end_matches('.'));
    steps.filter(|step| !step.is_empty()).map(|step| format!("- {step}")).collect()
}

/// All errors by subject, each with the first sentence about it.
fn list(out: &Output) -> Outcome {
    if out.json {
        let all: Vec<_> = sections()
            .map(|(slug, body)| serde_json::json!({"slug": slug, "subject": subject(slug), "text": body}))
            .collect();
        out.json(&all)?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = sections().map(|(slug, _)| slug.len()).max().unwrap_or(0);
    let subjects = SUBJECTS.iter().map(|(name, _)| *name).chain([REST]);
    for name in subjects {
        let of: Vec<_> = sections().filter(|(slug, _)| subject(slug) == name).collect();
        if of.is_empty() {
            continue;
        }
        out.line(&out.paint(Tone::Strong, name))?;
        for (slug, body) in of {
            out.entry(2, width, (Tone::Wants, slug), first_sentence(body))?;
        }
        out.line("")?;
    }
    out.note("one of them with its ways out: skep explain SLUG");
    Ok(ExitCode::SUCCESS)
}

fn first_sentence(body: &str) -> &str {
    let line = body.lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.')
}

fn subject(slug: &str) -> &'static str {
    let fits = |starts: &&str| {
        starts.split_whitespace().any(|start| {
            let rest = slug.strip_prefix(start);
            rest.is_some_and(|rest| {
                rest.is_empty() || start.ends_with('-') || rest.starts_with('-')
            })
        })
    };
    SUBJECTS.iter().find(|(_, starts)| fits(starts)).map_or(REST, |(name, _)| name)
}

fn unknown(slug: &str) -> CliError {
    let shown = text::words(&text::one_line(slug), 60);
    let likeness = |name: &str| strsim::jaro_winkler(name, slug);
    let err = CliError::error("slug-unknown", format!("no error is called `{shown}`"));
    let near = sections().map(|(name, _)| name).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let err = match near {
        Some(near) => err.hint(format!("skep explain {near}")),
        None => err,
    };
    err.hint("skep explain   lists all of them")
}

/// Every slug, with the first sentence about it.
pub(super) fn slugs() -> impl Iterator<Item = (&'static str, &'static str)> {
    sections().map(|(slug, body)| (slug, first_sentence(body)))
}

/// The errors that are explained, and what is said about each.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    ERRORS.split("\n## ").skip(1).map(|section| {
        let (head, body) = section.split_once('\n').unwrap_or((section, ""));
        (head.trim(), body.trim())
    })
}

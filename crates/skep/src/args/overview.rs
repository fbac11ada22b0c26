//! The verbs by what people want: what `skep help` and `skep --help` show.
//!
//! Owns: the groups and their order. Never: a verb that is not there; one that no row names stands under `MORE`.

use std::fmt::Write as _;

use clap::{Command, builder::StyledStr};

/// Verbs that belong together, and what they are for.
type Row = (&'static [&'static str], &'static str);

/// A group, and its rows.
type Group = (&'static str, &'static [Row]);

const GROUPS: &[Group] = &[
    (
        "START",
        &[
            (&["run"], "Put an agent to work: skep run \"fix the test\""),
            (&["init", "adopt"], "Set a repository up; take worktrees over"),
            (&["task", "plan", "project"], "Work that is wanted; repositories to work in"),
            (&["dispatch", "demo"], "An agent at a real issue; see the whole story"),
        ],
    ),
    (
        "LOOK",
        &[
            (&["status", "ls", "watch"], "What runs, who waits for you (skep alone too)"),
            (&["show", "why", "conflicts"], "All of a run, and why; which runs collide"),
            (&["logs", "diff", "cost"], "What an agent said, changed and used"),
            (&["events", "path", "sh"], "What happened; go to a run's worktree"),
        ],
    ),
    (
        "CONTROL",
        &[
            (&["send", "attach", "open"], "Tell an agent something; its screen, its files"),
            (&["inbox", "questions", "answer"], "What needs you; what agents ask; answer"),
            (&["approve", "reject", "refine"], "A word on plans, leave, proposals"),
            (&["implement", "finalize"], "Carry a plan out; hand over what is done"),
            (&["review", "foreman"], "Look at work again; who answers before you do"),
            (&["pause", "resume", "retry"], "Let it rest, go on, or begin afresh"),
            (&["stop", "abandon", "wait"], "End it, its work stays; give it up; await it"),
        ],
    ),
    (
        "FINISH",
        &[
            (&["land", "gate", "pr"], "Bring it in; only its gates; or propose it"),
            (&["snapshot", "restore", "undo"], "Bring back what was there; take back a close"),
            (&["close", "clean"], "Give a worktree back; what has had its time"),
        ],
    ),
    (
        "SET UP",
        &[
            (&["agent", "policy", "notify"], "Agents; what they may do; where you are told"),
            (&["config", "daemon", "hook"], "Settings; what is behind this; Taskwarrior"),
            (&["doctor", "explain", "bundle"], "What is not well; what errors mean; a report"),
            (&["completions", "help"], "Your shell's Tab key; this, or skep help VERB"),
        ],
    ),
];

/// The same command, with this as its help.
pub(super) fn at(whole: Command) -> Command {
    let text = text(&whole);
    whole.override_help(text)
}

#[cfg(test)]
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    GROUPS.iter().flat_map(|(_, rows)| *rows)
}

/// The width of the column of verbs, and of the groups before it.
const VERBS: usize = 25;
const NAMES: usize = 8;

fn text(whole: &Command) -> StyledStr {
    let is_there = |verb: &&&str| whole.find_subcommand(**verb).is_some_and(|it| !it.is_hide_set());
    let mut page = String::from(
        "\x1b[1mskep\x1b[0m runs a fleet of coding agents on your repositories and loses nothing.\n\n",
    );
    let mut told = Vec::new();
    let mut row = |name: &str, verbs: &[&str], what: &str| {
        // Writing to a string cannot fail.
        let _written = writeln!(
            page,
            "\x1b[2m{name:<NAMES$}\x1b[0m\x1b[1m{:<VERBS$}\x1b[0m{what}",
            verbs.join("  ")
        );
    };
    for (name, rows) in GROUPS {
        let mut name = *name;
        for (verbs, what) in *rows {
            let verbs: Vec<&str> = verbs.iter().filter(is_there).copied().collect();
            if !verbs.is_empty() {
                row(std::mem::take(&mut name), &verbs, what);
                told.extend(verbs);
            }
        }
    }
    let mut name = "MORE";
    for verb in whole.get_subcommands() {
        if !verb.is_hide_set() && !told.contains(&verb.get_name()) {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            row(std::mem::take(&mut name), &[verb.get_name()], &about);
        }
    }
    page.push_str(
        "\nA verb's flags and examples: skep help run. Everywhere: --json, --home DIR, -q\n",
    );
    StyledStr::from(page)
}

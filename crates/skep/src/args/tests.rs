//! Every example and every command that an explanation names can be typed; every verb has both.

use std::ffi::OsString;

use clap::Command;

use super::{command, overview, parse};

/// The words of a command as a shell would give them; it ends at a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    let mut is_open = false;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(end), letter) if letter == end => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                is_open = true;
            }
            (None, '|' | '>') => break,
            (None, ' ') => {
                if is_open || words.last().is_some_and(|word| !word.is_empty()) {
                    words.push(String::new());
                }
                is_open = false;
            }
            (_, letter) => words.last_mut().expect("there is one").push(letter),
        }
    }
    if words.last().is_some_and(String::is_empty) && !is_open {
        words.pop();
    }
    words
}

/// What is wrong with a command that somebody is told to type.
fn fault(line: &str) -> Option<String> {
    let argv: Vec<OsString> = words(line).into_iter().map(OsString::from).collect();
    if argv.iter().any(|word| word == "gatekeeper") {
        return None;
    }
    match parse(&argv) {
        Err(err) if err.use_stderr() => {
            Some(format!("{line}: {}", super::refusal(&err, command(), &argv).message))
        }
        Ok(_) | Err(_) => None,
    }
}

/// The command of skep that a line begins with, variables before it left out.
fn of_skep(line: &str) -> Option<&str> {
    let at = line
        .find("skep")
        .filter(|at| line[at + 4..].is_empty() || line[at + 4..].starts_with(' '))?;
    let before = words(&line[..at]);
    before.iter().all(|word| word.contains('=')).then(|| &line[at..])
}

/// The examples of a verb, without what they are for.
fn examples(verb: &Command) -> Vec<String> {
    let text = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = text.lines().filter_map(|line| of_skep(line.strip_prefix("  ")?));
    lines.map(|line| line.split("  ").next().unwrap_or_default().trim().to_owned()).collect()
}

/// Every verb that has none below it, with its whole name.
fn leaves(command: &Command, above: &str) -> Vec<(String, Command)> {
    let below = command.get_subcommands().flat_map(|verb| {
        let name = format!("{above} {}", verb.get_name()).trim().to_owned();
        if verb.has_subcommands() { leaves(verb, &name) } else { vec![(name, verb.clone())] }
    });
    below.filter(|(name, _)| name != "gatekeeper").collect()
}

#[track_caller]
fn nothing_wrong(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_verb_has_two_to_four_examples_that_can_be_typed_and_that_show_this_verb() {
    let mut faults = Vec::new();
    for (name, verb) in leaves(&command(), "") {
        let examples = examples(&verb);
        if !(2..=4).contains(&examples.len()) {
            faults.push(format!("{name}: {} examples", examples.len()));
        }
        faults.extend(examples.iter().filter_map(|line| fault(line)));
        if !examples.iter().any(|line| words(line).join(" ").starts_with(&format!("skep {name}"))) {
            faults.push(format!("{name}: no example shows it"));
        }
    }
    nothing_wrong(&faults);
}

#[test]
fn every_verb_says_in_one_sentence_what_it_does_and_explains_each_of_its_arguments() {
    let mut faults = Vec::new();
    for (name, verb) in leaves(&command(), "") {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        if about.is_empty() || about.ends_with('.') || about.lines().count() != 1 {
            faults.push(format!("{name}: `{about}`"));
        }
        let silent = verb.get_arguments().filter(|arg| arg.get_help().is_none());
        faults.extend(silent.map(|arg| format!("{name}: {} has no help", arg.get_id())));
    }
    nothing_wrong(&faults);
}

#[test]
fn the_overview_names_every_verb_once_and_fits_a_small_terminal() {
    let whole = command();
    let text = whole.clone().render_help().to_string();
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows.len() <= 26, "{} rows:\n{text}", rows.len());
    nothing_wrong(
        &rows
            .iter()
            .filter(|row| row.chars().count() > 80)
            .map(|row| (*row).to_owned())
            .collect::<Vec<_>>(),
    );
    let named: Vec<&str> = overview::rows().flat_map(|(verbs, _)| verbs.iter().copied()).collect();
    let mut faults = Vec::new();
    for verb in whole.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let times = named.iter().filter(|name| **name == verb.get_name()).count();
        if times != 1 {
            faults.push(format!("`{}` stands in {times} rows of the overview", verb.get_name()));
        }
    }
    nothing_wrong(&faults);
}

#[test]
fn a_row_of_the_overview_that_has_no_verb_yet_is_promised_in_the_contract() {
    let contract = include_str!("../../../../docs/contract.md");
    let whole = command();
    let faults: Vec<String> = overview::rows()
        .flat_map(|(verbs, _)| verbs.iter())
        .filter(|verb| whole.find_subcommand(verb).is_none())
        .filter(|verb| !contract.contains(&format!("`{verb}")))
        .map(|verb| format!("`{verb}` is nowhere"))
        .collect();
    nothing_wrong(&faults);
}

/// The sections of the page of errors: slug and text.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    let page = include_str!("../../../../docs/errors.md");
    page.split("\n## ").skip(1).filter_map(|section| section.split_once('\n'))
}

/// What stands in backticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Programs that lead out of an error, beside skep and git.
const PROGRAMS: &[&str] = &[
    "cd",
    "chmod",
    "command",
    "cp",
    "df",
    "export",
    "fuser",
    "git",
    "ls",
    "mount",
    "mv",
    "ps",
    "rm",
    "skep",
    "systemctl",
    "tail",
    "tmux",
];

#[test]
fn every_explanation_names_a_command_that_leads_out_and_every_one_of_skep_can_be_typed() {
    let mut faults = Vec::new();
    for (slug, body) in sections() {
        let (_, ways) = body.split_once("Ways out:").unwrap_or_default();
        let leads =
            spans(ways).any(|span| PROGRAMS.contains(&span.split(' ').next().unwrap_or_default()));
        if !leads {
            faults.push(format!("{slug}: no command leads out"));
        }
        let typed = spans(body).filter(|span| span.contains("skep ")).filter_map(of_skep);
        faults.extend(typed.filter_map(fault).map(|fault| format!("{slug}: {fault}")));
    }
    nothing_wrong(&faults);
}

#[test]
fn a_command_is_read_as_a_shell_reads_it() {
    assert_eq!(
        words("skep run \"a b\"  'c' \"\" d | jq . > x"),
        ["skep", "run", "a b", "c", "", "d"]
    );
    assert_eq!(of_skep("A=b C='d e' skep open x"), Some("skep open x"));
    assert_eq!(
        (of_skep("git skep"), of_skep("skeps"), of_skep("skep")),
        (None, None, Some("skep"))
    );
    assert!(fault("skep run \"a b\" --titel").is_some());
    assert!(fault("skep rnu").is_some());
    assert!(fault("skep run --help").is_none(), "a help that is asked for is no fault");
}

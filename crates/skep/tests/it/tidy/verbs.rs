//! The contract's table of verbs against the verbs that the binary has.

use std::collections::BTreeSet;

use skep_host::proc::Program;

use super::{
    nothing_wrong,
    reached::product,
    root,
    source::{each_production_list, read, string},
};

/// What marks a verb of the contract that the binary does not have yet.
const TO_COME: &str = "(to come)";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Verb,
    Alias,
}

/// The verbs, or the aliases, that the table of `contract` promises now.
///
/// Shape: a code span of the first column begins with its verb: the words before the first flag, argument or
/// bracket. `project ls\|show\|rm` is three verbs. A span that begins with a dash is a flag.
fn promised(contract: &str, kind: Kind) -> BTreeSet<String> {
    let spans = rows(contract).flat_map(|row| spans_now(&first_column(row), kind));
    spans.flat_map(|span| spelled_out(&span)).collect()
}

/// The rows of the table of verbs.
fn rows(contract: &str) -> impl Iterator<Item = &str> {
    let section = contract.split("\n## 2. ").nth(1).expect("section 2 holds the verbs");
    let section = section.split("\n## ").next().expect("a first part");
    section.lines().filter(|line| line.starts_with("| `"))
}

/// The flags that the table of `contract` promises now, each with its verb.
fn promised_flags(contract: &str) -> Vec<(String, String)> {
    let mut promised = Vec::new();
    for span in rows(contract).flat_map(|row| spans_now(&first_column(row), Kind::Verb)) {
        let flags = span.split(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
        let flags: Vec<&str> =
            flags.filter(|word| word.len() > 2 && word.starts_with("--")).collect();
        for verb in spelled_out(&span) {
            promised.extend(flags.iter().map(|flag| (verb.clone(), (*flag).to_owned())));
        }
    }
    promised
}

/// The first column of a row, with `|` in it as it reads.
fn first_column(row: &str) -> String {
    let row = row.trim_start_matches('|').replace("\\|", "\u{0}");
    row.split('|').next().expect("a first part").replace('\u{0}', "|")
}

/// The code spans of a column that are not still to come: verbs, or the aliases that stand in brackets behind them.
fn spans_now(column: &str, wanted: Kind) -> Vec<String> {
    let parts: Vec<&str> = column.split('`').collect();
    let mut depth = 0;
    let mut found = Vec::new();
    for at in (1..parts.len()).step_by(2) {
        depth += parts[at - 1].matches('(').count();
        depth -= parts[at - 1].matches(')').count();
        let kind = if depth == 0 { Kind::Verb } else { Kind::Alias };
        let to_come =
            parts.get(at + 1).is_some_and(|after| after.trim_start().starts_with(TO_COME));
        if kind == wanted && !to_come {
            found.push(parts[at].to_owned());
        }
    }
    found
}

fn spelled_out(span: &str) -> Vec<String> {
    let is_verb = |word: &&str| {
        word.chars().all(|letter| letter.is_ascii_lowercase() || "-|".contains(letter))
    };
    let words: Vec<&str> = span
        .split_whitespace()
        .take_while(is_verb)
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let words: Vec<&str> = words.into_iter().skip_while(|word| *word == "skep").collect();
    let Some((last, before)) = words.split_last() else { return Vec::new() };
    let spelled = last
        .split('|')
        .map(|last| before.iter().copied().chain([last]).collect::<Vec<_>>().join(" "));
    spelled.collect()
}

/// What the binary says on standard output to these arguments.
fn said(args: &[&str]) -> String {
    let home = tempfile::tempdir().expect("a home");
    let said = Program::new(env!("CARGO_BIN_EXE_skep"))
        .args(args)
        .env("HOME", home.path())
        .env("SKEP_HOME", home.path())
        .env("SKEP_NO_DAEMON", "1")
        .output()
        .expect("skep answers");
    String::from_utf8(said.stdout).expect("UTF-8")
}

/// The verbs that the binary names: one a line, hidden ones included, aliases not.
fn real() -> BTreeSet<String> {
    let text = said(&["help", "--verbs"]);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_verbs_of_the_contract_are_those_of_the_binary() {
    let promised = promised(&read(&root().join("docs/contract.md")), Kind::Verb);
    let real = real();
    let missing: Vec<&String> = promised.difference(&real).collect();
    let silent: Vec<&String> = real.difference(&promised).collect();
    assert!(
        missing.is_empty() && silent.is_empty(),
        "promised but not there (mark them {TO_COME}): {missing:?}\nthere but not promised: {silent:?}"
    );
}

#[test]
fn the_aliases_of_the_contract_are_known_to_the_binary() {
    let aliases = promised(&read(&root().join("docs/contract.md")), Kind::Alias);
    assert!(!aliases.is_empty(), "the table has aliases");
    let unknown =
        aliases.iter().filter(|alias| !said(&[alias.as_str(), "--help"]).contains("Usage:"));
    nothing_wrong(&unknown.map(|alias| format!("`skep {alias}` is not known")).collect::<Vec<_>>());
}

/// The guards read their own arguments, before anything that could print a help.
const WITHOUT_HELP: &str = "gatekeeper";

#[test]
fn the_flags_of_the_contract_are_in_the_help_of_their_verb() {
    let mut missing = Vec::new();
    for (verb, flag) in promised_flags(&read(&root().join("docs/contract.md"))) {
        let mut args: Vec<&str> = verb.split(' ').collect();
        args.push("--help");
        let is_there = |help: String| {
            help.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == flag)
        };
        if verb != WITHOUT_HELP && !is_there(said(&args)) {
            missing.push(format!("skep {verb} has no {flag}"));
        }
    }
    nothing_wrong(&missing);
}

/// The commands that `text` tells a reader to type: a line or a code span that begins with `skep `.
fn told(text: &str) -> Vec<String> {
    let spans = text.split('`').skip(1).step_by(2).chain(text.lines());
    spans.filter_map(|span| span.trim().strip_prefix("skep ")).map(str::to_owned).collect()
}

/// The commands of `told` whose verb is not among `verbs`; a command may begin with flags, and `VERB` stands for any.
fn unknown_commands(told: &[String], verbs: &BTreeSet<String>) -> Vec<String> {
    let is_known = |command: &str| {
        let words = command
            .split_whitespace()
            .take(2)
            .map(|word| word.trim_end_matches([':', ',', '.', ';']));
        let words: Vec<&str> = words.collect();
        let first = words.first().copied().unwrap_or_default();
        let any = !first.starts_with(|letter: char| letter.is_ascii_lowercase());
        let a_group =
            words.len() == 1 && verbs.iter().any(|verb| verb.starts_with(&format!("{first} ")));
        any || a_group || verbs.contains(first) || verbs.contains(&words.join(" "))
    };
    told.iter()
        .filter(|command| !is_known(command))
        .map(|command| format!("`skep {command}` is no command"))
        .collect()
}

#[test]
fn nobody_is_told_to_type_a_verb_that_is_not_there() {
    let contract = read(&root().join("docs/contract.md"));
    let mut verbs = promised(&contract, Kind::Verb);
    verbs.extend(promised(&contract, Kind::Alias));
    let pages = ["README.md", "docs/errors.md", "docs/scripted.md", "scripts/install"];
    let mut commands: Vec<String> =
        pages.iter().flat_map(|page| told(&read(&root().join(page)))).collect();
    for source in product(&root()) {
        each_production_list(&source.tokens, &mut |tokens| {
            commands.extend(
                tokens
                    .iter()
                    .filter_map(|token| string(Some(token)))
                    .flat_map(|text| told(&text.replace("\\n", "\n"))),
            );
        });
    }
    nothing_wrong(&unknown_commands(&commands, &verbs));
}

#[test]
fn a_command_with_a_verb_that_is_not_there_is_found() {
    let text = "Type `skep go there` or `git skep`:\n    skep ls -f\nskep agent ls\n`skep --help`, `skep VERB`, skep runs";
    let verbs = ["ls", "agent show"].map(str::to_owned).into();
    assert_eq!(
        unknown_commands(&told(text), &verbs),
        ["`skep go there` is no command", "`skep agent ls` is no command"]
    );
}

#[test]
fn a_verb_is_read_with_its_alternatives_and_without_its_arguments_and_aliases_apart() {
    let table = "\n## 2. Verbs\n\n| verb | does |\n|---|---|\n| `run [TASK\\|TITLE…] [-d\\|-f]` (`spawn`, `new` (to come)) | `not this` |\n| `project ls\\|show\\|rm`, `project add PATH\\|URL` | x |\n| `watch` (to come), `skep`, `hook on-add` (`kill` = `--now`), `path ID` | y |\n\n## 3. Views\n| `nor` | this |\n";
    let verbs =
        ["hook on-add", "path", "project add", "project ls", "project rm", "project show", "run"];
    assert_eq!(promised(table, Kind::Verb), verbs.map(str::to_owned).into());
    assert_eq!(promised(table, Kind::Alias), ["kill", "spawn"].map(str::to_owned).into());
}

#[test]
fn a_flag_is_read_with_its_verb() {
    let table = "\n## 2. Verbs\n| `run [T] [--dry-run] [-d]`, `x [--later]` (to come), `a b\\|c --now N` | `--not` |\n";
    let expected = [("run", "--dry-run"), ("a b", "--now"), ("a c", "--now")];
    assert_eq!(
        promised_flags(table),
        expected.map(|(verb, flag)| (verb.to_owned(), flag.to_owned()))
    );
}

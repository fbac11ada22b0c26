//! What is wrong with a command line, and what to type instead.
//!
//! Owns: the message and the ways out for everything that cannot be read. Never: guesses and does it.

use std::{ffi::OsString, num::ParseIntError};

use clap::{
    Arg, Command, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};
use skep_api::wire::Refusal;
use skep_core::text;

/// What people call our verbs elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    ("add", "project add"),
    ("begin", "run"),
    ("cancel", "stop"),
    ("cd", "path"),
    ("checkout", "sh"),
    ("cleanup", "clean"),
    ("create", "run"),
    ("delete", "close"),
    ("describe", "show"),
    ("enter", "sh"),
    ("exec", "sh"),
    ("finalize", "land"),
    ("get", "show"),
    ("info", "show"),
    ("inspect", "show"),
    ("install", "daemon install"),
    ("log", "logs"),
    ("man", "help"),
    ("message", "send"),
    ("ping", "send"),
    ("propose", "pr"),
    ("pull-request", "pr"),
    ("settings", "config"),
    ("setup", "init"),
    ("shell", "sh"),
    ("start", "run"),
    ("tail", "logs"),
    ("tell", "send"),
    ("terminate", "stop"),
    ("top", "watch"),
    ("tui", "watch"),
    ("version", "--version"),
];

/// The same below another verb.
const BELOW: &[(&str, &str, &str)] = &[
    ("config", "edit", "path"),
    ("config", "get", "show"),
    ("config", "list", "show"),
    ("daemon", "disable", "uninstall"),
    ("daemon", "enable", "install"),
    ("daemon", "restart", "stop"),
    ("project", "delete", "rm"),
    ("project", "new", "add"),
    ("project", "remove", "rm"),
    ("snapshot", "create", "take"),
    ("snapshot", "delete", "rm"),
    ("task", "create", "add"),
    ("task", "new", "add"),
];

/// How alike two words must be for one to be meant by the other.
const ALIKE: f64 = 0.8;
/// How much of what was typed an error repeats. Characters.
const ECHO: usize = 60;

/// The answer to a command line that `whole` could not read.
pub(crate) fn refusal(err: &Error, mut whole: Command, argv: &[OsString]) -> Refusal {
    // What an argument is called is only known then.
    whole.build();
    let whole = &whole;
    let (path, verb) = named(whole, argv);
    let help = if path.is_empty() { "skep help".to_owned() } else { format!("skep help {path}") };
    let of = if path.is_empty() { "skep".to_owned() } else { format!("skep {path}") };
    let given = said(err, ContextKind::InvalidArg).unwrap_or_default();
    let refuse = |message: String| Refusal::error("usage", message);
    match err.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = said(err, ContextKind::InvalidSubcommand).unwrap_or_default();
            no_verb(whole, &path, &word)
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let verbs = || verb.get_subcommands().filter(|it| !it.is_hide_set());
            let names: Vec<&str> = verbs().map(Command::get_name).collect();
            let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
            let refusal = refuse(format!("`{of}` wants one more word: {}", one_of(&names)));
            verbs().fold(refusal, |refusal, it| {
                let about = it.get_about().map(ToString::to_string).unwrap_or_default();
                refusal.hint(format!("{of} {:<width$}   {about}", it.get_name()))
            })
        }
        ErrorKind::UnknownArgument if given.starts_with('-') => {
            unknown_flag(verb, &of, &given, argv).hint(help)
        }
        ErrorKind::UnknownArgument => {
            let refusal = refuse(format!("`{of}` has no place for `{}`", echo(&given)));
            let takes_words = verb.get_positionals().any(|arg| arg.get_id() == "text");
            let runs_one = verb.get_positionals().any(Arg::is_last_set);
            if let (true, Some(example)) = (runs_one, last_example(verb)) {
                return refusal.hint(format!("a command stands behind --: {example}")).hint(help);
            }
            let quoting = examples(verb).into_iter().find(|example| example.contains('"'));
            let refusal = match quoting.filter(|_| takes_words || given.contains(' ')) {
                Some(example) => refusal.hint(format!("words belong into quotes: {example}")),
                None => refusal,
            };
            refusal.hint(help)
        }
        ErrorKind::MissingRequiredArgument => missing(err, verb, &of).hint(help),
        ErrorKind::ArgumentConflict => {
            let prior = said(err, ContextKind::PriorArg).unwrap_or_default();
            let (given, prior) = (flag(&given), flag(&prior));
            if given == prior || prior.is_empty() {
                refuse(format!("`{given}` is given twice to `{of}`")).hint(help)
            } else {
                refuse(format!("`{given}` and `{prior}` exclude each other"))
                    .hint("leave one of them out")
                    .hint(help)
            }
        }
        ErrorKind::InvalidValue => value(err, &given).hint(help),
        ErrorKind::ValueValidation => {
            let value = said(err, ContextKind::InvalidValue).unwrap_or_default();
            refuse(format!("`{}` cannot be `{}`: {}", flag(&given), echo(&value), source(err)))
                .hint(help)
        }
        ErrorKind::TooManyValues => refuse(format!("`{}` takes no value", flag(&given))).hint(help),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues | ErrorKind::NoEquals => {
            refuse(format!("`{}` wants a value", flag(&given))).hint(help)
        }
        ErrorKind::InvalidUtf8 => refuse(format!("an argument of `{of}` is not UTF-8")).hint(help),
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::Io
        | ErrorKind::Format
        | _ => {
            let text = err.to_string();
            let first = text.lines().next().unwrap_or_default();
            refuse(first.trim_start_matches("error: ").to_owned()).hint(help)
        }
    }
}

/// The answer to a word that is no verb of `path`, which is empty for skep itself.
pub(crate) fn no_verb(whole: &Command, path: &str, word: &str) -> Refusal {
    let shown = echo(word);
    if let Some(refusal) = super::dispatch::bare(word).filter(|_| path == "dispatch") {
        return refusal.hint("skep help dispatch");
    }
    if !path.is_empty() {
        let above = path.split(' ').try_fold(whole, |it, name| it.find_subcommand(name));
        let below: Vec<&str> = above
            .into_iter()
            .flat_map(Command::get_subcommands)
            .filter(|it| !it.is_hide_set())
            .map(Command::get_name)
            .collect();
        let refusal = if below.is_empty() {
            Refusal::error("usage", format!("`skep {path}` has no verbs below it: `{shown}`"))
        } else {
            let known = one_of(&below);
            Refusal::error("usage", format!("`skep {path}` cannot `{shown}`, only {known}"))
        };
        let theirs = BELOW.iter().find(|(above, theirs, _)| *above == path && *theirs == word);
        let ours = theirs.map(|(_, _, ours)| *ours).filter(|ours| below.contains(ours));
        return match ours.or_else(|| nearest(word, below.into_iter())) {
            Some(near) => refusal.hint(format!("did you mean `skep {path} {near}`?")),
            None => refusal,
        }
        .hint(format!("skep help {path}"));
    }
    if word.trim().contains(char::is_whitespace) {
        return Refusal::error("usage", format!("there is no verb `{shown}`"))
            .hint(format!("is an agent to do it? skep run {}", quoted(&shown)))
            .hint("skep help");
    }
    let refusal = Refusal::error("usage", format!("there is no verb `{shown}`"));
    let is_there = |verb: &str| {
        verb.starts_with('-')
            || verb.split(' ').try_fold(whole, |it, name| it.find_subcommand(name)).is_some()
    };
    let elsewhere = ELSEWHERE.iter().find(|(theirs, ours)| *theirs == word && is_there(ours));
    let names = whole
        .get_subcommands()
        .filter(|it| !it.is_hide_set())
        .flat_map(|it| it.get_visible_aliases().chain([it.get_name()]));
    let meant = elsewhere.map(|(_, ours)| *ours).or_else(|| nearest(word, names));
    match meant {
        Some(meant) => refusal.hint(format!("did you mean `skep {meant}`?")),
        None => refusal.hint(format!("is a run called so? skep show {}", quoted(&shown))),
    }
    .hint("skep help")
}

/// The verb that `argv` names, as far as there is one.
fn named<'a>(whole: &'a Command, argv: &[OsString]) -> (String, &'a Command) {
    let mut path = Vec::new();
    let mut here = whole;
    let mut words = argv.iter().skip(1).map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == "--home" {
            words.next();
        }
        if word.starts_with('-') {
            continue;
        }
        let Some(below) = here.find_subcommand(&*word) else { break };
        path.push(below.get_name());
        here = below;
    }
    (path.join(" "), here)
}

fn unknown_flag(verb: &Command, of: &str, given: &str, argv: &[OsString]) -> Refusal {
    let words = argv.iter().skip(1).map(|word| word.to_string_lossy());
    let is_text = |word: &str| word.starts_with('-') && word.contains(char::is_whitespace);
    let (texts, rest): (Vec<_>, Vec<_>) = words.partition(|word| is_text(word));
    if let Some(text) = texts.first() {
        let text = format!("`{}` begins with a dash and is read as a flag", echo(text));
        let rest: Vec<String> = rest.iter().map(|word| quoted(&echo(word))).collect();
        let last: Vec<String> = texts.iter().map(|word| quoted(&echo(word))).collect();
        return Refusal::error("usage", text).hint(format!(
            "what stands behind -- is no flag: skep {} -- {}",
            rest.join(" "),
            last.join(" ")
        ));
    }
    let refusal = Refusal::error("usage", format!("`{of}` has no flag `{}`", echo(given)));
    let longs = verb
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .filter_map(Arg::get_long)
        .chain(["json", "quiet", "verbose", "home", "help"]);
    let word = given.trim_start_matches('-').split('=').next().unwrap_or_default();
    match (nearest(word, longs), example(verb)) {
        (Some(near), _) => refusal.hint(format!("did you mean `--{near}`?")),
        (None, Some(example)) => refusal.hint(example),
        (None, None) => refusal,
    }
}

fn missing(err: &Error, verb: &Command, of: &str) -> Refusal {
    let wanted = list(err, ContextKind::InvalidArg);
    let args = wanted.iter().filter_map(|shown| {
        verb.get_arguments().find(|arg| shown.contains(&arg.to_string()) || is_called(arg, shown))
    });
    let args: Vec<&Arg> = args.collect();
    let told: Vec<String> = args
        .iter()
        .map(|arg| {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let values = arg.get_possible_values();
            let names: Vec<&str> =
                values.iter().map(clap::builder::PossibleValue::get_name).collect();
            let what = help.split(" [default").next().unwrap_or_default();
            let what = if names.is_empty() { uncapitalised(what) } else { one_of(&names) };
            format!("{} ({what})", name_of(arg))
        })
        .collect();
    let told = if told.is_empty() { wanted.join(", ") } else { told.join(" and ") };
    let refusal = Refusal::error("usage", format!("`{of}` wants {told}"));
    let has = |example: &String, arg: &&Arg| {
        arg.get_long().is_some_and(|long| example.contains(&format!(" --{long} ")))
    };
    let shown = examples(verb).into_iter().find(|it| args.iter().any(|arg| has(it, arg)));
    let refusal = match shown.or_else(|| example(verb)) {
        Some(example) => refusal.hint(example),
        None => refusal,
    };
    let of_runs = args.iter().any(|arg| matches!(arg.get_id().as_str(), "id" | "ids" | "within"));
    let of_plans =
        ["implement", "finalize", "plan show", "plan edit"].iter().any(|it| of.ends_with(it));
    if of_runs && of_plans {
        refusal.hint("skep task ls   the tasks there are")
    } else if of_runs && !of.contains("task") {
        refusal.hint("skep ls   the runs there are")
    } else {
        refusal
    }
}

fn value(err: &Error, given: &str) -> Refusal {
    let value = said(err, ContextKind::InvalidValue).unwrap_or_default();
    let known = list(err, ContextKind::ValidValue);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let name = flag(given);
    if value.is_empty() {
        let told = if known.is_empty() { String::new() } else { format!(": {}", one_of(&known)) };
        return Refusal::error("usage", format!("`{name}` wants a value{told}"));
    }
    let text = format!("`{name}` cannot be `{}`, only {}", echo(&value), one_of(&known));
    let refusal = Refusal::error("usage", text);
    match nearest(&value, known.into_iter()) {
        Some(near) => refusal.hint(format!("did you mean `{near}`?")),
        None => refusal,
    }
}

/// Why a value was refused, in words.
fn source(err: &Error) -> String {
    let Some(source) = std::error::Error::source(err) else { return "no such value".to_owned() };
    if source.downcast_ref::<ParseIntError>().is_some() {
        return "a whole number is wanted".to_owned();
    }
    let text = source.to_string();
    if text.contains(" is not in 0..") {
        "a whole number from 0 is wanted".to_owned()
    } else {
        text
    }
}

/// The first example of a verb.
fn example(verb: &Command) -> Option<String> {
    examples(verb).into_iter().next()
}

fn last_example(verb: &Command) -> Option<String> {
    examples(verb).pop()
}

fn examples(verb: &Command) -> Vec<String> {
    let text = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.strip_prefix("  skep "));
    let command = |line: &str| line.split("  ").next().unwrap_or_default().trim_end().to_owned();
    lines.map(|line| format!("skep {}", command(line))).collect()
}

fn is_called(arg: &Arg, shown: &str) -> bool {
    let shown = flag(shown);
    arg.get_long().is_some_and(|long| shown == format!("--{long}"))
        || arg
            .get_value_names()
            .is_some_and(|names| names.iter().any(|name| shown == name.as_str()))
}

fn name_of(arg: &Arg) -> String {
    match arg.get_long() {
        Some(long) => format!("--{long}"),
        None => flag(&arg.to_string()),
    }
}

/// `--merged <IDS>...` as `--merged`, `<IDS>...` as `IDS`.
fn flag(shown: &str) -> String {
    let first = shown.split_whitespace().next().unwrap_or_default();
    first.trim_start_matches(['<', '[']).trim_end_matches(['.', '>', ']']).to_owned()
}

fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => format!("{}{}", first.to_lowercase(), letters.as_str()),
        None => String::new(),
    }
}

fn one_of(known: &[&str]) -> String {
    match known {
        [] => "nothing".to_owned(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // Two letters that changed places are one slip of the fingers, wherever they stand.
    let is_slip =
        |known: &str| known.len() > 2 && strsim::osa_distance(known, &word) <= 1 + known.len() / 6;
    let likeness =
        |known: &str| strsim::jaro_winkler(known, &word) + f64::from(u8::from(is_slip(known)));
    known.filter(|it| likeness(it) >= ALIKE).max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

/// What was typed, short and harmless.
fn echo(typed: &str) -> String {
    text::words(&text::one_line(typed), ECHO)
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@=+,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if word.contains(['"', '$', '`', '\\', '!']) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    format!("\"{word}\"")
}

fn said(err: &Error, kind: ContextKind) -> Option<String> {
    list(err, kind).into_iter().next()
}

fn list(err: &Error, kind: ContextKind) -> Vec<String> {
    match err.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

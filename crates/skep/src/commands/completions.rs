//! `skep completions`
//!
//! The engine of `clap_complete` knows which word may follow; the scripts are our own, because its own speak with the
//! binary in a way that may change with a version, and ours lie in files that outlive one. A script takes each candidate
//! as it is: nothing of it is ever evaluated, split or globbed.

use std::{
    ffi::{OsStr, OsString},
    io,
    process::ExitCode,
    time::Duration,
};

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete as candidates};
use serde_json::Value;
use skep_api::{request::Ask, view::RunView};
use skep_core::text;
use skep_daemon::config;

use super::{explain, state_of};
use crate::{
    args,
    connect::{Skep, random_id},
    exit::Outcome,
    output::Output,
};

/// How long a daemon is waited for, while a person waits for their Tab key.
const PATIENCE: Duration = Duration::from_millis(200);
/// The longest description beside a candidate. Characters.
const BESIDE: usize = 50;

const BASH: &str = r#"# Completions of skep for bash.
_skep() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        printf -v candidate %q "$candidate"
        COMPREPLY+=("$candidate")
    done < <(skep completions bash --at "$COMP_CWORD" -- "${COMP_WORDS[@]}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then compopt -o nospace; fi
}
complete -o nosort -F _skep skep
"#;

const ZSH: &str = r#"#compdef skep
# Completions of skep for zsh.
_skep() {
    local value what
    local -a values shown
    while IFS=$'\t' read -r value what; do
        values+=("$value")
        shown+=("$value${what:+  -- $what}")
    done < <(skep completions zsh --at $((CURRENT - 1)) -- "${(@Q)words}" 2>/dev/null)
    if (( ${#values} )); then compadd -l -d shown -a values; else _files; fi
}
if [[ $funcstack[1] == _skep ]]; then _skep "$@"; else compdef _skep skep; fi
"#;

const FISH: &str = r#"# Completions of skep for fish.
function __skep_complete
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    skep completions fish --at (count $before) -- $before (commandline --current-token --cut-at-cursor) 2>/dev/null
end
complete --command skep --no-files --keep-order --arguments '(__skep_complete)'
"#;

/// Prints the script for a shell.
pub(super) fn script(out: &Output, shell: &str) -> Outcome {
    let script = match shell {
        "bash" => BASH,
        "zsh" => ZSH,
        _ => FISH,
    };
    if out.json {
        out.json(&serde_json::json!({"shell": shell, "script": script}))?;
    } else {
        out.line(script.trim_end())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what may stand for the word `at` of `words`, one a line; behind a tab what it is, where a shell shows that.
pub(super) fn complete(skep: &Skep, shell: &str, at: usize, mut words: Vec<OsString>) -> Outcome {
    let mut at = at.min(words.len());
    if words.len() <= at {
        words.push(OsString::new());
    }
    if shell == "bash" {
        at = join_values(&mut words, at);
    }
    let here = std::path::absolute(".")?;
    let mut whole = live(args::command(), skep);
    // A line on which nothing can follow has no candidates, which is no error.
    let found = candidates(&mut whole, words, at, Some(&here)).unwrap_or_default();
    for candidate in found {
        let Some(value) = candidate.get_value().to_str().filter(|value| is_whole(value)) else {
            continue;
        };
        let what = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let what = text::words(&text::one_line(what.lines().next().unwrap_or_default()), BESIDE);
        match shell {
            // Only the part behind `--flag=` is replaced.
            "bash" if value.starts_with("--") => {
                skep.out.line(value.split_once('=').map_or(value, |(_, value)| value))?;
            }
            "bash" => skep.out.line(value)?,
            _ if what.is_empty() => skep.out.line(value)?,
            _ => skep.out.line(&format!("{value}\t{what}"))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a candidate is one line that no terminal reads as anything but text.
fn is_whole(value: &str) -> bool {
    !value.is_empty() && text::visible(value) == value && !value.contains(['\n', '\t'])
}

/// Puts `--flag`, `=` and `value`, which bash takes for three words, together again; returns where the word then is.
fn join_values(words: &mut Vec<OsString>, at: usize) -> usize {
    let is_flag = |word: &OsString| word.to_str().is_some_and(|word| word.starts_with("--"));
    let mut at = at;
    let mut nth = 1;
    while nth < words.len() {
        if words[nth] != "=" || !is_flag(&words[nth - 1]) {
            nth += 1;
            continue;
        }
        let upto = (nth + 2).min(words.len());
        let tail: OsString = words.drain(nth..upto).collect();
        words[nth - 1].push(tail);
        if at >= nth {
            at -= (at - (nth - 1)).min(upto - nth);
        }
    }
    at
}

/// The same command, its arguments with what there is of them now.
fn live(command: Command, skep: &Skep) -> Command {
    let verb = command.get_name().to_owned();
    let names: Vec<String> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let command = names
        .into_iter()
        .fold(command, |command, name| command.mut_subcommand(name, |below| live(below, skep)));
    command.mut_args(|arg| match source(&verb, &arg) {
        Some(source) => {
            let skep = skep.clone();
            arg.add(ArgValueCompleter::new(move |word: &OsStr| {
                // Whoever presses Tab wants no error; there is nothing to offer then.
                let found = source(&skep).unwrap_or_default();
                let word = word.to_string_lossy().into_owned();
                let fits = found.into_iter().filter(|(value, _)| value.starts_with(&word));
                fits.map(|(value, what)| CompletionCandidate::new(value).help(Some(what.into())))
                    .collect()
            }))
        }
        None => arg,
    })
}

/// What may stand for an argument, each with what it is.
type Source = fn(&Skep) -> Option<Vec<(String, String)>>;

/// Where the values of an argument come from, by its name and its verb.
fn source(verb: &str, arg: &Arg) -> Option<Source> {
    match (verb, arg.get_id().as_str()) {
        ("task" | "show", "id") if is_of_task(arg) => Some(tasks),
        ("status", "id") => Some(tasks),
        ("conflicts", "of") => Some(runs_and_projects),
        (_, "id" | "ids" | "session") => Some(runs),
        ("run", "titles") | (_, "task" | "needs") => Some(tasks),
        (_, "question") => Some(questions),
        (_, "snapshot" | "snapshots") => Some(snapshots),
        (_, "project" | "part") | ("show" | "rm", "name") => Some(projects),
        (_, "agent") => Some(agents),
        (_, "slug") => Some(slugs),
        (_, "key") => Some(keys),
        ("help", "verb") => Some(verbs),
        ("wait", "until") => Some(states),
        _ => None,
    }
}

fn is_of_task(arg: &Arg) -> bool {
    arg.get_help().is_some_and(|help| help.to_string().starts_with("Its id"))
}

/// Asks a daemon that runs; none is started, and none is waited for that is slow.
fn ask(skep: &Skep, ask: Ask) -> Option<Value> {
    let mut client = skep.standing().ok()?;
    client.socket().set_read_timeout(Some(PATIENCE)).ok()?;
    client.ask(&random_id().ok()?, ask, |_| ()).ok()
}

/// One entry of a list of views: the text under `name`, and what it is.
fn listed(views: &Value, name: &str, what: &[&str]) -> Option<Vec<(String, String)>> {
    let text = |view: &Value, name: &str| view[name].as_str().unwrap_or_default().to_owned();
    let entry = |view: &Value| {
        let what: Vec<String> = what.iter().map(|name| text(view, name)).collect();
        (text(view, name), what.join("  "))
    };
    Some(views.as_array()?.iter().map(entry).collect())
}

fn runs_and_projects(skep: &Skep) -> Option<Vec<(String, String)>> {
    let mut all = runs(skep)?;
    all.extend(projects(skep).unwrap_or_default());
    Some(all)
}

/// Names first, then ids; without a daemon the ids that the home has.
fn runs(skep: &Skep) -> Option<Vec<(String, String)>> {
    let Some(answer) = ask(skep, Ask::Ls { all: false, project: None }) else {
        return ids_of_home(skep).ok();
    };
    let runs: Vec<RunView> = serde_json::from_value(answer).ok()?;
    let what = |run: &RunView| format!("{}  {}", state_of(run).1, run.title);
    let names = super::ls::names(&runs).into_iter().zip(runs.iter().map(what));
    let ids = runs.iter().map(|run| (run.id.clone(), what(run)));
    Some(names.chain(ids).collect())
}

fn ids_of_home(skep: &Skep) -> io::Result<Vec<(String, String)>> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(skep.home.root().join("runs"))? {
        let name = entry?.file_name();
        if let Some(id) = name.to_str().and_then(|name| name.parse::<skep_core::id::RunId>().ok()) {
            ids.push((id.to_string(), String::new()));
        }
    }
    ids.sort();
    Ok(ids)
}

fn tasks(skep: &Skep) -> Option<Vec<(String, String)>> {
    listed(&ask(skep, Ask::TaskLs {})?, "id", &["state", "title"])
}

fn questions(skep: &Skep) -> Option<Vec<(String, String)>> {
    listed(&ask(skep, Ask::Questions { of: None, all: false })?, "id", &["name", "text"])
}

fn snapshots(skep: &Skep) -> Option<Vec<(String, String)>> {
    listed(&ask(skep, Ask::SnapshotLs { run: None })?, "id", &["name", "why"])
}

/// Those of the daemon, and where none runs those that have settings of their own.
fn projects(skep: &Skep) -> Option<Vec<(String, String)>> {
    if let Some(answer) = ask(skep, Ask::ProjectLs {}) {
        return listed(&answer, "name", &["path"]);
    }
    let files = std::fs::read_dir(skep.config.join("projects")).ok()?;
    let names = files.filter_map(|file| {
        let path = file.ok()?.path();
        let is_settings = path.extension() == Some(OsStr::new("toml"));
        is_settings.then(|| Some((path.file_stem()?.to_str()?.to_owned(), String::new())))?
    });
    Some(names.collect())
}

fn agents(skep: &Skep) -> Option<Vec<(String, String)>> {
    let names = skep_daemon::resolve::agents(&skep.config);
    Some(names.into_iter().map(|name| (name, String::new())).collect())
}

fn slugs(_: &Skep) -> Option<Vec<(String, String)>> {
    Some(explain::slugs().map(|(slug, what)| (slug.to_owned(), what.to_owned())).collect())
}

fn keys(_: &Skep) -> Option<Vec<(String, String)>> {
    let own = config::keys().into_iter().map(|key| (key, String::new()));
    let of_projects =
        config::project_keys().into_iter().map(|key| (key, "of a project".to_owned()));
    Some(own.chain(of_projects).collect())
}

fn verbs(_: &Skep) -> Option<Vec<(String, String)>> {
    let whole = args::command();
    let shown = whole.get_subcommands().filter(|verb| !verb.is_hide_set());
    let what = |verb: &Command| verb.get_about().map(ToString::to_string).unwrap_or_default();
    Some(shown.map(|verb| (verb.get_name().to_owned(), what(verb))).collect())
}

fn states(_: &Skep) -> Option<Vec<(String, String)>> {
    let states =
        ["queued", "preparing", "starting", "running", "waiting", "stalled", "stopping", "ended"];
    Some(states.map(|state| (state.to_owned(), String::new())).to_vec())
}

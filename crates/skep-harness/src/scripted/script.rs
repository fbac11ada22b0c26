//! The script's grammar: one step a line.
//!
//! Owns: how a line becomes a [`Step`], where a script stands in a prompt, and the script that is played when none is given.
//! Never: does a step; that is `agent`.

use std::path::{Component, Path, PathBuf};

use skep_core::names;
use thiserror::Error;

use super::tools::{self, Call};

/// One thing the agent does.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Say(String),
    Think(String),
    Stderr(String),
    Write {
        path: PathBuf,
        text: String,
    },
    Append {
        path: PathBuf,
        text: String,
    },
    Commit(String),
    /// Writes the plan that it is asked for to where it is asked to.
    Draft(String),
    Ask {
        text: String,
        options: Vec<String>,
    },
    /// Calls one of the tools that skep gives its agents.
    Call(Call),
    /// Asks for leave for each of these at once: a tool, and what it is given.
    Permit(Vec<(String, String)>),
    Usage {
        input: u64,
        output: u64,
        cost_usd: Option<f64>,
    },
    Limit {
        text: String,
        reset_ms: Option<u64>,
    },
    Retry(String),
    WaitFor(PathBuf),
    /// Waits for ever, whatever comes.
    Hang,
    Flood {
        kib: usize,
        one_line: bool,
    },
    IgnoreTerm,
    Fork {
        holding_stdout: bool,
    },
    CloseStdout,
    /// Dies by SIGABRT, without a word.
    Crash,
    /// Dies by this signal, without a word.
    Signal(i32),
    /// Leaves with this code, without a word.
    Exit(i32),
    /// Ends the turn; what follows belongs to no turn.
    Result {
        ok: bool,
        text: String,
    },
    /// Stays for further messages after the turn's end, instead of leaving.
    Listen,
}

/// Why a text is no script.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} of the script: {why}")]
pub struct ScriptError {
    pub line: usize,
    pub why: String,
}

/// The fence of a script in a prompt.
const FENCE: &str = "```skep-script";
/// The fence of a script for whoever is to write a plan; a task that holds it gives its other scripts to those who carry it out.
const PLAN_FENCE: &str = "```skep-script plan";
/// The fence of a script for whoever reviews a part, which holds its author's too: one for each review, the last one for the rest.
const REVIEW_FENCE: &str = "```skep-script review";
/// The fence of a script for the foreman of a task.
const FOREMAN_FENCE: &str = "```skep-script foreman";
/// Before the number of a review that is not the first, in its prompt.
const NUMBERED: &str = "This is review ";

/// What the agent is there for, where that is said by other words than its prompt's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    Reviewer,
    Foreman,
    #[default]
    Other,
}

impl Role {
    /// Reads what stands in `SKEP_ROLE`.
    pub fn read(word: &str) -> Role {
        match word {
            names::REVIEWER => Role::Reviewer,
            names::FOREMAN => Role::Foreman,
            _ => Role::Other,
        }
    }
}

/// Reads a script: one step a line, `#` begins a comment line, `\n` in a text is a newline.
///
/// Errors: an unknown step, with the known ones; a step without what it needs; a path that leaves the worktree.
pub fn parse(text: &str) -> Result<Vec<Step>, ScriptError> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| step(line).map_err(|why| ScriptError { line: number, why }))
        .collect()
}

/// Finds the script in a prompt: the lines of its first `skep-script` block, or of the block that is for such a role.
pub fn find_in(prompt: &str, role: Role) -> Option<String> {
    let fence = match role {
        Role::Reviewer => REVIEW_FENCE,
        Role::Foreman => FOREMAN_FENCE,
        Role::Other if draft_in(prompt).is_some() => PLAN_FENCE,
        Role::Other => FENCE,
    };
    let mut blocks = Vec::new();
    let mut lines = prompt.lines();
    while lines.any(|line| line.trim() == fence) {
        let block = lines.by_ref().take_while(|line| line.trim() != "```");
        blocks.push(block.flat_map(|line| [line, "\n"]).collect::<String>());
    }
    let nth = if role == Role::Reviewer { review_in(prompt) } else { 1 };
    blocks.truncate(nth.max(1));
    blocks.pop()
}

/// Which review of a part its words are about.
fn review_in(words: &str) -> usize {
    let mut lines = words.lines().filter_map(|line| line.strip_prefix(NUMBERED));
    let number = lines.next().and_then(|rest| rest.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// Finds the file that a plan is to be written to, where the words ask for one: `/…/output/plan-draft….md` in backticks.
pub fn draft_in(words: &str) -> Option<PathBuf> {
    // A line at a time: a fence of three is no span.
    let mut spans = words.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let named = |path: &&str| {
        let path = Path::new(path);
        let folder = path.parent().and_then(Path::file_name);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        path.is_absolute()
            && folder.is_some_and(|it| it == "output")
            && name.starts_with("plan-draft")
    };
    spans.find(named).map(PathBuf::from)
}

/// Splits a script at its first line `then`: what stands behind it is for the next turn of the conversation.
pub fn turns(script: &str) -> (String, Option<String>) {
    let mut lines = script.lines();
    let first: String = lines
        .by_ref()
        .take_while(|line| line.trim() != "then")
        .flat_map(|line| [line, "\n"])
        .collect();
    let rest: String = lines.flat_map(|line| [line, "\n"]).collect();
    (first, Some(rest).filter(|rest| !rest.is_empty()))
}

/// Returns what is played when nobody gave a script: a word, a file named after the prompt's first line, a commit; who only
/// looks says what leaves everything as it is.
pub fn default_for(prompt: &str, role: Role) -> Vec<Step> {
    match role {
        Role::Reviewer => return vec![Step::Say("NO_CRITIQUES".to_owned())],
        Role::Foreman => {
            let words = "I have no script that would tell.\n\nCONFIDENCE: uncertain".to_owned();
            return vec![Step::Say(words)];
        }
        Role::Other => {}
    }
    let title = prompt
        .lines()
        .map(|line| line.trim().trim_start_matches('#').trim())
        .find(|line| !line.is_empty());
    // It becomes an argument, which no NUL can be in.
    let title: String = title.unwrap_or("work").chars().filter(|c| *c != '\0').take(200).collect();
    let path = PathBuf::from(format!("{}.md", file_name(&title)));
    vec![
        Step::Say(format!("hello, I will work on: {title}")),
        Step::Write { path, text: format!("# {title}\n") },
        Step::Commit(title.clone()),
        Step::Say(format!("done: {title}")),
    ]
}

/// Returns what is played for a later message without a script of its own.
pub fn reply_to(text: &str, role: Role) -> Vec<Step> {
    if role == Role::Foreman {
        return default_for(text, role);
    }
    vec![Step::Say(format!("heard: {}", text.chars().take(200).collect::<String>()))]
}

fn file_name(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    name.truncate(40);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "work".to_owned() } else { name.to_owned() }
}

fn step(line: &str) -> Result<Step, String> {
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let text = || needed(rest, "a text").map(unescape);
    Ok(match word {
        "say" => Step::Say(text()?),
        "think" => Step::Think(text()?),
        "stderr" => Step::Stderr(text()?),
        "write" => file(rest).map(|(path, text)| Step::Write { path, text })?,
        "append" => file(rest).map(|(path, text)| Step::Append { path, text })?,
        "commit" => Step::Commit(text()?),
        "draft" => Step::Draft(text()?),
        "ask" => question(&text()?),
        "call" => Step::Call(tools::ask(&text()?)?),
        "consult" => Step::Call(tools::consult(&text()?)?),
        "report" => Step::Call(tools::report(&text()?)?),
        "verdict" => Step::Call(tools::verdict(&text()?)?),
        "claim" => {
            let paths = text()?.split_whitespace().map(str::to_owned).collect();
            Step::Call(Call::Claim { paths })
        }
        "note" => Step::Call(Call::Note { text: text()? }),
        "permit" => permit(&text()?),
        "usage" => usage(rest)?,
        "limit" => limit(&text()?)?,
        "retry" => Step::Retry(text()?),
        // It only looks, so it may look anywhere.
        "wait-for" => Step::WaitFor(PathBuf::from(needed(rest, "a path")?)),
        "hang" => Step::Hang,
        "flood" => flood(rest)?,
        "ignore-term" => Step::IgnoreTerm,
        "fork" => Step::Fork { holding_stdout: rest == "holding stdout" },
        "close-stdout" => Step::CloseStdout,
        "crash" => Step::Crash,
        "signal" => Step::Signal(number(rest)?),
        "exit" => Step::Exit(number(rest)?),
        "result" => result(rest)?,
        "listen" => Step::Listen,
        _ => return Err(unknown(word)),
    })
}

fn unknown(word: &str) -> String {
    format!(
        "no step is called `{word}` (there are say think stderr write append commit draft ask call consult report verdict claim note permit usage limit \
         retry wait-for hang flood ignore-term fork close-stdout crash signal exit result listen then)"
    )
}

fn needed<'a>(rest: &'a str, what: &str) -> Result<&'a str, String> {
    if rest.is_empty() { Err(format!("{what} is missing")) } else { Ok(rest) }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number that fits"))
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

fn file(rest: &str) -> Result<(PathBuf, String), String> {
    let (path, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Ok((inside(needed(path, "a path")?)?, format!("{}\n", unescape(text.trim()))))
}

/// A script may stand in a prompt that a stranger wrote: it stays in the worktree and out of `.git`.
fn inside(path: &str) -> Result<PathBuf, String> {
    let normal = |part: Component<'_>| match part {
        Component::Normal(name) => !name.eq_ignore_ascii_case(".git"),
        Component::CurDir => true,
        Component::ParentDir | Component::RootDir | Component::Prefix(_) => false,
    };
    if Path::new(path).components().all(normal) {
        Ok(PathBuf::from(path))
    } else {
        Err(format!("`{path}` leaves the worktree"))
    }
}

fn question(text: &str) -> Step {
    let mut parts = text.split('|').map(|part| part.trim().to_owned());
    Step::Ask { text: parts.next().unwrap_or_default(), options: parts.collect() }
}

fn permit(text: &str) -> Step {
    let wish = |part: &str| {
        let (tool, input) = part.split_once(':').unwrap_or((part, ""));
        (tool.trim().to_owned(), input.trim().to_owned())
    };
    Step::Permit(text.split('|').map(wish).collect())
}

fn usage(rest: &str) -> Result<Step, String> {
    let mut words = rest.split_whitespace();
    let mut next = |what| words.next().ok_or(format!("{what} is missing"));
    let (input, output) = (number(next("the input tokens")?)?, number(next("the output tokens")?)?);
    let cost_usd = words.next().map(number).transpose()?;
    Ok(Step::Usage { input, output, cost_usd })
}

fn limit(text: &str) -> Result<Step, String> {
    let (text, reset) =
        text.split_once('|').map_or((text, None), |(text, seconds)| (text, Some(seconds)));
    let seconds: Option<u64> = reset.map(|seconds| number(seconds.trim())).transpose()?;
    Ok(Step::Limit {
        text: text.trim().to_owned(),
        reset_ms: seconds.map(|s| s.saturating_mul(1000)),
    })
}

fn flood(rest: &str) -> Result<Step, String> {
    let (kib, how) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Ok(Step::Flood { kib: number(kib)?, one_line: how.trim() == "in one line" })
}

fn result(rest: &str) -> Result<Step, String> {
    let (word, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let ok = match word {
        "ok" => true,
        "failed" => false,
        _ => return Err(format!("a result is `ok` or `failed`, not `{word}`")),
    };
    Ok(Step::Result { ok, text: unescape(text.trim()) })
}

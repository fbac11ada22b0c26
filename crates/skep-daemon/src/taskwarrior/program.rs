//! Asking Taskwarrior itself.
//!
//! Owns: how it is called, always for one task of one list of a person's. Never: reads a file of its own, or calls it for a
//! list in which no person installed the hooks.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::Value;
use skep_api::wire::chain;
use skep_core::issue::taskwarrior::{Name, Task};
use skep_host::proc::Program;

use super::install::Installed;

/// How long it may take; other hooks of the person's are in it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A task as it stands; none where there is none of this name.
///
/// Errors: it could not be asked, which says nothing of the task.
pub fn export(
    list: &Installed,
    vars: &BTreeMap<String, String>,
    name: &Name,
) -> Result<Option<Task>, String> {
    // A look is nobody's event, and changes neither ids nor what recurs.
    let quiet = ["rc.hooks=off", "rc.gc=off", "rc.recurrence=off", "rc.json.array=on"];
    let said = call(list, vars, &quiet, name, "export")?;
    let all: Vec<Value> = serde_json::from_slice(&said)
        .map_err(|err| format!("what `task export` says does not read: {err}"))?;
    match all.as_slice() {
        [] => Ok(None),
        [one] => Ok(super::of(one)),
        many => Err(format!("{} tasks are called {}", many.len(), name.as_str())),
    }
}

/// Completes a task. Errors: it could not be asked, or a hook of the person's said no.
pub fn done(list: &Installed, vars: &BTreeMap<String, String>, name: &Name) -> Result<(), String> {
    call(list, vars, &["rc.bulk=0", "rc.recurrence.confirmation=no"], name, "done").map(drop)
}

/// Adds a line to a task.
pub fn annotate(
    list: &Installed,
    vars: &BTreeMap<String, String>,
    name: &Name,
    text: &str,
) -> Result<(), String> {
    let program = program(list, vars, &["rc.bulk=0"], name, "annotate").arg("--").arg(text);
    run(program).map(drop)
}

fn call(
    list: &Installed,
    vars: &BTreeMap<String, String>,
    more: &[&str],
    name: &Name,
    verb: &str,
) -> Result<Vec<u8>, String> {
    run(program(list, vars, more, name, verb))
}

fn program(
    list: &Installed,
    vars: &BTreeMap<String, String>,
    more: &[&str],
    name: &Name,
    verb: &str,
) -> Program {
    let passed = ["HOME", "PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_CONFIG_HOME"];
    let passed = vars.iter().filter(|(name, _)| passed.contains(&name.as_str()));
    Program::new(&list.program)
        .args(["rc.verbose=nothing", "rc.confirmation=off", "rc.color=off"])
        .args(more)
        .arg(format!("uuid:{}", name.as_str()))
        .arg(verb)
        .envs(passed)
        .env("TASKRC", &list.rc)
        .env("TASKDATA", &list.data)
        .cwd(Path::new("/"))
        .timeout(PATIENCE)
}

fn run(program: Program) -> Result<Vec<u8>, String> {
    let output = program.output().map_err(|err| chain(&err))?;
    if output.code() == 0 {
        return Ok(output.stdout);
    }
    // What it says of where its settings come from is no reason.
    let is_noise =
        |line: &&str| line.starts_with("TASKRC override") || line.starts_with("TASKDATA override");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + "\n" + &output.complaint();
    let said: Vec<&str> =
        said.lines().map(str::trim).filter(|it| !it.is_empty() && !is_noise(it)).collect();
    Err(format!("task left with {}: {}", output.code(), said.join("; ")))
}

//! Owns: whether Taskwarrior's hooks stand as they were installed, and what they left undone. Never: repairs them.

use std::{collections::BTreeMap, fs};

use skep_api::place::Home;

use super::Finding;
use crate::{
    launch,
    taskwarrior::{self, install, request::ENDING, told},
};

/// What is to be said of the hooks; nothing where none were installed.
pub(super) fn hooks(home: &Home, vars: &BTreeMap<String, String>) -> Vec<Finding> {
    let lists = match install::lists(home) {
        Ok(lists) => lists,
        Err(text) => {
            return vec![
                Finding::ill("taskwarrior", text)
                    .why("no request of a hook is worked off")
                    .way("skep hook install"),
            ];
        }
    };
    let skep = launch::own_program().unwrap_or_default();
    let mut found: Vec<Finding> = lists
        .iter()
        .map(|list| {
            let mut wrong = install::wrong_with(list, &skep, home);
            if wrong.is_empty() {
                let missing = install::undeclared(list, vars);
                wrong.extend(missing.iter().map(|name| format!("{name} is no attribute there")));
            }
            match wrong.as_slice() {
                [] => Finding::well("taskwarrior", format!("hooks in {}", list.hooks.display())),
                wrong => Finding::ill("taskwarrior", wrong.join("; "))
                    .why("tasks are started and completed without skep, or not at all")
                    .way("skep hook install"),
            }
        })
        .collect();
    if !lists.is_empty() {
        found.extend(completed(home));
    }
    let waiting = fs::read_dir(taskwarrior::folder(home)).into_iter().flatten().flatten();
    let waiting = waiting.filter(|entry| entry.file_name().to_string_lossy().ends_with(ENDING));
    match waiting.count() {
        0 => {}
        count => {
            let what = if count == 1 { "request waits" } else { "requests wait" };
            let text = format!("{count} {what} in {}", taskwarrior::folder(home).display());
            let way = "skep daemon start; skep notify ls says what keeps them";
            found.push(Finding::note("taskwarrior", text).way(way));
        }
    }
    found
}

/// What is to be said of the file that says which tasks were completed; nothing where it reads.
fn completed(home: &Home) -> Vec<Finding> {
    let unread = told::read(home).err().map(|why| {
        Finding::ill("taskwarrior", why)
            .why("which tasks were completed is not known, so none is: a task that a person took up again might be")
            .way("skep daemon start   keeps it beside, begins a new one, and says which tasks are left to complete by hand; skep notify ls")
    });
    let aside = told::aside(home).into_iter().map(|path| {
        Finding::note("taskwarrior", format!("{} did not read, and was kept", path.display()))
            .why("tasks of runs that were closed before may be left to complete by hand")
            .way("skep notify ls says which; remove it when they are done")
    });
    unread.into_iter().chain(aside).collect()
}

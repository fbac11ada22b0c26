//! What an attempt is told: its task, and what there is to say beside it.
//!
//! Owns: that somebody else's words stand between marks. Never: changes a word of a person's.

use std::{fs, path::PathBuf};

use skep_api::{place::Home, wire::chain};
use skep_core::{
    fenced::{self, Secret},
    run::{Run, Trust, orientation},
};
use skep_host::paths;

use super::{messages, postures, standing};

/// What an agent hears that is taken up again without other words.
const GO_ON: &str = "You were interrupted. Look at what stands, and go on with your task.";

/// The task as an agent hears it that works by such words.
pub fn told(task: &str, trust: Trust, secret: &Secret) -> String {
    match trust {
        Trust::Person => task.to_owned(),
        Trust::Outside => fenced::task(task, secret),
    }
}

/// What the attempt is told: the task; words for this attempt; or, in a conversation that knows the task, only the words.
pub(super) fn prompt_file(
    run: &Run,
    attempt: u32,
    home: &Home,
    knows: bool,
) -> Result<PathBuf, String> {
    let task = home.prompt(run.id());
    let words = messages::words(run, knows);
    let alone = attempt == 1 || (!knows && !run.goes_on && words.is_none());
    // What is written for a plan has words from outside between marks already.
    let trust = if run.brief.is_of_plan() { Trust::Person } else { run.brief.trust };
    let before = postures::words(run);
    if alone && trust.is_person() && before.is_none() {
        return Ok(task);
    }
    let words = words.as_deref();
    let text = if knows && !alone {
        words.unwrap_or(GO_ON).to_owned()
    } else {
        let task = fs::read_to_string(&task).map_err(|err| format!("{}: {err}", task.display()))?;
        let secret = Secret::of(run.id().as_str(), &run.brief.seed);
        let told = told(&task, trust, &secret);
        let task = match before {
            Some(before) => format!("{before}\n{told}"),
            None => told,
        };
        if alone {
            task
        } else if run.goes_on {
            let standing = standing::standing(run, attempt, home);
            orientation::orient(&task, &standing, words, &secret)
        } else {
            format!("{}\n\n{}\n", task.trim_end(), words.unwrap_or_default())
        }
    };
    let dir = home.attempt(run.id(), attempt);
    paths::create_private_dir(&dir).map_err(|err| chain(&err))?;
    let path = dir.join("prompt.md");
    paths::write_atomically(&path, text.as_bytes()).map_err(|err| chain(&err))?;
    Ok(path)
}

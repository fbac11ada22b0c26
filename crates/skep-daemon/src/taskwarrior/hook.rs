//! The hooks `on-add` and `on-modify`: what goes in, what comes out.
//!
//! Owns: that Taskwarrior gets its own bytes back, with at most one field put in; that a refusal says why on standard output.
//! Never: starts a daemon, or keeps a task from being written down because of a fault of ours; the guards alone say no.

use std::{collections::BTreeMap, fs, path::Path};

use skep_api::place::Home;
use skep_core::{
    issue::taskwarrior::{self as tasks, Needs, OVERRIDE, Refused, Rules, Speaker, Task, Who},
    text,
};
use skep_host::tree;

use super::{
    changes,
    known::Known,
    request::{Event, Request, VERSION, Waits},
};
use crate::{config, descent};

/// What a hook knows of where it is.
#[derive(Debug)]
pub struct Place<'a> {
    pub home: &'a Home,
    pub config: &'a Path,
    /// The environment that it was called with; it says where tokens are, never who calls.
    pub vars: &'a BTreeMap<String, String>,
    /// What Taskwarrior told of itself: `api:2`, `data:…`.
    pub told: &'a [String],
    /// A random text.
    pub key: String,
    pub now: String,
}

/// What Taskwarrior gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub stdout: Vec<u8>,
    pub code: u8,
}

impl Said {
    fn of(line: &[u8], notes: &[String]) -> Said {
        let mut stdout = line.to_vec();
        if !stdout.is_empty() {
            stdout.push(b'\n');
        }
        for note in notes {
            stdout.extend(feedback(note).bytes());
        }
        Said { stdout, code: 0 }
    }

    fn no(refused: &Refused) -> Said {
        let mut stdout = feedback(&format!("{} ({})", refused.text, refused.slug));
        for hint in &refused.hints {
            stdout += &feedback(hint);
        }
        Said { stdout: stdout.into_bytes(), code: 1 }
    }
}

/// A line that Taskwarrior shows to whoever typed; never one that it would read as a task.
fn feedback(line: &str) -> String {
    format!("skep: {}\n", text::one_line(line))
}

/// A task that is added: its project is looked up, and who wrote it down is put in.
pub fn on_add(place: &Place<'_>, input: &[u8]) -> Said {
    let line = input.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(task) = super::read(line) else { return Said::of(line, &[]) };
    if is_ours(place) {
        return Said::of(line, &[]);
    }
    let known = Known::read(place.home);
    let who = who(place, &known, &task.uuid);
    let mut notes = Vec::new();
    let judged = project(place, &known, &task, None, &mut notes).and_then(|project| {
        let (_, rules) = settings(place, project.as_deref());
        tasks::added(&task, &who, &rules?)
    });
    if let Err(refused) = judged {
        return Said::no(&refused);
    }
    let by = !who.is_person() && task.spawner.is_none();
    let with = by.then(|| with_field(line, "spawner", who.by())).flatten();
    Said::of(with.as_deref().unwrap_or(line), &notes)
}

/// A task that is changed: started, completed, tagged, moved.
pub fn on_modify(place: &Place<'_>, input: &[u8]) -> Said {
    let mut lines = input.split(|byte| *byte == b'\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (Some(before), Some(after)) = (super::read(first), super::read(second)) else {
        return Said::of(second, &[]);
    };
    if is_ours(place) {
        return Said::of(second, &[]);
    }
    let known = Known::read(place.home);
    let who = who(place, &known, &after.uuid);
    let mut notes = Vec::new();
    match judge(place, &known, &before, &after, &who, &mut notes) {
        Ok(asked) => {
            for request in asked {
                // Nothing of the person's depends on it; they are told.
                if let Err(err) = request.write(place.home) {
                    notes.push(format!("it could not be noted: {}", skep_api::wire::chain(&err)));
                }
            }
            Said::of(second, &notes)
        }
        Err(refused) => Said::no(&refused),
    }
}

/// The guards, in their order; what is to be asked of the daemon once all of them let it pass.
fn judge(
    place: &Place<'_>,
    known: &Result<Known, String>,
    before: &Task,
    after: &Task,
    who: &Who,
    notes: &mut Vec<String>,
) -> Result<Vec<Request>, Refused> {
    let was = resolve(known, before.project.as_deref());
    // Moved to where nothing is asked for, it is still what the project that it was in asks for.
    let (_, rules) =
        settings(place, was.as_deref().or(resolve(known, after.project.as_deref()).as_deref()));
    let rules = rules?;
    tasks::modified(before, after, who, &rules)?;
    let completes = after.is_completed() && !before.is_completed();
    let mut overridden = None;
    if completes {
        overridden = require_done(place, known, after, was.as_deref(), who, &rules)?;
    }
    let project = project(place, known, after, before.project.as_deref(), notes)?;
    let tracked = known.as_ref().ok().and_then(|known| known.tracked(&after.uuid));
    let starts = after.is_started() && !before.is_started();
    let mut asked = Vec::new();
    if starts && project.is_some() {
        asked.push(request(place, Event::Started, after, project.clone(), who));
    }
    if completes && (tracked.is_some() || project.is_some()) {
        let request = request(place, Event::Completed, after, project, who);
        asked.push(Request { overridden, ..request });
    }
    Ok(asked)
}

/// Whether it may be completed; why a person insists, where one does.
fn require_done(
    place: &Place<'_>,
    known: &Result<Known, String>,
    after: &Task,
    project: Option<&str>,
    who: &Who,
    rules: &Rules,
) -> Result<Option<String>, Refused> {
    let needs = match (tasks::completed(after, who, rules)?, known) {
        // What nobody wrote into the task, skep may know.
        (Needs::Nothing, Ok(known)) => match known.tracked(&after.uuid) {
            Some(tracked) => {
                tracked.change.as_ref().map_or(Needs::Nothing, |seen| Needs::Merged(seen.number))
            }
            None => Needs::Nothing,
        },
        (needs, _) => needs,
    };
    let number = match needs {
        Needs::Nothing => return Ok(None),
        Needs::Overridden(reason) => return Ok(Some(reason)),
        Needs::Merged(number) => number,
    };
    let standing = match known {
        Ok(known) => {
            let (home, config, vars) = (place.home, place.config, place.vars);
            changes::standing(home, config, vars, known, &after.uuid, project, number)
        }
        Err(why) => Err(why.clone()),
    };
    let merge = format!("merge #{number} first");
    match standing {
        Ok(skep_core::change::ChangeState::Merged) => Ok(None),
        Ok(state) => Err(Refused {
            slug: "task-unmerged",
            text: format!("its change #{number} is {}, not merged", state.as_str()),
            hints: vec![merge, OVERRIDE.to_owned()],
        }),
        Err(why) => Err(Refused {
            slug: "task-unmerged",
            text: format!("whether its change #{number} is merged could not be asked: {why}"),
            hints: vec!["again, when its forge answers".to_owned(), OVERRIDE.to_owned()],
        }),
    }
}

fn request(
    place: &Place<'_>,
    event: Event,
    task: &Task,
    project: Option<String>,
    who: &Who,
) -> Request {
    let told = |name: &str| place.told.iter().find_map(|one| one.strip_prefix(name));
    let word = match event {
        Event::Started => "start",
        Event::Completed => "done",
    };
    let short: String = task.uuid.chars().filter(char::is_ascii_hexdigit).take(8).collect();
    Request {
        version: VERSION,
        key: format!("{word}-{short}-{}", place.key),
        event,
        uuid: task.uuid.clone(),
        data: told("data:").unwrap_or_default().to_owned(),
        project,
        by: who.by().to_owned(),
        overridden: None,
        process: rustix::process::getppid()
            .and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
            .and_then(Waits::of),
        at: place.now.clone(),
        env: place
            .vars
            .iter()
            .filter(|(name, _)| is_base(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }
}

/// What a run's environment begins with, as far as it never holds a secret.
fn is_base(name: &str) -> bool {
    let names = ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "TZ", "TMPDIR", "TERM"];
    names.contains(&name) || name.starts_with("LC_") || name.starts_with("XDG_")
}

/// The project of skep's that a task is in; none where it is in none, or in one that is none of skep's.
///
/// Errors: there is no such project. A project that the task had before is no new mistake.
fn project(
    place: &Place<'_>,
    known: &Result<Known, String>,
    task: &Task,
    before: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Option<String>, Refused> {
    let Some(name) = task.project.as_deref() else { return Ok(None) };
    let known = match known {
        Ok(known) => known,
        Err(why) if before.is_none_or(|before| before != name) => {
            // Unknown is not no: nobody's task is turned away because of it.
            notes.push(format!("which projects there are is not known: {why}"));
            return Ok(None);
        }
        Err(_) => return Ok(None),
    };
    if let Some(found) = find(known, name) {
        return Ok(Some(found));
    }
    if before == Some(name) || is_other(place, name, notes) {
        return Ok(None);
    }
    if has_come(place, name) {
        return Ok(Some(name.to_owned()));
    }
    let names: Vec<&str> = known.projects.keys().map(String::as_str).collect();
    let mut hints = Vec::new();
    if let Some(near) = text::nearest(name, names.iter().copied()) {
        hints.push(format!("did you mean project:{near}?"));
    }
    let there = match names.as_slice() {
        [] => "none is registered".to_owned(),
        names => format!("there are {}", text::words(&names.join(", "), 200)),
    };
    hints.push("skep project add PATH --name NAME   makes it one".to_owned());
    hints.push("skep config set taskwarrior.others '[\"NAME\"]'   is none of skep's".to_owned());
    let shown = text::words(name, 60);
    let text = format!("`{shown}` is no project of skep's: {there}");
    Err(Refused { slug: "task-project", text, hints })
}

/// Whether a person says that a project is none of skep's. Settings that do not read are told of, and keep nothing out.
fn is_other(place: &Place<'_>, name: &str, notes: &mut Vec<String>) -> bool {
    match config::user(place.config) {
        Ok(settings) => {
            let others = settings.taskwarrior.others;
            let known = |name: &str| others.iter().find(|it| *it == name).map(String::as_str);
            tasks::project(name, known).is_some()
        }
        Err(err) => {
            notes.push(format!("the project was not looked up: {}", skep_api::wire::chain(&err)));
            true
        }
    }
}

/// Whether a project came to be since it was last written down which there are.
fn has_come(place: &Place<'_>, name: &str) -> bool {
    use skep_api::{client::Client, request::Ask};
    let Ok(mut client) = Client::connect(&place.home.daemon_socket()) else { return false };
    let patience = std::time::Duration::from_millis(300);
    if client.socket().set_read_timeout(Some(patience)).is_err() {
        return false;
    }
    let health = client.ask("hook/health", Ask::Health {}, |_| ());
    let there = health.ok().and_then(|health| health["projects"].as_array().cloned());
    there.is_some_and(|all| all.iter().any(|project| project == name))
}

fn resolve(known: &Result<Known, String>, name: Option<&str>) -> Option<String> {
    find(known.as_ref().ok()?, name?)
}

fn find(known: &Known, name: &str) -> Option<String> {
    let get = |name: &str| known.projects.get_key_value(name).map(|(name, _)| name.as_str());
    tasks::project(name, get).map(str::to_owned)
}

/// What the settings say of the project's tasks. Errors: they do not read, and then nobody approves and nothing is completed.
fn settings(
    place: &Place<'_>,
    project: Option<&str>,
) -> (Option<config::ProjectTasks>, Result<Rules, Refused>) {
    match super::settings(place.config, project) {
        Ok(settings) => {
            let rules = super::rules(&settings);
            (Some(settings), Ok(rules))
        }
        Err(why) => {
            let hints = vec!["skep config show".to_owned()];
            let text = format!("what its project asks for cannot be read: {why}");
            (None, Err(Refused { slug: "task-settings", text, hints }))
        }
    }
}

/// Whose process this is, by descent from a run's keeper; what else is known of the run comes from what the daemon wrote.
fn who(place: &Place<'_>, known: &Result<Known, String>, uuid: &str) -> Who {
    let runs = place.home.root().join("runs");
    match descent::of(std::process::id(), &runs, daemon(place.home)) {
        descent::Speaker::Person => Who::Person,
        descent::Speaker::Run(run) => {
            let known = known.as_ref().ok();
            let at_work = known.and_then(|known| known.runs.get(run.as_str()));
            let Some(at_work) = at_work else { return Who::SomeRun };
            let name = skep_core::issue::taskwarrior::name(uuid).ok();
            let at = at_work.at.as_deref().and_then(|at| tasks::name(at).ok());
            let own = at.zip(name).is_some_and(|(at, name)| at.fits(&name));
            Who::Run(Speaker {
                run: run.to_string(),
                reviews: at_work.kind == skep_core::run::Kind::Review,
                agent: at_work.agent.clone(),
                own,
            })
        }
        descent::Speaker::Script | descent::Speaker::SomeRun | descent::Speaker::Gone => {
            Who::SomeRun
        }
    }
}

/// Whether the daemon itself had Taskwarrior do it: then it knows, and has looked.
fn is_ours(place: &Place<'_>) -> bool {
    // Taskwarrior starts the hook, and the daemon Taskwarrior: nobody stands between them.
    let line = tree::ancestors(std::process::id());
    let daemon = daemon(place.home);
    daemon != 0 && line.get(1) == Some(&daemon)
}

/// The daemon that has the home; 0 where none lives.
fn daemon(home: &Home) -> u32 {
    let text = fs::read_to_string(home.daemon_lock()).unwrap_or_default();
    let pid: u32 = text.lines().next().and_then(|pid| pid.trim().parse().ok()).unwrap_or(0);
    let is_daemon = || {
        let args = tree::arguments(pid).unwrap_or_default();
        args.get(1).is_some_and(|arg| arg == "daemon")
    };
    if pid != 0 && is_daemon() { pid } else { 0 }
}

/// The line with one field more, put in before its end; everything else stays as it is, to the byte.
fn with_field(line: &[u8], name: &str, value: &str) -> Option<Vec<u8>> {
    let end = line.iter().rposition(|byte| *byte == b'}')?;
    let (head, tail) = line.split_at(end);
    let is_empty = head.iter().rposition(|byte| !byte.is_ascii_whitespace())
        == head.iter().position(|byte| *byte == b'{');
    let spelt = serde_json::to_string(value).ok()?;
    let comma = if is_empty { "" } else { "," };
    let field = format!("{comma}\"{name}\":{spelt}");
    Some([head, field.as_bytes(), tail].concat())
}

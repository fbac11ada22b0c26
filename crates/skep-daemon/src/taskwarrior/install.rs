//! Hooks in a person's Taskwarrior: two small scripts, and what the attributes are in their settings.
//!
//! Owns: that what is not ours is never written over or removed, and that twice is as good as once. Never: deletes an older
//! hook, or touches a line of a taskrc that is not between our marks.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;
use skep_api::{place::Home, wire::Refusal, wire::chain};
use skep_core::{issue::taskwarrior::ATTRIBUTES, text};
use skep_forge::tracker::taskwarrior::List;
use skep_harness::profile;
use skep_host::{paths, proc::Program};

/// The events that there is a hook for.
pub const EVENTS: [&str; 2] = ["on-add", "on-modify"];
/// What stands in a hook of ours.
const MARK: &str = "# Written by `skep hook install`; `skep hook uninstall` removes it.";
/// A hook of an older tool, which would do the same work a second time.
const LEGACY: &str = "on-modify-worker-lifecycle";
/// What its name begins with from then on: Taskwarrior runs only what begins with an event's name.
const ASIDE: &str = "disabled-";
const BEGIN: &str = "# skep: begin (`skep hook uninstall` removes these lines)";
const END: &str = "# skep: end";
/// How long Taskwarrior may take to say where its data is.
const PATIENCE: Duration = Duration::from_secs(10);

/// One thing that is done, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    pub path: PathBuf,
    /// `stands`, `write`, `rename`, `remove`, `add-lines`, `remove-lines`, `absent`.
    pub does: String,
    pub text: String,
}

/// What the hooks are to be made of.
#[derive(Debug)]
pub struct Maker<'a> {
    pub home: &'a Home,
    pub config: &'a Path,
    pub vars: &'a BTreeMap<String, String>,
    /// skep's own program.
    pub skep: PathBuf,
    /// The folder of the hooks, where a person names one.
    pub dir: Option<PathBuf>,
}

/// Where all lists are written down in which the hooks are. It does not end as a request does.
pub fn record(home: &Home) -> PathBuf {
    super::folder(home).join("lists.json")
}

/// The lists in which the hooks are. Errors: the record does not read.
pub fn lists(home: &Home) -> Result<Vec<List>, String> {
    let path = record(home);
    match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|err| format!("{}: {err}", path.display()))
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(err) => Err(format!("{}: {err}", path.display())),
    }
}

fn keep(home: &Home, lists: &[List]) -> Result<(), Refusal> {
    let failed = |err: paths::PathError| Refusal::error(err.slug(), chain(&err));
    paths::create_private_dir(home.root()).map_err(failed)?;
    paths::create_private_dir(&super::folder(home)).map_err(failed)?;
    // They are values of our own; they always have a spelling.
    let bytes = serde_json::to_vec_pretty(lists).unwrap_or_default();
    paths::write_atomically(&record(home), &bytes).map_err(failed)
}

impl Maker<'_> {
    /// Puts the hooks there, and the attributes into the taskrc; with `dry_run` only says what it would do.
    ///
    /// Errors: there is no Taskwarrior, or no settings of it; a file cannot be written. What was done stands.
    pub fn install(&self, dry_run: bool) -> Result<(List, Vec<Step>), Refusal> {
        let list = self.list()?;
        let mut steps = Vec::new();
        for event in EVENTS {
            let path = list.hooks.join(format!("{event}-skep"));
            let text = self.shim(event);
            match fs::read_to_string(&path) {
                Ok(there) if there == text && is_executable(&path) => {
                    steps.push(step(&path, "stands", ""));
                    continue;
                }
                Ok(there) if there.contains(MARK) => {}
                Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                // Whatever it is, it is not ours.
                Ok(_) | Err(_) => steps.push(self.aside(&path, dry_run)?),
            }
            if !dry_run {
                make_folder(&list.hooks)?;
                let draft = paths::draft(&path, text.as_bytes(), 0o755).and_then(paths::Draft::put);
                draft.map_err(|err| unwritable(&path, &chain(&err)))?;
            }
            steps.push(step(&path, "write", &text));
        }
        let legacy = list.hooks.join(LEGACY);
        if fs::symlink_metadata(&legacy).is_ok() {
            steps.push(self.aside(&legacy, dry_run)?);
        }
        steps.push(self.declare(&list, dry_run)?);
        if !dry_run {
            let mut all = lists(self.home).map_err(|text| Refusal::error("disk", text))?;
            all.retain(|known| known.hooks != list.hooks);
            all.push(list.clone());
            keep(self.home, &all)?;
        }
        Ok((list, steps))
    }

    /// Takes away what `install` put there, and nothing else.
    pub fn uninstall(&self, dry_run: bool) -> Result<Vec<Step>, Refusal> {
        let known = lists(self.home).map_err(|text| Refusal::error("disk", text))?;
        // Where Taskwarrior is gone, what was written down says where the hooks are.
        let list = match self.list() {
            Ok(list) => list,
            Err(refusal) => match known.as_slice() {
                [only] if self.dir.is_none() => only.clone(),
                _ => return Err(refusal),
            },
        };
        let mut steps = Vec::new();
        for event in EVENTS {
            let path = list.hooks.join(format!("{event}-skep"));
            let is_ours = fs::read_to_string(&path).is_ok_and(|text| text.contains(MARK));
            if !is_ours {
                let there = fs::symlink_metadata(&path).is_ok();
                steps.push(step(&path, if there { "stands" } else { "absent" }, ""));
                continue;
            }
            if !dry_run {
                fs::remove_file(&path).map_err(|err| unwritable(&path, &err.to_string()))?;
            }
            steps.push(step(&path, "remove", ""));
        }
        let text = read_rc(&list.rc)?;
        match without_block(&text) {
            Some((rest, block)) => {
                if !dry_run {
                    write_rc(&list.rc, &rest)?;
                }
                steps.push(step(&list.rc, "remove-lines", &block));
            }
            None => steps.push(step(&list.rc, "absent", "")),
        }
        if !dry_run && known.iter().any(|it| it.hooks == list.hooks) {
            let left: Vec<List> = known.into_iter().filter(|it| it.hooks != list.hooks).collect();
            keep(self.home, &left)?;
        }
        Ok(steps)
    }

    /// Where the person's Taskwarrior is. Errors: there is none, or it does not say.
    pub fn list(&self) -> Result<List, Refusal> {
        let path = self.vars.get("PATH").cloned().unwrap_or_default();
        let program =
            profile::find_program("task", std::ffi::OsStr::new(&path)).ok_or_else(|| {
                Refusal::error("taskwarrior-absent", "there is no `task` on your PATH")
                    .hint("install Taskwarrior: apt-get install taskwarrior, brew install task")
            })?;
        let rc = self.rc()?;
        let data = self.asked(&program, &rc, "rc.data.location")?;
        let data = data.ok_or_else(|| {
            let text = format!("`{}` does not say where the data is", rc.display());
            Refusal::error("taskrc-unreadable", text).hint("task _get rc.data.location")
        })?;
        let hooks = match &self.dir {
            Some(dir) => dir.clone(),
            None => self
                .asked(&program, &rc, "rc.hooks.location")?
                .unwrap_or_else(|| data.join("hooks")),
        };
        Ok(List { program, rc, data, hooks })
    }

    /// The file of Taskwarrior's settings, as it looks for it itself.
    fn rc(&self) -> Result<PathBuf, Refusal> {
        let set = |name: &str| self.vars.get(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let home = set("HOME");
        let below = set("XDG_CONFIG_HOME").or_else(|| Some(home.clone()?.join(".config")));
        let places = [home.map(|it| it.join(".taskrc")), below.map(|it| it.join("task/taskrc"))];
        let found = match set("TASKRC") {
            Some(named) => Some(named),
            None => places.into_iter().flatten().find(|path| path.is_file()),
        };
        found.filter(|path| path.is_file()).ok_or_else(|| {
            Refusal::error("taskrc-unreadable", "Taskwarrior has no settings yet, no .taskrc")
                .hint("task   offers to make one")
        })
    }

    fn asked(&self, program: &Path, rc: &Path, what: &str) -> Result<Option<PathBuf>, Refusal> {
        let said = self.get(program, rc, what)?;
        if said.is_empty() {
            return Ok(None);
        }
        let home = self.vars.get("HOME").map(PathBuf::from).unwrap_or_default();
        let path = match said.strip_prefix("~/") {
            Some(below) => home.join(below),
            None => PathBuf::from(&said),
        };
        if !path.is_absolute() {
            let text = format!("{what} is `{}`, which is no absolute path", text::one_line(&said));
            return Err(Refusal::error("taskrc-unreadable", text)
                .hint("name it whole: task config data.location /…/.task"));
        }
        Ok(Some(path))
    }

    /// One of Taskwarrior's settings; empty where it has none.
    fn get(&self, program: &Path, rc: &Path, what: &str) -> Result<String, Refusal> {
        let names = ["HOME", "PATH", "LANG", "LC_ALL", "TASKDATA", "XDG_CONFIG_HOME"];
        let vars = self.vars.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let output = Program::new(program)
            .args(["rc.hooks=off", "_get", what])
            .envs(vars)
            .env("TASKRC", rc)
            .timeout(PATIENCE)
            .output();
        let failed =
            |why: String| Refusal::error("taskrc-unreadable", why).hint("task diagnostics");
        match output {
            Ok(output) if output.code() <= 1 => {
                Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            }
            Ok(output) => {
                Err(failed(format!("task left with {}: {}", output.code(), output.complaint())))
            }
            Err(err) => Err(failed(chain(&err))),
        }
    }

    /// The hook of an event: this program, this home, these settings, whatever the environment says then.
    fn shim(&self, event: &str) -> String {
        let word = |path: &Path| quoted(&path.to_string_lossy());
        let (skep, home, config) = (word(&self.skep), word(self.home.root()), word(self.config));
        format!(
            "#!/bin/sh\n\
             {MARK}\n\
             skep={skep}\n\
             if [ -x \"$skep\" ]; then\n  \
               SKEP_HOME={home} SKEP_CONFIG={config} SKEP_NO_DAEMON=1\n  \
               export SKEP_HOME SKEP_CONFIG SKEP_NO_DAEMON\n  \
               exec \"$skep\" hook {event} -- \"$@\"\n\
             fi\n\
             # Without the program nothing is checked, and no task is lost.\n\
             sed -n '$p'\n\
             echo \"skep: $skep is gone, nothing was checked (skep hook install, or skep hook uninstall)\"\n"
        )
    }

    /// Gives a hook that is not ours another name, under which Taskwarrior does not run it.
    fn aside(&self, path: &Path, dry_run: bool) -> Result<Step, Refusal> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let free = |nth: u32| {
            let end = if nth == 0 { String::new() } else { format!(".{nth}") };
            let to = path.with_file_name(format!("{ASIDE}{name}{end}"));
            fs::symlink_metadata(&to).is_err().then_some(to)
        };
        let to =
            (0..1000).find_map(free).ok_or_else(|| unwritable(path, "no name is free for it"))?;
        if !dry_run {
            fs::rename(path, &to).map_err(|err| unwritable(path, &err.to_string()))?;
        }
        Ok(step(path, "rename", &to.display().to_string()))
    }

    /// Says in the taskrc what the attributes are, those that are not declared otherwise.
    fn declare(&self, list: &List, dry_run: bool) -> Result<Step, Refusal> {
        let text = read_rc(&list.rc)?;
        let rest = without_block(&text).map_or_else(|| text.clone(), |(rest, _)| rest);
        let mut lines = String::new();
        for (name, label) in ATTRIBUTES {
            let is_own = without_ours(&text, name);
            let there = self.get(&list.program, &list.rc, &format!("rc.uda.{name}.type"))?;
            // Declared by the person themselves, here or in a file that they include.
            if is_own || (!there.is_empty() && !has_in_block(&text, name)) {
                continue;
            }
            lines += &format!("uda.{name}.type=string\nuda.{name}.label={label}\n");
        }
        if lines.is_empty() && rest == text {
            return Ok(step(&list.rc, "stands", ""));
        }
        let block = format!("{BEGIN}\n{lines}{END}\n");
        let gap = if rest.is_empty() || rest.ends_with('\n') { "" } else { "\n" };
        let new = if lines.is_empty() { rest.clone() } else { format!("{rest}{gap}{block}") };
        if new == text {
            return Ok(step(&list.rc, "stands", ""));
        }
        if !dry_run {
            write_rc(&list.rc, &new)?;
        }
        Ok(step(&list.rc, "add-lines", &block))
    }
}

/// What is wrong with the hooks of a list; nothing where all is well.
pub fn wrong_with(list: &List, skep: &Path, home: &Home) -> Vec<String> {
    let mut wrong = Vec::new();
    for event in EVENTS {
        let path = list.hooks.join(format!("{event}-skep"));
        match fs::read_to_string(&path) {
            Err(err) => wrong.push(format!("{}: {err}", path.display())),
            Ok(text) if !text.contains(MARK) => {
                wrong.push(format!("{} is not ours", path.display()));
            }
            Ok(_) if !is_executable(&path) => {
                wrong.push(format!("{} is not executable", path.display()));
            }
            Ok(text) if !text.contains(&quoted(&home.root().to_string_lossy())) => {
                wrong.push(format!("{} serves another home", path.display()));
            }
            Ok(text) if !text.contains(&quoted(&skep.to_string_lossy())) => {
                wrong.push(format!("{} starts another skep than this one", path.display()));
            }
            Ok(_) => {}
        }
    }
    if !is_executable(&list.program) {
        wrong.push(format!("{} is gone", list.program.display()));
    }
    wrong
}

/// The attributes that Taskwarrior does not know of, and so would not let a person set.
pub fn undeclared(list: &List, vars: &BTreeMap<String, String>) -> Vec<String> {
    let names = ["HOME", "PATH", "LANG", "LC_ALL", "XDG_CONFIG_HOME"];
    let asked = |name: &str| {
        let vars = vars.iter().filter(|(name, _)| names.contains(&name.as_str()));
        let output = Program::new(&list.program)
            .args(["rc.hooks=off", "_get", &format!("rc.uda.{name}.type")])
            .envs(vars)
            .env("TASKRC", &list.rc)
            .env("TASKDATA", &list.data)
            .timeout(PATIENCE)
            .output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == "string")
    };
    ATTRIBUTES.iter().filter(|(name, _)| !asked(name)).map(|(name, _)| (*name).to_owned()).collect()
}

fn step(path: &Path, does: &str, text: &str) -> Step {
    Step { path: path.to_owned(), does: does.to_owned(), text: text.to_owned() }
}

fn unwritable(path: &Path, why: &str) -> Refusal {
    Refusal::error("hook-unwritable", format!("{}: {why}", path.display()))
        .hint("skep hook install --dry-run   what would stand where")
        .hint("skep hook install --dir DIR   another folder of hooks")
}

fn make_folder(dir: &Path) -> Result<(), Refusal> {
    fs::create_dir_all(dir).map_err(|err| unwritable(dir, &err.to_string()))
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// A word for `sh`, which takes nothing in it for anything else.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn read_rc(path: &Path) -> Result<String, Refusal> {
    fs::read_to_string(path).map_err(|err| {
        Refusal::error("taskrc-unreadable", format!("{}: {err}", path.display()))
            .hint("task diagnostics")
    })
}

/// Writes a taskrc as a whole, its rights as they were; one that is a link stays one.
fn write_rc(path: &Path, text: &str) -> Result<(), Refusal> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = |why: &str| {
        let lines: Vec<String> = ATTRIBUTES
            .iter()
            .flat_map(|(name, label)| {
                [format!("uda.{name}.type=string"), format!("uda.{name}.label={label}")]
            })
            .collect();
        let refusal = Refusal::error("taskrc-unwritable", format!("{}: {why}", path.display()));
        lines.into_iter().fold(refusal, Refusal::hint)
    };
    let mode = fs::metadata(&target).map_err(|err| failed(&err.to_string()))?.permissions().mode();
    let draft = paths::draft(&target, text.as_bytes(), mode & 0o777).and_then(paths::Draft::put);
    draft.map_err(|err| failed(&chain(&err)))
}

/// The text without our lines, and those; none where there are none. A beginning without an end is left alone.
fn without_block(text: &str) -> Option<(String, String)> {
    let begin = text.find(BEGIN)?;
    let end = begin + text[begin..].find(END)? + END.len();
    let end = end + usize::from(text[end..].starts_with('\n'));
    Some((format!("{}{}", &text[..begin], &text[end..]), text[begin..end].to_owned()))
}

fn has_in_block(text: &str, name: &str) -> bool {
    without_block(text).is_some_and(|(_, block)| block.contains(&format!("uda.{name}.type=")))
}

/// Whether the person says themselves in this very file what the attribute is.
fn without_ours(text: &str, name: &str) -> bool {
    let rest = without_block(text).map_or_else(|| text.to_owned(), |(rest, _)| rest);
    rest.lines().any(|line| line.trim_start().starts_with(&format!("uda.{name}.type")))
}

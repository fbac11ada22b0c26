//! `skep hook`

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde_json::json;
use skep_core::text;
use skep_daemon::{
    launch,
    taskwarrior::{
        hook::{self, Place, Said},
        install::{Maker, Step},
    },
};

use crate::{
    args::Hook,
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
    output::{Tone, now},
};

/// The longest input that is a task's, or two. Bytes.
const LONGEST: u64 = 64 << 20;

/// Whose turn it is.
type Event = fn(&Place<'_>, &[u8]) -> Said;

pub(super) fn hook(skep: &Skep, verb: Hook) -> Outcome {
    match verb {
        Hook::Install { dir, dry_run } => {
            let (list, steps) = maker(skep, dir)?.install(dry_run)?;
            tell(skep, &list.hooks, &steps, dry_run)
        }
        Hook::Uninstall { dir, dry_run } => {
            let steps = maker(skep, dir)?.uninstall(dry_run)?;
            let folder = steps.first().and_then(|step| step.path.parent()).map(Path::to_owned);
            tell(skep, &folder.unwrap_or_default(), &steps, dry_run)
        }
        Hook::OnAdd { told } => called(skep, &told, hook::on_add),
        Hook::OnModify { told } => called(skep, &told, hook::on_modify),
    }
}

/// Answers Taskwarrior; what it is given back is to the byte.
fn called(skep: &Skep, told: &[String], event: Event) -> Outcome {
    let mut input = Vec::new();
    io::stdin().take(LONGEST).read_to_end(&mut input)?;
    let place = Place {
        home: &skep.home,
        config: &skep.config,
        vars: &skep.env,
        told,
        key: random_id()?.chars().take(10).collect(),
        now: now().to_string(),
    };
    let said = event(&place, &input);
    skep.out.raw(&said.stdout)?;
    Ok(ExitCode::from(said.code))
}

fn maker(skep: &Skep, dir: Option<PathBuf>) -> Result<Maker<'_>, CliError> {
    let gone = |why: String| {
        CliError::error("hook-no-binary", why)
            .hint("call skep again by its name: skep hook install")
    };
    let binary = launch::own_program().map_err(gone)?;
    if !binary.is_file() {
        return Err(gone("the file of this program is gone or has another name now".to_owned()));
    }
    let paths =
        [Some(binary.as_path()), Some(skep.home.root()), Some(&skep.config), dir.as_deref()];
    if let Some(odd) = paths.into_iter().flatten().find(|path| !is_plain(path)) {
        let text = format!("a hook cannot be told of the path `{}`", odd.display());
        return Err(CliError::error("hook-path", text).hint("skep --home DIR hook install"));
    }
    let dir = dir.map(std::path::absolute).transpose()?;
    Ok(Maker { home: &skep.home, config: &skep.config, vars: &skep.env, skep: binary, dir })
}

/// A path that a line of a script can hold.
fn is_plain(path: &Path) -> bool {
    path.to_str().is_some_and(|text| !text.contains(char::is_control))
}

fn tell(skep: &Skep, folder: &Path, steps: &[Step], dry_run: bool) -> Outcome {
    let idle = |step: &Step| matches!(step.does.as_str(), "stands" | "absent");
    let changed = !steps.iter().all(idle);
    if skep.out.json {
        let value = json!({
            "hooks": folder, "changed": changed, "dry_run": dry_run, "steps": steps,
        });
        skep.out.json(&value)?;
        return Ok(ExitCode::SUCCESS);
    }
    for step in steps {
        let (tone, word) = word(&step.does, dry_run);
        let mut line =
            format!("{}  {}", skep.out.paint(tone, &format!("{word:<13}")), step.path.display());
        if step.does == "rename" {
            line += &format!(" → {}", step.text);
        }
        skep.out.line(&line)?;
        let is_text = matches!(step.does.as_str(), "write" | "add-lines" | "remove-lines");
        if is_text && (dry_run || step.does != "write") {
            for shown in step.text.lines() {
                skep.out.line(&format!("    {}", text::visible(shown)))?;
            }
        }
    }
    if !changed {
        skep.out.note("nothing to do");
    } else if !dry_run && steps.iter().any(|step| step.does == "write") {
        skep.out.note(
            "task UUID start makes a task of skep's, in a registered project: skep project ls",
        );
        skep.out.note("what a project makes of it: skep config show --project NAME");
    }
    Ok(ExitCode::SUCCESS)
}

fn word(does: &str, dry_run: bool) -> (Tone, &'static str) {
    match (does, dry_run) {
        ("write", false) => (Tone::Good, "written"),
        ("write", true) => (Tone::Plain, "would write"),
        ("rename", false) => (Tone::Wants, "renamed"),
        ("rename", true) => (Tone::Plain, "would rename"),
        ("remove", false) => (Tone::Good, "removed"),
        ("remove", true) => (Tone::Plain, "would remove"),
        ("add-lines", false) => (Tone::Good, "added to"),
        ("add-lines", true) => (Tone::Plain, "would add to"),
        ("remove-lines", false) => (Tone::Good, "taken out of"),
        ("remove-lines", true) => (Tone::Plain, "would clear"),
        ("absent", _) => (Tone::Faint, "not there"),
        _ => (Tone::Faint, "stands"),
    }
}

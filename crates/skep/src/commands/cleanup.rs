//! `skep close --later` and `skep cleanup`

use std::{path::PathBuf, process::ExitCode};

use serde_json::json;
use skep_api::{request::Ask, view::CleanupView};
use skep_core::text;
use skep_daemon::hands::digest;
use skep_host::paths;

use super::read;
use crate::{
    args::Cleanup,
    connect::Skep,
    exit::{CliError, Outcome},
    output::{Output, Tone, now, spell},
};

/// The longest name that is a file's name as it is. Bytes.
const LONGEST: usize = 100;

/// Writes a request for each run; no daemon is needed, and none is asked.
pub(super) fn later(skep: &Skep, ids: &[String], dry_run: bool) -> Outcome {
    let mut written = Vec::new();
    for id in ids {
        let path = place(skep, id);
        if !dry_run {
            write(skep, id, "")?;
        }
        written.push(path);
    }
    tell(skep, &written, dry_run)
}

pub(super) fn cleanup(skep: &Skep, verb: Cleanup) -> Outcome {
    match verb {
        Cleanup::Request { session, task } => {
            let (session, task) = (session.unwrap_or_default(), task.unwrap_or_default());
            let path = write(skep, &session, &task)?;
            tell(skep, &[path], false)
        }
        Cleanup::Run { file, force } => {
            let asked = skep.ask(Ask::CleanupRun { name: file, force });
            // Nobody else is there to tell it.
            if let Err(err) = &asked
                && err.is_without_daemon()
                && super::notify::is_set(skep)
            {
                let said = &err.refusal.message;
                super::notify::tell(skep, &format!("The clean-up could not be worked off: {said}"));
            }
            let answer = asked?;
            let views: Vec<CleanupView> = read(answer)?;
            print(skep, &views)?;
            let left = views.iter().any(|view| view.state != "done");
            Ok(if left { ExitCode::from(1) } else { ExitCode::SUCCESS })
        }
        Cleanup::Ls => {
            let views: Vec<CleanupView> = read(skep.ask(Ask::CleanupLs {})?)?;
            print(skep, &views)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn place(skep: &Skep, name: &str) -> PathBuf {
    // A name may hold what is no file's name; different ones stay different.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let file = if name.len() <= LONGEST && name.chars().all(plain) {
        format!("{name}.json")
    } else {
        let digest: String = digest(name.as_bytes()).chars().take(8).collect();
        format!("{}-{digest}.json", text::sanitise_name(name))
    };
    skep.home.cleanup().join(file)
}

fn write(skep: &Skep, session: &str, task: &str) -> Result<PathBuf, CliError> {
    let name = if session.is_empty() { task } else { session };
    if name.trim().is_empty() {
        return Err(CliError::error("usage", "whose env is to be given back?"));
    }
    let path = place(skep, name);
    let request = json!({
        "session_id": session,
        "task_uuid": task,
        "created_at": now().to_string(),
    });
    let failed = |err: paths::PathError| CliError::error(err.slug(), skep_api::wire::chain(&err));
    paths::create_private_dir(&skep.home.cleanup()).map_err(failed)?;
    paths::write_atomically(&path, request.to_string().as_bytes()).map_err(failed)?;
    Ok(path)
}

fn tell(skep: &Skep, written: &[PathBuf], dry_run: bool) -> Outcome {
    let names: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
    if skep.out.json {
        skep.out.json(&names)?;
        return Ok(ExitCode::SUCCESS);
    }
    for name in &names {
        skep.out.line(&if dry_run { format!("would write {name}") } else { name.clone() })?;
    }
    skep.out.note("the daemon works it off when it can: skep cleanup ls");
    Ok(ExitCode::SUCCESS)
}

fn print(skep: &Skep, views: &[CleanupView]) -> std::io::Result<()> {
    let out: &Output = &skep.out;
    if out.json {
        return out.json(&views);
    }
    if views.is_empty() {
        out.note("no request lies there");
        return Ok(());
    }
    let (file, run) = (width(views, |view| &view.file), width(views, run_of));
    for view in views {
        let tone = match view.state.as_str() {
            "done" => Tone::Good,
            "waiting" => Tone::Faint,
            _ => Tone::Wants,
        };
        let (name, of) = (text::one_line(&view.file), text::one_line(run_of(view)));
        let state = out.paint(tone, &format!("{:<10}", view.state));
        let line = format!("{name:<file$}  {state}  {of:<run$}  {}", tried(view));
        out.line(line.trim_end())?;
        out.prose(2, Tone::Faint, &text::visible(&view.status))?;
    }
    Ok(())
}

fn run_of(view: &CleanupView) -> &str {
    view.run.as_deref().or(view.session_id.as_deref()).unwrap_or_default()
}

fn width(views: &[CleanupView], of: fn(&CleanupView) -> &str) -> usize {
    views.iter().map(|view| text::one_line(of(view)).chars().count()).max().unwrap_or(0)
}

/// How often it was tried, and when it is again.
fn tried(view: &CleanupView) -> String {
    let tries = match view.tries {
        _ if view.state == "done" => return String::new(),
        0 => return String::new(),
        1 => "tried once".to_owned(),
        tries => format!("tried {tries} times"),
    };
    match view.next {
        Some(next) => format!("{tries}, again in {}", spell(next.since(now()).as_secs())),
        None => tries,
    }
}

//! `skep config`

use std::process::ExitCode;

use serde_json::json;
use skep_api::{request::Ask, view::ProjectView};
use skep_core::text;
use skep_daemon::config::{self, ConfigError, Shown};

use super::read;
use crate::{
    args::Config,
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
    output::{Output, Tone},
};

pub(super) fn config(skep: &Skep, verb: Config) -> Outcome {
    match verb {
        Config::Path => path(skep)?,
        Config::Schema => skep.out.json(&config::schema())?,
        Config::Set { key, value, project } => set(skep, &key, &value, project.as_deref())?,
        Config::Show { project } => {
            if let Some(name) = &project {
                require_project(skep, name)?;
            }
            // Of the repository's own file the base commit counts, and git is not asked here.
            let named = project.as_deref().map(|name| (name, None));
            let shown = config::show(&skep.config, named, &[]).map_err(|err| refuse(&err))?;
            if skep.out.json {
                let rows: Vec<_> = shown
                    .iter()
                    .map(|row| json!({"key": row.key, "value": row.value, "origin": row.origin.to_string()}))
                    .collect();
                skep.out.json(&rows)?;
            } else {
                table(&skep.out, shown)?;
                if project.is_some() {
                    skep.out.note("what the repository's own .skep/project.toml says stands below your own file");
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn path(skep: &Skep) -> Result<(), CliError> {
    let file = config::user_file(&skep.config);
    if skep.out.json {
        let agents = skep.config.join("agents");
        let projects = skep.config.join("projects");
        skep.out.json(&json!({"settings": file, "projects": projects, "agents": agents}))?;
    } else {
        skep.out.exact(&file.to_string_lossy())?;
    }
    Ok(())
}

fn set(skep: &Skep, key: &str, value: &str, project: Option<&str>) -> Result<(), CliError> {
    // As `show` calls it.
    let (key, of_project) = match key.strip_prefix("project.") {
        Some(key) => (key, true),
        None => (key, false),
    };
    let file = match project {
        None if of_project => {
            let text = format!("`{key}` is a setting of a project, and none is named");
            return Err(CliError::error("project-unnamed", text)
                .hint(format!("skep config set {key} VALUE --project NAME"))
                .hint("skep project ls"));
        }
        None => {
            config::set(&skep.config, key, value).map_err(|err| refuse(&err))?;
            config::user_file(&skep.config)
        }
        Some(name) => {
            require_project(skep, name)?;
            config::set_for(&skep.config, name, key, value).map_err(|err| refuse(&err))?;
            config::project_file(&skep.config, name).map_err(|err| refuse(&err))?
        }
    };
    if skep.out.json {
        skep.out.json(&json!({"key": key, "value": value, "file": file}))?;
    } else {
        let said = text::one_line(&format!("{key} = {value}"));
        skep.out.line(&format!("{said}  in {}", file.display()))?;
    }
    Ok(())
}

/// A project that a running daemon does not know is no project; without a daemon the name is believed.
pub(super) fn require_project(skep: &Skep, name: &str) -> Result<(), CliError> {
    let Ok(mut client) = skep.standing() else { return Ok(()) };
    let answer = client.ask(&random_id()?, Ask::ProjectShow { name: name.to_owned() }, |_| ())?;
    read::<ProjectView>(answer).map(drop)
}

/// An error of the settings, and what to type next.
pub(super) fn refuse(err: &ConfigError) -> CliError {
    let refusal = CliError::error(err.slug(), skep_api::wire::chain(err));
    match err {
        ConfigError::UnknownKey { .. } => refusal.hint("skep config schema   lists every key"),
        ConfigError::Name { .. } => refusal.hint("skep project ls"),
        ConfigError::NotShared { key, .. } => refusal
            .hint(format!("yours for one project: skep config set {key} VALUE --project NAME")),
        ConfigError::Read { .. }
        | ConfigError::Syntax { .. }
        | ConfigError::Wrong { .. }
        | ConfigError::Nowhere { .. } => refusal.hint("skep config show"),
        ConfigError::Write(_) => {
            refusal.hint("skep config path   where it lies: its rights, its disk")
        }
    }
}

/// The least that a value has room for beside its key. Columns.
const VALUE: usize = 24;

/// Key, value, and who set it; a long value is cut, and stands whole with `--json`.
fn table(out: &Output, shown: Vec<Shown>) -> std::io::Result<()> {
    let widest = |of: fn(&Shown) -> usize| shown.iter().map(of).max().unwrap_or(0);
    let key = widest(|row| row.key.chars().count());
    let origin = widest(|row| row.origin.to_string().chars().count()).min(40);
    let left = out.width().saturating_sub(key + origin + 5).max(VALUE);
    let rows: Vec<Vec<(Tone, String)>> = shown
        .into_iter()
        .map(|row| {
            let is_set = row.origin != config::Origin::Default;
            vec![
                (Tone::Strong, row.key),
                (Tone::Plain, text::words(&text::one_line(&row.value), left)),
                (if is_set { Tone::Good } else { Tone::Faint }, row.origin.to_string()),
            ]
        })
        .collect();
    out.table(&["KEY", "VALUE", "FROM"], &rows)
}

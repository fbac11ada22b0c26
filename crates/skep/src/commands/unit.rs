//! `skep daemon install` and `skep daemon uninstall`: a unit of systemd's user manager.
//!
//! Owns: the unit's text, and that only a unit of ours is written over or removed. Never: starts or ends a run.

use std::{
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use skep_host::{paths, proc::Program};

use super::daemon;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

const NAME: &str = "skep.service";
/// How a unit of ours begins.
const MARK: &str = "# Written by `skep daemon install`; `skep daemon uninstall` removes it.";
/// What systemctl needs to find the person's manager; nothing else of the environment goes there.
const OF_THE_SESSION: [&str; 5] =
    ["DBUS_SESSION_BUS_ADDRESS", "HOME", "PATH", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"];

pub(super) fn install(skep: &Skep, dry_run: bool) -> Outcome {
    let file = place(skep)?;
    let unit = text(skep)?;
    let there = standing(&file)?;
    let is_there = there.as_ref() == Some(&unit);
    if let Some(there) = there.as_ref().filter(|there| served(there) != served(&unit)) {
        let text = format!("`{}` serves another home: {}", file.display(), served(there).join(" "));
        return Err(CliError::error("unit-other-home", text)
            .hint("skep daemon uninstall   then install for this one")
            .hint("skep daemon run   in the foreground, for as many homes as you like"));
    }
    if dry_run {
        if skep.out.json {
            let done = serde_json::json!({"unit": file, "text": unit, "changed": !is_there, "dry_run": true});
            skep.out.json(&done)?;
        } else {
            let word = if is_there { "stands already" } else { "would be written" };
            skep.out.line(&format!("{} {word}:", file.display()))?;
            skep.out.line("")?;
            skep.out.line(unit.trim_end())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !is_there {
        let unwritable = |why: &dyn std::fmt::Display| {
            CliError::error("unit-unwritable", format!("{}: {why}", file.display()))
        };
        fs::create_dir_all(file.parent().expect("a file of a folder"))
            .map_err(|err| unwritable(&err))?;
        paths::write_atomically(&file, unit.as_bytes())
            .map_err(|err| unwritable(&skep_api::wire::chain(&err)))?;
    }
    let enabled = enable(skep, is_there)?;
    tell(skep, &file, !is_there, &enabled, if is_there { "stands already" } else { "written" })?;
    if !skep.out.json && enabled.is_ok() {
        skep.out
            .note("started with your session; without one, from boot on: loginctl enable-linger");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn uninstall(skep: &Skep, dry_run: bool) -> Outcome {
    let file = place(skep)?;
    if standing(&file)?.is_none() {
        if skep.out.json {
            skep.out.json(&serde_json::json!({"unit": file, "changed": false}))?;
        } else {
            skep.out.line(&format!("{} is not there: nothing to do", file.display()))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if dry_run {
        if skep.out.json {
            skep.out.json(&serde_json::json!({"unit": file, "changed": true, "dry_run": true}))?;
        } else {
            skep.out
                .line(&format!("{} would be disabled and removed; runs go on", file.display()))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    // While the file is there: systemd knows by it what to disable.
    let disabled = asked(skep, &["disable", "--now", NAME]);
    fs::remove_file(&file).map_err(|err| {
        CliError::error("unit-unwritable", format!("remove {}: {err}", file.display()))
    })?;
    let told = disabled.and_then(|()| asked(skep, &["daemon-reload"])).map_err(|why| Silent {
        why: why.why,
        commands: vec![
            "systemctl --user disable --now skep.service",
            "systemctl --user daemon-reload",
        ],
    });
    tell(skep, &file, true, &told, "removed; runs go on")?;
    Ok(ExitCode::SUCCESS)
}

/// A user manager that did not do what it was asked, and what to type where there is one.
struct Silent {
    why: String,
    commands: Vec<&'static str>,
}

/// Has systemd read the unit, enable and start it.
fn enable(skep: &Skep, is_there: bool) -> Result<Result<(), Silent>, CliError> {
    let by_hand = |why: Silent| Silent {
        why: why.why,
        commands: vec![
            "systemctl --user daemon-reload",
            "systemctl --user enable --now skep.service",
        ],
    };
    if is_there && asked(skep, &["is-active", "--quiet", NAME]).is_ok() {
        return Ok(Ok(()));
    }
    if let Err(silent) = asked(skep, &["daemon-reload"]) {
        return Ok(Err(by_hand(silent)));
    }
    // One that came up on demand has the home; systemd's takes its place, and runs go on meanwhile.
    if let Ok(client) = skep.standing() {
        daemon::leave(skep, client)?;
    }
    Ok(asked(skep, &["enable", "--now", NAME]).map_err(by_hand))
}

/// Asks the person's systemd for something.
fn asked(skep: &Skep, args: &[&str]) -> Result<(), Silent> {
    let env = skep.env.iter().filter(|(name, _)| OF_THE_SESSION.contains(&name.as_str()));
    let output = Program::new("systemctl").arg("--user").args(args).envs(env).output();
    let why = match output {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) if output.complaint().is_empty() => {
            format!("systemctl left with {}", output.code())
        }
        Ok(output) => output.complaint().lines().next().unwrap_or_default().to_owned(),
        Err(err) => skep_api::wire::chain(&err),
    };
    Err(Silent { why, commands: Vec::new() })
}

fn tell(
    skep: &Skep,
    file: &Path,
    changed: bool,
    done: &Result<(), Silent>,
    word: &str,
) -> io::Result<()> {
    if skep.out.json {
        let (why, commands) = match done {
            Ok(()) => (None, &[][..]),
            Err(silent) => (Some(&silent.why), silent.commands.as_slice()),
        };
        return skep.out.json(&serde_json::json!({
            "unit": file, "changed": changed, "systemd": done.is_ok(), "why": why, "to_do": commands,
        }));
    }
    skep.out.line(&format!("{} {}", file.display(), skep.out.paint(Tone::Good, word)))?;
    if let Err(silent) = done {
        skep.out.note(&format!(
            "systemd was not told ({}). Where it runs, type:",
            skep_core::text::one_line(&silent.why)
        ));
        for command in &silent.commands {
            skep.out.note(&format!("  {command}"));
        }
    }
    Ok(())
}

/// Where the unit stands.
fn place(skep: &Skep) -> Result<PathBuf, CliError> {
    let set = |name: &str| skep.env.get(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    let config = config.ok_or_else(|| {
        CliError::error("home-unset", "neither XDG_CONFIG_HOME nor HOME is set to an absolute path")
    })?;
    Ok(config.join("systemd").join("user").join(NAME))
}

/// The text of the unit that is there; none where there is none.
///
/// Errors: it cannot be read, or somebody else wrote it.
fn standing(file: &Path) -> Result<Option<String>, CliError> {
    match fs::read_to_string(file) {
        Ok(text) if text.starts_with(MARK) => Ok(Some(text)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        read => {
            let why =
                read.map_or_else(|err| err.to_string(), |_| "it is not of our writing".to_owned());
            Err(CliError::error(
                "unit-foreign",
                format!("`{}` is not touched: {why}", file.display()),
            )
            .hint("move it away, then again")
            .hint("skep daemon install --dry-run   what would stand there"))
        }
    }
}

/// The lines of a unit that say which home and settings it serves.
fn served(unit: &str) -> Vec<&str> {
    unit.lines().filter(|line| line.starts_with("Environment=")).collect()
}

/// The unit for this home and this binary.
fn text(skep: &Skep) -> Result<String, CliError> {
    // The same as `/proc/self/exe`, without a name that an upgrade has removed.
    let binary = std::env::current_exe().ok().filter(|path| path.is_file()).ok_or_else(|| {
        CliError::error(
            "unit-no-binary",
            "the file of this program is gone or has another name now",
        )
        .hint("call skep again by its name: skep daemon install")
    })?;
    let set = |name: &str| skep.env.get(name).is_some_and(|value| !value.is_empty());
    let mut environment = String::new();
    let root = skep.home.root();
    // A flag says as much as a variable: both name a home that the next login would not know.
    let default = skep.default_home();
    if default.as_deref() != Some(root) || set("SKEP_HOME") {
        environment += &format!("Environment={}\n", quoted("SKEP_HOME=", root, false)?);
    }
    if set("SKEP_CONFIG") {
        environment += &format!("Environment={}\n", quoted("SKEP_CONFIG=", &skep.config, false)?);
    }
    let start = quoted("", &binary, true)?;
    Ok(format!(
        "{MARK}\n\
         [Unit]\n\
         Description=skep, which runs a fleet of coding agents\n\
         Documentation=man:skep(1)\n\
         \n\
         [Service]\n\
         Type=exec\n\
         ExecStart={start} daemon run\n\
         {environment}\
         # Agents have guards of their own and live on when the daemon ends.\n\
         KillMode=process\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         # It refused to start, and said why: another has the home, or the settings are wrong.\n\
         RestartPreventExitStatus=2\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n"
    ))
}

/// A path as a word of a unit: quoted, with nothing that systemd would expand.
fn quoted(before: &str, path: &Path, of_a_command: bool) -> Result<String, CliError> {
    let text = path.to_str().filter(|text| !text.contains(char::is_control)).ok_or_else(|| {
        let shown = String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned();
        CliError::error("unit-path", format!("systemd cannot be told of the path `{shown}`"))
            .hint("name another home: skep --home DIR daemon install")
    })?;
    let mut word =
        format!("{before}{text}").replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    if of_a_command {
        word = word.replace('$', "$$");
    }
    Ok(format!("\"{word}\""))
}

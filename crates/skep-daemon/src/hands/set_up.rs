//! A project's own script that makes a worktree ready: only as approved, only under a gatekeeper.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use skep_api::{place::Home, wire::chain};
use skep_core::{
    run::{Run, SetUp},
    secret::{Redactor, Secret},
    text,
};
use skep_host::{
    env,
    git::{self, Git},
    paths,
    proc::Program,
    secrets,
};

use crate::launch;

/// The guard of a command that tells a secret.
const GUARD: [&str; 4] = ["/proc/self/exe", "gatekeeper", "--tied", "--"];

/// The secrets that a project's set-up gets: names and references, no value.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Secrets {
    secrets: Vec<Secret>,
    held: Option<PathBuf>,
    holder: String,
}

impl Secrets {
    /// What the project lists of a run's secrets.
    pub(super) fn of(run: &Run, home: &Home) -> Secrets {
        let (secrets, held) = launch::secrets_of(run, home, |secret| secret.set_up);
        Secrets { secrets, held, holder: run.id().to_string() }
    }

    fn values(
        &self,
        vars: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, secrets::SecretError> {
        let wanted = self.secrets.iter().map(|it| (it.name.as_str(), it.from.as_str()));
        secrets::values(wanted, (self.held.as_deref(), &self.holder), vars, &GUARD)
    }
}

/// Runs the approved set-up; returns a note where it failed and that is borne.
///
/// Errors: a script that nobody approved in this form; a failure of a strict one, with its last lines.
pub(super) fn run_set_up(
    git: &Git,
    prepared: &env::Prepared,
    set_up: Option<&SetUp>,
    (mut vars, secrets): (BTreeMap<String, String>, &Secrets),
    log: &Path,
) -> Result<Option<String>, (&'static str, String)> {
    let command = match (set_up, &prepared.setup) {
        (Some(SetUp { run: Some(command), .. }), _) => {
            vec!["/bin/sh".to_owned(), "-c".to_owned(), command.clone()]
        }
        (Some(SetUp { run: None, digest: approved, .. }), Some(file)) => {
            let now = digest_at(git, prepared, file).map_err(|text| ("scripts-changed", text))?;
            if now != *approved {
                let text = format!("`{}` is not what was approved", file.display());
                return Err(("scripts-changed", text));
            }
            vec![file.to_string_lossy().into_owned()]
        }
        (None, Some(file)) => {
            return Err((
                "scripts-changed",
                format!("`{}` is new and nobody approved it", file.display()),
            ));
        }
        (Some(SetUp { run: None, .. }) | None, None) => return Ok(None),
    };
    let Some(set_up) = set_up else { return Ok(None) };
    let values = secrets.values(&vars).map_err(|err| (err.slug(), chain(&err)))?;
    let known = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let redactor = Redactor::new(known, &vars.values().map(String::as_str).collect::<Vec<_>>());
    vars.extend(values);
    let (code, output) = under_gatekeeper(&command, &prepared.cwd, vars, set_up.timeout_ms);
    let output = redactor.bytes(&output);
    if let Err(err) = paths::write_atomically(log, &output) {
        return Err(("set-up-failed", chain(&err)));
    }
    if code == Some(0) {
        return Ok(None);
    }
    let tail: Vec<String> =
        String::from_utf8_lossy(&output).lines().rev().take(8).map(text::one_line).collect();
    let tail: Vec<String> = tail.into_iter().rev().collect();
    let end =
        code.map_or_else(|| "ran out of time".to_owned(), |code| format!("left with code {code}"));
    let text = format!("the set-up {end}:\n{}\nall of it: {}", tail.join("\n"), log.display());
    if set_up.strict { Err(("set-up-failed", text)) } else { Ok(Some(text)) }
}

fn digest_at(git: &Git, prepared: &env::Prepared, file: &Path) -> Result<String, String> {
    let below = file.strip_prefix(&prepared.worktree).map_err(|err| err.to_string())?;
    let base = prepared.base.as_ref().ok_or("there is no base commit")?;
    let repo = git::discover(git, &prepared.worktree).map_err(|err| chain(&err))?;
    let path = below.to_str().ok_or("its path is not UTF-8")?;
    let bytes = git::file_at(git, &repo, &base.oid, path).map_err(|err| chain(&err))?;
    Ok(super::digest(&bytes.ok_or("it does not stand in the base commit")?))
}

/// Runs somebody else's code: under a gatekeeper that is tied to this process. None: it ran out of time.
fn under_gatekeeper(
    command: &[String],
    cwd: &Path,
    vars: BTreeMap<String, String>,
    timeout_ms: u64,
) -> (Option<i32>, Vec<u8>) {
    let program = Program::new("/proc/self/exe")
        .args(["gatekeeper", "--tied", "--"])
        .args(command)
        .envs(vars)
        .cwd(cwd)
        .timeout(Duration::from_millis(timeout_ms));
    match program.output() {
        Ok(output) => {
            let code = output.code();
            let mut all = output.stdout;
            all.extend(output.stderr);
            (Some(code), all)
        }
        Err(err) => (None, chain(&err).into_bytes()),
    }
}

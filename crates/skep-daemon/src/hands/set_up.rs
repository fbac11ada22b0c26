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
    fence::{self, Fence},
    git::{self, Git},
    paths,
    proc::Program,
    secrets, worktree,
};

use crate::launch;

/// The guard of a command that tells a secret.
const GUARD: [&str; 4] = ["/proc/self/exe", "gatekeeper", "--tied", "--"];

/// What a project's scripts get: secrets by names and references, no value; and how far they may reach.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Grant {
    secrets: Vec<Secret>,
    held: Option<PathBuf>,
    holder: String,
    /// Whether an agent wrote what they find in the worktree, and part of what they start.
    #[serde(default)]
    pub(super) of_agent: bool,
    /// Where alone they may write then, besides the env; none: wherever the agent may.
    #[serde(default)]
    open: Option<Vec<PathBuf>>,
    /// What holds them, once the env stands.
    #[serde(skip)]
    fence: Option<Fence>,
}

impl Grant {
    /// What the project lists of a run's secrets; on a commit of an agent's none, and a fence as agents have it.
    pub(super) fn of(
        run: &Run,
        home: &Home,
        vars: &BTreeMap<String, String>,
    ) -> Result<Grant, String> {
        let holder = run.id().to_string();
        if run.brief.place.detached.is_some() {
            let open = launch::open_to_scripts(run, home, vars)?;
            return Ok(Grant { holder, of_agent: true, open, ..Grant::default() });
        }
        let (secrets, held) = launch::secrets_of(run, home, |secret| secret.set_up);
        Ok(Grant { secrets, held, holder, ..Grant::default() })
    }

    /// Holds what runs from now on to the env that stands, where it is to be held.
    pub(super) fn hold(
        &mut self,
        git: &Git,
        prepared: &env::Prepared,
        vars: &mut BTreeMap<String, String>,
    ) -> Result<(), String> {
        let Some(open) = self.open.clone().filter(|_| fence::is_possible()) else { return Ok(()) };
        let tmp = prepared.root.join(env::TMP);
        paths::create_private_dir(&tmp).map_err(|err| chain(&err))?;
        let tmp = tmp.to_str().ok_or("the env's path is not UTF-8")?;
        vars.extend(["TMPDIR", "TMP", "TEMP"].map(|name| (name.to_owned(), tmp.to_owned())));
        let private = worktree::git_dir(git, &prepared.worktree).map_err(|err| chain(&err))?;
        let objects = prepared.common_dir.as_ref().map(|common| common.join("objects"));
        self.fence = Some(Fence {
            write: open.into_iter().chain([prepared.root.clone()]).collect(),
            plain: objects.into_iter().chain([private]).collect(),
            read: None,
        });
        Ok(())
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
    (vars, grant): (&BTreeMap<String, String>, &Grant),
    log: &Path,
) -> Result<Option<String>, (&'static str, String)> {
    match ready(git, prepared, set_up, (vars, grant), log) {
        // Whoever only looks at an agent's commit does so without it.
        Err((_, text)) if grant.of_agent => Ok(Some(text)),
        other => other,
    }
}

fn ready(
    git: &Git,
    prepared: &env::Prepared,
    set_up: Option<&SetUp>,
    (vars, grant): (&BTreeMap<String, String>, &Grant),
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
    let script = Script {
        command: &command,
        cwd: &prepared.cwd,
        input: Vec::new(),
        timeout_ms: set_up.timeout_ms,
        log,
    };
    let Ran { code, output } = script.run(vars, grant)?;
    if code == Some(0) {
        return Ok(None);
    }
    let text = format!("the set-up {}", last_words(code, &output, log));
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

/// How a script that failed ended, with its last lines.
pub(super) fn last_words(code: Option<i32>, output: &[u8], log: &Path) -> String {
    let tail: Vec<String> =
        String::from_utf8_lossy(output).lines().rev().take(8).map(text::one_line).collect();
    let tail: Vec<String> = tail.into_iter().rev().collect();
    let end =
        code.map_or_else(|| "ran out of time".to_owned(), |code| format!("left with code {code}"));
    format!("{end}:\n{}\nall of it: {}", tail.join("\n"), log.display())
}

/// What a script left.
pub(super) struct Ran {
    /// None: it ran out of time.
    pub(super) code: Option<i32>,
    /// All that it said, without the secrets it got.
    pub(super) output: Vec<u8>,
}

/// Somebody else's code that is to run.
pub(super) struct Script<'a> {
    pub(super) command: &'a [String],
    pub(super) cwd: &'a Path,
    pub(super) input: Vec<u8>,
    pub(super) timeout_ms: u64,
    /// Where all that it says is kept.
    pub(super) log: &'a Path,
}

impl Script<'_> {
    /// Runs it under a gatekeeper that is tied to this process, and keeps what it says.
    ///
    /// Errors: a secret that cannot be had; nothing can be kept.
    pub(super) fn run(
        self,
        vars: &BTreeMap<String, String>,
        grant: &Grant,
    ) -> Result<Ran, (&'static str, String)> {
        let values = grant.values(vars).map_err(|err| (err.slug(), chain(&err)))?;
        let known = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let redactor = Redactor::new(known, &vars.values().map(String::as_str).collect::<Vec<_>>());
        let program = Program::new("/proc/self/exe")
            .args(["gatekeeper", "--tied", "--"])
            .args(self.command)
            .envs(vars)
            .envs(&values)
            .cwd(self.cwd)
            .behind(grant.fence.clone())
            .stdin(self.input)
            .timeout(Duration::from_millis(self.timeout_ms));
        let (code, output) = match program.output() {
            Ok(output) => {
                let code = output.code();
                let mut all = output.stdout;
                all.extend(output.stderr);
                (Some(code), all)
            }
            Err(err) => (None, chain(&err).into_bytes()),
        };
        let output = redactor.bytes(&output).into_owned();
        paths::write_atomically(self.log, &output).map_err(|err| ("set-up-failed", chain(&err)))?;
        Ok(Ran { code, output })
    }
}

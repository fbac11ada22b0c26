//! What a gate is started with: its command, and the environment and fence that a run of its author has.
//!
//! Owns: that there is no prompt, no tool, nothing to ask for and nothing that interprets. Never: reads the worktree.
//! See docs/design/gate.md.

use std::path::{Path, PathBuf};

use skep_api::{
    place::Home,
    spec::{Limits, PromptBy, Spec, VERSION},
    wire::chain,
};
use skep_core::run::{Gate, Run, gate::VERSION as VERSION_OF};
use skep_harness::profile::Profile;
use skep_host::git::Git;

use super::{asker_env, fence, own_program, run_vars, secrets::secrets_of};

/// What a command is started by.
const SHELL: &str = "/bin/sh";
/// How it is spoken to: not at all.
const PROTOCOL: &str = "plain";

/// Says the versions of the tools that are named, a line each whatever they are, and then is the command.
///
/// Its own variables are a subshell's: the command gets those that it was given.
const TOLD: &str = r#"(
  line=$2; shift 2
  for tool do
    said=$("$tool" --version </dev/null 2>/dev/null | head -n 1 | tr -d '\000-\037\177') || said=
    printf '%s%s: %s\n' "$line" "$tool" "$said"
  done
)
exec /bin/sh -c "$1""#;

/// What it is: the command, behind the question for versions where there is one.
fn argv(gate: &Gate) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    if gate.tools.is_empty() {
        return words(&[SHELL, "-c", &gate.run]);
    }
    let mut argv: Vec<String> = words(&[SHELL, "-c", TOLD, SHELL, &gate.run, VERSION_OF]);
    argv.extend(gate.tools.iter().cloned());
    argv
}

/// What the attempt of a gate is started with.
pub(super) fn spec(
    (run, gate): (&Run, &Gate),
    attempt: u32,
    epoch: u64,
    home: &Home,
    agents: &Path,
) -> Result<Spec, String> {
    let env = run.env().ok_or("it has no env")?;
    // What it may write is nobody's to add to by a profile.
    let profile = Profile::load(PROTOCOL, None).map_err(|err| chain(&err))?;
    let asker = asker_env(home, run)?;
    let policy = &run.brief.policy;
    let folders = fence::GitFolders::of(run, env, &Git::new(&asker))?;
    let mut vars = run_vars(run, &env.cwd, &asker, &policy.env, home);
    vars.insert("SKEP_GATE".to_owned(), gate.name.clone());
    // A check sees what lands, and no object that stands in for another.
    vars.insert("GIT_NO_REPLACE_OBJECTS".to_owned(), "1".to_owned());
    let (secrets, held) = secrets_of(run, home, |secret| policy.env.contains(&secret.name));
    let config = agents.parent().ok_or("the settings have no folder")?;
    let fenced = fence::Attempt {
        run,
        env,
        git: folders.as_ref(),
        profile: &profile,
        home,
        config,
        program: SHELL,
        reads: vec![own_program()?],
    };
    let fence = fenced.fence(&mut vars)?;
    Ok(Spec {
        version: VERSION,
        run: run.id().clone(),
        kind: run.brief.kind,
        attempt,
        epoch,
        goes_on: false,
        protocol: PROTOCOL.to_owned(),
        terminal: None,
        signs: None,
        permissions: run.brief.permissions,
        policy: None,
        conversation: None,
        carries: Vec::new(),
        doubts: None,
        argv: argv(gate),
        env: vars,
        cwd: PathBuf::from(&env.cwd),
        // What git sees afterwards says nothing: whatever it left is thrown away.
        worktree: None,
        lock: PathBuf::from(&env.lock),
        base_oid: None,
        prompt_file: home.prompt(run.id()),
        prompt: PromptBy::None,
        socket: home.control_socket(run.id(), attempt),
        dir: home.attempt(run.id(), attempt),
        limits: Limits {
            grace_ms: policy.grace_ms,
            idle_ms: policy.idle_ms,
            tool_idle_ms: policy.tool_idle_ms,
            turn_ms: policy.turn_ms,
            usage_ms: super::USAGE_MS,
            ready_ms: policy.ready_ms,
            journal_bytes: policy.journal_bytes,
        },
        spare: policy.spare.clone(),
        fence,
        lent: None,
        secrets,
        held,
    })
}

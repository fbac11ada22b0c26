//! What an attempt is started with: its argv, its environment, its `spec.json`.
//!
//! Owns: the environment of a run, built from empty; the agent's argv from its profile.
//! Never: starts anything, or passes on a name that nobody listed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use skep_api::wire::chain;
use skep_api::{
    place::Home,
    spec::{Conversation, Doubts, Limits, PromptBy, Size, Spec, VERSION},
};
use skep_core::{
    lease, names,
    run::{Fence, Kind, Run, Surface},
};

use skep_harness::{
    acp, history,
    profile::{self, Profile, ToolsShown},
};
use skep_host::{
    git::{self, Git},
    handout, paths,
};

use crate::trust;

mod fence;
mod gate;
mod messages;
mod postures;
pub mod rules;
mod secrets;
mod standing;
mod told;
mod tools;
pub mod words;

pub use fence::open_to_scripts;
pub use secrets::{let_old_secrets_go, let_secrets_go, secrets_of};
pub use told::look;

/// How often what was used is told within a turn: where a limit of tokens or money holds, and else. Milliseconds.
const USAGE_LIMITED_MS: u64 = 500;
const USAGE_MS: u64 = 20_000;

/// Names that every process of a run gets where the asker had them.
const BASE: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "LANG",
    "TZ",
    "TMPDIR",
    "TERM",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
];

/// Whether `name` belongs to the base that every run gets.
pub fn is_base(name: &str) -> bool {
    BASE.contains(&name) || name.starts_with("LC_") || name.starts_with("XDG_")
}

/// The asker's environment, as it was kept with the run: the base names and what profile and project list.
pub fn asker_env(home: &Home, run: &Run) -> Result<BTreeMap<String, String>, String> {
    let path = home.asker_env(run.id());
    let bytes = fs::read(&path).map_err(|err| format!("{}: {err}", path.display()))?;
    let kept: BTreeMap<String, String> =
        serde_json::from_slice(&bytes).map_err(|err| format!("{}: {err}", path.display()))?;
    Ok(by_account(run, kept))
}

/// The same with the folders of the account that the run works by now.
fn by_account(run: &Run, mut vars: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let folders = run.brief.logins.folders(run.brief.account.as_deref());
    vars.extend(folders.map(|(name, folder)| (name.clone(), folder.clone())));
    vars
}

/// Writes the attempt's folder with its `spec.json`.
pub fn write_spec(
    run: &Run,
    attempt: u32,
    epoch: u64,
    home: &Home,
    agents: &Path,
) -> Result<(), String> {
    let spec = spec(run, attempt, epoch, home, agents)?;
    trust::ensure(run, &spec, home, agents)?;
    paths::create_private_dir(&spec.dir).map_err(|err| chain(&err))?;
    let bytes = serde_json::to_vec_pretty(&spec).map_err(|err| err.to_string())?;
    paths::write_atomically(&spec.dir.join("spec.json"), &bytes).map_err(|err| chain(&err))
}

fn spec(run: &Run, attempt: u32, epoch: u64, home: &Home, agents: &Path) -> Result<Spec, String> {
    if let Some(gate) = &run.brief.gate {
        return gate::spec((run, gate), attempt, epoch, home, agents);
    }
    let env = run.env().ok_or("it has no env")?;
    let profile = Profile::load(&run.brief.agent, Some(agents)).map_err(|err| chain(&err))?;
    let on_terminal = run.speech.surface == Surface::Terminal;
    let can_go_on = if on_terminal { profile.can_go_on_screen() } else { profile.can_go_on() };
    let asker = asker_env(home, run)?;
    let session = run.session.clone().filter(|_| run.goes_on && can_go_on);
    // Another login has a conversation only where its own records hold it.
    let has = |session: &String| history::read(&profile.records(&asker), session).is_some();
    let session = session.filter(|session| !run.moved || has(session));
    let goes_on = session.is_some();
    let doubts = session.as_ref().and_then(|session| messages::doubts(run, session));
    let prompt_file = words::prompt_file(run, attempt, home, goes_on)?;
    let told = told::tell(run, env, &profile, home, &asker, goes_on)?;
    let prompt_file =
        told.prompt(&prompt_file, &home.attempt(run.id(), attempt))?.unwrap_or(prompt_file);
    let folders = fence::GitFolders::of(run, env, &Git::new(&asker))?;
    let brief = profile::Brief {
        prompt_file: prompt_file.clone(),
        session,
        cwd: PathBuf::from(&env.cwd),
        model: run.brief.model.clone(),
        permissions: confinement(run, &profile),
        args: run.brief.policy.args.clone(),
        git_roots: fence::roots(run, folders.as_ref(), env),
        skep: own_program()?,
        brief_file: told.file.clone(),
        tools: tools::of(run, attempt, home, &profile),
    };
    let launch =
        if on_terminal { profile.launch_on_terminal(&brief) } else { profile.launch(&brief) };
    let mut launch = launch.map_err(|err| chain(&err))?;
    if goes_on && is_silent(run) {
        launch.prompt = profile::PromptBy::None;
    }
    tools::write(&launch)?;
    let server = tools::words(launch.setting.server.take())?;
    let policy = &run.brief.policy;
    let doubts = doubts.map(|doubts| Doubts { records: profile.records(&asker), ..doubts });
    let listed: Vec<String> = launch.env_names.iter().chain(&policy.env).cloned().collect();
    let mut vars = run_vars(run, &env.cwd, &asker, &listed, home);
    let (secrets, held) = secrets_of(run, home, |secret| listed.contains(&secret.name));
    vars.extend(launch.vars);
    if profile.identity {
        vars.extend(identity(&asker, Path::new(&env.cwd)));
    }
    if let Some(root) = &told.lent {
        let list = handout::exclude_file(root);
        let list = list.to_str().ok_or("the env's path is not UTF-8")?;
        set_for_git(&mut vars, "core.excludesFile", list);
    }
    let config = agents.parent().ok_or("the settings have no folder")?;
    let fenced = fence::Attempt {
        run,
        env,
        git: folders.as_ref(),
        profile: &profile,
        home,
        config,
        program: launch.argv.first().map(String::as_str).unwrap_or_default(),
        reads: told.file.iter().cloned().chain([prompt_file.clone(), own_program()?]).collect(),
    };
    let fence = fenced.fence(&mut vars)?;
    Ok(Spec {
        version: VERSION,
        run: run.id().clone(),
        kind: run.brief.kind,
        attempt,
        epoch,
        goes_on,
        protocol: if on_terminal { "pty".to_owned() } else { profile.protocol.clone() },
        terminal: on_terminal.then(Size::default),
        signs: on_terminal.then(|| trust::signs(&profile)),
        permissions: run.brief.permissions,
        policy: Some(rules::of(run, agents, &asker).map_err(|refusal| refusal.message)?),
        conversation: (!on_terminal && profile.protocol == "acp").then(|| Conversation {
            session: launch.setting.session,
            mode: launch.setting.mode,
            resumes: launch.setting.resume == acp::Resume::Resume,
            tools: server,
        }),
        carries: messages::carried(run, goes_on).iter().map(|it| it.id.clone()).collect(),
        doubts,
        argv: launch.argv,
        env: vars,
        cwd: PathBuf::from(&env.cwd),
        worktree: run.brief.place.repository.as_ref().map(|_| PathBuf::from(&env.worktree)),
        lock: PathBuf::from(&env.lock),
        base_oid: env.base.as_ref().map(|base| base.oid.clone()),
        prompt_file,
        prompt: match launch.prompt {
            profile::PromptBy::Stdin => PromptBy::Stdin,
            profile::PromptBy::File => PromptBy::File,
            profile::PromptBy::Arg => PromptBy::Arg,
            profile::PromptBy::None => PromptBy::None,
        },
        socket: home.control_socket(run.id(), attempt),
        dir: home.attempt(run.id(), attempt),
        limits: Limits {
            grace_ms: policy.grace_ms,
            // Where tools are told only when they are over, each silence may be one.
            idle_ms: if profile.tools_shown == ToolsShown::AtEnd {
                policy.idle_ms.max(policy.tool_idle_ms)
            } else {
                policy.idle_ms
            },
            tool_idle_ms: policy.tool_idle_ms,
            turn_ms: policy.turn_ms,
            usage_ms: if run.spent.limit.needs_telling() { USAGE_LIMITED_MS } else { USAGE_MS },
            ready_ms: policy.ready_ms,
            journal_bytes: policy.journal_bytes,
        },
        spare: policy.spare.clone(),
        fence,
        lent: told.lent,
        secrets,
        held,
    })
}

/// Whether the agent is not to hear a word of ours: it was brought to its own screen for a person who speaks there.
fn is_silent(run: &Run) -> bool {
    let brought = run.speech.surface == Surface::Terminal && run.brief.surface != Surface::Terminal;
    brought && run.message.is_none()
}

/// The environment of a run's agent: base, then the run's identity, then what is listed by name.
pub fn run_vars(
    run: &Run,
    cwd: &str,
    asker: &BTreeMap<String, String>,
    listed: &[String],
    home: &Home,
) -> BTreeMap<String, String> {
    let mut vars: BTreeMap<String, String> = asker
        .iter()
        .filter(|(name, _)| is_base(name) || listed.contains(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    vars.extend(lease::environment(&run.leases.held));
    let mut set = |name: &str, value: &str| vars.insert(name.to_owned(), value.to_owned());
    set("SKEP_RUN", run.id().as_str());
    set("SKEP_NAME", &run.brief.name);
    set("SKEP_ROLE", role(run.brief.kind));
    set("SKEP_AGENT", &run.brief.agent);
    set("SKEP_SOCKET", &home.daemon_socket().to_string_lossy());
    if let Some(task) = &run.brief.task {
        set("SKEP_TASK", task.as_str());
    }
    if let Some(project) = &run.brief.project {
        set("SKEP_PROJECT", project);
    }
    set("GIT_TERMINAL_PROMPT", "0");
    // PWD of the asker would be a lie, and some shells believe it.
    set("PWD", cwd);
    if !run.brief.place.sign {
        set_for_git(&mut vars, "commit.gpgsign", "false");
    }
    vars
}

/// Adds a setting to those that git reads from its environment, behind what stands there already.
fn set_for_git(vars: &mut BTreeMap<String, String>, key: &str, value: &str) {
    let name = |kind: &str, n: usize| format!("GIT_CONFIG_{kind}_{n}");
    let told: usize =
        vars.get("GIT_CONFIG_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0);
    // Git would fail at every call where one of them were missing.
    let stand =
        |n: usize| vars.contains_key(&name("KEY", n)) && vars.contains_key(&name("VALUE", n));
    let next = (0..told).take_while(|n| stand(*n)).count();
    vars.insert(name("KEY", next), key.to_owned());
    vars.insert(name("VALUE", next), value.to_owned());
    vars.insert("GIT_CONFIG_COUNT".to_owned(), (next + 1).to_string());
}

/// Who commits, as git reads it from the environment; nothing where git does not know: it says so to the agent then.
fn identity(asker: &BTreeMap<String, String>, cwd: &Path) -> Vec<(String, String)> {
    let known = git::identity(&Git::new(asker), cwd).ok().flatten();
    let told = |who: git::Identity| {
        ["AUTHOR", "COMMITTER"].map(|role| {
            [
                (format!("GIT_{role}_NAME"), who.name.clone()),
                (format!("GIT_{role}_EMAIL"), who.email.clone()),
            ]
        })
    };
    known.map(told).into_iter().flatten().flatten().collect()
}

/// The word for what a run of this kind is there for: in its environment and on its window.
pub fn role(kind: Kind) -> &'static str {
    match kind {
        Kind::Code => names::CODER,
        Kind::Plan => names::PLANNER,
        Kind::Review => names::REVIEWER,
        Kind::Foreman => names::FOREMAN,
        Kind::Manual => names::MANUAL,
        Kind::Gate => names::GATE,
    }
}

/// How much the agent is to keep itself from; one whose own sandbox fails behind a fence leaves it out where it gets ours.
fn confinement(run: &Run, profile: &Profile) -> profile::Permissions {
    let is_ours = profile.sandbox && !run.brief.trust.is_person();
    if is_ours && run.brief.policy.fence == Fence::Own {
        return profile::Permissions::Bypass;
    }
    permissions(run.brief.permissions)
}

/// The same word in the profile's language.
pub fn permissions(permissions: skep_core::run::Permissions) -> profile::Permissions {
    match permissions {
        skep_core::run::Permissions::Ask => profile::Permissions::Ask,
        skep_core::run::Permissions::Auto => profile::Permissions::Auto,
        skep_core::run::Permissions::Bypass => profile::Permissions::Bypass,
    }
}

/// The daemon's own environment, which is a clean one; for what nobody's run asks for.
pub fn own_vars() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// skep's own program: what stands where it was started from, after an upgrade in place too.
pub fn own_program() -> Result<PathBuf, String> {
    let path = std::env::current_exe().map_err(|err| err.to_string())?;
    let name = path.to_str().and_then(|name| name.strip_suffix(" (deleted)"));
    Ok(name.map_or_else(|| path.clone(), PathBuf::from))
}

/// SHA-256 of `bytes`, in hex.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

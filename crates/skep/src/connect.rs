//! The way to the daemon, which is started when none answers.
//!
//! Owns: where home and settings are, the daemon's clean start, and that an older one makes room for this version.
//! Never: starts a daemon from inside a run; that one would die with the run, or know its secrets.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    os::{fd::AsFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use skep_api::{
    client::{Client, ClientError},
    place::Home,
    request::Ask,
    role,
    wire::Refusal,
};
use skep_core::text;
use skep_daemon::version;
use skep_host::{paths, proc, tree};

use crate::{args::Global, exit::CliError, output::Output};

/// How long a daemon may take that follows one which was stopped.
const FOLLOWS: Duration = Duration::from_secs(2);
/// How often, and how far apart, it is looked who answers, where that is not who has the home.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(30);
/// How long a daemon may take between two moments that follow each other at once.
const COMES_UP: Duration = Duration::from_secs(5);
/// How long one of another version, which may just not know the question, is given to be gone.
const SOON: Duration = Duration::from_millis(500);

/// Where this skep lives, and how to ask it.
#[derive(Debug, Clone)]
pub(crate) struct Skep {
    pub(crate) home: Home,
    pub(crate) config: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) out: Output,
    may_start: bool,
}

impl Skep {
    /// Finds the places from flags and environment.
    ///
    /// Errors: neither is set and there is no HOME, or a place is not absolute.
    pub(crate) fn find(global: &Global, out: Output) -> Result<Skep, CliError> {
        let env: BTreeMap<String, String> = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let places = ["SKEP_HOME", "SKEP_CONFIG", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "HOME"];
        if let Some((name, value)) = env::vars_os().find(|(name, value)| {
            value.to_str().is_none() && places.iter().any(|place| name == place)
        }) {
            // Left out, it would mean another home.
            let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
            return Err(CliError::error(
                "path-not-text",
                format!("{name} is not UTF-8: `{value}`"),
            )
            .hint(format!("{name}=DIR skep …")));
        }
        if let Some(home) = global.home.as_ref().filter(|home| home.to_str().is_none()) {
            let text = format!("--home is not UTF-8: `{}`", home.display());
            return Err(CliError::error("path-not-text", text).hint("skep --home DIR …"));
        }
        let set = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let below = |xdg: &str, fallback: &str| below(&env, xdg, fallback);
        let home = global
            .home
            .clone()
            .or_else(|| set("SKEP_HOME"))
            .or_else(|| below("XDG_STATE_HOME", ".local/state"));
        let config = set("SKEP_CONFIG").or_else(|| below("XDG_CONFIG_HOME", ".config"));
        let (Some(home), Some(config)) = (home, config) else {
            return Err(CliError::error("home-unset", "neither SKEP_HOME nor HOME is set")
                .hint("skep --home DIR …"));
        };
        let home = std::path::absolute(&home)?;
        let config = std::path::absolute(&config)?;
        Ok(Skep {
            home: Home::new(&home, rustix::process::getuid().as_raw()),
            config,
            may_start: env.get("SKEP_NO_DAEMON").is_none_or(|value| value != "1"),
            env,
            out,
        })
    }

    /// The home where neither a flag nor a variable names one.
    pub(crate) fn default_home(&self) -> Option<PathBuf> {
        below(&self.env, "XDG_STATE_HOME", ".local/state")
    }

    /// The same skep at another home; for the demo.
    #[must_use]
    pub(crate) fn at(&self, home: &Path, config: &Path) -> Skep {
        Skep {
            home: Home::new(home, rustix::process::getuid().as_raw()),
            config: config.to_owned(),
            may_start: true,
            ..self.clone()
        }
    }

    /// Asks the daemon, starting it where none answers.
    pub(crate) fn ask(&self, ask: Ask) -> Result<Value, CliError> {
        let id = random_id()?;
        let ask = self.with_env(ask);
        let mut client = self.client()?;
        match client.ask(&id, ask.clone(), |text| self.out.progress(text)) {
            // It was killed or upgraded under us. The same id asks for the same thing, which counts once.
            Err(ClientError::Broken(err)) => {
                await_end(&client, if self.foreign().is_some() { SOON } else { COMES_UP });
                if !self.home.daemon_socket().exists() {
                    // It left in good order: somebody wanted it gone.
                    return Err(ClientError::Broken(err).into());
                }
                let asked = self.client()?.ask(&id, ask, |text| self.out.progress(text));
                asked.map_err(|err| self.told(err))
            }
            other => Ok(other?),
        }
    }

    /// What takes a run up again hands over its secrets, as far as they are in this environment.
    pub(crate) fn with_env(&self, mut ask: Ask) -> Ask {
        if let Ask::Again { env, .. } = &mut ask {
            env.clone_from(&self.env);
        }
        ask
    }

    /// A daemon that breaks off twice over the same question does not know it, where it is of another version.
    pub(crate) fn told(&self, err: ClientError) -> CliError {
        match (err, self.foreign()) {
            (ClientError::Broken(source), Some(theirs)) => {
                let text = format!(
                    "the daemon is of version {theirs}, this is {}, and it broke off: {source}",
                    version::ours()
                );
                CliError::error("daemon-other-version", text)
                    .hint("use the skep of that version")
                    .hint("skep daemon stop   the next request starts one of this version")
            }
            (err, _) => err.into(),
        }
    }

    /// A daemon to go on with where `gone` broke off; none where that was stopped and no other follows.
    pub(crate) fn another(&self, gone: &Client) -> Result<Option<Client>, CliError> {
        await_end(gone, COMES_UP);
        let until = Instant::now() + FOLLOWS;
        // One that was killed leaves its socket; one that was stopped does not, and is not brought back.
        while !self.home.daemon_socket().exists() {
            if Instant::now() > until {
                return Ok(None);
            }
            thread::sleep(BETWEEN_LOOKS);
        }
        self.client().map(Some)
    }

    /// Connects only where a daemon answers already.
    ///
    /// Errors: nobody answers, or somebody who is not this home's daemon: what is asked would be told to a stranger.
    pub(crate) fn standing(&self) -> Result<Client, ClientError> {
        let mut peer = 0;
        for _ in 0..LOOKS {
            let client = Client::connect(&self.home.daemon_socket())?;
            peer = self::peer(&client).map_err(ClientError::Broken)?;
            let ours = fs::read_to_string(self.home.daemon_lock()).unwrap_or_default();
            if ours.lines().next().unwrap_or_default().trim() == peer.to_string() {
                return Ok(client);
            }
            // One daemon may be following another: the kernel takes connections for one that is on its way out.
            thread::sleep(BETWEEN_LOOKS);
        }
        let socket = self.home.daemon_socket();
        let text = format!("not our daemon: pid {peer} answers on `{}`", socket.display());
        Err(ClientError::Refused(Refusal::error("socket-foreign", text)))
    }

    /// Connects to the daemon, which is started where none answers, and again where it is older than this program.
    pub(crate) fn client(&self) -> Result<Client, CliError> {
        let mut client = match self.standing() {
            Err(ClientError::Absent(_)) => {
                self.start()?;
                return Ok(self.standing()?);
            }
            other => other?,
        };
        let is_older = self.foreign().is_some_and(|it| version::is_newer(&version::ours(), &it));
        if !is_older || !self.may_start || inside_a_run() {
            return Ok(client);
        }
        // Whatever it answers, only its end counts; one that stays is talked to as it is.
        let _answer = client.ask(&random_id()?, Ask::Shutdown {}, |_| ());
        await_end(&client, COMES_UP);
        match self.standing() {
            Err(ClientError::Absent(_)) => {
                self.start()?;
                Ok(self.standing()?)
            }
            other => Ok(other?),
        }
    }

    /// The version of the daemon that has the home, where it is known and not this one.
    fn foreign(&self) -> Option<String> {
        let lock = fs::read_to_string(self.home.daemon_lock()).ok()?;
        let theirs = lock.lines().nth(1)?.trim();
        (!theirs.is_empty() && theirs != version::ours()).then(|| theirs.to_owned())
    }

    /// Starts the daemon and waits until it is ready, or another is.
    fn start(&self) -> Result<(), CliError> {
        if !self.may_start {
            return Err(CliError::error(
                "daemon-absent",
                "no daemon answers, and SKEP_NO_DAEMON=1 forbids to start one",
            )
            .hint("skep daemon start"));
        }
        self.start_now()
    }

    /// Starts the daemon whatever the environment forbids: somebody asked for just that.
    pub(crate) fn start_now(&self) -> Result<(), CliError> {
        if inside_a_run() {
            return Err(CliError::error(
                "daemon-absent",
                "no daemon answers, and a process of a run may not start one",
            )
            .hint("start it from a shell of your own: skep daemon start"));
        }
        paths::create_private_dir(self.home.root()).map_err(|err| {
            let refusal = self.unusable(err.slug(), &skep_api::wire::chain(&err));
            match err.slug() {
                "not-private" => {
                    let root = text::shell(&self.home.root().to_string_lossy());
                    refusal.hint(format!("chmod 700 {root}"))
                }
                _ => refusal,
            }
        })?;
        let until = Instant::now() + COMES_UP;
        while !self.spawn_daemon()? {
            // Another has the lock: it is on its way up, with its socket still to come, or on its way down.
            let absent = matches!(self.standing(), Err(ClientError::Absent(_)));
            if !absent || Instant::now() > until {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// A home in which nothing can be written, with what leads out.
    fn unusable(&self, slug: &str, text: &str) -> CliError {
        let shown = text::shell(&self.home.root().to_string_lossy());
        let refused = CliError::error(slug, text);
        let refused = match slug {
            "not-private" => refused.hint(format!("chmod 700 {shown}")),
            _ => refused
                .hint(format!("its owner, its rights, free space: ls -ld {shown}; df -h {shown}")),
        };
        refused.hint("skep --home DIR …   another place")
    }

    /// Starts a daemon; says whether it is this one that is ready, or another has the home.
    fn spawn_daemon(&self) -> Result<bool, CliError> {
        let path = self.home.daemon_log();
        let log = File::options().create(true).append(true).open(&path).map_err(|err| {
            self.unusable("home-unusable", &format!("open `{}`: {err}", path.display()))
        })?;
        let mut child = proc::command("/proc/self/exe")
            .arg0("skep")
            .args(["daemon", "run", "--detached"])
            .env_clear()
            .envs(self.env.iter().filter(|(name, _)| is_clean(name)))
            .env("SKEP_HOME", self.home.root())
            .env("SKEP_CONFIG", &self.config)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let answer: Result<Value, _> = serde_json::from_str(&line);
        match answer {
            Ok(answer) if answer.get("ready").is_some() => Ok(true),
            Ok(answer) => match serde_json::from_value::<Refusal>(answer) {
                Ok(refusal) if refusal.slug == "daemon-running" => Ok(false),
                Ok(refusal) => Err(refusal.into()),
                Err(err) => Err(CliError::error("daemon-start", err.to_string())),
            },
            Err(_) => {
                Err(CliError::error("daemon-start", "the daemon went down before it was ready")
                    .hint(format!("look into {}", self.home.daemon_log().display())))
            }
        }
    }
}

/// Our folder below one of the XDG places, `fallback` of the person's home where that is not set.
fn below(env: &BTreeMap<String, String>, xdg: &str, fallback: &str) -> Option<PathBuf> {
    let set = |name: &str| env.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(xdg)
        .filter(|dir| dir.is_absolute())
        .or_else(|| Some(set("HOME")?.join(fallback)))
        .map(|dir| dir.join("skep"))
}

/// The process at the other end.
fn peer(client: &Client) -> io::Result<u32> {
    let peer = rustix::net::sockopt::socket_peercred(client.socket())?;
    Ok(u32::try_from(peer.pid.as_raw_nonzero().get()).unwrap_or_default())
}

/// Waits until a daemon that broke off is gone, so that the next is asked and not the last of it; not for long.
pub(crate) fn await_end(client: &Client, patience: Duration) {
    let daemon = peer(client).ok().and_then(tree::identity);
    if let Some(Ok(Some(fd))) = daemon.map(tree::open) {
        // One that stays is asked again all the same, and its answer told.
        let _gone = proc::wait_readable(&[fd.as_fd()], Some(patience));
    }
}

/// A request's id: random, so that only a repeat is the same.
pub(crate) fn random_id() -> Result<String, CliError> {
    let mut bytes = [0_u8; 20];
    getrandom::fill(&mut bytes)
        .map_err(|err| CliError::error("input-output", format!("no random bytes: {err}")))?;
    Ok(bytes
        .iter()
        .map(|byte| char::from(skep_core::id::ALPHABET[usize::from(byte & 31)]))
        .collect())
}

/// What a daemon needs of its starter's environment; nothing of it reaches a run.
fn is_clean(name: &str) -> bool {
    matches!(
        name,
        "HOME"
            | "USER"
            | "LOGNAME"
            | "PATH"
            | "LANG"
            | "TZ"
            | "SHELL"
            | "TMPDIR"
            // How people are told: on their desktop, and by a server behind a proxy.
            | "DISPLAY"
            | "WAYLAND_DISPLAY"
            | "DBUS_SESSION_BUS_ADDRESS"
            | "HTTPS_PROXY"
            | "https_proxy"
            | "ALL_PROXY"
            | "NO_PROXY"
            | "no_proxy"
            | "SSL_CERT_FILE"
            | "SSL_CERT_DIR"
            | "SKEP_CRASH"
            | "SKEP_PRETEND_VERSION"
    ) || name.starts_with("XDG_")
        || name.starts_with("LC_")
}

/// Whether this process descends from a gatekeeper.
fn inside_a_run() -> bool {
    tree::ancestors(std::process::id()).into_iter().any(|pid| {
        fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
            let mut args = line.split(|byte| *byte == 0);
            let program = args.next().unwrap_or_default();
            let first = args.next().unwrap_or_default();
            let ours = program.ends_with(b"/exe") || program.ends_with(b"skep");
            ours && [role::KEEPER, role::WARDEN, "gatekeeper"]
                .iter()
                .any(|role| first == role.as_bytes())
        })
    })
}

//! A whole skep in a temporary folder: home, settings, repositories, and the binary as a person would type it.
//!
//! Owns: the hermetic environment of the binary, waiting with a deadline, and the proof at the end of every test that no
//! process of its home lives. Never: asserts what a verb should do.

use std::{
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use skep_host::proc::{self, Program};
use skep_testkit::{Place, Repo};

/// Far more than anything here takes on a busy machine, and little enough that a hang is told.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Settings in which nothing takes longer than a test wants to wait.
const SETTINGS: &str = "agent = \"scripted\"\n\
    [time]\nhealth = \"200ms\"\ngrace = \"300ms\"\n\
    [retry]\nfirst = \"100ms\"\njitter = 0.0\n\
    [radar]\non = false\n\
    [limits]\ndisk_free = \"0\"\n";

/// Waits until `holds`.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < until, "in vain waited for: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a signal; one that is gone is what a test wants to see, if it wants to see anything.
pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _gone = kill_process(pid, signal);
}

/// Whether a process of this pid is there and no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    skep_host::tree::row(pid).is_some_and(|row| !row.zombie)
}

/// How many processes stand below `dir`, whatever they were scrubbed of.
///
/// skep's own deeds and their git are not counted: one of them looks at a worktree for a snapshot
/// after the run has ended.
pub(crate) fn inside(dir: &Path) -> usize {
    let of_skep = |pid: u32| {
        let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else { return true };
        let mut words = line.split(|byte| *byte == 0);
        words.next().is_some_and(|program| program.ends_with(b"git"))
            || words.any(|word| word == b"__effect")
    };
    let found = skep_host::tree::inside(dir).unwrap();
    found.iter().filter(|process| !of_skep(process.pid)).count()
}

/// The number that a JSON view has under `name`.
#[track_caller]
pub(crate) fn pid_of(view: &Value, name: &str) -> u32 {
    let found = view[name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {view}"));
    u32::try_from(found).unwrap()
}

/// The text that a JSON view has under `name`.
#[track_caller]
pub(crate) fn text_of(view: &Value, name: &str) -> String {
    view[name].as_str().unwrap_or_else(|| panic!("no `{name}` in {view}")).to_owned()
}

/// What a call of the binary left.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Its standard output; any other code ends the test.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> String {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self.stdout
    }

    /// Its standard output, where all went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        self.with(0)
    }

    /// The one JSON value of its standard output.
    #[track_caller]
    pub(crate) fn json(self, code: i32) -> Value {
        let text = self.with(code);
        serde_json::from_str(&text).unwrap_or_else(|err| panic!("{err}: {text}"))
    }

    /// The error that stands as one JSON line on standard error, with nothing on standard output.
    #[track_caller]
    pub(crate) fn error(self, code: i32) -> Value {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "", "a result beside an error: {}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "one line: {}", self.stderr);
        let mut value: Value = serde_json::from_str(&self.stderr)
            .unwrap_or_else(|err| panic!("{err}: {}", self.stderr));
        let error = value["error"].take();
        assert_eq!(error["exit"], code, "{error}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
        assert!(error["hints"].is_array(), "{error}");
        error
    }

    /// The same, with its slug.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, slug: &str) -> Value {
        let error = self.error(code);
        assert_eq!(error["slug"], slug, "{error}");
        error
    }
}

/// A home with its settings, and a place for repositories.
pub(crate) struct Home {
    place: Place,
    vars: Vec<(String, String)>,
}

impl Home {
    /// Makes a home in which nothing ever ran.
    pub(crate) fn new() -> Home {
        Home::with_limits("")
    }

    /// Makes one with these lines in `[limits]`.
    pub(crate) fn with_limits(limits: &str) -> Home {
        let place = Place::new();
        let at = |name: &str| place.root().join(name).to_str().unwrap().to_owned();
        let vars = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
            ("HOME", at("home")),
            ("USER", "tester".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TMPDIR", at("tmp")),
            ("SKEP_HOME", at("h")),
            ("SKEP_CONFIG", at("c")),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let home = Home { place, vars };
        fs::create_dir(home.at("tmp")).unwrap();
        home.write("c/config.toml", &format!("{SETTINGS}{limits}\n"));
        home
    }

    /// Makes a home whose radar looks as often as a test wants it.
    pub(crate) fn with_radar() -> Home {
        let home = Home::new();
        home.radar_on();
        home
    }

    /// Has the radar look, from the next thing on that happens.
    pub(crate) fn radar_on(&self) {
        let file = self.at("c/config.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, text.replace("on = false", "on = true\nevery = \"300ms\"")).unwrap();
    }

    /// Adds a variable to the environment of every further call.
    pub(crate) fn var(mut self, name: &str, value: &str) -> Home {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path below the temporary folder.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.place.root().join(path)
    }

    /// The home itself.
    pub(crate) fn root(&self) -> PathBuf {
        self.at("h")
    }

    /// Writes a file below the temporary folder, and returns where it stands.
    pub(crate) fn write(&self, path: impl AsRef<Path>, text: &str) -> String {
        self.place.write(&path, text);
        self.at(path).to_str().unwrap().to_owned()
    }

    /// The place where the repositories stand.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Makes the repository `web`, in which calls stand from now on.
    pub(crate) fn repo(&self) -> Repo<'_> {
        self.place.repo("web")
    }

    fn seat(&self) -> PathBuf {
        let web = self.at("web");
        if web.is_dir() { web } else { self.place.root().to_owned() }
    }

    /// A call of the binary, for whoever wants to start it and not wait.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = proc::command(env!("CARGO_BIN_EXE_skep"));
        command.args(args).env_clear().envs(self.vars.iter().cloned()).current_dir(self.seat());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts a call and does not wait for it.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).spawn().unwrap()
    }

    /// Calls the binary, as from the repository.
    #[track_caller]
    pub(crate) fn skep(&self, args: &[&str]) -> Said {
        self.skep_in(&self.seat(), args)
    }

    /// Calls the binary from a folder.
    #[track_caller]
    pub(crate) fn skep_in(&self, dir: &Path, args: &[&str]) -> Said {
        self.skep_with(dir, &[], args)
    }

    /// Calls the binary from a folder, with more in its environment.
    #[track_caller]
    pub(crate) fn skep_with(&self, dir: &Path, vars: &[(&str, &str)], args: &[&str]) -> Said {
        let output = Program::new(env!("CARGO_BIN_EXE_skep"))
            .args(args)
            .envs(self.vars.iter().cloned())
            .envs(vars.iter().copied())
            .cwd(dir)
            .timeout(DEADLINE)
            .output()
            .unwrap_or_else(|err| panic!("skep {args:?}: {err}"));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what skep says is UTF-8");
        Said {
            code: output
                .status
                .code()
                .or(output.status.signal().map(|signal| 128 + signal))
                .unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Calls it with `--json` and reads the value of a success.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.skep(&[&["--json"], args].concat()).json(0)
    }

    /// Writes a prompt with this script, and returns its path.
    pub(crate) fn script(&self, name: &str, steps: &[&str]) -> String {
        let text = format!("{name}\n\n```skep-script\n{}\n```\n", steps.join("\n"));
        self.write(format!("prompts/{name}.md"), &text)
    }

    /// Begins a run of this script, lets its health window pass, and returns its view.
    #[track_caller]
    pub(crate) fn run(&self, title: &str, steps: &[&str], more: &[&str]) -> Value {
        let prompt = self.script(title, steps);
        self.json(&[&["run", title, "--prompt-file", &prompt], more].concat())
    }

    /// Runs this script to its end, and returns the view of it.
    #[track_caller]
    pub(crate) fn ended(&self, title: &str, steps: &[&str], more: &[&str]) -> Value {
        let run = self.run(title, steps, more);
        self.wait(&text_of(&run, "id"), "ended")
    }

    /// Waits for a state, whatever the outcome then is.
    #[track_caller]
    pub(crate) fn wait(&self, id: &str, state: &str) -> Value {
        let said = self.skep(&["--json", "wait", id, "--for", state, "--timeout", "45s"]);
        assert!([0, 4].contains(&said.code), "{said:?}");
        let found: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(found[0]["state"], state, "{found}");
        found[0].clone()
    }

    /// The view of a run as the list has it.
    #[track_caller]
    pub(crate) fn listed(&self, id: &str) -> Value {
        let all = self.json(&["ls", "--all"]);
        let found = all.as_array().unwrap().iter().find(|run| run["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not in {all}")).clone()
    }

    /// What the ledger holds.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = self.skep(&["--json", "events"]).ok();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The kinds of events about a run, in their order.
    #[track_caller]
    pub(crate) fn kinds(&self, id: &str) -> Vec<String> {
        let events = self.events();
        let about = events.iter().filter(|event| event["subject"] == id);
        about.map(|event| text_of(&event["event"], "event")).collect()
    }

    /// The daemon's process.
    #[track_caller]
    pub(crate) fn daemon(&self) -> u32 {
        pid_of(&self.json(&["daemon", "status"]), "pid")
    }

    /// Ends the daemon as the kernel would, and returns when it is gone.
    #[track_caller]
    pub(crate) fn kill_daemon(&self) -> u32 {
        let pid = self.daemon();
        kill(pid, Signal::KILL);
        eventually("the daemon is gone", || !lives(pid));
        pid
    }

    /// The prompt's neighbour: the folder of an attempt.
    pub(crate) fn attempt(&self, id: &str, attempt: u32) -> PathBuf {
        self.root().join("runs").join(id).join(attempt.to_string())
    }

    /// The living processes that name this place in their arguments or environment, or stand in it.
    pub(crate) fn alive(&self) -> Vec<(u32, String)> {
        let needle = self.place.root().as_os_str().as_encoded_bytes();
        let names = |bytes: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        let table = skep_host::tree::Table::read().unwrap();
        let ours = |pid: u32| {
            let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            let cwd = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            names(&read("cmdline"))
                || names(&read("environ"))
                || names(cwd.as_os_str().as_encoded_bytes())
        };
        table
            .rows()
            .filter(|row| {
                !row.zombie && row.process.pid != std::process::id() && ours(row.process.pid)
            })
            .map(|row| {
                let line =
                    fs::read(format!("/proc/{}/cmdline", row.process.pid)).unwrap_or_default();
                (row.process.pid, String::from_utf8_lossy(&line).replace('\0', " "))
            })
            .collect()
    }

    /// Waits until nothing of any run lives; the daemon may.
    #[track_caller]
    pub(crate) fn no_agents(&self) {
        eventually("no process of a run lives", || {
            self.alive().iter().all(|(_, line)| line.contains("daemon run"))
        });
    }

    /// Ends what runs and the daemon, as at the end of a test.
    fn end(&self) -> Vec<(u32, String)> {
        if self.root().join("ledger.db").exists() {
            let stopped = self.skep(&["stop", "--all", "--now"]);
            let ended = self.skep(&["daemon", "stop"]);
            if (stopped.code, ended.code) != (0, 0) {
                self.tell(&format!("{stopped:?}\n{ended:?}"));
            }
        }
        let until = Instant::now() + Duration::from_secs(15);
        loop {
            let alive = self.alive();
            if alive.is_empty() || Instant::now() > until {
                return alive;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[expect(clippy::print_stderr, reason = "a test that fails says what it saw")]
    fn tell(&self, text: &str) {
        let log = fs::read_to_string(self.root().join("daemon.log")).unwrap_or_default();
        eprintln!("{text}\ndaemon.log:\n{log}");
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if thread::panicking() {
            self.tell("");
        }
        let alive = self.end();
        for (pid, _) in &alive {
            kill(*pid, Signal::KILL);
        }
        if let Ok(held) = skep_host::secrets::folder(&self.root()) {
            // Most homes hold nothing there.
            let _none = fs::remove_dir_all(held);
        }
        if !thread::panicking() {
            assert!(alive.is_empty(), "still alive: {alive:?}");
        }
    }
}

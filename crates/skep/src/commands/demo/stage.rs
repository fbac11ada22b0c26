//! Where the demo plays: a repository, settings, three runs.

use std::{
    cell::RefCell,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use skep_api::{
    request::{Ask, RunAsk},
    view::RunView,
};
use skep_harness::profile::{Profile, find_program};
use skep_host::{paths, proc::Program, tree};

use super::{SOON, Teller};
use crate::{
    commands::{ls, read, show},
    connect::Skep,
    exit::CliError,
};

/// What each of the three does; the last one on a screen.
const WORK: [(&str, &str, &str); 3] = [
    ("add a greeting", "greeting.txt", "good morning."),
    ("write the manual", "manual.txt", "water it at dawn."),
    ("list the colours", "colours.txt", "red green blue"),
];

/// What the repository asks of whatever is to land; what the last one writes does not do it, whoever the others are.
const GATE: &str = "[[gate]]\nname = \"full-stop\"\nrun = \"\"\"
pages=$(git grep -L '[.]$' -- colours.txt)
test -z \"$pages\" || { echo \"no full stop at the end: $pages\"; exit 1; }
\"\"\"\n";

/// The agent with a screen: it shows something, waits for the word, and works.
const SCREEN: &str = "echo 'The colours of this garden, as soon as it rains.'; \
    until [ -e \"$1\" ]; do sleep 0.1; done; \
    echo 'red green blue' > colours.txt; \
    git add -A && git commit -q -m 'list the colours' && echo 'Done.'";

/// Settings in which nobody waits longer than a demo should, nor stays when the demo itself is killed.
const SETTINGS: &str = "[time]\nhealth = \"300ms\"\ngrace = \"500ms\"\nidle = \"5m\"\ndaemon_idle = \"1m\"\n\
    [retry]\nfirst = \"300ms\"\njitter = 0.0\n[limits]\ndisk_free = \"0\"\n";

/// How long the daemon may take to hear of an end.
const NEWS: Duration = Duration::from_secs(5);
/// How long a model may think about a file with one line.
const THINKING: Duration = Duration::from_secs(600);

/// Where it plays.
pub(super) struct Stage {
    pub(super) repository: PathBuf,
    /// The three, by their ids.
    runs: RefCell<Vec<String>>,
    /// Its being there lets the agents go on.
    go: PathBuf,
    /// A person's own agent.
    agent: Option<String>,
    pub(super) has_tmux: bool,
}

impl Stage {
    /// Makes the repository and the settings.
    pub(super) fn set(
        told: &mut Teller<'_>,
        root: &Path,
        yours: &Skep,
        agent: Option<&str>,
    ) -> Result<Stage, CliError> {
        let skep = told.skep;
        let has_tmux = find_program("tmux", OsStr::new(path_of(skep))).is_some();
        let stage = Stage {
            repository: root.join("garden"),
            runs: RefCell::default(),
            go: root.join("go"),
            agent: agent.map(str::to_owned),
            has_tmux,
        };
        let tmux = if has_tmux { "private" } else { "off" };
        write(&skep.config.join("config.toml"), &format!("tmux = \"{tmux}\"\n{SETTINGS}"))?;
        let profile = toml_of("sh", &["-c", SCREEN, "sh", &stage.go.to_string_lossy()]);
        write(&skep.config.join("agents/screen.toml"), &profile)?;
        // One whose guard was killed begins its script again: it has no conversation to go on with.
        write(&skep.config.join("agents/scripted.toml"), "resume = []\n")?;
        if let Some(agent) = agent {
            borrow_agent(yours, skep, agent)?;
        }

        told.act(1, "A repository, as anybody has one")?;
        fs::create_dir_all(&stage.repository)?;
        stage.git(skep, &["init", "-q", "-b", "main"])?;
        stage.git(skep, &["config", "user.name", "skep demo"])?;
        stage.git(skep, &["config", "user.email", "demo@example.invalid"])?;
        write(&stage.repository.join("README.md"), "# garden\n")?;
        write(&stage.repository.join(".skep/project.toml"), GATE)?;
        stage.git(skep, &["add", "README.md", ".skep"])?;
        stage.git(skep, &["commit", "-q", "-m", "plant the garden"])?;
        told.show(&stage.git(skep, &["log", "--oneline"])?)?;
        Ok(stage)
    }

    /// Starts the three, and returns when all are at work.
    pub(super) fn start(&self, told: &mut Teller<'_>) -> Result<(), CliError> {
        told.act(2, "Three agents at work, each in a worktree of its own")?;
        for (nth, (title, file, text)) in WORK.into_iter().enumerate() {
            let on_screen = nth == 2;
            let agent = match &self.agent {
                _ if on_screen => "screen",
                Some(agent) => agent,
                None => "scripted",
            };
            let surface = if on_screen { " --surface terminal" } else { "" };
            told.typed(&format!("skep run \"{title}\" --agent {agent}{surface}"))?;
            let ask = RunAsk {
                titles: vec![title.to_owned()],
                cwd: self.repository.to_string_lossy().into_owned(),
                agent: Some(agent.to_owned()),
                surface: on_screen.then(|| "terminal".to_owned()),
                prompt: Some(self.prompt(agent, title, file, text)),
                detach: true,
                env: told.skep.env.clone(),
                ..RunAsk::default()
            };
            let made: Vec<RunView> = read(told.skep.ask(Ask::Run(Box::new(ask)))?)?;
            self.runs.borrow_mut().extend(made.into_iter().map(|run| run.id));
        }
        told.await_runs("three agents at work", SOON, |runs| {
            runs.iter().all(|run| {
                let has_window = run.session.tmux.is_some() || !self.has_tmux;
                let is_up = run.pid.is_some() && (run.agent != "screen" || has_window);
                is_up || run.state == "ended"
            })
        })?;
        let runs = self.list(told)?;
        if let Some(run) = runs.iter().find(|run| run.agent != "screen" && failed(run)) {
            return fail(told, run);
        }
        told.say(if self.has_tmux {
            "The last one has a screen of its own, and a window on it in a tmux server of skep's own."
        } else {
            "The last one has a screen of its own. tmux is not installed, so no window is open on it."
        })?;
        if let Some(agent) = &self.agent {
            told.say(&format!(
                "The first two are {agent}, by your login. On a screen it would wait for you, so the last is a shell."
            ))?;
        }
        Ok(())
    }

    /// Lets the agents finish, and returns when all have.
    pub(super) fn finish(&self, told: &mut Teller<'_>) -> Result<(), CliError> {
        told.act(6, "All of them come to their end")?;
        fs::File::create(&self.go)?;
        let names: Vec<String> = self.runs(told)?.into_iter().map(|run| run.name).collect();
        told.typed(&format!("skep wait {}", names.join(" ")))?;
        let patience = if self.agent.is_some() { THINKING } else { SOON };
        let over = |runs: &[RunView]| runs.iter().all(|run| run.state == "ended");
        told.await_runs("the end of all three", patience, over)?;
        let runs = self.list(told)?;
        let mine = |run: &&RunView| run.agent != "screen";
        match runs.iter().find(|run| failed(run)) {
            // A model may fail at one of two; the story needs one that did not.
            Some(run)
                if self.agent.is_none() || !runs.iter().filter(mine).any(|run| !failed(run)) =>
            {
                fail(told, run)
            }
            _ => Ok(()),
        }
    }

    /// Prints the runs as `ls` does, and says whether it is true.
    ///
    /// An end takes some milliseconds to be told: a list that is younger than that is asked for again.
    pub(super) fn list(&self, told: &mut Teller<'_>) -> Result<Vec<RunView>, CliError> {
        let is_true = |runs: &[RunView]| runs.iter().filter_map(|run| run.pid).all(lives);
        let what = "a list that says of no dead process that it lives";
        told.await_runs(what, NEWS, is_true)?;
        let runs = self.runs(told)?;
        told.typed("skep ls")?;
        if !told.skep.out.json {
            ls::table(&told.skep.out, &runs)?;
        }
        let living = runs.iter().filter_map(|run| Some(format!("{} {}", run.name, run.pid?)));
        let living: Vec<String> = living.collect();
        if !living.is_empty() {
            told.say(&format!("It is true: these processes live: {}.", living.join(", ")))?;
        }
        Ok(runs)
    }

    /// The runs as they are now, in the order in which they were asked for.
    pub(super) fn runs(&self, told: &Teller<'_>) -> Result<Vec<RunView>, CliError> {
        let all = told.runs()?;
        let order = self.runs.borrow();
        Ok(order.iter().filter_map(|id| all.iter().find(|run| run.id == *id).cloned()).collect())
    }

    /// Asks git something about the repository.
    pub(super) fn git(&self, skep: &Skep, args: &[&str]) -> Result<String, CliError> {
        git(skep, &self.repository, args)
    }

    fn prompt(&self, agent: &str, title: &str, file: &str, text: &str) -> String {
        if agent == "scripted" {
            let go = self.go.display();
            return format!(
                "{title}\n\n```skep-script\nsay I will {title}.\nwait-for {go}\nwrite {file} {text}\ncommit {title}\n\
                 say Done: {title}.\nresult ok\n```\n"
            );
        }
        format!(
            "{title}\n\nWrite a file `{file}` in the current folder, with this one line in it: {text}\n\
             Then commit it with git, with the message: {title}\nDo nothing else.\n"
        )
    }
}

/// Asks git something in a folder of the demo's.
pub(super) fn git(skep: &Skep, folder: &Path, args: &[&str]) -> Result<String, CliError> {
    let output = Program::new("git")
        .args(args)
        .cwd(folder)
        .env("PATH", path_of(skep))
        .env("HOME", folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .map_err(|err| CliError::error("demo", format!("{err}")).hint("the demo needs git"))?;
    if output.code() != 0 {
        let text = format!("git {}: {}", args.join(" "), output.complaint());
        return Err(CliError::error("demo", text));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

/// Whether a run is over and has nothing to land.
pub(super) fn failed(run: &RunView) -> bool {
    run.state == "ended" && run.outcome.as_deref() != Some("completed")
}

/// Whether a process of this pid is there and no zombie.
pub(super) fn lives(pid: u32) -> bool {
    tree::row(pid).is_some_and(|row| !row.zombie)
}

/// The agents whose program is on the person's PATH.
pub(super) fn agents_found(yours: &Skep) -> Vec<String> {
    // A broken file of one agent is for the verb that uses it to tell.
    let profiles = Profile::all(Some(&yours.config.join("agents")))
        .or_else(|_| Profile::all(None))
        .unwrap_or_default();
    let path = OsStr::new(path_of(yours));
    let found =
        profiles.into_iter().filter(|profile| find_program(&profile.program, path).is_some());
    found.map(|profile| profile.name).collect()
}

fn path_of(skep: &Skep) -> &str {
    skep.env.get("PATH").map_or("/usr/bin:/bin", String::as_str)
}

fn fail(told: &Teller<'_>, run: &RunView) -> Result<(), CliError> {
    show::tail(told.skep, run)?;
    Err(CliError::error("demo", format!("{} did not complete", run.name))
        .hint("skep demo   without --agent, it needs no agent of yours")
        .hint("skep demo --keep   leaves its folder to look into"))
}

/// Takes over the person's own profile of an agent, where there is one; the agent's own settings are where its HOME is.
fn borrow_agent(yours: &Skep, own: &Skep, agent: &str) -> Result<(), CliError> {
    let theirs = yours.config.join("agents");
    Profile::load(agent, Some(&theirs)).map_err(|err| {
        CliError::error(err.slug(), err.to_string()).hint("skep demo   needs no agent")
    })?;
    match fs::read_to_string(theirs.join(format!("{agent}.toml"))) {
        Ok(text) => write(&own.config.join(format!("agents/{agent}.toml")), &text),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(err.into()),
    }
}

/// The profile of a program on a terminal; JSON strings are TOML strings.
fn toml_of(program: &str, args: &[&str]) -> String {
    let args = serde_json::json!(args);
    format!("protocol = \"pty\"\nprogram = \"{program}\"\nheadless = {args}\nprompt = \"none\"\n")
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    paths::write_atomically(path, text.as_bytes())
        .map_err(|err| CliError::error(err.slug(), err.to_string()))
}

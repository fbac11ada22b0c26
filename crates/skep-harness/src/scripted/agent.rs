//! The scripted agent as a program: `skep __agent scripted [--session ID] [FILE]`.
//!
//! Owns: doing a script's steps in a worktree, with real git, and saying so on standard output.
//! Never: leaves its folder, or runs a command that a script names.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, OpenOptions},
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, atomic::AtomicBool, mpsc},
    thread,
    time::Duration,
};

use rustix::fs::{Mode, OFlags};
use skep_core::said::{Carried, ErrorClass, Said, TurnResult, Usage};
use skep_host::proc;
use thiserror::Error;

use super::{
    Message, Taken,
    script::{self, Role, Step},
    tools::{self, Call},
};

#[cfg(test)]
mod tests;

/// The variable that says what the agent is there for.
const ROLE: &str = "SKEP_ROLE";

/// Where the agent works and what it was started with.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Its worktree.
    pub dir: PathBuf,
    /// Its environment; git gets the same.
    pub env: BTreeMap<OsString, OsString>,
    /// A script file; without one the prompt's block or the default is played.
    pub script: Option<PathBuf>,
    /// The conversation to go on with.
    pub session: Option<String>,
}

impl Setting {
    /// Reads the arguments that follow `__agent scripted`.
    ///
    /// Errors: an option it does not know, or more than one file.
    pub fn parse(
        args: &[OsString],
        dir: &Path,
        env: BTreeMap<OsString, OsString>,
    ) -> Result<Setting, String> {
        let mut setting = Setting { dir: dir.to_owned(), env, ..Setting::default() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--session" {
                let id = args.next().ok_or("`--session` needs an id")?;
                setting.session = Some(id.to_string_lossy().into_owned());
            } else if arg.to_string_lossy().starts_with("--") || setting.script.is_some() {
                return Err(format!(
                    "`{}` is not understood: [--session ID] [FILE]",
                    arg.to_string_lossy()
                ));
            } else {
                setting.script = Some(PathBuf::from(arg));
            }
        }
        Ok(setting)
    }
}

/// Why a step could not be done.
#[derive(Debug, Error)]
enum StepError {
    #[error("write to standard output")]
    Output(#[source] io::Error),
    #[error("{what} `{}`", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("run git")]
    Git(#[source] proc::ProcError),
    #[error("git {command}: {complaint}")]
    Refused { command: &'static str, complaint: String },
    #[error("start a detached process")]
    Fork(#[source] io::Error),
    #[error("set a signal")]
    Signal(#[source] io::Error),
    #[error("nobody answered")]
    Unanswered,
    #[error("call a tool")]
    Called(#[source] io::Error),
}

/// What becomes of the agent after a step.
enum Next {
    Go,
    /// The turn is over with this result.
    Over(bool),
    Leave(i32),
}

/// Plays its script in `setting`, turn by turn, and returns the exit code: 0, or 1 after a failed turn.
pub fn agent(
    setting: &Setting,
    stdin: impl BufRead + Send + 'static,
    stdout: &mut dyn Write,
) -> i32 {
    let role = setting.env.get(OsStr::new(ROLE)).and_then(|role| role.to_str());
    let mut agent = Agent {
        setting,
        role: role.map(Role::read).unwrap_or_default(),
        inbox: listen(stdin),
        out: stdout,
        usage: Usage::default(),
        answer: String::new(),
        calls: 0,
        listens: false,
        draft: None,
        session: String::new(),
        term: Arc::default(),
    };
    agent.live()
}

/// Reads standard input beside the script, so that a message never waits for a step.
fn listen(stdin: impl BufRead + Send + 'static) -> mpsc::Receiver<Heard> {
    let (to, inbox) = mpsc::channel();
    thread::spawn(move || {
        for line in stdin.lines() {
            let Ok(line) = line else { break };
            let heard = match serde_json::from_str(&line) {
                Ok(Message::Prompt { text }) => Heard { text, id: None },
                Ok(Message::Message { text, id }) => Heard { text, id },
                Ok(Message::Leave { id, allow, text }) => {
                    let word = if allow { "allowed" } else { "refused" };
                    let why = text.map(|why| format!(" ({why})")).unwrap_or_default();
                    Heard { text: format!("{id} {word}{why}"), id: None }
                }
                // A person at a terminal types plain lines.
                Err(_) => Heard { text: line, id: None },
            };
            if to.send(heard).is_err() {
                break;
            }
        }
    });
    inbox
}

/// What came on standard input.
#[derive(Default)]
struct Heard {
    text: String,
    id: Option<String>,
}

struct Agent<'a> {
    setting: &'a Setting,
    /// What it is there for.
    role: Role,
    inbox: mpsc::Receiver<Heard>,
    out: &'a mut dyn Write,
    usage: Usage,
    answer: String,
    calls: u64,
    listens: bool,
    /// Where the plan goes that it is to write.
    draft: Option<PathBuf>,
    session: String,
    term: Arc<AtomicBool>,
}

impl Agent<'_> {
    fn live(&mut self) -> i32 {
        let id = self
            .setting
            .session
            .clone()
            .unwrap_or_else(|| format!("scripted-{}", std::process::id()));
        let prompt = self.inbox.recv().unwrap_or_default().text;
        self.session.clone_from(&id);
        if self.say(&Said::Session { id }).is_err() {
            return 1;
        }
        self.draft = script::draft_in(&prompt);
        let mut steps = self.script(&prompt);
        loop {
            let ok = match steps.map(|steps| self.turn(steps)) {
                Ok(Next::Leave(code)) => return code,
                Ok(Next::Over(ok)) => ok,
                Ok(Next::Go) => self.end(true, String::new()),
                Err(why) => self.end(false, why),
            };
            let message =
                if self.listens { self.inbox.recv().ok() } else { self.inbox.try_recv().ok() };
            let Some(message) = message else {
                return i32::from(!ok);
            };
            if self.takes(&message).is_err() {
                return 1;
            }
            let message = message.text;
            self.draft = script::draft_in(&message).or(self.draft.take());
            let given = script::find_in(&message, self.role);
            steps = match given.or_else(|| self.remembered()) {
                Some(text) => self.first_turn(&text),
                None => Ok(script::reply_to(&message, self.role)),
            };
        }
    }

    /// Chooses the script: the file, else the prompt's block, else the default; in a conversation that goes on, what was
    /// left of it for later turns.
    fn script(&self, prompt: &str) -> Result<Vec<Step>, String> {
        let goes_on = self.setting.session.is_some();
        let given = script::find_in(prompt, self.role);
        let later = if goes_on && given.is_none() { self.remembered() } else { None };
        let text = match (&self.setting.script, later) {
            (_, Some(text)) => Some(text),
            (Some(file), None) => Some(
                fs::read_to_string(file)
                    .map_err(|error| format!("read `{}`: {error}", file.display()))?,
            ),
            (None, None) => given,
        };
        match text {
            Some(text) => self.first_turn(&text),
            None => Ok(script::default_for(prompt, self.role)),
        }
    }

    /// The steps of a script's first turn; the rest is kept for the next one, which another process may be.
    fn first_turn(&self, text: &str) -> Result<Vec<Step>, String> {
        let (first, rest) = script::turns(text);
        if let Some(rest) = rest {
            skep_host::paths::write_atomically(&self.memory(), rest.as_bytes())
                .map_err(io::Error::other)
                .map_err(|error| format!("write `{}`: {error}", self.memory().display()))?;
        }
        script::parse(&first).map_err(|error| error.to_string())
    }

    /// Takes what was left for this turn; none where nothing was.
    fn remembered(&self) -> Option<String> {
        let text = fs::read_to_string(self.memory()).ok()?;
        // What stays is played again at worst.
        let _stays = fs::remove_file(self.memory());
        Some(text)
    }

    /// Where the conversation is kept between its turns.
    fn memory(&self) -> PathBuf {
        let of = self.setting.env.get(OsStr::new("TMPDIR"));
        let folder = of.map_or_else(std::env::temp_dir, PathBuf::from);
        folder.join(format!("{}.script", self.session.replace('/', "-")))
    }

    fn turn(&mut self, steps: Vec<Step>) -> Next {
        let mut over = None;
        for step in steps {
            match self.step(step) {
                Ok(Next::Go) => {}
                Ok(Next::Over(ok)) => over = Some(ok),
                Ok(Next::Leave(code)) => return Next::Leave(code),
                Err(error) => return Next::Over(self.end(false, spell(&error))),
            }
        }
        over.map_or(Next::Go, Next::Over)
    }

    fn step(&mut self, step: Step) -> Result<Next, StepError> {
        match step {
            Step::Say(text) => self.say(&Said::Said { text: self.filled(&text) })?,
            Step::Think(text) => self.say(&Said::Thought { text })?,
            Step::Stderr(text) => writeln!(io::stderr(), "{text}").map_err(StepError::Output)?,
            Step::Write { path, text } => self.write(path, &text, false)?,
            Step::Append { path, text } => self.write(path, &text, true)?,
            Step::Commit(message) => self.commit(&message)?,
            Step::Draft(text) => self.write_draft(&text)?,
            Step::Ask { text, options } => self.ask(text, options)?,
            Step::Call(call) => self.ask_skep(&call)?,
            Step::Permit(wishes) => self.permit(&wishes)?,
            Step::Usage { input, output, cost_usd } => self.used(input, output, cost_usd)?,
            Step::Limit { text, reset_ms } => {
                self.say(&Said::Limit { text, reset_ms, reset_at: None })?;
            }
            Step::Retry(text) => self.say(&Said::Retry { attempt: 1, of: None, text })?,
            Step::WaitFor(path) => wait_for(&self.setting.dir.join(path)),
            Step::Hang => loop {
                thread::park();
            },
            Step::Flood { kib, one_line } => self.flood(kib, one_line)?,
            Step::IgnoreTerm => self.ignore_term()?,
            Step::Fork { holding_stdout } => fork(holding_stdout)?,
            Step::CloseStdout => close_stdout()?,
            Step::Crash => std::process::abort(),
            Step::Signal(signal) => {
                signal_hook::low_level::raise(signal).map_err(StepError::Signal)?;
            }
            Step::Exit(code) => return Ok(Next::Leave(code)),
            Step::Result { ok, text } => return Ok(Next::Over(self.end(ok, text))),
            Step::Listen => self.listens = true,
        }
        Ok(Next::Go)
    }

    /// Says which message it takes up.
    fn takes(&mut self, message: &Heard) -> Result<(), StepError> {
        match &message.id {
            Some(id) => self.write_line(&Taken::Taken { id: id.clone() }),
            None => Ok(()),
        }
    }

    fn say(&mut self, said: &Said) -> Result<(), StepError> {
        self.write_line(said)
    }

    fn write_line(&mut self, said: &impl serde::Serialize) -> Result<(), StepError> {
        let mut line = serde_json::to_string(said).expect("what is said is always JSON");
        line.push('\n');
        self.out
            .write_all(line.as_bytes())
            .and_then(|()| self.out.flush())
            .map_err(StepError::Output)
    }

    /// Ends the turn and returns whether it went well; an end that nobody hears did not.
    fn end(&mut self, ok: bool, text: String) -> bool {
        let mut heard = true;
        if !ok && !text.is_empty() {
            heard = self.say(&Said::Error { class: ErrorClass::Agent, text: text.clone() }).is_ok();
        }
        let result = if ok { TurnResult::Success } else { TurnResult::Failed };
        heard && self.say(&Said::TurnEnded { result, text }).is_ok() && ok
    }

    /// Fills in the last answer.
    fn filled(&self, text: &str) -> String {
        text.replace("{answer}", &self.answer)
    }

    fn call(&mut self, name: &str, input: String) -> Result<String, StepError> {
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        self.say(&Said::Tool { id: id.clone(), name: name.to_owned(), input })?;
        Ok(id)
    }

    fn write(&mut self, path: PathBuf, text: &str, append: bool) -> Result<(), StepError> {
        let id = self.call("write", path.display().to_string())?;
        let text = self.filled(text);
        let whole = self.setting.dir.join(&path);
        let written = no_links(&self.setting.dir, &path)
            .and_then(|()| write_file(&whole, text.as_bytes(), append));
        self.say(&Said::ToolResult {
            id,
            ok: written.is_ok(),
            text: format!("{} bytes", text.len()),
        })?;
        written.map_err(|source| StepError::File { what: "write", path, source })
    }

    /// Writes the plan where it was asked for: in the `output` folder beside its own, and nowhere else.
    fn write_draft(&mut self, text: &str) -> Result<(), StepError> {
        let beside = self.setting.dir.ancestors().map(|dir| dir.join("output"));
        let asked = self.draft.clone().filter(|path| {
            let folder = path.parent().unwrap_or(Path::new("/"));
            beside.take(3).any(|dir| dir == folder)
        });
        let path = asked.ok_or_else(|| StepError::File {
            what: "write the plan to",
            path: self.draft.clone().unwrap_or_default(),
            source: io::Error::new(io::ErrorKind::NotFound, "no plan is asked for here"),
        })?;
        let id = self.call("write", path.display().to_string())?;
        // What is to be filled in there is for those who carry the plan out.
        let text = format!("{text}\n");
        let name = Path::new(path.file_name().unwrap_or_default());
        let written = no_links(path.parent().unwrap_or(Path::new("/")), name)
            .and_then(|()| write_file(&path, text.as_bytes(), false));
        let ok = written.is_ok();
        self.say(&Said::ToolResult { id, ok, text: format!("{} bytes", text.len()) })?;
        written.map_err(|source| StepError::File { what: "write", path, source })
    }

    fn commit(&mut self, message: &str) -> Result<(), StepError> {
        let id = self.call("commit", message.to_owned())?;
        let done = self
            .git("add", &["-A"])
            .and_then(|()| self.git("commit", &["-q", &format!("--message={message}")]));
        let text = done.as_ref().err().map(spell).unwrap_or_default();
        self.say(&Said::ToolResult { id, ok: done.is_ok(), text })?;
        done
    }

    /// Runs git as the person that git knows here; where it knows none, as the agent itself.
    fn git(&self, command: &'static str, args: &[&str]) -> Result<(), StepError> {
        let git = || proc::Program::new("git").envs(&self.setting.env).cwd(&self.setting.dir);
        let known = git()
            .args(["var", "GIT_COMMITTER_IDENT"])
            .output()
            .map_err(StepError::Git)?
            .status
            .success();
        let own = ["-c", "user.name=scripted", "-c", "user.email=scripted@skep.invalid"];
        let git = if known { git() } else { git().args(own) };
        let output = git.arg(command).args(args).output().map_err(StepError::Git)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let complaint = Some(output.complaint()).filter(|text| !text.is_empty()).unwrap_or(said);
        Err(StepError::Refused { command, complaint })
    }

    fn ask(&mut self, text: String, options: Vec<String>) -> Result<(), StepError> {
        self.calls += 1;
        self.say(&Said::Ask { id: format!("ask-{}", self.calls), text, options })?;
        let answer = self.inbox.recv().map_err(|_| StepError::Unanswered)?;
        self.takes(&answer)?;
        self.answer = answer.text;
        Ok(())
    }

    fn ask_skep(&mut self, call: &Call) -> Result<(), StepError> {
        self.calls += 1;
        let key = format!("call-{}-{}", std::process::id(), self.calls);
        let socket = self.setting.env.get(OsStr::new(tools::KEEPER)).map(PathBuf::from);
        let socket = socket.ok_or_else(|| {
            StepError::Called(io::Error::new(io::ErrorKind::NotFound, "no keeper is named"))
        })?;
        self.answer = call.tell(&socket, &key).map_err(StepError::Called)?;
        Ok(())
    }

    /// Asks for leave for all of them at once; the answer names each, in the order of asking, however they came.
    fn permit(&mut self, wishes: &[(String, String)]) -> Result<(), StepError> {
        let mut open = Vec::new();
        for (tool, text) in wishes {
            self.calls += 1;
            let id = format!("leave-{}", self.calls);
            let (tool, text) = (tool.clone(), text.clone());
            // A shell is given a command, and every other tool a path.
            let key = if matches!(tool.as_str(), "sh" | "Bash") { "command" } else { "path" };
            let deed = crate::deed::of_tool(&tool, &serde_json::json!({key: text}));
            self.say(&Said::Permission { id: id.clone(), tool: tool.clone(), text, deed })?;
            open.push((id, tool, None));
        }
        while open.iter().any(|(.., answer)| answer.is_none()) {
            let said = self.inbox.recv().map_err(|_| StepError::Unanswered)?.text;
            let (id, word) = said.split_once(' ').unwrap_or((&said, ""));
            if let Some((.., answer)) = open.iter_mut().find(|(known, ..)| known == id) {
                *answer = Some(word.to_owned());
            }
        }
        let answers =
            open.iter().filter_map(|(_, tool, word)| Some(format!("{tool} {}", word.as_ref()?)));
        self.answer = answers.collect::<Vec<_>>().join(", ");
        Ok(())
    }

    fn used(&mut self, input: u64, output: u64, cost_usd: Option<f64>) -> Result<(), StepError> {
        self.usage.input_tokens = self.usage.input_tokens.saturating_add(input);
        self.usage.output_tokens = self.usage.output_tokens.saturating_add(output);
        if let Some(cost) = cost_usd {
            self.usage.cost_usd = Some(self.usage.cost_usd.unwrap_or_default() + cost);
        }
        self.say(&Said::Usage { usage: self.usage, carried: Carried::default() })
    }

    fn flood(&mut self, kib: usize, one_line: bool) -> Result<(), StepError> {
        let mut row = [b'x'; 1024];
        if !one_line {
            row[1023] = b'\n';
        }
        for _ in 0..kib {
            self.out.write_all(&row).map_err(StepError::Output)?;
        }
        let end: &[u8] = if one_line { b"\n" } else { b"" };
        self.out.write_all(end).and_then(|()| self.out.flush()).map_err(StepError::Output)
    }

    fn ignore_term(&mut self) -> Result<(), StepError> {
        // The flag is never read: taking the signal is the point.
        signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&self.term))
            .map_err(StepError::Signal)?;
        Ok(())
    }
}

/// An error with its causes, on one line.
fn spell(error: &StepError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// A link in the repository may point anywhere; a script writes through none.
fn no_links(dir: &Path, path: &Path) -> io::Result<()> {
    let mut at = dir.to_owned();
    for part in path.components() {
        at.push(part);
        if at.is_symlink() {
            return Err(io::Error::other("it leads through a symbolic link"));
        }
    }
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8], append: bool) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    OpenOptions::new()
        .create(true)
        .write(true)
        .append(append)
        .truncate(!append)
        .open(path)?
        .write_all(bytes)
}

/// A file's appearance is the one event that a test can always make; looking for it often is cheap enough here.
fn wait_for(path: &Path) {
    while !path.exists() {
        thread::sleep(Duration::from_millis(10));
    }
}

/// Starts what a careless agent leaves behind: a process in a session of its own, with an empty environment.
fn fork(holding_stdout: bool) -> Result<(), StepError> {
    let mut command = proc::command("/usr/bin/setsid");
    command
        .args(["--fork", "/bin/sleep", "3600"])
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    if !holding_stdout {
        command.stdout(Stdio::null());
    }
    let status = command.status().map_err(StepError::Fork)?;
    if status.success() {
        Ok(())
    } else {
        Err(StepError::Fork(io::Error::other(status.to_string())))
    }
}

/// Lets go of the pipe: the reader sees its end while the agent lives on.
fn close_stdout() -> Result<(), StepError> {
    let null = rustix::fs::open("/dev/null", OFlags::WRONLY, Mode::empty())
        .map_err(|e| StepError::Output(e.into()))?;
    rustix::stdio::dup2_stdout(&null).map_err(|error| StepError::Output(error.into()))
}

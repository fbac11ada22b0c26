//! Live agents: real programs, a scripted model.
//!
//! Owns: one model server of its own on a port of its own, and a home in which each agent finds only that model.
//! Never: installs anything (`lab/install` does), or lets an agent see the developer's settings.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use skep_host::proc;
use tempfile::TempDir;

/// How long the model server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where the server keeps what it was asked.
const REQUESTS: &str = "requests";

/// A scripted model and a home for agents that know no other.
#[derive(Debug)]
pub struct Lab {
    home: TempDir,
    cache: PathBuf,
    server: Child,
    address: String,
    /// Where the script is played, without a version.
    url: String,
    /// The server ends when this does, even after a kill -9 of the test.
    _tie: ChildStdin,
}

impl Lab {
    /// Opens the lab for the agent of a shipped profile with a model that plays `script`.
    ///
    /// Returns none, and says by name what was skipped, where live agents are not wanted or this one is not installed.
    pub fn open(agent: &str, script: &str) -> Option<Lab> {
        if setting("SKEP_LIVE").is_none_or(|value| value != "1") {
            return skipped(agent, "SKEP_LIVE unset");
        }
        let cache = setting("SKEP_LAB_CACHE").map_or_else(
            || PathBuf::from(setting("HOME").expect("a test has a home")).join(".cache/skep-lab"),
            PathBuf::from,
        );
        let (package, program) = installed_as(agent);
        if !bin(&cache, package).join(program).exists() {
            return skipped(agent, "not installed; see lab/install");
        }
        let home =
            tempfile::Builder::new().prefix("skep-lab-").tempdir().expect("a temporary folder");
        let (server, tie, address) = serve(home.path());
        let url = format!("http://{address}/s/{script}");
        settle(home.path(), package, &url);
        Some(Lab { home, cache, server, address, url, _tie: tie })
    }

    /// Lets the agent of another profile work here as well, with a model that plays `script`; false where it is not installed.
    pub fn also(&self, agent: &str, script: &str) -> bool {
        let (package, program) = installed_as(agent);
        let there = bin(&self.cache, package).join(program).exists();
        if there {
            settle(self.home(), package, &format!("http://{}/s/{script}", self.address));
        } else {
            skipped::<()>(agent, "not installed; see lab/install");
        }
        there
    }

    /// Returns the home of the agents.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Lets every model call go on that waits, or will wait, at the gate `name`.
    pub fn open_gate(&self, name: &str) {
        let request = format!(
            "POST /_gate/{name} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        );
        let mut stream = TcpStream::connect(&self.address).expect("the model server listens");
        stream.write_all(request.as_bytes()).expect("it takes the request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        assert!(answer.contains(" 200 "), "{answer}");
    }

    /// Returns what the model was asked so far for the conversation itself, a JSON object each: titles and the like are
    /// left out.
    pub fn asked(&self) -> Vec<String> {
        let log = fs::read_to_string(self.home().join("model.jsonl")).unwrap_or_default();
        log.lines().filter(|line| line.contains("\"turn\":")).map(str::to_owned).collect()
    }

    /// Returns what the model was asked in the course of its work, oldest first: whole requests, as JSON.
    pub fn requests(&self) -> Vec<String> {
        let entries =
            fs::read_dir(self.home.path().join(REQUESTS)).expect("it was asked something");
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let read = |path: PathBuf| fs::read_to_string(path).expect("a request can be read");
        paths.into_iter().map(read).collect()
    }

    /// Returns the whole environment of an agent: its program on the PATH, its home, the scripted model.
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        let home = self.home.path();
        let mut folders = vec![self.cache.join("npm/node22/node_modules/node/bin")];
        folders.extend(PACKAGES.map(|(_, package, _)| bin(&self.cache, package)));
        folders.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
        [
            ("PATH", std::env::join_paths(folders).expect("no folder of ours holds a colon")),
            ("HOME", home.into()),
            ("LANG", "C.UTF-8".into()),
            ("TMPDIR", home.join("tmp").into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
            ("OPENAI_API_KEY", "sk-lab-Xw3fUq8ZkD2m".into()),
            ("PI_OFFLINE", "1".into()),
            ("OPENCODE_DISABLE_MODELS_FETCH", "1".into()),
            ("OPENCODE_DISABLE_AUTOUPDATE", "1".into()),
            ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1".into()),
            ("OPENAI_BASE_URL", format!("{}/v1", self.url).into()),
            ("OPENAI_MODEL", "scripted".into()),
            ("GOOGLE_GEMINI_BASE_URL", self.url.clone().into()),
            ("GEMINI_API_KEY", "AI-lab-Xw3fUq8ZkD2m".into()),
            ("ANTHROPIC_BASE_URL", self.url.clone().into()),
            ("ANTHROPIC_API_KEY", "sk-scripted".into()),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".into()),
            ("CLAUDE_CODE_MAX_RETRIES", "2".into()),
            ("DISABLE_AUTOUPDATER", "1".into()),
            // Claude Code refuses to allow everything to root outside of one.
            ("IS_SANDBOX", "1".into()),
            ("MSWEA_CONFIGURED", "true".into()),
            ("MSWEA_COST_TRACKING", "ignore_errors".into()),
            ("MSWEA_MODEL_NAME", "openai/scripted".into()),
            ("LITELLM_LOCAL_MODEL_COST_MAP", "True".into()),
            ("OPENAI_API_BASE", format!("{}/v1", self.url).into()),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end and only its state to collect.
        let _gone = self.server.kill();
        let _collected = self.server.wait();
    }
}

/// Says what is left out, so that the suite can name it.
#[expect(clippy::print_stdout, reason = "the test runner collects these lines")]
fn skipped<T>(agent: &str, why: &str) -> Option<T> {
    println!("skipped: live agent {agent} ({why})");
    None
}

#[expect(
    clippy::disallowed_methods,
    reason = "the suite says by its environment what is wanted and where it is"
)]
fn setting(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Profile, package of `lab/install`, program.
const PACKAGES: [(&str, &str, &str); 11] = [
    ("codex", "codex", "codex"),
    ("pi", "pi", "pi"),
    ("opencode", "opencode", "opencode"),
    ("opencode-acp", "opencode", "opencode"),
    ("gemini", "gemini", "gemini"),
    ("gemini-acp", "gemini", "gemini"),
    ("qwen", "qwen", "qwen"),
    ("claude", "claude", "claude"),
    ("claude-acp", "claude-acp", "claude-agent-acp"),
    ("codex-acp", "codex-acp", "codex-acp"),
    ("mini-swe-agent", "mini-swe-agent", "mini"),
];

fn installed_as(agent: &str) -> (&'static str, &'static str) {
    let found = PACKAGES.iter().find(|(profile, ..)| *profile == agent);
    let (_, package, program) = found.unwrap_or_else(|| panic!("the lab knows no {agent}"));
    (package, program)
}

fn bin(cache: &Path, agent: &str) -> PathBuf {
    if agent == "mini-swe-agent" {
        return cache.join("venv").join(agent).join("bin");
    }
    cache.join("npm").join(agent).join("node_modules/.bin")
}

/// Starts the model server and waits for the line that names its address.
fn serve(home: &Path) -> (Child, ChildStdin, String) {
    let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lab");
    let mut server = proc::command("python3")
        .arg(lab.join("model_server.py"))
        .args(["--tied", "--port", "0", "--log"])
        .arg(home.join("model.jsonl"))
        .arg("--dump")
        .arg(home.join(REQUESTS))
        .env_clear()
        .envs(setting("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 starts");
    let tie = server.stdin.take().expect("it was piped");
    let stdout = server.stdout.take().expect("it was piped");
    let (to, first) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line).map(|_| line);
        // Whoever waited may have given up.
        let _heard = to.send(read);
    });
    let line = first
        .recv_timeout(PATIENCE)
        .expect("the model server listens in time")
        .expect("it says so");
    let address = line.trim().strip_prefix("listening on ").expect("it says where").to_owned();
    (server, tie, address)
}

/// Writes the settings of the agent of `package`: the scripted model and no other.
fn settle(home: &Path, package: &str, url: &str) {
    let url = format!("{url}/v1");
    let write = |path: &str, text: &str| {
        let path = home.join(path);
        fs::create_dir_all(path.parent().expect("it has a folder"))
            .expect("the folder can be made");
        let file = fs::File::create(path);
        file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .expect("the file can be written");
    };
    write("tmp/.keep", "");
    write(".gitconfig", "[user]\nname = Lab\nemail = lab@example.invalid\n");
    match package {
        "codex" | "codex-acp" => write(
            ".codex/config.toml",
            &format!(
                "model = \"scripted\"\nmodel_provider = \"lab\"\ncheck_for_update_on_startup = false\n\
                 [analytics]\nenabled = false\n\
                 [model_providers.lab]\nname = \"lab\"\nbase_url = \"{url}\"\nwire_api = \"responses\"\n\
                 env_key = \"OPENAI_API_KEY\"\nrequest_max_retries = 1\nstream_max_retries = 2\nstream_idle_timeout_ms = 60000\n"
            ),
        ),
        "pi" => {
            write(
                ".pi/agent/models.json",
                &format!(
                    r#"{{"providers":{{"lab":{{"baseUrl":"{url}","api":"openai-completions","apiKey":"scripted","models":[
                    {{"id":"scripted","name":"scripted","reasoning":false,"input":["text"],"contextWindow":128000,
                    "maxTokens":8000,"cost":{{"input":1,"output":2,"cacheRead":0.1,"cacheWrite":0}}}}]}}}}}}"#
                ),
            );
            write(
                ".pi/agent/settings.json",
                r#"{"defaultProvider":"lab","defaultModel":"scripted"}"#,
            );
        }
        "opencode" => write(
            ".config/opencode/opencode.json",
            &format!(
                r#"{{"autoupdate":false,"share":"disabled","model":"lab/scripted","small_model":"lab/scripted",
                "provider":{{"lab":{{"npm":"@ai-sdk/openai-compatible","name":"lab","options":{{"baseURL":"{url}",
                "apiKey":"scripted"}},"models":{{"scripted":{{"name":"scripted","limit":{{"context":128000,"output":8000}},
                "cost":{{"input":1,"output":2}}}}}}}}}}}}"#
            ),
        ),
        "gemini" => write(
            ".gemini/settings.json",
            r#"{"security":{"auth":{"selectedType":"gemini-api-key"},"folderTrust":{"enabled":false}},
            "general":{"enableAutoUpdate":false},"privacy":{"usageStatisticsEnabled":false},"model":{"name":"gemini-2.5-pro"}}"#,
        ),
        "qwen" => write(
            ".qwen/settings.json",
            r#"{"security":{"auth":{"selectedType":"openai"}},"general":{"enableAutoUpdate":false},
            "privacy":{"usageStatisticsEnabled":false}}"#,
        ),
        // All that they need to know is in their environment.
        "claude" | "claude-acp" | "mini-swe-agent" => {}
        _ => panic!("the lab has no settings for {package}"),
    }
}

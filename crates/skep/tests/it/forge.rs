//! A small GitHub on the loopback: enough of its interface for one repository, and what a test wants it to say.
//!
//! Owns: the shapes, written from GitHub's own documentation of its REST interface. Never: asserts anything.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};
use skep_host::proc::Program;

/// A pull request.
#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) branch: String,
    pub(crate) base: String,
    pub(crate) draft: bool,
    /// `open`, `merged` or `closed`.
    pub(crate) state: &'static str,
    /// What it proposed when it was merged or closed.
    pub(crate) head: Option<String>,
}

/// What it knows and how it behaves.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) pulls: Vec<Pull>,
    /// Failed checks by the number of the head: the first that was proposed is 0.
    pub(crate) failing: BTreeMap<usize, Vec<&'static str>>,
    /// Every head that it was asked about, in order.
    pub(crate) heads: Vec<String>,
    /// Who, as what, and the words.
    pub(crate) comments: Vec<(&'static str, &'static str, &'static str)>,
    /// The method and path of each question.
    pub(crate) asked: Vec<String>,
    /// The last token that came.
    pub(crate) token: String,
    /// Whether it is out of order.
    pub(crate) down: bool,
    /// The status of every answer, where it is another one.
    pub(crate) status: Option<u16>,
    /// What the first pull request is merged at while the next edit is on its way.
    pub(crate) merges_at: Option<String>,
    bare: PathBuf,
}

/// A server that ends with the test.
pub(crate) struct Github {
    world: Arc<Mutex<World>>,
    address: String,
    serving: Option<JoinHandle<()>>,
}

impl Github {
    /// One for the repository whose commits lie in `bare`.
    pub(crate) fn of(bare: &Path) -> Github {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let world = Arc::new(Mutex::new(World { bare: bare.to_owned(), ..World::default() }));
        let theirs = Arc::clone(&world);
        let serving = thread::spawn(move || {
            for stream in listener.incoming() {
                // The last one is how it is told to end.
                if answer(stream.unwrap(), &theirs).is_none() {
                    return;
                }
            }
        });
        Github { world, address, serving: Some(serving) }
    }

    /// Where its pages would be.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Merges or closes the first pull request as it stands.
    pub(crate) fn settle(&self, state: &'static str) {
        let mut world = self.world();
        let head = world.head_of(0);
        world.pulls[0].state = state;
        world.pulls[0].head = Some(head);
    }

    /// How often such a question was asked.
    pub(crate) fn count(&self, question: &str) -> usize {
        self.world().asked.iter().filter(|asked| asked.starts_with(question)).count()
    }
}

impl Drop for Github {
    fn drop(&mut self) {
        let told =
            TcpStream::connect(&self.address).and_then(|mut it| it.write_all(b"END\r\n\r\n"));
        if let (Ok(()), Some(serving)) = (told, self.serving.take()) {
            // What it panicked over has failed its question already.
            let _ended = serving.join();
        }
    }
}

impl World {
    fn head_of(&mut self, nth: usize) -> String {
        let pull = &self.pulls[nth];
        let head = pull.head.clone().unwrap_or_else(|| {
            let name = format!("refs/heads/{}", pull.branch);
            let output = Program::new("git")
                .args(["--git-dir", self.bare.to_str().unwrap(), "rev-parse", &name])
                .output()
                .unwrap();
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        });
        if !self.heads.contains(&head) {
            self.heads.push(head.clone());
        }
        head
    }

    fn pull(&mut self, nth: usize) -> Value {
        let head = self.head_of(nth);
        let pull = &self.pulls[nth];
        let number = nth + 1;
        let merged = pull.state == "merged";
        json!({
            "number": number,
            "html_url": format!("https://github.com/o/r/pull/{number}"),
            "state": if pull.state == "open" { "open" } else { "closed" },
            "draft": pull.draft,
            "merged_at": merged.then_some("2026-01-02T03:04:05Z"),
            "merge_commit_sha": "5".repeat(40),
            "title": pull.title,
            "body": pull.body,
            "node_id": format!("PR_{number}"),
            "user": {"login": "skep-of-ada"},
            "labels": [],
            "requested_reviewers": [],
            "head": {"ref": pull.branch, "sha": head, "repo": {"id": 7}},
            "base": {"ref": pull.base, "sha": "0".repeat(40), "repo": {"id": 7}},
        })
    }

    fn say(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let path = path.strip_prefix("/api/v3").unwrap_or(path).to_owned();
        let below = path.strip_prefix("/repos/o/r/").unwrap_or(&path).to_owned();
        let parts: Vec<&str> = below.split('/').collect();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        match (method, parts.as_slice()) {
            ("GET", ["pulls"]) => {
                let open: Vec<usize> =
                    (0..self.pulls.len()).filter(|nth| self.pulls[*nth].state == "open").collect();
                (200, open.into_iter().map(|nth| self.pull(nth)).collect())
            }
            ("POST", ["pulls"]) => {
                self.pulls.push(Pull {
                    title: text("title"),
                    body: text("body"),
                    branch: text("head"),
                    base: text("base"),
                    draft: body["draft"] == true,
                    state: "open",
                    head: None,
                });
                (201, self.pull(self.pulls.len() - 1))
            }
            ("GET", ["pulls", number]) => (200, self.pull(number.parse::<usize>().unwrap() - 1)),
            ("PATCH", ["pulls", number]) => {
                let nth = number.parse::<usize>().unwrap() - 1;
                if let Some(head) = self.merges_at.take() {
                    (self.pulls[0].state, self.pulls[0].head) = ("merged", Some(head));
                }
                for name in ["title", "body"] {
                    if let Some(text) = body[name].as_str() {
                        let pull = &mut self.pulls[nth];
                        let field = if name == "title" { &mut pull.title } else { &mut pull.body };
                        text.clone_into(field);
                    }
                }
                (200, self.pull(nth))
            }
            ("POST", ["", "api", "graphql"]) => {
                let deed = text("query");
                self.pulls[0].draft = deed.contains("convertPullRequestToDraft");
                (200, json!({"data": {}}))
            }
            ("GET", ["commits", sha, "check-runs"]) => {
                let nth = self.heads.iter().position(|head| head == sha);
                let failing = nth.and_then(|nth| self.failing.get(&nth)).cloned();
                let runs: Vec<Value> = failing
                    .unwrap_or_default()
                    .iter()
                    .map(|name| {
                        json!({"name": name, "status": "completed", "conclusion": "failure",
                            "html_url": "https://ci.example/1",
                            "output": {"title": format!("{name} is red"), "summary": "line 7"}})
                    })
                    .collect();
                (200, json!({"total_count": runs.len(), "check_runs": runs}))
            }
            ("GET", ["commits", _, "status"]) => (200, json!({"state": "pending", "statuses": []})),
            ("GET", ["issues", _, "comments"]) => {
                let said = self.comments.iter().enumerate().map(|(nth, (who, what, words))| {
                    json!({"id": nth + 1, "user": {"login": who}, "author_association": what,
                        "body": words, "created_at": "2100-01-01T00:00:00Z"})
                });
                (200, said.collect())
            }
            ("GET", ["pulls", _, "comments" | "reviews"]) => (200, json!([])),
            ("GET", ["collaborators", _, "permission"]) => (200, json!({"permission": "write"})),
            ("GET", ["", "user"]) => (200, json!({"login": "skep-of-ada"})),
            _ => (404, json!({"message": "Not Found"})),
        }
    }
}

/// Answers one question; none where that was the word to end.
fn answer(mut stream: TcpStream, world: &Mutex<World>) -> Option<()> {
    let mut from = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    // Whoever breaks off has asked nothing.
    if from.read_line(&mut line).is_err() {
        return Some(());
    }
    let (mut length, mut token) = (0, String::new());
    loop {
        let mut header = String::new();
        if from.read_line(&mut header).unwrap_or(0) < 3 {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => value.trim().clone_into(&mut token),
            _ => {}
        }
    }
    if line.starts_with("END") {
        return None;
    }
    let mut body = vec![0; length];
    if from.read_exact(&mut body).is_err() {
        return Some(());
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut world = world.lock().unwrap();
    world.asked.push(format!("{method} {path}"));
    world.token = token;
    let (status, said) = match (world.down, world.status) {
        (true, _) => (503, json!({"message": "out of order"})),
        (false, Some(status)) => (status, json!({"message": "Resource not accessible"})),
        (false, None) => world.say(method, path, &body),
    };
    let said = said.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        said.len()
    );
    // Whoever breaks off does not want it.
    let _told = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(said.as_bytes()));
    Some(())
}

//! A forge of the test's own: one small world, with the face of GitHub, Forgejo or GitLab.
//!
//! Owns: changes, comments, checks and people in memory, and how each forge's API tells of them, by the field names of its
//! documentation; faults on demand; ETags, pages, a budget.
//! Never: knows more of an API than skep asks, or stands for a real forge where one can be had.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use crate::loopback::{Asked, Loopback, Told};

mod forgejo;
mod github;
mod gitlab;
mod issues;

pub use issues::Issue;

/// Who owns the repository of every world.
pub const OWNER: &str = "team";

/// Its name.
pub const REPO: &str = "tool";

/// The token that counts; no other does.
pub const TOKEN: &str = "t0ken-of-the-test";

/// Every face.
pub const FACES: [Face; 3] = [Face::Github, Face::Forgejo, Face::Gitlab];

/// Every way to merge.
pub const HOWS: [How; 3] = [How::Merge, How::Squash, How::Rebase];

/// Which API the world is seen through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    Github,
    Forgejo,
    Gitlab,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    Write,
    /// Belongs to it, and may only read.
    Read,
}

/// How a change is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Merge,
    Squash,
    Rebase,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    Pending,
    Passed,
    Failed,
    Skipped,
}

/// A change.
#[derive(Debug, Clone)]
pub struct Change {
    pub number: u64,
    pub head: String,
    pub base: String,
    pub title: String,
    pub body: String,
    pub draft: bool,
    pub labels: Vec<String>,
    pub reviewers: Vec<String>,
    /// How it was merged, and as which commit.
    pub merged: Option<(How, String)>,
    pub closed: bool,
    /// The head's commit, once it no longer follows the branch.
    pub last: Option<String>,
    pub words: Vec<Word>,
}

/// What somebody wrote.
#[derive(Debug, Clone)]
pub struct Word {
    pub id: u64,
    pub author: String,
    pub text: String,
    pub on: On,
    pub second: u64,
}

/// What it was written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    Change,
    Line(String, u64),
    Review,
}

/// Everything there is.
#[derive(Debug)]
pub struct World {
    /// Whose token it is.
    pub me: String,
    /// How many entries a list gives at once, at most.
    pub page: usize,
    pub heads: BTreeMap<String, String>,
    pub protected: Vec<String>,
    pub labels: Vec<String>,
    pub people: BTreeMap<String, Right>,
    pub changes: Vec<Change>,
    pub issues: Vec<Issue>,
    /// Commit, name, result, text.
    pub checks: Vec<(String, String, Came, String)>,
    /// Questions that count until no more are answered.
    pub budget: u64,
    /// Everything has one, and each grows with every deed.
    stamp: u64,
    faults: VecDeque<Fault>,
}

/// What goes wrong with the next question that fits.
#[derive(Debug, Clone)]
struct Fault {
    method: String,
    path: String,
    /// Whether the deed is done all the same.
    done: bool,
    told: Told,
}

impl World {
    fn next(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    /// The commit that a change proposes.
    fn head(&self, change: &Change) -> String {
        let now = self.heads.get(&change.head).cloned().unwrap_or_default();
        change.last.clone().unwrap_or(now)
    }

    fn find(&mut self, number: u64) -> Option<&mut Change> {
        self.changes.iter_mut().find(|change| change.number == number)
    }

    /// Opens a change, or tells why not.
    fn propose(&mut self, head: &str, base: &str) -> Result<&mut Change, Refusal> {
        if !self.heads.contains_key(head) {
            return Err(Refusal::NoBranch);
        }
        if self.heads.get(head) == self.heads.get(base) {
            return Err(Refusal::Nothing);
        }
        let open = |change: &&Change| {
            change.head == head && change.base == base && change.merged.is_none() && !change.closed
        };
        if let Some(there) = self.changes.iter().find(open) {
            return Err(Refusal::There(there.number));
        }
        let number = u64::try_from(self.changes.len()).unwrap_or(u64::MAX) + 1;
        self.changes.push(Change {
            number,
            head: head.to_owned(),
            base: base.to_owned(),
            title: String::new(),
            body: String::new(),
            draft: false,
            labels: Vec::new(),
            reviewers: Vec::new(),
            merged: None,
            closed: false,
            last: None,
            words: Vec::new(),
        });
        Ok(self.changes.last_mut().expect("it was just made"))
    }

    /// Somebody writes.
    pub fn write(&mut self, number: u64, author: &str, text: &str, on: On) -> u64 {
        let id = self.next();
        let word = Word { id, author: author.to_owned(), text: text.to_owned(), on, second: id };
        self.find(number).expect("a change of this number").words.push(word);
        id
    }

    /// A check of this commit, in the place of the one of the same name.
    pub fn check(&mut self, commit: &str, name: &str, result: Came, text: &str) {
        self.checks.retain(|check| check.0 != commit || check.1 != name);
        self.checks.push((commit.to_owned(), name.to_owned(), result, text.to_owned()));
    }

    /// Somebody merges; returns the commit that it became.
    pub fn merge(&mut self, number: u64, how: How) -> String {
        let commit = format!("{:040x}", 0xabc0 + self.next());
        let change = self.find(number).expect("a change of this number").clone();
        let head = self.head(&change);
        let change = self.find(number).expect("it is there");
        change.last = Some(head);
        change.merged = Some((how, commit.clone()));
        let base = change.base.clone();
        self.heads.insert(base, commit.clone());
        commit
    }

    /// Somebody closes it.
    pub fn close(&mut self, number: u64) {
        let change = self.find(number).expect("a change of this number").clone();
        let head = self.head(&change);
        let change = self.find(number).expect("it is there");
        (change.last, change.closed) = (Some(head), true);
    }

    /// The next question with this method, and this in its path, is not answered, but told this; `done` tells whether the
    /// deed is done all the same.
    pub fn fault(&mut self, method: &str, path: &str, done: bool, told: Told) {
        let (method, path) = (method.to_owned(), path.to_owned());
        self.faults.push_back(Fault { method, path, done, told });
    }
}

/// Why no change was opened.
enum Refusal {
    NoBranch,
    Nothing,
    There(u64),
}

/// A moment of the world.
fn time(second: u64) -> String {
    format!("2026-11-20T10:{:02}:{:02}Z", second / 60 % 60, second % 60)
}

/// A forge that ends with its test.
pub struct Forge {
    loopback: Loopback,
    world: Arc<Mutex<World>>,
    face: Face,
}

impl fmt::Debug for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forge").field("face", &self.face).finish_non_exhaustive()
    }
}

fn locked(world: &Mutex<World>) -> MutexGuard<'_, World> {
    // A test that panicked with it is told of there.
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Forge {
    /// A forge with an empty repository `team/tool`: `main`, and nobody but `me`, who may write.
    pub fn new(face: Face) -> Forge {
        let world = Arc::new(Mutex::new(World {
            me: "skep-bot".to_owned(),
            page: 100,
            heads: BTreeMap::from([("main".to_owned(), "a".repeat(40))]),
            protected: Vec::new(),
            labels: Vec::new(),
            people: BTreeMap::from([("skep-bot".to_owned(), Right::Write)]),
            changes: Vec::new(),
            issues: Vec::new(),
            checks: Vec::new(),
            budget: 5000,
            stamp: 0,
            faults: VecDeque::new(),
        }));
        let within = Arc::clone(&world);
        let loopback = Loopback::serve(move |asked| answer(face, &mut locked(&within), asked));
        Forge { loopback, world, face }
    }

    /// Which API it has.
    pub fn face(&self) -> Face {
        self.face
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        self.loopback.origin()
    }

    /// What there is; nothing is answered while it is held.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.world)
    }

    /// The server, with what it was asked.
    pub fn loopback(&self) -> &Loopback {
        &self.loopback
    }
}

fn answer(face: Face, world: &mut World, asked: &Asked) -> Told {
    let fits = |fault: &Fault| asked.method == fault.method && asked.path.contains(&fault.path);
    let fault = world.faults.iter().position(fits).and_then(|at| world.faults.remove(at));
    if let Some(fault) = &fault
        && !fault.done
    {
        return fault.told.clone();
    }
    let wants = match face {
        Face::Github | Face::Gitlab => format!("Bearer {TOKEN}"),
        Face::Forgejo => format!("token {TOKEN}"),
    };
    if asked.header("authorization") != Some(&wants) {
        return Told::json(401, &json!({ "message": "Bad credentials" }));
    }
    let told = match face {
        Face::Github => github::answer(world, asked),
        Face::Forgejo => forgejo::answer(world, asked),
        Face::Gitlab => gitlab::answer(world, asked),
    };
    let told = marked(world, asked, told);
    fault.map_or(told, |fault| fault.told)
}

/// The answer with its mark and the budget, or that nothing is new.
fn marked(world: &mut World, asked: &Asked, told: Told) -> Told {
    let Told::Answer { status, mut headers, mut body } = told else { return told };
    let mut status = status;
    if asked.method == "GET" && status == 200 {
        let mut hash = DefaultHasher::new();
        body.hash(&mut hash);
        let etag = format!("W/\"{:016x}\"", hash.finish());
        if asked.header("if-none-match") == Some(&etag) {
            (status, body) = (304, Vec::new());
        }
        headers.push(("etag".to_owned(), etag));
    }
    if status != 304 {
        world.budget = world.budget.saturating_sub(1);
    }
    headers.push(("x-ratelimit-limit".to_owned(), "5000".to_owned()));
    headers.push(("x-ratelimit-remaining".to_owned(), world.budget.to_string()));
    headers.push(("x-ratelimit-reset".to_owned(), "4000000000".to_owned()));
    Told::Answer { status, headers, body }
}

/// One page of a list, with the way to the next.
fn page(world: &World, asked: &Asked, entries: &[Value], within: Option<&str>) -> Told {
    let (path, query) = asked.route();
    let value = |name: &str| {
        query.iter().find(|(this, _)| this == name).and_then(|(_, value)| value.parse().ok())
    };
    let most = value("per_page").or_else(|| value("limit")).unwrap_or(30_usize).min(world.page);
    let nth = value("page").unwrap_or(1_usize);
    let from = entries.len().min((nth - 1) * most);
    let to = entries.len().min(from + most);
    let list = Value::from(entries[from..to].to_vec());
    let value = match within {
        Some(field) => json!({ "total_count": entries.len(), field: list }),
        None => list,
    };
    let told = Told::json(200, &value);
    if to == entries.len() {
        return told;
    }
    let rest: Vec<&str> = asked
        .path
        .split_once('?')
        .map(|(_, query)| query.split('&').filter(|pair| !pair.starts_with("page=")).collect())
        .unwrap_or_default();
    // Some forges behind a proxy do not know their own name.
    let next = format!("http://inner.invalid{path}?{}&page={}", rest.join("&"), nth + 1);
    told.with("link", format!("<{next}>; rel=\"next\", <{next}>; rel=\"last\""))
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().cloned().unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn absent() -> Told {
    Told::json(404, &json!({ "message": "Not Found" }))
}

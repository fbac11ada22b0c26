//! The driver: a run is brought into a state, a part of it is killed, things go on, and the end is looked at.

use std::{
    fs,
    path::PathBuf,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use skep_host::{
    lock,
    tree::{self, Table},
};

use super::{End, Surface, cells};
use crate::home::{DEADLINE, Home, eventually, kill, lives, pid_of, text_of};

/// An agent on a terminal that counts its starts, leaves a process behind and goes on when it may.
const SHELL: &str = "stty -echo; echo once >> count; (setsid sleep 3600 >/dev/null 2>&1 &); touch ready; \
    while ! test -e ../output/go; do sleep 0.05; done; touch worked; exit 0";
/// The same, deaf to a polite end.
const DEAF: &str = "trap '' TERM HUP INT; stty -echo; echo once >> count; (setsid sleep 3600 >/dev/null 2>&1 &); \
    touch ready; while :; do sleep 0.05; done";

/// A run that is at work, or was.
struct At {
    id: String,
    part: &'static str,
    end: End,
}

struct Scene {
    home: Home,
    surface: Surface,
}

impl Scene {
    fn new(surface: Surface) -> Scene {
        let home = Home::with_limits("runs = 30\nper_project = 30\nprepare = 8");
        home.repo();
        for (name, script) in [("shell", SHELL), ("deaf", DEAF)] {
            let profile = format!(
                "protocol = \"pty\"\nprogram = \"sh\"\nheadless = [\"-c\", '''{script}''']\nprompt = \"none\"\n"
            );
            home.write(format!("c/agents/{name}.toml"), &profile);
        }
        home.json(&["project", "add", "."]);
        Scene { home, surface }
    }

    /// The words that ask for a run of this kind; it goes on when its `go` is there.
    fn words(&self, title: &str, kind: &str) -> Vec<String> {
        let go = self.home.at(format!("go-{title}"));
        let wait = format!("wait-for {}", go.display());
        let steps: Vec<&str> = match kind {
            "asks" => vec!["append count once", "fork", "write ready x", "ask why?", "say done"],
            "deaf" => {
                vec!["append count once", "fork", "ignore-term", "write ready x", "hang"]
            }
            _ => vec!["append count once", "fork", "write ready x", &wait, "say done"],
        };
        // A file, so that every attempt plays it from its beginning, whatever it is told.
        let script = self.home.write(format!("scripts/{title}"), &steps.join("\n"));
        let profile = format!(
            "protocol = \"scripted\"\nprogram = \"{{skep}}\"\n\
             headless = [\"__agent\", \"scripted\", \"{script}\"]\nprompt = \"stdin\"\n"
        );
        self.home.write(format!("c/agents/{title}.toml"), &profile);
        let mut words = vec!["run", title, "--yes", "-d", "--agent"];
        match (self.surface, kind) {
            (Surface::Headless, _) => words.push(title),
            (Surface::Terminal, "deaf") => words.extend(["deaf", "--surface", "terminal"]),
            (Surface::Terminal, _) => words.extend(["shell", "--surface", "terminal"]),
        }
        words.into_iter().map(str::to_owned).collect()
    }

    #[track_caller]
    fn ask(&self, title: &str, kind: &str) -> String {
        let words = self.words(title, kind);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        text_of(&self.home.json(&words), "id")
    }

    /// Lets a run of [`Scene::words`] go on.
    fn go(&self, title: &str, id: &str) {
        fs::write(self.home.at(format!("go-{title}")), "").unwrap();
        if self.surface == Surface::Terminal {
            let env = PathBuf::from(text_of(&self.home.listed(id), "env"));
            fs::write(env.join("output/go"), "").unwrap();
        }
    }

    /// Waits until the agent has come so far, and leaves a draft that no commit holds.
    #[track_caller]
    fn ready(&self, id: &str) -> Value {
        let run = self.home.wait(id, "running");
        let worktree = PathBuf::from(text_of(&run, "worktree"));
        eventually("the agent has come so far", || worktree.join("ready").exists());
        self.home.place().at(&worktree).write("draft", "mine\n");
        run
    }

    /// A run that has come to its end, with a commit and a draft.
    fn over(&self, title: &str) -> String {
        let id = self.ask(title, "works");
        let run = self.ready(&id);
        self.home.place().at(text_of(&run, "worktree")).commit_file(title, "committed\n");
        self.home.place().at(text_of(&run, "worktree")).write("draft", "mine\n");
        self.go(title, &id);
        let run = self.home.wait(&id, "ended");
        assert_eq!(run["outcome"], "completed", "{run}");
        self.home.at_rest();
        id
    }

    /// Kills a part of a run's attempt, or the daemon, and waits until it is gone.
    #[track_caller]
    fn strike(&self, part: &str, run: &Value) {
        let keeper = || pid_of(run, "gatekeeper");
        let victims = match part {
            "daemon" => vec![self.home.daemon()],
            "keeper" => vec![keeper()],
            "warden" => vec![warden(keeper())],
            "both guards" => vec![keeper(), warden(keeper())],
            "agent" => vec![pid_of(run, "pid")],
            "viewer" => vec![self.pane(run)],
            "tmux server" => vec![self.server()],
            other => panic!("{other} is no process of ours"),
        };
        for victim in &victims {
            kill(*victim, Signal::KILL);
        }
        eventually("it is gone", || victims.iter().all(|victim| !lives(*victim)));
    }

    /// The viewer in a run's pane.
    fn pane(&self, run: &Value) -> u32 {
        let id = text_of(run, "id");
        let is_viewer = |line: &str| line.contains("attach") && line.contains(&id);
        let mut found = None;
        eventually("it has a window", || {
            found = self.home.alive().into_iter().find(|(_, line)| is_viewer(line));
            found.is_some()
        });
        found.unwrap().0
    }

    /// The private tmux server.
    fn server(&self) -> u32 {
        let is_server = |line: &str| line.contains("tmux") && line.contains("/tmux");
        let mut found = None;
        eventually("there is a tmux server", || {
            found = self.home.alive().into_iter().find(|(_, line)| is_server(line));
            found.is_some()
        });
        found.unwrap().0
    }

    /// What must be true of a run that is over, whatever was killed.
    #[track_caller]
    fn nothing_lives(&self, at: &At) {
        let mark = format!("SKEP_RUN={}", at.id);
        let env = self.home.listed(&at.id)["env"].as_str().map(PathBuf::from);
        eventually("nothing of it lives", || {
            let marks = tree::Marks { variable: &mark, inside: None, guard: None };
            let inside = env.as_ref().map_or(Vec::new(), |env| tree::inside(env).unwrap());
            tree::marked(&marks).unwrap().is_empty() && inside.is_empty()
        });
    }

    /// The draft and the count of starts, as they stand.
    #[track_caller]
    fn starts(&self, at: &At) -> usize {
        let worktree = PathBuf::from(text_of(&self.home.listed(&at.id), "worktree"));
        let place = self.home.place().at(&worktree);
        assert_eq!(place.read("draft"), "mine\n", "{}: a byte was lost", at.part);
        place.read("count").lines().count()
    }

    /// What holds in every cell when all is over: the ledger replays, and nothing is found.
    #[track_caller]
    fn in_the_end(&self) {
        self.home.at_rest();
        assert_eq!(self.home.doctor(), Vec::<Value>::new());
        self.home.no_agents_or_windows();
    }
}

impl Home {
    /// Waits until nothing lives but the daemon.
    #[track_caller]
    fn no_agents_or_windows(&self) {
        eventually("nothing but the daemon lives", || {
            self.alive()
                .iter()
                .all(|(_, line)| line.contains("daemon run") || line.contains("/s/tmux"))
        });
    }
}

/// The warden of a keeper.
fn warden(keeper: u32) -> u32 {
    let mut found = None;
    eventually("the keeper has a warden", || {
        let is_warden = |pid: &u32| {
            tree::arguments(*pid)
                .is_some_and(|args| args.get(1).is_some_and(|arg| arg == "__warden"))
        };
        let table = Table::read().unwrap();
        found = table.descendants(keeper).iter().map(|row| row.process.pid).find(is_warden);
        found.is_some()
    });
    found.unwrap()
}

fn kill_call(mut call: Child) {
    call.kill().unwrap();
    call.wait().unwrap();
}

/// A name that a file, a title and a branch may have.
fn title(part: &str) -> String {
    part.to_lowercase().replace(' ', "-")
}

/// Those that others would suffer from come last: the daemon, then the tmux server.
fn in_order(surface: Surface, state: &str) -> Vec<(&'static str, End)> {
    let mut all = cells(surface, state);
    all.sort_by_key(|(part, _)| match *part {
        "daemon" => 2,
        "tmux server" => 1,
        _ => 0,
    });
    all
}

fn preparing(surface: Surface) {
    for (part, end) in in_order(surface, "preparing") {
        let scene = Scene::new(surface);
        let home = &scene.home;
        let (went, go) = (home.at("went"), home.at("go"));
        let script = format!(
            "echo x >> {}; while ! test -e {}; do sleep 0.02; done",
            went.display(),
            go.display()
        );
        let repo = home.place().at("web");
        repo.write(".skep/project.toml", &format!("[setup]\nrun = \"{script}\"\n"));
        repo.commit("set-up");
        let mut words = scene.words("run", "works");
        words.retain(|word| word != "-d");
        let call = home.spawn(&words.iter().map(String::as_str).collect::<Vec<_>>());
        eventually("the set-up runs", || went.exists());
        let id = text_of(&home.json(&["ls"])[0], "id");
        assert_eq!(home.listed(&id)["state"], "preparing");
        match part {
            "CLI" => kill_call(call),
            _ => {
                scene.strike(part, &Value::Null);
                kill_call(call);
            }
        }
        assert_eq!(home.listed(&id)["state"], "preparing", "{part}");
        fs::write(&go, "").unwrap();
        let at = At { id, part, end };
        scene.ready(&at.id);
        scene.go("run", &at.id);
        settled(&scene, &at);
        assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1, "{part}");
        scene.in_the_end();
    }
}

/// Nobody has heard of the agent yet: the daemon died when it had begun its keeper.
fn starting(surface: Surface) {
    for (part, end) in in_order(surface, "starting") {
        let points: &[&str] =
            if part == "daemon" { &["start.before", "start.after"] } else { &["start.after"] };
        for point in points {
            let scene = Scene::new(surface);
            let home = &scene.home;
            home.json(&["daemon", "stop"]);
            home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"])
                .ok();
            let doomed = home.daemon();
            let words = scene.words("run", "works");
            let call = home.spawn(&words.iter().map(String::as_str).collect::<Vec<_>>());
            eventually("the daemon died", || !lives(doomed));
            if part == "CLI" {
                kill_call(call);
            } else {
                // It answers as soon as the wish is kept; the next daemon is started by whoever asks next.
                let mut call = call;
                call.wait().unwrap();
            }
            if !["CLI", "daemon"].contains(&part) {
                let run = seen(home);
                scene.strike(part, &run);
            }
            let id = text_of(&home.json(&["ls", "--all"])[0], "id");
            let at = At { id, part, end };
            match end {
                End::Failed => {
                    let run = home.wait(&at.id, "ended");
                    assert_eq!(run["outcome"], "failed", "{part} {point}: {run}");
                    scene.nothing_lives(&at);
                }
                _ => {
                    eventually("it is at work", || {
                        let run = home.listed(&at.id);
                        let attempt = if end == End::Again { 2 } else { 1 };
                        run["state"] == "running" && run["attempt"] == attempt
                    });
                    scene.ready(&at.id);
                    scene.go("run", &at.id);
                    settled(&scene, &at);
                }
            }
            assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1, "{part}");
            scene.in_the_end();
        }
    }
}

/// The processes of an attempt that nobody has asked a daemon about.
fn seen(home: &Home) -> Value {
    let mut found = None;
    eventually("the agent is at work", || {
        let ready = fs::read_dir(home.root().join("env")).into_iter().flatten().flatten();
        let is_ready = |env: fs::DirEntry| {
            let below = fs::read_dir(env.path()).into_iter().flatten().flatten();
            below.into_iter().any(|entry| entry.path().join("ready").exists())
        };
        found = home.alive().into_iter().find(|(_, line)| line.contains("__keeper"));
        found.is_some() && ready.into_iter().any(is_ready)
    });
    let keeper = found.unwrap().0;
    let table = Table::read().unwrap();
    // The warden's stage became the agent: its first child.
    let warden = warden(keeper);
    let agent = table.descendants(warden).iter().map(|row| row.process.pid).next().unwrap();
    serde_json::json!({"gatekeeper": keeper, "pid": agent})
}

/// How a run that was let go on must have ended.
#[track_caller]
fn settled(scene: &Scene, at: &At) {
    let run = scene.home.wait(&at.id, "ended");
    let attempt = if at.end == End::Again { 2 } else { 1 };
    assert_eq!(
        (&run["outcome"], &run["attempt"]),
        (&"completed".into(), &attempt.into()),
        "{}: {run}",
        at.part
    );
    scene.nothing_lives(at);
    assert_eq!(scene.starts(at), attempt, "{}: {:?}", at.part, scene.home.kinds(&at.id));
}

/// Kills a part while its run is at work; the run is let go on afterwards.
fn at_work(surface: Surface, state: &str) {
    let scene = Scene::new(surface);
    let home = &scene.home;
    let all: Vec<At> = in_order(surface, state)
        .into_iter()
        .map(|(part, end)| {
            let kind = if state == "waiting" { "asks" } else { "works" };
            At { id: scene.ask(&title(part), kind), part, end }
        })
        .collect();
    for at in &all {
        let run = if state == "waiting" {
            let run = home.wait(&at.id, "waiting");
            home.place().at(text_of(&run, "worktree")).write("draft", "mine\n");
            run
        } else {
            scene.ready(&at.id)
        };
        let worktree = PathBuf::from(text_of(&run, "worktree"));
        let before = tree::inside(&worktree).unwrap();
        assert!(before.len() >= 2, "{}: {before:?}", at.part);
        if at.part == "CLI" {
            for verb in [&["wait", at.id.as_str()][..], &["logs", &at.id, "-f"]] {
                kill_call(home.spawn(verb));
            }
        } else {
            scene.strike(at.part, &run);
        }
        if at.end != End::GoesOn {
            eventually("nothing of that attempt lives", || {
                before.iter().all(|process| tree::probe(*process) == tree::Probe::Dead)
            });
        }
    }
    for at in &all {
        let until = Instant::now() + DEADLINE;
        loop {
            let run = home.listed(&at.id);
            let is_true = match (at.end, run["state"].as_str()) {
                (End::Failed, Some("ended")) => run["outcome"] == "failed",
                (End::GoesOn, Some(now)) => now == state && lives(pid_of(&run, "pid")),
                (End::Again, Some(now)) => {
                    now == state && run["attempt"] == 2 && lives(pid_of(&run, "pid"))
                }
                _ => false,
            };
            if is_true {
                break;
            }
            assert!(Instant::now() < until, "{}: {run}: {:?}", at.part, home.kinds(&at.id));
            thread::sleep(Duration::from_millis(20));
        }
        if surface == Surface::Terminal && at.end == End::GoesOn {
            // Whoever's window went has another.
            scene.pane(&home.listed(&at.id));
        }
        if at.end == End::Failed {
            scene.nothing_lives(at);
            assert_eq!(scene.starts(at), 1, "{}", at.part);
            continue;
        }
        if state == "waiting" {
            home.json(&["send", &at.id, "because"]);
        } else {
            scene.go(&title(at.part), &at.id);
        }
    }
    for at in all.iter().filter(|at| at.end != End::Failed) {
        settled(&scene, at);
    }
    scene.in_the_end();
}

fn stopping(surface: Surface) {
    let scene = Scene::new(surface);
    let home = &scene.home;
    home.skep(&["config", "set", "time.grace", "4s"]).ok();
    let all: Vec<At> = in_order(surface, "stopping")
        .into_iter()
        .map(|(part, end)| At { id: scene.ask(&title(part), "deaf"), part, end })
        .collect();
    for at in &all {
        let run = scene.ready(&at.id);
        if ["viewer", "tmux server"].contains(&at.part) {
            scene.pane(&run);
        }
        let call = home.spawn(&["stop", &at.id]);
        eventually("it is being stopped", || home.listed(&at.id)["state"] == "stopping");
        match at.part {
            "CLI" => kill_call(call),
            part => {
                scene.strike(part, &run);
                kill_call(call);
            }
        }
    }
    for at in &all {
        let run = home.wait(&at.id, "ended");
        assert_eq!(
            (&run["outcome"], &run["attempt"]),
            (&"stopped".into(), &1.into()),
            "{}",
            at.part
        );
        assert_eq!(at.end, End::Stopped);
        scene.nothing_lives(at);
        assert_eq!(scene.starts(at), 1, "{}", at.part);
    }
    scene.in_the_end();
}

/// What is done to an env when the attempt is over: held in its state by the lock that its deed waits for.
fn afterwards(surface: Surface, state: &str) {
    for (part, end) in in_order(surface, state) {
        // A place of its own: what landed would be the base of the next.
        let scene = Scene::new(surface);
        let home = &scene.home;
        let repo = home.place().at("web");
        let id = scene.over(&title(part));
        let worktree = PathBuf::from(text_of(&home.listed(&id), "worktree"));
        if state == "landing" {
            // What no commit holds would not land.
            home.place().at(&worktree).commit("the rest");
        }
        let head = home.place().at(&worktree).head();
        let taken = home.json(&["snapshot", "take", &id]);
        let wish: Vec<String> = match state {
            "closing" => vec!["close".into(), id.clone(), "--force".into()],
            "landing" => vec!["land".into(), id.clone()],
            _ => {
                home.place().at(&worktree).write("draft", "another\n");
                vec!["restore".into(), text_of(&taken, "id")]
            }
        };
        let wish: Vec<&str> = wish.iter().map(String::as_str).collect();
        home.at_rest();
        let file = home.root().join("runs").join(&id).join("effect.lock");
        let held = lock::hold_within(&file, DEADLINE).unwrap();
        let call = home.spawn(&wish);
        eventually("it is under way", || match state {
            "landing" => home.kinds(&id).contains(&"landing".to_owned()),
            _ => home.listed(&id)["env_state"] == state,
        });
        if part == "daemon" {
            scene.strike(part, &Value::Null);
        }
        kill_call(call);
        // It is still what it was, by whichever daemon.
        assert!(state == "landing" || home.listed(&id)["env_state"] == state, "{part}");
        drop(held);
        let at = At { id, part, end };
        match end {
            End::Closed => {
                eventually("it is closed", || home.listed(&at.id)["env_state"] == "closed");
                assert!(!worktree.exists());
                home.at_rest();
                home.skep(&["undo"]).ok();
                assert_eq!(home.listed(&at.id)["env_state"], "held");
            }
            End::Restored => {
                eventually("it is back", || home.listed(&at.id)["env_state"] == "held");
            }
            End::Landed => {
                eventually(&format!("it has landed: {}", home.listed(&at.id)), || {
                    !home.listed(&at.id)["landed"].is_null()
                });
                assert_eq!(home.json(&["land", &at.id])["id"], at.id.as_str(), "asked again");
                let landed = repo.git(&["rev-list", "--count", &format!("main..{head}")]);
                assert_eq!(landed, "0", "{part}: the work is in the target");
                let subjects = repo.git(&["log", "--format=%s", "main"]);
                let times = subjects.lines().filter(|line| **line == title(part)).count();
                assert_eq!(times, 1, "{part}: {subjects}");
            }
            other => panic!("{other:?} is no end of {state}"),
        }
        assert_eq!(scene.starts(&at), 1, "{part}");
        assert_eq!(home.place().at(&worktree).read(title(part)), "committed\n");
        scene.nothing_lives(&at);
        home.at_rest();
        let done = home.kinds(&at.id).iter().filter(|kind| *kind == "op_done").count();
        // The snapshot that was asked for, the wish, and what was asked again: each told once.
        assert!(done <= 3, "{part}: {:?}", home.kinds(&at.id));
        scene.in_the_end();
    }
}

macro_rules! cells_of {
    ($($name:ident: $run:expr;)*) => { $(#[test] fn $name() { $run; })* };
}

cells_of! {
    headless_killed_while_preparing: preparing(Surface::Headless);
    headless_killed_while_starting: starting(Surface::Headless);
    headless_killed_while_running: at_work(Surface::Headless, "running");
    headless_killed_while_waiting: at_work(Surface::Headless, "waiting");
    headless_killed_while_stopping: stopping(Surface::Headless);
    headless_killed_while_closing: afterwards(Surface::Headless, "closing");
    headless_killed_while_restoring: afterwards(Surface::Headless, "restoring");
    headless_killed_while_landing: afterwards(Surface::Headless, "landing");
    on_a_terminal_killed_while_preparing: preparing(Surface::Terminal);
    on_a_terminal_killed_while_starting: starting(Surface::Terminal);
    on_a_terminal_killed_while_running: at_work(Surface::Terminal, "running");
    on_a_terminal_killed_while_stopping: stopping(Surface::Terminal);
    on_a_terminal_killed_while_closing: afterwards(Surface::Terminal, "closing");
    on_a_terminal_killed_while_restoring: afterwards(Surface::Terminal, "restoring");
    on_a_terminal_killed_while_landing: afterwards(Surface::Terminal, "landing");
}

//! Live agents on their own screens, in the keeper's terminal: what they do is shown truly, and nothing of them stays.

use std::{
    fs,
    io::{BufReader, Write},
    os::unix::net::UnixStream,
};

use serde_json::Value;
use skep_api::{
    ctl::{Answer, Control, frame::Frame},
    wire,
};
use skep_testkit::lab::Lab;

use super::fleet::Yard;
use crate::home::{eventually, text_of};

/// A title that a shell would obey.
const TITLE: &str = "Write $(touch evil) 'a \"file\"' & commit it";

/// A run on its agent's own screen.
struct Scene {
    yard: Yard,
    lab: Lab,
    id: String,
}

impl Scene {
    fn begin(agent: &str, script: &str, permissions: &str) -> Option<Scene> {
        let lab = Lab::open(agent, script)?;
        let yard = Yard::new();
        // What a person has once said to it; nobody says it for them.
        let known = r#"{"hasCompletedOnboarding":true,"customApiKeyResponses":{"approved":["sk-scripted"]},"n":12345678901234567890}"#;
        fs::File::create(lab.home().join(".claude.json"))
            .and_then(|mut file| file.write_all(known.as_bytes()))
            .unwrap();
        let idle = if ["claude", "codex", "gemini"].contains(&agent) { "10m" } else { "4s" };
        yard.home.skep(&["config", "set", "time.idle", idle]).ok();
        let args = [
            "--json",
            "run",
            TITLE,
            "--agent",
            agent,
            "-d",
            "--surface",
            "terminal",
            "--permissions",
            permissions,
        ];
        let id = text_of(&yard.skep(&lab, &args).json(0), "id");
        Some(Scene { yard, lab, id })
    }

    fn run(&self) -> Value {
        self.yard.home.json(&["show", &self.id])
    }

    fn reports(&self) -> String {
        let dir = self.yard.home.attempt(&self.id, 1);
        let read = |name: &str| fs::read(dir.join(name)).unwrap_or_default();
        format!("{}\n{}", String::from_utf8_lossy(&read("reports.jsonl")), self.screen())
    }

    fn screen(&self) -> String {
        let log = self.yard.home.attempt(&self.id, 1).join("tty.log");
        let mut terminal = vt100::Parser::new(36, 120, 0);
        terminal.process(&fs::read(log).unwrap_or_default());
        terminal.screen().contents()
    }

    #[track_caller]
    fn waits_for(&self, what: &str) -> Value {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(150);
        loop {
            let run = self.run();
            if run["waiting_for"] == what {
                return run;
            }
            assert!(
                std::time::Instant::now() < until && run["state"] != "ended",
                "no wait for {what}: {run}\n{}",
                self.reports()
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Presses keys as a person does who looks at its screen.
    fn press(&self, keys: &str) {
        let spec = fs::read(self.yard.home.attempt(&self.id, 1).join("spec.json")).unwrap();
        let spec: Value = serde_json::from_slice(&spec).unwrap();
        let mut stream = UnixStream::connect(spec["socket"].as_str().unwrap()).unwrap();
        wire::send(&mut stream, &Control::Attach { cols: 120, rows: 36 }).unwrap();
        let answer: Option<Answer> =
            wire::receive(&mut BufReader::new(stream.try_clone().unwrap())).unwrap();
        assert_eq!(answer, Some(Answer::Accepted {}));
        stream.write_all(&Frame::Input(keys.as_bytes().to_vec()).spell()).unwrap();
    }

    /// It waits for words, with its commit made; stopped and closed, nothing of it is left anywhere.
    #[track_caller]
    fn has_committed_and_goes_without_a_trace(self) {
        self.waits_for("input");
        let run = self.run();
        let worktree = text_of(&run, "worktree");
        let log = || self.yard.home.place().at(&worktree).git(&["log", "--format=%s", "-1"]);
        eventually("the commit", || log() == "scripted commit");
        assert!(!self.yard.home.place().at(&worktree).path().join("evil").exists());
        self.yard.skep(&self.lab, &["stop", &self.id]).ok();
        self.yard.home.no_agents();
        self.yard.skep(&self.lab, &["close", &self.id, "--force"]).ok();
        let known = fs::read_to_string(self.lab.home().join(".claude.json")).unwrap();
        assert!(!known.contains(&worktree), "{known}");
        self.leaves_no_process();
    }

    /// Whatever it started elsewhere, no process lives in the lab's home or has it in its environment.
    #[track_caller]
    fn leaves_no_process(&self) {
        let home = self.lab.home().to_str().unwrap().to_owned();
        let left = || {
            let all = fs::read_dir("/proc").unwrap().flatten();
            let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
            let of_lab = |pid: &u32| {
                let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
                let text = [read("environ"), read("cmdline")].concat();
                let text = String::from_utf8_lossy(&text).into_owned();
                // The model's own server, and skep's daemon that this person started.
                let ours = text.contains("model_server.py") || text.contains("daemon\0run");
                *pid != std::process::id() && text.contains(&home) && !ours
            };
            pids.filter(of_lab).collect::<Vec<u32>>()
        };
        eventually(&format!("nothing of the agent lives: {:?}", left()), || left().is_empty());
    }
}

/// Lets a screen ask for leave, gives it, and sees it through.
#[track_caller]
fn asks_and_commits(agent: &str, script: &str) {
    let Some(scene) = Scene::begin(agent, script, "auto") else { return };
    let run = scene.waits_for("permission");
    if agent != "gemini" {
        let shown = scene.yard.skep(&scene.lab, &["show", &scene.id]).ok();
        assert!(shown.contains("permission"), "{shown}\n{run}");
    }
    // A hook tells of the question before the dialog stands, and a dialog that has just come up takes no keys yet.
    let drawn = match agent {
        "claude" => "Do you want to proceed?",
        "codex" => "to confirm or esc to cancel",
        other => panic!("what does the dialog of {other} say?"),
    };
    eventually(drawn, || scene.screen().contains(drawn));
    eventually("the dialog is answered", || {
        let answered = !scene.screen().contains(drawn);
        if !answered {
            scene.press("\r");
            // Until the dialog is gone: only its screen tells, and it paints when it likes.
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
        answered
    });
    scene.has_committed_and_goes_without_a_trace();
}

#[test]
fn claude_on_its_screen_asks_for_leave_commits_and_waits() {
    asks_and_commits("claude", "commit");
}

#[test]
fn claude_on_its_screen_that_bypasses_everything_meets_no_dialog() {
    let Some(scene) = Scene::begin("claude", "commit", "bypass") else { return };
    let run = scene.waits_for("input");
    assert!(run["session"]["agent"].is_string(), "{run}");
    assert_eq!(run["last"]["text"], "Committed out.txt. All done.", "{}", scene.reports());
    scene.has_committed_and_goes_without_a_trace();
}

#[test]
fn codex_on_its_screen_commits_from_inside_its_sandbox_and_waits() {
    let Some(scene) = Scene::begin("codex", "commit", "auto") else { return };
    eventually("what it said", || scene.run()["last"]["text"] == "Committed out.txt. All done.");
    let run = scene.waits_for("input");
    assert!(run["session"]["agent"].is_string(), "{run}");
    let reports = scene.reports();
    assert_eq!(
        reports.matches("\"kind\":\"session\"").count(),
        1,
        "one thread is its own: {reports}"
    );
    scene.has_committed_and_goes_without_a_trace();
}

#[test]
fn codex_on_its_screen_asks_for_leave_and_goes_on_when_it_has_it() {
    asks_and_commits("codex", "escalate");
}

#[test]
fn gemini_on_its_screen_asks_for_leave_commits_and_waits() {
    let Some(scene) = Scene::begin("gemini", "commit", "auto") else { return };
    let log = scene.yard.home.attempt(&scene.id, 1).join("tty.log");
    let stands = || {
        let log = fs::read(&log).unwrap_or_default();
        String::from_utf8_lossy(&log).contains("commit it")
    };
    eventually("the prompt stands in its composer", stands);
    // It has been seen to take the Enter behind what was pasted for a part of it.
    eventually("its turn begins", || {
        let begun = scene.reports().contains("turn_started");
        if !begun {
            // What it takes a late Enter for, it does for half a second.
            std::thread::sleep(std::time::Duration::from_secs(2));
            let begun = scene.reports().contains("turn_started");
            (!begun).then(|| scene.press("\r"));
        }
        begun
    });
    scene.waits_for("permission");
    scene.press("\r");
    scene.has_committed_and_goes_without_a_trace();
}

#[test]
fn pi_on_its_screen_waits_when_it_is_silent() {
    let Some(scene) = Scene::begin("pi", "commit", "auto") else { return };
    scene.has_committed_and_goes_without_a_trace();
}

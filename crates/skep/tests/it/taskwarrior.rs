//! Taskwarrior's own hooks: the real `task`, with a list and settings of the test's own.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use skep_host::proc::Program;

use crate::{
    close::doomed,
    forge::Github,
    home::{Home, Said, eventually, text_of},
    speaker::{script, scrubbed},
};

const UUID: &str = "4e1a92c7-5b0d-4c1f-9a37-0f6f3f0a8d21";

/// A list of a person's.
struct List<'a> {
    home: &'a Home,
}

/// A person's list with the hooks in it; none where there is no Taskwarrior, which is said.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn list(home: &Home) -> Option<List<'_>> {
    // Another program is called so, too.
    let version = Program::new("/usr/bin/task").arg("--version").output();
    let is_it = |said: &[u8]| said.starts_with(b"2.") || said.starts_with(b"3.");
    if !version.is_ok_and(|output| is_it(&output.stdout)) {
        eprintln!("skipped: the hooks of Taskwarrior (task is not installed)");
        return None;
    }
    fs::create_dir_all(home.at("home/tasks")).unwrap();
    let data = home.at("home/tasks");
    home.write("home/.taskrc", &format!("data.location={}\nconfirmation=no\n", data.display()));
    Some(List { home })
}

/// The same, with the hooks installed, a registered project `web`, and a daemon that has told the hooks of it.
fn hooked(home: &Home) -> Option<List<'_>> {
    let list = list(home)?;
    home.repo();
    home.skep(&["project", "add", "."]).ok();
    home.skep(&["hook", "install"]).ok();
    eventually("the hooks know the project", || list.known().contains("\"web\""));
    Some(list)
}

impl List<'_> {
    fn rc(&self) -> PathBuf {
        self.home.at("home/.taskrc")
    }

    fn hook(&self, name: &str) -> PathBuf {
        self.home.at("home/tasks/hooks").join(name)
    }

    fn known(&self) -> String {
        fs::read_to_string(self.home.root().join("intake/known")).unwrap_or_default()
    }

    /// What a person types, with whatever else is in their environment.
    fn task_with(&self, vars: &[(&str, &str)], args: &[&str]) -> Said {
        let output = Program::new("/usr/bin/task")
            .args(args)
            .env("HOME", self.home.at("home"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TASKRC", self.rc())
            .envs(vars.iter().copied())
            .cwd(&self.home.at("home"))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn task(&self, args: &[&str]) -> Said {
        self.task_with(&[], args)
    }

    /// The only task whose description this is.
    fn show(&self, description: &str) -> Value {
        let said = self.task(&["rc.verbose=nothing", "rc.hooks=off", "export"]).ok();
        // Taskwarrior leaves control characters as they are, which no JSON may have.
        let all: Vec<Value> = serde_json::from_str(&said.replace(char::is_control, " ")).unwrap();
        let mut found = all.into_iter().filter(|task| task["description"] == description);
        let task = found.next().unwrap_or_else(|| panic!("{description} is not in {said}"));
        assert_eq!(found.next(), None);
        task
    }

    fn status(&self, description: &str) -> String {
        text_of(&self.show(description), "status")
    }

    /// Adds a task to `web`, and returns its UUID.
    fn add(&self, description: &str) -> String {
        self.task(&["add", "project:web", description]).ok();
        text_of(&self.show(description), "uuid")
    }

    /// Starts it, and returns the id of the task that skep makes of it.
    fn start(&self, uuid: &str) -> String {
        self.task(&[uuid, "start"]).ok();
        let of_it = |task: &Value| task["ref"] == format!("tw:{uuid}");
        let find = || {
            self.home.json(&["task", "ls"]).as_array().unwrap().iter().find(|it| of_it(it)).cloned()
        };
        eventually("the task is skep's", || find().is_some());
        text_of(&find().unwrap(), "id")
    }

    /// Calls a hook as Taskwarrior does.
    fn call(&self, event: &str, input: &[u8]) -> (i32, Vec<u8>) {
        // A process between, which is gone when it has said: as Taskwarrior's is.
        let output = Program::new("/bin/sh")
            .args(["-c", "\"$0\" \"$@\"; exit $?"])
            .arg(self.hook(&format!("{event}-skep")))
            .args(["api:2", "args:task add x", "command:add", "version:2.6.2"])
            .arg(format!("data:{}", self.home.at("home/tasks").display()))
            .env("HOME", self.home.at("home"))
            .env("PATH", "/usr/bin:/bin")
            .stdin(input.to_vec())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "Taskwarrior shows nobody this");
        (output.code(), output.stdout)
    }

    /// What a process types that descends from a run of which nothing is known here.
    fn task_of_some_run(&self, args: &[&str]) -> Said {
        // A script of this name has the arguments of a keeper.
        self.home.write("fake/__keeper", "/usr/bin/task \"$@\"; exit $?\n");
        let output = Program::new("/bin/sh")
            .arg("__keeper")
            .args(args)
            .env("HOME", self.home.at("home"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("TASKRC", self.rc())
            .cwd(&self.home.at("fake"))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The requests that lie there.
    fn requests(&self) -> usize {
        let all = fs::read_dir(self.home.root().join("intake")).unwrap();
        all.filter(|it| {
            it.as_ref().unwrap().file_name().to_string_lossy().ends_with(".request.json")
        })
        .count()
    }
}

fn settings(home: &Home, lines: &str) {
    home.write("c/projects/web.toml", &format!("[taskwarrior]\n{lines}\n"));
}

fn stands(run: &Value) -> bool {
    Path::new(&text_of(run, "worktree")).exists()
}

#[test]
fn a_task_of_a_known_project_is_added_to_the_byte_and_one_of_an_unknown_project_refused_on_standard_output()
 {
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    list.task(&["add", "project:web.login", "say \"hi\" to {them}", "+next"]).ok();
    assert_eq!(list.show("say \"hi\" to {them}")["project"], "web.login");
    list.task(&["add", "no project at all"]).ok();
    // Without a daemon just as well.
    home.skep(&["daemon", "stop"]).ok();
    let line = format!(
        "{{ \"description\":\"a \\u00e9 \\/ b\",\"uuid\":\"{UUID}\",  \"project\":\"web\",\"n\":12345678901234567890.10,\"e\":1e400,\"odd\":{{\"x\":[1,2]}},\"estimate\":null}}"
    );
    let (code, said) = list.call("on-add", format!("{line}\n").as_bytes());
    assert_eq!((code, String::from_utf8(said).unwrap()), (0, format!("{line}\n")));
    let (code, said) = list.call("on-add", line.replace("\"web\"", "\"wbe\"").as_bytes());
    let said = String::from_utf8(said).unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("`wbe` is no project") && said.contains("did you mean project:web?"),
        "{said}"
    );
    assert!(
        said.lines().all(|line| !line.starts_with('{')),
        "nothing that reads as a task: {said}"
    );
    let told = list.task(&["add", "project:wbe", "lost"]);
    let shown = format!("{}{}", told.stdout, told.stderr);
    assert!(told.code != 0 && shown.contains("`wbe` is no project"), "{told:?}");
    assert!(
        !shown.to_lowercase().contains("hook error"),
        "Taskwarrior has nothing to complain of: {told:?}"
    );
    let moved = list.task(&["project:web.login", "modify", "project:wbe"]);
    assert!(
        moved.code != 0 && moved.stderr.contains("`wbe`") || moved.stdout.contains("`wbe`"),
        "{moved:?}"
    );
    // What is none of skep's is said so, once.
    home.skep(&["config", "set", "taskwarrior.others", "[\"garden\"]"]).ok();
    list.task(&["add", "project:garden.roses", "water them"]).ok();
}

#[test]
fn what_is_no_task_comes_back_to_the_byte() {
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    let task = format!("{{\"uuid\":\"{UUID}\",\"description\":\"x\",\"status\":\"pending\"}}");
    let bad: [&[u8]; 4] =
        [b"{\"uuid\": \"4e1a", b"no json \xff\xfe", b"[]", b"{\"description\":\"x\"}"];
    for bad in bad {
        let (code, said) = list.call("on-add", bad);
        assert_eq!((code, said), (0, [bad, b"\n"].concat()));
        // Of two, the second is what Taskwarrior wants back, whichever is broken.
        let (code, said) = list.call("on-modify", &[bad, b"\n", task.as_bytes(), b"\n"].concat());
        assert_eq!((code, said), (0, format!("{task}\n").into_bytes()));
        let (code, said) = list.call("on-modify", &[task.as_bytes(), b"\n", bad].concat());
        assert_eq!((code, said), (0, [bad, b"\n"].concat()));
    }
    // Where what is known does not read, nobody's task is turned away.
    fs::write(home.root().join("intake/known"), "{").unwrap();
    let strange = task.replace("\"status\"", "\"project\":\"never\",\"status\"");
    let (code, said) = list.call("on-add", strange.as_bytes());
    let said = String::from_utf8(said).unwrap();
    assert!(
        code == 0 && said.starts_with(&format!("{strange}\nskep: which projects there are")),
        "{said}"
    );
}

#[test]
fn control_characters_in_a_task_open_no_guard_keep_no_request_and_pass_to_the_byte() {
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    settings(&home, "requires = [\"lgtm\"]\nreviewers = [\"person\"]");
    let uuid = list.add("mend it");
    list.task(&[&uuid, "annotate", "it says \u{1b}[31mno\u{1} there"]).ok();
    let said = list.task(&[&uuid, "done"]);
    assert!(said.code != 0 && format!("{said:?}").contains("+lgtm"), "{said:?}");
    // Nor do bytes that are no text.
    let task = |status: &str| {
        let head = format!("{{\"uuid\":\"{uuid}\",\"status\":\"{status}\",\"project\":\"web\",");
        [head.as_bytes(), b"\"description\":\"a \x1b[2J \x01 \xed\xa0\x80 \xff b\"}"].concat()
    };
    let (pending, completed) = (task("pending"), task("completed"));
    assert_eq!(list.call("on-modify", &[&pending, &b"\n"[..], &completed].concat()).0, 1);
    let (code, said) = list.call("on-modify", &[&pending, &b"\n"[..], &pending].concat());
    assert_eq!((code, said), (0, [&pending, &b"\n"[..]].concat()));
    let (code, said) = list.call("on-add", &pending);
    assert_eq!((code, said), (0, [&pending, &b"\n"[..]].concat()));
    let id = list.start(&uuid);
    eventually("what was asked for is done", || list.requests() == 0);
    let run = home.ended(&id, &["write a a", "commit a", "say done"], &["-d", "--name", "one"]);
    home.skep(&["land", "one"]).ok();
    home.skep(&["--json", "close", "one"]).refused(1, "task-unapproved");
    list.task(&[&uuid, "modify", "+lgtm"]).ok();
    home.skep(&["close", "one"]).ok();
    eventually("its task is done", || list.status("mend it") == "completed");
    assert!(!stands(&run));
    let kept = ["pending.data", "completed.data"]
        .map(|name| fs::read_to_string(home.at("home/tasks").join(name)).unwrap_or_default());
    assert!(kept.concat().contains("it says \u{1b}&open;31mno\u{1} there"), "{kept:?}");
}

#[test]
fn the_hooks_installed_twice_are_the_same_an_old_one_gets_another_name_and_only_ours_go() {
    let home = Home::new();
    let Some(list) = list(&home) else { return };
    let rc = fs::read_to_string(list.rc()).unwrap();
    fs::create_dir_all(home.at("home/tasks/hooks")).unwrap();
    let old = "#!/bin/sh\nread a; read b; echo \"$b\"; echo old\n";
    for name in ["on-modify-worker-lifecycle", "on-add-skep", "on-add-mine"] {
        home.write(format!("home/tasks/hooks/{name}"), old);
    }
    let dry = home.skep(&["hook", "install", "--dry-run"]).ok();
    assert!(dry.contains("would rename") && dry.contains("uda.pr_id.type=string"), "{dry}");
    assert_eq!(fs::read_to_string(list.rc()).unwrap(), rc, "only looked");
    assert_eq!(fs::read_to_string(list.hook("on-add-skep")).unwrap(), old);
    assert!(!home.root().exists(), "and no home was made, no daemon started");
    home.skep(&["hook", "install"]).ok();
    let all = |dir: &Path| -> Vec<(String, u32, String)> {
        let mut all: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                (name, mode, fs::read_to_string(&path).unwrap())
            })
            .collect();
        all.sort();
        all
    };
    let hooks = home.at("home/tasks/hooks");
    let first = (all(&hooks), fs::read_to_string(list.rc()).unwrap());
    let names: Vec<&str> = first.0.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "disabled-on-add-skep",
            "disabled-on-modify-worker-lifecycle",
            "on-add-mine",
            "on-add-skep",
            "on-modify-skep"
        ]
    );
    for (name, mode, text) in &first.0 {
        let ours = ["on-add-skep", "on-modify-skep"].contains(&name.as_str());
        assert_eq!((*mode == 0o755, text == old), (ours, !ours), "{name}");
    }
    let said = home.skep(&["hook", "install"]).ok();
    assert!(said.contains("stands"), "{said}");
    assert_eq!((all(&hooks), fs::read_to_string(list.rc()).unwrap()), first);
    for name in ["pr_id", "spawner", "skep_override"] {
        assert_eq!(list.task(&["_get", &format!("rc.uda.{name}.type")]).ok().trim(), "string");
    }
    let finding = |home: &Home| {
        let said = home.skep(&["--json", "doctor"]);
        let all: Vec<Value> = serde_json::from_str(&said.stdout).unwrap();
        all.into_iter().find(|it| it["check"] == "taskwarrior").expect("it is looked at")
    };
    assert_eq!(finding(&home)["health"], "well");
    fs::set_permissions(list.hook("on-add-skep"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(finding(&home)["health"], "ill");
    home.skep(&["hook", "install"]).ok();
    assert_eq!(all(&hooks), first.0, "mended");
    // A line of one's own in the taskrc stays one's own, behind ours too.
    fs::write(list.rc(), format!("{}color=off\n", first.1)).unwrap();
    home.skep(&["hook", "uninstall"]).ok();
    assert_eq!(fs::read_to_string(list.rc()).unwrap(), format!("{rc}color=off\n"));
    let left: Vec<String> = all(&hooks).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        left,
        ["disabled-on-add-skep", "disabled-on-modify-worker-lifecycle", "on-add-mine"]
    );
    let again = home.skep(&["hook", "uninstall"]).ok();
    assert!(again.contains("not there"), "{again}");
    let error = home
        .skep_with(&home.at("home"), &[("PATH", "/nowhere")], &["--json", "hook", "install"])
        .refused(2, "taskwarrior-absent");
    assert!(error.to_string().contains("install Taskwarrior"), "{error}");
    fs::remove_file(list.rc()).unwrap();
    home.skep(&["--json", "hook", "install"]).refused(2, "taskrc-unreadable");
}

#[test]
fn a_hook_takes_less_than_half_a_second_without_a_daemon_and_completion_is_told_only_after_the_commit()
 {
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    let (uuid, id) = (list.add("mend it"), String::new());
    let id = list.start(&uuid) + &id;
    let run = home.ended(&id, &["write a a", "commit a", "say done"], &["-d", "--name", "one"]);
    home.skep(&["land", "one"]).ok();
    // Another hook of the person's has the last word.
    let no = list.hook("on-modify-zz");
    fs::write(&no, "#!/bin/sh\nread a; read b; echo not today; exit 1\n").unwrap();
    fs::set_permissions(&no, fs::Permissions::from_mode(0o755)).unwrap();
    let refused = list.task(&[&uuid, "done"]);
    assert!(refused.code != 0, "{refused:?}");
    eventually("what was asked for is looked at", || list.requests() == 0);
    assert_eq!(list.status("mend it"), "pending");
    assert_eq!(home.json(&["cleanup", "ls"]), json!([]), "nothing came of it");
    assert!(stands(&run));
    fs::remove_file(&no).unwrap();
    home.skep(&["daemon", "stop"]).ok();
    let task =
        json!({"uuid": uuid, "description": "mend it", "status": "pending", "project": "web"});
    let (before, mut after) = (task.to_string(), task);
    after["status"] = json!("completed");
    let input = format!("{before}\n{after}\n");
    let best = (0..5)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(list.call("on-modify", input.as_bytes()).0, 0);
            began.elapsed()
        })
        .min()
        .unwrap();
    assert!(best < Duration::from_millis(500), "{best:?}");
    // None of these was ever committed; this one is.
    assert_eq!(list.requests(), 5);
    list.task(&[&uuid, "done"]).ok();
    assert_eq!((list.requests(), stands(&run)), (6, true), "nobody is there");
    home.skep(&["daemon", "start"]).ok();
    eventually("the clean-up is done", || !stands(&run));
    eventually("the others are looked at, too", || list.requests() == 0);
    assert_eq!(list.status("mend it"), "completed");
}

#[test]
fn a_started_task_is_one_task_and_one_run_however_often_the_daemon_dies_in_between() {
    for point in ["intake.before", "intake.done"] {
        let home = Home::new();
        let Some(list) = hooked(&home) else { return };
        settings(&home, "start = true");
        let uuid = list.add("say hello");
        list.task(&[&uuid, "annotate", "in French"]).ok();
        doomed(&home, point);
        let old = home.daemon();
        list.task(&[&uuid, "start"]).ok();
        eventually("it dies", || !crate::home::lives(old));
        assert_eq!(list.requests(), 1, "{point}: it is still asked for");
        home.skep(&["daemon", "start"]).ok();
        eventually("it is done", || list.requests() == 0);
        let (tasks, runs) = (home.json(&["task", "ls"]), home.json(&["ls", "--all"]));
        assert_eq!(tasks.as_array().unwrap().len(), 1, "{point}: {tasks}");
        assert_eq!(runs.as_array().unwrap().len(), 1, "{point}: {runs}");
        assert_eq!(
            (&tasks[0]["ref"], &tasks[0]["title"], &tasks[0]["body"]),
            (&json!(format!("tw:{uuid}")), &json!("say hello"), &json!("in French"))
        );
        assert_eq!((&runs[0]["by"], &runs[0]["trust"]), (&json!("person"), &json!("person")));
        // By all of its names, as by the run's.
        let id = text_of(&runs[0], "id");
        let ended = home.wait(&id, "ended");
        for name in
            [uuid.clone(), uuid[..8].to_owned(), format!("tw:{uuid}"), format!("tw:{}", &uuid[..8])]
        {
            assert_eq!(home.json(&["show", &name])["id"], id.as_str(), "{name}");
            assert_eq!(home.json(&["task", "show", &name])["id"], tasks[0]["id"], "{name}");
            assert_eq!(home.json(&["path", &name]), ended["worktree"], "{name}");
        }
        // Stopped and started again it is the same task, and its end did not complete it.
        assert_eq!(list.status("say hello"), "pending");
        list.task(&[&uuid, "stop"]).ok();
        list.task(&[&uuid, "start"]).ok();
        eventually("it is done", || list.requests() == 0);
        assert_eq!(home.json(&["task", "ls"]).as_array().unwrap().len(), 1);
    }
}

#[test]
fn what_is_called_by_taskwarriors_number_is_refused_with_the_forms_that_count() {
    let home = Home::new();
    home.repo();
    for name in ["tw:", "tw:12", "tw:#12", "tw:4e1a92c", "tw:4E1A92C7", "tw:4e1a92c7-5b0d"] {
        for args in [
            ["task", "add", "x", "--ref", name].as_slice(),
            &["show", name],
            &["close", name],
            &["path", name],
        ] {
            let error = home.skep(&[&["--json"], args].concat()).refused(2, "issue-reference");
            let hints = error["hints"].to_string();
            assert!(hints.contains("UUID") && hints.contains("first 8 digits"), "{name}: {error}");
        }
    }
    assert_eq!(home.json(&["task", "ls"]), json!([]));
    let task = home.json(&["task", "add", "x", "--ref", &format!("tw:{UUID}")]);
    assert_eq!(home.json(&["task", "show", &UUID[..8]])["id"], task["id"]);
    home.skep(&["--json", "show", "tw:00000000"]).refused(2, "task-unknown");
    home.skep(&["--json", "show", &UUID[..8]]).refused(2, "run-unknown");
}

#[test]
fn a_close_whose_task_may_not_be_completed_destroys_nothing_and_with_it_completes_it_once() {
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    settings(&home, "requires = [\"lgtm\"]");
    let uuid = list.add("mend it");
    let id = list.start(&uuid);
    let run = home.ended(&id, &["write a a", "commit a", "say done"], &["-d", "--name", "one"]);
    assert_eq!(list.status("mend it"), "pending", "an end completes nothing");
    home.skep(&["land", "one"]).ok();
    let refused = list.task(&[&uuid, "done"]);
    assert!(refused.code != 0 && format!("{refused:?}").contains("+lgtm"), "{refused:?}");
    let error = home.skep(&["--json", "close", &uuid]).refused(1, "task-unapproved");
    assert!(text_of(&error, "message").contains("+lgtm"), "{error}");
    home.skep(&["--json", "close", "one", "--dry-run"]).refused(1, "task-unapproved");
    let all = home.skep(&["close", "--merged"]);
    assert!(all.code == 1 && format!("{all:?}").contains("+lgtm"), "{all:?}");
    assert!(stands(&run) && list.status("mend it") == "pending");
    // The clean-up on request asks the same.
    home.skep(&["cleanup", "request", "--task", &uuid]).ok();
    eventually("it was tried", || home.json(&["cleanup", "ls"])[0]["state"] == "undecided");
    assert!(stands(&run));
    list.task(&[&uuid, "modify", "+lgtm"]).ok();
    home.skep(&["cleanup", "run"]).ok();
    eventually("it is done there, too", || list.status("mend it") == "completed");
    assert!(!stands(&run));
    // A person who takes it up again is not overruled by the next daemon.
    list.task(&[&uuid, "modify", "status:pending"]).ok();
    home.skep(&["daemon", "stop"]).ok();
    home.skep(&["daemon", "start"]).ok();
    list.add("something else");
    eventually("the daemon has looked", || list.requests() == 0);
    home.skep(&["task", "add", "one more"]).ok();
    assert_eq!(list.status("mend it"), "pending");
    // What was told cannot be read: nothing is completed on a guess, it is said, and what is closed after that is completed.
    home.skep(&["daemon", "stop"]).ok();
    home.write("h/intake/told", "[");
    let found = |home: &Home| -> String {
        let said = home.skep(&["--json", "doctor"]).stdout;
        let all: Vec<Value> = serde_json::from_str(&said).unwrap();
        all.iter().filter(|it| it["check"] == "taskwarrior").map(ToString::to_string).collect()
    };
    let ill = found(&home);
    assert!(ill.contains("intake/told cannot be read") && ill.contains("\"ill\""), "{ill}");
    home.skep(&["daemon", "start"]).ok();
    let told = || fs::read_to_string(home.at("h/intake/told")).unwrap();
    let anew = json!([run["id"]]).to_string();
    eventually("a new file is begun", || told() == anew);
    let said = fs::read_to_string(home.at("h/daemon.log")).unwrap_or_default();
    let line = said.lines().find(|line| line.contains("completed by hand")).expect("it is said");
    assert!(line.contains(&format!("tw:{uuid}")) && line.contains("told.unreadable-"), "{line}");
    let aside: Vec<PathBuf> = fs::read_dir(home.at("h/intake"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().contains("told.unreadable-"))
        .collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(fs::read_to_string(&aside[0]).unwrap(), "[", "nothing of it is lost");
    let well = found(&home);
    assert!(well.contains("told.unreadable-") && !well.contains("\"ill\""), "{well}");
    let uuid = list.add("a third thing");
    let id = list.start(&uuid);
    list.task(&[&uuid, "modify", "+lgtm"]).ok();
    home.ended(&id, &["write b b", "commit b", "say done"], &["-d", "--name", "two"]);
    home.skep(&["land", "two"]).ok();
    home.skep(&["close", "two"]).ok();
    eventually("it is completed", || list.status("a third thing") == "completed");
    assert_eq!(list.status("mend it"), "pending", "a person has it again");
}

/// A person's list whose project has its `origin` on a small GitHub.
fn at_github(home: &Home) -> Github {
    let bare = home.at("origin.git");
    let github = Github::of(&bare);
    let settings = fs::read_to_string(home.at("c/config.toml")).unwrap();
    let more = format!("[forge.\"github.com\"]\nurl = \"{}\"\n", github.url());
    home.write("c/config.toml", &format!("{settings}{more}"));
    let repo = home.repo();
    home.place().bare("origin.git");
    let url = "https://github.com/o/r.git";
    repo.git(&["remote", "add", "origin", url]);
    repo.git(&["config", &format!("url.{}.insteadOf", bare.to_str().unwrap()), url]);
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo.git(&["push", "--quiet", "origin", "main:one"]);
    let pull = crate::forge::Pull {
        title: "Mend it".to_owned(),
        body: String::new(),
        branch: "one".to_owned(),
        base: "main".to_owned(),
        draft: false,
        state: "open",
        head: None,
    };
    github.world().pulls.push(pull);
    github
}

#[test]
fn a_task_with_an_unmerged_change_or_a_forge_without_an_answer_is_not_completed_but_by_a_person_who_says_why()
 {
    let home = Home::new();
    let github = at_github(&home);
    let Some(list) = hooked(&home) else { return };
    let no = |uuid: &str, word: &str| {
        let said = list.task(&[uuid, "done"]);
        let shown = format!("{}{}", said.stdout, said.stderr);
        assert!(said.code != 0 && shown.contains("#1") && shown.contains(word), "{shown}");
        assert!(!shown.to_lowercase().contains("hook error"), "{shown}");
    };
    for with_daemon in [true, false] {
        github.world().pulls[0].state = "open";
        let name = format!("mend it {with_daemon}");
        let uuid = list.add(&name);
        list.task(&[&uuid, "modify", "pr_id:1"]).ok();
        if !with_daemon {
            home.skep(&["daemon", "stop"]).ok();
        }
        let asked = github.count("GET");
        no(&uuid, "not merged");
        assert!(github.count("GET") > asked, "its forge was asked");
        github.world().down = true;
        no(&uuid, "could not be asked");
        github.world().down = false;
        github.world().pulls[0].state = "closed";
        no(&uuid, "closed");
        assert_eq!(list.status(&name), "pending");
        github.settle("merged");
        list.task(&[&uuid, "done"]).ok();
        assert_eq!(list.status(&name), "completed");
    }
    github.world().pulls[0].state = "open";
    let free = list.add("no change");
    list.task(&[&free, "done"]).ok();
    let odd = list.add("odd");
    list.task(&[&odd, "modify", "pr_id:seven"]).ok();
    let said = list.task(&[&odd, "done"]);
    assert!(said.code != 0 && format!("{said:?}").contains("`seven`"), "{said:?}");
    let uuid = list.add("all the same");
    list.task(&[&uuid, "modify", "pr_id:1"]).ok();
    no(&uuid, "skep_override");
    list.task(&[&uuid, "modify", "skep_override:it was shipped by hand"]).ok();
    list.task(&[&uuid, "done"]).ok();
    home.skep(&["daemon", "start"]).ok();
    let told = || fs::read_to_string(home.root().join("daemon.log")).unwrap_or_default();
    eventually("it is written down", || told().contains("it was shipped by hand"));
    assert_eq!(list.show("all the same")["skep_override"], "it was shipped by hand");
}

#[test]
fn an_approval_counts_from_a_reviewer_and_who_that_is_is_told_by_descent_and_not_by_the_environment()
 {
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    let uuid = list.add("mend it");
    let (out, rc) = (home.at("seen/out"), list.rc());
    let out = out.display();
    let data = home.at("home/tasks");
    // All that an agent may change of what says who it is, and what it might be taken for.
    let ways = [
        format!("task {uuid} modify +lgtm"),
        format!(
            "env SKEP_ROLE=person SKEP_RUN= SKEP_HOME=/tmp/none SKEP_CONFIG=/tmp/none task {uuid} modify +design_lgtm"
        ),
        format!("setsid -f -w task {uuid} modify +lgtm"),
        format!("task {uuid} modify +next"),
        format!("task {uuid} modify skep_override:because"),
        format!("task {uuid} modify project:"),
        "task add project:web born +lgtm".to_owned(),
        "task add project:web found by the agent".to_owned(),
    ];
    let mut text = String::new();
    for (nth, way) in ways.iter().enumerate() {
        let vars =
            format!("{} TASKRC={} TASKDATA={}", scrubbed(&home), rc.display(), data.display());
        text += &format!("{vars} {way} > {out}.{nth} 2>&1; echo \"left with $?\" >> {out}.{nth}\n");
    }
    let run = script_in(&home, &text, &data);
    for nth in 0..7 {
        let said = fs::read_to_string(home.at(format!("seen/out.{nth}"))).unwrap();
        assert!(!said.contains("left with 0") && said.contains("skep: "), "{nth}: {said}");
    }
    let task = list.show("mend it");
    assert_eq!((&task["tags"], &task["project"]), (&Value::Null, &json!("web")), "{task}");
    assert_eq!(task.get("skep_override"), None, "{task}");
    let found = list.show("found by the agent");
    assert_eq!(found["spawner"], run, "who wrote it down is put in");
    list.task(&[&uuid, "modify", "+lgtm"]).ok();
    assert_eq!(
        list.show("mend it")["tags"],
        json!(["lgtm"]),
        "a person reviews unless it is set otherwise"
    );
    settings(&home, "reviewers = [\"review\"]");
    let said = list.task(&[&uuid, "modify", "+design_lgtm"]);
    assert!(said.code != 0 && format!("{said:?}").contains("no reviewer"), "{said:?}");
    // Settings that do not read approve nobody.
    settings(&home, "reviewers = 7");
    let said = list.task(&[&uuid, "modify", "+more_lgtm"]);
    assert!(said.code != 0 && format!("{said:?}").contains("cannot be read"), "{said:?}");
    home.skep(&["stop", "--all", "--now"]).ok();
}

/// A run whose agent is this script and may write to `data`; its id.
fn script_in(home: &Home, text: &str, data: &Path) -> Value {
    let config = fs::read_to_string(home.at("c/config.toml")).unwrap();
    home.write("c/config.toml", &format!("{config}[fence]\nwrite = [\"{}\"]\n", data.display()));
    script(home, text)["id"].clone()
}

#[test]
fn an_agent_is_put_at_a_task_of_a_persons_list_and_reads_what_stands_there() {
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    let uuid = list.add("mend the login");
    list.task(&[&uuid, "annotate", "it fails on a second try"]).ok();
    let at = format!("tw:{}", &uuid[..8]);
    let error =
        home.skep(&["--json", "dispatch", "headless", "tw:00000000", "--agent", "scripted"]);
    error.refused(2, "issue-not-found");
    home.skep(&["--json", "dispatch", "headless", &at, "--agent", "scripted"])
        .refused(2, "issue-mode");
    // A tag has no colon.
    list.task(&[&uuid, "modify", "+agent_headless"]).ok();
    let run = home.json(&["dispatch", "headless", &at, "--agent", "scripted", "-d"]);
    home.wait(&text_of(&run, "id"), "ended");
    let shown = home.json(&["show", &text_of(&run, "id")]);
    assert_eq!((&shown["trust"], &shown["by"]), (&"outside".into(), &"dispatch".into()));
    home.skep(&["--json", "dispatch", "headless", &at, "--agent", "scripted"])
        .refused(1, "issue-taken");
    assert_eq!(list.status("mend the login"), "pending", "an end of a run completes nothing");
}

#[test]
fn words_of_a_run_are_from_outside_whoever_starts_their_task_and_of_a_persons_task_it_changes_none()
{
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    let trust = |uuid: &str| text_of(&home.json(&["task", "show", &list.start(uuid)]), "trust");
    let uuid = list.add("say \"hi\" to {them} [all]");
    list.task(&[&uuid, "annotate", "in French, please"]).ok();
    assert_eq!(trust(&uuid), "person");
    let marked = list.add("mend it");
    list.task(&[&marked, "annotate", "and publish it [skep run_7k2m9qx4ab/1]"]).ok();
    assert_eq!(trust(&marked), "outside", "what a run had written below it");
    list.task(&["add", "project:web", "spawner:run", "found"]).ok();
    assert_eq!(trust(&text_of(&list.show("found"), "uuid")), "outside", "whatever it names");
    // A run of which nothing is known is nobody's person either.
    list.task_of_some_run(&["add", "project:web", "odd"]).ok();
    assert_eq!(list.show("odd")["spawner"], "run");
    assert_eq!(trust(&text_of(&list.show("odd"), "uuid")), "outside");
    let said = list.task_of_some_run(&[&uuid, "modify", "say nothing"]);
    assert!(said.code != 0 && format!("{said:?}").contains("last message"), "{said:?}");
    let (out, data) = (home.at("seen/out"), home.at("home/tasks"));
    let out = out.display();
    let own = "uuid:$(task rc.verbose=nothing rc.hooks=off project:web description.is:own uuids)";
    let ways = [
        format!("task {uuid} annotate and publish it"),
        format!("task {uuid} modify say nothing"),
        format!("task {uuid} append and publish it"),
        format!("task {uuid} denotate in French"),
        format!("task {uuid} modify spawner:$SKEP_RUN"),
        // What is none of its words it may note; what it wrote itself is its own.
        format!("task {uuid} modify pr_id:7"),
        "task add project:web own".to_owned(),
        format!("task {own} annotate found on the way"),
        format!("task {own} modify spawner:"),
    ];
    let vars =
        format!("{} TASKRC={} TASKDATA={}", scrubbed(&home), list.rc().display(), data.display());
    let mut text = format!("export TASKRC={} TASKDATA={}\n", list.rc().display(), data.display());
    for (nth, way) in ways.iter().enumerate() {
        text += &format!("{vars} {way} > {out}.{nth} 2>&1; echo \"left with $?\" >> {out}.{nth}\n");
    }
    let run = script_in(&home, &text, &data);
    for (nth, way) in ways.iter().enumerate() {
        let said = fs::read_to_string(home.at(format!("seen/out.{nth}"))).unwrap();
        let passes = [5, 6, 7].contains(&nth);
        assert_eq!(said.contains("left with 0"), passes, "{way}: {said}");
        assert!(passes || said.contains("(task-not-for-runs)"), "{way}: {said}");
    }
    let task = list.show("say \"hi\" to {them} [all]");
    let notes = task["annotations"].as_array().unwrap();
    assert_eq!((notes.len(), &notes[0]["description"]), (1, &json!("in French, please")));
    assert_eq!((task.get("spawner"), &task["pr_id"]), (None, &json!("7")));
    let own = list.show("own");
    assert_eq!(
        (&own["spawner"], &own["annotations"][0]["description"]),
        (&run, &json!("found on the way"))
    );
    home.skep(&["stop", "--all", "--now"]).ok();
}

#[test]
fn a_claim_of_a_task_is_freed_by_its_short_name_where_the_list_says_which_task_that_is() {
    let home = Home::new();
    let Some(list) = hooked(&home) else { return };
    let uuid = list.add("mend it");
    let claim = "An agent of skep is at this issue\n\nhome: elsewhere\nrun: run_zzzzzzzzzz\nwho: Grace\nsince: 2026-01-01T00:00:00.000Z\n";
    let repo = home.repo();
    let tree = repo.git(&["hash-object", "-t", "tree", "/dev/null"]);
    let oid = repo.git(&["commit-tree", &tree, "-m", claim]);
    let reference = format!("refs/skep/issues/tw-{uuid}");
    repo.git(&["update-ref", &reference, &oid]);
    let short = format!("tw:{}", &uuid[..8]);
    let error = home.skep(&["--json", "dispatch", "reap", "--free", "tw:00000000"]);
    let error = error.refused(2, "issue-not-found");
    assert!(
        error["hints"].to_string().contains("skep dispatch reap --free tw:4e1a92c7-"),
        "{error}"
    );
    let freed = home.json(&["dispatch", "reap", "--free", &short]);
    assert_eq!(freed["freed"]["run"], "run_zzzzzzzzzz", "{freed}");
    assert_eq!(freed["ref"], format!("tw:{uuid}"));
    assert_eq!(repo.git(&["for-each-ref", "refs/skep/issues"]), "");
    // With the whole name nobody has to be asked.
    repo.git(&["update-ref", &reference, &oid]);
    home.skep(&["hook", "uninstall"]).ok();
    home.skep(&["--json", "dispatch", "reap", "--free", &short]).refused(2, "issue-not-found");
    let freed = home.json(&["dispatch", "reap", "--free", &format!("tw:{uuid}")]);
    assert_eq!(freed["freed"]["run"], "run_zzzzzzzzzz", "{freed}");
}

//! Taking over what others made: worktrees of every layout, the tmux sessions in them, and that neither is touched.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::process::Signal;
use serde_json::Value;
use skep_host::proc::Program;
use skep_testkit::Repo;

use crate::home::{Home, eventually, inside, kill, lives, text_of};

/// The tmux of a person, on a socket below the test's folder.
struct Theirs {
    socket: PathBuf,
}

impl Theirs {
    fn at(home: &Home, folder: &str) -> Theirs {
        let folder = home.at(folder).join(format!("tmux-{}", rustix::process::getuid().as_raw()));
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        // A window that tmux names by itself may keep the name that it had before its program began.
        home.write(folder.join("conf"), "set -g automatic-rename off\n");
        Theirs { socket: folder.join("default") }
    }

    fn try_ask(&self, args: &[&str]) -> Option<String> {
        let conf = self.socket.with_file_name("conf");
        let program = Program::new("tmux").args(["-u", "-f"]).arg(conf).arg("-S").arg(&self.socket);
        let vars = [("PATH", "/usr/bin:/bin"), ("LC_ALL", "C.UTF-8"), ("TERM", "xterm")];
        let output = program.args(args).envs(vars).output().unwrap();
        (output.code() == 0).then(|| String::from_utf8(output.stdout).unwrap())
    }

    #[track_caller]
    fn ask(&self, args: &[&str]) -> String {
        self.try_ask(args).unwrap_or_else(|| panic!("tmux {args:?}"))
    }

    /// Everything that it says of its sessions, windows and panes.
    fn all(&self) -> String {
        let format = "#{session_id} #{session_name} #{session_attached} #{window_id} #{window_name} #{window_index} \
                      #{window_active} #{window_layout} #{pane_id} #{pane_pid} #{pane_active} #{pane_dead} #{pane_mode} \
                      #{pane_title} #{pane_current_command} #{pane_current_path} #{history_size} #{cursor_x} #{cursor_y}";
        self.ask(&["list-panes", "-a", "-F", format])
    }

    #[track_caller]
    fn pane_pid(&self, target: &str) -> u32 {
        self.ask(&["display-message", "-p", "-t", target, "#{pane_pid}"]).trim().parse().unwrap()
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // A server whose last session has ended is gone already.
        let _gone = self.try_ask(&["kill-server"]);
    }
}

/// A home whose person has a tmux of their own and an agent called `claude`, which listens.
fn home_with_tmux() -> (Home, Theirs) {
    let home = Home::new();
    let folder = home.at("mux");
    let theirs = Theirs::at(&home, "mux");
    let home = home.var("TMUX_TMPDIR", folder.to_str().unwrap());
    let agent = home.write("bin/claude", "#!/bin/sh\nwhile read line; do echo \"<$line>\"; done\n");
    fs::set_permissions(agent, fs::Permissions::from_mode(0o755)).unwrap();
    (home, theirs)
}

/// What a person's agent is called by.
fn agent(home: &Home) -> String {
    home.at("bin/claude").to_str().unwrap().to_owned()
}

/// A worktree of `web` as `git worktree add` makes it, with a commit, a change, a new file, and an index that a refresh
/// would write anew.
fn worktree<'a>(home: &'a Home, path: &str, branch: &str) -> Repo<'a> {
    let web = home.place().at("web");
    let at = home.at(path);
    web.git(&["worktree", "add", "--quiet", "-b", branch, at.to_str().unwrap()]);
    let tree = home.place().at(&at);
    tree.commit_file("work.txt", "done\n");
    tree.write("work.txt", "done, and more\n");
    tree.write("new.txt", "not added\n");
    let old = SystemTime::now() - Duration::from_secs(1_000);
    fs::File::open(at.join("README")).unwrap().set_modified(old).unwrap();
    tree
}

/// Every file below `dir`: its bytes, its mode, and when it and its entry were last changed.
fn fingerprint(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(at) = left.pop() {
        let meta = fs::symlink_metadata(&at).unwrap();
        let held = if meta.is_file() { fs::read(&at).unwrap() } else { Vec::new() };
        let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
        found.insert(at.clone(), format!("{:o} {times:?} {held:?}", meta.mode()));
        if meta.is_dir() {
            left.extend(fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

/// The worktrees, the whole repository, and all that their tmux says, at one moment.
struct Untouched<'a> {
    dirs: Vec<PathBuf>,
    theirs: &'a Theirs,
    files: BTreeMap<PathBuf, String>,
    said: String,
}

impl<'a> Untouched<'a> {
    fn now(home: &Home, theirs: &'a Theirs, tree: &Path) -> Untouched<'a> {
        let dirs = vec![tree.to_owned(), home.at("web")];
        let files = dirs.iter().flat_map(|dir| fingerprint(dir)).collect();
        let mut said = String::new();
        eventually("every pane stands somewhere, and says so twice", || {
            let before = std::mem::replace(&mut said, theirs.all());
            before == said
                && said.lines().all(|line| line.contains(" /") && !line.contains(" tmux"))
        });
        Untouched { dirs, theirs, files, said }
    }

    #[track_caller]
    fn still(&self) {
        let files: BTreeMap<PathBuf, String> =
            self.dirs.iter().flat_map(|dir| fingerprint(dir)).collect();
        let paths: std::collections::BTreeSet<&PathBuf> =
            files.keys().chain(self.files.keys()).collect();
        let changed: Vec<_> =
            paths.into_iter().filter(|path| files.get(*path) != self.files.get(*path)).collect();
        assert!(changed.is_empty(), "changed: {changed:?}");
        assert_eq!(self.said, self.theirs.all());
    }
}

#[track_caller]
fn one(said: &Value) -> &Value {
    let list = said.as_array().unwrap();
    assert_eq!(list.len(), 1, "{said}");
    &list[0]
}

#[test]
fn a_worktree_made_by_hand_is_listed_taken_over_once_and_let_go_of_without_a_byte_changed() {
    let (home, theirs) = home_with_tmux();
    home.repo();
    let tree = worktree(&home, "elsewhere/login", "fix/login");
    theirs.ask(&[
        "new-session",
        "-d",
        "-s",
        "work",
        "-c",
        tree.path().to_str().unwrap(),
        "sleep",
        "1000",
    ]);
    let before = Untouched::now(&home, &theirs, tree.path());
    let listed = home.json(&["adopt"]);
    let listed = one(&listed);
    assert_eq!((&listed["status"], &listed["branch"]), (&"free".into(), &"fix/login".into()));
    assert_eq!((&listed["dirty"], &listed["ahead"]), (&true.into(), &1.into()), "{listed}");
    assert_eq!((&listed["layout"], &listed["tmux"]["program"]), (&"git".into(), &"sleep".into()));
    assert_eq!(home.json(&["ls", "--all"]), serde_json::json!([]), "a list takes nothing over");
    let path = tree.path().to_str().unwrap();
    let would = home.json(&["adopt", path, "--dry-run"]);
    assert_eq!(one(&would)["status"], "free", "{would}");

    let adopted = home.json(&["adopt", path]);
    let adopted = one(&adopted);
    assert_eq!(
        (&adopted["status"], &adopted["new"]),
        (&"adopted".into(), &true.into()),
        "{adopted}"
    );
    let id = text_of(adopted, "run");
    let again = home.json(&["adopt", path, &format!("{path}/../login/")]);
    assert_eq!((&one(&again)["run"], &one(&again)["new"]), (&adopted["run"], &false.into()));
    assert_eq!(one(&home.json(&["adopt", "--all"]))["run"], adopted["run"]);

    let view = home.json(&["show", &id]);
    assert_eq!(
        (&view["state"], &view["outcome"], &view["reason"]),
        (&"ended".into(), &"interrupted".into(), &"adopted".into())
    );
    assert_eq!(
        (&view["title"], &view["branch"], &view["target"]),
        (&"fix/login".into(), &"fix/login".into(), &"main".into())
    );
    assert_eq!(
        (&view["env_type"], &view["env_state"], &view["worktree"]),
        (&"in_place".into(), &"held".into(), &path.into())
    );
    assert_eq!(
        (&view["git"]["ahead"], &view["git"]["dirty"], &view["git"]["files"]),
        (&1.into(), &true.into(), &2.into())
    );
    assert_eq!(home.kinds(&id)[..5], ["created", "admitted", "prepared", "ended", "git_seen"]);
    let told = home.skep(&[]).ok();
    assert!(told.contains("skep resume") && !told.contains("went wrong"), "{told}");
    for args in [&["ls"][..], &["show", &id], &["why", &id], &["stop", &id], &["path", &id]] {
        home.skep(args).ok();
    }
    home.skep(&["--json", "send", &id, "hello"]).refused(2, "nobody-listens");
    before.still();

    let closed = home.json(&["close", &id]);
    assert_eq!(
        (&closed["cleaned"], &closed["branch"]),
        (&true.into(), &"fix/login".into()),
        "{closed}"
    );
    before.still();
    let envs = fs::read_dir(home.root().join("env")).unwrap().count();
    assert_eq!(envs, 0, "nothing of it is left in the home");
    let other = home.json(&["adopt", path]);
    assert_ne!(one(&other)["run"], adopted["run"], "what was let go of is taken over anew");
    let abandoned = home.json(&["abandon", &text_of(one(&other), "run")]);
    assert_eq!(abandoned["cleaned"], true, "{abandoned}");
    before.still();
}

#[test]
fn a_window_of_workmux_is_found_by_its_worktree_and_its_agent_is_the_runs() {
    let (home, theirs) = home_with_tmux();
    home.repo();
    home.write(
        "c/agents/claude.toml",
        "protocol = \"plain\"\nprogram = \"claude\"\nheadless = []\nprompt = \"stdin\"\n",
    );
    let tree = worktree(&home, "web__worktrees/login", "login");
    let (web, at) = (home.at("web"), tree.path().to_str().unwrap());
    theirs.ask(&[
        "new-session",
        "-d",
        "-s",
        "day",
        "-n",
        "editor",
        "-c",
        web.to_str().unwrap(),
        "sleep",
        "1000",
    ]);
    theirs.ask(&["new-window", "-d", "-t", "day:", "-n", "wm-login", "-c", at, "sleep", "1000"]);
    theirs.ask(&["split-window", "-d", "-t", "day:wm-login", "-c", at, &agent(&home)]);
    eventually("the agent is up", || inside(tree.path()) == 2);
    let before = Untouched::now(&home, &theirs, tree.path());
    let adopted = home.json(&["adopt", "--all"]);
    let adopted = one(&adopted);
    assert_eq!(
        (&adopted["layout"], &adopted["agent"]),
        (&"workmux".into(), &"claude".into()),
        "{adopted}"
    );
    let tmux = &adopted["tmux"];
    assert_eq!((&tmux["name"], &tmux["program"]), (&"day".into(), &"claude".into()), "{tmux}");
    assert_eq!(
        tmux["pid"],
        theirs.pane_pid("day:wm-login.1"),
        "the pane with the agent, not the first"
    );
    assert_eq!(tmux["socket"], theirs.socket.to_str().unwrap());
    before.still();
    home.skep(&["close", &text_of(adopted, "name")]).ok();
    before.still();

    // Whoever sits in a tmux means that one, and skep's own windows are nobody's session.
    let found_from = |tmux: &str| {
        let vars = [("TMUX", tmux), ("TMUX_TMPDIR", "/nowhere")];
        let said = home.skep_with(&web, &vars, &["--json", "adopt"]).json(0);
        one(&said)["tmux"]["name"].clone()
    };
    assert_eq!(found_from(&format!("{},1,0", theirs.socket.display())), "day");
    assert_eq!(found_from(""), Value::Null);
    let uid = rustix::process::getuid().as_raw();
    let own = skep_api::place::Home::new(&home.root(), uid).sockets().join("tmux");
    std::os::unix::fs::symlink(&theirs.socket, &own).unwrap();
    assert_eq!(found_from(&format!("{},1,0", own.display())), Value::Null);
    fs::remove_file(own).unwrap();
}

#[test]
fn a_session_of_claude_squad_is_found_with_its_worktree() {
    let (home, theirs) = home_with_tmux();
    home.repo();
    let tree = worktree(&home, "home/.claude-squad/worktrees/me-roof_18a2f3", "me/roof");
    let (web, at) = (home.at("web"), tree.path().to_str().unwrap().to_owned());
    home.write(
        "home/.claude-squad/state.json",
        &serde_json::json!({"help_screens_seen": 1, "instances": [
            {"title": "the roof v1.0", "path": web, "branch": "me/roof", "status": 0, "program": "claude",
             "worktree": {"repo_path": web, "worktree_path": at, "session_name": "the roof v1.0", "branch_name": "me/roof"}},
            {"title": "another's", "worktree": {"worktree_path": "/"}},
        ]})
        .to_string(),
    );
    // Its agent has gone elsewhere; the name of the session and where it began still say whose it is.
    let elsewhere = format!("cd / && exec {}", agent(&home));
    theirs.ask(&["new-session", "-d", "-s", "claudesquad_theroofv1_0", "-c", &at, &elsewhere]);
    theirs.ask(&[
        "new-session",
        "-d",
        "-s",
        "claudesquad_other",
        "-n",
        "other",
        "-c",
        "/",
        "sleep",
        "1000",
    ]);
    eventually("the agent is elsewhere", || inside(tree.path()) == 0);
    let before = Untouched::now(&home, &theirs, tree.path());
    let adopted = home.json(&["adopt", &at]);
    let adopted = one(&adopted);
    assert_eq!(
        (&adopted["layout"], &adopted["status"]),
        (&"claude-squad".into(), &"adopted".into())
    );
    assert_eq!(adopted["tmux"]["name"], "claudesquad_theroofv1_0", "{adopted}");
    before.still();
    home.skep(&["close", &text_of(adopted, "run")]).ok();
    before.still();
}

#[test]
fn what_may_not_be_taken_over_is_refused_by_name_and_all_takes_the_rest() {
    let home = Home::new();
    let web = home.repo();
    let add = |path: &str, more: &[&str]| {
        let at = home.at(path).to_str().unwrap().to_owned();
        web.git(&[&["worktree", "add", "--quiet"], more, &[at.as_str()]].concat());
        at
    };
    let locked = add("locked", &["--lock", "--reason", "on a stick", "-b", "locked"]);
    let gone = add("gone", &["-b", "gone"]);
    fs::remove_dir_all(&gone).unwrap();
    let good = add("good", &["-b", "good"]);
    let nested = add("good/nested", &["-b", "nested"]);
    let inner = add("web/.worktrees/inner", &["-b", "inner"]);
    let bare = home.place().bare("store.git");
    web.git(&["push", "--quiet", bare.path().to_str().unwrap(), "main"]);
    let empty = home.place().empty("empty");
    let unborn = home.at("unborn").to_str().unwrap().to_owned();
    empty.git(&["worktree", "add", "--quiet", "--orphan", "-b", "unborn", &unborn]);
    let run = home.ended("work", &["write a a", "commit a", "say done"], &[]);
    let plain = home.write("plain/file", "");
    fs::create_dir_all(home.at("good/sub")).unwrap();
    let at = |path: &str| home.at(path).to_str().unwrap().to_owned();

    let ours = text_of(&run, "worktree");
    let named = home.json(&["adopt", &ours, "--dry-run"]);
    assert_eq!(
        (&one(&named)["status"], &one(&named)["run"]),
        (&"adopted".into(), &run["id"]),
        "{named}"
    );
    let refused = [
        (locked.as_str(), "adopt-locked"),
        (&gone, "adopt-missing"),
        (&nested, "adopt-nested"),
        (&at("good/sub"), "adopt-nested"),
        (&at("web"), "adopt-main"),
        (&at("store.git"), "adopt-bare"),
        (&unborn, "adopt-unborn"),
        (&at("plain"), "not-a-repository"),
        (&plain, "no-such-folder"),
        (&at("nowhere"), "no-such-folder"),
    ];
    for (path, slug) in refused {
        for more in [&[][..], &["--dry-run"]] {
            let said = home.skep(&[&["--json", "adopt", path], more].concat()).json(1);
            let said = one(&said);
            assert_eq!(
                (&said["status"], &said["why"]["slug"]),
                (&"refused".into(), &slug.into()),
                "{said}"
            );
        }
        let shown = home.skep(&["adopt", path]).with(1);
        assert!(shown.contains(&format!("no[{slug}]")), "{shown}");
    }
    // Of another skep's home, whose envs this one does not know by their folder.
    let other = Home::new();
    let theirs = other.skep_in(&home.at("web"), &["--json", "run", "x", "-d"]).json(0);
    other.wait(&text_of(&theirs, "id"), "ended");
    let theirs = other.json(&["path", &text_of(&theirs, "id")]);
    let said = home.skep(&["--json", "adopt", theirs.as_str().unwrap()]).json(1);
    assert_eq!(one(&said)["why"]["slug"], "adopt-env", "{said}");

    let all = home.json(&["adopt", "--all"]);
    let status = |status: &str| -> Vec<String> {
        let of = all.as_array().unwrap().iter().filter(|view| view["status"] == status);
        of.map(|view| text_of(view, "path")).collect()
    };
    assert_eq!(status("adopted"), [good, inner], "{all}");
    assert_eq!(
        status("refused"),
        [gone, nested, locked],
        "envs of skep and the main one are not of interest: {all}"
    );
    home.skep(&["--json", "adopt", "--all", "x"]).refused(2, "usage");
}

#[test]
fn an_attempt_waits_until_the_agent_that_was_found_is_gone_and_then_works_there_and_lands() {
    let (home, theirs) = home_with_tmux();
    // The agent of this name that skep starts plays a script.
    home.write(
        "c/agents/claude.toml",
        "protocol = \"scripted\"\nprogram = \"{skep}\"\nheadless = [\"__agent\", \"scripted\"]\n\
         resume = [\"__agent\", \"scripted\", \"--session\", \"{session}\"]\nauto = []\nask = []\nbypass = []\nmodel = []\n",
    );
    let web = home.repo();
    let at = home.at("login");
    web.git(&["worktree", "add", "--quiet", "-b", "login", at.to_str().unwrap()]);
    let tree = home.place().at(&at);
    tree.commit_file("begun.txt", "theirs\n");
    let path = at.to_str().unwrap();
    // A shell at its prompt, and the agent that a person started from it.
    theirs.ask(&["new-session", "-d", "-s", "mine", "-n", "mine", "-c", path, "sh"]);
    theirs.ask(&["send-keys", "-t", "mine:", &agent(&home), "Enter"]);
    eventually("the agent is up", || inside(&at) == 2);
    let adopted = home.json(&["adopt", path]);
    let (id, name) = (text_of(one(&adopted), "run"), text_of(one(&adopted), "name"));
    assert_eq!(one(&adopted)["tmux"]["program"], "claude", "{adopted}");
    let script = "Go on.\n\n```skep-script\nwrite more.txt ours\ncommit more\nsay done\n```\n";
    for verb in [&["resume", &id, script][..], &["retry", &id]] {
        let refused = home.skep(&[&["--json"], verb].concat()).refused(1, "worktree-lived-in");
        assert!(text_of(&refused, "message").contains("claude (pid "), "{refused}");
    }
    assert_eq!(home.listed(&id)["attempt"], 1, "nothing was begun");
    let shell = theirs.pane_pid("mine:");
    theirs.ask(&["send-keys", "-t", "mine:", "C-d"]);
    eventually("only the shell is left", || inside(&at) == 1);

    home.skep(&["resume", &id, script]).ok();
    let ended = home.wait(&id, "ended");
    assert_eq!((&ended["outcome"], &ended["attempt"]), (&"completed".into(), &2.into()), "{ended}");
    assert_eq!(tree.read("more.txt"), "ours\n", "it worked in that very worktree");
    let prompt = fs::read_to_string(home.attempt(&id, 2).join("prompt.md")).unwrap();
    assert!(prompt.starts_with("Go on with the work in this worktree (login)."), "{prompt}");
    home.skep(&["land", &name]).ok();
    assert_eq!(
        (web.read("begun.txt").as_str(), web.read("more.txt").as_str()),
        ("theirs\n", "ours\n")
    );
    assert_eq!(home.listed(&id)["landed"]["target"], "main");
    home.skep(&["close", &id]).ok();
    assert_eq!(tree.git(&["branch", "--show-current"]), "login", "its worktree and branch stay");
    assert!(lives(shell), "and so does the shell");
}

#[test]
fn attach_goes_to_the_session_that_was_found_while_it_is_still_the_same() {
    let (home, theirs) = home_with_tmux();
    home.repo();
    let tree = worktree(&home, "login", "login");
    let at = tree.path().to_str().unwrap();
    theirs.ask(&["new-session", "-d", "-s", "mine", "-n", "mine", "-c", "/", "sleep", "1000"]);
    theirs.ask(&["new-window", "-d", "-t", "mine:", "-n", "agent", "-c", at, &agent(&home)]);
    eventually("the agent is up", || inside(tree.path()) == 1);
    let adopted = home.json(&["adopt", at]);
    let id = text_of(one(&adopted), "run");
    home.skep(&["--json", "attach", &id]).refused(2, "no-terminal");

    // A terminal of their own: a pane of another server.
    let desk = Theirs::at(&home, "desk");
    let attach = |then: &str| {
        let skep = env!("CARGO_BIN_EXE_skep");
        let vars = format!(
            "PATH=/usr/bin:/bin HOME={} SKEP_HOME={} SKEP_CONFIG={}",
            home.at("home").display(),
            home.root().display(),
            home.at("c").display()
        );
        format!("env {vars} {skep} attach {id} {then}")
    };
    desk.ask(&["new-session", "-d", "-s", "desk", &attach("")]);
    let clients = || theirs.ask(&["list-clients", "-F", "#{session_name} #{window_name}"]);
    eventually("it is shown", || clients() == "mine agent\n");
    theirs.ask(&["detach-client", "-s", "mine"]);
    eventually("it was left", || clients().is_empty());
    assert!(lives(theirs.pane_pid("mine:agent")), "and goes on");

    // Another one in its place is not it, whatever it is called.
    kill(theirs.pane_pid("mine:agent"), Signal::KILL);
    eventually("it is gone", || !theirs.all().contains(" agent "));
    theirs.ask(&["new-window", "-d", "-t", "mine:", "-n", "agent", "-c", at, &agent(&home)]);
    let said = home.at("said");
    desk.ask(&["new-session", "-d", "-s", "again", &attach(&format!("2>{}", said.display()))]);
    eventually("it is refused", || {
        fs::read_to_string(&said).is_ok_and(|text| text.contains("error[session-gone]"))
    });
    assert_eq!(clients(), "");
}

#[test]
fn names_of_strangers_are_neither_run_nor_lost_and_never_reach_a_terminal_raw() {
    let (home, theirs) = home_with_tmux();
    let web = home.repo();
    let bait = home.at("bait");
    // tmux itself reads `##` as a plain sign where a name is given.
    let evil = format!("a b'\"$(touch {0})`touch {0}`##(touch {0})##{{pid}}", bait.display());
    let path = home.at("-w \u{1b}[31m\n$(x) ü");
    let branch = "-x/$(id)'ü";
    web.git(&["branch", "--", "start"]);
    web.git(&["update-ref", &format!("refs/heads/{branch}"), "HEAD"]);
    web.git(&[
        "worktree",
        "add",
        "--quiet",
        path.to_str().unwrap(),
        &format!("refs/heads/{branch}"),
    ]);
    let tree = home.place().at(&path);
    tree.git(&["symbolic-ref", "HEAD", &format!("refs/heads/{branch}")]);
    theirs.ask(&[
        "new-session",
        "-d",
        "-s",
        "x",
        "-n",
        "x",
        "-c",
        path.to_str().unwrap(),
        "sleep",
        "1000",
    ]);
    theirs.ask(&["rename-session", "-t", "x", "--", &evil]);
    theirs.ask(&["rename-window", "-t", &format!("%{}", 0), "--", &evil]);
    home.write(
        "home/.claude-squad/state.json",
        &serde_json::json!({"instances": [{"title": evil}]}).to_string(),
    );
    let name = theirs.ask(&["display-message", "-p", "-t", "%0", "#{session_name}"]);
    let adopted = home.json(&["adopt", path.to_str().unwrap()]);
    let adopted = one(&adopted);
    assert_eq!(
        (&adopted["status"], &adopted["branch"]),
        (&"adopted".into(), &branch.into()),
        "{adopted}"
    );
    assert_eq!(adopted["path"], path.to_str().unwrap(), "{adopted}");
    let kept = text_of(&adopted["tmux"], "name");
    assert!(
        kept.starts_with("a b'\"$(touch") && name.starts_with(kept.trim_end_matches('…')),
        "{kept} {name}"
    );
    assert!(name.contains("#(touch") && name.contains("#{pid}"), "{name}");
    let id = text_of(adopted, "run");
    for args in [&["adopt"][..], &["show", &id], &["ls"], &["why", &id]] {
        let said = home.skep(args);
        assert!(!said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'), "{said:?}");
    }
    theirs.ask(&["kill-pane", "-t", "%0"]);
    eventually("nobody is there", || inside(&path) == 0);
    home.skep(&["resume", &id]).ok();
    assert_eq!(home.wait(&id, "ended")["worktree"], path.to_str().unwrap());
    home.skep(&["close", &id]).ok();
    assert!(!bait.exists(), "somebody ran a name");
}

#[test]
fn two_who_take_one_worktree_over_at_once_get_one_run() {
    let home = Home::new();
    home.repo();
    let tree = worktree(&home, "login", "login");
    let path = tree.path().to_str().unwrap();
    home.skep(&["daemon", "start"]).ok();
    let mut others: Vec<_> = (0..4).map(|_| home.spawn(&["adopt", path])).collect();
    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1);
    let view = home.json(&["adopt", path]);
    assert_eq!((&one(&view)["status"], &one(&view)["new"]), (&"adopted".into(), &false.into()));
}

#[test]
fn wherever_the_daemon_dies_while_a_worktree_is_taken_over_the_next_one_has_it_once() {
    for point in ["commit.after", "prepare.before", "prepare.after", "effect.after"] {
        let (home, theirs) = home_with_tmux();
        home.repo();
        let tree = worktree(&home, "login", "login");
        let path = tree.path().to_str().unwrap();
        theirs.ask(&["new-session", "-d", "-s", "mine", "-n", "mine", "-c", path, "sleep", "1000"]);
        home.json(&["project", "add", "."]);
        home.skep(&["daemon", "stop"]).ok();
        home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        let before = Untouched::now(&home, &theirs, tree.path());
        // It dies under the call, which then fails or finds the next one.
        home.skep(&["adopt", path]);
        let view = home.json(&["adopt", path]);
        assert_eq!(one(&view)["status"], "adopted", "{point}: {view}");
        let all = home.json(&["ls", "--all"]);
        let id = text_of(one(&all), "id");
        let view = home.wait(&id, "ended");
        assert_eq!(
            (&view["reason"], &view["env_state"]),
            (&"adopted".into(), &"held".into()),
            "{point}: {view}"
        );
        home.skep(&["close", &id]).ok();
        before.still();
    }
}

#[test]
fn it_lands_where_the_projects_own_settings_say_and_settings_that_cannot_be_read_stop_it() {
    let home = Home::new();
    let web = home.repo();
    web.git(&["branch", "release"]);
    web.commit_file(".skep/project.toml", "target = \"release\"\n");
    let at = home.at("login");
    web.git(&["worktree", "add", "--quiet", "-b", "login", at.to_str().unwrap()]);
    let adopted = home.json(&["adopt", at.to_str().unwrap()]);
    assert_eq!(one(&adopted)["target"], "release", "{adopted}");
    assert_eq!(home.listed(&text_of(one(&adopted), "run"))["target"], "release");

    let other = home.at("other");
    web.git(&["worktree", "add", "--quiet", "-b", "other", other.to_str().unwrap()]);
    home.write("c/projects/web.toml", "target = [\n");
    let refused = home.skep(&["--json", "adopt", other.to_str().unwrap()]).json(1);
    assert_eq!(one(&refused)["why"]["slug"], "config-syntax", "{refused}");
    home.write("c/projects/web.toml", "");
    home.write("c/agents/odd.toml", "protocol = [\n");
    let refused = home.skep(&["--json", "adopt", other.to_str().unwrap()]).json(1);
    assert_eq!(one(&refused)["why"]["slug"], "agent-profile-invalid", "{refused}");
    assert_eq!(home.json(&["ls"]).as_array().unwrap().len(), 1, "nothing was taken over");
}

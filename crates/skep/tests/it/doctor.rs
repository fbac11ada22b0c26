//! `skep doctor`: one planted fault of each kind is found, and what is mended is taken back by the words that it tells.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
    process::Stdio,
};

use rustix::process::Signal;
use serde_json::Value;
use skep_host::{
    proc::Program,
    tmux::{Server, Size},
};

use crate::home::{Home, eventually, kill, text_of};

impl Home {
    /// What a look found that is not well, settings and agents of the machine aside.
    #[track_caller]
    pub(crate) fn doctor(&self) -> Vec<Value> {
        self.findings(&["--json", "doctor"])
            .into_iter()
            .filter(|finding| finding["health"] == "ill")
            .collect()
    }

    /// Waits until every deed that was decided is done.
    #[track_caller]
    pub(crate) fn at_rest(&self) {
        eventually("all is done", || {
            let all = self.findings(&["--json", "doctor"]);
            let ledger = all.iter().find(|one| one["check"] == "ledger").unwrap();
            text_of(ledger, "text").ends_with("done for: 0")
        });
    }

    /// Everything that a look says; the code must agree with it.
    #[track_caller]
    pub(crate) fn findings(&self, call: &[&str]) -> Vec<Value> {
        let said = self.skep(call);
        let all: Vec<Value> =
            serde_json::from_str(&said.stdout).unwrap_or_else(|err| panic!("{err}: {said:?}"));
        let ill = all.iter().any(|one| one["health"] == "ill" && one["mended"]["done"] != true);
        assert_eq!(said.code, i32::from(ill), "{said:?}");
        all
    }
}

/// The findings of a check that are not well.
fn of<'a>(all: &'a [Value], check: &str) -> Vec<&'a Value> {
    all.iter().filter(|one| one["check"] == check && one["health"] != "well").collect()
}

/// The one finding of a check, which says why it matters.
#[track_caller]
fn the_one(home: &Home, check: &str, health: &str) -> Value {
    let all = home.findings(&["--json", "doctor"]);
    let found = of(&all, check);
    assert_eq!(found.len(), 1, "{check}: {all:#?}");
    assert_eq!(found[0]["health"], health, "{found:?}");
    assert!(!text_of(found[0], "why").is_empty(), "{found:?}");
    let ill: Vec<&Value> = all.iter().filter(|one| one["health"] == "ill").collect();
    assert_eq!(ill.len(), usize::from(health == "ill"), "nothing else is wrong: {ill:#?}");
    found[0].clone()
}

/// Mends; the finding is gone, the words that take it back bring it again.
#[track_caller]
fn mends(home: &Home, check: &str) -> String {
    let all = home.findings(&["--json", "doctor", "--fix"]);
    let found = of(&all, check);
    assert_eq!(found[0]["mended"]["done"], true, "{found:?}");
    let after = home.findings(&["--json", "doctor"]);
    assert!(of(&after, check).is_empty(), "{after:#?}");
    text_of(&found[0]["mended"], "back")
}

/// Takes a mending back by the very words that it told.
fn take_back(home: &Home, back: &str) {
    let output = Program::new("sh").args(["-c", back]).envs(home.place().env());
    let output = output.cwd(&home.at("web")).output().unwrap();
    assert!(output.status.success(), "{back}: {}", output.complaint());
}

/// A run that committed and left a file, and has ended.
fn done(home: &Home) -> Value {
    let run = home.ended("done", &["write a a", "commit a", "write b b", "say done"], &["-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    home.at_rest();
    run
}

#[test]
fn where_nothing_is_wrong_nothing_is_found_with_and_without_a_daemon() {
    let home = Home::new();
    assert!(home.doctor().is_empty(), "before there is a home");
    home.repo();
    let held = done(&home);
    let closed = home.ended("closed", &["write a a", "commit a", "say done"], &["-d"]);
    home.json(&["close", &text_of(&closed, "id"), "--force"]);
    let living = home.run("living", &["hang"], &[]);
    home.at_rest();
    assert_eq!(home.doctor(), Vec::<Value>::new());
    home.json(&["daemon", "stop"]);
    assert_eq!(home.doctor(), Vec::<Value>::new());
    home.skep(&["--json", "daemon", "status"]).refused(2, "daemon-absent");
    for run in [held, closed, living] {
        assert_eq!(home.listed(&text_of(&run, "id"))["id"], run["id"]);
    }
}

#[test]
fn a_home_that_lets_others_in_is_closed_to_them_again() {
    let home = Home::new();
    home.skep(&["ls"]).ok();
    let runs = home.root().join("runs");
    fs::set_permissions(&runs, fs::Permissions::from_mode(0o755)).unwrap();
    let found = the_one(&home, "home", "ill");
    assert!(text_of(&found, "text").contains("runs"), "{found}");
    let back = mends(&home, "home");
    assert_eq!(fs::metadata(&runs).unwrap().permissions().mode() & 0o777, 0o700);
    fs::create_dir_all(home.at("web")).unwrap();
    take_back(&home, &back);
    the_one(&home, "home", "ill");
}

#[test]
fn a_ledger_that_was_written_over_is_named_and_left_alone() {
    let home = Home::new();
    home.repo();
    done(&home);
    home.json(&["daemon", "stop"]);
    let ledger = home.root().join("ledger.db");
    let mut bytes = fs::read(&ledger).unwrap();
    // Past the header, so that it is still a database.
    let (from, to) = (bytes.len() / 2, bytes.len() / 2 + 3000);
    bytes[from..to].fill(0x5a);
    fs::write(&ledger, &bytes).unwrap();
    let all = home.findings(&["--json", "doctor", "--fix"]);
    assert!(of(&all, "ledger").iter().any(|one| one["health"] == "ill"), "{all:#?}");
    assert!(fs::read(&ledger).unwrap() == bytes, "it was touched");
    // Nobody stops runs of a ledger that does not read.
    fs::remove_file(&ledger).unwrap();
}

#[test]
fn sockets_that_nobody_listens_on_are_told_and_go() {
    let home = Home::new();
    home.skep(&["ls"]).ok();
    let path = home.root().join("s/run_0000000000.1.sock");
    drop(UnixListener::bind(&path).unwrap());
    let alive = home.root().join("s/run_0000000001.1.sock");
    let _listens = UnixListener::bind(&alive).unwrap();
    the_one(&home, "sockets", "note");
    assert_eq!(mends(&home, "sockets"), "");
    assert!(!path.exists() && alive.exists());
}

#[test]
fn folders_that_nobody_knows_are_named_and_never_touched() {
    let home = Home::new();
    home.repo();
    done(&home);
    for (place, check) in [("h/env/stranger", "envs"), ("h/trash/stranger", "trash")] {
        home.write(format!("{place}/work"), "mine\n");
        the_one(&home, check, "ill");
        let all = home.findings(&["--json", "doctor", "--fix"]);
        assert!(of(&all, check)[0]["fix"].is_null(), "{all:#?}");
        assert_eq!(fs::read_to_string(home.at(place).join("work")).unwrap(), "mine\n");
        fs::remove_dir_all(home.at(place)).unwrap();
    }
}

#[test]
fn an_env_that_is_gone_is_told_with_the_way_to_its_last_snapshot() {
    let home = Home::new();
    home.repo();
    let run = done(&home);
    fs::remove_dir_all(text_of(&run, "worktree")).unwrap();
    let found = the_one(&home, "envs", "ill");
    assert!(text_of(&found, "way").contains("undo"), "{found}");
}

#[test]
fn a_worktree_that_lost_its_lock_gets_it_again() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home);
    let worktree = text_of(&run, "worktree");
    repo.git(&["worktree", "unlock", &worktree]);
    the_one(&home, "worktrees", "ill");
    let back = mends(&home, "worktrees");
    assert!(repo.git(&["worktree", "list", "--porcelain"]).contains("locked skep: env"));
    take_back(&home, &back);
    the_one(&home, "worktrees", "ill");
}

#[test]
fn a_registration_without_its_folder_is_moved_out_of_the_way_and_can_come_back() {
    let home = Home::new();
    let repo = home.repo();
    done(&home);
    let path = home.root().join("env/leftover/web-x");
    let shown = path.to_str().unwrap();
    repo.git(&["worktree", "add", "-q", "--lock", "-b", "kept", shown]);
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    the_one(&home, "worktrees", "ill");
    let back = mends(&home, "worktrees");
    assert!(!repo.git(&["worktree", "list"]).contains("web-x"));
    assert!(repo.branches().contains(&"kept".to_owned()), "its branch stays");
    take_back(&home, &back);
    assert!(repo.git(&["worktree", "list"]).contains("web-x"));
}

#[test]
fn a_registration_that_alone_holds_staged_work_or_a_commit_stays_where_git_sees_it() {
    for detached in [false, true] {
        let home = Home::new();
        let repo = home.repo();
        done(&home);
        let path = home.root().join("env/leftover/web-x");
        let shown = path.to_str().unwrap();
        repo.git(&["worktree", "add", "-q", "--lock", "-b", "kept", shown]);
        fs::write(path.join("only-here"), "words").unwrap();
        repo.git(&["-C", shown, "add", "only-here"]);
        if detached {
            repo.git(&["-C", shown, "checkout", "-q", "--detach"]);
            repo.git(&["-C", shown, "commit", "-q", "-m", "on no branch"]);
        }
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        let all = home.findings(&["--json", "doctor", "--fix"]);
        let found = of(&all, "worktrees");
        assert_eq!(found[0]["mended"]["done"], false, "{found:?}");
        assert!(text_of(&found[0]["mended"], "text").contains("work"), "{found:?}");
        assert!(repo.git(&["worktree", "list"]).contains("web-x"));
    }
}

#[test]
fn a_worktree_of_somebody_else_is_nobodys_finding() {
    let home = Home::new();
    let repo = home.repo();
    done(&home);
    let path = home.at("elsewhere");
    repo.git(&["worktree", "add", "-q", "-b", "theirs", path.to_str().unwrap()]);
    fs::remove_dir_all(&path).unwrap();
    assert_eq!(home.doctor(), Vec::<Value>::new());
    home.findings(&["--json", "doctor", "--fix"]);
    assert!(repo.git(&["worktree", "list"]).contains("elsewhere"));
}

#[test]
fn a_branch_of_a_run_that_has_no_env_is_told() {
    let home = Home::new();
    let repo = home.repo();
    let program = home.write("broken", "#!/no/such/interpreter\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let profile = format!("protocol = \"plain\"\nprogram = \"{program}\"\nprompt = \"none\"\n");
    home.write("c/agents/broken.toml", &profile);
    let run = home.json(&["run", "fix it", "--agent", "broken", "-d"]);
    let id = text_of(&run, "id");
    home.wait(&id, "ended");
    eventually("it is taken back", || home.listed(&id)["env_state"] == "none");
    assert_eq!(home.doctor(), Vec::<Value>::new());
    // As an undo leaves it that could not take it away: under the name, with the mark, of this very run.
    let place = place_of(&home, &id);
    let (branch, key) = (place["branches"][0].as_str().unwrap().to_owned(), text_of(&place, "key"));
    let mark = format!("skep: env {key}");
    let name = format!("refs/heads/{branch}");
    repo.git(&["update-ref", "--create-reflog", "-m", &mark, &name, &repo.head()]);
    let found = the_one(&home, "branches", "ill");
    assert!(text_of(&found, "text").contains(&branch), "{found}");
    home.findings(&["--json", "doctor", "--fix"]);
    assert!(repo.branches().contains(&branch), "a branch may hold work");
    repo.git(&["branch", "-D", &branch]);
    repo.git(&["branch", &branch]);
    assert_eq!(home.doctor(), Vec::<Value>::new(), "one of that name that somebody else made");
}

/// The place that a run was asked for with.
fn place_of(home: &Home, id: &str) -> Value {
    fn find(value: &Value, name: &str) -> Option<Value> {
        match value {
            Value::Object(fields) => {
                let here = fields.get(name).cloned();
                here.or_else(|| fields.values().find_map(|one| find(one, name)))
            }
            Value::Array(items) => items.iter().find_map(|one| find(one, name)),
            _ => None,
        }
    }
    let created = home.events().into_iter().find(|event| event["subject"] == id);
    find(&created.unwrap(), "place").unwrap()
}

#[test]
fn a_process_with_the_mark_of_a_run_that_has_ended_is_named_and_lives() {
    let home = Home::new();
    home.repo();
    let run = done(&home);
    // It ends when its input does, however this test ends.
    let mut stray = skep_host::proc::command("cat")
        .env_clear()
        .env("SKEP_RUN", text_of(&run, "id"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let found = the_one(&home, "processes", "ill");
    assert!(text_of(&found, "text").contains(&stray.id().to_string()), "{found}");
    home.findings(&["--json", "doctor", "--fix"]);
    assert!(stray.try_wait().unwrap().is_none(), "it was ended");
    kill(stray.id(), Signal::KILL);
    stray.wait().unwrap();
    assert_eq!(home.doctor(), Vec::<Value>::new());
}

#[test]
fn a_lock_of_a_deed_that_nobody_waits_for_is_told() {
    let home = Home::new();
    home.repo();
    let run = done(&home);
    let lock = home.root().join("runs").join(text_of(&run, "id")).join("effect.lock");
    let held = skep_host::lock::hold_within(&lock, crate::home::DEADLINE).unwrap();
    the_one(&home, "locks", "ill");
    drop(held);
    assert_eq!(home.doctor(), Vec::<Value>::new());
}

#[test]
fn a_snapshot_that_the_repository_lost_is_told_and_one_that_nobody_remembers_too() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home);
    let id = text_of(&run, "id");
    let taken = home.json(&["snapshot", "take", &id]);
    assert_eq!(home.doctor(), Vec::<Value>::new(), "{taken}");
    let git = skep_host::git::Git::new(home.place().env());
    let known = skep_host::git::discover(&git, repo.path()).unwrap();
    let all = skep_host::snapshot::list(&git, &known).unwrap();
    let last = all.last().unwrap();
    let locks = home.root().join("cache/locks");
    assert_eq!(skep_host::snapshot::remove(&git, &known, &locks, &[&last.id]).unwrap(), 1);
    let found = the_one(&home, "snapshots", "ill");
    assert!(text_of(&found, "text").contains(&last.id), "{found}");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    let take = skep_host::snapshot::Take {
        run: &id,
        id: "snap_stranger00",
        worktree: &worktree,
        git_dir: &skep_host::worktree::git_dir(&git, &worktree).unwrap(),
        note: "",
        discard: &[],
        at_ms: 0,
    };
    skep_host::snapshot::take(&git, &known, &locks, &take).unwrap();
    let all = home.findings(&["--json", "doctor"]);
    let found = of(&all, "snapshots");
    assert!(found.iter().any(|one| text_of(one, "text").contains("snap_stranger00")), "{found:#?}");
}

#[test]
fn a_session_of_ours_without_an_env_is_ended_and_one_of_others_is_not() {
    let home = Home::new();
    home.repo();
    done(&home);
    let server = Server::private(&home.root().join("s"), home.place().env());
    let open = |name: &str| {
        let size = Size { columns: 80, rows: 24 };
        server.open_viewer(name, &["sleep", "600"], size, home.place().env()).unwrap()
    };
    open("skep_web_nobody_");
    let renamed = open("skep_web_other_");
    let socket = server.socket().to_str().unwrap().to_owned();
    let tmux = |args: &[&str]| {
        let said = Program::new("tmux").args(["-S", &socket]).args(args);
        assert!(said.envs(home.place().env()).output().unwrap().status.success(), "{args:?}");
    };
    tmux(&["rename-session", "-t", &renamed.session, "mine"]);
    let all = home.findings(&["--json", "doctor"]);
    let found = of(&all, "sessions");
    assert_eq!(found.len(), 2, "{found:#?}");
    home.findings(&["--json", "doctor", "--fix"]);
    let names: Vec<String> = server.list().unwrap().into_iter().map(|seen| seen.name).collect();
    assert_eq!(names, ["mine"]);
    server.end_server().unwrap();
}

#[test]
fn a_disk_below_its_floor_is_told() {
    let home = Home::new();
    home.skep(&["config", "set", "limits.disk_free", "100000TB"]).ok();
    the_one(&home, "disk", "ill");
}

#[test]
fn without_a_word_nothing_is_mended() {
    let home = Home::new();
    let repo = home.repo();
    let run = done(&home);
    repo.git(&["worktree", "unlock", &text_of(&run, "worktree")]);
    let said = home.skep(&["doctor"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("fix: git worktree lock"), "{said:?}");
    the_one(&home, "worktrees", "ill");
    let said = home.skep(&["doctor", "--fix"]).ok();
    assert!(said.contains("mended:") && said.contains("back: git worktree unlock"), "{said}");
    assert!(Path::new(&text_of(&run, "worktree")).exists());
}

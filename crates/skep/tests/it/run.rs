//! `skep run`, from what is typed to what the agent gets: records, refusals, places, environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use skep_testkit::Repo;

use crate::home::{Home, Said, eventually, lives, pid_of, text_of};

/// What a launch may leave in a repository.
fn traces(repo: &Repo<'_>) -> (Vec<String>, String, String) {
    (
        repo.git(&["for-each-ref"]).lines().map(str::to_owned).collect(),
        repo.git(&["worktree", "list"]),
        repo.status(),
    )
}

/// What a launch may leave in a home.
fn places(home: &Home) -> BTreeSet<PathBuf> {
    let below = ["env", "runs", "trash"].map(|name| home.root().join(name));
    let entries = below.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The environment of a process, as the kernel has it.
fn environ(pid: u32) -> BTreeMap<String, String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn a_run_of_a_task_is_one_durable_record_and_its_agent_is_told_who_it_is() {
    let home = Home::new();
    let repo = home.repo();
    let task = home.json(&["task", "add", "Add a greeting"]);
    let task = text_of(&task, "id");
    let prompt = home.script("held", &["hang"]);
    let run = home.json(&["run", &task, "--prompt-file", &prompt, "--name", "amber"]);
    let id = text_of(&run, "id");
    let (branch, worktree) = (text_of(&run, "branch"), PathBuf::from(text_of(&run, "worktree")));
    assert_eq!(run["state"], "running", "{run}");
    assert_eq!(run["task"], task.as_str());
    assert_eq!(home.place().at(&worktree).git(&["branch", "--show-current"]), branch);
    assert!(repo.branches().contains(&branch), "{branch}");
    let vars = environ(pid_of(&run, "pid"));
    let told = |name: &str| vars.get(name).map(String::as_str);
    assert_eq!(told("SKEP_RUN"), Some(id.as_str()));
    assert_eq!(told("SKEP_TASK"), Some(task.as_str()));
    assert_eq!(told("SKEP_NAME"), Some("amber"));
    assert_eq!(told("SKEP_ROLE"), Some(skep_core::names::CODER));
    assert_eq!(told("SKEP_AGENT"), Some("scripted"));
    assert_eq!(told("SKEP_PROJECT"), Some("web"));
    assert!(told("SKEP_SOCKET").is_some_and(|path| Path::new(path).exists()));
    assert_eq!(told("GIT_TERMINAL_PROMPT"), Some("0"));
    // The record outlives the one who wrote it.
    home.kill_daemon();
    let again = home.listed(&id);
    for name in ["branch", "worktree", "env", "task", "name", "pid", "gatekeeper", "state"] {
        assert_eq!(again[name], run[name], "{name}");
    }
    let created = home.kinds(&id).iter().filter(|kind| *kind == "created").count();
    assert_eq!(created, 1);
}

#[test]
fn a_task_that_a_live_run_holds_is_refused_by_name_and_nothing_changes() {
    let home = Home::new();
    let repo = home.repo();
    let task = text_of(&home.json(&["task", "add", "Add a greeting"]), "id");
    let prompt = home.script("held", &["hang"]);
    let holder = text_of(&home.json(&["run", &task, "--prompt-file", &prompt]), "id");
    let before = (
        traces(&repo),
        places(&home),
        home.json(&["ls", "--all"]),
        home.json(&["task", "show", &task]),
    );
    let error =
        home.skep(&["--json", "run", &task, "--prompt-file", &prompt]).refused(1, "task-held");
    assert!(text_of(&error, "message").contains(&holder), "{error}");
    assert!(error["hints"].to_string().contains(&holder), "{error}");
    let after = (
        traces(&repo),
        places(&home),
        home.json(&["ls", "--all"]),
        home.json(&["task", "show", &task]),
    );
    assert_eq!(before, after);
}

#[test]
fn of_two_runs_of_one_task_at_once_exactly_one_comes_to_be() {
    let home = Home::new();
    let repo = home.repo();
    let task = text_of(&home.json(&["task", "add", "Add a greeting"]), "id");
    let prompt = home.script("held", &["hang"]);
    let args = ["--json", "run", &task, "--prompt-file", &prompt];
    let said: Vec<Said> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| home.skep(&args))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let codes: Vec<i32> = said.iter().map(|said| said.code).collect();
    assert_eq!(codes.iter().filter(|code| **code == 0).count(), 1, "{said:?}");
    let holder = text_of(&home.json(&["ls"])[0], "id");
    for loser in said.into_iter().filter(|said| said.code != 0) {
        let error = loser.refused(1, "task-held");
        assert!(text_of(&error, "message").contains(&holder), "{error}");
    }
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1);
    assert_eq!(repo.branches().len(), 2, "{:?}", repo.branches());
    assert_eq!(places(&home).len(), 2, "one env, one folder of a run: {:?}", places(&home));
}

#[test]
fn a_task_that_is_completed_is_refused_and_one_that_failed_may_be_tried_again() {
    let home = Home::new();
    home.repo();
    let task = text_of(&home.json(&["task", "add", "Add a greeting"]), "id");
    let fails = home.script("fails", &["result failed no idea"]);
    let run = home.json(&["run", &task, "--prompt-file", &fails, "-d"]);
    assert_eq!(home.wait(&text_of(&run, "id"), "ended")["outcome"], "failed");
    let works = home.script("works", &["write hello hello", "commit greet", "say done"]);
    let run = home.json(&["run", &task, "--prompt-file", &works, "-d"]);
    assert_eq!(home.wait(&text_of(&run, "id"), "ended")["outcome"], "completed");
    assert_eq!(home.json(&["task", "show", &task])["state"], "completed");
    home.skep(&["--json", "run", &task, "--prompt-file", &works]).refused(2, "task-completed");
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 2);
}

#[test]
fn an_agent_whose_program_is_missing_is_refused_and_leaves_nothing() {
    let home = Home::new();
    let repo = home.repo();
    home.write(
        "c/agents/ghost.toml",
        "protocol = \"plain\"\nprogram = \"no-such-program\"\nprompt = \"none\"\n",
    );
    home.json(&["project", "add", "."]);
    let before = (traces(&repo), places(&home));
    home.skep(&["--json", "run", "fix it", "--agent", "ghost"]).refused(2, "agent-missing");
    home.skep(&["--json", "run", "fix it", "--agent", "nobody"]).refused(2, "agent-unknown");
    assert_eq!((traces(&repo), places(&home)), before);
    assert_eq!(home.json(&["ls", "--all"]), serde_json::json!([]));
}

#[test]
fn an_agent_that_cannot_be_started_leaves_no_branch_no_worktree_and_no_env() {
    let home = Home::new();
    let repo = home.repo();
    // It is there and may be executed; only the kernel finds out that it cannot be.
    let program = home.write("broken", "#!/no/such/interpreter\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    home.write(
        "c/agents/broken.toml",
        &format!("protocol = \"plain\"\nprogram = \"{program}\"\nprompt = \"none\"\n"),
    );
    let before = traces(&repo);
    let run = home.skep(&["--json", "run", "fix it", "--agent", "broken"]).json(4);
    assert_eq!((&run["outcome"], &run["reason"]), (&"failed".into(), &"start".into()), "{run}");
    eventually("what was made is taken back", || {
        home.listed(&text_of(&run, "id"))["env_state"] == "none"
    });
    assert_eq!(traces(&repo), before);
    assert_eq!(fs::read_dir(home.root().join("env")).unwrap().count(), 0);
    home.no_agents();
}

#[test]
fn a_branch_that_stands_keeps_its_unmerged_commit_and_the_run_gets_another_name() {
    let home = Home::new();
    let repo = home.repo();
    repo.git(&["checkout", "--quiet", "-b", "skep/fix-it"]);
    let work = repo.commit_file("work", "mine\n");
    repo.git(&["checkout", "--quiet", "main"]);
    let run = home.run("fix it", &["write a a", "commit a", "say done"], &["-d"]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    let branch = text_of(&run, "branch");
    assert!(branch.starts_with("skep/fix-it-"), "{branch}");
    assert_eq!(repo.oid("refs/heads/skep/fix-it"), work);
    // Asked for by its name it is refused, or used, but never moved.
    home.skep(&["--json", "run", "fix it", "--branch", "main", "-d"]);
    home.skep(&["wait", "--timeout", "30s", &text_of(&home.json(&["ls"])[0], "id")]);
    assert_eq!(repo.oid("refs/heads/skep/fix-it"), work);
}

#[test]
fn a_branch_that_is_checked_out_elsewhere_is_never_taken_over() {
    let home = Home::new();
    let repo = home.repo();
    let head = repo.head();
    repo.write("mine", "not committed\n");
    let before = traces(&repo);
    let run = home.skep(&["--json", "run", "fix it", "--branch", "main"]).json(4);
    assert_eq!((&run["outcome"], &run["reason"]), (&"failed".into(), &"prepare".into()), "{run}");
    assert_eq!(traces(&repo), before);
    assert_eq!(repo.head(), head);
    assert_eq!(repo.read("mine"), "not committed\n");
}

#[test]
fn in_a_projects_sub_directory_the_agent_starts_there_and_the_nearest_set_up_ran() {
    let home = Home::new();
    let repo = home.repo();
    for (dir, word) in [("", "root"), ("pkg/", "near"), ("other/", "other")] {
        let file = format!("{dir}.worktree-setup");
        repo.write(
            &file,
            &format!("#!/bin/sh\necho {word} > set-up\npwd >> set-up\nenv > set-up.env\n"),
        );
        fs::set_permissions(repo.path().join(file), fs::Permissions::from_mode(0o755)).unwrap();
    }
    repo.commit_file("pkg/a/code", "1\n");
    let project = home.json(&["project", "add", "pkg/a", "--name", "a"]);
    assert_eq!(project["sub_dir"], "pkg/a");
    let run = home.run("sub", &["write here x", "hang"], &["--project", "a", "--yes"]);
    let (worktree, cwd) =
        (PathBuf::from(text_of(&run, "worktree")), PathBuf::from(text_of(&run, "cwd")));
    assert_eq!(cwd, worktree.join("pkg/a"));
    assert_eq!(fs::read_link(format!("/proc/{}/cwd", pid_of(&run, "pid"))).unwrap(), cwd);
    eventually("the agent wrote where it stands", || cwd.join("here").exists());
    let set_up = fs::read_to_string(cwd.join("set-up")).unwrap();
    assert_eq!(set_up.lines().collect::<Vec<_>>(), ["near", cwd.to_str().unwrap()]);
    let vars = fs::read_to_string(cwd.join("set-up.env")).unwrap();
    assert!(vars.contains(&format!("SKEP_RUN={}", text_of(&run, "id"))), "{vars}");
}

#[test]
fn a_set_up_runs_only_as_it_was_approved() {
    let home = Home::new();
    let repo = home.repo();
    let script = |text: &str| {
        repo.write(".worktree-setup", text);
        fs::set_permissions(repo.path().join(".worktree-setup"), fs::Permissions::from_mode(0o755))
            .unwrap();
        repo.commit("set-up");
    };
    script("#!/bin/sh\ntouch one\n");
    let steps = ["write a a", "commit a", "say done"];
    let prompt = home.script("go", &steps);
    let refused = |slug: &str| {
        let error = home.skep(&["--json", "run", "go", "--prompt-file", &prompt]).refused(1, slug);
        assert!(error["hints"].to_string().contains("--yes"), "{error}");
    };
    refused("scripts-unapproved");
    assert_eq!(repo.branches(), ["main"]);
    let run = home.run("go", &steps, &["--yes"]);
    assert!(Path::new(&text_of(&run, "worktree")).join("one").exists());
    // Once approved, it is; changed, it is not.
    home.run("go", &steps, &[]);
    script("#!/bin/sh\ntouch two\n");
    refused("scripts-changed");
    let run = home.run("go", &steps, &["--yes"]);
    assert!(Path::new(&text_of(&run, "worktree")).join("two").exists());
}

#[test]
fn a_set_up_that_fails_stops_the_launch_keeps_its_output_and_is_taken_back() {
    let home = Home::new();
    let repo = home.repo();
    repo.write(
        ".worktree-setup",
        "#!/bin/sh\necho half; echo the well is dry >&2; touch half\nexit 1\n",
    );
    fs::set_permissions(repo.path().join(".worktree-setup"), fs::Permissions::from_mode(0o755))
        .unwrap();
    repo.commit("set-up");
    let before = traces(&repo);
    let prompt = home.script("go", &["write a a", "commit a", "say done"]);
    let said = home.skep(&["run", "go", "--prompt-file", &prompt, "--yes"]);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("the well is dry"), "{said:?}");
    let run = home.json(&["ls", "--all"])[0].clone();
    let id = text_of(&run, "id");
    assert_eq!((&run["outcome"], &run["reason"]), (&"failed".into(), &"set-up".into()), "{run}");
    assert!(!home.kinds(&id).contains(&"started".to_owned()), "the agent was launched");
    assert_eq!(home.listed(&id)["env_state"], "none");
    assert_eq!(traces(&repo), before);
    assert_eq!(fs::read_dir(home.root().join("env")).unwrap().count(), 0);
    // What it said stays, all of it.
    let show = home.skep(&["show", &id]).ok() + &home.skep(&["why", &id]).ok();
    assert!(show.contains("the well is dry"), "{show}");
    let log = fs::read_to_string(home.root().join("runs").join(&id).join("setup.log")).unwrap();
    assert!(log.contains("half") && log.contains("the well is dry"), "{log}");
}

#[test]
fn a_set_up_that_may_fail_is_told_and_the_agent_is_launched() {
    let home = Home::new();
    let repo = home.repo();
    repo.write(
        ".skep/project.toml",
        "[setup]\nrun = \"echo the well is dry; exit 1\"\nmode = \"warn\"\n",
    );
    repo.commit("set-up");
    let run = home.run("go", &["write a a", "commit a", "say done"], &["--yes"]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    assert!(run["notes"].to_string().contains("the well is dry"), "{run}");
    let log = home.root().join("runs").join(text_of(&run, "id")).join("setup.log");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("the well is dry"), "{log}");
}

/// An agent that keeps what it was given, byte by byte.
fn keeper_of_prompts(home: &Home) {
    home.write(
        "c/agents/dump.toml",
        "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"-c\", \"cat > prompt.bin\"]\nprompt = \"stdin\"\n",
    );
}

#[test]
fn a_hostile_title_and_300_kib_reach_the_agent_byte_by_byte_and_nothing_is_evaluated() {
    let home = Home::new();
    let repo = home.repo();
    keeper_of_prompts(&home);
    let evaluated = home.at("evaluated");
    let hostile = format!(
        "don't \"stop\" $(touch {0}) `touch {0}` ; touch {0} | & > {0}\n--force \\ % 🐝 ünïcode\ttab",
        evaluated.display()
    );
    let body =
        format!("{hostile}\n{}\n'\"$(exit 1)`\n", "honey 🍯 $(x) `y` '\"\\\n".repeat(14_000));
    assert!(body.len() > 300 * 1024);
    let file = home.write("body", &body);
    let task = text_of(&home.json(&["task", "add", &hostile, "--body", &file]), "id");
    let run = home.json(&["run", &task, "--agent", "dump"]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    let got = fs::read(Path::new(&text_of(&run, "worktree")).join("prompt.bin")).unwrap();
    assert!(got == format!("{hostile}\n\n{body}").into_bytes(), "{} bytes came", got.len());
    // The title alone, and a prompt of one's own.
    let run = home.json(&["run", "--agent", "dump", "--", &hostile]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    let got = fs::read(Path::new(&text_of(&run, "worktree")).join("prompt.bin")).unwrap();
    assert_eq!(String::from_utf8(got).unwrap(), hostile);
    let run = home.json(&["run", "--agent", "dump", "--prompt-file", &file]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    let got = fs::read(Path::new(&text_of(&run, "worktree")).join("prompt.bin")).unwrap();
    assert!(got == body.as_bytes());
    assert!(!evaluated.exists(), "something was evaluated");
    assert!(
        repo.branches().iter().all(|name| name.is_ascii() && !name.contains(['$', '`', ' '])),
        "{:?}",
        repo.branches()
    );
}

#[test]
fn the_agents_environment_holds_nothing_outside_the_list() {
    let secrets = [
        ("GITHUB_TOKEN", "ghp-secret-1"),
        ("ANTHROPIC_API_KEY", "sk-secret-2"),
        ("SSH_AUTH_SOCK", "/tmp/secret-3"),
        ("LD_PRELOAD_NOT", "secret-4"),
        ("SKEP_RUN", "run_secret5xxx"),
        ("DATABASE_URL", "pg://secret-6"),
        ("NO_PROXY", "localhost"),
    ];
    let home = secrets.into_iter().fold(Home::new(), |home, (name, value)| home.var(name, value));
    let repo = home.repo();
    repo.write(".skep/project.toml", "env = [\"DATABASE_URL\"]\n");
    repo.commit("settings");
    // The daemon is started by one who holds them, too.
    home.skep(&["daemon", "start"]).ok();
    let held = environ(home.daemon());
    assert!(
        // It speaks with forges and channels by the way that its person has to the network.
        secrets
            .iter()
            .filter(|(name, _)| !["SKEP_RUN", "NO_PROXY"].contains(name))
            .all(|(name, _)| !held.contains_key(*name)),
        "{held:?}"
    );
    let run = home.run("look", &["hang"], &[]);
    let vars = environ(pid_of(&run, "pid"));
    let listed = [
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "PATH",
        "LANG",
        "TZ",
        "TMPDIR",
        "TERM",
        "NO_PROXY",
        "PWD",
        "DATABASE_URL",
        "SKEP_RUN",
        "SKEP_TASK",
        "SKEP_NAME",
        "SKEP_ROLE",
        "SKEP_AGENT",
        "SKEP_PROJECT",
        "SKEP_SOCKET",
        "GIT_TERMINAL_PROMPT",
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_KEY_0",
        "GIT_CONFIG_VALUE_0",
        "GIT_CONFIG_KEY_1",
        "GIT_CONFIG_VALUE_1",
        "GIT_CONFIG_KEY_2",
        "GIT_CONFIG_VALUE_2",
        "SKEP_KEEPER",
        "TMP",
        "TEMP",
    ];
    let others: Vec<&String> =
        vars.keys().filter(|name| !listed.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(vars["DATABASE_URL"], "pg://secret-6", "the project lists it");
    assert_eq!(vars["NO_PROXY"], "localhost");
    assert_eq!(vars["SKEP_RUN"], text_of(&run, "id"), "identity is skep's to give");
    for secret in ["secret-1", "secret-2", "secret-3", "secret-4", "secret5"] {
        assert_eq!(
            files_with(&home.root(), secret),
            Vec::<PathBuf>::new(),
            "{secret} lies in the home"
        );
    }
}

/// The files below `dir` that hold `word`.
fn files_with(dir: &Path, word: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files_with(&path, word));
        } else if fs::read(&path)
            .is_ok_and(|bytes| bytes.windows(word.len()).any(|w| w == word.as_bytes()))
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn without_a_base_the_remotes_default_branch_is_the_base_and_the_record_shows_its_commit() {
    let home = Home::new();
    let place = home.place();
    let origin = place.repo("origin");
    let url = origin.path().to_str().unwrap().to_owned();
    place.at(".").git(&["clone", "--quiet", &url, "web"]);
    let web = place.at("web");
    web.git(&["checkout", "--quiet", "-b", "feature/x"]);
    web.commit_file("feature", "x\n");
    // What came since the clone is fetched first.
    let head = origin.commit_file("more", "1\n");
    let run = home.ended("go", &["write a a", "commit a", "say done"], &["-d"]);
    assert_eq!(run["base"], serde_json::json!({"branch": "origin/main", "oid": head}), "{run}");
    assert_eq!(run["target"], "main");
    assert_eq!(place.at(text_of(&run, "worktree")).oid("HEAD~1"), head);
    let upstream = place.at(text_of(&run, "worktree")).try_git(&["rev-parse", "@{upstream}"]);
    assert!(!upstream.status.success(), "its branch tracks nothing");
    // A base of one's own.
    let run =
        home.ended("go", &["write a a", "commit a", "say done"], &["--base", "feature/x", "-d"]);
    assert_eq!(text_of(&run["base"], "oid"), web.oid("feature/x"));
}

#[test]
fn a_remote_that_is_away_is_told_and_the_run_goes_on_from_what_is_known() {
    let home = Home::new();
    let place = home.place();
    let origin = place.repo("origin");
    let url = origin.path().to_str().unwrap().to_owned();
    place.at(".").git(&["clone", "--quiet", &url, "web"]);
    let known = place.at("web").oid("origin/main");
    fs::remove_dir_all(origin.path()).unwrap();
    let run = home.ended("go", &["write a a", "commit a", "say done"], &["-d"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!(text_of(&run["base"], "oid"), known);
    assert!(run["notes"].to_string().contains("fetch"), "{run}");
}

#[test]
fn a_checkout_in_place_has_one_run_at_a_time_and_is_never_reset_or_removed() {
    let home = Home::new();
    let repo = home.repo();
    repo.write("mine", "not committed\n");
    repo.commit_file("code", "1\n");
    repo.write("code", "2\n");
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let first = home.run("first", &["write a a", &wait, "write b b", "say done"], &["--in-place"]);
    assert_eq!(first["env_type"], "in_place");
    assert_eq!(PathBuf::from(text_of(&first, "cwd")), repo.path());
    let second = home.run("second", &["write c c", "say done"], &["--in-place"]);
    assert_eq!(
        (&second["state"], &second["waiting_for"]),
        (&"queued".into(), &"slot".into()),
        "{second}"
    );
    let why = home.skep(&["why", &text_of(&second, "id")]).ok();
    assert!(why.contains(&text_of(&first, "id")), "{why}");
    fs::write(&go, "").unwrap();
    let first = home.wait(&text_of(&first, "id"), "ended");
    let second = home.wait(&text_of(&second, "id"), "ended");
    assert_eq!(first["outcome"], "completed", "{first}");
    assert_eq!(second["outcome"], "completed", "{second}");
    // Closing the one takes nothing from the other, nor from the person.
    let third = home.run("third", &["write d d", "hang"], &["--in-place"]);
    eventually("the third is at work", || repo.path().join("d").exists());
    home.skep(&["close", &text_of(&first, "id"), "--keep-branch"]).ok();
    assert!(lives(pid_of(&third, "pid")));
    home.skep(&["stop", &text_of(&third, "id")]).ok();
    home.skep(&["close", &text_of(&second, "id"), "--keep-branch"]).ok();
    home.skep(&["close", &text_of(&third, "id"), "--keep-branch"]).ok();
    for file in ["a", "b", "c", "d"] {
        assert_eq!(repo.read(file), format!("{file}\n"));
    }
    assert_eq!((repo.read("code"), repo.read("mine")), ("2\n".into(), "not committed\n".into()));
    assert_eq!(repo.branches(), ["main"]);
}

#[test]
fn a_run_without_a_repository_works_in_a_folder_of_its_own() {
    let home = Home::new();
    let nowhere = home.at("tmp");
    home.skep_in(&nowhere, &["--json", "run", "go"]).error(2);
    let prompt = home.script("go", &["write a a", "say done"]);
    let run = home
        .skep_in(&nowhere, &["--json", "run", "go", "--directory", "--prompt-file", &prompt])
        .json(0);
    let run = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(
        (&run["outcome"], &run["env_type"]),
        (&"completed".into(), &"directory".into()),
        "{run}"
    );
    assert_eq!(
        (&run["branch"], &run["base"], &run["git"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let cwd = PathBuf::from(text_of(&run, "cwd"));
    assert!(cwd.starts_with(home.root().join("env")), "{cwd:?}");
    assert_eq!(fs::read_to_string(cwd.join("a")).unwrap(), "a\n");
    home.skep(&["land", &text_of(&run, "id")]).with(1);
    // Nobody else has what it wrote.
    home.skep(&["close", &text_of(&run, "id"), "--keep-branch"]).with(1);
    assert!(cwd.join("a").exists());
}

#[test]
fn no_more_runs_are_at_work_than_the_limit_allows_and_all_come_to_their_end() {
    let home = Home::with_limits("runs = 2");
    home.repo();
    let prompt = home.script("many", &["write a a", "commit a", "say done"]);
    let runs = home.json(&["run", "many", "--prompt-file", &prompt, "--count", "10", "-d"]);
    let ids: Vec<String> = runs.as_array().unwrap().iter().map(|run| text_of(run, "id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 10);
    let mut wait: Vec<&str> = vec!["wait", "--timeout", "55s"];
    wait.extend(ids.iter().map(String::as_str));
    let ended = home.json(&wait);
    assert!(ended.as_array().unwrap().iter().all(|run| run["outcome"] == "completed"), "{ended}");
    let branches: BTreeSet<String> =
        ended.as_array().unwrap().iter().map(|run| text_of(run, "branch")).collect();
    assert_eq!(branches.len(), 10);
    let (mut active, mut most) = (BTreeSet::new(), 0);
    for event in home.events() {
        match event["event"]["event"].as_str() {
            Some("admitted") => drop(active.insert(text_of(&event, "subject"))),
            Some("ended" | "requeued") => drop(active.remove(&text_of(&event, "subject"))),
            _ => {}
        }
        most = most.max(active.len());
    }
    assert_eq!(most, 2);
}

#[test]
fn three_agents_at_once_outlive_a_killed_daemon_and_the_list_is_right_again() {
    let home = Home::new();
    home.repo();
    let go = home.at("go");
    let steps =
        ["write a a", &format!("wait-for {}", go.display()), "usage 7 5", "commit a", "say done"];
    let prompt = home.script("go", &steps);
    let runs = home.json(&["run", "one", "two", "three", "--prompt-file", &prompt]);
    let runs = runs.as_array().unwrap();
    assert!(runs.iter().all(|run| run["state"] == "running"), "{runs:?}");
    home.kill_daemon();
    assert!(runs.iter().all(|run| lives(pid_of(run, "pid"))), "an agent went with the daemon");
    for run in runs {
        let again = home.listed(&text_of(run, "id"));
        assert_eq!((&again["state"], &again["pid"]), (&run["state"], &run["pid"]));
    }
    // And while nobody is there at all.
    home.kill_daemon();
    fs::write(&go, "").unwrap();
    eventually("the agents end by themselves", || {
        !runs.iter().any(|run| lives(pid_of(run, "gatekeeper")))
    });
    for run in runs {
        let ended = home.wait(&text_of(run, "id"), "ended");
        assert_eq!(
            (&ended["outcome"], &ended["attempt"]),
            (&"completed".into(), &1.into()),
            "{ended}"
        );
        assert_eq!(ended["usage"]["input_tokens"], 7);
        assert_eq!(ended["git"]["ahead"], 1);
        assert_eq!(
            home.kinds(&text_of(run, "id")).iter().filter(|kind| *kind == "ended").count(),
            1
        );
    }
}

#[test]
fn what_is_typed_wrong_is_told_with_the_nearest_right_thing() {
    let home = Home::new();
    home.repo();
    let error = home.skep(&["--json", "run", "12"]).refused(2, "title-number");
    assert!(error["hints"].to_string().contains("task_"), "{error}");
    home.skep(&["--json", "run", "#12"]).refused(2, "title-number");
    home.skep(&["--json", "run", ""]).refused(2, "title-empty");
    home.skep(&["--json", "run", "x", "--branch", "a..b"]).refused(2, "branch-name");
    home.skep(&["--json", "run", "x", "--base", "--upload-pack=x"]).error(2);
    home.skep(&["--json", "run", "x", "--name", "../up"]).refused(2, "worker-name");
    home.skep(&["--json", "run", "x", "--project", "wob"]).refused(2, "project-unknown");
    home.skep(&["--json", "run", "x", "--surface", "holo"]).refused(2, "usage");
    home.skep(&["--json", "run", "x", "--frobnicate"]).refused(2, "usage");
    home.skep(&["--json", "frobnicate"]).refused(2, "usage");
    home.skep(&["--json", "run"]).refused(2, "usage");
    home.skep(&["--json", "show", "nobody"]).refused(2, "run-unknown");
    home.skep(&["--json", "run", "task_0000000000"]).refused(2, "task-unknown");
    let long = home.write("long", &"x".repeat((16 << 20) + 1));
    home.skep(&["--json", "run", "x", "--prompt-file", &long]).refused(2, "file-unreadable");
    home.skep(&["--json", "run", "x", "--prompt-file", "nowhere"]).refused(2, "file-unreadable");
    assert_eq!(home.json(&["ls", "--all"]), serde_json::json!([]));
    assert_eq!(home.place().at("web").branches(), ["main"]);
}

#[test]
fn a_name_a_beginning_and_a_bare_id_all_mean_the_run() {
    let home = Home::new();
    home.repo();
    let one = home.ended("one", &["write a a", "say done"], &["--name", "amber"]);
    let two = home.ended("two", &["write a a", "say done"], &["--name", "beryl"]);
    let id = text_of(&one, "id");
    for text in [id.as_str(), id.strip_prefix("run_").unwrap(), &id[..10], "amber"] {
        assert_eq!(home.json(&["show", text])["id"], id.as_str(), "{text}");
    }
    let error = home.skep(&["--json", "show", "run_"]).error(2);
    assert!(
        error.to_string().contains(&id) && error.to_string().contains(&text_of(&two, "id")),
        "{error}"
    );
    assert!(home.skep(&["path", "amber"]).ok().trim() == text_of(&one, "worktree"));
    assert_eq!(home.skep(&["sh", "amber", "--", "cat", "a"]).ok(), "a\n");
    assert_eq!(home.skep(&["sh", "amber", "--", "sh", "-c", "exit 7"]).code, 7);
}

#[test]
fn waiting_answers_by_its_exit_code() {
    let home = Home::new();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let held = text_of(&home.run("held", &[&wait, "write a a", "say done"], &[]), "id");
    let failed = text_of(&home.run("fails", &["say no", "result failed no"], &["-d"]), "id");
    home.skep(&["--json", "wait", &held, "--timeout", "100ms"]).refused(3, "wait-timeout");
    home.skep(&["wait", &held, "--for", "running"]).ok();
    home.skep(&["wait", &failed]).with(4);
    home.skep(&["wait", "--any", &held, &failed]).with(4);
    home.skep(&["--json", "wait", &held, "--for", "sleeping"]).refused(2, "state-unknown");
    fs::write(&go, "").unwrap();
    home.skep(&["wait", &held]).ok();
    home.skep(&["wait", &held, &failed]).with(4);
}

#[test]
fn nothing_that_others_wrote_reaches_the_terminal_raw() {
    let home = Home::new();
    home.repo();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2Jhi\u{202e}\u{9b}31m";
    let title = format!("fix {evil}");
    let steps = [
        format!("say {evil}"),
        format!("stderr {evil}"),
        format!("write a {evil}"),
        format!("result failed {evil}"),
    ];
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let prompt = home.script("evil", &steps);
    let run = home.skep(&["--json", "run", &title, "--prompt-file", &prompt, "-d"]).json(0);
    let id = text_of(&run, "id");
    home.wait(&id, "ended");
    let task = text_of(&home.json(&["task", "add", &title, "--ref", evil]), "id");
    let calls: [&[&str]; 9] = [
        &["ls"],
        &["show", &id],
        &["why", &id],
        &["logs", &id],
        &["wait", &id],
        &["status"],
        &["events"],
        &["task", "ls"],
        &["task", "show", &task],
    ];
    for args in calls {
        let said = home.skep(args);
        for text in [&said.stdout, &said.stderr] {
            assert!(
                !text.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}']),
                "{args:?}: {text:?}"
            );
        }
    }
    // Programs get it whole, as JSON spells it.
    assert_eq!(home.listed(&id)["title"], title.as_str());
}

#[test]
fn the_views_have_the_fields_that_scripts_rely_on() {
    let home = Home::new();
    home.repo();
    let run = home.run("go", &["write a a", "commit a", "usage 10 20 0.5", "say done"], &["-d"]);
    let id = text_of(&run, "id");
    home.wait(&id, "ended");
    let fields = [
        "id",
        "name",
        "kind",
        "task",
        "title",
        "project",
        "by",
        "agent",
        "model",
        "account",
        "surface",
        "permissions",
        "state",
        "waiting_for",
        "outcome",
        "reason",
        "since",
        "attempt",
        "env_type",
        "env_state",
        "env",
        "worktree",
        "cwd",
        "branch",
        "target",
        "base",
        "git",
        "session",
        "pid",
        "gatekeeper",
        "exit",
        "last",
        "change",
        "questions",
        "usage",
        "host",
    ];
    let show = home.json(&["show", &id]);
    for view in [&run, &show, &home.json(&["ls"])[0]] {
        for field in fields {
            assert!(view.get(field).is_some(), "`{field}` is missing: {view}");
        }
    }
    assert_eq!(
        (&show["kind"], &show["by"], &show["host"]),
        (&"code".into(), &"person".into(), &"local".into())
    );
    assert_eq!((&show["surface"], &show["env_state"]), (&"headless".into(), &"held".into()));
    assert_eq!(
        show["usage"],
        serde_json::json!({"input_tokens": 10, "output_tokens": 20, "cached_tokens": 0,
            "cache_write_tokens": 0, "cost_usd": 0.5})
    );
    assert_eq!(show["exit"]["code"], 0);
    assert_eq!(show["exit"]["signal"], Value::Null);
    assert_eq!(show["last"]["text"], "done");
    for field in
        ["head", "dirty", "unpushed", "ahead", "behind", "files", "insertions", "deletions", "at"]
    {
        assert!(show["git"].get(field).is_some(), "`git.{field}` is missing: {show}");
    }
    assert_eq!((&show["git"]["ahead"], &show["git"]["dirty"]), (&1.into(), &false.into()));
    let since = text_of(&show, "since");
    assert!(since.len() == 24 && since.ends_with('Z') && since.contains('.'), "{since}");
    let several = home.json(&["run", "a", "b", "-d"]);
    assert_eq!(several.as_array().map(Vec::len), Some(2));
    for run in several.as_array().unwrap() {
        home.wait(&text_of(run, "id"), "ended");
    }
}

#[test]
fn a_dry_run_makes_nothing() {
    let home = Home::new();
    let repo = home.repo();
    let before = traces(&repo);
    let briefs = home.json(&["run", "go", "--dry-run"]);
    assert_eq!(briefs[0]["title"], "go", "{briefs}");
    assert_eq!(home.json(&["ls", "--all"]), serde_json::json!([]));
    assert_eq!(home.json(&["project", "ls"]), serde_json::json!([]));
    assert_eq!(traces(&repo), before);
}

#[test]
fn following_shows_what_the_agent_says_until_its_end_and_answers_by_the_outcome() {
    let home = Home::new();
    let repo = home.repo();
    let works =
        home.script("works", &["say the first word", "write a a", "commit a", "say the last word"]);
    let said = home.skep(&["run", "works", "--prompt-file", &works, "-f"]);
    assert_eq!(said.code, 0, "{said:?}");
    let (first, last) = (said.stdout.find("the first word"), said.stdout.find("the last word"));
    assert!(first.is_some() && first < last, "{said:?}");
    let fails = home.script("fails", &["say I cannot", "result failed no idea"]);
    let said = home.skep(&["run", "fails", "--prompt-file", &fails, "-f"]);
    assert_eq!(said.code, 4, "{said:?}");
    // A daemon that is killed meanwhile cuts no word off.
    let go = home.at("go");
    let held = home.run(
        "held",
        &["say before", &format!("wait-for {}", go.display()), "say after", "write b b"],
        &[],
    );
    let id = text_of(&held, "id");
    let daemon = home.daemon();
    let said = std::thread::scope(|scope| {
        let follow = scope.spawn(|| home.skep(&["logs", &id, "-f"]));
        home.kill_daemon();
        fs::write(&go, "").unwrap();
        follow.join().unwrap()
    });
    // Whoever follows may have needed no daemon after all.
    home.skep(&["daemon", "start"]).ok();
    assert_ne!(home.daemon(), daemon);
    assert!(said.stdout.contains("before") && said.stdout.contains("after"), "{said:?}");
    assert_eq!(repo.status(), "");
}

#[test]
fn of_several_titles_one_that_is_refused_names_those_that_were_begun() {
    let home = Home::new();
    home.repo();
    let task = text_of(&home.json(&["task", "add", "Add a greeting"]), "id");
    let prompt = home.script("held", &["hang"]);
    let holder = text_of(&home.json(&["run", &task, "--prompt-file", &prompt]), "id");
    let error = home
        .skep(&["--json", "run", "other", &task, "--prompt-file", &prompt])
        .refused(1, "task-held");
    let runs = home.json(&["ls"]);
    let other = runs.as_array().unwrap().iter().find(|run| run["id"] != holder.as_str()).unwrap();
    assert!(error["hints"].to_string().contains(&text_of(other, "id")), "{error}");
}

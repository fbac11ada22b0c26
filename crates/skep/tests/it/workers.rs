//! Named workers: their names, whose place is taken, what a spawn that fails leaves, and how one is addressed.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;
use skep_testkit::Repo;

use crate::home::{Home, Said, eventually, text_of};

mod windows;

/// What stands in `field` of each of these runs.
fn all(runs: &Value, field: &str) -> BTreeSet<String> {
    runs.as_array().unwrap().iter().map(|run| text_of(run, field)).collect()
}

/// Refs, worktrees and envs: what a spawn may leave.
fn traces(home: &Home, repo: &Repo<'_>) -> (String, String, Vec<PathBuf>) {
    let envs = fs::read_dir(home.root().join("env")).map_or_else(
        |_| Vec::new(),
        |entries| entries.map(|entry| entry.unwrap().path()).collect(),
    );
    let list = repo.git(&["worktree", "list", "--porcelain"]);
    // Where the repository's snapshots hang is not a run's.
    let worktrees = list
        .lines()
        .filter(|line| line.starts_with("worktree ") && !line.ends_with("/skep-snapshots"));
    (repo.git(&["for-each-ref"]), worktrees.collect(), envs)
}

/// Makes a file that may be executed.
fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// An agent that is a shell script; it is not spoken with.
fn shell_agent(home: &Home, name: &str, script: &str) {
    let script = home.write(format!("tmp/{name}.sh"), script);
    home.write(
        format!("c/agents/{name}.toml"),
        &format!(
            "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{script}\"]\nprompt = \"none\"\nwrites = [\"{}\"]\n",
            home.at("seen").display()
        ),
    );
    fs::create_dir_all(home.at("seen")).unwrap();
}

#[test]
fn twenty_at_once_in_one_project_get_twenty_names_envs_and_branches() {
    let home = Home::with_limits("runs = 20\nper_project = 20");
    let repo = home.repo();
    home.json(&["project", "add", "."]);
    let prompt = home.script("many", &["write a a", "commit a", "say done"]);
    let args = ["--json", "run", "many", "--prompt-file", &prompt, "-d"];
    let said: Vec<Said> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..20).map(|_| scope.spawn(|| home.skep(&args))).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    let ids: Vec<String> = said.into_iter().map(|said| text_of(&said.json(0), "id")).collect();
    let mut wait = vec!["wait", "--timeout", "55s"];
    wait.extend(ids.iter().map(String::as_str));
    let runs = home.json(&wait);
    for field in ["id", "name", "env", "worktree", "branch"] {
        assert_eq!(all(&runs, field).len(), 20, "{field}: {runs}");
    }
    assert!(runs.as_array().unwrap().iter().all(|run| run["outcome"] == "completed"), "{runs}");
    assert_eq!(repo.branches().len(), 21);
    let theme = skep_core::names::theme_for("web", &BTreeSet::new());
    assert_eq!(all(&runs, "name"), theme.names().take(20).map(str::to_owned).collect());
}

#[test]
fn a_project_that_has_as_many_workers_as_it_may_refuses_one_more_and_says_what_to_do() {
    let home = Home::with_limits("runs = 1");
    home.repo();
    let prompt = home.script("held", &["hang"]);
    let said =
        home.skep(&["--json", "run", "held", "--prompt-file", &prompt, "--count", "26", "-d"]);
    let error = said.refused(2, "workers-full");
    let hints = error["hints"].to_string();
    assert!(hints.contains("skep close") && hints.contains("limits.workers"), "{error}");
    assert!(hints.contains("begun already"), "{error}");
    assert_eq!(all(&home.json(&["ls"]), "name").len(), 25);
    // A name that is given by hand does not lead round the limit of another project.
    let other = home.place().repo("api");
    home.skep_in(other.path(), &["--json", "run", "held", "--prompt-file", &prompt, "-d"]).json(0);
}

#[test]
fn the_names_of_a_project_are_a_theme_or_a_list_and_the_numbers_behind_it_never_come_back() {
    let home = Home::with_limits("runs = 1");
    let repo = home.repo();
    home.json(&["project", "add", "."]);
    let prompt = home.script("held", &["hang"]);
    let begin = || home.json(&["run", "held", "--prompt-file", &prompt, "-d"]);
    let end = |run: &Value| {
        home.skep(&["kill", &text_of(run, "id")]).ok();
        home.skep(&["close", &text_of(run, "id"), "--keep-branch"]).ok();
    };
    repo.write(".skep/project.toml", "names = \"minerals\"\n");
    repo.commit("settings");
    let first = begin();
    let minerals = skep_core::names::theme("minerals").unwrap();
    assert_eq!(Some(text_of(&first, "name").as_str()), minerals.names().next());
    // One's own settings win over the repository's, here with a list.
    home.write("c/projects/web.toml", "names = [\"ann\", \"ben\", \"cid\", \"dot\"]\n");
    let listed: Vec<Value> = (0..5).map(|_| begin()).collect();
    let names: Vec<String> = listed.iter().map(|run| text_of(run, "name")).collect();
    assert_eq!(names, ["ann", "ben", "cid", "dot", "web-5"]);
    end(&listed[4]);
    assert_eq!(begin()["name"], "web-6", "a number is given once");
    end(&listed[1]);
    assert_eq!(begin()["name"], "ben", "a name is given again");
    home.kill_daemon();
    assert_eq!(begin()["name"], "web-7", "the count outlives the daemon");
    for (slug, names, told) in [
        ("theme-unknown", "\"mineral\"", "there are minerals,"),
        ("names-invalid", "[\"ann\", \"ben\", \"cid\"]", "4"),
        ("names-invalid", "[\"ann\", \"ben\", \"cid\", \"coder\"]", "coder"),
        ("names-invalid", "[\"ann\", \"ben\", \"cid\", \"ann\"]", "twice"),
    ] {
        home.write("c/projects/web.toml", &format!("names = {names}\n"));
        let error = home.skep(&["--json", "run", "x", "--prompt-file", &prompt]).refused(2, slug);
        assert!(text_of(&error, "message").contains(told), "{names}: {error}");
    }
}

#[test]
fn no_worker_and_no_project_is_called_by_a_word_of_skeps_own() {
    let home = Home::new();
    let repo = home.repo();
    for word in ["coder", "stop", "reviewer", "all"] {
        home.skep(&["--json", "run", "x", "--name", word]).refused(2, "name-reserved");
        home.skep(&["--json", "project", "add", ".", "--name", word]).refused(2, "name-reserved");
    }
    assert_eq!(repo.branches(), ["main"]);
    assert_eq!(home.json(&["ls", "--all"]), serde_json::json!([]));
    // A repository whose folder is called so gets a name beside it.
    let config = home.place().repo("config");
    let project = home.skep_in(config.path(), &["--json", "project", "add", "."]).json(0);
    assert!(text_of(&project, "name").starts_with("config-"), "{project}");
}

#[test]
fn a_spawn_that_fails_at_any_step_leaves_no_env_branch_worktree_assignment_or_name() {
    let home = Home::new();
    let repo = home.repo();
    let prompt = home.script("work", &["write a a", "commit a", "say done"]);
    let broken = home.at("tmp/broken");
    executable(&broken, "#!/no/such/interpreter\n");
    let profile =
        format!("protocol = \"plain\"\nprogram = \"{}\"\nprompt = \"none\"\n", broken.display());
    home.write("c/agents/broken.toml", &profile);
    shell_agent(&home, "brief", "exit 3\n");
    repo.write(".gitattributes", "*.art filter=art\n");
    repo.write("a.art", "x\n");
    repo.commit("a file that a filter checks out");
    let own = "c/projects/web.toml";
    home.json(&["project", "add", "."]);
    let task = text_of(&home.json(&["task", "add", "Add a greeting"]), "id");
    let settings = fs::read_to_string(home.at("c/config.toml")).unwrap();
    let blocked = home.write("tmp/blocked", "a file where envs should be");
    let before = traces(&home, &repo);
    type Break<'a> = Box<dyn Fn() + 'a>;
    let steps: [(&str, &str, &str, Break<'_>); 5] = [
        (
            "env",
            "prepare",
            "scripted",
            Box::new(|| {
                let root = format!("{settings}[env]\nroot = \"{blocked}\"\n");
                home.write("c/config.toml", &root);
            }),
        ),
        (
            "checkout",
            "prepare",
            "scripted",
            Box::new(|| {
                repo.git(&["config", "filter.art.smudge", "false"]);
                repo.git(&["config", "filter.art.required", "true"]);
            }),
        ),
        (
            "set-up",
            "set-up",
            "scripted",
            Box::new(|| {
                home.write(own, "[setup]\nrun = \"touch half; exit 1\"\n");
            }),
        ),
        ("program", "start", "broken", Box::new(|| {})),
        ("health", "start", "brief", Box::new(|| {})),
    ];
    for (step, reason, agent, break_it) in steps {
        break_it();
        let args = [
            "--json",
            "run",
            &task,
            "--name",
            "amber",
            "--agent",
            agent,
            "--prompt-file",
            &prompt,
            "--yes",
        ];
        let said = home.skep(&args);
        // A fault of the place is tried again before it counts.
        assert!(said.code == if reason == "prepare" { 0 } else { 4 }, "{step}: {said:?}");
        let begun: Value = serde_json::from_str(&said.stdout).unwrap();
        let run = home.wait(&text_of(&begun, "id"), "ended");
        assert_eq!(
            (&run["outcome"], &run["reason"]),
            (&"failed".into(), &reason.into()),
            "{step}: {run}"
        );
        home.write("c/config.toml", &settings);
        repo.try_git(&["config", "--remove-section", "filter.art"]);
        let _absent = fs::remove_file(home.at(own));
        let id = text_of(&run, "id");
        if step == "health" {
            // It ran, and what it may have left is a person's to give up.
            home.skep(&["close", &id]).ok();
        }
        eventually("what was made is taken back", || home.listed(&id)["env_state"] != "held");
        eventually(&format!("nothing is left of {step}"), || traces(&home, &repo) == before);
        assert_eq!(home.listed(&id)["session"]["tmux"], Value::Null);
        assert_eq!(home.json(&["task", "show", &task])["state"], "failed", "{step}");
        home.no_agents();
    }
    // Task and name are free: the next one gets both.
    let run = home.json(&["run", &task, "--name", "amber", "--prompt-file", &prompt]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!((&run["outcome"], &run["name"]), (&"completed".into(), &"amber".into()));
}

#[test]
fn what_is_refused_is_refused_before_anything_exists() {
    let home = Home::new();
    let repo = home.repo();
    let prompt = home.script("work", &["write a a", "commit a", "say done"]);
    let task = text_of(&home.json(&["task", "add", "Add a greeting"]), "id");
    let run = home.json(&["run", &task, "--prompt-file", &prompt, "-d"]);
    assert_eq!(home.wait(&text_of(&run, "id"), "ended")["outcome"], "completed");
    let before = (traces(&home, &repo), home.json(&["ls", "--all"]));
    let runs = || fs::read_dir(home.root().join("runs")).unwrap().count();
    let folders = runs();
    let refused = |args: &[&str], slug: &str| {
        home.skep(&[&["--json", "run"], args].concat()).refused(2, slug);
    };
    refused(&[&task], "task-completed");
    refused(&["task_zzzzzzzzzz"], "task-unknown");
    refused(&["x", "--base", "nowhere"], "no-such-ref");
    refused(&["x", "--surface", "terminal"], "agent-unable");
    assert_eq!((traces(&home, &repo), home.json(&["ls", "--all"])), before);
    assert_eq!(runs(), folders);
}

#[test]
fn by_force_another_takes_a_tasks_place_only_when_nothing_of_the_first_lives() {
    let home = Home::new();
    home.repo();
    // Long enough for the second to begin meanwhile, if it did not wait.
    home.skep(&["config", "set", "time.grace", "3s"]).ok();
    let (pids, both) = (home.at("seen/pids"), home.at("seen/both"));
    let first = format!(
        "trap '' TERM\necho draft > draft\nsetsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' &\n\
         echo $! > {0}.part\necho $$ >> {0}.part\nmv {0}.part {0}\nwhile :; do sleep 1; done\n",
        pids.display()
    );
    shell_agent(&home, "first", &first);
    let second = format!(
        "for pid in $(cat {0}); do test -e /proc/$pid && echo $pid >> {1}; done\n\
         echo x > hello\ngit add hello\ngit commit -qm hello\nsleep 1\n",
        pids.display(),
        both.display()
    );
    shell_agent(&home, "second", &second);
    let task = text_of(&home.json(&["task", "add", "Add a greeting"]), "id");
    let first = home.json(&["run", &task, "--agent", "first"]);
    let (id, worktree) = (text_of(&first, "id"), PathBuf::from(text_of(&first, "worktree")));
    eventually("the first is at work", || pids.exists());
    home.skep(&["--json", "run", &task, "--agent", "second"]).refused(1, "task-held");
    let second = home.json(&["run", &task, "--agent", "second", "--force"]);
    let second = home.wait(&text_of(&second, "id"), "ended");
    assert!(!both.exists(), "they lived side by side: {:?}", fs::read_to_string(&both));
    assert_eq!(second["outcome"], "completed", "{second}");
    let old = home.listed(&id);
    assert_eq!(
        (&old["outcome"], &old["reason"], &old["env_state"]),
        (&"stopped".into(), &"superseded".into(), &"held".into()),
        "{old}"
    );
    assert_eq!(fs::read_to_string(worktree.join("draft")).unwrap(), "draft\n");
    assert_ne!(old["env"], second["env"]);
    assert_ne!(old["name"], second["name"]);
    let task = home.json(&["task", "show", &task]);
    assert_eq!((&task["state"], &task["run"]), (&"completed".into(), &second["id"]), "{task}");
}

#[test]
fn a_name_whose_holder_has_ended_is_given_again_with_a_new_env_that_was_set_up() {
    let home = Home::new();
    let repo = home.repo();
    repo.write(".skep/project.toml", "[setup]\nrun = \"touch was-set-up\"\n");
    repo.write(".gitignore", "was-set-up\n");
    repo.commit("set-up");
    let task = text_of(&home.json(&["task", "add", "Add a greeting"]), "id");
    let prompt = home.script("first", &["usage 7 7", "write a a", "commit a", "say the old words"]);
    let first =
        home.json(&["run", &task, "--prompt-file", &prompt, "--name", "amber", "--yes", "-d"]);
    let first = home.wait(&text_of(&first, "id"), "ended");
    let again = home.run("again", &["hang"], &["--name", "amber"]);
    assert_eq!((&again["name"], &again["state"]), (&"amber".into(), &"running".into()), "{again}");
    assert!(Path::new(&text_of(&again, "worktree")).join("was-set-up").exists());
    let old = home.listed(&text_of(&first, "id"));
    assert_eq!(old["env_state"], "closed", "{old}");
    assert!(!Path::new(&text_of(&first, "env")).exists());
    let branch = text_of(&first, "branch");
    assert_eq!(repo.git(&["show", &format!("{branch}:a")]), "a", "its work stays on its branch");
    assert_eq!(home.json(&["show", "amber"])["id"], again["id"], "the name means who holds it");
    // Nothing of the last holder is the new one's.
    assert_eq!((&again["task"], &again["attempt"]), (&Value::Null, &1.into()));
    assert_ne!(again["session"]["agent"], first["session"]["agent"]);
    assert_eq!(again["usage"]["input_tokens"], 0);
    assert_ne!(again["last"]["text"], first["last"]["text"]);
    let told = home.root().join("runs").join(text_of(&again, "id")).join("prompt.md");
    assert!(!fs::read_to_string(told).unwrap().contains("the old words"));
    let vars = fs::read(format!("/proc/{}/environ", again["pid"])).unwrap();
    assert!(!String::from_utf8_lossy(&vars).contains("SKEP_TASK="));
    assert_eq!(home.json(&["task", "show", &task])["run"], first["id"]);
    assert_eq!(home.json(&["snapshot", "ls", &text_of(&again, "id")]), serde_json::json!([]));
}

#[test]
fn a_name_whose_holder_left_work_that_no_commit_has_is_given_again_only_by_force() {
    let home = Home::new();
    let repo = home.repo();
    let first = home.ended("first", &["write draft x", "say done"], &["--name", "amber", "-d"]);
    let (id, env) = (text_of(&first, "id"), PathBuf::from(text_of(&first, "env")));
    let draft = PathBuf::from(text_of(&first, "worktree")).join("draft");
    let prompt = home.script("again", &["hang"]);
    let args = ["--json", "run", "again", "--prompt-file", &prompt, "--name", "amber"];
    eventually("what it left is kept", || {
        !home.json(&["snapshot", "ls", &id]).as_array().unwrap().is_empty()
    });
    let before = traces(&home, &repo);
    let error = home.skep(&args).error(1);
    assert!(text_of(&error, "message").contains(&id), "{error}");
    assert!(error["hints"].to_string().contains("--force"), "{error}");
    assert!(draft.exists());
    assert_eq!(traces(&home, &repo), before);
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1);
    let again = home.skep(&[&args[..], &["--force"]].concat()).json(0);
    assert_eq!((&again["name"], &again["state"]), (&"amber".into(), &"running".into()), "{again}");
    eventually("the env is gone", || !env.exists());
    let kept = home.json(&["snapshot", "ls", &id]);
    let snapshot = text_of(&kept[0], "id");
    let to = home.at("back");
    home.skep(&["restore", &snapshot, "--to", to.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(to.join("draft")).unwrap(), "x\n");
}

#[test]
fn a_worker_at_work_is_given_nothing_else_without_force_and_the_same_again_is_nothing() {
    let home = Home::new();
    let repo = home.repo();
    let prompt = home.script("held", &["write draft x", "hang"]);
    let task = |title: &str| text_of(&home.json(&["task", "add", title]), "id");
    let (one, other) = (task("Add a greeting"), task("Add a farewell"));
    let args = |what: &str| {
        ["--json", "run", what, "--prompt-file", &prompt, "--name", "amber"].map(str::to_owned)
    };
    let ask = |what: &str, more: &[&str]| {
        let args = args(what);
        let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
        home.skep(&args)
    };
    let first = ask(&one, &[]).json(0);
    let (id, draft) =
        (text_of(&first, "id"), PathBuf::from(text_of(&first, "worktree")).join("draft"));
    eventually("it has begun", || draft.exists());
    let before = (traces(&home, &repo), home.events().len());
    for what in [other.as_str(), "something else"] {
        let error = ask(what, &[]).refused(2, "name-taken");
        assert!(text_of(&error, "message").contains(&id), "{error}");
        assert!(error["hints"].to_string().contains("--force"), "{error}");
    }
    // The same task by the same worker: it is at it, and that is the answer.
    let again = ask(&one, &[]);
    assert!(again.stdout.contains(&id), "{again:?}");
    assert_eq!(again.code, 0);
    assert_eq!((traces(&home, &repo), home.events().len()), before, "nothing was begun");
    let forced = ask(&other, &["--force"]).json(0);
    assert_eq!((&forced["name"], &forced["task"]), (&"amber".into(), &other.as_str().into()));
    assert_eq!(home.wait(&id, "ended")["outcome"], "stopped");
    let snapshots = || home.json(&["snapshot", "ls", &id]);
    eventually("its work is kept", || snapshots()[0]["id"].is_string());
    let kept = snapshots();
    let to = home.at("back");
    home.skep(&["restore", &text_of(&kept[0], "id"), "--to", to.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(to.join("draft")).unwrap(), "x\n", "its work is kept");
}

#[test]
fn a_worker_is_addressed_by_project_and_name_by_its_session_and_by_name_where_that_means_one() {
    let home = Home::new();
    let web = home.repo();
    let api = home.place().repo("api");
    let one = home.run("one", &["write a a", "hang"], &["--name", "amber"]);
    let prompt = home.script("two", &["hang"]);
    let args = ["--json", "run", "two", "--prompt-file", &prompt, "--name", "amber"];
    let two = home.skep_in(api.path(), &args).json(0);
    let (one, two) = (text_of(&one, "id"), text_of(&two, "id"));
    for (text, id) in [
        ("web/amber", &one),
        ("api/amber", &two),
        ("skep_web_amber_", &one),
        ("skep_api_amber_", &two),
    ] {
        assert_eq!(home.json(&["show", text])["id"], id.as_str(), "{text}");
        assert_eq!(home.json(&["wait", text, "--for", "running"])[0]["id"], id.as_str(), "{text}");
        assert!(home.skep(&["path", text]).ok().contains("amber"), "{text}");
    }
    let error = home.skep(&["--json", "stop", "amber"]).refused(2, "run-ambiguous");
    let message = text_of(&error, "message");
    assert!(message.contains("web/amber") && message.contains("api/amber"), "{error}");
    assert_eq!(
        (&home.listed(&one)["state"], &home.listed(&two)["state"]),
        (&"running".into(), &"running".into())
    );
    let list = home.skep(&["ls"]).ok();
    assert!(list.contains("web/amber") && list.contains("api/amber"), "{list}");
    home.skep(&["--json", "show", "web/beryl"]).refused(2, "run-unknown");
    // Where only one holds the name, the name is enough.
    home.skep(&["kill", "api/amber"]).ok();
    home.skep(&["close", "skep_api_amber_", "--keep-branch"]).ok();
    assert_eq!(home.json(&["show", "amber"])["id"], one.as_str());
    assert_eq!(web.status(), "");
}

//! Agents: which one a run gets and how, accounts, and the verbs that show and try them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::home::{Home, text_of};

/// An agent that is a shell script; it writes its arguments and its environment into a file of its own and commits.
fn agent(home: &Home, name: &str) {
    let out = home.at(format!("seen/{name}.said"));
    fs::create_dir_all(home.at("seen")).unwrap();
    let script = format!(
        "echo \"$@\" > {0}.part; env >> {0}.part; mv {0}.part {0}; date +%N > made; git add made; git commit -qm made\n",
        out.display()
    );
    let script = home.write(format!("tmp/{name}.sh"), &script);
    let profile = format!(
        "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{script}\"]\nprompt = \"none\"\n\
         model = [\"--model\", \"{{model}}\"]\nbypass = [\"--all\"]\nenv = [\"TOOL_HOME\", \"TOOL_KEY\"]\n\
         login_files = [\"{{TOOL_HOME|~/.tool}}/login\"]\nwrites = [\"{seen}\"]\n",
        seen = home.at("seen").display()
    );
    home.write(format!("c/agents/{name}.toml"), &profile);
}

/// What the agent was started with: its arguments, and its environment.
fn said(home: &Home, name: &str) -> (String, BTreeMap<String, String>) {
    let text = fs::read_to_string(home.at(format!("seen/{name}.said"))).unwrap();
    let (args, vars) = text.split_once('\n').unwrap();
    let pairs = vars.lines().filter_map(|line| line.split_once('='));
    (args.to_owned(), pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

fn folder(home: &Home, name: &str) -> String {
    let path = home.at(name);
    fs::create_dir_all(&path).unwrap();
    path.to_str().unwrap().to_owned()
}

fn add(home: &Home, file: &str, text: &str) {
    let path = home.at(file);
    let before = fs::read_to_string(&path).unwrap_or_default();
    home.write(file, &format!("{before}\n{text}\n"));
}

/// All that a run leaves, and that a refusal must not: events, branches, folders.
fn traces(home: &Home, repo: &skep_testkit::Repo<'_>) -> (usize, String, Vec<PathBuf>) {
    let list = |dir: &Path| {
        let entries = fs::read_dir(dir).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>()
    };
    let folders = [list(&home.root().join("env")), list(&home.root().join("runs"))].concat();
    (home.events().len(), repo.git(&["for-each-ref"]), folders)
}

#[test]
fn an_account_wins_over_the_askers_own_variable_for_every_attempt_of_its_run() {
    let home = Home::new();
    home.repo();
    agent(&home, "tool");
    let (work, own) = (folder(&home, "home/.tool-work"), folder(&home, "own"));
    add(
        &home,
        "c/config.toml",
        "[accounts.work]\nagent = \"tool\"\nenv = { TOOL_HOME = \"~/.tool-work\" }\n",
    );
    let run = |more: &[&str]| {
        let args = [&["--json", "run", "do it", "--agent", "tool"], more].concat();
        let vars = [("TOOL_HOME", own.as_str()), ("TOOL_KEY", "k")];
        let run = home.skep_with(&home.at("web"), &vars, &args).json(0);
        home.wait(&text_of(&run, "id"), "ended")
    };
    let usual = run(&[]);
    assert_eq!(usual["account"], Value::Null);
    assert_eq!(said(&home, "tool").1["TOOL_HOME"], own);
    let at_work = run(&["--account", "work"]);
    assert_eq!(at_work["account"], "work", "{at_work}");
    let (_, vars) = said(&home, "tool");
    assert_eq!((&vars["TOOL_HOME"], vars["TOOL_KEY"].as_str()), (&work, "k"));
    // What it was at its beginning it stays, whatever the settings and the asker say later.
    fs::remove_file(home.at("seen/tool.said")).unwrap();
    home.skep(&["config", "set", "accounts.work.env.TOOL_HOME", &own]).ok();
    home.skep(&["retry", &text_of(&at_work, "id")]).ok();
    home.wait(&text_of(&at_work, "id"), "ended");
    assert_eq!(said(&home, "tool").1["TOOL_HOME"], work);
    assert!(home.skep(&["show", &text_of(&at_work, "id")]).ok().contains("work"), "it is shown");
}

#[test]
fn what_is_asked_wins_over_the_task_the_project_ones_own_settings_and_the_profile() {
    let home = Home::new();
    let repo = home.repo();
    agent(&home, "tool");
    agent(&home, "other");
    let folders: BTreeMap<&str, String> =
        ["flag", "task", "here", "mine"].map(|name| (name, folder(&home, name))).into();
    for (name, path) in &folders {
        let account =
            format!("[accounts.{name}]\nagent = \"tool\"\nenv = {{ TOOL_HOME = \"{path}\" }}");
        add(&home, "c/config.toml", &account);
    }
    home.json(&["project", "add", "."]);
    let task = text_of(
        &home.json(&[
            "task",
            "add",
            "do it",
            "--agent",
            "tool",
            "--model",
            "task",
            "--account",
            "task",
        ]),
        "id",
    );
    let vars = [("HERE", "h"), ("MINE", "m"), ("FLAG", "f"), ("NOT", "n")];
    let run = |args: &[&str], agent: &str| {
        let args = [&["--json", "run"], args, &["--force"]].concat();
        let run = home.skep_with(repo.path(), &vars, &args).json(0);
        let ended = home.wait(&text_of(&run, "id"), "ended");
        assert_eq!(ended["outcome"], "completed", "{ended}");
        let (args, env) = said(&home, agent);
        let dir =
            env.get("TOOL_HOME").and_then(|dir| dir.rsplit('/').next()).unwrap_or("-").to_owned();
        let passed = ["FLAG", "HERE", "MINE", "NOT"].iter().filter(|name| env.contains_key(**name));
        let passed: Vec<&str> = passed.copied().collect();
        format!("{args} | {dir} | {}", passed.join(","))
    };
    let tool = |more: &[&str]| run(&[&["it", "--agent", "tool"], more].concat(), "tool");
    assert_eq!(tool(&[]), " | - | ", "the profile's own");
    add(
        &home,
        "c/config.toml",
        "[agents.tool]\nmodel = \"mine\"\npermissions = \"bypass\"\nargs = [\"-m\"]\nenv = [\"MINE\"]\naccount = \"mine\"",
    );
    assert_eq!(tool(&[]), "--all --model mine -m | mine | MINE");
    assert_eq!(run(&["it", "--agent", "other"], "other"), " | - | ", "one agent's is no other's");
    repo.write(
        ".skep/project.toml",
        "agent = \"tool\"\n[agents.tool]\nmodel = \"shared\"\nenv = [\"HERE\"]\n",
    );
    repo.commit("settings");
    assert_eq!(run(&["it"], "tool"), "--all --model shared -m | mine | HERE,MINE");
    home.write(
        "c/projects/web.toml",
        "[agents.tool]\nmodel = \"here\"\nargs = [\"-h\", \"two words\"]\naccount = \"here\"\npermissions = \"auto\"\n",
    );
    assert_eq!(tool(&[]), "--model here -h two words | here | HERE,MINE");
    assert_eq!(run(&[&task], "tool"), "--model task -h two words | task | HERE,MINE");
    let task = text_of(
        &home.json(&[
            "task",
            "add",
            "more",
            "--agent",
            "tool",
            "--model",
            "task",
            "--account",
            "task",
        ]),
        "id",
    );
    let flags = [
        "--model",
        "flag",
        "--account",
        "flag",
        "--arg=-f",
        "--arg",
        "{x}",
        "--env",
        "FLAG",
        "--permissions",
        "bypass",
    ];
    assert_eq!(
        run(&[&[task.as_str()], &flags[..]].concat(), "tool"),
        "--all --model flag -f {x} | flag | FLAG,HERE,MINE"
    );
    // A task's model and account are its agent's, not another's.
    let task = text_of(
        &home.json(&[
            "task",
            "add",
            "other",
            "--agent",
            "tool",
            "--model",
            "task",
            "--account",
            "task",
        ]),
        "id",
    );
    assert_eq!(run(&[&task, "--agent", "other"], "other"), " | - | HERE".replace("HERE", ""));
}

#[test]
fn what_no_agent_can_be_is_refused_before_anything_exists() {
    let home = Home::new();
    let repo = home.repo();
    agent(&home, "tool");
    agent(&home, "kin");
    home.write(
        "c/agents/mute.toml",
        "protocol = \"plain\"\nprogram = \"/bin/true\"\nprompt = \"none\"\n",
    );
    home.json(&["project", "add", "."]);
    let gone = home.at("gone");
    let accounts = format!(
        "[accounts.gone]\nagent = \"tool\"\nenv = {{ TOOL_HOME = \"{}\" }}\n\
         [accounts.lost]\nagent = \"nobody\"\nenv = {{ TOOL_HOME = \"/\" }}\n\
         [accounts.root]\nagent = \"tool\"\nenv = {{ TOOL_HOME = \"/\" }}",
        gone.display()
    );
    add(&home, "c/config.toml", &accounts);
    let settings = fs::read_to_string(home.at("c/config.toml")).unwrap();
    let before = traces(&home, &repo);
    let refused = |more: &[&str], slug: &str| {
        let error = home.skep(&[&["--json", "run", "it"], more].concat()).refused(2, slug);
        assert!(
            !error["hints"].as_array().unwrap().is_empty() || slug.ends_with("unsafe"),
            "{error}"
        );
        assert_eq!(traces(&home, &repo), before, "{more:?}");
    };
    for (more, slug) in [
        (&["--agent", "tol"][..], "agent-unknown"),
        (&["--agent", "mute", "--model", "m"], "agent-unable"),
        (&["--agent", "mute", "--permissions", "ask"], "agent-unable"),
        (&["--agent", "plain"], "agent-unable"),
        (&["--agent", "tool", "--model=-x"], "agent-argument-unsafe"),
        (&["--agent", "tool", "--model", "a b"], "agent-argument-unsafe"),
        (&["--agent", "tool", "--arg", "a\nb"], "agent-argument-unsafe"),
        (&["--agent", "tool", "--account", "wrk"], "account-unknown"),
        (&["--agent", "tool", "--account", "gone"], "account-folder"),
        (&["--agent", "tool", "--account", "lost"], "agent-unknown"),
        (&["--agent", "mute", "--account", "root"], "account-agent"),
    ] {
        refused(more, slug);
    }
    // Who keeps the login in the same place shares the account; the rest of the request is what is wrong here.
    refused(&["--agent", "kin", "--account", "root", "--model=-x"], "agent-argument-unsafe");
    // The same where the settings say it, for all projects and for this one, and where a task would.
    for (key, value, slug) in [
        ("account", "\"wrk\"", "account-unknown"),
        ("account", "\"gone\"", "account-folder"),
        ("model", "\"-x\"", "agent-argument-unsafe"),
        ("permissions", "\"ask\"", "agent-unable"),
        ("args", "[\"\\u0000\"]", "agent-argument-unsafe"),
    ] {
        let set = format!("[agents.tool]\n{key} = {value}\n");
        home.write("c/projects/web.toml", &set);
        refused(&["--agent", "tool"], slug);
        home.write("c/projects/web.toml", "");
        home.write("c/config.toml", &format!("{settings}\n{set}"));
        refused(&["--agent", "tool"], slug);
        home.write("c/config.toml", &settings);
    }
    for (more, slug) in [
        (&["--agent", "tol"][..], "agent-unknown"),
        (&["--agent", "tool", "--model=-x"], "agent-argument-unsafe"),
        (&["--agent", "tool", "--account", "wrk"], "account-unknown"),
        (&["--agent", "mute", "--account", "root"], "account-agent"),
        (&["--model", "m"], "usage"),
    ] {
        home.skep(&[&["--json", "task", "add", "it"], more].concat()).refused(2, slug);
        assert_eq!(traces(&home, &repo), before, "{more:?}");
    }
    assert_eq!(home.json(&["ls", "--all"]), json!([]));
}

#[test]
fn agents_are_listed_and_shown_without_a_daemon_with_who_says_what() {
    let home = Home::new();
    agent(&home, "tool");
    let work = folder(&home, "work");
    let settings = format!(
        "[accounts.work]\nagent = \"tool\"\nenv = {{ TOOL_HOME = \"{work}\" }}\n[agents.tool]\nmodel = \"mine\"\n"
    );
    add(&home, "c/config.toml", &settings);
    home.write("c/agents/codex.toml", "program = \"/bin/true\"\n");
    home.write("work/login", "logged in\n");
    let list = home.json(&["agent", "ls"]);
    let one = |name: &str| {
        let found = list.as_array().unwrap().iter().find(|agent| agent["name"] == name);
        found.unwrap_or_else(|| panic!("{name}: {list}")).clone()
    };
    let tool = one("tool");
    assert_eq!(
        tool["accounts"][0],
        json!({"name": "work", "folders": {"TOOL_HOME": work}, "logged_in": true})
    );
    assert_eq!(
        (&tool["logged_in"], &tool["model"], &tool["ask"]),
        (&false.into(), &true.into(), &false.into())
    );
    assert_eq!(
        (&one("codex")["program"], &one("codex")["resume"]),
        (&"/bin/true".into(), &true.into())
    );
    assert_eq!(one("claude")["program"], Value::Null);
    assert_eq!(
        (&one("scripted")["chosen"], &one("plain")["program"]),
        (&true.into(), &Value::Null)
    );
    let screen = home.skep(&["agent", "ls"]).ok();
    assert!(screen.contains("* scripted") && screen.contains("agents/plain.toml"), "{screen}");

    let tool = home.json(&["agent", "show", "tool"]);
    assert_eq!(tool["adds"]["--model"], json!(["--model", "{model}"]), "{tool}");
    assert_eq!(tool["starts"]["headless"][0], "/bin/sh");
    assert_eq!(tool["settings"][0]["key"], "agents.tool.model");
    let codex = home.json(&["agent", "show", "codex"]);
    let from = |key: &str| {
        let keys = codex["keys"].as_array().unwrap();
        text_of(keys.iter().find(|row| row["key"] == key).unwrap(), "from")
    };
    assert!(from("program").ends_with("c/agents/codex.toml"));
    assert_eq!(from("prompt"), "shipped");
    home.skep(&["--json", "agent", "show", "codx"]).refused(2, "agent-unknown");
    assert!(!home.root().join("ledger.db").exists(), "nobody started a daemon");
}

#[test]
fn an_agent_is_tried_in_a_home_of_its_own_and_nothing_of_it_stays() {
    let home = Home::new();
    let seen = home.json(&["agent", "test", "scripted", "--yes"]);
    let scenes = seen["scenes"].as_array().unwrap();
    let results: BTreeMap<String, String> =
        scenes.iter().map(|one| (text_of(one, "scene"), text_of(one, "result"))).collect();
    let expected = [
        ("commit", "works"),
        ("usage", "works"),
        ("cancel", "works"),
        ("resume", "works"),
        ("permission", "has none"),
        ("question", "has none"),
    ];
    assert_eq!(results, expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into(), "{seen}");
    assert_eq!(seen["left"], 0);
    assert_eq!(home.alive(), [], "nothing of it lives");
    assert_eq!(fs::read_dir(home.at("tmp")).unwrap().count(), 0, "its folder is gone");
    assert!(!home.root().join("ledger.db").exists(), "the person's own home is as it was");
}

#[test]
fn an_agent_that_does_not_do_what_it_is_asked_fails_its_scenes_and_says_why() {
    let home = Home::new();
    let script = home.write("tmp2/lazy.sh", "cat > /dev/null; echo I did it all; sleep 1\n");
    let profile = format!(
        "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{script}\"]\nprompt = \"stdin\"\n"
    );
    home.write("c/agents/lazy.toml", &profile);
    let said = home.skep(&["--json", "agent", "test", "lazy", "--yes"]);
    let seen = said.json(1);
    let of = |scene: &str| {
        let found = seen["scenes"].as_array().unwrap().iter().find(|one| one["scene"] == scene);
        (text_of(found.unwrap(), "result"), text_of(found.unwrap(), "why"))
    };
    let (result, why) = of("commit");
    assert!(
        result == "fails" && why.contains("no commit") && why.contains("I did it all"),
        "{why}"
    );
    assert_eq!(of("usage").0, "has none");
    assert!(of("cancel").0 == "fails" && of("cancel").1.contains("did not begin"), "{seen}");
    assert_eq!(of("resume").0, "has none");
    assert_eq!(of("permission").0, "has none");
    // Nobody is made to pay without being asked.
    let refused = home.skep(&["--json", "agent", "test", "lazy"]).refused(1, "agent-test-cost");
    assert!(text_of(&refused, "message").contains("2 short turns of lazy"), "{refused}");
    home.skep(&["--json", "agent", "test", "claude", "--yes"]).refused(2, "agent-missing");
}

/// Makes a program that says what the agent of a transcript said to each line that it got, and works before it asks no more.
fn replayed(home: &Home, transcript: &str) -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../skep-harness/fixtures").join(transcript);
    let mut said: Vec<String> = Vec::new();
    for line in fs::read_to_string(path).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["dir"] == "->" {
            said.push(String::new());
        } else {
            said.last_mut().unwrap().push_str(&format!("{}\n", row["msg"]));
        }
    }
    let last = said.len();
    for (nth, text) in said.iter().enumerate() {
        home.write(format!("replay/{}", nth + 1), text);
    }
    let script = format!(
        "#!/bin/sh\nnth=0\nwhile read -r line; do nth=$((nth + 1))\n\
         if [ $nth = {last} ]; then echo work > out.txt; git add out.txt; git commit -qm work; fi\n\
         cat {}/$nth; done\n",
        home.at("replay").display()
    );
    let program = home.write("bin/vibe-acp", &script);
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    program
}

#[test]
fn a_new_agent_is_one_file_and_a_recorded_transcript() {
    let home = Home::new();
    home.repo();
    let program = replayed(&home, "acp/vibe-basic.jsonl");
    home.write(
        "c/agents/vibe.toml",
        &format!("protocol = \"acp\"\nprogram = \"{program}\"\nprompt = \"stdin\"\n"),
    );
    let run = home.json(&["run", "Write a file and commit it", "--agent", "vibe", "-d"]);
    let run = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!((&run["outcome"], &run["agent"]), (&"completed".into(), &"vibe".into()), "{run}");
    assert_eq!(run["session"]["agent"], "f5f4d3ec-7b6b-0ea6-0478-db3146667e60");
    assert_eq!(
        (&run["usage"]["input_tokens"], &run["usage"]["output_tokens"]),
        (&2200.into(), &70.into())
    );
    let logs = home.skep(&["logs", &text_of(&run, "id")]).ok();
    assert!(logs.contains("I will write the file") && logs.contains("All done."), "{logs}");
    let shown = home.json(&["agent", "show", "vibe"]);
    assert_eq!((&shown["agent"]["resume"], &shown["agent"]["hear"]), (&true.into(), &true.into()));
}

//! What runs share of which there is only so much: each has a value of its own, and whoever has none waits.

use std::{collections::BTreeSet, fs, net::TcpListener};

use rustix::process::Signal;
use serde_json::Value;

use crate::home::{Home, eventually, kill, pid_of, text_of};

/// An agent that writes down where it was started with what, and stays until `seen/go` is there.
fn server(home: &Home) {
    fs::create_dir(home.at("seen")).unwrap();
    let seen = home.at("seen").display().to_string();
    let script = format!(
        "cat > /dev/null\nprintf '%s %s %s' \"$PORT\" \"$GPU\" \"$DATABASE_URL\" > {seen}/$SKEP_NAME.new\n\
         mv {seen}/$SKEP_NAME.new {seen}/$SKEP_NAME\n\
         while [ ! -e {seen}/go ]; do sleep 0.05; done\necho $PORT > made; git add made; git commit -qm made\n"
    );
    let script = home.write("tmp/server.sh", &script);
    let profile = format!(
        "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{script}\"]\nprompt = \"stdin\"\nwrites = [\"{seen}\"]\n"
    );
    home.write("c/agents/server.toml", &profile);
}

/// Three ports in a row on which nothing listens.
fn three_ports() -> u16 {
    let found = (0..200).find_map(|_| {
        let first = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listens = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        (first < 65_000 && listens(first + 1) && listens(first + 2)).then_some(first)
    });
    found.expect("a machine has three free ports in a row")
}

fn ports(first: u16) -> String {
    format!("[[resource]]\nname = \"port\"\nenv = \"PORT\"\nrange = \"{first}-{}\"\n", first + 2)
}

fn begin(home: &Home, dir: &str, name: &str) -> Value {
    let args = ["--json", "run", name, "--name", name, "--agent", "server", "--yes", "-d"];
    home.skep_in(&home.at(dir), &args).json(0)
}

/// What the agent of this name was started with: its port, its slot, its database.
fn started_with(home: &Home, name: &str) -> [String; 3] {
    let file = home.at("seen").join(name);
    eventually("the agent has started", || file.exists());
    let text = fs::read_to_string(file).unwrap();
    let mut words = text.split(' ').map(str::to_owned);
    std::array::from_fn(|_| words.next().unwrap())
}

fn holds(home: &Home, id: &str) -> Vec<String> {
    let view = home.json(&["show", id]);
    view["leases"].as_array().unwrap().iter().map(|lease| text_of(lease, "value")).collect()
}

#[test]
fn five_runs_share_three_ports_and_each_has_one_of_its_own_in_set_up_hook_agent_and_shell() {
    let home = Home::new();
    home.repo();
    server(&home);
    let first = three_ports();
    let scripts = "[setup]\nrun = \"printf $PORT > set-up\"\n[hooks]\nworktree_created = \"printf $PORT > hooked\"\n";
    home.write("c/projects/web.toml", &(ports(first) + scripts));
    let names = ["amber", "beryl", "coral", "drav", "ebony"];
    let runs = names.map(|name| begin(&home, "web", name));
    let ids = runs.each_ref().map(|run| text_of(run, "id"));
    let mut had = BTreeSet::new();
    for nth in 0..3 {
        let [port, ..] = started_with(&home, names[nth]);
        let view = home.wait(&ids[nth], "running");
        let lease = &view["leases"][0];
        assert_eq!((&lease["resource"], &lease["env"]), (&"port".into(), &"PORT".into()), "{view}");
        assert_eq!(lease["value"], port.as_str());
        let in_env = |file: &str| fs::read_to_string(text_of(&view, "worktree") + file).unwrap();
        assert_eq!((in_env("/set-up"), in_env("/hooked")), (port.clone(), port.clone()));
        let shell = home.skep(&["sh", names[nth], "--", "printenv", "PORT"]).ok();
        assert_eq!(shell.trim(), port);
        had.insert(port);
    }
    let all: BTreeSet<String> = (first..first + 3).map(|port| port.to_string()).collect();
    assert_eq!(had, all, "three runs, three ports");
    // Those that have none say what they wait for and who has it.
    let words = format!("port {first}-{}: all 3 are held by amber, beryl, coral", first + 2);
    let last = home.listed(&ids[4]);
    assert_eq!(
        (&last["state"], &last["held"]),
        (&"queued".into(), &words.as_str().into()),
        "{last}"
    );
    let why = home.skep(&["why", "ebony"]).ok();
    assert!(why.contains(&words), "{why}");
    assert!(home.skep(&["show", "amber"]).ok().contains("in PORT"));
    let status = home.skep(&["daemon", "status"]).ok();
    assert!(status.contains(&format!("resource {words}; 2 runs wait")), "{status}");
    assert!(home.skep(&["doctor"]).with(0).contains(&words));
    // What is given back goes to the first in line.
    let [freed, ..] = started_with(&home, "beryl");
    home.skep(&["stop", "beryl"]).ok();
    assert_eq!(started_with(&home, "drav")[0], freed);
    assert_eq!(holds(&home, &ids[1]), [""; 0], "who has ended holds nothing");
    assert_eq!(home.listed(&ids[4])["state"], "queued");
    home.write("seen/go", "");
    for id in ids {
        home.wait(&id, "ended");
        assert_eq!(holds(&home, &id), [""; 0]);
    }
    home.no_agents();
}

#[test]
fn two_projects_share_what_is_the_machines_and_each_has_what_is_its_own() {
    let home = Home::new();
    home.repo();
    home.place().repo("api");
    server(&home);
    let own = "[[resource]]\nname = \"gpu\"\nenv = \"GPU\"\nslots = 1\nkinds = [\"code\"]\n\
               [[resource]]\nname = \"db\"\nenv = \"DATABASE_URL\"\nvalues = [\"postgres://localhost/a\"]\nscope = \"project\"\n";
    home.write("c/projects/web.toml", own);
    home.write("c/projects/api.toml", own);
    begin(&home, "web", "amber");
    assert_eq!(started_with(&home, "amber"), ["", "0", "postgres://localhost/a"]);
    let other = text_of(&begin(&home, "api", "beryl"), "id");
    let held = text_of(&home.listed(&other), "held");
    assert_eq!(held, "gpu (1 slot): 1 is held by amber", "its own database is free");
    // A change of the settings changes nothing that is held or asked for.
    home.write("c/projects/web.toml", &own.replace("slots = 1", "slots = 2"));
    begin(&home, "web", "coral");
    assert_eq!(text_of(&home.listed(&other), "held"), "gpu (1 slot): 1 is held by amber");
    home.skep(&["stop", "amber"]).ok();
    assert_eq!(started_with(&home, "beryl"), ["", "0", "postgres://localhost/a"]);
    assert_eq!(started_with(&home, "coral"), ["", "1", "postgres://localhost/a"]);
    home.skep(&["stop", "--all"]).ok();
    home.no_agents();
}

#[test]
fn a_value_stays_with_its_run_while_daemon_and_guards_are_killed_and_is_free_at_its_end() {
    let home = Home::new();
    home.repo();
    server(&home);
    home.write("c/projects/web.toml", "[[resource]]\nname = \"gpu\"\nenv = \"GPU\"\nslots = 1\n");
    let amber = text_of(&begin(&home, "web", "amber"), "id");
    started_with(&home, "amber");
    let beryl = text_of(&begin(&home, "web", "beryl"), "id");
    home.kill_daemon();
    assert_eq!(holds(&home, &amber), ["0"], "the next daemon knows it");
    assert_eq!(text_of(&home.listed(&beryl), "held"), "gpu (1 slot): 1 is held by amber");
    // A death is tried again by itself, with what it had.
    let keeper = pid_of(&home.wait(&amber, "running"), "gatekeeper");
    fs::remove_file(home.at("seen/amber")).unwrap();
    kill(keeper, Signal::KILL);
    assert_eq!(started_with(&home, "amber")[1], "0");
    assert_eq!(home.wait(&amber, "running")["attempt"], 2);
    assert_eq!(home.listed(&beryl)["state"], "queued");
    home.skep(&["stop", "--now", "amber"]).ok();
    assert_eq!(started_with(&home, "beryl")[1], "0");
    // A guest has its own, and its owner's are given back by then.
    home.write("c/projects/web.toml", "[[resource]]\nname = \"gpu\"\nenv = \"GPU\"\nslots = 2\n");
    let guest = [
        "--json", "run", "look", "--manual", "--in", "amber", "--name", "guest", "--agent",
        "server", "-d",
    ];
    home.skep(&guest).json(0);
    assert_eq!(started_with(&home, "guest")[1], "1");
    home.skep(&["stop", "--all"]).ok();
    home.no_agents();
}

#[test]
fn a_port_that_something_else_listens_on_is_left_out_at_a_start_and_at_a_resume() {
    let home = Home::new();
    home.repo();
    server(&home);
    let first = three_ports();
    let theirs = TcpListener::bind(("127.0.0.1", first)).unwrap();
    home.write("c/projects/web.toml", &ports(first));
    let amber = text_of(&begin(&home, "web", "amber"), "id");
    assert_eq!(started_with(&home, "amber")[0], (first + 1).to_string());
    let kinds = home.kinds(&amber);
    assert!(kinds.iter().any(|kind| kind == "leases_in_use"), "{kinds:?}");
    home.skep(&["stop", "amber"]).ok();
    home.wait(&amber, "ended");
    fs::remove_file(home.at("seen/amber")).unwrap();
    let more = TcpListener::bind(("127.0.0.1", first + 1)).unwrap();
    home.skep(&["resume", "amber"]).ok();
    assert_eq!(started_with(&home, "amber")[0], (first + 2).to_string(), "another one at a resume");
    let beryl = text_of(&begin(&home, "web", "beryl"), "id");
    eventually("it was looked at", || home.kinds(&beryl).iter().any(|kind| kind == "created"));
    let held = text_of(&home.listed(&beryl), "held");
    let words = format!(
        "port {first}-{}: 1 is held by amber; 2 are in use by what skep did not start",
        first + 2
    );
    assert!(held.starts_with(&words), "{held}");
    drop((theirs, more));
    home.skep(&["stop", "--all"]).ok();
    home.no_agents();
}

#[test]
fn a_resource_that_cannot_be_is_refused_before_anything_is_made() {
    let home = Home::new();
    let repo = home.repo();
    let refused = |lines: &str, slug: &str, words: &str| {
        home.write("c/projects/web.toml", &format!("[[resource]]\nname = \"it\"\n{lines}\n"));
        let error = home.skep(&["--json", "run", "try it", "--agent", "scripted"]).refused(2, slug);
        let said = error.to_string();
        assert!(said.contains(words) && !said.contains("hunter2"), "{said}");
    };
    refused("env = \"SKEP_RUN\"\nslots = 1", "env-protected", "SKEP_RUN");
    refused("env = \"LD_LIBRARY_PATH\"\nslots = 1", "resource-env", "LD_LIBRARY_PATH");
    refused("env = \"HTTPS_PROXY\"\nslots = 1", "resource-env", "HTTPS_PROXY");
    refused(
        "env = \"A\"\nvalues = [\"postgres://me:hunter2@localhost/a\"]",
        "resource-secret",
        "it",
    );
    refused("env = \"A\"\nvalues = [\"cmd:pass show db\"]", "resource-secret", "it");
    refused("env = \"A\"\nrange = \"9-3\"", "config-value", "resource[0].range");
    refused("env = \"A\"\nslots = 1\ncount = 2", "config-value", "of which there are at least");
    refused(
        "env = \"A\"\nslots = 1\n[[resource]]\nname = \"more\"\nenv = \"A\"\nslots = 1",
        "config-value",
        "of its own",
    );
    home.write(
        "c/projects/web.toml",
        "env = [\"A\"]\n[[resource]]\nname = \"it\"\nenv = \"A\"\nslots = 1\n",
    );
    home.skep(&["--json", "run", "try it", "--agent", "scripted"]).refused(2, "resource-env");
    // A repository says how many there are, and never what text stands in an agent's environment.
    home.write("c/projects/web.toml", "");
    let shared = "[[resource]]\nname = \"it\"\nenv = \"A\"\nvalues = [\"a\"]\n";
    repo.write(".skep/project.toml", shared);
    repo.commit("share it");
    let error = home
        .skep(&["--json", "run", "try it", "--agent", "scripted"])
        .refused(2, "config-not-shared");
    assert!(error.to_string().contains("resource[0].values"), "{error}");
    assert!(
        !home.root().join("env").exists()
            || home.root().join("env").read_dir().unwrap().next().is_none()
    );
    assert_eq!(home.json(&["ls", "--all"]), Value::Array(Vec::new()));
}

//! Limits, as a person meets them: of a provider, of slots, of the disk; and what a run's life leaves alone.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::home::{Home, eventually, text_of};

/// An agent whose login is closed for two hours unless its folder holds a file `open`; it writes down by which one it was asked.
const TOOL: &str = r#"#!/bin/sh
[ "$1" = --version ] && { echo tool 1.0.0; exit; }
read -r prompt
basename "$TOOL_HOME" >> "$(dirname "$TOOL_HOME")/asked"
if [ -e "$TOOL_HOME/open" ]; then
  echo done > done; git add -A; git commit -qm done
  echo '{"kind":"said","text":"done"}'
  echo '{"kind":"turn_ended","result":"success","text":"done"}'
  exit 0
fi
for again in 1 2 3; do
  echo '{"kind":"retry","attempt":1,"text":"429"}'
  echo '{"kind":"limit","text":"the window is full","reset_ms":7200000}'
done
exit 1
"#;

/// A home with that agent and its accounts `work` and `spare`.
fn with_accounts(more: &str) -> Home {
    let home = Home::new();
    home.repo();
    let program = home.write("tool", TOOL);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    home.write(
        "c/agents/tool.toml",
        &format!(
            "protocol = \"scripted\"\nprogram = \"{program}\"\nprompt = \"stdin\"\nenv = [\"TOOL_HOME\"]\nwrites = [\"{}\"]\n",
            home.write("asked", "")
        ),
    );
    for name in ["work", "spare"] {
        let folder = home.at(name);
        fs::create_dir(&folder).unwrap();
        let account =
            format!("{{ agent = \"tool\", env = {{ TOOL_HOME = \"{}\" }} }}", folder.display());
        home.skep(&["config", "set", &format!("accounts.{name}"), &account]).ok();
    }
    home.skep(&["config", "set", "agents.tool.accounts", more]).ok();
    home
}

fn asked(home: &Home) -> Vec<String> {
    let told = fs::read_to_string(home.at("asked")).unwrap_or_default();
    told.lines().map(str::to_owned).collect()
}

fn count(home: &Home, id: &str, kind: &str) -> usize {
    home.kinds(id).iter().filter(|have| *have == kind).count()
}

#[test]
fn an_account_at_its_limit_is_left_for_the_next_and_where_none_is_free_no_agent_runs() {
    let home = with_accounts("[\"work\", \"spare\"]");
    let run = home.json(&["run", "mend", "--agent", "tool", "--name", "amber", "-d"]);
    let id = text_of(&run, "id");
    assert_eq!(run["account"], "work", "{run}");
    eventually("both are at their limit", || count(&home, &id, "limited") == 2);
    let waiting = home.wait(&id, "waiting");
    assert_eq!((&waiting["waiting_for"], &waiting["account"]), (&json!("limit"), &json!("spare")));
    assert_eq!((&waiting["attempt"], &waiting["env_state"]), (&json!(2), &json!("held")));
    let order: Vec<String> = home.kinds(&id);
    let at = |kind: &str| order.iter().position(|have| have == kind).unwrap();
    assert!(at("limited") < at("rotated"), "the reset is stored first: {order:?}");
    let told = fs::read_to_string(home.attempt(&id, 2).join("prompt.md")).unwrap();
    assert!(told.starts_with("mend") && told.contains("What was done before you"), "{told}");
    // Another run of that agent waits before anything of it is made, across deaths of the daemon.
    let next = home.json(&["run", "next", "--agent", "tool", "--name", "beryl", "-d"]);
    for _ in 0..3 {
        home.kill_daemon();
        let listed = home.listed(&text_of(&next, "id"));
        assert_eq!((&listed["state"], &listed["env_state"]), (&json!("queued"), &json!("none")));
        let held = text_of(&listed, "held");
        assert!(
            held.starts_with("tool (account work) is at its usage limit, which is reset at "),
            "{held}"
        );
        assert!(held.ends_with(&format!("{id} met it")), "{held}");
    }
    for (args, words) in [
        (["agent", "ls", ""], "tool (account spare) is at its usage limit, reset in 1h"),
        (["agent", "show", "tool"], "tool (account work) is at its usage limit, reset in 1h"),
        (["daemon", "status", ""], "tool (account work) is at its usage limit, reset in 1h"),
        (["show", "amber", ""], "tool (account spare) is reset at"),
        (["show", "beryl", ""], "tool (account work) is at its usage limit"),
        (["why", "beryl", ""], "tool (account work) is at its usage limit"),
    ] {
        let args: Vec<&str> = args.into_iter().filter(|arg| !arg.is_empty()).collect();
        let said = home.skep(&args).ok().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    home.no_agents();
    assert_eq!(asked(&home), ["work", "spare"], "each was asked once");
    // A person insists, is answered, and with that the account is open to others again.
    home.write("spare/open", "");
    home.skep(&["resume", "amber"]).ok();
    for id in [&id, &text_of(&next, "id")] {
        assert_eq!(home.wait(id, "ended")["outcome"], "completed");
    }
    assert_eq!(home.listed(&text_of(&next, "id"))["account"], "spare");
    assert_eq!(asked(&home), ["work", "spare", "spare", "spare"]);
}

#[test]
fn an_account_that_was_asked_for_by_name_is_the_only_one() {
    let home = with_accounts("[\"work\", \"spare\"]");
    home.write("work/open", "");
    let run = home.json(&["run", "mend", "--agent", "tool", "--account", "spare", "-d"]);
    home.wait(&text_of(&run, "id"), "waiting");
    assert_eq!(asked(&home), ["spare"]);
    // A list of accounts is checked like one of them.
    for (list, slug) in
        [("[\"work\", \"wrk\"]", "account-unknown"), ("[\"work\", \"work\"]", "config-value")]
    {
        let set = home.skep(&["--json", "config", "set", "agents.tool.accounts", list]);
        if slug == "config-value" {
            set.refused(2, slug);
        } else {
            set.ok();
            home.skep(&["--json", "run", "mend", "--agent", "tool"]).refused(2, slug);
        }
    }
}

/// The machine's worst day: an agent that meets its limit and repeats it, and a daemon that is killed all the while.
#[test]
fn a_limit_costs_one_turn_and_its_reset_one_more_whatever_dies_meanwhile() {
    let home = Home::new();
    home.repo();
    let steps = [
        "append turns one",
        "retry 429",
        "limit full | 6",
        "limit full | 6",
        "retry 429",
        "limit full | 6",
        "exit 1",
    ];
    let run = home.run("limited", &steps, &["--name", "amber", "-d"]);
    let id = text_of(&run, "id");
    home.wait(&id, "waiting");
    let mut kills = 0;
    while home.listed(&id)["state"] == "waiting" && kills < 40 {
        home.kill_daemon();
        kills += 1;
    }
    let ended = home.wait(&id, "ended");
    assert!(kills > 3, "{kills}");
    assert_eq!((&ended["attempt"], &ended["outcome"]), (&json!(2), &json!("completed")));
    let counted = ["limited", "requeued", "started"].map(|kind| count(&home, &id, kind));
    assert_eq!(counted, [1, 1, 2], "one redelivery");
}

#[test]
fn a_run_without_a_slot_is_queued_and_says_which_limit_it_meets() {
    for (limits, words) in [
        ("runs = 1", "limits.runs: 1 runs hold a slot"),
        ("per_project = 1", "limits.per_project: 1 runs of this project hold a slot"),
    ] {
        let home = Home::with_limits(limits);
        home.repo();
        let first = home.run("first", &["hang"], &["--name", "amber"]);
        let second = home.script("second", &["say done"]);
        let said = home.skep(&["run", "second", "--prompt-file", &second, "--name", "beryl"]);
        let said = said.with(0);
        assert!(said.contains("queued"), "{said}");
        let listed = home.json(&["ls"]);
        let beryl = listed.as_array().unwrap().iter().find(|run| run["name"] == "beryl").unwrap();
        assert_eq!((&beryl["state"], &beryl["held"]), (&json!("queued"), &json!(words)));
        assert_eq!(beryl["env_state"], "none", "nothing is made of it");
        for verb in ["show", "why"] {
            let said = home.skep(&[verb, "beryl"]).ok();
            assert!(said.contains(words), "{verb}: {said}");
        }
        // Whoever waits for a person gives its slot back.
        home.skep(&["stop", "amber"]).ok();
        home.wait(&text_of(&first, "id"), "ended");
        let beryl = text_of(beryl, "id");
        assert_eq!(home.wait(&beryl, "ended")["held"], Value::Null);
    }
}

#[test]
fn what_waits_for_a_person_or_a_limit_holds_no_slot() {
    for (steps, state) in [
        (["ask which one?", "say done", "say done"], "waiting"),
        (["limit full | 7200", "exit 1", "say done"], "waiting"),
    ] {
        let home = Home::with_limits("runs = 1");
        home.repo();
        let first = home.run("first", &steps, &["--name", "amber", "-d"]);
        home.wait(&text_of(&first, "id"), state);
        let second = home.script("second", &["write b b", "commit b", "say done"]);
        let agent =
            home.json(&["run", "second", "--prompt-file", &second, "--name", "beryl", "-d"]);
        if steps[0].starts_with("ask") {
            assert_eq!(home.wait(&text_of(&agent, "id"), "ended")["outcome"], "completed");
        } else {
            // Its own slot is free; what holds the second back is the limit of the agent that both have.
            let held = text_of(&home.listed(&text_of(&agent, "id")), "held");
            assert!(held.starts_with("scripted is at its usage limit"), "{held}");
            let why = home.skep(&["why", "beryl"]).ok();
            assert!(why.contains("0 of 1 taken"), "{why}");
        }
        home.skep(&["stop", "--all"]).ok();
    }
}

#[test]
fn too_many_workers_and_too_little_disk_are_refused_before_anything_is_made() {
    let home = Home::with_limits("workers = 1\nruns = 4");
    home.repo();
    home.run("first", &["hang"], &["--name", "amber"]);
    let before = home.json(&["ls", "--all"]).as_array().unwrap().len();
    home.skep(&["--json", "run", "second", "-d"]).refused(2, "workers-full");
    home.skep(&["config", "set", "limits.disk_free", "900000TB"]).ok();
    let error =
        home.skep(&["--json", "run", "third", "--name", "coral", "-d"]).refused(2, "disk-low");
    assert!(error.to_string().contains("limits.disk_free is 900000000000 MB"), "{error}");
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), before);
    home.skep(&["stop", "--all"]).ok();
}

/// No issue, forge or tracker hears of a run's life: whatever it ends as, nothing but the person's own task has moved.
#[test]
fn a_runs_life_asks_no_forge_and_changes_no_issue() {
    let home = Home::new();
    home.repo();
    let called = home.at("called");
    let tools = home.at("tools");
    fs::create_dir(&tools).unwrap();
    for name in ["gh", "glab", "tea", "jira", "linear", "curl"] {
        let program = home.write(
            tools.join(name),
            &format!("#!/bin/sh\necho \"{name} $*\" >> '{}'\nexit 1\n", called.display()),
        );
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", tools.display());
    let home = home.var("PATH", &path);
    let task = home.json(&[
        "task",
        "add",
        "Mend the roof",
        "--ref",
        "https://github.com/ada/web/issues/12",
    ]);
    let task = text_of(&task, "id");
    for steps in [["write a a", "exit 3", ""], ["write b b", "commit b", "say done"]] {
        let script = home.script("steps", &steps);
        let run = home.json(&["run", &task, "--prompt-file", &script, "-d"]);
        let id = text_of(&run, "id");
        home.wait(&id, "ended");
        if steps[1] == "commit b" {
            home.skep(&["land", &id]).ok();
        }
        home.skep(&["close", &id, "--force"]).ok();
    }
    let told = fs::read_to_string(&called).unwrap_or_default();
    let writes: Vec<&str> = told.lines().filter(|call| call.contains("issue")).collect();
    assert_eq!(writes, [] as [&str; 0], "{told}");
    let view = home.json(&["task", "show", &task]);
    assert_eq!(view["ref"], "https://github.com/ada/web/issues/12", "{view}");
}

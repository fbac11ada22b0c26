//! Secrets: what nobody listed reaches nothing, and what is referred to reaches the agent and nothing else.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    gatekeeper::warden_of,
    home::{Home, eventually, lives, pid_of, text_of},
};

/// Has no word of any language in it, so that it is found where it is and nowhere else.
const CANARY: &str = "Zq7vT2mXw9LkP4sRb8Nc3HfY6dJg1Ae5";
/// The beginnings of its two halves as base64.
const ENCODED: [&str; 2] = ["WnE3dlQybVh3OUxrUDRzUmI4TmMzSGZZNmRKZzFBZT", "M0hmWTZkSmcxQWU1"];

/// Whether half of `canary` stands in these bytes, or all of it as base64.
pub(super) fn tells(bytes: &[u8], canary: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (one, other) = canary.split_at(canary.len() / 2);
    let encoded = if canary == CANARY { &ENCODED[..] } else { &[] };
    text.contains(one) || text.contains(other) || encoded.iter().any(|part| text.contains(part))
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
}

/// Every file of the home's place that tells it.
pub(super) fn files_with(home: &Home, canary: &str) -> Vec<PathBuf> {
    let mut all = Vec::new();
    files(home.place().root(), &mut all);
    all.retain(|path| tells(&fs::read(path).unwrap_or_default(), canary));
    all
}

/// Every process of the home's place that has it in its arguments or its environment.
pub(super) fn processes_with(home: &Home, canary: &str) -> Vec<(u32, String)> {
    let has = |pid: u32| {
        ["cmdline", "environ"]
            .iter()
            .any(|file| tells(&fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default(), canary))
    };
    home.alive().into_iter().filter(|(pid, _)| has(*pid)).collect()
}

/// No process or file has it.
#[track_caller]
fn is_nowhere(home: &Home) {
    assert_eq!(processes_with(home, CANARY), []);
    assert_eq!(files_with(home, CANARY), Vec::<PathBuf>::new());
}

/// No line of anything that skep shows has it.
#[track_caller]
fn is_not_shown(home: &Home, id: &str) {
    for args in [
        &["show", id][..],
        &["why", id],
        &["ls", "--all"],
        &["logs", id],
        &["logs", id, "--raw"],
        &["--json", "show", id],
        &["--json", "events"],
        &["status"],
        &["config", "show"],
        &["doctor"],
    ] {
        let said = home.skep(args);
        let all = format!("{}{}", said.stdout, said.stderr);
        assert!(!tells(all.as_bytes(), CANARY), "{args:?}: {all}");
    }
}

/// Makes `sh` with this script the agent `prober`, which gets these variables by its profile.
fn prober(home: &Home, protocol: &str, script: &str, env: &str) {
    let path = home.write("scripts/prober.sh", script);
    let tui = if protocol == "pty" { format!("tui = [\"{path}\"]\n") } else { String::new() };
    let profile = format!(
        "protocol = \"{protocol}\"\nprogram = \"sh\"\nprompt = \"stdin\"\nenv = [{env}]\n\
         headless = [\"{path}\"]\nresume = [\"{path}\", \"{{session}}\"]\n{tui}"
    );
    home.write("c/agents/prober.toml", &profile);
}

/// The folder in memory that holds what is handed over.
fn held(home: &Home) -> PathBuf {
    skep_host::secrets::folder(&home.root()).unwrap()
}

#[test]
fn what_nobody_listed_reaches_no_process_file_or_line_of_a_run() {
    let home = Home::new()
        .var("CANARY_SECRET", CANARY)
        .var("AWS_SECRET_ACCESS_KEY", CANARY)
        .var("GITHUB_TOKEN", CANARY)
        .var("SSH_AUTH_SOCK", &format!("/tmp/{CANARY}"));
    let repo = home.repo();
    repo.write(".worktree-setup", "#!/bin/sh\nenv | sort; env > ../output/set-up\n");
    fs::set_permissions(repo.path().join(".worktree-setup"), fs::Permissions::from_mode(0o755))
        .unwrap();
    repo.commit("set-up");
    repo.write(".git/hooks/pre-commit", "#!/bin/sh\nenv > ../output/hook\n");
    let hook = repo.path().join(".git/hooks/pre-commit");
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    prober(
        &home,
        "scripted",
        "read -r prompt; env | sort; env > ../output/agent; echo '{\"kind\":\"session\",\"id\":\"s1\"}'\n\
         echo x >> file; git add -A; git commit -qm one\n\
         while [ ! -e ../output/go ]; do sleep 0.02; done\n\
         echo '{\"kind\":\"turn_ended\",\"result\":\"success\",\"text\":\"done\"}'\n",
        "",
    );
    let run = home.json(&["run", "Look around", "--agent", "prober", "--yes"]);
    let id = text_of(&run, "id");
    let env = PathBuf::from(text_of(&run, "env"));
    eventually("it has committed", || env.join("output/hook").exists());
    for seen in ["set-up", "agent", "hook"] {
        let text = fs::read_to_string(env.join("output").join(seen)).unwrap();
        assert!(text.contains("SKEP_RUN="), "{seen}: {text}");
    }
    is_nowhere(&home);
    home.kill_daemon();
    // The next daemon is begun by the same caller.
    is_nowhere(&home);
    home.write(env.join("output/go"), "");
    home.wait(&id, "ended");
    home.json(&["resume", &id]);
    home.wait(&id, "ended");
    is_nowhere(&home);
    is_not_shown(&home, &id);
    home.skep(&["land", &id]).ok();
    home.skep(&["close", &id]).ok();
    is_nowhere(&home);
}

/// Prints what it is given to keep quiet in every way that its protocol has.
const BLABBER: &str = r#"read -r prompt
one=$(printf %s "$CANARY" | cut -c1-16); two=$(printf %s "$CANARY" | cut -c17-)
printf %s "$CANARY" | sha256sum >> ../output/got
say() { printf '{"kind":"%s","text":"it is %s."}\n' "$1" "$2"; }
echo '{"kind":"session","id":"s1"}'; echo x >> file; git add -A; git commit -qm x
say said "$CANARY"; say thought "$CANARY"; say said "$one"; say said "$two"
printf '{"kind":"said","text":"torn %s' "$one"; sleep 0.2; printf '%s"}\n' "$two"
printf '{"kind":"said","text":"{\\"key\\": \\"%s\\"}"}\n' "$CANARY"
printf '{"kind":"tool","id":"t1","name":"sh %s","input":"echo %s"}\n' "$CANARY" "$CANARY"
printf '{"kind":"tool_result","id":"t1","ok":true,"text":"%s"}\n' "$(printf %s "$CANARY" | base64 -w0)"
printf '{"kind":"error","class":"notice","text":"key %s refused"}\n' "$CANARY"
echo "no protocol: $CANARY"; echo "$CANARY" >&2; printf %s "$one" >&2; sleep 0.1; echo "$two" >&2
while [ ! -e ../output/go ]; do sleep 0.02; done
printf '{"kind":"turn_ended","result":"success","text":"done with %s"}\n' "$CANARY"
"#;

/// Holds that of all processes only the agent and what it started have it.
#[track_caller]
fn only_the_agent_has_it(home: &Home, run: &Value) {
    let keeper = pid_of(run, "gatekeeper");
    let agent = pid_of(run, "pid");
    let found: Vec<u32> = processes_with(home, CANARY).into_iter().map(|(pid, _)| pid).collect();
    assert!(found.contains(&agent), "{found:?}");
    for (pid, who) in [(keeper, "keeper"), (warden_of(keeper), "warden"), (home.daemon(), "daemon")]
    {
        assert!(!found.contains(&pid), "{who}");
    }
    // One that is gone by now was a tool of it.
    let of_agent = |pid: &u32| {
        *pid == agent || skep_host::tree::ancestors(*pid).contains(&agent) || !lives(*pid)
    };
    assert!(found.iter().all(of_agent), "{found:?}");
}

#[test]
fn what_is_referred_to_is_in_the_agents_environment_and_nowhere_else_whatever_it_prints() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "secrets.CANARY", "env:MINE"]).ok();
    prober(&home, "scripted", BLABBER, "\"CANARY\"");
    let web = home.at("web");
    let mine = [("MINE", CANARY)];
    let run = home.skep_with(&web, &mine, &["--json", "run", "Blab", "--agent", "prober"]).json(0);
    let id = text_of(&run, "id");
    let env = PathBuf::from(text_of(&run, "env"));
    let run = home.listed(&id);
    only_the_agent_has_it(&home, &run);
    let folder = held(&home);
    assert!(folder.join(&id).exists(), "held in memory");
    home.kill_daemon();
    home.write(env.join("output/go"), "");
    let run = home.wait(&id, "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    // Handed over once, it is there for the next attempt too, whoever asks for it.
    home.json(&["resume", &id]);
    let run = home.wait(&id, "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    let got = fs::read_to_string(env.join("output/got")).unwrap();
    let digest = "  -\n";
    assert_eq!(got.matches(digest).count(), 2, "{got}");
    assert_eq!(got.lines().collect::<std::collections::BTreeSet<_>>().len(), 1, "{got}");
    assert!(!got.starts_with("e3b0c44298fc"), "of nothing: {got}");
    is_nowhere(&home);
    is_not_shown(&home, &id);
    let logs = home.skep(&["logs", &id]).ok();
    assert!(logs.contains("it is ‹secret CANARY›."), "{logs}");
    assert!(logs.contains("torn ‹secret CANARY›"), "{logs}");
    let shown = home.skep(&["show", &id]).ok();
    assert!(shown.contains("secrets   CANARY"), "{shown}");
    assert_eq!(home.json(&["show", &id])["secrets"][0], "CANARY");
    let config = home.skep(&["config", "show"]).ok();
    assert!(config.contains("env:MINE"), "{config}");
    home.skep(&["close", &id, "--force"]).ok();
    assert!(!folder.exists(), "let go with the env");
}

#[test]
fn a_key_that_a_profile_lists_is_a_secret_by_its_name() {
    let home = Home::new();
    home.repo();
    prober(&home, "scripted", &BLABBER.replace("CANARY", "MODEL_API_KEY"), "\"MODEL_API_KEY\"");
    let key = [("MODEL_API_KEY", CANARY)];
    let args = ["--json", "run", "Blab", "--agent", "prober"];
    let run = home.skep_with(&home.at("web"), &key, &args).json(0);
    let id = text_of(&run, "id");
    only_the_agent_has_it(&home, &home.listed(&id));
    home.write(PathBuf::from(text_of(&run, "env")).join("output/go"), "");
    home.wait(&id, "ended");
    is_nowhere(&home);
    let spec = fs::read_to_string(home.attempt(&id, 1).join("spec.json")).unwrap();
    assert!(spec.contains("env:MODEL_API_KEY"), "by reference: {spec}");
}

#[test]
fn a_terminal_and_its_title_show_no_secret() {
    let home = Home::new();
    home.repo();
    let config = fs::read_to_string(home.at("c/config.toml")).unwrap();
    home.write("c/config.toml", &format!("tmux = \"off\"\n{config}"));
    let script = "one=$(printf %s \"$CANARY\" | cut -c1-9); two=$(printf %s \"$CANARY\" | cut -c10-)\n\
        printf '\\033]0;%s\\007' \"$CANARY\"; echo \"it is $CANARY\"; printf %s \"torn $one\"; sleep 0.05; echo \"$two\"\n\
        echo over; while [ ! -e ../output/go ]; do sleep 0.02; done\n";
    prober(&home, "pty", script, "\"CANARY\"");
    home.skep(&["config", "set", "secrets.CANARY", "env:MINE"]).ok();
    let args = ["--json", "run", "Blab", "--agent", "prober", "--surface", "terminal"];
    let run = home.skep_with(&home.at("web"), &[("MINE", CANARY)], &args).json(0);
    let id = text_of(&run, "id");
    let log = home.attempt(&id, 1).join("tty.log");
    let shown = || String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    eventually("it has shown all", || shown().contains("over"));
    only_the_agent_has_it(&home, &home.listed(&id));
    assert!(shown().contains("it is ‹secret CANARY›"), "{}", shown());
    assert!(shown().contains("torn ‹secret CANARY›"), "{}", shown());
    home.write(PathBuf::from(text_of(&run, "env")).join("output/go"), "");
    home.wait(&id, "ended");
    is_nowhere(&home);
    is_not_shown(&home, &id);
}

#[test]
fn files_and_commands_are_followed_at_each_start_of_an_agent() {
    let home = Home::new();
    home.repo();
    let script = "read -r prompt; printf '%s %s\\n' \"$FROM_FILE\" \"$FROM_CMD\" >> ../output/got\n\
        echo '{\"kind\":\"session\",\"id\":\"s1\"}'; echo x >> file; git add -A; git commit -qm x\n\
        echo '{\"kind\":\"turn_ended\",\"result\":\"success\",\"text\":\"done\"}'\n";
    prober(&home, "scripted", script, "\"FROM_FILE\", \"FROM_CMD\"");
    home.write("home/.secrets/a", "first secret\n");
    home.skep(&["config", "set", "secrets.FROM_FILE", "file:~/.secrets/a"]).ok();
    home.skep(&["config", "set", "secrets.FROM_CMD", "cmd:printf %s 'of a \"command\"'"]).ok();
    let run = home.json(&["run", "Take", "--agent", "prober"]);
    let id = text_of(&run, "id");
    home.wait(&id, "ended");
    home.write("home/.secrets/a", "second secret\n");
    home.json(&["resume", &id]);
    home.wait(&id, "ended");
    let got = fs::read_to_string(PathBuf::from(text_of(&run, "env")).join("output/got")).unwrap();
    assert_eq!(got, "first secret of a \"command\"\nsecond secret of a \"command\"\n");
    assert!(!held(&home).exists(), "nothing was handed over");
    let doctor = home.skep(&["doctor"]).stdout;
    assert!(doctor.contains("2 references lead somewhere"), "{doctor}");

    fs::remove_file(home.at("home/.secrets/a")).unwrap();
    let doctor = home.skep(&["doctor"]).stdout;
    assert!(doctor.contains("FROM_FILE in"), "{doctor}");
    // What stands is not taken up without it, and what is asked for anew is refused before anything is made.
    home.skep(&["resume", &id]);
    let run = home.wait(&id, "ended");
    assert!(text_of(&run["last"], "text").contains("the secret `FROM_FILE` is not there"), "{run}");
    home.skep(&["--json", "run", "Again", "--agent", "prober"]).refused(2, "secret-absent");
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_is_handed_over_and_lost_is_asked_for_and_taken_anew() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "secrets.CANARY", "env:MINE"]).ok();
    let script = "read -r prompt; printf '%s\\n' \"$CANARY\" >> ../output/got\n\
        echo '{\"kind\":\"session\",\"id\":\"s1\"}'; echo x >> file; git add -A; git commit -qm x\n\
        echo '{\"kind\":\"turn_ended\",\"result\":\"success\",\"text\":\"done\"}'\n";
    prober(&home, "scripted", script, "\"CANARY\"");
    home.skep(&["--json", "run", "Take", "--agent", "prober"]).refused(2, "secret-absent");
    let web = home.at("web");
    let with = |value: &str, args: &[&str]| home.skep_with(&web, &[("MINE", value)], args);
    let run = with("first value", &["--json", "run", "Take", "--agent", "prober"]).json(0);
    let id = text_of(&run, "id");
    home.wait(&id, "ended");
    // As after a start of the machine.
    fs::remove_dir_all(held(&home)).unwrap();
    home.skep(&["resume", &id]);
    let run = home.wait(&id, "ended");
    assert!(text_of(&run["last"], "text").contains("MINE was handed over once"), "{run}");
    with("second value", &["resume", &id]).ok();
    home.wait(&id, "ended");
    let got = fs::read_to_string(PathBuf::from(text_of(&run, "env")).join("output/got")).unwrap();
    assert_eq!(got, "first value\nsecond value\n");
}

#[test]
fn identity_variables_cannot_be_set_by_hand() {
    let home = Home::new();
    let repo = home.repo();
    for name in ["HOME", "PATH", "USER", "SHELL", "TERM", "TMPDIR", "SKEP_RUN", "SKEP_SOCKET"] {
        let said = home.skep(&["--json", "run", "Be another", "--env", name]);
        let error = said.refused(2, "env-protected");
        assert!(error["message"].as_str().unwrap().contains(name), "{error}");
    }
    let refused = |what: &str| {
        let said = home.skep(&["--json", "run", "Be another"]);
        assert_eq!(said.refused(2, "env-protected")["exit"], 2, "{what}");
    };
    home.skep(&["config", "set", "agents.scripted.env", "[\"SKEP_RUN\"]"]).ok();
    refused("the settings");
    home.skep(&["config", "set", "agents.scripted.env", "[]"]).ok();
    repo.write(".skep/project.toml", "env = [\"PATH\"]\n");
    repo.commit("settings");
    refused("the repository");
    repo.write(".skep/project.toml", "");
    repo.commit("no settings");
    home.write("c/agents/scripted.toml", "env = [\"HOME\"]\n");
    refused("a profile");
    fs::remove_file(home.at("c/agents/scripted.toml")).unwrap();
    for (key, value) in [
        ("secrets.HOME", "file:/etc/hostname"),
        ("secrets.SKEP_RUN", "env:X"),
        ("accounts.work", "{ agent = \"codex\", env = { HOME = \"~/x\" } }"),
    ] {
        home.skep(&["--json", "config", "set", key, value]).refused(2, "config-value");
    }
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 0, "nothing was made");
    assert_eq!(repo.git(&["branch", "--list", "skep/*"]), "");
}

#[test]
fn a_repository_does_not_say_where_a_secret_comes_from() {
    let home = Home::new();
    let repo = home.repo();
    repo.write(".skep/project.toml", "[secrets]\nTOKEN = \"cmd:touch evil\"\n");
    repo.commit("settings");
    let error = home.skep(&["--json", "run", "Work"]).refused(2, "config-not-shared");
    assert!(error["message"].as_str().unwrap().contains("secrets"), "{error}");
    for value in ["ghp_0123456789", "file:relative", "cmd:", "cmd:it's", "https://x"] {
        home.skep(&["--json", "config", "set", "secrets.TOKEN", value]).refused(2, "config-value");
    }
}

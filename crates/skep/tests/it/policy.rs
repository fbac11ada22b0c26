//! Rules on what an agent may do: judged by its keeper, shown, tried out, replayed.

use std::{fs, os::unix::fs::PermissionsExt};

use skep_host::proc::Program;

use crate::home::{DEADLINE, Home, text_of};

/// Works off a script that asks leave, to its end; returns the run as it ended, and what its agent was answered.
fn judged(home: &Home, wishes: &str, more: &[&str]) -> (serde_json::Value, String) {
    let script =
        [&format!("permit {wishes}"), "write answer.txt {answer}", "commit it", "say done"];
    let run = home.run("ask first", &script, more);
    let ended = home.wait(&text_of(&run, "id"), "ended");
    let answer = home.place().at(text_of(&ended, "worktree")).git(&["show", "HEAD:answer.txt"]);
    (ended, answer)
}

#[test]
fn a_denied_command_is_refused_with_its_reason_and_the_run_goes_on() {
    let home = Home::new();
    home.repo();
    let wishes = "Bash: sh -c 'cd src; git push' | Bash: ls -la | Read: x";
    let (run, answer) = judged(&home, wishes, &["--name", "amber"]);
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!(
        answer,
        "Bash refused (skep brings work in: commit it and leave it on this branch (rule: command = \"git push\")), \
         Bash allowed, Read allowed"
    );
    let said = home.skep(&["logs", "amber"]).ok();
    assert!(said.contains("refused: skep brings work in") && said.contains("git push"), "{said}");
    let raw = home.skep(&["logs", "amber", "--raw"]).ok();
    assert_eq!(raw.matches("\"kind\":\"decided\"").count(), 3, "{raw}");

    // What it asked is judged again, by rules that are not in force.
    let rules = home.write("lax.toml", "shipped = false\n[[ask]]\ncommand = \"ls\"\n");
    let now = home.json(&["policy", "test", "--run", "amber"]);
    assert_eq!((&now[0]["was"], &now[0]["decision"]), (&"deny".into(), &"deny".into()), "{now}");
    let then = home.json(&["policy", "test", "--policy", &rules]);
    assert_eq!(
        (&then[0]["was"], &then[0]["decision"]),
        (&"deny".into(), &"allow".into()),
        "{then}"
    );
    assert_eq!((&then[1]["was"], &then[1]["decision"]), (&"allow".into(), &"ask".into()), "{then}");
    let shown = home.skep(&["policy", "test", "--policy", &rules]).ok();
    assert!(shown.contains("deny → allow") && shown.contains("allow → ask"), "{shown}");
}

#[test]
fn a_rule_for_a_posture_is_there_for_the_runs_of_that_posture() {
    let home = Home::new();
    home.repo();
    let rule = "[[deny]]\ncommand = \"make\"\nwhen = { posture = [\"consult\", \"cascade\"] }\n";
    home.write("c/policy.toml", rule);
    let (run, answer) = judged(&home, "Bash: make", &["--name", "amber", "--posture", "consult"]);
    assert_eq!((&run["posture"], &run["surface"]), (&"consult".into(), &"headless".into()));
    assert!(answer.starts_with("Bash refused"), "{answer}");
    assert!(home.skep(&["show", "amber"]).ok().contains("posture: consult"));
    let replayed = home.json(&["policy", "test", "--run", "amber"]);
    assert_eq!(replayed[0]["decision"], "deny", "judged again as what it is: {replayed}");
    let (run, answer) = judged(&home, "Bash: make", &["--name", "birch"]);
    assert_eq!((&run["posture"], answer.as_str()), (&"headless".into(), "Bash allowed"));
    let tried = |more: &[&str]| home.skep(&[&["policy", "test", "make"], more].concat()).code;
    assert_eq!((tried(&[]), tried(&["--posture", "cascade"])), (0, 1));
    assert!(home.skep(&["policy", "show"]).ok().contains("posture = [\"consult\", \"cascade\"]"));
    home.skep(&["--json", "run", "more", "--posture", "bold"]).refused(2, "usage");
}

#[test]
fn the_rules_are_those_of_the_person_the_project_and_the_base_commit() {
    let home = Home::new();
    let repo = home.repo();
    let shared = "[[deny]]\ncommand = \"make deploy\"\nwhy = \"not from here\"\n";
    repo.commit_file(".skep/policy.toml", shared);
    home.write("c/policy.toml", "[[allow]]\ncommand = \"ls\"\n");
    // What is not committed does not count.
    repo.write(".skep/policy.toml", "");
    let (_, answer) = judged(&home, "Bash: make deploy | Bash: ls", &["--permissions", "ask"]);
    assert_eq!(
        answer,
        "Bash refused (not from here (rule: command = \"make deploy\")), Bash allowed"
    );
}

#[test]
fn a_file_of_rules_that_says_nothing_or_widens_is_refused_with_its_line() {
    let home = Home::new();
    home.write("c/policy.toml", "[[deny]]\ncomand = \"git push\"\n");
    let wrong = home.skep(&["--json", "policy", "show"]).refused(2, "config-unknown-key");
    assert!(text_of(&wrong, "message").contains("policy.toml:2"), "{wrong}");
    home.write("c/policy.toml", "[[deny]]\nwhy = \"no\"\n");
    home.skep(&["--json", "policy", "test", "ls"]).refused(2, "config-value");
}

#[test]
fn a_repository_that_gives_leave_by_itself_starts_no_agent() {
    let home = Home::new();
    let repo = home.repo();
    repo.commit_file(".skep/policy.toml", "[[allow]]\ncommand = \"git push\"\n");
    let script = home.script("widen", &["say hello"]);
    let said = home.skep(&["run", "--prompt-file", &script]);
    assert_ne!(said.code, 0, "{said:?}");
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains("a repository gives no leave"), "{all}");
}

#[test]
fn a_command_is_tried_out_without_running_it() {
    let home = Home::new();
    home.repo();
    let said = home.skep(&["policy", "test", "touch ran && env A=1 git -C x push"]).with(1);
    assert!(said.starts_with("deny  touch ran") && said.contains("seen   git push"), "{said}");
    assert!(!home.at("web/ran").exists());
    assert_eq!(home.json(&["policy", "test", "ls"])[0]["decision"], "allow");
    let words = home.skep(&["--json", "policy", "test", "--", "git", "-C", "a b", "push"]).json(1);
    assert_eq!(words.as_array().unwrap().len(), 1, "words are one command: {words}");
    assert_eq!(words[0]["decision"], "deny", "{words}");
    let shown = home.skep(&["policy", "show"]).ok();
    assert!(shown.contains("command = \"git push\"") && shown.contains("shipped"), "{shown}");
}

/// Ways to have a command run, and whether only a simple one can stand in them; `@` is the command, `%` the command quoted.
const WAYS: &[(&str, bool)] = &[
    ("@", false),
    ("bash -c %", false),
    ("bash -ec %", false),
    ("eval %", false),
    ("( @ )", false),
    ("{ @; }", false),
    ("if true; then @; fi", false),
    ("for i in 1; do @; done", false),
    ("case a in (b) : ;; a) @ ;; esac", false),
    ("f() { @; }; f", false),
    ("echo $( @)", false),
    ("echo \"x$( @)\"", false),
    ("[[ -n $( @) ]] || true", false),
    ("echo $(( $( @; echo 1) + 1 ))", false),
    ("echo ${none:-$( @)}", false),
    ("cat <( @)", false),
    ("x=$( @)", false),
    ("x=(1 $( @))", false),
    ("true && @", false),
    ("true | @", false),
    ("trap % EXIT", false),
    ("bash -s <<< %", false),
    ("while true; do @; break; done", false),
    ("env A=1 @", true),
    ("env -S %", true),
    ("nice -n 1 @", true),
    ("timeout 20 @", true),
    ("command @", true),
    ("exec @", true),
    ("xargs -r -I{} @ <<< x", true),
    ("find . -maxdepth 0 -exec @ \\;", true),
    ("stdbuf -oL nohup @", true),
    ("A=1 @ 2>&1", true),
];

#[test]
fn what_the_shell_really_runs_is_never_let_pass() {
    let home = Home::new();
    let ran = home.write("ran", "");
    let stub = format!(
        "#!/bin/sh\nfor word in \"$@\"; do [ \"$word\" = push ] && echo x >> '{ran}'; done\nexit 0\n"
    );
    home.write("stub/git", &stub);
    let stub = home.at("stub");
    fs::set_permissions(stub.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    let plain = [
        "git push",
        "g'i't pu\\sh",
        "git -C . push",
        "$'\\x67it' \"push\" origin",
        "git -c a.b=c push",
    ];
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let wrapped = |way: &str, inside: &str| way.replace('%', &quoted(inside)).replace('@', inside);
    let mut lines = Vec::new();
    for (nth, (outer, simple)) in WAYS.iter().enumerate() {
        for (other, (inner, _)) in WAYS.iter().enumerate() {
            let command = plain[(nth + other) % plain.len()];
            // A simple command may stand anywhere; `exec` and `env -S` read words of their own.
            if *simple && other != 0 || inner.contains('%') && outer.contains("env -S") {
                continue;
            }
            if (outer.contains("env -S") || inner.contains("env -S")) && command != "git push" {
                continue;
            }
            lines.push(wrapped(outer, &wrapped(inner, command)));
        }
    }
    assert!(lines.len() > 500, "{}", lines.len());
    let mut pushed = Vec::new();
    for (nth, line) in lines.iter().enumerate() {
        // Every seventh is run: the shell says itself that these lines do what they are meant to.
        if nth % 7 != 0 {
            continue;
        }
        fs::write(&ran, "").unwrap();
        let path = format!("{}:/usr/bin:/bin", stub.display());
        let done = Program::new("bash")
            .args(["-c", line])
            .envs([("PATH", path)])
            .cwd(&stub)
            .timeout(DEADLINE)
            .output();
        let done = done.unwrap();
        assert!(!fs::read(&ran).unwrap().is_empty(), "{line} did not push: {done:?}");
        pushed.push(line);
    }
    assert!(pushed.len() > 60);
    let mut words = vec!["--json", "policy", "test", "--each"];
    words.extend(lines.iter().map(String::as_str));
    let judged = home.skep(&words).json(1);
    let passed: Vec<&serde_json::Value> =
        judged.as_array().unwrap().iter().filter(|one| one["decision"] != "deny").collect();
    assert!(passed.is_empty(), "{passed:#?}");
}

//! Rules on what an agent may do: judged by its keeper, shown, tried out, replayed.

use crate::home::{Home, text_of};

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
    let shown = home.skep(&["policy", "show"]).ok();
    assert!(shown.contains("command = \"git push\"") && shown.contains("shipped"), "{shown}");
}

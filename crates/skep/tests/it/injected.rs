//! Issues that mean no good: whatever one says, the run of it is ruled as any other, and acts on no terminal.

use std::fs;

use serde_json::Value;
use skep_testkit::hostile::{self, Hostile};

use crate::home::{Home, text_of};

/// A home with a folder of issues, and a repository that they are of.
fn home() -> Home {
    let home = Home::new();
    home.repo();
    let notes = home.at("notes");
    fs::create_dir(&notes).unwrap();
    let file = home.at("c/config.toml");
    let settings = fs::read_to_string(&file).unwrap();
    let folder = format!("[dispatch.folders.notes]\npath = \"{}\"\n", notes.display());
    fs::write(&file, format!("{settings}{folder}")).unwrap();
    home.skep(&["project", "add", "."]).ok();
    home
}

/// Puts an issue there that lets an agent work alone, with a script for it before its words.
fn put(home: &Home, issue: &Hostile) -> String {
    let name = format!("i-{}", issue.name);
    let head = "---\nstate: open\nlabels: [agent:headless]\n---\n";
    let script = "```skep-script\nsay done\n```\n";
    let title = issue.title.replace(['\n', '\r'], " ");
    home.write(format!("notes/{name}.md"), &format!("{head}# {title}\n\n{script}\n{}", issue.body));
    format!("dir:notes#{name}")
}

fn plain() -> Hostile {
    Hostile { name: "plain".to_owned(), title: "Plain".to_owned(), body: "Count.".to_owned() }
}

/// Whether a terminal would do something on it, or a reader be misled.
fn is_harmless(text: &str) -> bool {
    skep_core::text::visible(text) == text
        && text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control())
}

#[test]
fn what_a_hostile_issue_would_be_given_is_what_any_issue_is_given() {
    let home = home();
    let would = |issue: &Hostile| {
        let reference = put(&home, issue);
        let mut told = home.json(&["dispatch", "headless", &reference, "--dry-run"]);
        let words = told["words"].take();
        for key in ["ref", "url", "title", "branch"] {
            let own = told[key].take();
            assert!(is_harmless(own.as_str().unwrap()), "{}: {key}", issue.name);
        }
        assert!(is_harmless(words.as_str().unwrap()), "{}", issue.name);
        (told, reference)
    };
    let (plain, _) = would(&plain());
    assert_eq!((&plain["posture"], &plain["highest"]), (&"headless".into(), &"headless".into()));
    for issue in hostile::issues() {
        let (told, reference) = would(&issue);
        assert_eq!(told, plain, "{}", issue.name);
        home.skep(&["--json", "dispatch", "cascade", &reference]).refused(2, "issue-mode");
        let shown = home.skep(&["dispatch", "headless", &reference, "--dry-run"]).ok();
        assert!(is_harmless(&shown), "{}", issue.name);
    }
    assert_eq!(home.json(&["ls", "--all"]), Value::Array(Vec::new()), "nothing was made");
}

#[test]
fn a_run_of_a_hostile_issue_has_the_rules_of_any_other_to_the_byte_and_acts_on_no_terminal() {
    let home = home();
    // Each keeps its env, and none waits for a name.
    home.skep(&["config", "set", "limits.workers", "99"]).ok();
    let ruled = |issue: &Hostile| {
        let reference = put(&home, issue);
        let runs = home.json(&["dispatch", "headless", &reference, "-d"]);
        let run = if runs.is_array() { runs[0].clone() } else { runs };
        let (id, name) = (text_of(&run, "id"), text_of(&run, "name"));
        let ended = home.wait(&id, "ended");
        assert_eq!(ended["trust"], "outside", "{ended}");
        let attempt = home.attempt(&id, 1);
        let prompt = fs::read_to_string(attempt.join("prompt.md")).unwrap();
        let mark = prompt.lines().find_map(|line| line.strip_prefix("<<<data ")).unwrap();
        assert_eq!(prompt.matches(mark).count(), 2, "{}", issue.name);
        assert!(is_harmless(&prompt), "{}", issue.name);
        let (before, _) = prompt.split_once(&format!("<<<data {mark}")).unwrap();
        for verb in
            [&["show", &*id][..], &["ls", "--all"], &["why", &id], &["logs", &id], &["status"]]
        {
            let said = home.skep(verb);
            assert!(
                is_harmless(&said.stdout) && is_harmless(&said.stderr),
                "{} {verb:?}",
                issue.name
            );
        }
        let spec = fs::read_to_string(attempt.join("spec.json")).unwrap();
        let spec: Value = serde_json::from_str(&spec).unwrap();
        let held =
            ["protocol", "argv", "permissions", "policy", "fence", "limits", "secrets", "spare"];
        // What is its own by name and place.
        let (env, file) = (text_of(&ended, "env"), format!("i-{}", issue.name));
        let own = |text: &str| {
            text.replace(&env, "ENV")
                .replace(&id, "ID")
                .replace(&name, "NAME")
                .replace(&file, "FILE")
        };
        let held = held.map(|key| own(&spec[key].to_string()));
        (held, own(before), ended["posture"].clone())
    };
    let plain = ruled(&plain());
    assert!(plain.0[3].contains("outside") || plain.0[3].len() > 100, "{}", plain.0[3]);
    let some =
        ["ansi", "bidi", "fake-fence", "front-matter", "huge", "shell", "toml", "tool-result"];
    let all = hostile::issues();
    let all = all
        .iter()
        .filter(|it| std::env::var_os("SKEP_SLOW").is_some() || some.contains(&&*it.name));
    for issue in all {
        assert_eq!(ruled(issue), plain, "{}", issue.name);
    }
}

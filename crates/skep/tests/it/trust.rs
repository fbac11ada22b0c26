//! Trust that an agent's own screen needs, in settings that are not ours: given with a run's place, gone with it.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::home::{Home, eventually, lives, text_of};

/// Claude Code's file, with a number that no float holds.
const FILE: &str = "{\n  \"big\": 12345678901234567890123,\n  \"projects\": {\n    \"/elsewhere\": {\n      \"history\": [1]\n    }\n  }\n}\n";

/// A home whose agent `mine` has a screen that asks for trust as Claude Code's does.
fn home() -> Home {
    let home = Home::new();
    home.write("home/.claude.json", FILE);
    home.write(
        "c/agents/mine.toml",
        "protocol = \"pty\"\nprogram = \"sh\"\nheadless = [\"-c\", \"echo agent up; sleep 600\"]\nprompt = \"none\"\n\
         env = [\"CLAUDE_CONFIG_DIR\"]\n[screen]\ntrust = \"claude\"\n",
    );
    home.repo();
    home
}

fn text(home: &Home) -> String {
    fs::read_to_string(home.at("home/.claude.json")).unwrap()
}

fn projects(home: &Home) -> Vec<String> {
    let value: Value = serde_json::from_str(&text(home)).unwrap();
    value["projects"].as_object().unwrap().keys().cloned().collect()
}

fn begin(home: &Home, title: &str) -> Value {
    let run = home.json(&["run", title, "--agent", "mine", "-d"]);
    home.wait(&text_of(&run, "id"), "running")
}

#[test]
fn a_runs_folder_is_trusted_while_its_env_stands_and_nothing_else_of_the_file_changes() {
    let home = home();
    fs::set_permissions(home.at("home/.claude.json"), fs::Permissions::from_mode(0o640)).unwrap();
    let run = begin(&home, "x $(touch evil) 'q'");
    assert_eq!(projects(&home), ["/elsewhere", &text_of(&run, "worktree")]);
    assert!(text(&home).contains("12345678901234567890123"));
    let mode = fs::metadata(home.at("home/.claude.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let id = text_of(&run, "id");
    home.skep(&["stop", &id]).ok();
    assert_eq!(projects(&home).len(), 2, "it may be taken up again");
    home.skep(&["close", &id, "--force"]).ok();
    assert_eq!(text(&home), FILE);
    assert!(!home.at("web/evil").exists());
}

#[test]
fn what_the_user_trusts_already_is_left_untouched_and_stays() {
    let home = home();
    let web = home.at("web").canonicalize().unwrap();
    let trusted = FILE.replace(
        "\"/elsewhere\": {",
        &format!(
            "\"{}\": {{\"hasTrustDialogAccepted\": true}},\n    \"/elsewhere\": {{",
            web.display()
        ),
    );
    home.write("home/.claude.json", &trusted);
    let run = begin(&home, "x");
    assert_eq!(text(&home), trusted);
    home.skep(&["close", &text_of(&run, "id"), "--force"]).ok();
    assert_eq!(text(&home), trusted);
}

#[test]
fn a_file_of_another_shape_refuses_the_run_before_anything_is_made_and_stays() {
    let home = home();
    home.write("home/.claude.json", "{\"projects\": []}");
    let call = ["--json", "run", "x", "--agent", "mine", "-d"];
    let refused = home.skep(&call).refused(2, "foreign-config-shape");
    assert!(refused.to_string().contains("headless"), "{refused}");
    assert_eq!(text(&home), "{\"projects\": []}");
    assert_eq!(home.json(&["ls", "--all"]).as_array().map(Vec::len), Some(0));
    // Where there is none, its program was never set up.
    fs::remove_file(home.at("home/.claude.json")).unwrap();
    begin(&home, "y");
    assert!(!home.at("home/.claude.json").exists());
}

#[test]
fn the_folder_of_settings_that_the_asker_has_is_the_one_that_counts() {
    let home = home();
    home.write("other/.claude.json", "{}");
    let dir = home.at("other").to_str().unwrap().to_owned();
    let vars = [("CLAUDE_CONFIG_DIR", dir.as_str())];
    let call = ["--json", "run", "x", "--agent", "mine", "-d"];
    let run = home.skep_with(&home.at("web"), &vars, &call).json(0);
    let run = home.wait(&text_of(&run, "id"), "running");
    assert_eq!(text(&home), FILE);
    let other = fs::read_to_string(home.at("other/.claude.json")).unwrap();
    assert!(other.contains(&text_of(&run, "worktree")), "{other}");
}

/// Kill -9 between the note and the entry, and between the entry's end and the note's.
#[test]
fn wherever_the_daemon_dies_every_entry_has_gone_when_the_env_has() {
    for point in ["foreign.noted", "foreign.withdrawn"] {
        let home = home();
        home.json(&["project", "add", "."]);
        home.skep(&["daemon", "stop"]).ok();
        home.skep_with(&home.at("web"), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
        let doomed = home.daemon();
        let run = begin(&home, "x");
        let id = text_of(&run, "id");
        assert_eq!(projects(&home).len(), 2, "{point}");
        home.skep(&["close", &id, "--force"]).ok();
        eventually(point, || !lives(doomed));
        assert_eq!(text(&home), FILE, "{point}");
        assert!(!home.root().join("runs").join(&id).join("foreign.json").exists(), "{point}");
    }
}

#[test]
fn an_entry_that_a_close_had_to_leave_is_found_and_taken_back_by_the_doctor() {
    let home = home();
    let run = begin(&home, "x");
    let good = text(&home);
    home.write("home/.claude.json", "{\"projects\": 7}");
    let closed = home.skep(&["close", &text_of(&run, "id"), "--force"]).ok();
    assert!(closed.contains("settings is left"), "{closed}");
    home.write("home/.claude.json", &good);
    home.at_rest();
    let said = home.skep(&["doctor"]).ok();
    assert!(said.contains("whose env is gone"), "{said}");
    home.skep(&["doctor", "--fix"]).ok();
    assert_eq!(text(&home), FILE);
}

//! The screens of whoever does not know how to go on.

use std::fs;

use super::{Stage, holds};

#[test]
fn help_shows_the_verbs_by_what_people_want_and_a_verb_with_its_examples() {
    let stage = Stage::new();
    holds(&stage, "help", &["help"]);
    holds(&stage, "help-close", &["help", "close"]);
    holds(&stage, "help-daemon-install", &["help", "daemon", "install"]);
    holds(&stage, "help-daemon", &["daemon", "--help"]);
}

#[test]
fn an_explanation_has_a_cause_and_the_ways_out() {
    let stage = Stage::new();
    holds(&stage, "explain", &["explain", "worktree-dirty"]);
    holds(&stage, "explain-long", &["explain", "branch-unmerged"]);
}

#[test]
fn what_is_typed_wrong_is_answered_on_a_few_lines() {
    let stage = Stage::new();
    holds(&stage, "wrong-verb", &["rnu"]);
    holds(&stage, "wrong-title", &["fix the login"]);
    holds(&stage, "wrong-group", &["project"]);
    holds(&stage, "wrong-words", &["run", "fix", "the", "login"]);
}

#[test]
fn settings_show_who_said_so_and_a_long_value_leaves_room_for_that() {
    let stage = Stage::new();
    fs::create_dir(stage.root().join("c")).unwrap();
    let branch = format!("branch = \"{}{{slug}}\"\n[limits]\nruns = 4\n", "very-long/".repeat(20));
    fs::write(stage.root().join("c/config.toml"), branch).unwrap();
    holds(&stage, "config-show", &["config", "show"]);
}

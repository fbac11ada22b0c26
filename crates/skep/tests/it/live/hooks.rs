//! A live agent behind the hooks of a worktree.

use std::fs;

use skep_testkit::lab::Lab;

use super::{fleet::Yard, scenes::until};

#[test]
fn codex_is_not_started_where_a_hook_says_no_and_works_on_a_branch_that_stands() {
    let Some(lab) = Lab::open("codex", "commit") else { return };
    let yard = Yard::new();
    let (shut, told) = (yard.home.at("shut"), yard.home.at("told"));
    fs::write(&shut, "").unwrap();
    yard.home.write(
        "c/projects/web.toml",
        &format!(
            "[hooks]\nworktree_creating = \"test ! -e {}\"\nworktree_created = \"cat > {}\"\n",
            shut.display(),
            told.display()
        ),
    );
    let id = yard.begin_with(&lab, "codex", "Write a file", &["--yes"]);
    assert_eq!(until(&yard, &id, "ended")["reason"], "prepare");
    assert!(lab.asked().is_empty(), "no model was asked: {:?}", lab.asked());
    fs::remove_file(&shut).unwrap();
    yard.repo().git(&["branch", "mine/roof"]);
    let id = yard.begin_with(&lab, "codex", "Write a file", &["--branch", "mine/roof"]);
    let run = until(&yard, &id, "ended");
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!(yard.repo().git(&["log", "--format=%s", "-1", "mine/roof"]), "scripted commit");
    assert!(fs::read_to_string(told).unwrap().contains("\"branch\":\"mine/roof\""));
}

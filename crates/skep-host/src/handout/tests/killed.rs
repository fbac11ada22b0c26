//! What `kill -9` leaves of a handout, at each point of our own.

use std::{
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
};

use super::*;

const ROOT: &str = "SKEP_TEST_HANDOUT";

/// Not a test by itself: the process that is killed, started by the test below.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child of a test finds its task nowhere else")]
fn child() {
    let Some(root) = std::env::var_os(ROOT).map(PathBuf::from) else { return };
    let git = Git::new(std::env::vars_os().filter(|(name, _)| name != ROOT));
    lay(&git, &root, &root.join("web-ada"), &lent()).unwrap();
    assert!(take_back_if_free(&git, &root).unwrap());
}

fn lent() -> Handout {
    Handout {
        letter: letter("NOTES.md").letter,
        ..skills(vec![skill("lint", &[("deep/er/x", "x")])])
    }
}

fn elsewhere(yard: &Yard, point: &str) -> ExitStatus {
    crate::proc::command(std::env::current_exe().unwrap())
        .args(["--exact", "handout::tests::killed::child", "--nocapture", "--test-threads=1"])
        .env_clear()
        .envs(yard.place.env())
        .env(ROOT, yard.root())
        .env("SKEP_CRASH", point)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

#[test]
fn killed_anywhere_on_the_way_a_handout_goes_again_whole() {
    for point in ["handout.written", "handout.half", "handout.laid", "handout.taking"] {
        for stood in [None, Some("mine\n")] {
            let yard = Yard::new();
            if let Some(text) = stood {
                yard.tree().write("NOTES.md", text);
            }
            assert_eq!(elsewhere(&yard, point).signal(), Some(9), "{point}");
            assert_eq!(yard.status_of_agent(), "", "{point}");
            yard.back();
            assert_eq!(yard.tree().git(&["status", "--porcelain"]), "", "{point}");
            assert!(!yard.stands(".claude"), "{point}");
            let left = fs::read_to_string(yard.tree().path().join("NOTES.md")).ok();
            assert_eq!(left.as_deref(), stood, "{point}");
            yard.lay(&lent()).unwrap();
            assert!(yard.stands(".claude/skills/lint/deep/er/x"), "{point}");
        }
    }
}

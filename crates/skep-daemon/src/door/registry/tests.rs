//! Whether somebody lives, by what is written down of him.

use std::process::Command;

use skep_testkit::Place;

use super::*;

fn write(dir: &Path, pid: u32, started: u64, boot: &str) {
    let text = format!(
        "{{\"gatekeeper\":{{\"pid\":{pid},\"started\":{started}}},\"boot\":\"{boot}\",\"at\":\"2026-11-22T12:00:00.000Z\"}}"
    );
    skep_host::paths::write_atomically(&dir.join("start.json"), text.as_bytes()).unwrap();
}

#[test]
fn a_dead_process_a_recycled_pid_a_zombie_and_one_of_another_boot_live_not() {
    let place = Place::new();
    let dir = place.root();
    let me = tree::identity(std::process::id()).unwrap();
    let boot = tree::boot_id().unwrap();
    write(dir, me.pid, me.started, &boot);
    assert!(keeper_lives(dir, Some(me.pid)));
    write(dir, me.pid, me.started + 1, &boot);
    assert!(!keeper_lives(dir, Some(me.pid)), "its pid is another's by now");
    write(dir, me.pid, me.started, "another-boot");
    assert!(!keeper_lives(dir, Some(me.pid)), "all of another boot are gone");
    #[expect(clippy::disallowed_methods, reason = "a child that nobody reaps")]
    let mut child = Command::new("true").spawn().unwrap();
    let zombie = loop {
        let row = tree::row(child.id()).unwrap();
        if row.zombie {
            break row.process;
        }
        std::thread::yield_now();
    };
    write(dir, zombie.pid, zombie.started, &boot);
    assert!(!keeper_lives(dir, Some(zombie.pid)), "it has ended, and waits to be reaped");
    child.wait().unwrap();
    assert!(!keeper_lives(dir, Some(zombie.pid)), "it is gone");
}

#[test]
fn a_broken_record_makes_nobody_live_and_nobody_fail() {
    let place = Place::new();
    let dir = place.root();
    let me = std::process::id();
    assert!(!keeper_lives(dir, Some(me)), "no record, and no keeper of this attempt");
    for broken in ["", "{", "[]", "{\"gatekeeper\":{\"pid\":-1}}"] {
        skep_host::paths::write_atomically(&dir.join("start.json"), broken.as_bytes()).unwrap();
        assert!(!keeper_lives(dir, Some(me)), "{broken}");
        assert!(!keeper_lives(dir, None), "{broken}");
    }
}

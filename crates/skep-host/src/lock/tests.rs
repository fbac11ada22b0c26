use std::sync::mpsc;

use super::*;

#[test]
fn a_held_lock_is_refused_until_its_holder_lets_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let first = hold(&path).unwrap();
    assert_eq!(hold(&path).unwrap_err().slug(), "locked");
    assert_eq!(hold_within(&path, Duration::from_millis(30)).unwrap_err().slug(), "locked");
    drop(first);
    hold(&path).unwrap();
}

#[test]
fn a_copy_of_the_descriptor_holds_the_lock_after_the_first_holder_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let first = hold(&path).unwrap();
    let copy = first.as_fd().try_clone_to_owned().unwrap();
    drop(first);
    assert_eq!(hold(&path).unwrap_err().slug(), "locked");
    drop(copy);
    hold(&path).unwrap();
}

#[test]
fn a_waiter_gets_the_lock_when_it_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let first = hold(&path).unwrap();
    let (got, heard) = mpsc::channel();
    let waiting = thread::spawn({
        let path = path.clone();
        move || {
            let lock = hold_waiting(&path).unwrap();
            got.send(()).unwrap();
            drop(lock);
        }
    });
    assert!(
        heard.recv_timeout(Duration::from_millis(50)).is_err(),
        "it waits while the lock is held"
    );
    drop(first);
    heard.recv_timeout(Duration::from_secs(10)).unwrap();
    waiting.join().unwrap();
}

#[test]
fn a_program_that_is_started_does_not_inherit_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let lock = hold(&path).unwrap();
    let running = crate::proc::Program::new("/bin/sleep").arg("60").start().unwrap();
    drop(lock);
    // A program that another test starts in this very moment has it until it becomes that program.
    hold_within(&path, Duration::from_secs(10)).unwrap();
    crate::proc::terminate_group(running.pid()).unwrap();
    running.output().unwrap();
}

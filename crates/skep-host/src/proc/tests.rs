use std::fs;

use super::*;

#[test]
fn a_detached_program_writes_to_its_log_and_leads_a_group_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let script = "pwd; env | grep -v ^PWD= | grep -v ^SHLVL= | grep -v ^_=; cat; cut -d' ' -f5 /proc/$$/stat; exit 3";
    crate::paths::write_atomically(&log, b"before\n").unwrap();
    let pid =
        spawn_detached(Path::new("/bin/sh"), &["-c".as_ref(), script.as_ref()], &log).unwrap();
    let i = i32::try_from(pid).unwrap();
    // Its reaper takes it away; until then the pid stands.
    let deadline = Instant::now() + Duration::from_secs(10);
    while rustix::process::test_kill_process(Pid::from_raw(i).unwrap()).is_ok() {
        assert!(Instant::now() < deadline, "the program is reaped");
        thread::sleep(Duration::from_millis(5));
    }
    let text = fs::read_to_string(&log).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("before"));
    assert_eq!(lines.next(), Some("/"));
    assert_eq!(
        lines.next(),
        Some(pid.to_string().as_str()),
        "an empty environment, no input, its own group"
    );
    assert_eq!(lines.next(), None);
}

#[test]
fn a_signal_arrives_once_for_a_loop_that_waits() {
    let mut signals = Signals::take(&[Signal::USR2]).unwrap();
    assert_eq!(signals.arrived(), []);
    rustix::process::kill_process(rustix::process::getpid(), Signal::USR2).unwrap();
    assert_eq!(wait_readable(&[signals.as_fd()], Some(Duration::from_secs(10))).unwrap(), [true]);
    assert_eq!(signals.arrived(), [Signal::USR2]);
    assert_eq!(wait_readable(&[signals.as_fd()], Some(Duration::ZERO)).unwrap(), [false]);
}

#[test]
fn no_group_is_ended_for_want_of_a_leader() {
    assert!(terminate_group(0).is_err());
    assert!(terminate_group(u32::MAX).is_err());
}

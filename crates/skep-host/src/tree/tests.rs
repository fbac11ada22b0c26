use std::{
    io::Read,
    process::{Child, Command, Stdio},
};

use super::*;
use crate::proc;

/// A shell script as a child of the test; ended by the guard's drop.
struct Script(Child);

impl Script {
    /// Starts it and waits until it has said `ready`.
    fn ready(script: &str, with: impl FnOnce(&mut Command)) -> Script {
        let mut command = proc::command("/bin/sh");
        command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        with(&mut command);
        let mut child = command.spawn().unwrap();
        let mut said = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"ready");
        Script(child)
    }

    fn process(&self) -> Process {
        identity(self.0.id()).unwrap()
    }
}

impl Drop for Script {
    /// A test that fails leaves nothing behind, or what it left would hold the tester's output open.
    fn drop(&mut self) {
        for process in descendants(self.0.id()).unwrap_or_default() {
            let _gone = signal(process, Signal::KILL);
        }
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn plain(_: &mut Command) {}

#[test]
fn a_living_process_is_alive_and_a_zombie_is_dead() {
    let mut script = Script::ready("echo ready; read x", plain);
    let process = script.process();
    assert_eq!(probe(process), Probe::Alive);
    let fd = open(process).unwrap().unwrap();
    drop(script.0.stdin.take());
    // Readable once it has ended; nobody has reaped it then.
    proc::wait_readable(&[std::os::fd::AsFd::as_fd(&fd)], Some(Duration::from_secs(10))).unwrap();
    assert_eq!(
        fs::read_to_string(format!("/proc/{}/comm", process.pid)).unwrap().trim(),
        "sh",
        "the zombie stands"
    );
    assert_eq!(probe(process), Probe::Dead);
    assert!(open(process).unwrap().is_none());
    assert!(!signal(process, Signal::KILL).unwrap());
}

#[test]
fn another_process_with_the_same_pid_is_not_it() {
    let script = Script::ready("echo ready; read x", plain);
    let process = script.process();
    let earlier = Process { started: process.started - 1, ..process };
    assert_eq!(probe(earlier), Probe::Dead);
    assert!(!signal(earlier, Signal::KILL).unwrap());
    assert_eq!(probe(process), Probe::Alive, "the one that has the pid now was not signalled");
}

#[test]
fn a_pid_that_nobody_has_is_dead_and_no_pid_at_all_is_unknown() {
    let process = {
        let mut script = Script::ready("echo ready", plain);
        let process = script.process();
        script.0.wait().unwrap();
        process
    };
    assert_eq!(probe(process), Probe::Dead);
    assert_eq!(identity(process.pid), None);
    assert!(
        signal(Process { pid: 0, started: 0 }, Signal::KILL).is_err(),
        "never a group by accident"
    );
}

#[test]
fn a_name_that_holds_brackets_and_spaces_is_read_whole() {
    let stat = "42 (a) b) (c) T 7 40 39 34816 0 4194304 1 2 3 4 5 6 7 8 20 0 1 0 999 1 2 3";
    let row = parse_row(42, stat).unwrap();
    assert_eq!(row.comm, "a) b) (c");
    assert_eq!((row.parent, row.group, row.session, row.process.started), (7, 40, 39, 999));
    assert!(row.terminal && row.stopped && !row.zombie);
    assert_eq!(parse_row(42, "42 nonsense"), None);
}

#[test]
fn a_process_whose_first_thread_ended_is_no_zombie() {
    let stat =
        |threads| format!("42 (x) Z 7 40 39 0 0 4194304 1 2 3 4 5 6 7 8 20 0 {threads} 0 999 1");
    assert!(parse_row(42, &stat(1)).unwrap().zombie);
    assert!(!parse_row(42, &stat(3)).unwrap().zombie);
}

#[test]
fn descendants_are_found_through_sessions_of_their_own_and_ancestors_lead_back() {
    let script = Script::ready("setsid sh -c 'sleep 1000 & echo ready; wait' & wait", plain);
    let names = |table: &Table| -> Vec<String> {
        table.descendants(script.0.id()).iter().map(|row| row.comm.clone()).collect()
    };
    let mut below = Table::read().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    // A process that was just forked still bears its parent's name; nobody tells when it has its own.
    while names(&below) != ["sh", "sleep"] {
        assert!(Instant::now() < until, "{:?}", names(&below));
        thread::sleep(Duration::from_millis(5));
        below = Table::read().unwrap();
    }
    let sleep = below.descendants(script.0.id())[1].process;
    assert!(descendants(std::process::id()).unwrap().contains(&sleep));
    let above = ancestors(sleep.pid);
    assert_eq!(above, below.ancestors(sleep.pid));
    assert!(above.contains(&script.0.id()) && above.contains(&std::process::id()));
    for child in children(script.0.id()).unwrap_or_default() {
        assert_eq!(below.row(child).unwrap().parent, script.0.id());
    }
    for process in descendants(script.0.id()).unwrap() {
        signal(process, Signal::KILL).unwrap();
    }
}

#[test]
fn arguments_are_read_as_they_were_given() {
    let script = Script::ready("echo ready; read x", plain);
    let arguments = arguments(script.0.id()).unwrap();
    assert_eq!(arguments[1], "-c");
    assert_eq!(arguments[2], "echo ready; read x");
}

#[test]
fn a_sweep_ends_what_bears_the_mark_and_nothing_else() {
    let mark = format!("SKEP_TEST_MARK=sweep-{}", std::process::id());
    let (name, value) = mark.split_once('=').unwrap();
    let stubborn = "trap '' TERM; echo ready; while :; do sleep 1000 & wait; done";
    let marked_one = Script::ready(stubborn, |command| {
        command.env(name, value);
    });
    let similar = Script::ready("echo ready; read x", |command| {
        command.env(name, format!("{value}-not"));
    });
    let marks = Marks { variable: &mark, inside: None, guard: None };
    assert!(marked(&marks).unwrap().contains(&marked_one.process()));
    let left = sweep(&marks, Duration::from_millis(100)).unwrap();
    assert_eq!(left, []);
    assert_eq!(probe(Process { pid: marked_one.0.id(), started: 0 }), Probe::Dead);
    assert_eq!(probe(similar.process()), Probe::Alive);
}

#[test]
fn whoever_stands_in_a_folder_is_found_there_even_when_the_folder_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let env = dir.path().join("env");
    fs::create_dir_all(env.join("below")).unwrap();
    let script = Script::ready("echo ready; read x", |command| {
        command.current_dir(env.join("below"));
    });
    let elsewhere = Script::ready("echo ready; read x", |command| {
        command.current_dir(dir.path());
    });
    assert_eq!(inside(&env).unwrap(), [script.process()]);
    assert_eq!(inside(Path::new("/")).unwrap(), [], "the root is no folder of ours");
    assert_eq!(inside(Path::new("")).unwrap(), []);
    fs::remove_dir_all(&env).unwrap();
    assert_eq!(inside(&env).unwrap(), [script.process()]);
    drop(elsewhere);
}

#[test]
fn a_sweep_leaves_alone_what_another_living_program_started_in_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    // An editor, say, that stands elsewhere, with a server of its own in the folder.
    let script =
        format!("(cd '{}' && exec sh -c 'echo ready; sleep 1000') & wait", dir.path().display());
    let editor = Script::ready(&script, plain);
    let guard = Some(Process { pid: u32::MAX, started: 0 });
    let marks = Marks { variable: "SKEP_TEST_MARK=nobody", inside: Some(dir.path()), guard };
    assert!(!inside(dir.path()).unwrap().is_empty());
    assert_eq!(marked(&marks).unwrap(), []);
    for process in descendants(editor.0.id()).unwrap() {
        signal(process, Signal::KILL).unwrap();
    }
}

#[test]
fn a_sweep_finds_what_is_left_of_a_lost_guards_session_whatever_it_scrubbed() {
    let dir = tempfile::tempdir().unwrap();
    let pid_file = dir.path().join("pid");
    let script =
        format!("env -i /bin/sleep 1000 & echo $! >'{}'; echo ready; read x", pid_file.display());
    let mut guard = proc::command("setsid")
        .args(["--wait", "sh", "-c", &script])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map(Script)
        .unwrap();
    let mut said = [0; 5];
    guard.0.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    let sleeper = identity(fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap()).unwrap();
    let leader = identity(Table::read().unwrap().row(sleeper.pid).unwrap().session).unwrap();
    signal(leader, Signal::KILL).unwrap();
    let marks = Marks { variable: "SKEP_TEST_MARK=nobody", inside: None, guard: Some(leader) };
    assert_eq!(sweep(&marks, Duration::from_millis(100)).unwrap(), []);
    assert_eq!(probe(sleeper), Probe::Dead);
}

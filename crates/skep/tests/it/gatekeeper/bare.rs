use std::{fs, os::unix::process::CommandExt, process::Stdio, thread, time::Instant};

use super::*;

fn code(command: &mut Command) -> Option<i32> {
    output(command).status.code()
}

fn complaint(command: &mut Command) -> (Option<i32>, String) {
    let output = output(command);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_childs_exit_code_is_passed_through() {
    assert_eq!(code(&mut gatekeeper("exit 7")), Some(7));
    assert_eq!(code(&mut gatekeeper("exit 0")), Some(0));
    assert_eq!(code(&mut gatekeeper("exit 255")), Some(255));
}

#[test]
fn a_child_killed_by_a_signal_gives_128_and_the_signal() {
    assert_eq!(code(&mut gatekeeper("kill -9 $$")), Some(137));
    assert_eq!(code(&mut gatekeeper("kill -SEGV $$")), Some(139));
}

#[test]
fn no_command_no_task_file_and_no_such_program_are_one_with_a_message() {
    let (code, text) = complaint(skep().arg("gatekeeper"));
    assert!(code == Some(1) && text.contains("no command"), "{code:?} {text}");
    let (code, text) = complaint(skep().args(["gatekeeper", "--"]));
    assert!(code == Some(1) && text.contains("no command"), "{code:?} {text}");
    let (code, text) = complaint(skep().args(["gatekeeper", "echo", "no dashes"]));
    assert!(code == Some(1) && text.contains("`echo`"), "{code:?} {text}");
    let (code, text) =
        complaint(skep().args(["gatekeeper", "--task-file", "/nowhere/task", "--", "echo"]));
    assert!(code == Some(1) && text.contains("/nowhere/task"), "{code:?} {text}");
    let (code, text) = complaint(skep().args(["gatekeeper", "--", "/nowhere/program"]));
    assert!(
        code == Some(1) && text.contains("/nowhere/program") && text.contains("No such file"),
        "{code:?} {text}"
    );
}

#[test]
fn the_tasks_text_is_the_last_argument_trimmed_and_its_file_is_gone_after_use() {
    let dir = tempfile::tempdir().unwrap();
    let task = dir.path().join("task");
    put(&task, " \n do 'this' $(not that)\n and that \n\n");
    let printed = output(
        skep()
            .args(["gatekeeper", "--task-file"])
            .arg(&task)
            .args(["--", "printf", "<%s>", "first"]),
    );
    assert_eq!(
        String::from_utf8(printed.stdout).unwrap(),
        "<first><do 'this' $(not that)\n and that>"
    );
    assert!(!task.exists());
}

#[test]
fn a_task_file_stays_when_the_program_could_not_be_started() {
    let dir = tempfile::tempdir().unwrap();
    let task = dir.path().join("task");
    put(&task, "precious");
    let mut command = skep();
    command.args(["gatekeeper", "--task-file"]).arg(&task).args(["--", "/nowhere/program"]);
    assert_eq!(code(&mut command), Some(1));
    assert_eq!(fs::read_to_string(&task).unwrap(), "precious");
}

#[test]
fn input_and_output_are_the_childs_own_without_a_terminal() {
    let mut command = gatekeeper("cat; echo to-err >&2; echo \"$TERM $FORCE_COLOR\"");
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"through\n").unwrap();
    let output = output_of(child);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "through\nxterm-256color 1\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "to-err\n");
}

#[test]
fn the_child_gets_default_signals_and_nothing_open_that_its_starter_had_not() {
    let dir = tempfile::tempdir().unwrap();
    let look = dir.path().join("look");
    put(&look, "grep SigIgn /proc/self/status; ls /proc/self/fd");
    let said = |how: &str| {
        let mut shell = proc::command("sh");
        shell
            .args(["-c", &format!("{how} sh '{}'", look.display())])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        String::from_utf8(output(&mut shell).stdout).unwrap()
    };
    let ignored = |said: &str| {
        let mask = said.split_whitespace().nth(1).unwrap();
        // Those of the C library's own threads are nobody's to set.
        u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff
    };
    let plain = said("trap '' INT HUP QUIT USR1 TERM PIPE; exec");
    let guarded = said(&format!(
        "trap '' INT HUP QUIT USR1 TERM PIPE; exec '{}' gatekeeper --",
        env!("CARGO_BIN_EXE_skep")
    ));
    assert_ne!(ignored(&plain), 0, "a shell passes on what it ignores");
    assert_eq!(ignored(&guarded), 0);
    let open = |said: &str| said.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(open(&guarded), open(&plain));
}

#[test]
fn what_a_child_leaves_in_its_group_or_in_sessions_of_its_own_is_gone_on_return() {
    let mark = Mark::new();
    let stubborn = format!("(trap '' TERM; {}) &", mark.sleep());
    let mut child = gatekeeper(&format!("{} {stubborn} read go; exit 0", mark.tree()))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    mark.wait_for(5);
    drop(child.stdin.take());
    assert_eq!(end_of(&mut child).code(), Some(0));
    mark.assert_gone();
}

#[test]
fn term_int_and_hup_each_end_the_tree_and_after_the_grace_whatever_ignores_them() {
    let end = |signal| {
        thread::spawn(move || {
            let mark = Mark::new();
            let stubborn = format!("setsid sh -c 'trap \"\" TERM; {}' & wait", mark.sleep());
            let mut child = gatekeeper(&format!("{} {stubborn}", mark.tree())).spawn().unwrap();
            mark.wait_for(5);
            let sent = Instant::now();
            kill(child.id(), signal);
            let status = end_of(&mut child);
            assert_eq!(status.code(), Some(143));
            mark.assert_gone();
            assert!(
                sent.elapsed() >= Duration::from_secs(2),
                "what ignores TERM has the whole grace"
            );
        })
    };
    for ending in [Signal::TERM, Signal::INT, Signal::HUP].map(end) {
        ending.join().unwrap();
    }
}

#[test]
fn a_child_that_heeds_the_signal_may_say_its_own_last_word() {
    let mark = Mark::new();
    let script = format!("trap 'echo last word; exit 5' TERM; {} & wait", mark.sleep());
    let child = gatekeeper(&script).spawn().unwrap();
    mark.wait_for(1);
    kill(child.id(), Signal::TERM);
    let output = output_of(child);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(5), &b"last word\n"[..]));
    mark.assert_gone();
}

#[test]
fn whichever_guard_is_killed_the_other_ends_the_tree() {
    for keeper_dies in [true, false] {
        let mark = Mark::new();
        let stubborn = format!("setsid sh -c 'trap \"\" TERM; {}' & wait", mark.sleep());
        let mut child = gatekeeper(&format!("{} {stubborn}", mark.tree())).spawn().unwrap();
        mark.wait_for(5);
        let warden = warden_of(child.id());
        kill(if keeper_dies { child.id() } else { warden }, Signal::KILL);
        let status = end_of(&mut child);
        if !keeper_dies {
            assert_eq!(status.code(), Some(143), "the shell was asked to end when its warden died");
            mark.assert_gone();
        }
        mark.wait_for(0);
        eventually("the other guard is gone as well", || tree::identity(warden).is_none());
    }
}

#[test]
fn a_parents_death_ends_the_tree() {
    let mark = Mark::new();
    let script = format!(
        "'{}' gatekeeper -- sh -c '{} wait' & wait",
        env!("CARGO_BIN_EXE_skep"),
        mark.tree()
    );
    let mut parent = proc::command("sh").args(["-c", &script]).spawn().unwrap();
    mark.wait_for(4);
    let killed = Instant::now();
    parent.kill().unwrap();
    parent.wait().unwrap();
    mark.wait_for(0);
    assert!(killed.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_parents_death_is_noticed_when_another_reaper_takes_its_place() {
    let mark = Mark::new();
    let dir = tempfile::tempdir().unwrap();
    let parent_file = dir.path().join("parent");
    let inner = format!(
        "'{}' gatekeeper -- sh -c '{} wait' & wait",
        env!("CARGO_BIN_EXE_skep"),
        mark.tree()
    );
    put(dir.path().join("inner"), &inner);
    // The outer gatekeeper reaps for all below it, so that nothing here is ever handed to init.
    let outer =
        format!("cd '{}'; sh inner & echo $! >parent; wait; sleep 86400", dir.path().display());
    let mut child = gatekeeper(&outer).spawn().unwrap();
    mark.wait_for(4);
    kill(read_when_there(&parent_file).parse().unwrap(), Signal::KILL);
    mark.wait_for(0);
    assert_eq!(child.try_wait().unwrap(), None, "the outer one lives on");
    kill(child.id(), Signal::TERM);
    end_of(&mut child);
}

#[test]
fn a_parent_that_died_before_the_first_look_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = dir.path().join("it-ran");
    // The subshell becomes the gatekeeper only once its parent, which it had when it was forked, is gone.
    let script = format!(
        "(exec 2>'{0}/said'; while kill -0 $$; do :; done 2>/dev/null; exec '{1}' gatekeeper -- touch '{2}') &",
        dir.path().display(),
        env!("CARGO_BIN_EXE_skep"),
        evidence.display()
    );
    let mut parent = proc::command("setsid")
        .args(["--wait", "sh", "-c", &script])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    parent.wait().unwrap();
    assert!(read_when_there(&dir.path().join("said")).contains("gone already"));
    assert!(!evidence.exists());
}

#[test]
fn the_end_of_the_thread_that_started_it_is_not_the_end_of_its_parent() {
    let mark = Mark::new();
    let script = format!("{} & read line; echo \"got $line\"", mark.sleep());
    let child = thread::spawn(move || gatekeeper(&script).stdin(Stdio::piped()).spawn().unwrap())
        .join()
        .unwrap();
    mark.wait_for(1);
    // The thread is gone, and its death signal with it; a second thread that ends gives it time to be wrong.
    let mut child = child;
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"this\n").unwrap();
    let output = output_of(child);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "got this\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_tree_that_forks_faster_than_it_can_be_walked_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mark = Mark::new();
    // Each generation lives only to fork the next into a session of its own. Their number never grows, and should the
    // guards fail they end with their script's file, which goes with the test, or after a minute.
    let hop = dir.path().join("hop");
    put(
        &hop,
        "use POSIX; $SIG{TERM} = 'IGNORE'; \
         while (-e $0 && time - $^T < 60) { exit if fork; POSIX::setsid(); }",
    );
    let script = format!(
        "trap '' TERM; i=0; while [ $i -lt 3 ]; do perl '{}' {} & i=$((i+1)); done; exec sleep 86400",
        hop.display(),
        mark.seconds
    );
    let mut child = gatekeeper(&script).spawn().unwrap();
    let sleeps = |pid| tree::arguments(pid).is_some_and(|arguments| arguments[0] == "sleep");
    eventually("the storm blows", || {
        tree::descendants(child.id()).unwrap().iter().any(|process| sleeps(process.pid))
    });
    kill(child.id(), Signal::TERM);
    let status = end_of(&mut child);
    mark.assert_gone();
    assert_eq!(status.code(), Some(137));
}

#[test]
fn a_signal_to_the_whole_group_is_one_signal() {
    let mark = Mark::new();
    let script = format!("trap 'sleep 0.5; echo in peace; exit 0' TERM; {} & wait", mark.sleep());
    let child = gatekeeper(&script).process_group(0).spawn().unwrap();
    mark.wait_for(1);
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    // As `timeout` does: to the program, then to its whole group.
    kill(child.id(), Signal::TERM);
    rustix::process::kill_process_group(group, Signal::TERM).unwrap();
    let output = output_of(child);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"in peace\n"[..]));
}

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio, time::Instant};

use skep_host::lock;

use super::*;

fn warden(args: &[&str]) -> Command {
    let mut command = skep();
    command.arg("__warden").arg("--parent").arg(std::process::id().to_string()).args(args);
    command
}

#[test]
fn an_effects_input_output_and_code_pass_through_its_warden() {
    let mut child = warden(&["--", "sh", "-c", "cat; echo err >&2; exit 6"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"{\"deed\":1}").unwrap();
    let output = output_of(child);
    assert_eq!(output.status.code(), Some(6));
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"{\"deed\":1}"[..], &b"err\n"[..]));
}

#[test]
fn an_effect_waits_for_its_lock_and_holds_it_while_anything_of_it_lives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let mark = Mark::new();
    let held = lock::hold(&path).unwrap();
    let script = format!("trap '' TERM; echo begun; {} & wait", mark.sleep());
    let mut child =
        warden(&["--grace-ms", "200", "--lock", path.to_str().unwrap(), "--", "sh", "-c", &script])
            .spawn()
            .unwrap();
    // It is there and waits: nothing else can be seen of a program that is not started.
    eventually("the warden runs", || {
        tree::arguments(child.id()).is_some_and(|args| args.len() > 1)
    });
    assert_eq!(Table::read().unwrap().descendants(child.id()).len(), 0);
    drop(held);
    let mut begun = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut begun).unwrap();
    assert_eq!(lock::hold(&path).unwrap_err().slug(), "locked");
    kill(child.id(), Signal::TERM);
    // Whoever gets the lock finds nothing that lives.
    let taken = lock::hold_waiting(&path).unwrap();
    mark.assert_gone();
    drop(taken);
    assert_eq!(end_of(&mut child).code(), Some(137));
}

#[test]
fn a_warden_that_waits_for_its_lock_ends_with_its_parent_and_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (lock_file, evidence) = (dir.path().join("lock"), dir.path().join("it-ran"));
    let held = lock::hold(&lock_file).unwrap();
    let script = format!(
        "'{}' __warden --parent $$ --lock '{}' -- touch '{}' & echo $!; wait",
        env!("CARGO_BIN_EXE_skep"),
        lock_file.display(),
        evidence.display()
    );
    let mut parent =
        proc::command("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 1];
    let mut pid = String::new();
    while parent.stdout.as_mut().unwrap().read(&mut said).unwrap() == 1 && said[0] != b'\n' {
        pid.push(char::from(said[0]));
    }
    let warden = pid.parse().unwrap();
    eventually("it waits", || {
        tree::arguments(warden).is_some_and(|args| args.get(1).is_some_and(|arg| arg == "__warden"))
    });
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("it is gone", || tree::identity(warden).is_none());
    drop(held);
    assert!(!evidence.exists());
}

#[test]
fn an_effect_ends_when_the_one_that_wants_it_is_killed() {
    let mark = Mark::new();
    let script = format!(
        "'{}' __warden --parent $$ --grace-ms 200 -- sh -c '{} wait' & wait",
        env!("CARGO_BIN_EXE_skep"),
        mark.tree()
    );
    let mut parent = proc::command("sh").args(["-c", &script]).spawn().unwrap();
    mark.wait_for(4);
    parent.kill().unwrap();
    parent.wait().unwrap();
    mark.wait_for(0);
}

#[test]
fn a_warden_of_another_parent_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = dir.path().join("it-ran");
    let mut command = skep();
    command.args(["__warden", "--parent", "1", "--", "touch"]).arg(&evidence);
    assert_eq!(output(&mut command).status.code(), Some(1));
    assert!(!evidence.exists());
}

#[test]
fn a_second_signal_does_not_wait_for_the_grace() {
    let mark = Mark::new();
    let script = format!("trap '' TERM; {} & wait; wait", mark.sleep());
    let mut child = warden(&["--grace-ms", "600000", "--", "sh", "-c", &script]).spawn().unwrap();
    mark.wait_for(1);
    let begun = Instant::now();
    // A burst is one signal; only one that comes later is the second.
    while child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < DEADLINE);
        kill(child.id(), Signal::TERM);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(end_of(&mut child).code(), Some(137));
    mark.assert_gone();
}

#[test]
fn a_program_that_is_asked_last_may_end_by_itself_and_is_asked_if_it_does_not() {
    for (grace, name, told) in [("60000", "done", "ready done "), ("200", "asked", "ready asked ")]
    {
        let dir = tempfile::tempdir().unwrap();
        let slow = dir.path().join("slow");
        // Its input ends with the program that the warden started, or, where it holds the other end itself, never.
        fs::write(
            &slow,
            "#!/bin/sh\ntrap 'echo asked >> log; exit' TERM\necho ready >> log\nread line\necho done >> log\n",
        )
        .unwrap();
        fs::set_permissions(&slow, fs::Permissions::from_mode(0o755)).unwrap();
        let open = if name == "asked" { "<>" } else { "<" };
        let script = format!("mkfifo f; setsid ./slow {open} f & exec 3> f; read go");
        let mut command = warden(&["--last", "slow", "--grace-ms", grace, "--"]);
        let mut child = command
            .args(["sh", "-c", &script])
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let log = || fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        eventually("it is at work", || log().contains("ready"));
        kill(child.id(), Signal::TERM);
        end_of(&mut child);
        assert_eq!(log().replace('\n', " "), told);
    }
}

#[test]
fn a_spared_helper_is_let_go_and_all_else_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (mark, spared) = (Mark::new(), Mark::new());
    let helper = dir.path().join("cache-helper");
    fs::copy("/bin/sleep", &helper).unwrap();
    let script = format!(
        "setsid '{}' {} & {} read go; exit 0",
        helper.display(),
        spared.seconds,
        mark.tree()
    );
    let mut command =
        warden(&["--spare", "cache-helper", "--exit-dir", dir.path().to_str().unwrap(), "--"]);
    let mut child = command.args(["sh", "-c", &script]).stdin(Stdio::piped()).spawn().unwrap();
    mark.wait_for(4);
    spared.wait_for(1);
    drop(child.stdin.take());
    assert_eq!(end_of(&mut child).code(), Some(0));
    mark.assert_gone();
    let left = spared.alive();
    assert_eq!(left.len(), 1);
    let exit: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.path().join("exit.json")).unwrap()).unwrap();
    assert_eq!(exit["spared"], serde_json::json!([format!("cache-helper ({})", left[0])]));
}

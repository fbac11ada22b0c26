use std::{
    fs::File,
    io::{Read, Write},
    os::fd::OwnedFd,
    process::Stdio,
    sync::{Arc, Mutex},
    thread,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::*;

/// A program on a terminal of its own, and what was seen there.
pub(crate) struct Screen {
    pub(crate) keys: File,
    seen: Arc<Mutex<Vec<u8>>>,
    pub(crate) child: Child,
}

impl Screen {
    /// Starts a program as the leader of the terminal's session.
    fn of(program: &[&str]) -> Screen {
        Screen::with(program, &[])
    }

    /// The same, with more in its environment.
    pub(crate) fn with(program: &[&str], vars: &[(&str, &str)]) -> Screen {
        let master: OwnedFd =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let child = proc::command("setsid")
            .args(["--ctty", "--wait"])
            .args(program)
            .env("PS1", "ready> ")
            .env("TERM", "dumb")
            .env("SKEP", env!("CARGO_BIN_EXE_skep"))
            .envs(vars.iter().copied())
            .stdin(Stdio::from(terminal.try_clone().unwrap()))
            .stdout(Stdio::from(terminal.try_clone().unwrap()))
            .stderr(Stdio::from(terminal))
            .spawn()
            .unwrap();
        let keys = File::from(master);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (mut screen, into) = (keys.try_clone().unwrap(), Arc::clone(&seen));
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(bytes) = screen.read(&mut buffer) {
                into.lock().unwrap().extend_from_slice(&buffer[..bytes]);
            }
        });
        Screen { keys, seen, child }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// Waits until `text` was seen after what was seen before.
    #[track_caller]
    pub(crate) fn sees(&self, text: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.text().contains(text) {
            assert!(Instant::now() < until, "`{text}` was never seen in:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn with_a_terminal_the_child_can_read_it_and_the_terminal_comes_back() {
    let script = r#""$SKEP" gatekeeper -- sh -c 'echo child is up; read x; echo "child:<$x>"'; read y; echo "shell:<$y>""#;
    let mut screen = Screen::of(&["sh", "-c", script]);
    screen.sees("child is up");
    screen.type_in("one\n");
    screen.sees("child:<one>");
    screen.type_in("two\n");
    screen.sees("shell:<two>");
    assert_eq!(end_of(&mut screen.child).code(), Some(0));
}

#[test]
fn a_gatekeeper_that_leads_the_terminals_session_lends_it_as_well() {
    let mut screen = Screen::of(&[
        env!("CARGO_BIN_EXE_skep"),
        "gatekeeper",
        "--",
        "sh",
        "-c",
        "read x; echo \"child:<$x>\"; exit 4",
    ]);
    screen.type_in("one\n");
    screen.sees("child:<one>");
    assert_eq!(end_of(&mut screen.child).code(), Some(4));
}

#[test]
fn the_terminal_comes_back_when_either_guard_is_killed() {
    for victim in ["warden", "agent"] {
        let script =
            r#""$SKEP" gatekeeper -- sh -c 'echo child is up; read x'; read y; echo "shell:<$y>""#;
        let mut screen = Screen::of(&["sh", "-c", script]);
        screen.sees("child is up");
        let warden = warden_of(screen.child.id());
        let agent = tree::descendants(warden).unwrap()[0].pid;
        kill(if victim == "warden" { warden } else { agent }, Signal::KILL);
        // An agent that still lives would read what is meant for the shell.
        eventually("the tree is gone", || {
            [warden, agent].iter().all(|pid| tree::identity(*pid).is_none())
        });
        screen.type_in("two\n");
        screen.sees("shell:<two>");
    }
}

#[test]
fn ctrl_c_reaches_the_child_and_its_tree_ends_with_it() {
    let mark = Mark::new();
    let script =
        format!(r#""$SKEP" gatekeeper -- sh -c 'setsid {0} & {0}'; echo "code $?""#, mark.sleep());
    let mut screen = Screen::of(&["sh", "-c", &script]);
    mark.wait_for(2);
    screen.type_in("\x03");
    screen.sees("code 130");
    mark.assert_gone();
}

#[test]
fn a_child_stopped_from_the_terminal_gives_the_shell_its_prompt_and_goes_on_in_the_foreground() {
    let mut screen = Screen::of(&["bash", "--norc", "--noprofile", "-i"]);
    screen.sees("ready> ");
    screen.type_in(
        "\"$SKEP\" gatekeeper -- sh -c 'echo child is u''p; read x; echo \"child:<$x>\"'\n",
    );
    screen.sees("child is up");
    screen.type_in("\x1a");
    screen.sees("Stopped");
    screen.type_in("echo shell is he''re\n");
    screen.sees("shell is here");
    screen.type_in("fg\n");
    screen.type_in("one\n");
    screen.sees("child:<one>");
    screen.type_in("echo shell is ba''ck; exit 0\n");
    screen.sees("shell is back");
    assert_eq!(end_of(&mut screen.child).code(), Some(0));
}

#[test]
fn a_gatekeeper_in_the_background_leaves_the_terminal_where_it_is() {
    let script = r#"set -m; "$SKEP" gatekeeper -- sh -c 'echo child is up; sleep 0.2' & wait $!; read y; echo "shell:<$y>""#;
    let mut screen = Screen::of(&["bash", "-c", script]);
    screen.sees("child is up");
    screen.type_in("two\n");
    screen.sees("shell:<two>");
}

#[test]
fn a_terminal_that_hangs_up_takes_the_tree_with_it() {
    let mark = Mark::new();
    let script =
        format!(r#""$SKEP" gatekeeper -- sh -c 'trap "" HUP; {} {}'"#, mark.tree(), mark.sleep());
    let screen = Screen::of(&["sh", "-c", &script]);
    mark.wait_for(5);
    // The shell is what a terminal's hang-up ends.
    drop(screen);
    mark.wait_for(0);
}

//! The steps that only a process of its own can do: this test binary starts itself again as the agent.

use std::{
    io::{BufReader, Lines},
    os::unix::process::ExitStatusExt,
    process::{Child, ChildStdout},
    time::Instant,
};

use rustix::process::{Pid, Signal, kill_process};

use super::*;

const AS_A_PROGRAM: &str = "scripted::agent::tests::the_agent_as_a_program";

/// Not a test of anything by itself: the program that the others start.
#[test]
#[expect(clippy::disallowed_methods, reason = "it is told by its starter, who is this same file")]
fn the_agent_as_a_program() {
    if std::env::var_os("SKEP_TEST_PLAY").is_some() {
        let setting = Setting {
            dir: PathBuf::from("."),
            script: Some(PathBuf::from("script")),
            ..Setting::default()
        };
        agent(&setting, BufReader::new(io::stdin()), &mut io::stdout());
    }
}

struct Playing {
    dir: tempfile::TempDir,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

fn play(script: &str) -> Playing {
    let dir = tempfile::tempdir().unwrap();
    write_file(&dir.path().join("script"), script.as_bytes(), false).unwrap();
    let mut child = proc::command(std::env::current_exe().unwrap())
        .args([AS_A_PROGRAM, "--exact", "--nocapture"])
        .env_clear()
        .env("SKEP_TEST_PLAY", "1")
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    Playing { dir, child, lines }
}

impl Playing {
    fn until(&mut self, word: &str) {
        let found = self.lines.find(|line| line.as_ref().is_ok_and(|line| line.contains(word)));
        assert!(found.is_some(), "`{word}` was never said");
    }

    fn go(&self) {
        write_file(&self.dir.path().join("go"), b"", false).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The processes whose folder is this one's, the agent itself left out.
    fn left(&self) -> Vec<i32> {
        let dir = self.dir.path().canonicalize().unwrap();
        let pids = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| i64::from(*pid) != i64::from(self.child.id()))
            .filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir))
            .collect()
    }
}

fn session_of(pid: i32) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap().parse().unwrap()
}

#[test]
fn a_crash_and_a_signal_are_deaths_without_an_end() {
    for (step, signal) in [("crash", 6), ("signal 9", 9), ("signal 15", 15)] {
        let mut playing = play(&format!("say before\n{step}\nsay after"));
        playing.until("before");
        let rest: Vec<String> = playing.lines.by_ref().map(Result::unwrap).collect();
        assert!(
            !rest.iter().any(|line| line.contains("after") || line.contains("turn_ended")),
            "{step}: {rest:?}"
        );
        assert_eq!(playing.child.wait().unwrap().signal(), Some(signal), "{step}");
    }
}

#[test]
fn term_is_ignored_from_the_step_on_and_kill_is_not() {
    let mut playing = play("ignore-term\nsay ready\nwait-for go\nsay alive\nhang");
    playing.until("ready");
    playing.signal(Signal::TERM);
    playing.go();
    playing.until("alive");
    playing.signal(Signal::KILL);
    assert_eq!(playing.child.wait().unwrap().signal(), Some(9));
}

#[test]
fn a_forked_process_outlives_the_agent_in_a_session_of_its_own_without_an_environment() {
    let mut playing = play("fork\nsay forked");
    playing.until("forked");
    // It holds nothing of ours open, so the output ends with the agent.
    assert_eq!(
        playing
            .lines
            .by_ref()
            .filter(|line| line.as_ref().is_ok_and(|line| line.contains("forked")))
            .count(),
        0
    );
    assert!(playing.child.wait().unwrap().success());
    let left = playing.left();
    let [pid] = left[..] else { panic!("one is left: {left:?}") };
    assert_eq!(fs::read(format!("/proc/{pid}/environ")).unwrap(), b"");
    let ours = session_of(i32::try_from(std::process::id()).unwrap());
    let deadline = Instant::now() + Duration::from_secs(20);
    // It may have been forked and not have left our session yet.
    while session_of(pid) == ours {
        assert!(Instant::now() < deadline, "it stays in our session");
        thread::yield_now();
    }
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_forked_process_can_hold_the_output_open() {
    let mut playing = play("fork holding stdout\nsay forked");
    playing.until("forked");
    assert!(playing.child.wait().unwrap().success());
    let left = playing.left();
    let [pid] = left[..] else { panic!("one is left: {left:?}") };
    let open = |fd: u32| fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
    assert!(open(1).to_string_lossy().starts_with("pipe:") && open(2) == Path::new("/dev/null"));
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    assert!(playing.lines.all(|line| line.is_ok()), "and then it ends");
}

#[test]
fn a_closed_output_ends_while_the_agent_lives() {
    let mut playing = play("say last\nclose-stdout\nwait-for go");
    playing.until("last");
    assert!(playing.lines.next().is_none(), "the output has ended");
    assert!(playing.child.try_wait().unwrap().is_none(), "the agent lives");
    playing.go();
    assert!(playing.child.wait().unwrap().success());
}

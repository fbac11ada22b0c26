use std::{
    io::Write,
    os::unix::process::CommandExt,
    process::Child,
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use skep_host::proc;

use super::*;

const SOON: Duration = Duration::from_secs(20);

struct Bench {
    dir: tempfile::TempDir,
    ingest: Ingest,
    inbox: Receiver<Inbox>,
    keeper: Child,
    identity: Process,
}

impl Bench {
    /// A keeper that lives until it is killed, and the listening thread.
    fn open() -> Bench {
        let (to, inbox) = mpsc::channel();
        let (ingest, _) = Ingest::start(to).unwrap();
        let keeper = proc::command("sleep").arg("1000").process_group(0).spawn().unwrap();
        let identity = tree::identity(keeper.id()).unwrap();
        Bench { dir: tempfile::tempdir().unwrap(), ingest, inbox, keeper, identity }
    }

    fn watch(&self, after: u64) {
        self.ingest.watch(Watch {
            run: "run_0000000001".parse().unwrap(),
            attempt: 1,
            dir: self.dir.path().to_owned(),
            keeper: Some(self.identity),
            after,
        });
    }

    fn append(&self, bytes: &str) {
        let path = self.dir.path().join("reports.jsonl");
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(bytes.as_bytes()).unwrap();
    }

    fn next(&self) -> (String, Input) {
        let Inbox::Report { key, input, .. } = self.inbox.recv_timeout(SOON).unwrap() else {
            panic!("only reports come from the ingest")
        };
        let fleet::Input::Run { input, .. } = *input else { panic!("reports are about runs") };
        (key, input)
    }

    fn kill_keeper(&mut self) {
        self.keeper.kill().unwrap();
        self.keeper.wait().unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.ingest.close();
        // Killed by the test already, or not.
        let _dead = self.keeper.kill();
        let _reaped = self.keeper.wait();
    }
}

fn line(number: u64, rest: &str) -> String {
    format!("{{\"line\":{number},\"at\":\"2026-11-20T11:43:00.123Z\",{rest}}}\n")
}

const EXIT: &str = r#"{"code":7,"signal":null,"started":"2026-11-20T11:43:00.123Z","ended":"2026-11-20T11:43:01.123Z"}"#;

#[test]
fn a_line_is_heard_once_it_is_whole_and_under_its_own_key() {
    let bench = Bench::open();
    bench.watch(0);
    let whole = line(1, r#""kind":"started","pid":5,"gatekeeper":4"#);
    let (begin, rest) = whole.split_at(30);
    bench.append(begin);
    bench.append(rest);
    let (key, input) = bench.next();
    assert_eq!(key, "run_0000000001/1/line/1");
    assert_eq!(input, Input::Started { attempt: 1, pid: 5, gatekeeper: 4 });
}

#[test]
fn lines_that_were_taken_are_passed_over_and_nonsense_says_nothing() {
    let bench = Bench::open();
    bench.append(&line(1, r#""kind":"started","pid":5,"gatekeeper":4"#));
    bench.append("{\"line\":2,\"at\":\"torn\n");
    bench.append(&line(3, r#""kind":"heard""#));
    bench.watch(1);
    assert_eq!(bench.next().0, "run_0000000001/1/line/3");
}

#[test]
fn a_keeper_that_went_without_a_word_is_told_as_gone() {
    let mut bench = Bench::open();
    bench.watch(0);
    bench.append(&line(1, r#""kind":"started","pid":5,"gatekeeper":4"#));
    bench.next();
    bench.kill_keeper();
    let (key, input) = bench.next();
    assert_eq!(key, "run_0000000001/1/gone");
    assert!(matches!(input, Input::Gone { host_restarted: false, .. }));
}

#[test]
fn what_the_warden_wrote_is_the_word_of_a_keeper_that_was_killed() {
    let mut bench = Bench::open();
    bench.watch(0);
    skep_host::paths::write_atomically(&bench.dir.path().join("exit.json"), EXIT.as_bytes())
        .unwrap();
    bench.kill_keeper();
    let (key, input) = bench.next();
    assert_eq!(key, "run_0000000001/1/exit");
    assert!(matches!(input, Input::Exited { exit, .. } if exit.code == 7));
}

#[test]
fn after_its_exit_line_a_run_is_heard_no_more() {
    let mut bench = Bench::open();
    bench.watch(0);
    bench.append(&line(1, &format!(r#""kind":"exit","exit":{EXIT}"#)));
    assert_eq!(bench.next().0, "run_0000000001/1/line/1");
    bench.kill_keeper();
    bench.watch(1);
    // The same attempt, listened to again: its exit is known, so what is left to tell is that the keeper is gone.
    assert_eq!(bench.next().0, "run_0000000001/1/gone");
}

#[test]
fn a_second_keeper_that_left_at_once_hides_not_the_first_that_works() {
    let mut bench = Bench::open();
    let first = bench.identity;
    let start = serde_json::json!({
        "gatekeeper": {"pid": first.pid, "started": first.started},
        "boot": tree::boot_id().unwrap(),
        "at": "2026-11-20T11:43:00.123Z",
    });
    let path = bench.dir.path().join("start.json");
    skep_host::paths::write_atomically(&path, start.to_string().as_bytes()).unwrap();
    bench.ingest.watch(Watch {
        run: "run_0000000001".parse().unwrap(),
        attempt: 1,
        dir: bench.dir.path().to_owned(),
        keeper: Some(Process { pid: u32::MAX >> 2, started: 1 }),
        after: 0,
    });
    bench.append(&line(1, r#""kind":"heard""#));
    assert_eq!(bench.next().0, "run_0000000001/1/line/1");
    bench.kill_keeper();
    assert_eq!(bench.next().0, "run_0000000001/1/gone");
}

use std::{
    io::{BufReader, Read, Write},
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
};

use skep_api::{
    ctl::{
        Answer, Control,
        frame::{Frame, Frames},
    },
    spec::{PromptBy, Size},
    wire,
};

use super::{run::Attempt, *};

const SIZE: Size = Size { cols: 80, rows: 24 };

/// An attempt on a terminal, ended when it is dropped.
pub(crate) struct Live {
    pub(crate) attempt: Attempt,
    pub(crate) child: Child,
}

impl Live {
    pub(crate) fn new(script: &str) -> Live {
        Live::with(script, |_| {})
    }

    pub(crate) fn with(script: &str, change: impl FnOnce(&mut Attempt)) -> Live {
        let mut attempt = Attempt::new("pty", script);
        attempt.spec.prompt = PromptBy::None;
        attempt.spec.terminal = Some(SIZE);
        attempt.spec.env.insert("LC_ALL".to_owned(), "C.UTF-8".to_owned());
        change(&mut attempt);
        let child = attempt.start();
        attempt.wait_for_report("started");
        Live { attempt, child }
    }

    /// Waits until the agent has written a file, and returns it.
    #[track_caller]
    fn file(&self, name: &str, length: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        eventually(&format!("{length} bytes of {name}"), || {
            bytes = fs::read(self.attempt.path(name)).unwrap_or_default();
            bytes.len() >= length
        });
        bytes
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.attempt.path("tty.log")).unwrap()).into_owned()
    }

    #[track_caller]
    fn logs(&self, text: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.log().contains(text) {
            assert!(Instant::now() < until, "`{text}` was never in:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn attach(&self, size: Size) -> Looker {
        Looker::new(self.knock(size), size)
    }

    fn knock(&self, size: Size) -> UnixStream {
        let stream = UnixStream::connect(&self.attempt.spec.socket).unwrap();
        wire::send(&mut &stream, &Control::Attach { cols: size.cols, rows: size.rows }).unwrap();
        stream
    }

    fn send(&self, id: &str, text: &str) -> Answer {
        let (id, text) = (id.to_owned(), text.to_owned());
        self.attempt.ask(&Control::Send { epoch: 5, id, text, steer: false })
    }

    /// The memory that the keeper has written. KiB. A page of its program is its alone only while nobody else runs the
    /// same program.
    fn private_kib(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("Private_Dirty:"));
        lines.map(|line| line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            // Not by its socket: it may be at its very end.
            kill(self.child.id(), Signal::TERM);
            end_of(&mut self.child);
        }
    }
}

/// A viewer with a terminal in memory.
struct Looker {
    stream: UnixStream,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    terminal: vt100::Parser,
    bytes: Vec<u8>,
    exit: Option<i32>,
    over: bool,
}

impl Looker {
    fn new(stream: UnixStream, size: Size) -> Looker {
        let mut from = BufReader::new(stream.try_clone().unwrap());
        let answer: Answer = wire::receive(&mut from).unwrap().unwrap();
        assert_eq!(answer, Answer::Accepted {});
        let terminal = vt100::Parser::new(size.rows, size.cols, 0);
        let seen = Seen { terminal, bytes: Vec::new(), exit: None, over: false };
        let seen = Arc::new(Mutex::new(seen));
        let into = Arc::clone(&seen);
        thread::spawn(move || {
            let (mut frames, mut buffer) = (Frames::default(), [0; 4096]);
            loop {
                let bytes = from.read(&mut buffer).unwrap_or(0);
                frames.push(&buffer[..bytes]);
                let mut seen = into.lock().unwrap();
                while let Some(frame) = frames.take().unwrap() {
                    match frame {
                        Frame::Output(bytes) => {
                            seen.terminal.process(&bytes);
                            seen.bytes.extend(bytes);
                        }
                        Frame::Exit(code) => seen.exit = Some(code),
                        Frame::Resize(size) => {
                            seen.terminal.screen_mut().set_size(size.rows, size.cols);
                        }
                        other => panic!("{other:?}"),
                    }
                }
                seen.over = bytes == 0;
                if seen.over {
                    return;
                }
            }
        });
        Looker { stream, seen }
    }

    fn say(&self, frame: &Frame) {
        (&self.stream).write_all(&frame.spell()).unwrap();
    }

    fn type_in(&self, keys: &str) {
        self.say(&Frame::Input(keys.as_bytes().to_vec()));
    }

    fn text(&self) -> String {
        self.seen.lock().unwrap().terminal.screen().contents()
    }

    /// All that makes up its screen.
    fn state(&self) -> String {
        let seen = self.seen.lock().unwrap();
        String::from_utf8(seen.terminal.screen().state_formatted()).unwrap()
    }

    #[track_caller]
    fn sees(&self, text: &str) {
        let until = Instant::now() + DEADLINE;
        while !self.text().contains(text) {
            assert!(Instant::now() < until, "`{text}` was never seen in:\n{}", self.text());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn exit(&self) -> Option<i32> {
        eventually("the connection ends", || self.seen.lock().unwrap().over);
        self.seen.lock().unwrap().exit
    }
}

/// Reads as many bytes as wanted from the terminal into a file, after asking something.
fn asking(query: &str, wanted: usize) -> String {
    format!(
        "stty raw -echo; printf '{query}'; dd bs=1 count={wanted} of=answer 2>/dev/null; sleep 600"
    )
}

#[test]
fn the_agent_leads_a_session_on_a_terminal_of_its_own_of_the_size_and_kind_it_is_told() {
    let live = Live::new(
        "tty; stty size; echo $TERM; cut -d' ' -f1,6,8 /proc/$$/stat; for f in 0 1 2; do test -t $f || echo not $f; done; echo end; sleep 600",
    );
    live.logs("end");
    let log = live.log();
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].starts_with("/dev/pts/"), "{lines:?}");
    assert_eq!(lines[1..3], ["24 80", "xterm-256color"]);
    let ids: Vec<&str> = lines[3].split(' ').collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "leader, session, foreground: {ids:?}");
    assert_eq!(lines[4], "end");
}

#[test]
fn an_agent_that_ends_leaves_its_bytes_its_last_line_and_how_it_ended() {
    let live = Live::new("printf 'working\\r\\n\\033[31mAll done.\\033[m\\r\\n\\r\\n'; exit 7");
    live.attempt.wait_for_report("exit");
    assert_eq!(live.log(), "working\r\r\n\x1b[31mAll done.\x1b[m\r\r\n\r\r\n");
    let journal = live.attempt.journal();
    let said: Vec<&str> = journal
        .iter()
        .filter(|line| line["kind"] == "said")
        .filter_map(|line| line["text"].as_str())
        .collect();
    assert_eq!(said, ["All done."]);
    assert_eq!(live.attempt.kinds("reports.jsonl"), ["started", "turn_ended", "exit"]);
    assert_eq!(live.attempt.reports()[1]["result"], "failed");
    assert_eq!(live.attempt.exit().code, 7);
}

#[test]
fn a_terminals_queries_are_answered_with_nobody_there() {
    let live = Live::new(&asking("ab\\033[6n\\033[c\\033]11;?\\007\\033[5n", 6 + 9 + 25 + 4));
    let answer = live.file("answer", 44);
    assert_eq!(
        String::from_utf8(answer).unwrap(),
        "\x1b[1;3R\x1b[?62;22c\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[0n"
    );
}

#[test]
fn with_viewers_attached_a_query_is_answered_once_and_no_viewer_is_asked() {
    let live = Live::new(&format!(
        "while [ ! -e go ]; do sleep 0.01; done; {}",
        asking("\\033[6nshown\\033[6n", 13)
    ));
    let viewers = [live.attach(SIZE), live.attach(SIZE)];
    put(live.attempt.path("go"), "");
    assert_eq!(live.file("answer", 12), b"\x1b[1;1R\x1b[1;6R");
    for viewer in &viewers {
        viewer.sees("shown");
        let seen = viewer.seen.lock().unwrap();
        assert!(!seen.bytes.windows(2).any(|two| two == b"6n"), "no query came through");
    }
    // What is typed is the next that the agent reads: there was no third answer before it.
    viewers[0].type_in("!");
    assert_eq!(live.file("answer", 13), b"\x1b[1;1R\x1b[1;6R!");
}

#[test]
fn two_viewers_see_the_same_and_the_last_active_one_sets_the_size() {
    let live = Live::new(
        "trap 'echo size $(stty size)' WINCH; while :; do read line && echo \"<$line>\"; done",
    );
    let small = live.attach(Size { cols: 40, rows: 10 });
    small.sees("size 10 40");
    let large = live.attach(Size { cols: 100, rows: 30 });
    large.sees("size 30 100");
    small.type_in("hello\r");
    small.sees("<hello>");
    large.sees("<hello>");
    large.sees("size 10 40");
    large.say(&Frame::Resize(Size { cols: 90, rows: 20 }));
    large.sees("size 20 90");
    small.sees("size 20 90");
    large.say(&Frame::Detach);
    small.sees("size 10 40\n");
    large.exit();
    small.type_in("still here\r");
    small.sees("<still here>");
}

#[test]
fn one_that_only_looks_has_no_say_in_the_size_and_types_nothing() {
    let live = Live::new(
        "trap 'echo size $(stty size)' WINCH; echo up; while :; do read line && echo \"<$line>\"; done",
    );
    let person = live.attach(Size { cols: 100, rows: 30 });
    person.sees("size 30 100");
    let stream = UnixStream::connect(&live.attempt.spec.socket).unwrap();
    wire::send(&mut &stream, &Control::Look {}).unwrap();
    let looker = Looker::new(stream, SIZE);
    looker.sees("size 30 100");
    let size = || looker.seen.lock().unwrap().terminal.screen().size();
    assert_eq!(size(), (30, 100));
    person.say(&Frame::Resize(Size { cols: 90, rows: 20 }));
    looker.sees("size 20 90");
    assert_eq!(size(), (20, 90));
    looker.type_in("never\r");
    looker.exit();
    person.type_in("still\r");
    person.sees("<still>");
    assert!(!live.log().contains("never"));
}

#[test]
fn a_viewer_that_breaks_off_stops_nothing() {
    let live = Live::new("while :; do read line && echo \"<$line>\"; done");
    for frame in [&b"i\0\0\0\x05half"[..], b"", b"?!\0\0\0\0"] {
        let stream = live.knock(SIZE);
        (&stream).write_all(frame).unwrap();
        drop(stream);
    }
    let viewer = live.attach(SIZE);
    viewer.type_in("on\r");
    viewer.sees("<on>");
}

#[test]
fn a_viewer_that_does_not_read_blocks_nobody_and_sees_the_screen_when_it_does() {
    let live = Live::new(
        "while [ ! -e go ]; do sleep 0.01; done; head -c 3000000 /dev/zero | tr '\\0' x | fold -w 79; echo the end; touch done; sleep 600",
    );
    let stream = live.knock(SIZE);
    let quick = live.attach(SIZE);
    put(live.attempt.path("go"), "");
    quick.sees("the end");
    eventually("the agent went on", || live.attempt.path("done").exists());
    let slow = Looker::new(stream, SIZE);
    slow.sees("the end");
    eventually("both see the same", || slow.state() == quick.state());
    let seen = slow.seen.lock().unwrap().bytes.len();
    assert!(seen < 1_500_000, "most of it was never kept for it: {seen}");
}

#[test]
fn a_flood_takes_no_memory_and_what_the_log_cannot_hold_is_counted() {
    let flood: u64 = 50_000_000;
    let live = Live::with(
        &format!(
            "echo first; while [ ! -e go ]; do sleep 0.01; done; head -c {flood} /dev/zero | tr '\\0' x | fold -w 999; echo the end; while [ ! -e go-on ]; do sleep 0.01; done"
        ),
        |attempt| attempt.spec.limits.journal_bytes = 1_000_000,
    );
    live.logs("first");
    let stopped = live.knock(SIZE);
    let quick = live.attach(SIZE);
    quick.sees("first");
    let before = live.private_kib();
    put(live.attempt.path("go"), "");
    let mut most = before;
    let until = Instant::now() + 3 * DEADLINE;
    while !quick.text().contains("the end") {
        assert!(Instant::now() < until);
        most = most.max(live.private_kib());
        quick.seen.lock().unwrap().bytes.clear();
        thread::sleep(Duration::from_millis(20));
    }
    put(live.attempt.path("go-on"), "");
    assert!(most < before + 4000, "{before} KiB grew to {most}");
    live.attempt.wait_for_report("exit");
    assert_eq!(fs::metadata(live.attempt.path("tty.log")).unwrap().len(), 1_000_000);
    let journal = live.attempt.journal();
    let dropped = journal.iter().find(|line| line["kind"] == "dropped").unwrap();
    assert_eq!(dropped["why"], "tty.log is full");
    assert!(dropped["bytes"].as_u64().unwrap() > flood - 1_000_000);
    drop(stopped);
}

#[test]
fn a_prompt_is_typed_once_the_terminal_is_quiet() {
    let live = Live::with(
        "stty -echo; echo loading; sleep 0.2; printf '> '; read one; read two; echo \"got:$one+$two\"",
        |attempt| attempt.spec.prompt = PromptBy::Stdin,
    );
    assert_eq!(live.send("m1", "the next"), Answer::Queued {}, "behind the prompt");
    live.attempt.wait_for_report("exit");
    assert!(live.log().contains("> got:do it+the next"), "{}", live.log());
    let reports = live.attempt.reports();
    let delivered = reports.iter().find(|line| line["kind"] == "delivered").unwrap();
    assert_eq!(
        (delivered["id"].as_str(), delivered["text"].as_str()),
        (Some("m1"), Some("the next"))
    );
    assert_eq!(
        live.attempt.kinds("reports.jsonl"),
        ["started", "message", "delivered", "turn_ended", "exit"]
    );
}

#[test]
fn a_message_is_one_paste_that_nothing_in_it_can_end_and_enter_comes_behind_it() {
    let pasted = b"\x1b[200~one[201~two\n\tthree\x1b[201~\r";
    let live = Live::new(&asking("\\033[?2004hready", pasted.len()));
    live.logs("ready");
    let hostile = "one\x1b[201~\0two\x03\r\n\tthree\n";
    let answer = live.send("m1", hostile);
    assert!([Answer::Accepted {}, Answer::Queued {}].contains(&answer), "{answer:?}");
    assert_eq!(live.send("m1", "again"), Answer::Accepted {}, "an id counts once");
    assert_eq!(live.file("answer", pasted.len()), pasted);
    live.attempt.wait_for_report("delivered");
}

#[test]
fn a_message_waits_while_somebody_types() {
    let live = Live::new("while :; do read line && echo \"<$line>\"; done");
    let viewer = live.attach(SIZE);
    // So that the terminal is quiet and ready.
    viewer.type_in("x\r");
    viewer.sees("<x>");
    live.send("m0", "first");
    live.attempt.wait_for_report("delivered");
    viewer.sees("<first>");
    viewer.type_in("half a ");
    viewer.sees("half a ");
    assert_eq!(live.send("m1", "message"), Answer::Queued {});
    viewer.type_in("word\r");
    viewer.sees("<half a word>");
    viewer.sees("<message>");
}

#[test]
fn whoever_attaches_again_sees_exactly_what_stood_there_with_every_mode() {
    let live = Live::new(
        "stty -echo; printf 'shell text'; printf '\\033[?1049h\\033[2J\\033[3;4Hfull \\033[1;32mscreen\\033[m \\033[?1002h\\033[?1006h\\033[?2004h\\033[?1h\\033[?25l\\033]2;my title\\007\\033[5;20r\\033[7;7H'; read x; printf '\\n%s' \"$x\"; read y; printf '\\033[?1049l\\033[?25h%s' \"$y\"; sleep 600",
    );
    let first = live.attach(SIZE);
    first.sees("full screen");
    eventually("the whole of it", || live.log().contains("7;7H"));
    let second = live.attach(SIZE);
    second.sees("full screen");
    eventually("the same screen", || first.state() == second.state());
    {
        let seen = second.seen.lock().unwrap();
        let screen = seen.terminal.screen();
        assert!(screen.bracketed_paste() && screen.hide_cursor() && screen.application_cursor());
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::ButtonMotion);
        assert_eq!(screen.mouse_protocol_encoding(), vt100::MouseProtocolEncoding::Sgr);
        assert_eq!(screen.cursor_position(), (6, 6));
        assert!(String::from_utf8_lossy(&seen.bytes).contains("my title"));
    }
    second.say(&Frame::Detach);
    second.exit();
    let third = live.attach(SIZE);
    first.type_in("more\r");
    for viewer in [&first, &third] {
        viewer.sees("more");
    }
    eventually("the same screen", || first.state() == third.state());
    third.type_in("back\r");
    for viewer in [&first, &third] {
        viewer.sees("shell textback");
        assert!(!viewer.text().contains("full"), "the other screen is gone");
    }
    eventually("the same screen", || first.state() == third.state());
}

#[test]
fn an_interactive_shell_has_job_control_and_ctrl_c_is_for_what_stands_in_front() {
    let mark = Mark::new();
    let live = Live::with("", |attempt| {
        attempt.spec.argv = ["bash", "--norc", "--noprofile", "-i"].map(str::to_owned).to_vec();
        attempt.spec.env.insert("PS1".to_owned(), "ready> ".to_owned());
    });
    let viewer = live.attach(SIZE);
    viewer.sees("ready> ");
    assert!(!viewer.text().contains("job control"), "{}", viewer.text());
    viewer.type_in(&format!("{}\r", mark.sleep()));
    mark.wait_for(1);
    viewer.type_in("\x03");
    mark.wait_for(0);
    viewer.type_in("echo code $?\r");
    viewer.sees("code 130");
    viewer.type_in(&format!("{}\r", mark.sleep()));
    mark.wait_for(1);
    viewer.type_in("\x1a");
    viewer.sees("Stopped");
    viewer.type_in("kill %1; echo a''live; exit 3\r");
    viewer.sees("alive");
    viewer.type_in("exit 3\r");
    assert_eq!(viewer.exit(), Some(3));
    mark.assert_gone();
}

#[test]
fn whichever_guard_of_a_terminal_is_killed_the_other_ends_the_tree() {
    for keeper_dies in [true, false] {
        let mark = Mark::new();
        let script = format!(
            "trap '' HUP; {} setsid sh -c 'trap \"\" TERM HUP; {}' & wait",
            mark.tree(),
            mark.sleep()
        );
        let mut live = Live::new(&script);
        let viewer = live.attach(SIZE);
        mark.wait_for(5);
        let warden = warden_of(live.child.id());
        kill(if keeper_dies { live.child.id() } else { warden }, Signal::KILL);
        end_of(&mut live.child);
        let held = skep_host::lock::hold_waiting(&live.attempt.spec.lock).unwrap();
        mark.assert_gone();
        assert!(live.attempt.exit().forced);
        // A keeper that was killed says nothing more.
        assert_eq!(viewer.exit().is_none(), keeper_dies);
        drop(held);
    }
}

#[test]
fn a_stop_ends_a_terminals_tree_and_its_viewers_are_told() {
    let mark = Mark::new();
    let mut live = Live::new(&format!(
        "trap 'exit 9' TERM; echo up; {} while :; do sleep 0.05; done",
        mark.tree()
    ));
    let viewer = live.attach(SIZE);
    viewer.sees("up");
    mark.wait_for(4);
    assert_eq!(live.attempt.ask(&Control::Stop { epoch: 5, force: false }), Answer::Accepted {});
    assert_eq!(viewer.exit(), Some(9));
    end_of(&mut live.child);
    mark.assert_gone();
    assert!(!live.attempt.spec.socket.exists());
}

#[test]
fn an_agent_on_pipes_has_no_terminal_to_look_at() {
    let attempt = Attempt::new("plain", "sleep 600");
    let mut child = attempt.start();
    attempt.wait_for_report("started");
    match attempt.ask(&Control::Attach { cols: 80, rows: 24 }) {
        Answer::Refused { slug, .. } => assert_eq!(slug, "not-a-terminal"),
        other => panic!("{other:?}"),
    }
    attempt.ask(&Control::Stop { epoch: 5, force: true });
    end_of(&mut child);
}

#[test]
fn a_terminal_and_its_protocol_go_together_or_nothing_starts() {
    for (protocol, terminal) in [("plain", Some(SIZE)), ("pty", None)] {
        let mut attempt = Attempt::new(protocol, "echo ran >>evidence");
        attempt.spec.terminal = terminal;
        let refused = output(&mut attempt.keeper());
        assert!(String::from_utf8_lossy(&refused.stderr).contains("error[spec-unreadable]"));
        assert!(!attempt.path("evidence").exists() && !attempt.path("start.json").exists());
    }
}

use std::{
    collections::BTreeMap, fs, io::BufReader, os::unix::net::UnixStream, path::PathBuf,
    time::Instant,
};

use serde_json::Value;
use skep_api::{
    ctl::{Answer, Control},
    spec::{Doubt, Doubts, Fence, Limits, PromptBy, Spec, VERSION},
    wire,
};
use skep_core::{facts::Exit, id::RunId};
use skep_host::{cgroup, fence, lock};

use super::*;

/// One attempt of a run, in a folder of its own, that runs a shell script.
pub(crate) struct Attempt {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) spec: Spec,
}

impl Attempt {
    pub(crate) fn new(protocol: &str, script: &str) -> Attempt {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())]);
        let spec = Spec {
            permissions: skep_core::run::Permissions::Auto,
            policy: None,
            conversation: None,
            signs: None,
            goes_on: false,
            carries: Vec::new(),
            doubts: None,
            lent: None,
            secrets: Vec::new(),
            held: None,
            version: VERSION,
            run: RunId::new([7; 10]),
            kind: skep_core::run::Kind::Code,
            attempt: 1,
            epoch: 5,
            protocol: protocol.to_owned(),
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env,
            cwd: dir.path().to_owned(),
            worktree: None,
            lock: path("lock"),
            base_oid: None,
            prompt_file: path("prompt.md"),
            prompt: PromptBy::Stdin,
            socket: path("ctl"),
            dir: dir.path().to_owned(),
            limits: Limits {
                grace_ms: 200,
                idle_ms: 600_000,
                turn_ms: 0,
                usage_ms: 0,
                ready_ms: 0,
                tool_idle_ms: 600_000,
                journal_bytes: 1 << 30,
            },
            spare: Vec::new(),
            terminal: None,
            fence: None,
        };
        put(path("prompt.md"), "do it\n");
        Attempt { dir, spec }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn keeper(&self) -> Command {
        put(self.path("spec.json"), serde_json::to_vec(&self.spec).unwrap());
        let mut command = skep();
        command.env_clear().arg("__keeper").arg(self.dir.path());
        command
    }

    /// Runs it to its end and returns the exit that was recorded.
    #[track_caller]
    pub(crate) fn run(&self) -> Exit {
        let output = output(&mut self.keeper());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        self.exit()
    }

    pub(crate) fn start(&self) -> Child {
        self.keeper().spawn().unwrap()
    }

    #[track_caller]
    pub(crate) fn exit(&self) -> Exit {
        serde_json::from_slice(&fs::read(self.path("exit.json")).unwrap()).unwrap()
    }

    pub(crate) fn lines(&self, file: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn reports(&self) -> Vec<Value> {
        self.lines("reports.jsonl")
    }

    pub(crate) fn journal(&self) -> Vec<Value> {
        self.lines("journal.jsonl")
    }

    pub(crate) fn kinds(&self, file: &str) -> Vec<String> {
        self.lines(file).iter().map(|line| line["kind"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn wait_for_report(&self, kind: &str) {
        eventually(&format!("a report of kind {kind}"), || {
            self.kinds("reports.jsonl").iter().any(|have| have == kind)
        });
    }

    pub(crate) fn ask(&self, control: &Control) -> Answer {
        let mut stream = None;
        eventually("the control socket answers", || {
            stream = UnixStream::connect(&self.spec.socket).ok();
            stream.is_some()
        });
        let mut stream = stream.unwrap();
        wire::send(&mut stream, control).unwrap();
        wire::receive(&mut BufReader::new(stream)).unwrap().unwrap()
    }

    #[track_caller]
    pub(crate) fn assert_numbered(&self) {
        for file in ["reports.jsonl", "journal.jsonl"] {
            for (at, line) in self.lines(file).iter().enumerate() {
                assert_eq!(line["line"], at as u64 + 1, "{file} has no gap");
            }
        }
    }
}

fn slug_of(answer: Answer) -> String {
    match answer {
        Answer::Refused { slug, .. } => slug,
        other => panic!("accepted: {other:?}"),
    }
}

#[test]
fn an_attempt_is_recorded_from_its_start_to_its_exit() {
    let attempt = Attempt::new("plain", "cat; echo to-err >&2; pwd; exit 7");
    let exit = attempt.run();
    assert_eq!((exit.code, exit.signal, exit.forced, exit.error), (7, None, false, None));
    assert!(exit.started <= exit.ended);
    assert_eq!(attempt.kinds("reports.jsonl"), ["started", "turn_ended", "exit"]);
    let said: Vec<String> = attempt
        .journal()
        .iter()
        .filter_map(|line| Some(format!("{}:{}", line["kind"].as_str()?, line["text"].as_str()?)))
        .collect();
    assert!(said.contains(&"output:do it".to_owned()), "{said:?}");
    assert!(said.contains(&"stderr:to-err".to_owned()));
    assert!(
        said.contains(&format!("output:{}", attempt.dir.path().canonicalize().unwrap().display()))
    );
    assert_eq!(attempt.reports()[2]["exit"]["code"], 7);
    attempt.assert_numbered();
    assert!(!attempt.spec.socket.exists());
    lock::hold(&attempt.spec.lock).unwrap();
}

#[test]
fn an_agent_killed_by_a_signal_leaves_a_record_of_it() {
    let exit = Attempt::new("plain", "kill -9 $$").run();
    assert_eq!((exit.code, exit.signal, exit.forced), (137, Some(9), false));
    assert!(exit.started <= exit.ended);
}

#[test]
fn an_agent_that_cannot_be_started_is_an_exit_with_its_reason() {
    let mut attempt = Attempt::new("plain", "");
    attempt.spec.argv = vec!["/nowhere/agent".to_owned()];
    assert_eq!(output(&mut attempt.keeper()).status.code(), Some(1));
    let exit = attempt.exit();
    assert!(exit.code == 1 && exit.error.unwrap().contains("/nowhere/agent"));
    assert_eq!(attempt.kinds("reports.jsonl"), ["exit"]);
    let mut attempt = Attempt::new("plain", "");
    attempt.spec.cwd = "/nowhere/at/all".into();
    assert_eq!(output(&mut attempt.keeper()).status.code(), Some(1));
    assert!(attempt.exit().error.unwrap().contains("/nowhere/at/all"));
}

#[test]
fn an_attempt_starts_at_most_once() {
    let attempt = Attempt::new("plain", "echo ran >>evidence");
    attempt.run();
    let again = output(&mut attempt.keeper());
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("error[attempt-started]"));
    assert_eq!(fs::read_to_string(attempt.path("evidence")).unwrap(), "ran\n");
    assert_eq!(attempt.kinds("reports.jsonl").len(), 3, "the second keeper wrote nothing");
}

#[test]
fn two_keepers_at_once_start_one_agent() {
    let attempt = Attempt::new("plain", "echo ran >>evidence; sleep 0.3");
    let mut both = [attempt.start(), attempt.start()];
    let codes: Vec<_> = both.iter_mut().map(|child| end_of(child).code().unwrap()).collect();
    assert!(codes.contains(&0) && codes.contains(&1), "{codes:?}");
    assert_eq!(fs::read_to_string(attempt.path("evidence")).unwrap(), "ran\n");
}

#[test]
fn a_held_lock_or_a_spec_of_another_version_starts_nothing() {
    let attempt = Attempt::new("plain", "echo ran >>evidence");
    let held = lock::hold(&attempt.spec.lock).unwrap();
    let refused = output(&mut attempt.keeper());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("error[locked]"));
    assert!(!attempt.path("start.json").exists(), "it may still be started once");
    drop(held);
    let mut newer = Attempt::new("plain", "echo ran >>evidence");
    newer.spec.version = VERSION + 1;
    let refused = output(&mut newer.keeper());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("error[spec-unreadable]"));
    assert!(
        !attempt.path("evidence").exists()
            && !newer.path("evidence").exists()
            && !newer.path("start.json").exists()
    );
}

#[test]
fn start_json_names_the_keeper_before_the_agent_runs() {
    let attempt = Attempt::new("plain", "cp start.json seen-at-start");
    let mut child = attempt.start();
    let pid = child.id();
    end_of(&mut child);
    let seen: skep_api::journal::Start =
        serde_json::from_slice(&fs::read(attempt.path("seen-at-start")).unwrap()).unwrap();
    assert_eq!(seen.gatekeeper.pid, pid);
    assert_eq!(seen.boot, tree::boot_id().unwrap());
}

#[test]
fn the_agent_inherits_neither_the_lock_nor_anything_of_its_guards() {
    let attempt = Attempt::new(
        "plain",
        "ls -l /proc/self/fd | grep -c lock; cat /proc/self/environ | tr '\\0' '\\n' | cut -d= -f1 | sort | tr '\\n' ' '",
    );
    attempt.run();
    let said: Vec<String> = attempt
        .journal()
        .iter()
        .filter(|line| line["kind"] == "output")
        .map(|line| line["text"].to_string())
        .collect();
    assert_eq!(said[0], "\"0\"");
    // What is not the spec's is the shell's own.
    let names = said[1]
        .trim_matches(['"', ' '])
        .split(' ')
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(names.collect::<Vec<_>>(), ["PATH", "SKEP_KEEPER"]);
}

#[test]
fn whichever_guard_of_a_run_is_killed_the_other_ends_the_tree_and_says_how_it_ended() {
    for keeper_dies in [true, false] {
        let mark = Mark::new();
        let attempt = Attempt::new(
            "plain",
            &format!("{} setsid sh -c 'trap \"\" TERM; {}' & wait", mark.tree(), mark.sleep()),
        );
        let mut child = attempt.start();
        mark.wait_for(5);
        attempt.wait_for_report("started");
        let warden = warden_of(child.id());
        kill(if keeper_dies { child.id() } else { warden }, Signal::KILL);
        end_of(&mut child);
        // The lock is the promise: whoever gets it finds nothing that lives, and the record of the end.
        let held = lock::hold_waiting(&attempt.spec.lock).unwrap();
        mark.assert_gone();
        let exit = attempt.exit();
        assert_eq!((exit.code, exit.signal, exit.forced), (143, Some(15), true));
        eventually("both guards are gone", || tree::identity(warden).is_none());
        assert_eq!(attempt.kinds("reports.jsonl").contains(&"exit".to_owned()), !keeper_dies);
        drop(held);
    }
}

#[test]
fn a_run_outlives_whoever_started_it_and_its_terminal() {
    let attempt = Attempt::new("plain", "while [ ! -e go ]; do sleep 0.01; done; echo done");
    attempt.keeper();
    let script = format!(
        "'{}' __keeper '{}' & wait",
        env!("CARGO_BIN_EXE_skep"),
        attempt.dir.path().display()
    );
    let mut parent = proc::command("setsid").args(["--wait", "sh", "-c", &script]).spawn().unwrap();
    attempt.wait_for_report("started");
    let keeper = u32::try_from(attempt.reports()[0]["gatekeeper"].as_u64().unwrap()).unwrap();
    assert_eq!(
        Table::read().unwrap().row(keeper).unwrap().session,
        keeper,
        "it leads a session of its own"
    );
    parent.kill().unwrap();
    parent.wait().unwrap();
    kill(keeper, Signal::HUP);
    put(attempt.path("go"), "");
    attempt.wait_for_report("exit");
    assert_eq!(attempt.exit().code, 0);
}

#[test]
fn a_cancelled_run_leaves_no_process_and_its_usage() {
    let mark = Mark::new();
    let usage = r#"{"kind":"usage","usage":{"input_tokens":11,"output_tokens":3,"cost_usd":null}}"#;
    let script =
        format!("echo '{usage}'; {} trap '' TERM; {} & wait; wait", mark.tree(), mark.sleep());
    let attempt = Attempt::new("scripted", &script);
    let mut child = attempt.start();
    mark.wait_for(5);
    eventually("the usage was heard", || {
        attempt.kinds("journal.jsonl").contains(&"usage".to_owned())
    });
    assert!(
        !attempt.kinds("reports.jsonl").contains(&"usage".to_owned()),
        "a total is reported when a turn ends"
    );
    let asked = Instant::now();
    assert_eq!(attempt.ask(&Control::Stop { epoch: 5, force: false }), Answer::Accepted {});
    end_of(&mut child);
    assert!(asked.elapsed() < Duration::from_secs(10));
    mark.assert_gone();
    let exit = attempt.exit();
    assert!(exit.forced && exit.signal == Some(9), "{exit:?}");
    let reports = attempt.reports();
    let usage = reports.iter().find(|line| line["kind"] == "usage").unwrap();
    assert_eq!(usage["usage"]["input_tokens"], 11);
    assert_eq!(reports.last().unwrap()["kind"], "exit");
}

#[test]
fn a_stop_by_force_does_not_wait_for_the_grace() {
    for by_signal in [false, true] {
        let mark = Mark::new();
        let mut attempt =
            Attempt::new("plain", &format!("trap '' TERM; {} & wait; wait", mark.sleep()));
        attempt.spec.limits.grace_ms = 600_000;
        let mut child = attempt.start();
        mark.wait_for(1);
        attempt.wait_for_report("started");
        if by_signal {
            // The second is by force, however soon it comes; two that come at once may be one.
            while child.try_wait().unwrap().is_none() {
                kill(child.id(), Signal::TERM);
                thread::sleep(Duration::from_millis(20));
            }
        } else {
            attempt.ask(&Control::Stop { epoch: 5, force: false });
            attempt.ask(&Control::Stop { epoch: 5, force: true });
        }
        end_of(&mut child);
        mark.assert_gone();
        assert_eq!(attempt.exit().signal, Some(9));
    }
}

#[test]
fn a_grandchild_that_keeps_the_output_open_does_not_delay_the_end() {
    let mark = Mark::new();
    let attempt = Attempt::new(
        "plain",
        &format!("setsid sh -c 'trap \"\" TERM; {}' & echo bye; exit 0", mark.sleep()),
    );
    let begun = Instant::now();
    let exit = attempt.run();
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "within the grace, and a little for a slow machine"
    );
    assert_eq!((exit.code, exit.forced), (0, false));
    mark.assert_gone();
    assert!(attempt.journal().iter().any(|line| line["text"] == "bye"));
}

#[test]
fn a_spared_helper_that_keeps_the_output_open_does_not_delay_the_end_and_is_named() {
    let mark = Mark::new();
    let mut attempt = Attempt::new("plain", "");
    let helper = attempt.path("cache-helper");
    fs::copy("/bin/sleep", &helper).unwrap();
    attempt.spec.argv[2] = format!(
        "setsid '{}' {} & while [ ! -e go ]; do sleep 0.01; done; echo bye",
        helper.display(),
        mark.seconds
    );
    attempt.spec.spare = vec!["cache-helper".to_owned()];
    let mut child = attempt.start();
    mark.wait_for(1);
    // It is the helper by now, no longer the shell that forked it.
    eventually("the helper bears its name", || {
        mark.alive()
            .first()
            .and_then(|pid| tree::row(*pid))
            .is_some_and(|row| row.comm == "cache-helper")
    });
    put(attempt.path("go"), "");
    end_of(&mut child);
    assert_eq!(attempt.exit().spared, [format!("cache-helper ({})", mark.alive()[0])]);
    assert!(attempt.journal().iter().any(|line| line["text"] == "bye"));
}

#[test]
fn a_prompt_of_a_mebibyte_meets_an_agent_that_writes_before_it_reads() {
    // It fills its own pipe and more before it reads a byte, then says how much it read.
    let attempt = Attempt::new(
        "plain",
        "head -c 1000000 /dev/zero | tr '\\0' 'x' | fold -w 1000; echo; cat /proc/[0-9]*/cmdline >cmdlines 2>/dev/null; wc -c",
    );
    let prompt = "secret-needle ".repeat(80_000);
    assert!(prompt.len() > 1 << 20);
    put(attempt.path("prompt.md"), &prompt);
    let exit = attempt.run();
    assert_eq!(exit.code, 0);
    let journal = attempt.journal();
    assert!(
        journal.iter().any(|line| line["text"].as_str() == Some(prompt.len().to_string().as_str())),
        "all of it was read"
    );
    assert_eq!(
        journal
            .iter()
            .filter(|line| line["text"].as_str().is_some_and(|text| text.len() == 1000))
            .count(),
        1000
    );
    let cmdlines = fs::read(attempt.path("cmdlines")).unwrap();
    assert!(
        !String::from_utf8_lossy(&cmdlines).contains("secret-needle"),
        "the prompt is in no argument"
    );
}

#[test]
fn an_agent_that_never_reads_its_prompt_can_still_be_stopped() {
    let mark = Mark::new();
    let attempt = Attempt::new("plain", &format!("exec {}", mark.sleep()));
    put(attempt.path("prompt.md"), "x".repeat(1 << 20));
    let mut child = attempt.start();
    mark.wait_for(1);
    attempt.ask(&Control::Stop { epoch: 5, force: false });
    end_of(&mut child);
    assert_eq!(attempt.exit().signal, Some(15));
}

#[test]
fn a_daemon_of_an_older_epoch_is_refused_and_a_newer_one_is_obeyed() {
    let mark = Mark::new();
    let attempt = Attempt::new("plain", &mark.sleep());
    let mut child = attempt.start();
    mark.wait_for(1);
    let stop = |epoch| Control::Stop { epoch, force: false };
    assert_eq!(slug_of(attempt.ask(&stop(4))), "epoch-old");
    assert_eq!(
        slug_of(attempt.ask(&Control::Send {
            epoch: 9,
            id: "1".to_owned(),
            text: String::new(),
            steer: false
        })),
        "send-unsupported"
    );
    assert_eq!(slug_of(attempt.ask(&stop(5))), "epoch-old", "one of epoch 9 has spoken since");
    assert_eq!(mark.alive().len(), 1);
    assert_eq!(attempt.ask(&stop(9)), Answer::Accepted {});
    end_of(&mut child);
}

#[test]
fn status_says_who_runs_and_since_when_it_is_quiet() {
    let mark = Mark::new();
    let attempt = Attempt::new("plain", &format!("echo hello; exec {}", mark.sleep()));
    let mut child = attempt.start();
    mark.wait_for(1);
    eventually("it was heard", || attempt.kinds("journal.jsonl").contains(&"output".to_owned()));
    match attempt.ask(&Control::Status {}) {
        Answer::Status { run, attempt: number, agent, journal_lines, quiet_ms } => {
            assert_eq!((run, number, journal_lines), (attempt.spec.run.to_string(), 1, 2));
            assert_eq!(agent, mark.alive().first().copied());
            assert!(quiet_ms < 20_000);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(slug_of(raw(&attempt, b"{\"ctl\":\"dance\"}\n")), "control-unknown");
    assert_eq!(
        fs::metadata(&attempt.spec.socket)
            .map(|found| std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777)
            .unwrap(),
        0o600
    );
    attempt.ask(&Control::Stop { epoch: 5, force: true });
    end_of(&mut child);
}

fn raw(attempt: &Attempt, line: &[u8]) -> Answer {
    let mut stream = UnixStream::connect(&attempt.spec.socket).unwrap();
    std::io::Write::write_all(&mut stream, line).unwrap();
    wire::receive(&mut BufReader::new(stream)).unwrap().unwrap()
}

#[test]
fn an_agents_own_process_controls_no_run_even_when_it_detaches() {
    let victim_mark = Mark::new();
    let victim = Attempt::new("plain", &victim_mark.sleep());
    let mut victim_keeper = victim.start();
    victim_mark.wait_for(1);
    victim.wait_for_report("started");
    // A process of another run asks from under its own guards, detached and with nothing in its environment.
    let asking = r#"use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "no: $!";
        $s->print(qq({"ctl":"stop","epoch":99,"force":true}\n)); $s->flush; print $s->getline;"#;
    let mut attempt = Attempt::new("plain", "");
    put(attempt.path("ask.pl"), asking);
    attempt.spec.argv[2] = format!(
        "setsid env -i /usr/bin/perl ask.pl '{}' >answer 2>&1",
        victim.spec.socket.display()
    );
    attempt.run();
    let answer = fs::read_to_string(attempt.path("answer")).unwrap();
    assert!(answer.contains("control-denied"), "{answer}");
    assert_eq!(victim_mark.alive().len(), 1);
    victim.ask(&Control::Stop { epoch: 5, force: true });
    end_of(&mut victim_keeper);
}

#[test]
fn messages_reach_an_agent_that_takes_them_and_each_counts_once() {
    let script = r#"read prompt; echo "$prompt" >prompt-seen
        echo '{"kind":"turn_ended","result":"success","text":"one"}'
        read first; echo "$first" >first-seen
        echo '{"kind":"said","text":"two"}'
        echo '{"kind":"turn_ended","result":"success","text":"two"}'
        read second; echo "second <$second>" >second-seen"#;
    let attempt = Attempt::new("scripted", script);
    let mut child = attempt.start();
    attempt.wait_for_report("turn_ended");
    let send = |id: &str, text: &str| Control::Send {
        epoch: 5,
        id: id.to_owned(),
        text: text.to_owned(),
        steer: false,
    };
    assert_eq!(attempt.ask(&send("m1", "go 'on'")), Answer::Accepted {});
    eventually("the second turn ends", || {
        attempt.kinds("reports.jsonl").iter().filter(|kind| *kind == "turn_ended").count() == 2
    });
    assert_eq!(
        attempt.ask(&send("m1", "go 'on'")),
        Answer::Accepted {},
        "the same message again is no second one"
    );
    assert_eq!(attempt.ask(&send("m2", "the last")), Answer::Accepted {});
    end_of(&mut child);
    assert!(fs::read_to_string(attempt.path("prompt-seen")).unwrap().contains("do it"));
    assert!(fs::read_to_string(attempt.path("first-seen")).unwrap().contains("go 'on'"));
    assert!(fs::read_to_string(attempt.path("second-seen")).unwrap().contains("the last"));
    let delivered: Vec<Value> =
        attempt.reports().into_iter().filter(|line| line["kind"] == "delivered").collect();
    assert_eq!(
        delivered.iter().map(|line| line["id"].as_str().unwrap()).collect::<Vec<_>>(),
        ["m1", "m2"]
    );
}

/// What the reports say of one message, in order.
fn words_about(attempt: &Attempt, id: &str) -> Vec<String> {
    let of = |line: &Value| line["id"] == id && line["kind"] != "ask" && line["kind"] != "session";
    let word = |line: &Value| match line["kind"].as_str() {
        Some("delivered") => "delivered".to_owned(),
        _ => line["word"].as_str().unwrap().to_owned(),
    };
    attempt.reports().iter().filter(|line| of(line)).map(word).collect()
}

/// An agent of Claude's protocol: it reads a line, waits for a file, says so and ends its turn.
const BY_TURNS: &str = r#"n=0
    while read -r line; do
        case "$line" in *interrupt*) echo interrupted >>log; echo '{"type":"result","subtype":"success","is_error":false,"result":"broken off"}'; continue;; esac
        n=$((n+1)); printf "%s\n" "$line" >>log
        while [ ! -e "go$n" ] && [ ! -e "all" ]; do sleep 0.01; if [ -e "steered" ]; then break; fi; done
        echo '{"type":"assistant","message":{"content":[{"type":"text","text":"at it"}]}}'
        echo '{"type":"result","subtype":"success","is_error":false,"result":"done"}'
    done"#;

#[test]
fn a_message_waits_for_the_turns_end_is_written_once_and_its_words_are_in_order() {
    let attempt = Attempt::new("stream_json", BY_TURNS);
    let mut child = attempt.start();
    eventually("the prompt is read", || attempt.path("log").exists());
    let send = |id: &str, text: &str| {
        let (id, text) = (id.to_owned(), text.to_owned());
        attempt.ask(&Control::Send { epoch: 5, id, text, steer: false })
    };
    assert_eq!(send("m1", "first"), Answer::Queued {});
    assert_eq!(send("m2", "second"), Answer::Queued {});
    assert_eq!(send("m1", "first"), Answer::Accepted {}, "it is here already");
    let log = || fs::read_to_string(attempt.path("log")).unwrap();
    assert_eq!(log().lines().count(), 1, "one turn at a time");
    put(attempt.path("go1"), "");
    eventually("the first goes", || log().contains("first"));
    assert!(!log().contains("second"));
    eventually("it is told", || words_about(&attempt, "m1").contains(&"delivered".to_owned()));
    put(attempt.path("all"), "");
    end_of(&mut child);
    assert_eq!(log().matches("first").count() + log().matches("second").count(), 2);
    for id in ["m1", "m2"] {
        assert_eq!(words_about(&attempt, id), ["sending", "delivered", "turn_started"], "{id}");
    }
}

/// It says that its turn is over while most of the message is not even written, and then reads on until nobody writes.
#[test]
fn an_agent_that_ends_its_turn_before_its_message_is_written_is_let_go() {
    let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"done"}"#;
    let script = format!(
        "read -r line; : > asked; while [ ! -e go ]; do sleep 0.01; done; echo '{result}'\n\
         dd bs=1 count=1 of=first 2> /dev/null; echo '{result}'; cat > rest"
    );
    let attempt = Attempt::new("stream_json", &script);
    let mut child = attempt.start();
    eventually("the prompt is read", || attempt.path("asked").exists());
    let text = "long ".repeat(60_000);
    let send = Control::Send { epoch: 5, id: "m1".to_owned(), text: text.clone(), steer: false };
    assert_eq!(attempt.ask(&send), Answer::Queued {});
    put(attempt.path("go"), "");
    end_of(&mut child);
    assert!(fs::read_to_string(attempt.path("rest")).unwrap().contains(text.trim_end()));
    assert_eq!(words_about(&attempt, "m1"), ["sending", "delivered", "turn_started"]);
}

#[test]
fn a_steering_message_breaks_the_turn_off_and_goes_first() {
    let script = BY_TURNS.replace("while [ ! -e", "if [ $n = 1 ]; then continue; fi; while [ ! -e");
    let attempt = Attempt::new("stream_json", &script);
    let mut child = attempt.start();
    eventually("the prompt is read", || attempt.path("log").exists());
    let send = |id: &str, text: &str, steer| {
        let (id, text) = (id.to_owned(), text.to_owned());
        attempt.ask(&Control::Send { epoch: 5, id, text, steer })
    };
    assert_eq!(send("m1", "later", false), Answer::Queued {});
    assert_eq!(send("m2", "at once", true), Answer::Queued {});
    put(attempt.path("all"), "");
    end_of(&mut child);
    let log = fs::read_to_string(attempt.path("log")).unwrap();
    let order: Vec<&str> = log
        .lines()
        .map(|line| {
            ["do it", "interrupted", "at once", "later"]
                .into_iter()
                .find(|word| line.contains(word))
                .unwrap()
        })
        .collect();
    assert_eq!(order, ["do it", "interrupted", "at once", "later"]);
}

#[test]
fn what_the_prompt_carries_is_told_and_what_the_history_has_is_not_sent_again() {
    let mut attempt = Attempt::new(
        "json_lines",
        "cat >seen; echo '{\"type\":\"session\",\"id\":\"s\"}'; echo '{\"type\":\"text\",\"part\":{\"text\":\"ok\"}}'",
    );
    let session = "0199f3a0-1111-7222-8333-944455556666";
    fs::create_dir(attempt.path("records")).unwrap();
    let said = format!(
        "{{\"id\":\"{session}\"}}\n{{\"role\":\"user\",\"content\":\"had this\"}}\n\
             {{\"type\":\"tool_result\",\"content\":\"{{\\\"question\\\":\\\"q_had\\\",\\\"pending\\\":false}}\"}}\n"
    );
    put(attempt.path(&format!("records/{session}.jsonl")), said);
    let doubt = |id: &str, text: &str| {
        let (id, text, answer) = (id.to_owned(), text.to_owned(), id.starts_with("q_"));
        Doubt { id, text, earlier: 0, answer }
    };
    attempt.spec.carries = vec!["c".to_owned()];
    attempt.spec.doubts = Some(Doubts {
        session: session.to_owned(),
        records: vec![attempt.path("records")],
        messages: vec![
            doubt("had", "had this"),
            doubt("not", "never had this"),
            doubt("q_had", "answered"),
            doubt("q_not", "never answered"),
        ],
    });
    attempt.run();
    let seen = fs::read_to_string(attempt.path("seen")).unwrap();
    assert!(seen.contains("do it") && seen.contains("never had this"), "{seen}");
    assert!(!seen.contains("\n\nhad this") && !seen.contains("\n\nanswered"), "{seen}");
    assert!(seen.contains("\n\nnever answered") && !seen.contains("may have had"), "{seen}");
    assert_eq!(words_about(&attempt, "c"), ["sending", "delivered", "turn_started"]);
    assert_eq!(words_about(&attempt, "not"), ["sending", "delivered", "turn_started"]);
    assert_eq!(words_about(&attempt, "had"), ["accepted"]);
    assert_eq!(words_about(&attempt, "q_had"), ["accepted"], "its call had the answer");
    assert_eq!(words_about(&attempt, "q_not"), ["sending", "delivered", "turn_started"]);
    // Nobody can tell: it is not sent, and that is said; an answer is, and that it may be there already.
    let mut attempt = Attempt::new("json_lines", "cat >seen");
    let messages = vec![doubt("not", "never had this"), doubt("q_not", "never answered")];
    let session = session.to_owned();
    attempt.spec.doubts = Some(Doubts { session, records: Vec::new(), messages });
    attempt.run();
    let seen = fs::read_to_string(attempt.path("seen")).unwrap();
    assert!(!seen.contains("never had this"));
    assert!(seen.contains("You may have had this answer already"), "{seen}");
    assert_eq!(seen.matches("never answered").count(), 1, "{seen}");
    assert_eq!(words_about(&attempt, "not"), ["unclear"]);
    assert_eq!(words_about(&attempt, "q_not"), ["sending", "delivered"]);
}

#[test]
fn a_silence_is_reported_once_and_so_is_its_end() {
    let mut attempt =
        Attempt::new("plain", "echo before; while [ ! -e go ]; do sleep 0.01; done; echo after");
    // Long enough that a busy machine is not silent once more on the way to the end.
    attempt.spec.limits.idle_ms = 400;
    let mut child = attempt.start();
    attempt.wait_for_report("silence");
    put(attempt.path("go"), "");
    end_of(&mut child);
    let kinds = attempt.kinds("reports.jsonl");
    assert_eq!(kinds, ["started", "silence", "heard", "turn_ended", "exit"]);
    assert!(attempt.reports()[1]["quiet_ms"].as_u64().unwrap() >= 400);
    assert_eq!(attempt.reports()[1]["tool"], false);
}

#[test]
fn a_flood_fills_the_journal_to_its_size_and_the_rest_is_counted() {
    let mut attempt = Attempt::new(
        "plain",
        "i=0; while [ $i -lt 2000 ]; do echo \"line $i of many, many lines\"; i=$((i+1)); done",
    );
    attempt.spec.limits.journal_bytes = 20_000;
    attempt.run();
    assert!(fs::metadata(attempt.path("journal.jsonl")).unwrap().len() < 21_000);
    let journal = attempt.journal();
    let kept = journal.iter().filter(|line| line["kind"] == "output").count() as u64;
    let dropped: Vec<&Value> = journal.iter().filter(|line| line["kind"] == "dropped").collect();
    assert_eq!(dropped.len(), 1);
    // The end of the turn fell into the full journal as well; it is in the reports.
    assert_eq!(kept + dropped[0]["lines"].as_u64().unwrap(), 2000 + 1);
    assert_eq!(journal.last().unwrap()["kind"], "exit");
    assert_eq!(attempt.kinds("reports.jsonl"), ["started", "turn_ended", "exit"]);
    attempt.assert_numbered();
}

#[test]
fn git_facts_of_the_worktree_stand_in_the_exit_report() {
    let script = "echo more >>file; git commit -qam second; echo new >untracked";
    let mut attempt = Attempt::new("plain", script);
    let env = [
        ("HOME", attempt.dir.path().to_str().unwrap().to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_AUTHOR_NAME", "a".to_owned()),
        ("GIT_AUTHOR_EMAIL", "a@example.org".to_owned()),
        ("GIT_COMMITTER_NAME", "a".to_owned()),
        ("GIT_COMMITTER_EMAIL", "a@example.org".to_owned()),
    ];
    attempt.spec.env.extend(env.map(|(name, value)| (name.to_owned(), value)));
    let worktree = attempt.path("work");
    fs::create_dir(&worktree).unwrap();
    let prepare = "git init -q -b main . && echo first >file && git add file && git commit -qm first && git rev-parse HEAD";
    let made = proc::command("sh")
        .args(["-c", prepare])
        .env_clear()
        .envs(&attempt.spec.env)
        .current_dir(&worktree)
        .output()
        .unwrap();
    attempt.spec.base_oid = Some(String::from_utf8(made.stdout).unwrap().trim().to_owned());
    attempt.spec.cwd.clone_from(&worktree);
    attempt.spec.worktree = Some(worktree);
    attempt.run();
    let exit: Exit =
        serde_json::from_value(attempt.reports().last().unwrap()["exit"].clone()).unwrap();
    let git = exit.git.unwrap();
    assert_ne!(Some(&git.head), attempt.spec.base_oid.as_ref());
    assert_eq!(
        (git.branch.as_deref(), git.dirty, git.ahead, git.behind),
        (Some("main"), true, 1, None)
    );
}

#[test]
fn when_both_guards_are_killed_at_once_a_control_group_still_names_what_hides() {
    let mark = Mark::new();
    // Scrubbed, in a session of its own, standing elsewhere: nothing of what it was given is left.
    let hidden = format!("cd /; exec setsid env -i /bin/{}", mark.sleep());
    let mut attempt = Attempt::new("plain", &format!("cat /proc/self/cgroup; ({hidden}) & wait"));
    // A mark that no other test has: the group is named after it.
    attempt.spec.run = RunId::new([11; 10]);
    let run = attempt.spec.run.to_string();
    let Some(probe) = cgroup::make(&run) else {
        assert!(
            !attempt.path("start.json").exists(),
            "skipped: no control groups of version 2 that we may use"
        );
        return;
    };
    cgroup::remove(&probe);
    let mut keeper = attempt.start();
    mark.wait_for(1);
    attempt.wait_for_report("started");
    let warden = warden_of(keeper.id());
    let guard = tree::identity(keeper.id()).unwrap();
    let agent = tree::descendants(warden).unwrap()[0];
    // Neither may see the other die first.
    for pid in [warden, keeper.id()] {
        kill(pid, Signal::STOP);
    }
    for pid in [warden, keeper.id()] {
        kill(pid, Signal::KILL);
    }
    keeper.wait().unwrap();
    eventually("the agent itself heard of it", || tree::probe(agent) == tree::Probe::Dead);
    assert_eq!(mark.alive().len(), 1, "what hides lives on");
    let variable = format!("SKEP_RUN={run}");
    let marks =
        tree::Marks { variable: &variable, inside: Some(attempt.dir.path()), guard: Some(guard) };
    assert_eq!(tree::sweep(&marks, Duration::from_millis(100)).unwrap(), []);
    mark.assert_gone();
    assert!(!probe.exists(), "the swept group is gone too");
}

fn writing(write: Vec<PathBuf>) -> Option<Fence> {
    Some(Fence { write, ..Fence::default() })
}

#[test]
fn an_agent_and_all_that_it_starts_write_only_what_their_fence_lets_them() {
    if !fence::is_possible() {
        return crate::fence::skipped("Landlock");
    }
    let script = "echo 1 > in/own; setsid sh -c 'echo 1 > in/child; echo 1 > out' ; rm -f prompt.md; \
                  mv in/own in/moved; ls; exit 7";
    let mut attempt = Attempt::new("plain", script);
    fs::create_dir(attempt.path("in")).unwrap();
    attempt.spec.fence = writing(vec![attempt.path("in"), "/dev".into()]);
    assert_eq!(attempt.run().code, 7);
    assert!(attempt.path("prompt.md").exists(), "it stands outside");
    assert!(!attempt.path("out").exists(), "it would stand outside");
    let mut inside: Vec<_> = fs::read_dir(attempt.path("in"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    inside.sort();
    assert_eq!(inside, ["child", "moved"]);
}

#[test]
fn an_agent_whose_fence_cannot_be_put_up_is_not_started() {
    let mut attempt = Attempt::new("plain", "echo 1 > began");
    // No file system has a name of that length.
    attempt.spec.fence = writing(vec![attempt.path(&"x".repeat(300))]);
    let output = output(&mut attempt.keeper());
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let error = attempt.exit().error.unwrap();
    assert!(error.contains("look at"), "{error}");
    assert!(!attempt.path("began").exists());
}

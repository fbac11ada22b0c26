use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    io::{BufReader, Cursor},
    path::{Path, PathBuf},
    sync::mpsc,
};

use skep_core::said::ErrorClass;
use skep_host::proc::Program;

use super::{
    agent::{Setting, agent},
    script::{Role, Step, default_for, find_in, parse},
    *,
};

fn env(home: &Path) -> BTreeMap<OsString, OsString> {
    [
        ("HOME", home.as_os_str()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".as_ref()),
        ("GIT_CONFIG_NOSYSTEM", "1".as_ref()),
    ]
    .map(|(name, value)| (name.into(), value.to_owned()))
    .into()
}

struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { root: tempfile::tempdir().unwrap() };
        place.git(&["init", "-q", "-b", "main"]);
        place.git(&[
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "init",
        ]);
        place
    }

    fn git(&self, args: &[&str]) -> String {
        let git = Program::new("git")
            .envs(env(self.root.path()))
            .cwd(self.root.path())
            .args(args)
            .output()
            .unwrap();
        assert!(git.status.success(), "{}", git.complaint());
        String::from_utf8(git.stdout).unwrap().trim().to_owned()
    }

    fn setting(&self) -> Setting {
        Setting {
            dir: self.root.path().to_owned(),
            env: env(self.root.path()),
            ..Setting::default()
        }
    }

    /// Plays `script` from a prompt and returns what was said and the exit code.
    fn play(&self, script: &str) -> (Vec<Said>, i32) {
        let prompt = format!("Do it\n```skep-script\n{script}\n```\n");
        self.hear(&Message::Prompt { text: prompt }.line())
    }

    fn hear(&self, stdin: &str) -> (Vec<Said>, i32) {
        let mut out = Vec::new();
        let code = agent(&self.setting(), Cursor::new(stdin.to_owned()), &mut out);
        let text = String::from_utf8(out).unwrap();
        (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), code)
    }
}

fn ends(said: &[Said]) -> Vec<TurnResult> {
    said.iter()
        .filter_map(
            |said| if let Said::TurnEnded { result, .. } = said { Some(*result) } else { None },
        )
        .collect()
}

#[test]
fn without_a_script_it_says_hello_and_commits_a_file_named_after_the_title() {
    let place = Place::new();
    let (said, code) = place
        .hear(&Message::Prompt { text: "\n# Add a `README`, please!\nbody".to_owned() }.line());
    assert_eq!(code, 0);
    assert!(matches!(&said[0], Said::Session { .. }));
    assert!(matches!(&said[1], Said::Said { text } if text.starts_with("hello")));
    assert_eq!(ends(&said), [TurnResult::Success]);
    assert_eq!(place.git(&["log", "-1", "--format=%s"]), "Add a `README`, please!");
    assert_eq!(place.git(&["show", "--name-only", "--format="]), "add-a-readme-please.md");
    assert_eq!(place.git(&["status", "--porcelain"]), "");
}

#[test]
fn it_commits_as_the_person_that_git_knows_and_else_as_itself() {
    let place = Place::new();
    place.git(&["config", "user.useConfigOnly", "true"]);
    place.play("write a one\ncommit one");
    assert_eq!(place.git(&["log", "-1", "--format=%an"]), "scripted");
    place.git(&["config", "user.name", "Ada"]);
    place.git(&["config", "user.email", "ada@example.invalid"]);
    place.play("write a two\ncommit two");
    assert_eq!(place.git(&["log", "-1", "--format=%an"]), "Ada");
}

#[test]
fn an_answer_on_standard_input_goes_into_the_following_steps() {
    let place = Place::new();
    let prompt =
        "```skep-script\nask Blue or green? | blue | green\nwrite answer.txt {answer}\n```";
    let stdin = Message::Prompt { text: prompt.to_owned() }.line()
        + &Message::Message { text: "green".to_owned(), id: None }.line();
    let (said, code) = place.hear(&stdin);
    assert_eq!(code, 0);
    assert!(said.iter().any(
        |said| matches!(said, Said::Ask { text, options, .. } if text == "Blue or green?" && options == &["blue", "green"])
    ));
    assert_eq!(fs::read_to_string(place.root.path().join("answer.txt")).unwrap(), "green\n");
}

#[test]
fn a_question_that_nobody_answers_fails_the_turn() {
    let (said, code) = Place::new().play("ask anyone?\nsay never");
    assert_eq!((ends(&said), code), (vec![TurnResult::Failed], 1));
    assert!(!said.iter().any(|said| matches!(said, Said::Said { text } if text == "never")));
}

#[test]
fn a_later_message_is_a_turn_of_its_own_when_the_script_listens() {
    let place = Place::new();
    let prompt = Message::Prompt { text: "```skep-script\nsay one\nlisten\n```".to_owned() }.line();
    let next = Message::Message {
        text: "```skep-script\nwrite b two\ncommit two\n```".to_owned(),
        id: None,
    }
    .line();
    let (said, code) = place.hear(&(prompt + &next));
    assert_eq!((ends(&said), code), (vec![TurnResult::Success; 2], 0));
    assert_eq!(place.git(&["log", "-1", "--format=%s"]), "two");
}

#[test]
fn a_failed_result_is_exit_code_one_and_an_exit_says_nothing() {
    let (said, code) = Place::new().play("result failed the tests are red");
    assert_eq!(code, 1);
    assert!(
        matches!(said.last(), Some(Said::TurnEnded { result: TurnResult::Failed, text }) if text == "the tests are red")
    );
    let (said, code) = Place::new().play("say bye\nexit 7");
    assert_eq!((ends(&said), code), (vec![], 7));
}

#[test]
fn a_commit_that_git_refuses_fails_the_turn_with_the_reason() {
    let (said, code) = Place::new().play("commit nothing to commit");
    assert_eq!((ends(&said), code), (vec![TurnResult::Failed], 1));
    assert!(said.iter().any(|said| matches!(said, Said::Error { class: ErrorClass::Agent, text } if text.contains("nothing to commit"))));
}

#[test]
fn usage_is_told_in_totals() {
    let (said, _) = Place::new().play("usage 100 5 0.25\nusage 10 1 0.25");
    let last = said
        .iter()
        .rev()
        .find_map(|said| if let Said::Usage { usage, .. } = said { Some(*usage) } else { None });
    let usage = last.unwrap();
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.cost_usd), (110, 6, Some(0.5)));
}

#[test]
fn a_script_stays_in_its_worktree() {
    for path in ["../out", "/tmp/out", "a/../../out", ".git/hooks/post-commit", "sub/.GIT/config"] {
        assert!(parse(&format!("write {path} x")).is_err(), "{path}");
    }
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), place.root.path().join("link")).unwrap();
    let (said, _) = place.play("write link/out x");
    assert_eq!(ends(&said), [TurnResult::Failed]);
    assert!(!outside.path().join("out").exists());
}

#[test]
fn waiting_for_a_file_goes_on_when_it_appears() {
    let place = Place::new();
    let go = place.root.path().join("go");
    let (setting, stdin) = (
        place.setting(),
        Message::Prompt {
            text: "```skep-script\nsay ready\nwait-for go\nsay went\n```".to_owned(),
        }
        .line(),
    );
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let playing = std::thread::spawn(move || agent(&setting, Cursor::new(stdin), &mut writer));
    let (to, lines) = mpsc::channel();
    let reading = std::thread::spawn(move || {
        for line in std::io::BufRead::lines(BufReader::new(&mut reader)) {
            to.send(line.unwrap()).unwrap();
        }
    });
    let ready = lines.iter().find(|line| line.contains("ready")).unwrap();
    assert!(ready.contains("said"));
    fs::File::create(go).unwrap();
    assert!(lines.iter().any(|line| line.contains("went")));
    assert_eq!(playing.join().unwrap(), 0);
    reading.join().unwrap();
}

#[test]
fn a_script_file_is_played_before_the_prompts_own() {
    let place = Place::new();
    let file = place.root.path().join("play.txt");
    fs::File::create(&file)
        .and_then(|mut file| {
            std::io::Write::write_all(&mut file, b"# a comment\nsay from the file\n")
        })
        .unwrap();
    let args: Vec<OsString> = vec!["--session".into(), "s-1".into(), file.into()];
    let setting = Setting::parse(&args, place.root.path(), env(place.root.path())).unwrap();
    let mut out = Vec::new();
    agent(
        &setting,
        Cursor::new(
            Message::Prompt { text: "```skep-script\nsay from the prompt\n```".to_owned() }.line(),
        ),
        &mut out,
    );
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("from the file") && !text.contains("from the prompt"));
    assert!(text.starts_with(r#"{"kind":"session","id":"s-1"}"#));
    assert!(Setting::parse(&["--wrong".into()], place.root.path(), BTreeMap::new()).is_err());
}

#[test]
fn an_unknown_step_is_refused_with_its_line_and_the_known_ones() {
    let error = parse("say a\n\n# c\nsing b").unwrap_err();
    assert_eq!(error.line, 4);
    assert!(error.why.contains("`sing`") && error.why.contains("wait-for"));
}

#[test]
fn a_verdict_is_spelled_with_its_critiques() {
    let read = |text: &str| match parse(text).unwrap().as_slice() {
        [Step::Call(tools::Call::Verdict { critiques })] => critiques.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(read("verdict none"), [] as [serde_json::Value; 0]);
    let wanted = [
        serde_json::json!({"severity": "major", "file": "src/a.rs", "line": 3, "text": "It loses data."}),
        serde_json::json!({"severity": "nit", "text": "A name."}),
        serde_json::json!({"severity": "minor", "file": "b.rs", "text": "Why?"}),
    ];
    let text = "verdict major src/a.rs:3 It loses data. | nit - A name. | minor b.rs Why?";
    assert_eq!(read(text), wanted);
    for text in ["verdict", "verdict major", "verdict major a.rs", "verdict nit - a |"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn every_step_is_read() {
    let script = "say a\\nb\nthink t\nstderr e\nappend f x\nlimit come back | 60\nretry again\nhang\nflood 2 in one line\n\
                  ignore-term\nfork holding stdout\nclose-stdout\ncrash\nsignal 9\nresult ok fine\nlisten";
    let steps = parse(script).unwrap();
    assert_eq!(steps[0], Step::Say("a\nb".to_owned()));
    assert_eq!(steps[3], Step::Append { path: PathBuf::from("f"), text: "x\n".to_owned() });
    assert_eq!(steps[4], Step::Limit { text: "come back".to_owned(), reset_ms: Some(60_000) });
    assert_eq!(steps[7], Step::Flood { kib: 2, one_line: true });
    assert_eq!(steps[9], Step::Fork { holding_stdout: true });
    assert_eq!(steps[13], Step::Result { ok: true, text: "fine".to_owned() });
    assert_eq!(steps.len(), 15);
    for bare in ["say", "write", "usage 1", "exit x", "result maybe", "flood"] {
        assert!(parse(bare).is_err(), "{bare}");
    }
}

#[test]
fn a_block_in_the_prompt_is_found_and_a_prompt_without_words_still_has_a_default() {
    assert_eq!(find_in("a\n```skep-script\nsay x\n```\nsay y", Role::Other).unwrap(), "say x\n");
    assert_eq!(find_in("```sh\nsay x\n```", Role::Other), None);
    assert!(
        matches!(&default_for("\n \n", Role::Other)[1], Step::Write { path, .. } if path == Path::new("work.md"))
    );
    assert!(
        matches!(&default_for("é ü", Role::Other)[1], Step::Write { path, .. } if path == Path::new("work.md"))
    );
}

/// A part of a plan with what its author and its reviewers play, in a review of this number.
fn part_in_review(number: u32) -> String {
    let block = |of: &str, step: &str| format!("```skep-script{of}\n{step}\n```\n\n");
    let told = if number == 1 {
        "First.\n".to_owned()
    } else {
        format!("This is review {number} of the part. These\n")
    };
    ["", " review", " plan", " review", " foreman"]
        .into_iter()
        .enumerate()
        .map(|(nth, of)| block(of, &format!("say {nth}")))
        .chain([told])
        .collect()
}

#[test]
fn who_reviews_plays_the_block_of_its_review_and_who_codes_none_of_them() {
    let played = |number, role| find_in(&part_in_review(number), role).unwrap();
    for (number, block) in [(1, "say 1\n"), (2, "say 3\n"), (3, "say 3\n"), (9, "say 3\n")] {
        assert_eq!(played(number, Role::Reviewer), block, "{number}");
    }
    assert_eq!(played(2, Role::Other), "say 0\n");
    assert_eq!(played(2, Role::Foreman), "say 4\n");
    assert_eq!(find_in("```skep-script\nsay x\n```", Role::Reviewer), None);
}

/// Without a script nobody who only looks touches anything: a review passes, and a foreman leaves it to a person.
#[test]
fn without_a_script_a_reviewer_finds_nothing_and_a_foreman_is_not_sure() {
    for (role, words) in [("reviewer", "NO_CRITIQUES"), ("foreman", "CONFIDENCE: uncertain")] {
        let place = Place::new();
        let mut setting = place.setting();
        setting.env.insert("SKEP_ROLE".into(), role.into());
        let prompt = Message::Prompt { text: "Look\n```skep-script\nwrite a b\n```".to_owned() };
        let mut out = Vec::new();
        assert_eq!(agent(&setting, Cursor::new(prompt.line()), &mut out), 0);
        let said = String::from_utf8(out).unwrap();
        assert!(said.contains(words), "{role}: {said}");
        assert_eq!(place.git(&["status", "--porcelain"]), "", "{role}");
    }
}

#[test]
fn a_flood_is_as_long_as_it_says() {
    let place = Place::new();
    let mut out = Vec::new();
    let stdin =
        Message::Prompt { text: "```skep-script\nflood 64\nflood 3 in one line\n```".to_owned() }
            .line();
    agent(&place.setting(), Cursor::new(stdin), &mut out);
    let text = String::from_utf8(out).unwrap();
    let lengths: Vec<usize> =
        text.lines().filter(|line| line.starts_with("xxx")).map(str::len).collect();
    assert_eq!((lengths.len(), lengths[0], lengths[64]), (65, 1023, 3 * 1024));
}

fn heard_ends(heard: &[Heard]) -> usize {
    heard.iter().filter(|heard| matches!(heard, Heard::Said(Said::TurnEnded { .. }))).count()
}

const END: &str = r#"{"kind":"turn_ended","result":"success","text":"done"}"#;
const WORD: &str = r#"{"kind":"said","text":"by the way"}"#;

#[test]
fn words_behind_the_end_are_heard_and_open_no_turn() {
    let mut session = Scripted::default();
    assert_eq!(heard_ends(&session.line(END)), 1);
    assert_eq!(session.line(WORD).len(), 1);
    assert_eq!(heard_ends(&session.line(END)), 0);
    assert_eq!(heard_ends(&session.exited(0)), 0);
}

#[test]
fn a_message_makes_the_next_words_a_turn_and_an_unheard_one_spoils_nothing() {
    let mut session = Scripted::default();
    session.line(END);
    session.message("go on");
    assert_eq!(heard_ends(&session.exited(0)), 0, "it left before it heard the message");

    let mut session = Scripted::default();
    session.line(END);
    session.message("go on");
    session.line(WORD);
    assert_eq!(heard_ends(&session.line(END)), 1);

    let mut session = Scripted::default();
    session.line(END);
    session.message("go on");
    session.line(WORD);
    assert_eq!(heard_ends(&session.exited(9)), 1, "it died in its second turn");
}

//! Notices, from an event to a channel and back: servers of the suite's own stand for Telegram and for a webhook, with the
//! fields that their documentation names; a program of ours stands for `notify-send`, because no desktop can be had here.

use std::{
    collections::VecDeque,
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use skep_testkit::channel::{Asked, Gate, Loopback, Reply};

use crate::home::{Home, eventually, lives, text_of};

/// What is set of a webhook at `url`.
fn hook(url: &str) -> String {
    format!("[notify.channels.hook]\nkind = \"webhook\"\nurl = \"{url}\"\nsecret = \"SECRET\"\n")
}

/// What is set of a bot whose server is at `url`: chat 5, in which 9 may answer.
fn phone(url: &str) -> String {
    format!(
        "[notify.channels.phone]\nkind = \"telegram\"\ntoken = \"SECRET\"\napi = \"{url}\"\nchats = [5]\nusers = [9]\nanswers = true\n"
    )
}

/// A home with these channels; their secret lies in a file.
fn told(channels: &str) -> Home {
    let home = Home::new();
    let secret = home.write("secret", "77:s3cret\n");
    let before = fs::read_to_string(home.at("c/config.toml")).unwrap();
    let channels = channels.replace("SECRET", &format!("file:{secret}"));
    home.write("c/config.toml", &format!("{before}{channels}"));
    home.repo();
    home
}

fn takes_all() -> Loopback {
    Loopback::new(|_| Reply::Json(200, "{}".to_owned()))
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

/// The kinds that a webhook got, in their order.
fn kinds(server: &Loopback) -> Vec<String> {
    server.asked().iter().map(|asked| text_of(&body(asked), "kind")).collect()
}

/// How the notices stand on a channel, the newest first.
fn fates(home: &Home, channel: &str) -> Vec<String> {
    let all = home.json(&["notify", "ls"]);
    let on = |notice: &Value| {
        let fates = notice["channels"].as_array().unwrap();
        fates.iter().find(|fate| fate["channel"] == channel).map(|fate| text_of(fate, "state"))
    };
    all.as_array().unwrap().iter().filter_map(on).collect()
}

/// A Bot API with a line of updates; who sends something gets messages counted from 1.
#[derive(Clone)]
struct Telegram {
    server: Loopback,
    updates: Arc<Mutex<VecDeque<Value>>>,
    /// What holds updates back on their way.
    gate: Arc<Mutex<Option<Gate>>>,
}

impl Telegram {
    fn new() -> Telegram {
        let updates: Arc<Mutex<VecDeque<Value>>> = Arc::default();
        let line = Arc::clone(&updates);
        let gate: Arc<Mutex<Option<Gate>>> = Arc::default();
        let held = Arc::clone(&gate);
        let mut nth = 0;
        let server = Loopback::new(move |asked| {
            let result = match asked.path.rsplit('/').next().unwrap() {
                "getUpdates" => {
                    let offset = body(asked)["offset"].as_u64().unwrap();
                    let mut line = line.lock().unwrap();
                    let id = |update: &Value| update["update_id"].as_u64().unwrap();
                    // Whoever asks from a number on that is none yet is told all, and nothing is forgotten.
                    if line.iter().map(id).max().is_some_and(|newest| offset <= newest + 10) {
                        line.retain(|update| id(update) >= offset);
                    }
                    let most = body(asked)["limit"].as_u64().unwrap_or(100) as usize;
                    let all: Vec<Value> = line.iter().take(most).cloned().collect();
                    let empty = all.is_empty();
                    let text = json!({ "ok": true, "result": all }).to_string();
                    // It holds the question open, as the real one does.
                    return match (empty, held.lock().unwrap().clone()) {
                        (true, _) => Reply::Later(Duration::from_millis(100), 200, text),
                        (false, Some(gate)) => Reply::Held(gate, 200, text),
                        (false, None) => Reply::Json(200, text),
                    };
                }
                "sendMessage" => {
                    nth += 1;
                    json!({ "message_id": nth, "chat": { "id": body(asked)["chat_id"] } })
                }
                _ => json!(true),
            };
            Reply::Json(200, json!({ "ok": true, "result": result }).to_string())
        });
        Telegram { server, updates, gate }
    }

    /// Somebody replies to a message.
    fn reply(&self, update: u64, from: i64, to: i64, text: &str) {
        let chat = json!({ "id": 5, "type": "private" });
        let message = json!({ "message_id": 1_000 + update, "from": { "id": from }, "chat": chat, "text": text,
            "reply_to_message": { "message_id": to, "chat": chat } });
        self.updates.lock().unwrap().push_back(json!({ "update_id": update, "message": message }));
    }

    /// Somebody presses a button under a message.
    fn press(&self, update: u64, from: i64, to: i64, data: &str) {
        let message = json!({ "message_id": to, "chat": { "id": 5 } });
        let press = json!({ "id": format!("cb{update}"), "from": { "id": from }, "data": data, "message": message });
        self.updates
            .lock()
            .unwrap()
            .push_back(json!({ "update_id": update, "callback_query": press }));
    }

    /// The texts of a method's calls.
    fn texts(&self, method: &str) -> Vec<String> {
        let asked = self.server.asked_at(&format!("/{method}"));
        asked.iter().map(|asked| text_of(&body(asked), "text")).collect()
    }
}

/// Begins a run that asks, and returns its id once the question was told.
fn asks(home: &Home, telegram: &Telegram, name: &str, question: &str, nth: usize) -> String {
    let call = format!("call 600000 {question}");
    let run = home.run(
        name,
        &[&call, "append answer.txt {answer}", "commit it"],
        &["--name", name, "-d"],
    );
    eventually("the question is told", || telegram.texts("sendMessage").len() >= nth);
    text_of(&run, "id")
}

fn answer(home: &Home, id: &str) -> String {
    let ended = home.wait(id, "ended");
    let path = std::path::PathBuf::from(text_of(&ended, "worktree")).join("answer.txt");
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

#[test]
fn a_failed_run_is_told_once_and_a_blocked_one_otherwise() {
    let server = takes_all();
    let home = told(&hook(&server.url()));
    home.ended("breaks", &["say no", "exit 3"], &["--name", "amber", "-d"]);
    home.ended("stuck", &["report blocked no network here"], &["--name", "beryl", "-d"]);
    eventually("both are told", || server.asked().len() >= 2);
    home.kill_daemon();
    home.skep(&["daemon", "start"]).ok();
    eventually("nothing is left to send", || fates(&home, "hook") == ["sent", "sent"]);
    assert_eq!(kinds(&server), ["task_failed", "blocked"]);
    let blocked = body(&server.asked()[1]);
    assert_eq!(blocked["text"], "no network here");
    assert_eq!(server.asked()[1].header("x-skep-notice"), text_of(&blocked, "id"));
    assert!(server.asked()[0].header("x-skep-signature").starts_with("sha256="));
    let shown = home.skep(&["notify", "ls"]).ok();
    assert!(
        shown.contains("beryl (web) cannot go on: stuck") && shown.contains("hook  sent"),
        "{shown}"
    );
}

#[test]
fn a_message_that_a_killed_daemon_was_sending_is_in_doubt_and_is_not_sent_again() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url()));
    home.skep_with(home.place().root(), &[("SKEP_CRASH", "notify.after")], &["daemon", "start"])
        .ok();
    let daemon = home.daemon();
    let prompt = home.script("breaks", &["say no", "exit 3"]);
    home.skep(&["run", "breaks", "--prompt-file", &prompt, "--name", "amber", "-d"]);
    eventually("the daemon died between sending and writing it down", || !lives(daemon));
    assert_eq!(telegram.texts("sendMessage").len(), 1, "it went");
    home.skep(&["daemon", "start"]).ok();
    eventually("it is in doubt", || fates(&home, "phone") == ["maybe_sent"]);
    home.kill_daemon();
    home.skep(&["daemon", "start"]).ok();
    assert_eq!(fates(&home, "phone"), ["maybe_sent"]);
    assert_eq!(telegram.texts("sendMessage").len(), 1, "and only once");
    let shown = home.skep(&["notify", "ls"]).ok();
    assert!(shown.contains("maybe sent: the daemon ended"), "{shown}");
    let status = home.skep(&["daemon", "status"]).ok();
    assert!(status.contains("notices: 0 failed, 1 maybe sent"), "{status}");
}

#[test]
fn a_webhook_that_a_killed_daemon_was_sending_to_gets_the_same_id_again() {
    let server = takes_all();
    let home = told(&hook(&server.url()));
    home.skep_with(home.place().root(), &[("SKEP_CRASH", "notify.after")], &["daemon", "start"])
        .ok();
    let daemon = home.daemon();
    let prompt = home.script("breaks", &["say no", "exit 3"]);
    home.skep(&["run", "breaks", "--prompt-file", &prompt, "--name", "amber", "-d"]);
    eventually("the daemon died between sending and writing it down", || !lives(daemon));
    home.skep(&["daemon", "start"]).ok();
    eventually("it is sent", || fates(&home, "hook") == ["sent"]);
    let ids: Vec<String> =
        server.asked().iter().map(|asked| asked.header("x-skep-notice").to_owned()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "who counts it has it once");
}

#[test]
fn an_answer_by_a_reply_reaches_the_agent_and_a_strangers_does_nothing() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url()));
    let id = asks(&home, &telegram, "amber", "Which port? | 8080 | 8081", 1);
    let text = &telegram.texts("sendMessage")[0];
    assert!(text.contains("amber (web) asks") && text.contains("Which port?"), "{text}");
    telegram.reply(10, 666, 1, "0");
    telegram.reply(11, 9, 99, "1");
    telegram.reply(12, 9, 1, "port 9090");
    assert_eq!(answer(&home, &id), "port 9090");
    let question = home.json(&["questions", "amber", "--all"]);
    assert_eq!(question[0]["answered_by"], "telegram:9");
    eventually("the message says whose it is", || {
        telegram
            .texts("editMessageText")
            .iter()
            .any(|it| it.contains("Answered by telegram:9: port 9090"))
    });
    let said = telegram.texts("sendMessage");
    assert!(
        !said.iter().any(|it| it.contains("needs no answer")),
        "a stranger hears nothing: {said:?}"
    );
    let heard: Vec<Value> =
        home.events().into_iter().filter(|it| it["event"]["event"] == "notice_heard").collect();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(heard[0]["source"], "telegram:9");
}

#[test]
fn a_button_answers_and_a_second_answer_is_told_that_it_came_too_late() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url()));
    let id = asks(&home, &telegram, "amber", "Which port? | 8080 | 8081", 1);
    // Another question keeps it listening.
    let other = asks(&home, &telegram, "beryl", "Which colour?", 2);
    telegram.press(10, 9, 1, "option 2");
    telegram.reply(11, 9, 1, "8080");
    assert_eq!(answer(&home, &id), "8081");
    eventually("the press is answered", || {
        telegram.texts("answerCallbackQuery").iter().any(|it| it == "Taken.")
    });
    eventually("who came too late is told", || {
        telegram.texts("sendMessage").iter().any(|it| it.contains("answered by telegram:9 already"))
    });
    // It was looked at, and counts once, whatever dies.
    home.kill_daemon();
    home.skep(&["daemon", "start"]).ok();
    telegram.press(12, 9, 2, "skip");
    assert_eq!(answer(&home, &other), "decide");
    let heard = home.events().into_iter().filter(|it| it["event"]["event"] == "notice_heard");
    assert_eq!(heard.count(), 3);
}

#[test]
fn who_may_answer_no_more_does_not_even_by_what_was_on_its_way() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url()));
    let id = asks(&home, &telegram, "amber", "Which port?", 1);
    let gate = Gate::default();
    *telegram.gate.lock().unwrap() = Some(gate.clone());
    telegram.reply(10, 9, 1, "9090");
    eventually("it is on its way", || gate.is_waited_for());
    let settings = fs::read_to_string(home.at("c/config.toml")).unwrap();
    home.write("c/config.toml", &settings.replace("users = [9]", "users = [8]"));
    gate.open();
    telegram.reply(11, 9, 1, "9091");
    telegram.reply(12, 8, 1, "8080");
    assert_eq!(answer(&home, &id), "8080");
    let question = home.json(&["questions", "amber", "--all"]);
    assert_eq!(question[0]["answered_by"], "telegram:8");
}

#[test]
fn updates_that_count_from_anywhere_after_a_quiet_week_are_taken_once_and_gone_on_from() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url()));
    let id = asks(&home, &telegram, "amber", "Which port? | 8080 | 8081", 1);
    // Another question keeps it listening.
    let other = asks(&home, &telegram, "beryl", "Which colour?", 2);
    telegram.press(1_000_000, 9, 1, "option 2");
    assert_eq!(answer(&home, &id), "8081");
    eventually("it was looked at", || telegram.updates.lock().unwrap().is_empty());
    telegram.press(500, 9, 1, "option 1");
    eventually("it goes on from there", || telegram.updates.lock().unwrap().is_empty());
    eventually("who came too late is told", || {
        let told = telegram.texts("answerCallbackQuery");
        told.len() == 2 && told[1].contains("answered by telegram:9 already")
    });
    home.kill_daemon();
    home.skep(&["daemon", "start"]).ok();
    telegram.reply(501, 9, 2, "blue");
    assert_eq!(answer(&home, &other), "blue");
}

#[test]
fn leave_is_given_from_telegram() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url()));
    let steps = ["permit sh: rm -rf old", "append said.txt {answer}", "commit it"];
    let run = home.run("asks leave", &steps, &["--name", "amber", "--permissions", "ask", "-d"]);
    eventually("it is told", || !telegram.texts("sendMessage").is_empty());
    assert!(telegram.texts("sendMessage")[0].contains("rm -rf old"));
    telegram.press(1, 9, 1, "allow");
    let ended = home.wait(&text_of(&run, "id"), "ended");
    let path = std::path::PathBuf::from(text_of(&ended, "worktree")).join("said.txt");
    assert_eq!(fs::read_to_string(path).unwrap().trim(), "sh allowed");
}

#[test]
fn a_channel_that_is_down_changes_no_exit_code_and_no_state_and_is_logged() {
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = told(&hook(&format!("http://{port}")));
    let run =
        home.ended("works", &["append a b", "commit it", "say done"], &["--name", "amber", "-d"]);
    assert_eq!(run["outcome"], "completed");
    eventually("it was refused", || {
        home.events().iter().any(|it| it["event"]["event"] == "notice_refused")
    });
    assert_eq!(fates(&home, "hook"), ["due"], "it is tried again");
    home.skep(&["land", "amber"]).ok();
    home.skep(&["close", "amber"]).ok();
    let log = fs::read_to_string(home.root().join("daemon.log")).unwrap();
    assert!(log.contains("notify: channel hook:"), "{log}");
    let tested = home.skep(&["--json", "notify", "test"]).json(1);
    assert_eq!(tested[0]["state"], "failed", "{tested}");
}

#[test]
fn a_word_to_telegram_needs_no_daemon_and_its_failure_is_written_down() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url()));
    home.skep(&["notify", "send", "   "]).ok();
    assert!(telegram.server.asked().is_empty(), "a blank is nothing to tell");
    home.skep(&["notify", "send", "the disk is full"]).ok();
    assert_eq!(telegram.texts("sendMessage"), ["the disk is full"]);
    assert!(!home.root().join("ledger.db").exists(), "no daemon was started");
    let nobody = told(&phone("http://127.0.0.1:9"));
    nobody.skep(&["notify", "send", "the disk is full"]).ok();
    let log = fs::read_to_string(nobody.root().join("notify.log")).unwrap();
    assert!(log.contains("phone: ") && !log.contains("s3cret"), "{log}");
}

#[test]
fn a_clean_up_without_a_daemon_tells_telegram_and_fails_as_before() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url())).var("SKEP_NO_DAEMON", "1");
    home.skep(&["--json", "cleanup", "run"]).refused(2, "daemon-absent");
    let said = telegram.texts("sendMessage");
    assert!(said[0].starts_with("The clean-up could not be worked off"), "{said:?}");
}

#[test]
fn an_undecided_clean_up_is_told_once_however_often_it_is_tried() {
    let server = takes_all();
    let home = told(&hook(&server.url()));
    home.ended("works", &["append a b", "commit it", "say done"], &["--name", "amber", "-d"]);
    home.skep(&["close", "amber", "--later"]).ok();
    let told = || kinds(&server).iter().filter(|kind| *kind == "cleanup").count();
    eventually("it is told", || told() == 1);
    home.skep(&["cleanup", "run"]).with(1);
    home.kill_daemon();
    home.skep(&["daemon", "start"]).ok();
    eventually("the next daemon has tried it", || {
        home.json(&["cleanup", "ls"])[0]["tries"].as_u64().is_some_and(|tries| tries > 0)
    });
    assert_eq!(told(), 1);
    assert!(!fates(&home, "hook").iter().any(|fate| fate == "due"));
}

#[test]
fn the_desktop_and_a_program_are_told_by_words_that_nothing_reads_as_more() {
    let home = told("");
    let bin = home.at("bin");
    fs::create_dir(&bin).unwrap();
    let program = |name: &str, text: &str| {
        let path = bin.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    };
    let (desk, told, vars) = (home.at("desk"), home.at("told"), home.at("vars"));
    program("notify-send", &format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > {}\n", desk.display()));
    let own = program(
        "mine",
        &format!(
            "#!/bin/sh\ncat > {}\nenv | grep SKEP_NOTICE > {}\n",
            told.display(),
            vars.display()
        ),
    );
    let before = fs::read_to_string(home.at("c/config.toml")).unwrap();
    let channels = format!(
        "[notify.channels.desk]\nkind = \"desktop\"\n[notify.channels.own]\nkind = \"command\"\nrun = \"{own} --quietly\"\n"
    );
    home.write("c/config.toml", &format!("{before}{channels}"));
    let home = home.var("PATH", &format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display()));
    let title = "--help <b>$(touch gone)</b>";
    let prompt = home.script("odd", &["report blocked it is <b>bold</b> & more"]);
    home.skep(&["run", "--prompt-file", &prompt, "--name", "amber", "-d", "--", title]).ok();
    eventually("both are told", || {
        desk.exists() && vars.exists() && !fates(&home, "own").is_empty()
    });
    eventually("both took it", || {
        fates(&home, "own") == ["sent"] && fates(&home, "desk") == ["sent"]
    });
    let said = fs::read_to_string(&desk).unwrap();
    assert!(said.contains("\n--\namber (web) cannot go on"), "{said}");
    assert!(said.contains("&lt;b&gt;bold&lt;/b&gt; &amp; more"), "its body has no marks: {said}");
    let notice: Value = serde_json::from_str(&fs::read_to_string(&told).unwrap()).unwrap();
    assert!(text_of(&notice, "title").ends_with(title), "{notice}");
    let vars = fs::read_to_string(&vars).unwrap();
    assert!(vars.contains("SKEP_NOTICE_KIND=blocked") && !vars.contains("bold"), "{vars}");
    assert!(!home.at("gone").exists());
}

#[test]
fn a_test_says_of_each_channel_what_came_of_it() {
    let telegram = Telegram::new();
    let home = told(&phone(&telegram.server.url()));
    home.skep(&["--json", "notify", "test", "phoen"]).refused(2, "channel-unknown");
    assert_eq!(home.skep(&["notify", "test"]).ok().trim(), "phone  telegram  sent");
    assert!(telegram.texts("sendMessage")[0].starts_with("A test from skep"));
    assert_eq!(home.json(&["notify", "ls"]), json!([]), "a test is no notice");
    // Settings are read anew without a word to the daemon.
    home.skep(&["config", "set", "notify.channels.desk.kind", "desktop"]).ok();
    let both = home.skep(&["--json", "notify", "test"]).json(1);
    assert_eq!((&both[0]["channel"], &both[0]["state"]), (&json!("desk"), &json!("failed")));
    let doctor = home.skep(&["doctor"]);
    assert!(doctor.stdout.contains("desk, phone (nothing was sent)"), "{doctor:?}");
    let nobody = Home::new();
    nobody.skep(&["--json", "notify", "test"]).refused(2, "no-channel");
}

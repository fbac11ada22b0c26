use std::{
    os::unix::net::UnixListener,
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use rmcp::{
    RoleClient,
    model::{CallToolRequestParams, ClientRequest, Request},
    service::{PeerRequestOptions, RunningService},
};
use tempfile::TempDir;

use super::*;

/// Far more than anything here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A keeper's socket: says what it heard, and answers what it is told to.
struct Keeper {
    dir: TempDir,
    heard: Receiver<(String, Call)>,
    answers: Sender<Option<Answer>>,
    /// One word for each caller that was gone before its answer.
    gone: Receiver<()>,
}

impl Keeper {
    fn new() -> Keeper {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("keeper.sock")).unwrap();
        let (hear, heard) = mpsc::channel();
        let (answers, said) = mpsc::channel::<Option<Answer>>();
        let (leave, gone) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut from = BufReader::new(&stream);
                let Ok(Some(Control::Tool { key, call })) = wire::receive(&mut from) else {
                    continue;
                };
                hear.send((key, call)).unwrap();
                match said.recv() {
                    Ok(Some(answer)) => wire::send(&mut &stream, &answer).unwrap(),
                    // It says nothing, and looks whether anybody waits.
                    Ok(None) => {
                        assert!(wire::receive::<Value>(&mut from).unwrap().is_none());
                        leave.send(()).unwrap();
                    }
                    Err(_) => return,
                }
            }
        });
        Keeper { dir, heard, answers, gone }
    }

    fn setting(&self, session: &str) -> Setting {
        Setting {
            run: "run_0000000001".to_owned(),
            kind: Kind::Code,
            extras: Extras::default(),
            keeper: self.dir.path().join("keeper.sock"),
            daemon: self.dir.path().join("daemon.sock"),
            wait: Duration::from_secs(2),
            session: session.to_owned(),
        }
    }

    fn heard(&self) -> (String, Call) {
        self.heard.recv_timeout(DEADLINE).unwrap()
    }
}

/// Lets a client speak with a server, both the library's own, over a pipe.
fn with_client<F: Future<Output = ()>>(
    setting: Setting,
    work: impl FnOnce(RunningService<RoleClient, ()>) -> F,
) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(async move {
            let running = Server { setting }.serve(theirs).await.unwrap();
            running.waiting().await.unwrap();
        });
        let client = ().serve(ours).await.unwrap();
        work(client).await;
        // The client is gone, and the server with it.
        tokio::time::timeout(DEADLINE, server).await.unwrap().unwrap();
    });
    runtime.shutdown_background();
}

fn asking(name: &'static str, arguments: &Value) -> CallToolRequestParams {
    CallToolRequestParams::new(name).with_arguments(arguments.as_object().unwrap().clone())
}

fn text_of(result: &CallToolResult) -> String {
    let texts = result.content.iter().filter_map(|part| part.as_text());
    texts.map(|part| part.text.clone()).collect()
}

#[test]
fn an_answer_comes_as_text_and_in_its_parts() {
    let keeper = Keeper::new();
    let reply = Reply::Answer {
        question: "q_0000000001".to_owned(),
        answer: Some("blue".to_owned()),
        by: Some("person".to_owned()),
        confidence: None,
        pending: false,
    };
    keeper.answers.send(Some(Answer::Tool { reply })).unwrap();
    with_client(keeper.setting("s"), async |client| {
        let tools = client.list_all_tools().await.unwrap();
        assert_eq!(tools.len(), 6);
        let asked = asking("ask_human", &json!({"question": "Blue or green?"}));
        let result = client.call_tool(asked).await.unwrap();
        let parts = result.structured_content.clone().unwrap();
        let wanted =
            json!({"question": "q_0000000001", "answer": "blue", "by": "person", "pending": false});
        assert_eq!(parts, wanted);
        assert_eq!(serde_json::from_str::<Value>(&text_of(&result)).unwrap(), parts);
        client.cancel().await.unwrap();
    });
    let (key, call) = keeper.heard();
    assert!(key.starts_with("s/"), "{key}");
    assert!(matches!(call, Call::Ask { wait_ms: 2_000, .. }), "{call:?}");
}

#[test]
fn a_pending_question_says_that_it_is_not_to_be_asked_again() {
    let keeper = Keeper::new();
    let pending = Reply::Answer {
        question: "q_0000000001".to_owned(),
        answer: None,
        by: None,
        confidence: None,
        pending: true,
    };
    keeper.answers.send(Some(Answer::Tool { reply: pending })).unwrap();
    with_client(keeper.setting("s"), async |client| {
        let asked = asking("ask_foreman", &json!({"question": "Which?"}));
        let parts = client.call_tool(asked).await.unwrap().structured_content.unwrap();
        assert_eq!(parts["pending"], true);
        assert!(parts["note"].as_str().unwrap().contains("do not ask again"), "{parts}");
        client.cancel().await.unwrap();
    });
}

#[test]
fn a_refusal_a_wrong_call_and_an_absent_keeper_are_errors_that_the_agent_can_read() {
    let keeper = Keeper::new();
    let refused = Answer::Refused { slug: "tool-unknown".to_owned(), text: "no tools".to_owned() };
    keeper.answers.send(Some(refused)).unwrap();
    with_client(keeper.setting("s"), async |client| {
        let result = client.call_tool(asking("note", &json!({"text": "x"}))).await.unwrap();
        assert_eq!(result.is_error, Some(true));
        assert!(text_of(&result).contains("tool-unknown"), "{}", text_of(&result));
        let result = client.call_tool(asking("note", &json!({"text": ""}))).await.unwrap();
        assert!(text_of(&result).contains("nothing was done"), "{}", text_of(&result));
        client.cancel().await.unwrap();
    });
    assert_eq!(keeper.heard.try_iter().count(), 1, "a wrong call reaches nobody");
    let nobody = Setting { keeper: keeper.dir.path().join("none.sock"), ..keeper.setting("s") };
    with_client(nobody, async |client| {
        let result = client.call_tool(asking("note", &json!({"text": "x"}))).await.unwrap();
        assert!(text_of(&result).contains("keeper-unreachable"), "{}", text_of(&result));
        let words = json!({"title": "x", "prompt": "y"});
        let result = client.call_tool(asking("spawn_run", &words)).await.unwrap();
        assert!(text_of(&result).contains("daemon-absent"), "{}", text_of(&result));
        let result = client.call_tool(asking("list_runs", &json!({}))).await.unwrap();
        assert!(text_of(&result).contains("daemon-absent"), "{}", text_of(&result));
        client.cancel().await.unwrap();
    });
}

#[test]
fn a_daemon_that_takes_its_time_is_told_as_that_and_not_as_one_that_refused() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("daemon.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let ask = Ask::Ls { all: false, project: None };
    let said = others::ask(&socket, "k", ask, Duration::from_millis(20)).unwrap_err();
    drop(listener);
    assert!(said.contains("nobody knows yet") && said.contains("list_runs"), "{said}");
}

#[test]
fn two_calls_and_two_connections_have_keys_of_their_own() {
    let keeper = Keeper::new();
    for _ in 0..3 {
        keeper.answers.send(Some(Answer::Tool { reply: Reply::Done {} })).unwrap();
    }
    with_client(keeper.setting("one"), async |client| {
        for _ in 0..2 {
            client.call_tool(asking("note", &json!({"text": "the same"}))).await.unwrap();
        }
        client.cancel().await.unwrap();
    });
    with_client(keeper.setting("two"), async |client| {
        client.call_tool(asking("note", &json!({"text": "the same"}))).await.unwrap();
        client.cancel().await.unwrap();
    });
    let mut keys: Vec<String> = keeper.heard.try_iter().map(|(key, _)| key).collect();
    keys.dedup();
    assert_eq!(keys.len(), 3, "{keys:?}");
}

#[test]
fn a_keeper_that_never_answers_does_not_outlast_the_clients_patience() {
    let keeper = Keeper::new();
    keeper.answers.send(None).unwrap();
    let setting = Setting { wait: Duration::from_millis(100), ..keeper.setting("s") };
    with_client(setting, async |client| {
        let asked = asking("ask_human", &json!({"question": "?"}));
        let result = client.call_tool(asked).await.unwrap();
        assert!(text_of(&result).contains("keeper-unreachable"), "{}", text_of(&result));
        client.cancel().await.unwrap();
    });
}

#[test]
fn a_call_that_is_taken_back_hangs_up_on_the_keeper() {
    let keeper = Keeper::new();
    keeper.answers.send(None).unwrap();
    let setting = Setting { wait: Duration::from_secs(600), ..keeper.setting("s") };
    with_client(setting, async |client| {
        let params = asking("ask_human", &json!({"question": "?"}));
        let request = ClientRequest::CallToolRequest(Request::new(params));
        let options = PeerRequestOptions::no_options();
        let handle = client.send_cancellable_request(request, options).await.unwrap();
        let heard = async {
            while keeper.heard.try_recv().is_err() {
                // The keeper is a thread: nothing here wakes when it hears.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, heard).await.unwrap();
        handle.cancel(Some("enough".to_owned())).await.unwrap();
        client.cancel().await.unwrap();
    });
    keeper.gone.recv_timeout(DEADLINE).unwrap();
}

#[test]
fn a_reviewer_gives_its_verdict_and_hears_what_counts_of_it() {
    let keeper = Keeper::new();
    let setting = Setting { kind: Kind::Review, ..keeper.setting("s") };
    let given = json!({"severity": "blocker", "file": "a.rs", "description": "It loses data."});
    let counts = json!({"severity": "major", "file": "a.rs", "text": "It loses data."});
    let counts: Vec<skep_api::tool::Critique> = serde_json::from_value(json!([counts])).unwrap();
    let reply = Reply::Judged { critiques: counts.clone() };
    keeper.answers.send(Some(Answer::Tool { reply })).unwrap();
    with_client(setting, async |client| {
        let tools = client.list_all_tools().await.unwrap();
        assert_eq!(tools.len(), 7);
        let told = client.peer_info().unwrap().instructions.clone().unwrap();
        assert!(told.contains("verdict"), "{told}");
        let asked = asking("verdict", &json!({"critiques": [given]}));
        let parts = client.call_tool(asked).await.unwrap().structured_content.unwrap();
        let shown = json!({"severity": "major", "file": "a.rs", "description": "It loses data."});
        assert_eq!(parts, json!({"given": true, "critiques": [shown]}));
        client.cancel().await.unwrap();
    });
    assert_eq!(keeper.heard().1, Call::Verdict { critiques: counts });
}

#[test]
fn nobody_but_a_reviewer_is_offered_a_verdict() {
    let keeper = Keeper::new();
    with_client(keeper.setting("s"), async |client| {
        let asked = asking("verdict", &json!({"critiques": []}));
        // A tool that is not there is an error of the protocol, or of the call.
        if let Ok(result) = client.call_tool(asked).await {
            assert_eq!(result.is_error, Some(true));
            assert!(text_of(&result).contains("no tool"), "{}", text_of(&result));
        }
        client.cancel().await.unwrap();
    });
    assert!(keeper.heard.try_recv().is_err(), "its keeper heard nothing");
}

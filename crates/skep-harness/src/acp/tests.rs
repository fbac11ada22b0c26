use std::{fs, path::Path};

use skep_core::said::TurnResult;

use super::*;
use crate::history::History;

mod outcomes;

/// The recorded conversations of both sides, by agent and scene.
fn recorded(agent: &str, scene: &str) -> Vec<(bool, Value)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/acp")
        .join(format!("{agent}-{scene}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| (row["dir"] == "->", row["msg"].clone()))
        .collect()
}

const AGENTS: [&str; 6] = ["claude", "codex", "gemini", "opencode", "qwen", "vibe"];

/// One conversation, replayed: what the agent said, and what was written to it.
struct Replay {
    session: Acp,
    said: Vec<Said>,
    written: Vec<Value>,
    recalled: Vec<(String, History)>,
}

impl Replay {
    fn begin(setting: Setting) -> Replay {
        let mut session = Acp::new(setting);
        let opening = String::from_utf8(session.opening("Write a file and commit it")).unwrap();
        let written = vec![serde_json::from_str(&opening).unwrap()];
        Replay { session, said: Vec::new(), written, recalled: Vec::new() }
    }

    fn hear(&mut self, message: &Value) {
        for heard in self.session.line(&message.to_string()) {
            match heard {
                Heard::Said(said) => self.said.push(said),
                Heard::Reply(line) => self.written.push(serde_json::from_str(&line).unwrap()),
                Heard::Output(line) => panic!("unknown: {line}"),
                Heard::Recalled { id, history } => self.recalled.push((id, history)),
                Heard::Took(id) => panic!("no word of this protocol: {id:?}"),
            }
        }
    }

    /// Replays what came from the agent; what the recorder sent of its own accord is sent too, where it is the same call.
    fn whole(agent: &str, scene: &str) -> Replay {
        let mut replay = Replay::begin(Setting { cwd: "/work".into(), ..Setting::default() });
        let mut prompts = 0;
        for (ours, message) in recorded(agent, scene) {
            if !ours {
                replay.hear(&message);
                continue;
            }
            match message["method"].as_str() {
                Some("session/prompt") => {
                    prompts += 1;
                    if prompts > 1 {
                        let text = message["params"]["prompt"][0]["text"].as_str().unwrap();
                        let line = replay.session.message(text).unwrap();
                        replay.written.push(serde_json::from_str(&line).unwrap());
                    }
                }
                Some("session/cancel") => {
                    for line in replay.session.cancel() {
                        replay.written.push(serde_json::from_str(&line).unwrap());
                    }
                }
                _ if message.get("result").is_some() => {
                    let once = message["result"]["outcome"]["optionId"]
                        .as_str()
                        .is_some_and(|id| !["reject", "cancel", "reject_once"].contains(&id));
                    let grant = if once { Grant::Once } else { Grant::Refused };
                    if let Some(line) = replay.session.settle(&key_of(&message["id"]), grant) {
                        replay.written.push(serde_json::from_str(&line).unwrap());
                    }
                }
                _ => {}
            }
        }
        replay
    }

    fn ends(&self) -> Vec<TurnResult> {
        self.said
            .iter()
            .filter_map(|said| {
                if let Said::TurnEnded { result, .. } = said { Some(*result) } else { None }
            })
            .collect()
    }

    fn texts(&self) -> Vec<&str> {
        self.said
            .iter()
            .filter_map(
                |said| if let Said::Said { text } = said { Some(text.as_str()) } else { None },
            )
            .collect()
    }

    fn wishes(&self) -> usize {
        self.said.iter().filter(|said| matches!(said, Said::Permission { .. })).count()
    }

    fn classes(&self) -> Vec<ErrorClass> {
        self.said
            .iter()
            .filter_map(
                |said| if let Said::Error { class, .. } = said { Some(*class) } else { None },
            )
            .collect()
    }
}

#[test]
fn the_same_work_is_heard_alike_from_six_agents() {
    for agent in AGENTS {
        let replay = Replay::whole(agent, "basic");
        let methods: Vec<&str> =
            replay.written.iter().filter_map(|line| line["method"].as_str()).collect();
        assert_eq!(methods, ["initialize", "session/new", "session/prompt"], "{agent}");
        assert_eq!(replay.ends(), [TurnResult::Ended], "{agent}: no success, only an end");
        let texts = replay.texts();
        let (first, last) = (texts[texts.len() - 2], texts[texts.len() - 1]);
        assert_eq!(
            (first.trim(), last.trim()),
            ("I will write the file and commit it.", "Committed out.txt. All done."),
            "{agent}"
        );
        let tools: Vec<_> = replay
            .said
            .iter()
            .filter_map(|said| {
                if let Said::Tool { id, input, .. } = said {
                    Some((id.clone(), input.clone()))
                } else {
                    None
                }
            })
            .collect();
        let results: Vec<_> = replay
            .said
            .iter()
            .filter_map(|said| {
                if let Said::ToolResult { id, .. } = said { Some(id.clone()) } else { None }
            })
            .collect();
        assert!(tools.iter().any(|(_, input)| input.contains("commit")), "{agent}: {tools:?}");
        assert_eq!(tools.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), results, "{agent}");
        assert!(matches!(&replay.said[0], Said::Session { id } if !id.is_empty()), "{agent}");
    }
}

#[test]
fn usage_is_told_where_the_agent_counts() {
    let last =
        |agent| {
            Replay::whole(agent, "basic").said.into_iter().rev().find_map(|said| {
                if let Said::Usage { usage, .. } = said { Some(usage) } else { None }
            })
        };
    for agent in ["codex", "qwen"] {
        let usage = last(agent).unwrap_or_else(|| panic!("{agent}"));
        assert_eq!(usage.output_tokens, 70, "{agent}: {usage:?}");
    }
    let opencode = last("opencode").unwrap();
    assert!(opencode.cost_usd.is_some_and(|cost| cost > 0.0), "{opencode:?}");
    assert!(last("claude").unwrap().cost_usd.is_some());
}

#[test]
fn a_refused_wish_is_no_success_whether_the_agent_goes_on_or_not() {
    for agent in ["claude", "gemini", "opencode", "qwen", "vibe"] {
        let replay = Replay::whole(agent, "reject");
        assert!(replay.wishes() >= 1, "{agent}");
        assert!(replay.ends().iter().all(|end| *end == TurnResult::Ended), "{agent}");
        let refused: Vec<&Value> = replay
            .written
            .iter()
            .filter(|line| line["result"]["outcome"]["optionId"].is_string())
            .collect();
        assert!(!refused.is_empty(), "{agent} was answered");
    }
}

#[test]
fn a_cancelled_turn_is_cancelled_and_the_conversation_can_go_on() {
    for agent in AGENTS {
        for scene in ["cancel", "hangcancel"] {
            let replay = Replay::whole(agent, scene);
            let cancels =
                replay.written.iter().filter(|line| line["method"] == "session/cancel").count();
            assert_eq!(cancels, 1, "{agent} {scene}");
            assert_eq!(
                replay.ends(),
                [TurnResult::Cancelled, TurnResult::Ended],
                "{agent} {scene}: {:?}",
                replay.said
            );
        }
    }
}

#[test]
fn a_cancel_answers_every_open_wish() {
    let mut answered = 0;
    for agent in AGENTS {
        let mut replay = Replay::begin(Setting::default());
        for (ours, message) in recorded(agent, "cancelperm") {
            if ours && message["method"] == "session/cancel" {
                let open = replay.session.open.len();
                let lines = replay.session.cancel();
                let cancelled = |line: &&String| line.contains(r#""outcome":"cancelled""#);
                assert_eq!(lines.iter().filter(cancelled).count(), open, "{agent}: {lines:?}");
                assert!(replay.session.open.is_empty());
                answered += open;
            } else if !ours {
                replay.hear(&message);
            }
        }
    }
    assert!(answered >= 5, "{answered}");
}

#[test]
fn an_end_after_the_models_service_failed_is_a_failure_whatever_it_is_called() {
    let codex = Replay::whole("codex", "fail500");
    assert_eq!(codex.ends(), [TurnResult::Failed], "it says end_turn");
    assert_eq!(codex.classes(), [ErrorClass::Model]);
    let opencode = Replay::whole("opencode", "fail500");
    assert_eq!(opencode.ends(), [TurnResult::Failed]);
    for agent in ["codex", "gemini", "opencode", "qwen", "vibe"] {
        let replay = Replay::whole(agent, "auth401");
        assert_eq!(replay.ends(), [TurnResult::Failed], "{agent}");
        assert_eq!(replay.classes(), [ErrorClass::Auth], "{agent}: {:?}", replay.said);
    }
}

#[test]
fn what_it_asks_beyond_leave_is_answered_that_it_is_not_offered() {
    let replay = Replay::whole("qwen", "basic");
    let refused: Vec<&Value> =
        replay.written.iter().filter(|line| line["error"]["code"] == NO_METHOD).collect();
    assert_eq!(refused.len(), 1, "craft/drainMidTurnQueue");
    let mut session = Acp::new(Setting::default());
    session.opening("p");
    let ask = json!({"jsonrpc":"2.0","id":"x","method":"fs/read_text_file","params":{"sessionId":"s","path":"/etc/passwd"}});
    let heard = session.line(&ask.to_string());
    let [Heard::Reply(line)] = &heard[..] else { panic!("{heard:?}") };
    assert!(line.contains("-32601") && line.contains(r#""id":"x""#), "{line}");
}

/// An agent that answers our calls in order with these results.
fn answered(setting: Setting, results: &[Value]) -> Replay {
    let mut replay = Replay::begin(setting);
    for (nth, result) in results.iter().enumerate() {
        let mut message = json!({"jsonrpc": "2.0", "id": nth + 1});
        let key = if result.get("code").is_some() { "error" } else { "result" };
        message[key] = result.clone();
        replay.hear(&message);
    }
    replay
}

fn able(load: bool, resume: bool) -> Value {
    let session = if resume { json!({"resume": {}}) } else { json!({}) };
    json!({"protocolVersion": 1, "agentCapabilities": {"loadSession": load, "sessionCapabilities": session}})
}

#[test]
fn a_conversation_goes_on_by_load_or_resume_as_the_agent_does_it_best() {
    for (wanted, load, resume, method) in [
        (Resume::Load, true, true, "session/load"),
        (Resume::Resume, true, true, "session/resume"),
        (Resume::Resume, true, false, "session/load"),
    ] {
        let setting =
            Setting { session: Some("s-1".to_owned()), resume: wanted, ..Setting::default() };
        let mut replay = answered(setting, &[able(load, resume)]);
        assert_eq!(replay.written[1]["method"], method);
        let history = json!({"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s-1","update":
            {"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"long ago"}}}});
        replay.hear(&history);
        replay.hear(&json!({"jsonrpc":"2.0","id":2,"result":{}}));
        assert!(replay.texts().is_empty(), "a history is nobody's words now");
        assert_eq!(replay.said, [Said::Session { id: "s-1".to_owned() }]);
        assert_eq!(replay.written[2]["method"], "session/prompt");
        assert_eq!(replay.written[2]["params"]["sessionId"], "s-1");
    }
}

#[test]
fn an_agent_that_cannot_go_on_or_refuses_to_is_told_and_no_prompt_is_sent() {
    let going_on = |resume| Setting { session: Some("s".to_owned()), resume, ..Setting::default() };
    let never = answered(going_on(Resume::Never), &[able(true, true)]);
    let cannot = answered(going_on(Resume::Load), &[able(false, false)]);
    let gone = json!({"code": -32603, "message": "Internal error", "data": {"details": "No previous sessions found"}});
    let refused = answered(going_on(Resume::Load), &[able(true, false), gone]);
    for replay in [never, cannot, refused] {
        assert_eq!(replay.ends(), [TurnResult::Failed]);
        assert!(replay.written.iter().all(|line| line["method"] != "session/prompt"));
    }
}

#[test]
fn a_mode_is_set_before_the_prompt_and_one_that_is_refused_is_noted() {
    let setting = Setting { mode: Some("yolo".to_owned()), ..Setting::default() };
    let replay =
        answered(setting.clone(), &[able(true, false), json!({"sessionId": "s"}), json!({})]);
    let methods: Vec<&Value> = replay.written.iter().map(|line| &line["method"]).collect();
    assert_eq!(methods, ["initialize", "session/new", "session/set_mode", "session/prompt"]);
    let no = json!({"code": -32602, "message": "Invalid params"});
    let replay = answered(setting, &[able(true, false), json!({"sessionId": "s"}), no]);
    assert_eq!(replay.classes(), [ErrorClass::Notice]);
    assert_eq!(replay.written.last().unwrap()["method"], "session/prompt");
}

#[test]
fn another_version_and_an_answer_in_no_form_end_the_turn_with_the_reason() {
    for first in [json!({"protocolVersion": 2}), json!(7)] {
        let replay = answered(Setting::default(), &[first]);
        assert_eq!(replay.ends(), [TurnResult::Failed]);
        assert_eq!(replay.written.len(), 1, "nothing more is asked");
    }
}

#[test]
fn what_a_loaded_history_lacks_is_in_the_prompt_and_what_nobody_can_tell_is_not() {
    let doubt = |text: &str| Doubt {
        id: text.to_owned(),
        text: text.to_owned(),
        earlier: 0,
        answer: false,
    };
    let chunk = |kind: &str, text: &str| {
        json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s",
            "update": {"sessionUpdate": kind, "content": {"type": "text", "text": text}}}})
    };
    let replay = |resume, repeats: &[Value]| {
        let doubts = vec![doubt("and docs"), doubt("and tests")];
        let mut replay = Replay::begin(Setting {
            doubts,
            session: Some("s".to_owned()),
            resume,
            ..Setting::default()
        });
        replay.hear(&json!({"jsonrpc": "2.0", "id": 1, "result": able(true, true)}));
        repeats.iter().for_each(|repeated| replay.hear(repeated));
        replay.hear(&json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
        let prompt = replay.written.last().unwrap()["params"]["prompt"][0]["text"].clone();
        let told = replay.recalled.iter().map(|(id, history)| format!("{id}: {history:?}"));
        (prompt.as_str().unwrap().to_owned(), told.collect::<Vec<_>>().join(", "))
    };
    let repeats = [
        chunk("user_message_chunk", "make it"),
        chunk("agent_message_chunk", "and tests"),
        chunk("user_message_chunk", "and "),
        chunk("user_message_chunk", "docs"),
    ];
    let (prompt, told) = replay(Resume::Load, &repeats);
    assert_eq!(told, "and docs: Has, and tests: Lacks");
    assert!(prompt.ends_with("\n\nand tests") && !prompt.contains("and docs"), "{prompt}");
    let (prompt, told) = replay(Resume::Resume, &[]);
    assert_eq!(told, "and docs: Unclear, and tests: Unclear");
    assert!(!prompt.contains("and tests"), "{prompt}");
}

#[test]
fn an_answer_is_looked_for_in_what_a_loaded_history_says_that_tools_returned() {
    let result = json!({"question": "q_1", "pending": false, "answer": "teal"}).to_string();
    let update = |update: &Value| json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "s", "update": update}});
    let call = json!({"sessionUpdate": "tool_call", "toolCallId": "c", "title": "skep_ask_human", "status": "pending"});
    let done = |more: Value| {
        let mut done =
            json!({"sessionUpdate": "tool_call_update", "toolCallId": "c", "status": "completed"});
        done.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        done
    };
    let text =
        json!({"content": [{"type": "content", "content": {"type": "text", "text": result}}]});
    let raw = json!({"rawOutput": {"output": result}});
    let other = json!({"rawOutput": {"output": "teal"}});
    for (returned, want) in [
        (Some(text), "Has"),
        (Some(raw), "Has"),
        (Some(other), "Lacks"),
        (Some(json!({})), "Unclear"),
        (None, "Lacks"),
    ] {
        let mut replay = Replay::begin(Setting {
            doubts: vec![Doubt {
                id: "q_1".to_owned(),
                text: "the answer".to_owned(),
                earlier: 0,
                answer: true,
            }],
            session: Some("s".to_owned()),
            ..Setting::default()
        });
        replay.hear(&json!({"jsonrpc": "2.0", "id": 1, "result": able(true, true)}));
        replay.hear(&update(&call));
        if let Some(returned) = returned.clone() {
            replay.hear(&update(&done(returned)));
        }
        replay.hear(&json!({"jsonrpc": "2.0", "id": 2, "result": {}}));
        let prompt = &replay.written.last().unwrap()["params"]["prompt"][0]["text"];
        let prompt = prompt.as_str().unwrap();
        assert_eq!(format!("{:?}", replay.recalled[0].1), want, "{returned:?}");
        assert_eq!(prompt.contains("the answer"), want != "Has", "{prompt}");
        assert_eq!(prompt.contains("may have had"), want == "Unclear", "{prompt}");
    }
}

#[test]
fn one_prompt_at_a_time() {
    let mut replay = answered(Setting::default(), &[able(true, false), json!({"sessionId": "s"})]);
    assert_eq!(replay.session.message("and another"), None);
    replay.hear(&json!({"jsonrpc":"2.0","id":3,"result":{"stopReason":"end_turn"}}));
    assert!(replay.session.message("and another").unwrap().contains("and another"));
}

#[test]
fn a_transcript_cut_anywhere_ends_its_turns_once_and_never_well_before_their_end() {
    for agent in AGENTS {
        let rows: Vec<Value> = recorded(agent, "basic")
            .into_iter()
            .filter(|(ours, _)| !ours)
            .map(|(_, row)| row)
            .collect();
        for kept in 0..=rows.len() {
            let mut replay = Replay::begin(Setting::default());
            for row in &rows[..kept] {
                replay.hear(row);
            }
            let before = replay.ends().len();
            let after = replay.session.exited(137);
            let ends = after
                .iter()
                .filter(|heard| {
                    matches!(heard, Heard::Said(Said::TurnEnded { result: TurnResult::Failed, .. }))
                })
                .count();
            assert_eq!(before + ends, 1, "{agent} cut after {kept}");
        }
    }
}

#[test]
fn each_conversation_over_acp_comes_to_its_known_totals() {
    let counts = |agent, scene| -> Vec<(u64, u64, u64, Option<f64>, bool)> {
        let said = Replay::whole(agent, scene).said.into_iter();
        said.filter_map(|said| {
            let Said::Usage { usage, carried } = said else { return None };
            assert!(!carried.tokens, "{agent}");
            let Usage { input_tokens, output_tokens, cached_tokens, cost_usd, .. } = usage;
            Some((input_tokens, output_tokens, cached_tokens, cost_usd, carried.cost))
        })
        .collect()
    };
    let last = |agent, scene| counts(agent, scene).pop().unwrap();
    assert_eq!(last("codex", "basic"), (2200, 70, 200, None, false));
    // A title that another call made is in its count by models, and in its money.
    assert_eq!(last("claude", "basic"), (3413, 75, 200, Some(0.014392), false));
    assert_eq!(last("gemini", "basic"), (2200, 70, 0, None, false));
    // It tells the tokens of its last call alone, and all of its money.
    assert_eq!(last("opencode", "basic"), (1200, 20, 0, Some(0.00214), true));
    assert_eq!(last("qwen", "basic"), (2200, 70, 200, None, false));
    // Two turns of one process: each is counted once.
    assert_eq!(last("claude", "cancel"), (24716, 26, 0, Some(0.099384), false));
    assert_eq!(last("codex", "cancel"), (22426, 21, 0, None, false));
}

//! `skep mcp`: what an agent's client says to it, and who is heard.

use std::fs;

use serde_json::{Value, json};

use crate::{
    home::{Home, eventually, text_of},
    speaker::{script, scrubbed},
};

const SKEP: &str = env!("CARGO_BIN_EXE_skep");

/// A client's words up to the first call.
pub(crate) fn opening() -> Vec<Value> {
    let client = json!({"name": "test", "version": "0"});
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
    vec![
        json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
    ]
}

pub(crate) fn call(id: u32, name: &str, arguments: &Value) -> Value {
    let params = json!({"name": name, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

pub(crate) fn lines(words: &[Value]) -> String {
    words.iter().map(|word| format!("{word}\n")).collect()
}

/// What was answered to the request `id`.
pub(crate) fn answer(said: &str, id: u32) -> Value {
    let rows = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = rows.into_iter().find(|row| row["id"] == id);
    found.unwrap_or_else(|| panic!("no answer to {id}: {said}"))["result"].clone()
}

#[test]
fn the_tools_are_a_runs_own_and_outside_of_one_there_are_none() {
    let home = Home::new();
    home.skep(&["--json", "mcp"]).refused(2, "mcp-outside");
    assert!(!home.root().join("ledger.db").exists(), "nobody started a daemon");
}

#[test]
fn an_agent_finds_its_tools_sees_the_runs_and_cannot_speak_to_anothers_keeper() {
    let home = Home::new();
    home.repo();
    let other = text_of(&home.run("other", &["hang"], &[]), "id");
    let mut words = opening();
    words.push(call(2, "list_runs", &json!({})));
    words.push(call(3, "note", &json!({"text": ""})));
    let first = home.write("first", &lines(&words));
    let mut words = opening();
    words.push(call(2, "note", &json!({"text": "as another"})));
    let second = home.write("second", &lines(&words));
    let socket = home.root().join("s").join(format!("{other}.1.sock"));
    assert!(socket.exists(), "{}", socket.display());
    let (out, scrubbed) = (home.at("seen/out"), scrubbed(&home));
    // Its client may hide the environment from it, and end it by ending its standard input.
    let text = format!(
        "said() {{ while [ \"$(wc -l < $1)\" -lt $2 ]; do sleep 0.02; done; }}\n\
         : > {out}.first; : > {out}.second\n\
         (cat {first}; said {out}.first 4) | {scrubbed} {SKEP} mcp > {out}.first 2> {out}.err; echo $? >> {out}.err\n\
         (cat {second}; said {out}.second 3) | {scrubbed} {SKEP} mcp --run {other} --keeper {} > {out}.second\n",
        socket.display(),
        out = out.display(),
    );
    let rogue = text_of(&script(&home, &text), "id");
    let said = fs::read_to_string(home.at("seen/out.first")).unwrap();
    let tools = answer(&said, 1);
    assert_eq!(tools["tools"].as_array().unwrap().len(), 6, "{tools}");
    let listed = answer(&said, 2)["structuredContent"].clone();
    let runs = listed["runs"].as_array().unwrap();
    let you: Vec<(String, bool)> =
        runs.iter().map(|run| (text_of(run, "id"), run["you"] == true)).collect();
    assert!(
        you.contains(&(rogue.clone(), true)) && you.contains(&(other.clone(), false)),
        "{you:?}"
    );
    assert_eq!(answer(&said, 3)["isError"], true);
    assert_eq!(
        fs::read_to_string(home.at("seen/out.err")).unwrap(),
        "0\n",
        "it ends with its client"
    );
    let said = fs::read_to_string(home.at("seen/out.second")).unwrap();
    let refused = answer(&said, 2);
    assert!(refused.to_string().contains("control-denied"), "{refused}");
    assert_eq!(home.json(&["show", &rogue])["oversteps"], json!([]), "looking is no overstep");
    home.skep(&["stop", "--now", &rogue, &other]).ok();
}

/// Two questions of one run that wait at the same time: each call comes back with what was said to its own.
#[test]
fn of_two_questions_of_one_run_each_is_answered_with_its_own_answer() {
    let home = Home::new();
    home.repo();
    let ask = |id: u32, port: &str| call(id, "ask_human", &json!({"question": port}));
    let mut words = opening();
    words.extend([ask(2, "Which port?"), ask(3, "Which host?")]);
    let first = home.write("first", &lines(&words));
    let (out, scrubbed) = (home.at("seen/out"), scrubbed(&home));
    let text = format!(
        "said() {{ while [ \"$(wc -l < $1)\" -lt $2 ]; do sleep 0.02; done; }}\n\
         : > {out}.first\n\
         (cat {first}; said {out}.first 4) | {scrubbed} {SKEP} mcp > {out}.first 2> {out}.err\n",
        out = out.display(),
    );
    std::thread::scope(|scope| {
        let runs = scope.spawn(|| text_of(&script(&home, &text), "id"));
        let mut open = Vec::new();
        eventually("both wait", || {
            open = home.json(&["questions"]).as_array().unwrap().clone();
            open.len() == 2
        });
        // The later one is answered first.
        open.sort_by_key(|question| text_of(question, "text") == "Which port?");
        for question in &open {
            let text = text_of(question, "text");
            let answer = if text == "Which port?" { "8081" } else { "localhost" };
            home.json(&["answer", &text_of(question, "id"), answer]);
        }
        let id = runs.join().unwrap();
        let said = fs::read_to_string(home.at("seen/out.first")).unwrap();
        for (nth, text, wanted) in [(2, "Which port?", "8081"), (3, "Which host?", "localhost")] {
            let got = answer(&said, nth)["structuredContent"].clone();
            let own = open.iter().find(|question| question["text"] == text).unwrap();
            assert_eq!((&got["answer"], &got["question"]), (&wanted.into(), &own["id"]), "{got}");
        }
        home.skep(&["stop", "--now", &id]).ok();
    });
    home.no_agents();
}

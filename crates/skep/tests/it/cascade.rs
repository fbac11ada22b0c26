//! Runs that have others work for them: who may, how many, and what becomes of those.

use serde_json::{Value, json};

use crate::{
    home::{Home, text_of},
    mcp::{answer, call, lines, opening},
    speaker::scrubbed,
};

const SKEP: &str = env!("CARGO_BIN_EXE_skep");

/// A home whose agent `rogue` asks for this by its tools, each time that it runs, and then stays.
fn rogue(home: &Home, words: &[Value]) {
    let count = words.len();
    let first = home.write("seen/first", &lines(words));
    let scrubbed = scrubbed(home);
    let seen = home.at("seen");
    let text = format!(
        "out={}/$SKEP_NAME\n\
         said() {{ while [ \"$(wc -l < $1)\" -lt $2 ]; do sleep 0.02; done; }}\n\
         env > $out.env; : > $out\n\
         (cat {first}; said $out {}) | {scrubbed} {SKEP} mcp --spawns > $out 2> $out.err\n\
         touch $out.done\n\
         sleep 3600\n",
        seen.display(),
        count - 1,
    );
    let path = home.write("seen/script", &text);
    let profile = format!(
        "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{path}\"]\nprompt = \"none\"\nwrites = [\"{}\"]\n",
        seen.display()
    );
    std::fs::create_dir_all(&seen).unwrap();
    home.write("c/agents/rogue.toml", &profile);
}

fn run(home: &Home, name: &str, more: &[&str]) -> String {
    let args = ["run", "rogue", "--agent", "rogue", "--name", name];
    text_of(&home.json(&[&args, more].concat()), "id")
}

/// What the agent of this run was answered, once it has asked all.
fn said(home: &Home, name: &str) -> String {
    let done = home.at(format!("seen/{name}.done"));
    crate::home::eventually("it asked all", || done.exists());
    std::fs::read_to_string(home.at(format!("seen/{name}"))).unwrap()
}

/// What was granted of these calls, and what was said of the others.
fn spawned(said: &str, calls: std::ops::RangeInclusive<u32>) -> (Vec<Value>, Vec<String>) {
    let (mut granted, mut refused) = (Vec::new(), Vec::new());
    for nth in calls {
        let got = answer(said, nth);
        match &got["structuredContent"] {
            Value::Null => refused.push(got.to_string()),
            run => granted.push(run.clone()),
        }
    }
    (granted, refused)
}

fn spawn(id: u32, title: &str) -> Value {
    let arguments = json!({"title": title, "prompt": "Do it."});
    call(id, "spawn_run", &arguments)
}

#[test]
fn a_cascade_is_counted_by_the_daemon_whatever_its_agents_and_their_environment_say() {
    let home = Home::new();
    home.repo();
    let config = home.at("c/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}\n[dispatch]\ndepth = 2\nbreadth = 2\ntotal = 3\n"))
        .unwrap();
    let mut words = opening();
    words.extend([
        spawn(2, "one"),
        spawn(3, "two"),
        spawn(4, "three"),
        spawn(5, "task_0000000000"),
    ]);
    rogue(&home, &words);
    let root = run(&home, "root", &["--posture", "cascade"]);
    let told = said(&home, "root");
    let tools = answer(&told, 1)["tools"].to_string();
    assert!(tools.contains("spawn_run"), "{tools}");
    // They were asked for at the same time: two of the three are granted, whichever.
    let (granted, refused) = spawned(&told, 2..=4);
    assert_eq!((granted.len(), refused.len()), (2, 1), "two are all: {told}");
    assert!(refused[0].contains("cascade-limit"), "{refused:?}");
    assert!(answer(&told, 5).to_string().contains("title"), "no task is taken up: {told}");
    let mut left: Vec<(u64, u64)> = granted
        .iter()
        .map(|it| (it["left"].as_u64().unwrap(), it["left_in_all"].as_u64().unwrap()))
        .collect();
    left.sort_unstable();
    assert_eq!(left.last(), Some(&(1, 2)), "{told}");

    let (one, two) = (text_of(&granted[0], "id"), text_of(&granted[1], "id"));
    let view = home.json(&["show", &one]);
    assert_eq!((&view["by"], &view["posture"]), (&root.clone().into(), &"cascade".into()));
    assert_eq!(
        (&view["lineage"]["root"], &view["lineage"]["depth"]),
        (&root.clone().into(), &1.into())
    );
    let names = [text_of(&view, "name"), text_of(&home.json(&["show", &two]), "name")];
    // Both ask for three each; one more may come of all.
    let mut begun = Vec::new();
    for name in &names {
        let (granted, refused) = spawned(&said(&home, name), 2..=4);
        begun.extend(granted.iter().map(|it| text_of(it, "id")));
        assert!(refused.iter().all(|it| it.contains("cascade-limit")), "{refused:?}");
    }
    assert_eq!(begun.len(), 1, "three in all: {begun:?}");
    let last = home.json(&["show", &begun[0]]);
    assert_eq!(
        (&last["posture"], &last["lineage"]["depth"]),
        (&"headless".into(), &0.into()),
        "depth 2: nobody may follow it"
    );
    // It tries all the same, with tools that it was not given.
    let told = said(&home, &text_of(&last, "name"));
    assert!(answer(&told, 2).to_string().contains("not-for-runs"), "{told}");
    let last = home.json(&["show", &begun[0]]);
    assert_eq!(last["oversteps"][0]["what"], "spawn", "{last}");
    let all = home.json(&["ls", "--all"]);
    assert_eq!(all.as_array().unwrap().len(), 4);

    let screen = home.skep(&["show", "root"]).ok();
    for name in &names {
        assert!(screen.contains(name), "{screen}");
    }
    assert!(screen.contains("asked for by"), "{screen}");
    // To stop the first leaves the others at work, and says how to stop them too.
    let stopped = home.skep(&["stop", "--now", "root"]);
    let (code, err) = (stopped.code, stopped.stderr.clone());
    assert!(code == 0 && err.contains("skep stop root --children"), "{err}");
    assert_eq!(home.listed(&one)["state"], "running", "its work goes on");
    home.skep(&["stop", "--now", "root", "--children"]).ok();
    for id in [&one, &two, &begun[0]] {
        let run = home.wait(id, "ended");
        assert_eq!(run["env_state"], "held", "what it did stands: {run}");
    }
    home.no_agents();
}

#[test]
fn who_works_alone_may_have_nobody_work_for_it_whatever_it_calls_itself() {
    let home = Home::new();
    home.repo();
    let mut words = opening();
    words.push(spawn(2, "one"));
    rogue(&home, &words);
    for (name, posture) in [("alone", "headless"), ("seen", "watch"), ("asked", "consult")] {
        let id = run(&home, name, &["--posture", posture]);
        let told = said(&home, name);
        assert!(answer(&told, 2).to_string().contains("not-for-runs"), "{told}");
        assert_eq!(home.json(&["show", &id])["oversteps"][0]["what"], "spawn");
    }
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 3);
    home.skep(&["stop", "--all", "--now"]).ok();
    home.no_agents();
}

#[test]
fn what_works_for_another_has_what_that_one_has_and_no_more() {
    let home = Home::new();
    let repo = home.repo();
    repo.commit_file("src/a.rs", "a");
    let mut words = opening();
    let claims = |id: u32, title: &str, path: &str| {
        let arguments = json!({"title": title, "prompt": "Do it.", "claims": [path]});
        call(id, "spawn_run", &arguments)
    };
    words.extend([
        claims(2, "one", "src/a.rs"),
        claims(3, "two", "src"),
        claims(4, "three", "../../etc"),
        call(5, "spawn_run", &json!({"title": "four", "prompt": "x", "project": "nowhere"})),
        call(6, "spawn_run", &json!({"title": "five", "prompt": "x", "agent": "other"})),
    ]);
    rogue(&home, &words);
    let outside = ["--posture", "cascade", "--outside", "--claims", "src"];
    run(&home, "root", &outside);
    let told = said(&home, "root");
    // One of the two that claim the same, whichever came first.
    let (granted, refused) = spawned(&told, 2..=3);
    assert!(granted.len() == 1 && refused[0].contains("claims-taken"), "{told}");
    let one = text_of(&granted[0], "id");
    let view = home.json(&["show", &one]);
    assert_eq!(
        (&view["trust"], &view["permissions"], &view["agent"], &view["surface"]),
        (&"outside".into(), &"auto".into(), &"rogue".into(), &"headless".into())
    );
    let root = home.at("web").canonicalize().unwrap();
    let held = view["claims"]["held"][0].as_str().unwrap();
    assert!(held.starts_with(root.join("src").to_str().unwrap()), "{held}");
    for (nth, slug) in [(4, "claims-outside"), (5, "project-unknown")] {
        let got = answer(&told, nth).to_string();
        assert!(got.contains(slug), "{nth}: {got}");
    }
    assert!(answer(&told, 6).to_string().contains("nothing was done"), "{told}");
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 2);
    let prompt = home.root().join("runs").join(&one).join("1/prompt.md");
    crate::home::eventually("it is told", || prompt.exists());
    let prompt = std::fs::read_to_string(prompt).unwrap();
    assert!(prompt.len() > "Do it.".len() + 100, "its words are between marks: {prompt}");
    home.skep(&["stop", "--all", "--now"]).ok();
    home.no_agents();
}

#[test]
fn what_works_for_another_in_another_project_gets_none_of_that_projects_secrets() {
    let home = Home::new();
    home.repo();
    home.json(&["project", "add", "."]);
    home.place().repo("infra");
    home.json(&["project", "add", home.at("infra").to_str().unwrap()]);
    let key = home.write("key", "hunter2-of-infra");
    let settings = format!("env = [\"PROD_KEY\"]\n[secrets]\nPROD_KEY = \"file:{key}\"\n");
    home.write("c/projects/infra.toml", &settings);
    let mut words = opening();
    let arguments = json!({"title": "one", "prompt": "Do it.", "project": "infra"});
    words.push(call(2, "spawn_run", &arguments));
    rogue(&home, &words);
    let env = |name: &str| std::fs::read_to_string(home.at(format!("seen/{name}.env"))).unwrap();
    run(&home, "root", &["--posture", "cascade"]);
    let told = said(&home, "root");
    let child = text_of(&answer(&told, 2)["structuredContent"], "name");
    said(&home, &child);
    assert_eq!(home.json(&["show", &child])["project"], "infra");
    assert!(!env(&child).contains("hunter2"), "{}", env(&child));
    // A person's own run there has it.
    run(&home, "own", &["--project", "infra"]);
    said(&home, "own");
    assert!(env("own").contains("PROD_KEY=hunter2-of-infra"), "{}", env("own"));
    home.skep(&["stop", "--all", "--now"]).ok();
    home.no_agents();
}

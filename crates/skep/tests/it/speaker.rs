//! Who speaks: decided by descent, whatever a process does to look like another.

use std::fs;

use serde_json::Value;

use crate::home::{Home, eventually, text_of};

const SKEP: &str = env!("CARGO_BIN_EXE_skep");

/// Begins a run whose agent is this script, and waits until it has touched `done`.
pub(crate) fn script(home: &Home, text: &str) -> Value {
    let text = format!("{text}\ntouch {}\nsleep 3600\n", home.at("seen/done").display());
    let path = home.write("tmp/script", &text);
    let profile = format!(
        "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{path}\"]\nprompt = \"none\"\nwrites = [\"{}\"]\n",
        home.at("seen").display()
    );
    fs::create_dir_all(home.at("seen")).unwrap();
    home.write("c/agents/rogue.toml", &profile);
    let run = home.json(&["run", "rogue", "--agent", "rogue"]);
    eventually("it did it all", || home.at("seen/done").exists());
    run
}

/// How a process of a run calls the binary: nothing of its own environment but what says where.
pub(crate) fn scrubbed(home: &Home) -> String {
    let (root, config) = (home.root(), home.at("c"));
    format!(
        "env -i HOME=/nowhere SKEP_HOME={} SKEP_CONFIG={} PATH=/usr/bin:/bin",
        root.display(),
        config.display()
    )
}

#[test]
fn a_run_that_speaks_as_another_is_refused_and_it_is_shown() {
    let home = Home::new();
    home.repo();
    let other = home.run("other", &["hang"], &[]);
    let id = text_of(&other, "id");
    let (out, scrubbed) = (home.at("seen/out"), scrubbed(&home));
    let out = out.display();
    let attempt = home.root().join("runs").join(&id).join("1");
    // A script of this name has the arguments of that run's keeper.
    home.write(
        "fake/__keeper",
        &format!("{scrubbed} {SKEP} --json show {id} > {out}.fake 2>&1\n:\n"),
    );
    let ways = [
        format!(
            "SKEP_RUN={id} SKEP_ROLE=person {SKEP} --home {} --json stop {id}",
            home.root().display()
        ),
        format!("{scrubbed} SKEP_RUN={id} setsid -f -w {SKEP} --json approve {id}"),
        format!("{scrubbed} {SKEP} --json land {id}"),
        format!("{scrubbed} {SKEP} --json why {id}"),
        format!("{scrubbed} {SKEP} --json events"),
    ];
    let mut text = String::new();
    for (nth, call) in ways.iter().enumerate() {
        // Forked twice, so that its parent is gone before it asks.
        text += &format!(
            "( ( {call} > {out}.{nth} 2>&1; echo >> {out}.{nth}.end ) & ) \n\
             while [ ! -e {out}.{nth}.end ]; do sleep 0.01; done\n"
        );
    }
    text +=
        &format!("(cd {} && /bin/sh __keeper {})\n", home.at("fake").display(), attempt.display());
    text += &format!("{scrubbed} {SKEP} --json ls > {out}.ls\n");
    text += &format!("{scrubbed} {SKEP} --json show $SKEP_RUN > {out}.own 2>&1\n");
    let rogue = text_of(&script(&home, &text), "id");
    for nth in ["0", "1", "2", "3", "4", "fake"] {
        let said = fs::read_to_string(home.at(format!("seen/out.{nth}"))).unwrap();
        assert!(said.contains("not-for-runs") && said.contains(&rogue), "{nth}: {said}");
    }
    let own: Value =
        serde_json::from_str(&fs::read_to_string(home.at("seen/out.own")).unwrap()).unwrap();
    assert_eq!(own["id"], rogue, "a run may look at itself");
    assert!(fs::read_to_string(home.at("seen/out.ls")).unwrap().contains(&id));
    let shown = home.json(&["show", &rogue]);
    let tried: Vec<String> =
        shown["oversteps"].as_array().unwrap().iter().map(|one| text_of(one, "what")).collect();
    assert_eq!(tried, ["stop", "rule", "land", "why", "events", "show"], "{shown}");
    assert_eq!(home.json(&["show", &id])["oversteps"], serde_json::json!([]), "not the other's");
    assert_eq!(home.listed(&id)["state"], "running", "nothing was changed");
    let screen = home.skep(&["show", &rogue]).ok();
    assert!(screen.contains("asked skep to"), "{screen}");
    assert!(home.skep(&["ls"]).ok().contains("(overstepped)"));
    let why = home.json(&["why", &rogue]);
    assert!(why.to_string().contains("overstepped"), "{why}");
    let inbox = || home.json(&["inbox"]);
    let item = inbox()[0].clone();
    assert_eq!((&item["kind"], &item["run"]), (&"overstep".into(), &rogue.clone().into()));
    assert_eq!(
        text_of(&item, "text"),
        "asked skep to stop, rule, land, why, events, show, which no run may; it was refused"
    );
    let name = text_of(&item, "name");
    let ways = [format!("logs {name}"), format!("send {name} TEXT"), format!("stop {name}")];
    assert_eq!(item["ways"], serde_json::json!(ways.map(|way| format!("skep {way}"))));
    assert!(home.skep(&["inbox"]).ok().contains(&format!("web/{name} overstepped")));
    home.skep(&["stop", "--now", &rogue, &id]).ok();
    assert_eq!(inbox(), serde_json::json!([]), "a person has seen it");
}

#[test]
fn a_command_under_the_gatekeeper_of_a_person_is_the_persons() {
    let home = Home::new();
    home.repo();
    home.json(&["ls"]);
    home.skep(&["gatekeeper", "--", SKEP, "task", "add", "more"]).ok();
    assert_eq!(home.json(&["task", "ls"]).as_array().unwrap().len(), 1);
}

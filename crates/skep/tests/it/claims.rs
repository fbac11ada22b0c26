//! Paths that are one run's: what may be claimed, who is refused, what is answered about a path.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::{
    home::{Home, eventually, text_of},
    mcp::{answer, call, lines, opening},
    speaker::{script, scrubbed},
};

const SKEP: &str = env!("CARGO_BIN_EXE_skep");

/// Begins a run of this name that claims these, and stays.
fn claiming(home: &Home, name: &str, claims: &str) -> String {
    let more = ["--name", name, "--claims", claims];
    text_of(&home.run(name, &["hang"], &more), "id")
}

/// What `dispatch check` finds of this path: run by run, and how.
fn check(home: &Home, path: &str) -> Vec<(String, String)> {
    let said = home.skep(&["--json", "dispatch", "check", path]);
    let code = said.code;
    let found = said.json(code);
    let found = found.as_array().unwrap();
    assert_eq!(code, i32::from(!found.is_empty()), "{found:?}");
    found.iter().map(|met| (text_of(met, "name"), text_of(met, "reason"))).collect()
}

fn met(name: &str, reason: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), reason.to_owned())]
}

#[test]
fn wrong_claims_are_an_error_before_anything_is_made() {
    let home = Home::new();
    let repo = home.repo();
    repo.commit_file("src/a.rs", "a");
    std::fs::create_dir_all(home.at("elsewhere")).unwrap();
    symlink(home.at("elsewhere"), home.at("web/out")).unwrap();
    symlink("b", home.at("web/a")).unwrap();
    symlink("a", home.at("web/b")).unwrap();
    home.json(&["project", "add", "."]);
    let long = "x".repeat(300);
    for (claims, slug) in [
        ("../elsewhere", "claims-outside"),
        ("out/x", "claims-outside"),
        ("/", "claims-outside"),
        ("/etc/passwd", "claims-outside"),
        ("src,src/../../elsewhere", "claims-outside"),
        (".git/config", "claims-unfit"),
        ("src/a.rs/b", "claims-unfit"),
        ("a/x", "claims-unfit"),
        ("src/*.rs", "claims-unfit"),
        (" , ", "claims-unfit"),
        ("", "claims-unfit"),
        (&long, "claims-unfit"),
    ] {
        let claims = format!("--claims={claims}");
        let error = home.skep(&["--json", "run", "mend", &claims]).refused(2, slug);
        assert!(!error["hints"].as_array().unwrap().is_empty(), "{error}");
    }
    home.skep(&["--json", "run", "one", "two", "--claims", "src"]).refused(2, "usage");
    home.skep(&["--json", "run", "one", "--directory", "--claims", "src"])
        .refused(2, "claims-unfit");
    assert_eq!(home.json(&["ls", "--all"]), json!([]), "no run");
    let made = std::fs::read_dir(home.root().join("runs")).unwrap().count();
    assert_eq!(made, 0, "and nothing of one");
    home.no_agents();
}

#[test]
fn claims_conflict_with_what_is_at_below_and_above_them_through_links_too_and_overlap_is_refused() {
    let home = Home::new();
    let repo = home.repo();
    repo.commit_file("src/web/a.rs", "a");
    repo.commit_file("src/website/b.rs", "b");
    symlink("src", home.at("web/alias")).unwrap();
    symlink(home.at("web"), home.at("shortcut")).unwrap();
    let amber = claiming(&home, "amber", "alias/web,new/../doc");
    let view = home.json(&["show", "amber"]);
    let root = home.at("web").canonicalize().unwrap();
    let path = |inside: &str| root.join(inside).to_str().unwrap().to_owned();
    assert_eq!(view["claims"]["held"], json!([path("src/web"), path("doc")]));
    assert!(home.skep(&["show", "amber"]).ok().contains("src/web"));

    assert_eq!(check(&home, "src/web"), met("amber", "exact"));
    assert_eq!(check(&home, "src/web/a.rs"), met("amber", "ancestor"));
    assert_eq!(check(&home, "src"), met("amber", "descendant"));
    assert_eq!(check(&home, "alias/web/new.rs"), met("amber", "ancestor"), "through a link");
    let far = home.at("shortcut/src/web");
    assert_eq!(check(&home, far.to_str().unwrap()), met("amber", "exact"), "from outside");
    assert_eq!(check(&home, "src/../doc/x"), met("amber", "ancestor"));
    assert_eq!(check(&home, "src/website"), []);
    assert_eq!(home.skep(&["dispatch", "check", "src/website"]).ok(), "", "free: no word");
    let said = home.skep(&["dispatch", "check", "src/web"]).with(1);
    assert!(said.contains(&amber) && said.contains("claims") && said.contains("exact"), "{said}");
    // From the worktree of a run it is the same file.
    let worktree = text_of(&view, "worktree");
    let there = home.skep_in(worktree.as_ref(), &["--json", "dispatch", "check", "src/web/a.rs"]);
    assert_eq!(there.json(1)[0]["claim"], path("src/web"));

    for claims in ["src", "src/web", "alias/web/a.rs", "doc/deep/er"] {
        let refused = home.skep(&["--json", "run", "beryl", "--claims", claims]);
        let refused = refused.refused(1, "claims-taken");
        let text = text_of(&refused, "message");
        assert!(text.contains("amber") && text.contains(&amber), "{text}");
        let hints = refused["hints"].to_string();
        for way in ["skep show", "skep wait", "--overlap"] {
            assert!(hints.contains(way), "{hints}");
        }
    }
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1);
    claiming(&home, "coral", "src/website");
    home.run("beryl", &["hang"], &["--name", "beryl", "--claims", "src", "--overlap"]);
    assert_eq!(check(&home, "src/web").len(), 2);
    home.skep(&["stop", "--all", "--now"]).ok();
    home.skep(&["close", "--force", "amber", "beryl", "coral"]).ok();
    assert_eq!(check(&home, "src"), [], "what is closed holds nothing");
    claiming(&home, "dune", "src");
    home.skep(&["stop", "--all", "--now"]).ok();
    home.no_agents();
}

#[test]
fn what_a_run_is_seen_to_change_is_answered_beside_what_is_claimed() {
    let home = Home::with_radar();
    home.repo();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let steps = ["listen", "write README mine", "say ready", &wait];
    let run = home.run("amber", &steps, &["--name", "amber"]);
    eventually("it is seen", || check(&home, "README") == met("amber", "exact"));
    let found = home.skep(&["--json", "dispatch", "check", "."]).json(1);
    assert_eq!((&found[0]["seen"], &found[0]["reason"]), (&true.into(), &"descendant".into()));
    let said = home.skep(&["dispatch", "check", "README"]).with(1);
    assert!(said.contains("amber") && said.contains("changed"), "{said}");
    assert_eq!(check(&home, "docs"), []);
    home.write("go", "");
    home.skep(&["stop", "--now", &text_of(&run, "id")]).ok();
}

#[test]
fn an_agent_that_claims_what_another_holds_hears_who_it_is_and_holds_the_rest() {
    let home = Home::new();
    home.repo();
    let amber = claiming(&home, "amber", "src");
    let mut words = opening();
    words.push(call(2, "claim_paths", &json!({"paths": ["src/a.rs", "doc"]})));
    words.push(call(3, "claim_paths", &json!({"paths": ["api"]})));
    let first = home.write("first", &lines(&words));
    let (out, scrubbed) = (home.at("seen/out"), scrubbed(&home));
    let text = format!(
        "said() {{ while [ \"$(wc -l < $1)\" -lt $2 ]; do sleep 0.02; done; }}\n\
         : > {out}\n\
         (cat {first}; said {out} 4) | {scrubbed} {SKEP} mcp > {out}\n\
         {scrubbed} {SKEP} --json dispatch check src > {out}.check\n\
         {scrubbed} {SKEP} --json dispatch ls > {out}.ls\n",
        out = out.display(),
    );
    let rogue = text_of(&script(&home, &text), "id");
    let said = std::fs::read_to_string(&out).unwrap();
    let told = answer(&said, 2)["structuredContent"].clone();
    assert_eq!(told["done"], true, "{said}");
    assert_eq!(told["conflicts"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(
        (&told["conflicts"][0]["run"], &told["conflicts"][0]["reason"]),
        (&amber.clone().into(), &"ancestor".into())
    );
    assert_eq!(answer(&said, 3)["structuredContent"]["conflicts"], json!([]));
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(home.at(format!("seen/out.{name}"))).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(read("check").as_array().unwrap().len(), 2, "a run may ask who holds what");
    assert_eq!(read("ls").as_array().unwrap().len(), 2);
    assert_eq!(home.json(&["show", &rogue])["oversteps"], json!([]));
    assert_eq!(check(&home, "doc/x.md").len(), 1, "what it claims at work counts");
    home.skep(&["--json", "run", "more", "--claims", "api/x"]).refused(1, "claims-taken");
    home.skep(&["stop", "--now", &rogue, &amber]).ok();
    home.no_agents();
}

#[test]
fn the_registry_hides_who_does_not_live_and_bears_records_that_do_not_read() {
    let home = Home::new();
    home.repo();
    let amber = claiming(&home, "amber", "src");
    let beryl = claiming(&home, "beryl", "doc");
    home.run("plain", &["hang"], &["--name", "plain"]);
    let names = || -> Vec<String> {
        let listed = home.json(&["dispatch", "ls"]);
        listed.as_array().unwrap().iter().map(|run| text_of(run, "name")).collect()
    };
    assert_eq!(
        names(),
        ["amber", "beryl"],
        "the oldest first; who claims nothing is in nobody's way"
    );
    let listed = home.json(&["dispatch", "ls"]);
    let row = &listed[0];
    assert!(row["pid"].is_u64() && row["started_at"].is_string(), "{row}");
    assert_eq!(
        (&row["run"], &row["ref"], &row["url"]),
        (&amber.clone().into(), &Value::Null, &Value::Null)
    );
    assert_eq!(row["parent_session"], Value::Null);
    assert_eq!(row["paths_claimed"].as_array().unwrap().len(), 1);
    assert!(std::path::Path::new(&text_of(row, "log_path")).is_file(), "{row}");
    let screen = home.skep(&["dispatch", "ls"]).ok();
    assert!(screen.contains("amber") && screen.contains("claims"), "{screen}");
    let status = home.skep(&["dispatch", "status", "amber"]).ok();
    assert!(status.contains(&amber) && status.contains("running"), "{status}");
    home.skep(&["--json", "dispatch", "status", "ada/web#7"]).refused(2, "issue-untouched");

    // A record that does not read says nothing of who lives.
    let record = |id: &str| home.root().join("runs").join(id).join("1/start.json");
    let good = std::fs::read(record(&amber)).unwrap();
    std::fs::write(record(&amber), "{").unwrap();
    assert_eq!(names(), ["amber", "beryl"], "it is found by what it is");
    let mut other: Value = serde_json::from_slice(&good).unwrap();
    other["gatekeeper"]["started"] = 1.into();
    std::fs::write(record(&amber), other.to_string()).unwrap();
    assert_eq!(names(), ["beryl"], "its pid is another's by now");
    std::fs::write(record(&amber), good).unwrap();
    home.skep(&["stop", "--now", &beryl]).ok();
    assert_eq!(names(), ["amber"]);
    home.skep(&["stop", "--all", "--now"]).ok();
    assert_eq!(names(), Vec::<String>::new());
    assert!(home.skep(&["dispatch", "ls"]).ok().is_empty());
    home.no_agents();
}

//! A run's branch on its way to the remote, carried out as a deed in a process of its own, in the env that a run left.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::{Value, json};
use skep_host::{fence, proc::Program};
use skep_testkit::Repo;

use crate::home::{Home, text_of};

/// What comes of finalizing `run`, with these words for what was left over.
#[track_caller]
pub(crate) fn finalize(home: &Home, run: &Value, message: Option<&str>) -> Value {
    let env = text_of(run, "env");
    let attempt = home.attempt(&text_of(run, "id"), 1);
    let spec = fs::read_to_string(attempt.join("spec.json")).unwrap();
    let spec: Value = serde_json::from_str(&spec).unwrap();
    let fence = spec.get("fence").filter(|fence| !fence.is_null());
    let may = match fence {
        Some(fence) => json!({"may": "as_agent", "fence": fence}),
        None => json!({"may": "env"}),
    };
    let vars: serde_json::Map<String, Value> = home
        .place()
        .env()
        .into_iter()
        .map(|(name, value)| (name.into_string().unwrap(), json!(value.into_string().unwrap())))
        .chain([("TMPDIR".to_owned(), json!(format!("{env}/tmp")))])
        .collect();
    let deed = json!({"deed": "finalize", "finalizing": {
        "root": env,
        "lock": format!("{env}/lock"),
        "repository": home.at("web"),
        "worktree": run["worktree"],
        "branch": run["branch"],
        "not": ["main"],
        "message": message,
        "published": null,
        "sign": false,
        "vars": vars,
        "may": may,
        "ask_ms": 20_000,
    }});
    let output = Program::new(env!("CARGO_BIN_EXE_skep"))
        .arg("__effect")
        .envs(home.place().env())
        .stdin(deed.to_string().into_bytes())
        .output()
        .unwrap();
    let done: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|err| panic!("{err}: {}", output.complaint()));
    assert_eq!(done["done"], "finalized", "{done}");
    done["found"].clone()
}

/// The repository `web` with its bare `origin`.
fn with_origin(home: &Home) -> Repo<'_> {
    let repo = home.repo();
    home.place().bare("origin.git");
    repo.git(&["remote", "add", "origin", "../origin.git"]);
    repo.git(&["push", "--quiet", "origin", "main"]);
    repo
}

fn executable(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_a_run_left_is_committed_and_pushed_and_its_hooks_get_no_further_than_it_did() {
    let home = Home::new();
    let repo = with_origin(&home);
    // Hooks that stand in the worktree, as many teams have them; what is in them is whatever the run wrote.
    repo.git(&["config", "core.hooksPath", ".hooks"]);
    let run =
        home.ended("greet", &["write a a", "commit it", "write left left", "say done"], &["-d"]);
    let worktree = text_of(&run, "worktree");
    let tree = home.place().at(&worktree);
    let (outside, output) = (home.at("outside"), format!("{}/output", text_of(&run, "env")));
    fs::create_dir(&outside).unwrap();
    for hook in ["pre-commit", "pre-push", "post-commit", "reference-transaction", "post-checkout"]
    {
        let script = format!(
            "echo {hook} >> '{output}/hooks'; echo {hook} >> '{}/hooks'; mktemp > /dev/null || exit 3; exit 0",
            outside.display()
        );
        executable(&tree.path().join(".hooks").join(hook), &script);
    }
    let dirty = finalize(&home, &run, None);
    let paths: Vec<&str> =
        dirty["paths"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(dirty["found"], "dirty", "{dirty}");
    assert!(paths.contains(&"left") && paths.contains(&".hooks/pre-push"), "{dirty}");
    assert!(!Path::new(&output).join("hooks").exists(), "looking starts none of them");
    let published = finalize(&home, &run, Some("the rest"));
    let head = tree.head();
    let expected = json!({"found": "published", "head": head, "remote": "origin ../origin.git"});
    assert_eq!(published, expected);
    let branch = format!("refs/heads/{}", text_of(&run, "branch"));
    assert_eq!(home.place().at("origin.git").oid(&branch), head);
    assert_eq!(tree.git(&["log", "-2", "--format=%s"]), "the rest\nit");
    let heard = fs::read_to_string(Path::new(&output).join("hooks")).unwrap();
    assert!(heard.contains("pre-commit\n") && heard.ends_with("pre-push\n"), "{heard}");
    if fence::is_possible() {
        assert!(!outside.join("hooks").exists(), "a hook wrote where its run could not");
    }
    assert_eq!(finalize(&home, &run, Some("again")), published);
    assert_eq!(repo.status(), "");
    let told = repo.try_git(&["config", "--local", "--get-regexp", r"^branch\."]);
    assert_eq!(String::from_utf8_lossy(&told.stdout), "", "no settings are written");
}

#[test]
fn a_refused_push_has_the_remotes_words_and_the_run_can_put_it_right() {
    let home = Home::new();
    with_origin(&home);
    let hook = home.at("origin.git/hooks/pre-receive");
    executable(
        &hook,
        "while read old new ref; do git log -1 --format=%s $new | grep -q T-1 || { echo 'no ticket' >&2; exit 1; }; done",
    );
    let run = home.ended("greet", &["write a a", "commit it", "say done"], &["-d"]);
    let rejected = finalize(&home, &run, None);
    assert_eq!(
        (&rejected["found"], &rejected["by"]),
        (&json!("rejected"), &json!("hook")),
        "{rejected}"
    );
    assert!(rejected["output"].as_str().unwrap().contains("no ticket"), "{rejected}");
    let tree = home.place().at(text_of(&run, "worktree"));
    tree.git(&["commit", "--quiet", "--amend", "--message", "T-1 it"]);
    let published = finalize(&home, &run, None);
    assert_eq!(
        (&published["found"], &published["head"]),
        (&json!("published"), &json!(tree.head()))
    );
}

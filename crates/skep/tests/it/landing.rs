//! Work that is brought in behind gates: the line, the tree that lands, conflicts, and a daemon that dies on the way.

use serde_json::Value;
use skep_testkit::Repo;

use crate::{
    close::doomed,
    home::{Home, eventually, lives, text_of},
};

/// A repository whose target has this gate.
fn gated<'a>(home: &'a Home, gate: &str) -> Repo<'a> {
    let repo = home.repo();
    let settings = format!("[[gate]]\nname = \"test\"\nrun = '''{gate}'''\n");
    repo.write(".skep/project.toml", &settings);
    repo.commit("how it is checked");
    repo
}

fn done(home: &Home, name: &str) -> String {
    let steps = [&*format!("write {name} {name}"), "commit it", "say done"];
    text_of(&home.ended(name, &steps, &["-d", "--name", name]), "id")
}

fn seen(run: &Value) -> &Value {
    &run["attestation"]
}

#[test]
fn what_lands_is_the_tree_that_its_gates_saw_and_a_note_at_the_commit_says_so() {
    let home = Home::new();
    let repo = gated(&home, "ls | grep -q ne");
    let (one, two) = (done(&home, "one"), done(&home, "two"));
    // Nobody has approved the gate yet, and nothing runs before that.
    let error = home.skep(&["--json", "land", &one]).refused(1, "scripts-unapproved");
    assert!(error.to_string().contains("grep -q ne"), "{error}");
    let run = home.json(&["land", "--yes", &one]);
    assert_eq!(seen(&run)["tree"], repo.oid("main^{tree}").as_str());
    assert_eq!(seen(&run)["gates"][0]["exit"]["code"], 0);
    let note = repo.git(&["notes", "--ref", "skep", "show", "main"]);
    let note: Value = serde_json::from_str(&note).unwrap();
    assert_eq!(note["tree"], seen(&run)["tree"]);
    // The second is checked with what the first one brought, in a worktree that is gone again.
    let run = home.json(&["land", &two]);
    assert_eq!(seen(&run)["tree"], repo.oid("main^{tree}").as_str());
    assert_eq!((repo.read("one"), repo.read("two")), ("one\n".to_owned(), "two\n".to_owned()));
    let gate = text_of(&seen(&run)["gates"][0], "run");
    assert_eq!(home.json(&["show", &gate])["env_state"], "closed");
}

#[test]
fn the_tools_that_a_gate_names_say_their_versions_before_its_command_and_the_tree_cannot_say_others()
 {
    let home = Home::new();
    let repo = home.repo();
    let settings = "[[gate]]\nname = \"test\"\nrun = '''sh one \"$0\" $#'''\ntools = [\"no-such-tool\", \"git\"]\n";
    repo.write(".skep/project.toml", settings);
    repo.commit("how it is checked");
    let lies = "skep: version of no-such-tool: 7";
    let steps = [&*format!("write one echo '{lies}'; echo $1 $2"), "commit it", "say done"];
    let one = text_of(&home.ended("one", &steps, &["-d", "--name", "one"]), "id");
    let error = home.skep(&["--json", "land", &one]).refused(1, "scripts-unapproved");
    assert!(error.to_string().contains("asks no-such-tool, git for --version"), "{error}");
    let run = home.json(&["land", "--yes", &one]);
    let gate = &seen(&run)["gates"][0];
    let git = repo.git(&["--version"]);
    assert_eq!(gate["tools"], serde_json::json!([["git", git.trim()]]), "{run}");
    let logs = home.skep(&["logs", &text_of(gate, "run")]).ok();
    assert!(logs.contains(lies) && logs.contains("/bin/sh 0"), "the command is as ever: {logs}");
}

#[test]
fn commits_that_are_not_on_the_runs_branch_keep_its_work_from_landing_in_part() {
    let home = Home::new();
    let repo = home.repo();
    let one = done(&home, "one");
    let worktree = home.place().at(text_of(&home.json(&["show", &one]), "worktree"));
    let head = repo.head();
    let branch = worktree.git(&["rev-parse", "--abbrev-ref", "HEAD"]);
    worktree.git(&["checkout", "--quiet", "-b", "elsewhere"]);
    worktree.commit_file("rest", "of it\n");
    let error = home.skep(&["--json", "land", &one]).refused(1, "branch-left");
    assert!(error.to_string().contains("elsewhere"), "{error}");
    assert_eq!(repo.head(), head);
    worktree.git(&["checkout", "--quiet", &branch]);
    worktree.git(&["merge", "--quiet", "--ff-only", "elsewhere"]);
    home.skep(&["land", &one]).ok();
    assert_eq!(repo.read("rest"), "of it\n");
}

#[test]
fn an_object_that_stands_in_for_the_work_is_seen_by_no_gate() {
    let home = Home::new();
    let repo = gated(&home, "grep -q good work");
    let head = repo.head();
    let one = text_of(
        &home.ended("one", &["write work bad", "commit it", "say done"], &["-d", "--name", "one"]),
        "id",
    );
    repo.write("../good", "good\n");
    let good = repo.git(&["hash-object", "-w", "../good"]);
    let branch = text_of(&home.json(&["show", &one]), "branch");
    repo.git(&["replace", &repo.git(&["rev-parse", &format!("{branch}:work")]), &good]);
    home.skep(&["--json", "land", "--yes", &one]).refused(1, "gate-failed");
    assert_eq!(repo.head(), head);
}

#[test]
fn a_landing_asks_the_remote_that_it_pushes_to() {
    let home = Home::new();
    let repo = home.repo();
    for remote in ["origin", "fork"] {
        let there = home.place().root().join(format!("{remote}.git"));
        let there = there.to_str().unwrap();
        repo.git(&["clone", "--quiet", "--bare", ".", there]);
        repo.git(&["remote", "add", remote, there]);
        repo.git(&["fetch", "--quiet", remote]);
    }
    repo.git(&["config", "remote.pushDefault", "fork"]);
    let one = done(&home, "one");
    home.skep(&["config", "set", "--project", "web", "land", "push"]).ok();
    // Somebody else was there meanwhile.
    let fork = home.place().root().join("fork.git");
    let other = home.place().root().join("other");
    repo.git(&["clone", "--quiet", fork.to_str().unwrap(), other.to_str().unwrap()]);
    let other = home.place().at(other);
    other.commit_file("theirs", "1\n");
    other.git(&["push", "--quiet", "origin", "HEAD:main"]);
    home.skep(&["land", &one]).ok();
    repo.git(&["fetch", "--quiet", "fork"]);
    let landed = repo.git(&["ls-tree", "--name-only", "fork/main"]);
    assert!(landed.contains("theirs") && landed.contains("one"), "{landed}");
}

#[test]
fn work_whose_gates_are_red_stays_out_whatever_its_agent_said() {
    let home = Home::new();
    let repo = gated(&home, "test ! -f one");
    let head = repo.head();
    let one = done(&home, "one");
    let error = home.skep(&["--json", "land", "--yes", &one]).refused(1, "gate-failed");
    assert!(error.to_string().contains("skep logs run_"), "{error}");
    assert_eq!(repo.head(), head);
    let shown = home.json(&["show", &one]);
    assert_eq!((&shown["landed"], &shown["landing"]), (&Value::Null, &Value::Null));
    assert_eq!(shown["unlanded"]["slug"], "gate-failed");
    let waiting = home.json(&["inbox"]);
    assert_eq!((&waiting[0]["kind"], &waiting[0]["id"]), (&"landing".into(), &one.as_str().into()));
    let words = home.skep(&["show", &one]).ok();
    assert!(words.contains("not landed"), "{words}");
    // Another's work is not held up by it.
    let two = done(&home, "two");
    home.skep(&["land", &two]).ok();
    assert_ne!(repo.head(), head);
}

#[test]
fn gates_alone_say_whether_it_would_pass_and_move_nothing() {
    let home = Home::new();
    let repo = gated(&home, "test -f one");
    let head = repo.head();
    let run = home.json(&["gate", "--yes", &done(&home, "one")]);
    assert_eq!(seen(&run)["gates"][0]["name"], "test");
    assert_eq!((repo.head(), &run["landed"]), (head.clone(), &Value::Null));
    home.skep(&["gate", &done(&home, "two")]).with(1);
    assert_eq!(repo.head(), head);
}

#[test]
fn work_cannot_land_by_gates_that_it_brings_itself() {
    let home = Home::new();
    let repo = gated(&home, "exit 1");
    let head = repo.head();
    let steps = ["write .skep/project.toml gate = []", "commit no gates", "say done"];
    let id = text_of(&home.ended("easy", &steps, &["-d"]), "id");
    home.skep(&["--json", "land", "--yes", &id]).refused(1, "settings-changed");
    // A person who has seen it still has the gates of the target in the way.
    home.skep(&["--json", "land", "--settings", &id]).refused(1, "gate-failed");
    assert_eq!(repo.head(), head);
}

/// An agent that does as it is told, and where its work does not fit merges and keeps both sides.
fn mender(home: &Home) {
    let does = r#"
prompt=$(cat)
case $prompt in
*"does not fit"*)
    git merge --no-edit main >/dev/null 2>&1 || true
    grep -v '^[<=>]\{7\}' roof > both && mv both roof
    git add -A && git commit --quiet --message "both stand" ;;
*) printf '%s\n' "$SKEP_NAME" > roof
    git add -A && git commit --quiet --message "a roof" ;;
esac
echo done
"#;
    let script = home.write("mender.sh", does);
    home.write(
        "c/agents/mender.toml",
        &format!(
            "protocol = \"plain\"\nprogram = \"/bin/sh\"\nheadless = [\"{script}\"]\nprompt = \"stdin\"\n"
        ),
    );
}

/// N-76: a conflict makes one resolution, limited, then a person.
#[test]
fn a_conflict_goes_to_its_author_who_settles_it_and_then_it_lands() {
    let home = Home::new();
    let repo = gated(&home, "ls | grep -q oof");
    mender(&home);
    for name in ["amber", "beryl", "coral"] {
        let run = home.json(&["run", "a roof", "--agent", "mender", "--name", name, "-d"]);
        let run = home.wait(&text_of(&run, "id"), "ended");
        assert_eq!(run["outcome"], "completed", "{run}");
    }
    home.skep(&["land", "--yes", "amber"]).ok();
    home.skep(&["land", "beryl"]).ok();
    let roof = repo.read("roof");
    assert!(roof.contains("amber") && roof.contains("beryl"), "{roof}");
    assert_eq!(home.json(&["show", "beryl"])["attempt"], 2);
    // Where nobody is to be asked, a person is.
    home.skep(&["config", "set", "landing.conflicts", "0", "--project", "web"]).ok();
    home.skep(&["--json", "land", "coral"]).refused(1, "merge-conflict");
}

/// N-74, N-77: whenever the daemon dies, the work lands once, and only what its gates saw.
#[test]
fn a_daemon_that_dies_while_it_lands_lands_it_once() {
    for point in ["combine.before", "combine.after", "check.after", "bring.before", "bring.after"] {
        let home = Home::new();
        let repo = gated(&home, "test -f one");
        let id = done(&home, "one");
        home.skep(&["gate", "--yes", &id]).ok();
        doomed(&home, point);
        let doomed = home.daemon();
        // Whoever asked is told that the daemon went; the wish stands.
        home.skep(&["land", &id, "-d"]);
        eventually("the daemon died", || !lives(doomed));
        eventually("it landed", || home.json(&["show", &id])["landed"] != Value::Null);
        let shown = home.json(&["show", &id]);
        assert_eq!(seen(&shown)["tree"], repo.oid("main^{tree}").as_str(), "{point}");
        let landed = repo.git(&["log", "--format=%s", "main"]);
        assert_eq!(landed.lines().filter(|line| *line == "it").count(), 1, "{point}: {landed}");
        assert_eq!(repo.status(), "", "{point}");
    }
}

#[test]
fn a_landing_can_be_taken_out_of_the_line_and_gives_its_gates_up() {
    let home = Home::new();
    let repo = gated(&home, "sleep 600");
    let head = repo.head();
    let id = done(&home, "one");
    home.json(&["land", "--yes", "-d", &id]);
    let gate = || {
        let shown = home.json(&["show", &id]);
        shown["landing"]["gates"][0]["run"].as_str().map(str::to_owned)
    };
    eventually("its gate is at work", || gate().is_some());
    let gate = gate().unwrap();
    home.skep(&["--json", "close", &id]).refused(2, "landing-under-way");
    home.skep(&["stop", &id]).ok();
    home.wait(&gate, "ended");
    let shown = home.json(&["show", &id]);
    assert_eq!((&shown["landing"], &shown["landed"]), (&Value::Null, &Value::Null));
    assert_eq!(repo.head(), head);
    home.no_agents();
}

/// N-71: work that is on the target already is closed, and nothing of it is done again.
#[test]
fn work_that_is_on_its_target_already_is_closed_and_not_done_again() {
    let home = Home::new();
    let repo = gated(&home, "exit 1");
    let task = text_of(&home.json(&["task", "add", "the roof"]), "id");
    let script = home.script("the roof", &["write roof r", "commit roof", "say done"]);
    let run = home.json(&["run", &task, "--prompt-file", &script, "-d"]);
    let id = text_of(&run, "id");
    let branch = text_of(&home.wait(&id, "ended"), "branch");
    // A person has brought it in.
    repo.git(&["merge", "--quiet", "--no-ff", "--message", "by hand", &branch]);
    let head = repo.head();
    let seen = home.json(&["land", "--yes", &id]);
    assert_eq!(
        (seen["landed"]["oid"].as_str(), repo.head()),
        (Some(&*head), head.clone()),
        "{seen}"
    );
    assert_eq!(home.json(&["show", &task])["state"], "merged");
    let all = home.json(&["ls", "--all"]);
    assert_eq!(all.as_array().unwrap().len(), 1, "no gate looked at what is there already: {all}");
    home.skep(&["--json", "run", &task, "-d"]).refused(2, "task-completed");
    let closed = home.json(&["close", "--merged"]);
    assert_eq!(
        (&closed[0]["id"], &closed[0]["cleaned"]),
        (&id.as_str().into(), &true.into()),
        "{closed}"
    );
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 1, "nobody begins it anew");
    assert!(!repo.branches().contains(&branch));
}

//! Envs that stand on an agent's commit: what is made ready there, by deeds in processes of their own, and how far that reaches.

use std::fs;

use serde_json::Value;
use skep_api::place;
use skep_core::{
    run::{Brief, EnvState, Fence, Run},
    time::Timestamp,
};
use skep_daemon::{
    hands::{self, Deed, Done, reviewed},
    launch,
};
use skep_host::{fence, proc::Program};

use crate::home::{Home, text_of};

/// Carries a deed out as the daemon has it done.
#[track_caller]
fn carry_out(home: &Home, deed: &Deed) -> Done {
    let output = Program::new(env!("CARGO_BIN_EXE_skep"))
        .arg("__effect")
        .envs(home.place().env())
        .stdin(serde_json::to_vec(deed).unwrap())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|err| panic!("{err}: {}", output.complaint()))
}

/// A run like `run` that is to look at `head`, and the home it is of.
fn reviewer(home: &Home, run: &Value, n: u32, head: &str) -> (Run, place::Home) {
    let id = text_of(run, "id");
    let events = home.events();
    let created =
        events.iter().find(|one| one["subject"] == id && one["event"]["event"] == "created");
    let brief = created.expect("it was created")["event"]["brief"].clone();
    let mut brief: Brief = serde_json::from_value(brief).unwrap();
    let whose = place::Home::new(&home.root(), rustix::process::getuid().as_raw());
    let vars = fs::read(whose.asker_env(&brief.id)).unwrap();
    brief.id = format!("run_000000000{n}").parse().unwrap();
    brief.place.key = format!("reviewer-{n:04}");
    brief.place.detached = Some(head.to_owned());
    let asker = whose.asker_env(&brief.id);
    fs::create_dir_all(asker.parent().unwrap()).unwrap();
    fs::write(asker, vars).unwrap();
    let mut run = Run::new(brief, 1, Timestamp(0));
    run.attempt = 1;
    (run, whose)
}

#[test]
fn on_an_agents_commit_the_set_up_is_the_agents_own_and_gets_no_further_than_it_did() {
    let home = Home::new();
    let repo = home.repo();
    let (outside, told) = (home.at("outside"), home.at("told"));
    fs::create_dir(&outside).unwrap();
    repo.write("set-up", "echo made > generated");
    repo.write(".gitignore", "ignored\n");
    repo.write(
        ".skep/project.toml",
        &format!(
            "[setup]\nrun = \"sh set-up\"\n[hooks]\nworktree_creating = \"cat > {}\"\n",
            told.display()
        ),
    );
    repo.commit("settings");
    let run = home.ended("greet", &["write a a", "commit it", "say done"], &["-d", "--yes"]);
    let (author, branch) = (text_of(&run, "worktree"), text_of(&run, "branch"));
    let author = home.place().at(&author);
    // What the author's agent made of the script that a person approved the call of.
    let script = format!(
        "echo mine > generated; echo out > {}/hit; echo tmp > $TMPDIR/x || exit 4",
        outside.display()
    );
    let head = author.commit_file("set-up", &script);
    let refs = repo.git(&["for-each-ref"]);
    let (mut looks, whose) = reviewer(&home, &run, 1, &head);
    let Done::Prepared { env } = carry_out(&home, &hands::prepare_deed(&looks, &whose).unwrap())
    else {
        panic!("it is not prepared")
    };
    assert_eq!((&env.branch, &env.target), (&None, &None));
    assert_eq!(repo.git(&["for-each-ref"]), refs);
    let fenced = matches!(looks.brief.policy.fence, Fence::On { .. }) && fence::is_possible();
    assert_eq!(outside.join("hit").exists(), !fenced, "{:?}", looks.brief.policy.fence);
    let heard: Value = serde_json::from_str(&fs::read_to_string(&told).unwrap()).unwrap();
    assert_eq!((&heard["branch"], &heard["base"]["oid"]), (&Value::Null, &head.as_str().into()));
    let tree = home.place().at(&env.worktree);
    assert_eq!((tree.head(), tree.read("generated")), (head.clone(), "mine\n".to_owned()));
    looks.env = EnvState::Held(env.clone());
    let touched = |looks: &Run| {
        let deed = reviewed::reviewed_deed(looks, &whose, &head, Some(&branch)).unwrap();
        let Done::Reviewed { touched } = carry_out(&home, &deed) else { panic!("{deed:?}") };
        touched.unwrap()
    };
    // What the set-up left is not the reviewer's.
    assert_eq!(touched(&looks), Vec::<String>::new());
    tree.write("generated", "changed");
    tree.write("ignored", "built");
    author.git(&["commit", "--quiet", "--allow-empty", "-m", "more"]);
    assert_eq!(touched(&looks), [format!("branch {branch} moved"), "generated".to_owned()]);
    // One whose set-up fails is looked at without it.
    let broken = author.commit_file("set-up", "echo it is broken >&2; exit 3");
    let (looks, whose) = reviewer(&home, &run, 2, &broken);
    let deed = hands::prepare_deed(&looks, &whose).unwrap();
    let Done::Prepared { env } = carry_out(&home, &deed) else { panic!("it is not prepared") };
    assert!(env.notes.iter().any(|note| note.contains("it is broken")), "{:?}", env.notes);
    // And what an agent wrote gets no secrets.
    assert!(serde_json::to_string(&deed).unwrap().contains("\"secrets\":[]"));
}

#[test]
fn behind_its_fence_a_reviewer_moves_nobodys_branch_and_commits_to_nobody() {
    let home = Home::new();
    let repo = home.repo();
    let run = home.ended("greet", &["write a a", "commit it", "say done"], &["-d"]);
    let author = home.place().at(text_of(&run, "worktree"));
    let (mut looks, whose) = reviewer(&home, &run, 1, &author.head());
    let deed = hands::prepare_deed(&looks, &whose).unwrap();
    let Done::Prepared { env } = carry_out(&home, &deed) else { panic!("it is not prepared") };
    looks.env = EnvState::Held(env.clone());
    fs::write(whose.run(looks.id()).join("prompt.md"), "look\n").unwrap();
    launch::write_spec(&looks, 1, 1, &whose, &home.at("c/agents")).unwrap();
    let spec = fs::read_to_string(whose.attempt(looks.id(), 1).join("spec.json")).unwrap();
    let spec: Value = serde_json::from_str(&spec).unwrap();
    if !fence::is_possible() {
        return;
    }
    let fence: fence::Fence = serde_json::from_value(spec["fence"].clone()).unwrap();
    let refs = repo.git(&["for-each-ref"]);
    let git = |args: &[&str]| {
        Program::new("git")
            .args(args)
            .envs(home.place().env())
            .cwd(env.worktree.as_ref())
            .behind(Some(fence.clone()))
            .output()
            .unwrap()
    };
    let branch = text_of(&run, "branch");
    let branch = format!("refs/heads/{branch}");
    for args in [
        &["update-ref", branch.as_str(), "main"][..],
        &["branch", "-f", "main", "HEAD"],
        &["branch", "mine"],
        &["tag", "mine"],
    ] {
        assert!(!git(args).status.success(), "{args:?}");
    }
    // It may commit where it stands: that reaches nobody.
    home.place().at(&env.worktree).write("mine", "1");
    let done = git(&["add", "mine"]);
    assert!(done.status.success(), "{}", done.complaint());
    let done = git(&["commit", "--quiet", "-m", "mine"]);
    assert!(done.status.success(), "{}", done.complaint());
    assert_eq!(repo.git(&["for-each-ref"]), refs);
    assert_ne!(home.place().at(&env.worktree).head(), author.head());
}

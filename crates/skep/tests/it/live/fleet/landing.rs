//! Live agents whose work is brought in behind a gate.

use skep_testkit::lab::Lab;

use super::Yard;
use crate::home::text_of;

/// A yard whose target has this gate.
fn gated(gate: &str) -> Yard {
    let yard = Yard::new();
    let repo = yard.repo();
    repo.write(".skep/project.toml", &format!("[[gate]]\nname = \"test\"\nrun = '''{gate}'''\n"));
    repo.commit("how it is checked");
    repo.git(&["push", "--quiet", "origin", "main"]);
    yard
}

#[test]
fn the_work_of_a_codex_lands_through_a_gate_and_its_word_alone_lands_nothing() {
    let Some(lab) = Lab::open("codex", "commit") else { return };
    let yard = gated("grep -q scripted out.txt && test ! -e spoiled");
    let run = yard.ended(&lab, "codex", "Write a file and commit it");
    let id = text_of(&run, "id");
    let spoiled = yard.home.place().at(text_of(&run, "worktree"));
    spoiled.commit_file("spoiled", "by hand\n");
    let head = yard.repo().head();
    yard.skep(&lab, &["--json", "land", "--yes", &id]).refused(1, "gate-failed");
    assert_eq!(yard.repo().head(), head, "what it said of itself was that all is done");
    spoiled.git(&["rm", "--quiet", "spoiled"]);
    spoiled.commit("mended");
    let landed = yard.skep(&lab, &["--json", "land", &id]).json(0);
    let seen = &landed["attestation"];
    assert_eq!(seen["tree"], yard.repo().oid("main^{tree}").as_str(), "{landed}");
    assert_eq!(seen["gates"][0]["exit"]["code"], 0, "{landed}");
    assert!(yard.repo().read("out.txt").contains("scripted"));
    yard.home.no_agents();
}

/// N-76, by an agent that nobody here wrote: in its own conversation, with what both sides wanted.
#[track_caller]
fn settles_its_conflict(agent: &str) {
    let Some(lab) = Lab::open(agent, "settles") else { return };
    let yard = gated("grep -q scripted out.txt");
    let run = yard.ended(&lab, agent, "Write a file and commit it");
    let id = text_of(&run, "id");
    let repo = yard.repo();
    repo.commit_file("out.txt", "by hand\n");
    let landed = yard.skep(&lab, &["--json", "land", "--yes", &id]).json(0);
    assert_eq!(repo.read("out.txt"), "by hand\nscripted\n", "{landed}");
    let run = yard.home.json(&["show", &id]);
    assert_eq!((&run["attempt"], &run["outcome"]), (&2.into(), &"completed".into()), "{run}");
    let asked = lab.requests().join("\n");
    assert!(
        asked.contains("out.txt") && asked.contains("does not fit what has landed there"),
        "{asked}"
    );
    assert_eq!(landed["attestation"]["tree"], repo.oid("main^{tree}").as_str(), "{landed}");
    yard.home.no_agents();
}

#[test]
fn a_codex_settles_the_conflict_of_its_work() {
    settles_its_conflict("codex");
}

#[test]
fn an_opencode_settles_the_conflict_of_its_work() {
    settles_its_conflict("opencode");
}

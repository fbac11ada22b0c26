//! Scenes of gates beside the runs whose work they check.

use super::{ONE, after, check, create, fleet, id, seconds};
use crate::{
    fleet::{Input, Limits},
    keep::Due,
    run::{self, gate::tests::brief_of_gate},
};

#[test]
fn gates_have_a_lane_of_their_own() {
    check(
        ONE,
        "0 create a, 1 create b, 2 create c checks a, 3 create d checks a, 4 c prepared, 5 c started, 6 c exit 0, 7 a stop",
        "
0 create a           a preparing, env preparing; Prepare
1 create b           b queued
2 create c checks a  c preparing, env preparing; Prepare
3 create d checks a  d queued
4 c prepared         c starting, env held; Start
5 c started          c running
6 c exit 0           c ended (completed), env closing; Close spent | d preparing, env preparing; Prepare
7 a stop             a preparing, unwanted; CancelPrepare",
    );
    let limits = Limits { gates: 0, ..ONE };
    let held = after(limits, "0 create a checks b");
    let why = held.all_held_back(seconds("1"));
    assert_eq!(why[&id("a")], "limits.gates: 0 gates hold a slot");
}

#[test]
fn a_gate_that_checks_nothing_is_none() {
    let nothing = run::Brief { gate: None, ..brief_of_gate("g", "a") };
    let disguised = run::Brief { kind: run::Kind::Code, ..brief_of_gate("g", "a") };
    for brief in [nothing, disguised] {
        let mut fleet = fleet(ONE);
        let refused = fleet.decide(create(brief), seconds("0")).unwrap_err();
        assert_eq!(refused.slug, "misplaced");
        assert!(fleet.runs.is_empty());
    }
}

#[test]
fn what_it_checks_is_as_trusted_as_its_author() {
    let mut fleet = fleet(ONE);
    let author = run::Brief { trust: run::Trust::Outside, ..crate::run::tests::script::brief("a") };
    for brief in [author, brief_of_gate("g", "a")] {
        fleet.decide(create(brief), seconds("0")).unwrap();
    }
    assert_eq!(fleet.runs[&id("g")].brief.trust, run::Trust::Outside);
}

#[test]
fn the_env_of_one_that_could_not_go_is_due_at_once_whatever_its_outcome() {
    let ended = "0 create g checks a, 1 g prepared, 2 g started, 3 g exit 1";
    let mut fleet = after(ONE, ended);
    let op = fleet.runs[&id("g")].own_wish();
    let result =
        run::OpResult::Failed { slug: "close-failed".to_owned(), text: "all day".to_owned() };
    let input = Input::Run { run: id("g"), input: run::Input::OpDone { op, result } };
    fleet.decide(input, seconds("4")).unwrap();
    let due = |at: &str| fleet.due(&super::KEEP, seconds(at));
    assert_eq!(due("5"), [], "it was just tried");
    assert_eq!(due("3700"), [Due::Env { run: id("g") }, Due::Logs { run: id("g") }][..1]);
}

#[test]
fn gates_are_approved_apart_from_the_other_scripts() {
    let mut fleet = fleet(ONE);
    let approve = |name: &str, digest: &str| Input::ApproveGates {
        project: name.to_owned(),
        digest: digest.to_owned(),
    };
    fleet.decide(approve("web", "d1"), seconds("0")).unwrap();
    let held = &fleet.projects["web"];
    assert_eq!((held.gates_approved.as_deref(), held.approved.as_deref()), (Some("d1"), None));
    // Registered anew, it is the same project.
    fleet.decide(Input::AddProject(super::project("web", "/src/web/.git")), seconds("1")).unwrap();
    assert_eq!(fleet.projects["web"].gates_approved.as_deref(), Some("d1"));
    let refused = fleet.decide(approve("nix", "d1"), seconds("2")).unwrap_err();
    assert_eq!(refused.slug, "project-unknown");
}

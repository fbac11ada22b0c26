//! Scenes of claims: who may begin beside whom.

use proptest::prelude::*;

use super::*;
use crate::run::{Claims, claims::overlaps, question::Claim};

/// A run of `web` that claims these.
fn claiming(name: &str, paths: &[&str]) -> Brief {
    let paths = paths.iter().map(|path| format!("/src/web/{path}")).collect();
    let project = Some("web".to_owned());
    Brief { claims: Claims { paths, overlap: false }, project, ..brief(name) }
}

fn begin(fleet: &mut Fleet, brief: Brief) -> Result<Decided, Rejected> {
    fleet.decide(create(brief), Timestamp(1_000))
}

fn say(fleet: &mut Fleet, name: &str, words: &str) {
    for (nth, words) in words.split(", ").enumerate() {
        let now = Timestamp(2_000 + 1_000 * u64::try_from(nth).unwrap());
        let given = input(words, run(fleet, name), now);
        let decided = fleet.decide(Input::Run { run: id(name), input: given }, now);
        decided.unwrap_or_else(|err| panic!("{words}: {err}"));
    }
}

fn claim(fleet: &mut Fleet, name: &str, paths: &[&str]) {
    let paths = paths.iter().map(|&path| path.to_owned()).collect();
    let claim = Box::new(Claim::Paths { paths });
    let tool = run::Input::of_tool(1, crate::run::question::Tool::Claimed(claim));
    fleet.decide(Input::Run { run: id(name), input: tool }, Timestamp(9_000)).unwrap();
}

const AT_WORK: &str = "prepared, began, started";

#[test]
fn a_run_that_claims_what_another_holds_is_refused_and_told_who_holds_it() {
    let mut fleet = fleet(TWO);
    begin(&mut fleet, claiming("amber", &["src/web"])).unwrap();
    for (name, path, how) in [
        ("beryl", "src/web", "the same"),
        ("beryl", "src/web/a.rs", "which holds it"),
        ("beryl", "src", "which lies in it"),
    ] {
        let refused = begin(&mut fleet, claiming(name, &["doc", path])).unwrap_err();
        assert_eq!(refused.slug, "claims-taken");
        let text = format!(
            "`{path}` is not free: amber ({}, preparing) claims `src/web`, {how}",
            id("amber")
        );
        assert_eq!(refused.text, text);
        let hints = refused.hints.join("\n");
        for way in ["skep show", "skep wait", "--overlap"] {
            assert!(hints.contains(way), "{hints}");
        }
        assert!(!fleet.runs.contains_key(&id(name)), "nothing was begun");
    }
    begin(&mut fleet, claiming("beryl", &["src/website", "doc"])).unwrap();
    let mut beside = claiming("coral", &["src/web/a.rs"]);
    beside.claims.overlap = true;
    begin(&mut fleet, beside).unwrap();
    let held = begin(&mut fleet, claiming("dune", &["src/web/a.rs"])).unwrap_err();
    assert!(held.text.ends_with("; and 1 more"), "who was let in holds as well: {}", held.text);
}

#[test]
fn a_claim_holds_until_the_work_is_where_it_was_to_go_or_its_env_is_closed() {
    let mut world = fleet(TWO);
    begin(&mut world, claiming("amber", &["src"])).unwrap();
    say(&mut world, "amber", &format!("{AT_WORK}, turn success, exit 0 committed c1"));
    let refused = begin(&mut world, claiming("beryl", &["src/a"])).unwrap_err();
    assert!(refused.text.contains("amber") && refused.text.contains("ended"), "{}", refused.text);
    assert!(refused.hints.iter().any(|hint| hint.contains("skep land")), "{:?}", refused.hints);
    let amber = id("amber");
    let close = run::Input::Close { op: op(1), how: How::KeepBranch };
    world.decide(Input::Run { run: amber.clone(), input: close }, Timestamp(9_000)).unwrap();
    assert!(begin(&mut world, claiming("beryl", &["src/a"])).is_err(), "it is being closed");
    say(&mut world, "amber", "op 1 closed");
    begin(&mut world, claiming("beryl", &["src/a"])).unwrap();
}

#[test]
fn a_run_that_is_to_go_on_is_refused_while_another_holds_what_it_claims() {
    let mut world = fleet(TWO);
    begin(&mut world, claiming("amber", &["src"])).unwrap();
    say(&mut world, "amber", &format!("{AT_WORK}, stop, exit 143"));
    let mut beside = claiming("beryl", &["src"]);
    beside.claims.overlap = true;
    begin(&mut world, beside).unwrap();
    let now = Timestamp(20_000);
    let again = input("again", run(&world, "amber"), now);
    let refused = world.decide(Input::Run { run: id("amber"), input: again }, now).unwrap_err();
    assert_eq!(refused.slug, "claims-taken");
    say(&mut world, "beryl", "prepared, began, started, turn success, exit 0");
    let close = run::Input::Close { op: op(2), how: How::KeepBranch };
    world.decide(Input::Run { run: id("beryl"), input: close }, Timestamp(30_000)).unwrap();
    say(&mut world, "beryl", "op 2 closed");
    say(&mut world, "amber", "again");
}

#[test]
fn what_an_agent_claims_at_work_holds_like_what_was_claimed_before() {
    let mut fleet = fleet(TWO);
    begin(&mut fleet, claiming("amber", &[])).unwrap();
    say(&mut fleet, "amber", AT_WORK);
    claim(&mut fleet, "amber", &["src/../lib/x", "/env/amber/web/doc", "api/*.rs", "/etc"]);
    let claims = fleet.claims_of(run(&fleet, "amber"));
    assert_eq!(claims, ["/src/web/lib/x", "/src/web/doc", "/src/web/api/*.rs"]);
    for path in ["lib", "doc/a.md", "api/b.rs", "api"] {
        assert!(begin(&mut fleet, claiming("beryl", &[path])).is_err(), "{path}");
    }
    begin(&mut fleet, claiming("beryl", &["api/b.md", "etc"])).unwrap();
    // Nobody refuses an agent: it is told.
    let paths = ["api".to_owned()];
    let told = fleet.in_the_way_of(run(&fleet, "beryl"), &paths);
    let told: Vec<(&str, &str)> =
        told.iter().map(|it| (it.claim.as_str(), it.reason.as_str())).collect();
    assert_eq!(told, [("/src/web/api/*.rs", "descendant")]);
}

#[test]
fn what_a_run_has_others_do_of_its_own_is_in_nobodys_way() {
    let mut fleet = fleet(TWO);
    let cascade = |brief: Brief| Brief { posture: run::Posture::Cascade, ..brief };
    let of = |brief: Brief, parent: &str| {
        let lineage = run::Lineage { parent: Some(id(parent)), root: id("amber"), depth: 5 };
        Brief { lineage: Some(lineage), by: id(parent).to_string(), ..brief }
    };
    begin(&mut fleet, cascade(claiming("amber", &["src"]))).unwrap();
    begin(&mut fleet, of(claiming("beryl", &["src/a"]), "amber")).unwrap();
    let beside = begin(&mut fleet, of(claiming("coral", &["src/a/b"]), "amber")).unwrap_err();
    assert!(beside.text.contains("beryl"), "two of them hold against each other: {}", beside.text);
    assert!(begin(&mut fleet, claiming("dune", &["src/a"])).is_err(), "and both against others");
}

/// What may be asked or may happen, in any order.
#[derive(Debug, Clone)]
enum Act {
    Begin { nth: usize, paths: Vec<String>, overlap: bool },
    End(usize),
    Close(usize),
    Again(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let path = "[ab](/[ab]){0,2}";
    let begin = (0..NAMES.len(), prop::collection::vec(path, 1..3), prop::bool::weighted(0.2))
        .prop_map(|(nth, paths, overlap)| Act::Begin { nth, paths, overlap });
    let other = prop_oneof![
        (0..NAMES.len()).prop_map(Act::End),
        (0..NAMES.len()).prop_map(Act::Close),
        (0..NAMES.len()).prop_map(Act::Again),
    ];
    prop::collection::vec(prop_oneof![3 => begin, 4 => other], 1..40)
}

const NAMES: [&str; 6] = ["amber", "beryl", "coral", "dune", "ember", "fern"];

/// Does it, as far as the fleet lets it.
fn act(fleet: &mut Fleet, act: &Act, nth: u64) {
    let now = Timestamp(1_000 * (nth + 1));
    let to = |fleet: &mut Fleet, run: usize, words: &str| {
        let Some(found) = fleet.runs.get(&id(NAMES[run])) else { return };
        let input = input(words, found, now);
        let _refused = fleet.decide(Input::Run { run: id(NAMES[run]), input }, now);
    };
    match act {
        Act::Begin { nth, paths, overlap } => {
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            let mut brief = claiming(NAMES[*nth], &paths);
            brief.claims.overlap = *overlap;
            let _refused = fleet.decide(create(brief), now);
        }
        Act::End(run) => {
            for words in ["prepared", "began", "started", "turn success", "exit 0 committed c1"] {
                to(fleet, *run, words);
            }
        }
        Act::Close(run) => {
            let close = run::Input::Close { op: op(1), how: How::KeepBranch };
            let _refused = fleet.decide(Input::Run { run: id(NAMES[*run]), input: close }, now);
            to(fleet, *run, "op 1 closed");
        }
        Act::Again(run) => to(fleet, *run, "again"),
    }
}

proptest! {
    /// Whatever order they come in, and whoever ends, is closed or goes on between them.
    #[test]
    fn never_do_two_runs_that_are_not_over_claim_the_same_unless_a_person_let_one(acts in acts()) {
        let mut fleet = fleet(Limits { runs: 3, ..TWO });
        for (nth, one) in acts.iter().enumerate() {
            act(&mut fleet, one, u64::try_from(nth).unwrap());
            let live: Vec<&Arc<Run>> =
                fleet.runs.values().filter(|run| !run.is_ended()).collect();
            for (nth, a) in live.iter().enumerate() {
                for b in &live[nth + 1..] {
                    let let_in = a.brief.claims.overlap || b.brief.claims.overlap;
                    let meet = a.brief.claims.paths.iter().any(|held| {
                        b.brief.claims.paths.iter().any(|path| overlaps(held, path).is_some())
                    });
                    prop_assert!(let_in || !meet, "{} and {} after {one:?}", a.id(), b.id());
                }
            }
        }
    }
}

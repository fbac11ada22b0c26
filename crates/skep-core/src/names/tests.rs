use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::id::RunId;

fn themed(name: &str) -> Pool {
    Pool::of(theme(name).unwrap())
}

#[test]
fn every_theme_has_fifty_names_that_nobody_else_has() {
    assert!(THEMES.len() >= 3);
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for theme in THEMES {
        assert_eq!(theme.names().count(), 50, "{}", theme.name);
        for name in theme.names() {
            let mut bytes = name.bytes();
            assert!(bytes.next().is_some_and(|first| first.is_ascii_lowercase()), "{name}");
            assert!(bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{name}");
            assert!(!is_reserved(name), "{name} is reserved");
            let other = seen.insert(name, theme.name);
            assert_eq!(other, None, "{name} of {} too", theme.name);
        }
    }
}

#[test]
fn no_name_of_a_theme_is_the_beginning_of_another() {
    for theme in THEMES {
        for name in theme.names() {
            let longer = theme.names().find(|other| *other != name && other.starts_with(name));
            assert_eq!(longer, None, "{name} of {}", theme.name);
        }
    }
}

#[test]
fn the_reserved_words_are_in_order_and_each_has_the_form_of_a_name() {
    assert!(RESERVED.is_sorted_by(|a, b| a < b), "the search needs the order");
    for word in RESERVED {
        assert!(has_form(word), "`{word}` could never be asked for");
        assert!(is_reserved(word), "{word}");
    }
    for word in
        ["foreman", "reviewer", "planner", CODER, "gate", "keeper", "warden", "all", "me", "."]
    {
        assert!(is_reserved(word), "{word}");
    }
    assert!(!is_reserved("amber"));
}

#[test]
fn a_theme_is_found_by_its_name_and_an_unknown_one_names_the_nearest_first() {
    assert_eq!(theme("birds").unwrap().name, "birds");
    for (asked, nearest) in [("mineral", "minerals"), ("bird", "birds"), ("rivres", "rivers")] {
        let err = theme(asked).unwrap_err();
        assert_eq!(err.slug(), "theme-unknown");
        let PoolError::UnknownTheme { known, .. } = err else { panic!("{err}") };
        assert_eq!(known.len(), THEMES.len());
        assert_eq!(known[0], nearest, "{asked}: {known:?}");
    }
}

#[test]
fn projects_get_different_themes_while_there_are_some() {
    let mut used = BTreeSet::new();
    for project in ["web", "api", "docs", "infra", "app"] {
        let theme = theme_for(project, &used);
        assert_eq!(theme_for(project, &used), theme, "the same question, the same answer");
        assert!(used.insert(theme.name), "{project} got {} again", theme.name);
    }
    assert_eq!(used.len(), THEMES.len());
    let hashed = theme_for("web", &BTreeSet::new());
    assert_eq!(theme_for("web", &used), hashed, "all are used: the name alone decides");
}

#[test]
fn the_theme_of_a_name_never_changes() {
    let alone = |project| theme_for(project, &BTreeSet::new()).name;
    let chosen: Vec<&str> = ["web", "api", "skep", "docs", "a"].map(alone).to_vec();
    assert_eq!(chosen, ["flowers", "rivers", "flowers", "trees", "flowers"]);
}

fn custom(list: &[&str]) -> Result<Pool, PoolError> {
    Pool::custom(&list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

#[test]
fn a_list_of_ones_own_is_taken_in_its_order() {
    let pool = custom(&["zeta", "a", "b-2", "c3"]).unwrap();
    assert_eq!(pool.names().collect::<Vec<_>>(), ["zeta", "a", "b-2", "c3"]);
}

#[test]
fn a_list_of_ones_own_is_refused_where_a_name_is_none() {
    let name = |name: &str, why| Err(PoolError::Name { name: name.to_owned(), why });
    for bad in ["", "A", "3d", "-a", "a b", "a_b", "a.b", "ä", "a\n", "$(x)", "=a", "a/b"] {
        assert_eq!(custom(&["w", "x", "y", bad]), name(bad, NotAName::Form), "{bad:?}");
    }
    let long = "a".repeat(31);
    assert!(matches!(
        custom(&["w", "x", "y", &long]),
        Err(PoolError::Name { why: NotAName::Form, .. })
    ));
    for bad in ["coder", "run", "all", "follow-up"] {
        assert_eq!(custom(&["w", "x", "y", bad]), name(bad, NotAName::Reserved), "{bad}");
    }
    assert!(custom(&["w", "x", "y", "coder2"]).is_ok(), "only the word itself");
    assert_eq!(custom(&["w", "x", "y", "w"]), name("w", NotAName::Twice));
    assert_eq!(custom(&["w", "x", "y"]), Err(PoolError::TooFew { count: 3 }));
    let list: Vec<String> = (0..=MOST).map(|n| format!("n{n}")).collect();
    assert_eq!(Pool::custom(&list), Err(PoolError::TooMany { count: MOST + 1 }));
    assert!(Pool::custom(&list[1..]).is_ok());
}

/// Names in use, as a project's workers come and go.
struct Workers {
    pool: Pool,
    held: BTreeSet<String>,
    overflow: u64,
    most: usize,
}

impl Workers {
    fn hire(&mut self) -> Result<String, Full> {
        let taken: BTreeSet<&str> = self.held.iter().map(String::as_str).collect();
        let ask = Ask {
            project: "web",
            taken: &taken,
            live: taken.len(),
            workers: self.most,
            overflow: self.overflow,
        };
        let Allocated { name, overflow } = allocate(&self.pool, &ask)?;
        self.overflow = overflow;
        assert!(self.held.insert(name.clone()), "{name} was held");
        Ok(name)
    }
}

fn workers(most: usize) -> Workers {
    Workers { pool: themed("minerals"), held: BTreeSet::new(), overflow: 0, most }
}

#[test]
fn the_first_free_name_is_given_and_a_released_one_again() {
    let mut workers = workers(25);
    assert_eq!(workers.hire().unwrap(), "amber");
    assert_eq!(workers.hire().unwrap(), "agate");
    assert_eq!(workers.hire().unwrap(), "azurite");
    workers.held.remove("agate");
    assert_eq!(workers.hire().unwrap(), "agate");
    assert_eq!(workers.overflow, 0, "no number was spent");
}

#[test]
fn twenty_at_once_get_twenty_names() {
    let mut workers = workers(25);
    let names: BTreeSet<String> = (0..20).map(|_| workers.hire().unwrap()).collect();
    assert_eq!(names.len(), 20);
}

#[test]
fn no_more_workers_than_the_limit() {
    let mut workers = workers(25);
    for _ in 0..25 {
        workers.hire().unwrap();
    }
    let full = workers.hire().unwrap_err();
    assert_eq!((full.live, full.workers, full.slug()), (25, 25, "workers-full"));
    workers.held.remove("amber");
    assert_eq!(workers.hire().unwrap(), "amber");
}

#[test]
fn with_fifty_taken_the_next_is_a_number_that_never_comes_back() {
    let mut workers = workers(100);
    for _ in 0..50 {
        workers.hire().unwrap();
    }
    assert_eq!(workers.hire().unwrap(), "web-51");
    assert_eq!(workers.hire().unwrap(), "web-52");
    workers.held.remove("web-51");
    workers.held.remove("web-52");
    assert_eq!(workers.hire().unwrap(), "web-53", "not 51 again");
    workers.held.remove("amber");
    assert_eq!(workers.hire().unwrap(), "amber", "a name of the list first");
    assert_eq!(workers.hire().unwrap(), "web-54");
}

#[test]
fn a_number_that_a_person_took_by_hand_is_passed_over() {
    let mut workers = workers(100);
    workers.held = workers.pool.names().map(str::to_owned).collect();
    workers.held.insert("web-51".to_owned());
    assert_eq!(workers.hire().unwrap(), "web-52");
}

#[test]
fn a_longer_list_moves_the_counter_up_and_a_shorter_one_never_down() {
    let mut workers = workers(100);
    workers.pool = custom(&["a", "b", "c", "d"]).unwrap();
    workers.held = workers.pool.names().map(str::to_owned).collect();
    assert_eq!(workers.hire().unwrap(), "web-5");
    workers.pool = themed("birds");
    workers.held.extend(workers.pool.names().map(str::to_owned));
    assert_eq!(workers.hire().unwrap(), "web-51");
    workers.pool = custom(&["a", "b", "c", "d"]).unwrap();
    assert_eq!(workers.hire().unwrap(), "web-52");
}

proptest! {
    /// Hiring and letting go in any order: no name is held twice, no overflow name is ever given twice.
    #[test]
    fn whatever_comes_and_goes_no_number_is_used_twice(
        moves in proptest::collection::vec(0..12_usize, 1..200),
    ) {
        let mut workers = Workers {
            pool: custom(&["a", "b", "c", "d"]).unwrap(),
            held: BTreeSet::new(),
            overflow: 0,
            most: 9,
        };
        let mut numbers = BTreeSet::new();
        for step in moves {
            let leaving = workers.held.iter().nth(step).cloned();
            if let Some(name) = leaving {
                workers.held.remove(&name);
            } else if let Ok(name) = workers.hire()
                && name.starts_with("web-")
            {
                prop_assert!(numbers.insert(name.clone()), "{} came back", name);
            }
            prop_assert!(workers.held.len() <= 9);
        }
    }

    #[test]
    fn whatever_the_parts_are_a_session_says_which(
        project in r"[a-z0-9-]{0,12}|\PC{0,6}",
        name in r"[a-z0-9-]{0,12}|\PC{0,6}",
    ) {
        let session = session(&project, &name);
        prop_assert!(
            session.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
            "{}", session
        );
        prop_assert_eq!(parse_session(&session), Some((project, name)));
    }

    #[test]
    fn no_session_is_the_beginning_of_another(
        one in ("[a-c-]{0,4}", "[a-c-]{0,4}"),
        two in ("[a-c-]{0,4}", "[a-c-]{0,4}"),
    ) {
        let (first, second) = (session(&one.0, &one.1), session(&two.0, &two.1));
        prop_assert_eq!(first.starts_with(&second), one == two, "{} {}", first, second);
    }

    #[test]
    fn any_text_is_a_target_or_an_error(text in r"\PC{0,20}|[a-z/_-]{0,12}") {
        match parse_target(&text) {
            Ok(Target::Worker { project, name }) => {
                prop_assert!(has_form(&project) && has_form(&name));
                prop_assert!(!is_reserved(&project) && !is_reserved(&name));
            }
            Ok(Target::Name(name)) => prop_assert!(has_form(&name) && !is_reserved(&name)),
            Ok(Target::Id(id)) => prop_assert!(id.starts_with("run_")),
            Err(_) => {}
        }
    }
}

#[test]
fn sessions_of_names_with_dashes_are_told_apart() {
    assert_eq!(session("web", "amber"), "skep_web_amber_");
    assert_ne!(session("a-b", "c"), session("a", "b-c"));
    assert_eq!(parse_session("skep_a-b_c_"), Some(("a-b".to_owned(), "c".to_owned())));
    assert_eq!(session("", "amber"), "skep__amber_", "a run without a project");
    assert_eq!(session("a.b", "c:d"), "skep_aX2Eb_cX3Ad_");
}

#[test]
fn only_what_we_named_is_read_as_ours() {
    for theirs in [
        "",
        "amber",
        "skep",
        "skep_web_amber",
        "skep_web_amber_x",
        "skep_web_am_ber_",
        "skep_web_",
        "Skep_web_amber_",
        "skep_web_Amber_",
        "skep_web_a.b_",
        "skep_web_X2_",
        "skep_web_X2e_",
        "skep_web_X61_",
        "skep_web_X+1_",
        "skep_web_XFF_",
        "skep_web_é_",
    ] {
        assert_eq!(parse_session(theirs), None, "{theirs}");
    }
}

#[test]
fn a_target_is_a_worker_of_a_project_a_name_or_an_id() {
    let worker =
        |project: &str, name: &str| Target::Worker { project: project.into(), name: name.into() };
    for (text, expected) in [
        ("web/amber", worker("web", "amber")),
        ("3d/web-51", worker("3d", "web-51")),
        ("skep_web_amber_", worker("web", "amber")),
        ("skep__amber_", Target::Name("amber".into())),
        ("amber", Target::Name("amber".into())),
        ("7k2m", Target::Name("7k2m".into())),
        ("run_7k2m", Target::Id("run_7k2m".into())),
    ] {
        assert_eq!(parse_target(text), Ok(expected), "{text}");
    }
}

#[test]
fn a_name_with_a_slash_a_verb_or_a_role_is_no_project() {
    for text in ["run/amber", "coder/amber", "foreman/amber", "./amber", "ls/amber", "web/gate"] {
        assert_eq!(parse_target(text).unwrap_err().slug(), "name-reserved", "{text}");
    }
    for text in ["all", "me", "self", ".", "none", "reviewer", "skep_run_amber_"] {
        assert_eq!(parse_target(text).unwrap_err().slug(), "name-reserved", "{text}");
    }
    for text in ["web/x/amber", "/amber", "web/", "/", "../x", "web/../x", "Web/amber", "a b"] {
        let slug = parse_target(text).unwrap_err().slug();
        assert!(["target-invalid", "name-reserved"].contains(&slug), "{text}: {slug}");
    }
    for text in ["", "run_", "run_a b", "--all", "-x", "a\nb", "task_abc", "web:amber"] {
        assert_eq!(parse_target(text).unwrap_err().slug(), "target-invalid", "{text}");
    }
}

const WEB: &str = "web";

fn held(name: &str, env: Option<&str>, state: HeldState) -> Held {
    Held {
        project: WEB.into(),
        name: name.into(),
        run: "run_7k2m9qx4ab".parse::<RunId>().unwrap(),
        env: env.map(str::to_owned),
        state,
    }
}

fn envs(keys: &[&str]) -> Answer<BTreeSet<String>> {
    Answer::Heard(keys.iter().map(|key| (*key).to_owned()).collect())
}

fn seen(sessions: &[(&str, bool)]) -> Answer<Vec<SessionSeen>> {
    let seen = |(name, ours): &(&str, bool)| SessionSeen { name: (*name).to_owned(), ours: *ours };
    Answer::Heard(sessions.iter().map(seen).collect())
}

#[test]
fn a_question_without_an_answer_stops_everything() {
    let records = [held("amber", None, HeldState::Held)];
    let failed = || Err::<(), _>("permission denied");
    let sessions = seen(&[("skep_web_amber_", true)]);
    let no_envs = Answer::from(failed().map(|()| BTreeSet::new()));
    let stopped = reconcile(&records, &no_envs, &sessions).unwrap_err();
    assert_eq!((stopped.what, stopped.why.as_str()), ("envs", "permission denied"));
    let stopped = reconcile(&records, &envs(&[]), &Answer::from(failed().map(|()| vec![])));
    assert_eq!(stopped.unwrap_err().what, "sessions");
}

#[test]
fn a_session_of_ours_whose_worker_has_no_env_is_ended() {
    let records = [
        held("amber", Some("e1"), HeldState::Held),
        held("agate", Some("gone"), HeldState::Held),
        held("beryl", None, HeldState::Held),
    ];
    let sessions = seen(&[
        ("skep_web_amber_", true),
        ("skep_web_agate_", true),
        ("skep_web_beryl_", true),
        ("skep_web_nobody_", true),
        ("skep_web_nobody_", true),
        ("skep_web_web-51_", true),
    ]);
    let plan = reconcile(&records, &envs(&["e1"]), &sessions).unwrap();
    assert_eq!(
        plan.end_sessions,
        ["skep_web_agate_", "skep_web_beryl_", "skep_web_nobody_", "skep_web_web-51_"],
        "overflow names too, each once, and not the one with an env"
    );
    let missing: Vec<&str> = plan
        .notes
        .iter()
        .filter_map(|note| match note {
            Note::EnvMissing { name, .. } => Some(name.as_str()),
            Note::EnvUnrecorded { .. }
            | Note::SessionForeign { .. }
            | Note::SessionRenamed { .. } => None,
        })
        .collect();
    assert_eq!(missing, ["agate", "beryl"]);
}

#[test]
fn a_worker_that_is_being_made_keeps_its_session() {
    let records = [
        held("amber", None, HeldState::Creating),
        held("agate", Some("not-yet"), HeldState::Creating),
        held("web-51", None, HeldState::Creating),
    ];
    let sessions =
        seen(&[("skep_web_amber_", true), ("skep_web_agate_", true), ("skep_web_web-51_", true)]);
    assert_eq!(reconcile(&records, &envs(&[]), &sessions).unwrap(), Plan::default());
}

#[test]
fn the_last_holder_of_a_name_does_not_end_the_next_ones_session() {
    let mut records =
        [held("amber", Some("gone"), HeldState::Held), held("amber", None, HeldState::Creating)];
    for _ in 0..2 {
        let plan = reconcile(&records, &envs(&[]), &seen(&[("skep_web_amber_", true)])).unwrap();
        assert_eq!(plan.end_sessions, Vec::<String>::new());
        records.reverse();
    }
}

#[test]
fn a_session_of_others_is_never_ended_whatever_it_is_called() {
    let sessions = seen(&[
        ("skep_web_nobody_", false),
        ("work", false),
        ("renamed-by-hand", true),
        ("skep_web_nobody", true),
    ]);
    let plan = reconcile(&[], &envs(&["e9"]), &sessions).unwrap();
    assert_eq!(plan.end_sessions, Vec::<String>::new());
    assert_eq!(
        plan.notes,
        [
            Note::EnvUnrecorded { key: "e9".into() },
            Note::SessionForeign { session: "skep_web_nobody_".into() },
            Note::SessionRenamed { session: "renamed-by-hand".into() },
            Note::SessionRenamed { session: "skep_web_nobody".into() },
        ]
    );
}

#[test]
fn the_same_name_in_another_project_is_another_worker() {
    let records = [held("amber", Some("e1"), HeldState::Held)];
    let sessions = seen(&[("skep_web_amber_", true), ("skep_api_amber_", true)]);
    let plan = reconcile(&records, &envs(&["e1"]), &sessions).unwrap();
    assert_eq!(plan.end_sessions, ["skep_api_amber_"]);
}

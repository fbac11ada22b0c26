use skep_core::{
    run::{
        Base, Brief, Claims, Env, EnvType, Kind, Permissions, Place as RunPlace, Policy, Posture,
        Surface,
    },
    time::Timestamp,
};
use skep_host::paths;

use super::*;

/// The brief of a run in the repository `r`.
pub(in crate::hands) fn brief_in(place: &Place) -> Brief {
    let at = |path: &str| place.root().join(path).to_str().unwrap().to_owned();
    Brief {
        part: None,
        posture: Posture::default(),
        id: "run_0000000001".parse().unwrap(),
        name: "amber".to_owned(),
        kind: Kind::Code,
        task: None,
        title: "a title".to_owned(),
        project: Some("web".to_owned()),
        by: "person".to_owned(),
        agent: "scripted".to_owned(),
        speaks: true,
        model: None,
        account: None,
        logins: skep_core::run::Logins::default(),
        surface: Surface::Headless,
        permissions: Permissions::Auto,
        place: RunPlace {
            hooks: skep_core::run::Hooks::default(),
            reads: Vec::new(),
            env_type: EnvType::Worktree,
            envs: at(""),
            key: "env".to_owned(),
            repository: Some(at("r")),
            sub_dir: String::new(),
            base: None,
            target: None,
            branches: Vec::new(),
            exact_branch: false,
            detached: None,
            copy: Vec::new(),
            link: Vec::new(),
            discard: Vec::new(),
            set_up: None,
            fetch_ms: 20_000,
            sign: true,
            guide: skep_core::guide::Guide::default(),
        },
        policy: Policy { fence: Fence::On { write: Vec::new() }, ..Policy::default() },
        supersedes: None,
        foreman: false,
        within: None,
        gate: None,
        needs: Vec::new(),
        adopted: None,
        hears: skep_core::run::Hears::default(),
        fallback: None,
        budget: skep_core::budget::Budget::default(),
        prices: Vec::new(),
        trust: skep_core::run::Trust::Person,
        issue: None,
        claims: Claims::default(),
        lineage: None,
        seed: String::new(),
    }
}

/// A run whose env is the worktree of `yard`, and the home that it is of.
fn run(yard: &Yard) -> (Run, Home) {
    let at = |path: &str| yard.place.root().join(path).to_str().unwrap().to_owned();
    let home = Home::new(&yard.place.root().join("skep-home"), 1000);
    let mut run = Run::new(brief_in(&yard.place), 1, Timestamp(0));
    run.attempt = 1;
    run.env = EnvState::Held(Env {
        reused: false,
        root: at("env"),
        lock: at("env/lock"),
        worktree: at("env/w"),
        cwd: at("env/w"),
        branch: Some("skep/x".to_owned()),
        base: Some(Base { branch: "origin/develop".to_owned(), oid: "0".repeat(40) }),
        target: Some("main".to_owned()),
        notes: Vec::new(),
    });
    let asked = serde_json::to_vec(&yard.vars()).unwrap();
    fs::create_dir_all(home.attempt(run.id(), 1)).unwrap();
    fs::create_dir_all(home.asker_env(run.id()).parent().unwrap()).unwrap();
    paths::write_atomically(&home.asker_env(run.id()), &asked).unwrap();
    (run, home)
}

fn asked(run: &Run, home: &Home) -> Finalizing {
    let deed = finalize_deed(run, home, Some("rest"), Some("old"), false).unwrap();
    let Deed::Finalize { finalizing } = deed else { panic!("{deed:?}") };
    *finalizing
}

#[test]
fn what_a_run_is_finalized_with_is_its_own_and_never_onto_where_it_comes_from_or_goes() {
    let yard = Yard::new();
    let (run, home) = run(&yard);
    fs::create_dir(yard.place.root().join("env/tmp")).unwrap();
    let ask = asked(&run, &home);
    assert_eq!(ask.branch, "skep/x");
    for branch in ["main", "develop", "origin/develop"] {
        assert!(ask.not.iter().any(|name| name == branch), "{branch}: {:?}", ask.not);
    }
    assert_eq!(
        (ask.message.as_deref(), ask.published.as_deref(), ask.stays),
        (Some("rest"), Some("old"), false)
    );
    assert!(ask.sign);
    assert_eq!(ask.vars["SKEP_RUN"], "run_0000000001");
    assert_eq!(Path::new(&ask.vars["TMPDIR"]), yard.place.root().join("env/tmp"));
    assert_eq!(yard.run(Finalizing { published: None, ..ask }), yard.published());
}

#[test]
fn hooks_may_what_the_agent_might_and_less_where_that_is_not_known() {
    let yard = Yard::new();
    let (mut run, home) = run(&yard);
    let spec = home.attempt(run.id(), 1).join("spec.json");
    assert_eq!(asked(&run, &home).may, May::Env);
    let fence = fence::Fence { write: vec!["/somewhere".into()], ..fence::Fence::default() };
    let told = serde_json::json!({"version": 1, "fence": {"write": ["/somewhere"]}});
    paths::write_atomically(&spec, told.to_string().as_bytes()).unwrap();
    assert_eq!(asked(&run, &home).may, May::AsAgent { fence });
    paths::write_atomically(&spec, b"{\"version\": 1}").unwrap();
    run.brief.policy.fence = Fence::Own;
    assert_eq!(asked(&run, &home).may, May::Env);
    run.brief.policy.fence = Fence::Off;
    assert_eq!(asked(&run, &home).may, May::All);
    fs::remove_file(&spec).unwrap();
    assert_eq!(asked(&run, &home).may, May::Env);
}

#[test]
fn a_run_without_a_branch_or_an_env_that_stands_is_not_finalized() {
    let yard = Yard::new();
    let (mut run, home) = run(&yard);
    let EnvState::Held(env) = run.env.clone() else { panic!("{:?}", run.env) };
    run.env = EnvState::Held(Env { branch: None, ..env.clone() });
    assert!(finalize_deed(&run, &home, None, None, false).unwrap_err().contains("branch"));
    run.env = EnvState::Closed(env);
    assert!(finalize_deed(&run, &home, None, None, false).unwrap_err().contains("env"));
}

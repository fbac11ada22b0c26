use super::*;

#[test]
fn two_runs_whose_ids_begin_alike_have_envs_of_their_own() {
    let yard = Yard::new();
    let asks = ["1111", "2222"].map(|tail| Prepare {
        run: format!("0192f0c1-aaaa-7bbb-8ccc-12345678{tail}"),
        key: format!("k0192f0c1xyz{tail}"),
        branches: vec!["skep/fix".to_owned(), format!("skep/fix-{tail}")],
        ..yard.ask()
    });
    let made: Vec<Prepared> = thread::scope(|scope| {
        let all: Vec<_> =
            asks.iter().map(|ask| scope.spawn(|| yard.prepare(ask).unwrap())).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_ne!(made[0].root, made[1].root);
    assert_ne!(made[0].branch, made[1].branch);
    for one in &made {
        assert!(one.root.join("owner.json").is_file() && one.worktree.join("pkg/a/code").is_file());
    }
}

#[test]
fn an_env_whose_lock_is_held_is_busy_and_stays_as_it_is() {
    let yard = Yard::new();
    let made = yard.made();
    let held = lock::hold(&made.lock).unwrap();
    let before = contents(&yard.root());
    let error = yard.prepare(&yard.ask()).unwrap_err();
    assert_eq!((error.slug(), error.stage), ("env-busy", Stage::Claim));
    assert!(error.cause.to_string().contains("run_7k2m9qx4ab"), "{}", error.cause);
    assert_eq!(
        undo(&yard.git(), &yard.locks(), &yard.root(), Ran::Setup).unwrap_err().slug(),
        "env-busy"
    );
    assert_eq!(contents(&yard.root()), before);
    drop(held);
    assert!(yard.made().reused);
}

#[test]
fn an_env_of_another_run_is_foreign_and_nothing_is_removed() {
    let yard = Yard::new();
    yard.made();
    let (before, trace) = (contents(&yard.root()), yard.trace());
    let error = yard.prepare(&Prepare { run: "run_another".to_owned(), ..yard.ask() }).unwrap_err();
    assert_eq!(error.slug(), "env-foreign");
    assert_eq!((contents(&yard.root()), yard.trace()), (before, trace));
}

#[test]
fn a_folder_with_things_and_no_owner_or_an_unreadable_one_is_foreign_and_nothing_is_removed() {
    for (file, text) in [
        ("notes.txt", "precious"),
        ("owner.json", "{ rubbish"),
        ("owner.json", "{}"),
        ("web-amber/code", "precious"),
    ] {
        let yard = Yard::new();
        yard.place.write(format!("env/{KEY}/{file}"), text);
        let (before, trace) = (contents(&yard.root()), yard.trace());
        let error = yard.prepare(&yard.ask()).unwrap_err();
        assert_eq!(error.slug(), "env-foreign", "{file}");
        assert_eq!((contents(&yard.root()), yard.trace()), (before, trace), "{file}");
    }
}

#[test]
fn a_link_in_the_place_of_an_env_is_foreign() {
    let yard = Yard::new();
    fs::create_dir_all(yard.place.root().join("env")).unwrap();
    fs::create_dir(yard.place.root().join("elsewhere")).unwrap();
    symlink(yard.place.root().join("elsewhere"), yard.root()).unwrap();
    assert_eq!(yard.prepare(&yard.ask()).unwrap_err().slug(), "env-foreign");
    assert!(contents(&yard.place.root().join("elsewhere")).is_empty());
}

use super::*;

const GUEST: &str = "run_0000000001";

fn ask(yard: &Yard) -> Enter {
    Enter {
        root: yard.root(),
        owner: yard.ask().run,
        guest: GUEST.to_owned(),
        sub_dir: PathBuf::new(),
        wait: std::time::Duration::from_millis(50),
    }
}

#[test]
fn whoever_is_let_into_an_env_finds_it_as_it_stands_and_is_written_down() {
    let yard = Yard::new();
    let made = yard.made();
    let head = yard.tree().commit_file("work", "1");
    yard.tree().write("draft", "not committed\n");
    let (trace, files) = (yard.trace(), contents(yard.tree().path()));
    // Twice is as once: a kill may come between the two.
    for _ in 0..2 {
        let entered = enter(&yard.git(), &ask(&yard)).unwrap();
        assert_eq!(
            (&entered.root, &entered.worktree, &entered.lock, &entered.branch, &entered.base),
            (&made.root, &made.worktree, &made.lock, &made.branch, &made.base)
        );
        assert!(entered.reused && entered.created.is_empty());
    }
    assert_eq!((yard.trace(), contents(yard.tree().path())), (trace, files));
    assert_eq!(yard.tree().head(), head);
    let owner = read_owner(&yard.root()).unwrap().unwrap();
    assert_eq!((owner.run, owner.guest.as_deref()), (yard.ask().run, Some(GUEST)));
    // Its own run finds it as before.
    assert!(yard.made().reused);
    assert_eq!(read_owner(&yard.root()).unwrap().unwrap().guest.as_deref(), Some(GUEST));
}

#[test]
fn an_env_that_is_in_use_gone_anothers_or_elsewhere_lets_nobody_in_and_is_left_alone() {
    let yard = Yard::new();
    let slug = |ask: &Enter| enter(&yard.git(), ask).unwrap_err().slug();
    assert_eq!(slug(&ask(&yard)), "env-foreign");
    assert!(!yard.root().exists(), "nothing is made for whoever asks");
    yard.made();
    let before = contents(&yard.root());
    assert_eq!(slug(&Enter { owner: "run_other".to_owned(), ..ask(&yard) }), "env-foreign");
    assert_eq!(slug(&Enter { guest: "../x".to_owned(), ..ask(&yard) }), "env-request");
    assert_eq!(slug(&Enter { sub_dir: PathBuf::from("nowhere"), ..ask(&yard) }), "no-sub-dir");
    assert_eq!(contents(&yard.root()), before);
    yard.tree().git(&["checkout", "--quiet", "-b", "strange"]);
    assert_eq!(slug(&ask(&yard)), "env-foreign");
    yard.tree().git(&["checkout", "--quiet", "skep/fix"]);
    fs::remove_dir_all(yard.tree().path()).unwrap();
    assert_ne!(slug(&ask(&yard)), "", "a worktree that is gone is not made again for a guest");
    assert!(!yard.tree().path().exists());
    yard.made();
    let held = lock::hold(&yard.root().join("lock")).unwrap();
    assert_eq!(slug(&ask(&yard)), "env-busy");
    drop(held);
    enter(&yard.git(), &ask(&yard)).unwrap();
}

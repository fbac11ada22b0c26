use super::*;

#[test]
fn a_prepared_env_has_a_worktree_on_its_own_branch_and_says_what_it_made() {
    let yard = Yard::new();
    let made = yard.made();
    let oid = yard.repo().oid("origin/main");
    assert_eq!(made.worktree, yard.root().join("web-amber"));
    assert_eq!(
        (made.cwd.clone(), made.lock.clone()),
        (made.worktree.clone(), yard.root().join("lock"))
    );
    assert_eq!(made.branch.as_deref(), Some("skep/fix"));
    assert_eq!(made.base, Some(Base { branch: "origin/main".to_owned(), oid: oid.clone() }));
    assert_eq!(
        made.created,
        [
            Created::Root { path: yard.root() },
            Created::Branch { name: "skep/fix".to_owned(), oid },
            Created::Worktree { path: made.worktree.clone() }
        ]
    );
    assert!(!made.reused && made.output.is_dir() && made.logs.is_dir());
    assert_eq!(
        (yard.tree().status(), yard.tree().read("pkg/a/code")),
        (String::new(), "1\n".to_owned())
    );
    let owner = read_owner(&yard.root()).unwrap().unwrap();
    assert_eq!((owner.state, owner.run.as_str()), (State::Ready, "run_7k2m9qx4ab"));
    let text = serde_json::to_string(&made).unwrap();
    assert_eq!(serde_json::from_str::<Prepared>(&text).unwrap(), made);
}

#[test]
fn the_base_is_the_remotes_default_and_not_what_the_user_has_checked_out() {
    let yard = Yard::new();
    yard.repo().git(&["checkout", "--quiet", "-b", "feature/x"]);
    yard.repo().commit_file("mine", "1");
    let base = yard.made().base.unwrap();
    assert_eq!(
        base,
        Base { branch: "origin/main".to_owned(), oid: yard.repo().oid("origin/main") }
    );
    assert_eq!(yard.tree().head(), base.oid);
}

#[test]
fn thirty_envs_of_one_repository_prepared_at_once_all_stand() {
    let yard = Yard::new();
    thread::scope(|scope| {
        for n in 0..30 {
            let ask = Prepare {
                key: format!("key-of-env-{n:02}"),
                run: format!("run_{n}"),
                branches: vec![format!("skep/{n}")],
                ..yard.ask()
            };
            let yard = &yard;
            scope.spawn(move || yard.prepare(&ask).unwrap());
        }
    });
    assert_eq!(yard.trace().1, 31);
    yard.repo().git(&["fsck", "--no-dangling"]);
}

#[test]
fn a_request_that_names_nothing_or_leads_outside_makes_no_folder() {
    let yard = Yard::new();
    let ask = yard.ask();
    let with = |change: fn(&mut Prepare)| {
        let mut bad = ask.clone();
        change(&mut bad);
        bad
    };
    for bad in [
        with(|ask| ask.envs = PathBuf::new()),
        with(|ask| ask.envs = PathBuf::from("relative")),
        with(|ask| ask.key = String::new()),
        with(|ask| ask.key = "short".to_owned()),
        with(|ask| ask.key = "../../../../../tmp/x".to_owned()),
        with(|ask| ask.key = "aaaaaaaaaaaa/b".to_owned()),
        with(|ask| ask.run = String::new()),
        with(|ask| ask.run = "run/../x".to_owned()),
        with(|ask| ask.project = "..".to_owned()),
        with(|ask| ask.project = "a/b".to_owned()),
        with(|ask| ask.name = String::new()),
        with(|ask| ask.name = "x\n".to_owned()),
        with(|ask| ask.sub_dir = PathBuf::from("../x")),
        with(|ask| ask.sub_dir = PathBuf::from("/etc")),
        with(|ask| ask.sub_dir = PathBuf::from(".git/hooks")),
        with(|ask| ask.repository = None),
        with(|ask| ask.branches = Vec::new()),
    ] {
        let error = yard.prepare(&bad).unwrap_err();
        assert_eq!(
            (error.slug(), error.stage, error.fault()),
            ("env-request", Stage::Request, Fault::Bug),
            "{bad:?}"
        );
        assert!(!yard.place.root().join("env").exists(), "{bad:?}");
    }
}

#[test]
fn a_folder_that_is_no_repository_fails_and_never_becomes_a_plain_folder() {
    let yard = Yard::new();
    fs::create_dir(yard.place.root().join("plain")).unwrap();
    let error = yard
        .prepare(&Prepare { repository: Some(yard.place.root().join("plain")), ..yard.ask() })
        .unwrap_err();
    assert_eq!((error.slug(), error.stage), ("not-a-repository", Stage::Repository));
    assert!(error.left.is_empty() && !yard.root().exists());
}

#[test]
fn a_sub_directory_a_linked_worktree_and_a_bare_repository_all_serve_as_the_repository() {
    let yard = Yard::new();
    yard.repo().git(&["worktree", "add", "--quiet", "-b", "linked", "../linked"]);
    let common = yard.repo().path().join(".git");
    for (n, (from, common)) in [
        ("r/pkg/a", &common),
        ("linked", &common),
        ("origin.git", &yard.place.root().join("origin.git")),
    ]
    .into_iter()
    .enumerate()
    {
        let made = yard
            .prepare(&Prepare {
                repository: Some(yard.place.root().join(from)),
                key: format!("key-of-env-{n:02}"),
                branches: vec![format!("skep/{n}")],
                ..yard.ask()
            })
            .unwrap();
        assert_eq!(made.common_dir.as_ref(), Some(common), "{from}");
        assert!(made.worktree.join("pkg/a/code").is_file(), "{from}");
    }
}

#[test]
fn without_a_default_branch_the_run_is_told_to_choose_a_base() {
    let yard = Yard::new();
    yard.repo().git(&["push", "--quiet", "origin", "main:dev", "main:next"]);
    yard.repo().git(&["remote", "set-head", "origin", "--delete"]);
    yard.repo().git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    let before = yard.trace();
    let error = yard.prepare(&yard.ask()).unwrap_err();
    assert_eq!((error.slug(), error.stage), ("choose-a-base", Stage::Base));
    assert_eq!(yard.trace(), before);
    let made = yard.prepare(&Prepare { base: Some("dev".to_owned()), ..yard.ask() }).unwrap();
    assert_eq!(made.base.unwrap().branch, "origin/dev");
}

#[test]
fn a_branch_that_is_there_is_left_alone_and_a_suffixed_one_recorded() {
    let yard = Yard::new();
    yard.repo().git(&["branch", "skep/fix", "main"]);
    yard.repo().git(&["checkout", "--quiet", "skep/fix"]);
    let theirs = yard.repo().commit_file("theirs", "1");
    yard.repo().git(&["checkout", "--quiet", "main"]);
    let made = yard.made();
    assert_eq!(made.branch.as_deref(), Some("skep/fix-7k2m"));
    assert_eq!(read_owner(&yard.root()).unwrap().unwrap().branch.unwrap().name, "skep/fix-7k2m");
    undo(&yard.git(), &yard.locks(), &yard.root(), Ran::Agent).unwrap();
    assert_eq!(
        (yard.repo().branches(), yard.repo().oid("skep/fix")),
        (vec!["main".to_owned(), "skep/fix".to_owned()], theirs)
    );
}

#[test]
fn where_a_branch_stands_in_the_place_of_a_folder_the_next_name_is_tried() {
    let yard = Yard::new();
    yard.repo().git(&["branch", "skep"]);
    let error = yard.prepare(&yard.ask()).unwrap_err();
    assert_eq!((error.slug(), error.stage), ("git-failed", Stage::Branch));
    let made = yard
        .prepare(&Prepare {
            branches: vec!["skep/fix".to_owned(), "skep-fix".to_owned()],
            ..yard.ask()
        })
        .unwrap();
    assert_eq!(made.branch.as_deref(), Some("skep-fix"));
}

#[test]
fn a_failure_tells_stage_and_git_s_words_and_leaves_no_branch_folder_lock_or_registration() {
    let yard = Yard::new();
    // A filter of the user's that fails makes the checkout fail, late.
    yard.repo().commit_file(".gitattributes", "code filter=broken\n");
    yard.repo().git(&["push", "--quiet", "origin", "main"]);
    yard.repo().git(&["config", "filter.broken.smudge", "echo the filter is broken >&2; exit 3"]);
    yard.repo().git(&["config", "filter.broken.required", "true"]);
    let before = yard.trace();
    let error = yard.prepare(&yard.ask()).unwrap_err();
    assert_eq!((error.slug(), error.stage), ("git-failed", Stage::Checkout));
    assert!(error.cause.to_string().contains("the filter is broken"), "{}", error.cause);
    assert!(error.left.is_empty(), "{:?}", error.left);
    assert_eq!(yard.trace(), before);
    assert!(!yard.root().exists());
}

#[test]
fn the_agent_starts_in_the_sub_directory_and_the_nearest_set_up_script_is_found() {
    let yard = Yard::new();
    yard.repo().commit_file(".worktree-setup", "#!/bin/sh\n");
    yard.repo().commit_file("pkg/.worktree-setup", "#!/bin/sh\n");
    yard.repo().git(&["push", "--quiet", "origin", "main"]);
    let made = yard.prepare(&Prepare { sub_dir: PathBuf::from("pkg/a"), ..yard.ask() }).unwrap();
    assert_eq!(made.cwd, made.worktree.join("pkg/a"));
    assert_eq!(made.setup, Some(made.worktree.join("pkg/.worktree-setup")));
}

#[test]
fn a_sub_directory_that_is_missing_or_leads_out_of_the_worktree_fails_and_leaves_nothing() {
    let yard = Yard::new();
    symlink("/etc", yard.repo().path().join("out")).unwrap();
    fs::create_dir(yard.place.root().join("r-evil")).unwrap();
    symlink("../../../r-evil", yard.repo().path().join("evil")).unwrap();
    yard.repo().commit("links");
    yard.repo().git(&["push", "--quiet", "origin", "main"]);
    let before = yard.trace();
    for sub_dir in ["missing", "out", "evil", "pkg/a/code"] {
        let error =
            yard.prepare(&Prepare { sub_dir: PathBuf::from(sub_dir), ..yard.ask() }).unwrap_err();
        assert_eq!((error.slug(), error.stage), ("no-sub-dir", Stage::SubDir), "{sub_dir}");
        assert_eq!(yard.trace(), before, "{sub_dir}");
    }
}

#[test]
fn a_fetch_before_the_base_brings_what_is_new_and_a_failed_one_is_told() {
    let yard = Yard::new();
    yard.repo().git(&["clone", "--quiet", "../origin.git", "../other"]);
    let news = yard.place.at("other").commit_file("news", "1");
    yard.place.at("other").git(&["push", "--quiet", "origin", "main"]);
    let made = yard.prepare(&Prepare { fetch_ms: 20_000, ..yard.ask() }).unwrap();
    assert_eq!((made.fetch, made.base.unwrap().oid), (Some(FetchOutcome::Fetched), news));
    let yard = Yard::new();
    fs::remove_dir_all(yard.place.root().join("origin.git")).unwrap();
    let made = yard.prepare(&Prepare { fetch_ms: 20_000, ..yard.ask() }).unwrap();
    assert!(matches!(made.fetch, Some(FetchOutcome::Failed { .. })));
}

#[test]
fn a_plain_folder_is_made_only_when_asked_for() {
    let yard = Yard::new();
    let made = yard
        .prepare(&Prepare {
            env_type: EnvType::Directory,
            repository: None,
            branches: Vec::new(),
            ..yard.ask()
        })
        .unwrap();
    assert_eq!((made.branch, made.base), (None, None));
    assert!(contents(&made.worktree).is_empty() && made.worktree.is_dir());
    undo(&yard.git(), &yard.locks(), &made.root, Ran::Agent).unwrap();
    assert!(!made.root.exists());
}

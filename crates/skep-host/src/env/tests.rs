use std::{collections::BTreeMap, thread};

use skep_testkit::{Place, Repo};

use super::*;
use crate::salvage::Reason;

mod killed;
mod release;

const KEY: &str = "7k2m9qx4ab0z";

/// A repository with an origin, and a place for envs.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        let repo = place.repo("r");
        repo.commit_file("pkg/a/code", "1\n");
        place.bare("origin.git");
        repo.git(&["remote", "add", "origin", "../origin.git"]);
        repo.git(&["push", "--quiet", "origin", "main"]);
        repo.git(&["remote", "set-head", "origin", "main"]);
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn repo(&self) -> Repo<'_> {
        self.place.at("r")
    }

    fn locks(&self) -> PathBuf {
        self.place.root().join("locks")
    }

    fn root(&self) -> PathBuf {
        self.place.root().join("env").join(KEY)
    }

    fn ask(&self) -> Prepare {
        Prepare {
            envs: self.place.root().join("env"),
            locks: self.locks(),
            key: KEY.to_owned(),
            run: "run_7k2m9qx4ab".to_owned(),
            env_type: EnvType::Worktree,
            repository: Some(self.repo().path().to_owned()),
            project: "web".to_owned(),
            name: "amber".to_owned(),
            branches: vec!["skep/fix".to_owned(), "skep/fix-7k2m".to_owned()],
            base: None,
            sub_dir: PathBuf::new(),
            copy: Vec::new(),
            link: Vec::new(),
            fetch_ms: 0,
        }
    }

    fn prepare(&self, ask: &Prepare) -> Result<Prepared, EnvError> {
        prepare(&self.git(), ask)
    }

    fn made(&self) -> Prepared {
        self.prepare(&self.ask()).unwrap()
    }

    fn tree(&self) -> Repo<'_> {
        self.place.at(self.root().join("web-amber"))
    }

    /// Everything a failed or undone env must not leave behind: refs, registrations, folders.
    fn trace(&self) -> (String, usize, Vec<String>) {
        let envs = fs::read_dir(self.place.root().join("env")).into_iter().flatten();
        let envs =
            envs.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        (
            self.repo().git(&["for-each-ref"]),
            self.repo().git(&["worktree", "list"]).lines().count(),
            envs,
        )
    }
}

/// Every path below a folder with its bytes, to see that nothing changed.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            all.extend(contents(&path));
            all.insert(path, Vec::new());
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            all.insert(path, bytes);
        }
    }
    all
}

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
fn an_env_folder_that_was_deleted_by_hand_is_made_again_although_git_still_lists_it() {
    let yard = Yard::new();
    yard.made();
    fs::remove_dir_all(yard.root()).unwrap();
    yard.repo().git(&["branch", "--force", "skep/fix-7k2m", "main"]);
    yard.repo().git(&["branch", "--delete", "--force", "skep/fix-7k2m"]);
    let made = yard.made();
    // The old branch may hold work; nobody's record says that it is ours any more.
    assert_eq!(made.branch.as_deref(), Some("skep/fix-7k2m"));
    assert_eq!((yard.tree().status(), yard.trace().1), (String::new(), 2));
}

#[test]
fn a_worktree_that_was_deleted_by_hand_comes_back_on_its_branch_with_its_commits() {
    let yard = Yard::new();
    yard.made();
    let work = yard.tree().commit_file("work", "1");
    fs::remove_dir_all(yard.tree().path()).unwrap();
    let again = yard.made();
    assert!(again.reused);
    assert_eq!((yard.tree().head(), again.branch.as_deref()), (work.clone(), Some("skep/fix")));
    assert_eq!((yard.tree().status(), yard.repo().oid("skep/fix")), (String::new(), work));
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
fn a_failure_takes_no_branch_that_moved_meanwhile() {
    let yard = Yard::new();
    let made = yard.made();
    let work = yard.tree().commit_file("work", "1");
    let mut owner = read_owner(&made.root).unwrap().unwrap();
    owner.state = State::Preparing;
    let left = take_back(&yard.git(), &yard.locks(), &made.root, &owner);
    assert!(left.is_empty());
    assert_eq!(yard.repo().oid("skep/fix"), work);
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
fn a_worktree_of_another_repository_or_branch_in_its_place_is_refused() {
    let yard = Yard::new();
    yard.made();
    yard.tree().git(&["checkout", "--quiet", "-b", "strange"]);
    let work = yard.tree().commit_file("work", "1");
    let error = yard.prepare(&yard.ask()).unwrap_err();
    assert_eq!((error.slug(), error.stage), ("env-foreign", Stage::Worktree));
    assert!(error.cause.to_string().contains("another branch"), "{}", error.cause);
    assert_eq!(yard.tree().head(), work);
    fs::rename(yard.tree().path(), yard.place.root().join("aside")).unwrap();
    let stranger = yard.place.repo(&format!("env/{KEY}/web-amber"));
    let error = yard.prepare(&yard.ask()).unwrap_err();
    assert!(error.cause.to_string().contains("another repository"), "{}", error.cause);
    assert_eq!(stranger.read("README"), "hello\n");
}

#[test]
fn ignored_files_are_brought_along_as_asked_and_others_are_not() {
    let yard = Yard::new();
    let repo = yard.repo();
    repo.write(".gitignore", ".env\nsecrets/\nnode_modules\ncache/\nbig\n");
    repo.write(".worktreeinclude", "secrets/*.key\n!secrets/no.key\n");
    repo.commit("ignore");
    repo.git(&["push", "--quiet", "origin", "main"]);
    for (path, text) in [
        (".env", "A=1"),
        ("pkg/.env", "A=2"),
        ("secrets/a b.key", "k"),
        ("secrets/no.key", "k"),
        ("secrets/other", "k"),
        ("node_modules/.cache/x", "c"),
        ("node_modules/y", "c"),
        ("cache/z", "c"),
        ("open.env", "shown"),
    ] {
        repo.write(path, text);
    }
    let ask = Prepare {
        copy: vec![".env".to_owned(), "open.env".to_owned(), "--nothing".to_owned()],
        link: vec!["node_modules/.cache".to_owned(), "cache".to_owned()],
        ..yard.ask()
    };
    let made = yard.prepare(&ask).unwrap();
    let tree = yard.tree();
    assert_eq!(
        (
            tree.read(".env").as_str(),
            tree.read("pkg/.env").as_str(),
            tree.read("secrets/a b.key").as_str()
        ),
        ("A=1", "A=2", "k")
    );
    for absent in ["secrets/no.key", "secrets/other", "node_modules/y", "open.env"] {
        assert!(!tree.path().join(absent).exists(), "{absent}");
    }
    assert_eq!(
        fs::read_link(tree.path().join("node_modules/.cache")).unwrap(),
        repo.path().join("node_modules/.cache")
    );
    // `cache/` ignores folders only, so the link would be committed.
    assert!(!tree.path().join("cache").exists());
    assert_eq!(made.notes.len(), 2, "{:?}", made.notes);
    assert_eq!(tree.status(), "");
}

#[test]
fn nothing_is_brought_along_through_a_link_that_leads_out_of_the_worktree() {
    let yard = Yard::new();
    let repo = yard.repo();
    fs::create_dir(yard.place.root().join("outside")).unwrap();
    symlink(yard.place.root().join("outside"), repo.path().join("conf")).unwrap();
    repo.write(".gitignore", "*.key\n");
    repo.commit("a link");
    repo.git(&["push", "--quiet", "origin", "main"]);
    fs::remove_file(repo.path().join("conf")).unwrap();
    repo.write("conf/x.key", "k");
    let made = yard.prepare(&Prepare { copy: vec!["*.key".to_owned()], ..yard.ask() }).unwrap();
    assert!(contents(&yard.place.root().join("outside")).is_empty());
    assert!(made.notes[0].contains("in its way"), "{:?}", made.notes);
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

fn in_place(yard: &Yard, n: usize) -> Prepare {
    Prepare {
        env_type: EnvType::InPlace,
        key: format!("key-of-env-{n:02}"),
        run: format!("run_{n}"),
        branches: Vec::new(),
        ..yard.ask()
    }
}

#[test]
fn in_place_one_run_at_a_time_works_in_a_checkout_and_nothing_of_it_is_reset_or_removed() {
    let yard = Yard::new();
    yard.repo().write("mine", "precious");
    yard.repo().write("pkg/a/code", "changed\n");
    let before = contents(yard.repo().path());
    let one = yard.prepare(&in_place(&yard, 1)).unwrap();
    assert_eq!((one.worktree.as_path(), one.branch.as_deref()), (yard.repo().path(), Some("main")));
    let from_below =
        Prepare { repository: Some(yard.repo().path().join("pkg")), ..in_place(&yard, 2) };
    let living = lock::hold(&one.lock).unwrap();
    let error = yard.prepare(&from_below).unwrap_err();
    assert_eq!(error.slug(), "env-busy");
    assert!(error.cause.to_string().contains("run_1"), "{}", error.cause);
    assert!(!yard.place.root().join("env/key-of-env-02").exists());
    drop(living);
    let two = yard.prepare(&from_below).unwrap();
    assert_eq!(one.lock, two.lock);
    undo(&yard.git(), &yard.locks(), &one.root, Ran::Agent).unwrap();
    let _held = lock::hold(&two.lock).unwrap();
    assert_eq!(yard.prepare(&in_place(&yard, 3)).unwrap_err().slug(), "env-busy");
    let after = contents(yard.repo().path());
    let changed =
        |path: &&PathBuf| !path.ends_with(".git/index") && before.get(*path) != after.get(*path);
    assert_eq!(
        after.keys().chain(before.keys()).filter(changed).collect::<Vec<_>>(),
        Vec::<&PathBuf>::new()
    );
}

#[test]
fn a_checkout_whose_env_was_deleted_by_hand_is_free_again() {
    let yard = Yard::new();
    let one = yard.prepare(&in_place(&yard, 1)).unwrap();
    fs::remove_dir_all(one.root).unwrap();
    yard.prepare(&in_place(&yard, 2)).unwrap();
}

#[test]
fn a_repository_without_checkout_cannot_be_worked_in_in_place() {
    let yard = Yard::new();
    let ask =
        Prepare { repository: Some(yard.place.root().join("origin.git")), ..in_place(&yard, 1) };
    assert_eq!(yard.prepare(&ask).unwrap_err().slug(), "env-foreign");
    assert!(!yard.place.root().join("env/key-of-env-01").exists());
}

#[test]
fn undo_takes_everything_back_and_does_so_once() {
    let yard = Yard::new();
    let before = yard.trace();
    let made = yard.made();
    symlink(yard.place.root(), yard.place.root().join("by-a-link")).unwrap();
    let root = yard.place.root().join("by-a-link/env").join(KEY);
    assert!(made.root.is_dir());
    for _ in 0..2 {
        undo(&yard.git(), &yard.locks(), &root, Ran::Agent).unwrap();
        assert_eq!(yard.trace(), before);
    }
}

#[test]
fn what_a_failed_set_up_left_is_taken_back_too() {
    let yard = Yard::new();
    let before = yard.trace();
    let made = yard.made();
    yard.tree().write("node_modules/x", "1");
    yard.tree().write("pkg/a/code", "rewritten\n");
    yard.place.write(made.logs.join("setup.log"), "no");
    undo(&yard.git(), &yard.locks(), &made.root, Ran::Setup).unwrap();
    assert_eq!(yard.trace(), before);
}

#[test]
fn undo_refuses_where_an_agent_may_have_worked() {
    type Work = fn(&Repo<'_>);
    let works: [(&str, Work); 5] = [
        ("worktree-untracked", |tree| tree.write("new", "1")),
        ("worktree-dirty", |tree| tree.write("pkg/a/code", "2")),
        ("branch-has-commits", |tree| drop(tree.commit_file("new", "1"))),
        ("worktree-ignored", |tree| {
            tree.write("../../../r/.git/info/exclude", "result\n");
            tree.write("result", "42");
        }),
        ("worktree-detached", |tree| {
            tree.git(&["checkout", "--quiet", "--detach"]);
            tree.commit_file("new", "1");
        }),
    ];
    for (expected, work) in works {
        let yard = Yard::new();
        let made = yard.made();
        work(&yard.tree());
        let before = contents(&made.worktree);
        let error = undo(&yard.git(), &yard.locks(), &made.root, Ran::Agent).unwrap_err();
        let Cause::Work { reasons } = &error.cause else { panic!("{expected}: {error:?}") };
        assert_eq!(reasons.iter().map(Reason::slug).collect::<Vec<_>>(), [expected]);
        assert_eq!(contents(&made.worktree), before, "{expected}");
    }
}

#[test]
fn commits_of_a_set_up_are_work() {
    let yard = Yard::new();
    let made = yard.made();
    let work = yard.tree().commit_file("new", "1");
    let error = undo(&yard.git(), &yard.locks(), &made.root, Ran::Setup).unwrap_err();
    assert_eq!(error.slug(), "env-has-work");
    assert_eq!(yard.repo().oid("skep/fix"), work);
}

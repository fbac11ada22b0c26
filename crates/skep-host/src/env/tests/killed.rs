//! What `kill -9` leaves: a git that kills its caller before or after its nth call, and the same request made again.

use std::{
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{ExitStatus, Stdio},
    thread,
    time::Duration,
};

use super::{leave::close, *};
use crate::combine::{self, Bring, Brought};
use crate::snapshot;
use crate::worktree::{self, Land, Landing, Revert, Reverting};

const REQUEST: &str = "SKEP_TEST_TASK";

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Task {
    Prepare(Box<Prepare>),
    Close(Box<Leaving>),
    Land { repository: PathBuf, locks: PathBuf, land: Land },
    Revert { repository: PathBuf, locks: PathBuf, revert: Revert },
    Bring { repository: PathBuf, locks: PathBuf, bring: Box<Bring>, note: String },
}

impl Task {
    pub(super) fn run(self, git: &Git) -> Result<(), EnvError> {
        match self {
            Task::Prepare(ask) => prepare(git, &ask).map(drop),
            Task::Close(ask) => close(git, &ask).map(drop),
            Task::Land { repository, locks, land } => {
                let landed = git::discover(git, &repository)
                    .and_then(|repo| worktree::land(git, &repo, &locks, &land));
                assert!(!matches!(landed, Ok(Landing::Refused(_))), "{landed:?}");
                landed.map(drop).map_err(|error| EnvError::at(Stage::Undo)(error.into()))
            }
            Task::Revert { repository, locks, revert } => {
                let done = git::discover(git, &repository)
                    .and_then(|repo| worktree::revert(git, &repo, &locks, &revert));
                assert!(
                    !matches!(done, Ok(Reverting::Refused(_) | Reverting::Conflicts { .. })),
                    "{done:?}"
                );
                done.map(drop).map_err(|error| EnvError::at(Stage::Undo)(error.into()))
            }
            Task::Bring { repository, locks, bring, note } => {
                let done = git::discover(git, &repository).and_then(|repo| {
                    let done = combine::bring(git, &repo, &locks, &bring)?;
                    combine::attest(git, &repo, &bring.commit, &note, 1_700_000_000).map(|()| done)
                });
                assert!(
                    !matches!(done, Ok(Brought::Refused(_) | Brought::Fenced { .. })),
                    "{done:?}"
                );
                done.map(drop).map_err(|error| EnvError::at(Stage::Undo)(error.into()))
            }
        }
    }
}

/// Not a test by itself: the process that is killed, started by the tests below.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child of a test finds its task nowhere else")]
fn child() {
    let Some(task) = std::env::var_os(REQUEST) else { return };
    let task: Task = serde_json::from_slice(&fs::read(task).unwrap()).unwrap();
    let git = Git::new(std::env::vars_os().filter(|(name, _)| name != REQUEST));
    task.run(&git).unwrap();
}

/// A folder with a `git` that counts its calls, and has whoever called it killed before or after call `at`.
///
/// It may stand behind a fence: it writes where git itself does, and leaves the killing to [`run_elsewhere`].
pub(super) fn deadly(yard: &Yard, at: usize, when: &str) -> PathBuf {
    let bin = yard.place.root().join(format!("bin-{at}-{when}"));
    let path = yard.place.env().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let path = path.to_string_lossy().into_owned();
    let script = format!(
        "#!/bin/sh\n\
         PATH='{path}'\n\
         echo x >> '{notes}/count'\n\
         n=$(wc -l < '{notes}/count')\n\
         die() {{ : > '{notes}/die'; until [ -e '{notes}/dead' ]; do sleep 0.01; done; exit 1; }}\n\
         if [ \"$n\" -eq {at} ] && [ {when} = before ]; then die; fi\n\
         git \"$@\"; code=$?\n\
         if [ \"$n\" -eq {at} ] && [ {when} = after ]; then die; fi\n\
         exit $code\n",
        notes = notes(yard).display(),
    );
    let _none_yet = fs::remove_dir_all(notes(yard));
    fs::create_dir_all(notes(yard)).unwrap();
    yard.place.write(bin.join("git"), &script);
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

/// Where the deadly git writes: what git itself may write, behind a fence too.
fn notes(yard: &Yard) -> PathBuf {
    yard.repo().path().join(".git/lfs/deadly")
}

fn prepare_elsewhere(yard: &Yard, ask: &Prepare, bin: &Path) -> ExitStatus {
    run_elsewhere(yard, &Task::Prepare(Box::new(ask.clone())), bin)
}

/// Does a task in a process of its own, with this folder's git.
pub(super) fn run_elsewhere(yard: &Yard, work: &Task, bin: &Path) -> ExitStatus {
    let task = yard.place.root().join("task.json");
    yard.place.write(&task, &serde_json::to_string(work).unwrap());
    let mut child = crate::proc::command(std::env::current_exe().unwrap())
        .args(["--exact", "env::tests::killed::child", "--nocapture", "--test-threads=1"])
        .env_clear()
        .envs(yard.place.env())
        .env("PATH", bin)
        .env(REQUEST, &task)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if notes(yard).join("die").exists() {
            child.kill().unwrap();
            let status = child.wait().unwrap();
            yard.place.write(notes(yard).join("dead"), "");
            return status;
        }
        // Until the child ends or its git says that it is to die.
        thread::sleep(Duration::from_millis(2));
    }
}

fn new_yard() -> Yard {
    let yard = Yard::new();
    yard.repo().write(".git/info/exclude", ".env\ncache\n");
    yard.repo().write(".env", "A=1");
    yard.repo().write("cache/x", "1");
    yard.repo().git(&["branch", "skep/taken"]);
    yard
}

fn asked(yard: &Yard) -> Prepare {
    Prepare {
        copy: vec![".env".to_owned()],
        link: vec!["cache".to_owned()],
        branches: vec!["skep/taken".to_owned(), "skep/fix".to_owned()],
        ..yard.ask()
    }
}

/// How many times git is called for one env.
fn calls() -> usize {
    let yard = new_yard();
    let bin = deadly(&yard, 0, "never");
    assert!(prepare_elsewhere(&yard, &asked(&yard), &bin).success());
    fs::read_to_string(notes(&yard).join("count")).unwrap().lines().count()
}

#[test]
fn prepare_killed_at_any_call_of_git_and_made_again_gives_the_same_env_and_leaves_nothing_else() {
    let calls = calls();
    assert!(calls > 8, "{calls}");
    for at in 1..=calls {
        for when in ["before", "after"] {
            let yard = new_yard();
            let bin = deadly(&yard, at, when);
            let status = prepare_elsewhere(&yard, &asked(&yard), &bin);
            assert_eq!(status.signal(), Some(9), "{when} call {at}");
            // The base moves on meanwhile; what the killed call had settled on stands.
            let recorded = read_owner(&yard.root()).unwrap().and_then(|owner| owner.base);
            yard.repo().commit_file("pkg/a/code", "2\n");
            yard.repo().git(&["push", "--quiet", "origin", "main"]);
            let made = yard
                .prepare(&asked(&yard))
                .unwrap_or_else(|error| panic!("{when} call {at}: {error:?}"));
            assert_eq!(made.branch.as_deref(), Some("skep/fix"), "{when} call {at}");
            if recorded.is_some() {
                assert_eq!(made.base, recorded, "{when} call {at}");
            }
            assert_eq!(
                (yard.tree().status().as_str(), yard.tree().read(".env").as_str()),
                ("", "A=1"),
                "{when} call {at}"
            );
            assert_eq!(yard.tree().head(), made.base.unwrap().oid, "{when} call {at}");
            assert_eq!(
                yard.repo().branches(),
                ["main", "skep/fix", "skep/taken"],
                "{when} call {at}"
            );
            let (_, worktrees, envs) = yard.trace();
            assert_eq!((worktrees, envs), (2, vec![KEY.to_owned()]), "{when} call {at}");
        }
    }
}

#[test]
fn prepare_killed_at_any_call_of_git_can_be_undone_without_a_trace() {
    let calls = calls();
    for at in 1..=calls {
        let yard = new_yard();
        let before = yard.trace();
        let bin = deadly(&yard, at, "after");
        prepare_elsewhere(&yard, &asked(&yard), &bin);
        undo(&yard.git(), &yard.locks(), &yard.root(), Ran::Setup)
            .unwrap_or_else(|error| panic!("call {at}: {error:?}"));
        assert_eq!(yard.trace(), before, "call {at}");
    }
}

#[test]
fn after_the_death_of_its_maker_the_lock_is_free_and_the_env_comes_back_with_its_branch_and_base() {
    let yard = new_yard();
    let bin = deadly(&yard, 0, "never");
    assert!(prepare_elsewhere(&yard, &asked(&yard), &bin).success());
    let owner = read_owner(&yard.root()).unwrap().unwrap();
    yard.repo().commit_file("pkg/a/code", "2\n");
    yard.repo().git(&["push", "--quiet", "origin", "main"]);
    yard.tree().write("work", "1");
    let again = yard.prepare(&asked(&yard)).unwrap();
    assert!(again.reused);
    assert_eq!((again.branch.as_deref(), again.base), (Some("skep/fix"), owner.base));
    assert_eq!(yard.tree().read("work"), "1");
}

#[test]
fn an_env_that_was_killed_before_its_record_or_while_writing_it_is_claimed() {
    for files in [&[][..], &["lock"], &["lock", ".owner.json.4242-0"]] {
        let yard = Yard::new();
        fs::create_dir_all(yard.root()).unwrap();
        for file in files {
            yard.place.write(yard.root().join(file), "");
        }
        assert!(!yard.made().reused, "{files:?}");
        undo(&yard.git(), &yard.locks(), &yard.root(), Ran::Setup).unwrap();
        assert!(!yard.root().exists(), "{files:?}");
    }
}

#[test]
fn a_branch_that_somebody_else_made_in_the_moment_of_death_is_not_taken() {
    let yard = Yard::new();
    let made = yard.made();
    let mut owner = read_owner(&made.root).unwrap().unwrap();
    undo(&yard.git(), &yard.locks(), &made.root, Ran::Setup).unwrap();
    // As if killed between the record and the branch, and the user then made one of that name at the same commit.
    owner.state = State::Preparing;
    fs::create_dir(&made.root).unwrap();
    owner.write(&made.root).unwrap();
    yard.repo().git(&["branch", "skep/fix", "main"]);
    assert_eq!(yard.made().branch.as_deref(), Some("skep/fix-7k2m"));
    assert!(yard.repo().branches().contains(&"skep/fix".to_owned()));
}

/// How often a task calls git when nobody kills it.
pub(super) fn calls_of(yard: &Yard, task: &Task) -> usize {
    let bin = deadly(yard, 0, "never");
    assert!(run_elsewhere(yard, task, &bin).success());
    fs::read_to_string(notes(yard).join("count")).unwrap().lines().count()
}

#[test]
fn a_close_killed_at_any_call_of_git_and_made_again_loses_nothing() {
    let begin = || {
        let yard = Yard::new();
        yard.made();
        let work = yard.tree().commit_file("work", "1");
        let ask = yard.leaving(false, Fate::KeepBranch);
        (yard, work, ask)
    };
    let (yard, _, ask) = begin();
    let calls = calls_of(&yard, &Task::Close(Box::new(ask)));
    assert!(calls > 8, "{calls}");
    for at in 1..=calls {
        let (yard, work, ask) = begin();
        let task = Task::Close(Box::new(ask.clone()));
        let when = if at % 2 == 0 { "before" } else { "after" };
        let status = run_elsewhere(&yard, &task, &deadly(&yard, at, when));
        // How often git is asked at the end depends on what has to be written.
        assert!(!status.success() || at > 8, "{when} call {at}");
        close(&yard.git(), &ask).unwrap_or_else(|error| panic!("{when} call {at}: {error:?}"));
        assert_eq!((yard.repo().oid("skep/fix"), yard.worktrees()), (work, 1), "{when} call {at}");
        assert!(!yard.root().exists(), "{when} call {at}");
        let kept = snapshot::find(&yard.git(), &yard.found(), &ask.slot).unwrap();
        assert!(kept.is_some(), "{when} call {at}");
    }
}

#[test]
fn a_landing_killed_at_any_call_of_git_and_made_again_lands_once() {
    let begin = || {
        let yard = Yard::new();
        yard.made();
        let new = yard.tree().commit_file("pkg/a/code", "landed\n");
        let land = Land { target: "main".to_owned(), expected: yard.repo().head(), new };
        let task = Task::Land {
            repository: yard.repo().path().to_owned(),
            locks: yard.locks(),
            land: land.clone(),
        };
        (yard, land, task)
    };
    let (yard, _, task) = begin();
    let calls = calls_of(&yard, &task);
    assert!(calls > 5, "{calls}");
    for at in 1..=calls {
        for when in ["before", "after"] {
            let (yard, land, task) = begin();
            let status = run_elsewhere(&yard, &task, &deadly(&yard, at, when));
            assert_eq!(status.signal(), Some(9), "{when} call {at}");
            task.run(&yard.git()).unwrap_or_else(|error| panic!("{when} call {at}: {error:?}"));
            assert_eq!(
                (yard.repo().head(), yard.repo().status()),
                (land.new, String::new()),
                "{when} call {at}"
            );
        }
    }
}

#[test]
fn a_checkout_that_was_killed_in_the_middle_is_taken_back_and_made_again() {
    let yard = Yard::new();
    let made = yard.made();
    let mut owner = read_owner(&made.root).unwrap().unwrap();
    owner.state = State::Preparing;
    owner.write(&made.root).unwrap();
    fs::remove_file(made.worktree.join("README")).unwrap();
    fs::remove_file(made.worktree.join(".git")).unwrap();
    yard.repo().write(".git/worktrees/web-amber/index.lock", "");
    let again = yard.made();
    assert!(!again.reused);
    assert_eq!(
        (again.branch.as_deref(), yard.tree().status(), yard.trace().1),
        (Some("skep/fix"), String::new(), 2)
    );
}

#[test]
fn a_revert_killed_at_any_call_of_git_and_made_again_takes_back_once() {
    let begin = || {
        let yard = Yard::new();
        let old = yard.repo().head();
        yard.made();
        let new = yard.tree().commit_file("pkg/a/code", "landed\n");
        yard.repo().git(&["merge", "--quiet", "--ff-only", "skep/fix"]);
        let revert = Revert {
            target: "main".to_owned(),
            old,
            new: new.clone(),
            message: "take it back".to_owned(),
        };
        let task =
            Task::Revert { repository: yard.repo().path().to_owned(), locks: yard.locks(), revert };
        (yard, new, task)
    };
    let (yard, _, task) = begin();
    let calls = calls_of(&yard, &task);
    assert!(calls > 10, "{calls}");
    for at in 1..=calls {
        let when = if at % 2 == 0 { "before" } else { "after" };
        let (yard, new, task) = begin();
        let status = run_elsewhere(&yard, &task, &deadly(&yard, at, when));
        assert_eq!(status.signal(), Some(9), "{when} call {at}");
        task.run(&yard.git()).unwrap_or_else(|error| panic!("{when} call {at}: {error:?}"));
        assert_eq!(
            (yard.repo().read("pkg/a/code"), yard.repo().status(), yard.repo().oid("HEAD~1")),
            ("1\n".to_owned(), String::new(), new),
            "{when} call {at}"
        );
    }
}

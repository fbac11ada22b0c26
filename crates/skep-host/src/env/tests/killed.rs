//! What `kill -9` leaves: a git that kills its caller before or after its nth call, and the same request made again.

use std::{
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{ExitStatus, Stdio},
};

use super::*;

const REQUEST: &str = "SKEP_TEST_PREPARE";

/// Not a test by itself: the process that is killed, started by the tests below.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child of a test finds its task nowhere else")]
fn child() {
    let Some(task) = std::env::var_os(REQUEST) else { return };
    let ask: Prepare = serde_json::from_slice(&fs::read(task).unwrap()).unwrap();
    let git = Git::new(std::env::vars_os().filter(|(name, _)| name != REQUEST));
    prepare(&git, &ask).unwrap();
}

/// A folder with a `git` that counts its calls, and kills who called it before or after call `at`.
fn deadly(yard: &Yard, at: usize, when: &str) -> PathBuf {
    let bin = yard.place.root().join(format!("bin-{at}-{when}"));
    let path = yard.place.env().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let path = path.to_string_lossy().into_owned();
    let script = format!(
        "#!/bin/sh\n\
         PATH='{path}'\n\
         echo x >> '{count}'\n\
         n=$(wc -l < '{count}')\n\
         if [ \"$n\" -eq {at} ] && [ {when} = before ]; then kill -9 $PPID; exit 1; fi\n\
         git \"$@\"; code=$?\n\
         if [ \"$n\" -eq {at} ] && [ {when} = after ]; then kill -9 $PPID; fi\n\
         exit $code\n",
        count = bin.join("count").display(),
    );
    yard.place.write(bin.join("git"), &script);
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

/// Prepares in a process of its own, with this folder's git.
fn prepare_elsewhere(yard: &Yard, ask: &Prepare, bin: &Path) -> ExitStatus {
    let task = yard.place.root().join("task.json");
    yard.place.write(&task, &serde_json::to_string(ask).unwrap());
    crate::proc::command(std::env::current_exe().unwrap())
        .args(["--exact", "env::tests::killed::child", "--nocapture", "--test-threads=1"])
        .env_clear()
        .envs(yard.place.env())
        .env("PATH", bin)
        .env(REQUEST, &task)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
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
    fs::read_to_string(bin.join("count")).unwrap().lines().count()
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
            let made = yard.prepare(&asked(&yard)).unwrap_or_else(|error| panic!("{when} call {at}: {error:?}"));
            assert_eq!(made.branch.as_deref(), Some("skep/fix"), "{when} call {at}");
            if recorded.is_some() {
                assert_eq!(made.base, recorded, "{when} call {at}");
            }
            assert_eq!((yard.tree().status().as_str(), yard.tree().read(".env").as_str()), ("", "A=1"), "{when} call {at}");
            assert_eq!(yard.tree().head(), made.base.unwrap().oid, "{when} call {at}");
            assert_eq!(yard.repo().branches(), ["main", "skep/fix", "skep/taken"], "{when} call {at}");
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
        undo(&yard.git(), &yard.locks(), &yard.root(), Ran::Setup).unwrap_or_else(|error| panic!("call {at}: {error:?}"));
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

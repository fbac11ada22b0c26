//! What `kill -9` leaves: at each point of our own, and before and after each call of git.

use std::{
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
};

use serde::{Deserialize, Serialize};

use super::*;

const REQUEST: &str = "SKEP_TEST_SNAPSHOT";

#[derive(Serialize, Deserialize)]
enum Task {
    Take { root: PathBuf, id: String },
    Restore { root: PathBuf, oid: String, id: String },
}

fn run(git: &Git, task: &Task) {
    let (Task::Take { root, .. } | Task::Restore { root, .. }) = task;
    let repo = git::discover(git, &root.join("r")).unwrap();
    let (worktree, git_dir) = (root.join("w"), repo.common_dir.join("worktrees/w"));
    let locks = root.join("locks");
    let take_it = |id: &str| {
        let ask = Take {
            run: "run_a",
            id,
            worktree: &worktree,
            git_dir: &git_dir,
            note: "",
            discard: &[],
            at_ms: 0,
        };
        take(git, &repo, &locks, &ask).unwrap()
    };
    match task {
        Task::Take { id, .. } => drop(take_it(id)),
        Task::Restore { oid, id, .. } => {
            let present = take_it(id);
            let verdict = verify(git, &repo, &present.oid, &worktree, &git_dir).unwrap();
            let Verdict::Same(proof) = verdict else { panic!("{verdict:?}") };
            restore_into(git, &repo, oid, &worktree, &git_dir, &proof).unwrap();
        }
    }
}

/// Not a test by itself: the process that is killed, started by the tests below.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child of a test finds its task nowhere else")]
fn child() {
    let Some(task) = std::env::var_os(REQUEST) else { return };
    let task: Task = serde_json::from_slice(task.as_bytes()).unwrap();
    let git = Git::new(std::env::vars_os().filter(|(name, _)| name != REQUEST));
    run(&git, &task);
}

fn elsewhere(yard: &Yard, task: &Task, more: &[(&str, &std::ffi::OsStr)]) -> ExitStatus {
    crate::proc::command(std::env::current_exe().unwrap())
        .args(["--exact", "snapshot::tests::killed::child", "--nocapture", "--test-threads=1"])
        .env_clear()
        .envs(yard.place.env())
        .env(REQUEST, serde_json::to_string(task).unwrap())
        .envs(more.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// A folder with a `git` that counts its calls, and kills who called it before or after call `at`.
fn deadly(yard: &Yard, at: usize, when: &str) -> PathBuf {
    let bin = yard.place.root().join(format!("bin-{at}-{when}"));
    let path = yard.place.env().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let script = format!(
        "#!/bin/sh\n\
         PATH='{path}'\n\
         echo x >> '{count}'\n\
         n=$(wc -l < '{count}')\n\
         if [ \"$n\" -eq {at} ] && [ {when} = before ]; then kill -9 $PPID; exit 1; fi\n\
         git \"$@\"; code=$?\n\
         if [ \"$n\" -eq {at} ] && [ {when} = after ]; then kill -9 $PPID; fi\n\
         exit $code\n",
        path = path.to_string_lossy(),
        count = bin.join("count").display(),
    );
    yard.place.write(bin.join("git"), &script);
    set_mode(&bin.join("git"), 0o755);
    bin
}

fn worked_in() -> Yard {
    let yard = Yard::new();
    let tree = yard.tree();
    tree.write("README", "changed");
    tree.write("folder/new", "1");
    tree.git(&["add", "folder/new"]);
    tree.write("folder/new", "2");
    yard
}

fn taking(yard: &Yard, id: &str) -> Task {
    Task::Take { root: yard.place.root().to_owned(), id: id.to_owned() }
}

#[test]
fn a_taking_killed_at_any_point_and_made_again_gives_one_snapshot_and_harms_no_other() {
    for point in [
        "snapshot-contents-written",
        "snapshot-trees-written",
        "snapshot-written",
        "snapshot-shelf-written",
        "snapshot-shelf-drafted",
        "snapshot-hung",
    ] {
        for first in [true, false] {
            let yard = worked_in();
            if !first {
                yard.take("snap_before");
                yard.tree().write("since", "1");
            }
            let before = yard.things();
            let status =
                elsewhere(&yard, &taking(&yard, "snap_1"), &[("SKEP_CRASH", point.as_ref())]);
            let reached = first || point != "snapshot-shelf-drafted";
            assert_eq!(status.signal(), reached.then_some(9), "{point} {first}");
            check(&yard, &before, usize::from(!first), point);
        }
    }
}

/// After a death: the same again, one snapshot more than before, all whole.
fn check(yard: &Yard, before: &BTreeMap<PathBuf, Thing>, others: usize, what: &str) {
    let taken = yard.take("snap_1");
    assert_eq!(&yard.elsewhere(&taken.oid), before, "{what}");
    yard.main().git(&["gc", "--quiet", "--prune=now"]);
    yard.secured(&taken.oid);
    assert_eq!(list(&yard.git(), &yard.repo()).unwrap().len(), others + 1, "{what}");
    yard.main().git(&["worktree", "prune"]);
    yard.main().git(&["fsck", "--full"]);
}

#[test]
fn a_taking_killed_at_any_call_of_git_and_made_again_gives_one_snapshot() {
    let yard = worked_in();
    let never = deadly(&yard, 0, "never");
    assert!(elsewhere(&yard, &taking(&yard, "snap_1"), &[("PATH", never.as_os_str())]).success());
    let calls = fs::read_to_string(never.join("count")).unwrap().lines().count();
    assert!(calls > 8, "{calls}");
    for at in 1..=calls {
        for when in ["before", "after"] {
            let yard = worked_in();
            let before = yard.things();
            let bin = deadly(&yard, at, when);
            elsewhere(&yard, &taking(&yard, "snap_1"), &[("PATH", bin.as_os_str())]);
            check(&yard, &before, 0, &format!("{when} call {at}"));
        }
    }
}

#[test]
fn a_restore_killed_at_any_point_loses_nothing_and_ends_well_when_made_again() {
    for point in ["restore-cleared", "restore-files", "restore-head"] {
        let yard = worked_in();
        let first = yard.things();
        let taken = yard.take("snap_1");
        yard.tree().commit("on");
        yard.tree().write("later", "1");
        fs::remove_file(yard.path("README")).unwrap();
        let later = yard.things();
        let task = |id: &str| Task::Restore {
            root: yard.place.root().to_owned(),
            oid: taken.oid.clone(),
            id: id.to_owned(),
        };
        let status = elsewhere(&yard, &task("snap_2"), &[("SKEP_CRASH", point.as_ref())]);
        assert_eq!(status.signal(), Some(9), "{point}");
        run(&yard.git(), &task("snap_3"));
        assert_eq!(yard.things(), first, "{point}");
        assert_eq!(yard.tree().head(), taken.head.clone().unwrap());
        let kept = find(&yard.git(), &yard.repo(), "snap_2").unwrap().unwrap();
        assert_eq!(yard.elsewhere(&kept.oid), later, "{point}");
    }
}

//! What `kill -9` leaves of a cloning and of an eviction: at each point of our own, and around each call of git.

use std::{
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    process::{ExitStatus, Stdio},
};

use serde::{Deserialize, Serialize};

use super::*;

const REQUEST: &str = "SKEP_TEST_CACHE";

#[derive(Serialize, Deserialize)]
struct Task {
    url: Option<String>,
    dir: PathBuf,
    locks: PathBuf,
}

/// Not a test by itself: the process that is killed, started by the tests below.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child of a test finds its task nowhere else")]
fn child() {
    let Some(task) = std::env::var_os(REQUEST) else { return };
    let task: Task = serde_json::from_slice(task.as_encoded_bytes()).unwrap();
    let git = Git::new(std::env::vars_os().filter(|(name, _)| name != REQUEST));
    match &task.url {
        Some(url) => {
            let url = Url::parse(url).unwrap();
            let made = clone(&git, &url, &task.dir, &task.locks).unwrap();
            assert_eq!(made, Cloned::Made);
        }
        None => {
            let now = SystemTime::now() + DAY * 31;
            let done = evict(&git, &task.locks, &task.dir, DAY * 30, now);
            assert!(matches!(done, Evicting::Evicted), "{done:?}");
        }
    }
}

fn elsewhere(yard: &Yard, cloning: bool, more: &[(&str, &std::ffi::OsStr)]) -> ExitStatus {
    let url = cloning.then(|| yard.text("web.git"));
    let task = Task { url, dir: yard.dir(), locks: yard.locks() };
    crate::proc::command(std::env::current_exe().unwrap())
        .args(["--exact", "cache::tests::killed::child", "--nocapture", "--test-threads=1"])
        .env_clear()
        .envs(yard.place.env())
        .env(REQUEST, serde_json::to_string(&task).unwrap())
        .envs(more.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// A folder with a `git` that counts its calls, and kills who called it in place of call `at`.
fn deadly(yard: &Yard, at: usize) -> PathBuf {
    let bin = yard.place.root().join(format!("bin-{at}"));
    let path = yard.place.env().into_iter().find(|(name, _)| name == "PATH").unwrap().1;
    let script = format!(
        "#!/bin/sh\n\
         PATH='{path}'\n\
         echo x >> '{count}'\n\
         n=$(wc -l < '{count}')\n\
         if [ \"$n\" -eq {at} ]; then kill -9 $PPID; exit 1; fi\n\
         exec git \"$@\"\n",
        path = path.to_string_lossy(),
        count = bin.join("count").display(),
    );
    yard.place.write(bin.join("git"), &script);
    fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    bin
}

/// Nothing that is not whole has the clone's name, and the same again makes it.
fn again_is_fine(yard: &Yard, what: &str) {
    if yard.dir().exists() {
        let clone = yard.place.at("cache/web.git");
        assert_eq!(clone.oid("main"), clone.oid("origin/main"), "{what}: half of it is there");
        assert_eq!(yard.clone().unwrap(), Cloned::There, "{what}");
    } else {
        assert_eq!(yard.clone().unwrap(), Cloned::Made, "{what}");
    }
    let left = mend(&yard.git(), &yard.locks(), &yard.cache());
    assert!(left.is_empty(), "{what}: {left:?}");
    assert_eq!(yard.names(), ["web.git"], "{what}");
}

#[test]
fn a_cloning_that_is_killed_leaves_nothing_that_is_used_and_the_next_makes_it() {
    for point in ["clone.begun", "clone.fetched", "clone.made", "clone.named"] {
        let yard = Yard::new();
        let killed = elsewhere(&yard, true, &[("SKEP_CRASH", point.as_ref())]);
        assert_eq!(killed.signal(), Some(9), "{point} was not reached");
        again_is_fine(&yard, point);
    }
    for at in 1.. {
        let yard = Yard::new();
        let bin = deadly(&yard, at);
        let status = elsewhere(&yard, true, &[("PATH", bin.as_os_str())]);
        again_is_fine(&yard, &format!("call {at}"));
        if status.success() {
            assert!(at > 6, "only {at} calls were counted");
            return;
        }
        assert_eq!(status.signal(), Some(9), "call {at}");
    }
}

#[test]
fn a_draft_at_which_somebody_is_at_work_is_not_swept() {
    let yard = Yard::new();
    yard.cloned();
    let draft = draft_of(&yard.dir());
    fs::create_dir(&draft).unwrap();
    let held = crate::lock::hold(&gate(&yard.locks(), &yard.dir())).unwrap();
    assert!(mend(&yard.git(), &yard.locks(), &yard.cache()).is_empty());
    assert!(draft.exists());
    drop(held);
    assert!(mend(&yard.git(), &yard.locks(), &yard.cache()).is_empty());
    assert_eq!(yard.names(), ["web.git"]);
}

#[test]
fn an_eviction_that_is_killed_goes_on() {
    for point in ["evict.leaving", "evict.gone"] {
        let yard = Yard::new();
        yard.cloned();
        let killed = elsewhere(&yard, false, &[("SKEP_CRASH", point.as_ref())]);
        assert_eq!(killed.signal(), Some(9), "{point} was not reached");
        assert_eq!(yard.names().len(), 1, "{:?}", yard.names());
        assert!(!yard.dir().exists(), "{point}");
        let left = mend(&yard.git(), &yard.locks(), &yard.cache());
        assert!(left.is_empty(), "{point}: {left:?}");
        assert_eq!(yard.names(), [""; 0], "{point}");
    }
}

#[test]
fn what_is_written_to_a_clone_while_it_is_set_aside_brings_it_back() {
    for there_again in [false, true] {
        let yard = Yard::new();
        yard.cloned();
        let killed = elsewhere(&yard, false, &[("SKEP_CRASH", "evict.leaving".as_ref())]);
        assert_eq!(killed.signal(), Some(9));
        let leaving = yard.place.at("cache/.leaving.web.git");
        let own = leaving.git(&["commit-tree", "-p", "main", "-m", "own", "main^{tree}"]);
        leaving.git(&["update-ref", "refs/heads/late", &own]);
        if there_again {
            assert_eq!(yard.clone().unwrap(), Cloned::Made);
        }
        let left = mend(&yard.git(), &yard.locks(), &yard.cache());
        assert!(left.is_empty(), "{left:?}");
        let at = if there_again { "cache/.leaving.web.git" } else { "cache/web.git" };
        assert_eq!(yard.place.at(at).oid("late"), own);
        assert!(yard.dir().join("HEAD").exists());
    }
}

//! When a clone goes, and everything for which it stays.

use super::*;

#[test]
fn a_clone_that_is_unused_for_31_days_is_evicted_and_one_of_29_days_is_not() {
    let yard = Yard::new();
    yard.cloned();
    assert!(matches!(yard.evict_after(29), Evicting::Kept { .. }));
    // Asked for again: whatever its age was, it counts from now on.
    yard.make_old();
    assert_eq!(yard.clone().unwrap(), Cloned::There);
    assert!(matches!(yard.evict_after(29), Evicting::Kept { .. }));
    assert!(matches!(yard.evict_after(31), Evicting::Evicted));
    assert_eq!(yard.names(), [""; 0]);
    assert!(matches!(yard.evict_after(31), Evicting::Absent));
    assert_eq!(yard.clone().unwrap(), Cloned::Made);
}

#[test]
fn a_fetch_through_it_is_a_use() {
    let yard = Yard::new();
    yard.cloned();
    yard.make_old();
    let (git, now) = (yard.git(), SystemTime::now());
    let repo = git::discover(&git, &yard.dir()).unwrap();
    let fetched = git::fetch(&git, &repo, &yard.locks(), Duration::from_secs(20)).unwrap();
    assert_eq!(fetched, git::FetchOutcome::Fetched);
    let why = evict(&git, &yard.locks(), &yard.dir(), DAY * 30, now);
    assert!(matches!(why, Evicting::Kept { ref why } if why.contains("used")), "{why:?}");
    yard.make_old();
    let gone = evict(&git, &yard.locks(), &yard.dir(), DAY * 30, now);
    assert!(matches!(gone, Evicting::Evicted), "{gone:?}");
}

#[test]
fn a_clone_with_a_worktree_stays_even_when_the_worktree_s_folder_is_gone() {
    let yard = Yard::new();
    let clone = yard.cloned();
    let worktree = yard.place.root().join("w");
    clone.git(&["worktree", "add", "--quiet", "--detach", worktree.to_str().unwrap(), "main"]);
    assert!(yard.kept().contains("worktree `w`"));
    fs::remove_dir_all(&worktree).unwrap();
    assert!(yard.kept().contains("worktree `w`"));
    clone.git(&["worktree", "prune"]);
    assert!(matches!(yard.evict_after(31), Evicting::Evicted));
}

#[test]
fn a_clone_that_keeps_a_snapshot_stays_until_the_snapshot_is_forgotten() {
    let yard = Yard::new();
    let clone = yard.cloned();
    let worktree = yard.place.root().join("w");
    clone.git(&["worktree", "add", "--quiet", "--detach", worktree.to_str().unwrap(), "main"]);
    yard.place.write("w/draft", "not committed\n");
    let (git, git_dir) = (yard.git(), yard.dir().join("worktrees/w"));
    let repo = git::discover(&git, &yard.dir()).unwrap();
    let ask = snapshot::Take {
        run: "run_a",
        id: "snap_a",
        worktree: &worktree,
        git_dir: &git_dir,
        note: "",
        discard: &[],
        at_ms: 0,
    };
    snapshot::take(&git, &repo, &yard.locks(), &ask).unwrap();
    clone.git(&["worktree", "remove", "--force", worktree.to_str().unwrap()]);
    assert!(yard.kept().contains("keeps: 1"));
    snapshot::remove(&git, &repo, &yard.locks(), &["snap_a"]).unwrap();
    let done = yard.evict_after(31);
    assert!(matches!(done, Evicting::Evicted), "{done:?}");
}

#[test]
fn whatever_is_only_there_keeps_it() {
    type Act = fn(&Repo<'_>, &str);
    let acts: [(&str, Act); 7] = [
        ("commits", |clone, own| drop(clone.git(&["update-ref", "refs/heads/main", own]))),
        ("commits", |clone, own| drop(clone.git(&["update-ref", "refs/heads/other", own]))),
        ("commits", |clone, own| {
            // Moved there and back: only the reflog knows of it.
            let old = clone.oid("main");
            clone.git(&["update-ref", "refs/heads/main", own]);
            clone.git(&["update-ref", "refs/heads/main", &old]);
        }),
        ("refs/tags/mine", |clone, own| drop(clone.git(&["tag", "mine", own]))),
        ("refs/tags/said", |clone, _| {
            // The commit is on the remote, what the tag says is not.
            drop(clone.git(&["tag", "-a", "-m", "words", "said", "main"]));
        }),
        ("refs/stash", |clone, own| drop(clone.git(&["update-ref", "refs/stash", own]))),
        ("refs/notes/commits", |clone, _| drop(clone.git(&["notes", "add", "-m", "n", "main"]))),
    ];
    for (word, act) in acts {
        let yard = Yard::new();
        let clone = yard.cloned();
        let own = clone.git(&["commit-tree", "-p", "main", "-m", "own", "main^{tree}"]);
        act(&clone, &own);
        let why = yard.kept();
        assert!(why.contains(word), "{word}: {why}");
        assert_eq!(yard.names(), ["web.git"]);
    }
}

#[test]
fn work_that_reached_the_remote_keeps_nothing() {
    let yard = Yard::new();
    let clone = yard.cloned();
    let own = clone.git(&["commit-tree", "-p", "main", "-m", "own", "main^{tree}"]);
    clone.git(&["update-ref", "refs/heads/main", &own]);
    assert!(yard.kept().contains("remote: 1"));
    clone.git(&["push", "--quiet", "origin", "main"]);
    assert!(matches!(yard.evict_after(31), Evicting::Evicted));
}

#[test]
fn tags_that_came_with_it_keep_it_not_and_one_that_was_moved_does() {
    let yard = Yard::new();
    let seed = yard.seed();
    seed.git(&["checkout", "--quiet", "--detach"]);
    seed.commit_file("release", "1\n");
    seed.git(&["tag", "-a", "-m", "on no branch", "v1"]);
    seed.git(&["tag", "v1-light"]);
    yard.push(&["v1", "v1-light"]);
    let clone = yard.cloned();
    assert_eq!(clone.git(&["tag"]), "v1\nv1-light");
    clone.git(&["tag", "-f", "v1-light", "main"]);
    assert!(yard.kept().contains("v1-light"));
    let release = clone.oid("v1^{commit}");
    clone.git(&["tag", "-f", "v1-light", &release]);
    let done = yard.evict_after(31);
    assert!(matches!(done, Evicting::Evicted), "{done:?}");
}

#[test]
fn what_cannot_be_asked_stays() {
    let yard = Yard::new();
    let clone = yard.cloned();
    // A branch on a commit that is not there: git refuses to count.
    yard.place.write("cache/web.git/refs/heads/odd", &format!("{}\n", "1".repeat(40)));
    let done = yard.evict_after(31);
    assert!(matches!(done, Evicting::Unknown(_)), "{done:?}");
    fs::remove_file(yard.dir().join("refs/heads/odd")).unwrap();
    let broken = Git::new([("PATH", "/nowhere")]);
    let now = SystemTime::now() + DAY * 31;
    let done = evict(&broken, &yard.locks(), &yard.dir(), DAY * 30, now);
    assert!(matches!(done, Evicting::Unknown(_)), "{done:?}");
    assert_eq!(yard.names(), ["web.git"]);
    assert_eq!(clone.branches(), ["main"]);
    assert!(matches!(yard.evict_after(31), Evicting::Evicted));
}

#[test]
fn what_is_no_clone_of_ours_stays_even_inside_a_repository() {
    let yard = Yard::new();
    yard.cloned();
    let own = yard.place.bare("cache/own.git");
    yard.place.write("cache/text.git/note", "mine\n");
    std::os::unix::fs::symlink(yard.dir(), yard.cache().join("link.git")).unwrap();
    // The folder that is none is inside one.
    yard.place.at("cache").git(&["init", "--quiet", "--initial-branch=main"]);
    let now = SystemTime::now() + DAY * 31;
    for name in ["own.git", "text.git", "link.git"] {
        let dir = yard.cache().join(name);
        assert!(list(&yard.cache()).unwrap().contains(&dir), "{name}");
        let done = evict(&yard.git(), &yard.locks(), &dir, DAY * 30, now);
        assert!(matches!(done, Evicting::Kept { .. }), "{name}: {done:?}");
        assert!(dir.exists(), "{name}");
    }
    assert!(own.path().join("HEAD").exists());
    assert!(list(&yard.place.root().join("none")).unwrap().is_empty());
}

#[test]
fn a_clone_at_which_somebody_is_at_work_stays() {
    let yard = Yard::new();
    yard.cloned();
    for lock in [gate(&yard.locks(), &yard.dir()), writer(&yard.locks(), &yard.dir())] {
        let held = crate::lock::hold(&lock).unwrap();
        assert!(yard.kept().contains("at work"));
        drop(held);
    }
    assert!(matches!(yard.evict_after(31), Evicting::Evicted));
}

use std::{
    fs::File,
    time::{Instant, SystemTime},
};

use super::*;

#[test]
fn a_fetch_brings_remote_branches_and_is_not_repeated_within_the_minute() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    let seed = place.at("seed");
    let new = seed.commit_file("news", "1");
    seed.git(&["push", "--quiet", "../origin.git", "HEAD:main"]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let folder = place.root().join("locks");
    let again = || fetch(&git(&place), &found, &folder, Duration::from_secs(20)).unwrap();
    assert_eq!(again(), FetchOutcome::Fetched);
    assert_eq!(repo.oid("origin/main"), new);
    assert!(matches!(again(), FetchOutcome::Skipped { refs_age_s: Some(age) } if age < 60));
    let old = SystemTime::now() - FETCH_EVERY;
    File::options()
        .write(true)
        .open(folder.join(format!("{}.tried", key(&found.common_dir))))
        .unwrap()
        .set_modified(old)
        .unwrap();
    assert_eq!(again(), FetchOutcome::Fetched);
}

#[test]
fn a_fetch_that_fails_is_an_outcome_and_is_not_tried_again_at_once() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    fs::rename(place.root().join("origin.git"), place.root().join("away.git")).unwrap();
    let found = discover(&git(&place), repo.path()).unwrap();
    let folder = place.root().join("locks");
    let again = || fetch(&git(&place), &found, &folder, Duration::from_secs(20)).unwrap();
    assert!(matches!(again(), FetchOutcome::Failed { why, .. } if why.contains("origin.git")));
    assert!(matches!(again(), FetchOutcome::Skipped { .. }));
    assert_eq!(base(&git(&place), &found, None).unwrap().branch, "origin/main");
}

#[test]
fn a_repository_without_remote_is_not_fetched() {
    let place = Place::new();
    let repo = place.repo("r");
    let found = discover(&git(&place), repo.path()).unwrap();
    assert_eq!(
        fetch(&git(&place), &found, &place.root().join("locks"), Duration::from_secs(20)).unwrap(),
        FetchOutcome::NoRemote
    );
}

#[test]
fn a_fetch_through_a_mirrors_refspec_leaves_the_users_branches_alone() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    repo.git(&["branch", "--force", "main", "HEAD"]);
    let mine = repo.oid("refs/heads/main");
    repo.git(&["config", "remote.origin.fetch", "+refs/*:refs/*"]);
    let found = discover(&git(&place), repo.path()).unwrap();
    assert_eq!(
        fetch(&git(&place), &found, &place.root().join("locks"), Duration::from_secs(20)).unwrap(),
        FetchOutcome::Fetched
    );
    assert_eq!(repo.oid("refs/heads/main"), mine);
}

#[test]
fn a_fetch_that_would_ask_for_a_password_or_hangs_ends_within_its_time() {
    let place = Place::new();
    let repo = cloned(&place, &["main"]);
    let (hang, pid) = (place.root().join("hang"), place.root().join("pid"));
    place.write(&hang, &format!("#!/bin/sh\nsleep 600 &\necho $! > '{}'\nwait\n", pid.display()));
    fs::set_permissions(&hang, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    repo.git(&["config", "remote.origin.url", "ssh://git@example.invalid/x"]);
    repo.git(&["config", "core.sshCommand", hang.to_str().unwrap()]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let begun = Instant::now();
    let outcome =
        fetch(&git(&place), &found, &place.root().join("locks"), Duration::from_secs(3)).unwrap();
    assert!(
        matches!(outcome, FetchOutcome::Failed { ref why, .. } if why.contains("no answer")),
        "{outcome:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(30));
    let stat = format!("/proc/{}/stat", fs::read_to_string(&pid).expect("it had begun").trim());
    let lives = || fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{stat} lives");
        std::thread::yield_now();
    }
}

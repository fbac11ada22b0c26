use super::*;

/// A work and its trial on `main`, which is checked out.
fn begun(yard: &Yard) -> (Trial, Claim) {
    let head = yard.work("w", "main", &[("new", "1"), ("file", "work\n")]);
    yard.repo().commit_file("here", "0");
    (yard.trial(How::Merge, &[&head]), yard.claim("lander", 100))
}

#[test]
fn the_target_and_its_checkout_become_the_trial_and_the_same_again_lands_nothing_twice() {
    let yard = Yard::new();
    let (trial, claim) = begun(&yard);
    yard.repo().write("untouched", "mine");
    yard.repo().write("here", "mine too\n");
    let wish = yard.wish(&trial, &claim);
    let landed = Brought::Landed {
        from: trial.onto.clone(),
        to: trial.commit.clone(),
        checkout: Some(yard.repo().path().to_owned()),
        behind: None,
    };
    assert_eq!(yard.bring(&wish), landed);
    assert_eq!(
        (yard.repo().head(), yard.repo().read("new")),
        (trial.commit.clone(), "1".to_owned())
    );
    assert_eq!(yard.repo().status(), "M here\n?? untouched");
    assert_eq!(yard.repo().git(&["reflog", "-1", "--format=%gs"]), "skep: land");
    assert_eq!(yard.bring(&wish), Brought::Already { at: trial.commit, behind: None });
    assert!(!yard.repo().path().join(".git/skep-landing").exists());
}

#[test]
fn a_target_that_went_on_is_left_and_told() {
    let yard = Yard::new();
    let (trial, claim) = begun(&yard);
    let at = yard.repo().commit_file("here", "1");
    assert_eq!(
        yard.bring(&yard.wish(&trial, &claim)),
        Brought::Refused(Refusal::TargetMoved { at: at.clone() })
    );
    yard.repo().git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(
        yard.bring(&yard.wish(&trial, &claim)),
        Brought::Refused(Refusal::TargetMoved { at })
    );
}

#[test]
fn a_lander_that_comes_back_with_an_older_claim_moves_nothing() {
    for detached in [false, true] {
        let yard = Yard::new();
        let (trial, old) = begun(&yard);
        if detached {
            yard.repo().git(&["checkout", "--quiet", "--detach"]);
        }
        let next = yard.claim("next", 160);
        let before = everything(yard.repo().path(), &|_| false);
        assert_eq!(
            yard.bring(&yard.wish(&trial, &old)),
            Brought::Fenced { by: Some(next.clone()) }
        );
        assert_eq!(everything(yard.repo().path(), &|_| false), before);
        assert!(matches!(yard.bring(&yard.wish(&trial, &next)), Brought::Landed { .. }));
        // Given back is not held, and a made-up one never was.
        release(&yard.git(), &yard.found(), &next).unwrap();
        yard.repo().git(&["update-ref", "refs/heads/main", &trial.onto]);
        assert!(matches!(yard.bring(&yard.wish(&trial, &next)), Brought::Fenced { .. }));
        let made_up = Claim { number: 99, ..next };
        assert!(matches!(yard.bring(&yard.wish(&trial, &made_up)), Brought::Fenced { .. }));
    }
}

#[test]
fn a_claim_that_is_lost_in_the_last_moment_moves_nothing_and_the_files_go_back() {
    let yard = Yard::new();
    let (trial, claim) = begun(&yard);
    yard.repo().write("here", "mine\n");
    // Between the look at the claim and the move, as another lander might: when the files have moved already.
    let elsewhere = yard.repo().oid("main~1");
    let land = worktree::Land {
        target: "main".to_owned(),
        expected: trial.onto.clone(),
        new: trial.commit.clone(),
    };
    let name = "refs/skep/lander/main";
    let guard = worktree::Guard { name, oid: &elsewhere };
    let moved =
        worktree::forward(&yard.git(), &yard.found(), &yard.locks(), &land, Some(guard)).unwrap();
    assert!(matches!(moved, worktree::Forward::Unguarded));
    assert_eq!((yard.repo().head(), yard.repo().status().as_str()), (trial.onto.clone(), "M here"));
    assert!(!yard.repo().path().join("new").exists());
    assert!(!yard.repo().path().join(".git/skep-landing").exists());
    assert!(matches!(yard.bring(&yard.wish(&trial, &claim)), Brought::Landed { .. }));
}

#[test]
fn a_renewed_claim_is_the_same_claim() {
    let yard = Yard::new();
    let (trial, claim) = begun(&yard);
    renew(&yard.git(), &yard.found(), &claim, 130).unwrap();
    assert!(matches!(yard.bring(&yard.wish(&trial, &claim)), Brought::Landed { .. }));
}

#[test]
fn what_nobody_committed_is_not_written_over_and_is_named() {
    for (file, text) in [("file", "mine\n"), ("new", "mine\n"), ("new/below", "mine\n")] {
        let yard = Yard::new();
        let (trial, claim) = begun(&yard);
        yard.repo().write(".git/info/exclude", "new\n");
        yard.repo().write(file, text);
        let before = everything(yard.repo().path(), &|path| path.starts_with(".git"));
        let Brought::Refused(Refusal::TargetDirty { files, .. }) =
            yard.bring(&yard.wish(&trial, &claim))
        else {
            panic!("{file}: landed")
        };
        assert!(!files.is_empty(), "{file}");
        assert_eq!(everything(yard.repo().path(), &|path| path.starts_with(".git")), before);
        assert_eq!(yard.repo().head(), trial.onto);
    }
}

#[test]
fn files_of_a_landing_that_was_cut_off_go_back_before_another_one() {
    let yard = Yard::new();
    let (first, claim) = begun(&yard);
    let other = yard.work("other", "main", &[("other", "1")]);
    let second = yard.trial(How::Squash, &[&other]);
    // Killed when the files had moved and the branch had not.
    yard.repo().write(".git/skep-landing", &format!("{} {}\n", first.onto, first.commit));
    yard.repo().git(&["read-tree", "-m", "-u", &first.onto, &first.commit]);
    assert!(yard.repo().path().join("new").exists());
    assert!(matches!(yard.bring(&yard.wish(&second, &claim)), Brought::Landed { .. }));
    assert_eq!((yard.repo().head(), yard.repo().status()), (second.commit, String::new()));
    assert!(!yard.repo().path().join("new").exists());
}

#[test]
fn files_of_a_landing_that_was_cut_off_and_that_somebody_changed_since_stay() {
    let yard = Yard::new();
    let (first, claim) = begun(&yard);
    let other = yard.work("other", "main", &[("other", "1")]);
    let second = yard.trial(How::Squash, &[&other]);
    yard.repo().write(".git/skep-landing", &format!("{} {}\n", first.onto, first.commit));
    yard.repo().git(&["read-tree", "-m", "-u", &first.onto, &first.commit]);
    yard.repo().write("file", "mine on top\n");
    let told = yard.bring(&yard.wish(&second, &claim));
    assert!(
        matches!(&told, Brought::Refused(Refusal::TargetBusy { why, .. }) if why.contains("cut off")),
        "{told:?}"
    );
    assert_eq!(yard.repo().read("file"), "mine on top\n");
    assert!(matches!(yard.bring(&yard.wish(&first, &claim)), Brought::Refused(_)));
    yard.repo().git(&["checkout", "--quiet", "--", "file"]);
    assert!(matches!(yard.bring(&yard.wish(&second, &claim)), Brought::Landed { .. }));
}

#[test]
fn a_commit_that_does_not_stand_on_where_the_trial_was_made_is_refused() {
    let yard = Yard::new();
    let (trial, claim) = begun(&yard);
    let wish = Bring { commit: yard.repo().oid("w"), ..yard.wish(&trial, &claim) };
    assert_eq!(yard.bring(&wish), Brought::Refused(Refusal::NotFastForward { at: trial.onto }));
}

#[test]
fn a_bare_repository_and_a_linked_checkout_take_it_as_well() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("new", "1")]);
    yard.repo().commit_file("here", "0");
    yard.repo().git(&["clone", "--quiet", "--bare", ".", "../b.git"]);
    yard.repo().git(&["checkout", "--quiet", "--detach"]);
    yard.repo().git(&["worktree", "add", "--quiet", "../linked", "main"]);
    for (place, checkout) in [("b.git", None), ("r", Some("linked"))] {
        let found = git::discover(&yard.git(), &yard.place.root().join(place)).unwrap();
        let Combined::Trial(trial) =
            combine(&yard.git(), &found, &yard.ask(How::Merge, &[&head])).unwrap()
        else {
            panic!()
        };
        let Claiming::Claimed(claim) = claim(&yard.git(), &found, "main", "one", 60, 1).unwrap()
        else {
            panic!()
        };
        let brought =
            bring(&yard.git(), &found, &yard.locks(), &yard.wish(&trial, &claim)).unwrap();
        let (from, to) = (trial.onto, trial.commit);
        let checkout = checkout.map(|name| yard.place.root().join(name));
        assert_eq!(brought, Brought::Landed { from, to, checkout, behind: None });
    }
    assert_eq!(yard.place.at("linked").status(), "");
    assert_eq!(yard.place.at("linked").git(&["reflog", "-1", "--format=%gs"]), "skep: land");
}

#[test]
fn a_ref_that_git_cannot_move_leaves_the_checkout_as_it_was() {
    let yard = Yard::new();
    let (trial, claim) = begun(&yard);
    let lock = yard.repo().path().join(".git/refs/heads/main.lock");
    yard.repo().write(".git/refs/heads/main.lock", "");
    let wish = yard.wish(&trial, &claim);
    let error = bring(&yard.git(), &yard.found(), &yard.locks(), &wish).unwrap_err();
    assert!(error.to_string().contains("main.lock"), "{error}");
    assert_eq!(yard.repo().status(), "");
    assert_eq!(yard.repo().read("file"), "a\nb\nc\nd\ne\n");
    assert!(!yard.repo().path().join(".git/skep-landing").exists());
    fs::remove_file(&lock).unwrap();
    assert!(matches!(yard.bring(&wish), Brought::Landed { .. }));
}

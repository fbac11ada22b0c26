use super::*;

fn trash(yard: &Yard) -> PathBuf {
    yard.place.root().join("trash")
}

fn proof(yard: &Yard, root: &Path) -> Proof {
    match inspect(&yard.git(), root).unwrap() {
        Verdict::Safe(proof) => proof,
        other @ (Verdict::Unsafe(_) | Verdict::Unknown(_)) => panic!("not safe: {other:?}"),
    }
}

fn let_go(yard: &Yard, discard: &[&str]) -> Result<Released, EnvError> {
    let discard: Vec<String> = discard.iter().map(|&pattern| pattern.to_owned()).collect();
    release(
        &yard.git(),
        &yard.locks(),
        &yard.root(),
        &trash(yard),
        &discard,
        proof(yard, &yard.root()),
    )
}

#[test]
fn an_env_with_everything_committed_goes_and_its_branch_stays() {
    let yard = Yard::new();
    yard.made();
    let work = yard.tree().commit_file("work", "1");
    let gone = let_go(&yard, &[]).unwrap();
    assert_eq!(
        gone,
        Released {
            branch: Some("skep/fix".to_owned()),
            head: Some(work.clone()),
            kept: None,
            ignored: Vec::new()
        }
    );
    assert_eq!(yard.repo().oid("skep/fix"), work);
    assert_eq!((yard.trace().1, yard.trace().2, contents(&trash(&yard)).len()), (1, Vec::new(), 0));
    yard.repo().git(&["checkout", "--quiet", "skep/fix"]);
}

#[test]
fn ignored_files_are_kept_in_the_trash_and_told() {
    let yard = Yard::new();
    yard.repo().write(".git/info/exclude", "results\nnode_modules\nempty\n");
    yard.made();
    yard.tree().write("results/42", "only here");
    yard.tree().write("node_modules/x", "expendable");
    fs::create_dir(yard.tree().path().join("empty")).unwrap();
    let gone = let_go(&yard, &["node_modules"]).unwrap();
    let kept = gone.kept.unwrap();
    assert_eq!(gone.ignored, [PathBuf::from("results/")]);
    assert_eq!(fs::read_to_string(kept.join("web-amber/results/42")).unwrap(), "only here");
    assert_eq!(read_owner(&kept).unwrap().unwrap().state, State::Released);
    assert_eq!((yard.trace().1, yard.root().exists()), (1, false));
}

#[test]
fn copies_and_links_of_ours_are_no_reason_to_keep_an_env_unless_they_were_changed() {
    for (changed, kept) in [(false, false), (true, true)] {
        let yard = Yard::new();
        yard.repo().write(".git/info/exclude", ".env\nnode_modules\n");
        yard.repo().write(".env", "A=1");
        yard.repo().write("node_modules/x", "1");
        let ask = Prepare {
            copy: vec![".env".to_owned()],
            link: vec!["node_modules".to_owned()],
            ..yard.ask()
        };
        yard.prepare(&ask).unwrap();
        if changed {
            yard.tree().write(".env", "A=2");
        }
        let gone = let_go(&yard, &[]).unwrap();
        assert_eq!(gone.kept.is_some(), kept, "{gone:?}");
        assert_eq!(
            (yard.repo().read(".env").as_str(), yard.repo().read("node_modules/x").as_str()),
            ("A=1", "1")
        );
    }
}

#[test]
fn what_the_run_put_out_is_kept_in_the_trash() {
    let yard = Yard::new();
    let made = yard.made();
    yard.place.write(made.output.join("report.md"), "found it");
    let kept = let_go(&yard, &[]).unwrap().kept.unwrap();
    assert_eq!(fs::read_to_string(kept.join("output/report.md")).unwrap(), "found it");
    assert!(!kept.join("web-amber").exists());
}

#[test]
fn work_that_appears_after_the_proof_stops_the_removal_and_the_env_is_back() {
    let yard = Yard::new();
    let made = yard.made();
    let proof = proof(&yard, &made.root);
    yard.tree().write("late", "precious");
    let error =
        release(&yard.git(), &yard.locks(), &made.root, &trash(&yard), &[], proof).unwrap_err();
    assert_eq!((error.slug(), error.stage, error.left.len()), ("env-has-work", Stage::Release, 0));
    assert_eq!((yard.tree().read("late").as_str(), yard.trace().1), ("precious", 2));
    assert_eq!(yard.tree().status(), "?? late");
}

#[test]
fn an_env_in_use_is_not_let_go() {
    let yard = Yard::new();
    let made = yard.made();
    let proof = proof(&yard, &made.root);
    let _held = lock::hold(&made.lock).unwrap();
    let error =
        release(&yard.git(), &yard.locks(), &made.root, &trash(&yard), &[], proof).unwrap_err();
    assert_eq!(error.slug(), "env-busy");
    assert!(made.worktree.is_dir());
}

#[test]
fn an_env_whose_worktree_was_deleted_by_hand_can_still_be_closed() {
    let yard = Yard::new();
    let made = yard.made();
    let work = yard.tree().commit_file("work", "1");
    fs::remove_dir_all(&made.worktree).unwrap();
    assert_eq!(let_go(&yard, &[]).unwrap().kept, None);
    assert_eq!((yard.repo().oid("skep/fix"), yard.trace().1), (work, 1));
}

#[test]
fn a_checkout_of_the_user_is_let_go_untouched() {
    let yard = Yard::new();
    let made = yard.prepare(&in_place(&yard, 1)).unwrap();
    yard.repo().write("mine", "precious");
    let proof = proof(&yard, &made.root);
    release(&yard.git(), &yard.locks(), &made.root, &trash(&yard), &[], proof).unwrap();
    assert!(!made.root.exists());
    assert_eq!(yard.repo().read("mine"), "precious");
    yard.prepare(&in_place(&yard, 2)).unwrap();
}

#[test]
fn a_plain_folder_with_files_is_not_let_go() {
    let yard = Yard::new();
    let made = yard
        .prepare(&Prepare {
            env_type: EnvType::Directory,
            repository: None,
            branches: Vec::new(),
            ..yard.ask()
        })
        .unwrap();
    yard.place.write(made.worktree.join("notes"), "only here");
    assert!(
        matches!(inspect(&yard.git(), &made.root).unwrap(), Verdict::Unsafe(reasons) if reasons[0].slug() == "no-repository")
    );
}

#[test]
fn a_release_that_was_killed_after_the_move_goes_on() {
    let yard = Yard::new();
    let made = yard.made();
    let work = yard.tree().commit_file("work", "1");
    fs::create_dir(trash(&yard)).unwrap();
    fs::rename(&made.root, trash(&yard).join(KEY)).unwrap();
    let gone = resume_release(&yard.git(), &yard.locks(), &made.root, &trash(&yard), &[])
        .unwrap()
        .unwrap();
    assert_eq!((gone.kept, yard.repo().oid("skep/fix")), (None, work));
    assert_eq!((yard.trace().1, contents(&trash(&yard)).len()), (1, 0));
    assert_eq!(
        resume_release(&yard.git(), &yard.locks(), &made.root, &trash(&yard), &[]).unwrap(),
        None
    );
}

#[test]
fn a_release_that_was_killed_after_its_registration_was_dropped_keeps_what_is_left() {
    let yard = Yard::new();
    let made = yard.made();
    fs::create_dir(trash(&yard)).unwrap();
    fs::rename(&made.root, trash(&yard).join(KEY)).unwrap();
    yard.repo().git(&["worktree", "remove", "--force", "--force", made.worktree.to_str().unwrap()]);
    let again = || {
        resume_release(&yard.git(), &yard.locks(), &made.root, &trash(&yard), &[]).unwrap().unwrap()
    };
    assert_eq!(again().kept, Some(trash(&yard).join(KEY)));
    assert_eq!(again().kept, Some(trash(&yard).join(KEY)));
    assert!(trash(&yard).join(KEY).join("web-amber/README").is_file());
}

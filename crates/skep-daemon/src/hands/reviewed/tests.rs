use std::os::unix::fs::symlink;

use skep_core::{
    run::{Base, Env, EnvType, How, OpResult, Place as RunPlace},
    snapshot::Why,
    time::Timestamp,
};
use skep_testkit::{Place, Repo};

use super::{
    super::{
        Done, carry_out, close_deed, prepare_deed, restore_deed, settle_deed, snapshot_deed,
        undo_deed,
    },
    *,
};
use crate::hands::finalize::tests::deed::brief_in;

/// A repository in which an author's work stands on a branch, in a worktree of its own, and a reviewer's run.
struct Yard {
    place: Place,
    home: Home,
    run: Run,
    head: String,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        let repo = place.repo("r");
        repo.write(".gitignore", "target\n.env\n");
        repo.commit("ignore");
        repo.git(&["worktree", "add", "--quiet", "-b", "skep/work", "../author"]);
        let head = place.at("author").commit_file("src/code", "2\n");
        repo.write(".env", "A=1");
        let home = Home::new(&place.root().join("home"), 1000);
        let mut brief = brief_in(&place);
        brief.place = RunPlace {
            env_type: EnvType::Worktree,
            key: "7k2m9qx4ab0z".to_owned(),
            envs: home.envs().to_str().unwrap().to_owned(),
            detached: Some(head.clone()),
            branches: vec!["skep/never".to_owned()],
            copy: vec![".env".to_owned()],
            ..brief.place
        };
        let mut run = Run::new(brief, 1, Timestamp(0));
        run.attempt = 1;
        let yard = Yard { place, home, run, head };
        let asked = serde_json::to_vec(&yard.vars()).unwrap();
        fs::create_dir_all(yard.home.run(yard.run.id())).unwrap();
        fs::create_dir_all(yard.home.envs()).unwrap();
        paths::write_atomically(&yard.home.asker_env(yard.run.id()), &asked).unwrap();
        yard
    }

    fn made() -> Yard {
        let mut yard = Yard::new();
        yard.prepare().unwrap();
        yard
    }

    fn vars(&self) -> BTreeMap<String, String> {
        let text = |value: std::ffi::OsString| value.into_string().unwrap();
        self.place.env().into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    /// As a deed goes to its own process and comes back.
    fn done(&self, deed: &Deed) -> Done {
        let deed = serde_json::from_str(&serde_json::to_string(deed).unwrap()).unwrap();
        let done = carry_out(deed, &self.vars());
        serde_json::from_str(&serde_json::to_string(&done).unwrap()).unwrap()
    }

    fn prepare(&mut self) -> Result<Env, String> {
        let done = self.done(&prepare_deed(&self.run, &self.home).unwrap());
        let Done::Prepared { env } = done else { return Err(format!("{done:?}")) };
        self.run.env = EnvState::Held(env.clone());
        Ok(env)
    }

    fn env(&self) -> &Env {
        self.run.env().unwrap()
    }

    fn tree(&self) -> Repo<'_> {
        self.place.at(&self.env().worktree)
    }

    fn author(&self) -> Repo<'_> {
        self.place.at("author")
    }

    fn asked(&self) -> Result<Vec<String>, String> {
        let deed = reviewed_deed(&self.run, &self.home, &self.head, Some("skep/work"))?;
        let Done::Reviewed { touched } = self.done(&deed) else { panic!("{deed:?}") };
        touched
    }

    #[track_caller]
    fn touched(&self) -> Vec<String> {
        self.asked().unwrap()
    }

    /// Refs of the repository that people and other runs see.
    fn refs(&self) -> String {
        self.place.at("r").git(&["for-each-ref"])
    }

    fn close(&mut self, how: How) -> OpResult {
        let snapshot = self.run.next_snapshot();
        let deed = close_deed(&self.run, &self.home, how, &snapshot, Timestamp(1)).unwrap();
        let Done::Op { result } = self.done(&deed) else { panic!("{deed:?}") };
        if matches!(result, OpResult::Closed { .. }) {
            self.run.env = EnvState::Closed(self.env().clone());
        }
        result
    }
}

/// What an author has: its branch, its tree, what stands in it.
fn standing(yard: &Yard) -> (String, String, String, String) {
    let author = yard.author();
    (author.head(), author.status(), author.read("src/code"), yard.refs())
}

#[test]
fn a_reviewers_env_has_no_branch_and_no_target_and_nothing_is_touched_in_it() {
    let yard = Yard::made();
    let env = yard.env();
    assert_eq!((&env.branch, &env.target), (&None, &None));
    assert_eq!(env.base, Some(Base { branch: String::new(), oid: yard.head.clone() }));
    assert_eq!(yard.tree().read(".env"), "A=1");
    assert_eq!(yard.touched(), Vec::<String>::new());
    // Builds are no changes.
    yard.tree().write("target/debug/x", "1");
    assert_eq!(yard.touched(), Vec::<String>::new());
}

#[test]
fn a_reviewer_that_edits_commits_branches_or_deletes_changes_nothing_of_the_author_and_is_named() {
    type Deed = fn(&Repo<'_>);
    let deeds: [(Deed, &[&str]); 12] = [
        (|tree| tree.write("src/code", "mine\n"), &["src/code"]),
        (|tree| tree.write("notes/review.md", "mine\n"), &["notes/review.md"]),
        (|tree| fs::remove_file(tree.path().join("src/code")).unwrap(), &["src/code"]),
        (|tree| drop(tree.commit_file("mine", "1")), &["HEAD moved"]),
        (|tree| drop(tree.git(&["commit", "--quiet", "--amend", "-m", "x"])), &["HEAD moved"]),
        (
            |tree| drop(tree.git(&["checkout", "--quiet", "-b", "mine"])),
            &["HEAD is on branch mine"],
        ),
        (|tree| drop(tree.git(&["checkout", "--quiet", "HEAD~1"])), &["HEAD moved"]),
        (|tree| drop(tree.git(&["rm", "--quiet", "--cached", "src/code"])), &["src/code"]),
        (
            |tree| {
                tree.git(&["update-index", "--assume-unchanged", "src/code"]);
                tree.write("src/code", "hidden\n");
            },
            &["src/code"],
        ),
        (
            |tree| {
                drop(tree.try_git(&["rebase", "--exec", "false", "HEAD~1"]));
            },
            &["a rebase under way"],
        ),
        (
            |tree| {
                fs::remove_file(tree.path().join(".git")).unwrap();
                tree.git(&["init", "--quiet"]);
            },
            &[".git"],
        ),
        (|tree| symlink("/etc/passwd", tree.path().join("way")).unwrap(), &["way"]),
    ];
    for (nth, (deed, named)) in deeds.into_iter().enumerate() {
        let yard = Yard::made();
        let before = standing(&yard);
        deed(&yard.tree());
        let touched = yard.touched();
        for name in named {
            assert!(touched.iter().any(|one| one == name), "{nth}: {name} in {touched:?}");
        }
        let after = standing(&yard);
        assert_eq!((&after.0, &after.1, &after.2), (&before.0, &before.1, &before.2), "{nth}");
        assert_eq!(yard.place.at("r").oid("skep/work"), yard.head, "{nth}");
    }
}

#[test]
fn a_reviewer_that_moves_or_deletes_the_authors_branch_is_seen() {
    let yard = Yard::made();
    let main = yard.place.at("r").oid("main");
    yard.tree().git(&["update-ref", "refs/heads/skep/work", &main]);
    assert_eq!(yard.touched(), ["branch skep/work moved"]);
    yard.tree().git(&["update-ref", "refs/heads/skep/work", &yard.head]);
    assert_eq!(yard.touched(), Vec::<String>::new());
    yard.author().git(&["checkout", "--quiet", "--detach"]);
    yard.tree().git(&["branch", "--quiet", "-f", "skep/work", "main"]);
    assert_eq!(yard.touched(), ["branch skep/work moved"]);
    yard.tree().git(&["branch", "--quiet", "-D", "skep/work"]);
    assert_eq!(yard.touched(), ["branch skep/work is gone"]);
}

#[test]
fn what_the_set_up_left_is_not_the_reviewers_until_it_changes_that_too() {
    let mut yard = Yard::new();
    yard.prepare().unwrap();
    // As a set-up does it: between the checkout and the first word to the agent.
    yard.tree().write("src/code", "generated\n");
    yard.tree().write("generated/list", "1\n");
    yard.tree().write("generated/other", "1\n");
    fs::remove_file(before_of(&yard.run, &yard.home)).unwrap();
    yard.prepare().unwrap();
    assert_eq!(yard.touched(), Vec::<String>::new());
    // A further attempt does not take what came since for the set-up's.
    yard.tree().write("mine", "1\n");
    yard.prepare().unwrap();
    assert_eq!(yard.touched(), ["mine"]);
    yard.tree().write("generated/list", "2\n");
    yard.tree().git(&["checkout", "--quiet", "src/code"]);
    fs::remove_file(yard.tree().path().join("generated/other")).unwrap();
    assert_eq!(yard.touched(), ["generated/list", "generated/other", "mine", "src/code"]);
}

#[test]
fn names_are_data_and_the_list_of_them_has_an_end() {
    let yard = Yard::made();
    yard.tree().write("\u{1b}[2J\nrm -rf", "1");
    yard.tree().write(format!("{}/x", "long/".repeat(100)), "1");
    let touched = yard.touched();
    assert_eq!(touched.len(), 2);
    let odd = |name: &String| name.contains(['\u{1b}', '\n']) || name.chars().count() > LONGEST + 1;
    assert!(!touched.iter().any(odd), "{touched:?}");
    for n in 0..200 {
        yard.tree().write(format!("many/{n:03}"), "1");
    }
    let touched = yard.touched();
    assert_eq!((touched.len(), touched.last().unwrap().as_str()), (NAMED + 1, "and 152 more"));
}

#[test]
fn what_cannot_be_found_out_is_no_nothing() {
    let yard = Yard::made();
    let before = before_of(&yard.run, &yard.home);
    let kept = fs::read(&before).unwrap();
    fs::remove_file(&before).unwrap();
    assert!(yard.asked().unwrap_err().contains("at first"));
    paths::write_atomically(&before, b"{\"version\":2,\"files\":{}}").unwrap();
    assert!(yard.asked().unwrap_err().contains("version 2"));
    paths::write_atomically(&before, &kept).unwrap();
    let held = lock::hold_within(&lock_file(yard.env()), ENV).unwrap();
    assert!(yard.asked().is_err(), "somebody works there");
    drop(held);
    assert_eq!(yard.touched(), Vec::<String>::new());
    fs::remove_dir_all(yard.tree().path()).unwrap();
    assert!(yard.asked().is_err());
}

#[test]
fn only_a_run_that_was_begun_on_the_commit_is_asked() {
    let mut yard = Yard::made();
    let ask = |yard: &Yard, head: &str| reviewed_deed(&yard.run, &yard.home, head, None);
    assert!(ask(&yard, &"0".repeat(40)).unwrap_err().contains("was not begun"));
    yard.run.env = EnvState::Closed(yard.env().clone());
    assert!(ask(&yard, &yard.head).unwrap_err().contains("env"));
}

#[test]
fn a_reviewers_env_that_nothing_was_done_in_goes_by_force_without_a_snapshot() {
    for how in [How::Smart, How::Force, How::KeepBranch, How::Aged] {
        let mut yard = Yard::made();
        let refs = yard.refs();
        let closed = yard.close(how);
        let OpResult::Closed { kept_branch, trash, snapshot, unsettled, .. } = &closed else {
            panic!("{how:?}: {closed:?}")
        };
        assert_eq!((kept_branch, trash, *unsettled), (&None, &None, false), "{how:?}");
        assert!(snapshot.is_none(), "{how:?}");
        assert!(!Path::new(&yard.env().root).exists() && yard.refs() == refs, "{how:?}");
        let listed = yard.place.at("r").git(&["worktree", "list"]);
        assert_eq!(listed.lines().count(), 2, "{how:?}: {listed}");
        // It can be had again, by another attempt.
        yard.run.env = EnvState::None;
        yard.prepare().unwrap();
        assert_eq!(yard.touched(), Vec::<String>::new(), "{how:?}");
    }
}

#[test]
fn what_a_reviewer_did_keeps_its_env_and_goes_by_force_into_a_snapshot_that_comes_back() {
    let mut yard = Yard::made();
    let mine = yard.tree().commit_file("mine", "committed\n");
    yard.tree().write("src/code", "edited\n");
    let refused = yard.close(How::Smart);
    let OpResult::Refused { slug, text, .. } = &refused else { panic!("{refused:?}") };
    assert_eq!(slug, "worktree-dirty");
    assert!(text.contains("src/code") && text.contains("1 commit on no branch"), "{text}");
    let closed = yard.close(How::Force);
    assert!(matches!(closed, OpResult::Closed { unsettled: true, .. }), "{closed:?}");
    let id = yard.run.next_snapshot();
    let deed = settle_deed(&yard.run, &yard.home, &id, Timestamp(2)).unwrap();
    let Done::Settled { taken: Ok(taken) } = yard.done(&deed) else { panic!("it is not settled") };
    assert_eq!(taken.head.as_deref(), Some(mine.as_str()));
    yard.place.at("r").git(&["reflog", "expire", "--expire=now", "--all"]);
    yard.place.at("r").git(&["gc", "--quiet", "--prune=now"]);
    yard.run.snapshots.insert(id.clone(), *taken);
    yard.run.env = EnvState::Restoring {
        env: yard.env().clone(),
        was_closed: true,
        op: "op_0000000001".parse().unwrap(),
        undoes: None,
    };
    let before: skep_core::id::SnapshotId = "snap_0000000009".parse().unwrap();
    let deed = restore_deed(&yard.run, &yard.home, &id, &before, Timestamp(3)).unwrap();
    let Done::Op { result: OpResult::Restored { env, .. } } = yard.done(&deed) else {
        panic!("it is not back")
    };
    assert_eq!(env.branch, None);
    yard.run.env = EnvState::Held(*env);
    assert_eq!((yard.tree().head(), yard.tree().read("src/code")), (mine, "edited\n".into()));
    assert_eq!(yard.touched(), ["HEAD moved", "src/code"]);
    assert_eq!(standing(&yard).0, yard.head);
}

#[test]
fn at_the_end_of_a_turn_only_what_a_reviewer_changed_is_kept() {
    let mut yard = Yard::made();
    let snapped = |yard: &Yard, n: u32, why| {
        let id: skep_core::id::SnapshotId = format!("snap_000000000{n}").parse().unwrap();
        let deed = snapshot_deed(&yard.run, &yard.home, &id, why, Timestamp(1)).unwrap();
        let Done::Snapped { taken } = yard.done(&deed) else { panic!("{deed:?}") };
        taken.unwrap().map(|taken| (id, *taken))
    };
    assert!(snapped(&yard, 1, Why::End).is_none());
    assert!(snapped(&yard, 2, Why::Asked).is_some(), "who asks has one");
    yard.tree().write("mine", "1");
    let (id, taken) = snapped(&yard, 3, Why::End).unwrap();
    yard.run.snapshots.insert(id, taken);
    // What was there and is gone again is another state than the last one.
    fs::remove_file(yard.tree().path().join("mine")).unwrap();
    assert!(snapped(&yard, 4, Why::End).is_some());
}

#[test]
fn a_reviewers_preparation_is_taken_back_without_a_trace() {
    let mut yard = Yard::new();
    let refs = yard.refs();
    yard.prepare().unwrap();
    yard.run.env = EnvState::Preparing;
    let Done::Undone { text } = yard.done(&undo_deed(&yard.run, &yard.home)) else { panic!() };
    assert_eq!(text, None);
    assert_eq!(yard.refs(), refs);
    assert_eq!(fs::read_dir(yard.home.envs()).unwrap().count(), 0);
}

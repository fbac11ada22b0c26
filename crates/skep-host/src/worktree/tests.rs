use skep_testkit::{Place, Repo};

use super::*;

mod packed;
mod revert;

struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        place.repo("r").commit_file("file", "one\n");
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn repo(&self) -> Repo<'_> {
        self.place.at("r")
    }

    fn found(&self) -> Repository {
        git::discover(&self.git(), self.repo().path()).unwrap()
    }

    fn locks(&self) -> PathBuf {
        self.place.root().join("locks")
    }

    fn branch(&self, name: &str) -> Branch {
        Branch::new(name, &self.repo().oid("main"), "skep: env test")
    }

    /// Deletes it, adding what is recorded before.
    fn delete(&self, branch: &Branch, recorded: &mut Vec<Branch>) -> Deleted {
        let record = |leaving| {
            recorded.push(leaving);
            Ok::<_, GitError>(())
        };
        delete_branch(&self.git(), &self.found(), &self.locks(), branch, record).unwrap()
    }

    fn create(&self, name: &str) -> bool {
        create_branch(&self.git(), &self.found(), &self.locks(), &self.branch(name)).unwrap()
    }

    fn add(&self, branch: &str, dir: &str) -> PathBuf {
        let path = self.place.root().join(dir);
        register(&self.git(), &self.found(), &self.locks(), &path, branch, "skep env test")
            .unwrap();
        checkout(&self.git(), &path).unwrap();
        path
    }

    /// Commits `text` to `file` on a branch of its own in a linked worktree, and returns the commit.
    fn work(&self, branch: &str, file: &str, text: &str) -> String {
        assert!(self.create(branch));
        let path = self.add(branch, branch);
        self.place.at(path).commit_file(file, text)
    }

    fn land(&self, new: &str) -> Landing {
        let expected = self.repo().oid("main");
        land(
            &self.git(),
            &self.found(),
            &self.locks(),
            &Land { target: "main".to_owned(), expected, new: new.to_owned() },
        )
        .unwrap()
    }
}

#[test]
fn a_worktree_has_the_files_of_its_branch_and_tracks_nothing() {
    let yard = Yard::new();
    assert!(yard.create("skep/x"));
    let path = yard.add("skep/x", "w t");
    let tree = yard.place.at(&path);
    assert_eq!((tree.read("file").as_str(), tree.status().as_str()), ("one\n", ""));
    assert_eq!(tree.git(&["symbolic-ref", "--short", "HEAD"]), "skep/x");
    assert!(!tree.try_git(&["config", "branch.skep/x.merge"]).status.success());
    let listed = list(&yard.git(), &yard.found()).unwrap();
    assert_eq!(listed[1].path, path);
    assert_eq!(
        (listed[1].branch.as_deref(), listed[1].locked.as_deref()),
        (Some("skep/x"), Some("skep env test"))
    );
}

#[test]
fn a_branch_that_is_there_is_neither_made_nor_moved() {
    let yard = Yard::new();
    yard.repo().git(&["branch", "skep/x"]);
    let before = yard.repo().oid("skep/x");
    yard.repo().commit_file("file", "two\n");
    assert!(!yard.create("skep/x"));
    assert_eq!(yard.repo().oid("skep/x"), before);
}

#[test]
fn a_branch_is_deleted_only_where_it_began_and_only_if_it_is_ours() {
    let yard = Yard::new();
    let delete = |branch: &Branch| yard.delete(branch, &mut Vec::new());
    let mine = yard.branch("mine");
    assert!(yard.create("mine"));
    assert_eq!((delete(&mine), delete(&mine)), (Deleted::Yes, Deleted::Absent));
    yard.repo().git(&["branch", "theirs"]);
    assert_eq!(delete(&yard.branch("theirs")), Deleted::NotOurs);
    assert!(yard.create("moved"));
    let moved = yard.branch("moved");
    yard.repo().git(&["checkout", "--quiet", "moved"]);
    yard.repo().commit_file("file", "two\n");
    assert_eq!(delete(&moved), Deleted::NotOurs);
    assert_eq!(yard.repo().branches(), ["main", "moved", "theirs"]);
}

#[test]
fn a_deletion_that_was_killed_when_the_reflog_was_gone_is_finished_by_its_record() {
    let yard = Yard::new();
    assert!(yard.create("mine"));
    let mut recorded = Vec::new();
    let mine = yard.branch("mine");
    fs::remove_file(yard.repo().path().join(".git/logs/refs/heads/mine")).unwrap();
    assert_eq!(yard.delete(&mine, &mut recorded), Deleted::NotOurs);
    assert_eq!(recorded, [], "nothing begins where it is not ours");
    let leaving = Branch { leaving: true, ..mine };
    assert_eq!(yard.delete(&leaving, &mut recorded), Deleted::Yes);
    yard.repo().git(&["branch", "theirs"]);
    let theirs = Branch { leaving: true, ..yard.branch("theirs") };
    assert_eq!(yard.delete(&theirs, &mut recorded), Deleted::NotOurs, "another's reflog counts");
    assert!(yard.create("whole"));
    assert_eq!(yard.delete(&yard.branch("whole"), &mut recorded), Deleted::Yes);
    assert_eq!(recorded, [Branch { leaving: true, ..yard.branch("whole") }]);
    assert_eq!(yard.repo().branches(), ["main", "theirs"]);
}

#[test]
fn a_registration_whose_folder_is_gone_gives_way_and_others_stay() {
    let yard = Yard::new();
    assert!(yard.create("skep/x") && yard.create("skep/y"));
    let (gone, unplugged) = (yard.add("skep/x", "w"), yard.add("skep/y", "unplugged"));
    fs::remove_dir_all(&gone).unwrap();
    fs::remove_dir_all(&unplugged).unwrap();
    yard.add("skep/x", "w");
    let listed = list(&yard.git(), &yard.found()).unwrap();
    assert_eq!(
        listed.iter().map(|known| known.path.clone()).collect::<Vec<_>>(),
        [yard.repo().path().to_owned(), unplugged, gone]
    );
}

#[test]
fn removing_a_worktree_twice_is_removing_it_once_and_keeps_the_branch() {
    let yard = Yard::new();
    assert!(yard.create("skep/x"));
    let path = yard.add("skep/x", "w");
    for _ in 0..2 {
        remove(&yard.git(), &yard.found(), &yard.locks(), &path, "skep env test").unwrap();
        assert!(!path.exists());
        assert_eq!(list(&yard.git(), &yard.found()).unwrap().len(), 1);
    }
    assert_eq!(yard.repo().branches(), ["main", "skep/x"]);
}

#[test]
fn what_a_killed_add_left_of_a_registration_is_removed_and_that_of_others_is_not() {
    let yard = Yard::new();
    yard.repo().write(".git/worktrees/torn/locked", "skep env test");
    yard.repo().write(".git/worktrees/other/locked", "somebody else's");
    let path = yard.place.root().join("w");
    remove(&yard.git(), &yard.found(), &yard.locks(), &path, "skep env test").unwrap();
    let left = |name: &str| yard.repo().path().join(".git/worktrees").join(name).exists();
    assert!(!left("torn") && left("other"));
}

#[test]
fn thirty_worktrees_made_at_once_all_succeed() {
    let yard = Yard::new();
    let bare = yard.place.bare("origin.git");
    yard.repo().git(&["remote", "add", "origin", bare.path().to_str().unwrap()]);
    yard.repo().git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
    std::thread::scope(|scope| {
        for n in 0..30 {
            let yard = &yard;
            scope.spawn(move || {
                assert!(yard.create(&format!("skep/{n}")));
                yard.add(&format!("skep/{n}"), &format!("w{n}"));
            });
        }
    });
    assert_eq!(list(&yard.git(), &yard.found()).unwrap().len(), 31);
    for n in 0..30 {
        assert_eq!(yard.place.at(format!("w{n}")).status(), "");
    }
    yard.repo().git(&["fsck", "--no-dangling"]);
}

#[test]
fn a_landing_moves_the_checkout_of_the_target_along() {
    let yard = Yard::new();
    let new = yard.work("skep/x", "new", "1\n");
    yard.repo().write("untouched", "mine");
    let from = yard.repo().head();
    let checkout = Some(yard.repo().path().to_owned());
    assert_eq!(yard.land(&new), Landing::Landed { from, to: new.clone(), checkout });
    assert_eq!((yard.repo().head(), yard.repo().read("new").as_str()), (new.clone(), "1\n"));
    assert_eq!(yard.repo().status(), "?? untouched");
    let then = yard.repo().try_git(&["commit", "--all", "--quiet", "--message", "mine"]);
    assert!(!then.status.success(), "there is nothing to commit");
    assert_eq!(yard.land(&new), Landing::Already { at: new });
}

#[test]
fn what_the_user_has_changed_elsewhere_does_not_keep_a_landing_out_and_stays() {
    let yard = Yard::new();
    let new = yard.work("skep/x", "new", "1\n");
    yard.repo().write("file", "mine\n");
    yard.repo().write("README", "staged\n");
    yard.repo().git(&["add", "README"]);
    assert!(matches!(yard.land(&new), Landing::Landed { .. }));
    assert_eq!(yard.repo().status(), "M  README\n M file");
    yard.repo().git(&["commit", "--all", "--quiet", "--message", "mine"]);
    assert_eq!(yard.repo().git(&["diff", "--name-only", &new, "HEAD"]), "README\nfile");
}

#[test]
fn a_touched_file_with_changes_keeps_a_landing_out_and_is_named() {
    type Mess = fn(&Repo<'_>);
    let messes: [(&str, Mess, &str); 6] = [
        ("changed", |repo| repo.write("file", "mine\n"), "file"),
        (
            "staged",
            |repo| {
                repo.write("file", "mine\n");
                repo.git(&["add", "file"]);
            },
            "file",
        ),
        ("untracked", |repo| repo.write("dir/new", "mine\n"), "dir/new"),
        (
            "ignored",
            |repo| {
                repo.write(".git/info/exclude", "dir\n");
                repo.write("dir/new", "mine\n");
            },
            "dir/new",
        ),
        ("a file for a folder", |repo| repo.write("dir", "mine\n"), "dir"),
        (
            "unwatched",
            |repo| {
                repo.git(&["update-index", "--assume-unchanged", "file"]);
                repo.write("file", "mine\n");
            },
            "file",
        ),
    ];
    for (what, mess, named) in messes {
        let yard = Yard::new();
        yard.work("skep/x", "file", "two\n");
        let new = yard.place.at("skep/x").commit_file("dir/new", "1\n");
        mess(&yard.repo());
        let (head, status) = (yard.repo().head(), yard.repo().status());
        let Landing::Refused(refusal @ Refusal::TargetDirty { .. }) = yard.land(&new) else {
            panic!("{what}: landed")
        };
        assert_eq!(refusal.slug(), "target-dirty");
        let Refusal::TargetDirty { files, .. } = refusal else { panic!("{what}") };
        assert!(files.contains(&PathBuf::from(named)), "{what}: {files:?}");
        assert_eq!((yard.repo().head(), yard.repo().status()), (head, status), "{what}");
    }
}

#[test]
fn a_landing_that_was_killed_after_the_files_and_before_the_branch_is_ended() {
    let yard = Yard::new();
    let new = yard.work("skep/x", "file", "two\n");
    yard.repo().git(&["read-tree", "-m", "-u", "HEAD", &new]);
    assert_eq!(yard.repo().status(), "M  file");
    assert!(matches!(yard.land(&new), Landing::Landed { .. }));
    assert_eq!((yard.repo().head(), yard.repo().status()), (new, String::new()));
}

#[test]
fn a_target_that_went_on_is_refused_with_its_place() {
    let yard = Yard::new();
    let new = yard.work("skep/x", "new", "1\n");
    let expected = yard.repo().head();
    let at = yard.repo().commit_file("file", "two\n");
    assert_eq!(yard.land(&new), Landing::Refused(Refusal::NotFastForward { at: at.clone() }));
    let wish = Land { target: "main".to_owned(), expected, new };
    let refused = land(&yard.git(), &yard.found(), &yard.locks(), &wish).unwrap();
    assert_eq!(refused, Landing::Refused(Refusal::TargetMoved { at }));
}

#[test]
fn a_target_that_is_checked_out_nowhere_moves_by_itself() {
    let yard = Yard::new();
    let new = yard.work("skep/x", "new", "1\n");
    let from = yard.repo().head();
    yard.repo().git(&["checkout", "--quiet", "--detach"]);
    let expected = from.clone();
    assert_eq!(yard.land(&new), Landing::Landed { from, to: new.clone(), checkout: None });
    assert_eq!((yard.repo().oid("main"), yard.repo().head()), (new, expected));
    assert_eq!(yard.repo().status(), "");
}

#[test]
fn a_bare_repository_takes_a_landing() {
    let yard = Yard::new();
    yard.repo().git(&["clone", "--quiet", "--bare", ".", "../b.git"]);
    let new = yard.work("skep/x", "new", "1\n");
    yard.repo().git(&["push", "--quiet", "../b.git", "skep/x"]);
    let found = git::discover(&yard.git(), &yard.place.root().join("b.git")).unwrap();
    let wish = Land { target: "main".to_owned(), expected: yard.repo().head(), new: new.clone() };
    assert!(matches!(
        land(&yard.git(), &found, &yard.locks(), &wish).unwrap(),
        Landing::Landed { checkout: None, .. }
    ));
    assert_eq!(yard.place.at("b.git").oid("main"), new);
}

#[test]
fn a_target_in_another_worktree_moves_there() {
    let yard = Yard::new();
    let new = yard.work("skep/x", "new", "1\n");
    yard.repo().git(&["checkout", "--quiet", "-b", "elsewhere"]);
    yard.repo().git(&["worktree", "add", "--quiet", "../home-of-main", "main"]);
    assert!(
        matches!(yard.land(&new), Landing::Landed { checkout: Some(path), .. } if path.ends_with("home-of-main"))
    );
    assert_eq!(yard.place.at("home-of-main").read("new"), "1\n");
    assert_eq!(
        (yard.place.at("home-of-main").status(), yard.repo().status()),
        (String::new(), String::new())
    );
}

#[test]
fn a_target_that_is_being_rebased_merged_or_is_out_of_reach_is_left_alone() {
    let yard = Yard::new();
    let new = yard.work("skep/x", "new", "1\n");
    yard.repo().write(".git/MERGE_HEAD", &format!("{new}\n"));
    assert!(
        matches!(yard.land(&new), Landing::Refused(Refusal::TargetBusy { why, .. }) if why.contains("merge"))
    );
    fs::remove_file(yard.repo().path().join(".git/MERGE_HEAD")).unwrap();
    yard.repo().git(&["checkout", "--quiet", "--detach"]);
    yard.repo().write(".git/rebase-merge/head-name", "refs/heads/main\n");
    assert!(
        matches!(yard.land(&new), Landing::Refused(Refusal::TargetBusy { why, .. }) if why.contains("rebased"))
    );
    fs::remove_dir_all(yard.repo().path().join(".git/rebase-merge")).unwrap();
    yard.repo().git(&["worktree", "add", "--quiet", "../away", "main"]);
    fs::remove_dir_all(yard.place.root().join("away")).unwrap();
    assert!(
        matches!(yard.land(&new), Landing::Refused(Refusal::TargetBusy { why, .. }) if why.contains("gone"))
    );
}

#[test]
fn an_index_lock_of_somebody_else_is_named_and_left() {
    let yard = Yard::new();
    let new = yard.work("skep/x", "new", "1\n");
    yard.repo().write(".git/index.lock", "");
    let wish = Land { target: "main".to_owned(), expected: yard.repo().head(), new };
    let error = land(&yard.git(), &yard.found(), &yard.locks(), &wish).unwrap_err();
    assert!(
        matches!(&error, GitError::Locked { lock } if lock.ends_with(".git/index.lock")),
        "{error}"
    );
    assert!(yard.repo().path().join(".git/index.lock").exists());
}

#[test]
fn a_submodule_that_the_checkout_would_not_follow_keeps_a_landing_out() {
    let yard = Yard::new();
    let lib = yard.place.repo("lib");
    yard.repo().git(&["submodule", "--quiet", "add", "../lib", "dep"]);
    yard.repo().commit("with a submodule");
    let next = lib.commit_file("x", "2");
    assert!(yard.create("skep/x"));
    let tree = yard.place.at(yard.add("skep/x", "w"));
    tree.git(&["update-index", "--cacheinfo", &format!("160000,{next},dep")]);
    tree.git(&["commit", "--quiet", "--message", "move the submodule"]);
    assert!(
        matches!(yard.land(&tree.head()), Landing::Refused(Refusal::Submodules { files, .. }) if files == [PathBuf::from("dep")])
    );
}

#[test]
fn what_is_to_land_must_be_a_commit_and_the_target_a_branch() {
    let yard = Yard::new();
    let wish = |target: &str, new: &str| Land {
        target: target.to_owned(),
        expected: yard.repo().head(),
        new: new.to_owned(),
    };
    let land = |wish: &Land| land(&yard.git(), &yard.found(), &yard.locks(), wish);
    assert!(matches!(land(&wish("main", "--all")), Err(GitError::NoSuchRef { .. })));
    assert!(matches!(land(&wish("main", &"1".repeat(40))), Err(GitError::NoSuchRef { .. })));
    for target in ["gone", "../main", "-x", ""] {
        assert_eq!(
            land(&wish(target, &yard.repo().head())).unwrap(),
            Landing::Refused(Refusal::TargetMissing),
            "{target}"
        );
    }
}

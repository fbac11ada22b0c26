use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

#[test]
fn a_change_follows_its_file_and_its_folder_to_another_name() {
    let yard = Yard::new();
    let long: String = (0..40).map(|n| format!("line {n}\n")).collect();
    for file in ["dir/one", "dir/two", "old"] {
        yard.repo().commit_file(file, &format!("{file}\n{long}"));
    }
    let changed = format!("old\n{long}the end\n");
    let head = yard.work("w", "main", &[("old", &changed)]);
    let new = yard.work("new", "main", &[("dir/three", "3\n")]);
    yard.repo().git(&["mv", "old", "new"]);
    yard.repo().git(&["mv", "dir", "moved"]);
    yard.repo().commit("rename");
    for how in [How::Merge, How::Squash, How::Rebase] {
        let trial = yard.trial(how, &[&head]);
        assert_eq!(yard.file(&trial.commit, "new"), changed.trim_end(), "{how:?}");
        // Whether a new file goes along with its folder is for a person to say.
        let left = &yard.conflicts(how, &[&new])[0];
        assert_eq!(left.files, paths(&["moved/three"]));
        assert_eq!(
            left.text,
            "CONFLICT (file location): dir/three added in a work inside a directory that was renamed in main, suggesting it should perhaps be moved to moved/three."
        );
    }
}

#[test]
fn a_file_against_a_folder_is_told_by_its_own_name() {
    let yard = Yard::new();
    let folder = yard.work("folder", "main", &[("place/inside", "1\n")]);
    let file = yard.work("file", "main", &[("place", "2\n")]);
    for how in [How::Merge, How::Squash, How::Rebase] {
        for pair in [[&folder, &file], [&file, &folder]] {
            let trial = yard.trial(how, &[pair[0], pair[1]]);
            assert_eq!(trial.taken, [0]);
            assert_eq!(trial.left[0].files, paths(&["place"]), "{how:?}: {:?}", trial.left);
        }
    }
}

#[test]
fn links_and_modes_are_merged_as_what_they_are() {
    let yard = Yard::new();
    symlink("file", yard.repo().path().join("link")).unwrap();
    yard.repo().commit("link");
    let other = |name: &str, to: &str| {
        yard.repo().git(&["checkout", "--quiet", "-b", name, "main"]);
        fs::remove_file(yard.repo().path().join("link")).unwrap();
        symlink(to, yard.repo().path().join("link")).unwrap();
        fs::set_permissions(yard.repo().path().join("file"), fs::Permissions::from_mode(0o755))
            .unwrap();
        let head = yard.repo().commit(name);
        yard.repo().git(&["checkout", "--quiet", "main"]);
        head
    };
    let (one, two) = (other("one", "1"), other("two", "../../etc/passwd"));
    let trial = yard.trial(How::Merge, &[&one, &two]);
    assert_eq!((trial.taken, trial.left[0].files.clone()), (vec![0], paths(&["link"])));
    let tree = yard.repo().git(&["ls-tree", &trial.tree, "link", "file"]);
    assert!(tree.contains("100755 blob") && tree.contains("120000 blob"), "{tree}");
}

#[test]
fn a_name_that_is_not_text_is_told_and_written_down() {
    let yard = Yard::new();
    let name = os(b"f\xff\tx\n~y");
    let base = yard.repo().path().join(&name);
    fs::write_at(&base, "0");
    yard.repo().commit("odd");
    let change = |branch: &str, text: &str| {
        yard.repo().git(&["checkout", "--quiet", "-b", branch, "main"]);
        fs::write_at(&base, text);
        let head = yard.repo().commit(branch);
        yard.repo().git(&["checkout", "--quiet", "main"]);
        head
    };
    let (one, two) = (change("one", "1"), change("two", "2"));
    let trial = yard.trial(How::Merge, &[&one, &two]);
    assert_eq!(trial.left[0].files, [name]);
    let written = serde_json::to_string(&Combined::Trial(trial.clone())).unwrap();
    let Combined::Trial(read) = serde_json::from_str(&written).unwrap() else { panic!() };
    assert_eq!(read.left[0].files, [PathBuf::from("f\u{fffd}\tx\n~y")]);
    assert_eq!(read.commit, trial.commit);
    let wish = yard.wish(&trial, &yard.claim("one", 1));
    fs::write_at(&base, "uncommitted");
    let brought = yard.bring(&wish);
    assert!(matches!(brought, Brought::Refused(Refusal::TargetDirty { .. })), "{brought:?}");
    assert!(serde_json::to_string(&brought).unwrap().contains("f\u{fffd}"));
}

#[test]
fn a_submodule_moves_with_one_side_and_conflicts_where_both_moved_it() {
    let yard = Yard::new();
    let lib = yard.place.repo("lib");
    yard.repo().git(&["submodule", "--quiet", "add", "../lib", "dep"]);
    yard.repo().commit("with a submodule");
    let next = lib.commit_file("x", "2");
    let moved = |branch: &str, to: &str| {
        yard.repo().git(&["update-index", "--cacheinfo", &format!("160000,{to},dep")]);
        let tree = yard.repo().git(&["write-tree"]);
        yard.repo().git(&["reset", "--quiet"]);
        yard.feed(&["commit-tree", "-p", "main", "-m", branch, &tree], b"")
    };
    let (one, two) = (moved("one", &next), moved("two", &lib.commit_file("x", "3")));
    let trial = yard.trial(How::Merge, &[&one, &two]);
    assert_eq!((trial.taken.clone(), trial.left[0].files.clone()), (vec![0], paths(&["dep"])));
    assert!(yard.repo().git(&["ls-tree", &trial.tree, "dep"]).contains(&next));
}

#[test]
fn a_linked_worktree_a_bare_repository_and_the_checkout_give_the_same_commit() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("new", "1")]);
    yard.repo().commit_file("here", "0");
    yard.repo().git(&["worktree", "add", "--quiet", "../linked", "w"]);
    yard.repo().git(&["clone", "--quiet", "--bare", ".", "../b.git"]);
    for how in [How::Merge, How::Squash, How::Rebase] {
        let all = ["r", "r/.git", "linked", "b.git"].map(|place| {
            let found = git::discover(&yard.git(), &yard.place.root().join(place)).unwrap();
            combine(&yard.git(), &found, &yard.ask(how, &[&head])).unwrap()
        });
        assert!(all.iter().all(|one| *one == all[0]), "{how:?}: {all:?}");
    }
}

#[test]
fn another_object_that_stands_in_for_a_commit_does_not_come_in() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("new", "1")]);
    yard.repo().commit_file("here", "0");
    let honest = [How::Merge, How::Squash, How::Rebase].map(|how| yard.trial(how, &[&head]));
    let other = yard.work("other", "w", &[("new", "something else")]);
    yard.repo().git(&["replace", &head, &other]);
    yard.repo().git(&["replace", &yard.repo().oid("main"), &yard.repo().oid("main~1")]);
    for (how, honest) in [How::Merge, How::Squash, How::Rebase].into_iter().zip(honest) {
        assert_eq!(yard.trial(how, &[&head]), honest, "{how:?}");
    }
}

#[test]
fn histories_that_cross_have_a_base_that_is_merged_too() {
    let yard = Yard::new();
    yard.work("one", "main", &[("file", "1\nb\nc\nd\ne\n")]);
    yard.work("two", "main", &[("file", "a\nb\nc\nd\n5\n")]);
    let cross = |name: &str, from: &str, with: &str| {
        yard.repo().git(&["checkout", "--quiet", "-b", name, from]);
        yard.repo().git(&["merge", "--quiet", "--no-edit", with]);
        let head = yard.repo().commit_file(name, "x");
        yard.repo().git(&["checkout", "--quiet", "main"]);
        head
    };
    let (left, right) = (cross("left", "one", "two"), cross("right", "two", "one"));
    let ask = Ask { onto: Some(left), ..yard.ask(How::Merge, &[&right]) };
    let Combined::Trial(trial) = yard.combine(&ask) else { panic!() };
    assert_eq!(yard.file(&trial.commit, "file"), "1\nb\nc\nd\n5");
}

#[test]
fn a_repository_with_longer_object_names_is_the_same() {
    let place = Place::new();
    place.empty("r");
    fs::remove_dir_all(place.root().join("r/.git")).unwrap();
    place.at("r").git(&["init", "--quiet", "--object-format=sha256"]);
    place.at("r").commit_file("file", "a\n");
    let yard = Yard { place };
    let head = yard.work("w", "main", &[("new", "1")]);
    yard.repo().commit_file("here", "0");
    for how in [How::Merge, How::Squash, How::Rebase] {
        let trial = yard.trial(how, &[&head]);
        assert_eq!(trial.commit.len(), 64);
        let claim = yard.claim("lander", 100);
        assert!(matches!(yard.bring(&yard.wish(&trial, &claim)), Brought::Landed { .. }));
        attest(&yard.git(), &yard.found(), &trial.commit, "proven", AT).unwrap();
        yard.repo().git(&["reset", "--quiet", "--hard", &trial.onto]);
    }
}

#[test]
fn signed_commits_are_signed_by_what_the_user_has_for_that() {
    let yard = Yard::new();
    let script = "#!/bin/sh\ncat > /dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\necho '-----BEGIN PGP SIGNATURE-----'\necho sealed\necho '-----END PGP SIGNATURE-----'\n";
    yard.place.write("sign", script);
    let program = yard.place.root().join("sign");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    yard.repo().git(&["config", "gpg.program", program.to_str().unwrap()]);
    yard.repo().git(&["checkout", "--quiet", "-b", "w"]);
    yard.repo().write("new", "1");
    yard.repo().git(&["add", "new"]);
    yard.repo().git(&[
        "commit",
        "--quiet",
        "-m",
        "one",
        "--author",
        "Ada <ada@example.invalid>",
        "--date",
        "1600000000 +0530",
    ]);
    let head = yard.repo().head();
    yard.repo().git(&["checkout", "--quiet", "main"]);
    yard.repo().commit_file("here", "0");
    for how in [How::Merge, How::Squash, How::Rebase] {
        let ask = Ask { sign: true, ..yard.ask(how, &[&head]) };
        let Combined::Trial(trial) = yard.combine(&ask) else { panic!() };
        let raw = yard.repo().git(&["cat-file", "commit", &trial.commit]);
        assert!(raw.contains("sealed"), "{how:?}: {raw}");
        assert!(
            raw.contains(&format!("committer Test <test@example.invalid> {AT} +0000")),
            "{raw}"
        );
        let author = "author Ada <ada@example.invalid> 1600000000 +0530";
        assert_eq!(raw.contains(author), how != How::Merge, "{raw}");
    }
    yard.repo().git(&["config", "gpg.program", "/bin/false"]);
    let ask = Ask { sign: true, ..yard.ask(How::Merge, &[&head]) };
    assert!(matches!(combine(&yard.git(), &yard.found(), &ask), Err(GitError::Failed { .. })));
}

#[test]
fn where_git_knows_no_name_the_commit_is_in_ours() {
    let yard = Yard::new();
    let head = yard.work("w", "main", &[("new", "1")]);
    yard.place.write("home/.gitconfig", "[user]\nuseConfigOnly = true\n");
    let trial = yard.trial(How::Squash, &[&head]);
    assert_eq!(
        yard.repo().git(&["log", "-1", "--format=%cn <%ce>", &trial.commit]),
        "skep <skep@localhost>"
    );
}

mod fs {
    pub(super) use std::fs::*;

    /// Writes a file whose name may be no text.
    pub(super) fn write_at(path: &super::Path, text: &str) {
        use std::io::Write as _;
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
}

use std::{fs, os::unix::fs::PermissionsExt};

use skep_testkit::{Place, Repo};

use super::*;
use crate::git::discover;

/// A hook that would tell that it ran.
const LOUD: &str = "#!/bin/sh\ntouch \"$HOME/ran\"\nexit 1\n";

fn hook(repo: &Repo<'_>, path: &str, mode: u32) {
    repo.write(path, LOUD);
    fs::set_permissions(repo.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
}

/// Every file of a repository, git's own included, with its bytes.
fn all(repo: &Repo<'_>) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![repo.path().to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            match entry.metadata().unwrap() {
                meta if meta.is_dir() => open.push(entry.path()),
                _ => {
                    found.insert(entry.path(), fs::read(entry.path()).unwrap_or_default());
                }
            }
        }
    }
    found
}

/// What is found out about hooks, as `name:here:there`, and that nothing ran or changed.
#[track_caller]
fn seen(place: &Place, repo: &Repo<'_>) -> Vec<String> {
    let git = Git::new(place.env());
    let found = discover(&git, repo.path()).unwrap();
    let before = all(repo);
    let set = settings(&git, &found).unwrap();
    let files = tracked(&git, &found, &repo.head(), &set).unwrap();
    let hooks = hooks(&git, &found, &files, &set).unwrap();
    assert_eq!(all(repo), before, "the repository is another");
    assert!(!place.root().join("home/ran").exists(), "a hook of the user's ran");
    let left = fs::read_dir(place.root()).unwrap().flatten();
    assert!(
        left.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().contains("twin"))
    );
    hooks.hooks.iter().map(|hook| format!("{}:{}:{:?}", hook.name, hook.here, hook.there)).collect()
}

#[test]
fn hooks_of_the_repository_fire_in_every_worktree() {
    let place = Place::new();
    let repo = place.repo("web");
    hook(&repo, ".git/hooks/pre-commit", 0o755);
    hook(&repo, ".git/hooks/pre-push", 0o755);
    hook(&repo, ".git/hooks/commit-msg", 0o644);
    assert_eq!(
        seen(&place, &repo),
        ["pre-commit:true:Some(true)", "commit-msg:false:Some(false)", "pre-push:true:Some(true)"]
            .map(str::to_owned)
            .into_iter()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
    );
}

#[test]
fn hooks_in_an_ignored_folder_are_dead_in_a_fresh_worktree_and_tracked_ones_are_not() {
    let place = Place::new();
    let repo = place.repo("web");
    hook(&repo, ".husky/_/pre-commit", 0o755);
    repo.write(".husky/_/.gitignore", "*\n");
    repo.git(&["config", "core.hooksPath", ".husky/_"]);
    assert_eq!(seen(&place, &repo), ["pre-commit:true:Some(false)"]);
    repo.git(&["config", "--unset", "core.hooksPath"]);
    hook(&repo, ".githooks/pre-commit", 0o755);
    hook(&repo, ".githooks/pre-push", 0o644);
    repo.commit("hooks");
    fs::set_permissions(repo.path().join(".githooks/pre-push"), fs::Permissions::from_mode(0o755))
        .unwrap();
    repo.git(&["config", "core.hooksPath", "./.githooks"]);
    assert_eq!(
        seen(&place, &repo),
        ["pre-commit:true:Some(true)", "pre-push:true:Some(false)"],
        "one of them may be run only here"
    );
}

#[test]
fn a_relative_path_to_gits_own_folder_is_dead_in_a_worktree_and_an_absolute_one_is_not() {
    let place = Place::new();
    let repo = place.repo("web");
    hook(&repo, ".git/hooks/pre-commit", 0o755);
    repo.git(&["config", "core.hooksPath", ".git/hooks"]);
    assert_eq!(seen(&place, &repo), ["pre-commit:true:Some(false)"]);
    let absolute = repo.path().join(".git/hooks");
    repo.git(&["config", "core.hooksPath", absolute.to_str().unwrap()]);
    assert_eq!(seen(&place, &repo), ["pre-commit:true:Some(true)"]);
    // The user's own, for all repositories.
    repo.git(&["config", "--unset", "core.hooksPath"]);
    hook(&place.at("home"), "hooks/commit-msg", 0o755);
    repo.git(&["config", "--global", "core.hooksPath", "~/hooks"]);
    assert_eq!(seen(&place, &repo), ["commit-msg:true:Some(true)"]);
    repo.git(&["config", "core.hooksPath", "../home/hooks"]);
    assert_eq!(seen(&place, &repo), ["commit-msg:true:None"], "where that leads nobody knows");
}

#[test]
fn a_setting_of_the_main_checkout_alone_holds_where_git_takes_it_along() {
    let place = Place::new();
    let repo = place.repo("web");
    hook(&repo, ".githooks/pre-commit", 0o755);
    repo.commit("hooks");
    repo.git(&["config", "extensions.worktreeConfig", "true"]);
    repo.git(&["config", "--worktree", "core.hooksPath", ".githooks"]);
    let seen = seen(&place, &repo);
    // What the twin says is what this git does with a worktree of the repository's own.
    let linked = place.root().join("linked");
    repo.git(&["worktree", "add", "--quiet", "--detach", linked.to_str().unwrap()]);
    let fails = place.at("linked").try_git(&["commit", "--quiet", "--allow-empty", "-m", "x"]);
    assert_eq!(seen, [format!("pre-commit:true:Some({})", !fails.status.success())]);
}

#[test]
fn what_a_hook_wants_and_no_commit_holds_is_named() {
    let place = Place::new();
    let repo = place.repo("web");
    repo.write(".husky/pre-commit", "#!/bin/sh\n. \"$(dirname \"$0\")/_/husky.sh\"\nnpx x\n");
    fs::set_permissions(repo.path().join(".husky/pre-commit"), fs::Permissions::from_mode(0o755))
        .unwrap();
    repo.commit("hook");
    repo.git(&["config", "core.hooksPath", ".husky"]);
    let git = Git::new(place.env());
    let found = discover(&git, repo.path()).unwrap();
    let set = settings(&git, &found).unwrap();
    let files = tracked(&git, &found, &repo.head(), &set).unwrap();
    let hooks = hooks(&git, &found, &files, &set).unwrap();
    assert_eq!(hooks.hooks[0].wants, ["_/husky.sh"]);
    assert_eq!(hooks.path.as_deref(), Some(".husky"));
}

#[test]
fn files_their_kinds_and_texts_are_those_of_the_commit() {
    let place = Place::new();
    let repo = place.repo("web");
    repo.write("a\nb", "odd\n");
    repo.write("scripts/test", "#!/bin/sh\n");
    fs::set_permissions(repo.path().join("scripts/test"), fs::Permissions::from_mode(0o755))
        .unwrap();
    crate::paths::write_atomically(&repo.path().join("binary"), b"\xff\xfe\0").unwrap();
    let oid = repo.commit("files");
    repo.write("README", "changed\n");
    let git = Git::new(place.env());
    let found = discover(&git, repo.path()).unwrap();
    let files = tracked(&git, &found, &oid, &BTreeMap::new()).unwrap();
    assert_eq!(files[Path::new("scripts/test")].kind, Kind::Program);
    assert_eq!(files[Path::new("README")], Tracked { kind: Kind::File, size: Some(6) });
    assert!(files.contains_key(Path::new("a\nb")));
    let wanted =
        ["README", "nowhere", "binary", "scripts", "a\nb", "scripts/test"].map(str::to_owned);
    let texts = texts(&git, &found, &oid, &wanted).unwrap();
    assert_eq!(
        texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>(),
        [("README", "hello\n"), ("scripts/test", "#!/bin/sh\n")]
    );
}

#[test]
fn what_git_ignores_is_listed_folder_by_folder_and_asked_for_where_nothing_stands() {
    let place = Place::new();
    let repo = place.repo("web");
    repo.write(".gitignore", "target/\n.env*\n/dist\n");
    repo.commit("ignores");
    repo.write("target/debug/x", "1\n");
    repo.write(".env", "A=1\n");
    repo.write("app/.env.local", "A=1\n");
    repo.write("loose", "1\n");
    let git = Git::new(place.env());
    let found = discover(&git, repo.path()).unwrap();
    let seen: Vec<(String, bool)> = ignored(&git, &found)
        .unwrap()
        .into_iter()
        .map(|it| (it.path.to_str().unwrap().to_owned(), it.folder))
        .collect();
    assert!(seen.contains(&(".env".to_owned(), false)), "{seen:?}");
    assert!(seen.contains(&("target".to_owned(), true)), "{seen:?}");
    assert!(!seen.iter().any(|(path, _)| path == "loose"), "{seen:?}");
    let ask = ["target", "dist", "node_modules", "app/target"].map(str::to_owned).into();
    let there = would_ignore(&git, &found, &ask).unwrap();
    assert_eq!(there, ["app/target", "dist", "target"].map(str::to_owned).into());
}

#[test]
fn a_pattern_fits_the_one_name_whatever_it_holds() {
    let place = Place::new();
    let repo = place.repo("web");
    for name in [".env", ".env[1]", "!env", "#env", ".env ", "a*b", "a\\b", ".env.$(id)"] {
        repo.write(name, "x\n");
        let pattern = pattern(Path::new(name)).unwrap();
        let out = repo.git(&[
            "-c",
            "core.quotePath=false",
            "ls-files",
            "-z",
            "--others",
            "--ignored",
            &format!("--exclude={pattern}"),
        ]);
        assert_eq!(out.trim_end_matches('\0'), name, "{pattern}");
    }
    assert_eq!(pattern(Path::new("a\nb")), None);
}

#[test]
fn the_size_of_a_folder_is_counted_up_to_a_number_of_entries() {
    let place = Place::new();
    place.write("x/a", "12345");
    place.write("x/y/b", "123");
    std::os::unix::fs::symlink("/", place.root().join("x/away")).unwrap();
    let found = size(&place.root().join("x"), 100);
    assert!(found.whole && (8..100).contains(&found.bytes), "{found:?}");
    assert!(!size(&place.root().join("x"), 2).whole);
    assert!(!size(&place.root().join("nowhere"), 2).whole);
}

#[test]
fn a_partial_clone_is_looked_at_without_fetching_what_it_lacks() {
    let place = Place::new();
    let repo = place.repo("server");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.commit_file("package.json", "{}\n");
    let url = format!("file://{}", repo.path().display());
    place.at(".").git(&["clone", "--quiet", "--filter=blob:none", "--no-checkout", &url, "part"]);
    let part = place.at("part");
    let lacks = || part.git(&["rev-list", "--objects", "--missing=print", "HEAD"]);
    let before = lacks();
    assert!(before.contains('?'), "{before}");
    let git = Git::new(place.env());
    let found = discover(&git, part.path()).unwrap();
    let set = settings(&git, &found).unwrap();
    let files = tracked(&git, &found, &part.head(), &set).unwrap();
    assert_eq!(files[Path::new("package.json")].size, None);
    texts(&git, &found, &part.head(), &["package.json".to_owned()]).unwrap();
    assert_eq!(lacks(), before, "something was fetched");
}

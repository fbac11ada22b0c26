use std::process::Command;

use skep_core::{project::Project, time::Timestamp};
use skep_host::{cache::Url, proc};
use tempfile::TempDir;

use super::*;

const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

fn git(root: &Path) -> Git {
    let path = launch::own_vars().remove("PATH").unwrap();
    Git::new([("PATH", path), ("HOME", root.join("home").to_str().unwrap().to_owned())])
}

fn run(root: &Path, args: &[&str]) {
    let mut command: Command = proc::command("git");
    let path = launch::own_vars().remove("PATH").unwrap();
    command.args(["-c", "user.name=T", "-c", "user.email=t@example.invalid"]).args(args);
    command.env_clear().env("PATH", path).env("HOME", root.join("home")).current_dir(root);
    assert!(command.status().unwrap().success(), "{args:?}");
}

/// A home with a clone of `server` under each of these names.
fn home(names: &[&str]) -> (TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    run(&root, &["init", "--quiet", "--initial-branch=main", "server"]);
    run(&root, &["-C", "server", "commit", "--quiet", "--allow-empty", "-m", "first"]);
    let home = Home::new(&root.join("h"), 0);
    let url = Url::parse(&format!("file://{}", root.join("server").display())).unwrap();
    for name in names {
        cache::clone(&git(&root), &url, &home.cache(name), &home.repository_locks()).unwrap();
    }
    (dir, home)
}

fn fleet_of(home: &Home, name: &str) -> Fleet {
    let path = home.cache(name).to_str().unwrap().to_owned();
    let project = Project {
        name: name.to_owned(),
        path: path.clone(),
        common_dir: path,
        sub_dir: String::new(),
        base: None,
        added: Timestamp(0),
        approved: None,
        gates_approved: None,
    };
    let mut fleet = Fleet::default();
    fleet.projects.insert(name.to_owned(), Arc::new(project));
    fleet
}

#[test]
fn a_clone_goes_after_a_month_without_use_unless_a_project_or_a_worktree_is_there() {
    let (dir, home) = home(&["held", "busy", "idle"]);
    let root = dir.path().canonicalize().unwrap();
    let worktree = root.join("w");
    let busy = home.cache("busy");
    run(&busy, &["worktree", "add", "--quiet", "--detach", worktree.to_str().unwrap(), "main"]);
    let fleet = fleet_of(&home, "held");
    let now = SystemTime::now();
    assert_eq!(evict(&git(&root), &home, &fleet, now), [""; 0]);
    assert!(home.cache("idle").exists());
    let said = evict(&git(&root), &home, &fleet, now + MONTH);
    assert_eq!(said, [format!("evicted: {}", home.cache("idle").display())]);
    assert!(!home.cache("idle").exists());
    assert!(home.cache("held").join("HEAD").exists() && busy.join("HEAD").exists());
}

#[test]
fn a_clone_of_which_nothing_can_be_known_stays_and_is_told_of() {
    let (dir, home) = home(&["odd"]);
    let root = dir.path().canonicalize().unwrap();
    skep_host::paths::write_atomically(&home.cache("odd").join("refs/heads/x"), b"what\n").unwrap();
    let said = evict(&git(&root), &home, &Fleet::default(), SystemTime::now() + MONTH);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("odd.git stays"), "{said:?}");
    assert!(home.cache("odd").join("HEAD").exists());
}

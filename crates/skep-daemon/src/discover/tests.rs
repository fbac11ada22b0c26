use std::{
    fs::{self, File},
    time::{Instant, SystemTime},
};

use skep_core::time::Timestamp;
use skep_testkit::{Place, Repo};

use super::*;

mod guidance;
mod manifest;

/// A folder with repositories, a home of skep's and a person's settings.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        Yard { place: Place::new() }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn home(&self) -> Home {
        Home::new(&self.place.root().join("skep-home"), 1000)
    }

    fn config(&self) -> PathBuf {
        self.place.root().join("config")
    }

    fn at(&self, path: &str) -> Repo<'_> {
        self.place.at(path)
    }

    /// The project of a repository that stands.
    fn project(&self, path: &str) -> Project {
        let found = git::discover(&self.git(), &self.place.root().join(path)).unwrap();
        Project {
            name: path.rsplit('/').next().unwrap_or_default().replace(".git", ""),
            path: found.seat().to_str().unwrap().to_owned(),
            common_dir: found.common_dir.to_str().unwrap().to_owned(),
            sub_dir: String::new(),
            base: None,
            added: Timestamp(0),
            approved: None,
            gates_approved: None,
        }
    }

    /// A clone `name` of a remote `name.git`, with one commit.
    fn cloned(&self, name: &str) -> Project {
        let seed = self.place.repo(&format!("seed-{name}"));
        self.place.bare(&format!("{name}.git"));
        seed.git(&["push", "--quiet", &format!("../{name}.git"), "main"]);
        seed.git(&["clone", "--quiet", &format!("../{name}.git"), &format!("../{name}")]);
        self.project(name)
    }

    fn preflight(&self, project: &Project) -> Health {
        preflight(&self.git(), &[project], &self.config()).remove(0)
    }

    fn update(&self, projects: &[&Project]) -> Vec<Warning> {
        update(&self.git(), &self.home(), projects, Duration::from_secs(20))
    }

    /// Makes the stamps of all tries this much older, or younger.
    fn stamps(&self, change: impl Fn(SystemTime) -> SystemTime) {
        for file in fs::read_dir(self.home().repository_locks()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "tried") {
                let file = File::options().write(true).open(path).unwrap();
                file.set_modified(change(SystemTime::now())).unwrap();
            }
        }
    }
}

#[test]
fn each_repository_is_judged_and_what_is_wrong_has_a_way_out() {
    let yard = Yard::new();
    let well = yard.cloned("web");
    let health = yard.preflight(&well);
    assert_eq!((&health.condition, health.warning()), (&Condition::Well, None));
    assert_eq!(health.base.unwrap().branch, "origin/main");
    let bare = yard.project("web.git");
    let health = yard.preflight(&bare);
    assert_eq!((&health.condition, health.warning()), (&Condition::Bare, None));
    let url = format!("file://{}", yard.place.root().join("deep.git").display());
    let deep = yard.cloned("deep");
    yard.at("seed-deep").commit_file("more", "1");
    yard.at("seed-deep").git(&["push", "--quiet", "../deep.git", "main"]);
    yard.at("seed-deep").git(&["clone", "--quiet", "--depth", "1", &url, "../flat"]);
    let judged = |project: &Project, usable: bool, kind: &str, way: &str| {
        let health = yard.preflight(project);
        assert_eq!((health.is_usable(), health.base.is_some()), (usable, usable), "{health:?}");
        let warning = health.warning().unwrap();
        assert_eq!(warning.kind, kind, "{warning:?}");
        assert!(warning.ways.iter().any(|one| one.contains(way)), "{warning:?}");
        assert!(warning.text.starts_with(&format!("{}: ", project.name)), "{warning:?}");
    };
    judged(&yard.project("flat"), true, "repository-shallow", "--unshallow");
    yard.place.empty("new");
    judged(&yard.project("new"), false, "no-commit-yet", "commit");
    fs::rename(yard.at("deep").path(), yard.place.root().join("moved")).unwrap();
    judged(&deep, false, "repository-missing", "skep project rm deep");
    fs::create_dir(yard.at("deep").path()).unwrap();
    judged(&deep, false, "not-a-repository", "skep project add");
    fs::remove_dir(yard.at("deep").path()).unwrap();
    let other = yard.place.repo("deep");
    let other_dir = Project { common_dir: "/elsewhere/.git".to_owned(), ..deep.clone() };
    judged(&other_dir, false, "repository-other", "skep project rm deep");
    fs::remove_dir_all(other.path().join(".git/objects")).unwrap();
    fs::create_dir(other.path().join(".git/objects")).unwrap();
    judged(&deep, false, "git-failed", "fsck");
    let undecided = yard.cloned("odd");
    yard.at("odd").git(&["remote", "set-head", "origin", "--delete"]);
    yard.at("odd").git(&["update-ref", "refs/remotes/origin/a", "HEAD"]);
    yard.at("odd").git(&["update-ref", "refs/remotes/origin/b", "HEAD"]);
    yard.at("odd").git(&["update-ref", "-d", "refs/remotes/origin/main"]);
    judged(&undecided, false, "choose-a-base", "skep config set base");
}

#[test]
fn the_base_is_the_one_that_runs_start_from() {
    let yard = Yard::new();
    let project = yard.cloned("web");
    let seed = yard.at("seed-web");
    for branch in ["a", "b", "c"] {
        seed.git(&["checkout", "--quiet", "-B", branch]);
        seed.commit_file(branch, "1");
        seed.git(&["push", "--quiet", "../web.git", branch]);
    }
    yard.at("web").git(&["fetch", "--quiet"]);
    let base = |project: &Project| yard.preflight(project).base.unwrap().branch;
    assert_eq!(base(&project), "origin/main");
    seed.git(&["checkout", "--quiet", "main"]);
    seed.commit_file(".skep/project.toml", "base = \"origin/a\"\n");
    seed.git(&["push", "--quiet", "../web.git", "main"]);
    // What stands in the person's checkout says nothing.
    yard.at("web").write(".skep/project.toml", "base = \"origin/c\"\n");
    assert_eq!(base(&project), "origin/main");
    yard.at("web").git(&["fetch", "--quiet"]);
    assert_eq!(base(&project), "origin/a");
    yard.place.write("config/projects/web.toml", "base = \"origin/b\"\n");
    assert_eq!(base(&project), "origin/b");
    assert_eq!(base(&Project { base: Some("origin/c".to_owned()), ..project.clone() }), "origin/c");
    yard.place.write("config/projects/web.toml", "base = 3\n");
    assert!(yard.preflight(&project).warning().unwrap().kind.starts_with("config-"));
}

#[test]
fn a_failed_fetch_is_a_warning_an_ordinary_clone_needs_none_and_planning_goes_on() {
    let yard = Yard::new();
    let (well, failing) = (yard.cloned("web"), yard.cloned("api"));
    let new = yard.at("seed-web").commit_file("news", "1");
    yard.at("seed-web").git(&["push", "--quiet", "../web.git", "main"]);
    fs::rename(yard.at("api.git").path(), yard.place.root().join("away")).unwrap();
    let warnings = yard.update(&[&failing, &well]);
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    assert_eq!((warning.kind.as_str(), warning.project.as_str()), ("pull_failed", "api"));
    assert!(warning.text.contains("api.git") && !warning.text.contains('\n'), "{warning:?}");
    assert_eq!(yard.at("web").oid("origin/main"), new);
    let all = preflight(&yard.git(), &[&failing, &well], &yard.config());
    assert!(all.iter().all(|health| health.is_usable() && health.warning().is_none()), "{all:?}");
}

#[test]
fn a_fetch_touches_nothing_of_the_persons() {
    let yard = Yard::new();
    let project = yard.cloned("web");
    let mine = yard.at("web");
    mine.write("README", "staged\n");
    mine.git(&["add", "README"]);
    mine.write("README", "mine\n");
    mine.write("new", "1");
    mine.git(&["fetch", "--quiet", "origin", "main"]);
    let seen = |repo: &Repo<'_>| {
        let file = |name: &str| fs::read(repo.path().join(".git").join(name)).unwrap();
        (
            repo.head(),
            repo.branches(),
            repo.status(),
            repo.git(&["tag"]),
            file("FETCH_HEAD"),
            file("index"),
        )
    };
    let before = seen(&mine);
    let seed = yard.at("seed-web");
    let new = seed.commit_file("README", "theirs\n");
    seed.git(&["tag", "v1"]);
    seed.git(&["push", "--quiet", "../web.git", "main", "v1"]);
    assert_eq!(yard.update(&[&project]), []);
    assert_eq!(seen(&mine), before);
    assert_eq!(mine.oid("origin/main"), new);
}

#[test]
fn a_project_is_fetched_once_in_five_minutes_and_a_clock_set_back_does_not_end_that() {
    assert_eq!(COOL_DOWN.as_secs(), 5 * 60);
    let yard = Yard::new();
    let project = yard.cloned("web");
    let seed = yard.at("seed-web");
    let push = || {
        let new = seed.commit("more");
        seed.git(&["push", "--quiet", "../web.git", "main"]);
        new
    };
    let fetched = || {
        assert_eq!(yard.update(&[&project]), []);
        yard.at("web").oid("origin/main")
    };
    let first = push();
    assert_eq!(fetched(), first);
    let second = push();
    assert_eq!(fetched(), first);
    yard.stamps(|now| now - (COOL_DOWN - Duration::from_secs(30)));
    assert_eq!(fetched(), first);
    yard.stamps(|now| now - COOL_DOWN);
    assert_eq!(fetched(), second);
    let third = push();
    yard.stamps(|now| now + Duration::from_secs(1_000_000));
    assert_eq!(fetched(), third);
    // One that failed is not tried at once again either, by any daemon: the stamp is on disk.
    push();
    yard.stamps(|now| now - COOL_DOWN);
    fs::rename(yard.at("web.git").path(), yard.place.root().join("away")).unwrap();
    assert_eq!(yard.update(&[&project]).len(), 1);
    assert_eq!(yard.update(&[&project]), []);
}

#[test]
fn a_remote_that_hangs_holds_nobody_up_longer_than_its_time() {
    let yard = Yard::new();
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/x", deaf.local_addr().unwrap());
    let names = ["a", "b", "c", "d", "e", "f"];
    let projects = names.map(|name| yard.cloned(name));
    for name in names.into_iter().filter(|name| *name != "f") {
        yard.at(name).git(&["remote", "set-url", "origin", &url]);
    }
    let seed = yard.at("seed-f");
    let new = seed.commit("more");
    seed.git(&["push", "--quiet", "../f.git", "main"]);
    let all: Vec<&Project> = projects.iter().collect();
    let begun = Instant::now();
    let wait = Duration::from_secs(2);
    let warnings = update(&yard.git(), &yard.home(), &all, wait);
    let took = begun.elapsed();
    let names: Vec<&str> = warnings.iter().map(|warning| warning.project.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(yard.at("f").oid("origin/main"), new);
    // The first alone, then the other four beside each other.
    assert!(took >= wait * 2 && took < wait * 4, "{took:?}");
}

#[test]
fn one_repository_under_two_names_is_fetched_once_and_a_missing_one_is_a_warning() {
    let yard = Yard::new();
    let project = yard.cloned("web");
    let sub = Project { name: "sub".to_owned(), sub_dir: "sub".to_owned(), ..project.clone() };
    fs::rename(yard.at("web.git").path(), yard.place.root().join("away")).unwrap();
    let gone = Project {
        name: "gone".to_owned(),
        path: "/nowhere".to_owned(),
        common_dir: "/nowhere/.git".to_owned(),
        ..project.clone()
    };
    let warnings = yard.update(&[&project, &sub, &gone]);
    let names: Vec<&str> = warnings.iter().map(|warning| warning.project.as_str()).collect();
    assert_eq!(names, ["web", "gone"]);
    assert_eq!(yard.update(&[]), []);
}

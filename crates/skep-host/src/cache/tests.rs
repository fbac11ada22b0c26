use std::time::SystemTime;

use skep_testkit::{Place, Repo};

use super::*;
use crate::snapshot;

mod eviction;
mod killed;
mod urls;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A remote with one commit on `main`, and where its clone belongs.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        place.bare("server/web.git");
        let seed = place.repo("seed");
        seed.git(&["push", "--quiet", "../server/web.git", "main"]);
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn seed(&self) -> Repo<'_> {
        self.place.at("seed")
    }

    fn push(&self, what: &[&str]) {
        let mut args = vec!["push", "--quiet", "../server/web.git"];
        args.extend(what);
        self.seed().git(&args);
    }

    fn text(&self, repo: &str) -> String {
        format!("file://{}/server/{repo}", self.place.root().display())
    }

    fn url(&self) -> Url {
        Url::parse(&self.text("web.git")).unwrap()
    }

    fn cache(&self) -> PathBuf {
        self.place.root().join("cache")
    }

    fn dir(&self) -> PathBuf {
        self.cache().join("web.git")
    }

    fn locks(&self) -> PathBuf {
        self.cache().join("locks")
    }

    fn clone(&self) -> Result<Cloned, CacheError> {
        clone(&self.git(), &self.url(), &self.dir(), &self.locks())
    }

    fn cloned(&self) -> Repo<'_> {
        assert_eq!(self.clone().unwrap(), Cloned::Made);
        self.place.at("cache/web.git")
    }

    /// What stands in the cache beside the locks.
    fn names(&self) -> Vec<String> {
        let mut all: Vec<String> = fs::read_dir(self.cache())
            .map(|all| all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default();
        all.retain(|name| name != "locks");
        all.sort();
        all
    }

    /// Makes everything of the clone, and what was noted of its fetches, 40 days old.
    fn make_old(&self) {
        let mut all = vec![self.dir(), self.locks()];
        while let Some(path) = all.pop() {
            if path.is_dir() {
                all.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            File::open(path).unwrap().set_modified(SystemTime::now() - DAY * 40).unwrap();
        }
    }

    fn evict_after(&self, days: u32) -> Evicting {
        let now = SystemTime::now() + DAY * days;
        evict(&self.git(), &self.locks(), &self.dir(), DAY * 30, now)
    }

    #[track_caller]
    fn kept(&self) -> String {
        let done = self.evict_after(31);
        let Evicting::Kept { why } = &done else { panic!("{done:?}") };
        assert!(self.dir().join("HEAD").exists(), "kept and not there");
        why.clone()
    }
}

#[test]
fn a_clone_has_the_remote_s_branches_as_remote_tracking_refs_and_its_default_branch_as_its_own() {
    let yard = Yard::new();
    let seed = yard.seed();
    seed.git(&["checkout", "--quiet", "-b", "develop"]);
    let develop = seed.commit_file("new", "1\n");
    seed.git(&["tag", "-a", "-m", "one", "v1"]);
    yard.push(&["develop", "v1"]);
    yard.place.at("server/web.git").git(&["symbolic-ref", "HEAD", "refs/heads/develop"]);
    let clone = yard.cloned();
    assert_eq!(clone.branches(), ["develop"]);
    assert_eq!(clone.oid("refs/heads/develop"), develop);
    assert_eq!(clone.oid("refs/remotes/origin/main"), seed.oid("main"));
    assert_eq!(clone.git(&["symbolic-ref", "HEAD"]), "refs/heads/develop");
    assert_eq!(
        clone.git(&["symbolic-ref", "refs/remotes/origin/HEAD"]),
        "refs/remotes/origin/develop"
    );
    assert_eq!(clone.git(&["tag"]), "v1");
    assert_eq!(
        clone.git(&["config", "--get-all", "remote.origin.fetch"]),
        "+refs/heads/*:refs/remotes/origin/*"
    );
    assert_eq!(clone.git(&["rev-parse", "--is-bare-repository"]), "true");
    assert_eq!(yard.names(), ["web.git"]);
    let repo = git::discover(&yard.git(), &yard.dir()).unwrap();
    assert_eq!(git::base(&yard.git(), &repo, None).unwrap().oid, develop);
}

#[test]
fn the_same_url_again_is_the_same_clone_and_another_s_place_is_not_taken() {
    let yard = Yard::new();
    let clone_dir = yard.cloned();
    let own = clone_dir.oid("main");
    let same = Url::parse(&yard.text("web/")).unwrap();
    let git = yard.git();
    assert_eq!(clone(&git, &same, &yard.dir(), &yard.locks()).unwrap(), Cloned::There);
    let other = Url::parse(&yard.text("other/web.git")).unwrap();
    assert_eq!(clone(&git, &other, &yard.dir(), &yard.locks()).unwrap(), Cloned::Taken);
    assert_eq!(clone_dir.oid("main"), own);
    // Nothing of ours, and nothing of git.
    yard.place.write("cache/mine.git/note", "mine\n");
    let mine = yard.cache().join("mine.git");
    assert_eq!(clone(&git, &yard.url(), &mine, &yard.locks()).unwrap(), Cloned::Taken);
    assert!(mine.join("note").exists());
}

#[test]
fn two_who_ask_at_the_same_time_get_one_clone() {
    let yard = Yard::new();
    let all: Vec<Cloned> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..3).map(|_| scope.spawn(|| yard.clone().unwrap())).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(all.iter().filter(|one| **one == Cloned::Made).count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|one| **one == Cloned::There).count(), 2, "{all:?}");
    assert_eq!(yard.names(), ["web.git"]);
}

#[test]
fn a_remote_that_is_empty_or_not_there_leaves_nothing() {
    let yard = Yard::new();
    yard.place.bare("server/empty.git");
    for (name, slug) in [("empty.git", "no-commit-yet"), ("nowhere.git", "clone-failed")] {
        let url = Url::parse(&yard.text(name)).unwrap();
        let err = clone(&yard.git(), &url, &yard.dir(), &yard.locks()).unwrap_err();
        assert_eq!(err.slug(), slug, "{err}");
        assert!(err.to_string().contains(name), "{err}");
        assert_eq!(yard.names(), [""; 0], "after {name}");
    }
    assert_eq!(yard.clone().unwrap(), Cloned::Made);
}

#[test]
fn without_a_default_branch_a_local_one_is_made_when_it_is_named() {
    let yard = Yard::new();
    let seed = yard.seed();
    yard.place.at("server/web.git").git(&["symbolic-ref", "HEAD", "refs/heads/none"]);
    yard.push(&["main:refs/heads/one", "main:refs/heads/two", ":main"]);
    let clone = yard.cloned();
    assert_eq!(clone.branches(), [""; 0]);
    for _twice in 0..2 {
        follow(&yard.git(), &yard.dir(), &yard.locks(), "two").unwrap();
        follow(&yard.git(), &yard.dir(), &yard.locks(), "--none").unwrap();
        assert_eq!(clone.branches(), ["two"]);
    }
    assert_eq!(clone.oid("two"), seed.oid("main"));
}

//! Two skeps that land on one repository, while people commit to the target and to the work, and daemons are killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use skep_testkit::Repo;

use crate::home::{Home, kill, lives, text_of};

/// How many works each of the two brings whose gate is green.
const GREEN: usize = 2;
/// What happens besides, before it is left to come to its end.
const ACTS: usize = 10;
/// How long all of it may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// The gate tells which tree it looks at, and that nothing else lies there.
const SETTINGS: &str = "base = \"trunk\"\ntarget = \"trunk\"\nland = \"local\"\n\
    [[gate]]\nname = \"test\"\nrun = '''git rev-parse 'HEAD^{tree}' && test -z \"$(git status --porcelain)\" && test ! -e red'''\n";

/// A history of chance: the same seed, the same acts.
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// Work whose agent said that it is done, and that all its tests pass.
struct Work<'a> {
    home: &'a Home,
    id: String,
    file: String,
    worktree: String,
    green: bool,
}

impl Work<'_> {
    fn of<'a>(home: &'a Home, file: &str, green: bool) -> Work<'a> {
        let write = format!("write {file} {file}");
        let red = if green { "say all of it is green" } else { "write red it fails" };
        let steps = [&write, red, "commit it", "report done all tests pass", "say done"];
        let run = home.ended(file, &steps, &["-d", "--project", "web", "--name", file]);
        assert_eq!(run["outcome"], "completed", "{run}");
        let (id, worktree) = (text_of(&run, "id"), text_of(&run, "worktree"));
        Work { home, id, file: file.to_owned(), worktree, green }
    }

    fn seen(&self) -> Value {
        self.home.json(&["show", &self.id])
    }

    fn land(&self) {
        // What is refused now is asked for again: a person does nothing else.
        self.home.skep(&["land", &self.id, "--yes", "-d"]);
    }
}

/// A person commits to the target, if nobody moves it in that moment.
fn arrive(person: &Repo<'_>, nth: usize) {
    person.git(&["fetch", "--quiet", "origin", "trunk"]);
    person.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]);
    person.commit_file(&format!("arrived{nth}"), "by hand\n");
    person.try_git(&["push", "--quiet", "origin", "HEAD:trunk"]);
}

/// Every move of the target since the beginning: from, to.
fn moves(repo: &Repo<'_>) -> Vec<(String, String)> {
    let log = repo.git(&["reflog", "show", "--format=%H", "refs/heads/trunk"]);
    let mut at: Vec<&str> = log.lines().collect();
    at.reverse();
    at.windows(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
}

/// What skep wrote beside a commit; empty beside a person's.
fn notes(repo: &Repo<'_>, commit: &str) -> Vec<Value> {
    let said = repo.try_git(&["notes", "--ref", "skep", "show", commit]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn play(seed: u64, how: &str) {
    let home = Home::new();
    let repo = home.repo();
    repo.write(
        ".skep/project.toml",
        &format!("{SETTINGS}[landing]\nhow = \"{how}\"\nconflicts = 0\n"),
    );
    repo.commit("how it is checked");
    repo.git(&["branch", "trunk"]);
    home.place().at("").git(&["clone", "--quiet", "web", "person"]);
    let person = home.place().at("person");
    person.git(&["config", "user.name", "person"]);
    person.git(&["config", "user.email", "person@invalid"]);
    let other = Home::new();
    for home in [&home, &other] {
        home.skep(&["project", "add", repo.path().to_str().unwrap(), "--name", "web"]).ok();
    }
    let homes = [&home, &other];
    let mut works = Vec::new();
    for (nth, home) in homes.into_iter().enumerate() {
        works.extend((0..GREEN).map(|work| Work::of(home, &format!("green{nth}{work}"), true)));
        works.push(Work::of(home, &format!("red{nth}"), false));
    }
    let mut chance = Chance(seed);
    works.iter().for_each(Work::land);
    let (mut acts, mut late) = (0, BTreeSet::new());
    let deadline = Instant::now() + PATIENCE;
    loop {
        // The moment is what is random here.
        thread::sleep(Duration::from_millis(u64::try_from(chance.below(400)).unwrap()));
        if acts < ACTS {
            acts += 1;
            let work = &works[chance.below(works.len())];
            match chance.below(4) {
                0 => arrive(&person, acts),
                1 if work.seen()["landed"].is_null() && work.green => {
                    // What somebody commits there meanwhile lands with it, or not at all.
                    home.place().at(&work.worktree).commit_file(&format!("late-{acts}"), "late\n");
                    late.insert(work.id.clone());
                }
                _ => {
                    let home = homes[chance.below(2)];
                    let pid = home.daemon();
                    kill(pid, Signal::KILL);
                    crate::home::eventually("the daemon is gone", || !lives(pid));
                }
            }
        }
        let mut open = 0;
        for work in &works {
            let seen = work.seen();
            let idle = seen["landing"].is_null() && seen["landed"].is_null();
            assert!(work.green || seen["landed"].is_null(), "seed {seed}: red work landed: {seen}");
            open += usize::from(!seen["landing"].is_null() || (work.green && idle));
            if work.green && idle {
                work.land();
            }
        }
        if open == 0 && acts == ACTS {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "seed {seed}: {}",
            repo.git(&["log", "--format=%h %s", "trunk"])
        );
    }
    // Each move of the target is a person's, or one that skep has seen the gates pass for: from there, to that very tree.
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for (from, to) in moves(&repo) {
        let said = notes(&repo, &to);
        let Some(seen) = said.iter().find(|seen| seen["onto"] == from.as_str()) else {
            let by = repo.git(&["log", "-1", "--format=%an", &to]);
            assert_eq!(by, "person", "seed {seed}: nobody saw {to}: {said:?}");
            continue;
        };
        let tree = repo.oid(&format!("{to}^{{tree}}"));
        assert_eq!(
            (seen["tree"].as_str(), seen["commit"].as_str()),
            (Some(&*tree), Some(&*to)),
            "seed {seed}"
        );
        for work in seen["works"].as_array().unwrap() {
            *times.entry(text_of(work, "run")).or_default() += 1;
        }
        let gate = &seen["gates"][0];
        assert_eq!((&gate["name"], &gate["exit"]["code"]), (&"test".into(), &0.into()), "{seen}");
        let by = works.iter().find(|work| work.id == text_of(&seen["works"][0], "run")).unwrap();
        let printed = by.home.skep(&["logs", &text_of(gate, "run"), "--raw"]);
        assert!(
            printed.stdout.contains(&tree),
            "seed {seed}: its gate looked at another tree: {printed:?}"
        );
    }
    for work in &works {
        let landed = times.get(&work.id).copied().unwrap_or_default();
        assert_eq!(
            landed,
            usize::from(work.green),
            "seed {seed}: {} landed {landed} times",
            work.file
        );
        let there =
            repo.try_git(&["cat-file", "-e", &format!("trunk:{}", work.file)]).status.success();
        assert_eq!(there, work.green, "seed {seed}: {}", work.file);
    }
    assert!(!repo.try_git(&["cat-file", "-e", "trunk:red"]).status.success(), "seed {seed}");
    for home in homes {
        home.skep(&["daemon", "stop"]).ok();
    }
}

/// What lands is what its gates saw, whatever arrives on either side; each change lands once, whoever of two landers is killed;
/// an agent's word that its tests pass lands nothing. With `SKEP_SLOW=1` more histories, with `SKEP_EVERY=1` many.
#[test]
fn whatever_arrives_and_dies_each_change_lands_once_and_only_as_the_tree_that_its_gate_saw() {
    play(7, "squash");
    let is_set = |name: &str| std::env::var_os(name).is_some();
    let more = match (is_set("SKEP_EVERY"), is_set("SKEP_SLOW")) {
        (true, _) => 12,
        (false, true) => 3,
        (false, false) => 0,
    };
    for seed in 0..more {
        play(seed, ["merge", "squash", "rebase"][usize::try_from(seed % 3).unwrap()]);
    }
}

//! Two landers in processes of their own, killed at any moment: each work lands once.

use std::{
    collections::BTreeSet,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::*;

const REQUEST: &str = "SKEP_TEST_LANDER";
const WORKS: usize = 8;

#[derive(Serialize, Deserialize)]
struct Task {
    repository: PathBuf,
    locks: PathBuf,
    /// Where it writes down each tree that it made, before it brings one.
    trees: PathBuf,
    owner: String,
    how: How,
}

/// Not a test by itself: a lander, started by the test below.
#[test]
#[expect(clippy::disallowed_methods, reason = "the child of a test finds its task nowhere else")]
fn child() {
    let Some(task) = std::env::var_os(REQUEST) else { return };
    let task: Task = serde_json::from_str(task.to_str().unwrap()).unwrap();
    let git = Git::new(std::env::vars_os().filter(|(name, _)| name != REQUEST));
    let repo = git::discover(&git, &task.repository).unwrap();
    // Somebody else's git may hold a lock in this moment; whoever is refused comes again.
    while !matches!(turn(&git, &repo, &task), Ok(true)) {
        thread::sleep(Duration::from_millis(20));
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Lands the next work; whether there is none any more.
fn turn(git: &Git, repo: &Repository, task: &Task) -> Result<bool, GitError> {
    let Claiming::Claimed(held) = claim(git, repo, "main", &task.owner, 1, now())? else {
        return Ok(false);
    };
    let log =
        git.call(&repo.common_dir).args(["log", "--first-parent", "--format=%s", "main"]).line()?;
    let Some(next) = (0..WORKS).find(|n| !log.lines().any(|line| line == format!("land {n}")))
    else {
        release(git, repo, &held)?;
        return Ok(true);
    };
    let head = git::branch(git, repo, &format!("work{next}"))?.unwrap();
    let message = format!("land {next}");
    let work = Work { message, ..work_of(&head) };
    let ask = Ask {
        target: "main".to_owned(),
        onto: None,
        works: vec![work],
        how: task.how,
        at: now(),
        sign: false,
    };
    let Combined::Trial(trial) = combine(git, repo, &ask)? else { return Ok(false) };
    let mut trees = fs::OpenOptions::new().append(true).create(true).open(&task.trees).unwrap();
    std::io::Write::write_all(&mut trees, format!("{}\n", trial.tree).as_bytes()).unwrap();
    let wish = Bring {
        target: "main".to_owned(),
        onto: trial.onto,
        commit: trial.commit.clone(),
        claim: held.clone(),
        push: None,
    };
    if let Brought::Landed { .. } = bring(git, repo, &task.locks, &wish)? {
        attest(git, repo, &trial.commit, &trial.tree, now())?;
    }
    release(git, repo, &held)?;
    Ok(false)
}

fn start(yard: &Yard, how: How, number: usize) -> Child {
    let task = Task {
        repository: yard.repo().path().to_owned(),
        locks: yard.locks(),
        trees: yard.place.root().join("trees"),
        owner: format!("lander {number}"),
        how,
    };
    crate::proc::command(std::env::current_exe().unwrap())
        .args(["--exact", "combine::tests::landers::child", "--nocapture", "--test-threads=1"])
        .env_clear()
        .envs(yard.place.env())
        .env(REQUEST, serde_json::to_string(&task).unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn two_landers_that_are_killed_at_any_moment_land_each_work_once_and_only_what_was_tried() {
    for (how, seed) in [(How::Squash, 7_u64), (How::Merge, 11)] {
        let yard = Yard::new();
        for n in 0..WORKS {
            let own = format!("own{n}");
            yard.work(&format!("work{n}"), "main", &[(&own, "1\n")]);
        }
        // So that none of them is where it would land already.
        yard.repo().commit_file("here", "0\n");
        let base = yard.repo().head();
        let mut dice = seed;
        let mut roll = |most: u64| {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % most
        };
        let mut landers = [start(&yard, how, 0), start(&yard, how, 1)];
        let (mut started, mut killed) = (2, 0);
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            // The moment of a death is what is random here.
            thread::sleep(Duration::from_millis(30 + roll(500)));
            let ended = landers.each_mut().map(|lander| lander.try_wait().unwrap());
            if ended.iter().all(|ended| ended.is_some_and(|status| status.success())) {
                break;
            }
            assert!(Instant::now() < deadline, "{}", yard.repo().git(&["log", "--format=%s"]));
            let victim = usize::from(roll(2) == 1);
            if ended[victim].is_none() && killed < 12 {
                landers[victim].kill().unwrap();
                landers[victim].wait().unwrap();
                landers[victim] = start(&yard, how, started);
                (started, killed) = (started + 1, killed + 1);
            }
        }
        assert!(killed > 3, "{killed}");
        let log =
            yard.repo().git(&["log", "--first-parent", "--format=%s", &format!("{base}..main")]);
        let lines: Vec<&str> = log.lines().filter(|line| line.starts_with("land ")).collect();
        let wanted: Vec<String> = (0..WORKS).rev().map(|n| format!("land {n}")).collect();
        assert_eq!(lines, wanted, "{how:?}");
        let trees = fs::read_to_string(yard.place.root().join("trees")).unwrap();
        let tried: BTreeSet<&str> = trees.lines().collect();
        let landed =
            yard.repo().git(&["log", "--first-parent", "--format=%T", &format!("{base}..main")]);
        assert!(landed.lines().all(|tree| tried.contains(tree)), "{how:?}");
        assert_eq!(yard.repo().status(), "", "{how:?}");
        yard.repo().git(&["fsck", "--no-dangling"]);
    }
}

//! The same story with a daemon that dies on its way, at each point by which it comes; and with keepers that die.

use std::{collections::BTreeMap, fs, sync::OnceLock, time::SystemTime};

use rustix::process::Signal;
use serde_json::Value;

use super::{Story, document, draft};
use crate::home::{Home, eventually, kill, lives, pid_of, text_of};

/// How the story ends, and how often its daemon comes by each point until then.
struct Known {
    end: Value,
    points: BTreeMap<String, u32>,
    /// How often it had come by when it began to answer.
    before: BTreeMap<String, u32>,
}

/// How it goes when nobody dies.
fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let story = Story::new();
        let list = story.home.at("points");
        doom(&story.home, &format!("list:{}", list.display()));
        let count = || {
            let mut points = BTreeMap::new();
            for point in fs::read_to_string(&list).unwrap_or_default().lines() {
                *points.entry(point.to_owned()).or_insert(0) += 1;
            }
            points
        };
        let before = count();
        story.play();
        story.home.at_rest();
        Known { points: count(), before, end: story.end() }
    })
}

/// Starts a daemon with these words about its death; returns its process.
fn doom(home: &Home, point: &str) -> u32 {
    home.skep(&["daemon", "stop"]).ok();
    home.skep_with(home.place().root(), &[("SKEP_CRASH", point)], &["daemon", "start"]).ok();
    home.daemon()
}

/// Plays the story with a daemon that dies at the `nth` time by `point`; the end must be the one without a death.
#[track_caller]
fn dies_at(point: &str, nth: u32) {
    let known = known();
    let story = Story::new();
    let doomed = doom(&story.home, &format!("{point}:{nth}"));
    story.play();
    story.home.at_rest();
    // What parts that go side by side tell comes in fewer commits at times: the last ones may not be.
    let all = known.points.get(point).copied().unwrap_or_default();
    assert!(!lives(doomed) || nth * 10 > all * 8, "{point}:{nth} of {all}: nobody died");
    assert_eq!(story.end(), known.end, "{point}:{nth}");
    story.replays();
}

/// The deeds for a task itself, and for none of its runs.
const OF_TASK: [&str; 6] =
    ["brief.", "read_draft.", "read_review.", "read_reply.", "word.", "finalize."];

/// How many times of one test a landing has time for.
const SPREAD: usize = 5;

/// Goes through the times that the story comes by the points with such names: all of them with `SKEP_EVERY=1`, with
/// `SKEP_SLOW=1` some that are spread over all, others each day.
fn dies_at_each(is_meant: impl Fn(&str) -> bool) {
    let every = std::env::var_os("SKEP_EVERY").is_some();
    if !every && std::env::var_os("SKEP_SLOW").is_none() {
        return;
    }
    let known = known();
    let mut times = Vec::new();
    for (point, all) in known.points.iter().filter(|(point, _)| is_meant(point)) {
        let before = known.before.get(point).copied().unwrap_or_default();
        times.extend((before + 1..=*all).map(|nth| (point, nth)));
    }
    assert!(!times.is_empty(), "the story comes by none of them");
    let step = if every { 1 } else { times.len().div_ceil(SPREAD) };
    let days = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    let first = usize::try_from(days).unwrap() % step;
    for (point, nth) in times.into_iter().skip(first).step_by(step) {
        dies_at(point, nth);
    }
}

// A point of each kind; the others by `dies_at_each`.

#[test]
fn a_daemon_that_dies_when_a_planner_is_briefed_plans_once() {
    dies_at("brief.after", 1);
}

#[test]
fn a_daemon_that_dies_when_a_draft_was_read_sends_it_back_once() {
    dies_at("read_draft.after", 1);
}

#[test]
fn a_daemon_that_dies_before_a_correction_is_worded_words_it_once() {
    dies_at("word.before", 1);
}

#[test]
fn a_daemon_that_dies_when_a_part_is_briefed_begins_it_once() {
    dies_at("brief.after", 3);
}

#[test]
fn a_daemon_that_dies_when_a_part_was_pushed_hands_it_over_once() {
    dies_at("finalize.after", 2);
}

#[test]
fn a_daemon_that_dies_before_it_said_that_a_plan_is_wanted_is_asked_once_more() {
    dies_at("brief.before", 1);
}

#[test]
fn a_daemon_that_dies_before_it_said_that_a_plan_is_carried_out_is_asked_once_more() {
    dies_at("brief.before", 2);
}

#[test]
fn a_daemon_that_dies_when_a_review_was_read_counts_it_once() {
    dies_at("read_review.after", 1);
}

#[test]
fn a_daemon_that_dies_before_a_review_is_read_reads_it() {
    dies_at("read_review.before", 2);
}

#[test]
fn a_daemon_that_dies_when_a_foreman_replied_answers_once() {
    dies_at("read_reply.after", 1);
}

#[test]
fn a_daemon_that_dies_before_the_proposal_of_a_foreman_is_read_proposes_it() {
    dies_at("read_reply.before", 2);
}

#[test]
fn a_daemon_that_dies_after_a_commit_in_the_midst_goes_on_where_it_was() {
    dies_at("commit.after", 40);
}

#[test]
fn a_daemon_that_dies_at_any_deed_for_a_task_comes_to_the_same_end() {
    dies_at_each(|point| OF_TASK.iter().any(|kind| point.starts_with(kind)));
}

#[test]
fn a_daemon_that_dies_at_any_deed_for_a_run_of_a_plan_comes_to_the_same_end() {
    let is_meant = |point: &str| {
        point.contains('.')
            && !OF_TASK.iter().chain(&["commit.", "effect."]).any(|kind| point.starts_with(kind))
    };
    dies_at_each(is_meant);
}

#[test]
fn a_daemon_that_dies_before_any_commit_comes_to_the_same_end() {
    dies_at_each(|point| point == "commit.before");
}

#[test]
fn a_daemon_that_dies_after_any_commit_comes_to_the_same_end() {
    dies_at_each(|point| point == "commit.after");
}

/// A home in which an agent whose guards died begins its script again.
fn forgetful() -> Home {
    let home = Home::new();
    home.write("c/agents/scripted.toml", "resume = []\n");
    home
}

/// Ends the keeper of a run at work.
#[track_caller]
fn end_keeper(home: &Home, run: &str) {
    eventually("it is at work", || home.listed(run)["state"] == "running");
    let keeper = pid_of(&home.listed(run), "gatekeeper");
    kill(keeper, Signal::KILL);
    eventually("its keeper is gone", || !lives(keeper));
}

#[test]
fn keepers_that_die_in_the_midst_of_a_plan_leave_it_to_their_next_attempts() {
    let home = forgetful();
    let (first, second) = (home.at("first"), home.at("second"));
    let wait = format!("wait-for {}", second.display());
    let held = [wait.as_str(), "write count once", "commit done", "say done"];
    let mended =
        [wait.as_str(), "write count once", "write mended.txt x", "commit done", "say done"];
    let plan = document(&[("api", &held), ("docs", &mended), ("web", &held)]);
    let wait = format!("wait-for {}", first.display());
    let story = Story::of(home, &[&wait, &draft(&plan), "say planned"]);
    let home = &story.home;

    home.skep(&["plan", &story.task, "-d"]).ok();
    eventually("it is planned", || story.show()["planning"]["run"].is_string());
    let planner = text_of(&story.show()["planning"], "run");
    eventually("its run is there", || {
        home.json(&["ls", "--all"]).as_array().unwrap().iter().any(|run| run["id"] == *planner)
    });
    end_keeper(home, &planner);
    fs::write(&first, "").unwrap();
    story.until("plan_review");
    assert_eq!(home.listed(&planner)["attempt"], 2);

    home.skep(&["approve", &story.task]).ok();
    home.skep(&["implement", &story.task, "-d"]).ok();
    eventually("the first wave is at work", || story.part("api")["state"] == "in_progress");
    let run = text_of(&story.part("api"), "run");
    end_keeper(home, &run);
    fs::write(&second, "").unwrap();
    story.until("completed");
    let end = story.end();
    for part in end["parts"].as_array().unwrap() {
        let attempt = if part["project"] == "api" { 2 } else { 1 };
        assert_eq!(
            (&part["attempt"], &part["subjects"]),
            (&attempt.into(), &"done".into()),
            "{end:#}"
        );
    }
    story.replays();
}

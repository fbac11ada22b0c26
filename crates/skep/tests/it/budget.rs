//! Limits on what runs use: a run that reaches its own, a day that is spent, an agent that tells nothing.

use serde_json::{Value, json};

use crate::home::{Home, eventually, text_of};

fn reason(run: &Value) -> (&Value, &Value) {
    (&run["outcome"], &run["reason"])
}

#[test]
fn a_run_at_its_budget_is_stopped_in_its_turn_keeps_its_work_and_goes_on_with_more() {
    let home = Home::new();
    home.repo();
    let steps = ["usage 10 5 0.4", "write a half", "usage 20 5 0.9", "hang"];
    let run = home.run("go", &steps, &["--name", "amber", "--budget", "$1,20 turns", "-d"]);
    let id = text_of(&run, "id");
    assert_eq!(run["budget"], "1usd, 20 turns", "{run}");
    let ended = home.wait(&id, "ended");
    assert_eq!(reason(&ended), (&json!("failed"), &json!("budget")), "{ended}");
    assert_eq!(ended["usage"]["cost_usd"], 1.3, "{ended}");
    let worktree = std::path::PathBuf::from(text_of(&ended, "worktree"));
    assert_eq!(std::fs::read_to_string(worktree.join("a")).unwrap().trim(), "half");
    eventually("what it had is in a snapshot", || {
        home.kinds(&id).iter().any(|kind| kind == "snapped")
    });
    let refused = home.skep(&["--json", "resume", "amber"]).refused(1, "budget-spent");
    let hints = refused["hints"].to_string();
    assert!(hints.contains("--budget +5usd"), "{hints}");
    // A crash of the daemon forgets none of it.
    home.kill_daemon();
    home.skep(&["--json", "resume", "amber"]).refused(1, "budget-spent");
    home.skep(&["--json", "resume", "amber", "--budget", "+soon"]).refused(2, "budget-value");
    home.skep(&["resume", "amber", "say it is enough", "--budget", "+5usd"]);
    eventually("it has begun again", || home.listed(&id)["attempt"] == 2);
    assert_eq!(home.listed(&id)["budget"], "6usd, 20 turns");
}

#[test]
fn time_at_work_and_turns_are_budgets_too() {
    let home = Home::new();
    home.repo();
    let run = home.run("go", &["write a a", "hang"], &["--budget", "1s", "-d"]);
    let ended = home.wait(&text_of(&run, "id"), "ended");
    assert_eq!(reason(&ended), (&json!("failed"), &json!("timeout")), "{ended}");
    let why = home.skep(&["why", &text_of(&run, "id")]).ok();
    assert!(why.contains("its 1s of work are over"), "{why}");
    let steps = ["write a a", "commit a", "usage 5 5 0.1", "say done"];
    let run = home.ended("one turn", &steps, &["--budget", "1 turn", "-d"]);
    assert_eq!(run["outcome"], "completed", "the turn was over, and its work done: {run}");
    home.skep(&["--json", "resume", &text_of(&run, "id")]).refused(1, "budget-spent");
}

#[test]
fn a_spent_day_begins_nothing_and_a_raised_one_lets_those_in_line_go() {
    let home = Home::new();
    home.repo();
    home.skep(&["config", "set", "budget.day", "1usd"]).ok();
    let work = ["write a a", "commit a", "usage 10 5 1.5", "say done"];
    home.ended("first", &work, &["-d"]);
    let second = home.run("second", &["write b b", "commit b", "say done"], &["-d"]);
    let id = text_of(&second, "id");
    assert_eq!(home.listed(&id)["state"], "queued");
    let why = home.skep(&["why", &id]).ok();
    assert!(why.contains("budget of the day: $1.50 of 1usd are spent"), "{why}");
    home.kill_daemon();
    assert_eq!(home.listed(&id)["state"], "queued", "the next daemon knows it too");
    let told = |home: &Home| {
        home.events()
            .iter()
            .filter(|event| {
                event["event"]["event"] == "day_budget_met" || event["kind"] == "day_budget_met"
            })
            .count()
    };
    assert_eq!(told(&home), 1, "told once");
    home.skep(&["config", "set", "budget.day", "50usd"]).ok();
    // Whoever asks for another run brings the new settings with them.
    home.run("third", &["write c c", "commit c", "say done"], &["-d"]);
    assert_eq!(home.wait(&id, "ended")["outcome"], "completed");
    assert_eq!(told(&home), 1);
    let days = home.json(&["cost", "--by", "day", "--since", "1d"]);
    assert_eq!(days["rows"].as_array().unwrap().len(), 1, "{days}");
    assert_eq!(days["total"]["cost_usd"], 1.5, "{days}");
}

#[test]
fn a_limit_that_nobody_could_hold_is_refused_with_the_ways_out() {
    let home = Home::new();
    home.repo();
    home.write(
        "c/agents/mute.toml",
        "protocol = \"plain\"\nprogram = \"sh\"\nheadless = [\"-c\", \"cat\"]\nprompt = \"stdin\"\n",
    );
    home.write(
        "c/agents/counts.toml",
        "protocol = \"scripted\"\nprogram = \"sh\"\nheadless = [\"-c\", \"cat\"]\nprompt = \"stdin\"\nusage = \"tokens\"\n",
    );
    let run = |agent: &str, budget: &str| {
        home.skep(&["--json", "run", "x", "--agent", agent, "--budget", budget, "-d"])
    };
    let refused = run("mute", "5usd").refused(2, "budget-untold");
    assert!(refused["hints"].to_string().contains("--budget 30m"), "{refused}");
    run("mute", "200k").refused(2, "budget-untold");
    run("counts", "5usd").refused(2, "budget-unpriced");
    run("counts", "a lot").refused(2, "budget-value");
    assert!(home.json(&["ls", "--all"]).as_array().unwrap().is_empty(), "nothing was made");
    run("mute", "5usd,30m").json(0);
    run("counts", "200k").json(0);
}

#[test]
fn a_price_of_yours_makes_money_of_tokens_and_says_so() {
    let home = Home::new();
    home.repo();
    let config = std::fs::read_to_string(home.at("c/config.toml")).unwrap();
    let price = "[prices.\"m*\"]\ninput = 2\noutput = 10\n";
    home.write("c/config.toml", &format!("{config}\n{price}"));
    let work = ["write a a", "commit a", "usage 1000000 100000", "say done"];
    let run = home.ended("go", &work, &["-d"]);
    assert_eq!(run["usage"]["cost_usd"], Value::Null, "nobody named a model: {run}");
    assert_eq!(run["unpriced"], true, "{run}");
}

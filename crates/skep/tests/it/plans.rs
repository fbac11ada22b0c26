//! From a task to landed work by a plan, as a person types it.

use serde_json::Value;

use crate::home::{Home, text_of};

/// The parts of a plan: a project, what it needs, and the script of who carries it out.
type Of<'a> = (&'a str, &'a [&'a str]);

/// A plan in this form, its parts played by these scripts.
fn document(groups: &[&[&str]], parts: &[Of<'_>]) -> String {
    let groups: String =
        groups.iter().map(|group| format!("  - [{}]\n", group.join(", "))).collect();
    let mut text = format!(
        "```skep-plan\nexecution_groups:\n{groups}```\n\n## Orchestration\nThe API comes first.\n"
    );
    for (project, script) in parts {
        text += &format!(
            "\n## SubPlan: {project}\n### Goal\nSearches of {project} answer by pages.\n### Scope\n- all of it\n\
             ### Changes\n1. as the script says\n\n```skep-script\n{}\n```\n\n### Validation\n- `true`\n### Risks\n\
             - Old clients send no page.\n",
            [*script, &["say done"]].concat().join("\n")
        );
    }
    text
}

/// A turn that leaves this text as the plan.
fn draft(text: &str) -> String {
    format!("draft {}\nsay the plan is there", text.trim_end().replace('\n', "\\n"))
}

/// A home with three projects in which a planner's script can be given.
struct Stage {
    home: Home,
}

impl Stage {
    fn new() -> Stage {
        let home = Home::new();
        for name in ["api", "web", "docs"] {
            home.place().repo(name);
            let path = home.at(name);
            home.json(&["project", "add", path.to_str().unwrap()]);
        }
        Stage { home }
    }

    /// Writes a task down whose planner plays these steps.
    fn task(&self, title: &str, planner: &[String]) -> String {
        let body = format!("```skep-script plan\n{}\n```\n", planner.join("\n"));
        let body = self.home.write("prompts/task.md", &body);
        text_of(&self.home.json(&["task", "add", title, "--body", &body]), "id")
    }

    fn show(&self, task: &str) -> Value {
        self.home.json(&["show", task])
    }
}

/// What stands in a file of the branch in a project.
fn on_branch(home: &Home, project: &str, branch: &str, file: &str) -> String {
    let repo = home.at(project);
    let output = skep_host::proc::Program::new("git")
        .args(["show", &format!("{branch}:{file}")])
        .cwd(&repo)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// O-1 and what follows: a draft that is no plan is sent back, the next one is taken, and two waves over three projects
/// leave one branch in each.
#[test]
fn a_task_is_planned_corrected_approved_and_carried_out_wave_by_wave() {
    let stage = Stage::new();
    let home = &stage.home;
    let plan = document(
        &[&["api"], &["web", "docs"]],
        &[
            ("api", &["write api.txt one", "commit api"]),
            ("web", &["write web.txt two", "commit web"]),
            ("docs", &["write docs.txt three", "commit docs"]),
        ],
    );
    let task = stage.task(
        "Searches answer by pages",
        &[
            "say reading".to_owned(),
            "draft nothing yet".to_owned(),
            "then".to_owned(),
            draft(&plan),
        ],
    );

    let planned = home.skep(&["--json", "plan", &task]).json(0);
    assert_eq!(planned["state"], "pending_review", "{planned}");
    assert_eq!(planned["version"], 1);
    assert_eq!(planned["warnings"][0]["kind"], "parse_error", "{planned}");
    assert_eq!(planned["waves"][1]["projects"], serde_json::json!(["web", "docs"]));
    assert_eq!(stage.show(&task)["state"], "plan_review");
    let status = home.skep(&["status"]).ok();
    assert!(status.contains(&format!("skep plan show {task}")), "{status}");

    let approved = home.json(&["approve", &task]);
    assert_eq!(approved["state"], "approved", "{approved}");
    let done = home.skep(&["--json", "implement", &task]).json(0);
    assert_eq!(done["state"], "completed", "{done:#}");
    let branch = text_of(&done, "branch");
    assert_eq!(branch, "skep/searches-answer-by-pages");
    for (project, words) in [("api", "one"), ("web", "two"), ("docs", "three")] {
        let file = format!("{project}.txt");
        assert_eq!(on_branch(home, project, &branch, &file).trim(), words);
    }
    let heads = done["parts"].as_array().unwrap();
    assert!(heads.iter().all(|part| part["head"].is_string()), "{done:#}");
    let shown = home.skep(&["show", &task]).ok();
    assert!(shown.contains("completed"), "{shown}");
}

/// The parts of a plan over two waves, each with its script.
fn two_waves(api: &[&str], web: &[&str]) -> String {
    document(&[&["api"], &["web"]], &[("api", api), ("web", web)])
}

fn part<'a>(task: &'a Value, project: &str) -> &'a Value {
    let parts = task["parts"].as_array().unwrap();
    parts.iter().find(|part| part["project"] == project).unwrap()
}

#[test]
fn a_plan_that_is_sent_back_comes_again_with_what_was_said() {
    let stage = Stage::new();
    let home = &stage.home;
    let first = two_waves(&["write a one"], &["write b one"]);
    let second = document(&[&["docs"]], &[("docs", &["write d two", "commit docs"])]);
    let task = stage.task("Pages", &[draft(&first), "then".to_owned(), draft(&second)]);
    home.skep(&["plan", &task]).ok();

    let said = home.skep(&["--json", "reject", &task]).refused(2, "words-missing");
    assert!(said["hints"][0].as_str().unwrap().contains("skep reject"), "{said}");
    home.json(&["reject", &task, "the docs are all that is wanted"]);
    home.json(&["wait", &task, "--for", "plan_review", "--timeout", "45s"]);

    let plan = home.json(&["plan", "show", &task]);
    assert_eq!(
        (&plan["version"], &plan["state"]),
        (&2.into(), &"pending_review".into()),
        "{plan:#}"
    );
    assert_eq!(plan["parts"][0]["project"], "docs");
    let old = home.json(&["plan", "show", &task, "--version", "1"]);
    assert_eq!(old["state"], "superseded");
    assert_eq!(old["feedback"], "the docs are all that is wanted");
    let inbox = home.json(&["inbox"]);
    assert_eq!((&inbox[0]["kind"], &inbox[0]["id"]), (&"plan".into(), &Value::from(task.as_str())));
}

/// What is no plan is told with its lines and kept; what is one takes the place of what stood there; nothing is nothing.
#[test]
fn a_plan_is_edited_by_a_persons_editor_and_only_while_it_waits() {
    let stage = Stage::new();
    let home = &stage.home;
    let plan = two_waves(&["write a one"], &["write b one"]);
    let task = stage.task("Pages", &[draft(&plan)]);
    home.skep(&["plan", &task]).ok();
    let seat = home.at("web");
    let edit =
        |editor: &str| home.skep_with(&seat, &[("EDITOR", editor)], &["plan", "edit", &task]);
    let events = home.events().len();

    let same = edit("true");
    assert!(same.stderr.contains("nothing was changed"), "{same:?}");
    assert_eq!(home.events().len(), events, "nothing is nothing");

    let broken = edit("sed -i s/SubPlan:.web/SubPlan:\\ wbe/");
    assert_eq!(broken.code, 1, "{broken:?}");
    assert!(broken.stdout.contains("UndeclaredSubPlans"), "{broken:?}");
    assert!(broken.stderr.contains("--file"), "{broken:?}");
    assert_eq!(home.events().len(), events);

    edit("sed -i s/answer.by.pages/answer\\ page\\ by\\ page/").ok();
    let shown = home.json(&["plan", "show", &task]);
    assert!(shown["parts"][0]["goal"].as_str().unwrap().contains("page by page"), "{shown:#}");
    assert_eq!(shown["version"], 1, "an edit is no version");

    home.json(&["approve", &task, "--from-wave", "2"]);
    home.skep(&["--json", "plan", "edit", &task]).refused(2, "no-plan-waits");
    let task = stage.show(&task);
    assert_eq!(part(&task, "api")["state"], "completed", "done by other hands: {task:#}");
}

/// O-37: the later wave is not begun by a failure, and goes on when what failed is done.
#[test]
fn what_failed_is_taken_up_again_in_its_worktree_and_the_later_wave_goes_on() {
    let stage = Stage::new();
    let home = &stage.home;
    let plan = two_waves(
        &["write a.txt half", "result failed not today", "then", "write b.txt whole", "commit api"],
        &["write c.txt web", "commit web"],
    );
    let task = stage.task("Pages", &[draft(&plan)]);
    home.skep(&["plan", &task]).ok();
    home.json(&["approve", &task]);

    let failed = home.skep(&["--json", "implement", &task]).json(4);
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert_eq!(part(&failed, "web")["state"], "pending");
    let run = text_of(part(&failed, "api"), "run");
    let inbox = home.json(&["inbox"]);
    let kinds: Vec<&Value> = inbox.as_array().unwrap().iter().map(|it| &it["kind"]).collect();
    assert!(kinds.iter().any(|kind| *kind == "failure"), "{inbox:#}");

    let done = home.skep(&["--json", "implement", &task]).json(0);
    assert_eq!(done["state"], "completed", "{done:#}");
    assert_eq!(part(&done, "api")["run"], run, "the same worktree");
    let branch = text_of(&done, "branch");
    assert_eq!(on_branch(home, "api", &branch, "a.txt").trim(), "half");
    assert_eq!(on_branch(home, "web", &branch, "c.txt").trim(), "web");
}

/// O-33: a stop in the middle of a wave leaves everything where it is, and `implement` goes on there.
#[test]
fn work_that_was_stopped_goes_on_in_the_same_worktrees() {
    let stage = Stage::new();
    let home = &stage.home;
    let plan = two_waves(
        &["write a.txt half", "hang", "then", "write b.txt whole", "commit api"],
        &["write c.txt web", "commit web"],
    );
    let task = stage.task("Pages", &[draft(&plan)]);
    home.skep(&["plan", &task]).ok();
    home.json(&["approve", &task]);
    home.json(&["implement", &task, "-d"]);
    crate::home::eventually("the first wave is at work", || {
        part(&stage.show(&task), "api")["run_state"] == "running"
    });
    let before = stage.show(&task);
    let run = text_of(part(&before, "api"), "run");

    home.skep(&["stop", &task]).ok();
    home.json(&["wait", &task, "--timeout", "45s"]);
    let rests = stage.show(&task);
    assert_eq!(part(&rests, "api")["rests"], true, "{rests:#}");
    assert_eq!(rests["waits_for"]["on"], "person", "{rests:#}");

    let done = home.skep(&["--json", "implement", &task]).json(0);
    assert_eq!(done["state"], "completed", "{done:#}");
    assert_eq!(part(&done, "api")["run"], run);
    assert_eq!(on_branch(home, "api", &text_of(&done, "branch"), "a.txt").trim(), "half");
}

/// O-32: one project that is not there, and nothing is wished of any.
#[test]
fn a_project_that_stands_in_the_way_changes_nothing() {
    let stage = Stage::new();
    let home = &stage.home;
    let plan = two_waves(&["write a one", "commit a"], &["write b one", "commit b"]);
    let task = stage.task("Pages", &[draft(&plan)]);
    home.skep(&["plan", &task]).ok();
    home.json(&["approve", &task]);
    let events = home.events().len();

    std::fs::rename(home.at("web"), home.at("gone")).unwrap();
    let refused = home.skep(&["--json", "implement", &task]).refused(2, "repository-missing");
    assert!(refused["message"].as_str().unwrap().contains("web"), "{refused}");
    assert_eq!(home.events().len(), events, "the state is unchanged");
    assert_eq!(stage.show(&task)["state"], "approved");

    std::fs::rename(home.at("gone"), home.at("web")).unwrap();
    let done = home.skep(&["--json", "implement", &task]).json(0);
    assert_eq!(done["state"], "completed", "{done:#}");
}

/// Nothing came of it: the task stands where it stood, and what to do is told.
#[test]
fn a_planning_that_comes_to_nothing_is_told_with_a_code_of_its_own() {
    let stage = Stage::new();
    let home = &stage.home;
    let task = stage.task("Pages", &["result failed I cannot".to_owned()]);
    let failed = home.skep(&["plan", &task]);
    assert_eq!(failed.code, 4, "{failed:?}");
    assert!(failed.stderr.contains("error[plan-failed]"), "{failed:?}");
    assert!(failed.stderr.contains("I cannot"), "{failed:?}");
    assert_eq!(stage.show(&task)["state"], "ingested");
}

//! From a task to landed work by a plan, as a person types it.

use std::{fs, path::Path};

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
    assert!(Path::new(&home.root()).exists() && fs::metadata(home.root()).is_ok());
}

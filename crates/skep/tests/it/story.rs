//! A plan from its task to the heads on the remotes: three repositories, two waves, a draft that is sent back, a part that
//! leaves something uncommitted, one that a review sends back, a question for the foreman and one for a person, and a remote
//! that refuses once.
//!
//! Owns: the stage, who plays what on it, and what must be the same at its end however it went. Never: ends a process.

mod killed;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use skep_testkit::Repo;

use crate::home::{DEADLINE, Home, eventually, text_of};

/// The repositories, in the order of their names.
const PROJECTS: [&str; 3] = ["api", "docs", "web"];

/// What each part does at its first turn, and what when it is told that something is amiss.
const PARTS: [(&str, &[&str]); 3] = [
    (
        "api",
        &[
            "consult 600000 How many rows has a page?",
            "append rows.txt {answer}",
            "append count once",
            "commit api answers by pages",
            "say done",
            "then",
            "append reviewed.txt yes",
            "commit say how many there are",
            "say mended",
            "```",
            "",
            "```skep-script review",
            "verdict major rows.txt:1 how many there are is missing",
            "```",
            "",
            "```skep-script review",
            "say NO_CRITIQUES",
        ],
    ),
    (
        "docs",
        &[
            "consult 600000 May a page be empty?",
            "append empty.txt {answer}",
            "append count once",
            "commit docs tell of pages",
            "say done",
            "then",
            "write mended.txt yes",
            "commit mend what the remote missed",
            "say mended",
        ],
    ),
    (
        "web",
        &[
            "append count once",
            "commit web asks for pages",
            "write rest.txt left over",
            "say done",
            "then",
            "commit what was left over",
            "say committed",
        ],
    ),
];

/// What the foreman says, one turn a question.
const FOREMAN: &[&str] = &[
    "say Ten, by the orchestration.\\n\\nCONFIDENCE: high",
    "then",
    "say I would say yes.\\n\\nCONFIDENCE: uncertain",
];

/// What the person says to the question that the foreman leaves to them.
const ANSWER: &str = "no, never";

/// A remote that takes nothing in which this file is not.
const PRE_RECEIVE: &str = "#!/bin/sh\nwhile read old new ref; do\n\
    git cat-file -e \"$new:mended.txt\" 2>/dev/null || { echo 'mended.txt is missing'; exit 1; }\ndone\n";

/// Two waves over the three repositories, with a script for each part.
pub(crate) fn document(parts: &[(&str, &[&str])]) -> String {
    let mut text = "```skep-plan\nexecution_groups:\n  - [api]\n  - [web, docs]\n```\n\n\
        ## Orchestration\nThe API comes first.\n"
        .to_owned();
    for (project, script) in parts {
        text += &format!(
            "\n## SubPlan: {project}\n### Goal\nSearches of {project} answer by pages.\n### Scope\n- all of it\n\
             ### Changes\n1. as the script says\n\n```skep-script\n{}\n```\n\n### Validation\n- `true`\n### Risks\n\
             - Old clients send no page.\n",
            script.join("\n")
        );
    }
    text
}

/// A step that leaves this text as the plan.
pub(crate) fn draft(text: &str) -> String {
    format!("draft {}", text.trim_end().replace('\n', "\\n"))
}

/// The stage: a home in which the task is written down and nobody is at work.
pub(crate) struct Story {
    pub(crate) home: Home,
    pub(crate) task: String,
}

impl Story {
    /// Sets the stage for the whole story.
    pub(crate) fn new() -> Story {
        let planner =
            ["draft nothing yet", "say drafted", "then", &draft(&document(&PARTS)), "say planned"];
        Story::of(Home::new(), &planner)
    }

    /// Sets it for a planner that plays these steps.
    pub(crate) fn of(home: Home, planner: &[&str]) -> Story {
        for name in PROJECTS {
            let remote = home.place().bare(&format!("{name}.git"));
            let repo = home.place().repo(name);
            repo.git(&["remote", "add", "origin", remote.path().to_str().unwrap()]);
            repo.git(&["push", "-q", "-u", "origin", "main"]);
            home.json(&["project", "add", repo.path().to_str().unwrap()]);
        }
        let hook = home.at("docs.git/hooks/pre-receive");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, PRE_RECEIVE).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let body = format!(
            "```skep-script plan\n{}\n```\n\n```skep-script foreman\n{}\n```\n",
            planner.join("\n"),
            FOREMAN.join("\n")
        );
        let body = home.write("prompts/task.md", &body);
        let task = home.json(&["task", "add", "Searches answer by pages", "--body", &body]);
        Story { task: text_of(&task, "id"), home }
    }

    /// Plays it to its end; a daemon that dies in it is followed by the next.
    #[track_caller]
    pub(crate) fn play(&self) {
        self.home.skep(&["plan", &self.task, "-d"]).ok();
        self.until("plan_review");
        self.home.skep(&["approve", &self.task]).ok();
        self.home.skep(&["implement", &self.task, "-d"]).ok();
        self.answers();
        self.until("completed");
    }

    /// Answers the one question that is left to a person.
    #[track_caller]
    fn answers(&self) {
        let mut question = Value::Null;
        eventually("a person is asked", || {
            let open = self.home.json(&["questions"]);
            let mut open = open.as_array().unwrap().iter();
            question = open.find(|it| it["state"] == "escalated").cloned().unwrap_or_default();
            question.is_object()
        });
        assert_eq!(question["text"], "May a page be empty?", "{question:#}");
        self.home.skep(&["answer", &text_of(&question, "id"), ANSWER]).ok();
    }

    /// Waits until the task is in a state.
    #[track_caller]
    pub(crate) fn until(&self, state: &str) -> Value {
        let until = Instant::now() + DEADLINE;
        loop {
            let task = self.show();
            if task["state"] == state {
                return task;
            }
            assert!(Instant::now() < until, "in vain waited for {state}: {task:#}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The task as it is now.
    #[track_caller]
    pub(crate) fn show(&self) -> Value {
        self.home.json(&["show", &self.task])
    }

    /// The part of a project, as it is now.
    #[track_caller]
    pub(crate) fn part(&self, project: &str) -> Value {
        let task = self.show();
        let parts = task["parts"].as_array().unwrap();
        let found = parts.iter().find(|part| part["project"] == project);
        found.unwrap_or_else(|| panic!("{project} is no part of {task:#}")).clone()
    }

    fn remote(&self, project: &str) -> Repo<'_> {
        self.home.place().at(format!("{project}.git"))
    }

    /// What must be the same however often a daemon died: nothing of it is an id, a time or a commit's name.
    #[track_caller]
    pub(crate) fn end(&self) -> Value {
        let task = self.show();
        let branch = text_of(&task, "branch");
        let mut parts = Vec::new();
        for part in task["parts"].as_array().unwrap() {
            let project = text_of(part, "project");
            let (repo, remote) = (self.home.place().at(&project), self.remote(&project));
            let head = text_of(part, "head");
            assert_eq!(head, remote.oid(&branch), "{project}: what is told is what is there");
            assert_eq!(head, repo.oid(&branch), "{project}: and what stands here");
            let range = format!("main..{branch}");
            let branches = remote.branches();
            let run = self.home.listed(&text_of(part, "run"));
            let worktree = PathBuf::from(text_of(&run, "worktree"));
            let left = worktree.exists().then(|| self.home.place().at(&worktree).status());
            parts.push(json!({
                "project": project,
                "state": part["state"],
                "outcome": part["outcome"],
                "attempt": part["attempt"],
                "subjects": remote.git(&["log", "--format=%s", &range]),
                "answers": self.answered(&text_of(part, "run")),
                "files": remote.git(&["ls-tree", "--name-only", &branch]),
                "count": remote.git(&["show", &format!("{branch}:count")]),
                "tree": remote.git(&["rev-parse", &format!("{branch}^{{tree}}")]),
                "branches": branches,
                "left": left,
                "run": of_interest(self.home.kinds(&text_of(part, "run"))),
            }));
        }
        let planner = text_of(&task, "planner");
        json!({
            "state": task["state"],
            "plan": self.home.json(&["plan", "show", &self.task])["document"],
            "version": task["version"],
            "warnings": task["warnings"],
            "waves": task["waves"],
            "failed": task["failed"],
            "parts": parts,
            "planner": of_interest(self.home.kinds(&planner)),
            "events": sorted(self.home.kinds(&self.task)),
            "runs": self.home.json(&["ls", "--all"]).as_array().unwrap().len(),
        })
    }

    /// What was asked by a run, and who answered what: each once.
    fn answered(&self, run: &str) -> Vec<Value> {
        let asked = self.home.json(&["questions", run, "--all"]);
        let told = |it: &Value| json!([it["text"], it["answer"], it["answered_by"], it["state"]]);
        asked.as_array().unwrap().iter().map(told).collect()
    }

    /// What the ledger says of the task is what is known of it: the next daemon knows nothing else.
    #[track_caller]
    pub(crate) fn replays(&self) {
        self.home.at_rest();
        let before = self.show();
        let events = self.home.events();
        self.home.kill_daemon();
        assert_eq!(self.show(), before, "the next daemon");
        assert_eq!(self.home.events(), events, "nothing was done by that");
        assert_eq!(self.home.doctor(), Vec::<Value>::new());
    }
}

/// What a run went through; how often it spoke is its own affair.
fn of_interest(kinds: Vec<String>) -> Vec<String> {
    let all = ["created", "prepared", "started", "ended"];
    sorted(kinds.into_iter().filter(|kind| all.contains(&kind.as_str())).collect())
}

/// Parts that go side by side come in any order.
fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all
}

#[test]
fn a_plan_goes_from_its_task_to_exactly_its_heads_on_three_remotes() {
    let story = Story::new();
    story.play();
    let end = story.end();
    let part = |nth: usize| &end["parts"][nth];
    let told = |nth: usize| (part(nth)["project"].clone(), part(nth)["attempt"].clone());
    assert_eq!(told(0), ("api".into(), 2.into()), "{end:#}");
    let api =
        json!(["How many rows has a page?", "Ten, by the orchestration.", "foreman", "answered"]);
    assert_eq!(part(0)["answers"], json!([api]), "{end:#}");
    let mut second = [told(1), told(2)];
    second.sort_by_key(|(project, _)| project.to_string());
    assert_eq!(second, [("docs".into(), 2.into()), ("web".into(), 2.into())], "{end:#}");
    for nth in 0..3 {
        assert_eq!(part(nth)["count"], "once", "{end:#}");
        assert!(part(nth)["left"].is_null() || part(nth)["left"] == "", "{end:#}");
        assert_eq!(part(nth)["branches"].as_array().unwrap().len(), 2, "{end:#}");
    }
    let subjects: Vec<&str> = (0..3).filter_map(|nth| part(nth)["subjects"].as_str()).collect();
    for subject in [
        "say how many there are\napi answers by pages",
        "mend what the remote missed\ndocs tell of pages",
        "what was left over\nweb asks for pages",
    ] {
        assert!(subjects.contains(&subject), "{subject}: {end:#}");
    }
    let ready = end["events"].as_array().unwrap().iter().filter(|kind| *kind == "sub_plan_ready");
    assert_eq!(ready.count(), 3, "once per head: {end:#}");
    let branch = text_of(&story.show(), "branch");
    let rows = story.remote("api").git(&["show", &format!("{branch}:rows.txt")]);
    assert_eq!(rows, "Ten, by the orchestration.", "the answer reached its work");
    let docs = (1..3).map(part).find(|part| part["project"] == "docs").unwrap();
    let asked = json!(["May a page be empty?", ANSWER, "person", "answered"]);
    assert_eq!(docs["answers"], json!([asked]), "{end:#}");
    let times =
        |kind: &str| end["events"].as_array().unwrap().iter().filter(|it| *it == kind).count();
    assert_eq!((times("review_started"), times("review_passed"), times("rework_asked")), (4, 3, 1));
    assert_eq!((times("foreman_turned"), times("foreman_replied")), (2, 2), "{end:#}");
    story.replays();
}

//! What is reviewed and asked while a plan is carried out: with real git, real processes, and agents that play a script.
//!
//! Owns: rounds of reviews and questions as a home sees them. Never: the decisions themselves; those are held in the core.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use skep_testkit::Repo;

use crate::{
    home::{DEADLINE, Home, eventually, text_of},
    story::draft,
};

/// How long an agent waits for an answer that comes in time. Milliseconds.
const LONG: &str = "600000";

/// A part of a plan: what its author plays, and what each of its reviewers does.
struct Part<'a> {
    project: &'a str,
    author: &'a [&'a str],
    reviews: &'a [&'a [&'a str]],
}

impl<'a> Part<'a> {
    fn of(project: &'a str, author: &'a [&'a str]) -> Part<'a> {
        Part { project, author, reviews: &[] }
    }

    fn text(&self) -> String {
        let block =
            |of: &str, steps: &[&str]| format!("```skep-script{of}\n{}\n```\n\n", steps.join("\n"));
        let reviews: String = self.reviews.iter().map(|steps| block(" review", steps)).collect();
        format!(
            "\n## SubPlan: {}\n### Goal\nSearches answer by pages.\n### Scope\n- all of it\n### Changes\n\
             1. as the script says\n\n{}{reviews}### Validation\n- `true`\n### Risks\n- Old clients send no page.\n",
            self.project,
            block("", self.author),
        )
    }
}

/// A home in which a plan of one wave is carried out.
struct Round {
    home: Home,
    task: String,
}

impl Round {
    /// Has these parts planned, approved and begun; the foreman plays these steps.
    fn begun(home: Home, parts: &[Part<'_>], foreman: &[&str]) -> Round {
        let names: Vec<&str> = parts.iter().map(|part| part.project).collect();
        for name in &names {
            let remote = home.place().bare(&format!("{name}.git"));
            let repo = home.place().repo(name);
            repo.git(&["remote", "add", "origin", remote.path().to_str().unwrap()]);
            repo.git(&["push", "-q", "-u", "origin", "main"]);
            home.json(&["project", "add", repo.path().to_str().unwrap()]);
        }
        let mut plan = format!(
            "```skep-plan\nexecution_groups:\n  - [{}]\n```\n\n## Orchestration\nA page has ten rows.\n",
            names.join(", ")
        );
        plan.extend(parts.iter().map(Part::text));
        let body = format!(
            "```skep-script plan\n{}\nsay planned\n```\n\n```skep-script foreman\n{}\n```\n",
            draft(&plan),
            foreman.join("\n")
        );
        let body = home.write("prompts/task.md", &body);
        let task = home.json(&["task", "add", "Searches answer by pages", "--body", &body]);
        let round = Round { task: text_of(&task, "id"), home };
        round.home.skep(&["plan", &round.task]).ok();
        round.home.json(&["approve", &round.task]);
        round.home.json(&["implement", &round.task, "-d"]);
        round
    }

    fn show(&self) -> Value {
        self.home.json(&["show", &self.task])
    }

    /// Waits until the task is in a state.
    #[track_caller]
    fn until(&self, state: &str) -> Value {
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

    #[track_caller]
    fn part(&self, project: &str) -> Value {
        let task = self.show();
        let parts = task["parts"].as_array().unwrap();
        parts.iter().find(|part| part["project"] == project).unwrap().clone()
    }

    /// Events of a kind about the task, in their order.
    fn told(&self, kind: &str) -> Vec<Value> {
        self.of(&self.task, kind)
    }

    /// Events of a kind about a task or a run, in their order.
    fn of(&self, subject: &str, kind: &str) -> Vec<Value> {
        let about = |event: &Value| event["subject"] == subject && event["event"]["event"] == kind;
        let events = self.home.events().into_iter().filter(about);
        events.map(|event| event["event"].clone()).collect()
    }

    fn remote(&self, project: &str) -> Repo<'_> {
        self.home.place().at(format!("{project}.git"))
    }

    /// What stands in a file of what was handed over.
    fn handed(&self, project: &str, file: &str) -> String {
        let branch = text_of(&self.show(), "branch");
        self.remote(project).git(&["show", &format!("{branch}:{file}")])
    }

    /// The question of the task that is open now.
    #[track_caller]
    fn escalated(&self) -> Value {
        let mut found = Value::Null;
        eventually("a person is asked", || {
            let all = self.home.json(&["questions"]);
            let mut all = all.as_array().unwrap().iter();
            found = all.find(|it| it["state"] == "escalated").cloned().unwrap_or_default();
            found.is_object()
        });
        found
    }

    /// What a run was told in its attempts, as its prompts and its journals have it.
    fn heard(&self, run: &str) -> String {
        let dir = self.home.root().join("runs").join(run);
        let later = (1..=9).flat_map(|nth: u32| {
            ["prompt.md", "journal.jsonl"].map(|name| dir.join(nth.to_string()).join(name))
        });
        let files = std::iter::once(dir.join("prompt.md")).chain(later);
        files.filter_map(|file| fs::read_to_string(file).ok()).collect()
    }
}

const MENDS: &[&str] = &[
    "write page.txt one",
    "commit pages",
    "say done",
    "then",
    "write count.txt ten",
    "commit count them",
    "say mended",
];

/// Case O-41.
#[test]
fn what_a_review_finds_its_author_mends_and_the_head_that_passed_is_handed_over() {
    let api = Part {
        project: "api",
        author: MENDS,
        reviews: &[
            &["verdict major page.txt:1 how many there are is missing | nit - a matter of taste"],
            &["say NO_CRITIQUES"],
        ],
    };
    let round = Round::begun(Home::new(), &[api], &[]);
    round.until("completed");
    let (home, part) = (&round.home, round.part("api"));
    let branch = text_of(&round.show(), "branch");

    let begun = round.told("review_started");
    let numbers: Vec<&Value> = begun.iter().map(|event| &event["cycle"]).collect();
    assert_eq!(numbers, [&json!(1), &json!(2)], "{begun:#?}");
    let repo = home.place().at("api");
    assert_eq!(begun[0]["head"], repo.oid(&format!("{branch}~1")), "{begun:#?}");
    assert_eq!(begun[1]["head"], repo.oid(&branch), "{begun:#?}");
    assert_eq!(part["head"], begun[1]["head"], "what passed");
    assert_eq!(text_of(&part, "head"), round.remote("api").oid(&branch), "is what is there");

    let author = text_of(&part, "run");
    assert_eq!(home.listed(&author)["attempt"], 2, "the same conversation");
    assert!(round.heard(&author).contains("how many there are is missing"));
    let found = round.told("critiques_found");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["critiques"][0]["severity"], "major", "{found:#?}");
    assert_eq!((found[0]["critiques"][0]["line"].as_u64()), Some(1), "{found:#?}");
    let reviewers: Vec<String> = begun.iter().map(|event| text_of(event, "run")).collect();
    assert_ne!(reviewers[0], reviewers[1], "each review is by somebody new");
    let second = round.heard(&reviewers[1]);
    assert!(second.contains("This is review 2 of the part."), "{second}");
    assert!(second.contains("how many there are is missing"), "it hears what was found: {second}");
    for reviewer in &reviewers {
        assert_ne!(*reviewer, author);
        eventually("its worktree is given back", || {
            let run = home.listed(reviewer);
            run["worktree"].as_str().is_none_or(|path| !PathBuf::from(path).exists())
        });
    }
    assert_eq!(repo.branches().len(), 2, "no branch but the work's: {:?}", repo.branches());
    home.no_agents();
}

/// Case O-41.
#[test]
fn reviews_are_counted_over_the_death_of_the_daemon() {
    let home = Home::with_limits("[review]\nmax_cycles = 2\n");
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let finds = "verdict major - it is wrong";
    let api = Part { project: "api", author: MENDS, reviews: &[&[finds], &[&wait, finds]] };
    let round = Round::begun(home, &[api], &[]);
    eventually("the second review is under way", || {
        let begun = round.told("review_started");
        let second = begun.get(1).map(|event| text_of(event, "run"));
        second.is_some_and(|run| {
            let all = round.home.json(&["ls", "--all"]);
            let run = all.as_array().unwrap().iter().find(|it| it["id"] == *run).cloned();
            run.is_some_and(|run| run["state"] == "running")
        })
    });
    round.home.kill_daemon();
    fs::write(&go, "").unwrap();
    round.until("reviewing");
    assert_eq!(round.told("review_started").len(), 2);
    assert_eq!(round.told("rework_asked").len(), 1);
    let part = round.part("api");
    assert_eq!(part["state"], "escalated", "{part:#}");
    assert!(text_of(&part, "text").contains("2 reviews did not settle it"), "{part:#}");
    round.home.no_agents();
}

/// Case O-45.
#[test]
fn what_a_reviewer_changes_goes_with_it_and_its_word_counts_for_nothing() {
    let spoils: &[&str] = &["append page.txt spoiled", "write more.txt mine", "verdict none"];
    let author: &[&str] = &["write page.txt one", "commit pages", "say done"];
    let commits = [spoils, &["commit I know better"]].concat();
    let left: &[&str] = &["page.txt", "more.txt"];
    for (what, reviews, named) in
        [("left as it is", spoils, left), ("committed", &commits, &["HEAD moved"])]
    {
        let api = Part { project: "api", author, reviews: &[reviews] };
        let round = Round::begun(Home::new(), &[api], &[]);
        round.until("reviewing");
        let part = round.part("api");
        assert_eq!(part["state"], "escalated", "{what}: {part:#}");
        let failed = round.told("review_failed");
        assert_eq!(failed.len(), 1, "{what}: {failed:#?}");
        let text = text_of(&failed[0], "text");
        assert!(named.iter().all(|name| text.contains(name)), "{what}: {text}");
        assert_eq!(round.told("review_passed").len(), 0, "{what}");

        let begun = round.told("review_started");
        let head = text_of(&begun[0], "head");
        let repo = round.home.place().at("api");
        assert_eq!(repo.oid(&text_of(&round.show(), "branch")), head, "{what}");
        let worktree = text_of(&round.home.listed(&text_of(&part, "run")), "worktree");
        let worktree = round.home.place().at(&worktree);
        assert_eq!((worktree.oid("HEAD"), worktree.status()), (head, String::new()), "{what}");
        assert_eq!(worktree.git(&["show", "HEAD:page.txt"]), "one", "{what}");
        round.home.no_agents();
    }
}

/// Case O-38.
#[test]
fn a_review_without_a_verdict_is_asked_for_it_once_and_then_a_person_is() {
    let reviews: &[&[&str]] = &[&["say I looked.", "then", "say It looks fine to me."]];
    let author: &[&str] = &["write page.txt one", "commit pages", "say done"];
    let round = Round::begun(Home::new(), &[Part { project: "api", author, reviews }], &[]);
    round.until("reviewing");
    assert_eq!(round.told("verdict_asked").len(), 1);
    let failed = round.told("review_failed");
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(failed[0]["text"], "its reviewer gave no verdict");
    let reviewer = text_of(&round.told("review_started")[0], "run");
    assert_eq!(round.home.listed(&reviewer)["attempt"], 2, "in its own conversation");
    assert_eq!(round.part("api")["state"], "escalated");
    assert_eq!(round.remote("api").branches(), ["main"], "nothing is handed over");
    round.home.no_agents();
}

/// Asks the foreman how many rows a page has, and writes that down.
fn asks<'a>(question: &'a str, before: &'a [&'a str]) -> Vec<&'a str> {
    let after = ["append page.txt {answer}", "commit pages", "say done"];
    before.iter().copied().chain([question]).chain(after).collect()
}

/// Case O-46.
#[test]
fn a_foreman_that_is_sure_answers_in_place_of_a_person() {
    let question = format!("consult {LONG} How many rows has a page?");
    let author = asks(&question, &[]);
    let foreman = ["say Ten: the orchestration says so.\\n\\nCONFIDENCE: high"];
    let round = Round::begun(Home::new(), &[Part::of("api", &author)], &foreman);
    round.until("completed");
    assert_eq!(round.handed("api", "page.txt"), "Ten: the orchestration says so.");
    let run = text_of(&round.part("api"), "run");
    assert_eq!(round.of(&run, "question_escalated").len(), 0, "no person was asked");
    let all = round.home.json(&["questions", &run, "--all"]);
    assert_eq!(all[0]["answered_by"], "foreman", "{all:#}");
    assert_eq!(round.told("learned").len(), 1);
    round.home.no_agents();
}

/// Case O-47.
#[test]
fn what_a_foreman_is_not_sure_of_a_person_answers_and_the_next_question_does_not_wait() {
    let home = Home::new();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let first = format!("consult {LONG} May a page be empty?");
    let second = format!("consult {LONG} How many rows has a page?");
    let waits = [wait.as_str()];
    let (api, web) = (asks(&first, &[]), asks(&second, &waits));
    let foreman = [
        "say I would say yes.\\n\\nCONFIDENCE: uncertain",
        "then",
        "say Ten, by the plan.\\n\\nCONFIDENCE: high",
    ];
    let parts = [Part::of("api", &api), Part::of("web", &web)];
    let round = Round::begun(home, &parts, &foreman);
    let question = round.escalated();
    assert_eq!(question["text"], "May a page be empty?", "{question:#}");
    let run = text_of(&round.part("api"), "run");
    let escalated = round.of(&run, "question_escalated");
    assert_eq!(escalated[0]["proposal"], "I would say yes.", "{escalated:#?}");

    fs::write(&go, "").unwrap();
    eventually("the other part is done", || round.part("web")["state"] == "completed");
    assert_eq!(round.part("api")["state"], "in_progress", "it waits for a person");
    round.home.json(&["answer", &text_of(&question, "id"), "no, never"]);
    round.until("completed");
    assert_eq!(round.handed("api", "page.txt"), "no, never");
    assert_eq!(round.handed("web", "page.txt"), "Ten, by the plan.");
    let turns = round.told("foreman_turned");
    assert_eq!(turns.len(), 2, "{turns:#?}");
    assert_eq!(turns[0]["run"], turns[1]["run"], "one conversation: {turns:#?}");
    round.home.no_agents();
}

/// Case O-51, as far as the foreman goes.
#[test]
fn a_daemon_that_dies_while_the_foreman_thinks_costs_no_answer_and_gives_none_twice() {
    let home = Home::new();
    let go = home.at("go");
    let wait = format!("wait-for {}", go.display());
    let question = format!("consult {LONG} How many rows has a page?");
    let author = asks(&question, &[]);
    let foreman = [wait.as_str(), "say Ten.\\n\\nCONFIDENCE: high"];
    let round = Round::begun(home, &[Part::of("api", &author)], &foreman);
    eventually("the foreman thinks", || {
        let turned = round.told("foreman_turned");
        let run = turned.first().map(|event| text_of(event, "run"));
        let all = round.home.json(&["ls", "--all"]);
        let is_it = |it: &&Value| Some(text_of(it, "id")) == run;
        all.as_array().unwrap().iter().find(is_it).is_some_and(|it| it["state"] == "running")
    });
    round.home.kill_daemon();
    fs::write(&go, "").unwrap();
    round.until("completed");
    assert_eq!(round.handed("api", "page.txt"), "Ten.", "once");
    let run = text_of(&round.part("api"), "run");
    assert_eq!(round.of(&run, "question_answered").len(), 1);
    assert_eq!(round.told("foreman_replied").len(), 1);
    assert_eq!(round.home.doctor(), Vec::<Value>::new());
    round.home.no_agents();
}

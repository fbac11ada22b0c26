//! What a person says of parts that no review settled, and of what a foreman proposes, as it is typed and as it is shown.

use serde_json::Value;

use crate::home::{Home, eventually, text_of};

/// A part of a plan: its project, and the blocks of scripts that its author and its reviewers play.
type Of<'a> = (&'a str, &'a [&'a str]);

/// A plan of one wave.
fn document(parts: &[Of<'_>]) -> String {
    let names: Vec<&str> = parts.iter().map(|(project, _)| *project).collect();
    let mut text = format!(
        "```skep-plan\nexecution_groups:\n  - [{}]\n```\n\n## Orchestration\nTogether.\n",
        names.join(", ")
    );
    for (project, blocks) in parts {
        text += &format!(
            "\n## SubPlan: {project}\n### Goal\nPages of {project}.\n### Scope\n- a\n### Changes\n1. b\n\n{}\n\n### Validation\n- `true`\n### Risks\n- d\n",
            blocks.join("\n\n")
        );
    }
    text
}

/// What an author does, turn by turn.
fn author(steps: &[&str]) -> String {
    let turns: Vec<String> =
        steps.split(|step| *step == "then").map(|turn| turn.join("\n") + "\nsay done").collect();
    format!("```skep-script\n{}\n```", turns.join("\nthen\n"))
}

fn reviewer(step: &str) -> String {
    format!("```skep-script review\n{step}\n```")
}

/// A home with these projects and these lines of settings.
fn home(projects: &[&str], settings: &str) -> Home {
    let home = Home::with_limits(settings);
    for name in projects {
        home.place().repo(name);
        let path = home.at(name);
        home.json(&["project", "add", path.to_str().unwrap()]);
    }
    home
}

/// A task whose plan has these parts, and is approved; its foreman plays this.
fn approved(home: &Home, parts: &[Of<'_>], foreman: &str) -> String {
    let draft = document(parts).trim_end().replace('\n', "\\n");
    let planner = format!("```skep-script plan\ndraft {draft}\nsay it is there\n```\n");
    let body = format!("{planner}\n```skep-script foreman\n{foreman}\n```\n");
    let body = home.write("prompts/task.md", &body);
    let title = "Pages";
    let task = text_of(&home.json(&["task", "add", title, "--body", &body]), "id");
    home.skep(&["plan", &task]).ok();
    home.json(&["approve", &task]);
    task
}

fn part<'a>(task: &'a Value, project: &str) -> &'a Value {
    let parts = task["parts"].as_array().unwrap();
    parts.iter().find(|part| part["project"] == project).unwrap()
}

/// The words of each critique of a cycle.
fn found(part: &Value, cycle: usize) -> Vec<String> {
    let critiques = part["review"]["cycles"][cycle]["critiques"].as_array().unwrap();
    critiques.iter().map(|critique| text_of(critique, "text")).collect()
}

fn over(home: &Home, task: &str) -> Value {
    home.json(&["wait", task, "--timeout", "45s"]);
    home.json(&["show", task])
}

/// What is in the inbox of this kind.
fn inbox(home: &Home, kind: &str) -> Vec<Value> {
    let items = home.json(&["inbox"]);
    items.as_array().unwrap().iter().filter(|item| item["kind"] == kind).cloned().collect()
}

const ONE: &str = "[review]\nmax_cycles = 1\n";

#[test]
fn a_part_that_no_review_settled_goes_back_with_a_persons_words_and_passes_then() {
    let home = home(&["api"], ONE);
    let work = author(&["write a.txt one", "commit a", "then", "write a.txt two", "commit b"]);
    let blocks =
        [work.as_str(), &reviewer("verdict major a.txt:1 it leaks"), &reviewer("verdict none")];
    let task = approved(&home, &[("api", &blocks)], "say no");
    let waits = home.skep(&["--json", "implement", &task]).json(1);
    assert_eq!(waits["state"], "reviewing", "{waits:#}");
    let api = part(&waits, "api");
    assert_eq!((&api["state"], found(api, 0)), (&"escalated".into(), vec!["it leaks".to_owned()]));
    assert_eq!(api["review"]["said"], "review 1 of 1: 1 major in a.txt:1", "{api:#}");
    assert_eq!(waits["waits_for"]["on"], "person");

    let ways = [
        format!("skep approve {task}"),
        format!("skep reject {task} TEXT"),
        format!("skep review {task}"),
    ];
    let item = inbox(&home, "review").remove(0);
    assert_eq!((&item["id"], &item["project"]), (&task.as_str().into(), &"api".into()), "{item:#}");
    assert!(text_of(&item, "text").contains("major a.txt:1: it leaks"), "{item:#}");
    for screen in [vec!["show", &task], vec!["inbox"]] {
        let shown = home.skep(&screen).ok();
        for way in &ways {
            assert!(shown.contains(way.as_str()), "{way}: {shown}");
        }
    }
    let shown = home.skep(&["review", &task, "--show"]).ok();
    assert!(shown.contains("major a.txt:1: it leaks"), "{shown}");
    assert!(home.skep(&["status"]).ok().contains(&format!("skep approve {task}")));
    // Nothing of it is to be landed or closed by hand.
    let reviewer = text_of(&api["review"]["cycles"][0], "run");
    home.skep(&["--json", "land", &reviewer]).error(1);

    home.json(&["reject", &task, "keep the old name"]);
    let done = over(&home, &task);
    assert_eq!(done["state"], "completed", "{done:#}");
    let api = part(&done, "api");
    assert_eq!((&api["review"]["used"], &api["review"]["granted"]), (&2.into(), &1.into()));
    assert_eq!(api["review"]["said"], "review 2 of 2: passed");
    let prompts = home.root().join("runs").join(text_of(api, "run"));
    let heard = std::fs::read_to_string(prompts.join("2/prompt.md")).unwrap();
    assert!(heard.contains("keep the old name") && heard.contains("it leaks"), "{heard}");
    assert!(inbox(&home, "review").is_empty());
    home.no_agents();
}

#[test]
fn a_part_is_named_where_more_than_one_waits_and_is_taken_or_given_up() {
    let home = home(&["api", "web"], ONE);
    let reviewer = reviewer("verdict critical - it is all wrong");
    let (api, web) =
        (author(&["write a.txt one", "commit a"]), author(&["write b.txt one", "commit b"]));
    let parts: [Of<'_>; 2] = [("api", &[&api, &reviewer]), ("web", &[&web, &reviewer])];
    let task = approved(&home, &parts, "say no");
    let waits = home.skep(&["--json", "implement", &task]).json(1);
    assert_eq!(inbox(&home, "review").len(), 2, "{waits:#}");

    let which = home.skep(&["--json", "approve", &task]).refused(2, "part-needed");
    assert!(which["message"].as_str().unwrap().contains("api, web"), "{which}");
    home.skep(&["--json", "approve", &task, "--part", "ops"]).refused(2, "part-unknown");
    let name = text_of(part(&waits, "api"), "run");
    let taken = home.json(&["approve", &name, "good enough"]);
    assert_eq!(part(&taken, "api")["review"]["accepted"], "person", "{taken:#}");
    home.skep(&["--json", "reject", &task, "--part", "api"]).refused(2, "part-not-escalated");

    let failed = home.json(&["reject", &task]);
    assert_eq!(
        (&failed["state"], &part(&failed, "web")["state"]),
        (&"failed".into(), &"failed".into())
    );
    assert_eq!(part(&failed, "web")["text"], "given up by person");
    home.no_agents();
}

#[test]
fn what_a_person_finds_in_a_part_that_is_done_is_mended_when_it_is_reviewed_again() {
    let home = home(&["api"], "");
    let work = author(&["write a.txt one", "commit a", "then", "write a.txt two", "commit b"]);
    let task = approved(&home, &[("api", &[&work])], "say no");
    let done = home.skep(&["--json", "implement", &task]).json(0);
    assert_eq!(part(&done, "api")["review"]["said"], "review 1 of 3: passed", "{done:#}");
    let run = text_of(part(&done, "api"), "run");

    home.skep(&["--json", "review", &run, "--comment", "a.txt:1", " "]).refused(2, "words-missing");
    let said = home.skep(&[
        "review",
        &run,
        "--comment",
        "a.txt:1",
        "it leaks",
        "--comment",
        "-",
        "and more",
    ]);
    assert!(said.stdout.contains("2 comments are kept"), "{said:?}");
    assert!(said.stderr.contains(&format!("skep review {task}")), "{said:?}");
    let shown = home.json(&["show", &task]);
    let comments = &part(&shown, "api")["review"]["comments"];
    assert_eq!(
        (&comments[0]["line"], &comments[0]["by"]),
        (&1.into(), &"person".into()),
        "{comments}"
    );
    assert_eq!(shown["state"], "completed", "nothing begins by it");

    home.json(&["review", &task]);
    let done = over(&home, &task);
    let api = part(&done, "api");
    assert_eq!(
        (&done["state"], &api["review"]["used"]),
        (&"completed".into(), &3.into()),
        "{done:#}"
    );
    assert_eq!(api["review"]["cycles"][1]["state"], "reimplementing");
    home.no_agents();
}

#[test]
fn with_no_cycles_nothing_is_reviewed() {
    let home = home(&["api"], "[review]\nmax_cycles = 0\n");
    let work = author(&["write a.txt one", "commit a"]);
    let task = approved(&home, &[("api", &[&work])], "say no");
    let done = home.skep(&["--json", "implement", &task]).json(0);
    assert_eq!(
        (&done["state"], &part(&done, "api")["review"]),
        (&"completed".into(), &Value::Null)
    );
    assert_eq!(home.json(&["ls", "--all"]).as_array().unwrap().len(), 2, "a planner and an author");
    home.no_agents();
}

/// The question of a run, once a person is asked.
fn escalated(home: &Home) -> Value {
    let mut question = Value::Null;
    eventually("a person is asked", || {
        question = home.json(&["questions"])[0].clone();
        question["state"] == "escalated"
    });
    question
}

/// Cases O-47 and O-48, as a person sees them.
#[test]
fn what_a_foreman_proposes_is_thought_over_and_taken() {
    let home = home(&["api"], "[review]\nmax_cycles = 0\n");
    let work = author(&["consult 600000 Which colour?", "write a.txt {answer}", "commit a"]);
    let foreman = "say Blue, I would say.\nthen\nsay Red.\\nCONFIDENCE: high";
    let task = approved(&home, &[("api", &[&work])], foreman);
    home.json(&["implement", &task, "-d"]);
    let question = escalated(&home);
    let q = text_of(&question, "id");
    assert_eq!(
        (&question["proposal"], &question["to"]),
        (&"Blue, I would say.".into(), &"person".into())
    );
    let ways = [
        format!("skep approve {q}"),
        format!("skep refine {q} TEXT"),
        format!("skep answer {q} TEXT"),
    ];
    let item = inbox(&home, "question").remove(0);
    assert_eq!(item["ways"], serde_json::json!(ways), "{item:#}");
    assert!(text_of(&item, "text").contains("Blue, I would say."), "{item:#}");
    for screen in [vec!["questions"], vec!["inbox"]] {
        let shown = home.skep(&screen).ok();
        assert!(shown.contains("Blue, I would say.") && shown.contains(&ways[0]), "{shown}");
    }
    let status = home.json(&["foreman", "status", &task]);
    assert_eq!(
        (&status["state"], &status["escalated"][0]["question"]),
        (&"idle".into(), &q.as_str().into())
    );
    assert!(home.skep(&["foreman", "status"]).ok().contains(&ways[0]));

    home.skep(&["--json", "reject", &q]).refused(2, "usage");
    home.skep(&["--json", "refine", &q, " "]).refused(2, "answer-unfit");
    let refined = home.json(&["refine", &q, "not blue"]);
    assert_eq!((&refined["proposal"], &refined["state"]), (&"Red.".into(), &"escalated".into()));
    let answered = home.json(&["approve", &q]);
    assert_eq!((&answered["answer"], &answered["answered_by"]), (&"Red.".into(), &"person".into()));
    assert_eq!(over(&home, &task)["state"], "completed");
    home.skep(&["--json", "approve", &q]).refused(1, "question-answered");
    home.skep(&["--json", "refine", &q, "too late"]).refused(2, "question-not-escalated");
    let status = home.json(&["foreman", "status", &task]);
    assert_eq!(
        (&status["answers"][0]["answer"], &status["answers"][0]["by"]),
        (&"Red.".into(), &"person".into())
    );
    home.json(&["stop", "--all"]);
    home.no_agents();
}

/// Case O-49.
#[test]
fn a_proposal_may_be_left_aside_and_the_question_to_its_agent() {
    let home = home(&["api"], "[review]\nmax_cycles = 0\n");
    let work = author(&["consult 600000 Which colour?", "write a.txt {answer}", "commit a"]);
    let task = approved(&home, &[("api", &[&work])], "say Blue?");
    home.json(&["implement", &task, "-d"]);
    let q = text_of(&escalated(&home), "id");
    assert_eq!(home.json(&["answer", &q, "--skip"])["state"], "skipped");
    let done = over(&home, &task);
    assert_eq!(done["state"], "completed", "{done:#}");
    let run = home.json(&["show", &text_of(part(&done, "api"), "run")]);
    assert_eq!(
        (&run["asked"][0]["state"], &run["asked"][0]["answered_by"]),
        (&"skipped".into(), &"person".into())
    );
    let status = home.json(&["foreman", "status", &task]);
    assert_eq!(status["answers"], serde_json::json!([]), "nobody said anything that could be kept");
    home.json(&["stop", "--all"]);
    home.no_agents();
}

#[test]
fn a_question_that_the_foreman_has_is_no_persons_affair() {
    let home = home(&["api"], "[review]\nmax_cycles = 0\n");
    let go = home.at("go");
    let work = author(&["consult 600000 Which colour?", "write a.txt {answer}", "commit a"]);
    let foreman = format!("wait-for {}\nsay Blue.\\nCONFIDENCE: high", go.display());
    let task = approved(&home, &[("api", &[&work])], &foreman);
    home.json(&["implement", &task, "-d"]);
    eventually("the foreman thinks", || {
        home.json(&["foreman", "status", &task])["run_state"] == "running"
    });
    let question = home.json(&["questions"])[0].clone();
    assert_eq!((&question["state"], &question["to"]), (&"pending".into(), &"foreman".into()));
    assert_eq!(home.skep(&["inbox"]).ok(), "");
    assert!(home.skep(&["questions"]).ok().contains("with the foreman"));
    home.skep(&["--json", "approve", &text_of(&question, "id")]).refused(2, "no-proposal");
    assert!(home.skep(&["ls"]).ok().contains("foreman"), "{}", home.skep(&["ls"]).ok());
    std::fs::write(&go, "").unwrap();
    assert_eq!(over(&home, &task)["state"], "completed");
    assert_eq!(home.json(&["questions", "--all"])[0]["answered_by"], "foreman");
    home.json(&["stop", "--all"]);
    home.no_agents();
}

/// Case O-53.
#[test]
fn each_task_has_a_foreman_of_its_own_that_answers_from_its_own_plan() {
    let home = home(&["api", "web"], "[review]\nmax_cycles = 0\n");
    let work = author(&["consult 600000 Which colour?", "write a.txt {answer}", "commit a"]);
    let tasks = [("api", "Blue."), ("web", "Red.")].map(|(project, answer)| {
        let foreman = format!("say {answer}\\nCONFIDENCE: high");
        let task = approved(&home, &[(project, &[&work])], &foreman);
        (task, answer)
    });
    for (task, _) in &tasks {
        home.json(&["implement", task, "-d"]);
    }
    for (task, answer) in &tasks {
        let done = over(&home, task);
        assert_eq!(done["state"], "completed", "{done:#}");
        let status = home.json(&["foreman", "status", task]);
        assert_eq!(status["answers"][0]["answer"], *answer, "{status:#}");
        assert_eq!(status["answers"].as_array().unwrap().len(), 1);
    }
    home.json(&["stop", "--all"]);
    home.no_agents();
}

//! Scenes of a task's foreman: who asks, what it says, who is asked in its place, and who hears the answer.

use super::*;

fn rules() -> task::Rules {
    task::Rules { foreman: true, ..task::Rules::default() }
}

impl World {
    /// A task of which these parts are at work, each of which may ask the foreman.
    fn with_foreman(text: &str) -> World {
        let mut world = World::approved(text);
        world.rules = rules();
        world.implement().unwrap();
        world.begin();
        let projects: Vec<String> = world.version().projects().map(str::to_owned).collect();
        for project in &projects {
            world.hear(project, "prepared");
        }
        for project in projects {
            if world.state_of(&project) == "starting" {
                world.hear(&project, "started");
            }
        }
        world
    }

    /// The foreman is begun or goes on, and its turn ends with these words.
    fn replies(&mut self, text: &str) {
        self.foreman_turns();
        let Work::ReadReply { task, run } = self.next("read_reply") else { unreachable!() };
        let text = Ok(text.to_owned());
        self.give(Input::Task { task, input: Wish::Reply { run, text } }).unwrap();
    }

    fn foreman_turns(&mut self) {
        self.foreman_begins();
        self.hear("foreman", "started, turn success, exit 0");
    }

    fn foreman_begins(&mut self) {
        match self.work.front() {
            Some(Work::Brief { .. }) => {
                self.begin();
                self.hear("foreman", "prepared");
            }
            _ => assert!(matches!(self.word(), Words::Question { .. })),
        }
    }

    fn dies(&mut self) {
        self.foreman_begins();
        self.hear("foreman", "started, turn failed, exit 1");
    }

    /// How the questions of a part stand.
    fn standings(&self, project: &str) -> String {
        let run = &self.fleet.runs[&self.run(project)];
        let each = run.questions.iter().map(|it| match &it.answer {
            Some(answer) => format!("{} by {}", it.standing.as_str(), answer.by),
            None => it.standing.as_str().to_owned(),
        });
        each.collect::<Vec<_>>().join(", ")
    }

    fn answer_to(&self, project: &str, nth: usize) -> String {
        let run = &self.fleet.runs[&self.run(project)];
        run.questions[nth].answer.as_ref().unwrap().text.clone().unwrap_or_default()
    }

    fn question(&self, project: &str) -> crate::id::QuestionId {
        run::question::nth(&self.run(project), 0)
    }

    fn proposal(&self, project: &str) -> Option<String> {
        self.fleet.runs[&self.run(project)].questions[0].proposal.clone()
    }
}

/// Case O-46.
#[test]
fn a_foreman_that_is_sure_answers_and_nobody_saw_anybody_wait() {
    let mut world = World::with_foreman(&document("api"));
    world.hear("api", "asked k foreman");
    assert_eq!((world.state_of("api"), world.standings("api").as_str()), ("running", "pending"));
    world.replies("Blue, as the plan says.\n\nCONFIDENCE: high");
    assert_eq!(world.standings("api"), "answered by foreman");
    assert_eq!(world.answer_to("api", 0), "Blue, as the plan says.");
    assert_eq!(world.state_of("api"), "running");
    let known = &world.task().course.answers;
    assert_eq!((known.len(), known[0].by.as_str()), (1, "foreman"));
    world.replay();
}

/// Case O-47.
#[test]
fn one_that_is_not_sure_proposes_and_the_next_question_is_asked() {
    let mut world = World::with_foreman(&document("api web"));
    world.hear("api", "asked k foreman");
    world.hear("web", "asked other foreman how many");
    world.replies("Blue, I would say.\n\nCONFIDENCE: uncertain");
    assert_eq!((world.state_of("api"), world.standings("api").as_str()), ("waiting", "escalated"));
    assert_eq!(world.proposal("api").as_deref(), Some("Blue, I would say."));
    assert_eq!(world.state_of("web"), "running", "nobody is asked for it");
    world.replies("Seven.\n\nCONFIDENCE: high");
    assert_eq!(world.standings("web"), "answered by foreman");
    world.hear("api", "answer 0 green");
    assert_eq!(world.standings("api"), "answered by person");
    let by: Vec<&str> = world.task().course.answers.iter().map(|it| it.by.as_str()).collect();
    assert_eq!(by, ["foreman", "person"], "whoever answered, it is kept");
    world.replay();
}

/// Case O-48.
#[test]
fn a_person_talks_it_over_with_the_foreman_and_takes_what_it_proposes_then() {
    let mut world = World::with_foreman(&document("api"));
    world.hear("api", "asked k foreman");
    let question = world.question("api");
    let refine = |world: &mut World, text: &str| {
        world.wish(Wish::Refine { question: question.clone(), text: text.to_owned() })
    };
    assert_eq!(refine(&mut world, "too early"), Err("question-not-escalated"));
    world.replies("Blue?");
    for (said, proposed) in [("not blue", "Red."), ("darker", "Crimson.")] {
        refine(&mut world, said).unwrap();
        assert_eq!(world.state_of("api"), "waiting");
        // However sure it is: a person asked, and a person decides.
        world.replies(&format!("{proposed}\n\nCONFIDENCE: high"));
        assert_eq!(world.proposal("api").as_deref(), Some(proposed));
    }
    assert_eq!(world.count("question_proposed"), 2);
    world.hear("api", "answer 0 Crimson.");
    assert_eq!(world.standings("api"), "answered by person");
    assert_eq!(world.task().course.answers[0].answer, "Crimson.");
    assert_eq!(refine(&mut world, "too late"), Err("question-not-escalated"));
    world.replay();
}

/// Case O-50.
#[test]
fn a_question_that_kills_the_foreman_three_times_goes_to_people_and_others_are_served() {
    let mut world = World::with_foreman(&document("api web"));
    world.hear("api", "asked k foreman");
    world.hear("web", "asked other foreman how many");
    for _ in 0..3 {
        assert_eq!(world.standings("api"), "pending");
        world.dies();
    }
    assert_eq!((world.state_of("api"), world.standings("api").as_str()), ("waiting", "escalated"));
    assert_eq!(world.proposal("api"), None);
    assert_eq!(world.count("foreman_died"), 3);
    world.replies("Seven.\n\nCONFIDENCE: high");
    assert_eq!(world.standings("web"), "answered by foreman");
    world.replay();
}

#[test]
fn a_foreman_that_dies_over_every_question_is_asked_no_more() {
    let mut world = World::with_foreman(&document("api web"));
    world.hear("api", "asked k foreman");
    world.hear("web", "asked other foreman how many");
    for _ in 0..6 {
        world.dies();
    }
    assert_eq!(
        (world.standings("api"), world.standings("web")),
        ("escalated".into(), "escalated".into())
    );
    assert!(world.work.is_empty(), "{:?}", world.work);
    world.hear("api", "asked more foreman how long");
    assert_eq!(world.standings("api"), "escalated, escalated", "straight to people");
    // Whoever carries the plan out once more tries it once more.
    assert!(world.task().course.foreman.off.is_some());
}

/// Case O-52.
#[test]
fn a_foreman_that_is_stopped_leaves_nobody_waiting_for_it() {
    let mut world = World::with_foreman(&document("api web"));
    world.hear("api", "asked k foreman");
    world.hear("web", "asked other foreman how many");
    world.foreman_begins();
    world.hear("foreman", "started, stop, exit 143 forced");
    assert_eq!(
        (world.standings("api"), world.standings("web")),
        ("escalated".into(), "escalated".into())
    );
    assert_eq!((world.state_of("api"), world.state_of("web")), ("waiting", "waiting"));
    assert!(world.work.is_empty(), "{:?}", world.work);
    world.replay();
}

#[test]
fn without_an_agent_that_can_be_one_people_are_asked() {
    let mut world = World::with_foreman(&document("api"));
    world.hear("api", "asked k foreman");
    let Work::Brief { task, run, .. } = world.next("brief") else { unreachable!() };
    let begun = Err("this agent keeps no conversation".to_owned());
    world.give(Input::Begin { task, run, begun, warnings: Vec::new() }).unwrap();
    assert_eq!(world.standings("api"), "escalated");
    assert_eq!(
        world.task().course.foreman.off.as_deref(),
        Some("this agent keeps no conversation")
    );
}

#[test]
fn the_same_words_of_siblings_are_asked_once_and_the_answer_goes_to_all() {
    let mut world = World::with_foreman(&document("api web ops"));
    for project in ["api", "web", "ops"] {
        world.hear(project, "asked k foreman");
    }
    world.replies("Blue.\n\nCONFIDENCE: high");
    assert_eq!(world.count("foreman_turned"), 1);
    for project in ["api", "web", "ops"] {
        assert_eq!(world.standings(project), "answered by foreman");
    }
    assert_eq!(world.task().course.answers.len(), 1);
    world.replay();
}

#[test]
fn a_persons_answer_goes_to_all_who_asked_the_same() {
    let mut world = World::with_foreman(&document("api web ops"));
    for project in ["api", "web"] {
        world.hear(project, "asked k foreman");
    }
    world.replies("Blue?");
    // Who asks while a person thinks it over waits for that person too.
    world.hear("ops", "asked k foreman");
    for project in ["api", "web", "ops"] {
        assert_eq!(
            (world.standings(project).as_str(), world.state_of(project)),
            ("escalated", "waiting")
        );
    }
    world.hear("web", "answer 0 green");
    for project in ["api", "web", "ops"] {
        assert_eq!(
            (world.standings(project).as_str(), world.answer_to(project, 0).as_str()),
            ("answered by person", "green")
        );
    }
    assert_eq!(world.task().course.answers.len(), 1);
    world.replay();
}

#[test]
fn what_was_answered_before_is_answered_again_at_once_and_cited() {
    let mut world = World::with_foreman(&document("api web"));
    world.hear("api", "asked k foreman");
    world.replies("Blue?");
    world.hear("api", "answer 0 green");
    world.hear("web", "asked k foreman");
    assert_eq!(world.standings("web"), "answered by foreman");
    let id = world.question("api");
    assert_eq!(
        world.answer_to("web", 0),
        format!("green\n\n(As answered before: {id}, by person.)")
    );
    assert_eq!(world.count("foreman_turned"), 1);
    assert_eq!(world.task().course.answers.len(), 1, "what is cited is known already");
    assert_eq!(world.fleet.answers["api"].len(), 1, "and kept with the project");
    world.replay();
}

#[test]
fn who_needs_no_answer_any_more_costs_the_foreman_nothing() {
    let mut world = World::with_foreman(&document("api web"));
    world.hear("api", "asked k foreman");
    world.hear("web", "asked other foreman how many");
    // One is answered by a person while it waits in line; the other ends while the foreman thinks.
    world.hear("web", "answer 0 seven");
    world.foreman_begins();
    world.hear("foreman", "started");
    world.hear("api", "stop, exit 143 forced");
    assert_eq!(world.standings("api"), "withdrawn");
    world.hear("foreman", "turn success, exit 0");
    let Work::ReadReply { task, run } = world.next("read_reply") else { unreachable!() };
    let text = Ok("Blue.\n\nCONFIDENCE: high".to_owned());
    world.give(Input::Task { task, input: Wish::Reply { run, text } }).unwrap();
    assert_eq!(world.standings("api"), "withdrawn");
    let foreman = &world.task().course.foreman;
    assert!(foreman.at.is_none() && foreman.line.is_empty() && foreman.escalated.is_empty());
    world.replay();
}

#[test]
fn a_question_that_it_died_over_is_asked_again_before_the_others() {
    let mut world = World::with_foreman(&document("api web"));
    world.hear("api", "asked k foreman");
    world.hear("web", "asked other foreman how many");
    world.dies();
    let at = world.task().course.foreman.at.clone().unwrap();
    assert_eq!((at.question, at.deaths), (world.question("api"), 1));
}

#[test]
fn only_its_own_task_says_when_a_foreman_goes_on() {
    let mut world = World::with_foreman(&document("api"));
    world.hear("api", "asked k foreman");
    world.replies("Blue?");
    let run = world.run("foreman");
    let again = run::Input::Again { goes_on: true, message: None, speech: None };
    assert_eq!(world.give(Input::Run { run, input: again }), Err("run-of-task"));
}

/// Case O-44.
#[test]
fn what_a_reviewer_asks_goes_to_the_foreman_and_the_answer_to_the_reviewer_alone() {
    let mut world = World::approved(&document("api"));
    world.rules = task::Rules { cycles: 3, auto: true, ..rules() };
    world.implement().unwrap();
    world.begin();
    world.hear("api", "prepared");
    world.done("api");
    world.found(Found::Published { head: "c1".to_owned(), remote: None });
    world.begin();
    world.hear("api-review", "prepared, started, asked k foreman");
    assert_eq!(world.state_of("api-review"), "running");
    world.replies("Blue, as the plan says.\n\nCONFIDENCE: high");
    assert_eq!(world.standings("api-review"), "answered by foreman");
    assert_eq!(world.standings("api"), "");
    world.hear("api-review", "asked more foreman how long");
    world.replies("A week?");
    assert_eq!(
        (world.state_of("api-review"), world.standings("api-review").as_str()),
        ("waiting", "answered by foreman, escalated")
    );
    world.hear("api-review", "answer 1 weeks");
    assert_eq!(world.standings("api-review"), "answered by foreman, answered by person");
    assert_eq!(world.state_of("api-review"), "running");
    world.replay();
}

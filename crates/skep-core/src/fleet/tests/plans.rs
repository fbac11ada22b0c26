//! Scenes of tasks that become plans, and plans that become work: what is wished, what the hands report, what follows.

use std::collections::VecDeque;

use super::*;
use crate::{
    plan,
    task::{
        Effect as Work, Found, Input as Wish, PartState, PlanState, Purpose, Version, WarningKind,
        Words,
    },
};

mod finishing;
mod foreman;
mod history;
mod planning;
mod removal;
mod reviews;
mod told;
mod waves;

/// The projects of these scenes.
const PROJECTS: [&str; 4] = ["api", "web", "ops", "lib"];

/// A fleet with a task, and the hands that do what it wants.
pub(super) struct World {
    pub(super) fleet: Fleet,
    now: Timestamp,
    /// What is to be done for tasks, the oldest first.
    pub(super) work: VecDeque<Work>,
    /// Every event, as it would stand in the ledger.
    log: Vec<(String, Event, Timestamp)>,
    /// How its parts are reviewed.
    pub(super) rules: task::Rules,
}

impl World {
    pub(super) fn new() -> World {
        let limits = Limits {
            runs: 20,
            per_project: 20,
            prepare: 20,
            reviews: 20,
            foremen: 20,
            gates: 20,
            ..ONE
        };
        let mut world = World {
            fleet: Fleet::default(),
            now: Timestamp(0),
            work: VecDeque::new(),
            log: Vec::new(),
            rules: task::Rules::default(),
        };
        world.give(Input::Limits(limits)).unwrap();
        for name in PROJECTS {
            world.give(Input::AddProject(project(name, &format!("/src/{name}/.git")))).unwrap();
        }
        world.give(Input::AddTask(task("t"))).unwrap();
        world
    }

    pub(super) fn give(&mut self, input: Input) -> Result<(), &'static str> {
        self.now = Timestamp(self.now.0 + 1000);
        let mut fleet = self.fleet.clone();
        let decided = fleet.decide(input, self.now).map_err(|rejected| rejected.slug)?;
        self.fleet = fleet;
        for about in decided.events {
            self.log.push((about.subject, about.event, self.now));
        }
        let work = decided.effects.into_iter().filter_map(|effect| match effect {
            super::super::Effect::Task(effect) => Some(effect),
            super::super::Effect::Run(_) | super::super::Effect::Notice(_) => None,
        });
        self.work.extend(work);
        Ok(())
    }

    pub(super) fn task(&self) -> &Task {
        &self.fleet.tasks[&task_id("t")]
    }

    pub(super) fn state(&self) -> &'static str {
        self.task().state.as_str()
    }

    pub(super) fn version(&self) -> &Version {
        self.task().last_version().unwrap()
    }

    /// The states of the parts, in the order of work.
    pub(super) fn parts(&self) -> String {
        let Some(version) = self.task().last_version() else { return String::new() };
        let part = |project: &str| format!("{project} {}", version.parts[project].state.as_str());
        version.projects().map(part).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn wish(&mut self, wish: Wish) -> Result<(), &'static str> {
        self.give(Input::Task { task: task_id("t"), input: wish })
    }

    pub(super) fn plan(&mut self) -> Result<(), &'static str> {
        self.ask_plan("", false, 2)
    }

    pub(super) fn ask_plan(
        &mut self,
        text: &str,
        more: bool,
        tries: u32,
    ) -> Result<(), &'static str> {
        let projects = PROJECTS.map(str::to_owned).to_vec();
        let choice = task::Choice::default();
        self.wish(Wish::Plan { text: text.to_owned(), more, projects, choice, tries })
    }

    pub(super) fn approve(&mut self) -> Result<(), &'static str> {
        self.wish(Wish::Approve { from_wave: 1 })
    }

    pub(super) fn implement(&mut self) -> Result<(), &'static str> {
        let (choice, rules) = (task::Choice::default(), self.rules.clone());
        self.wish(Wish::Implement { branch: "skep/t".to_owned(), choice, rules })
    }

    /// The next work, which is of this kind.
    pub(super) fn next(&mut self, kind: &str) -> Work {
        let work = self.work.pop_front().unwrap_or_else(|| panic!("nothing to do, wanted {kind}"));
        assert_eq!(work.kind(), kind, "{work:?}");
        work
    }

    /// Begins the runs that are asked for.
    pub(super) fn begin(&mut self) {
        while matches!(self.work.front(), Some(Work::Brief { .. })) {
            self.begin_one(Vec::new());
        }
    }

    pub(super) fn begin_one(&mut self, warnings: Vec<task::Warning>) {
        let Work::Brief { task, run, purpose } = self.next("brief") else { unreachable!() };
        let mut new = brief("x");
        new.id = run.clone();
        new.name = String::new();
        new.task = Some(task.clone());
        match purpose {
            Purpose::Plan { .. } => {
                new.kind = run::Kind::Plan;
                new.place = Place { env_type: EnvType::Directory, repository: None, ..new.place };
            }
            Purpose::Part { project } => {
                new.place.repository = Some(format!("/src/{project}"));
                new.part = Some(run::Part { project: project.clone(), held: true });
                new.project = Some(project);
                new.foreman = self.rules.foreman;
            }
            Purpose::Review { project, .. } => {
                new.kind = run::Kind::Review;
                new.place.repository = Some(format!("/src/{project}"));
                new.part = Some(run::Part { project: project.clone(), held: false });
                new.project = Some(project);
                new.foreman = self.rules.foreman;
            }
            Purpose::Foreman { .. } => {
                new.kind = run::Kind::Foreman;
                new.place = Place { env_type: EnvType::Directory, repository: None, ..new.place };
            }
        }
        let begun =
            Ok(Begun { brief: Box::new(new), naming: Naming::Project, left_out: Vec::new() });
        self.give(Input::Begin { task, run, begun, warnings }).unwrap();
    }

    /// The run of a part, or `planner`.
    pub(super) fn run(&self, who: &str) -> RunId {
        let course = &self.task().course;
        match who {
            "planner" => course.planner.clone().unwrap(),
            "foreman" => course.foreman.run.clone().unwrap(),
            who if who.ends_with("-review") => {
                let project = who.trim_end_matches("-review");
                self.version().parts[project].reviews.last().unwrap().run.clone()
            }
            project => self.version().parts[project].run.clone().unwrap(),
        }
    }

    pub(super) fn state_of(&self, who: &str) -> &'static str {
        self.fleet.runs[&self.run(who)].state_name()
    }

    /// Gives inputs to a run, as scripts write them.
    pub(super) fn hear(&mut self, who: &str, script: &str) {
        for line in script.split(", ") {
            let id = self.run(who);
            let run = self.fleet.runs[&id].clone();
            let input = input(line, &run, self.now);
            self.give(Input::Run { run: id, input })
                .unwrap_or_else(|slug| panic!("{who}: {line}: {slug}"));
        }
    }

    /// So many seconds go by.
    pub(super) fn later(&mut self, seconds: u64) {
        self.now = Timestamp(self.now.0 + seconds * 1000);
        self.give(Input::Tick).unwrap();
    }

    /// The planner is begun, and has a turn after which its file holds `draft`.
    pub(super) fn draft(&mut self, draft: &str) {
        self.begin();
        if self.state_of("planner") == "preparing" {
            self.hear("planner", "prepared");
        }
        self.hear("planner", "started, turn success, exit 0");
        let Work::ReadDraft { task, run, .. } = self.next("read_draft") else { unreachable!() };
        let text = Some(draft.to_owned());
        self.give(Input::Task { task, input: Wish::Draft { run, text } }).unwrap();
    }

    /// The words that were asked for are there; says which.
    pub(super) fn word(&mut self) -> Words {
        let Work::Word { task, run, words } = self.next("word") else { unreachable!() };
        let said = Ok(format!("{words:?}"));
        self.give(Input::Task { task, input: Wish::Worded { run, words: said } }).unwrap();
        words
    }

    /// A task whose plan is approved.
    pub(super) fn approved(text: &str) -> World {
        let mut world = World::new();
        world.plan().unwrap();
        world.draft(text);
        world.approve().unwrap();
        world
    }

    /// A task of which every worktree stands, so that the first wave is under way.
    pub(super) fn under_way(text: &str) -> World {
        let mut world = World::approved(text);
        world.implement().unwrap();
        world.begin();
        for project in world.version().projects().map(str::to_owned).collect::<Vec<_>>() {
            world.hear(&project, "prepared");
        }
        world
    }

    /// The agent of a part has done its work.
    pub(super) fn done(&mut self, project: &str) {
        self.hear(project, "started, turn success, exit 0");
    }

    /// A look at a part's work is answered.
    pub(super) fn found(&mut self, found: Found) {
        let Work::Finalize { task, run, look, .. } = self.next("finalize") else { unreachable!() };
        self.give(Input::Task { task, input: Wish::Found { run, look, found } }).unwrap();
    }

    /// How often an event of this kind was written.
    pub(super) fn count(&self, kind: &str) -> usize {
        let is =
            |event: &Event| serde_json::to_value(event).unwrap()["event"].as_str() == Some(kind);
        self.log.iter().filter(|(_, event, _)| is(event)).count()
    }

    /// What the ledger holds makes the same of it.
    pub(super) fn replay(&self) {
        let mut fleet = Fleet::default();
        for (subject, event, at) in &self.log {
            let line = serde_json::to_string(event).unwrap();
            fleet.apply(subject, &serde_json::from_str(&line).unwrap(), *at).unwrap();
        }
        assert_eq!(fleet, self.fleet);
    }
}

/// A plan of these groups: `api; web ops` are two, and `web<api` says what web needs.
pub(super) fn document(groups: &str) -> String {
    let mut text = String::from("```skep-plan\nexecution_groups:\n");
    let mut needs = String::new();
    let mut parts = String::new();
    for group in groups.split("; ") {
        let mut names = Vec::new();
        for word in group.split(' ') {
            let (name, need) = word.split_once('<').unwrap_or((word, ""));
            if !need.is_empty() {
                needs += &format!("  {name}: [{need}]\n");
            }
            names.push(name);
            parts += &part(name, "It holds.");
        }
        text += &format!("  - [{}]\n", names.join(", "));
    }
    if !needs.is_empty() {
        text += &format!("needs:\n{needs}");
    }
    text + "```\n\n## Orchestration\nTogether.\n\n" + &parts
}

pub(super) fn part(name: &str, goal: &str) -> String {
    format!(
        "## SubPlan: {name}\n### Goal\n{goal}\n### Scope\n- a\n### Changes\n- b\n### Validation\n- c\n### Risks\n- d\n\n"
    )
}

/// The words of the events about tasks.
pub(super) fn golden_words() -> Vec<String> {
    let word = |event: task::Event| {
        serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned()
    };
    let mut words: Vec<String> = golden::of_tasks::events().into_iter().map(word).collect();
    words.dedup();
    words
}

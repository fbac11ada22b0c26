//! A task over three repositories: planned, corrected, approved, carried out and reviewed in two waves, and on the remotes.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use skep_api::{
    request::{Ask, ImplementAsk, PlanAsk, RunAsk},
    view::{PartView, PlanView, TaskView},
};

use super::{SOON, Teller, stage::git, talk};
use crate::{
    commands::{plan as pages, read},
    exit::CliError,
};

const TITLE: &str = "searches answer by pages";
const PROJECTS: [&str; 3] = ["api", "web", "docs"];

/// What each part leaves, and where.
const WORK: [(&str, &str, &str); 3] = [
    ("api", "page.txt", "a search takes a page, and says how many there are"),
    ("web", "pages.txt", "next page, last page"),
    ("docs", "search.txt", "how to ask for a page"),
];

/// Where it plays: three repositories with a remote each.
pub(super) struct Fields {
    root: PathBuf,
}

impl Fields {
    pub(super) fn set(told: &mut Teller<'_>, root: &Path) -> Result<Fields, CliError> {
        told.act(9, "A task that wants three repositories, each with a remote")?;
        let fields = Fields { root: root.to_owned() };
        let skep = told.skep;
        for name in PROJECTS {
            let (here, remote) = (fields.here(name), fields.remote(name));
            std::fs::create_dir_all(&here)?;
            std::fs::create_dir_all(&remote)?;
            git(skep, &remote, &["init", "-q", "--bare", "-b", "main"])?;
            git(skep, &here, &["init", "-q", "-b", "main"])?;
            git(skep, &here, &["config", "user.name", "skep demo"])?;
            git(skep, &here, &["config", "user.email", "demo@example.invalid"])?;
            git(skep, &here, &["commit", "-q", "--allow-empty", "-m", "begin"])?;
            git(skep, &here, &["remote", "add", "origin", &remote.to_string_lossy()])?;
            git(skep, &here, &["push", "-q", "-u", "origin", "main"])?;
            let path = here.to_string_lossy().into_owned();
            told.typed(&format!("skep project add {name}"))?;
            skep.ask(Ask::ProjectAdd { path, name: None, base: None })?;
        }
        // Who plans is corrected in its own conversation.
        match std::fs::remove_file(skep.config.join("agents/scripted.toml")) {
            Err(err) if err.kind() != std::io::ErrorKind::NotFound => Err(err.into()),
            Ok(()) | Err(_) => Ok(fields),
        }
    }

    fn here(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn remote(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.git"))
    }

    fn ask(&self, told: &Teller<'_>) -> RunAsk {
        RunAsk {
            cwd: self.here("api").to_string_lossy().into_owned(),
            agent: Some("scripted".to_owned()),
            detach: true,
            env: told.skep.env.clone(),
            ..RunAsk::default()
        }
    }
}

/// Has the task planned, and shows what the planner was told of its first draft.
pub(super) fn plan(
    told: &mut Teller<'_>,
    fields: &Fields,
    agent: Option<&str>,
) -> Result<String, CliError> {
    told.act(10, "It is planned, and the plan waits for you")?;
    if agent.is_some() {
        told.say(
            "From here on the agents play a script: a plan takes a model longer than a demo.",
        )?;
    }
    told.typed(&format!("skep plan \"{TITLE}\" --project api --project web --project docs"))?;
    let ask = PlanAsk {
        task: TITLE.to_owned(),
        projects: PROJECTS.map(str::to_owned).to_vec(),
        how: RunAsk { prompt: Some(planner()), ..fields.ask(told) },
        ..PlanAsk::default()
    };
    let task: TaskView = read(told.skep.ask(Ask::Plan(Box::new(ask)))?)?;
    let task = await_task(told, &task.id, "a plan", |task| task.state == "plan_review")?;
    let refused = task.warnings.iter().filter(|warning| warning.kind == "parse_error");
    for warning in refused {
        told.say(&format!(
            "Its first draft was no plan ({}). It was told so in its own conversation, and wrote another:",
            warning.text
        ))?;
    }
    told.line("")?;
    let plan = Ask::PlanShow { of: task.id.clone(), version: None };
    let plan: PlanView = read(told.skep.ask(plan)?)?;
    if !told.skep.out.json {
        pages::page(told.skep, &plan)?;
    }
    Ok(task.id)
}

/// Approves the plan and has it carried out, wave by wave; what is asked and found on the way is told.
pub(super) fn implement(
    told: &mut Teller<'_>,
    fields: &Fields,
    task: &str,
) -> Result<(), CliError> {
    told.act(11, "Approved, carried out in two waves, and reviewed")?;
    told.typed(&format!("skep approve {task}"))?;
    told.skep.ask(Ask::Rule { of: task.to_owned(), allow: true, text: None, from_wave: None })?;
    told.typed(&format!("skep implement {task}"))?;
    let ask = ImplementAsk { of: task.to_owned(), how: fields.ask(told) };
    told.skep.ask(Ask::Implement(Box::new(ask)))?;
    for wave in 1..=2 {
        match wave {
            1 => talk::first(told, task)?,
            _ => talk::second(told, task)?,
        }
        let is_done = |part: &&PartView| part.wave == wave && part.state == "completed";
        let over = |task: &TaskView| {
            let all = task.parts.iter().filter(|part| part.wave == wave).count();
            task.parts.iter().filter(is_done).count() == all
        };
        let what = format!("the end of wave {wave}");
        let now = await_task(told, task, &what, over)?;
        let done = now.parts.iter().filter(is_done);
        let done: Vec<String> = done
            .map(|part| format!("{} ({})", part.project, part.name.as_deref().unwrap_or("?")))
            .collect();
        told.good(&format!("wave {wave} is done: {}", done.join(", ")))?;
    }
    Ok(())
}

/// Waits until all is handed over, and compares what is told with what git finds on the remotes.
pub(super) fn hand_over(
    told: &mut Teller<'_>,
    fields: &Fields,
    task: &str,
) -> Result<(), CliError> {
    told.act(12, "On the remotes")?;
    let task = await_task(told, task, "the end of the task", |task| task.state == "completed")?;
    let branch = task.branch.clone().unwrap_or_default();
    for part in &task.parts {
        let head = part.head.clone().unwrap_or_default();
        let remote = fields.remote(&part.project);
        told.typed(&format!("git -C {}.git log --oneline main..{branch}", part.project))?;
        let range = format!("main..{branch}");
        told.show(&git(told.skep, &remote, &["log", "--oneline", &range])?)?;
        let there = git(told.skep, &remote, &["rev-parse", &branch])?;
        if there != head {
            let text = format!("{} has {there} at its remote, and not {head}", part.project);
            return Err(CliError::error("demo", text));
        }
    }
    told.good("Each remote has exactly the commit that skep says was handed over.")?;
    told.typed(&format!("skep show {}", task.id))?;
    if !told.skep.out.json {
        pages::task_page(told.skep, &task)?;
    }
    Ok(())
}

/// Looks at the task until it is as it should be.
fn await_task(
    told: &mut Teller<'_>,
    id: &str,
    what: &str,
    holds: impl Fn(&TaskView) -> bool,
) -> Result<TaskView, CliError> {
    let until = Instant::now() + SOON;
    loop {
        let task: TaskView = read(told.skep.ask(Ask::TaskShow { task: id.to_owned() })?)?;
        if holds(&task) {
            return Ok(task);
        }
        if let Some(failed) = &task.failed {
            return Err(CliError::error("demo", format!("in vain waited for {what}: {failed}"))
                .hint("skep demo --keep   leaves its folder to look into"));
        }
        told.wait(what, until)?;
    }
}

/// What the planner plays: a draft that is no plan, then one.
fn planner() -> String {
    let mut plan = format!(
        "```skep-plan\nexecution_groups:\n  - [api]\n  - [web, docs]\n```\n\n## Orchestration\n{}",
        talk::orchestration()
    );
    for (project, file, text) in WORK {
        let (asks, reviews) = (talk::asked_in(project), talk::reviews_of(project, file));
        plan += &format!(
            "\n## SubPlan: {project}\n### Goal\n{TITLE}: {text}.\n### Scope\n- {file}\n### Changes\n1. {file} says: {text}\n\n\
             ```skep-script\n{asks}say I write {file}.\nwrite {file} {text}\ncommit {text}\nsay Done.\n{reviews}```\n\n\
             ### Validation\n- git log\n### Risks\n- Old clients ask for no page.\n"
        );
    }
    let plan = plan.trim_end().replace('\n', "\\n");
    format!(
        "```skep-script plan\nsay I look around.\ndraft The API first, I would say.\nsay I have a plan.\nthen\n\
         draft {plan}\nsay Now it has its form.\n```\n"
    )
}

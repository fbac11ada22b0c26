//! Before a close that would complete a task: whether that would be refused.
//!
//! Owns: that nothing is given back whose task then stays undone. Never: completes anything.

use std::path::Path;

use skep_api::{place::Home, wire::Refusal};
use skep_core::{
    change::ChangeState,
    fleet::Fleet,
    issue::taskwarrior::{self as tasks, Needs, PREFIX, Who},
    run::Run,
};

use super::{changes, install, known::Place, program};
use crate::launch;

/// Errors: the run's task in Taskwarrior may not be completed (a decision), or that could not be asked.
pub fn require_completable(
    home: &Home,
    config: &Path,
    fleet: &Fleet,
    run: &Run,
) -> Result<(), Refusal> {
    let Some(name) = fleet.task_of_list(&run.brief) else { return Ok(()) };
    let reference = format!("{PREFIX}{}", name.as_str());
    let unasked = |text: String| {
        Refusal::error("task-unasked", format!("{reference}: {text}"))
            .hint(format!("skep close {} --keep-branch   leaves the task as it is", run.id()))
    };
    let project = run.brief.project.as_deref();
    let settings = super::settings(config, project).map_err(unasked)?;
    if !settings.complete {
        return Ok(());
    }
    let vars = launch::own_vars();
    for list in install::lists(home).map_err(unasked)? {
        let Some(task) = program::export(&list, &vars, &name).map_err(unasked)? else { continue };
        if !task.is_open() {
            continue;
        }
        let needs = tasks::completed(&task, &Who::Person, &super::rules(&settings));
        let number = match needs {
            Ok(Needs::Merged(number)) => number,
            Ok(Needs::Nothing | Needs::Overridden(_)) => continue,
            Err(refused) => {
                let text = format!("{reference} may not be completed: {}", refused.text);
                let refusal = Refusal::error(refused.slug, text).decision();
                let hints = refused.hints.into_iter().map(|it| it.replace("UUID", name.as_str()));
                return Err(hints.fold(refusal, Refusal::hint));
            }
        };
        // Of its own change the close asks, and takes no open one for merged.
        let own = run.change.as_ref().map(|following| following.change.number);
        if own == Some(number) {
            continue;
        }
        let known = project.and_then(|name| fleet.projects.get(name));
        let place = known.map(|it| Place { path: it.path.clone(), base: it.base.clone() });
        let place = place.ok_or_else(|| unasked("its project is not registered".to_owned()))?;
        match changes::look(config, &place, number, &vars).map_err(unasked)? {
            ChangeState::Merged => {}
            state @ (ChangeState::Open | ChangeState::Closed) => {
                let text = format!(
                    "{reference} may not be completed: its change #{number} is {}, not merged",
                    state.as_str()
                );
                return Err(Refusal::error("task-unmerged", text)
                    .decision()
                    .hint(format!("merge #{number} first")));
            }
        }
    }
    Ok(())
}

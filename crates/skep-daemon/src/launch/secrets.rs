//! What a run's processes get of its secrets.

use std::path::PathBuf;

use skep_api::place::Home;
use skep_core::{
    fleet::Fleet,
    id::RunId,
    run::{EnvState, Run},
    secret::Secret,
};
use skep_host::secrets;

/// The secrets of a run that these names list, and where the values of those lie that were handed over.
pub fn secrets_of(
    run: &Run,
    home: &Home,
    listed: impl Fn(&Secret) -> bool,
) -> (Vec<Secret>, Option<PathBuf>) {
    let wanted: Vec<Secret> =
        run.brief.policy.secrets.iter().filter(|secret| listed(secret)).cloned().collect();
    // Without such a place nothing was taken to be held there.
    let held = secrets::folder(home.root()).ok().filter(|_| !wanted.is_empty());
    (wanted, held)
}

/// Lets go what is held of a run's secrets: it has no env any more, or never got one.
pub fn let_secrets_go(home: &Home, run: &RunId) {
    // What stays is gone with the next start of the daemon, or of the machine.
    let _later = secrets::folder(home.root()).map(|folder| secrets::let_go(&folder, run.as_str()));
}

/// Lets go what is held for runs that are not there any more, or have given their env back.
pub fn let_old_secrets_go(home: &Home, fleet: &Fleet) {
    let holds = |run: &&Run| !matches!(run.env, EnvState::Closed(_));
    let runs = fleet.runs.values().map(std::ops::Deref::deref).filter(holds);
    let tasks = fleet.tasks.values().filter(|task| !task.state.is_over());
    let holders: Vec<String> =
        runs.map(|run| run.id().to_string()).chain(tasks.map(|task| task.id.to_string())).collect();
    // As above.
    let _later = secrets::folder(home.root()).map(|folder| secrets::keep_only(&folder, &holders));
}

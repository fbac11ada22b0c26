//! The hooks of a project, as one approval holds them together with its set-up.
//!
//! Owns: the text that a person approves where there are hooks, and what of them is frozen into a run.
//! Never: changes what a project without hooks has approved.

use skep_core::{
    run::{EnvType, Hooks, SetUp},
    task::Task,
};

use super::{Script, millis};
use crate::{config::ProjectSettings, hands};

/// The hooks that a project's settings name.
pub(super) fn of(project: &ProjectSettings) -> Hooks {
    let hooks = &project.hooks;
    Hooks {
        creating: hooks.worktree_creating.clone(),
        created: hooks.worktree_created.clone(),
        timeout_ms: millis(hooks.timeout),
        ..Hooks::default()
    }
}

/// All that is approved as one; none where nothing of a project's own would run.
pub(super) fn together(set_up: Option<(SetUp, Vec<u8>, String)>, hooks: Hooks) -> Option<Script> {
    let named = [
        ("hooks.worktree_creating", hooks.creating.as_ref()),
        ("hooks.worktree_created", hooks.created.as_ref()),
    ];
    let named = named.map(|(name, command)| command.map(|command| (name, command.as_bytes())));
    if hooks.is_none() {
        let (set_up, text, from) = set_up?;
        let digest = set_up.digest.clone();
        return Some(Script { set_up: Some(set_up), hooks, text, digest, from });
    }
    let first = set_up.as_ref().map(|(_, text, from)| (from.as_str(), text.as_slice()));
    let parts: Vec<(&str, &[u8])> = first.into_iter().chain(named.into_iter().flatten()).collect();
    let from = parts.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let mut text = Vec::new();
    for (name, part) in &parts {
        text.extend(format!("{name}:\n").into_bytes());
        // Set in, so that no line of a script can be taken for the name of another.
        for line in part.split(|byte| *byte == b'\n') {
            text.extend(b"    ");
            text.extend(line);
            text.push(b'\n');
        }
    }
    let digest = hands::digest(&text);
    Some(Script { set_up: set_up.map(|(set_up, ..)| set_up), hooks, text, digest, from })
}

/// The hooks of one run, with what they are told of its task; only a worktree has any.
pub(super) fn frozen(hooks: &Hooks, env_type: EnvType, task: Option<&Task>) -> Hooks {
    if env_type != EnvType::Worktree || hooks.is_none() {
        return Hooks::default();
    }
    Hooks { reference: task.and_then(|task| task.reference.clone()), ..hooks.clone() }
}

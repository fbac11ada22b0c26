//! `skep dispatch`

mod registry;

use skep_api::request::{Ask, DispatchAsk};
use skep_core::issue::Mode;

use super::run;
use crate::{
    args::{At, Cascade, Dispatch},
    connect::Skep,
    exit::{CliError, Outcome},
};

pub(super) fn dispatch(skep: &Skep, verb: Dispatch) -> Outcome {
    match verb {
        Dispatch::Headless(at) => begin(skep, Mode::Headless, at, None),
        Dispatch::Interactive(at) => begin(skep, Mode::Interactive, at, None),
        Dispatch::Consult(at) => begin(skep, Mode::Consult, at, None),
        Dispatch::Cascade(Cascade { at, depth }) => begin(skep, Mode::Cascade, at, depth),
        Dispatch::Ls => registry::ls(skep),
        Dispatch::Status { of } => registry::status(skep, of.as_deref()),
        Dispatch::Check { path } => registry::check(skep, &path),
        Dispatch::Reap { .. } => Err(CliError::error("usage", "nothing is reaped")),
    }
}

fn begin(skep: &Skep, mode: Mode, at: At, depth: Option<u8>) -> Outcome {
    let cwd = std::path::absolute(".")?;
    let Some(cwd) = cwd.to_str() else {
        return Err(CliError::error("path-not-text", "this folder's name is not UTF-8")
            .hint("cd to one whose name is, and dispatch from there"));
    };
    let ask = DispatchAsk {
        mode,
        reference: at.reference,
        project: at.project,
        cwd: cwd.to_owned(),
        claims: at.claims,
        overlap: at.overlap,
        depth,
        agent: at.agent,
        model: at.model,
        account: at.account,
        permissions: at.permissions,
        budget: at.budget,
        yes: at.yes,
        dry_run: at.dry_run,
        detach: at.detach || at.follow,
        env: skep.env.clone(),
    };
    let answer = skep.ask(Ask::Dispatch(Box::new(ask)))?;
    run::told(skep, &answer, at.follow)
}

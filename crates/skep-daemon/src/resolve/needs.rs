//! From what a project shares to what one run needs of it.
//!
//! Owns: that no variable has two masters, that none which programs start by is set so, and that no value is a secret.
//! Never: gives a value; the core does, when the run is let in.

use skep_api::wire::Refusal;
use skep_core::{
    lease::{self, Need, Pool},
    secret,
};
use skep_host::secrets::Reference;

use super::secrets::require_free;
use crate::{config::ProjectSettings, launch};

/// What decides how programs start, what they load and whom they ask: no such variable is a resource's.
const STARTS: [&str; 11] =
    ["LD_", "DYLD_", "GIT_", "SSH_", "BASH", "PYTHON", "PERL", "RUBY", "NODE_", "JAVA_", "XDG_"];
/// The same, whole.
const STARTS_WHOLE: [&str; 6] = ["ENV", "IFS", "EDITOR", "VISUAL", "PAGER", "CDPATH"];

/// What a run of this kind needs; `listed` are the variables that it gets from elsewhere.
///
/// Errors: a variable that is not for this, or a value that is a secret.
pub fn of(
    settings: &ProjectSettings,
    project: Option<&str>,
    kind: &str,
    listed: &[String],
) -> Result<Vec<Need>, Refusal> {
    let wanted = settings.resource.iter().filter(|one| one.kinds.iter().any(|it| it == kind));
    wanted.map(|one| checked(one.need(project), listed)).collect()
}

fn checked(need: Need, listed: &[String]) -> Result<Need, Refusal> {
    let variables = lease::variables(&need.env, need.count);
    require_free(&variables)?;
    let starts = |name: &str| {
        STARTS.iter().any(|start| name.starts_with(start)) || STARTS_WHOLE.contains(&name)
    };
    let name = &need.name;
    for variable in &variables {
        if starts(variable) || launch::is_base(variable) {
            let text = format!(
                "resource `{name}`: `{variable}` decides how programs start, and is not set by a resource"
            );
            return Err(Refusal::error("resource-env", text)
                .hint("give it a variable of your own and read that: env = \"APP_PORT\"")
                .hint("skep config show   who says it"));
        }
        if listed.contains(variable) {
            let text = format!(
                "resource `{name}`: `{variable}` is passed on from your environment or set for the agent already"
            );
            return Err(Refusal::error("resource-env", text)
                .hint(format!(
                    "take `{variable}` out of `env` and `--env`: each run gets its own value"
                ))
                .hint("or give the resource another variable: env = \"APP_PORT\""));
        }
    }
    let Pool::Values(values) = &need.pool else { return Ok(need) };
    let is_secret = |value: &String| {
        secret::is_secret(&need.env, value)
            || Reference::parse(value).is_ok() && !value.contains("://")
    };
    if values.iter().any(is_secret) {
        // The value itself is said nowhere.
        let text = format!(
            "resource `{name}`: a value holds a secret or refers to one, and values of resources are shown"
        );
        return Err(Refusal::error("resource-secret", text)
            .hint("leave it out of the value: \"postgres://localhost/test_a\"")
            .hint("and give it by a variable of its own: skep config set secrets.PGPASSWORD \"cmd:pass show db\""));
    }
    Ok(need)
}

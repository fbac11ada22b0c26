//! Owns: the tools that an attempt's agent is given: `skep mcp`, the file that some read it from, and leave to use them.
//! Never: writes where a person's settings lie.

use std::path::Path;

use skep_api::{place::Home, tool, wire::chain};
use skep_core::{
    policy::{Policy, Rule},
    run::{Kind, Posture, Run},
};
use skep_harness::{
    acp,
    profile::{Launch, Profile, Tools},
};
use skep_host::paths;

#[cfg(test)]
mod tests;

/// The tools of this attempt; none where its agent takes none.
///
/// An agent may hide its own environment from what it starts: all that they need to know stands in their arguments.
pub(super) fn of(run: &Run, attempt: u32, home: &Home, profile: &Profile) -> Option<Tools> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut args = vec![
        "--home".to_owned(),
        text(home.root()),
        "mcp".to_owned(),
        "--run".to_owned(),
        run.id().to_string(),
        "--keeper".to_owned(),
        text(&home.control_socket(run.id(), attempt)),
        "--wait".to_owned(),
        format!("{}ms", profile.tool_wait().as_millis()),
    ];
    // Which of them it is shown; its keeper hears no others.
    if run.brief.kind != Kind::Code {
        args.extend(["--kind", run.brief.kind.as_str()].map(str::to_owned));
    }
    if run.brief.posture == Posture::Cascade {
        args.push("--spawns".to_owned());
    }
    if run.brief.issue.is_some() {
        args.push("--issue".to_owned());
    }
    let file = home.attempt(run.id(), attempt).join("mcp.json");
    profile.takes_tools().then_some(Tools { args, file })
}

/// Writes the file that an agent reads them from, where it reads one.
pub(super) fn write(launch: &Launch) -> Result<(), String> {
    let Some((path, text)) = &launch.file else { return Ok(()) };
    if let Some(folder) = path.parent() {
        paths::create_private_dir(folder).map_err(|err| chain(&err))?;
    }
    paths::write_atomically(path, text.as_bytes()).map_err(|err| chain(&err))
}

/// What starts them, in words.
pub(super) fn words(server: Option<acp::Server>) -> Result<Vec<String>, String> {
    let Some(server) = server else { return Ok(Vec::new()) };
    let program = server.program.into_os_string().into_string();
    let program = program.map_err(|_| "the path of skep's program is not UTF-8".to_owned())?;
    Ok([vec![program], server.args].concat())
}

/// The same rules, with leave for the tools of skep. Named one by one, as agents name them: a tool's name may be a
/// command that the agent wants to run, which a pattern would let pass.
pub(super) fn allowed(mut policy: Policy) -> Policy {
    policy.allow.extend(tool::NAMES.iter().flat_map(|name| names(name)).map(|name| Rule {
        tool: Some(name),
        why: "a tool of skep's own".to_owned(),
        from: "skep".to_owned(),
        ..Rule::default()
    }));
    policy
}

/// What agents call the tool `name` of the server `skep`.
fn names(name: &str) -> [String; 3] {
    [format!("mcp__skep__{name}"), format!("skep_{name}"), format!("{name} (skep MCP Server)")]
}

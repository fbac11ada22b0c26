//! Owns: what in a repository would fail or be silent in a worktree of an agent: hooks, signing, LFS, submodules, disk.
//! Never: asks anything itself: facts in, findings out.

use std::{collections::BTreeMap, path::PathBuf};

use skep_host::survey::{Hook, Hooks, Kind, Setting, Size};

use super::{Found, Proposed, Wanted, tools::Facts};

/// Says which hooks fire in a fresh worktree and which do not.
pub(super) fn hooks(hooks: &Hooks, facts: &Facts, proposed: &[Proposed]) -> Vec<Found> {
    let named = |wanted: &dyn Fn(&Hook) -> bool| {
        let names = hooks.hooks.iter().filter(|hook| wanted(hook)).map(|hook| hook.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let folder = hooks.path.as_deref().unwrap_or(".git/hooks");
    let mut found = Vec::new();
    let well = named(&|hook| hook.here && hook.there == Some(true));
    if !well.is_empty() {
        found.push(Found::well("hooks", format!("{well} ({folder}): they fire in worktrees too")));
    }
    let inert = named(&|hook| hook.here && hook.there == Some(false));
    if !inert.is_empty() {
        let text =
            format!("{inert} ({folder}): silent in a fresh worktree, whose files do not hold them");
        let set_up = proposed.iter().find(|it| it.key == "setup.run").map(|it| &it.value);
        found.push(match (set_up, installer(facts)) {
            (Some(Wanted::Text(_)), Some(by)) => {
                Found::note("hooks", format!("{text}; the set-up installs them ({by})"))
            }
            _ => Found::ill("hooks", text).way(
                "let the set-up install them, or commit them to a folder and name it: git config core.hooksPath DIR",
            ),
        });
    }
    let unknown = named(&|hook| hook.here && hook.there.is_none());
    if !unknown.is_empty() {
        let text =
            format!("{unknown} ({folder}): whether they fire in a worktree could not be tried");
        found.push(Found::note("hooks", text));
    }
    let idle = named(&|hook| !hook.here);
    if !idle.is_empty() {
        found.push(Found::note(
            "hooks",
            format!("{idle} ({folder}): may not be run, so git passes over them"),
        ));
    }
    for hook in hooks.hooks.iter().filter(|hook| hook.there == Some(true) && !hook.wants.is_empty())
    {
        let wants = hook.wants.join(", ");
        let text =
            format!("{} calls {wants}, which a fresh worktree lacks until its set-up", hook.name);
        found.push(
            Found::note("hooks", text).way("an agent's commit fails there while it is missing"),
        );
    }
    found
}

/// What of the project's own puts its hooks in place when packages are installed.
fn installer(facts: &Facts) -> Option<&'static str> {
    let manifest = facts.texts.get("package.json")?;
    let json: serde_json::Value = serde_json::from_str(manifest).ok()?;
    let tools = ["husky", "lefthook", "simple-git-hooks", "hooksPath"];
    let installs = |name: &&str| {
        json["scripts"][*name].as_str().is_some_and(|it| tools.iter().any(|tool| it.contains(tool)))
    };
    ["prepare", "postinstall", "install"].into_iter().find(installs)
}

/// Says whether commits are signed, and whether that would ask somebody.
pub(super) fn signing(
    settings: &BTreeMap<String, Setting>,
    vars: &BTreeMap<String, String>,
    read: impl Fn(&PathBuf) -> Option<String>,
) -> Option<Found> {
    let set = |name: &str| settings.get(name).map_or("", |setting| setting.value.as_str());
    let yes = |value: &str| matches!(value.to_lowercase().as_str(), "true" | "yes" | "on" | "1");
    if !yes(set("commit.gpgsign")) {
        return None;
    }
    let key = set("user.signingkey");
    let by = match set("gpg.format") {
        "ssh" => ssh_key(key, set("gpg.ssh.program"), vars, read),
        "x509" => {
            format!("by {}, which may ask for a passphrase", or(set("gpg.x509.program"), "gpgsm"))
        }
        _ => {
            let program = or(set("gpg.openpgp.program"), or(set("gpg.program"), "gpg"));
            format!("by {program}, which may ask for a passphrase")
        }
    };
    let text = format!(
        "you sign commits ({by}); agents' commits are not signed, as nobody is there to answer"
    );
    Some(
        Found::note("signing", text)
            .way("sign = true in the project's settings, where it asks nobody"),
    )
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// How a key of ssh is come by.
fn ssh_key(
    key: &str,
    program: &str,
    vars: &BTreeMap<String, String>,
    read: impl Fn(&PathBuf) -> Option<String>,
) -> String {
    if !program.is_empty() && program != "ssh-keygen" {
        return format!("by {program}, which may ask");
    }
    let agent =
        || "with a key of your ssh agent: env = [\"SSH_AUTH_SOCK\"] passes it on".to_owned();
    if key.is_empty() || key.starts_with("key::") || key.starts_with("ssh-") {
        return agent();
    }
    let file = match key.strip_prefix("~/") {
        Some(rest) => PathBuf::from(vars.get("HOME").map_or("", String::as_str)).join(rest),
        None => PathBuf::from(key),
    };
    let private = match key.strip_suffix(".pub") {
        Some(_) => file.with_extension(""),
        None => file,
    };
    match read(&private).as_deref().map(asks_passphrase) {
        Some(Some(true)) => format!("with {key}, which has a passphrase"),
        Some(Some(false)) => format!("with {key}, which asks for nothing"),
        Some(None) => format!("with {key}"),
        None => agent(),
    }
}

/// Whether a private key is locked; none where its form is not known.
fn asks_passphrase(text: &str) -> Option<bool> {
    let mut lines = text.lines();
    let head = lines.find(|line| line.starts_with("-----BEGIN "))?;
    if head.contains("ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Some(true);
    }
    if !head.contains("OPENSSH") {
        return Some(false);
    }
    // `openssh-key-v1`, a zero, and the name of the cipher behind its length; `none` is no cipher.
    let first = lines.next()?;
    Some(!first.starts_with("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"))
}

/// Says whether files of LFS come along.
pub(super) fn lfs(facts: &Facts, settings: &BTreeMap<String, Setting>) -> Option<Found> {
    let attributes = facts.texts.get(".gitattributes")?;
    if !attributes.lines().any(|line| line.contains("filter=lfs") && !line.starts_with('#')) {
        return None;
    }
    let set =
        ["filter.lfs.process", "filter.lfs.smudge"].iter().any(|key| settings.contains_key(*key));
    let there = facts.programs.contains("git-lfs");
    Some(match (set, there) {
        (true, true) => Found::note(
            "lfs",
            "worktrees get the files of git-lfs from your copy, or from its server",
        ),
        (true, false) => Found::ill(
            "lfs",
            "git is set to use git-lfs, which is not on your PATH: a checkout fails",
        )
        .way("install git-lfs"),
        (false, true) => {
            Found::ill("lfs", "git-lfs is not set up: worktrees get pointers for files")
                .way("git lfs install")
        }
        (false, false) => {
            Found::ill("lfs", "git-lfs is not installed: worktrees get pointers for files")
                .way("install git-lfs, then: git lfs install")
        }
    })
}

/// Says that submodules are not there by themselves.
pub(super) fn submodules(facts: &Facts) -> Option<Found> {
    let count = facts.files.values().filter(|kind| **kind == Kind::Submodule).count();
    let text = format!("{count}: empty in a fresh worktree until its set-up fetches them");
    (count > 0).then(|| Found::note("submodules", text))
}

/// Says whether as many envs as may run at once fit on the disk.
pub(super) fn disk(checkout: u64, built: Size, runs: u32, free: u64, floor: u64) -> Found {
    let each = checkout.saturating_add(built.bytes);
    let all = each.saturating_mul(u64::from(runs));
    let least = if built.whole { "" } else { "at least " };
    let text = format!(
        "an env takes {least}{} (files {}, what tools make {least}{}); {runs} at once {least}{}, and {} are free",
        size(each),
        size(checkout),
        size(built.bytes),
        size(all),
        size(free)
    );
    if all.saturating_add(floor) <= free {
        return Found::well("disk", text);
    }
    Found::note("disk", text).way("skep config set limits.runs N, or env.root on a bigger disk")
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

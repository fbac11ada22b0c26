//! What the rules say of one request: deny before ask before allow, then what the mode says.

use super::{
    Decision, Place, Policy, Rule, Verdict,
    command::{self, Code, Here, Seen},
    rule::{self, Match, OUTSIDE, Unit},
    shell::Word,
};
use crate::{
    run::Permissions,
    said::{Access, Deed},
};

/// Decides. Total, and the same for the same values.
///
/// What no rule speaks of, the mode decides: ask; leave, but where it writes outside of the run's place; leave.
pub fn decide(
    policy: &Policy,
    mode: Permissions,
    tool: &str,
    deed: &Deed,
    place: &Place,
) -> Verdict {
    let sight = deed.command.as_deref().map(command::look).unwrap_or_default();
    let hosts: Vec<String> = deed.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
    let mut verdicts = Vec::new();
    if deed.command.is_none() || !deed.paths.is_empty() || !hosts.is_empty() {
        let given = deed.paths.iter().flat_map(|path| {
            // A tool is not a shell: nothing in its paths is expanded.
            let word = Word::text(path.clone());
            rule::paths(&word, &Here::default(), place)
        });
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        match deed.access {
            Access::Read => reads = given.collect(),
            Access::Write | Access::Unknown => writes = given.collect(),
        }
        let unit = Unit { tool, seen: None, reads, writes, hosts };
        verdicts.push(of_unit(policy, mode, &unit, place, deed.access == Access::Write));
    }
    for seen in &sight.seen {
        verdicts.push(of_command(policy, mode, tool, seen, place));
    }
    for (redirect, here) in &sight.redirects {
        let paths = rule::paths(&redirect.to, here, place);
        let mut unit = Unit { tool, ..Unit::default() };
        if redirect.writes {
            unit.writes = paths;
        } else {
            unit.reads = paths;
        }
        verdicts.push(of_redirect(policy, mode, &unit, place, redirect.writes));
    }
    if deed.command.is_some() && sight.seen.is_empty() && verdicts.is_empty() {
        let unit = Unit { tool, ..Unit::default() };
        verdicts.push(of_unit(policy, mode, &unit, place, false));
    }
    let untold = deed.untold.then_some("it does not say what it runs");
    verdicts.extend(of_unseen(policy, mode, untold.or(sight.unseen)));
    // The first of the gravest, so that the reason is the one that is met first.
    verdicts
        .into_iter()
        .reduce(|gravest, next| if next.decision > gravest.decision { next } else { gravest })
        .unwrap_or_else(|| by_mode(mode))
}

fn of_command(
    policy: &Policy,
    mode: Permissions,
    tool: &str,
    seen: &Seen,
    place: &Place,
) -> Verdict {
    let words = seen.words();
    let mut reads = Vec::new();
    // The words behind a program that is not known are looked at with it.
    for word in words.iter().filter(|_| !seen.is_part()) {
        for candidate in inside(word) {
            reads.extend(rule::paths(&candidate, &seen.here, place));
        }
    }
    let writes = seen.writes();
    let writes = writes.iter().flat_map(|word| rule::paths(word, &seen.here, place)).collect();
    let hosts = words.iter().flat_map(hosts).collect();
    let unit = Unit { tool, seen: Some(seen), reads, writes, hosts };
    let verdict = of_unit(policy, mode, &unit, place, true);
    let hides = match &seen.code {
        None => false,
        Some(Code::Unknown) => true,
        Some(Code::Text(code)) => !is_tame(code, policy),
    };
    // Leave that names this very command is leave for its code.
    let by_rule = verdict.rule.is_some() && verdict.decision == Decision::Allow;
    let forbids = policy.deny.iter().chain(&policy.ask).find(|rule| rule.command.is_some());
    match forbids {
        Some(rule) if hides && !by_rule && verdict.decision == Decision::Allow => {
            unruled(mode, policy, rule, "it runs code that is not looked into")
        }
        _ => verdict,
    }
}

/// Leave for a redirection is the mode's; a rule can only take it.
fn of_redirect(
    policy: &Policy,
    mode: Permissions,
    unit: &Unit<'_>,
    place: &Place,
    writes: bool,
) -> Verdict {
    let verdict = of_unit(policy, mode, unit, place, writes);
    if verdict.rule.is_none() && verdict.decision == Decision::Ask && !is_outside(unit, place) {
        return verdict_of_mode(Decision::Allow, "it stays where the run works");
    }
    verdict
}

fn of_unit(
    policy: &Policy,
    mode: Permissions,
    unit: &Unit<'_>,
    place: &Place,
    writes: bool,
) -> Verdict {
    let strongest = |rules: &[Rule], forbids: bool| {
        let mut best: Option<(Match, &Rule)> = None;
        for rule in rules {
            let found = rule::matches(rule, unit, place, forbids);
            if found > best.map_or(Match::No, |(found, _)| found) {
                best = Some((found, rule));
            }
        }
        best.map(|(found, rule)| (found, rule.clone()))
    };
    let deny = strongest(&policy.deny, true);
    if let Some((Match::Yes, rule)) = &deny {
        return by_rule(Decision::Deny, rule);
    }
    let ask = strongest(&policy.ask, true);
    if mode != Permissions::Bypass
        && let Some((Match::Yes, rule)) = &ask
    {
        return by_rule(Decision::Ask, rule);
    }
    if let Some((_, rule)) = &deny {
        return unruled(mode, policy, rule, "it cannot be told before it runs");
    }
    if mode != Permissions::Bypass
        && let Some((_, rule)) = &ask
    {
        return unruled(mode, policy, rule, "it cannot be told before it runs");
    }
    if let Some((Match::Yes, rule)) = strongest(&policy.allow, false) {
        return by_rule(Decision::Allow, &rule);
    }
    if mode == Permissions::Auto && writes && is_outside(unit, place) {
        return verdict_of_mode(Decision::Ask, "it writes outside of the run's folders");
    }
    by_mode(mode)
}

fn is_outside(unit: &Unit<'_>, place: &Place) -> bool {
    unit.writes.iter().any(|path| path.sure && rule::outside(path, place) == Match::Yes)
}

fn of_unseen(policy: &Policy, mode: Permissions, unseen: Option<&str>) -> Option<Verdict> {
    let why = unseen?;
    let asks = if mode == Permissions::Bypass { &[][..] } else { &policy.ask };
    let rule = policy.deny.iter().chain(asks).find(|rule| rule.command.is_some());
    match rule {
        Some(rule) => Some(unruled(mode, policy, rule, why)),
        None if mode == Permissions::Ask => Some(by_mode(mode)),
        None => None,
    }
}

fn by_rule(decision: Decision, rule: &Rule) -> Verdict {
    let why = if rule.why.is_empty() { rule.text() } else { rule.why.clone() };
    Verdict { decision, rule: Some(rule.text()), from: rule.from.clone(), why }
}

/// What might be forbidden is asked; under a mode that never asks it is refused, so that it is written otherwise.
fn unruled(mode: Permissions, policy: &Policy, rule: &Rule, why: &str) -> Verdict {
    let denies = policy.deny.contains(rule);
    let decision = match mode {
        Permissions::Bypass if denies => Decision::Deny,
        Permissions::Bypass => Decision::Allow,
        Permissions::Ask | Permissions::Auto => Decision::Ask,
    };
    let why = format!("{why}, and could be what a rule speaks of; plain words would tell");
    Verdict { decision, rule: Some(rule.text()), from: rule.from.clone(), why }
}

fn by_mode(mode: Permissions) -> Verdict {
    match mode {
        Permissions::Ask => verdict_of_mode(Decision::Ask, "everything is asked here"),
        Permissions::Auto => verdict_of_mode(Decision::Allow, "no rule speaks of it"),
        Permissions::Bypass => verdict_of_mode(Decision::Allow, "no rule forbids it"),
    }
}

fn verdict_of_mode(decision: Decision, why: &str) -> Verdict {
    Verdict { decision, rule: None, from: String::new(), why: why.to_owned() }
}

/// The word, and what of it may be a path: the value behind `=`, `@` or `:`, and behind an option's letter.
fn inside(word: &Word) -> Vec<Word> {
    let start = word.start();
    let mut found = vec![word.clone()];
    for (at, _) in start.match_indices(['=', '@', ':']).take(4) {
        found.push(word.behind(at + 1));
    }
    if start.starts_with('-') && start.len() > 2 && start.is_char_boundary(2) {
        found.push(word.behind(2));
    }
    // `-I~/x` and `of=~/x`: some programs and shells make a home of it.
    for word in &mut found {
        if let Some(super::shell::Piece::Text(text)) = word.pieces.first_mut()
            && text.starts_with("~/")
        {
            *text = text.split_off(1);
            word.pieces.insert(0, super::shell::Piece::Home);
        }
    }
    found
}

fn hosts(word: &Word) -> Option<String> {
    host_of(word.start())
}

/// The host of an address, where a text begins with one.
pub fn host_of(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let is_scheme = !scheme.is_empty()
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.=".contains(c));
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = if let Some(address) = host.strip_prefix('[') {
        address.split(']').next().unwrap_or(address)
    } else {
        host.split(':').next().unwrap_or(host)
    };
    (is_scheme && !host.is_empty()).then(|| host.trim_end_matches('.').to_ascii_lowercase())
}

/// What code of other languages uses to start programs, to change files, or to hide a name.
const WILD: &[&str] = &[
    "system",
    "subprocess",
    "popen",
    "spawn",
    "exec",
    "fork",
    "child_process",
    "eval",
    "import_module",
    "__import__",
    "getattr",
    "compile",
    "base64",
    "b64",
    "atob",
    "fromhex",
    "fromcharcode",
    "chr(",
    "\\x",
    "\\u",
    "`",
    "pty",
    "remove",
    "unlink",
    "rmtree",
    "rmdir",
    "rename",
    "write",
    "chmod",
    "truncate",
    "ctypes",
    "require(",
    "import(",
    "socket",
    "open(\"|",
    "qx",
    "|getline",
    "| getline",
    "print |",
    "print >",
];

/// Tells whether code is too plain to do what a rule forbids: nothing in it starts a program, and nothing is named.
fn is_tame(code: &str, policy: &Policy) -> bool {
    let lower = code.to_ascii_lowercase();
    if WILD.iter().any(|word| lower.contains(word)) {
        return false;
    }
    let named = policy.deny.iter().chain(&policy.ask).any(|rule| {
        let command = rule.command.as_deref().and_then(|command| command.split_whitespace().next());
        let paths = [&rule.path, &rule.write].into_iter().flatten().filter(|path| *path != OUTSIDE);
        let parts =
            paths.flat_map(|path| path.split(['/', '*', '~']).filter(|part| part.len() > 2));
        command.into_iter().chain(parts).any(|word| lower.contains(&word.to_ascii_lowercase()))
    });
    !named
}

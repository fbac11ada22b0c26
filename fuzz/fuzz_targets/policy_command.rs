//! What a command line is taken for, whatever it is.
//!
//! Holds: nothing panics or hangs; a denied command that is wrapped or spelled otherwise is never let pass; what a mode
//! that asks would deny or ask for a rule that denies, a mode that never asks denies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skep_core::{
    policy::{self, Decision, Place, Policy, Rule},
    run::Permissions,
    said::Deed,
};

/// Longer lines only cost time.
const MOST: usize = 4 << 10;

/// Ways to have any command line run; `%` is the line, quoted.
const WRAPPERS: &[&str] = &[
    "sh -c %",
    "bash -ec %",
    "eval %",
    "sudo -u ada bash -c %",
    "env A=1 nice -n 5 sh -c %",
    "timeout 5 sh -c %",
    "xargs -I{} sh -c %",
    "find . -exec sh -c % \\;",
    "trap % EXIT",
    "bash -s <<< %",
    "echo $(sh -c %)",
    "true && { sh -c %; }",
    "if true; then sh -c %; fi",
    "git rebase -x %",
    "ssh host %",
];

/// Denied by the rules, in words of which each may be spelled otherwise.
const DENIED: &[&[&str]] = &[
    &["git", "push"],
    &["git", "-C", "web", "push", "origin"],
    &["rm", "-rf", "/etc/skep"],
    &["cat", "/home/ada/.ssh/id_rsa"],
];

fn rules() -> Policy {
    let rule = |rule: Rule| Rule { from: "fuzz".to_owned(), ..rule };
    let command = |text: &str| rule(Rule { command: Some(text.to_owned()), ..Rule::default() });
    Policy {
        deny: vec![
            command("git push"),
            Rule { write: Some("{outside}".to_owned()), ..command("rm") },
            rule(Rule { path: Some("~/.ssh/**".to_owned()), ..Rule::default() }),
            rule(Rule { write: Some("**/.git/config".to_owned()), ..Rule::default() }),
            rule(Rule { host: Some("*.example.org".to_owned()), ..Rule::default() }),
        ],
        ask: vec![command("npm publish"), command("git reset --hard")],
        allow: vec![command("make *"), command("echo")],
    }
}

fn judge(mode: Permissions, line: &str) -> Decision {
    let place = Place {
        root: "/home/ada/env/web".to_owned(),
        cwd: "/home/ada/env/web/src".to_owned(),
        home: Some("/home/ada".to_owned()),
        open: vec!["/tmp".to_owned()],
    };
    let deed = Deed { command: Some(line.to_owned()), ..Deed::default() };
    let rules = rules();
    policy::decide(&rules, mode, "Bash", &deed, &place).decision
}

fn quoted(line: &str) -> String {
    format!("'{}'", line.replace('\'', r"'\''"))
}

/// The words of a denied command, spelled and wrapped as `bytes` say: the shell would run the same.
fn disguised(bytes: &[u8]) -> String {
    let mut bytes = bytes.iter().copied();
    let mut next = move || bytes.next().unwrap_or_default();
    let words = DENIED[usize::from(next()) % DENIED.len()];
    let wraps = next() % 4;
    let words: Vec<String> = words.iter().map(|word| spelled(word, &mut next)).collect();
    let mut line = words.join(" ");
    for _ in 0..wraps {
        let way = WRAPPERS[usize::from(next()) % WRAPPERS.len()];
        line = way.replace('%', &quoted(&line));
    }
    line
}

fn spelled(word: &str, next: &mut impl FnMut() -> u8) -> String {
    let each = word.chars().map(|c| match next() % 8 {
        0 => format!("\\{c}"),
        1 => format!("'{c}'"),
        2 => format!("\"{c}\""),
        3 => format!("$'\\x{:02x}'", u32::from(c)),
        4 => format!("$'\\{:03o}'", u32::from(c)),
        5 => format!("''{c}"),
        _ => c.to_string(),
    });
    each.collect()
}

fuzz_target!(|data: &[u8]| {
    let line = disguised(data);
    assert_ne!(judge(Permissions::Auto, &line), Decision::Allow, "let pass: {line}");
    assert_eq!(judge(Permissions::Bypass, &line), Decision::Deny, "let pass: {line}");

    let text = String::from_utf8_lossy(&data[..data.len().min(MOST)]);
    let _shown = policy::commands(&text);
    let judged = [Permissions::Ask, Permissions::Auto, Permissions::Bypass].map(|mode| judge(mode, &text));
    if judged[1] == Decision::Deny {
        assert_eq!(judged[0], Decision::Deny, "asked under ask: {text:?}");
        assert_eq!(judged[2], Decision::Deny, "let pass under bypass: {text:?}");
        for way in WRAPPERS {
            let line = way.replace('%', &quoted(&text));
            assert_ne!(judge(Permissions::Auto, &line), Decision::Allow, "let pass: {line:?}");
        }
    }
});

//! What no file may hold: tests that do not run, silenced lints, waiting for luck.

use std::{collections::BTreeSet, path::PathBuf};

use proc_macro2::{Delimiter, TokenTree};

use super::{
    nothing_wrong,
    reached::product,
    root,
    source::{Source, all, each_list, group, inside, is_sign, word},
};

/// The attributes of `source`: where, and their tokens.
fn attributes(source: &Source) -> Vec<(String, Vec<TokenTree>)> {
    let mut found = Vec::new();
    each_list(&source.tokens, &mut |tokens| {
        for at in 0..tokens.len() {
            if !is_sign(tokens.get(at), '#') {
                continue;
            }
            let bracket = if is_sign(tokens.get(at + 1), '!') { at + 2 } else { at + 1 };
            if let Some(attribute) = group(tokens.get(bracket), Delimiter::Bracket) {
                found.push((source.at(&tokens[at]), inside(attribute)));
            }
        }
    });
    found
}

fn holds(tokens: &[TokenTree], wanted: &str) -> bool {
    let mut found = false;
    each_list(tokens, &mut |list| {
        found |= list.iter().any(|token| word(Some(token)).as_deref() == Some(wanted));
    });
    found
}

fn forbidden_attributes(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, attribute) in attributes(source) {
        let name = word(attribute.first()).unwrap_or_default();
        let covers =
            |wanted: &str| name == wanted || (name == "cfg_attr" && holds(&attribute, wanted));
        if covers("ignore") {
            faults.push(format!("{at}: a test runs, or asserts what is wrong and says why"));
        }
        if covers("allow") {
            faults.push(format!("{at}: a lint is met by `#[expect(…, reason = …)]`"));
        }
        if covers("expect") && !holds(&attribute, "reason") {
            faults.push(format!("{at}: `#[expect]` says its reason"));
        }
    }
    faults
}

/// How far above a sleep its reason may stand: over the loop that it is in.
const REACH: usize = 4;

/// The sleeps of `source` that neither a comment nor a loop with an
/// end in time, on their line or just above, gives a reason for.
fn unexplained_sleeps(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let gives_reason = |text: &&str| {
        ["// ", "deadline", "Instant::now()"].iter().any(|reason| text.contains(reason))
    };
    let is_explained =
        |line: usize| lines[line.saturating_sub(1 + REACH)..line].iter().any(gives_reason);
    let mut faults = Vec::new();
    each_list(&source.tokens, &mut |tokens| {
        for at in 0..tokens.len() {
            let called = group(tokens.get(at + 1), Delimiter::Parenthesis).is_some();
            let sleeps = word(tokens.get(at)).as_deref() == Some("sleep") && called;
            let a_method = at >= 1 && is_sign(tokens.get(at - 1), '.');
            let defined = at >= 1 && word(tokens.get(at - 1)).as_deref() == Some("fn");
            if sleeps && !a_method && !defined && !is_explained(tokens[at].span().start().line) {
                faults.push(format!(
                    "{}: what event does this sleep wait for?",
                    source.at(&tokens[at])
                ));
            }
        }
    });
    faults
}

#[test]
fn no_test_is_ignored_and_no_lint_silenced() {
    nothing_wrong(&all(&root()).iter().flat_map(forbidden_attributes).collect::<Vec<_>>());
}

#[test]
fn no_test_sleeps_without_saying_why() {
    let is_kit =
        |source: &Source| source.path.components().any(|part| part.as_os_str() == "skep-testkit");
    let product: BTreeSet<PathBuf> =
        product(&root()).into_iter().map(|source| source.path).collect();
    let sources =
        all(&root()).into_iter().filter(|source| is_kit(source) || !product.contains(&source.path));
    nothing_wrong(&sources.flat_map(|source| unexplained_sleeps(&source)).collect::<Vec<_>>());
}

fn planted(text: &str) -> Source {
    Source::planted("x.rs", text)
}

#[test]
fn a_forbidden_attribute_is_found_and_the_same_words_in_a_string_are_not() {
    let text = "#![allow(dead_code)]\n#[test]\n#[ignore]\nfn a() { let _x = \"#[ignore]\"; }\nmod m {\n #[cfg_attr(x, allow(y))] struct S;\n #[expect(z)] struct T;\n #[expect(z, reason = \"w\")] struct U;\n}\n";
    let places: Vec<String> = forbidden_attributes(&planted(text))
        .iter()
        .map(|fault| fault.chars().take(6).collect())
        .collect();
    assert_eq!(places, ["x.rs:1", "x.rs:3", "x.rs:6", "x.rs:7"]);
}

#[test]
fn a_sleep_without_a_reason_is_found() {
    let text = "fn a() {\n thread::sleep(x);\n\n\n\n\n std::thread::sleep(y); // The kernel's tick.\n}\nfn b() {\n\n // Until it is there.\n while c {\n  sleep(z);\n }\n w.sleep(v);\n}\nfn e() {\n\n\n\n while now() < deadline {\n  sleep(u);\n }\n}\n";
    assert_eq!(
        unexplained_sleeps(&planted(text)),
        ["x.rs:2: what event does this sleep wait for?"]
    );
}

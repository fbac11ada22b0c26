//! What a file names by `crate::`, `self::` and `super::`, resolved from the crate's root.

use proc_macro2::{Delimiter, TokenTree};

use super::source::{group, inside, is_sign, without_test_modules, word};

/// One path that a file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) line: usize,
    /// From the crate's root; empty for the root itself; `*` for everything of a module.
    pub(crate) segments: Vec<String>,
}

/// Every path that begins at `crate`, `self` or `super`, in the file of the module `module`; tests may look anywhere.
pub(crate) fn named(tokens: &[TokenTree], module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    collect(tokens, module, &mut found);
    found
}

fn collect(tokens: &[TokenTree], module: &[String], found: &mut Vec<Named>) {
    let tokens = &without_test_modules(tokens);
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if let Some((name, body)) = inline_module(tokens, at) {
            let inner: Vec<String> = module.iter().cloned().chain([name]).collect();
            collect(&body, &inner, found);
            at += 3;
        } else if begins_path(tokens, at) {
            let (leaves, end) = tree(tokens, at, &[]);
            let line = token.span().start().line;
            found.extend(leaves.iter().map(|leaf| Named { line, segments: resolve(module, leaf) }));
            at = end;
        } else {
            if let TokenTree::Group(group) = token {
                collect(&inside(group), module, found);
            }
            at += 1;
        }
    }
}

fn inline_module(tokens: &[TokenTree], at: usize) -> Option<(String, Vec<TokenTree>)> {
    if word(tokens.get(at))? != "mod" {
        return None;
    }
    let name = word(tokens.get(at + 1))?;
    Some((name, inside(group(tokens.get(at + 2), Delimiter::Brace)?)))
}

fn begins_path(tokens: &[TokenTree], at: usize) -> bool {
    let known = word(tokens.get(at))
        .is_some_and(|word| ["crate", "self", "super"].contains(&word.as_str()));
    known && (is_joint(tokens, at + 1) || word(tokens.get(at + 1)).as_deref() == Some("as"))
}

fn is_joint(tokens: &[TokenTree], at: usize) -> bool {
    is_sign(tokens.get(at), ':') && is_sign(tokens.get(at + 1), ':')
}

/// The paths of the use-tree that begins at `at`, and where it ends.
fn tree(tokens: &[TokenTree], mut at: usize, prefix: &[String]) -> (Vec<Vec<String>>, usize) {
    let mut path = prefix.to_vec();
    loop {
        if let Some(branches) = group(tokens.get(at), Delimiter::Brace) {
            return (forked(&inside(branches), &path), at + 1);
        }
        if is_sign(tokens.get(at), '*') {
            path.push("*".to_owned());
            return (vec![path], at + 1);
        }
        let Some(segment) = word(tokens.get(at)) else { return (vec![path], at) };
        path.push(segment);
        at += 1;
        if !is_joint(tokens, at) {
            return (vec![path], at);
        }
        at += 2;
    }
}

fn forked(tokens: &[TokenTree], prefix: &[String]) -> Vec<Vec<String>> {
    let branches = tokens.split(|token| is_sign(Some(token), ','));
    branches
        .filter(|branch| !branch.is_empty())
        .flat_map(|branch| tree(branch, 0, prefix).0)
        .collect()
}

fn resolve(module: &[String], path: &[String]) -> Vec<String> {
    let mut resolved = module.to_vec();
    for segment in path {
        match segment.as_str() {
            "crate" => resolved.clear(),
            "self" => {}
            "super" => {
                resolved.pop();
            }
            name => resolved.push(name.to_owned()),
        }
    }
    resolved
}

fn paths_of(code: &str, module: &[&str]) -> Vec<String> {
    let tokens: proc_macro2::TokenStream = code.parse().expect("Rust tokens");
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let module: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
    named(&tokens, &module).iter().map(|named| named.segments.join("::")).collect()
}

#[test]
fn a_nested_group_names_every_leaf() {
    assert_eq!(
        paths_of("use crate::{a::{self, B}, c, d::*};", &["x"]),
        ["a", "a::B", "c", "d::*"],
        "`self` in a group is the module before it"
    );
}

#[test]
fn super_is_counted_from_the_module_of_the_file_and_of_the_inline_module() {
    assert_eq!(paths_of("use super::super::b::C;", &["a", "deep"]), ["b::C"]);
    assert_eq!(
        paths_of("mod inner { use super::super::b; fn f() { super::g() } }", &["a"]),
        ["b", "a::g"]
    );
    assert_eq!(paths_of("fn f() { self::g(); self.h() }", &["a", "b"]), ["a::b::g"]);
}

#[test]
fn a_path_in_a_body_a_macro_or_a_group_that_begins_elsewhere_is_seen() {
    assert_eq!(paths_of("fn f() -> crate::a::T { x!(super::b::<u8>()) }", &["c"]), ["a::T", "b"]);
    assert_eq!(paths_of("use {crate::a, std::{self, fs}, super::b};", &["c"]), ["a", "b"]);
    assert_eq!(
        paths_of("use crate as root;", &["c"]),
        [""],
        "the root under another name is the root"
    );
    assert_eq!(paths_of("macro_rules! m { () => { $crate::a::f() } }", &["c"]), ["a::f"]);
}

#[test]
fn a_path_in_a_comment_or_a_string_is_not_an_import() {
    assert_eq!(
        paths_of("// crate::a\nconst X: &str = \"crate::b\"; /* super::c */", &["x"]),
        [""; 0]
    );
}

//! Every error a person can meet is explained, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenTree};

use super::{
    reached::product,
    root,
    source::{Source, each_list, each_production_list, group, inside, is_sign, read, string, word},
};

fn is_slug(text: &str) -> bool {
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    text.starts_with(|letter: char| letter.is_ascii_lowercase())
        && !text.ends_with('-')
        && text.chars().all(plain)
}

/// The functions of `sources` with a parameter named `slug`, and which one it is, `self` not counted.
fn takers(sources: &[Source]) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for source in sources {
        each_production_list(&source.tokens, &mut |tokens| {
            for at in 0..tokens.len() {
                let Some(name) = word(tokens.get(at + 1))
                    .filter(|_| word(tokens.get(at)).as_deref() == Some("fn"))
                else {
                    continue;
                };
                let parameters = tokens[at..]
                    .iter()
                    .find_map(|token| group(Some(token), Delimiter::Parenthesis));
                let parameters = parameters.map(inside).unwrap_or_default();
                let names = parameters.split(|token| is_sign(Some(token), ','));
                let names = names.filter(|of| {
                    !of.iter().any(|token| word(Some(token)).as_deref() == Some("self"))
                });
                let place =
                    names.into_iter().position(|of| word(of.first()).as_deref() == Some("slug"));
                found.extend(place.map(|place| (name, place)));
            }
        });
    }
    found
}

/// The slugs that `source` gives: the texts inside `fn slug(&self)`, after `slug:` or `slug =`, at the head of tuples that
/// `let (slug, …)` takes apart, and those that one of `takers` is called with.
fn given(source: &Source, takers: &BTreeMap<String, usize>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each_production_list(&source.tokens, &mut |tokens| {
        for at in 0..tokens.len() {
            let Some(name) = word(tokens.get(at)) else { continue };
            if name == "slug" && is_method(tokens, at) {
                let body =
                    tokens[at..].iter().find_map(|token| group(Some(token), Delimiter::Brace));
                found.extend(body.map(inside).iter().flat_map(|body| strings(body)));
            } else if name == "slug"
                && (is_sign(tokens.get(at + 1), ':') || is_sign(tokens.get(at + 1), '='))
            {
                found.extend(string(tokens.get(at + 2)));
            } else if name == "let" && binds_slug_first(tokens.get(at + 1)) {
                let value = tokens[at + 2..]
                    .split(|token| is_sign(Some(token), ';'))
                    .next()
                    .unwrap_or_default();
                each_list(value, &mut |list| found.extend(string(list.first())));
            } else if let Some(place) = takers.get(&name) {
                let arguments = group(tokens.get(at + 1), Delimiter::Parenthesis)
                    .map(inside)
                    .unwrap_or_default();
                let slug = arguments.split(|token| is_sign(Some(token), ',')).nth(*place);
                found.extend(slug.and_then(|slug| string(slug.first())));
            }
        }
    });
    found.retain(|text| is_slug(text));
    found
}

/// Tells whether `pattern` is a tuple that begins with `slug`.
fn binds_slug_first(pattern: Option<&TokenTree>) -> bool {
    let names = group(pattern, Delimiter::Parenthesis).map(inside).unwrap_or_default();
    word(names.first()).as_deref() == Some("slug")
}

/// Tells whether the word at `at` names a method on `&self`, not just any function.
fn is_method(tokens: &[TokenTree], at: usize) -> bool {
    let parameters =
        group(tokens.get(at + 1), Delimiter::Parenthesis).map(inside).unwrap_or_default();
    let named = at >= 1 && word(tokens.get(at - 1)).as_deref() == Some("fn");
    named && is_sign(parameters.first(), '&') && word(parameters.get(1)).as_deref() == Some("self")
}

fn strings(tokens: &[TokenTree]) -> Vec<String> {
    let mut found = Vec::new();
    each_list(tokens, &mut |list| {
        found.extend(list.iter().filter_map(|token| string(Some(token))));
    });
    found
}

/// The sections of `docs/errors.md`: slug -> text.
fn explained(text: &str) -> BTreeMap<String, String> {
    let sections = text.split("\n## ").skip(1);
    let sections = sections.map(|section| section.split_once('\n').unwrap_or((section, "")));
    sections.map(|(slug, body)| (slug.trim().to_owned(), body.trim().to_owned())).collect()
}

#[test]
fn every_error_slug_is_explained_and_every_explanation_has_its_error() {
    let product = product(&root());
    let takers = takers(&product);
    let given: BTreeSet<String> =
        product.iter().flat_map(|source| given(source, &takers)).collect();
    let explained: BTreeSet<String> =
        explained(&read(&root().join("docs/errors.md"))).into_keys().collect();
    let unexplained: Vec<&String> = given.difference(&explained).collect();
    let unknown: Vec<&String> = explained.difference(&given).collect();
    assert!(
        unexplained.is_empty() && unknown.is_empty(),
        "not explained: {unexplained:?}; of no error: {unknown:?}"
    );
}

#[test]
fn every_explanation_gives_a_cause_and_the_ways_out() {
    let short: Vec<String> = explained(&read(&root().join("docs/errors.md")))
        .into_iter()
        .filter(|(_, text)| !text.contains("Ways out:") || text.starts_with("Ways out:"))
        .map(|(slug, _)| slug)
        .collect();
    assert!(short.is_empty(), "needs a cause, then `Ways out:`: {short:?}");
}

#[test]
fn slugs_are_read_from_slug_methods_fields_and_arguments_and_from_nothing_else() {
    let text = "impl E { fn slug(&self) -> &'static str { match self { E::A => \"disk-full\", E::B { .. } => \"busy\" } } }\nfn other() -> &'static str { \"not-this\" }\nfn f() -> A { A { slug: \"send-refused\".to_owned(), text: \"nor this\" } }\n#[cfg(test)]\nmod tests { fn slug() -> &'static str { \"nor-that\" } }\nfn slug(title: &str) -> String { \"agent\".to_owned() }\nfn refuse(&self, a: u8, slug: &str) {}\nfn g() { x.refuse(1, \"daemon-absent\"); refuse(\"not-me\", \"daemon-late\".into()); other(\"not-i\") }\nfn h() { let (slug, text) = match x { A => (\"changed\", \"not-you\"), B => (\"new\", t()) }; say(\"no\") }";
    let tokens: proc_macro2::TokenStream = text.parse().expect("Rust tokens");
    let source =
        Source { path: "x.rs".into(), text: text.to_owned(), tokens: tokens.into_iter().collect() };
    let takers = takers(std::slice::from_ref(&source));
    assert_eq!(
        given(&source, &takers),
        ["busy", "changed", "daemon-absent", "daemon-late", "disk-full", "new", "send-refused"]
            .map(str::to_owned)
            .into()
    );
}

//! Every public type, trait, function and module says in a sentence what it is; every file what it owns.

use proc_macro2::{Delimiter, TokenTree};

use super::{
    nothing_wrong,
    reached::product,
    root,
    source::{Source, each_production_list, group, inside, is_sign, word},
};

const MOST_LINES: usize = 12;

/// The public items of `source` without a doc.
fn silent_items(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    each_production_list(&source.tokens, &mut |tokens| {
        for at in 0..tokens.len() {
            let Some(item) = public_item(tokens, at) else { continue };
            if !is_documented(tokens, at) {
                faults.push(format!("{}: {item} has no doc", source.at(&tokens[at])));
            }
        }
    });
    faults
}

/// What the `pub` at `at` makes public: `fn name`, `struct Name`, …; none for fields, constants and re-exports.
fn public_item(tokens: &[TokenTree], at: usize) -> Option<String> {
    if word(tokens.get(at))? != "pub" || group(tokens.get(at + 1), Delimiter::Parenthesis).is_some()
    {
        return None;
    }
    let mut next = at + 1;
    while word(tokens.get(next))
        .is_some_and(|word| ["const", "async", "unsafe", "extern"].contains(&word.as_str()))
    {
        next += 1;
    }
    let kind = word(tokens.get(next))?;
    let name = word(tokens.get(next + 1))?;
    match kind.as_str() {
        "fn" if is_setter(&tokens[next + 2..]) => None,
        // A module may open with its own words instead; `silent_files` asks for those.
        "mod" if is_sign(tokens.get(next + 2), ';') => None,
        "fn" | "struct" | "enum" | "trait" | "type" | "union" | "mod" => {
            Some(format!("{kind} {name}"))
        }
        _ => None,
    }
}

/// A step of a builder, `fn name(mut self, …) -> Self`, says itself what it sets.
fn is_setter(after_name: &[TokenTree]) -> bool {
    let parameters = after_name.iter().find_map(|token| group(Some(token), Delimiter::Parenthesis));
    let Some(parameters) = parameters.map(inside) else { return false };
    word(parameters.first()).as_deref() == Some("mut")
        && word(parameters.get(1)).as_deref() == Some("self")
}

/// Tells whether the attributes before `at` hold a doc.
fn is_documented(tokens: &[TokenTree], mut at: usize) -> bool {
    while at >= 2 && is_sign(tokens.get(at - 2), '#') {
        let Some(attribute) = group(tokens.get(at - 1), Delimiter::Bracket) else { return false };
        // `$(#[$doc])*` of a macro stands before the item as a repetition, and is met below.
        if word(inside(attribute).first()).as_deref() == Some("doc") {
            return true;
        }
        at -= 2;
    }
    // In a macro the docs arrive with its arguments: `$(#[$doc])* pub struct $name`.
    at >= 1 && is_sign(tokens.get(at - 1), '*')
}

/// What is wrong with how `source` opens.
fn silent_file(source: &Source) -> Option<String> {
    let opening = source.text.lines().take_while(|line| line.starts_with("//!"));
    let path = source.path.display();
    // A table is read by its row, not through.
    match opening.filter(|line| !line.starts_with("//! |")).count() {
        0 => Some(format!("{path}: does not open by saying what it owns (`//!`)")),
        lines if lines > MOST_LINES => {
            Some(format!("{path}: opens with {lines} lines; at most {MOST_LINES}"))
        }
        _ => None,
    }
}

#[test]
fn every_public_type_trait_and_function_has_a_doc() {
    nothing_wrong(&product(&root()).iter().flat_map(silent_items).collect::<Vec<_>>());
}

#[test]
fn every_file_opens_by_saying_what_it_owns_in_at_most_twelve_lines() {
    nothing_wrong(&product(&root()).iter().filter_map(silent_file).collect::<Vec<_>>());
}

fn planted(text: &str) -> Source {
    Source::planted("x.rs", text)
}

#[test]
fn a_public_item_without_a_doc_is_found_wherever_it_stands() {
    let text = "/// A.\n#[derive(Debug)]\npub struct A { pub field: u8 }\nimpl A {\n pub const fn b() {}\n pub(crate) fn c() {}\n}\npub use d::E;\npub mod f;\n#[cfg(test)]\nmod tests { pub fn g() {} }\npub trait H {}\n";
    assert_eq!(
        silent_items(&planted(text)),
        ["x.rs:12: trait H has no doc", "x.rs:5: fn b has no doc"]
    );
}

#[test]
fn a_file_that_opens_with_nothing_or_with_too_much_is_found() {
    assert!(silent_file(&planted("use a;\n")).is_some_and(|fault| fault.contains("what it owns")));
    assert!(
        silent_file(&planted(&"//! word\n".repeat(13)))
            .is_some_and(|fault| fault.contains("13 lines"))
    );
    assert_eq!(silent_file(&planted(&"//! word\n".repeat(12))), None);
}

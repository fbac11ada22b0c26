//! Words that name nothing are not names.

use super::{
    nothing_wrong, root,
    source::{Source, all, each_list, word},
};

const NOT_TYPES: &[&str] = &[
    "Manager", "Service", "Helper", "Helpers", "Util", "Utils", "Handler", "Info", "Data",
    "Context", "Misc", "Common",
];
const NOT_ROOMS: &[&str] = &[
    "manager", "managers", "service", "services", "helper", "helpers", "util", "utils", "handler",
    "handlers", "info", "data", "context", "common", "misc", "types", "models", "errors",
    "prelude",
];

/// The words of `Name`, at its capitals.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        if letter.is_uppercase() || words.is_empty() {
            words.push(String::new());
        }
        words.last_mut().expect("one was just pushed").push(letter);
    }
    words
}

fn empty_types(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    each_list(&source.tokens, &mut |tokens| {
        for at in 0..tokens.len() {
            let kind = word(tokens.get(at)).unwrap_or_default();
            if !["struct", "enum", "trait", "type", "union"].contains(&kind.as_str()) {
                continue;
            }
            let Some(name) = word(tokens.get(at + 1)) else { continue };
            if words(&name).iter().any(|word| NOT_TYPES.contains(&word.as_str())) {
                faults
                    .push(format!("{}: `{name}` does not say what it is", source.at(&tokens[at])));
            }
        }
    });
    faults
}

fn empty_file(source: &Source) -> Option<String> {
    let stem = source.path.file_stem()?.to_string_lossy().into_owned();
    let empty = stem.split('_').any(|word| NOT_ROOMS.contains(&word));
    empty.then(|| format!("{}: the file's name does not say what is in it", source.path.display()))
}

#[test]
fn no_type_and_no_file_is_named_by_a_word_that_says_nothing() {
    let sources = all(&root());
    let types = sources.iter().flat_map(empty_types);
    nothing_wrong(&types.chain(sources.iter().filter_map(empty_file)).collect::<Vec<_>>());
}

#[test]
fn an_empty_name_is_found_and_a_name_that_only_contains_one_is_not() {
    let text = "struct RunManager; enum Database {} trait Handler {} type Ctx = u8; struct Informed; mod m { struct GitInfo; }";
    assert_eq!(
        empty_types(&Source::planted("x.rs", text)),
        [
            "x.rs:1: `RunManager` does not say what it is",
            "x.rs:1: `Handler` does not say what it is",
            "x.rs:1: `GitInfo` does not say what it is"
        ]
    );
    assert!(empty_file(&Source::planted("src/git_utils.rs", "")).is_some());
    assert!(empty_file(&Source::planted("src/database.rs", "")).is_none());
}

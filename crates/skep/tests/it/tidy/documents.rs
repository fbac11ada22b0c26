//! What the documents point at is there, and what is there is pointed at.

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use proc_macro2::Delimiter;

use super::{
    nothing_wrong, root,
    source::{Source, each_list, entries, group, inside, read, word},
};

/// The files of `folder` that its index does not name.
fn unlisted(folder: &str) -> Vec<String> {
    let folder = root().join("docs").join(folder);
    let index = read(&folder.join("README.md"));
    let names = entries(&folder)
        .into_iter()
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let silent = names.filter(|name| {
        name != "README.md" && name.ends_with(".md") && !index.contains(name.as_str())
    });
    silent
        .map(|name| format!("{}: the index does not name it", folder.join(name).display()))
        .collect()
}

#[test]
fn the_indexes_of_the_designs_and_the_decisions_name_every_page() {
    nothing_wrong(&["design", "adr"].into_iter().flat_map(unlisted).collect::<Vec<_>>());
}

#[test]
fn the_scripts_that_the_readme_names_can_be_run() {
    let readme = read(&root().join("README.md"));
    let mut named = 0;
    for script in entries(&root().join("scripts")).into_iter().chain([root().join(".ci/run")]) {
        let mode = script.metadata().expect("a script").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{} cannot be run", script.display());
        named += usize::from(
            readme.contains(&format!("scripts/{}", script.file_name().expect("a name").display())),
        );
    }
    assert!(named >= 3, "the README names demo, test and install");
}

#[test]
fn a_page_has_the_lines_of_prose_and_no_place_of_one_machine() {
    let pages = ["README.md", "ARCHITECTURE.md"].map(|name| root().join(name));
    let is_page = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "md");
    let docs = entries(&root().join("docs")).into_iter().filter(is_page);
    for page in pages.into_iter().chain(docs) {
        let text = read(&page);
        assert!(text.starts_with("# "), "{} begins with its title", page.display());
        for place in ["/home/", "/root/", "/Users/"] {
            assert!(
                !text.contains(place),
                "{} names a place of one machine: {place}",
                page.display()
            );
        }
    }
}

/// The variants of the enum `name` of `source`.
fn variants(source: &Source, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    each_list(&source.tokens, &mut |tokens| {
        for at in 0..tokens.len() {
            let is_it = word(tokens.get(at)).as_deref() == Some("enum")
                && word(tokens.get(at + 1)).as_deref() == Some(name);
            if let (true, Some(body)) = (is_it, group(tokens.get(at + 2), Delimiter::Brace)) {
                found = inside(body).iter().filter_map(|token| word(Some(token))).collect();
            }
        }
    });
    found
}

/// The effects of `core` that the table `| effect | again |` of `perform` does not speak of.
fn unexplained_effects(core: &Source, perform: &str) -> Vec<String> {
    let rows = perform.lines().filter_map(|line| line.strip_prefix("//! |"));
    let told: Vec<String> = rows
        .filter_map(|row| row.split('|').next())
        .flat_map(|cell| cell.split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    let effects = variants(core, "Effect");
    assert!(!effects.is_empty(), "no `enum Effect` was found");
    let first_word = |effect: &str| {
        let end = effect[1..].find(char::is_uppercase).map_or(effect.len(), |at| at + 1);
        effect[..end].to_lowercase()
    };
    let silent = effects.into_iter().filter(|effect| !told.contains(&first_word(effect)));
    silent
        .map(|effect| format!("perform does not say why doing `{effect}` twice is harmless"))
        .collect()
}

#[test]
fn every_effect_says_beside_perform_why_doing_it_twice_is_harmless() {
    let core = Source::read(&root().join("crates/skep-core/src/run.rs"));
    nothing_wrong(&unexplained_effects(
        &core,
        &read(&root().join("crates/skep-daemon/src/perform.rs")),
    ));
}

#[test]
fn an_effect_that_the_table_does_not_speak_of_is_found() {
    let core = Source::planted(
        "run.rs",
        "/// Work.\npub enum Effect { Prepare { run: u8 }, CancelTurn { run: u8 }, /// x\n Land {} }",
    );
    let table = "//! | effect | again |\n//! |---|---|\n//! | prepare, cancel | x |\n//! land\n";
    assert_eq!(
        unexplained_effects(&core, table),
        ["perform does not say why doing `Land` twice is harmless"]
    );
}

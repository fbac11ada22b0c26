//! Blocks, names and front matter, whatever stands in them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::{block, exclude, skill};

/// Texts with pieces of our marks among them.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("<!-- BEGIN SKEP (x) -->\n".to_owned()),
        Just("<!-- END SKEP -->\n".to_owned()),
        "[a-zé <!-]{0,6}",
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_stood_and_is_said_there_is_exactly_one_block(stood in text(), says in text()) {
        let once = block::with(stood.as_bytes(), &says);
        prop_assert_eq!(block::count(&once), 1);
        prop_assert_eq!(block::with(&once, &says), once);
    }

    #[test]
    fn without_its_block_a_text_is_what_it_was(stood in text(), says in text()) {
        prop_assume!(!stood.contains("BEGIN SKEP"));
        let laid = block::with(stood.as_bytes(), &says);
        prop_assert_eq!(block::without(&laid), Some(stood.into_bytes()));
    }

    #[test]
    fn what_is_appended_behind_a_block_stays(stood in text(), says in text(), more in text()) {
        prop_assume!(!stood.contains("BEGIN SKEP") && !more.contains("BEGIN SKEP"));
        let mut laid = block::with(stood.as_bytes(), &says);
        laid.extend(more.as_bytes());
        prop_assert_eq!(block::without(&laid), Some((stood + &more).into_bytes()));
    }

    #[test]
    fn a_skills_folder_is_one_plain_name_and_no_two_candidates_are_the_same(name in any::<String>()) {
        let slug = skill::slug(&name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        prop_assert!(!slug.is_empty() && slug.chars().all(plain) && !slug.starts_with('-') && !slug.ends_with('-'));
        let all: Vec<String> = skill::candidates(&slug).collect();
        prop_assert_eq!(all.len(), 64);
        prop_assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 64);
    }

    #[test]
    fn the_front_matter_tells_the_folders_name_whatever_it_told(text in "(---\n)?(name: [a-z]{0,3}\n| more\n|x: y\n){0,4}(---\n)?[a-z\n]{0,9}") {
        let named = skill::named(text.as_bytes(), "lint-skep");
        prop_assert_eq!(skill::told_name(&named), Some("lint-skep".to_owned()));
        prop_assert_eq!(skill::named(&named, "lint-skep"), named);
    }
}

#[test]
fn front_matter_keeps_all_else_and_loses_the_whole_old_name() {
    let text = "---\nname: >\n  long\n  name\ndescription: d\n---\nname: in the text\n";
    let named = String::from_utf8(skill::named(text.as_bytes(), "x")).unwrap();
    assert_eq!(named, "---\nname: x\ndescription: d\n---\nname: in the text\n");
    let none = String::from_utf8(skill::named(b"Just text.\n", "x")).unwrap();
    assert_eq!(none, "---\nname: x\n---\n\nJust text.\n");
}

#[test]
fn a_line_for_git_names_one_path_from_the_root_and_nothing_else() {
    assert_eq!(exclude::line("AGENTS.md", false), "/AGENTS.md\n");
    assert_eq!(exclude::line(".a/s*[x]? y", true), "/.a/s\\*\\[x]\\?\\ y/\n");
}

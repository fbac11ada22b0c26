//! What a claim covers, and what is news.

use super::*;

fn id(name: &str) -> RunId {
    RunId::new([name.as_bytes()[0]; crate::id::LENGTH])
}

fn clash(a: &str, b: &str, kind: Kind, files: &[&str]) -> Clash {
    Clash { a: id(a), b: id(b), kind, files: Files::of(files.iter().copied()) }
}

fn seen(among: &str, clashes: &[Clash]) -> Seen {
    let among = among.split(' ').map(id).collect();
    Seen { among, clashes: clashes.to_vec(), ..Seen::default() }
}

#[test]
fn a_claim_covers_the_file_what_lies_below_a_folder_and_what_fits_a_pattern() {
    for (claim, path, covered) in [
        ("src/a.rs", "src/a.rs", true),
        ("src/a.rs", "src/a.rs.bak", false),
        ("src", "src/deep/a.rs", true),
        ("./src/", "src/a.rs", true),
        ("src", "srcs/a.rs", false),
        ("a/foo", "a/foobar/x", false),
        (".", "anything", true),
        ("src/../docs", "docs/a.md", true),
        ("../other", "other/a", false),
        ("src/*.rs", "src/a.rs", true),
        ("src/*.rs", "src/deep/a.rs", false),
        ("src/**/*.rs", "src/deep/er/a.rs", true),
        ("src/**", "src/a.rs", true),
        ("**/tests/**/a", "x/tests/y/tests/z/a", true),
        ("src/**", "src", true),
        ("src/**/b", "src/b", true),
        ("**/tests", "crates/a/tests/b.rs", true),
        ("?.rs", "a.rs", true),
        ("?.rs", "ab.rs", false),
        ("*a*b*", "xxaxxbxx", true),
        ("*a*b", "xxaxxbxx", false),
    ] {
        assert_eq!(is_claimed(claim, path), covered, "{claim} {path}");
    }
}

#[test]
fn a_pattern_that_is_made_to_be_slow_is_not() {
    let claim = format!("{}b", "a*".repeat(2_000));
    assert!(!is_claimed(&claim, &"a".repeat(4_000)));
    let claim = format!("{}b", "**/a/".repeat(200));
    assert!(!is_claimed(&claim, &"a/".repeat(400)));
}

#[test]
fn only_what_changed_is_news_and_nobody_knows_better_of_what_was_not_looked_at() {
    let mut radar = Radar::default();
    let touch = clash("a", "b", Kind::Touch, &["x"]);
    let conflict = clash("b", "c", Kind::Conflict, &["y"]);
    let both = seen("a b c", &[touch.clone(), conflict.clone()]);
    let (news, gone) = radar.news(&both);
    assert_eq!((news.len(), gone.len()), (2, 0));
    radar.see(&news, &gone, &[], Timestamp(1));
    assert_eq!(radar.news(&both), (vec![], vec![]), "the same again is none");
    // In the other order it is the same pair.
    let turned = clash("b", "a", Kind::Touch, &["x"]);
    assert_eq!(radar.news(&seen("a b c", &[turned, conflict.clone()])), (vec![], vec![]));
    assert_eq!(
        radar.news(&seen("a b", std::slice::from_ref(&touch))),
        (vec![], vec![]),
        "c was not looked at"
    );
    let unknown = Seen {
        unknown: [key(&id("c"), &id("b"))].into(),
        ..seen("a b c", std::slice::from_ref(&touch))
    };
    assert_eq!(radar.news(&unknown), (vec![], vec![]));
    let (news, gone) = radar.news(&seen("a b c", &[clash("a", "b", Kind::Touch, &["x", "z"])]));
    assert_eq!((news.len(), &gone), (1, &vec![Pair { a: id("b"), b: id("c") }]));
    radar.see(&news, &gone, &[], Timestamp(2));
    let standing = &radar.clashes[&key(&id("a"), &id("b"))];
    assert_eq!((standing.since, standing.files.files.len()), (Timestamp(1), 2), "as old as it is");
    let (news, gone) = radar.news(&seen("a b c", &[clash("a", "b", Kind::Conflict, &["x"])]));
    radar.see(&news, &gone, &[], Timestamp(3));
    assert_eq!(radar.clashes[&key(&id("a"), &id("b"))].since, Timestamp(3), "it became another");
    radar.keep(|run| *run != id("a"));
    assert!(radar.clashes.is_empty());
}

#[test]
fn many_files_are_counted_and_some_are_named() {
    let names: Vec<String> = (0..FILES + 5).map(|nth| format!("f{nth}")).collect();
    let files = Files::of(names.iter().map(String::as_str));
    assert_eq!((files.files.len(), files.more), (FILES, 5));
}

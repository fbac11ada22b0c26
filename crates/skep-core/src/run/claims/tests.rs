//! How two paths meet.

use proptest::prelude::*;

use super::*;

#[test]
fn a_claim_meets_what_is_at_below_and_above_it_and_no_name_that_only_begins_alike() {
    let of = |asked| overlaps("/a/foo", asked).map(Reason::as_str);
    assert_eq!(of("/a/foo"), Some("exact"));
    assert_eq!(of("/a/foo/x"), Some("ancestor"));
    assert_eq!(of("/a/foo/x/y"), Some("ancestor"));
    assert_eq!(of("/a"), Some("descendant"));
    assert_eq!(of("/"), Some("descendant"));
    assert_eq!(of("/a/foobar"), None);
    assert_eq!(of("/a/fo"), None);
    assert_eq!(of("/b/foo"), None);
    assert_eq!(overlaps("/", "/a").map(Reason::as_str), Some("ancestor"), "the root holds all");
}

#[test]
fn a_pattern_meets_what_fits_it_and_the_folders_that_what_fits_lies_in() {
    let of = |claim: &str, asked| pattern_overlaps(claim, asked).map(Reason::as_str);
    assert_eq!(of("/w/src/*.rs", "/w/src/a.rs"), Some("ancestor"));
    assert_eq!(of("/w/src/*.rs", "/w/src/a.md"), None);
    assert_eq!(of("/w/src/**", "/w/src/x/y.rs"), Some("ancestor"));
    assert_eq!(of("/w/src/*.rs", "/w/src"), Some("descendant"));
    assert_eq!(of("/w/src/*.rs", "/w"), Some("descendant"));
    assert_eq!(of("/w/src/*.rs", "/w/doc"), None);
    assert_eq!(of("/w/src", "/w/src/a.rs"), Some("ancestor"), "no pattern is what it was");
}

#[test]
fn a_path_is_spelled_without_its_detours_and_never_leads_above_the_root() {
    assert_eq!(cleaned("/w/./src//a/../b").as_deref(), Some("/w/src/b"));
    assert_eq!(cleaned("/").as_deref(), Some("/"));
    assert_eq!(cleaned("/w/../.."), None);
}

#[test]
fn claims_and_lineage_are_kept_as_the_page_of_formats_says() {
    let claims = Claims { paths: vec!["/w/a".to_owned()], overlap: true };
    let kept = serde_json::to_string(&claims).unwrap();
    assert_eq!(kept, r#"{"paths":["/w/a"],"overlap":true}"#);
    assert_eq!(serde_json::from_str::<Claims>(&kept).unwrap(), claims);
    assert_eq!(serde_json::to_string(&Claims::default()).unwrap(), "{}");
    let id = |text: &str| text.parse::<crate::id::RunId>().unwrap();
    let root = id("run_0000000000");
    let lineage = super::super::Lineage { parent: Some(id("run_1111111111")), root, depth: 2 };
    let kept = serde_json::to_string(&lineage).unwrap();
    let wanted = r#"{"parent":"run_1111111111","root":"run_0000000000","depth":2}"#;
    assert_eq!(kept, wanted);
    assert_eq!(serde_json::from_str::<super::super::Lineage>(&kept).unwrap(), lineage);
}

proptest! {
    /// Whichever of two is there first: they meet both ways or not at all.
    #[test]
    fn two_paths_meet_both_ways_or_not_at_all(a in "(/[ab]{1,2}){0,4}", b in "(/[ab]{1,2}){0,4}") {
        let (a, b) = (cleaned(&a).unwrap(), cleaned(&b).unwrap());
        let mirrored = overlaps(&b, &a).map(|reason| match reason {
            Reason::Exact => Reason::Exact,
            Reason::Ancestor => Reason::Descendant,
            Reason::Descendant => Reason::Ancestor,
        });
        prop_assert_eq!(overlaps(&a, &b), mirrored);
    }
}

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

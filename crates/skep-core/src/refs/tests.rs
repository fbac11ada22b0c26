use proptest::prelude::*;
use skep_testkit::Place;

use super::*;

fn parts(slug: &'static str) -> Parts<'static> {
    Parts { slug, name: "amber", short: "7k2m9qx4", task: "task_7k2m9qx4ab", user: "Ada Lovelace" }
}

#[test]
fn a_pattern_is_filled() {
    for (pattern, expected) in [
        ("skep/{slug}", "skep/fix-login"),
        ("{user}/{name}-{short}", "ada-lovelace/amber-7k2m9qx4"),
        ("{task}", "task_7k2m9qx4ab"),
        ("a b/{slug}..x.lock", "a-b/fix-login.x"),
        ("{nothing}/{slug}", "nothing/fix-login"),
        ("{slug", "slug"),
        ("-x", "x"),
        ("//", "skep/7k2m9qx4"),
        ("", "skep/7k2m9qx4"),
        ("HEAD", "skep/7k2m9qx4"),
    ] {
        assert_eq!(branch_name(pattern, &parts("fix-login")), expected, "{pattern}");
    }
}

#[test]
fn a_title_without_letters_gives_way_to_the_workers_name_and_then_to_the_id() {
    assert_eq!(branch_name("skep/{slug}", &parts("")), "skep/amber");
    assert_eq!(
        branch_name("skep/{slug}", &Parts { short: "7k2m", ..Parts::default() }),
        "skep/7k2m"
    );
    assert_eq!(branch_name("skep/{slug}", &Parts::default()), "skep/work");
}

#[test]
fn a_value_never_opens_a_folder_of_its_own() {
    assert_eq!(branch_name("skep/{slug}", &parts("../../heads/main")), "skep/heads-main");
    assert_eq!(branch_name("skep/{slug}", &parts("{short}")), "skep/short");
}

#[test]
fn on_collision_the_short_id_is_added() {
    let names = candidates("skep/fix", "7k2m");
    assert_eq!(names[..3], ["skep/fix", "skep/fix-7k2m", "skep/fix-7k2m-2"]);
    assert_eq!(names.last().map(String::as_str), Some("skep-fix-7k2m-0"));
    let long = "x".repeat(LONGEST);
    assert_eq!(candidates(&long, "7k2m")[1], format!("{}-7k2m", "x".repeat(LONGEST - 5)));
    assert_eq!(candidates("a", "")[..2], ["a", "a-2"]);
}

#[test]
fn two_names_without_latin_letters_still_give_different_branches() {
    let of = |name: &'static str, short| {
        let name = crate::text::sanitise_name(name);
        let branch = branch_name("skep/{name}", &Parts { name: &name, short, ..Parts::default() });
        candidates(&branch, short)
    };
    let (one, two) = (of("日本語", "aaaa"), of("テスト", "bbbb"));
    assert_eq!(one[0], two[0]);
    assert_ne!(one[1], two[1]);
}

#[test]
fn branches_for_tracker_tasks_are_as_the_table_says() {
    for (id, title, expected) in [
        ("LIN-FOO-123", "Fix auth flow for OAuth2", "sub-LIN-FOO-123-fix-auth-flow-for-oauth2"),
        (
            "gh:issue:rtk-ai/rtk#591",
            "Add support for Oh My Pi",
            "sub-gh-issue-rtk-ai-rtk-591-add-support-for-oh-my-pi",
        ),
        ("gl:issue:1234#42", "Fix login", "sub-gl-issue-1234-42-fix-login"),
        (
            "LIN-TEST-789",
            "This is a very long title that should be cut",
            "sub-LIN-TEST-789-this-is-a-very-long-title-that",
        ),
        ("LIN-1", "Add OAuth2.0 support!!!", "sub-LIN-1-add-oauth2-0-support"),
        ("MAN-1", "", "sub-MAN-1-work"),
        ("MAN-1", "!?…", "sub-MAN-1-work"),
        ("SEN-my..org-9999", "Crash", "sub-SEN-my-org-9999-crash"),
        ("SEN-sentry.example.com-555", "Fix crash", "sub-SEN-sentry-example-com-555-fix-crash"),
        ("LIN-2", "Überprüfung", "sub-LIN-2-berpr-fung"),
        ("", "x", "sub-x"),
        ("", "", "sub-work"),
        ("::", "", "sub-work"),
    ] {
        let branch = external_branch(id, title);
        assert_eq!(branch, expected);
        assert!(is_external_branch(&branch), "{branch}");
    }
}

#[test]
fn a_tracker_branch_of_another_form_is_refused() {
    for branch in
        ["sub-LIN-FOO-123-fix-auth", "sub-MAN-42-update-docs", "sub-gh-issue-rtk-ai-rtk-591-fix"]
    {
        assert!(is_external_branch(branch), "{branch}");
    }
    for branch in [
        "LIN-1-x",
        "sub-",
        "sub-a/b",
        "sub-a-",
        "",
        "sub-a:b",
        "sub-a#1",
        "sub-a..b",
        "sub-a@{b",
        "sub-a.",
        "sub-a.lock",
        "sub--x",
        "sub-a b",
        "sub-a~1",
        "sub-a^",
        "sub-a?",
        "sub-a*",
        "sub-a[0]",
        "sub-a\\b",
        "sub-a\tb",
        "sub-a\u{7f}",
    ] {
        assert!(!is_external_branch(branch), "{branch}");
    }
    assert!(!is_external_branch(&format!("sub-{}", "a".repeat(197))));
    assert!(is_external_branch(&format!("sub-{}", "a".repeat(196))));
}

#[test]
fn names_that_git_refuses_are_refused() {
    for branch in ["a", "skep/x", "é/日本", "a@b", "a.b", "(x)", "a{b}", "refs/heads/x"] {
        assert!(is_valid_branch(branch), "{branch}");
    }
    for branch in [
        "", "/", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a..b", "a.", "-a", "@",
        "HEAD", "a b", "a\nb", "a@{1", "a\\b", "a:b",
    ] {
        assert!(!is_valid_branch(branch), "{branch}");
    }
}

/// Text in which what git refuses is much more common than by chance.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[ ~^?*\\[:/#@{}.\\\\-]{1,6}",
        Just(".lock".to_owned()),
        Just("/".to_owned()),
        "[a-z]{1,80}",
        Just("\u{1}\u{7f}".to_owned()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_is_asked_the_generated_branch_is_valid(a in hostile(), b in hostile(), c in hostile(), d in hostile()) {
        let external = external_branch(&a, &b);
        prop_assert!(is_external_branch(&external), "{external:?}");
        for pattern in [a.as_str(), "skep/{slug}", "{user}/{task}/{name}{short}"] {
            let branch = branch_name(pattern, &Parts { slug: &b, name: &c, short: &d, task: &a, user: &b });
            prop_assert!(is_valid_branch(&branch), "{branch:?}");
            let names = candidates(&branch, &d);
            prop_assert!(names.len() >= 3 && names.iter().all(|name| is_valid_branch(name)), "{names:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn git_itself_takes_every_generated_branch_and_judges_any_text_as_we_do(a in hostile(), b in hostile(), c in hostile()) {
        let place = Place::new();
        let takes = |name: &str| place.at("").try_git(&["check-ref-format", "--branch", name]).status.success();
        let branch = branch_name(&a, &Parts { slug: &b, name: &c, short: &c, task: &a, user: &b });
        for name in [external_branch(&a, &b), branch_name("skep/{slug}", &Parts { slug: &b, ..Parts::default() })].iter().chain(&candidates(&branch, &c)) {
            prop_assert!(takes(name), "{name:?}");
        }
        for text in [&a, &b, &c] {
            // An argument cannot hold a NUL, `@{-1}` names the branch before, and the length is a rule of our own.
            if !text.contains(['\0', '{']) && text.len() <= LONGEST {
                prop_assert_eq!(takes(text), is_valid_branch(text), "{:?}", text);
            }
        }
    }
}

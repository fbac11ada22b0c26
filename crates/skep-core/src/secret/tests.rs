use std::borrow::Cow;

use proptest::prelude::*;

use super::{Redactor, is_protected, is_secret};

const LONG: &str = "Zq7vT2mXw9LkP4sRb8Nc3HfY6dJg1Ae5";

fn redactor(value: &str) -> Redactor {
    Redactor::new([("CANARY", value)], &[])
}

#[test]
fn a_value_is_taken_out_however_it_is_spelled() {
    let value = "p\"a\\ss w0rd+/é?x";
    let redactor = redactor(value);
    let json = serde_json::to_string(value).unwrap();
    let twice = serde_json::to_string(&json).unwrap();
    for text in [
        value.to_owned(),
        json,
        twice,
        "p%22a%5Css%20w0rd%2B%2F%C3%A9%3Fx".to_owned(),
        // Of `user:` and the value, of the value alone, and of `ab` and the value.
        "InAiYVxzcyB3MHJkKy/DqT94Ig==".to_owned(),
        "cCJhXHNzIHcwcmQrL8OpP3g=".to_owned(),
        "YWJwImFcc3MgdzByZCsvw6k/eA==".to_owned(),
        "70226 7022615c737320773072642b2fc3a93f78".to_owned(),
    ] {
        let found = redactor.text(&text);
        assert!(found.contains("‹secret CANARY›"), "{text} -> {found}");
        assert!(redactor.finds(text.as_bytes()), "{text}");
    }
}

#[test]
fn a_text_without_a_secret_is_left_as_it_is() {
    let redactor = redactor(LONG);
    for text in [
        "",
        "the disk-full task-runner risk-free",
        "sk-learn-something-with-many-words-and-no-number",
        "eyJhbGciOi and no token",
        "AKIA is what they begin with",
        "-----BEGIN CERTIFICATE-----",
        "Zq7vT2",
    ] {
        assert!(matches!(redactor.text(text), Cow::Borrowed(same) if same == text), "{text}");
    }
}

#[test]
fn halves_of_a_long_value_are_found_without_each_other() {
    let redactor = redactor(LONG);
    for cut in 12..=20 {
        let (one, other) = LONG.split_at(cut);
        assert_eq!(redactor.text(&format!("a {one}\n")), "a ‹secret CANARY›\n", "{cut}");
        assert_eq!(redactor.text(&format!("{other} b")), "‹secret CANARY› b", "{cut}");
    }
    assert_eq!(redactor.text(&format!("{LONG}{LONG}")), "‹secret CANARY›");
}

#[test]
fn a_part_that_stands_in_plain_values_too_is_no_secret() {
    let redactor =
        Redactor::new([("URL", "postgres://me:longpassword@host:5432/database")], &["/database"]);
    assert_eq!(redactor.text("psql postgres://me@host"), "psql postgres://me@host");
    assert_eq!(redactor.text("it is longpassword"), "it is ‹secret URL›");
    let redactor = Redactor::new([("KEY", "/home/ada/.config/app/key")], &["/home/ada/.config"]);
    assert_eq!(redactor.text("ls /home/ada/.config"), "ls /home/ada/.config");
}

#[test]
fn well_known_tokens_are_taken_out_though_nobody_named_them() {
    let redactor = Redactor::new([], &[]);
    for (text, shown) in [
        ("x ghp_abcdefghijklmnopqrstuvwxyz0123456789 y", "x ‹secret github-token› y"),
        ("github_pat_11ABCDEFG0abcdefghij_klmnop", "‹secret github-token›"),
        ("glpat-abcdefghijklmnopqrst", "‹secret gitlab-token›"),
        ("key=sk-ant-api03-AbCdEfGhIjKlMnOpQrStUv", "key=‹secret model-key›"),
        ("AKIAIOSFODNN7EXAMPLE", "‹secret aws-key›"),
        ("xoxb-123456789012-abcdef", "‹secret slack-token›"),
        (
            "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            "Bearer ‹secret web-token›",
        ),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nmore",
            "‹secret private-key›\nmore",
        ),
        ("-----BEGIN PRIVATE KEY-----\ntorn", "‹secret private-key›"),
        (r"a\nsk-ant-api03-AbCdEfGhIjKlMnOpQrStUv", r"a\n‹secret model-key›"),
    ] {
        assert_eq!(redactor.text(text), shown, "{text}");
    }
}

#[test]
fn what_may_be_the_beginning_of_a_value_is_told() {
    let redactor = redactor(LONG);
    assert_eq!(redactor.torn(b"a Zq7"), 0);
    assert_eq!(redactor.torn(b"a Zq7v"), 4);
    assert_eq!(redactor.torn(LONG[..31].as_bytes()), 31);
    assert_eq!(redactor.torn(LONG.as_bytes()), 0);
}

#[test]
fn secrets_are_known_by_their_names_and_addresses_by_what_stands_in_them() {
    for name in [
        "GITHUB_TOKEN",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "DB_PASSWORD",
        "NPM_PAT",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ] {
        assert!(is_secret(name, "abcdefgh"), "{name}");
    }
    for name in ["CODEX_HOME", "LANG", "KEYBOARD", "PATTERN", "COMPASS", "OPENAI_BASE_URL"] {
        assert!(!is_secret(name, "abcdefgh"), "{name}");
    }
    assert!(!is_secret("CLAUDE_CODE_MAX_OUTPUT_TOKENS", "32000000"));
    assert!(is_secret("DATABASE_URL", "postgres://me:it@host/db"));
    assert!(!is_secret("DATABASE_URL", "postgres://host/db"));
}

#[test]
fn what_says_who_and_where_a_run_is_cannot_be_set() {
    for name in ["HOME", "PATH", "USER", "SHELL", "TERM", "TMPDIR", "SKEP_RUN", "GIT_CONFIG_COUNT"]
    {
        assert!(is_protected(name), "{name}");
    }
    for name in ["CODEX_HOME", "GIT_SSH_COMMAND", "HOMEBREW_PREFIX", "PATHS"] {
        assert!(!is_protected(name), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_text_keeps_a_value(before in ".{0,40}", value in "[ -~]{6,60}", behind in ".{0,40}") {
        let redactor = Redactor::new([("X", value.as_str())], &[]);
        let text = format!("{before}{value}{behind}");
        let shown = redactor.text(&text);
        let left = shown.replace("‹secret X›", "");
        prop_assert!(!left.contains(&value) || "‹secret X›".contains(&value), "{text:?} -> {shown:?}");
        let line = serde_json::to_string(&text).unwrap();
        prop_assert!(redactor.finds(line.as_bytes()), "{line}");
    }

    #[test]
    fn no_part_of_a_long_value_is_kept(value in "[a-z0-9]{24,80}", at in 0usize..80, length in 12usize..80) {
        let at = at % (value.len() - 12);
        let part = &value[at..value.len().min(at + length)];
        let redactor = Redactor::new([("X", value.as_str())], &[]);
        let text = format!("<{part}>");
        let shown = redactor.text(&text);
        prop_assert!(!shown.contains(part), "{}", shown);
    }
}

use super::super::words::words;

#[test]
fn what_others_say_has_no_escapes_no_passwords_and_an_end() {
    for (said, kept) in [
        ("plain\nwords\t.", "plain\nwords\t."),
        ("\u{1b}[31mred\u{1b}[0m\u{1b}[2K!", "red!"),
        ("\u{1b}]0;title\u{7}a\u{1b}]8;;x\u{1b}\\b", "ab"),
        ("10%\r20%\r\ndone  \r\n", "10%\n20%\ndone"),
        ("\u{9b}31mx\u{0}", "31mx"),
        ("\u{1b}", ""),
        (
            "fatal: 'https://me:word@host/x' and ssh://git@h/y",
            "fatal: 'https://host/x' and ssh://h/y",
        ),
        ("https://a@b@host", "https://host"),
        ("see https://host/@me or a@b", "see https://host/@me or a@b"),
        ("://", "://"),
    ] {
        assert_eq!(words(said), kept, "{said:?}");
    }
    let long = format!("begin{}end", "é".repeat(40_000));
    let kept = words(&long);
    assert!(
        kept.len() < 20_100 && kept.starts_with("begin") && kept.ends_with("end"),
        "{}",
        kept.len()
    );
}

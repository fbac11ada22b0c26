use super::*;

fn args(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

#[test]
fn orders_are_read_as_they_are_spelled() {
    let all = Orders {
        parent: Some(42),
        lock: Some("/a lock".into()),
        grace: Duration::from_millis(1500),
        spare: vec!["sccache".to_owned(), "gpg-agent".to_owned()],
        last: vec!["git".to_owned()],
        link: true,
        terminal: true,
        exit_dir: Some("/runs/1".into()),
        cgroup: Some("/cgroup/skep.run".into()),
        fence: Some("/runs/1/fence.json".into()),
        command: args("sh -c --link"),
    };
    let none = Orders { parent: None, link: false, ..Orders::of_keeper(&args("true")) };
    for orders in [all, none] {
        assert_eq!(Orders::parse(&orders.spell()), Some(orders));
    }
}

#[test]
fn orders_that_make_no_sense_are_refused() {
    for text in [
        "",
        "--",
        "true",
        "--lock -- true",
        "--grace-ms soon -- true",
        "--unknown -- true",
        "--parent",
    ] {
        assert_eq!(Orders::parse(&args(text)), None, "{text}");
    }
}

#[test]
fn patience_ends_with_a_second_signal_and_not_with_a_burst() {
    let begun = Instant::now();
    let mut patience = Patience::default();
    assert!(!patience.is_over(begun));
    assert!(!patience.is_over(begun + BURST / 2));
    assert!(patience.is_over(begun + BURST));
    assert!(patience.is_over(begun + BURST * 2));
}

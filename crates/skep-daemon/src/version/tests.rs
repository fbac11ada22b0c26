use super::is_newer;

#[test]
fn versions_are_ordered_by_their_numbers_and_a_release_comes_after_what_led_to_it() {
    let rising = [
        "0.1.0-alpha",
        "0.1.0-alpha.1",
        "0.1.0-alpha.beta",
        "0.1.0-rc.2",
        "0.1.0-rc.11",
        "0.1.0",
        "0.1.9",
        "0.1.10",
        "0.2.0",
        "1.0.0",
    ];
    for (place, one) in rising.iter().enumerate() {
        for (other_place, other) in rising.iter().enumerate() {
            assert_eq!(is_newer(one, other), place > other_place, "{one} and {other}");
        }
    }
    assert!(!is_newer("0.1.0+b", "0.1.0+a"), "builds of one version are the same");
}

#[test]
fn what_is_no_version_is_newer_than_nothing() {
    for text in ["", "1", "1.2", "1.2.3.4", "one.two.three", "-1.0.0"] {
        assert!(!is_newer(text, "0.1.0") && !is_newer("0.1.0", text), "{text}");
    }
}

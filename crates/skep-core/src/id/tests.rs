use super::*;

#[test]
fn an_id_reads_back_and_says_its_kind() {
    let id = RunId::new([0, 1, 2, 3, 31, 30, 29, 28, 255, 64]);
    assert_eq!(id.as_str(), "run_0123zyxwz0");
    assert_eq!(id.as_str().parse::<RunId>().unwrap(), id);
    assert_eq!(id.tail(), "0123zyxwz0");
}

#[test]
fn an_id_of_another_kind_is_refused() {
    let err = "task_0123456789".parse::<RunId>().unwrap_err();
    assert!(err.to_string().contains("`task_0123456789` is not a RunId id"), "{err}");
}

#[test]
fn hostile_ids_are_refused() {
    for text in [
        "",
        "run_",
        "run_../../../x",
        "run_012345678",
        "run_01234567890",
        "run_012345678I",
        "run_012345678é",
        "RUN_0123456789",
        "run_01234/6789",
    ] {
        assert!(text.parse::<RunId>().is_err(), "{text}");
    }
}

use super::*;

#[test]
fn a_time_reads_back() {
    let at = Timestamp(1_795_174_980_123);
    assert_eq!(at.to_string(), "2026-11-20T11:43:00.123Z");
    assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
    assert_eq!(serde_json::to_string(&at).unwrap(), "\"2026-11-20T11:43:00.123Z\"");
}

#[test]
fn any_number_has_a_spelling_and_time_never_runs_backwards() {
    assert!(!Timestamp(u64::MAX).to_string().is_empty());
    assert_eq!(Timestamp(1).since(Timestamp(2)), Duration::ZERO);
    assert!("1969-01-01T00:00:00Z".parse::<Timestamp>().is_err());
}

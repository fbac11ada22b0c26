use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    sync::Arc,
    time::{Duration, Instant},
};

use skep_core::secret::Redactor;

use super::{Veil, put, read};

const VALUE: &str = "Zq7vT2mXw9LkP4sRb8Nc3HfY6dJg1Ae5";

fn veil() -> Veil {
    Veil::new(Arc::new(Redactor::new([("CANARY", VALUE)], &[])))
}

#[test]
fn what_is_put_is_read_once_handed_over_and_nobody_changes_it() {
    let values = BTreeMap::from([("A".to_owned(), VALUE.to_owned())]);
    let file = put(&values).unwrap();
    assert!(File::from(file.try_clone().unwrap()).write_all(b"x").is_err());
    assert_eq!(read(file).unwrap(), values);
}

#[test]
fn a_terminal_shows_no_secret_wherever_its_bytes_are_torn() {
    let now = Instant::now();
    for cut in 0..=VALUE.len() {
        let mut veil = veil();
        let (one, other) = VALUE.split_at(cut);
        let mut shown = veil.pass(format!("a {one}").as_bytes(), now);
        shown.extend(veil.pass(format!("{other} b").as_bytes(), now));
        shown.extend(veil.rest());
        let shown = String::from_utf8(shown).unwrap();
        // A few bytes of its beginning may have been seen.
        let left = shown.replace("‹secret CANARY›", "");
        assert!(left.len() <= 4 + 3, "{cut}: {shown}");
        assert!(shown.contains("‹secret CANARY›"), "{cut}: {shown}");
    }
}

#[test]
fn a_beginning_that_is_none_is_shown_soon() {
    let now = Instant::now();
    let mut veil = veil();
    assert_eq!(veil.pass(b"$ Zq7v", now), b"$ ");
    assert_eq!(veil.look(now), None);
    let later = now + Duration::from_secs(1);
    assert_eq!(veil.look(later).unwrap(), b"Zq7v");
    assert_eq!(veil.next_look(later), None);
    assert_eq!(veil.pass(b"plain", later), b"plain");
}

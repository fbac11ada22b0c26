use std::collections::BTreeSet;

use super::*;
use crate::id::LENGTH;

fn run(text: &str) -> RunId {
    text.parse().unwrap()
}

#[test]
fn an_id_follows_from_the_run_and_the_count() {
    let one = run("run_0000000001");
    assert_eq!(nth(&one, 3), nth(&one, 3));
    assert_eq!(nth(&one, 3).to_string().len(), "snap_".len() + LENGTH);
}

/// An id that is spent twice would bring back the files of another moment.
#[test]
fn no_two_snapshots_of_many_long_runs_share_an_id() {
    let mut seen = BTreeSet::new();
    let mut take = |run: &RunId, counts: std::ops::Range<u32>| {
        for count in counts {
            assert!(seen.insert(nth(run, count)), "{run}/{count}");
        }
    };
    take(&run("run_zzzzzzzzzz"), 0..100_000);
    for of in 0..1_000_u32 {
        // Ids that differ in little, where a weak mixing would show.
        let mut bytes = [0; LENGTH];
        for (place, byte) in bytes.iter_mut().enumerate().skip(if of % 2 == 0 { 0 } else { 8 }) {
            *byte = u8::try_from((of / 2) >> (5 * (place % 2)) & 31).unwrap();
        }
        bytes[4] = u8::try_from(of % 2).unwrap();
        take(&RunId::new(bytes), 0..100);
    }
}

#[test]
fn ids_of_one_run_have_short_beginnings_of_their_own() {
    let one = run("run_0000000001");
    let beginnings: BTreeSet<String> =
        (0..100).map(|count| nth(&one, count).tail()[..4].to_owned()).collect();
    assert!(beginnings.len() >= 99, "{}", beginnings.len());
}

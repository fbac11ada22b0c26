use proptest::prelude::*;

use super::*;

fn spelled(token: Token<'_>) -> (char, Vec<u8>) {
    let kind = match token.kind {
        Kind::Text => 't',
        Kind::Escape => 'e',
        Kind::Csi => 'c',
        Kind::Osc => 'o',
        Kind::Dcs => 'd',
    };
    (kind, token.bytes.to_vec())
}

/// What comes out, texts that stand side by side as one.
fn sifted<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(char, Vec<u8>)> {
    let mut sieve = Sieve::default();
    let mut out: Vec<(char, Vec<u8>)> = Vec::new();
    for piece in pieces {
        sieve.sift(piece, |token| {
            let (kind, bytes) = spelled(token);
            match out.last_mut() {
                Some(('t', text)) if kind == 't' => text.extend(bytes),
                _ => out.push((kind, bytes)),
            }
        });
    }
    out
}

fn all(text: &str) -> Vec<(char, String)> {
    let out = sifted([text.as_bytes()]);
    out.into_iter().map(|(kind, bytes)| (kind, String::from_utf8(bytes).unwrap())).collect()
}

fn tokens(list: &[(char, &str)]) -> Vec<(char, String)> {
    list.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect()
}

#[test]
fn every_kind_of_sequence_is_cut_where_it_ends() {
    assert_eq!(
        all(
            "a\r\n\x1b[1;31mb\x1b7\x1b(0\x1b]0;title\x07c\x1b]8;;x\x1b\\\x1bP+q54\x1b\\d\x1b_Gx\x1b\\e"
        ),
        tokens(&[
            ('t', "a\r\n"),
            ('c', "\x1b[1;31m"),
            ('t', "b"),
            ('e', "\x1b7"),
            ('e', "\x1b(0"),
            ('o', "\x1b]0;title"),
            ('t', "c"),
            ('o', "\x1b]8;;x"),
            ('d', "\x1bP+q54"),
            ('t', "de"),
        ])
    );
}

#[test]
fn what_is_broken_off_is_swallowed_and_what_follows_is_not() {
    assert_eq!(
        all("\x1b[12\x18a\x1b[1\x1b[2mb"),
        tokens(&[('t', "a"), ('c', "\x1b[2m"), ('t', "b")])
    );
    assert_eq!(all("\x1b]0;x\x1b[1mz"), tokens(&[('c', "\x1b[1m"), ('t', "z")]));
    assert_eq!(all("\x1b[3\n1m"), tokens(&[('t', "\n"), ('c', "\x1b[31m")]));
}

#[test]
fn a_sequence_without_end_takes_no_more_memory_than_a_long_one() {
    let mut sieve = Sieve::default();
    sieve.sift(b"\x1b]52;c;", |token| panic!("{token:?}"));
    for _ in 0..1000 {
        sieve.sift(&[b'x'; 4096], |token| panic!("{token:?}"));
    }
    assert!(sieve.held.capacity() <= 2 * HELD);
    let mut out = Vec::new();
    sieve.sift(b"\x07after", |token| out.push(spelled(token)));
    assert_eq!(out, [('t', b"after".to_vec())]);
}

proptest! {
    #[test]
    fn how_a_stream_comes_in_pieces_changes_nothing(
        parts in prop::collection::vec(
            prop_oneof![
                "[a-z\u{e4}\u{20ac}\u{1f600}\r\n]{0,6}".prop_map(String::into_bytes),
                Just(b"\x1b[1;31m".to_vec()),
                Just(b"\x1b]0;t\x07".to_vec()),
                Just(b"\x1b]0;t\x1b\\".to_vec()),
                Just(b"\x1bPq\x1b\\".to_vec()),
                Just(b"\x1b7".to_vec()),
                prop::collection::vec(any::<u8>(), 0..6),
            ],
            0..20,
        ),
        size in 1..9_usize,
    ) {
        let stream = parts.concat();
        // A torn character at the very end is all that one piece and many may leave in different hands.
        prop_assert_eq!(sifted([&stream[..]]), sifted(stream.chunks(size)));
    }
}

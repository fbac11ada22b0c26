use super::{Key, Keys};

fn keys_of(chunks: &[&[u8]]) -> Vec<Key> {
    let mut keys = Keys::default();
    let mut got: Vec<Key> = chunks.iter().flat_map(|chunk| keys.push(chunk)).collect();
    if keys.wait() {
        got.extend(keys.settle());
    }
    got
}

#[test]
fn letters_arrows_and_controls_are_keys_however_they_are_cut() {
    let sent = "j\x1b[Aé\x1b[6~\r\x1bOB\x7f\x03😀\x1b[1;5C".as_bytes();
    let wanted = [
        Key::Char('j'),
        Key::Up,
        Key::Char('é'),
        Key::PageDown,
        Key::Enter,
        Key::Down,
        Key::Backspace,
        Key::Ctrl('c'),
        Key::Char('😀'),
        Key::Right,
    ];
    assert_eq!(keys_of(&[sent]), wanted);
    let bytes: Vec<&[u8]> = sent.chunks(1).collect();
    assert_eq!(keys_of(&bytes), wanted);
}

#[test]
fn an_escape_is_a_key_when_nothing_follows_and_when_a_letter_does() {
    assert_eq!(keys_of(&[b"\x1b"]), [Key::Esc]);
    assert_eq!(keys_of(&[b"\x1bq"]), [Key::Esc, Key::Char('q')]);
}

#[test]
fn a_paste_is_one_text_and_none_of_its_bytes_is_a_key() {
    let sent = b"\x1b[200~q\x1b[Aline\rtwo\x1b[201~q";
    let wanted = [Key::Paste("q\x1b[Aline\rtwo".to_owned()), Key::Char('q')];
    assert_eq!(keys_of(&[sent]), wanted);
    let bytes: Vec<&[u8]> = sent.chunks(1).collect();
    assert_eq!(keys_of(&bytes), wanted);
}

#[test]
fn what_is_not_known_is_no_key() {
    assert_eq!(keys_of(&[b"\x1b[M !!\xff\x00\x1b[999zj"]).last(), Some(&Key::Char('j')));
    assert_eq!(keys_of(&[b"\xe2\x82"]), []);
    assert_eq!(keys_of(&[&[b"\x1b[".as_slice(), &[b'1'; 100]].concat()]), []);
}

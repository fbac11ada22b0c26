use std::io::BufReader;

use serde_json::{Value, json};

use super::*;

fn read(bytes: &[u8]) -> io::Result<Option<Value>> {
    receive(&mut BufReader::new(bytes))
}

#[test]
fn a_line_that_was_sent_is_received_and_the_end_is_no_error() {
    let mut sent = Vec::new();
    send(&mut sent, &json!({"a": "one\ntwo"})).unwrap();
    assert_eq!(sent.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert_eq!(read(&sent).unwrap(), Some(json!({"a": "one\ntwo"})));
    assert_eq!(read(b"").unwrap(), None);
}

#[test]
fn a_torn_line_and_nonsense_are_errors_and_no_values() {
    assert!(read(b"{\"a\":1}").is_err(), "nobody ended this line");
    assert!(read(b"\xff\xfe\n").is_err());
    assert!(read(b"{]\n").is_err());
}

#[test]
fn a_refusal_says_whose_move_it_is() {
    let refusal = Refusal::error("worktree-dirty", "it is dirty").decision().hint("commit");
    assert_eq!((refusal.exit, refusal.hints.as_slice()), (1, &["commit".to_owned()][..]));
    assert_eq!(Refusal::error("usage", "what?").exit, 2);
}

#[test]
fn an_error_is_told_with_all_its_causes() {
    let inner = io::Error::other("no room");
    let outer = crate::client::ClientError::Broken(inner);
    assert_eq!(chain(&outer), "the daemon broke off: no room");
}

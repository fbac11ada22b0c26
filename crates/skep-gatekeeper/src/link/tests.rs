use std::{
    fs::File,
    io::{Read, Seek},
};

use super::*;

fn both() -> (Link, Link) {
    let (ours, theirs) = Link::pair().unwrap();
    (ours, Link { stream: theirs.into() })
}

#[test]
fn a_descriptor_that_is_handed_over_is_the_same_open_file() {
    let (ours, theirs) = both();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"abcdef").unwrap();
    file.rewind().unwrap();
    ours.hand(&[file.as_fd()]).unwrap();
    let mut got = theirs.receive().unwrap();
    let mut other = File::from(got.remove(0));
    let mut first = [0; 3];
    other.read_exact(&mut first).unwrap();
    assert_eq!(file.stream_position().unwrap(), 3, "the place in the file is shared");
}

#[test]
fn a_side_that_is_gone_is_noticed_by_the_other() {
    let (ours, theirs) = both();
    assert!(ours.say(b"one\ntwo"));
    assert_eq!(theirs.hear_line(), "one");
    drop(ours);
    assert_eq!(theirs.hear(), b"two");
    assert_eq!(theirs.hear(), b"");
    assert!(theirs.receive().is_err());
    assert!(!theirs.say(b"anybody?"));
}

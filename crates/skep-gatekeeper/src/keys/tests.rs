use std::io::Read;

use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use skep_api::spec::Size;

use super::*;

#[test]
fn nothing_in_a_message_can_end_its_paste_or_be_a_key() {
    let hostile = "a\x1b[201~\x03b\0c\u{9b}201~\td\r\ne\rf\x7f\n\n";
    assert_eq!(spell(hostile, true), b"\x1b[200~a[201~bc201~\td\ne\nf\x1b[201~");
    assert_eq!(spell(hostile, false), b"a[201~bc201~\td\ne\nf");
}

/// A terminal without an agent: what was typed is read at the agent's end.
struct Bare {
    keys: Keys,
    theirs: File,
    _ours: OwnedFd,
}

fn bare() -> Bare {
    let (ours, theirs) = pty::open_pair(Size::default()).unwrap();
    let mut modes = tcgetattr(&theirs).unwrap();
    modes.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &modes).unwrap();
    let keys = Keys::default();
    keys.start(ours.try_clone().unwrap(), theirs.try_clone().unwrap(), |_| true, |_, _| {})
        .unwrap();
    Bare { keys, theirs: File::from(theirs), _ours: ours }
}

impl Bare {
    fn read(&mut self, length: usize) -> String {
        let mut bytes = vec![0; length];
        self.theirs.read_exact(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }
}

fn message(text: &str) -> Message {
    Message { id: None, text: text.to_owned() }
}

#[test]
fn messages_wait_until_the_terminal_is_ready_and_go_in_order_each_with_its_enter() {
    let mut bare = bare();
    assert_eq!(bare.keys.send(message("first")), Taken::Queued);
    assert_eq!(bare.keys.send(message("second")), Taken::Queued);
    bare.keys.answer(b"!");
    assert_eq!(bare.read(1), "!", "an answer does not wait for a message that waits");
    bare.keys.open();
    assert_eq!(bare.read(13), "first\rsecond\r");
}

#[test]
fn a_message_waits_until_nobody_types_and_a_moving_pointer_is_nobody() {
    let mut bare = bare();
    bare.keys.open();
    assert!(bare.keys.type_in(b"\x1b[<35;3;4M"));
    assert_eq!(bare.keys.send(message("go")), Taken::AtOnce);
    assert_eq!(bare.read(13), "\x1b[<35;3;4Mgo\r");
    let typed = Instant::now();
    assert!(bare.keys.type_in(b"half\r"));
    assert_eq!(bare.keys.send(message("go")), Taken::Queued);
    assert_eq!(bare.read(7), "half\rgo");
    assert!(typed.elapsed() >= REST);
}

#[test]
fn a_message_waits_until_what_a_person_typed_is_sent_or_cleared() {
    for (ends, all) in [("\r", "half a word\rgo\r"), ("\x15", "half a word\x15go\r")] {
        let mut bare = bare();
        bare.keys.open();
        assert!(bare.keys.type_in(b"half a word"));
        let typed = Instant::now();
        assert_eq!(bare.keys.send(message("go")), Taken::Queued);
        assert_eq!(bare.read(11), "half a word");
        // Beyond the rest that follows keys.
        while typed.elapsed() < REST + Duration::from_millis(300) {
            thread::sleep(LOOK);
            assert!(bare.keys.lock().messages.len() == 1, "it was typed over somebody's text");
        }
        assert!(bare.keys.type_in(ends.as_bytes()));
        assert_eq!(bare.read(4), all[11..]);
    }
}

#[test]
fn keys_tell_what_stands_in_a_composer() {
    let stands = |typed: &[&[u8]]| {
        let mut draft = Draft::default();
        typed.iter().for_each(|bytes| draft.typed(bytes));
        draft.stands()
    };
    for nothing in [
        &[b"".as_slice()][..],
        &[b"text\r"],
        &[b"text", b"\x03"],
        &[b"ab", b"\x7f", b"\x7f"],
        &[b"\x1b"],
        &[b"\x1b[C", b"\x1b[D", b"\x1bOP", b"\x1b[15~"],
        &[b"\x1b[200~pasted\rtext\x1b[201~", b"\r"],
        &[b"\x01\x05\t"],
        &[b"\x1b[1;5D"],
    ] {
        assert!(!stands(nothing), "{nothing:?}");
    }
    for something in [
        &[b"t".as_slice()][..],
        &["\u{fc}".as_bytes()],
        &[b"text\r", b"more"],
        &[b"\x1b[200~pasted\r", b"text\x1b[20", b"1~"],
        &[b"\x1b[200~pasted\x1b[201~", b"\x7f\x7f\x7f"],
        &[b"\x1b[A"],
        &[b"\x1bOA"],
        &[b"\x1b\r"],
        &[b"\n"],
        &[b"\x1b[13;2u"],
    ] {
        assert!(stands(something), "{something:?}");
    }
}

#[test]
fn an_agent_that_asks_and_never_reads_costs_no_more_than_a_little() {
    let bare = bare();
    for _ in 0..100_000 {
        bare.keys.answer(b"\x1b[?62;22c");
    }
    assert!(bare.keys.lock().typed.capacity() <= 2 * WAITING);
    assert!((0..MESSAGES).all(|_| bare.keys.send(message("x")) == Taken::Queued));
    assert_eq!(bare.keys.send(message("x")), Taken::No);
    bare.keys.close();
}

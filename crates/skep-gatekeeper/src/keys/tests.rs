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
    keys.start(ours.try_clone().unwrap(), theirs.try_clone().unwrap(), |_, _| {}).unwrap();
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
    assert!(bare.keys.type_in(b"half a word"));
    assert_eq!(bare.keys.send(message("go")), Taken::Queued);
    assert_eq!(bare.read(13), "half a wordgo");
    assert!(typed.elapsed() >= REST);
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

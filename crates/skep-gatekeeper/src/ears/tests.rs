use super::*;

fn lines(bytes: &[u8]) -> Vec<Words> {
    let mut heard = Vec::new();
    listen(bytes, |words| {
        heard.extend(words);
        true
    });
    heard
}

#[test]
fn lines_are_heard_one_by_one_and_the_last_without_its_newline_too() {
    let texts: Vec<String> =
        lines(b"one\n\ntwo \xff\nthree").into_iter().map(|words| words.text).collect();
    assert_eq!(texts, ["one", "", "two \u{fffd}", "three"]);
}

#[test]
fn a_line_beyond_what_is_kept_is_named_by_length_and_digest() {
    let mut bytes = vec![b'x'; KEPT - 1];
    bytes.extend("é and more\nnext".as_bytes());
    let heard = lines(&bytes);
    let kept = heard[0].kept();
    assert!(heard[0].is_whole(), "the protocol still gets all of it");
    assert!(kept.starts_with("xxx") && kept.len() < KEPT + 100, "cut at a character's edge");
    assert!(kept.contains(&format!("a line of {} bytes, fnv1a64 ", bytes.len() - "\nnext".len())));
    let mut other = bytes.clone();
    other[KEPT + 5] = b'!';
    assert_ne!(lines(&other)[0].kept(), kept, "what was cut tells in the digest");
    assert_eq!(heard[1].kept(), "next");
}

#[test]
fn a_line_without_end_takes_no_more_memory_than_its_cap() {
    let endless = std::io::repeat(b'y').take(READ as u64 * 3);
    let mut heard = Vec::new();
    listen(endless, |words| {
        heard.extend(words.iter().map(|w| (w.text.len(), w.bytes, w.is_whole())));
        true
    });
    assert_eq!(heard, [(READ, READ as u64 * 3, false)]);
}

#[test]
fn a_hearer_that_has_heard_enough_ends_the_listening() {
    let mut count = 0;
    let lines = format!("{}\n", "x".repeat(BUFFER)).repeat(5);
    listen(lines.as_bytes(), |_| {
        count += 1;
        count < 2
    });
    assert_eq!(count, 2);
}

#[test]
fn lines_that_came_at_once_are_heard_at_once() {
    let mut heard = Vec::new();
    listen(&b"1\n2\n3\ntorn"[..], |words| {
        heard.push(words.len());
        true
    });
    assert_eq!(heard, [3, 1]);
}

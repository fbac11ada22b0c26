//! Owns: what other machines and programs say, made fit to be kept and shown: no escapes, no passwords, not too long.
//! Never: understands it.

/// The most that is kept of what somebody said. Unit: bytes.
const MOST: usize = 20_000;

/// Returns `text` without what a terminal would obey and without passwords in addresses; of a long one its beginning and its end.
pub fn words(text: &str) -> String {
    cut(&without_users(&plain(text)))
}

/// The same of bytes.
pub(super) fn words_of(bytes: &[u8]) -> String {
    words(String::from_utf8_lossy(bytes).trim())
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                // A title or a link: to its own end.
                Some(']' | 'P' | 'X' | '^' | '_') => loop {
                    match chars.next() {
                        Some('\u{1b}') => {
                            chars.next_if_eq(&'\\');
                            break;
                        }
                        Some('\u{7}') | None => break,
                        Some(_) => {}
                    }
                },
                Some(_) | None => {}
            },
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// `https://name:word@host/` as `https://host/`: who asks there may be a token.
fn without_users(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let ends = |c: char| c == '/' || c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>');
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        let host = authority.rfind('@').map_or(0, |at| at + 1);
        rest = &after[host..];
    }
    out.push_str(rest);
    out
}

fn cut(text: &str) -> String {
    if text.len() <= MOST {
        return text.to_owned();
    }
    let half = MOST / 2;
    let (mut head, mut tail) = (half, text.len() - half);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}\n… {} bytes …\n{}", &text[..head], tail - head, &text[tail..])
}

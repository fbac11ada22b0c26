//! Values of secrets in texts that are kept, and what stands there instead.
//!
//! A part of a value is found as well as the whole: each has anchors, a few bytes every few bytes, and what matches around
//! an anchor is followed both ways as far as it goes.

use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap};

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::{LEAST, password_of};

/// How long an anchor is, and the least and most of a long value that is taken for a part of it. Bytes.
const ANCHOR: usize = 8;
const PART: usize = 12;
/// From this length on a part is looked for. Bytes.
const LONG: usize = 16;
/// The most anchors of one value.
const ANCHORS: usize = 512;
/// How much of a torn value at an end is waited for. Bytes.
const TORN: usize = 4;

/// One spelling of a secret.
#[derive(Debug)]
struct Spelling {
    name: usize,
    bytes: Vec<u8>,
    /// The least of it that is taken out. Bytes.
    least: usize,
}

#[derive(Debug, Clone, Copy)]
enum Sign {
    /// Of a spelling, at this place in it.
    Anchor { spelling: usize, at: usize },
    /// One of [`SHAPES`].
    Shape(usize),
}

/// What well-known tokens look like.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Github,
    Gitlab,
    Model,
    Aws,
    Google,
    Slack,
    Npm,
    Jwt,
    Key,
}

const SHAPES: [(&str, Shape); 20] = [
    ("ghp_", Shape::Github),
    ("gho_", Shape::Github),
    ("ghu_", Shape::Github),
    ("ghs_", Shape::Github),
    ("ghr_", Shape::Github),
    ("github_pat_", Shape::Github),
    ("glpat-", Shape::Gitlab),
    ("sk-", Shape::Model),
    ("AKIA", Shape::Aws),
    ("ASIA", Shape::Aws),
    ("AIza", Shape::Google),
    ("xoxa-", Shape::Slack),
    ("xoxb-", Shape::Slack),
    ("xoxp-", Shape::Slack),
    ("xoxr-", Shape::Slack),
    ("xoxs-", Shape::Slack),
    ("npm_", Shape::Npm),
    ("eyJ", Shape::Jwt),
    ("-----BEGIN ", Shape::Key),
    ("xapp-", Shape::Slack),
];

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Shape::Github => "github-token",
            Shape::Gitlab => "gitlab-token",
            Shape::Model => "model-key",
            Shape::Aws => "aws-key",
            Shape::Google => "google-key",
            Shape::Slack => "slack-token",
            Shape::Npm => "npm-token",
            Shape::Jwt => "web-token",
            Shape::Key => "private-key",
        }
    }

    /// Where the token ends that begins at `bytes` and whose sign is `sign` bytes long; none where it is no such token.
    fn end(self, bytes: &[u8], sign: usize) -> Option<usize> {
        let run = |from: usize, more: &[u8]| {
            let fits = |byte: &u8| byte.is_ascii_alphanumeric() || more.contains(byte);
            from + bytes[from..].iter().take_while(|byte| fits(byte)).count()
        };
        let at_least = |end: usize, least: usize| (end - sign >= least).then_some(end);
        match self {
            Shape::Github => at_least(run(sign, b"_"), 20),
            Shape::Gitlab => at_least(run(sign, b"_-."), 16),
            Shape::Slack => at_least(run(sign, b"-"), 10),
            Shape::Npm => at_least(run(sign, b""), 30),
            Shape::Google => at_least(run(sign, b"_-"), 30),
            Shape::Aws => (run(sign, b"") - sign == 16).then_some(sign + 16),
            Shape::Model => {
                let end = at_least(run(sign, b"_-"), 20)?;
                let has = |is: fn(&u8) -> bool| bytes[sign..end].iter().any(is);
                let mixed = has(u8::is_ascii_uppercase)
                    && has(u8::is_ascii_lowercase)
                    && has(u8::is_ascii_digit);
                mixed.then_some(end)
            }
            Shape::Jwt => {
                let head = at_least(run(sign, b"_-"), 8)?;
                let body = bytes[head..].starts_with(b".eyJ").then(|| run(head + 1, b"_-"))?;
                let proof = (bytes.get(body) == Some(&b'.')).then(|| run(body + 1, b"_-"))?;
                (proof - body > 10).then_some(proof)
            }
            Shape::Key => {
                let line = &bytes[..bytes.len().min(64)];
                find(line, b"PRIVATE KEY-----")?;
                let end = find(bytes, b"-----END ").and_then(|end| {
                    Some(end + find(&bytes[end..], b"KEY-----")? + b"KEY-----".len())
                });
                Some(end.unwrap_or(bytes.len()))
            }
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Something in a text that is to go.
#[derive(Debug)]
struct Span {
    start: usize,
    end: usize,
    name: usize,
}

/// Takes secrets out of texts: those whose values it knows, in the ways that they are spelled, and what looks like one.
#[derive(Debug)]
pub struct Redactor {
    /// None: they were too many to be looked for.
    finder: Option<AhoCorasick>,
    signs: Vec<Sign>,
    /// For each sign those that may stand where it stands: one begins as the other.
    kin: Vec<Vec<usize>>,
    spellings: Vec<Spelling>,
    /// What stands for each, those of the shapes last.
    words: Vec<String>,
}

impl Redactor {
    /// Makes one for these secrets, by name; a part of a value that stands in `plain` as well is none.
    pub fn new<'a>(
        secrets: impl IntoIterator<Item = (&'a str, &'a str)>,
        plain: &[&str],
    ) -> Redactor {
        let mut spellings: BTreeMap<Vec<u8>, (usize, bool)> = BTreeMap::new();
        let mut names = Vec::new();
        for (name, value) in secrets {
            let of = names.len();
            names.push(name.to_owned());
            let password = password_of(value);
            // Of an address the rest is no secret, and would be found everywhere.
            for (value, parts) in [(Some(value), password.is_none()), (password, true)] {
                let Some(value) = value.filter(|value| value.len() >= LEAST) else { continue };
                spellings.entry(value.as_bytes().to_vec()).or_insert((of, parts));
                for other in spelled(value) {
                    spellings.entry(other).or_insert((of, false));
                }
            }
        }
        let spellings: Vec<Spelling> = spellings
            .into_iter()
            .map(|(bytes, (name, parts))| {
                let whole = bytes.len();
                let least = if parts && whole >= LONG {
                    whole.div_ceil(2).clamp(ANCHOR, PART)
                } else {
                    whole
                };
                Spelling { name, bytes, least }
            })
            .collect();
        let words = names.iter().map(String::as_str).chain(SHAPES.iter().map(|(_, it)| it.name()));
        let words = words.map(|name| format!("‹secret {name}›")).collect();
        let mut signs = Vec::new();
        let mut patterns: Vec<&[u8]> = Vec::new();
        for (nth, spelling) in spellings.iter().enumerate() {
            let known =
                |part: &[u8]| plain.iter().any(|text| find(text.as_bytes(), part).is_some());
            for (at, anchor) in anchors(spelling) {
                if spelling.least == spelling.bytes.len() || !known(anchor) {
                    patterns.push(anchor);
                    signs.push(Sign::Anchor { spelling: nth, at });
                }
            }
        }
        for (nth, (sign, _)) in SHAPES.iter().enumerate() {
            patterns.push(sign.as_bytes());
            signs.push(Sign::Shape(nth));
        }
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(&patterns);
        let alike = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
        let kin_of = |one: &&[u8]| {
            let all = patterns.iter().enumerate();
            all.filter(|(_, other)| alike(one, other)).map(|(nth, _)| nth).collect()
        };
        let kin = patterns.iter().map(kin_of).collect();
        Redactor { finder: finder.ok(), signs, kin, spellings, words }
    }

    /// Tells whether there is something to take out; may be wrong in saying yes.
    pub fn finds(&self, bytes: &[u8]) -> bool {
        self.next(bytes, 0, 0).is_some()
    }

    /// Returns the text without its secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Returns the bytes without their secrets.
    pub fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        if self.finder.is_none() {
            return Cow::Owned("‹secrets could not be looked for›".into());
        }
        let mut kept: Vec<u8> = Vec::new();
        let mut done = 0;
        while let Some(span) = self.next(bytes, done, done) {
            kept.extend_from_slice(&bytes[done..span.start]);
            let word = self.words[span.name].as_bytes();
            // Two parts of one beside each other, as where a line was broken, are one.
            if !(span.start == done && kept.ends_with(word)) {
                kept.extend_from_slice(word);
            }
            done = span.end;
        }
        if done == 0 {
            return Cow::Borrowed(bytes);
        }
        kept.extend_from_slice(&bytes[done..]);
        Cow::Owned(kept)
    }

    /// How many of the last bytes may be the beginning of a secret whose rest is still to come.
    pub fn torn(&self, bytes: &[u8]) -> usize {
        let torn = |spelling: &Spelling| {
            let most = (spelling.bytes.len() - 1).min(bytes.len());
            (TORN..=most).rev().find(|part| bytes.ends_with(&spelling.bytes[..*part]))
        };
        self.spellings.iter().filter_map(torn).max().unwrap_or(0)
    }

    /// The next secret whose sign stands at `from` or behind it; nothing before `done` belongs to it.
    fn next(&self, bytes: &[u8], from: usize, done: usize) -> Option<Span> {
        let finder = self.finder.as_ref()?;
        let mut at = from;
        while at < bytes.len() {
            let found = finder.find(Input::new(bytes).range(at..))?;
            let spans = self.kin[found.pattern().as_usize()].iter().filter_map(|sign| {
                match self.signs[*sign] {
                    Sign::Anchor { spelling, at } => {
                        self.around(bytes, found.start(), done, spelling, at)
                    }
                    Sign::Shape(nth) => self.shaped(bytes, found.start(), nth),
                }
            });
            // What is known by its name goes before what only looks like a secret.
            let longest = spans.max_by_key(|span| (span.end - span.start, Reverse(span.name)));
            if longest.is_some() {
                return longest;
            }
            at = found.start() + 1;
        }
        None
    }

    /// Follows a spelling both ways from its anchor.
    fn around(
        &self,
        bytes: &[u8],
        start: usize,
        done: usize,
        nth: usize,
        at: usize,
    ) -> Option<Span> {
        let spelling = &self.spellings[nth];
        // Of a value nothing is a part that lies before what was taken out already.
        let before = bytes[done..start].iter().rev().zip(spelling.bytes[..at].iter().rev());
        let before = before.take_while(|(one, other)| one == other).count();
        let behind = bytes[start..].iter().zip(&spelling.bytes[at..]);
        let behind = behind.take_while(|(one, other)| one == other).count();
        (before + behind >= spelling.least).then_some(Span {
            start: start - before,
            end: start + behind,
            name: spelling.name,
        })
    }

    fn shaped(&self, bytes: &[u8], start: usize, nth: usize) -> Option<Span> {
        let (sign, shape) = SHAPES[nth];
        // An escape of JSON is no letter of the word before.
        let escape = start >= 2 && bytes[start - 2] == b'\\';
        if start > 0 && bytes[start - 1].is_ascii_alphanumeric() && !escape {
            return None;
        }
        let bytes = &bytes[start..];
        let end =
            start + bytes.starts_with(sign.as_bytes()).then(|| shape.end(bytes, sign.len()))??;
        Some(Span { start, end, name: self.words.len() - SHAPES.len() + nth })
    }
}

/// The parts of a spelling of which one stands in every part of it that is long enough.
fn anchors(spelling: &Spelling) -> Vec<(usize, &[u8])> {
    let bytes = spelling.bytes.as_slice();
    if spelling.least == bytes.len() {
        return vec![(0, &bytes[..bytes.len().min(64)])];
    }
    let step = (spelling.least - ANCHOR + 1).max(bytes.len() / ANCHORS);
    let last = bytes.len() - ANCHOR;
    (0..=last).step_by(step).map(|at| (at, &bytes[at..at + ANCHOR])).collect()
}

/// The other ways in which a value is written: in JSON, once and twice, in an address, in hex and in base64.
fn spelled(value: &str) -> Vec<Vec<u8>> {
    let once = in_json(value);
    let twice = in_json(&once);
    let thrice = in_json(&twice);
    let hex = |upper: bool| {
        let digits = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        let of = |byte: u8| [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]];
        value.bytes().flat_map(of).collect::<Vec<u8>>()
    };
    let mut all: Vec<Vec<u8>> =
        vec![once.into(), twice.into(), thrice.into(), in_address(value), hex(true), hex(false)];
    for shift in 0..3 {
        for alphabet in [BASE64, BASE64_ADDRESS] {
            all.push(in_base64(value.as_bytes(), shift, alphabet));
        }
    }
    all.retain(|spelling| spelling.len() >= LEAST);
    all
}

fn in_json(text: &str) -> String {
    let mut spelled = String::new();
    for c in text.chars() {
        match c {
            '"' => spelled.push_str("\\\""),
            '\\' => spelled.push_str("\\\\"),
            '\n' => spelled.push_str("\\n"),
            '\r' => spelled.push_str("\\r"),
            '\t' => spelled.push_str("\\t"),
            c if c < ' ' => spelled.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => spelled.push(c),
        }
    }
    spelled
}

fn in_address(text: &str) -> Vec<u8> {
    let mut spelled = Vec::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            spelled.push(byte);
        } else {
            spelled.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    spelled
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_ADDRESS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What `bytes` alone decide of the base64 of a text in which `shift` bytes of a group of three stand before them.
fn in_base64(bytes: &[u8], shift: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let sextets = |nth: usize| {
        // Six bits from here on, where all of them are of ours.
        let (first, last) = (nth * 6, nth * 6 + 5);
        let bit = |at: usize| {
            let byte = (at / 8).checked_sub(shift).and_then(|byte| bytes.get(byte))?;
            Some(usize::from(byte >> (7 - at % 8) & 1))
        };
        (first..=last).try_fold(0, |sum, at| bit(at).map(|bit| sum << 1 | bit))
    };
    let count = ((bytes.len() + shift) * 8).div_ceil(6);
    (0..count).filter_map(sextets).map(|sextet| alphabet[sextet]).collect()
}

//! What a rule speaks of, and whether it speaks of this: yes, no, or it cannot be ruled out.
//!
//! Owns: the match of words, paths and hosts. Never: decides what follows from it.

use super::{
    Place, Rule,
    command::{Here, Seen, program},
    shell::{Piece, Word},
};

/// Whether something is what is spoken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    No,
    /// It cannot be ruled out.
    Maybe,
    Yes,
}

impl Match {
    fn of(yes: bool) -> Match {
        if yes { Match::Yes } else { Match::No }
    }
}

/// One thing that a request would do.
#[derive(Debug, Default)]
pub(super) struct Unit<'a> {
    pub tool: &'a str,
    pub seen: Option<&'a Seen>,
    pub reads: Vec<Path>,
    pub writes: Vec<Path>,
    pub hosts: Vec<String>,
}

/// A path, as far as it is known: absolute and without dots, unless it begins with a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub marks: Vec<Mark>,
    /// It may be another, when a command before it did not do what it was to.
    pub sure: bool,
}

/// A letter of a pattern or of a word, or what stands for several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Letter(char),
    /// One letter, not a slash.
    One,
    /// Any, without a slash.
    Some,
    /// Any at all.
    All,
}

/// Tells whether `rule` speaks of `unit`; a rule that forbids speaks of what may be, too.
pub(super) fn matches(rule: &Rule, unit: &Unit<'_>, place: &Place, forbids: bool) -> Match {
    let mut found = Match::Yes;
    if let Some(tool) = &rule.tool {
        found = found.min(Match::of(meets(&pattern(tool), &letters(unit.tool), true)));
    }
    if let Some(command) = &rule.command {
        let of = unit.seen.map_or(Match::No, |seen| commands(command, seen, forbids));
        found = found.min(of);
    }
    if found == Match::No {
        return found;
    }
    // Of a command that is spoken of it matters where it writes, also where that is not known.
    let strict = rule.command.is_some();
    if let Some(path) = &rule.path {
        let any = unit.reads.iter().chain(&unit.writes);
        found = found.min(any.map(|it| lies(path, it, place, strict)).max().unwrap_or(Match::No));
    }
    if let Some(path) = &rule.write {
        let any = unit.writes.iter();
        found = found.min(any.map(|it| lies(path, it, place, strict)).max().unwrap_or(Match::No));
    }
    if let Some(host) = &rule.host {
        let host = pattern(&host.to_ascii_lowercase());
        let any = unit.hosts.iter().any(|it| meets(&host, &letters(it), true));
        found = found.min(Match::of(any));
    }
    found
}

/// Tells whether a rule's words are those of a command.
fn commands(rule: &str, seen: &Seen, forbids: bool) -> Match {
    let wanted: Vec<&str> = rule.split_whitespace().collect();
    let words = seen.words();
    let Some((first, rest)) = wanted.split_first() else { return Match::No };
    let Some(word) = words.first() else { return Match::No };
    let name = match program(word) {
        Some(name) => {
            let whole = meets(&pattern(first), &letters(name), true);
            // A program of the same name elsewhere is another, where leave is given.
            let elsewhere = word.start().contains('/')
                && !["/bin/", "/usr/bin/", "/usr/local/bin/"]
                    .iter()
                    .any(|dir| word.start().strip_prefix(dir) == Some(name));
            Match::of(whole && (forbids || !elsewhere || *first == word.start()))
        }
        None => may_be(first, word),
    };
    if name == Match::No {
        return name;
    }
    let mut found = if seen.sure { name } else { name.min(Match::Maybe) };
    if word.splits && word.known().is_none() {
        found = found.min(Match::Maybe);
        // Everything behind may belong elsewhere.
        return if forbids { found } else { Match::No };
    }
    let (flags, plain): (Vec<&str>, Vec<&str>) =
        rest.iter().copied().partition(|word| word.starts_with('-'));
    found = found.min(in_order(&plain, &words[1..], forbids));
    for flag in flags {
        found =
            found.min(words[1..].iter().map(|word| may_be(flag, word)).max().unwrap_or(Match::No));
    }
    if forbids || found == Match::Yes { found } else { Match::No }
}

/// Tells whether the plain words of a rule stand at the front; where the rule forbids, options may stand between.
fn in_order(wanted: &[&str], words: &[Word], forbids: bool) -> Match {
    let Some((first, rest)) = wanted.split_first() else { return Match::Yes };
    let Some((word, behind)) = words.split_first() else { return Match::No };
    let here = may_be(first, word);
    if word.splits && word.known().is_none() {
        // It may be nothing, and it may be several.
        let other = here == Match::No && !word.start().is_empty();
        return if other { Match::No } else { Match::Maybe };
    }
    let straight = if here == Match::No { here } else { here.min(in_order(rest, behind, forbids)) };
    if straight == Match::Yes || !forbids || !word.start().starts_with('-') {
        return straight;
    }
    // Whether it takes a value is not known.
    let alone = in_order(wanted, behind, forbids);
    let valued = behind.get(1..).map_or(Match::No, |behind| in_order_plain(wanted, behind));
    straight.max(alone.max(valued).min(Match::Maybe))
}

/// The same without options between: one such guess is enough, and more would take for ever.
fn in_order_plain(wanted: &[&str], words: &[Word]) -> Match {
    let mut found = Match::Yes;
    for (nth, wanted) in wanted.iter().enumerate() {
        let Some(word) = words.get(nth) else { return Match::No };
        if word.splits && word.known().is_none() {
            return Match::Maybe;
        }
        found = found.min(may_be(wanted, word));
    }
    found
}

fn may_be(wanted: &str, word: &Word) -> Match {
    let pattern = pattern(wanted);
    match word.known() {
        Some(known) => Match::of(meets(&pattern, &letters(known), true)),
        None => {
            let mut marks = marks(word, None);
            if let Some(hole) = marks.iter().position(|mark| *mark == Mark::All)
                && word.splits
            {
                // Where it is split, another word begins.
                marks.truncate(hole + 1);
            }
            if meets(&pattern, &marks, true) {
                Match::Yes
            } else if meets(&pattern, &marks, false) {
                Match::Maybe
            } else {
                Match::No
            }
        }
    }
}

/// Tells whether a path lies where a pattern says.
fn lies(wanted: &str, path: &Path, place: &Place, strict: bool) -> Match {
    if wanted == OUTSIDE {
        let found = outside(path, place);
        return if strict || found != Match::Maybe { sure(found, path) } else { Match::No };
    }
    let knows_something =
        path.marks.iter().any(|mark| matches!(mark, Mark::Letter(c) if *c != '/'));
    let nothing_known =
        !knows_something || path.marks.first() == Some(&Mark::All) && path.marks.len() == 1;
    if nothing_known {
        return if strict { Match::Maybe } else { Match::No };
    }
    let whole = anchored(wanted, place);
    let folder = whole.strip_suffix("/**").map(str::to_owned);
    let mut found = Match::No;
    for wanted in [Some(whole), folder].into_iter().flatten() {
        let pattern = pattern(&wanted);
        let this = if meets(&pattern, &path.marks, true) {
            Match::Yes
        } else if meets(&pattern, &path.marks, false) {
            Match::Maybe
        } else {
            Match::No
        };
        found = found.max(this);
    }
    sure(found, path)
}

fn sure(found: Match, path: &Path) -> Match {
    if path.sure { found } else { found.min(Match::Maybe) }
}

/// Where a rule speaks of what lies outside the run's place.
pub(super) const OUTSIDE: &str = "{outside}";

/// Tells whether a path lies outside of what is the run's.
pub(super) fn outside(path: &Path, place: &Place) -> Match {
    let known: String = path
        .marks
        .iter()
        .map_while(|mark| match mark {
            Mark::Letter(c) => Some(*c),
            Mark::One | Mark::Some | Mark::All => None,
        })
        .collect();
    let open = path.marks.contains(&Mark::All);
    let complete = known.chars().count() == path.marks.len();
    if complete && (known.starts_with("/dev/fd/") || DEVICES.contains(&known.as_str())) {
        return Match::No;
    }
    let roots = || std::iter::once(&place.root).chain(&place.open);
    let within = roots().any(|root| {
        known
            .strip_prefix(root.as_str())
            .is_some_and(|rest| rest.starts_with('/') || (complete && rest.is_empty()))
    });
    let may_get_there = roots().any(|root| format!("{root}/").starts_with(&known));
    match (within, open) {
        (true, false) => Match::No,
        (false, _) if !known.is_empty() && !may_get_there => Match::Yes,
        (false, false) if complete => Match::Yes,
        _ => Match::Maybe,
    }
}

const DEVICES: &[&str] =
    &["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/stdin", "/dev/zero"];

fn anchored(wanted: &str, place: &Place) -> String {
    let below_home = wanted.strip_prefix("~/");
    match (below_home, &place.home) {
        (Some(rest), Some(home)) => format!("{home}/{rest}"),
        (Some(rest), None) => format!("**/{rest}"),
        (None, _) if wanted.starts_with('/') || wanted.starts_with("**") => wanted.to_owned(),
        (None, _) => format!("{}/{wanted}", place.root),
    }
}

/// Resolves a word as a path, once for each folder that its command may stand in; the likeliest first.
pub(super) fn paths(word: &Word, here: &Here, place: &Place) -> Vec<Path> {
    let mut folders = vec![letters(&place.cwd)];
    for target in here.moves.iter() {
        let from = folders.last().cloned().unwrap_or_default();
        folders.push(resolved(&marks(target, Some(place)), &from));
    }
    folders.reverse();
    let word = marks(word, Some(place));
    let mut found: Vec<Path> = Vec::new();
    for (nth, folder) in folders.iter().enumerate() {
        let path = Path { marks: resolved(&word, folder), sure: nth == 0 };
        if !found.iter().any(|other| other.marks == path.marks) {
            found.push(path);
        }
    }
    found
}

/// Joins a path to a folder and takes out the dots, as far as it is known.
fn resolved(word: &[Mark], folder: &[Mark]) -> Vec<Mark> {
    let absolute = word.first() == Some(&Mark::Letter('/'));
    if word.first() == Some(&Mark::All) {
        return word.to_vec();
    }
    let mut whole: Vec<Mark> = Vec::new();
    if !absolute {
        whole.extend(folder);
        whole.push(Mark::Letter('/'));
    }
    whole.extend(word);
    if whole.first() == Some(&Mark::All) {
        return vec![Mark::All];
    }
    let mut parts: Vec<&[Mark]> = Vec::new();
    for part in whole.split(|mark| *mark == Mark::Letter('/')) {
        let known = |text: &str| part.iter().copied().eq(text.chars().map(Mark::Letter));
        if part.is_empty() || known(".") {
            continue;
        }
        if known("..") {
            if parts.last().is_some_and(|part| part.contains(&Mark::All)) {
                // What it leaves is not known.
                parts.push(&[Mark::All]);
            } else {
                parts.pop();
            }
            continue;
        }
        parts.push(part);
    }
    if parts.is_empty() {
        return vec![Mark::Letter('/')];
    }
    parts
        .iter()
        .flat_map(|part| std::iter::once(Mark::Letter('/')).chain(part.iter().copied()))
        .collect()
}

pub(super) fn marks(word: &Word, place: Option<&Place>) -> Vec<Mark> {
    let mut marks = Vec::new();
    for piece in &word.pieces {
        match piece {
            Piece::Text(text) => marks.extend(text.chars().map(Mark::Letter)),
            Piece::Glob => marks.push(Mark::Some),
            Piece::Any => marks.push(Mark::All),
            Piece::Home => match place.and_then(|place| place.home.as_ref()) {
                Some(home) => marks.extend(home.chars().map(Mark::Letter)),
                None => marks.push(Mark::All),
            },
        }
    }
    marks
}

pub(super) fn letters(text: &str) -> Vec<Mark> {
    text.chars().map(Mark::Letter).collect()
}

/// Reads a pattern: `*` any letters but a slash, `**` any, `?` one.
pub(super) fn pattern(text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        marks.push(match c {
            '*' if chars.next_if_eq(&'*').is_some() => Mark::All,
            '*' => Mark::Some,
            '?' => Mark::One,
            _ => Mark::Letter(c),
        });
    }
    marks
}

/// Tells whether the pattern fits the word: for certain, whatever its holes are; else for some of what they may be.
pub(super) fn meets(pattern: &[Mark], word: &[Mark], certain: bool) -> bool {
    if let [Mark::Letter(a), ..] = pattern
        && let [Mark::Letter(b), ..] = word
        && a != b
    {
        return false;
    }
    // Row by row: whether the pattern so far fits the word so far.
    let mut before = vec![false; word.len() + 1];
    before[0] = true;
    if !certain {
        spread_holes(&mut before, word);
    }
    for mark in pattern {
        let mut row = vec![false; word.len() + 1];
        row[0] = before[0] && matches!(mark, Mark::Some | Mark::All);
        for (nth, letter) in word.iter().enumerate() {
            let hole = matches!(letter, Mark::Some | Mark::All);
            let fits = match (mark, letter) {
                (Mark::Letter(a), Mark::Letter(b)) => before[nth] && a == b,
                (Mark::One, Mark::Letter(b)) => before[nth] && *b != '/',
                (Mark::Some, Mark::Letter(b)) => before[nth + 1] || (row[nth] && *b != '/'),
                (Mark::Some, Mark::Some | Mark::One) => before[nth + 1] || row[nth],
                (Mark::All, _) => before[nth + 1] || row[nth],
                (Mark::Some, Mark::All) => before[nth + 1] || (!certain && row[nth]),
                (Mark::Letter(_) | Mark::One, _) => false,
            };
            // A hole may be a part of what the pattern wants, or nothing.
            let taken = !certain
                && hole
                && (row[nth]
                    || (before[nth + 1] || before[nth])
                        && !(*letter == Mark::Some && *mark == Mark::Letter('/')));
            row[nth + 1] = fits || taken;
        }
        before = row;
    }
    before[word.len()]
}

fn spread_holes(row: &mut [bool], word: &[Mark]) {
    for (nth, letter) in word.iter().enumerate() {
        if matches!(letter, Mark::Some | Mark::All) {
            row[nth + 1] |= row[nth];
        }
    }
}

//! Whether an error's words are those of a closed door, and when it opens again.
//!
//! Owns: the forms in which agents tell of a usage limit. Never: guesses; words that say no moment say none.

use std::time::Duration;

use skep_core::time::Timestamp;

/// What stands before how long it takes.
const BEFORE: [&str; 9] = [
    "try again in ",
    "retry in ",
    "retry after ",
    "resets in ",
    "reset in ",
    "reset after ",
    "resets_in_seconds",
    "retrydelay",
    "retry-after",
];
/// What stands before a moment in seconds.
const MOMENT: [&str; 3] = ["limit reached|", "resets_at", "resetsat"];
/// What only a limit is called that is over when its time is over.
const NAMES: [&str; 14] = [
    "usage limit",
    "usage_limit",
    "session limit",
    "hour limit",
    "daily limit",
    "weekly limit",
    "monthly limit",
    "hit your limit",
    "daily quota",
    "quota reached",
    "quota will reset",
    "exhausted your quota",
    "exhausted your capacity",
    "free usage exceeded",
];
/// More than it is no moment that anybody means: the core asks the same.
const FARTHEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// A door that opens sooner is the agent's own affair: it tries again by itself.
const SOON: Duration = Duration::from_secs(60);

/// When a door opens again, as far as was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Door {
    pub left: Option<Duration>,
    pub at: Option<Timestamp>,
}

/// Reads a closed door from the words of an error about a limit; `left` is what the protocol itself told beside them.
pub(super) fn door(text: &str, left: Option<Duration>) -> Option<Door> {
    let told = within(text).or(left.filter(|left| !left.is_zero() && *left <= FARTHEST));
    let door = Door { left: told, at: at(text) };
    let far = door.at.is_some() || told.is_some_and(|left| left >= SOON);
    (far || is_named(text)).then_some(door)
}

/// Tells whether the words name a limit that is over when its time is over.
pub(super) fn is_named(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    NAMES.iter().any(|name| lower.contains(name))
}

/// Returns how long it takes, as in `try again in 2 days 3 hours 5 minutes`, `resets in 1h30m` or `"retryDelay": "34.07s"`.
pub(super) fn within(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    BEFORE.iter().find_map(|before| {
        let (_, rest) = lower.split_once(before)?;
        span(rest, !before.ends_with(' '))
    })
}

/// A span of time; what stands in data is parted from its name by signs, and may be a bare number of seconds.
fn span(rest: &str, in_data: bool) -> Option<Duration> {
    let mut rest = if in_data {
        rest.trim_start_matches(['"', '\\', ':', '=', ' '])
    } else {
        rest.trim_start_matches("about ").trim_start_matches('~')
    };
    let mut sum = Duration::ZERO;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Ok(number) = rest[..digits].parse::<u32>() else { break };
        let unit = rest[digits..].trim_start();
        // A part of a second is less than what is waited beyond it.
        let unit = unit.strip_prefix('.').map_or(unit, |part| {
            part.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start()
        });
        let letters = unit.len() - unit.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let seconds = match &unit[..letters] {
            "" if in_data => 1,
            "s" | "sec" | "secs" | "second" | "seconds" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            _ => break,
        };
        sum = sum.saturating_add(Duration::from_secs(u64::from(number) * seconds));
        rest = &unit[letters..];
    }
    (!sum.is_zero() && sum <= FARTHEST).then_some(sum)
}

/// Returns the moment that is told in seconds, as in `usage limit reached|1763740800` or `"resets_at":1763740800`, or in full,
/// as in `resets at 2026-11-22T03:00:00Z`.
pub(super) fn at(text: &str) -> Option<Timestamp> {
    let lower = text.to_ascii_lowercase();
    let in_seconds = MOMENT.iter().find_map(|before| {
        let (_, rest) = lower.split_once(before)?;
        let rest = rest.trim_start_matches(['"', '\\', ':', '=', ' ']);
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let seconds: u64 = digits.parse().ok()?;
        (digits.len() == 10).then(|| Timestamp(seconds * 1000))
    });
    in_seconds.or_else(|| {
        let mut words = text.split(|c: char| c.is_whitespace() || "\"'(),".contains(c));
        words.find_map(|word| {
            let word = word.trim_end_matches('.');
            let is_moment = word.len() >= 20 && word.contains('T');
            if is_moment { word.parse().ok() } else { None }
        })
    })
}

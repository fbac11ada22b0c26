//! When a closed door opens again, where only an error's words tell.
//!
//! Owns: the few forms that have been seen. Never: guesses; words that say no moment say none.

use std::time::Duration;

use skep_core::time::Timestamp;

/// What stands before how long it takes.
const BEFORE: [&str; 4] = ["try again in ", "resets in ", "reset in ", "reset after "];
/// More than it is no moment that anybody means: the core asks the same.
const FARTHEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Returns how long it takes, as in `try again in 2 days 3 hours 5 minutes` or `resets in 1h30m`.
pub(super) fn within(text: &str) -> Option<Duration> {
    let lower = text.to_ascii_lowercase();
    let (_, mut rest) = BEFORE.iter().find_map(|before| lower.split_once(before))?;
    let mut sum = Duration::ZERO;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Ok(number) = rest[..digits].parse::<u32>() else { break };
        let unit = rest[digits..].trim_start();
        let letters = unit.len() - unit.trim_start_matches(|c: char| c.is_ascii_lowercase()).len();
        let seconds = match &unit[..letters] {
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

/// Returns the moment in seconds behind a bar, as in `Claude AI usage limit reached|1763740800`.
pub(super) fn at(text: &str) -> Option<Timestamp> {
    let (_, rest) = text.split_once("limit reached|")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let seconds: u64 = digits.parse().ok()?;
    (digits.len() == 10).then(|| Timestamp(seconds * 1000))
}

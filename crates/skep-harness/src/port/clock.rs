//! A moment as people write it: `Nov 22nd, 2026 1:37 AM`, or the next `3:45pm (Europe/Berlin)`.
//!
//! Owns: the forms in which agents tell it, and the zone that they mean. Never: takes what is no such form for one.

use jiff::{
    Span, Timestamp, Zoned,
    civil::{Date, Time},
    tz::TimeZone,
};

/// What stands before it.
const BEFORE: [&str; 5] = ["try again at ", "resets at ", "reset at ", "resets on ", "resets "];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Reads the moment of an error's words, where they tell one, in milliseconds: by the machine's own zone, where they name none.
pub(super) fn moment(text: &str) -> Option<u64> {
    let found = read(text, &Timestamp::now().to_zoned(TimeZone::system()))?;
    u64::try_from(found.as_millisecond()).ok()
}

/// The same, where it is `now` there.
fn read(text: &str, now: &Zoned) -> Option<Timestamp> {
    let lower = text.to_ascii_lowercase();
    let (at, before) = BEFORE.iter().find_map(|before| Some((lower.find(before)?, before)))?;
    let begin = at + before.len();
    let mut words = lower.get(begin..)?.split_whitespace().peekable();
    let date = match words.peek().and_then(|word| month(word)) {
        Some(month) => {
            words.next();
            let day = number(words.next()?)?;
            let year = number(words.next()?)?;
            Some(Date::new(year, month, i8::try_from(day).ok()?).ok()?)
        }
        None => None,
    };
    let mut clock = words.next()?.to_owned();
    if let Some(half) = words.peek().filter(|word| word.starts_with("am") || word.starts_with("pm"))
    {
        clock += half;
        words.next();
    }
    let time = time(&clock)?;
    // A zone's name keeps its letters.
    let zone = text.get(begin..)?.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let zone = match zone.filter(|(name, _)| name.contains('/') || *name == "UTC") {
        Some((name, _)) => TimeZone::get(name).ok()?,
        None => now.time_zone().clone(),
    };
    let there = now.with_time_zone(zone.clone());
    // It was cut to the minute, and is not over before the minute is.
    let on = |date: Date| {
        let zoned = date.to_datetime(time).to_zoned(zone.clone()).ok()?;
        zoned.timestamp().checked_add(Span::new().minutes(1)).ok()
    };
    match date {
        Some(date) => on(date),
        None => {
            let today = on(there.date())?;
            if today > now.timestamp() { Some(today) } else { on(there.date().tomorrow().ok()?) }
        }
    }
}

fn month(word: &str) -> Option<i8> {
    let nth = MONTHS.iter().position(|month| word.starts_with(month))?;
    i8::try_from(nth + 1).ok()
}

/// `22nd,` or `2026`.
fn number(word: &str) -> Option<i16> {
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// `1:37am`, `3pm`, `15:45`.
fn time(word: &str) -> Option<Time> {
    let word = word.trim_end_matches(['.', ',', ')', ';']);
    let (word, half) = match (word.strip_suffix("am"), word.strip_suffix("pm")) {
        (Some(word), _) => (word, Some(0)),
        (_, Some(word)) => (word, Some(12)),
        (None, None) => (word, None),
    };
    let (hour, minute) = match word.split_once(':') {
        Some((hour, minute)) => (hour.parse::<i8>().ok()?, minute.parse().ok()?),
        // A bare number is no time of day.
        None => (word.parse::<i8>().ok().filter(|_| half.is_some())?, 0),
    };
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    Time::new(hour, minute, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_agents_write_it_and_by_the_zone_that_they_mean() {
        let now: Zoned = "2026-11-21T23:30:00+01:00[Europe/Berlin]".parse().unwrap();
        let told = |text: &str| read(text, &now).map(|at| at.to_string());
        for (text, want) in [
            (
                "hit your usage limit … or try again at Nov 23rd, 2026 1:37 AM.",
                "2026-11-23T00:38:00Z",
            ),
            ("or try again at 11:45 PM.", "2026-11-21T22:46:00Z"),
            ("or try again at 1:37 AM.", "2026-11-22T00:38:00Z"),
            ("5-hour limit reached ∙ resets 3am", "2026-11-22T02:01:00Z"),
            ("session limit · resets 3:45pm (America/New_York)", "2026-11-22T20:46:00Z"),
            ("Your limit will reset at 12am (UTC)", "2026-11-22T00:01:00Z"),
            ("resets at 15:45", "2026-11-22T14:46:00Z"),
        ] {
            assert_eq!(told(text).as_deref(), Some(want), "{text}");
        }
        for text in [
            "try again at your own risk",
            "resets 3",
            "resets in 3 hours",
            "try again at 25:00",
            "try again at 13pm",
            "try again at Nov 31st, 2026 1:00 AM",
            "resets 3am (Nowhere/Atall)",
            "try again at Nov",
            "try again at ",
            "",
        ] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}

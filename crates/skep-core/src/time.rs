//! Time as the core sees it: a value that arrives, never a clock.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

#[cfg(test)]
mod tests;

/// A point in time. Written and read as RFC 3339, UTC, with milliseconds.
///
/// Unit: milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a time of the form 2026-11-20T11:43:00.123Z since 1970")]
pub struct NotATime(String);

impl Timestamp {
    /// Returns the time elapsed since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns the point `after` this one.
    #[must_use]
    pub fn plus(self, after: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// One look at both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The clock that people set.
    pub wall: Timestamp,
    /// The clock that nobody sets and that stands still while the machine sleeps, from any beginning.
    pub steady: Duration,
}

/// The time of decisions: it never goes back, and while somebody waits for a moment only the steady clock moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    now: Timestamp,
    /// What of the steady clock is not in `now` yet begins here.
    counted: Duration,
}

impl Pace {
    /// Begins at what the wall says, but not before `known`, at which somebody has begun to wait.
    pub fn begin(reading: Reading, known: Option<Timestamp>) -> Pace {
        Pace { now: reading.wall.max(known.unwrap_or_default()), counted: reading.steady }
    }

    /// Goes on to `reading`; where nobody `waits` for a moment, as far as the wall is ahead too: after a sleep it is right.
    pub fn go_on(&mut self, reading: Reading, waits: bool) -> Timestamp {
        let gone = reading.steady.saturating_sub(self.counted).as_millis();
        let gone = Duration::from_millis(u64::try_from(gone).unwrap_or(u64::MAX));
        self.now = self.now.plus(gone);
        // What is less than a millisecond counts the next time.
        self.counted = self.counted.saturating_add(gone);
        if !waits {
            self.now = self.now.max(reading.wall);
        }
        self.now
    }

    /// The moment as of the last look.
    pub fn now(self) -> Timestamp {
        self.now
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.0).unwrap_or(i64::MAX);
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{at:.3}")
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;
    fn from_str(text: &str) -> Result<Timestamp, NotATime> {
        let refuse = || NotATime(text.to_owned());
        let at: jiff::Timestamp = text.parse().map_err(|_| refuse())?;
        u64::try_from(at.as_millisecond()).map(Timestamp).map_err(|_| refuse())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

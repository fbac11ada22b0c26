//! Owns: what a forge said of how often it may be asked, and the moment before which it is not.
//! Never: waits itself; asks although it knows the answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use skep_core::{text, time::Timestamp};

use super::{Budget, ForgeError, wire::Got};

/// The longest that a forge is believed: their windows are an hour, and clocks differ.
const LONGEST: Duration = Duration::from_secs(3600);

/// How long a forge is left alone that names no moment; each time anew twice as long, to sixteen times.
const UNNAMED: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Meter {
    budget: Option<Budget>,
    /// Nothing is asked before.
    not_before: Option<Timestamp>,
    /// How many times in a row it wanted no more and named no moment.
    unnamed: u32,
}

pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().plus(since)
}

impl Meter {
    pub(super) fn budget(&self) -> Option<Budget> {
        self.budget
    }

    /// Tells whether the forge may be asked now.
    pub(super) fn ask(&mut self, host: &str) -> Result<(), ForgeError> {
        if let Some(until) = self.not_before.filter(|until| *until > now()) {
            return Err(ForgeError::Limited { host: host.to_owned(), until });
        }
        self.not_before = None;
        Ok(())
    }

    /// Takes in what an answer says of the budget; an error where the forge did not answer for it.
    pub(super) fn hear(&mut self, host: &str, got: &Got) -> Result<(), ForgeError> {
        let now = now();
        // GitHub and Forgejo; GitLab; the name that is becoming a standard.
        let number = |names: [&str; 2]| {
            names.iter().find_map(|name| got.header(name)?.trim().parse::<u64>().ok())
        };
        let remaining = number(["x-ratelimit-remaining", "ratelimit-remaining"]);
        let reset =
            number(["x-ratelimit-reset", "ratelimit-reset"]).map(|reset| moment(reset, now));
        let limit = number(["x-ratelimit-limit", "ratelimit-limit"]);
        if let (Some(remaining), Some(until)) = (remaining, reset) {
            self.budget = Some(Budget { remaining, limit, until });
        }
        let wait = got.header("retry-after").map(|after| {
            // A date is not worth a parser: as if no moment were named.
            let after = after.trim().parse().map_or(UNNAMED, Duration::from_secs);
            now.plus(after.clamp(Duration::from_secs(1), LONGEST))
        });
        let spent = remaining == Some(0);
        let limited = match got.status() {
            429 => true,
            403 => spent || wait.is_some() || says_so(got.body()),
            _ => false,
        };
        if limited {
            let until = wait.or(reset.filter(|_| spent)).unwrap_or_else(|| {
                let after = UNNAMED * 2_u32.pow(self.unnamed.min(4));
                self.unnamed += 1;
                now.plus(after)
            });
            self.not_before = Some(until);
            return Err(ForgeError::Limited { host: host.to_owned(), until });
        }
        if got.status() < 400 {
            self.unnamed = 0;
            self.not_before = reset.filter(|_| spent);
        }
        Ok(())
    }
}

/// A reset is told as seconds since 1970, or as seconds from now.
fn moment(reset: u64, now: Timestamp) -> Timestamp {
    let away = if reset < 1_000_000_000 {
        Duration::from_secs(reset)
    } else {
        Timestamp(reset.saturating_mul(1000)).since(now)
    };
    now.plus(away.clamp(Duration::from_secs(1), LONGEST))
}

/// Whether a refusal's words are those of a limit: GitHub's secondary one often comes without a header.
fn says_so(body: &[u8]) -> bool {
    let words = text::words(&String::from_utf8_lossy(body), 2000).to_lowercase();
    words.contains("rate limit") || words.contains("abuse detection")
}

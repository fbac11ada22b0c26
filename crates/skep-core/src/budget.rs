//! Money, tokens, time and turns: what a limit says, what something costs, whether a limit is reached.
//!
//! Owns: the grammar of a limit (`5usd,200k,30m,20 turns`), prices of models, sums of what was used.
//! Never: knows a run, a day or a clock; what is unknown stays unknown and is never zero.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::said::Usage;

#[cfg(test)]
mod tests;

/// Limits of one thing; what is not set is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Input and output together, cached ones too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Time at work, on the clock that stands still while the machine sleeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turns: Option<u32>,
}

/// Why a text is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no limit: like `5usd`, `200k` (tokens), `30m`, `20 turns`, or several with commas"
)]
pub struct NotALimit(pub String);

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Usd,
    Tokens,
    Wall,
    Turns,
    /// Money is limited, and nobody knows what was spent.
    Unpriced,
}

/// What was used, as far as it was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Amount {
    #[serde(flatten)]
    pub usage: Usage,
    pub turns: u32,
    /// Whether the money, or a part of it, is the price table's and not the agent's word.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// Whether a part of it has no price that anybody knows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
}

impl Budget {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Budget::default()
    }

    /// Whether it can only be held for an agent that tells what it uses.
    pub fn needs_telling(&self) -> bool {
        self.usd.is_some() || self.tokens.is_some()
    }

    /// Whether it ends a run whatever its agent tells.
    pub fn ends_by_itself(&self) -> bool {
        self.wall_ms.is_some() || self.turns.is_some()
    }

    /// The narrower of two, limit by limit.
    #[must_use]
    pub fn narrowed(self, other: Budget) -> Budget {
        fn least<T: PartialOrd>(one: Option<T>, two: Option<T>) -> Option<T> {
            match (one, two) {
                (Some(one), Some(two)) => Some(if two < one { two } else { one }),
                (one, two) => one.or(two),
            }
        }
        Budget {
            usd: least(self.usd, other.usd),
            tokens: least(self.tokens, other.tokens),
            wall_ms: least(self.wall_ms, other.wall_ms),
            turns: least(self.turns, other.turns),
        }
    }

    /// What `self` says where it says something, else what `other` does.
    #[must_use]
    pub fn or(self, other: Budget) -> Budget {
        Budget {
            usd: self.usd.or(other.usd),
            tokens: self.tokens.or(other.tokens),
            wall_ms: self.wall_ms.or(other.wall_ms),
            turns: self.turns.or(other.turns),
        }
    }

    /// Raised by `more`; what was not limited stays so.
    #[must_use]
    pub fn raised(self, more: Budget) -> Budget {
        let add = |limit: Option<u64>, more: Option<u64>| {
            limit.map(|limit| limit.saturating_add(more.unwrap_or(0)))
        };
        Budget {
            usd: self.usd.map(|limit| limit + more.usd.unwrap_or(0.0)),
            tokens: add(self.tokens, more.tokens),
            wall_ms: add(self.wall_ms, more.wall_ms),
            turns: self.turns.map(|limit| limit.saturating_add(more.turns.unwrap_or(0))),
        }
    }

    /// The limit that is reached by `spent` and `worked_ms`; none while something is left of each.
    pub fn over(&self, spent: &Amount, worked_ms: u64) -> Option<Over> {
        let money = spent.usage.cost_usd.unwrap_or(0.0);
        if self.usd.is_some_and(|limit| money >= limit) {
            return Some(Over::Usd);
        }
        if self.tokens.is_some_and(|limit| spent.usage.tokens() >= limit) {
            return Some(Over::Tokens);
        }
        if self.turns.is_some_and(|limit| spent.turns >= limit) {
            return Some(Over::Turns);
        }
        if self.wall_ms.is_some_and(|limit| worked_ms >= limit) {
            return Some(Over::Wall);
        }
        // Another limit ends it; without one, money that nobody can count is money without a limit.
        let blind = self.usd.is_some() && spent.unpriced;
        let held = self.tokens.is_some() || self.ends_by_itself();
        (blind && !held).then_some(Over::Unpriced)
    }

    /// Says the part of it that `over` names.
    pub fn part(&self, over: Over) -> String {
        let one = match over {
            Over::Usd | Over::Unpriced => Budget { usd: self.usd, ..Budget::default() },
            Over::Tokens => Budget { tokens: self.tokens, ..Budget::default() },
            Over::Wall => Budget { wall_ms: self.wall_ms, ..Budget::default() },
            Over::Turns => Budget { turns: self.turns, ..Budget::default() },
        };
        one.to_string()
    }
}

impl FromStr for Budget {
    type Err = NotALimit;
    fn from_str(text: &str) -> Result<Budget, NotALimit> {
        let mut budget = Budget::default();
        for part in text.split(',') {
            let part = part.trim();
            let refused = || NotALimit(part.to_owned());
            let one = limit(part).ok_or_else(refused)?;
            let twice = budget.usd.is_some() && one.usd.is_some()
                || budget.tokens.is_some() && one.tokens.is_some()
                || budget.wall_ms.is_some() && one.wall_ms.is_some()
                || budget.turns.is_some() && one.turns.is_some();
            if twice {
                return Err(refused());
            }
            budget = budget.or(one);
        }
        Ok(budget)
    }
}

/// One limit: money by its sign or `usd`, tokens bare or with `k` or `M`, time by its unit, turns by their word.
fn limit(text: &str) -> Option<Budget> {
    let none = Budget::default();
    let lower = text.to_ascii_lowercase();
    let money = lower.strip_prefix('$').or_else(|| lower.strip_suffix("usd"));
    if let Some(money) = money {
        let usd = number(money.trim())?;
        return (usd > 0.0 && usd < 1e9).then_some(Budget { usd: Some(usd), ..none });
    }
    if let Some(turns) = lower.strip_suffix("turns").or_else(|| lower.strip_suffix("turn")) {
        let turns: u32 = turns.trim().parse().ok().filter(|turns| *turns > 0)?;
        return Some(Budget { turns: Some(turns), ..none });
    }
    // `30m` is time and `2M` is tokens, as people write both.
    let bare = text.strip_suffix("tokens").map(str::trim);
    let tokens = bare.unwrap_or(text);
    let times = [("k", 1e3), ("K", 1e3), ("M", 1e6), ("", 1.0)];
    let counted = times.into_iter().find_map(|(unit, times)| {
        let digits = tokens.strip_suffix(unit)?;
        Some(number(digits)? * times)
    });
    if let Some(tokens) = counted {
        return (1.0..1e15)
            .contains(&tokens)
            .then_some(Budget { tokens: Some(tokens as u64), ..none });
    }
    let units = [("h", 3_600_000.0), ("m", 60_000.0), ("s", 1_000.0)];
    let span =
        units.into_iter().find_map(|(unit, ms)| Some(number(text.strip_suffix(unit)?)? * ms));
    let span = span.filter(|ms| bare.is_none() && (1.0..1e12).contains(ms))?;
    Some(Budget { wall_ms: Some(span as u64), ..none })
}

/// A plain decimal number: no sign, no exponent, no word.
fn number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse().ok().filter(|_| plain)
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [
                self.usd.map(|usd| format!("{usd}usd")),
                self.tokens.map(|tokens| match tokens {
                    tokens if tokens >= 1000 && tokens.is_multiple_of(1_000_000) => {
                        format!("{}M tokens", tokens / 1_000_000)
                    }
                    tokens if tokens >= 1000 && tokens.is_multiple_of(1000) => {
                        format!("{}k tokens", tokens / 1000)
                    }
                    tokens => format!("{tokens} tokens"),
                }),
                self.wall_ms.map(|ms| match ms {
                    ms if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
                    ms if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
                    ms => format!("{}s", ms as f64 / 1000.0),
                }),
                self.turns.map(|turns| {
                    if turns == 1 { "1 turn".to_owned() } else { format!("{turns} turns") }
                }),
            ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        f.write_str(&parts.join(", "))
    }
}

/// What a million tokens of some models cost, in USD.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Price {
    /// A model's name, in which `*` stands for anything.
    pub model: String,
    pub input: f64,
    pub output: f64,
    /// Input that was read from a cache; none: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<f64>,
    /// Input that was written to a cache; none: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<f64>,
}

impl Price {
    /// What `usage` costs, in USD.
    pub fn of(&self, usage: &Usage) -> f64 {
        let apart = usage.cached_tokens.saturating_add(usage.cache_write_tokens);
        let plain = usage.input_tokens.saturating_sub(apart) as f64;
        let cached = usage.cached_tokens as f64 * self.cached.unwrap_or(self.input);
        let written = usage.cache_write_tokens as f64 * self.cache_write.unwrap_or(self.input);
        let output = usage.output_tokens as f64 * self.output;
        (plain * self.input + cached + written + output) / 1e6
    }
}

/// The price of `model`: that of its very name, else of the longest pattern that it fits.
pub fn price_of<'p>(prices: &'p [Price], model: &str) -> Option<&'p Price> {
    let exact = prices.iter().find(|price| price.model == model);
    let fits = prices.iter().filter(|price| matches(&price.model, model));
    exact.or_else(|| fits.max_by_key(|price| price.model.len()))
}

/// Whether `text` fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

impl Amount {
    /// Whether nothing was told.
    pub fn is_untold(&self) -> bool {
        self.usage == Usage::default()
    }

    /// Adds `more`.
    pub fn add(&mut self, more: &Amount) {
        self.usage = self.usage.plus(&more.usage);
        self.turns = self.turns.saturating_add(more.turns);
        self.estimated |= more.estimated;
        self.unpriced |= more.unpriced;
    }

    /// What came to `self` since it was `before`.
    #[must_use]
    pub fn since(&self, before: &Amount) -> Amount {
        Amount {
            usage: self.usage.minus(&before.usage),
            turns: self.turns.saturating_sub(before.turns),
            estimated: self.estimated,
            unpriced: self.unpriced,
        }
    }
}

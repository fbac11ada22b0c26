//! Which names a project's workers get, and who is next.

use std::{borrow::Cow, collections::BTreeSet};

use crate::text;

use super::is_reserved;

/// The fewest names that a list of one's own may have.
pub const FEWEST: usize = 4;

/// The most names that a list of one's own may have.
pub const MOST: usize = 2_000;

/// A list of names that skep brings along.
#[derive(Debug, PartialEq, Eq)]
pub struct Theme {
    pub name: &'static str,
    list: &'static str,
}

impl Theme {
    /// Its names, in the order in which they are given.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.list.lines()
    }
}

/// The themes there are.
pub const THEMES: &[Theme] = &[
    Theme { name: "minerals", list: include_str!("../../themes/minerals.txt") },
    Theme { name: "birds", list: include_str!("../../themes/birds.txt") },
    Theme { name: "trees", list: include_str!("../../themes/trees.txt") },
    Theme { name: "rivers", list: include_str!("../../themes/rivers.txt") },
    Theme { name: "flowers", list: include_str!("../../themes/flowers.txt") },
];

/// Why a text is nobody's name in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAName {
    /// A letter first, then letters, digits and dashes, all lower-case; at most [`text::NAME`] of them.
    Form,
    Reserved,
    Twice,
}

/// Why there is no such list of names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Shape: `known` holds every theme, the nearest first.
    #[error("no theme is called `{asked}`: there are {}", .known.join(", "))]
    UnknownTheme { asked: String, known: Vec<&'static str> },
    #[error("{count} names are too few: give at least {FEWEST}")]
    TooFew { count: usize },
    #[error("{count} names are too many: give at most {MOST}")]
    TooMany { count: usize },
    #[error("`{name}` {}", because(*.why))]
    Name { name: String, why: NotAName },
}

fn because(why: NotAName) -> &'static str {
    match why {
        NotAName::Form => "is no name: a letter, then letters, digits or dashes, all lower-case",
        NotAName::Reserved => "is reserved",
        NotAName::Twice => "is there twice",
    }
}

impl PoolError {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            PoolError::UnknownTheme { .. } => "theme-unknown",
            PoolError::TooFew { .. } | PoolError::TooMany { .. } | PoolError::Name { .. } => {
                "names-invalid"
            }
        }
    }
}

/// Finds the theme that is called `asked`.
///
/// Errors: unknown, with those there are.
pub fn theme(asked: &str) -> Result<&'static Theme, PoolError> {
    THEMES.iter().find(|theme| theme.name == asked).ok_or_else(|| {
        let mut known: Vec<&'static str> = THEMES.iter().map(|theme| theme.name).collect();
        known.sort_by_key(|name| distance(asked, name));
        PoolError::UnknownTheme { asked: text::words(asked, text::NAME), known }
    })
}

/// Chooses the theme of a project that asks for none: by its name, and one that no other project uses while there is one.
///
/// The choice depends on what others use, so it is made once and kept.
pub fn theme_for(project: &str, used: &BTreeSet<&str>) -> &'static Theme {
    let first = hash(project) as usize % THEMES.len();
    let in_turn = || THEMES[first..].iter().chain(&THEMES[..first]);
    in_turn().find(|theme| !used.contains(theme.name)).unwrap_or(&THEMES[first])
}

/// FNV-1a, folded: the same on every machine and in every version.
fn hash(text: &str) -> u32 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash >> 32) as u32 ^ hash as u32
}

/// How many letters must be put in, taken out or changed to make `a` of `b`; only the beginning of a long text counts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, from) in a.chars().take(text::NAME).enumerate() {
        let mut above_left = row[0];
        row[0] = line + 1;
        for (at, to) in b.iter().enumerate() {
            let changed = above_left + usize::from(from != *to);
            above_left = row[at + 1];
            row[at + 1] = changed.min(above_left + 1).min(row[at] + 1);
        }
    }
    row[b.len()]
}

/// The names that a project's workers get, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    names: Vec<Cow<'static, str>>,
}

impl Pool {
    /// The names of a theme.
    pub fn of(theme: &Theme) -> Pool {
        Pool { names: theme.names().map(Cow::Borrowed).collect() }
    }

    /// Takes a list of one's own.
    ///
    /// Errors: too short, too long, or the first name that is none.
    pub fn custom(list: &[String]) -> Result<Pool, PoolError> {
        let mut seen = BTreeSet::new();
        match list.len() {
            count if count < FEWEST => return Err(PoolError::TooFew { count }),
            count if count > MOST => return Err(PoolError::TooMany { count }),
            _ => {}
        }
        for name in list {
            let why = if !is_listable(name) {
                NotAName::Form
            } else if is_reserved(name) {
                NotAName::Reserved
            } else if !seen.insert(name) {
                NotAName::Twice
            } else {
                continue;
            };
            return Err(PoolError::Name { name: text::words(name, text::NAME), why });
        }
        Ok(Pool { names: list.iter().cloned().map(Cow::Owned).collect() })
    }

    /// Its names, in the order in which they are given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }
}

/// Dashes in front and too long are [`super::has_form`]'s; a list's names are shorter and begin with a letter.
fn is_listable(name: &str) -> bool {
    super::has_form(name)
        && name.len() <= text::NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
}

/// Who asks for a name, and what is so now.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// A slug; overflow names begin with it.
    pub project: &'a str,
    /// Every name that is held, by whatever project.
    pub taken: &'a BTreeSet<&'a str>,
    /// The project's workers that hold a name.
    pub live: usize,
    /// How many may.
    pub workers: usize,
    /// The last overflow number that this project ever gave; 0 before the first.
    pub overflow: u64,
}

/// A name, and the counter that must be kept with it in one commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    pub name: String,
    /// As `Ask::overflow` is to be from now on; it only grows.
    pub overflow: u64,
}

/// The project has as many workers as it may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{project}` has {live} workers, and may have {workers}")]
pub struct Full {
    pub project: String,
    pub live: usize,
    pub workers: usize,
}

impl Full {
    /// The stable word for this error.
    pub fn slug(&self) -> &'static str {
        "workers-full"
    }
}

/// Gives the first free name of the list; when all are taken, `PROJECT-N` with a number that was never given before.
///
/// Errors: the project has as many workers as it may have.
pub fn allocate(pool: &Pool, ask: &Ask<'_>) -> Result<Allocated, Full> {
    let Ask { project, taken, live, workers, overflow } = *ask;
    if live >= workers {
        return Err(Full { project: project.to_owned(), live, workers });
    }
    let is_free = |name: &str| !taken.contains(name);
    if let Some(name) = pool.names().find(|name| is_free(name)) {
        return Ok(Allocated { name: name.to_owned(), overflow });
    }
    let slug = text::sanitise_name(project);
    let mut number = overflow.max(pool.names.len() as u64);
    // A person may have chosen the very name that comes next.
    loop {
        number += 1;
        let name = format!("{slug}-{number}");
        if is_free(&name) {
            return Ok(Allocated { name, overflow: number });
        }
    }
}

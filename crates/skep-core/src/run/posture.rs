//! How readily an agent involves a person.

use serde::{Deserialize, Serialize};

use super::Surface;

#[cfg(test)]
mod tests;

/// How an agent was put to work. Rules may be there for some of these only; it is fixed when the run is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Posture {
    /// Nobody looks on: it goes on to the end by itself.
    #[default]
    Headless,
    /// Somebody may look on, and is not asked.
    Watch,
    /// Somebody is there, and is asked sooner.
    Consult,
    /// It may have others work for it.
    Cascade,
}

impl Posture {
    /// All of them.
    pub const ALL: [Posture; 4] =
        [Posture::Headless, Posture::Watch, Posture::Consult, Posture::Cascade];

    /// As people, views and rules spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Posture::Headless => "headless",
            Posture::Watch => "watch",
            Posture::Consult => "consult",
            Posture::Cascade => "cascade",
        }
    }

    /// The posture that is spelled so.
    pub fn find(word: &str) -> Option<Posture> {
        Posture::ALL.into_iter().find(|posture| posture.as_str() == word)
    }

    /// What a run on this surface has where nobody said another: who asked for a screen may look at it.
    pub fn on(surface: Surface) -> Posture {
        match surface {
            Surface::Headless => Posture::Headless,
            Surface::Terminal => Posture::Watch,
        }
    }

    /// Whether it is that of a run of which nothing was said.
    pub fn is_headless(&self) -> bool {
        *self == Posture::Headless
    }
}

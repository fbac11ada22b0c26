//! Whose words a run works by.
//!
//! Owns: what text from outside means for a run, who inherits it, and how a person lifts it.
//! Never: reads the text: nothing that stands in it changes what it is taken for.

use serde::{Deserialize, Serialize};

use super::{Permissions, Rejected};

/// Whose words a task is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// A person who uses this skep wrote them, or vouches for them.
    #[default]
    Person,
    /// Somebody else did: an issue, a mail, a comment.
    Outside,
}

impl Trust {
    /// Whether a person's own word stands behind the text.
    pub fn is_person(&self) -> bool {
        *self == Trust::Person
    }

    /// As views and rules spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Person => "person",
            Trust::Outside => "outside",
        }
    }

    /// What comes of two: one of them from outside is enough.
    pub fn with(self, other: Trust) -> Trust {
        self.max(other)
    }

    /// Refuses what no run of such words may have.
    ///
    /// Errors: `outside-bypass`: nobody would be asked, and nearly nothing refused.
    pub fn require(self, permissions: Permissions) -> Result<(), Rejected> {
        if self.is_person() || permissions != Permissions::Bypass {
            return Ok(());
        }
        Err(Rejected {
            slug: "outside-bypass",
            text: "text from outside is not worked on with --permissions bypass".to_owned(),
            hints: vec![
                "skep run --permissions auto …   rules and a person stand between".to_owned(),
                "read the text; if you vouch for it: skep run …   without --outside".to_owned(),
            ],
        })
    }
}

//! Owns: who may be put at which issue, and in which mode at most. Never: asks, or takes what is not known for a yes.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{Association, Issue, Mode, Origin, Reference};
use crate::text;

/// What a person's settings say of issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Whose repositories agents may be put at issues of, as references spell them.
    pub owners: Vec<String>,
    /// What an author must be to the repository.
    pub trusted: Vec<Association>,
    /// Authors that are trusted besides.
    pub authors: Vec<String>,
    /// The label that lets a mode.
    pub labels: BTreeMap<Mode, String>,
    /// What an issue without any of them lets.
    pub default: Mode,
}

/// An issue that an agent may be put at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// By the tracker's own words, in the mode that was asked for.
    pub origin: Origin,
    /// The most freely that its labels let.
    pub highest: Mode,
}

/// Why no agent is put at an issue. Words of the issue in it are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// Its owner is not in the list: nobody was asked.
    #[error("`{owner}` is not among the owners whose issues agents may be put at{}", list(.owners))]
    Owner { owner: String, owners: Vec<String> },
    /// Asked for one, the tracker gave another.
    #[error("`{asked}` is `{told}` now")]
    Moved { asked: String, told: String },
    #[error("`{reference}` is a pull request, not an issue")]
    Change { reference: String },
    #[error("`{reference}` is {state}: only an open issue is worked at")]
    Closed { reference: String, state: String },
    #[error("the author of `{reference}`, {author}, is not trusted ({}; trusted: {})", .association.as_str(), .trusted.join(", "))]
    Author { reference: String, author: String, association: Association, trusted: Vec<String> },
    #[error("`{reference}` lets `{}` at most, not `{}` ({})", .highest.as_str(), .asked.as_str(), why(.labels))]
    Mode {
        reference: String,
        asked: Mode,
        highest: Mode,
        /// Those of its labels that say so.
        labels: Vec<String>,
        /// The label that would let it, where there is one.
        wanted: Option<String>,
    },
}

fn list(owners: &[String]) -> String {
    if owners.is_empty() { String::new() } else { format!(": {}", owners.join(", ")) }
}

fn why(labels: &[String]) -> String {
    match labels {
        [] => "none of its labels says more".to_owned(),
        some => format!("by its labels: {}", some.join(", ")),
    }
}

impl Refused {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            Refused::Owner { .. } => "issue-owner",
            Refused::Moved { .. } => "issue-moved",
            Refused::Change { .. } => "issue-is-change",
            Refused::Closed { .. } => "issue-closed",
            Refused::Author { .. } => "issue-author",
            Refused::Mode { .. } => "issue-mode",
        }
    }

    /// What may be done about it.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Refused::Owner { owner, owners } => {
                let all: Vec<String> =
                    owners.iter().chain([owner]).map(|owner| format!("\"{owner}\"")).collect();
                format!("skep config set dispatch.owners '[{}]'", all.join(", "))
            }
            Refused::Moved { told, .. } => format!("ask for `{told}`, if it is the one you mean"),
            Refused::Change { .. } => "ask for the issue that it is to settle".to_owned(),
            Refused::Closed { .. } => "open it again where it is kept, then ask once more".to_owned(),
            Refused::Author { .. } => {
                "have somebody who is trusted write the issue, or name the author in `dispatch.authors`".to_owned()
            }
            Refused::Mode { highest, wanted, .. } => match wanted {
                Some(label) => format!(
                    "ask for `{}`, or give the issue only the label `{label}` of those that say so",
                    highest.as_str()
                ),
                None => format!("ask for `{}`", highest.as_str()),
            },
        };
        vec![hint]
    }
}

/// Whether its tracker may be asked for it at all.
pub fn may_ask(reference: &Reference, rules: &Rules) -> Result<(), Refused> {
    match reference.owner() {
        Some(owner) if !rules.owners.iter().any(|known| known == owner) => {
            Err(Refused::Owner { owner: owner.to_owned(), owners: rules.owners.clone() })
        }
        // What no owner is of is on this machine, in a place that the person named.
        Some(_) | None => Ok(()),
    }
}

/// Whether an agent may be put at `issue`, which the tracker gave for `asked`, in this mode.
///
/// Order: the owner, the same issue, an issue at all, open, its author, its labels.
pub fn admit(
    asked: &Reference,
    issue: &Issue,
    rules: &Rules,
    mode: Mode,
) -> Result<Admitted, Refused> {
    may_ask(asked, rules)?;
    let reference = issue.reference.to_string();
    if !asked.means(&issue.reference) || issue.reference.platform() != Some(issue.platform) {
        return Err(Refused::Moved { asked: asked.to_string(), told: reference });
    }
    if issue.is_change {
        return Err(Refused::Change { reference });
    }
    if !issue.open {
        return Err(Refused::Closed { reference, state: shown(&issue.state) });
    }
    if !is_trusted(&issue.author, issue.association, rules) {
        return Err(Refused::Author {
            reference,
            author: shown(&issue.author),
            association: issue.association,
            trusted: rules.trusted.iter().map(|it| it.as_str().to_owned()).collect(),
        });
    }
    let (highest, labels) = highest(&issue.labels, rules);
    if mode < highest {
        let labels = labels.into_iter().map(shown).collect();
        let wanted = rules.labels.get(&mode).cloned();
        return Err(Refused::Mode { reference, asked: mode, highest, labels, wanted });
    }
    let origin = Origin { platform: issue.platform, reference, url: issue.url.clone(), mode };
    Ok(Admitted { origin, highest })
}

/// The issue with those comments alone whose authors are trusted: everybody may write below an issue of somebody who is.
#[must_use]
pub fn heard(mut issue: Issue, rules: &Rules) -> Issue {
    issue.comments.retain(|said| is_trusted(&said.author, said.association, rules));
    issue
}

fn is_trusted(author: &str, association: Association, rules: &Rules) -> bool {
    let named = rules.authors.iter().any(|name| name.eq_ignore_ascii_case(author));
    let by_place = match association {
        Association::Unknown | Association::None => false,
        known @ (Association::Owner
        | Association::Member
        | Association::Collaborator
        | Association::Contributor) => rules.trusted.contains(&known),
    };
    (named && !author.is_empty()) || by_place
}

/// The strictest mode that one of the labels says, and those that say any; without any the default.
fn highest<'a>(labels: &'a [String], rules: &Rules) -> (Mode, Vec<&'a str>) {
    let says = |label: &str| {
        let of = rules.labels.iter().filter(|(_, known)| known.eq_ignore_ascii_case(label.trim()));
        of.map(|(mode, _)| *mode).max()
    };
    let said: Vec<(Mode, &str)> =
        labels.iter().filter_map(|label| Some((says(label)?, label.as_str()))).collect();
    let strictest = said.iter().map(|(mode, _)| *mode).max();
    (strictest.unwrap_or(rules.default), said.into_iter().map(|(_, label)| label).collect())
}

fn shown(words: &str) -> String {
    match text::words(&text::one_line(words), 60) {
        empty if empty.is_empty() => "nobody".to_owned(),
        words => words,
    }
}

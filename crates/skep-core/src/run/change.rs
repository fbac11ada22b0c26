//! The change that a run's work is proposed as: from the wish for one to its true end.
//!
//! Owns: when its forge is asked about it, what of the answer goes back to the author as a round, how many rounds there
//! are, and what is left for a person. Never: speaks to a forge, shows an agent what somebody from outside wrote, or
//! takes an agent's word for what became of it.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Effect, EnvState, Event, Kind, OpResult, Outcome, Rejected, Run, State, Step};
use crate::{
    change::{Change, ChangeState, Check, CheckState, Comment},
    fenced::{self, Secret},
    id::{OpId, derived},
    text,
    time::Timestamp,
};

#[cfg(test)]
pub(crate) mod tests;

/// How long after news the forge is asked again.
const FIRST: Duration = Duration::from_secs(60);
/// The longest time between two looks while nothing changes.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// How long failed checks wait for those that have not ended, so that one message tells of all of them.
const SETTLE: Duration = Duration::from_secs(15 * 60);
/// How many checks, and how many comments, are kept and passed on at once.
const MOST: usize = 50;
/// The most of the words of one check or comment. Characters.
const WORDS: usize = 4_000;
/// How many ids of comments are remembered as heard.
const HEARD: usize = 2_000;

/// How a run's work is to be proposed, as the wish and the settings said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proposing {
    /// None: as it stands there; a new one's is the task's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// None: as it stands there; a new one is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<String>,
    /// How often failed checks and comments go back to the author by themselves.
    pub rounds: u32,
    /// How soon after news the forge is asked again. Milliseconds; 0: after a minute.
    #[serde(skip_serializing_if = "is_zero")]
    pub look_ms: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Proposing {
    fn first(&self) -> Duration {
        if self.look_ms == 0 { FIRST } else { Duration::from_millis(self.look_ms) }
    }
}

/// What a forge tells of a change at one look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    pub change: Change,
    /// Those of its head.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// All, or those since the last look; some may come twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<Comment>,
}

/// A look that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoSight {
    pub slug: String,
    pub text: String,
}

/// Why the forge gives no answer, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silent {
    pub slug: String,
    pub text: String,
    pub since: Timestamp,
}

/// A run's change, as far as it was followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Following {
    /// As its forge told of it last.
    pub change: Change,
    pub asked: Proposing,
    /// When its forge was last looked at and answered; what was written there since is asked for.
    pub seen: Timestamp,
    /// Those of its head.
    pub checks: Vec<Check>,
    /// What members wrote, and nobody was told of yet.
    pub comments: Vec<Comment>,
    /// What others wrote, for people alone.
    pub outside: Vec<Comment>,
    /// Why nothing was heard, since it was seen.
    pub silent: Option<Silent>,
    /// How many rounds there were since a person asked for the change.
    pub rounds: u32,
    /// What its author was told of last, in words, while a person is wanted for it.
    pub stuck: Option<(String, Timestamp)>,
    /// Whether its author is at work on what was said to it.
    pub in_round: bool,
    /// The head of which failed checks were told.
    told: Option<String>,
    /// Since when its head has failed checks.
    failing: Option<Timestamp>,
    heard: BTreeSet<String>,
    looking: bool,
    next: Option<Timestamp>,
    pace: Duration,
}

impl Following {
    fn of(change: Change, asked: Proposing, at: Timestamp) -> Following {
        Following {
            next: (change.state == ChangeState::Open).then(|| at.plus(asked.first())),
            pace: asked.first(),
            change,
            asked,
            seen: at,
            checks: Vec::new(),
            comments: Vec::new(),
            outside: Vec::new(),
            silent: None,
            rounds: 0,
            stuck: None,
            in_round: false,
            told: None,
            failing: None,
            heard: BTreeSet::new(),
            looking: false,
        }
    }

    /// Whether it may still become something else.
    pub fn is_open(&self) -> bool {
        self.change.state == ChangeState::Open
    }

    /// The failed checks of its head.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.state == CheckState::Failed)
    }

    /// What its checks come to together; none where it has none.
    pub fn verdict(&self) -> Option<CheckState> {
        let has = |state| self.checks.iter().any(|check| check.state == state);
        [CheckState::Failed, CheckState::Pending, CheckState::Passed, CheckState::Skipped]
            .into_iter()
            .find(|state| has(*state))
    }

    /// Whether its head has failed checks that its author was not told of.
    fn has_new_failures(&self) -> bool {
        self.failed().next().is_some() && self.told.as_ref() != Some(&self.change.head)
    }

    /// The moment from which on what is there may be told; none while nothing is.
    fn tells_at(&self) -> Option<Timestamp> {
        let pending = self.checks.iter().any(|check| check.state == CheckState::Pending);
        let failures = self.has_new_failures().then(|| {
            let since = self.failing.unwrap_or(self.seen);
            if pending { since.plus(SETTLE) } else { since }
        });
        let comments = (!self.comments.is_empty()).then_some(self.seen);
        failures.into_iter().chain(comments).min()
    }

    /// What is new in `sight`, as an event keeps it; none where nothing is.
    fn news(&self, sight: Sight) -> Option<Sight> {
        let Sight { change, mut checks, comments } = sight;
        for check in &mut checks {
            check.text = text::words(&check.text, WORDS);
        }
        checks.truncate(MOST);
        let mut comments: Vec<Comment> =
            comments.into_iter().filter(|it| !self.heard.contains(&it.id)).collect();
        for comment in &mut comments {
            comment.text = text::words(&comment.text, WORDS);
        }
        let same = change == self.change && checks == self.checks && comments.is_empty();
        (!same).then_some(Sight { change, checks, comments })
    }

    fn take(&mut self, sight: &Sight, at: Timestamp) {
        if sight.change.head != self.change.head {
            self.failing = None;
        }
        self.change = sight.change.clone();
        self.checks = sight.checks.clone();
        if self.failed().next().is_none() {
            self.failing = None;
        } else {
            self.failing.get_or_insert(at);
        }
        for comment in &sight.comments {
            if self.heard.len() >= HEARD {
                self.heard.pop_first();
            }
            if !self.heard.insert(comment.id.clone()) {
                continue;
            }
            let kept = if comment.member { &mut self.comments } else { &mut self.outside };
            kept.push(comment.clone());
            if kept.len() > MOST {
                kept.remove(0);
            }
        }
    }

    /// The next look, after one that told news or did not; what the forge says of its budget is waited for.
    fn looked(&mut self, news: bool, not_before: Option<Timestamp>, at: Timestamp) {
        self.looking = false;
        self.pace = if news {
            self.asked.first()
        } else {
            (self.pace + self.pace / 2).min(LONGEST.max(self.asked.first()))
        };
        let next = at.plus(self.pace);
        self.next = self.is_open().then(|| not_before.map_or(next, |until| next.max(until)));
    }

    /// What its author is to be told: the failed checks of its head, and what members wrote.
    fn words(&self, secret: &Secret) -> String {
        let Change { url, number, .. } = &self.change;
        let mut said = String::new();
        if self.has_new_failures() {
            for check in self.failed() {
                said.push_str(&format!("Failed check: {}\n", text::one_line(&check.name)));
                if let Some(url) = &check.url {
                    said.push_str(&format!("{}\n", text::one_line(url)));
                }
                said.push_str(&format!("{}\n\n", check.text.trim()));
            }
        }
        for comment in &self.comments {
            let place = match (&comment.file, comment.line) {
                (Some(file), Some(line)) => format!(" on {}:{line}", text::one_line(file)),
                (Some(file), None) => format!(" on {}", text::one_line(file)),
                (None, _) => String::new(),
            };
            let author = text::one_line(&comment.author);
            said.push_str(&format!("{author} wrote{place}:\n{}\n\n", comment.text.trim()));
        }
        let what = format!(
            "Your work is proposed as change #{number} ({}), and this was said about it there. Settle what of it is right, \
             commit what you change on the branch you are on, and say in your last message what you did and what you left. Do not \
             push and do not write to the change: that is done for you.",
            text::one_line(url)
        );
        format!("{what}\n\n{}", fenced::said_of_change(&said, secret))
    }
}

/// What of a change needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub text: String,
    pub since: Timestamp,
}

impl Run {
    /// Whether what it did is where it was to go: it has landed, or its change was merged.
    pub fn is_brought_in(&self) -> bool {
        self.landed.is_some()
            || self.change.as_ref().is_some_and(|it| it.change.state == ChangeState::Merged)
    }

    /// Whether its change is asked about again by itself.
    pub fn is_followed(&self) -> bool {
        self.change.as_ref().is_some_and(Following::is_open)
    }

    pub(super) fn propose(&self, op: OpId, asked: Proposing) -> Result<Step, Rejected> {
        let run = self.id().clone();
        self.require_own_env("pr")?;
        if !self.is_ended() {
            return Err(self.still_living("propose it"));
        }
        self.require_rest()?;
        match &self.env {
            EnvState::Held(env) if env.branch.is_some() && !self.undoing && self.has_work() => {
                Ok(self.proposing(op, asked))
            }
            EnvState::Closed(env) if env.branch.is_some() => Err(nothing(
                format!("the env of {run} is closed; a change is made from its worktree"),
                vec![format!("skep undo   brings the env of the last close back")],
            )),
            EnvState::None
            | EnvState::Preparing
            | EnvState::Held(_)
            | EnvState::Within(_)
            | EnvState::Closed(_)
            | EnvState::Closing { .. }
            | EnvState::Restoring { .. } => Err(nothing(
                format!("{run} has no branch of its own"),
                vec![format!("skep show {run}")],
            )),
        }
    }

    /// Whether it is of a kind that does work.
    fn has_work(&self) -> bool {
        match self.brief.kind {
            Kind::Code => true,
            Kind::Plan | Kind::Review | Kind::Foreman | Kind::Manual | Kind::Gate => false,
        }
    }

    fn proposing(&self, op: OpId, asked: Proposing) -> Step {
        let effect = Effect::Propose { run: self.id().clone(), op: op.clone() };
        Step::of([Event::Proposing { op, asked: Box::new(asked) }], [effect])
    }

    /// When its forge is asked again; only a run that rests is looked after.
    pub(super) fn looks_at(&self) -> Option<Timestamp> {
        let following = self.change.as_ref().filter(|it| it.is_open() && !it.looking)?;
        following.next.filter(|_| self.is_ended() && self.proposing.is_none())
    }

    /// Asks the forge.
    pub(super) fn look(&self) -> Step {
        Step::of([Event::Looking {}], [Effect::Follow { run: self.id().clone() }])
    }

    /// What a look came to.
    pub(super) fn looked(
        &self,
        found: Result<Box<Sight>, NoSight>,
        not_before: Option<Timestamp>,
    ) -> Step {
        let Some(following) = &self.change else { return Step::default() };
        let (found, failed) = match found {
            // What somebody told of another change before is no news of this one.
            Ok(sight) if sight.change.number != following.change.number => (None, None),
            Ok(sight) => (following.news(*sight).map(Box::new), None),
            Err(none) => (None, Some(NoSight { text: text::words(&none.text, 300), ..none })),
        };
        Step::of([Event::Followed { found, failed, not_before }], [])
    }

    /// Whether something was said to its change that its author can be told now.
    pub fn is_due_a_round(&self, now: Timestamp) -> bool {
        let Some(following) = &self.change else { return false };
        let rests = match self.state {
            State::Ended { outcome, .. } => outcome != Outcome::Stopped,
            State::Queued { .. }
            | State::Preparing { .. }
            | State::Starting { .. }
            | State::Running { .. }
            | State::Waiting { .. }
            | State::Stalled { .. }
            | State::Limited { .. }
            | State::Stopping { .. } => false,
        };
        rests
            && matches!(self.env, EnvState::Held(_))
            && !self.undoing
            && !self.closed
            && self.proposing.is_none()
            && following.is_open()
            && following.stuck.is_none()
            && following.rounds < following.asked.rounds
            && following.tells_at().is_some_and(|at| at <= now)
    }

    /// Its author goes on with what was said to its change.
    pub(super) fn round(&self, now: Timestamp) -> Result<Step, Rejected> {
        let Some(following) = self.change.as_ref().filter(|_| self.is_due_a_round(now)) else {
            return Err(self.misplaced("a round"));
        };
        self.require_budget("go on")?;
        let secret = Secret::of(self.id().as_str(), &self.brief.seed);
        let mut step = self.again(true, Some(following.words(&secret)), None)?;
        let head = following.has_new_failures().then(|| following.change.head.clone());
        step.events.insert(0, Event::RoundBegun { head });
        Ok(step)
    }

    /// What its author was to be told, and could not be: a person decides.
    pub(super) fn round_refused(&self, why: &str) -> Step {
        match &self.change {
            Some(_) => Step::of([Event::RoundOver { stuck: Some(text::words(why, 300)) }], []),
            None => Step::default(),
        }
    }

    /// Adds what follows from the end of a round: what was done is proposed, or a person is wanted.
    pub(super) fn after_round(&self, step: &mut Step) {
        let in_round = self.change.as_ref().filter(|following| following.in_round);
        let Some(following) = in_round else { return };
        let goes_on = |event: &Event| {
            matches!(event, Event::Requeued { .. } | Event::Closing { .. } | Event::Undoing {})
        };
        let ended = step.events.iter().find_map(|event| {
            let Event::Ended { outcome, .. } = event else { return None };
            Some(*outcome)
        });
        let Some(outcome) = ended.filter(|_| !step.events.iter().any(goes_on)) else { return };
        if outcome == Outcome::Completed {
            let op = OpId::new(derived(&format!("{}/change/{}", self.id(), self.attempt)));
            // What a person asked of the change once is not asked again.
            let asked = Proposing { title: None, draft: None, ..following.asked.clone() };
            let Step { events, effects } = self.proposing(op, asked);
            step.events.extend(events);
            step.effects.extend(effects);
        } else {
            let why = format!("the round of its author ended {}", outcome.as_str());
            step.events.push(Event::RoundOver { stuck: Some(why) });
        }
    }

    /// What of its change needs a person.
    pub fn change_wants(&self) -> Option<Wanted> {
        let following = self.change.as_ref()?;
        let Change { number, .. } = following.change;
        let wanted = |text: String, since| Some(Wanted { text, since });
        if !self.is_ended() || self.proposing.is_some() || self.closed {
            return None;
        }
        match following.change.state {
            ChangeState::Merged => return None,
            ChangeState::Closed => {
                return wanted(format!("change #{number} was closed unmerged"), following.seen);
            }
            ChangeState::Open => {}
        }
        if let Some((why, since)) = &following.stuck {
            return wanted(format!("change #{number}: {why}"), *since);
        }
        let open = following.rounds < following.asked.rounds;
        let failed: Vec<&str> = following.failed().map(|check| check.name.as_str()).collect();
        let told = !open || !following.has_new_failures();
        if !failed.is_empty() && told {
            let names = text::one_line(&failed.join(", "));
            let since = following.failing.unwrap_or(following.seen);
            let spent = spent(following);
            return wanted(format!("change #{number}: failed checks: {names}{spent}"), since);
        }
        let theirs = following.comments.iter().filter(|_| !open).chain(&following.outside);
        let first = theirs.min_by_key(|comment| comment.at)?;
        let (who, words) = (text::one_line(&first.author), text::one_line(&first.text));
        let from = if first.member { "" } else { ", from outside," };
        wanted(format!("change #{number}: {who}{from} wrote: {words}"), first.at)
    }

    /// The wish for a change, or a round's end, is on its way.
    pub(super) fn proposing_at(&mut self, op: &OpId, asked: &Proposing) {
        self.proposing = Some((op.clone(), asked.clone()));
    }

    /// What came of proposing it.
    pub(super) fn proposed_at(&mut self, op: &OpId, result: &OpResult, at: Timestamp) {
        let mine = self.proposing.take_if(|(asked, _)| asked == op);
        let Some((_, asked)) = mine else { return };
        match (result, &mut self.change) {
            (OpResult::Proposed { change, .. }, Some(following))
                if following.change.number == change.number =>
            {
                let by_itself = std::mem::take(&mut following.in_round);
                if following.change.head != change.head {
                    following.checks.clear();
                    following.failing = None;
                }
                // What people wrote since the last look was not told: it is asked for from there on.
                following.change = change.as_ref().clone();
                following.silent = None;
                following.looked(true, None, at);
                if !by_itself {
                    // A person has looked at it: what stands there may be told again.
                    following.asked = asked;
                    following.rounds = 0;
                    following.told = None;
                    following.stuck = None;
                    following.outside.clear();
                }
            }
            (OpResult::Proposed { change, .. }, following) => {
                *following = Some(Following::of(change.as_ref().clone(), asked, at));
            }
            (OpResult::Refused { text, .. } | OpResult::Failed { text, .. }, Some(following))
                if following.in_round =>
            {
                following.in_round = false;
                following.stuck = Some((text.clone(), at));
            }
            _ => {}
        }
    }

    pub(super) fn looking_at(&mut self) {
        if let Some(following) = &mut self.change {
            following.looking = true;
        }
    }

    /// What a look told.
    pub(super) fn followed_at(
        &mut self,
        found: Option<&Sight>,
        failed: Option<&NoSight>,
        not_before: Option<Timestamp>,
        at: Timestamp,
    ) {
        let Some(following) = &mut self.change else { return };
        if let Some(NoSight { slug, text }) = failed {
            let since = following.silent.as_ref().map_or(at, |silent| silent.since);
            following.silent = Some(Silent { slug: slug.clone(), text: text.clone(), since });
        } else {
            following.silent = None;
            following.seen = at;
        }
        if let Some(sight) = found {
            following.take(sight, at);
        }
        following.looked(found.is_some(), not_before, at);
    }

    pub(super) fn round_begun_at(&mut self, head: Option<&String>) {
        let Some(following) = &mut self.change else { return };
        following.rounds += 1;
        following.in_round = true;
        following.comments.clear();
        if let Some(head) = head {
            following.told = Some(head.clone());
        }
    }

    pub(super) fn round_over_at(&mut self, stuck: Option<&String>, at: Timestamp) {
        let Some(following) = &mut self.change else { return };
        following.in_round = false;
        following.stuck = stuck.map(|why| (why.clone(), at));
    }

    /// The attempt is over: its change is looked at anew.
    pub(super) fn looks_again(&mut self, at: Timestamp) {
        if let Some(following) = self.change.as_mut().filter(|following| following.is_open()) {
            following.pace = following.asked.first();
            following.next = Some(at.plus(following.pace));
        }
    }
}

/// How many rounds there were, where there were any.
fn spent(following: &Following) -> String {
    match following.rounds {
        0 => String::new(),
        1 => ", after 1 round".to_owned(),
        rounds => format!(", after {rounds} rounds"),
    }
}

fn nothing(text: String, hints: Vec<String>) -> Rejected {
    Rejected { slug: "nothing-to-propose", text, hints }
}

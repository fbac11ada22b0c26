//! What the radar means for the fleet: which pairs are known, who is told, who works beyond what it claimed.
//!
//! Owns: that each pair is told once, and to whom. Never: stops, delays or refuses anything because of a pair.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use super::{Decided, Fleet, House, claims::claimed_at_work};
use crate::{
    fenced,
    id::RunId,
    radar::{self, Files, Kind, Seen, Standing, Stray},
    run::{self, EnvState, Run, State},
    text,
    time::Timestamp,
};

/// The longest title of another run in a message. Characters.
const TITLE: usize = 200;
/// How many files of another run a message names.
const NAMED: usize = 8;

impl Fleet {
    /// Whether the work of a run is looked at: its own env stands.
    pub fn is_on_radar(&self, run: &Run) -> bool {
        matches!(run.env, EnvState::Held(_)) && run.brief.kind == run::Kind::Code && run.is_kept()
    }

    /// Whether the work of two runs truly conflicts, as far as it is known.
    pub fn clashes_with(&self, a: &RunId, b: &RunId) -> bool {
        let conflicts = |it: &Standing| it.kind == Kind::Conflict;
        self.clash_of(a, b).is_some_and(conflicts)
    }

    /// How two runs meet, as far as it is known.
    fn clash_of(&self, a: &RunId, b: &RunId) -> Option<&Standing> {
        let stands = |id: &RunId| self.runs.get(id).is_some_and(|run| self.is_on_radar(run));
        self.radar.clashes.get(&radar::key(a, b)).filter(|_| stands(a) && stands(b))
    }

    /// The runs that `run` meets, and how.
    pub fn clashes_of<'a>(
        &'a self,
        run: &'a RunId,
    ) -> impl Iterator<Item = (&'a RunId, &'a Standing)> {
        let pairs = self.radar.clashes.keys().filter_map(move |(a, b)| {
            if a == run {
                Some(b)
            } else if b == run {
                Some(a)
            } else {
                None
            }
        });
        pairs.filter_map(move |other| Some((other, self.clash_of(run, other)?)))
    }

    /// What a run changed beyond the paths that it claimed; none where it is within them, or claimed none.
    pub fn stray_of(&self, run: &RunId) -> Option<&Files> {
        self.radar.strays.get(run)
    }

    /// Takes what a look at the worktrees gave.
    pub(super) fn see_radar(&mut self, seen: &Seen, now: Timestamp, decided: &mut Decided) {
        let (mut clashes, gone) = self.radar.news(seen);
        clashes.retain(|it| self.runs.contains_key(&it.a) && self.runs.contains_key(&it.b));
        for clash in &mut clashes {
            if self.order_of(&clash.a) > self.order_of(&clash.b) {
                std::mem::swap(&mut clash.a, &mut clash.b);
            }
        }
        let strays = self.new_strays(seen);
        if !(clashes.is_empty() && gone.is_empty() && strays.is_empty()) {
            self.note("fleet", House::ClashesSeen { clashes, gone, strays }, now, decided);
        }
        if seen.tell {
            self.tell_of_clashes(seen, now, decided);
        }
    }

    fn order_of(&self, run: &RunId) -> u64 {
        self.runs.get(run).map_or(u64::MAX, |run| run.order)
    }

    /// Where the files beyond a claim are others than is known.
    fn new_strays(&self, seen: &Seen) -> Vec<Stray> {
        let mut strays = Vec::new();
        for (id, touched) in &seen.touched {
            let Some(run) = self.runs.get(id) else { continue };
            let files = beyond(run, &self.claimed_before(run), touched);
            if self.radar.strays.get(id).map_or(files.is_empty(), |known| *known == files) {
                continue;
            }
            strays.push(Stray { run: id.clone(), files });
        }
        strays
    }

    /// Tells the later run of each pair that conflicts, once and while it is at work.
    fn tell_of_clashes(&mut self, seen: &Seen, now: Timestamp, decided: &mut Decided) {
        let mut due: BTreeMap<RunId, Vec<RunId>> = BTreeMap::new();
        for clash in seen.clashes.iter().filter(|clash| clash.kind == Kind::Conflict) {
            let pair = radar::key(&clash.a, &clash.b);
            if self.radar.told.contains(&pair) || !self.radar.clashes.contains_key(&pair) {
                continue;
            }
            let (mut first, mut later) = pair;
            if self.order_of(&first) > self.order_of(&later) {
                std::mem::swap(&mut first, &mut later);
            }
            due.entry(later).or_default().push(first);
        }
        for (later, mut others) in due {
            others.sort_by_key(|other| self.order_of(other));
            let Some(run) = self.runs.get(&later).filter(|run| self.can_be_told(run)) else {
                continue;
            };
            let Some(first) = others.first() else { continue };
            let (id, text) = (format!("conflict-{first}"), self.words_for(run, &others));
            // What an agent cannot be told, people see.
            if self.step(&later, run::Input::Send { id, text, steer: false }, now, decided).is_ok()
            {
                let told = House::ConflictTold { run: later, of: others };
                self.note("fleet", told, now, decided);
            }
        }
    }

    fn can_be_told(&self, run: &Run) -> bool {
        let at_work = matches!(run.state, State::Running { .. } | State::Stalled { .. });
        at_work && self.is_on_radar(run) && run.speech.hears.messages
    }

    /// What the later run is told. The others' titles, and the names of files, are data.
    fn words_for(&self, run: &Run, others: &[RunId]) -> String {
        let mut data = String::new();
        for other in others {
            let Some((found, standing)) = self.runs.get(other).zip(self.clash_of(run.id(), other))
            else {
                continue;
            };
            let title = text::words(&text::one_line(&found.brief.title), TITLE);
            // Writing to a text cannot fail.
            let _ok = writeln!(data, "{} ({other}): {title}", found.brief.name);
            for file in standing.files.files.iter().take(NAMED) {
                let _ok = writeln!(data, "  {}", text::one_line(file));
            }
            let named = standing.files.files.len().min(NAMED);
            let more = standing.files.more
                + u64::try_from(standing.files.files.len() - named).unwrap_or_default();
            if more > 0 {
                let _ok = writeln!(data, "  and {more} more");
            }
        }
        let (who, what) = match others.len() {
            1 => ("Another run works", "what it and you have changed so far cannot be merged"),
            _ => ("Other runs work", "what they and you have changed so far cannot be merged"),
        };
        let secret = fenced::Secret::of(run.id().as_str(), &run.brief.seed);
        format!(
            "{who} in this repository beside you, each in a worktree of its own, and {what}. Nothing is lost, and your task stays as it is: \
             go on with it. Keep what you change in the files below as small as your task allows, and take nothing of the others' work into \
             yours: whoever lands second brings both together. Who it is, with the title of its task and the files that conflict:\n\n{}",
            fenced::recorded(&data, &secret)
        )
    }
}

/// What a run changed beyond what it claimed; nothing where it claimed nothing.
fn beyond(run: &Run, before: &[String], touched: &[String]) -> Files {
    let (worktree, sub_dir) =
        (run.env().map(|env| env.worktree.as_str()), &run.brief.place.sub_dir);
    let mut claims = claims(run);
    claims.extend(before.iter().map(String::as_str));
    if claims.is_empty() {
        return Files::default();
    }
    let claimed = |file: &&str| {
        claims.iter().any(|claim| {
            let inside = worktree.and_then(|root| Path::new(claim).strip_prefix(root).ok());
            match inside.and_then(Path::to_str) {
                Some(inside) => radar::is_claimed(inside, file),
                // As seen from where the agent was started, or from the top.
                None => {
                    radar::is_claimed(claim, file)
                        || radar::is_claimed(&format!("{sub_dir}/{claim}"), file)
                }
            }
        })
    };
    Files::of(touched.iter().map(String::as_str).filter(|file| !claimed(file)))
}

/// All paths that a run claimed at work: what it did under an earlier claim was claimed.
fn claims(run: &Run) -> Vec<&str> {
    claimed_at_work(run).collect()
}

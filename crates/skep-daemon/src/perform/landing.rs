//! What is done for a landing: the tree that would land, its gates, the move of the target.
//!
//! | effect | again |
//! |---|---|
//! | combine | the same works on the same target are the same commit; nothing but objects is made |
//! | check | the briefs of its gates are only made; the fleet begins each once |
//! | bring | a target that has the commit already has landed; the same note adds nothing |

use std::{
    collections::BTreeMap,
    io::{BufRead as _, Read as _},
    path::Path,
};

use skep_api::{
    journal,
    place::Home,
    wire::{Refusal, chain},
};
use skep_core::{
    fleet::{self, Fleet},
    id::{OpId, RunId},
    run::{
        Attestation, Brief, Input, OpResult, Proposing, Run, State, gate,
        landing::{Brought, Combined, Passed, Stage, Trial, Word},
    },
    time::Timestamp,
};

use skep_host::git::{self, Git};

use super::{Performer, failed_op};
use crate::{
    briefing::{Briefing, landing::Conflict},
    config::{self, Protected},
    hands::{self, Done, land},
    issues::held,
    launch, resolve,
};

/// Where in a journal the versions of tools stand at the latest. Bytes.
const VERSIONS: u64 = 256 << 10;

impl Performer {
    /// Makes the tree that would land of a run's work and that of those who ride with it.
    pub(super) fn combine(&self, run: &Run, op: &OpId, fleet: &Fleet) -> Input {
        // Of the try that it is read for: another one may have begun when it is done.
        let tries = run.landing.as_ref().map_or(0, |landing| landing.tries);
        let made = self.combined(run, op, fleet).unwrap_or_else(|result| Combined::Over { result });
        Input::Landing(Word::Combined { op: op.clone(), tries, made })
    }

    fn combined(&self, run: &Run, op: &OpId, fleet: &Fleet) -> Result<Combined, OpResult> {
        let failed = |text: String| failed_op("land-failed", &text);
        let landing = run.landing.as_ref().filter(|landing| landing.op == *op);
        let landing = landing.ok_or_else(|| failed("it is not landing any more".to_owned()))?;
        let riders: &[RunId] =
            if let Stage::Combining { riders, .. } = &landing.stage { riders } else { &[] };
        let on = landing.stage.ahead().map(|ahead| ahead.commit.clone());
        let mut runs = vec![run];
        runs.extend(riders.iter().filter_map(|id| fleet.runs.get(id)).map(AsRef::as_ref));
        let config = self.config();
        let terms = resolve::landing::terms(run, &self.home, config)?;
        let at = seconds(landing.asked);
        let deed = hands::land::combine_deed(&runs, &self.home, &terms, &landing.wish, (on, at))
            .map_err(failed)?;
        let done = self.by_hand(run, &deed).map_err(failed)?;
        let Done::Combined { made } = done else { return Err(failed(format!("{done:?}"))) };
        match made {
            land::Made::Trial { trial } => Ok(Combined::Made { trial }),
            land::Made::Over { result } => Ok(Combined::Over { result }),
            land::Made::Conflict { onto, files, theirs } => {
                let briefing = Briefing { fleet, home: &self.home, config, now: (self.clock)() };
                let target = terms.target;
                let conflict =
                    Conflict { target: &target, onto: &onto, files: &files, theirs: &theirs };
                let words = briefing.conflict(run, &conflict).map_err(failed)?;
                Ok(Combined::Conflict { target, files, words })
            }
        }
    }

    /// Finds out which gates are to look at the tree, and what each is begun with.
    pub(super) fn check(&self, run: &Run, op: &OpId, fleet: &Fleet) -> fleet::Input {
        let made = match trial_of(run, op) {
            Some((trial, _)) => self.gates(run, op, trial, fleet).map_err(refused),
            None => Err(failed_op("land-failed", "it is not landing any more")),
        };
        let commit = trial_of(run, op).map(|(trial, _)| trial.commit.clone()).unwrap_or_default();
        fleet::Input::Check { run: run.id().clone(), op: op.clone(), commit, made }
    }

    fn gates(
        &self,
        run: &Run,
        op: &OpId,
        trial: &Trial,
        fleet: &Fleet,
    ) -> Result<Vec<Brief>, Refusal> {
        // What belongs to no project has no gates.
        let Some(project) = resolve::landing::project(run, fleet)? else { return Ok(Vec::new()) };
        let env = launch::asker_env(&self.home, run)
            .map_err(|text| Refusal::error("land-failed", text))?;
        let git = Git::new(&env);
        let repo = git::discover(&git, Path::new(&project.path))
            .map_err(|err| Refusal::error(err.slug(), chain(&err)))?;
        let gates = resolve::gates::Gates::of(project, &trial.onto, (&git, &repo), self.config())?;
        // Of each try the gates are runs of their own.
        let tries = run.landing.as_ref().map_or(0, |landing| landing.tries);
        let key = format!("{op}/{tries}/{}", trial.commit);
        let checking = resolve::gates::Checking {
            of: run,
            op,
            tree: &trial.tree,
            commit: &trial.commit,
            env: &env,
            key: &key,
        };
        let asked = gates.briefs(&checking, (&git, &repo), &self.home)?;
        for one in &asked {
            resolve::keep(one, &self.home)?;
        }
        Ok(asked.into_iter().map(|asked| asked.brief).collect())
    }

    /// Moves the target to what the gates have passed, and writes down what was seen.
    pub(super) fn bring(&self, run: &Run, op: &OpId, fleet: &Fleet) -> Input {
        let made = self.brought(run, op, fleet).unwrap_or_else(|result| Brought::Over { result });
        Input::Landing(Word::Brought { op: op.clone(), made })
    }

    fn brought(&self, run: &Run, op: &OpId, fleet: &Fleet) -> Result<Brought, OpResult> {
        let failed = |text: String| failed_op("land-failed", &text);
        let landing = run.landing.as_ref().filter(|landing| landing.op == *op);
        let (trial, gates_only) = landing
            .and_then(|landing| Some((trial_of(run, op)?.0, landing.wish.gates_only)))
            .ok_or_else(|| failed("it is not landing any more".to_owned()))?;
        let attestation = self.attestation(run, op, trial, fleet);
        let note = serde_json::to_string(&attestation).map_err(|err| failed(err.to_string()))?;
        let mut works = BTreeMap::new();
        for work in &trial.works {
            let branch = fleet.runs.get(&work.run).and_then(|run| run.env()?.branch.clone());
            let branch = branch.ok_or_else(|| failed(format!("{} is gone", work.run)))?;
            works.insert(branch, work.head.clone());
        }
        let at = seconds(attestation.at);
        // A path alone may be two homes': of two containers on one repository.
        let own = held::identity(&self.home).map_err(|err| failed(err.to_string()))?;
        let lander = format!("{} ({own})", self.home.root().display());
        let home = (&self.home, lander);
        let deed = hands::land::bring_deed(run, &works, home, trial, gates_only, note, at)
            .map_err(failed)?;
        let done = self.by_hand(run, &deed).map_err(failed)?;
        let Done::Brought { made } = done else { return Err(failed(format!("{done:?}"))) };
        Ok(match made {
            land::Brought::Done { beside } => {
                Brought::Done { attestation: Box::new(attestation), beside }
            }
            land::Brought::Moved { text } => Brought::Moved { text },
            land::Brought::Over { result } => Brought::Over { result },
            land::Brought::Protected { text } => {
                let asked = self.instead_of_push(run)?;
                Brought::Protected { text, asked, attestation: Box::new(attestation) }
            }
        })
    }

    /// How the work is proposed where its target takes no pushes; none where a person is to be told instead.
    fn instead_of_push(&self, run: &Run) -> Result<Option<Box<Proposing>>, OpResult> {
        let settings = resolve::landing::settings(run, &self.home, self.config())?;
        if settings.landing.protected == Protected::Refuse || !self.forges.is_known(run) {
            return Ok(None);
        }
        let person =
            config::user(self.config()).map_err(|err| failed_op(err.slug(), &chain(&err)))?;
        Ok(Some(Box::new(resolve::landing::proposing(run, settings.change, &person.change))))
    }

    fn attestation(&self, run: &Run, op: &OpId, trial: &Trial, fleet: &Fleet) -> Attestation {
        let gates = trial_of(run, op).map(|(_, gates)| gates).unwrap_or_default();
        let passed = gates.iter().map(|gate| {
            let of = fleet.runs.get(&gate.run);
            let exit = of.and_then(|run| {
                if let State::Ended { exit, .. } = &run.state { exit.clone() } else { None }
            });
            let journal = of.map(|of| self.home.attempt(of.id(), of.attempt).join("journal.jsonl"));
            Passed {
                name: gate.name.clone(),
                run: gate.run.clone(),
                command: of
                    .and_then(|of| of.brief.gate.as_ref())
                    .map(|gate| gate.run.clone())
                    .unwrap_or_default(),
                exit,
                tools: journal.as_deref().zip(of).map_or_else(Vec::new, versions),
                log: journal.and_then(|file| digest_of(&file)),
            }
        });
        Attestation {
            target: trial.target.clone(),
            onto: trial.onto.clone(),
            tree: trial.tree.clone(),
            commit: trial.commit.clone(),
            works: trial.works.clone(),
            gates: passed.collect(),
            tools: tools(&self.home, run),
            // No run may land or gate; who asked is a person.
            by: "person".to_owned(),
            // Made once more it says the same.
            at: run.landing.as_ref().map_or_else(|| (self.clock)(), |landing| landing.since),
        }
    }

    fn config(&self) -> &Path {
        self.agents.parent().unwrap_or(Path::new("/"))
    }
}

/// The trial of a landing, with its gates as they stand.
fn trial_of<'a>(
    run: &'a Run,
    op: &OpId,
) -> Option<(&'a Trial, Vec<skep_core::run::landing::Gate>)> {
    let landing = run.landing.as_ref().filter(|landing| landing.op == *op)?;
    match &landing.stage {
        Stage::Checking { trial, gates, .. } => Some((trial, gates.clone().unwrap_or_default())),
        Stage::Bringing { trial, gates } => Some((trial, gates.clone())),
        Stage::InLine {} | Stage::Combining { .. } | Stage::Riding { .. } | Stage::Resolving {} => {
            None
        }
    }
}

/// Since 1970.
fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.0 / 1_000).unwrap_or(i64::MAX)
}

fn refused(refusal: Refusal) -> OpResult {
    let Refusal { slug, message, hints, .. } = refusal;
    OpResult::Refused { slug, text: message, hints, merged: None }
}

/// The programs that put the tree together and saw it checked.
fn tools(home: &Home, run: &Run) -> Vec<(String, String)> {
    let mut tools = vec![("skep".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    let git = launch::asker_env(home, run).ok().map(|env| Git::new(&env));
    let version = git.as_ref().and_then(git::version);
    tools.extend(version.map(|version| ("git".to_owned(), version)));
    tools
}

/// What the tools of a gate said of their versions, before its command began.
fn versions((journal, of): (&Path, &std::sync::Arc<Run>)) -> Vec<(String, String)> {
    let tools = of.brief.gate.as_ref().map_or(&[][..], |gate| gate.tools.as_slice());
    let Some(file) = std::fs::File::open(journal).ok().filter(|_| !tools.is_empty()) else {
        return Vec::new();
    };
    let put_out = |line: String| {
        let line: journal::Line = serde_json::from_str(&line).ok()?;
        if let journal::Entry::Output { text } = line.entry { Some(text) } else { None }
    };
    let lines = std::io::BufReader::new(file.take(VERSIONS)).lines().map_while(Result::ok);
    let lines: Vec<String> = lines.filter_map(put_out).take(tools.len()).collect();
    gate::versions(tools, lines.iter().map(String::as_str))
}

fn digest_of(file: &Path) -> Option<String> {
    let bytes = std::fs::read(file).ok()?;
    Some(hands::digest(&bytes))
}

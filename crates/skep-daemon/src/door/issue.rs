//! A run at its own issue: reads it as it stands, writes below it, says where it stands.
//!
//! Owns: that it is the run's own, that the project lets it write, and what leaves with its words.
//! Never: opens or closes an issue; lets a run name one.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;
use skep_api::{
    request::{IssueDeed, Status},
    view::OwnIssueView,
    wire::{Refusal, chain},
};
use skep_core::{
    fenced::{self, Secret},
    fleet::Input,
    id::RunId,
    issue::{self, Issue, Mode},
    run::{self, Run},
    secret::Redactor,
    text,
};
use skep_host::secrets;

use super::{Door, Trouble, dispatch::refusal, value};
use crate::{
    config, hands,
    issues::{Trackers, own},
    resolve,
};

/// One at a time: a tracker is asked whether the words are there before they are written.
static WRITING: Mutex<()> = Mutex::new(());

impl Door {
    pub(super) fn own_issue(
        &self,
        deed: &IssueDeed,
        asker: Option<&RunId>,
    ) -> Result<Option<Value>, Trouble> {
        let outside = || Refusal::error("mcp-outside", "only a run works at its issue by this");
        let fleet = self.wishes.board.read().fleet;
        let run = asker.and_then(|asker| fleet.runs.get(asker)).ok_or_else(outside)?;
        let Some(origin) = &run.brief.issue else {
            let text = format!("{} was put at no issue", run.id());
            return Err(Refusal::error("issue-none", text)
                .hint("skep dispatch headless REF")
                .into());
        };
        let settings = resolve::dispatch::settings(&self.config)?;
        let vars = own::vars(run, &settings, &self.home).map_err(refusal)?;
        let trackers = Trackers::new(&settings, &vars).of_home(&self.home);
        let (reference, rules) = trackers.reference(&origin.reference).map_err(refusal)?;
        let reference = reference.at(origin.platform);
        if *deed != IssueDeed::Get {
            self.require_writing(run)?;
        }
        let tracker = trackers.tracker(&reference).map_err(refusal)?;
        let now = || -> Result<Issue, Refusal> {
            let issue = tracker.issue(&reference).map_err(|err| refusal(err.into()))?;
            // How freely it may be worked at was settled when it began.
            issue::admit(&reference, &issue, &rules, Mode::Consult)
                .map_err(|err| refusal(err.into()))?;
            Ok(issue)
        };
        let words = match deed {
            IssueDeed::Get => {
                let issue = issue::heard(now()?, &rules);
                let secret = Secret::of(run.id().as_str(), &run.brief.seed);
                Some(fenced::issue(&shown(&issue), &secret))
            }
            IssueDeed::Comment { text } => {
                let words = self.safe(run, text, &vars)?;
                let key = key(run.id(), text);
                let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
                now()?;
                // Counted before it is written: what stays out by a kill between may be said again.
                let input = run::Input::Comment { key: key.clone() };
                let input = Input::Run { run: run.id().clone(), input };
                // By what is said, not by what the asker calls its wish: that name is its own to choose.
                self.wishes.wish_of(run.id().as_str(), &format!("comment/{key}"), input)?;
                tracker.comment(&reference, &words, &key).map_err(|err| refusal(err.into()))?;
                None
            }
            IssueDeed::SetStatus { status } => {
                if !Status::LABELS.contains(status) {
                    let text = "whether an issue is open or closed is not a run's to say";
                    return Err(Refusal::error("usage", text).hint("skep land ID").into());
                }
                let _one = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
                now()?;
                tracker.set_status(&reference, *status).map_err(|err| refusal(err.into()))?;
                None
            }
        };
        value(&OwnIssueView { reference: origin.reference.clone(), url: origin.url.clone(), words })
    }

    /// Refuses where the project does not say that its agents may write below issues.
    fn require_writing(&self, run: &Run) -> Result<(), Refusal> {
        let lets = match &run.brief.project {
            Some(project) => {
                let shared = self.shared_of(run)?;
                config::project(&self.config, project, shared.as_deref())
                    .map_err(|err| Refusal::error(err.slug(), chain(&err)))?
                    .dispatch
                    .comments
            }
            None => false,
        };
        if lets {
            return Ok(());
        }
        let project = run.brief.project.as_deref().unwrap_or("NAME");
        let text = "the project does not let agents write at issues; say it in your last message";
        Err(Refusal::error("issue-unwritten", text).hint(format!(
            "skep config set dispatch.comments true --project {project}   is a person's word"
        )))
    }

    /// The words as they leave: no secret of the run in them, no control character, and who wrote them.
    fn safe(
        &self,
        run: &Run,
        words: &str,
        vars: &BTreeMap<String, String>,
    ) -> Result<String, Refusal> {
        let untold = |err: secrets::SecretError| Refusal::error(err.slug(), chain(&err));
        let held = own::held(run, &self.home).map_err(refusal)?;
        let folder = secrets::folder(self.home.root()).map_err(untold)?;
        let wanted = run.brief.policy.secrets.iter();
        let wanted = wanted.map(|it| (it.name.as_str(), it.from.as_str()));
        let place = (Some(folder.as_path()), run.id().as_str());
        let own = secrets::values(wanted, place, vars, &[]).map_err(untold)?;
        let known = held.iter().chain(&own).map(|(name, value)| (name.as_str(), value.as_str()));
        let kept = Redactor::new(known, &[]);
        let words = text::visible(words);
        let name = text::one_line(&run.brief.name);
        Ok(format!("{}\n\n(written by `{name}`, an agent of skep)", kept.text(&words).trim()))
    }
}

/// The same words of the same run are one comment, however often they are said.
fn key(run: &RunId, words: &str) -> String {
    let digest: String = hands::digest(words.trim().as_bytes()).chars().take(16).collect();
    format!("{run}.{digest}")
}

/// The issue in words, where it stands before all else.
fn shown(issue: &Issue) -> String {
    let labels: Vec<String> =
        issue.labels.iter().take(50).map(|it| text::words(&text::one_line(it), 60)).collect();
    let labels = if labels.is_empty() { "none".to_owned() } else { labels.join(", ") };
    let state = text::words(&text::one_line(&issue.state), 60);
    format!("State: {state}; labels: {labels}\n\n{}", issue::words(issue))
}

//! The ledger's record as people and programs follow it.
//!
//! Owns: which task and project each event belongs to. Never: shows what is not committed, or shows it twice.

use std::{collections::BTreeMap, os::unix::net::UnixStream};

use serde_json::{Value, json};
use skep_api::{
    view::EventView,
    wire::{self, Answer, Refusal, chain},
};
use skep_core::fleet::Fleet;
use skep_ledger::{LedgerError, Reader, Record};

use super::Door;
use crate::wishes::Trouble;

/// How many records are read at once.
const PAGE: usize = 500;

impl Door {
    pub(super) fn events(
        &self,
        from: u64,
        follow: bool,
        out: &mut UnixStream,
    ) -> Result<Option<Value>, Trouble> {
        let refused = |err: LedgerError| Refusal::error(err.slug(), chain(&err));
        let reader = Reader::open(&self.home.ledger()).map_err(refused)?;
        let mut whose = Whose::default();
        let mut next = from.max(1);
        loop {
            let records = reader.read(next, PAGE).map_err(refused)?;
            let fleet = self.wishes.board.read().fleet;
            for record in &records {
                next = record.seq + 1;
                let event = serde_json::from_str(&record.body)
                    .unwrap_or(Value::String(record.body.clone()));
                let of = whose.find(record, &event, &fleet, &reader).map_err(refused)?;
                let view = EventView {
                    seq: record.seq,
                    epoch: record.epoch,
                    at: record.at.clone(),
                    subject: record.subject.clone(),
                    task: of.task,
                    project: of.project,
                    cause: record.cause,
                    source: record.source.clone(),
                    event,
                };
                wire::send(out, &Answer::Item(json!(view)))?;
            }
            if records.is_empty() {
                let posted = if follow {
                    self.wishes.board.wait_beyond(next - 1, None)
                } else {
                    self.wishes.board.read()
                };
                if !follow || posted.closing {
                    wire::send(out, &Answer::End(()))?;
                    return Ok(None);
                }
            }
        }
    }
}

/// The task and the project that something belongs to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Of {
    task: Option<String>,
    project: Option<String>,
}

/// What is known of the subjects that were met.
#[derive(Debug, Default)]
struct Whose {
    known: BTreeMap<String, Of>,
}

impl Whose {
    /// What an event belongs to: by what made its subject, which never changes.
    fn find(
        &mut self,
        record: &Record,
        event: &Value,
        fleet: &Fleet,
        reader: &Reader,
    ) -> Result<Of, LedgerError> {
        let subject = record.subject.as_str();
        if subject == "fleet" {
            return Ok(Of::default());
        }
        if let Some(name) = subject.strip_prefix("project/") {
            return Ok(Of { task: None, project: Some(name.to_owned()) });
        }
        if let Some(of) = self.known.get(subject) {
            return Ok(of.clone());
        }
        let of = match born(subject, event).or_else(|| held(subject, fleet)) {
            Some(of) => of,
            // What has left the fleet is still told of by its first event.
            None => {
                let first = reader.first_about(subject)?;
                let event = first.and_then(|record| serde_json::from_str(&record.body).ok());
                event.and_then(|event| born(subject, &event)).unwrap_or_default()
            }
        };
        let of = self.with_project(of, fleet, reader)?;
        self.known.insert(subject.to_owned(), of.clone());
        Ok(of)
    }

    /// What names a task and no project has the task's.
    fn with_project(&self, of: Of, fleet: &Fleet, reader: &Reader) -> Result<Of, LedgerError> {
        let (Some(task), None) = (&of.task, &of.project) else { return Ok(of) };
        let known = self.known.get(task).cloned().or_else(|| held(task, fleet));
        let of_task = match known {
            Some(of) => Some(of),
            None => reader
                .first_about(task)?
                .and_then(|record| born(task, &serde_json::from_str::<Value>(&record.body).ok()?)),
        };
        Ok(Of { project: of_task.and_then(|of| of.project), ..of })
    }
}

/// What an event that makes its subject says.
fn born(subject: &str, event: &Value) -> Option<Of> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let about = |made: &Value| Of { task: text(&made["task"]), project: text(&made["project"]) };
    match event["event"].as_str()? {
        "created" => Some(about(&event["brief"])),
        "task_added" => {
            let project = text(&event["task"]["project"]);
            Some(Of { task: Some(subject.to_owned()), project })
        }
        // A plan names its task, itself or in what it is.
        _ if subject.starts_with("plan_") => {
            let named = [&event["plan"], event].map(about);
            named.into_iter().find(|of| of.task.is_some())
        }
        _ => None,
    }
}

fn held(subject: &str, fleet: &Fleet) -> Option<Of> {
    if let Some(run) = subject.parse().ok().and_then(|id| fleet.runs.get(&id)) {
        let task = run.brief.task.as_ref().map(ToString::to_string);
        return Some(Of { task, project: run.brief.project.clone() });
    }
    let task = subject.parse().ok().and_then(|id| fleet.tasks.get(&id))?;
    Some(Of { task: Some(subject.to_owned()), project: task.project.clone() })
}

#[cfg(test)]
mod tests;

//! `skep events`

use std::process::ExitCode;

use skep_api::{client::ClientError, request::Ask, view::EventView};
use skep_core::text;

use super::read;
use crate::{
    connect::{Skep, random_id},
    exit::{CliError, Outcome},
    output::Tone,
};

pub(super) fn events(skep: &Skep, from: u64, follow: bool) -> Outcome {
    let mut next = from.max(1);
    let mut client = skep.client()?;
    loop {
        let mut trouble = None;
        let ended = client.stream(&random_id()?, Ask::Events { from: next, follow }, |item| {
            next = item["seq"].as_u64().map_or(next, |seq| seq + 1);
            trouble = print(skep, item).err();
            trouble.is_none()
        });
        if let Some(err) = trouble {
            return Err(err);
        }
        match ended {
            Ok(()) if !follow => return Ok(ExitCode::SUCCESS),
            // It goes on with the next daemon where this one left off.
            Ok(()) | Err(ClientError::Broken(_)) => match skep.another(&client)? {
                Some(other) => client = other,
                None => {
                    let way = format!("skep events -f --from {next}");
                    skep.out.note(&format!("the daemon was stopped; to go on: {way}"));
                    return Ok(ExitCode::SUCCESS);
                }
            },
            Err(err) => return Err(skep.told(err)),
        }
    }
}

fn print(skep: &Skep, item: serde_json::Value) -> Result<(), CliError> {
    if skep.out.json {
        return Ok(skep.out.json(&item)?);
    }
    let event: EventView = read(item)?;
    let kind = event.event["event"].as_str().unwrap_or("?").to_owned();
    let mut body = event.event;
    if let Some(map) = body.as_object_mut() {
        map.remove("event");
    }
    let body = if body.as_object().is_some_and(serde_json::Map::is_empty) {
        String::new()
    } else {
        body.to_string()
    };
    // A run's task stands beside it; a task's own events name it already.
    let task = event.task.filter(|task| *task != event.subject);
    let of = task.map(|task| skep.out.paint(Tone::Faint, &format!(" of {task}")));
    let line = format!(
        "{:>6} {} {}{} {} {}",
        event.seq,
        skep.out.paint(Tone::Faint, &event.at),
        event.subject,
        of.unwrap_or_default(),
        skep.out.paint(Tone::Strong, &kind),
        text::words(&text::one_line(&body), 240),
    );
    Ok(skep.out.line(line.trim_end())?)
}

//! `skep events`

use std::process::ExitCode;

use skep_api::{request::Ask, view::EventView};
use skep_core::text;

use super::read;
use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
    output::Tone,
};

pub(super) fn events(skep: &Skep, from: u64, follow: bool) -> Outcome {
    let mut trouble = None;
    skep.stream(Ask::Events { from, follow }, |item| match print(skep, item) {
        Ok(()) => true,
        Err(err) => {
            trouble = Some(err);
            false
        }
    })?;
    trouble.map_or(Ok(ExitCode::SUCCESS), Err)
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
    let line = format!(
        "{:>6} {} {} {} {}",
        event.seq,
        skep.out.paint(Tone::Faint, &event.at),
        event.subject,
        skep.out.paint(Tone::Strong, &kind),
        text::words(&text::one_line(&body), 240),
    );
    Ok(skep.out.line(line.trim_end())?)
}

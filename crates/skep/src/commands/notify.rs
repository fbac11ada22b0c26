//! `skep notify`

use std::{path::Path, process::ExitCode};

use skep_api::{
    request::Ask,
    view::{FateView, NoticeView, SentView},
};
use skep_core::text;
use skep_daemon::notify::direct::{self, Became};

use super::{read, read_text};
use crate::{
    args::Notify,
    connect::Skep,
    exit::Outcome,
    output::{Output, Tone, age, now, spell},
};

/// How many notices a person is shown; a program gets all.
const SHOWN: usize = 30;

pub(super) fn notify(skep: &Skep, verb: Notify) -> Outcome {
    match verb {
        Notify::Ls => list(skep),
        Notify::Test { channel } => test(skep, channel),
        Notify::Send { text } => send(skep, &text),
    }
}

fn list(skep: &Skep) -> Outcome {
    let answer = skep.ask(Ask::Notices {})?;
    if skep.out.json {
        skep.out.json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let notices: Vec<NoticeView> = read(answer)?;
    if notices.is_empty() {
        skep.out.note("nobody was told anything yet: docs/notify.md says how you are");
        return Ok(ExitCode::SUCCESS);
    }
    for notice in notices.iter().take(SHOWN) {
        shown(&skep.out, notice)?;
    }
    if let Some(more @ 1..) = notices.len().checked_sub(SHOWN) {
        skep.out.note(&format!("{more} more: skep notify ls --json"));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(out: &Output, notice: &NoticeView) -> std::io::Result<()> {
    let head = format!("{:>4}  {:<15}", age(notice.at, now()), notice.kind);
    out.hanging(&out.paint(Tone::Faint, &head), 21, &text::one_line(&notice.title))?;
    for fate in &notice.channels {
        let state = format!("{:<10}", fate.state.replace('_', " "));
        let tone = match fate.state.as_str() {
            "sent" => Tone::Good,
            "failed" | "maybe_sent" => Tone::Bad,
            _ => Tone::Faint,
        };
        let line = format!("{}  {}", fate.channel, out.paint(tone, state.trim_end()));
        out.line(format!("{:21}{line}{}", "", more(fate)).trim_end())?;
    }
    Ok(())
}

fn more(fate: &FateView) -> String {
    match (fate.state.as_str(), fate.at, &fate.text) {
        ("due", Some(at), _) if at > now() => format!(", in {}", spell(at.since(now()).as_secs())),
        (_, _, Some(why)) => format!(": {}", text::one_line(why)),
        (_, _, None) => String::new(),
    }
}

fn test(skep: &Skep, channel: Option<String>) -> Outcome {
    let answer = skep.ask(Ask::NotifyTest { channel })?;
    let sent: Vec<SentView> = read(answer.clone())?;
    let well = sent.iter().all(|it| it.state == "sent");
    if skep.out.json {
        skep.out.json(&answer)?;
    } else {
        let width = sent.iter().map(|it| it.channel.len()).max().unwrap_or(0);
        for it in &sent {
            let tone = if it.state == "sent" { Tone::Good } else { Tone::Bad };
            let state = skep.out.paint(tone, &it.state.replace('_', " "));
            let why = it.text.as_ref().map(|why| format!(": {}", text::one_line(why)));
            let line = format!(
                "{:<width$}  {:<8}  {state}{}",
                it.channel,
                it.kind,
                why.unwrap_or_default()
            );
            skep.out.line(&line)?;
        }
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// What goes wrong is told and written down, and is no error: whoever calls it has one of its own.
fn send(skep: &Skep, words: &str) -> Outcome {
    let words =
        if words == "-" { read_text(Path::new("-"), "notify send -")? } else { words.to_owned() };
    tell(skep, &words);
    Ok(ExitCode::SUCCESS)
}

/// Tells the person's Telegram, where one is set; what goes wrong changes nothing.
pub(super) fn tell(skep: &Skep, words: &str) {
    match direct::tell(&skep.home, &skep.config, words, now()) {
        Became::Blank => {}
        Became::Sent => skep.out.note("told"),
        Became::Failed(why) => {
            let log = direct::log_file(&skep.home);
            skep.out.note(&format!("not told: {} ({})", text::one_line(&why), log.display()));
        }
    }
}

/// Whether a channel of Telegram is set: where none is, nobody expects to be told.
pub(super) fn is_set(skep: &Skep) -> bool {
    direct::is_set(&skep.config)
}

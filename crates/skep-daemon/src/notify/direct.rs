//! A word to the person's Telegram without a daemon: for what fails because there is none.
//!
//! Owns: that it never gets in the way: what goes wrong is written down and changes nothing.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use skep_api::place::Home;
use skep_core::{notice::Came, text, time::Timestamp};

use super::telegram::Bot;
use crate::config::{self, notify::ChannelKind};

/// What became of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// There was nothing to say.
    Blank,
    Sent,
    /// Some of it was not sent, and why; it stands in the log too.
    Failed(String),
}

/// Where failures are written down.
pub fn log_file(home: &Home) -> PathBuf {
    home.root().join("notify.log")
}

/// Whether a channel of Telegram is set.
pub fn is_set(config: &Path) -> bool {
    let settings = config::user(config);
    let is = |kind: ChannelKind| kind == ChannelKind::Telegram;
    settings.is_ok_and(|all| all.notify.channels.values().any(|channel| is(channel.kind)))
}

/// Tells `words` on every channel of Telegram that is set; nothing where they are blank.
pub fn tell(home: &Home, config: &Path, words: &str, now: Timestamp) -> Became {
    if words.trim().is_empty() {
        return Became::Blank;
    }
    let failed = send(config, &text::visible(words)).err();
    let Some(why) = failed else { return Became::Sent };
    let line = format!("{now} {}\n", text::one_line(&why));
    let file = log_file(home);
    let mut open = fs::OpenOptions::new();
    let opened =
        fs::create_dir_all(home.root()).and_then(|()| open.append(true).create(true).open(&file));
    match opened.and_then(|mut file| file.write_all(line.as_bytes())) {
        Ok(()) => Became::Failed(why),
        Err(err) => {
            Became::Failed(format!("{why} (and {} cannot be written: {err})", file.display()))
        }
    }
}

fn send(config: &Path, words: &str) -> Result<(), String> {
    let settings = config::user(config).map_err(|err| skep_api::wire::chain(&err))?;
    let channels = settings.notify.channels.iter();
    let telegram: Vec<_> = channels.filter(|it| it.1.kind == ChannelKind::Telegram).collect();
    if telegram.is_empty() {
        return Err("no channel of kind telegram is set".to_owned());
    }
    let mut failed = Vec::new();
    for (name, channel) in telegram {
        let came = match channel.incomplete() {
            Some(lack) => Err(lack),
            None => Bot::of(channel).map(|bot| bot.send_text(words)),
        };
        match came {
            Ok(Came::Sent { .. }) => {}
            Ok(Came::Refused { text, .. } | Came::Unclear { text, .. }) | Err(text) => {
                failed.push(format!("{name}: {text}"));
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

//! A channel as the settings say, ready to be spoken to: its secrets followed, its kind chosen.

use skep_core::notice::{Came, Notice};
use skep_host::secrets::Reference;

use super::{command, desktop, http, ntfy, telegram, webhook};
use crate::{
    config::notify::{ChannelKind, ChannelSettings},
    launch,
};

/// The guard of a command that tells a secret.
const GUARD: [&str; 4] = ["/proc/self/exe", "gatekeeper", "--tied", "--"];

/// A channel that can be spoken to.
#[derive(Debug)]
pub(super) enum Channel {
    Telegram(telegram::Bot),
    Webhook(webhook::Webhook),
    Ntfy(ntfy::Topic),
    Desktop,
    Command(Vec<String>),
}

impl Channel {
    /// Errors: what it lacks; a secret that cannot be had.
    pub(super) fn of(settings: &ChannelSettings) -> Result<Channel, String> {
        if let Some(lack) = settings.incomplete() {
            return Err(lack);
        }
        let url = || settings.url.clone().unwrap_or_default();
        Ok(match settings.kind {
            ChannelKind::Telegram => Channel::Telegram(telegram::Bot::of(settings)?),
            ChannelKind::Webhook => {
                let secret = secret("secret", settings.secret.as_deref())?.unwrap_or_default();
                Channel::Webhook(webhook::Webhook { url: url(), secret })
            }
            ChannelKind::Ntfy => {
                let (server, topic) = settings.topic().unwrap_or_default();
                Channel::Ntfy(ntfy::Topic {
                    server: server.to_owned(),
                    topic: topic.to_owned(),
                    token: secret("token", settings.token.as_deref())?,
                    click: settings.click.clone(),
                })
            }
            ChannelKind::Desktop => Channel::Desktop,
            ChannelKind::Command => Channel::Command(settings.words().unwrap_or_default()),
        })
    }

    /// Sends one message of these notices, from its part `parts` on.
    pub(super) fn send(&self, notices: &[&Notice], parts: u32) -> Came {
        match (self, notices) {
            (_, []) => Came::Sent { receipts: Vec::new() },
            (Channel::Telegram(bot), all) => bot.send(all, parts),
            (Channel::Webhook(webhook), [first, ..]) => webhook.send(first),
            (Channel::Ntfy(topic), all) => topic.send(all),
            (Channel::Desktop, all) => desktop::send(all),
            (Channel::Command(words), [first, ..]) => command::send(words, first),
        }
    }

    /// Adds to what was sent that it is settled. Errors: why it could not be.
    pub(super) fn amend(
        &self,
        notice: &Notice,
        receipts: &[String],
        text: &str,
    ) -> Result<(), String> {
        match self {
            Channel::Telegram(bot) => bot.amend(notice, receipts, text),
            Channel::Webhook(_) | Channel::Ntfy(_) | Channel::Desktop | Channel::Command(_) => {
                Ok(())
            }
        }
    }
}

/// The value that a reference leads to.
pub(super) fn secret(name: &str, from: Option<&str>) -> Result<Option<String>, String> {
    let Some(from) = from else { return Ok(None) };
    let reference = Reference::parse(from).map_err(|err| err.to_string())?;
    let value = reference.follow(name, &launch::own_vars(), &GUARD);
    value.map(Some).map_err(|err| err.to_string())
}

/// What an answer's status means, where nothing else does.
pub(super) fn came(answer: Result<http::Answer, http::Trouble>) -> Came {
    let receipts = Vec::new();
    match answer {
        Ok(answer) if (200..300).contains(&answer.status) => Came::Sent { receipts },
        // Whoever stands before the server answers so too, and it may have heard it.
        Ok(answer) if answer.status >= 500 => {
            Came::Unclear { text: format!("it answered {}", answer.status), receipts }
        }
        Ok(answer) => {
            let (text, after_ms) = (format!("it answered {}", answer.status), answer.after_ms);
            Came::Refused { text, parts: 0, receipts, after_ms }
        }
        Err(trouble) if trouble.heard => Came::Unclear { text: trouble.text, receipts },
        Err(trouble) => Came::Refused { text: trouble.text, parts: 0, receipts, after_ms: None },
    }
}

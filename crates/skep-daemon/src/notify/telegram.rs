//! Telegram's Bot API: plain text, cut as it wants it, with buttons where something can be answered.
//!
//! Owns: the pieces of a long message, what a button says back, what an update says. The methods and fields are those of its
//! documentation (core.telegram.org/bots/api): `sendMessage`, `editMessageText`, `getUpdates`, `answerCallbackQuery`.
//! Never: puts the token into a text, or lets words of others be markup.

use std::{fmt, time::Duration};

use serde_json::{Value, json};
use skep_core::{
    notice::{About, Came, Notice, Said},
    text,
};

use super::{channel, http, words};
use crate::config::notify::ChannelSettings;

/// The longest message. Unit: UTF-16 code units, as Telegram counts.
const LONGEST: usize = 4_096;
/// The most pieces that a message is cut into; what is longer ends with a sign.
const PIECES: usize = 4;
/// The longest words of a button. Characters.
const BUTTON: usize = 40;
/// How many options get a button.
const OPTIONS: usize = 12;
/// How long Telegram holds the question for updates open. Seconds.
const HOLDS: u64 = 25;
/// How many updates are asked for at once: a stranger's, too, are read.
const UPDATES: u64 = 10;
const SERVER: &str = "https://api.telegram.org";

/// A bot, and whom it speaks to.
pub(super) struct Bot {
    server: String,
    token: String,
    chats: Vec<i64>,
    users: Vec<i64>,
    answers: bool,
}

impl fmt::Debug for Bot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bot")
    }
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Update {
    /// Telegram's own count.
    pub(super) id: u64,
    pub(super) from: i64,
    pub(super) chat: i64,
    /// The message that it is about, as its receipt; none: it is about none.
    pub(super) to: Option<String>,
    pub(super) said: Option<Said>,
    /// What a press of a button is answered by.
    pub(super) press: Option<String>,
    /// The message that says it.
    pub(super) message: Option<i64>,
}

impl Update {
    /// One of which nothing but its number was read.
    fn unread(id: u64) -> Update {
        Update { id, from: 0, chat: 0, to: None, said: None, press: None, message: None }
    }
}

/// Why the API gave nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It said no, in its own words.
    Refused { text: String, code: u16, after_ms: Option<u64> },
    /// It was not reached.
    Offline { text: String },
    /// It may have heard it.
    Unclear { text: String },
}

impl Trouble {
    pub(super) fn text(&self) -> &str {
        match self {
            Trouble::Refused { text, .. }
            | Trouble::Offline { text }
            | Trouble::Unclear { text } => text,
        }
    }
}

impl Bot {
    /// Errors: a token that cannot be had.
    pub(super) fn of(settings: &ChannelSettings) -> Result<Bot, String> {
        let token = channel::secret("token", settings.token.as_deref())?.unwrap_or_default();
        let mut chats = settings.chats.clone();
        chats.dedup();
        let plain = |c: char| c.is_ascii_alphanumeric() || ":_-".contains(c);
        if token.is_empty() || !token.chars().all(plain) {
            return Err("what its token's reference leads to is no token of a bot".to_owned());
        }
        let server = settings.api.as_deref().unwrap_or(SERVER).trim_end_matches('/').to_owned();
        Ok(Bot { server, token, chats, users: settings.users.clone(), answers: settings.answers })
    }

    /// Sends one message of these notices to each chat, from piece `parts` on, counted over all chats.
    pub(super) fn send(&self, notices: &[&Notice], parts: u32) -> Came {
        let (title, body) = words::message(notices);
        let whole = if body.is_empty() { title } else { format!("{title}\n\n{body}") };
        let keys = match notices {
            [one] if self.answers => keyboard(one),
            _ => None,
        };
        self.send_pieces(&pieces(&whole), keys.as_ref(), parts)
    }

    /// Sends a text as it is.
    pub(super) fn send_text(&self, words: &str) -> Came {
        self.send_pieces(&pieces(words), None, 0)
    }

    fn send_pieces(&self, pieces: &[String], keys: Option<&Value>, parts: u32) -> Came {
        let mut receipts = Vec::new();
        let mut done = 0;
        for chat in &self.chats {
            for (nth, piece) in pieces.iter().enumerate() {
                done += 1;
                if done <= parts {
                    continue;
                }
                let mut ask = json!({
                    "chat_id": chat,
                    "text": piece,
                    "link_preview_options": { "is_disabled": true },
                });
                if let Some(keys) = keys.filter(|_| nth + 1 == pieces.len()) {
                    ask["reply_markup"] = keys.clone();
                }
                match self.call("sendMessage", &ask, http::PATIENCE) {
                    Ok(sent) => {
                        let id = sent["message_id"].as_i64().unwrap_or_default();
                        receipts.push(format!("{chat}:{id}"));
                    }
                    Err(Trouble::Unclear { text }) => return Came::Unclear { text, receipts },
                    Err(Trouble::Refused { text, after_ms, .. }) => {
                        return Came::Refused { text, parts: done - 1, receipts, after_ms };
                    }
                    Err(Trouble::Offline { text }) => {
                        return Came::Refused { text, parts: done - 1, receipts, after_ms: None };
                    }
                }
            }
        }
        Came::Sent { receipts }
    }

    /// Writes under a message that it is settled, and takes its buttons away; of a long one, under its last piece.
    pub(super) fn amend(
        &self,
        notice: &Notice,
        receipts: &[String],
        words: &str,
    ) -> Result<(), String> {
        let (title, body) = words::message(&[notice]);
        let whole = if body.is_empty() { title } else { format!("{title}\n\n{body}") };
        let pieces = pieces(&whole);
        let mut failed = None;
        for (nth, receipt) in receipts.iter().enumerate() {
            if (nth + 1) % pieces.len() != 0 {
                continue;
            }
            let Some((chat, message)) = receipt.split_once(':') else { continue };
            let last = pieces.last().map(String::as_str).unwrap_or_default();
            let room = LONGEST.saturating_sub(units(words) + 8);
            let text = format!("{}\n\n✔ {words}", cut(last, room));
            let ids = (chat.parse::<i64>().ok(), message.parse::<i64>().ok());
            let ask = json!({ "chat_id": ids.0, "message_id": ids.1, "text": text,
                "link_preview_options": { "is_disabled": true } });
            match self.call("editMessageText", &ask, http::PATIENCE) {
                // It says so already.
                Err(Trouble::Refused { text, .. }) if text.contains("not modified") => {}
                Err(trouble) => failed = Some(trouble.text().to_owned()),
                Ok(_) => {}
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Waits for what was done from `offset` on, as long as the server holds the question open.
    ///
    /// Of an update that is too long to be read only its number is known.
    pub(super) fn updates(&self, offset: u64) -> Result<Vec<Update>, Trouble> {
        let ask = |most: u64| {
            let ask = json!({ "offset": offset, "limit": most, "timeout": HOLDS,
                "allowed_updates": ["message", "callback_query"] });
            self.ask("getUpdates", &ask, Duration::from_secs(HOLDS) + http::PATIENCE)
        };
        let mut answer = ask(UPDATES)?;
        if answer.is_cut {
            answer = ask(1)?;
        }
        if answer.is_cut
            && let Some(id) = first_number(&answer.body)
        {
            return Ok(vec![Update::unread(id)]);
        }
        let found = self.read(&answer)?;
        Ok(found.as_array().map(|all| all.iter().filter_map(update).collect()).unwrap_or_default())
    }

    /// Whether this is somebody who may answer, where they may.
    pub(super) fn may_answer(&self, update: &Update) -> bool {
        self.users.contains(&update.from) && self.chats.contains(&update.chat)
    }

    /// Says what came of an answer to whoever gave it; nothing depends on it.
    pub(super) fn reply(&self, update: &Update, words: &str) -> Result<(), String> {
        let done = match &update.press {
            Some(press) => {
                let ask = json!({ "callback_query_id": press, "text": text::words(words, 200) });
                self.call("answerCallbackQuery", &ask, http::PATIENCE)
            }
            None => {
                let ask = json!({ "chat_id": update.chat, "text": words,
                    "reply_parameters": { "message_id": update.message,
                        "allow_sending_without_reply": true } });
                self.call("sendMessage", &ask, http::PATIENCE)
            }
        };
        done.map(|_| ()).map_err(|trouble| trouble.text().to_owned())
    }

    fn call(&self, method: &str, ask: &Value, patience: Duration) -> Result<Value, Trouble> {
        self.read(&self.ask(method, ask, patience)?)
    }

    fn ask(&self, method: &str, ask: &Value, patience: Duration) -> Result<http::Answer, Trouble> {
        let url = format!("{}/bot{}/{method}", self.server, self.token);
        let answer = http::post(&url, &[], ask.to_string().as_bytes(), patience);
        answer.map_err(|trouble| match trouble.heard {
            true => Trouble::Unclear { text: trouble.text },
            false => Trouble::Offline { text: trouble.text },
        })
    }

    /// What the API says in an answer.
    fn read(&self, answer: &http::Answer) -> Result<Value, Trouble> {
        let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match said["ok"].as_bool() {
            Some(true) => Ok(said["result"].clone()),
            Some(false) => {
                let words = said["description"].as_str().unwrap_or("no reason given");
                let after = said["parameters"]["retry_after"].as_u64();
                let after_ms = after.map(|it| it.saturating_mul(1_000)).or(answer.after_ms);
                let text = text::words(&text::one_line(words), 200).replace(&self.token, "‹token›");
                Err(Trouble::Refused { text, code: answer.status, after_ms })
            }
            None => Err(Trouble::Unclear {
                text: format!("what it answered is no answer of the Bot API ({})", answer.status),
            }),
        }
    }
}

/// The buttons under what can be answered.
fn keyboard(notice: &Notice) -> Option<Value> {
    let button = |words: &str, says: &str| json!({ "text": text::words(words, BUTTON), "callback_data": says });
    let rows: Vec<Value> = if let About::Question { .. } = &notice.about {
        let options = notice.options.iter().take(OPTIONS).enumerate();
        let rows = options.map(|(nth, it)| json!([button(it, &format!("option {}", nth + 1))]));
        rows.chain([json!([button("Let the agent decide", "skip")])]).collect()
    } else if let About::Request { .. } = &notice.about {
        vec![json!([button("Approve", "allow"), button("Reject", "refuse")])]
    } else {
        return None;
    };
    Some(json!({ "inline_keyboard": rows }))
}

/// The number of the first update in an answer that breaks off; none where it does not begin as one of the API's does.
fn first_number(body: &[u8]) -> Option<u64> {
    let begin: String = body.iter().take(200).map(|byte| char::from(*byte)).collect();
    let begin: String = begin.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let rest = begin.strip_prefix("{\"ok\":true,\"result\":[{\"update_id\":")?;
    rest.split_once(',').and_then(|(number, _)| number.parse().ok())
}

fn update(found: &Value) -> Option<Update> {
    let id = found["update_id"].as_u64()?;
    let receipt = |message: &Value| {
        Some(format!("{}:{}", message["chat"]["id"].as_i64()?, message["message_id"].as_i64()?))
    };
    let press = &found["callback_query"];
    if press.is_object() {
        let said = match press["data"].as_str().unwrap_or_default().split_once(' ') {
            Some(("option", nth)) => nth.parse().ok().map(Said::Option),
            _ => match press["data"].as_str() {
                Some("skip") => Some(Said::Skip),
                Some("allow") => Some(Said::Allow),
                Some("refuse") => Some(Said::Refuse),
                _ => None,
            },
        };
        return Some(Update {
            id,
            from: press["from"]["id"].as_i64().unwrap_or_default(),
            chat: press["message"]["chat"]["id"].as_i64().unwrap_or_default(),
            to: receipt(&press["message"]),
            said,
            press: press["id"].as_str().map(str::to_owned),
            message: None,
        });
    }
    let message = &found["message"];
    Some(Update {
        id,
        from: message["from"]["id"].as_i64().unwrap_or_default(),
        chat: message["chat"]["id"].as_i64().unwrap_or_default(),
        to: receipt(&message["reply_to_message"]),
        said: message["text"].as_str().map(|words| Said::Text(words.to_owned())),
        press: None,
        message: message["message_id"].as_i64(),
    })
}

/// Cuts a text into pieces that fit: at an empty line, else at a line's end, else at a space, else where it must be.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let mut rest = text.trim();
    let mut pieces = Vec::new();
    while units(rest) > LONGEST {
        if pieces.len() + 1 == PIECES {
            pieces.push(cut(rest, LONGEST));
            return pieces;
        }
        let end = fitting(rest, LONGEST);
        let window = &rest[..end];
        // A piece that would be nearly empty is worse than a cut in a line.
        let least = end / 4;
        let at =
            ["\n\n", "\n", " "].iter().find_map(|sign| window.rfind(sign).filter(|at| *at > least));
        let at = at.unwrap_or(end);
        pieces.push(rest[..at].trim_end().to_owned());
        rest = rest[at..].trim_start();
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(rest.to_owned());
    }
    pieces
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// How many bytes of `text` are at most so many units.
fn fitting(text: &str, most: usize) -> usize {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += c.len_utf16();
        if taken > most {
            return at;
        }
    }
    text.len()
}

fn cut(text: &str, most: usize) -> String {
    if units(text) <= most {
        return text.to_owned();
    }
    format!("{}…", text[..fitting(text, most - 1)].trim_end())
}

//! ntfy: a message as JSON, posted to the server that the topic is of.
//!
//! The fields are those of its documentation (docs.ntfy.sh/publish, "publish as JSON"): `topic title message priority tags
//! click`. It takes the same message twice, so that one in doubt is not sent again.

use serde_json::json;
use skep_core::{
    notice::{Came, Kind, Notice, Priority},
    text,
};

use super::{channel, http, words};

/// What fits into a message; more becomes an attachment. Bytes.
const LONGEST: usize = 4_000;

/// A topic of a server.
pub(super) struct Topic {
    pub(super) server: String,
    pub(super) topic: String,
    pub(super) token: Option<String>,
    pub(super) click: Option<String>,
}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Topic")
    }
}

impl Topic {
    pub(super) fn send(&self, notices: &[&Notice]) -> Came {
        let (title, body) = words::message(notices);
        let urgent = notices.iter().map(|it| it.priority).max().unwrap_or(Priority::Normal);
        let mut message = json!({
            "topic": self.topic,
            "title": text::words(&title, 200),
            "message": cut(&body, LONGEST),
            "priority": match urgent {
                Priority::Low => 2,
                Priority::Normal => 3,
                Priority::High => 4,
                Priority::Urgent => 5,
            },
            "tags": [tag(notices)],
        });
        if let Some(click) = &self.click {
            message["click"] = json!(click);
        }
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let body = message.to_string();
        channel::came(http::post(&self.server, &headers, body.as_bytes(), http::PATIENCE))
    }
}

/// A picture before the title, by ntfy's own names.
fn tag(notices: &[&Notice]) -> &'static str {
    let [one] = notices else { return "bee" };
    match one.kind {
        Kind::TaskCompleted | Kind::Landing => "white_check_mark",
        Kind::TaskFailed => "x",
        Kind::Blocked | Kind::Cleanup => "warning",
        Kind::Question => "question",
        Kind::Request => "raised_hand",
        Kind::Limit => "hourglass",
        Kind::Dispatch => "rocket",
        Kind::Change | Kind::Review | Kind::Plan => "memo",
    }
}

/// At most so many bytes, whole characters.
fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most - 3).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

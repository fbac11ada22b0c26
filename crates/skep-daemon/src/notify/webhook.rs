//! A webhook: JSON by POST, signed, with an id by which its server counts each notice once.
//!
//! `X-Skep-Notice` is the id, `X-Skep-Timestamp` the seconds since 1970, and `X-Skep-Signature` is `sha256=` with the
//! HMAC-SHA256, in hex, over the timestamp, a full stop and the body.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use skep_core::notice::{Came, Notice};

use super::{channel, http, words};

/// Where it is, and what signs.
pub(super) struct Webhook {
    pub(super) url: String,
    pub(super) secret: String,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Webhook")
    }
}

impl Webhook {
    pub(super) fn send(&self, notice: &Notice) -> Came {
        let body = words::json(notice).to_string();
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (at, signature) = (seconds.to_string(), self.sign(seconds, &body));
        let headers = [
            ("x-skep-notice", notice.id.as_str()),
            ("x-skep-timestamp", &at),
            ("x-skep-signature", &signature),
        ];
        match channel::came(http::post(&self.url, &headers, body.as_bytes(), http::PATIENCE)) {
            // It counts the id: what may have come may come again.
            Came::Unclear { text, receipts } => {
                Came::Refused { text, parts: 0, receipts, after_ms: None }
            }
            other @ (Came::Sent { .. } | Came::Refused { .. }) => other,
        }
    }

    pub(super) fn sign(&self, seconds: u64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("a key of any length will do");
        mac.update(format!("{seconds}.{body}").as_bytes());
        let hex = mac
            .finalize()
            .into_bytes()
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        format!("sha256={hex}")
    }
}

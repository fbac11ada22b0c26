//! How to speak to coding agents: a few protocols as code, every vendor as data.
//!
//! **Invariant:** knows neither ledger nor forge, and what an agent claims stays a claim: no protocol room turns
//! silence, an exit code or a broken line into a success.

pub mod acp;
pub mod codex_json;
pub mod deed;
pub mod history;
pub mod json_lines;
pub mod messages;
pub mod plain;
pub mod port;
pub mod profile;
pub mod pty;
pub mod scripted;
pub mod stream_json;

pub use port::{Grant, HarnessError, Heard, Session};

/// Begins a conversation in `protocol`; only `acp` asks for the setting.
///
/// Errors: a protocol that is not one of [`port::PROTOCOLS`].
pub fn open(protocol: &str, setting: &acp::Setting) -> Result<Box<dyn Session>, HarnessError> {
    match protocol {
        "scripted" => Ok(Box::new(scripted::Scripted::default())),
        "plain" => Ok(Box::new(plain::Plain::default())),
        "codex_json" => Ok(Box::new(codex_json::CodexJson::default())),
        "json_lines" => Ok(Box::new(json_lines::JsonLines::default())),
        "stream_json" => Ok(Box::new(stream_json::StreamJson::default())),
        "acp" => Ok(Box::new(acp::Acp::new(setting.clone()))),
        "pty" => Ok(Box::new(pty::Pty::default())),
        _ => Err(HarnessError::UnknownProtocol { protocol: protocol.to_owned() }),
    }
}

//! What people were told, and a try of how they are.

use serde_json::Value;
use skep_api::{view::NoticeView, wire::Refusal};
use skep_core::fleet::Fleet;

use super::{Door, Trouble, value};
use crate::config::ConfigError;

/// The newest first.
pub(super) fn list(fleet: &Fleet) -> Vec<NoticeView> {
    fleet.notices.newest().into_iter().map(NoticeView::of).collect()
}

impl Door {
    /// Sends a test; what came of it is the answer, whatever it is.
    pub(super) fn test_channels(&self, channel: Option<&str>) -> Result<Option<Value>, Trouble> {
        let Some(performer) = self.performer.get() else {
            return Err(
                Refusal::error("daemon-stopping", "the daemon is starting; ask again").into()
            );
        };
        let notifier = &performer.notifier;
        notifier.read_settings();
        let unread = |err: ConfigError| Refusal::error(err.slug(), skep_api::wire::chain(&err));
        let names = notifier.names().map_err(unread)?;
        if names.is_empty() {
            let refusal = Refusal::error("no-channel", "no channel is set: nobody would be told");
            return Err(refusal
                .hint("skep config set notify.channels.desk.kind desktop")
                .hint("docs/notify.md has Telegram in five steps")
                .into());
        }
        if let Some(asked) = channel.filter(|asked| !names.iter().any(|name| name == asked)) {
            let text = format!("no channel is called `{asked}`; there are {}", names.join(", "));
            let mut refusal = Refusal::error("channel-unknown", text);
            let near = skep_core::text::nearest(asked, names.iter().map(String::as_str));
            if let Some(near) = near {
                refusal = refusal.hint(format!("skep notify test {near}"));
            }
            return Err(refusal.hint("skep config show").into());
        }
        value(&notifier.test(channel).map_err(unread)?)
    }
}

//! Owns: whether the channels of notices can work, and whether what was sent arrived. Never: sends anything.

use std::{collections::BTreeMap, path::Path};

use skep_core::{fleet::Fleet, notice::Fate, text};
use skep_host::secrets::Reference;

use super::Finding;
use crate::config;

/// What of the channels cannot work; nothing where none is set.
pub(super) fn channels(config: &Path, vars: &BTreeMap<String, String>) -> Vec<Finding> {
    // Settings that do not read are told of already.
    let Ok(settings) = config::user(config) else { return Vec::new() };
    let channels = &settings.notify.channels;
    let mut found = Vec::new();
    for (name, channel) in channels {
        let references = [&channel.token, &channel.secret].into_iter().flatten();
        let leads_nowhere = references.filter_map(|from| Reference::parse(from).ok()?.look(vars));
        let lack = channel.incomplete().into_iter().chain(leads_nowhere).next();
        if let Some(lack) = lack {
            found.push(
                Finding::ill("notify", format!("channel {name}: {lack}"))
                    .why("you are told nothing there")
                    .way(format!("skep config show; skep notify test {name}")),
            );
        }
    }
    for rule in &settings.notify.rule {
        let named = rule.channels.iter().flatten();
        for name in named.filter(|name| !channels.contains_key(*name)) {
            let text =
                format!("a rule names the channel {}, which is not set", text::one_line(name));
            found.push(
                Finding::ill("notify", text)
                    .why("what the rule is for goes nowhere")
                    .way("skep config show"),
            );
        }
    }
    if found.is_empty() && !channels.is_empty() {
        let names: Vec<&str> = channels.keys().map(String::as_str).collect();
        let text = format!("{} (nothing was sent)", names.join(", "));
        found.push(Finding::well("notify", text));
    }
    found
}

/// The last notice that did not arrive, or of which that is not known, as long as none after it did.
pub(super) fn last(fleet: &Fleet) -> Vec<Finding> {
    let mut seen: BTreeMap<&str, &Fate> = BTreeMap::new();
    for kept in fleet.notices.newest() {
        for (channel, fate) in kept.fates.iter().filter(|(_, fate)| fate.is_settled()) {
            if !matches!(fate, Fate::Withdrawn { .. }) {
                seen.entry(channel).or_insert(fate);
            }
        }
    }
    let finding = |(channel, fate): (&str, &Fate)| match fate {
        Fate::Failed { text, at, .. } => Some(
            Finding::ill("notify", format!("channel {channel} took nothing, last at {at}: {text}"))
                .why("you are told nothing there")
                .way(format!("skep notify test {channel}")),
        ),
        Fate::MaybeSent { text, at, .. } => Some(
            Finding::note("notify", format!("channel {channel}, at {at}: {text}"))
                .way("skep notify ls"),
        ),
        Fate::Due { .. } | Fate::Sending { .. } | Fate::Sent { .. } | Fate::Withdrawn { .. } => {
            None
        }
    };
    seen.into_iter().filter_map(finding).collect()
}

//! Owns: a profile as people read it: each key with who says so, and what its program is started with.
//! Never: starts anything; what is filled in per run stands as its place.

use std::path::Path;

use super::{ACP, Permissions, Profile, ProfileError, layers, subcommand};

/// One key of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub key: String,
    /// As TOML.
    pub value: String,
    /// Whether the person's own file says so, and not the shipped profile.
    pub own: bool,
}

impl Profile {
    /// Reads every key of the profile `name` that is set, with who sets it, by key.
    ///
    /// Errors: as of [`Profile::load`].
    pub fn keys(name: &str, user_dir: Option<&Path>) -> Result<Vec<Key>, ProfileError> {
        let mut keys: Vec<Key> = Vec::new();
        for (own, layer) in layers(name, user_dir)? {
            for (key, value) in layer {
                keys.retain(|other| other.key != key);
                keys.push(Key { key, value: value.to_string(), own });
            }
        }
        keys.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(keys)
    }

    /// What its program is started with, with permissions `auto` and no model: for a new conversation, to go on with
    /// one, and on its own screen, as far as it can.
    pub fn starts(&self) -> Vec<(&'static str, Vec<String>)> {
        let with = |list: &[String]| {
            let options = self.options(None, Permissions::Auto).unwrap_or_default();
            let (head, tail) = list.split_at(subcommand(list));
            [std::slice::from_ref(&self.program), head, &options, tail].concat()
        };
        let mut found = Vec::new();
        if self.protocol != "pty" {
            found.push(("headless", with(&self.headless)));
        }
        if self.protocol != ACP && !self.resume.is_empty() {
            found.push(("resume", with(&self.resume)));
        }
        match (&self.tui, self.protocol.as_str()) {
            (Some(list), _) => found.push(("terminal", with(list))),
            (None, "pty") => found.push(("terminal", with(&self.headless))),
            (None, _) => {}
        }
        found
    }

    /// What is added to that, and when.
    pub fn adds(&self) -> Vec<(&'static str, Vec<String>)> {
        let options = [
            ("--model", Some(&self.model).filter(|list| !list.is_empty())),
            (
                "--permissions ask",
                self.ask.as_ref().filter(|list| !list.is_empty() && **list != self.auto),
            ),
            ("--permissions bypass", Some(&self.bypass).filter(|list| !list.is_empty())),
        ];
        options.into_iter().filter_map(|(when, list)| Some((when, list?.clone()))).collect()
    }

    /// Whether a person can be asked for leave on its behalf.
    pub fn can_ask(&self) -> bool {
        self.options(None, Permissions::Ask).is_ok()
    }

    /// Whether it takes messages while it works.
    pub fn can_hear(&self) -> bool {
        matches!(self.protocol.as_str(), ACP | "stream_json" | "scripted")
    }

    /// Whether skep can speak with it without a screen, and whether it has one of its own.
    pub fn surfaces(&self) -> (bool, bool) {
        let only_a_screen = self.protocol == "pty";
        (!only_a_screen, only_a_screen || self.tui.is_some())
    }
}

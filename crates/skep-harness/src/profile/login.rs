//! Owns: whether an agent looks logged in, by the variables and files that its profile names.
//! Never: asks the agent or a network, or takes what cannot be told for a no.

use std::{collections::BTreeMap, path::PathBuf};

use super::Profile;

/// Whether an agent has what it needs to speak to its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// By this variable or file.
    Yes {
        by: String,
    },
    /// Nothing of what its profile names is there; these were looked for.
    No {
        looked: Vec<String>,
    },
    Unknown,
}

impl Profile {
    /// Returns where it must be able to write, for whoever has these variables: the place, and whether it is a folder.
    pub fn places_to_write(&self, vars: &BTreeMap<String, String>) -> Vec<(PathBuf, bool)> {
        let read = |text: &String| Some((place(text, vars)?, text.ends_with('/')));
        self.writes.iter().filter_map(read).collect()
    }

    /// Tells whether both keep their login in the same places, so that an account of one is an account of the other.
    pub fn shares_login(&self, other: &Profile) -> bool {
        self.name == other.name
            || !self.login_files.is_empty() && self.login_files == other.login_files
    }

    /// The variable that names the folder of its settings, where it has one.
    pub fn config_variable(&self) -> Option<&str> {
        self.login_files.iter().find_map(|file| {
            let (name, _) = file.strip_prefix('{')?.split_once(['|', '}'])?;
            Some(name).filter(|name| !name.starts_with("XDG_"))
        })
    }

    /// The folders that hold what was said with it, for whoever has these variables.
    pub fn records(&self, vars: &BTreeMap<String, String>) -> Vec<PathBuf> {
        self.history.iter().filter_map(|text| place(text, vars)).collect()
    }

    /// Says whether it looks logged in to whoever has these variables; `holds` says whether a file is there with something in it.
    pub fn login(
        &self,
        vars: &BTreeMap<String, String>,
        holds: impl Fn(&PathBuf) -> bool,
    ) -> Login {
        let set = |name: &String| vars.get(name).is_some_and(|value| !value.is_empty());
        // A variable that is not passed on logs nobody in.
        let mut names = self.login_env.iter().filter(|name| self.env.contains(name));
        if let Some(name) = names.clone().find(|name| set(name)) {
            return Login::Yes { by: format!("${name}") };
        }
        let files: Vec<PathBuf> =
            self.login_files.iter().filter_map(|text| place(text, vars)).collect();
        if let Some(file) = files.iter().find(|file| holds(file)) {
            return Login::Yes { by: file.display().to_string() };
        }
        let maybe = self.login_maybe.iter().filter_map(|text| place(text, vars));
        if (names.next().is_none() && files.is_empty()) || maybe.into_iter().any(|it| holds(&it)) {
            return Login::Unknown;
        }
        let names = self.login_env.iter().filter(|name| self.env.contains(name));
        let looked = names.map(|name| format!("${name}"));
        Login::No {
            looked: files.iter().map(|it| it.display().to_string()).chain(looked).collect(),
        }
    }
}

/// Reads `{VARIABLE|~/fallback}/rest` or `~/rest`; none where a variable that it needs is not set.
fn place(text: &str, vars: &BTreeMap<String, String>) -> Option<PathBuf> {
    let set = |name: &str| vars.get(name).filter(|value| !value.is_empty());
    let text = match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
        Some((choice, rest)) => {
            let (name, fallback) = choice.split_once('|').unwrap_or((choice, ""));
            format!("{}{rest}", set(name).map_or(fallback, String::as_str))
        }
        None => text.to_owned(),
    };
    let path = match text.strip_prefix("~/") {
        Some(rest) => PathBuf::from(set("HOME")?).join(rest),
        None => PathBuf::from(text),
    };
    path.is_absolute().then_some(path)
}

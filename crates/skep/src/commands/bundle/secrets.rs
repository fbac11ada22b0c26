//! The secrets that a bundle is searched for.
//!
//! Owns: where on this machine values of secrets are known. Never: starts a command for one, or says a value.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use skep_api::{spec::Spec, view::RunView};
use skep_core::secret;
use skep_daemon::config;
use skep_host::secrets::{self, Reference};

use crate::connect::Skep;

/// Every value that is known here, with its name, each once; and what could not be looked into.
pub(super) fn values(skep: &Skep, runs: &[RunView]) -> (BTreeSet<(String, String)>, Vec<String>) {
    let mut found = BTreeSet::new();
    let mut unread = Vec::new();
    let mut keep = |name: &str, value: &str| {
        if value.len() >= secret::LEAST {
            found.insert((name.to_owned(), value.to_owned()));
        }
    };
    let looks = |(name, value): &(&String, &String)| secret::is_secret(name, value);
    for (name, value) in skep.env.iter().filter(looks) {
        keep(name, value);
    }
    for (key, value) in settings(&skep.config, &mut unread) {
        let name = key.rsplit('.').next().unwrap_or(&key).trim_matches('"');
        match Reference::parse(&value) {
            Ok(Reference::Command(_)) => {}
            Ok(reference) => match reference.follow(name, &skep.env, &[]) {
                Ok(value) => keep(name, &value),
                Err(err) => unread.push(format!("a secret to look for: {err}")),
            },
            Err(_) if secret::is_secret(name, &value) => keep(name, &value),
            Err(_) => {}
        }
    }
    for (name, value) in held(&skep.home, &mut unread) {
        keep(&name, &value);
    }
    for run in runs {
        for vars in environments(skep, run) {
            for (name, value) in vars.iter().filter(looks) {
                keep(name, value);
            }
        }
    }
    (found, unread)
}

/// Every setting that holds, of all projects too.
fn settings(dir: &Path, unread: &mut Vec<String>) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut add = |named: Option<&str>, rows: &mut Vec<(String, String)>| {
        let shown = config::show(dir, named.map(|name| (name, None)), &[]);
        match shown {
            Ok(shown) => rows.extend(shown.into_iter().map(|row| (row.key, bare(&row.value)))),
            Err(err) => unread.push(format!("settings to look for secrets in: {err}")),
        }
    };
    add(None, &mut rows);
    for entry in fs::read_dir(dir.join("projects")).into_iter().flatten().flatten() {
        let path = entry.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            add(Some(name), &mut rows);
        }
    }
    rows
}

/// A text as TOML has it, without its quotes.
fn bare(value: &str) -> String {
    let text = value.trim();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    // One with escapes is spelled as JSON spells it.
    let read = inner.and_then(|_| serde_json::from_str::<String>(text).ok());
    read.unwrap_or_else(|| inner.unwrap_or(text).to_owned())
}

/// What is held in memory for the runs of this home.
fn held(home: &skep_api::place::Home, unread: &mut Vec<String>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    // Without such a place nothing is held.
    let Ok(folder) = secrets::folder(home.root()) else { return all };
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        match secrets::held(&folder, &name.to_string_lossy()) {
            // Two runs may hold other values under one name.
            Ok(values) => all.extend(
                values
                    .into_iter()
                    .map(|(of, value)| (format!("{of} of {}", name.display()), value)),
            ),
            Err(err) => unread.push(format!("a secret to look for: {err}")),
        }
    }
    all
}

/// The environments that a run and its attempts were given.
fn environments(skep: &Skep, run: &RunView) -> Vec<BTreeMap<String, String>> {
    let Ok(id) = run.id.parse() else { return Vec::new() };
    let mut all = Vec::new();
    // What is not there, or of another form, was given to nobody.
    if let Ok(text) = fs::read(skep.home.asker_env(&id)) {
        all.extend(serde_json::from_slice(&text));
    }
    for attempt in 1..=run.attempt {
        let path = skep.home.attempt(&id, attempt).join("spec.json");
        let spec = fs::read(path).ok().and_then(|text| serde_json::from_slice::<Spec>(&text).ok());
        all.extend(spec.map(|spec| spec.env));
    }
    all
}

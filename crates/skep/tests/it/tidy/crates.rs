//! Crates and what they depend on, as `cargo metadata` tells it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use serde::Deserialize;
use skep_host::proc::Program;

use super::{
    nothing_wrong, root,
    source::{block, read},
};

/// One crate of a tree, with the names it depends on.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) normal: BTreeSet<String>,
    pub(crate) dev: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// The crates of the workspace at `root`, by name.
pub(crate) fn crates(root: &Path) -> BTreeMap<String, Crate> {
    let private = tempfile::tempdir().expect("a folder for cargo");
    let bin = Path::new(env!("CARGO")).parent().expect("cargo stands in a folder");
    let said = Program::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .env("PATH", bin)
        .env("CARGO_HOME", private.path())
        .cwd(root)
        .timeout(Duration::from_secs(60))
        .output()
        .expect("cargo answers");
    assert_eq!(said.code(), 0, "{}", said.complaint());
    let metadata: Metadata = serde_json::from_slice(&said.stdout).expect("cargo's own format");
    metadata
        .packages
        .into_iter()
        .map(|package| (package.name, arrows(package.dependencies)))
        .collect()
}

fn arrows(dependencies: Vec<Dependency>) -> Crate {
    let mut arrows = Crate::default();
    for dependency in dependencies {
        match dependency.kind.as_deref() {
            Some("dev") => arrows.dev.insert(dependency.name),
            Some(_) | None => arrows.normal.insert(dependency.name),
        };
    }
    arrows
}

#[test]
fn the_core_depends_only_on_crates_that_cannot_touch_the_world() {
    let allowed: BTreeSet<String> =
        ["serde", "thiserror", "jiff", "saphyr-parser"].map(str::to_owned).into();
    let core = crates(&root()).remove("skep-core").expect("skep-core is a crate");
    let beyond: Vec<&String> = core.normal.difference(&allowed).collect();
    assert!(beyond.is_empty(), "skep-core must not depend on {beyond:?}");
}

/// What `deny.toml` forbids: a crate, and who may use it all the same.
fn bans(root: &Path) -> BTreeMap<String, BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Deny {
        bans: Bans,
    }
    #[derive(Deserialize)]
    struct Bans {
        deny: Vec<Ban>,
    }
    #[derive(Deserialize)]
    struct Ban {
        name: String,
        #[serde(default)]
        wrappers: BTreeSet<String>,
    }
    let deny: Deny = toml::from_str(&read(&root.join("deny.toml"))).expect("deny.toml");
    deny.bans.deny.into_iter().map(|ban| (ban.name, ban.wrappers)).collect()
}

/// The `libraries` block: `name: the crates that may use it`, or `name: nobody`.
fn drawn_libraries(root: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let map = read(&root.join("ARCHITECTURE.md"));
    let lines = block(&map, "libraries").into_iter().map(|line| {
        let (name, users) = line.split_once(':').expect("`library: crates`");
        let users = users.split_whitespace().filter(|user| *user != "nobody").map(str::to_owned);
        (name.trim().to_owned(), users.collect())
    });
    lines.collect()
}

/// Where a library that the map gives to few crates is used by another.
pub(crate) fn misplaced_libraries(root: &Path) -> Vec<String> {
    let crates = crates(root);
    let mut faults = Vec::new();
    for (library, users) in drawn_libraries(root) {
        let strangers = crates
            .iter()
            .filter(|(name, arrows)| arrows.normal.contains(&library) && !users.contains(*name))
            .map(|(name, _)| format!("{name} must not depend on {library}"));
        faults.extend(strangers);
    }
    faults
}

#[test]
fn the_bans_of_deny_are_the_libraries_that_the_architecture_draws() {
    assert_eq!(bans(&root()), drawn_libraries(&root()));
}

#[test]
fn a_library_stands_only_in_the_crates_that_the_architecture_gives_it() {
    nothing_wrong(&misplaced_libraries(&root()));
}

fn table<'a>(of: &'a toml::Table, name: &str) -> Option<&'a toml::Table> {
    of.get(name).and_then(toml::Value::as_table)
}

#[test]
fn a_version_is_written_once_in_the_workspace() {
    let mut faults = Vec::new();
    for dir in super::source::crate_dirs(&root()) {
        let manifest: toml::Table = read(&dir.join("Cargo.toml")).parse().expect("a manifest");
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in table(&manifest, kind).into_iter().flatten() {
                let shared = value.get("workspace").and_then(toml::Value::as_bool).unwrap_or(false);
                if !shared || value.get("version").is_some() {
                    faults.push(format!(
                        "{}: `{name}` does not come from the workspace",
                        dir.display()
                    ));
                }
            }
        }
    }
    nothing_wrong(&faults);
}

#[test]
fn every_dependency_is_argued_in_a_change() {
    let manifest: toml::Table = read(&root().join("Cargo.toml")).parse().expect("a manifest");
    let dependencies =
        table(&manifest, "workspace").and_then(|workspace| table(workspace, "dependencies"));
    let changes: String = super::source::entries(&root().join("changes"))
        .iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "md"))
        .map(|path| read(path))
        .collect();
    let silent: Vec<String> = dependencies
        .expect("the workspace has dependencies")
        .keys()
        .filter(|name| !name.starts_with("skep-") && !changes.contains(&format!("- `{name}`:")))
        .map(|name| format!("no change says why we depend on `{name}` (a line `- `{name}`: …`)"))
        .collect();
    nothing_wrong(&silent);
}

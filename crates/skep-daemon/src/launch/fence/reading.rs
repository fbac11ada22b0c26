//! What a run of text from outside may read: what it needs for its work, and no file in which somebody is logged in.
//!
//! Owns: the list, and what is left out of its folders. Never: goes through a link that it finds in one of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use skep_harness::profile;
use skep_host::env::read_owner;

use super::Attempt;

/// Where a system keeps programs and what they need.
const SYSTEM: [&str; 13] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/opt",
    "/nix",
    "/snap",
    "/etc",
    "/proc",
    "/sys",
    "/run/systemd/resolve",
];
/// Tools that live in a home, and what they need to know of it.
const TOOLS: [&str; 26] = [
    ".cargo",
    ".rustup",
    ".nvm",
    ".fnm",
    ".volta",
    ".asdf",
    ".bun",
    ".deno",
    ".pyenv",
    ".rbenv",
    ".sdkman",
    ".ghcup",
    ".nuget/packages",
    ".m2/repository",
    ".gradle/caches",
    ".gradle/wrapper",
    "go",
    ".local/bin",
    ".local/lib",
    ".local/share/mise",
    ".local/share/fnm",
    ".local/share/pnpm",
    ".local/share/uv",
    ".gitconfig",
    ".config/git",
    ".config/mise",
];
/// What in those folders says who somebody is.
const SECRET: [&str; 24] = [
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/sudoers",
    "/etc/sudoers.d",
    "/etc/ssh",
    "/etc/ssl/private",
    "/etc/krb5.keytab",
    "/etc/NetworkManager",
    "/etc/wireguard",
    "/etc/openvpn",
    "/etc/docker",
    "/etc/kubernetes",
    "/etc/rancher",
    "~/.cargo/credentials",
    "~/.cargo/credentials.toml",
    "~/.config/git/credentials",
    "~/.cache/mozilla",
    "~/.cache/google-chrome",
    "~/.cache/chromium",
    "~/.cache/BraveSoftware",
    "~/.cache/gh",
    "~/.cache/gcloud",
];
/// Variables that name files which programs must read.
const NAMED: [&str; 3] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];
/// How deep a folder is taken apart at most.
const DEPTH: usize = 8;

impl Attempt<'_> {
    /// What it may read besides what it may write to; none: everything.
    pub(super) fn reading(&self, vars: &BTreeMap<String, String>) -> Option<Vec<PathBuf>> {
        if self.run.brief.trust.is_person() {
            return None;
        }
        let home = vars.get("HOME").map(PathBuf::from);
        let mut wanted: Vec<PathBuf> = SYSTEM.map(PathBuf::from).to_vec();
        if let Some(home) = &home {
            wanted.extend(TOOLS.map(|name| home.join(name)));
        }
        wanted.extend(NAMED.iter().filter_map(|name| vars.get(*name)).map(PathBuf::from));
        let path = vars.get("PATH").map(String::as_str).unwrap_or_default();
        wanted.extend(of_program(self.program, path, home.as_deref()));
        wanted.extend(std::env::split_paths(path).flat_map(|dir| around(&dir, home.as_deref())));
        let mut secret: Vec<PathBuf> = SECRET
            .iter()
            .filter_map(|text| match text.strip_prefix("~/") {
                Some(rest) => home.as_ref().map(|home| home.join(rest)),
                None => Some(PathBuf::from(text)),
            })
            .collect();
        secret.extend([self.home.root().to_owned(), self.config.to_owned()]);
        let secret: Vec<PathBuf> = secret.iter().map(|path| real(path)).collect();
        let mut open: Vec<PathBuf> =
            wanted.iter().flat_map(|path| without(&real(path), &secret, DEPTH)).collect();
        // These lie in what is hidden, and are its own.
        open.extend(self.own(vars));
        open.sort();
        open.dedup();
        Some(open)
    }

    /// What belongs to the run and its agent.
    fn own(&self, vars: &BTreeMap<String, String>) -> Vec<PathBuf> {
        let (run, root) = (self.run, Path::new(&self.env.root));
        let mut own = vec![
            root.to_owned(),
            self.home.attempt(run.id(), run.attempt),
            self.home.prompt(run.id()),
        ];
        own.extend(self.git.map(|git| git.common.clone()));
        own.extend(run.brief.place.reads.iter().map(PathBuf::from));
        own.extend(self.profile.places_to_read(vars));
        own.extend(self.reads.iter().cloned());
        // What the project lends its worktrees is a link to its checkout.
        if let Ok(Some(owner)) = read_owner(root)
            && let Some(checkout) = owner.checkout
        {
            own.extend(owner.linked.iter().map(|path| checkout.join(path)));
        }
        own
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// An agent's program, with the packages or the folder of a tool that it stands in.
fn of_program(program: &str, path: &str, home: Option<&Path>) -> Vec<PathBuf> {
    let found = profile::find_program(program, path.as_ref());
    let Some(program) = found.map(|program| real(&program)) else { return Vec::new() };
    let packages = program.ancestors().filter(|dir| dir.ends_with("node_modules")).last();
    let folder = program.parent().filter(|dir| dir.ends_with("bin"));
    let around = folder.map(|dir| around(dir, home)).unwrap_or_default();
    packages.map(Path::to_owned).into_iter().chain(around).chain([program.clone()]).collect()
}

/// A folder of programs, with the folder that holds it where that is a tool's own.
pub(super) fn around(dir: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    if !dir.is_absolute() {
        return Vec::new();
    }
    let dir = real(dir);
    let whole = dir.parent().filter(|parent| {
        let is_bin = dir.file_name().is_some_and(|name| name == "bin" || name == ".bin");
        let shared = home.is_some_and(|home| {
            let home = real(home);
            home.starts_with(parent) || **parent == home.join(".local")
        });
        is_bin && !shared && parent.parent().is_some()
    });
    whole.map(Path::to_owned).into_iter().chain([dir.clone()]).collect()
}

/// What of `path` is none of `secret`: itself, or its parts.
pub(super) fn without(path: &Path, secret: &[PathBuf], depth: usize) -> Vec<PathBuf> {
    if secret.iter().any(|secret| path.starts_with(secret)) || depth == 0 {
        return Vec::new();
    }
    if !secret.iter().any(|secret| secret.starts_with(path)) {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else { return Vec::new() };
    entries
        .flatten()
        // A link may lead anywhere, and whoever could write here made it.
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
        .flat_map(|entry| without(&entry.path(), secret, depth - 1))
        .collect()
}

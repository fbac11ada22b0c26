//! Which forge a remote is of, and which repository there.
//!
//! Owns: the grammar of remotes (https, ssh, scp's form), hosts that are known, the aliases of ssh, what a repository's path may be.
//! Never: asks the network, reads a setting, or repeats what a URL held of a password.

use std::{fmt, path::Path, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use skep_core::text;
use skep_host::proc::Program;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// How long ssh may think about a name.
const SSH: Duration = Duration::from_secs(5);

/// The most of a remote that is looked at. Bytes.
const LONGEST: usize = 2000;

/// The hosts that everybody knows.
const KNOWN: [(&str, Kind); 4] = [
    ("github.com", Kind::Github),
    ("gitlab.com", Kind::Gitlab),
    ("codeberg.org", Kind::Forgejo),
    ("gitea.com", Kind::Forgejo),
];

/// Where they listen to ssh beside the usual port, for networks that let nothing else out.
const BY_ANOTHER_DOOR: [(&str, &str); 2] =
    [("ssh.github.com", "github.com"), ("altssh.gitlab.com", "gitlab.com")];

/// The forges that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Github,
    /// Gitea as well.
    Forgejo,
    Gitlab,
}

impl Kind {
    /// As settings and views spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Github => "github",
            Kind::Forgejo => "forgejo",
            Kind::Gitlab => "gitlab",
        }
    }
}

impl FromStr for Kind {
    type Err = RemoteError;
    fn from_str(word: &str) -> Result<Kind, RemoteError> {
        match word {
            "github" => Ok(Kind::Github),
            "forgejo" | "gitea" => Ok(Kind::Forgejo),
            "gitlab" => Ok(Kind::Gitlab),
            _ => Err(RemoteError::NoSuchKind { word: text::one_line(word) }),
        }
    }
}

/// A host that a person's settings name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// As remotes spell it, with the port where https remotes of it have one.
    pub name: String,
    pub kind: Kind,
    /// Where its pages are, if not at `https://NAME`.
    #[serde(default)]
    pub url: Option<String>,
}

/// A repository of a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub kind: Kind,
    /// As settings name it.
    pub host: String,
    /// The groups it is in, outermost first, and its own name; at least two, and only GitLab has more.
    pub path: Vec<String>,
    /// Where the forge's pages begin, without a slash at the end.
    pub web: String,
}

impl Place {
    /// Its name with everything that it is in: `owner/repo`.
    pub fn name(&self) -> String {
        self.path.join("/")
    }

    /// Whom it belongs to: for GitLab with all groups.
    pub fn owner(&self) -> String {
        self.path.split_last().map(|(_, groups)| groups.join("/")).unwrap_or_default()
    }

    /// Where questions go, and what stands before every path there.
    pub(crate) fn origin(&self) -> (String, String) {
        let after = self.web.find("://").map_or(0, |at| at + 3);
        let end = self.web[after..].find('/').map_or(self.web.len(), |at| after + at);
        (self.web[..end].to_owned(), self.web[end..].to_owned())
    }

    /// Its own name.
    pub fn repo(&self) -> &str {
        self.path.last().map(String::as_str).unwrap_or_default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.name())
    }
}

/// Why no forge is known for a remote.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RemoteError {
    /// A path, a bundle: a repository of nobody's forge.
    #[error("`{remote}` is a place on this machine, not a forge's")]
    Local { remote: String },
    #[error("no forge is known for `{host}`")]
    Unknown { host: String },
    /// No repository of a forge is spelled like this.
    #[error("`{remote}` names no repository of a forge: {why}")]
    Unfit { remote: String, why: &'static str },
    #[error("no forge is called `{word}` (there are github, forgejo, gitea and gitlab)")]
    NoSuchKind { word: String },
    /// A forge's address in the settings.
    #[error("`{url}` is no address of a forge: {why}")]
    Address { url: String, why: &'static str },
}

impl RemoteError {
    /// Returns the slug under which `docs/errors.md` explains it.
    pub fn slug(&self) -> &'static str {
        match self {
            RemoteError::Local { .. } => "forge-none",
            RemoteError::Unknown { .. } => "forge-unknown",
            RemoteError::Unfit { .. } => "forge-remote",
            RemoteError::NoSuchKind { .. } => "forge-kind",
            RemoteError::Address { .. } => "forge-address",
        }
    }
}

/// Finds the repository that `remote` names, as `git remote get-url` prints it.
///
/// `hosts` are a person's own, and count before those that everybody knows; `alias` is asked what ssh makes of a host that is
/// not known ([`ssh_name`]). A remote over plain http is asked over https, unless the host's own `url` says otherwise.
pub fn place(
    remote: &str,
    hosts: &[Host],
    alias: &dyn Fn(&str) -> Option<String>,
) -> Result<Place, RemoteError> {
    let spelt = spelt(remote.trim())?;
    let host = match (find(&spelt, hosts)?, spelt.by) {
        (Some(host), _) => host,
        (None, By::Web) => return Err(unknown(&spelt)),
        (None, By::Ssh) => {
            let name = alias(&spelt.host).and_then(|name| fit_host(&name));
            let meant = Spelt { host: name.unwrap_or_else(|| spelt.host.clone()), ..spelt.clone() };
            find(&meant, hosts)?.ok_or_else(|| unknown(&spelt))?
        }
    };
    let path = segments(&spelt, &host).map_err(|why| spelt.unfit(why))?;
    Ok(Place { kind: host.kind, host: host.name, path, web: host.web })
}

/// What ssh makes of a host's name by its configuration: its own, or the file `config`; `None` where ssh does not say.
pub fn ssh_name(host: &str, config: Option<&Path>) -> Option<String> {
    let host = fit_host(host)?;
    let mut program = Program::new("ssh").timeout(SSH);
    if let Some(config) = config {
        program = program.arg("-F").arg(config);
    }
    // Where there is no ssh, or it does not answer, the name means what it says.
    let said = program.args(["-G", "--", &host]).output().ok().filter(|said| said.code() == 0)?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.lines().find_map(|line| line.strip_prefix("hostname ")).and_then(fit_host)
}

/// How a remote is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Web,
    Ssh,
}

/// A remote, taken apart.
#[derive(Debug, Clone)]
struct Spelt {
    by: By,
    host: String,
    /// Where it is not the usual one.
    port: Option<u16>,
    path: String,
    /// The remote as it may be repeated: without a password.
    shown: String,
}

impl Spelt {
    fn unfit(&self, why: &'static str) -> RemoteError {
        RemoteError::Unfit { remote: self.shown.clone(), why }
    }

    fn authority(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }
}

/// A host that is known, with where its pages are.
struct Found {
    kind: Kind,
    name: String,
    web: String,
    /// What stands before the owner in a path of its pages.
    below: String,
}

fn unknown(spelt: &Spelt) -> RemoteError {
    let host = if spelt.by == By::Web { spelt.authority() } else { spelt.host.clone() };
    RemoteError::Unknown { host }
}

/// As a remote may be repeated: what stands before an `@` may be a password.
fn shown(remote: &str) -> String {
    let is_scheme =
        |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c));
    let (scheme, rest) =
        remote.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", remote));
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| (&rest[..at], &rest[at..]));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    text::words(&text::one_line(&format!("{scheme}{host}{path}")), 120)
}

fn spelt(remote: &str) -> Result<Spelt, RemoteError> {
    let unfit = |why| Err(RemoteError::Unfit { remote: shown(remote), why });
    if remote.is_empty() || remote.len() > LONGEST {
        return unfit("it is empty or too long");
    }
    let first = remote.split('/').next().unwrap_or_default();
    if !remote.contains("://") && (first.is_empty() || !first.contains(':')) {
        return Err(RemoteError::Local { remote: shown(remote) });
    }
    let odd = |c: char| !c.is_ascii_graphic() || "%\\?#\"'`<>|^{}".contains(c);
    if remote.contains(odd) {
        return unfit("it holds a character that no repository's address has");
    }
    if let Some((scheme, rest)) = remote.split_once("://") {
        let (by, usual) = match scheme.to_ascii_lowercase().as_str() {
            "https" => (By::Web, 443),
            "http" => (By::Web, 80),
            "ssh" | "git+ssh" | "ssh+git" | "git" => (By::Ssh, 0),
            "file" => return Err(RemoteError::Local { remote: shown(remote) }),
            _ => return unfit("no forge is reached that way"),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let Some((host, port)) = host_and_port(authority) else {
            return unfit("its host is none");
        };
        // Over ssh the port says nothing of where the pages are.
        let port = port.filter(|port| by == By::Web && *port != usual);
        return Ok(Spelt { by, host, port, path: path.to_owned(), shown: shown(remote) });
    }
    if first.contains("::") && !first.contains('[') {
        return unfit("no forge is reached that way");
    }
    // scp's form: `[user@]host:path`, or `[user@][host:port]:path`.
    let bracket = remote.find(']').filter(|_| first.contains('['));
    let colon = match bracket {
        Some(end) => remote[end..].find(':').map(|at| end + at),
        None => remote.find(':'),
    };
    let Some(colon) = colon else { return unfit("its host is none") };
    let authority = &remote[..colon];
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let inside = authority.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host = match inside {
        Some(inside) => host_and_port(inside).map(|(host, _)| host).or_else(|| fit_host(authority)),
        None => fit_host(authority),
    };
    let Some(host) = host else { return unfit("its host is none") };
    let path = remote[colon + 1..].to_owned();
    Ok(Spelt { by: By::Ssh, host, port: None, path, shown: shown(remote) })
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let after = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[after..].find(':').map(|at| after + at) else {
        return Some((fit_host(authority)?, None));
    };
    let port = &authority[colon + 1..];
    // git takes an empty port for the usual one.
    let port =
        if port.is_empty() { None } else { Some(port.parse().ok().filter(|port| *port > 0)?) };
    Some((fit_host(&authority[..colon])?, port))
}

/// A host's name in small letters, if it can be one.
fn fit_host(name: &str) -> Option<String> {
    let name = name.trim().to_ascii_lowercase();
    let six = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if let Some(six) = six {
        return six.parse::<std::net::Ipv6Addr>().ok().map(|_| name.clone());
    }
    let name = name.strip_suffix('.').unwrap_or(&name);
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    let fit = !name.is_empty()
        && name.len() <= 253
        && name.chars().all(fits)
        && !name.starts_with(['-', '.'])
        && !name.contains("..");
    fit.then(|| name.to_owned())
}

fn find(spelt: &Spelt, hosts: &[Host]) -> Result<Option<Found>, RemoteError> {
    for host in hosts {
        let web = web(host)?;
        let (_, rest) = web.split_once("://").unwrap_or_default();
        let (authority, below) = rest.split_once('/').unwrap_or((rest, ""));
        let name = host.name.to_ascii_lowercase();
        let is = match spelt.by {
            By::Web => name == spelt.authority() || authority == spelt.authority(),
            By::Ssh => [name.as_str(), authority]
                .iter()
                .any(|one| host_and_port(one).is_some_and(|(host, _)| host == spelt.host)),
        };
        if is {
            let below = below.to_owned();
            return Ok(Some(Found { kind: host.kind, name: host.name.clone(), web, below }));
        }
    }
    if spelt.port.is_some() {
        return Ok(None);
    }
    let door = BY_ANOTHER_DOOR.iter().find(|(door, _)| spelt.by == By::Ssh && *door == spelt.host);
    let name = door.map_or(spelt.host.as_str(), |(_, name)| name);
    let known = KNOWN.iter().find(|(host, _)| *host == name).map(|(_, kind)| *kind);
    let known = known.or_else(|| name.ends_with(".ghe.com").then_some(Kind::Github));
    Ok(known.map(|kind| {
        let (web, name) = (format!("https://{name}"), name.to_owned());
        Found { kind, name, web, below: String::new() }
    }))
}

/// Where the pages of a host begin, without a slash at the end.
fn web(host: &Host) -> Result<String, RemoteError> {
    let plain = format!("https://{}", host.name);
    let url = host.url.as_deref().unwrap_or(&plain);
    let refuse = |why| RemoteError::Address { url: shown(url), why };
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| refuse("it begins with no https://"))?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "https" && scheme != "http" {
        return Err(refuse("only https and http are spoken"));
    }
    let rest = rest.trim_end_matches('/');
    let (authority, below) = rest.split_once('/').unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(refuse("a password belongs into `token`"));
    }
    let (host, port) = host_and_port(authority).ok_or_else(|| refuse("its host is none"))?;
    let usual = if scheme == "https" { 443 } else { 80 };
    let port =
        port.filter(|port| *port != usual).map_or_else(String::new, |port| format!(":{port}"));
    if !below.is_empty() && !below.split('/').all(fit_name) {
        return Err(refuse("its path is none"));
    }
    let below = if below.is_empty() { String::new() } else { format!("/{below}") };
    Ok(format!("{scheme}://{host}{port}{below}"))
}

/// The groups and the name of a repository.
fn segments(spelt: &Spelt, host: &Found) -> Result<Vec<String>, &'static str> {
    let path = spelt.path.trim_start_matches('/').trim_end_matches('/');
    let path = match (spelt.by, host.below.as_str()) {
        (By::Ssh, _) | (By::Web, "") => path,
        (By::Web, below) => path
            .strip_prefix(below)
            .and_then(|rest| rest.strip_prefix('/'))
            .ok_or("it is not below the forge's own address")?,
    };
    let path = path.strip_suffix(".git").unwrap_or(path);
    let path: Vec<String> = path.split('/').map(str::to_owned).collect();
    let deepest = if host.kind == Kind::Gitlab { 21 } else { 2 };
    if path.len() < 2 || path.len() > deepest {
        return Err("it is not of the form owner/repository");
    }
    if !path.iter().all(|name| fit_name(name)) {
        return Err("an owner or a repository cannot be called that");
    }
    Ok(path)
}

/// Whether an owner, a group or a repository may be called that: never what leads out of a folder or reads as an option.
fn fit_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty()
        && name.len() <= 255
        && name.chars().all(fits)
        && !name.starts_with('-')
        && name != "."
        && name != ".."
}

//! Owns: which texts are URLs of repositories that may be cloned, and what of them may be shown.
//! Never: lets one be an option, a program or a prompt.

use super::CacheError;

/// The protocols that a URL may name.
const SCHEMES: [&str; 4] = ["https", "ssh", "git", "file"];

/// A URL that may be cloned.
///
/// Shape: two are equal when they name the same place, whoever asks there.
#[derive(Clone)]
pub struct Url {
    raw: String,
    shown: String,
    place: String,
    /// The longest first.
    secrets: Vec<String>,
}

impl std::fmt::Debug for Url {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_tuple("Url").field(&self.shown).finish()
    }
}

impl PartialEq for Url {
    fn eq(&self, other: &Url) -> bool {
        self.place == other.place
    }
}

impl Eq for Url {}

/// Whether `text` is meant as a URL and not as a path, supported or not.
pub fn is_url(text: &str) -> bool {
    let head = text.split('/').next().unwrap_or_default();
    text.contains("://")
        || head.contains("::")
        || head.split_once(':').is_some_and(|(before, _)| before.contains('@'))
}

impl Url {
    /// Reads a URL: https, ssh, git, file, or `user@host:path`.
    ///
    /// Errors: anything else, and what could be read as an option by one of the programs on the way.
    pub fn parse(text: &str) -> Result<Url, CacheError> {
        let fail = |why| CacheError::Unsupported { shown: harmless(text), why };
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(fail("is no URL"));
        }
        if text.starts_with('-') {
            return Err(fail("begins like an option"));
        }
        match text.split_once("://") {
            Some((scheme, rest)) => with_scheme(&scheme.to_ascii_lowercase(), rest),
            None => scp_like(text),
        }
        .map_err(fail)
    }

    /// The URL with everything in it, for git alone.
    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// The URL without password, and without a user's name where that may be one.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The place without who asks: equal for equal URLs.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The last part of the path, without `.git`.
    pub fn name(&self) -> &str {
        let path = self.place.trim_end_matches('/');
        path.rsplit(['/', ':']).next().unwrap_or_default()
    }

    /// Takes out of a text what must not be read.
    pub(super) fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

fn with_scheme(scheme: &str, rest: &str) -> Result<Url, &'static str> {
    if !SCHEMES.contains(&scheme) {
        return Err("is none of https, ssh, git, file and user@host:path");
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if path.trim_matches('/').is_empty() {
        return Err("names no repository");
    }
    if scheme == "file" {
        if !authority.is_empty() {
            return Err("names a host; a file is file:///path");
        }
    } else {
        require_host(host)?;
        if path.contains(['?', '#']) {
            return Err("has a query, which no repository takes");
        }
    }
    if user.is_some_and(|user| user.starts_with('-')) {
        return Err("has a user that begins like an option");
    }
    let host = host.to_ascii_lowercase();
    // Over ssh a name alone is public, and often part of the address; elsewhere it may be a token.
    let name = match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        Some((name, _)) if scheme == "ssh" => format!("{name}@"),
        Some(_) | None => String::new(),
    };
    let plain = trimmed(path);
    let mut secrets: Vec<String> = Vec::new();
    if let Some(user) = user {
        let public = name.trim_end_matches('@');
        let parts =
            user.split_once(':').map_or(vec![user], |(name, password)| vec![name, password]);
        for part in parts.into_iter().filter(|part| !part.is_empty() && *part != public) {
            secrets.push(part.to_owned());
            secrets.push(decoded(part));
        }
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }
    Ok(Url {
        raw: format!("{scheme}://{rest}"),
        shown: format!("{scheme}://{name}{host}{path}"),
        place: format!("{scheme}://{name}{host}{plain}"),
        secrets,
    })
}

fn scp_like(text: &str) -> Result<Url, &'static str> {
    let odd = "is none of https, ssh, git, file and user@host:path";
    let (before, path) = text.split_once(':').ok_or(odd)?;
    let (user, host) = before.split_once('@').ok_or(odd)?;
    let plain = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    if !plain(user) || before.contains('/') || path.starts_with(':') {
        return Err(odd);
    }
    require_host(host)?;
    if !plain(host) {
        return Err(odd);
    }
    if path.starts_with('-') {
        return Err("has a path that begins like an option");
    }
    if path.trim_matches('/').is_empty() {
        return Err("names no repository");
    }
    Ok(Url {
        raw: text.to_owned(),
        shown: text.to_owned(),
        place: format!("{user}@{}:{}", host.to_ascii_lowercase(), trimmed(path)),
        secrets: Vec::new(),
    })
}

fn require_host(host: &str) -> Result<(), &'static str> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        Some(_) | None => (host, ""),
    };
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let letters = match bare {
        Some(number) => number.chars().all(|c| c.is_ascii_hexdigit() || c == ':'),
        None => name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')),
    };
    if name.is_empty() || !letters || !port.chars().all(|c| c.is_ascii_digit()) {
        return Err("names no host");
    }
    if host.starts_with('-') {
        return Err("has a host that begins like an option");
    }
    Ok(())
}

fn trimmed(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/')
}

/// Text that was no URL, without what may have been meant as a password in it.
fn harmless(text: &str) -> String {
    let cut = text.split('?').next().unwrap_or_default();
    let (scheme, rest) = match cut.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), cut),
    };
    let shown = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    format!("{scheme}{shown}")
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match hex.filter(|_| bytes[at] == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

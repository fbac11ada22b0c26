//! Owns: one request and its answer, and what the answer's status means.
//! Never: asks twice, follows anybody by itself, or lets a token into a text.

use std::{io, sync::Arc};

use serde_json::Value;
use skep_core::text;
use ureq::{
    Agent, Body, Timeout,
    http::{HeaderMap, Request, Response, header::HeaderName},
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::{ForgeError, Manners, Method, Page, Patience};

/// The most of a forge's words in an error. Characters.
const WORDS: usize = 300;

/// A question without an answer: whether it may have been heard.
#[derive(Debug)]
pub(super) enum Lost {
    /// It was not, or the forge said no: nothing was done.
    Before(ForgeError),
    /// It may have been done.
    After(ForgeError),
}

impl Lost {
    pub(super) fn error(self) -> ForgeError {
        match self {
            Lost::Before(error) | Lost::After(error) => error,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Got {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    value: Value,
}

impl Got {
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    pub(super) fn unchanged(&self) -> bool {
        self.status == 304
    }

    /// Where the forge sends us on with the same deed.
    pub(super) fn elsewhere(&self, method: Method) -> Option<String> {
        let on = match self.status {
            307 | 308 => true,
            // Here others go on with another deed.
            301..=303 => method == Method::Get,
            _ => false,
        };
        self.header("location").filter(|_| on).map(str::to_owned)
    }

    /// The mark, the answer and the next page, where the forge gave a mark.
    pub(super) fn worth_keeping(&self) -> Option<(&str, &[u8], Option<&str>)> {
        let etag = self.header("etag").filter(|_| self.status == 200)?;
        Some((etag, &self.body, self.next()))
    }

    pub(super) fn page(self) -> Page {
        let next = self.next().map(str::to_owned);
        let bytes = u64::try_from(self.body.len()).unwrap_or(u64::MAX);
        Page { value: self.value, bytes, next }
    }

    /// The path of the next page. Its host does not matter: some forges do not know their own.
    fn next(&self) -> Option<&str> {
        let links = self.header("link")?.split(',');
        let next = links.filter_map(|link| link.split_once(';')).find(|(_, about)| {
            about.split(';').any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"))
        });
        let url = next?.0.trim().strip_prefix('<')?.strip_suffix('>')?;
        let path = url
            .split_once("://")
            .map_or(url, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
        (path.starts_with('/') && fit_path(path)).then_some(path)
    }
}

/// A path, as errors name it.
pub(super) fn named(path: &str) -> String {
    let what = path.split('?').next().unwrap_or_default();
    format!("`{}`", text::words(&text::one_line(what), WORDS))
}

fn fit_path(path: &str) -> bool {
    path.chars().all(|c| c.is_ascii_graphic())
}

/// One origin, spoken to.
pub(super) struct Wire {
    agent: Agent,
    name: String,
    origin: String,
    manners: Manners,
    patience: Patience,
}

impl Wire {
    /// `name` is the host as errors name it.
    pub(super) fn new(name: &str, origin: &str, manners: Manners, patience: Patience) -> Wire {
        let secure = origin.starts_with("https://");
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(secure)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(patience.answer))
            .timeout_connect(Some(patience.answer / 3))
            .user_agent(concat!("skep/", env!("CARGO_PKG_VERSION")));
        if secure {
            let found = rustls_native_certs::load_native_certs();
            // One that cannot be read is one that proves nothing; the others count.
            let roots = found.certs.iter().map(|cert| Certificate::from_der(cert).to_owned());
            let tls = TlsConfig::builder()
                .root_certs(RootCerts::from(roots))
                .unversioned_rustls_crypto_provider(Arc::new(
                    rustls::crypto::ring::default_provider(),
                ))
                .build();
            config = config.tls_config(tls);
        } else {
            // What is asked without TLS is near, and no proxy is to read along.
            config = config.proxy(None);
        }
        Wire {
            agent: config.build().new_agent(),
            name: name.to_owned(),
            origin: origin.to_owned(),
            manners,
            patience,
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.name
    }

    /// The path that `location` names on this very origin; a token goes nowhere else.
    pub(super) fn within(&self, location: &str) -> Result<String, ForgeError> {
        let path = match location.strip_prefix(&self.origin) {
            Some(path) => path,
            None if location.starts_with("//") => "",
            None => location,
        };
        if path.starts_with('/') && fit_path(path) {
            return Ok(path.to_owned());
        }
        let to = location.split(['?', '#']).next().unwrap_or_default();
        let to = to.split_once("://").map_or(to.to_owned(), |(scheme, rest)| {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        });
        let to = text::words(&text::one_line(&to), WORDS);
        Err(ForgeError::Moved { host: self.name.clone(), to })
    }

    /// Asks once.
    pub(super) fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        etag: Option<&str>,
        token: Option<&str>,
    ) -> Result<Got, Lost> {
        let mut request = Request::builder()
            .method(method.as_str())
            .uri(format!("{}{path}", self.origin))
            .header("accept", "application/json");
        for (name, value) in self.manners.headers {
            request = request.header(HeaderName::from_static(name), *value);
        }
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("{} {token}", self.manners.scheme));
        }
        let response = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                request.body(body.to_string()).map(|request| self.agent.run(request))
            }
            None => request.body(()).map(|request| self.agent.run(request)),
        };
        let response = response
            .map_err(|error| Lost::Before(self.malformed(&error.to_string())))?
            .map_err(|error| self.lost(&error))?;
        self.taken(response)
    }

    fn taken(&self, response: Response<Body>) -> Result<Got, Lost> {
        let (head, mut body) = response.into_parts();
        let body = body.with_config().limit(self.patience.most).read_to_vec();
        let body = body.map_err(|error| {
            if let ureq::Error::BodyExceedsLimit(most) = &error {
                return Lost::After(self.malformed(&format!("more than {most} bytes")));
            }
            Lost::After(self.lost(&error).error())
        })?;
        Ok(Got { status: head.status.as_u16(), headers: head.headers, body, value: Value::Null })
    }

    /// What the answer's status means.
    pub(super) fn judge(
        &self,
        mut got: Got,
        method: Method,
        path: &str,
        token: Option<&str>,
    ) -> Result<Got, Lost> {
        let host = self.name.clone();
        let status = got.status;
        match status {
            304 => return Ok(got),
            200..=299 => {
                got.value = self.json(&got.body).map_err(Lost::After)?;
                return Ok(got);
            }
            _ => {}
        }
        let text = self.words(&got, token);
        let error = match status {
            300..=399 => match self.within(got.header("location").unwrap_or_default()) {
                Ok(to) => ForgeError::Moved { host, to },
                Err(moved) => moved,
            },
            401 | 403 => ForgeError::Auth { host, status, text },
            404 | 410 => ForgeError::NotFound { host, what: named(path), status },
            407 => ForgeError::Offline { host, why: format!("the proxy refused: {text}") },
            500..=599 => {
                let error = ForgeError::Broken { host, status, text };
                return Err(match method {
                    Method::Get => Lost::Before(error),
                    Method::Post | Method::Put | Method::Patch | Method::Delete => {
                        Lost::After(error)
                    }
                });
            }
            _ => ForgeError::Refused { host, status, text },
        };
        Err(Lost::Before(error))
    }

    /// Reads a body that must be JSON, or empty.
    pub(super) fn json(&self, body: &[u8]) -> Result<Value, ForgeError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(body).map_err(|error| self.malformed(&format!("no JSON: {error}")))
    }

    fn malformed(&self, why: &str) -> ForgeError {
        let why = text::words(&text::one_line(why), WORDS);
        ForgeError::Malformed { host: self.name.clone(), why }
    }

    /// What the forge says of its refusal, in one line, safe to show, without the token.
    fn words(&self, got: &Got, token: Option<&str>) -> String {
        let mut said = Vec::new();
        if let Ok(value) = serde_json::from_slice::<Value>(&got.body) {
            for field in ["message", "error", "error_description", "errors"] {
                gather(value.get(field), &mut said, 0);
            }
        }
        said.dedup();
        let mut said = said.join("; ");
        if let Some(token) = token {
            said = said.replace(token, "…");
        }
        let said = text::words(&text::one_line(&said), WORDS);
        if said.is_empty() { "no reason given".to_owned() } else { said }
    }

    fn lost(&self, error: &ureq::Error) -> Lost {
        let host = self.name.clone();
        let why =
            |error: &dyn std::fmt::Display| text::words(&text::one_line(&error.to_string()), WORDS);
        if let Some(error) = tls(error) {
            let stranger = matches!(
                error,
                rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented
            );
            let why = why(error);
            return Lost::Before(if stranger {
                ForgeError::Certificate { host, why }
            } else {
                ForgeError::Offline { host, why }
            });
        }
        if let ureq::Error::Timeout(which) = error {
            let after_s = self.patience.answer.as_secs();
            let error = ForgeError::Timeout { host, after_s };
            let before = matches!(which, Timeout::Resolve | Timeout::Connect);
            return if before { Lost::Before(error) } else { Lost::After(error) };
        }
        if matches!(error, ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(_, _)) {
            return Lost::After(self.malformed(&error.to_string()));
        }
        let unheard = matches!(
            error,
            ureq::Error::HostNotFound
                | ureq::Error::ConnectionFailed
                | ureq::Error::ConnectProxyFailed(_)
                | ureq::Error::InvalidProxyUrl
                | ureq::Error::BadUri(_)
                | ureq::Error::RequireHttpsOnly(_)
                | ureq::Error::Http(_)
        );
        let unreached = [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::HostUnreachable,
            io::ErrorKind::NetworkUnreachable,
        ];
        let before =
            unheard || matches!(error, ureq::Error::Io(error) if unreached.contains(&error.kind()));
        let error = ForgeError::Offline { host, why: why(error) };
        if before { Lost::Before(error) } else { Lost::After(error) }
    }
}

/// The error of TLS in `error`, where it is one.
fn tls(error: &ureq::Error) -> Option<&rustls::Error> {
    if let ureq::Error::Rustls(error) = error {
        return Some(error);
    }
    let ureq::Error::Io(error) = error else { return None };
    error.get_ref()?.downcast_ref()
}

/// Every text in what a forge says of its errors: they spell it as texts, lists and maps.
fn gather(value: Option<&Value>, said: &mut Vec<String>, depth: u32) {
    match value {
        Some(Value::String(text)) if !text.trim().is_empty() => said.push(text.clone()),
        Some(Value::Array(list)) if depth < 4 => {
            for entry in list.iter().take(10) {
                gather(Some(entry), said, depth + 1);
            }
        }
        Some(Value::Object(map)) if depth < 4 => {
            for (name, entry) in map.iter().take(10) {
                let before = said.len();
                gather(Some(entry), said, depth + 1);
                // Which field it is about: `title: is too long`.
                if !matches!(name.as_str(), "message" | "resource" | "code") && before < said.len()
                {
                    said[before] = format!("{name}: {}", said[before]);
                }
            }
        }
        _ => {}
    }
}

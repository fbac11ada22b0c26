//! One request at a time to somebody's server: a time limit, no redirects, a small answer.
//!
//! Owns: whether a request that failed may have been heard. Never: puts an address into a text, which may hold a token.

use std::{
    io::{self, Read},
    sync::{Arc, OnceLock},
    time::Duration,
};

use ureq::{
    Agent, Error, Timeout,
    tls::{Certificate, RootCerts, TlsConfig},
};

use crate::config::notify::is_here;

/// How long one request may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// The longest answer that is read. Bytes.
const LONGEST: u64 = 4 << 20;

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether the body goes on beyond what was read of it.
    pub(super) is_cut: bool,
    /// When it may be asked again. Milliseconds.
    pub(super) after_ms: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) text: String,
    /// Whether it may have been heard all the same.
    pub(super) heard: bool,
}

/// Posts JSON. Errors: no answer came.
pub(super) fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    patience: Duration,
) -> Result<Answer, Trouble> {
    let mut request = agent(url, patience).post(url).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.send(body).map_err(|err| trouble(&err))?;
    let seconds =
        response.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    let status = response.status().as_u16();
    // Its status is the answer; what stands in it is for people, but where it is needed.
    let mut body = Vec::new();
    let mut reader = response.body_mut().as_reader().take(LONGEST + 1);
    // What broke off does not read as JSON, and is told of where that is needed.
    let _broken = reader.read_to_end(&mut body);
    let is_cut = u64::try_from(body.len()).is_ok_and(|read| read > LONGEST);
    Ok(Answer { status, body, is_cut, after_ms: seconds.map(|it| it.saturating_mul(1_000)) })
}

/// An agent for one request: a connection that was kept may be dead by the next, and then nobody knows what was heard.
fn agent(url: &str, patience: Duration) -> Agent {
    let tls = TlsConfig::builder()
        .root_certs(roots())
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let builder = Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent("skep")
        .timeout_connect(Some(PATIENCE))
        .timeout_resolve(Some(PATIENCE))
        .timeout_global(Some(patience));
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let builder = if is_here(rest) { builder.proxy(None) } else { builder };
    builder.build().into()
}

fn roots() -> RootCerts {
    static ROOTS: OnceLock<Arc<Vec<Certificate<'static>>>> = OnceLock::new();
    let read = || {
        let found = rustls_native_certs::load_native_certs().certs;
        Arc::new(found.iter().map(|it| Certificate::from_der(it).to_owned()).collect())
    };
    RootCerts::Specific(Arc::clone(ROOTS.get_or_init(read)))
}

fn trouble(err: &Error) -> Trouble {
    let (text, heard) = if let Error::HostNotFound = err {
        ("its name was not found".to_owned(), false)
    } else if let Error::Timeout(Timeout::Resolve | Timeout::Connect) | Error::ConnectionFailed =
        err
    {
        ("no connection could be made".to_owned(), false)
    } else if let Error::Timeout(_) = err {
        ("no answer came in time".to_owned(), true)
    } else if let Error::Io(err) = err {
        let before = [
            io::ErrorKind::ConnectionRefused,
            io::ErrorKind::HostUnreachable,
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::AddrNotAvailable,
            io::ErrorKind::NotFound,
        ];
        (err.to_string(), !before.contains(&err.kind()))
    } else if let Error::Rustls(err) = err {
        (format!("TLS: {err}"), false)
    } else if let Error::Tls(err) = err {
        (format!("TLS: {err}"), false)
    } else if let Error::BadUri(_) | Error::Http(_) | Error::InvalidProxyUrl = err {
        ("its address, or the proxy's, is none".to_owned(), false)
    } else {
        (format!("the answer could not be read: {}", kind_of(err)), true)
    };
    Trouble { text, heard }
}

/// An error of which nothing is known may name the address.
fn kind_of(err: &Error) -> String {
    let text = format!("{err:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

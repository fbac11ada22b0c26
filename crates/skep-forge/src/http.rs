//! How a forge is spoken to: JSON over HTTPS, politely.
//!
//! Owns: the token's way into a request, timeouts, tries, what is known already (ETags), the budget, what an answer's status means.
//! Never: knows a forge's nouns, carries a token to another host, or repeats a deed of which it does not know whether it was done.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;
use skep_core::{text, time::Timestamp};

mod budget;
mod error;
mod known;
mod wire;

pub use error::ForgeError;

use budget::Meter;
use known::Known;
use wire::{Got, Lost, Wire};

/// The most pages of one list that are read.
const PAGES: usize = 50;

/// How often a forge may send us on, within its own host.
const HOPS: usize = 3;

/// Where a token comes from.
///
/// It is asked once, and again after the forge refused what it gave.
pub struct Token(Box<Source>);

type Source = dyn Fn() -> Result<Option<String>, String> + Send + Sync;

impl Token {
    /// A token by `source`: none, or why it cannot be had, in words that do not hold it.
    pub fn by(
        source: impl Fn() -> Result<Option<String>, String> + Send + Sync + 'static,
    ) -> Token {
        Token(Box::new(source))
    }

    /// No token: what everybody may see.
    pub fn none() -> Token {
        Token::by(|| Ok(None))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// How patient a client is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How often a question is asked where it may be asked again.
    pub tries: u32,
    /// How long it waits before the second try; then four times as long.
    pub first: Duration,
    /// For one answer, from the look-up of the name to its last byte.
    pub answer: Duration,
    /// The most of one answer. Bytes.
    pub most: u64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            tries: 3,
            first: Duration::from_millis(500),
            answer: Duration::from_secs(30),
            most: 16 * 1024 * 1024,
        }
    }
}

/// What a forge said of how often it may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How many questions are left until `until`.
    pub remaining: u64,
    /// How many there are in all.
    #[serde(default)]
    pub limit: Option<u64>,
    /// When they are given anew.
    pub until: Timestamp,
}

/// How a forge wants to be spoken to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// What stands before the token in `Authorization`.
    pub(crate) scheme: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

/// What a deed asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    /// Not to be sent a second time.
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// What came of a deed that is not to be done twice.
#[derive(Debug)]
pub(crate) enum Posted {
    Done(Value),
    /// It may have been done, or not: look.
    Unsure(ForgeError),
    /// The forge says that it is there already: look; the error is for when it is not to be seen.
    There(ForgeError),
}

/// One forge's host, spoken to one question after the other.
pub(crate) struct Client {
    wire: Wire,
    patience: Patience,
    token: Token,
    /// The token that counts: asked for, and perhaps none.
    held: Mutex<Option<Option<String>>>,
    known: Mutex<Known>,
    meter: Mutex<Meter>,
    /// Forges want to be asked one thing at a time.
    turn: Mutex<()>,
}

/// How many questions were asked, and how many of them had no new answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) asked: u32,
    pub(crate) unchanged: u32,
}

/// A part of an answer: its value, how long it was, and where the next page is.
struct Page {
    value: Value,
    bytes: u64,
    next: Option<String>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with it left a value that is whole: each is written at once.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    /// A client of `origin`, `https://host[:port]`, which errors call `name`.
    pub(crate) fn new(
        name: &str,
        origin: &str,
        manners: Manners,
        token: Token,
        patience: Patience,
    ) -> Client {
        Client {
            wire: Wire::new(name, origin, manners, patience),
            patience,
            token,
            held: Mutex::default(),
            known: Mutex::default(),
            meter: Mutex::default(),
            turn: Mutex::default(),
        }
    }

    /// The host, as errors name it.
    pub(crate) fn host(&self) -> String {
        self.wire.host().to_owned()
    }

    /// What the forge last said of its budget.
    pub(crate) fn budget(&self) -> Option<Budget> {
        locked(&self.meter).budget()
    }

    /// How much was asked so far.
    pub(crate) fn tally(&self) -> Tally {
        locked(&self.meter).tally()
    }

    /// What stands at `path`.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ForgeError> {
        let page = self.page(path)?;
        self.read(page.value)
    }

    /// What stands at `path`, or `None` where the forge has no such thing.
    pub(crate) fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ForgeError> {
        match self.get(path) {
            Ok(found) => Ok(Some(found)),
            Err(ForgeError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What stands at `path` itself, or `None` where the forge says of this very path that there is none.
    ///
    /// Errors: of what is gone, or was not found where the forge sent us on, too.
    pub(crate) fn find_here<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Result<Option<T>, ForgeError> {
        match self.get(path) {
            Ok(found) => Ok(Some(found)),
            Err(ForgeError::NotFound { status: 404, what, .. }) if what == wire::named(path) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Every entry of the list at `path`, over all its pages; `within` is the field that holds the list, where it is in one.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        within: Option<&str>,
    ) -> Result<Vec<T>, ForgeError> {
        let (mut entries, mut next, mut bytes) = (Vec::new(), Some(path.to_owned()), 0_u64);
        for _ in 0..PAGES {
            let Some(path) = next.take() else { return Ok(entries) };
            let mut page = self.page(&path)?;
            bytes = bytes.saturating_add(page.bytes);
            if bytes > self.patience.most {
                return Err(
                    self.malformed(&format!("a list of more than {} bytes", self.patience.most))
                );
            }
            let list = match within {
                Some(field) => page.value.get_mut(field).map(Value::take),
                None => Some(page.value),
            };
            let list = match list {
                Some(Value::Array(list)) => list,
                // Some forges spell a list of nothing so.
                Some(Value::Null) => Vec::new(),
                _ => return Err(self.malformed("a list was expected")),
            };
            for entry in list {
                entries.push(self.read(entry)?);
            }
            next = page.next;
        }
        if next.is_some() { Err(self.malformed("a list has no end")) } else { Ok(entries) }
    }

    /// Sets something to a value that does not depend on what it was, so that it may be sent again.
    pub(crate) fn set(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Result<Value, ForgeError> {
        self.tried(method, path, Some(body), None).map(|got| got.page().value)
    }

    /// Takes away what stands at `path`; what is not there is gone as well.
    pub(crate) fn remove(&self, path: &str) -> Result<(), ForgeError> {
        match self.tried(Method::Delete, path, None, None) {
            Ok(_) | Err(ForgeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Does what must not be done twice; sent once.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Posted, ForgeError> {
        let got = self.asked(Method::Post, path, Some(body), None);
        match got {
            Ok(got) => Ok(Posted::Done(got.page().value)),
            Err(Lost::Before(error)) => Err(error),
            Err(Lost::After(error)) => Ok(Posted::Unsure(error)),
        }
    }

    /// Sees to it that something is there once: looks for it, makes it, and looks again where that got no answer.
    ///
    /// The flag tells whether it is new.
    pub(crate) fn once<T>(
        &self,
        find: impl Fn() -> Result<Option<T>, ForgeError>,
        make: impl Fn() -> Result<Posted, ForgeError>,
        read: impl Fn(Value) -> Result<T, ForgeError>,
    ) -> Result<(T, bool), ForgeError> {
        if let Some(there) = find()? {
            return Ok((there, false));
        }
        let mut nth = 1;
        loop {
            let made = match make() {
                // It never got there: once more, as with any question.
                Err(error @ (ForgeError::Offline { .. } | ForgeError::Timeout { .. })) => {
                    Posted::Unsure(error)
                }
                made => made?,
            };
            let (why, ours) = match made {
                Posted::Done(value) => return Ok((read(value)?, true)),
                Posted::Unsure(error) => (error, true),
                Posted::There(error) => (error, false),
            };
            self.wait(nth);
            if let Some(there) = find()? {
                return Ok((there, ours));
            }
            nth += 1;
            if nth > self.patience.tries {
                return Err(why);
            }
        }
    }

    /// Reads `value` as what it is to be.
    pub(crate) fn read<T: DeserializeOwned>(&self, value: Value) -> Result<T, ForgeError> {
        T::deserialize(value).map_err(|error| self.malformed(&error.to_string()))
    }

    /// The error of an answer that is not as the forge's documentation says.
    pub(crate) fn malformed(&self, why: &str) -> ForgeError {
        let why = text::words(&text::one_line(why), 200);
        ForgeError::Malformed { host: self.host(), why }
    }

    fn page(&self, path: &str) -> Result<Page, ForgeError> {
        let etag = locked(&self.known).etag(path);
        let got = self.tried(Method::Get, path, None, etag.as_deref())?;
        if got.unchanged() {
            locked(&self.meter).unchanged();
            let held = locked(&self.known).held(path);
            // What was held a moment ago may have had to go for another answer.
            return match held {
                Some((body, next)) => {
                    let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
                    Ok(Page { value: self.wire.json(&body)?, bytes, next })
                }
                None => self.tried(Method::Get, path, None, None).map(Got::page),
            };
        }
        if let Some((etag, body, next)) = got.worth_keeping() {
            locked(&self.known).keep(path, etag, body, next);
        }
        Ok(got.page())
    }

    /// Asks what may be asked again, a few times.
    fn tried(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> Result<Got, ForgeError> {
        let mut nth = 1;
        loop {
            match self.asked(method, path, body, etag) {
                Ok(got) => return Ok(got),
                Err(lost) => {
                    let error = lost.error();
                    let again = matches!(
                        error,
                        ForgeError::Offline { .. }
                            | ForgeError::Timeout { .. }
                            | ForgeError::Broken { .. }
                    );
                    if !again || nth >= self.patience.tries {
                        return Err(error);
                    }
                }
            }
            self.wait(nth);
            nth += 1;
        }
    }

    fn wait(&self, nth: u32) {
        thread::sleep(self.patience.first * 4_u32.saturating_pow(nth - 1));
    }

    /// Asks once; a token that the forge refuses is asked for anew, and tried if it is another.
    fn asked(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        etag: Option<&str>,
    ) -> Result<Got, Lost> {
        let _turn = locked(&self.turn);
        let token = self.held_token().map_err(Lost::Before)?;
        let got = self.sent(method, path, body, etag, token.as_deref());
        let refused = matches!(&got, Err(Lost::Before(ForgeError::Auth { status: 401, .. })));
        if !refused {
            return got;
        }
        *locked(&self.held) = None;
        let anew = self.held_token().map_err(Lost::Before)?;
        if anew == token { got } else { self.sent(method, path, body, etag, anew.as_deref()) }
    }

    fn held_token(&self) -> Result<Option<String>, ForgeError> {
        if let Some(held) = &*locked(&self.held) {
            return Ok(held.clone());
        }
        let refuse = |why: &str| {
            let why = text::words(&text::one_line(why), 200);
            ForgeError::Token { host: self.host(), why }
        };
        let token = (self.token.0)().map_err(|why| refuse(&why))?;
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        if token.as_ref().is_some_and(|token| !token.chars().all(|c| c.is_ascii_graphic())) {
            return Err(refuse("it holds characters that no token has"));
        }
        *locked(&self.held) = Some(token.clone());
        Ok(token)
    }

    /// Sends it, and goes on where the forge sends us on, as long as that is the same host and the same deed.
    fn sent(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        etag: Option<&str>,
        token: Option<&str>,
    ) -> Result<Got, Lost> {
        let mut path = path.to_owned();
        for _ in 0..=HOPS {
            locked(&self.meter).ask(self.wire.host()).map_err(Lost::Before)?;
            let got = self.wire.ask(method, &path, body, etag, token)?;
            locked(&self.meter).hear(self.wire.host(), &got).map_err(Lost::Before)?;
            match got.elsewhere(method) {
                Some(to) => path = self.wire.within(&to).map_err(Lost::Before)?,
                None => return self.wire.judge(got, method, &path, token),
            }
        }
        let to = text::one_line(&path);
        Err(Lost::Before(ForgeError::Moved { host: self.host(), to }))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.wire.host()).finish_non_exhaustive()
    }
}

/// Reads a field that some servers leave out, and some give as null.
pub(crate) fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Reads a moment that some servers leave out, and others, written in Go, give as the year 1.
pub(crate) fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let told = Option::<String>::deserialize(from)?.filter(|told| !told.starts_with("0001-"));
    told.map(|told| told.parse().map_err(D::Error::custom)).transpose()
}

/// Spells a branch in a path, where its slashes stay.
pub(crate) fn quoted_path(text: &str) -> String {
    text.split('/').map(quoted).collect::<Vec<_>>().join("/")
}

/// Spells `text` as a part of a path, or a value of a query, of a URL.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

//! An HTTP server of the test's own, on this machine.
//!
//! Owns: one listener on 127.0.0.1, what it was asked, answers that real servers give too: lost, cut off, never.
//! Never: listens elsewhere, or outlives its test.

use std::{
    fmt,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

/// The most of one question. Bytes.
const MOST: usize = 8 * 1024 * 1024;

/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(20);

/// One question, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(this, _)| this == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The path without its query, and the query's values, unquoted.
    pub fn route(&self) -> (String, Vec<(String, String)>) {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        (path.to_owned(), pairs.map(|(name, value)| (unquoted(name), unquoted(value))).collect())
    }
}

/// What `%XX` in a URL stands for.
pub fn unquoted(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%');
        let code = code.and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What comes back.
#[derive(Debug, Clone)]
pub enum Told {
    Answer {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// The connection ends without an answer.
    Lost,
    /// The answer ends in the middle of its body.
    Cut,
    /// Nothing comes, for as long as the asker waits.
    Silence,
}

impl Told {
    /// An answer in JSON.
    pub fn json(status: u16, value: &Value) -> Told {
        Told::text(status, "application/json", value.to_string())
    }

    /// An answer of this kind.
    pub fn text(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Told {
        let headers = vec![("content-type".to_owned(), kind.to_owned())];
        Told::Answer { status, headers, body: body.into() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Told {
        if let Told::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_string()));
        }
        self
    }
}

/// A server that ends with its test.
pub struct Loopback {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loopback").field("address", &self.address).finish_non_exhaustive()
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked elsewhere is told of there.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loopback {
    /// Begins to listen; every question is answered by `answer`.
    pub fn serve(answer: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Loopback {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
        let address = socket.local_addr().expect("it listens");
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let over = Arc::new(AtomicBool::new(false));
        let answer = Arc::new(answer);
        let (all, ended) = (Arc::clone(&asked), Arc::clone(&over));
        let listener = thread::spawn(move || {
            for stream in socket.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (all, ended, answer) =
                    (Arc::clone(&all), Arc::clone(&ended), Arc::clone(&answer));
                thread::spawn(move || {
                    // Whoever hangs up in the middle has no use for an answer.
                    talk(&stream, &all, &ended, &*answer).unwrap_or_default();
                });
            }
        });
        Loopback { address, asked, over, listener: Some(listener) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every question so far.
    pub fn asked(&self) -> Vec<Asked> {
        locked(&self.asked).clone()
    }

    /// How many questions came with this method, and this in their path.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let fits = |asked: &&Asked| asked.method == method && asked.path.contains(path);
        locked(&self.asked).iter().filter(fits).count()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // The listener looks up for one more connection, and sees that it is over.
        drop(TcpStream::connect(self.address));
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap_or_default();
        }
    }
}

fn talk(
    stream: &TcpStream,
    all: &Mutex<Vec<Asked>>,
    over: &AtomicBool,
    answer: &dyn Fn(&Asked) -> Told,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let Some(asked) = read(&mut reader)? else { return Ok(()) };
    locked(all).push(asked.clone());
    let told = answer(&asked);
    let mut writer = stream;
    match told {
        Told::Answer { status, headers, body } => {
            write!(writer, "HTTP/1.1 {status} X\r\nconnection: close\r\n")?;
            for (name, value) in headers {
                write!(writer, "{name}: {value}\r\n")?;
            }
            if status != 304 && status != 204 {
                write!(writer, "content-length: {}\r\n", body.len())?;
            }
            write!(writer, "\r\n")?;
            writer.write_all(&body)?;
        }
        Told::Lost => {}
        Told::Cut => write!(
            writer,
            "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{{\"n"
        )?,
        Told::Silence => {
            // Until the asker goes, or the test does.
            stream.set_read_timeout(Some(Duration::from_millis(50)))?;
            while !over.load(Ordering::SeqCst) && !matches!(reader.read(&mut [0]), Ok(0)) {}
        }
    }
    writer.flush()?;
    stream.shutdown(Shutdown::Both)
}

fn read(reader: &mut impl BufRead) -> std::io::Result<Option<Asked>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut asked = Asked { method, path, headers, body: Vec::new() };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    asked.body.resize(usize::min(length, MOST), 0);
    reader.read_exact(&mut asked.body)?;
    Ok(Some(asked))
}

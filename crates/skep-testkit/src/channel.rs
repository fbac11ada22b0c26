//! A server of the test's own on this machine: it writes down what it is asked, and answers as the test says.
//!
//! Owns: just enough HTTP/1.1 for one request a connection. Never: asserts anything.

use std::{
    fmt,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

/// What a server was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    /// The value of a header; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
    }
}

/// What a server does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers with this status and this JSON.
    Json(u16, String),
    /// The same, after a while.
    Later(Duration, u16, String),
    /// The same, once the test lets it go.
    Held(Gate, u16, String),
    /// Hangs up without a word.
    HangsUp,
}

/// What holds an answer back until the test lets it go.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<Passing>, Condvar)>);

#[derive(Debug, Default)]
struct Passing {
    is_waited_for: bool,
    is_open: bool,
}

impl Gate {
    /// Whether an answer is held back.
    pub fn is_waited_for(&self) -> bool {
        self.passing().is_waited_for
    }

    /// Lets go what is held back, and whatever comes later.
    pub fn open(&self) {
        self.passing().is_open = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let mut passing = self.passing();
        passing.is_waited_for = true;
        while !passing.is_open {
            passing = self.0.1.wait(passing).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn passing(&self) -> MutexGuard<'_, Passing> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Behaves = Box<dyn FnMut(&Asked) -> Reply + Send>;

struct State {
    asked: Vec<Asked>,
    behaves: Behaves,
}

/// A server that lives as long as the process.
#[derive(Clone)]
pub struct Loopback {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
}

impl fmt::Debug for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loopback({})", self.address)
    }
}

impl Loopback {
    /// Starts a server that behaves so.
    pub fn new(behaves: impl FnMut(&Asked) -> Reply + Send + 'static) -> Loopback {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of this machine");
        let address = listener.local_addr().expect("it is bound");
        let state = State { asked: Vec::new(), behaves: Box::new(behaves) };
        let server = Loopback { state: Arc::new(Mutex::new(state)), address };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                thread::spawn(move || server.serve(&stream));
            }
        });
        server
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// The same, of requests whose path ends so.
    pub fn asked_at(&self, end: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.path.ends_with(end)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        let mut headers = Vec::new();
        if reader.read_line(&mut first).is_err() {
            return;
        }
        loop {
            let mut line = String::new();
            match reader.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            match line.trim_end().split_once(':') {
                Some((name, value)) => {
                    headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                None => break,
            }
        }
        let path = first.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let mut asked = Asked { path, headers, body: String::new() };
        let length = asked.header("content-length").parse().unwrap_or(0);
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        asked.body = String::from_utf8_lossy(&body).into_owned();
        let reply = {
            let mut state = self.state();
            state.asked.push(asked.clone());
            (state.behaves)(&asked)
        };
        let (status, text) = match reply {
            Reply::Json(status, text) => (status, text),
            Reply::Later(wait, status, text) => {
                // The test asked for a server that takes its time.
                thread::sleep(wait);
                (status, text)
            }
            Reply::Held(gate, status, text) => {
                gate.wait();
                (status, text)
            }
            Reply::HangsUp => return,
        };
        let length = text.len();
        let mut out = stream;
        // Whoever asked may be gone.
        let _gone = write!(
            out,
            "HTTP/1.1 {status} It\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
        );
    }
}

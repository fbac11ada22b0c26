//! Asking the daemon: blocking, without a runtime.

use std::{
    io::{self, BufReader},
    os::unix::net::UnixStream,
    path::Path,
};

use serde_json::Value;

use crate::{
    request::{Ask, Request},
    wire::{self, Answer, Refusal},
};

/// A connection to the daemon.
#[derive(Debug)]
pub struct Client {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no daemon answers")]
    Absent(#[source] io::Error),
    /// It went away in the middle, or spoke nonsense.
    #[error("the daemon broke off")]
    Broken(#[source] io::Error),
    /// It said no.
    #[error("{}", .0.message)]
    Refused(Refusal),
}

impl Client {
    /// Connects to `socket`.
    pub fn connect(socket: &Path) -> Result<Client, ClientError> {
        let writer = UnixStream::connect(socket).map_err(ClientError::Absent)?;
        let reader = BufReader::new(writer.try_clone().map_err(ClientError::Broken)?);
        Ok(Client { reader, writer })
    }

    /// The connection itself, for whoever wants to know who is at its other end.
    pub fn socket(&self) -> &UnixStream {
        &self.writer
    }

    /// Asks and gives what is to be shown meanwhile to `progress`; returns the whole answer.
    pub fn ask(
        &mut self,
        id: &str,
        ask: Ask,
        mut progress: impl FnMut(&str),
    ) -> Result<Value, ClientError> {
        self.send(id, ask)?;
        loop {
            match self.next()? {
                Answer::Ok(value) => return Ok(value),
                Answer::Progress(text) => progress(&text),
                Answer::Error(refusal) => return Err(ClientError::Refused(refusal)),
                Answer::Item(_) | Answer::End(()) => {
                    return Err(broken("an item where one answer was due"));
                }
            }
        }
    }

    /// Asks and gives each item to `each` until there is no more, or `each` says to stop.
    pub fn stream(
        &mut self,
        id: &str,
        ask: Ask,
        mut each: impl FnMut(Value) -> bool,
    ) -> Result<(), ClientError> {
        self.send(id, ask)?;
        loop {
            match self.next()? {
                Answer::Item(value) => {
                    if !each(value) {
                        return Ok(());
                    }
                }
                Answer::End(()) => return Ok(()),
                Answer::Error(refusal) => return Err(ClientError::Refused(refusal)),
                Answer::Progress(_) => {}
                Answer::Ok(_) => return Err(broken("one answer where items were due")),
            }
        }
    }

    fn send(&mut self, id: &str, ask: Ask) -> Result<(), ClientError> {
        wire::send(&mut self.writer, &Request { id: id.to_owned(), ask })
            .map_err(ClientError::Broken)
    }

    fn next(&mut self) -> Result<Answer, ClientError> {
        match wire::receive(&mut self.reader) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(broken("it closed the connection")),
            Err(err) => Err(ClientError::Broken(err)),
        }
    }
}

fn broken(text: &str) -> ClientError {
    ClientError::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, text))
}

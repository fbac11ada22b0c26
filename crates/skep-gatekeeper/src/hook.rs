//! `skep __hook NAME [JSON]`: what an agent's own hook is told, handed to the keeper of its run.
//!
//! Owns: that a hook costs its agent next to nothing: it is bounded in time and size, and always a success.
//! Never: prints anything, for some agents take what a hook prints as an order.

use std::{
    ffi::OsString,
    io::{self, BufReader, Read},
    os::unix::net::UnixStream,
    path::Path,
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;
use skep_api::{
    ctl::{Answer, Control},
    wire,
};

#[cfg(test)]
mod tests;

/// The variable that names the control socket of the keeper whose agent this is.
pub const KEEPER: &str = "SKEP_KEEPER";

/// How long it takes at most.
const PATIENCE: Duration = Duration::from_millis(900);
/// The most that is read of what the agent says; more is no JSON any more, and says nothing. Bytes.
const LARGEST: u64 = 16 << 20;
/// The most of one text in it that is handed on. Characters.
const TEXT: usize = 8 << 10;

/// Hands it on, and succeeds.
pub fn enter(args: &[OsString]) -> ExitCode {
    let said = args.get(1).map(|said| said.to_string_lossy().into_owned());
    let (done, waits) = mpsc::channel();
    let started = thread::Builder::new().name("hook".to_owned()).spawn(move || {
        // Without a keeper that hears it the agent goes on all the same.
        let _unheard = hand_on(said);
        // Nobody waits any more when it comes too late.
        let _late = done.send(());
    });
    if started.is_ok() {
        // Out of time is as good.
        let _late = waits.recv_timeout(PATIENCE);
    }
    ExitCode::SUCCESS
}

fn hand_on(said: Option<String>) -> io::Result<()> {
    let Some(socket) = keeper() else { return Ok(()) };
    let said = match said {
        Some(said) => said,
        None => {
            let mut text = String::new();
            io::stdin().take(LARGEST).read_to_string(&mut text)?;
            text
        }
    };
    let mut said: Value = serde_json::from_str(&said)?;
    cut(&mut said);
    tell(Path::new(&socket), said).map(drop)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a hook knows its run by nothing but its agent's environment"
)]
fn keeper() -> Option<OsString> {
    std::env::var_os(KEEPER)
}

/// Says it to the keeper behind `socket`.
pub fn tell(socket: &Path, said: Value) -> io::Result<Option<Answer>> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    wire::send(&mut &stream, &Control::Hook { said })?;
    wire::receive(&mut BufReader::new(&stream))
}

/// Cuts long texts: a keeper needs to know that a file was written, not the file.
fn cut(said: &mut Value) {
    match said {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(TEXT) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Array(all) => all.iter_mut().for_each(cut),
        Value::Object(all) => all.values_mut().for_each(cut),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

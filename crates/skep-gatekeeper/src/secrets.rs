//! An agent's secrets on their way from its keeper into its environment, and out of everything that is written down.
//!
//! Owns: a nameless file in memory that goes from hand to hand, closed for change; the stream of a terminal without secrets.
//! Never: puts a value into an argument, a guard's environment or a file with a name.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, Write},
    os::fd::OwnedFd,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use skep_api::spec::Spec;
use skep_core::secret::Redactor;
use skep_host::secrets::{self, SecretError};

#[cfg(test)]
mod tests;

/// The guard of a command that tells a secret.
const GUARD: [&str; 4] = ["/proc/self/exe", "gatekeeper", "--tied", "--"];
/// How long the beginning of a secret on a terminal is kept back, where nothing follows.
const PATIENCE: Duration = Duration::from_millis(100);

/// The values of an attempt's secrets.
pub fn values(spec: &Spec) -> Result<BTreeMap<String, String>, SecretError> {
    let wanted = spec.secrets.iter().map(|it| (it.name.as_str(), it.from.as_str()));
    let held: Option<&Path> = spec.held.as_deref();
    secrets::values(wanted, (held, spec.run.as_str()), &spec.env, &GUARD)
}

/// What takes these values, and whatever looks like one, out of a text.
pub fn redactor(spec: &Spec, values: &BTreeMap<String, String>) -> Redactor {
    let known = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let places = [spec.cwd.to_str(), spec.dir.to_str()];
    let plain = spec.env.values().map(String::as_str).chain(places.into_iter().flatten());
    Redactor::new(known, &plain.collect::<Vec<_>>())
}

/// Puts the values where only who is handed it can read them.
pub fn put(values: &BTreeMap<String, String>) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let mut file = File::from(memfd_create("skep", flags)?);
    file.write_all(&serde_json::to_vec(values)?)?;
    file.rewind()?;
    fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    Ok(file.into())
}

/// Reads what was put there.
pub fn read(from: OwnedFd) -> io::Result<BTreeMap<String, String>> {
    let mut bytes = Vec::new();
    File::from(from).read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// What a terminal shows, without secrets: one that comes in pieces is waited for, not for long.
#[derive(Debug)]
pub struct Veil {
    redactor: Arc<Redactor>,
    torn: Vec<u8>,
    since: Option<Instant>,
}

impl Veil {
    /// Makes one that holds nothing back yet.
    pub fn new(redactor: Arc<Redactor>) -> Veil {
        Veil { redactor, torn: Vec::new(), since: None }
    }

    /// Returns what may be seen of what was kept back and of `bytes`.
    pub fn pass(&mut self, bytes: &[u8], now: Instant) -> Vec<u8> {
        self.torn.extend_from_slice(bytes);
        let torn = self.redactor.torn(&self.torn);
        let kept = self.torn.split_off(self.torn.len() - torn);
        let whole = std::mem::replace(&mut self.torn, kept);
        self.since = (torn > 0).then_some(now);
        self.redactor.bytes(&whole).into_owned()
    }

    /// How long what is kept back is waited with.
    pub fn next_look(&self, now: Instant) -> Option<Duration> {
        self.since.map(|since| (since + PATIENCE).saturating_duration_since(now))
    }

    /// Returns what was kept back for long enough; nothing where nothing was.
    pub fn look(&mut self, now: Instant) -> Option<Vec<u8>> {
        let due = self.next_look(now).is_some_and(|left| left.is_zero());
        due.then(|| self.rest())
    }

    /// Returns all that was kept back.
    pub fn rest(&mut self) -> Vec<u8> {
        self.since = None;
        let torn = std::mem::take(&mut self.torn);
        self.redactor.bytes(&torn).into_owned()
    }
}

//! Room put by for the day the disk is full.
//!
//! Owns: the file `reserve`, whose bytes are given up so that a stop or a close can still be recorded.
//! Never: counts on a hole in a file or on a filesystem that compresses: its bytes are written and look random.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::schema::{LedgerError, discard, private};

const BLOCK: usize = 64 * 1024;

/// The file that holds room.
#[derive(Debug)]
pub struct Reserve {
    path: PathBuf,
    bytes: u64,
    held: bool,
}

impl Reserve {
    /// Puts `bytes` by in `dir`; on a disk that is full already there is a reserve that is not held.
    pub fn hold(dir: &Path, bytes: u64) -> Result<Reserve, LedgerError> {
        let mut reserve = Reserve { path: dir.join("reserve"), bytes, held: false };
        reserve.make()?;
        Ok(reserve)
    }

    /// Says whether the room is put by.
    pub fn held(&self) -> bool {
        self.held
    }

    /// Gives the room up; again is harmless.
    pub fn give_up(&mut self) -> Result<(), LedgerError> {
        discard(&self.path)?;
        self.held = false;
        Ok(())
    }

    /// Puts the room by if it is not, and says whether it now is: false while there is less than twice as much free.
    pub fn hold_again(&mut self) -> Result<bool, LedgerError> {
        // Taking the last room again would make the next commit fail and give it up, over and over.
        if !self.stands()? && self.free()? < self.bytes.saturating_mul(2) {
            self.held = false;
            return Ok(false);
        }
        self.make()
    }

    fn make(&mut self) -> Result<bool, LedgerError> {
        if !self.stands()? {
            self.held = false;
            match self.fill() {
                Ok(()) => {}
                Err(LedgerError::DiskFull { .. }) => {
                    discard(&self.path)?;
                    return Ok(false);
                }
                Err(other) => return Err(other),
            }
        }
        self.held = true;
        Ok(true)
    }

    fn stands(&self) -> Result<bool, LedgerError> {
        match fs::metadata(&self.path) {
            Ok(found) => Ok(found.is_file() && found.len() == self.bytes),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(LedgerError::io("look at", &self.path, e)),
        }
    }

    /// Unit: bytes that skep's user may still write.
    fn free(&self) -> Result<u64, LedgerError> {
        let dir = self.path.parent().unwrap_or(Path::new("/"));
        let room = rustix::fs::statvfs(dir)
            .map_err(|e| LedgerError::io("measure the disk of", dir, e.into()))?;
        Ok(room.f_bavail.saturating_mul(room.f_frsize))
    }

    fn fill(&self) -> Result<(), LedgerError> {
        discard(&self.path)?;
        let mut file = private(&self.path)?;
        let failed = |e| LedgerError::io("fill", &self.path, e);
        let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
        let mut left = self.bytes;
        while left > 0 {
            let block: Vec<u8> =
                (0..BLOCK / 8).flat_map(|_| next(&mut noise).to_le_bytes()).collect();
            let take = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            file.write_all(&block[..take]).map_err(failed)?;
            left -= take as u64;
        }
        file.sync_all().map_err(failed)
    }
}

/// Xorshift: cheap bytes that no filesystem can make smaller.
fn next(noise: &mut u64) -> u64 {
    *noise ^= *noise << 13;
    *noise ^= *noise >> 7;
    *noise ^= *noise << 17;
    *noise
}

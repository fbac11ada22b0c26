//! Owns: a claim as a file that is there with all of its words, or not at all. Never: follows a link.

use super::{ClaimError, Holder, Made, Path, fs, io, paths};

/// The most of a file that is read. Bytes.
const LONGEST: u64 = 4096;

pub(super) fn make(path: &Path, holder: &Holder) -> Result<Made, ClaimError> {
    let own = path.with_extension(format!("{}.new", holder.run));
    paths::write_atomically(&own, holder.spelled().as_bytes()).map_err(|err| ClaimError::Io {
        what: "write",
        path: own.clone(),
        source: io::Error::other(err),
    })?;
    paths::crash_point("claim.written");
    // A second name is the one deed that is refused where the name is taken, and has all the words at once.
    let made = match fs::hard_link(&own, path) {
        Ok(()) => Ok(Made::Made),
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
            Ok(Made::Not { why: "it is there already".to_owned() })
        }
        Err(source) => Err(ClaimError::Io { what: "make", path: path.to_owned(), source }),
    };
    // The next try writes it again.
    let _left = fs::remove_file(&own);
    made
}

pub(super) fn read(path: &Path) -> Result<Option<Holder>, ClaimError> {
    let io_error = |source| ClaimError::Io { what: "read", path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(io_error(err)),
        Ok(found) if !found.is_file() || found.len() > LONGEST => {
            // Whatever it is, it is nobody's of ours, and in the way.
            return Ok(Some(Holder::of("")));
        }
        Ok(_) => {}
    }
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Holder::of(&String::from_utf8_lossy(&bytes)))),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(io_error(err)),
    }
}

pub(super) fn remove(path: &Path, whose: &Holder) -> Result<Option<Holder>, ClaimError> {
    match read(path)? {
        Some(there) if there.is_same(whose) => {}
        other => return Ok(other),
    }
    match fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => {
            Err(ClaimError::Io { what: "remove", path: path.to_owned(), source: err })
        }
        Ok(()) | Err(_) => Ok(None),
    }
}

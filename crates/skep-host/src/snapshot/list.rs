//! Owns: which snapshots a repository keeps, and their going.
//! Never: reads more than their headers.

use std::path::Path;

use super::{
    FORMAT, Header, Kept, Place, SnapshotError, damaged,
    objects::Reader,
    shelf::{self, Hung, Shelf},
};
use crate::git::{Git, Repository};

/// Lists every snapshot of a repository, run by run, the oldest first.
pub fn list(git: &Git, repo: &Repository) -> Result<Vec<Kept>, SnapshotError> {
    let place = Place { git, repo };
    let mut reader = shelf::reader(place)?;
    let shelf = Shelf::read(place, &mut reader)?;
    let all = shelf.all(&mut reader)?;
    all.into_iter().map(|hung| kept(&mut reader, hung)).collect()
}

/// Finds the snapshot of this name.
pub fn find(git: &Git, repo: &Repository, id: &str) -> Result<Option<Kept>, SnapshotError> {
    let place = Place { git, repo };
    let mut reader = shelf::reader(place)?;
    let shelf = Shelf::read(place, &mut reader)?;
    let hung = shelf.all(&mut reader)?.into_iter().find(|hung| hung.id == id);
    hung.map(|hung| kept(&mut reader, hung)).transpose()
}

/// Forgets snapshots; what no other one holds goes with git's next pruning. Returns how many there were.
pub fn remove(
    git: &Git,
    repo: &Repository,
    locks: &Path,
    ids: &[&str],
) -> Result<u64, SnapshotError> {
    shelf::take_down(Place { git, repo }, locks, ids)
}

/// Reads what a snapshot says of itself.
pub(super) fn header(reader: &mut Reader, oid: &str) -> Result<Header, SnapshotError> {
    let bytes = reader.blob(oid, &format!("{oid}:header"))?;
    #[derive(serde::Deserialize)]
    struct Format {
        format: u32,
    }
    let not_ours = |error: serde_json::Error| damaged(oid, error.to_string());
    let Format { format } = serde_json::from_slice(&bytes).map_err(not_ours)?;
    if format > FORMAT {
        return Err(SnapshotError::Newer { oid: oid.to_owned(), format });
    }
    serde_json::from_slice(&bytes).map_err(not_ours)
}

fn kept(reader: &mut Reader, hung: Hung) -> Result<Kept, SnapshotError> {
    let header = header(reader, &hung.oid)?;
    Ok(Kept {
        run: hung.run,
        id: hung.id,
        oid: hung.oid,
        at_ms: header.at_ms,
        note: header.note,
        head: header.head,
        branch: header.branch,
        files: header.files,
        bytes: header.bytes,
        left_out: header.left_out,
    })
}

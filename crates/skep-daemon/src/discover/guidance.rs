//! Owns: the words for agents beside the projects: `AGENTS.md` in the nearest folder that holds them all.
//! Never: follows a link out of that folder, waits at what is no file, or takes more than a prompt can hold.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use skep_api::place::Home;
use skep_core::project::Project;

use super::DiscoverError;

/// The most that is read. Unit: bytes.
const MOST: usize = 64 * 1024;
const NAME: &str = "AGENTS.md";

/// Reads `AGENTS.md` of the nearest folder that holds all repositories of `projects`; empty where there is none.
///
/// Those that skep cloned by itself lie in no folder of a person's, and do not count.
/// Errors: it is there and cannot, or must not, be read.
pub fn workspace_agents_md(home: &Home, projects: &[&Project]) -> Result<String, DiscoverError> {
    match folder_of_all(home, projects) {
        Some(folder) => read(&folder),
        None => Ok(String::new()),
    }
}

/// The nearest folder that holds all of them; none where that is only the root.
fn folder_of_all(home: &Home, projects: &[&Project]) -> Option<PathBuf> {
    let paths = projects.iter().map(|project| Path::new(&project.path));
    let theirs = paths.filter(|path| !path.starts_with(home.root()));
    let parents = theirs.filter_map(Path::parent).map(Path::to_owned);
    let folder = parents.reduce(|one, other| {
        let both = one.components().zip(other.components()).take_while(|(a, b)| a == b);
        both.map(|(part, _)| part).collect()
    });
    folder.filter(|folder| folder.parent().is_some())
}

fn read(folder: &Path) -> Result<String, DiscoverError> {
    let path = folder.join(NAME);
    let io = |what| {
        let path = path.clone();
        move |source| DiscoverError::Io { what, path, source }
    };
    let refused = |why| DiscoverError::Guidance { path: path.clone(), why };
    let real = match path.canonicalize() {
        Err(err) if err.kind() == ErrorKind::NotFound => {
            // A link to nothing is there, and means something.
            return match fs::symlink_metadata(&path) {
                Ok(_) => Err(refused("leads to nothing")),
                Err(_) => Ok(String::new()),
            };
        }
        other => other.map_err(io("look at"))?,
    };
    if !real.starts_with(folder.canonicalize().map_err(io("look at"))?) {
        return Err(refused("leads out of its folder"));
    }
    // Opening a pipe would wait for whoever writes to it.
    if !fs::metadata(&real).map_err(io("look at"))?.is_file() {
        return Err(refused("is no file"));
    }
    let file = File::open(&real).map_err(io("read"))?;
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST + 1).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut bytes).map_err(io("read"))?;
    let is_cut = bytes.len() > MOST;
    bytes.truncate(MOST);
    let valid = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        // The cut may have gone through a letter.
        Err(err) if is_cut && err.error_len().is_none() => {
            std::str::from_utf8(&bytes[..err.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Err(refused("is not UTF-8")),
    };
    if !is_cut {
        return Ok(valid.to_owned());
    }
    Ok(format!(
        "{valid}\n\n[{} goes on; the rest is left out, it is longer than 64 KiB]\n",
        path.display()
    ))
}

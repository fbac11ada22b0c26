//! Owns: how proposals come into a file of a project's settings.
//! Never: changes or takes away what stands there, or writes through a link of the repository.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde::Serialize;
use skep_api::wire::{Refusal, chain};
use skep_core::text;
use skep_host::paths;

use super::{Gate, Proposed, Wanted};
use crate::{
    config::{self, Addition, ConfigError},
    scripts,
};

/// What the first line of a new file is.
const HEAD: &str = "# What holds for this project; skep init proposed it, and it is yours to change. All keys: skep config schema\n";

/// Settings that are to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Draft {
    pub file: PathBuf,
    /// The keys that are new.
    pub added: Vec<String>,
    /// The keys that stand and would be something else.
    pub kept: Vec<Kept>,
    /// The file's text as it would be; none where nothing is new.
    pub text: Option<String>,
    /// What is new in it: the whole of a new file, the difference in one that stands.
    #[serde(skip)]
    pub shown: String,
    /// Whether the file belongs to the repository.
    #[serde(skip)]
    shared: bool,
}

/// A key that is not changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    pub key: String,
    /// The file that sets it.
    pub file: String,
    pub stands: String,
    pub proposed: String,
}

/// Puts proposals into the file as it stands: the person's own for the project `name`, or the one in `checkout`.
///
/// Errors: the file does not read, or is no plain file inside the checkout.
pub fn draft(
    config: &Path,
    name: &str,
    checkout: Option<&Path>,
    shared: Option<&str>,
    proposed: &[Proposed],
) -> Result<Draft, Refusal> {
    let refused = |err: ConfigError| {
        Refusal::error(err.slug(), chain(&err)).hint("correct the file, then: skep init")
    };
    let file = match checkout {
        Some(top) => inside(top)?,
        None => config::project_file(config, name).map_err(refused)?,
    };
    let label = file.display().to_string();
    let standing = config::read_file(&file).map_err(refused)?;
    let mut kept = Vec::new();
    let mut additions: Vec<(&Proposed, Addition)> =
        proposed.iter().map(|one| (one, addition(one))).collect();
    // What everybody's file says is not said again in one's own, which would win.
    if let (None, Some(shared)) = (checkout, shared) {
        let keys = config::project_values(shared, config::SHARED).map_err(refused)?;
        additions.retain(|(one, addition)| {
            let Some(stands) = keys.get(&one.key) else { return true };
            push_kept(&mut kept, one, config::SHARED, stands, addition);
            false
        });
    }
    let old = standing.clone().unwrap_or_default();
    let keys = config::project_values(&old, &label).map_err(refused)?;
    additions.retain(|(one, addition)| {
        let Some(stands) = keys.get(&one.key) else { return true };
        push_kept(&mut kept, one, &label, stands, addition);
        false
    });
    let added: Vec<String> = additions.iter().map(|(one, _)| one.key.clone()).collect();
    let text = if added.is_empty() {
        None
    } else {
        let additions: Vec<Addition> =
            additions.into_iter().map(|(_, addition)| addition).collect();
        let merged = config::merged(&old, &label, &additions).map_err(refused)?;
        Some(if old.is_empty() { format!("{HEAD}{merged}") } else { merged })
    };
    let shown = match (&text, &standing) {
        (None, _) => String::new(),
        (Some(text), None) => text.clone(),
        (Some(text), Some(old)) => scripts::changes(["as it is", "as it would be"], old, text),
    };
    Ok(Draft { file, added, kept, text, shown, shared: checkout.is_some() })
}

fn push_kept(
    kept: &mut Vec<Kept>,
    one: &Proposed,
    file: &str,
    stands: &toml::Value,
    new: &Addition,
) {
    let wanted = config::value_of(&new.value);
    if *stands != wanted {
        kept.push(Kept {
            key: one.key.clone(),
            file: file.to_owned(),
            stands: stands.to_string(),
            proposed: wanted.to_string(),
        });
    }
}

fn addition(one: &Proposed) -> Addition {
    let array = |list: &[String]| {
        toml_edit::Value::Array(list.iter().map(String::as_str).collect::<toml_edit::Array>())
    };
    let value = match &one.value {
        Wanted::Text(text) => toml_edit::Item::Value(text.as_str().into()),
        Wanted::List(list) => toml_edit::Item::Value(array(list)),
        Wanted::Gates(gates) => {
            let table = |gate: &Gate| {
                let mut table = toml_edit::Table::new();
                table.insert("name", toml_edit::value(&gate.name));
                table.insert("run", toml_edit::value(&gate.run));
                if !gate.paths.is_empty() {
                    table.insert("paths", toml_edit::Item::Value(array(&gate.paths)));
                }
                table
            };
            toml_edit::Item::ArrayOfTables(gates.iter().map(table).collect())
        }
    };
    // A comment ends with its line, whatever a folder is called.
    Addition {
        key: one.key.clone(),
        value,
        comment: text::words(&text::one_line(&one.because), 80),
    }
}

/// The shared file's place, where nothing on the way leads out of the checkout.
fn inside(top: &Path) -> Result<PathBuf, Refusal> {
    let file = top.join(config::SHARED);
    let folder = file.parent().unwrap_or(top);
    for (path, wants_folder) in [(folder, true), (file.as_path(), false)] {
        let found = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(err) if err.kind() == io::ErrorKind::NotFound => continue,
            Err(err) => return Err(unwritable(path, &err.to_string())),
        };
        if found.is_symlink() || found.is_dir() != wants_folder {
            return Err(unwritable(path, "it is a link, or not what it should be"));
        }
    }
    Ok(file)
}

fn unwritable(path: &Path, why: &str) -> Refusal {
    Refusal::error("config-unwritable", format!("write `{}`: {why}", path.display()))
}

/// Writes the draft; one without news writes nothing.
///
/// Errors: the folder or file cannot be written; then nothing is.
pub fn write(draft: &Draft) -> Result<(), Refusal> {
    let Some(text) = &draft.text else { return Ok(()) };
    let failed = |why: String| {
        unwritable(&draft.file, &why)
            .hint("look at the owner and the rights of its folder: skep config path")
            .hint(if draft.shared {
                "skep init   writes your own file instead"
            } else {
                "skep init --shared   writes .skep/project.toml into the repository instead"
            })
    };
    if let Some(folder) = draft.file.parent() {
        fs::create_dir_all(folder).map_err(|err| failed(err.to_string()))?;
    }
    // One's own file may be a link into a folder of dotfiles, and stays one; the repository's was seen to be none.
    let target = if draft.shared {
        draft.file.clone()
    } else {
        fs::canonicalize(&draft.file).unwrap_or_else(|_| draft.file.clone())
    };
    paths::write_atomically(&target, text.as_bytes()).map_err(|err| failed(chain(&err)))?;
    if draft.shared {
        // It is everybody's who may read the checkout.
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644))
            .map_err(|err| failed(err.to_string()))?;
    }
    Ok(())
}

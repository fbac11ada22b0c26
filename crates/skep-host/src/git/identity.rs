//! Who commits, as the user's git settings say it.

use std::path::Path;

use super::{Git, GitError, fields};

/// A name and an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub name: String,
    pub email: String,
}

/// Reads who commits in `dir`; none where git knows no name or no address.
pub fn identity(git: &Git, dir: &Path) -> Result<Option<Identity>, GitError> {
    let ask = ["config", "--null", "--get-regexp", "^user\\.(name|email)$"];
    let (code, out) = git.call(dir).args(ask).code(&[0, 1])?;
    let (mut name, mut email) = (None, None);
    // Of several the last one holds, as for git itself.
    for field in fields(if code == 0 { &out } else { &[] }) {
        let field = String::from_utf8_lossy(field);
        match field.split_once('\n') {
            Some(("user.name", value)) => name = Some(value.to_owned()),
            Some(("user.email", value)) => email = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(name.zip(email).map(|(name, email)| Identity { name, email }))
}

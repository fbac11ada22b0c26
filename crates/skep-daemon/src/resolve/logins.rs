//! By which logins a run may work.
//!
//! Owns: whose login an agent shares, and the accounts that its settings list, each with its folders.
//! Never: chooses among them; the core does, by who is at a limit and who was used last.

use std::path::Path;

use skep_api::wire::Refusal;
use skep_core::run::{Login, Logins};
use skep_harness::profile::Profile;

use super::choice;
use crate::config::Settings;

/// The logins of an agent; where an account was `asked` for by name, that is the only one.
///
/// Errors: one of the list is not known, another agent's, or has a folder that is not there.
pub(super) fn of(
    profile: &Profile,
    list: &[String],
    asked: bool,
    settings: &Settings,
    config: &Path,
    home: Option<&str>,
) -> Result<Logins, Refusal> {
    let mut accounts = Vec::new();
    if !asked {
        for name in list {
            let account = choice::require_account(name, profile, settings, config)?;
            let folders = choice::folders(name, account, home)?;
            accounts.push(Login { name: name.clone(), folders });
        }
    }
    let shared = Some(login_of(profile, config)).filter(|login| *login != profile.name);
    Ok(Logins { shared: shared.unwrap_or_default(), accounts })
}

/// The first of the agents with whom it shares its login, by name; it may be itself.
pub fn login_of(profile: &Profile, config: &Path) -> String {
    // What cannot be read has a login of its own, as far as anybody knows.
    let all = Profile::all(Some(&config.join("agents"))).unwrap_or_default();
    let first = all.iter().filter(|it| profile.shares_login(it)).map(|it| it.name.as_str()).min();
    first.unwrap_or(&profile.name).to_owned()
}

/// The names of all variables that they set.
pub(super) fn variables(logins: &Logins) -> impl Iterator<Item = String> {
    logins.accounts.iter().flat_map(|login| login.folders.keys().cloned())
}

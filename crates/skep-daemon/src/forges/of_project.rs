//! A change by its number, where no run of ours made it.

use std::{collections::BTreeMap, path::Path};

use skep_core::change::Change;
use skep_forge::{
    http::{Line, Patience, Token},
    open,
};
use skep_host::{
    git::{self, Git},
    publish,
    secrets::Reference,
};

use super::{GIT, NoForge, chain, config, place_of};

/// The change of this number at the forge of the repository at `path`, whose token's reference is followed with `vars`.
///
/// Errors: nobody answered, which says nothing of the change.
pub fn change_of_project(
    config: &Path,
    path: &Path,
    base: Option<&str>,
    number: u64,
    vars: &BTreeMap<String, String>,
    patience: Patience,
) -> Result<Change, NoForge> {
    let settings = config::user(config).map_err(|err| NoForge::because(err.slug(), chain(&err)))?;
    let git = Git::new(vars).timeout(GIT.min(patience.answer));
    let repo =
        git::discover(&git, path).map_err(|err| NoForge::because(err.slug(), chain(&err)))?;
    let branch = base.map_or("main", |base| base.strip_prefix("origin/").unwrap_or(base));
    let addresses = publish::addresses_of(&git, &repo, branch)
        .map_err(|err| NoForge::because(err.slug(), chain(&err)))?;
    let place = place_of(&addresses, &settings.forge)?;
    let known = settings.forge.iter().find(|(name, _)| name.eq_ignore_ascii_case(&place.host));
    let reference = known.and_then(|(_, host)| host.token.clone());
    let (host, vars) = (place.host.clone(), vars.clone());
    let token = reference.map_or_else(Token::none, |reference| {
        Token::by(move || {
            let parsed = Reference::parse(&reference).map_err(|err| chain(&err))?;
            let value = parsed.follow(&host, &vars, &[]).map_err(|err| chain(&err))?;
            Ok(Some(value.trim().to_owned()))
        })
    });
    Ok(open::open(place, token, patience, Line::default()).change(number)?)
}

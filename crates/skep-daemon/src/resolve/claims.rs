//! From the paths that somebody claims to the same paths in the project's own checkout.
//!
//! Owns: that a claim is a file or folder of the project, however it is reached, before anything of a run is made.
//! Never: decides whether it is free; the core does.

use std::path::{Path, PathBuf};

use skep_api::{
    tool,
    wire::{Refusal, chain},
};
use skep_core::{run::Claims, text};
use skep_host::{
    git::{Git, Repository},
    paths, worktree,
};

use super::{FoundPlace, git_refusal};

/// What of a path an error repeats. Characters.
const SHOWN: usize = 200;

/// The folders in which a project's files may be named.
#[derive(Debug)]
pub struct Roots {
    /// Its own checkout, as it is registered: what all claims are counted from.
    home: PathBuf,
    /// The same and each other worktree of the repository, without links.
    all: Vec<PathBuf>,
}

impl Roots {
    /// Finds the worktrees of `repo`, whose project is registered at `home`.
    pub fn of(git: &Git, repo: &Repository, home: &str) -> Result<Roots, Refusal> {
        let listed = worktree::list(git, repo).map_err(|err| git_refusal(&err))?;
        let listed = listed.into_iter().filter(|it| !it.bare).map(|it| it.path);
        let all = listed.chain([PathBuf::from(home)]).filter_map(|path| path.canonicalize().ok());
        Ok(Roots { home: PathBuf::from(home), all: all.collect() })
    }

    /// The same file in the project's own checkout, of a path without links; none where it lies in no worktree of it.
    pub fn home_of(&self, real: &Path) -> Option<PathBuf> {
        let root = self.all.iter().filter(|root| real.starts_with(root));
        // One worktree may lie in another.
        let root = root.max_by_key(|root| root.components().count())?;
        let inside = real.strip_prefix(root).ok()?;
        let is_root = inside.as_os_str().is_empty();
        Some(if is_root { self.home.clone() } else { self.home.join(inside) })
    }

    /// The same path in the project's own checkout, asked for by somebody who stands in `cwd`.
    ///
    /// Errors: it leads nowhere, or out of the project; it is git's own; it is a pattern.
    fn at_home(&self, asked: &str, cwd: &Path) -> Result<String, Refusal> {
        let shown = text::words(&text::one_line(asked), SHOWN);
        let real = paths::real(&cwd.join(asked))
            .map_err(|err| unfit(format!("nobody can say where `{shown}` is: {}", chain(&err))))?;
        let Some(path) = self.home_of(&real) else {
            let home = self.home.display();
            let text = format!("`{shown}` leads out of {home}");
            return Err(Refusal::error("claims-outside", text)
                .hint("a claim is read from the folder that you stand in")
                .hint(format!("name it whole: --claims {home}/src")));
        };
        if path.starts_with(self.home.join(".git")) {
            return Err(unfit(format!("`{shown}` is git's own, and no run's to change")));
        }
        if asked.contains(['*', '?']) && !real.exists() {
            return Err(unfit(format!(
                "`{shown}` is a pattern, and a claim is a file or a folder with all that is in it"
            )));
        }
        path.into_os_string()
            .into_string()
            .map_err(|_| unfit(format!("`{shown}` leads to a path that is not UTF-8")))
    }
}

/// The claims of a run, where they are somebody's to make.
pub(super) fn of(
    asked: &[String],
    overlap: bool,
    cwd: &str,
    place: Option<&FoundPlace>,
) -> Result<Claims, Refusal> {
    if asked.is_empty() {
        return Ok(Claims::default());
    }
    let asked: Vec<&str> =
        asked.iter().map(|path| path.trim()).filter(|path| !path.is_empty()).collect();
    if asked.is_empty() {
        return Err(unfit("there is no path in it".to_owned()));
    }
    if asked.len() > tool::PATHS || asked.iter().any(|path| path.len() > tool::PATH) {
        let text = format!("at most {} paths of {} bytes each", tool::PATHS, tool::PATH);
        return Err(unfit(text));
    }
    let Some(place) = place else {
        return Err(unfit(
            "a run without a repository has no files that others work at".to_owned(),
        ));
    };
    let roots = Roots::of(&place.git, &place.repo, &place.project.path)?;
    let mut paths = Vec::new();
    for path in asked {
        let path = roots.at_home(path, Path::new(cwd))?;
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    Ok(Claims { paths, overlap })
}

fn unfit(text: String) -> Refusal {
    Refusal::error("claims-unfit", text)
        .hint("files and folders of the project, with commas: --claims src/web,README.md")
}

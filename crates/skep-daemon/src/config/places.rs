//! Where the home and the settings lie.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::ConfigError;

/// Where one skep keeps its things and finds its settings; both absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    pub home: PathBuf,
    pub config_dir: PathBuf,
}

impl Places {
    /// Finds them in the environment of this process; `home` from the command line wins.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    pub fn from_environment(home: Option<&Path>) -> Result<Places, ConfigError> {
        Places::find(home, |name| std::env::var_os(name))
    }

    /// Finds them with `variable` as the environment: SKEP_HOME, SKEP_CONFIG, else the XDG folders, else below HOME.
    pub fn find(
        home: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Places, ConfigError> {
        // An empty or relative variable counts as none where the XDG rules say so.
        let absolute =
            |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let own = |name: &str| variable(name).filter(|text| !text.is_empty()).map(PathBuf::from);
        let below_home = |rest: &str| absolute("HOME").map(|home| home.join(rest));
        let place = |given: Option<PathBuf>, what, variable, xdg: &str, rest: &str| {
            given
                .or_else(|| own(variable))
                .and_then(|path| std::path::absolute(path).ok())
                .or_else(|| {
                    absolute(xdg).or_else(|| below_home(rest)).map(|base| base.join("skep"))
                })
                .ok_or(ConfigError::Nowhere { what, variable })
        };
        Ok(Places {
            home: place(
                home.map(Path::to_owned),
                "the home",
                "SKEP_HOME",
                "XDG_STATE_HOME",
                ".local/state",
            )?,
            config_dir: place(None, "the settings", "SKEP_CONFIG", "XDG_CONFIG_HOME", ".config")?,
        })
    }
}

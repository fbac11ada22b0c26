//! The env of a run that stands on somebody else's commit, made and looked at by the deeds that the daemon has carried out.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use skep_core::run::{EnvState, Fence, Run};
use skep_daemon::hands::{self, Deed, Done};
use skep_host::{fence, proc::Program};

use crate::home::{Home, text_of};

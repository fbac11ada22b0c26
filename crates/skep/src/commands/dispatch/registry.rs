//! `skep dispatch ls`, `status` and `check`: who is at which issue, and on which paths.

use crate::{
    connect::Skep,
    exit::{CliError, Outcome},
};

pub(super) fn ls(_skep: &Skep) -> Outcome {
    Err(CliError::error("usage", "nothing is listed"))
}

pub(super) fn status(_skep: &Skep, _of: Option<&str>) -> Outcome {
    Err(CliError::error("usage", "nothing is told"))
}

pub(super) fn check(_skep: &Skep, _path: &str) -> Outcome {
    Err(CliError::error("usage", "nothing is checked"))
}

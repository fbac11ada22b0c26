//! What may be typed about changes.

use clap::Args;

/// `skep pr`: a run's work as a change of its forge.
#[derive(Debug, Args)]
pub(crate) struct Pr {
    /// A run's id, the beginning of one, or a worker's name
    pub(crate) id: String,
    /// Make it a draft
    #[arg(long, conflicts_with = "ready")]
    pub(crate) draft: bool,
    /// Make a draft one that asks to be merged
    #[arg(long)]
    pub(crate) ready: bool,
    /// What it is called [default: as the task]
    #[arg(long, value_name = "TITLE")]
    pub(crate) title: Option<String>,
    /// Only say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
}

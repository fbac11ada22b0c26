//! `skep hook`: what may be typed.

use std::path::PathBuf;

use clap::Subcommand;

/// What can be done with Taskwarrior's hooks.
#[derive(Debug, Subcommand)]
pub(crate) enum Hook {
    /// Put them into your Taskwarrior, and declare their attributes in your taskrc
    #[command(after_help = "\
Two scripts that start this skep for this home, and a few lines in your taskrc, between two marks. Twice changes nothing.
A hook that is not ours is given another name, never written over. What becomes of your tasks: docs/taskwarrior.md.")]
    Install {
        /// The folder of the hooks [default: Taskwarrior's own]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Take away what install put there, and nothing else
    Uninstall {
        /// The folder of the hooks [default: Taskwarrior's own]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// What Taskwarrior calls for a task that is added: one line in, one line out
    #[command(hide = true)]
    OnAdd {
        /// What Taskwarrior says of itself
        #[arg(last = true)]
        told: Vec<String>,
    },
    /// What Taskwarrior calls for a task that is changed: two lines in, one line out
    #[command(hide = true)]
    OnModify {
        /// What Taskwarrior says of itself
        #[arg(last = true)]
        told: Vec<String>,
    },
}

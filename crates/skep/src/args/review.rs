//! What may be typed about reviews and the foreman.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::duration;

/// `skep review`: a part that is looked at once more, or what a person says of it.
#[derive(Debug, Args)]
pub(crate) struct Review {
    /// A run of the part: its author's or its reviewer's id, or a worker's name; or its task's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Which part of the task, by its project [default: the one that waits for you, or the only one]
    #[arg(long, value_name = "PROJECT")]
    pub(crate) part: Option<String>,
    /// Only say what is wrong there; may stand more than once. `-` for a file where it is about none
    #[arg(long = "comment", num_args = 2, value_names = ["FILE[:LINE]", "TEXT"], action = clap::ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) comments: Vec<String>,
    /// Only show what became of its reviews
    #[arg(long, conflicts_with = "comments")]
    pub(crate) show: bool,
}

/// `skep refine`: words about what the foreman proposes.
#[derive(Debug, Args)]
pub(crate) struct Refine {
    /// A question's id (q_…), the beginning of one, or a worker's name where it asks one thing
    #[arg(value_name = "Q")]
    pub(crate) question: String,
    /// What the foreman is to think of, or - for standard input
    pub(crate) text: String,
    /// Answer at once
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// How long, like 90s or 10m
    #[arg(long, value_parser = duration, value_name = "TIME", conflicts_with = "detach")]
    pub(crate) timeout: Option<Duration>,
}

/// What can be asked about foremen.
#[derive(Debug, Subcommand)]
pub(crate) enum Foreman {
    /// What a foreman is asked now, what waits, what went to people, and what it answered
    #[command(after_help = "\
A foreman answers what the agents of a plan ask, as far as the plan and earlier answers say it; it proposes the rest to you.
It is begun with the first question, and has a conversation of its own.")]
    Status {
        /// A task's id, a plan's, that of a run of it, or the beginning of one [default: each that has a foreman]
        #[arg(value_name = "TASK")]
        id: Option<String>,
    },
}

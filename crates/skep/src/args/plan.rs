//! What may be typed about plans.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `skep plan`: a task to be planned, or what can be done with plans.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) planning: Planning,
    #[command(subcommand)]
    pub(crate) verb: Option<PlanVerb>,
}

/// What is to be planned, and how.
#[derive(Debug, Args)]
pub(crate) struct Planning {
    /// A task's id, or what is to be done in a few words
    #[arg(value_name = "TASK|TITLE", required = true)]
    pub(crate) task: Option<String>,
    /// A project that the plan may name; may stand more than once [default: those of the task, else all]
    #[arg(long = "project", value_name = "P")]
    pub(crate) projects: Vec<String>,
    /// What to think of besides
    #[arg(long, value_name = "TEXT", conflicts_with = "more")]
    pub(crate) say: Option<String>,
    /// The task is done, and this is wanted beyond it
    #[arg(long, value_name = "TEXT")]
    pub(crate) more: Option<String>,
    /// Somebody else wrote the title (an issue, a mail): it is data, and narrower rules hold
    #[arg(long)]
    pub(crate) outside: bool,
    #[command(flatten)]
    pub(crate) with: With,
}

/// What is to be carried out, and how.
#[derive(Debug, Args)]
pub(crate) struct Implement {
    /// A plan's id, its task's, or the beginning of one
    #[arg(value_name = "P")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) with: With,
}

/// How the runs of a plan are to be.
#[derive(Debug, Args)]
pub(crate) struct With {
    /// The agent, by its profile [default: settings, else the first one found]
    #[arg(long, value_name = "A")]
    pub(crate) agent: Option<String>,
    /// The model, as the agent calls it
    #[arg(long, value_name = "M")]
    pub(crate) model: Option<String>,
    /// An account of the agent's, as your settings call it [default: settings, else its usual login]
    #[arg(long, value_name = "N")]
    pub(crate) account: Option<String>,
    /// ask, auto or bypass
    #[arg(long, value_name = "P", value_parser = ["ask", "auto", "bypass"], hide_possible_values = true)]
    pub(crate) permissions: Option<String>,
    /// What each run may use: 5usd, 200k (tokens), 30m, '20 turns', several with commas
    #[arg(long, value_name = "X")]
    pub(crate) budget: Option<String>,
    /// Approve the projects' own scripts as they are now
    #[arg(long)]
    pub(crate) yes: bool,
    /// Answer at once
    #[arg(short, long)]
    pub(crate) detach: bool,
}

/// What can be done with plans.
#[derive(Debug, Subcommand)]
pub(crate) enum PlanVerb {
    /// Reads a plan and says all that is wrong with it, or its waves
    #[command(
        after_help = "Leaves with 1 when something is wrong. It needs no daemon and changes nothing: whoever writes a plan can\n\
                      check it while it is written. `skep help plan` shows the form of a plan."
    )]
    Check {
        /// The document; - for standard input
        file: PathBuf,
        /// A project that the plan may name, once each [default: any]
        #[arg(long = "project", value_name = "P")]
        projects: Vec<String>,
    },
    /// A plan: its waves and parts, how far each is, and what to do next
    Show {
        /// A plan's id, its task's, or that of a run of it; the beginning of one, or a worker's name
        id: String,
        /// The text of it, as `plan check` reads it
        #[arg(long)]
        document: bool,
        /// An older one, by its number
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
    /// Change a plan that waits for you, in your editor
    #[command(
        after_help = "Opens $VISUAL, else $EDITOR. What you leave is checked; where it is no plan yet, you can go on with it.\n\
                      Nothing changes where you changed nothing."
    )]
    Edit {
        /// A plan's id, its task's, or that of the run which made it; the beginning of one, or a worker's name
        id: String,
        /// Take it from this file, or from standard input (-), and open no editor
        #[arg(long, value_name = "F")]
        file: Option<PathBuf>,
    },
    /// Shows what agents are told while a plan is made and carried out
    #[command(
        after_help = "Yours take the place of those that come with skep: prompts/NAME.md in the\n\
                      folder of your settings, prompts/PROJECT/NAME.md for one project. Each is\n\
                      looked through, and one that does not fit is an error, never passed over."
    )]
    Prompt {
        /// Which one; none: the list
        name: Option<String>,
        /// As it is for this project
        #[arg(long, value_name = "P")]
        project: Option<String>,
        /// Filled in, with values as an example
        #[arg(long, requires = "name")]
        example: bool,
    },
}

//! What may be typed about dispatches: an agent at an issue of a tracker.

use clap::{Args, Subcommand};
use skep_api::wire::Refusal;
use skep_core::text;

/// How an agent is put at an issue, and what can be done about those that were.
#[derive(Debug, Subcommand)]
pub(crate) enum Dispatch {
    /// An agent alone with an issue: it finishes, and asks nobody
    #[command(after_help = "\
It gets a worktree of its own and no terminal. What it is told is the issue, as skep read it from the tracker, and nothing of
yours. How freely an agent may be put at an issue, the issue's labels say; without one it is consult: skep config show dispatch")]
    Headless(At),
    /// An agent at an issue, on a screen of its own, at which you may look
    #[command(after_help = "\
At a terminal you are shown its screen at once: Ctrl-Q leaves it, and the agent goes on. Elsewhere you are told how to attach.")]
    Interactive(At),
    /// An agent at an issue, on a screen of its own: where it is in doubt it asks you
    #[command(after_help = "\
It stops for names, for what cannot be taken back, and where two ways are as good; everything else it does by itself.
At a terminal you are shown its screen at once: Ctrl-Q leaves it, and the agent goes on.")]
    Consult(At),
    /// An agent at an issue that is too big for one: it may start others, within bounds
    #[command(after_help = "\
How many generations may follow it, how many each may start, how many there are in all and what they spend together is counted
by skep, whatever an agent says: skep config show dispatch")]
    Cascade(Cascade),
    /// Who is at which issue now
    Ls,
    /// How far an agent is at an issue, and the last that it said
    Status {
        /// An issue, a run's id, the beginning of one, or a worker's name [default: all that live]
        #[arg(value_name = "REF|ID")]
        of: Option<String>,
    },
    /// Whether somebody is at work on a path, or claims it
    #[command(after_help = "Leaves with 1 when somebody is.")]
    Check {
        /// A file or folder, which need not be there
        path: String,
    },
    /// Give back the envs of dispatches that are over: merged, or given up by you
    #[command(after_help = "\
It takes only what has no live agent, and is merged with a commit of its own (squashed and rebased too), or was given up by a
person; all else stays, and it says why. It deletes nothing that close --merged would not.

An issue is claimed on its repository while an agent of one skep is at it, so that no other begins. Where that other is gone
for good, its claim is yours to free: --free REF. It says who held it, and since when.")]
    Reap {
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
        /// Free the claim of another skep on this issue: you know that nobody is at work there
        #[arg(long, value_name = "REF")]
        free: Option<String>,
    },
}

/// The issue, and how the run is to be.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// The issue: owner/repo#12, or its address
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// The project, where several have the repository
    #[arg(long, value_name = "P")]
    pub(crate) project: Option<String>,
    /// What it is going to change; others are kept from it, or told
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    pub(crate) claims: Vec<String>,
    /// Begin although somebody claims the same
    #[arg(long)]
    pub(crate) overlap: bool,
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
    /// What it may use: 5usd, 200k (tokens), 30m, '20 turns', several with commas
    #[arg(long, value_name = "X")]
    pub(crate) budget: Option<String>,
    /// Approve the project's own scripts as they are now
    #[arg(long)]
    pub(crate) yes: bool,
    /// Only say what would happen
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Answer at once
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// Show what the agent says until it ends
    #[arg(short, long, conflicts_with = "detach")]
    pub(crate) follow: bool,
}

/// The issue, how the run is to be, and how far it may go on.
#[derive(Debug, Args)]
pub(crate) struct Cascade {
    #[command(flatten)]
    pub(crate) at: At,
    /// How many generations may follow it, from 1 to 5 [default: settings, else 3]
    #[arg(long, value_name = "N", value_parser = depth)]
    pub(crate) depth: Option<u8>,
}

fn depth(text: &str) -> Result<u8, String> {
    let generations = text.parse().ok().filter(|depth| (1..=5).contains(depth));
    generations.ok_or_else(|| "a whole number from 1 to 5 is wanted".to_owned())
}

/// How many characters of a reference an error repeats.
const ECHO: usize = 80;

/// The answer to a reference without a mode; none where `word` is no reference.
pub(super) fn bare(word: &str) -> Option<Refusal> {
    let is_reference = word.contains(['#', '/']) || word.starts_with("tw:");
    is_reference.then(|| {
        let shown = text::words(&text::one_line(word), ECHO);
        let text =
            format!("how is an agent put at `{shown}`: headless, interactive, consult or cascade?");
        Refusal::error("usage", text)
            .hint(format!("skep dispatch headless {shown}      it finishes alone"))
            .hint(format!("skep dispatch interactive {shown}   on a screen, at which you may look"))
            .hint(format!("skep dispatch consult {shown}       on a screen; in doubt it asks you"))
            .hint(format!("skep dispatch cascade {shown}       it may start others, within bounds"))
    })
}

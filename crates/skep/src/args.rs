//! The command line: what may be typed, and what each part means.
//!
//! Owns: names, help, examples, and the answer to what is typed wrong. Never: does anything.

mod change;
mod dispatch;
mod examples;
mod hook;
mod notify;
mod overview;
mod plan;
mod review;
#[cfg(test)]
mod tests;
mod wrong;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use skep_core::run::Kind;

pub(crate) use change::Pr;
pub(crate) use dispatch::{At, Cascade, Dispatch};
pub(crate) use hook::Hook;
pub(crate) use notify::Notify;
pub(crate) use plan::{Implement, Plan, PlanVerb, Planning, With};
pub(crate) use review::{Foreman, Refine, Review};
pub(crate) use wrong::{no_verb, refusal};

/// Reads a command line.
///
/// Errors: what is wrong with it, or the help that it asks for.
pub(crate) fn parse(argv: &[OsString]) -> Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command().try_get_matches_from(argv)?)
}

/// Everything that may be typed, with examples, and with the verbs by what people want.
pub(crate) fn command() -> Command {
    overview::at(examples::at(named(Cli::command())))
}

/// The same command, where a list of ids asks for an `ID` as one of them does.
fn named(command: Command) -> Command {
    let below: Vec<String> =
        command.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    let command =
        below.into_iter().fold(command, |command, name| command.mut_subcommand(name, named));
    command.mut_args(|arg| match arg.get_id().as_str() {
        "ids" => arg.value_name("ID"),
        "snapshots" => arg.value_name("SNAPSHOT"),
        _ => arg,
    })
}

/// Runs a fleet of coding agents on your repositories and loses nothing.
#[derive(Debug, Parser)]
#[command(name = "skep", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// Flags that may stand anywhere.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The home of this skep: ledger, envs, runs [default: $SKEP_HOME, else the XDG state folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Anywhere")]
    pub(crate) home: Option<PathBuf>,
    /// Print one JSON value (JSON lines for streams)
    #[arg(long, global = true, help_heading = "Anywhere")]
    pub(crate) json: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true, help_heading = "Anywhere")]
    pub(crate) quiet: bool,
    /// Say more; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Anywhere")]
    pub(crate) verbose: u8,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What runs, who waits for you, what to do next
    #[command(after_help = "\
Examples:
  skep status
  skep status --short                      3 run · 1 waits · 1 failed
  set -g status-right '#(skep status -s)'  in ~/.tmux.conf

The short line is empty where no daemon runs, and starts none.")]
    Status {
        /// One line, for a status bar; looks only where a daemon runs already
        #[arg(short, long)]
        short: bool,
    },
    /// The whole story in a temporary home of its own: no key, no network
    Demo(Demo),
    /// Look at a repository, and propose and write its settings
    #[command(after_help = "\
Nothing that stands in a file of settings is changed; a second init changes nothing. No hook and no script of the repository runs.
At a terminal it asks before it writes and before it approves a set-up; elsewhere it writes, and only --yes approves.

Examples:
  skep init --dry-run    only look
  skep init              your own settings for this repository
  skep init --shared     .skep/project.toml, for everybody who works on it")]
    Init {
        /// Into the repository, as .skep/project.toml; committing it is yours
        #[arg(long)]
        shared: bool,
        /// Write, and approve the set-up as it is shown
        #[arg(long)]
        yes: bool,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Put an agent to work, one worker per title
    #[command(visible_aliases = ["spawn", "new"])]
    Run(Box<Run>),
    /// List runs, those that need you first
    #[command(
        visible_aliases = ["list", "ps"],
        after_help = "\
First who waits for you, then what stalled, what failed and still stands, what runs, what rests or is queued, what can land,
and what else has ended; the newest first. CHANGES are lines against the base, BRANCH is as of the last look:
↑2 commits of its own, ↓1 of the target that it lacks, * what no commit holds.

Examples:
  skep ls
  skep ls --all --project web
  skep ls --json | jq -r '.[] | select(.state == \"waiting\").name'"
    )]
    Ls {
        /// Closed ones too
        #[arg(long)]
        all: bool,
        /// Only those of this project
        #[arg(long, value_name = "P")]
        project: Option<String>,
    },
    /// All that is known of a run
    Show {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
    },
    /// Why a run is as it is: each fact with its source, its age and the rule that it met
    Why {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
    },
    /// All of it on one screen: look, send, attach, stop, close, land, undo
    #[command(
        visible_aliases = ["tui", "top"],
        after_help = "? shows the keys. q leaves, and all runs go on. Nothing is written while nothing changes."
    )]
    Watch {},
    /// What an agent said and did
    Logs {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// Go on until the run ends
        #[arg(short, long)]
        follow: bool,
        /// The journal as it is written
        #[arg(long)]
        raw: bool,
        /// When each thing was said, UTC
        #[arg(short, long)]
        times: bool,
        /// What tools were given and answered, in full
        #[arg(long)]
        tools: bool,
        /// Only the last N lines
        #[arg(short = 'n', long = "lines", value_name = "N")]
        last: Option<usize>,
    },
    /// What a run changed since its work began, committed or not
    #[command(after_help = "\
Compared with the last commit that the work shares with its base or its target. Once the env is given back it is what the
branch holds. On a terminal it goes through $SKEP_PAGER, $PAGER or less -FRX.

Examples:
  skep diff amber
  skep diff amber src/main.rs
  skep diff amber --stat
  skep diff amber --raw | git apply")]
    Diff {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// Only this file or folder, as seen from the top of the worktree
        path: Option<String>,
        /// Only which files, and how many lines
        #[arg(long)]
        stat: bool,
        /// The patch as git writes it, for a program
        #[arg(long, conflicts_with = "stat")]
        raw: bool,
        /// Print it, however long it is
        #[arg(long)]
        no_pager: bool,
    },
    /// Which runs collide, before they land
    #[command(after_help = "\
Looks at the worktrees as they stand now, with what is not committed and what git does not know yet, and has git merge
every two of them, in a store of its own. \u{2717} cannot be merged, ~ both change the same files, ? could not be asked.
Exit code 1 where there is a \u{2717} or a ?, else 0. While runs are at work this is done beside them, and a run that
conflicts with an earlier one is told once: skep config show radar.

Examples:
  skep conflicts
  skep conflicts web
  skep conflicts amber beryl
  skep conflicts --json | jq -r '.[].files[]'")]
    Conflicts {
        /// Projects and runs [default: all]
        #[arg(value_name = "PROJECT|RUN")]
        of: Vec<String>,
    },
    /// Tokens and money, by run, by project and in total, as far as agents told
    #[command(after_help = "\
Money is the agent's own word, or comes from the prices that you set (then it is marked ~); skep makes none up. ? is what
nobody told, \u{2265} a sum of which a part is unknown. Days are yours, by your clock.

A price, in USD for a million tokens, in config.toml (skep config path), where the newest prices are yours to look up:
  [prices.\"gpt-5*\"]
  input = 1.25
  output = 10
  cached = 0.125

Examples:
  skep cost
  skep cost amber beryl
  skep cost --by day --since 7d
  skep cost --by model --json | jq .total")]
    Cost {
        /// Runs: ids, beginnings of ids, or workers' names [default: all, closed ones too]
        ids: Vec<String>,
        /// What each row is of
        #[arg(long, value_name = "WHAT", default_value = "run", value_parser = ["run", "task", "project", "day", "agent", "model"])]
        by: String,
        /// From this day on: 7d, or a date like 2026-11-21
        #[arg(long, value_name = "DAY")]
        since: Option<String>,
    },
    /// Open a run's worktree in your editor
    #[command(after_help = "\
Runs $SKEP_OPEN, else $VISUAL, else $EDITOR, with the worktree as its last word, and says so. No shell reads it.

Examples:
  skep open amber
  SKEP_OPEN='code --new-window' skep open amber")]
    Open {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
    },
    /// What happened, from the ledger
    Events {
        /// The first number to show
        #[arg(long, default_value_t = 1, value_name = "SEQ")]
        from: u64,
        /// Go on with what happens
        #[arg(short, long)]
        follow: bool,
    },
    /// Wait until runs have ended, or are in a state
    #[command(
        after_help = "Leaves with 0 when all completed, 4 when one ended otherwise, 3 when the time ran out."
    )]
    Wait {
        /// Runs: ids, beginnings of ids, or workers' names
        #[arg(required = true)]
        ids: Vec<String>,
        /// The state to wait for
        #[arg(long = "for", default_value = "ended", value_name = "STATE")]
        until: String,
        /// One of them is enough
        #[arg(long)]
        any: bool,
        /// How long, like 90s or 10m
        #[arg(long, value_parser = duration, value_name = "TIME")]
        timeout: Option<Duration>,
    },
    /// The folder of a run's worktree
    Path {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
    },
    /// A shell, or a command, in a run's worktree
    Sh {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// The command [default: your shell]
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// The agent's own screen, here; Ctrl-Q leaves it, and the agent goes on
    #[command(
        after_help = "Ctrl-Q twice in a row is one Ctrl-Q for the agent. Any number may look at once."
    )]
    Attach {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// Have the agent go on with its conversation on its own screen: at the end of its turn, or at once where it rests
        #[arg(long)]
        tui: bool,
    },
    /// End runs; their work stays
    #[command(
        visible_alias = "kill",
        after_help = "A second stop is by force. `skep kill` is `skep stop --now`."
    )]
    Stop {
        /// Runs: ids, beginnings of ids, or workers' names
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All that have not ended
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// And all that they had others begin; what they did is kept
        #[arg(long, conflicts_with = "all")]
        children: bool,
        /// By force, at once
        #[arg(long)]
        now: bool,
    },
    /// Let an agent rest: at the end of its turn, or at once; its env and conversation stay
    #[command(
        after_help = "skep resume ID goes on. An agent that answers once and leaves has nothing to pause at its turn's end; --now ends it, and resume takes it up again."
    )]
    Pause {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// In the middle of its turn
        #[arg(long)]
        now: bool,
    },
    /// Go on with a run that has ended or waits, in its env and its conversation
    #[command(visible_aliases = ["restart", "follow-up"])]
    Resume {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// What to tell the agent [default: go on]
        text: Option<String>,
        /// From its own screen back to pipes, in the same conversation
        #[arg(long)]
        headless: bool,
        /// How much more it may use: +5usd, +200k (tokens), +30m, '+5 turns'
        #[arg(long, value_name = "MORE")]
        budget: Option<String>,
    },
    /// Try a run again from its task, in the same env
    Retry {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
    },
    /// Give the agent of a run a message
    #[command(visible_alias = "nudge")]
    Send {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// The message, or - for standard input
        text: String,
        /// Break the turn under way off for it
        #[arg(long)]
        steer: bool,
        /// Wait until it has come so far
        #[arg(long, value_name = "RECEIPT", value_parser = ["queued", "delivered", "accepted", "turn-started"])]
        wait: Option<String>,
        /// Your own name of the message: with the same it is sent once
        #[arg(long)]
        key: Option<String>,
        /// How long, like 90s or 10m
        #[arg(long, value_parser = duration, value_name = "TIME", requires = "wait")]
        timeout: Option<Duration>,
    },
    /// Take what waits for you: a plan, a part that no review settled, an answer of the foreman's; or give an agent leave
    #[command(after_help = "\
A plan: nothing is begun by it; skep implement does that. A part: it is taken as it is and handed over. A question: the agent
gets what the foreman proposes. Leave: skep show ID shows what is asked, word for word. An ID of a run will do where it asks
for one thing. Nothing else is given leave by it: the next time the agent asks again.")]
    Approve {
        /// A plan's or task's id, a question's (q_…), a request's (ask_…), a run's, the beginning of one, or a worker's name
        id: String,
        /// Words for the agent; an agent that gets its leave takes none
        text: Option<String>,
        /// Of a plan: what comes before this wave is done already, by other hands
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with_all = ["text", "part"])]
        from_wave: Option<u32>,
        /// Of a task, a part that no review settled, by its project [default: the one that waits for you]
        #[arg(long, value_name = "PROJECT")]
        part: Option<String>,
    },
    /// Send a plan back, or a part that no review settled, with what is to be otherwise; or refuse an agent its leave
    #[command(after_help = "\
A plan is planned again, by the one who planned it, with your words. A part goes back to its author with them and what was
found, for one more round; without words it is given up: the part fails. Leave: the agent decides what becomes of its turn: some
go on otherwise, some end it. A reason reaches it where its protocol carries one (claude); to others say more by skep send or
skep resume.")]
    Reject {
        /// A plan's or task's id, a request's (ask_…), a run's, the beginning of one, or a worker's name
        id: String,
        /// Why, or - for standard input
        text: Option<String>,
        /// Of a task, a part that no review settled, by its project [default: the one that waits for you]
        #[arg(long, value_name = "PROJECT")]
        part: Option<String>,
    },
    /// Have a part of a plan reviewed once more, or say yourself what is wrong with it
    #[command(after_help = "\
Parts are reviewed by themselves: [review] in the settings says how often, and what passes. This is for what no review settled,
and for what is done. A comment is held against the work like a finding of a reviewer, and nothing begins by it.")]
    Review(Box<Review>),
    /// Carry an approved plan out: wave after wave, one worker for each project
    #[command(after_help = "\
All projects are looked at first: where one of them stands in the way, nothing is begun. What failed or was stopped is taken
up again, in the same worktrees; what is done stays done. Ctrl-C leaves the work going on.
Leaves with 0 when all of it is done and handed over, 4 when a part failed, 1 when it waits for you.")]
    Implement(Box<Implement>),
    /// Hand over what is done once more: committed, and pushed where there is a remote
    #[command(after_help = "\
It happens by itself when the last part is done; this is for when that failed. Leaves with 4 when it failed again.")]
    Finalize {
        /// A task's id, a plan's, or the beginning of one
        #[arg(value_name = "TASK")]
        id: String,
        /// Answer at once
        #[arg(short, long)]
        detach: bool,
    },
    /// Questions of agents that nobody has answered
    Questions {
        /// A question's id (q_…), a run's id, the beginning of one, or a worker's name
        id: Option<String>,
        /// Also those that were answered, skipped or withdrawn
        #[arg(long)]
        all: bool,
    },
    /// Answer a question of an agent
    #[command(after_help = "\
The first answer counts. It reaches the agent once: in the call that asks, as its next message, or in the prompt of its next
attempt.")]
    Answer {
        /// A question's id (q_…), the beginning of one, or a worker's name where it asks one thing
        #[arg(value_name = "Q")]
        question: String,
        /// The answer, the number of an option, or - for standard input
        text: Option<String>,
        /// Let the agent decide
        #[arg(long)]
        skip: bool,
    },
    /// Have the foreman think again of what it proposes to a question
    #[command(after_help = "\
The new proposal takes the place of the old one; the agent waits meanwhile. skep approve Q takes it, skep answer Q TEXT says it
yourself. Ctrl-C leaves the foreman thinking.")]
    Refine(Refine),
    /// All that needs you, what holds up most first
    Inbox {},
    /// What you are told on Telegram and elsewhere: what was, and whether it arrives
    #[command(subcommand)]
    Notify(Notify),
    /// Give a run up: it is stopped, all of it is kept in a snapshot, its env goes
    #[command(after_help = "skep undo brings it back.")]
    Abandon {
        /// Runs: ids, beginnings of ids, or workers' names
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Give back a run's env; nothing that is only there is lost
    #[command(
        visible_aliases = ["rm", "remove"],
        after_help = "\
Without a flag it goes only where the work is in its target, squashed and rebased work too, and the branch goes with it.
Leaves with 1 where a person must decide; nothing is destroyed then, and the ways on are printed."
    )]
    Close {
        /// Runs: ids, beginnings of ids, or workers' names
        #[arg(required_unless_present = "merged")]
        ids: Vec<String>,
        /// Only what has landed; without names, all of it
        #[arg(long, conflicts_with_all = ["keep_branch", "force"])]
        merged: bool,
        /// Remove the worktree, keep the branch with everything committed
        #[arg(long, conflicts_with = "force")]
        keep_branch: bool,
        /// Whatever stands there, a living agent too; a snapshot keeps all of it
        #[arg(long)]
        force: bool,
        /// Write a request that the daemon works off when it can
        #[arg(long, conflicts_with_all = ["keep_branch", "force", "merged"])]
        later: bool,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// A run's files at a moment, kept so that they can come back
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Bring a snapshot back, bit for bit: into its run's env, or into a folder of its own
    #[command(
        after_help = "What stands in the env is kept in a snapshot first; skep undo takes the restore back."
    )]
    Restore {
        /// A snapshot's id, or the beginning of one
        snapshot: String,
        /// A folder that is not there yet, or is empty
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Take back the last close, clean, restore or land, or the one that is named
    #[command(
        after_help = "A landing is taken back by a commit of its own, and only when it is named."
    )]
    Undo {
        /// The wish's id, as close, restore, land and clean print it [default: the last one]
        op: Option<String>,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Let go what has had its time: envs of work that is done, old snapshots, trash, records
    #[command(
        after_help = "The ages are settings: skep config show. Envs go only with a proof that nothing is only there. The daemon does the same now and then."
    )]
    Clean {
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Bring a run's work to its target, behind the project's gates
    #[command(visible_aliases = ["merge", "finish"], after_help = "\
What lands is exactly the tree that the gates saw: the work put together with its target as it stands.
One work lands at a time on each target; a target that moves meanwhile means that the gates look again.
A conflict goes to the work's own agent first, and to you when that does not settle it.

  skep land amber                  when every gate has passed
  skep land amber --dry-run        what would come in
  skep stop amber                  takes it out of the line")]
    Land {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
        /// The project's own settings may change: you have seen how
        #[arg(long)]
        settings: bool,
        /// Approve the project's gates as they stand on the target
        #[arg(long)]
        yes: bool,
        /// Answer at once; show and ls tell how far it is
        #[arg(short, long)]
        detach: bool,
    },
    /// Run the project's gates on a run's work as it would land, and land nothing
    #[command(after_help = "\
The gates look at the tree that would land: the work put together with its target as it stands now.
What they came to is kept with that tree; a commit to either side makes it void.

  skep gate amber
  skep show amber                  which gates passed, on which tree")]
    Gate {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
        /// Approve the project's gates as they stand on the target
        #[arg(long)]
        yes: bool,
        /// Answer at once; show and ls tell how far it is
        #[arg(short, long)]
        detach: bool,
    },
    /// Propose a run's work as a change of its forge, and follow that
    #[command(after_help = "\
The branch is pushed, and a change (pull or merge request) made of it, or
brought up to date: never two. Failed checks, and comments of members, go to
the agent as its next message, change.rounds times at most (3); what it
commits is pushed. What others write is for you alone: skep inbox.

GitHub, GitLab, Forgejo, Gitea. The token by reference, in config.toml:

  [forge.\"github.com\"]
  token = \"env:GITHUB_TOKEN\"            # or file:PATH, cmd:COMMAND")]
    Pr(Pr),
    /// An agent at a real issue of GitHub, Forgejo or another tracker
    #[command(subcommand)]
    Dispatch(Box<Dispatch>),
    /// Take over worktrees that others made, and the tmux sessions in them, without touching either
    #[command(after_help = "\
Without a path it lists what there is. Known layouts: git worktree add, workmux, claude-squad.
Nothing in the worktree changes, now or when it is closed; no process that runs there is ended.

  skep adopt                       what there is in this repository
  skep adopt ../web-login          takes this one over
  skep adopt --all                 takes all of them over
  skep resume amber                afterwards: an agent of skep's goes on there; land and close as ever")]
    Adopt {
        /// Worktrees that others made
        #[arg(value_name = "PATH", conflicts_with = "all")]
        paths: Vec<PathBuf>,
        /// All of this repository that may be taken over
        #[arg(long)]
        all: bool,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Repositories that skep works in
    #[command(subcommand)]
    Project(Project),
    /// Requested work
    #[command(subcommand)]
    Task(Task),
    /// The agents you have, what each can, and whether it works
    #[command(subcommand)]
    Agent(Agent),
    /// The process that keeps everything together
    #[command(subcommand)]
    Daemon(Daemon),
    /// Have a task planned before it is done, over one project or many; you decide on the plan
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        after_help = "\
An agent reads the projects and writes a plan; nothing is changed before you say so: skep approve, then skep implement.
Ctrl-C leaves the planner at work. Leaves with 4 when nothing came of it.

Examples:
  skep plan \"a faster search\" --project api --project web
  skep plan task_7k2m9qx4ab --say \"keep the old route\"
  skep plan task_7k2m9qx4ab --more \"and the docs\"    when the first plan is done

The form of a plan, a text in Markdown:
  ```skep-plan
  execution_groups:          projects of one group go side by side,
    - [api]                  one group after the other
    - [web, docs]
  needs: {docs: [web]}       or a project waits for another of its group
  ```

  ## Orchestration
  What all parts share.

  ## SubPlan: api            one for each project above
  ### Goal
  What it comes to.
  ### Scope
  - which files
  ### Changes
  1. what is done            a list, in this section and the next two
  ### Validation
  - what proves it
  ### Risks
  - what may go wrong"
    )]
    Plan(Box<Plan>),
    /// The agent that answers what the agents of a plan ask, before you do
    #[command(subcommand)]
    Foreman(Foreman),
    /// What agents may do: the rules, and what they say of a command or of what was asked before
    #[command(subcommand)]
    Policy(Policy),
    /// Settings: what they are and where they come from
    #[command(subcommand)]
    Config(Config),
    /// What is well with this skep and what is not
    #[command(
        after_help = "Leaves with 1 when something is wrong and not mended. Without --fix it only looks."
    )]
    Doctor {
        /// Mend what can be taken back: rights, sockets, sessions, registrations of worktrees
        #[arg(long)]
        fix: bool,
    },
    /// A file for a report of an error: what happened and how skep is set up, without secrets
    #[command(
        after_help = "For its owner alone, and sent nowhere: it has the last runs' records, the daemon's log, the settings and what \
doctor finds; INDEX.md in it says what, and what is not. Read it before you give it to anybody."
    )]
    Bundle {
        /// The runs it is about [default: the last five]
        ids: Vec<String>,
        /// The file to write; it must not be there [default: skep-bundle-TIME.tar.gz in this folder]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// What an error means and what leads out of it
    Explain {
        /// The word in `error[word]`; none: the list
        slug: Option<String>,
    },
    /// Help: what can be done, or how one verb is used
    Help {
        /// The verb, and the verb below it
        verb: Vec<String>,
        /// Write all of it as manual pages into this folder
        #[arg(long, value_name = "DIR", conflicts_with = "verb")]
        man: Option<PathBuf>,
        /// All verbs, one a line, hidden ones too
        #[arg(long, hide = true)]
        verbs: bool,
    },
    /// Completions for a shell, with the names of your runs, projects, agents and settings
    #[command(
        after_help = "bash: in ~/.bashrc, or in ~/.local/share/bash-completion/completions/skep\n\
                      zsh:  in a file _skep of a folder of your fpath, or in ~/.zshrc behind compinit\n\
                      fish: in ~/.config/fish/completions/skep.fish\n\
                      A completion asks a daemon that runs and starts none."
    )]
    Completions {
        /// The shell
        #[arg(value_parser = ["bash", "zsh", "fish"])]
        shell: String,
        /// Which of the words is being typed; 0 is the program
        #[arg(long, hide = true, value_name = "NTH")]
        at: Option<usize>,
        /// The words of a command line, the program first
        #[arg(last = true, hide = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
    /// The tools of a run's agent, as a server of the Model Context Protocol on standard input and output
    #[command(
        hide = true,
        after_help = "Agents get it from skep when they start; you need it only to look at it. It is heard only from a run's own processes."
    )]
    Mcp {
        /// The run whose agent it serves [default: the one that it was started in]
        #[arg(long, value_name = "ID")]
        run: Option<String>,
        /// The control socket of the run's keeper [default: found by the run]
        #[arg(long, hide = true, value_name = "SOCKET")]
        keeper: Option<PathBuf>,
        /// How long a question waits for its answer
        #[arg(long, hide = true, value_name = "D", value_parser = duration, default_value = "45s")]
        wait: Duration,
        /// What the run is there for [default: found by the run]
        #[arg(long, hide = true, value_name = "KIND", value_parser = kind)]
        kind: Option<Kind>,
        /// It may have other runs work for it
        #[arg(long, hide = true)]
        spawns: bool,
        /// It was put at an issue
        #[arg(long, hide = true)]
        issue: bool,
    },
    /// Taskwarrior: its hooks, so that a started task is an agent's and a completed one is checked
    #[command(subcommand)]
    Hook(Hook),
    /// Requests to close a run, as files
    #[command(subcommand, hide = true)]
    Cleanup(Cleanup),
    /// Supervise a command: its whole tree ends with it, with this process, or with its parent
    #[command(hide = true)]
    Gatekeeper,
}

/// What a run is to be.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A task's id, or what is to be done in a few words
    #[arg(value_name = "TASK|TITLE", required_unless_present = "prompt_file")]
    pub(crate) titles: Vec<String>,
    /// A registered project [default: the repository you are in]
    #[arg(long, value_name = "P")]
    pub(crate) project: Option<String>,
    /// The agent, by its profile [default: settings, else the first one found]
    #[arg(long, value_name = "A")]
    pub(crate) agent: Option<String>,
    /// The model, as the agent calls it
    #[arg(long, value_name = "M")]
    pub(crate) model: Option<String>,
    /// An account of the agent's, as your settings call it [default: settings, else its usual login]
    #[arg(long, value_name = "N")]
    pub(crate) account: Option<String>,
    /// One more argument for the agent's program; may stand more than once
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    pub(crate) args: Vec<String>,
    /// One more variable of yours that the agent gets, by its name; may stand more than once
    #[arg(long = "env", value_name = "NAME")]
    pub(crate) pass: Vec<String>,
    /// headless, terminal or auto [default: settings]
    #[arg(long, value_name = "S", value_parser = ["headless", "terminal", "auto"], hide_possible_values = true)]
    pub(crate) surface: Option<String>,
    /// The same as --surface terminal
    #[arg(short, conflicts_with = "surface")]
    pub(crate) terminal: bool,
    /// headless, watch, consult or cascade: rules may be there for one of them [default: as the surface]
    #[arg(long, value_name = "P", value_parser = ["headless", "watch", "consult", "cascade"], hide_possible_values = true)]
    pub(crate) posture: Option<String>,
    /// The branch or commit to start from
    #[arg(long, value_name = "B")]
    pub(crate) base: Option<String>,
    /// The name of the new branch
    #[arg(long, value_name = "B")]
    pub(crate) branch: Option<String>,
    /// Work in your own checkout: one run at a time, never reset or removed
    #[arg(long)]
    pub(crate) in_place: bool,
    /// Work in an empty folder, without a repository
    #[arg(long, conflicts_with_all = ["in_place", "branch", "base"])]
    pub(crate) directory: bool,
    /// A run of your own in the env of another one, which keeps it: same worktree, same branch
    #[arg(long, requires = "within", conflicts_with_all = ["in_place", "directory", "branch", "base", "project", "count", "force"])]
    pub(crate) manual: bool,
    /// That other run, which is not at work: its id or its worker's name
    #[arg(long = "in", id = "within", value_name = "RUN", requires = "manual")]
    pub(crate) within: Option<String>,
    /// The worker's name
    #[arg(long, value_name = "W")]
    pub(crate) name: Option<String>,
    /// Take the place of the run that holds the task or the name: it is stopped, its work is kept
    #[arg(long)]
    pub(crate) force: bool,
    /// The whole prompt, from a file, or - for standard input
    #[arg(long, value_name = "F")]
    pub(crate) prompt_file: Option<PathBuf>,
    /// ask, auto or bypass
    #[arg(long, value_name = "P", value_parser = ["ask", "auto", "bypass"], hide_possible_values = true)]
    pub(crate) permissions: Option<String>,
    /// What it may use: 5usd, 200k (tokens), 30m, '20 turns', several with commas
    #[arg(long, value_name = "X")]
    pub(crate) budget: Option<String>,
    /// Somebody else wrote the words (an issue, a mail): they are data, and narrower rules hold
    #[arg(long)]
    pub(crate) outside: bool,
    /// Files and folders that it is going to change, with commas: no other run may claim them meanwhile
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    pub(crate) claims: Option<Vec<String>>,
    /// Begin although another run claims the same
    #[arg(long, requires = "claims")]
    pub(crate) overlap: bool,
    /// So many workers at the same title
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) count: Option<u32>,
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

/// How the demo is to be.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Tell it with an agent of yours, by its profile: codex, opencode, pi, or one of your own
    #[arg(long, value_name = "A")]
    pub(crate) agent: Option<String>,
    /// Leave its home and repository where they are
    #[arg(long)]
    pub(crate) keep: bool,
}

/// What can be done with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum Snapshot {
    /// Take one now
    Take {
        /// A run's id, the beginning of one, or a worker's name
        id: String,
    },
    /// List them, the newest first
    Ls {
        /// Only those of this run
        id: Option<String>,
    },
    /// All that is known of one
    Show {
        /// A snapshot's id, or the beginning of one
        snapshot: String,
    },
    /// Let some go for good
    Rm {
        /// Snapshots' ids, or the beginnings of them
        #[arg(required = true)]
        snapshots: Vec<String>,
    },
}

/// What can be done with requests to close a run.
#[derive(Debug, Subcommand)]
pub(crate) enum Cleanup {
    /// Write one
    Request {
        /// A run's id, a worker's name, or a session of tmux
        session: Option<String>,
        /// A task's id, or what its tracker calls it
        #[arg(long, value_name = "T", required_unless_present = "session")]
        task: Option<String>,
    },
    /// Work them off now
    Run {
        /// One of them [default: all]
        file: Option<String>,
        /// Close by force; a snapshot keeps all of it
        #[arg(long, requires = "file")]
        force: bool,
    },
    /// List them
    Ls,
}

/// What can be done with projects.
#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// Register a repository
    Add {
        /// The repository, or a folder in it, in which its runs then start; or a URL, which is cloned
        #[arg(value_name = "PATH|URL")]
        path: PathBuf,
        /// What to call it [default: the folder's name]
        #[arg(long, value_name = "N")]
        name: Option<String>,
        /// The branch that runs start from [default: origin's default branch]
        #[arg(long, value_name = "B")]
        base: Option<String>,
    },
    /// List them
    Ls,
    /// All that is known of one
    Show {
        /// Its name
        name: String,
    },
    /// Forget one; the repository stays as it is
    Rm {
        /// Its name
        name: String,
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
}

/// What can be done with tasks.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Write down work that is wanted
    Add {
        /// What is to be done
        title: String,
        /// The project
        #[arg(long, value_name = "P")]
        project: Option<String>,
        /// More words: a file, or - for standard input
        #[arg(long, value_name = "F")]
        body: Option<PathBuf>,
        /// What an outside tracker calls it
        #[arg(long = "ref", value_name = "R")]
        reference: Option<String>,
        /// Higher goes first
        #[arg(long, default_value_t = 0, allow_negative_numbers = true, value_name = "N")]
        priority: i64,
        /// Tasks that come before it
        #[arg(long, value_name = "T")]
        needs: Vec<String>,
        /// The agent that it is for
        #[arg(long, value_name = "A")]
        agent: Option<String>,
        /// The model, as that agent calls it
        #[arg(long, value_name = "M", requires = "agent")]
        model: Option<String>,
        /// An account of that agent's
        #[arg(long, value_name = "N", requires = "agent")]
        account: Option<String>,
        /// Somebody else wrote it (an issue, a mail): it is data, and narrower rules hold for its runs
        #[arg(long)]
        outside: bool,
    },
    /// List them
    Ls,
    /// All that is known of one
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Change what one says; where it stands, only work changes
    Edit {
        /// Its id, or the beginning of it
        id: String,
        /// What is to be done
        #[arg(long, value_name = "TEXT")]
        title: Option<String>,
        /// More words: a file, or - for standard input
        #[arg(long, value_name = "F")]
        body: Option<PathBuf>,
        /// Higher goes first
        #[arg(long, allow_negative_numbers = true, value_name = "N")]
        priority: Option<i64>,
        /// Tasks that come before it, in place of those that did
        #[arg(long, value_name = "T", conflicts_with = "no_needs")]
        needs: Vec<String>,
        /// No task comes before it
        #[arg(long)]
        no_needs: bool,
    },
    /// Put one that is over out of sight
    Archive {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Bring an archived one back to where it was
    Unarchive {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Remove one; what its runs made stays in their branches and snapshots
    #[command(after_help = "\
One that has runs which live or hold an env is refused; --force stops them, keeps all of each in a snapshot and gives the envs back.
skep undo brings those back; the task itself does not come back.")]
    Rm {
        /// Its id, or the beginning of it
        id: String,
        /// Stop its runs first, and keep what they have in snapshots
        #[arg(long)]
        force: bool,
    },
}

/// What can be done with agents.
#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// List them: found, of which version, logged in, and what skep can do with each
    #[command(after_help = "\
A * marks the one that a run gets which names none. CAN: resume, it goes on with a conversation; ask, a person can be asked
for leave; hear, it takes messages while it works; model, one can be chosen; screen, it has one of its own.
Each program is asked for its --version and nothing else: no network, no model.")]
    Ls,
    /// All that holds for one: how it is started, what it gets, and who says so
    Show {
        /// Its name
        name: String,
        /// With the settings of this project
        #[arg(long, value_name = "P")]
        project: Option<String>,
    },
    /// Give one tiny tasks in a repository of their own, by your login, and say what works
    #[command(after_help = "\
It costs tokens, and says how many turns before it begins; --yes agrees. Nothing of yours is touched: it has a home, a
repository and a daemon of its own, which are gone afterwards.

Scenes: commit (it makes a file and commits it), usage (it says what that cost), cancel (a long command is stopped within
10 seconds, and nothing of it lives), resume (killed in the middle of a command, it goes on and remembers), permission
(it asks before it writes outside, and a refusal is kept), question (it asks a person, and has the answer).
Leaves with 1 when a scene fails.")]
    Test(Test),
}

/// Which agent is tried, and how.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Its name
    pub(crate) name: String,
    /// Only this scene; may stand more than once
    #[arg(long = "scene", value_name = "S", value_parser = ["commit", "usage", "cancel", "resume", "permission", "question"], hide_possible_values = true)]
    pub(crate) scenes: Vec<String>,
    /// By this account of yours
    #[arg(long, value_name = "N")]
    pub(crate) account: Option<String>,
    /// With this model
    #[arg(long, value_name = "M")]
    pub(crate) model: Option<String>,
    /// ask, auto or bypass, wherever a scene does not need its own
    #[arg(long, value_name = "P", value_parser = ["ask", "auto", "bypass"], hide_possible_values = true)]
    pub(crate) permissions: Option<String>,
    /// How long one scene may take
    #[arg(long, default_value = "5m", value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Leave its home and repository where they are
    #[arg(long)]
    pub(crate) keep: bool,
    /// Agree to what it costs
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What can be done with the daemon.
#[derive(Debug, Subcommand)]
pub(crate) enum Daemon {
    /// Start it
    Start,
    /// End it; runs go on
    Stop,
    /// How it stands
    Status,
    /// Have it started with your session, by systemd; runs go on when systemd ends it
    #[command(
        after_help = "Writes systemd/user/skep.service below your settings folder ($XDG_CONFIG_HOME, else ~/.config), and enables it.\n\
                      A unit that skep did not write is not touched; twice changes nothing."
    )]
    Install {
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Take that back; the daemon then starts on demand again
    Uninstall {
        /// Only say what would happen
        #[arg(long)]
        dry_run: bool,
    },
    /// Be it, in the foreground
    Run {
        /// Come up for another process: a session of its own, one line of standard output when ready
        #[arg(long, hide = true)]
        detached: bool,
    },
}

/// What can be done with rules.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// The rules in force, each with its origin
    Show {
        /// With those of this project
        #[arg(long, value_name = "P")]
        project: Option<String>,
    },
    /// What would be said of a command, or of all that agents asked leave for so far
    #[command(
        after_help = "Leaves with 1 when a command that is named would not simply be let pass. Nothing is run.\n\
                      Without a command it judges again what was recorded, by the rules as they are now."
    )]
    Test(PolicyTest),
    /// Have agents at work judged by the rules as their files say now
    #[command(
        after_help = "Every attempt begins with the rules of its day; a change of a file reaches one that is at work only by this.\n\
                      What a person is asked already stays asked. Leaves with 1 where an agent is still judged by the rules of before."
    )]
    Apply {
        /// Runs: ids, beginnings of ids, or workers' names [default: all that are at work]
        ids: Vec<String>,
    },
    /// Vouch for words from outside: a run, or a task, counts as a person's from now on
    #[command(
        after_help = "Read them first: skep show ID, skep task show ID. The wider rules reach an agent that is at work at once."
    )]
    Lift {
        /// A run's id, the beginning of one, a worker's name, or a task's id
        id: String,
        /// The run's task too, and so the runs that take it up later
        #[arg(long)]
        task: bool,
    },
}

/// What is to be judged, and by what.
#[derive(Debug, Args)]
pub(crate) struct PolicyTest {
    /// A command line, as one word or as the words that it has
    #[arg(value_name = "COMMAND")]
    pub(crate) commands: Vec<String>,
    /// Each word is a command line of its own
    #[arg(long, requires = "commands")]
    pub(crate) each: bool,
    /// Only what this run's agent asked for [default: all of them]
    #[arg(long, value_name = "ID", conflicts_with = "commands")]
    pub(crate) run: Option<String>,
    /// By the rules in this file instead: what would it change?
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// With the rules for this project
    #[arg(long, value_name = "P", conflicts_with = "policy")]
    pub(crate) project: Option<String>,
    /// As for a run that works by text from outside
    #[arg(long, requires = "commands")]
    pub(crate) outside: bool,
    /// As for a run of this posture: headless, watch, consult or cascade [default: headless]
    #[arg(long, value_name = "P", requires = "commands", value_parser = ["headless", "watch", "consult", "cascade"], hide_possible_values = true)]
    pub(crate) posture: Option<String>,
    /// ask, auto or bypass [default: auto; of what was recorded, as it was]
    #[arg(long, value_name = "P", value_parser = ["ask", "auto", "bypass"], hide_possible_values = true)]
    pub(crate) permissions: Option<String>,
}

/// What can be done with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// The settings in force, each with its origin
    Show {
        /// With those of this project
        #[arg(long, value_name = "P")]
        project: Option<String>,
    },
    /// Where they are read from
    Path,
    /// Their JSON schema
    Schema,
    /// Change one
    Set {
        /// Like limits.runs
        key: String,
        /// The new value, like 4, 10m or ["a", "b"]
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// For this project only, in your own file for it
        #[arg(long, value_name = "P")]
        project: Option<String>,
    },
}

fn kind(text: &str) -> Result<Kind, String> {
    let named = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
    named.ok_or_else(|| format!("there is no kind `{text}` of runs"))
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 =
        digits.parse().map_err(|_| format!("`{text}` is no time like 90s, 10m or 2h"))?;
    let seconds = match &text[digits.len()..] {
        "ms" => return Ok(Duration::from_millis(number)),
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        unit => return Err(format!("`{unit}` is no unit of time: ms, s, m, h or d")),
    };
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

//! The brief: what every agent is told beside its task.
//!
//! Owns: its words, and what a project adds to them.
//! Never: holds what differs between two runs of the same project, a name or an id or a time: what a model has read before is cheap.

use serde::{Deserialize, Serialize};

use crate::text;

#[cfg(test)]
mod tests;

/// How much of a project's own instructions is told. Bytes.
pub const MOST: usize = 32 * 1024;

/// What a project gives its agents to read, as its settings said when the run was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guide {
    /// A file of the repository, read from the base commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Folders of the repository with skills, read from the base commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// The commands that the work will be judged by, by their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<(String, String)>,
}

impl Guide {
    /// Tells whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Guide::default()
    }
}

/// Where the agent works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// A worktree and a branch of its own.
    Worktree,
    /// A worktree on a commit that somebody else made, and on no branch.
    Commit,
    /// A checkout that belongs to a person.
    Checkout,
    /// A folder without git.
    Folder,
    /// A folder without git, of somebody who answers others.
    Desk,
}

impl Ground {
    /// Whether git knows what stands there.
    pub fn has_git(self) -> bool {
        !matches!(self, Ground::Folder | Ground::Desk)
    }

    /// Whether what is made there is kept.
    fn is_work(self) -> bool {
        !matches!(self, Ground::Commit | Ground::Desk)
    }
}

/// Writes the brief.
///
/// Shape: Markdown; the same arguments give the same bytes. What the project wrote stands in a fence that it cannot close.
pub fn brief(
    ground: Ground,
    gates: &[(String, String)],
    instructions: Option<(&str, &str)>,
    tools: bool,
) -> String {
    let mut said = String::from(
        "# How you work here\n\n\
         You are a worker of skep, which runs coding agents side by side and keeps their work. Your name is in the variable SKEP_NAME; \
         your task is in the prompt.\n\n",
    );
    said.push_str(match ground {
        Ground::Worktree => {
            "- Work only in the folder that you were started in. It is a git worktree of your own, with a branch of your own checked out; \
             others work beside you in theirs.\n\
             - Commit your work on that branch. Do not switch, merge, push or delete branches unless your task says so.\n"
        }
        Ground::Commit => {
            "- Work only in the folder that you were started in. It is a git worktree that stands on a commit of somebody else's, on no branch: \
             read it, build it, try it.\n\
             - Nothing that you change or commit there reaches anybody's work. Check out nothing else, and make, move or delete no branch.\n"
        }
        Ground::Checkout => {
            "- Work only in the folder that you were started in. It is a person's own checkout: what stands there uncommitted is theirs.\n\
             - Commit your work on the branch that is checked out. Do not switch, merge, push or delete branches unless your task says so.\n"
        }
        Ground::Folder => {
            "- Work only in the folder that you were started in. It is under no version control; what you leave there is your work.\n"
        }
        Ground::Desk => {
            "- The folder that you were started in is your own, and nobody looks at what you leave there: what counts is what you reply.\n\
             - Read the repositories that your task names, and change nothing in them.\n"
        }
    });
    if ground.has_git() {
        said.push_str("- Leave git's settings, its hooks, stashes and other worktrees alone.\n");
    }
    said.push_str("- Leave no process behind: whatever you start ends with you.\n");
    if tools && ground == Ground::Commit {
        said.push_str(
            "- You have tools of the MCP server `skep`, which may have to be searched for: verdict for what you found, ask_foreman and ask_human \
             where you cannot find out how something is meant, note, list_runs.\n",
        );
    } else if tools && ground.is_work() {
        said.push_str(
            "- You have tools of the MCP server `skep`, which may have to be searched for: ask_foreman and ask_human where a decision is not \
             yours and you cannot find it out, report when you are finished or stuck, note, claim_paths, list_runs.\n",
        );
    }
    said.push_str("\n## How to finish\n\n");
    if !gates.is_empty() {
        said.push_str(if ground == Ground::Commit {
            "The work that stands there will be judged by these commands:\n\n"
        } else {
            "Your work will be judged by these commands; run them before you finish:\n\n"
        });
        for (name, command) in gates {
            let (name, command) = (text::one_line(name), text::one_line(command));
            let fence = fence(&command, '`', 1);
            said.push_str(&format!("- {name}: {fence} {command} {fence}\n"));
        }
        said.push('\n');
    }
    if ground.has_git() && ground.is_work() {
        said.push_str(
            "Commit everything that is to be kept, with a message that says what changed and why. ",
        );
    }
    said.push_str(if ground.is_work() {
        "Your last message is a short summary: what you did, how you know that it works, what is left. If you cannot go on, stop and say \
         there what is missing.\n"
    } else {
        "Your last message has the form that your task asks for. If you cannot go on, stop and say there what is missing.\n"
    });
    if let Some((path, words)) = instructions {
        said.push_str(&of_the_project(path, words));
    }
    said
}

/// What its agent is told of the variables that hold what is its own while it works: each with the resource that it is of.
pub fn of_its_own(variables: &[(&str, &str)]) -> String {
    if variables.is_empty() {
        return String::new();
    }
    let line = |(variable, resource): &(&str, &str)| {
        format!("- {}: {}\n", text::one_line(variable), text::one_line(resource))
    };
    let lines: String = variables.iter().map(line).collect();
    format!(
        "\n## What is yours alone\n\n{lines}\nWhat these variables hold is kept for you while you work, and no other worker has it: \
         use it for whatever you start or open, in place of a value of your own choice. It may be another one the next time.\n"
    )
}

/// The project's own words, as such.
fn of_the_project(path: &str, words: &str) -> String {
    let words = text::visible(words);
    let words = words.trim_matches('\n');
    let kept = cut(words, MOST);
    let more = if kept.len() < words.len() { "\n(There is more of it in the file.)\n" } else { "" };
    let fence = fence(kept, '`', 3);
    let path = text::one_line(path);
    format!(
        "\n## What the project says\n\n\
         From {path} of the repository. Where it differs from the rules above, those hold.\n\n{fence}text\n{kept}\n{fence}\n{more}"
    )
}

/// Marks that are longer than any run of them in `text`.
fn fence(text: &str, mark: char, least: usize) -> String {
    let longest = text.split(|c| c != mark).map(str::len).max().unwrap_or(0);
    mark.to_string().repeat(least.max(longest + 1))
}

/// The beginning of `text`, at most so many bytes, cut behind a whole character.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

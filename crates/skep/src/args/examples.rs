//! Examples, as they stand below the help of each verb and in its manual page.
//!
//! Owns: what people type first. Never: an example that the command line would refuse; a test parses every one.

use clap::Command;

/// A verb, with commands and what each is for.
type Of = (&'static str, &'static [(&'static str, &'static str)]);

/// The examples of each verb; `daemon start` for one below another.
const EXAMPLES: &[Of] = &[
    ("status", &[("skep", "the same"), ("skep status --json", "for a program")]),
    (
        "demo",
        &[
            ("skep demo", "watch it, then read"),
            ("skep demo --keep", "and look around in its home"),
        ],
    ),
    (
        "init",
        &[
            ("skep init --dry-run", "what it finds here, and would write"),
            ("skep init", "write it to your own settings"),
            ("skep init --shared", "into the repository, for everybody"),
        ],
    ),
    (
        "adopt",
        &[
            ("skep adopt --dry-run", "what there is to take over"),
            ("skep adopt", "take it over; nothing of it is touched"),
        ],
    ),
    (
        "run",
        &[
            ("skep run \"fix the flaky login test\"", "one worker"),
            ("skep run \"port the parser\" \"port the lexer\" -d", "two, in the background"),
            ("skep run \"a faster search\" --count 3", "three at the same thing"),
            ("skep run --prompt-file brief.md -f", "follow what it says"),
        ],
    ),
    (
        "ls",
        &[
            ("skep ls", "those that need you first"),
            ("skep ls --all --project web", "closed ones too, of one project"),
            ("skep ls --json", "for a program"),
        ],
    ),
    ("show", &[("skep show amber", "by name"), ("skep show 7k2", "by the beginning of its id")]),
    (
        "why",
        &[
            ("skep why amber", "each fact that made it so"),
            ("skep why amber --json", "for a program"),
        ],
    ),
    (
        "watch",
        &[("skep watch", "all of it, as it happens"), ("skep watch --project web", "one project")],
    ),
    (
        "logs",
        &[
            ("skep logs amber", "what it said and did"),
            ("skep logs amber -f", "go on until it ends"),
            ("skep logs amber --raw", "the journal, as JSON lines"),
        ],
    ),
    ("diff", &[("skep diff amber", "what it changed"), ("skep diff amber --stat", "file by file")]),
    ("cost", &[("skep cost", "of all runs"), ("skep cost amber", "of one")]),
    (
        "events",
        &[
            ("skep events --from 120", "what happened since then"),
            ("skep events -f --json", "follow it with a program"),
        ],
    ),
    (
        "wait",
        &[
            ("skep wait amber basalt", "until both have ended"),
            ("skep wait amber basalt --any --timeout 10m", "until one has, or in vain"),
            ("skep wait amber --for waiting", "until it wants something"),
        ],
    ),
    (
        "path",
        &[("skep path amber", "for cd \"$(skep path amber)\""), ("skep path amber --json", "")],
    ),
    (
        "open",
        &[
            ("skep open amber", "its worktree, in your editor"),
            ("skep open web/amber", "which one"),
        ],
    ),
    (
        "sh",
        &[("skep sh amber", "your shell, there"), ("skep sh amber -- git status", "one command")],
    ),
    ("attach", &[("skep attach amber", "Ctrl-Q leaves"), ("skep attach web/amber", "which one")]),
    (
        "stop",
        &[
            ("skep stop amber", "its work stays"),
            ("skep stop --all", "all that run"),
            ("skep stop amber --now", "by force"),
        ],
    ),
    ("pause", &[("skep pause amber", "when its turn ends"), ("skep pause amber --now", "at once")]),
    (
        "resume",
        &[
            ("skep resume amber", "go on"),
            ("skep resume amber \"the test must pass too\"", "with a word of yours"),
        ],
    ),
    ("retry", &[("skep retry amber", "afresh"), ("skep retry 7k2", "by the beginning of its id")]),
    (
        "send",
        &[
            ("skep send amber \"use the old API\"", "its next message"),
            ("skep send amber -", "from standard input"),
            ("skep send amber -- \"-v is the flag\"", "a text that begins with a dash"),
        ],
    ),
    (
        "abandon",
        &[("skep abandon amber", "skep undo brings it back"), ("skep abandon amber basalt", "two")],
    ),
    (
        "land",
        &[("skep land amber --dry-run", "what would come in"), ("skep land amber", "bring it in")],
    ),
    (
        "close",
        &[
            ("skep close amber", "its work has landed"),
            ("skep close amber --keep-branch", "the branch stays, with everything committed"),
            ("skep close amber --force", "whatever stands there; a snapshot keeps it"),
            ("skep close --merged", "all that have landed"),
        ],
    ),
    (
        "snapshot take",
        &[("skep snapshot take amber", "now"), ("skep snapshot take amber --json", "its id")],
    ),
    (
        "snapshot ls",
        &[("skep snapshot ls", "all that are kept"), ("skep snapshot ls amber", "of one run")],
    ),
    (
        "snapshot show",
        &[
            ("skep snapshot show snap_7k2m9qx4ab", "what is in it"),
            ("skep snapshot show 7k2", "by the beginning of its id"),
        ],
    ),
    (
        "snapshot rm",
        &[
            ("skep snapshot rm snap_7k2m9qx4ab", "gone for good"),
            ("skep snapshot rm 7k2 9qx", "two of them"),
        ],
    ),
    (
        "restore",
        &[
            ("skep restore snap_7k2m9qx4ab", "into its run's env"),
            ("skep restore 7k2 --to /tmp/look", "beside it, to look"),
        ],
    ),
    (
        "undo",
        &[
            ("skep undo --dry-run", "what would come back"),
            ("skep undo", "the last close, clean or restore"),
            ("skep undo op_7k2m9qx4ab", "one by its id; a landing only so"),
        ],
    ),
    ("clean", &[("skep clean --dry-run", "what has had its time"), ("skep clean", "let it go")]),
    (
        "project add",
        &[
            ("skep project add .", "this repository"),
            ("skep project add ~/web/shop --name shop --base main", "a folder of one"),
            ("skep project add https://example.org/web.git", "cloned, and kept up to date"),
        ],
    ),
    (
        "project ls",
        &[("skep project ls", "with base and folder"), ("skep project ls --json", "for a program")],
    ),
    (
        "project show",
        &[("skep project show web", ""), ("skep project show web --json", "for a program")],
    ),
    (
        "project rm",
        &[("skep project rm web --dry-run", "what holds it"), ("skep project rm web", "forget it")],
    ),
    (
        "task add",
        &[
            ("skep task add \"a faster search\"", "for later"),
            ("skep task add \"port the parser\" --body brief.md --priority 2", "with more words"),
            ("skep task add \"then the lexer\" --needs task_7k2m9qx4ab", "after another"),
        ],
    ),
    ("task ls", &[("skep task ls", ""), ("skep task ls --json", "for a program")]),
    (
        "task show",
        &[
            ("skep task show task_7k2m9qx4ab", ""),
            ("skep task show 7k2", "by the beginning of its id"),
        ],
    ),
    (
        "daemon start",
        &[
            ("skep daemon start", "others do it on demand"),
            ("skep daemon start --json", "its health"),
        ],
    ),
    (
        "daemon stop",
        &[("skep daemon stop", "runs go on"), ("skep daemon stop --json", "how it stood")],
    ),
    (
        "daemon status",
        &[("skep daemon status", ""), ("skep daemon status --json", "for a program")],
    ),
    (
        "daemon run",
        &[
            ("skep daemon run", "until Ctrl-C; it does not leave by itself"),
            ("skep daemon run --home /tmp/try", "for another home"),
        ],
    ),
    (
        "daemon install",
        &[
            ("skep daemon install --dry-run", "the unit, and where it would go"),
            ("skep daemon install", "write it, enable it, start it"),
        ],
    ),
    (
        "daemon uninstall",
        &[
            ("skep daemon uninstall --dry-run", "what would go"),
            ("skep daemon uninstall", "stop it, remove it"),
        ],
    ),
    (
        "config show",
        &[
            ("skep config show", "what holds, and who says so"),
            ("skep config show --project web", "with a project's settings"),
            ("skep config show --json", "whole, for a program"),
        ],
    ),
    (
        "config path",
        &[("skep config path", "the file that is read"), ("skep config path --json", "")],
    ),
    (
        "config schema",
        &[
            ("skep config schema", "every key, as JSON schema"),
            ("skep config schema --quiet", "the same"),
        ],
    ),
    (
        "config set",
        &[
            ("skep config set limits.runs 4", "at most four at once"),
            ("skep config set agent codex", "who works by default"),
            ("skep config set setup.run \"npm ci\" --project web", "for one project"),
        ],
    ),
    (
        "doctor",
        &[("skep doctor", "look"), ("skep doctor --fix", "and mend what can be taken back")],
    ),
    (
        "explain",
        &[
            ("skep explain worktree-dirty", "one error"),
            ("skep explain", "all of them, by subject"),
        ],
    ),
    (
        "help",
        &[
            ("skep help run", "one verb"),
            ("skep help daemon install", "one below another"),
            ("skep help --man ~/.local/share/man/man1", "all of it, as manual pages"),
        ],
    ),
    (
        "completions",
        &[
            ("skep completions bash > ~/.local/share/bash-completion/completions/skep", ""),
            ("skep completions fish | source", "for this shell only"),
        ],
    ),
    (
        "cleanup request",
        &[
            ("skep cleanup request amber", "close it when that can be"),
            ("skep cleanup request --task task_7k2m9qx4ab", "the run of a task"),
        ],
    ),
    (
        "cleanup run",
        &[("skep cleanup run", "all of them"), ("skep cleanup run amber.json --force", "one")],
    ),
    ("cleanup ls", &[("skep cleanup ls", ""), ("skep cleanup ls --json", "for a program")]),
];

/// The same command, with its examples; one that is not there yet has none.
pub(super) fn at(mut whole: Command) -> Command {
    for (verb, examples) in EXAMPLES {
        whole = match verb.split_once(' ') {
            None => below(whole, verb, |command| with(command, examples)),
            Some((above, verb)) => {
                below(whole, above, |command| below(command, verb, |it| with(it, examples)))
            }
        };
    }
    whole
}

fn below(whole: Command, verb: &str, change: impl FnOnce(Command) -> Command) -> Command {
    if whole.find_subcommand(verb).is_some() { whole.mut_subcommand(verb, change) } else { whole }
}

fn with(command: Command, examples: &[(&str, &str)]) -> Command {
    let note = command.get_after_help().map(|note| format!("{note}\n\n")).unwrap_or_default();
    let width = examples.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = examples
        .iter()
        .map(|(command, what)| format!("  {command:<width$}   {what}").trim_end().to_owned())
        .collect();
    command.after_help(format!("{note}Examples:\n{}", lines.join("\n")))
}

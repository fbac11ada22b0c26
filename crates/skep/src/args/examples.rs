//! Examples, as they stand below the help of each verb and in its manual page.
//!
//! Owns: what people type first. Never: an example that the command line would refuse; a test parses every one.

use clap::Command;

/// A verb, with commands, as they stand behind `skep`, and what each is for.
type Of = (&'static str, &'static [(&'static str, &'static str)]);

/// The examples of each verb; `daemon start` for one below another.
const EXAMPLES: &[Of] = &[
    ("status", &[("", "the same"), ("status --json", "for a program")]),
    ("demo", &[("demo", "watch it, then read"), ("demo --keep", "and look around in its home")]),
    (
        "init",
        &[
            ("init --dry-run", "what it finds here, and would write"),
            ("init", "write it to your own settings"),
            ("init --shared", "into the repository, for everybody"),
        ],
    ),
    (
        "adopt",
        &[
            ("adopt --dry-run", "what there is to take over"),
            ("adopt", "take it over; nothing of it is touched"),
        ],
    ),
    (
        "run",
        &[
            ("run \"fix the flaky login test\"", "one worker"),
            ("run \"port the parser\" \"port the lexer\" -d", "two, in the background"),
            ("run \"a faster search\" --count 3 --budget 5usd", "three at it, $5 each"),
            ("run --manual --in amber --prompt-file tidy.md -f", "in the worktree amber left"),
        ],
    ),
    (
        "ls",
        &[
            ("ls", "those that need you first"),
            ("ls --all --project web", "closed ones too, of one project"),
            ("ls --json", "for a program"),
        ],
    ),
    ("show", &[("show amber", "by name"), ("show 7k2", "by the beginning of its id")]),
    ("why", &[("why amber", "each fact that made it so"), ("why amber --json", "for a program")]),
    ("watch", &[("watch", "all of it, as it happens"), ("top", "the same")]),
    (
        "logs",
        &[
            ("logs amber", "what it said and did"),
            ("logs amber -f", "go on until it ends"),
            ("logs amber --raw", "the journal, as JSON lines"),
        ],
    ),
    ("diff", &[("diff amber", "what it changed"), ("diff amber --stat", "file by file")]),
    (
        "conflicts",
        &[
            ("conflicts", "who collides with whom"),
            ("conflicts web", "in one project"),
            ("conflicts amber", "with one run"),
        ],
    ),
    (
        "cost",
        &[
            ("cost", "of all runs"),
            ("cost amber", "of one"),
            ("cost --by day --since 7d", "of the last week, day by day"),
        ],
    ),
    (
        "events",
        &[
            ("events --from 120", "what happened since then"),
            ("events -f --json", "follow it with a program"),
        ],
    ),
    (
        "wait",
        &[
            ("wait amber basalt", "until both have ended"),
            ("wait amber basalt --any --timeout 10m", "until one has, or in vain"),
            ("wait amber --for waiting", "until it wants something"),
        ],
    ),
    ("path", &[("path amber", "for cd \"$(skep path amber)\""), ("path amber --json", "")]),
    ("open", &[("open amber", "its worktree, in your editor"), ("open web/amber", "which one")]),
    ("sh", &[("sh amber", "your shell, there"), ("sh amber -- git status", "one command")]),
    (
        "attach",
        &[
            ("attach amber", "Ctrl-Q leaves"),
            ("attach web/amber", "which one"),
            ("attach amber --tui", "the same conversation, on the agent's own screen"),
        ],
    ),
    (
        "stop",
        &[
            ("stop amber", "its work stays"),
            ("stop --all", "all that run"),
            ("stop amber --now", "by force"),
        ],
    ),
    ("pause", &[("pause amber", "when its turn ends"), ("pause amber --now", "at once")]),
    (
        "resume",
        &[
            ("resume amber", "go on"),
            ("resume amber \"the test must pass too\"", "with a word of yours"),
            ("resume amber --headless", "from its own screen back to pipes"),
            ("resume amber --budget +5usd", "its budget was spent: $5 more"),
        ],
    ),
    ("retry", &[("retry amber", "afresh"), ("retry 7k2", "by the beginning of its id")]),
    (
        "send",
        &[
            ("send amber \"use the old API\"", "its next message"),
            ("send amber -", "from standard input"),
            ("send amber \"stop, use v2\" --steer", "breaks its turn off"),
            ("send amber \"and the docs\" --wait accepted --timeout 10m", "0 only when it has it"),
        ],
    ),
    (
        "approve",
        &[
            ("approve amber", "the one thing that it asks"),
            ("approve task_7k2m9qx4ab --from-wave 2", "its plan; wave 1 is done by other hands"),
            ("approve task_7k2m9qx4ab --part api", "a part that no review settled, as it is"),
            ("approve q_7k2m9qx4ab", "the answer that the foreman proposes"),
        ],
    ),
    (
        "reject",
        &[
            ("reject amber", "not this"),
            ("reject amber \"not outside of src\"", "and why"),
            ("reject task_7k2m9qx4ab \"the API comes first\"", "its plan, to be made otherwise"),
            ("reject task_7k2m9qx4ab --part api \"keep the old name\"", "one more round for it"),
        ],
    ),
    (
        "questions",
        &[("questions", "that are open"), ("questions amber --all", "all that it ever asked")],
    ),
    (
        "answer",
        &[
            ("answer q_7k2m9qx4ab \"port 8081\"", "in your words"),
            ("answer q_7k2m9qx4ab 2", "the second of its options"),
            ("answer amber --skip", "it is to decide by itself"),
        ],
    ),
    ("inbox", &[("inbox", "what holds up most first"), ("inbox --json", "for a program")]),
    ("notify ls", &[("notify ls", "what became of each"), ("notify ls --json", "for a program")]),
    (
        "notify test",
        &[("notify test", "each channel that is set"), ("notify test phone", "one of them")],
    ),
    (
        "notify send",
        &[
            ("notify send \"the disk is full\"", "to your Telegram"),
            ("notify send -", "from a pipe"),
        ],
    ),
    ("abandon", &[("abandon amber", "undo brings it back"), ("abandon amber basalt", "two")]),
    (
        "pr",
        &[
            ("pr amber --dry-run", "what would be proposed, and where"),
            ("pr amber --draft", "as a draft"),
            ("pr amber --ready", "and now for review"),
        ],
    ),
    (
        "land",
        &[
            ("land amber --dry-run", "what would come in"),
            ("land amber", "bring it in, behind its gates"),
            ("land amber --yes", "approve the project's gates first"),
        ],
    ),
    ("gate", &[("gate amber", "would it pass?"), ("gate amber -d", "do not wait for it")]),
    (
        "close",
        &[
            ("close amber", "its work has landed"),
            ("close amber --keep-branch", "the branch stays, with everything committed"),
            ("close amber --force", "whatever stands there; a snapshot keeps it"),
            ("close --merged", "all that have landed"),
        ],
    ),
    ("snapshot take", &[("snapshot take amber", "now"), ("snapshot take amber --json", "its id")]),
    ("snapshot ls", &[("snapshot ls", "all that are kept"), ("snapshot ls amber", "of one run")]),
    (
        "snapshot show",
        &[
            ("snapshot show snap_7k2m9qx4ab", "what is in it"),
            ("snapshot show 7k2", "by the beginning of its id"),
        ],
    ),
    (
        "snapshot rm",
        &[("snapshot rm snap_7k2m9qx4ab", "gone for good"), ("snapshot rm 7k2 9qx", "two of them")],
    ),
    (
        "restore",
        &[
            ("restore snap_7k2m9qx4ab", "into its run's env"),
            ("restore 7k2 --to /tmp/look", "beside it, to look"),
        ],
    ),
    (
        "undo",
        &[
            ("undo --dry-run", "what would come back"),
            ("undo", "the last close, clean or restore"),
            ("undo op_7k2m9qx4ab", "one by its id; a landing only so"),
        ],
    ),
    ("clean", &[("clean --dry-run", "what has had its time"), ("clean", "let it go")]),
    (
        "project add",
        &[
            ("project add .", "this repository"),
            ("project add ~/web/shop --name shop --base main", "a folder of one"),
            ("project add https://example.org/web.git", "cloned, and kept up to date"),
        ],
    ),
    (
        "project ls",
        &[("project ls", "with base and folder"), ("project ls --json", "for a program")],
    ),
    ("project show", &[("project show web", ""), ("project show web --json", "for a program")]),
    (
        "project rm",
        &[("project rm web --dry-run", "what holds it"), ("project rm web", "forget it")],
    ),
    (
        "task add",
        &[
            ("task add \"a faster search\"", "for later"),
            ("task add \"port the parser\" --body brief.md --priority 2", "with more words"),
            ("task add \"then the lexer\" --needs task_7k2m9qx4ab", "after another"),
            ("task add \"issue 12\" --body issue.md --outside", "in somebody else's words"),
        ],
    ),
    ("task ls", &[("task ls", ""), ("task ls --json", "for a program")]),
    (
        "task show",
        &[("task show task_7k2m9qx4ab", ""), ("task show 7k2", "by the beginning of its id")],
    ),
    (
        "task edit",
        &[
            ("task edit 7k2 --title \"a faster search\"", "in other words"),
            ("task edit 7k2 --priority 3 --needs task_p4d8w1ne6s", "after another"),
        ],
    ),
    (
        "task archive",
        &[("task archive 7k2", "out of sight"), ("task archive 7k2 --json", "for a program")],
    ),
    (
        "task unarchive",
        &[("task unarchive 7k2", ""), ("task unarchive 7k2 --json", "for a program")],
    ),
    (
        "task rm",
        &[
            ("task rm 7k2", ""),
            ("task rm 7k2 --force", "and stop its runs; what they have is kept"),
        ],
    ),
    (
        "agent ls",
        &[("agent ls", "which are there, and logged in"), ("agent ls --json", "for a program")],
    ),
    (
        "agent show",
        &[
            ("agent show codex", "how it is started, and who says so"),
            ("agent show codex --project web", "with the settings of one project"),
        ],
    ),
    (
        "agent test",
        &[
            ("agent test codex", "all scenes, after a question"),
            ("agent test claude --account work --scene commit --yes", "one, by another login"),
        ],
    ),
    (
        "daemon start",
        &[("daemon start", "others do it on demand"), ("daemon start --json", "its health")],
    ),
    ("daemon stop", &[("daemon stop", "runs go on"), ("daemon stop --json", "how it stood")]),
    ("daemon status", &[("daemon status", ""), ("daemon status --json", "for a program")]),
    (
        "daemon run",
        &[
            ("daemon run", "until Ctrl-C; it does not leave by itself"),
            ("daemon run --home /tmp/try", "for another home"),
        ],
    ),
    (
        "daemon install",
        &[
            ("daemon install --dry-run", "the unit, and where it would go"),
            ("daemon install", "write it, enable it, start it"),
        ],
    ),
    (
        "daemon uninstall",
        &[
            ("daemon uninstall --dry-run", "what would go"),
            ("daemon uninstall", "stop it, remove it"),
        ],
    ),
    (
        "config show",
        &[
            ("config show", "what holds, and who says so"),
            ("config show --project web", "with a project's settings"),
            ("config show --json", "whole, for a program"),
        ],
    ),
    ("config path", &[("config path", "the file that is read"), ("config path --json", "")]),
    (
        "config schema",
        &[("config schema", "every key, as JSON schema"), ("config schema --quiet", "the same")],
    ),
    (
        "config set",
        &[
            ("config set limits.runs 4", "at most four at once"),
            ("config set agent codex", "who works by default"),
            ("config set setup.run \"npm ci\" --project web", "for one project"),
        ],
    ),
    (
        "review",
        &[
            ("review task_7k2m9qx4ab --part api", "one more look at a part"),
            ("review amber --show", "what was found in it, and what became of that"),
            ("review amber --comment src/a.rs:12 \"it leaks\"", "found by yourself"),
        ],
    ),
    (
        "refine",
        &[
            ("refine q_7k2m9qx4ab \"not the old route\"", "and wait for the new proposal"),
            ("refine amber \"think of the tests\" -d", "the one thing that it asks"),
        ],
    ),
    (
        "foreman status",
        &[
            ("foreman status", "of each task"),
            ("foreman status task_7k2m9qx4ab --json", "of one, for a program"),
        ],
    ),
    (
        "dispatch headless",
        &[
            ("dispatch headless ada/web#12 --dry-run", "what would be, and what it is told"),
            ("dispatch headless ada/web#12", "and it goes on by itself"),
            ("dispatch headless https://github.com/ada/web/issues/12 -f", "watch what it says"),
        ],
    ),
    (
        "dispatch interactive",
        &[
            ("dispatch interactive ada/web#12", "on a screen, at which you may look"),
            ("dispatch interactive ada/web#12 -d", "look later: skep attach NAME"),
        ],
    ),
    (
        "dispatch consult",
        &[
            ("dispatch consult ada/web#12", "in doubt it asks you"),
            ("dispatch consult ada/web#12 --claims src/login", "and it says what it will change"),
        ],
    ),
    (
        "dispatch cascade",
        &[
            ("dispatch cascade ada/web#12", "it may start others"),
            ("dispatch cascade ada/web#12 --depth 1 --budget 20usd", "one generation, $20 in all"),
        ],
    ),
    (
        "dispatch ls",
        &[("dispatch ls", "who is at which issue"), ("dispatch ls --json", "for a program")],
    ),
    (
        "dispatch status",
        &[
            ("dispatch status", "all that live"),
            ("dispatch status ada/web#12", "of one, with the last that it said"),
        ],
    ),
    (
        "dispatch check",
        &[
            ("dispatch check src/login", "before you change it"),
            ("dispatch check src/login --json", "for a program"),
        ],
    ),
    (
        "dispatch reap",
        &[
            ("dispatch reap --dry-run", "what would go, and what stays, and why"),
            ("dispatch reap", "give those envs back"),
            ("dispatch reap --free ada/web#12", "another skep is gone for good"),
        ],
    ),
    (
        "implement",
        &[
            ("implement task_7k2m9qx4ab", "wave after wave, until all is done"),
            ("implement plan_7k2m9qx4ab --agent codex -d", "by another agent, in the background"),
        ],
    ),
    (
        "finalize",
        &[
            ("finalize task_7k2m9qx4ab", "what could not be pushed"),
            ("finalize 7k2 -d", "in the background"),
        ],
    ),
    (
        "plan show",
        &[
            ("plan show task_7k2m9qx4ab", "its waves, and how far each part is"),
            ("plan show 7k2 --document > plan.md", "its text"),
            ("plan show 7k2 --version 1", "the one before"),
        ],
    ),
    (
        "plan edit",
        &[
            ("plan edit task_7k2m9qx4ab", "in your editor"),
            ("plan edit 7k2 --file plan.md", "as the file says"),
        ],
    ),
    (
        "plan check",
        &[
            ("plan check plan.md", "all that is wrong with it, in one pass"),
            ("plan check plan.md --project api --project web", "with the names it may use"),
            ("plan check - --json", "as a program asks"),
        ],
    ),
    (
        "plan prompt",
        &[
            ("plan prompt planning", "before it is filled in"),
            ("plan prompt planning --example", "as a planner hears it"),
            ("plan prompt", "all of them, and whose they are"),
            ("plan prompt commit --project web", "as it is for a project"),
        ],
    ),
    (
        "policy show",
        &[("policy show", "deny, ask, allow"), ("policy show --project web", "with a project's")],
    ),
    (
        "policy apply",
        &[("policy apply", "all that are at work"), ("policy apply amber beryl", "these")],
    ),
    (
        "policy lift",
        &[
            ("policy lift amber", "you read its task and vouch for it"),
            ("policy lift amber --task", "its task too"),
            ("policy lift task_7k2m9qx4ab", "before any run"),
        ],
    ),
    (
        "policy test",
        &[
            ("policy test \"sudo git push -f\"", "one command; nothing is run"),
            ("policy test", "all that was asked, by the rules of today"),
            ("policy test --run amber --policy new.toml", "what a change would change"),
        ],
    ),
    (
        "bundle",
        &[
            ("bundle", "of the last runs"),
            ("bundle amber --output report.tar.gz", "of one, into this file"),
        ],
    ),
    ("doctor", &[("doctor", "look"), ("doctor --fix", "and mend what can be taken back")]),
    (
        "mcp",
        &[
            ("mcp --run run_7k2m9qx4ab", "the tools of this run's agent"),
            ("mcp", "those of the run that this is started in"),
        ],
    ),
    ("explain", &[("explain worktree-dirty", "one error"), ("explain", "all of them, by subject")]),
    (
        "help",
        &[
            ("help run", "one verb"),
            ("help daemon install", "one below another"),
            ("help --man ~/.local/share/man/man1", "all of it, as manual pages"),
        ],
    ),
    (
        "completions",
        &[
            ("completions bash > ~/.local/share/bash-completion/completions/skep", ""),
            ("completions fish | source", "for this shell only"),
        ],
    ),
    (
        "hook install",
        &[
            ("hook install --dry-run", "what would stand where"),
            ("hook install", "into the Taskwarrior that `task` is"),
            ("hook install --dir ~/tasks/hooks", "into a folder of your own"),
        ],
    ),
    (
        "hook uninstall",
        &[("hook uninstall --dry-run", "what would go"), ("hook uninstall", "only what is ours")],
    ),
    (
        "hook on-add",
        &[("hook on-add -- api:2", "as Taskwarrior does"), ("hook on-add", "a line in")],
    ),
    (
        "hook on-modify",
        &[("hook on-modify -- api:2", "as Taskwarrior does"), ("hook on-modify", "two lines in")],
    ),
    (
        "cleanup request",
        &[
            ("cleanup request amber", "close it when that can be"),
            ("cleanup request --task task_7k2m9qx4ab", "the run of a task"),
        ],
    ),
    ("cleanup run", &[("cleanup run", "all of them"), ("cleanup run amber.json --force", "one")]),
    ("cleanup ls", &[("cleanup ls", ""), ("cleanup ls --json", "for a program")]),
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
    if note.lines().any(|line| line.starts_with("  skep ")) {
        // It has its own, beside the verb.
        return command;
    }
    let command_of = |words: &str| format!("skep {words}").trim_end().to_owned();
    let width = examples.iter().map(|(words, _)| command_of(words).chars().count()).max();
    let width = width.unwrap_or(0);
    let lines: Vec<String> = examples
        .iter()
        .map(|(words, what)| {
            format!("  {:<width$}   {what}", command_of(words)).trim_end().to_owned()
        })
        .collect();
    command.after_help(format!("{note}Examples:\n{}", lines.join("\n")))
}

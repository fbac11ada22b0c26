//! What commands come to: wrappers seen through, layer by layer.
//!
//! Owns: what is known of the programs that start others, run code, or write to the paths they are given.
//! Never: decides; and what may hide a command is told as such, not left out.

use std::rc::Rc;

use super::shell::{self, Piece, Redirect, Script, Simple, Word};

/// More layers than anybody has a reason for.
const LAYERS: usize = 32;
/// More of what may be a command than anybody has a reason for.
const MOST: usize = 2048;
/// How many words of a program that is not known are looked at.
const NET: usize = 512;

/// What was seen of a command line.
#[derive(Debug, Default)]
pub(super) struct Sight {
    pub seen: Vec<Seen>,
    pub redirects: Vec<(Redirect, Here)>,
    /// Why there may be more than was seen.
    pub unseen: Option<&'static str>,
}

/// One program that is started, or may be.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    all: Rc<Vec<Word>>,
    from: usize,
    /// It is started for certain, as far as the line gets there.
    pub sure: bool,
    /// It runs this code, which is not the shell's.
    pub code: Option<Code>,
    pub here: Here,
}

/// Code that no shell reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Code {
    Text(String),
    Unknown,
}

/// The folder that a command starts in, as far as the commands before it tell.
#[derive(Debug, Clone, Default)]
pub(super) struct Here {
    /// Each `cd` so far, in order.
    pub moves: Rc<Vec<Word>>,
}

impl Seen {
    pub(super) fn words(&self) -> &[Word] {
        &self.all[self.from..]
    }

    /// Tells whether its words are those of another that was seen, too.
    pub(super) fn is_part(&self) -> bool {
        self.from > 0
    }

    /// The program's name, without its folder, where it is known.
    pub(super) fn program(&self) -> Option<&str> {
        program(self.words().first()?)
    }

    /// The words that name what it writes to, removes or changes.
    pub(super) fn writes(&self) -> Vec<Word> {
        let Some(name) = self.program() else { return Vec::new() };
        let words = &self.words()[1..];
        let operands = || {
            let mut only = false;
            let keep = |word: &&Word| {
                let dashes = word.start() == "--" && word.known().is_some();
                let kept = only || !word.start().starts_with('-');
                only |= dashes;
                kept
            };
            words.iter().filter(keep).cloned().collect::<Vec<Word>>()
        };
        let has = |flags: &[&str]| {
            words.iter().any(|word| flags.iter().any(|flag| word.start().starts_with(flag)))
        };
        match name {
            "rm" | "rmdir" | "unlink" | "shred" | "truncate" | "touch" | "mkdir" | "tee" | "mv"
            | "rename" | "trash" => operands(),
            "chmod" | "chown" | "chgrp" => operands().into_iter().skip(1).collect(),
            "cp" | "ln" | "install" | "rsync" | "scp" => {
                let target = words.iter().find_map(|word| {
                    let known = word.known()?;
                    known.strip_prefix("--target-directory=").map(Word::text)
                });
                let behind_t = words.iter().position(|word| word.known() == Some("-t"));
                let behind_t = behind_t.and_then(|at| words.get(at + 1).cloned());
                target.or(behind_t).or_else(|| operands().pop()).into_iter().collect()
            }
            "dd" => words
                .iter()
                .filter(|word| word.start().starts_with("of="))
                .map(|word| word.behind(3))
                .collect(),
            "sed" | "perl" if has(&["-i", "--in-place", "-pi", "-ni"]) => {
                let scripts = usize::from(!has(&["-e", "-f", "--expression", "-pe", "-pie"]));
                operands().into_iter().skip(scripts).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The name in a word that stands where a program does.
pub(super) fn program(word: &Word) -> Option<&str> {
    let known = word.known()?;
    let name = known.rsplit('/').next().unwrap_or(known);
    // One shell looks a name up at once that begins so.
    let name = if known.contains('/') { name } else { name.strip_prefix('=').unwrap_or(name) };
    (!name.is_empty()).then_some(name)
}

/// Looks at a command line.
pub(super) fn look(text: &str) -> Sight {
    let mut eye = Eye::default();
    eye.script(&shell::read(text), 0, true);
    eye.sight
}

#[derive(Default)]
struct Eye {
    sight: Sight,
    here: Here,
    /// Every word behind is looked at already.
    netting: bool,
}

/// Programs that start what stands behind their own options: the options that take a value, and how many words of
/// their own come first.
const WRAPPERS: &[(&str, &[&str], usize)] = &[
    (
        "sudo",
        &[
            "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group",
            "--host", "--prompt", "--chdir",
        ],
        0,
    ),
    ("doas", &["-u", "-C"], 0),
    ("env", &["-u", "-C", "--unset", "--chdir"], 0),
    ("nice", &["-n", "--adjustment"], 0),
    ("ionice", &["-c", "-n", "--class", "--classdata"], 0),
    ("nohup", &[], 0),
    ("setsid", &[], 0),
    ("stdbuf", &["-i", "-o", "-e", "--input", "--output", "--error"], 0),
    ("timeout", &["-k", "-s", "--kill-after", "--signal"], 1),
    ("time", &["-f", "-o", "--format", "--output"], 0),
    ("command", &[], 0),
    ("exec", &["-a"], 0),
    ("builtin", &[], 0),
    ("noglob", &[], 0),
    ("nocorrect", &[], 0),
    ("-", &[], 0),
    ("repeat", &[], 1),
    ("busybox", &[], 0),
    ("toybox", &[], 0),
    ("chronic", &[], 0),
    ("unbuffer", &[], 0),
    ("catchsegv", &[], 0),
    ("eatmydata", &[], 0),
    ("fakeroot", &["-l", "-f", "-i", "-s", "-b"], 0),
    ("caffeinate", &["-t", "-w"], 0),
    ("strace", &["-o", "-e", "-p", "-s", "-u", "-E", "-P", "-S", "-a", "-I", "-b", "-X"], 0),
    ("ltrace", &["-o", "-e", "-p", "-s", "-u", "-n", "-l", "-a"], 0),
    ("taskset", &[], 1),
    ("chrt", &["-T", "-P", "-D"], 1),
    ("chroot", &[], 1),
    ("gosu", &[], 1),
    ("su-exec", &[], 1),
    ("setpriv", &[], 0),
    ("tini", &["-p", "-e"], 0),
    ("dumb-init", &["-r"], 0),
];

/// Programs of which everything behind is their own: text, paths, names.
const LEAVES: &[&str] = &[
    ":",
    "[",
    "ag",
    "apropos",
    "basename",
    "cat",
    "cd",
    "chgrp",
    "chmod",
    "chown",
    "cksum",
    "cmp",
    "comm",
    "cp",
    "curl",
    "cut",
    "date",
    "declare",
    "df",
    "diff",
    "dirname",
    "du",
    "echo",
    "egrep",
    "exit",
    "expr",
    "export",
    "false",
    "fgrep",
    "file",
    "fold",
    "gh",
    "git",
    "glab",
    "grep",
    "hash",
    "head",
    "hexdump",
    "id",
    "join",
    "jq",
    "kill",
    "less",
    "ln",
    "local",
    "ls",
    "man",
    "md5sum",
    "mkdir",
    "more",
    "mv",
    "nl",
    "od",
    "paste",
    "pgrep",
    "pkill",
    "popd",
    "printenv",
    "printf",
    "ps",
    "pushd",
    "pwd",
    "read",
    "readlink",
    "readonly",
    "realpath",
    "return",
    "rg",
    "rm",
    "rmdir",
    "sed",
    "seq",
    "set",
    "sha256sum",
    "shift",
    "shred",
    "sleep",
    "sort",
    "split",
    "stat",
    "tac",
    "tail",
    "tee",
    "test",
    "touch",
    "tr",
    "tree",
    "true",
    "truncate",
    "type",
    "typeset",
    "uname",
    "uniq",
    "unlink",
    "unset",
    "wc",
    "wget",
    "whereis",
    "which",
    "whoami",
    "yq",
];

const SHELLS: &[&str] = &["sh", "bash", "zsh", "dash", "ash", "ksh", "mksh", "rbash", "fish"];

/// Programs that run code given as an option's value.
const INTERPRETERS: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("pypy", &["-c"]),
    ("node", &["-e", "-p", "--eval", "--print", "-pe"]),
    ("nodejs", &["-e", "-p", "--eval", "--print", "-pe"]),
    ("bun", &["-e", "-p", "--eval", "--print"]),
    ("perl", &["-e", "-E"]),
    ("ruby", &["-e"]),
    ("php", &["-r"]),
    ("lua", &["-e"]),
    ("Rscript", &["-e"]),
    ("osascript", &["-e"]),
    ("vim", &["-c", "--cmd"]),
    ("vi", &["-c"]),
    ("nvim", &["-c", "--cmd"]),
    ("emacs", &["--eval", "-eval"]),
    ("gdb", &["-ex", "--eval-command"]),
    ("expect", &["-c"]),
];

/// Variables whose value a shell runs when the program behind them wants an editor, a pager or a connection.
const RUN_BY_NAME: &[&str] = &[
    "EDITOR",
    "VISUAL",
    "PAGER",
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_PAGER",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "GIT_PROXY_COMMAND",
    "PROMPT_COMMAND",
    "MANPAGER",
    "LESSOPEN",
];

impl Eye {
    fn unseen(&mut self, why: &'static str) {
        self.sight.unseen.get_or_insert(why);
    }

    fn script(&mut self, script: &Script, depth: usize, sure: bool) {
        if let Some(why) = script.unseen {
            self.unseen(why);
        }
        for command in &script.commands {
            self.simple(command, depth, sure);
        }
    }

    fn code(&mut self, text: &str, depth: usize, sure: bool) {
        if depth >= LAYERS {
            return self.unseen("it has too many layers");
        }
        if self.sight.seen.len() >= MOST {
            return;
        }
        let netting = std::mem::take(&mut self.netting);
        self.script(&shell::read_at(text, depth + 1), depth + 1, sure);
        self.netting = netting;
    }

    /// Looks at words that are read as shell code once more.
    fn said_again(&mut self, words: &[Word], depth: usize, sure: bool) {
        let mut text = String::new();
        for (nth, word) in words.iter().enumerate() {
            if nth > 0 {
                text.push(' ');
            }
            for piece in &word.pieces {
                match piece {
                    Piece::Text(known) => text.push_str(known),
                    Piece::Home => text.push_str("$HOME"),
                    Piece::Glob | Piece::Any => {
                        self.unseen("it is put together only when it runs");
                        text.push_str("$_");
                    }
                }
            }
        }
        self.code(&text, depth, sure);
    }

    fn simple(&mut self, command: &Simple, depth: usize, sure: bool) {
        for redirect in &command.redirects {
            self.sight.redirects.push((redirect.clone(), self.here.clone()));
        }
        for (name, value) in &command.assigns {
            self.assigned(name, value, depth, sure);
        }
        self.peel(&Rc::new(command.words.clone()), 0, command.stdin.as_ref(), depth, sure);
    }

    fn assigned(&mut self, name: &str, value: &Word, depth: usize, sure: bool) {
        if RUN_BY_NAME.contains(&name) {
            self.said_again(std::slice::from_ref(value), depth, sure);
        }
    }

    fn push(&mut self, all: &Rc<Vec<Word>>, from: usize, sure: bool, code: Option<Code>) {
        if self.sight.seen.len() >= MOST {
            return self.unseen("it has too many commands");
        }
        let here = self.here.clone();
        self.sight.seen.push(Seen { all: Rc::clone(all), from, sure, code, here });
    }

    /// Looks at a command and at whatever it starts in turn.
    fn peel(
        &mut self,
        all: &Rc<Vec<Word>>,
        from: usize,
        stdin: Option<&Word>,
        depth: usize,
        sure: bool,
    ) {
        let words = &all[from..];
        let Some(first) = words.first() else { return };
        if depth >= LAYERS {
            return self.unseen("it has too many layers");
        }
        if self.sight.seen.len() >= MOST {
            return self.unseen("it has too many commands");
        }
        let Some(name) = program(first).map(str::to_owned) else {
            return self.push(all, from, sure, None);
        };
        if name == "git" {
            return self.git(words, depth, sure);
        }
        if let Some(code) = interpreted(&name, words, stdin) {
            return self.push(all, from, sure, Some(code));
        }
        self.push(all, from, sure, None);
        if let Some((_, values, own)) = WRAPPERS.iter().find(|(wrapper, ..)| *wrapper == name) {
            let (at, certain) = behind_options(words, values, *own);
            self.env_words(&name, &words[..at], depth, sure);
            self.peel(all, from + at, stdin, depth + 1, sure);
            if certain {
                return;
            }
        } else if SHELLS.contains(&name.as_str()) {
            return self.shell(words, stdin, depth, sure);
        }
        match name.as_str() {
            "eval" => self.said_again(&words[1..], depth, sure),
            "trap" => {
                let is_option =
                    |word: &Word| matches!(word.known(), Some("-" | "--" | "-l" | "-p" | "-P"));
                let code = words.iter().skip(1).find(|word| !is_option(word));
                self.said_again(code.map_or(&[], std::slice::from_ref), depth, sure);
            }
            "alias" => {
                for word in &words[1..] {
                    match word.start().find('=') {
                        Some(at) => self.said_again(&[word.behind(at + 1)], depth, sure),
                        None if word.known().is_some() => {}
                        None => self.unseen("an alias that is put together only when it runs"),
                    }
                }
            }
            "export" | "declare" | "typeset" | "local" | "readonly" => {
                for word in &words[1..] {
                    if let Some((name, _)) = word.start().split_once('=') {
                        let value = word.behind(name.len() + 1);
                        self.assigned(name, &value, depth, sure);
                    }
                }
            }
            "cd" | "pushd" | "popd" | "chdir" => self.moves(words),
            "ssh" => {
                let values = [
                    "-b", "-c", "-D", "-E", "-e", "-F", "-I", "-i", "-J", "-L", "-l", "-m", "-O",
                    "-o", "-p", "-Q", "-R", "-S", "-W", "-w",
                ];
                self.said_again(behind_host(words, &values), depth, sure);
                // What looks like an option and like code may be either.
                for word in words.iter().filter(|word| is_option_and_code(word)) {
                    self.said_again(std::slice::from_ref(word), depth, sure);
                }
                if words.iter().any(|word| word.start().to_ascii_lowercase().contains("command")) {
                    self.unseen("ssh is told to start something");
                }
            }
            "find" => self.find(words, depth, sure),
            "xargs" => self.xargs(words, depth, sure),
            "parallel" | "at" | "batch" | "crontab" | "tmux" | "screen" => {
                self.unseen("it starts what it is told elsewhere");
                self.net(all, from, depth);
            }
            "tar"
                if words.iter().any(|word| {
                    word.start().starts_with("--to-command")
                        || word.start().starts_with("--checkpoint-action")
                        || word.start().starts_with("--use-compress-program")
                        || word.start() == "-I"
                }) =>
            {
                self.unseen("tar is told to start something");
            }
            _ if LEAVES.contains(&name.as_str()) => {}
            _ => self.net(all, from, depth),
        }
    }

    /// Of a program that is not known: each word behind it may be a program that it starts.
    fn net(&mut self, all: &Rc<Vec<Word>>, from: usize, depth: usize) {
        if self.netting {
            return;
        }
        if all.len() - from > NET {
            self.unseen("it has too many words");
        }
        self.netting = true;
        for at in (from + 1..all.len()).take(NET) {
            let word = &all[at];
            let Some(known) = word.known() else { continue };
            if known.contains([' ', '\n', ';', '&', '|']) {
                let before = self.sight.unseen;
                self.code(known, depth, false);
                // It need not be code at all.
                self.sight.unseen = before;
                continue;
            }
            let Some(name) = program(word) else { continue };
            let starts_others = WRAPPERS.iter().any(|(wrapper, ..)| *wrapper == name)
                || SHELLS.contains(&name)
                || ["git", "eval", "xargs", "find", "ssh"].contains(&name);
            if starts_others && depth + 1 < LAYERS && name != "-" {
                let before = self.sight.unseen;
                self.peel(all, at, None, depth + 1, false);
                self.sight.unseen = before;
            } else {
                self.push(all, at, false, None);
            }
        }
        self.netting = false;
    }

    fn env_words(&mut self, name: &str, words: &[Word], depth: usize, sure: bool) {
        let mut words = words.iter().skip(1);
        while let Some(word) = words.next() {
            let start = word.start();
            if name == "env" && (start == "-S" || start == "--split-string") {
                self.said_again(words.next().map_or(&[], std::slice::from_ref), depth, sure);
            } else if name == "env" && start.starts_with("-S") {
                self.said_again(&[word.behind(2)], depth, sure);
            } else if name == "env" && start.starts_with("--split-string=") {
                self.said_again(&[word.behind(15)], depth, sure);
            } else if let Some((name, _)) = start.split_once('=') {
                self.assigned(name, &word.behind(name.len() + 1), depth, sure);
            }
        }
        // A folder of its own for what is started.
        let chdir = |word: &&Word| matches!(word.known(), Some("-C" | "-D" | "--chdir"));
        if matches!(name, "env" | "sudo") && words.any(|word| chdir(&word)) {
            self.move_to(Word::any(false));
        }
    }

    fn shell(&mut self, words: &[Word], stdin: Option<&Word>, depth: usize, sure: bool) {
        let (mut takes_code, mut reads_input) = (false, false);
        let mut rest = words.iter().skip(1);
        while let Some(word) = rest.next() {
            let start = word.start();
            if word.known().is_none() && !start.starts_with(['-', '+']) {
                if takes_code {
                    return self.said_again(std::slice::from_ref(word), depth, sure);
                }
                // A file by a name that is put together, or options that are.
                if word.splits || start.is_empty() {
                    self.unseen("a shell is told only when it runs what to do");
                }
                return;
            }
            match start {
                "-o" | "-O" | "+o" | "+O" | "--rcfile" | "--init-file" => drop(rest.next()),
                "--" | "-" => {}
                _ if start.starts_with("--") || start.starts_with('+') => {}
                _ if start.starts_with('-') => {
                    takes_code |= start.contains('c');
                    reads_input |= start.contains('s');
                }
                _ if takes_code => {
                    return self.said_again(std::slice::from_ref(word), depth, sure);
                }
                _ if reads_input => break,
                // A script in a file is not looked into.
                _ => return,
            }
        }
        match stdin {
            Some(code) => self.said_again(std::slice::from_ref(code), depth, sure),
            None if words.len() == 2
                && matches!(words[1].known(), Some("--version" | "--help")) => {}
            None => self.unseen("a shell runs what it reads"),
        }
    }

    fn moves(&mut self, words: &[Word]) {
        let target = words
            .iter()
            .skip(1)
            .find(|word| word.known().is_none_or(|known| known == "-" || !known.starts_with('-')));
        let target = match target {
            None if program(&words[0]) == Some("cd") => {
                Word { pieces: vec![Piece::Home], splits: false }
            }
            None => Word::any(false),
            Some(word) if word.known() == Some("-") => Word::any(false),
            Some(word) => word.clone(),
        };
        self.move_to(target);
    }

    fn move_to(&mut self, target: Word) {
        if self.here.moves.len() < LAYERS {
            Rc::make_mut(&mut self.here.moves).push(target);
        } else {
            self.unseen("it changes its folder too often");
        }
    }

    fn find(&mut self, words: &[Word], depth: usize, sure: bool) {
        let is_root = |word: &&Word| !word.start().starts_with(['-', '(', '!']);
        let roots: Vec<Word> = words[1..].iter().take_while(is_root).cloned().collect();
        let found = match roots.as_slice() {
            [] => Word { pieces: vec![Piece::Text("./".to_owned()), Piece::Glob], splits: false },
            [root] if root.known().is_some() => {
                let folder = format!("{}/", root.start().trim_end_matches('/'));
                Word { pieces: vec![Piece::Text(folder), Piece::Glob], splits: false }
            }
            _ => Word::any(true),
        };
        let mut at = 1 + roots.len();
        while let Some(word) = words.get(at) {
            at += 1;
            match word.known() {
                Some("-delete") => {
                    let mut removed = vec![Word::text("rm"), found.clone()];
                    removed.extend(roots.iter().cloned());
                    self.push(&Rc::new(removed), 0, sure, None);
                }
                Some("-exec" | "-execdir" | "-ok" | "-okdir") => {
                    let behind = words[at..].iter();
                    let inner: Vec<Word> = behind
                        .take_while(|word| !matches!(word.known(), Some(";" | "+")))
                        .map(|word| match word.known() {
                            Some("{}") => found.clone(),
                            Some(known) if known.contains("{}") => Word::any(true),
                            _ => word.clone(),
                        })
                        .collect();
                    at += inner.len();
                    self.peel(&Rc::new(inner), 0, None, depth + 1, sure);
                }
                None if word.splits => self.unseen("find is told only when it runs what to do"),
                _ => {}
            }
        }
    }

    fn xargs(&mut self, words: &[Word], depth: usize, sure: bool) {
        let values = [
            "-I",
            "-n",
            "-P",
            "-L",
            "-d",
            "-a",
            "-E",
            "-s",
            "--max-args",
            "--max-procs",
            "--max-lines",
            "--delimiter",
            "--arg-file",
            "--replace",
            "--max-chars",
        ];
        let (at, _) = behind_options(words, &values, 0);
        let mark = words[..at].iter().enumerate().find_map(|(nth, word)| {
            let known = word.known()?;
            match known.strip_prefix("-I").or_else(|| known.strip_prefix("--replace=")) {
                Some("") => words.get(nth + 1).and_then(Word::known).map(str::to_owned),
                Some(mark) => Some(mark.to_owned()),
                None => (known == "-i" || known == "--replace").then(|| "{}".to_owned()),
            }
        });
        let replaced = |word: &Word| match (&mark, word.known()) {
            (Some(mark), Some(known)) if !mark.is_empty() && known.contains(mark.as_str()) => {
                Word::any(false)
            }
            _ => word.clone(),
        };
        let mut inner: Vec<Word> = words[at..].iter().map(replaced).collect();
        if inner.is_empty() {
            return;
        }
        if mark.is_none() {
            inner.push(Word::any(true));
        }
        self.peel(&Rc::new(inner), 0, None, depth + 1, sure);
    }

    fn git(&mut self, words: &[Word], depth: usize, sure: bool) {
        let values = [
            "-C",
            "-c",
            "--git-dir",
            "--work-tree",
            "--namespace",
            "--exec-path",
            "--super-prefix",
            "--config-env",
            "--attr-source",
        ];
        let mut at = 1;
        while let Some(word) = words.get(at) {
            let start = word.start();
            if !start.starts_with('-') {
                break;
            }
            let glued = start
                .strip_prefix("-c")
                .filter(|rest| !rest.is_empty() && !start.starts_with("--"));
            let setting = match (start, glued) {
                ("-c", _) => words.get(at + 1).cloned(),
                (_, Some(_)) => Some(word.behind(2)),
                _ => None,
            };
            if let Some(setting) = setting {
                self.git_setting(&setting, depth, sure);
            }
            if start.starts_with("--config-env") {
                self.unseen("git is told a setting only when it runs");
            }
            at += if word.known().is_some_and(|known| values.contains(&known)) { 2 } else { 1 };
        }
        let mut plain = vec![Word::text("git")];
        plain.extend(words.get(at..).unwrap_or_default().iter().cloned());
        let plain = Rc::new(plain);
        self.push(&plain, 0, sure, None);
        let Some(sub) = plain.get(1) else { return };
        let behind = &plain[2..];
        match sub.known() {
            Some("rebase" | "difftool" | "mergetool" | "filter-branch") => {
                let runs = ["-x", "--exec", "--extcmd"];
                for (nth, word) in behind.iter().enumerate() {
                    let start = word.start();
                    if runs.contains(&start) || start.ends_with("-filter") {
                        let code = behind.get(nth + 1);
                        self.said_again(code.map_or(&[], std::slice::from_ref), depth, sure);
                    } else if let Some((option, _)) = start.split_once('=')
                        && (runs.contains(&option) || option.ends_with("-filter"))
                    {
                        self.said_again(&[word.behind(option.len() + 1)], depth, sure);
                    } else if start.starts_with("-x") && start.len() > 2 {
                        self.said_again(&[word.behind(2)], depth, sure);
                    }
                }
            }
            Some("bisect") if behind.first().and_then(Word::known) == Some("run") => {
                self.peel(&Rc::new(behind[1..].to_vec()), 0, None, depth + 1, sure);
            }
            Some("submodule") => {
                let code = behind.iter().position(|word| word.known() == Some("foreach"));
                let code = code.map_or(&[][..], |nth| &behind[nth + 1..]);
                let flags = code.iter().take_while(|word| word.start().starts_with('-')).count();
                self.said_again(&code[flags..], depth, sure);
            }
            Some("config") => {
                for (nth, word) in behind.iter().enumerate() {
                    if let (Some(key), Some(value)) = (word.known(), behind.get(nth + 1))
                        && key.contains('.')
                    {
                        self.git_value(key, value, depth, sure);
                    }
                }
            }
            Some(known) if !GIT.contains(&known) => {
                // It may be an alias of anything.
                let may_be = Rc::new(vec![Word::text("git"), Word::any(true)]);
                self.push(&may_be, 0, sure, None);
            }
            _ => {}
        }
    }

    fn git_setting(&mut self, setting: &Word, depth: usize, sure: bool) {
        match setting.start().split_once('=') {
            Some((key, _)) => self.git_value(key, &setting.behind(key.len() + 1), depth, sure),
            None if setting.known().is_some() => {}
            None => self.unseen("git is told a setting only when it runs"),
        }
    }

    /// Settings of git that name a program.
    fn git_value(&mut self, key: &str, value: &Word, depth: usize, sure: bool) {
        let key = key.to_ascii_lowercase();
        let runs = [
            "core.editor",
            "core.pager",
            "core.sshcommand",
            "core.askpass",
            "core.fsmonitor",
            "sequence.editor",
            "diff.external",
            "core.gitproxy",
        ];
        if let Some(alias) = key.strip_prefix("alias.") {
            let start = value.start();
            if start.starts_with('!') {
                self.said_again(&[value.behind(1)], depth, sure);
            } else if !alias.is_empty() {
                let mut as_git = Word::text("git ");
                as_git.pieces.extend(value.pieces.iter().cloned());
                self.said_again(&[as_git], depth, sure);
            }
        } else if runs.contains(&key.as_str())
            || key.starts_with("pager.")
            || [".command", ".cmd", ".textconv", ".driver", ".clean", ".smudge", ".helper"]
                .iter()
                .any(|end| key.ends_with(end))
        {
            if value.known() != Some("true") && value.known() != Some("false") {
                self.said_again(std::slice::from_ref(value), depth, sure);
            }
        } else if key == "core.hookspath" {
            self.unseen("git is told to run other hooks");
        }
    }
}

/// Where the command of a wrapper begins, and whether all that was skipped is known.
fn behind_options(words: &[Word], values: &[&str], own: usize) -> (usize, bool) {
    let (mut at, mut certain, mut own) = (1, true, own);
    while let Some(word) = words.get(at) {
        let start = word.start();
        if start == "--" && word.known().is_some() {
            at += 1;
            while own > 0 {
                at += 1;
                own -= 1;
            }
            break;
        }
        if start.starts_with('-') {
            if start == "-S" || start == "--split-string" {
                at += 2;
                continue;
            }
            at += width_of(start, values);
            let long_and_unknown =
                start.starts_with("--") && !start.contains('=') && !values.contains(&start);
            certain &= word.known().is_some() && !long_and_unknown;
            continue;
        }
        let sets = start.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        if own > 0 && !word.splits {
            own -= 1;
            at += 1;
        } else if sets && own == 0 {
            at += 1;
        } else {
            break;
        }
    }
    (at.min(words.len()), certain)
}

/// Whether a word begins like an option, and holds what only a shell reads.
fn is_option_and_code(word: &Word) -> bool {
    word.start().starts_with('-')
        && word.start().contains(['$', '`', ';', '|', '&', '(', '\n', ' ', '\t'])
}

/// What `ssh` has run: all behind its host, with options before and behind that; a setting of a variable is code too.
fn behind_host<'w>(words: &'w [Word], values: &[&str]) -> &'w [Word] {
    let (mut at, mut host) = (1, false);
    while let Some(word) = words.get(at) {
        let start = word.start();
        if start.starts_with('-') && start != "--" {
            at += width_of(start, values);
        } else if start == "--" && word.known().is_some() {
            // Only the host may stand between it and the code.
            at += if host { 1 } else { 2 };
            break;
        } else if !host && !word.splits {
            (at, host) = (at + 1, true);
        } else {
            break;
        }
    }
    words.get(at..).unwrap_or_default()
}

/// How many words an option takes, itself among them.
fn width_of(option: &str, values: &[&str]) -> usize {
    if values.contains(&option) {
        return 2;
    }
    if option.starts_with("--") {
        return 1;
    }
    let letters: Vec<char> = option.chars().skip(1).collect();
    let valued = letters.iter().position(|letter| values.contains(&format!("-{letter}").as_str()));
    match valued {
        Some(nth) if nth + 1 == letters.len() => 2,
        _ => 1,
    }
}

/// The code that an interpreter is given, where it is one and is given any.
fn interpreted(name: &str, words: &[Word], stdin: Option<&Word>) -> Option<Code> {
    let of = |word: &Word| word.known().map_or(Code::Unknown, |text| Code::Text(text.to_owned()));
    if ["awk", "gawk", "mawk", "nawk"].contains(&name) {
        let (at, _) = behind_options(words, &["-F", "-v", "-f"], 0);
        let in_file = words[..at].iter().any(|word| word.start().starts_with("-f"));
        return (!in_file).then(|| words.get(at).map(of)).flatten();
    }
    if name == "deno" && words.get(1).and_then(Word::known) == Some("eval") {
        return Some(words.get(2).map_or(Code::Unknown, of));
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (_, options) = INTERPRETERS.iter().find(|(it, _)| *it == stem || *it == name)?;
    let mut rest = words.iter().skip(1);
    let mut looks_only = false;
    while let Some(word) = rest.next() {
        let start = word.start();
        if start == "-" {
            break;
        }
        if !start.starts_with('-') {
            // A script in a file is not looked into.
            return word.splits.then_some(Code::Unknown);
        }
        if options.contains(&start) {
            return Some(rest.next().map_or(Code::Unknown, of));
        }
        let bundled = matches!(stem, "perl" | "ruby" | "python")
            && !start.starts_with("--")
            && options.iter().any(|option| start.contains(&option[1..]));
        if bundled {
            let glued = options.iter().find_map(|option| start.strip_prefix(option));
            return Some(match glued {
                Some(code) if word.known().is_some() => Code::Text(code.to_owned()),
                Some(_) => Code::Unknown,
                None => rest.next().map_or(Code::Unknown, of),
            });
        }
        if let Some((option, _)) = start.split_once('=')
            && options.contains(&option)
        {
            return Some(of(&word.behind(option.len() + 1)));
        }
        if start == "-m" {
            return None;
        }
        looks_only |= ["--version", "-V", "-v", "--help", "-h"].contains(&start);
    }
    match stdin {
        Some(code) => Some(of(code)),
        None if looks_only || ["vim", "vi", "nvim", "emacs", "gdb"].contains(&stem) => None,
        None => Some(Code::Unknown),
    }
}

/// What git calls its own commands; a name that is not here may be an alias.
const GIT: &[&str] = &[
    "add",
    "am",
    "annotate",
    "apply",
    "archive",
    "bisect",
    "blame",
    "branch",
    "bundle",
    "cat-file",
    "check-attr",
    "check-ignore",
    "check-ref-format",
    "checkout",
    "checkout-index",
    "cherry",
    "cherry-pick",
    "clean",
    "clone",
    "commit",
    "commit-graph",
    "commit-tree",
    "config",
    "count-objects",
    "credential",
    "describe",
    "diff",
    "diff-files",
    "diff-index",
    "diff-tree",
    "difftool",
    "fetch",
    "fetch-pack",
    "filter-branch",
    "fmt-merge-msg",
    "for-each-ref",
    "format-patch",
    "fsck",
    "gc",
    "grep",
    "hash-object",
    "help",
    "index-pack",
    "init",
    "interpret-trailers",
    "lfs",
    "log",
    "ls-files",
    "ls-remote",
    "ls-tree",
    "mailinfo",
    "mailsplit",
    "maintenance",
    "merge",
    "merge-base",
    "merge-file",
    "merge-tree",
    "mergetool",
    "mktag",
    "mktree",
    "mv",
    "name-rev",
    "notes",
    "pack-objects",
    "pack-refs",
    "prune",
    "pull",
    "push",
    "range-diff",
    "read-tree",
    "rebase",
    "reflog",
    "remote",
    "repack",
    "replace",
    "request-pull",
    "rerere",
    "reset",
    "restore",
    "rev-list",
    "rev-parse",
    "revert",
    "rm",
    "send-email",
    "send-pack",
    "shortlog",
    "show",
    "show-branch",
    "show-index",
    "show-ref",
    "sparse-checkout",
    "stage",
    "stash",
    "status",
    "stripspace",
    "submodule",
    "switch",
    "symbolic-ref",
    "tag",
    "unpack-file",
    "unpack-objects",
    "update-index",
    "update-ref",
    "update-server-info",
    "var",
    "verify-commit",
    "verify-pack",
    "verify-tag",
    "version",
    "whatchanged",
    "worktree",
    "write-tree",
];

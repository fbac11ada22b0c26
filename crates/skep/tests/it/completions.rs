//! Completions, in real shells: bash, zsh and fish where they are installed.

use std::{fs, path::Path};

use skep_host::proc::Program;

use crate::home::Home;

/// Where this shell is; none where it is not installed, and then its part of a test says so and is left out.
fn shell(name: &str) -> Option<String> {
    let found = ["/usr/local/bin", "/usr/bin", "/bin"]
        .iter()
        .map(|dir| format!("{dir}/{name}"))
        .find(|path| Path::new(path).is_file());
    if found.is_none() {
        skipped(name);
    }
    found
}

#[expect(clippy::print_stderr, reason = "what is not tested here is said")]
fn skipped(name: &str) {
    eprintln!("skipped: {name} is not installed");
}

/// A folder in which `skep` is this binary.
fn bin(home: &Home) -> String {
    let dir = home.at("bin");
    if !dir.exists() {
        fs::create_dir(&dir).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_skep"), dir.join("skep")).unwrap();
    }
    format!("{}:/usr/local/bin:/usr/bin:/bin", dir.display())
}

/// Runs a script of a shell in the folder `dir` of the home, and returns its lines.
#[track_caller]
fn lines(home: &Home, program: &str, args: &[&str], dir: &Path) -> Vec<String> {
    let output = Program::new(program)
        .args(args)
        .env("PATH", bin(home))
        .env("HOME", home.at("home"))
        .env("TERM", "dumb")
        .env("LANG", "C.UTF-8")
        .env("SKEP_HOME", home.root())
        .env("SKEP_CONFIG", home.at("c"))
        .cwd(dir)
        .output()
        .unwrap();
    assert_eq!(output.complaint(), "", "{program} {args:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// What bash offers for the last word, as it would insert it.
#[track_caller]
fn bash(home: &Home, words: &[&str], dir: &Path) -> Vec<String> {
    let script = "source <(skep completions bash) || exit; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _skep; \
                  printf '%s\\n' \"${COMPREPLY[@]}\"";
    let args = [&["--norc", "-c", script, "bash"], words].concat();
    lines(home, "/bin/bash", &args, dir).into_iter().filter(|line| !line.is_empty()).collect()
}

/// What zsh is told to offer: `compadd` is a stand-in that prints, since the real one wants a line editor.
#[track_caller]
fn zsh(home: &Home, program: &str, words: &[&str], dir: &Path) -> Vec<String> {
    let script = "compdef() { [[ $1/$2 == _skep/skep ]] || print not registered }; source <(skep completions zsh); \
                  compadd() { print -rl -- $values }; _files() { print files }; \
                  words=(\"$@\"); CURRENT=$#; _skep";
    let args = [&["-fc", script, "zsh"], words].concat();
    lines(home, program, &args, dir)
}

/// What fish offers for a line, without what it says about each.
#[track_caller]
fn fish(home: &Home, program: &str, line: &str, dir: &Path) -> Vec<String> {
    let script = "skep completions fish | source; complete -C $argv[1]";
    let found = lines(home, program, &["--no-config", "-c", script, line], dir);
    found.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

/// Asks every shell that is there for what follows these words, the last of which is being typed.
#[track_caller]
fn everywhere(home: &Home, words: &[&str], expected: &[&str]) {
    let dir = home.at("web");
    assert_eq!(bash(home, words, &dir), expected, "bash: {words:?}");
    if let Some(program) = shell("zsh") {
        assert_eq!(zsh(home, &program, words, &dir), expected, "zsh: {words:?}");
    }
    if let Some(program) = shell("fish") {
        assert_eq!(fish(home, &program, &words.join(" "), &dir), expected, "fish: {words:?}");
    }
}

#[test]
fn a_shell_completes_verbs_flags_and_fixed_values_without_any_home() {
    let home = Home::new();
    let _web = home.repo();
    everywhere(&home, &["skep", "sna"], &["snapshot"]);
    everywhere(&home, &["skep", "daemon", "st"], &["start", "stop", "status"]);
    everywhere(&home, &["skep", "close", "--k"], &["--keep-branch"]);
    everywhere(&home, &["skep", "run", "--surface", "h"], &["headless"]);
    everywhere(&home, &["skep", "explain", "worktree-dir"], &["worktree-dirty"]);
    everywhere(&home, &["skep", "config", "set", "limits.ru"], &["limits.runs"]);
    everywhere(&home, &["skep", "run", "--agent", "scr"], &["scripted"]);
    everywhere(&home, &["skep", "wait", "x", "--for", "st"], &["starting", "stalled", "stopping"]);
    everywhere(&home, &["skep", "help", "sna"], &["snapshot"]);
    assert!(!home.root().exists(), "no daemon was started, no home made");
}

#[test]
fn zsh_itself_takes_the_script_from_a_file_and_registers_it() {
    let Some(program) = shell("zsh") else { return };
    let home = Home::new();
    let script = home.skep(&["completions", "zsh"]).ok();
    home.write("functions/_skep", &script);
    let load = "fpath=($1 $fpath); autoload -Uz compinit; compinit -D -u; print $_comps[skep]";
    let functions = home.at("functions");
    let args = ["-fc", load, "zsh", functions.to_str().unwrap()];
    assert_eq!(lines(&home, &program, &args, &home.at("")), ["_skep"]);
}

#[test]
fn a_shell_completes_the_names_and_ids_of_what_there_is() {
    let home = Home::new();
    let _web = home.repo();
    let run =
        home.ended("a note", &["write a a", "commit a", "say done"], &["--name", "amber", "-d"]);
    let task = home.json(&["task", "add", "later"]);
    let (run, task) = (run["id"].as_str().unwrap(), task["id"].as_str().unwrap());
    everywhere(&home, &["skep", "show", "am"], &["amber"]);
    everywhere(&home, &["skep", "logs", "-f", "run_"], &[run]);
    everywhere(&home, &["skep", "close", "amber", "a"], &["amber"]);
    everywhere(&home, &["skep", "run", &task[..6]], &[task]);
    everywhere(&home, &["skep", "task", "show", "task_"], &[task]);
    everywhere(&home, &["skep", "project", "rm", "w"], &["web"]);
    everywhere(&home, &["skep", "ls", "--project", "w"], &["web"]);
    let split = bash(&home, &["skep", "ls", "--project", "=", "w"], &home.at("web"));
    assert_eq!(split, ["web"], "bash takes `=` for a word of its own");
    home.skep(&["daemon", "stop"]).ok();
    everywhere(&home, &["skep", "show", &run[..8]], &[run]);
    assert!(home.skep(&["daemon", "status"]).code == 2, "a completion starts no daemon");
}

#[test]
fn what_is_offered_is_inserted_as_it_is_and_never_evaluated() {
    let home = Home::new();
    let _web = home.repo();
    home.ended(
        "$(touch owned) `touch owned` \u{1b}[31m; touch owned",
        &["write a a", "commit a", "say done"],
        &["--name", "amber", "-d"],
    );
    let names = [
        "$(touch owned).md",
        "`touch owned`.md",
        "a b.md",
        "*.md",
        "-rf",
        "q'\".md",
        "l\nf.md",
        "e\u{1b}[2J.md",
    ];
    for name in names {
        home.write(format!("files/{name}"), "");
    }
    let dir = home.at("files");
    let offered = bash(&home, &["skep", "run", "--prompt-file", ""], &dir);
    let typed = offered.iter().filter(|word| word.ends_with(".md")).count();
    assert!(typed >= 5, "{offered:?}");
    let script = format!("printf '%s\\n' {}", offered.join(" "));
    let mut read = lines(&home, "/bin/bash", &["--norc", "-c", &script], &dir);
    read.retain(|name| name.ends_with(".md"));
    read.sort();
    let mut whole: Vec<&str> = names
        .into_iter()
        .filter(|name| name.ends_with(".md") && !name.contains(['\n', '\u{1b}']))
        .collect();
    whole.sort_unstable();
    assert_eq!(read, whole, "each is one word again, and none that a terminal would obey");
    everywhere(&home, &["skep", "show", "am"], &["amber"]);
    for place in [&dir, &home.at("web"), &home.at("home")] {
        assert!(!place.join("owned").exists(), "something was evaluated in {}", place.display());
    }
}

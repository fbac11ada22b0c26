//! Help and manual pages: every verb has both, and they can be read.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use skep_host::proc::Program;

use crate::home::Home;

/// Every verb, with those that only stand above others, as a manual page names it: `daemon-start`.
fn pages(home: &Home) -> BTreeSet<String> {
    let verbs = home.skep(&["help", "--verbs"]).ok();
    let shown = verbs
        .lines()
        .filter(|verb| !verb.starts_with("cleanup"))
        .filter(|verb| !["gatekeeper", "mcp", "notify send"].contains(verb))
        .filter(|verb| !["hook on-add", "hook on-modify"].contains(verb));
    let mut pages = BTreeSet::from(["skep.1".to_owned()]);
    for verb in shown {
        let words: Vec<&str> = verb.split(' ').collect();
        for upto in 1..=words.len() {
            pages.insert(format!("skep-{}.1", words[..upto].join("-")));
        }
    }
    pages
}

#[test]
fn every_verb_has_a_manual_page_that_a_reader_can_render() {
    let home = Home::new();
    let dir = home.at("man/man1");
    let said = home.skep(&["help", "--man", dir.to_str().unwrap()]).ok();
    let files: BTreeSet<String> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, pages(&home));
    assert!(said.starts_with(&format!("{} pages", files.len())), "{said}");
    let groff = Path::new("/usr/bin/groff");
    if !groff.exists() {
        skipped("groff");
        return;
    }
    for (name, expected) in [
        ("skep.1", ["skep-close(1)", "EXIT STATUS", "a wait ran out of time"]),
        ("skep-close.1", ["--keep-branch", "EXAMPLES", "skep close amber --force"]),
        (
            "skep-daemon-install.1",
            ["skep-daemon-install(1)", "NOTES", "skep daemon install --dry-run"],
        ),
    ] {
        let page = dir.join(name);
        let output = Program::new(groff)
            .args(["-man", "-Tascii", "-P-c", "-ww"])
            .arg(&page)
            .env("PATH", "/usr/bin:/bin")
            .output()
            .unwrap();
        assert_eq!(output.complaint(), "", "{name}");
        let bytes = String::from_utf8(output.stdout).unwrap();
        // Bold is a letter, a backspace and the letter again.
        let letters: Vec<char> = bytes.chars().collect();
        let over = |nth: usize| letters.get(nth + 1) == Some(&'\u{8}');
        let text: String = (0..letters.len())
            .filter(|nth| letters[*nth] != '\u{8}' && !over(*nth))
            .map(|nth| letters[nth])
            .collect();
        for wanted in expected {
            assert!(text.contains(wanted), "{name} has no `{wanted}`:\n{text}");
        }
    }
}

#[expect(clippy::print_stderr, reason = "what is not tested here is said")]
fn skipped(name: &str) {
    eprintln!("skipped: {name} is not installed");
}

#[test]
fn help_for_a_verb_is_the_same_however_it_is_asked_for() {
    let home = Home::new();
    for verb in ["run", "close", "daemon install", "snapshot"] {
        let words: Vec<&str> = verb.split(' ').collect();
        let asked = home.skep(&[&["help"], words.as_slice()].concat()).ok();
        let flagged = home.skep(&[words.as_slice(), &["--help"]].concat()).ok();
        assert_eq!(asked.trim_end(), flagged.trim_end(), "{verb}");
    }
    let whole = home.skep(&["help"]).ok();
    assert_eq!(whole, home.skep(&["--help"]).ok());
    assert!(whole.contains("START") && !whole.contains('\u{1b}'), "{whole}");
    assert!(!home.root().exists(), "help needs no home");
}

#[test]
fn explain_lists_every_error_under_a_subject_and_tells_one_with_its_ways_out() {
    let home = Home::new();
    let list = home.skep(&["explain"]).ok();
    let all = home.json(&["explain"]);
    for error in all.as_array().unwrap() {
        let slug = error["slug"].as_str().unwrap();
        assert!(list.contains(&format!("\n  {slug} ")), "{slug}");
    }
    assert!(list.starts_with("What was typed\n"), "{list}");
    let one = home.skep(&["explain", "error[worktree-dirty]"]).ok();
    assert!(one.starts_with("worktree-dirty\n  "), "{one}");
    assert!(one.contains("\nWays out:\n  - ") && one.contains("`skep sh ID`"), "{one}");
    assert!(one.lines().all(|line| line.chars().count() <= 100), "{one}");
}

#[test]
fn the_install_script_puts_pages_and_completions_where_they_are_found_and_says_so() {
    let home = Home::new();
    // A stand-in for cargo: what it builds is there already.
    let cargo = home.write("bin/cargo", "#!/bin/sh\nexit 0\n");
    fs::set_permissions(cargo, fs::Permissions::from_mode(0o755)).unwrap();
    symlink(env!("CARGO_BIN_EXE_skep"), home.at("bin/skep")).unwrap();
    let output = Program::new(crate::tidy::root().join("scripts/install"))
        .env("PATH", format!("{}:/usr/bin:/bin", home.at("bin").display()))
        .env("HOME", home.at("home"))
        .output()
        .unwrap();
    let told = output.complaint();
    assert_eq!(output.code(), 0, "{told}");
    let data = home.at("home/.local/share");
    assert!(data.join("man/man1/skep-run.1").is_file());
    let bash = data.join("bash-completion/completions/skep");
    assert!(fs::read_to_string(&bash).unwrap().contains("complete -o nosort -F _skep skep"));
    for place in [data.join("man/man1"), bash] {
        assert!(told.contains(place.to_str().unwrap()), "{told}");
    }
}

//! The tour, as it is written: every line in one real shell, in an empty home, with a minimal PATH.

use std::{fs, os::unix::fs::symlink, time::Duration};

use skep_host::proc::Program;

use crate::{
    home::Home,
    tidy::{root, source::read},
};

/// A block of a page: what is typed, and what must be seen then.
#[derive(Debug, Default, PartialEq)]
struct Block {
    typed: Vec<String>,
    seen: Vec<String>,
}

/// The blocks of a page that are typed, each with the text block that follows it before the next.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut within = None;
    for line in page.lines() {
        match (within, line.strip_prefix("```")) {
            (None, Some("sh")) => {
                blocks.push(Block::default());
                within = Some("sh");
            }
            (None, Some("text")) => within = Some("text"),
            (None, Some(other)) => panic!("the tour has a block of `{other}`"),
            (Some(_), Some("")) => within = None,
            (Some("sh"), _) => blocks.last_mut().unwrap().typed.push(line.to_owned()),
            (Some(_), _) => blocks.last_mut().unwrap().seen.push(line.to_owned()),
            (None, None) => {}
        }
    }
    assert_eq!(within, None, "a block has no end");
    blocks
}

/// The code with which a line leaves, as the line itself says.
fn expected(line: &str) -> i32 {
    let told = line.split_once("# leaves with ").map(|(_, rest)| rest);
    let digits = told.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap());
    digits.map_or(0, |digits| digits.parse().unwrap())
}

const MARK: &str = "@@ left with ";

#[test]
fn the_tour_runs_as_it_is_written() {
    let home = Home::new();
    // Nothing is set: the settings of a stranger are those that come with skep.
    fs::remove_file(home.at("c/config.toml")).unwrap();
    fs::create_dir(home.at("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_skep"), home.at("bin/skep")).unwrap();
    let path = format!("{}:/usr/bin:/bin", home.at("bin").display());

    let page = read(&root().join("docs/tour.md"));
    let blocks = blocks(&page);
    let typed: Vec<&String> = blocks.iter().flat_map(|block| &block.typed).collect();
    let temporary = home.at("tmp").display().to_string();
    let script: String = typed
        .iter()
        .map(|line| {
            format!("{}\necho \"\n{MARK}$?\"\n", line.replace("/tmp/", &format!("{temporary}/")))
        })
        .collect();
    let script = home.write("tour.sh", &format!("exec 2>&1\n{script}"));
    let output = Program::new("sh")
        .arg(&script)
        .env("PATH", &path)
        .env("HOME", home.at("home"))
        .env("TMPDIR", &temporary)
        .env("LANG", "C.UTF-8")
        .env("SKEP_HOME", home.root())
        .env("SKEP_CONFIG", home.at("c"))
        .cwd(&home.at("tmp"))
        .timeout(Duration::from_secs(180))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();

    let mut parts = said.split(MARK);
    let mut text = parts.next().unwrap().to_owned();
    for block in &blocks {
        let mut of_block = String::new();
        for line in &block.typed {
            let part = parts.next().unwrap_or_else(|| panic!("`{line}` was not reached: {said}"));
            let (code, rest) = part.split_once('\n').unwrap_or((part, ""));
            assert_eq!(code.trim(), expected(line).to_string(), "{line}\n{text}");
            of_block.push_str(&text);
            rest.clone_into(&mut text);
        }
        for line in &block.seen {
            assert!(of_block.contains(line.as_str()), "`{line}` is not in:\n{of_block}");
        }
    }
    assert!(typed.len() > 25, "the tour is a tour");
}

#[test]
fn a_page_is_read_as_lines_to_type_and_lines_to_see() {
    let page =
        "a\n```sh\none\ntwo # leaves with 4: so\n```\nb\n```text\nthree\n```\n```sh\nfour\n```\n";
    let strings = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let typed = strings(&["one", "two # leaves with 4: so"]);
    assert_eq!(typed.iter().map(|line| expected(line)).collect::<Vec<_>>(), [0, 4]);
    let expected = [
        Block { typed, seen: strings(&["three"]) },
        Block { typed: strings(&["four"]), seen: Vec::new() },
    ];
    assert_eq!(blocks(page), expected);
}

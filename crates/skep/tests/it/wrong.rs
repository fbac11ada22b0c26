//! Wrong inputs: every line of `docs/wrong-inputs.md` is typed, and answered as it says there.

use skep_host::proc::Program;

use crate::{
    home::{Home, Said},
    tidy::{
        root,
        source::{entries, read},
    },
};

/// One line of the page.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    typed: String,
    exit: String,
    slug: String,
    says: String,
    then: String,
}

impl Row {
    fn read(line: &str) -> Row {
        let line = line.trim().trim_matches('|').replace("\\|", "\0");
        let cells: Vec<String> =
            line.split('|').map(|cell| cell.trim().replace('\0', "|")).collect();
        let [typed, exit, slug, says, then] = cells.try_into().expect("five cells");
        Row { typed: typed.trim_matches('`').to_owned(), exit, slug, says, then }
    }

    fn line(&self) -> String {
        let Row { typed, exit, slug, says, then } = self;
        let cell = |text: &str| text.replace('|', "\\|");
        format!("| `{}` | {exit} | {slug} | {} | {} |", cell(typed), cell(says), cell(then))
    }
}

fn rows() -> Vec<Row> {
    let page = read(&root().join("docs/wrong-inputs.md"));
    page.lines().filter(|line| line.starts_with("| `")).map(Row::read).collect()
}

/// The words of a line as a shell takes them: variables first, then skep's arguments.
fn words(line: &str) -> (Vec<(String, String)>, Vec<String>) {
    let mut words = vec![String::new()];
    let (mut quoted, mut is_open) = (false, false);
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                is_open = true;
            }
            ' ' if !quoted => {
                words.push(String::new());
                is_open = false;
            }
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    assert!(!quoted && (is_open || !words.last().unwrap().is_empty()), "{line}");
    let at = words.iter().position(|word| word == "skep").expect("a command of skep");
    let args = words.split_off(at + 1);
    let vars = words[..at].iter().map(|word| word.split_once('=').expect("a variable"));
    (vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), args)
}

/// The text with ids and places as the page has them.
fn plain(home: &Home, text: &str) -> String {
    let mut text = text.replace(home.at("").to_str().unwrap().trim_end_matches('/'), "~");
    for kind in ["run_", "op_", "/env/"] {
        let mut from = 0;
        while let Some(at) = text[from..].find(kind).map(|at| from + at + kind.len()) {
            let tail = &text[at..];
            let is_id = tail.len() >= 10
                && tail[..10].chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
                && !tail.starts_with("0000000000");
            if is_id {
                let length = tail.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tail.len());
                text.replace_range(at..at + length, "…");
            }
            from = at;
        }
    }
    let is_oid = |word: &str| {
        word.len() > 8
            && word.trim_end_matches('…').chars().all(|letter| letter.is_ascii_hexdigit())
    };
    let is_pid = |word: &str| {
        word.len() > 3
            && word
                .strip_suffix(')')
                .is_some_and(|word| word.chars().all(|letter| letter.is_ascii_digit()))
    };
    let words = text.split(' ').map(|word| match word {
        word if is_oid(word) => "…",
        word if is_pid(word) => "…)",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn answer(home: &Home, row: &Row) -> Row {
    let (vars, args) = words(&row.typed);
    let place = home.at("");
    let place = place.to_str().unwrap().trim_end_matches('/');
    let vars: Vec<(String, String)> =
        vars.into_iter().map(|(name, value)| (name, value.replace('~', place))).collect();
    let vars: Vec<(&str, &str)> =
        vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Said { code, stdout, stderr } = home.skep_with(&home.at("web"), &vars, &args);
    let error = stderr.lines().find_map(|line| line.strip_prefix("error["));
    let status = stdout.lines().find_map(|line| line.strip_prefix("status="));
    let (slug, says) = match error {
        Some(line) => line.split_once("]: ").unwrap_or((line, "")),
        // What needs a decision is a result where scripts read it: `close`.
        None => ("-", status.or_else(|| stdout.lines().next()).unwrap_or_default()),
    };
    let then = stdout.lines().chain(stderr.lines());
    let then = then.filter_map(|line| line.strip_prefix("  → "));
    Row {
        typed: row.typed.clone(),
        exit: code.to_string(),
        slug: slug.to_owned(),
        says: plain(home, says),
        then: plain(home, &then.collect::<Vec<_>>().join(" · ")),
    }
}

#[test]
fn what_is_typed_wrong_is_answered_as_the_page_of_wrong_inputs_says() {
    let home = Home::new();
    let _web = home.repo();
    home.json(&["project", "add", "."]);
    let steps = ["write a.txt a", "commit a", "write note.txt a note", "say done"];
    home.ended("a note", &steps, &["--name", "amber", "-d"]);
    let rows = rows();
    assert!(rows.len() >= 60, "{} wrong inputs", rows.len());
    let found: Vec<Row> = rows.iter().map(|row| answer(&home, row)).collect();
    if rows != found {
        let page: Vec<String> = found.iter().map(Row::line).collect();
        let wrong = rows.iter().zip(&found).filter(|(row, found)| row != found);
        let wrong: Vec<String> =
            wrong.map(|(row, found)| format!("-{}\n+{}", row.line(), found.line())).collect();
        panic!("\n{}\n\nthe page as it would be:\n{}\n", wrong.join("\n"), page.join("\n"));
    }
}

#[test]
fn every_wrong_input_is_refused_and_says_what_to_type_next() {
    for row in rows() {
        assert!(["1", "2", "3"].contains(&row.exit.as_str()), "{}", row.line());
        assert!(row.then.contains("skep ") || row.then.contains("git "), "{}", row.line());
        assert!(!row.says.is_empty() && row.says != "x", "{}", row.line());
    }
}

#[test]
fn every_verb_has_a_wrong_input() {
    let said = Program::new(env!("CARGO_BIN_EXE_skep")).args(["help", "--verbs"]).output().unwrap();
    let verbs = String::from_utf8(said.stdout).unwrap();
    let typed: Vec<Vec<String>> = rows().iter().map(|row| words(&row.typed).1).collect();
    let silent: Vec<&str> = verbs
        .lines()
        .map(|verb| verb.split(' ').next().unwrap_or_default())
        .filter(|verb| *verb != "gatekeeper")
        .filter(|verb| !typed.iter().any(|words| words.contains(&(*verb).to_owned())))
        .collect();
    assert!(silent.is_empty(), "no line of docs/wrong-inputs.md: {silent:?}");
    assert!(entries(&root().join("docs")).iter().any(|page| page.ends_with("wrong-inputs.md")));
}

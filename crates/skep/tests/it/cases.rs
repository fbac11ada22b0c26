//! `docs/cases.md` against the tests: no case missing, none twice, no test named that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenTree};

use crate::tidy::{
    nothing_wrong, root,
    source::{all, each_list, group, inside, is_sign, read, word},
};

/// The marks of the four specifications: a letter, and what follows it.
fn marks() -> BTreeSet<String> {
    let mut marks = BTreeSet::new();
    let mut add = |letter: &str, count: u32| {
        marks.extend((1..=count).map(|number| format!("{letter}{number}")));
    };
    for (letter, count) in [("W-", 64), ("N-", 81), ("O-", 69)] {
        add(letter, count);
    }
    let service = [
        ("S-D", 10),
        ("S-M", 9),
        ("S-C", 9),
        ("S-R", 7),
        ("S-X", 4),
        ("S-W", 7),
        ("S-A", 8),
        ("S-T", 6),
        ("S-O", 5),
        ("S-", 18),
    ];
    for (letter, count) in service {
        add(letter, count);
    }
    marks
}

/// A row of the table: its mark, and who holds it.
struct Row {
    mark: String,
    held_by: String,
}

fn rows(text: &str) -> Vec<Row> {
    let lines = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| mark "));
    let rows = lines.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "a row has a mark, a case and who holds it: {line}");
        Row { mark: cells[0].to_owned(), held_by: cells[2].to_owned() }
    });
    rows.collect()
}

/// The names in backticks.
fn named_tests(held_by: &str) -> Vec<&str> {
    held_by.split('`').skip(1).step_by(2).collect()
}

/// The names of all functions that a test runner would run.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in all(&root()) {
        each_list(&source.tokens, &mut |tokens| found.extend(tests_in(tokens)));
    }
    found
}

/// The functions of this list that carry `#[test]`; inside `proptest!` and the like too.
fn tests_in(tokens: &[TokenTree]) -> Vec<String> {
    let is_test = |at: usize| {
        let attribute = group(tokens.get(at + 1), Delimiter::Bracket);
        is_sign(tokens.get(at), '#')
            && attribute.is_some_and(|group| {
                let inside = inside(group);
                inside.len() == 1 && word(inside.first()).as_deref() == Some("test")
            })
    };
    let after = |at: usize| {
        (at + 2..tokens.len()).find(|next| word(tokens.get(*next)).as_deref() == Some("fn"))
    };
    let marked = (0..tokens.len()).filter(|at| is_test(*at));
    marked.filter_map(|at| word(tokens.get(after(at)? + 1))).collect()
}

/// What is wrong with `rows`, where `tests` are all tests there are.
fn faults(rows: &[Row], tests: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for row in rows {
        *seen.entry(&row.mark).or_default() += 1;
        let named = named_tests(&row.held_by);
        let strangers = named.iter().filter(|name| !tests.contains(**name));
        faults.extend(strangers.map(|name| format!("{}: there is no test `{name}`", row.mark)));
        let promised = ["milestone ", "service"].iter().any(|word| row.held_by.contains(word));
        let set_aside = row.held_by.starts_with("does not arise, because ");
        if named.is_empty() && !promised && !set_aside {
            faults.push(format!("{}: held by nobody", row.mark));
        }
    }
    let marks = marks();
    faults.extend(
        marks
            .iter()
            .filter(|mark| !seen.contains_key(mark.as_str()))
            .map(|mark| format!("{mark}: missing")),
    );
    for (mark, count) in seen {
        if !marks.contains(mark) {
            faults.push(format!("{mark}: no specification has it"));
        } else if count > 1 {
            faults.push(format!("{mark}: stands {count} times"));
        }
    }
    faults
}

#[test]
fn every_case_stands_once_and_every_test_it_names_exists() {
    nothing_wrong(&faults(&rows(&read(&root().join("docs/cases.md"))), &tests()));
}

/// The scenes that every live agent is put through: functions that take an agent.
fn scenes() -> BTreeSet<String> {
    let source = read(&root().join("crates/skep/tests/it/live/scenes.rs"));
    let named = |line: &str| {
        let name = line.strip_prefix("fn ")?.strip_suffix("(agent: &Agent) {")?;
        Some(name.to_owned())
    };
    source.lines().filter_map(named).collect()
}

#[test]
fn every_trap_of_an_agent_is_held_by_a_test_that_exists() {
    let known: BTreeSet<String> = tests().union(&scenes()).cloned().collect();
    let page = read(&root().join("docs/design/traps.md"));
    let rows: Vec<Row> = rows(&page).into_iter().filter(|row| !row.mark.starts_with('-')).collect();
    assert!(rows.len() > 30, "{}", rows.len());
    let mut faults = Vec::new();
    for row in rows.iter().filter(|row| row.mark != "agent") {
        let named = named_tests(&row.held_by);
        if named.is_empty() {
            faults.push(format!("{}: held by nobody", row.held_by));
        }
        let strangers = named.iter().filter(|name| !known.contains(**name));
        faults.extend(strangers.map(|name| format!("{}: there is no test `{name}`", row.mark)));
    }
    nothing_wrong(&faults);
}

#[test]
fn a_missing_case_a_doubled_one_and_a_test_that_does_not_exist_are_found() {
    let sound: Vec<String> =
        marks().into_iter().map(|mark| format!("| {mark} | x | milestone 9 |")).collect();
    let check = |from: &str, to: &str| {
        let text = sound.join("\n").replacen(from, to, 1);
        faults(&rows(&text), &["it_holds".to_owned()].into())
    };
    assert_eq!(check("", ""), [""; 0]);
    assert_eq!(check("| W-64 | x | milestone 9 |", "| W-64 | x | `it_holds` |"), [""; 0]);
    assert_eq!(
        check("| W-64 | x | milestone 9 |", "| W-64 | x | `it_does_not` |"),
        ["W-64: there is no test `it_does_not`"]
    );
    assert_eq!(
        check("| W-64 | x | milestone 9 |", "| W-64 | x | somebody |"),
        ["W-64: held by nobody"]
    );
    assert_eq!(check("| W-64 ", "| W-63 "), ["W-64: missing", "W-63: stands 2 times"]);
    assert_eq!(check("| W-64 ", "| W-65 "), ["W-64: missing", "W-65: no specification has it"]);
}

#[test]
fn only_functions_marked_as_tests_count_as_tests() {
    let code: proc_macro2::TokenStream =
        "#[test] fn a() {} fn b() {} /// doc\n#[test] #[should_panic] fn c() {} // #[test] fn d() {}".parse().expect("Rust tokens");
    assert_eq!(tests_in(&code.into_iter().collect::<Vec<_>>()), ["a", "c"]);
}

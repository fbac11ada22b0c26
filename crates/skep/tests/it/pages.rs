//! The documents, as they are written: what they show runs, what they name is there, what they list is complete.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, time::Duration};

use skep_host::proc::Program;

use crate::{
    home::Home,
    tidy::{nothing_wrong, root, source::read},
};

/// Runs a script as a stranger does: in a real shell, in an empty home, with a minimal PATH.
///
/// Shape: the shell stands in `folder`; what comes first on the PATH is `bin` of the home.
pub(crate) fn in_a_shell(home: &Home, folder: &str, script: &str) -> String {
    let script = home.write("script.sh", &format!("exec 2>&1\n{script}"));
    let output = Program::new("sh")
        .arg(&script)
        .env("PATH", format!("{}:/usr/bin:/bin", home.at("bin").display()))
        .env("HOME", home.at("home"))
        .env("TMPDIR", home.at("tmp"))
        .env("LANG", "C.UTF-8")
        .env("SKEP_HOME", home.root())
        .env("SKEP_CONFIG", home.at("c"))
        .cwd(&home.at(folder))
        .timeout(Duration::from_secs(240))
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A block of a page: its mark, and its lines.
pub(crate) fn blocks(page: &str) -> Vec<(String, Vec<String>)> {
    let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
    let mut within = false;
    for line in page.lines() {
        match (within, line.strip_prefix("```")) {
            (false, Some(mark)) => {
                blocks.push((mark.to_owned(), Vec::new()));
                within = true;
            }
            (true, Some("")) => within = false,
            (true, _) => blocks.last_mut().unwrap().1.push(line.to_owned()),
            (false, None) => {}
        }
    }
    assert!(!within, "a block has no end");
    blocks
}

/// The lines of a block as what a shell takes in at once: a text of its own, `<<'END'`, belongs to its line.
pub(crate) fn commands(lines: &[String]) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut text = false;
    for line in lines {
        match commands.last_mut().filter(|_| text) {
            Some(last) => {
                last.push('\n');
                last.push_str(line);
                text = line != "END";
            }
            None => {
                commands.push(line.clone());
                text = line.contains("<<'END'");
            }
        }
    }
    commands
}

/// The code with which a command leaves, as the line itself says.
pub(crate) fn leaves_with(line: &str) -> i32 {
    let told = line.split_once("# leaves with ").map(|(_, rest)| rest);
    let digits = told.map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap());
    digits.map_or(0, |digits| digits.parse().unwrap())
}

const MARK: &str = "@@ left with ";

/// Runs commands one after the other in one shell, and returns what each said; each must leave as it says it does.
#[track_caller]
pub(crate) fn each_runs(home: &Home, folder: &str, commands: &[String]) -> Vec<String> {
    let script: String =
        commands.iter().map(|line| format!("{line}\necho \"\n{MARK}$?\"\n")).collect();
    let said = in_a_shell(home, folder, &script);
    let mut parts = said.split(MARK);
    let mut text = parts.next().unwrap().to_owned();
    let mut each = Vec::new();
    for command in commands {
        let part = parts.next().unwrap_or_else(|| panic!("`{command}` was not reached: {said}"));
        let (code, rest) = part.split_once('\n').unwrap_or((part, ""));
        assert_eq!(code.trim(), leaves_with(command).to_string(), "{command}\n{text}");
        each.push(std::mem::replace(&mut text, rest.to_owned()));
    }
    each
}

/// A home with the binary in `bin`, and none but the settings that come with skep.
pub(crate) fn a_strangers_home() -> Home {
    let home = Home::new();
    fs::remove_file(home.at("c/config.toml")).unwrap();
    fs::create_dir(home.at("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_skep"), home.at("bin/skep")).unwrap();
    home
}

/// The page that shows what cannot be typed.
const WRONG: &str = "wrong-inputs.md";

/// The pages that a person reads; the designs and decisions are for whoever builds.
fn pages() -> Vec<(String, String)> {
    let mut pages = vec!["README.md".to_owned()];
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let names = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    pages.extend(
        names
            .filter(|name| name.ends_with(".md") && name != WRONG)
            .map(|name| format!("docs/{name}")),
    );
    pages.sort();
    pages.into_iter().map(|page| (page.clone(), read(&root().join(page)))).collect()
}

/// The commands that a page shows or names: lines of its blocks and code spans that begin with `skep `.
fn shown(page: &str) -> Vec<String> {
    let mut shown = Vec::new();
    let mut spans = String::new();
    let mut within = false;
    for line in page.lines() {
        if line.starts_with("```") {
            within = !within;
        } else if within {
            shown.extend(line.trim().strip_prefix("skep ").map(str::to_owned));
        } else {
            spans.push_str(line);
            spans.push('\n');
        }
    }
    let spans = spans.split('`').skip(1).step_by(2);
    shown.extend(spans.filter_map(|span| span.strip_prefix("skep ")).map(str::to_owned));
    shown
}

/// The first words of the table of verbs, aliases and verbs to come included.
fn in_the_table(contract: &str) -> BTreeSet<String> {
    let section = contract.split("\n## 2. ").nth(1).expect("section 2 holds the verbs");
    let section = section.split("\n## ").next().expect("a first part");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let columns = rows.map(|row| row.replace("\\|", "/").split('|').nth(1).unwrap().to_owned());
    let spans = columns.flat_map(|column| {
        column.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    });
    spans.filter_map(|span| span.split([' ', '[', '/']).next().map(str::to_owned)).collect()
}

#[test]
fn every_verb_that_a_page_names_is_in_the_contract() {
    let table = in_the_table(&read(&root().join("docs/contract.md")));
    assert!(
        table.contains("run") && table.contains("spawn") && table.contains("plan"),
        "{table:?}"
    );
    let mut faults = Vec::new();
    for (page, text) in pages() {
        for command in shown(&text) {
            let verb = command.split_whitespace().find(|word| !word.starts_with('-'));
            let verb = verb.unwrap_or_default().trim_end_matches([',', '.', ':', ';', ')']);
            let is_verb = verb.starts_with(|c: char| c.is_ascii_lowercase());
            if is_verb && !table.contains(verb) {
                faults.push(format!("{page}: `skep {command}`: the contract has no `{verb}`"));
            }
        }
    }
    nothing_wrong(&faults);
}

/// The commands of a page that are marked as still to come: spans right before the mark, in a row of them all.
fn marked_to_come(page: &str) -> Vec<String> {
    let mut marked = Vec::new();
    for before in
        page.split("(to come)").collect::<Vec<_>>().split_last().map_or(&[][..], |all| all.1)
    {
        let parts: Vec<&str> = before.split('`').collect();
        // From the back: a span, and what stands between it and the next.
        let mut at = parts.len();
        while at >= 3 {
            let gap = parts[at - 1].trim();
            let joins = ["", ",", "and", "or"].contains(&gap);
            if !joins {
                break;
            }
            marked.extend(parts[at - 2].strip_prefix("skep ").map(str::to_owned));
            at -= 2;
        }
    }
    marked
}

#[test]
fn what_a_page_marks_as_to_come_is_not_there_yet() {
    let home = Home::new();
    let verbs = home.skep(&["help", "--verbs"]).ok();
    let known: BTreeSet<&str> = verbs.lines().map(str::trim).collect();
    let mut faults = Vec::new();
    let pages = pages();
    for (page, text) in pages.iter().filter(|(page, _)| page != "docs/contract.md") {
        for command in marked_to_come(text) {
            let words: Vec<&str> = command.split_whitespace().take(2).collect();
            if known.contains(words[0]) || known.contains(words.join(" ").as_str()) {
                faults.push(format!("{page}: `skep {command}` is there: drop its mark"));
            }
        }
    }
    nothing_wrong(&faults);
}

#[test]
fn a_mark_is_about_all_commands_in_a_row_before_it() {
    let page =
        "`skep a`; `skep b`, `skep c x` and `--d` (to come), `skep e` | `skep f` (to come) g";
    assert_eq!(marked_to_come(page), ["c x", "b", "f"]);
}

/// A `skep` that hands everything to the real one with a question for help: it is parsed, and nothing is done.
const PARSES: &str = r#"#!/bin/sh
left=$#
asked=
while [ "$left" -gt 0 ]; do
    word=$1
    shift
    if [ "$word" = -- ] && [ -z "$asked" ]; then set -- "$@" --help; asked=1; fi
    set -- "$@" "$word"
    left=$((left - 1))
done
[ "$asked" ] || set -- "$@" --help
exec REAL "$@" > /dev/null
"#;

#[test]
fn every_command_of_the_recipes_and_the_readme_can_be_typed() {
    let home = Home::new();
    let stub = home.write("bin/skep", &PARSES.replace("REAL", env!("CARGO_BIN_EXE_skep")));
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    let verbs = home.skep(&["help", "--verbs"]).ok();
    let known: BTreeSet<&str> = verbs.lines().map(str::trim).collect();
    let mut typed = Vec::new();
    for page in ["README.md", "docs/recipes.md", "docs/tour.md"] {
        let blocks = blocks(&read(&root().join(page)));
        let blocks = blocks.into_iter().filter(|(mark, _)| mark == "sh" || mark == "console");
        for line in blocks.flat_map(|(_, lines)| commands(&lines)) {
            let words: Vec<&str> = line.split_whitespace().skip(1).take(2).collect();
            // What the contract promises and this binary lacks has nobody to parse it.
            let is_there = words.first().is_some_and(|verb| known.contains(verb))
                || known.contains(words.join(" ").as_str());
            if line.starts_with("skep ") && is_there {
                typed.push(line);
            }
        }
    }
    assert!(typed.len() > 40, "{typed:?}");
    let typed: Vec<String> =
        typed.iter().map(|line| line.replace("# leaves with ", "# ")).collect();
    each_runs(&home, "tmp", &typed);
    // The stand-in says no to what the real one does not know.
    let said = in_a_shell(&home, "tmp", "skep run --cuont 3 x || echo refused");
    assert!(said.contains("refused"), "{said}");
}

#[test]
fn the_recipes_run_as_they_are_written() {
    let home = a_strangers_home();
    home.repo();
    let page = read(&root().join("docs/recipes.md"));
    let blocks = blocks(&page);
    let lines = blocks.iter().filter(|(mark, _)| mark == "sh");
    let mut typed = vec![
        "skep config set agent scripted".to_owned(),
        "skep config set time.health 300ms".to_owned(),
        "skep project add . --name web".to_owned(),
    ];
    typed.extend(lines.flat_map(|(_, lines)| commands(lines)));
    let said = each_runs(&home, "web", &typed);
    let of = |command: &str| {
        let nth = typed.iter().position(|line| line == command).expect("the recipe is there");
        &said[nth]
    };
    let folder = of("skep sh opal -- pwd");
    assert!(folder.contains("/services/api\n"), "{folder}");
    assert!(of("cat \"$(skep path ruby)/.env\"").contains("API_URL="));
    let port = of("cat \"$(skep path jade)/.env.port\"").split_once("PORT=").expect("a port").1;
    let port: u32 = port.trim().parse().expect("a number");
    assert!((20_000..40_000).contains(&port), "{port}");
}

#[test]
fn the_settings_page_lists_every_setting_with_its_default() {
    let page = read(&root().join("docs/config.md"));
    let (_, lines) = blocks(&page).into_iter().next().expect("the settings come first");
    let told: toml::Table = lines.join("\n").parse().expect("TOML");
    let mut told_keys = BTreeSet::new();
    for (key, value) in &told {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    match value {
                        toml::Value::Table(below) => {
                            let below = below.iter();
                            told_keys.extend(
                                below.map(|(it, value)| format!("{key}.{name}.{it} = {value}")),
                            );
                        }
                        value => {
                            told_keys.insert(format!("{key}.{name} = {value}"));
                        }
                    }
                }
            }
            _ => {
                told_keys.insert(format!("{key} = {value}"));
            }
        }
    }
    let home = a_strangers_home();
    let shown = home.skep(&["--json", "config", "show"]).json(0);
    let value = |value: &serde_json::Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let shown = shown.as_array().expect("a list").iter();
    let real: BTreeSet<String> = shown
        .map(|row| format!("{} = {}", row["key"].as_str().unwrap(), value(&row["value"])))
        .collect();
    // The page shows an agent, where the default is to look for one.
    let (told_keys, real) = (without_agent(told_keys), without_agent(real));
    let (more, less): (Vec<_>, Vec<_>) =
        (told_keys.difference(&real).collect(), real.difference(&told_keys).collect());
    assert!(more.is_empty() && less.is_empty(), "only told: {more:?}\nnot told: {less:?}");
}

fn without_agent(mut keys: BTreeSet<String>) -> BTreeSet<String> {
    keys.retain(|key| !key.starts_with("agent = "));
    keys
}

/// The headings of a page, as links spell them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || *c == '-' || *c == ' ' || *c == '_';
    let spelled = headings.map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        words.chars().filter(kept).collect::<String>().replace(' ', "-")
    });
    spelled.collect()
}

/// The places in the repository that a page links to, each with the heading that is meant there.
fn links(page: &str) -> Vec<(String, String)> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let local = targets.map(|(target, _)| target).filter(|target| !target.contains("://"));
    let parts = local.map(|target| target.split_once('#').unwrap_or((target, "")));
    parts.map(|(path, heading)| (path.to_owned(), heading.to_owned())).collect()
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut faults = Vec::new();
    let mut followed = 0;
    for (page, text) in pages() {
        for (path, heading) in links(&text) {
            followed += 1;
            let here = root().join(&page);
            let to = if path.is_empty() { here } else { here.parent().unwrap().join(&path) };
            let is_there = to.exists()
                && (heading.is_empty() || anchors(&read(&to)).contains(heading.as_str()));
            if !is_there {
                faults.push(format!("{page}: {path}#{heading} leads nowhere"));
            }
        }
    }
    assert!(followed > 30, "{followed} links were found");
    nothing_wrong(&faults);
}

#[test]
fn a_link_is_read_with_its_heading() {
    assert_eq!(
        links("[a](b.md#c-d) [e](https://x/y) ![f](g.svg)"),
        [("b.md", "c-d"), ("g.svg", "")].map(|(path, at)| (path.to_owned(), at.to_owned()))
    );
    assert_eq!(
        anchors("# A tour\n## `scripted` and more, yes\ntext"),
        ["a-tour", "scripted-and-more-yes"].map(str::to_owned).into()
    );
}

#[test]
fn a_text_of_its_own_belongs_to_the_command_that_takes_it() {
    let lines = ["one", "cat > x <<'END'; two", "three", "END", "four # leaves with 12: so"];
    let commands = commands(&lines.map(str::to_owned));
    assert_eq!(commands, ["one", "cat > x <<'END'; two\nthree\nEND", "four # leaves with 12: so"]);
    assert_eq!(commands.iter().map(|line| leaves_with(line)).collect::<Vec<_>>(), [0, 0, 12]);
    assert_eq!(
        shown("a `skep ls`, `git skep`\n```sh\nskep run x\ncd y\n```\nb `skep why z`"),
        ["run x", "ls", "why z"]
    );
}

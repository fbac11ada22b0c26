//! Any two histories: what `combine` makes of them is what git makes of them in a worktree, in all three ways.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// One commit: what it does to which file.
#[derive(Debug, Clone)]
enum Edit {
    Line { file: usize, line: usize, to: u8 },
    Insert { file: usize, line: usize, text: u8 },
    Delete { file: usize },
    Rename { file: usize, to: u8 },
    Folder { file: usize, to: u8 },
    New { name: u8, text: u8 },
    Mode { file: usize },
    Link { file: usize, to: u8 },
    Nothing,
}

#[derive(Debug, Clone)]
struct Histories {
    files: usize,
    main: Vec<Edit>,
    work: Vec<Edit>,
}

/// A file: its mode and its lines.
type Tree = BTreeMap<String, (&'static str, Vec<String>)>;

const LINES: usize = 9;

fn edit() -> impl Strategy<Value = Edit> {
    let file = 0..4_usize;
    prop_oneof![
        6 => (file.clone(), 0..LINES, 0..3_u8).prop_map(|(file, line, to)| Edit::Line { file, line, to }),
        3 => (file.clone(), 0..LINES, 0..3_u8).prop_map(|(file, line, text)| Edit::Insert { file, line, text }),
        1 => file.clone().prop_map(|file| Edit::Delete { file }),
        2 => (file.clone(), 0..3_u8).prop_map(|(file, to)| Edit::Rename { file, to }),
        1 => (file.clone(), 0..2_u8).prop_map(|(file, to)| Edit::Folder { file, to }),
        2 => (0..3_u8, 0..2_u8).prop_map(|(name, text)| Edit::New { name, text }),
        1 => file.clone().prop_map(|file| Edit::Mode { file }),
        1 => (file, 0..2_u8).prop_map(|(file, to)| Edit::Link { file, to }),
        1 => Just(Edit::Nothing),
    ]
}

fn histories() -> impl Strategy<Value = Histories> {
    let edits = |most| prop::collection::vec(edit(), 0..most);
    (1..5_usize, edits(4), edits(5)).prop_map(|(files, main, work)| Histories { files, main, work })
}

fn base(files: usize) -> Tree {
    (0..files)
        .map(|n| {
            let lines = (0..LINES).map(|line| format!("{n}: line {line}")).collect();
            (format!("dir{}/f{n}", n % 2), ("100644", lines))
        })
        .collect()
}

fn change(tree: &mut Tree, edit: &Edit) {
    let name_of = |tree: &Tree, file: usize| tree.keys().nth(file % tree.len().max(1)).cloned();
    // Where one place is asked for twice, the later one has it.
    let put = |tree: &mut Tree, name: String, what| {
        let below = format!("{name}/");
        tree.retain(|other, _| {
            !other.starts_with(&below) && !name.starts_with(&format!("{other}/"))
        });
        tree.insert(name, what);
    };
    match edit {
        Edit::Line { file, line, to } => {
            if let Some((_, lines)) = name_of(tree, *file).and_then(|name| tree.get_mut(&name))
                && !lines.is_empty()
            {
                let at = line % lines.len();
                lines[at] = format!("line {at} is now {to}");
            }
        }
        Edit::Insert { file, line, text } => {
            if let Some((_, lines)) = name_of(tree, *file).and_then(|name| tree.get_mut(&name)) {
                lines.insert(line % (lines.len() + 1), format!("inserted {text}"));
            }
        }
        Edit::Delete { file } => {
            if let Some(name) = name_of(tree, *file) {
                tree.remove(&name);
            }
        }
        Edit::Rename { file, to } => {
            if let Some(name) = name_of(tree, *file)
                && let Some(what) = tree.remove(&name)
            {
                put(tree, format!("{name}-{to}"), what);
            }
        }
        Edit::Folder { file, to } => {
            if let Some(name) = name_of(tree, *file)
                && let Some((folder, _)) = name.rsplit_once('/')
            {
                let moved: Vec<String> = tree
                    .keys()
                    .filter(|other| other.starts_with(&format!("{folder}/")))
                    .cloned()
                    .collect();
                for old in moved {
                    if let Some(what) = tree.remove(&old) {
                        put(tree, old.replacen(folder, &format!("moved{to}"), 1), what);
                    }
                }
            }
        }
        Edit::New { name, text } => {
            // Of these names, one is a folder of another.
            let name = ["new", "new/below", "dir0/new"][usize::from(*name)];
            put(tree, name.to_owned(), ("100644", vec![format!("new {text}")]));
        }
        Edit::Mode { file } => {
            if let Some((mode, _)) = name_of(tree, *file).and_then(|name| tree.get_mut(&name))
                && *mode != "120000"
            {
                *mode = if *mode == "100644" { "100755" } else { "100644" };
            }
        }
        Edit::Link { file, to } => {
            if let Some(what) = name_of(tree, *file).and_then(|name| tree.get_mut(&name)) {
                *what = ("120000", vec![format!("target{to}")]);
            }
        }
        Edit::Nothing => {}
    }
}

/// Writes both histories as git reads them.
fn written(all: &Histories) -> String {
    let mut out = String::from("feature done\n");
    let mut clock = 1_600_000_000;
    let mut commit = |name: &str, from: &str, tree: &Tree, what: &str| {
        clock += 60;
        out.push_str(&format!(
            "commit refs/heads/{name}\nauthor A {what} <a@example.invalid> {clock} +0100\n"
        ));
        out.push_str(&format!(
            "committer C <c@example.invalid> {clock} +0000\ndata {}\n{what}\n{from}deleteall\n",
            what.len()
        ));
        for (path, (mode, lines)) in tree {
            let mut text = lines.join("\n");
            if *mode != "120000" {
                text.push('\n');
            }
            out.push_str(&format!("M {mode} inline {path}\ndata {}\n{text}\n", text.len()));
        }
    };
    let mut tree = base(all.files);
    commit("main", "", &tree, "base");
    commit("work", "from refs/heads/main\n", &tree, "begin");
    let mut main = tree.clone();
    for (n, edit) in all.main.iter().enumerate() {
        change(&mut main, edit);
        commit("main", "", &main, &format!("main {n}"));
    }
    for (n, edit) in all.work.iter().enumerate() {
        change(&mut tree, edit);
        commit("work", "", &tree, &format!("work {n}"));
    }
    out.push_str("done\n");
    out
}

/// What git makes of them in a worktree: a tree and the commits on main, or the files that conflict.
type Made = Result<(String, String), BTreeSet<PathBuf>>;

fn by_git(yard: &Yard, how: How) -> Made {
    let tree = yard.place.at("w");
    for begun in [&["merge", "--abort"][..], &["rebase", "--abort"]] {
        tree.try_git(begun);
    }
    let (from, with) = if how == How::Rebase { ("work", "main") } else { ("main", "work") };
    tree.git(&["reset", "--quiet", "--hard"]);
    tree.git(&["clean", "--quiet", "-dff"]);
    tree.git(&["checkout", "--quiet", "--detach", "--force", from]);
    let plain = ["-c", "rerere.enabled=false"];
    let call: &[&str] = match how {
        How::Merge => &["merge", "--quiet", "--no-edit", with],
        How::Squash => &["merge", "--quiet", "--squash", with],
        How::Rebase => &[
            "rebase",
            "--quiet",
            "--reapply-cherry-picks",
            "--empty=drop",
            "--no-keep-empty",
            // Else git leaves all as it is where it stands on main already, empty ones too.
            "--force-rebase",
            with,
        ],
    };
    let ended = tree.try_git(&[&plain[..], call].concat());
    let unmerged = yard.git().call(tree.path()).args(["ls-files", "-u", "-z"]).bytes().unwrap();
    let files: BTreeSet<PathBuf> = fields(&unmerged)
        .map(|row| {
            let at = row.iter().position(|byte| *byte == b'\t').unwrap();
            let name = String::from_utf8_lossy(&row[at + 1..]).into_owned();
            PathBuf::from(name.split('~').next().unwrap())
        })
        .collect();
    if !ended.status.success() {
        assert!(!files.is_empty(), "{how:?}: {}", ended.complaint());
        return Err(files);
    }
    let made = if how == How::Squash { tree.git(&["write-tree"]) } else { tree.oid("HEAD^{tree}") };
    Ok((made, log(&tree, "HEAD", how)))
}

/// Author, time and message of what is new, where those are kept.
fn log(repo: &Repo<'_>, tip: &str, how: How) -> String {
    if how != How::Rebase {
        return String::new();
    }
    repo.git(&["log", "--format=%an %ae %ad %B", "--date=raw", &format!("main..{tip}")])
}

fn by_us(yard: &Yard, how: How, head: &str) -> Made {
    match yard.combine(&yard.ask(how, &[head])) {
        Combined::Trial(trial) => {
            assert_eq!(trial.as_one, [0_usize; 0]);
            assert_eq!(yard.repo().oid(&format!("{}^{{tree}}", trial.commit)), trial.tree);
            assert!(
                yard.repo()
                    .try_git(&["merge-base", "--is-ancestor", &trial.onto, &trial.commit])
                    .status
                    .success()
            );
            Ok((trial.tree, log(&yard.repo(), &trial.commit, how)))
        }
        Combined::Already { onto } => {
            Ok((yard.repo().oid(&format!("{onto}^{{tree}}")), log(&yard.repo(), &onto, how)))
        }
        Combined::Conflicts { left, .. } => Err(left[0].files.iter().cloned().collect()),
        Combined::TargetMissing => panic!("main is there"),
    }
}

fn yard() -> Yard {
    let place = Place::new();
    place.bare("r");
    place.at("r").git(&["config", "merge.conflictStyle", "diff3"]);
    Yard { place }
}

fn write_histories(yard: &Yard, all: &Histories) -> String {
    yard.feed(&["fast-import", "--quiet", "--force", "--done"], written(all).as_bytes());
    if !yard.place.root().join("w").exists() {
        yard.repo().git(&["worktree", "add", "--quiet", "--detach", "../w", "main"]);
    }
    yard.repo().oid("work")
}

#[test]
fn any_two_histories_come_together_as_git_brings_them_together_in_a_worktree() {
    let yard = yard();
    let config = ProptestConfig {
        cases: cases(24),
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(all in histories())| {
        let head = write_histories(&yard, &all);
        for how in [How::Merge, How::Squash, How::Rebase] {
            prop_assert_eq!(by_us(&yard, how, &head), by_git(&yard, how), "{:?}", how);
        }
    });
}

/// How many pairs a test plays.
#[expect(clippy::disallowed_methods, reason = "whoever looks for a rare case asks for more")]
fn cases(few: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(few)
}

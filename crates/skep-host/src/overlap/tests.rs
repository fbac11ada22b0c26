//! What the radar says, against what git does in a worktree.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    time::{Instant, SystemTime},
};

use proptest::prelude::*;
use skep_testkit::{Place, Repo};

use super::{Ground, Merge, Overlap, Sweep};
use crate::git::{self, Git};

/// A repository with worktrees beside it, and a store.
struct Field {
    place: Place,
    git: Git,
    worktrees: Vec<PathBuf>,
    base: String,
    overlap: Overlap,
}

impl Field {
    fn new(count: usize, begin: impl Fn(&Repo<'_>)) -> Field {
        let place = Place::new();
        let repo = place.repo("main");
        begin(&repo);
        let base = repo.commit("begin");
        let worktrees: Vec<PathBuf> =
            (0..count).map(|nth| place.root().join(format!("w{nth}"))).collect();
        for (nth, path) in worktrees.iter().enumerate() {
            let (branch, path) = (format!("b{nth}"), path.to_str().expect("text"));
            repo.git(&["worktree", "add", "--quiet", "--no-track", "-b", &branch, path, "main"]);
        }
        let git = Git::new(place.env());
        let found = git::discover(&git, repo.path()).expect("a repository");
        let overlap = Overlap::open(&place.root().join("radar"), found);
        Field { place, git, worktrees, base, overlap }
    }

    fn at(&self, nth: usize) -> Repo<'_> {
        self.place.at(&self.worktrees[nth])
    }

    fn sweep_of(&mut self, stale: impl Fn(usize) -> bool) -> Sweep {
        let keys: Vec<String> = (0..self.worktrees.len()).map(|nth| format!("run_{nth}")).collect();
        let grounds: Vec<Ground<'_>> = keys
            .iter()
            .zip(&self.worktrees)
            .enumerate()
            .map(|(nth, (key, worktree))| Ground {
                key,
                git: &self.git,
                worktree,
                base: Some(&self.base),
                target: Some("main"),
                stale: stale(nth),
            })
            .collect();
        self.overlap.sweep(&self.git, &grounds).expect("the repository can be asked")
    }

    fn sweep(&mut self) -> Sweep {
        self.sweep_of(|_| true)
    }

    /// What of the user's could change: every file of the repository with its bytes and time, and each worktree's state.
    fn users(&self) -> Vec<(PathBuf, Vec<u8>, SystemTime)> {
        let mut all = Vec::new();
        let mut open = vec![self.place.root().join("main")];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(dir).expect("a folder").flatten() {
                let meta = entry.metadata().expect("it is there");
                if meta.is_dir() {
                    open.push(entry.path());
                } else {
                    let bytes = fs::read(entry.path()).expect("a file");
                    // Git refreshes the time of an object that it would write once more.
                    let is_object = entry.path().components().any(|it| it.as_os_str() == "objects");
                    let at = meta.modified().expect("a time");
                    all.push((
                        entry.path(),
                        bytes,
                        if is_object { SystemTime::UNIX_EPOCH } else { at },
                    ));
                }
            }
        }
        all.sort();
        all
    }
}

fn texts(files: &[PathBuf]) -> Vec<String> {
    files.iter().map(|file| file.display().to_string()).collect()
}

/// The pairs that meet, as `a b kind shared | conflicting`.
fn told(sweep: &Sweep) -> Vec<String> {
    let words = |merge: &Merge| match merge {
        Merge::Clean => "clean".to_owned(),
        Merge::Conflict(files) => format!("conflict {}", texts(files).join(" ")),
        Merge::Unknown(why) => format!("unknown {why}"),
    };
    sweep
        .meetings
        .iter()
        .map(|it| {
            format!("{} {} {} | {}", it.a, it.b, texts(&it.shared).join(" "), words(&it.merge))
        })
        .collect()
}

fn lines(of: &str) -> String {
    (1..=9).map(|nth| format!("{of}{nth}\n")).collect()
}

#[test]
fn work_that_is_not_committed_meets_too_and_an_untracked_file_is_a_file() {
    let mut field = Field::new(4, |repo| {
        repo.write("src/a", &lines("a"));
        repo.write(".gitignore", "/out\n");
    });
    field.at(0).write("src/a", &lines("a").replace("a3", "mine"));
    field.at(1).write("src/a", &lines("a").replace("a3", "yours"));
    field.at(2).write("src/a", &lines("a").replace("a9", "far away"));
    field.at(2).write("new", "one\n");
    field.at(3).commit_file("new", "another\n");
    for nth in 0..4 {
        field.at(nth).write("out", &format!("{nth}\n"));
    }
    let told = told(&field.sweep());
    assert_eq!(
        told,
        [
            "0 1 src/a | conflict src/a",
            "0 2 src/a | clean",
            "1 2 src/a | clean",
            "2 3 new | conflict new",
        ]
    );
}

#[test]
fn nothing_of_the_users_changes_and_what_stands_still_is_not_asked_again() {
    let mut field = Field::new(3, |repo| repo.write("a", &lines("a")));
    field.at(0).write("a", "0\n");
    field.at(0).git(&["add", "a"]);
    field.at(0).write("a", "00\n");
    field.at(1).commit_file("a", "1\n");
    field.at(2).write("b", "untracked\n");
    let before = field.users();
    let statuses: Vec<String> = (0..3).map(|nth| field.at(nth).status()).collect();
    // Status may have written what it learned of the files' times.
    let before = if before == field.users() { before } else { field.users() };
    let first = field.sweep();
    let held = store(&field);
    let second = field.sweep();
    assert_eq!(told(&first), told(&second));
    for (one, two) in first.standing.iter().zip(&second.standing) {
        let (one, two) = (one.as_ref().expect("it stands"), two.as_ref().expect("it stands"));
        assert!(std::sync::Arc::ptr_eq(one, two), "nothing was made anew");
    }
    assert_eq!(store(&field), held, "nothing was written again");
    let changed: Vec<PathBuf> = field
        .users()
        .into_iter()
        .filter(|file| !before.contains(file))
        .map(|(path, ..)| path)
        .collect();
    assert_eq!(changed, [""; 0].map(PathBuf::from), "indexes, refs, objects and the checkout");
    assert_eq!(field.users().len(), before.len());
    assert_eq!((0..3).map(|nth| field.at(nth).status()).collect::<Vec<_>>(), statuses);
}

/// Every file of the store, with its size.
fn store(field: &Field) -> Vec<(PathBuf, u64)> {
    let mut all = Vec::new();
    let mut open = vec![field.place.root().join("radar")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).expect("a folder").flatten() {
            let meta = entry.metadata().expect("it is there");
            if meta.is_dir() {
                open.push(entry.path());
            } else {
                all.push((entry.path(), meta.len()));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_change_is_seen_where_somebody_looks_and_a_worktree_that_is_not_looked_at_stands_as_before() {
    let mut field = Field::new(2, |repo| repo.write("a", &lines("a")));
    field.at(0).write("a", "0\n");
    assert_eq!(told(&field.sweep()), [""; 0]);
    field.at(1).write("a", "1\n");
    assert_eq!(told(&field.sweep_of(|nth| nth == 0)), [""; 0]);
    assert_eq!(told(&field.sweep_of(|nth| nth == 1)), ["0 1 a | conflict a"]);
    field.at(1).git(&["checkout", "--quiet", "a"]);
    assert_eq!(told(&field.sweep()), [""; 0]);
}

#[test]
fn what_the_target_brought_is_no_runs_work() {
    let mut field = Field::new(2, |repo| repo.write("a", &lines("a")));
    let main = field.place.at("main");
    main.commit_file("a", &lines("main"));
    // One has taken over what came meanwhile, the other works on elsewhere.
    field.at(0).git(&["merge", "--quiet", "main"]);
    field.at(0).write("b", "b\n");
    field.at(1).write("c", "c\n");
    let sweep = field.sweep();
    let touched = |nth: usize| texts(&sweep.standing[nth].as_ref().expect("it stands").touched);
    assert_eq!((touched(0), touched(1)), (vec!["b".to_owned()], vec!["c".to_owned()]));
    assert_eq!(told(&sweep), [""; 0]);
}

#[test]
fn a_file_that_becomes_a_folder_elsewhere_conflicts_under_its_own_name() {
    let mut field = Field::new(2, |repo| repo.write("a", "a\n"));
    field.at(0).write("thing", "a file\n");
    field.at(1).write("thing/inside", "a folder\n");
    assert_eq!(told(&field.sweep()), ["0 1  | conflict thing"]);
}

#[test]
fn a_file_that_the_repository_merges_line_by_line_conflicts_with_nobody() {
    let mut field = Field::new(2, |repo| {
        repo.write(".gitattributes", "CHANGES merge=union\n");
        repo.write("CHANGES", "begun\n");
    });
    field.at(0).write("CHANGES", "begun\none\n");
    field.at(1).write("CHANGES", "begun\nother\n");
    assert_eq!(told(&field.sweep()), ["0 1 CHANGES | clean"]);
}

#[test]
fn a_worktree_that_cannot_be_asked_is_unknown_and_the_others_are_not() {
    let mut field = Field::new(3, |repo| repo.write("a", &lines("a")));
    for nth in 0..3 {
        field.at(nth).write("a", &format!("{nth}\n"));
    }
    fs::remove_dir_all(&field.worktrees[1]).expect("it goes");
    let sweep = field.sweep();
    assert_eq!(sweep.standing[1].as_ref().expect_err("it is gone").slug(), "not-a-repository");
    assert_eq!(told(&sweep), ["0 2 a | conflict a"]);
}

#[test]
fn what_cannot_be_read_makes_its_pairs_unknown_and_never_clean() {
    let mut field = Field::new(2, |repo| repo.write("a", &lines("a")));
    // A repository without a commit: git can keep nothing of it.
    field.at(0).write("inside/b", "b\n");
    field.at(0).git(&["init", "--quiet", "inside"]);
    field.at(1).write("c", "c\n");
    let sweep = field.sweep();
    let said = told(&sweep);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("0 1  | unknown error: 'inside/'"), "{said:?}");
}

#[test]
fn a_pair_that_git_gives_up_on_is_unknown_and_the_rest_is_known() {
    let mut field = Field::new(4, |repo| repo.write("a", &lines("a")));
    // A history of its own: git refuses to bring that together with any other.
    field.at(1).git(&["checkout", "--quiet", "--orphan", "alone"]);
    for nth in 0..4 {
        field.at(nth).commit_file("a", &format!("{nth}\n"));
    }
    let told = told(&field.sweep());
    let known: Vec<&String> = told.iter().filter(|line| !line.contains("unknown")).collect();
    assert_eq!(known, ["0 2 a | conflict a", "0 3 a | conflict a", "2 3 a | conflict a"]);
    let unrelated = told.iter().filter(|line| line.contains("unrelated histories")).count();
    assert_eq!(unrelated, 3, "{told:?}");
}

#[test]
fn what_is_expendable_is_not_looked_at() {
    let mut field = Field::new(2, |repo| repo.write("a", "a\n"));
    let patterns = ["/target".to_owned()];
    for nth in 0..2 {
        field.at(nth).write("target/built", &format!("{nth}\n"));
    }
    let root = field.place.root().join("no-env");
    let (overlap, worktree) = (&field.overlap, &field.worktrees[0]);
    field.git = overlap.ignoring("run_0", &field.git, worktree, &root, &patterns).expect("a list");
    let sweep = field.sweep();
    assert_eq!(told(&sweep), [""; 0]);
    assert!(sweep.standing.iter().all(|it| it.as_ref().expect("it stands").touched.is_empty()));
}

#[test]
fn a_store_that_holds_too_much_begins_anew_with_the_same_answer() {
    let mut field = Field::new(2, |repo| repo.write("a", &lines("a")));
    field.at(0).write("a", "0\n");
    field.at(1).write("a", "1\n");
    field.overlap.most = 1;
    for _ in 0..2 {
        assert_eq!(told(&field.sweep()), ["0 1 a | conflict a"]);
        assert!(!field.overlap.dir.exists(), "it was let go");
    }
}

#[test]
fn a_lock_that_a_killed_git_left_in_the_store_stands_in_nobodys_way() {
    let mut field = Field::new(2, |repo| repo.write("a", &lines("a")));
    field.at(0).write("a", "0\n");
    field.at(1).write("a", "1\n");
    field.sweep();
    let lock = field.overlap.index("run_0").with_added_extension("lock");
    fs::File::create(lock).expect("a lock");
    field.at(0).write("b", "b\n");
    assert_eq!(told(&field.sweep()), ["0 1 a | conflict a"]);
}

/// One change of a generated history.
#[derive(Debug, Clone)]
enum Change {
    /// A line of a file.
    Line {
        file: usize,
        line: usize,
    },
    Remove {
        file: usize,
    },
    Rename {
        file: usize,
    },
    /// A file of a name that others may give too.
    Add {
        name: usize,
        text: usize,
    },
    /// A folder where others may have a file.
    Below {
        name: usize,
    },
    Commit,
}

const FILES: usize = 4;

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0..FILES, 0..9_usize).prop_map(|(file, line)| Change::Line { file, line }),
        1 => (0..FILES).prop_map(|file| Change::Remove { file }),
        1 => (0..FILES).prop_map(|file| Change::Rename { file }),
        2 => (0..3_usize, 0..3_usize).prop_map(|(name, text)| Change::Add { name, text }),
        1 => (0..3_usize).prop_map(|name| Change::Below { name }),
        2 => Just(Change::Commit),
    ]
}

fn make(repo: &Repo<'_>, nth: usize, change: &Change) {
    let at = |path: &str| repo.path().join(path);
    match change {
        Change::Line { file, line } => {
            let path = at(&format!("f{file}"));
            let Ok(text) = fs::read_to_string(&path) else { return };
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines[*line] = format!("by {nth}");
            repo.write(path, &(lines.join("\n") + "\n"));
        }
        // Gone before is as good.
        Change::Remove { file } => drop(fs::remove_file(at(&format!("f{file}")))),
        Change::Rename { file } => {
            drop(fs::rename(at(&format!("f{file}")), at(&format!("g{file}"))));
        }
        Change::Add { name, text } => {
            if !at(&format!("n{name}")).is_dir() {
                repo.write(format!("n{name}"), &format!("text {text}\n"));
            }
        }
        Change::Below { name } => {
            if !at(&format!("n{name}")).is_file() {
                repo.write(format!("n{name}/below"), "below\n");
            }
        }
        Change::Commit => drop(repo.commit("work")),
    }
}

/// Whether a real merge of two branches conflicts, in a worktree of its own.
fn really(trial: &Repo<'_>, a: &str, b: &str) -> bool {
    trial.git(&["checkout", "--quiet", "--force", "--detach", a]);
    let merged = trial.try_git(&["merge", "--quiet", "--no-commit", "--no-ff", b]);
    trial.git(&["reset", "--quiet", "--hard"]);
    trial.git(&["clean", "--quiet", "-fd"]);
    !merged.status.success()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5, ..ProptestConfig::default() })]

    /// The radar says what a merge in a worktree would, for every pair, of work that is committed or not.
    #[test]
    fn the_radar_says_what_a_real_merge_does(
        works in prop::collection::vec(prop::collection::vec(change(), 0..6), 4)
    ) {
        let mut field = Field::new(4, |repo| {
            for nth in 0..FILES {
                repo.write(format!("f{nth}"), &lines(&format!("file {nth} line ")));
            }
        });
        for (nth, changes) in works.iter().enumerate() {
            for change in changes {
                make(&field.at(nth), nth, change);
            }
        }
        // Twice: what is remembered is as good as what is new.
        let sweep = field.sweep();
        prop_assert_eq!(told(&sweep), told(&field.sweep()));
        for nth in 0..4 {
            field.at(nth).commit("all of it");
        }
        let main = field.place.at("main");
        let path = field.place.root().join("trial");
        main.git(&["worktree", "add", "--quiet", "--detach", path.to_str().expect("text"), "main"]);
        let trial = field.place.at(&path);
        for a in 0..4 {
            for b in a + 1..4 {
                let real = really(&trial, &format!("b{a}"), &format!("b{b}"));
                let met = sweep.meetings.iter().find(|it| (it.a, it.b) == (a, b));
                let said = matches!(met.map(|it| &it.merge), Some(Merge::Conflict(_)));
                prop_assert_eq!(said, real, "{} and {}: {:?}", a, b, met);
                let names = |nth: usize| {
                    let range = format!("main...b{nth}");
                    main.git(&["diff", "--name-only", "--no-renames", &range])
                };
                let (one, other) = (names(a), names(b));
                let both: Vec<&str> =
                    one.lines().filter(|file| other.lines().any(|it| it == *file)).collect();
                prop_assert_eq!(met.map_or_else(Vec::new, |it| texts(&it.shared)), both);
            }
        }
    }
}

/// Thirty worktrees in two folders of one repository: how long a change takes, beside what git alone needs for its pairs.
#[test]
fn thirty_worktrees_are_swept_by_a_handful_of_processes() {
    let count = 30;
    let mut field = Field::new(count, |repo| {
        for nth in 0..60 {
            repo.write(format!("src/d{}/f{nth}", nth % 20), &lines(&format!("{nth} ")));
        }
    });
    for nth in 0..count {
        let file = format!("src/d{}/f{}", nth % 5, nth % 5);
        let text = field.at(nth).read(&file).replace(" 4\n", &format!(" by {nth}\n"));
        field.at(nth).write(&file, &text);
        field.at(nth).write(format!("own{nth}"), "own\n");
    }
    let begun = Instant::now();
    let first = field.sweep();
    let at_first = begun.elapsed();
    field.at(7).write("src/d9/f9", "changed\n");
    let begun = Instant::now();
    let all = field.sweep();
    let looked = begun.elapsed();
    field.at(7).write("src/d9/f9", "changed again\n");
    let begun = Instant::now();
    let one = field.sweep_of(|nth| nth == 7);
    let changed = begun.elapsed();
    // The floor: what git itself takes to merge the one with each other, pair by pair.
    let commit = |nth: usize| one.standing[nth].as_ref().expect("it stands").commit.clone();
    let begun = Instant::now();
    for nth in (0..count).filter(|nth| *nth != 7) {
        let (a, b) = (commit(7), commit(nth));
        let call = field.overlap.stored(&field.git).args(["merge-tree", "--write-tree"]);
        call.args([a, b]).code(&[0, 1]).expect("git merges");
    }
    let floor = begun.elapsed();
    // Nobody reads it where there is no standard error.
    let _unread = writeln!(
        io::stderr(),
        "{count} worktrees: first {at_first:?}, a change with a look at all {looked:?}, a change {changed:?}, {} raw merges {floor:?}",
        count - 1
    );
    // Each five work at one line; six of each, so fifteen pairs of them conflict.
    let conflicts = |sweep: &Sweep| {
        sweep.meetings.iter().filter(|it| matches!(it.merge, Merge::Conflict(_))).count()
    };
    assert_eq!((conflicts(&first), conflicts(&all), conflicts(&one)), (75, 75, 75));
}

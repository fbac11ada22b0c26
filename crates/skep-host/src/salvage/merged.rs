//! Owns: whether a target contains the work of a branch, also where it was rebased or squashed on its way.
//! Never: calls a branch without commits merged, or looks further back than to where the two parted.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hasher},
};

use serde::{Deserialize, Serialize};

use crate::{
    git::{self, Git, GitError, Repository, fields, require_oid},
    worktree::is_ancestor,
};

/// How many commits of the target are compared with the work.
const TARGET_COMMITS: usize = 2_000;
/// Above so many commits of the work, only each alone and all together are looked for in the target.
const CHAIN: usize = 48;
/// How many commits or steps go into one call, so that its answer fits into memory.
const AT_ONCE: usize = 100;
/// Above so many paths the target's commits are not narrowed down by them.
const PATHS: usize = 1_000;

/// Whether the work of a branch is in its target.
#[derive(Debug)]
pub enum Merge {
    /// In the target ref named, which stood at this commit.
    Merged { by: By, target: String, at: String },
    /// These commits are not in it, oldest first.
    NotMerged { commits: Vec<Named>, note: Option<String> },
    /// The branch has no commit of its own.
    NoCommits,
    /// Neither a local branch nor one of a remote has the target's name.
    NoTarget,
    /// Git could not be asked.
    Unknown(GitError),
}

/// In which form a target has the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The very commits.
    Ancestor,
    /// The same change, commit for commit.
    Rebased,
    /// The same change, several commits as one.
    Squashed,
    /// A merge of it would change nothing.
    Contained,
    /// A forge says so of just these commits.
    Told,
}

/// A commit, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    pub oid: String,
    pub subject: String,
}

/// Says whether the branch `target`, here or on a remote, contains the work from `base_oid` to `branch_oid`.
pub fn merged(
    git: &Git,
    repo: &Repository,
    branch_oid: &str,
    base_oid: &str,
    target: &str,
) -> Merge {
    look(git, repo, branch_oid, base_oid, target).unwrap_or_else(Merge::Unknown)
}

fn look(
    git: &Git,
    repo: &Repository,
    branch: &str,
    base: &str,
    target: &str,
) -> Result<Merge, GitError> {
    if git::count(git, repo, base, branch)? == 0 {
        return Ok(Merge::NoCommits);
    }
    let mut fewest: Option<Rest> = None;
    for (name, at) in targets(git, repo, target)? {
        match compare(&Ask { git, repo, branch, at: &at })? {
            Found::By(by) => return Ok(Merge::Merged { by, target: name, at }),
            Found::Not(rest) => {
                if fewest.as_ref().is_none_or(|best| rest.commits.len() < best.commits.len()) {
                    fewest = Some(rest);
                }
            }
        }
    }
    Ok(fewest.map_or(Merge::NoTarget, |rest| Merge::NotMerged {
        commits: rest.commits,
        note: rest.note,
    }))
}

/// The refs that go by the target's name, each with its commit: the local branch, then those of the remotes.
fn targets(git: &Git, repo: &Repository, target: &str) -> Result<Vec<(String, String)>, GitError> {
    let remotes = git.call(repo.seat()).args(["remote"]).line()?;
    let mut names = vec![format!("refs/heads/{target}")];
    names.extend(remotes.lines().map(|remote| format!("refs/remotes/{remote}/{target}")));
    // A remote that was forgotten may have left what it had, and a target may be named with its remote.
    names.extend([format!("refs/remotes/origin/{target}"), format!("refs/remotes/{target}")]);
    let mut found: Vec<(String, String)> = Vec::new();
    for name in names {
        if found.iter().all(|(known, _)| *known != name)
            && git::ref_exists(git, repo, &name)?
            && let Some(at) = git::commit(git, repo, &name)?
        {
            found.push((name, at));
        }
    }
    Ok(found)
}

/// One branch against one target.
struct Ask<'a> {
    git: &'a Git,
    repo: &'a Repository,
    branch: &'a str,
    at: &'a str,
}

enum Found {
    By(By),
    Not(Rest),
}

struct Rest {
    commits: Vec<Named>,
    note: Option<String>,
}

/// A commit of the branch that the target lacks.
struct Own {
    named: Named,
    tree: String,
    parents: usize,
}

fn compare(ask: &Ask<'_>) -> Result<Found, GitError> {
    if is_ancestor(ask.git, ask.repo, ask.branch, ask.at)? {
        return Ok(Found::By(By::Ancestor));
    }
    let own = own(ask)?;
    let not = |commits: Vec<Named>, note| Ok(Found::Not(Rest { commits, note }));
    let Some(fork) = fork(ask)? else {
        let note = Some("it shares no history with its target".to_owned());
        return not(own.into_iter().map(|own| own.named).collect(), note);
    };
    let (candidates, note) = candidates(ask, &fork)?;
    let known: BTreeSet<u128> =
        changes(ask, &candidates)?.into_iter().map(|(_, print)| print).collect();
    let start = tree_of(ask, &fork)?;
    // With a merge among them the commits are no chain, and only the whole can be compared.
    let chain = own.iter().all(|own| own.parents == 1);
    let (rest, squashed) = if chain {
        let (rest, squashed) = uncovered(ask, &start, &own, &known)?;
        (Some(rest), squashed)
    } else {
        (None, true)
    };
    let whole = rest.is_none()
        && match own.last() {
            Some(last) => steps(ask, &start, &[&last.tree])?
                .first()
                .is_some_and(|print| print.is_some_and(|print| known.contains(&print))),
            None => false,
        };
    if whole || rest.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Found::By(if squashed { By::Squashed } else { By::Rebased }));
    }
    if changes_nothing(ask, &start)? {
        return Ok(Found::By(By::Contained));
    }
    let rest = rest.unwrap_or_else(|| (0..own.len()).collect());
    let named = own.into_iter().map(|own| own.named).collect::<Vec<_>>();
    not(rest.into_iter().filter_map(|at| named.get(at).cloned()).collect(), note)
}

/// The commits that the target lacks, oldest first.
fn own(ask: &Ask<'_>) -> Result<Vec<Own>, GitError> {
    let range = format!("{}..{}", require_oid(ask.at)?, require_oid(ask.branch)?);
    let out = ask
        .git
        .call(ask.repo.seat())
        .args(["rev-list", "--topo-order", "--reverse", "--no-commit-header"])
        .args(["--format=%H%x1f%T%x1f%P%x1f%s", "--end-of-options", &range, "--"])
        .bytes()?;
    let text = String::from_utf8_lossy(&out);
    Ok(text
        .lines()
        .filter_map(|line| {
            let mut columns = line.splitn(4, '\u{1f}');
            let (oid, tree, parents) = (columns.next()?, columns.next()?, columns.next()?);
            let subject = columns.next().unwrap_or_default().to_owned();
            Some(Own {
                named: Named { oid: oid.to_owned(), subject },
                tree: tree.to_owned(),
                parents: parents.split_whitespace().count(),
            })
        })
        .collect())
}

/// Where the branch and its target parted; none where they never were one.
fn fork(ask: &Ask<'_>) -> Result<Option<String>, GitError> {
    let (code, out) = ask
        .git
        .call(ask.repo.seat())
        .args(["merge-base", require_oid(ask.at)?, require_oid(ask.branch)?])
        .code(&[0, 1])?;
    let oid = String::from_utf8_lossy(&out).trim().to_owned();
    Ok((code == 0 && git::is_oid(&oid)).then_some(oid))
}

fn tree_of(ask: &Ask<'_>, commit: &str) -> Result<String, GitError> {
    let name = format!("{}^{{tree}}", require_oid(commit)?);
    ask.git.call(ask.repo.seat()).args(["rev-parse", "--verify", "--end-of-options", &name]).line()
}

/// The target's commits since the fork that touch what the work touches.
fn candidates(ask: &Ask<'_>, fork: &str) -> Result<(Vec<String>, Option<String>), GitError> {
    let out = ask
        .git
        .call(ask.repo.seat())
        .args(["log", "--format=", "--name-only", "-z", "-m", "--no-renames", "--no-ext-diff"])
        .args(["--no-show-signature"])
        .args(["--end-of-options", &format!("{}..{}", ask.at, ask.branch), "--"])
        .bytes()?;
    let paths: BTreeSet<&[u8]> = fields(&out)
        .map(|path| path.strip_prefix(b"\n").unwrap_or(path))
        .filter(|path| !path.is_empty())
        .collect();
    let mut asked = format!("^{fork}\n{}\n", ask.at).into_bytes();
    if paths.len() <= PATHS && !paths.iter().any(|path| path.contains(&b'\n')) {
        asked.extend(b"--\n");
        for path in paths {
            asked.extend([path, b"\n"].concat());
        }
    }
    let most = format!("--max-count={}", TARGET_COMMITS + 1);
    let out = ask
        .git
        .call(ask.repo.seat())
        .args(["--literal-pathspecs", "rev-list", "--no-merges", "--full-history"])
        .args([most.as_str(), "--stdin"])
        .stdin(asked)
        .line()?;
    let mut commits: Vec<String> = out.lines().map(str::to_owned).collect();
    let note = (commits.len() > TARGET_COMMITS).then(|| {
        format!("only the newest {TARGET_COMMITS} commits of the target were compared with it")
    });
    commits.truncate(TARGET_COMMITS);
    Ok((commits, note))
}

/// Which commits of the chain no commit of the target stands for, alone or together with their neighbours; and whether one stood for several.
fn uncovered(
    ask: &Ask<'_>,
    start: &str,
    own: &[Own],
    known: &BTreeSet<u128>,
) -> Result<(Vec<usize>, bool), GitError> {
    let is_in = |print: &Option<u128>| print.is_some_and(|print| known.contains(&print));
    let (mut rest, mut squashed, mut at) = (Vec::new(), false, 0);
    let mut from = start.to_owned();
    if own.len() > CHAIN {
        let last: Vec<&String> = own.last().map(|own| &own.tree).into_iter().collect();
        if steps(ask, start, &last)?.first().is_some_and(is_in) {
            return Ok((rest, true));
        }
        let oids: Vec<String> = own.iter().map(|own| own.named.oid.clone()).collect();
        // A commit that changes nothing has no print, and is in every target.
        let missing: BTreeSet<String> = changes(ask, &oids)?
            .into_iter()
            .filter(|(_, print)| !known.contains(print))
            .map(|(oid, _)| oid)
            .collect();
        rest.extend((0..own.len()).filter(|at| missing.contains(&own[*at].named.oid)));
        at = own.len();
    }
    while at < own.len() {
        let trees: Vec<&String> = own[at..].iter().map(|own| &own.tree).collect();
        let prints = steps(ask, &from, &trees)?;
        let end = match prints.iter().rposition(is_in) {
            Some(steps) => {
                squashed |= steps > 0;
                at + steps
            }
            None => {
                if prints.first().is_some_and(Option::is_some) {
                    rest.push(at);
                }
                at
            }
        };
        from.clone_from(&own[end].tree);
        at = end + 1;
    }
    // Commits that all change nothing are work of which the target has nothing.
    if rest.is_empty() && own.last().is_none_or(|last| last.tree == start) {
        rest = (0..own.len()).collect();
    }
    Ok((rest, squashed))
}

/// Fingerprints of what commits change.
fn changes(ask: &Ask<'_>, commits: &[String]) -> Result<Vec<(String, u128)>, GitError> {
    let mut all = Vec::new();
    for some in commits.chunks(AT_ONCE) {
        all.extend(prints(ask, some.iter().map(|oid| format!("{oid}\n")).collect())?);
    }
    Ok(all)
}

/// Fingerprints of what lies between one tree and each of others; none where nothing does.
fn steps(ask: &Ask<'_>, from: &str, to: &[&String]) -> Result<Vec<Option<u128>>, GitError> {
    let mut all = Vec::new();
    for some in to.chunks(AT_ONCE) {
        let found = prints(ask, some.iter().map(|tree| format!("{from} {tree}\n")).collect())?;
        all.extend(some.iter().map(|tree| {
            let name = format!("{from} {tree}");
            found.iter().find(|(known, _)| *known == name).map(|(_, print)| *print)
        }));
    }
    Ok(all)
}

fn prints(ask: &Ask<'_>, asked: String) -> Result<Vec<(String, u128)>, GitError> {
    let out = ask
        .git
        .call(ask.repo.seat())
        .args(["diff-tree", "--stdin", "-p", "--no-renames", "--no-ext-diff", "--no-textconv"])
        .args(["--full-index", "--no-color", "--ignore-submodules=none", "--unified=3"])
        .stdin(asked.into_bytes())
        .bytes()?;
    Ok(read_prints(&out))
}

/// Reads diffs under the names they were asked by, into fingerprints that do not depend on where in a file the change stands.
fn read_prints(out: &[u8]) -> Vec<(String, u128)> {
    let mut all: Vec<(String, Print)> = Vec::new();
    let mut objects: &[u8] = b"";
    for line in out.strip_suffix(b"\n").unwrap_or(out).split(|byte| *byte == b'\n') {
        if let Some(name) = header(line) {
            all.push((name, Print::default()));
            continue;
        }
        let Some((_, print)) = all.last_mut() else { continue };
        if let Some(rest) = line.strip_prefix(b"index ") {
            objects = rest;
        } else if line.starts_with(b"@@ ") {
            print.add(b"@@");
        } else {
            // Of bytes that are no text, only the names of the objects tell one change from another.
            if line.starts_with(b"Binary files ") {
                print.add(objects);
            }
            print.add(line);
        }
    }
    all.into_iter().map(|(name, print)| (name, print.end())).collect()
}

/// The name of a commit, or of a step between trees; no line of a diff is one.
fn header(line: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(line).ok()?;
    text.split(' ').all(git::is_oid).then(|| text.to_owned())
}

/// Two hashes over the same lines, started apart.
struct Print(DefaultHasher, DefaultHasher);

impl Default for Print {
    fn default() -> Print {
        let mut second = DefaultHasher::new();
        second.write_u8(1);
        Print(DefaultHasher::new(), second)
    }
}

impl Print {
    fn add(&mut self, line: &[u8]) {
        for hasher in [&mut self.0, &mut self.1] {
            hasher.write(line);
            hasher.write_u8(b'\n');
        }
    }

    fn end(&self) -> u128 {
        (u128::from(self.0.finish()) << 64) | u128::from(self.1.finish())
    }
}

/// Whether a merge of the branch would leave the target as it is, though the work changes something.
fn changes_nothing(ask: &Ask<'_>, start: &str) -> Result<bool, GitError> {
    if tree_of(ask, ask.branch)? == start {
        return Ok(false);
    }
    let (code, out) = ask
        .git
        .call(ask.repo.seat())
        .args(["merge-tree", "--write-tree", "--no-messages", ask.at, ask.branch])
        .code(&[0, 1])?;
    let tree = String::from_utf8_lossy(&out).lines().next().unwrap_or_default().to_owned();
    Ok(code == 0 && tree == tree_of(ask, ask.at)?)
}

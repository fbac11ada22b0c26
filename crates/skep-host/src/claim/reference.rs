//! Owns: a claim as a reference, at a remote or here. Never: moves one that stands; runs a hook; writes a branch.

use super::{
    At, ClaimError, Git, GitError, Holder, Made, Repository, git, is_oid, name_of, paths, words,
};

/// The most of a claim that is read. Bytes.
const LONGEST: u64 = 64 * 1024;

/// For whoever has the repository and not this skep: nobody's commits.
const WHO: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "skep"),
    ("GIT_AUTHOR_EMAIL", "skep@localhost"),
    ("GIT_COMMITTER_NAME", "skep"),
    ("GIT_COMMITTER_EMAIL", "skep@localhost"),
];

fn name(key: &str) -> String {
    format!("refs/skep/issues/{key}")
}

pub(super) fn make(
    git: &Git,
    repo: &Repository,
    at: &At,
    key: &str,
    holder: &Holder,
) -> Result<Made, ClaimError> {
    let oid = written(git, repo, holder)?;
    paths::crash_point("claim.written");
    match at {
        At::Remote { name: remote } => push(git, repo, remote, key, &oid, ""),
        At::Here | At::File { .. } => {
            let absent = "0".repeat(oid.len());
            let call = git.call(repo.seat()).args(["update-ref", "--no-deref", "--end-of-options"]);
            let output = call.args([&name(key), &oid, &absent]).output()?;
            Ok(if output.status.success() {
                Made::Made
            } else {
                Made::Not { why: words(&String::from_utf8_lossy(&output.stderr)) }
            })
        }
    }
}

/// The claim as a commit without files: every git and every forge keeps one.
fn written(git: &Git, repo: &Repository, holder: &Holder) -> Result<String, GitError> {
    let tree = git.call(repo.seat()).args(["mktree"]).stdin(Vec::new()).line()?;
    let mut call = git.call(repo.seat());
    for (name, value) in WHO {
        call = call.var(name, value);
    }
    call.args(["-c", "commit.gpgsign=false", "commit-tree", "--no-gpg-sign", "-F", "-", &tree])
        .stdin(holder.spelled().into_bytes())
        .line()
}

/// Sets the reference there to `oid`, or removes it for an empty one, only where it is at `expected`; empty: only where there is none.
fn push(
    git: &Git,
    repo: &Repository,
    remote: &str,
    key: &str,
    oid: &str,
    expected: &str,
) -> Result<Made, ClaimError> {
    let name = name(key);
    let plain = [
        "-c",
        "credential.interactive=false",
        "push",
        "--porcelain",
        "--no-progress",
        "--no-verify",
        "--no-follow-tags",
        "--no-recurse-submodules",
        "--no-signed",
    ];
    let lease = format!("--force-with-lease={name}:{expected}");
    let call = git.call(repo.seat()).args(plain).arg(lease);
    let to = address(git, repo, remote)?;
    let unanswered = |text: String| ClaimError::Unanswered { remote: words(remote), text };
    let output = match call.args(["--end-of-options", &to, &format!("{oid}:{name}")]).output() {
        Ok(output) => output,
        Err(GitError::Timeout { after, .. }) => {
            return Err(unanswered(format!("no answer within {} s", after.as_secs())));
        }
        Err(err) => return Err(unanswered(words(&err.to_string()))),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let to = format!(":{name}");
    let row = said.lines().find_map(|row| {
        let mut columns = row.split('\t');
        let (flag, refs, summary) = (columns.next()?, columns.next()?, columns.next()?);
        refs.ends_with(&to).then_some((flag, summary))
    });
    match row {
        // What is there already is looked at: it may be another's.
        Some(("!" | "=", summary)) => Ok(Made::Not { why: words(summary) }),
        Some(_) if output.status.success() => Ok(Made::Made),
        Some(_) | None => Err(unanswered(words(&output.complaint()))),
    }
}

/// By its name, unless it is pushed to several places: then one of them has the claims.
fn address(git: &Git, repo: &Repository, remote: &str) -> Result<String, GitError> {
    let call = git.call(repo.seat()).args(["remote", "get-url", "--all", "--push"]);
    let said = call.args(["--end-of-options", remote]).line()?;
    let mut all = said.lines();
    let first = all.next().unwrap_or(remote);
    Ok(if all.next().is_some() { first.to_owned() } else { remote.to_owned() })
}

/// The claim that stands, and its object.
pub(super) fn read(
    git: &Git,
    repo: &Repository,
    at: &At,
    key: &str,
) -> Result<Option<(String, Holder)>, ClaimError> {
    let name = name(key);
    let At::Remote { name: remote } = at else {
        let asked = ["for-each-ref", "--count=1", "--format=%(objectname)", &name];
        let oid = git.call(repo.seat()).args(asked).line()?;
        return Ok(if is_oid(&oid) {
            Some((oid.clone(), words_of(git, repo, &oid)?))
        } else {
            None
        });
    };
    let unanswered = |text: String| ClaimError::Unanswered { remote: words(remote), text };
    let to = address(git, repo, remote)?;
    let quiet = ["-c", "credential.interactive=false", "ls-remote", "--end-of-options", &to, &name];
    let output = match git.call(repo.seat()).args(quiet).most(LONGEST).output() {
        Ok(output) if output.status.success() => output,
        Ok(output) => return Err(unanswered(words(&output.complaint()))),
        Err(GitError::Timeout { after, .. }) => {
            return Err(unanswered(format!("no answer within {} s", after.as_secs())));
        }
        Err(err) => return Err(unanswered(words(&err.to_string()))),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = said.lines().find_map(|row| match row.split_once('\t') {
        Some((oid, at)) if at == name && is_oid(oid) => Some(oid.to_owned()),
        Some(_) | None => None,
    });
    let Some(oid) = found else { return Ok(None) };
    if git::commit(git, repo, &oid)?.is_none() {
        let fetch = [
            "-c",
            "credential.interactive=false",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-prune",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--no-auto-maintenance",
            "--refmap=",
            "--end-of-options",
            &to,
            &name,
        ];
        // One that went meanwhile, or that moved, is told by what is there then.
        let _told = git.call(repo.seat()).args(fetch).output();
    }
    Ok(Some((oid.clone(), words_of(git, repo, &oid)?)))
}

/// What the claim says; of one that is not here, or is no claim, only that it is there.
fn words_of(git: &Git, repo: &Repository, oid: &str) -> Result<Holder, GitError> {
    let call = git.call(repo.seat()).args(["cat-file", "commit", oid]).most(LONGEST);
    let output = call.output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Holder::of(text.split_once("\n\n").map_or("", |(_, said)| said)))
}

pub(super) fn remove(
    git: &Git,
    repo: &Repository,
    at: &At,
    key: &str,
    whose: &Holder,
) -> Result<Option<Holder>, ClaimError> {
    let Some((oid, there)) = read(git, repo, at, key)? else { return Ok(None) };
    if !there.is_same(whose) {
        return Ok(Some(there));
    }
    match at {
        At::Remote { name: remote } => match push(git, repo, remote, key, "", &oid)? {
            Made::Made => Ok(None),
            Made::Not { why } => match read(git, repo, at, key)? {
                Some((_, there)) if there.is_same(whose) => {
                    Err(ClaimError::Refused { remote: name_of(at), text: why })
                }
                other => Ok(other.map(|(_, there)| there)),
            },
        },
        At::Here | At::File { .. } => {
            let call = git.call(repo.seat()).args(["update-ref", "--no-deref", "-d"]);
            call.args(["--end-of-options", &name(key), &oid]).line()?;
            Ok(None)
        }
    }
}

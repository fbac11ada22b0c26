use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use super::*;
use crate::{fence, git::Bounds};

impl Yard {
    fn push_with(&self, agent: &Git, lease: Option<&str>) -> Result<Pushed, PublishError> {
        let not = ["main".to_owned()];
        let tree = self.tree();
        let ask = Push { worktree: tree.path(), branch: "skep/x", not: &not, lease };
        super::push(&self.git(), agent, &self.found(), &ask)
    }

    fn push(&self) -> Pushed {
        self.push_with(&self.git(), None).unwrap()
    }

    fn rejected(&self, by: By) -> String {
        let pushed = self.push();
        let Pushed::Rejected { by: found, output } = pushed else { panic!("{pushed:?}") };
        assert_eq!(found, by, "{output}");
        output
    }
}

#[test]
fn exactly_the_branch_is_pushed_and_a_second_time_there_is_nothing_to_do() {
    let yard = Yard::new();
    let head = yard.tree().head();
    yard.repo().git(&["tag", "-a", "-m", "v", "v1", "skep/x"]);
    yard.repo().git(&["branch", "other"]);
    yard.repo().git(&["config", "push.followTags", "true"]);
    yard.repo().git(&["config", "remote.origin.push", "+refs/heads/*:refs/heads/*"]);
    assert_eq!(yard.push(), Pushed::Pushed { head: head.clone() });
    assert_eq!(yard.there("skep/x"), Some(head.clone()));
    assert_eq!(yard.origin().branches(), ["main", "skep/x"]);
    assert_eq!(yard.origin().git(&["tag"]), "");
    assert_eq!(yard.push(), Pushed::UpToDate { head });
    let more = yard.tree().commit_file("more", "1");
    assert_eq!(yard.push(), Pushed::Pushed { head: more.clone() });
    assert_eq!(yard.there("skep/x"), Some(more));
}

#[test]
fn a_hook_there_that_declines_is_heard() {
    let yard = Yard::new();
    for hook in ["pre-receive", "update"] {
        yard.hook(
            format!("origin.git/hooks/{hook}"),
            "printf '\\033[31mno ticket in the subject\\033[0m\\n' >&2; exit 1",
        );
        let output = yard.rejected(By::Hook);
        assert!(output.contains("no ticket in the subject"), "{output}");
        assert!(!output.contains('\u{1b}'), "{output:?}");
        fs::remove_file(yard.origin().path().join("hooks").join(hook)).unwrap();
    }
    yard.hook(
        "origin.git/hooks/pre-receive",
        "echo 'GitLab: You are not allowed to push code to protected branches on this project.' >&2; exit 1",
    );
    yard.rejected(By::Protected);
    yard.hook("origin.git/hooks/pre-receive", "yes 'more and more' | head -c 200000 >&2; exit 1");
    assert!(yard.rejected(By::Hook).len() < 21_000);
    assert_eq!(yard.there("skep/x"), None);
    fs::remove_file(yard.origin().path().join("hooks/pre-receive")).unwrap();
    assert!(matches!(yard.push(), Pushed::Pushed { .. }));
}

#[test]
fn commits_of_others_are_never_written_over_and_ones_own_earlier_push_only_while_it_stands() {
    let yard = Yard::new();
    let first = yard.tree().head();
    yard.push();
    let rewrite = || {
        yard.tree().git(&["commit", "--quiet", "--amend", "--message", "reworded"]);
        yard.tree().head()
    };
    let second = rewrite();
    yard.rejected(By::NonFastForward);
    assert_eq!(yard.there("skep/x"), Some(first.clone()));
    let with = |lease: &str| yard.push_with(&yard.git(), Some(lease)).unwrap();
    assert_eq!(with(&first), Pushed::Pushed { head: second.clone() });
    // Somebody else pushed since.
    let other = yard.origin().git(&["commit-tree", "main^{tree}", "-p", "main", "-m", "other"]);
    let other = other.trim();
    yard.origin().git(&["update-ref", "refs/heads/skep/x", other]);
    yard.tree().git(&["fetch", "--quiet", "origin"]);
    yard.tree().git(&["commit", "--quiet", "--amend", "--message", "reworded again"]);
    assert!(matches!(with(&second), Pushed::Rejected { by: By::NonFastForward, .. }));
    assert_eq!(yard.there("skep/x"), Some(other.to_owned()));
    // Where it was merged and taken away, or stands on ours, nothing is written over.
    yard.origin().git(&["update-ref", "-d", "refs/heads/skep/x"]);
    let head = yard.tree().head();
    assert_eq!(with(&second), Pushed::Pushed { head: head.clone() });
    yard.tree().git(&["commit", "--quiet", "--allow-empty", "--message", "more"]);
    assert_eq!(with(&second), Pushed::Pushed { head: yard.tree().head() });
}

#[test]
fn a_branch_that_is_not_the_runs_own_is_never_pushed() {
    let yard = Yard::new();
    yard.repo().git(&["branch", "develop"]);
    let push = |branch: &str, not: &[&str]| {
        let not: Vec<String> = not.iter().map(|name| (*name).to_owned()).collect();
        let tree = yard.tree();
        let ask = Push { worktree: tree.path(), branch, not: &not, lease: None };
        super::push(&yard.git(), &yard.git(), &yard.found(), &ask)
    };
    let slug = |branch: &str, not: &[&str]| push(branch, not).unwrap_err().slug();
    yard.repo().commit_file("mine", "1");
    assert_eq!(slug("develop", &["main", "develop"]), "push-not-its-own");
    assert_eq!(slug("main", &[]), "push-not-its-own", "the remote's own HEAD names it");
    for name in ["gone", "skep/x:refs/heads/main", "+skep/x", "skep/*", "--all", ""] {
        assert_eq!(slug(name, &[]), "no-such-ref", "{name}");
    }
    assert_eq!(yard.origin().branches(), ["main"]);
    assert_ne!(yard.there("main"), Some(yard.repo().head()));
}

#[test]
fn a_remote_that_is_gone_never_was_or_hangs_fails_in_its_time() {
    let yard = Yard::alone();
    let failed = |yard: &Yard, agent: &Git| {
        let pushed = yard.push_with(agent, None).unwrap();
        let Pushed::Failed { text } = pushed else { panic!("{pushed:?}") };
        text
    };
    assert!(failed(&yard, &yard.git()).contains("no remote"));
    yard.repo().git(&["remote", "add", "origin", "../nowhere.git"]);
    assert!(failed(&yard, &yard.git()).contains("nowhere.git"));
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/x", deaf.local_addr().unwrap());
    yard.repo().git(&["remote", "set-url", "origin", &url]);
    let begun = Instant::now();
    let impatient = yard.git().timeout(Duration::from_millis(300));
    let tree = yard.tree();
    let ask = Push { worktree: tree.path(), branch: "skep/x", not: &[], lease: None };
    let pushed = super::push(&impatient, &yard.git(), &yard.found(), &ask).unwrap();
    assert!(matches!(&pushed, Pushed::Failed { text } if text.contains("no answer")), "{pushed:?}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_repositorys_own_hook_is_asked_as_the_agent_would_have_been() {
    let yard = Yard::new();
    let heard = yard.place.root().join("heard");
    yard.hook(
        "r/.git/hooks/pre-push",
        &format!(
            "{{ echo \"$1 $2 token=$TOKEN\"; pwd; cat; }} > '{}'; echo 'tests fail' >&2; exit 1",
            heard.display()
        ),
    );
    let mut env = yard.place.env();
    env.push(("TOKEN".into(), "secret".into()));
    let ours = Git::new(env);
    let not: [String; 0] = [];
    let tree = yard.tree();
    let ask = Push { worktree: tree.path(), branch: "skep/x", not: &not, lease: None };
    let push = || super::push(&ours, &yard.git(), &yard.found(), &ask).unwrap();
    let refused = push();
    assert_eq!(refused, Pushed::Rejected { by: By::Hook, output: "tests fail".to_owned() });
    assert_eq!(yard.there("skep/x"), None);
    let said = fs::read_to_string(&heard).unwrap();
    let head = yard.tree().head();
    let absent = "0".repeat(40);
    let expected = format!(
        "origin ../origin.git token=\n{}\nrefs/heads/skep/x {head} refs/heads/skep/x {absent}\n",
        yard.tree().path().display()
    );
    assert_eq!(said, expected);
    // One that is told off by a setting in the repository, one without a first line, one that cannot be started.
    yard.repo().git(&["config", "core.hooksPath", ".hooks"]);
    yard.tree().write(".hooks/pre-push", "exit 0\n");
    assert!(matches!(push(), Pushed::Pushed { .. }), "git passes by what cannot be started");
    yard.tree().commit_file("more", "1");
    let file = yard.tree().path().join(".hooks/pre-push");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    yard.tree().write(".hooks/pre-push", "echo by the shell; exit 3\n");
    assert_eq!(push(), Pushed::Rejected { by: By::Hook, output: "by the shell".to_owned() });
}

#[test]
fn a_hook_that_never_ends_is_ended() {
    let yard = Yard::new();
    yard.hook("r/.git/hooks/pre-push", "sleep 600");
    let begun = Instant::now();
    let agent = yard.git().timeout(Duration::from_millis(300));
    let pushed = yard.push_with(&agent, None);
    let pushed = pushed.unwrap();
    assert!(
        matches!(&pushed, Pushed::Rejected { by: By::Hook, output } if output.contains("said nothing")),
        "{pushed:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(yard.there("skep/x"), None);
}

#[test]
fn hooks_write_only_where_the_agent_could() {
    if !fence::is_possible() {
        return;
    }
    let yard = Yard::new();
    let (inside, outside) = (yard.place.root().join("cache"), yard.place.root().join("outside"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    let script =
        format!("echo 1 > '{}/1'; echo 1 > '{}/1'; exit 0", inside.display(), outside.display());
    let agent = yard.git().bounded(Bounds::Agent(fence::Fence {
        write: vec![yard.tree().path().to_owned(), inside.clone(), "/dev/null".into()],
        plain: vec![yard.repo().path().join(".git")],
        read: None,
    }));
    for hook in ["pre-push", "pre-commit"] {
        yard.hook(format!("r/.git/hooks/{hook}"), &script);
    }
    yard.tree().write("rest", "1");
    let tree = yard.tree();
    let done = commit_rest(&agent, &yard.found(), tree.path(), "the rest", false).unwrap();
    assert!(matches!(done, Rest::Committed { .. }));
    assert!(inside.join("1").exists() && !outside.join("1").exists());
    fs::remove_file(inside.join("1")).unwrap();
    assert!(matches!(yard.push_with(&agent, None).unwrap(), Pushed::Pushed { .. }));
    assert!(inside.join("1").exists() && !outside.join("1").exists());
}

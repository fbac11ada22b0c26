use std::os::unix::fs::PermissionsExt;

use skep_host::publish::By;
use skep_testkit::{Place, Repo};

use super::{
    super::{Done, carry_out},
    *,
};

pub(in crate::hands) mod deed;

/// A repository with a remote and an env whose worktree is on `skep/x`, one commit ahead.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let yard = Yard::alone();
        yard.place.bare("origin.git");
        yard.place.at("r").git(&["remote", "add", "origin", "../origin.git"]);
        yard.place.at("r").git(&["push", "--quiet", "origin", "main"]);
        yard
    }

    fn alone() -> Yard {
        let place = Place::new();
        let repo = place.repo("r");
        fs::create_dir(place.root().join("env")).unwrap();
        repo.git(&["worktree", "add", "--quiet", "-b", "skep/x", "../env/w"]);
        place.at("env/w").commit_file("work", "1");
        Yard { place }
    }

    fn tree(&self) -> Repo<'_> {
        self.place.at("env/w")
    }

    fn vars(&self) -> BTreeMap<String, String> {
        let text = |value: std::ffi::OsString| value.into_string().unwrap();
        self.place.env().into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn ask(&self, message: Option<&str>) -> Finalizing {
        let root = self.place.root().join("env");
        Finalizing {
            lock: root.join("lock"),
            worktree: root.join("w"),
            root,
            repository: self.place.root().join("r"),
            branch: "skep/x".to_owned(),
            not: vec!["main".to_owned()],
            message: message.map(str::to_owned),
            published: None,
            sign: false,
            stays: false,
            vars: self.vars(),
            may: May::Env,
            ask_ms: 20_000,
        }
    }

    fn run(&self, ask: Finalizing) -> Found {
        let deed = Deed::Finalize { finalizing: Box::new(ask) };
        // As it goes to its own process and comes back.
        let deed = serde_json::from_str(&serde_json::to_string(&deed).unwrap()).unwrap();
        let done = carry_out(deed, &self.vars());
        let done: Done = serde_json::from_str(&serde_json::to_string(&done).unwrap()).unwrap();
        let Done::Finalized { found } = done else { panic!("{done:?}") };
        found
    }

    fn finalize(&self, message: Option<&str>) -> Found {
        self.run(self.ask(message))
    }

    fn published(&self) -> Found {
        let remote = Some("origin ../origin.git".to_owned());
        Found::Published { head: self.tree().head(), remote }
    }

    fn there(&self) -> Option<String> {
        let ask = ["rev-parse", "--verify", "--quiet", "refs/heads/skep/x"];
        let output = self.place.at("origin.git").try_git(&ask);
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (!said.is_empty()).then_some(said)
    }

    fn hook(&self, file: &str, script: &str) {
        let path = self.place.root().join(file);
        self.place.write(&path, &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Counts the pushes that the remote takes.
    fn count_pushes(&self) {
        self.hook("origin.git/hooks/post-receive", "echo pushed >> pushes");
    }

    fn pushes(&self) -> usize {
        let file = self.place.root().join("origin.git/pushes");
        fs::read_to_string(file).map_or(0, |text| text.lines().count())
    }
}

fn slug(found: &Found) -> &str {
    let Found::Failed { slug, .. } = found else { panic!("{found:?}") };
    slug
}

#[test]
fn published_means_that_the_remote_has_exactly_what_stands_and_nothing_else_stands() {
    let yard = Yard::new();
    yard.count_pushes();
    assert_eq!(yard.finalize(None), yard.published());
    assert_eq!(yard.there(), Some(yard.tree().head()));
    // A remote that takes it and changes it.
    yard.hook("origin.git/hooks/post-receive", "git update-ref refs/heads/skep/x main");
    yard.tree().commit_file("more", "1");
    assert_eq!(slug(&yard.finalize(None)), "remote-moved");
    // A file that came while it was pushed.
    let late = yard.tree().path().join("late");
    yard.hook("origin.git/hooks/post-receive", &format!("touch '{}'", late.display()));
    let dirty = Found::Dirty { paths: vec!["late".to_owned()], more: 0 };
    assert_eq!(yard.finalize(None), dirty);
}

#[test]
fn finalizing_twice_on_one_head_pushes_once() {
    let yard = Yard::new();
    yard.count_pushes();
    let first = yard.finalize(None);
    assert_eq!((yard.finalize(None), yard.pushes()), (first, 1));
    yard.tree().commit_file("more", "1");
    assert_eq!((yard.finalize(None), yard.pushes()), (yard.published(), 2));
}

#[test]
fn what_was_left_over_is_told_or_committed_with_the_words_given_and_then_pushed() {
    let yard = Yard::new();
    let head = yard.tree().head();
    yard.tree().write("left", "1");
    yard.tree().write("work", "2");
    let paths = ["work", "left"].map(str::to_owned).to_vec();
    assert_eq!(yard.finalize(None), Found::Dirty { paths, more: 0 });
    assert_eq!((yard.tree().head(), yard.there()), (head.clone(), None));
    assert_eq!(yard.finalize(Some("the rest")), yard.published());
    assert_eq!(yard.tree().oid("HEAD^"), head);
    assert_eq!(yard.tree().git(&["log", "-1", "--format=%s"]), "the rest");
    assert_eq!((yard.there(), yard.tree().status()), (Some(yard.tree().head()), String::new()));
    for nth in 0..120 {
        yard.tree().write(format!("many/{nth}"), "1");
    }
    assert!(matches!(yard.finalize(None), Found::Dirty { paths, more: 20 } if paths.len() == 100));
}

#[test]
fn a_refused_fallback_commit_pushes_nothing_and_can_be_tried_again() {
    let yard = Yard::new();
    yard.tree().write("left", "1");
    yard.hook("r/.git/hooks/pre-commit", "echo 'lint says no' >&2; exit 1");
    let refused = yard.finalize(Some("the rest"));
    assert_eq!(slug(&refused), "commit-refused");
    assert!(matches!(&refused, Found::Failed { text, .. } if text.contains("lint says no")));
    assert_eq!((yard.there(), yard.tree().status()), (None, "?? left".to_owned()));
    // One that makes files dirty again while it lets the commit go.
    yard.hook("r/.git/hooks/pre-commit", "echo formatted >> work");
    assert!(
        matches!(yard.finalize(Some("the rest")), Found::Dirty { paths, .. } if paths == ["work"])
    );
    assert_eq!(yard.there(), None);
    fs::remove_file(yard.place.root().join("r/.git/hooks/pre-commit")).unwrap();
    assert_eq!(yard.finalize(Some("the rest")), yard.published());
}

#[test]
fn a_rejected_push_is_told_with_the_remotes_words_and_a_reworded_commit_goes_through() {
    let yard = Yard::new();
    yard.hook(
        "origin.git/hooks/pre-receive",
        "while read old new ref; do git log -1 --format=%s $new | grep -q '^T-' || { echo 'needs a ticket' >&2; exit 1; }; done",
    );
    let rejected = yard.finalize(None);
    assert!(
        matches!(&rejected, Found::Rejected { by: By::Hook, output } if output.contains("needs a ticket")),
        "{rejected:?}"
    );
    let reword = |to: &str| {
        yard.tree().git(&["commit", "--quiet", "--amend", "--message", to]);
        yard.tree().head()
    };
    let first = reword("T-1 work");
    assert_eq!(yard.finalize(None), yard.published());
    // History that was pushed is rewritten only where the remote has what we pushed.
    reword("T-2 work");
    assert!(matches!(yard.finalize(None), Found::Rejected { by: By::NonFastForward, .. }));
    let again = Finalizing { published: Some(first), ..yard.ask(None) };
    assert_eq!(yard.run(again), yard.published());
}

#[test]
fn without_a_remote_a_clean_tree_is_published_and_a_dirty_one_is_not() {
    let yard = Yard::alone();
    let head = yard.tree().head();
    assert_eq!(yard.finalize(None), Found::Published { head, remote: None });
    yard.tree().write("left", "1");
    assert!(matches!(yard.finalize(None), Found::Dirty { .. }));
    let done = yard.finalize(Some("the rest"));
    assert_eq!(done, Found::Published { head: yard.tree().head(), remote: None });
}

#[test]
fn what_cannot_be_known_or_is_not_the_runs_own_is_not_published() {
    let yard = Yard::new();
    let origin = yard.place.root().join("origin.git");
    let away = yard.place.root().join("away.git");
    fs::rename(&origin, &away).unwrap();
    assert_eq!(slug(&yard.finalize(None)), "remote-unknown");
    fs::rename(&away, &origin).unwrap();
    let onto = Finalizing { not: vec!["skep/x".to_owned()], ..yard.ask(None) };
    assert_eq!(slug(&yard.run(onto)), "push-not-its-own");
    yard.tree().write("left", "1");
    yard.tree().git(&["checkout", "--quiet", "-b", "aside"]);
    assert_eq!(slug(&yard.finalize(Some("the rest"))), "branch-left");
    yard.tree().git(&["checkout", "--quiet", "--detach"]);
    assert_eq!(slug(&yard.finalize(Some("the rest"))), "branch-left");
    assert_eq!((yard.there(), yard.tree().status()), (None, "?? left".to_owned()));
    yard.tree().git(&["checkout", "--quiet", "skep/x"]);
    let held = lock::hold(&yard.place.root().join("env/lock")).unwrap();
    assert_eq!(slug(&yard.finalize(Some("the rest"))), "locked");
    drop(held);
    assert_eq!(yard.finalize(Some("the rest")), yard.published());
}

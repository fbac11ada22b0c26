//! What live agents left in their worktrees, on its way to a remote.

use std::fs;

use serde_json::json;
use skep_testkit::lab::Lab;

use super::fleet::Yard;
use crate::{home::text_of, publish::finalize};

#[test]
fn what_live_agents_committed_and_left_comes_to_the_remote() {
    for agent in ["codex", "opencode", "pi", "claude"] {
        let Some(lab) = Lab::open(agent, "commit") else { continue };
        let yard = Yard::new();
        let run = yard.ended(&lab, agent, "Write a file and commit it");
        assert_eq!(run["outcome"], "completed", "{agent}: {run}");
        let tree = yard.home.place().at(text_of(&run, "worktree"));
        // What was lent to it is nobody's work, and what it left besides is.
        assert_eq!(tree.status(), "", "{agent}");
        fs::write(tree.path().join("left"), "1").unwrap();
        let dirty = finalize(&yard.home, &run, None);
        assert_eq!(dirty, json!({"found": "dirty", "paths": ["left"], "more": 0}), "{agent}");
        let published = finalize(&yard.home, &run, Some("what was left"));
        let remote = "origin ../origin.git";
        let expected = json!({"found": "published", "head": tree.head(), "remote": remote});
        assert_eq!(published, expected, "{agent}");
        let branch = format!("refs/heads/{}", text_of(&run, "branch"));
        let origin = yard.home.place().at("origin.git");
        assert_eq!(origin.oid(&branch), tree.head(), "{agent}");
        assert_eq!(origin.git(&["show", "--format=", "--name-only", &branch]), "left", "{agent}");
    }
}

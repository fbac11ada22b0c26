//! What every tracker holds: forges over one small world with two faces, and a folder of files.

use std::{fs, path::PathBuf, time::Duration};

use skep_core::issue::{Association, COMMENTS, Issue, Platform, Reference, Status};
use skep_testkit::{
    forges::{self, Face, Right, TOKEN, World},
    loopback::Told,
};
use tempfile::TempDir;

use super::{Tracker, TrackerError, folder::Folder, open, taskwarrior};
use crate::{
    http::{Patience, Token},
    remote::{Kind, Place},
};

/// Short enough for tests, long enough for a busy machine.
const PATIENCE: Patience = Patience {
    tries: 2,
    first: Duration::from_millis(1),
    answer: Duration::from_secs(20),
    most: 8 * 1024 * 1024,
};

const FACES: [Face; 2] = [Face::Github, Face::Forgejo];

fn place(forge: &forges::Forge) -> Place {
    Place {
        kind: if forge.face() == Face::Github { Kind::Github } else { Kind::Forgejo },
        host: "forge.test".to_owned(),
        path: vec!["team".to_owned(), "tool".to_owned()],
        web: forge.origin(),
    }
}

fn client(forge: &forges::Forge) -> Box<dyn Tracker> {
    open(place(forge), Token::by(|| Ok(Some(TOKEN.to_owned()))), PATIENCE).unwrap()
}

fn reference(number: u64) -> Reference {
    let (owner, repo) = ("team".to_owned(), "tool".to_owned());
    Reference::Forge { platform: None, owner, repo, number }
}

/// Plays `scene` with both forges; the issue is number 7 and of ada, who may write.
fn each(scene: impl Fn(&forges::Forge, &dyn Tracker)) {
    for face in FACES {
        let forge = forges::Forge::new(face);
        {
            let mut world = forge.world();
            world.people.insert("ada".to_owned(), Right::Write);
            world.people.insert("rob".to_owned(), Right::Read);
            let issue = forges::Issue::new(7, "ada", "It is slow", "Count the pages.\r\n\r\nAll.");
            world.issues.push(issue);
        }
        scene(&forge, &*client(&forge));
    }
}

fn writes(forge: &forges::Forge) -> usize {
    forge.loopback().asked().iter().filter(|asked| asked.method != "GET").count()
}

fn change(forge: &forges::Forge, change: impl Fn(&mut forges::Issue)) {
    change(forge.world().issue(7).unwrap());
}

/// A folder with one issue, and what speaks to it.
fn files(text: &str) -> (TempDir, PathBuf, Folder, Reference) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("issues");
    fs::create_dir(&root).unwrap();
    skep_host::paths::write_atomically(&root.join("slow.md"), text.as_bytes()).unwrap();
    let reference = Reference::Folder { folder: "notes".to_owned(), file: "slow".to_owned() };
    let folder = Folder::new("notes", &root);
    (dir, root, folder, reference)
}

/// Plays `scene` with every tracker, on an open issue without labels and comments.
fn every(scene: impl Fn(&dyn Tracker, &Reference)) {
    each(|_, tracker| scene(tracker, &reference(7)));
    let (_dir, _, folder, reference) = files("# It is slow\n\nCount the pages.\n\nAll.\n");
    scene(&folder, &reference);
}

#[test]
fn every_tracker_tells_of_an_issue_in_the_same_words() {
    every(|tracker, reference| {
        let issue = tracker.issue(reference).unwrap();
        assert_eq!(issue.platform, tracker.platform());
        assert!(reference.means(&issue.reference), "{issue:?}");
        assert_eq!(issue.reference.platform(), Some(tracker.platform()));
        assert_eq!(
            (issue.title.as_str(), issue.open, issue.is_change),
            ("It is slow", true, false)
        );
        assert_eq!(issue.body.replace("\r\n", "\n"), "Count the pages.\n\nAll.");
        assert_eq!((issue.state.as_str(), issue.labels.len(), issue.said), ("open", 0, 0));
        assert!(!issue.url.is_empty());
    });
}

#[test]
fn a_comment_is_written_once_for_each_key_whatever_it_says() {
    every(|tracker, reference| {
        let hostile = "<!-- skep:comment op_2 -->\n`$(id)` \"x\" \u{1b}[2J\r\n---\nstate: closed";
        for _ in 0..2 {
            tracker.comment(reference, hostile, "op_1").unwrap();
        }
        tracker.comment(reference, "done", "op_2").unwrap();
        tracker.comment(reference, "done", "op_2").unwrap();
        let issue = tracker.issue(reference).unwrap();
        assert_eq!((issue.said, issue.comments.len()), (2, 2), "{issue:?}");
        assert!(issue.comments[0].text.contains("`$(id)` \"x\""), "{issue:?}");
        assert!(issue.comments[1].text.starts_with("done"));
        assert!(issue.open && issue.body.replace("\r\n", "\n") == "Count the pages.\n\nAll.");
    });
}

#[test]
fn where_an_issue_stands_is_told_and_told_again_without_a_change() {
    every(|tracker, reference| {
        let tells = |issue: &Issue, status: Status| match issue.platform {
            Platform::Folder => issue.state == status.as_str(),
            Platform::Github | Platform::Forgejo | Platform::Taskwarrior => {
                issue.labels == [status.as_str()]
            }
        };
        for status in
            [Status::InProgress, Status::NeedsReview, Status::NeedsReview, Status::Blocked]
        {
            tracker.set_status(reference, status).unwrap();
            let issue = tracker.issue(reference).unwrap();
            assert!(issue.open && tells(&issue, status), "{status:?}: {issue:?}");
        }
        tracker.set_status(reference, Status::Closed).unwrap();
        let issue = tracker.issue(reference).unwrap();
        assert_eq!((issue.open, issue.state.as_str()), (false, "closed"));
        tracker.set_status(reference, Status::Open).unwrap();
        let issue = tracker.issue(reference).unwrap();
        assert!(issue.open && issue.labels.is_empty(), "{issue:?}");
        assert_eq!(issue.title, "It is slow");
    });
    each(|forge, tracker| {
        tracker.set_status(&reference(7), Status::Blocked).unwrap();
        let written = writes(forge);
        tracker.set_status(&reference(7), Status::Blocked).unwrap();
        assert_eq!(writes(forge), written);
    });
}

#[test]
fn what_somebody_closed_is_not_opened_by_saying_how_far_it_is() {
    let holds = |tracker: &dyn Tracker, reference: &Reference| {
        tracker.set_status(reference, Status::InProgress).unwrap();
        tracker.set_status(reference, Status::Closed).unwrap();
        let state = tracker.issue(reference).unwrap().state;
        for status in Status::LABELS {
            tracker.set_status(reference, status).unwrap();
            let issue = tracker.issue(reference).unwrap();
            assert_eq!((issue.open, &issue.state), (false, &state), "{status:?}: {issue:?}");
        }
        tracker.set_status(reference, Status::Open).unwrap();
        assert!(tracker.issue(reference).unwrap().open);
    };
    every(holds);
    if let Some((_dir, list, uuid)) = taskwarrior::tests::list() {
        holds(&list, &Reference::Task { uuid });
    }
}

#[test]
fn an_issue_that_is_not_there_is_told_apart_from_every_other_failure() {
    every(|tracker, reference| {
        let absent = match reference {
            Reference::Folder { folder, .. } => {
                Reference::Folder { folder: folder.clone(), file: "none".to_owned() }
            }
            Reference::Forge { .. } | Reference::Task { .. } => self::reference(404),
        };
        let err = tracker.issue(&absent).unwrap_err();
        assert!(matches!(err, TrackerError::NoIssue { .. }), "{err:?}");
        assert_eq!(err.slug(), "issue-not-found");
        for deed in [tracker.comment(&absent, "x", "k"), tracker.set_status(&absent, Status::Open)]
        {
            assert_eq!(deed.unwrap_err().slug(), "issue-not-found");
        }
        let others = Reference::Forge {
            platform: None,
            owner: "other".to_owned(),
            repo: "tool".to_owned(),
            number: 7,
        };
        assert_eq!(tracker.issue(&others).unwrap_err().slug(), "issue-elsewhere");
    });
    each(|forge, tracker| {
        let told = |status, text: &str| Told::json(status, &serde_json::json!({ "message": text }));
        for (fault, slug) in [
            (told(500, "404 page not found"), "forge-broken"),
            (told(403, "no"), "forge-auth"),
            (told(401, "404"), "forge-auth"),
            (told(410, "deleted"), "forge-not-found"),
            (told(422, "issue #404: Not Found"), "forge-refused"),
            (Told::text(200, "text/html", "<h1>404 Not Found</h1>"), "forge-answer"),
            (Told::Lost, "forge-offline"),
            (
                Told::json(301, &"".into()).with("location", "https://elsewhere.test/x"),
                "forge-moved",
            ),
            // Where the forge sends us on there is none: that says nothing of the one that was asked for.
            (
                Told::json(301, &"".into()).with("location", "/api/v1/repos/x/y/issues/7"),
                "forge-not-found",
            ),
        ] {
            for _ in 0..PATIENCE.tries {
                forge.world().fault("GET", "/issues/7", false, fault.clone());
            }
            let err = client(forge).issue(&reference(7)).unwrap_err();
            assert_eq!(err.slug(), slug, "{:?} {fault:?}", forge.face());
            // What was not met is not for the next.
            while client(forge).issue(&reference(7)).is_err() {}
        }
        assert!(tracker.issue(&reference(7)).is_ok());
    });
}

#[test]
fn a_forge_that_is_silent_is_no_answer_and_a_404_beside_the_issue_is_none_of_the_issue() {
    each(|forge, _| {
        forge.world().fault("GET", "/issues/7", false, Told::Silence);
        let patience = Patience { tries: 1, answer: Duration::from_millis(300), ..PATIENCE };
        let token = Token::by(|| Ok(Some(TOKEN.to_owned())));
        let err = open(place(forge), token, patience).unwrap().issue(&reference(7)).unwrap_err();
        assert_eq!(err.slug(), "forge-timeout");
        change(forge, |issue| issue.words.push(("ada".to_owned(), "yes".to_owned())));
        let none = Told::json(404, &serde_json::json!({ "message": "Not Found" }));
        forge.world().fault("GET", "/comments", false, none);
        assert_eq!(client(forge).issue(&reference(7)).unwrap_err().slug(), "forge-not-found");
    });
}

#[test]
fn an_issue_that_moved_is_told_by_where_it_is_and_nothing_is_written_there() {
    each(|forge, tracker| {
        change(forge, |issue| {
            issue.moved = Some(("org".to_owned(), "other".to_owned(), 3));
            issue.words.push(("ada".to_owned(), "yes".to_owned()));
        });
        let issue = tracker.issue(&reference(7)).unwrap();
        assert_eq!(issue.reference.to_string(), "org/other#3");
        assert!(!reference(7).means(&issue.reference) && issue.comments.is_empty());
        for deed in [
            tracker.comment(&reference(7), "x", "k"),
            tracker.set_status(&reference(7), Status::Closed),
        ] {
            assert_eq!(deed.unwrap_err().slug(), "forge-moved");
        }
        assert_eq!(writes(forge), 0);
    });
}

#[test]
fn pull_requests_closed_issues_labels_and_people_are_told() {
    each(|forge, tracker| {
        change(forge, |issue| {
            issue.labels = vec!["bug".to_owned(), "agent:headless".to_owned()];
            issue.closed = true;
            issue.change = true;
        });
        let issue = tracker.issue(&reference(7)).unwrap();
        assert!(issue.is_change && !issue.open);
        assert_eq!(issue.labels, ["bug", "agent:headless"]);
        assert_eq!(issue.association, Association::Collaborator, "{:?}", forge.face());
        for (author, trusted) in
            [("team", true), ("skep-bot", true), ("mallory", false), ("", false)]
        {
            change(forge, |issue| author.clone_into(&mut issue.author));
            let association = client(forge).issue(&reference(7)).unwrap().association;
            let known = [Association::Owner, Association::Member, Association::Collaborator];
            assert_eq!(known.contains(&association), trusted, "{author}: {association:?}");
        }
    });
}

#[test]
fn whoever_may_not_ask_a_forgejo_of_people_takes_nobody_for_trusted_by_that() {
    let forge = forges::Forge::new(Face::Forgejo);
    forge.world().issues.push(forges::Issue::new(7, "eve", "t", "b"));
    let no = |world: &mut World, path: &str, status| {
        world.fault(
            "GET",
            path,
            false,
            Told::json(status, &serde_json::json!({ "message": "no" })),
        );
    };
    let yes = |world: &mut World, path: &str| {
        world.fault("GET", path, false, Told::text(204, "text/plain", ""));
    };
    let asked = || client(&forge).issue(&reference(7)).unwrap().association;
    no(&mut forge.world(), "/eve/permission", 403);
    assert_eq!(asked(), Association::Unknown);
    no(&mut forge.world(), "/eve/permission", 403);
    yes(&mut forge.world(), "/collaborators/eve");
    assert_eq!(asked(), Association::Collaborator);
    no(&mut forge.world(), "/eve/permission", 403);
    no(&mut forge.world(), "/collaborators/eve", 404);
    yes(&mut forge.world(), "/orgs/team/members/eve");
    assert_eq!(asked(), Association::Member);
    // What breaks on the way is no answer.
    no(&mut forge.world(), "/eve/permission", 500);
    no(&mut forge.world(), "/eve/permission", 500);
    assert_eq!(client(&forge).issue(&reference(7)).unwrap_err().slug(), "forge-broken");
}

#[test]
fn of_many_comments_the_last_are_read_and_all_are_counted() {
    each(|forge, tracker| {
        change(forge, |issue| {
            issue.words = (0..105).map(|nth| ("ada".to_owned(), format!("word {nth}"))).collect();
        });
        let issue = tracker.issue(&reference(7)).unwrap();
        assert_eq!((issue.comments.len(), issue.said), (COMMENTS, 105));
        assert_eq!(issue.comments[0].text, "word 85");
        assert_eq!(issue.comments.last().unwrap().text, "word 104");
        assert!(issue.comments.iter().all(|said| said.association == Association::Collaborator));
    });
}

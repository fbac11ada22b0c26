use std::fs;

use super::*;

/// A list with one task in it, and its UUID; none where there is no Taskwarrior, which is said.
#[expect(clippy::print_stderr, reason = "what is left out is said")]
pub(in crate::tracker) fn list() -> Option<(tempfile::TempDir, Taskwarrior, String)> {
    let program = PathBuf::from("/usr/bin/task");
    // Another program is called so, too.
    let version = Program::new(&program).arg("--version").output();
    if !version.is_ok_and(|said| said.stdout.starts_with(b"2.") || said.stdout.starts_with(b"3.")) {
        eprintln!("skipped: Taskwarrior as a tracker (task is not installed)");
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let (rc, data) = (dir.path().join("rc"), dir.path().join("data"));
    fs::create_dir(&data).unwrap();
    let text = format!("data.location={}\n", data.display());
    skep_host::paths::write_atomically(&rc, text.as_bytes()).unwrap();
    let list = List { program, rc, hooks: data.join("hooks"), data };
    let vars = [("HOME".to_owned(), dir.path().display().to_string())].into();
    let tracker = Taskwarrior::new(list, &vars);
    let words = ["rc.confirmation=off", "add", "+slow", "Count the pages"];
    let added = Program::new(&tracker.list.program)
        .args(words)
        .env("HOME", dir.path())
        .env("TASKRC", &tracker.list.rc)
        .env("TASKDATA", &tracker.list.data)
        .output()
        .unwrap();
    assert_eq!(added.code(), 0, "{}", added.complaint());
    let uuid = Program::new(&tracker.list.program)
        .args(["rc.verbose=nothing", "_uuids"])
        .env("HOME", dir.path())
        .env("TASKRC", &tracker.list.rc)
        .env("TASKDATA", &tracker.list.data)
        .output()
        .unwrap();
    let uuid = String::from_utf8(uuid.stdout).unwrap().trim().to_owned();
    Some((dir, tracker, uuid))
}

#[test]
fn a_task_is_an_issue_of_its_persons_whose_words_states_and_tags_are_taskwarriors() {
    let Some((_dir, tracker, uuid)) = list() else { return };
    let short = Reference::Task { uuid: uuid[..8].to_owned() };
    let issue = tracker.issue(&short).unwrap();
    assert_eq!(issue.reference, Reference::Task { uuid: uuid.clone() }, "in its own words");
    assert_eq!(
        (issue.title.as_str(), issue.open, issue.state.as_str()),
        ("Count the pages", true, "pending")
    );
    assert_eq!(
        (issue.labels.as_slice(), issue.association),
        (&["slow".to_owned()][..], Association::Owner)
    );
    for _ in 0..2 {
        tracker
            .comment(&short, "-- rc.data.location=/x\n+urgent \"quoted\" $(id)", "run_a/1")
            .unwrap();
    }
    tracker.comment(&short, "again", "run_a/2").unwrap();
    let issue = tracker.issue(&short).unwrap();
    assert_eq!(issue.said, 2, "{issue:?}");
    assert!(
        issue.comments[0].text.starts_with("-- rc.data.location=/x +urgent \"quoted\" $(id)"),
        "{issue:?}"
    );
    assert_eq!(issue.labels, ["slow"], "words are words");
    for status in [Status::InProgress, Status::InProgress, Status::Blocked] {
        tracker.set_status(&short, status).unwrap();
        let mut labels = tracker.issue(&short).unwrap().labels;
        labels.sort();
        assert_eq!(labels, {
            let spelt_otherwise = status.as_str().replacen('_', ":", 1);
            let mut all = vec!["slow".to_owned(), status.as_str().to_owned(), spelt_otherwise];
            all.sort_unstable();
            all.dedup();
            all
        });
    }
    for (status, open) in [(Status::Closed, false), (Status::Closed, false), (Status::Open, true)] {
        tracker.set_status(&short, status).unwrap();
        let issue = tracker.issue(&short).unwrap();
        assert_eq!(
            (issue.open, issue.state.as_str()),
            (open, if open { "pending" } else { "completed" })
        );
    }
}

#[test]
fn control_characters_and_bytes_that_are_no_text_keep_no_task_from_being_read() {
    let Some((_dir, tracker, uuid)) = list() else { return };
    let reference = Reference::Task { uuid: uuid.clone() };
    tracker.call(&["rc.bulk=0"], &uuid, &["annotate", "--", "it \u{1b}[31mhurts \\ud800"]).unwrap();
    let issue = tracker.issue(&reference).unwrap();
    assert!(issue.comments[0].text.starts_with("it  [31mhurts \u{fffd}"), "{issue:?}");
}

#[test]
fn a_task_that_was_deleted_stays_deleted_until_it_is_opened() {
    let Some((_dir, tracker, uuid)) = list() else { return };
    let reference = Reference::Task { uuid: uuid.clone() };
    tracker.call(&["rc.bulk=0"], &uuid, &["delete"]).unwrap();
    for status in [Status::InProgress, Status::NeedsReview, Status::Blocked, Status::Closed] {
        tracker.set_status(&reference, status).unwrap();
        let issue = tracker.issue(&reference).unwrap();
        assert_eq!(
            (issue.state.as_str(), issue.labels.as_slice()),
            ("deleted", &["slow".to_owned()][..])
        );
    }
    tracker.set_status(&reference, Status::Open).unwrap();
    assert!(tracker.issue(&reference).unwrap().open);
}

#[test]
fn a_task_that_is_not_there_is_told_by_its_type_and_another_trackers_is_not_asked_for() {
    let Some((_dir, tracker, _)) = list() else { return };
    let none = tracker.issue(&Reference::Task { uuid: "00000000".to_owned() }).unwrap_err();
    assert!(matches!(none, TrackerError::NoIssue { .. }), "{none:?}");
    let elsewhere = Reference::Folder { folder: "notes".to_owned(), file: "slow".to_owned() };
    assert!(matches!(tracker.issue(&elsewhere), Err(TrackerError::Elsewhere { .. })));
    let gone = List { program: "/nowhere/task".into(), ..tracker.list.clone() };
    let gone = Taskwarrior::new(gone, &BTreeMap::new());
    let silent = gone.issue(&Reference::Task { uuid: "00000000".to_owned() }).unwrap_err();
    assert!(matches!(silent, TrackerError::Program { .. }), "unknown is not no: {silent:?}");
}

use skep_core::said::{Said, TurnResult};

use super::*;

const AT: Timestamp = Timestamp(1_764_000_000_000);

fn words(text: &str) -> Entry {
    Entry::Output { text: text.to_owned() }
}

fn read(dir: &Path, file: &str) -> Vec<Line> {
    let text = fs::read_to_string(dir.join(file)).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// A file that can be read but not written, as one on a full disk.
fn unwritable(dir: &Path) -> File {
    File::open(dir.join("reports.jsonl")).unwrap()
}

#[test]
fn a_torn_last_line_is_ended_by_the_next_opener_and_the_numbers_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut reports = Reports::open(dir.path()).unwrap();
    reports.add(AT, words("first"));
    drop(reports);
    let path = dir.path().join("reports.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"line\":2,\"at\":\"2026-11");
    paths::write_atomically(&path, text.as_bytes()).unwrap();
    let mut reports = Reports::open(dir.path()).unwrap();
    reports.add(AT, words("second"));
    let lines = read(dir.path(), "reports.jsonl");
    assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(lines[1].entry, words("second"));
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3, "the torn line stands alone");
}

#[test]
fn a_report_that_cannot_be_written_waits_and_comes_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let mut reports = Reports::open(dir.path()).unwrap();
    reports.add(AT, words("first"));
    let good = std::mem::replace(&mut reports.lines.file, unwritable(dir.path()));
    reports.add(AT, words("second"));
    reports.add(AT, words("third"));
    assert!(reports.is_waiting() && !reports.flush());
    reports.lines.file = good;
    assert!(reports.flush() && !reports.is_waiting());
    let lines = read(dir.path(), "reports.jsonl");
    let texts: Vec<_> = lines.into_iter().map(|line| (line.line, line.entry)).collect();
    assert_eq!(texts, [(1, words("first")), (2, words("second")), (3, words("third"))]);
}

#[test]
fn a_journal_beyond_its_size_counts_and_still_says_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(dir.path(), 500).unwrap();
    for _ in 0..100 {
        journal.add(AT, &words("some words or other"));
    }
    let kept = journal.lines();
    assert!(kept < 100 && fs::metadata(dir.path().join("journal.jsonl")).unwrap().len() <= 500);
    journal.close(AT, &words("the end"));
    let lines = read(dir.path(), "journal.jsonl");
    assert_eq!(
        lines.iter().map(|line| line.line).collect::<Vec<_>>(),
        (1..=kept + 2).collect::<Vec<_>>()
    );
    let Entry::Dropped { lines: dropped, bytes, .. } = &lines[lines.len() - 2].entry else {
        panic!("{lines:?}")
    };
    assert!(*dropped == 100 - kept && *bytes > *dropped);
    assert_eq!(lines[lines.len() - 1].entry, words("the end"));
}

#[test]
fn a_journal_that_could_not_be_written_for_a_while_says_so_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    fs::File::create(dir.path().join("reports.jsonl")).unwrap();
    let mut journal = Journal::open(dir.path(), 1 << 20).unwrap();
    journal.add(AT, &words("before"));
    journal.flush();
    let good = std::mem::replace(&mut journal.lines.file, unwritable(dir.path()));
    journal.add(AT, &words("lost"));
    journal.add(AT, &words("lost too"));
    journal.flush();
    journal.lines.file = good;
    journal.add(AT, &words("after"));
    journal.flush();
    let entries: Vec<Entry> =
        read(dir.path(), "journal.jsonl").into_iter().map(|line| line.entry).collect();
    assert_eq!((&entries[0], &entries[2]), (&words("before"), &words("after")));
    assert!(matches!(&entries[1], Entry::Dropped { lines: 2, .. }), "{entries:?}");
}

#[test]
fn an_exit_is_read_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read_exit(dir.path()), None);
    let exit = Exit {
        code: 137,
        signal: Some(9),
        started: AT,
        ended: AT,
        forced: true,
        let_go: false,
        error: None,
        spared: vec!["gpg-agent (7)".to_owned()],
        git: None,
    };
    write_exit(dir.path(), &exit).unwrap();
    assert_eq!(read_exit(dir.path()), Some(exit));
}

#[test]
fn a_line_without_its_secrets_still_reads_whatever_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = [
        ("LONG", "Zq7vT2mXw9LkP4sRb8Nc3HfY6dJg1Ae5"),
        ("OURS", "turn_ended"),
        ("ODD", "a\"b\\c\n{}"),
    ];
    let redactor = Arc::new(Redactor::new(secrets, &[]));
    let mut journal = Journal::open(dir.path(), 1 << 20).unwrap().without(&redactor);
    let mut reports = Reports::open(dir.path()).unwrap().without(&redactor);
    for (_, value) in secrets {
        let text = format!("it is {value}");
        let entry = Entry::Agent(Said::TurnEnded { result: TurnResult::Success, text });
        journal.add(AT, &entry);
        reports.add(AT, entry);
    }
    journal.flush();
    for file in ["journal.jsonl", "reports.jsonl"] {
        let lines = read(dir.path(), file);
        let said: Vec<String> = lines
            .iter()
            .map(|line| match &line.entry {
                Entry::Agent(Said::TurnEnded { text, .. }) => text.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        let shown = ["LONG", "OURS", "ODD"].map(|name| format!("it is ‹secret {name}›"));
        assert_eq!(said, shown, "{file}");
        assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 2, 3]);
    }
}

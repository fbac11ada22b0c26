use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use super::*;
use crate::schema::{Fault, Retry};

const NOW: &str = "2026-11-20T11:43:00.123Z";
const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn numbers_have_no_gap_and_follow_the_order_of_the_batch() {
    let (_home, mut ledger) = begun();
    let committed = ledger.commit(&batch([fed("a", 2), fed("b", 1)])).unwrap();
    assert_eq!(committed, Committed { first: 1, last: 3 });
    assert_eq!(ledger.commit(&batch([fed("c", 3)])).unwrap(), Committed { first: 4, last: 6 });
    let read = ledger.read(1, 100).unwrap();
    let told: Vec<_> =
        read.iter().map(|record| (record.seq, record.key.as_str(), record.kind.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "a", "e0"),
            (2, "a", "e1"),
            (3, "b", "e0"),
            (4, "c", "e0"),
            (5, "c", "e1"),
            (6, "c", "e2")
        ]
    );
    assert_eq!(ledger.last().unwrap(), 6);
}

#[test]
fn a_refused_batch_leaves_no_trace_and_no_gap() {
    let (_home, mut ledger) = begun();
    ledger.commit(&batch([asking("a", &["one"])])).unwrap();
    let mut torn = fed("t", 2);
    torn.events[1].body = "{".to_owned();
    let mut backwards = fed("f", 1);
    backwards.events[0].cause = Some(4);
    let mut unheard_of = fed("u", 1);
    unheard_of.events[0].cause = Some(99);
    for (case, last) in [
        ("a key taken before", fed("a", 1)),
        ("a key that stands twice", fed("b", 1)),
        ("an effect asked for before", asking("c", &["two", "one"])),
        ("no event", Fed { key: "d".to_owned(), ..Fed::default() }),
        ("a body that is no JSON", torn),
        ("an empty key", fed("", 1)),
        ("a cause that comes later", backwards),
        ("a cause that is not there", unheard_of),
    ] {
        ledger
            .commit(&batch([asking("b", &["three"]), fed("effect/one", 1), last]))
            .expect_err(case);
        assert_eq!(ledger.last().unwrap(), 1, "{case}");
        assert_eq!(ledger.seen("b").unwrap(), None, "{case}");
        assert_eq!(open_effects(&ledger), ["one"], "{case}");
    }
    assert_eq!(ledger.commit(&batch([fed("b", 1)])).unwrap().first, 2);
    assert_eq!(ledger.integrity().unwrap(), Vec::<String>::new());
}

#[test]
fn a_second_arrival_is_refused_and_finds_the_first_ones_answer() {
    let (home, mut ledger) = begun();
    ledger
        .commit(&batch([
            fed("x", 1),
            Fed { answer: Some(r#"{"run":"r"}"#.to_owned()), ..fed("req", 2) },
        ]))
        .unwrap();
    let again = ledger.commit(&batch([fed("y", 1), fed("req", 1)])).unwrap_err();
    assert!(matches!(&again, LedgerError::Seen { key } if key == "req"), "{again:?}");
    drop(ledger);
    let ledger = Ledger::open(&home.path().join("ledger.db"), NOW).unwrap();
    assert_eq!(
        ledger.seen("req").unwrap(),
        Some(Seen { seq: 2, answer: Some(r#"{"run":"r"}"#.to_owned()) })
    );
    assert_eq!(ledger.seen("x").unwrap(), Some(Seen { seq: 1, answer: None }));
    assert_eq!(ledger.seen("y").unwrap(), None);
}

#[test]
fn a_cause_that_is_not_given_is_the_effect_that_reports_or_the_inputs_first_event() {
    let (_home, mut ledger) = begun();
    ledger.commit(&batch([fed("wish", 1)])).unwrap();
    ledger.commit(&batch([asking("wish 2", &["prepare"])])).unwrap();
    let mut told = fed("told", 2);
    told.events[1].cause = Some(1);
    ledger.commit(&batch([fed("effect/prepare", 3), told])).unwrap();
    let causes: Vec<_> = ledger.read(1, 100).unwrap().iter().map(|record| record.cause).collect();
    assert_eq!(causes, [None, None, Some(2), Some(3), Some(3), None, Some(1)]);
}

#[test]
fn what_names_no_subject_has_that_of_its_input() {
    let (_home, mut ledger) = begun();
    let mut input = asking("a", &["one", "two"]);
    input.subject = "run_a".to_owned();
    input.events.push(NewEvent { subject: "task_b".to_owned(), ..input.events[0].clone() });
    input.effects[1].subject = "task_c".to_owned();
    ledger.commit(&batch([input])).unwrap();
    let events: Vec<_> =
        ledger.read(1, 9).unwrap().into_iter().map(|record| record.subject).collect();
    assert_eq!(events, ["run_a", "task_b"]);
    let effects: Vec<_> =
        ledger.outbox().unwrap().into_iter().map(|effect| effect.subject).collect();
    assert_eq!(effects, ["run_a", "task_c"]);
}

#[test]
fn an_effect_stays_in_the_outbox_until_its_report_arrives() {
    let (home, mut ledger) = begun();
    ledger.commit(&batch([asking("a", &["one", "two/sub"]), asking("b", &["three"])])).unwrap();
    assert_eq!(open_effects(&ledger), ["one", "two/sub", "three"]);
    ledger
        .commit(&batch([fed("effect/two/sub", 1), fed("two", 1), fed("effect/unknown", 1)]))
        .unwrap();
    assert_eq!(open_effects(&ledger), ["one", "three"]);
    let both = [asking("c", &["four"]), fed("effect/four", 1), fed("effect/one", 1)];
    ledger.commit(&batch(both)).unwrap();
    assert_eq!(open_effects(&ledger), ["three"]);
    drop(ledger);
    let ledger = Ledger::open(&home.path().join("ledger.db"), NOW).unwrap();
    assert_eq!(open_effects(&ledger), ["three"]);
    assert_eq!(ledger.integrity().unwrap(), Vec::<String>::new());
}

#[test]
fn a_report_that_comes_before_its_effect_does_not_count_as_done() {
    let (_home, mut ledger) = begun();
    ledger.commit(&batch([fed("effect/early", 1), asking("a", &["early"])])).unwrap();
    assert_eq!(open_effects(&ledger), ["early"]);
    assert_eq!(ledger.integrity().unwrap(), Vec::<String>::new());
    ledger.rebuild().unwrap();
    assert_eq!(open_effects(&ledger), ["early"]);
}

#[test]
fn what_is_derived_is_the_same_when_rebuilt_from_any_history() {
    let (_home, mut ledger) = begun();
    let mut work = Work::new(7);
    for _ in 0..60 {
        ledger.commit(&work.batch(&ledger)).unwrap();
    }
    let (outbox, answers) = (ledger.outbox().unwrap(), answers(&ledger));
    assert!(outbox.len() > 5 && answers.len() > 60, "{} {}", outbox.len(), answers.len());
    ledger
        .db
        .execute_batch("DELETE FROM outbox; INSERT INTO outbox SELECT number FROM effect")
        .unwrap();
    assert_ne!(ledger.outbox().unwrap(), outbox);
    ledger.rebuild().unwrap();
    assert_eq!(ledger.outbox().unwrap(), outbox);
    assert_eq!(self::answers(&ledger), answers);
    assert_eq!(ledger.integrity().unwrap(), Vec::<String>::new());
}

#[test]
fn an_epoch_grows_with_each_start_even_if_nothing_was_committed_in_it() {
    let (home, mut ledger) = begun();
    let path = home.path().join("ledger.db");
    assert_eq!(ledger.begin_epoch(NOW).unwrap(), 2);
    drop(ledger);
    let mut ledger = Ledger::open(&path, NOW).unwrap();
    assert!(matches!(ledger.commit(&batch([fed("a", 1)])), Err(LedgerError::NoEpoch)));
    assert_eq!(ledger.begin_epoch(NOW).unwrap(), 3);
    ledger.commit(&batch([fed("a", 1)])).unwrap();
    assert_eq!(ledger.read(1, 1).unwrap()[0].epoch, 3);
}

#[test]
fn a_follower_reads_what_is_committed_while_the_writer_goes_on() {
    let (home, mut ledger) = begun();
    let reader = Reader::open(&home.path().join("ledger.db")).unwrap();
    assert_eq!(reader.last().unwrap(), 0);
    ledger.commit(&batch([fed("a", 2)])).unwrap();
    assert_eq!(reader.read(1, 10).unwrap(), ledger.read(1, 10).unwrap());
    ledger.commit(&batch([fed("b", 1)])).unwrap();
    assert_eq!(reader.read(3, 10).unwrap().len(), 1);
    assert_eq!(reader.last().unwrap(), 3);
    assert!(reader.db.execute_batch("INSERT INTO epoch VALUES (9, 'x')").is_err());
}

#[test]
fn a_copy_made_in_use_opens_with_everything_and_replaces_nothing() {
    let (home, mut ledger) = begun();
    let copy = home.path().join("copy.db");
    ledger.commit(&batch([asking("a", &["one", "two"]), fed("effect/one", 2)])).unwrap();
    ledger.copy_to(&copy).unwrap();
    ledger.commit(&batch([fed("b", 1)])).unwrap();
    assert!(matches!(ledger.copy_to(&copy), Err(LedgerError::Io { .. })));
    let copied = Ledger::open(&copy, NOW).unwrap();
    assert_eq!(copied.read(1, 100).unwrap(), ledger.read(1, 3).unwrap());
    assert_eq!(copied.outbox().unwrap(), ledger.outbox().unwrap());
    assert_eq!(copied.integrity().unwrap(), Vec::<String>::new());
    assert!(!home.path().join("copy.db.part").exists());
}

#[test]
fn a_full_disk_is_told_and_costs_nothing_that_was_committed() {
    let (_home, mut ledger) = begun();
    ledger.commit(&batch([asking("a", &["one"])])).unwrap();
    let pages: i64 = ledger.db.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    ledger.db.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(())).unwrap();
    let mut big = fed("big", 1);
    big.events[0].body = format!("\"{}\"", "x".repeat(100_000));
    let full = ledger.commit(&batch([fed("effect/one", 1), big.clone()])).unwrap_err();
    assert!(matches!(full, LedgerError::DiskFull { .. }), "{full:?}");
    assert_eq!(
        (full.slug(), full.fault(), full.retry()),
        ("disk-full", Fault::Environment, Retry::After(5_000))
    );
    assert_eq!((ledger.last().unwrap(), open_effects(&ledger)), (1, vec!["one".to_owned()]));
    ledger.db.query_row("PRAGMA max_page_count = 100000", [], |_| Ok(())).unwrap();
    assert_eq!(
        ledger.commit(&batch([fed("effect/one", 1), big])).unwrap(),
        Committed { first: 2, last: 3 }
    );
    assert_eq!(ledger.integrity().unwrap(), Vec::<String>::new());
}

#[test]
fn a_writer_that_never_lets_go_is_told_as_busy() {
    let (home, mut ledger) = begun();
    let other = Connection::open(home.path().join("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    ledger.db.busy_timeout(Duration::from_millis(20)).unwrap();
    let busy = ledger.commit(&batch([fed("a", 1)])).unwrap_err();
    assert!(matches!(busy, LedgerError::Busy { .. }), "{busy:?}");
    assert_eq!(busy.retry(), Retry::After(100));
    other.execute_batch("ROLLBACK").unwrap();
    ledger.commit(&batch([fed("a", 1)])).unwrap();
}

#[test]
fn the_reserve_is_really_there_given_up_and_put_by_again() {
    use std::os::unix::fs::MetadataExt;
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("reserve");
    let mut reserve = Reserve::hold(home.path(), 1 << 20).unwrap();
    let stands = std::fs::metadata(&file).unwrap();
    assert!(
        reserve.held() && stands.len() == 1 << 20 && stands.blocks() * 512 >= 1 << 20,
        "{stands:?}"
    );
    assert_eq!(stands.mode() & 0o777, 0o600);
    reserve.give_up().unwrap();
    reserve.give_up().unwrap();
    assert!(!reserve.held() && !file.exists());
    assert!(reserve.hold_again().unwrap());
    drop(reserve);
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(5).unwrap();
    assert!(Reserve::hold(home.path(), 1 << 20).unwrap().held());
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 1 << 20);
}

#[test]
fn kill_nine_at_any_moment_loses_nothing_that_was_acknowledged_and_tears_nothing() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ledger.db");
    let mut chance = Chance(1);
    let mut last = 0;
    for round in 0..25 {
        let mut writer = Writer::start(&path, usize::MAX);
        assert_eq!(writer.next_ack(), 0);
        let mut acknowledged = 0;
        for _ in 0..=chance.below(12) {
            acknowledged = writer.next_ack();
        }
        if let Ok(ack) = writer.acks.recv_timeout(Duration::from_micros(chance.below(3000))) {
            acknowledged = ack;
        }
        let acknowledged = writer.kill().max(acknowledged);
        let ledger = Ledger::open(&path, NOW).unwrap();
        assert_eq!(ledger.integrity().unwrap(), Vec::<String>::new(), "round {round}");
        assert!(ledger.last().unwrap() >= acknowledged && acknowledged > last, "round {round}");
        assert_whole_batches(&ledger);
        last = acknowledged;
    }
    let mut ledger = Ledger::open(&path, NOW).unwrap();
    let (outbox, answers) = (ledger.outbox().unwrap(), answers(&ledger));
    ledger.rebuild().unwrap();
    assert_eq!((ledger.outbox().unwrap(), self::answers(&ledger)), (outbox, answers));
}

#[test]
fn kill_nine_while_a_ledger_is_made_leaves_none_or_a_whole_one() {
    let mut chance = Chance(2);
    for round in 0..25 {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("ledger.db");
        let mut writer = Writer::start(&path, usize::MAX);
        // The process says when it is about to begin, so that the kill falls into the making.
        assert_eq!(writer.next_ack(), 0);
        match writer.acks.recv_timeout(Duration::from_micros(chance.below(12_000))) {
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the writer ended by itself"),
        }
        let acknowledged = writer.kill();
        let mut ledger = Ledger::open(&path, NOW).unwrap();
        assert!(ledger.last().unwrap() >= acknowledged, "round {round}");
        ledger.begin_epoch(NOW).unwrap();
        ledger.commit(&batch([fed("after", 1)])).unwrap();
        assert_eq!(ledger.integrity().unwrap(), Vec::<String>::new(), "round {round}");
    }
}

#[test]
fn eight_processes_that_append_at_once_share_one_sequence_without_gap() {
    let (home, ledger) = begun();
    let path = home.path().join("ledger.db");
    let writers: Vec<_> = (0..8).map(|_| Writer::start(&path, 20)).collect();
    for mut writer in writers {
        let mut acks = 0;
        while writer.next_ack() != u64::MAX {
            acks += 1;
        }
        assert_eq!(acks, 20 + 1);
        assert!(writer.child.wait().unwrap().success());
    }
    assert_eq!(ledger.integrity().unwrap(), Vec::<String>::new());
    let records = ledger.read(1, usize::MAX).unwrap();
    let numbers: Vec<_> = records.iter().map(|record| record.seq).collect();
    assert_eq!(numbers, (1..=ledger.last().unwrap()).collect::<Vec<_>>());
    let epochs: BTreeSet<_> = records.iter().map(|record| record.epoch).collect();
    assert_eq!(epochs.len(), 8);
    assert_whole_batches(&ledger);
}

/// The body of the processes that the tests above start and kill; by itself it has nothing to do.
#[test]
fn a_process_that_is_told_to_writes_until_it_is_killed() {
    let Some((path, rounds)) = told() else { return };
    say(0);
    let mut ledger = Ledger::open(&path, NOW).unwrap();
    let epoch = ledger.begin_epoch(NOW).unwrap();
    let mut work = Work::new(epoch);
    for _ in 0..rounds {
        let committed = ledger.commit(&work.batch(&ledger)).unwrap();
        say(committed.last);
    }
    say(u64::MAX);
}

fn begun() -> (TempDir, Ledger) {
    let home = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&home.path().join("ledger.db"), NOW).unwrap();
    assert_eq!(ledger.begin_epoch(NOW).unwrap(), 1);
    (home, ledger)
}

fn batch(inputs: impl IntoIterator<Item = Fed>) -> Batch {
    Batch { inputs: inputs.into_iter().collect() }
}

fn fed(key: &str, events: usize) -> Fed {
    let event =
        |n| NewEvent { kind: format!("e{n}"), body: "{}".to_owned(), ..NewEvent::default() };
    Fed {
        key: key.to_owned(),
        subject: "run_a".to_owned(),
        source: "test".to_owned(),
        at: NOW.to_owned(),
        events: (0..events).map(event).collect(),
        ..Fed::default()
    }
}

fn asking(key: &str, effects: &[&str]) -> Fed {
    let effect = |id: &&str| NewEffect {
        id: (*id).to_owned(),
        kind: "start".to_owned(),
        body: "{}".to_owned(),
        ..NewEffect::default()
    };
    Fed { effects: effects.iter().map(effect).collect(), ..fed(key, 1) }
}

fn open_effects(ledger: &Ledger) -> Vec<String> {
    ledger.outbox().unwrap().into_iter().map(|effect| effect.id).collect()
}

fn answers(ledger: &Ledger) -> Vec<(String, Seen)> {
    let keys: BTreeSet<String> =
        ledger.read(1, usize::MAX).unwrap().into_iter().map(|record| record.key).collect();
    keys.into_iter().map(|key| (key.clone(), ledger.seen(&key).unwrap().unwrap())).collect()
}

/// Each batch of [`Work`] says in its events how many it has; a part of one would show.
fn assert_whole_batches(ledger: &Ledger) {
    let records = ledger.read(1, usize::MAX).unwrap();
    let mut rest = records.as_slice();
    while let Some(first) = rest.first() {
        let whole: usize = first.body.parse().unwrap();
        assert!(rest.len() >= whole, "the batch at {} is torn", first.seq);
        let (one, after) = rest.split_at(whole);
        let name = |record: &Record| record.key.rsplit_once('/').map(|(batch, _)| batch.to_owned());
        for record in one.iter().filter(|record| !record.key.starts_with("effect/")) {
            assert_eq!((name(record), &record.body), (name(first), &first.body));
        }
        rest = after;
    }
}

/// Cheap numbers that look random and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Batches as an engine would feed them: wishes that ask for effects, and reports of effects that wait.
struct Work {
    chance: Chance,
    epoch: u64,
    turn: u64,
}

impl Work {
    fn new(epoch: u64) -> Work {
        Work { chance: Chance(epoch), epoch, turn: 0 }
    }

    fn batch(&mut self, ledger: &Ledger) -> Batch {
        self.turn += 1;
        let mut inputs = Vec::new();
        for n in 0..1 + self.chance.below(4) {
            let key = format!("{}/{}/{n}", self.epoch, self.turn);
            let ids: Vec<_> =
                (0..self.chance.below(3)).map(|effect| format!("{key}-{effect}")).collect();
            let mut input = asking(&key, &ids.iter().map(String::as_str).collect::<Vec<_>>());
            input.events = fed(&key, 1 + usize::try_from(self.chance.below(3)).unwrap()).events;
            input.answer = Some(format!("\"{key}\""));
            inputs.push(input);
        }
        // Only its own effects: beside seven others of its kind it must not report one twice.
        let own = format!("{}/", self.epoch);
        let waiting = open_effects(ledger).into_iter().filter(|id| id.starts_with(&own));
        inputs.extend(
            waiting.filter(|_| self.chance.below(3) > 0).map(|id| fed(&format!("effect/{id}"), 1)),
        );
        let events: usize = inputs.iter().map(|input| input.events.len()).sum();
        for event in inputs.iter_mut().flat_map(|input| &mut input.events) {
            event.body = events.to_string();
        }
        Batch { inputs }
    }
}

/// Another process that writes to the same ledger.
struct Writer {
    child: Child,
    acks: Receiver<u64>,
}

impl Writer {
    fn start(path: &Path, rounds: usize) -> Writer {
        let mut child = skep_host::proc::command(std::env::current_exe().unwrap())
            .args(["--exact", "ledger::tests::a_process_that_is_told_to_writes_until_it_is_killed"])
            .args(["--nocapture", "--test-threads=1"])
            .env_clear()
            .env("LEDGER_TEST_PATH", path)
            .env("LEDGER_TEST_ROUNDS", rounds.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (to, acks) = mpsc::channel();
        thread::spawn(move || {
            for ack in
                lines.map_while(Result::ok).filter_map(|line| line.strip_prefix('@')?.parse().ok())
            {
                // The test may have what it wanted.
                let _heard = to.send(ack);
            }
        });
        Writer { child, acks }
    }

    fn next_ack(&mut self) -> u64 {
        self.acks.recv_timeout(DEADLINE).expect("the writer says something before the deadline")
    }

    /// Kills it as it writes, and returns the last thing it acknowledged since it was last heard.
    fn kill(mut self) -> u64 {
        self.child.kill().unwrap();
        assert_eq!(
            self.child.wait().unwrap().signal(),
            Some(9),
            "it was to be killed while it wrote"
        );
        self.acks.iter().max().unwrap_or(0)
    }
}

#[expect(clippy::disallowed_methods, reason = "so a process of these tests learns that it is one")]
fn told() -> Option<(PathBuf, usize)> {
    let path = std::env::var_os("LEDGER_TEST_PATH")?;
    Some((path.into(), std::env::var("LEDGER_TEST_ROUNDS").ok()?.parse().ok()?))
}

/// One line, whole, whatever the test harness wrote before it.
fn say(ack: u64) {
    let mut out = io::stdout().lock();
    out.write_all(format!("\n@{ack}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

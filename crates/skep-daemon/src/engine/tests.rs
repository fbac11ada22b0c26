use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Sender},
    },
    thread,
};

use skep_core::{
    fleet::{Fleet, Input, Naming},
    id::RunId,
    run::{self, Brief, Claims, EnvType, Kind, Permissions, Place, Policy, Surface},
    time::Timestamp,
};
use skep_ledger::{Ledger, Reader, Reserve};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const CLOCK: fn() -> Reading = || Reading { wall: NOW, steady: Duration::ZERO };

/// An engine on a real ledger, with what it gave to be performed.
struct Bench {
    inbox: Sender<Inbox>,
    board: Arc<Board>,
    due: Arc<Mutex<Vec<Due>>>,
    serving: thread::JoinHandle<Result<(), EngineError>>,
}

impl Bench {
    fn open(dir: &Path) -> (Bench, Vec<Due>) {
        Bench::by(dir, CLOCK)
    }

    fn by(dir: &Path, clock: fn() -> Reading) -> (Bench, Vec<Due>) {
        let mut ledger = Ledger::open(&dir.join("ledger.db"), &NOW.to_string()).unwrap();
        ledger.begin_epoch(&NOW.to_string()).unwrap();
        let reserve = Reserve::hold(dir, 4096).unwrap();
        let board = Arc::new(Board::default());
        let due = Arc::new(Mutex::new(Vec::new()));
        let (inbox, incoming) = mpsc::channel();
        let (reader, taken) = (dir.join("ledger.db"), Arc::clone(&due));
        let perform = Box::new(move |given: Vec<Due>| {
            // What is performed is durable: another reader of the file finds it asked for.
            let last = Reader::open(&reader).unwrap().last().unwrap();
            assert!(last > 0);
            taken.lock().unwrap().extend(given);
        });
        let engine = Engine::open(ledger, reserve, clock, Arc::clone(&board), perform).unwrap();
        let left = engine.left_over().unwrap();
        let serving = thread::spawn(move || engine.serve(&incoming));
        (Bench { inbox, board, due, serving }, left)
    }

    fn wish(&self, key: &str, input: Input) -> Reply {
        let (reply, answer) = mpsc::channel();
        let (key, source) = (key.to_owned(), "person".to_owned());
        self.inbox.send(Inbox::Wish { key, source, input: Box::new(input), reply }).unwrap();
        answer.recv().unwrap()
    }

    /// Feeds a report and waits until a wish behind it is answered.
    fn report(&self, key: &str, input: Input) {
        let (key, source) = (key.to_owned(), "run_0000000001".to_owned());
        self.inbox.send(Inbox::Report { key, source, input: Box::new(input) }).unwrap();
        self.wish("barrier", Input::RemoveProject { name: "none".to_owned() }).unwrap_err();
    }

    fn close(self) -> Fleet {
        self.inbox.send(Inbox::Close).unwrap();
        self.serving.join().unwrap().unwrap();
        self.board.read().fleet.as_ref().clone()
    }
}

fn id() -> RunId {
    "run_0000000001".parse().unwrap()
}

fn create() -> Input {
    let brief = Box::new(Brief {
        id: id(),
        name: String::new(),
        kind: Kind::Code,
        task: None,
        title: "a title".to_owned(),
        project: None,
        by: "person".to_owned(),
        agent: "scripted".to_owned(),
        speaks: true,
        model: None,
        account: None,
        logins: skep_core::run::Logins::default(),
        surface: Surface::Headless,
        permissions: Permissions::Auto,
        part: None,
        place: Place {
            reads: Vec::new(),
            env_type: EnvType::Directory,
            envs: "/nowhere".to_owned(),
            key: "abcdefghijkl".to_owned(),
            repository: None,
            sub_dir: String::new(),
            base: None,
            target: None,
            branches: Vec::new(),
            exact_branch: false,
            detached: None,
            copy: Vec::new(),
            link: Vec::new(),
            discard: Vec::new(),
            set_up: None,
            hooks: run::Hooks::default(),
            fetch_ms: 0,
            sign: false,
            guide: skep_core::guide::Guide::default(),
        },
        policy: Policy::default(),
        supersedes: None,
        foreman: false,
        within: None,
        gate: None,
        needs: Vec::new(),
        adopted: None,
        hears: skep_core::run::Hears::default(),
        fallback: None,
        budget: skep_core::budget::Budget::default(),
        prices: Vec::new(),
        trust: skep_core::run::Trust::Person,
        posture: skep_core::run::Posture::Headless,
        issue: None,
        claims: Claims::default(),
        lineage: None,
        seed: String::new(),
    });
    Input::Create { brief, naming: Naming::Project }
}

fn of_run(input: run::Input) -> Input {
    Input::Run { run: id(), input }
}

#[test]
fn a_wish_that_comes_twice_gets_the_first_answer_and_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (bench, _) = Bench::open(dir.path());
    let first = bench.wish("wish/1", create()).unwrap();
    let again = bench.wish("wish/1", create()).unwrap();
    assert!(again <= first);
    assert_eq!(bench.due.lock().unwrap().len(), 1);
    assert_eq!(bench.close().runs.len(), 1);
}

#[test]
fn an_effect_stays_in_the_outbox_until_it_is_reported_done() {
    let dir = tempfile::tempdir().unwrap();
    let (bench, left) = Bench::open(dir.path());
    assert!(left.is_empty());
    bench.wish("wish/1", create()).unwrap();
    bench.close();

    let (bench, left) = Bench::open(dir.path());
    assert_eq!(left.len(), 1, "what was not reported is left over: {left:?}");
    let failed = run::Input::PrepareFailed {
        fault: run::Fault::User,
        slug: "env-foreign".to_owned(),
        text: "somebody else's".to_owned(),
    };
    bench.report(&format!("effect/{}", left[0].id), of_run(failed));
    bench.close();

    let (bench, left) = Bench::open(dir.path());
    let kinds: Vec<&str> = left.iter().map(|due| due.effect.kind()).collect();
    assert_eq!(kinds, ["undo"], "the preparation is done, what it asked for is not");
    bench.close();
}

#[test]
fn a_restart_holds_what_was_held() {
    let dir = tempfile::tempdir().unwrap();
    let (bench, _) = Bench::open(dir.path());
    bench.wish("wish/1", create()).unwrap();
    bench.wish("wish/2", of_run(run::Input::Stop { force: false })).unwrap();
    let before = bench.close();
    let (bench, _) = Bench::open(dir.path());
    assert_eq!(bench.close(), before);
}

#[test]
fn a_rejected_wish_is_answered_and_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let (bench, _) = Bench::open(dir.path());
    let refused = bench
        .wish("wish/1", of_run(run::Input::Again { goes_on: false, message: None, speech: None }))
        .unwrap_err();
    assert!(matches!(refused, Refused::Rejected(rejected) if rejected.slug == "run-unknown"));
    bench.close();
    assert_eq!(Reader::open(&dir.path().join("ledger.db")).unwrap().last().unwrap(), 0);
}

#[test]
fn a_rejected_report_is_no_event_but_its_effect_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let (bench, _) = Bench::open(dir.path());
    bench.wish("wish/1", create()).unwrap();
    let prepare = bench.due.lock().unwrap()[0].id.clone();
    bench.report("run_0000000001/1/line/9", of_run(run::Input::Heard { attempt: 7 }));
    let before = bench.board.read().seq;
    bench.report(&format!("effect/{prepare}"), of_run(run::Input::Heard { attempt: 7 }));
    assert_eq!(bench.board.read().seq, before + 1);
    bench.close();
    let (bench, left) = Bench::open(dir.path());
    assert!(left.is_empty(), "{left:?}");
    bench.close();
}

#[test]
fn an_event_that_does_not_fit_stops_the_start_and_names_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let mut ledger = Ledger::open(&path, &NOW.to_string()).unwrap();
    ledger.begin_epoch(&NOW.to_string()).unwrap();
    let event = |body: &str| NewEvent {
        subject: "run_0000000001".to_owned(),
        kind: "stalled".to_owned(),
        body: body.to_owned(),
        cause: None,
    };
    let fed = Fed {
        key: "wish/1".to_owned(),
        at: NOW.to_string(),
        events: vec![event(r#"{"event":"stalled","quiet_ms":1,"tool":false}"#)],
        ..Fed::default()
    };
    ledger.commit(&Batch { inputs: vec![fed] }).unwrap();
    let reserve = Reserve::hold(dir.path(), 4096).unwrap();
    let opened = Engine::open(ledger, reserve, CLOCK, Arc::new(Board::default()), Box::new(|_| ()));
    let Err(err) = opened else { panic!("it was taken") };
    assert_eq!(err.slug(), "event-misfit");
    assert!(err.to_string().starts_with("event 1 "), "{err}");
}

/// Clocks that a test sets: milliseconds of the wall, and of the steady one.
static WALL: AtomicU64 = AtomicU64::new(NOW.0);
static STEADY: AtomicU64 = AtomicU64::new(0);

fn set(wall: u64, steady: u64) {
    WALL.store(wall, Ordering::SeqCst);
    STEADY.store(steady, Ordering::SeqCst);
}

#[test]
fn a_wait_is_as_long_as_it_was_to_be_however_the_clock_of_the_wall_is_set() {
    const HOUR: u64 = 3_600_000;
    let clock = || Reading {
        wall: Timestamp(WALL.load(Ordering::SeqCst)),
        steady: Duration::from_millis(STEADY.load(Ordering::SeqCst)),
    };
    let dir = tempfile::tempdir().unwrap();
    let (mut bench, _) = Bench::by(dir.path(), clock);
    let Input::Create { mut brief, naming } = create() else { panic!("it creates") };
    (brief.policy.first_ms, brief.policy.factor, brief.policy.jitter) = (1_000, 1, 0.0);
    bench.wish("wish/1", Input::Create { brief, naming }).unwrap();
    let fail = |bench: &Bench, key: &str| {
        let failed = run::Input::PrepareFailed {
            fault: run::Fault::Environment,
            slug: "disk".to_owned(),
            text: "no room".to_owned(),
        };
        bench.report(key, of_run(failed));
    };
    let state = |bench: &Bench| bench.board.read().fleet.runs[&id()].state_name();
    let look = |bench: &Bench, key: &str| {
        bench.wish(key, Input::RemoveProject { name: "none".to_owned() }).unwrap_err();
        state(bench)
    };
    fail(&bench, "r/1");
    set(NOW.0 + HOUR, 500);
    assert_eq!(look(&bench, "l/1"), "queued", "an hour ahead is no second");
    set(NOW.0 - HOUR, 999);
    assert_eq!(look(&bench, "l/2"), "queued");
    set(NOW.0 - HOUR, 1_001);
    assert_eq!(look(&bench, "l/3"), "preparing", "an hour back is no hour more");
    fail(&bench, "r/2");
    bench.close();
    // The next daemon only knows the wall, which is back.
    set(NOW.0 - HOUR, 0);
    (bench, _) = Bench::by(dir.path(), clock);
    assert_eq!(look(&bench, "l/4"), "queued");
    set(NOW.0 - HOUR, 1_001);
    assert_eq!(look(&bench, "l/5"), "preparing");
    bench.close();
}

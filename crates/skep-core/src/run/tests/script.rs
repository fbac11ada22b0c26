//! The words of scenes: `<seconds> <input>`, parted by commas, and what is shown of a run afterwards.

use super::super::*;
use crate::id::SnapshotId;

/// A run's brief, called `name`, that works in a tree of a repository and gives up at once where chance would come in.
pub(crate) fn brief(name: &str) -> Brief {
    let mut id = [0; crate::id::LENGTH];
    for (byte, letter) in id.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    Brief {
        part: None,
        id: RunId::new(id),
        name: name.to_owned(),
        kind: Kind::Code,
        task: None,
        title: "Mend the roof".to_owned(),
        project: None,
        by: "person".to_owned(),
        agent: "scripted".to_owned(),
        speaks: true,
        model: None,
        account: None,
        logins: Logins::default(),
        surface: Surface::Headless,
        permissions: Permissions::Auto,
        place: Place {
            env_type: EnvType::Worktree,
            envs: "/env".to_owned(),
            key: name.to_owned(),
            repository: Some("/src/web".to_owned()),
            sub_dir: String::new(),
            base: None,
            target: None,
            branches: vec![format!("skep/{name}")],
            exact_branch: false,
            detached: None,
            copy: Vec::new(),
            link: Vec::new(),
            discard: Vec::new(),
            sign: false,
            guide: crate::guide::Guide::default(),
            reads: Vec::new(),
            fetch_ms: 0,
            set_up: None,
            hooks: Hooks::default(),
        },
        policy: Policy { jitter: 0.0, ..Policy::default() },
        supersedes: None,
        foreman: false,
        within: None,
        gate: None,
        needs: Vec::new(),
        adopted: None,
        hears: Hears { messages: true, steers: true, resumes: true },
        fallback: None,
        budget: Budget::default(),
        prices: Vec::new(),
        trust: crate::run::Trust::Person,
        posture: crate::run::Posture::Headless,
        issue: None,
        claims: Claims::default(),
        lineage: None,
        seed: String::new(),
    }
}

/// A fallback for a brief of these.
pub(crate) fn codex() -> Fallback {
    Fallback {
        agent: "codex".to_owned(),
        speaks: true,
        hears: Hears { messages: false, steers: false, resumes: true },
        model: None,
        account: None,
        args: Vec::new(),
        logins: Logins::default(),
    }
}

/// The same brief, by the first of three accounts.
pub(crate) fn rotating(brief: Brief) -> Brief {
    let login = |name: &str| {
        let folders = [("CODEX_HOME".to_owned(), format!("/home/ada/.{name}"))].into();
        Login { name: name.to_owned(), folders }
    };
    let accounts = vec![login("work"), login("home"), login("club")];
    let logins = Logins { shared: String::new(), accounts };
    Brief { logins, account: Some("work".to_owned()), ..brief }
}

/// The place that is prepared for the run called `name`.
pub(crate) fn env(name: &str) -> Env {
    Env {
        root: format!("/env/{name}"),
        lock: format!("/env/{name}/lock"),
        worktree: format!("/env/{name}/web"),
        cwd: format!("/env/{name}/web"),
        branch: Some(format!("skep/{name}")),
        base: Some(Base { branch: "main".to_owned(), oid: "b0".to_owned() }),
        target: Some("main".to_owned()),
        notes: Vec::new(),
        reused: false,
    }
}

/// The wish number `n` that changes something.
pub(crate) fn op(n: u8) -> OpId {
    let mut bytes = [n; crate::id::LENGTH];
    // Only five bits of each byte count.
    bytes[0] ^= n >> 5;
    OpId::new(bytes)
}

/// The snapshot of `run` that was begun as number `n`, counted from 0.
pub(crate) fn snap(run: &RunId, n: &str) -> SnapshotId {
    snapshot::nth(run, n.parse().unwrap())
}

/// What a daemon tells of a snapshot that was taken.
pub(crate) fn taken(id: SnapshotId, why: Why, at: Timestamp, trash: bool) -> Snapshot {
    Snapshot {
        oid: format!("c-{}", id.tail()),
        trash: trash.then(|| format!("/trash/{id}")),
        id,
        why,
        at,
        head: Some("c1".to_owned()),
        branch: Some("skep/amber".to_owned()),
        files: 3,
        bytes: 30,
        left_out: Vec::new(),
    }
}

/// What git says: `ahead` commits since the base, the last of them `head`.
pub(crate) fn git(head: &str, ahead: u64, dirty: bool) -> GitFacts {
    GitFacts {
        head: head.to_owned(),
        branch: Some("skep/amber".to_owned()),
        dirty,
        ahead,
        behind: Some(0),
        unpushed: None,
        files: ahead,
        insertions: ahead,
        deletions: 0,
        at: Timestamp(0),
    }
}

pub(crate) fn seconds(text: &str) -> Timestamp {
    Timestamp(text.parse::<u64>().unwrap() * 1000)
}

/// Reads an input for `run` as it stands. A report is of the current attempt, or of the one after `of`.
pub(crate) fn input(text: &str, run: &Run, now: Timestamp) -> Input {
    let (text, attempt) = match text.rsplit_once(" of ") {
        Some((text, attempt)) => (text, attempt.parse().unwrap()),
        None => (text, run.attempt),
    };
    let words: Vec<&str> = text.split(' ').collect();
    let text = "all day".to_owned();
    match words.as_slice() {
        ["admit"] => Input::Admit,
        ["stop"] => Input::Stop { force: false },
        ["kill"] => Input::Stop { force: true },
        ["in-use"] => Input::InUse { attempt, leases: run.leases.held.clone() },
        ["again"] => Input::Again { goes_on: true, message: None, speech: None },
        ["again", "saying", words] => {
            Input::Again { goes_on: true, message: Some((*words).to_owned()), speech: None }
        }
        ["again", "on", surface] => {
            Input::Again { goes_on: true, message: None, speech: Some(speech(surface)) }
        }
        ["afresh"] => Input::Again { goes_on: false, message: None, speech: None },
        ["supersede"] => Input::Supersede,
        ["halt"] => Input::Halt,
        ["raise", by] => Input::Raise { by: by.replace('_', " ").parse().unwrap() },
        ["pass", "on"] => Input::PassOn(Onward::Fallback),
        ["go", "by", account] => Input::PassOn(Onward::Account((*account).to_owned())),
        ["pause"] => Input::Pause { now: false },
        ["pause", "now"] => Input::Pause { now: true },
        ["send", id] => {
            Input::Send { id: (*id).to_owned(), text: "and docs".to_owned(), steer: false }
        }
        ["send", id, "other"] => {
            Input::Send { id: (*id).to_owned(), text: "and tests".to_owned(), steer: false }
        }
        ["steer", id] => {
            Input::Send { id: (*id).to_owned(), text: "stop that".to_owned(), steer: true }
        }
        ["told", id, word] => {
            let word = message::tests::word_of(word);
            Input::Told { attempt, id: (*id).to_owned(), word, text: String::new() }
        }
        ["give", id] => Input::Give { id: (*id).to_owned(), text: "yes".to_owned() },
        [verb @ ("approve" | "reject"), which @ ..] => Input::Rule {
            ask: which.first().map(|n| leave::nth(run.id(), n.parse().unwrap())),
            ruling: Ruling {
                allow: *verb == "approve",
                text: which.get(1).map(|words| (*words).to_owned()),
            },
        },
        ["asked", key, to @ ..] => {
            let to_foreman = to.first() == Some(&"foreman");
            let mut asked = question::tests::asked(key, to_foreman);
            if let (question::Tool::Asked(asking), [_, words @ ..]) = (&mut asked, to)
                && !words.is_empty()
            {
                asking.text = words.join(" ");
            }
            Input::of_tool(attempt, asked)
        }
        ["left", key] => Input::of_tool(attempt, question::Tool::Left { key: (*key).to_owned() }),
        ["claims", what] => Input::of_tool(attempt, question::tests::claims(what)),
        ["answer", n, said] => question::tests::answer(run.id(), n, Some(said)),
        ["skip", n] => question::tests::answer(run.id(), n, None),
        ["escalate", n, proposal @ ..] => Input::Escalate {
            question: question::nth(run.id(), n.parse().unwrap()),
            proposal: (!proposal.is_empty()).then(|| proposal.join(" ")),
        },
        ["release"] => Input::Release,
        ["rules"] => Input::Rules,
        ["lift"] => Input::Lift,
        ["rules-set", nth] => Input::RulesSet { attempt, nth: nth.parse().unwrap(), why: None },
        ["close", n, how @ ..] => Input::Close { op: nth_op(n), how: how_of(how) },
        ["abandon", n] => Input::Abandon { op: nth_op(n) },
        ["land" | "gate", n, ..] => Input::Land { op: nth_op(n), wish: wish(&words) },
        ["landing", word @ ..] => Input::Landing(landing_word(word, run)),
        ["propose", n] => Input::Propose { op: nth_op(n), asked: Box::default() },
        ["seen" | "unseen" | "round" | "round-refused", ..] => {
            super::super::change::tests::input_of(&words)
        }
        ["snap", n] => Input::Snap { op: nth_op(n) },
        ["forget", n, snapshots @ ..] => Input::Forget {
            op: nth_op(n),
            snapshots: snapshots.iter().map(|n| snap(run.id(), n)).collect(),
        },
        ["restore", n, of] => Input::Restore { op: nth_op(n), snapshot: snap(run.id(), of) },
        ["undo", n, of] => Input::Undo { op: nth_op(n), of: nth_op(of) },
        ["purge", n] => Input::Purge { snapshot: snap(run.id(), n) },
        ["drop-logs"] => Input::DropLogs,
        ["settle"] => Input::Settle,
        ["prepared"] => Input::Prepared(env(&run.brief.name)),
        ["prepare-failed", fault, slug] => {
            Input::PrepareFailed { fault: fault_of(fault), slug: (*slug).to_owned(), text }
        }
        ["began"] => Input::Began { attempt, gatekeeper: 7 },
        ["start-failed"] => Input::StartFailed { attempt, text },
        ["started"] => Input::Started { attempt, pid: 8, gatekeeper: 7 },
        ["silent"] => Input::Silent { attempt, quiet_ms: 1_800_000, tool: false },
        ["heard"] => Input::Heard { attempt },
        ["overdue", "turn"] => Input::Overdue { attempt, what: Overdue::Turn, text },
        ["overdue", "ready"] => Input::Overdue { attempt, what: Overdue::Ready, text },
        ["shown"] => {
            Input::Shown { attempt, session: "skep-amber".to_owned(), pane: "%3".to_owned() }
        }
        ["gone"] => Input::Gone { attempt, host_restarted: false },
        ["gone", "restarted"] => Input::Gone { attempt, host_restarted: true },
        ["swept"] => Input::Swept { attempt, unknown: None },
        ["swept", "unknown"] => Input::Swept { attempt, unknown: Some(text) },
        ["undone"] => Input::Undone { text: None },
        ["undone", "not"] => Input::Undone { text: Some(text) },
        ["op", n, result @ ..] => {
            Input::OpDone { op: nth_op(n), result: op_result(result, run, now) }
        }
        ["snapped", n] => {
            let id = snap(run.id(), n);
            let taken = taken(id.clone(), Why::Turn, now, false);
            Input::Snapped { id, taken: Ok(Some(Box::new(taken))) }
        }
        ["snapped", n, "same"] => Input::Snapped { id: snap(run.id(), n), taken: Ok(None) },
        ["snapped", n, "failed"] => Input::Snapped { id: snap(run.id(), n), taken: Err(text) },
        ["settled", n] => {
            let id = snap(run.id(), n);
            let taken = taken(id.clone(), Why::Close, now, true);
            Input::Settled { id, taken: Ok(Box::new(taken)) }
        }
        ["settled", n, "failed"] => Input::Settled { id: snap(run.id(), n), taken: Err(text) },
        ["purged", n] => Input::Purged { snapshot: snap(run.id(), n) },
        ["logs-dropped"] => Input::LogsDropped,
        ["leave-issue"] => Input::LeaveIssue,
        ["issue-left"] => Input::IssueLeft { failed: None },
        ["issue-left", "not"] => Input::IssueLeft { failed: Some(text) },
        ["comment", key] => Input::Comment { key: (*key).to_owned() },
        ["git", head, ahead] => Input::GitSeen(git(head, ahead.parse().unwrap(), false)),
        ["overstepped", what] => Input::Overstepped { what: (*what).to_owned() },
        ["done"] => Input::Done,
        ["tick"] => Input::Tick,
        ["exit" | "signal", ..] => Input::Exited { attempt, exit: exit(&words, run, now) },
        said => Input::Said { attempt, said: said_of(said) },
    }
}

/// `land N` or `gate N`, and then: `batch N`, `settings`, `once` where a conflict goes to a person at the second time.
fn wish(words: &[&str]) -> landing::Wish {
    let mut wish = landing::Wish { gates_only: words[0] == "gate", ..landing::Wish::default() };
    let mut rest = words[2..].iter();
    while let Some(word) = rest.next() {
        match *word {
            "batch" => wish.batch = rest.next().unwrap().parse().unwrap(),
            "settings" => wish.settings_seen = true,
            "once" => wish.conflicts = 1,
            other => panic!("no such wish: {other}"),
        }
    }
    wish
}

/// A trial of the works of `run` and of `others`.
pub(crate) fn trial(run: &RunId, others: &[RunId]) -> landing::Trial {
    let works = std::iter::once(run).chain(others);
    let work = |id: &RunId| landing::Work {
        run: id.clone(),
        head: format!("head of {id}"),
        commit: format!("commit of {id}"),
        commits: 1,
    };
    let works: Vec<landing::Work> = works.map(work).collect();
    landing::Trial {
        target: "main".to_owned(),
        onto: "b0".to_owned(),
        tree: "t1".to_owned(),
        commit: works.last().unwrap().commit.clone(),
        works,
        remote: None,
    }
}

/// What was seen of a trial.
pub(crate) fn attested(trial: &landing::Trial) -> landing::Attestation {
    landing::Attestation {
        target: trial.target.clone(),
        onto: trial.onto.clone(),
        tree: trial.tree.clone(),
        commit: trial.commit.clone(),
        works: trial.works.clone(),
        gates: Vec::new(),
        tools: Vec::new(),
        by: "person".to_owned(),
        at: Timestamp(0),
    }
}

/// `try [with NAME… | on NAME]`, `cleared NAME`, `dropped NAME`, `ride NAME`, `freed NAME [alone]`, `carried NAME`, `combined N [with NAME… | conflict | over]`,
/// `gates N [NAME… | refused]`, `ended NAME passed|failed`, `brought N [moved | over | protected [proposed]]`,
/// `unsettled`.
fn landing_word(words: &[&str], run: &Run) -> landing::Word {
    use landing::{Brought, Combined, Gate, Word};
    let id = |name: &&str| brief(name).id;
    let over = || OpResult::Refused {
        slug: "target-dirty".to_owned(),
        text: "all day".to_owned(),
        hints: Vec::new(),
        merged: None,
    };
    match words {
        ["try"] => Word::Try { riders: Vec::new(), ahead: None },
        ["try", "with", riders @ ..] => {
            Word::Try { riders: riders.iter().map(id).collect(), ahead: None }
        }
        ["try", "on", other] => {
            let ahead = landing::Ahead { run: id(other), commit: trial(&id(other), &[]).commit };
            Word::Try { riders: Vec::new(), ahead: Some(ahead) }
        }
        ["cleared", by] => Word::Cleared { by: id(by) },
        ["dropped", by] => Word::Dropped { by: id(by) },
        ["ride", with] => Word::Ride { with: id(with) },
        ["freed", with] => Word::Freed { with: id(with), alone: false },
        ["freed", with, "alone"] => Word::Freed { with: id(with), alone: true },
        ["left", rider] => Word::Left { rider: id(rider) },
        ["carried", with] => Word::Carried { with: id(with), result: over() },
        ["combined", n, rest @ ..] => Word::Combined {
            op: nth_op(n),
            tries: run.landing.as_ref().map_or(0, |landing| landing.tries),
            made: match rest {
                ["conflict"] => Combined::Conflict {
                    target: "main".to_owned(),
                    files: vec!["roof".to_owned()],
                    words: "settle it".to_owned(),
                },
                ["over"] => Combined::Over { result: over() },
                [] => Combined::Made { trial: Box::new(trial(run.id(), &[])) },
                ["with", others @ ..] => {
                    let others: Vec<RunId> = others.iter().map(id).collect();
                    Combined::Made { trial: Box::new(trial(run.id(), &others)) }
                }
                other => panic!("no such tree: {other:?}"),
            },
        },
        ["gates", n, "refused"] => Word::Gates { op: nth_op(n), begun: Err(over()) },
        ["gates", n, gates @ ..] => {
            let gate = |name: &&str| Gate { name: (*name).to_owned(), run: id(name), passed: None };
            Word::Gates { op: nth_op(n), begun: Ok(gates.iter().map(gate).collect()) }
        }
        ["ended", gate, how] => {
            Word::GateEnded { gate: id(gate), passed: *how == "passed", text: "all day".to_owned() }
        }
        ["brought", n] => Word::Brought {
            op: nth_op(n),
            made: Brought::Done {
                attestation: Box::new(attested(&trial(run.id(), &[]))),
                beside: Vec::new(),
            },
        },
        ["brought", n, "moved"] => {
            Word::Brought { op: nth_op(n), made: Brought::Moved { text: "it moved".to_owned() } }
        }
        ["brought", n, "protected", rest @ ..] => Word::Brought {
            op: nth_op(n),
            made: Brought::Protected {
                text: "GH006".to_owned(),
                asked: rest.first().map(|_| Box::default()),
                attestation: Box::new(attested(&trial(run.id(), &[]))),
            },
        },
        ["brought", n, "over"] => {
            Word::Brought { op: nth_op(n), made: Brought::Over { result: over() } }
        }
        ["unsettled"] => Word::Unsettled { text: "all day".to_owned() },
        other => panic!("no such word: {other:?}"),
    }
}

fn fault_of(text: &str) -> Fault {
    match text {
        "environment" => Fault::Environment,
        "user" => Fault::User,
        "agent" => Fault::Agent,
        "bug" => Fault::Bug,
        other => panic!("no such fault: {other}"),
    }
}

fn nth_op(n: &str) -> OpId {
    op(n.parse().unwrap())
}

/// How an env is given back; without a word, so that its branch stays.
fn how_of(words: &[&str]) -> How {
    match words {
        [] | ["keep"] => How::KeepBranch,
        ["smart"] => How::Smart,
        ["force"] => How::Force,
        ["aged"] => How::Aged,
        ["spent"] => How::Spent,
        other => panic!("no such way: {other:?}"),
    }
}

/// What a wish came to: `closed [N | unsettled]`, `landed [nowhere]`, `snapped N`, `forgotten N`, `restored N [before M]`,
/// `reverted OP`, `refused`, `failed`; `N` and `M` are snapshots.
fn op_result(words: &[&str], run: &Run, now: Timestamp) -> OpResult {
    let text = "all day".to_owned();
    let kept = |n: &str, why, trash| Box::new(taken(snap(run.id(), n), why, now, trash));
    let closed = |snapshot, unsettled| OpResult::Closed {
        kept_branch: None,
        trash: None,
        text: text.clone(),
        merged: None,
        snapshot,
        unsettled,
    };
    let restored = |n: &str, before| OpResult::Restored {
        snapshot: snap(run.id(), n),
        env: Box::new(env(&run.brief.name)),
        before,
        text: text.clone(),
    };
    match words {
        ["closed"] => closed(None, false),
        ["closed", "unsettled"] => closed(None, true),
        ["closed", n] => closed(Some(kept(n, Why::Close, true)), false),
        ["landed"] => OpResult::Landed {
            target: "main".to_owned(),
            old: "b0".to_owned(),
            new: "c1".to_owned(),
            commits: 1,
            beside: Vec::new(),
        },
        ["landed", "nowhere"] => OpResult::Landed {
            target: "main".to_owned(),
            old: "c1".to_owned(),
            new: "c1".to_owned(),
            commits: 0,
            beside: Vec::new(),
        },
        ["snapped", n] => OpResult::Snapped { snapshot: kept(n, Why::Asked, false) },
        ["forgotten", snapshots @ ..] => {
            OpResult::Forgotten { snapshots: snapshots.iter().map(|n| snap(run.id(), n)).collect() }
        }
        ["restored", n] => restored(n, None),
        ["restored", n, "before", m] => restored(n, Some(kept(m, Why::Restore, false))),
        ["proposed"] => super::super::change::tests::proposed("c1"),
        ["reverted", of] => OpResult::Reverted {
            of: nth_op(of),
            target: "main".to_owned(),
            old: "c1".to_owned(),
            new: "c2".to_owned(),
        },
        ["refused"] => OpResult::Refused {
            slug: "target-dirty".to_owned(),
            text,
            hints: Vec::new(),
            merged: None,
        },
        ["failed"] => OpResult::Failed { slug: "close-failed".to_owned(), text },
        other => panic!("no such result: {other:?}"),
    }
}

/// `exit CODE` or `signal N`, and then: `forced`, `unstarted`, `after SECONDS`, and what git saw: `untouched`, `dirty`,
/// `unseen`; without a word of it, a commit.
fn exit(words: &[&str], run: &Run, now: Timestamp) -> Exit {
    let number: i32 = words[1].parse().unwrap();
    let signal = (words[0] == "signal").then_some(number);
    let mut exit = Exit {
        code: signal.map_or(number, |signal| 128 + signal),
        signal,
        started: run.begun.unwrap_or(now),
        ended: now,
        forced: false,
        let_go: false,
        error: None,
        spared: Vec::new(),
        git: Some(git("c1", 1, false)),
    };
    let mut rest = words[2..].iter();
    while let Some(word) = rest.next() {
        match *word {
            "forced" => exit.forced = true,
            "unstarted" => exit.error = Some("no such program".to_owned()),
            "after" => {
                let lasted = rest.next().unwrap().parse().unwrap();
                exit.ended = exit.started.plus(Duration::from_secs(lasted));
            }
            "untouched" => exit.git = Some(git("b0", 0, false)),
            "dirty" => exit.git = Some(git("b0", 0, true)),
            "unseen" => exit.git = None,
            "committed" => exit.git = Some(git(rest.next().unwrap(), 1, false)),
            other => panic!("no such exit: {other}"),
        }
    }
    exit
}

fn said_of(words: &[&str]) -> Said {
    let text = "all day".to_owned();
    match words {
        ["turn", result] => Said::TurnEnded { result: turn(result), text },
        ["turn", result, "empty"] => {
            Said::TurnEnded { result: turn(result), text: " \n".to_owned() }
        }
        ["error", class] => Said::Error { class: class_of(class), text },
        ["limit"] => Said::Limit { text, reset_ms: Some(60_000), reset_at: None },
        ["limit", "unknown"] => Said::Limit { text, reset_ms: None, reset_at: None },
        ["limit", "until", at] => Said::Limit { text, reset_ms: None, reset_at: Some(seconds(at)) },
        ["ask"] => Said::Ask { id: "q".to_owned(), text, options: Vec::new() },
        ["permission"] => Said::Permission {
            id: "p".to_owned(),
            tool: "rm".to_owned(),
            text,
            deed: Default::default(),
        },
        ["permission", id] => Said::Permission {
            id: (*id).to_owned(),
            tool: "rm".to_owned(),
            text,
            deed: Default::default(),
        },
        ["withdrawn", id] => Said::Withdrawn { id: (*id).to_owned() },
        ["busy"] => Said::TurnStarted {},
        ["idle"] => Said::Idle {},
        ["words"] => Said::Said { text },
        ["thought"] => Said::Thought { text },
        ["tool"] => Said::Tool { id: "t".to_owned(), name: "sh".to_owned(), input: text },
        ["result"] => Said::ToolResult { id: "t".to_owned(), ok: true, text },
        ["retry"] => Said::Retry { attempt: 3, of: Some(10), text },
        ["refused"] => Said::ResumeRefused { text },
        ["session"] => Said::Session { id: "conversation-1".to_owned() },
        ["usage", tokens] => Said::Usage {
            usage: Usage {
                input_tokens: tokens.parse().unwrap(),
                output_tokens: 1,
                ..Usage::default()
            },
            carried: Carried::default(),
        },
        ["used", tokens, cost] => Said::Usage {
            usage: Usage {
                input_tokens: tokens.parse().unwrap(),
                cost_usd: Some(cost.parse().unwrap()),
                ..Usage::default()
            },
            carried: Carried::default(),
        },
        ["carried", tokens] => Said::Usage {
            usage: Usage { input_tokens: tokens.parse().unwrap(), ..Usage::default() },
            carried: Carried { tokens: true, cost: true },
        },
        ["model", name] => Said::Model { name: (*name).to_owned() },
        other => panic!("no such input: {other:?}"),
    }
}

fn speech(surface: &str) -> Speech {
    match surface {
        "screen" => Speech { surface: Surface::Terminal, speaks: false, hears: Hears::default() },
        "pipes" => Speech { surface: Surface::Headless, speaks: true, hears: Hears::default() },
        other => panic!("no such surface: {other}"),
    }
}

fn turn(text: &str) -> TurnResult {
    match text {
        "success" => TurnResult::Success,
        "ended" => TurnResult::Ended,
        "failed" => TurnResult::Failed,
        "cancelled" => TurnResult::Cancelled,
        other => panic!("no such result: {other}"),
    }
}

fn class_of(text: &str) -> ErrorClass {
    match text {
        "model" => ErrorClass::Model,
        "auth" => ErrorClass::Auth,
        "limit" => ErrorClass::Limit,
        "agent" => ErrorClass::Agent,
        "notice" => ErrorClass::Notice,
        other => panic!("no such class: {other}"),
    }
}

/// Where `run` stands, in a few words.
pub(crate) fn shown(run: &Run) -> String {
    let name = run.state_name();
    let more = match &run.state {
        State::Queued { not_before: Some(at) } => format!(" until {}", at.0 / 1000),
        State::Preparing { unwanted: Some(_) } => ", unwanted".to_owned(),
        State::Running { .. } if run.pausing => ", pausing".to_owned(),
        State::Running { .. } if run.retrying.is_some() => ", retrying".to_owned(),
        State::Limited { until, known, .. } => {
            let guess = if *known { "" } else { ", a guess" };
            format!(" (limit until {}{guess})", until.0 / 1000)
        }
        State::Waiting { on, .. } => format!(" ({})", format!("{on:?}").to_lowercase()),
        State::Stopping { force, because, gone, .. } => {
            let (force, gone) =
                (if *force { ", force" } else { "" }, if *gone { ", gone" } else { "" });
            format!(" ({because:?}{force}{gone})")
        }
        State::Ended { outcome, reason, .. } => {
            let reason = reason.map_or_else(String::new, |reason| format!(": {}", reason.as_str()));
            format!(" ({}{reason})", outcome.as_str())
        }
        State::Queued { .. }
        | State::Preparing { .. }
        | State::Starting { .. }
        | State::Running { .. }
        | State::Stalled { .. } => String::new(),
    };
    format!("{name}{more}")
}

/// The env's state, in a word.
pub(crate) fn env_shown(run: &Run) -> &'static str {
    match run.env {
        EnvState::None => "none",
        EnvState::Preparing => "preparing",
        EnvState::Held(_) if run.undoing => "undoing",
        EnvState::Held(_) => "held",
        EnvState::Within(_) => "within",
        EnvState::Closing { .. } => "closing",
        EnvState::Closed(_) if run.settling.is_some() => "closed but unsettled",
        EnvState::Closed(_) => "closed",
        EnvState::Restoring { was_closed: false, .. } => "restoring",
        EnvState::Restoring { was_closed: true, .. } => "coming back",
    }
}

/// An effect, in a word or two; with `!` where it is by force.
pub(crate) fn verb(effect: &Effect) -> String {
    let text = format!("{effect:?}");
    let name = text.split([' ', '{']).next().unwrap();
    match effect {
        Effect::Deliver { id, .. } => format!("{name} {id}"),
        Effect::Leave { asked_as, ruling, .. } => {
            let word = if ruling.allow { "allowed" } else { "refused" };
            let why = ruling.text.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            format!("{name} {asked_as} {word}{why}")
        }
        Effect::Stop { force: true, .. } | Effect::Close { how: How::Force, .. } => {
            format!("{name}!")
        }
        Effect::Close { how: How::Smart, .. } => format!("{name} smart"),
        Effect::Close { how: How::Aged, .. } => format!("{name} aged"),
        Effect::Close { how: How::Spent, .. } => format!("{name} spent"),
        Effect::Snapshot { why, .. } => format!("{name} {}", why.as_str()),
        Effect::Prepare { .. }
        | Effect::CancelPrepare { .. }
        | Effect::Undo { .. }
        | Effect::Start { .. }
        | Effect::Stop { .. }
        | Effect::CancelTurn { .. }
        | Effect::Rules { .. }
        | Effect::Sweep { .. }
        | Effect::Close { .. }
        | Effect::Settle { .. }
        | Effect::Combine { .. }
        | Effect::Check { .. }
        | Effect::Bring { .. }
        | Effect::Propose { .. }
        | Effect::Follow { .. }
        | Effect::Forget { .. }
        | Effect::Restore { .. }
        | Effect::Revert { .. }
        | Effect::Purge { .. }
        | Effect::DropLogs { .. }
        | Effect::LeaveIssue { .. }
        | Effect::Show { .. } => name.to_owned(),
    }
}

/// What a step shows: where the run stands after it, what changed beside the state, the effects.
pub(crate) fn told(before: &Run, after: &Run, effects: &[Effect]) -> String {
    let mut line = shown(after);
    if after.attempt != before.attempt {
        line += &format!(", attempt {}", after.attempt);
    }
    if after.brief.agent != before.brief.agent {
        line += &format!(", by {}", after.brief.agent);
    }
    if after.brief.account != before.brief.account {
        line += &format!(", account {}", after.brief.account.as_deref().unwrap_or("none"));
    }
    if after.brief.name != before.brief.name {
        line += &format!(", called {}", after.brief.name);
    }
    let landing = |run: &Run| run.landing.as_ref().map(|landing| landing.stage.as_str());
    if landing(after) != landing(before) {
        let stage = landing(after).unwrap_or("over").replace('_', " ");
        line += &format!(", landing {stage}");
    }
    if after.landed != before.landed {
        line += if after.landed.is_some() { ", landed" } else { ", not landed" };
    }
    if env_shown(after) != env_shown(before) {
        line += &format!(", env {}", env_shown(after));
    }
    for effect in effects {
        line += &format!("; {}", verb(effect));
    }
    line
}

/// Takes `run` through one input and says what came of it.
pub(crate) fn play(run: &mut Run, text: &str, now: Timestamp) -> String {
    let before = run.clone();
    match run.step(input(text, run, now), now) {
        Ok(step) => {
            for event in &step.events {
                run.apply(event, now).unwrap();
            }
            told(&before, run, &step.effects)
        }
        Err(rejected) => format!("rejected: {}", rejected.text.replace(run.id().as_str(), "it")),
    }
}

/// Takes a new run through `script`, which must fit; an empty one leaves it new.
pub(crate) fn after(brief: Brief, script: &str) -> Run {
    let mut run = Run::new(brief, 1, Timestamp(0));
    for line in script.split(", ").filter(|line| !line.is_empty()) {
        let (secs, text) = line.split_once(' ').unwrap();
        let told = play(&mut run, text, seconds(secs));
        assert!(!told.starts_with("rejected"), "{line}: {told}");
    }
    run
}

/// Plays `script` on a new run that has been through `before`, and compares the transcript.
#[track_caller]
pub(crate) fn check_of(brief: Brief, before: &str, script: &str, want: &str) {
    let mut run = after(brief, before);
    let width = script.split(", ").map(str::len).max().unwrap_or_default();
    let mut got = String::new();
    for line in script.split(", ") {
        let (secs, text) = line.split_once(' ').unwrap();
        got += &format!("\n{line:<width$}  {}", play(&mut run, text, seconds(secs)));
    }
    assert!(got == want, "got:\n{got}\nwant:\n{want}");
}

use super::super::tests::script::{after, brief, check_of, input, seconds};

#[track_caller]
fn running(script: &str, want: &str) {
    check_of(brief("amber"), "0 admit, 1 prepared, 2 started", script, want);
}

#[test]
fn an_agent_that_is_allowed_goes_on_when_it_has_a_slot() {
    running(
        "9 permission, 10 admit, 11 approve, 12 approve, 13 admit, 14 approve, 15 exit 0",
        "
9 permission  waiting (permission)
10 admit      rejected: admit makes no sense while it is waiting
11 approve    waiting (permission)
12 approve    rejected: it has its answer already; it goes on when a slot is free
13 admit      running; Leave p allowed
14 approve    rejected: it is running and asks for no leave
15 exit 0     ended (failed: no-result); Snapshot end",
    );
}

#[test]
fn the_first_answer_counts() {
    running(
        "9 permission, 10 reject 0 no, 11 approve 0, 12 admit, 13 approve 0",
        "
9 permission    waiting (permission)
10 reject 0 no  waiting (permission)
11 approve 0    rejected: ask_h7fh2h1rdg of it was refused already; the first answer counts
12 admit        running; Leave p refused (no)
13 approve 0    rejected: ask_h7fh2h1rdg of it is open no more: it was answered, or the agent asks no longer",
    );
}

#[test]
fn of_two_requests_each_gets_its_own_answer_and_the_run_waits_for_both() {
    running(
        "9 permission a, 10 permission b, 11 permission a, 12 approve, 13 reject 1 no, 14 admit, 15 approve, 16 admit",
        "
9 permission a   waiting (permission)
10 permission b  waiting (permission)
11 permission a  waiting (permission)
12 approve       rejected: it asks for more than one thing: ask_h7fh2h1rdg (rm: all day); ask_x3rqv588sk (rm: all day)
13 reject 1 no   waiting (permission)
14 admit         rejected: admit makes no sense while it is waiting
15 approve       waiting (permission)
16 admit         running; Leave a allowed; Leave b refused (no)",
    );
}

#[test]
fn words_go_with_a_refusal_only() {
    running(
        "9 permission, 10 approve 0 gladly",
        "
9 permission         waiting (permission)
10 approve 0 gladly  rejected: words go with a refusal only: an agent that gets its leave goes on at once",
    );
}

#[test]
fn what_an_agent_takes_back_is_not_waited_for() {
    running(
        "9 permission a, 10 permission b, 11 withdrawn a, 12 withdrawn c, 13 withdrawn b, 14 permission a, 15 turn ended",
        "
9 permission a   waiting (permission)
10 permission b  waiting (permission)
11 withdrawn a   waiting (permission)
12 withdrawn c   waiting (permission)
13 withdrawn b   running
14 permission a  waiting (permission)
15 turn ended    running; Snapshot turn",
    );
}

#[test]
fn a_stop_and_an_end_take_every_request_along() {
    running(
        "9 permission, 10 stop, 11 approve, 12 signal 15, 13 again, 14 admit, 15 started, 16 approve 0, 17 permission, 18 approve 0",
        "
9 permission   waiting (permission)
10 stop        stopping (Person); Stop
11 approve     rejected: it is stopping and asks for no leave
12 signal 15   ended (stopped: stopped-by-person); Snapshot end
13 again       queued, attempt 2
14 admit       starting; Start
15 started     running
16 approve 0   rejected: ask_h7fh2h1rdg of it is open no more: it was answered, or the agent asks no longer
17 permission  waiting (permission)
18 approve 0   rejected: ask_h7fh2h1rdg of it is open no more: it was answered, or the agent asks no longer",
    );
}

#[test]
fn a_message_waits_until_what_was_asked_has_its_answer() {
    running(
        "9 permission, 10 give m, 11 admit, 12 approve, 13 admit",
        "
9 permission  waiting (permission)
10 give m     waiting (permission)
11 admit      rejected: admit makes no sense while it is waiting
12 approve    waiting (permission)
13 admit      running; Leave p allowed; Deliver m",
    );
}

#[test]
fn a_run_that_waits_for_leave_waits_for_no_slot_until_it_has_its_answer() {
    let mut run = after(brief("amber"), "0 admit, 1 prepared, 2 started, 9 permission");
    assert!(!crate::fleet::is_in_line(&run) && !run.holds_slot());
    let step = run.step(input("approve", &run, seconds("10")), seconds("10")).unwrap();
    step.events.iter().for_each(|event| run.apply(event, seconds("10")).unwrap());
    assert!(crate::fleet::is_in_line(&run));
}

/// What failed earlier in the turn is no less a failure because leave was asked for.
#[test]
fn leave_in_the_middle_of_a_turn_begins_no_turn() {
    running(
        "8 error model, 9 permission, 10 approve, 11 admit, 12 turn ended, 13 exit 0",
        "
8 error model  running
9 permission   waiting (permission)
10 approve     waiting (permission)
11 admit       running; Leave p allowed
12 turn ended  running; Snapshot turn
13 exit 0      ended (failed: model-error); Snapshot end",
    );
}

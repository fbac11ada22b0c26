//! The tables of tasks, plans and parts, every pair of each.

use super::*;

fn grid<S: Copy>(
    all: &[S],
    name: impl Fn(S) -> &'static str,
    may: impl Fn(S, S) -> bool,
) -> String {
    let row = |from: S| {
        let to: Vec<&str> = all.iter().filter(|to| may(from, **to)).map(|to| name(*to)).collect();
        format!("\n{} -> {}", name(from), to.join(" "))
    };
    all.iter().map(|from| row(*from)).collect()
}

#[test]
fn a_task_goes_only_where_its_table_says() {
    let table = grid(&TaskState::ALL, TaskState::as_str, TaskState::may_become);
    assert_eq!(
        table,
        "
ingested -> planning implementing
planning -> ingested plan_review completed failed
plan_review -> planning approved failed
approved -> implementing failed
implementing -> ingested reviewing completed failed
reviewing -> implementing completed failed
completed -> planning implementing merged archived
failed -> implementing archived
merged -> planning implementing completed archived
archived -> completed failed merged"
    );
}

#[test]
fn a_plan_goes_only_where_its_table_says() {
    let table = grid(&PlanState::ALL, PlanState::as_str, PlanState::may_become);
    assert_eq!(
        table,
        "
draft -> pending_review superseded
pending_review -> approved rejected superseded
approved -> superseded
rejected -> pending_review superseded
superseded -> "
    );
}

#[test]
fn a_part_goes_only_where_its_table_says() {
    let table = grid(&PartState::ALL, PartState::as_str, PartState::may_become);
    assert_eq!(
        table,
        "
pending -> in_progress
in_progress -> pending completed failed escalated
completed -> in_progress
failed -> pending in_progress
escalated -> pending in_progress"
    );
}

/// From every state there is a way to one in which nothing more happens by itself.
#[test]
fn an_end_can_be_reached_from_every_state() {
    for from in TaskState::ALL {
        let mut seen = vec![from];
        let mut nth = 0;
        while nth < seen.len() {
            let more = TaskState::ALL.into_iter().filter(|to| seen[nth].may_become(*to));
            let more: Vec<TaskState> = more.filter(|to| !seen.contains(to)).collect();
            seen.extend(more);
            nth += 1;
        }
        assert!(seen.iter().any(|state| state.is_over()), "{from:?}");
    }
}

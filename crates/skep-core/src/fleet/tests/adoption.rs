//! Scenes of taking over: it waits for no slot, and a worktree is taken over once.

use super::*;

#[test]
fn taking_over_waits_for_no_slot_and_no_disk_and_takes_none_from_others() {
    check(
        ONE,
        "0 create a, 0 disk 1, 1 create b adopting at /w, 2 b prepared, 3 b again",
        "
0 create a                 a preparing, env preparing; Prepare
0 disk 1
1 create b adopting at /w  b preparing, env preparing; Prepare
2 b prepared               b ended (interrupted: adopted), env held
3 b again                  b queued, attempt 2",
    );
}

#[test]
fn of_two_that_take_over_one_worktree_the_second_is_refused_until_it_is_given_back() {
    check(
        ONE,
        "0 create a adopting at /w, 0 create b adopting at /w, 1 a prepared, 2 create b adopting at /w, \
         3 create c adopting at /v, 4 a close 1 smart, 5 a op 1 closed, 6 create b adopting at /w",
        "
0 create a adopting at /w  a preparing, env preparing; Prepare
0 create b adopting at /w  rejected: worktree-held
1 a prepared               a ended (interrupted: adopted), env held
2 create b adopting at /w  rejected: worktree-held
3 create c adopting at /v  c preparing, env preparing; Prepare
4 a close 1 smart          a ended (interrupted: adopted), env closing; Close smart
5 a op 1 closed            a ended (interrupted: adopted), env closed
6 create b adopting at /w  b preparing, env preparing; Prepare",
    );
}

#[test]
fn a_worktree_in_which_a_run_works_in_place_is_not_taken_over() {
    check(
        ONE,
        "0 create a in-place at /w, 1 create b adopting at /w",
        "
0 create a in-place at /w  a preparing, env preparing; Prepare
1 create b adopting at /w  rejected: worktree-held",
    );
}

#[test]
fn two_worktrees_are_taken_over_side_by_side() {
    check(
        ONE,
        "0 create a adopting at /v, 0 create b adopting at /w, 1 b prepared, 1 a prepared",
        "
0 create a adopting at /v  a preparing, env preparing; Prepare
0 create b adopting at /w  b preparing, env preparing; Prepare
1 b prepared               b ended (interrupted: adopted), env held
1 a prepared               a ended (interrupted: adopted), env held",
    );
}

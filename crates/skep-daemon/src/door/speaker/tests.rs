use super::*;

#[test]
fn who_is_gone_or_whose_pid_is_anothers_by_now_is_nobodys_person() {
    let me = tree::identity(std::process::id()).unwrap();
    let nowhere = Path::new("/nowhere/runs");
    let parent = tree::identity(tree::ancestors(me.pid)[0]).unwrap();
    let seen = |pid, process| Peer { pid, process }.speaks_as(nowhere);
    assert_eq!(seen(parent.pid, Some(parent)), Speaker::Person);
    assert_eq!(seen(parent.pid, None), Speaker::Gone);
    let other = Process { started: parent.started + 1, ..parent };
    assert_eq!(seen(parent.pid, Some(other)), Speaker::Gone);
    assert_eq!(Peer::of(u32::MAX).speaks_as(nowhere), Speaker::Gone);
}

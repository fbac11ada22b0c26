use super::*;

fn run() -> RunId {
    "run_0123456789".parse().unwrap()
}

#[test]
fn a_socket_lies_in_the_home_where_its_path_is_short_enough() {
    let home = Home::new(Path::new("/home/a/.local/state/skep"), 1000);
    assert_eq!(home.daemon_socket(), Path::new("/home/a/.local/state/skep/s/daemon.sock"));
}

#[test]
fn no_socket_path_is_ever_too_long_and_two_deep_homes_do_not_share_one() {
    let deep = |name: &str| Home::new(Path::new(&format!("/{}/{name}", "long/".repeat(30))), 1000);
    let (one, two) = (deep("one"), deep("two"));
    for home in [&one, &two] {
        assert!(home.control_socket(&run(), u32::MAX).as_os_str().len() <= SOCKET_LIMIT);
    }
    assert_ne!(one.sockets(), two.sockets());
    assert_eq!(one.sockets(), deep("one").sockets());
}

#[test]
fn everything_of_a_run_lies_below_its_own_folder() {
    let home = Home::new(Path::new("/h"), 0);
    let folder = home.run(&run());
    for path in [
        home.prompt(&run()),
        home.asker_env(&run()),
        home.attempt(&run(), 2),
        home.effect_lock(&run()),
    ] {
        assert!(path.starts_with(&folder), "{}", path.display());
    }
}

use super::*;

const V1_ONLY: &str = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n";
const HYBRID: &str = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:5 - cgroup2 cgroup2 rw\n";
const CONTAINER: &str = "41 31 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup rw\n";

#[test]
fn our_group_is_found_by_the_mounts_and_not_by_a_guess() {
    let member = "4:memory:/x\n0::/user.slice/app.scope\n";
    assert_eq!(dir_of(V1_ONLY, member), None);
    assert_eq!(dir_of(HYBRID, "4:memory:/x\n"), None, "no membership in version 2");
    assert_eq!(
        dir_of(HYBRID, member).unwrap(),
        Path::new("/sys/fs/cgroup/unified/user.slice/app.scope")
    );
    assert_eq!(
        dir_of(CONTAINER, "0::/docker/abc/below\n").unwrap(),
        Path::new("/sys/fs/cgroup/below")
    );
    assert_eq!(dir_of(CONTAINER, "0::/elsewhere\n"), None, "a group outside of what is mounted");
}

#[test]
fn a_member_is_known_by_the_whole_mark() {
    assert!(names("0::/a/skep.run_1/below\n", "run_1"));
    assert!(!names("0::/a/skep.run_12\n", "run_1"));
    assert!(!names("0::/a/run_1\n", "run_1"));
    assert!(!names("1:name=x:/skep.run_1\n", "run_1"));
}

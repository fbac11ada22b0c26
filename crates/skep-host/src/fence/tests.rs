use std::{fs, io::ErrorKind, path::Path, process::Command, thread};

use super::{Fence, is_possible};

/// Does `work` in a thread of its own behind a fence that lets it write below `dirs` only.
fn behind<T: Send>(dirs: &[&Path], work: impl FnOnce() -> T + Send) -> T {
    let fence = Fence { write: dirs.iter().map(|dir| (*dir).to_owned()).collect() };
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            fence.put_up().expect("this kernel puts up a fence");
            work()
        });
        inside.join().expect("what is behind a fence does not panic")
    })
}

#[test]
fn behind_a_fence_only_what_was_named_can_be_written() {
    if !is_possible() {
        return eprintln!("skipped: fence (this kernel has no Landlock)");
    }
    let root = tempfile::tempdir().expect("a folder");
    let (inside, outside) = (root.path().join("in"), root.path().join("out"));
    let named = root.path().join("named");
    fs::create_dir(&inside).expect("a folder");
    fs::create_dir(&outside).expect("a folder");
    fs::write(&named, "1").expect("a file");
    fs::write(outside.join("old"), "1").expect("a file");
    let seen = behind(&[&inside, &named], || {
        let kind = |result: std::io::Result<()>| result.map_err(|err| err.kind());
        [
            kind(fs::write(inside.join("new"), "1")),
            kind(fs::create_dir_all(inside.join("a/b"))),
            kind(fs::rename(inside.join("new"), inside.join("a/b/moved"))),
            kind(fs::write(&named, "2")),
            kind(fs::write(outside.join("new"), "1")),
            kind(fs::write(outside.join("old"), "2")),
            kind(fs::remove_file(outside.join("old"))),
            kind(fs::remove_file(&named)),
            kind(fs::rename(outside.join("old"), inside.join("taken"))),
            kind(std::os::unix::fs::symlink(&outside, inside.join("way-out"))),
            kind(fs::write(inside.join("way-out/new"), "1")),
            kind(fs::read(outside.join("old")).map(drop)),
        ]
    });
    let no = Err(ErrorKind::PermissionDenied);
    let ok = Ok(());
    let expected = [ok, ok, ok, ok, no, no, no, no, no, ok, no, ok];
    assert_eq!(seen, expected);
    assert_eq!(fs::read_to_string(outside.join("old")).expect("it is there"), "1");
    assert_eq!(fs::read_to_string(&named).expect("it is there"), "2");
}

#[test]
fn a_program_that_is_started_behind_a_fence_stays_behind_it() {
    if !is_possible() {
        return eprintln!("skipped: fence (this kernel has no Landlock)");
    }
    let root = tempfile::tempdir().expect("a folder");
    let inside = root.path().join("in");
    fs::create_dir(&inside).expect("a folder");
    let shell = "touch in/a; (setsid sh -c 'touch out' || true); sh -c 'touch in/b'";
    behind(&[&inside, Path::new("/dev")], || {
        Command::new("sh")
            .args(["-c", shell])
            .current_dir(root.path())
            .output()
            .expect("a shell can be started")
    });
    let names = |dir: &Path| {
        let mut names: Vec<String> = fs::read_dir(dir)
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(root.path()), ["in"]);
    assert_eq!(names(&inside), ["a", "b"]);
}

#[test]
fn what_is_not_there_when_the_fence_goes_up_stays_outside() {
    if !is_possible() {
        return eprintln!("skipped: fence (this kernel has no Landlock)");
    }
    let root = tempfile::tempdir().expect("a folder");
    let later = root.path().join("later");
    let made = behind(&[&later], || fs::create_dir(&later).map_err(|err| err.kind()));
    assert_eq!(made, Err(ErrorKind::PermissionDenied));
}

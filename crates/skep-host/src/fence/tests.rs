use std::{fs, io::ErrorKind, path::Path, thread};

use super::{Fence, is_possible};
use crate::proc::command;

/// What any program does, in the test's own process.
fn write(path: impl AsRef<std::path::Path>, text: impl AsRef<[u8]>) -> std::io::Result<()> {
    use std::io::Write;
    fs::File::create(path)?.write_all(text.as_ref())
}

/// Does `work` in a thread of its own behind a fence that lets it write below `dirs` only.
fn behind<T: Send>(dirs: &[&Path], work: impl FnOnce() -> T + Send) -> T {
    let write = dirs.iter().map(|dir| (*dir).to_owned()).collect();
    inside(&Fence { write, ..Fence::default() }, work)
}

fn inside<T: Send>(fence: &Fence, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            fence.put_up().expect("this kernel puts up a fence");
            work()
        });
        inside.join().expect("what is behind a fence does not panic")
    })
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skipped() {
    eprintln!("skipped: fence (this kernel has no Landlock)");
}

#[test]
fn behind_a_fence_only_what_was_named_can_be_written() {
    if !is_possible() {
        return skipped();
    }
    let root = tempfile::tempdir().expect("a folder");
    let (inside, outside) = (root.path().join("in"), root.path().join("out"));
    let named = root.path().join("named");
    fs::create_dir(&inside).expect("a folder");
    fs::create_dir(&outside).expect("a folder");
    write(&named, "1").expect("a file");
    write(outside.join("old"), "1").expect("a file");
    let seen =
        behind(&[&inside, &named, &named.join("no/folder"), &root.path().join("nothing")], || {
            let kind = |result: std::io::Result<()>| result.map_err(|err| err.kind());
            [
                kind(write(inside.join("new"), "1")),
                kind(fs::create_dir_all(inside.join("a/b"))),
                kind(fs::rename(inside.join("new"), inside.join("a/b/moved"))),
                kind(write(&named, "2")),
                kind(write(outside.join("new"), "1")),
                kind(write(outside.join("old"), "2")),
                kind(fs::remove_file(outside.join("old"))),
                kind(fs::remove_file(&named)),
                kind(fs::rename(outside.join("old"), inside.join("taken"))),
                kind(std::os::unix::fs::symlink(&outside, inside.join("way-out"))),
                kind(write(inside.join("way-out/new"), "1")),
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
        return skipped();
    }
    let root = tempfile::tempdir().expect("a folder");
    let inside = root.path().join("in");
    fs::create_dir(&inside).expect("a folder");
    let shell = "touch in/a; (setsid sh -c 'touch out' || true); sh -c 'touch in/b'";
    behind(&[&inside, Path::new("/dev")], || {
        command("sh")
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
        return skipped();
    }
    let root = tempfile::tempdir().expect("a folder");
    let later = root.path().join("later");
    let made = behind(&[&later], || fs::create_dir(&later).map_err(|err| err.kind()));
    assert_eq!(made, Err(ErrorKind::PermissionDenied));
}

#[test]
fn in_a_plain_folder_files_and_folders_may_stand_and_no_links() {
    if !is_possible() {
        return skipped();
    }
    let root = tempfile::tempdir().expect("a folder");
    let (free, plain) = (root.path().join("free"), root.path().join("plain"));
    fs::create_dir(&free).expect("a folder");
    fs::create_dir(&plain).expect("a folder");
    let fence = Fence { write: vec![free.clone()], plain: vec![plain.clone()], ..Fence::default() };
    let seen = inside(&fence, || {
        [
            fs::create_dir(plain.join("a")).is_ok(),
            write(plain.join("a/b"), "1").is_ok(),
            fs::rename(plain.join("a/b"), plain.join("c")).is_ok(),
            std::os::unix::fs::symlink("/etc", free.join("l")).is_ok(),
            std::os::unix::fs::symlink("/etc", plain.join("l")).is_ok(),
            fs::rename(free.join("l"), plain.join("l")).is_ok(),
        ]
    });
    assert_eq!(seen, [true, true, true, true, false, false]);
}

#[test]
fn behind_a_fence_of_reading_nothing_else_is_read_or_started() {
    if !is_possible() {
        return skipped();
    }
    let root = tempfile::tempdir().expect("a folder");
    let (own, open, shut) =
        (root.path().join("own"), root.path().join("open"), root.path().join("shut"));
    for dir in [&own, &open, &shut] {
        fs::create_dir(dir).expect("a folder");
        write(dir.join("x"), "1").expect("a file");
        fs::copy("/bin/true", dir.join("true")).expect("a program");
    }
    let system = ["/usr", "/lib", "/lib64", "/bin", "/etc", "/dev/null"].map(Into::into);
    let read = system.into_iter().chain([open.clone()]).collect();
    let fence = Fence { write: vec![own.clone()], plain: Vec::new(), read: Some(read) };
    let seen = inside(&fence, || {
        let starts = |path: &Path| command(path.join("true")).status().is_ok();
        [
            fs::read(own.join("x")).is_ok(),
            fs::read(open.join("x")).is_ok(),
            starts(&open),
            write(open.join("x"), "2").is_ok(),
            fs::read(shut.join("x")).is_ok(),
            fs::read_dir(&shut).is_ok(),
            starts(&shut),
            fs::hard_link(shut.join("x"), own.join("taken")).is_ok(),
            fs::rename(shut.join("x"), own.join("taken")).is_ok(),
        ]
    });
    assert_eq!(seen, [true, true, true, false, false, false, false, false, false]);
}

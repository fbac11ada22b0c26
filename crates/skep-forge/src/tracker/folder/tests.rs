//! What a file of issues may say, and what is no file of issues.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

fn folder(text: &[u8]) -> (tempfile::TempDir, PathBuf, Folder, Reference) {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("issues");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, fs::Permissions::from_mode(0o755)).unwrap();
    let file = root.join("slow.md");
    skep_host::paths::write_atomically(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let reference = Reference::Folder { folder: "notes".to_owned(), file: "slow".to_owned() };
    let folder = Folder::new("notes", &root);
    (dir, root, folder, reference)
}

fn read(text: &str) -> Result<Issue, TrackerError> {
    let (_dir, _, folder, reference) = folder(text.as_bytes());
    folder.issue(&reference)
}

#[test]
fn the_head_says_title_state_author_and_labels() {
    let issue = read("---\r\ntitle: \"It is slow\"\r\nstate: in_progress\r\nauthor: ada\r\nlabels: [bug, 'agent:headless']\r\nextra: 1\r\n---\r\n\r\n# Where\r\nHere.\r\n").unwrap();
    assert_eq!(
        (issue.title.as_str(), issue.author.as_str(), issue.open),
        ("It is slow", "ada", true)
    );
    assert_eq!(issue.labels, ["bug", "agent:headless"]);
    assert_eq!(issue.body.replace('\r', ""), "# Where\nHere.");
    let listed = read("---\nlabels:\n  - bug\n  - agent:consult\nstate: open\n---\nx").unwrap();
    assert_eq!(
        (listed.labels.len(), listed.title.as_str(), listed.body.as_str()),
        (2, "slow", "x")
    );
    for (state, open) in [
        ("", true),
        ("open", true),
        ("Blocked", true),
        ("closed", false),
        ("done", false),
        ("opne", false),
        ("open # no", false),
    ] {
        assert_eq!(read(&format!("---\nstate: {state}\n---\nx")).unwrap().open, open, "{state}");
    }
    assert!(matches!(read("---\nstate: open\nx"), Err(TrackerError::Unreadable { .. })));
    assert_eq!(read("").unwrap().title, "slow");
}

#[test]
fn a_file_without_an_author_is_the_persons_where_nobody_else_can_have_written_it() {
    let (_dir, root, folder, reference) = folder(b"# x\n");
    let association = || folder.issue(&reference).unwrap().association;
    let mode =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    assert_eq!(association(), Association::Owner);
    mode(&root.join("slow.md"), 0o666);
    assert_eq!(association(), Association::Unknown);
    mode(&root.join("slow.md"), 0o644);
    mode(&root, 0o777);
    assert_eq!(association(), Association::Unknown);
    mode(&root, 0o755);
    skep_host::paths::write_atomically(&root.join("slow.md"), b"---\nauthor: mallory\n---\n# x\n")
        .unwrap();
    assert_eq!(association(), Association::Unknown);
}

#[test]
fn links_pipes_folders_and_files_of_two_names_are_no_issues() {
    let (dir, root, folder, _) = folder(b"# x\n");
    let secret = dir.path().join("secret");
    skep_host::paths::write_atomically(&secret, b"hidden").unwrap();
    symlink(&secret, root.join("link.md")).unwrap();
    symlink("/nowhere", root.join("dangling.md")).unwrap();
    fs::create_dir(root.join("dir.md")).unwrap();
    fs::hard_link(&secret, root.join("hard.md")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("pipe.md"),
        rustix::fs::FileType::Fifo,
        0o600.into(),
        0,
    )
    .unwrap();
    for file in ["link", "dangling", "dir", "hard", "pipe"] {
        let reference = Reference::Folder { folder: "notes".to_owned(), file: file.to_owned() };
        let err = folder.issue(&reference).unwrap_err();
        assert_eq!(err.slug(), "issue-folder", "{file}: {err}");
        assert_eq!(
            folder.comment(&reference, "x", "k").unwrap_err().slug(),
            "issue-folder",
            "{file}"
        );
        assert_eq!(
            folder.set_status(&reference, Status::Closed).unwrap_err().slug(),
            "issue-folder"
        );
    }
    assert_eq!(fs::read_to_string(&secret).unwrap(), "hidden");
    // Names that no reference has are not looked for, whoever made them up.
    for file in ["../secret", "/etc/passwd", "..", ".hidden", "-x", "a/b", "a\0b"] {
        let reference = Reference::Folder { folder: "notes".to_owned(), file: file.to_owned() };
        assert_eq!(folder.issue(&reference).unwrap_err().slug(), "issue-elsewhere", "{file}");
    }
    let linked = dir.path().join("linked");
    symlink(&root, &linked).unwrap();
    let reference = Reference::Folder { folder: "notes".to_owned(), file: "slow".to_owned() };
    for (root, why) in
        [(&linked, "link"), (&secret, "no folder"), (&dir.path().join("none"), "not there")]
    {
        let err = Folder::new("notes", root).issue(&reference).unwrap_err();
        assert!(err.slug() == "issue-folder" && err.to_string().contains(why), "{err}");
        assert!(Folder::new("notes", root).comment(&reference, "x", "k").is_err());
    }
    assert!(!dir.path().join("none").exists());
}

#[test]
fn a_write_keeps_what_it_does_not_change_and_the_files_rights() {
    let text = "---\n# mine\nstate: open\nextra: [1]\n---\n\n# x\r\n\n  body ü\n";
    let (_dir, root, folder, reference) = folder(text.as_bytes());
    folder.set_status(&reference, Status::Blocked).unwrap();
    let file = root.join("slow.md");
    let after = fs::read_to_string(&file).unwrap();
    assert_eq!(after, "---\n# mine\nextra: [1]\nstate: blocked\n---\n\n# x\r\n\n  body ü\n");
    let inode = fs::metadata(&file).unwrap().ino();
    folder.set_status(&reference, Status::Blocked).unwrap();
    assert_eq!(
        fs::metadata(&file).unwrap().ino(),
        inode,
        "nothing is written where nothing changes"
    );
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    folder.comment(&reference, "said\n", "op_1").unwrap();
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.ends_with("  body ü\n\n<!-- skep:comment op_1 -->\n\nsaid\n"), "{after}");
    let names: Vec<_> = fs::read_dir(&root).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "the file and the lock: {names:?}");
}

#[test]
fn what_is_no_text_is_read_and_never_written() {
    let bytes = b"# x\n\xff\xfe\0 end\n";
    let (_dir, root, folder, reference) = folder(bytes);
    assert!(folder.issue(&reference).unwrap().body.contains("end"));
    assert_eq!(folder.comment(&reference, "x", "k").unwrap_err().slug(), "issue-unreadable");
    assert_eq!(fs::read(root.join("slow.md")).unwrap(), bytes);
    let large = vec![b'a'; usize::try_from(MOST).unwrap() + 1];
    skep_host::paths::write_atomically(&root.join("slow.md"), &large).unwrap();
    assert_eq!(folder.issue(&reference).unwrap_err().slug(), "issue-unreadable");
}

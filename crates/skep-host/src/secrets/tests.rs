use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use super::{Reference, SecretError, folder, held, hold, keep_only, let_go};

fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn references_are_read_and_nothing_else_is() {
    for (text, read) in [
        ("env:GITHUB_TOKEN", Reference::Env("GITHUB_TOKEN".to_owned())),
        ("file:~/.secrets/x y", Reference::File("~/.secrets/x y".to_owned())),
        (
            "cmd:pass show 'a b'",
            Reference::Command(["pass", "show", "a b"].map(str::to_owned).into()),
        ),
    ] {
        assert_eq!(Reference::parse(text).unwrap(), read, "{text}");
    }
    for text in [
        "",
        "x",
        "ghp_abc",
        "env:",
        "env:A B",
        "env:$X",
        "file:relative",
        "file:../x",
        "cmd:",
        "cmd:'",
        "cmd:''",
        "https://x",
        "file:/a\nb",
    ] {
        let err = Reference::parse(text).unwrap_err();
        assert!(matches!(err, SecretError::Reference(_)), "{text}");
    }
}

#[test]
fn a_reference_is_followed_and_the_newline_at_its_end_is_none_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    fs::write(&path, "very secret\n").unwrap();
    let home = dir.path().to_str().unwrap();
    let vars = vars(&[("HOME", home), ("PATH", "/usr/bin:/bin"), ("X", "it")]);
    let follow = |text: &str| Reference::parse(text).unwrap().follow("NAME", &vars, &[]);
    assert_eq!(follow("env:X").unwrap(), "it");
    assert_eq!(follow("file:~/key").unwrap(), "very secret");
    assert_eq!(follow(&format!("file:{}", path.display())).unwrap(), "very secret");
    assert_eq!(follow("cmd:cat key").unwrap(), "very secret", "in the person's home");
    assert_eq!(follow("cmd:printf %s '$HOME;id'").unwrap(), "$HOME;id", "no shell");
}

#[test]
fn what_is_not_there_is_said_without_what_was_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("empty"), "\n").unwrap();
    let vars = vars(&[("HOME", dir.path().to_str().unwrap()), ("PATH", "/usr/bin:/bin")]);
    for (text, why) in [
        ("env:X", "X is not set"),
        ("file:~/none", "No such file"),
        ("file:~/empty", "empty"),
        ("file:/dev/zero", "no file"),
        ("cmd:no-such-program-here", "no program `no-such-program-here` on the PATH"),
        ("cmd:sh -c 'echo hush >&2; echo hush; exit 3'", "`sh` left with code 3"),
    ] {
        let err = Reference::parse(text).unwrap().follow("NAME", &vars, &[]).unwrap_err();
        assert_eq!(err.slug(), "secret-absent", "{text}");
        let told = err.to_string();
        assert!(told.contains(why) && told.contains("`NAME`"), "{text}: {told}");
        assert!(!told.contains("hush"), "{told}");
    }
}

#[test]
fn what_is_held_lies_in_memory_and_is_its_owners_alone() {
    let root = tempfile::tempdir().unwrap();
    let folder = folder(root.path()).unwrap();
    assert!(folder.starts_with("/run/user") || folder.starts_with("/dev/shm"), "{folder:?}");
    assert_eq!(super::folder(root.path()).unwrap(), folder);
    let values = vars(&[("A", "one"), ("B", "two\"")]);
    hold(&folder, "run_1", &values).unwrap();
    hold(&folder, "run_2", &values).unwrap();
    assert_eq!(held(&folder, "run_1").unwrap(), values);
    assert_eq!(held(&folder, "run_3").unwrap(), BTreeMap::new());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("run_1"))), (0o700, 0o600));
    keep_only(&folder, &["run_2".to_owned()]).unwrap();
    assert_eq!(held(&folder, "run_1").unwrap(), BTreeMap::new());
    assert_eq!(held(&folder, "run_2").unwrap(), values);
    let_go(&folder, "run_2").unwrap();
    let_go(&folder, "run_2").unwrap();
    assert!(!folder.exists());
}

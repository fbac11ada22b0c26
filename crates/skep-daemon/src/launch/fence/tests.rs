use std::{fs, os::unix::fs::symlink, path::Path};

use super::reading::{around, without};

/// What any program does, in the test's own process.
fn write(path: impl AsRef<std::path::Path>, text: impl AsRef<[u8]>) -> std::io::Result<()> {
    use std::io::Write;
    fs::File::create(path)?.write_all(text.as_ref())
}

#[test]
fn a_folder_with_a_secret_in_it_is_opened_without_it_and_without_links() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().canonicalize().unwrap().join(path);
    for dir in ["tools/bin", "tools/deep/er", "secret"] {
        fs::create_dir_all(at(dir)).unwrap();
    }
    for file in ["tools/credentials", "tools/deep/key", "tools/deep/er/x"] {
        write(at(file), "").unwrap();
    }
    symlink(at("secret"), at("tools/way")).unwrap();
    let secret = [at("tools/credentials"), at("tools/deep/key"), at("secret")];
    let mut open = without(&at("tools"), &secret, 8);
    open.sort();
    assert_eq!(open, [at("tools/bin"), at("tools/deep/er")]);
    assert_eq!(without(&at("secret/below"), &secret, 8), Vec::<std::path::PathBuf>::new());
    assert_eq!(without(&at("tools/bin"), &secret, 8), [at("tools/bin")]);
}

#[test]
fn around_a_folder_of_programs_lies_its_tool_and_never_a_home() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().canonicalize().unwrap();
    for dir in ["bin", ".local/bin", "tool/bin", "project/node_modules/.bin"] {
        fs::create_dir_all(home.join(dir)).unwrap();
    }
    let around = |dir: &str| around(&home.join(dir), Some(&home));
    assert_eq!(around("bin"), [home.join("bin")]);
    assert_eq!(around(".local/bin"), [home.join(".local/bin")]);
    assert_eq!(around("tool/bin"), [home.join("tool"), home.join("tool/bin")]);
    let modules = home.join("project/node_modules");
    assert_eq!(around("project/node_modules/.bin"), [modules.clone(), modules.join(".bin")]);
    assert!(super::reading::around(Path::new("bin"), Some(&home)).is_empty());
}

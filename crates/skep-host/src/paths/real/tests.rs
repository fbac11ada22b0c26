//! Where paths lead, on a real disk.

use std::os::unix::fs::symlink;

use skep_testkit::Place;

use super::*;

#[test]
fn a_path_leads_where_its_links_do_and_what_is_not_there_yet_is_kept() {
    let place = Place::new();
    let root = place.root().canonicalize().unwrap();
    place.write("web/src/a.rs", "a");
    symlink("web", root.join("alias")).unwrap();
    symlink(root.join("web/src"), root.join("web/lib")).unwrap();
    symlink("nowhere/yet", root.join("web/dangling")).unwrap();
    for (asked, wanted) in [
        ("web/src/a.rs", "web/src/a.rs"),
        ("alias/src/a.rs", "web/src/a.rs"),
        ("web/lib/a.rs", "web/src/a.rs"),
        ("web/lib/new/b.rs", "web/src/new/b.rs"),
        // A link's `..` is that of where it leads.
        ("alias/lib/../doc", "web/doc"),
        ("web/src/./new/../../doc/", "web/doc"),
        ("web/none/../src/a.rs", "web/src/a.rs"),
        ("web/dangling/x", "web/nowhere/yet/x"),
    ] {
        assert_eq!(real(&root.join(asked)).unwrap(), root.join(wanted), "{asked}");
    }
    assert_eq!(real(Path::new("/../..")).unwrap(), Path::new("/"));
}

#[test]
fn what_leads_nowhere_is_an_error_and_never_a_guess() {
    let place = Place::new();
    let root = place.root().canonicalize().unwrap();
    place.write("a.txt", "a");
    symlink("b", root.join("a")).unwrap();
    symlink("a", root.join("b")).unwrap();
    assert!(matches!(real(&root.join("a.txt/b")), Err(RealError::Through(_))));
    assert!(matches!(real(&root.join("a.txt/../b.txt")), Err(RealError::Through(_))));
    assert!(matches!(real(&root.join("a/x")), Err(RealError::Circle(_))));
    let long = "x".repeat(300);
    assert!(matches!(real(&root.join(long)), Err(RealError::Io { .. })));
}

#[test]
fn where_case_does_not_count_a_name_is_spelled_as_its_folder_has_it() {
    let of = |name: &str, entries: &[(&str, bool)]| {
        let entries = entries.iter().map(|(name, is)| (OsString::from(name), *is));
        spelled(OsStr::new(name), entries).into_string().unwrap()
    };
    assert_eq!(of("SRC", &[("doc", false), ("src", true)]), "src");
    assert_eq!(of("SRC", &[("SRC", true), ("src", true)]), "SRC", "two names of one file");
    assert_eq!(of("SRC", &[("other", true), ("src", true)]), "src");
    assert_eq!(of("SRC", &[]), "SRC", "it went meanwhile");
    assert_eq!(swapped(OsStr::new("Src-1")), OsStr::new("sRC-1"));
}

use super::*;

#[test]
fn what_stands_is_named_the_newest_commit_first_and_a_cut_list_says_how_many_there_are() {
    let place = Place::new();
    let repo = place.repo("web");
    let base = repo.head();
    repo.git(&["checkout", "--quiet", "-b", "work"]);
    for subject in ["one", "two\tparts", "-three"] {
        repo.write("file", subject);
        repo.git(&["add", "-A"]);
        repo.git(&["commit", "--quiet", &format!("--message={subject}")]);
    }
    repo.write("file", "changed");
    repo.write("new \"file\"\n.txt", "x");
    let seen = standing(&git(&place), repo.path(), &base, 2).unwrap();
    assert_eq!(seen.branch.as_deref(), Some("work"));
    let subjects: Vec<&str> = seen.commits.iter().map(|(_, subject)| subject.as_str()).collect();
    assert_eq!(subjects, ["-three", "two\tparts"]);
    assert!(seen.commits.iter().all(|(oid, _)| oid.len() == 10));
    assert_eq!(seen.ahead, 3);
    assert_eq!(seen.dirty, [Path::new("file"), Path::new("new \"file\"\n.txt")]);
}

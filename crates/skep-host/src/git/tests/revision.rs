use super::*;

#[test]
fn a_file_of_a_commit_is_read_as_it_stands_there_whatever_stands_in_for_it() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.commit_file("gates", "real\n");
    repo.write("other", "easy\n");
    let blob = repo.git(&["rev-parse", "HEAD:gates"]);
    let other = repo.git(&["hash-object", "-w", "other"]);
    repo.git(&["replace", &blob, &other]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let read = |path: &str| file_at(&git(&place), &found, &repo.head(), path).unwrap();
    assert_eq!(read("gates").as_deref(), Some(b"real\n".as_slice()));
    assert_eq!(read("other"), None);
    assert_eq!(read("ga*"), None, "no pattern");
}

#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.commit_file("gates", "real\n");
    let blob = repo.git(&["rev-parse", "HEAD:gates"]);
    let object = repo.path().join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    std::fs::remove_file(object).unwrap();
    let found = discover(&git(&place), repo.path()).unwrap();
    assert!(file_at(&git(&place), &found, &repo.head(), "gates").is_err());
    assert_eq!(file_at(&git(&place), &found, &repo.head(), "none").unwrap(), None);
}

#[test]
fn a_branch_is_found_by_its_whole_name_and_by_nothing_else() {
    let place = Place::new();
    let repo = place.repo("r");
    repo.git(&["branch", "feat/one"]);
    repo.git(&["tag", "v1"]);
    let found = discover(&git(&place), repo.path()).unwrap();
    let named = |name: &str| branch(&git(&place), &found, name).unwrap();
    assert_eq!(named("feat/one"), Some(repo.head()));
    for none in ["feat", "feat/", "feat/*", "*", "f?at/one", "feat/one^{commit}", "v1", "", "a\nb"]
    {
        assert_eq!(named(none), None, "{none:?}");
    }
    // What git cannot answer is no "there is none".
    std::fs::remove_file(repo.path().join(".git/HEAD")).unwrap();
    assert_eq!(branch(&git(&place), &found, "feat/one").unwrap_err().slug(), "git-failed");
}

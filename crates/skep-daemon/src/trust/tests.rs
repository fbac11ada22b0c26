use skep_host::foreign::Before;

use super::*;

struct Place {
    dir: tempfile::TempDir,
    home: Home,
    run: RunId,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(&dir.path().join("home"), 1000);
        let run: RunId = "run_7k2m9qx4ab".parse().unwrap();
        paths::create_private_dir(&home.run(&run)).unwrap();
        let place = Place { dir, home, run };
        paths::write_atomically(&place.file(), TEXT.as_bytes()).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join(".claude.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn trust(&self, dir: &str) {
        foreign::trust(&self.file(), &[dir], |entry| note(&self.home, &self.run, entry)).unwrap();
    }
}

const TEXT: &str = "{\n  \"big\": 123456789012345678901,\n  \"projects\": {}\n}\n";

#[test]
fn what_was_given_for_a_run_is_written_down_first_and_taken_back_once() {
    let place = Place::new();
    place.trust("/env/a");
    place.trust("/env/b");
    assert_eq!(recorded(&place.home), std::slice::from_ref(&place.run));
    assert!(place.text().contains("/env/a"));
    take_back(&place.home, &place.run).unwrap();
    assert_eq!(place.text(), TEXT);
    assert!(recorded(&place.home).is_empty());
    take_back(&place.home, &place.run).unwrap();
}

#[test]
fn what_was_noted_and_never_given_is_taken_back_as_nothing() {
    let place = Place::new();
    let entry = Entry { file: place.file(), dir: "/env/a".to_owned(), before: Before::Nothing };
    note(&place.home, &place.run, &entry).unwrap();
    take_back(&place.home, &place.run).unwrap();
    assert_eq!(place.text(), TEXT);
}

#[test]
fn a_second_note_of_the_same_entry_does_not_forget_what_was_there_first() {
    let place = Place::new();
    let entry = |before| Entry { file: place.file(), dir: "/env/a".to_owned(), before };
    note(&place.home, &place.run, &entry(Before::Nothing)).unwrap();
    note(&place.home, &place.run, &entry(Before::No)).unwrap();
    let record = read(&record_of(&place.home, &place.run)).unwrap().unwrap();
    assert_eq!(record.entries, [entry(Before::Nothing)]);
}

#[test]
fn what_cannot_be_taken_back_stays_written_down_and_the_close_says_so() {
    let place = Place::new();
    place.trust("/env/a");
    paths::write_atomically(&place.file(), b"{\"projects\": 7}").unwrap();
    let closed = OpResult::Closed {
        kept_branch: None,
        trash: None,
        text: "gone".to_owned(),
        merged: None,
        snapshot: None,
        unsettled: false,
    };
    let OpResult::Closed { text, .. } = after_close(&place.home, &place.run, closed) else {
        panic!("it is closed all the same");
    };
    assert!(text.contains("settings is left") && text.contains("projects"), "{text}");
    assert_eq!(place.text(), "{\"projects\": 7}");
    assert_eq!(recorded(&place.home), std::slice::from_ref(&place.run));
}

use std::{
    fs::File,
    os::unix::fs::symlink,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
};

use super::*;

/// A file as Claude Code writes it, with a number that no float holds.
const FILE: &str = r#"{
  "numStartups": 7,
  "big": 12345678901234567890123,
  "tiny": 1.10,
  "projects": {
    "/src/web": {
      "allowedTools": [],
      "hasTrustDialogAccepted": true,
      "history": ["a", "b"]
    },
    "/src/never": {
      "hasTrustDialogAccepted": false,
      "lastCost": 0.10
    }
  },
  "userID": "x"
}
"#;

struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new(text: &str) -> Home {
        let home = Home { dir: tempfile::tempdir().unwrap() };
        put(&home.file(), text);
        home
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("claude.json")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn trust(&self, dirs: &[&str]) -> Result<Trust, ForeignError> {
        trust(&self.file(), dirs, |_| Ok(()))
    }

    fn given(&self, dir: &str) -> Entry {
        let trust = self.trust(&[dir]).unwrap();
        let Trust::Given(entry) = trust else { panic!("{trust:?}") };
        entry
    }

    fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.text()).unwrap()
    }
}

fn put(path: &Path, text: &str) {
    paths::write_atomically(path, text.as_bytes()).unwrap();
}

#[test]
fn a_file_that_is_not_there_is_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("claude.json");
    assert_eq!(trust(&file, &["/w"], |_| Ok(())).unwrap(), Trust::NoFile);
    let entry = Entry { file, dir: "/w".to_owned(), before: Before::Nothing };
    assert!(!withdraw(&entry).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_no_becomes_a_yes_and_every_other_byte_stays() {
    let home = Home::new(FILE);
    let entry = home.given("/src/never");
    assert_eq!(entry.before, Before::No);
    let wanted = FILE.replace("hasTrustDialogAccepted\": false", "hasTrustDialogAccepted\": true");
    assert_eq!(home.text(), wanted);
    assert!(withdraw(&entry).unwrap());
    assert_eq!(home.text(), FILE);
}

#[test]
fn a_new_entry_stands_beside_the_others_and_goes_with_all_that_was_written_into_it() {
    let home = Home::new(FILE);
    let dir = "/env/a \"b\" $(touch x) ü\\";
    let entry = home.given(dir);
    assert_eq!(entry.before, Before::Nothing);
    assert_eq!(home.value()["projects"][dir]["hasTrustDialogAccepted"], true);
    assert!(home.text().contains("12345678901234567890123"), "{}", home.text());
    // Its program goes on to write there.
    put(&home.file(), &home.text().replacen("\"hasTrust", "\"lastCost\": 9, \"hasTrust", 1));
    assert!(withdraw(&entry).unwrap());
    let left = home.text().replacen("\"lastCost\": 9, ", "", 1);
    assert_eq!(left, FILE);
    assert!(!withdraw(&entry).unwrap(), "once is enough");
    assert_eq!(home.text().matches("/env/a").count(), 0);
}

#[test]
fn what_was_written_on_one_line_or_holds_nothing_yet_is_edited_as_well() {
    for text in ["{}", "{\"a\":1}", "{\"projects\":{},\"n\":18446744073709551616}", "{\n}\n"] {
        let home = Home::new(text);
        let entry = home.given("/w");
        assert_eq!(home.value()["projects"]["/w"]["hasTrustDialogAccepted"], true, "{text}");
        withdraw(&entry).unwrap();
        let mut left = home.value();
        let projects = left.as_object_mut().unwrap().remove("projects").unwrap();
        assert_eq!(projects, serde_json::json!({}), "{text}");
        assert_eq!(
            home.text().contains("18446744073709551616"),
            text.contains("18446744073709551616")
        );
    }
}

#[test]
fn an_entry_that_says_nothing_of_trust_says_nothing_again_afterwards() {
    let text = "{\"projects\": {\"/w\": {\"history\": [1]}}}";
    let home = Home::new(text);
    let entry = home.given("/w");
    assert_eq!(entry.before, Before::Unsaid);
    assert_eq!(home.value()["projects"]["/w"]["history"], serde_json::json!([1]));
    withdraw(&entry).unwrap();
    assert_eq!(home.value(), serde_json::from_str::<serde_json::Value>(text).unwrap());
}

#[test]
fn a_folder_that_is_trusted_already_or_whose_repository_is_leaves_the_file_untouched() {
    let home = Home::new(FILE);
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    File::options().write(true).open(home.file()).unwrap().set_modified(old).unwrap();
    assert_eq!(home.trust(&["/src/web"]).unwrap(), Trust::There);
    assert_eq!(home.trust(&["/env/w", "/src/web"]).unwrap(), Trust::There);
    assert_eq!(fs::metadata(home.file()).unwrap().modified().unwrap(), old);
    assert_eq!(fs::read_dir(home.dir.path()).unwrap().count(), 1, "not even a lock is left");
}

#[test]
fn what_is_of_another_shape_is_refused_and_stays_as_it_is() {
    let odd = [
        "[]",
        "",
        "no json",
        "{\"projects\": []}",
        "{\"projects\": \"/w\"}",
        "{\"projects\": {\"/w\": true}}",
        "{\"projects\": {\"/w\": {\"hasTrustDialogAccepted\": \"yes\"}}}",
        "{\"projects\": {}, \"projects\": {}}",
        "{\"projects\": {}, // one\n}",
        "{\"projects\": {},}",
    ];
    for text in odd {
        let home = Home::new(text);
        assert_eq!(home.trust(&["/w"]).unwrap_err().slug(), "foreign-config-shape", "{text}");
        // What is wrong with the whole is seen without a folder to ask for.
        assert!(is_trusted(&home.file(), &[]).is_err() || text.contains("/w\""), "{text}");
        let entry = Entry { file: home.file(), dir: "/w".to_owned(), before: Before::No };
        let withdrawn = withdraw(&entry);
        assert!(withdrawn.is_err() || text.contains("yes"), "{text}: {withdrawn:?}");
        if !text.contains("yes") {
            assert_eq!(home.text(), text);
        }
    }
    let bytes = Home::new("");
    fs::remove_file(bytes.file()).unwrap();
    symlink("/dev/null", bytes.file()).unwrap();
    assert_eq!(bytes.trust(&["/w"]).unwrap_err().slug(), "foreign-config-shape");
}

#[test]
fn the_mode_is_kept_and_a_link_is_followed_to_the_file_that_it_means() {
    let home = Home::new(FILE);
    let real = home.dir.path().join("dotfiles");
    fs::create_dir(&real).unwrap();
    let real = real.join("real.json");
    fs::rename(home.file(), &real).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).unwrap();
    symlink("dotfiles/real.json", home.file()).unwrap();
    let entry = home.given("/w");
    assert!(fs::symlink_metadata(home.file()).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(fs::read_to_string(&real).unwrap().contains("/w"));
    withdraw(&entry).unwrap();
    assert_eq!(fs::read_to_string(&real).unwrap(), FILE);
}

#[test]
fn what_is_about_to_be_changed_is_noted_first_and_without_the_note_nothing_is() {
    let home = Home::new(FILE);
    let noted = trust(&home.file(), &["/w"], |entry| {
        assert_eq!(entry.dir, "/w");
        assert_eq!(home.text(), FILE, "not changed yet");
        Err(PathError::Io {
            doing: "write",
            path: PathBuf::from("/note"),
            source: ErrorKind::StorageFull.into(),
        })
    });
    assert_eq!(noted.unwrap_err().slug(), "disk");
    assert_eq!(home.text(), FILE);
}

#[test]
fn two_writers_at_once_lose_nothing() {
    const EACH: usize = 8;
    let home = Arc::new(Home::new(FILE));
    let start = Arc::new(Barrier::new(4));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (home, start) = (Arc::clone(&home), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                for nth in 0..EACH {
                    let entry = home.given(&format!("/w/{writer}/{nth}"));
                    if nth % 2 == 1 {
                        assert!(withdraw(&entry).unwrap());
                    }
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let value = home.value();
    let projects = value["projects"].as_object().unwrap();
    assert_eq!(projects.len(), 2 + 4 * EACH / 2, "{projects:?}");
    assert!(!home.dir.path().join("claude.json.lock").exists());
}

#[test]
fn a_writer_that_keeps_no_lock_is_not_overwritten() {
    let home = Home::new(FILE);
    let quicker = std::cell::Cell::new(true);
    let given = trust(&home.file(), &["/w"], |_| {
        if quicker.replace(false) {
            put(&home.file(), &FILE.replace("\"numStartups\": 7", "\"numStartups\": 8"));
        }
        Ok(())
    });
    assert!(matches!(given.unwrap(), Trust::Given(_)));
    assert!(home.text().contains("\"numStartups\": 8"), "{}", home.text());
    assert!(home.text().contains("/w"));
}

#[test]
fn the_programs_own_lock_is_waited_for_and_one_whose_holder_is_gone_is_taken() {
    let home = Home::new(FILE);
    let lock = home.dir.path().join("claude.json.lock");
    fs::create_dir(&lock).unwrap();
    let (held, ours) = (lock.clone(), home.dir.path().join("claude.json.skep-lock"));
    let let_go = Arc::new(AtomicBool::new(false));
    let lets_go = Arc::clone(&let_go);
    let holder = thread::spawn(move || {
        // Ours is taken first: whoever has it waits for theirs.
        while !ours.exists() {
            thread::yield_now();
        }
        lets_go.store(true, Ordering::SeqCst);
        fs::remove_dir(held).unwrap();
    });
    home.given("/w");
    assert!(let_go.load(Ordering::SeqCst), "it did not wait");
    holder.join().unwrap();
    fs::create_dir(&lock).unwrap();
    let old = SystemTime::now() - STALE * 2;
    File::open(&lock).unwrap().set_modified(old).unwrap();
    home.given("/v");
    assert!(!lock.exists());
}

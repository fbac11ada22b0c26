//! Bundles: what stands in one, and that no secret does.

use std::{collections::BTreeMap, fs::File, io::Read, os::unix::fs::PermissionsExt, path::Path};

use flate2::read::GzDecoder;

use crate::home::{Home, text_of};

/// Have no word of any language in them, so that they are found where they are and nowhere else.
const IN_ENV: &str = "Zq7vT2mXw9LkP4sRb8Nc3HfY6dJg1Ae5";
const IN_FILE: &str = "hU4nQe8sWc1Vb7Ty2KpL9zMx5RgD3fJa";

/// The files of a bundle, by name.
fn unpacked(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut tar = tar::Archive::new(GzDecoder::new(File::open(path).unwrap()));
    let mut files = BTreeMap::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = Vec::new();
        entry.read_to_end(&mut text).unwrap();
        files.insert(name.strip_prefix("skep-bundle/").unwrap().to_owned(), text);
    }
    files
}

/// Whether half of it stands in these bytes.
fn tells(bytes: &[u8], secret: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let (one, other) = secret.split_at(secret.len() / 2);
    text.contains(one) || text.contains(other)
}

#[test]
fn a_bundle_has_what_happened_and_no_secret_of_the_environment_the_settings_or_an_agents_words() {
    let home = Home::new().var("DEPLOY_TOKEN", IN_ENV);
    home.repo();
    let file = home.write("keys/other", IN_FILE);
    let config = std::fs::read_to_string(home.at("c/config.toml")).unwrap_or_default();
    let of_settings = format!("{config}\n[secrets]\nOTHER_KEY = \"file:{file}\"\n");
    home.write("c/config.toml", &of_settings);
    let said = format!("say {IN_ENV} and {IN_FILE} and ghp_0123456789abcdefghijklmnopqrstuvwxyz");
    let run = home.run(
        &format!("use {IN_FILE}"),
        &[&said, "write a.txt x", "commit it", "say all done"],
        &["--name", "amber"],
    );
    let id = text_of(&run, "id");
    home.wait(&id, "ended");

    let path = home.at("report.tar.gz");
    let made = home.json(&["bundle", "amber", "--output", path.to_str().unwrap()]);
    let files = unpacked(&path);
    for name in [
        "INDEX.md",
        "versions.json",
        "doctor.json",
        "settings.json",
        "daemon.log",
        &format!("runs/{id}/view.json"),
        &format!("runs/{id}/events.jsonl"),
        &format!("runs/{id}/1/journal.jsonl"),
        &format!("runs/{id}/1/reports.jsonl"),
        &format!("runs/{id}/1/exit.json"),
    ] {
        assert!(
            files.get(name).is_some_and(|text| !text.is_empty() || name == "daemon.log"),
            "{name}"
        );
    }
    for (name, text) in &files {
        for secret in [IN_ENV, IN_FILE, "ghp_0123456789abc"] {
            assert!(!tells(text, secret), "{name}: {}", String::from_utf8_lossy(text));
        }
    }
    let text = |name: &str| String::from_utf8_lossy(&files[name]).into_owned();
    let journal = text(&format!("runs/{id}/1/journal.jsonl"));
    assert!(journal.contains("all done") && journal.contains("‹secret "), "{journal}");
    assert!(text(&format!("runs/{id}/events.jsonl")).contains("\"created\""));
    assert!(text("INDEX.md").contains("Not in it") && text("INDEX.md").contains("journal.jsonl"));
    assert!(text("settings.json").contains("OTHER_KEY"), "its reference is no secret");
    assert!(made["secrets"].as_u64().unwrap() >= 2, "{made}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

    let before = std::fs::read(&path).unwrap();
    home.skep(&["--json", "bundle", "--output", path.to_str().unwrap()])
        .refused(2, "bundle-exists");
    assert_eq!(std::fs::read(&path).unwrap(), before, "it is as it was");
    let nowhere = home.at("none/report.tar.gz");
    home.skep(&["--json", "bundle", "--output", nowhere.to_str().unwrap()])
        .refused(2, "bundle-unwritable");
    let other = home.at("other.tar.gz");
    home.skep(&["--json", "bundle", "nobody", "--output", other.to_str().unwrap()])
        .refused(2, "run-unknown");
    assert!(!other.exists(), "what is half there goes");
}

#[test]
fn a_bundle_is_made_where_no_daemon_answers() {
    let home = Home::new().var("SKEP_NO_DAEMON", "1");
    let path = home.at("report.tar.gz");
    let made = home.json(&["bundle", "--output", path.to_str().unwrap()]);
    assert!(made["left_out"].to_string().contains("runs and events"), "{made}");
    assert!(unpacked(&path).contains_key("doctor.json"));
}

//! Who is asked for an issue, and who is not; what hostile words make of what an agent gets.

use std::time::Duration;

use skep_testkit::{
    forges::{self, Face, Right, TOKEN},
    loopback::Told,
};

use super::*;
use crate::config;

mod hostile;

/// A person with a Forgejo, a GitHub and a folder of issues.
struct Person {
    dir: tempfile::TempDir,
    forgejo: forges::Forge,
    github: forges::Forge,
    vars: BTreeMap<String, String>,
}

impl Person {
    fn new() -> Person {
        let dir = tempfile::tempdir().unwrap();
        let (forgejo, github) =
            (forges::Forge::new(Face::Forgejo), forges::Forge::new(Face::Github));
        for forge in [&forgejo, &github] {
            forge.world().people.insert("ada".to_owned(), Right::Write);
        }
        let vars = [("HOME", dir.path().to_str().unwrap()), ("THE_TOKEN", TOKEN)];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let person = Person { dir, forgejo, github, vars };
        person.settings("owners = [\"team\"]");
        person
    }

    /// Writes the settings, with these lines in `[dispatch]`.
    fn settings(&self, lines: &str) {
        let (forgejo, github) = (self.forgejo.origin(), self.github.origin());
        let host = forgejo.trim_start_matches("http://");
        let text = format!(
            "[dispatch]\nforgejo = \"{forgejo}\"\n{lines}\n[dispatch.folders.notes]\npath = \"~/issues\"\n\
             [forge.\"{host}\"]\nkind = \"forgejo\"\nurl = \"{forgejo}\"\ntoken = \"env:THE_TOKEN\"\n\
             [forge.\"github.com\"]\nurl = \"{github}\"\ntoken = \"env:THE_TOKEN\"\n"
        );
        skep_host::paths::write_atomically(&self.dir.path().join("config.toml"), text.as_bytes())
            .unwrap();
    }

    fn admitted(&self, text: &str, mode: Mode) -> Result<(Admitted, Issue), NoIssue> {
        let settings = config::user(self.dir.path()).unwrap();
        let patience = Patience {
            tries: 1,
            first: Duration::from_millis(1),
            answer: Duration::from_secs(5),
            ..Patience::default()
        };
        Trackers::new(&settings, &self.vars).patient(patience).admitted(text, mode)
    }

    /// How many questions went to the Forgejo, and how many to GitHub.
    fn asked(&self) -> (usize, usize) {
        (self.forgejo.loopback().asked().len(), self.github.loopback().asked().len())
    }

    fn slug(&self, text: &str) -> String {
        self.admitted(text, Mode::Consult).unwrap_err().slug
    }
}

fn issue(forge: &forges::Forge, number: u64) {
    forge.world().issues.push(forges::Issue::new(number, "ada", "It is slow", "Count."));
}

#[test]
fn an_issue_of_a_foreign_owner_is_refused_and_nobody_is_asked() {
    let person = Person::new();
    issue(&person.forgejo, 7);
    issue(&person.github, 7);
    for text in [
        "other/tool#7",
        "TEAM/tool#7",
        "https://github.com/other/tool/issues/7",
        &format!("{}/other/tool/issues/7", person.forgejo.origin()),
    ] {
        assert_eq!(person.slug(text), "issue-owner", "{text}");
    }
    for text in [
        "team/..#7",
        "../tool#7",
        "team/tool/pull/7",
        "https://github.com/team/tool/pull/7",
        "",
        "7",
    ] {
        assert_eq!(person.slug(text), "issue-reference", "{text}");
    }
    person.settings("");
    assert_eq!(person.slug("team/tool#7"), "dispatch-unset");
    assert_eq!(person.asked(), (0, 0));
    person.settings("owners = [\"team\"]");
    assert!(person.admitted("team/tool#7", Mode::Consult).is_ok());
    assert!(person.asked().0 > 0);
}

#[test]
fn a_short_form_is_looked_for_at_the_forgejo_and_only_its_404_leads_to_github() {
    let person = Person::new();
    issue(&person.forgejo, 7);
    issue(&person.github, 7);
    issue(&person.github, 8);
    let (admitted, _) = person.admitted("team/tool#7", Mode::Consult).unwrap();
    assert_eq!((admitted.origin.platform, person.asked().1), (Platform::Forgejo, 0));
    let (admitted, issue) = person.admitted("team/tool#8", Mode::Consult).unwrap();
    assert_eq!((admitted.origin.platform, issue.platform), (Platform::Github, Platform::Github));
    assert_eq!(person.slug("team/tool#9"), "issue-not-found");
    let before = person.asked().1;
    let told = |status, text: &str| Told::json(status, &serde_json::json!({ "message": text }));
    for (fault, slug) in [
        (told(500, "404 Not Found"), "forge-broken"),
        (told(502, "issue #404"), "forge-broken"),
        (told(403, "404"), "forge-auth"),
        (told(410, "gone"), "forge-not-found"),
        (told(429, "404"), "forge-limited"),
        (Told::text(200, "text/html", "404 Not Found"), "forge-answer"),
        (Told::json(301, &"404".into()).with("location", "http://127.0.0.1:9/404"), "forge-moved"),
        (
            Told::json(307, &"404".into()).with("location", "/api/v1/repos/a/b/issues/8"),
            "forge-not-found",
        ),
        (Told::Lost, "forge-offline"),
        (Told::Cut, "forge-offline"),
    ] {
        person.forgejo.world().fault("GET", "/issues/8", false, fault.clone());
        assert_eq!(person.slug("team/tool#8"), slug, "{fault:?}");
        assert_eq!(person.asked().1, before, "GitHub is asked for nothing after {fault:?}");
    }
    // An address names its forge, and no other is asked.
    let (forgejo, _) = person.asked();
    assert!(person.admitted("https://github.com/team/tool/issues/7", Mode::Consult).is_ok());
    assert_eq!(person.asked().0, forgejo);
    let github = person.asked().1;
    assert_eq!(
        person.slug(&format!("{}/team/tool/issues/8", person.forgejo.origin())),
        "issue-not-found"
    );
    assert_eq!(person.asked().1, github);
}

#[test]
fn a_token_that_cannot_be_had_is_told_and_stands_in_no_error() {
    let mut person = Person::new();
    issue(&person.forgejo, 7);
    person.vars.remove("THE_TOKEN");
    let err = person.admitted("team/tool#7", Mode::Consult).unwrap_err();
    assert_eq!((err.slug.as_str(), person.asked()), ("forge-token", (0, 0)));
    person.vars.insert("THE_TOKEN".to_owned(), "wrong-and-s3cret".to_owned());
    let err = person.admitted("team/tool#7", Mode::Consult).unwrap_err();
    assert!(err.slug == "forge-auth" && !err.text.contains("s3cret"), "{err:?}");
}

#[test]
fn closed_moved_and_pull_request_issues_are_refused_at_both_forges() {
    for platform in [Platform::Forgejo, Platform::Github] {
        let person = Person::new();
        let forge = if platform == Platform::Forgejo { &person.forgejo } else { &person.github };
        let change = |change: &dyn Fn(&mut forges::Issue)| {
            forge.world().issues.clear();
            issue(forge, 7);
            change(forge.world().issue(7).unwrap());
        };
        change(&|_| {});
        assert!(person.admitted("team/tool#7", Mode::Consult).is_ok());
        change(&|issue| issue.closed = true);
        assert_eq!(person.slug("team/tool#7"), "issue-closed");
        change(&|issue| issue.change = true);
        assert_eq!(person.slug("team/tool#7"), "issue-is-change");
        change(&|issue| issue.moved = Some(("mallory".to_owned(), "trap".to_owned(), 7)));
        let err = person.admitted("team/tool#7", Mode::Consult).unwrap_err();
        assert_eq!(
            (err.slug.as_str(), err.text.as_str()),
            ("issue-moved", "`team/tool#7` is `mallory/trap#7` now")
        );
        change(&|issue| issue.author = "mallory".to_owned());
        assert_eq!(person.slug("team/tool#7"), "issue-author");
        // What strangers write below it is not for the agent.
        change(&|issue| {
            issue.words =
                ["ada", "mallory"].map(|name| (name.to_owned(), format!("{name} says"))).into();
        });
        let (_, issue) = person.admitted("team/tool#7", Mode::Consult).unwrap();
        assert_eq!((issue.comments.len(), issue.said), (1, 2));
    }
}

#[test]
fn a_file_of_a_folder_is_an_issue_too() {
    let person = Person::new();
    let root = person.dir.path().join("issues");
    std::fs::create_dir(&root).unwrap();
    skep_host::paths::write_atomically(
        &root.join("slow.md"),
        b"---\nlabels: [agent:headless]\n---\n# It is slow\n\nCount.\n",
    )
    .unwrap();
    let (admitted, issue) = person.admitted("dir:notes#slow", Mode::Headless).unwrap();
    assert_eq!(
        (issue.title.as_str(), admitted.origin.reference.as_str()),
        ("It is slow", "dir:notes#slow")
    );
    assert_eq!(person.slug("dir:notes#none"), "issue-not-found");
    assert_eq!(person.slug("dir:other#slow"), "issue-folder-unknown");
    assert_eq!(person.admitted("dir:notes#slow", Mode::Cascade).unwrap_err().slug, "issue-mode");
    assert_eq!(person.asked(), (0, 0));
}

//! What names an issue and what does not; which issue lets what.

use proptest::prelude::*;

use super::*;

fn hosts() -> Hosts {
    Hosts {
        forgejo: Some("https://git.example.com/".to_owned()),
        folders: vec!["notes".to_owned(), "inbox".to_owned()],
    }
}

fn forge(platform: Option<Platform>, owner: &str, repo: &str, number: u64) -> Reference {
    Reference::Forge { platform, owner: owner.to_owned(), repo: repo.to_owned(), number }
}

fn here(text: &str) -> Result<Reference, NoReference> {
    parse(text, &hosts())
}

#[test]
fn an_issue_is_named_by_its_short_form_its_address_a_file_or_a_task() {
    use Platform::{Forgejo, Github};
    let uuid = "0a1b2c3d-1111-4222-8333-444455556666";
    for (text, platform, shown) in [
        ("ada/web#1", None, "ada/web#1"),
        (" ada/web#1 \n", None, "ada/web#1"),
        ("a.b_c/.github#9223372036854775807", None, "a.b_c/.github#9223372036854775807"),
        ("ada/web#007", None, "ada/web#7"),
        ("https://github.com/ada/web/issues/1", Some(Github), "ada/web#1"),
        ("https://github.com/ada/web/issues/1/", Some(Github), "ada/web#1"),
        ("http://github.com/ada/web/issues/1", Some(Github), "ada/web#1"),
        ("https://git.example.com/ada/web/issues/12", Some(Forgejo), "ada/web#12"),
        ("https://git.example.com/ada/web/issues/12/", Some(Forgejo), "ada/web#12"),
        ("dir:notes#slow-start", Some(Platform::Folder), "dir:notes#slow-start"),
        ("tw:0a1b2c3d", Some(Platform::Taskwarrior), "tw:0a1b2c3d"),
        (&format!("tw:{uuid}"), Some(Platform::Taskwarrior), &format!("tw:{uuid}")),
    ] {
        let found = here(text).unwrap_or_else(|err| panic!("{text}: {err}"));
        assert_eq!((found.platform(), &*found.to_string()), (platform, shown), "{text}");
    }
}

#[test]
fn what_names_no_issue_is_refused_with_the_forms_that_do() {
    let long = format!("{}/web#1", "a".repeat(101));
    for text in [
        "",
        " ",
        "#1",
        "12",
        "web#1",
        "ada/web",
        "ada/web#",
        "ada/web#0",
        "ada/web#-1",
        "ada/web#+1",
        "ada/web#1x",
        "ada/web#1#2",
        "ada/web/x#1",
        "/web#1",
        "ada/#1",
        "ada/web#9223372036854775808",
        "ada/web#99999999999999999999",
        "ada/..#1",
        "../web#1",
        "./web#1",
        "ada/.#1",
        "-ada/web#1",
        "ada/-web#1",
        "--exec/web#1",
        "ada/web #1",
        "ada/we\u{1b}b#1",
        "ada/wéb#1",
        "ada/web#１",
        "ada\\x/web#1",
        "ada/w%2e#1",
        "ada/web/issues/1",
        "ada/web/pull/1",
        "github.com/ada/web/issues/1",
        "ftp://github.com/ada/web/issues/1",
        "https://github.com/ada/web/pull/1",
        "https://github.com/ada/web/issues/1?x=1",
        "https://github.com/ada/web/issues/1#c",
        "https://github.com/ada/web/issues/1//",
        "https://github.com/ada/web/issues",
        "https://github.com/ada/web/issues/",
        "https://github.com//web/issues/1",
        "https://github.com/ada/../issues/1",
        "https://github.com/ada/web/issues/0",
        "https://github.com.evil.org/ada/web/issues/1",
        "https://x@github.com/ada/web/issues/1",
        "https://github.com:443/ada/web/issues/1",
        "https://evil.org/ada/web/issues/1",
        "https://git.example.com.evil.org/ada/web/issues/1",
        "https://git.example.com/ada/web/pulls/1",
        "git@github.com:ada/web#1",
        "tw:",
        "tw:12",
        "tw:#12",
        "tw:0a1b2c3",
        "tw:0a1b2c3d4",
        "tw:0A1B2C3D",
        "tw:0a1b2c3g",
        "tw:0a1b2c3d-1111",
        "tw:0a1b2c3d11114222833344445555666",
        "tw:0A1B2C3D-1111-4222-8333-444455556666",
        "dir:notes",
        "dir:notes#",
        "dir:#x",
        "dir:notes#../x",
        "dir:notes#a/b",
        "dir:notes#.hidden",
        "dir:notes#-rf",
        "dir:../notes#x",
        "dir:/etc#passwd",
        &*long,
    ] {
        let err = here(text).expect_err(text);
        assert_eq!(err.slug(), "issue-reference", "{text}");
        assert!(err.hints()[0].contains("owner/repo#12"), "{text}");
        assert!(!err.to_string().contains('\u{1b}'));
    }
    assert_eq!(here("dir:other#x").unwrap_err().slug(), "issue-folder-unknown");
    assert_eq!(
        here("dir:other#x").unwrap_err().to_string(),
        "no folder of issues is called `other` (there are notes, inbox)"
    );
    assert!(
        here("https://github.com/ada/web/pull/1").unwrap_err().to_string().contains("pull request")
    );
    // Where no Forgejo is set, its addresses are nobody's.
    let none = parse("https://git.example.com/ada/web/issues/1", &Hosts::default());
    assert!(none.unwrap_err().to_string().contains("no tracker that you have set"));
}

#[test]
fn a_forgejo_below_a_path_of_its_host_is_told_by_all_of_it() {
    let hosts = Hosts { forgejo: Some("https://example.com/git".to_owned()), folders: vec![] };
    assert!(parse("https://example.com/git/ada/web/issues/3", &hosts).is_ok());
    assert!(parse("https://example.com/github/ada/web/issues/3", &hosts).is_err());
    assert!(parse("https://example.com/ada/web/issues/3", &hosts).is_err());
}

proptest! {
    #[test]
    fn nothing_that_is_read_leads_out_of_its_place(text in "([a-z./#:~ -]|github|issues|dir:|tw:|https://|\\.\\.|[0-9]|\\PC){0,30}") {
        if let Ok(found) = here(&text) {
            let parts = match &found {
                Reference::Forge { owner, repo, .. } => vec![owner.clone(), repo.clone()],
                Reference::Folder { folder, file } => vec![folder.clone(), file.clone()],
                Reference::Task { uuid } => vec![uuid.clone()],
            };
            for part in parts {
                prop_assert!(!part.is_empty() && part != "." && part != ".." && !part.starts_with('-'));
                prop_assert!(!part.contains(['/', '\\', '\0', ' ']));
            }
        }
    }

    #[test]
    fn what_is_shown_of_a_reference_names_it_again(owner in "[A-Za-z0-9_.-]{1,12}", repo in "[A-Za-z0-9_.-]{1,12}", number: u64, which in 0..6) {
        let text = match which {
            0 => format!("{owner}/{repo}#{number}"),
            1 => format!("https://github.com/{owner}/{repo}/issues/{number}"),
            2 => format!("https://git.example.com/{owner}/{repo}/issues/{number}"),
            3 => format!("dir:notes#{repo}"),
            4 => format!("tw:{:08x}", number % (1 << 32)),
            _ => format!("tw:{:08x}-0000-4000-8000-{number:012x}", number % 7).chars().take(39).collect(),
        };
        if let Ok(found) = here(&text) {
            let again = here(&found.to_string());
            prop_assert_eq!(again.as_ref().map(ToString::to_string), Ok(found.to_string()));
            let again = again.unwrap();
            prop_assert!(again.means(&found));
            prop_assert_eq!(found.platform().map_or(again.clone(), |it| again.at(it)), found);
        }
    }

    #[test]
    fn another_label_never_lets_more(first in 0..4_usize, more in proptest::collection::vec(0..6_usize, 0..5), at in 0..5_usize) {
        let known = ["agent:cascade", "agent:headless", "AGENT:interactive", "agent:consult", "bug", ""];
        let mut labels: Vec<String> = more.iter().map(|nth| known[*nth].to_owned()).collect();
        let mut issue = issue();
        issue.labels = vec![known[first].to_owned()];
        let alone = most(&issue);
        labels.insert(at.min(labels.len()), known[first].to_owned());
        issue.labels = labels;
        prop_assert!(most(&issue) >= alone);
    }
}

const MODES: [Mode; 4] = [Mode::Cascade, Mode::Headless, Mode::Interactive, Mode::Consult];

/// The most freely that it lets, by asking for each.
fn most(issue: &Issue) -> Mode {
    let asked = forge(None, "ada", "web", 1);
    let allowed = MODES.into_iter().filter(|mode| admit(&asked, issue, &rules(), *mode).is_ok());
    let allowed: Vec<Mode> = allowed.collect();
    // Whatever lets one lets all that are stricter.
    assert_eq!(allowed[..], MODES[MODES.len() - allowed.len()..]);
    allowed[0]
}

fn rules() -> Rules {
    let label = |mode: Mode| (mode, format!("agent:{}", mode.as_str()));
    Rules {
        owners: vec!["ada".to_owned(), "org".to_owned()],
        trusted: vec![Association::Owner, Association::Member, Association::Collaborator],
        authors: vec!["Eve".to_owned()],
        labels: MODES.map(label).into(),
        default: Mode::Consult,
    }
}

fn issue() -> Issue {
    Issue {
        platform: Platform::Github,
        reference: forge(Some(Platform::Github), "ada", "web", 1),
        title: "It is slow".to_owned(),
        body: "Count the pages.".to_owned(),
        open: true,
        state: "open".to_owned(),
        url: "https://github.com/ada/web/issues/1".to_owned(),
        author: "ada".to_owned(),
        association: Association::Owner,
        labels: vec!["agent:headless".to_owned()],
        is_change: false,
        comments: vec![],
        said: 0,
    }
}

fn refused(issue: &Issue) -> Refused {
    admit(&forge(None, "ada", "web", 1), issue, &rules(), Mode::Consult).unwrap_err()
}

#[test]
fn an_owner_who_is_not_listed_is_refused_before_anybody_is_asked() {
    for (owner, ok) in [("ada", true), ("org", true), ("Ada", false), ("eve", false), ("ad", false)]
    {
        let asked = forge(None, owner, "web", 1);
        assert_eq!(may_ask(&asked, &rules()).is_ok(), ok, "{owner}");
        if !ok {
            let err = may_ask(&asked, &rules()).unwrap_err();
            assert_eq!(err, admit(&asked, &issue(), &rules(), Mode::Consult).unwrap_err());
            assert_eq!(err.slug(), "issue-owner");
            assert!(err.to_string().ends_with(": ada, org"), "{err}");
        }
    }
    let none = Rules { owners: vec![], ..rules() };
    assert!(may_ask(&forge(None, "ada", "web", 1), &none).is_err());
}

#[test]
fn an_issue_that_moved_is_closed_or_is_a_pull_request_is_refused() {
    let asked = forge(None, "ada", "web", 1);
    assert!(admit(&asked, &issue(), &rules(), Mode::Headless).is_ok());
    // Capitals are the tracker's business, and its spelling is what is kept.
    let spelt = Issue { reference: forge(Some(Platform::Github), "Ada", "Web", 1), ..issue() };
    let origin = admit(&asked, &spelt, &rules(), Mode::Headless).unwrap().origin;
    assert_eq!(origin.reference, "Ada/Web#1");
    assert!(origin.is_same(&admit(&asked, &issue(), &rules(), Mode::Consult).unwrap().origin));
    for (owner, repo, number) in
        [("eve", "web", 1), ("org", "web", 1), ("ada", "other", 1), ("ada", "web", 2)]
    {
        let told = forge(Some(Platform::Github), owner, repo, number);
        let err = refused(&Issue { reference: told.clone(), ..issue() });
        assert_eq!(err, Refused::Moved { asked: "ada/web#1".to_owned(), told: told.to_string() });
        assert_eq!(err.slug(), "issue-moved");
    }
    // Asked for at one forge, given by another.
    let asked = forge(Some(Platform::Forgejo), "ada", "web", 1);
    let err = admit(&asked, &issue(), &rules(), Mode::Consult).unwrap_err();
    assert_eq!(err.slug(), "issue-moved");
    assert_eq!(refused(&Issue { is_change: true, ..issue() }).slug(), "issue-is-change");
    let closed = Issue { open: false, state: "closed\u{1b}[2J".to_owned(), ..issue() };
    assert_eq!(refused(&closed).slug(), "issue-closed");
    assert_eq!(
        refused(&closed).to_string(),
        "`ada/web#1` is closed␛[2J: only an open issue is worked at"
    );
}

#[test]
fn only_an_author_who_is_trusted_is_worked_for() {
    use Association::{Collaborator, Contributor, Member, None, Owner, Unknown};
    for (association, author, ok) in [
        (Owner, "ada", true),
        (Member, "mo", true),
        (Collaborator, "cy", true),
        (Contributor, "dan", false),
        (None, "mallory", false),
        (Unknown, "mallory", false),
        (None, "eve", true),
        (Unknown, "EVE", true),
        (None, "", false),
        (None, "eve ", false),
    ] {
        let issue = Issue { association, author: author.to_owned(), ..issue() };
        let admitted =
            admit(&forge(Option::None, "ada", "web", 1), &issue, &rules(), Mode::Consult);
        assert_eq!(admitted.is_ok(), ok, "{association:?} {author}");
        if let Err(err) = admitted {
            assert_eq!(err.slug(), "issue-author");
        }
    }
    // Settings cannot make a stranger one who is trusted.
    let all = Rules { trusted: vec![None, Unknown], authors: vec![String::new()], ..rules() };
    let stranger = Issue { association: Unknown, author: String::new(), ..issue() };
    let asked = forge(Option::None, "ada", "web", 1);
    assert_eq!(admit(&asked, &stranger, &all, Mode::Consult).unwrap_err().slug(), "issue-author");
}

#[test]
fn labels_say_the_highest_mode_and_the_strictest_of_them_wins() {
    for (labels, highest) in [
        ("", Mode::Consult),
        ("bug,help wanted", Mode::Consult),
        ("agent:headless", Mode::Headless),
        ("bug,Agent:Headless", Mode::Headless),
        ("agent:cascade", Mode::Cascade),
        ("agent:cascade,agent:headless", Mode::Headless),
        ("agent:headless,agent:consult", Mode::Consult),
        ("agent:consult,agent:headless,agent:cascade", Mode::Consult),
        ("agent:interactive,agent:headless", Mode::Interactive),
        ("xagent:headless,agent:headless2,headless", Mode::Consult),
    ] {
        let labels = labels.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
        assert_eq!(most(&Issue { labels, ..issue() }), highest);
    }
    let unlabelled = Issue { labels: vec!["bug".to_owned()], ..issue() };
    let asked = forge(None, "ada", "web", 1);
    let err = admit(&asked, &unlabelled, &rules(), Mode::Headless).unwrap_err();
    assert_eq!(err.slug(), "issue-mode");
    assert_eq!(
        err.to_string(),
        "`ada/web#1` lets `consult` at most, not `headless` (none of its labels says more)"
    );
    assert!(err.hints()[0].contains("`agent:headless`"), "{:?}", err.hints());
    // One label for two modes is the stricter one.
    let labels = [(Mode::Headless, "agent".to_owned()), (Mode::Interactive, "agent".to_owned())];
    let rules = Rules { labels: labels.into(), ..rules() };
    let one = Issue { labels: vec!["agent".to_owned()], ..issue() };
    assert!(admit(&asked, &one, &rules, Mode::Headless).is_err());
    assert!(admit(&asked, &one, &rules, Mode::Interactive).is_ok());
}

#[test]
fn a_task_that_was_named_by_its_first_digits_is_kept_by_its_whole_name() {
    let uuid = "0a1b2c3d-1111-4222-8333-444455556666";
    let issue = Issue {
        platform: Platform::Taskwarrior,
        reference: Reference::Task { uuid: uuid.to_owned() },
        ..issue()
    };
    let admitted = admit(&here("tw:0a1b2c3d").unwrap(), &issue, &rules(), Mode::Headless).unwrap();
    assert_eq!(admitted.origin.reference, format!("tw:{uuid}"));
    assert!(admit(&here("tw:0a1b2c3e").unwrap(), &issue, &rules(), Mode::Headless).is_err());
}

#[test]
fn the_words_of_an_issue_are_bounded_and_say_where_they_were_cut() {
    let said = |nth: usize| Said {
        author: format!("a{nth}\n"),
        association: Association::Member,
        text: "é".repeat(COMMENT),
        at: None,
    };
    let long = Issue {
        title: "t\n\u{1b}[2J".repeat(1000),
        body: "ü\u{202e}".repeat(BODY),
        comments: (0..30).map(said).collect(),
        said: 400,
        ..issue()
    };
    let words = words(&long);
    assert!(words.len() < TITLE + BODY + COMMENTS * (COMMENT + 200) + 1000, "{}", words.len());
    assert!(!words.contains(['\u{1b}', '\u{202e}']));
    assert!(words.contains("(skep cut the title here: "));
    assert!(words.contains("(skep cut the issue here: "));
    assert!(words.contains("(380 of 400 comments are left out: older ones, and"));
    assert!(words.contains("Comment of a29:\n") && !words.contains("Comment of a9:\n"));
    assert_eq!(words.matches("(skep cut the comment here: ").count(), COMMENTS);
    assert_eq!(super::words(&issue()), "It is slow\n\nCount the pages.\n");
    assert_eq!(super::words(&Issue { body: String::new(), ..issue() }), "It is slow\n");
}

#[test]
fn what_a_stranger_wrote_below_an_issue_is_left_out_and_counted() {
    let said = |author: &str, association| Said {
        author: author.to_owned(),
        association,
        text: format!("{author} was here"),
        at: None,
    };
    let issue = Issue {
        comments: vec![
            said("ada", Association::Owner),
            said("mallory", Association::None),
            said("eve", Association::Unknown),
            said("nobody", Association::Unknown),
            said("dan", Association::Contributor),
        ],
        said: 5,
        ..issue()
    };
    let words = words(&heard(issue, &rules()));
    assert!(words.contains("ada was here") && words.contains("eve was here"), "{words}");
    assert!(!words.contains("mallory") && !words.contains("nobody") && !words.contains("dan"));
    assert!(words.contains("(3 of 5 comments are left out"), "{words}");
}

//! What goes wrong on the way.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use skep_core::time::Timestamp;
use skep_host::proc::{self, Program};
use skep_testkit::loopback::Loopback;

use super::*;
use crate::remote::Place;

#[test]
fn an_answer_that_was_lost_is_looked_for_and_never_asked_for_twice() {
    let broken = || Told::text(502, "text/html", "<h1>Bad Gateway</h1>");
    for told in [Told::Lost, Told::Cut, broken(), Told::text(201, "text/html", "<p>")] {
        each(|forge, client| {
            forge.world().fault("POST", list(forge.face()), true, told.clone());
            let proposed = client.propose(&proposal()).unwrap();
            assert!(proposed.made);
            assert_eq!(forge.world().changes.len(), 1);
            assert_eq!(forge.loopback().count("POST", list(forge.face())), 1, "{told:?}");
        });
        // The deed was not done either: then it is done now.
        each(|forge, client| {
            forge.world().fault("POST", list(forge.face()), false, told.clone());
            assert!(client.propose(&proposal()).unwrap().made);
            assert_eq!(forge.world().changes.len(), 1);
            assert_eq!(forge.loopback().count("POST", list(forge.face())), 2, "{told:?}");
        });
    }
    each(|forge, client| {
        for _ in 0..5 {
            forge.world().fault("POST", list(forge.face()), false, Told::Lost);
        }
        assert_eq!(client.propose(&proposal()).unwrap_err().slug(), "forge-offline");
        assert_eq!(forge.loopback().count("POST", list(forge.face())), 3);
        assert!(forge.world().changes.is_empty());
    });
}

#[test]
fn of_two_who_propose_at_once_one_makes_the_change_and_both_have_it() {
    each(|forge, client| {
        // Between the look and the deed the other one was faster: the first look saw nothing.
        forge.world().fault(
            "GET",
            list(forge.face()),
            false,
            Told::json(200, &Vec::<u8>::new().into()),
        );
        self::client(forge).propose(&proposal()).unwrap();
        forge.world().fault(
            "GET",
            list(forge.face()),
            false,
            Told::json(200, &Vec::<u8>::new().into()),
        );
        let proposed = client.propose(&proposal()).unwrap();
        assert!(!proposed.made);
        assert_eq!(forge.world().changes.len(), 1);
    });
}

#[test]
fn a_change_that_github_does_not_find_by_its_branch_is_found_among_all() {
    let forge = forges::Forge::new(Face::Github);
    forge.world().heads.insert("feat/a-b".to_owned(), head());
    client(&forge).propose(&proposal()).unwrap();
    for _ in 0..9 {
        let none = Told::json(200, &serde_json::json!([]));
        forge.world().fault("GET", "head=", false, none);
    }
    let proposed = client(&forge).propose(&proposal()).unwrap();
    assert_eq!((proposed.made, proposed.change.number), (false, 1));
}

#[test]
fn silence_has_an_end_and_is_looked_after() {
    each(|forge, _| {
        let short = Patience { answer: Duration::from_secs(1), ..PATIENCE };
        let client = with(forge, Token::by(|| Ok(Some(TOKEN.to_owned()))), short);
        forge.world().fault("POST", list(forge.face()), true, Told::Silence);
        assert!(client.propose(&proposal()).unwrap().made);
        assert_eq!(forge.world().changes.len(), 1);
    });
    let forge = forges::Forge::new(Face::Github);
    let short = Patience { answer: Duration::from_millis(200), tries: 2, ..PATIENCE };
    let client = with(&forge, Token::none(), short);
    for _ in 0..2 {
        forge.world().fault("GET", "/1", false, Told::Silence);
    }
    assert_eq!(client.change(1).unwrap_err().slug(), "forge-timeout");
    assert_eq!(forge.loopback().asked().len(), 2);
}

#[test]
fn what_is_out_of_order_is_asked_again_a_few_times() {
    each_open(|forge, client, number| {
        for told in [Told::json(500, &"oh".into()), Told::Lost] {
            forge.world().fault("GET", "/1", false, told);
        }
        assert_eq!(client.change(number).unwrap().state, ChangeState::Open);
        for _ in 0..3 {
            forge.world().fault("GET", "/1", false, Told::json(503, &"oh".into()));
        }
        let before = forge.loopback().asked().len();
        assert_eq!(client.change(number).unwrap_err().slug(), "forge-broken");
        assert_eq!(forge.loopback().asked().len(), before + 3);
        // A deed that says how it shall stand is as good a second time.
        let method = if forge.face() == Face::Gitlab { "PUT" } else { "PATCH" };
        forge.world().fault(method, "/1", true, Told::Lost);
        client.propose(&Proposal { title: "Other".to_owned(), ..proposal() }).unwrap();
        assert_eq!(forge.loopback().count(method, "/1"), 2);
        assert_eq!(forge.world().changes[0].title, "Other");
    });
}

#[test]
fn a_forge_that_wants_no_more_questions_is_asked_none_before_its_moment() {
    let no = |status: u16| Told::json(status, &serde_json::json!({ "message": "no more" }));
    let far = 4_000_000_000_u64;
    let words = "You have exceeded a secondary rate limit. Please wait a few minutes.";
    let secondary = Told::json(403, &serde_json::json!({ "message": words }));
    let spent = |told: Told| told.with("x-ratelimit-remaining", 0).with("x-ratelimit-reset", far);
    for (told, least, most) in [
        (no(429).with("retry-after", 40), 35, 41),
        (no(429), 55, 61),
        (no(403).with("retry-after", 40), 35, 41),
        (secondary, 55, 61),
        // A moment that far away is not believed.
        (spent(no(403)), 3500, 3601),
        (no(429).with("ratelimit-remaining", 0).with("ratelimit-reset", far), 3500, 3601),
        (no(429).with("retry-after", "Wed, 21 Oct 2099 07:28:00 GMT"), 55, 61),
    ] {
        each_open(|forge, client, number| {
            forge.world().fault("GET", "/1", false, told.clone());
            let before = forge.loopback().asked().len();
            let error = client.change(number).unwrap_err();
            assert_eq!(error.slug(), "forge-limited", "{told:?}");
            let away = error.until().unwrap().since(now()).as_secs();
            assert!((least..=most).contains(&away), "{away} s after {told:?}");
            assert_eq!(client.propose(&proposal()).unwrap_err().slug(), "forge-limited");
            assert_eq!(client.look(number, None).unwrap_err().until(), error.until());
            assert_eq!(forge.loopback().asked().len(), before + 1);
        });
    }
    // The last question of a budget is answered, and the next one not asked.
    each_open(|forge, client, number| {
        forge.world().fault("GET", "/1", false, spent(no(200)));
        let before = forge.loopback().asked().len();
        assert_eq!(client.change(number).unwrap_err().slug(), "forge-answer");
        assert_eq!(client.change(number).unwrap_err().slug(), "forge-limited");
        assert_eq!(client.budget().map(|budget| budget.remaining), Some(0));
        assert_eq!(forge.loopback().asked().len(), before + 1);
    });
}

#[test]
fn who_asks_one_forge_stands_in_one_line_and_each_counts_its_own_questions() {
    each_open(|forge, _, number| {
        let line = Line::default();
        let of = |line: &Line| {
            let token = Token::by(|| Ok(Some(TOKEN.to_owned())));
            open(place_of(forge), token, PATIENCE, line.clone())
        };
        let (one, other) = (of(&line), of(&line));
        one.look(number, None).unwrap();
        let seen = other.look(number, None).unwrap();
        assert_eq!((seen.asked > 0, seen.unchanged), (true, 0), "it remembers for itself");
        assert_eq!(one.budget(), other.budget());
        let told = Told::json(429, &"no more".into()).with("retry-after", 40);
        forge.world().fault("GET", "/1", false, told);
        let until = one.change(number).unwrap_err().until();
        let before = forge.loopback().asked().len();
        assert_eq!(other.change(number).unwrap_err().until(), until);
        assert_eq!(forge.loopback().asked().len(), before, "{:?}", forge.face());
        // Who stands in another asks on.
        assert!(of(&Line::default()).change(number).is_ok());
    });
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::default().plus(since)
}

#[test]
fn a_token_goes_to_no_other_host_and_stands_in_no_error() {
    each_open(|forge, client, number| {
        let other = Loopback::serve(|_| Told::json(200, &"mine".into()));
        let to = format!("{}/api/v3/x?private=1", other.origin());
        for status in [301, 302, 307, 308] {
            forge.world().fault(
                "GET",
                "/1",
                false,
                Told::json(status, &"".into()).with("location", &to),
            );
            let error = client.change(number).unwrap_err();
            assert_eq!(error.slug(), "forge-moved");
            assert!(
                error.to_string().contains(&other.origin())
                    && !error.to_string().contains("private")
            );
        }
        forge.world().fault("POST", "/", false, Told::json(307, &"".into()).with("location", &to));
        assert_eq!(client.comment(number, "a", "b").unwrap_err().slug(), "forge-moved");
        // A host without a scheme is another host too.
        let to = to.replace("http:", "");
        forge.world().fault("GET", "/1", false, Told::json(307, &"".into()).with("location", &to));
        assert_eq!(client.change(number).unwrap_err().slug(), "forge-moved");
        assert!(other.asked().is_empty());
        // Within the host it is followed, with the same deed; one that became another is not done.
        let path = match forge.face() {
            Face::Github => "/api/v3/repos/team/tool/pulls/1",
            Face::Forgejo => "/api/v1/repos/team/tool/pulls/1",
            Face::Gitlab => "/api/v4/projects/7/merge_requests/1",
        };
        for to in [path.to_owned(), format!("{}{path}", forge.origin())] {
            forge.world().fault(
                "GET",
                "/1",
                false,
                Told::json(301, &"".into()).with("location", to),
            );
            assert_eq!(client.change(number).unwrap().number, number);
        }
        for _ in 0..9 {
            forge.world().fault(
                "GET",
                "/1",
                false,
                Told::json(302, &"".into()).with("location", path),
            );
        }
        assert_eq!(client.change(number).unwrap_err().slug(), "forge-moved");
    });
    each(|forge, client| {
        let echo = format!("the token {TOKEN} is bad\u{1b}[2J");
        let told = Told::json(403, &serde_json::json!({ "message": echo }));
        forge.world().fault("GET", "/", false, told);
        let error = client.propose(&proposal()).unwrap_err();
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(TOKEN) && !text.contains('\u{1b}'), "{text}");
        }
        assert!(error.to_string().contains("is bad"));
        let token = Token::by(|| Ok(Some(TOKEN.to_owned())));
        assert!(!format!("{token:?}").contains(TOKEN));
        let github = crate::github::Github::new(place_of(forge), token, PATIENCE);
        assert!(!format!("{github:?}").contains(TOKEN));
    });
}

#[test]
fn a_token_that_was_changed_is_asked_for_anew_and_one_that_is_none_is_told() {
    each_open(|forge, _, number| {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let token = Token::by(move || {
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            Ok(Some(if first { "an-old-one" } else { TOKEN }.to_owned()))
        });
        let client = with(forge, token, PATIENCE);
        for _ in 0..3 {
            assert_eq!(client.change(number).unwrap().number, number);
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        let before = forge.loopback().asked().len();
        for (token, slug) in [
            (Token::by(|| Err("GITHUB_TOKEN is not set".to_owned())), "forge-token"),
            (Token::by(|| Ok(Some("two\nlines: x".to_owned()))), "forge-token"),
        ] {
            let error = with(forge, token, PATIENCE).change(number).unwrap_err();
            assert_eq!(error.slug(), slug);
            assert!(!error.to_string().contains("two"));
        }
        assert_eq!(forge.loopback().asked().len(), before);
        assert_eq!(
            with(forge, Token::none(), PATIENCE).change(number).unwrap_err().slug(),
            "forge-auth"
        );
    });
}

#[test]
fn an_answer_that_cannot_be_read_is_told_and_nothing_is_concluded_from_it() {
    let json = |text: &str| Told::text(200, "application/json", text);
    let huge = format!("[\"{}\"]", "x".repeat(400_000));
    for told in [
        Told::text(200, "text/html", "<!doctype html><title>Log in</title>"),
        json("{\"number\": "),
        json("{}"),
        json("[]"),
        json("null"),
        json(""),
        json("{\"number\": -1, \"iid\": \"x\"}"),
        json(&huge),
        json(&"[".repeat(100_000)),
        json("\u{feff}\u{0}"),
    ] {
        each_open(|forge, client, number| {
            forge.world().fault("GET", "/1", false, told.clone());
            let error = client.change(number).unwrap_err();
            assert_eq!(error.slug(), "forge-answer", "{error}");
            assert!(error.to_string().len() < 500, "{error}");
            // The next answer counts again.
            assert_eq!(client.change(number).unwrap().number, number);
        });
    }
}

#[test]
fn a_list_without_an_end_is_not_read_for_ever() {
    // Empty pages for ever, and pages that are too much together.
    for (page, most) in [(serde_json::json!([]), 50), (serde_json::json!(["x".repeat(100_000)]), 3)]
    {
        let loopback = Loopback::serve(move |asked| {
            let next = format!("<{}>; rel=\"next\"", asked.path);
            Told::json(200, &page).with("link", next)
        });
        let host = Host { name: "f".to_owned(), kind: Kind::Gitlab, url: Some(loopback.origin()) };
        let place: Place = place("f:team/tool", &[host], &|_| None).unwrap();
        let client = open(place, Token::none(), PATIENCE, Line::default());
        assert_eq!(client.propose(&proposal()).unwrap_err().slug(), "forge-answer");
        assert!(loopback.asked().len() <= most);
    }
}

#[test]
fn nobody_who_listens_is_offline_and_what_is_not_tls_gets_nothing() {
    each_open(|forge, _, number| {
        let mut place = place_of(forge);
        place.web = place.web.replace("http://", "https://");
        let before = forge.loopback().asked().len();
        let token = Token::by(|| Ok(Some(TOKEN.to_owned())));
        let error = open(place, token, PATIENCE, Line::default()).change(number).unwrap_err();
        assert_eq!(error.slug(), "forge-offline", "{error}");
        let asked = forge.loopback().asked();
        assert!(asked[before..].iter().all(|asked| !format!("{asked:?}").contains(TOKEN)));
    });
    let gone = place_of(&forges::Forge::new(Face::Forgejo));
    let client = open(gone, Token::none(), PATIENCE, Line::default());
    assert_eq!(client.change(1).unwrap_err().slug(), "forge-offline");
    assert_eq!(client.propose(&proposal()).unwrap_err().slug(), "forge-offline");
}

/// A server that ends with its test.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().unwrap_or_default();
        self.0.wait().expect("it has ended");
    }
}

#[test]
fn whoever_cannot_prove_to_be_the_host_is_told_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ask = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout key -out cert";
    let made = Program::new("openssl").args(ask.split(' ')).cwd(dir.path()).output();
    // Without openssl there is nobody to pretend.
    let Ok(made) = made else { return };
    assert_eq!(made.code(), 0, "{}", made.complaint());
    let mut serve = proc::command("openssl");
    let serve = serve.args("s_server -accept 127.0.0.1:0 -www -cert cert -key key".split(' '));
    let mut server = Server(
        serve
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let at =
        lines.map(Result::unwrap).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned));
    let url = format!("https://{}", at.expect("it says where it listens"));
    let host = Host { name: "f".to_owned(), kind: Kind::Github, url: Some(url) };
    let place: Place = place("f:team/tool", &[host], &|_| None).unwrap();
    let error = open(place, Token::none(), PATIENCE, Line::default()).change(1).unwrap_err();
    assert_eq!(error.slug(), "forge-certificate", "{error}");
}

//! What every adapter holds, over one small world with three faces.

use std::time::Duration;

use skep_core::change::{ChangeState, CheckState};
use skep_testkit::{
    forges::{self, Came, FACES, Face, HOWS, How, On, Right, TOKEN, World},
    loopback::Told,
};

use super::{Forge, Proposal};
use crate::{
    http::{ForgeError, Line, Patience, Token},
    open::open,
    remote::{Host, Kind, Place, place},
};

mod faults;
mod followed;

/// Short enough for tests, long enough for a busy machine.
const PATIENCE: Patience = Patience {
    tries: 3,
    first: Duration::from_millis(1),
    answer: Duration::from_secs(20),
    most: 300_000,
};

fn place_of(forge: &forges::Forge) -> Place {
    let kind = match forge.face() {
        Face::Github => Kind::Github,
        Face::Forgejo => Kind::Forgejo,
        Face::Gitlab => Kind::Gitlab,
    };
    let host = Host { name: "forge.test".to_owned(), kind, url: Some(forge.origin()) };
    place("git@forge.test:team/tool.git", &[host], &|_| None).unwrap()
}

fn with(forge: &forges::Forge, token: Token, patience: Patience) -> Box<dyn Forge> {
    open(place_of(forge), token, patience, Line::default())
}

fn client(forge: &forges::Forge) -> Box<dyn Forge> {
    with(forge, Token::by(|| Ok(Some(TOKEN.to_owned()))), PATIENCE)
}

/// Where a change is made, in questions.
fn list(face: Face) -> &'static str {
    match face {
        Face::Github | Face::Forgejo => "/pulls",
        Face::Gitlab => "/merge_requests",
    }
}

fn proposal() -> Proposal {
    Proposal {
        head: "feat/a-b".to_owned(),
        base: "main".to_owned(),
        title: "Count pages".to_owned(),
        body: "It counts.\n\n- the pages".to_owned(),
        ..Proposal::default()
    }
}

fn head() -> String {
    "b".repeat(40)
}

/// Plays `scene` with every forge, with the branch pushed.
fn each(scene: impl Fn(&forges::Forge, &dyn Forge)) {
    for face in FACES {
        let forge = forges::Forge::new(face);
        forge.world().heads.insert("feat/a-b".to_owned(), head());
        let client = client(&forge);
        scene(&forge, &*client);
    }
}

/// Like [`each`], with the change open.
fn each_open(scene: impl Fn(&forges::Forge, &dyn Forge, u64)) {
    each(|forge, client| {
        let number = client.propose(&proposal()).unwrap().change.number;
        scene(forge, client, number);
    });
}

fn writes(forge: &forges::Forge) -> usize {
    forge.loopback().asked().iter().filter(|asked| asked.method != "GET").count()
}

#[test]
fn the_same_proposal_twice_is_one_change_and_the_second_writes_nothing() {
    each(|forge, client| {
        let first = client.propose(&proposal()).unwrap();
        assert!(first.made && first.left.is_empty(), "{first:?}");
        let written = writes(forge);
        let second = client.propose(&proposal()).unwrap();
        assert_eq!((second.made, &second.change), (false, &first.change));
        assert_eq!(writes(forge), written, "{:?}", forge.face());
        assert_eq!(first.change.state, ChangeState::Open);
        assert_eq!((first.change.head.as_str(), first.change.base.as_str()), (&*head(), "main"));
        assert_eq!(first.change.forge, client.kind().as_str());
        assert_eq!(first.change.merged_as, None);
        // Another process, which was told nothing.
        let third = self::client(forge).propose(&proposal()).unwrap();
        assert_eq!((third.made, third.change), (false, first.change));
        assert_eq!(forge.world().changes.len(), 1);
    });
}

#[test]
fn what_differs_is_updated_and_nothing_is_taken_away() {
    each_open(|forge, client, number| {
        {
            let mut world = forge.world();
            world.labels = vec!["bug".to_owned(), "by-agent".to_owned()];
            world.people.insert("ada".to_owned(), Right::Write);
            world.people.insert("bob".to_owned(), Right::Write);
            let change = &mut world.changes[0];
            change.body = format!("Look at this first.\r\n\r\n{}\r\n- [x] tried", change.body);
            change.labels = vec!["bug".to_owned()];
            change.reviewers = vec!["bob".to_owned()];
        }
        let wanted = Proposal {
            title: "Count all pages".to_owned(),
            body: "It counts all.".to_owned(),
            draft: true,
            labels: vec!["by-agent".to_owned()],
            reviewers: vec!["ada".to_owned(), "stranger".to_owned(), "bob".to_owned()],
            ..proposal()
        };
        let proposed = client.propose(&wanted).unwrap();
        assert_eq!((proposed.made, proposed.change.number), (false, number));
        assert!(proposed.change.draft);
        assert!(
            matches!(&proposed.left[..], [one] if one.contains("stranger")),
            "{:?}: {:?}",
            forge.face(),
            proposed.left
        );
        let written = writes(forge);
        {
            let world = forge.world();
            let change = &world.changes[0];
            assert!(change.title.ends_with("Count all pages") && change.draft);
            assert_eq!(
                change.body,
                "Look at this first.\n\n<!-- skep:begin -->\nIt counts all.\n<!-- skep:end -->\n- [x] tried"
            );
            assert_eq!(change.labels, ["bug", "by-agent"]);
            assert_eq!(change.reviewers.iter().filter(|name| *name == "ada").count(), 1);
            assert!(change.reviewers.contains(&"bob".to_owned()));
        }
        client.propose(&Proposal { reviewers: vec!["ada".to_owned()], ..wanted }).unwrap();
        assert_eq!(writes(forge), written, "{:?}", forge.face());
        // A draft that is no longer wanted as one asks to be merged.
        let proposed = client.propose(&proposal()).unwrap();
        assert!(!proposed.change.draft);
        assert_eq!(forge.world().changes[0].title, "Count pages");
    });
}

#[test]
fn a_title_that_is_not_ours_to_set_stays_while_the_draft_changes() {
    each_open(|forge, client, _| {
        forge.world().changes[0].title = "Count them, says Ada".to_owned();
        let kept = |draft: bool| Proposal { keeps_title: true, draft, ..proposal() };
        let written = writes(forge);
        client.propose(&kept(false)).unwrap();
        assert_eq!(writes(forge), written, "{:?}", forge.face());
        for draft in [true, false] {
            assert_eq!(client.propose(&kept(draft)).unwrap().change.draft, draft);
            let world = forge.world();
            let change = &world.changes[0];
            assert!(change.title.ends_with("Count them, says Ada"), "{}", change.title);
            assert_eq!(change.draft, draft);
        }
        assert_eq!(forge.world().changes[0].title, "Count them, says Ada");
        // A new one has to be called something.
        forge.world().close(1);
        client.propose(&kept(false)).unwrap();
        assert_eq!(forge.world().changes[1].title, "Count pages");
    });
}

#[test]
fn a_draft_becomes_ready_once() {
    each(|forge, client| {
        let draft = Proposal { draft: true, ..proposal() };
        let made = client.propose(&draft).unwrap().change;
        assert!(made.draft && forge.world().changes[0].draft);
        assert!(!client.ready(made.number).unwrap().draft);
        let change = forge.world().changes[0].clone();
        assert_eq!((change.draft, change.title.as_str()), (false, "Count pages"));
        let written = writes(forge);
        assert!(!client.ready(made.number).unwrap().draft);
        assert_eq!(writes(forge), written);
    });
}

#[test]
fn where_there_are_no_drafts_the_change_is_made_all_the_same_and_that_is_told() {
    let forge = forges::Forge::new(Face::Github);
    forge.world().heads.insert("feat/a-b".to_owned(), head());
    let client = client(&forge);
    let message = "Draft pull requests are not supported in this repository.";
    let error = serde_json::json!({ "code": "custom", "message": message });
    let told = serde_json::json!({ "message": "Validation Failed", "errors": [error] });
    forge.world().fault("POST", "/pulls", false, Told::json(422, &told));
    let wanted = Proposal { draft: true, ..proposal() };
    let none = serde_json::json!({ "data": null, "errors": [{ "type": "UNPROCESSABLE", "message": message }] });
    forge.world().fault("POST", "/graphql", false, Told::json(200, &none));
    for made in [true, false] {
        let proposed = client.propose(&wanted).unwrap();
        assert_eq!((proposed.made, proposed.change.draft), (made, false));
        assert!(matches!(&proposed.left[..], [one] if one.contains("no drafts")), "{proposed:?}");
    }
    let forbidden = serde_json::json!({ "errors": [{ "type": "FORBIDDEN", "message": "no" }] });
    forge.world().fault("POST", "/graphql", false, Told::json(200, &forbidden));
    assert_eq!(client.propose(&wanted).unwrap_err().slug(), "forge-auth");
}

#[test]
fn hostile_titles_and_texts_are_data() {
    each(|forge, client| {
        let title = "\"}],\"x\": `$(id)` ../../x\n\u{1b}[31m <script> \u{202e}ü \u{1f41d} WIP";
        let body =
            "\"quoted\" \\ {\"a\": 1}\n/merge\n  /close\n<!-- skep:end --> ü \u{1f41d}\u{0}\n";
        let wanted = Proposal { title: title.to_owned(), body: body.to_owned(), ..proposal() };
        client.propose(&wanted).unwrap();
        let world = forge.world();
        let change = &world.changes[0];
        assert_eq!(
            change.title,
            "\"}],\"x\": `$(id)` ../../x ␛[31m <script> <U+202E>ü \u{1f41d} WIP"
        );
        assert!(
            change.body.contains("\"quoted\" \\ {\"a\": 1}") && change.body.contains("ü \u{1f41d}")
        );
        assert!(
            change.body.contains("/merge") && change.body.contains("/close"),
            "{}",
            change.body
        );
        assert!(change.merged.is_none());
        assert_eq!(change.body.matches("<!-- skep:end -->").count(), 1);
        drop(world);
        assert!(!client.propose(&wanted).unwrap().made);
    });
}

#[test]
fn a_branch_without_a_commit_of_its_own_is_nothing_to_propose_and_one_that_is_not_there_is_refused()
{
    each(|forge, client| {
        let none = client.propose(&Proposal { head: "not/there".to_owned(), ..proposal() });
        assert!(matches!(none, Err(ForgeError::Refused { .. } | ForgeError::NotFound { .. })));
        let tip = forge.world().heads["main"].clone();
        forge.world().heads.insert("feat/a-b".to_owned(), tip);
        if forge.face() != Face::Gitlab {
            assert_eq!(client.propose(&proposal()).unwrap_err().slug(), "change-empty");
        }
        assert!(forge.world().changes.is_empty());
    });
}

#[test]
fn a_closed_change_is_not_opened_again_but_another_made() {
    each_open(|forge, client, number| {
        forge.world().close(number);
        assert_eq!(client.change(number).unwrap().state, ChangeState::Closed);
        assert_eq!(client.change(number).unwrap().merged_as, None);
        let other = client.propose(&proposal()).unwrap();
        assert!(other.made && other.change.number != number);
    });
}

#[test]
fn a_change_of_another_base_or_branch_is_not_taken_for_ours() {
    each(|forge, client| {
        {
            let mut world = forge.world();
            world.heads.insert("next".to_owned(), "c".repeat(40));
            world.heads.insert("feat/a".to_owned(), "d".repeat(40));
        }
        let to = |head: &str, base: &str| Proposal {
            head: head.to_owned(),
            base: base.to_owned(),
            ..proposal()
        };
        let numbers = [to("feat/a-b", "main"), to("feat/a-b", "next"), to("feat/a", "main")]
            .map(|wanted| client.propose(&wanted).unwrap().change.number);
        assert_eq!(numbers, [1, 2, 3]);
    });
}

#[test]
fn a_branch_tells_whether_it_may_be_pushed_to() {
    each(|forge, client| {
        forge.world().heads.insert("release/1.x".to_owned(), head());
        forge.world().protected.push("release/1.x".to_owned());
        assert_eq!(client.protected("release/1.x").unwrap(), Some(true));
        assert_eq!(client.protected("main").unwrap(), Some(false));
        assert_eq!(client.protected("not/there").unwrap(), None);
    });
}

#[test]
fn one_forges_change_never_calls_another_forge_and_a_refusal_is_not_repeated() {
    let all: Vec<forges::Forge> = FACES.into_iter().map(forges::Forge::new).collect();
    for forge in &all {
        forge.world().heads.insert("feat/a-b".to_owned(), head());
    }
    for (nth, forge) in all.iter().enumerate() {
        let client = client(forge);
        client.propose(&proposal()).unwrap();
        for (status, slug) in [
            (403, "forge-auth"),
            (404, "forge-not-found"),
            (422, "forge-refused"),
            (401, "forge-auth"),
        ] {
            forge.world().fault("GET", "/1", false, Told::json(status, &"no".into()));
            let before = forge.loopback().asked().len();
            assert_eq!(client.change(1).unwrap_err().slug(), slug);
            assert_eq!(forge.loopback().asked().len(), before + 1, "{status}");
        }
        let later = all.iter().skip(nth + 1).map(|other| other.loopback().asked().len());
        assert_eq!(later.sum::<usize>(), 0);
    }
    let asked: Vec<usize> = all.iter().map(|forge| forge.loopback().asked().len()).collect();
    client(&all[0]).look(1, None).unwrap();
    assert_eq!(all[1].loopback().asked().len(), asked[1]);
    assert_eq!(all[2].loopback().asked().len(), asked[2]);
}

/// Somebody who may write, somebody who may only read, and a stranger.
fn people(world: &mut World) {
    world.people.insert("ada".to_owned(), Right::Write);
    world.people.insert("rob".to_owned(), Right::Read);
}

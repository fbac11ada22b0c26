//! Each channel against a server of its own on this machine. What the servers are asked has the fields that their
//! documentation names; no real Telegram, ntfy or desktop is asked here.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use skep_core::{
    id::{NoticeId, QuestionId, RunId},
    notice::{About, Came, Kind, Notice, Priority, Said},
    time::Timestamp,
};
use skep_testkit::{
    Place,
    channel::{Asked, Loopback, Reply},
};

use super::{channel::Channel, telegram, webhook::Webhook};
use crate::config::notify::{ChannelSettings, NotifySettings};

fn question(text: &str) -> Notice {
    let id = [1; skep_core::id::LENGTH];
    Notice {
        id: NoticeId::new(id),
        kind: Kind::Question,
        subject: "run_1111111111".to_owned(),
        about: About::Question { run: RunId::new(id), question: QuestionId::new(id) },
        project: Some("web".to_owned()),
        title: "amber (web) asks: Mend <b>the</b> roof".to_owned(),
        text: text.to_owned(),
        options: vec!["8080".to_owned(), "8081".to_owned()],
        ways: vec!["skep answer q_1111111111 TEXT".to_owned()],
        priority: Priority::High,
        at: Timestamp(1_000),
    }
}

fn fact(text: &str) -> Notice {
    let about = About::Fact {};
    Notice { kind: Kind::TaskFailed, about, options: Vec::new(), ..question(text) }
}

fn settings(text: &str) -> BTreeMap<String, ChannelSettings> {
    let place = Place::new();
    place.write("c/config.toml", text);
    let read = crate::config::user(&place.root().join("c"));
    let NotifySettings { channels, .. } = read.unwrap_or_else(|err| panic!("{err}")).notify;
    channels
}

/// The one channel of these settings, with a secret `s3cret` in a file.
fn channel(text: &str) -> (Place, Channel) {
    let place = Place::new();
    place.write("secret", "77:s3cret\n");
    let secret = place.root().join("secret").display().to_string();
    let all = settings(&text.replace("SECRET", &format!("file:{secret}")));
    let channel = Channel::of(&all["it"]).unwrap();
    (place, channel)
}

fn bot(server: &Loopback, more: &str) -> (Place, Channel) {
    channel(&format!(
        "[notify.channels.it]\nkind = \"telegram\"\ntoken = \"SECRET\"\napi = \"{}\"\n{more}\n",
        server.url()
    ))
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

/// A Bot API that takes everything; its messages are counted from 1.
fn takes_all() -> Loopback {
    let mut nth = 0;
    Loopback::new(move |asked| {
        nth += 1;
        let chat = body(asked)["chat_id"].clone();
        let result = json!({ "message_id": nth, "chat": { "id": chat } });
        Reply::Json(200, json!({ "ok": true, "result": result }).to_string())
    })
}

#[test]
fn telegram_gets_plain_text_with_a_button_for_each_option() {
    let server = takes_all();
    let (_place, channel) = bot(&server, "chats = [5, -100]\nusers = [9]\nanswers = true");
    let Came::Sent { receipts } = channel.send(&[&question("Which port?")], 0) else { panic!() };
    assert_eq!(receipts, ["5:1", "-100:2"], "each chat has its own message");
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/bot77:s3cret/sendMessage");
    let sent = body(asked);
    assert_eq!(sent["chat_id"], 5);
    assert!(sent.get("parse_mode").is_none(), "nothing in it is markup");
    let text = sent["text"].as_str().unwrap();
    assert!(text.contains("Mend <b>the</b> roof") && text.contains("Which port?"), "{text}");
    let rows = sent["reply_markup"]["inline_keyboard"].as_array().unwrap();
    let says: Vec<&str> =
        rows.iter().map(|row| row[0]["callback_data"].as_str().unwrap()).collect();
    assert_eq!(says, ["option 1", "option 2", "skip"]);
    assert_eq!(rows[1][0]["text"], "8081");
}

#[test]
fn buttons_are_only_where_they_are_heard() {
    let server = takes_all();
    let (_place, channel) = bot(&server, "chats = [5]");
    channel.send(&[&question("Which port?")], 0);
    channel.send(&[&fact("It broke.")], 0);
    assert!(server.asked().iter().all(|asked| body(asked).get("reply_markup").is_none()));
}

#[test]
fn a_long_text_is_cut_where_it_breaks_and_by_the_unit_that_telegram_counts() {
    let paragraph = "word ".repeat(500);
    let long = format!("{paragraph}\n\n{paragraph}\n\n{paragraph}");
    let pieces = telegram::pieces(&long);
    assert_eq!(pieces.len(), 3, "at the empty lines");
    assert!(pieces.iter().all(|piece| piece.encode_utf16().count() <= 4_096));
    assert_eq!(pieces.join(" ").split_whitespace().count(), 1_500, "no word is lost");
    // Each of these is two units, and no character is cut in two.
    let bees = "🐝".repeat(3_000);
    let pieces = telegram::pieces(&bees);
    assert_eq!(pieces.len(), 2);
    assert_eq!(pieces[0].chars().count(), 2_048);
    assert_eq!(pieces.concat(), bees);
    let endless = telegram::pieces(&"x".repeat(100_000));
    assert_eq!(endless.len(), 4);
    assert!(endless[3].ends_with('…'), "it says that there is more");
    assert_eq!(telegram::pieces("  short  "), ["short"]);
}

#[test]
fn what_telegram_has_of_a_message_is_not_sent_again() {
    let mut down = true;
    let mut nth = 0;
    let server = Loopback::new(move |asked| {
        nth += 1;
        if nth == 2 && std::mem::take(&mut down) {
            let why = json!({ "ok": false, "error_code": 429, "description": "Too Many Requests",
                "parameters": { "retry_after": 7 } });
            return Reply::Json(429, why.to_string());
        }
        let chat = body(asked)["chat_id"].clone();
        let result = json!({ "message_id": nth, "chat": { "id": chat } });
        Reply::Json(200, json!({ "ok": true, "result": result }).to_string())
    });
    let (_place, channel) = bot(&server, "chats = [5, 6]");
    let came = channel.send(&[&fact("It broke.")], 0);
    let Came::Refused { text, parts, receipts, after_ms } = came else { panic!("{came:?}") };
    assert_eq!((text.as_str(), parts, after_ms), ("Too Many Requests", 1, Some(7_000)));
    assert_eq!(receipts, ["5:1"]);
    let Came::Sent { receipts } = channel.send(&[&fact("It broke.")], parts) else { panic!() };
    assert_eq!(receipts, ["6:3"]);
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn no_answer_is_in_doubt_and_no_connection_is_a_refusal() {
    let server = Loopback::new(|_| Reply::HangsUp);
    let (_place, channel) = bot(&server, "chats = [5]");
    let came = channel.send(&[&fact("It broke.")], 0);
    assert!(matches!(came, Came::Unclear { .. }), "{came:?}");
    let proxy = Loopback::new(|_| Reply::Json(502, "<html>Bad gateway</html>".to_owned()));
    let (_place, channel) = bot(&proxy, "chats = [5]");
    let came = channel.send(&[&fact("It broke.")], 0);
    assert!(matches!(came, Came::Unclear { .. }), "not the API's own word: {came:?}");
    // A port that nobody listens on.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_place, channel) = channel_at(&format!("http://{gone}"));
    let came = channel.send(&[&fact("It broke.")], 0);
    let Came::Refused { text, .. } = came else { panic!("{came:?}") };
    assert!(!text.contains("s3cret"), "{text}");
}

fn channel_at(url: &str) -> (Place, Channel) {
    channel(&format!(
        "[notify.channels.it]\nkind = \"telegram\"\ntoken = \"SECRET\"\napi = \"{url}\"\nchats = [5]\n"
    ))
}

#[test]
fn a_settled_question_says_so_under_its_last_piece() {
    let server = takes_all();
    let (_place, channel) = bot(&server, "chats = [5]\nusers = [9]\nanswers = true");
    let notice = question(&"word ".repeat(1_000));
    let Came::Sent { receipts } = channel.send(&[&notice], 0) else { panic!() };
    assert_eq!(receipts, ["5:1", "5:2"]);
    channel.amend(&notice, &receipts, "Answered by telegram:9: 8081").unwrap();
    let edits = server.asked_at("/editMessageText");
    assert_eq!(edits.len(), 1);
    let edit = body(&edits[0]);
    assert_eq!((&edit["chat_id"], &edit["message_id"]), (&json!(5), &json!(2)));
    let text = edit["text"].as_str().unwrap();
    assert!(text.ends_with("Answered by telegram:9: 8081"), "{text}");
    assert!(text.encode_utf16().count() <= 4_096);
    assert!(edit.get("reply_markup").is_none(), "its buttons go");
}

#[test]
fn updates_are_read_as_telegram_writes_them() {
    let chat = json!({ "id": 5, "type": "private" });
    let updates = json!([
        { "update_id": 10, "message": { "message_id": 20, "from": { "id": 9 }, "chat": chat, "text": "8081",
            "reply_to_message": { "message_id": 2, "chat": chat, "text": "asks" } } },
        { "update_id": 11, "callback_query": { "id": "cb", "from": { "id": 8 }, "data": "option 2",
            "message": { "message_id": 2, "chat": chat } } },
        { "update_id": 12, "message": { "message_id": 21, "from": { "id": 9 }, "chat": chat, "text": "/stop" } },
    ]);
    let server = Loopback::new(move |_| {
        Reply::Json(200, json!({ "ok": true, "result": updates }).to_string())
    });
    let (_place, channel) = bot(&server, "chats = [5]\nusers = [9]\nanswers = true");
    let Channel::Telegram(bot) = channel else { panic!() };
    let [reply, press, other] = bot.updates(10).unwrap().try_into().unwrap();
    let asked = body(&server.asked()[0]);
    assert_eq!((&asked["offset"], &asked["limit"]), (&json!(10), &json!(10)));
    assert_eq!((reply.id, reply.to.as_deref()), (10, Some("5:2")));
    assert_eq!(reply.said, Some(Said::Text("8081".to_owned())));
    assert!(bot.may_answer(&reply));
    assert_eq!((press.said.clone(), press.press.as_deref()), (Some(Said::Option(2)), Some("cb")));
    assert!(!bot.may_answer(&press), "nobody named them");
    assert_eq!(other.to, None, "it is no answer to anything");
}

#[test]
fn of_an_update_that_is_too_long_to_be_read_only_its_number_is() {
    // As Telegram writes it: its number first.
    let word = |id: u64, text: &str| {
        let message =
            json!({ "message_id": 20, "from": { "id": 9 }, "chat": { "id": 5 }, "text": text });
        (id, format!("{{\"update_id\":{id},\n\"message\":{message}}}"))
    };
    let line = [word(10, "short"), word(11, &"x".repeat(5 << 20)), word(12, "8081")];
    let server = Loopback::new(move |asked| {
        let asked = body(asked);
        let most = usize::try_from(asked["limit"].as_u64().unwrap()).unwrap();
        let ours = line.iter().filter(|it| Some(it.0) >= asked["offset"].as_u64());
        let found: Vec<&str> = ours.take(most).map(|it| it.1.as_str()).collect();
        Reply::Json(200, format!("{{\"ok\":true,\"result\":[{}]}}", found.join(",")))
    });
    let (_place, channel) = bot(&server, "chats = [5]\nusers = [9]\nanswers = true");
    let Channel::Telegram(bot) = channel else { panic!() };
    let ids = |offset: u64| {
        let found = bot.updates(offset).unwrap();
        found.into_iter().map(|it| (it.id, it.said)).collect::<Vec<_>>()
    };
    let said = |text: &str| Some(Said::Text(text.to_owned()));
    assert_eq!(ids(10), [(10, said("short"))], "what stands before it is read by itself");
    assert_eq!(ids(11), [(11, None)]);
    assert_eq!(ids(12), [(12, said("8081"))]);
    let limits: Vec<Value> = server.asked().iter().map(|it| body(it)["limit"].clone()).collect();
    assert_eq!(limits, [json!(10), json!(1), json!(10), json!(1), json!(10)]);
}

#[test]
fn what_is_too_long_and_no_answer_of_the_api_is_trouble_and_skips_nothing() {
    let server = Loopback::new(move |_| Reply::Json(200, "x".repeat(5 << 20)));
    let (_place, channel) = bot(&server, "chats = [5]\nusers = [9]\nanswers = true");
    let Channel::Telegram(bot) = channel else { panic!() };
    assert!(matches!(bot.updates(10), Err(telegram::Trouble::Unclear { .. })));
}

#[test]
fn a_webhook_is_signed_and_asked_again_where_nobody_knows() {
    let server = Loopback::new(|_| Reply::Json(204, String::new()));
    let text = format!(
        "[notify.channels.it]\nkind = \"webhook\"\nsecret = \"SECRET\"\nurl = \"{}/skep\"\n",
        server.url()
    );
    let (_place, channel) = channel(&text);
    assert!(matches!(channel.send(&[&fact("It broke.")], 0), Came::Sent { .. }));
    let asked = &server.asked()[0];
    assert_eq!((asked.path.as_str(), asked.header("x-skep-notice")), ("/skep", "ntc_1111111111"));
    let sent = body(asked);
    assert_eq!((&sent["kind"], &sent["text"]), (&json!("task_failed"), &json!("It broke.")));
    let seconds: u64 = asked.header("x-skep-timestamp").parse().unwrap();
    let hook = Webhook { url: String::new(), secret: "77:s3cret".to_owned() };
    assert_eq!(asked.header("x-skep-signature"), hook.sign(seconds, &asked.body));
    let mute = Loopback::new(|_| Reply::HangsUp);
    let (_place, channel) = self::channel(&text.replace(&server.url(), &mute.url()));
    let came = channel.send(&[&fact("It broke.")], 0);
    assert!(matches!(came, Came::Refused { .. }), "it counts ids: {came:?}");
}

#[test]
fn the_signature_is_the_one_that_anybody_can_make() {
    // python3 -c 'import hmac; print(hmac.new(b"key", b"1.{}", "sha256").hexdigest())'
    let hook = Webhook { url: String::new(), secret: "key".to_owned() };
    assert_eq!(
        hook.sign(1, "{}"),
        "sha256=1ba6b8171186efc613e8bcc0cbdab2748f24984d7c5a84faa2637afa0e40d224"
    );
}

#[test]
fn ntfy_gets_the_fields_that_its_documentation_names() {
    let server = Loopback::new(|_| Reply::Json(200, "{}".to_owned()));
    let (_place, channel) = channel(&format!(
        "[notify.channels.it]\nkind = \"ntfy\"\ntoken = \"SECRET\"\nurl = \"{}/bees\"\nclick = \"https://example.org\"\n",
        server.url()
    ));
    assert!(matches!(channel.send(&[&question("Grüße, Ünicode")], 0), Came::Sent { .. }));
    let asked = &server.asked()[0];
    assert_eq!((asked.path.as_str(), asked.header("authorization")), ("/", "Bearer 77:s3cret"));
    let sent = body(asked);
    assert_eq!((&sent["topic"], &sent["priority"]), (&json!("bees"), &json!(4)));
    assert_eq!(sent["click"], "https://example.org");
    assert!(sent["message"].as_str().unwrap().starts_with("Grüße"), "{sent}");
    channel.send(&[&fact(&"ü".repeat(5_000))], 0);
    let message = body(&server.asked()[1])["message"].as_str().unwrap().to_owned();
    assert!(message.len() <= 4_096 && message.ends_with('…'), "{}", message.len());
}

#[test]
fn several_notices_are_one_message_and_each_has_its_way() {
    let server = takes_all();
    let (_place, channel) = bot(&server, "chats = [5]");
    let (one, two) = (fact("It broke.\nTwice."), fact("It burned."));
    channel.send(&[&one, &two], 0);
    let sent = body(&server.asked()[0]);
    let text = sent["text"].as_str().unwrap();
    assert!(text.starts_with("2 things from skep"), "{text}");
    assert!(text.contains("It broke. Twice.") && text.contains("It burned."), "{text}");
    assert_eq!(text.matches("skep answer").count(), 2);
}

#[test]
fn what_a_channel_lacks_is_said_and_not_tried() {
    let lacks = |text: &str| {
        let all = settings(&format!("[notify.channels.it]\n{text}\n"));
        Channel::of(&all["it"]).unwrap_err()
    };
    assert!(lacks("kind = \"telegram\"").contains("`token`"));
    assert!(lacks("kind = \"telegram\"\ntoken = \"file:/no/such\"").contains("`chats`"));
    let absent = lacks("kind = \"telegram\"\ntoken = \"file:/no/such\"\nchats = [1]");
    assert!(absent.contains("/no/such"), "{absent}");
    assert!(
        lacks("kind = \"telegram\"\ntoken = \"env:X\"\nchats = [1]\nanswers = true")
            .contains("`users`")
    );
    assert!(lacks("kind = \"webhook\"\nurl = \"https://a.b/c\"").contains("`secret`"));
    assert!(lacks("kind = \"ntfy\"\nurl = \"https://ntfy.sh\"").contains("topic"));
    assert!(lacks("kind = \"command\"").contains("`run`"));
}

#[test]
fn addresses_are_encrypted_or_of_this_machine_and_hours_are_hours() {
    let refused = |text: &str| {
        let place = Place::new();
        place.write("c/config.toml", text);
        crate::config::user(&place.root().join("c")).unwrap_err().to_string()
    };
    let hook = |url: &str| format!("[notify.channels.it]\nkind = \"webhook\"\nurl = \"{url}\"\n");
    for url in
        ["http://example.org", "ftp://a", "https://", "https://u:p@a", "http://localhost@evil.org"]
    {
        let said = refused(&hook(url));
        assert!(said.contains("notify.channels"), "{url}: {said}");
    }
    for quiet in ["22-7", "25:00-07:00", "22:00-22:00", "soon"] {
        let said = refused(&format!("[notify]\nquiet = \"{quiet}\"\n"));
        assert!(said.contains("quiet hours such as"), "{said}");
    }
    assert!(refused("[notify]\nzone = \"Mars/Olympus\"\n").contains("Europe/Berlin"));
    let kinds = refused("[[notify.rule]]\nkinds = [\"agent_blocked\"]\n");
    assert!(kinds.contains("task_failed") && kinds.contains("blocked"), "{kinds}");
}

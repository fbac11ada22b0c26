//! Texts, names and paths that strangers chose, in every verb that takes or shows them.
//!
//! Each comes back exactly or is refused in words, is never read by a shell or as an option, and never acts on a terminal.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::symlink,
    },
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    gatekeeper::terminal::Screen,
    home::{Home, Said, eventually, text_of},
};

/// One text of each kind that somebody may try.
const TEXTS: [(&str, &str); 8] = [
    ("a command", "it's \"x\" $z \\ $(touch pwned) `touch pwned`; touch pwned & | > pwned"),
    ("lines", "a\nb\r\n--force"),
    ("an option", "--force=-rf"),
    ("a way up", "../../../etc/passwd"),
    (
        "escapes",
        "a\u{1b}[31mb\u{1b}]0;c\u{7}\u{1b}[2Jd\u{8}\u{1b}]52;c;AAAA\u{7}\u{9b}31me\u{9d}0;f\u{9c}\u{85}\u{7f}",
    ),
    (
        "directions, and nothing to see",
        "a\u{202e}b\u{2066}c\u{200f}\u{61c}d\u{200b}e\u{2060}\u{feff}f\u{e0041}g\u{2028}h",
    ),
    (
        "wide, combined, and places",
        "日本語 e\u{302}\u{301} 👩\u{200d}👩\u{200d}👧 %s %n {slug} {} {{prompt}} *?[a] ~ @{-1}",
    ),
    ("long", LONG),
];

const LONG: &str = match str::from_utf8(&[b'y'; 300]) {
    Ok(text) => text,
    Err(_) => "",
};

/// Whether a terminal would do something on this character, other than to show it or begin a line.
fn acts(c: char) -> bool {
    let direction = matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() && c != '\n' && c != '\t' || direction
}

/// What was said, once nothing in it acts on a terminal.
#[track_caller]
fn harmless(what: &str, said: Said) -> Said {
    for text in [&said.stdout, &said.stderr] {
        if let Some(at) = text.find(acts) {
            let near: String = text[..at].chars().rev().take(60).collect();
            let near: String = near.chars().rev().collect();
            panic!("{what}: {:?} after {near:?}", text[at..].chars().next());
        }
    }
    said
}

/// Calls each verb with and without `--json`, and looks at what a terminal would get.
#[track_caller]
fn looked_at(home: &Home, what: &str, verbs: &[&[&str]]) {
    for verb in verbs {
        let said = harmless(&format!("{what}: {verb:?}"), home.skep(verb));
        assert!([0, 1, 4].contains(&said.code), "{what}: {verb:?}: {said:?}");
        let args = [&["--json"], *verb].concat();
        let said = harmless(&format!("{what}: {args:?}"), home.skep(&args));
        assert!([0, 1, 4].contains(&said.code), "{what}: {args:?}: {said:?}");
        for line in said.stdout.lines() {
            let read: Result<Value, _> = serde_json::from_str(line);
            read.unwrap_or_else(|err| panic!("{what}: {args:?}: {err}: {line}"));
        }
    }
}

/// The verbs that show a run.
fn about(id: &str) -> Vec<Vec<&str>> {
    let of: [&[&str]; 7] = [
        &["show"],
        &["why"],
        &["logs"],
        &["logs", "--raw"],
        &["wait"],
        &["close", "--dry-run"],
        &["land", "--dry-run"],
    ];
    of.iter().map(|verb| [*verb, &[id]].concat()).collect()
}

/// The verbs that show everything.
const OVERALL: [&[&str]; 7] = [
    &["ls"],
    &["status"],
    &["events"],
    &["task", "ls"],
    &["project", "ls"],
    &["snapshot", "ls"],
    &["doctor"],
];

#[track_caller]
fn shown_everywhere(home: &Home, what: &str, id: &str) {
    let about = about(id);
    let verbs: Vec<&[&str]> = about.iter().map(Vec::as_slice).collect();
    looked_at(home, what, &verbs);
}

/// Whether a file of this name was made anywhere below.
fn stands(dir: &Path, name: &str) -> bool {
    fs::read_dir(dir).unwrap().flatten().any(|entry| {
        entry.file_name() == name
            || entry.file_type().unwrap().is_dir() && stands(&entry.path(), name)
    })
}

#[test]
fn a_title_and_a_task_of_any_text_come_back_exactly_and_act_on_no_terminal() {
    let home = Home::with_limits("workers = 100\nruns = 20\nper_project = 20");
    home.repo();
    let mut ids = Vec::new();
    for (what, text) in TEXTS {
        let run = home.json(&["run", "-d", "--", text]);
        assert_eq!(run["title"], text, "{what}");
        ids.push((what, text_of(&run, "id")));
        let body = home.write("body", text);
        let task =
            home.json(&["task", "add", "--body", &body, &format!("--ref={text}"), "--", text]);
        for field in ["title", "body", "reference"] {
            assert!(task[field].is_null() || task[field] == text, "{what}: {field}: {task}");
        }
        let task = text_of(&task, "id");
        looked_at(&home, what, &[&["task", "show", &task]]);
    }
    for (what, id) in &ids {
        let ended = home.wait(id, "ended");
        assert_eq!(ended["outcome"], "completed", "{what}: {ended}");
        shown_everywhere(&home, what, id);
    }
    looked_at(&home, "all", &OVERALL);
    assert!(!stands(home.place().root(), "pwned"));
}

#[test]
fn any_text_in_the_place_of_a_name_or_a_choice_is_refused_in_words_that_act_on_no_terminal() {
    let home = Home::new();
    home.repo();
    home.json(&["project", "add", "."]);
    for (what, text) in TEXTS {
        let refused = |args: &[&str]| {
            let what = format!("{what}: {args:?}");
            let said = harmless(&what, home.skep(args));
            assert_eq!(said.code, 2, "{what}: {said:?}");
            assert!(said.stderr.starts_with("error["), "{what}: {said:?}");
        };
        let spelled = |args: &[&str]| {
            let what = format!("{what}: {args:?}");
            let error = harmless(&what, home.skep(&[&["--json"], args].concat())).error(2);
            let slug = text_of(&error, "slug");
            assert!(!slug.is_empty() && slug != "input-output", "{what}: {error}");
        };
        spelled(&["run", &format!("--name={text}"), "a title"]);
        spelled(&["show", "--", text]);
        for option in ["--name", "--base", "--agent", "--project", "--surface", "--permissions"] {
            refused(&["run", &format!("{option}={text}"), "a title"]);
        }
        refused(&["run", "--prompt-file", &format!("missing/{text}"), "a title"]);
        for verb in ["show", "stop", "close", "wait"] {
            refused(&[verb, "--", text]);
        }
        refused(&["snapshot", "show", "--", text]);
        refused(&["restore", "--", text]);
        refused(&["undo", "--", text]);
        refused(&["explain", "--", text]);
        refused(&["task", "show", "--", text]);
        refused(&["project", "show", "--", text]);
        refused(&["project", "add", ".", &format!("--name={text}")]);
        refused(&["config", "set", "--", text, "x"]);
    }
    assert_eq!(home.json(&["ls", "--all"]), json!([]), "nothing was begun");
    assert!(!stands(home.place().root(), "pwned"));
}

#[test]
fn a_prompt_is_kept_to_the_byte_or_refused() {
    let home = Home::new();
    home.repo();
    let whole = "z".repeat(300 << 10);
    for text in ["a\0b", "a\r\nb\n", "\u{1b}]52;c;AAAA\u{7}\u{202e}", &whole] {
        let file = home.write("prompt", text);
        let run = home.json(&["run", "--prompt-file", &file, "a title"]);
        let id = text_of(&run, "id");
        assert_eq!(home.wait(&id, "ended")["outcome"], "completed");
        let kept = fs::read(home.root().join("runs").join(&id).join("prompt.md")).unwrap();
        assert!(kept == text.as_bytes());
        looked_at(&home, "a prompt", &[&["logs", &id], &["show", &id], &["why", &id]]);
    }
    let file = home.write("prompt", "");
    fs::File::create(&file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"a\xffb"))
        .unwrap();
    for ask in [&["run", "t", "--prompt-file", &file][..], &["task", "add", "t", "--body", &file]] {
        home.skep(&[&["--json"], ask].concat()).refused(2, "file-unreadable");
    }
}

/// An agent that says what stands in a file, and nothing else.
fn mouth(home: &Home, lines: &[u8]) {
    let file = home.at("lines");
    fs::File::create(&file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, lines))
        .unwrap();
    home.write(
        "c/agents/mouth.toml",
        &format!(
            "protocol = \"scripted\"\nprogram = \"sh\"\nheadless = [\"-c\", \"read x; cat $1 >&2; cat $1\", \"sh\", \"{}\"]\nprompt = \"stdin\"\n",
            file.display()
        ),
    );
}

#[test]
fn what_an_agent_says_is_kept_as_it_was_and_acts_on_no_terminal() {
    let home = Home::new();
    home.repo();
    let mut lines = Vec::new();
    let texts: Vec<String> = TEXTS.iter().map(|(_, text)| format!("\0{text}")).collect();
    let long = "B".repeat(300 << 10);
    lines.push(json!({"kind": "said", "text": long}));
    for text in &texts {
        for kind in ["said", "thought"] {
            lines.push(json!({"kind": kind, "text": text}));
        }
        lines.push(json!({"kind": "tool", "id": text, "name": text, "input": text}));
        lines.push(json!({"kind": "tool_result", "id": text, "ok": false, "text": text}));
        lines.push(json!({"kind": "retry", "attempt": 1, "text": text}));
        lines.push(json!({"kind": "error", "class": "notice", "text": text}));
    }
    lines.push(json!({"kind": "session", "id": TEXTS[4].1}));
    lines.push(json!({"kind": "turn_ended", "result": "failed", "text": TEXTS[5].1}));
    let mut bytes = b"\x1b[2J raw \xff\xfe \x9b31m \0\n".to_vec();
    for line in &lines {
        bytes.extend_from_slice(line.to_string().as_bytes());
        bytes.push(b'\n');
    }
    mouth(&home, &bytes);
    let prompt = home.script("hostile", &[]);
    let said = home.skep(&["run", "-f", "--agent", "mouth", "--prompt-file", &prompt, TEXTS[4].1]);
    assert_eq!(harmless("run -f", said).code, 4, "the agent said that it failed");
    let id = text_of(&home.json(&["ls"])[0], "id");
    shown_everywhere(&home, "an agent", &id);
    looked_at(&home, "an agent", &OVERALL);
    let raw = home.skep(&["logs", "--raw", &id]).ok();
    let raw: Vec<Value> = raw.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(raw.iter().any(|line| line["text"] == long));
    for text in &texts {
        for kind in ["said", "thought", "tool_result", "retry", "error"] {
            let kept = raw.iter().any(|line| line["kind"] == kind && line["text"] == *text);
            assert!(kept, "{kind} {:?} was not kept", &text[..text.len().min(80)]);
        }
    }
    assert!(!stands(home.place().root(), "pwned"));
}

#[test]
fn on_a_terminal_the_only_escapes_are_skeps_own_colours() {
    let home = Home::new();
    home.repo();
    let lines = TEXTS.map(|(_, text)| json!({"kind": "said", "text": text}).to_string() + "\n");
    mouth(&home, lines.concat().as_bytes());
    let said = home.skep(&["--json", "run", "--agent", "mouth", "--", TEXTS[4].1]);
    let id = text_of(&serde_json::from_str(&said.stdout).unwrap(), "id");
    home.wait(&id, "ended");
    let script = "for verb in show why logs 'logs --raw' 'show --json'; do $SKEP $verb $ID; done; \
        $SKEP ls; $SKEP status; $SKEP events; $SKEP doctor; $SKEP show \"$(printf 'a\\033[2Jb')\"; echo that is all";
    let command = home.command(&[]);
    let mut vars: Vec<(&str, &str)> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?)))
        .collect();
    vars.push(("ID", &id));
    let mut screen = Screen::with(&["sh", "-c", script], &vars);
    screen.sees("that is all");
    screen.child.wait().unwrap();
    let mut text = screen.text().replace("\r\n", "\n");
    assert!(text.contains("\u{1b}[2m"), "there is colour: {text}");
    for colour in ["0", "1", "2", "31", "32", "33"] {
        text = text.replace(&format!("\u{1b}[{colour}m"), "");
    }
    harmless("a terminal", Said { code: 0, stdout: text, stderr: String::new() });
}

/// Names that no shell, terminal or text takes as they are.
fn odd_names() -> Vec<OsString> {
    let mut names: Vec<OsString> = [
        "-rf",
        "--",
        "a b",
        "a\nb",
        "a\u{1b}[31mb",
        "'q\"",
        "$(touch pwned)",
        "\u{202e}bidi",
        "\u{9b}c1",
        "...",
        "a\\b",
        ":(top)x",
        "*",
        "~",
        "\u{7f}",
        "日本",
        "e\u{302}",
        "#c",
        "!n",
    ]
    .map(OsString::from)
    .to_vec();
    names.push(OsString::from_vec(b"\xff\xfe".to_vec()));
    names.push(OsString::from("n".repeat(250)));
    names
}

/// The bytes, or the link's target, of everything below, without git's own.
fn content(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if entry.file_name() == ".git" {
            continue;
        }
        if kind.is_symlink() {
            found.insert(path.clone(), fs::read_link(&path).unwrap().into_os_string().into_vec());
        } else if kind.is_dir() {
            found.extend(content(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn files_of_any_name_and_commits_of_any_author_are_shown_landed_closed_and_brought_back() {
    let home = Home::new();
    let repo = home.repo();
    let run = home.ended("odd files", &["say a", "write a b", "commit c"], &[]);
    let (id, tree) = (text_of(&run, "id"), PathBuf::from(text_of(&run, "worktree")));
    let put = |dir: &Path| {
        fs::create_dir_all(dir).unwrap();
        for name in odd_names() {
            let mut file = fs::File::create(dir.join(&name)).unwrap();
            std::io::Write::write_all(&mut file, name.as_bytes()).unwrap();
        }
        symlink(OsStr::from_bytes(b"/etc/passwd\xff\n"), dir.join("link")).unwrap();
    };
    put(&tree.join("in\n\u{1b}[1m"));
    let worktree = home.place().at(&tree);
    worktree.git(&["add", "--all"]);
    let author = "E\u{1b}[31m\u{202e} $(touch pwned) <-x@\u{1b}]0;y>";
    let message = "m\u{1b}[2J\n\n--force\n\u{202e} $(touch pwned)";
    worktree.git(&[
        "commit",
        "--quiet",
        &format!("--author={author}"),
        &format!("--message={message}"),
    ]);
    shown_everywhere(&home, "committed", &id);
    harmless("land", home.skep(&["land", &id])).ok();
    assert_eq!(content(repo.path()).len(), odd_names().len() + 3, "all of it has landed");
    put(&tree);
    let before = content(&tree);
    shown_everywhere(&home, "dirty", &id);
    harmless("close", home.skep(&["close", &id])).with(1);
    let closed = home.json(&["close", "--force", &id]);
    assert_eq!(closed["cleaned"], true, "{closed}");
    assert!(!tree.exists());
    let snapshot = text_of(&closed, "snapshot");
    eventually("its snapshot is whole", || home.skep(&["snapshot", "show", &snapshot]).code == 0);
    looked_at(
        &home,
        "closed",
        &[&["snapshot", "show", &snapshot], &["undo", "--dry-run"], &["clean", "--dry-run"]],
    );
    eventually("it is taken back", || harmless("undo", home.skep(&["undo"])).code == 0);
    assert!(content(&tree) == before, "bit for bit");
    let to = home.at("out\n\u{1b}[1m");
    harmless("restore", home.skep(&["restore", &snapshot, "--to", to.to_str().unwrap()])).ok();
    assert_eq!(content(&to).len(), before.len());
    looked_at(&home, "all", &OVERALL);
    assert!(!stands(home.place().root(), "pwned"));
}

#[test]
fn repositories_homes_and_settings_lie_under_any_name_that_is_text_and_under_no_other() {
    let home = Home::new();
    let settings = fs::read_to_string(home.at("c/config.toml")).unwrap();
    let names = ["-rf", "a b\n'q\" $(touch pwned);", "a\u{1b}[31m\u{9b}b\u{202e}", "%s{x}日本"];
    for name in names {
        let at = |what: &str| home.at(what).join(name).to_str().unwrap().to_owned();
        let repo = home.place().repo(&format!("r/{name}"));
        home.write(format!("cs/{name}/config.toml"), &settings);
        let vars = [("SKEP_HOME", &*at("hs")), ("SKEP_CONFIG", &*at("cs"))];
        let skep = |args: &[&str]| {
            harmless(&format!("{name:?}: {args:?}"), home.skep_with(repo.path(), &vars, args))
        };
        let run = skep(&["--json", "run", "do it"]).json(0);
        let id = text_of(&run, "id");
        skep(&["wait", &id]).ok();
        for verb in [
            &["ls"][..],
            &["show", &id],
            &["project", "ls"],
            &["doctor"],
            &["land", &id],
            &["close", &id],
        ] {
            skep(verb).ok();
        }
        assert!(home.at("hs").join(name).join("ledger.db").is_file());
        let path = skep(&["--json", "project", "ls"]).json(0);
        assert_eq!(text_of(&path[0], "path"), repo.path().to_str().unwrap());
        skep(&["daemon", "stop"]).ok();
    }
    assert!(!stands(home.place().root(), "pwned"));
    let odd = home.at(OsStr::from_bytes(b"no\xfftext"));
    for variable in ["SKEP_HOME", "SKEP_CONFIG"] {
        let mut command = home.command(&["--json", "ls"]);
        let said =
            command.env(variable, &odd).stderr(std::process::Stdio::piped()).output().unwrap();
        let error: Value = serde_json::from_slice(&said.stderr).unwrap();
        assert_eq!(
            error["error"]["slug"], "path-not-text",
            "{variable}: left out, it would mean another"
        );
    }
    fs::create_dir(&odd).unwrap();
    home.skep_in(&odd, &["--json", "run", "x"]).refused(2, "path-not-text");
    assert!(!home.root().join("ledger.db").exists(), "nothing was begun in another home");
}

#[test]
fn branches_of_a_remote_are_bases_whatever_they_are_called_and_never_options() {
    let home = Home::new();
    let remote = home.place().repo("remote");
    let odd =
        ["a\"b", "a'b", "$(touch_pwned)", "a\u{202e}b", "a\u{9b}b", "日本", "x;y", "%s", "-rf"];
    for branch in odd {
        remote.git(&["update-ref", &format!("refs/heads/{branch}"), "HEAD"]);
    }
    remote.git(&["symbolic-ref", "HEAD", "refs/heads/a\u{9b}b"]);
    let url = format!("file://{}", remote.path().display());
    harmless("add", home.skep(&["project", "add", &url, "--name", "far"])).ok();
    for branch in odd {
        let run = home.json(&["run", "on it", "--project", "far", &format!("--base={branch}")]);
        let ended = home.wait(&text_of(&run, "id"), "ended");
        assert!(text_of(&ended["base"], "branch").ends_with(branch), "{ended}");
    }
    for option in ["--upload-pack=touch pwned", "--output=pwned", "-", "..", "@{u}"] {
        home.skep(&["--json", "run", "x", "--project", "far", &format!("--base={option}")])
            .refused(2, "no-such-ref");
    }
    looked_at(&home, "all", &OVERALL);
    assert!(!stands(home.place().root(), "pwned"));
}

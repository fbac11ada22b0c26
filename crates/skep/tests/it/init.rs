//! `skep init`: what it finds, what it writes, what it approves, and what it leaves alone.

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use serde_json::Value;
use skep_testkit::Repo;

use crate::{
    gatekeeper::terminal::Screen,
    home::{Home, text_of},
};

const WORK: [&str; 3] = ["write a a", "commit a", "say done"];

/// Programs of one's own before those of the machine; each is a script.
fn path_with(home: &Home, programs: &[(&str, &str)]) -> String {
    for (name, text) in programs {
        let file = home.write(format!("bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:/usr/local/bin:/usr/bin:/bin", home.at("bin").display())
}

/// A home in which `npm` is a script that says so in its folder.
fn with_npm() -> Home {
    let home = Home::new();
    let path = path_with(&home, &[("npm", "touch npm-was-here")]);
    home.var("PATH", &path)
}

/// A package of node with a lock, tests, an ignored `.env` and `node_modules`.
fn package(repo: &Repo<'_>) {
    repo.write("package.json", r#"{"scripts":{"test":"vitest"}}"#);
    repo.write("package-lock.json", "{}");
    repo.write(".gitignore", "node_modules/\n.env\nnpm-was-here\n");
    repo.commit("package");
    repo.write(".env", "SECRET=1\n");
}

#[track_caller]
fn finding(seen: &Value, topic: &str) -> Value {
    let found = seen["findings"].as_array().unwrap().iter().find(|it| it["topic"] == topic);
    found.unwrap_or_else(|| panic!("no {topic} in {seen}")).clone()
}

#[track_caller]
fn proposed(seen: &Value, key: &str) -> Value {
    let found = seen["proposed"].as_array().unwrap().iter().find(|it| it["key"] == key);
    found.map_or(Value::Null, |it| it["value"].clone())
}

fn own(home: &Home) -> PathBuf {
    home.at("c/projects/web.toml")
}

/// Everything of a repository that an onlooker must not change.
fn state(repo: &Repo<'_>) -> (String, String, Vec<u8>, String) {
    (
        repo.git(&["for-each-ref"]),
        repo.status(),
        fs::read(repo.path().join(".git/index")).unwrap(),
        repo.git(&["worktree", "list", "--porcelain"]),
    )
}

#[test]
fn what_it_finds_is_shown_written_to_ones_own_settings_and_a_second_time_changes_nothing() {
    let home = with_npm();
    let repo = home.repo();
    package(&repo);
    let before = state(&repo);
    let dry = home.json(&["init", "--dry-run"]);
    assert_eq!(proposed(&dry, "setup.run"), "npm ci");
    assert!(!own(&home).exists() && !home.at("c/projects").exists(), "a dry run wrote");
    assert_eq!(home.json(&["project", "ls"]), serde_json::json!([]));
    let seen = home.json(&["init"]);
    assert_eq!((&seen["written"], &seen["registered"]), (&true.into(), &true.into()), "{seen}");
    assert_eq!(proposed(&seen, "files.copy"), serde_json::json!([".env"]));
    assert_eq!(proposed(&seen, "files.discard"), serde_json::json!(["node_modules"]));
    assert_eq!(proposed(&seen, "gate")[0]["run"], "npm test");
    assert!(text_of(&finding(&seen, "base"), "text").contains("main"));
    assert!(!seen.to_string().contains("SECRET"), "{seen}");
    let text = fs::read_to_string(own(&home)).unwrap();
    let read: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(read["setup"]["run"].as_str(), Some("npm ci"), "{text}");
    assert_eq!(state(&repo), before);
    let again = home.json(&["init"]);
    assert_eq!((&again["written"], &again["added"]), (&false.into(), &serde_json::json!([])));
    assert_eq!(fs::read_to_string(own(&home)).unwrap(), text);
    assert_eq!(home.json(&["project", "ls"]).as_array().unwrap().len(), 1);
    assert_eq!(state(&repo), before);
}

#[test]
fn what_a_person_has_set_stays_and_the_difference_is_told() {
    let home = with_npm();
    package(&home.repo());
    home.write("c/projects/web.toml", "agent = \"scripted\" # best\n[setup]\nrun = \"true\"\n");
    let seen = home.json(&["init"]);
    let text = fs::read_to_string(own(&home)).unwrap();
    assert!(text.starts_with("agent = \"scripted\" # best\n[setup]\nrun = \"true\"\n"), "{text}");
    assert_eq!(seen["kept"][0]["key"], "setup.run", "{seen}");
    assert!(text.contains("copy = [\".env\"]"), "{text}");
    let said = home.skep(&["init"]).ok();
    assert!(said.contains("setup.run stays \"true\""), "{said}");
    // A file that does not read is left as it is.
    home.write("c/projects/web.toml", "setpu = 1\n");
    home.skep(&["--json", "init"]).refused(2, "config-unknown-key");
    assert_eq!(fs::read_to_string(own(&home)).unwrap(), "setpu = 1\n");
}

#[test]
fn a_set_up_is_approved_by_yes_alone_and_a_change_is_shown_against_what_was_approved() {
    let home = with_npm();
    let repo = home.repo();
    package(&repo);
    let seen = home.json(&["init"]);
    assert_eq!(seen["set_up"]["approved"], false, "{seen}");
    let prompt = home.script("go", &WORK);
    let run = ["--json", "run", "go", "--prompt-file", &prompt];
    home.skep(&run).refused(1, "scripts-unapproved");
    let seen = home.json(&["init", "--yes"]);
    assert_eq!((&seen["set_up"]["approved"], &seen["written"]), (&true.into(), &false.into()));
    assert_eq!(seen["gates"]["approved"], true, "{seen}");
    assert!(text_of(&seen["gates"], "text").contains("gate test:"), "{seen}");
    let view = home.skep(&run).json(0);
    assert!(Path::new(&text_of(&view, "worktree")).join("npm-was-here").exists());
    assert!(Path::new(&text_of(&view, "worktree")).join(".env").exists());
    // Changed, it is shown against what was approved, and not approved by looking at it.
    let text = fs::read_to_string(own(&home)).unwrap();
    home.write("c/projects/web.toml", &text.replace("npm ci", "npm ci --ignore-scripts"));
    let error = home.skep(&run).refused(1, "scripts-changed");
    let message = text_of(&error, "message");
    assert!(message.contains("\n-npm ci\n+npm ci --ignore-scripts"), "{message}");
    assert!(error["hints"].to_string().contains("skep init"), "{error}");
    let said = home.skep(&["init"]).ok();
    assert!(said.contains("-npm ci") && said.contains("+npm ci --ignore-scripts"), "{said}");
    home.skep(&run).refused(1, "scripts-changed");
    home.skep(&["init", "--yes"]).ok();
    home.skep(&run).json(0);
    // What nobody has approved any more is kept nowhere: there are the set-up, and the gates with it.
    assert_eq!(fs::read_dir(home.root().join("approved")).unwrap().count(), 2);
}

#[test]
fn a_set_up_file_of_the_repository_is_shown_and_approved_as_it_is() {
    let home = Home::new();
    let repo = home.repo();
    let script = |text: &str| {
        repo.write(".worktree-setup", text);
        let file = repo.path().join(".worktree-setup");
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        repo.commit("set-up");
    };
    script("#!/bin/sh\ntouch one\n");
    let said = home.skep(&["init", "--yes"]).ok();
    assert!(said.contains("touch one"), "{said}");
    home.run("go", &WORK, &[]);
    script("#!/bin/sh\ntouch two\n");
    let prompt = home.script("go", &WORK);
    let error =
        home.skep(&["--json", "run", "go", "--prompt-file", &prompt]).refused(1, "scripts-changed");
    assert!(text_of(&error, "message").contains("-touch one\n+touch two"), "{error}");
    assert!(error["hints"].to_string().contains(":.worktree-setup"), "{error}");
}

#[test]
fn at_a_terminal_it_asks_before_it_writes_and_before_it_approves() {
    let home = with_npm();
    package(&home.repo());
    let at = |path: &str| home.at(path).to_str().unwrap().to_owned();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", at("bin"));
    let vars = [
        ("HOME", at("home")),
        ("PATH", path),
        ("SKEP_HOME", at("h")),
        ("SKEP_CONFIG", at("c")),
        ("TMPDIR", at("tmp")),
    ];
    let vars: Vec<(&str, &str)> =
        vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let line = format!("cd {} && \"$SKEP\" init; echo \"code $?\"", at("web"));
    let open = || Screen::with(&["sh", "-c", &line], &vars);
    let mut screen = open();
    screen.sees("Write it? [Y/n]");
    screen.type_in("n\n");
    screen.sees("code 0");
    assert!(!own(&home).exists());
    assert_eq!(home.json(&["project", "ls"]), serde_json::json!([]));
    let mut screen = open();
    screen.sees("Write it? [Y/n]");
    screen.type_in("\n");
    screen.sees("May it run in this project's worktrees? [y/N]");
    screen.type_in("\n");
    screen.sees("May they run on this project's work? [y/N]");
    screen.type_in("y\n");
    screen.sees("approved: the gates");
    screen.sees("not approved: the set-up");
    screen.sees("code 0");
    assert!(own(&home).exists());
    assert_eq!(home.json(&["project", "show", "web"])["approved"], false);
    let mut screen = open();
    screen.sees("May it run in this project's worktrees? [y/N]");
    screen.type_in("y\n");
    screen.sees("approved: the set-up");
    screen.sees("code 0");
    assert_eq!(home.json(&["project", "show", "web"])["approved"], true);
}

#[test]
fn shared_settings_come_into_the_checkout_and_committing_them_stays_with_the_person() {
    let home = with_npm();
    let repo = home.repo();
    package(&repo);
    let head = repo.head();
    let seen = home.json(&["init", "--shared", "--yes"]);
    assert_eq!((&seen["shared"], &seen["set_up"]["approved"]), (&true.into(), &true.into()));
    assert_eq!((repo.head(), repo.status()), (head, "?? .skep/project.toml".to_owned()));
    assert!(!own(&home).exists());
    let mode = fs::metadata(repo.path().join(".skep/project.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(home.json(&["init", "--shared"])["written"], false);
    repo.commit("settings");
    // What was approved is what runs now, and one's own file has nothing to add.
    let run = home.run("go", &WORK, &[]);
    assert!(Path::new(&text_of(&run, "worktree")).join("npm-was-here").exists());
    let seen = home.json(&["init"]);
    assert_eq!(
        (&seen["written"], &seen["added"]),
        (&false.into(), &serde_json::json!([])),
        "{seen}"
    );
    home.place().bare("bare.git");
    repo.git(&["push", "--quiet", "../bare.git", "main"]);
    home.skep_in(&home.at("bare.git"), &["--json", "init", "--shared"])
        .refused(2, "config-unwritable");
}

#[test]
fn hooks_that_would_be_silent_in_a_worktree_are_named_and_none_of_them_runs() {
    let home = with_npm();
    let repo = home.repo();
    package(&repo);
    repo.write(".husky/_/pre-commit", "#!/bin/sh\ntouch \"$HOME/ran\"\nexit 1\n");
    repo.write(".husky/_/.gitignore", "*\n");
    let hook = repo.path().join(".husky/_/pre-commit");
    fs::set_permissions(hook, fs::Permissions::from_mode(0o755)).unwrap();
    repo.git(&["config", "core.hooksPath", ".husky/_"]);
    let before = state(&repo);
    let found = finding(&home.json(&["init", "--dry-run"]), "hooks");
    assert_eq!(found["health"], "ill", "{found}");
    assert!(text_of(&found, "text").contains("pre-commit"), "{found}");
    assert_eq!(state(&repo), before);
    assert!(!home.at("home/ran").exists());
    // A package that installs its hooks heals that with its set-up.
    repo.git(&["config", "--unset", "core.hooksPath"]);
    repo.write("package.json", r#"{"scripts":{"prepare":"husky"}}"#);
    repo.commit("husky");
    repo.git(&["config", "core.hooksPath", ".husky/_"]);
    let found = finding(&home.json(&["init", "--dry-run"]), "hooks");
    assert_eq!(found["health"], "note", "{found}");
    // And those in git's own folder fire everywhere.
    repo.git(&["config", "--unset", "core.hooksPath"]);
    fs::rename(repo.path().join(".husky/_/pre-commit"), repo.path().join(".git/hooks/pre-commit"))
        .unwrap();
    let found = finding(&home.json(&["init", "--dry-run"]), "hooks");
    assert_eq!(found["health"], "well", "{found}");
    assert!(!home.at("home/ran").exists());
}

#[test]
fn signing_and_lfs_are_told_and_neither_program_is_started() {
    let home = Home::new();
    let repo = home.repo();
    let path = path_with(&home, &[("sign", "touch \"$HOME/ran\"")]);
    let program = home.at("bin/sign");
    repo.write(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    repo.commit("attributes");
    for (name, value) in [
        ("commit.gpgsign", "true"),
        ("gpg.program", program.to_str().unwrap()),
        ("filter.lfs.smudge", program.to_str().unwrap()),
        ("filter.lfs.process", program.to_str().unwrap()),
    ] {
        repo.git(&["config", name, value]);
    }
    let look = |path: &str| {
        home.skep_with(repo.path(), &[("PATH", path)], &["--json", "init", "--dry-run"]).json(0)
    };
    let seen = look(&path);
    let signing = text_of(&finding(&seen, "signing"), "text");
    assert!(signing.contains("bin/sign, which may ask"), "{signing}");
    let lacks =
        !Path::new("/usr/bin/git-lfs").exists() && !Path::new("/usr/local/bin/git-lfs").exists();
    if lacks {
        assert_eq!(finding(&seen, "lfs")["health"], "ill", "{seen}");
    }
    let path = path_with(&home, &[("git-lfs", "touch \"$HOME/ran\"")]);
    assert_eq!(finding(&look(&path), "lfs")["health"], "note");
    assert!(!home.at("home/ran").exists());
}

#[test]
fn submodules_get_a_set_up_that_fills_them() {
    let home = Home::new();
    let part = home.place().repo("part");
    let repo = home.repo();
    let url = part.path().to_str().unwrap().to_owned();
    repo.git(&["submodule", "--quiet", "add", &url, "part"]);
    repo.commit("part");
    let seen = home.json(&["init", "--yes"]);
    assert_eq!(proposed(&seen, "setup.run"), "git submodule update --init --recursive");
    let run = home.ended("go", &WORK, &[]);
    assert_eq!(run["outcome"], "completed", "{run}");
    assert!(Path::new(&text_of(&run, "worktree")).join("part/README").exists());
}

#[test]
fn from_a_folder_of_a_monorepo_the_project_is_that_folder() {
    let home = with_npm();
    let repo = home.repo();
    package(&repo);
    repo.write("apps/shop/package.json", r#"{"scripts":{"lint":"x"}}"#);
    repo.commit("shop");
    let shop = repo.path().join("apps/shop");
    let seen = home.skep_in(&shop, &["--json", "init", "--yes"]).json(0);
    assert_eq!(
        (text_of(&seen, "project"), text_of(&seen, "sub_dir")),
        ("web-shop".into(), "apps/shop".into())
    );
    assert_eq!(proposed(&seen, "setup.run"), "(cd ../.. && npm ci)");
    assert_eq!(proposed(&seen, "gate")[0]["name"], "lint");
    let prompt = home.script("go", &WORK);
    let run = home.skep_in(&shop, &["--json", "run", "go", "--prompt-file", &prompt]).json(0);
    assert!(text_of(&run, "cwd").ends_with("apps/shop"), "{run}");
    assert!(Path::new(&text_of(&run, "worktree")).join("npm-was-here").exists());
}

#[test]
fn hostile_names_reach_no_shell_no_setting_and_no_terminal() {
    let home = Home::new();
    let path = path_with(&home, &[("uv", "touch uv-was-here")]);
    let home = home.var("PATH", &path);
    let repo = home.repo();
    let odd = "a b;$(touch owned)'\"";
    repo.write(format!("{odd}/uv.lock"), "x\n");
    repo.write("-rf/uv.lock", "x\n");
    repo.write("new\nline/uv.lock", "x\n");
    repo.write("\u{1b}[31m/uv.lock", "x\n");
    repo.write(".gitignore", ".env*\nuv-was-here\n");
    let raw = std::ffi::OsStr::from_bytes(b"\xff.lock");
    repo.write(raw, "x\n");
    repo.commit("odd");
    for name in [".env[a]", ".env $(touch owned)", ".env.\u{1b}]0;x\u{7}"] {
        repo.write(name, "X=1\n");
    }
    repo.write(".env.real", "X=1\n");
    let said = home.skep(&["init", "--yes"]).ok();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let read: toml::Table = toml::from_str(&fs::read_to_string(own(&home)).unwrap()).unwrap();
    let command = read["setup"]["run"].as_str().unwrap();
    assert_eq!(command, r#"(cd 'a b;$(touch owned)'\''"' && uv sync)"#);
    assert_eq!(read["files"]["copy"].as_array().unwrap().len(), 1, "{read:?}");
    let run = home.ended("go", &WORK, &[]);
    assert_eq!(run["outcome"], "completed", "{run}");
    let worktree = PathBuf::from(text_of(&run, "worktree"));
    assert!(worktree.join(odd).join("uv-was-here").exists());
    assert!(worktree.join(".env.real").exists());
    assert!(!worktree.join("owned").exists() && !repo.path().join("owned").exists());
}

#[test]
fn where_the_settings_cannot_be_written_nothing_is_registered() {
    let home = with_npm();
    package(&home.repo());
    // Even who may write everywhere cannot make a folder of a file.
    home.write("c/projects", "in the way\n");
    let error = home.skep(&["--json", "init"]).error(2);
    assert!(
        ["config-unwritable", "config-unreadable"].contains(&error["slug"].as_str().unwrap()),
        "{error}"
    );
    assert_eq!(home.json(&["project", "ls"]), serde_json::json!([]));
    assert_eq!(fs::read_to_string(home.at("c/projects")).unwrap(), "in the way\n");
    fs::remove_file(home.at("c/projects")).unwrap();
    if !rustix::process::geteuid().is_root() {
        fs::create_dir(home.at("c/projects")).unwrap();
        fs::set_permissions(home.at("c/projects"), fs::Permissions::from_mode(0o500)).unwrap();
        home.skep(&["--json", "init"]).refused(2, "config-unwritable");
        fs::set_permissions(home.at("c/projects"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(home.json(&["project", "ls"]), serde_json::json!([]));
    }
    home.place().at("tmp/none");
    home.skep_in(&home.at("tmp"), &["--json", "init"]).refused(2, "not-a-repository");
}

#[test]
fn agents_are_told_with_version_and_login_and_the_one_that_runs_get() {
    let home = Home::new();
    home.write("c/config.toml", "[limits]\ndisk_free = \"0\"\n");
    home.repo();
    let path = path_with(
        &home,
        &[
            ("codex", "echo \"codex-cli 0.169.0\""),
            ("pi", "echo oh no >&2; exit 1"),
            ("opencode", "echo 1.18.33"),
            ("gemini", "echo 1.0.0"),
        ],
    );
    home.write("home/.codex/auth.json", "{\"tokens\":{}}");
    home.write("home/.config/opencode/opencode.json", "{\"model\":\"x\"}");
    let seen = home
        .skep_with(&home.at("web"), &[("PATH", &path)], &["--json", "init", "--dry-run"])
        .json(0);
    let agent = |name: &str| {
        let all = seen["agents"].as_array().unwrap();
        all.iter().find(|it| it["name"] == name).cloned().unwrap_or_default()
    };
    assert_eq!(
        (&agent("codex")["version"], &agent("codex")["logged_in"]),
        (&"0.169.0".into(), &true.into())
    );
    assert_eq!(
        (&agent("opencode")["version"], &agent("opencode")["logged_in"]),
        (&"1.18.33".into(), &Value::Null)
    );
    assert_eq!((&agent("pi")["version"], &agent("pi")["logged_in"]), (&Value::Null, &false.into()));
    assert_eq!((&seen["agent"], &agent("codex")["chosen"]), (&"codex".into(), &true.into()));
    assert_eq!(
        (&agent("gemini")["version"], &agent("gemini")["logged_in"]),
        (&"1.0.0".into(), &false.into())
    );
    let said = home.skep_with(&home.at("web"), &[("PATH", &path)], &["init", "--dry-run"]).ok();
    let said: Vec<&str> = said.split_whitespace().collect();
    let said = said.join(" ");
    assert!(
        said.contains("the first of those on your PATH, before opencode, gemini, pi"),
        "{said}"
    );
}

#[test]
fn a_run_in_an_unregistered_repository_says_what_it_registers_and_which_agent_and_why() {
    let home = Home::new();
    home.repo();
    let prompt = home.script("go", &WORK);
    let at = |path: &str| home.at(path).to_str().unwrap().to_owned();
    let line =
        format!("cd {} && \"$SKEP\" run go --prompt-file {prompt}; echo \"code $?\"", at("web"));
    let vars = [
        ("HOME", at("home")),
        ("SKEP_HOME", at("h")),
        ("SKEP_CONFIG", at("c")),
        ("TMPDIR", at("tmp")),
    ];
    let vars: Vec<(&str, &str)> =
        vars.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let screen = Screen::with(&["sh", "-c", &line], &vars);
    screen.sees("code 0");
    let text = screen.text();
    assert!(text.contains("project `web` registered"), "{text}");
    assert!(text.contains("agent scripted: your settings say so"), "{text}");
    assert!(text.contains("skep init"), "{text}");
}

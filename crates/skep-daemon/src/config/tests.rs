use std::{ffi::OsString, fs::File, io::Write, time::Duration};

use skep_core::review::Threshold;
use tempfile::TempDir;
use toml::Value;

use super::{
    layer::{leaves, table},
    *,
};

const HOUR: u64 = 3600;

#[test]
fn without_files_the_documented_defaults_hold() {
    let dir = tempfile::tempdir().unwrap();
    let settings = user(dir.path()).unwrap();
    assert_eq!(
        (settings.agent, settings.surface, settings.tmux),
        (None, Surface::Auto, Tmux::Private)
    );
    assert_eq!(settings.permissions, skep_core::run::Permissions::Auto);
    assert_eq!(settings.branch, "skep/{slug}");
    assert_eq!(settings.env.root, None);
    let limits = Limits {
        runs: 8,
        per_project: 8,
        reviews: 2,
        foremen: 2,
        gates: 2,
        prepare: 4,
        workers: 25,
        disk_free: 5_000_000_000,
    };
    assert_eq!(settings.limits, limits);
    let seconds = Duration::from_secs;
    let time = Time {
        setup: seconds(600),
        health: seconds(4),
        grace: seconds(2),
        idle: seconds(HOUR / 2),
        tool_idle: seconds(2 * HOUR),
        turn: None,
        ready: seconds(60),
        daemon_idle: seconds(900),
        git: seconds(60),
        fetch: seconds(20),
    };
    assert_eq!(settings.time, time);
    assert_eq!(settings.retry, Retry { tries: 2, first: seconds(5), factor: 6, jitter: 0.2 });
    assert_eq!(settings.breaker, Breaker { deaths: 3, window: seconds(HOUR / 2) });
    let keep = Keep {
        snapshots: seconds(30 * 24 * HOUR),
        trash: seconds(7 * 24 * HOUR),
        logs: seconds(14 * 24 * HOUR),
        env_after_done: seconds(24 * HOUR),
        journal: 256_000_000,
    };
    assert_eq!(settings.keep, keep);
    assert_eq!(settings.plan, Plan { max_parse_retries: 2, timeout: seconds(HOUR) });
    let review = Review {
        threshold: Threshold::MinorOk,
        max_cycles: 3,
        auto_feedback_loop: true,
        agent: None,
    };
    assert_eq!(settings.review, review);
    assert_eq!(settings.foreman, Foreman { question_timeout: seconds(600), agent: None });
    let project = project(dir.path(), "web", None).unwrap();
    assert_eq!(
        (project.base, project.target, project.land, project.agent),
        (None, None, None, None)
    );
    assert_eq!((project.names, project.instructions, project.sub_dir), (None, None, String::new()));
    assert_eq!(project.setup, Setup { run: None, mode: Mode::Strict });
    assert_eq!((project.gate, project.env, project.sign), (vec![], vec![], false));
}

#[test]
fn every_key_of_the_documented_files_is_taken() {
    let dir = with(&[
        (
            "config.toml",
            r#"
agent = "claude"
surface = "headless"
permissions = "ask"
branch = "skep/{user}/{task}-{slug}-{name}-{short}"
tmux = "off"
[env]
root = "/big/env"
[limits]
runs = 1
reviews = 3
foremen = 1
gates = 4
disk_free = "4GiB"
[time]
turn = "1h30m"
[review]
threshold = "nit_only"
max_cycles = 0
auto_feedback_loop = false
agent = "gemini"
[foreman]
question_timeout = "90s"
agent = "opencode"
"#,
        ),
        (
            "projects/web.toml",
            r#"
base = "origin/main"
target = "main"
land = "local"
agent = "codex"
names = "minerals"
sub_dir = "front/app"
instructions = "docs/agents.md"
skills = ["skills/"]
env = ["DATABASE_URL"]
sign = true
[setup]
run = "npm ci"
mode = "warn"
[teardown]
run = "docker compose down -v"
[files]
copy = [".env"]
link = ["node_modules/.cache"]
discard = ["node_modules", "target"]
[processes]
spare = ["sccache", "gpg-agent"]
[[gate]]
name = "test"
run = "scripts/test"
timeout = "5m"
paths = ["src/**"]
[[gate]]
name = "lint"
run = "scripts/lint"
tools = ["cargo"]
"#,
        ),
    ]);
    let settings = user(dir.path()).unwrap();
    assert_eq!((settings.limits.runs, settings.limits.per_project), (1, 8));
    assert_eq!(
        (settings.limits.reviews, settings.limits.foremen, settings.limits.gates),
        (3, 1, 4)
    );
    let review = Review {
        threshold: Threshold::NitOnly,
        max_cycles: 0,
        auto_feedback_loop: false,
        agent: Some("gemini".to_owned()),
    };
    assert_eq!(settings.review, review);
    let (question_timeout, agent) = (Duration::from_secs(90), Some("opencode".to_owned()));
    assert_eq!(settings.foreman, Foreman { question_timeout, agent });
    assert_eq!(
        (settings.time.turn, settings.limits.disk_free),
        (Some(Duration::from_secs(5400)), 4 << 30)
    );
    assert_eq!(settings.env.root, Some(PathBuf::from("/big/env")));
    let project = project(dir.path(), "web", None).unwrap();
    assert_eq!((project.land, project.setup.mode), (Some(Land::Local), Mode::Warn));
    assert_eq!(project.files.discard, ["node_modules", "target"]);
    let gate = |name: &str, run: &str, minutes: u64, paths: &str| Gate {
        name: name.to_owned(),
        run: run.to_owned(),
        timeout: Duration::from_secs(minutes * 60),
        paths: vec![paths.to_owned()],
        env: Vec::new(),
        tools: if name == "lint" { vec!["cargo".to_owned()] } else { Vec::new() },
    };
    let gates = [gate("test", "scripts/test", 5, "src/**"), gate("lint", "scripts/lint", 20, "**")];
    assert_eq!(project.gate, gates);
}

#[test]
fn the_persons_own_file_wins_over_the_repositorys_key_by_key() {
    let dir = with(&[("projects/web.toml", "land = \"pr\"\n[files]\nlink = [\"own\"]")]);
    let shared =
        "land = \"push\"\nbase = \"origin/dev\"\n[files]\ncopy = [\"theirs\"]\nlink = [\"theirs\"]";
    let mine = project(dir.path(), "web", Some(shared)).unwrap();
    assert_eq!((mine.land, mine.base.as_deref()), (Some(Land::Pr), Some("origin/dev")));
    assert_eq!(
        (mine.files.copy, mine.files.link),
        (vec!["theirs".to_owned()], vec!["own".to_owned()])
    );
    let theirs = project(dir.path(), "api", Some(shared)).unwrap();
    assert_eq!(theirs.land, Some(Land::Push));
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_one() {
    for (text, line, key, nearest) in [
        ("agnet = \"x\"", 1, "agnet", "agent"),
        ("# one\n\n[limits]\nrun = 3", 4, "limits.run", "limits.runs"),
        ("[time]\ngit = \"1s\"\nsetupp = \"1m\"", 3, "time.setupp", "time.setup"),
        ("idle = \"1m\"", 1, "idle", "time.idle"),
        ("[limit]\nruns = 3", 1, "limit", "limits"),
        ("time.toolidle = \"1m\"", 1, "time.toolidle", "time.tool_idle"),
        ("retry = { tires = 1 }", 1, "retry.tires", "retry.tries"),
    ] {
        let error = refused(text);
        let ConfigError::UnknownKey { at, key: told, nearest: near } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(
            (at.line.unwrap(), told.as_str(), near.as_str()),
            (line, key, nearest),
            "{text}"
        );
        assert_eq!(error.slug(), "config-unknown-key");
    }
    let shared = project(
        Path::new("/nowhere"),
        "web",
        Some("[[gate]]\nname = \"a\"\nrun = \"b\"\ntime_out = \"1m\""),
    );
    assert_eq!(
        shared.unwrap_err().to_string(),
        ".skep/project.toml:4: unknown key `gate.time_out` (did you mean `gate.timeout`?)"
    );
}

#[test]
fn a_wrong_value_is_refused_with_its_line_its_key_and_what_it_may_be() {
    for (text, told) in [
        (
            "\nsurface = \"gui\"",
            "2: `surface` must be `auto`, `headless` or `terminal`, not `\"gui\"`",
        ),
        (
            "permissions = \"all\"",
            "1: `permissions` must be `ask`, `auto` or `bypass`, not `\"all\"`",
        ),
        ("tmux = true", "1: `tmux` must be `private`, `yours` or `off`, not `true`"),
        ("[limits]\nruns = \"8\"", "2: `limits.runs` must be a whole number from 0, not `\"8\"`"),
        (
            "[review]\nthreshold = \"major_ok\"",
            "2: `review.threshold` must be `no_critiques`, `nit_only` or `minor_ok`, not `\"major_ok\"`",
        ),
        ("[limits]\nreviews = -1", "2: `limits.reviews` must be a whole number from 0, not `-1`"),
        ("[limits]\n\nruns = -1", "3: `limits.runs` must be a whole number from 0, not `-1`"),
        ("limits = 8", "1: `limits` must be a table, not `8`"),
        ("[retry]\nfactor = 0", "2: `retry.factor` must be a whole number from 1, not `0`"),
        ("[retry]\njitter = 1.5", "2: `retry.jitter` must be a number from 0.0 to 1.0, not `1.5`"),
        ("[retry]\njitter = nan", "2: `retry.jitter` must be a number from 0.0 to 1.0, not `nan`"),
        (
            "[review]\nauto_feedback_loop = 1",
            "2: `review.auto_feedback_loop` must be true or false, not `1`",
        ),
        (
            "[env]\nroot = \"envs\"",
            "2: `env.root` must be an absolute path, or empty, not `\"envs\"`",
        ),
        (
            "branch = \"skep/{title}\"",
            "1: `branch` must be a branch name in which {slug} {name} {short} {task} {user} may stand, not `\"skep/{title}\"`",
        ),
        (
            "agent = \"../x\"",
            "1: `agent` must be a name of letters, digits, `-`, `_` and `.` that begins with a letter or a digit, not `\"../x\"`",
        ),
        (
            "[time]\nidle = \"10 minutes\"",
            "2: `time.idle` must be a duration such as \"250ms\", \"90s\", \"10m\", \"2h\", \"30d\" or \"0\", not `\"10 minutes\"`",
        ),
        (
            "[time]\nidle = 10",
            "2: `time.idle` must be a duration such as \"250ms\", \"90s\", \"10m\", \"2h\", \"30d\" or \"0\", not `10`",
        ),
        (
            "[keep]\njournal = \"-1\"",
            "2: `keep.journal` must be a size such as \"800KB\", \"256MB\", \"5GB\" or \"4GiB\", not `\"-1\"`",
        ),
    ] {
        let error = refused(text);
        assert_eq!(error.slug(), "config-value");
        assert_eq!(error.to_string().split_once("config.toml:").unwrap().1, told);
    }
}

#[test]
fn a_repositorys_file_leads_out_of_no_folder_and_reads_as_no_option() {
    let inside = "a list of paths inside the repository";
    for (text, key, allowed) in [
        ("sub_dir = \"../other\"", "sub_dir", "a path inside the repository"),
        ("instructions = \"/etc/passwd\"", "instructions", "a path inside the repository"),
        ("skills = [\"ok\", \"a/../../b\"]", "skills", inside),
        ("files.copy = [\"~/../..\"]", "files.copy", inside),
        ("files.link = [\"\"]", "files.link", inside),
        ("files.discard = [\"/\"]", "files.discard", inside),
        ("base = \"--upload-pack=x\"", "base", "the name of a branch, a tag or a commit"),
        ("target = \"main\\nx\"", "target", "the name of a branch, a tag or a commit"),
        ("env = [\"A=B\"]", "env", "a list of names of environment variables"),
        ("land = \"force\"", "land", "`local`, `push` or `pr`"),
        ("setup.mode = \"\"", "setup.mode", "`strict` or `warn`"),
        ("[[gate]]\nname = \"a\"", "gate", "a list of gates, each with a name of its own"),
        (
            "[[gate]]\nname = \"a\"\nrun = \" \"",
            "gate",
            "a list of gates, each with a name of its own",
        ),
        (
            "[[gate]]\nname = \"a\"\nrun = \"b\"\ntools = [\"./cargo\"]",
            "gate",
            "a list of gates, each with a name of its own",
        ),
        (
            "[[gate]]\nname = \"a\"\nrun = \"b\"\ntools = [\"-x\"]",
            "gate",
            "a list of gates, each with a name of its own",
        ),
        (
            "[[gate]]\nname = \"a\"\nrun = \"b\"\n[[gate]]\nname = \"a\"\nrun = \"b\"",
            "gate",
            "a list of gates, each with a name of its own",
        ),
    ] {
        let error = project(Path::new("/nowhere"), "web", Some(text)).expect_err(text);
        let ConfigError::Wrong { at, key: told, allowed: may, .. } = &error else {
            panic!("{text}: {error:?}")
        };
        assert!(told.starts_with(key), "{text}: {error}");
        if told == key {
            assert_eq!((at.file.as_str(), may.as_str()), (SHARED, allowed), "{text}");
        }
    }
}

#[test]
fn what_a_repository_wrote_is_repeated_on_one_short_line() {
    let text = format!("base = \"- \\u001b[2J\\n{}\"", "x".repeat(5000));
    let error = project(Path::new("/nowhere"), "web", Some(&text)).unwrap_err().to_string();
    assert!(error.chars().count() < 250 && !error.contains(char::is_control), "{error:?}");
    let key = format!("\"a\\u001b{}\" = 1", "y".repeat(5000));
    let error = project(Path::new("/nowhere"), "web", Some(&key)).unwrap_err().to_string();
    assert!(error.chars().count() < 250 && !error.contains(char::is_control), "{error:?}");
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_line() {
    let error = refused("agent = \"a\"\n[limits\nruns = 1");
    assert!(
        matches!(&error, ConfigError::Syntax { at: At { line: Some(2), .. }, .. }),
        "{error:?}"
    );
    assert!(!error.to_string().contains('\n'), "{error}");
    let twice = refused("agent = \"a\"\nagent = \"b\"");
    assert!(
        matches!(&twice, ConfigError::Syntax { at: At { line: Some(2), .. }, .. }),
        "{twice:?}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_no_absent_one() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("config.toml")).unwrap();
    assert!(matches!(user(dir.path()), Err(ConfigError::Read { .. })));
}

#[test]
fn the_name_of_a_project_never_leads_to_another_file() {
    let dir = with(&[("secret.toml", "base = \"x\"")]);
    for name in ["../secret", "", "a/b", ".hidden", "-rf", "a\nb"] {
        assert!(
            matches!(project(dir.path(), name, None), Err(ConfigError::Name { .. })),
            "{name:?}"
        );
    }
}

#[test]
fn what_holds_is_shown_with_who_set_it() {
    let dir = with(&[
        ("config.toml", "agent = \"claude\"\n[limits]\nruns = 3\nprepare = 2"),
        ("projects/web.toml", "target = \"own\""),
    ]);
    let given = |key: &str, value: &str, origin: Origin| Override {
        key: key.to_owned(),
        value: value.to_owned(),
        origin,
    };
    let overrides = [
        given("limits.runs", "5", Origin::Flag("--runs".to_owned())),
        given("time.turn", "0", Origin::Environment("SKEP_TURN".to_owned())),
        given("project.sign", "true", Origin::Flag("--sign".to_owned())),
    ];
    let repo_file = "agent = \"codex\"\ntarget = \"theirs\"\nbase = \"origin/x\"";
    let shown = show(dir.path(), Some(("web", Some(repo_file))), &overrides).unwrap();
    let line = |key: &str| {
        let one = shown.iter().find(|one| one.key == key).unwrap();
        format!(
            "{} ({})",
            one.value,
            one.origin.to_string().replace(dir.path().to_str().unwrap(), "")
        )
    };
    assert_eq!(line("surface"), "\"auto\" (default)");
    assert_eq!(line("limits.prepare"), "2 (/config.toml)");
    assert_eq!(line("limits.runs"), "5 (--runs)");
    assert_eq!(line("time.turn"), "\"0\" (SKEP_TURN)");
    assert_eq!(line("agent"), "\"codex\" (.skep/project.toml)");
    assert_eq!(line("project.base"), "\"origin/x\" (.skep/project.toml)");
    assert_eq!(line("project.target"), "\"own\" (/projects/web.toml)");
    assert_eq!(line("project.sign"), "true (--sign)");
    assert_eq!(line("project.files.copy"), "[] (default)");
    let mut keys = Vec::new();
    layer::keys("", &schema_of::<Settings>(), &mut keys);
    let leaves =
        keys.iter().filter(|key| !keys.iter().any(|other| other.starts_with(&format!("{key}."))));
    let alone: Vec<_> =
        show(dir.path(), None, &[]).unwrap().into_iter().map(|one| one.key).collect();
    // A list of tables is one value.
    let whole = |key: &String| match key.starts_with("notify.rule.") {
        true => "notify.rule".to_owned(),
        false => key.clone(),
    };
    let mut expected: Vec<_> = leaves.map(whole).collect();
    expected.sort();
    expected.dedup();
    let mut found = alone.clone();
    found.sort();
    assert_eq!(found, expected);
    let wrong =
        show(dir.path(), None, &[given("limits.runs", "many", Origin::Flag("--runs".to_owned()))]);
    assert_eq!(
        wrong.unwrap_err().to_string(),
        "--runs: `limits.runs` must be a whole number from 0, not `\"many\"`"
    );
}

#[test]
fn setting_a_value_keeps_comments_and_order() {
    let before =
        "# mine\nagent = \"claude\"   # the good one\n\n[time]\n# patience\nidle = \"5m\"\n";
    let dir = with(&[("config.toml", before)]);
    let text = || fs::read_to_string(dir.path().join("config.toml")).unwrap();
    set(dir.path(), "agent", "codex").unwrap();
    set(dir.path(), "time.turn", "0").unwrap();
    set(dir.path(), "limits.runs", "3").unwrap();
    assert_eq!(
        text(),
        "# mine\nagent = \"codex\"   # the good one\n\n[time]\n# patience\nidle = \"5m\"\nturn = \"0\"\n\n[limits]\nruns = 3\n"
    );
    let settings = user(dir.path()).unwrap();
    assert_eq!(
        (settings.limits.runs, settings.time.turn, settings.agent.as_deref()),
        (3, None, Some("codex"))
    );
    let kept = text();
    for (key, value) in [
        ("limits.runs", "many"),
        ("limit.runs", "3"),
        ("agent.name", "x"),
        ("", "x"),
        ("limits", "3"),
    ] {
        set(dir.path(), key, value).expect_err(key);
        assert_eq!(text(), kept);
    }
}

#[test]
fn setting_a_value_makes_the_file_and_follows_a_link_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let fresh = dir.path().join("new").join("skep");
    set(&fresh, "surface", "headless").unwrap();
    assert_eq!(fs::read_to_string(fresh.join("config.toml")).unwrap(), "surface = \"headless\"\n");
    let linked = dir.path().join("linked");
    fs::create_dir(&linked).unwrap();
    std::os::unix::fs::symlink(fresh.join("config.toml"), linked.join("config.toml")).unwrap();
    set(&linked, "surface", "terminal").unwrap();
    assert!(fs::symlink_metadata(linked.join("config.toml")).unwrap().is_symlink());
    assert_eq!(user(&fresh).unwrap().surface, Surface::Terminal);
}

#[test]
fn the_schema_describes_every_key_and_agrees_with_the_defaults() {
    let schema = schema();
    assert_eq!(
        schema["properties"]["permissions"]["enum"],
        serde_json::json!(["ask", "auto", "bypass"])
    );
    assert_eq!(schema["properties"]["time"]["properties"]["idle"]["type"], "string");
    assert_eq!(schema["$defs"]["project"]["properties"]["files"]["additionalProperties"], false);
    for (defaults, schema) in [(USER, &schema), (PROJECT, &schema["$defs"]["project"])] {
        leaves("", &Value::Table(table(defaults)), &mut |key, _| {
            let node = key.split('.').fold(schema, |node, part| &node["properties"][part]);
            assert!(node.is_object(), "{key}");
        });
    }
    for word in schema["properties"]["permissions"]["enum"].as_array().unwrap() {
        assert!(user(with(&[("config.toml", &format!("permissions = {word}"))]).path()).is_ok());
    }
}

#[test]
fn durations_and_sizes_read_what_people_write_and_nothing_else() {
    let ms = |text: &str| duration(text).map(|span| span.as_millis());
    assert_eq!(
        [ms("0"), ms("250ms"), ms("4s"), ms("1h30m")],
        [Some(0), Some(250), Some(4_000), Some(5_400_000)]
    );
    assert_eq!([ms("14d"), ms("1w")], [Some(1_209_600_000), Some(604_800_000)]);
    for text in [
        "",
        "10",
        "m",
        "10 m",
        "-1s",
        "1.5h",
        "1y",
        "10M",
        "99999999999999999999s",
        "9999999999999999w",
        "é",
    ] {
        assert_eq!(duration(text), None, "{text}");
    }
    assert_eq!(
        [size("0"), size("5GB"), size("5 GB"), size("1KiB")],
        [Some(0), Some(5_000_000_000), Some(5_000_000_000), Some(1024)]
    );
    for text in ["", "GB", "5gb", "-5GB", "1.5GB", "99999999999TB", "5GBs", "é"] {
        assert_eq!(size(text), None, "{text}");
    }
}

#[test]
fn only_files_that_can_name_an_agent_are_agent_files() {
    let dir = with(&[
        ("agents/codex.toml", ""),
        ("agents/.hidden.toml", ""),
        ("agents/notes.md", ""),
        ("agents/a b.toml", ""),
    ]);
    let files = agent_files(dir.path()).unwrap();
    assert_eq!(files, BTreeMap::from([("codex".to_owned(), dir.path().join("agents/codex.toml"))]));
    assert_eq!(agent_files(&dir.path().join("nowhere")).unwrap(), BTreeMap::new());
}

#[test]
fn the_places_come_from_the_flag_skeps_own_variables_the_xdg_folders_or_home() {
    let find = |home: Option<&str>, vars: &[(&str, &str)]| {
        let vars: BTreeMap<String, OsString> =
            vars.iter().map(|(n, v)| ((*n).to_owned(), v.into())).collect();
        Places::find(home.map(Path::new), |name| vars.get(name).cloned()).map(|places| {
            (places.home.display().to_string(), places.config_dir.display().to_string())
        })
    };
    let pair = |home: &str, config: &str| (home.to_owned(), config.to_owned());
    let all = [
        ("SKEP_HOME", "/s"),
        ("SKEP_CONFIG", "/c"),
        ("XDG_STATE_HOME", "/xs"),
        ("XDG_CONFIG_HOME", "/xc"),
        ("HOME", "/h"),
    ];
    assert_eq!(find(Some("/flag"), &all).unwrap(), pair("/flag", "/c"));
    assert_eq!(find(None, &all).unwrap(), pair("/s", "/c"));
    assert_eq!(find(None, &all[2..]).unwrap(), pair("/xs/skep", "/xc/skep"));
    assert_eq!(find(None, &all[4..]).unwrap(), pair("/h/.local/state/skep", "/h/.config/skep"));
    let relative =
        [("SKEP_HOME", ""), ("XDG_STATE_HOME", "xs"), ("XDG_CONFIG_HOME", ""), ("HOME", "/h")];
    assert_eq!(find(None, &relative).unwrap(), pair("/h/.local/state/skep", "/h/.config/skep"));
    assert!(matches!(
        find(None, &[("HOME", "h")]),
        Err(ConfigError::Nowhere { variable: "SKEP_HOME", .. })
    ));
}

#[test]
fn names_are_a_theme_or_a_list_and_ones_own_win() {
    let shared = |text: &str| project(Path::new("/nowhere"), "web", Some(text)).unwrap().names;
    let list = ["ann", "ben", "cid", "dot"].map(str::to_owned).to_vec();
    assert_eq!(shared("names = \"minerals\""), Some(Names::Theme("minerals".to_owned())));
    assert_eq!(
        shared("names = [\"ann\", \"ben\", \"cid\", \"dot\"]"),
        Some(Names::List(list.clone()))
    );
    assert_eq!(shared("names = \"\""), None);
    let own = with(&[("projects/web.toml", "names = [\"ann\", \"ben\", \"cid\", \"dot\"]")]);
    let both = project(own.path(), "web", Some("names = \"minerals\"")).unwrap();
    assert_eq!(both.names, Some(Names::List(list)));
    for text in ["names = 1", "names = [1, 2, 3, 4]", "names = {}"] {
        let error = project(Path::new("/nowhere"), "web", Some(text)).unwrap_err();
        assert_eq!(error.slug(), "config-value", "{text}: {error}");
    }
}

fn with(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
    dir
}

/// What reading `text` as a person's `config.toml` says.
fn refused(text: &str) -> ConfigError {
    user(with(&[("config.toml", text)]).path()).expect_err(text)
}

#[test]
fn a_setting_of_a_project_goes_into_the_persons_file_for_it() {
    let dir = tempfile::tempdir().unwrap();
    set_for(dir.path(), "web", "setup.run", "npm ci").unwrap();
    set_for(dir.path(), "web", "names", "[\"ada\", \"bo\", \"cy\", \"dan\"]").unwrap();
    let settings = project(dir.path(), "web", Some("[setup]\nrun = \"make\"\n")).unwrap();
    assert_eq!(settings.setup.run.as_deref(), Some("npm ci"), "the own file wins");
    let names = ["ada", "bo", "cy", "dan"].map(str::to_owned).to_vec();
    assert_eq!(settings.names, Some(Names::List(names)));
    assert!(!user_file(dir.path()).exists(), "nothing else is written");
    let refused = set_for(dir.path(), "../web", "base", "main").unwrap_err();
    assert_eq!(refused.slug(), "project-name");
    let refused = set_for(dir.path(), "web", "limits.runs", "3").unwrap_err();
    assert_eq!(refused.slug(), "config-unknown-key");
}

#[test]
fn a_key_that_is_set_and_not_known_is_answered_by_the_whole_nearest_one() {
    let dir = tempfile::tempdir().unwrap();
    let nearest = |key: &str| {
        let refused = set(dir.path(), key, "3").unwrap_err();
        let ConfigError::UnknownKey { nearest, .. } = refused else { panic!("{refused}") };
        nearest
    };
    assert_eq!(nearest("limit.runs"), "limits.runs");
    assert_eq!(nearest("runs"), "limits.runs");
    assert_eq!(nearest("time.idel"), "time.idle");
    assert!(!user_file(dir.path()).exists());
}

#[test]
fn the_keys_that_can_be_set_are_no_tables() {
    let keys = keys();
    assert!(keys.contains(&"limits.runs".to_owned()) && !keys.contains(&"limits".to_owned()));
    assert!(project_keys().contains(&"setup.run".to_owned()));
}

#[test]
fn an_agents_settings_and_accounts_are_read_from_both_files_and_the_persons_own_wins() {
    let dir = with(&[
        (
            "config.toml",
            "[agents.codex]\nmodel = \"o9\"\nargs = [\"-v\"]\n[accounts.work]\nagent = \"codex\"\nenv = { CODEX_HOME = \"~/.codex-work\" }\n",
        ),
        ("projects/web.toml", "[agents.codex]\naccount = \"work\"\n"),
    ]);
    let settings = user(dir.path()).unwrap();
    assert_eq!(settings.agents["codex"].model.as_deref(), Some("o9"));
    assert_eq!(settings.agents["codex"].args.as_deref(), Some(&["-v".to_owned()][..]));
    assert_eq!(settings.accounts["work"].env["CODEX_HOME"], "~/.codex-work");
    let shared = "[agents.codex]\nmodel = \"o10\"\nenv = [\"PROXY_KEY\"]\n";
    let project = project(dir.path(), "web", Some(shared)).unwrap();
    let codex = &project.agents["codex"];
    assert_eq!((codex.model.as_deref(), codex.account.as_deref()), (Some("o10"), Some("work")));
    let shown = show(dir.path(), Some(("web", Some(shared))), &[]).unwrap();
    let from = |key: &str| {
        shown.iter().find(|row| row.key == key).map(|row| row.origin.to_string()).unwrap()
    };
    assert_eq!(from("project.agents.codex.model"), SHARED);
    assert!(from("project.agents.codex.account").ends_with("projects/web.toml"));
    assert!(from("accounts.work.env.CODEX_HOME").ends_with("config.toml"));
}

#[test]
fn a_repository_does_not_say_what_an_agent_may_do_to_whoever_runs_it() {
    let dir = tempfile::tempdir().unwrap();
    for (key, value) in
        [("args", "[\"--yolo\"]"), ("permissions", "\"bypass\""), ("account", "\"work\"")]
    {
        let text = format!("base = \"main\"\n[agents.codex]\n{key} = {value}\n");
        let refused = project(dir.path(), "web", Some(&text)).unwrap_err();
        assert_eq!(refused.slug(), "config-not-shared", "{refused}");
        assert!(
            refused.to_string().starts_with(&format!("{SHARED}:3: `agents.codex.{key}`")),
            "{refused}"
        );
        let own = with(&[("projects/web.toml", &text)]);
        assert!(project(own.path(), "web", None).is_ok(), "{key}");
    }
}

#[test]
fn what_is_named_by_people_can_be_set_and_is_answered_where_it_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    set(dir.path(), "agents.codex.model", "o9").unwrap();
    set(dir.path(), "accounts.work", "{ agent = \"codex\", env = { CODEX_HOME = \"/w\" } }")
        .unwrap();
    assert_eq!(user(dir.path()).unwrap().accounts["work"].agent, "codex");
    let said = |text: &str| refused(text).to_string();
    let of = |text: &str, words: &str| {
        let said = said(text);
        assert!(said.contains(words), "{said}");
    };
    of(
        "[agents.codex]\nmodell = \"x\"",
        ":2: unknown key `agents.codex.modell` (did you mean `agents.codex.model`?)",
    );
    of("[account.work]\nagent = \"x\"", "did you mean `accounts");
    of(
        "[accounts.work]\nagent = \"claude\"\nenv = { CLAUDE_CONFIG_DIR = \"here\" }",
        "a table from names of variables",
    );
    of(
        "[accounts.work]\nagent = \"claude\"\nenv = { SKEP_RUN = \"/x\" }",
        "a table from names of variables",
    );
    of(
        "[accounts.work]\nagent = \"claude\"",
        "`accounts.work` must be a table with `agent` and `env`",
    );
    of("[agents.codex]\nargs = \"-v\"", "a list of arguments");
    of("[agents.codex]\npermissions = \"all\"", "`ask`, `auto` or `bypass`");
}

#[test]
fn whose_issues_may_be_dispatched_at_is_said_by_the_person_or_nothing_is() {
    use skep_core::issue::{Association, Mode as By, parse};
    let dispatch = user(with(&[]).path()).unwrap().dispatch;
    let reference = parse("ada/web#1", &dispatch.hosts()).unwrap();
    let unset = dispatch.rules(&reference).unwrap_err();
    assert_eq!(unset.slug(), "dispatch-unset");
    assert_eq!(unset.hints(), [r#"skep config set dispatch.owners '["ada"]'"#]);
    // What no owner is of needs no list.
    assert!(dispatch.rules(&parse("tw:0a1b2c3d", &dispatch.hosts()).unwrap()).is_ok());
    let dir = with(&[(
        "config.toml",
        r#"
[dispatch]
owners = ["ada", "org"]
forgejo = "https://git.example.com/"
trusted = ["contributor"]
authors = ["eve"]
default = "headless"
agent = "codex"
permissions = "ask"
depth = 5
breadth = 1
total = 2
labels = { headless = "by itself", consult = "" }
[dispatch.folders.notes]
path = "~/notes"
project = "web"
"#,
    )]);
    let dispatch = user(dir.path()).unwrap().dispatch;
    let rules = dispatch.rules(&reference).unwrap();
    assert_eq!((rules.owners.len(), rules.default), (2, By::Headless));
    assert_eq!((&rules.trusted[..], &*rules.authors[0]), (&[Association::Contributor][..], "eve"));
    let labels: Vec<(By, &str)> =
        rules.labels.iter().map(|(mode, label)| (*mode, &**label)).collect();
    assert_eq!(
        labels,
        [
            (By::Cascade, "agent:cascade"),
            (By::Headless, "by itself"),
            (By::Interactive, "agent:interactive")
        ]
    );
    assert_eq!(dispatch.forgejo.as_deref(), Some("https://git.example.com"));
    assert!(parse("dir:notes#x", &dispatch.hosts()).is_ok());
    for (text, key) in [
        ("owners = [\"a/b\"]", "dispatch.owners"),
        ("owners = \"ada\"", "dispatch.owners"),
        ("trusted = [\"none\"]", "dispatch.trusted"),
        ("trusted = [\"unknown\"]", "dispatch.trusted"),
        ("trusted = [\"everybody\"]", "dispatch.trusted"),
        ("forgejo = \"git.example.com\"", "dispatch.forgejo"),
        ("forgejo = \"https://u:p@git.example.com\"", "dispatch.forgejo"),
        ("default = \"watch\"", "dispatch.default"),
        ("depth = 0", "dispatch.depth"),
        ("depth = 6", "dispatch.depth"),
        ("total = 0", "dispatch.total"),
        ("folders = { \"../x\" = { path = \"/x\" } }", "dispatch.folders"),
        ("folders = { x = { path = \"x\" } }", "dispatch.folders"),
    ] {
        let err =
            user(with(&[("config.toml", &format!("[dispatch]\n{text}\n"))]).path()).unwrap_err();
        assert!(
            matches!(&err, ConfigError::Wrong { key: wrong, .. } if wrong.starts_with(key)),
            "{text}: {err}"
        );
    }
    // What the hints say can be typed.
    let typed = with(&[]);
    set(typed.path(), "dispatch.owners", "[\"ada\"]").unwrap();
    set(typed.path(), "dispatch.folders.notes.path", "/home/ada/issues").unwrap();
    let dispatch = user(typed.path()).unwrap().dispatch;
    assert_eq!(dispatch.owners, ["ada"]);
    assert_eq!(dispatch.folders["notes"].path, Path::new("/home/ada/issues"));
    // A repository says nothing of who may put agents at its issues.
    let shared = project(dir.path(), "web", Some("[dispatch]\nowners = [\"mallory\"]\n"));
    assert!(matches!(shared, Err(ConfigError::UnknownKey { .. })));
    assert!(
        project(dir.path(), "web", Some("[dispatch]\ncomments = true\n"))
            .unwrap()
            .dispatch
            .comments
    );
    assert!(!project(dir.path(), "web", None).unwrap().dispatch.comments);
}

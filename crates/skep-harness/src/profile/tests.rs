use super::*;

fn brief(dir: &Path) -> Brief {
    Brief {
        cwd: PathBuf::from("/w"),
        prompt_file: dir.join("prompt.md"),
        session: None,
        model: None,
        permissions: Permissions::Auto,
        args: Vec::new(),
        git_roots: vec!["/r/a \"b\"/.git".into(), "/r/a \"b\"/.git/worktrees/w".into()],
        skep: "/opt/skep".into(),
        brief_file: None,
        tools: None,
    }
}

fn place(name: &str, text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    put(&dir.path().join(format!("{name}.toml")), text);
    dir
}

fn put(path: &Path, text: &str) {
    fs::File::create(path)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
}

#[test]
fn every_shipped_profile_loads_and_starts_with_its_prompt_on_standard_input() {
    let profiles = Profile::all(None).unwrap();
    assert_eq!(
        profiles.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        [
            "claude",
            "claude-acp",
            "codex",
            "codex-acp",
            "gemini",
            "gemini-acp",
            "mini-swe-agent",
            "opencode",
            "opencode-acp",
            "pi",
            "plain",
            "qwen",
            "scripted"
        ]
    );
    // One has no other way than an argument, and one is for a program that nobody has named yet.
    let others = ["mini-swe-agent", "plain"];
    for profile in profiles.into_iter().filter(|p| !others.contains(&p.name.as_str())) {
        let launch = profile.launch(&brief(Path::new("/p"))).unwrap();
        assert_eq!(launch.prompt, PromptBy::Stdin, "{}", profile.name);
        assert!(
            !launch.argv.iter().any(|word| word.contains("prompt.md") || word.contains('{')),
            "{:?}",
            launch.argv
        );
        assert!(!profile.checked.is_empty(), "{} was driven live", profile.name);
    }
}

#[test]
fn codex_gets_both_git_roots_as_one_array() {
    let launch = Profile::load("codex", None).unwrap().launch(&brief(Path::new("/p"))).unwrap();
    let roots = launch
        .argv
        .iter()
        .find_map(|word| word.strip_prefix("sandbox_workspace_write.writable_roots="))
        .unwrap();
    let read: toml::Table = format!("roots = {roots}").parse().unwrap();
    let roots: Vec<&str> =
        read["roots"].as_array().unwrap().iter().map(|root| root.as_str().unwrap()).collect();
    assert_eq!(roots, ["/r/a \"b\"/.git", "/r/a \"b\"/.git/worktrees/w"]);
    assert_eq!(launch.argv.last().unwrap(), "-");
}

#[test]
fn a_resumed_codex_has_its_sandbox_options_before_the_subcommand() {
    let brief = Brief { session: Some("01a1-77".to_owned()), ..brief(Path::new("/p")) };
    let argv = Profile::load("codex", None).unwrap().launch(&brief).unwrap().argv;
    let at = |word: &str| argv.iter().position(|other| other == word).unwrap();
    assert!(at("workspace-write") < at("resume"));
    assert_eq!(argv[at("resume") + 1], "01a1-77");
}

#[test]
fn agents_with_a_screen_go_on_there_without_a_word_of_ours() {
    let on = Brief { session: Some("01a1-77".to_owned()), ..brief(Path::new("/p")) };
    for agent in ["claude", "codex", "gemini", "opencode", "pi", "qwen"] {
        let profile = Profile::load(agent, None).unwrap();
        assert!(profile.can_go_on_screen(), "{agent}");
        let launch = profile.launch_on_terminal(&on).unwrap();
        assert_eq!(launch.argv.last().unwrap(), "01a1-77", "{agent}: {:?}", launch.argv);
        let one_shot = ["-p", "exec", "run", "--json", "json", "stream-json", "-"];
        assert!(!launch.argv.iter().any(|word| one_shot.contains(&word.as_str())), "{agent}");
    }
    for agent in ["claude-acp", "gemini-acp", "scripted"] {
        let profile = Profile::load(agent, None).unwrap();
        assert!(!profile.can_go_on_screen(), "{agent}");
        assert_eq!(profile.launch_on_terminal(&on).unwrap_err().slug(), "agent-unable");
    }
}

#[test]
fn options_go_behind_the_subcommand_or_first() {
    let brief = Brief {
        permissions: Permissions::Bypass,
        model: Some("lab/big".to_owned()),
        ..brief(Path::new("/p"))
    };
    let argv = Profile::load("codex", None).unwrap().launch(&brief).unwrap().argv;
    assert_eq!(
        argv[..5],
        ["codex", "exec", "--dangerously-bypass-approvals-and-sandbox", "-m", "lab/big"]
    );
    let argv = Profile::load("pi", None).unwrap().launch(&brief).unwrap().argv;
    assert_eq!(argv, ["pi", "--model", "lab/big", "-p", "--mode", "json"]);
}

#[test]
fn what_an_agent_cannot_do_is_refused_before_it_starts() {
    let asking = Brief { permissions: Permissions::Ask, ..brief(Path::new("/p")) };
    for name in ["codex", "pi", "opencode"] {
        let error = Profile::load(name, None).unwrap().launch(&asking).unwrap_err();
        assert_eq!(error.slug(), "agent-unable", "{name}");
    }
    let other = Brief { model: Some("m".to_owned()), ..brief(Path::new("/p")) };
    let error = Profile::load("scripted", None).unwrap().launch(&other).unwrap_err();
    assert_eq!(error.to_string(), "agent `scripted` cannot choose a model");
}

#[test]
fn a_session_or_a_model_is_never_an_option() {
    let profile = Profile::load("pi", None).unwrap();
    for bad in ["--help", "-x", "", "a b", "a\nb", "$(id)", "\u{1b}[2J", &"x".repeat(300)] {
        let session = Brief { session: Some(bad.to_owned()), ..brief(Path::new("/p")) };
        let model = Brief { model: Some(bad.to_owned()), ..brief(Path::new("/p")) };
        for brief in [session, model] {
            assert_eq!(
                profile.launch(&brief).unwrap_err().slug(),
                "agent-argument-unsafe",
                "{bad:?}"
            );
        }
    }
}

#[test]
fn a_users_file_changes_a_shipped_profile_key_by_key() {
    let dir = place("codex", "program = \"/opt/codex\"\nbypass = [\"--yolo\"]\n");
    let profile = Profile::load("codex", Some(dir.path())).unwrap();
    let shipped = Profile::load("codex", None).unwrap();
    assert_eq!(
        (profile.program.as_str(), &profile.bypass),
        ("/opt/codex", &vec!["--yolo".to_owned()])
    );
    assert_eq!((profile.headless, profile.checked), (shipped.headless, shipped.checked));
}

#[test]
fn a_users_file_adds_an_agent_that_is_any_command() {
    let dir = place(
        "make",
        "protocol = \"plain\"\nprogram = \"make\"\nheadless = [\"-k\", \"all\"]\nprompt = \"none\"\n",
    );
    let profile = Profile::load("make", Some(dir.path())).unwrap();
    let launch = profile.launch(&brief(dir.path())).unwrap();
    assert_eq!(
        (launch.argv, launch.prompt),
        (vec!["make".into(), "-k".into(), "all".into()], PromptBy::None)
    );
    let names: Vec<String> =
        Profile::all(Some(dir.path())).unwrap().into_iter().map(|p| p.name).collect();
    assert_eq!(
        names,
        [
            "claude",
            "claude-acp",
            "codex",
            "codex-acp",
            "gemini",
            "gemini-acp",
            "make",
            "mini-swe-agent",
            "opencode",
            "opencode-acp",
            "pi",
            "plain",
            "qwen",
            "scripted"
        ]
    );
    let again = Brief { session: Some("s".to_owned()), ..brief(dir.path()) };
    assert_eq!(
        profile.launch(&again).unwrap_err().to_string(),
        "agent `make` cannot go on with a conversation"
    );
}

#[test]
fn an_unknown_key_names_the_nearest_one() {
    let dir = place("codex", "bypas = []\n");
    let error = Profile::load("codex", Some(dir.path())).unwrap_err();
    assert_eq!(error.to_string(), "agent `codex`: unknown key `bypas` (did you mean `bypass`?)");
    assert_eq!(error.slug(), "agent-profile-invalid");
}

#[test]
fn a_profile_that_could_never_start_is_refused_when_it_is_read() {
    let base = "protocol = \"plain\"\nprogram = \"x\"\n";
    for (text, why) in [
        ("protocol = \"telepathy\"\nprogram = \"x\"\nprompt = \"stdin\"", "telepathy"),
        (&format!("{base}prompt = \"arg\""), "{prompt}"),
        (&format!("{base}prompt = \"file\"\nheadless = [\"{{prompt}}\"]"), "{prompt_file}"),
        (&format!("{base}prompt = \"stdin\"\nheadless = [\"{{prompt}}\"]"), "prompt = \"arg\""),
        (&format!("{base}prompt = \"stdin\"\nresume = [\"--last\"]"), "{session}"),
        (&format!("{base}prompt = \"stdin\"\ntui = []\ntui_resume = [\"--last\"]"), "{session}"),
        (&format!("{base}prompt = \"stdin\"\ntui_resume = [\"{{session}}\"]"), "needs `tui`"),
        (&format!("{base}prompt = \"stdin\"\ntool_timeout = \"50\""), "`50`"),
        (&format!("{base}prompt = \"shout\""), "shout"),
        ("program = ", "agent `x`"),
        (base, "prompt"),
    ] {
        let dir = place("x", text);
        let error = Profile::load("x", Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert_eq!(Profile::load("../x", None).unwrap_err().slug(), "agent-unknown");
}

#[test]
fn a_prompt_is_an_argument_only_where_the_profile_says_so_and_never_a_long_one() {
    let dir = place(
        "x",
        "protocol = \"plain\"\nprogram = \"x\"\nprompt = \"arg\"\nheadless = [\"-p\", \"{prompt}\"]\n",
    );
    let profile = Profile::load("x", Some(dir.path())).unwrap();
    let file = dir.path().join("prompt.md");
    let argv = |text: &str| {
        put(&file, text);
        profile.launch(&brief(dir.path())).map(|launch| launch.argv)
    };
    assert_eq!(argv("do {session} `id` $(id)\n").unwrap()[2], "do {session} `id` $(id)\n");
    assert_eq!(argv("--help").unwrap()[2], " --help", "it is no option");
    assert_eq!(argv(&"x".repeat(100 * 1024)).unwrap()[2].len(), 100 * 1024);
    assert_eq!(argv(&"x".repeat(100 * 1024 + 1)).unwrap_err().slug(), "prompt-too-long");
    assert_eq!(argv("a\0b").unwrap_err().slug(), "agent-argument-unsafe");
}

#[test]
fn a_program_is_found_in_absolute_folders_only_and_must_be_executable() {
    let dir = tempfile::tempdir().unwrap();
    let tool = dir.path().join("tool");
    put(&tool, "#!/bin/sh\n");
    let path = std::env::join_paths([Path::new("."), dir.path()]).unwrap();
    assert_eq!(find_program("tool", &path), None);
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(find_program("tool", &path), Some(tool.clone()));
    assert_eq!(find_program(tool.to_str().unwrap(), OsStr::new("")), Some(tool));
    assert_eq!(find_program("./tool", &path), None);
}

#[test]
fn what_a_profile_cannot_do_is_refused_before_a_run_is_made() {
    let codex = Profile::load("codex", None).unwrap();
    let slug = |refused: Result<(), ProfileError>| refused.unwrap_err().slug();
    assert_eq!(slug(codex.require(None, Permissions::Ask, "")), "agent-unable");
    assert_eq!(slug(codex.require(Some("-x"), Permissions::Auto, "")), "agent-argument-unsafe");
    codex.require(Some("big"), Permissions::Bypass, &"x".repeat(300 << 10)).unwrap();

    let text =
        "protocol = \"plain\"\nprogram = \"p\"\nprompt = \"arg\"\nheadless = [\"{prompt}\"]\n";
    let dir = place("mine", text);
    let mine = Profile::load("mine", Some(dir.path())).unwrap();
    mine.require(None, Permissions::Auto, "short").unwrap();
    assert_eq!(slug(mine.require(Some("big"), Permissions::Auto, "")), "agent-unable");
    let long = "x".repeat(usize::try_from(ARG_CAP).unwrap() + 1);
    assert_eq!(slug(mine.require(None, Permissions::Auto, &long)), "prompt-too-long");
}

#[test]
fn a_login_is_told_by_variables_and_files_and_what_cannot_be_told_is_unknown() {
    let codex = Profile::load("codex", None).unwrap();
    let vars = |list: &[(&str, &str)]| {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let home = [("HOME", "/h")];
    let holds = |there: &'static str| move |file: &PathBuf| file == Path::new(there);
    let yes = |by: &str| Login::Yes { by: by.to_owned() };
    let no =
        |looked: &[&str]| Login::No { looked: looked.iter().map(|it| (*it).to_owned()).collect() };
    assert_eq!(codex.login(&vars(&home), holds("/h/.codex/auth.json")), yes("/h/.codex/auth.json"));
    assert_eq!(
        codex.login(&vars(&home), holds("/")),
        no(&["/h/.codex/auth.json", "$OPENAI_API_KEY"])
    );
    assert_eq!(codex.login(&vars(&home), holds("/h/.codex/config.toml")), Login::Unknown);
    let key = [("HOME", "/h"), ("OPENAI_API_KEY", "x")];
    assert_eq!(codex.login(&vars(&key), holds("/")), yes("$OPENAI_API_KEY"));
    let elsewhere = [("HOME", "/h"), ("CODEX_HOME", "/c"), ("OPENAI_API_KEY", "")];
    assert_eq!(
        codex.login(&vars(&elsewhere), holds("/h/.codex/auth.json")),
        no(&["/c/auth.json", "$OPENAI_API_KEY"])
    );
    // A variable that never reaches the agent is none.
    let deaf = Profile { env: Vec::new(), ..codex.clone() };
    assert_eq!(deaf.login(&vars(&key), holds("/")), no(&["/h/.codex/auth.json"]));
    let silent = Profile { login_files: Vec::new(), ..deaf };
    assert_eq!(silent.login(&vars(&key), holds("/")), Login::Unknown);
    assert_eq!(codex.login(&vars(&[]), holds("/")), no(&["$OPENAI_API_KEY"]));
}

#[test]
fn a_brief_is_told_by_arguments_or_variables_that_point_to_its_file_and_never_by_its_words() {
    let told = Brief { brief_file: Some("/h/a \"b\"/x.md".into()), ..brief(Path::new("/p")) };
    let launch =
        |name: &str, brief: &Brief| Profile::load(name, None).unwrap().launch(brief).unwrap();
    let at = |argv: &[String], word: &str| argv.iter().position(|other| other == word);
    for (name, option) in
        [("claude", "--append-system-prompt-file"), ("pi", "--append-system-prompt")]
    {
        let argv = launch(name, &told).argv;
        assert_eq!(argv[at(&argv, option).unwrap() + 1], "/h/a \"b\"/x.md", "{name}");
        assert_eq!(at(&launch(name, &brief(Path::new("/p"))).argv, option), None, "{name}");
        let resumed = launch(name, &Brief { session: Some("s1".to_owned()), ..told.clone() });
        assert!(
            at(&resumed.argv, option).is_some(),
            "{name}: a system prompt is no part of the history"
        );
    }
    let env = launch("opencode", &told).vars;
    let settings: serde_json::Value =
        serde_json::from_str(&env["OPENCODE_CONFIG_CONTENT"]).unwrap();
    assert_eq!(settings["instructions"][0], "/h/a \"b\"/x.md");
    assert!(launch("opencode", &brief(Path::new("/p"))).vars.is_empty());
}

#[test]
fn every_shipped_agent_but_the_scripted_one_is_told_the_brief_and_knows_skills() {
    // What of these reads a brief is not known.
    let plain = |profile: &Profile| profile.protocol == "plain";
    for profile in Profile::all(None).unwrap().into_iter().filter(|profile| !plain(profile)) {
        let told = profile.brief.by_pointer() || profile.brief.file.is_some();
        assert_eq!(told, profile.name != "scripted", "{}", profile.name);
        assert_eq!(profile.skills.is_some(), profile.name != "scripted", "{}", profile.name);
    }
}

#[test]
fn a_way_of_telling_that_leads_elsewhere_or_says_nothing_is_refused() {
    for (text, why) in [
        ("brief = { file = \"../AGENTS.md\" }", "at the root of the worktree"),
        ("brief = { file = \"docs/AGENTS.md\" }", "at the root of the worktree"),
        ("brief = { file = \".git\" }", "at the root of the worktree"),
        ("brief = { file = \"/etc/motd\" }", "at the root of the worktree"),
        ("brief = { args = [\"--append\"] }", "needs {brief_file}"),
        ("brief = { prompt = true, file = \"A.md\" }", "on one way"),
        ("brief = { by = \"mail\" }", "unknown field"),
        ("skills = \"../skills\"", "inside of the worktree"),
        ("skills = \"/skills\"", "inside of the worktree"),
        ("skills = \"\"", "inside of the worktree"),
        ("skills = \".git/skills\"", "inside of the worktree"),
    ] {
        let dir = place("pi", text);
        let refused = Profile::load("pi", Some(dir.path())).unwrap_err();
        assert_eq!(refused.slug(), "agent-profile-invalid", "{text}");
        assert!(refused.to_string().contains(why), "{text}: {refused}");
    }
}

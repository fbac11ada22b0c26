use std::collections::{BTreeMap, BTreeSet};

use skep_host::survey::{Hook, Hooks, Kind, Setting, Size};

use super::{
    Found, Health, Proposed, Wanted, checks, file,
    tools::{self, Facts},
};

/// A repository that holds these files; `name=text` gives a text, `name*` may be run.
fn facts(files: &[&str]) -> Facts {
    let mut facts = Facts::default();
    for file in files {
        let (name, text) = file.split_once('=').unwrap_or((file, ""));
        let (name, kind) = match name.strip_suffix('*') {
            Some(name) => (name, Kind::Program),
            None => (name, Kind::File),
        };
        facts.files.insert(name.to_owned(), kind);
        facts.texts.insert(name.to_owned(), text.to_owned());
    }
    facts.programs = tools::PROGRAMS.iter().map(|it| (*it).to_owned()).collect();
    facts
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What is proposed, a line each: a key and its value, a gate with its name.
fn lines(facts: &Facts) -> Vec<String> {
    let (proposed, _) = tools::propose(facts);
    let mut lines = Vec::new();
    for one in proposed {
        match one.value {
            Wanted::Text(text) => lines.push(format!("{}: {text}", one.key)),
            Wanted::List(list) => lines.push(format!("{}: {}", one.key, list.join(" "))),
            Wanted::Gates(gates) => lines.extend(gates.iter().map(|gate| {
                let paths = gate.paths.join(" ");
                format!("{}: {} {paths}", gate.name, gate.run).trim_end().to_owned()
            })),
        }
    }
    lines
}

fn found(facts: &Facts) -> Vec<Found> {
    tools::propose(facts).1
}

#[test]
fn each_package_manager_is_known_by_its_files_and_proposes_its_own_command() {
    let table: [(&[&str], &[&str]); 24] = [
        (&["package.json={}", "package-lock.json"], &["setup.run: npm ci"]),
        (&[r#"package.json={"dependencies":{}}"#], &["setup.run: npm install"]),
        (&["package.json={}"], &[]),
        (&["package.json={}", "pnpm-lock.yaml"], &["setup.run: pnpm install --frozen-lockfile"]),
        (&["package.json={}", "yarn.lock"], &["setup.run: yarn install --frozen-lockfile"]),
        (
            &["package.json={}", "yarn.lock", ".yarnrc.yml"],
            &["setup.run: yarn install --immutable"],
        ),
        (
            &[r#"package.json={"packageManager":"yarn@4.1.0"}"#, "yarn.lock"],
            &["setup.run: yarn install --immutable"],
        ),
        (&["package.json={}", "bun.lock"], &["setup.run: bun install --frozen-lockfile"]),
        (
            &[
                r#"package.json={"packageManager":"pnpm@9.0.0"}"#,
                "package-lock.json",
                "pnpm-lock.yaml",
            ],
            &["setup.run: pnpm install --frozen-lockfile"],
        ),
        (&["Cargo.toml=", "Cargo.lock"], &["test: cargo test"]),
        (&["Cargo.toml=[workspace]"], &["test: cargo test --workspace"]),
        (&["go.mod"], &["test: go test ./..."]),
        (&["uv.lock", "pyproject.toml=pytest"], &["setup.run: uv sync", "test: uv run pytest"]),
        (&["poetry.lock", "pyproject.toml="], &["setup.run: poetry install"]),
        (&["Pipfile.lock"], &["setup.run: pipenv sync --dev"]),
        (&["requirements.txt=pytest"], &[]),
        (&["Gemfile.lock= rspec"], &["setup.run: bundle install", "test: bundle exec rspec"]),
        (&["composer.json={}", "composer.lock"], &["setup.run: composer install --no-interaction"]),
        (&["mix.exs"], &["setup.run: mix deps.get", "test: mix test"]),
        (&["pom.xml"], &["test: mvn -q verify"]),
        (&["pom.xml", "mvnw*"], &["test: ./mvnw -q verify"]),
        (&["build.gradle.kts", "gradlew*"], &["test: ./gradlew check"]),
        (&[r#"deno.json={"tasks":{"test":"deno test"}}"#], &["test: deno task test"]),
        (&["README"], &[]),
    ];
    for (files, expected) in table {
        assert_eq!(lines(&facts(files)), *expected, "{files:?}");
    }
}

#[test]
fn a_python_environment_is_made_only_where_git_ignores_it() {
    let mut facts = facts(&["requirements.txt=pytest"]);
    facts.ignored = set(&[".venv"]);
    assert_eq!(
        lines(&facts),
        [
            "setup.run: python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt",
            "files.discard: .venv/**",
            "test: .venv/bin/python -m pytest",
        ]
    );
}

#[test]
fn scripts_of_a_manifest_become_gates_but_for_those_that_wait_or_only_complain() {
    let scripts =
        r#"package.json={"scripts":{"test":"vitest","lint":"eslint .","type-check":"tsc"}}"#;
    assert_eq!(
        lines(&facts(&[scripts])),
        ["test: npm test", "lint: npm run lint", "typecheck: npm run type-check"]
    );
    let nothing =
        r#"package.json={"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#;
    assert_eq!(lines(&facts(&[nothing])), Vec::<String>::new());
    let waits = r#"package.json={"scripts":{"test":"jest --watch"}}"#;
    assert_eq!(lines(&facts(&[waits])), Vec::<String>::new());
    let pnpm = r#"package.json={"scripts":{"test":"x","lint":"y"}}"#;
    assert_eq!(
        lines(&facts(&[pnpm, "pnpm-lock.yaml"]))[1..],
        ["test: pnpm test", "lint: pnpm lint"]
    );
}

#[test]
fn the_projects_own_word_for_a_check_goes_before_what_its_tools_would_say() {
    let table: [(&[&str], &[&str]); 6] = [
        (&["Cargo.toml=", "Makefile=test: all\n\tcargo test\n"], &["test: make test"]),
        (&["Cargo.toml=", "Makefile=test := x\ntests:\n"], &["test: cargo test"]),
        (
            &["Cargo.toml=", "justfile=lint:\ntest *args:\n"],
            &["test: just test", "lint: just lint"],
        ),
        (&["Cargo.toml=", "scripts/test*", "Makefile=test:\n"], &["test: scripts/test"]),
        (&["Cargo.toml=", "scripts/test"], &["test: cargo test"]),
        (&["Makefile=setup:\ncheck:\n"], &["setup.run: make setup", "test: make check"]),
    ];
    for (files, expected) in table {
        assert_eq!(lines(&facts(files)), *expected, "{files:?}");
    }
}

#[test]
fn in_a_monorepo_the_nearest_files_count_and_commands_go_to_their_folder() {
    let files = [
        "package.json={}",
        "pnpm-lock.yaml",
        r#"apps/web/package.json={"scripts":{"test":"x"}}"#,
        "services/api/uv.lock",
        "services/api/pyproject.toml=pytest",
        "Cargo.toml=",
    ];
    let whole = facts(&files);
    assert_eq!(
        lines(&whole),
        [
            "setup.run: pnpm install --frozen-lockfile && (cd services/api && uv sync)",
            "test-services-api: (cd services/api && uv run pytest) services/api/**",
            "test-rust: cargo test",
        ]
    );
    let web = Facts { sub_dir: "apps/web".to_owned(), ..facts(&files) };
    assert_eq!(
        lines(&web),
        [
            "setup.run: (cd ../.. && pnpm install --frozen-lockfile)",
            "test-node: pnpm test",
            "test-rust: (cd ../.. && cargo test)"
        ]
    );
    let api = Facts { sub_dir: "services/api".to_owned(), ..facts(&["services/api/uv.lock"]) };
    assert_eq!(lines(&api), ["setup.run: uv sync"]);
}

#[test]
fn names_of_folders_are_one_word_of_a_shell_or_nothing() {
    let odd = facts(&["a b;$(touch x)/uv.lock", "it's/go.mod", "-x/go.mod", "new\nline/go.mod"]);
    assert_eq!(
        lines(&odd),
        [
            "setup.run: (cd 'a b;$(touch x)' && uv sync)",
            r"test: (cd 'it'\''s' && go test ./...) it's/**",
        ]
    );
    let (proposed, _) = tools::propose(&odd);
    let draft = file::draft("/none".as_ref(), "web", None, None, &proposed).unwrap();
    let text = draft.text.unwrap();
    let read: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(read["setup"]["run"].as_str(), Some("(cd 'a b;$(touch x)' && uv sync)"));
    assert_eq!(read.keys().collect::<Vec<_>>(), ["gate", "setup"], "{text}");
}

#[test]
fn examples_and_copies_of_others_are_no_part_of_a_project() {
    let facts = facts(&["examples/a/go.mod", "vendor/x/go.mod", "a/b/c/go.mod", ".x/go.mod"]);
    assert_eq!(lines(&facts), Vec::<String>::new());
}

#[test]
fn the_repositorys_own_set_up_and_its_submodules_are_seen() {
    let own = facts(&["package.json={}", "package-lock.json", ".worktree-setup*"]);
    assert_eq!(lines(&own), Vec::<String>::new());
    assert!(found(&own).iter().any(|it| it.text.contains(".worktree-setup")));
    let mut with = facts(&["package.json={}", "package-lock.json"]);
    with.files.insert("part".to_owned(), Kind::Submodule);
    assert_eq!(lines(&with), ["setup.run: git submodule update --init --recursive && npm ci"]);
    assert_eq!(checks::submodules(&with).unwrap().health, Health::Note);
    let mut lacking = facts(&["package.json={}", "pnpm-lock.yaml"]);
    lacking.programs.remove("pnpm");
    assert!(found(&lacking).iter().any(|it| it.text.contains("`pnpm` is not on your PATH")));
    assert_eq!(lines(&lacking), Vec::<String>::new(), "a set-up that must fail lets no run begin");
}

#[test]
fn containers_are_taken_down_only_where_each_env_has_its_own() {
    let plain = facts(&["compose.yaml=services:\n  db:\n    image: x\n"]);
    assert_eq!(lines(&plain), ["teardown.run: docker compose down"]);
    let named = facts(&["compose.yaml=name: shop\nservices:\n"]);
    assert_eq!(lines(&named), Vec::<String>::new());
    assert!(found(&named).iter().any(|it| it.topic == "containers"));
    let by_variable = Facts { one_compose: true, ..plain.clone() };
    assert_eq!(lines(&by_variable), Vec::<String>::new());
    for (line, told) in [
        ("      - \"8080:80\"", true),
        ("      - 127.0.0.1:5432:5432/tcp", true),
        ("      - \"80\"", false),
        ("      - \"${PORT}:80\"", false),
        ("      - a:b", false),
    ] {
        let facts = facts(&[&format!("compose.yaml=services:\n{line}\n")]);
        assert_eq!(found(&facts).iter().any(|it| it.topic == "ports"), told, "{line}");
    }
}

#[test]
fn ignored_switches_are_copied_and_samples_and_names_that_are_covered_are_not() {
    let mut facts = facts(&[]);
    facts.stands = set(&[
        ".env",
        ".env.local",
        ".env.example",
        "app/.env",
        "app/.dev.vars",
        ".env[1]",
        ".env.d/",
        "x/y",
        ".env.a\nb",
    ]);
    assert_eq!(lines(&facts), ["files.copy: .env .env.local app/.dev.vars"]);
    facts.stands = set(&[".env.[1] "]);
    assert_eq!(lines(&facts), [r"files.copy: .env.\[1]\ "]);
}

#[test]
fn only_what_git_ignores_everywhere_is_expendable_everywhere() {
    let mut facts = facts(&["package.json={}", "Cargo.toml=", "src/dist/a"]);
    let discard = |facts: &Facts| {
        lines(facts).into_iter().find(|line| line.starts_with("files.discard")).unwrap_or_default()
    };
    assert_eq!(discard(&facts), "");
    facts.ignored = set(&["node_modules", "skep-asks/of-any/node_modules", "dist", "target"]);
    facts.stands = set(&["dist/", "out/", "packages/a/node_modules/", "Cargo.lock"]);
    assert_eq!(discard(&facts), "files.discard: dist/** node_modules out/** target/**");
    // Where a folder has a say of its own, or nearly all is ignored, no name goes for all depths.
    facts.ignored.insert("skep-asks/of-any".to_owned());
    let strict = "files.discard: dist/** node_modules/** out/** packages/a/node_modules target/**";
    assert_eq!(discard(&facts), strict);
    facts.ignored.remove("skep-asks/of-any");
    facts.files.insert("packages/a/.gitignore".to_owned(), Kind::File);
    assert_eq!(discard(&facts), strict);
}

fn hook(name: &str, here: bool, there: Option<bool>, wants: &[&str]) -> Hook {
    let wants = wants.iter().map(|it| (*it).to_owned()).collect();
    Hook { name: name.to_owned(), here, there, wants }
}

#[test]
fn hooks_are_told_apart_by_where_they_fire() {
    let hooks = Hooks {
        path: Some(".husky/_".to_owned()),
        hooks: vec![
            hook("pre-commit", true, Some(false), &[]),
            hook("commit-msg", true, Some(true), &["node_modules"]),
            hook("pre-push", false, Some(false), &[]),
            hook("post-merge", true, None, &[]),
        ],
    };
    let bare = facts(&["package.json={}"]);
    let told = checks::hooks(&hooks, &bare, &[]);
    let short: Vec<(Health, &str)> =
        told.iter().map(|it| (it.health, it.text.split(' ').next().unwrap())).collect();
    assert_eq!(
        short,
        [
            (Health::Well, "commit-msg"),
            (Health::Ill, "pre-commit"),
            (Health::Note, "post-merge"),
            (Health::Note, "pre-push"),
            (Health::Note, "commit-msg"),
        ]
    );
    // Packages that install hooks heal it, once a set-up installs the packages.
    let husky = facts(&[r#"package.json={"scripts":{"prepare":"husky"}}"#, "package-lock.json"]);
    let (proposed, _) = tools::propose(&husky);
    let told = checks::hooks(&hooks, &husky, &proposed);
    assert!(
        told.iter().any(|it| it.text.contains("the set-up installs them (prepare)")),
        "{told:?}"
    );
    assert!(told.iter().all(|it| it.health != Health::Ill), "{told:?}");
    assert!(checks::hooks(&hooks, &husky, &[]).iter().any(|it| it.health == Health::Ill));
    assert_eq!(checks::hooks(&Hooks::default(), &bare, &[]), []);
}

fn settings(list: &[(&str, &str)]) -> BTreeMap<String, Setting> {
    let setting = |value: &str| Setting { value: value.to_owned(), of_checkout: false };
    list.iter().map(|(name, value)| ((*name).to_owned(), setting(value))).collect()
}

#[test]
fn signing_is_told_with_what_it_would_ask() {
    const PLAIN: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n";
    const LOCKED: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAq\n";
    let vars = BTreeMap::from([("HOME".to_owned(), "/h".to_owned())]);
    let told = |list: &[(&str, &str)], key: Option<&str>| {
        let read = |path: &std::path::PathBuf| {
            key.filter(|_| path.starts_with("/h/.ssh/id")).map(str::to_owned)
        };
        checks::signing(&settings(list), &vars, read).map(|it| it.text).unwrap_or_default()
    };
    assert_eq!(told(&[("user.signingkey", "ABC")], None), "");
    assert_eq!(told(&[("commit.gpgsign", "false")], None), "");
    let on = ("commit.gpgsign", "true");
    assert!(told(&[on], None).contains("by gpg, which may ask for a passphrase"));
    assert!(told(&[on, ("gpg.program", "/x/fake")], None).contains("by /x/fake, which may ask"));
    let ssh = [on, ("gpg.format", "ssh"), ("user.signingkey", "~/.ssh/id.pub")];
    assert!(told(&ssh, Some(PLAIN)).contains("asks for nothing"));
    assert!(told(&ssh, Some(LOCKED)).contains("has a passphrase"));
    assert!(told(&ssh, None).contains("SSH_AUTH_SOCK"));
    let agent = [on, ("gpg.format", "ssh"), ("user.signingkey", "key::ssh-ed25519 AAAA")];
    assert!(told(&agent, Some(PLAIN)).contains("SSH_AUTH_SOCK"));
    let program = [on, ("gpg.format", "ssh"), ("gpg.ssh.program", "op-ssh-sign")];
    assert!(told(&program, None).contains("op-ssh-sign"));
}

#[test]
fn lfs_is_well_only_where_it_is_set_up_and_there() {
    let used = facts(&[".gitattributes=*.bin filter=lfs diff=lfs -text\n"]);
    let set = settings(&[("filter.lfs.process", "git-lfs filter-process")]);
    let without = Facts { programs: BTreeSet::new(), ..used.clone() };
    let none = BTreeMap::new();
    let health = |facts: &Facts, set| checks::lfs(facts, set).map(|it| it.health);
    assert_eq!(health(&used, &set), Some(Health::Note));
    assert_eq!(health(&without, &set), Some(Health::Ill));
    assert_eq!(health(&used, &none), Some(Health::Ill));
    assert_eq!(health(&facts(&[".gitattributes=#*.bin filter=lfs\n"]), &set), None);
    assert_eq!(health(&facts(&[]), &set), None);
}

#[test]
fn the_disk_is_weighed_for_as_many_envs_as_may_run() {
    let built = Size { bytes: 900_000_000, whole: true };
    let told = checks::disk(100_000_000, built, 8, 20_000_000_000, 5_000_000_000);
    assert_eq!(told.health, Health::Well);
    assert!(told.text.contains("8.0 GB"), "{}", told.text);
    let told = checks::disk(100_000_000, built, 8, 12_000_000_000, 5_000_000_000);
    assert_eq!(told.health, Health::Note, "the floor counts");
    let most = checks::disk(u64::MAX, Size { bytes: 1, whole: false }, 8, 1, 1);
    assert!(most.text.contains("at least"), "{}", most.text);
}

fn wanted(list: &[(&str, &str)]) -> Vec<Proposed> {
    list.iter()
        .map(|(key, text)| Proposed {
            key: (*key).to_owned(),
            value: Wanted::Text((*text).to_owned()),
            because: "a\nname".to_owned(),
        })
        .collect()
}

#[test]
fn proposals_come_beside_what_stands_and_change_none_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let proposed = wanted(&[("setup.run", "npm ci"), ("teardown.run", "down")]);
    let draft =
        |shared: Option<&str>| file::draft(dir.path(), "web", None, shared, &proposed).unwrap();
    let first = draft(None);
    assert_eq!(first.added, ["setup.run", "teardown.run"]);
    file::write(&first).unwrap();
    let text = std::fs::read_to_string(&first.file).unwrap();
    assert!(text.contains("run = \"npm ci\" # a name\n"), "{text}");
    let again = draft(None);
    assert_eq!((again.text, again.kept), (None, Vec::new()), "twice is once");
    // What a person changed or wrote stays, their words around it too.
    let mine =
        "# mine\nagent = \"pi\" # best\n[setup]\nmode = \"warn\"\nrun = \"make\" # by hand\n";
    skep_host::paths::write_atomically(&first.file, mine.as_bytes()).unwrap();
    let kept = draft(None);
    assert_eq!(kept.added, ["teardown.run"]);
    assert_eq!(
        (kept.kept[0].stands.as_str(), kept.kept[0].proposed.as_str()),
        ("\"make\"", "\"npm ci\"")
    );
    let text = kept.text.unwrap();
    assert!(text.starts_with(mine.trim_end()), "{text}");
    // What everybody's file says is not said again over it.
    std::fs::remove_file(&first.file).unwrap();
    let beside = draft(Some("[setup]\nrun = \"make\"\n[teardown]\nrun = \"down\"\n"));
    assert_eq!((beside.added, beside.text), (Vec::new(), None));
    assert_eq!(beside.kept.len(), 1);
    assert_eq!(beside.kept[0].file, ".skep/project.toml");
    // What does not read is not written to.
    skep_host::paths::write_atomically(&first.file, b"setpu = 1\n").unwrap();
    let refusal = file::draft(dir.path(), "web", None, None, &proposed).unwrap_err();
    assert_eq!(refusal.slug, "config-unknown-key");
}

#[test]
fn the_shared_file_is_written_through_no_link() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().join("web");
    std::fs::create_dir_all(&top).unwrap();
    let proposed = wanted(&[("setup.run", "npm ci")]);
    let draft = || file::draft("/none".as_ref(), "web", Some(&top), None, &proposed);
    std::os::unix::fs::symlink(dir.path(), top.join(".skep")).unwrap();
    assert_eq!(draft().unwrap_err().slug, "config-unwritable");
    std::fs::remove_file(top.join(".skep")).unwrap();
    std::fs::create_dir(top.join(".skep")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", top.join(".skep/project.toml")).unwrap();
    assert_eq!(draft().unwrap_err().slug, "config-unwritable");
    std::fs::remove_file(top.join(".skep/project.toml")).unwrap();
    file::write(&draft().unwrap()).unwrap();
    assert!(top.join(".skep/project.toml").is_file());
}

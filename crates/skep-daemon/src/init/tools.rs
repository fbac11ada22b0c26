//! Owns: what the files of a repository say about its package managers, tests, left-overs and containers.
//! Never: touches anything: files in, proposals out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use skep_core::text;
use skep_host::survey::Kind;

use super::{Found, Gate, Proposed, Wanted};

/// How many folders below the root are looked into.
const FOLDERS: usize = 4;
/// How long a name of a folder may be to stand in a command. Unit: bytes.
const LONGEST: usize = 200;
/// How many folders are declared expendable.
const MOST: usize = 24;
/// A folder that no repository has.
const NOWHERE: &str = "skep-asks/of-any";
/// Folders in which a manifest is somebody's example or copy.
const OTHERS: [&str; 12] = [
    "examples",
    "example",
    "fixtures",
    "testdata",
    "test",
    "tests",
    "vendor",
    "node_modules",
    "third_party",
    "docs",
    "templates",
    "template",
];

/// What is known of a repository before anything is proposed.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// The files of the base commit.
    pub(super) files: BTreeMap<String, Kind>,
    /// The texts of those that [`manifests`] names.
    pub(super) texts: BTreeMap<String, String>,
    /// What stands in the checkout and git ignores; folders have a slash at their end.
    pub(super) stands: BTreeSet<String>,
    /// Those of [`folders`] that git would ignore.
    pub(super) ignored: BTreeSet<String>,
    /// Where runs start; empty for the root.
    pub(super) sub_dir: String,
    /// Whether a file that is copied gives all envs one name for compose.
    pub(super) one_compose: bool,
    /// Programs that are on the asker's PATH.
    pub(super) programs: BTreeSet<String>,
}

/// What a set of files belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tongue {
    Node,
    Python,
    Ruby,
    Php,
    Elixir,
    DotNet,
    Rust,
    Go,
    Java,
    Deno,
}

const TONGUES: [Tongue; 10] = [
    Tongue::Node,
    Tongue::Python,
    Tongue::Ruby,
    Tongue::Php,
    Tongue::Elixir,
    Tongue::DotNet,
    Tongue::Rust,
    Tongue::Go,
    Tongue::Java,
    Tongue::Deno,
];

impl Tongue {
    /// Files of which one shows it, the surest first; those behind the bar count below the root as well.
    fn marks(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Tongue::Node => (
                &["package.json"],
                &[
                    "pnpm-lock.yaml",
                    "yarn.lock",
                    "bun.lock",
                    "bun.lockb",
                    "package-lock.json",
                    "npm-shrinkwrap.json",
                ],
            ),
            Tongue::Python => (
                &["requirements-dev.txt", "requirements.txt"],
                &["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"],
            ),
            Tongue::Ruby => (&[], &["Gemfile.lock"]),
            Tongue::Php => (&["composer.json"], &["composer.lock"]),
            Tongue::Elixir => (&[], &["mix.exs"]),
            Tongue::DotNet => (&[], &["global.json", "Directory.Build.props"]),
            Tongue::Rust => (&["Cargo.toml"], &["Cargo.lock"]),
            Tongue::Go => (&[], &["go.mod"]),
            Tongue::Java => (
                &[],
                &[
                    "pom.xml",
                    "build.gradle",
                    "build.gradle.kts",
                    "settings.gradle",
                    "settings.gradle.kts",
                ],
            ),
            Tongue::Deno => (&[], &["deno.json", "deno.jsonc"]),
        }
    }

    /// Folders that its tools make anew: those that are nothing else, and those that may be something else.
    fn leaves(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Tongue::Node => (
                &["node_modules"],
                &[
                    "dist",
                    "build",
                    "out",
                    ".next",
                    ".nuxt",
                    ".turbo",
                    ".svelte-kit",
                    ".parcel-cache",
                    "coverage",
                ],
            ),
            Tongue::Python => (
                &[".venv", "__pycache__"],
                &[".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", "htmlcov"],
            ),
            Tongue::Ruby => (&[], &["coverage"]),
            Tongue::Php => (&["vendor"], &[]),
            Tongue::Elixir => (&["_build", "deps"], &[]),
            Tongue::DotNet => (&["bin", "obj"], &[]),
            Tongue::Rust => (&["target"], &[]),
            Tongue::Go => (&[], &[]),
            Tongue::Java => (&["target", ".gradle"], &["build"]),
            Tongue::Deno => (&[], &[]),
        }
    }
}

/// One tongue, spoken in one folder.
#[derive(Debug)]
struct Tool {
    tongue: Tongue,
    dir: String,
    /// Where its gates run.
    seat: String,
    /// The file that showed it.
    by: String,
    set_up: Option<String>,
    gates: Vec<(&'static str, String)>,
}

/// The files whose texts are wanted, of those that a commit holds.
pub(super) fn manifests(files: &BTreeMap<String, Kind>, sub_dir: &str) -> Vec<String> {
    const NAMES: [&str; 19] = [
        "package.json",
        "pyproject.toml",
        "requirements.txt",
        "requirements-dev.txt",
        "Gemfile.lock",
        "composer.json",
        "Cargo.toml",
        "Makefile",
        "makefile",
        "GNUmakefile",
        "justfile",
        "Justfile",
        ".justfile",
        "deno.json",
        "compose.yaml",
        "compose.yml",
        "docker-compose.yml",
        "docker-compose.yaml",
        ".gitattributes",
    ];
    let mut dirs: BTreeSet<String> = above(sub_dir).into_iter().collect();
    dirs.extend(spoken(files, sub_dir).into_iter().map(|(_, dir, _)| dir));
    let wanted = dirs.iter().flat_map(|dir| NAMES.iter().map(move |name| joined(dir, name)));
    wanted.filter(|path| files.contains_key(path)).collect()
}

/// The folders of which it matters whether git ignores them.
pub(super) fn folders(files: &BTreeMap<String, Kind>, sub_dir: &str) -> BTreeSet<String> {
    let mut folders = BTreeSet::from([NOWHERE.to_owned()]);
    for (tongue, dir, _) in spoken(files, sub_dir) {
        let (sure, other) = tongue.leaves();
        for name in sure.iter().chain(other) {
            folders.insert(joined(&dir, name));
            folders.insert(anywhere(name));
        }
    }
    folders
}

/// The programs of which it matters whether they are on the PATH.
pub(super) const PROGRAMS: [&str; 24] = [
    "npm", "pnpm", "yarn", "bun", "uv", "poetry", "pdm", "pipenv", "python3", "bundle", "composer",
    "mix", "dotnet", "cargo", "go", "mvn", "gradle", "deno", "make", "just", "mise", "docker",
    "git-lfs", "node",
];

/// What can be proposed, and what is to be told beside it.
pub(super) fn propose(facts: &Facts) -> (Vec<Proposed>, Vec<Found>) {
    let tools: Vec<Tool> = spoken(&facts.files, &facts.sub_dir)
        .into_iter()
        .map(|(tongue, dir, by)| tool(facts, tongue, dir, by))
        .collect();
    let mut proposed = Vec::new();
    let mut found = Vec::new();
    let (tools, lacking) = lacking(facts, tools);
    if !tools.is_empty() {
        let by: Vec<&str> = tools.iter().map(|tool| tool.by.as_str()).collect();
        found.push(Found::well("tools", by.join(", ")));
    }
    found.extend(lacking);
    set_up(facts, &tools, &mut proposed, &mut found);
    containers(facts, &mut proposed, &mut found);
    copies(facts, &mut proposed);
    discards(facts, &tools, &mut proposed);
    gates(facts, &tools, &mut proposed, &mut found);
    (proposed, found)
}

/// Takes out the commands that would fail for want of their program: a set-up that fails lets no run begin.
fn lacking(facts: &Facts, mut tools: Vec<Tool>) -> (Vec<Tool>, Vec<Found>) {
    let mut found = Vec::new();
    for tool in &mut tools {
        let mut missing = BTreeSet::new();
        let mut fits = |command: &String| {
            let program = command.split(' ').next().unwrap_or_default();
            // What the repository or the set-up brings along has a path.
            let there = program.contains('/') || facts.programs.contains(program);
            if !there {
                missing.insert(program.to_owned());
            }
            there
        };
        tool.set_up = tool.set_up.take().filter(&mut fits);
        tool.gates.retain(|(_, command)| fits(command));
        for program in missing {
            let text = format!(
                "`{program}` is not on your PATH: what it does for {} is left out",
                tool.by
            );
            found.push(
                Found::note("tools", text).way(format!("install {program}, then: skep init")),
            );
        }
    }
    (tools, found)
}

/// Which tongue is spoken where, and the file that shows it.
fn spoken(files: &BTreeMap<String, Kind>, sub_dir: &str) -> Vec<(Tongue, String, String)> {
    let mut found = Vec::new();
    let near = above(sub_dir);
    for tongue in TONGUES {
        let (weak, strong) = tongue.marks();
        let mark = |dir: &str, names: &[&str]| {
            names.iter().map(|name| joined(dir, name)).find(|path| files.contains_key(path))
        };
        let sure = near.iter().find_map(|dir| Some((dir, mark(dir, strong)?)));
        let at = sure.or_else(|| near.iter().find_map(|dir| Some((dir, mark(dir, weak)?))));
        if let Some((dir, by)) = at {
            found.push((tongue, dir.clone(), by));
        } else if sub_dir.is_empty() {
            let below = below(files, strong);
            found.extend(below.into_iter().map(|(dir, by)| (tongue, dir, by)));
        }
    }
    // More than some are a choice that a person makes.
    let mut dirs = BTreeSet::new();
    found.retain(|(_, dir, _)| {
        dir.is_empty() || dirs.contains(dir) || (dirs.len() < FOLDERS && dirs.insert(dir.clone()))
    });
    found
}

/// Folders one or two steps below the root that hold one of these files, the first of them each.
fn below(files: &BTreeMap<String, Kind>, names: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in files.keys() {
        let Some((dir, name)) = path.rsplit_once('/') else { continue };
        let usable = dir.split('/').count() <= 2
            && dir.len() <= LONGEST
            && !dir.chars().any(char::is_control)
            && !dir.split('/').any(|part| OTHERS.contains(&part) || part.starts_with(['.', '-']));
        if usable && names.contains(&name) {
            found.entry(dir.to_owned()).or_insert_with(|| path.clone());
        }
    }
    found
}

/// A folder and those above it, the root last.
fn above(dir: &str) -> Vec<String> {
    let mut dirs = Vec::new();
    let mut rest = dir;
    while !rest.is_empty() {
        dirs.push(rest.to_owned());
        rest = rest.rsplit_once('/').map_or("", |(up, _)| up);
    }
    dirs.push(String::new());
    dirs
}

fn joined(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

/// A place for `name` that no repository has: what git ignores there, it ignores everywhere.
fn anywhere(name: &str) -> String {
    format!("{NOWHERE}/{name}")
}

impl Facts {
    fn has(&self, dir: &str, name: &str) -> bool {
        self.files.contains_key(&joined(dir, name))
    }

    fn text(&self, dir: &str, name: &str) -> &str {
        self.texts.get(&joined(dir, name)).map_or("", String::as_str)
    }

    /// The first of these names that stands in the folder.
    fn first<'n>(&self, dir: &str, names: &[&'n str]) -> Option<&'n str> {
        names.iter().find(|name| self.has(dir, name)).copied()
    }

    fn is_program(&self, dir: &str, name: &str) -> bool {
        self.files.get(&joined(dir, name)) == Some(&Kind::Program)
    }

    /// The command as it is to be given where runs start.
    fn at_start(&self, dir: &str, command: &str) -> String {
        if dir == self.sub_dir {
            return command.to_owned();
        }
        if dir.is_empty() || self.sub_dir.starts_with(&format!("{dir}/")) {
            let depth = |dir: &str| dir.split('/').filter(|part| !part.is_empty()).count();
            let up = vec![".."; depth(&self.sub_dir) - depth(dir)].join("/");
            return format!("(cd {up} && {command})");
        }
        format!("(cd {} && {command})", quoted(dir))
    }
}

/// A word as a shell takes it for just that.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if word.chars().all(plain) && !word.starts_with('-') {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn tool(facts: &Facts, tongue: Tongue, dir: String, by: String) -> Tool {
    let mut seat = dir.clone();
    let (set_up, gates) = match tongue {
        Tongue::Node => {
            // The lock stands above all packages, and the scripts in each.
            let near = above(&facts.sub_dir);
            let mut inside = near.into_iter().take_while(|up| up.len() >= dir.len());
            seat = inside.find(|up| facts.has(up, "package.json")).unwrap_or(seat);
            node(facts, &dir, &seat)
        }
        Tongue::Python => python(facts, &dir),
        Tongue::Ruby => {
            let lock = facts.text(&dir, "Gemfile.lock");
            let test = if facts.is_program(&dir, "bin/rails") && !facts.has(&dir, ".rspec") {
                Some("bin/rails test")
            } else {
                (facts.has(&dir, ".rspec") || lock.contains(" rspec"))
                    .then_some("bundle exec rspec")
            };
            (Some("bundle install".to_owned()), test_gate(test))
        }
        Tongue::Php => php(facts, &dir),
        Tongue::Elixir => (Some("mix deps.get".to_owned()), test_gate(Some("mix test"))),
        Tongue::DotNet => (Some("dotnet restore".to_owned()), test_gate(Some("dotnet test"))),
        Tongue::Rust => {
            let whole = facts.text(&dir, "Cargo.toml").contains("[workspace]");
            let test = if whole { "cargo test --workspace" } else { "cargo test" };
            (None, test_gate(Some(test)))
        }
        Tongue::Go => (None, test_gate(Some("go test ./..."))),
        Tongue::Java => {
            let test = if facts.has(&dir, "pom.xml") {
                if facts.is_program(&dir, "mvnw") { "./mvnw -q verify" } else { "mvn -q verify" }
            } else if facts.is_program(&dir, "gradlew") {
                "./gradlew check"
            } else {
                "gradle check"
            };
            (None, test_gate(Some(test)))
        }
        Tongue::Deno => {
            let tasks = json(facts.text(&dir, "deno.json"));
            let test = tasks["tasks"]["test"].is_string().then_some("deno task test");
            (None, test_gate(test))
        }
    };
    Tool { tongue, dir, seat, by, set_up, gates }
}

fn test_gate(test: Option<&str>) -> Vec<(&'static str, String)> {
    test.into_iter().map(|test| ("test", test.to_owned())).collect()
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or(Json::Null)
}

fn node(facts: &Facts, dir: &str, seat: &str) -> (Option<String>, Vec<(&'static str, String)>) {
    let manifest = json(facts.text(dir, "package.json"));
    let named = manifest["packageManager"].as_str().unwrap_or_default();
    let by_lock = [
        ("pnpm-lock.yaml", "pnpm"),
        ("yarn.lock", "yarn"),
        ("bun.lock", "bun"),
        ("bun.lockb", "bun"),
        ("package-lock.json", "npm"),
        ("npm-shrinkwrap.json", "npm"),
    ];
    let lock = by_lock.iter().find(|(lock, _)| facts.has(dir, lock)).map(|(_, manager)| *manager);
    let named_one = ["pnpm", "yarn", "bun", "npm"]
        .into_iter()
        .find(|manager| named.split('@').next() == Some(manager));
    let manager = named_one.or(lock).unwrap_or("npm");
    let locked = lock == Some(manager);
    let modern = facts.has(dir, ".yarnrc.yml")
        || named.strip_prefix("yarn@").is_some_and(|version| !version.starts_with(['0', '1']));
    let needs = ["dependencies", "devDependencies", "workspaces"];
    let needed = locked || needs.iter().any(|key| !manifest[*key].is_null());
    let set_up = match (manager, locked) {
        ("npm", true) => "npm ci",
        ("npm", false) => "npm install",
        ("pnpm", true) => "pnpm install --frozen-lockfile",
        ("yarn", true) if modern => "yarn install --immutable",
        ("yarn" | "bun", true) if manager == "bun" => "bun install --frozen-lockfile",
        ("yarn", true) => "yarn install --frozen-lockfile",
        ("pnpm", false) => "pnpm install",
        ("yarn", false) => "yarn install",
        _ => "bun install",
    };
    let scripts = json(facts.text(seat, "package.json"));
    let script = |name: &str| {
        scripts["scripts"][name].as_str().filter(|script| {
            !script.contains("no test specified")
                && !script.contains("--watch")
                && !script.is_empty()
        })
    };
    let run = if manager == "npm" || manager == "bun" {
        format!("{manager} run")
    } else {
        manager.to_owned()
    };
    let mut gates = Vec::new();
    if script("test").is_some() {
        let test = if manager == "npm" { "npm test".to_owned() } else { format!("{run} test") };
        gates.push(("test", test));
    }
    if script("lint").is_some() {
        gates.push(("lint", format!("{run} lint")));
    }
    let types = ["typecheck", "type-check", "check-types", "types"];
    if let Some(name) = types.into_iter().find(|name| script(name).is_some()) {
        gates.push(("typecheck", format!("{run} {name}")));
    }
    (needed.then(|| set_up.to_owned()), gates)
}

fn python(facts: &Facts, dir: &str) -> (Option<String>, Vec<(&'static str, String)>) {
    let managers = [
        ("uv.lock", "uv sync", "uv run pytest"),
        ("poetry.lock", "poetry install", "poetry run pytest"),
        ("pdm.lock", "pdm sync", "pdm run pytest"),
        ("Pipfile.lock", "pipenv sync --dev", "pipenv run pytest"),
    ];
    let tested = facts.first(dir, &["pytest.ini", "conftest.py", "tests/conftest.py"]).is_some()
        || ["pyproject.toml", "requirements.txt", "requirements-dev.txt"]
            .iter()
            .any(|name| facts.text(dir, name).contains("pytest"));
    if let Some((_, set_up, test)) = managers.iter().find(|(lock, ..)| facts.has(dir, lock)) {
        return (Some((*set_up).to_owned()), test_gate(tested.then_some(*test)));
    }
    // Where git would show the environment, an agent would commit it.
    if !facts.ignored.contains(&joined(dir, ".venv")) {
        return (None, Vec::new());
    }
    let list = facts.first(dir, &["requirements-dev.txt", "requirements.txt"]);
    let set_up = list
        .map(|list| format!("python3 -m venv .venv && .venv/bin/pip install --quiet -r {list}"));
    (set_up, test_gate(tested.then_some(".venv/bin/python -m pytest")))
}

fn php(facts: &Facts, dir: &str) -> (Option<String>, Vec<(&'static str, String)>) {
    let manifest = json(facts.text(dir, "composer.json"));
    let test = if !manifest["scripts"]["test"].is_null() {
        Some("composer test")
    } else {
        facts.first(dir, &["phpunit.xml", "phpunit.xml.dist"]).map(|_| "vendor/bin/phpunit")
    };
    (Some("composer install --no-interaction".to_owned()), test_gate(test))
}

fn set_up(facts: &Facts, tools: &[Tool], proposed: &mut Vec<Proposed>, found: &mut Vec<Found>) {
    let own = above(&facts.sub_dir)
        .into_iter()
        .map(|dir| joined(&dir, ".worktree-setup"))
        .find(|path| facts.files.contains_key(path));
    if let Some(own) = own {
        found.push(Found::well("set-up", format!("{own}, the repository's own script")));
        return;
    }
    let mut parts = Vec::new();
    let mut because = Vec::new();
    let mise = ["mise.toml", ".mise.toml", ".tool-versions"];
    if let Some(file) = facts.first("", &mise).filter(|_| facts.programs.contains("mise")) {
        parts.push(facts.at_start("", "mise trust --quiet && mise install"));
        because.push(file.to_owned());
    }
    if facts.files.values().any(|kind| *kind == Kind::Submodule) {
        parts.push("git submodule update --init --recursive".to_owned());
        because.push(".gitmodules".to_owned());
    }
    for tool in tools {
        if let Some(command) = &tool.set_up {
            parts.push(facts.at_start(&tool.dir, command));
            because.push(tool.by.clone());
        }
    }
    if parts.is_empty() {
        let own = runners(facts, &["setup", "bootstrap", "deps"]).into_iter().next();
        if let Some((runner, dir, target)) = own {
            parts.push(facts.at_start(&dir, &format!("{runner} {target}")));
            because.push(format!("{target} of {runner}"));
        }
    }
    if !parts.is_empty() {
        proposed.push(Proposed {
            key: "setup.run".to_owned(),
            value: Wanted::Text(parts.join(" && ")),
            because: because.join(", "),
        });
    }
}

/// What make and just have by one of these names, the nearest folder first, the first name of each runner.
fn runners(facts: &Facts, wanted: &[&'static str]) -> Vec<(&'static str, String, &'static str)> {
    let files = [
        ("just", ["justfile", "Justfile", ".justfile"]),
        ("make", ["Makefile", "makefile", "GNUmakefile"]),
    ];
    let mut found = Vec::new();
    for dir in above(&facts.sub_dir) {
        for (runner, names) in files {
            if !facts.programs.contains(runner) {
                continue;
            }
            let Some(file) = facts.first(&dir, &names) else { continue };
            let text = facts.text(&dir, file);
            let has = |target: &&&str| text.lines().any(|line| is_target(line, target));
            if let Some(target) = wanted.iter().find(has) {
                found.push((runner, dir.clone(), *target));
            }
        }
    }
    found
}

/// Whether a line of a makefile or justfile begins this target.
fn is_target(line: &str, target: &str) -> bool {
    let Some(rest) = line.strip_prefix(target) else { return false };
    let Some(colon) = rest.find(':') else { return false };
    let (between, after) = rest.split_at(colon);
    // `test := x` sets a variable, and `tests:` is another target.
    !after.starts_with(":=") && (between.is_empty() || between.starts_with([' ', '\t', '*']))
}

fn gates(facts: &Facts, tools: &[Tool], proposed: &mut Vec<Proposed>, found: &mut Vec<Found>) {
    let mut gates: Vec<Gate> = Vec::new();
    let mut because = Vec::new();
    for name in ["test", "lint", "typecheck"] {
        if let Some((run, by)) = own_gate(facts, name) {
            gates.push(Gate { name: name.to_owned(), run, paths: Vec::new() });
            because.push(by);
            continue;
        }
        let asked: Vec<(&Tool, &String)> = tools
            .iter()
            .flat_map(|tool| tool.gates.iter().map(move |(gate, run)| (tool, gate, run)))
            .filter(|(_, gate, _)| **gate == name)
            .map(|(tool, _, run)| (tool, run))
            .collect();
        for (tool, run) in &asked {
            let nested = !tool.seat.is_empty() && tool.seat != facts.sub_dir;
            let mark = if nested {
                text::sanitise_name(&tool.dir)
            } else {
                format!("{:?}", tool.tongue).to_lowercase()
            };
            let mut full = if asked.len() > 1 { format!("{name}-{mark}") } else { name.to_owned() };
            if gates.iter().any(|gate| gate.name == full) {
                full = format!("{full}-{}", format!("{:?}", tool.tongue).to_lowercase());
            }
            if gates.iter().any(|gate| gate.name == full) {
                continue;
            }
            let paths = if nested && facts.sub_dir.is_empty() {
                vec![format!("{}/**", tool.dir)]
            } else {
                Vec::new()
            };
            gates.push(Gate { name: full, run: facts.at_start(&tool.seat, run), paths });
            because.push(tool.by.clone());
        }
    }
    if gates.is_empty() {
        let text = "none found: nothing would prove that work is done";
        found.push(Found::note("gates", text).way("name one: a table [[gate]] with name and run"));
        return;
    }
    let mut seen = BTreeSet::new();
    because.retain(|by| seen.insert(by.clone()));
    proposed.push(Proposed {
        key: "gate".to_owned(),
        value: Wanted::Gates(gates),
        because: because.join(", "),
    });
}

/// The repository's own word for a check: a script of that name, else a target.
fn own_gate(facts: &Facts, name: &'static str) -> Option<(String, String)> {
    for dir in above(&facts.sub_dir) {
        for folder in ["scripts", "script", "bin"] {
            let file = format!("{folder}/{name}");
            if facts.is_program(&dir, &file) {
                return Some((facts.at_start(&dir, &file), joined(&dir, &file)));
            }
        }
    }
    let wanted: &[&str] = match name {
        "test" => &["test", "check"],
        "lint" => &["lint"],
        _ => &["typecheck"],
    };
    let (runner, dir, target) = runners(facts, wanted).into_iter().next()?;
    let run = facts.at_start(&dir, &format!("{runner} {target}"));
    Some((run, format!("{target} of {runner}")))
}

/// A compose file: a teardown, where it ends nothing but the env's own.
fn containers(facts: &Facts, proposed: &mut Vec<Proposed>, found: &mut Vec<Found>) {
    let names = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
    let near = above(&facts.sub_dir);
    let Some((dir, file)) = near.iter().find_map(|dir| Some((dir, facts.first(dir, &names)?)))
    else {
        return;
    };
    let text = facts.text(dir, file);
    let path = joined(dir, file);
    if !facts.programs.contains("docker") {
        return;
    }
    let by = if text.lines().any(|line| line.starts_with("name:")) {
        Some(format!("`name` in {path}"))
    } else {
        facts.one_compose.then(|| "COMPOSE_PROJECT_NAME in .env".to_owned())
    };
    if let Some(by) = by {
        // A teardown would end the containers of the checkout, and of every other env.
        let text = format!("{by} gives every env the same containers: no teardown is proposed");
        found
            .push(Found::note("containers", text).way("take it out, so that each env has its own"));
        return;
    }
    if let Some(port) = text.lines().find_map(fixed_port) {
        found.push(
            Found::note("ports", format!("{path} publishes {port}: two envs cannot both have it"))
                .way("publish the inner port alone, or take the outer one from a variable"),
        );
    }
    if text.lines().any(|line| line.trim_start().starts_with("container_name:")) {
        found.push(
            Found::note(
                "containers",
                format!("{path} names a container: two envs cannot both have it"),
            )
            .way("take `container_name` out"),
        );
    }
    proposed.push(Proposed {
        key: "teardown.run".to_owned(),
        value: Wanted::Text(facts.at_start(dir, "docker compose down")),
        because: path,
    });
}

/// `8080:80` and the like in a list of ports.
fn fixed_port(line: &str) -> Option<String> {
    let item = line.trim().strip_prefix('-')?.trim().trim_matches(['"', '\'']);
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = item.split('/').next()?.split(':').collect();
    let (outer, inner) = match parts.as_slice() {
        [outer, inner] => (outer, inner),
        [_, outer, inner] => (outer, inner),
        _ => return None,
    };
    (digits(outer) && digits(inner)).then(|| format!("port {outer}"))
}

/// Files of secrets and switches that git ignores and that stand in the checkout.
fn copies(facts: &Facts, proposed: &mut Vec<Proposed>) {
    let is_switches = |name: &str| {
        let sample =
            ["example", "sample", "template", "dist"].iter().any(|end| name.ends_with(end));
        let env =
            name == ".env" || name.starts_with(".env.") || name == ".envrc" || name == ".dev.vars";
        env && !sample
    };
    let mut wanted = BTreeSet::new();
    for path in facts.stands.iter().filter(|path| !path.ends_with('/')) {
        let name = path.rsplit('/').next().unwrap_or(path);
        if is_switches(name) && path.split('/').count() <= 4 {
            wanted.extend(skep_host::survey::pattern(path.as_ref()));
        }
    }
    // A name alone fits at every depth, so that what it covers is not said twice.
    let names: BTreeSet<String> = wanted.iter().filter(|it| !it.contains('/')).cloned().collect();
    wanted.retain(|path| path.rsplit_once('/').is_none_or(|(_, name)| !names.contains(name)));
    if !wanted.is_empty() {
        let because = "ignored by git, and in your checkout".to_owned();
        let value = Wanted::List(wanted.into_iter().collect());
        proposed.push(Proposed { key: "files.copy".to_owned(), value, because });
    }
}

/// What tools make anew, and only in a form that fits nothing but what git ignores: what is expendable is kept nowhere.
fn discards(facts: &Facts, tools: &[Tool], proposed: &mut Vec<Proposed>) {
    let mut wanted = BTreeSet::new();
    // Where a folder below may say otherwise, or where nearly everything is ignored, a name alone says too much.
    let plain = !facts.ignored.contains(NOWHERE)
        && !facts.files.keys().any(|path| path.ends_with("/.gitignore"));
    for tool in tools {
        let (sure, other) = tool.tongue.leaves();
        let standing = |name: &str| {
            let fits = |path: &&str| path.rsplit('/').next() == Some(name);
            let folders = facts.stands.iter().filter_map(|path| path.strip_suffix('/'));
            folders.filter(fits).map(str::to_owned).collect::<Vec<_>>()
        };
        for name in sure {
            let own = joined(&tool.dir, name);
            if plain && facts.ignored.contains(&anywhere(name)) {
                wanted.insert((*name).to_owned());
            } else {
                let own = facts.ignored.contains(&own).then_some(own);
                wanted.extend(own.into_iter().chain(standing(name)).filter_map(|it| exactly(&it)));
            }
        }
        for name in other {
            let there = standing(name);
            if !there.is_empty() && plain && facts.ignored.contains(&anywhere(name)) {
                wanted.insert((*name).to_owned());
            } else {
                wanted.extend(there.iter().filter_map(|it| exactly(it)));
            }
        }
    }
    if !wanted.is_empty() {
        let because = "made anew by the project's tools, and ignored by git".to_owned();
        let value = Wanted::List(wanted.into_iter().take(MOST).collect());
        proposed.push(Proposed { key: "files.discard".to_owned(), value, because });
    }
}

/// A pattern for the folder at `path` and no other.
fn exactly(path: &str) -> Option<String> {
    let pattern = skep_host::survey::pattern(path.as_ref())?;
    // Without a slash in it, a pattern fits at every depth.
    Some(if pattern.contains('/') { pattern } else { format!("{pattern}/**") })
}

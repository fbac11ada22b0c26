//! Owns: what a repository is written in, as the manifests of its base commit say.
//! Never: runs a package manager, or reads a manifest of a size that no person writes.

use serde_json::Value as Json;
use skep_host::git::{self, Entry, Git, GitError, Repository};

/// The longest manifest that is read. Unit: bytes.
const LONGEST: u64 = 256 * 1024;

/// Manifests, the one that speaks first before the others, and the language each stands for.
const MARKS: [(&str, &str); 10] = [
    ("go.mod", "go"),
    ("package.json", "javascript"),
    ("Cargo.toml", "rust"),
    ("pyproject.toml", "python"),
    ("setup.py", "python"),
    ("pom.xml", "java"),
    ("build.gradle", "java"),
    ("build.gradle.kts", "java"),
    ("Gemfile", "ruby"),
    ("mix.exs", "elixir"),
];
/// A framework, and the names of dependencies that stand for it.
type Framework = (&'static str, &'static [&'static str]);

/// What stands beside a manifest and is read too.
const BESIDE: [&str; 2] = ["tsconfig.json", "requirements.txt"];

/// Frameworks by language; who builds on another comes before it.
const FRAMEWORKS: [(&str, &[Framework]); 7] = [
    (
        "javascript",
        &[
            ("next", &["next"]),
            ("nestjs", &["@nestjs/core"]),
            ("angular", &["@angular/core"]),
            ("svelte", &["svelte", "@sveltejs/kit"]),
            ("vue", &["vue", "nuxt"]),
            ("react", &["react"]),
            ("express", &["express"]),
        ],
    ),
    ("python", &[("django", &["django"]), ("fastapi", &["fastapi"]), ("flask", &["flask"])]),
    (
        "rust",
        &[
            ("leptos", &["leptos"]),
            ("bevy", &["bevy"]),
            ("axum", &["axum"]),
            ("actix-web", &["actix-web"]),
            ("rocket", &["rocket"]),
        ],
    ),
    (
        "go",
        &[
            ("gin", &["github.com/gin-gonic/gin"]),
            ("echo", &["github.com/labstack/echo"]),
            ("fiber", &["github.com/gofiber/fiber"]),
            ("chi", &["github.com/go-chi/chi"]),
        ],
    ),
    ("ruby", &[("rails", &["rails"])]),
    ("elixir", &[("phoenix", &["phoenix"])]),
    ("java", &[("spring", &["org.springframework"])]),
];

/// What a repository is made of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MadeOf {
    pub(super) language: &'static str,
    pub(super) framework: Option<&'static str>,
}

/// Looks in `sub_dir` of the commit `oid`, then at its root.
pub(super) fn look(
    git: &Git,
    repo: &Repository,
    oid: &str,
    sub_dir: &str,
) -> Result<MadeOf, GitError> {
    let folders = if sub_dir.is_empty() { vec![""] } else { vec![sub_dir, ""] };
    for folder in folders {
        let at = |name: &str| {
            if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
        };
        let names = MARKS.iter().map(|(name, _)| *name).chain(BESIDE);
        let wanted: Vec<String> = names.map(at).collect();
        let there = git::entries(git, repo, oid, &wanted)?;
        let find = |name: &str| there.iter().find(|entry| entry.path == at(name));
        let Some((name, language)) = MARKS.iter().find(|(name, _)| find(name).is_some()) else {
            continue;
        };
        let read = |name: &str| text(git, repo, oid, find(name));
        let manifest = read(name)?;
        let mut names = named(name, &manifest);
        if *language == "python" {
            names.extend(required(&read("requirements.txt")?));
        }
        let framework = framework(language, &names);
        let is_typed = *language == "javascript"
            && (find("tsconfig.json").is_some() || names.iter().any(|name| name == "typescript"));
        return Ok(MadeOf { language: if is_typed { "typescript" } else { language }, framework });
    }
    Ok(MadeOf { language: "unknown", framework: None })
}

/// The text of a manifest; empty where there is none, or one that nobody wrote.
fn text(
    git: &Git,
    repo: &Repository,
    oid: &str,
    entry: Option<&Entry>,
) -> Result<String, GitError> {
    let Some(entry) = entry.filter(|entry| entry.size <= LONGEST) else {
        return Ok(String::new());
    };
    let bytes = git::file_at(git, repo, oid, &entry.path)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn framework(language: &str, names: &[String]) -> Option<&'static str> {
    let (_, known) = FRAMEWORKS.iter().find(|(of, _)| *of == language)?;
    let found =
        known.iter().find(|(_, stand)| names.iter().any(|name| stand.contains(&name.as_str())));
    found.map(|(framework, _)| *framework)
}

/// The names of what a manifest depends on; none of one that is not in its form.
fn named(manifest: &str, text: &str) -> Vec<String> {
    match manifest {
        "package.json" => in_package_json(text),
        "Cargo.toml" => in_cargo_toml(text),
        "pyproject.toml" => in_pyproject(text),
        "setup.py" => quoted(text).iter().map(|one| distribution(one)).collect(),
        "go.mod" => text.lines().filter_map(go_module).collect(),
        "Gemfile" => text.lines().filter_map(gem).collect(),
        "mix.exs" => text.lines().filter_map(hex_package).collect(),
        _ => quoted_or_tagged(text),
    }
}

fn in_package_json(text: &str) -> Vec<String> {
    let Ok(json) = serde_json::from_str::<Json>(text) else { return Vec::new() };
    let kinds = ["dependencies", "devDependencies", "peerDependencies"];
    let tables = kinds.iter().filter_map(|kind| json.get(kind)?.as_object());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

fn in_cargo_toml(text: &str) -> Vec<String> {
    let Ok(toml) = toml::from_str::<toml::Table>(text) else { return Vec::new() };
    let workspace = toml.get("workspace").and_then(|table| table.get("dependencies"));
    let tables = [toml.get("dependencies"), workspace];
    let tables = tables.into_iter().flatten().filter_map(toml::Value::as_table);
    tables.flat_map(|table| table.keys().cloned()).collect()
}

fn in_pyproject(text: &str) -> Vec<String> {
    let Ok(toml) = toml::from_str::<toml::Table>(text) else { return Vec::new() };
    let project = toml.get("project").and_then(|table| table.get("dependencies"));
    let listed = project.and_then(toml::Value::as_array).into_iter().flatten();
    let listed = listed.filter_map(toml::Value::as_str).map(distribution);
    let poetry = toml.get("tool").and_then(|table| table.get("poetry"));
    let poetry = poetry.and_then(|table| table.get("dependencies")?.as_table());
    let keys = poetry.into_iter().flat_map(|table| table.keys().map(|key| key.to_lowercase()));
    listed.chain(keys).collect()
}

fn required(text: &str) -> Vec<String> {
    text.lines().map(distribution).collect()
}

/// `Django[argon2]>=4 ; python_version > "3"` as `django`.
fn distribution(line: &str) -> String {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    line.trim().split(ends).next().unwrap_or_default().to_lowercase()
}

/// `require github.com/labstack/echo/v4 v4.1 // indirect` as `github.com/labstack/echo`; nobody chose what is indirect.
fn go_module(line: &str) -> Option<String> {
    let line = line.trim();
    if line.ends_with("// indirect") {
        return None;
    }
    let line = line.strip_prefix("require").map_or(line, str::trim_start);
    let path = line.split_ascii_whitespace().next()?;
    let is_version = |last: &str| {
        last.strip_prefix('v')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let short = path.rsplit_once('/').filter(|(_, last)| is_version(last)).map(|(path, _)| path);
    Some(short.unwrap_or(path).to_owned())
}

/// `gem "rails", "~> 7"` as `rails`.
fn gem(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("gem")?.trim_start_matches([' ', '(']);
    quoted(rest).into_iter().next()
}

/// `{:phoenix, "~> 1.7"},` as `phoenix`.
fn hex_package(line: &str) -> Option<String> {
    let rest = line.trim().trim_start_matches(['[', ' ']).strip_prefix("{:")?;
    Some(rest.split([',', ' ', '}']).next().unwrap_or_default().to_owned())
}

/// What stands between quotes, line by line.
fn quoted(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let mut found = Vec::new();
        let mut rest = line;
        while let Some(at) = rest.find(['"', '\'']) {
            let (quote, after) = (&rest[at..=at], &rest[at + 1..]);
            let Some(end) = after.find(quote) else { break };
            found.push(after[..end].to_owned());
            rest = &after[end + 1..];
        }
        found
    };
    text.lines().filter(|text| !text.trim_start().starts_with('#')).flat_map(line).collect()
}

/// The first names of groups, `org.springframework` of `<groupId>org.springframework.boot</groupId>` and of `'org.springframework.boot:…'`.
fn quoted_or_tagged(text: &str) -> Vec<String> {
    let tagged = text.split("<groupId>").skip(1).filter_map(|rest| rest.split('<').next());
    let all = tagged.map(str::to_owned).chain(quoted(text));
    all.map(|group| {
        let group = group.trim().split(':').next().unwrap_or_default().to_owned();
        group.split('.').take(2).collect::<Vec<_>>().join(".")
    })
    .collect()
}

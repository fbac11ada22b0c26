use std::os::unix::fs::symlink;

use super::*;

/// Commits these files (`name=text`) alone and says what is found: language and framework.
fn made_of(yard: &Yard, files: &[&str]) -> String {
    let repo = yard.at("r");
    repo.git(&["rm", "-r", "--quiet", "--force", "--ignore-unmatch", "."]);
    for file in files {
        let (name, text) = file.split_once('=').unwrap();
        repo.write(name, text);
    }
    repo.commit("these");
    let found = scout(&yard.git(), &yard.project("r"), &yard.config()).unwrap();
    format!("{} {}", found.language, found.framework.as_deref().unwrap_or("-"))
}

#[test]
fn language_and_framework_are_read_from_the_manifests() {
    let yard = Yard::new();
    yard.place.repo("r");
    let go = "go.mod=module x\n\ngo 1.22\n\nrequire (\n\tgithub.com/labstack/echo/v4 v4.11.1\n\tgithub.com/gin-gonic/gin v1.9 // indirect\n)\n";
    let rust =
        "Cargo.toml=[workspace]\nmembers = [\"a\"]\n[workspace.dependencies]\naxum = \"0.8\"\n";
    let react = r#"package.json={"dependencies":{"react":"19"}}"#;
    for (files, expected) in [
        (&[][..], "unknown -"),
        (&["README=import react"], "unknown -"),
        (&[go], "go echo"),
        (&["go.mod=module x\nrequire github.com/go-chi/chi/v5 v5.0.0\n"], "go chi"),
        (&[react], "javascript react"),
        (&[react, "tsconfig.json={}"], "typescript react"),
        (
            &[
                r#"package.json={"dependencies":{"next":"15","react":"19"},"devDependencies":{"typescript":"5"}}"#,
            ],
            "typescript next",
        ),
        (
            &[r#"package.json={"dependencies":{"@nestjs/core":"1","express":"5"}}"#],
            "javascript nestjs",
        ),
        (&[r#"package.json={"devDependencies":{"@sveltejs/kit":"2"}}"#], "javascript svelte"),
        (&[r#"package.json={"name":"react","description":"express"}"#], "javascript -"),
        (&["package.json={ not json"], "javascript -"),
        (&[rust], "rust axum"),
        (
            &[
                "Cargo.toml=[package]\nname=\"axum-like\"\n[dependencies]\nbevy = { version = \"1\" }\n",
            ],
            "rust bevy",
        ),
        (
            &["pyproject.toml=[project]\ndependencies = [\"FastAPI[standard]>=0.1\"]\n"],
            "python fastapi",
        ),
        (&["pyproject.toml=[tool.poetry.dependencies]\nDjango = \"^5\"\n"], "python django"),
        (
            &["setup.py=setup(install_requires=['flask>=2'])\n", "requirements.txt=x\n"],
            "python flask",
        ),
        (&["pyproject.toml=[project]\n", "requirements.txt=# django\nflask==3\n"], "python flask"),
        (&["Gemfile=source 'https://rubygems.org'\ngem 'rails', '~> 7'\n"], "ruby rails"),
        (&["Gemfile=# gem 'rails'\ngem 'sinatra'\n"], "ruby -"),
        (&["mix.exs=  defp deps do\n    [{:phoenix, \"~> 1.7\"},\n"], "elixir phoenix"),
        (&["mix.exs=    [{:phoenix_html, \"~> 4\"}]\n"], "elixir -"),
        (&["pom.xml=<parent><groupId>org.springframework.boot</groupId></parent>"], "java spring"),
        (
            &["build.gradle.kts=plugins { id(\"org.springframework.boot\") version \"3\" }"],
            "java spring",
        ),
        (&["Cargo.toml=", "package.json={}"], "javascript -"),
        (&["deep/go.mod=module x\n"], "unknown -"),
    ] {
        assert_eq!(made_of(&yard, files), expected, "{files:?}");
    }
}

#[test]
fn manifests_that_are_links_or_of_no_sane_size_are_passed_by() {
    let yard = Yard::new();
    let repo = yard.place.repo("r");
    yard.place.write("outside.json", r#"{"dependencies":{"react":"19"}}"#);
    symlink("../outside.json", repo.path().join("package.json")).unwrap();
    assert_eq!(made_of(&yard, &["Cargo.toml=[dependencies]\nrocket = \"1\"\n"]), "rust rocket");
    let padding = " ".repeat(300 * 1024);
    let huge = format!(r#"package.json={{"dependencies":{{"react":"19"}}}}{padding}"#);
    fs::remove_file(repo.path().join("package.json")).unwrap_or_default();
    assert_eq!(made_of(&yard, &[&huge]), "javascript -");
}

#[test]
fn the_base_commit_is_read_and_not_the_checkout_and_a_sub_directory_speaks_first() {
    let yard = Yard::new();
    let project = yard.cloned("web");
    let seed = yard.at("seed-web");
    seed.write("Cargo.toml", "[dependencies]\naxum = \"1\"\n");
    seed.write("ui/package.json", "{}");
    seed.write("ui/AGENTS.md", "ui");
    seed.write("AGENTS.md", "all");
    seed.write("docs/README.md", "docs");
    seed.commit("all of it");
    seed.git(&["push", "--quiet", "../web.git", "main"]);
    yard.at("web").git(&["fetch", "--quiet"]);
    yard.at("web").write("go.mod", "module mine\n");
    let scout = |project: &Project| scout(&yard.git(), project, &yard.config()).unwrap();
    let found = scout(&project);
    let path = yard.at("web").path().to_owned();
    let expected = Pointer {
        name: "web".to_owned(),
        path: path.clone(),
        main_dir: path.clone(),
        base: BaseOf { branch: "origin/main".to_owned(), oid: seed.head() },
        sub_dir: String::new(),
        language: "rust".to_owned(),
        framework: Some("axum".to_owned()),
        agents_md: Some("AGENTS.md".to_owned()),
        docs: vec!["docs/README.md".to_owned()],
    };
    assert_eq!(found, expected);
    let ui = scout(&Project { sub_dir: "ui".to_owned(), ..project.clone() });
    assert_eq!((ui.language.as_str(), ui.framework), ("javascript", None));
    assert_eq!(ui.agents_md.as_deref(), Some("ui/AGENTS.md"));
    // Seen from a linked worktree the main one is still the main one.
    yard.at("web").git(&["worktree", "add", "--quiet", "-b", "aside", "../aside"]);
    let aside = Project { path: yard.at("aside").path().to_str().unwrap().to_owned(), ..project };
    assert_eq!(scout(&aside).main_dir, path);
}

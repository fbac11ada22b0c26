//! A person's own templates.

use std::path::PathBuf;

use super::*;

/// Settings with these files below `prompts/`.
fn settings(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        let file = dir.path().join("prompts").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        write(&file, text);
    }
    dir
}

/// What is said of the settings, their folder left out.
fn refused(dir: &TempDir, project: Option<&str>) -> (&'static str, String) {
    let err = Overrides::read(dir.path(), project).unwrap_err();
    (err.slug(), err.to_string().replace(&dir.path().display().to_string(), "~"))
}

fn said(files: &[(&str, &str)]) -> String {
    let (slug, text) = refused(&settings(files), None);
    assert_eq!(slug, "prompt-unfit", "{text}");
    text
}

#[test]
fn a_persons_own_template_is_used_in_place_of_the_built_in_one_and_a_projects_in_place_of_both() {
    let dir = settings(&[
        ("go-on.md", "You are back.\n"),
        ("repair.md", "You mend {{ branch | code }}.\n"),
        ("api/go-on.md", "You are back in the API.\n"),
        ("web/planning.md", "{{ broken"),
    ]);
    let file = |name: &str| -> PathBuf { dir.path().join("prompts").join(name) };
    let own = Overrides::read(dir.path(), None).unwrap();
    assert_eq!(example(Template::GoOn, &own).unwrap(), "You are back.\n");
    assert_eq!(
        example(Template::Repair, &own).unwrap(),
        "You mend `skep/search-results-in-pages`.\n"
    );
    assert_eq!(*own.origin(Template::GoOn), Origin::Person(file("go-on.md")));
    assert_eq!(*own.origin(Template::Planning), Origin::BuiltIn);
    let api = Overrides::read(dir.path(), Some("api")).unwrap();
    assert_eq!(example(Template::GoOn, &api).unwrap(), "You are back in the API.\n");
    assert_eq!(*api.origin(Template::GoOn), Origin::Project(file("api/go-on.md")));
    assert_eq!(*api.origin(Template::Repair), Origin::Person(file("repair.md")));
    // Another project's are nobody else's trouble.
    assert_eq!(refused(&dir, Some("web")).0, "prompt-unfit");
}

#[test]
fn a_piece_of_ones_own_stands_in_every_prompt_that_it_is_a_piece_of() {
    let dir = settings(&[("commit-style.md", "Commit as {{ strategy }} people do.")]);
    let own = Overrides::read(dir.path(), None).unwrap();
    let committing = [
        Template::Implementation,
        Template::FollowUpPart,
        Template::Commit,
        Template::Rework,
        Template::Resolve,
    ];
    for template in committing {
        let text = example(template, &own).unwrap();
        assert!(text.ends_with("\nCommit as semi-regular people do.\n"), "{text}");
    }
}

#[test]
fn nothing_where_nothing_is_and_what_editors_leave_is_left_alone() {
    let none = TempDir::new().unwrap();
    assert!(Overrides::read(none.path(), Some("api")).is_ok());
    let dir =
        settings(&[(".planning.md.swp", "x"), ("planning.md~", "{{ x"), (".git/config", "x")]);
    let own = Overrides::read(dir.path(), Some("api")).unwrap();
    assert!(Template::ALL.iter().all(|template| *own.origin(*template) == Origin::BuiltIn));
}

#[test]
fn a_file_that_is_the_template_of_nothing_is_refused_and_the_nearest_named() {
    let of = |name| refused(&settings(&[(name, "x")]), Some("api"));
    assert_eq!(
        of("planing.md"),
        (
            "prompt-unknown",
            "~/prompts/planing.md: no prompt is called `planing` (did you mean `planning`?)"
                .to_owned()
        )
    );
    assert_eq!(of("notes.txt").1, "~/prompts/notes.txt: no prompt is called `notes.txt`");
    assert_eq!(of("planning.txt").1, "~/prompts/planning.txt: no prompt is called `planning.txt`");
    assert_eq!(
        of("api/go_on.md").1,
        "~/prompts/api/go_on.md: no prompt is called `go_on` (did you mean `go-on`?)"
    );
    assert_eq!(
        of("api/planning.md/x").1,
        "~/prompts/api/planning.md: no prompt is called `planning` (did you mean `planning`?)"
    );
}

#[test]
fn a_template_that_does_not_compile_is_refused_with_its_file_and_line() {
    insta::assert_snapshot!(said(&[("repair.md", "You mend.\n{{ branch\n")]));
    insta::assert_snapshot!(said(&[("repair.md", "You mend.\n\n{% if branch %}\nx\n")]));
    insta::assert_snapshot!(said(&[("repair.md", "{% include 'planning' %}")]));
    insta::assert_snapshot!(said(&[("repair.md", "a\n{{ branch | cod }}")]));
}

#[test]
fn a_name_that_means_nothing_is_refused_with_its_line_and_those_that_do() {
    // Whether or not that place is ever reached.
    insta::assert_snapshot!(said(&[("repair.md", "a\n{% if false %}\n{{ brunch }}{% endif %}\n")]));
    insta::assert_snapshot!(said(&[("planning.md", "{{ task }}\n{{ draft.pth }}\n")]));
    insta::assert_snapshot!(said(&[(
        "planning.md",
        "{{ task }}\n{% for project in projects %}\n{{ project.nmae }}\n{% endfor %}\n"
    )]));
    insta::assert_snapshot!(said(&[("go-on.md", "{{ task }}")]));
}

#[test]
fn what_may_be_absent_is_not_printed_as_if_it_were_there() {
    insta::assert_snapshot!(said(&[("planning.md", "{{ task }}\n{{ reference }}\n")]));
    let dir =
        settings(&[("planning.md", "{{ task }}{% if reference %}{{ reference }}{% endif %}")]);
    assert!(Overrides::read(dir.path(), None).is_ok());
}

#[test]
fn a_template_that_cannot_be_read_is_refused() {
    let dir = settings(&[("repair.md", "x")]);
    write(&dir.path().join("prompts/repair.md"), b"\xff\xfe");
    assert_eq!(refused(&dir, None).0, "prompt-unreadable");
    let long = settings(&[("repair.md", &"x".repeat(300 << 10))]);
    assert_eq!(
        refused(&long, None).1,
        "read `~/prompts/repair.md`: it is longer than 262144 bytes"
    );
    let blank = settings(&[("repair.md", " \n")]);
    assert_eq!(refused(&blank, None).0, "prompt-unfit");
    assert_eq!(refused(&TempDir::new().unwrap(), Some("../x")).0, "project-name");
}

#[test]
fn the_projects_that_have_their_own_are_listed_and_a_folder_of_no_project_is_an_error() {
    let dir = settings(&[
        ("web/go-on.md", "x"),
        ("api/go-on.md", "x"),
        (".git/x", "x"),
        ("go-on.md", "x"),
    ]);
    assert_eq!(Overrides::projects(dir.path()).unwrap(), ["api", "web"]);
    let odd = settings(&[("the web/go-on.md", "x")]);
    assert_eq!(Overrides::projects(odd.path()).unwrap_err().slug(), "project-name");
    assert_eq!(Overrides::projects(TempDir::new().unwrap().path()).unwrap(), [""; 0]);
}

#[test]
fn a_template_cannot_read_files_or_other_templates() {
    for text in ["{% include '/etc/passwd' %}", "{% import 'x' as x %}", "{% extends 'planning' %}"]
    {
        assert!(said(&[("go-on.md", text)]).starts_with("~/prompts/go-on.md:1: "));
    }
}

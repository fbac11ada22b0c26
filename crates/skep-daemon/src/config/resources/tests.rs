//! What `[[resource]]` may say, and which of two files holds.

use std::{fs, path::Path};

use super::{super::*, *};

fn read(text: &str) -> Result<Vec<Resource>, ConfigError> {
    project(Path::new("/nowhere"), "web", Some(text)).map(|settings| settings.resource)
}

/// What one with these lines, called `it` and in `IT`, is refused with.
#[track_caller]
fn refused(lines: &str) -> String {
    let text = format!("[[resource]]\nname = \"it\"\nenv = \"IT\"\n{lines}\n");
    let error = read(&text).expect_err(&text);
    let ConfigError::Wrong { key, allowed, .. } = error else { panic!("{error}") };
    format!("{key}: {allowed}")
}

#[test]
fn what_is_left_out_is_a_port_of_the_machine_for_each_run_that_works() {
    let all = read(
        "[[resource]]\nname = \"port\"\nenv = \"PORT\"\nrange = \"3000-3099\"\n\
         [[resource]]\nname = \"gpu\"\nenv = \"GPU\"\nslots = 4\ncount = 2\nscope = \"project\"\nkinds = [\"review\"]\n\
         [[resource]]\nname = \"display\"\nenv = \"DISPLAY_NUMBER\"\nrange = \"90-99\"\ncheck = false\n",
    )
    .unwrap();
    let need = all[0].need(Some("web"));
    assert_eq!((need.pool, need.count), (Pool::Range { first: 3000, last: 3099 }, 1));
    assert_eq!((need.project, need.ports), (None, true));
    assert_eq!(all[0].kinds, ["code", "manual", "gate"]);
    let need = all[1].need(Some("web"));
    assert_eq!((need.pool, need.count), (Pool::Slots(4), 2));
    assert_eq!((need.project.as_deref(), need.ports), (Some("web"), false));
    assert!(!all[2].need(None).ports, "a number that is no port");
}

#[test]
fn of_two_of_one_name_the_persons_own_holds_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("projects")).unwrap();
    let own = "[[resource]]\nname = \"db\"\nenv = \"DATABASE_URL\"\nvalues = [\"postgres://localhost/a\"]\n";
    paths::write_atomically(&dir.path().join("projects/web.toml"), own.as_bytes()).unwrap();
    let shared = "[[resource]]\nname = \"db\"\nenv = \"DB\"\nslots = 3\n\
                  [[resource]]\nname = \"port\"\nenv = \"PORT\"\nrange = \"3000-3001\"\n";
    let all = project(dir.path(), "web", Some(shared)).unwrap().resource;
    let told: Vec<(&str, &str, Pool)> =
        all.iter().map(|one| (one.name.as_str(), one.env.as_str(), one.pool())).collect();
    let own = Pool::Values(vec!["postgres://localhost/a".to_owned()]);
    let port = Pool::Range { first: 3000, last: 3001 };
    assert_eq!(told, [("db", "DATABASE_URL", own), ("port", "PORT", port)]);
}

#[test]
fn a_repository_says_how_many_and_not_what_stands_in_an_environment() {
    let text = "[[resource]]\nname = \"a\"\nenv = \"A\"\nslots = 1\n[[resource]]\nname = \"b\"\nenv = \"B\"\nvalues = [\"x\"]\n";
    let error = read(text).unwrap_err();
    assert_eq!(error.slug(), "config-not-shared");
    assert!(error.to_string().starts_with(".skep/project.toml:8: `resource[1].values`"), "{error}");
}

#[test]
fn what_a_resource_may_not_be_is_told_by_what_it_may_be() {
    let range = "resource[0].range: a range of at most 10000 numbers such as \"3000-3099\"";
    for wrong in ["3000", "3099-3000", "0-9", "1-10001", "a-b", "+1-2", "-", "1-99999999999"] {
        assert_eq!(refused(&format!("range = \"{wrong}\"")), range, "{wrong}");
    }
    let values = "resource[0].values: a list of values, each once, none of them empty";
    for wrong in ["[]", "[\"a\", \"a\"]", "[\" \"]", "[\"a\\nb\"]"] {
        let text = format!("[[resource]]\nname = \"it\"\nenv = \"IT\"\nvalues = {wrong}\n");
        let error = project_own(&text).expect_err(wrong).to_string();
        assert!(
            error
                .contains(&values.replace("resource[0].values: ", "`resource[0].values` must be ")),
            "{error}"
        );
    }
    assert_eq!(refused("slots = 0"), "resource[0].slots: a whole number from 1 to 10000");
    assert!(
        refused("slots = 1\nkinds = [\"coder\"]")
            .starts_with("resource[0].kinds: a list of kinds of runs: code,")
    );
    assert!(refused("slots = 1\nscope = \"all\"").contains("`machine` or `project`"));
    let whole = "resource: a list of resources: each with a `name` and an `env` of its own and one of \
                 `range`, `values` and `slots`, of which there are at least `count`; ports in one of them only";
    let more = |name: &str, env: &str, rest: &str| {
        format!("slots = 1\n[[resource]]\nname = \"{name}\"\nenv = \"{env}\"\n{rest}")
    };
    for wrong in [
        "",
        "slots = 1\nrange = \"1-2\"",
        "slots = 1\ncount = 2",
        "slots = 1\ncheck = true",
        "range = \"65000-70000\"",
        &more("it", "ELSE", "slots = 1"),
        &more("else", "IT", "slots = 1"),
        "slots = 2\ncount = 2\n[[resource]]\nname = \"b\"\nenv = \"IT_2\"\nslots = 1",
        "range = \"1-5\"\n[[resource]]\nname = \"b\"\nenv = \"B\"\nrange = \"5-9\"",
    ] {
        assert_eq!(refused(wrong), whole, "{wrong}");
    }
    assert!(
        refused("slots = 1\n[[resource]]\nname = \"b\"\nenv = \"A=B\"\nslots = 1")
            .starts_with("resource[1].env: the name")
    );
    let unknown = read("[[resource]]\nname = \"it\"\nenv = \"IT\"\nslot = 1\n").unwrap_err();
    assert!(unknown.to_string().contains("did you mean `resource.slots`?"), "{unknown}");
}

/// The same of a person's own file.
fn project_own(text: &str) -> Result<ProjectSettings, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("projects")).unwrap();
    paths::write_atomically(&dir.path().join("projects/web.toml"), text.as_bytes()).unwrap();
    project(dir.path(), "web", None)
}

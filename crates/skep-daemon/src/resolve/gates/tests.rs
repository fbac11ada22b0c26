//! Which gates hold and what becomes of them, asked of real repositories.

use serde_json::json;
use skep_core::{run::Fence, time::Timestamp};
use skep_testkit::{Place as Yard, Repo};

use super::*;

const SETTINGS: &str = "[[gate]]
name = \"test\"
run = \"scripts/test --all\"
timeout = \"90s\"
[[gate]]
name = \"web\"
run = \"cd web && ./lint\"
paths = [\"web/**\", \"*.md\"]
env = [\"CI\"]
";

/// A project whose target has two gates, with the folder of a person's settings.
struct World {
    yard: Yard,
    home: Home,
    project: Project,
}

impl World {
    fn new() -> World {
        let yard = Yard::new();
        let repo = yard.repo("web");
        repo.write(".skep/project.toml", SETTINGS);
        repo.write("scripts/test", "#!/bin/sh\nmake test\n");
        repo.write("web/lint", "#!/bin/sh\neslint .\n");
        repo.commit("gates");
        let home = Home::new(&yard.root().join("home"), 1000);
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let project = Project {
            name: "web".to_owned(),
            path: path(repo.path()),
            common_dir: path(&repo.path().join(".git")),
            sub_dir: String::new(),
            base: None,
            added: Timestamp(0),
            approved: None,
            gates_approved: None,
        };
        std::fs::create_dir_all(yard.root().join("config/projects")).unwrap();
        World { yard, home, project }
    }

    fn repo(&self) -> Repo<'_> {
        self.yard.at("web")
    }

    fn config(&self) -> std::path::PathBuf {
        self.yard.root().join("config")
    }

    fn vars(&self) -> BTreeMap<String, String> {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        self.yard.env().into_iter().filter_map(|(n, v)| Some((text(n)?, text(v)?))).collect()
    }

    fn tools(&self) -> (Git, Repository) {
        hands::repository(&self.vars(), self.repo().path()).unwrap()
    }

    fn try_at(&self, onto: &str) -> Result<Gates, Refusal> {
        let (git, repo) = self.tools();
        Gates::of(&self.project, onto, (&git, &repo), &self.config())
    }

    fn at(&self, onto: &str) -> Gates {
        self.try_at(onto).unwrap()
    }

    /// A person says yes to the gates as they stand at `onto`.
    fn approve(&mut self, onto: &str) {
        let approval = self.at(onto).approval(true, &self.home).unwrap().unwrap();
        scripts::keep(&self.home, &approval.digest, &approval.text).unwrap();
        self.project.gates_approved = Some(approval.digest);
    }

    fn work(&self) -> Run {
        let brief = json!({
            "id": "run_7k2m9qx4ab", "name": "amber", "kind": "code", "title": "Pages", "by": "person",
            "agent": "scripted", "speaks": true, "surface": "headless", "permissions": "auto",
            "policy": Policy::default(), "trust": "outside",
            "place": {
                "env_type": "worktree", "envs": "/env", "key": "k", "sub_dir": "", "branches": [],
                "exact_branch": false, "copy": [], "link": [], "discard": [], "fetch_ms": 0, "sign": false,
            },
        });
        Run::new(serde_json::from_value(brief).unwrap(), 1, Timestamp(0))
    }

    fn asked(&self, onto: &str, commit: &str) -> Result<Vec<Asked>, Refusal> {
        let (git, repo) = self.tools();
        let mut env = self.vars();
        env.insert("CI".to_owned(), "1".to_owned());
        env.insert("DEPLOY_TOKEN".to_owned(), "s3cret-s3cret".to_owned());
        let op = OpId::new([3; 10]);
        let tree = self.repo().oid(&format!("{commit}^{{tree}}"));
        let checking =
            Checking { of: &self.work(), op: &op, tree: &tree, commit, env: &env, key: "op/1" };
        self.at(onto).briefs(&checking, (&git, &repo), &self.home)
    }

    fn names(&self, onto: &str, commit: &str) -> Vec<String> {
        let briefs = self.asked(onto, commit).unwrap();
        briefs.into_iter().map(|asked| asked.brief.gate.unwrap().name).collect()
    }
}

/// Work on a branch: `path` is changed; the commit it ends with.
fn work_on(repo: &Repo<'_>, path: &str, text: &str) -> String {
    repo.git(&["checkout", "--quiet", "-B", "work", "main"]);
    let oid = repo.commit_file(path, text);
    repo.git(&["checkout", "--quiet", "main"]);
    oid
}

#[test]
fn gates_are_those_of_the_targets_commit_and_work_that_changes_them_changes_nothing() {
    let mut world = World::new();
    let main = world.repo().head();
    world.approve(&main);
    let easy = "[[gate]]\nname = \"test\"\nrun = \"true\"\n";
    let work = work_on(&world.repo(), ".skep/project.toml", easy);
    // Nor does what stands in a checkout.
    world.repo().write(".skep/project.toml", easy);
    world.repo().write("scripts/test", "true\n");
    let asked = world.asked(&main, &work).unwrap();
    let gates: Vec<&Gate> = asked.iter().filter_map(|asked| asked.brief.gate.as_ref()).collect();
    assert_eq!(gates.len(), 1, "no file of the other one's is changed");
    assert_eq!((gates[0].name.as_str(), gates[0].run.as_str()), ("test", "scripts/test --all"));
    // Once it stands at the target it is another one, which nobody approved.
    let refusal = world.asked(&work, &work).unwrap_err();
    assert_eq!((refusal.slug.as_str(), refusal.exit), ("scripts-changed", 1));
}

#[test]
fn the_persons_own_gates_win_over_the_repositorys() {
    let world = World::new();
    let own = "[[gate]]\nname = \"mine\"\nrun = \"just check\"\n";
    skep_host::paths::write_atomically(&world.config().join("projects/web.toml"), own.as_bytes())
        .unwrap();
    let gates = world.at(&world.repo().head());
    let names: Vec<&str> = gates.list.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(names, ["mine"]);
    assert!(!gates.are_approved());
}

#[test]
fn nothing_runs_before_a_person_said_yes_to_exactly_this() {
    let mut world = World::new();
    let main = world.repo().head();
    let refusal = world.asked(&main, &main).unwrap_err();
    assert_eq!((refusal.slug.as_str(), refusal.exit), ("scripts-unapproved", 1));
    let test = world.repo().oid("main:scripts/test");
    let lint = world.repo().oid("main:web/lint");
    let shown = format!(
        "`web` wants to run its own gates, and nobody approved them:
gate test:
    scripts/test --all
gate web (with CI):
    cd web && ./lint
scripts/test ({test}):
    #!/bin/sh
    make test
web/lint ({lint}):
    #!/bin/sh
    eslint ."
    );
    assert_eq!(refusal.message, shown);
    world.approve(&main);
    assert_eq!(world.names(&main, &work_on(&world.repo(), "docs/x.md", "1")), ["test"]);
}

#[test]
fn a_changed_file_that_a_command_names_needs_another_yes_and_any_other_none() {
    let mut world = World::new();
    world.approve(&world.repo().head());
    let other = world.repo().commit_file("src/main", "1");
    assert!(world.at(&other).are_approved(), "its tests may change with the code");
    let changed = world.repo().commit_file("web/lint", "#!/bin/sh\nexit 0\n");
    let refusal = world.at(&changed).approval(false, &world.home).unwrap_err();
    assert_eq!(refusal.slug, "scripts-changed");
    assert!(refusal.message.contains("-    eslint .\n+    exit 0"), "{}", refusal.message);
    assert!(refusal.hints.iter().any(|hint| hint.contains("--yes")), "{:?}", refusal.hints);
    let yes = world.at(&changed).approval(true, &world.home).unwrap().unwrap();
    world.project.gates_approved = Some(yes.digest);
    assert!(world.at(&changed).are_approved());
    assert!(!world.at(&other).are_approved(), "the old ones are not those any more");
}

#[test]
fn a_gate_runs_only_where_the_change_concerns_it() {
    let mut world = World::new();
    let main = world.repo().head();
    world.approve(&main);
    for (path, names) in [
        ("src/a", &["test"][..]),
        ("web/deep/b", &["test", "web"]),
        ("README.md", &["test", "web"]),
        ("docs/README.md", &["test"]),
        ("web2/c", &["test"]),
    ] {
        let work = work_on(&world.repo(), path, "1");
        assert_eq!(world.names(&main, &work), names, "{path}");
    }
    // Taken away is changed.
    world.repo().git(&["checkout", "--quiet", "-B", "work", "main"]);
    world.repo().git(&["rm", "--quiet", "web/lint"]);
    let work = world.repo().commit("gone");
    assert_eq!(world.names(&main, &work), ["test", "web"]);
}

#[test]
fn a_gate_run_has_what_its_author_may_and_no_secret_that_it_does_not_name() {
    let mut world = World::new();
    let main = world.repo().head();
    world.approve(&main);
    let work = work_on(&world.repo(), "web/a", "1");
    let asked = world.asked(&main, &work).unwrap();
    let [test, web] = asked.as_slice() else { panic!("{asked:?}") };
    let brief = &test.brief;
    let of = world.work();
    let gate = brief.gate.as_ref().unwrap();
    assert_eq!((&gate.of, gate.commit.as_str()), (of.id(), work.as_str()));
    assert_eq!(gate.tree, world.repo().oid(&format!("{work}^{{tree}}")));
    assert_eq!((brief.kind, brief.place.detached.as_deref()), (Kind::Gate, Some(work.as_str())));
    assert_eq!(
        (brief.task.as_ref(), brief.trust, brief.title.as_str()),
        (None, of.brief.trust, "Pages")
    );
    assert_eq!(brief.policy.turn_ms, 90_000);
    assert!(brief.name.starts_with("test-") && !matches!(brief.policy.fence, Fence::Off));
    assert!(!test.env.contains_key("CI") && test.env.contains_key("PATH"));
    assert_eq!(web.env.get("CI").map(String::as_str), Some("1"));
    let told = serde_json::to_string(&[&test.brief, &web.brief]).unwrap();
    assert!(!told.contains("s3cret"), "{told}");
    assert!(
        asked
            .iter()
            .all(|asked| !asked.env.contains_key("DEPLOY_TOKEN") && asked.secrets.is_empty())
    );
    // The same wish is the same runs.
    let again = world.asked(&main, &work).unwrap();
    assert_eq!(again[0].brief, test.brief);
    assert_ne!(test.brief.id, web.brief.id);
}

#[test]
fn the_set_up_of_a_gate_is_approved_with_it() {
    let mut world = World::new();
    world.approve(&world.repo().head());
    let main = world.repo().commit_file(".worktree-setup", "#!/bin/sh\nnpm ci\n");
    let refusal = world.asked(&main, &main).unwrap_err();
    assert_eq!(refusal.slug, "scripts-changed");
    assert!(refusal.message.contains("npm ci"), "{}", refusal.message);
    world.approve(&main);
    let work = work_on(&world.repo(), "src/a", "1");
    let asked = world.asked(&main, &work).unwrap();
    let set_up = asked[0].brief.place.set_up.as_ref().unwrap();
    assert_eq!(set_up.digest, hands::digest(b"#!/bin/sh\nnpm ci\n"));
}

#[test]
fn where_there_are_no_gates_nothing_needs_a_yes() {
    let world = World::new();
    world.repo().git(&["rm", "--quiet", ".skep/project.toml"]);
    let none = world.repo().commit("none");
    let gates = world.at(&none);
    assert!(gates.list.is_empty() && gates.are_approved() && gates.view(&world.home).is_none());
    assert_eq!(world.names(&none, &none), Vec::<String>::new());
    // What cannot be read is no "none".
    let broken = world.repo().commit_file(".skep/project.toml", "[[gate]]\nname = \"test\"\n");
    assert_eq!(world.try_at(&broken).unwrap_err().slug, "config-value");
}

#[test]
fn words_that_lead_out_of_the_repository_name_nothing() {
    for word in ["/etc/passwd", "../x", "a/../../x", ".", "a/.."] {
        assert_eq!(below("", word), None, "{word}");
    }
    assert_eq!(below("web", "./lint").as_deref(), Some("web/lint"));
    assert_eq!(below("web", "../scripts/x").as_deref(), Some("scripts/x"));
    let found: Vec<&str> =
        words("CI=1 sh -c 'scripts/a;scripts/b' \"$(cat x)\" --flag=y >z").collect();
    assert_eq!(found, ["CI", "1", "sh", "scripts/a", "scripts/b", "cat", "x", "y", "z"]);
}

mod killed;
mod pure;

use std::os::unix::fs::symlink;

use skep_testkit::{Place, Repo};

use super::*;

/// An env with a linked worktree, as a run has one.
struct Yard {
    place: Place,
}

impl Yard {
    fn new() -> Yard {
        let place = Place::new();
        let main = place.repo("main");
        main.write(".gitignore", "*.local\nNOTES.md\n");
        main.commit("ignore");
        place.write("env/lock", "");
        main.git(&["worktree", "add", "--quiet", "-b", "work", "../env/web-ada"]);
        Yard { place }
    }

    fn git(&self) -> Git {
        Git::new(self.place.env())
    }

    fn root(&self) -> PathBuf {
        self.place.root().join("env")
    }

    fn tree(&self) -> Repo<'_> {
        self.place.at("env/web-ada")
    }

    fn lay(&self, handout: &Handout) -> Result<(), HandoutError> {
        lay(&self.git(), &self.root(), self.tree().path(), handout)
    }

    #[track_caller]
    fn back(&self) {
        assert!(take_back_if_free(&self.git(), &self.root()).unwrap());
        assert!(!self.root().join(STORE).exists(), "nothing is remembered of it");
    }

    fn takes(&self, name: &str) -> bool {
        takes(&self.git(), self.tree().path(), name).unwrap()
    }

    /// What git shows in the worktree to the agent, who was told the list.
    fn status_of_agent(&self) -> String {
        let list = format!("core.excludesFile={}", exclude_file(&self.root()).display());
        self.tree().git(&["-c", &list, "status", "--porcelain", "--untracked-files=all"])
    }

    fn facts_dirty(&self) -> bool {
        let git = unseen(&self.git(), &self.root());
        let head = self.tree().head();
        crate::git::facts(&git, self.tree().path(), &head, None).unwrap().dirty
    }

    fn stands(&self, path: &str) -> bool {
        self.tree().path().join(path).symlink_metadata().is_ok()
    }
}

fn letter(name: &str) -> Handout {
    Handout {
        letter: Some((name.to_owned(), "# Brief\n\nBe good.\n".to_owned())),
        ..Handout::default()
    }
}

fn file(path: &str, text: &str) -> SkillFile {
    SkillFile { path: path.into(), bytes: text.into(), executable: false }
}

fn skill(name: &str, more: &[(&str, &str)]) -> Skill {
    let first = file("SKILL.md", &format!("---\nname: {name}\ndescription: d\n---\nDo {name}.\n"));
    let more = more.iter().map(|(path, text)| file(path, text));
    Skill { name: name.to_owned(), files: [first].into_iter().chain(more).collect() }
}

fn skills(skills: Vec<Skill>) -> Handout {
    Handout { letter: None, skills_in: ".claude/skills".to_owned(), skills }
}

#[test]
fn what_is_lent_is_in_no_status_and_in_no_commit_and_the_users_own_list_still_holds() {
    let yard = Yard::new();
    let own = "*.swp\n# mine\n\\#odd";
    yard.place.write("home/.config/git/ignore", own);
    yard.lay(&Handout {
        letter: letter("AGENTS.md").letter,
        ..skills(vec![skill("lint", &[("scripts/run", "#!/bin/sh\n")])])
    })
    .unwrap();
    yard.tree().write("a.swp", "x");
    yard.tree().write("#odd", "x");
    assert!(yard.stands("AGENTS.md") && yard.stands(".claude/skills/lint/scripts/run"));
    assert_eq!(yard.status_of_agent(), "");
    assert!(!yard.facts_dirty());
    // A file of the same name elsewhere is the agent's own.
    yard.tree().write("docs/AGENTS.md", "own");
    yard.tree().write(".claude/skills/own/SKILL.md", "own");
    let list = format!("core.excludesFile={}", exclude_file(&yard.root()).display());
    yard.tree().git(&["-c", &list, "add", "-A"]);
    yard.tree().git(&["commit", "--quiet", "-m", "all"]);
    let committed = yard.tree().git(&["ls-tree", "-r", "--name-only", "HEAD"]);
    assert!(committed.contains("docs/AGENTS.md") && committed.contains("skills/own/SKILL.md"));
    assert!(!committed.contains("lint") && !committed.lines().any(|line| line == "AGENTS.md"));
    yard.back();
    assert!(!yard.stands("AGENTS.md") && !yard.stands(".claude/skills/lint"));
    assert_eq!(yard.tree().git(&["status", "--porcelain"]), "", "nothing is left to be seen");
    let list = yard.place.root().join("home/.config/git/ignore");
    assert_eq!(fs::read_to_string(list).unwrap(), own);
}

#[test]
fn a_tracked_file_is_never_lent_over_and_neither_is_work_that_git_would_show() {
    let yard = Yard::new();
    let main = yard.place.at("main");
    assert!(yard.takes("CLAUDE.md"));
    yard.tree().write("CLAUDE.md", "not committed yet");
    assert!(!yard.takes("CLAUDE.md"), "it is somebody's work");
    yard.tree().git(&["add", "CLAUDE.md"]);
    assert!(!yard.takes("CLAUDE.md"));
    yard.tree().write("NOTES.md", "ignored");
    assert!(yard.takes("NOTES.md"));
    symlink(main.path().join("README.md"), yard.tree().path().join("AGENTS.md")).unwrap();
    assert!(!yard.takes("AGENTS.md"), "a link leads elsewhere");
    for name in ["../x", "/etc/x", ".git/x"] {
        assert!(!yard.takes(name), "{name}");
    }
}

#[test]
fn a_file_that_stood_gets_one_block_and_is_the_same_again_afterwards() {
    for before in ["", "mine", "mine\n", "mine\n\n", "a\n<!-- BEGIN SKEP (old)\nrest of it\n"] {
        let yard = Yard::new();
        yard.tree().write("NOTES.md", before);
        for _ in 0..2 {
            yard.lay(&letter("NOTES.md")).unwrap();
            let text = fs::read(yard.tree().path().join("NOTES.md")).unwrap();
            assert_eq!(block::count(&text), 1, "{before:?}");
        }
        yard.back();
        assert_eq!(yard.tree().read("NOTES.md"), before);
        yard.back();
        assert_eq!(yard.tree().read("NOTES.md"), before);
    }
}

#[test]
fn what_the_agent_wrote_into_it_stays_and_only_our_block_goes() {
    let yard = Yard::new();
    yard.tree().write("NOTES.md", "mine\n");
    for (name, rest) in [("AGENTS.md", "learned this\n"), ("NOTES.md", "mine\nlearned this\n")] {
        yard.lay(&letter(name)).unwrap();
        let text = yard.tree().read(name) + "learned this\n";
        yard.tree().write(name, &text);
        yard.back();
        assert_eq!(yard.tree().read(name), rest);
    }
    assert_eq!(yard.tree().git(&["status", "--porcelain"]), "?? AGENTS.md", "it is work now");

    yard.lay(&skills(vec![skill("lint", &[("a.txt", "a"), ("b.txt", "b")])])).unwrap();
    yard.tree().write(".claude/skills/lint/a.txt", "better");
    yard.tree().write(".claude/skills/lint/new.txt", "new");
    fs::remove_file(yard.tree().path().join(".claude/skills/lint/b.txt")).unwrap();
    yard.back();
    assert_eq!(yard.tree().read(".claude/skills/lint/a.txt"), "better");
    assert_eq!(yard.tree().read(".claude/skills/lint/new.txt"), "new");
    assert!(!yard.stands(".claude/skills/lint/SKILL.md"));
}

#[test]
fn a_file_that_the_agent_took_away_or_added_by_force_or_made_a_link_is_left_so() {
    let yard = Yard::new();
    let outside = yard.place.root().join("outside");
    yard.place.write("outside", "theirs");
    yard.lay(&letter("AGENTS.md")).unwrap();
    fs::remove_file(yard.tree().path().join("AGENTS.md")).unwrap();
    symlink(&outside, yard.tree().path().join("AGENTS.md")).unwrap();
    yard.back();
    assert_eq!(fs::read_to_string(&outside).unwrap(), "theirs");
    assert!(yard.stands("AGENTS.md"));
    fs::remove_file(yard.tree().path().join("AGENTS.md")).unwrap();

    yard.lay(&letter("AGENTS.md")).unwrap();
    yard.tree().git(&["add", "--force", "AGENTS.md"]);
    yard.back();
    assert!(yard.stands("AGENTS.md"));
    assert_eq!(yard.tree().git(&["status", "--porcelain"]), "A  AGENTS.md");
}

#[test]
fn skills_of_like_names_get_folders_of_their_own_and_a_tracked_one_stays() {
    let yard = Yard::new();
    yard.tree().commit_file(".claude/skills/a-b/SKILL.md", "the project's");
    yard.lay(&skills(vec![skill("A B", &[]), skill("a-b", &[])])).unwrap();
    let read = |name: &str| yard.tree().read(format!(".claude/skills/{name}/SKILL.md"));
    assert_eq!(read("a-b"), "the project's");
    assert_eq!(read("a-b-skep"), "---\nname: a-b-skep\ndescription: d\n---\nDo A B.\n");
    assert_eq!(read("a-b-skep-2"), "---\nname: a-b-skep-2\ndescription: d\n---\nDo a-b.\n");
    assert_eq!(yard.status_of_agent(), "");
    yard.back();
    assert_eq!(read("a-b"), "the project's");
    assert!(!yard.stands(".claude/skills/a-b-skep") && !yard.stands(".claude/skills/a-b-skep-2"));
    assert_eq!(yard.tree().git(&["status", "--porcelain"]), "");
}

#[test]
fn a_tracked_skill_that_was_deleted_from_the_folder_keeps_its_name() {
    let yard = Yard::new();
    yard.tree().commit_file(".claude/skills/lint/SKILL.md", "the project's");
    fs::remove_dir_all(yard.tree().path().join(".claude")).unwrap();
    yard.lay(&skills(vec![skill("lint", &[])])).unwrap();
    assert!(
        yard.stands(".claude/skills/lint-skep/SKILL.md") && !yard.stands(".claude/skills/lint")
    );
}

#[test]
fn supporting_files_lead_out_neither_by_dots_nor_absolutely_nor_through_links() {
    let yard = Yard::new();
    let outside = yard.place.root().join("outside");
    fs::create_dir(&outside).unwrap();
    for path in ["../../x", "/etc/x", "a/../../../x", ".git/hooks/x", ".", "", "a/\u{1b}[2J"] {
        let refused = yard.lay(&skills(vec![skill("lint", &[(path, "x")])])).unwrap_err();
        assert_eq!(refused.slug(), "skill-path-hostile", "{path:?}: {refused}");
        assert!(!yard.stands(".claude"), "{path:?}");
    }
    for link in [".claude", ".claude/skills"] {
        let at = yard.tree().path().join(link);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(&outside, &at).unwrap();
        let refused = yard.lay(&skills(vec![skill("lint", &[])])).unwrap_err();
        assert_eq!(refused.slug(), "skill-path-hostile", "{link}: {refused}");
        fs::remove_file(&at).unwrap();
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing was written outside");
    yard.back();
}

#[test]
fn skills_come_from_the_commit_whole_and_a_link_in_one_is_refused() {
    let yard = Yard::new();
    let main = yard.place.at("main");
    main.write("skills/README.md", "about them");
    main.write("skills/Lint It/SKILL.md", "---\ndescription: x\n---\n");
    main.write("skills/Lint It/deep/SKILL.md", "a skill inside of a skill");
    main.write("skills/Lint It/deep/run", "#!/bin/sh\n");
    main.write("skills/empty/notes", "no skill");
    main.write("one/SKILL.md", "---\nname: \"The One\"\n---\n");
    main.git(&["add", "-A"]);
    main.git(&["update-index", "--chmod=+x", "skills/Lint It/deep/run"]);
    main.git(&["commit", "--quiet", "-m", "skills"]);
    let repo = crate::git::discover(&yard.git(), main.path()).unwrap();
    let folders = ["skills/".to_owned(), "one".to_owned(), "nowhere".to_owned()];
    let found = gather(&yard.git(), &repo, &main.head(), &folders).unwrap();
    let names: Vec<&str> = found.skills.iter().map(|skill| skill.name.as_str()).collect();
    assert_eq!(names, ["Lint It", "The One"]);
    let files: Vec<_> = found.skills[0]
        .files
        .iter()
        .map(|file| (file.path.to_str().unwrap(), file.executable))
        .collect();
    assert_eq!(files, [("SKILL.md", false), ("deep/run", true)]);
    assert_eq!(
        found.notes,
        [
            "`skills/empty` is no skill: it has no SKILL.md",
            "no skills: `nowhere` does not stand in the base commit"
        ]
    );

    symlink("/etc/passwd", main.path().join("one/passwd")).unwrap();
    main.commit("a link");
    let refused = gather(&yard.git(), &repo, &main.head(), &["one".to_owned()]).unwrap_err();
    assert_eq!(refused.slug(), "skill-path-hostile");
    assert_eq!(refused.to_string(), "a skill cannot be given: `one/passwd` is a link");
}

#[test]
fn while_somebody_works_there_nothing_is_lent_or_taken_back() {
    let yard = Yard::new();
    yard.lay(&letter("AGENTS.md")).unwrap();
    let held = lock::hold(&yard.root().join("lock")).unwrap();
    assert!(!take_back_if_free(&yard.git(), &yard.root()).unwrap());
    assert_eq!(yard.lay(&letter("AGENTS.md")).unwrap_err().slug(), "env-busy");
    assert!(yard.stands("AGENTS.md"));
    drop(held);
    yard.back();
}

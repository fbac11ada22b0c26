//! What an agent is told and lent: once, on its own way, unseen by git, and gone when it ends.

use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf};

use rustix::process::Signal;
use serde_json::Value;
use skep_testkit::Repo;

use crate::home::{Home, eventually, kill, pid_of, text_of};

/// A home whose agent `sh` plays a shell script, and is told the brief by `told`.
struct Desk {
    home: Home,
}

impl Desk {
    fn new(told: &str, script: &str) -> Desk {
        let home = Home::new();
        let repo = home.repo();
        repo.write("docs/agents.md", "Use tabs.\n");
        repo.write("skills/A B/SKILL.md", "---\nname: A B\ndescription: x\n---\n");
        repo.write("skills/a-b/SKILL.md", "---\nname: a-b\ndescription: y\n---\n");
        repo.write("scripts/test", "#!/bin/sh\n");
        fs::set_permissions(repo.path().join("scripts/test"), Permissions::from_mode(0o755))
            .unwrap();
        repo.commit("guide");
        home.write(
            "c/projects/web.toml",
            "instructions = \"docs/agents.md\"\nskills = [\"skills/\"]\n[[gate]]\nname = \"test\"\nrun = \"scripts/test\"\n",
        );
        let seen = home.at("seen");
        fs::create_dir(&seen).unwrap();
        let script =
            home.write("script.sh", &format!("set -e\nSEEN='{}'\n{script}\n", seen.display()));
        let seen = seen.display();
        let profile = format!(
            "protocol = \"plain\"\nprogram = \"/bin/sh\"\nprompt = \"stdin\"\nskills = \".claude/skills\"\nwrites = [\"{seen}\"]\n"
        );
        home.write("c/agents/sh.toml", &format!("{profile}headless = [\"{script}\"]\n{told}\n"));
        Desk { home }
    }

    #[track_caller]
    fn begin(&self, title: &str) -> String {
        text_of(&self.home.json(&["run", title, "--agent", "sh", "-d"]), "id")
    }

    #[track_caller]
    fn ended(&self, title: &str) -> Value {
        let id = self.begin(title);
        self.home.wait(&id, "ended")
    }

    fn seen(&self, name: &str) -> String {
        fs::read_to_string(self.home.at("seen").join(name)).unwrap_or_default()
    }

    fn tree(&self, run: &Value) -> Repo<'_> {
        self.home.place().at(text_of(run, "worktree"))
    }

    /// Waits until the agent has written `name`.
    #[track_caller]
    fn until_seen(&self, name: &str) {
        eventually(name, || self.home.at("seen").join(name).exists());
    }
}

const FILE: &str = "brief = { file = \"AGENTS.md\" }";
const LOOK: &str = "cat > \"$SEEN/prompt\"\ngit status --porcelain > \"$SEEN/status\"\ncp AGENTS.md \"$SEEN/brief\"";

#[test]
fn what_an_agent_is_given_is_in_no_status_and_no_commit_and_gone_at_its_end() {
    let desk = Desk::new(
        FILE,
        &format!(
            "{LOOK}\ncat .claude/skills/*/SKILL.md > \"$SEEN/skills\"\n\
             echo x > mine.swp; echo work > work.txt\ngit add -A; git commit -qm all"
        ),
    );
    let own = "*.swp";
    let list = desk.home.write("home/.config/git/ignore", own);
    let run = desk.ended("look");
    assert_eq!(
        run["outcome"],
        "completed",
        "{run}\n{}",
        desk.home.skep(&["logs", "--raw", &text_of(&run, "id")]).stdout
    );
    assert_eq!(desk.seen("status"), "");
    let brief = desk.seen("brief");
    assert_eq!(brief.matches("You are a worker of skep").count(), 1, "{brief}");
    assert!(brief.contains("Use tabs.") && brief.contains("` scripts/test `"), "{brief}");
    assert_eq!(desk.seen("prompt"), "look", "the prompt does not say it again");
    let skills = desk.seen("skills");
    assert!(skills.contains("name: a-b\n") && skills.contains("name: a-b-skep\n"), "{skills}");
    let tree = desk.tree(&run);
    let committed = tree.git(&["show", "--format=", "--name-only", "HEAD"]);
    assert_eq!(committed, "work.txt", "neither ours, nor what the user never commits");
    assert_eq!(tree.git(&["status", "--porcelain"]), "");
    for gone in ["AGENTS.md", ".claude"] {
        assert!(!tree.path().join(gone).exists(), "{gone} is gone");
    }
    assert_eq!(fs::read_to_string(list).unwrap(), own, "the user's own list is as it was");
    assert_eq!(run["git"]["dirty"], false, "{run}");
    fs::remove_file(tree.path().join("mine.swp")).unwrap();
    desk.home.skep(&["land", "--yes", &text_of(&run, "id")]).ok();
    desk.home.skep(&["close", &text_of(&run, "id")]).ok();
}

#[test]
fn a_tracked_instruction_file_is_left_alone_and_the_prompt_says_the_brief() {
    let desk =
        Desk::new(FILE, &format!("{LOOK}\necho work > work.txt; git add -A; git commit -qm all"));
    desk.home.place().at("web").commit_file("AGENTS.md", "the project's own\n");
    let run = desk.ended("look");
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!(desk.seen("brief"), "the project's own\n");
    let prompt = desk.seen("prompt");
    assert!(prompt.starts_with("# How you work here\n"), "{prompt}");
    assert!(prompt.ends_with("\n# Your task\n\nlook"), "{prompt}");
    let tree = desk.tree(&run);
    assert_eq!(tree.read("AGENTS.md"), "the project's own\n");
    assert_eq!(tree.git(&["show", "--format=", "--name-only", "HEAD"]), "work.txt");
}

#[test]
fn two_runs_and_two_attempts_are_told_the_same_bytes_by_the_same_name() {
    let desk = Desk::new(
        "brief = { env = { BRIEF = \"{brief_file}\" } }",
        "echo \"$BRIEF\" >> \"$SEEN/paths\"; cat \"$BRIEF\" > \"$SEEN/told-$(ls \"$SEEN\" | wc -l)\"\nexit 3",
    );
    let first = desk.ended("one");
    desk.ended("quite another");
    let id = text_of(&first, "id");
    let retried = desk.home.skep(&["retry", &id]);
    assert!([0, 4].contains(&retried.code), "{retried:?}");
    desk.home.wait(&id, "ended");
    let paths = desk.seen("paths");
    let paths: Vec<&str> = paths.lines().collect();
    assert_eq!(paths.len(), 3, "{paths:?}");
    assert!(paths.iter().all(|path| *path == paths[0]), "{paths:?}");
    let told: Vec<Vec<u8>> = fs::read_dir(desk.home.at("seen"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name() != "paths")
        .map(|entry| fs::read(entry.path()).unwrap())
        .collect();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|bytes| *bytes == told[0] && !bytes.is_empty()));
}

#[test]
fn what_the_agent_wrote_into_its_instructions_stays_as_its_work() {
    let desk = Desk::new(FILE, &format!("{LOOK}\necho 'learned this' >> AGENTS.md"));
    let run = desk.ended("learn");
    let tree = desk.tree(&run);
    assert_eq!(tree.read("AGENTS.md"), "learned this\n");
    assert_eq!(run["git"]["dirty"], true, "{run}");
    let refused = desk.home.skep(&["--json", "close", &text_of(&run, "id")]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(tree.read("AGENTS.md"), "learned this\n");
}

#[test]
fn after_a_kill_of_both_daemon_and_keeper_nothing_that_was_lent_stands() {
    let again = "if [ -e \"$SEEN/there\" ]; then grep -c 'BEGIN SKEP' AGENTS.md > \"$SEEN/blocks\"; exit 0; fi";
    let desk = Desk::new(FILE, &format!("{LOOK}\n{again}\ntouch \"$SEEN/there\"; sleep 3600"));
    let id = desk.begin("hang");
    desk.until_seen("there");
    let run = desk.home.wait(&id, "running");
    let tree = desk.tree(&run);
    assert!(tree.path().join("AGENTS.md").exists());
    assert_eq!(desk.home.json(&["show", &id])["git"]["dirty"], false, "skep does not count it");
    let diff = desk.home.json(&["diff", &id]);
    assert_eq!(diff["files"].as_array().unwrap().len(), 0, "{diff}");
    let taken = desk.home.json(&["snapshot", "take", &id]);
    let (taken, to) = (text_of(&taken, "id"), desk.home.at("copy"));
    desk.home.skep(&["restore", &taken, "--to", to.to_str().unwrap()]).ok();
    assert!(to.join("skills").exists() && !to.join("AGENTS.md").exists(), "nor keep it");
    let keeper = pid_of(&run, "gatekeeper");
    desk.home.kill_daemon();
    kill(keeper, Signal::KILL);
    desk.home.wait(&id, "ended");
    assert_eq!(
        desk.seen("blocks"),
        "1
",
        "the attempt after it was lent the same once"
    );
    assert!(!tree.path().join("AGENTS.md").exists());
    assert_eq!(tree.git(&["status", "--porcelain"]), "");
    desk.home.skep(&["close", &id]).ok();
}

#[test]
fn a_skill_that_leads_out_of_its_folder_is_refused_before_anything_runs() {
    let desk = Desk::new(FILE, "touch \"$SEEN/ran\"");
    let repo = desk.home.place().at("web");
    std::os::unix::fs::symlink("/etc/passwd", repo.path().join("skills/a-b/passwd")).unwrap();
    repo.commit("a link");
    let run = desk.ended("look");
    assert_eq!(run["outcome"], "failed", "{run}");
    let why = desk.home.skep(&["why", &text_of(&run, "id")]).stdout;
    assert!(why.contains("a skill cannot be given: `skills/a-b/passwd` is a link"), "{why}");
    assert!(!desk.home.at("seen/ran").exists());
    let envs: Vec<PathBuf> = fs::read_dir(desk.home.root().join("env"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    assert_eq!(envs, Vec::<PathBuf>::new(), "no env is left of it");
}

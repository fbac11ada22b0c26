//! What real agents are told and lent: seen in what their model was asked.

use serde_json::Value;
use skep_testkit::lab::Lab;

use crate::home::{Home, Said, text_of};

/// Words that stand once in the brief, and once in the skill.
const BRIEF: &str = "You are a worker of skep";
const SKILL: &str = "Counts beans in the evening";

struct Desk {
    home: Home,
    lab: Lab,
}

impl Desk {
    fn new(agent: &str) -> Option<Desk> {
        let lab = Lab::open(agent, "lent")?;
        let home = Home::new();
        let repo = home.repo();
        repo.write("docs/agents.md", "Use tabs.\n");
        let skill = format!("---\nname: beans\ndescription: {SKILL}\n---\nCount them.\n");
        repo.write("skills/beans/SKILL.md", &skill);
        repo.commit("guide");
        home.write(
            "c/projects/web.toml",
            "instructions = \"docs/agents.md\"\nskills = [\"skills/\"]\n",
        );
        Some(Desk { home, lab })
    }

    fn skep(&self, args: &[&str]) -> Said {
        let text = |text: std::ffi::OsString| text.into_string().unwrap();
        let vars: Vec<(String, String)> =
            self.lab.env().into_iter().map(|(name, value)| (text(name), text(value))).collect();
        let vars: Vec<(&str, &str)> =
            vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.home.skep_with(self.home.place().at("web").path(), &vars, args)
    }

    fn ended(&self, agent: &str, title: &str) -> Value {
        let mut args = vec!["--json", "run", title, "--agent", agent, "-d"];
        if agent == "codex-acp" {
            args.extend(["--permissions", "bypass"]);
        }
        let run = self.skep(&args).json(0);
        self.end_of(&text_of(&run, "id"))
    }

    /// Waits longer than for an agent of the suite's own: real ones start slowly where many do.
    #[track_caller]
    fn end_of(&self, id: &str) -> Value {
        for _ in 0..5 {
            let said = self.skep(&["--json", "wait", id, "--for", "ended", "--timeout", "45s"]);
            if said.code != 3 {
                return serde_json::from_str::<Value>(&said.stdout).unwrap()[0].clone();
            }
        }
        self.home.wait(id, "ended")
    }

    /// What the model was asked with tools at hand: titles and routes are asked without.
    fn asked(&self) -> Vec<String> {
        let all = self.lab.requests().into_iter();
        all.filter(|request| request.contains("tools") && request.contains("git")).collect()
    }
}

/// The words of the brief in a request, as they stand there.
#[track_caller]
fn told(request: &str) -> &str {
    let at = request.find(BRIEF).unwrap_or_else(|| panic!("it was not told: {request}"));
    let end = request[at..].find("Use tabs.").expect("the project speaks last");
    &request[at..at + end]
}

#[track_caller]
fn is_told_once_and_lent_unseen(agent: &str) {
    let Some(desk) = Desk::new(agent) else { return };
    let run = desk.ended(agent, "Look and commit");
    let id = text_of(&run, "id");
    let logs = || desk.skep(&["logs", "--raw", &id]).stdout;
    assert_eq!(run["outcome"], "completed", "{run}\n{}", logs());
    let tree = desk.home.place().at(text_of(&run, "worktree"));
    assert_eq!(tree.git(&["show", "--format=", "--name-only", "HEAD"]), "out.txt", "{}", logs());
    assert_eq!(tree.read("out.txt"), "", "what git shows to the agent");
    assert_eq!(tree.git(&["status", "--porcelain", "--ignored"]), "", "all of it went again");
    let first = desk.asked();
    assert!(!first.is_empty());
    for request in &first {
        assert_eq!(request.matches(BRIEF).count(), 1, "{agent}: {request}");
        assert_eq!(request.matches(SKILL).count(), 1, "{agent}: {request}");
    }
    let second = desk.ended(agent, "Another title");
    assert_eq!(second["outcome"], "completed", "{second}");
    let both = desk.asked();
    assert!(both.len() > first.len());
    assert!(both.iter().all(|request| told(request) == told(&first[0])), "byte by byte");
    if agent == "gemini-acp" {
        // It begins afresh.
        return;
    }
    let before = both.len();
    desk.skep(&["resume", &id, "And what now?"]);
    desk.end_of(&id);
    let all = desk.asked();
    assert!(all.len() > before);
    for request in &all[before..] {
        assert_eq!(request.matches(BRIEF).count(), 1, "{agent}, resumed: {request}");
    }
    assert_eq!(tree.git(&["status", "--porcelain", "--ignored"]), "", "and again");
}

#[test]
fn claude_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("claude");
}

#[test]
fn claude_by_acp_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("claude-acp");
}

#[test]
fn codex_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("codex");
}

#[test]
fn codex_by_acp_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("codex-acp");
}

#[test]
fn gemini_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("gemini");
}

#[test]
fn gemini_by_acp_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("gemini-acp");
}

#[test]
fn opencode_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("opencode");
}

#[test]
fn opencode_by_acp_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("opencode-acp");
}

#[test]
fn pi_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("pi");
}

#[test]
fn qwen_is_told_the_brief_once_and_git_sees_nothing_of_it() {
    is_told_once_and_lent_unseen("qwen");
}

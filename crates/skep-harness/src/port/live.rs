//! Real agents, started as their profiles say, heard as their protocols say. They run only where the suite asks for them.

use std::{path::PathBuf, time::Duration};

use skep_core::said::{Said, TurnResult};
use skep_host::proc::Program;
use skep_testkit::{Place, lab::Lab};

use super::Heard;
use crate::{
    open,
    profile::{Brief, Permissions, Profile, PromptBy, find_program},
};

/// A repository with one linked worktree, and the git roots of that worktree.
struct Field {
    place: Place,
    roots: Vec<PathBuf>,
}

impl Field {
    fn new() -> Field {
        let place = Place::new();
        let repo = place.repo("main");
        repo.git(&["worktree", "add", "--quiet", "--no-track", "-b", "work", "../linked"]);
        let git = repo.path().join(".git");
        Field { roots: vec![git.clone(), git.join("worktrees/linked")], place }
    }

    fn worktree(&self) -> PathBuf {
        self.place.root().join("linked")
    }

    fn commits(&self) -> Vec<String> {
        self.place
            .at("linked")
            .git(&["log", "--format=%s", "main..work"])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn brief(&self) -> Brief {
        Brief {
            cwd: self.worktree(),
            prompt_file: self.place.root().join("prompt.md"),
            session: None,
            model: None,
            permissions: Permissions::Auto,
            args: Vec::new(),
            git_roots: self.roots.clone(),
            skep: PathBuf::from("/nowhere"),
            brief_file: None,
            tools: None,
        }
    }

    /// Runs one attempt to its end and returns all that was heard.
    fn attempt(&self, lab: &Lab, agent: &str, brief: &Brief, prompt: &str) -> Vec<Said> {
        let profile = Profile::load(agent, None).unwrap();
        let launch = profile.launch(brief).unwrap();
        assert_eq!(launch.prompt, PromptBy::Stdin);
        let env = lab.env();
        let path = &env.iter().find(|(name, _)| name == "PATH").unwrap().1;
        let program = find_program(&launch.argv[0], path).unwrap();
        let mut session = open(&profile.protocol, &crate::acp::Setting::default()).unwrap();
        let output = Program::new(program)
            .args(&launch.argv[1..])
            .envs(env)
            .cwd(&self.worktree())
            .stdin(session.opening(prompt))
            .timeout(Duration::from_secs(120))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let mut heard: Vec<Heard> = text.lines().flat_map(|line| session.line(line)).collect();
        heard.extend(session.exited(output.code()));
        heard
            .into_iter()
            .map(|heard| match heard {
                Heard::Said(said) => said,
                Heard::Output(line) => panic!("{agent} wrote a line that nobody knows: {line}"),
                Heard::Reply(line) => panic!("{agent} asked for {line}"),
                Heard::Took(_) | Heard::Recalled { .. } => panic!("{agent} was sent nothing"),
            })
            .collect()
    }
}

fn end(said: &[Said]) -> (TurnResult, &str) {
    let ends: Vec<(TurnResult, &str)> = said
        .iter()
        .filter_map(|said| {
            if let Said::TurnEnded { result, text } = said {
                Some((*result, text.as_str()))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(ends.len(), 1, "{said:?}");
    ends[0]
}

fn session(said: &[Said]) -> String {
    said.iter()
        .find_map(|said| if let Said::Session { id } = said { Some(id.clone()) } else { None })
        .unwrap()
}

/// From a prompt on standard input to a commit in a linked worktree, and on with the same conversation.
fn works_and_goes_on(agent: &str) {
    let Some(lab) = Lab::open(agent, "commit") else { return };
    let field = Field::new();
    let first = field.attempt(&lab, agent, &field.brief(), "Write a file and commit it\n");
    assert_eq!(field.commits(), ["scripted commit"], "{agent}: {first:?}");
    let (result, text) = end(&first);
    assert!(matches!(result, TurnResult::Success | TurnResult::Ended), "{agent}");
    assert_eq!(text, "Committed out.txt. All done.", "{agent}");
    assert!(
        first
            .iter()
            .any(|said| matches!(said, Said::Usage { usage, .. } if usage.input_tokens == 2200)),
        "{agent}"
    );

    let again = Brief { session: Some(session(&first)), ..field.brief() };
    let second = field.attempt(&lab, agent, &again, "Go on\n");
    assert_eq!(session(&second), session(&first), "{agent}");
    assert_eq!(
        end(&second).1,
        "Second prompt answered after resume.",
        "{agent} remembers its first two turns"
    );
}

fn fails_with(agent: &str, script: &str) {
    let Some(lab) = Lab::open(agent, script) else { return };
    let field = Field::new();
    let said = field.attempt(&lab, agent, &field.brief(), "Write a file and commit it\n");
    assert_eq!(end(&said).0, TurnResult::Failed, "{agent} {script}: {said:?}");
    assert!(field.commits().is_empty());
}

#[test]
fn codex_commits_in_a_linked_worktree_inside_its_sandbox_and_resumes() {
    works_and_goes_on("codex");
}

#[test]
fn codex_without_the_git_roots_cannot_commit_and_says_success_all_the_same() {
    let Some(lab) = Lab::open("codex", "commit") else { return };
    let field = Field::new();
    let brief = Brief { git_roots: Vec::new(), ..field.brief() };
    let said = field.attempt(&lab, "codex", &brief, "Write a file and commit it\n");
    assert!(field.commits().is_empty(), "the sandbox is real");
    assert_eq!(end(&said).0, TurnResult::Success, "a claim is no proof");
}

#[test]
fn pi_commits_in_a_linked_worktree_and_resumes() {
    works_and_goes_on("pi");
}

#[test]
fn opencode_commits_in_a_linked_worktree_and_resumes() {
    works_and_goes_on("opencode");
}

#[test]
fn codex_refused_by_the_model_has_failed() {
    fails_with("codex", "auth401");
}

#[test]
fn pi_refused_by_the_model_has_failed_though_it_exits_with_zero() {
    fails_with("pi", "auth401");
}

#[test]
fn a_long_answer_that_pi_repeats_at_every_word_is_heard_once() {
    let Some(lab) = Lab::open("pi", "long") else { return };
    let field = Field::new();
    let said = field.attempt(&lab, "pi", &field.brief(), "Tell me everything\n");
    let bytes: usize = said.iter().map(|said| serde_json::to_string(said).unwrap().len()).sum();
    assert!(
        said.iter().filter(|said| matches!(said, Said::Said { .. })).count() == 1,
        "one answer"
    );
    assert!(bytes < 3 * super::TEXT_CAP, "{bytes} bytes of an answer of 360 KB");
    assert!(matches!(end(&said).0, TurnResult::Ended));
}

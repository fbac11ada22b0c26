//! Going on: a conversation that is refused, a follow-up that cannot start, an agent's own screen and back.

use std::{fs, path::Path};

use rustix::process::Signal;
use serde_json::Value;

use crate::{
    gatekeeper::terminal::Screen,
    home::{Home, eventually, kill, lives, pid_of, text_of},
};

/// What every stand-in begins with: it keeps each prompt that it gets in a file of its own.
const HEAR: &str =
    "read -r prompt; n=$(ls ../output | wc -l); printf '%s\\n' \"$prompt\" > ../output/prompt-$n; ";
/// A turn that leaves a commit and names the conversation.
const WORK: &str = r#"echo '{"kind":"session","id":"talk-1"}'; echo '{"kind":"said","text":"Half of the slates are up."}';
echo "$n" >> roof; git add -A; git commit -qm "Slates, part $n"; echo '{"kind":"turn_ended","result":"success","text":"up"}'"#;
/// It does not know the conversation.
const REFUSE: &str =
    r#"echo '{"kind":"resume_refused","text":"No conversation found with that ID"}'; exit 1"#;

struct Stage {
    home: Home,
}

impl Stage {
    /// An agent that is `first` in a new conversation and `again` in one that it is to go on with.
    fn new(first: &str, again: &str) -> Stage {
        let home = Home::new();
        home.repo();
        let config = fs::read_to_string(home.at("c/config.toml")).unwrap();
        home.write("c/config.toml", &format!("tmux = \"off\"\n{config}"));
        let stage = Stage { home };
        stage.profile(first, again, "sh");
        stage
    }

    fn profile(&self, first: &str, again: &str, program: &str) {
        let screen =
            "stty -echo; echo \"on the screen of $1\"; while read line; do echo \"<$line>\"; done";
        let file = |name: &str, text: &str| self.home.write(format!("scripts/{name}.sh"), text);
        let first = file("first", &format!("{HEAR}{first}"));
        let again = file("again", &format!("{HEAR}{again}"));
        let screen = file("screen", screen);
        let profile = format!(
            "protocol = \"scripted\"\nprogram = \"{program}\"\nprompt = \"stdin\"\n\
             headless = [\"{first}\"]\nresume = [\"{again}\", \"{{session}}\"]\n\
             tui = []\ntui_resume = [\"{screen}\", \"{{session}}\"]\n"
        );
        self.home.write("c/agents/roofer.toml", &profile);
    }

    /// Runs the agent to its end.
    #[track_caller]
    fn ended(&self) -> Value {
        let run =
            self.home.json(&["run", "Mend the roof", "--agent", "roofer", "--name", "amber", "-d"]);
        self.home.wait(&text_of(&run, "id"), "ended")
    }

    /// What the agent was told by its number, from 0.
    fn prompt(&self, run: &Value, n: usize) -> String {
        let path = Path::new(&text_of(run, "env")).join(format!("output/prompt-{n}"));
        let line: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        text_of(&line, "text")
    }

    fn prompts(&self, run: &Value) -> usize {
        fs::read_dir(Path::new(&text_of(run, "env")).join("output")).unwrap().count()
    }

    fn count(&self, id: &str, kind: &str) -> usize {
        self.home.kinds(id).iter().filter(|other| *other == kind).count()
    }

    /// A terminal in which this is typed.
    fn screen(&self, line: &str) -> Screen {
        let at = |name: &str| self.home.at(name).to_str().unwrap().to_owned();
        let vars = [("SKEP_HOME", at("h")), ("SKEP_CONFIG", at("c")), ("HOME", at("home"))];
        let vars = vars.each_ref().map(|(name, value)| (*name, value.as_str()));
        Screen::with(&["sh", "-c", &format!("{line}; echo code $?; sleep 600")], &vars)
    }
}

#[test]
fn a_refused_resume_is_begun_afresh_once_and_told_its_task_and_what_stands() {
    let stage = Stage::new(WORK, REFUSE);
    let run = stage.ended();
    let id = text_of(&run, "id");
    assert_eq!((&run["outcome"], &run["attempt"]), (&"completed".into(), &1.into()), "{run}");
    let worktree = text_of(&run, "worktree");
    stage.home.place().at(&worktree).write("gutter", "half\n");
    stage.home.skep(&["resume", &id, "And the gutter"]).ok();
    let run = stage.home.wait(&id, "ended");
    assert_eq!((&run["outcome"], &run["attempt"]), (&"completed".into(), &3.into()), "{run}");
    assert_eq!(stage.prompts(&run), 3, "each attempt heard one prompt");
    assert_eq!(stage.prompt(&run, 1), "And the gutter");
    let told = stage.prompt(&run, 2);
    for words in [
        "Mend the roof",
        "attempt 3",
        "Slates, part 0",
        "  gutter",
        "Half of the slates are up.",
        "# What you are asked for now\n\nAnd the gutter",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    assert_eq!((stage.count(&id, "resume_refused"), stage.count(&id, "requeued")), (1, 2));
    let subjects = stage.home.place().at(&worktree).git(&["log", "--format=%s", "main.."]);
    assert_eq!(subjects, "Slates, part 2\nSlates, part 0", "the same place, nothing lost");
    stage.home.no_agents();
}

#[test]
fn a_resume_that_is_refused_after_a_tool_is_never_begun_afresh() {
    let tool = r#"echo '{"kind":"tool","id":"t","name":"sh","input":"rm"}'; "#;
    let stage = Stage::new(WORK, &format!("{tool}{REFUSE}"));
    let id = text_of(&stage.ended(), "id");
    stage.home.skep(&["resume", &id]);
    let run = stage.home.wait(&id, "ended");
    assert_eq!((&run["outcome"], &run["attempt"]), (&"failed".into(), &2.into()), "{run}");
    assert_eq!(stage.count(&id, "worked"), 1);
    let why = stage.home.skep(&["why", &id]).ok();
    assert!(why.contains("No conversation found with that ID"), "{why}");
}

/// Whatever the stream says: work that was done without a word of it is seen by git.
#[test]
fn a_resume_that_is_refused_after_a_silent_change_is_never_begun_afresh() {
    let stage = Stage::new(WORK, &format!("echo changed > roof; {REFUSE}"));
    let id = text_of(&stage.ended(), "id");
    stage.home.skep(&["resume", &id]);
    let run = stage.home.wait(&id, "ended");
    assert_eq!(run["attempt"], 2, "{run}");
}

#[test]
fn a_second_refusal_ends_what_the_first_began_afresh() {
    let first = format!("if [ $n -gt 0 ]; then {REFUSE}; fi; {WORK}; exit 3");
    let stage = Stage::new(&first, REFUSE);
    let run = stage.ended();
    assert_eq!(run["outcome"], "failed", "{run}");
    let id = text_of(&run, "id");
    stage.home.skep(&["resume", &id]);
    let run = stage.home.wait(&id, "ended");
    assert_eq!((&run["outcome"], &run["attempt"]), (&"failed".into(), &3.into()), "{run}");
}

#[test]
fn a_follow_up_that_cannot_start_leaves_a_completed_run_completed_and_says_so() {
    let stage = Stage::new(WORK, WORK);
    let before = stage.ended();
    let id = text_of(&before, "id");
    stage.profile(WORK, WORK, "/nowhere/roofer");
    let told = stage.home.skep(&["--json", "resume", &id, "And the gutter"]);
    let error = told.refused(4, "follow-up-unstarted");
    assert!(text_of(&error, "message").contains("amber stays completed: attempt 2"), "{error}");
    let run = stage.home.listed(&id);
    assert_eq!((&run["state"], &run["outcome"]), (&"ended".into(), &"completed".into()), "{run}");
    assert_eq!((&run["reason"], &run["exit"]["code"]), (&Value::Null, &0.into()), "{run}");
    let why = stage.home.skep(&["why", &id]).ok();
    assert!(why.contains("follow-up") && why.contains("attempt 2 could not start"), "{why}");
    stage.home.kill_daemon();
    assert_eq!(stage.home.listed(&id)["outcome"], "completed", "and after a restart");
    stage.profile(WORK, WORK, "sh");
    stage.home.skep(&["resume", &id, "And the gutter"]).ok();
    let run = stage.home.wait(&id, "ended");
    assert_eq!((&run["outcome"], &run["attempt"]), (&"completed".into(), &3.into()), "{run}");
    assert!(!stage.home.skep(&["why", &id]).ok().contains("could not start"));
}

#[test]
fn a_follow_up_of_a_failed_run_that_cannot_start_fails_and_leaves_the_record_of_the_attempt_before()
{
    let stage = Stage::new(&format!("{WORK}; exit 7"), WORK);
    let run = stage.ended();
    assert_eq!(
        (&run["outcome"], &run["reason"]),
        (&"failed".into(), &"agent-exit".into()),
        "{run}"
    );
    let id = text_of(&run, "id");
    let record = |name: &str| fs::read(stage.home.attempt(&id, 1).join(name)).unwrap();
    let before = (record("exit.json"), record("journal.jsonl"), record("reports.jsonl"));
    stage.profile(WORK, WORK, "/nowhere/roofer");
    stage.home.skep(&["resume", &id]).with(4);
    let run = stage.home.listed(&id);
    assert_eq!((&run["attempt"], &run["reason"]), (&2.into(), &"start".into()), "{run}");
    assert!((record("exit.json"), record("journal.jsonl"), record("reports.jsonl")) == before);
}

/// An agent that ended is never started again by itself, however it ended; a person has it go on.
#[test]
fn an_agent_that_was_killed_alone_stays_ended_and_goes_on_when_it_is_asked_to() {
    let hang = r#"echo '{"kind":"session","id":"talk-1"}'; echo draft > roof; exec sleep 600"#;
    let stage = Stage::new(hang, &format!("echo $1 >> roof; {WORK}"));
    let run = stage.home.json(&["run", "Mend the roof", "--agent", "roofer"]);
    let id = text_of(&run, "id");
    let worktree = text_of(&run, "worktree");
    eventually("it named its conversation", || stage.count(&id, "session_named") == 1);
    kill(pid_of(&run, "pid"), Signal::KILL);
    let run = stage.home.wait(&id, "ended");
    assert_eq!((&run["outcome"], &run["attempt"]), (&"failed".into(), &1.into()), "{run}");
    assert_eq!(
        (&run["reason"], &run["exit"]["signal"]),
        (&"agent-crash".into(), &9.into()),
        "{run}"
    );
    stage.home.skep(&["resume", &id]).ok();
    let run = stage.home.wait(&id, "ended");
    assert_eq!((&run["outcome"], &run["attempt"]), (&"completed".into(), &2.into()), "{run}");
    let roof = fs::read_to_string(Path::new(&worktree).join("roof")).unwrap();
    assert_eq!(roof, "draft\ntalk-1\n1\n", "the same place and the same conversation");
    assert_eq!((stage.prompts(&run), stage.count(&id, "requeued")), (2, 1));
}

#[test]
fn a_run_comes_to_its_own_screen_at_its_turns_end_without_a_word_and_goes_back() {
    let wait = "until test -e ../go; do sleep 0.02; done; ";
    let stage = Stage::new(
        &format!("echo '{{\"kind\":\"session\",\"id\":\"talk-1\"}}'; {wait}{WORK}"),
        WORK,
    );
    let run = stage.home.json(&["run", "Mend the roof", "--agent", "roofer", "--name", "amber"]);
    let id = text_of(&run, "id");
    eventually("it named its conversation", || stage.count(&id, "session_named") == 1);
    let mut screen = stage.screen("$SKEP attach amber --tui");
    screen.sees("goes there when its turn is over");
    assert_eq!(stage.home.listed(&id)["pid"], run["pid"], "its turn is not disturbed");
    let why = stage.home.skep(&["why", &id]).ok();
    assert!(why.contains("goes on on its own screen"), "{why}");
    fs::write(Path::new(&text_of(&run, "env")).join("go"), "").unwrap();
    screen.sees("on the screen of talk-1");
    screen.type_in("by hand\r");
    screen.sees("<by hand>");
    screen.type_in("\x11");
    screen.sees("left amber; it goes on");
    let on = stage.home.listed(&id);
    assert_eq!((&on["surface"], &on["attempt"]), (&"terminal".into(), &2.into()), "{on}");
    assert_eq!(stage.prompts(&on), 1, "no further word was said to the agent");
    assert!(!lives(pid_of(&run, "pid")));
    stage.home.kill_daemon();
    assert_eq!(stage.home.listed(&id)["surface"], "terminal", "and after a restart");
    stage.home.skep(&["resume", "amber", "--headless", "And the gutter"]).ok();
    let run = stage.home.wait(&id, "ended");
    assert_eq!((&run["surface"], &run["attempt"]), (&"headless".into(), &3.into()), "{run}");
    assert_eq!(run["outcome"], "completed", "{run}");
    assert_eq!((stage.prompts(&run), stage.prompt(&run, 1)), (2, "And the gutter".to_owned()));
    drop(screen);
    stage.home.no_agents();
}

#[test]
fn a_run_that_has_ended_comes_to_its_own_screen_at_once() {
    let stage = Stage::new(WORK, WORK);
    let id = text_of(&stage.ended(), "id");
    let mut screen = stage.screen("$SKEP attach amber --tui");
    screen.sees("on the screen of talk-1");
    screen.type_in("\x11");
    screen.sees("left amber; it goes on");
    let again = stage.screen("$SKEP attach amber --tui");
    again.sees("on the screen of talk-1");
    assert_eq!(stage.home.listed(&id)["attempt"], 2, "it is there already");
    stage.home.skep(&["kill", "amber"]).ok();
}

#[test]
fn an_agent_that_cannot_go_on_there_is_refused_before_anything_changes() {
    let stage = Stage::new(WORK, WORK);
    let home = &stage.home;
    let run =
        home.ended("plain words", &["write a a", "commit a", "say done"], &["--name", "beryl"]);
    let id = text_of(&run, "id");
    let screen = stage.screen("$SKEP attach beryl --tui");
    screen.sees("error[agent-unable]");
    screen.sees("cannot go on with a conversation on a screen of its own");
    let silent = "protocol = \"scripted\"\nprogram = \"sh\"\nprompt = \"stdin\"\ntui = []\n\
        headless = [\"-c\", \"read x; echo x > a\"]\ntui_resume = [\"{session}\"]\n";
    home.write("c/agents/silent.toml", silent);
    let run = home.json(&["run", "hush", "--agent", "silent", "--name", "coral", "-d"]);
    home.wait(&text_of(&run, "id"), "ended");
    let screen = stage.screen("$SKEP attach coral --tui");
    screen.sees("has not named its conversation");
    assert_eq!((home.listed(&id)["attempt"].as_u64(), stage.count(&id, "requeued")), (Some(1), 0));
    assert_eq!(home.listed(&text_of(&run, "id"))["attempt"], 1);
    home.skep(&["--json", "attach", "beryl", "--tui"]).refused(2, "no-terminal");
}

/// Whoever asks second finds it at work: there is one next attempt, and the first one is told.
#[test]
fn of_two_resumes_at_once_one_begins_an_attempt_and_the_other_is_told_why_not() {
    let hang = r#"echo '{"kind":"said","text":"on it"}'; while :; do sleep 1; done"#;
    let stage = Stage::new(&format!("{WORK}; exit 1"), hang);
    let id = text_of(&stage.ended(), "id");
    for round in 1..=3 {
        let attempt = stage.home.listed(&id)["attempt"].as_u64().unwrap();
        let said: Vec<_> = std::thread::scope(|scope| {
            let ask = |verb: &'static str| {
                let (home, id) = (&stage.home, &id);
                scope.spawn(move || home.skep(&["--json", verb, id]))
            };
            ["resume"; 2].map(ask).into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        let (done, refused): (Vec<_>, Vec<_>) = said.into_iter().partition(|said| said.code == 0);
        assert_eq!((done.len(), refused.len()), (1, 1), "{round}: {done:?} {refused:?}");
        let error = refused.into_iter().next().unwrap().refused(1, "run-living");
        assert!(text_of(&error, "message").contains(&id), "{error}");
        let run = stage.home.listed(&id);
        assert_eq!(run["attempt"].as_u64(), Some(attempt + 1), "{round}: {run}");
        assert_eq!(
            stage.home.kinds(&id).iter().filter(|kind| *kind == "requeued").count() as u64,
            attempt
        );
        stage.home.skep(&["stop", &id, "--now"]).ok();
        stage.home.wait(&id, "ended");
    }
    stage.home.no_agents();
}
